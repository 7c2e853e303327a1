/* schema.h - one table row per key: name, type, place in the struct, limits, help.  The rows drive
 * parsing, validation, the suggestions for misspelt keys and `linuxkit schema`.
 *
 * Nothing here knows a key of the build file; the rows are in keys.c. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/spec/problem.h"
#include "lib/spec/yaml.h"
#include "lib/base/str.h"

typedef enum KeyType {
        KEY_STRING,        /* Str */
        KEY_STRING_OR_INT, /* Str: an integer is taken as its own text */
        KEY_BOOL,          /* Bool */
        KEY_INT,           /* Int of min..max */
        KEY_U32,           /* uint32_t */
        KEY_ID,            /* Id */
        KEY_STRINGS,       /* StrList */
        KEY_IDS,           /* IdList */
        KEY_STRING_MAP,    /* Map */
        KEY_MAPPING,       /* struct described by sub */
        KEY_LIST,          /* pointer to structs described by sub, and a count */
} KeyType;

/* State of one walk.  path is where the walk stands: "services[2].readonly". */
typedef struct SchemaWalk {
        Arena *arena;
        Problems *problems;
        Buf path;
} SchemaWalk;

typedef struct Schema Schema;

typedef struct Key {
        const char *name;
        const char *help; /* what the key is for, one line */
        KeyType type;
        bool required;
        size_t offset; /* of the value (KEY_LIST: of the pointer) in the struct */
        size_t count;  /* KEY_LIST: offset of the number of items */
        size_t flag;   /* 1 + offset of a bool that says "the key is there"; 0: none */
        const Schema *sub;
        int64_t min;                /* KEY_INT */
        uint64_t max;               /* KEY_INT */
        const char *const *choices; /* KEY_STRING: NULL-terminated list of what is allowed */
        /* Further checks on a value of the right type; value points to what stands at offset. */
        void (*check)(SchemaWalk *w, const void *value, Pos pos);
        /* What check demands, as members of a JSON Schema; the caller owns the object.  NULL: none.
         */
        json_t *(*shape)(void);
        /* KEY_LIST whose struct keeps the items in another shape: moves them there. */
        void (*place)(Arena *a, void *base, const void *items, size_t n);
} Key;

struct Schema {
        const char *name; /* of the definition in the JSON Schema; NULL: stands in its only place */
        const Key *keys;
        size_t n;
        size_t size; /* of the struct */
        size_t pos;  /* 1 + offset of a Pos in the struct that gets the mapping's place; 0: none */
        const Schema *base; /* keys shared with another mapping, at most one level */
        size_t base_offset; /* where the base's struct starts */
        /* Checks on several keys together; only called when all of them are right singly. */
        void (*check)(SchemaWalk *w, const void *item, Pos pos);
        json_t *(*shape)(void); /* as in Key */
};

/* Fills item (zeroed, s->size bytes) from the mapping n; faults go to w->problems. */
void schema_read(SchemaWalk *w, const Schema *s, const Node *n, void *item);

/* Adds "PATH: text" at pos. */
void schema_problem(SchemaWalk *w, Pos pos, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
