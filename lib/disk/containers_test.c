/* containers_test.c - qcow2, VHD and VMDK against qemu-img(1), the others against tar(1): the same
 * disk must come back, and the checkers must find nothing. */
#include "lib/base/file.h"
#include "lib/base/spool.h"
#include "lib/base/str.h"
#include "lib/disk/gcp.h"
#include "lib/disk/ova.h"
#include "lib/disk/qcow2.h"
#include "lib/disk/vhd.h"
#include "lib/disk/vmdk.h"
#include "test/scratch.h"

#include <fcntl.h>

/* Text, noise, holes of data and real holes, clusters that are cut by all of them. */
static Extents *sample(uint64_t size) {
        Extents *x = extents_new();
        uint32_t seed = 1;
        size_t n = 300000;
        char *text = arena_alloc(extents_arena(x), n), *noise = arena_alloc(extents_arena(x), n),
             *zeros = arena_alloc(extents_arena(x), n);
        for (size_t i = 0; i < n; i++) {
                seed = seed * 1664525 + 1013904223;
                noise[i] = (char)(seed >> 24);
                text[i] = "linuxkit"[(seed >> 28) % 8];
        }
        Content parts[] = { content_bytes(text, n), content_bytes(zeros, n),
                            content_bytes(noise, n) };
        for (size_t i = 0; extents_size(x) < size; i++) {
                uint64_t room = size - extents_size(x);
                Content c = parts[i % 3];
                c.size = MIN(c.size - i * 1001 % 200000, room);
                extents_add(x, &c);
                extents_zero(x, MIN(size - extents_size(x), i % 5 ? (uint64_t)70001 * i : 5 << 20));
        }
        return x;
}

static void write_file(const char *name, const Extents *x,
                       int (*write)(const Extents *x, Sink *out, Err *e)) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *path = path_join(scratch, name);
        Sink *s = NULL;
        assert_int_equal(sink_file(path, 0644, &s, NULL), 0);
        if (write(x, s, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(sink_finish(s, NULL), 0);
        sink_free(s);
}

static int write_raw(const Extents *x, Sink *out, Err *e) {
        return extents_write(x, out, NULL, e);
}

static int write_qcow2(const Extents *x, Sink *out, Err *e) {
        return qcow2_write(x, out, NULL, e);
}

static int write_vmdk(const Extents *x, Sink *out, Err *e) {
        return vmdk_write(x, 0x12345678, out, NULL, e);
}

static int write_vhd(const Extents *x, Sink *out, Err *e) {
        VhdOptions o = { .time = 1492533000,
                         .uuid = uuid_parse("00112233-4455-8677-8899-aabbccddeeff") };
        return vhd_write(x, &o, out, NULL, e);
}

static int write_dynamic(const Extents *x, Sink *out, Err *e) {
        VhdOptions o = { .dynamic = true, .time = 1492533000 };
        return vhd_write(x, &o, out, NULL, e);
}

static void run(const char *fmt, const char *format) {
        _cleanup_free_ char *command = xasprintf(fmt, format, format);
        scratch_run("%s", command);
}

static const struct {
        const char *format;
        int (*write)(const Extents *x, Sink *out, Err *e);
        bool check;
} formats[] = {
        { "qcow2", write_qcow2, true },
        { "vmdk", write_vmdk, true },
        { "vpc", write_vhd, false },
        { "vpc", write_dynamic, false },
};

static void compare_all(uint64_t size) {
        _cleanup_extents_ Extents *x = sample(size);
        write_file("raw", x, write_raw);
        for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
                write_file("image", x, formats[i].write);
                if (formats[i].check)
                        run("qemu-img check -f %s image", formats[i].format);
                run("qemu-img compare -f raw -F %s raw image", formats[i].format);
        }
}

static void the_disk_comes_back(void **state) {
        (void)state;
        compare_all(1 << 20);
        compare_all(66 << 20);
        compare_all(600 << 20); /* more than one L2 table */
}

/* 80 GiB: the refcounts, the grain directory and the geometry at their limits. */
static void a_large_sparse_disk_comes_back(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = sample(40 << 20);
        Content mark = content_bytes("end", 3);
        extents_zero(x, (80ull << 30) - extents_size(x) - 3);
        extents_add(x, &mark);
        write_file("raw", x, write_raw);
        write_file("image", x, write_qcow2);
        run("qemu-img check -f %s image && qemu-img compare -f raw -F %s raw image", "qcow2");
        write_file("image", x, write_dynamic);
        run("qemu-img compare -f raw -F %s raw image", "vpc");
        write_file("image", x, write_vmdk);
        run("qemu-img compare -f raw -F %s raw image", "vmdk");
}

static void threads_do_not_matter(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = sample(66 << 20);
        for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
                setenv("LINUXKIT_THREADS", "1", 1);
                write_file("one", x, formats[i].write);
                setenv("LINUXKIT_THREADS", "7", 1);
                write_file("seven", x, formats[i].write);
                unsetenv("LINUXKIT_THREADS");
                run("test %s && cmp one seven", formats[i].format);
        }
}

/* formats.md 3.7 gives these, checked against qemu's footers. */
static void geometry_is_the_specifications(void **state) {
        (void)state;
        static const struct {
                uint64_t mib;
                unsigned cylinders, heads, sectors;
        } table[] = {
                { 64, 963, 8, 17 },       { 66, 993, 8, 17 },         { 127, 1019, 15, 17 },
                { 512, 1040, 16, 63 },    { 1024, 2080, 16, 63 },     { 2048, 4161, 16, 63 },
                { 25600, 52012, 16, 63 }, { 133120, 65535, 16, 255 },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                _cleanup_extents_ Extents *x = extents_new();
                _cleanup_buf_ Buf out = { 0 };
                extents_zero(x, table[i].mib << 20);
                VhdOptions o = { .dynamic = true };
                Sink *s = sink_buf(&out);
                assert_int_equal(vhd_write(x, &o, s, NULL, NULL), 0);
                sink_free(s);
                const unsigned char *g = (unsigned char *)out.data + 56;
                assert_int_equal(g[0] << 8 | g[1], table[i].cylinders);
                assert_int_equal(g[2], table[i].heads);
                assert_int_equal(g[3], table[i].sectors);
        }
}

static int write_gcp(const Extents *x, Sink *out, Err *e) {
        return gcp_write(x, 1492533000, NULL, out, NULL, e);
}

/* Many holes: the map goes on in blocks of its own. */
static void gcp_holds_the_sparse_disk(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = sample(66 << 20), *empty = extents_new();
        write_file("raw", x, write_raw);
        write_file("image", x, write_gcp);
        run("%s -xzf image disk.raw && cmp raw disk.raw && test $(tar -tzf image) = disk.raw",
            "tar");
        run("test $(%s -tvzf image | awk '{print $3}') = $(stat -c %%s raw)", "tar");
        /* its checksum ends like GNU tar's */
        run("test \"$(gzip -dc image | head -c 156 | tail -c 2 | %s -An -tx1)\" = ' 00 20'", "od");
        extents_zero(empty, 1 << 30);
        write_file("image", empty, write_gcp);
        run("rm disk.raw && %s -xzf image && test $(stat -c %%s disk.raw) = 1073741824", "tar");
}

static const char *ova_name = "a&b";

static int write_ova(const Extents *x, Sink *out, Err *e) {
        Spool spool;
        _cleanup_extents_ Extents *vmdk = extents_new();
        if (spool_open(scratch, &spool, e) < 0)
                return -1;
        Sink *s = spool_sink(&spool);
        int r = vmdk_write(x, 1, s, NULL, e);
        sink_free(s);
        spool_seal(&spool);
        Content all = spool_since(&spool, 0);
        extents_add(vmdk, &all);
        OvaOptions o = { .name = ova_name,
                         .vmdk = vmdk,
                         .digest = &spool.blob.id,
                         .capacity = extents_size(x),
                         .efi = true,
                         .cpus = 1,
                         .memory = 1024,
                         .mtime = 1492533000 };
        if (r == 0)
                r = ova_write(&o, out, e);
        spool_done(&spool);
        return r;
}

static void ova_is_in_order_and_sound(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = sample(10 << 20);
        write_file("raw", x, write_raw);
        write_file("image", x, write_ova);
        run("test \"$(%s -tf image | tr '\\n' ' ')\" = 'a_b.ovf a_b.mf a_b.vmdk ' && tar -xf image",
            "tar");
        run("sed -n 's/^SHA256(\\(.*\\))= \\(.*\\)/\\2  \\1/p' 'a_b.mf' >sums && test $(wc -l "
            "<sums) = 2 && "
            "%s -c sums",
            "sha256sum");
        run("qemu-img compare -f raw -F %s raw 'a_b.vmdk'", "vmdk");
        run("%s -c \"import xml.dom.minidom as x; d = x.parse('a_b.ovf'); "
            "f = d.getElementsByTagName('File')[0]; assert f.getAttribute('ovf:href') == "
            "'a_b.vmdk'; "
            "import os; assert int(f.getAttribute('ovf:size')) == os.path.getsize('a_b.vmdk')\"",
            "python3");
}

/* What XML, a URI or a ustar header could not hold as it is. */
static void ova_names_are_portable(void **state) {
        (void)state;
        static char many[201];
        memset(many, 'n', sizeof many - 1);
        static const struct {
                const char *name, *member;
        } cases[] = {
                { "a b", "a_b" },          { "-x\"<>%/\n\001", "_x_______" }, { "..", "_." },
                { "\xc3\xbc\xff", "___" }, { "v1.2-3_R", "v1.2-3_R" },        { many, many + 110 },
        };
        _cleanup_extents_ Extents *x = sample(1 << 20);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                ova_name = cases[i].name;
                write_file("image", x, write_ova);
                _cleanup_free_ char *want = xasprintf("%s.ovf %s.mf %s.vmdk", cases[i].member,
                                                      cases[i].member, cases[i].member);
                run("test \"$(tar -tf image | xargs echo)\" = '%s'", want);
                run("tar -xf image && ! grep -q '[^ -~]' %s.ovf", cases[i].member);
        }
        ova_name = "a&b";
}

static void too_large_is_said(void **state) {
        (void)state;
        _cleanup_extents_ Extents *x = extents_new();
        _cleanup_buf_ Buf out = { 0 };
        extents_zero(x, 3072ull << 30);
        Sink *s = sink_buf(&out);
        for (int dynamic = 0; dynamic < 2; dynamic++) {
                _cleanup_err_ Err e = ERR_INIT;
                VhdOptions o = { .dynamic = dynamic };
                assert_int_equal(vhd_write(x, &o, s, NULL, &e), -1);
                assert_int_equal(e.kind, ERR_USAGE);
                assert_string_equal(e.text, "a VHD has at most 2040 GiB");
        }
        assert_int_equal(vmdk_write(x, 1, s, NULL, NULL), -1);
        assert_int_equal(out.len, 0);
        sink_free(s);
}

/* What the writers below count: the event of the end tells. */
static Progress *counting;

static int count_raw(const Extents *x, Sink *out, Err *e) {
        return extents_write(x, out, counting, e);
}

static int count_qcow2(const Extents *x, Sink *out, Err *e) {
        return qcow2_write(x, out, counting, e);
}

static int count_vmdk(const Extents *x, Sink *out, Err *e) {
        return vmdk_write(x, 1, out, counting, e);
}

static int count_vhd(const Extents *x, Sink *out, Err *e) {
        return vhd_write(x, &(VhdOptions){ .dynamic = true }, out, counting, e);
}

static int count_gcp(const Extents *x, Sink *out, Err *e) {
        return gcp_write(x, 0, NULL, out, counting, e);
}

/* Ends in data and ends in a hole, one and a half blocks of a VHD long. */
static void progress_reaches_its_total(void **state) {
        (void)state;
        int (*const writers[])(const Extents *x, Sink *out, Err *e) = { count_raw, count_qcow2,
                                                                        count_vmdk, count_vhd,
                                                                        count_gcp };
        _cleanup_extents_ Extents *x = sample(3 << 20), *hole = sample(5 << 20);
        extents_zero(hole, 8 << 20);
        for (size_t i = 0; i < 2 * ARRAY_LEN(writers); i++) {
                const Extents *disk = i % 2 ? x : hole;
                _cleanup_free_ char *log = path_join(scratch, "events");
                int saved = dup(STDERR_FILENO), fd = open(log, O_CREAT | O_TRUNC | O_WRONLY, 0600);
                dup2(fd, STDERR_FILENO);
                log_setup_json(true);
                counting = progress_start("disk", extents_size(disk));
                write_file("image", disk, writers[i / 2]);
                progress_end(counting);
                log_setup_json(false);
                fflush(stderr);
                dup2(saved, STDERR_FILENO);
                close(saved);
                close(fd);
                _cleanup_free_ char *want = xasprintf("'\"done\":%llu,\"total\":%llu}'",
                                                      (unsigned long long)extents_size(disk),
                                                      (unsigned long long)extents_size(disk));
                run("tail -n 1 events | grep -F %s", want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_disk_comes_back),
                cmocka_unit_test(a_large_sparse_disk_comes_back),
                cmocka_unit_test(threads_do_not_matter),
                cmocka_unit_test(geometry_is_the_specifications),
                cmocka_unit_test(gcp_holds_the_sparse_disk),
                cmocka_unit_test(ova_is_in_order_and_sound),
                cmocka_unit_test(ova_names_are_portable),
                cmocka_unit_test(too_large_is_said),
                cmocka_unit_test(progress_reaches_its_total),
        };
        return cmocka_run_group_tests(tests, scratch_set_up, scratch_tear_down);
}
