/* entrylist.c - see entrylist.h. */
#include "lib/rootfs/entrylist.h"

#include <string.h>

bool path_has_dotdot(const char *path) {
        for (const char *p = path; p; p = strchr(p, '/')) {
                p += *p == '/';
                if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
                        return true;
        }
        return false;
}

const char *name_relative(const char *name) {
        while (*name == '/')
                name++;
        return *name ? name : ".";
}
