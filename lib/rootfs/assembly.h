/* assembly.h - what the steps of one assembly share; private to lib/rootfs.
 *
 * Steps run one after another on one thread, in the order of yaml.md 9. */
#pragma once

#include "lib/rootfs/assemble.h"
#include "lib/rootfs/images.h"
#include "lib/rootfs/maker.h"
#include "lib/rootfs/names.h"

/* An SPDX statement about an image that was unpacked. */
typedef struct Statement {
        const char *ref, *prefix, *location; /* as of sbom_add_image */
        Descriptor descriptor;
} Statement;

typedef struct Assembly {
        const Spec *spec;
        const AssembleOptions *options;
        Tree *tree;
        Arena *arena; /* the tree's */
        ImageSet *images;
        NameSet *roots;          /* keys (containers.c) of container roots in the tree */
        const char **root_paths; /* where, by number of the key */
        size_t n_roots, cap_roots;
        Content *package_dbs; /* lib/apk/db/installed of the init images */
        size_t n_package_dbs, cap_package_dbs;
        Statement *statements; /* in the order of unpacking */
        size_t n_statements, cap_statements;
        Blob **blobs; /* owned: files beside the layers */
        size_t n_blobs, cap_blobs;
} Assembly;

/* A maker with the build's mtime and owner 0:0. location and source as in Maker. */
Maker assembly_maker(Assembly *a, const char *location, const char *source);
/* Logs text, or, when the tar of an earlier build has section ("init[0]") with image ref as it is
 * now, that it is copied from there (yaml.md 2). */
void assembly_announce(const Assembly *a, const char *section, const char *ref, const char *text);
/* Both keep fd (taken in any case) open as long as the tree; *ret is the whole file: one of the
 * cache with this digest, or one of the user's, which is hashed and must not change any more. */
int assembly_blob(Assembly *a, int fd, const Digest *digest, Content *ret, Err *e);
/* Takes over an open blob (sums.h); the whole of it. */
Content assembly_keep(Assembly *a, Blob *blob);
int assembly_user_file(Assembly *a, int fd, const char *path, Content *ret, Err *e);

int kernel_add(Assembly *a, Err *e);     /* section 13 */
int volumes_add(Assembly *a, Err *e);    /* section 14 */
int containers_add(Assembly *a, Err *e); /* section 10 */
int files_add(Assembly *a, Err *e);      /* section 15 */

/* Section 17.  To be called whenever an image has been unpacked below prefix ("" or with a slash at
 * its end); the strings must live as long as the assembly. What is wrong with its attestations is
 * only warned about. */
void sbom_add_image(Assembly *a, const char *ref, const char *prefix, const char *location);
void sbom_add(Assembly *a); /* the file */

/* The blobs of a `format: oci` volume as an OCI layout below prefix (section 14). */
int ocilayout_add(Assembly *a, const Volume *v, const Maker *m, const char *prefix, Err *e);

/* Replaces volume names in binds and mounts of a build file entry by paths: *ret is a copy of s in
 * the arena with the lists replaced. ERR_SPEC for unknown volumes and for writing to read-only
 * ones. */
int volumes_resolve(const Spec *spec, const Settings *s, const char *who, Arena *arena,
                    Settings *ret, Err *e);
