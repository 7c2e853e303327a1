/* keys.h - the build file's tables. */
#pragma once

#include "lib/spec/schema.h"

typedef struct ImageEntries {
        bool set;
        ImageEntry *items;
        size_t n;
} ImageEntries;

/* One FILE as read, before it is merged into the Spec. */
typedef struct BuildFile {
        Kernel kernel;
        StrList init;
        ImageEntries sections[SECTION_COUNT];
        struct {
                bool set;
                Volume *items;
                size_t n;
        } volumes;
        struct {
                bool set;
                FileItem *items;
                size_t n;
        } files;
        struct {
                StrList image, org;
        } trust; /* legacy: validated, then ignored */
} BuildFile;

extern const Schema schema_build_file; /* fills a BuildFile */
extern const Schema schema_label;      /* fills an ImageEntry */
