/* push.c - see push.h: what has to be in the registry, and in which order it goes there.
 *
 * Children before their index, blobs before their manifest, the name last: whoever pulls meanwhile
 * gets the old image or the new one, never half of it. */
#include "lib/oci/push.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/ref.h"
#include "lib/oci/attestation.h"
#include "lib/oci/fetch.h"
#include "lib/oci/indexmerge.h"
#include "lib/oci/manifest.h"
#include "lib/oci/push_objects.h"
#include "lib/oci/session.h"

enum { PARALLEL = 4 };

/* A manifest of the cache, to be stored by its digest. */
typedef struct Child {
        Descriptor descriptor;
        char *text; /* NULL: the registry has it, and we have not */
} Child;

typedef struct Part {
        Descriptor descriptor;
        char *from;      /* another repository of the host that may have it; NULL: none */
        Session *source; /* for mounting from there */
        BlobFate fate;
} Part;

typedef struct Push {
        Cache *cache;
        const RegistryOptions *registry;
        const PushOptions *options;
        Ref name, remote;
        Session *session;
        Descriptor root;
        char *text; /* of root */
        Manifest manifest;
        Child *children;
        size_t n_children, cap_children;
        Part *parts; /* blobs */
        size_t n_parts, cap_parts;
        Progress *progress;
        PushResult *result;
} Push;

static const char *object_of(const Ref *r) {
        return r->digest ? r->digest : r->tag ? r->tag : "latest";
}

/* --- what is needed ------------------------------------------------------------------------- */

static bool is_foreign(const Descriptor *d) {
        static const char *const types[] = {
                "application/vnd.docker.image.rootfs.foreign.",
                "application/vnd.oci.image.layer.nondistributable.",
        };
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                if (str_has_prefix(d->media_type, types[i]))
                        return true;
        return false;
}

static void need(Push *p, const Descriptor *d) {
        for (size_t i = 0; i < p->n_parts; i++)
                if (digest_eq(&p->parts[i].descriptor.digest, &d->digest))
                        return;
        if (is_foreign(d))
                p->result->foreign++;
        else
                *vec_push(p->parts, p->n_parts, p->cap_parts) = (Part){ .descriptor = *d };
}

static void need_image(Push *p, const Manifest *m) {
        need(p, &m->config);
        for (size_t i = 0; i < m->n_layers; i++)
                need(p, &m->layers[i]);
}

/* Media types of entries may be missing; the text then says, or its form. */
static void complete_type(Descriptor *d, const Manifest *m) {
        const char *own = json_str(m->json, "mediaType");
        if (*d->media_type)
                return;
        if (!own || strlen(own) >= sizeof d->media_type)
                own = m->is_index ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;
        strcpy(d->media_type, own);
}

/* What the registry has already is whole there, so nothing of it is looked at - unless override
 * says that it is to be made good. */
static int add_child(Push *p, const ManifestEntry *entry, Err *e) {
        Child child = { .descriptor = entry->descriptor };
        const char *digest = child.descriptor.digest.text;
        _cleanup_manifest_ Manifest m = { 0 };
        _cleanup_free_ char *text = NULL;
        Descriptor there;
        bool here = cache_load_blob(p->cache, &child.descriptor, MANIFEST_LIMIT, &text, NULL) == 0;
        if (!here || !p->options->override) {
                int known = push_find_manifest(p->session, digest, &there, e);
                if (known != 0)
                        return known < 0 ? -1 : 0;
        }
        if (!here) {
                err_set(e, ERR_NOT_FOUND, 0, "%s is neither in the cache nor in the registry",
                        digest);
                return err_hint(e, "fetch the image for all its platforms first");
        }
        if (manifest_parse(text, child.descriptor.size, digest, &m, e) < 0)
                return -1;
        if (m.is_index)
                return err_set(e, ERR_VERIFY, 0, "%s: an index inside an index is not supported",
                               digest);
        complete_type(&child.descriptor, &m);
        child.text = take(text);
        *vec_push(p->children, p->n_children, p->cap_children) = child;
        need_image(p, &m);
        return 0;
}

static int collect(Push *p, Err *e) {
        if (!p->manifest.is_index)
                need_image(p, &p->manifest);
        for (size_t i = 0; i < p->manifest.n_entries; i++)
                if (add_child(p, &p->manifest.entries[i], e) < 0)
                        return -1;
        return 0;
}

/* --- where blobs could be mounted from ------------------------------------------------------ */

static void offer(Push *p, const char *repo, const Descriptor *d) {
        for (size_t i = 0; i < p->n_parts; i++)
                if (!p->parts[i].from && digest_eq(&p->parts[i].descriptor.digest, &d->digest))
                        p->parts[i].from = xstrdup(repo);
}

static void offer_tree(Push *p, const char *repo, const Descriptor *d, unsigned depth) {
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        if (cache_load_blob(p->cache, d, MANIFEST_LIMIT, &text, NULL) < 0 ||
            manifest_parse(text, d->size, d->digest.text, &m, NULL) < 0)
                return;
        for (size_t i = 0; depth && i < m.n_entries; i++)
                offer_tree(p, repo, &m.entries[i].descriptor, depth - 1);
        if (m.is_index)
                return;
        offer(p, repo, &m.config);
        for (size_t i = 0; i < m.n_layers; i++)
                offer(p, repo, &m.layers[i]);
}

static int offer_name(void *ctx, const char *name, const Descriptor *d, Err *e) {
        Push *p = ctx;
        _cleanup_ref_ Ref r = { 0 };
        (void)e;
        if (ref_parse(name, &r, NULL) == 0 && str_eq(r.host, p->remote.host) &&
            !str_eq(r.repo, p->remote.repo))
                offer_tree(p, r.repo, d, 1);
        return 0;
}

/* An image of that name may never have been in the registry: a mount that fails is an upload. */
static int find_sources(Push *p, Err *e) {
        if (cache_each_name(p->cache, offer_name, p, e) < 0)
                return -1;
        for (size_t i = 0; i < p->n_parts; i++)
                if (p->parts[i].from &&
                    session_for_writing(p->remote.host, p->remote.repo, p->parts[i].from,
                                        p->registry, &p->parts[i].source, e) < 0)
                        return -1;
        return 0;
}

/* --- sending -------------------------------------------------------------------------------- */

static int send_part(void *ctx, size_t i, Err *e) {
        Push *p = ctx;
        Part *part = &p->parts[i];
        const Descriptor *d = &part->descriptor;
        Progress *progress = progress_item(p->progress, d->digest.text, d->size);
        int r = push_blob(p->session, part->source, part->from, p->cache, d, progress, &part->fate,
                          e);
        progress_end(progress);
        return r;
}

static int send_child(void *ctx, size_t i, Err *e) {
        Push *p = ctx;
        const Child *child = &p->children[i];
        return push_manifest(p->session, child->descriptor.digest.text, &child->descriptor,
                             child->text, e);
}

static int compare_sizes(const void *a, const void *b) {
        const Descriptor *x = &((const Part *)a)->descriptor, *y = &((const Part *)b)->descriptor;
        if (x->size != y->size)
                return x->size < y->size ? 1 : -1;
        return strcmp(x->digest.text, y->digest.text);
}

static void count_parts(Push *p) {
        PushResult *r = p->result;
        for (size_t i = 0; i < p->n_parts; i++) {
                const Part *part = &p->parts[i];
                r->present += part->fate == BLOB_PRESENT;
                r->mounted += part->fate == BLOB_MOUNTED;
                r->uploaded += part->fate == BLOB_UPLOADED;
                if (part->fate == BLOB_UPLOADED)
                        r->uploaded_bytes += part->descriptor.size;
        }
}

/* Everything but the root. */
static int send_content(Push *p, Err *e) {
        uint64_t total = 0;
        if (collect(p, e) < 0 || find_sources(p, e) < 0)
                return -1;
        for (size_t i = 0; i < p->n_parts; i++)
                if (__builtin_add_overflow(total, p->parts[i].descriptor.size, &total))
                        return err_set(e, ERR_VERIFY, 0, "impossible sizes");
        if (p->n_parts)
                qsort(p->parts, p->n_parts, sizeof *p->parts, compare_sizes);
        _cleanup_free_ char *what = xasprintf("push %s", p->remote.text);
        p->progress = progress_start(what, total);
        int r = pool_run(p->n_parts, PARALLEL, send_part, p, e);
        progress_end(p->progress);
        if (r < 0 || pool_run(p->n_children, PARALLEL, send_child, p, e) < 0)
                return -1;
        count_parts(p);
        return 0;
}

/* --- the name ------------------------------------------------------------------------------- */

static int send_root(Push *p, const Descriptor *d, const char *text, Err *e) {
        if (send_content(p, e) < 0 ||
            push_manifest(p->session, object_of(&p->remote), d, text, e) < 0)
                return -1;
        p->result->state = PUSH_PUSHED;
        p->result->root = *d;
        return 0;
}

/* The registry has another object under that name; an index of it is merged with ours. */
static int send_merged(Push *p, Err *e) {
        Descriptor there, merged = p->root;
        _cleanup_free_ char *text = NULL, *fresh = NULL;
        _cleanup_manifest_ Manifest remote = { 0 };
        _cleanup_json_ json_t *j = NULL;
        if (fetch_manifest(p->session, object_of(&p->remote), NULL, &there, &text, e) < 0 ||
            manifest_parse(text, there.size, "manifest", &remote, e) < 0)
                return -1;
        if (!remote.is_index || !p->manifest.is_index)
                return send_root(p, &p->root, p->text, e);
        switch (index_merge(&p->manifest, &remote, &j)) {
        case MERGE_REMOTE:
                p->result->state = PUSH_AVAILABLE;
                p->result->root = there;
                return 0;
        case MERGE_LOCAL:
                return send_root(p, &p->root, p->text, e);
        case MERGE_NEW:
                break;
        }
        fresh = json_dumps(j, JSON_COMPACT);
        if (!fresh)
                return err_set(e, ERR_INTERNAL, 0, "the index cannot be written as JSON");
        merged.size = strlen(fresh);
        hash_bytes(fresh, merged.size, &merged.digest);
        p->result->merged = true;
        return send_root(p, &merged, fresh, e);
}

static int send_name(Push *p, Err *e) {
        Descriptor there;
        int known = push_find_manifest(p->session, object_of(&p->remote), &there, e);
        if (known < 0)
                return -1;
        if (!known)
                return send_root(p, &p->root, p->text, e);
        if (digest_eq(&there.digest, &p->root.digest)) {
                p->result->state = PUSH_AVAILABLE;
                p->result->root = p->root;
                return 0;
        }
        if (!p->options->override) {
                p->result->state = PUSH_EXISTS;
                p->result->root = there;
                return 0;
        }
        return send_merged(p, e);
}

/* --- tags of architectures ------------------------------------------------------------------ */

static bool has_tag(const PushResult *r, const char *ref) {
        for (size_t i = 0; i < r->n_tags; i++)
                if (str_eq(r->tags[i].ref, ref))
                        return true;
        return false;
}

static int send_tag(Push *p, const ManifestEntry *entry, const char *tag, PushState *ret, Err *e) {
        Descriptor d = entry->descriptor, there;
        _cleanup_free_ char *text = NULL;
        _cleanup_manifest_ Manifest m = { 0 };
        int known = push_find_manifest(p->session, tag, &there, e);
        if (known < 0)
                return -1;
        if (known && digest_eq(&there.digest, &d.digest)) {
                *ret = PUSH_AVAILABLE;
        } else if (known && p->result->state != PUSH_PUSHED && !p->options->override) {
                *ret = PUSH_EXISTS;
        } else if (cache_load_blob(p->cache, &d, MANIFEST_LIMIT, &text, NULL) < 0 ||
                   manifest_parse(text, d.size, d.digest.text, &m, NULL) < 0) {
                *ret = PUSH_SKIPPED;
        } else {
                complete_type(&d, &m);
                *ret = PUSH_PUSHED;
                return push_manifest(p->session, tag, &d, text, e);
        }
        return 0;
}

/* Of several variants of an architecture the first one has the tag, as it has the index. */
static int send_tags(Push *p, Err *e) {
        PushResult *r = p->result;
        const char *base = p->remote.tag ? p->remote.tag : "latest";
        r->tags = xcalloc(p->manifest.n_entries, sizeof *r->tags);
        for (size_t i = 0; i < p->manifest.n_entries; i++) {
                const ManifestEntry *entry = &p->manifest.entries[i];
                if (str_is_empty(entry->architecture) || str_eq(entry->architecture, "unknown") ||
                    attestation_is_about(entry, NULL))
                        continue;
                _cleanup_free_ char *tag = xasprintf("%s-%s", base, entry->architecture);
                _cleanup_free_ char *text =
                        xasprintf("%s/%s:%s", p->remote.host, p->remote.repo, tag);
                _cleanup_ref_ Ref ref = { 0 };
                if (has_tag(r, text))
                        continue;
                if (ref_parse(text, &ref, e) < 0)
                        return -1;
                PushTag *t = &r->tags[r->n_tags];
                if (send_tag(p, entry, tag, &t->state, e) < 0)
                        return err_wrap(e, "%s", text);
                t->ref = take(text);
                r->n_tags++;
        }
        return 0;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int push(Push *p, Err *e) {
        PushResult *r = p->result;
        if (cache_lookup(p->cache, p->name.text, &p->root, e) < 0 ||
            cache_load_blob(p->cache, &p->root, MANIFEST_LIMIT, &p->text, e) < 0 ||
            manifest_parse(p->text, p->root.size, p->root.digest.text, &p->manifest, e) < 0 ||
            session_for_writing(p->remote.host, p->remote.repo, NULL, p->registry, &p->session, e) <
                    0)
                return -1;
        if (p->remote.digest && !str_eq(p->remote.digest, p->root.digest.text))
                return err_set(e, ERR_USAGE, 0, "the cache has %s under the name %s",
                               p->root.digest.text, p->name.text);
        complete_type(&p->root, &p->manifest);
        r->name = xstrdup(p->name.text);
        r->remote = xstrdup(p->remote.text);
        r->is_index = p->manifest.is_index;
        if (send_name(p, e) < 0)
                return -1;
        if (p->options->with_arch_tags && r->is_index && r->state != PUSH_EXISTS)
                return send_tags(p, e);
        return 0;
}

static void push_done(Push *p) {
        for (size_t i = 0; i < p->n_children; i++)
                free(p->children[i].text);
        for (size_t i = 0; i < p->n_parts; i++)
                free(p->parts[i].from);
        free(p->children);
        free(p->parts);
        free(p->text);
        manifest_done(&p->manifest);
        ref_done(&p->name);
        ref_done(&p->remote);
}

int registry_push(Cache *c, const RegistryOptions *o, const PushOptions *options, PushResult *ret,
                  Err *e) {
        PushResult result = { 0 };
        Push p = { .cache = c, .registry = o, .options = options, .result = &result };
        _cleanup_fd_ int hold = -1;
        int r = ref_parse(options->name, &p.name, e);
        if (r == 0)
                r = ref_parse(options->remote ? options->remote : options->name, &p.remote, e);
        if (r == 0 && (hold = cache_hold(c, e)) < 0)
                r = -1;
        if (r == 0 && (r = push(&p, e)) < 0)
                err_wrap(e, "push %s", p.remote.text);
        push_done(&p);
        if (r < 0)
                push_result_done(&result);
        else
                *ret = result;
        return r;
}

void push_result_done(PushResult *r) {
        for (size_t i = 0; i < r->n_tags; i++)
                free(r->tags[i].ref);
        free(r->tags);
        free(r->name);
        free(r->remote);
        *r = (PushResult){ 0 };
}
