/* spec_test.c - build files, good and bad, with the exact text that the user sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/spec/spec.h"

/* NULL when text is a valid build file, else the messages; malloc'ed. */
static char *faults_of(const char *text) {
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        if (spec_parse(text, strlen(text), "f", &s, &e) == 0) {
                spec_free(s);
                return NULL;
        }
        assert_int_equal(e.kind, ERR_SPEC);
        return xstrdup(e.text);
}

static void check_fault(const char *text, const char *want) {
        _cleanup_free_ char *got = faults_of(text);
        if (!str_eq(got, want))
                fail_msg("%s\n  gave: %s\n  not:  %s", text, got ? got : "(valid)", want);
}

/* Service "s" with one more line of settings, and a volume; line 1, settings from column 25. */
static char *service(const char *setting) {
        return xasprintf("services: [{name: s, image: a, %s}]\nvolumes: [{name: v}, "
                         "{name: r, readonly: true}]\n",
                         setting);
}

static void valid_files(void **state) {
        (void)state;
        static const char *const t[] = {
                "{}",
                "null",
                "---\n",
                "trust: {image: [a], org: [b]}",
                "init: []",
                "services: []",
                "kernel: {image: \"\", cmdline: \"\"}",
                "volumes: [{name: a-1_b, format: oci, platforms: [linux/amd64, linux/arm64/v8]}]",
                "volumes: [{name: v, image: \"\"}]",
                "volumes: [{name: v, platforms: [\"a/b/c/d\"]}]", /* not parsed without oci */
                "onboot: [{name: a, image: x}, {name: a, image: x}]",
                "files: [{path: a, contents: \"\"}, {path: /b, directory: true, symlink: x}]",
                "files: [{path: a, symlink: x, contents: y}, {path: b, metadata: json}]",
                ("files: [{path: a, source: ~/x, optional: true, mode: \"0644\", uid: 0, gid: "
                 "root}]"),
                "files: [{path: a, contents: 2001-01-01, metadata: \"\"}]",
                "files: [{path: a, contents: \"@reboot x\"}]",
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *got = faults_of(t[i]);
                if (got)
                        fail_msg("%s\n  gave: %s", t[i], got);
        }
}

static void valid_settings(void **state) {
        (void)state;
        static const char *const t[] = {
                "capabilities: [CAP_SYS_ADMIN, CAP_BPF], capabilities.add: [CAP_KILL]",
                "capabilities: [All], ambient: [none]",
                "binds: [\"/a:/b\", \"v:/c\", \"r:/d:nosuid,ro\", \"v:/e:rw\"], binds.add: "
                "[\"v:/x\"]",
                "tmpfs: [/tmp, \"/run:mode=755,size=1m\", \"/x:\"]",
                "mounts: [{type: bind, source: v, destination: /x}, {source: proc}, "
                "{destination: /dev}, {type: tmpfs, destination: /t, options: [size=1m]}, "
                "{type: bind, source: r, destination: /x, options: [nosuid, ro, rw]}]",
                "devices: [{path: all, type: b}, {path: /dev/x, type: c, major: 10, minor: 1, "
                "mode: "
                "\"0666\"}]",
                "uid: 4294967295, gid: s, additionalGids: [1, root, \"\", s]",
                "oomScoreAdj: -999, readonly: TRUE, noNewPrivileges: false",
                "resources: {devices: [{allow: false, access: rwm}], memory: {limit: 1.0, "
                "kernelTCP: "
                "0x10, disableOOMKiller: true}, cpu: {shares: 18446744073709551615, "
                "realtimeRuntime: -1}, pids: {}, blockio: {leafWeight: 65535, weightDevice: "
                "[{major: 8, minor: 0, weight: 1}], throttleReadIOPSDevice: [{rate: 1}]}, "
                "hugepageLimits: [{pageSize: 2MB, limit: 1}, {pageSize: 4, limit: 2}], network: "
                "{classID: 1, priorities: [{name: eth0, priority: 1}]}}",
                "sysctl: {net.ipv4.ip_forward: \"1\"}, annotations: {a: b}",
                "rlimits: [\"nofile, 1024 ,unlimited\", \"RLIMIT_CPU,1,2\"]",
                "uidMappings: [{hostID: 1, containerID: 2, size: 3}], gidMappings: []",
                "runtime: {cgroups: [a], mkdir: [/x], mounts: [{type: bind, source: nowhere}], "
                "interfaces: [{name: wg0, add: wireguard, peer: p, createInRoot: true}], bindNS: "
                "{net: "
                "/run/netns/x}, namespace: n, restart: on-failure}",
                "net: /run/netns/x, pid: host, ipc: new, uts: new, userns: x, hostname: h, cwd: /, "
                "rootfsPropagation: shared, cgroupsPath: /x, maskedPaths: [/a], readonlyPaths: "
                "[/b], "
                "command: [a], env: [A=b]",
                "runtime: {restart: no}", /* a string in this dialect */
                "runtime: {fail: poweroff, timeout: 999999h}",
                "runtime: {fail: continue, timeout: 1s}",
                "runtime: {ociRuntime: crun}",
                "runtime: {ociRuntime: /opt/bin/youki}",
                "runtime: {needs: [], ready: {tcp: 80}, health: {exec: [a, \"\"]}}",
                "runtime: {ready: {tcp: \"[::1]:65535\", interval: 5s, timeout: 2m}}",
                "runtime: {health: {file: /x, interval: 1h, timeout: 1s, retries: 1, "
                "startPeriod: 0s}, restartLimit: 1, stopTimeout: 90s}",
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *text = service(t[i]);
                _cleanup_free_ char *got = faults_of(text);
                if (got)
                        fail_msg("%s\n  gave: %s", t[i], got);
        }
}

static void bad_files(void **state) {
        (void)state;
        static const struct {
                const char *text, *want;
        } t[] = {
                { "[]", "f:1:1: expected a mapping, found a list" },
                { "abc", "f:1:1: expected a mapping, found the string \"abc\"" },
                { "init:", "f:1:6: init: expected a list of strings, found null" },
                { "kernel: {image: a}\nservces: []",
                  "f:2:1: unknown key \"servces\", did you mean \"services\"?" },
                { "outputs: []", "f:1:1: unknown key \"outputs\"" },
                { "kernel:\n  image: a\n  cmdLine: x",
                  "f:3:3: kernel: unknown key \"cmdLine\", did you mean \"cmdline\"?" },
                { "kernel: {image: 5}",
                  "f:1:17: kernel.image: expected a string, found the integer 5; write \"5\" with "
                  "quotes" },
                { "init: [a, \"http://b\"]",
                  "f:1:11: init[1]: invalid image reference \"http://b\": it cannot be a URL" },
                { "init: [\"@pkg:\"]", "f:1:8: init[0]: \"@pkg:\" names no directory" },
                { "init: [\"@other\"]",
                  "f:1:8: init[0]: invalid image reference \"@other\": it names no repository" },
                { "services: [{image: a}]", "f:1:12: services[0]: name is required" },
                { "services: [{name: a}]", "f:1:12: services[0]: image is required" },
                { "services: [{name: \"\", image: a}]",
                  "f:1:19: services[0].name: a name cannot be empty" },
                { "onboot: [{name: ../x, image: a}]",
                  "f:1:17: onboot[0].name: \"../x\" cannot be a name" },
                { "onboot: [{name: .., image: a}]",
                  "f:1:17: onboot[0].name: \"..\" cannot be a name" },
                { "services:\n- {name: a, image: x}\n- {name: a, image: x}",
                  "f:3:10: duplicate service name: a (the other one is at f:2)" },
                { "volumes: [{name: v}, {name: v}]",
                  "f:1:29: duplicate volume name: v (the other one is at f:1)" },
                { "volumes: [{name: V}]",
                  "f:1:18: volumes[0].name: invalid volume name \"V\": only "
                  "a-z, 0-9, _ and - are allowed" },
                { "volumes: [{image: a}]", "f:1:11: volumes[0]: name is required" },
                { "volumes: [{name: v, format: \"\"}]",
                  "f:1:29: volumes[0].format: expected \"oci\" or \"filesystem\", found the string "
                  "\"\"" },
                { "volumes: [{name: v, format: oci, platforms: [linux//x]}]",
                  "f:1:46: volumes[0]: platforms[0]: failed to parse platform linux//x" },
                { "files: [{contents: x}]", "f:1:9: files[0]: did not specify path for file" },
                { "files: [{path: a}]", "f:1:9: files[0]: contents of file (a) not specified" },
                { "files: [{path: a, source: b, metadata: json}]",
                  "f:1:9: files[0]: specified source and metadata for file: a" },
                { "files: [{path: a, directory: true, metadata: json}]",
                  "f:1:9: files[0]: specified contents and metadata for file: a" },
                { "files: [{path: a, contents: \"\", source: b}]",
                  "f:1:9: files[0]: specified contents and source for file: a" },
                { "files: [{path: a, directory: true, contents: x}]",
                  "f:1:9: files[0]: directory with contents not allowed: a" },
                { "files: [{path: a, metadata: xml}]",
                  "f:1:29: files[0]: unsupported metadata type: xml" },
                { "files: [{path: a, contents: x, mode: 0644}]",
                  "f:1:38: files[0].mode: expected a string, found the integer 0644; write "
                  "\"0644\" "
                  "with quotes" },
                { "files: [{path: a, contents: x, mode: \"0o644\"}]",
                  "f:1:38: files[0]: cannot parse file mode as octal value: 0o644" },
                { "files: [{path: /../x, contents: x}]",
                  "f:1:16: files[0]: \"/../x\" is no place inside the root file system" },
                { "files: [{path: a, contents: x, uid: web}]",
                  "f:1:37: files[0].uid: cannot find id: web" },
                { "a: 1\na: 2",
                  "f:1:1: unknown key \"a\"\nf:2:1: key \"a\" is already defined at line 1" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                check_fault(t[i].text, t[i].want);
}

static void bad_settings(void **state) {
        (void)state;
        static const struct {
                const char *setting, *want; /* without "f:1:COLUMN: services[0]" */
        } t[] = {
                { "readonly: yes", ".readonly: expected a boolean, found the string \"yes\"" },
                { "readonly: 1", ".readonly: expected a boolean, found the integer 1" },
                { "readonly: ~", ".readonly: expected a boolean, found null" },
                { "hostname: {}", ".hostname: expected a string, found a mapping" },
                { "command: ls", ".command: expected a list of strings, found the string \"ls\"" },
                { "command: [ls, 5]",
                  ".command[1]: expected a string, found the integer 5; write \"5\" "
                  "with quotes" },
                { "sysctl: {a.b: 1}",
                  ".sysctl[\"a.b\"]: expected a string, found the integer 1; write "
                  "\"1\" with quotes" },
                { "sysctl: []", ".sysctl: expected a mapping of strings, found a list" },
                { "user: x", ": unknown key \"user\", did you mean \"userns\"?" },
                { "labels: x", ": unknown key \"labels\"" },
                { "bind.add: []", ": unknown key \"bind.add\", did you mean \"binds.add\"?" },
                { "oomScoreAdj: 1.5", ".oomScoreAdj: expected an integer, found the number 1.5" },
                { "oomScoreAdj: .inf", ".oomScoreAdj: expected an integer, found the number .inf" },
                { "oomScoreAdj: 9223372036854775808",
                  ".oomScoreAdj: expected an integer from -9223372036854775808 to "
                  "9223372036854775807, found 9223372036854775808" },
                { "oomScoreAdj: 1e30",
                  ".oomScoreAdj: expected an integer from -9223372036854775808 to "
                  "9223372036854775807, found 1e30" },
                { "uid: -1", ".uid: expected an integer from 0 to 4294967295, found -1" },
                { "uid: 4294967296",
                  ".uid: expected an integer from 0 to 4294967295, found 4294967296" },
                { "gid: 1.0", ".gid: expected an integer or a name, found the number 1.0" },
                { "additionalGids: [x]", ".additionalGids: cannot find id: x" },
                { "uid: \"1000\"", ".uid: cannot find id: 1000" },
                { "capabilities: [KILL]",
                  ".capabilities[0]: unknown capability: KILL, did you mean \"CAP_KILL\"?" },
                { "ambient: [all, CAP_BPF]",
                  ".ambient[0]: unknown capability: all (it must be the only item)" },
                { "capabilities.add: [CAP_NO]",
                  ".capabilities.add[0]: unknown capability: CAP_NO" },
                { "binds: [/a]", ".binds[0]: cannot parse bind, missing ':': /a" },
                { "binds: [\"a:b:c:d\"]", ".binds[0]: cannot parse bind, too many ':': a:b:c:d" },
                { "binds: [\"x:/y\"]", ".binds[0]: volume x not found" },
                { "binds.add: [\"./x:/y\"]", ".binds.add[0]: volume ./x not found" },
                { "binds: [\"r:/y\"]",
                  ".binds[0]: volume r is read-only, it needs the option \"ro\"" },
                { "binds: [\"r:/y:ro,rw\"]",
                  ".binds[0]: volume r is read-only, it needs the option \"ro\"" },
                { "mounts: [{type: bind, source: x, destination: /y}]",
                  ".mounts[0]: volume x not found" },
                { "mounts: [{type: bind, source: r, destination: /y, options: [rw, ro]}]",
                  ".mounts[0]: volume r is read-only, it needs the option \"ro\"" },
                { "mounts: [{destination: /y}]",
                  ".mounts[0]: mount for destination \"/y\" is missing type" },
                { "mounts: [{type: tmpfs}]",
                  ".mounts[0]: mount type \"tmpfs\" is missing destination" },
                { "tmpfs: [\"/a:b:c\"]", ".tmpfs[0]: cannot parse tmpfs, too many ':': /a:b:c" },
                { "devices: [{path: /dev/x, type: c}]",
                  ".devices[0]: mode is required, an octal string such as \"0660\"" },
                { "devices: [{path: /dev/x, mode: \"rw\"}]",
                  ".devices[0]: cannot parse device mode as octal value: rw" },
                { "rlimits: [\"nofile,1\"]",
                  ".rlimits[0]: cannot parse rlimit: nofile,1 (expected NAME,SOFT,HARD)" },
                { "rlimits: [\"files,1,2\"]", ".rlimits[0]: unknown limit: files" },
                { "rlimits: [\"nofile,1,-1\"]", ".rlimits[0]: cannot parse -1 as uint64" },
                { "resources: {rdma: {}}", ".resources: unknown key \"rdma\"" },
                { "resources: {blockio: {weight: 65536}}",
                  ".resources.blockio.weight: expected an integer from 0 to 65535, found 65536" },
                { "resources: {cpu: {shares: -1}}",
                  ".resources.cpu.shares: expected an integer from 0 "
                  "to 18446744073709551615, found -1" },
                { "uidMappings: [{hostID: -1}]",
                  ".uidMappings[0].hostID: expected an integer from 0 to 4294967295, found -1" },
                { "runtime: {interface: []}",
                  ".runtime: unknown key \"interface\", did you mean \"interfaces\"?" },
                { "runtime: {restart: never}",
                  ".runtime.restart: expected \"no\", \"on-failure\" or "
                  "\"always\", found the string \"never\"" },
                { "runtime: {restart: false}", ".runtime.restart: expected a string, found the "
                                               "boolean false; write \"false\" with "
                                               "quotes" },
                { "runtime: {fail: retry}", ".runtime.fail: expected \"continue\", \"stop\", "
                                            "\"reboot\" or \"poweroff\", found the string "
                                            "\"retry\"" },
                { "runtime: {timeout: 30}", ".runtime.timeout: expected a string, found the "
                                            "integer 30; write \"30\" with quotes" },
                { "runtime: {timeout: \"30\"}",
                  ".runtime.timeout: \"30\" is no duration such as 30s, 5m or 1h" },
                { "runtime: {timeout: 0s}",
                  ".runtime.timeout: \"0s\" is no duration such as 30s, 5m or 1h" },
                { "runtime: {timeout: 1000000s}",
                  ".runtime.timeout: \"1000000s\" is no duration such as 30s, 5m or 1h" },
                { "runtime: {timeout: 1m30s}",
                  ".runtime.timeout: \"1m30s\" is no duration such as 30s, 5m or 1h" },
                { "runtime: {ociRuntime: bin/crun}",
                  ".runtime.ociRuntime: \"bin/crun\" is neither the name of a program nor an "
                  "absolute path" },
                { "runtime: {ociRuntime: \"\"}",
                  ".runtime.ociRuntime: \"\" is neither the name of a program nor an absolute "
                  "path" },
                { "runtime: {needs: web}", ".runtime.needs: expected a list of strings, found the "
                                           "string \"web\"" },
                { "runtime: {ready: {}}", ".runtime.ready: needs one of exec, tcp and file" },
                { "runtime: {ready: {tcp: 80, file: /x}}",
                  ".runtime.ready: only one of exec, tcp and file" },
                { "runtime: {ready: {tcp: 65536}}",
                  ".runtime.ready.tcp: \"65536\" is no PORT or HOST:PORT, with an address or "
                  "localhost as HOST" },
                { "runtime: {ready: {tcp: \"db:80\"}}",
                  ".runtime.ready.tcp: \"db:80\" is no PORT or HOST:PORT, with an address or "
                  "localhost as HOST" },
                { "runtime: {ready: {file: x}}",
                  ".runtime.ready.file: \"x\" is no path that begins with /" },
                { "runtime: {health: {exec: []}}", ".runtime.health.exec: names no program" },
                { "runtime: {ready: {file: /x, retries: 2}}",
                  ".runtime.ready: unknown key \"retries\"" },
                { "runtime: {health: {file: /x, interval: 0s}}",
                  ".runtime.health.interval: \"0s\" is no duration such as 30s, 5m or 1h" },
                { "runtime: {health: {file: /x, retries: 0}}",
                  ".runtime.health.retries: expected an integer from 1 to 1000, found 0" },
                { "runtime: {restartLimit: 0}",
                  ".runtime.restartLimit: expected an integer from 1 to 1000000, found 0" },
                { "runtime: {bindNS: {mount: x}}",
                  ".runtime.bindNS: unknown key \"mount\", did you mean \"mnt\"?" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_free_ char *text = service(t[i].setting);
                _cleanup_free_ char *got = faults_of(text);
                if (!got)
                        fail_msg("%s was accepted", t[i].setting);
                const char *rest = strstr(got, ": services[0]");
                if (!rest || !str_has_prefix(got, "f:1:") || !str_eq(rest + 13, t[i].want))
                        fail_msg("%s\n  gave: %s\n  not:  %s", t[i].setting, got, t[i].want);
        }
}

#define SERVICE(name, needs) "- name: " name "\n  image: i\n  runtime: {needs: [" needs "]}\n"

static void needs_of_services(void **state) {
        (void)state;
        _cleanup_free_ char *got = faults_of("services:\n" SERVICE("a", "b, c, b") SERVICE("b", "c")
                                                     SERVICE("c", "") SERVICE("d", "a"));
        if (got)
                fail_msg("%s", got);
        check_fault("services:\n" SERVICE("a", "b, nope") SERVICE("b", ""),
                    "f:4:24: service \"a\" needs \"nope\", which is no service");
        check_fault("services:\n" SERVICE("a", "a"),
                    "f:4:21: service \"a\" needs \"a\", that is itself");
        check_fault(
                "services:\n" SERVICE("x", "a") SERVICE("a", "b") SERVICE("b", "c, x2")
                        SERVICE("c", "a") SERVICE("x2", ""),
                "f:13:21: service \"c\" needs \"a\", a circle: a, which needs b, which needs c");
        /* an onboot container is none of the services */
        check_fault("onboot:\n- name: o\n  image: i\nservices:\n" SERVICE("a", "o"),
                    "f:7:21: service \"a\" needs \"o\", which is no service");
}

static void a_long_chain_of_needs(void **state) {
        (void)state;
        enum { LENGTH = 20000 };
        _cleanup_buf_ Buf b = { 0 };
        buf_adds(&b, "services:\n");
        for (int i = 0; i < LENGTH; i++)
                buf_addf(&b, "- {name: s%d, image: i, runtime: {needs: [s%d]}}\n", i,
                         (i + 1) % LENGTH);
        _cleanup_free_ char *got = faults_of(b.data);
        assert_non_null(got);
        assert_non_null(strstr(got, "a circle: s0, which needs s1, "));
        assert_null(strchr(got, '\n'));
        assert_true(strlen(got) < 500);
}

static void several_faults_in_order(void **state) {
        (void)state;
        check_fault(
                "services:\n- name: a\n  image: x\n  readonly: yes\nkernel: {x: 1}\nfiles:\n- "
                "path: a\n  uid: 1.5\n  mode: 5",
                "f:4:13: services[0].readonly: expected a boolean, found the string \"yes\"\n"
                "f:5:10: kernel: unknown key \"x\"\n"
                "f:8:8: files[0].uid: expected an integer or a name, found the number 1.5\n"
                "f:9:9: files[0].mode: expected a string, found the integer 5; write \"5\" with "
                "quotes");

        _cleanup_buf_ Buf b = { 0 };
        for (int i = 0; i < 5000; i++)
                buf_addf(&b, "k%d\x7f: 1\n", i);
        _cleanup_free_ char *got = faults_of(b.data);
        assert_true(str_has_prefix(got, "f:1:"));
        size_t lines = 1;
        for (const char *p = got; (p = strchr(p, '\n')); p++)
                lines++;
        assert_true(lines <= 21);
}

static void more_than_twenty(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        for (int i = 0; i < 5000; i++)
                buf_addf(&b, "zzzzzz%d: 1\n", i);
        _cleanup_free_ char *got = faults_of(b.data);
        assert_non_null(strstr(got, "\nf:20:1: unknown key \"zzzzzz19\"\nand 4980 more"));
}

/* --- several files -------------------------------------------------------------------------- */

typedef struct Scratch {
        char dir[32];
        char *a, *b;
} Scratch;

static int scratch_setup(void **state) {
        Scratch *s = xcalloc(1, sizeof *s);
        strcpy(s->dir, "/tmp/spec_test.XXXXXX");
        if (!mkdtemp(s->dir))
                return -1;
        s->a = xasprintf("%s/a.yml", s->dir);
        s->b = xasprintf("%s/b.yml", s->dir);
        *state = s;
        return 0;
}

static int scratch_teardown(void **state) {
        Scratch *s = *state;
        unlink(s->a);
        unlink(s->b);
        rmdir(s->dir);
        free(s->a);
        free(s->b);
        free(s);
        return 0;
}

static int load(const Scratch *x, const char *a, const char *b, Spec **ret, Err *e) {
        const char *const files[] = { x->a, x->b };
        assert_int_equal(file_write(x->a, a, strlen(a), 0644, e), 0);
        assert_int_equal(file_write(x->b, b, strlen(b), 0644, e), 0);
        return spec_load(files, 2, ret, e);
}

static void merge(void **state) {
        const Scratch *x = *state;
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        int r = load(
                x,
                "kernel: {image: k:1, cmdline: one, tar: t, binary: b}\ninit: [i:1]\n"
                "onboot: [{name: a, image: x, uid: later, binds: [\"v2:/m\"]}]\n"
                "volumes: [{name: v1}]\n",
                "kernel: {image: k:2, cmdline: \"\", tar: \"\"}\ninit: [i:2]\n"
                "services: [{name: later, image: y, binds: [\"v1:/m\"]}]\nvolumes: [{name: v2}]\n",
                &s, &e);
        if (r < 0)
                fail_msg("%s", e.text);
        assert_string_equal(s->kernel.image.text.text, "k:2");
        assert_string_equal(s->kernel.cmdline.text, "one");
        assert_string_equal(s->kernel.binary.text, "b");
        assert_string_equal(s->kernel.tar.text, "");
        assert_null(s->kernel.ucode.text);
        assert_int_equal(s->n_init, 2);
        assert_string_equal(s->init[1].text.text, "i:2");
        assert_string_equal(s->init[1].text.pos.file, x->b);
        assert_int_equal(s->n_volumes, 2);
        uint32_t uid;
        assert_int_equal(spec_resolve_id(s, &s->sections[SECTION_ONBOOT].items[0].s.uid, &uid, &e),
                         0);
        assert_int_equal(uid, 101);
        spec_free(s);
}

static void merge_conflicts(void **state) {
        const Scratch *x = *state;
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        int r = load(x, "services: [{name: a, image: x}]\nvolumes: [{name: v}]",
                     "\nservices: [{name: a, image: x}]\nvolumes: [{name: v}]", &s, &e);
        assert_int_equal(r, -1);
        _cleanup_free_ char *want =
                xasprintf("%s:2:19: duplicate service name: a (the other one is at %s:1)\n"
                          "%s:3:18: duplicate volume name: v (the other one is at %s:2)",
                          x->b, x->a, x->b, x->a);
        assert_string_equal(e.text, want);
}

static void faults_of_two_files(void **state) {
        const Scratch *x = *state;
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(load(x, "\n\nkernl: {}", "outputs: {}", &s, &e), -1);
        _cleanup_free_ char *want =
                xasprintf("%s:3:1: unknown key \"kernl\", did you mean \"kernel\"?\n"
                          "%s:1:1: unknown key \"outputs\"",
                          x->a, x->b);
        assert_string_equal(e.text, want);
}

static void missing_file(void **state) {
        (void)state;
        const char *const files[] = { "/nonexistent/x.yml" };
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(spec_load(files, 1, &s, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        assert_non_null(strstr(e.text, "/nonexistent/x.yml"));
}

/* --- references ----------------------------------------------------------------------------- */

static int package_ref(void *ctx, const char *dir, char **ret, Err *e) {
        Buf *seen = ctx;
        buf_addf(seen, "%s;", dir);
        if (strstr(dir, "broken"))
                return err_set(e, ERR_SPEC, 0, "no build.yml");
        *ret = xasprintf("linuxkit/%s:HASH", path_base(dir));
        return 0;
}

static void templates(void **state) {
        (void)state;
        static const char text[] =
                "kernel: {image: \"@pkg:../kernel\"}\ninit: [\"@pkg:/abs/runc\", redis]\n"
                "volumes: [{name: v, image: \"@pkg:./v\"}]\nfiles: [{path: a, contents: "
                "\"@pkg:x\"}]";
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf seen = { 0 };
        assert_int_equal(spec_parse(text, strlen(text), "examples/f.yml", &s, &e), 0);
        if (spec_resolve(s, package_ref, &seen, &e) < 0)
                fail_msg("%s", e.text);
        assert_string_equal(seen.data, "kernel;/abs/runc;examples/v;");
        assert_string_equal(s->kernel.image.ref, "docker.io/linuxkit/kernel:HASH");
        assert_string_equal(s->kernel.image.package_dir, "kernel");
        assert_string_equal(s->init[1].ref, "docker.io/library/redis");
        assert_null(s->init[1].package_dir);
        assert_string_equal(s->files[0].contents.text, "@pkg:x");
        spec_free(s);
}

static void template_faults(void **state) {
        (void)state;
        static const struct {
                const char *file, *want;
                SpecPackageFn fn;
        } t[] = {
                { "d/f.yml", "d/f.yml:1:8: @pkg:broken: no build.yml", package_ref },
                { "https://x/f.yml",
                  "https://x/f.yml:1:8: \"@pkg:broken\" needs a local build file", package_ref },
                { "f.yml", "f.yml:1:8: \"@pkg:broken\" cannot be used here", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                Spec *s = NULL;
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_buf_ Buf seen = { 0 };
                static const char text[] = "init: [\"@pkg:broken\"]";
                assert_int_equal(spec_parse(text, strlen(text), t[i].file, &s, &e), 0);
                assert_int_equal(spec_resolve(s, t[i].fn, &seen, &e), -1);
                assert_string_equal(e.text, t[i].want);
                spec_free(s);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(valid_files),
                cmocka_unit_test(valid_settings),
                cmocka_unit_test(bad_files),
                cmocka_unit_test(bad_settings),
                cmocka_unit_test(needs_of_services),
                cmocka_unit_test(a_long_chain_of_needs),
                cmocka_unit_test(several_faults_in_order),
                cmocka_unit_test(more_than_twenty),
                cmocka_unit_test_setup_teardown(merge, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(merge_conflicts, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(faults_of_two_files, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test(missing_file),
                cmocka_unit_test(templates),
                cmocka_unit_test(template_faults),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
