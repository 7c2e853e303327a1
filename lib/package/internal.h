/* internal.h - what the files of lib/package share about one opened package. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/package/package.h"
#include "lib/package/recipe.h"
#include "lib/package/tag.h"

struct Package {
        Arena *arena;
        const char *dir;  /* as the user named it, for messages */
        const char *real; /* absolute, no symlinks */
        const char *yml;  /* path of build.yml as shown in positions */
        Digest yml_digest;
        Str image, org, tag_template, gitrepo;
        Str below; /* the folder of the package that this one stands for, else no text */
        StrList arches, extra_sources;
        const char **arch_list; /* NULL-terminated */
        const char *label;      /* org.mobyproject.config, NULL: no config */
        bool native;
        Recipe recipe;
        Tag git;
        const char *ref, *name; /* full reference, "linuxkit/runc:TAG" */
        const char *lock_path;
};
