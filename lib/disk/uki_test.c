/* uki_test.c - unified kernel images and their signatures, read by binutils and sbverify(1). */
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/disk/authenticode.h"
#include "lib/disk/pe.h"
#include "lib/disk/uki.h"
#include "test/scratch.h"

static const char stub_file[] = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
static char *stub_bytes;
static size_t stub_size;

/* Enough of a bzImage to be taken for one. */
static Extents *kernel(size_t size) {
        Extents *x = extents_new();
        char *p = arena_alloc(extents_arena(x), size);
        for (size_t i = 0; i < size; i++)
                p[i] = (char)(i * 7 + i / 4096);
        memcpy(p + 0x202, "HdrS", 4);
        Content c = content_bytes(p, size);
        extents_add(x, &c);
        return x;
}

static Extents *text(const char *s) {
        Extents *x = extents_new();
        Content c = content_bytes(s, strlen(s));
        extents_add(x, &c);
        return x;
}

static int make(const Extents *k, const Extents *initrd, const char *arch, Extents *out, Err *e) {
        Content stub = content_bytes(stub_bytes, stub_size);
        UkiParts parts = { .stub = &stub,
                           .arch = arch,
                           .kernel = k,
                           .initrd = initrd,
                           .cmdline = "console=ttyS0 a=\"b c\"",
                           .osrel = "NAME=\"LinuxKit\"\nID=linuxkit\n" };
        return uki_image(&parts, out, NULL, e);
}

static void sections_come_back(void **state) {
        (void)state;
        /* old recipes break from 16 MiB on */
        _cleanup_extents_ Extents *k = kernel(20 << 20), *initrd = text("initrd"),
                                  *out = extents_new();
        Content before = content_bytes("12345678", 8);
        extents_add(out, &before); /* positions are those in the program, not in the list */
        assert_int_equal(make(k, initrd, "amd64", out, NULL), 0);
        _cleanup_extents_ Extents *program = extents_new();
        extents_append_range(program, out, 8, extents_size(out) - 8);
        scratch_save("uki", program);
        scratch_save("kernel", k);
        scratch_run("for s in linux initrd cmdline osrel; do objcopy --dump-section .$s=$s uki "
                    "out.efi; "
                    "done");
        scratch_run("cmp linux kernel");
        scratch_run("test \"$(cat initrd)\" = initrd");
        scratch_run("test \"$(cat cmdline)\" = 'console=ttyS0 a=\"b c\"'");
        scratch_run("grep -q ID=linuxkit osrel");
        /* ascending, disjoint and aligned to pages */
        scratch_run(
                "objdump -h uki | awk '$1 ~ /^[0-9]+$/ {print $4, $3}' | while read -r at n; do "
                "at=$((0x$at)) n=$((0x$n)); test $at -ge ${end:-0} || exit 1; end=$((at + n)); "
                "done");
}

static void checksum_is_binutils(void **state) {
        (void)state;
        _cleanup_extents_ Extents *k = kernel(100001), *out = extents_new();
        assert_int_equal(make(k, NULL, "amd64", out, NULL), 0);
        scratch_save("uki", out);
        /* the sum that pefile and the firmware's tools compute, here in a few lines */
        scratch_run(
                "python3 -c \"import struct; d=bytearray(open('uki','rb').read()); "
                "o=struct.unpack_from('<I',d,0x3c)[0]+88; want=struct.unpack_from('<I',d,o)[0]; "
                "struct.pack_into('<I',d,o,0); s=0\n"
                "for w in struct.unpack('<%%dH' %% (len(d)//2), d): s+=w; s=(s&0xffff)+(s>>16)\n"
                "assert s+len(d)==want, (hex(s+len(d)), hex(want))\"");
}

static void wrong_parts_are_refused(void **state) {
        (void)state;
        _cleanup_extents_ Extents *k = kernel(100000), *no = text("no kernel"),
                                  *out = extents_new();
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(make(no, NULL, "amd64", out, &e), -1);
        assert_string_equal(e.text, "the kernel is not a bzImage for amd64");
        err_clear(&e);
        assert_int_equal(make(k, NULL, "arm64", out, &e), -1);
        assert_non_null(strstr(e.text, "not an uncompressed Image for arm64"));
        assert_int_equal(extents_size(out), 0);
}

static void make_keys(void) {
        scratch_run(
                "test -e k.pem || openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=test/ "
                "-keyout k.pem -out c.pem");
        scratch_run(
                "test -e ec.pem || openssl req -new -x509 -newkey ec -pkeyopt "
                "ec_paramgen_curve:prime256v1 -nodes -subj /CN=ec/ -keyout ec.pem -out ecc.pem");
        scratch_run("test -e locked.pem || openssl pkey -in k.pem -aes256 -passout pass:x -out "
                    "locked.pem");
}

static int load(const char *key, const char *cert, SigningKey **ret, Err *e) {
        _cleanup_free_ char *k = path_join(scratch, key), *c = path_join(scratch, cert);
        return signing_key_load(k, c, ret, e);
}

static void parts_lie_where_asked(void **state) {
        (void)state;
        _cleanup_extents_ Extents *k = kernel(100003), *initrd = text("initrd"),
                                  *out = extents_new(), *sign = extents_new();
        SigningKey *key = NULL;
        Content stub = content_bytes(stub_bytes, stub_size);
        UkiParts parts = { .stub = &stub,
                           .arch = "amd64",
                           .kernel = k,
                           .initrd = initrd,
                           .uname = "6.1.0",
                           .align = 4096 };
        UkiLayout l = { 0 };
        Content before = content_bytes("1234", 4);
        extents_add(out, &before);
        assert_int_equal(uki_image(&parts, out, &l, NULL), 0);
        assert_int_equal(l.kernel_at % 4096, 0);
        assert_int_equal(l.initrd_at % 4096, 0);
        char want[100003], got[100003];
        extents_read(k, 0, want, sizeof want, NULL);
        extents_read(out, 4 + l.kernel_at, got, sizeof got, NULL);
        assert_memory_equal(got, want, sizeof want);
        extents_read(out, 4 + l.initrd_at, got, 6, NULL);
        assert_memory_equal(got, "initrd", 6);
        _cleanup_extents_ Extents *program = extents_new();
        extents_append_range(program, out, 4, extents_size(out) - 4);
        make_keys();
        assert_int_equal(load("k.pem", "c.pem", &key, NULL), 0);
        assert_int_equal(authenticode_sign(key, program, sign, NULL), 0);
        signing_key_free(key);
        scratch_save("aligned", sign);
        scratch_run("sbverify --cert c.pem aligned 2>&1 | tee verify && ! grep -qi gap verify");
        scratch_run("objdump -h aligned | grep -q uname && ! objdump -h aligned | grep -q cmdline");
}

/* Every damage of the headers is an error or a program, never a crash. */
static void damaged_stubs_are_survived(void **state) {
        (void)state;
        _cleanup_extents_ Extents *k = kernel(4096);
        _cleanup_free_ char *copy = xmalloc(stub_size);
        memcpy(copy, stub_bytes, stub_size);
        char *good = stub_bytes;
        stub_bytes = copy;
        static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff };
        size_t refused = 0;
        for (size_t at = 0; at < 0x300; at++)
                for (size_t v = 0; v < sizeof values; v++) {
                        _cleanup_extents_ Extents *out = extents_new();
                        copy[at] = (char)values[v];
                        refused += make(k, NULL, "amd64", out, NULL) < 0;
                        copy[at] = good[at];
                }
        assert_true(refused > 20);
        stub_bytes = good;
}

static void signature_is_verified(void **state) {
        (void)state;
        _cleanup_extents_ Extents *k = kernel(100003), *out = extents_new(), *once = extents_new(),
                                  *twice = extents_new();
        SigningKey *key = NULL;
        make_keys();
        assert_int_equal(make(k, NULL, "amd64", out, NULL), 0);
        assert_int_equal(load("k.pem", "c.pem", &key, NULL), 0);
        assert_int_equal(authenticode_sign(key, out, once, NULL), 0);
        assert_int_equal(authenticode_sign(key, out, twice, NULL), 0);
        assert_int_equal(authenticode_sign(key, once, twice, NULL), -1);
        signing_key_free(key);
        scratch_save("signed", once);
        scratch_save("again", twice);
        scratch_run("sbverify --cert c.pem signed");
        scratch_run("cmp signed again");
        scratch_run("! sbverify --cert ecc.pem signed");
        /* one bit of the kernel */
        scratch_run("cp signed bad && printf '\\001' | dd of=bad bs=1 seek=$(($(stat -c %%s bad) - "
                    "50000)) "
                    "conv=notrunc && ! sbverify --cert c.pem bad");
}

static void keys_are_checked(void **state) {
        (void)state;
        static const struct {
                const char *key, *cert, *words;
        } table[] = {
                { "ec.pem", "ecc.pem", "not RSA" },
                { "locked.pem", "c.pem", "has a password" },
                { "c.pem", "c.pem", "no private key" },
                { "k.pem", "k.pem", "no certificate" },
                { "k.pem", "ecc.pem", "not the certificate of the key" },
                { "none.pem", "c.pem", "none.pem" },
        };
        make_keys();
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                SigningKey *key = NULL;
                assert_int_equal(load(table[i].key, table[i].cert, &key, &e), -1);
                if (!strstr(e.text, table[i].words))
                        fail_msg("%s instead of %s", e.text, table[i].words);
        }
}

static int set_up(void **state) {
        if (scratch_set_up(state) < 0)
                return -1;
        return file_read(stub_file, 1 << 20, &stub_bytes, &stub_size, NULL);
}

static int tear_down(void **state) {
        free(stub_bytes);
        return scratch_tear_down(state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sections_come_back),
                cmocka_unit_test(checksum_is_binutils),
                cmocka_unit_test(wrong_parts_are_refused),
                cmocka_unit_test(parts_lie_where_asked),
                cmocka_unit_test(damaged_stubs_are_survived),
                cmocka_unit_test(signature_is_verified),
                cmocka_unit_test(keys_are_checked),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
