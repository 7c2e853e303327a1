/* erofs_directory.c - directories: blocks of 12-byte entries followed by their names.
 *
 * "." and ".." are entries like others and sorted among them ("!" comes before both); the kernel
 * searches by halving over blocks and inside of one. */
#include "lib/fs/erofs_parts.h"

enum { ENTRY_SIZE = 12 };

/* The names in order, one at a time. */
typedef struct Cursor {
        const Inode *dir;
        size_t next;
        int dots; /* of "." and ".." given out */
} Cursor;

static const char *peek(const Cursor *c, const Inode **ret) {
        static const char *const dots[] = { ".", ".." };
        const char *name = c->next < c->dir->n_children ? c->dir->children[c->next].name : NULL;
        if (c->dots < 2 && (!name || strcmp(dots[c->dots], name) < 0)) {
                *ret = c->dots ? c->dir->parent : c->dir;
                return dots[c->dots];
        }
        if (name)
                *ret = c->dir->children[c->next].inode;
        return name;
}

static void advance(Cursor *c, const char *name) {
        if (c->next < c->dir->n_children && name == c->dir->children[c->next].name)
                c->next++;
        else
                c->dots++;
}

/* Moves c over the names of one block; hands out their number and the bytes used. */
static size_t take_block(Cursor *c, size_t *ret_bytes) {
        const Inode *inode;
        const char *name;
        size_t n = 0, bytes = 0;
        while ((name = peek(c, &inode))) {
                size_t more = ENTRY_SIZE + strlen(name);
                if (bytes + more > EROFS_BLOCK)
                        break;
                bytes += more;
                n++;
                advance(c, name);
        }
        *ret_bytes = bytes;
        return n;
}

uint64_t erofs_directory_size(const Inode *dir) {
        Cursor c = { .dir = dir };
        uint64_t full = 0;
        for (;;) {
                size_t bytes;
                take_block(&c, &bytes);
                const Inode *more;
                if (!peek(&c, &more))
                        return full + bytes;
                full += EROFS_BLOCK;
        }
}

static unsigned file_type(const Inode *i) {
        switch (i->entry.type) {
        case ENTRY_DIR:
                return 2;
        case ENTRY_CHAR:
                return 3;
        case ENTRY_BLOCK:
                return 4;
        case ENTRY_FIFO:
                return 5;
        case ENTRY_SYMLINK:
                return 7;
        case ENTRY_FILE:
        case ENTRY_HARDLINK:
                break;
        }
        return 1;
}

void erofs_put_directory(const ErofsPlan *p, const Inode *dir, Buf *b) {
        Cursor c = { .dir = dir };
        const Inode *inode;
        while (peek(&c, &inode)) {
                Cursor names = c, end = c;
                size_t bytes, n = take_block(&end, &bytes), at = n * ENTRY_SIZE;
                buf_zero(b, -b->len & (EROFS_BLOCK - 1));
                for (size_t i = 0; i < n; i++) {
                        const char *name = peek(&c, &inode);
                        buf_add_le(b, p->places[inode->number - 1].at / EROFS_SLOT, 8);
                        buf_add_le(b, at, 2);
                        buf_add_le(b, file_type(inode), 1);
                        buf_add_le(b, 0, 1);
                        at += strlen(name);
                        advance(&c, name);
                }
                for (size_t i = 0; i < n; i++) {
                        const char *name = peek(&names, &inode);
                        buf_adds(b, name);
                        advance(&names, name);
                }
        }
}
