/* id.c - uids and gids by name (yaml.md 16).  Every image entry has a number; a name that is used
 * twice means the last one. */
#include "lib/base/str.h"
#include "lib/spec/spec.h"

enum { FIRST_ID = 100 };

int spec_resolve_id(const Spec *s, const Id *id, uint32_t *ret, Err *e) {
        *ret = 0;
        if (!id->set)
                return 0;
        if (!id->name) {
                *ret = (uint32_t)id->number; /* in range since it was read */
                return 0;
        }
        if (!*id->name || str_eq(id->name, "root"))
                return 0;
        bool found = false;
        uint32_t number = FIRST_ID;
        for (size_t section = 0; section < SECTION_COUNT; section++)
                for (size_t i = 0; i < s->sections[section].n; i++, number++)
                        if (str_eq(s->sections[section].items[i].name.text, id->name)) {
                                *ret = number;
                                found = true;
                        }
        return found ? 0 : spec_err(e, id->pos, "cannot find id: %s", id->name);
}
