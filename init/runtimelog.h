/* runtimelog.h - what an OCI runtime wrote with `--log FILE --log-format json`. */
#pragma once

/* The last error in it, NULL when there is none; the caller frees it. */
char *runtimelog_error(const char *path);
