/* authenticode.c - see authenticode.h.  A PKCS #7 SignedData whose content is Microsoft's
 * SpcIndirectDataContent: the digest of the program without its checksum and its certificates. */
#include "lib/base/bytes.h"
#include "lib/disk/authenticode.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/disk/pe.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <string.h>

enum {
        PEM_LIMIT = 1 << 20,
        SHA256_SIZE = 32,
        WIN_CERTIFICATE = 8,        /* size of the header */
        WIN_CERT_REVISION = 0x0200, /* UEFI specification 2.10, 32.2.4.1 */
        WIN_CERT_PKCS = 0x0002,
        ALIGN = 8,
};

struct SigningKey {
        EVP_PKEY *key;
        X509 *certificate;
};

static ASN1_OBJECT *indirect_data; /* 1.3.6.1.4.1.311.2.1.4, SPC_INDIRECT_DATA_OBJID */

static void make_object(void) {
        indirect_data = OBJ_txt2obj("1.3.6.1.4.1.311.2.1.4", 1);
}

/* --- keys ----------------------------------------------------------------------------------- */

/* Asked for a password: there is nobody who could give one. */
static int no_password(char *buf, int size, int writing, void *user) {
        (void)buf, (void)size, (void)writing;
        *(bool *)user = true;
        return -1;
}

static BIO *open_pem(const char *path, char **text, Err *e) {
        size_t n;
        if (file_read(path, PEM_LIMIT, text, &n, e) < 0)
                return NULL;
        return BIO_new_mem_buf(*text, (int)n);
}

static int load_key(const char *path, SigningKey *k, Err *e) {
        _cleanup_free_ char *text = NULL;
        bool encrypted = false;
        BIO *bio = open_pem(path, &text, e);
        if (!bio)
                return -1;
        k->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &encrypted);
        BIO_free(bio);
        ERR_clear_error();
        if (encrypted) {
                err_set(e, ERR_USAGE, 0, "%s: the key has a password", path);
                return err_hint(e, "`openssl pkey -in %s` writes one without", path);
        }
        if (!k->key)
                return err_set(e, ERR_USAGE, 0, "%s: no private key in PEM format", path);
        if (EVP_PKEY_get_base_id(k->key) == EVP_PKEY_RSA)
                return 0;
        err_set(e, ERR_USAGE, 0, "%s: the key is not RSA", path);
        return err_hint(e, "other signatures differ each time, and so would the image");
}

static int load_certificate(const char *path, SigningKey *k, Err *e) {
        _cleanup_free_ char *text = NULL;
        BIO *bio = open_pem(path, &text, e);
        if (!bio)
                return -1;
        k->certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        BIO_free(bio);
        ERR_clear_error();
        return k->certificate ? 0
                              : err_set(e, ERR_USAGE, 0, "%s: no certificate in PEM format", path);
}

int signing_key_load(const char *key_file, const char *cert_file, SigningKey **ret, Err *e) {
        SigningKey *k = xcalloc(1, sizeof *k);
        int r = load_key(key_file, k, e);
        if (r == 0)
                r = load_certificate(cert_file, k, e);
        if (r == 0 && X509_check_private_key(k->certificate, k->key) != 1) {
                ERR_clear_error();
                r = err_set(e, ERR_USAGE, 0, "%s is not the certificate of the key in %s",
                            cert_file, key_file);
        }
        if (r < 0)
                signing_key_free(k);
        else
                *ret = k;
        return r;
}

void signing_key_free(SigningKey *k) {
        if (!k)
                return;
        EVP_PKEY_free(k->key);
        X509_free(k->certificate);
        free(k);
}

/* --- the digest ----------------------------------------------------------------------------- */

static int hash_range(EVP_MD_CTX *md, const Extents *x, uint64_t from, uint64_t to, Err *e) {
        enum { CHUNK = 1 << 18 };
        _cleanup_free_ char *buf = xmalloc(CHUNK);
        while (from < to) {
                size_t n = (size_t)MIN(to - from, (uint64_t)CHUNK);
                if (extents_read(x, from, buf, n, e) < 0)
                        return -1;
                EVP_DigestUpdate(md, buf, n);
                from += n;
        }
        return 0;
}

/* file is padded to ALIGN. */
static int hash_program(const Extents *file, const Pe *pe, uint8_t ret[SHA256_SIZE], Err *e) {
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_DigestInit_ex(md, EVP_sha256(), NULL);
        int r = hash_range(md, file, 0, pe->checksum, e);
        if (r == 0)
                r = hash_range(md, file, pe->checksum + 4, pe->certificates, e);
        if (r == 0)
                r = hash_range(md, file, pe->certificates + 8, extents_size(file), e);
        EVP_DigestFinal_ex(md, ret, NULL);
        EVP_MD_CTX_free(md);
        return r;
}

/* --- the signature -------------------------------------------------------------------------- */

/* SpcIndirectDataContent in DER, up to its digest: SpcAttributeTypeAndOptionalValue with
 * SpcPeImageData (1.3.6.1.4.1.311.2.1.15), then DigestInfo with SHA-256. */
static const uint8_t content_head[] = {
        0x30, 0x17, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f, 0x30,
        0x09, 0x03, 0x01, 0x00, 0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00, 0x30, 0x31, 0x30, 0x0d, 0x06,
        0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
};
enum { CONTENT = 2 + sizeof content_head + SHA256_SIZE };

static bool add_attributes(PKCS7_SIGNER_INFO *signer, const uint8_t *content) {
        uint8_t digest[SHA256_SIZE];
        /* the content octets, without tag and length */
        EVP_Digest(content + 2, CONTENT - 2, digest, NULL, EVP_sha256(), NULL);
        ASN1_OCTET_STRING *text = ASN1_OCTET_STRING_new();
        ASN1_OCTET_STRING_set(text, digest, sizeof digest);
        return PKCS7_add_signed_attribute(signer, NID_pkcs9_contentType, V_ASN1_OBJECT,
                                          OBJ_dup(indirect_data)) == 1 &&
               PKCS7_add_signed_attribute(signer, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING,
                                          text) == 1 &&
               PKCS7_SIGNER_INFO_sign(signer) == 1;
}

static PKCS7 *wrap_content(const uint8_t *content) {
        PKCS7 *inner = PKCS7_new();
        ASN1_STRING *sequence = ASN1_STRING_new();
        ASN1_STRING_set(sequence, content, CONTENT);
        inner->type = OBJ_dup(indirect_data);
        inner->d.other = ASN1_TYPE_new();
        ASN1_TYPE_set(inner->d.other, V_ASN1_SEQUENCE, sequence);
        return inner;
}

static int sign(const SigningKey *k, const uint8_t hash[SHA256_SIZE], uint8_t **ret, size_t *ret_n,
                Err *e) {
        uint8_t content[CONTENT] = { 0x30, CONTENT - 2 };
        memcpy(content + 2, content_head, sizeof content_head);
        memcpy(content + 2 + sizeof content_head, hash, SHA256_SIZE);
        PKCS7 *p = PKCS7_new();
        PKCS7_SIGNER_INFO *signer = NULL;
        unsigned char *der = NULL;
        int n = -1;
        if (PKCS7_set_type(p, NID_pkcs7_signed) == 1)
                signer = PKCS7_add_signature(p, k->certificate, k->key, EVP_sha256());
        if (signer && PKCS7_add_certificate(p, k->certificate) == 1 &&
            add_attributes(signer, content) && PKCS7_set_content(p, wrap_content(content)) == 1)
                n = i2d_PKCS7(p, &der);
        PKCS7_free(p);
        if (n < 0) {
                const char *why = ERR_reason_error_string(ERR_peek_last_error());
                err_set(e, ERR_USAGE, 0, "signature: %s", why ? why : "refused by the library");
                ERR_clear_error();
                return -1;
        }
        *ret = der;
        *ret_n = (size_t)n;
        return 0;
}

/* WIN_CERTIFICATE, in the arena of out. */
static int make_certificate(const Extents *file, const Pe *pe, const SigningKey *key, Extents *out,
                            Content *ret, Err *e) {
        uint8_t hash[SHA256_SIZE], *der = NULL;
        size_t n;
        if (hash_program(file, pe, hash, e) < 0 || sign(key, hash, &der, &n, e) < 0)
                return -1;
        size_t total = (WIN_CERTIFICATE + n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
        uint8_t *p = arena_alloc(extents_arena(out), total);
        put_le(p, (uint32_t)total, 4);
        put_le(p + 4, WIN_CERT_REVISION, 2);
        put_le(p + 6, WIN_CERT_PKCS, 2);
        memcpy(p + WIN_CERTIFICATE, der, n);
        OPENSSL_free(der);
        *ret = content_bytes(p, total);
        return 0;
}

int authenticode_sign(const SigningKey *key, const Extents *program, Extents *out, Err *e) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, make_object);
        uint64_t size = extents_size(program);
        size_t head_size = (size_t)MIN(size, (uint64_t)PE_HEADERS_LIMIT);
        uint8_t *head = arena_alloc(extents_arena(out), head_size);
        Pe pe;
        Content certificate;
        if (extents_read(program, 0, head, head_size, e) < 0 ||
            pe_parse(head, head_size, size, "program to sign", &pe, e) < 0)
                return -1;
        if (get_le(head + pe.certificates, 4) || get_le(head + pe.certificates + 4, 4))
                return err_set(e, ERR_VERIFY, 0, "program to sign: has a signature already");
        put_le(head + pe.checksum, 0, 4);
        _cleanup_extents_ Extents *file = extents_new();
        Content start = content_bytes(head, head_size);
        extents_add(file, &start);
        extents_append_range(file, program, head_size, size - head_size);
        extents_pad(file, ALIGN);
        uint64_t at = extents_size(file);
        if (make_certificate(file, &pe, key, out, &certificate, e) < 0)
                return -1;
        put_le(head + pe.certificates, (uint32_t)at, 4);
        put_le(head + pe.certificates + 4, (uint32_t)certificate.size, 4);
        extents_add(file, &certificate);
        uint32_t sum;
        if (pe_checksum(file, &sum, e) < 0)
                return -1;
        put_le(head + pe.checksum, sum, 4);
        extents_append(out, file);
        return 0;
}
