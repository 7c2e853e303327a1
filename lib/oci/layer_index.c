/* layer_index.c - see layer_index.h. */
#include "lib/oci/layer_index.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/sums.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>

#define MAGIC "LKLAYER\n"

enum {
        VERSION = 3,
        HEADER_SIZE = 256,
        ENTRY_SIZE = 72,
        PAX_SIZE = 12,
        MAX_ENTRIES = 16 << 20,

        /* offsets in the header */
        H_VERSION = 8,
        H_ENTRIES = 16,
        H_PAX = 24,
        H_STRINGS = 32,
        H_PLAIN_SIZE = 40,
        H_SUMS = 48, /* their number */
        H_LAYER = 64,
        H_PLAIN = 160,
        H_CRC = 252, /* of the file without these four bytes */

        /* offsets in an entry */
        E_OFFSET = 0,
        E_SIZE = 8,
        E_MTIME = 16,
        E_NSEC = 24,
        E_UID = 28,
        E_GID = 32,
        E_MAJOR = 36,
        E_MINOR = 40,
        E_NAME = 44,
        E_LINK = 48,
        E_UNAME = 52,
        E_GNAME = 56,
        E_PAX = 60,
        E_N_PAX = 64,
        E_MODE = 68,
        E_TYPE = 70,

        /* offsets in a pax record */
        P_KEY = 0,
        P_VALUE = 4,
        P_LEN = 8,
};

static void put_le16(unsigned char *p, uint16_t v) {
        v = htole16(v);
        memcpy(p, &v, sizeof v);
}
static void put_le32(unsigned char *p, uint32_t v) {
        v = htole32(v);
        memcpy(p, &v, sizeof v);
}
static void put_le64(unsigned char *p, uint64_t v) {
        v = htole64(v);
        memcpy(p, &v, sizeof v);
}
static uint16_t get_le16(const unsigned char *p) {
        uint16_t v;
        memcpy(&v, p, sizeof v);
        return le16toh(v);
}
static uint32_t get_le32(const unsigned char *p) {
        uint32_t v;
        memcpy(&v, p, sizeof v);
        return le32toh(v);
}
static uint64_t get_le64(const unsigned char *p) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        return le64toh(v);
}

/* --- writing -------------------------------------------------------------------------------- */

struct IndexWriter {
        Buf entries, pax, strings;
        uint32_t n_entries, n_pax;
        uint32_t uname, gname; /* most entries have the same as the one before */
};

IndexWriter *index_writer_new(void) {
        IndexWriter *w = xcalloc(1, sizeof *w);
        buf_addc(&w->strings, 0);
        return w;
}

void index_writer_free(IndexWriter *w) {
        if (!w)
                return;
        buf_done(&w->entries);
        buf_done(&w->pax);
        buf_done(&w->strings);
        free(w);
}

/* Whether the pool has grown too large is checked once an entry. */
static uint32_t add_bytes(IndexWriter *w, const void *p, size_t n) {
        uint32_t at = (uint32_t)w->strings.len;
        buf_add(&w->strings, p, n);
        buf_addc(&w->strings, 0);
        return at;
}

static uint32_t add_string(IndexWriter *w, const char *s) {
        return str_is_empty(s) ? 0 : add_bytes(w, s, strlen(s));
}

static uint32_t add_owner(IndexWriter *w, uint32_t *last, const char *s) {
        if (!str_eq(w->strings.data + *last, s ? s : ""))
                *last = add_string(w, s);
        return *last;
}

int index_writer_add(IndexWriter *w, const Entry *entry, Err *e) {
        unsigned char r[ENTRY_SIZE] = { 0 };
        if (w->n_entries == MAX_ENTRIES)
                return err_set(e, ERR_VERIFY, 0, "more than %d entries", MAX_ENTRIES);
        put_le64(r + E_OFFSET, entry->content.offset);
        put_le64(r + E_SIZE, entry->content.size);
        put_le64(r + E_MTIME, (uint64_t)entry->mtime);
        put_le32(r + E_NSEC, entry->mtime_nsec);
        put_le32(r + E_UID, entry->uid);
        put_le32(r + E_GID, entry->gid);
        put_le32(r + E_MAJOR, entry->dev_major);
        put_le32(r + E_MINOR, entry->dev_minor);
        put_le32(r + E_NAME, add_string(w, entry->name));
        put_le32(r + E_LINK, add_string(w, entry->link));
        put_le32(r + E_UNAME, add_owner(w, &w->uname, entry->uname));
        put_le32(r + E_GNAME, add_owner(w, &w->gname, entry->gname));
        put_le32(r + E_PAX, w->n_pax);
        put_le32(r + E_N_PAX, (uint32_t)entry->n_pax);
        put_le16(r + E_MODE, (uint16_t)entry->mode);
        r[E_TYPE] = (unsigned char)entry->type;
        for (size_t i = 0; i < entry->n_pax; i++) {
                unsigned char p[PAX_SIZE];
                put_le32(p + P_KEY, add_string(w, entry->pax[i].key));
                put_le32(p + P_VALUE, add_bytes(w, entry->pax[i].value, entry->pax[i].value_len));
                put_le32(p + P_LEN, (uint32_t)entry->pax[i].value_len);
                buf_add(&w->pax, p, sizeof p);
        }
        if (w->strings.len > UINT32_MAX / 2 || entry->n_pax > UINT32_MAX / 2 - w->n_pax)
                return err_set(e, ERR_VERIFY, 0, "names and attributes are too large");
        w->n_pax += (uint32_t)entry->n_pax;
        w->n_entries++;
        buf_add(&w->entries, r, sizeof r);
        return 0;
}

static int write_all(const Buf *const *parts, size_t n, int fd, const char *path,
                     const unsigned char *header, Err *e) {
        if (fd_write_all(fd, header, HEADER_SIZE, path, e) < 0)
                return -1;
        for (size_t i = 0; i < n; i++)
                if (fd_write_all(fd, parts[i]->data, parts[i]->len, path, e) < 0)
                        return -1;
        return 0;
}

int index_writer_finish(IndexWriter *w, const char *path, const Digest *layer, const PlainTar *tar,
                        Err *e) {
        unsigned char header[HEADER_SIZE] = { 0 };
        memcpy(header, MAGIC, strlen(MAGIC));
        put_le32(header + H_VERSION, VERSION);
        put_le64(header + H_ENTRIES, w->n_entries);
        put_le64(header + H_PAX, w->n_pax);
        put_le64(header + H_STRINGS, w->strings.len);
        put_le64(header + H_PLAIN_SIZE, tar->size);
        const Buf sums = { .data = (char *)tar->sums,
                           .len = tar->sums ? (size_t)sums_count(tar->size) * SUM_SIZE : 0 };
        put_le64(header + H_SUMS, sums.len / SUM_SIZE);
        memcpy(header + H_LAYER, layer->text, strlen(layer->text));
        memcpy(header + H_PLAIN, tar->digest.text, strlen(tar->digest.text));
        uLong crc = crc32_z(0, header, H_CRC);
        const Buf *parts[] = { &sums, &w->entries, &w->pax, &w->strings };
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
                if (parts[i]->len) /* a NULL buffer would start the sum anew */
                        crc = crc32_z(crc, (const unsigned char *)parts[i]->data, parts[i]->len);
        put_le32(header + H_CRC, (uint32_t)crc);

        _cleanup_free_ char *tmp = NULL;
        _cleanup_fd_ int fd = file_tmp_open(path, 0644, &tmp, e);
        if (fd < 0)
                return -1;
        if (write_all(parts, ARRAY_LEN(parts), fd, path, header, e) < 0 ||
            file_tmp_rename(tmp, path, e) < 0) {
                file_tmp_discard(tmp);
                return -1;
        }
        return 0;
}

/* --- reading -------------------------------------------------------------------------------- */

struct Index {
        unsigned char *map;
        size_t map_size;
        const unsigned char *entries;
        const char *strings;
        size_t n;
        PlainTar tar;
        PaxRecord *pax;
};

static bool entry_ok(const unsigned char *r, uint64_t plain_size, uint64_t n_pax,
                     uint64_t n_strings) {
        uint64_t offset = get_le64(r + E_OFFSET), size = get_le64(r + E_SIZE);
        static const size_t names[] = { E_NAME, E_LINK, E_UNAME, E_GNAME };
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (get_le32(r + names[i]) >= n_strings)
                        return false;
        return r[E_TYPE] >= ENTRY_FILE && r[E_TYPE] <= ENTRY_FIFO &&
               get_le16(r + E_MODE) <= 07777 && get_le32(r + E_NSEC) < 1000000000 &&
               offset <= plain_size && size <= plain_size - offset &&
               (size == 0 || r[E_TYPE] == ENTRY_FILE) &&
               (uint64_t)get_le32(r + E_PAX) + get_le32(r + E_N_PAX) <= n_pax;
}

/* One pass over the file; afterwards every number in it can be used as it stands. */
static bool check(Index *x, const Digest *layer) {
        const unsigned char *h = x->map;
        if (x->map_size < HEADER_SIZE || memcmp(h, MAGIC, strlen(MAGIC)) != 0 ||
            get_le32(h + H_VERSION) != VERSION ||
            memcmp(h + H_LAYER, layer->text, strlen(layer->text) + 1) != 0 ||
            !memchr(h + H_PLAIN, 0, sizeof x->tar.digest.text) ||
            !digest_parse((const char *)h + H_PLAIN, &x->tar.digest))
                return false;
        uLong crc = crc32_z(crc32_z(0, h, H_CRC), h + HEADER_SIZE, x->map_size - HEADER_SIZE);
        if (get_le32(h + H_CRC) != (uint32_t)crc)
                return false;
        uint64_t n = get_le64(h + H_ENTRIES), n_pax = get_le64(h + H_PAX),
                 n_strings = get_le64(h + H_STRINGS), n_sums = get_le64(h + H_SUMS);
        uint64_t size = get_le64(h + H_PLAIN_SIZE);
        if (n > MAX_ENTRIES || n_pax > UINT32_MAX || n_strings > UINT32_MAX || n_strings == 0 ||
            n_sums > UINT32_MAX || (n_sums != 0 && n_sums != sums_count(size)) ||
            HEADER_SIZE + n_sums * SUM_SIZE + n * ENTRY_SIZE + n_pax * PAX_SIZE + n_strings !=
                    x->map_size)
                return false;
        const unsigned char *pax = h + HEADER_SIZE + n_sums * SUM_SIZE + n * ENTRY_SIZE;
        x->n = n;
        x->tar.size = size;
        x->tar.sums = n_sums || size == 0 ? h + HEADER_SIZE : NULL;
        x->entries = h + HEADER_SIZE + n_sums * SUM_SIZE;
        x->strings = (const char *)pax + n_pax * PAX_SIZE;
        if (x->strings[0] != 0 || x->strings[n_strings - 1] != 0)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!entry_ok(x->entries + i * ENTRY_SIZE, x->tar.size, n_pax, n_strings))
                        return false;
        x->pax = xcalloc(n_pax, sizeof *x->pax);
        for (size_t i = 0; i < n_pax; i++, pax += PAX_SIZE) {
                uint64_t key = get_le32(pax + P_KEY), value = get_le32(pax + P_VALUE);
                uint64_t len = get_le32(pax + P_LEN);
                if (key >= n_strings || value + len >= n_strings)
                        return false;
                x->pax[i] = (PaxRecord){ .key = x->strings + key,
                                         .value = x->strings + value,
                                         .value_len = len };
        }
        return true;
}

Index *index_open(const char *path, const Digest *layer) {
        struct stat st;
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < HEADER_SIZE)
                return NULL;
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
                return NULL;
        Index *x = xcalloc(1, sizeof *x);
        x->map = map;
        x->map_size = (size_t)st.st_size;
        if (!check(x, layer)) {
                index_free(x);
                return NULL;
        }
        return x;
}

void index_free(Index *x) {
        if (!x)
                return;
        munmap(x->map, x->map_size);
        free(x->pax);
        free(x);
}

size_t index_count(const Index *x) {
        return x->n;
}

const PlainTar *index_tar(const Index *x) {
        return &x->tar;
}

void index_entry(const Index *x, size_t i, const Blob *blob, Entry *ret) {
        const unsigned char *r = x->entries + i * ENTRY_SIZE;
        uint32_t link = get_le32(r + E_LINK), n_pax = get_le32(r + E_N_PAX);
        EntryType type = (EntryType)r[E_TYPE];
        *ret = (Entry){
                .name = x->strings + get_le32(r + E_NAME),
                .link = type == ENTRY_SYMLINK || type == ENTRY_HARDLINK ? x->strings + link : NULL,
                .type = type,
                .mode = get_le16(r + E_MODE),
                .uid = get_le32(r + E_UID),
                .gid = get_le32(r + E_GID),
                .mtime = (int64_t)get_le64(r + E_MTIME),
                .mtime_nsec = get_le32(r + E_NSEC),
                .uname = x->strings + get_le32(r + E_UNAME),
                .gname = x->strings + get_le32(r + E_GNAME),
                .dev_major = get_le32(r + E_MAJOR),
                .dev_minor = get_le32(r + E_MINOR),
                .pax = n_pax ? x->pax + get_le32(r + E_PAX) : NULL,
                .n_pax = n_pax,
        };
        uint64_t size = get_le64(r + E_SIZE);
        if (size)
                ret->content =
                        (Content){ .blob = blob, .offset = get_le64(r + E_OFFSET), .size = size };
}
