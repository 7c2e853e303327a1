/* sys.h - small file and process helpers of the init programs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

/* Reads at most max bytes of a file into a new NUL-terminated string; a longer file is an error.
 * ERR_NOT_FOUND when it does not exist. */
int sys_read_file(const char *path, size_t max, char **ret, Err *e);

/* First line of a small file without its newline, into buf; false when it cannot be read. */
bool sys_read_line(const char *path, char *buf, size_t n);

/* Writes text into an existing file in one write(2), as /proc and /sys want it.  False on error. */
bool sys_write(const char *path, const char *text);

/* mkdir -p; components that exist are left as they are. */
int sys_mkdir_p(const char *path, mode_t mode, Err *e);

/* After symbolic links; false for what does not exist. */
bool sys_is_dir(const char *path);
bool sys_same_file(const char *a, const char *b);

/* Sorted (byte order) names in a directory without those that start with a dot.  *ret and its
 * strings belong to the caller (sys_free_names).  A missing directory is ERR_NOT_FOUND. */
int sys_list(const char *dir, char ***ret, size_t *n, Err *e);
void sys_free_names(char **names, size_t n);

/* For qsort and bsearch over an array of strings: byte order. */
int sys_by_bytes(const void *a, const void *b);

/* Waits for one child, restarting after signals.  Returns the wait status, -1 when it is no child
 * of ours. */
int sys_wait(pid_t pid);

/* "exit status 3" or "killed by signal 9" into buf; returns buf. */
const char *sys_describe_status(int status, char *buf, size_t n);

/* After fork, in the child: default signal handlers and an empty mask, as every program expects. */
void sys_reset_signals(void);

/* Closes every descriptor from 3 up except keep (-1: none). */
void sys_close_others(int keep);

/* fork for work in the background of pid 1: signals reset, own session, other descriptors closed
 * (except keep), process name set.  Returns as fork does. */
pid_t sys_fork(const char *name, int keep);

/* When a process began, in ticks of the kernel: tells it from a later one with the same number. */
bool sys_start_time(pid_t pid, uint64_t *ret);

/* Seconds on CLOCK_MONOTONIC. */
double sys_now(void);
