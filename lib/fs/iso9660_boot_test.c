/* iso9660_boot_test.c - what firmware reads: catalogue, boot information table, partition tables.
 *
 * With arguments this program writes an image instead, for test/check/iso9660.sh:
 *     TAR IMAGE [joliet] [bios=PATH] [mbr=FILE] [esp=FILE] */
#include "lib/base/str.h"
#include "lib/fs/iso9660.h"
#include "lib/oci/tarscan.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cmocka.h>

enum { BLOCK = 2048, SECTOR = 512, T0 = 1492533000, MIB = 1 << 20 };

static uint32_t le16(const uint8_t *p) {
        return p[0] | (uint32_t)p[1] << 8;
}
static uint32_t le32(const uint8_t *p) {
        return le16(p) | le16(p + 2) << 16;
}
static uint64_t le64(const uint8_t *p) {
        return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* --- an image with everything in it ------------------------------------------------------ */

typedef struct Image {
        Tree *tree;
        Extents *esp, *x;
        uint8_t *bytes;
        uint64_t size;
        uint8_t loader[3001], code[432];
        Content mbr;
} Image;

enum { BIOS = 1, HYBRID = 2, EFI = 4 };

static void make(Image *i, int what, uint64_t esp_size) {
        for (size_t k = 0; k < sizeof i->loader; k++)
                i->loader[k] = (uint8_t)(k * 7 + 1);
        memset(i->code, 0xcc, sizeof i->code);
        i->mbr = content_bytes(i->code, sizeof i->code);
        i->tree = tree_new();
        Entry loader = { .name = "boot/loader.bin",
                         .type = ENTRY_FILE,
                         .mtime = T0,
                         .content = content_bytes(i->loader, sizeof i->loader) };
        tree_add(i->tree, &loader);
        loader.name = "copy";
        tree_add(i->tree, &loader);
        i->esp = extents_new();
        Content fat = content_bytes("FAT", 3);
        extents_add(i->esp, &fat);
        extents_zero(i->esp, esp_size - 3);
        IsoOptions o = { .volume_id = "TEST", .mtime = T0, .mbr_signature = 0x11223344 };
        o.disk_guid = uuid_parse("00112233-4455-6677-8899-aabbccddeeff");
        o.iso_guid.b[0] = 1;
        o.esp_guid.b[0] = 2;
        o.bios_image = what & (BIOS | HYBRID) ? "boot/loader.bin" : NULL;
        o.hybrid_mbr = what & HYBRID ? &i->mbr : NULL;
        o.efi_image = what & EFI ? i->esp : NULL;
        i->x = extents_new();
        Err e = ERR_INIT;
        if (iso9660_image(i->tree, &o, i->x, &e) < 0)
                fail_msg("%s", e.text);
        i->size = extents_size(i->x);
        i->bytes = xmalloc(i->size);
        assert_int_equal(extents_read(i->x, 0, i->bytes, i->size, NULL), 0);
}

static void done(Image *i) {
        free(i->bytes);
        extents_free(i->x);
        extents_free(i->esp);
        tree_free(i->tree);
}
#define _cleanup_image_ __attribute__((cleanup(done)))

static const uint8_t *block(const Image *i, uint64_t n) {
        assert_true((n + 1) * BLOCK <= i->size);
        return i->bytes + n * BLOCK;
}

static const uint8_t *catalog(const Image *i) {
        const uint8_t *record = block(i, 17);
        assert_memory_equal(record, "\0CD001\1EL TORITO SPECIFICATION\0\0", 33);
        const uint8_t *c = block(i, le32(record + 71));
        uint32_t sum = 0;
        for (size_t k = 0; k < 32; k += 2)
                sum += le16(c + k);
        assert_int_equal(sum & 0xffff, 0);
        assert_int_equal(le16(c + 30), 0xaa55);
        return c;
}

/* --- El Torito --------------------------------------------------------------------------- */

static void bios_finds_its_loader(void **state) {
        (void)state;
        _cleanup_image_ Image i;
        make(&i, BIOS, 4096);
        const uint8_t *c = catalog(&i);
        assert_int_equal(c[1], 0);
        assert_int_equal(c[32], 0x88);
        assert_int_equal(le16(c + 32 + 6), 4);
        assert_int_equal(c[64], 0); /* no further section */
        uint32_t at = le32(c + 32 + 8), sum = 0;
        const uint8_t *b = block(&i, at);
        assert_memory_equal(b, i.loader, 8);
        assert_int_equal(le32(b + 8), 16);
        assert_int_equal(le32(b + 12), at);
        assert_int_equal(le32(b + 16), sizeof i.loader);
        for (size_t k = 64; k < sizeof i.loader; k += 4) {
                uint8_t word[4] = { 0 };
                memcpy(word, i.loader + k, MIN(4, sizeof i.loader - k));
                sum += le32(word);
        }
        assert_int_equal(le32(b + 20), sum);
        assert_memory_equal(b + 64, i.loader + 64, sizeof i.loader - 64);
        /* the loader's name means the patched copy; the equal file elsewhere stays as it was */
        const uint8_t *name = memmem(i.bytes, i.size, "LOADER.BIN;1", 12);
        assert_non_null(name);
        assert_int_equal(le32(name - 33 + 2), at);
        assert_non_null(memmem(i.bytes, i.size, i.loader, sizeof i.loader));
        /* no partition table without isohybrid */
        assert_int_equal(le16(i.bytes + 510), 0);
}

static void efi_finds_the_esp(void **state) {
        (void)state;
        for (int bios = 0; bios < 2; bios++) {
                _cleanup_image_ Image i;
                make(&i, EFI | (bios ? BIOS : 0), 5 * MIB + 512);
                const uint8_t *c = catalog(&i), *entry = c + (bios ? 96 : 32);
                assert_int_equal(c[1], bios ? 0 : 0xef);
                if (bios)
                        assert_memory_equal(c + 64, "\x91\xef\1\0", 4);
                assert_int_equal(entry[0], 0x88);
                assert_int_equal(le16(entry + 6), 5 * MIB / SECTOR + 1);
                assert_memory_equal(block(&i, le32(entry + 8)), "FAT", 4);
                assert_int_equal(le32(entry + 8) % (MIB / BLOCK), 0);
        }
        _cleanup_image_ Image i; /* too large to count in 16 bits */
        make(&i, EFI, 65537 * SECTOR);
        assert_int_equal(le16(catalog(&i) + 32 + 6), 0);
}

/* --- disks ------------------------------------------------------------------------------- */

static void hybrid_has_one_dos_partition(void **state) {
        (void)state;
        _cleanup_image_ Image i;
        make(&i, HYBRID, 4096);
        const uint8_t *p = i.bytes;
        assert_int_equal(i.size % MIB, 0);
        assert_memory_equal(p, i.code, sizeof i.code);
        assert_int_equal(le64(p + 432), le32(catalog(&i) + 40) * 4);
        assert_int_equal(le32(p + 440), 0x11223344);
        assert_memory_equal(p + 446, "\x80\0\1\0\x17\x3f\x20\0\0\0\0\0", 12);
        assert_int_equal(le32(p + 458), i.size / SECTOR);
        assert_memory_equal(p + 462, (uint8_t[48]){ 0 }, 48);
        assert_int_equal(le16(p + 510), 0xaa55);
}

static void check_gpt(const Image *i, uint64_t at, uint64_t other, uint64_t entries) {
        uint8_t h[92];
        const uint8_t *table = i->bytes + entries * SECTOR;
        memcpy(h, i->bytes + at * SECTOR, sizeof h);
        uint32_t sum = le32(h + 16);
        memset(h + 16, 0, 4);
        assert_memory_equal(h, "EFI PART\0\0\1\0\x5c\0\0\0", 16);
        assert_int_equal(sum, crc32(0, h, sizeof h));
        assert_int_equal(le64(h + 24), at);
        assert_int_equal(le64(h + 32), other);
        assert_int_equal(le64(h + 72), entries);
        assert_int_equal(le32(h + 88), crc32(0, table, 128 * 128));
        assert_memory_equal(h + 56,
                            "\x33\x22\x11\0\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
        assert_int_equal(le64(table + 32), 64);
        assert_int_equal(le64(table + 40) + 1, le64(table + 128 + 32));
        assert_memory_equal(i->bytes + le64(table + 128 + 32) * SECTOR, "FAT", 4);
        assert_true(le64(table + 128 + 40) <= le64(h + 48));
        assert_int_equal(table[256], 0);
}

static void esp_is_a_gpt_partition(void **state) {
        (void)state;
        _cleanup_image_ Image i;
        make(&i, HYBRID | EFI, 3 * MIB);
        const uint8_t *p = i.bytes;
        uint64_t last = i.size / SECTOR - 1;
        assert_int_equal(i.size % MIB, 0);
        check_gpt(&i, 1, last, 2);
        check_gpt(&i, last, 1, last - 32);
        assert_memory_equal(p, i.code, sizeof i.code);
        assert_int_equal(le64(p + 432), le32(catalog(&i) + 40) * 4);
        assert_memory_equal(p + 446, "\0\0\2\0\xee\xff\xff\xff\1\0\0\0", 12);
        assert_int_equal(le32(p + 458), last);
}

/* Partition 1 is a volume of its own: the same directory, counted from its start. */
static void partition_is_a_volume(void **state) {
        (void)state;
        _cleanup_image_ Image i;
        make(&i, EFI, 3 * MIB);
        const uint8_t *whole = block(&i, 16), *part = block(&i, 32);
        assert_memory_equal(part, "\1CD001\1", 7);
        assert_int_equal(le32(whole + 80), i.size / BLOCK);
        assert_int_equal(16 + le32(part + 80), le32(catalog(&i) + 40));
        const uint8_t *a = block(&i, le32(whole + 158)), *b = block(&i, 16 + le32(part + 158));
        assert_ptr_not_equal(a, b);
        for (size_t at = 0; a[at]; at += a[at]) {
                assert_int_equal(a[at], b[at]);
                assert_int_equal(a[at + 32], b[at + 32]);
                assert_memory_equal(a + at + 33, b + at + 33, a[at + 32]);
                if (a[at + 25] & 2)
                        continue;
                assert_int_equal(le32(a + at + 2), 16 + le32(b + at + 2));
        }
}

static void same_bytes_twice(void **state) {
        (void)state;
        for (int what = 0; what < 8; what++) {
                _cleanup_image_ Image a, b;
                make(&a, what, 2 * MIB);
                make(&b, what, 2 * MIB);
                assert_int_equal(a.size, b.size);
                assert_memory_equal(a.bytes, b.bytes, a.size);
        }
}

static void refuses_wrong_boot_files(void **state) {
        (void)state;
        Content shorter = content_bytes("code", 4);
        static const struct {
                const char *image, *also, *text;
                bool mbr, efi;
        } cases[] = {
                { "isolinux.bin", "other", "isolinux.bin is not in the tree", false, false },
                { "a/b", "a", "boot image a/b is not in the tree", false, false },
                { "loader", "boot.cat", "where the boot catalogue goes", false, false },
                { "loader", "other", "loader has 5 bytes", false, false },
                { "loader", "other", "isohybrid code has 4 bytes", true, false },
                { NULL, "other", "isohybrid code without", true, false },
                { NULL, "other", "without content", false, true },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                Tree *t = tree_new();
                Entry entry = { .name = "loader", .content = content_bytes("short", 5) };
                entry.type = ENTRY_FILE;
                tree_add(t, &entry);
                entry.name = cases[i].also;
                tree_add(t, &entry);
                IsoOptions o = { .volume_id = "V", .bios_image = cases[i].image };
                _cleanup_extents_ Extents *empty = extents_new();
                o.hybrid_mbr = cases[i].mbr ? &shorter : NULL;
                o.efi_image = cases[i].efi ? empty : NULL;
                _cleanup_extents_ Extents *x = extents_new();
                _cleanup_err_ Err e = ERR_INIT;
                assert_int_equal(iso9660_image(t, &o, x, &e), -1);
                assert_non_null(strstr(e.text, cases[i].text));
                assert_int_equal(extents_size(x), 0);
                tree_free(t);
        }
}

/* --- an image from a tar ----------------------------------------------------------------- */

static int add_entry(void *tree, const Entry *entry, Err *e) {
        (void)e;
        tree_add(tree, entry);
        return 0;
}

static int open_file(const char *path, Extents *owner, Content *ret, Err *e) {
        Blob *b = xcalloc(1, sizeof *b);
        struct stat st;
        b->fd = open(path, O_RDONLY | O_CLOEXEC);
        extents_own(owner, b);
        if (b->fd < 0 || fstat(b->fd, &st) < 0)
                return err_set(e, ERR_IO, errno, "%s", path);
        b->size = (uint64_t)st.st_size;
        *ret = (Content){ .blob = b, .size = b->size };
        return hash_fd(b->fd, &b->id, NULL, e);
}

static int write_image(char **args, Tree *t, Extents *x, Extents *esp, char **code, Err *e) {
        IsoOptions o = { .volume_id = "LinuxKit", .mtime = T0, .mbr_signature = 0x4c4b4954 };
        Content tar, c, mbr;
        o.disk_guid.b[0] = o.iso_guid.b[1] = o.esp_guid.b[2] = 1;
        if (open_file(args[0], x, &tar, e) < 0)
                return -1;
        for (char **a = args + 2; *a; a++) {
                const char *value = strchr(*a, '=') ? strchr(*a, '=') + 1 : "";
                if (str_eq(*a, "joliet"))
                        o.joliet = true;
                else if (str_has_prefix(*a, "bios="))
                        o.bios_image = value;
                else if (open_file(value, x, &c, e) < 0)
                        return -1;
                else if (str_has_prefix(*a, "esp="))
                        extents_add(esp, &c);
                else if (content_load(&c, 4096, code, e) < 0)
                        return -1;
                else
                        mbr = content_bytes(*code, c.size);
        }
        o.efi_image = extents_size(esp) ? esp : NULL;
        o.hybrid_mbr = *code ? &mbr : NULL;
        _cleanup_sink_ Sink *s = NULL;
        if (tarscan_run(&tar, false, add_entry, t, e) < 0 || iso9660_image(t, &o, x, e) < 0 ||
            sink_file(args[1], 0644, &s, e) < 0 || extents_write(x, s, NULL, e) < 0)
                return -1;
        return sink_finish(s, e);
}

static int image_main(char **args) {
        _cleanup_extents_ Extents *x = extents_new(), *esp = extents_new();
        _cleanup_free_ char *code = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        Tree *t = tree_new();
        int r = write_image(args, t, x, esp, &code, &e);
        tree_free(t);
        if (r < 0)
                fprintf(stderr, "%s\n", e.text);
        return r < 0;
}

int main(int argc, char **argv) {
        if (argc > 2)
                return image_main(argv + 1);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bios_finds_its_loader),
                cmocka_unit_test(efi_finds_the_esp),
                cmocka_unit_test(hybrid_has_one_dos_partition),
                cmocka_unit_test(esp_is_a_gpt_partition),
                cmocka_unit_test(partition_is_a_volume),
                cmocka_unit_test(same_bytes_twice),
                cmocka_unit_test(refuses_wrong_boot_files),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
