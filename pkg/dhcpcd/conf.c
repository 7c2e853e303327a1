/* conf.c - the reader of dhcpcd.conf: a word, then arguments separated by blanks or commas.
 *
 * Everything after an `interface`, `ssid` or `profile` line would hold for that one only, which we
 * do not have: the line is reported, and what follows it applies to all. */
#include "pkg/dhcpcd/conf.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\r\n";

static const char *set_patterns(char list[][CONF_WORD], unsigned *n, char *args) {
        char *save = NULL;
        for (char *w = strtok_r(args, " \t\r\n,", &save); w;
             w = strtok_r(NULL, " \t\r\n,", &save)) {
                if (*n == CONF_PATTERNS)
                        return "too many interfaces";
                if (strlen(w) >= CONF_WORD)
                        return "interface name too long";
                strcpy(list[(*n)++], w);
        }
        return NULL;
}

static const char *set_options(DhcpConf *c, char *args) {
        char *save = NULL;
        for (char *w = strtok_r(args, " \t\r\n,", &save); w;
             w = strtok_r(NULL, " \t\r\n,", &save)) {
                if (strcmp(w, "interface_mtu") == 0)
                        c->want_mtu = true;
                else if (strcmp(w, "domain_search") == 0)
                        c->want_search = true;
                else if (strcmp(w, "classless_static_routes") == 0)
                        c->want_routes = true;
                else if (strcmp(w, "host_name") == 0)
                        c->want_hostname = true;
        }
        return NULL;
}

/* Host names go to udhcpc as they are: only what RFC 1123 allows. */
static bool hostname_is_valid(const char *s) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
        return s[strspn(s, allowed)] == '\0' && *s != '-' && strlen(s) < CONF_WORD;
}

static const char *set_text(char *dst, size_t size, const char *arg, const char *too_long) {
        size_t n = strlen(arg);
        if (n >= 2 && arg[0] == '"' && arg[n - 1] == '"') {
                arg++;
                n -= 2;
        }
        if (n >= size)
                return too_long;
        memcpy(dst, arg, n);
        dst[n] = '\0';
        return NULL;
}

static const char *set_timeout(DhcpConf *c, const char *arg) {
        char *end;
        long v = strtol(arg, &end, 10);
        if (end == arg || *end || v < 0 || v > 86400)
                return "timeout is not a number of seconds from 0 to 86400";
        c->timeout = (int)v;
        return NULL;
}

void conf_init(DhcpConf *c) {
        *c = (DhcpConf){ .timeout = -1 };
}

const char *conf_line(DhcpConf *c, char *line) {
        line[strcspn(line, "#;")] = '\0';
        char *key = line + strspn(line, blanks);
        char *args = key + strcspn(key, blanks);
        if (*args)
                *args++ = '\0';
        args += strspn(args, blanks);
        for (size_t n = strlen(args); n > 0 && strchr(blanks, args[n - 1]);)
                args[--n] = '\0';

        if (strcmp(key, "allowinterfaces") == 0)
                return set_patterns(c->allow, &c->n_allow, args);
        if (strcmp(key, "denyinterfaces") == 0)
                return set_patterns(c->deny, &c->n_deny, args);
        if (strcmp(key, "option") == 0 || strcmp(key, "request") == 0)
                return set_options(c, args);
        if (strcmp(key, "timeout") == 0)
                return set_timeout(c, args);
        if (strcmp(key, "clientid") == 0)
                return set_text(c->client_id, CONF_CLIENT_ID, args, "clientid too long");
        if (strcmp(key, "hostname") == 0) {
                if (!hostname_is_valid(args))
                        return "not a host name";
                c->send_hostname = true;
                return set_text(c->hostname, CONF_WORD, args, "hostname too long");
        }
        if (strcmp(key, "interface") == 0 || strcmp(key, "ssid") == 0 ||
            strcmp(key, "profile") == 0)
                return "sections are not supported; what follows applies to all interfaces";
        return NULL;
}

static bool matches(const char list[][CONF_WORD], unsigned n, const char *name) {
        for (unsigned i = 0; i < n; i++)
                if (fnmatch(list[i], name, 0) == 0)
                        return true;
        return false;
}

bool conf_allows(const DhcpConf *c, const char *interface) {
        return !matches(c->deny, c->n_deny, interface) &&
               (c->n_allow == 0 || matches(c->allow, c->n_allow, interface));
}
