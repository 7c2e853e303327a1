/* writers.h - the functions behind the rows of the format table, a file each for what belongs
 * together. */
#pragma once

#include "lib/build/format.h"

/* plain.c: files and tars that something else boots. */
int write_tar(FormatJob *job, const Format *f, Err *e);
int write_kernel_initrd(FormatJob *job, const Format *f, Err *e);
int write_kernel_image(FormatJob *job, const Format *f, Err *e);
int write_kernel_iso(FormatJob *job, const Format *f, Err *e);
int write_kernel_initrd_image(FormatJob *job, const Format *f, Err *e);
int write_tar_kernel_initrd(FormatJob *job, const Format *f, Err *e);

/* disk.c: raw disks and what wraps them. */
int write_disk(FormatJob *job, const Format *f, Err *e);

/* iso.c: ISO 9660 images that boot. */
int write_iso(FormatJob *job, const Format *f, Err *e);

/* rpi.c: cards of the Raspberry Pi. */
int write_rpi(FormatJob *job, const Format *f, Err *e);
int write_rpi3(FormatJob *job, const Format *f, Err *e);
