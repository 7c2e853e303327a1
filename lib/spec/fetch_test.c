/* fetch_test.c - build files over HTTP, from a server of our own on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/spec/fetch.h"
#include "lib/spec/spec.h"

typedef struct Server {
        int fd;
        const char *reply;
        char url[64];
        pthread_t thread;
} Server;

/* Answers one request. */
static void *serve(void *arg) {
        Server *s = arg;
        _cleanup_fd_ int client = accept(s->fd, NULL, NULL);
        char request[4096];
        if (client >= 0 && read(client, request, sizeof request) > 0)
                (void)!write(client, s->reply, strlen(s->reply));
        return NULL;
}

static void server_start(Server *s, const char *reply) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof a;
        s->reply = reply;
        s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(s->fd >= 0);
        assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(listen(s->fd, 1), 0);
        assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
        snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/f.yml", ntohs(a.sin_port));
        assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(Server *s) {
        pthread_join(s->thread, NULL);
        close(s->fd);
}

static void good_answer(void **state) {
        (void)state;
        Server server;
        server_start(&server, "HTTP/1.0 200 OK\r\n\r\ninit: [redis]\n");
        const char *const files[] = { server.url };
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        int r = spec_load(files, 1, &s, &e);
        server_stop(&server);
        if (r < 0)
                fail_msg("%s", e.text);
        assert_int_equal(s->n_init, 1);
        assert_string_equal(s->init[0].text.pos.file, server.url);
        spec_free(s);
}

static void other_status(void **state) {
        (void)state;
        static const char *const replies[] = {
                "HTTP/1.0 404 Not Found\r\n\r\n{}",
                "HTTP/1.0 204 No Content\r\n\r\n",
                "HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
        };
        static const char *const want[] = { "HTTP status 404", "HTTP status 204", "file" };
        for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
                Server server;
                server_start(&server, replies[i]);
                char *text = NULL;
                size_t len;
                _cleanup_err_ Err e = ERR_INIT;
                int r = source_read(server.url, 1000, &text, &len, &e);
                server_stop(&server);
                assert_int_equal(r, -1);
                assert_int_equal(e.kind, ERR_NETWORK);
                assert_true(str_has_prefix(e.text, server.url));
                if (!strstr(e.text, want[i]))
                        fail_msg("%s", e.text);
        }
}

static void too_large(void **state) {
        (void)state;
        Server server;
        server_start(&server, "HTTP/1.0 200 OK\r\n\r\n0123456789");
        char *text = NULL;
        size_t len;
        _cleanup_err_ Err e = ERR_INIT;
        int r = source_read(server.url, 9, &text, &len, &e);
        server_stop(&server);
        assert_int_equal(r, -1);
        assert_non_null(strstr(e.text, "larger than"));
}

static void nobody_there(void **state) {
        (void)state;
        char *text = NULL;
        size_t len;
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(source_read("http://127.0.0.1:1/f.yml", 9, &text, &len, &e), -1);
        assert_int_equal(e.kind, ERR_NETWORK);
}

static void standard_input(void **state) {
        (void)state;
        int pipe_fd[2], saved = dup(STDIN_FILENO);
        assert_int_equal(pipe(pipe_fd), 0);
        assert_int_equal(write(pipe_fd[1], "init: [a]", 9), 9);
        close(pipe_fd[1]);
        dup2(pipe_fd[0], STDIN_FILENO);
        close(pipe_fd[0]);
        _cleanup_free_ char *text = NULL;
        size_t len = 0;
        int r = source_read("-", 9, &text, &len, NULL);
        if (saved >= 0)
                dup2(saved, STDIN_FILENO);
        assert_int_equal(r, 0);
        assert_int_equal(len, 9);
        assert_string_equal(text, "init: [a]");
        if (saved >= 0)
                close(saved);
}

int main(void) {
        setenv("no_proxy", "*", 1);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_answer),    cmocka_unit_test(other_status),
                cmocka_unit_test(too_large),      cmocka_unit_test(nobody_there),
                cmocka_unit_test(standard_input),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
