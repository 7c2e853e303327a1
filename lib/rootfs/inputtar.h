/* inputtar.h - `--input-tar OLD`: which sections of a build the tar of an earlier one has already
 * (yaml.md 19.1).
 *
 * The answer is for the log only.  The tree is always made from the images, which cost nothing once
 * they are unpacked in the cache: so the result is that of a build without the option, whatever
 * stands in OLD. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/spec/spec.h"

typedef struct InputTar InputTar;

/* Compares spec (resolved) with the metadata file that the tar at path holds.  *ret is NULL when
 * spec has no metadata file, or OLD none that can be read: nothing is the same then.  Errors: path
 * cannot be opened. */
int input_tar_open(const char *path, const Spec *spec, InputTar **ret, Err *e);
void input_tar_free(InputTar *t); /* t may be NULL */
/* section: "kernel", "init[0]", "services[2]" ...; t may be NULL. */
bool input_tar_has(const InputTar *t, const char *section);
