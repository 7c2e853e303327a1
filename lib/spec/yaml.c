/* yaml.c - see yaml.h.  libyaml delivers events; meaning of scalars, anchors, merge keys and limits
 * are ours.  libyaml's own document loader is not used: it knows nothing of merge keys or limits.
 */
#include "lib/spec/yaml.h"

#include <search.h>
#include <yaml.h>

#include "lib/base/str.h"

enum {
        MAX_DEPTH = 64,       /* the deepest key of a build file stands at depth 7 */
        MAX_WEIGHT = 1000000, /* nodes of the expanded document */
};

typedef struct Anchor {
        const char *name;
        Node *node;
} Anchor;

typedef struct Reader {
        yaml_parser_t parser;
        Problems *problems;
        Arena *arena;
        const char *file;
        const char *text;
        size_t len;
        void *anchors;   /* tsearch tree of Anchor */
        uint64_t weight; /* spent of MAX_WEIGHT */
        unsigned depth;
} Reader;

static Pos pos_of(const Reader *r, yaml_mark_t mark) {
        return (Pos){ .file = r->file,
                      .line = (uint32_t)mark.line + 1,
                      .column = (uint32_t)mark.column + 1 };
}

/* Line and column of a byte, for faults that libyaml reports by offset only. */
static Pos pos_of_byte(const Reader *r, size_t offset) {
        Pos pos = { .file = r->file, .line = 1, .column = 1 };
        for (size_t i = 0; i < offset && i < r->len; i++) {
                if (r->text[i] == '\n') {
                        pos.line++;
                        pos.column = 1;
                } else if (((unsigned char)r->text[i] & 0xc0) != 0x80) {
                        pos.column++;
                }
        }
        return pos;
}

/* Marks count characters, so the byte has to be looked for. */
static char char_at(const Reader *r, yaml_mark_t mark) {
        const char *p = r->text, *end = r->text + r->len;
        for (size_t line = 0; line < mark.line && p; line++) {
                p = memchr(p, '\n', (size_t)(end - p));
                p = p ? p + 1 : NULL;
        }
        for (size_t column = 0; p && p < end; p++) {
                bool starts = ((unsigned char)*p & 0xc0) != 0x80;
                if (starts && column++ == mark.column)
                        return *p;
        }
        return 0;
}

static void syntax_problem(Reader *r) {
        const yaml_parser_t *y = &r->parser;
        const char *why = y->problem ? y->problem : "malformed YAML";
        if (y->error == YAML_READER_ERROR) {
                problem_add(r->problems, pos_of_byte(r, y->problem_offset), "%s", why);
                return;
        }
        yaml_mark_t at = y->problem_mark;
        if (char_at(r, at) == '\t')
                problem_add(r->problems, pos_of(r, at), "a tab cannot be used for indentation");
        else if (y->context && y->context_mark.line != at.line)
                problem_add(r->problems, pos_of(r, at), "%s (%s at line %zu)", why, y->context,
                            y->context_mark.line + 1);
        else if (y->context)
                problem_add(r->problems, pos_of(r, at), "%s (%s)", why, y->context);
        else
                problem_add(r->problems, pos_of(r, at), "%s", why);
}

static bool next_event(Reader *r, yaml_event_t *ev) {
        if (yaml_parser_parse(&r->parser, ev))
                return true;
        syntax_problem(r);
        return false;
}

static bool spend(Reader *r, uint64_t weight, Pos pos) {
        r->weight += weight;
        if (r->weight <= MAX_WEIGHT)
                return true;
        problem_add(r->problems, pos, "the document is too large when its aliases are expanded");
        return false;
}

static int compare_anchors(const void *a, const void *b) {
        return strcmp(((const Anchor *)a)->name, ((const Anchor *)b)->name);
}

static Node *node_new(Reader *r, NodeKind kind, yaml_mark_t mark, const yaml_char_t *anchor) {
        Node *n = arena_alloc(r->arena, sizeof *n);
        *n = (Node){ .kind = kind, .pos = pos_of(r, mark), .weight = 1 };
        if (!spend(r, 1, n->pos))
                return NULL;
        if (anchor) {
                Anchor *a = arena_alloc(r->arena, sizeof *a);
                a->name = arena_strdup(r->arena, (const char *)anchor);
                Anchor **found = tsearch(a, &r->anchors, compare_anchors);
                if (!found)
                        abort(); /* no memory: as xmalloc */
                (*found)->node = n;
        }
        return n;
}

static Node *read_alias(Reader *r, const yaml_event_t *ev) {
        Pos pos = pos_of(r, ev->start_mark);
        Anchor key = { .name = (const char *)ev->data.alias.anchor };
        Anchor **found = tfind(&key, &r->anchors, compare_anchors);
        if (!found) {
                problem_add(r->problems, pos, "unknown anchor \"%s\"", key.name);
                return NULL;
        }
        if ((*found)->node->open) {
                problem_add(r->problems, pos, "anchor \"%s\" contains itself", key.name);
                return NULL;
        }
        return spend(r, (*found)->node->weight, pos) ? (*found)->node : NULL;
}

/* Explicit tags: !!str and ! make a string of anything, the others must agree with the text. */
static bool apply_tag(Reader *r, Node *n, const char *tag) {
        static const struct {
                const char *tag;
                NodeKind kind;
        } tags[] = {
                { YAML_STR_TAG, NODE_STRING },  { YAML_TIMESTAMP_TAG, NODE_STRING },
                { "!", NODE_STRING },           { YAML_INT_TAG, NODE_INT },
                { YAML_FLOAT_TAG, NODE_FLOAT }, { YAML_BOOL_TAG, NODE_BOOL },
                { YAML_NULL_TAG, NODE_NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
                if (!str_eq(tag, tags[i].tag))
                        continue;
                Scalar s = { .kind = NODE_STRING };
                if (tags[i].kind != NODE_STRING)
                        s = scalar_resolve(n->text);
                if (s.kind == NODE_INT && tags[i].kind == NODE_FLOAT) {
                        s.number = s.negative ? -(double)s.magnitude : (double)s.magnitude;
                        s.kind = NODE_FLOAT;
                }
                n->scalar = s;
                n->kind = s.kind;
                if (s.kind == tags[i].kind)
                        return true;
                problem_add(r->problems, n->pos, "\"%.40s\" does not fit its tag %s", n->text, tag);
                return false;
        }
        problem_add(r->problems, n->pos, "unsupported tag %s", tag);
        return false;
}

static Node *read_scalar(Reader *r, const yaml_event_t *ev) {
        const char *tag = (const char *)ev->data.scalar.tag;
        const char *value = (const char *)ev->data.scalar.value;
        Node *n = node_new(r, NODE_STRING, ev->start_mark, ev->data.scalar.anchor);
        if (!n)
                return NULL;
        if (memchr(value, 0, ev->data.scalar.length)) {
                problem_add(r->problems, n->pos, "a string cannot hold a NUL character");
                return NULL;
        }
        n->text = arena_strndup(r->arena, value, ev->data.scalar.length);
        n->scalar.kind = NODE_STRING;
        if (tag)
                return apply_tag(r, n, tag) ? n : NULL;
        if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
                n->scalar = scalar_resolve(n->text);
                n->kind = n->scalar.kind;
        }
        return n;
}

static Node *read_node(Reader *r, const yaml_event_t *ev);

static Node *read_list(Reader *r, const yaml_event_t *start) {
        Node *n = node_new(r, NODE_LIST, start->start_mark, start->data.sequence_start.anchor);
        if (!n)
                return NULL;
        n->open = true;
        _cleanup_free_ const Node **items = NULL;
        size_t count = 0, cap = 0;
        for (;;) {
                yaml_event_t ev;
                if (!next_event(r, &ev))
                        return NULL;
                if (ev.type == YAML_SEQUENCE_END_EVENT) {
                        yaml_event_delete(&ev);
                        break;
                }
                const Node *item = read_node(r, &ev);
                yaml_event_delete(&ev);
                if (!item)
                        return NULL;
                const Node **slot = vec_push(items, count, cap);
                *slot = item;
                n->weight += item->weight;
        }
        n->items = arena_alloc(r->arena, count * sizeof *items);
        if (count)
                memcpy(n->items, items, count * sizeof *items);
        n->n = count;
        n->open = false;
        return n;
}

/* Members of a mapping while it is read. */
typedef struct Member {
        NodeEntry entry;
        size_t index;
        bool merged; /* came through <<: gives way to one that was written here */
        bool loser;
} Member;

typedef struct Members {
        Member *items;
        size_t n, cap;
} Members;

static void members_add(Members *m, NodeEntry entry, bool merged) {
        Member *x = vec_push(m->items, m->n, m->cap);
        *x = (Member){ .entry = entry, .index = m->n - 1, .merged = merged };
}

static bool merge_one(Reader *r, Members *m, const Node *source, Pos pos) {
        if (source->kind != NODE_MAPPING) {
                problem_add(r->problems, pos,
                            "the merge key << wants a mapping or a list of mappings, found %s",
                            node_describe(source, r->arena));
                return true;
        }
        if (!spend(r, source->weight, pos))
                return false;
        for (size_t i = 0; i < source->n; i++)
                members_add(m, source->entries[i], true);
        return true;
}

static bool merge_all(Reader *r, Members *m, const Node *value) {
        if (value->kind != NODE_LIST)
                return merge_one(r, m, value, value->pos);
        for (size_t i = 0; i < value->n; i++)
                if (!merge_one(r, m, value->items[i], value->items[i]->pos))
                        return false;
        return true;
}

/* By key; what was written here before what was merged; then in file order. */
static int compare_keys(const void *a, const void *b) {
        const Member *x = a, *y = b;
        int d = strcmp(x->entry.key->text, y->entry.key->text);
        if (d)
                return d;
        if (x->merged != y->merged)
                return x->merged ? 1 : -1;
        return x->index < y->index ? -1 : 1;
}

static int compare_indexes(const void *a, const void *b) {
        const Member *x = a, *y = b;
        return x->index < y->index ? -1 : x->index > y->index;
}

/* Sorting finds duplicates in n log n: a hostile file may have a million keys. */
static void close_mapping(Reader *r, Node *n, Members *m) {
        if (!m->n)
                return;
        qsort(m->items, m->n, sizeof *m->items, compare_keys);
        const Member *first = m->items;
        for (size_t i = 1; i < m->n; i++) {
                Member *x = &m->items[i];
                if (!str_eq(x->entry.key->text, first->entry.key->text)) {
                        first = x;
                        continue;
                }
                x->loser = true;
                if (!x->merged)
                        problem_add(r->problems, x->entry.key->pos,
                                    "key \"%.80s\" is already defined at line %u",
                                    x->entry.key->text, first->entry.key->pos.line);
        }
        qsort(m->items, m->n, sizeof *m->items, compare_indexes);
        n->entries = arena_alloc(r->arena, m->n * sizeof *n->entries);
        for (size_t i = 0; i < m->n; i++) {
                if (m->items[i].loser)
                        continue;
                n->entries[n->n++] = m->items[i].entry;
                n->weight += 1 + m->items[i].entry.value->weight;
        }
}

static bool read_members(Reader *r, Members *m) {
        const Node *merge = NULL;
        for (;;) {
                yaml_event_t ev;
                if (!next_event(r, &ev))
                        return false;
                if (ev.type == YAML_MAPPING_END_EVENT) {
                        yaml_event_delete(&ev);
                        return true;
                }
                bool is_merge = ev.type == YAML_SCALAR_EVENT &&
                                ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                                !ev.data.scalar.tag &&
                                str_eq((const char *)ev.data.scalar.value, "<<");
                const Node *key = read_node(r, &ev);
                yaml_event_delete(&ev);
                if (!key || !next_event(r, &ev))
                        return false;
                const Node *value = read_node(r, &ev);
                yaml_event_delete(&ev);
                if (!value)
                        return false;
                if (key->kind != NODE_STRING) {
                        problem_add(r->problems, key->pos, "a key must be a string, found %s",
                                    node_describe(key, r->arena));
                } else if (!is_merge) {
                        members_add(m, (NodeEntry){ key, value }, false);
                } else if (merge) {
                        problem_add(r->problems, key->pos,
                                    "key \"<<\" is already defined at line %u", merge->pos.line);
                } else {
                        merge = key;
                        if (!merge_all(r, m, value))
                                return false;
                }
        }
}

static Node *read_mapping(Reader *r, const yaml_event_t *start) {
        Node *n = node_new(r, NODE_MAPPING, start->start_mark, start->data.mapping_start.anchor);
        if (!n)
                return NULL;
        n->open = true;
        Members m = { 0 };
        bool ok = read_members(r, &m);
        if (ok)
                close_mapping(r, n, &m);
        free(m.items);
        n->open = false;
        return ok ? n : NULL;
}

static Node *read_node(Reader *r, const yaml_event_t *ev) {
        if (r->depth == MAX_DEPTH) {
                problem_add(r->problems, pos_of(r, ev->start_mark),
                            "nested more than %d levels deep", MAX_DEPTH);
                return NULL;
        }
        r->depth++;
        Node *n = NULL;
        if (ev->type == YAML_ALIAS_EVENT)
                n = read_alias(r, ev);
        else if (ev->type == YAML_SCALAR_EVENT)
                n = read_scalar(r, ev);
        else if (ev->type == YAML_SEQUENCE_START_EVENT)
                n = read_list(r, ev);
        else if (ev->type == YAML_MAPPING_START_EVENT)
                n = read_mapping(r, ev);
        r->depth--;
        return n;
}

/* Stream start, then the first document or the end. */
static const Node *read_document(Reader *r) {
        const Node *n = NULL;
        for (;;) {
                yaml_event_t ev;
                if (!next_event(r, &ev))
                        return NULL;
                yaml_event_type_t type = ev.type;
                if (type == YAML_STREAM_END_EVENT)
                        problem_add(r->problems, (Pos){ r->file, 1, 1 },
                                    "EOF: there is no YAML document in it");
                else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT)
                        n = read_node(r, &ev);
                yaml_event_delete(&ev);
                if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT)
                        return n;
        }
}

static void keep_anchor(void *anchor) {
        (void)anchor; /* lives in the arena */
}

const Node *yaml_parse(const char *text, size_t len, const char *file, Problems *p) {
        Reader r = { .problems = p, .arena = p->arena, .file = file, .text = text, .len = len };
        if (len > YAML_MAX_TEXT) {
                problem_add(p, (Pos){ .file = file }, "larger than %zu MiB", YAML_MAX_TEXT >> 20);
                return NULL;
        }
        if (!yaml_parser_initialize(&r.parser))
                abort(); /* no memory: as xmalloc */
        yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
        const Node *n = read_document(&r);
        yaml_parser_delete(&r.parser);
        tdestroy(r.anchors, keep_anchor);
        return n;
}

const char *node_describe(const Node *n, Arena *arena) {
        static const char *const nouns[] = {
                [NODE_BOOL] = "boolean", [NODE_INT] = "integer", [NODE_FLOAT] = "number"
        };
        switch (n->kind) {
        case NODE_NULL:
                return "null";
        case NODE_LIST:
                return "a list";
        case NODE_MAPPING:
                return "a mapping";
        case NODE_STRING:
                return strlen(n->text) > 60
                               ? arena_printf(arena, "the string \"%.60s...\"", n->text)
                               : arena_printf(arena, "the string \"%s\"", n->text);
        default:
                return arena_printf(arena, "the %s %.60s", nouns[n->kind], n->text);
        }
}
