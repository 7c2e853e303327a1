/* bootreport_test.c - the phases of a boot, and inputs that a hostile machine could make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "lib/base/mem.h"
#include "lib/base/bootreport.h"

static const char boot[] = "0.600000 init\n"
                           "0.610000 root\n"
                           "0.640000 devices\n"
                           "0.650000 onboot-begin 000-dhcpcd\n"
                           "0.660000 onboot-run 000-dhcpcd\n"
                           "1.660000 onboot-end 000-dhcpcd ok\n"
                           "1.700000 onboot-begin 001-fails\n"
                           "1.710000 onboot-run 001-fails\n"
                           "2.000000 onboot-end 001-fails failed\n"
                           "1.000000 containerd\n"
                           "2.100000 gate\n"
                           "2.110000 complete\n"
                           "3.000000 containerd-up\n"
                           "3.000000 service-begin web\n"
                           "3.000000 service-begin once\n"
                           "3.500000 service-started web\n"
                           "3.550000 service-started once\n"
                           "3.600000 service-failed once\n"
                           "4.000000 service-ready web\n"
                           "4.000000 done\n"
                           "9.000000 containerd\n";

static BootReport *parse(const char *text) {
        return bootreport_from_log(text, strlen(text));
}

static json_t *as_json(const BootReport *r) {
        _cleanup_buf_ Buf b = { 0 };
        bootreport_add_json(r, &b);
        assert_int_equal(b.data[b.len - 1], '\n');
        assert_ptr_equal(strchr(b.data, '\n'), b.data + b.len - 1);
        json_t *o = json_loads(b.data, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(o);
        return o;
}

static void expect_phase(const json_t *o, size_t i, const char *kind, const char *name,
                         const char *note, double from, double to) {
        const json_t *ph = json_array_get(json_object_get(o, "phases"), i);
        const char *got_name = json_string_value(json_object_get(ph, "name"));
        const char *got_note = json_string_value(json_object_get(ph, "note"));
        assert_string_equal(json_string_value(json_object_get(ph, "phase")), kind);
        assert_string_equal(got_name ? got_name : "", name);
        assert_string_equal(got_note ? got_note : "", note);
        assert_true(json_real_value(json_object_get(ph, "from")) == from);
        assert_true(json_real_value(json_object_get(ph, "to")) == to);
}

static void events_become_phases(void **state) {
        (void)state;
        BootReport *r = parse(boot);
        assert_true(bootreport_is_finished(r));
        json_t *o = as_json(r);
        assert_string_equal(json_string_value(json_object_get(o, "result")), "done");
        assert_true(json_real_value(json_object_get(o, "end")) == 4.0);
        assert_int_equal(json_array_size(json_object_get(o, "phases")), 7);
        expect_phase(o, 0, "kernel", "", "", 0, 0.6);
        expect_phase(o, 1, "init", "", "", 0.6, 0.66);
        expect_phase(o, 2, "onboot", "000-dhcpcd", "", 0.66, 1.66);
        expect_phase(o, 3, "containerd", "", "", 1.0, 3.0);
        expect_phase(o, 4, "onboot", "001-fails", "failed", 1.7, 2.0);
        expect_phase(o, 5, "service", "web", "ready", 3.0, 4.0);
        expect_phase(o, 6, "service", "once", "failed", 3.0, 3.6);
        /* containerd covers all gaps */
        assert_true(json_real_value(json_object_get(o, "other")) == 0.0);
        json_decref(o);
        bootreport_free(r);
}

static void table_is_for_people(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        BootReport *r = parse("0.5 init\n0.6 onboot-begin 000-a\n1 onboot-run 000-a\n"
                              "1.5 onboot-end 000-a failed\n2 complete\n");
        bootreport_set_made(r, 2.5);
        bootreport_set_host(r, 4);
        bootreport_add_table(r, &b);
        assert_string_equal(
                b.data,
                "boot                          from (s)  took (s)   share\n"
                "kernel                           0.000     0.500  25.0 %  ########\n"
                "init                             0.500     0.500  25.0 %          ########\n"
                "onboot 000-a                     1.000     0.500  25.0 %                  ########"
                "  failed\n"
                "none of these                              0.500  25.0 %\n"
                "done                             2.000\n"
                "QEMU's start to this report: 4.000 s, of which 1.500 s before the clock of the "
                "kernel\n");
        bootreport_free(r);
}

static void end_of_a_boot(void **state) {
        (void)state;
        static const struct {
                const char *text, *result;
                bool finished;
        } t[] = {
                { "", "unfinished", false },
                { "1 init\n", "unfinished", false },
                { "1 init\n2 complete\n", "done", true },
                { "1 init\n2 gate\n3 complete\n", "unfinished", false },
                { "1 init\n2 gate\n3 complete\n4 done\n", "done", true },
                { "1 init\n3 stopped\n", "stopped", true },
                { "1 init\n2 complete", "unfinished", false }, /* still being written */
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                BootReport *r = parse(t[i].text);
                json_t *o = as_json(r);
                assert_int_equal(bootreport_is_finished(r), t[i].finished);
                assert_string_equal(json_string_value(json_object_get(o, "result")), t[i].result);
                json_decref(o);
                bootreport_free(r);
        }
}

static void what_has_not_ended_lasts_until_the_report(void **state) {
        (void)state;
        BootReport *r = parse("1 init\n2 onboot-begin 000-hangs\n2 onboot-run 000-hangs\n");
        bootreport_set_made(r, 7);
        json_t *o = as_json(r);
        expect_phase(o, 2, "onboot", "000-hangs", "had not ended", 2, 7);
        json_decref(o);
        bootreport_free(r);
}

static void damaged_lines_are_passed_over(void **state) {
        (void)state;
        static const char text[] =
                "\n \nnan init\ninf init\n-1 init\n1e9 init\n1 \n1x init\n"
                "1 nonsense\n1 init a b c\n\x1b[2J\n1 onboot-begin \x1b[31mx\"\n";
        BootReport *r = bootreport_from_log(text, sizeof text - 1);
        _cleanup_buf_ Buf b = { 0 };
        json_t *o = as_json(r);
        assert_int_equal(json_array_size(json_object_get(o, "events")), 2);
        bootreport_add_table(r, &b);
        assert_null(strchr(b.data, '\x1b'));
        assert_non_null(strstr(b.data, "onboot ?[31mx?"));
        json_decref(o);
        bootreport_free(r);

        static const char binary[] = "1 init\0 x\n\0\0\n2 done\n";
        r = bootreport_from_log(binary, sizeof binary - 1);
        assert_true(bootreport_is_finished(r));
        bootreport_free(r);
}

static void number_of_events_is_bounded(void **state) {
        (void)state;
        _cleanup_buf_ Buf b = { 0 };
        for (int i = 0; i < 100000; i++)
                buf_addf(&b, "%d service-begin s%d\n", i % 1000, i);
        BootReport *r = bootreport_from_log(b.data, b.len);
        json_t *o = as_json(r);
        assert_int_equal(json_array_size(json_object_get(o, "events")), 1024);
        json_decref(o);
        bootreport_free(r);
}

static void json_goes_there_and_back(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf a = { 0 }, b = { 0 };
        BootReport *r = parse(boot), *again;
        bootreport_set_made(r, 4.125);
        bootreport_add_json(r, &a);
        assert_int_equal(bootreport_from_json(a.data, a.len, &again, &e), 0);
        bootreport_add_json(again, &b);
        assert_string_equal(a.data, b.data);
        bootreport_free(again);
        bootreport_free(r);
}

static void foreign_json_is_refused_or_harmless(void **state) {
        (void)state;
        static const char *const bad[] = { "",
                                           "x",
                                           "[]",
                                           "{}",
                                           "{\"events\": 3}",
                                           "{\"events\": []",
                                           "{\"events\": [], \"events\": []}" };
        static const char *const odd[] = {
                "{\"events\": [1, null, {}, [], {\"at\": \"1\", \"event\": \"init\"}]}",
                "{\"events\": [{\"at\": -1, \"event\": \"init\"}], \"made\": -5}",
                "{\"events\": [{\"at\": 1e300, \"event\": \"init\"}], \"made\": 1e300}",
                "{\"events\": [{\"at\": 1, \"event\": 7, \"name\": {}}], \"made\": \"x\"}",
        };
        BootReport *r;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                assert_int_equal(bootreport_from_json(bad[i], strlen(bad[i]), &r, &e), -1);
                assert_int_equal(e.kind, ERR_VERIFY);
        }
        for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                _cleanup_buf_ Buf b = { 0 };
                assert_int_equal(bootreport_from_json(odd[i], strlen(odd[i]), &r, &e), 0);
                bootreport_set_host(r, 1);
                bootreport_add_table(r, &b);
                json_t *o = as_json(r);
                assert_int_equal(json_array_size(json_object_get(o, "events")), 0);
                json_decref(o);
                bootreport_free(r);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(events_become_phases),
                cmocka_unit_test(table_is_for_people),
                cmocka_unit_test(end_of_a_boot),
                cmocka_unit_test(what_has_not_ended_lasts_until_the_report),
                cmocka_unit_test(damaged_lines_are_passed_over),
                cmocka_unit_test(number_of_events_is_bounded),
                cmocka_unit_test(json_goes_there_and_back),
                cmocka_unit_test(foreign_json_is_refused_or_harmless),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
