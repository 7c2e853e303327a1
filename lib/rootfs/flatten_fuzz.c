/* flatten_fuzz.c - layers written as lines ("F name", "D name", "L name>target", "H name>target",
 * "-" starts the next layer) become one stream of entries; what must hold for every result is
 * checked.  Bytes of a tar would hardly ever get as far as this. */
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/rootfs/flatten.h"
#include "lib/rootfs/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_LAYERS = 8 };

typedef struct Layers {
        EntryList lists[MAX_LAYERS];
        size_t n;
        Entry *entries[MAX_LAYERS];
        size_t counts[MAX_LAYERS], caps[MAX_LAYERS];
        Arena *arena;
} Layers;

static void check(bool ok) {
        if (!ok)
                abort();
}

static void get_entry(const void *ctx, size_t i, Entry *ret) {
        *ret = ((const Entry *)ctx)[i];
}

static void add_line(Layers *l, char *line) {
        if (str_eq(line, "-")) {
                if (l->n < MAX_LAYERS)
                        l->n++;
                return;
        }
        if (line[0] == 0 || line[1] != ' ' || line[2] == 0)
                return;
        EntryType type = line[0] == 'D'   ? ENTRY_DIR
                         : line[0] == 'L' ? ENTRY_SYMLINK
                         : line[0] == 'H' ? ENTRY_HARDLINK
                                          : ENTRY_FILE;
        char *target = strchr(line, '>');
        if (target)
                *target++ = 0;
        _cleanup_free_ char *name = path_clean(line + 2); /* as tarscan_run does */
        size_t at = l->n - 1;
        *vec_push(l->entries[at], l->counts[at], l->caps[at]) = (Entry){
                .name = arena_strdup(l->arena, name),
                .type = type,
                .link = type == ENTRY_SYMLINK || type == ENTRY_HARDLINK ? target ? target : "x"
                                                                        : NULL,
        };
}

typedef struct Output {
        NameSet *closed; /* what is not a directory */
        Arena *arena;
} Output;

static bool has(const NameSet *s, const char *name) {
        uint32_t id;
        return nameset_find(s, name, strlen(name), &id);
}

static int take_entry(void *ctx, const Entry *entry, Err *e) {
        (void)e;
        Output *out = ctx;
        char *name = arena_strdup(out->arena, entry->name);
        check(*name && *name != '/' && !path_has_dotdot(name));
        check(!str_has_prefix(path_base(name), ".wh."));
        check(!has(out->closed, name)); /* nothing that is not a directory comes twice */
        for (size_t i = 1; name[i]; i++) {
                uint32_t id;
                check(name[i] != '/' || !nameset_find(out->closed, name, i, &id));
        }
        if (entry->type != ENTRY_DIR)
                nameset_add(out->closed, name, strlen(name));
        if (entry->type == ENTRY_HARDLINK) {
                _cleanup_free_ char *target = path_clean(entry->link);
                check(has(out->closed, name_relative(target))); /* behind what it links to */
        }
        return 0;
}

static void run(const Layers *l) {
        _cleanup_nameset_ NameSet *closed = nameset_new();
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_err_ Err e = ERR_INIT;
        Output out = { closed, arena };
        if (flatten(l->lists, l->n, NULL, take_entry, &out, &e) < 0)
                check(e.kind == ERR_VERIFY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = xstrndup((const char *)data, size);
        _cleanup_arena_ Arena *arena = arena_new();
        Layers l = { .n = 1, .arena = arena };
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                add_line(&l, line);
        for (size_t i = 0; i < l.n; i++)
                l.lists[i] = (EntryList){ l.counts[i], get_entry, l.entries[i] };
        run(&l);
        for (size_t i = 0; i < MAX_LAYERS; i++)
                free(l.entries[i]);
        return 0;
}
