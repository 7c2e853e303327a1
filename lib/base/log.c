/* log.c - see log.h. */
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static LogLevel level = LOG_INFO;
static bool logfmt;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool line_open; /* a progress line stands on the terminal */

struct Progress {
        char *what;
        uint64_t total;
        atomic_uint_fast64_t done;
        struct timespec shown;
        bool visible;
};

void log_setup(LogLevel l, bool explicit_level) {
        level = l;
        logfmt = explicit_level;
}

static void clear_line(void) {
        if (line_open)
                fputs("\r\033[K", stderr);
        line_open = false;
}

static void emit(const char *severity, const char *fmt, va_list ap) {
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        /* as in err.c: names from outside must not move the user's cursor */
        for (char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = '?';
        pthread_mutex_lock(&lock);
        clear_line();
        if (severity && !logfmt && isatty(STDERR_FILENO)) {
                fprintf(stderr, "\033[33m%.4s\033[0m %s\n", severity, text);
        } else if (severity) {
                char stamp[32];
                struct tm tm;
                time_t now = time(NULL);
                gmtime_r(&now, &tm);
                strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
                fprintf(stderr, "time=\"%s\" level=%s msg=\"", stamp, severity);
                for (const char *p = text; *p; p++) {
                        if (*p == '"' || *p == '\\')
                                fputc('\\', stderr);
                        fputc(*p, stderr);
                }
                fputs("\"\n", stderr);
        } else {
                fprintf(stderr, "%s\n", text);
        }
        pthread_mutex_unlock(&lock);
}

#define LOG_BODY(severity)               \
        do {                             \
                va_list ap;              \
                va_start(ap, fmt);       \
                emit(severity, fmt, ap); \
                va_end(ap);              \
        } while (0)

void log_info(const char *fmt, ...) {
        if (level >= LOG_INFO)
                LOG_BODY(logfmt ? "info" : NULL);
}

void log_warn(const char *fmt, ...) {
        if (level >= LOG_INFO)
                LOG_BODY("warning");
}

void log_debug(const char *fmt, ...) {
        if (level >= LOG_DEBUG)
                LOG_BODY("debug");
}

static void show(Progress *p) {
        uint64_t done = atomic_load(&p->done);
        fprintf(stderr, "\r\033[K%s: %llu", p->what, (unsigned long long)(done >> 20));
        if (p->total)
                fprintf(stderr, "/%llu MiB (%u%%)", (unsigned long long)(p->total >> 20),
                        (unsigned)(done * 100 / p->total));
        else
                fputs(" MiB", stderr);
        fflush(stderr);
        line_open = true;
}

Progress *progress_start(const char *what, uint64_t total) {
        Progress *p = xcalloc(1, sizeof *p);
        p->what = xstrdup(what);
        p->total = total;
        p->visible = level == LOG_INFO && !logfmt && isatty(2);
        clock_gettime(CLOCK_MONOTONIC, &p->shown);
        return p;
}

void progress_add(Progress *p, uint64_t n) {
        if (!p)
                return;
        atomic_fetch_add(&p->done, n);
        if (!p->visible)
                return;
        pthread_mutex_lock(&lock);
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        /* The first second stays silent: a short step is over before anybody wonders. */
        int64_t ms =
                (now.tv_sec - p->shown.tv_sec) * 1000 + (now.tv_nsec - p->shown.tv_nsec) / 1000000;
        if (ms >= (line_open ? 200 : 1000)) {
                p->shown = now;
                show(p);
        }
        pthread_mutex_unlock(&lock);
}

void progress_end(Progress *p) {
        if (!p)
                return;
        pthread_mutex_lock(&lock);
        if (p->visible)
                clear_line();
        pthread_mutex_unlock(&lock);
        free(p->what);
        free(p);
}
