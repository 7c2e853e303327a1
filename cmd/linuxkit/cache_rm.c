/* cache_rm.c - `linuxkit cache rm` and `clean`.
 *
 * `--published-only` asks the registry through mirrors, as a read (cli.md 6.2): only what can be
 * pulled again goes. */
#include <stdio.h>
#include <string.h>

#include "cmd/linuxkit/cmd.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

/* --- names ---------------------------------------------------------------------------------- */

typedef struct Names {
        char **items;
        size_t n, cap;
} Names;

static void names_done(Names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->items[i]);
        free(names->items);
}

static int add_name(void *ctx, const char *ref, const Descriptor *d, Err *e) {
        Names *names = ctx;
        (void)d, (void)e;
        *vec_push(names->items, names->n, names->cap) = xstrdup(ref);
        return 0;
}

/* Could the image be pulled again, exactly as it is?  Says why not. */
static bool is_published(Context *c, Cache *cache, const char *ref) {
        Descriptor ours, theirs;
        _cleanup_err_ Err why = ERR_INIT;
        if (cache_lookup(cache, ref, &ours, NULL) < 0)
                return true; /* the removal says what is wrong with the name */
        if (registry_head(&c->registry, ref, &theirs, &why) < 0) {
                log_info("image %s stays: %s", ref, why.text);
                return false;
        }
        if (!digest_eq(&ours.digest, &theirs.digest))
                log_info("image %s stays: the registry has %s, the cache %s", ref,
                         theirs.digest.text, ours.digest.text);
        return digest_eq(&ours.digest, &theirs.digest);
}

/* Removes all or none. */
static int remove_names(Context *c, Cache *cache, const char *const *refs, size_t n, Err *e) {
        json_t *removed = json_array();
        if (n && cache_remove(cache, refs, n, e) < 0) {
                json_decref(removed);
                return -1;
        }
        for (size_t i = 0; i < n; i++) {
                log_info("removing image %s from cache", refs[i]);
                json_array_append_new(removed, json_string(refs[i]));
        }
        if (json_wanted(c))
                return json_result(json_pack("{s:o}", "removed", removed), e);
        json_decref(removed);
        return 0;
}

static int remove_published(Context *c, Cache *cache, const char *const *refs, size_t n, Err *e) {
        _cleanup_free_ const char **published = xcalloc(n + 1, sizeof *published);
        size_t n_published = 0;
        for (size_t i = 0; i < n; i++)
                if (is_published(c, cache, refs[i]))
                        published[n_published++] = refs[i];
        return remove_names(c, cache, published, n_published, e);
}

/* --- cache rm ------------------------------------------------------------------------------- */

static const Flag published_flags[] = {
        { "published-only", 0, FLAG_BOOL, NULL, NULL,
          "only images that their registry has exactly as the cache has them", NULL },
        { 0 },
};

static int run_rm(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        const Args *a = c->args;
        Descriptor unused;
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        int r = 0;
        for (size_t i = 0; r == 0 && i < a->n_words; i++)
                r = cache_lookup(cache, a->words[i], &unused, e);
        if (r == 0)
                r = args_bool(a, "published-only")
                            ? remove_published(c, cache, a->words, a->n_words, e)
                            : remove_names(c, cache, a->words, a->n_words, e);
        if (r < 0 && e->kind == ERR_NOT_FOUND)
                err_hint(e, "names are written as `linuxkit cache ls` shows them");
        return r;
}

const Command cmd_cache_rm = {
        .name = "rm",
        .args = "NAME...",
        .help = "Remove images from the cache",
        .text = "Names are written as `linuxkit cache ls` shows them. Either all are removed or "
                "none; content that other images share stays.",
        .flags = published_flags,
        .min_args = 1,
        .max_args = -1,
        .run = run_rm,
};

/* --- cache clean ---------------------------------------------------------------------------- */

static int run_clean(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        _cleanup_(names_done) Names names = { 0 };
        bool published = args_bool(c->args, "published-only"), others;
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        if (published)
                return cache_each_name(cache, add_name, &names, e) < 0
                               ? -1
                               : remove_published(c, cache, (const char *const *)names.items,
                                                  names.n, e);
        if (cache_empty(cache, &others, e) < 0)
                return -1;
        if (others)
                log_warn("%s holds files that are not the cache's: they stay", cache_dir(cache));
        if (json_wanted(c))
                return json_result(json_pack("{s:s}", "emptied", cache_dir(cache)), e);
        printf("Cache emptied: %s\n", cache_dir(cache));
        return 0;
}

const Command cmd_cache_clean = {
        .name = "clean",
        .help = "Remove everything from the cache",
        .text = "With --published-only images that the registry does not have stay, and files that "
                "were built or imported here are not lost.",
        .flags = published_flags,
        .max_args = -1,
        .run = run_clean,
};
