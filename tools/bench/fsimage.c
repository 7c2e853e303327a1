/* fsimage.c - tars as one file system image, by the writers of lib/fs alone: what
 * tools/bench/squashfs measures.
 *   fsimage squashfs|erofs IMAGE COMPRESSOR LEVEL BLOCK_SIZE CACHE TAR...
 * Later tars go on top; an empty argument, or 0, is the default (no cache). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/fs/erofs.h"
#include "lib/fs/squashfs.h"
#include "lib/oci/tarscan.h"

enum { MTIME = 1492533000, FORMAT = 1, IMAGE, COMPRESSOR, LEVEL, BLOCK_SIZE, CACHE, TARS };

static int add(void *ctx, const Entry *entry, Err *e) {
        (void)e;
        tree_add(ctx, entry);
        return 0;
}

static int add_tar(Tree *t, Extents *keep, const char *path, Err *e) {
        Blob *tar = xcalloc(1, sizeof *tar);
        struct stat st;
        tar->fd = open(path, O_RDONLY | O_CLOEXEC);
        extents_own(keep, tar);
        if (tar->fd < 0 || fstat(tar->fd, &st) < 0)
                return err_set(e, ERR_IO, errno, "%s", path);
        tar->size = (uint64_t)st.st_size;
        /* A build knows the digests of its layers without reading them. */
        _cleanup_free_ char *id =
                xasprintf("%s %llu %lld.%09ld", path, (unsigned long long)tar->size,
                          (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        hash_bytes(id, strlen(id), &tar->id);
        Content all = { .blob = tar, .size = tar->size };
        return tarscan_run(&all, true, add, t, e);
}

static int make(char **args, const Tree *t, Extents *out, Err *e) {
        SquashfsOptions o = { .compressor = *args[COMPRESSOR] ? args[COMPRESSOR] : NULL,
                              .level = atoi(args[LEVEL]),
                              .block_size = (uint32_t)atoi(args[BLOCK_SIZE]),
                              .mtime = MTIME };
        Cache *cache = NULL;
        if (str_eq(args[FORMAT], "erofs"))
                return erofs_image(t, NULL, &(ErofsOptions){ .mtime = MTIME }, out, e);
        if (*args[CACHE] && cache_open(args[CACHE], &cache, e) < 0)
                return -1;
        int r = squashfs_image(t, NULL, &o, cache, out, e);
        cache_free(cache);
        return r;
}

static int run(char **args, Tree *t, Err *e) {
        _cleanup_extents_ Extents *tars = extents_new(), *x = extents_new();
        _cleanup_sink_ Sink *out = NULL;
        for (size_t i = TARS; args[i]; i++)
                if (add_tar(t, tars, args[i], e) < 0)
                        return -1;
        if (make(args, t, x, e) < 0 || sink_file(args[IMAGE], 0644, &out, e) < 0 ||
            extents_write(x, out, NULL, e) < 0)
                return -1;
        return sink_finish(out, e);
}

int main(int argc, char **argv) {
        _cleanup_err_ Err e = ERR_INIT;
        if (argc <= TARS)
                return 2;
        Tree *t = tree_new();
        int r = run(argv, t, &e);
        tree_free(t);
        if (r < 0)
                fprintf(stderr, "fsimage: %s\n", e.text);
        return r < 0;
}
