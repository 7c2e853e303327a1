/* netif.c - ioctls where they do, rtnetlink where they do not (replacing routes, gateways outside
 * the subnet).
 *
 * Routes carry a metric made from the interface index, so that two interfaces can each have a
 * default route and the first one wins. */
#include "pkg/dhcpcd/netif.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define METRIC_BASE 1000

static struct ifreq request_for(const char *name) {
        struct ifreq r = { 0 };
        strncpy(r.ifr_name, name, IFNAMSIZ - 1);
        return r;
}

static int interface_ioctl(unsigned long code, struct ifreq *r) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        int result = ioctl(fd, (int)code, r) < 0 ? -errno : 0;
        close(fd);
        return result;
}

unsigned netif_ethernet_flags(const char *name) {
        struct ifreq r = request_for(name);
        if (interface_ioctl(SIOCGIFHWADDR, &r) < 0 || r.ifr_hwaddr.sa_family != ARPHRD_ETHER)
                return 0;
        r = request_for(name);
        if (interface_ioctl(SIOCGIFFLAGS, &r) < 0)
                return 0;
        unsigned flags = (unsigned short)r.ifr_flags;
        return flags & (IFF_LOOPBACK | IFF_SLAVE | IFF_NOARP) ? 0 : flags;
}

int netif_up(const char *name) {
        struct ifreq r = request_for(name);
        int result = interface_ioctl(SIOCGIFFLAGS, &r);
        if (result < 0 || (r.ifr_flags & IFF_UP))
                return result;
        r.ifr_flags |= IFF_UP;
        return interface_ioctl(SIOCSIFFLAGS, &r);
}

int netif_set_mtu(const char *name, int mtu) {
        struct ifreq r = request_for(name);
        r.ifr_mtu = mtu;
        return interface_ioctl(SIOCSIFMTU, &r);
}

static int set_inet(const char *name, unsigned long code, struct in_addr a) {
        struct ifreq r = request_for(name);
        struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = a };
        memcpy(&r.ifr_addr, &sin, sizeof(sin));
        return interface_ioctl(code, &r);
}

struct in_addr netif_address(const char *name) {
        struct ifreq r = request_for(name);
        struct sockaddr_in sin = { 0 };
        if (interface_ioctl(SIOCGIFADDR, &r) == 0)
                memcpy(&sin, &r.ifr_addr, sizeof(sin));
        return sin.sin_addr;
}

int netif_set_address(const char *name, struct in_addr address, unsigned prefix,
                      struct in_addr broadcast) {
        struct in_addr mask = { prefix ? htonl(~(uint32_t)0 << (32 - prefix)) : 0 };
        int r = set_inet(name, SIOCSIFADDR, address);
        if (r == 0)
                r = set_inet(name, SIOCSIFNETMASK, mask);
        if (r == 0 && prefix < 31)
                r = set_inet(name, SIOCSIFBRDADDR, broadcast);
        return r;
}

int netif_clear_address(const char *name) {
        return set_inet(name, SIOCSIFADDR, (struct in_addr){ INADDR_ANY });
}

/* --- rtnetlink ------------------------------------------------------------------------------ */

typedef struct RouteMessage {
        struct nlmsghdr head;
        struct rtmsg route;
        unsigned char attributes[128];
} RouteMessage;

static void add_u32(RouteMessage *m, unsigned short type, uint32_t value) {
        struct rtattr a = { .rta_len = RTA_LENGTH(sizeof(value)), .rta_type = type };
        unsigned char *p = (unsigned char *)m + NLMSG_ALIGN(m->head.nlmsg_len);
        memcpy(p, &a, sizeof(a));
        memcpy(p + RTA_LENGTH(0), &value, sizeof(value));
        m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + RTA_SPACE(sizeof(value));
}

static int exchange(const RouteMessage *m) {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0)
                return -errno;
        struct {
                struct nlmsghdr head;
                struct nlmsgerr error;
                unsigned char rest[512];
        } answer = { 0 };
        int r = 0;
        if (send(fd, m, m->head.nlmsg_len, 0) < 0)
                r = -errno;
        else if (recv(fd, &answer, sizeof(answer), 0) < 0)
                r = -errno;
        else if (answer.head.nlmsg_type != NLMSG_ERROR)
                r = -EPROTO;
        else
                r = answer.error.error;
        close(fd);
        return r;
}

int netif_add_route(const char *name, struct in_addr dst, unsigned prefix, struct in_addr gateway,
                    struct in_addr source) {
        unsigned index = if_nametoindex(name);
        if (index == 0)
                return -errno;
        bool on_link = gateway.s_addr == INADDR_ANY;
        RouteMessage m = {
                .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                          .nlmsg_type = RTM_NEWROUTE,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE },
                .route = { .rtm_family = AF_INET,
                           .rtm_dst_len = (unsigned char)prefix,
                           .rtm_table = RT_TABLE_MAIN,
                           .rtm_protocol = RTPROT_DHCP,
                           .rtm_scope = on_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
                           .rtm_type = RTN_UNICAST,
                           /* clouds hand out /32 with a gateway outside of it */
                           .rtm_flags = on_link ? 0 : RTNH_F_ONLINK },
        };
        if (prefix > 0)
                add_u32(&m, RTA_DST, dst.s_addr);
        if (!on_link)
                add_u32(&m, RTA_GATEWAY, gateway.s_addr);
        add_u32(&m, RTA_OIF, index);
        add_u32(&m, RTA_PREFSRC, source.s_addr);
        add_u32(&m, RTA_PRIORITY, METRIC_BASE + index);
        return exchange(&m);
}

int netif_watch(void) {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
        if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
                int r = -errno;
                if (fd >= 0)
                        close(fd);
                return r;
        }
        return fd;
}
