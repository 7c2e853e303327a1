/* out.c - see out.h.  The YAML half drives libyaml's emitter: with these style requests it writes
 * the very bytes of the reference (yaml.md 15.3). */
#include "lib/spec/out.h"

#include <inttypes.h>
#include <yaml.h>

#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/spec/scalar.h"

enum { MAX_NESTING = 32 }; /* the model is at most 9 deep */

struct Out {
        Buf *buf;
        bool json;
        bool failed;
        yaml_emitter_t emitter;
        /* JSON: */
        unsigned depth;
        bool filled[MAX_NESTING]; /* something stands in the container of this depth */
        bool after_key;
};

static int on_write(void *ctx, unsigned char *data, size_t n) {
        buf_add(ctx, data, n);
        return 1;
}

static void emit(Out *o, yaml_event_t *ev, int initialised) {
        if (!initialised)
                o->failed = true;
        else if (o->failed)
                yaml_event_delete(ev);
        else if (!yaml_emitter_emit(&o->emitter, ev))
                o->failed = true;
}

Out *out_new(OutStyle style, Buf *buf) {
        Out *o = xcalloc(1, sizeof *o);
        o->buf = buf;
        o->json = style == OUT_JSON;
        if (o->json)
                return o;
        if (!yaml_emitter_initialize(&o->emitter))
                o->failed = true;
        yaml_emitter_set_output(&o->emitter, on_write, buf);
        yaml_emitter_set_unicode(&o->emitter, 1);
        yaml_emitter_set_indent(&o->emitter, style == OUT_YAML ? 2 : 4);
        yaml_emitter_set_width(&o->emitter, style == OUT_YAML ? 80 : -1);
        yaml_event_t ev;
        emit(o, &ev, yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING));
        emit(o, &ev, yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1));
        return o;
}

bool out_is_json(const Out *o) {
        return o->json;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void json_newline(Out *o) {
        buf_addc(o->buf, '\n');
        for (unsigned i = 0; i < o->depth; i++)
                buf_adds(o->buf, "    ");
}

/* Comma, line end and indent in front of a key or of an item of a list. */
static void json_separate(Out *o) {
        if (o->after_key) {
                o->after_key = false;
                return;
        }
        if (!o->depth)
                return;
        if (o->filled[o->depth])
                buf_addc(o->buf, ',');
        o->filled[o->depth] = true;
        json_newline(o);
}

static void json_begin(Out *o, char c) {
        json_separate(o);
        buf_addc(o->buf, c);
        if (o->depth + 1 == MAX_NESTING)
                abort(); /* our own mistake */
        o->filled[++o->depth] = false;
}

static void json_end(Out *o, char c) {
        bool filled = o->filled[o->depth--];
        if (filled)
                json_newline(o);
        buf_addc(o->buf, c);
}

/* --- both ----------------------------------------------------------------------------------- */

static void yaml_scalar(Out *o, const char *text, yaml_scalar_style_t style) {
        yaml_event_t ev;
        emit(o, &ev,
             yaml_scalar_event_initialize(&ev, NULL, NULL, (const yaml_char_t *)text,
                                          (int)strlen(text), 1, 1, style));
}

static void yaml_string(Out *o, const char *text) {
        if (strchr(text, '\n'))
                yaml_scalar(o, text, YAML_LITERAL_SCALAR_STYLE);
        else if (scalar_needs_quotes(text))
                yaml_scalar(o, text, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
        else
                yaml_scalar(o, text, YAML_PLAIN_SCALAR_STYLE);
}

/* A value whose text is the same in both formats. */
static void literal(Out *o, const char *text) {
        if (o->json) {
                json_separate(o);
                buf_adds(o->buf, text);
        } else {
                yaml_scalar(o, text, YAML_PLAIN_SCALAR_STYLE);
        }
}

void out_map_begin(Out *o) {
        yaml_event_t ev;
        if (o->json)
                json_begin(o, '{');
        else
                emit(o, &ev,
                     yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1,
                                                         YAML_BLOCK_MAPPING_STYLE));
}

void out_map_end(Out *o) {
        yaml_event_t ev;
        if (o->json)
                json_end(o, '}');
        else
                emit(o, &ev, yaml_mapping_end_event_initialize(&ev));
}

void out_list_begin(Out *o) {
        yaml_event_t ev;
        if (o->json)
                json_begin(o, '[');
        else
                emit(o, &ev,
                     yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1,
                                                          YAML_BLOCK_SEQUENCE_STYLE));
}

void out_list_end(Out *o) {
        yaml_event_t ev;
        if (o->json)
                json_end(o, ']');
        else
                emit(o, &ev, yaml_sequence_end_event_initialize(&ev));
}

void out_key(Out *o, const char *key) {
        if (!o->json) {
                yaml_string(o, key);
                return;
        }
        json_separate(o);
        json_add_string(o->buf, key);
        buf_adds(o->buf, ": ");
        o->after_key = true;
}

void out_string(Out *o, const char *text) {
        if (!o->json) {
                yaml_string(o, text);
                return;
        }
        json_separate(o);
        json_add_string(o->buf, text);
}

void out_bool(Out *o, bool value) {
        literal(o, value ? "true" : "false");
}

void out_i64(Out *o, int64_t value) {
        char text[32];
        snprintf(text, sizeof text, "%" PRId64, value);
        literal(o, text);
}

void out_u64(Out *o, uint64_t value) {
        char text[32];
        snprintf(text, sizeof text, "%" PRIu64, value);
        literal(o, text);
}

void out_null(Out *o) {
        literal(o, "null");
}

int out_finish(Out *o, Err *e) {
        if (!o->json) {
                yaml_event_t ev;
                emit(o, &ev, yaml_document_end_event_initialize(&ev, 1));
                emit(o, &ev, yaml_stream_end_event_initialize(&ev));
                yaml_emitter_delete(&o->emitter);
        }
        bool failed = o->failed;
        free(o);
        return failed ? err_set(e, ERR_INTERNAL, 0, "cannot write YAML") : 0;
}
