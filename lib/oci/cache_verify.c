/* cache_verify.c - reads a whole cache and says what is wrong with it.
 *
 * A cache need not have every platform of an index.  One counts as being there when a layer is that
 * no other platform of the index has, or when all are; of an index without any such platform the
 * one of this machine, or the first, should have been. */
#include "lib/base/arch.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/str.h"
#include "lib/base/sums.h"
#include "lib/oci/attestation.h"
#include "lib/oci/cache.h"
#include "lib/oci/cache_internal.h"
#include "lib/oci/manifest.h"

#include <dirent.h>
#include <sys/stat.h>

/* A blob whose bytes are to be read. */
typedef struct Check {
        Descriptor blob; /* size UINT64_MAX: not known */
        const char *name, *role;
        bool is_manifest;
        bool done; /* has been complained about */
        /* result */
        bool bad;
        CacheFault fault;
        char *what;
} Check;

typedef struct Verify {
        Cache *cache;
        const VerifyOptions *options;
        int (*report)(void *ctx, const CacheProblem *p, Err *e);
        void *ctx;
        CacheSummary *summary;
        Arena *arena;
        Check *checks;
        size_t n, cap;
} Verify;

/* --- problems ------------------------------------------------------------------------------- */

static int tell(Verify *v, CacheProblem *p, Err *e) {
        if (p->fault != CACHE_UNREFERENCED && !p->repaired)
                v->summary->n_problems++;
        return v->report(v->ctx, p, e);
}

/* Returns 1 when the blob is good now. */
static int complain(Verify *v, const Check *c, Err *e) {
        const VerifyOptions *o = v->options;
        CacheProblem p = { c->fault, c->name, c->role, c->blob, c->what, false };
        _cleanup_err_ Err why = ERR_INIT;
        _cleanup_free_ char *both = NULL;
        if (o->repair && c->fault == CACHE_DAMAGED)
                cache_drop_blob(v->cache, &c->blob.digest);
        if (o->repair && c->name) {
                p.repaired = o->repair(o->ctx, c->name, &c->blob, c->is_manifest, &why) == 0;
                if (why.kind == ERR_CANCELLED) {
                        err_move(e, &why);
                        return -1;
                }
                if (!p.repaired)
                        p.what = both = xasprintf("%s; fetching it again: %s", c->what,
                                                  why.text ? why.text : "not possible");
        }
        int r = tell(v, &p, e);
        return r < 0 ? -1 : p.repaired;
}

/* --- one blob ------------------------------------------------------------------------------- */

static bool is_there(Cache *c, const Digest *d) {
        struct stat st;
        _cleanup_free_ char *path = cache_blob_path(c, d);
        return lstat(path, &st) == 0;
}

static void check_blob(Cache *cache, Check *c) {
        _cleanup_err_ Err why = ERR_INIT;
        _cleanup_fd_ int fd = cache_open_blob(cache, &c->blob.digest, &why);
        Digest got;
        uint64_t size = 0;
        c->bad = true;
        c->fault = CACHE_DAMAGED;
        if (fd < 0) {
                c->fault = why.kind == ERR_NOT_FOUND ? CACHE_MISSING : CACHE_DAMAGED;
                c->what = xstrdup(why.kind == ERR_NOT_FOUND ? "is missing" : why.text);
        } else if (hash_fd(fd, &got, &size, &why) < 0) {
                c->what = xasprintf("cannot be read: %s", why.text);
        } else if (c->blob.size != UINT64_MAX && size != c->blob.size) {
                c->what = xasprintf("has %llu bytes instead of %llu", (unsigned long long)size,
                                    (unsigned long long)c->blob.size);
        } else if (!digest_eq(&got, &c->blob.digest)) {
                c->what = xasprintf("has digest %s", got.text);
        } else {
                c->bad = false;
                c->blob.size = size;
        }
}

static int check_one(void *ctx, size_t i, Err *e) {
        (void)e;
        Verify *v = ctx;
        if (!v->checks[i].done)
                check_blob(v->cache, &v->checks[i]);
        return 0;
}

static bool is_listed(const Verify *v, const Digest *d) {
        for (size_t i = 0; i < v->n; i++)
                if (digest_eq(&v->checks[i].blob.digest, d))
                        return true;
        return false;
}

static void want(Verify *v, const Descriptor *d, const char *name, const char *role) {
        if (!is_listed(v, &d->digest))
                *vec_push(v->checks, v->n, v->cap) =
                        (Check){ .blob = *d, .name = name, .role = role };
}

/* --- images --------------------------------------------------------------------------------- */

/* Reads a manifest at once, because it says what else to look for. 1: there is nothing to go on
 * with. */
static int load(Verify *v, const Descriptor *d, const char *name, const char *role, Manifest *ret,
                Err *e) {
        Cache *cache = v->cache;
        _cleanup_free_ char *text = NULL;
        _cleanup_err_ Err why = ERR_INIT;
        Check c = { .blob = *d, .name = name, .role = role, .is_manifest = true };
        if (cache_load_blob(cache, d, MANIFEST_LIMIT, &text, NULL) < 0) {
                check_blob(cache, &c);
                if (!c.bad)
                        c.what = xstrdup("is too large for a manifest");
                int good = complain(v, &c, e);
                free(take(c.what));
                c.done = true;
                if (good == 0)
                        *vec_push(v->checks, v->n, v->cap) = c;
                if (good <= 0)
                        return good < 0 ? -1 : 1;
                if (cache_load_blob(cache, d, MANIFEST_LIMIT, &text, e) < 0)
                        return -1;
        }
        want(v, d, name, role);
        if (manifest_parse(text, d->size, d->digest.text, ret, &why) == 0)
                return 0;
        CacheProblem p = { CACHE_DAMAGED, name, role, *d, why.text, false };
        return tell(v, &p, e) < 0 ? -1 : 1;
}

typedef struct Child {
        const ManifestEntry *entry;
        Manifest manifest;
        bool loaded, is_attestation, all, own; /* all its layers are there; one that only it has */
} Child;

static bool has_layer(const Manifest *m, const Digest *d) {
        for (size_t i = 0; i < m->n_layers; i++)
                if (digest_eq(&m->layers[i].digest, d))
                        return true;
        return false;
}

static void look_at_layers(Verify *v, Child *children, size_t n, size_t k) {
        Child *c = &children[k];
        c->all = true;
        for (size_t i = 0; i < c->manifest.n_layers; i++) {
                const Digest *d = &c->manifest.layers[i].digest;
                bool shared = false;
                if (!is_there(v->cache, d)) {
                        c->all = false;
                        continue;
                }
                for (size_t j = 0; j < n; j++)
                        shared |=
                                j != k && children[j].loaded && has_layer(&children[j].manifest, d);
                c->own |= !shared;
        }
}

static void want_parts(Verify *v, const Manifest *m, const char *name, bool layers) {
        if (layers || is_there(v->cache, &m->config.digest))
                want(v, &m->config, name, "config");
        for (size_t i = 0; i < m->n_layers; i++)
                if (layers || is_there(v->cache, &m->layers[i].digest))
                        want(v, &m->layers[i], name, "layer");
}

/* The platform that should be complete when none is: this machine's, else the first. */
static size_t expected_child(const Child *children, size_t n) {
        size_t first = n;
        for (size_t i = n; i-- > 0;) {
                if (!children[i].loaded || children[i].is_attestation)
                        continue;
                if (str_eq(children[i].entry->os, "linux") &&
                    str_eq(children[i].entry->architecture, arch_host()))
                        return i;
                first = i;
        }
        return first;
}

static int load_children(Verify *v, const Manifest *index, const char *name, Child *children,
                         Err *e) {
        for (size_t i = 0; i < index->n_entries; i++) {
                Child *c = &children[i];
                c->entry = &index->entries[i];
                c->is_attestation = attestation_is_about(c->entry, NULL);
                if (!is_there(v->cache, &c->entry->descriptor.digest))
                        continue;
                int r = load(v, &c->entry->descriptor, name,
                             c->is_attestation ? "attestation" : "manifest", &c->manifest, e);
                if (r < 0)
                        return -1;
                c->loaded = r == 0 && !c->manifest.is_index;
        }
        return 0;
}

static int verify_index(Verify *v, const Manifest *index, const char *name, Err *e) {
        size_t n = index->n_entries;
        _cleanup_free_ Child *children = xcalloc(n + 1, sizeof *children);
        bool complete = false;
        int r = load_children(v, index, name, children, e);
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (!children[i].loaded || children[i].is_attestation)
                        continue;
                look_at_layers(v, children, n, i);
                complete |= children[i].all || children[i].own;
        }
        size_t expected = expected_child(children, n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                Child *c = &children[i];
                bool here = c->all || c->own || (!complete && i == expected);
                if (c->loaded)
                        want_parts(v, &c->manifest, name, here && !c->is_attestation);
        }
        if (r == 0 && n && expected == n) { /* not one manifest */
                Check c = { .blob = index->entries[0].descriptor,
                            .name = name,
                            .role = "manifest",
                            .is_manifest = true,
                            .what = xstrdup("is missing") };
                r = complain(v, &c, e);
                free(c.what);
        }
        for (size_t i = 0; i < n; i++)
                manifest_done(&children[i].manifest);
        return r < 0 ? -1 : 0;
}

static int verify_name(void *ctx, const char *ref, const Descriptor *d, Err *e) {
        Verify *v = ctx;
        _cleanup_manifest_ Manifest m = { 0 };
        const char *name = arena_strdup(v->arena, ref);
        v->summary->n_names++;
        bool index = strstr(d->media_type, "index") || strstr(d->media_type, "list");
        int r = load(v, d, name, index ? "index" : "manifest", &m, e);
        if (r != 0)
                return r < 0 ? -1 : 0;
        if (m.is_index)
                return verify_index(v, &m, name, e);
        want_parts(v, &m, name, true);
        return 0;
}

/* --- the rest ------------------------------------------------------------------------------- */

/* Whatever has the name of a blob and was not asked for; roots without a name keep theirs. */
static int list_others(Verify *v, Err *e) {
        _cleanup_reach_ Reach reach = { 0 };
        _cleanup_json_ json_t *index = NULL;
        if (cache_index_read(v->cache, &index, e) < 0)
                return -1;
        const json_t *list = json_object_get(index, "manifests");
        for (size_t i = 0; i < json_array_size(list); i++)
                reach_add_entry(v->cache, json_array_get(list, i), &reach);
        _cleanup_free_ char *dir = path_join(cache_dir(v->cache), "blobs/sha256");
        DIR *d = opendir(dir);
        for (struct dirent *de; d && (de = readdir(d));) {
                _cleanup_free_ char *text = xasprintf("sha256:%s", de->d_name);
                Descriptor blob = { .size = UINT64_MAX };
                if (digest_parse(text, &blob.digest))
                        want(v, &blob, NULL, reach_has(&reach, &blob.digest) ? "blob" : NULL);
        }
        if (d)
                closedir(d);
        return 0;
}

static int report_blobs(Verify *v, Err *e) {
        for (size_t i = 0; i < v->n; i++) {
                Check *c = &v->checks[i];
                bool unreferenced = !c->role;
                if (c->done)
                        continue;
                c->role = c->role ? c->role : "blob";
                if (c->fault != CACHE_MISSING || !c->bad) {
                        v->summary->n_blobs++;
                        v->summary->blob_bytes += c->blob.size == UINT64_MAX ? 0 : c->blob.size;
                }
                if (c->bad && complain(v, c, e) < 0)
                        return -1;
                if (c->bad || !unreferenced)
                        continue;
                CacheProblem p = { CACHE_UNREFERENCED,    NULL, "blob", c->blob,
                                   "no name leads to it", false };
                if (tell(v, &p, e) < 0)
                        return -1;
        }
        return 0;
}

/* --- derived files -------------------------------------------------------------------------- */

static int report_derived(Verify *v, const char *kind, const char *name, Err *e) {
        _cleanup_free_ char *path = xasprintf("%s/%s", kind, name);
        CacheProblem p = { .fault = CACHE_DERIVED,
                           .role = path,
                           .what = "was damaged and is removed",
                           .repaired = true };
        return tell(v, &p, e);
}

static int check_layer(Verify *v, const char *name, Err *e) {
        Digest d;
        size_t n = strlen(name);
        if (n < 4 || !str_eq(name + n - 4, ".idx"))
                return 0;
        _cleanup_free_ char *text = xasprintf("sha256:%.*s", (int)(n - 4), name);
        if (!digest_parse(text, &d) || layer_check_derived(v->cache, &d) == 0)
                return 0;
        return report_derived(v, "layers", name, e);
}

static int check_derived(Verify *v, const char *kind, const char *name, const char *path, Err *e) {
        if (str_eq(kind, "layers"))
                return check_layer(v, name, e);
        if (str_eq(kind, "sbom")) /* has its digest in itself, which is looked at in each use */
                return 0;
        _cleanup_blob_ Blob *blob = derived_open_at(path, kind, name);
        const Content all = { .blob = blob, .size = blob ? blob->size : 0 };
        if (blob && content_check(&all, NULL) == 0)
                return 0;
        cache_clear(path);
        return report_derived(v, kind, name, e);
}

static int verify_kind(Verify *v, const char *kind, Err *e) {
        _cleanup_free_ char *dir = xasprintf("%s/derived/%s", cache_dir(v->cache), kind);
        DIR *d = opendir(dir);
        int r = 0;
        for (struct dirent *de; d && r == 0 && (de = readdir(d));) {
                _cleanup_free_ char *path = path_join(dir, de->d_name);
                struct stat st;
                if (strstr(de->d_name, ".tmp-") || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
                        continue;
                v->summary->n_derived++;
                v->summary->derived_bytes += (uint64_t)st.st_size;
                r = check_derived(v, kind, de->d_name, path, e);
        }
        if (d)
                closedir(d);
        return r;
}

static int verify_derived(Verify *v, Err *e) {
        _cleanup_free_ char *dir = path_join(cache_dir(v->cache), "derived");
        DIR *d = opendir(dir);
        int r = 0;
        for (struct dirent *de; d && r == 0 && (de = readdir(d));)
                if (de->d_name[0] != '.' && !derived_is_foreign(de->d_name))
                        r = verify_kind(v, de->d_name, e);
        if (d)
                closedir(d);
        return r;
}

/* -------------------------------------------------------------------------------------------- */

int cache_verify(Cache *c, const VerifyOptions *o,
                 int (*report)(void *ctx, const CacheProblem *p, Err *e), void *ctx,
                 CacheSummary *ret, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        CacheSummary summary = { 0 };
        Verify v = { .cache = c,
                     .options = o,
                     .report = report,
                     .ctx = ctx,
                     .summary = &summary,
                     .arena = arena };
        _cleanup_fd_ int hold = cache_hold(c, e);
        int r = hold < 0 ? -1 : cache_each_name(c, verify_name, &v, e);
        if (r == 0)
                r = list_others(&v, e);
        if (r == 0)
                r = pool_run(v.n, 0, check_one, &v, e);
        if (r == 0)
                r = report_blobs(&v, e);
        if (r == 0 && !o->no_derived)
                r = verify_derived(&v, e);
        for (size_t i = 0; i < v.n; i++)
                free(v.checks[i].what);
        free(v.checks);
        *ret = summary;
        return r;
}
