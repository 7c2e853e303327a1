/* tarball.c - see tarball.h.  The archive comes from a stranger: number and length of names, the
 * size it unpacks to and the length of chains of links are all bounded. */
#include "lib/oci/tarball.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/tarscan.h"

enum { MAX_MEMBERS = 1 << 18, MAX_NAMES = 64 << 20, MAX_LINKS = 16, CHUNK = 1 << 18 };

/* As for layers (unpack.c): what an archive may unpack to. */
#define MAX_RATIO ((uint64_t)100)
#define MIN_LIMIT ((uint64_t)1 << 30)
#define MAX_LIMIT ((uint64_t)1 << 40)

typedef struct Member {
        const char *name;
        const char *link; /* name of another member, NULL: a file */
        Content content;
        size_t order; /* in the archive */
} Member;

struct Tarball {
        Arena *arena;
        Blob blob;
        Content content; /* all of it */
        Member *members; /* sorted by name, then by order */
        size_t n, cap;
        size_t names; /* bytes in names and links */
};

/* --- opening -------------------------------------------------------------------------------- */

static bool is_compressed(const unsigned char *p, size_t n) {
        return (n >= 2 && memcmp(p, "\x1f\x8b", 2) == 0) ||       /* RFC 1952 2.3.1 */
               (n >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0); /* RFC 8878 3.1.1 */
}

static int copy_plain(struct archive *a, const char *path, int out, uint64_t *ret_size, Err *e) {
        const void *p;
        size_t n;
        la_int64_t at;
        uint64_t size = 0;
        int r;
        while ((r = archive_read_data_block(a, &p, &n, &at)) == ARCHIVE_OK) {
                uint64_t read = (uint64_t)archive_filter_bytes(a, -1);
                uint64_t limit =
                        MAX(read > MAX_LIMIT / MAX_RATIO ? MAX_LIMIT : read * MAX_RATIO, MIN_LIMIT);
                if (at < 0 || (uint64_t)at != size || n > limit - size)
                        return err_set(e, ERR_VERIFY, 0, "%s: unpacks to an impossible size", path);
                if (fd_write_all(out, p, n, path, e) < 0)
                        return -1;
                size += n;
        }
        if (r != ARCHIVE_EOF)
                return err_set(e, ERR_VERIFY, 0, "%s: %s", path,
                               archive_error_string(a) ? archive_error_string(a) : "unreadable");
        *ret_size = size;
        return 0;
}

/* Decompresses fd into a file without a name. */
static int spool(Cache *c, int fd, const char *path, Tarball *t, Err *e) {
        _cleanup_free_ char *place = NULL, *tmp = NULL;
        struct archive_entry *entry;
        if (cache_derived_path(c, "import", "archive", &place, e) < 0)
                return -1;
        t->blob.fd = file_tmp_open(place, 0600, &tmp, e);
        if (t->blob.fd < 0)
                return -1;
        file_tmp_discard(tmp);

        struct archive *a = archive_read_new();
        archive_read_support_filter_gzip(a);
        archive_read_support_filter_zstd(a);
        archive_read_support_format_raw(a);
        archive_read_support_format_empty(a);
        int r = archive_read_open_fd(a, fd, CHUNK);
        if (r == ARCHIVE_OK)
                r = archive_read_next_header(a, &entry);
        if (r == ARCHIVE_EOF)
                r = 0;
        else if (r != ARCHIVE_OK)
                r = err_set(e, ERR_VERIFY, 0, "%s: %s", path,
                            archive_error_string(a) ? archive_error_string(a) : "unreadable");
        else
                r = copy_plain(a, path, t->blob.fd, &t->blob.size, e);
        archive_read_free(a);
        return r;
}

static int open_input(Cache *c, const char *path, Tarball *t, Err *e) {
        if (str_eq(path, "-"))
                return spool(c, STDIN_FILENO, "standard input", t, e);
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
        unsigned char magic[4];
        if (!S_ISREG(st.st_mode))
                return spool(c, fd, path, t, e);
        int64_t n = fd_pread(fd, magic, sizeof magic, 0, path, e);
        if (n < 0)
                return -1;
        if (is_compressed(magic, (size_t)n))
                return spool(c, fd, path, t, e);
        t->blob.fd = fd_take(&fd);
        t->blob.size = (uint64_t)st.st_size;
        t->blob.path = arena_strdup(t->arena, path);
        t->blob.changed = st.st_ctim;
        return 0;
}

/* --- members -------------------------------------------------------------------------------- */

static const char *copy_name(Tarball *t, const char *name) {
        while (*name == '/')
                name++;
        t->names += strlen(name) + 1;
        return arena_strdup(t->arena, name);
}

static int add_member(void *ctx, const Entry *entry, Err *e) {
        Tarball *t = ctx;
        Member m = { .content = entry->content, .order = t->n };
        if (entry->type == ENTRY_SYMLINK && entry->link && entry->link[0] != '/') {
                _cleanup_free_ char *dir = path_dir(entry->name);
                _cleanup_free_ char *joined = path_join(dir, entry->link);
                _cleanup_free_ char *clean = path_clean(joined);
                m.link = copy_name(t, clean);
        } else if (entry->type == ENTRY_HARDLINK && entry->link) {
                _cleanup_free_ char *clean = path_clean(entry->link);
                m.link = copy_name(t, clean);
        } else if (entry->type != ENTRY_FILE)
                return 0;
        m.name = copy_name(t, entry->name);
        if (t->n == MAX_MEMBERS || t->names > MAX_NAMES)
                return err_set(e, ERR_VERIFY, 0, "more than %d members", MAX_MEMBERS);
        *vec_push(t->members, t->n, t->cap) = m;
        return 0;
}

static int compare_members(const void *a, const void *b) {
        const Member *x = a, *y = b;
        int d = strcmp(x->name, y->name);
        return d ? d : x->order < y->order ? -1 : x->order > y->order;
}

int tarball_open(Cache *c, const char *path, Tarball **ret, Err *e) {
        Tarball *t = xcalloc(1, sizeof *t);
        t->arena = arena_new();
        t->blob.fd = -1;
        strcpy(t->blob.id.text, "archive");
        int r = open_input(c, path, t, e);
        if (r == 0) {
                t->content = (Content){ .blob = &t->blob, .size = t->blob.size };
                r = tarscan_run(&t->content, false, add_member, t, e);
                if (r < 0)
                        err_wrap(e, "%s", path);
        }
        if (r < 0) {
                tarball_free(t);
                return -1;
        }
        if (t->n)
                qsort(t->members, t->n, sizeof *t->members, compare_members);
        *ret = t;
        return 0;
}

void tarball_free(Tarball *t) {
        if (!t)
                return;
        if (t->blob.fd >= 0)
                close(t->blob.fd);
        free(t->members);
        arena_free(t->arena);
        free(t);
}

/* The last member of that name. */
static const Member *find(const Tarball *t, const char *name) {
        size_t low = 0, high = t->n;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (strcmp(t->members[middle].name, name) <= 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low > 0 && str_eq(t->members[low - 1].name, name) ? &t->members[low - 1] : NULL;
}

bool tarball_find(const Tarball *t, const char *name, Content *ret) {
        const Member *m = find(t, name);
        for (unsigned i = 0; m && m->link; i++)
                m = i < MAX_LINKS ? find(t, m->link) : NULL;
        if (m)
                *ret = m->content;
        return m != NULL;
}
