/* account.c - lines of fields separated by colons, and crypt(3). */
#include "pkg/getty/account.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 16

/* crypt(3) of this does work, and its result matches no password. */
#define DUMMY_HASH "$6$linuxkit$x"

/* Splits in place; missing fields are empty. */
static void split(char *line, char *fields[MAX_FIELDS]) {
        static char empty[1];
        line[strcspn(line, "\r\n")] = '\0';
        for (int i = 0; i < MAX_FIELDS; i++) {
                fields[i] = line ? line : empty;
                line = line ? strchr(line, ':') : NULL;
                if (line)
                        *line++ = '\0';
        }
}

/* The caller frees *ret_line, into which the fields point. */
static bool find_line(const char *path, const char *name, char **ret_line,
                      char *fields[MAX_FIELDS]) {
        FILE *f = *name ? fopen(path, "re") : NULL;
        char *line = NULL;
        size_t size = 0;
        bool found = false;
        while (f && !found && getline(&line, &size, f) >= 0) {
                split(line, fields);
                found = strcmp(fields[0], name) == 0;
        }
        if (f)
                fclose(f);
        if (!found)
                free(line);
        else
                *ret_line = line;
        return found;
}

static bool copy(char *dst, size_t size, const char *src) {
        return (size_t)snprintf(dst, size, "%s", src) < size;
}

bool account_find(const char *passwd_path, const char *name, Account *ret) {
        char *line, *f[MAX_FIELDS], *end_uid, *end_gid;
        if (!find_line(passwd_path, name, &line, f))
                return false;
        Account a = { .uid = (uid_t)strtoul(f[2], &end_uid, 10),
                      .gid = (gid_t)strtoul(f[3], &end_gid, 10) };
        bool good = *f[2] && !*end_uid && *f[3] && !*end_gid &&
                    copy(a.name, sizeof(a.name), f[0]) &&
                    copy(a.home, sizeof(a.home), *f[5] ? f[5] : "/") &&
                    copy(a.shell, sizeof(a.shell), *f[6] ? f[6] : "/bin/sh");
        free(line);
        if (good)
                *ret = a;
        return good;
}

static bool same(const char *a, const char *b) {
        size_t n = strlen(a);
        if (n != strlen(b))
                return false;
        unsigned char diff = 0; /* no early end: time must not tell how much was right */
        for (size_t i = 0; i < n; i++)
                diff |= (unsigned char)(a[i] ^ b[i]);
        return diff == 0;
}

bool account_check(const char *shadow_path, const char *name, const char *password) {
        char *line = NULL, *f[MAX_FIELDS];
        bool known = find_line(shadow_path, name, &line, f);
        bool usable = known && f[1][0] != '\0' && f[1][0] != '*' && f[1][0] != '!';
        const char *hash = usable ? f[1] : DUMMY_HASH;
        const char *made = crypt(password, hash);
        bool good = usable && made && made[0] != '*' && same(made, hash);
        free(line);
        return good;
}

bool account_is_open(const char *shadow_path, const char *name) {
        char *line, *f[MAX_FIELDS];
        if (!find_line(shadow_path, name, &line, f))
                return false;
        bool open = f[1][0] == '\0';
        free(line);
        return open;
}
