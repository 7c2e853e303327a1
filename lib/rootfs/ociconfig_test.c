/* ociconfig_test.c - the bytes of config.json, precedence and error rows (yaml.md 10.3, 11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/rootfs/ociconfig.h"

#include "lib/base/mem.h"

static bool strict; /* what make() asks for */

/* config.json of the last service of a build file with these keys, for an image with this label. */
static int make(const char *keys, const char *label_text, const ImageConfig *image, Buf *out,
                Err *e) {
        static const ImageConfig no_config;
        _cleanup_free_ char *yaml = xasprintf("onboot:\n"
                                              "  - name: prep\n"
                                              "    image: acme/app:1\n"
                                              "services:\n"
                                              "  - name: web\n"
                                              "    image: acme/app:1\n"
                                              "%s",
                                              keys);
        Spec *spec = NULL;
        if (spec_parse(yaml, strlen(yaml), "x.yml", &spec, e) < 0)
                return -1;
        Settings label, merged;
        const ImageEntry *entry = &spec->sections[SECTION_SERVICES].items[0];
        int r = label_text ? spec_parse_label(spec->arena, label_text, "acme/app:1", &label, e) : 0;
        if (r >= 0) {
                spec_merge_settings(&entry->s, label_text ? &label : NULL, spec->arena, &merged);
                OciConfigInput in = { spec, &merged, image ? image : &no_config,
                                      "services[0] \"web\"", strict };
                r = ociconfig_write(&in, out, e);
        }
        spec_free(spec);
        return r;
}

static void check_whole(const char *keys, const char *label, const ImageConfig *image,
                        const char *want) {
        _cleanup_buf_ Buf got = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        if (make(keys, label, image, &got, &e) < 0)
                fail_msg("%s", e.text);
        assert_string_equal(got.data, want);
}

/* The text without blanks and line ends, which none of the checked values holds. */
static void squeeze(Buf *b) {
        size_t n = 0;
        for (size_t i = 0; i < b->len; i++)
                if (b->data[i] != ' ' && b->data[i] != '\n')
                        b->data[n++] = b->data[i];
        b->len = n;
        b->data[n] = '\0';
}

static void check_part(const char *keys, const char *label, const ImageConfig *image,
                       const char *want, bool present) {
        _cleanup_buf_ Buf got = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        if (make(keys, label, image, &got, &e) < 0)
                fail_msg("%s", e.text);
        squeeze(&got);
        if (!!strstr(got.data, want) != present)
                fail_msg("for\n%s(label %s)\n%s %s in\n%s", keys, label ? label : "none", want,
                         present ? "is not" : "is", got.data);
}

static void check_error(const char *keys, const char *want) {
        _cleanup_buf_ Buf got = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        if (make(keys, NULL, NULL, &got, &e) >= 0)
                fail_msg("no error for\n%s", keys);
        if (!strstr(e.text, want))
                fail_msg("\"%s\" does not hold \"%s\"", e.text, want);
        assert_int_equal(e.kind, ERR_SPEC);
}

#define USER_0    "        \"user\": {\n            \"uid\": 0,\n            \"gid\": 0\n        },\n"
#define OPTION(x) "                \"" x "\""
#define MOUNTS                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            \
        "    \"mounts\": [\n"                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             \
        "        {\n"                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     \
        "            \"destination\": \"/dev\",\n"                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        \
        "            \"type\": \"tmpfs\",\n"                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              \
        "            \"source\": \"tmpfs\",\n"                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            \
        "            \"options\": [\n" OPTION("nosuid") ",\n" OPTION("strictatime") ",\n" OPTION("mode=755") ",\n" OPTION("size=65536k") "\n"                                                                                                                                                                                                                                                                                                                                                                                                                             \
                                                                                                                                         "            ]\n"                                                                                                                                                                                                                                                                                                                                                                                                                \
                                                                                                                                         "        },\n"                                                                                                                                                                                                                                                                                                                                                                                                                   \
                                                                                                                                         "        {\n"                                                                                                                                                                                                                                                                                                                                                                                                                    \
                                                                                                                                         "            \"destination\": "                                                                                                                                                                                                                                                                                                                                                                                                  \
                                                                                                                                         "\"/dev/pts\",\n"                                                                                                                                                                                                                                                                                                                                                                                                                \
                                                                                                                                         "            \"type\": \"devpts\",\n"                                                                                                                                                                                                                                                                                                                                                                                            \
                                                                                                                                         "            \"source\": \"devpts\",\n"                                                                                                                                                                                                                                                                                                                                                                                          \
                                                                                                                                         "            \"options\": [\n" OPTION("no"                                                                                                                                                                                                                                                                                                                                                                                       \
                                                                                                                                                                               "su"                                                                                                                                                                                                                                                                                                                                                                                       \
                                                                                                                                                                               "i"                                                                                                                                                                                                                                                                                                                                                                                        \
                                                                                                                                                                               "d") ",\n" OPTION("noex"                                                                                                                                                                                                                                                                                                                                                                   \
                                                                                                                                                                                                 "ec") ","                                                                                                                                                                                                                                                                                                                                                                \
                                                                                                                                                                                                       "\n" OPTION("newinstance") ",\n" OPTION("ptmxmode=0666") ",\n" OPTION("mode=0620") "\n"                                                                                                                                                                                                                                                                            \
                                                                                                                                                                                                                                                                                          "            "                                                                                                                                                                                                                                                                  \
                                                                                                                                                                                                                                                                                          "]\n"                                                                                                                                                                                                                                                                           \
                                                                                                                                                                                                                                                                                          "        },\n"                                                                                                                                                                                                                                                                  \
                                                                                                                                                                                                                                                                                          "        {\n"                                                                                                                                                                                                                                                                   \
                                                                                                                                                                                                                                                                                          "            "                                                                                                                                                                                                                                                                  \
                                                                                                                                                                                                                                                                                          "\"destination"                                                                                                                                                                                                                                                                 \
                                                                                                                                                                                                                                                                                          "\": "                                                                                                                                                                                                                                                                          \
                                                                                                                                                                                                                                                                                          "\"/proc\",\n"                                                                                                                                                                                                                                                                  \
                                                                                                                                                                                                                                                                                          "            "                                                                                                                                                                                                                                                                  \
                                                                                                                                                                                                                                                                                          "\"type\": "                                                                                                                                                                                                                                                                    \
                                                                                                                                                                                                                                                                                          "\"proc\",\n"                                                                                                                                                                                                                                                                   \
                                                                                                                                                                                                                                                                                          "            "                                                                                                                                                                                                                                                                  \
                                                                                                                                                                                                                                                                                          "\"source\": "                                                                                                                                                                                                                                                                  \
                                                                                                                                                                                                                                                                                          "\"proc\",\n"                                                                                                                                                                                                                                                                   \
                                                                                                                                                                                                                                                                                          "            "                                                                                                                                                                                                                                                                  \
                                                                                                                                                                                                                                                                                          "\"options\": "                                                                                                                                                                                                                                                                 \
                                                                                                                                                                                                                                                                                          "[\n" OPTION(                                                                                                                                                                                                                                                                   \
                                                                                                                                                                                                                                                                                                  "n"                                                                                                                                                                                                                                                                     \
                                                                                                                                                                                                                                                                                                  "o"                                                                                                                                                                                                                                                                     \
                                                                                                                                                                                                                                                                                                  "s"                                                                                                                                                                                                                                                                     \
                                                                                                                                                                                                                                                                                                  "u"                                                                                                                                                                                                                                                                     \
                                                                                                                                                                                                                                                                                                  "i"                                                                                                                                                                                                                                                                     \
                                                                                                                                                                                                                                                                                                  "d") ",\n" OPTION("nodev") ",\n" OPTION("noexec") ",\n" OPTION("relati"                                                                                                                                                                                                 \
                                                                                                                                                                                                                                                                                                                                                                 "me") "\n"                                                                                                                                                                                               \
                                                                                                                                                                                                                                                                                                                                                                       "            ]\n"                                                                                                                                                                                  \
                                                                                                                                                                                                                                                                                                                                                                       "        },\n"                                                                                                                                                                                     \
                                                                                                                                                                                                                                                                                                                                                                       "        {\n"                                                                                                                                                                                      \
                                                                                                                                                                                                                                                                                                                                                                       "            \"destination\": \"/sys\",\n"                                                                                                                                                         \
                                                                                                                                                                                                                                                                                                                                                                       "            \"type\": \"sysfs\",\n"                                                                                                                                                               \
                                                                                                                                                                                                                                                                                                                                                                       "            \"source\": \"sysfs\",\n"                                                                                                                                                             \
                                                                                                                                                                                                                                                                                                                                                                       "            \"options\": [\n" OPTION("nosuid") ",\n" OPTION("noexec") ",\n" OPTION("nodev") "\n"                                                                                                  \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "            ]\n"                                                                                     \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "        },\n"                                                                                        \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "        {\n"                                                                                         \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "            \"destination\": \"/sys/fs/cgroup\",\n"                                                  \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "            \"type\": \"cgroup\",\n"                                                                 \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "            \"source\": \"cgroup\",\n"                                                               \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "            \"options\": [\n" OPTION("nosuid") ",\n" OPTION(                                         \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "noexec") ",\n" OPTION("nodev") ",\n" OPTION("relatime") ",\n" OPTION("ro") "\n"              \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "            ]\n" \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "        }\n"     \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "    ],\n"

static void test_smallest(void **state) {
        (void)state;
        check_whole("", NULL, NULL,
                    "{\n"
                    "    \"ociVersion\": \"1.2.1\",\n"
                    "    \"process\": {\n" USER_0 "        \"cwd\": \"/\",\n"
                    "        \"capabilities\": {}\n"
                    "    },\n"
                    "    \"root\": {\n"
                    "        \"path\": \"rootfs\"\n"
                    "    },\n" MOUNTS "    \"linux\": {\n"
                    "        \"resources\": {},\n"
                    "        \"namespaces\": [\n"
                    "            {\n"
                    "                \"type\": \"pid\"\n"
                    "            },\n"
                    "            {\n"
                    "                \"type\": \"mount\"\n"
                    "            }\n"
                    "        ]\n"
                    "    }\n"
                    "}");
}

static void test_order_of_members(void **state) {
        (void)state;
        check_whole("    capabilities: [CAP_NET_ADMIN]\n"
                    "    ambient: [CAP_CHOWN]\n"
                    "    command: [\"/bin/p\", \"<&>\"]\n"
                    "    env: [A=b]\n"
                    "    cwd: /w\n"
                    "    uid: web\n"
                    "    gid: 76\n"
                    "    additionalGids: [prep, root]\n"
                    "    noNewPrivileges: true\n"
                    "    oomScoreAdj: 0\n"
                    "    rlimits: [\" nofile , 5,unlimited\"]\n"
                    "    hostname: h\n"
                    "    annotations: {b: \"2\", a: \"1\"}\n"
                    "    sysctl: {net.b: \"1\", net.a: \"0\"}\n"
                    "    cgroupsPath: /c\n"
                    "    rootfsPropagation: shared\n"
                    "    maskedPaths: [/m]\n"
                    "    readonlyPaths: [/r]\n",
                    NULL, NULL,
                    "{\n"
                    "    \"ociVersion\": \"1.2.1\",\n"
                    "    \"process\": {\n"
                    "        \"user\": {\n"
                    "            \"uid\": 101,\n"
                    "            \"gid\": 76,\n"
                    "            \"additionalGids\": [\n"
                    "                100,\n"
                    "                0\n"
                    "            ]\n"
                    "        },\n"
                    "        \"args\": [\n"
                    "            \"/bin/p\",\n"
                    "            \"\\u003c\\u0026\\u003e\"\n"
                    "        ],\n"
                    "        \"env\": [\n"
                    "            \"A=b\"\n"
                    "        ],\n"
                    "        \"cwd\": \"/w\",\n"
                    "        \"capabilities\": {\n"
                    "            \"bounding\": [\n"
                    "                \"CAP_CHOWN\",\n"
                    "                \"CAP_NET_ADMIN\"\n"
                    "            ],\n"
                    "            \"effective\": [\n"
                    "                \"CAP_NET_ADMIN\"\n"
                    "            ],\n"
                    "            \"inheritable\": [\n"
                    "                \"CAP_CHOWN\",\n"
                    "                \"CAP_NET_ADMIN\"\n"
                    "            ],\n"
                    "            \"permitted\": [\n"
                    "                \"CAP_CHOWN\",\n"
                    "                \"CAP_NET_ADMIN\"\n"
                    "            ],\n"
                    "            \"ambient\": [\n"
                    "                \"CAP_CHOWN\"\n"
                    "            ]\n"
                    "        },\n"
                    "        \"rlimits\": [\n"
                    "            {\n"
                    "                \"type\": \"RLIMIT_NOFILE\",\n"
                    "                \"hard\": 18446744073709551615,\n"
                    "                \"soft\": 5\n"
                    "            }\n"
                    "        ],\n"
                    "        \"noNewPrivileges\": true,\n"
                    "        \"oomScoreAdj\": 0\n"
                    "    },\n"
                    "    \"root\": {\n"
                    "        \"path\": \"rootfs\"\n"
                    "    },\n"
                    "    \"hostname\": \"h\",\n" MOUNTS "    \"annotations\": {\n"
                    "        \"a\": \"1\",\n"
                    "        \"b\": \"2\"\n"
                    "    },\n"
                    "    \"linux\": {\n"
                    "        \"sysctl\": {\n"
                    "            \"net.a\": \"0\",\n"
                    "            \"net.b\": \"1\"\n"
                    "        },\n"
                    "        \"resources\": {},\n"
                    "        \"cgroupsPath\": \"/c\",\n"
                    "        \"namespaces\": [\n"
                    "            {\n"
                    "                \"type\": \"pid\"\n"
                    "            },\n"
                    "            {\n"
                    "                \"type\": \"mount\"\n"
                    "            }\n"
                    "        ],\n"
                    "        \"rootfsPropagation\": \"shared\",\n"
                    "        \"maskedPaths\": [\n"
                    "            \"/m\"\n"
                    "        ],\n"
                    "        \"readonlyPaths\": [\n"
                    "            \"/r\"\n"
                    "        ]\n"
                    "    }\n"
                    "}");
}

typedef struct Case {
        const char *keys, *label, *want;
        bool absent;
} Case;

static void check_cases(const Case *cases, size_t n, const ImageConfig *image) {
        for (size_t i = 0; i < n; i++)
                check_part(cases[i].keys, cases[i].label, image, cases[i].want, !cases[i].absent);
}

static void test_precedence(void **state) {
        (void)state;
        char *entrypoint[] = { "/e", NULL }, *cmd[] = { "c", NULL }, *env[] = { "I=1", NULL };
        const ImageConfig image = {
                .entrypoint = entrypoint, .cmd = cmd, .env = env, .working_dir = "/iw"
        };
        static const Case cases[] = {
                { "", NULL, "\"args\":[\"/e\",\"c\"],\"env\":[\"I=1\"],\"cwd\":\"/iw\"", false },
                { "", "command: [l]\nenv: [L=1]\ncwd: /l",
                  "\"args\":[\"l\"],\"env\":[\"L=1\"],"
                  "\"cwd\":\"/l\"",
                  false },
                { "    command: [f]\n    env: []\n    cwd: \"\"\n", "command: [l]\nenv: [L=1]",
                  "\"args\":[\"f\"],\"cwd\":\"/iw\"", false },
                { "    command: []\n", "command: [l]", "\"args\"", true },
                { "    capabilities: []\n", "capabilities: [CAP_CHOWN]", "\"capabilities\":{}",
                  false },
                { "    capabilities: [CAP_SYS_ADMIN]\n", "capabilities: [CAP_SYS_CHROOT]",
                  "\"bounding\":[\"CAP_SYS_ADMIN\"]", false },
                { "    capabilities.add: [CAP_CHOWN]\n", "capabilities: [CAP_KILL, CAP_CHOWN]",
                  "\"effective\":[\"CAP_KILL\",\"CAP_CHOWN\",\"CAP_CHOWN\"]", false },
                { "    binds.add: [\"/f:/f\"]\n", "binds: [\"/l:/l\"]", "\"destination\":\"/f\"",
                  false },
                { "    binds.add: [\"/f:/f\"]\n", "binds: [\"/l:/l\"]", "\"destination\":\"/l\"",
                  false },
                { "    binds: [\"/f:/f\"]\n", "binds: [\"/l:/l\"]", "\"destination\":\"/l\"",
                  true },
                { "    readonly: false\n", "readonly: true", "\"readonly\"", true },
                { "", "readonly: true", "\"root\":{\"path\":\"rootfs\",\"readonly\":true}", false },
                { "    hostname: \"\"\n", "hostname: lh", "\"hostname\":\"lh\"", false },
                { "", "uid: web", "\"uid\":101", false },
        };
        check_cases(cases, ARRAY_LEN(cases), &image);
}

static void test_mounts(void **state) {
        (void)state;
        static const Case cases[] = {
                { "    readonly: true\n", NULL, "\"size=65536k\",\"ro\"]", false },
                { "    readonly: true\n", NULL,
                  "\"noexec\",\"nodev\",\"ro\"]},{\"destination\":"
                  "\"/sys/fs/cgroup\"",
                  false },
                { "    tmpfs: [\"/t\"]\n", NULL,
                  "{\"destination\":\"/t\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}", false },
                { "    tmpfs: [\"/t:a,b\"]\n", NULL,
                  "\"source\":\"tmpfs\",\"options\":[\"a\",\"b\"]", false },
                { "    tmpfs: [\"/t:\"]\n", NULL, "\"options\":[\"\"]", false },
                { "    binds: [\"/s:/d\"]\n", NULL,
                  "{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/s\",\"options\":["
                  "\"rw\",\"rbind\",\"rshared\"]}",
                  false },
                { "    binds: [\"/s:/d:ro,rbind\"]\n", NULL,
                  "\"options\":[\"ro\",\"rbind\",\"rbind\"]", false },
                { "    mounts:\n      - source: mqueue\n", NULL,
                  "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\"}",
                  false },
                { "    mounts:\n      - destination: /dev\n", NULL,
                  "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"
                  "{\"destination\":\"/dev/pts\"",
                  false },
                { "    mounts:\n      - type: cgroup\n        source: x\n", NULL,
                  "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"x\"}",
                  false },
                { "    mounts:\n      - destination: /dev/\n        type: tmpfs\n", NULL,
                  "{\"destination\":\"/dev/\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"
                  "{\"destination\":\"/dev/pts\"",
                  false },
                /* binds beat tmpfs, mounts beat binds, the last of two wins */
                { "    tmpfs: [/x]\n    binds: [\"/1:/x\", \"/2:/x\"]\n", NULL, "\"source\":\"/2\"",
                  false },
                { "    tmpfs: [/x]\n    binds: [\"/1:/x\", \"/2:/x\"]\n", NULL, "\"source\":\"/1\"",
                  true },
                { "    binds: [\"/1:/x\"]\n    mounts:\n      - {destination: /x, type: bind, "
                  "source: /3}\n",
                  NULL, "\"source\":\"/1\"", true },
        };
        check_cases(cases, ARRAY_LEN(cases), NULL);
}

static void test_capabilities(void **state) {
        (void)state;
        static const Case cases[] = {
                { "    capabilities: [None]\n", NULL, "\"capabilities\":{}", false },
                { "    capabilities: [all]\n", NULL, "\"effective\":[\"CAP_CHOWN\",", false },
                { "    capabilities: [ALL]\n", NULL,
                  "\"CAP_BPF\",\"CAP_CHECKPOINT_RESTORE\"],\"inheritable\":[\"CAP_AUDIT_CONTROL\"",
                  false },
                { "    ambient: [all]\n", NULL, "\"ambient\":[\"CAP_CHOWN\"", false },
        };
        check_cases(cases, ARRAY_LEN(cases), NULL);
}

static void test_namespaces(void **state) {
        (void)state;
        static const Case cases[] = {
                { "    net: new\n    pid: host\n", NULL,
                  "\"namespaces\":[{\"type\":\"network\"},{\"type\":\"mount\"}]", false },
                { "    net: none\n    ipc: none\n", NULL,
                  "[{\"type\":\"network\"},{\"type\":\"ipc\",\"path\":\"none\"},{\"type\":\"pid\"}",
                  false },
                { "    net: /run/netns/a\n    uts: new\n    userns: new\n    pid: root\n", NULL,
                  "[{\"type\":\"network\",\"path\":\"/run/netns/a\"},{\"type\":\"uts\"},"
                  "{\"type\":\"user\"},{\"type\":\"mount\"}]",
                  false },
                { "    ipc: host\n    uts: root\n", NULL,
                  "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}]", false },
                { "    net: \"\"\n", "net: new", "[{\"type\":\"network\"}", false },
        };
        check_cases(cases, ARRAY_LEN(cases), NULL);
}

static int set_strict(void **state) {
        (void)state;
        strict = true;
        return 0;
}

static int clear_strict(void **state) {
        (void)state;
        strict = false;
        return 0;
}

#define MASKED                                                                                   \
        "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\"," \
        "\"/proc/keys\",\"/proc/latency_stats\",\"/proc/sched_debug\",\"/proc/scsi\","           \
        "\"/proc/timer_list\",\"/proc/timer_stats\",\"/sys/devices/virtual/powercap\","          \
        "\"/sys/firmware\"]"
#define READONLY                                                                     \
        "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\"," \
        "\"/proc/sysrq-trigger\"]"

static void test_strict(void **state) {
        (void)state;
        static const Case cases[] = {
                { "", NULL,
                  "\"namespaces\":[{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"pid\"},"
                  "{\"type\":\"cgroup\"},{\"type\":\"mount\"}]," MASKED "," READONLY "}}",
                  false },
                { "", NULL, "\"noNewPrivileges\":true", false },
                /* what build file or label set stays, if it is empty or false too */
                { "    maskedPaths: []\n", NULL, "maskedPaths", true },
                { "    maskedPaths: []\n", NULL, READONLY, false },
                { "    readonlyPaths: [/r]\n", NULL, MASKED ",\"readonlyPaths\":[\"/r\"]", false },
                { "", "maskedPaths: [/l]\nreadonlyPaths: []", "\"maskedPaths\":[\"/l\"]}}", false },
                { "    maskedPaths: []\n", "maskedPaths: [/l]", "maskedPaths", true },
                { "    noNewPrivileges: false\n", NULL, "noNewPrivileges", true },
                { "", "noNewPrivileges: false", "noNewPrivileges", true },
                { "    ipc: host\n", "uts: root", "[{\"type\":\"pid\"},{\"type\":\"cgroup\"}",
                  false },
                { "    uts: /run/u\n", NULL, "{\"type\":\"uts\",\"path\":\"/run/u\"}", false },
                /* an empty text is as good as none */
                { "    ipc: \"\"\n    uts: host\n", NULL, "[{\"type\":\"ipc\"},{\"type\":\"pid\"}",
                  false },
        };
        check_cases(cases, ARRAY_LEN(cases), NULL);
}

static void test_not_strict(void **state) {
        (void)state;
        static const Case cases[] = {
                { "", NULL, "maskedPaths", true },
                { "", NULL, "readonlyPaths", true },
                { "", NULL, "noNewPrivileges", true },
                { "", NULL, "\"cgroup\"}", true },
                { "", NULL, "[{\"type\":\"pid\"},{\"type\":\"mount\"}]", false },
        };
        check_cases(cases, ARRAY_LEN(cases), NULL);
}

static void test_devices_and_resources(void **state) {
        (void)state;
        static const char device[] =
                "    devices:\n"
                "      - {path: /dev/x, type: c, major: 1, minor: 0, mode: \"0666\"}\n"
                "      - {path: all, type: b, major: 7}\n";
        static const Case cases[] = {
                { device, NULL,
                  "\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":1,"
                  "\"minor\":0,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"b\",\"access\":"
                  "\"rwm\"}]}",
                  false },
                { device, NULL,
                  "\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":0,"
                  "\"fileMode\":438}]",
                  false },
                { "    resources:\n      devices:\n        - {allow: false, access: r}\n", NULL,
                  "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"r\"}]}", false },
                { "    resources: {memory: {limit: 0, kernelTCP: 5}, cpu: {shares: 2, cpus: \"0\"},"
                  " pids: {}, blockio: {weight: 10, weightDevice: [{major: 8, minor: 0, weight: "
                  "3}]}, network: {classID: 1, priorities: [{name: eth0, priority: 0}]}}\n",
                  NULL,
                  "\"resources\":{\"memory\":{\"limit\":0,\"kernelTCP\":5},\"cpu\":{\"shares\":2,"
                  "\"cpus\":\"0\"},\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":10,"
                  "\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":3}]},\"network\":{"
                  "\"classID\":1,\"priorities\":[{\"name\":\"eth0\",\"priority\":0}]}}",
                  false },
                { "    uidMappings: [{hostID: 5, containerID: 0, size: 9}]\n", NULL,
                  "\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":5,\"size\":9}]",
                  false },
        };
        check_cases(cases, ARRAY_LEN(cases), NULL);
}

static void test_escapes(void **state) {
        (void)state;
        check_part("    command: [\"a\\\"b\\\\c\\n\\t\\x01\\L\"]\n", NULL, NULL,
                   "\"args\":[\"a\\\"b\\\\c\\n\\t\\u0001\\u2028\"]", true);
}

static void test_errors(void **state) {
        (void)state;
        check_error("    capabilities: [KILL]\n", "x.yml:7:20: ");
        check_error("    capabilities: [KILL]\n", "unknown capability: KILL");
        check_error("    capabilities: [all, CAP_CHOWN]\n", "unknown capability: all");
        check_error("    binds: [\"/a\"]\n", "cannot parse bind, missing ':': /a");
        check_error("    binds: [\"/a:/b:c:d\"]\n", "cannot parse bind, too many ':': /a:/b:c:d");
        check_error("    tmpfs: [\"/a:b:c\"]\n", "cannot parse tmpfs, too many ':': /a:b:c");
        check_error("    rlimits: [\"nofile,1\"]\n", "cannot parse rlimit: nofile,1");
        check_error("    rlimits: [\"files,1,2\"]\n", "unknown limit: files");
        check_error("    rlimits: [\"nofile,1,-2\"]\n", "cannot parse -2 as uint64");
        check_error("    devices: [{path: /dev/x}]\n", "octal");
        check_error("    devices: [{path: /dev/x, mode: \"0o6\"}]\n", "octal");
        check_error("    mounts: [{destination: /x}]\n", "is missing type");
        check_error("    mounts: [{type: x}]\n", "is missing destination");
        check_error("    uid: nobody\n", "cannot find id: nobody");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_smallest),
                cmocka_unit_test(test_order_of_members),
                cmocka_unit_test(test_precedence),
                cmocka_unit_test(test_mounts),
                cmocka_unit_test(test_capabilities),
                cmocka_unit_test(test_namespaces),
                cmocka_unit_test_setup_teardown(test_strict, set_strict, clear_strict),
                cmocka_unit_test(test_not_strict),
                cmocka_unit_test(test_devices_and_resources),
                cmocka_unit_test(test_escapes),
                cmocka_unit_test(test_errors),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
