/* logsend.c - see logsend.h. */
#include "init/logsend.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "init/logd.h"
#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

LogTarget logsend_target(void) {
        if (access(LOGD_SOCKET, F_OK) < 0)
                return (LogTarget){ 0 };
        return (LogTarget){ .socket = LOGD_SOCKET,
                            .fifos = LOGD_FIFOS,
                            .ours = access(LOGD_INIT_SOCKET, F_OK) == 0 };
}

int logsend_stream(const char *socket_path, const char *name, int fd) {
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        union {
                char space[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *)name, .iov_len = strlen(name) };
        struct msghdr msg = { .msg_name = &addr,
                              .msg_namelen = sizeof(addr),
                              .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.space,
                              .msg_controllen = sizeof(control.space) };
        if (strlen(socket_path) >= sizeof(addr.sun_path)) {
                errno = ENAMETOOLONG;
                return -1;
        }
        strcpy(addr.sun_path, socket_path);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
        _cleanup_fd_ int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return sock >= 0 && sendmsg(sock, &msg, MSG_NOSIGNAL) >= 0 ? 0 : -1;
}

void logpipe_done(LogPipe *p) {
        if (p->hold >= 0)
                close(p->hold);
        free(p->path);
        *p = LOGPIPE_INIT;
}

int logpipe_open_reader(const char *path) {
        struct stat st;
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
                return -1;
        return fd_take(&fd);
}

static int open_hold(const LogTarget *to, const char *path) {
        struct stat st;
        if (to->ours)
                return logpipe_open_reader(path);
        if (lstat(path, &st) < 0 || !S_ISFIFO(st.st_mode))
                return -1;
        return logpipe_open_writer(path);
}

/* What the daemon gets: a foreign one expects to wait in read(2). */
static int send_reader(const LogPipe *p, const LogTarget *to, const char *name) {
        if (to->ours)
                return logsend_stream(to->socket, name, p->hold);
        _cleanup_fd_ int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        return fd < 0 ? -1 : logsend_stream(to->socket, name, fd);
}

int logpipe_renew(LogPipe *p, const LogTarget *to, const char *name, Err *e) {
        _cleanup_free_ char *path = path_join(to->fifos, name);
        if (sys_mkdir_p(to->fifos, 0700, e) < 0)
                return -1;
        /* The new read end first: with the old one closed the rest of the last life would go. */
        int fd = to->ours ? open_hold(to, path) : -1;
        if (fd < 0) {
                unlink(path);
                if (mkfifo(path, 0600) == 0)
                        fd = open_hold(to, path);
        }
        int saved = errno;
        logpipe_done(p);
        if (fd < 0)
                return err_set(e, ERR_IO, saved, "make %s", path);
        *p = (LogPipe){ .path = take(path), .hold = fd };
        if (send_reader(p, to, name) == 0)
                return 0;
        err_set(e, ERR_IO, errno, "pass %s to the log", name);
        unlink(p->path);
        logpipe_done(p);
        return -1;
}

void logpipe_adopt(LogPipe *p, const LogTarget *to, const char *name) {
        _cleanup_free_ char *path = path_join(to->fifos, name);
        int fd = open_hold(to, path);
        logpipe_done(p);
        if (fd >= 0)
                *p = (LogPipe){ .path = take(path), .hold = fd };
}

bool logpipe_is_empty(const LogPipe *p) {
        int n = 0;
        return p->hold < 0 || ioctl(p->hold, FIONREAD, &n) < 0 || n == 0;
}

int logpipe_open_writer(const char *path) {
        return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
}
