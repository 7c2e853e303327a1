/* shape.h - what check.h tests, said as JSON Schema (draft 7) for editors; one function per check,
 * each in the shape of Key.shape.
 *
 * What needs more than one value of the file (names that must exist or be unique) cannot be said in
 * JSON Schema and is left to the checks. */
#pragma once

#include <jansson.h>

json_t *shape_name(void);
json_t *shape_volume_name(void);
json_t *shape_duration(void);
json_t *shape_program(void);
json_t *shape_period(void);
json_t *shape_tcp(void);
json_t *shape_absolute_path(void);
json_t *shape_command(void);
json_t *shape_image(void);
json_t *shape_optional_image(void);
json_t *shape_images(void);
json_t *shape_capabilities(void);
json_t *shape_binds(void);
json_t *shape_tmpfs(void);
json_t *shape_rlimits(void);
json_t *shape_mount(void);
json_t *shape_device(void);
json_t *shape_probe(void);
json_t *shape_volume(void);
json_t *shape_file(void);
