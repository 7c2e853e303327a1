/* authenticode.h - signs an EFI program for Secure Boot: same key and program, same bytes (no
 * signing time, RSA only; formats.md 3.12). */
#pragma once

#include "lib/base/err.h"
#include "lib/base/extents.h"

typedef struct SigningKey SigningKey;

/* A private key and its certificate, PEM files.  ERR_USAGE: not PEM, encrypted, not RSA, not
 * belonging together. */
int signing_key_load(const char *key_path, const char *cert_path, SigningKey **ret, Err *e);
void signing_key_free(SigningKey *k); /* k may be NULL */
static inline void cleanup_signing_key_fn(SigningKey **k) {
        signing_key_free(*k);
}
#define _cleanup_signing_key_ __attribute__((cleanup(cleanup_signing_key_fn)))

/* Appends pe with a signature behind it to out; pe is referred to and must outlive it. ERR_VERIFY:
 * pe is not a PE32+ program, or is signed already. */
int authenticode_sign(const SigningKey *k, const Extents *pe, Extents *out, Err *e);
