/* inodes_copies.c - which files have the same bytes.
 *
 * One file may be referenced in two ways (two layers that both carry it, or a package unpacked just
 * now and the same one out of the cache), and images must not depend on which: so equal references
 * only save reading, and what counts in the end is equal content. */
#include "lib/base/pool.h"
#include "lib/base/str.h"
#include "lib/fs/inodes.h"

typedef struct File {
        Inode *inode;
        Inode *same;   /* the first inode with the very same reference */
        Digest digest; /* of the bytes, when another reference has the same size */
} File;

static int compare_content(const Content *a, const Content *b) {
        if (a->size != b->size)
                return a->size < b->size ? -1 : 1;
        if (!a->blob != !b->blob)
                return a->blob ? 1 : -1;
        if (!a->blob)
                return a->bytes == b->bytes ? 0 : memcmp(a->bytes, b->bytes, a->size);
        int r = strcmp(a->blob->id.text, b->blob->id.text);
        if (r)
                return r;
        return a->offset == b->offset ? 0 : a->offset < b->offset ? -1 : 1;
}

static int compare_numbers(const Inode *a, const Inode *b) {
        return a->number < b->number ? -1 : a->number > b->number;
}

static int by_reference(const void *a, const void *b) {
        const Inode *x = ((const File *)a)->inode, *y = ((const File *)b)->inode;
        int r = compare_content(&x->entry.content, &y->entry.content);
        return r ? r : compare_numbers(x, y);
}

static int by_bytes(const void *a, const void *b) {
        const File *x = a, *y = b;
        uint64_t n = x->inode->entry.content.size, m = y->inode->entry.content.size;
        if (n != m)
                return n < m ? -1 : 1;
        int r = strcmp(x->digest.text, y->digest.text);
        return r ? r : compare_numbers(x->inode, y->inode);
}

static int hash_file(void *ctx, size_t i, Err *e) {
        enum { CHUNK = 1 << 18 };
        File *f = ((File **)ctx)[i];
        const Content *c = &f->inode->entry.content;
        _cleanup_hash_ Hash *h = hash_new();
        _cleanup_free_ char *buf = xmalloc(MIN(c->size, (uint64_t)CHUNK));
        for (uint64_t at = 0; at < c->size; at += CHUNK) {
                size_t n = (size_t)MIN(c->size - at, (uint64_t)CHUNK);
                if (content_read(c, at, buf, n, e) < 0)
                        return err_wrap(e, "%s", f->inode->entry.name);
                hash_update(h, buf, n);
        }
        hash_final(h, &f->digest);
        return 0;
}

/* Files of one size, sorted by reference: those that must be read. */
static void pick(File *files, size_t n, File **picked, size_t *n_picked) {
        size_t distinct = 0;
        for (size_t i = 0; i < n; i++) {
                bool known = i && compare_content(&files[i - 1].inode->entry.content,
                                                  &files[i].inode->entry.content) == 0;
                files[i].same = known ? files[i - 1].same : files[i].inode;
                distinct += !known;
        }
        for (size_t i = 0; distinct > 1 && i < n; i++)
                if (files[i].same == files[i].inode)
                        picked[(*n_picked)++] = &files[i];
}

static size_t same_size(const File *files, size_t from, size_t n) {
        size_t to = from;
        while (to < n &&
               files[to].inode->entry.content.size == files[from].inode->entry.content.size)
                to++;
        return to;
}

int inodes_find_copies(Inodes *x, Err *e) {
        _cleanup_free_ File *files = xcalloc(x->n + 1, sizeof *files);
        _cleanup_free_ File **picked = xcalloc(x->n + 1, sizeof(File *));
        size_t n = 0, n_picked = 0;
        for (size_t i = 0; i < x->n; i++)
                if (x->all[i]->entry.type == ENTRY_FILE && x->all[i]->entry.content.size)
                        files[n++].inode = x->all[i];
        qsort(files, n, sizeof *files, by_reference);
        for (size_t i = 0, next; i < n; i = next) {
                next = same_size(files, i, n);
                pick(files + i, next - i, picked, &n_picked);
        }
        if (pool_run(n_picked, 0, hash_file, picked, e) < 0)
                return -1;
        for (size_t i = 1; i < n; i++) /* the leader of equal references stands before them */
                if (files[i].same != files[i].inode)
                        files[i].digest = files[i - 1].digest;
        qsort(files, n, sizeof *files, by_bytes);
        for (size_t i = 0; i < n; i++) {
                bool copy = i && files[i].digest.text[0] &&
                            str_eq(files[i - 1].digest.text, files[i].digest.text);
                bool same_reference = i && files[i].same == files[i - 1].same;
                files[i].inode->original =
                        copy || same_reference ? files[i - 1].inode->original : files[i].inode;
        }
        return 0;
}
