/* cpio.c - "newc" cpio (Linux Documentation/driver-api/early-userspace/buffer-format.rst), with the
 * field values of yaml.md 19.2.  The format has no hard links across its entries here and no
 * xattrs. */
#include "lib/fs/cpio.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <stddef.h>
#include <sys/stat.h>

enum { FIRST_INODE = 721, DEV_MAJOR = 3, DEV_MINOR = 1 };

typedef struct Header {
        uint32_t ino, mode, uid, gid, nlink, mtime, size, rdev_major, rdev_minor;
} Header;

/* A name is padded together with the 110 bytes of header in front of it. */
static int write_header(Sink *out, const Header *h, const char *name, Err *e) {
        char text[112];
        int n = snprintf(text, sizeof text,
                         "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", h->ino,
                         h->mode, h->uid, h->gid, h->nlink, h->mtime, h->size, DEV_MAJOR, DEV_MINOR,
                         h->rdev_major, h->rdev_minor, (unsigned)strlen(name) + 1, 0u);
        if (sink_write(out, text, (size_t)n, e) < 0 ||
            sink_write(out, name, strlen(name) + 1, e) < 0)
                return -1;
        return sink_pad(out, 4, e);
}

/* Where a symlink at `from` must point to reach `to`; both relative to the root. */
static char *relative_link(const char *from, const char *to) {
        _cleanup_free_ char *source = path_clean(from), *target = path_clean(to);
        const char *f = source + (source[0] == '/'), *t = target + (target[0] == '/');
        /* Drop the leading directories that both have. */
        for (size_t n; (n = strcspn(f, "/")), f[n] && t[n] == '/' && memcmp(f, t, n) == 0;) {
                f += n + 1;
                t += n + 1;
        }
        _cleanup_buf_ Buf b = { 0 };
        for (; (f = strchr(f, '/')); f++)
                buf_adds(&b, "../");
        buf_adds(&b, t);
        return buf_steal(&b);
}

static int fill(Header *h, const Entry *entry, Err *e) {
        static const struct {
                EntryType type;
                uint32_t bits;
        } types[] = {
                { ENTRY_FILE, S_IFREG }, { ENTRY_HARDLINK, S_IFLNK }, { ENTRY_SYMLINK, S_IFLNK },
                { ENTRY_CHAR, S_IFCHR }, { ENTRY_BLOCK, S_IFBLK },    { ENTRY_DIR, S_IFDIR },
                { ENTRY_FIFO, S_IFIFO },
        };
        uint32_t bits = 0;
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                if (types[i].type == entry->type)
                        bits = types[i].bits;
        if (!bits)
                return err_set(e, ERR_SPEC, 0, "%s: an initrd cannot hold this type of entry",
                               entry->name);
        if (entry->mtime < 0 || entry->mtime > UINT32_MAX)
                return err_set(e, ERR_SPEC, 0, "%s: an initrd cannot hold its time (%lld)",
                               entry->name, (long long)entry->mtime);
        uint64_t size = entry->type == ENTRY_FILE ? entry->content.size : 0;
        if (size > UINT32_MAX)
                return err_set(e, ERR_SPEC, 0, "%s: an initrd cannot hold a file of 4 GiB or more",
                               entry->name);
        h->mode = (entry->mode & 07777) | bits;
        h->uid = entry->uid;
        h->gid = entry->gid;
        h->nlink = entry->type == ENTRY_DIR ? 2 : 1;
        h->mtime = (uint32_t)entry->mtime;
        h->size = (uint32_t)size;
        h->rdev_major = entry->dev_major;
        h->rdev_minor = entry->dev_minor;
        return 0;
}

static int write_entry(Sink *out, uint32_t ino, const Entry *entry, Err *e) {
        Header h = { .ino = ino };
        if (fill(&h, entry, e) < 0)
                return -1;
        _cleanup_free_ char *relative =
                entry->type == ENTRY_HARDLINK ? relative_link(entry->name, entry->link) : NULL;
        const char *link = relative ? relative : entry->type == ENTRY_SYMLINK ? entry->link : NULL;
        Content data = link ? content_bytes(link, strlen(link)) : entry->content;
        if (link)
                h.size = (uint32_t)data.size;
        if (!link && entry->type != ENTRY_FILE)
                data = (Content){ 0 };
        if (write_header(out, &h, entry->name, e) < 0)
                return -1;
        if (sink_content(out, &data, e) < 0)
                return err_wrap(e, "%s", entry->name);
        return sink_pad(out, 4, e);
}

int cpio_write_tree(Sink *out, const Tree *t, Err *e) {
        uint32_t ino = FIRST_INODE;
        for (size_t i = 0; i < tree_count(t); i++) {
                const Entry *entry = tree_entry(t, i);
                if (str_has_prefix(entry->name, "boot/"))
                        continue;
                if (write_entry(out, ino++, entry, e) < 0)
                        return -1;
        }
        Header end = { .ino = ino, .nlink = 1 };
        if (write_header(out, &end, "TRAILER!!!", e) < 0)
                return -1;
        return sink_pad(out, 512, e);
}
