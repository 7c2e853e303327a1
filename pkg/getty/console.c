/* console.c - the rules of spec/boot.md 12: serial lines get a speed and vt100, the rest is linux.
 */
#include "pkg/getty/console.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_SPEED 115200

static const char blanks[] = " \t\r\n";

static bool is_serial(const char *name) {
        static const char *const prefixes[] = { "ttyS", "ttyAMA", "ttyUSB", "ttyMFD" };
        for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;
        return false;
}

/* name[,options] with a length; the number that starts the options is the speed. */
static bool console_make(const char *word, size_t n, Console *ret) {
        size_t name = strcspn(word, ",");
        if (name > n)
                name = n;
        if (name == 0 || name >= CONSOLE_NAME || memchr(word, '/', name) || word[0] == '.')
                return false;

        Console c = { .term = "linux" };
        memcpy(c.name, word, name);
        c.serial = is_serial(c.name);
        if (c.serial) {
                unsigned long speed = name < n ? strtoul(word + name + 1, NULL, 10) : 0;
                c.speed = speed > 0 && speed <= 4000000 ? (unsigned)speed : DEFAULT_SPEED;
                c.term = "vt100";
        }
        *ret = c;
        return true;
}

static size_t collect(const char *text, const char *prefix, Console *list) {
        size_t count = 0;
        for (const char *w = text + strspn(text, blanks); *w && count < CONSOLE_MAX;) {
                size_t n = strcspn(w, blanks), skip = strlen(prefix);
                bool known = strncmp(w, prefix, skip) != 0 ||
                             !console_make(w + skip, n - skip, &list[count]);
                for (size_t i = 0; i < count && !known; i++)
                        known = strcmp(list[i].name, list[count].name) == 0;
                if (!known)
                        count++;
                w += n;
                w += strspn(w, blanks);
        }
        return count;
}

size_t console_parse(const char *cmdline, Console *list) {
        return collect(cmdline, "console=", list);
}

size_t console_parse_names(const char *names, Console *list) {
        return collect(names, "", list);
}
