/* writers.h - the functions behind the rows of the format table, a file each for what belongs
 * together. */
#pragma once

#include "lib/build/format.h"

/* plain.c: files and tars that something else boots. */
int write_tar(FormatJob *job, const Format *f, Err *e);
int write_kernel_initrd(FormatJob *job, const Format *f, Err *e);
int write_tar_kernel_initrd(FormatJob *job, const Format *f, Err *e);
