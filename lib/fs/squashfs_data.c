/* squashfs_data.c - contents, cut into blocks and compressed on all cores.
 *
 * A file of at least one block has blocks of its own, the last one short; smaller files share
 * fragment blocks.  As in mksquashfs tails of large files are no fragments: they gain 0.1 % and
 * cost a second block to read.  Work goes out in pieces (squashfs_piece.c); what comes back is
 * written in the order of the files. */
#include "lib/base/pool.h"
#include "lib/fs/squashfs_parts.h"

enum { PIECE = 1 << 20 }; /* input bytes of a piece, at least one block */

typedef struct Data {
        const SquashfsPlan *plan;
        Cache *cache;
        Sink *out;
        SquashfsData *result;
        Ordered *ordered;
        SquashfsPiece *fragment; /* being filled */
} Data;

static int piece_done(void *ctx, void *job, Err *e) {
        Data *d = ctx;
        SquashfsPiece *p = job;
        SquashfsData *r = d->result;
        uint64_t start = d->out->written;
        if (p->file) {
                if (!p->first)
                        p->file->start = start;
                for (uint32_t i = 0; i < p->n_blocks; i++) {
                        uint64_t at = (uint64_t)i * d->plan->block_size;
                        p->file->blocks[p->first + i] = p->sizes[i];
                        if (!p->sizes[i])
                                p->file->sparse += MIN(p->size - at, (uint64_t)d->plan->block_size);
                }
        } else {
                *vec_push(r->fragments, r->n_fragments, r->cap_fragments) =
                        (SquashfsFragment){ start, p->sizes[0] };
        }
        progress_add(d->plan->progress, p->size);
        return sink_write(d->out, p->out.data, p->out.len, e);
}

static int submit_fragment(Data *d, Err *e) {
        SquashfsPiece *p = d->fragment;
        d->fragment = NULL;
        return p ? ordered_submit(d->ordered, p, e) : 0;
}

static int add_small(Data *d, SquashfsFile *f, const Content *c, uint32_t *n_fragments, Err *e) {
        if (d->fragment && d->fragment->size + c->size > d->plan->block_size &&
            submit_fragment(d, e) < 0)
                return -1;
        if (!d->fragment) {
                d->fragment = squashfs_piece_new(d->plan, d->cache, NULL, 0);
                ++*n_fragments;
        }
        f->fragment = *n_fragments - 1;
        f->offset = (uint32_t)d->fragment->size;
        squashfs_piece_add(d->fragment, c);
        return 0;
}

static int add_large(Data *d, SquashfsFile *f, const Content *c, Err *e) {
        uint64_t block = d->plan->block_size, step = MAX((uint64_t)PIECE, block);
        f->n_blocks = (uint32_t)((c->size + block - 1) / block);
        f->blocks = arena_alloc(d->result->arena, (size_t)f->n_blocks * sizeof *f->blocks);
        for (uint64_t at = 0; at < c->size; at += step) {
                Content part = content_slice(c, at, MIN(c->size - at, step));
                SquashfsPiece *p = squashfs_piece_new(d->plan, d->cache, f, (uint32_t)(at / block));
                squashfs_piece_add(p, &part);
                if (ordered_submit(d->ordered, p, e) < 0)
                        return -1;
        }
        return 0;
}

static int add_files(Data *d, const Inodes *x, Err *e) {
        uint32_t n_fragments = 0;
        for (size_t i = 0; i < x->n; i++) {
                const Inode *inode = x->all[i];
                const Content *c = &inode->entry.content;
                SquashfsFile *f = &d->result->files[i];
                f->fragment = SQUASHFS_NONE;
                if (inode->entry.type != ENTRY_FILE || !c->size)
                        continue;
                if (inode->original != inode) {
                        progress_add(d->plan->progress, c->size);
                        continue;
                }
                int r = c->size < d->plan->block_size ? add_small(d, f, c, &n_fragments, e)
                                                      : add_large(d, f, c, e);
                if (r < 0)
                        return -1;
        }
        return submit_fragment(d, e);
}

int squashfs_write_data(const Inodes *x, const SquashfsPlan *plan, Cache *cache, Sink *out,
                        SquashfsData *ret, Err *e) {
        *ret = (SquashfsData){ .arena = arena_new() };
        ret->files = xcalloc(x->n, sizeof *ret->files);
        Data d = { .plan = plan, .cache = cache, .out = out, .result = ret };
        d.ordered = ordered_new(0, squashfs_piece_work, piece_done, squashfs_piece_free, &d);
        int r = add_files(&d, x, e);
        if (r == 0)
                r = ordered_finish(d.ordered, e);
        ordered_free(d.ordered);
        squashfs_piece_free(d.fragment);
        return r;
}

void squashfs_data_done(SquashfsData *d) {
        arena_free(d->arena);
        free(d->files);
        free(d->fragments);
}
