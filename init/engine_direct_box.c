/* engine_direct_box.c - the containers of the direct engine: the files that are kept of each, and
 * its first process, which is a child of this process or, taken over from a former supervisor, of
 * process 1. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>

#include "init/engine_direct_inside.h"
#include "init/procgroup.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

char *direct_file(const DirectEngine *d, const char *name, const char *suffix) {
        return xasprintf("%s/%s.%s", d->dir, name, suffix);
}

bool direct_has_state(const DirectEngine *d, const char *name) {
        _cleanup_free_ char *path = path_join(d->state_dir, name);
        return access(path, F_OK) == 0;
}

void direct_remove_files(const DirectEngine *d, const char *name) {
        static const char *const suffixes[] = { "pid", "log", "life", "json" };
        for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
                _cleanup_free_ char *path = direct_file(d, name, suffixes[i]);
                unlink(path);
        }
}

void direct_write_life(const DirectEngine *d, const DirectBox *b) {
        uint64_t start = 0;
        _cleanup_free_ char *path = direct_file(d, b->name, "life");
        _cleanup_free_ char *tmp = xasprintf("%s~", path);
        unlink(tmp); /* a FIFO of a container that has /run would hold the open */
        _cleanup_fd_ int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 || !sys_start_time(b->pid, &start) ||
            dprintf(fd, "%d %" PRIu64 "\n", (int)b->pid, start) < 0 || rename(tmp, path) < 0)
                unlink(tmp);
}

DirectBox *direct_box_find(const DirectEngine *d, const char *name) {
        for (DirectBox *b = d->boxes; b; b = b->next)
                if (str_eq(b->name, name))
                        return b;
        return NULL;
}

void direct_box_free(DirectEngine *d, DirectBox *b) {
        if (!b)
                return;
        for (DirectBox **p = &d->boxes; *p; p = &(*p)->next) {
                if (*p == b) {
                        *p = b->next;
                        break;
                }
        }
        if (b->pidfd >= 0) {
                /* Closing alone would not do while a child between fork and exec has it, too. */
                epoll_ctl(d->epoll, EPOLL_CTL_DEL, b->pidfd, NULL);
                close(b->pidfd);
        }
        free(b->name);
        free(b->cgroup);
        free(b);
}

DirectBox *direct_box_new(DirectEngine *d, const char *name, pid_t pid, int pidfd) {
        DirectBox *b = xcalloc(1, sizeof *b);
        direct_box_free(d, direct_box_find(d, name));
        *b = (DirectBox){ .next = d->boxes,
                          .name = xstrdup(name),
                          .cgroup = procgroup_path(pid),
                          .pid = pid,
                          .pidfd = pidfd };
        return d->boxes = b;
}

void direct_box_ended(DirectEngine *d, DirectBox *b, uint32_t status) {
        if (b->ended)
                return;
        b->ended = true;
        b->status = status;
        if (b->pidfd >= 0)
                epoll_ctl(d->epoll, EPOLL_CTL_DEL, b->pidfd, NULL);
        if (procgroup_oom_kills(b->cgroup) > 0) {
                Unit *u = units_find(d->units, b->name);
                if (u)
                        unit_on_oom(u);
        }
        for (DirectCall *c = d->calls; c; c = c->next) {
                if (c->verb == VERB_WAIT && str_eq(c->name, b->name)) {
                        c->reply.status = status;
                        c->due = true;
                }
        }
}

void direct_box_signal(const DirectBox *b, int signo) {
        if (b && !b->ended && b->pidfd >= 0)
                pidfd_send_signal(b->pidfd, signo, NULL, 0);
        else if (b && !b->ended)
                kill(b->pid, signo); /* a child that is not collected keeps its number */
}

bool direct_read_pid(const DirectEngine *d, const char *name, pid_t *ret) {
        char line[32];
        uint64_t pid;
        _cleanup_free_ char *path = direct_file(d, name, "pid");
        if (!sys_read_line(path, line, sizeof line) || !str_to_u64(line, &pid) || pid < 2 ||
            pid > INT32_MAX)
                return false;
        *ret = (pid_t)pid;
        return true;
}

DirectBox *direct_box_adopt(DirectEngine *d, const char *name) {
        char line[64];
        int pid = 0;
        uint64_t want = 0, start = 1;
        _cleanup_free_ char *path = direct_file(d, name, "life");
        if (!sys_read_line(path, line, sizeof line) ||
            sscanf(line, "%d %" SCNu64, &pid, &want) != 2 || pid <= 1)
                return NULL;
        /* The descriptor first: afterwards the number cannot be given to another process. */
        _cleanup_fd_ int fd = pidfd_open(pid, 0);
        if (fd < 0 || !sys_start_time(pid, &start) || start != want)
                return NULL;
        DirectBox *b = direct_box_new(d, name, pid, fd_take(&fd));
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = b };
        epoll_ctl(d->epoll, EPOLL_CTL_ADD, b->pidfd, &ev);
        return b;
}
