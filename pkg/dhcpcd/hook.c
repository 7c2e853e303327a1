/* hook.c - applies a lease: address, MTU, routes, resolv.conf, host name.
 *
 * The values come from the network: whatever does not parse is left out.  /etc/resolv.conf is bind
 * mounted into other containers and must be rewritten in place, never replaced by a rename. */
#include "pkg/dhcpcd/hook.h"
#include "pkg/dhcpcd/netif.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MTU_LEAST    576 /* RFC 2132 5.1 allows less, no IPv4 link works with it */
#define MTU_MOST     65535
#define RESOLV_CONF  "/etc/resolv.conf"
#define RESOLV_LIMIT 4096

static void report(char byte) {
        const char *fd = getenv(HOOK_REPORT_FD);
        if (fd && write(atoi(fd), &byte, 1) < 0)
                fprintf(stderr, "dhcpcd: report: %s\n", strerror(errno));
}

static bool wants(char letter) {
        const char *w = getenv(HOOK_WANTS);
        return w && strchr(w, letter);
}

/* A decimal number of the environment within bounds, or -1. */
static long number(const char *text, long least, long most) {
        if (!text)
                return -1;
        char *end;
        errno = 0;
        long v = strtol(text, &end, 10);
        return errno || end == text || *end || v < least || v > most ? -1 : v;
}

static bool address(const char *text, struct in_addr *ret) {
        return text && inet_pton(AF_INET, text, ret) == 1;
}

/* Domain and host names: letters, digits, hyphen, dot, underscore; never a blank or a newline. */
static bool name_is_valid(const char *s) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
        return *s && *s != '-' && s[strspn(s, allowed)] == '\0' && strlen(s) < 254;
}

static void add_route(const char *ifname, struct in_addr dst, unsigned prefix,
                      struct in_addr gateway, struct in_addr source) {
        int r = netif_add_route(ifname, dst, prefix, gateway, source);
        if (r < 0)
                fprintf(stderr, "dhcpcd: %s: route: %s\n", ifname, strerror(-r));
}

/* RFC 3442: "NET/LEN GATEWAY NET/LEN GATEWAY ..."; true if there was one, and then `router` must be
 * ignored. */
static bool add_static_routes(const char *ifname, struct in_addr source) {
        char *text = getenv("staticroutes");
        bool any = false;
        if (!text || !wants('r'))
                return false;
        char *save = NULL;
        for (char *net = strtok_r(text, " ", &save); net; net = strtok_r(NULL, " ", &save)) {
                char *gateway_text = strtok_r(NULL, " ", &save), *slash = strchr(net, '/');
                struct in_addr dst, gateway;
                if (!slash)
                        continue;
                *slash = '\0';
                long prefix = number(slash + 1, 0, 32);
                if (prefix < 0 || !address(net, &dst) || !address(gateway_text, &gateway))
                        continue;
                dst.s_addr &= prefix ? htonl(~(uint32_t)0 << (32 - prefix)) : 0;
                add_route(ifname, dst, (unsigned)prefix, gateway, source);
                any = true;
        }
        return any;
}

static void add_default_route(const char *ifname, struct in_addr source) {
        char *text = getenv("router"), *save = NULL;
        struct in_addr gateway;
        /* of several routers the first has preference (RFC 2132 3.5) */
        if (text && address(strtok_r(text, " ", &save), &gateway))
                add_route(ifname, (struct in_addr){ INADDR_ANY }, 0, gateway, source);
}

/* The text of resolv.conf, or nothing without a name server: then the file stays as it is. */
static size_t resolv_text(char *buf, size_t size) {
        size_t n = 0;
        const char *search = wants('s') ? getenv("search") : NULL;
        char names[1024];
        snprintf(names, sizeof(names), "%s",
                 search             ? search
                 : getenv("domain") ? getenv("domain")
                                    : "");
        char *save = NULL;
        for (char *w = strtok_r(names, " ", &save); w; w = strtok_r(NULL, " ", &save))
                if (name_is_valid(w))
                        n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "search ", w);
        if (n)
                buf[n++] = '\n';

        char *dns = getenv("dns");
        bool any = false;
        struct in_addr a;
        save = NULL;
        for (char *w = dns ? strtok_r(dns, " ", &save) : NULL; w; w = strtok_r(NULL, " ", &save))
                if (address(w, &a) && n + 64 < size) {
                        n += (size_t)snprintf(buf + n, size - n, "nameserver %s\n", w);
                        any = true;
                }
        return any ? n : 0;
}

static int write_resolv_conf(void) {
        char text[RESOLV_LIMIT], old[RESOLV_LIMIT];
        size_t n = resolv_text(text, sizeof(text));
        if (n == 0)
                return 0;
        int fd = open(RESOLV_CONF, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        int r = 0;
        ssize_t had = read(fd, old, sizeof(old));
        bool same = had == (ssize_t)n && memcmp(old, text, n) == 0;
        /* first write, then cut: a reader in between sees name servers in any case */
        if (!same && (pwrite(fd, text, n, 0) != (ssize_t)n || ftruncate(fd, (off_t)n) < 0))
                r = errno ? -errno : -EIO;
        close(fd);
        return r;
}

/* Only a machine that has no name of its own takes the one of the server. */
static void take_hostname(void) {
        const char *name = getenv("hostname");
        char own[65] = "";
        gethostname(own, sizeof(own) - 1);
        bool nameless = !*own || strcmp(own, "(none)") == 0 || strcmp(own, "localhost") == 0;
        if (name && wants('h') && nameless && name_is_valid(name) && strlen(name) < sizeof(own) &&
            sethostname(name, strlen(name)) < 0)
                fprintf(stderr, "dhcpcd: host name %s: %s\n", name, strerror(errno));
}

static int apply_lease(const char *ifname) {
        struct in_addr ip, broadcast;
        if (!address(getenv("ip"), &ip))
                return -EINVAL;
        long prefix = number(getenv("mask"), 0, 32);
        if (prefix < 0)
                prefix = 32;
        if (!address(getenv("broadcast"), &broadcast))
                broadcast.s_addr =
                        ip.s_addr | (prefix ? htonl(0xffffffffu >> (prefix - 1) >> 1) : ~0u);

        long mtu = wants('m') ? number(getenv("mtu"), MTU_LEAST, MTU_MOST) : -1;
        int r = mtu > 0 ? netif_set_mtu(ifname, (int)mtu) : 0;
        if (r < 0)
                fprintf(stderr, "dhcpcd: %s: mtu %ld: %s\n", ifname, mtu, strerror(-r));

        r = netif_set_address(ifname, ip, (unsigned)prefix, broadcast);
        if (r < 0)
                return r;
        if (!add_static_routes(ifname, ip))
                add_default_route(ifname, ip);
        take_hostname();
        r = write_resolv_conf();
        if (r < 0)
                fprintf(stderr, "dhcpcd: " RESOLV_CONF ": %s\n", strerror(-r));
        return 0;
}

int hook_main(int argc, char **argv) {
        const char *event = argc > 1 ? argv[1] : "", *ifname = getenv("interface");
        if (!ifname || strlen(ifname) >= IFNAMSIZ) {
                fprintf(stderr, "dhcpcd: this name is for udhcpc\n");
                return 2;
        }
        if (strcmp(event, "deconfig") == 0) {
                report(HOOK_LOST);
                return 0;
        }
        if (strcmp(event, "bound") != 0 && strcmp(event, "renew") != 0)
                return 0;

        int r = apply_lease(ifname);
        if (r < 0) {
                fprintf(stderr, "dhcpcd: %s: set address: %s\n", ifname, strerror(-r));
                report(HOOK_FAILED);
                return 1;
        }
        report(HOOK_BOUND);
        return 0;
}
