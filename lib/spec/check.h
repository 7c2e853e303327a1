/* check.h - what values must look like beyond their type (yaml.md 5.3-5.7, 11.3, 11.4).  All have
 * the shape of Key.check or Schema.check.
 *
 * The reference finds most of these faults only while it assembles images; none of them needs one.
 */
#pragma once

#include "lib/spec/schema.h"

extern const char *const check_capability_names[]; /* 11.4, without CAP_; NULL-terminated */
extern const char *const check_rlimit_names[];     /* 5.3, without RLIMIT_; NULL-terminated */

/* Keys. */
void check_name(SchemaWalk *w, const void *str, Pos pos);
void check_volume_name(SchemaWalk *w, const void *str, Pos pos);
void check_duration(SchemaWalk *w, const void *str, Pos pos);
void check_program(SchemaWalk *w, const void *str, Pos pos);
void check_period(SchemaWalk *w, const void *str, Pos pos); /* a duration, or 0s */
void check_tcp(SchemaWalk *w, const void *str, Pos pos);
void check_absolute_path(SchemaWalk *w, const void *str, Pos pos);
void check_command(SchemaWalk *w, const void *list, Pos pos);
void check_image(SchemaWalk *w, const void *str, Pos pos);
void check_optional_image(SchemaWalk *w, const void *str, Pos pos); /* "" means none */
void check_label_name(SchemaWalk *w, const void *str, Pos pos);
void check_images(SchemaWalk *w, const void *list, Pos pos);
void check_capabilities(SchemaWalk *w, const void *list, Pos pos);
void check_binds(SchemaWalk *w, const void *list, Pos pos);
void check_tmpfs(SchemaWalk *w, const void *list, Pos pos);
void check_rlimits(SchemaWalk *w, const void *list, Pos pos);

/* Mappings. */
void check_mount(SchemaWalk *w, const void *mount, Pos pos);
void check_device(SchemaWalk *w, const void *device, Pos pos);
void check_probe(SchemaWalk *w, const void *probe, Pos pos);
void check_volume(SchemaWalk *w, const void *volume, Pos pos);
void check_file(SchemaWalk *w, const void *file_item, Pos pos);
