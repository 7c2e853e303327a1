/* words.c - see words.h. */
#include "pkg/bootloader/words.h"

#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\n\r";

/* The next word at or after *p: its length, 0 at the end. */
static size_t next_word(const char **p) {
        *p += strspn(*p, blanks);
        return strcspn(*p, blanks);
}

/* Copies the value of a word "KEY=VALUE". */
static bool take_value(const char *word, size_t len, const char *key, char *ret) {
        size_t k = strlen(key);
        if (len < k + 1 || memcmp(word, key, k) != 0 || word[k] != '=' || len - k - 1 >= WORD_MAX)
                return false;
        memcpy(ret, word + k + 1, len - k - 1);
        ret[len - k - 1] = 0;
        return true;
}

static bool is_word(const char *word, size_t len, const char *want) {
        return len == strlen(want) && memcmp(word, want, len) == 0;
}

static unsigned to_seconds(const char *text) {
        unsigned long v = strtoul(text, NULL, 10);
        return v > 3600 ? 3600 : (unsigned)v;
}

void words_read(const char *text, Words *ret) {
        char number[WORD_MAX];
        *ret = (Words){ .wait = WORDS_WAIT };
        size_t len;
        for (const char *p = text; (len = next_word(&p)) > 0; p += len) {
                if (take_value(p, len, "root", ret->root) ||
                    take_value(p, len, "rootfstype", ret->types) ||
                    take_value(p, len, "rootflags", ret->flags) ||
                    take_value(p, len, "init", ret->init))
                        continue;
                if (take_value(p, len, "rootdelay", number))
                        ret->delay = to_seconds(number);
                else if (take_value(p, len, "rootwait", number))
                        ret->wait = to_seconds(number);
                else if (is_word(p, len, "rw"))
                        ret->writable = true;
                else if (is_word(p, len, "ro"))
                        ret->writable = false;
                else if (is_word(p, len, "debug"))
                        ret->debug = true;
        }
}

static char fold(char c) {
        return c == '-' ? '_' : c;
}

bool words_same_module(const char *a, size_t n, const char *b) {
        if (strlen(b) != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (fold(a[i]) != fold(b[i]))
                        return false;
        return true;
}

void words_parameters(const char *text, const char *module, char *ret, size_t n) {
        size_t len, used = 0;
        ret[0] = 0;
        for (const char *p = text; (len = next_word(&p)) > 0; p += len) {
                size_t dot = strcspn(p, ".=");
                if (dot + 1 >= len || p[dot] != '.' || !words_same_module(p, dot, module))
                        continue;
                size_t size = len - dot - 1;
                if (used + size + 2 > n)
                        continue;
                if (used)
                        ret[used++] = ' ';
                memcpy(ret + used, p + dot + 1, size);
                used += size;
                ret[used] = 0;
        }
}

bool words_blacklisted(const char *text, const char *module) {
        char list[WORD_MAX];
        size_t len;
        for (const char *p = text; (len = next_word(&p)) > 0; p += len) {
                if (!take_value(p, len, "modprobe.blacklist", list))
                        continue;
                for (const char *s = list; *s; s += strspn(s, ",")) {
                        size_t k = strcspn(s, ",");
                        if (words_same_module(s, k, module))
                                return true;
                        s += k;
                }
        }
        return false;
}
