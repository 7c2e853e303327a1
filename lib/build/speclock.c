/* speclock.c - see speclock.h.  The file comes with a checkout, so its references and digests are
 * checked as if a stranger had written them. */
#include "lib/build/speclock.h"

#include "lib/base/file.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/spec/yaml.h"

enum { LOCK_LIMIT = 1 << 20 };

void speclock_init(SpecLock *l) {
        *l = (SpecLock){ .arena = arena_new() };
}

void speclock_done(SpecLock *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->images[i].platforms);
        free(l->images);
        arena_free(l->arena);
        *l = (SpecLock){ 0 };
}

/* --- entries -------------------------------------------------------------------------------- */

/* Where ref is or belongs. */
static size_t position(const SpecLock *l, const char *ref, bool *ret_found) {
        size_t low = 0, high = l->n;
        *ret_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int d = strcmp(l->images[middle].ref, ref);
                if (d == 0)
                        *ret_found = true;
                if (d < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

LockedImage *speclock_add(SpecLock *l, const char *ref) {
        bool found;
        size_t at = position(l, ref, &found);
        if (found)
                return &l->images[at];
        vec_push(l->images, l->n, l->cap);
        memmove(&l->images[at + 1], &l->images[at], (l->n - 1 - at) * sizeof *l->images);
        l->images[at] = (LockedImage){ .ref = arena_strdup(l->arena, ref) };
        return &l->images[at];
}

const LockedImage *speclock_find(const SpecLock *l, const char *ref) {
        bool found;
        size_t at = position(l, ref, &found);
        return found ? &l->images[at] : NULL;
}

void speclock_set_platform(SpecLock *l, LockedImage *image, const char *platform, const Digest *d) {
        size_t at = 0;
        while (at < image->n && strcmp(image->platforms[at].platform, platform) < 0)
                at++;
        if (at < image->n && str_eq(image->platforms[at].platform, platform))
                return; /* of several the first is the one that a build takes */
        vec_push(image->platforms, image->n, image->cap);
        memmove(&image->platforms[at + 1], &image->platforms[at],
                (image->n - 1 - at) * sizeof *image->platforms);
        image->platforms[at] = (LockedPlatform){ arena_strdup(l->arena, platform), *d };
}

static size_t find_arch(const LockedImage *image, const char *arch, const Digest **ret) {
        _cleanup_free_ char *plain = xasprintf("linux/%s", arch);
        size_t len = strlen(plain), n = 0;
        for (size_t i = 0; i < image->n; i++) {
                const char *p = image->platforms[i].platform;
                if (strncmp(p, plain, len) == 0 && (p[len] == '\0' || p[len] == '/')) {
                        *ret = &image->platforms[i].digest;
                        n++;
                }
        }
        return n;
}

bool speclock_has(const LockedImage *image, const char *arch) {
        const Digest *unused;
        return find_arch(image, arch, &unused) > 0;
}

const Digest *speclock_manifest(const LockedImage *image, const char *arch) {
        const Digest *found = NULL;
        return find_arch(image, arch, &found) == 1 ? found : NULL;
}

/* --- reading -------------------------------------------------------------------------------- */

static const Node *expect(Problems *p, const Node *n, NodeKind kind, const char *what) {
        if (n->kind == kind)
                return n;
        problem_add(p, n->pos, "expected %s, found %s", what, node_describe(n, p->arena));
        return NULL;
}

static void read_digest(Problems *p, const Node *n, Digest *ret) {
        if (expect(p, n, NODE_STRING, "a digest") && !digest_parse(n->text, ret))
                problem_add(p, n->pos, "\"%.80s\" is not sha256: and 64 hex digits", n->text);
}

static void read_platforms(Problems *p, const Node *n, SpecLock *l, LockedImage *image) {
        if (!expect(p, n, NODE_MAPPING, "a mapping of platforms to digests"))
                return;
        for (size_t i = 0; i < n->n; i++) {
                Digest d = { 0 };
                read_digest(p, n->entries[i].value, &d);
                speclock_set_platform(l, image, n->entries[i].key->text, &d);
        }
}

static void read_image(Problems *p, const Node *key, const Node *n, SpecLock *l) {
        _cleanup_err_ Err why = ERR_INIT;
        _cleanup_ref_ Ref ref = { 0 }, again = { 0 };
        if (ref_parse(key->text, &ref, &why) < 0) {
                problem_add(p, key->pos, "%s", why.text);
                return;
        }
        /* "a/b/../c" is a/c on the host a, but "a/c" is one of Docker Hub's */
        if (ref_parse(ref.text, &again, NULL) < 0 || !str_eq(ref.text, again.text)) {
                problem_add(p, key->pos, "\"%.80s\" is not a full reference", key->text);
                return;
        }
        LockedImage *image = speclock_add(l, ref.text);
        if (n->kind == NODE_NULL || !expect(p, n, NODE_MAPPING, "a mapping"))
                return;
        for (size_t i = 0; i < n->n; i++) {
                const char *name = n->entries[i].key->text;
                const Node *value = n->entries[i].value;
                if (str_eq(name, "digest"))
                        read_digest(p, value, &image->root);
                else if (str_eq(name, "platforms"))
                        read_platforms(p, value, l, image);
                else if (!str_eq(name, "package"))
                        problem_add(p, n->entries[i].key->pos, "unknown key \"%.80s\"", name);
                else if (expect(p, value, NODE_STRING, "a path"))
                        image->package = arena_strdup(l->arena, value->text);
        }
}

static void read_root(Problems *p, const Node *root, SpecLock *l) {
        const Node *images = NULL;
        bool version = false;
        if (!expect(p, root, NODE_MAPPING, "a mapping"))
                return;
        for (size_t i = 0; i < root->n; i++) {
                const char *name = root->entries[i].key->text;
                const Node *value = root->entries[i].value;
                if (str_eq(name, "version"))
                        version = value->kind == NODE_INT && str_eq(value->text, "1");
                else if (str_eq(name, "images"))
                        images = value;
                else
                        problem_add(p, root->entries[i].key->pos, "unknown key \"%.80s\"", name);
        }
        if (!version)
                problem_add(p, root->pos, "not a lock file of version 1");
        if (!images || images->kind == NODE_NULL || !expect(p, images, NODE_MAPPING, "a mapping"))
                return;
        for (size_t i = 0; i < images->n; i++)
                read_image(p, images->entries[i].key, images->entries[i].value, l);
}

int speclock_parse(const char *text, size_t len, const char *file, SpecLock *ret, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_problems_ Problems problems = { .arena = arena };
        SpecLock l;
        if (len > LOCK_LIMIT)
                return err_set(e, ERR_SPEC, 0, "%s: larger than %d bytes", file, LOCK_LIMIT);
        speclock_init(&l);
        const Node *root = yaml_parse(text, len, problems_file(&problems, file), &problems);
        if (root)
                read_root(&problems, root, &l);
        if (problems_report(&problems, e) < 0) {
                speclock_done(&l);
                return -1;
        }
        *ret = l;
        return 0;
}

int speclock_load(const char *path, SpecLock *ret, Err *e) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        if (file_read(path, LOCK_LIMIT, &text, &n, e) < 0)
                return -1;
        return speclock_parse(text, n, path, ret, e);
}

/* --- writing -------------------------------------------------------------------------------- */

/* What YAML readers drop, fold or refuse inside quotes, as an escape; returns its length in bytes,
 * 0 for an ordinary character (YAML 1.2, 5.1 and 5.4). */
static size_t add_escape(Buf *out, const char *s) {
        const unsigned char *p = (const unsigned char *)s;
        if (*s == '"' || *s == '\\')
                buf_addf(out, "\\%c", *s);
        else if (p[0] < ' ' || p[0] == 0x7f)
                buf_addf(out, "\\x%02x", p[0]);
        else if (p[0] == 0xc2 && p[1] < 0xa0) {
                buf_addf(out, "\\x%02x", p[1]);
                return 2;
        } else if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8) {
                buf_addf(out, "\\u20%02x", p[2] - 0x80);
                return 3;
        } else if (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) {
                buf_adds(out, "\\ufeff");
                return 3;
        } else
                return 0;
        return 1;
}

/* Only an IPv6 host and a path of the user's can hold what YAML does not take as it is. */
static void add_scalar(Buf *out, const char *text) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "/._-:@+";
        bool quote = strspn(text, plain) != strlen(text) || strchr("-:@", text[0]) ||
                     str_has_suffix(text, ":") || scalar_needs_quotes(text);
        if (!quote) {
                buf_adds(out, text);
                return;
        }
        buf_addc(out, '"');
        for (const char *s = text; *s;) {
                size_t n = add_escape(out, s);
                if (n == 0)
                        buf_addc(out, *s);
                s += n ? n : 1;
        }
        buf_addc(out, '"');
}

void speclock_print(const SpecLock *l, Buf *out) {
        buf_adds(out, "# What the images of a build file stand for. Written by `linuxkit lock`; "
                      "commit it.\nversion: 1\nimages:\n");
        for (size_t i = 0; i < l->n; i++) {
                const LockedImage *image = &l->images[i];
                buf_adds(out, "  ");
                add_scalar(out, image->ref);
                buf_adds(out, ":\n");
                if (image->package) {
                        buf_adds(out, "    package: ");
                        add_scalar(out, image->package);
                        buf_addc(out, '\n');
                }
                if (image->root.text[0])
                        buf_addf(out, "    digest: %s\n", image->root.text);
                if (image->n)
                        buf_adds(out, "    platforms:\n");
                for (size_t k = 0; k < image->n; k++) {
                        buf_adds(out, "      ");
                        add_scalar(out, image->platforms[k].platform);
                        buf_addf(out, ": %s\n", image->platforms[k].digest.text);
                }
        }
}

/* --- comparing ------------------------------------------------------------------------------ */

static const Digest *find_platform(const LockedImage *image, const char *platform) {
        for (size_t i = 0; i < image->n; i++)
                if (str_eq(image->platforms[i].platform, platform))
                        return &image->platforms[i].digest;
        return NULL;
}

static void diff_image(const LockedImage *old, const LockedImage *now, bool platforms, Buf *out) {
        bool known = old->root.text[0] && now->root.text[0];
        if (now->package && now->n == 0) /* not built here: its tag says enough */
                return;
        if (known && !digest_eq(&old->root, &now->root)) {
                buf_addf(out, "%s: locked to %s, is %s\n", now->ref, old->root.text,
                         now->root.text);
                return;
        }
        if (known && !platforms)
                return;
        for (size_t i = 0; i < now->n; i++) {
                const LockedPlatform *p = &now->platforms[i];
                const Digest *was = find_platform(old, p->platform);
                if (!was)
                        buf_addf(out, "%s: %s is not locked\n", now->ref, p->platform);
                else if (!digest_eq(was, &p->digest))
                        buf_addf(out, "%s: %s is locked to %s, is %s\n", now->ref, p->platform,
                                 was->text, p->digest.text);
        }
}

void speclock_diff(const SpecLock *old, const SpecLock *now, bool platforms, Buf *out) {
        for (size_t i = 0; i < now->n; i++) {
                const LockedImage *was = speclock_find(old, now->images[i].ref);
                if (was)
                        diff_image(was, &now->images[i], platforms, out);
                else
                        buf_addf(out, "%s: not locked\n", now->images[i].ref);
        }
        for (size_t i = 0; i < old->n; i++)
                if (!speclock_find(now, old->images[i].ref))
                        buf_addf(out, "%s: locked, but not used\n", old->images[i].ref);
}
