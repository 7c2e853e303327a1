/* cache.c - `linuxkit cache`: the store of images.
 *
 * `ls` is a result and goes to standard output, sorted; its columns are those that scripts cut
 * (cli.md 6.2, 14 row 7). */
#include "lib/oci/cache.h"

#include <stdio.h>

#include "cmd/linuxkit/cmd.h"

enum { NAME_WIDTH = 80 }; /* cli.md 6.2 */

static int list_name(void *ctx, const char *ref, const Descriptor *d, Err *e) {
        (void)e;
        json_array_append_new(ctx, json_pack("{s:s, s:s, s:s, s:I}", "name", ref, "digest",
                                             d->digest.text, "mediaType", d->media_type, "size",
                                             (json_int_t)d->size));
        return 0;
}

static int print_name(void *ctx, const char *ref, const Descriptor *d, Err *e) {
        (void)ctx, (void)e;
        printf("%-*s %s\n", NAME_WIDTH, ref, d->digest.text);
        return 0;
}

static int run_ls(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        if (json_wanted(c)) {
                json_t *list = json_array();
                if (cache_each_name(cache, list_name, list, e) == 0)
                        return json_result(list, e);
                json_decref(list);
                return -1;
        }
        printf("%-*s %s\n", NAME_WIDTH, "image name", "root manifest hash");
        return cache_each_name(cache, print_name, NULL, e);
}

static const Command ls = {
        .name = "ls",
        .help = "List the images in the cache",
        .max_args = -1,
        .run = run_ls,
};

static const Command *const commands[] = {
        &cmd_cache_clean, &cmd_cache_export, &cmd_cache_gc, &cmd_cache_import, &ls,
        &cmd_cache_pull,  &cmd_cache_push,   &cmd_cache_rm, &cmd_cache_verify, NULL,
};

const Command cmd_cache = {
        .name = "cache",
        .help = "Look after the image cache",
        .commands = commands,
};
