/* inodes_digest.c - the name under which what was made from a tree is kept.  Every field goes in
 * with its length or with a fixed size, so that no two trees give the same stream. */
#include "lib/base/str.h"
#include "lib/fs/inodes.h"

enum { FLUSH = 1 << 16 };

static void put_number(Buf *b, uint64_t v) {
        for (size_t i = 0; i < 8; i++)
                buf_addc(b, (char)(v >> (8 * i)));
}

static void put_bytes(Buf *b, const void *p, size_t n) {
        put_number(b, n);
        buf_add(b, p, n);
}

static void put_text(Buf *b, const char *s) {
        put_bytes(b, s, strlen(s));
}

static void put_content(Buf *b, const Content *c) {
        put_text(b, c->blob ? c->blob->id.text : "");
        put_number(b, c->blob ? c->offset : 0);
        put_number(b, c->size);
        if (!c->blob)
                buf_add(b, c->bytes, c->size);
}

static void put_inode(Buf *b, const Inode *i) {
        const Entry *entry = &i->entry;
        const uint64_t numbers[] = { inode_mode(i), entry->uid,        entry->gid,
                                     i->links,      inode_device(i),   (uint64_t)entry->mtime,
                                     entry->n_pax,  entry->mtime_nsec, i->n_children };
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++)
                put_number(b, numbers[k]);
        if (entry->type == ENTRY_SYMLINK)
                put_text(b, entry->link);
        if (entry->type == ENTRY_FILE)
                put_content(b, &entry->content);
        for (size_t k = 0; k < entry->n_pax; k++) {
                put_text(b, entry->pax[k].key);
                put_bytes(b, entry->pax[k].value, entry->pax[k].value_len);
        }
        for (size_t k = 0; k < i->n_children; k++) {
                put_text(b, i->children[k].name);
                put_number(b, i->children[k].inode->number);
        }
}

void inodes_digest(const Inodes *x, const char *how, Digest *ret) {
        _cleanup_hash_ Hash *h = hash_new();
        _cleanup_buf_ Buf b = { 0 };
        put_text(&b, how);
        put_number(&b, x->n);
        for (size_t i = 0; i < x->n; i++) {
                put_inode(&b, x->all[i]);
                if (b.len >= FLUSH || i + 1 == x->n) {
                        hash_update(h, b.data, b.len);
                        buf_clear(&b);
                }
        }
        hash_final(h, ret);
}
