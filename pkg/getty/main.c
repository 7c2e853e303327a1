/* main.c - getty: a login on every console of the kernel command line, started again when it ends.
 *
 * Runs as a service (in a container that sees the root file system at /hostroot), or as /etc/init.d
 * hook 001-getty when the component is listed under init: then it is a debugging aid, goes to the
 * background and asks for no password.  INSECURE=true: root is logged in without password. */
#include "pkg/getty/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define HOOK_NAME     "001-getty"
#define BACKOFF_LEAST 1000 /* milliseconds; doubles while sessions end early */
#define BACKOFF_MOST  32000
#define EARLY_MS      5000
#define CMDLINE_MOST  8192

typedef struct Line {
        Console console;
        pid_t pid;
        int64_t started, start_at;
        int64_t backoff; /* 0: the last session was a real one */
} Line;

static int64_t now_ms(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void read_text(const char *path, char *buf, size_t size) {
        buf[0] = '\0';
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
        if (n >= 0)
                buf[n] = '\0';
        if (fd >= 0)
                close(fd);
}

/* A hint only, as nothing here refuses root. */
static void warn_if_not_secure(const char *name) {
        char text[CMDLINE_MOST];
        read_text("/etc/securetty", text, sizeof(text));
        if (!*text)
                return;
        char *save = NULL;
        for (char *w = strtok_r(text, "\n", &save); w; w = strtok_r(NULL, "\n", &save))
                if (strcmp(w, name) == 0)
                        return;
        fprintf(stderr, "getty: %s is not in /etc/securetty\n", name);
}

/* /dev/ttyS0 to ttyS3 are there on every machine; without the hardware they answer EIO, and nobody
 * can ever log in on them. A line that cannot be opened may come to life later. */
static bool has_hardware(const char *path) {
        struct termios t;
        int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return true;
        bool dead = tcgetattr(fd, &t) < 0 && errno == EIO;
        close(fd);
        return !dead;
}

static size_t find_lines(Line *lines) {
        Console list[CONSOLE_MAX];
        char text[CMDLINE_MOST];
        read_text("/proc/cmdline", text, sizeof(text));
        size_t n = console_parse(text, list), kept = 0;
        if (n == 0) {
                read_text("/sys/class/tty/console/active", text, sizeof(text));
                n = console_parse_names(text, list);
        }
        for (size_t i = 0; i < n; i++) {
                char path[CONSOLE_NAME + 8];
                struct stat st;
                snprintf(path, sizeof(path), "/dev/%.*s", CONSOLE_NAME, list[i].name);
                if (stat(path, &st) < 0 || !S_ISCHR(st.st_mode) || !has_hardware(path))
                        continue;
                warn_if_not_secure(list[i].name);
                lines[kept++] = (Line){ .console = list[i] };
        }
        return kept;
}

static void start(Line *l, bool autologin) {
        l->started = now_ms();
        l->pid = fork();
        if (l->pid < 0) {
                l->pid = 0;
                l->start_at = l->started + BACKOFF_MOST;
                fprintf(stderr, "getty: fork: %s\n", strerror(errno));
                return;
        }
        if (l->pid > 0)
                return;
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        session_run(&l->console, autologin);
}

static void ended(Line *l) {
        int64_t now = now_ms();
        bool early = now - l->started < EARLY_MS;
        l->backoff = !early ? 0 : l->backoff ? l->backoff * 2 : BACKOFF_LEAST;
        if (l->backoff > BACKOFF_MOST)
                l->backoff = BACKOFF_MOST;
        l->start_at = now + l->backoff;
        l->pid = 0;
}

/* Until SIGTERM or SIGINT. */
static void supervise(Line *lines, size_t n, bool autologin) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        for (;;) {
                int64_t now = now_ms(), wait_ms = 3600 * 1000;
                for (size_t i = 0; i < n; i++) {
                        if (lines[i].pid == 0 && lines[i].start_at <= now)
                                start(&lines[i], autologin);
                        if (lines[i].pid == 0 && lines[i].start_at - now < wait_ms)
                                wait_ms = lines[i].start_at - now;
                }
                struct timespec t = { .tv_sec = wait_ms / 1000,
                                      .tv_nsec = wait_ms % 1000 * 1000000 };
                int signal = sigtimedwait(&set, NULL, &t);
                if (signal == SIGTERM || signal == SIGINT)
                        return;
                for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
                        for (size_t i = 0; i < n; i++)
                                if (lines[i].pid == pid)
                                        ended(&lines[i]);
        }
}

static int run(bool autologin) {
        static Line lines[CONSOLE_MAX];
        size_t n = find_lines(lines);
        if (n == 0) {
                fprintf(stderr, "getty: no console= terminal to log in on\n");
                return 1;
        }
        supervise(lines, n, autologin);
        for (size_t i = 0; i < n; i++)
                if (lines[i].pid > 0)
                        kill(lines[i].pid, SIGHUP);
        return 0;
}

int main(int argc, char **argv) {
        (void)argc;
        const char *base = strrchr(argv[0], '/');
        if (strcmp(base ? base + 1 : argv[0], HOOK_NAME) == 0) {
                pid_t pid = fork();
                if (pid != 0)
                        return pid < 0;
                setsid();
                return run(true);
        }
        const char *insecure = getenv("INSECURE");
        return run(insecure && strcmp(insecure, "true") == 0);
}
