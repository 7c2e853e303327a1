/* scalar.h - what an unquoted YAML scalar means (yaml.md 4.2) and which strings must be quoted so
 * that they stay strings (yaml.md 15.3).
 *
 * The two questions differ: `yes` is a string when read, but is written with quotes, because older
 * readers take it for a boolean. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum NodeKind {
        NODE_NULL,
        NODE_BOOL,
        NODE_INT,
        NODE_FLOAT,
        NODE_STRING,
        NODE_LIST,
        NODE_MAPPING,
} NodeKind;

typedef struct Scalar {
        NodeKind kind;
        bool boolean;
        bool negative; /* integers: sign and magnitude hold int64 and uint64 alike */
        uint64_t magnitude;
        double number;
} Scalar;

/* The meaning of a plain (unquoted) scalar. */
Scalar scalar_resolve(const char *text);

/* True when a reader could take text, written plainly, for something else than a string. */
bool scalar_needs_quotes(const char *text);
