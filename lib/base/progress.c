/* progress.c - see progress.h.  Adding bytes is an atomic operation; only the thread that finds the
 * next moment to show something come takes the lock and draws. */
#include "lib/base/progress.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
        MAX_LINES = 12,
        FIRST_MS = 1000, /* a short step is over before anybody wonders */
        NEXT_MS = 200,
};

struct Progress {
        char *name;
        Progress *parent; /* NULL: a step */
        uint64_t total;
        atomic_uint_fast64_t done;
        LogForm form;
        atomic_int_fast64_t due; /* of the next event, milliseconds */
        Progress *next;          /* in the list of all, oldest first */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Progress *all;
static atomic_int_fast64_t draw_due;

static int64_t now_ms(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Decimal units, as registries count; the number first, so that a narrow terminal cuts the name. */
static void add_amount(Buf *b, const Progress *p) {
        double done = (double)atomic_load(&p->done) / 1e6, total = (double)p->total / 1e6;
        if (p->total)
                buf_addf(b, "%3u%% %.1f/%.1f MB", (unsigned)MIN(done * 100 / total, 100.0), done,
                         total);
        else
                buf_addf(b, "%.1f MB", done);
}

static void add_line(Buf *lines, size_t *n, const Progress *p) {
        if (*n == MAX_LINES)
                return;
        Buf *b = &lines[(*n)++];
        add_amount(b, p);
        if (str_has_prefix(p->name, "sha256:"))
                buf_addf(b, "  %.12s", p->name + 7); /* enough for eyes */
        else
                buf_addf(b, "%s%s", p->parent ? "  " : " ", p->name);
}

/* The caller holds the lock. */
static void draw(void) {
        Buf lines[MAX_LINES] = { 0 };
        const char *texts[MAX_LINES];
        size_t n = 0;
        for (const Progress *step = all; step; step = step->next) {
                if (step->parent || step->form != LOG_TERMINAL)
                        continue;
                add_line(lines, &n, step);
                for (const Progress *p = all; p; p = p->next)
                        if (p->parent == step)
                                add_line(lines, &n, p);
        }
        for (size_t i = 0; i < n; i++)
                texts[i] = lines[i].data;
        log_area(texts, n);
        for (size_t i = 0; i < n; i++)
                buf_done(&lines[i]);
}

static void send_event(const Progress *p) {
        _cleanup_buf_ Buf b = { 0 };
        const Progress *step = p->parent ? p->parent : p;
        buf_adds(&b, "{\"event\":\"progress\",\"id\":");
        json_add_string(&b, step->name);
        buf_adds(&b, ",\"item\":");
        json_add_string(&b, p->parent ? p->name : "total");
        buf_addf(&b, ",\"done\":%llu,\"total\":%llu}", (unsigned long long)atomic_load(&p->done),
                 (unsigned long long)p->total);
        log_event(b.data);
}

static Progress *make(const char *name, Progress *parent, uint64_t total) {
        Progress *p = xcalloc(1, sizeof *p), **end;
        p->name = xstrdup(name);
        p->parent = parent;
        p->total = total;
        p->form = parent ? parent->form : log_progress_form();
        atomic_store(&p->due, now_ms() + NEXT_MS);
        pthread_mutex_lock(&lock);
        if (!all)
                atomic_store(&draw_due, now_ms() + FIRST_MS);
        for (end = &all; *end; end = &(*end)->next)
                ;
        *end = p;
        pthread_mutex_unlock(&lock);
        if (p->form == LOG_EVENTS)
                send_event(p);
        return p;
}

Progress *progress_start(const char *what, uint64_t total) {
        return make(what, NULL, total);
}

Progress *progress_item(Progress *parent, const char *item, uint64_t total) {
        return parent ? make(item, parent, total) : NULL;
}

/* True for one caller when the moment has come; the next one is after NEXT_MS. */
static bool is_due(atomic_int_fast64_t *due) {
        int64_t now = now_ms();
        int_fast64_t was = atomic_load(due);
        return now >= was && atomic_compare_exchange_strong(due, &was, now + NEXT_MS);
}

static void show(Progress *p) {
        if (p->form == LOG_EVENTS) {
                if (is_due(&p->due))
                        send_event(p);
                if (p->parent && is_due(&p->parent->due))
                        send_event(p->parent);
        } else if (p->form == LOG_TERMINAL && is_due(&draw_due)) {
                pthread_mutex_lock(&lock);
                draw();
                pthread_mutex_unlock(&lock);
        }
}

void progress_add(Progress *p, uint64_t n) {
        if (!p)
                return;
        atomic_fetch_add(&p->done, n);
        if (p->parent)
                atomic_fetch_add(&p->parent->done, n);
        if (p->form != LOG_NOTHING)
                show(p);
}

void progress_set(Progress *p, uint64_t done) {
        if (!p)
                return;
        /* unsigned arithmetic: a step back is the addition of a very large number */
        uint64_t was = atomic_exchange(&p->done, done);
        if (p->parent)
                atomic_fetch_add(&p->parent->done, done - was);
        if (p->form != LOG_NOTHING)
                show(p);
}

void progress_end(Progress *p) {
        if (!p)
                return;
        if (p->form == LOG_EVENTS)
                send_event(p);
        pthread_mutex_lock(&lock);
        for (Progress **at = &all; *at; at = &(*at)->next) {
                if (*at == p) {
                        *at = p->next;
                        break;
                }
        }
        /* the last one takes the lines away, whether or not it has shown any */
        if (p->form == LOG_TERMINAL && !p->parent)
                draw();
        pthread_mutex_unlock(&lock);
        free(p->name);
        free(p);
}
