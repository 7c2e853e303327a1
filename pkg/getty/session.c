/* session.c - terminal settings, the login dialogue, and the environment of the shell.
 *
 * The prompt ends in ":~# " and carries "(ns: getty) " in a container: test tools and people look
 * for both.  Nothing of getty's own environment reaches the shell. */
#include "pkg/getty/session.h"
#include "pkg/getty/account.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define HOST_SHADOW "/hostroot/etc/getty.shadow"
#define OWN_SHADOW  "/etc/shadow"
#define PASSWD      "/etc/passwd"
#define TRIES       3
#define DELAY_S     2  /* after a wrong password */
#define LIMIT_S     60 /* for one login */
#define LINE_MOST   256

static const char *shadow_path(void) {
        return access(HOST_SHADOW, R_OK) == 0 ? HOST_SHADOW : OWN_SHADOW;
}

static speed_t speed_code(unsigned speed) {
        static const struct {
                unsigned speed;
                speed_t code;
        } codes[] = {
                { 1200, B1200 },     { 2400, B2400 },     { 4800, B4800 },
                { 9600, B9600 },     { 19200, B19200 },   { 38400, B38400 },
                { 57600, B57600 },   { 115200, B115200 }, { 230400, B230400 },
                { 460800, B460800 }, { 921600, B921600 }, { 1500000, B1500000 },
        };
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (codes[i].speed == speed)
                        return codes[i].code;
        return B0;
}

static void set_modes(const Console *c) {
        struct termios t;
        if (tcgetattr(0, &t) < 0)
                return;
        t.c_iflag = ICRNL | IXON | IUTF8;
        t.c_oflag = OPOST | ONLCR;
        t.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
        t.c_cflag |= CREAD;
        if (c->serial) {
                t.c_cflag &= ~(tcflag_t)(CSIZE | PARENB | CSTOPB | CRTSCTS);
                t.c_cflag |= CS8 | CLOCAL;
                speed_t speed = speed_code(c->speed);
                if (speed != B0) {
                        cfsetispeed(&t, speed);
                        cfsetospeed(&t, speed);
                }
        }
        static const struct {
                int index;
                cc_t value;
        } keys[] = { { VINTR, 3 },   { VQUIT, 28 }, { VERASE, 127 }, { VKILL, 21 },  { VEOF, 4 },
                     { VSTART, 17 }, { VSTOP, 19 }, { VSUSP, 26 },   { VWERASE, 23 } };
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                t.c_cc[keys[i].index] = keys[i].value;
        tcsetattr(0, TCSAFLUSH, &t);
}

static int take_terminal(const Console *c) {
        char path[CONSOLE_NAME + 8];
        snprintf(path, sizeof(path), "/dev/%s", c->name);
        setsid();
        int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK); /* do not wait for a carrier */
        if (fd < 0)
                return -errno;
        fcntl(fd, F_SETFL, O_RDWR);
        if (ioctl(fd, TIOCSCTTY, 1) < 0) { /* 1: even if an earlier session still has it */
                int r = -errno;
                close(fd);
                return r;
        }
        for (int i = 0; i < 3; i++)
                dup2(fd, i);
        if (fd > 2)
                close(fd);
        return 0;
}

/* A line without its end; false at end of input. */
static bool read_line(char *buf, size_t size) {
        size_t n = 0;
        for (char ch; read(0, &ch, 1) == 1;) {
                if (ch == '\n' || ch == '\r') {
                        buf[n] = '\0';
                        return true;
                }
                if (n + 1 < size)
                        buf[n++] = ch;
        }
        return false;
}

static bool read_password(char *buf, size_t size) {
        struct termios old, quiet;
        bool is_tty = tcgetattr(0, &old) == 0;
        if (is_tty) {
                quiet = old;
                quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
                tcsetattr(0, TCSAFLUSH, &quiet);
        }
        dprintf(1, "Password: ");
        bool got = read_line(buf, size);
        if (is_tty)
                tcsetattr(0, TCSANOW, &old);
        dprintf(1, "\n");
        return got;
}

static void show_file(const char *path) {
        char buf[4096];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        for (ssize_t n; fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0;)
                if (write(1, buf, (size_t)n) < 0)
                        break;
        if (fd >= 0)
                close(fd);
}

static bool login(Account *ret) {
        char name[LINE_MOST], password[LINE_MOST], host[65] = "";
        gethostname(host, sizeof(host) - 1);
        show_file("/etc/issue");
        for (int i = 0; i < TRIES; i++) {
                alarm(0); /* the prompt may stand for ever, the dialogue may not */
                dprintf(1, "\n%s login: ", host);
                if (!read_line(name, sizeof(name)))
                        return false;
                if (*name == '\0') {
                        i--;
                        continue;
                }
                alarm(LIMIT_S);
                const char *shadow = shadow_path();
                bool good = account_is_open(shadow, name);
                if (!good) {
                        if (!read_password(password, sizeof(password)))
                                return false;
                        good = account_check(shadow, name, password);
                        explicit_bzero(password, sizeof(password));
                }
                if (good && account_find(PASSWD, name, ret)) {
                        alarm(0);
                        return true;
                }
                sleep(DELAY_S);
                dprintf(1, "\nLogin incorrect\n");
        }
        return false;
}

static _Noreturn void become_shell(const Console *c, const Account *a) {
        bool contained = access("/hostroot/etc", F_OK) == 0;
        char env[6][320];
        snprintf(env[0], sizeof(env[0]), "HOME=%s", a->home);
        snprintf(env[1], sizeof(env[1]), "SHELL=%s", a->shell);
        snprintf(env[2], sizeof(env[2]), "USER=%s", a->name);
        snprintf(env[3], sizeof(env[3]), "LOGNAME=%s", a->name);
        snprintf(env[4], sizeof(env[4]), "TERM=%s", c->term);
        snprintf(env[5], sizeof(env[5]), "PS1=%s\\h:\\w\\$ ", contained ? "(ns: getty) " : "");
        char path[] = "PATH=/usr/lib/getty/bin:/usr/local/sbin:/usr/local/bin:"
                      "/usr/sbin:/usr/bin:/sbin:/bin";
        char *envp[] = { env[0], env[1], env[2], env[3], env[4], env[5], path, NULL };

        gid_t group = a->gid;
        if (setgroups(1, &group) < 0 || setgid(a->gid) < 0 || setuid(a->uid) < 0) {
                dprintf(2, "getty: become %s: %s\n", a->name, strerror(errno));
                _exit(1);
        }
        if (chdir(a->home) < 0 && chdir("/") < 0)
                _exit(1);
        if (contained)
                show_file("/etc/motd");

        const char *base = strrchr(a->shell, '/');
        char arg0[sizeof(a->shell) + 1];
        snprintf(arg0, sizeof(arg0), "-%s", base ? base + 1 : a->shell);
        char *argv[] = { arg0, NULL };
        execve(a->shell, argv, envp);
        dprintf(2, "getty: %s: %s\n", a->shell, strerror(errno));
        _exit(1);
}

_Noreturn void session_run(const Console *c, bool autologin) {
        int log = fcntl(2, F_DUPFD_CLOEXEC, 3);
        int r = take_terminal(c);
        if (r < 0) {
                dprintf(log, "getty: /dev/%s: %s\n", c->name, strerror(-r));
                _exit(1);
        }
        set_modes(c);

        Account a = { .name = "root", .home = "/root", .shell = "/bin/sh" };
        if (autologin)
                account_find(PASSWD, "root", &a);
        else if (!login(&a))
                _exit(0);
        dprintf(log, "getty: %s on %s\n", a.name, c->name);
        become_shell(c, &a);
}
