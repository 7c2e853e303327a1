/* cmdline.h - words of the kernel command line (boot.md section 14).
 *
 * Words are compared exactly and separated by white space; quotes mean nothing.  All functions take
 * the text, so they can be tried without a kernel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The text of /proc/cmdline, read at the first call and kept in static memory; "" before /proc is
 * mounted (and then read again at the next call). */
const char *cmdline_text(void);

/* True when WORD stands in the text as a whole word. */
bool cmdline_has(const char *text, const char *word);

/* Copies the value of the next "KEY=VALUE" word at or after *pos and moves *pos behind it, so that
 * repeated calls visit every occurrence.  False when there is none; a value that does not fit in n
 * bytes is passed over. */
bool cmdline_next(const char *text, const char *key, size_t *pos, char *ret, size_t n);

/* The last "KEY=VALUE", as the kernel does it for its own words. */
bool cmdline_last(const char *text, const char *key, char *ret, size_t n);
