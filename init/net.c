/* net.c - rtnetlink requests.
 *
 * One request, one acknowledgement, one socket each: at most a handful happen in a boot. */
#include "init/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "init/modules.h"
#include "lib/base/mem.h"

typedef struct Request {
        _Alignas(struct nlmsghdr) char buf[1024];
        size_t len;
        bool full;
} Request;

static void *put(Request *q, size_t n) {
        size_t room = NLMSG_ALIGN(n);
        if (q->full || room > sizeof(q->buf) - q->len) {
                q->full = true;
                return NULL;
        }
        void *p = q->buf + q->len;
        memset(p, 0, room);
        q->len += room;
        return p;
}

static void begin(Request *q, uint16_t type, uint16_t flags) {
        *q = (Request){ 0 };
        struct nlmsghdr *h = put(q, sizeof(*h));
        h->nlmsg_type = type;
        h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        h->nlmsg_seq = 1;
}

static void put_attr(Request *q, uint16_t type, const void *data, size_t n) {
        struct rtattr *a = put(q, RTA_LENGTH(n));
        if (!a)
                return;
        a->rta_type = type;
        a->rta_len = (uint16_t)RTA_LENGTH(n);
        memcpy(RTA_DATA(a), data, n);
}

/* Start of an attribute that holds attributes; the result goes to nest_end. */
static size_t nest_begin(Request *q, uint16_t type) {
        size_t at = q->len;
        put_attr(q, type, "", 0);
        return at;
}

static void nest_end(Request *q, size_t at) {
        if (!q->full)
                ((struct rtattr *)(q->buf + at))->rta_len = (uint16_t)(q->len - at);
}

/* Sends and waits for the answer: 0 or -errno. */
static int ask(Request *q) {
        if (q->full)
                return -EMSGSIZE;
        ((struct nlmsghdr *)q->buf)->nlmsg_len = (uint32_t)q->len;
        _cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0)
                return -errno;
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        if (sendto(fd, q->buf, q->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
                return -errno;
        for (;;) {
                _Alignas(struct nlmsghdr) char buf[8192];
                ssize_t n = recv(fd, buf, sizeof(buf), 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                unsigned left = (unsigned)n;
                for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, left);
                     h = NLMSG_NEXT(h, left))
                        if (h->nlmsg_type == NLMSG_ERROR &&
                            h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
                                return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
        }
}

int net_loopback_up(Err *e) {
        Request q;
        int index = (int)if_nametoindex("lo");
        if (!index)
                return err_set(e, ERR_IO, errno, "find interface lo");

        uint32_t addr = htonl(INADDR_LOOPBACK);
        begin(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
        struct ifaddrmsg *a = put(&q, sizeof(*a));
        a->ifa_family = AF_INET;
        a->ifa_prefixlen = 8;
        a->ifa_scope = RT_SCOPE_HOST;
        a->ifa_index = (uint32_t)index;
        put_attr(&q, IFA_LOCAL, &addr, sizeof(addr));
        put_attr(&q, IFA_ADDRESS, &addr, sizeof(addr));
        int r = ask(&q);
        if (r < 0 && r != -EEXIST)
                return err_set(e, ERR_IO, r, "add address 127.0.0.1 to lo");

        begin(&q, RTM_NEWLINK, 0);
        struct ifinfomsg *i = put(&q, sizeof(*i));
        i->ifi_index = index;
        i->ifi_flags = IFF_UP;
        i->ifi_change = IFF_UP;
        r = ask(&q);
        if (r < 0)
                return err_set(e, ERR_IO, r, "set lo up");
        return 0;
}

static int create(const char *name, const char *kind, const char *peer, pid_t pid) {
        Request q;
        begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
        put(&q, sizeof(struct ifinfomsg));
        put_attr(&q, IFLA_IFNAME, name, strlen(name) + 1);
        if (pid > 0)
                put_attr(&q, IFLA_NET_NS_PID, &(uint32_t){ (uint32_t)pid }, sizeof(uint32_t));
        size_t info = nest_begin(&q, IFLA_LINKINFO);
        put_attr(&q, IFLA_INFO_KIND, kind, strlen(kind) + 1);
        if (peer) {
                size_t data = nest_begin(&q, IFLA_INFO_DATA);
                size_t other = nest_begin(&q, VETH_INFO_PEER);
                put(&q, sizeof(struct ifinfomsg));
                put_attr(&q, IFLA_IFNAME, peer, strlen(peer) + 1);
                nest_end(&q, other);
                nest_end(&q, data);
        }
        nest_end(&q, info);
        return ask(&q);
}

int net_link_create(const char *name, const char *kind, const char *peer, pid_t pid, Err *e) {
        int r = create(name, kind, peer, pid);
        if (r == -EOPNOTSUPP) {
                _cleanup_free_ char *alias = xasprintf("rtnl-link-%s", kind);
                if (modules_load_system(alias) > 0)
                        r = create(name, kind, peer, pid);
        }
        if (r < 0)
                return err_set(e, ERR_IO, r, "create interface \"%s\" type %s", name, kind);
        return 0;
}

int net_link_move(const char *name, pid_t pid, Err *e) {
        Request q;
        unsigned index = if_nametoindex(name);
        if (!index)
                return err_set(e, ERR_NOT_FOUND, errno, "find interface \"%s\"", name);
        begin(&q, RTM_NEWLINK, 0);
        struct ifinfomsg *i = put(&q, sizeof(*i));
        i->ifi_index = (int)index;
        put_attr(&q, IFLA_NET_NS_PID, &(uint32_t){ (uint32_t)pid }, sizeof(uint32_t));
        int r = ask(&q);
        if (r < 0)
                return err_set(e, ERR_IO, r, "move interface \"%s\" to process %d", name, (int)pid);
        return 0;
}
