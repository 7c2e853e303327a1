/* main.c - the logwrite service: what the log daemon says, as "TIME SOURCE MESSAGE" in a file per
 * source that is renamed when it has grown (boot.md 11.4).
 *
 * A daemon that goes away is connected to again and then tells everything once more, which is
 * passed over up to the last line that was taken: its time alone does not tell, as clocks are set
 * back.  A full disk stops the files, not the reading. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "init/logrotate.h"
#include "pkg/logwrite/record.h"

enum {
        NAME_MAX_BYTES = 200,
        LINE_MAX_BYTES = 256 << 10,
        FILES_MAX = 128,
        PAUSE_MIN = 1,
        PAUSE_MAX = 10,
        RETRY_SECONDS = 5
};

typedef struct Output {
        char source[NAME_MAX_BYTES + 1];
        LogFile file;
        uint64_t used; /* when, counted in lines */
} Output;

typedef struct Writer {
        const char *socket, *dir;
        LogLimits limits;
        Output outputs[FILES_MAX];
        uint64_t lines;
        char newest[64];                                /* time of the newest line that was taken */
        char last[64], last_source[NAME_MAX_BYTES + 1]; /* of the last one */
        time_t retry_at; /* files have stopped until then, 0: they have not */
} Writer;

/* The file of a source; the one that was not used for longest makes room. */
static Output *find_output(Writer *w, const char *source) {
        Output *oldest = &w->outputs[0];
        for (int i = 0; i < FILES_MAX; i++) {
                Output *o = &w->outputs[i];
                if (strcmp(o->source, source) == 0)
                        return o;
                if (o->used < oldest->used)
                        oldest = o;
        }
        logfile_close(&oldest->file);
        strcpy(oldest->source, source);
        return oldest;
}

/* Sources are named by whoever has the socket; none may lead out of the directory. */
static int is_file_name(const char *source) {
        return *source && *source != '.' && strlen(source) <= NAME_MAX_BYTES &&
               !strchr(source, '/');
}

static time_t seconds(void) {
        struct timespec ts = { 0 };
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec;
}

/* Something that is no file has this name: the other files go on. */
static bool is_of_one_file(int error) {
        return error == EINVAL || error == ELOOP || error == EISDIR || error == ENXIO ||
               error == ENAMETOOLONG;
}

static void write_record(Writer *w, const Record *r) {
        char path[PATH_MAX];
        if (w->retry_at && seconds() < w->retry_at)
                return;
        if (snprintf(path, sizeof path, "%s/%s.log", w->dir, r->source) >= (int)sizeof path)
                return;
        Output *o = find_output(w, r->source);
        o->used = ++w->lines;
        /* seconds only: the fraction is cut off, the zone stays */
        size_t head = strcspn(r->time, "."), frac = strspn(r->time + head, ".0123456789");
        size_t size = strlen(r->time) + strlen(r->source) + strlen(r->msg) + 4;
        char *text = malloc(size);
        if (!text)
                return;
        int n = snprintf(text, size, "%.*s%s %s %s\n", (int)head, r->time, r->time + head + frac,
                         r->source, r->msg);
        if (logfile_append(&o->file, path, text, (size_t)n, w->limits)) {
                if (w->retry_at)
                        fprintf(stderr, "logwrite: %s is written to again\n", w->dir);
                w->retry_at = 0;
        } else if (!is_of_one_file(errno)) {
                if (!w->retry_at)
                        fprintf(stderr, "logwrite: %s: %s\n", path, strerror(errno));
                w->retry_at = seconds() + RETRY_SECONDS;
        }
        free(text);
}

/* catching_up: the daemon tells what it told before.  Its times have the same form and zone, so
 * their order is that of their bytes. */
static void take_line(Writer *w, char *line, int *catching_up) {
        Record r;
        if (!record_parse(line, &r) || strncmp(r.source, "logwrite", 8) == 0 ||
            !is_file_name(r.source))
                return;
        if (*catching_up && strcmp(r.time, w->last) == 0 && strcmp(r.source, w->last_source) == 0) {
                *catching_up = 0;
                return;
        }
        if (*catching_up && strcmp(r.time, w->newest) <= 0)
                return;
        *catching_up = 0;
        if (strcmp(r.time, w->newest) > 0)
                snprintf(w->newest, sizeof w->newest, "%s", r.time);
        snprintf(w->last, sizeof w->last, "%s", r.time);
        snprintf(w->last_source, sizeof w->last_source, "%s", r.source);
        write_record(w, &r);
}

static int connect_to(const char *path) {
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        const char mode = 2; /* what there is, then what comes */
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        strncpy(addr.sun_path, path, sizeof addr.sun_path - 1);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0 &&
            send(fd, &mode, 1, MSG_NOSIGNAL) == 1)
                return fd;
        if (fd >= 0)
                close(fd);
        return -1;
}

/* Until the daemon closes.  Returns whether it has said anything. */
static int follow(Writer *w, int fd) {
        static char buf[LINE_MAX_BYTES];
        size_t len = 0;
        int catching_up = w->newest[0] != '\0', any = 0;
        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                if (catching_up && poll(&p, 1, 1000 * PAUSE_MIN) == 0)
                        catching_up = 0; /* that was all, and the last line is not known any more */
                ssize_t n = read(fd, buf + len, sizeof buf - 1 - len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return any;
                any = 1;
                len += (size_t)n;
                char *start = buf, *nl;
                while ((nl = memchr(start, '\n', len - (size_t)(start - buf)))) {
                        *nl = '\0';
                        take_line(w, start, &catching_up);
                        start = nl + 1;
                }
                len -= (size_t)(start - buf);
                memmove(buf, start, len);
                if (len == sizeof buf - 1)
                        len = 0; /* no line is that long */
        }
}

static int usage(void) {
        fputs("Usage: logwrite [-socket PATH] [-log-dir PATH] [-max-log-files N] [-max-log-size "
              "BYTES]\n",
              stderr);
        return 2;
}

static int parse(Writer *w, int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
                const char *arg = argv[i] + strspn(argv[i], "-");
                size_t len = strcspn(arg, "=");
                const char *value = arg[len] ? arg + len + 1 : i + 1 < argc ? argv[++i] : NULL;
                char *end = NULL;
                if (arg == argv[i] || !value || !*value)
                        return -1;
                unsigned long number = strtoul(value, &end, 10);
                int is_number = *end == '\0' && number > 0;
                if (len == 6 && memcmp(arg, "socket", len) == 0)
                        w->socket = value;
                else if (len == 7 && memcmp(arg, "log-dir", len) == 0)
                        w->dir = value;
                else if (is_number && len == 13 && memcmp(arg, "max-log-files", len) == 0)
                        w->limits.old = number < 1000 ? (unsigned)number : 1000;
                else if (is_number && len == 12 && memcmp(arg, "max-log-size", len) == 0)
                        w->limits.size = number;
                else
                        return -1;
        }
        return 0;
}

int main(int argc, char **argv) {
        static Writer w = { .socket = "/var/run/memlogdq.sock",
                            .dir = "/var/log",
                            .limits = { .size = 1048576, .old = 10 } };
        unsigned pause = PAUSE_MIN;
        int said = 0;
        for (int i = 0; i < FILES_MAX; i++)
                w.outputs[i].file = LOGFILE_INIT;
        if (parse(&w, argc, argv) < 0)
                return usage();
        for (;;) {
                int fd = connect_to(w.socket);
                if (fd >= 0) {
                        said = 0;
                        if (follow(&w, fd))
                                pause = PAUSE_MIN;
                        close(fd);
                } else if (!said) {
                        fprintf(stderr, "logwrite: %s: %s\n", w.socket, strerror(errno));
                        said = 1;
                }
                sleep(pause);
                pause = pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
        }
}
