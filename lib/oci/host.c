/* host.c - see host.h. */
#include "lib/oci/host.h"
#include "lib/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* From loopback two are as fast as eight, because both sides are then bound by their cores; over a
 * real network each connection has its own window and its own delays, so a few more help. */
enum { TRANSFERS = 4 };

typedef struct Waiter {
        uint64_t size;
        bool admitted;
        pthread_cond_t turn;
        struct Waiter *next;
} Waiter;

struct Host {
        char *name;
        bool fixed; /* the scheme was given, not found out */
        HttpClient *client;
        pthread_mutex_t scheme_lock; /* held while the scheme is found out */
        _Atomic(const char *) scheme;
        atomic_bool answered;
        pthread_mutex_t lock;
        unsigned busy;
        Waiter *waiting;
        Host *next;
};

/* Connections with the same trust are one stock. */
typedef struct Trust {
        char *files;
        HttpClient *client;
        struct Trust *next;
} Trust;

static Trust *trusts;
static Host *hosts;

static int client_get(const char *const *cert_files, HttpClient **ret, Err *e) {
        _cleanup_buf_ Buf files = { 0 };
        buf_adds(&files, "");
        for (const char *const *f = cert_files; f && *f; f++)
                buf_addf(&files, "%s\n", *f);
        Trust *t = trusts;
        while (t && !str_eq(t->files, files.data))
                t = t->next;
        if (!t) {
                HttpClient *client;
                if (http_client_new(cert_files, &client, e) < 0)
                        return -1;
                t = xcalloc(1, sizeof *t);
                t->files = buf_steal(&files);
                t->client = client;
                t->next = trusts;
                trusts = t;
        }
        *ret = t->client;
        return 0;
}

int host_get(const Endpoint *at, const char *const *cert_files, Host **ret, Err *e) {
        HttpClient *client;
        const char *given = at->try_http && at->try_https ? NULL : at->try_https ? "https" : "http";
        if (client_get(cert_files, &client, e) < 0)
                return -1;
        Host *h = hosts;
        while (h && !(h->client == client && str_eq(h->name, at->host) && h->fixed == !!given &&
                      (!given || str_eq(h->scheme, given))))
                h = h->next;
        if (!h) {
                h = xcalloc(1, sizeof *h);
                h->name = xstrdup(at->host);
                h->client = client;
                h->fixed = given != NULL;
                atomic_init(&h->scheme, given);
                pthread_mutex_init(&h->scheme_lock, NULL);
                pthread_mutex_init(&h->lock, NULL);
                h->next = hosts;
                hosts = h;
        }
        *ret = h;
        return 0;
}

void host_end_all(void) {
        for (Host *h = hosts, *next; h; h = next) {
                next = h->next;
                pthread_mutex_destroy(&h->scheme_lock);
                pthread_mutex_destroy(&h->lock);
                free(h->name);
                free(h);
        }
        for (Trust *t = trusts, *next; t; t = next) {
                next = t->next;
                http_client_free(t->client);
                free(t->files);
                free(t);
        }
        hosts = NULL;
        trusts = NULL;
}

HttpClient *host_client(Host *h) {
        return h->client;
}

/* --- scheme --------------------------------------------------------------------------------- */

const char *host_begin_scheme(Host *h) {
        const char *scheme = atomic_load(&h->scheme);
        if (scheme)
                return scheme;
        pthread_mutex_lock(&h->scheme_lock);
        scheme = atomic_load(&h->scheme);
        if (scheme)
                pthread_mutex_unlock(&h->scheme_lock);
        return scheme;
}

void host_set_scheme(Host *h, const char *scheme) {
        atomic_store(&h->scheme, scheme);
}

void host_end_scheme(Host *h) {
        pthread_mutex_unlock(&h->scheme_lock);
}

const char *host_scheme_text(Host *h) {
        const char *scheme = atomic_load(&h->scheme);
        return scheme ? scheme : "https";
}

void host_note_answer(Host *h) {
        atomic_store(&h->answered, true);
}

bool host_has_answered(Host *h) {
        return atomic_load(&h->answered);
}

/* --- transfers ------------------------------------------------------------------------------ */

/* The caller holds the lock. */
static void admit_next(Host *h) {
        Waiter **best = NULL;
        if (h->busy >= TRANSFERS)
                return;
        for (Waiter **w = &h->waiting; *w; w = &(*w)->next)
                if (!best || (*w)->size > (*best)->size)
                        best = w;
        if (!best)
                return;
        Waiter *w = *best;
        *best = w->next;
        w->admitted = true;
        h->busy++;
        pthread_cond_signal(&w->turn);
}

static void forget(Host *h, const Waiter *gone) {
        for (Waiter **w = &h->waiting; *w; w = &(*w)->next) {
                if (*w == gone) {
                        *w = gone->next;
                        return;
                }
        }
}

int host_enter(Host *h, uint64_t size, Err *e) {
        Waiter me = { .size = size };
        pthread_cond_init(&me.turn, NULL);
        pthread_mutex_lock(&h->lock);
        Waiter **end = &h->waiting;
        while (*end)
                end = &(*end)->next;
        *end = &me;
        admit_next(h);
        while (!me.admitted && !http_cancelled()) {
                struct timespec t;
                clock_gettime(CLOCK_REALTIME, &t);
                t.tv_nsec += 100000000; /* to notice a cancellation */
                t.tv_sec += t.tv_nsec / 1000000000;
                t.tv_nsec %= 1000000000;
                pthread_cond_timedwait(&me.turn, &h->lock, &t);
        }
        if (!me.admitted)
                forget(h, &me);
        pthread_mutex_unlock(&h->lock);
        pthread_cond_destroy(&me.turn);
        return me.admitted ? 0 : err_set(e, ERR_CANCELLED, 0, "interrupted");
}

void host_leave(Host *h) {
        pthread_mutex_lock(&h->lock);
        h->busy--;
        admit_next(h);
        pthread_mutex_unlock(&h->lock);
}
