/* ociconfig.h - config.json of a container: the OCI runtime configuration (yaml.md 10.3, 11).
 *
 * The text is the reference's byte for byte, order of members included. */
#pragma once

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/oci/image.h"
#include "lib/spec/spec.h"

typedef struct OciConfigInput {
        const Spec *spec;         /* for names used as uid and gid */
        const Settings *settings; /* build file and label merged, volume names replaced */
        const ImageConfig *image; /* for what neither of them sets */
        const char *who;          /* `services[0] "web"`, for messages */
        bool strict;              /* docker's defaults for isolation where nobody sets any (W43) */
} OciConfigInput;

/* Appends the text. Errors are ERR_SPEC with the position of the item. */
int ociconfig_write(const OciConfigInput *in, Buf *out, Err *e);
