/* sources.h - the host's apt sources, narrowed to one Debian suite.
 *
 * Where packages come from is the host's business: this repository names no mirror. Kept are
 * entries of type deb whose suite is SUITE, SUITE-updates or SUITE-security, with the components
 * main and non-free-firmware, and the key they are signed with. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"

typedef struct SourcesOptions {
        const char *suite;
        const char *arch; /* Debian name */
        /* "URI [SECURITY-URI]": replaces the addresses of SUITE and SUITE-updates, and of
         * SUITE-security, which is left out when there is no second one. NULL: addresses of the
         * host. */
        const char *mirror;
} SourcesOptions;

/* Appends to out, in deb822 form, what of text is wanted; list: one-line format (sources.list),
 * else deb822. Lines that are no sources are skipped: apt itself has judged this file already. */
void sources_convert(const char *text, bool list, const SourcesOptions *o, Buf *out);
