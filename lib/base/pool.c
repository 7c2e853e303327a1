/* pool.c - see pool.h. */
#include "lib/base/pool.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAX_THREADS = 256 };

size_t pool_threads(void) {
        uint64_t n = 0;
        const char *env = getenv("LINUXKIT_THREADS");
        if (env && !str_to_u64(env, &n))
                n = 0;
        if (!n) {
                long cpus = sysconf(_SC_NPROCESSORS_ONLN);
                n = cpus > 0 ? (uint64_t)cpus : 1;
        }
        return (size_t)MIN(n, (uint64_t)MAX_THREADS);
}

typedef struct Run {
        pthread_mutex_t lock;
        size_t n, next;
        int (*fn)(void *ctx, size_t i, Err *e);
        void *ctx;
        size_t failed; /* lowest failed index, SIZE_MAX: none */
        Err err;
} Run;

static void *run_thread(void *arg) {
        Run *r = arg;
        for (;;) {
                pthread_mutex_lock(&r->lock);
                size_t i = r->failed == SIZE_MAX && r->next < r->n ? r->next++ : SIZE_MAX;
                pthread_mutex_unlock(&r->lock);
                if (i == SIZE_MAX)
                        return NULL;
                Err e = ERR_INIT;
                int result = r->fn(r->ctx, i, &e);
                pthread_mutex_lock(&r->lock);
                if (result < 0 && i < r->failed) {
                        r->failed = i;
                        err_move(&r->err, &e);
                }
                pthread_mutex_unlock(&r->lock);
                err_clear(&e);
        }
}

int pool_run(size_t n, size_t threads, int (*fn)(void *ctx, size_t i, Err *e), void *ctx, Err *e) {
        Run r = { .n = n, .fn = fn, .ctx = ctx, .failed = SIZE_MAX };
        pthread_mutex_init(&r.lock, NULL);
        if (!threads)
                threads = pool_threads();
        threads = MIN(MIN(threads, n), (size_t)MAX_THREADS);
        pthread_t ids[MAX_THREADS];
        size_t started = 0;
        while (started + 1 < threads && pthread_create(&ids[started], NULL, run_thread, &r) == 0)
                started++;
        run_thread(&r);
        for (size_t i = 0; i < started; i++)
                pthread_join(ids[i], NULL);
        pthread_mutex_destroy(&r.lock);
        if (r.failed == SIZE_MAX)
                return 0;
        err_move(e, &r.err);
        return -1;
}

/* --- ordered pipeline ----------------------------------------------------------------------- */

typedef struct Slot {
        void *job;
        int result;
        Err err;
        bool ready;
} Slot;

struct Ordered {
        int (*work)(void *job, Err *e);
        int (*done)(void *ctx, void *job, Err *e);
        void (*job_free)(void *job);
        void *ctx;
        pthread_mutex_t lock;
        pthread_cond_t work_there, result_there;
        Slot *ring; /* slot of job k is ring[k % size] */
        size_t size;
        uint64_t submitted, taken, committed;
        bool stop;
        pthread_t *ids;
        size_t n_ids;
};

static void *ordered_thread(void *arg) {
        Ordered *o = arg;
        pthread_mutex_lock(&o->lock);
        for (;;) {
                while (!o->stop && o->taken == o->submitted)
                        pthread_cond_wait(&o->work_there, &o->lock);
                if (o->stop)
                        break;
                Slot *s = &o->ring[o->taken++ % o->size];
                pthread_mutex_unlock(&o->lock);
                int result = o->work(s->job, &s->err);
                pthread_mutex_lock(&o->lock);
                s->result = result;
                s->ready = true;
                pthread_cond_signal(&o->result_there);
        }
        pthread_mutex_unlock(&o->lock);
        return NULL;
}

Ordered *ordered_new(size_t threads, int (*work)(void *job, Err *e),
                     int (*done)(void *ctx, void *job, Err *e), void (*job_free)(void *job),
                     void *ctx) {
        Ordered *o = xcalloc(1, sizeof *o);
        o->work = work;
        o->done = done;
        o->job_free = job_free;
        o->ctx = ctx;
        pthread_mutex_init(&o->lock, NULL);
        pthread_cond_init(&o->work_there, NULL);
        pthread_cond_init(&o->result_there, NULL);
        if (!threads)
                threads = pool_threads();
        o->size = 4 * threads;
        o->ring = xcalloc(o->size, sizeof *o->ring);
        o->ids = xcalloc(threads, sizeof *o->ids);
        while (o->n_ids < threads &&
               pthread_create(&o->ids[o->n_ids], NULL, ordered_thread, o) == 0)
                o->n_ids++;
        return o;
}

/* Hands the oldest job to done, waiting for it when it is not ready. Without any thread (none could
 * be made) the work is done here. */
static int commit_oldest(Ordered *o, Err *e) {
        Slot *s = &o->ring[o->committed % o->size];
        pthread_mutex_lock(&o->lock);
        if (!o->n_ids) {
                o->taken++;
                s->result = o->work(s->job, &s->err);
                s->ready = true;
        }
        while (!s->ready)
                pthread_cond_wait(&o->result_there, &o->lock);
        pthread_mutex_unlock(&o->lock);
        int r = s->result;
        if (r < 0)
                err_move(e, &s->err);
        else
                r = o->done(o->ctx, s->job, e);
        o->job_free(s->job);
        *s = (Slot){ 0 };
        o->committed++;
        return r;
}

int ordered_submit(Ordered *o, void *job, Err *e) {
        while (o->submitted - o->committed >= o->size) {
                if (commit_oldest(o, e) < 0) {
                        o->job_free(job);
                        return -1;
                }
        }
        pthread_mutex_lock(&o->lock);
        o->ring[o->submitted % o->size] = (Slot){ .job = job };
        o->submitted++;
        pthread_cond_signal(&o->work_there);
        pthread_mutex_unlock(&o->lock);
        return 0;
}

int ordered_finish(Ordered *o, Err *e) {
        while (o->committed < o->submitted)
                if (commit_oldest(o, e) < 0)
                        return -1;
        return 0;
}

void ordered_free(Ordered *o) {
        if (!o)
                return;
        pthread_mutex_lock(&o->lock);
        o->stop = true;
        pthread_cond_broadcast(&o->work_there);
        pthread_mutex_unlock(&o->lock);
        for (size_t i = 0; i < o->n_ids; i++)
                pthread_join(o->ids[i], NULL);
        for (; o->committed < o->submitted; o->committed++) {
                Slot *s = &o->ring[o->committed % o->size];
                err_clear(&s->err);
                o->job_free(s->job);
        }
        pthread_mutex_destroy(&o->lock);
        pthread_cond_destroy(&o->work_there);
        pthread_cond_destroy(&o->result_there);
        free(o->ring);
        free(o->ids);
        free(o);
}
