/* native_test.c - whole builds of recipes that need no Debian package: what is in the image, when
 * it is built again, and which recipes are refused where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <ftw.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/layer.h"
#include "lib/package/package.h"

static char root[4096];
static Cache *cache;

static char *at(const char *name) {
        return path_join(root, name);
}

static void put(const char *name, const void *p, size_t n, uint32_t mode) {
        _cleanup_free_ char *path = at(name), *dir = path_dir(path);

        assert_int_equal(dir_make(dir, NULL), 0);
        assert_int_equal(file_write(path, p, n, mode, NULL), 0);
}

static void put_text(const char *name, const char *text) {
        put(name, text, strlen(text), 0644);
}

static void put_program(const char *name, uint16_t machine) {
        Elf64_Ehdr h = { .e_type = ET_EXEC, .e_machine = machine };

        memcpy(h.e_ident, ELFMAG, SELFMAG);
        h.e_ident[EI_CLASS] = ELFCLASS64;
        h.e_ident[EI_DATA] = ELFDATA2LSB;
        put(name, &h, sizeof(h), 0755);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void)st, (void)flag, (void)ftw;
        return remove(path);
}

static int setup(void **state) {
        (void)state;
        strcpy(root, "/tmp/native_test-XXXXXX");
        if (!mkdtemp(root))
                return -1;
        log_setup(LOG_QUIET, false);
        setenv("GIT_CEILING_DIRECTORIES", "/tmp", 1);

        _cleanup_free_ char *dir = at("cache");

        return cache_open(dir, &cache, NULL);
}

static int teardown(void **state) {
        (void)state;
        cache_free(cache);
        return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Builds pkg for amd64; 1: something was done, 0: nothing to do, -1: e. *ret_image may be NULL. */
static int build(bool force, Image **ret_image, Err *e) {
        _cleanup_free_ char *dir = at("pkg"), *programs = at("programs");
        const PackageOptions o = {
                .cache = cache, .programs = programs, .force = force, .tag = "t"
        };
        Package *p = NULL;
        bool built = false;
        int r = package_open(dir, &o, &p, e);

        if (r == 0)
                r = package_build(p, &o, "amd64", &built, e);
        if (r == 0 && ret_image)
                r = image_open(cache, package_ref(p), "amd64", ret_image, e);
        package_free(p);
        return r < 0 ? -1 : built;
}

static const char recipe[] = "image: x\n"
                             "native:\n"
                             "  programs: [{name: prog, to: sbin/}]\n"
                             "  files:\n"
                             "    - {from: conf/, to: etc/x}\n"
                             "    - {from: \"*.txt\", to: share/}\n"
                             "    - {symlink: /sbin/prog, to: init}\n"
                             "    - {directory: true, to: tmp, mode: \"1777\"}\n"
                             "    - {from: one.txt, to: lib/modules/1/m.ko}\n"
                             "  tar: {kernel.tar: [lib/modules/**]}\n"
                             "  entrypoint: [/sbin/prog]\n"
                             "config: {readonly: true}\n";

static void put_everything(void) {
        put_text("pkg/build.yml", recipe);
        put_text("pkg/one.txt", "1\n");
        put_text("pkg/two.txt", "2\n");
        put("pkg/conf/run", "#!\n", 3, 0700);
        put_text("pkg/conf/sub/file", "");
        put_program("programs/amd64/prog", EM_X86_64);
}

static void image_holds_what_the_recipe_says(void **state) {
        static const struct {
                const char *name;
                EntryType type;
                uint32_t mode;
        } want[] = {
                { "etc", ENTRY_DIR, 0755 },
                { "etc/x", ENTRY_DIR, 0755 },
                { "etc/x/run", ENTRY_FILE, 0755 },
                { "etc/x/sub", ENTRY_DIR, 0755 },
                { "etc/x/sub/file", ENTRY_FILE, 0644 },
                { "init", ENTRY_SYMLINK, 0777 },
                { "kernel.tar", ENTRY_FILE, 0644 },
                { "sbin", ENTRY_DIR, 0755 },
                { "sbin/prog", ENTRY_FILE, 0755 },
                { "share", ENTRY_DIR, 0755 },
                { "share/one.txt", ENTRY_FILE, 0644 },
                { "share/two.txt", ENTRY_FILE, 0644 },
                { "tmp", ENTRY_DIR, 01777 },
        };
        _cleanup_err_ Err e = ERR_INIT;
        Image *image = NULL;
        Layer *layer = NULL;

        (void)state;
        put_everything();
        if (build(false, &image, &e) < 0)
                fail_msg("%s", e.text);
        assert_string_equal(image->config.label, "{\"readonly\":true}");
        assert_string_equal(image->config.entrypoint[0], "/sbin/prog");
        assert_int_equal(image->n_layers, 1);
        assert_int_equal(layer_open(cache, &image->layers[0], &layer, NULL), 0);
        assert_int_equal(layer_count(layer), ARRAY_LEN(want));
        for (size_t i = 0; i < ARRAY_LEN(want); i++) {
                Entry entry;

                layer_entry(layer, i, &entry);
                assert_string_equal(entry.name, want[i].name);
                assert_int_equal(entry.type, want[i].type);
                assert_int_equal(entry.mode, want[i].mode);
                assert_int_equal(entry.mtime, 1492533000);
        }
        layer_free(layer);
        image_free(image);
}

static void the_same_inputs_give_the_same_image(void **state) {
        Image *one = NULL, *two = NULL;

        (void)state;
        put_everything();
        assert_int_equal(build(false, &one, NULL), 1);
        assert_int_equal(build(false, NULL, NULL), 0);
        put("pkg/conf/run", "#!\n", 3, 0755); /* another time, another mode, the same for git */
        assert_int_equal(build(false, NULL, NULL), 0);
        assert_int_equal(build(true, &two, NULL), 1);
        assert_string_equal(one->manifest.digest.text, two->manifest.digest.text);
        image_free(one);
        image_free(two);
}

static void every_change_builds_again(void **state) {
        static const uint32_t elf_flags = 7;
        _cleanup_free_ char *path = NULL;

        (void)state;
        put_everything();
        assert_int_equal(build(false, NULL, NULL), 1);
        put_text("pkg/one.txt", "changed\n");
        assert_int_equal(build(false, NULL, NULL), 1);
        put("pkg/conf/sub/file", "", 0, 0755);
        assert_int_equal(build(false, NULL, NULL), 1);
        path = at("programs/amd64/prog");

        _cleanup_fclose_ FILE *f = fopen(path, "r+");

        assert_int_equal(fseek(f, offsetof(Elf64_Ehdr, e_flags), SEEK_SET), 0);
        assert_int_equal(fwrite(&elf_flags, 4, 1, f), 1);
        assert_int_equal(fflush(f), 0);
        assert_int_equal(build(false, NULL, NULL), 1);
        put_text("pkg/build.yml", "image: x\nnative:\n  files: [{from: one.txt, to: a}]\n");
        assert_int_equal(build(false, NULL, NULL), 1);
        assert_int_equal(build(false, NULL, NULL), 0);
}

/* A kernel, say: compiled for the architecture, but nothing that is executed. */
static void what_is_not_executable_need_not_be_a_program(void **state) {
        _cleanup_err_ Err e = ERR_INIT;
        Image *image = NULL;

        (void)state;
        put_text("programs/amd64/data", "no program\n");
        put_text("pkg/build.yml",
                 "image: x\nnative:\n  programs: [{name: data, to: kernel, mode: \"0644\"}]\n");
        if (build(false, &image, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(image->n_layers, 1);
        image_free(image);
        put_text("programs/amd64/data", "another one\n");
        assert_int_equal(build(false, NULL, NULL), 1);
}

static char *name_of(const char *folder) {
        _cleanup_free_ char *dir = at(folder);
        _cleanup_err_ Err e = ERR_INIT;
        const PackageOptions o = { 0 };
        Package *p = NULL;

        if (package_open(dir, &o, &p, &e) < 0)
                fail_msg("%s", e.text);

        char *name = xstrdup(package_ref(p));

        package_free(p);
        return name;
}

/* Only the folder that is stood for counts: its name is the same, whatever lies beside it. */
static void a_folder_may_stand_for_one_in_it(void **state) {
        (void)state;
        put_everything();
        put_text("build.yml", "package: pkg\n");

        _cleanup_free_ char *inner = name_of("pkg"), *outer = name_of("");

        put_text("beside", "it\n");

        _cleanup_free_ char *later = name_of("");

        put_text("pkg/one.txt", "changed\n");

        _cleanup_free_ char *changed = name_of("");

        assert_string_equal(inner, outer);
        assert_string_equal(outer, later);
        assert_string_not_equal(later, changed);
}

static void faults_name_their_place(void **state) {
        static const struct {
                const char *yml, *message, *hint;
        } t[] = {
                { "image: x\n", "Dockerfile", "native:" },
                { "image: x\nnative:\n  programs: [{name: nope, to: a}]\n",
                  "build.yml:3:21: program \"nope\"", "run `make" },
                { "image: x\nnative:\n  programs: [{name: arm, to: a}]\n", "another architecture",
                  NULL },
                { "image: x\nnative:\n  programs: [{name: data, to: a}]\n", "is no program", NULL },
                { "image: x\nnative:\n  files: [{from: nope, to: a}]\n", "build.yml:3:18: ", NULL },
                { "image: x\nnative:\n  files: [{from: \"*.nope\", to: a/}]\n",
                  "build.yml:3:18: ", NULL },
                { "image: x\nnative:\n  files: [{from: \"*.txt\", to: a}]\n", "must be a directory",
                  NULL },
                { "image: x\nnative:\n  files: [{from: one.txt, to: a}, {from: two.txt, to: "
                  "a/b}]\n",
                  "\"a\"", NULL },
                { "image: x\nnative:\n  tar: {k.tar: [nope/**]}\n", "build.yml:3:17: ", NULL },
                { "image: x\nnative:\n  depmod: true\n", "no kernel modules", NULL },
                { "image: x\narches:\nnative: {}\n", "not for amd64", NULL },
                { "image: x\narches: [arm64]\nnative: {}\n", "not for amd64", NULL },
                { "image: x\nnative: {}\ntag: \"{{.X}}\"\nextra-sources: [a]\n",
                  "build.yml:4:17: bad source format", NULL },
                { "image: x\nconfig: {capabilities: [bogus]}\nnative: {}\n",
                  "build.yml:2:25: ", NULL },
                { "", "build.yml:1:1: ", NULL },
                { "package: sub\nimage: x\n", "build.yml:1:1: beside \"package\"", NULL },
                { "package: ../pkg\n", "build.yml:1:10: \"../pkg\" is no folder in", NULL },
                { "package: /tmp\n", "build.yml:1:10: ", NULL },
                { "package: \"\"\n", "build.yml:1:10: ", NULL },
                { "package: nope\n", "pkg/nope", NULL },
                { "package: again\n", "build.yml:1:10: a package cannot stand for another", NULL },
        };

        (void)state;
        put_everything();
        put_program("programs/amd64/arm", EM_AARCH64);
        put_text("programs/amd64/data", "no program\n");
        put_text("pkg/again/build.yml", "package: sub\n");
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;

                put_text("pkg/build.yml", t[i].yml);
                if (build(false, NULL, &e) >= 0)
                        fail_msg("accepted: %s", t[i].yml);
                if (!strstr(e.text, t[i].message))
                        fail_msg("\"%s\" lacks \"%s\"", e.text, t[i].message);
                if (t[i].hint && (!e.hint || !strstr(e.hint, t[i].hint)))
                        fail_msg("hint \"%s\" lacks \"%s\"", e.hint ? e.hint : "", t[i].hint);
        }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(image_holds_what_the_recipe_says),
                TEST(the_same_inputs_give_the_same_image),
                TEST(every_change_builds_again),
                TEST(what_is_not_executable_need_not_be_a_program),
                TEST(a_folder_may_stand_for_one_in_it),
                TEST(faults_name_their_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
