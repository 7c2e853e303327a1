/* cache_care.c - `linuxkit cache verify` and `gc`: keeping the cache whole and small.
 *
 * Neither changes what a name stands for. */
#include <stdio.h>

#include "cmd/linuxkit/cmd.h"
#include "lib/base/str.h"
#include "lib/oci/image.h"

/* --- cache verify --------------------------------------------------------------------------- */

static const Flag verify_flags[] = {
        { "repair", 0, FLAG_BOOL, NULL, NULL, "fetch what is missing or damaged again", NULL },
        { 0 },
};

static const char *fault_word(CacheFault fault) {
        static const char *const words[] = { [CACHE_MISSING] = "missing",
                                             [CACHE_DAMAGED] = "damaged",
                                             [CACHE_DERIVED] = "derived",
                                             [CACHE_UNREFERENCED] = "unreferenced" };
        return words[fault];
}

typedef struct Report {
        bool json;
        json_t *problems;
        size_t left; /* faults that are not repaired */
        size_t unreferenced;
} Report;

static int report_problem(void *ctx, const CacheProblem *p, Err *e) {
        Report *r = ctx;
        (void)e;
        if (p->fault == CACHE_UNREFERENCED)
                r->unreferenced++;
        else if (!p->repaired)
                r->left++;
        if (r->json) {
                json_t *o = json_pack("{s:s, s:s, s:s, s:b}", "fault", fault_word(p->fault), "role",
                                      p->role, "what", p->what, "repaired", p->repaired);
                if (p->name)
                        json_object_set_new(o, "name", json_string(p->name));
                if (p->blob.digest.text[0])
                        json_object_set_new(o, "digest", json_string(p->blob.digest.text));
                json_array_append_new(r->problems, o);
        } else if (p->fault != CACHE_UNREFERENCED) {
                printf("%s%s%s %s%s%s%s\n", p->name ? p->name : "", p->name ? ": " : "", p->role,
                       p->blob.digest.text, p->blob.digest.text[0] ? " " : "", p->what,
                       p->repaired ? " (repaired)" : "");
        }
        return 0;
}

static int fetch_again(void *ctx, const char *name, const Descriptor *d, bool is_manifest, Err *e) {
        return image_refetch(ctx, name, d, is_manifest, e);
}

static int finish_verify(Context *c, Report *r, const CacheSummary *s, Err *e) {
        if (r->json) {
                json_t *o =
                        json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "problems", r->problems,
                                  "names", (json_int_t)s->n_names, "blobs", (json_int_t)s->n_blobs,
                                  "blobBytes", (json_int_t)s->blob_bytes, "derived",
                                  (json_int_t)s->n_derived, "derivedBytes",
                                  (json_int_t)s->derived_bytes, "unrepaired", (json_int_t)r->left);
                if (json_result(o, e) < 0)
                        return -1;
        } else {
                printf("%zu names, %zu blobs, %llu MiB; derived: %zu files, %llu MiB; "
                       "%zu problems\n",
                       s->n_names, s->n_blobs, (unsigned long long)s->blob_bytes >> 20,
                       s->n_derived, (unsigned long long)s->derived_bytes >> 20, s->n_problems);
                if (r->unreferenced)
                        printf("%zu blobs belong to no image; `linuxkit cache gc` removes them\n",
                               r->unreferenced);
        }
        if (!r->left)
                return 0;
        err_set(e, ERR_VERIFY, 0, "the cache has %zu problems", r->left);
        return args_bool(c->args, "repair")
                       ? -1
                       : err_hint(e, "`linuxkit cache verify --repair` fetches again what the "
                                     "registries have");
}

static int run_verify(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        Report report = { .json = json_wanted(c), .problems = json_array() };
        ImageSource source = { .cache = cache, .registry = &c->registry };
        const VerifyOptions o = { .repair = args_bool(c->args, "repair") ? fetch_again : NULL,
                                  .ctx = &source };
        CacheSummary summary;
        int r = cache_verify(cache, &o, report_problem, &report, &summary, e);
        if (r < 0 || !report.json)
                json_decref(report.problems);
        return r < 0 ? -1 : finish_verify(c, &report, &summary, e);
}

const Command cmd_cache_verify = {
        .name = "verify",
        .help = "Read everything in the cache and compare it with its digests",
        .text = "Each problem is a line on standard output, and the command fails when one is "
                "left. "
                "Builds find damage by themselves when they meet it; this finds it before.",
        .flags = verify_flags,
        .max_args = 0,
        .run = run_verify,
};

/* --- cache gc ------------------------------------------------------------------------------- */

static const Flag gc_flags[] = {
        { "dry-run", 0, FLAG_BOOL, NULL, NULL, "only say what would go", NULL },
        { 0 },
};

static int report_item(void *ctx, const GcItem *i, Err *e) {
        json_t *list = ctx;
        (void)e;
        if (list)
                json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "path", i->path, "why",
                                                      i->why, "bytes", (json_int_t)i->bytes));
        else
                printf("%s: %s, %llu bytes\n", i->path, i->why, (unsigned long long)i->bytes);
        return 0;
}

static int run_gc(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        const GcOptions o = { .dry_run = args_bool(c->args, "dry-run") };
        uint64_t bytes = 0;
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        json_t *list = json_wanted(c) ? json_array() : NULL;
        if (cache_gc(cache, &o, report_item, list, &bytes, e) < 0) {
                json_decref(list);
                return -1;
        }
        if (list)
                return json_result(json_pack("{s:o, s:I, s:b}", "items", list, "bytes",
                                             (json_int_t)bytes, "dryRun", o.dry_run),
                                   e);
        printf("%s %llu MiB\n", o.dry_run ? "would free" : "freed",
               (unsigned long long)bytes >> 20);
        return 0;
}

const Command cmd_cache_gc = {
        .name = "gc",
        .help = "Remove what no image of the cache needs",
        .text = "Blobs that no name leads to, what interrupted commands have left, and derived "
                "data "
                "that was not used for longest. Images stay as they are.",
        .flags = gc_flags,
        .max_args = 0,
        .run = run_gc,
};
