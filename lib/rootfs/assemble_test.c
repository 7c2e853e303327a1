/* assemble_test.c - whole assemblies from a cache with hand-made images: the example of
 * yaml.md 20.1, kernel links, shared roots, files, and what is refused. No network: the cache has
 * everything or the test fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>

#include "lib/base/io.h"
#include "lib/rootfs/assemble.h"
#include "lib/rootfs/testutil.h"

static char directory[] = "/tmp/assemble_test.XXXXXX";
static Cache *cache;

/* --- images --------------------------------------------------------------------------------- */

static void put_octal(char *field, size_t digits, uint64_t value) {
        field[digits] = '\0';
        for (size_t i = digits; i-- > 0; value >>= 3)
                field[i] = (char)('0' + (value & 7));
}

static void add_bytes(Buf *tar, const Row *row, const void *bytes, size_t size) {
        uint32_t mode = row->mode ? row->mode : row->type == ENTRY_DIR ? 0755 : 0644;
        char header[512] = { 0 };
        snprintf(header, 100, "%s%s", row->name, row->type == ENTRY_DIR ? "/" : "");
        put_octal(header + 100, 7, mode);
        put_octal(header + 108, 7, 0);
        put_octal(header + 116, 7, 0);
        put_octal(header + 124, 11, size);
        put_octal(header + 136, 11, 1500000000);
        memset(header + 148, ' ', 8);
        header[156] = (char)row->type;
        if (row->type != ENTRY_FILE && row->text)
                snprintf(header + 157, 100, "%s", row->text);
        memcpy(header + 257, "ustar\00000", 8);
        unsigned sum = 0;
        for (size_t i = 0; i < sizeof(header); i++)
                sum += (unsigned char)header[i];
        put_octal(header + 148, 6, sum);
        buf_add(tar, header, sizeof(header));
        buf_add(tar, bytes, size);
        buf_zero(tar, -tar->len & 511);
}

static void add_member(Buf *tar, const Row *row) {
        add_bytes(tar, row, row->text,
                  row->type == ENTRY_FILE && row->text ? strlen(row->text) : 0);
}

static void make_tar(Buf *tar, const Row *rows, size_t n) {
        for (size_t i = 0; i < n; i++)
                add_member(tar, &rows[i]);
        buf_zero(tar, 1024);
}

static void check_ok(int r, const Err *e) {
        if (r < 0)
                fail_msg("%s", e->text);
}

/* An image of one layer; config is the member "config" of the image config. */
static void put_tar(const char *ref, const char *config, const Buf *tar) {
        _cleanup_err_ Err e = ERR_INIT;
        Descriptor layer;
        Digest digest;
        hash_bytes(tar->data, tar->len, &digest);
        check_ok(cache_put_bytes(cache, "application/vnd.oci.image.layer.v1.tar", tar->data,
                                 tar->len, &layer, &e),
                 &e);
        _cleanup_free_ char *text =
                xasprintf("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":%s,"
                          "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
                          config, digest.text);
        check_ok(image_store(cache, ref, "amd64", text, &layer, 1, NULL, &e), &e);
}

static void put_image(const char *ref, const char *config, const Row *rows, size_t n) {
        _cleanup_buf_ Buf tar = { 0 };
        make_tar(&tar, rows, n);
        put_tar(ref, config, &tar);
}

/* A kernel image: these rows, a gzip file "kernel.gz" that holds "unpacked", and the tar of
 * modules. */
static void put_kernel(const char *ref, const Row *rows, size_t n) {
        static const unsigned char gzip[] = { 0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03,
                                              /* a stored block of 8 bytes, RFC 1951 3.2.4 */
                                              0x01, 0x08, 0x00, 0xf7, 0xff, 'u', 'n', 'p', 'a', 'c',
                                              'k', 'e', 'd',
                                              /* CRC-32 and length */
                                              0x96, 0x62, 0x2f, 0xca, 0x08, 0, 0, 0 };
        const Row modules[] = { { ENTRY_DIR, "lib", NULL, 0 }, { ENTRY_FILE, "lib/m.ko", "M", 0 } };
        const Row packed = { ENTRY_FILE, "kernel.gz", NULL, 0 };
        const Row module_tar = { ENTRY_FILE, "kernel.tar", NULL, 0 };
        _cleanup_buf_ Buf tar = { 0 }, inner = { 0 };
        make_tar(&inner, modules, ARRAY_LEN(modules));
        for (size_t i = 0; i < n; i++)
                add_member(&tar, &rows[i]);
        add_bytes(&tar, &packed, gzip, sizeof(gzip));
        add_bytes(&tar, &module_tar, inner.data, inner.len);
        buf_zero(&tar, 1024);
        put_tar(ref, "{}", &tar);
}

static void put_images(void) {
        const Row app[] = { { ENTRY_FILE, "bin/p", "P", 0755 } };
        const Row init[] = { { ENTRY_DIR, "bin", NULL, 0 },
                             { ENTRY_FILE, "bin/init", "I", 0755 },
                             { ENTRY_FILE, "lib/apk/db/installed", "one", 0 } };
        const Row init2[] = { { ENTRY_FILE, "lib/apk/db/installed", "two", 0 } };
        const Row kernel[] = { { ENTRY_FILE, "kernel", "K", 0600 } };
        const Row linked[] = { { ENTRY_DIR, "boot", NULL, 0 },
                               { ENTRY_FILE, "boot/vmlinuz-6", "K6", 0 },
                               { ENTRY_SYMLINK, "b", "boot", 0777 },
                               { ENTRY_SYMLINK, "kernel", "../b/vmlinuz", 0777 },
                               { ENTRY_HARDLINK, "boot/vmlinuz", "boot/vmlinuz-6", 0 },
                               { ENTRY_SYMLINK, "broken", "nothing", 0777 },
                               { ENTRY_FILE, "ucode", "U", 0 } };
        put_image("docker.io/acme/app:1", "{}", app, ARRAY_LEN(app));
        put_image("docker.io/acme/labelled:1",
                  "{\"Entrypoint\":[\"/bin/p\"],\"Labels\":{\"org.mobyproject.config\":"
                  "\"{\\\"readonly\\\": true, \\\"binds\\\": [\\\"v:/z\\\"]}\"}}",
                  app, ARRAY_LEN(app));
        put_image("docker.io/acme/badlabel:1",
                  "{\"Labels\":{\"org.mobyproject.config\":\"{\\\"nope\\\": true}\"}}", app,
                  ARRAY_LEN(app));
        put_image("docker.io/acme/needy:1",
                  "{\"Labels\":{\"org.mobyproject.config\":"
                  "\"{\\\"runtime\\\": {\\\"needs\\\": [\\\"db\\\"]}}\"}}",
                  app, ARRAY_LEN(app));
        put_image("docker.io/acme/init:1", "{}", init, ARRAY_LEN(init));
        put_image("docker.io/acme/init:2", "{}", init2, ARRAY_LEN(init2));
        put_kernel("docker.io/acme/kernel:1", kernel, ARRAY_LEN(kernel));
        put_kernel("docker.io/acme/linked:1", linked, ARRAY_LEN(linked));
}

/* --- running -------------------------------------------------------------------------------- */

static int run(const char *yaml, const AssembleOptions *options, Spec **ret_spec, Rootfs **ret,
               Err *e) {
        AssembleOptions o = options ? *options : (AssembleOptions){ 0 };
        o.images = (ImageSource){ .cache = cache, .arch = "amd64" };
        o.mtime = ASSEMBLE_T0;
        if (spec_parse(yaml, strlen(yaml), "x.yml", ret_spec, e) < 0 ||
            spec_resolve(*ret_spec, NULL, NULL, e) < 0)
                return -1;
        return assemble(*ret_spec, &o, ret, e);
}

typedef struct Built {
        Spec *spec;
        Rootfs *rootfs;
        const Tree *tree;
} Built;

static Built build(const char *yaml, const AssembleOptions *o) {
        _cleanup_err_ Err e = ERR_INIT;
        Built b = { 0 };
        check_ok(run(yaml, o, &b.spec, &b.rootfs, &e), &e);
        b.tree = rootfs_tree(b.rootfs);
        return b;
}

static void built_done(Built *b) {
        rootfs_free(b->rootfs);
        spec_free(b->spec);
}

static void check_error(const char *yaml, const char *want) {
        _cleanup_err_ Err e = ERR_INIT;
        Built b = { 0 };
        if (run(yaml, NULL, &b.spec, &b.rootfs, &e) >= 0)
                fail_msg("no error for\n%s", yaml);
        if (!strcasestr(e.text, want))
                fail_msg("\"%s\" does not hold \"%s\"", e.text, want);
        spec_free(b.spec);
}

/* One line per entry: location, source, type, mode, uid, name, and a link's target. */
static void check_tree(const Tree *t, const char *want) {
        _cleanup_buf_ Buf got = { 0 };
        for (size_t i = 0; i < tree_count(t); i++) {
                const Entry *n = tree_entry(t, i);
                buf_addf(&got, "%s %s %c %o %u %s", n->location, n->source,
                         n->type == ENTRY_DIR    ? 'D'
                         : n->type == ENTRY_FILE ? 'F'
                                                 : 'L',
                         n->mode, n->uid, n->name);
                if (n->link)
                        buf_addf(&got, " > %s", n->link);
                buf_addc(&got, '\n');
        }
        assert_string_equal(got.data, want);
}

static const Entry *find(const Tree *t, const char *name) {
        for (size_t i = tree_count(t); i-- > 0;)
                if (str_eq(tree_entry(t, i)->name, name))
                        return tree_entry(t, i);
        fail_msg("no entry %s", name);
        return NULL;
}

static void check_content(const Tree *t, const char *name, const char *want) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *got = NULL;
        check_ok(content_load(&find(t, name)->content, 1 << 20, &got, &e), &e);
        assert_string_equal(got, want);
}

static void check_content_has(const Tree *t, const char *name, const char *want, bool present) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *got = NULL;
        check_ok(content_load(&find(t, name)->content, 1 << 20, &got, &e), &e);
        if (!!strstr(got, want) != present)
                fail_msg("%s %s %s:\n%s", name, present ? "lacks" : "has", want, got);
}

/* --- tests ---------------------------------------------------------------------------------- */

static const char example[] = "kernel:\n"
                              "  image: acme/kernel:1\n"
                              "  cmdline: \"console=ttyS0\"\n"
                              "init:\n"
                              "  - acme/init:1\n"
                              "onboot:\n"
                              "  - name: prep\n"
                              "    image: acme/app:1\n"
                              "services:\n"
                              "  - name: web\n"
                              "    image: acme/app:1\n"
                              "    readonly: true\n"
                              "    uid: web\n"
                              "    binds:\n"
                              "      - data:/data\n"
                              "volumes:\n"
                              "  - name: data\n"
                              "files:\n"
                              "  - path: etc/web/web.conf\n"
                              "    contents: \"port 80\\n\"\n"
                              "    mode: \"0640\"\n"
                              "    uid: web\n";

#define K  "kernel docker.io/acme/kernel:1 "
#define I  "init[0] docker.io/acme/init:1 "
#define V  "volume[0] "
#define O  "onboot[0] docker.io/acme/app:1 "
#define S  "services[0] docker.io/acme/app:1 "
#define FI "files[0] linuxkit.files "
#define PL "containers/onboot/000-prep/lower/"

static void test_example(void **state) {
        (void)state;
        const AssembleOptions o = { .sbom_output = "sbom.spdx.json" };
        Built b = build(example, &o);
        check_tree(b.tree,
                   K "D 755 0 boot\n" K "F 644 0 boot/cmdline\n" K "F 600 0 boot/kernel\n" K
                     "D 755 0 lib/\n" K "F 644 0 lib/m.ko\n" I "D 755 0 bin\n" I
                     "F 755 0 bin/init\n" I "F 644 0 lib/apk/db/installed\n" I "D 755 0 dev\n" I
                     "D 755 0 dev/pts\n" I "D 755 0 dev/shm\n" I "D 755 0 etc\n" I
                     "F 644 0 etc/hosts\n" I "L 755 0 etc/mtab > /proc/mounts\n" I
                     "L 644 0 etc/resolv.conf > /run/resolvconf/resolv.conf\n" I "D 755 0 proc\n" I
                     "D 755 0 sys\n" V "empty D 755 0 containers\n" V
                     "empty D 755 0 containers/volumes\n" V
                     "empty D 755 0 containers/volumes/data\n" V
                     "empty D 755 0 containers/volumes/data/lower\n" V
                     "linuxkit.volumes D 755 0 containers/volumes/data/tmp/\n" V
                     "linuxkit.volumes D 755 0 containers/volumes/data/merged/\n" O
                     "D 755 0 containers\n" O "D 755 0 containers/onboot\n" O
                     "D 755 0 containers/onboot/000-prep\n" O
                     "D 755 0 containers/onboot/000-prep/lower\n" O "F 755 0 " PL "bin/p\n" O
                     "D 755 0 " PL "dev\n" O "D 755 0 " PL "dev/pts\n" O "D 755 0 " PL "dev/shm\n" O
                     "D 755 0 " PL "etc\n" O "F 644 0 " PL "etc/hosts\n" O "L 755 0 " PL
                     "etc/mtab > /proc/mounts\n" O "F 644 0 " PL "etc/resolv.conf\n" O "D 755 0 " PL
                     "proc\n" O "D 755 0 " PL "sys\n" O
                     "F 644 0 containers/onboot/000-prep/config.json\n" O
                     "D 755 0 containers/onboot/000-prep/tmp\n" O
                     "D 755 0 containers/onboot/000-prep/rootfs\n" O
                     "F 644 0 containers/onboot/000-prep/runtime.json\n" S "D 755 0 containers\n" S
                     "D 755 0 containers/services\n" S "D 755 0 containers/services/web\n" S
                     "F 644 0 containers/services/web/config.json\n" S
                     "D 755 0 containers/services/web/rootfs\n" S
                     "F 644 0 containers/services/web/runtime.json\n" FI "D 750 101 etc\n" FI
                     "D 750 101 etc/web\n" FI "F 640 101 etc/web/web.conf\n"
                     "sbom linuxkit.sbom F 644 0 sbom.spdx.json\n");
        check_content(b.tree, "boot/cmdline", "console=ttyS0");
        check_content(b.tree, "boot/kernel", "K");
        check_content(b.tree, "lib/m.ko", "M");
        check_content(b.tree, "etc/web/web.conf", "port 80\n");
        assert_int_equal(find(b.tree, "boot/kernel")->mtime, ASSEMBLE_T0);
        assert_int_equal(find(b.tree, "lib/m.ko")->mtime, 1500000000);
        check_content_has(b.tree, "containers/services/web/config.json", "\"uid\": 101", true);
        check_content_has(b.tree, "containers/services/web/config.json",
                          "\"source\": \"/containers/volumes/data/merged\"", true);
        check_content_has(b.tree, "containers/services/web/runtime.json",
                          "\"source\": \"/containers/onboot/000-prep/lower\"", true);
        check_content_has(b.tree, "containers/onboot/000-prep/runtime.json",
                          "\"lowerdir=/containers/onboot/000-prep/lower\",\n"
                          "                \"upperdir=/containers/onboot/000-prep/tmp/upper\",\n"
                          "                \"workdir=/containers/onboot/000-prep/tmp/work\"",
                          true);
        check_content_has(b.tree, "sbom.spdx.json", "\"created\":\"2017-04-18T16:30:00Z\"}}\n",
                          true);
        built_done(&b);
}

static void test_same_result_twice(void **state) {
        (void)state;
        const AssembleOptions o = { .sbom_output = "s" };
        Built a = build(example, &o), b = build(example, &o);
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(tree_count(a.tree), tree_count(b.tree));
        for (size_t i = 0; i < tree_count(a.tree); i++) {
                _cleanup_free_ char *x = NULL, *y = NULL;
                check_ok(content_load(&tree_entry(a.tree, i)->content, 1 << 20, &x, &e), &e);
                check_ok(content_load(&tree_entry(b.tree, i)->content, 1 << 20, &y, &e), &e);
                assert_string_equal(tree_entry(a.tree, i)->name, tree_entry(b.tree, i)->name);
                assert_string_equal(x, y);
        }
        built_done(&a);
        built_done(&b);
}

static void test_kernel_links_and_ucode(void **state) {
        (void)state;
        Built b = build("kernel:\n  image: acme/linked:1\n  ucode: ucode\n", NULL);
        check_content(b.tree, "boot/kernel", "K6");
        check_content(b.tree, "boot/ucode.cpio", "U");
        check_content(b.tree, "boot/cmdline", "");
        assert_int_equal(find(b.tree, "boot/kernel")->type, ENTRY_FILE);
        assert_int_equal(find(b.tree, "boot/kernel")->mode, 0644);
        built_done(&b);
        b = build("kernel:\n  image: acme/linked:1\n  binary: boot/vmlinuz\n  tar: none\n", NULL);
        check_content(b.tree, "boot/kernel", "K6");
        assert_int_equal(tree_count(b.tree), 3);
        built_done(&b);
        b = build("kernel: {}\n", NULL);
        assert_int_equal(tree_count(b.tree), 0);
        built_done(&b);
}

static void test_kernel_errors(void **state) {
        (void)state;
        check_error("kernel:\n  image: acme/app:1\n",
                    "x.yml:2:10: kernel: did not find kernel in kernel image");
        check_error("kernel:\n  image: acme/kernel:1\n  tar: other.tar\n",
                    "did not find kernel tar in kernel image");
        check_error("kernel:\n  image: acme/kernel:1\n  ucode: u\n",
                    "did not find ucode in kernel image");
        check_error("kernel:\n  image: acme/linked:1\n  binary: broken\n",
                    "\"broken\" is a link to \"nothing\", which is not in the kernel image");
        check_error("kernel:\n  image: acme/linked:1\n  binary: boot\n", "not a regular file");
        const AssembleOptions o = { .decompress_kernel = true };
        _cleanup_err_ Err e = ERR_INIT;
        Built b = { 0 };
        assert_int_equal(run("kernel:\n  image: acme/kernel:1\n", &o, &b.spec, &b.rootfs, &e), -1);
        assert_non_null(strstr(e.text, "no compressed kernel or no supported format found"));
        spec_free(b.spec);
}

static void damage_derived_kernels(void) {
        _cleanup_free_ char *dir = path_join(cache_dir(cache), "derived/kernel");
        DIR *d = opendir(dir);
        assert_non_null(d);
        for (struct dirent *de; (de = readdir(d));) {
                _cleanup_free_ char *path = path_join(dir, de->d_name);
                if (de->d_name[0] != '.' && !str_has_suffix(path, ".digest"))
                        assert_int_equal(file_write(path, "UNpacked", 8, 0644, NULL), 0);
        }
        closedir(d);
}

static void test_decompressed_kernel(void **state) {
        (void)state;
        const AssembleOptions o = { .decompress_kernel = true };
        /* made, from the cache's derived file, and made again because that was damaged */
        for (size_t i = 0; i < 3; i++) {
                if (i == 2)
                        damage_derived_kernels();
                Built b = build("kernel:\n  image: acme/kernel:1\n  binary: kernel.gz\n", &o);
                check_content(b.tree, "boot/kernel", "unpacked");
                built_done(&b);
        }
}

static void test_package_databases(void **state) {
        (void)state;
        Built b = build("init:\n  - acme/init:1\n  - acme/init:2\n", NULL);
        const Entry *last = tree_entry(b.tree, tree_count(b.tree) - 1);
        assert_string_equal(last->name, "lib/apk/db/installed");
        assert_string_equal(last->location, "init");
        assert_string_equal(last->source, "LINUXKIT.apkinit");
        assert_int_equal(last->mtime, 0);
        check_content(b.tree, "lib/apk/db/installed", "one\n\ntwo\n\n");
        built_done(&b);
}

static void test_volume_image_and_label(void **state) {
        (void)state;
        Built b = build("onboot:\n  - name: l\n    image: acme/labelled:1\n"
                        "volumes:\n  - name: v\n    image: acme/app:1\n",
                        NULL);
        check_content(b.tree, "containers/volumes/v/lower/bin/p", "P");
        assert_int_equal(find(b.tree, "containers/volumes/v/lower/etc/resolv.conf")->type,
                         ENTRY_SYMLINK);
        /* the label makes it read-only, and its binds are no volume names */
        check_content(b.tree, "containers/onboot/000-l/rootfs/bin/p", "P");
        check_content_has(b.tree, "containers/onboot/000-l/config.json", "\"source\": \"v\"", true);
        check_content_has(b.tree, "containers/onboot/000-l/runtime.json", "\"bind\"", true);
        built_done(&b);
        check_error("onboot:\n  - name: l\n    image: acme/badlabel:1\n",
                    "x.yml:3:12: onboot[0] \"l\"");
}

static void test_needs_of_labels(void **state) {
        (void)state;
        Built b = build("services:\n  - name: web\n    image: acme/needy:1\n"
                        "  - name: db\n    image: acme/app:1\n",
                        NULL);
        check_content_has(b.tree, "containers/services/web/runtime.json", "\"needs\": [", true);
        check_content_has(b.tree, "containers/services/db/runtime.json", "needs", false);
        built_done(&b);
        check_error(
                "services:\n  - name: web\n    image: acme/needy:1\n",
                "label of docker.io/acme/needy:1:1:24: service \"web\" needs \"db\", which is no "
                "service");
        check_error("services:\n  - name: db\n    image: acme/app:1\n    runtime: {needs: [web]}\n"
                    "  - name: web\n    image: acme/needy:1\n",
                    "a circle: db, which needs web");
        /* the build file's own list replaces the label's */
        b = build("services:\n  - name: web\n    image: acme/needy:1\n    runtime: {needs: []}\n",
                  NULL);
        check_content_has(b.tree, "containers/services/web/runtime.json", "needs", false);
        built_done(&b);
}

static void test_oci_volume(void **state) {
        (void)state;
        Built b = build("volumes:\n  - name: v\n    image: acme/app:1\n    format: oci\n", NULL);
        check_content_has(b.tree, "containers/volumes/v/lower/oci-layout",
                          "\"imageLayoutVersion\": \"1.0.0\"", true);
        check_content_has(b.tree, "containers/volumes/v/lower/index.json",
                          "{\n   \"schemaVersion\": 2,\n   \"mediaType\": "
                          "\"application/vnd.oci.image.index.v1+json\",\n   \"manifests\": [\n"
                          "      {\n         \"mediaType\": ",
                          true);
        check_content_has(b.tree, "containers/volumes/v/lower/index.json",
                          "\"org.opencontainers.image.ref.name\": \"docker.io/acme/app:1\"", true);
        size_t blobs = 0;
        for (size_t i = 0; i < tree_count(b.tree); i++) {
                const Entry *n = tree_entry(b.tree, i);
                if (!str_has_prefix(n->name, "containers/volumes/v/lower/"))
                        continue;
                assert_int_equal(n->mtime, 0);
                blobs += n->type == ENTRY_FILE && strstr(n->name, "/blobs/sha256/");
        }
        assert_int_equal(blobs, 4); /* config, layer, manifest, index */
        built_done(&b);
        check_error("volumes:\n  - name: v\n    image: acme/app:1\n    format: oci\n"
                    "    platforms: [linux/amd64, plan9/mips]\n",
                    "no platform plan9/mips");
        check_error("volumes:\n  - name: v\n    image: acme/app:1\n    format: oci\n"
                    "    platforms: [linux]\n",
                    "parse platform linux");
}

static void test_files(void **state) {
        (void)state;
        _cleanup_free_ char *source = xasprintf("%s/source", directory);
        assert_int_equal(file_write(source, "from disk", 9, 0644, NULL), 0);
        _cleanup_free_ char *yaml =
                xasprintf("files:\n"
                          "  - {path: /a/b/c, contents: \"\", mode: \"0444\"}\n"
                          "  - {path: a/b/d, source: %s}\n"
                          "  - {path: gone, source: /nonexistent, optional: true}\n"
                          "  - {path: dir, directory: true}\n"
                          "  - {path: l, symlink: target, contents: ignored}\n"
                          "  - {path: meta, metadata: json}\n",
                          source);
        const AssembleOptions o = { .docker = true };
        Built b = build(yaml, &o);
        static const struct {
                const char *name;
                EntryType type;
                uint32_t mode;
        } want[] = {
                { "a", ENTRY_DIR, 0555 },      { "a/b", ENTRY_DIR, 0555 },
                { "a/b/c", ENTRY_FILE, 0444 }, { "a/b/d", ENTRY_FILE, 0600 },
                { "dir", ENTRY_DIR, 0700 },    { "l", ENTRY_SYMLINK, 0600 },
                { "meta", ENTRY_FILE, 0600 },  { "Dockerfile", ENTRY_FILE, 0644 },
        };
        assert_int_equal(tree_count(b.tree), ARRAY_LEN(want));
        for (size_t i = 0; i < ARRAY_LEN(want); i++) {
                assert_string_equal(tree_entry(b.tree, i)->name, want[i].name);
                assert_int_equal(tree_entry(b.tree, i)->type, want[i].type);
                assert_int_equal(tree_entry(b.tree, i)->mode, want[i].mode);
        }
        check_content(b.tree, "a/b/c", "");
        check_content(b.tree, "a/b/d", "from disk");
        check_content_has(b.tree, "meta", "\"path\": \"a/b/d\"", true);
        assert_null(find(b.tree, "Dockerfile")->location);
        built_done(&b);
}

static void test_file_errors(void **state) {
        (void)state;
        static const struct {
                const char *item, *want;
        } cases[] = {
                { "{path: x}", "contents of file (x) not specified" },
                { "{path: x, source: /y, metadata: yaml}", "specified Source and Metadata" },
                { "{path: x, contents: c, metadata: yaml}", "specified Contents and Metadata" },
                { "{path: x, contents: c, source: /y}", "specified Contents and Source" },
                { "{path: x, directory: true, contents: c}", "directory with contents" },
                { "{path: x, contents: c, mode: \"0o644\"}", "octal" },
                { "{path: x, metadata: toml}", "unsupported metadata type: toml" },
                { "{path: x, source: /nonexistent/y}", "No such file" },
                { "{path: x, source: /}", "not a regular file" },
                { "{path: a/../x, contents: c}", "outside the root" },
                { "{path: ../x, contents: c}", "inside the root" },
                { "{path: x, contents: c, uid: nobody}", "cannot find id: nobody" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_free_ char *yaml = xasprintf("files:\n  - %s\n", cases[i].item);
                check_error(yaml, cases[i].want);
        }
}

/* W10: what stands before `files` in the tree stays, what does not is made as ever. */
static void test_keep_dirs(void **state) {
        (void)state;
        const char yaml[] = "kernel:\n  image: acme/kernel:1\ninit:\n  - acme/init:1\nfiles:\n"
                            "  - {path: lib/new/x, contents: \"\", mode: \"0640\", uid: 5}\n"
                            "  - {path: etc, directory: true, mode: \"0711\"}\n";
        const AssembleOptions keep = { .keep_dirs = true };
        Built b = build(yaml, NULL);
        assert_int_equal(find(b.tree, "lib")->mode, 0750);
        built_done(&b);
        b = build(yaml, &keep);
        assert_int_equal(find(b.tree, "lib/")->mode, 0755); /* of the modules, slash and all */
        for (size_t i = 0; i < tree_count(b.tree); i++)
                assert_string_not_equal(tree_entry(b.tree, i)->name, "lib");
        assert_int_equal(find(b.tree, "lib/new")->mode, 0750);
        assert_int_equal(find(b.tree, "lib/new")->uid, 5);
        assert_int_equal(find(b.tree, "etc")->mode, 0711); /* named itself: meant */
        built_done(&b);
        /* a file is no directory that could be kept */
        b = build("init:\n  - acme/init:1\nfiles:\n  - {path: bin/init/x, contents: \"\"}\n",
                  &keep);
        assert_int_equal(find(b.tree, "bin/init")->type, ENTRY_DIR);
        built_done(&b);
}

/* W25 */
static void test_dedup(void **state) {
        (void)state;
        const Row app[] = { { ENTRY_FILE, "bin/p", "P", 0755 } };
        put_image("docker.io/acme/app:same", "{}", app, ARRAY_LEN(app));
        const char yaml[] = "onboot:\n  - {name: a, image: \"acme/app:1\"}\n"
                            "services:\n  - {name: b, image: \"acme/app:same\", readonly: true}\n"
                            "  - {name: c, image: \"acme/labelled:1\"}\n";
        const char runtime[] = "containers/services/b/runtime.json";
        const AssembleOptions dedup = { .dedup = true };
        Built b = build(yaml, NULL);
        check_content_has(b.tree, runtime, "\"source\": \"/containers/services/b/rootfs\"", true);
        size_t n = tree_count(b.tree);
        built_done(&b);
        b = build(yaml, &dedup);
        check_content_has(b.tree, runtime, "\"source\": \"/containers/onboot/000-a/lower\"", true);
        assert_string_equal(find(b.tree, runtime)->source, "docker.io/acme/app:same");
        assert_int_equal(find(b.tree, "containers/services/b/rootfs")->type, ENTRY_DIR);
        assert_true(tree_count(b.tree) < n);
        /* another config makes another digest */
        check_content(b.tree, "containers/services/c/rootfs/bin/p", "P");
        built_done(&b);
}

static void test_container_errors(void **state) {
        (void)state;
        check_error("onboot:\n  - name: \"..\"\n    image: acme/app:1\n", "x.yml:2:11: ");
        check_error("onboot:\n  - name: \"a/b\"\n    image: acme/app:1\n", "x.yml:2:11: ");
        check_error("services:\n  - name: a\n    image: acme/app:1\n    binds: [\"w:/w\"]\n",
                    "x.yml:4:13: services[0]");
        check_error("services:\n  - name: a\n    image: acme/app:1\n"
                    "  - name: web\n    image: localhost:1/none:1\n",
                    "x.yml:5:12: services[1] \"web\": ");
}

/* --- fixture -------------------------------------------------------------------------------- */

static int set_up(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        if (!mkdtemp(directory))
                return -1;
        _cleanup_free_ char *path = xasprintf("%s/cache", directory);
        check_ok(cache_open(path, &cache, &e), &e);
        put_images();
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        cache_free(cache);
        return remove_tree(directory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_example),
                cmocka_unit_test(test_same_result_twice),
                cmocka_unit_test(test_kernel_links_and_ucode),
                cmocka_unit_test(test_kernel_errors),
                cmocka_unit_test(test_decompressed_kernel),
                cmocka_unit_test(test_package_databases),
                cmocka_unit_test(test_volume_image_and_label),
                cmocka_unit_test(test_needs_of_labels),
                cmocka_unit_test(test_oci_volume),
                cmocka_unit_test(test_files),
                cmocka_unit_test(test_file_errors),
                cmocka_unit_test(test_keep_dirs),
                cmocka_unit_test(test_dedup),
                cmocka_unit_test(test_container_errors),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
