/* parse.h - one line of a sysctl.d file. */
#pragma once

#include <stdbool.h>

typedef enum SysctlKind {
        SYSCTL_EMPTY,   /* blank or comment */
        SYSCTL_SETTING, /* path and value are set */
        SYSCTL_BAD,     /* not "key = value", or a key that would leave /proc/sys */
} SysctlKind;

typedef struct SysctlLine {
        char *path;    /* relative to /proc/sys; points into the line */
        char *value;   /* points into the line */
        bool optional; /* "-key": a setting the kernel does not have is no reason for a warning */
} SysctlLine;

/* Takes the line apart in place; it may end in a newline. */
SysctlKind sysctl_parse(char *line, SysctlLine *ret);
