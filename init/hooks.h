/* hooks.h - /etc/init.d and /etc/shutdown.d (boot.md 5.9, 13). */
#pragma once

#include <stdbool.h>

/* What a hook is.  Links to our own service program are done without a new program. */
typedef enum HookKind {
        HOOK_NONE,    /* not a regular file: passed over */
        HOOK_PROGRAM, /* run and waited for */
        HOOK_VOLUMES, /* the rest: links to /usr/bin/service, told apart by their name */
        HOOK_ONBOOT,
        HOOK_ONSHUTDOWN,
        HOOK_CONTAINERD,
} HookKind;

/* boot.md 6: the first of these words in the name decides; HOOK_PROGRAM without any. */
HookKind hooks_kind_of_name(const char *name);

/* Runs the entries of a directory in byte order, waiting for each; internal ones run in a child of
 * the caller.  services (may be NULL) is called for the entry that stands for containerd, and
 * without one at the place where it would stand (020-containerd).  False when an onboot container
 * has failed and wants the boot to stop: the entries behind it have not been run. */
bool hooks_run(const char *dir, void (*services)(void *ctx), void *ctx);

/* True when the directory has an entry that stands for containerd. */
bool hooks_have_containerd(const char *dir);

/* Runs one internal kind in this process; returns its exit status. */
int hooks_internal(HookKind kind);
