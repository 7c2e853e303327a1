/* check.c - see check.h. */
#include "lib/spec/check.h"

#include <arpa/inet.h>
#include <strings.h>

#include "lib/base/ref.h"

/* --- names and images ----------------------------------------------------------------------- */

/* The name becomes a directory of the image and the id of a container (W29). */
void check_name(SchemaWalk *w, const void *str, Pos pos) {
        const char *name = ((const Str *)str)->text;
        if (!*name)
                schema_problem(w, pos, "a name cannot be empty");
        else if (str_eq(name, ".") || str_eq(name, "..") || strchr(name, '/'))
                schema_problem(w, pos, "\"%.80s\" cannot be a name", name);
}

void check_volume_name(SchemaWalk *w, const void *str, Pos pos) {
        const char *name = ((const Str *)str)->text;
        if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")])
                schema_problem(w, pos,
                               "invalid volume name \"%.80s\": only a-z, 0-9, _ and - are allowed",
                               name);
}

void check_duration(SchemaWalk *w, const void *str, Pos pos) {
        const char *text = ((const Str *)str)->text;
        uint64_t seconds;
        if (!spec_seconds(text, &seconds))
                schema_problem(w, pos, "\"%.80s\" is no duration such as 30s, 5m or 1h", text);
}

void check_program(SchemaWalk *w, const void *str, Pos pos) {
        const char *text = ((const Str *)str)->text;
        bool name = *text && !strchr(text, '/') && !str_eq(text, ".") && !str_eq(text, "..");
        if (*text != '/' && !name)
                schema_problem(w, pos,
                               "\"%.80s\" is neither the name of a program nor an absolute path",
                               text);
}

void check_period(SchemaWalk *w, const void *str, Pos pos) {
        if (!str_eq(((const Str *)str)->text, "0s"))
                check_duration(w, str, pos);
}

static bool is_port(const char *s) {
        uint64_t port;
        return *s != '0' && strlen(s) <= 5 && str_to_u64(s, &port) && port <= 65535;
}

bool spec_tcp_is_valid(const char *text) {
        char host[INET6_ADDRSTRLEN + 2];
        struct in6_addr address;
        const char *colon = strrchr(text, ':');
        if (!colon)
                return is_port(text);
        size_t n = (size_t)(colon - text);
        if (!is_port(colon + 1) || n >= sizeof host)
                return false;
        memcpy(host, text, n);
        host[n] = 0;
        if (host[0] == '[' && host[n - 1] == ']') {
                host[n - 1] = 0;
                return inet_pton(AF_INET6, host + 1, &address) == 1;
        }
        return str_eq(host, "localhost") || inet_pton(AF_INET, host, &address) == 1;
}

void check_tcp(SchemaWalk *w, const void *str, Pos pos) {
        const char *text = ((const Str *)str)->text;
        if (!spec_tcp_is_valid(text))
                schema_problem(w, pos,
                               "\"%.80s\" is no PORT or HOST:PORT, with an address or localhost "
                               "as HOST",
                               text);
}

void check_absolute_path(SchemaWalk *w, const void *str, Pos pos) {
        const char *text = ((const Str *)str)->text;
        if (*text != '/')
                schema_problem(w, pos, "\"%.200s\" is no path that begins with /", text);
}

void check_command(SchemaWalk *w, const void *list, Pos pos) {
        const StrList *l = list;
        if (l->n == 0 || !*l->items[0].text)
                schema_problem(w, pos, "names no program");
}

static void image_fault(SchemaWalk *w, const char *text, Pos pos) {
        if (str_has_prefix(text, "@pkg:")) {
                if (!text[5])
                        schema_problem(w, pos, "\"@pkg:\" names no directory");
                return;
        }
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_ref_ Ref ref = { 0 };
        if (ref_parse(text, &ref, &e) < 0)
                schema_problem(w, pos, "%s", e.text);
}

void check_image(SchemaWalk *w, const void *str, Pos pos) {
        image_fault(w, ((const Str *)str)->text, pos);
}

void check_optional_image(SchemaWalk *w, const void *str, Pos pos) {
        if (*((const Str *)str)->text)
                check_image(w, str, pos);
}

void check_images(SchemaWalk *w, const void *list, Pos pos) {
        (void)pos;
        const StrList *l = list;
        for (size_t i = 0; i < l->n; i++) {
                size_t mark = w->path.len;
                buf_addf(&w->path, "[%zu]", i);
                image_fault(w, l->items[i].text, l->items[i].pos);
                w->path.data[w->path.len = mark] = 0;
        }
}

/* yaml.md 6.3 */
void check_label_name(SchemaWalk *w, const void *str, Pos pos) {
        if (*((const Str *)str)->text)
                schema_problem(w, pos, "cannot be set in an image label");
}

/* --- lists of strings with a form ----------------------------------------------------------- */

/* Calls fault(text) for every item; what it returns (arena text) is the problem of that item. */
static void check_each(SchemaWalk *w, const StrList *l,
                       const char *(*fault)(const char *text, Arena *a)) {
        for (size_t i = 0; i < l->n; i++) {
                const char *why = fault(l->items[i].text, w->arena);
                if (!why)
                        continue;
                size_t mark = w->path.len;
                buf_addf(&w->path, "[%zu]", i);
                schema_problem(w, l->items[i].pos, "%s", why);
                w->path.data[w->path.len = mark] = 0;
        }
}

/* yaml.md 11.4 */
const char *const check_capability_names[] = {
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
        "PERFMON",
        "BPF",
        "CHECKPOINT_RESTORE",
        NULL,
};

static const char *capability_fault(const char *text, Arena *a) {
        bool prefixed = strncasecmp(text, "CAP_", 4) == 0;
        const char *bare = prefixed ? text + 4 : text;
        for (const char *const *name = check_capability_names; *name; name++) {
                if (strcasecmp(bare, *name) != 0)
                        continue;
                if (str_has_prefix(text, "CAP_") && str_eq(bare, *name))
                        return NULL;
                return arena_printf(a, "unknown capability: %s, did you mean \"CAP_%s\"?", text,
                                    *name);
        }
        if (strcasecmp(text, "all") == 0 || strcasecmp(text, "none") == 0)
                return arena_printf(a, "unknown capability: %s (it must be the only item)", text);
        return arena_printf(a, "unknown capability: %.80s", text);
}

void check_capabilities(SchemaWalk *w, const void *list, Pos pos) {
        (void)pos;
        const StrList *l = list;
        if (l->n == 1 &&
            (strcasecmp(l->items[0].text, "all") == 0 || strcasecmp(l->items[0].text, "none") == 0))
                return;
        check_each(w, l, capability_fault);
}

static size_t count_colons(const char *s) {
        size_t n = 0;
        for (; *s; s++)
                n += *s == ':';
        return n;
}

static const char *bind_fault(const char *text, Arena *a) {
        size_t n = count_colons(text);
        if (n == 0)
                return arena_printf(a, "cannot parse bind, missing ':': %.200s", text);
        if (n > 2)
                return arena_printf(a, "cannot parse bind, too many ':': %.200s", text);
        return NULL;
}

void check_binds(SchemaWalk *w, const void *list, Pos pos) {
        (void)pos;
        check_each(w, list, bind_fault);
}

static const char *tmpfs_fault(const char *text, Arena *a) {
        return count_colons(text) > 1
                       ? arena_printf(a, "cannot parse tmpfs, too many ':': %.200s", text)
                       : NULL;
}

void check_tmpfs(SchemaWalk *w, const void *list, Pos pos) {
        (void)pos;
        check_each(w, list, tmpfs_fault);
}

const char *const check_rlimit_names[] = {
        "CPU", "FSIZE", "DATA",       "STACK",    "CORE", "RSS",    "NPROC",  "NOFILE", "MEMLOCK",
        "AS",  "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME", NULL,
};

/* The part up to the next comma without blanks around it; *s moves behind the comma. */
static char *next_part(const char **s) {
        const char *p = *s + strspn(*s, " \t\n\r\v\f");
        const char *comma = strchrnul(*s, ',');
        if (p > comma)
                p = comma;
        const char *end = comma;
        while (end > p && strchr(" \t\n\r\v\f", end[-1]))
                end--;
        *s = *comma ? comma + 1 : comma;
        return xstrndup(p, (size_t)(end - p));
}

static const char *rlimit_fault(const char *text, Arena *a) {
        const char *s = text;
        const char *comma = strchr(text, ',');
        comma = comma ? strchr(comma + 1, ',') : NULL;
        if (!comma || strchr(comma + 1, ','))
                return arena_printf(a, "cannot parse rlimit: %.80s (expected NAME,SOFT,HARD)",
                                    text);
        _cleanup_free_ char *name = next_part(&s);
        const char *bare = strncasecmp(name, "RLIMIT_", 7) == 0 ? name + 7 : name;
        const char *const *known = check_rlimit_names;
        while (*known && strcasecmp(bare, *known) != 0)
                known++;
        if (!*known)
                return arena_printf(a, "unknown limit: %.80s", name);
        for (size_t i = 0; i < 2; i++) {
                _cleanup_free_ char *value = next_part(&s);
                uint64_t unused;
                if (strcasecmp(value, "unlimited") != 0 && !str_to_u64(value, &unused))
                        return arena_printf(a, "cannot parse %.80s as uint64", value);
        }
        return NULL;
}

void check_rlimits(SchemaWalk *w, const void *list, Pos pos) {
        (void)pos;
        check_each(w, list, rlimit_fault);
}

/* --- mappings ------------------------------------------------------------------------------- */

static bool is_octal_mode(const char *s) {
        size_t n = strlen(s);
        return n > 0 && n <= 12 && strspn(s, "01234567") == n && strtoul(s, NULL, 8) <= 07777;
}

/* yaml.md 11.3, the five default rules, as far as they can fail */
void check_mount(SchemaWalk *w, const void *mount, Pos pos) {
        static const char *const self_typed[] = { "mqueue", "devpts", "proc", "sysfs", "cgroup" };
        const Mount *m = mount;
        const char *destination = m->destination.text ? m->destination.text : "";
        const char *type = m->type.text ? m->type.text : "";
        for (size_t i = 0; i < ARRAY_LEN(self_typed) && !*type; i++)
                if (str_eq(m->source.text, self_typed[i]))
                        type = self_typed[i];
        if (!*type && str_eq(destination, "/dev"))
                type = "tmpfs";
        if (!*type) {
                schema_problem(w, pos, "mount for destination \"%.200s\" is missing type",
                               destination);
                return;
        }
        if (*destination)
                return;
        for (size_t i = 0; i < ARRAY_LEN(self_typed); i++)
                if (str_eq(type, self_typed[i]))
                        return;
        schema_problem(w, pos, "mount type \"%.80s\" is missing destination", type);
}

void check_device(SchemaWalk *w, const void *device, Pos pos) {
        const Device *d = device;
        if (str_eq(d->path.text, "all"))
                return;
        if (str_is_empty(d->mode.text))
                schema_problem(w, pos, "mode is required, an octal string such as \"0660\"");
        else if (!is_octal_mode(d->mode.text))
                schema_problem(w, d->mode.pos, "cannot parse device mode as octal value: %.80s",
                               d->mode.text);
}

void check_probe(SchemaWalk *w, const void *probe, Pos pos) {
        const Probe *p = probe;
        int n = p->exec.set + (p->tcp.text != NULL) + (p->file.text != NULL);
        if (n != 1)
                schema_problem(w, pos, "%s of exec, tcp and file", n ? "only one" : "needs one");
}

/* os/arch[/variant]; os or arch alone are understood by the reference, too */
static bool is_platform(const char *s) {
        size_t parts = 1, length = 0;
        for (; *s; s++) {
                if (*s != '/') {
                        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789_.-",
                                    *s))
                                return false;
                        length++;
                } else if (!length) {
                        return false;
                } else {
                        parts++;
                        length = 0;
                }
        }
        return length && parts <= 3;
}

void check_volume(SchemaWalk *w, const void *volume, Pos pos) {
        (void)pos;
        const Volume *v = volume;
        if (!str_eq(v->format.text, "oci"))
                return; /* yaml.md 5.6: not even parsed */
        for (size_t i = 0; i < v->platforms.n; i++)
                if (!is_platform(v->platforms.items[i].text))
                        schema_problem(w, v->platforms.items[i].pos,
                                       "platforms[%zu]: failed to parse platform %.80s", i,
                                       v->platforms.items[i].text);
}

/* True when the path, without its one leading slash, is a place below the root. */
static bool is_inside(const char *path) {
        _cleanup_free_ char *clean = path_clean(path + (*path == '/'));
        const char *p = clean + strspn(clean, "/");
        return *p && !str_eq(p, ".") && !str_eq(p, "..") && !str_has_prefix(p, "../");
}

/* The combinations of yaml.md 5.7 */
static void check_file_content(SchemaWalk *w, const FileItem *f, Pos pos) {
        bool directory = f->directory.set && f->directory.value;
        bool source = !str_is_empty(f->source.text), metadata = !str_is_empty(f->metadata.text);
        bool content = directory || !str_is_empty(f->symlink.text) || f->contents.text;
        const char *path = f->path.text;
        if (!content && !source && !metadata)
                schema_problem(w, pos, "contents of file (%.200s) not specified", path);
        else if (source && metadata)
                schema_problem(w, pos, "specified source and metadata for file: %.200s", path);
        else if (content && metadata)
                schema_problem(w, pos, "specified contents and metadata for file: %.200s", path);
        else if (content && source)
                schema_problem(w, pos, "specified contents and source for file: %.200s", path);
        else if (directory && f->contents.text)
                schema_problem(w, pos, "directory with contents not allowed: %.200s", path);
        if (metadata && !str_eq(f->metadata.text, "yaml") && !str_eq(f->metadata.text, "json"))
                schema_problem(w, f->metadata.pos, "unsupported metadata type: %.80s",
                               f->metadata.text);
}

void check_file(SchemaWalk *w, const void *file_item, Pos pos) {
        const FileItem *f = file_item;
        if (str_is_empty(f->path.text)) {
                schema_problem(w, pos, "did not specify path for file");
                return;
        }
        if (!is_inside(f->path.text))
                schema_problem(w, f->path.pos, "\"%.200s\" is no place inside the root file system",
                               f->path.text);
        if (!str_is_empty(f->mode.text) && !is_octal_mode(f->mode.text))
                schema_problem(w, f->mode.pos, "cannot parse file mode as octal value: %.80s",
                               f->mode.text);
        check_file_content(w, f, pos);
}
