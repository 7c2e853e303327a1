/* hash.c - SHA-256 through OpenSSL's EVP, which picks the CPU's own instructions. */
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <openssl/evp.h>

struct Hash {
        EVP_MD_CTX *ctx;
};

Hash *hash_new(void) {
        Hash *h = xcalloc(1, sizeof *h);
        h->ctx = EVP_MD_CTX_new();
        if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
                abort();
        return h;
}

void hash_free(Hash *h) {
        if (!h)
                return;
        EVP_MD_CTX_free(h->ctx);
        free(h);
}

void hash_update(Hash *h, const void *p, size_t n) {
        if (EVP_DigestUpdate(h->ctx, p, n) != 1)
                abort();
}

void hash_final(Hash *h, Digest *ret) {
        static const char hex[] = "0123456789abcdef";
        unsigned char md[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        if (EVP_DigestFinal_ex(h->ctx, md, &n) != 1 || n != 32)
                abort();
        *ret = (Digest){ 0 };
        memcpy(ret->text, "sha256:", 7);
        for (unsigned i = 0; i < n; i++) {
                ret->text[7 + 2 * i] = hex[md[i] >> 4];
                ret->text[8 + 2 * i] = hex[md[i] & 15];
        }
}

void hash_bytes(const void *p, size_t n, Digest *ret) {
        _cleanup_hash_ Hash *h = hash_new();
        hash_update(h, p, n);
        hash_final(h, ret);
}

int hash_fd(int fd, Digest *ret, uint64_t *ret_size, Err *e) {
        _cleanup_hash_ Hash *h = hash_new();
        _cleanup_free_ char *buf = xmalloc(1 << 18);
        uint64_t at = 0;
        for (;;) {
                ssize_t n = pread(fd, buf, 1 << 18, (off_t)at);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set(e, ERR_IO, errno, "read");
                if (n == 0)
                        break;
                hash_update(h, buf, (size_t)n);
                at += (uint64_t)n;
        }
        hash_final(h, ret);
        if (ret_size)
                *ret_size = at;
        return 0;
}

bool digest_parse(const char *text, Digest *ret) {
        if (strlen(text) != 71 || memcmp(text, "sha256:", 7) != 0 ||
            strspn(text + 7, "0123456789abcdef") != 64)
                return false;
        *ret = (Digest){ 0 };
        memcpy(ret->text, text, 71);
        return true;
}

bool digest_eq(const Digest *a, const Digest *b) {
        return memcmp(a->text, b->text, 71) == 0;
}

const char *digest_hex(const Digest *d) {
        return d->text + 7;
}
