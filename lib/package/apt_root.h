/* apt_root.h - the private root of apt: one directory per suite and architecture, its
 * configuration, its lists. For apt.c only. */
#pragma once

#include "lib/base/mem.h"
#include "lib/package/apt.h"

struct Apt {
        char *dir; /* of this suite and architecture */
        char *suite, *arch, *mirror;
        char *env[3]; /* for apt: APT_CONFIG, LC_ALL */
        int lock;     /* held while >= 0 */
        bool fresh;   /* lists were fetched by this object */
};

/* Runs apt-get or apt-cache with the configuration of the root. */
int apt_run(Apt *a, const char *const *argv, char **ret_out, Err *e);
/* The same for a step that fetches: a progress line (what) counts the bytes that arrive in the
 * files of watch. cwd may be NULL. */
int apt_fetch(Apt *a, const char *const *argv, const char *what, const char *watch, const char *cwd,
              Err *e);
/* Takes the lock and makes the root match the host's configuration. */
int apt_root_enter(Apt *a, Err *e);
/* Fetches the package lists, once per Apt. */
int apt_root_fetch_lists(Apt *a, Err *e);
/* Fetches them when they are old; lists that are merely old are better than none when there is no
 * network. */
int apt_root_refresh_lists(Apt *a, Err *e);

/* Gives the lock back. */
void apt_root_leave(Apt **a);
#define _cleanup_root_ _cleanup_(apt_root_leave)
