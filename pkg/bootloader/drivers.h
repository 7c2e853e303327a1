/* drivers.h - the few kernel modules of the initramfs.
 *
 * The build has planned them (lib/build/stub.c): /modules tells for every file in /lib/modules what
 * it needs, which devices it drives, and what is always loaded.  Lines:
 *
 *     module FILE DEPENDENCY...
 *     alias PATTERN FILE
 *     load FILE
 */
#pragma once

/* Reads the list; without one there is nothing to load.  cmdline must live on. */
void drivers_open(const char *cmdline);
/* Loads what drives the devices that are there and were not served yet, until a pass over them
 * finds nothing new: a bus driver makes devices. */
void drivers_match(void);
/* Loads the modules of `load` lines: file systems, the loop device. */
void drivers_load_fixed(void);
/* How many modules went in. */
unsigned drivers_loaded(void);
