/* auth_test.c - challenges, credentials in config files, Basic answers; no network. */
#include "lib/oci/oci_test.h"

#include "lib/oci/auth.h"

static void challenge_forms(void **state) {
        (void)state;
        static const struct {
                const char *text;
                ChallengeScheme scheme;
                const char *realm, *service, *scope;
        } t[] = {
                { "Basic realm=\"r\"\n", CHALLENGE_BASIC, "r", NULL, NULL },
                { "bearer realm=\"https://a/token\",service=\"s\",scope=\"repository:x:pull,push\"",
                  CHALLENGE_BEARER, "https://a/token", "s", "repository:x:pull,push" },
                { "Bearer realm=a, service=\"q\\\"uote\"", CHALLENGE_BEARER, "a", "q\"uote", NULL },
                { "Basic realm=b\nBearer realm=c\n", CHALLENGE_BEARER, "c", NULL, NULL },
                { "Bearer realm=c, Basic realm=b", CHALLENGE_BEARER, "c", NULL, NULL },
                { "Basic realm=b, Bearer realm=c", CHALLENGE_BEARER, "c", NULL, NULL },
                { "Negotiate\nBasic realm=\"b\"", CHALLENGE_BASIC, "b", NULL, NULL },
                { "Digest realm=\"x\", nonce=\"y\"", CHALLENGE_NONE, NULL, NULL, NULL },
                { "Bearer", CHALLENGE_BEARER, NULL, NULL, NULL },
                { "Bearer realm=\"open", CHALLENGE_BEARER, "open", NULL, NULL },
                { "Bearer realm=", CHALLENGE_BEARER, "", NULL, NULL },
                { ",,;;\"\"==(", CHALLENGE_NONE, NULL, NULL, NULL },
                { "", CHALLENGE_NONE, NULL, NULL, NULL },
                { NULL, CHALLENGE_NONE, NULL, NULL, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                Challenge c;
                challenge_parse(t[i].text, &c);
                if (c.scheme != t[i].scheme || !str_eq(c.realm, t[i].realm) ||
                    !str_eq(c.service, t[i].service) || !str_eq(c.scope, t[i].scope))
                        fail_msg("row %zu: %d realm %s service %s scope %s", i, c.scheme, c.realm,
                                 c.service, c.scope);
                challenge_done(&c);
        }
}

static void credentials_in_config(void **state) {
        (void)state;
        static const char *const keys[] = { "h:5000/a/b", "h:5000", NULL };
        static const struct {
                const char *json, *user, *password, *identity, *registry;
        } t[] = {
                { "{\"auths\":{\"h:5000\":{\"auth\":\"dTpwOnE=\"}}}", "u", "p:q", NULL, NULL },
                { "{\"auths\":{\"https://h:5000/v2/\":{\"username\":\"u\",\"password\":\"p\"}}}",
                  "u", "p", NULL, NULL },
                { "{\"auths\":{\"h:5000\":{\"auth\":\"dTpw\"},\"h:5000/a/b\":{\"auth\":\"djp3\"}}}",
                  "v", "w", NULL, NULL },
                { "{\"auths\":{\"h:5000\":{\"identitytoken\":\"t\"}}}", NULL, NULL, "t", NULL },
                { "{\"auths\":{\"h:5000\":{\"registrytoken\":\"t\"}}}", NULL, NULL, NULL, "t" },
                { "{\"auths\":{\"h:5001\":{\"auth\":\"dTpw\"}}}", NULL, NULL, NULL, NULL },
                { "{\"auths\":{\"h\":{\"auth\":\"dTpw\"}}}", NULL, NULL, NULL, NULL },
                { "{\"auths\":{\"h:5000\":{\"auth\":\"%%%%\"}}}", NULL, NULL, NULL, NULL },
                { "{\"auths\":{\"h:5000\":{\"auth\":\"dXU=\"}}}", NULL, NULL, NULL, NULL },
                { "{\"auths\":{\"h:5000\":[]}}", NULL, NULL, NULL, NULL },
                { "{\"auths\":[]}", NULL, NULL, NULL, NULL },
                { "nonsense", NULL, NULL, NULL, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                Credentials c;
                bool found = credentials_parse(t[i].json, keys, &c);
                if (!str_eq(c.user, t[i].user) || !str_eq(c.password, t[i].password) ||
                    !str_eq(c.identity_token, t[i].identity) ||
                    !str_eq(c.registry_token, t[i].registry))
                        fail_msg("row %zu: user %s", i, c.user);
                assert_int_equal(found, t[i].user || t[i].identity || t[i].registry);
                credentials_done(&c);
        }
}

static void answers(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        char user[] = "user", password[] = "pass word", token[] = "abc", evil[] = "a\r\nX: y";
        Credentials cred = { .user = user, .password = password };
        Challenge basic = { .scheme = CHALLENGE_BASIC };
        const AuthScope scope = { .repo = "r", .actions = "pull" };
        char *got = NULL;
        assert_ok(auth_answer(NULL, &basic, &cred, &scope, true, &got, &e), &e);
        assert_string_equal(got, "Basic dXNlcjpwYXNzIHdvcmQ=");
        free(got);

        Credentials none = { 0 };
        assert_ok(auth_answer(NULL, &basic, &none, &scope, true, &got, &e), &e);
        assert_null(got);

        Challenge bearer = { .scheme = CHALLENGE_BEARER };
        Credentials configured = { .registry_token = token };
        assert_ok(auth_answer(NULL, &bearer, &configured, &scope, true, &got, &e), &e);
        assert_string_equal(got, "Bearer abc");
        free(got);

        /* a token that would add a header is not sent; here no token server is left to ask */
        configured.registry_token = evil;
        assert_int_equal(auth_answer(NULL, &bearer, &configured, &scope, true, &got, &e), -1);
        assert_null(got);

        /* a registry under TLS cannot send our password to a server in the open */
        char realm[] = "http://token.example/";
        bearer.realm = realm;
        assert_int_equal(auth_answer(NULL, &bearer, &cred, &scope, true, &got, &e), -1);
        assert_int_equal(e.kind, ERR_NETWORK);
        assert_null(strstr(e.text, password));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(challenge_forms),
                cmocka_unit_test(credentials_in_config),
                cmocka_unit_test(answers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
