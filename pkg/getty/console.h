/* console.h - which terminals get a login, from the console= words of the kernel command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CONSOLE_MAX  16
#define CONSOLE_NAME 32

typedef struct Console {
        char name[CONSOLE_NAME]; /* below /dev */
        unsigned speed;          /* bits per second; 0: leave it alone */
        bool serial;
        const char *term; /* static text */
} Console;

/* Collects console=NAME[,OPTIONS] words in order, each terminal once; names that are no plain file
 * name are left out.  Returns the number written to list (at most CONSOLE_MAX). */
size_t console_parse(const char *cmdline, Console *list);

/* The same from a list of names as in /sys/class/tty/console/active. */
size_t console_parse_names(const char *names, Console *list);
