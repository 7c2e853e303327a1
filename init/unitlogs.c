/* unitlogs.c - see unitlogs.h. */
#include "init/unitlogs.h"

#include "init/log.h"
#include "init/unitprep.h"
#include "lib/base/mem.h"

void unitlogs_init(UnitLogs *l, const char *log_dir, const char *service) {
        *l = (UnitLogs){ .names = { xasprintf("%s.out", service), xstrdup(service) },
                         .pipes = { LOGPIPE_INIT, LOGPIPE_INIT } };
        for (int i = 0; i < 2; i++)
                l->files[i] = xasprintf("%s/%s.log", log_dir, l->names[i]);
}

void unitlogs_done(UnitLogs *l) {
        for (int i = 0; i < 2; i++) {
                free(l->names[i]);
                free(l->files[i]);
                logpipe_done(&l->pipes[i]);
        }
}

void unitlogs_open(UnitLogs *l, const LogTarget *to, bool keep) {
        for (int i = 0; i < 2; i++) {
                _cleanup_err_ Err e = ERR_INIT;
                if (to && to->socket) {
                        if (logpipe_renew(&l->pipes[i], to, l->names[i], &e) == 0)
                                continue;
                        log_line("service %s: %s", l->names[1], e.text);
                }
                if (unitprep_log(l->files[i], keep, &e) < 0)
                        log_line("service %s: %s", l->names[1], e.text);
        }
}

void unitlogs_adopt(UnitLogs *l, const LogTarget *to) {
        for (int i = 0; to && to->socket && i < 2; i++)
                logpipe_adopt(&l->pipes[i], to, l->names[i]);
}

const char *unitlogs_path(const UnitLogs *l, int i) {
        return l->pipes[i].path ? l->pipes[i].path : l->files[i];
}
