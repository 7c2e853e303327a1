/* bootwatch.c - see bootwatch.h.
 *
 * The machine may send what it likes: a line is bounded, and after a number of boots nobody
 * listens any more.  The reader is a thread because the time of arrival counts, while the main
 * thread waits for QEMU and for signals, which must not reach this one. */
#include "lib/platform/bootwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/bootreport.h"

enum { BOOTS_MAX = 16 };

struct BootWatch {
        pthread_t thread;
        int fd;
        double began;
        char *json_path;
        Buf line;
        bool too_long;
        size_t boots, damaged;
        Buf text; /* the tables */
};

static double now(void) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void take_report(BootWatch *w) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf json = { 0 };
        BootReport *r;
        /* A machine that powers off waits for this, or its report would be lost on the way. */
        (void)!send(w->fd, "\n", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (w->too_long || bootreport_from_json(w->line.data, w->line.len, &r, &e) < 0) {
                w->damaged++;
                return;
        }
        /* Of a reboot the host does not see the begin. */
        if (w->boots++ == 0)
                bootreport_set_host(r, now() - w->began);
        else
                buf_addc(&w->text, '\n');
        bootreport_add_table(r, &w->text);
        bootreport_add_json(r, &json);
        bootreport_free(r);
        if (file_write(w->json_path, json.data, json.len, 0644, &e) < 0)
                log_warn("%s", e.text);
}

static void take_bytes(BootWatch *w, const char *p, size_t n) {
        for (size_t i = 0; i < n && w->boots + w->damaged < BOOTS_MAX; i++) {
                if (p[i] == '\n') {
                        take_report(w);
                        buf_clear(&w->line);
                        w->too_long = false;
                } else if (w->line.len == BOOTREPORT_JSON_MAX) {
                        w->too_long = true;
                } else {
                        buf_addc(&w->line, p[i]);
                }
        }
}

static void *listen_to_machine(void *data) {
        BootWatch *w = data;
        char bytes[16 << 10];
        while (w->boots + w->damaged < BOOTS_MAX) {
                ssize_t n = read(w->fd, bytes, sizeof bytes);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                take_bytes(w, bytes, (size_t)n);
        }
        shutdown(w->fd, SHUT_RDWR);
        return NULL;
}

static void watch_free(BootWatch *w) {
        close(w->fd);
        free(w->json_path);
        buf_done(&w->line);
        buf_done(&w->text);
        free(w);
}

int bootwatch_start(const char *json_path, BootWatch **ret, int *ret_fd, Err *e) {
        int ends[2];
        sigset_t all, old;
        if (unlink(json_path) < 0 && errno != ENOENT)
                return err_set(e, ERR_IO, errno, "remove %s", json_path);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
                return err_set(e, ERR_IO, errno, "socketpair");
        fcntl(ends[1], F_SETFD, 0);
        BootWatch *w = xcalloc(1, sizeof *w);
        *w = (BootWatch){ .fd = ends[0], .json_path = xstrdup(json_path) };
        bootwatch_begin(w);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        int errnum = pthread_create(&w->thread, NULL, listen_to_machine, w);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (errnum) {
                watch_free(w);
                close(ends[1]);
                return err_set(e, ERR_IO, errnum, "start a thread");
        }
        *ret = w;
        *ret_fd = ends[1];
        return 0;
}

void bootwatch_begin(BootWatch *w) {
        w->began = now();
}

void bootwatch_finish(BootWatch *w, Buf *text) {
        /* What was sent is still read; a program that has outlived QEMU with its end is not waited
         * for. */
        shutdown(w->fd, SHUT_RD);
        pthread_join(w->thread, NULL);
        if (w->boots)
                buf_add(text, w->text.data, w->text.len);
        else if (w->damaged)
                buf_adds(text, "boot report: what the machine sent is not readable\n");
        else
                buf_adds(text, "boot report: the machine sent none\n");
        watch_free(w);
}
