/* flags_test.c - command lines as cli.md 1 describes them, on a small command tree of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/linuxkit/cmd.h"
#include "cmd/linuxkit/help.h"
#include "lib/base/str.h"

static const Choice *colours(void) {
        static const Choice choices[] = { { "red", "like fire" },
                                          { "green", "like grass" },
                                          { 0 } };
        return choices;
}

static int nothing(Context *c, Err *e) {
        (void)c, (void)e;
        return 0;
}

static const Flag root_flags[] = {
        { "quiet", 'q', FLAG_BOOL, NULL, NULL, "be quiet", NULL },
        { "verbose", 'v', FLAG_INT, "N", "1", "talk", NULL },
        { "help", 'h', FLAG_BOOL, NULL, NULL, "help", NULL },
        { 0 },
};
static const Flag build_flags[] = {
        { "format", 'f', FLAG_CSV, "F", NULL, "what", colours },
        { "o", 0, FLAG_STRING, "FILE", NULL, "where", NULL },
        { "pull", 0, FLAG_BOOL, NULL, NULL, "fetch", NULL },
        { 0 },
};
static const Flag run_flags[] = {
        { "cpus", 0, FLAG_INT, "N", "1", "how many", NULL },
        { "disk", 0, FLAG_LIST, "D", NULL, "disks", NULL },
        { 0 },
};
static const Flag qemu_flags[] = {
        { "data", 0, FLAG_STRING, "TEXT", "none", "metadata", NULL },
        { 0 },
};
static const Command build = {
        .name = "build",
        .args = "FILE...",
        .help = "build",
        .flags = build_flags,
        .min_args = 1,
        .max_args = -1,
        .takes_files = true,
        .run = nothing,
};
static const Command qemu = {
        .name = "qemu",
        .help = "qemu",
        .flags = qemu_flags,
        .min_args = 1,
        .max_args = 1,
        .run = nothing,
};
static const Command *const run_commands[] = { &qemu, NULL };
static const Command run = {
        .name = "run",
        .help = "run",
        .flags = run_flags,
        .commands = run_commands,
        .min_args = 1,
        .max_args = -1,
        .run = nothing,
};
static const Command ls = { .name = "ls", .help = "list", .max_args = -1, .run = nothing };
static const Command *const cache_commands[] = { &ls, NULL };
static const Command cache = { .name = "cache", .help = "cache", .commands = cache_commands };
static const Command *const commands[] = { &build, &cache, &run, NULL };
static const Command root = {
        .name = "linuxkit",
        .help = "test",
        .flags = root_flags,
        .commands = commands,
};

/* Splits line at blanks and parses it, counting arguments too. */
static int parse(const char *line, Args *ret, Err *e) {
        static char text[512];
        char *argv[32] = { "linuxkit" };
        int argc = 1;
        snprintf(text, sizeof text, "%s", line);
        for (char *s = strtok(text, " "); s; s = strtok(NULL, " "))
                argv[argc++] = s;
        argv[argc] = NULL;
        if (args_parse(&root, argc, argv, ret, e) < 0)
                return -1;
        return args_check_count(ret, e);
}

#define PARSED(line)                    \
        _cleanup_args_ Args a = { 0 };  \
        _cleanup_err_ Err e = ERR_INIT; \
        if (parse(line, &a, &e) < 0)    \
        fail_msg("%s: %s", line, e.text)

static void finds_commands_and_words(void **state) {
        (void)state;
        PARSED("run qemu img");
        assert_ptr_equal(command_path_last(&a.path), &qemu);
        assert_int_equal(a.n_words, 1);
        assert_string_equal(a.words[0], "img");
        assert_null(a.words[1]);
}

static void flag_may_stand_before_its_command(void **state) {
        (void)state;
        PARSED("--cpus 2 --data x run --disk=a,b qemu img --disk c -q");
        size_t n;
        const char *const *disks = args_list(&a, "disk", &n);
        assert_ptr_equal(command_path_last(&a.path), &qemu);
        assert_int_equal(args_int(&a, "cpus"), 2);
        assert_string_equal(args_string(&a, "data"), "x");
        assert_int_equal(n, 2);
        assert_string_equal(disks[0], "a,b");
        assert_string_equal(disks[1], "c");
        assert_null(disks[2]);
        assert_true(args_bool(&a, "quiet"));
}

static void boolean_flag_before_command_takes_no_word(void **state) {
        (void)state;
        PARSED("--pull build x");
        assert_ptr_equal(command_path_last(&a.path), &build);
        assert_true(args_bool(&a, "pull"));
}

static void word_that_is_no_backend_is_an_image(void **state) {
        (void)state;
        PARSED("run bogus qemu");
        assert_ptr_equal(command_path_last(&a.path), &run);
        assert_string_equal(a.words[0], "bogus");
        assert_string_equal(a.words[1], "qemu");
}

static void booleans(void **state) {
        (void)state;
        static const struct {
                const char *line;
                bool want;
                size_t words;
        } t[] = {
                { "build --pull x", true, 1 },           { "build --pull=true x", true, 1 },
                { "build --pull=1 x", true, 1 },         { "build --pull=T x", true, 1 },
                { "build --pull=false x", false, 1 },    { "build --pull=F x", false, 1 },
                { "build --pull false", true, 1 },       { "build --pull=0 --pull x", true, 1 },
                { "build --pull --pull=0 x", false, 1 },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                PARSED(t[i].line);
                assert_int_equal(args_bool(&a, "pull"), t[i].want);
                assert_int_equal(a.n_words, t[i].words);
        }
}

static void clusters(void **state) {
        (void)state;
        static const struct {
                const char *line;
                int verbose;
                bool quiet;
        } t[] = {
                { "build -v2 x", 2, false },           { "build -v=2 x", 2, false },
                { "build -v 2 x", 2, false },          { "build -qv2 x", 2, true },
                { "build -qv 3 x", 3, true },          { "-qv 3 build x", 3, true },
                { "-v 3 build -q=false x", 3, false }, { "build x", 1, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                PARSED(t[i].line);
                assert_int_equal(args_int(&a, "verbose"), t[i].verbose);
                assert_int_equal(args_bool(&a, "quiet"), t[i].quiet);
                assert_int_equal(a.n_words, 1);
        }
}

static void csv_lists_split_and_collect(void **state) {
        (void)state;
        PARSED("build -f a,b x --format=c");
        size_t n;
        const char *const *f = args_list(&a, "format", &n);
        assert_int_equal(n, 3);
        assert_string_equal(f[0], "a");
        assert_string_equal(f[1], "b");
        assert_string_equal(f[2], "c");
}

static void last_value_wins(void **state) {
        (void)state;
        PARSED("build --o a --o=b=c x");
        assert_string_equal(args_string(&a, "o"), "b=c");
        assert_true(args_given(&a, "o"));
        assert_false(args_given(&a, "format"));
        assert_int_equal(*args_list(&a, "format", NULL) == NULL, 1);
}

static void defaults_come_from_the_table(void **state) {
        (void)state;
        PARSED("run qemu x");
        assert_int_equal(args_int(&a, "cpus"), 1);
        assert_string_equal(args_string(&a, "data"), "none");
        assert_false(args_given(&a, "data"));
}

static void double_dash_ends_flags(void **state) {
        (void)state;
        PARSED("build -- --pull -f");
        assert_int_equal(a.n_words, 2);
        assert_string_equal(a.words[0], "--pull");
        assert_false(args_bool(&a, "pull"));
}

static void a_dash_is_a_word(void **state) {
        (void)state;
        PARSED("build --o - -");
        assert_string_equal(args_string(&a, "o"), "-");
        assert_string_equal(a.words[0], "-");
}

static void single_dash_before_known_long_flag(void **state) {
        (void)state;
        PARSED("run qemu -data x -cpus=3 img");
        assert_string_equal(args_string(&a, "data"), "x");
        assert_int_equal(args_int(&a, "cpus"), 3);
}

static void mistakes(void **state) {
        (void)state;
        static const struct {
                const char *line, *text, *hint;
        } t[] = {
                { "buidl x", "unknown command \"buidl\" for \"linuxkit\"",
                  "Did you mean this? build" },
                { "nothing-like-it", "unknown command \"nothing-like-it\" for \"linuxkit\"",
                  "see linuxkit --help" },
                { "cache lss", "unknown command \"lss\" for \"linuxkit cache\"",
                  "Did you mean this? ls" },
                { "build --fromat tar x", "unknown flag: --fromat", "Did you mean this? --format" },
                { "run --data x img", "unknown flag: --data",
                  "--data is a flag of linuxkit run qemu" },
                { "build -o x", "unknown shorthand flag: 'o' in -o", "Did you mean this? --o" },
                { "build -data x", "unknown shorthand flag: 'd' in -data",
                  "see linuxkit build --help" },
                { "build --o", "flag needs an argument: --o", NULL },
                { "build x -v", "flag needs an argument: 'v' in -v", NULL },
                { "build --=x", "bad flag syntax: --=x", NULL },
                { "build -v --pull x",
                  "invalid argument \"--pull\" for \"-v, --verbose\" flag: not a number", NULL },
                { "run --cpus 2x img", "invalid argument \"2x\" for \"--cpus\" flag: not a number",
                  NULL },
                { "run --cpus 99999999999999999999 img",
                  "invalid argument \"99999999999999999999\" for \"--cpus\" flag: not a number",
                  NULL },
                { "build --pull=maybe x",
                  "invalid argument \"maybe\" for \"--pull\" flag: not true or false", NULL },
                { "build", "requires at least 1 arg(s), only received 0",
                  "see linuxkit build --help" },
                { "run qemu", "accepts 1 arg(s), received 0", NULL },
                { "run qemu a b", "accepts 1 arg(s), received 2", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_args_ Args a = { 0 };
                _cleanup_err_ Err e = ERR_INIT;
                if (parse(t[i].line, &a, &e) >= 0)
                        fail_msg("accepted: %s", t[i].line);
                assert_int_equal(e.kind, ERR_USAGE);
                assert_string_equal(e.text, t[i].text);
                if (t[i].hint)
                        assert_string_equal(e.hint, t[i].hint);
        }
}

static void completion_offers(void **state) {
        (void)state;
        static const struct {
                const char *words[4];
                size_t n;
                const char *want;
        } t[] = {
                { { "" }, 1, "build\ncache\nrun\n:4\n" },
                { { "b" }, 1, "build\n:4\n" },
                { { "cache", "" }, 2, "ls\n:4\n" },
                { { "build", "" }, 2, ":0\n" },
                { { "build", "--f" }, 2, "--format\n:4\n" },
                { { "build", "--q" }, 2, "--quiet\n:4\n" },
                { { "build", "-f", "r" }, 3, "red\n:4\n" },
                { { "build", "--format", "red,g" }, 3, "red,green\n:4\n" },
                { { "build", "--format=" }, 2, "--format=red\n--format=green\n:4\n" },
                { { "build", "--o", "" }, 3, ":0\n" },
                { { "run", "--cpus", "" }, 3, ":4\n" },
                { { "build", "--", "--f" }, 3, ":0\n" },
                { { "cache", "x", "" }, 3, ":4\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_buf_ Buf out = { 0 };
                complete_words(&root, t[i].words, t[i].n, false, &out);
                assert_string_equal(out.data, t[i].want);
        }
        _cleanup_buf_ Buf out = { 0 };
        static const char *const words[] = { "c" };
        complete_words(&root, words, 1, true, &out);
        assert_string_equal(out.data, "cache\tcache\n:4\n");
}

static void manual_pages_are_found_by_name(void **state) {
        (void)state;
        _cleanup_buf_ Buf pages = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        CommandPath p;
        help_pages(&root, &pages);
        assert_string_equal(pages.data, "linuxkit\nlinuxkit-build\nlinuxkit-cache\n"
                                        "linuxkit-cache-ls\nlinuxkit-run\nlinuxkit-run-qemu\n");
        assert_int_equal(help_find_page(&root, "linuxkit-run-qemu", &p, &e), 0);
        assert_ptr_equal(command_path_last(&p), &qemu);
        assert_int_equal(help_find_page(&root, "linuxkit-nosuch", &p, &e), -1);
}

static void help_names_flags_of_all_levels(void **state) {
        (void)state;
        _cleanup_buf_ Buf out = { 0 };
        CommandPath p = { .items = { &root, &run, &qemu }, .n = 3 };
        help_text(&p, &out);
        static const char *const parts[] = { "linuxkit run qemu [flags]", "--data TEXT", "--cpus N",
                                             "-v, --verbose N", "(default none)" };
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
                if (!strstr(out.data, parts[i]))
                        fail_msg("no \"%s\" in: %s", parts[i], out.data);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finds_commands_and_words),
                cmocka_unit_test(flag_may_stand_before_its_command),
                cmocka_unit_test(boolean_flag_before_command_takes_no_word),
                cmocka_unit_test(word_that_is_no_backend_is_an_image),
                cmocka_unit_test(booleans),
                cmocka_unit_test(clusters),
                cmocka_unit_test(csv_lists_split_and_collect),
                cmocka_unit_test(last_value_wins),
                cmocka_unit_test(defaults_come_from_the_table),
                cmocka_unit_test(double_dash_ends_flags),
                cmocka_unit_test(a_dash_is_a_word),
                cmocka_unit_test(single_dash_before_known_long_flag),
                cmocka_unit_test(mistakes),
                cmocka_unit_test(completion_offers),
                cmocka_unit_test(manual_pages_are_found_by_name),
                cmocka_unit_test(help_names_flags_of_all_levels),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
