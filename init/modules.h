/* modules.h - kernel modules found and loaded from the text indexes that depmod writes.
 *
 * The texts (modules.alias, modules.dep) are mapped and searched once for a whole batch of aliases;
 * nothing is run.  A kernel without modules has no indexes: then every call finds nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

typedef struct Modules Modules;

/* Puts one module into the kernel; path is relative to the module directory, params may be "".
 * 0 or -errno. */
typedef int (*ModuleInsert)(void *ctx, const char *path, const char *params);

/* Works on texts that the caller keeps alive; either may be empty.  Lines of modules.dep that make
 * no sense are passed over. */
Modules *modules_new(const char *alias_text, size_t alias_len, const char *dep_text, size_t dep_len,
                     ModuleInsert insert, void *ctx);

/* The indexes of the running kernel with the configuration of /etc/modprobe.d and of the command
 * line; modules that /proc/modules lists count as loaded.  Never NULL. */
Modules *modules_open_system(void);

void modules_free(Modules *m); /* m may be NULL */

/* False when the image has no modules for the running kernel, so that nothing can ever be loaded.
 * One look at the file system. */
bool modules_exist(void);

/* "blacklist NAME" and "options NAME TEXT" lines of a modprobe.d file; others are ignored.
 * Blacklisted modules are not loaded for an alias, only by name. */
void modules_configure(Modules *m, const char *text);

/* First words of the lines are names of modules that need no loading (/proc/modules). */
void modules_mark_loaded(Modules *m, const char *proc_modules);

/* Which modules an alias may load. */
typedef enum ModuleSet {
        MODULES_URGENT, /* all but drivers that no container of the boot can be waiting for:
                         * processor features, frequency, power, input, graphics, sound */
        MODULES_ALL,
} ModuleSet;

/* Loads what one of the aliases asks for, with dependencies first.  Returns how many modules went
 * in; failures are passed over, as devices without a driver are normal. */
size_t modules_load_aliases(Modules *m, char *const *aliases, size_t n, ModuleSet set);

/* Loads one module by name; '-' and '_' are the same.  Returns how many modules went in (0: all
 * there already), ERR_NOT_FOUND when the index does not know it. */
int modules_load_name(Modules *m, const char *name, Err *e);

/* Loads a module name or alias into the running kernel; for one single wish.  Returns how many
 * modules went in. */
size_t modules_load_system(const char *name_or_alias);

/* Shell pattern of modules.alias against a device alias; '-' and '_' are the same. */
bool modules_match(const char *pattern, size_t pattern_len, const char *text);
