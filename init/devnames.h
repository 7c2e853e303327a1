/* devnames.h - what a device says about itself, as the name of a link below /dev. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"

/* A label as a file name, as udev writes it: letters, digits, "#+-.:=@_" and UTF-8 stay, any other
 * byte becomes \xNN.  False when that is no file name. */
bool devnames_encode(const char *text, Buf *ret);

/* A serial number or model the same way: blanks around it go, other runs of blanks and any other
 * byte become '_'. */
void devnames_clean(const char *text, size_t len, Buf *ret);

/* The identities in a page 0x83 of a SCSI disk (SPC-4, 7.8.6): appends "scsi-...", "wwn-..." and
 * "ata-..." names, each ended by a newline. */
void devnames_scsi_ids(const unsigned char *page, size_t len, const char *vendor, const char *model,
                       Buf *ret);
