/* help.h - what the command tables say, as --help text and as manual pages. */
#pragma once

#include "cmd/linuxkit/flags.h"
#include "lib/base/str.h"

/* The text of `COMMAND --help`. */
void help_text(const CommandPath *p, Buf *out);
/* The manual page of the command in man(7) macros: the same bytes on every machine, no date. */
void help_man(const CommandPath *p, Buf *out);
/* Names of all manual pages ("linuxkit", "linuxkit-pkg-build"), one a line. */
void help_pages(const Command *root, Buf *out);
/* The command that the page is about; ERR_USAGE when there is no such page. */
int help_find_page(const Command *root, const char *page, CommandPath *ret, Err *e);
/* Follows words from root; ERR_USAGE when one is unknown. */
int help_find(const Command *root, const char *const *words, size_t n, CommandPath *ret, Err *e);
