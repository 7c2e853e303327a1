/* console.c - see console.h. */
#include "pkg/bootloader/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool console_debug;

static void say(const char *fmt, va_list ap) {
        static char last[1024];
        char line[sizeof(last)] = "stub: ";
        int used = 6, room = (int)sizeof(line) - used - 2;
        int n = vsnprintf(line + used, (size_t)room, fmt, ap);
        used += n < 0 ? 0 : n < room ? n : room - 1;
        line[used++] = '\n';
        line[used] = 0;
        if (strcmp(line, last) == 0) /* an attempt that is made again and again */
                return;
        strcpy(last, line);
        if (write(STDERR_FILENO, line, (size_t)used) < 0)
                return; /* there is nobody else to tell */
}

void console_say(const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        say(fmt, ap);
        va_end(ap);
}

void console_trace(const char *fmt, ...) {
        va_list ap;
        if (!console_debug)
                return;
        va_start(ap, fmt);
        say(fmt, ap);
        va_end(ap);
}
