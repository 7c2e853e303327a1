/* words.h - what the stub wants from the kernel command line.
 *
 * White space separates words; quotes mean nothing (boot.md 14).  As in the kernel the last word of
 * a kind wins. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Longest value that is kept; a longer one counts as absent. */
enum { WORD_MAX = 512 };

typedef struct Words {
        char root[WORD_MAX], types[WORD_MAX] /* rootfstype= */, flags[WORD_MAX] /* rootflags= */;
        char init[WORD_MAX];
        unsigned delay; /* rootdelay= */
        unsigned wait;  /* rootwait=, seconds; WORDS_WAIT when not given */
        bool writable;  /* rw */
        bool debug;
} Words;

enum { WORDS_WAIT = 30 };

void words_read(const char *text, Words *ret);
/* All "MODULE.PARAMETER=VALUE" words for this module as one string for finit_module(2); - and _ in
 * names are the same.  What does not fit is left out. */
void words_parameters(const char *text, const char *module, char *ret, size_t n);
/* Is the module in a "modprobe.blacklist=" word? */
bool words_blacklisted(const char *text, const char *module);
/* Do two names of modules mean the same?  n: length of a. */
bool words_same_module(const char *a, size_t n, const char *b);
