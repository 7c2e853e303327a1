/* inputtar.c - see inputtar.h.  A section counts as copied when its lines of the build file are the
 * same and OLD has entries with its two marks (yaml.md 9). */
#include "lib/rootfs/inputtar.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/oci/layer.h"
#include "lib/rootfs/names.h"

#define METADATA_LIMIT ((uint64_t)16 << 20)

struct InputTar {
        Arena *arena;
        NameSet *same; /* sections */
};

typedef struct Scan {
        Arena *arena;
        NameSet *marks;       /* "LOCATION SOURCE" of the entries */
        const char *metadata; /* cleaned name */
        Content text;         /* of the metadata file; the last one counts */
} Scan;

static const char *record(const Entry *entry, const char *key) {
        for (size_t i = 0; i < entry->n_pax; i++)
                if (str_eq(entry->pax[i].key, key))
                        return entry->pax[i].value;
        return NULL;
}

static int note_entry(void *ctx, const Entry *entry, Err *e) {
        (void)e;
        Scan *s = ctx;
        const char *location = record(entry, "LINUXKIT.location");
        const char *source = record(entry, "LINUXKIT.source");
        uint32_t id;
        if (location && source) {
                _cleanup_free_ char *mark = xasprintf("%s %s", location, source);
                if (!nameset_find(s->marks, mark, strlen(mark), &id))
                        nameset_add(s->marks, arena_strdup(s->arena, mark), strlen(mark));
        }
        if (entry->type == ENTRY_FILE && str_eq(entry->name, s->metadata))
                s->text = entry->content;
        return 0;
}

/* --- comparing ------------------------------------------------------------------------------ */

static void compare(InputTar *t, const Scan *s, const char *section, const char *location,
                    const char *ref, bool equal) {
        _cleanup_free_ char *mark = xasprintf("%s %s", location, ref ? ref : "");
        uint32_t id;
        if (equal && nameset_find(s->marks, mark, strlen(mark), &id))
                nameset_add(t->same, section, strlen(section));
}

static int print_entry(const ImageEntry *entry, Buf *out) {
        ImageEntry copy = *entry;
        Spec one = { 0 };
        one.sections[SECTION_SERVICES].items = &copy;
        one.sections[SECTION_SERVICES].n = 1;
        one.sections[SECTION_SERVICES].set = true;
        return spec_print_yaml(&one, out, NULL);
}

/* Entries are equal when they are printed alike, which is what the metadata file holds. */
static bool same_entry(const ImageEntry *a, const ImageEntry *b) {
        _cleanup_buf_ Buf x = { 0 }, y = { 0 };
        return print_entry(a, &x) == 0 && print_entry(b, &y) == 0 && str_eq(x.data, y.data);
}

/* The metadata file holds the images in normal form, apart from those of volumes. */
static void compare_specs(InputTar *t, const Scan *s, const Spec *now, const Spec *old) {
        const char *ref = now->kernel.image.ref;
        compare(t, s, "kernel", "kernel", ref, str_eq(ref, old->kernel.image.text.text));
        for (size_t i = 0; i < MIN(now->n_init, old->n_init); i++) {
                const char *section = arena_printf(t->arena, "init[%zu]", i);
                ref = now->init[i].ref;
                compare(t, s, section, section, ref, str_eq(ref, old->init[i].text.text));
        }
        for (size_t k = 0; k < SECTION_COUNT; k++)
                for (size_t i = 0; i < MIN(now->sections[k].n, old->sections[k].n); i++) {
                        const ImageEntry *a = &now->sections[k].items[i];
                        const char *section =
                                arena_printf(t->arena, "%s[%zu]", spec_section_names[k], i);
                        compare(t, s, section, section, a->image.ref,
                                same_entry(a, &old->sections[k].items[i]));
                }
        for (size_t i = 0; i < MIN(now->n_volumes, old->n_volumes); i++) {
                const ImageRef *image = &now->volumes[i].image;
                const char *text = image->package_dir ? image->ref : image->text.text;
                compare(t, s, arena_printf(t->arena, "volumes[%zu]", i),
                        arena_printf(t->arena, "volume[%zu]", i), image->ref,
                        str_eq(text, old->volumes[i].image.text.text));
        }
}

/* --- the whole ------------------------------------------------------------------------------ */

static int read_old(InputTar *t, Scan *s, const Blob *old, const Spec *spec, Err *e) {
        Content all = { .blob = old, .size = old->size };
        _cleanup_free_ char *text = NULL;
        Spec *before = NULL;
        if (layer_scan_tar(&all, false, note_entry, s, e) < 0)
                return -1;
        if (!s->text.size)
                return err_set(e, ERR_NOT_FOUND, 0, "it has no file %s", s->metadata);
        if (content_load(&s->text, METADATA_LIMIT, &text, e) < 0 ||
            spec_parse(text, s->text.size, s->metadata, &before, e) < 0)
                return -1;
        compare_specs(t, s, spec, before);
        spec_free(before);
        return 0;
}

static int read_file(InputTar *t, const char *path, const char *metadata, const Spec *spec,
                     Err *e) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_set(e, ERR_IO, errno, "--input-tar %s", path);
        _cleanup_free_ char *name = path_clean(metadata + (*metadata == '/'));
        _cleanup_nameset_ NameSet *marks = nameset_new();
        Blob old = { .fd = fd, .size = (uint64_t)st.st_size };
        Scan s = { .arena = t->arena, .marks = marks, .metadata = name };
        _cleanup_err_ Err why = ERR_INIT;
        if (read_old(t, &s, &old, spec, &why) < 0) {
                const char *line = why.text + strcspn(why.text, "\n");
                log_warn("--input-tar %s: nothing of it can be used: %.*s", path,
                         (int)(line - why.text), why.text);
        }
        return 0;
}

int input_tar_open(const char *path, const Spec *spec, InputTar **ret, Err *e) {
        const char *metadata = NULL;
        for (size_t i = 0; i < spec->n_files; i++)
                if (!str_is_empty(spec->files[i].metadata.text))
                        metadata = spec->files[i].path.text;
        *ret = NULL;
        if (!metadata)
                return 0;
        InputTar *t = xcalloc(1, sizeof(*t));
        t->arena = arena_new();
        t->same = nameset_new();
        if (read_file(t, path, metadata, spec, e) < 0) {
                input_tar_free(t);
                return -1;
        }
        *ret = t;
        return 0;
}

void input_tar_free(InputTar *t) {
        if (!t)
                return;
        nameset_free(t->same);
        arena_free(t->arena);
        free(t);
}

bool input_tar_has(const InputTar *t, const char *section) {
        uint32_t id;
        return t && nameset_find(t->same, section, strlen(section), &id);
}
