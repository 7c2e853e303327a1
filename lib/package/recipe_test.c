/* recipe_test.c - the native: mapping and the label made from config:. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/package/config.h"
#include "lib/package/recipe.h"

typedef struct Parsed {
        Arena *arena;
        Problems problems;
        const Node *root;
        Recipe recipe;
} Parsed;

static void parse(Parsed *p, const char *text) {
        *p = (Parsed){ .arena = arena_new() };
        p->problems.arena = p->arena;
        p->root =
                yaml_parse(text, strlen(text), problems_file(&p->problems, "b.yml"), &p->problems);
        assert_non_null(p->root);
}

static void parsed_done(Parsed *p) {
        problems_done(&p->problems);
        arena_free(p->arena);
}
#define _cleanup_parsed_ _cleanup_(parsed_done)

static void recipe_with_everything(void **state) {
        _cleanup_parsed_ Parsed p;
        const Recipe *r = &p.recipe;

        (void)state;
        parse(&p, "packages:\n"
                  "  - runc\n"
                  "  - name: g++\n"
                  "    depends: no\n"
                  "    files: [usr/bin/x, {from: /usr//lib/./y, to: lib/, mode: 0644}]\n"
                  "    exclude: [etc/**]\n"
                  "programs: [{name: sysctl, to: /usr/bin/sysctl}]\n"
                  "files:\n"
                  "  - {from: rootfs/, to: /}\n"
                  "  - {symlink: /bin/sh, to: bin/ash}\n"
                  "  - {directory: true, to: var/empty/, mode: \"1777\"}\n"
                  "  - {concat: a/*.crt, to: b}\n"
                  "tar: {kernel.tar: [lib/modules/**]}\n"
                  "depmod: true\n"
                  "entrypoint: [/init, \"1\"]\n");
        recipe_read(&p.problems, p.root, &p.recipe);
        if (p.problems.n)
                fail_msg("%s", p.problems.items[0].text);
        assert_string_equal(r->suite.text, "bookworm");
        assert_true(r->elf_closure.value);
        assert_int_equal(r->packages.n, 2);
        assert_true(r->packages.items[0].depends.value);
        assert_false(r->packages.items[0].files.set);
        assert_false(r->packages.items[1].depends.value);
        assert_string_equal(r->packages.items[1].files.items[0].from.text, "usr/bin/x");
        assert_string_equal(r->packages.items[1].files.items[1].from.text, "usr/lib/y");
        assert_string_equal(r->packages.items[1].files.items[1].to.text, "lib/");
        assert_int_equal(r->packages.items[1].files.items[1].mode.value, 0644);
        assert_string_equal(r->programs.items[0].to.text, "usr/bin/sysctl");
        assert_string_equal(r->files.items[0].to.text, "/");
        assert_string_equal(r->files.items[2].to.text, "var/empty");
        assert_int_equal(r->files.items[2].mode.value, 01777);
        assert_string_equal(r->tars.items[0].patterns.items[0].text, "lib/modules/**");
        assert_int_equal(r->entrypoint.n, 2);
}

static void closure_is_off_for_whole_packages(void **state) {
        _cleanup_parsed_ Parsed p;

        (void)state;
        parse(&p, "packages: [busybox-static]\n");
        recipe_read(&p.problems, p.root, &p.recipe);
        assert_int_equal(p.problems.n, 0);
        assert_false(p.recipe.elf_closure.value);
}

static void faults_have_a_position(void **state) {
        static const struct {
                const char *text;
                unsigned line, column;
                const char *message;
        } t[] = {
                { "pakages: []\n", 1, 1, "did you mean \"packages\"" },
                { "packages:\n  - {name: -o}\n", 2, 12, "not a package name" },
                { "packages:\n  - {nme: x}\n", 2, 6, "did you mean \"name\"" },
                { "packages:\n  - {name: x, files: [../y]}\n", 2, 23, "leaves its directory" },
                { "files:\n  - {from: /etc/passwd, to: x}\n", 2, 12, "inside the folder" },
                { "files:\n  - {from: a, to: ../b}\n", 2, 19, "leaves its directory" },
                { "files:\n  - {from: a, symlink: b, to: c}\n", 2, 5, "exactly one of" },
                { "files:\n  - {from: a}\n", 2, 5, "needs the key \"to\"" },
                { "files:\n  - {symlink: a, to: /}\n", 2, 22, "names no file" },
                { "files: {}\n", 1, 8, "must be a list" },
                { "programs:\n  - {name: ../x, to: y}\n", 2, 12, "not the name of a program" },
                { "programs:\n  - {name: x, to: y, mode: \"0899\"}\n", 2, 28, "octal" },
                { "depmod: maybe\n", 1, 9, "true or false" },
                { "suite: \"a/b\"\n", 1, 8, "not the name of a suite" },
                { "tar: [x]\n", 1, 6, "must be a mapping" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_parsed_ Parsed p;
                bool found = false;

                parse(&p, t[i].text);
                recipe_read(&p.problems, p.root, &p.recipe);
                for (size_t k = 0; k < p.problems.n; k++) {
                        const Problem *pr = &p.problems.items[k];

                        found |= pr->pos.line == t[i].line && pr->pos.column == t[i].column &&
                                 strstr(pr->text, t[i].message);
                }
                if (!found)
                        fail_msg("%s: %s (%u:%u)", t[i].text,
                                 p.problems.n ? p.problems.items[0].text : "accepted",
                                 p.problems.n ? p.problems.items[0].pos.line : 0,
                                 p.problems.n ? p.problems.items[0].pos.column : 0);
        }
}

/* pkg.md 3: order of the keys, bindNS, escapes */
static void label_is_that_of_the_reference(void **state) {
        static const struct {
                const char *yaml, *json;
        } t[] = {
                { "runtime: {mkdir: [/x]}\nuid: 7\nbinds: [\"/a:/b\"]\ncapabilities: [all]\n",
                  "{\"capabilities\":[\"all\"],\"binds\":[\"/a:/"
                  "b\"],\"uid\":7,\"runtime\":{\"mkdir\":[\"/x\"],"
                  "\"bindNS\":{}}}" },
                { "command: [\"<a>&\"]\n", "{\"command\":[\"\\u003ca\\u003e\\u0026\"]}" },
                { "gid: kvm\nadditionalGids: [1, dbus]\nbinds.add: []\n",
                  "{\"binds.add\":[],\"gid\":\"kvm\",\"additionalGids\":[1,\"dbus\"]}" },
                { "sysctl: {net.b: 1, net.a: \"2\"}\noomScoreAdj: -800\n",
                  "{\"oomScoreAdj\":-800,\"sysctl\":{\"net.a\":\"2\",\"net.b\":\"1\"}}" },
                { "devices: [{minor: 183, path: /dev/hwrng, type: c, major: 10}]\nreadonly: yes\n",
                  "{\"devices\":[{\"path\":\"/dev/"
                  "hwrng\",\"type\":\"c\",\"major\":10,\"minor\":183}],"
                  "\"readonly\":true}" },
                { "runtime: {}\n", "{\"runtime\":{\"bindNS\":{}}}" },
                { "{}\n", "{}" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_parsed_ Parsed p;
                _cleanup_buf_ Buf out = { 0 };

                parse(&p, t[i].yaml);
                config_print(&p.problems, p.root, &out);
                assert_int_equal(p.problems.n, 0);
                assert_string_equal(out.data, t[i].json);
        }
}

static void label_refuses_unknown_keys(void **state) {
        static const char *const t[] = { "bogus: 1\n",     "runtime: {bogus: 1}\n", "uid: [1]\n",
                                         "binds: /a:/b\n", "oomScoreAdj: x\n",      "[]\n" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_parsed_ Parsed p;
                _cleanup_buf_ Buf out = { 0 };

                parse(&p, t[i]);
                config_print(&p.problems, p.root, &out);
                if (p.problems.n == 0)
                        fail_msg("accepted: %s", t[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(recipe_with_everything),
                cmocka_unit_test(closure_is_off_for_whole_packages),
                cmocka_unit_test(faults_have_a_position),
                cmocka_unit_test(label_is_that_of_the_reference),
                cmocka_unit_test(label_refuses_unknown_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
