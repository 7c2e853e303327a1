/* version.c - `linuxkit version`.  The values are fixed at build time by the Makefile. */
#include <stdio.h>

#include "cmd/linuxkit/cmd.h"

#ifndef LINUXKIT_VERSION
#define LINUXKIT_VERSION "unknown"
#endif
#ifndef LINUXKIT_COMMIT
#define LINUXKIT_COMMIT "unknown"
#endif

static const Flag flags[] = {
        { "short", 0, FLAG_BOOL, NULL, NULL, "print only the version", NULL },
        { "commit", 0, FLAG_BOOL, NULL, NULL, "print only the commit", NULL },
        { 0 },
};

static int run(Context *c, Err *e) {
        if (json_wanted(c))
                return json_result(json_pack("{s:s, s:s}", "version", LINUXKIT_VERSION, "commit",
                                             LINUXKIT_COMMIT),
                                   e);
        if (args_bool(c->args, "short")) {
                printf("%s\n", LINUXKIT_VERSION);
        } else if (args_bool(c->args, "commit")) {
                printf("%s\n", LINUXKIT_COMMIT);
        } else {
                printf("%s version %s\n", c->program, LINUXKIT_VERSION);
                if (LINUXKIT_COMMIT[0])
                        printf("commit: %s\n", LINUXKIT_COMMIT);
        }
        return 0;
}

const Command cmd_version = {
        .name = "version",
        .help = "Show the version",
        .flags = flags,
        .max_args = -1,
        .run = run,
};
