/* cache_remote.c - `linuxkit cache pull` and `push`: between registries and the cache.
 *
 * What push says on standard output is read by scripts of package repositories (cli.md 6.3). */
#include <stdio.h>
#include <string.h>

#include "cmd/linuxkit/cmd.h"
#include "lib/base/log.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/oci/attestation.h"
#include "lib/oci/contents.h"
#include "lib/oci/push.h"

/* --- cache pull ----------------------------------------------------------------------------- */

static const Flag pull_flags[] = {
        { "platform", 0, FLAG_CSV, "OS/ARCH", NULL,
          "platforms whose layers are fetched (default: this machine's), or all",
          platform_choices },
        { "arch", 0, FLAG_CSV, "ARCH", NULL, "the same as --platform linux/ARCH", arch_choices },
        { 0 },
};

/* "NAME-ARCH" for each image of an index that was asked for and is there (cli.md 6.1). */
static int name_images(Cache *cache, const Ref *ref, const Descriptor *root,
                       const Platforms *wanted, Err *e) {
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        if (cache_load_blob(cache, root, MANIFEST_LIMIT, &text, e) < 0 ||
            manifest_parse(text, root->size, root->digest.text, &m, e) < 0)
                return -1;
        for (size_t i = 0; i < m.n_entries && !ref->digest; i++) {
                const ManifestEntry *entry = &m.entries[i];
                const char *arch = entry->architecture;
                _cleanup_contents_ Contents parts = { 0 };
                const Platforms any = { .all = true };
                if (!str_eq(entry->os, "linux") || !arch || manifest_choose(&m, arch) != entry ||
                    attestation_is_about(entry, NULL) || !platforms_match(wanted, entry) ||
                    contents_add(cache, ref->text, &entry->descriptor, &any, &parts, NULL) < 0)
                        continue;
                _cleanup_free_ char *name = xasprintf("%s-%s", ref->text, arch);
                _cleanup_ref_ Ref checked = { 0 };
                if (ref_parse(name, &checked, NULL) == 0 &&
                    cache_set_name(cache, checked.text, &entry->descriptor, e) < 0)
                        return -1;
        }
        return 0;
}

static int pull_platforms(Context *c, Cache *cache, const Ref *ref, const Platforms *wanted,
                          Err *e) {
        if (wanted->all)
                return registry_pull(cache, &c->registry, ref->text, NULL, e);
        for (size_t i = 0; i < wanted->n; i++) {
                const Platform *p = &wanted->items[i];
                if (!str_eq(p->os, "linux") || p->variant) {
                        err_set(e, ERR_USAGE, 0, "platform %s/%s%s%s cannot be pulled alone", p->os,
                                p->arch, p->variant ? "/" : "", p->variant ? p->variant : "");
                        return err_hint(e, "--platform takes linux/ARCH, and all for everything");
                }
                if (registry_pull(cache, &c->registry, ref->text, p->arch, e) < 0)
                        return -1;
        }
        return 0;
}

static int pull_one(Context *c, Cache *cache, const char *word, const Platforms *wanted,
                    json_t *list, Err *e) {
        _cleanup_ref_ Ref ref = { 0 };
        _cleanup_free_ char *name = xasprintf("%s%s", word, strchr(word, ':') ? "" : ":latest");
        Descriptor root;
        /* blobs without a name are nobody's until they have one */
        _cleanup_fd_ int hold = cache_hold(cache, e);
        if (hold < 0 || ref_parse(name, &ref, e) < 0 ||
            pull_platforms(c, cache, &ref, wanted, e) < 0 ||
            cache_lookup(cache, ref.text, &root, e) < 0 ||
            name_images(cache, &ref, &root, wanted, e) < 0)
                return -1;
        json_array_append_new(
                list, json_pack("{s:s, s:s}", "name", ref.text, "digest", root.digest.text));
        return 0;
}

static int run_pull(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        Platforms wanted;
        if (platforms_wanted(c->args, &wanted, e) < 0 || cache_open(c->cache, &cache, e) < 0)
                return -1;
        json_t *list = json_array();
        int r = 0;
        for (size_t i = 0; r == 0 && i < c->args->n_words; i++)
                r = pull_one(c, cache, c->args->words[i], &wanted, list, e);
        if (r == 0 && json_wanted(c))
                return json_result(list, e);
        json_decref(list);
        return r;
}

const Command cmd_cache_pull = {
        .name = "pull",
        .args = "NAME...",
        .help = "Fetch images from their registries into the cache",
        .text = "The registry is always asked; what the cache has already is not fetched again. An "
                "index is kept whole, and its images also get the names NAME-ARCH.\n\n"
                "  linuxkit cache pull --platform linux/amd64,linux/arm64 redis:7\n",
        .flags = pull_flags,
        .min_args = 1,
        .max_args = -1,
        .run = run_pull,
};

/* --- cache push ----------------------------------------------------------------------------- */

static const Flag push_flags[] = {
        { "remote-name", 0, FLAG_STRING, "REF", NULL, "name in the registry (default: NAME)",
          NULL },
        { "with-arch-tags", 0, FLAG_BOOL, NULL, NULL,
          "for an index: also push each image as NAME-ARCH", NULL },
        { "override", 0, FLAG_BOOL, NULL, NULL,
          "push although the registry has another image of that name", NULL },
        { 0 },
};

static const char *state_word(PushState state) {
        static const char *const words[] = { [PUSH_PUSHED] = "pushed",
                                             [PUSH_AVAILABLE] = "available",
                                             [PUSH_EXISTS] = "exists",
                                             [PUSH_SKIPPED] = "incomplete" };
        return words[state];
}

static json_t *push_json(const PushResult *r) {
        json_t *tags = json_array();
        for (size_t i = 0; i < r->n_tags; i++)
                json_array_append_new(tags, json_pack("{s:s, s:s}", "name", r->tags[i].ref, "state",
                                                      state_word(r->tags[i].state)));
        return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:{s:I, s:I, s:I, s:I}}", "name", r->name,
                         "remote", r->remote, "state", state_word(r->state), "digest",
                         r->root.digest.text, "merged", r->merged, "tags", tags, "blobs",
                         "uploaded", (json_int_t)r->uploaded, "mounted", (json_int_t)r->mounted,
                         "present", (json_int_t)r->present, "uploadedBytes",
                         (json_int_t)r->uploaded_bytes);
}

static void print_push(const PushResult *r, bool arch_tags) {
        if (r->state == PUSH_EXISTS)
                log_info("image %s already exists in the registry, skipping", r->remote);
        else if (r->state == PUSH_AVAILABLE)
                log_info("image %s already available on remote registry, skipping push", r->remote);
        else
                printf("Pushed %s %s\n", r->is_index ? "index" : "image", r->remote);
        if (!r->is_index || r->state == PUSH_EXISTS)
                return;
        if (!arch_tags)
                printf("Skipping push of individual images in the index %s\n", r->remote);
        else
                printf("pushing individual images in the index %s\n", r->remote);
        for (size_t i = 0; i < r->n_tags; i++) {
                const PushTag *tag = &r->tags[i];
                if (tag->state == PUSH_PUSHED)
                        printf("Pushed image %s\n", tag->ref);
                else if (tag->state == PUSH_SKIPPED)
                        log_warn("%s is not pushed: the cache does not have all of it", tag->ref);
                else
                        log_info("image %s already available on remote registry, skipping push",
                                 tag->ref);
        }
}

static int push_one(Context *c, Cache *cache, const char *word, json_t *list, Err *e) {
        _cleanup_ref_ Ref name = { 0 }, remote = { 0 };
        const char *as = args_string(c->args, "remote-name");
        const PushOptions o = { .name = word,
                                .remote = as,
                                .with_arch_tags = args_bool(c->args, "with-arch-tags"),
                                .override = args_bool(c->args, "override") };
        PushResult result;
        if (ref_parse(word, &name, e) < 0 || (as && ref_parse(as, &remote, e) < 0))
                return -1;
        if (!json_wanted(c)) {
                printf("Pushing local %s as %s\n", name.text, as ? remote.text : name.text);
                fflush(stdout);
        }
        if (registry_push(cache, &c->registry, &o, &result, e) < 0)
                return -1;
        if (json_wanted(c))
                json_array_append_new(list, push_json(&result));
        else
                print_push(&result, o.with_arch_tags);
        push_result_done(&result);
        return 0;
}

static int run_push(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        json_t *list = json_array();
        int r = 0;
        for (size_t i = 0; r == 0 && i < c->args->n_words; i++)
                r = push_one(c, cache, c->args->words[i], list, e);
        if (r == 0 && json_wanted(c))
                return json_result(list, e);
        json_decref(list);
        return r;
}

const Command cmd_cache_push = {
        .name = "push",
        .args = "NAME...",
        .help = "Push images of the cache to their registries",
        .text = "What the registry has already is not sent. An index that the registry has under "
                "the same name keeps the platforms that ours lacks. Mirrors are not used: images "
                "go where their name says.",
        .flags = push_flags,
        .min_args = 1,
        .max_args = -1,
        .run = run_push,
};
