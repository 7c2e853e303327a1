/* layer_fuzz.c - any bytes as a layer: scanned, indexed, flattened and written as a tar again.
 *
 * A checksum would keep nearly every changed header out, so those of the input are put right first.
 * What was read must survive both ways out: the index gives the same entries back, and the tar that
 * is written can be read again, entry by entry. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/fs/tar.h"
#include "lib/oci/layer_index.h"
#include "lib/oci/tarscan.h"
#include "lib/rootfs/flatten.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
        if (!ok)
                abort();
}

static void fix_checksums(uint8_t *p, size_t n) {
        for (; n >= 512; p += 512, n -= 512) {
                unsigned sum = 0;
                if (memcmp(p + 257, "ustar", 5) != 0)
                        continue;
                memset(p + 148, ' ', 8);
                for (size_t i = 0; i < 512; i++)
                        sum += p[i];
                snprintf((char *)p + 148, 7, "%06o", sum);
        }
}

typedef struct Input {
        IndexWriter *writer;
        Tree *tree; /* what was read */
} Input;

static int take_entry(void *ctx, const Entry *entry, Err *e) {
        Input *in = ctx;
        tree_add(in->tree, entry);
        return index_writer_add(in->writer, entry, e);
}

static bool same_entry(const Entry *a, const Entry *b) {
        bool same = str_eq(a->name, b->name) && str_eq(a->link, b->link) && a->type == b->type &&
                    a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
                    a->mtime == b->mtime && a->mtime_nsec == b->mtime_nsec &&
                    a->dev_major == b->dev_major && a->dev_minor == b->dev_minor &&
                    a->content.size == b->content.size && a->n_pax == b->n_pax;
        for (size_t i = 0; same && i < a->n_pax; i++)
                same = str_eq(a->pax[i].key, b->pax[i].key) &&
                       a->pax[i].value_len == b->pax[i].value_len &&
                       memcmp(a->pax[i].value, b->pax[i].value, a->pax[i].value_len) == 0;
        return same;
}

/* --- through the index ---------------------------------------------------------------------- */

static void get_entry(const void *ctx, size_t i, Entry *ret) {
        *ret = *tree_entry(ctx, i);
}

static Index *through_file(IndexWriter *w, uint64_t size) {
        char path[] = "/dev/shm/layer-fuzz.XXXXXX";
        static const char zeros[] =
                "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        PlainTar tar = { .size = size };
        check(digest_parse(zeros, &tar.digest));
        int fd = mkstemp(path);
        check(fd >= 0);
        close(fd);
        check(index_writer_finish(w, path, &tar.digest, &tar, NULL) == 0);
        Index *x = index_open(path, &tar.digest);
        unlink(path);
        check(x != NULL);
        return x;
}

static void check_index(const Index *x, const Tree *want, const Blob *blob) {
        check(index_count(x) == tree_count(want));
        for (size_t i = 0; i < tree_count(want); i++) {
                Entry entry;
                index_entry(x, i, blob, &entry);
                check(same_entry(&entry, tree_entry(want, i)));
                check(entry.content.size == 0 ||
                      entry.content.offset == tree_entry(want, i)->content.offset);
        }
}

/* --- through flattening and the tar writer -------------------------------------------------- */

static int keep_entry(void *ctx, const Entry *entry, Err *e) {
        (void)e;
        check(entry->name[0] != '/' && !path_has_dotdot(entry->name));
        tree_add(ctx, entry);
        return 0;
}

static int read_entry(void *ctx, const Entry *entry, Err *e) {
        (void)e;
        tree_add(ctx, entry);
        return 0;
}

static void check_tar(const Tree *want) {
        _cleanup_buf_ Buf tar = { 0 };
        _cleanup_sink_ Sink *out = sink_buf(&tar);
        _cleanup_err_ Err e = ERR_INIT;
        Tree *got = tree_new();
        check(tar_write_tree(out, want, &e) == 0);
        Content c = content_bytes(tar.data, tar.len);
        check(tarscan_run(&c, true, read_entry, got, &e) == 0);
        check(tree_count(got) == tree_count(want));
        for (size_t i = 0; i < tree_count(got); i++)
                check(same_entry(tree_entry(got, i), tree_entry(want, i)));
        tree_free(got);
}

static void check_flattened(const Tree *layer) {
        _cleanup_err_ Err e = ERR_INIT;
        EntryList lists[2] = { { tree_count(layer), get_entry, layer },
                               { tree_count(layer) / 2, get_entry, layer } };
        Tree *flat = tree_new();
        if (flatten(lists, 2, NULL, keep_entry, flat, &e) == 0)
                check_tar(flat);
        tree_free(flat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ uint8_t *copy = xmalloc(size + 1);
        int fd = memfd_create("layer", MFD_CLOEXEC);
        check(fd >= 0);
        if (size)
                memcpy(copy, data, size);
        fix_checksums(copy, size);
        check(write(fd, copy, size) == (ssize_t)size);

        Blob blob = { .fd = fd, .size = size };
        Content c = { .blob = &blob, .size = size };
        Input in = { .writer = index_writer_new(), .tree = tree_new() };
        if (tarscan_run(&c, false, take_entry, &in, &e) == 0) {
                Index *x = through_file(in.writer, size);
                check_index(x, in.tree, &blob);
                index_free(x);
                check_flattened(in.tree);
        }
        index_writer_free(in.writer);
        tree_free(in.tree);
        close(fd);
        return 0;
}
