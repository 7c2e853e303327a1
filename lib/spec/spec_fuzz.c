/* spec_fuzz.c - any bytes as a build file and as an image label: read, resolved, printed, merged.
 * Printing what was accepted must never fail. */
#include <stdint.h>

#include "lib/base/str.h"
#include "lib/spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build_file(const char *text, size_t len) {
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf b = { 0 };
        if (spec_parse(text, len, "f", &s, &e) < 0)
                return;
        if (spec_resolve(s, NULL, NULL, &e) < 0) /* @pkg: */
                err_clear(&e);
        if (spec_print_yaml(s, &b, &e) < 0 || spec_print_json(s, &b, &e) < 0 ||
            spec_print_dry_run(s, &b, &e) < 0)
                abort();
        spec_free(s);
}

static void label(const char *text, size_t len) {
        _cleanup_free_ char *copy = xstrndup(text, len);
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_err_ Err e = ERR_INIT;
        Settings settings, merged;
        if (spec_parse_label(arena, copy, "i", &settings, &e) == 0)
                spec_merge_settings(&settings, &settings, arena, &merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        build_file((const char *)data, size);
        label((const char *)data, size);
        return 0;
}
