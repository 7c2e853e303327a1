/* recipe.h - the `native:` mapping of a build.yml: what an image is put together from.
 *
 * Reading checks everything that can be checked without looking at packages or files: kinds, names,
 * paths and modes. Everything lives in the arena of the Problems it was read with. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/package/keyread.h"
#include "lib/spec/spec.h"

/* One item of any of the lists `files` and `programs`. Paths are relative and clean; to ends in "/"
 * when it names a directory ("" is the root directory then written "/"). */
typedef struct RecipeFile {
        Str from, to;
        Str symlink;    /* target; files of the recipe only */
        Str concat;     /* pattern; files of the recipe only */
        Str name;       /* programs only */
        Bool directory; /* files of the recipe only */
        struct {
                bool set;
                uint32_t value;
        } mode;
        Pos pos;
} RecipeFile;

typedef struct RecipeFiles {
        bool set;
        RecipeFile *items;
        size_t n;
} RecipeFiles;

typedef struct RecipePackage {
        Str name; /* may be a pattern over the packages that were resolved */
        Bool depends;
        RecipeFiles files;
        StrList exclude;
        Pos pos;
} RecipePackage;

typedef struct RecipePackages {
        RecipePackage *items;
        size_t n;
} RecipePackages;

typedef struct RecipeTar {
        Str name;
        StrList patterns;
} RecipeTar;

typedef struct RecipeTars {
        RecipeTar *items;
        size_t n;
} RecipeTars;

typedef struct Recipe {
        Str suite; /* text is never NULL */
        RecipePackages packages;
        Bool elf_closure; /* always set */
        RecipeFiles programs, files;
        RecipeTars tars;
        Bool depmod;
        StrList entrypoint, cmd, env;
        Str workdir;
} Recipe;

/* Never fails: what is wrong is added to p. */
void recipe_read(Problems *p, const Node *native, Recipe *ret);
