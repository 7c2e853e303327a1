/* logjson.h - a log line as the query socket says it: one JSON object per line (boot.md 11.3). */
#pragma once

#include "init/logring.h"
#include "lib/base/str.h"

/* Appends {"time":"...","source":"...","msg":"..."} and a newline.  Any bytes become valid JSON:
 * what is not UTF-8 is written as U+FFFD. */
void logjson_add(Buf *b, const LogEntry *e);

#define LOGJSON_TIME_SIZE 48

/* RFC 3339 in UTC with nine digits behind the seconds; returns its length. */
size_t logjson_time(int64_t time_ns, char buf[LOGJSON_TIME_SIZE]);
