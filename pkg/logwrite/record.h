/* record.h - one line of the log daemon's answer: {"time":"...","source":"...","msg":"..."}. */
#pragma once

#include <stdbool.h>

typedef struct Record {
        char *time, *source, *msg; /* in the line itself */
} Record;

/* Decodes the line in place.  False when it is no object, or lacks one of the three strings. */
bool record_parse(char *line, Record *ret);
