/* procgroup.c - see procgroup.h. */
#include "init/procgroup.h"

#include <stdio.h>

#include "init/sys.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define FILE_MAX (64u << 10)

static const char root[] = "/sys/fs/cgroup";

/* A line of /proc/PID/cgroup: "ID:CONTROLLERS:PATH", without controllers in cgroup v2. */
static char *line_path(char *line) {
        char *rest = line;
        strsep(&rest, ":");
        const char *controllers = strsep(&rest, ":");
        if (!rest || rest[0] != '/' || str_eq(rest, "/") || strstr(rest, "/../"))
                return NULL;
        if (str_has_prefix(controllers, "name="))
                controllers += strlen("name=");
        char *dir = *controllers ? xasprintf("%s/%s%s", root, controllers, rest)
                                 : xasprintf("%s%s", root, rest);
        if (sys_is_dir(dir))
                return dir;
        free(dir);
        return NULL;
}

char *procgroup_path(pid_t pid) {
        char file[64];
        _cleanup_free_ char *text = NULL;
        snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);
        if (sys_read_file(file, FILE_MAX, &text, NULL) < 0)
                return NULL;
        for (char *line, *rest = text; (line = strsep(&rest, "\n"));) {
                char *dir = line_path(line);
                if (dir)
                        return dir;
        }
        return NULL;
}

bool procgroup_has_processes(const char *dir) {
        char pid[32];
        _cleanup_free_ char *file = dir ? path_join(dir, "cgroup.procs") : NULL;
        return file && sys_read_line(file, pid, sizeof pid) && pid[0];
}

unsigned procgroup_oom_kills(const char *dir) {
        unsigned n = 0;
        _cleanup_free_ char *file = dir ? path_join(dir, "memory.events") : NULL;
        _cleanup_free_ char *text = NULL;
        if (!file || sys_read_file(file, FILE_MAX, &text, NULL) < 0)
                return 0;
        for (char *line, *rest = text; (line = strsep(&rest, "\n"));)
                if (sscanf(line, "oom_kill %u", &n) == 1)
                        break;
        return n;
}
