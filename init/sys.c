/* sys.c - small file and process helpers.
 *
 * sys_read_line, sys_write, sys_wait and sys_fork do not allocate; pid 1 uses only those once its
 * loop runs. */
#include "init/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/mem.h"

int sys_read_file(const char *path, size_t max, char **ret, Err *e) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open %s", path);
        size_t cap = 4096, len = 0;
        _cleanup_free_ char *text = xmalloc(cap + 1);
        for (;;) {
                if (len > max)
                        return err_set(e, ERR_IO, 0, "%s is larger than %zu bytes", path, max);
                if (len == cap) {
                        cap *= 2;
                        text = xrealloc(text, cap + 1);
                }
                ssize_t n = read(fd, text + len, cap - len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set(e, ERR_IO, errno, "read %s", path);
                if (n == 0)
                        break;
                len += (size_t)n;
        }
        text[len] = 0;
        *ret = take(text);
        return 0;
}

bool sys_read_line(const char *path, char *buf, size_t n) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* may be a FIFO */
        if (fd < 0)
                return false;
        ssize_t got = read(fd, buf, n - 1);
        if (got < 0)
                return false;
        buf[got] = 0;
        buf[strcspn(buf, "\n")] = 0;
        return true;
}

bool sys_write(const char *path, const char *text) {
        _cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

int sys_mkdir_p(const char *path, mode_t mode, Err *e) {
        if (!*path)
                return err_set(e, ERR_IO, 0, "make a directory without a name");
        _cleanup_free_ char *p = xstrdup(path);
        struct stat st;
        for (char *s = p + 1;; s++) {
                if (*s && *s != '/')
                        continue;
                char c = *s;
                *s = 0;
                /* On a read-only file system mkdir of an existing name may say EROFS. */
                if (mkdir(p, mode) < 0 && errno != EEXIST) {
                        int num = errno;
                        if (stat(p, &st) < 0 || !S_ISDIR(st.st_mode))
                                return err_set(e, ERR_IO, num, "make directory %s", p);
                }
                if (!c)
                        break;
                *s = c;
        }
        if (stat(p, &st) < 0)
                return err_set(e, ERR_IO, errno, "make directory %s", p);
        if (!S_ISDIR(st.st_mode))
                return err_set(e, ERR_IO, ENOTDIR, "make directory %s", p);
        return 0;
}

bool sys_is_dir(const char *path) {
        struct stat st;
        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool sys_same_file(const char *a, const char *b) {
        struct stat sa, sb;
        return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
               sa.st_ino == sb.st_ino;
}

int sys_by_bytes(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

int sys_list(const char *dir, char ***ret, size_t *n, Err *e) {
        DIR *d = opendir(dir);
        if (!d)
                return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open %s", dir);
        char **names = NULL;
        size_t count = 0, cap = 0;
        for (struct dirent *de; (de = readdir(d));)
                if (de->d_name[0] != '.')
                        *vec_push(names, count, cap) = xstrdup(de->d_name);
        closedir(d);
        if (count)
                qsort(names, count, sizeof(*names), sys_by_bytes);
        *ret = names;
        *n = count;
        return 0;
}

void sys_free_names(char **names, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(names[i]);
        free(names);
}

int sys_wait(pid_t pid) {
        int status;
        pid_t r;
        do
                r = waitpid(pid, &status, 0);
        while (r < 0 && errno == EINTR);
        return r == pid ? status : -1;
}

const char *sys_describe_status(int status, char *buf, size_t n) {
        if (WIFEXITED(status))
                snprintf(buf, n, "exit status %d", WEXITSTATUS(status));
        else if (WIFSIGNALED(status))
                snprintf(buf, n, "killed by signal %d", WTERMSIG(status));
        else
                snprintf(buf, n, "wait status %d", status);
        return buf;
}

void sys_reset_signals(void) {
        for (int s = 1; s < NSIG; s++)
                if (s != SIGKILL && s != SIGSTOP)
                        signal(s, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

void sys_close_others(int keep) {
        if (keep < 3) {
                close_range(3, ~0U, 0);
                return;
        }
        if (keep > 3)
                close_range(3, (unsigned)keep - 1, 0);
        close_range((unsigned)keep + 1, ~0U, 0);
}

pid_t sys_fork(const char *name, int keep) {
        pid_t pid = fork();
        if (pid != 0)
                return pid;
        sys_reset_signals();
        setsid();
        sys_close_others(keep);
        prctl(PR_SET_NAME, name);
        return 0;
}

/* Field 22 of /proc/PID/stat. */
bool sys_start_time(pid_t pid, uint64_t *ret) {
        char path[64], line[1024];
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        if (!sys_read_line(path, line, sizeof line))
                return false;
        const char *p = strrchr(line, ')'); /* the name may hold blanks */
        for (int field = 2; p && field < 22; field++) {
                p = strchr(p, ' ');
                p = p ? p + 1 : NULL;
        }
        return p && sscanf(p, "%" SCNu64, ret) == 1;
}

double sys_now(void) {
        struct timespec ts = { 0 };
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
