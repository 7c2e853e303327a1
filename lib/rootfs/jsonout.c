/* jsonout.c - see jsonout.h. */
#include "lib/rootfs/jsonout.h"

#include <inttypes.h>

#include "lib/base/json.h"

static void new_line(JsonOut *j) {
        buf_addc(j->buf, '\n');
        for (unsigned i = j->depth * (j->indent ? j->indent : 4); i > 0; i--)
                buf_addc(j->buf, ' ');
}

static void begin(JsonOut *j, const char *key) {
        if (j->depth) {
                if (j->filled)
                        buf_addc(j->buf, ',');
                new_line(j);
        }
        j->filled = true;
        if (key) {
                json_add_string(j->buf, key);
                buf_adds(j->buf, ": ");
        }
}

void jsonout_open(JsonOut *j, const char *key, char kind) {
        begin(j, key);
        buf_addc(j->buf, kind);
        j->depth++;
        j->filled = false;
}

void jsonout_close(JsonOut *j, char kind) {
        j->depth--;
        if (j->filled)
                new_line(j);
        buf_addc(j->buf, kind == '{' ? '}' : ']');
        j->filled = true;
}

void jsonout_string(JsonOut *j, const char *key, const char *value) {
        begin(j, key);
        json_add_string(j->buf, value);
}

void jsonout_bool(JsonOut *j, const char *key, bool value) {
        begin(j, key);
        buf_adds(j->buf, value ? "true" : "false");
}

void jsonout_int(JsonOut *j, const char *key, int64_t value) {
        begin(j, key);
        buf_addf(j->buf, "%" PRId64, value);
}

void jsonout_uint(JsonOut *j, const char *key, uint64_t value) {
        begin(j, key);
        buf_addf(j->buf, "%" PRIu64, value);
}

void jsonout_string_opt(JsonOut *j, const char *key, const char *value) {
        if (!str_is_empty(value))
                jsonout_string(j, key, value);
}
