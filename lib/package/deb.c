/* deb.c - see deb.h.  libarchive reads twice: once the ar, and through a callback the tar inside
 * it, so that nothing but the wanted bytes reaches the disk. */
#include "lib/package/deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/spool.h"

enum { MAX_ENTRIES = 1 << 20, CONTROL_LIMIT = 1 << 20 };
#define MAX_BYTES \
        (UINT64_C(32) << 30) /* a package that unpacks to more is an attack or a mistake */

struct Deb {
        Arena *arena;
        Spool spool;
        Entry *entries;
        size_t n, cap;
        size_t *by_name; /* indices, sorted by name */
        DebControl control;
};

static void cleanup_archive_fn(struct archive **a) {
        if (*a)
                archive_read_free(*a);
}
#define _cleanup_archive_ _cleanup_(cleanup_archive_fn)

static void cleanup_deb_fn(Deb **d) {
        deb_free(*d);
}

void deb_free(Deb *d) {
        if (!d)
                return;
        spool_done(&d->spool);
        arena_free(d->arena);
        free(d->entries);
        free(d->by_name);
        free(d);
}

size_t deb_count(const Deb *d) {
        return d->n;
}

const Entry *deb_entry(const Deb *d, size_t i) {
        return &d->entries[i];
}

static int by_name_cmp(const void *a, const void *b, void *ctx) {
        const Deb *d = ctx;
        const size_t *x = a, *y = b;
        int r = strcmp(d->entries[*x].name, d->entries[*y].name);

        return r ? r : (*x > *y) - (*x < *y);
}

const Entry *deb_find(const Deb *d, const char *name) {
        size_t lo = 0, hi = d->n;

        while (lo < hi) {
                size_t mid = lo + (hi - lo) / 2;
                const Entry *entry = &d->entries[d->by_name[mid]];
                int r = strcmp(name, entry->name);

                if (r == 0)
                        return entry;
                if (r < 0)
                        hi = mid;
                else
                        lo = mid + 1;
        }
        return NULL;
}

bool deb_owns(const Deb *d, const Entry *entry) {
        return entry >= d->entries && entry < d->entries + d->n;
}

const DebControl *deb_control(const Deb *d) {
        return &d->control;
}

static int archive_err(struct archive *a, Err *e) {
        const char *text = archive_error_string(a);

        return err_set(e, ERR_VERIFY, 0, "%s", text ? text : "damaged archive");
}

/* "./usr//bin/" -> "usr/bin"; "" for the root directory. */
static int clean_name(Deb *d, const char *raw, const char **ret, Err *e) {
        if (!raw)
                return err_set(e, ERR_VERIFY, 0, "entry without a name");
        for (const char *p = raw; *p;) {
                size_t n = strcspn(p, "/");

                if (n == 2 && p[0] == '.' && p[1] == '.')
                        return err_set(e, ERR_VERIFY, 0, "unsafe name \"%s\"", raw);
                p += n;
                p += strspn(p, "/");
        }

        _cleanup_free_ char *rooted = xasprintf("/%s", raw);
        _cleanup_free_ char *clean = path_clean(rooted);

        *ret = arena_strdup(d->arena, clean + 1);
        return 0;
}

static int entry_type(struct archive_entry *ae, EntryType *ret) {
        switch (archive_entry_filetype(ae)) {
        case AE_IFREG:
                *ret = ENTRY_FILE;
                return 0;
        case AE_IFDIR:
                *ret = ENTRY_DIR;
                return 0;
        case AE_IFLNK:
                *ret = ENTRY_SYMLINK;
                return 0;
        default:
                return -1;
        }
}

/* Appends the data of the current entry to the spool. */
static int spool_entry(Deb *d, struct archive *tar, uint64_t size, Err *e) {
        char buf[65536];
        uint64_t done = 0;

        for (;;) {
                la_ssize_t n = archive_read_data(tar, buf, sizeof(buf));

                if (n < 0)
                        return archive_err(tar, e);
                if (n == 0)
                        break;
                done += (uint64_t)n;
                if (done > size || d->spool.blob.size + (uint64_t)n > MAX_BYTES)
                        return err_set(e, ERR_VERIFY, 0, "more data than announced");
                if (spool_add(&d->spool, buf, (size_t)n, e) < 0)
                        return -1;
        }
        if (done != size)
                return err_set(e, ERR_VERIFY, 0, "less data than announced");
        return 0;
}

static const Entry *find_earlier(const Deb *d, const char *name) {
        for (size_t i = d->n; i-- > 0;)
                if (str_eq(d->entries[i].name, name))
                        return &d->entries[i];
        return NULL;
}

/* A second name for a file that came before it. */
static int read_hardlink(Deb *d, const char *name, const char *hardlink, Err *e) {
        const char *target;

        if (clean_name(d, hardlink, &target, e) < 0)
                return -1;

        const Entry *other = find_earlier(d, target);

        if (!other || other->type != ENTRY_FILE)
                return err_set(e, ERR_VERIFY, 0, "\"%s\": hard link to nothing", name);

        Entry entry = *other;

        entry.name = name;
        *vec_push(d->entries, d->n, d->cap) = entry;
        return 0;
}

static int read_entry(Deb *d, struct archive *tar, struct archive_entry *ae, Err *e) {
        Entry entry = { 0 };
        const char *hardlink = archive_entry_hardlink(ae);

        if (clean_name(d, archive_entry_pathname(ae), &entry.name, e) < 0)
                return -1;
        if (!*entry.name)
                return 0;
        if (d->n == MAX_ENTRIES)
                return err_set(e, ERR_VERIFY, 0, "more than %d entries", MAX_ENTRIES);
        if (hardlink)
                return read_hardlink(d, entry.name, hardlink, e);
        if (entry_type(ae, &entry.type) < 0)
                return err_set(e, ERR_VERIFY, 0, "\"%s\": neither file, directory nor symlink",
                               entry.name);

        entry.mode = archive_entry_perm(ae) & 07777;
        entry.uid = (uint32_t)archive_entry_uid(ae);
        entry.gid = (uint32_t)archive_entry_gid(ae);
        entry.mtime = archive_entry_mtime(ae);
        if (entry.type == ENTRY_SYMLINK) {
                const char *target = archive_entry_symlink(ae);

                if (str_is_empty(target))
                        return err_set(e, ERR_VERIFY, 0, "\"%s\": empty symlink", entry.name);
                entry.link = arena_strdup(d->arena, target);
                entry.mode = 0777;
        }
        if (entry.type == ENTRY_FILE) {
                la_int64_t size = archive_entry_size(ae);

                if (size < 0)
                        return err_set(e, ERR_VERIFY, 0, "\"%s\": negative size", entry.name);

                uint64_t start = d->spool.blob.size;

                if (spool_entry(d, tar, (uint64_t)size, e) < 0)
                        return err_wrap(e, "\"%s\"", entry.name);
                entry.content = spool_since(&d->spool, start);
        }
        *vec_push(d->entries, d->n, d->cap) = entry;
        return 0;
}

typedef struct Inner {
        struct archive *ar;
        char buf[65536];
} Inner;

static la_ssize_t inner_read(struct archive *tar, void *ctx, const void **ret) {
        Inner *in = ctx;
        la_ssize_t n = archive_read_data(in->ar, in->buf, sizeof(in->buf));

        *ret = in->buf;
        if (n < 0) {
                archive_set_error(tar, EIO, "%s", archive_error_string(in->ar));
                return -1;
        }
        return n;
}

/* Starts reading the tar that the current member of in->ar is. */
static int open_tar(Inner *in, struct archive **ret, Err *e) {
        struct archive *tar = *ret = archive_read_new();

        if (!tar)
                return err_set(e, ERR_INTERNAL, ENOMEM, "libarchive");
        archive_read_support_format_tar(tar);
        archive_read_support_filter_xz(tar);
        archive_read_support_filter_zstd(tar);
        archive_read_support_filter_gzip(tar);
        archive_read_support_filter_bzip2(tar);
        archive_read_support_filter_lzma(tar);
        if (archive_read_open(tar, in, NULL, inner_read, NULL) != ARCHIVE_OK)
                return archive_err(tar, e);
        return 0;
}

static int read_data_tar(Deb *d, struct archive *ar, Err *e) {
        _cleanup_free_ Inner *in = xcalloc(1, sizeof(*in));
        _cleanup_archive_ struct archive *tar = NULL;
        struct archive_entry *ae;
        int r;

        in->ar = ar;
        if (open_tar(in, &tar, e) < 0)
                return -1;
        while ((r = archive_read_next_header(tar, &ae)) != ARCHIVE_EOF) {
                if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                        return archive_err(tar, e);
                if (read_entry(d, tar, ae, e) < 0)
                        return -1;
        }
        return 0;
}

/* --- control -------------------------------------------------------------------------------- */

/* The value of a field, up to the end of its line; NULL when there is none. In the arena. */
static const char *field(Deb *d, const char *text, const char *name) {
        size_t n = strlen(name);

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                if (strncasecmp(line, name, n) != 0 || line[n] != ':')
                        continue;

                const char *value = line + n + 1;

                value += strspn(value, " \t");
                return arena_strndup(d->arena, value, strcspn(value, "\r\n"));
        }
        return NULL;
}

/* Debian policy 5.6.1 and 5.6.12: what names and versions are made of. */
static const char *plain_word(const char *s) {
        static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789.+-~:";

        return s && *s && s[strspn(s, chars)] == '\0' ? s : NULL;
}

/* "Source: glibc (2.36-9)"; without the field the package is its own source, without the version it
 * has that of the package. */
static void parse_control(Deb *d, const char *text) {
        const char *source = field(d, text, "Source"), *version = field(d, text, "Version");

        if (!source)
                source = field(d, text, "Package");
        if (source) {
                size_t n = strcspn(source, " ");
                const char *open = strchr(source + n, '(');

                if (open)
                        version = arena_strndup(d->arena, open + 1, strcspn(open + 1, ")"));
                source = arena_strndup(d->arena, source, n);
        }
        d->control = (DebControl){
                .architecture = plain_word(field(d, text, "Architecture")),
                .source = plain_word(source),
                .source_version = plain_word(version),
        };
}

/* Nothing depends on it, so whatever is wrong with it is passed over. */
static void read_control_tar(Deb *d, struct archive *ar) {
        _cleanup_free_ Inner *in = xcalloc(1, sizeof(*in));
        _cleanup_archive_ struct archive *tar = NULL;
        struct archive_entry *ae;

        in->ar = ar;
        if (open_tar(in, &tar, NULL) < 0)
                return;
        while (archive_read_next_header(tar, &ae) == ARCHIVE_OK) {
                const char *name = archive_entry_pathname(ae);

                if (!str_eq(name, "./control") && !str_eq(name, "control"))
                        continue;

                _cleanup_free_ char *text = xcalloc(1, CONTROL_LIMIT + 1);

                if (archive_read_data(tar, text, CONTROL_LIMIT) > 0)
                        parse_control(d, text);
                return;
        }
}

static int read_outer(Deb *d, const char *path, Err *e) {
        _cleanup_archive_ struct archive *ar = archive_read_new();
        struct archive_entry *ae;
        int r;

        if (!ar)
                return err_set(e, ERR_INTERNAL, ENOMEM, "libarchive");
        archive_read_support_format_ar(ar);
        if (archive_read_open_filename(ar, path, 65536) != ARCHIVE_OK)
                return archive_err(ar, e);
        while ((r = archive_read_next_header(ar, &ae)) != ARCHIVE_EOF) {
                const char *name = archive_entry_pathname(ae);

                if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                        return archive_err(ar, e);
                if (name && (str_eq(name, "control.tar") || str_has_prefix(name, "control.tar.")))
                        read_control_tar(d, ar);
                if (name && (str_eq(name, "data.tar") || str_has_prefix(name, "data.tar.")))
                        return read_data_tar(d, ar, e);
        }
        return err_set(e, ERR_VERIFY, 0, "no data.tar");
}

int deb_open(const char *path, const char *scratch, Deb **ret, Err *e) {
        _cleanup_(cleanup_deb_fn) Deb *d = xcalloc(1, sizeof(*d));

        d->arena = arena_new();
        d->spool.blob.fd = -1;
        if (spool_open(scratch, &d->spool, e) < 0)
                return -1;
        if (read_outer(d, path, e) < 0)
                return err_wrap(e, "%s", path);
        spool_seal(&d->spool);

        d->by_name = xmalloc((d->n + 1) * sizeof(*d->by_name));
        for (size_t i = 0; i < d->n; i++)
                d->by_name[i] = i;
        qsort_r(d->by_name, d->n, sizeof(*d->by_name), by_name_cmp, d);
        *ret = take(d);
        return 0;
}
