/* layer.h - a layer ready for use: decompressed once, verified, indexed, mapped.
 *
 * The first layer_open of a digest writes two derived files: the plain tar and a binary index of
 * its entries.  Later calls map the index and open the tar: no byte of the layer is read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/oci/cache.h"

typedef struct Layer Layer;

/* d: the layer's descriptor (gzip, zstd or plain tar, told by content). Verifies the compressed
 * bytes against d while reading. Errors name the layer; ERR_DAMAGED: the
 * blob was not what its name says and has been removed.  What is read of the entries later is
 * checked as well (content.h).  Thread-safe for different layers. */
int layer_open(Cache *c, const Descriptor *d, Layer **ret, Err *e);
void layer_free(Layer *l); /* entries and contents of it die with it */
size_t layer_count(const Layer *l);
/* Entry number i in archive order. name is as in the archive but lexically cleaned (yaml.md 7:
 * "./a//b/" -> "a/b",
 * "./" -> "."); whiteouts are still ordinary entries. Pointers live as long as l. */
void layer_entry(const Layer *l, size_t i, Entry *ret);

/* Reads the entries of a tar that stands inside another file (kernel.tar): calls fn in archive
 * order. Contents point into c. raw_names: names are passed exactly as stored (no cleaning). */
int layer_scan_tar(const Content *c, bool raw_names,
                   int (*fn)(void *ctx, const Entry *entry, Err *e), void *ctx, Err *e);
