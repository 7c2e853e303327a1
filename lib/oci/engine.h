/* engine.h - images of a local Docker engine, for `build --docker` (cli.md 5.5): the few calls of
 * its HTTP interface that are needed to read a config and the files of an image.
 *
 * An engine has no layers to offer, only the export of a container; so its images never enter the
 * cache, and every failure here is a reason to go on without the engine. */
#pragma once

#include <stddef.h>

#include "lib/base/entry.h"
#include "lib/base/err.h"
#include "lib/oci/cache.h"
#include "lib/oci/image.h"

typedef struct Engine Engine;

/* Finds the engine by DOCKER_HOST (unix:// or tcp://), DOCKER_CERT_PATH, DOCKER_TLS_VERIFY and
 * DOCKER_API_VERSION, and agrees on a version of the interface with it. */
int engine_new(Engine **ret, Err *e);
void engine_free(Engine *g); /* g may be NULL */

/* The image ref (in normal form) when the engine has it for arch: config only, no layers.
 * ERR_NOT_FOUND: it has not.  Thread-safe, as is engine_export. */
int engine_image(Engine *g, const char *ref, const char *arch, Image **ret, Err *e);

/* The files of an image as the engine exports them. */
typedef struct EngineExport EngineExport;

/* Exports image into a file of the cache's folder that has no name any more when this returns. */
int engine_export(Engine *g, Cache *c, const Image *image, EngineExport **ret, Err *e);
void engine_export_free(EngineExport *x); /* x may be NULL; its entries die with it */
size_t engine_export_count(const EngineExport *x);
/* Entry i in archive order, name cleaned as in layer_entry. */
void engine_export_entry(const EngineExport *x, size_t i, Entry *ret);
