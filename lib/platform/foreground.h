/* foreground.h - one program that has the terminal for a while. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

/* Runs argv (argv[0] is a path) in a process group of its own that owns the terminal, and waits for
 * it.  SIGINT, SIGTERM and SIGHUP are passed on to the group; *ret_signal is the first of them,
 * else 0.  The terminal's settings are what they were before, however the program ended.
 * detached_stdio: its input and output are /dev/null, its errors are still ours. A status other
 * than 0 is ERR_IO "NAME: exit status N", unless a signal to us was the cause. */
int foreground_run(const char *const *argv, bool detached_stdio, int *ret_signal, Err *e);
