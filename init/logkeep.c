/* logkeep.c - see logkeep.h. */
#include "init/logkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/cmdline.h"
#include "init/log.h"
#include "init/logd.h"
#include "init/sys.h"
#include "lib/base/str.h"

/* Services wait while nobody reads, so the first starts come soon. */
#define BACKOFF_FIRST 0.05
#define BACKOFF_MAX   5.0
#define LIFE_LONG     10.0

/* boot.md 11.3: what the reference's memlogd component brings */
static bool another_daemon(void) {
        return access("/etc/init.d/002-logging", F_OK) == 0 ||
               (access("/usr/bin/memlogd", F_OK) == 0 &&
                !sys_same_file("/usr/bin/memlogd", "/init"));
}

void logkeep_open(LogKeep *k) {
        char word[16];
        *k = (LogKeep){ .log = -1, .query = -1, .init = -1, .ring = -1 };
        if (another_daemon())
                return;
        if (cmdline_last(cmdline_text(), "linuxkit.log", word, sizeof(word))) {
                if (str_eq(word, "files"))
                        return;
                log_init("linuxkit.log=%s is not \"files\"", word);
        }
        /* The kernel's default of ten lines is less than a supervisor says in one breath. */
        sys_write("/proc/sys/net/unix/max_dgram_qlen", "512");
        (void)mkdir(LOGD_FIFOS, 0700);
        k->log = logd_bind(LOGD_SOCKET, SOCK_DGRAM);
        k->query = logd_bind(LOGD_QUERY_SOCKET, SOCK_STREAM);
        k->init = logd_bind(LOGD_INIT_SOCKET, SOCK_DGRAM);
        k->ring = memfd_create("log", MFD_CLOEXEC);
        k->on = k->log >= 0 && k->query >= 0 && k->init >= 0 && k->ring >= 0;
        if (k->on) {
                log_copy_to(LOGD_INIT_SOCKET);
                return;
        }
        log_init("sockets of the log: %s; logs go to files", strerror(errno));
        unlink(LOGD_SOCKET);
        unlink(LOGD_QUERY_SOCKET);
        unlink(LOGD_INIT_SOCKET);
}

/* "linuxkit.log_KEY=N", N with K or M behind it or not. */
static uint64_t number_of(const char *key, uint64_t fallback) {
        char word[24];
        uint64_t n, unit = 1;
        if (!cmdline_last(cmdline_text(), key, word, sizeof(word)))
                return fallback;
        size_t len = strlen(word);
        if (len && (word[len - 1] == 'K' || word[len - 1] == 'M')) {
                unit = word[len - 1] == 'K' ? 1024 : 1048576;
                word[len - 1] = 0;
        }
        if (str_to_u64(word, &n) && n <= UINT32_MAX)
                return n * unit;
        log_init("%s=%s is no number", key, word);
        return fallback;
}

/* The descriptors are the only ones that the child keeps. */
static void run_daemon(const LogKeep *k) {
        enum { FIRST = 3, AWAY = 64 };
        const int from[] = { k->log, k->query, k->init, k->ring };
        int n = (int)(sizeof(from) / sizeof(from[0])), high[sizeof(from) / sizeof(from[0])];
        for (int i = 0; i < n; i++)
                high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, AWAY);
        for (int i = 0; i < n; i++)
                dup3(high[i], FIRST + i, O_CLOEXEC);
        close_range((unsigned)(FIRST + n), ~0U, 0);
        LogdOptions o = LOGD_DEFAULTS;
        o.fd_log = FIRST;
        o.fd_query = FIRST + 1;
        o.fd_init = FIRST + 2;
        o.fd_ring = FIRST + 3;
        o.dir = "/var/log";
        o.fifos = LOGD_FIFOS;
        o.kmsg = "/dev/kmsg";
        o.lines = number_of("linuxkit.log_lines", o.lines);
        o.bytes = number_of("linuxkit.log_size", o.bytes);
        o.rate = number_of("linuxkit.log_rate", o.rate);
        _exit(logd_run(&o));
}

void logkeep_start(LogKeep *k) {
        k->due = 0;
        if (!k->on || k->pid)
                return;
        k->pid = fork();
        if (k->pid == 0) {
                sys_reset_signals();
                setsid();
                prctl(PR_SET_NAME, "logd");
                run_daemon(k);
        }
        k->since = sys_now();
        if (k->pid < 0) {
                k->pid = 0;
                k->due = k->since + 1;
        }
}

void logkeep_ended(LogKeep *k, int status) {
        char text[64];
        double now = sys_now();
        k->pid = 0;
        if (!k->backoff || now - k->since >= LIFE_LONG)
                k->backoff = BACKOFF_FIRST;
        k->due = now + k->backoff;
        k->backoff = k->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : k->backoff * 2;
        log_init("log daemon: %s; it is started again",
                 sys_describe_status(status, text, sizeof(text)));
}
