/* flags.h - the command tables and the parser that reads a command line by them.
 *
 * Everything that a user sees of commands and flags (parsing, --help, completion, man pages) comes
 * from these tables.  A flag of a group is valid on all its commands, and may stand before their
 * name: `linuxkit --cpus 2 run qemu img` (cli.md 1). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

typedef enum FlagKind {
        FLAG_BOOL,
        FLAG_STRING,
        FLAG_INT,
        FLAG_LIST, /* one value per occurrence */
        FLAG_CSV,  /* each occurrence is also split at commas */
} FlagKind;

/* One word that a flag accepts, with what it means; a list ends with word NULL. */
typedef struct Choice {
        const char *word, *help;
} Choice;

typedef struct Flag {
        const char *name; /* long name; NULL ends a table */
        char letter;      /* shorthand, 0: none */
        FlagKind kind;
        const char *arg;      /* placeholder in the help, NULL for FLAG_BOOL */
        const char *fallback; /* value when the flag is not given (string and int), NULL: none */
        const char *help;
        const Choice *(*choices)(void); /* known values for help and completion, NULL: free text */
} Flag;

struct Context;

typedef struct Command Command;
struct Command {
        const char *name;                      /* NULL ends a list */
        const char *args;                      /* "FILE...", shown in the usage line; NULL: none */
        const char *help;                      /* one line */
        const char *text;                      /* paragraphs of the manual, NULL: none */
        const Flag *flags;                     /* NULL: none */
        const Command *const *commands;        /* NULL-terminated, NULL: not a group */
        const Command *implied;                /* the one meant when none is named: its flags are
                                                  accepted too; NULL: none */
        int min_args, max_args;                /* max_args -1: any number */
        bool takes_files;                      /* arguments are completed as file names */
        int (*run)(struct Context *c, Err *e); /* NULL: a bare group, which prints its help */
};

enum { COMMAND_DEPTH = 4 }; /* linuxkit, group, command and one to spare */

/* The way from the root to a command. */
typedef struct CommandPath {
        const Command *items[COMMAND_DEPTH];
        size_t n;
} CommandPath;

/* "linuxkit pkg build", malloc'ed; separator between the words. */
char *command_path_text(const CommandPath *p, const char *separator);
static inline const Command *command_path_last(const CommandPath *p) {
        return p->items[p->n - 1];
}
/* Flag of the last command or of one of its groups; name is not NUL-terminated. NULL: unknown. */
const Flag *command_find_flag(const CommandPath *p, const char *name, size_t len);
const Flag *command_find_letter(const CommandPath *p, char letter);
/* The flag whose value is the word after arg; NULL: arg takes none. Flags of commands below count
 * too, because they may stand before the command's name. */
const Flag *command_flag_taking_next(const CommandPath *p, const char *arg);
/* The command called name in group c; NULL: none. */
const Command *command_find(const Command *c, const char *name);
/* ERR_USAGE `unknown command "x" for "linuxkit pkg"` with a suggestion. Returns -1. */
int command_unknown(const CommandPath *p, const char *word, Err *e);

typedef struct FlagValue {
        const Flag *flag;
        const char **items; /* NULL-terminated */
        size_t n;
        bool truth;
        int64_t number;
} FlagValue;

/* A parsed command line; everything lives in the arena. */
typedef struct Args {
        Arena *arena;
        CommandPath path;
        FlagValue *values; /* only flags that were given */
        size_t n_values;
        const char **words; /* positional arguments, NULL-terminated */
        size_t n_words;
} Args;

/* Reads argv[1..argc) by the tables under root. All failures are ERR_USAGE. The number of arguments
 * is not checked here, see args_check_count: --help comes first. *ret needs args_done in any case.
 */
int args_parse(const Command *root, int argc, char *const *argv, Args *ret, Err *e);
int args_check_count(const Args *a, Err *e);
void args_done(Args *a);
#define _cleanup_args_ __attribute__((cleanup(args_done)))

/* Values by name; a name that the command does not have is our own mistake and asserted. */
bool args_given(const Args *a, const char *name);
bool args_bool(const Args *a, const char *name);
/* The last value, else the table's, else NULL; borrowed. */
const char *args_string(const Args *a, const char *name);
int64_t args_int(const Args *a, const char *name);
/* NULL-terminated, never NULL; *ret_n may be NULL. */
const char *const *args_list(const Args *a, const char *name, size_t *ret_n);
