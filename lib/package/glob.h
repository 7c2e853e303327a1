/* glob.h - path patterns of the native recipe: '*', '?' and '[a-z]' stay inside one path element,
 * '**' also matches '/'.  A pattern without any of them is an exact path. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* True when the pattern holds a wildcard. */
bool glob_is_pattern(const char *pattern);
bool glob_match(const char *pattern, const char *path);
/* Length of the leading directories of a pattern that hold no wildcard, with their last slash. */
size_t glob_fixed_part(const char *pattern);
