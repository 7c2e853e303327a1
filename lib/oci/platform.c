/* platform.c - see platform.h.  The variant counts only when the user asked for one: indexes are
 * not agreed on whether arm64 has the variant v8 or none. */
#include "lib/oci/platform.h"

#include "lib/base/arch.h"
#include "lib/base/str.h"

int platform_parse(Arena *a, const char *text, Platform *ret, Err *e) {
        char *os = arena_strdup(a, text);
        char *arch = strchr(os, '/');
        char *variant = arch ? strchr(arch + 1, '/') : NULL;
        if (arch)
                *arch++ = '\0';
        if (variant)
                *variant++ = '\0';
        if (!*os || str_is_empty(arch) || (variant && (!*variant || strchr(variant, '/')))) {
                err_set(e, ERR_USAGE, 0, "invalid platform \"%s\"", text);
                return err_hint(e, "platforms are written OS/ARCH: linux/amd64, linux/arm64");
        }
        const Arch *known = arch_find(arch);
        *ret = (Platform){ .os = os, .arch = known ? known->go : arch, .variant = variant };
        return 0;
}

Platform platform_host(void) {
        return (Platform){ .os = "linux", .arch = arch_host() };
}

bool platform_matches(const Platform *p, const char *os, const char *arch, const char *variant) {
        return os && arch && str_eq(p->os, os) && str_eq(p->arch, arch) &&
               (!p->variant || str_eq(p->variant, variant));
}

const char *platform_variant(const ManifestEntry *entry) {
        return json_string_value(
                json_object_get(json_object_get(entry->json, "platform"), "variant"));
}

bool platforms_match(const Platforms *p, const ManifestEntry *entry) {
        if (p->all)
                return true;
        for (size_t i = 0; i < p->n; i++)
                if (platform_matches(&p->items[i], entry->os, entry->architecture,
                                     platform_variant(entry)))
                        return true;
        return false;
}

char *platforms_text(const Platforms *p) {
        Buf b = { 0 };
        if (p->all)
                buf_adds(&b, "all platforms");
        for (size_t i = 0; !p->all && i < p->n; i++) {
                const Platform *x = &p->items[i];
                buf_addf(&b, "%s%s/%s%s%s", i ? ", " : "", x->os, x->arch, x->variant ? "/" : "",
                         x->variant ? x->variant : "");
        }
        return buf_steal(&b);
}
