/* stub_test.c - which modules a root needs, in which order, and the initramfs that carries them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/build/kmodules.h"
#include "lib/build/stub.h"

#define DIR_OF_MODULES "lib/modules/6.1/"

static const char dep[] = "kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko\n"
                          "kernel/drivers/virtio/virtio_ring.ko:\n"
                          "kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko "
                          "kernel/drivers/virtio/virtio_ring.ko\n"
                          "kernel/drivers/xen-blkfront.ko:\n"
                          "kernel/drivers/gone/nvme.ko:\n" /* its file is not there */
                          "kernel/drivers/net/e1000.ko:\n"
                          "kernel/fs/squashfs/squashfs.ko:\n"
                          "kernel/fs/isofs.ko: kernel/drivers/cdrom.ko\n"
                          "kernel/drivers/cdrom.ko:\n"
                          "kernel/drivers/sr_mod.ko: kernel/drivers/cdrom.ko\n"
                          "kernel/drivers/loop.ko:\n"
                          "kernel/lib/libcrc32c.ko:\n"
                          "kernel/crypto/crc32c_generic.ko:\n"
                          "kernel/fs/erofs.ko: kernel/lib/libcrc32c.ko\n";
static const char alias[] = "# Aliases\n"
                            "alias virtio:d00000002v* virtio_blk\n"
                            "alias xen:vbd xen-blkfront\n"
                            "alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000\n"
                            "alias fs-squashfs squashfs\n"
                            "alias scsi:t-0x05* sr_mod\n"
                            "alias devname:loop-control loop\n"
                            "alias\nalias x\nalias  y\n";

static void add(Tree *t, const char *name, const char *text) {
        Entry entry = { .name = name,
                        .type = ENTRY_FILE,
                        .mode = 0644,
                        .content = content_bytes(text, strlen(text)) };
        tree_add(t, &entry);
}

/* A tree whose kernel has these modules; the content of each is its own name. */
static Tree *kernel(const char *builtin) {
        static const char *const files[] = {
                "kernel/drivers/virtio/virtio.ko",
                "kernel/drivers/virtio/virtio_ring.ko",
                "kernel/drivers/block/virtio_blk.ko",
                "kernel/drivers/xen-blkfront.ko",
                "kernel/drivers/net/e1000.ko",
                "kernel/fs/squashfs/squashfs.ko",
                "kernel/fs/isofs.ko",
                "kernel/drivers/cdrom.ko",
                "kernel/drivers/sr_mod.ko",
                "kernel/drivers/loop.ko",
                "kernel/lib/libcrc32c.ko",
                "kernel/crypto/crc32c_generic.ko",
                "kernel/fs/erofs.ko",
        };
        Tree *t = tree_new();
        add(t, "bin/sh", "x");
        add(t, DIR_OF_MODULES "modules.dep", dep);
        add(t, DIR_OF_MODULES "modules.alias", alias);
        if (builtin)
                add(t, DIR_OF_MODULES "modules.builtin", builtin);
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                _cleanup_free_ char *name = xasprintf(DIR_OF_MODULES "%s", files[i]);
                add(t, name, files[i]);
        }
        return t;
}

static char *names_of(const KModuleList *l) {
        Buf b = { 0 };
        for (size_t i = 0; i < l->n; i++)
                buf_addf(&b, "%s%s", i ? " " : "", l->items[i]->name);
        return buf_steal(&b);
}

static void what_is_needed_comes_first(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_kmodules_ KModules *k = NULL;
        KModuleList l = { 0 };
        Tree *t = kernel("kernel/fs/ext4/ext4.ko\nkernel/drivers/nvme-core.ko\n");
        assert_int_equal(kmodules_open(t, &k, &e), 0);
        assert_string_equal(kmodules_version(k), "6.1");
        assert_true(kmodules_is_builtin(k, "nvme_core"));
        assert_true(kmodules_is_builtin(k, "nvme-core"));
        assert_false(kmodules_is_builtin(k, "squashfs"));
        assert_non_null(kmodules_find(k, "xen_blkfront"));
        assert_null(kmodules_find(k, "nvme"));
        assert_int_equal(kmodules_add(k, "virtio_blk", &l, &e), 0);
        assert_int_equal(kmodules_add(k, "virtio", &l, &e), 0);
        assert_int_equal(kmodules_add(k, "nothing", &l, &e), 0);
        assert_int_equal(kmodules_add(k, "erofs", &l, &e), 0);
        _cleanup_free_ char *got = names_of(&l);
        assert_string_equal(got, "virtio_ring virtio virtio_blk crc32c_generic libcrc32c erofs");
        kmodules_list_done(&l);
        tree_free(t);
}

/* Appends what the members of a cpio are called, and of /modules the content. */
static char *list_cpio(const Extents *x, char **ret_modules) {
        Buf names = { 0 };
        uint64_t at = 0, size = extents_size(x);
        assert_int_equal(size % 512, 0);
        for (;;) {
                char h[111] = "", name[256];
                assert_true(at + 110 <= size);
                assert_int_equal(extents_read(x, at, h, 110, NULL), 0);
                assert_memory_equal(h, "070701", 6);
                unsigned file = 0, len = 0;
                assert_int_equal(sscanf(h + 54, "%8x", &file), 1);
                assert_int_equal(sscanf(h + 94, "%8x", &len), 1);
                assert_true(len <= sizeof(name));
                assert_int_equal(extents_read(x, at + 110, name, len, NULL), 0);
                at = (at + 110 + len + 3) & ~UINT64_C(3);
                if (str_eq(name, "TRAILER!!!"))
                        return buf_steal(&names);
                buf_addf(&names, "%s ", name);
                if (str_eq(name, "modules") && ret_modules) {
                        *ret_modules = xcalloc(1, file + 1);
                        assert_int_equal(extents_read(x, at, *ret_modules, file, NULL), 0);
                }
                at = (at + file + 3) & ~UINT64_C(3);
        }
}

static const Content program = { .bytes = "stub", .size = 4 };

static void carries_what_the_partition_needs(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *x = extents_new(), *again = extents_new();
        _cleanup_free_ char *modules = NULL;
        const StubOptions o = { .root = STUB_PARTITION, .fs = "squashfs" };
        bool needed = false;
        Tree *t = kernel("");
        assert_int_equal(stub_initrd(t, &program, &o, x, &needed, &e), 0);
        assert_true(needed);
        _cleanup_free_ char *got = list_cpio(x, &modules);
        assert_string_equal(got, "dev dev/console proc sys init modules lib lib/modules "
                                 "lib/modules/virtio_ring.ko lib/modules/virtio.ko "
                                 "lib/modules/virtio_blk.ko lib/modules/xen_blkfront.ko "
                                 "lib/modules/squashfs.ko ");
        assert_string_equal(modules, "module virtio_ring.ko\n"
                                     "module virtio.ko virtio_ring.ko\n"
                                     "module virtio_blk.ko virtio.ko virtio_ring.ko\n"
                                     "module xen_blkfront.ko\n"
                                     "module squashfs.ko\n"
                                     "alias virtio:d00000002v* virtio_blk.ko\n"
                                     "alias xen:vbd xen_blkfront.ko\n"
                                     "load squashfs.ko\n");
        assert_int_equal(stub_initrd(t, &program, &o, again, &needed, &e), 0);
        Digest a, b;
        assert_int_equal(extents_digest(x, &a, NULL), 0);
        assert_int_equal(extents_digest(again, &b, NULL), 0);
        assert_true(digest_eq(&a, &b));
        tree_free(t);
}

static void iso_brings_cd_and_loop(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *x = extents_new();
        _cleanup_free_ char *modules = NULL;
        const StubOptions o = { .root = STUB_ISO, .fs = "squashfs" };
        bool needed = false;
        Tree *t = kernel("");
        assert_int_equal(stub_initrd(t, &program, &o, x, &needed, &e), 0);
        _cleanup_free_ char *got = list_cpio(x, &modules);
        assert_non_null(strstr(got, "lib/modules/sr_mod.ko"));
        assert_non_null(strstr(modules, "alias scsi:t-0x05* sr_mod.ko\n"));
        assert_non_null(strstr(modules, "load isofs.ko\nload loop.ko\nload squashfs.ko\n"));
        tree_free(t);
}

static void image_file_stands_last(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *image = extents_new(), *x = extents_new();
        Content part = content_bytes("hsqs...", 7);
        extents_add(image, &part);
        extents_zero(image, 5);
        const StubOptions o = { .root = STUB_FILE,
                                .fs = "squashfs",
                                .image = image,
                                .name = "root.squashfs",
                                .gzip = true };
        bool needed = false;
        Tree *t = kernel("");
        extents_zero(x, 512); /* microcode, say */
        assert_int_equal(stub_initrd(t, &program, &o, x, &needed, &e), 0);
        assert_true(needed);
        _cleanup_extents_ Extents *rest = extents_new();
        _cleanup_free_ char *all = xmalloc(extents_size(x));
        assert_int_equal(extents_read(x, 0, all, extents_size(x), &e), 0);
        Content tail = content_bytes(all + 512, extents_size(x) - 512);
        extents_add(rest, &tail);
        _cleanup_free_ char *got = list_cpio(rest, NULL);
        assert_string_equal(got, "dev dev/console proc sys init modules lib lib/modules "
                                 "lib/modules/loop.ko lib/modules/squashfs.ko root.squashfs ");
        tree_free(t);
}

/* Nothing to load, nothing to carry: root= alone does it. */
static void built_in_drivers_need_no_stub(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_extents_ Extents *x = extents_new();
        StubOptions o = { .root = STUB_PARTITION, .fs = "squashfs" };
        bool needed = true;
        Tree *t = tree_new();
        add(t, DIR_OF_MODULES "modules.dep", "kernel/drivers/net/e1000.ko:\n");
        add(t, DIR_OF_MODULES "kernel/drivers/net/e1000.ko", "x");
        add(t, DIR_OF_MODULES "modules.builtin",
            "kernel/fs/squashfs/squashfs.ko\nkernel/drivers/block/virtio_blk.ko\n");
        assert_int_equal(stub_initrd(t, &program, &o, x, &needed, &e), 0);
        assert_false(needed);
        assert_int_equal(extents_size(x), 0);
        o.fs = "erofs";
        assert_int_equal(stub_needed(t, &o, &needed, &e), -1);
        assert_int_equal(e.kind, ERR_SPEC);
        assert_string_equal(e.text,
                            "kernel 6.1 has no driver for the file system erofs (erofs), built in "
                            "or as a module");
        o.fs = "squashfs";
        o.root = STUB_ISO;
        assert_int_equal(stub_needed(t, &o, &needed, &e), -1);
        tree_free(t);

        t = tree_new(); /* a kernel without any modules */
        add(t, "bin/sh", "x");
        o.root = STUB_PARTITION;
        assert_int_equal(stub_needed(t, &o, &needed, &e), 0);
        assert_false(needed);
        o.root = STUB_ISO;
        assert_int_equal(stub_needed(t, &o, &needed, &e), 0);
        assert_true(needed);
        tree_free(t);
}

static void kernel_without_disks_is_told(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        const StubOptions o = { .root = STUB_PARTITION, .fs = "squashfs" };
        bool needed;
        Tree *t = tree_new();
        add(t, DIR_OF_MODULES "modules.dep", "");
        add(t, DIR_OF_MODULES "modules.builtin", "kernel/fs/squashfs/squashfs.ko\n");
        assert_int_equal(stub_needed(t, &o, &needed, &e), -1);
        assert_string_equal(e.text, "kernel 6.1 has no driver for any disk");
        tree_free(t);
}

static void compressed_module_arrives_plain(void **state) {
        (void)state;
        /* `printf hello | gzip -n` and `| xz` */
        static const unsigned char gz[] = { 0x1f, 0x8b, 8,    0,    0,    0,    0, 0, 0,
                                            3,    0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86,
                                            0xa6, 0x10, 0x36, 5,    0,    0,    0 };
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_kmodules_ KModules *k = NULL;
        _cleanup_arena_ Arena *arena = arena_new();
        Content c;
        Tree *t = tree_new();
        add(t, DIR_OF_MODULES "modules.dep", "kernel/a.ko.gz:\nkernel/b.ko.xz:\n");
        Entry entry = { .name = DIR_OF_MODULES "kernel/a.ko.gz",
                        .type = ENTRY_FILE,
                        .content = content_bytes(gz, sizeof(gz)) };
        tree_add(t, &entry);
        add(t, DIR_OF_MODULES "kernel/b.ko.xz",
            "\xfd"
            "7zXZ then nothing");
        assert_int_equal(kmodules_open(t, &k, &e), 0);
        if (kmodules_load(kmodules_find(k, "a"), arena, &c, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(c.size, 5);
        assert_memory_equal(c.bytes, "hello", 5);
        assert_int_equal(kmodules_load(kmodules_find(k, "b"), arena, &c, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        tree_free(t);
}

static void hostile_lists_end(void **state) {
        (void)state;
        static const char *const texts[] = {
                "kernel/a.ko: kernel/a.ko\n",
                "kernel/a.ko: kernel/b.ko\nkernel/b.ko: kernel/a.ko\n",
                ":\n::\n.ko:\nkernel/a.ko",
                "kernel/a.ko: ../../../etc/passwd /etc/shadow kernel/\n",
                "\n\n\n",
        };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_kmodules_ KModules *k = NULL;
                KModuleList l = { 0 };
                Tree *t = tree_new();
                add(t, DIR_OF_MODULES "modules.dep", texts[i]);
                add(t, DIR_OF_MODULES "modules.alias", "alias a: a\nalias \nalias * a\n");
                add(t, DIR_OF_MODULES "kernel/a.ko", "a");
                add(t, DIR_OF_MODULES "kernel/b.ko", "b");
                assert_int_equal(kmodules_open(t, &k, &e), 0);
                int r = kmodules_add(k, "a", &l, &e);
                if (r < 0)
                        assert_int_equal(e.kind, ERR_VERIFY);
                assert_int_equal(r, i < 2 ? -1 : 0);
                kmodules_list_done(&l);
                tree_free(t);
        }
}

/* One that needs the next, a thousand deep. */
static void long_chain_is_refused(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_kmodules_ KModules *k = NULL;
        _cleanup_buf_ Buf text = { 0 };
        KModuleList l = { 0 };
        Tree *t = tree_new();
        for (int i = 0; i < 1000; i++) {
                _cleanup_free_ char *name = xasprintf(DIR_OF_MODULES "m%d.ko", i);
                buf_addf(&text, "m%d.ko: m%d.ko\n", i, i + 1);
                add(t, name, "x");
        }
        add(t, DIR_OF_MODULES "modules.dep", text.data);
        assert_int_equal(kmodules_open(t, &k, &e), 0);
        assert_int_equal(kmodules_add(k, "m0", &l, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        kmodules_list_done(&l);
        tree_free(t);
}

static void two_kernels_are_refused(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_kmodules_ KModules *k = NULL;
        Tree *t = kernel("");
        add(t, "lib/modules/6.2/modules.dep", "");
        assert_int_equal(kmodules_open(t, &k, &e), -1);
        assert_string_equal(e.text, "there are modules of two kernels: 6.1 and 6.2");
        tree_free(t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_needed_comes_first),
                cmocka_unit_test(carries_what_the_partition_needs),
                cmocka_unit_test(iso_brings_cd_and_loop),
                cmocka_unit_test(image_file_stands_last),
                cmocka_unit_test(built_in_drivers_need_no_stub),
                cmocka_unit_test(kernel_without_disks_is_told),
                cmocka_unit_test(compressed_module_arrives_plain),
                cmocka_unit_test(hostile_lists_end),
                cmocka_unit_test(long_chain_is_refused),
                cmocka_unit_test(two_kernels_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
