/* folder.h - what a recipe takes from disks of the user: files of the package's folder and programs
 * that were compiled in this repository.
 *
 * Listing is separate from reading, because most of the time only the digests are wanted: they tell
 * whether anything has to be built. */
#pragma once

#include "lib/base/entry.h"
#include "lib/base/hash.h"
#include "lib/package/internal.h"

typedef struct FolderItem {
        const char *path; /* on disk; NULL: directory, symlink */
        const char *to;   /* in the image, clean */
        EntryType type;   /* file, directory or symlink */
        uint32_t mode;
        const char *link;
        Digest digest; /* of the content */
        uint64_t size;
        bool program; /* compiled for the architecture and executable */
} FolderItem;

typedef struct Folder {
        FolderItem *items; /* in recipe order, directories sorted by name */
        size_t n, cap;
} Folder;

/* Expands files (but not `concat`, which reads Debian packages) and programs for arch; strings live
 * in p. A program that was not compiled is ERR_NOT_FOUND with a hint. */
int folder_list(Package *p, const PackageOptions *o, const char *arch, Folder *ret, Err *e);
void folder_done(Folder *f);
#define _cleanup_folder_ __attribute__((cleanup(folder_done)))
