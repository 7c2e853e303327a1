/* erofs_inode.c - inodes in their two forms, and the extended attributes behind them. */
#include "lib/fs/erofs_parts.h"

enum {
        FORM_EXTENDED = 1, /* i_format: bit 0 the form, bits 1-3 the layout of the data */
        LAYOUT_PLAIN = 0 << 1,
        LAYOUT_INLINE = 2 << 1,
        XATTR_HEADER = 12, /* erofs_xattr_ibody_header without shared ones */
};

/* --- extended attributes -------------------------------------------------------------------- */

/* The number that stands for the beginning of name, and the rest of it; 0: EROFS has none. */
static unsigned prefix_of(const char *name, const char **ret_rest) {
        static const struct {
                const char *text;
                unsigned number;
                bool whole;
        } prefixes[] = {
                { "user.", 1, false },
                { "system.posix_acl_access", 2, true },
                { "system.posix_acl_default", 3, true },
                { "trusted.", 4, false },
                { "security.", 6, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
                const char *text = prefixes[i].text;
                *ret_rest = name + MIN(strlen(text), strlen(name));
                if (str_has_prefix(name, text) && prefixes[i].whole == !**ret_rest)
                        return prefixes[i].number;
        }
        return 0;
}

static void put_xattrs(const Entry *entry, Buf *b) {
        buf_zero(b, XATTR_HEADER);
        for (size_t i = 0; i < entry->n_pax; i++) {
                const PaxRecord *r = &entry->pax[i];
                const char *name = inode_xattr_name(r), *rest;
                unsigned prefix = name ? prefix_of(name, &rest) : 0;
                if (!prefix)
                        continue;
                buf_add_le(b, strlen(rest), 1);
                buf_add_le(b, prefix, 1);
                buf_add_le(b, r->value_len, 2);
                buf_adds(b, rest);
                buf_add(b, r->value, r->value_len);
                buf_zero(b, -(strlen(rest) + r->value_len) & 3);
        }
}

uint64_t erofs_xattrs_size(const Entry *entry) {
        _cleanup_buf_ Buf b = { 0 };
        if (!entry->n_pax)
                return 0;
        put_xattrs(entry, &b);
        return b.len > XATTR_HEADER ? b.len : 0;
}

/* --- inodes --------------------------------------------------------------------------------- */

static uint32_t address(const Inode *i, const ErofsPlace *p) {
        if (i->entry.type == ENTRY_CHAR || i->entry.type == ENTRY_BLOCK)
                return inode_device(i);
        return erofs_blocks(p) ? (uint32_t)p->block : 0;
}

void erofs_put_inode(const ErofsPlan *plan, const Inode *i, Buf *b) {
        const ErofsPlace *p = &plan->places[i->number - 1];
        buf_add_le(b,
                   (p->extended ? FORM_EXTENDED : 0) |
                           (p->tail_inside ? LAYOUT_INLINE : LAYOUT_PLAIN),
                   2);
        buf_add_le(b, p->xattrs ? (p->xattrs - XATTR_HEADER) / 4 + 1 : 0, 2);
        buf_add_le(b, inode_mode(i), 2);
        if (p->extended) {
                buf_add_le(b, 0, 2);
                buf_add_le(b, p->size, 8);
                buf_add_le(b, address(i, p), 4);
                buf_add_le(b, i->number, 4);
                buf_add_le(b, i->entry.uid, 4);
                buf_add_le(b, i->entry.gid, 4);
                buf_add_le(b, (uint64_t)i->entry.mtime, 8);
                buf_add_le(b, i->entry.mtime_nsec, 4);
                buf_add_le(b, i->links, 4);
                buf_zero(b, 16);
        } else {
                buf_add_le(b, i->links, 2);
                buf_add_le(b, p->size, 4);
                buf_add_le(b, 0, 4);
                buf_add_le(b, address(i, p), 4);
                buf_add_le(b, i->number, 4);
                buf_add_le(b, i->entry.uid, 2);
                buf_add_le(b, i->entry.gid, 2);
                buf_add_le(b, 0, 4);
        }
        if (p->xattrs)
                put_xattrs(&i->entry, b);
}
