/* cache.c - `linuxkit cache`: what is in the store of images.
 *
 * `ls` is a result and goes to standard output, sorted; its columns are those that scripts cut
 * (cli.md 6.2, 14 row 7). */
#include "lib/oci/cache.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "cmd/linuxkit/cmd.h"
#include "lib/base/arch.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/ref.h"

enum { NAME_WIDTH = 80 }; /* cli.md 6.2 */

/* --- cache ls ------------------------------------------------------------------------------- */

static int print_name(void *ctx, const char *ref, const Descriptor *d, Err *e) {
        (void)ctx, (void)e;
        printf("%-*s %s\n", NAME_WIDTH, ref, d->digest.text);
        return 0;
}

static int run_ls(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        printf("%-*s %s\n", NAME_WIDTH, "image name", "root manifest hash");
        return cache_each_name(cache, print_name, NULL, e);
}

static const Command ls = {
        .name = "ls",
        .help = "List the images in the cache",
        .max_args = -1,
        .run = run_ls,
};

/* --- cache rm ------------------------------------------------------------------------------- */

static int run_rm(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        const Args *a = c->args;
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        if (cache_remove(cache, a->words, a->n_words, e) < 0)
                return err_hint(e, "names are written as `linuxkit cache ls` shows them");
        for (size_t i = 0; i < a->n_words; i++)
                log_info("removing image %s from cache", a->words[i]);
        return 0;
}

static const Command rm = {
        .name = "rm",
        .args = "NAME...",
        .help = "Remove images from the cache",
        .text = "Names are written as `linuxkit cache ls` shows them. Either all are removed or "
                "none; "
                "content that other images share stays.",
        .min_args = 1,
        .max_args = -1,
        .run = run_rm,
};

/* --- cache pull ----------------------------------------------------------------------------- */

static const Flag pull_flags[] = {
        { "arch", 0, FLAG_STRING, "ARCH", NULL,
          "architecture whose layers are fetched (default: this machine's)", arch_choices },
        { 0 },
};

static int run_pull(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        const char *wanted = args_string(c->args, "arch");
        const Arch *arch = wanted ? arch_find(wanted) : NULL;
        if (wanted && !arch)
                return err_set(e, ERR_USAGE, 0, "unknown arch \"%s\"", wanted);
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        for (size_t i = 0; i < c->args->n_words; i++) {
                const char *word = c->args->words[i];
                _cleanup_ref_ Ref ref = { 0 };
                _cleanup_free_ char *name =
                        xasprintf("%s%s", word, strchr(word, ':') ? "" : ":latest");
                if (ref_parse(name, &ref, e) < 0 ||
                    registry_pull(cache, &c->registry, ref.text, arch ? arch->go : arch_host(), e) <
                            0)
                        return -1;
        }
        return 0;
}

static const Command pull = {
        .name = "pull",
        .args = "NAME...",
        .help = "Fetch images from their registries into the cache",
        .flags = pull_flags,
        .min_args = 1,
        .max_args = -1,
        .run = run_pull,
};

/* --- cache clean ---------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

/* Only what a cache consists of: a directory that somebody named by mistake keeps its own files. */
static int run_clean(Context *c, Err *e) {
        static const char *const members[] = { "index.json", "oci-layout", "blobs", "derived",
                                               "ingest",     ".in-use",    ".lock" };
        _cleanup_cache_ Cache *cache = NULL;
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        const char *dir = cache_dir(cache);
        for (size_t i = 0; i < ARRAY_LEN(members); i++) {
                _cleanup_free_ char *path = path_join(dir, members[i]);
                if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
                        return err_set(e, ERR_IO, errno, "remove %s", path);
        }
        int errnum = rmdir(dir) < 0 ? errno : 0;
        if (errnum == ENOTEMPTY)
                log_warn("%s holds files that are not the cache's: they stay", dir);
        else if (errnum)
                return err_set(e, ERR_IO, errnum, "remove %s", dir);
        printf("Cache emptied: %s\n", dir);
        return 0;
}

static const Command clean = {
        .name = "clean",
        .help = "Remove everything from the cache",
        .max_args = -1,
        .run = run_clean,
};

static const Command *const commands[] = { &clean, &ls, &pull, &rm, NULL };

const Command cmd_cache = {
        .name = "cache",
        .help = "Look after the image cache",
        .commands = commands,
};
