/* debian_test.c - recipes over Debian packages that are made here and stand in the cache already:
 * selection, library closure and lock file, without apt and without network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <ftw.h>
#include <sys/stat.h>

#include "lib/base/hash.h"
#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/fs/tar.h"
#include "lib/oci/layer.h"
#include "lib/package/package.h"

static char root[4096];
static Cache *cache;
static Buf lock;

static char *at(const char *name) {
        return path_join(root, name);
}

static void put(const char *name, const void *p, size_t n) {
        _cleanup_free_ char *path = at(name), *dir = path_dir(path);

        assert_int_equal(dir_make(dir, NULL), 0);
        assert_int_equal(file_write(path, p, n, 0644, NULL), 0);
}

/* A dynamic program: PT_INTERP (when given) and one DT_NEEDED (when given). */
static Content make_elf(Arena *arena, const char *interp, const char *needed) {
        typedef struct Program {
                Elf64_Ehdr h;
                Elf64_Phdr p[3];
                Elf64_Dyn d[4];
                char interp[32], strings[32];
        } Program;
        Program *i = arena_alloc(arena, sizeof(*i));

        memcpy(i->h.e_ident, ELFMAG, SELFMAG);
        i->h.e_ident[EI_CLASS] = ELFCLASS64;
        i->h.e_ident[EI_DATA] = ELFDATA2LSB;
        i->h.e_type = ET_DYN;
        i->h.e_machine = EM_X86_64;
        i->h.e_phoff = offsetof(Program, p);
        i->h.e_phentsize = sizeof(Elf64_Phdr);
        i->h.e_phnum = 3;
        i->p[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_filesz = sizeof(*i) };
        i->p[1] = (Elf64_Phdr){ .p_type = PT_DYNAMIC,
                                .p_offset = offsetof(Program, d),
                                .p_filesz = sizeof(i->d) };
        if (interp)
                i->p[2] = (Elf64_Phdr){ .p_type = PT_INTERP,
                                        .p_offset = offsetof(Program, interp),
                                        .p_filesz = 32 };
        i->d[0] = (Elf64_Dyn){ .d_tag = DT_STRTAB, .d_un.d_ptr = offsetof(Program, strings) };
        i->d[1] = (Elf64_Dyn){ .d_tag = DT_STRSZ, .d_un.d_val = 32 };
        i->d[2] = (Elf64_Dyn){ .d_tag = needed ? DT_NEEDED : DT_NULL, .d_un.d_val = 1 };
        strcpy(i->interp, interp ? interp : "");
        strcpy(i->strings + 1, needed ? needed : "");
        return content_bytes(i, sizeof(*i));
}

/* Puts a package into the cache and its line into the lock file. */
static void make_deb(const char *name, const Entry *entries, size_t n) {
        _cleanup_buf_ Buf tar = { 0 }, ar = { 0 };
        _cleanup_sink_ Sink *sink = sink_buf(&tar);
        _cleanup_free_ char *file = NULL;
        Digest digest;

        for (size_t i = 0; i < n; i++)
                assert_int_equal(tar_write_entry(sink, &entries[i], NULL), 0);
        assert_int_equal(tar_write_end(sink, NULL), 0);
        buf_adds(&ar, "!<arch>\n");
        buf_addf(&ar, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", "data.tar", 0, 0, 0, "100644", tar.len);
        buf_add(&ar, tar.data, tar.len);
        hash_bytes(ar.data, ar.len, &digest);
        file = xasprintf("cache/derived/debs/%s.deb", digest_hex(&digest));
        put(file, ar.data, ar.len);
        buf_addf(&lock, "%s 1.0 %s\n", name, digest_hex(&digest));
}

static Entry file_entry(const char *name, const char *text) {
        return (Entry){ .name = name,
                        .type = ENTRY_FILE,
                        .mode = 0644,
                        .mtime = 1000,
                        .content = content_bytes(text, strlen(text)) };
}

static int setup(void **state) {
        _cleanup_arena_ Arena *arena = arena_new();

        (void)state;
        strcpy(root, "/tmp/debian_test-XXXXXX");
        if (!mkdtemp(root))
                return -1;
        log_setup(LOG_QUIET, false);
        setenv("GIT_CEILING_DIRECTORIES", "/tmp", 1);

        _cleanup_free_ char *dir = at("cache");

        if (cache_open(dir, &cache, NULL) < 0)
                return -1;
        buf_clear(&lock);

        const Entry app[] = {
                { .name = "usr/bin/app",
                  .type = ENTRY_FILE,
                  .mode = 04755,
                  .mtime = 1000,
                  .content = make_elf(arena, "/lib64/ld.so", "libfoo.so.1") },
                file_entry("usr/bin/other", "not chosen"),
                file_entry("usr/share/doc/app/copyright", "free"),
                file_entry("usr/share/certs/b.crt", "B"),
                file_entry("usr/share/certs/a.crt", "A\n"),
        };
        const Entry foo[] = {
                { .name = "usr/lib/x86_64-linux-gnu/libfoo.so.1",
                  .type = ENTRY_SYMLINK,
                  .mode = 0777,
                  .link = "libfoo.so.1.0" },
                { .name = "usr/lib/x86_64-linux-gnu/libfoo.so.1.0",
                  .type = ENTRY_FILE,
                  .mode = 0644,
                  .content = make_elf(arena, NULL, NULL) },
        };
        const Entry loader[] = { file_entry("lib64/ld.so", "loader") };
        const Entry unused[] = { file_entry("usr/bin/unused", "x") };

        make_deb("app", app, ARRAY_LEN(app));
        make_deb("app-meta", NULL, 0);
        make_deb("libfoo1", foo, ARRAY_LEN(foo));
        make_deb("libloader", loader, 1);
        make_deb("unused", unused, 1);
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void)st, (void)flag, (void)ftw;
        return remove(path);
}

static int teardown(void **state) {
        (void)state;
        cache_free(cache);
        buf_done(&lock);
        return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Builds a recipe whose lock file stands for `request`; names of the image, one per line, in *ret.
 */
static int build(const char *native, const char *request, Buf *ret, Err *e) {
        _cleanup_free_ char *yml = xasprintf("image: x\nnative:\n%s", native), *dir = at("pkg");
        _cleanup_free_ char *text =
                xasprintf("[amd64]\nrequest bookworm %s\n%s", request, lock.data);
        const PackageOptions o = { .cache = cache, .tag = "t", .locked = true };
        Package *p = NULL;
        Image *image = NULL;
        Layer *layer = NULL;
        int r;

        put("pkg/build.yml", yml, strlen(yml));
        put("pkg/native.lock", text, strlen(text));
        r = package_open(dir, &o, &p, e);
        if (r == 0)
                r = package_build(p, &o, "amd64", NULL, e);
        if (r == 0)
                r = image_open(cache, package_ref(p), "amd64", &image, e);
        if (r == 0)
                r = layer_open(cache, &image->layers[0], &layer, e);
        for (size_t i = 0; r == 0 && i < layer_count(layer); i++) {
                _cleanup_free_ char *content = NULL;
                Entry entry;

                layer_entry(layer, i, &entry);
                if (entry.type == ENTRY_DIR)
                        continue;
                buf_addf(ret, "%s %o", entry.name, (unsigned)entry.mode);
                if (entry.type == ENTRY_FILE && entry.content.size < 20) {
                        assert_int_equal(content_load(&entry.content, 20, &content, NULL), 0);
                        buf_addf(ret, " %s", content);
                }
                buf_addc(ret, '\n');
        }
        layer_free(layer);
        image_free(image);
        package_free(p);
        return r;
}

static void check(const char *native, const char *request, const char *want) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf got = { 0 };

        if (build(native, request, &got, &e) < 0)
                fail_msg("%s", e.text);
        assert_string_equal(got.data, want);
}

static void chosen_files_bring_their_libraries(void **state) {
        (void)state;
        check("  packages: [{name: app, files: [{from: usr/bin/app, to: bin/}]}]\n", "app",
              "bin/app 4755\nlib64/ld.so 644 loader\nusr/lib/x86_64-linux-gnu/libfoo.so.1 777\n"
              "usr/lib/x86_64-linux-gnu/libfoo.so.1.0 644\n");
}

static void whole_packages_come_without_documentation(void **state) {
        (void)state;
        check("  packages: [{name: app, exclude: [usr/share/certs]}]\n", "app",
              "usr/bin/app 4755\nusr/bin/other 644 not chosen\n");
}

static void patterns_rename_and_nest(void **state) {
        (void)state;
        check("  elf-closure: false\n"
              "  packages:\n"
              "    - name: app\n"
              "      files: [{from: usr/b*/other, to: one}, {from: \"usr/share/**.crt\", to: c/, "
              "mode: \"0600\"}]\n",
              "app", "c/certs/a.crt 600 A\n\nc/certs/b.crt 600 B\none 644 not chosen\n");
}

static void meta_packages_stand_for_what_they_depend_on(void **state) {
        (void)state;
        check("  packages: [{name: app-meta, files: [usr/bin/other]}]\n", "app-meta",
              "usr/bin/other 644 not chosen\n");
}

static void concat_ends_every_file_with_a_newline(void **state) {
        (void)state;
        check("  packages: [{name: app, files: []}]\n  files: [{concat: usr/share/certs/*.crt, to: "
              "ca}]\n",
              "app", "ca 644 A\nB\n\n");
}

/* The names of the Debian packages in the SBOM, after a build of this recipe. */
static void check_sbom(const char *native, const char *request, const char *want) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf files = { 0 }, got = { 0 };
        _cleanup_free_ Descriptor *list = NULL;
        _cleanup_free_ char *text = NULL;
        Image *image = NULL;
        size_t n = 0;

        if (build(native, request, &files, &e) < 0 ||
            image_open(cache, "docker.io/linuxkit/x:t", "amd64", &image, &e) < 0 ||
            image_attestations(cache, image, PREDICATE_SPDX, &list, &n, &e) < 0)
                fail_msg("%s", e.text);
        image_free(image);
        assert_int_equal(n, 1);
        assert_int_equal(cache_load_blob(cache, &list[0], 1 << 20, &text, NULL), 0);
        buf_adds(&got, "");
        for (const char *p = text; (p = strstr(p, "pkg:deb/debian/")); p++)
                buf_addf(&got, "%.*s\n", (int)strcspn(p, "\""), p);
        assert_string_equal(got.data, want);
}

static void the_sbom_lists_packages_that_gave_something(void **state) {
        (void)state;
        check_sbom("  packages: [{name: app, files: [{from: usr/bin/app, to: bin/}]}]\n", "app",
                   "pkg:deb/debian/app@1.0?arch=amd64\npkg:deb/debian/libfoo1@1.0?arch=amd64\n"
                   "pkg:deb/debian/libloader@1.0?arch=amd64\n");
        check_sbom("  packages: [{name: app, exclude: [\"usr/**\"]}, unused]\n", "app unused",
                   "pkg:deb/debian/unused@1.0?arch=amd64\n");
        /* the meta package itself is empty */
        check_sbom("  packages: [{name: app-meta, files: [usr/bin/other]}]\n", "app-meta",
                   "pkg:deb/debian/app@1.0?arch=amd64\n");
        check_sbom(
                "  packages: [{name: app, files: []}]\n  files: [{concat: usr/share/certs/*.crt, "
                "to: ca}]\n",
                "app", "pkg:deb/debian/app@1.0?arch=amd64\n");
        check_sbom("  packages: [{name: app, files: []}]\n", "app", "");
}

static void refuses(const char *native, const char *request, ErrKind kind, const char *message) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf got = { 0 };

        if (build(native, request, &got, &e) == 0)
                fail_msg("accepted: %s", native);
        assert_int_equal(e.kind, kind);
        if (!strstr(e.text, message))
                fail_msg("\"%s\" lacks \"%s\"", e.text, message);
}

static void faults_are_found(void **state) {
        (void)state;
        refuses("  packages: [{name: app, files: [usr/bin/nope]}]\n", "app", ERR_SPEC,
                "build.yml:3:34: ");
        refuses("  packages: [{name: app, files: [{from: usr/share/**, to: a}]}]\n", "app",
                ERR_SPEC, "must be a directory");
        refuses("  packages: [app]\n  files: [{concat: nope*, to: x}]\n", "app", ERR_SPEC,
                "build.yml:4:20: ");
        refuses("  packages: [app]\n", "another request", ERR_SPEC, "does not cover");
}

static void a_missing_library_names_who_needs_it(void **state) {
        _cleanup_arena_ Arena *arena = arena_new();
        const Entry lost[] = { { .name = "usr/bin/lost",
                                 .type = ENTRY_FILE,
                                 .mode = 0755,
                                 .content = make_elf(arena, NULL, "libnone.so.9") } };

        (void)state;
        make_deb("zlost", lost, 1);
        refuses("  packages: [{name: zlost, files: [usr/bin/lost]}]\n", "zlost", ERR_SPEC,
                "\"usr/bin/lost\" needs libnone.so.9");
}

static void damaged_packages_are_noticed(void **state) {
        _cleanup_free_ char *name = NULL;

        (void)state;
        name = xasprintf("cache/derived/debs/%.64s.deb", lock.data + strlen("app 1.0 "));
        put(name, "!<arch>\n", 8);
        refuses("  packages: [app]\n", "app", ERR_VERIFY, "package app 1.0");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(chosen_files_bring_their_libraries),
                TEST(whole_packages_come_without_documentation),
                TEST(patterns_rename_and_nest),
                TEST(meta_packages_stand_for_what_they_depend_on),
                TEST(concat_ends_every_file_with_a_newline),
                TEST(the_sbom_lists_packages_that_gave_something),
                TEST(faults_are_found),
                TEST(a_missing_library_names_who_needs_it),
                TEST(damaged_packages_are_noticed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
