/* glob.c - see glob.h.  Backtracking goes to the latest star only, as in every shell; a '*' that
 * failed hands back to an earlier '**', so the work is bounded by a polynomial, not by 2^n. */
#include "lib/package/glob.h"

#include <string.h>

bool glob_is_pattern(const char *pattern) {
        return strpbrk(pattern, "*?[") != NULL;
}

/* Matches one character against the set that starts after '['.  Returns the position after ']', or
 * NULL when the set is not closed: the '[' is then an ordinary character. */
static const char *set_match(const char *p, unsigned char c, bool *ret_hit) {
        bool negate = *p == '!' || *p == '^', hit = false;

        if (negate)
                p++;
        for (const char *first = p; *p && (*p != ']' || p == first); p++) {
                unsigned char lo = (unsigned char)*p, hi = lo;

                if (p[1] == '-' && p[2] && p[2] != ']') {
                        hi = (unsigned char)p[2];
                        p += 2;
                }
                if (c >= lo && c <= hi)
                        hit = true;
        }
        if (*p != ']')
                return NULL;
        *ret_hit = hit != negate && c != '/';
        return p + 1;
}

/* One pattern element against one character: the position after the element, or NULL. */
static const char *one_match(const char *p, char c) {
        bool hit = false;

        if (!*p || !c)
                return NULL;
        if (*p == '?')
                return c != '/' ? p + 1 : NULL;
        if (*p == '[') {
                const char *end = set_match(p + 1, (unsigned char)c, &hit);

                if (end)
                        return hit ? end : NULL;
        }
        return *p == c ? p + 1 : NULL;
}

bool glob_match(const char *pattern, const char *path) {
        const char *p = pattern, *s = path;
        const char *star = NULL, *star_at = NULL; /* latest '*' and where it stopped */
        const char *deep = NULL, *deep_at = NULL; /* latest '**' */

        for (;;) {
                if (p[0] == '*' && p[1] == '*') {
                        while (*p == '*')
                                p++;
                        deep = p, deep_at = s;
                        star = NULL;
                        continue;
                }
                if (*p == '*') {
                        star = ++p, star_at = s;
                        continue;
                }
                if (!*p && !*s)
                        return true;

                const char *next = one_match(p, *s);

                if (next) {
                        p = next, s++;
                } else if (star && *star_at && *star_at != '/') {
                        s = ++star_at, p = star;
                } else if (deep && *deep_at) {
                        s = ++deep_at, p = deep;
                        star = NULL;
                } else {
                        return false;
                }
        }
}

size_t glob_fixed_part(const char *pattern) {
        size_t n = strcspn(pattern, "*?[");

        while (n && pattern[n - 1] != '/')
                n--;
        return n;
}
