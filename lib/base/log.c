/* log.c - see log.h.  The lines of log_area stand below the cursor's line of everything else: each
 * message takes them off, is written, and puts them back, so nothing of them ever scrolls away. */
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <time.h>

enum { MAX_LINES = 12, MAX_COLUMNS = 400 };

static LogLevel level = LOG_INFO;
static bool logfmt, json;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Buf area;          /* the lines as they are written, joined by newlines */
static atomic_uint shown; /* lines of it that stand on the terminal */

void log_setup(LogLevel l, bool explicit_level) {
        level = l;
        logfmt = explicit_level;
}

void log_setup_json(bool on) {
        json = on;
}

/* --- the lines below ------------------------------------------------------------------------ */

LogForm log_progress_form(void) {
        if (level < LOG_INFO)
                return LOG_NOTHING;
        if (json)
                return LOG_EVENTS;
        const char *term = getenv("TERM");
        bool plain = level != LOG_INFO || logfmt || str_eq(term, "dumb");
        return !plain && isatty(STDERR_FILENO) ? LOG_TERMINAL : LOG_NOTHING;
}

/* The caller holds the lock, as in all functions with add_. */
static void add_erase(Buf *out) {
        unsigned n = atomic_exchange(&shown, 0);
        for (unsigned i = 0; i < n; i++)
                buf_adds(out, i + 1 < n ? "\r\033[K\033[A" : "\r\033[K");
}

static void add_area(Buf *out) {
        unsigned n = area.len > 0;
        for (size_t i = 0; i < area.len; i++)
                n += area.data[i] == '\n';
        buf_add(out, area.data, area.len);
        atomic_store(&shown, n);
}

static void put(const Buf *out) {
        if (out->len)
                fwrite(out->data, 1, out->len, stderr);
        fflush(stderr);
}

/* As much of the line as fits into so many columns; a character of several bytes is not cut. */
static void add_cut(Buf *out, const char *line, size_t columns) {
        for (size_t used = 0; *line; line++) {
                bool first = ((unsigned char)*line & 0xc0) != 0x80;
                if (first && used++ == columns)
                        break;
                buf_addc(out, (unsigned char)*line < 0x20 || *line == 0x7f ? '?' : *line);
        }
}

void log_area(const char *const *lines, size_t n) {
        struct winsize size = { 0 };
        ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
        size_t columns = size.ws_col ? MIN((size_t)size.ws_col, (size_t)MAX_COLUMNS) : 80;
        size_t rows = size.ws_row ? MIN((size_t)size.ws_row, (size_t)MAX_LINES) : MAX_LINES;
        _cleanup_buf_ Buf out = { 0 };
        pthread_mutex_lock(&lock);
        add_erase(&out);
        buf_clear(&area);
        for (size_t i = 0; i < n && i < MAX(rows - 1, (size_t)1); i++) {
                if (i)
                        buf_addc(&area, '\n');
                add_cut(&area, lines[i], columns - 1);
        }
        add_area(&out);
        if (!n)
                buf_done(&area);
        put(&out);
        pthread_mutex_unlock(&lock);
}

void log_area_abandon(void) {
        static const char one[] = "\r\033[K", up[] = "\033[A";
        unsigned n = atomic_exchange(&shown, 0);
        for (unsigned i = 0; i < n; i++) {
                (void)!write(STDERR_FILENO, one, sizeof one - 1);
                if (i + 1 < n)
                        (void)!write(STDERR_FILENO, up, sizeof up - 1);
        }
}

/* --- messages ------------------------------------------------------------------------------- */

static void add_quoted(Buf *out, const char *text) {
        buf_addc(out, '"');
        for (const char *p = text; *p; p++) {
                if (*p == '"' || *p == '\\')
                        buf_addc(out, '\\');
                buf_addc(out, *p);
        }
        buf_addc(out, '"');
}

static void add_time(Buf *out) {
        char stamp[32];
        struct tm tm;
        time_t now = time(NULL);
        gmtime_r(&now, &tm);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
        buf_addf(out, "\"%s\"", stamp);
}

static void add_message(Buf *out, const char *severity, const char *text) {
        if (json) {
                buf_adds(out, "{\"time\":");
                add_time(out);
                buf_addf(out, ",\"level\":\"%s\",\"msg\":", severity);
                add_quoted(out, text);
                buf_adds(out, "}\n");
        } else if (str_eq(severity, "info") && !logfmt) {
                buf_addf(out, "%s\n", text);
        } else if (!logfmt && isatty(STDERR_FILENO)) {
                buf_addf(out, "\033[33m%.4s\033[0m %s\n", severity, text);
        } else {
                buf_adds(out, "time=");
                add_time(out);
                buf_addf(out, " level=%s msg=", severity);
                add_quoted(out, text);
                buf_addc(out, '\n');
        }
}

/* Bytes that are no UTF-8 would make a line that no JSON reader takes. */
static void mend_bytes(char *text) {
        for (unsigned char *p = (unsigned char *)text; *p;) {
                unsigned n = *p < 0x80                 ? 1
                             : *p >= 0xc2 && *p < 0xe0 ? 2
                             : *p >= 0xe0 && *p < 0xf0 ? 3
                             : *p >= 0xf0 && *p < 0xf5 ? 4
                                                       : 0;
                unsigned i = 1;
                while (i < n && (p[i] & 0xc0) == 0x80)
                        i++;
                if (n && i == n) {
                        p += n;
                } else {
                        *p++ = '?';
                }
        }
}

static void emit(const char *severity, const char *fmt, va_list ap) {
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        _cleanup_buf_ Buf out = { 0 };
        /* as in err.c: names from outside must not move the user's cursor */
        for (char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = '?';
        if (json)
                mend_bytes(text);
        pthread_mutex_lock(&lock);
        add_erase(&out);
        add_message(&out, severity, text);
        add_area(&out);
        put(&out);
        pthread_mutex_unlock(&lock);
}

void log_event(const char *text) {
        pthread_mutex_lock(&lock);
        fprintf(stderr, "%s\n", text);
        fflush(stderr);
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
                LOG_BODY("info");
}

void log_warn(const char *fmt, ...) {
        if (level >= LOG_INFO)
                LOG_BODY("warning");
}

void log_debug(const char *fmt, ...) {
        if (level >= LOG_DEBUG)
                LOG_BODY("debug");
}

void log_trace(const char *fmt, ...) {
        if (level >= LOG_TRACE)
                LOG_BODY("trace");
}
