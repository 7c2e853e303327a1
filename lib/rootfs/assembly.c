/* assembly.c - see assembly.h: what every step of an assembly needs, below the steps themselves. */
#include "lib/rootfs/assembly.h"

#include "lib/base/log.h"

#include <errno.h>
#include <sys/stat.h>

Maker assembly_maker(Assembly *a, const char *location, const char *source) {
        return (Maker){
                .tree = a->tree,
                .mtime = a->options->mtime,
                .location = location,
                .source = source,
        };
}

void assembly_announce(const Assembly *a, const char *section, const char *ref, const char *text) {
        if (input_tar_has(a->options->input_tar, section))
                log_info("Copy %s files from input tar: %s", section, ref);
        else
                log_info("%s", text);
}

Content assembly_keep(Assembly *a, Blob *blob) {
        *vec_push(a->blobs, a->n_blobs, a->cap_blobs) = blob;
        return (Content){ .blob = blob, .size = blob->size };
}

static Blob *keep(Assembly *a, int fd) {
        Blob *b = xcalloc(1, sizeof(*b));
        b->fd = fd;
        assembly_keep(a, b);
        return b;
}

int assembly_blob(Assembly *a, int fd, const Digest *digest, Content *ret, Err *e) {
        Blob *b = keep(a, fd);
        struct stat st;
        if (fstat(fd, &st) < 0)
                return err_set(e, ERR_IO, errno, "blob %s", digest->text);
        b->id = *digest;
        b->size = (uint64_t)st.st_size;
        *ret = (Content){ .blob = b, .size = b->size };
        return 0;
}

int assembly_user_file(Assembly *a, int fd, const char *path, Content *ret, Err *e) {
        Blob *b = keep(a, fd);
        struct stat st;
        if (fstat(fd, &st) < 0 || hash_fd(fd, &b->id, &b->size, e) < 0)
                return err_set(e, ERR_IO, errno, "read %s", path);
        b->path = arena_strdup(a->arena, path);
        b->changed = st.st_ctim;
        *ret = (Content){ .blob = b, .size = b->size };
        return 0;
}
