/* erofs_plan.c - where everything goes.
 *
 * An inode with what follows it must not cross a block (the kernel maps the inline end of a file as
 * one page), so placing them is packing of boxes: each goes into the fullest block that still has
 * room for it. */
#include "lib/fs/erofs_parts.h"

enum {
        SLOTS = EROFS_BLOCK / EROFS_SLOT,
        MAX_XATTR_NAME = 255,
        MAX_XATTR_VALUE = 65535,
        MAX_XATTRS = 65535 * 4, /* bytes; counted in 16 bits, four at a time */
};

typedef struct Bucket {
        uint64_t *blocks;
        size_t n, cap;
} Bucket;

typedef struct Packer { /* blocks that have room, by how many slots */
        Bucket buckets[SLOTS + 1];
        uint64_t n_blocks;
} Packer;

static uint32_t slots_of(uint64_t bytes) {
        return (uint32_t)((bytes + EROFS_SLOT - 1) / EROFS_SLOT);
}

static void keep_rest(Packer *p, uint64_t block, uint32_t slots) {
        Bucket *b = &p->buckets[slots];
        if (slots)
                *vec_push(b->blocks, b->n, b->cap) = block;
}

/* A place for bytes; more than a block begins in a new one. */
static uint64_t pack(Packer *p, uint64_t bytes) {
        uint32_t need = slots_of(bytes);
        for (uint32_t free_slots = need; free_slots <= SLOTS; free_slots++) {
                Bucket *b = &p->buckets[free_slots];
                if (!b->n)
                        continue;
                uint64_t block = b->blocks[--b->n];
                keep_rest(p, block, free_slots - need);
                return block * EROFS_BLOCK + (uint64_t)(SLOTS - free_slots) * EROFS_SLOT;
        }
        uint64_t first = p->n_blocks;
        p->n_blocks += (need + SLOTS - 1) / SLOTS;
        keep_rest(p, p->n_blocks - 1, -need & (SLOTS - 1));
        return first * EROFS_BLOCK;
}

/* --- one inode ------------------------------------------------------------------------------ */

static int check_xattrs(const Entry *entry, Err *e) {
        for (size_t i = 0; i < entry->n_pax; i++) {
                const char *name = inode_xattr_name(&entry->pax[i]);
                if (name &&
                    (strlen(name) > MAX_XATTR_NAME || entry->pax[i].value_len > MAX_XATTR_VALUE))
                        return err_set(e, ERR_SPEC, 0,
                                       "\"%s\": erofs cannot hold its extended attribute \"%.40s\"",
                                       entry->name, name);
        }
        if (erofs_xattrs_size(entry) > MAX_XATTRS)
                return err_set(e, ERR_SPEC, 0,
                               "\"%s\": erofs cannot hold that many extended attributes",
                               entry->name);
        return 0;
}

static uint64_t data_size(const Inode *i) {
        switch (i->entry.type) {
        case ENTRY_FILE:
                return i->entry.content.size;
        case ENTRY_SYMLINK:
                return strlen(i->entry.link);
        case ENTRY_DIR:
                return erofs_directory_size(i);
        default:
                return 0;
        }
}

static int place_inode(ErofsPlan *plan, Packer *packer, const Inode *i, Err *e) {
        ErofsPlace *p = &plan->places[i->number - 1];
        const Entry *entry = &i->entry;
        if (check_xattrs(entry, e) < 0)
                return -1;
        p->size = data_size(i);
        /* A compact inode has the time of the image. */
        p->extended = entry->uid > UINT16_MAX || entry->gid > UINT16_MAX || i->links > UINT16_MAX ||
                      p->size > UINT32_MAX || entry->mtime_nsec || entry->mtime != plan->mtime;
        p->xattrs = (uint32_t)erofs_xattrs_size(entry);
        p->head = (p->extended ? EROFS_EXTENDED : EROFS_COMPACT) + p->xattrs;
        uint64_t tail = p->size % EROFS_BLOCK;
        p->tail_inside = tail && p->head + tail <= EROFS_BLOCK;
        p->at = pack(packer, p->head + (p->tail_inside ? tail : 0));
        return 0;
}

/* --- all of it ------------------------------------------------------------------------------ */

static void place_data(ErofsPlan *plan, bool directories) {
        for (size_t i = 0; i < plan->x->n; i++) {
                const Inode *inode = plan->x->all[i];
                ErofsPlace *p = &plan->places[i], *original;
                if (inode_is_dir(inode) != directories || !erofs_blocks(p))
                        continue;
                original = &plan->places[inode->original->number - 1];
                /* Of equal files one may have its end inside the inode and the other not. */
                if (original != p && erofs_blocks(original) >= erofs_blocks(p)) {
                        p->block = original->block;
                } else {
                        p->block = plan->n_blocks;
                        plan->n_blocks += erofs_blocks(p);
                }
        }
}

int erofs_plan(const Inodes *x, int64_t mtime, ErofsPlan *ret, Err *e) {
        *ret = (ErofsPlan){ .x = x, .mtime = mtime };
        ret->places = xcalloc(x->n, sizeof *ret->places);
        Packer packer = { .n_blocks = 1 };
        int r = 0;
        for (size_t i = 0; r == 0 && i < x->n; i++)
                r = place_inode(ret, &packer, x->all[i], e);
        for (size_t i = 0; i <= SLOTS; i++)
                free(packer.buckets[i].blocks);
        if (r < 0)
                return -1;
        ret->n_meta = ret->n_blocks = packer.n_blocks;
        place_data(ret, true);
        place_data(ret, false);
        if (ret->n_blocks > UINT32_MAX)
                return err_set(e, ERR_SPEC, 0, "an erofs image cannot be larger than 16 TiB");
        return 0;
}

void erofs_plan_done(ErofsPlan *p) {
        free(p->places);
}
