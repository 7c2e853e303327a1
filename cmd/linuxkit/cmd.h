/* cmd.h - what the verbs share: the context that main prepares, and the commands themselves.
 *
 * A new command is one file with its flags and its Command, a line here and a row in main.c. */
#pragma once

#include <jansson.h>

#include "cmd/linuxkit/flags.h"
#include "lib/oci/platform.h"
#include "lib/oci/registry.h"

typedef struct Context {
        const char *program; /* base name of argv[0] */
        const Command *root;
        const Args *args;
        const char *cache; /* --cache; NULL: LINUXKIT_CACHE or the default */
        RegistryOptions registry;
} Context;

/* Sets up logging and fills cache and registry from the global flags and the environment (cli.md
 * 2). Strings are borrowed from args and its arena. */
int context_setup(Context *c, Err *e);
/* The global flags. */
extern const Flag context_flags[];

/* Signals that end the program remove temporary files first, see signals.c. */
void signals_setup(void);
/* Ends the program by sig, after one line on stderr. */
void signals_die(int sig) __attribute__((noreturn));

/* Known values of --arch and --platform. */
const Choice *arch_choices(void);
const Choice *platform_choices(void);

/* What --platform (OS/ARCH, several, or "all") and --arch of a command say; neither: this machine's
 * platform.  A command may have just one of the two flags. Strings live in the arena of args. */
int platforms_wanted(const Args *a, Platforms *ret, Err *e);

/* --json: results are JSON on standard output. */
bool json_wanted(const Context *c);
/* Writes j and a newline; takes the reference. */
int json_result(json_t *j, Err *e);

/* Candidates for the last of words, in the form the completion scripts read (cli.md 12). */
void complete_words(const Command *root, const char *const *words, size_t n, bool descriptions,
                    struct Buf *out);

static inline void cleanup_cache_fn(Cache **c) {
        cache_free(*c);
}
#define _cleanup_cache_ _cleanup_(cleanup_cache_fn)

extern const Command cmd_build;
extern const Command cmd_bundle;
extern const Command cmd_cache;
extern const Command cmd_cache_clean;
extern const Command cmd_cache_export;
extern const Command cmd_cache_gc;
extern const Command cmd_cache_import;
extern const Command cmd_cache_pull;
extern const Command cmd_cache_push;
extern const Command cmd_cache_rm;
extern const Command cmd_cache_verify;
extern const Command cmd_completion;
extern const Command cmd_help;
extern const Command cmd_lock;
extern const Command cmd_pkg;
extern const Command cmd_run;
extern const Command cmd_schema;
extern const Command cmd_version;
