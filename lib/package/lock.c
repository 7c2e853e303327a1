/* lock.c - see lock.h.  The parser is strict: a merge conflict or a hand edit must not silently
 * change what is built. */
#include "lib/package/lock.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { LOCK_LIMIT = 4 << 20 };

void lock_section_done(LockSection *s) {
        for (size_t i = 0; i < s->n; i++) {
                free(s->entries[i].name);
                free(s->entries[i].version);
        }
        free(s->entries);
        free(s->arch);
        free(s->request);
        *s = (LockSection){ 0 };
}

void lock_done(Lock *l) {
        for (size_t i = 0; i < l->n; i++)
                lock_section_done(&l->sections[i]);
        free(l->sections);
        *l = (Lock){ 0 };
}

void lock_section_add(LockSection *s, const char *name, const char *version, const char *sha256) {
        LockEntry *le = vec_push(s->entries, s->n, s->cap);

        *le = (LockEntry){ .name = xstrdup(name), .version = xstrdup(version) };
        memcpy(le->sha256, sha256, 64);
}

static int entry_cmp(const void *a, const void *b) {
        return strcmp(((const LockEntry *)a)->name, ((const LockEntry *)b)->name);
}

void lock_section_sort(LockSection *s) {
        if (s->n > 1)
                qsort(s->entries, s->n, sizeof(*s->entries), entry_cmp);
}

const LockEntry *lock_section_find(const LockSection *s, const char *name) {
        for (size_t i = 0; i < s->n; i++)
                if (str_eq(s->entries[i].name, name))
                        return &s->entries[i];
        return NULL;
}

const LockSection *lock_section(const Lock *l, const char *arch) {
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(l->sections[i].arch, arch))
                        return &l->sections[i];
        return NULL;
}

static int section_cmp(const void *a, const void *b) {
        return strcmp(((const LockSection *)a)->arch, ((const LockSection *)b)->arch);
}

void lock_set(Lock *l, const LockSection *s) {
        LockSection *slot = NULL;

        for (size_t i = 0; i < l->n; i++)
                if (str_eq(l->sections[i].arch, s->arch))
                        slot = &l->sections[i];
        if (slot)
                lock_section_done(slot);
        else
                slot = vec_push(l->sections, l->n, l->cap);
        *slot = (LockSection){ .arch = xstrdup(s->arch), .request = xstrdup(s->request) };
        for (size_t i = 0; i < s->n; i++)
                lock_section_add(slot, s->entries[i].name, s->entries[i].version,
                                 s->entries[i].sha256);
        lock_section_sort(slot);
        qsort(l->sections, l->n, sizeof(*l->sections), section_cmp);
}

/* Names and versions go to apt as arguments: nothing that could be an option or a path (Debian
 * policy 5.6.1 and 5.6.12). */
static bool word_ok(const char *word) {
        static const char first[] = "0123456789abcdefghijklmnopqrstuvwxyz";
        static const char all[] =
                "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-~:";

        return *word && strchr(first, word[0]) && word[strspn(word, all)] == '\0';
}

static bool hex_ok(const char *s) {
        return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

bool lock_words_ok(const char *name, const char *version, const char *sha256) {
        return word_ok(name) && word_ok(version) && hex_ok(sha256);
}

static int parse_entry(LockSection *s, char *line) {
        char *save = NULL;
        char *name = strtok_r(line, " ", &save), *version = strtok_r(NULL, " ", &save);
        char *sha256 = strtok_r(NULL, " ", &save);

        if (!sha256 || strtok_r(NULL, " ", &save) || !lock_words_ok(name, version, sha256) ||
            lock_section_find(s, name))
                return -1;
        lock_section_add(s, name, version, sha256);
        return 0;
}

static int parse_line(Lock *l, char *line) {
        size_t len = strlen(line);
        LockSection *s = l->n ? &l->sections[l->n - 1] : NULL;

        if (len == 0 || line[0] == '#')
                return 0;
        if (line[0] == '[') {
                if (len < 3 || line[len - 1] != ']')
                        return -1;
                line[len - 1] = '\0';
                if (!word_ok(line + 1) || lock_section(l, line + 1))
                        return -1;
                s = vec_push(l->sections, l->n, l->cap);
                *s = (LockSection){ .arch = xstrdup(line + 1) };
                return 0;
        }
        if (!s)
                return -1;
        if (str_has_prefix(line, "request ")) {
                if (s->request)
                        return -1;
                s->request = xstrdup(line + strlen("request "));
                return 0;
        }
        return s->request ? parse_entry(s, line) : -1;
}

int lock_parse(const char *text, const char *file, Lock *ret, Err *e) {
        _cleanup_free_ char *copy = xstrdup(text);
        _cleanup_lock_ Lock l = { 0 };
        unsigned number = 0;

        for (char *line = copy, *next; line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                number++;
                if (parse_line(&l, line) < 0) {
                        err_set(e, ERR_SPEC, 0, "%s:%u: not a line of a lock file", file, number);
                        return err_hint(e, "delete the file and build again to resolve afresh");
                }
        }
        for (size_t i = 0; i < l.n; i++) {
                if (!l.sections[i].request)
                        return err_set(e, ERR_SPEC, 0, "%s: section [%s] has no request line", file,
                                       l.sections[i].arch);
                lock_section_sort(&l.sections[i]);
        }
        if (l.n > 1)
                qsort(l.sections, l.n, sizeof(*l.sections), section_cmp);
        *ret = l;
        l = (Lock){ 0 };
        return 0;
}

int lock_load(const char *path, Lock *ret, Err *e) {
        _cleanup_free_ char *text = NULL;
        size_t len;

        if (file_read(path, LOCK_LIMIT, &text, &len, e) < 0)
                return -1;
        if (strlen(text) != len)
                return err_set(e, ERR_SPEC, 0, "%s: not a text file", path);
        return lock_parse(text, path, ret, e);
}

void lock_section_print(const LockSection *s, Buf *out) {
        buf_addf(out, "[%s]\nrequest %s\n", s->arch, s->request);
        for (size_t i = 0; i < s->n; i++)
                buf_addf(out, "%s %s %s\n", s->entries[i].name, s->entries[i].version,
                         s->entries[i].sha256);
}

void lock_print(const Lock *l, Buf *out) {
        buf_adds(out, "# Debian packages of this component; rewritten by `linuxkit pkg lock`\n");
        for (size_t i = 0; i < l->n; i++) {
                buf_addc(out, '\n');
                lock_section_print(&l->sections[i], out);
        }
}
