/* keyread.h - reading a YAML mapping by a table of keys: unknown keys, wrong kinds and bad values
 * become problems with their position, everything else lands in the members of a struct. */
#pragma once

#include <stddef.h>

#include "lib/spec/problem.h"
#include "lib/spec/yaml.h"

typedef struct ReadKey {
        const char *name;
        /* Reads n into the member at slot; adds to p what is wrong. */
        void (*read)(Problems *p, const Node *n, void *slot);
        size_t offset;
} ReadKey;

/* what names the mapping in messages ("build.yml", "native"). */
void keys_read(Problems *p, const Node *map, const char *what, const ReadKey *keys, size_t n_keys,
               void *base);

void key_str(Problems *p, const Node *n, void *slot);      /* Str: any scalar but null */
void key_bool(Problems *p, const Node *n, void *slot);     /* Bool: also yes, no, on, off */
void key_str_list(Problems *p, const Node *n, void *slot); /* StrList */
