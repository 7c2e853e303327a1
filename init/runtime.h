/* runtime.h - the text of a runtime.json (boot.md section 9, appendix B) as a struct.
 *
 * Every key may be absent, null or empty, and unknown keys are ignored: files of the reference and
 * of later versions must load. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/bundle.h"
#include "lib/base/mem.h"

typedef struct RuntimeMount {
        const char *source, *destination, *type; /* never NULL; destination never "" */
        char **options;
        size_t n_options;
} RuntimeMount;

typedef struct RuntimeInterface {
        const char *name, *add, *peer; /* name is never "", add and peer may be */
        bool create_in_root;
} RuntimeInterface;

enum { RUNTIME_NAMESPACES = 7 };
extern const char
        *const runtime_namespaces[RUNTIME_NAMESPACES]; /* names in /proc/PID/ns, in order */

/* At most so many; nobody needs more, and a hostile file must not cost a walk over all pairs. */
enum { RUNTIME_NEEDS_MAX = 256 };

typedef struct Runtime {
        char **cgroups, **mkdir;
        size_t n_cgroups, n_mkdir;
        RuntimeMount *mounts;
        size_t n_mounts;
        RuntimeInterface *interfaces;
        size_t n_interfaces;
        const char *bind_ns[RUNTIME_NAMESPACES]; /* "" where nothing is wanted */
        const char *namespace;                   /* "" when not given */
        RestartPolicy restart;
        FailPolicy fail;
        unsigned timeout;        /* seconds, 0 when not given */
        const char *oci_runtime; /* "" when not given */
        char **needs;
        size_t n_needs;
        ProbeSpec ready, health;
        unsigned restart_limit, stop_timeout; /* stop_timeout: seconds; both 0 when not given */
} Runtime;

/* Everything in *ret lives in the arena.  Errors are ERR_SPEC and name the key. */
int runtime_parse(const char *text, Arena *arena, Runtime *ret, Err *e);
