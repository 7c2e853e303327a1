/* label_test.c - image labels, the precedence table of yaml.md 10.3 and the numbers of section 16.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/spec/spec.h"

typedef struct Case {
        Arena *arena;
        Spec *spec; /* owns what file points to */
        Settings file, label, merged;
} Case;

/* file: the settings of a service as flow YAML; label: NULL or the label's text. */
static Case merge(const char *file, const char *label) {
        Case c = { .arena = arena_new() };
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *text =
                xasprintf("services: [{name: s, image: a, %s}]\nvolumes: [{name: v}]", file);
        if (spec_parse(text, strlen(text), "f", &c.spec, &e) < 0)
                fail_msg("%s", e.text);
        c.file = c.spec->sections[SECTION_SERVICES].items[0].s;
        if (label && spec_parse_label(c.arena, label, "img", &c.label, &e) < 0)
                fail_msg("%s", e.text);
        spec_merge_settings(&c.file, label ? &c.label : NULL, c.arena, &c.merged);
        return c;
}

static void case_done(Case *c) {
        arena_free(c->arena);
        spec_free(c->spec);
}

/* "unset", or the items joined by blanks */
static char *joined(const StrList *l) {
        if (!l->set)
                return xstrdup("unset");
        Buf b = { 0 };
        for (size_t i = 0; i < l->n; i++)
                buf_addf(&b, "%s%s", i ? " " : "", l->items[i].text);
        return buf_steal(&b);
}

static void lists(void **state) {
        (void)state;
        static const struct {
                const char *file, *label, *binds, *capabilities, *env;
        } t[] = {
                { "env: [A=1]", NULL, "unset", "unset", "A=1" },
                { "env: []", "env: [B=2]", "unset", "unset", "" },
                { "cwd: /", "{\"env\": [\"B=2\"]}", "unset", "unset", "B=2" },
                { "cwd: /", "{binds: [\"/l:/l\"], capabilities: [CAP_BPF]}", "/l:/l", "CAP_BPF",
                  "unset" },
                { "binds.add: [\"/f:/f\"], capabilities.add: [CAP_BPF]",
                  "{binds: [\"/l:/l\"], capabilities: [CAP_BPF]}", "/l:/l /f:/f", "CAP_BPF CAP_BPF",
                  "unset" },
                { "binds.add: [\"/f:/f\"]", NULL, "/f:/f", "unset", "unset" },
                { "binds: [\"/x:/x\"], binds.add: [\"/f:/f\"], capabilities: []",
                  "{binds: [\"/l:/l\"], capabilities: [CAP_BPF]}", "/x:/x", "", "unset" },
                { "cwd: /", "{binds.add: [\"/l:/l\"], capabilities.add: [CAP_BPF]}", "unset",
                  "unset", "unset" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                Case c = merge(t[i].file, t[i].label);
                _cleanup_free_ char *binds = joined(&c.merged.binds);
                _cleanup_free_ char *capabilities = joined(&c.merged.capabilities);
                _cleanup_free_ char *env = joined(&c.merged.env);
                assert_string_equal(binds, t[i].binds);
                assert_string_equal(capabilities, t[i].capabilities);
                assert_string_equal(env, t[i].env);
                assert_false(c.merged.binds_add.set || c.merged.capabilities_add.set);
                case_done(&c);
        }
}

static void scalars_and_runtime(void **state) {
        (void)state;
        Case c = merge(
                "cwd: \"\", net: \"\", pid: host, readonly: false, oomScoreAdj: 0, uid: s, "
                "resources: {}, cgroupsPath: \"\", runtime: {mkdir: [], bindNS: {net: \"\"}, "
                "health: {file: /f}}",
                "{cwd: /l, net: new, pid: new, hostname: h, readonly: true, oomScoreAdj: 5, "
                "uid: 7, gid: 8, resources: {pids: {limit: 1}}, cgroupsPath: /c, "
                "rootfsPropagation: shared, sysctl: {a: b}, runtime: {mkdir: [/l], cgroups: [g], "
                "bindNS: {net: n, ipc: i}, namespace: ns, restart: always, fail: reboot, "
                "timeout: 1h, ociRuntime: crun, needs: [n], ready: {tcp: 80}, health: {tcp: 81, "
                "retries: 7}, "
                "restartLimit: 4, stopTimeout: 5s}}");
        const Settings *m = &c.merged;
        assert_string_equal(m->cwd.text, "/l");
        assert_string_equal(m->net.text, "new");
        assert_string_equal(m->pid.text, "host");
        assert_string_equal(m->hostname.text, "h");
        assert_true(m->readonly.set && !m->readonly.value);
        assert_int_equal(m->oom_score_adj.value, 0);
        assert_string_equal(m->uid.name, "s");
        assert_int_equal(m->gid.number, 8);
        assert_true(m->resources.set && !m->resources.pids_set);
        assert_string_equal(m->cgroups_path.text, "");
        assert_string_equal(m->rootfs_propagation.text, "shared");
        assert_int_equal(m->sysctl.n, 1);
        assert_true(m->runtime.mkdir.set && m->runtime.mkdir.n == 0);
        assert_int_equal(m->runtime.cgroups.n, 1);
        assert_string_equal(m->runtime.bind_ns[NS_NET].text, "");
        assert_string_equal(m->runtime.bind_ns[NS_IPC].text, "i");
        assert_string_equal(m->runtime.namespace.text, "ns");
        assert_string_equal(m->runtime.restart.text, "always");
        assert_string_equal(m->runtime.fail.text, "reboot");
        assert_string_equal(m->runtime.timeout.text, "1h");
        assert_string_equal(m->runtime.oci_runtime.text, "crun");
        assert_string_equal(m->runtime.needs.items[0].text, "n");
        assert_string_equal(m->runtime.ready.tcp.text, "80");
        assert_string_equal(m->runtime.health.file.text, "/f");
        assert_true(!m->runtime.health.tcp.text && !m->runtime.health.retries.set);
        assert_int_equal(m->runtime.restart_limit.value, 4);
        assert_string_equal(m->runtime.stop_timeout.text, "5s");
        case_done(&c);
}

static void empty_label(void **state) {
        (void)state;
        _cleanup_arena_ Arena *arena = arena_new();
        Settings s = { .uid = { .set = true } };
        assert_int_equal(spec_parse_label(arena, "", "i", &s, NULL), 0);
        assert_false(s.uid.set);
        assert_int_equal(spec_parse_label(arena, "{\"name\": \"\"}", "i", &s, NULL), 0);
}

static void bad_labels(void **state) {
        (void)state;
        static const struct {
                const char *text, *want;
        } t[] = {
                { "[]", "label of img:1:1: expected a mapping, found a list" },
                { "null", "label of img:1:1: expected a mapping, found null" },
                { "abc", "label of img:1:1: expected a mapping, found the string \"abc\"" },
                { "{\"name\": \"x\"}", "label of img:1:10: name: cannot be set in an image label" },
                { "{\"image\": \"x\"}",
                  "label of img:1:11: image: cannot be set in an image label" },
                { "{\"capabilities\": [\"NOT_A_CAP\"]}",
                  "label of img:1:19: capabilities[0]: unknown capability: NOT_A_CAP" },
                { "bind: []", "label of img:1:1: unknown key \"bind\", did you mean \"binds\"?" },
                { "{", "label of img:2:1: did not find expected node content (while parsing a flow "
                       "node)" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_arena_ Arena *arena = arena_new();
                _cleanup_err_ Err e = ERR_INIT;
                Settings s;
                assert_int_equal(spec_parse_label(arena, t[i].text, "img", &s, &e), -1);
                assert_string_equal(e.text, t[i].want);
        }
}

static void ids(void **state) {
        (void)state;
        static const char text[] = "onboot: [{name: a, image: x}, {name: b, image: x}]\n"
                                   "onshutdown: [{name: c, image: x}]\n"
                                   "services: [{name: a, image: x}, {name: d, image: x}]";
        static const struct {
                Id id;
                int64_t want; /* -1: unknown */
        } t[] = {
                { { 0 }, 0 },
                { { .set = true, .number = 76 }, 76 },
                { { .set = true, .number = 4294967295 }, 4294967295 },
                { { .set = true, .name = "" }, 0 },
                { { .set = true, .name = "root" }, 0 },
                { { .set = true, .name = "a" }, 103 }, /* the last one counts */
                { { .set = true, .name = "b" }, 101 },
                { { .set = true, .name = "c" }, 102 },
                { { .set = true, .name = "d" }, 104 },
                { { .set = true, .name = "1000", .pos = { "f", 2, 3 } }, -1 },
        };
        Spec *s = NULL;
        assert_int_equal(spec_parse(text, strlen(text), "f", &s, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                uint32_t got;
                int r = spec_resolve_id(s, &t[i].id, &got, &e);
                assert_int_equal(r, t[i].want < 0 ? -1 : 0);
                if (r < 0)
                        assert_string_equal(e.text, "f:2:3: cannot find id: 1000");
                else
                        assert_int_equal(got, t[i].want);
        }
        spec_free(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lists),       cmocka_unit_test(scalars_and_runtime),
                cmocka_unit_test(empty_label), cmocka_unit_test(bad_labels),
                cmocka_unit_test(ids),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
