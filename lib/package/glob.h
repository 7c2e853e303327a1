/* glob.h - path patterns of the native recipe: '*', '?' and '[a-z]' stay inside one path element,
 * '**' also matches '/'.  A pattern without any of them is an exact path. */
#pragma once

#include <stdbool.h>

/* True when the pattern holds a wildcard. */
bool glob_is_pattern(const char *pattern);
bool glob_match(const char *pattern, const char *path);
