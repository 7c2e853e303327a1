/* logclient.c - see logclient.h. */
#include "init/logclient.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "init/logd.h"
#include "init/logquery.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* A line of the longest kind, with every byte written as an escape. */
enum { LINE_MAX_BYTES = 1 << 20 };

typedef struct Reader {
        LogclientFn fn;
        LogclientMarkFn mark;
        void *data;
} Reader;

static int connect_to(const char *path, Err *e) {
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof addr.sun_path)
                return err_set(e, ERR_USAGE, 0, "the path %s is too long for a socket", path);
        strcpy(addr.sun_path, path);
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return err_set(e, ERR_IO, errno, "socket");
        if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
                return err_set(e, errno == ENOENT || errno == ECONNREFUSED ? ERR_NOT_FOUND : ERR_IO,
                               errno, "connect to %s", path);
        return fd_take(&fd);
}

/* False when fn has enough. */
static bool take_line(const Reader *r, const char *line) {
        if (!*line) {
                if (r->mark)
                        r->mark(r->data);
                return true;
        }
        _cleanup_json_ json_t *o = json_loads(line, JSON_ALLOW_NUL, NULL);
        const char *time = json_string_value(json_object_get(o, "time"));
        const char *source = json_string_value(json_object_get(o, "source"));
        const char *msg = json_string_value(json_object_get(o, "msg"));
        return !time || !source || !msg || r->fn(r->data, time, source, msg);
}

/* Hands over the whole lines of the buffer and keeps the rest. */
static bool take_lines(const Reader *r, Buf *b) {
        char *start = b->data;
        for (char *nl; (nl = memchr(start, '\n', b->len - (size_t)(start - b->data)));) {
                *nl = '\0';
                if (!take_line(r, start))
                        return false;
                start = nl + 1;
        }
        size_t rest = b->len - (size_t)(start - b->data);
        memmove(b->data, start, rest);
        b->len = rest;
        return true;
}

int logclient_read(const char *path, unsigned char mode, LogclientFn fn, LogclientMarkFn mark,
                   void *data, Err *e) {
        const Reader r = { .fn = fn, .mark = mark, .data = data };
        _cleanup_buf_ Buf b = { 0 };
        _cleanup_fd_ int fd = connect_to(path, e);
        if (fd < 0)
                return -1;
        if (send(fd, &mode, 1, MSG_NOSIGNAL) != 1)
                return err_set(e, ERR_IO, errno, "ask %s", path);
        for (;;) {
                char buf[16 << 10];
                ssize_t n = recv(fd, buf, sizeof buf, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set(e, ERR_IO, errno, "read from %s", path);
                if (n == 0)
                        return 0;
                buf_add(&b, buf, (size_t)n);
                if (!take_lines(&r, &b))
                        return 0;
                if (b.len > LINE_MAX_BYTES)
                        return err_set(e, ERR_IO, 0, "%s answers without lines", path);
        }
}

/* --- service logs --------------------------------------------------------------------------- */

typedef struct Show {
        const LogclientShow *o;
        char **tail; /* the last lines, a ring of o->lines; NULL: lines are printed as they come */
        size_t n;
        bool failed;
} Show;

static bool is_of(const char *source, const char *name) {
        size_t n = strlen(name);
        return strncmp(source, name, n) == 0 && (!source[n] || str_eq(source + n, ".out"));
}

static bool show_line(void *data, const char *time, const char *source, const char *msg) {
        Show *s = data;
        if (!is_of(source, s->o->name))
                return true;
        _cleanup_free_ char *text = s->o->times ? xasprintf("%s %s", time, msg) : xstrdup(msg);
        if (s->tail) {
                char **slot = &s->tail[s->n++ % s->o->lines];
                free(*slot);
                *slot = take(text);
                return true;
        }
        s->n++;
        s->failed = printf("%s\n", text) < 0 || (s->o->follow && fflush(stdout) != 0);
        return !s->failed;
}

static void print_tail(void *data) {
        Show *s = data;
        size_t kept = s->tail ? MIN(s->n, s->o->lines) : 0;
        for (size_t i = s->n - kept; i < s->n; i++) {
                printf("%s\n", s->tail[i % s->o->lines]);
                free(s->tail[i % s->o->lines]);
        }
        if (s->tail)
                s->n = kept;
        free(s->tail);
        s->tail = NULL;
        s->failed |= fflush(stdout) != 0;
}

int logclient_show(const LogclientShow *o, Err *e) {
        Show s = { .o = o, .tail = o->lines ? xcalloc(o->lines, sizeof *s.tail) : NULL };
        /* A foreign daemon knows no mark; then all is printed before what comes. */
        bool ours = access(LOGD_INIT_SOCKET, F_OK) == 0 || !str_eq(o->socket, LOGD_QUERY_SOCKET);
        unsigned char mode = !o->follow ? LOGQUERY_DUMP : ours ? LOGQUERY_MARKED : LOGQUERY_BOTH;
        if (mode == LOGQUERY_BOTH) {
                free(s.tail);
                s.tail = NULL;
        }
        int r = logclient_read(o->socket, mode, show_line, print_tail, &s, e);
        print_tail(&s);
        if (r == 0 && s.failed)
                r = err_set(e, ERR_IO, errno, "write to standard output");
        return r < 0 ? r : (int)MIN(s.n, (size_t)INT32_MAX);
}

/* --- logread -------------------------------------------------------------------------------- */

static bool print_line(void *data, const char *time, const char *source, const char *msg) {
        (void)data;
        printf("%s;", time);
        for (const char *p = source; *p; p++)
                printf(*p == ';' ? "\\%c" : "%c", *p);
        return printf(";%s\n", msg) >= 0 && fflush(stdout) == 0;
}

int logclient_logread(int argc, char **argv) {
        _cleanup_err_ Err e = ERR_INIT;
        const char *path = LOGD_QUERY_SOCKET;
        unsigned char mode = LOGQUERY_DUMP;
        for (int i = 1; i < argc; i++) {
                const char *arg = argv[i][0] == '-' ? argv[i] + 1 + (argv[i][1] == '-') : "";
                if (str_eq(arg, "F")) {
                        mode = LOGQUERY_BOTH;
                } else if (str_eq(arg, "f")) {
                        mode = MAX(mode, (unsigned char)LOGQUERY_FOLLOW);
                } else if (str_has_prefix(arg, "socket=") && arg[7]) {
                        path = arg + 7;
                } else if (str_eq(arg, "socket") && i + 1 < argc) {
                        path = argv[++i];
                } else {
                        fputs("Usage: logread [-F] [-f] [-socket PATH]\n"
                              "  -F  what there is, then what comes\n"
                              "  -f  what comes\n",
                              stderr);
                        return 2;
                }
        }
        if (logclient_read(path, mode, print_line, NULL, NULL, &e) == 0)
                return 0;
        fprintf(stderr, "logread: %s\n", e.text);
        return 1;
}
