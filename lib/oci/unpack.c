/* unpack.c - see unpack.h.  The input's digest is computed over all its bytes, so garbage behind
 * the last compressed member cannot hide; it is refused as well. */
#include "lib/oci/unpack.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"

#include <zlib.h>
#include <zstd.h>

/* How much a blob may unpack to: MAX_RATIO times its size, but never less than MIN_LIMIT and never
 * more than MAX_LIMIT.  Programs and documents shrink to a half or a tenth, deflate can do 1032:1;
 * a layer beyond a hundred is all zeros, and a real one of those (a swap file) fits the lower
 * limit. So a bomb of 10 MB costs a gigabyte of disk for a moment, not ten. */
#define MIN_LIMIT ((uint64_t)1 << 30)
#define MAX_LIMIT ((uint64_t)64 << 30)

enum { CHUNK = 256 * 1024, MAX_RATIO = 100 };

typedef enum Coding { PLAIN, GZIP, ZSTD, UNKNOWN } Coding;

typedef struct Unpack {
        int fd, out_fd;
        const char *out_name;
        uint64_t in_size;
        uint64_t at; /* in the input */
        Hash *in_hash, *out_hash;
        uint64_t out_size, limit;
        SumsWriter *sums;        /* of the plain bytes */
        bool plain;              /* the input is the output */
        unsigned char *in, *out; /* CHUNK bytes each */
} Unpack;

static Coding coding_of(const unsigned char *p, size_t n) {
        static const struct {
                const char *magic;
                size_t length;
                Coding coding;
        } table[] = {
                { "\x1f\x8b", 2, GZIP },         /* RFC 1952 2.3.1 */
                { "\x28\xb5\x2f\xfd", 4, ZSTD }, /* RFC 8878 3.1.1 */
                { "BZh", 3, UNKNOWN },           /* bzip2 */
                { "\xfd"
                  "7zXZ",
                  6, UNKNOWN }, /* xz */
        };
        /* RFC 8878 3.1.2: a skippable frame may come first */
        if (n >= 4 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0)
                return ZSTD;
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
                if (n >= table[i].length && memcmp(p, table[i].magic, table[i].length) == 0)
                        return table[i].coding;
        return PLAIN;
}

int unpack_is_compressed(int fd, const Descriptor *d, bool *ret, Err *e) {
        unsigned char start[8];
        int64_t n = fd_pread(fd, start, sizeof start, 0, d->digest.text, e);
        if (n < 0)
                return -1;
        Coding coding = coding_of(start, (size_t)n);
        if (coding == UNKNOWN)
                return err_set(e, ERR_VERIFY, 0, "unsupported compression (not gzip or zstd)");
        *ret = coding != PLAIN;
        return 0;
}

/* The next piece of the input; 0 at its end. */
static int64_t fill(Unpack *u, Err *e) {
        int64_t n = fd_pread(u->fd, u->in, CHUNK, u->at, "layer", e);
        if (n > 0) {
                hash_update(u->in_hash, u->in, (size_t)n);
                if (u->plain && u->sums)
                        sums_writer_add(u->sums, u->in, (size_t)n);
                u->at += (uint64_t)n;
        }
        return n;
}

static int emit(Unpack *u, const void *p, size_t n, Err *e) {
        u->out_size += n;
        if (u->out_size > u->limit)
                return err_set(e, ERR_VERIFY, 0,
                               "%llu bytes unpack to more than %llu MiB: this looks like an attack",
                               (unsigned long long)u->in_size, (unsigned long long)u->limit >> 20);
        hash_update(u->out_hash, p, n);
        if (u->sums)
                sums_writer_add(u->sums, p, n);
        return fd_write_all(u->out_fd, p, n, u->out_name, e);
}

/* Decodes what is in z's input. *inside: in the middle of a member. */
static int inflate_chunk(Unpack *u, z_stream *z, bool *inside, Err *e) {
        do {
                if (!*inside) {
                        /* padding behind a member */
                        while (z->avail_in && *z->next_in == 0)
                                z->next_in++, z->avail_in--;
                        if (!z->avail_in)
                                return 0;
                        inflateReset(z);
                        *inside = true;
                }
                z->next_out = u->out;
                z->avail_out = CHUNK;
                int r = inflate(z, Z_NO_FLUSH);
                if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
                        return err_set(e, ERR_VERIFY, 0, "damaged gzip data%s%s",
                                       z->msg ? ": " : "", z->msg ? z->msg : "");
                if (emit(u, u->out, CHUNK - z->avail_out, e) < 0)
                        return -1;
                if (r == Z_STREAM_END)
                        *inside = false;
        } while (z->avail_in || (*inside && z->avail_out == 0));
        return 0;
}

static int copy_gzip(Unpack *u, Err *e) {
        z_stream z = { 0 };
        if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
                return err_set(e, ERR_INTERNAL, 0, "zlib cannot be started");
        bool inside = true;
        int64_t n;
        int r = 0;
        while (r == 0 && (n = fill(u, e)) != 0) {
                if (n < 0) {
                        r = -1;
                        break;
                }
                z.next_in = u->in;
                z.avail_in = (uInt)n;
                r = inflate_chunk(u, &z, &inside, e);
        }
        inflateEnd(&z);
        if (r == 0 && inside)
                return err_set(e, ERR_VERIFY, 0, "truncated gzip data");
        return r;
}

static int zstd_chunk(Unpack *u, ZSTD_DStream *z, size_t n, size_t *state, Err *e) {
        ZSTD_inBuffer in = { .src = u->in, .size = n };
        bool full;
        do {
                ZSTD_outBuffer out = { .dst = u->out, .size = CHUNK };
                *state = ZSTD_decompressStream(z, &out, &in);
                if (ZSTD_isError(*state))
                        return err_set(e, ERR_VERIFY, 0, "damaged zstd data: %s",
                                       ZSTD_getErrorName(*state));
                if (emit(u, u->out, out.pos, e) < 0)
                        return -1;
                full = out.pos == out.size;
        } while (in.pos < in.size || (full && *state != 0));
        return 0;
}

static int copy_zstd(Unpack *u, Err *e) {
        ZSTD_DStream *z = ZSTD_createDStream();
        if (!z)
                return err_set(e, ERR_INTERNAL, 0, "zstd cannot be started");
        size_t state = 0; /* 0: at the end of a frame */
        int64_t n;
        int r = 0;
        while (r == 0 && (n = fill(u, e)) != 0)
                r = n < 0 ? -1 : zstd_chunk(u, z, (size_t)n, &state, e);
        ZSTD_freeDStream(z);
        if (r == 0 && state != 0)
                return err_set(e, ERR_VERIFY, 0, "truncated zstd data");
        return r;
}

/* Reads what the decoder left (all of it, for a plain blob).  The verdict on the blob itself comes
 * first: a damaged download shows as a wrong digest and not as whatever the decompressor makes of
 * it. */
static int verify(Unpack *u, const Descriptor *d, int decoded, Err *e) {
        int64_t n;
        Err read_error = ERR_INIT;
        while ((n = fill(u, &read_error)) > 0)
                ;
        if (n < 0 && decoded == 0) {
                err_move(e, &read_error);
                return -1;
        }
        err_clear(&read_error);
        Digest got;
        hash_final(u->in_hash, &got);
        bool cause_elsewhere = decoded < 0 && e && e->kind != ERR_VERIFY;
        if (n < 0 || cause_elsewhere || (digest_eq(&got, &d->digest) && u->at == d->size))
                return decoded;
        if (u->at != d->size)
                return err_set(e, ERR_VERIFY, 0, "%llu bytes instead of %llu",
                               (unsigned long long)u->at, (unsigned long long)d->size);
        return err_set(e, ERR_VERIFY, 0, "the content has digest %s", got.text);
}

static uint64_t plain_limit(uint64_t size) {
        uint64_t limit = size > MAX_LIMIT / MAX_RATIO ? MAX_LIMIT : size * MAX_RATIO;
        return MAX(limit, MIN_LIMIT);
}

int unpack_run(int fd, const Descriptor *d, int out_fd, const char *out_name, Digest *ret_plain,
               uint64_t *ret_size, SumsWriter *sums, Err *e) {
        _cleanup_hash_ Hash *in_hash = hash_new(), *out_hash = hash_new();
        _cleanup_free_ unsigned char *in = xmalloc(CHUNK), *out = xmalloc(CHUNK);
        Unpack u = { .fd = fd,
                     .out_fd = out_fd,
                     .out_name = out_name,
                     .in_size = d->size,
                     .limit = plain_limit(d->size),
                     .in_hash = in_hash,
                     .out_hash = out_hash,
                     .sums = sums,
                     .in = in,
                     .out = out };
        int64_t n = fd_pread(fd, in, 8, 0, d->digest.text, e);
        if (n < 0)
                return -1;
        Coding coding = out_fd < 0 ? PLAIN : coding_of(in, (size_t)n);
        u.plain = coding == PLAIN;
        int r = coding == GZIP ? copy_gzip(&u, e) : coding == ZSTD ? copy_zstd(&u, e) : 0;
        if (verify(&u, d, r, e) < 0)
                return -1;
        if (sums)
                sums_writer_end(sums);
        *ret_plain = d->digest;
        *ret_size = d->size;
        if (coding != PLAIN) {
                hash_final(out_hash, ret_plain);
                *ret_size = u.out_size;
        }
        return 0;
}
