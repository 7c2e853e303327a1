/* paxrecords.c - see paxrecords.h.  Records are cut out of the body in place; a value may hold NUL
 * bytes, a key may not. */
#include "lib/oci/paxrecords.h"

#include <ctype.h>

#define SCHILY_XATTR     "SCHILY.xattr."
#define LIBARCHIVE_XATTR "LIBARCHIVE.xattr."

/* Seconds rounded down and nanoseconds of the rest; further digits are dropped. */
static bool pax_time(const char *text, int64_t *ret_sec, uint32_t *ret_nsec) {
        bool negative = *text == '-';
        const char *dot = strchrnul(text, '.');
        _cleanup_free_ char *whole = xstrndup(text + negative, (size_t)(dot - text) - negative);
        uint64_t sec;
        uint32_t nsec = 0, unit = 100000000;
        if (!str_to_u64(whole, &sec) || sec > INT64_MAX)
                return false;
        if (*dot)
                dot++;
        for (; *dot; dot++, unit /= 10) {
                if (!isdigit((unsigned char)*dot))
                        return false;
                nsec += (uint32_t)(*dot - '0') * unit;
        }
        *ret_sec = negative ? -(int64_t)sec : (int64_t)sec;
        if (negative && nsec) {
                *ret_sec -= 1;
                nsec = 1000000000 - nsec;
        }
        *ret_nsec = nsec;
        return true;
}

static int bad_value(const char *key, Err *e) {
        return err_set(e, ERR_VERIFY, 0, "pax header: bad value of \"%.100s\"", key);
}

static int set_number(const char *key, const char *value, bool *has, uint64_t *ret, Err *e) {
        if (!str_to_u64(value, ret))
                return bad_value(key, e);
        *has = true;
        return 0;
}

/* 1: key is a member of Entry and was stored (an empty value means: as in the header). */
static int known_key(PaxRecords *p, const char *key, const char *value, Err *e) {
        const struct {
                const char *key;
                const char **text;
        } strings[] = {
                { "path", &p->path },
                { "linkpath", &p->linkpath },
                { "uname", &p->uname },
                { "gname", &p->gname },
        };
        for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
                if (!str_eq(key, strings[i].key))
                        continue;
                *strings[i].text = *value ? value : NULL;
                return 1;
        }
        const struct {
                const char *key;
                bool *has;
                uint64_t *number;
        } numbers[] = {
                { "size", &p->has_size, &p->size },
                { "uid", &p->has_uid, &p->uid },
                { "gid", &p->has_gid, &p->gid },
        };
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                if (!str_eq(key, numbers[i].key))
                        continue;
                *numbers[i].has = false;
                if (*value && set_number(key, value, numbers[i].has, numbers[i].number, e) < 0)
                        return -1;
                return 1;
        }
        if (!str_eq(key, "mtime"))
                return 0;
        p->has_mtime = *value;
        if (*value && !pax_time(value, &p->mtime, &p->mtime_nsec))
                return bad_value(key, e);
        return 1;
}

static int add_record(PaxRecords *p, const char *key, const char *value, size_t n, Err *e) {
        bool has_nul = memchr(value, 0, n) != NULL;
        if (str_has_prefix(key, "GNU.sparse."))
                p->sparse = true;
        if (str_eq(key, "atime") || str_eq(key, "ctime")) {
                int64_t sec;
                uint32_t nsec;
                if (n == 0)
                        return 0;
                if (has_nul || !pax_time(value, &sec, &nsec))
                        return bad_value(key, e);
        }
        int r = has_nul && (str_eq(key, "path") || str_eq(key, "linkpath") ||
                            str_eq(key, "uname") || str_eq(key, "gname"))
                        ? bad_value(key, e)
                        : known_key(p, key, value, e);
        if (r != 0)
                return r < 0 ? -1 : 0;
        *vec_push(p->records, p->n, p->cap) =
                (PaxRecord){ .key = key, .value = value, .value_len = n };
        return 0;
}

/* --- LIBARCHIVE.xattr ----------------------------------------------------------------------- */

static int hex_digit(char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                      : -1;
}

/* libarchive writes the attribute's name URL-encoded. */
static char *url_decode(Arena *a, const char *s) {
        char *out = arena_strdup(a, s), *w = out;
        for (; *s; s++) {
                int high = *s == '%' ? hex_digit(s[1]) : -1;
                int low = high >= 0 ? hex_digit(s[2]) : -1;
                if (low >= 0 && (high || low)) {
                        *w++ = (char)(high * 16 + low);
                        s += 2;
                } else {
                        *w++ = *s;
                }
        }
        *w = 0;
        return out;
}

/* Without padding, as libarchive writes it; with padding too.  False: not base64. */
static bool base64_decode(Arena *a, const char *s, size_t n, char **ret, size_t *ret_len) {
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *out = arena_alloc(a, n);
        size_t len = 0;
        uint32_t bits = 0, count = 0;
        while (n && s[n - 1] == '=')
                n--;
        for (size_t i = 0; i < n; i++) {
                const char *p = s[i] ? strchr(digits, s[i]) : NULL;
                if (!p)
                        return false;
                bits = bits << 6 | (uint32_t)(p - digits);
                count += 6;
                if (count >= 8) {
                        count -= 8;
                        out[len++] = (char)(bits >> count & 0xff);
                }
        }
        *ret = out;
        *ret_len = len;
        return true;
}

static bool has_key(const PaxRecords *p, const char *key) {
        for (size_t i = 0; i < p->n; i++)
                if (str_eq(p->records[i].key, key))
                        return true;
        return false;
}

/* bsdtar writes both forms of an attribute; very old ones only their own. */
static int convert_xattrs(PaxRecords *p, Err *e) {
        size_t n = p->n, converted = 0;
        for (size_t i = 0; i < n; i++) {
                const PaxRecord r = p->records[i];
                if (!str_has_prefix(r.key, LIBARCHIVE_XATTR))
                        continue;
                if (!p->arena)
                        p->arena = arena_new();
                char *name = url_decode(p->arena, r.key + strlen(LIBARCHIVE_XATTR));
                char *key = arena_printf(p->arena, SCHILY_XATTR "%s", name);
                if (has_key(p, key))
                        continue;
                /* has_key makes this loop quadratic; no file has that many attributes */
                if (++converted > 1024)
                        return err_set(e, ERR_VERIFY, 0, "pax header: too many attributes");
                char *value;
                size_t len;
                if (!base64_decode(p->arena, r.value, r.value_len, &value, &len))
                        return bad_value(r.key, e);
                *vec_push(p->records, p->n, p->cap) =
                        (PaxRecord){ .key = key, .value = value, .value_len = len };
        }
        return 0;
}

/* --- records -------------------------------------------------------------------------------- */

/* "LEN KEY=VALUE\n", LEN counts the whole record. */
int pax_parse(PaxRecords *p, Err *e) {
        char *at = p->body.data, *end = at + p->body.len;
        while (at < end) {
                uint64_t len = 0;
                char *q = at;
                for (; q < end && isdigit((unsigned char)*q) && q - at < 10; q++)
                        len = len * 10 + (uint64_t)(*q - '0');
                if (q == at || q == end || *q != ' ' || len > (uint64_t)(end - at) ||
                    len < (uint64_t)(q - at) + 3 || at[len - 1] != '\n')
                        return err_set(e, ERR_VERIFY, 0, "pax header: damaged record");
                char *key = q + 1, *last = at + len - 1;
                char *equals = memchr(key, '=', (size_t)(last - key));
                if (!equals || equals == key || memchr(key, 0, (size_t)(equals - key)))
                        return err_set(e, ERR_VERIFY, 0, "pax header: damaged record");
                *equals = 0;
                *last = 0;
                if (add_record(p, key, equals + 1, (size_t)(last - equals - 1), e) < 0)
                        return -1;
                at += len;
        }
        return convert_xattrs(p, e);
}

void pax_add_number(PaxRecords *p, const char *key, int64_t v) {
        if (has_key(p, key))
                return;
        if (!p->arena)
                p->arena = arena_new();
        char *value = arena_printf(p->arena, "%lld", (long long)v);
        *vec_push(p->records, p->n, p->cap) =
                (PaxRecord){ .key = key, .value = value, .value_len = strlen(value) };
}

/* Equal keys all stand in the body, so their addresses tell which came later. */
static int compare(const void *a, const void *b) {
        const PaxRecord *x = a, *y = b;
        int r = strcmp(x->key, y->key);
        return r ? r : (x->key > y->key) - (x->key < y->key);
}

void pax_sort(PaxRecords *p) {
        if (p->n > 1)
                qsort(p->records, p->n, sizeof *p->records, compare);
        size_t w = 0;
        for (size_t i = 0; i < p->n; i++)
                if (i + 1 == p->n || !str_eq(p->records[i].key, p->records[i + 1].key))
                        p->records[w++] = p->records[i];
        p->n = w;
}

void pax_clear(PaxRecords *p) {
        PaxRecords fresh = { .body = p->body, .records = p->records, .cap = p->cap };
        buf_clear(&fresh.body);
        arena_free(p->arena);
        *p = fresh;
}

void pax_done(PaxRecords *p) {
        buf_done(&p->body);
        free(p->records);
        arena_free(p->arena);
        *p = (PaxRecords){ 0 };
}
