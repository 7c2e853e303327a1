/* uuid.h - identifiers that follow from content (formats.md, "deterministic UUID"): no random
 * number reaches an image. */
#pragma once

#include <stdint.h>

#include "lib/base/hash.h"

/* The order in which a UUID is printed (RFC 9562); GPT stores the first three fields swapped. */
typedef struct Uuid {
        uint8_t b[16];
} Uuid;

/* First 16 bytes of SHA-256(purpose NUL digest as text), version 8, variant 1. */
Uuid uuid_derive(const char *purpose, const Digest *content);
/* From its printed form, of any case; for constants: a text that is none gives zeros. */
Uuid uuid_parse(const char *text);
enum { UUID_TEXT = 37 };
/* "xxxxxxxx-xxxx-...", lower case. */
void uuid_text(const Uuid *u, char buf[UUID_TEXT]);
