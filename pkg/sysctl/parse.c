/* parse.c - "key = value" lines (spec/packages.md, sysctl).
 *
 * The separator that comes first decides: in net.ipv4.x dots separate and a slash stands for a dot
 * (net.ipv4.conf.eth0/100.forwarding); in net/ipv4/x slashes separate and dots are literal. */
#include "pkg/sysctl/parse.h"

#include <string.h>

static const char blanks[] = " \t\r\n\v\f";

static char *trim(char *s) {
        s += strspn(s, blanks);
        size_t n = strlen(s);
        while (n > 0 && strchr(blanks, s[n - 1]))
                s[--n] = '\0';
        return s;
}

static void key_to_path(char *key) {
        size_t first = strcspn(key, "./");
        if (key[first] != '.')
                return;
        for (char *p = key; *p; p++)
                if (*p == '.')
                        *p = '/';
                else if (*p == '/')
                        *p = '.';
}

/* Every part must be a name: no empty part, no "." and "..", no leading slash. */
static bool path_is_safe(const char *path) {
        for (const char *p = path;; p++) {
                size_t n = strcspn(p, "/");
                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                p += n;
                if (*p == '\0')
                        return true;
        }
}

SysctlKind sysctl_parse(char *line, SysctlLine *ret) {
        char *key = trim(line);
        if (*key == '\0' || *key == '#' || *key == ';')
                return SYSCTL_EMPTY;

        char *eq = strchr(key, '=');
        if (!eq || strchr(eq + 1, '='))
                return SYSCTL_BAD;
        *eq = '\0';

        bool optional = *key == '-';
        key = trim(key + optional);
        key_to_path(key);
        if (!path_is_safe(key))
                return SYSCTL_BAD;

        *ret = (SysctlLine){ .path = key, .value = trim(eq + 1), .optional = optional };
        return SYSCTL_SETTING;
}
