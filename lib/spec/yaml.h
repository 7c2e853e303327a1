/* yaml.h - YAML text as a tree of nodes that know their place.
 *
 * Aliases share nodes, so a tree may be much larger when walked than in memory: yaml_parse limits
 * the walked size, callers need not. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/spec/problem.h"
#include "lib/spec/scalar.h"
#include "lib/spec/spec.h"

/* Longest text that is looked at, whatever the source. */
#define YAML_MAX_TEXT ((size_t)16 << 20)

typedef struct Node Node;

typedef struct NodeEntry {
        const Node *key; /* always a string */
        const Node *value;
} NodeEntry;

struct Node {
        NodeKind kind;
        Pos pos;
        const char *text;   /* scalars: as written; strings: their value, without NUL inside */
        Scalar scalar;      /* scalars */
        const Node **items; /* lists */
        NodeEntry *entries; /* mappings: in file order, merge keys (<<) applied, keys unique */
        size_t n;           /* of items or entries */
        uint64_t weight;    /* number of nodes when walked */
        bool open;          /* still being read: an alias to it would never end */
};

/* Reads the first document of text in the dialect of yaml.md 4.2; file must come from
 * problems_file.  NULL after a syntax error; duplicate keys and keys that are not strings are added
 * to problems, too, but still give a tree. Nodes live in p->arena. */
const Node *yaml_parse(const char *text, size_t len, const char *file, Problems *p);

/* "the string \"yes\"", "a list" ...: what stands at a node, for messages; in the arena. */
const char *node_describe(const Node *n, Arena *arena);
