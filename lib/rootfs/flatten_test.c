/* flatten_test.c - layers in, order and content out (yaml.md 7, W1 to W5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/rootfs/testutil.h"

#include <time.h>

#define D ENTRY_DIR
#define F ENTRY_FILE
#define H ENTRY_HARDLINK
#define L ENTRY_SYMLINK

static void check_lists(const EntryList *layers, size_t n, bool (*skip)(const char *),
                        const char *want) {
        _cleanup_buf_ Buf got = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        int r = flatten(layers, n, skip, describe_fn, &got, &e);
        if (r < 0)
                fail_msg("%s", e.text);
        assert_string_equal(got.data ? got.data : "", want);
}

#define CHECK(want, ...)                          \
        check_lists((EntryList[]){ __VA_ARGS__ }, \
                    sizeof((EntryList[]){ __VA_ARGS__ }) / sizeof(EntryList), NULL, want)

static void check_error(const EntryList list, const char *want) {
        _cleanup_buf_ Buf got = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(flatten(&list, 1, NULL, describe_fn, &got, &e), -1);
        if (!strstr(e.text, want))
                fail_msg("\"%s\" does not hold \"%s\"", e.text, want);
}

static void test_top_layer_first(void **state) {
        (void)state;
        const Row low[] = { { D, "bin", NULL, 0 }, { F, "bin/a", "low", 0 }, { F, "z", "z", 0 } };
        const Row top[] = { { D, "bin", NULL, 0 }, { F, "bin/a", "top", 0 }, { F, "b", "b", 0 } };
        CHECK("D bin\nF bin/a=top\nF b=b\nF z=z\n", LIST(low), LIST(top));
}

static void test_whiteout(void **state) {
        (void)state;
        const Row low[] = { { D, "d", NULL, 0 },
                            { F, "d/x", "x", 0 },
                            { F, "d/y", "y", 0 },
                            { D, "e", NULL, 0 },
                            { F, "e/1", "1", 0 } };
        const Row top[] = { { F, "d/.wh.x", "", 0 }, { F, ".wh.e", "", 0 } };
        CHECK("D d\nF d/y=y\n", LIST(low), LIST(top));
}

static void test_whiteout_and_new_entry(void **state) {
        (void)state;
        const Row low[] = { { D, "re", NULL, 0 }, { F, "re/old", "old", 0 } };
        const Row top[] = { { F, ".wh.re", "", 0 },
                            { D, "re", NULL, 0 },
                            { F, "re/new", "new", 0 } };
        CHECK("D re\nF re/new=new\n", LIST(low), LIST(top));
        const Row reversed[] = { { D, "re", NULL, 0 },
                                 { F, "re/new", "new", 0 },
                                 { F, ".wh.re", "", 0 } };
        CHECK("D re\nF re/new=new\n", LIST(low), LIST(reversed));
}

static void test_opaque(void **state) {
        (void)state;
        const Row low[] = { { D, "o", NULL, 0 }, { F, "o/old", "old", 0 }, { F, "p", "p", 0 } };
        const Row top[] = { { D, "o", NULL, 0 },
                            { F, "o/new", "new", 0 },
                            { F, "o/.wh..wh..opq", "", 0 } };
        CHECK("D o\nF o/new=new\nF p=p\n", LIST(low), LIST(top));
        const Row root[] = { { F, ".wh..wh..opq", "", 0 }, { F, "n", "n", 0 } };
        CHECK("F n=n\n", LIST(low), LIST(root));
        /* the directory itself may be in the lower layer only */
        const Row marker[] = { { F, "o/.wh..wh..opq", "", 0 } };
        CHECK("D o\nF p=p\n", LIST(low), LIST(marker));
}

static void test_middle_whiteout_stays(void **state) {
        (void)state;
        const Row low[] = { { D, "d", NULL, 0 }, { F, "d/old", "old", 0 } };
        const Row mid[] = { { F, ".wh.d", "", 0 } };
        const Row top[] = { { D, "d", NULL, 0 }, { F, "d/new", "new", 0 } };
        CHECK("D d\nF d/new=new\n", LIST(low), LIST(mid), LIST(top));
}

static void test_last_of_a_layer_wins(void **state) {
        (void)state;
        const Row one[] = { { F, "a", "first", 0 }, { F, "b", "b", 0 }, { F, "a", "last", 0 } };
        CHECK("F b=b\nF a=last\n", LIST(one));
        /* a repeated directory still precedes its children */
        const Row dirs[] = { { D, "d", NULL, 0 }, { F, "d/x", "x", 0 }, { D, "d", NULL, 0700 } };
        CHECK("D d\nF d/x=x\n", LIST(dirs));
        const Row becomes_file[] = { { D, "d", NULL, 0 },
                                     { F, "d/x", "x", 0 },
                                     { F, "d", "f", 0 } };
        CHECK("F d=f\n", LIST(becomes_file));
}

static void test_types_replace(void **state) {
        (void)state;
        const Row dir[] = { { D, "x", NULL, 0 }, { F, "x/in", "in", 0 } };
        const Row file[] = { { F, "x", "file", 0 } };
        const Row link[] = { { L, "x", "elsewhere", 0 } };
        CHECK("F x=file\n", LIST(dir), LIST(file));
        CHECK("L x>elsewhere\n", LIST(dir), LIST(link));
        CHECK("D x\nF x/in=in\n", LIST(file), LIST(dir));
        CHECK("F x=file\n", LIST(dir), LIST(file), LIST(file));
}

static void test_hard_links_after_target(void **state) {
        (void)state;
        const Row plain[] = { { F, "a", "A", 0 }, { H, "b", "a", 0 }, { H, "c", "./b", 0 } };
        CHECK("F a=A\nH b>a\nH c>./b\n", LIST(plain));
        /* W4: the upper layer comes first, its link must not */
        const Row low[] = { { F, "t", "T", 0 }, { F, "u", "U", 0 } };
        const Row top[] = { { H, "l", "t", 0 }, { F, "v", "V", 0 } };
        CHECK("F v=V\nF t=T\nH l>t\nF u=U\n", LIST(low), LIST(top));
}

static void test_hard_links_without_target(void **state) {
        (void)state;
        const Row low[] = { { F, "t", "T", 0600 }, { H, "l1", "t", 0 }, { H, "l2", "t", 0 } };
        const Row gone[] = { { F, ".wh.t", "", 0 } };
        CHECK("F l1=T\nH l2>l1\n", LIST(low), LIST(gone));
        /* a new file of the old name is another file */
        const Row other[] = { { F, "t", "other", 0 } };
        CHECK("F t=other\nF l1=T\nH l2>l1\n", LIST(low), LIST(other));
        /* removed in the layer that made the link */
        const Row base[] = { { F, "t", "T", 0 } };
        const Row moved[] = { { H, "n", "t", 0 }, { F, ".wh.t", "", 0 } };
        CHECK("F n=T\n", LIST(base), LIST(moved));
        /* a link names the file of its moment */
        const Row twice[] = { { F, "t", "one", 0 }, { H, "l", "t", 0 }, { F, "t", "two", 0 } };
        CHECK("F l=one\nF t=two\n", LIST(twice));
}

static void test_hard_link_text(void **state) {
        (void)state;
        const Row rows[] = { { D, "d", NULL, 0 },
                             { F, "d/a", "A", 0 },
                             { H, "d/b", "./d/a", 0 },
                             { H, "d/c", "/d/a", 0 },
                             { H, "d/e", "d/x/../a", 0 } };
        CHECK("D d\nF d/a=A\nH d/b>./d/a\nH d/c>d/a\nH d/e>d/a\n", LIST(rows));
}

static bool skip_secret(const char *name) {
        return str_eq(name, "secret");
}

static void test_skip(void **state) {
        (void)state;
        const Row low[] = { { F, "secret", "low", 0 } };
        const Row top[] = { { F, "secret", "S", 0 }, { H, "copy", "secret", 0 } };
        EntryList lists[] = { LIST(low), LIST(top) };
        check_lists(lists, 2, skip_secret, "F copy=S\n");
}

static void test_odd_names(void **state) {
        (void)state;
        const Row rows[] = { { D, ".", NULL, 0 },       { F, "/abs", "1", 0 },
                             { F, "a..b", "2", 0 },     { F, ".wh.", "", 0 },
                             { F, ".wh...", "", 0 },    { D, ".wh.dir", NULL, 0 },
                             { F, ".wh.dir/x", "", 0 }, { F, "dir", "3", 0 } };
        CHECK("D .\nF abs=1\nF a..b=2\nF dir=3\n", LIST(rows));
        CHECK("D .\nF abs=1\nF a..b=2\nF dir=3\n", LIST(rows), LIST(rows));
        CHECK("", (EntryList){ 0 });
}

static void test_hostile(void **state) {
        (void)state;
        const Row up[] = { { F, "../x", "", 0 } };
        const Row only_up[] = { { D, "..", NULL, 0 } };
        const Row link_up[] = { { F, "a", "", 0 }, { H, "l", "../../etc/shadow", 0 } };
        const Row dangling[] = { { H, "l", "nowhere", 0 } };
        const Row self[] = { { H, "l", "l", 0 } };
        const Row circle[] = { { H, "a", "b", 0 }, { H, "b", "a", 0 } };
        const Row to_dir[] = { { D, "d", NULL, 0 }, { H, "l", "d", 0 } };
        const Row root[] = { { F, ".", "", 0 } };
        check_error(LIST(up), "layer 0: entry \"../x\" is outside");
        check_error(LIST(only_up), "outside");
        check_error(LIST(link_up), "hard link \"l\": target \"../../etc/shadow\" is outside");
        check_error(LIST(dangling), "hard link \"l\": no file \"nowhere\"");
        check_error(LIST(self), "no file \"l\"");
        check_error(LIST(circle), "no file");
        check_error(LIST(to_dir), "no file \"d\"");
        check_error(LIST(root), "not a directory");
}

/* --- the reference procedure of yaml.md 7 on layers without special cases ------------------- */

enum { MAX_ROWS = 40, NAMES = 15 };

static uint32_t next_random(uint32_t *seed) {
        *seed = *seed * 1664525 + 1013904223;
        return *seed >> 16;
}

static bool is_below(const char *name, const char *parent) {
        size_t n = strlen(parent);
        return strncmp(name, parent, n) == 0 && name[n] == '/';
}

typedef struct Seen {
        const char *key;
        bool closed;
} Seen;

static void reference(const Row layers[][MAX_ROWS], const size_t *n, size_t n_layers, Buf *out) {
        Seen seen[4 * MAX_ROWS];
        size_t n_seen = 0;
        _cleanup_arena_ Arena *arena = arena_new();
        for (size_t l = n_layers; l-- > 0;)
                for (size_t i = 0; i < n[l]; i++) {
                        const Row *row = &layers[l][i];
                        const char *base = path_base(row->name), *key = row->name;
                        bool tombstone = str_has_prefix(base, ".wh."), hidden = false;
                        if (tombstone)
                                key = arena_printf(arena, "%.*s%s", (int)(base - row->name),
                                                   row->name, base + 4);
                        for (size_t k = 0; k < n_seen; k++)
                                hidden |= str_eq(seen[k].key, key) ||
                                          (seen[k].closed && is_below(key, seen[k].key));
                        if (hidden)
                                continue;
                        seen[n_seen++] = (Seen){ key, tombstone || row->type != ENTRY_DIR };
                        Entry entry;
                        row_get(row, 0, &entry);
                        if (!tombstone)
                                describe(out, &entry);
                }
}

/* Every name at most once. Only the top layer hides directories of lower ones, by whiteouts or
 * files, and a whiteout is not at or above an entry of its layer. */
static size_t random_layer(uint32_t *seed, bool top, Row *rows) {
        static const char *const names[NAMES] = { "a",   "a/b",   "a/b/c", "a/b/d", "a/e",
                                                  "b",   "b/a",   "b/b",   "b/b/b", "c",
                                                  "c/a", "c/a/a", "d",     "e",     "e/f" };
        static const char *const whiteouts[NAMES] = { ".wh.a",     "a/.wh.b", "a/b/.wh.c",
                                                      "a/b/.wh.d", "a/.wh.e", ".wh.b",
                                                      "b/.wh.a",   "b/.wh.b", "b/b/.wh.b",
                                                      ".wh.c",     "c/.wh.a", "c/a/.wh.a",
                                                      ".wh.d",     ".wh.e",   "e/.wh.f" };
        static const EntryType types[] = { D, D, D, F, F, L };
        bool used[NAMES] = { false }, closed[NAMES] = { false };
        size_t n = 0;
        for (size_t tries = 0; tries < 12; tries++) {
                size_t at = next_random(seed) % NAMES;
                bool parent = false;
                for (size_t k = 0; k < NAMES; k++)
                        parent |= is_below(names[k], names[at]);
                bool white = top && next_random(seed) % 4 == 0, bad = used[at];
                EntryType type = types[next_random(seed) % ARRAY_LEN(types)];
                if (parent && !top)
                        type = D;
                for (size_t k = 0; k < NAMES; k++) {
                        bad |= closed[k] && is_below(names[at], names[k]);
                        bad |= (white || type != D) && used[k] && is_below(names[k], names[at]);
                }
                if (bad)
                        continue;
                used[at] = true;
                closed[at] = white || type != D;
                rows[n++] = white ? (Row){ F, whiteouts[at], "", 0 }
                                  : (Row){ type, names[at], type == D ? NULL : "t", 0 };
        }
        return n;
}

/* The link would come behind its target, and so behind the symlink that bears its directory's name.
 */
static void test_link_below_symlink(void **state) {
        (void)state;
        const Row bottom[] = { { L, "x", "/etc", 0 }, { F, "f", "evil", 0 } };
        const Row top[] = { { H, "x/passwd", "f", 0 } };
        const Row named[] = { { D, "x", NULL, 0 }, { H, "x/passwd", "f", 0 } };
        const EntryList bad[] = { LIST(bottom), LIST(top) };
        const EntryList good[] = { LIST(bottom), LIST(named) };
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf out = { 0 };
        assert_int_equal(flatten(bad, 2, NULL, describe_fn, &out, &e), -1);
        assert_string_equal(e.text, "hard link below \"x\", which is not a directory");
        assert_int_equal(out.len, 0);
        check_lists(good, 2, NULL, "D x\nF f=evil\nH x/passwd>f\n");
}

static void test_same_as_reference(void **state) {
        (void)state;
        uint32_t seed = 1;
        for (size_t round = 0; round < 3000; round++) {
                Row layers[3][MAX_ROWS];
                size_t n[3];
                EntryList lists[3];
                for (size_t l = 0; l < 3; l++) {
                        n[l] = random_layer(&seed, l == 2, layers[l]);
                        lists[l] = (EntryList){ n[l], row_get, layers[l] };
                }
                _cleanup_buf_ Buf want = { 0 };
                buf_adds(&want, "");
                reference(layers, n, 3, &want);
                check_lists(lists, 3, NULL, want.data);
        }
}

/* --- anything goes: what must hold for every result ----------------------------------------- */

typedef struct Output {
        char *names[4 * MAX_ROWS];
        bool dirs[4 * MAX_ROWS];
        size_t n;
} Output;

static int check_entry(void *ctx, const Entry *entry, Err *e) {
        (void)e;
        Output *o = ctx;
        bool target = entry->type != H;
        _cleanup_free_ char *link = entry->type == H ? path_clean(entry->link) : NULL;
        for (size_t i = 0; i < o->n; i++) {
                assert_string_not_equal(o->names[i], entry->name);
                target |= str_eq(o->names[i], link) && !o->dirs[i];
        }
        assert_true(target); /* a hard link follows its target */
        assert_null(strstr(entry->name, ".wh."));
        o->dirs[o->n] = entry->type == D;
        o->names[o->n++] = xstrdup(entry->name);
        return 0;
}

static void test_any_layers(void **state) {
        (void)state;
        static const char *const names[] = { ".",           "a",       "a/b",
                                             "/a/b",        "b",       "c",
                                             "d",           "b/.wh.x", "b/x",
                                             ".wh.a",       "a/.wh.b", ".wh.b",
                                             ".wh.c",       ".wh.",    "a/.wh..wh..opq",
                                             ".wh..wh..opq" };
        static const char *const targets[] = { "a", "./b", "c", "/d", "a/b", "x/../c", "b/x" };
        static const EntryType types[] = { D, F, F, H, H, L };
        uint32_t seed = 7;
        size_t succeeded = 0;
        for (size_t round = 0; round < 20000; round++) {
                Row layers[3][MAX_ROWS];
                EntryList lists[3];
                for (size_t l = 0; l < 3; l++) {
                        size_t n = next_random(&seed) % 9;
                        for (size_t i = 0; i < n; i++) {
                                const char *name = names[next_random(&seed) % ARRAY_LEN(names)];
                                EntryType type = types[next_random(&seed) % ARRAY_LEN(types)];
                                if (str_eq(name, "."))
                                        type = D;
                                layers[l][i] =
                                        (Row){ type, name,
                                               targets[next_random(&seed) % ARRAY_LEN(targets)],
                                               0 };
                        }
                        lists[l] = (EntryList){ n, row_get, layers[l] };
                }
                Output o = { .n = 0 };
                _cleanup_err_ Err e = ERR_INIT;
                if (flatten(lists, 3, NULL, check_entry, &o, &e) < 0)
                        assert_true(strstr(e.text, "no file") || strstr(e.text, "not a directory"));
                else
                        succeeded++;
                for (size_t i = 0; i < o.n; i++)
                        free(o.names[i]);
        }
        assert_true(succeeded > 2000);
}

/* --- size ----------------------------------------------------------------------------------- */

enum { MANY = 300000 };

static char (*many_names)[24];

static void many_get(const void *ctx, size_t i, Entry *ret) {
        bool links = ctx != NULL;
        *ret = (Entry){ .name = many_names[i], .type = ENTRY_FILE };
        if (links && i) {
                ret->type = ENTRY_HARDLINK;
                ret->link = many_names[0];
        }
}

static int count_fn(void *ctx, const Entry *entry, Err *e) {
        (void)entry, (void)e;
        ++*(size_t *)ctx;
        return 0;
}

static void test_many(void **state) {
        (void)state;
        many_names = xmalloc(sizeof(*many_names) * MANY);
        for (unsigned i = 0; i < MANY; i++)
                snprintf(many_names[i], sizeof(*many_names), "d%u/%u", i / 100, i);
        static const char links;
        const EntryList lists[] = { { MANY, many_get, NULL }, { MANY, many_get, &links } };
        clock_t start = clock();
        for (size_t n = 1; n <= 2; n++) {
                size_t count = 0;
                assert_int_equal(flatten(lists, n, NULL, count_fn, &count, NULL), 0);
                assert_int_equal(count, MANY);
        }
        assert_true((clock() - start) / CLOCKS_PER_SEC < 10);
        free(many_names);
}

/* Depth costs what length costs: a name of 60000 directories is no way to keep a build busy. */
static void deep_get(const void *ctx, size_t i, Entry *ret) {
        *ret = (Entry){ .name = ((char *const *)ctx)[i], .type = ENTRY_FILE };
}

static void test_deep_names(void **state) {
        (void)state;
        enum { N = 60, LEN = 60000 };
        _cleanup_arena_ Arena *arena = arena_new();
        char *names[N];
        for (size_t i = 0; i < N; i++) {
                char *name = names[i] = arena_alloc(arena, LEN + 2);
                for (size_t k = 0; k < LEN; k++)
                        name[k] = k % 2 ? '/' : 'x';
                name[0] = (char)('A' + i); /* no two have a parent in common */
                name[LEN] = 'f';
        }
        const EntryList list = { N, deep_get, names };
        size_t count = 0;
        clock_t start = clock();
        assert_int_equal(flatten(&list, 1, NULL, count_fn, &count, NULL), 0);
        assert_int_equal(count, N);
        assert_true((clock() - start) / CLOCKS_PER_SEC < 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_top_layer_first),
                cmocka_unit_test(test_whiteout),
                cmocka_unit_test(test_whiteout_and_new_entry),
                cmocka_unit_test(test_opaque),
                cmocka_unit_test(test_middle_whiteout_stays),
                cmocka_unit_test(test_last_of_a_layer_wins),
                cmocka_unit_test(test_types_replace),
                cmocka_unit_test(test_hard_links_after_target),
                cmocka_unit_test(test_hard_links_without_target),
                cmocka_unit_test(test_hard_link_text),
                cmocka_unit_test(test_skip),
                cmocka_unit_test(test_odd_names),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_link_below_symlink),
                cmocka_unit_test(test_same_as_reference),
                cmocka_unit_test(test_any_layers),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_deep_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
