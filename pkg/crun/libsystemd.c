/* libsystemd.c - libsystemd.so.0 for crun in a machine that has no systemd: the functions that it
 * names, each with the answer of "nobody is there".
 *
 * Debian's crun wants the library to start at all but calls it only for `--systemd-cgroup`,
 * NOTIFY_SOCKET and the log driver journald.  The real one brings libgcrypt, lzma, zstd and lz4:
 * half of the component, and a third of the time that a container needs to start. */
#include <errno.h>
#include <stddef.h>

/* Variadic or not, with whatever arguments: none is looked at, and the caller cleans up. */
#define REFUSE(name)                \
        int name(void);             \
        int name(void) {            \
                return -EOPNOTSUPP; \
        }
#define NOTHING_TO_DO(name) \
        int name(void);     \
        int name(void) {    \
                return 0;   \
        }
#define FREE(name)           \
        void *name(void);    \
        void *name(void) {   \
                return NULL; \
        }

REFUSE(sd_bus_call)
REFUSE(sd_bus_default_system)
REFUSE(sd_bus_default_user)
REFUSE(sd_bus_error_get_errno)
REFUSE(sd_bus_match_signal_async)
REFUSE(sd_bus_message_append)
REFUSE(sd_bus_message_append_strv)
REFUSE(sd_bus_message_close_container)
REFUSE(sd_bus_message_new_method_call)
REFUSE(sd_bus_message_open_container)
REFUSE(sd_bus_message_read)
REFUSE(sd_bus_process)
REFUSE(sd_bus_wait)
REFUSE(sd_journal_send_with_location)
NOTHING_TO_DO(sd_notify) /* no NOTIFY_SOCKET */
NOTHING_TO_DO(sd_notify_barrier)
FREE(sd_bus_error_free)
FREE(sd_bus_message_unref)
FREE(sd_bus_unref)
