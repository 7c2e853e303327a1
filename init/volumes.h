/* volumes.h - the volumes of the image (boot.md section 7). */
#pragma once

/* Makes DIR/NAME/merged of every volume: an overlay of `lower` with a tmpfs on `tmp`, or a
 * read-only bind of `lower` when there is no `tmp` or when a file `readonly` stands beside it.  A
 * volume that cannot be made is reported and the next one follows.  Returns the exit status. */
int volumes_main(const char *dir);
