/* cmd.h - what the verbs share: the context that main prepares, and the commands themselves.
 *
 * A new command is one file with its flags and its Command, a line here and a row in main.c. */
#pragma once

#include "cmd/linuxkit/flags.h"
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

/* Known values of --arch. */
const Choice *arch_choices(void);

/* Candidates for the last of words, in the form the completion scripts read (cli.md 12). */
void complete_words(const Command *root, const char *const *words, size_t n, bool descriptions,
                    struct Buf *out);

static inline void cleanup_cache_fn(Cache **c) {
        cache_free(*c);
}
#define _cleanup_cache_ _cleanup_(cleanup_cache_fn)

extern const Command cmd_build;
extern const Command cmd_cache;
extern const Command cmd_completion;
extern const Command cmd_help;
extern const Command cmd_pkg;
extern const Command cmd_run;
extern const Command cmd_schema;
extern const Command cmd_version;
