/* runtimelog.c - see runtimelog.h.  One JSON object per line; anything else is passed over. */
#include "init/runtimelog.h"

#include "init/sys.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define FILE_MAX (256u << 10)

char *runtimelog_error(const char *path) {
        _cleanup_free_ char *text = NULL;
        char *found = NULL;
        if (sys_read_file(path, FILE_MAX, &text, NULL) < 0)
                return NULL;
        for (char *line, *rest = text; (line = strsep(&rest, "\n"));) {
                _cleanup_json_ json_t *o = json_loads(line, 0, NULL);
                const char *level = json_string_value(json_object_get(o, "level"));
                const char *msg = json_string_value(json_object_get(o, "msg"));
                if (!msg || (!str_eq(level, "error") && !str_eq(level, "fatal")))
                        continue;
                free(found);
                found = xstrdup(msg);
        }
        return found;
}
