/* pack.c - see pack.h.  Directories carry a trailing slash in archives, as tar(1) writes them: the
 * names inside kernel.tar reach the final image as they are (yaml.md 18). */
#include "lib/package/pack.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/str.h"
#include "lib/fs/gzip.h"
#include "lib/fs/tar.h"
#include "lib/oci/image.h"
#include "lib/package/glob.h"

#ifndef LINUXKIT_VERSION
#define LINUXKIT_VERSION "unknown"
#endif

enum { GZIP_LEVEL = 6 };

static const char created[] =
        "2017-04-18T16:30:00Z"; /* yaml.md 1: the time of everything the builder makes */

/* The environment that a Dockerfile build gives to every image. */
static const char default_path[] =
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static int write_entries(Sink *out, const Entry *entries, size_t n, Err *e) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *name = NULL;
                Entry entry = entries[i];

                if (entry.type == ENTRY_DIR) {
                        name = xasprintf("%s/", entry.name);
                        entry.name = name;
                }
                if (tar_write_entry(out, &entry, e) < 0)
                        return err_wrap(e, "\"%s\"", entry.name);
        }
        return tar_write_end(out, e);
}

/* --- inner archives ------------------------------------------------------------------------- */

static int move_matching(const Str *pattern, Stage *from, Stage *to, Err *e) {
        bool any = false;

        for (size_t i = 0; i < stage_slots(from); i++) {
                const Entry *entry = stage_slot(from, i);

                if (!entry || !glob_match(pattern->text, entry->name))
                        continue;
                if (stage_add(to, entry->name, entry, e) < 0)
                        return -1;
                stage_remove(from, entry->name);
                any = true;
        }
        if (!any)
                return spec_err(e, pattern->pos, "nothing in the image matches \"%s\"",
                                pattern->text);
        return 0;
}

static int inner_tar(const RecipeTar *t, Stage *s, Spool *spool, int64_t mtime, Err *e) {
        _cleanup_stage_ Stage *inner = stage_new();
        _cleanup_sink_ Sink *sink = spool_sink(spool);
        _cleanup_free_ Entry *entries = NULL;
        Entry out = { .type = ENTRY_FILE, .mode = 0644, .mtime = mtime };
        uint64_t start = spool->blob.size;
        size_t n;

        for (size_t i = 0; i < t->patterns.n; i++)
                if (move_matching(&t->patterns.items[i], s, inner, e) < 0)
                        return -1;
        if (stage_finish(inner, mtime, true, &entries, &n, e) < 0 ||
            write_entries(sink, entries, n, e) < 0 || sink_finish(sink, e) < 0)
                return err_wrap(e, "\"%s\"", t->name.text);
        out.content = spool_since(spool, start);
        return stage_add(s, t->name.text, &out, e);
}

int pack_inner_tars(const Recipe *r, Stage *s, Spool *spool, int64_t mtime, Err *e) {
        for (size_t i = 0; i < r->tars.n; i++)
                if (inner_tar(&r->tars.items[i], s, spool, mtime, e) < 0)
                        return -1;
        return 0;
}

/* --- image ---------------------------------------------------------------------------------- */

static int write_layer(Cache *cache, const Entry *entries, size_t n, Descriptor *ret,
                       Digest *ret_diff, Err *e) {
        _cleanup_sink_ Sink *blob = NULL;
        _cleanup_sink_ Sink *tar = NULL; /* freed before blob, which it writes to */
        Sink *gzip = NULL;

        if (cache_blob_sink(cache, NULL, ret, &blob, e) < 0)
                return -1;
        if (gzip_sink(blob, NULL, GZIP_LEVEL, &gzip, e) < 0)
                return -1;
        tar = sink_hash(gzip, ret_diff);
        uint64_t total = 0;
        for (size_t i = 0; i < n; i++)
                total += entries[i].content.size;
        Progress *progress = progress_start("compress layer", total);
        gzip_set_progress(gzip, progress);
        int r = write_entries(tar, entries, n, e);
        if (r == 0)
                r = sink_finish(tar, e);
        if (r == 0)
                r = sink_finish(blob, e);
        progress_end(progress);
        if (r < 0)
                return -1;
        strcpy(ret->media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
        return 0;
}

static void add_key(Buf *b, const char *key) {
        if (b->data[b->len - 1] != '{')
                buf_addc(b, ',');
        json_add_string(b, key);
        buf_addc(b, ':');
}

static void add_text(Buf *b, const char *key, const char *value) {
        if (str_is_empty(value))
                return;
        add_key(b, key);
        json_add_string(b, value);
}

static void add_list(Buf *b, const char *key, const StrList *list) {
        if (!list->set || list->n == 0)
                return;
        add_key(b, key);
        for (size_t i = 0; i < list->n; i++) {
                buf_addc(b, i ? ',' : '[');
                json_add_string(b, list->items[i].text);
        }
        buf_addc(b, ']');
}

/* pkg.md 3 */
static void add_labels(Buf *b, const Package *p) {
        const char *source =
                p->gitrepo.text ? p->gitrepo.text : "https://github.com/linuxkit/linuxkit";

        add_key(b, "Labels");
        buf_addc(b, '{');
        add_text(b, "org.mobyproject.config", p->label);
        add_text(b, "org.mobyproject.linuxkit.version", LINUXKIT_VERSION);
        if (p->git.toplevel)
                add_text(b, "org.opencontainers.image.source", source);
        if (p->git.commit && !p->git.dirty)
                add_text(b, "org.opencontainers.image.revision", p->git.commit);
        buf_addc(b, '}');
}

static void print_config(const Package *p, const char *arch, const Digest *diff, Buf *b) {
        Str path = { .text = default_path };
        const StrList default_env = { .set = true, .items = &path, .n = 1 };
        const Recipe *r = &p->recipe;

        buf_addc(b, '{');
        add_text(b, "architecture", arch);
        add_key(b, "config");
        buf_addc(b, '{');
        add_list(b, "Env", r->env.set ? &r->env : &default_env);
        add_list(b, "Entrypoint", &r->entrypoint);
        add_list(b, "Cmd", &r->cmd);
        add_text(b, "WorkingDir", r->workdir.text);
        add_labels(b, p);
        buf_addc(b, '}');
        add_text(b, "created", created);
        add_key(b, "history");
        buf_addf(b, "[{\"created\":\"%s\",\"created_by\":\"linuxkit pkg build\"}]", created);
        add_text(b, "os", "linux");
        add_key(b, "rootfs");
        buf_addf(b, "{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}", diff->text);
}

int pack_image(const Package *p, Cache *cache, const char *arch, Stage *s, int64_t mtime,
               const char *inputs, const char *spdx, Err *e) {
        const char *const annotations[] = { PACK_INPUTS, inputs, NULL };
        _cleanup_buf_ Buf config = { 0 };
        _cleanup_free_ Entry *entries = NULL;
        Descriptor layer = { 0 };
        Digest diff;
        size_t n;

        if (stage_finish(s, mtime, true, &entries, &n, e) < 0)
                return -1;
        _cleanup_fd_ int hold = cache_hold(cache, e); /* the layer has no name yet */
        if (hold < 0)
                return -1;
        if (write_layer(cache, entries, n, &layer, &diff, e) < 0)
                return err_wrap(e, "layer of %s", p->name);
        print_config(p, arch, &diff, &config);
        return image_store_sbom(cache, p->ref, arch, config.data, &layer, 1, annotations, spdx, e);
}
