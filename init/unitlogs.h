/* unitlogs.h - where standard output and standard error of a service go: FIFOs whose other end the
 * log daemon has, else files. */
#pragma once

#include <stdbool.h>

#include "init/logsend.h"

typedef struct UnitLogs {
        char *names[2]; /* of the streams: standard output, standard error */
        char *files[2];
        LogPipe pipes[2];
} UnitLogs;

/* Files are put into log_dir. */
void unitlogs_init(UnitLogs *l, const char *log_dir, const char *service);
void unitlogs_done(UnitLogs *l);

/* Before a life of the service; keep: what the files hold is left there.  What cannot be made is
 * reported and costs the log, not the service.  to may be NULL: files. */
void unitlogs_open(UnitLogs *l, const LogTarget *to, bool keep);

/* For a service that runs already, by the doing of a former supervisor. */
void unitlogs_adopt(UnitLogs *l, const LogTarget *to);

/* What the service's process writes to; i is 0 or 1. */
const char *unitlogs_path(const UnitLogs *l, int i);
