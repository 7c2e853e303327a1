/* mountopt_test.c - the fstab words of boot.md 9.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "init/mountopt.h"
#include "lib/base/mem.h"

/* Splits a comma list; "" is no word. */
static size_t split(char *list, char **words) {
        size_t n = 0;
        for (char *s = *list ? list : NULL, *w; (w = strsep(&s, ","));)
                words[n++] = w;
        return n;
}

static void words_become_flags_and_data(void **state) {
        (void)state;
        static const struct {
                const char *words;
                unsigned long flags, propagation;
                const char *data;
        } t[] = {
                { "", 0, 0, "" },
                { "bind", MS_BIND, 0, "" },
                { "rbind,ro", MS_BIND | MS_REC | MS_RDONLY, 0, "" },
                { "ro,rw", 0, 0, "" },
                { "rw,ro", MS_RDONLY, 0, "" },
                { "nosuid,nodev,noexec", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0, "" },
                { "nosuid,nodev,noexec,suid,dev,exec", 0, 0, "" },
                { "remount,private", MS_REMOUNT, MS_PRIVATE, "" },
                { "rbind,rshared", MS_BIND | MS_REC, 0, "rshared" },
                { "rbind,slave", MS_BIND | MS_REC, MS_SLAVE, "" },
                { "unbindable,shared", 0, MS_UNBINDABLE | MS_SHARED, "" },
                { "defaults", 0, 0, "defaults" },
                { "size=1m,nodev,mode=755", MS_NODEV, 0, "size=1m,mode=755" },
                { "sync,dirsync,mand,async,nomand", MS_DIRSYNC, 0, "" },
                { "noatime,nodiratime,relatime,strictatime",
                  MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME, 0, "" },
                { "noatime,nodiratime,relatime,strictatime,atime,diratime,norelatime,nostrictatime",
                  0, 0, "" },
                { "RO", 0, 0, "RO" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                char list[256], *words[16];
                strcpy(list, t[i].words);
                MountOpts o;
                _cleanup_err_ Err e = ERR_INIT;
                size_t n = split(list, words);
                assert_int_equal(mountopt_parse(words, n, &o, &e), 0);
                assert_int_equal(o.flags, t[i].flags);
                assert_int_equal(o.propagation, t[i].propagation);
                assert_string_equal(o.data, t[i].data);
                assert_null(o.upperdir);
                mountopt_done(&o);
        }
}

static void overlay_directories_are_kept(void **state) {
        (void)state;
        char lower[] = "lowerdir=/l", upper[] = "upperdir=/u", work[] = "workdir=/w";
        char second[] = "upperdir=/u2";
        char *words[] = { lower, upper, work, second };
        MountOpts o;
        assert_int_equal(mountopt_parse(words, 4, &o, NULL), 0);
        assert_string_equal(o.upperdir, "/u2");
        assert_string_equal(o.workdir, "/w");
        assert_string_equal(o.data, "lowerdir=/l,upperdir=/u,workdir=/w,upperdir=/u2");
        mountopt_done(&o);
}

static void data_over_a_page_is_refused(void **state) {
        (void)state;
        char word[4200];
        memset(word, 'x', sizeof(word));
        char *words[] = { word };
        MountOpts o;
        _cleanup_err_ Err e = ERR_INIT;
        word[4096] = 0;
        assert_int_equal(mountopt_parse(words, 1, &o, &e), -1);
        assert_int_equal(e.kind, ERR_SPEC);
        word[4095] = 0;
        assert_int_equal(mountopt_parse(words, 1, &o, NULL), 0);
        mountopt_done(&o);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_become_flags_and_data),
                cmocka_unit_test(overlay_directories_are_kept),
                cmocka_unit_test(data_over_a_page_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
