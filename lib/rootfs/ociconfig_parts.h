/* ociconfig_parts.h - the pieces of config.json; private to ociconfig*.c. */
#pragma once

#include "lib/rootfs/jsonout.h"
#include "lib/rootfs/ociconfig.h"

/* Fills in the stricter defaults where s says nothing; lists are made in the arena. */
void ociconfig_set_strict(Arena *a, Settings *s);
/* The member "process". */
int ociconfig_process(const OciConfigInput *in, JsonOut *j, Err *e);
/* The member "mounts": defaults, tmpfs, binds and mounts by destination (yaml.md 11.3). */
int ociconfig_mounts(const OciConfigInput *in, JsonOut *j, Err *e);
/* The member "resources"; rules for the devices of the settings are appended to its device list. */
void ociconfig_resources(const OciConfigInput *in, JsonOut *j);
