/* logkmsg.h - kernel messages as log lines (boot.md 11.5). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/logfiles.h"
#include "init/logring.h"

/* A record of /dev/kmsg: "PRIORITY,SEQ,MICROSECONDS,FLAGS[,...];MESSAGE\n". */
typedef struct LogKmsg {
        uint64_t seq, us; /* us: since the machine started */
        const char *msg;
        size_t len;
} LogKmsg;

/* False for what is no such record. */
bool logkmsg_parse(const char *p, size_t n, LogKmsg *ret);

/* Watches the kernel's messages at path and stores them under the source "kmsg", from the first
 * one that the ring does not have.  Where the file cannot be opened nothing happens. */
void logkmsg_watch(const char *path, int epoll, LogRing *ring, LogFiles *files);
