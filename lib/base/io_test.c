/* io_test.c - files appear whole or not at all; sinks deliver what they were given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static char dir[] = "/tmp/io_test.XXXXXX";

static int setup(void **state) {
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int files_in_dir(void) {
        int n = 0;
        DIR *d = opendir(dir);
        for (struct dirent *ent; (ent = readdir(d));)
                n += ent->d_name[0] != '.';
        closedir(d);
        return n;
}

static int teardown(void **state) {
        (void)state;
        DIR *d = opendir(dir);
        for (struct dirent *ent; (ent = readdir(d));) {
                _cleanup_free_ char *p = path_join(dir, ent->d_name);
                if (ent->d_name[0] != '.')
                        unlink(p);
        }
        closedir(d);
        return rmdir(dir);
}

static char *in_dir(const char *name) {
        return path_join(dir, name);
}

static void test_file_appears_on_finish_only(void **state) {
        (void)state;
        _cleanup_free_ char *path = in_dir("whole");
        Err e = ERR_INIT;
        assert_int_equal(file_write(path, "old", 3, 0600, &e), 0);
        Sink *s = NULL;
        assert_int_equal(sink_file(path, 0640, &s, &e), 0);
        assert_int_equal(sink_write(s, "new content", 11, &e), 0);
        sink_free(s); /* given up */
        _cleanup_free_ char *text = NULL;
        size_t n = 0;
        assert_int_equal(file_read(path, 100, &text, &n, &e), 0);
        assert_string_equal(text, "old");
        assert_int_equal(files_in_dir(), 1);

        assert_int_equal(sink_file(path, 0640, &s, &e), 0);
        assert_int_equal(sink_write(s, "??? content", 11, &e), 0);
        assert_int_equal(sink_patch(s, 0, "new", 3, &e), 0);
        assert_int_equal(sink_patch(s, 9, "...", 3, &e), -1); /* beyond what was written */
        err_clear(&e);
        assert_int_equal(sink_flush(s, &e), 0);
        assert_int_equal(sink_finish(s, &e), 0);
        sink_free(s);
        free(text);
        assert_int_equal(file_read(path, 100, &text, &n, &e), 0);
        assert_string_equal(text, "new content");
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(files_in_dir(), 1);
}

static void test_interrupted_files_are_removed(void **state) {
        (void)state;
        _cleanup_free_ char *path = in_dir("never");
        Err e = ERR_INIT;
        Sink *s = NULL;
        int before = files_in_dir();
        assert_int_equal(sink_file(path, 0644, &s, &e), 0);
        assert_int_equal(files_in_dir(), before + 1);
        file_tmp_remove_all();
        assert_int_equal(files_in_dir(), before);
        sink_free(s);
}

static void test_full_disk_is_an_error(void **state) {
        (void)state;
        Err e = ERR_INIT;
        int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
        Sink *s = sink_fd(fd, "out.img");
        _cleanup_free_ char *big = xcalloc(1, 1 << 20);
        assert_int_equal(sink_write(s, big, 1 << 20, &e), -1);
        assert_string_equal(e.text, "write out.img: No space left on device");
        err_clear(&e);
        sink_free(s);
        s = sink_fd(fd, "out.img");
        assert_int_equal(sink_write(s, "x", 1, &e),
                         0); /* buffered: the failure must come out of flush, or of finish */
        assert_int_equal(sink_flush(s, &e), -1);
        err_clear(&e);
        assert_int_equal(sink_write(s, "x", 1, &e), 0);
        assert_int_equal(sink_finish(s, &e), -1);
        err_clear(&e);
        sink_free(s);
        close(fd);
}

static void test_refuses_what_is_not_a_file(void **state) {
        (void)state;
        Err e = ERR_INIT;
        Sink *s = NULL;
        assert_int_equal(sink_file("/dev/null", 0644, &s, &e), -1);
        err_clear(&e);
        assert_int_equal(sink_file(dir, 0644, &s, &e), -1);
        err_clear(&e);
        assert_int_equal(sink_file("/nonexistent/dir/x", 0644, &s, &e), -1);
        assert_string_equal(e.text, "/nonexistent/dir/x: No such file or directory");
        err_clear(&e);
}

/* A range of a file, zeros and literal bytes give the same stream through a file, a hash and
 * memory. */
static void test_contents_and_zeros(void **state) {
        (void)state;
        Err e = ERR_INIT;
        _cleanup_free_ char *source = in_dir("source"), *target = in_dir("target");
        _cleanup_free_ char *data = xmalloc(300000);
        for (size_t i = 0; i < 300000; i++)
                data[i] = (char)(i * 7 + i / 251);
        assert_int_equal(file_write(source, data, 300000, 0644, &e), 0);
        Blob blob = { .fd = open(source, O_RDONLY | O_CLOEXEC), .size = 300000 };
        Content c = { .blob = &blob, .offset = 1000, .size = 250000 };
        Digest from_file, from_memory, of_result;
        Buf memory = { 0 };
        Sink *inner = NULL;
        assert_int_equal(sink_file(target, 0644, &inner, &e), 0);
        Sink *sinks[] = { sink_hash(inner, &from_file),
                          sink_hash(sink_buf(&memory), &from_memory) };
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(sink_write(sinks[i], "head", 4, &e), 0);
                assert_int_equal(sink_content(sinks[i], &c, &e), 0);
                assert_int_equal(sink_zero(sinks[i], 100000, &e), 0);
                assert_int_equal(sink_pad(sinks[i], 4096, &e), 0);
                assert_int_equal(sinks[i]->written % 4096, 0);
                assert_int_equal(sink_finish(sinks[i], &e), 0);
                sink_free(sinks[i]);
        }
        assert_true(digest_eq(&from_file, &from_memory));
        assert_memory_equal(memory.data + 4, data + 1000, 250000);
        int fd = open(target, O_RDONLY | O_CLOEXEC);
        uint64_t size = 0;
        assert_int_equal(hash_fd(fd, &of_result, &size, &e), 0);
        assert_int_equal(size, memory.len);
        assert_true(digest_eq(&of_result, &from_file));
        close(fd);

        /* Straight into a file: the fast path of the kernel must not change a byte. */
        assert_int_equal(sink_file(target, 0644, &inner, &e), 0);
        assert_int_equal(sink_write(inner, "head", 4, &e), 0);
        assert_int_equal(sink_content(inner, &c, &e), 0);
        assert_int_equal(sink_zero(inner, 100000, &e), 0);
        assert_int_equal(sink_pad(inner, 4096, &e), 0);
        assert_int_equal(sink_finish(inner, &e), 0);
        sink_free(inner);
        fd = open(target, O_RDONLY | O_CLOEXEC);
        assert_int_equal(hash_fd(fd, &of_result, &size, &e), 0);
        assert_true(digest_eq(&of_result, &from_file));
        close(fd);
        close(blob.fd);
        buf_done(&memory);
}

static void test_content_outside_its_blob(void **state) {
        (void)state;
        Err e = ERR_INIT;
        _cleanup_free_ char *path = in_dir("short");
        assert_int_equal(file_write(path, "abc", 3, 0644, &e), 0);
        Blob blob = { .fd = open(path, O_RDONLY | O_CLOEXEC), .size = 3 };
        Content c = { .blob = &blob, .offset = 1, .size = 10 };
        char buf[10];
        assert_int_equal(content_read(&c, 0, buf, 10, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
        err_clear(&e);
        c.size = 2;
        assert_int_equal(content_read(&c, 1, buf, 2, &e), -1);
        err_clear(&e);
        close(blob.fd);
}

/* A file of the user's is hashed first and read later; what was written between must not pass. */
static void test_changed_file_is_refused(void **state) {
        (void)state;
        _cleanup_free_ char *path = in_dir("source"), *copy = in_dir("copy");
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *text = xmalloc(100000);
        memset(text, 'x', 100000);
        assert_int_equal(file_write(path, text, 100000, 0600, &e), 0);
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        Blob blob = { .fd = fd, .size = 100000, .path = path, .changed = st.st_ctim };
        const Content c = { .blob = &blob, .size = 100000 };
        char byte;
        assert_int_equal(content_read(&c, 7, &byte, 1, &e), 0);
        blob.changed.tv_nsec ^= 1;
        assert_int_equal(content_read(&c, 7, &byte, 1, &e), -1);
        assert_non_null(strstr(e.text, "source changed during the build"));
        _cleanup_sink_ Sink *s = NULL;
        assert_int_equal(sink_file(copy, 0600, &s, &e), 0);
        assert_int_equal(sink_content(s, &c, &e), -1);
}

static void test_directories(void **state) {
        (void)state;
        _cleanup_free_ char *path = in_dir("whole");
        _cleanup_free_ char *below = path_join(path, "x");
        _cleanup_err_ Err e = ERR_INIT;
        assert_int_equal(file_write(path, "", 0, 0600, &e), 0);
        assert_int_equal(dir_make(dir, &e), 0);
        assert_int_equal(dir_make(path, &e), -1);
        assert_int_equal(e.errnum, ENOTDIR);
        assert_int_equal(dir_make(below, &e), -1);
        assert_int_equal(e.errnum, ENOTDIR);
        assert_int_equal(dir_make("", &e), -1);
        assert_int_equal(e.errnum, ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_file_appears_on_finish_only),
                cmocka_unit_test(test_interrupted_files_are_removed),
                cmocka_unit_test(test_full_disk_is_an_error),
                cmocka_unit_test(test_refuses_what_is_not_a_file),
                cmocka_unit_test(test_contents_and_zeros),
                cmocka_unit_test(test_content_outside_its_blob),
                cmocka_unit_test(test_changed_file_is_refused),
                cmocka_unit_test(test_directories),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
