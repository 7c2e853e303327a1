/* runtimeconfig.h - runtime.json: what happens around a container's start (yaml.md 12). */
#pragma once

#include <stddef.h>

#include "lib/base/str.h"
#include "lib/rootfs/jsonout.h"
#include "lib/spec/spec.h"

/* Appends the text; rootfs are the mounts that come before the user's (yaml.md 10.2). Our keys,
 * from "restart" on, stand last and only when they are set, so that files without them are the
 * reference's byte for byte; times are in seconds. */
void runtimeconfig_write(const Runtime *runtime, const Mount *rootfs, size_t n_rootfs, Buf *out);

/* Shared with config.json: a list of strings, and a list of id mappings; always written. */
void jsonout_strings(JsonOut *j, const char *key, const StrList *list);
void jsonout_id_mappings(JsonOut *j, const char *key, const IdMappings *list);
