/* logclient.h - reading the log through the query socket: `logread` and `service logs`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

/* One line; false ends the reading. */
typedef bool (*LogclientFn)(void *data, const char *time, const char *source, const char *msg);
/* What was there at the beginning has been read (mode LOGQUERY_MARKED). */
typedef void (*LogclientMarkFn)(void *data);

/* Asks with a LOGQUERY_ byte and calls fn for every line until the daemon closes or fn has enough.
 * mark may be NULL.  ERR_NOT_FOUND when no daemon listens. */
int logclient_read(const char *socket, unsigned char mode, LogclientFn fn, LogclientMarkFn mark,
                   void *data, Err *e);

/* Options of `service logs`. */
typedef struct LogclientShow {
        const char *socket, *name; /* of the service */
        bool follow, times;
        size_t lines; /* only the last ones; 0: all */
} LogclientShow;

/* Prints what the service wrote.  Returns the number of lines, -1 with an error: ERR_NOT_FOUND
 * when there is no log daemon. */
int logclient_show(const LogclientShow *show, Err *e);

/* logread [-F] [-f] [-socket PATH] (boot.md 11.3) */
int logclient_logread(int argc, char **argv);
