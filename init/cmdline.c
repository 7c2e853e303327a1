/* cmdline.c - words of the kernel command line.
 *
 * No allocation: pid 1 asks here before and after everything else has failed. */
#include "init/cmdline.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Finds the next word at or after *pos. */
static bool next_word(const char *text, size_t *pos, const char **word, size_t *len) {
        size_t i = *pos;
        while (text[i] && is_blank(text[i]))
                i++;
        size_t start = i;
        while (text[i] && !is_blank(text[i]))
                i++;
        *pos = i;
        *word = text + start;
        *len = i - start;
        return *len > 0;
}

const char *cmdline_text(void) {
        static char text[8192]; /* the largest COMMAND_LINE_SIZE of any architecture is 4096 */
        if (text[0])
                return text;
        int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return text;
        ssize_t n = read(fd, text, sizeof(text) - 1);
        close(fd);
        text[n > 0 ? n : 0] = 0;
        return text;
}

bool cmdline_has(const char *text, const char *word) {
        size_t pos = 0, len;
        const char *w;
        while (next_word(text, &pos, &w, &len))
                if (len == strlen(word) && memcmp(w, word, len) == 0)
                        return true;
        return false;
}

bool cmdline_next(const char *text, const char *key, size_t *pos, char *ret, size_t n) {
        size_t klen = strlen(key), len;
        const char *w;
        while (next_word(text, pos, &w, &len)) {
                if (len <= klen || memcmp(w, key, klen) != 0 || w[klen] != '=')
                        continue;
                size_t vlen = len - klen - 1;
                if (vlen >= n)
                        continue;
                memcpy(ret, w + klen + 1, vlen);
                ret[vlen] = 0;
                return true;
        }
        return false;
}

bool cmdline_last(const char *text, const char *key, char *ret, size_t n) {
        size_t pos = 0;
        bool found = false;
        while (cmdline_next(text, key, &pos, ret, n))
                found = true;
        return found;
}
