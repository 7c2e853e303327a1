/* credentials_test.c - the places where credentials are looked for, in their order, with a helper
 * program that notes what it was asked. */
#include "lib/oci/oci_test.h"

#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/oci/auth.h"

static char home[] = "/tmp/credentials_test.XXXXXX";

static const char helper[] =
        "#!/bin/sh\n"
        "[ \"$1\" = get ] || exit 9\n"
        "read -r key || [ -n \"$key\" ] || exit 8\n"
        "echo \"$key\" >>\"$0.log\"\n"
        "case $key in\n"
        "host:5000) echo '{\"ServerURL\":\"x\",\"Username\":\"huser\",\"Secret\":\"hsecret\"}' ;;\n"
        "token:5000) echo '{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"idt\"}' ;;\n"
        "broken:5000) echo 'secret password {' ;;\n"
        "dead:5000) echo 'no keyring'; exit 3 ;;\n"
        "*) echo 'credentials not found in native keychain'; exit 1 ;;\n"
        "esac\n";

static void put(const char *name, const char *text, uint32_t mode) {
        _cleanup_free_ char *path = path_join(home, name), *dir = path_dir(path);
        _cleanup_err_ Err e = ERR_INIT;
        assert_ok(dir_make(dir, &e), &e);
        assert_ok(file_write(path, text, strlen(text), mode, &e), &e);
}

static char *asked(void) {
        _cleanup_free_ char *path = path_join(home, "bin/docker-credential-fake.log");
        char *text = NULL;
        size_t n;
        if (file_read(path, 10000, &text, &n, NULL) < 0)
                return xstrdup("");
        unlink(path);
        return text;
}

static int setup(void **state) {
        (void)state;
        strcpy(home + strlen(home) - 6, "XXXXXX");
        if (!mkdtemp(home))
                return -1;
        _cleanup_free_ char *bin = path_join(home, "bin"), *run = path_join(home, "run");
        _cleanup_free_ char *path = xasprintf("%s:/usr/bin:/bin", bin);
        setenv("HOME", home, 1);
        setenv("PATH", path, 1);
        setenv("XDG_RUNTIME_DIR", run, 1);
        unsetenv("DOCKER_CONFIG");
        unsetenv("DOCKER_AUTH_CONFIG");
        unsetenv("REGISTRY_AUTH_FILE");
        put("bin/docker-credential-fake", helper, 0755);
        log_setup(LOG_QUIET, false);
        return 0;
}

static int teardown(void **state) {
        (void)state;
        return nftw(home, oci_test_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* want: "user password identity registry", each "-" when it is not there */
static void expect(const char *host, const char *repo, const char *want) {
        Credentials c;
        _cleanup_err_ Err e = ERR_INIT;
        const char *key = str_eq(host, "index.docker.io") ? "https://index.docker.io/v1/" : host;
        assert_ok(credentials_find(host, repo, key, &c, &e), &e);
        const char *parts[] = { c.user, c.password, c.identity_token, c.registry_token };
        _cleanup_buf_ Buf got = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
                buf_addf(&got, "%s%s", i ? " " : "", parts[i] ? parts[i] : "-");
        credentials_done(&c);
        assert_string_equal(got.data, want);
}

static void helpers(void **state) {
        (void)state;
        put(".docker/config.json", "{\"credsStore\":\"fake\"}", 0600);
        expect("host:5000", "a/b", "huser hsecret - -");
        _cleanup_free_ char *store = asked();
        assert_string_equal(store, "host:5000/a/b\nhost:5000\n");
        expect("token:5000", "a", "- - idt -");
        expect("nobody:5000", "a", "- - - -");
        expect("broken:5000", "a", "- - - -");
        expect("dead:5000", "a", "- - - -");
        free(asked());

        /* one for a registry alone is asked for the registry; others have what the file says */
        put(".docker/config.json",
            "{\"credHelpers\":{\"host:5000\":\"fake\"},\"auths\":{\"other\":{\"auth\":"
            "\"dTpw\"},\"dead:5000\":{\"username\":\"u\",\"password\":\"p\"}}}",
            0600);
        expect("host:5000", "a/b", "huser hsecret - -");
        _cleanup_free_ char *single = asked();
        assert_string_equal(single, "host:5000\n");
        expect("other", "a/b", "u p - -");
        expect("dead:5000", "a", "u p - -");
        _cleanup_free_ char *none = asked();
        assert_string_equal(none, "");

        /* a helper that fails or does not exist leaves what the file says */
        put(".docker/config.json",
            "{\"credHelpers\":{\"dead:5000\":\"fake\",\"gone\":\"nosuch\",\"evil\":\"../../x\"},"
            "\"auths\":{\"dead:5000\":{\"auth\":\"dTpw\"},\"gone\":{\"auth\":\"dTpx\"},"
            "\"evil\":{\"auth\":\"dTpy\"}}}",
            0600);
        expect("dead:5000", "a", "u p - -");
        expect("gone", "a", "u q - -");
        expect("evil", "a", "u r - -");
}

static void places(void **state) {
        (void)state;
        _cleanup_free_ char *docker = path_join(home, "docker");
        _cleanup_free_ char *named = path_join(home, "named.json");
        expect("h", "a", "- - - -");
        put("run/containers/auth.json", "{\"auths\":{\"h\":{\"auth\":\"cnVuOnA=\"}}}", 0600);
        expect("h", "a", "run p - -");
        put("named.json", "{\"auths\":{\"h\":{\"auth\":\"bmFtZWQ6cA==\"}}}", 0600);
        setenv("REGISTRY_AUTH_FILE", named, 1);
        expect("h", "a", "named p - -");
        put(".docker/config.json", "{\"auths\":{\"h\":{\"auth\":\"aG9tZTpw\"}}}", 0600);
        expect("h", "a", "home p - -");
        put("docker/config.json", "{\"auths\":{\"h\":{\"identitytoken\":\"it\"}}}", 0600);
        setenv("DOCKER_CONFIG", docker, 1);
        expect("h", "a", "- - it -");
        setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"h\":{\"registrytoken\":\"rt\"}}}", 1);
        expect("h", "a", "- - - rt");
        expect("other", "a", "- - - -");
        unsetenv("DOCKER_AUTH_CONFIG");

        /* a broken file is said to be broken, without its secrets */
        put("docker/config.json", "{\"auths\":{\"h\":{\"auth\":\"c2VjcmV0\"", 0600);
        Credentials c;
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(credentials_find("h", "a", "h", &c, &e), -1);
        assert_non_null(strstr(e.text, "config.json is not valid JSON"));
        assert_null(strstr(e.text, "c2VjcmV0"));
}

static void keys(void **state) {
        (void)state;
        put(".docker/config.json",
            "{\"auths\":{\"h\":{\"auth\":\"aG9zdDpw\"},\"h/team\":{\"auth\":\"dGVhbTpw\"},"
            "\"h/team/img\":{\"auth\":\"aW1nOnA=\"},"
            "\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnA=\"}}}",
            0600);
        expect("h", "other/img", "host p - -");
        expect("h", "team/img", "img p - -");
        expect("h", "team/other", "team p - -"); /* as podman stores a namespace */
        expect("h", "team", "team p - -");
        expect("h", "teams/x", "host p - -");
        expect("index.docker.io", "library/x", "hub p - -");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(helpers, setup, teardown),
                cmocka_unit_test_setup_teardown(places, setup, teardown),
                cmocka_unit_test_setup_teardown(keys, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
