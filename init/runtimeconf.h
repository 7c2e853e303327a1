/* runtimeconf.h - /etc/containerd/runtime-config.toml: how containerd is started (boot.md 10.1).
 *
 * Only the subset of TOML that the file needs is read: comments, tables (skipped with their
 * content), KEY = "string" or 'string'.  Other keys may have any one-line value. */
#pragma once

#include <stddef.h>

#include "lib/base/err.h"

typedef struct RuntimeConf {
        char **args; /* cliopts split at white space, NULL-terminated; NULL when there are none */
        char *out;   /* "stdout", "stderr" or an absolute path; NULL: not given */
        char *err;
} RuntimeConf;

/* Parses text; name is used in messages.  ERR_SPEC names the line. */
int runtimeconf_parse(const char *name, const char *text, size_t n, RuntimeConf *ret, Err *e);
/* An absent file is an empty one. */
int runtimeconf_load(const char *path, RuntimeConf *ret, Err *e);
void runtimeconf_done(RuntimeConf *c);
