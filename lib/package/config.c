/* config.c - see config.h.  The order of a table is the order of the output: it follows the
 * declarations of the reference's types, not the alphabet. */
#include "lib/package/config.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/package/keyread.h"

typedef struct Row Row;

typedef enum Kind {
        STRING,
        STRINGS, /* list of strings */
        BOOLEAN,
        INTEGER,
        ID, /* number or name */
        IDS,
        MAP,     /* string to string, sorted */
        OBJECT,  /* rows */
        OBJECTS, /* list of rows */
} Kind;

struct Row {
        const char *key;
        Kind kind;
        const Row *rows; /* ends with a NULL key */
        bool always;     /* an object that is written even when absent */
};

#define LEAF(key, kind) \
        { (key), (kind), NULL, false }
#define NODE(key, kind, rows) \
        { (key), (kind), (rows), false }

static const Row id_mapping[] = {
        LEAF("containerID", INTEGER),
        LEAF("hostID", INTEGER),
        LEAF("size", INTEGER),
        { 0 },
};

static const Row mount[] = {
        LEAF("destination", STRING),
        LEAF("type", STRING),
        LEAF("source", STRING),
        LEAF("options", STRINGS),
        NODE("uidMappings", OBJECTS, id_mapping),
        NODE("gidMappings", OBJECTS, id_mapping),
        { 0 },
};

static const Row device[] = {
        LEAF("path", STRING),   LEAF("type", STRING), LEAF("major", INTEGER),
        LEAF("minor", INTEGER), LEAF("mode", STRING), { 0 },
};

static const Row resource_device[] = {
        LEAF("allow", BOOLEAN), LEAF("type", STRING),   LEAF("major", INTEGER),
        LEAF("minor", INTEGER), LEAF("access", STRING), { 0 },
};

static const Row memory[] = {
        LEAF("limit", INTEGER),
        LEAF("reservation", INTEGER),
        LEAF("swap", INTEGER),
        LEAF("kernel", INTEGER),
        LEAF("kernelTCP", INTEGER),
        LEAF("swappiness", INTEGER),
        LEAF("disableOOMKiller", BOOLEAN),
        { 0 },
};

static const Row cpu[] = {
        LEAF("shares", INTEGER),
        LEAF("quota", INTEGER),
        LEAF("period", INTEGER),
        LEAF("realtimeRuntime", INTEGER),
        LEAF("realtimePeriod", INTEGER),
        LEAF("cpus", STRING),
        LEAF("mems", STRING),
        { 0 },
};

static const Row pids[] = { LEAF("limit", INTEGER), { 0 } };

static const Row weight_device[] = {
        LEAF("major", INTEGER),
        LEAF("minor", INTEGER),
        LEAF("weight", INTEGER),
        LEAF("leafWeight", INTEGER),
        { 0 },
};

static const Row throttle_device[] = {
        LEAF("major", INTEGER),
        LEAF("minor", INTEGER),
        LEAF("rate", INTEGER),
        { 0 },
};

static const Row block_io[] = {
        LEAF("weight", INTEGER),
        LEAF("leafWeight", INTEGER),
        NODE("weightDevice", OBJECTS, weight_device),
        NODE("throttleReadBpsDevice", OBJECTS, throttle_device),
        NODE("throttleWriteBpsDevice", OBJECTS, throttle_device),
        NODE("throttleReadIOPSDevice", OBJECTS, throttle_device),
        NODE("throttleWriteIOPSDevice", OBJECTS, throttle_device),
        { 0 },
};

static const Row huge_page[] = {
        LEAF("pageSize", STRING),
        LEAF("limit", INTEGER),
        { 0 },
};

static const Row priority[] = {
        LEAF("name", STRING),
        LEAF("priority", INTEGER),
        { 0 },
};

static const Row network[] = {
        LEAF("classID", INTEGER),
        NODE("priorities", OBJECTS, priority),
        { 0 },
};

static const Row resources[] = {
        NODE("devices", OBJECTS, resource_device),
        NODE("memory", OBJECT, memory),
        NODE("cpu", OBJECT, cpu),
        NODE("pids", OBJECT, pids),
        NODE("blockIO", OBJECT, block_io),
        NODE("hugepageLimits", OBJECTS, huge_page),
        NODE("network", OBJECT, network),
        { 0 },
};

static const Row interface[] = {
        LEAF("name", STRING),
        LEAF("add", STRING),
        LEAF("peer", STRING),
        LEAF("createInRoot", BOOLEAN),
        { 0 },
};

static const Row bind_ns[] = {
        LEAF("cgroup", STRING), LEAF("ipc", STRING),  LEAF("mnt", STRING), LEAF("net", STRING),
        LEAF("pid", STRING),    LEAF("user", STRING), LEAF("uts", STRING), { 0 },
};

static const Row probe[] = {
        LEAF("exec", STRINGS),       LEAF("tcp", ID), /* a number or a string */
        LEAF("file", STRING),        LEAF("interval", STRING),
        LEAF("timeout", STRING),     LEAF("retries", INTEGER),
        LEAF("startPeriod", STRING), { 0 },
};

static const Row runtime[] = {
        LEAF("cgroups", STRINGS),
        NODE("mounts", OBJECTS, mount),
        LEAF("mkdir", STRINGS),
        NODE("interfaces", OBJECTS, interface),
        { "bindNS", OBJECT, bind_ns, true },
        LEAF("namespace", STRING),
        LEAF("restart", STRING),
        LEAF("fail", STRING),
        LEAF("timeout", STRING),
        LEAF("ociRuntime", STRING),
        LEAF("needs", STRINGS),
        NODE("ready", OBJECT, probe),
        NODE("health", OBJECT, probe),
        LEAF("restartLimit", INTEGER),
        LEAF("stopTimeout", STRING),
        { 0 },
};

static const Row config[] = {
        LEAF("capabilities", STRINGS),
        LEAF("capabilities.add", STRINGS),
        LEAF("ambient", STRINGS),
        NODE("mounts", OBJECTS, mount),
        LEAF("binds", STRINGS),
        LEAF("binds.add", STRINGS),
        NODE("devices", OBJECTS, device),
        LEAF("tmpfs", STRINGS),
        LEAF("command", STRINGS),
        LEAF("env", STRINGS),
        LEAF("cwd", STRING),
        LEAF("net", STRING),
        LEAF("pid", STRING),
        LEAF("ipc", STRING),
        LEAF("uts", STRING),
        LEAF("userns", STRING),
        LEAF("hostname", STRING),
        LEAF("readonly", BOOLEAN),
        LEAF("maskedPaths", STRINGS),
        LEAF("readonlyPaths", STRINGS),
        LEAF("uid", ID),
        LEAF("gid", ID),
        LEAF("additionalGids", IDS),
        LEAF("noNewPrivileges", BOOLEAN),
        LEAF("oomScoreAdj", INTEGER),
        LEAF("rootfsPropagation", STRING),
        LEAF("cgroupsPath", STRING),
        NODE("resources", OBJECT, resources),
        LEAF("sysctl", MAP),
        LEAF("rlimits", STRINGS),
        NODE("uidMappings", OBJECTS, id_mapping),
        NODE("gidMappings", OBJECTS, id_mapping),
        LEAF("annotations", MAP),
        NODE("runtime", OBJECT, runtime),
        { 0 },
};

static void print_value(Problems *p, const Row *row, const Node *n, Buf *out);

static void print_string(Problems *p, const Node *n, Buf *out) {
        Str s = { 0 };

        key_str(p, n, &s);
        json_add_string(out, s.text ? s.text : "");
}

static void print_bool(Problems *p, const Node *n, Buf *out) {
        Bool b = { 0 };

        key_bool(p, n, &b);
        buf_adds(out, b.value ? "true" : "false");
}

static void print_int(Problems *p, const Node *n, Buf *out) {
        if (n->kind != NODE_INT) {
                problem_add(p, n->pos, "expected a number, not %s", node_describe(n, p->arena));
                return;
        }
        buf_addf(out, "%s%" PRIu64, n->scalar.negative ? "-" : "", n->scalar.magnitude);
}

static void print_id(Problems *p, const Node *n, Buf *out) {
        if (n->kind == NODE_INT)
                print_int(p, n, out);
        else
                print_string(p, n, out);
}

static int entry_cmp(const void *a, const void *b) {
        const NodeEntry *x = a, *y = b;

        return strcmp(x->key->text, y->key->text);
}

static void print_map(Problems *p, const Node *n, Buf *out) {
        if (n->kind != NODE_MAPPING) {
                problem_add(p, n->pos, "expected a mapping, not %s", node_describe(n, p->arena));
                return;
        }

        _cleanup_free_ NodeEntry *sorted = xcalloc(n->n + 1, sizeof(*sorted));

        memcpy(sorted, n->entries, n->n * sizeof(*sorted));
        qsort(sorted, n->n, sizeof(*sorted), entry_cmp);
        buf_addc(out, '{');
        for (size_t i = 0; i < n->n; i++) {
                if (i)
                        buf_addc(out, ',');
                json_add_string(out, sorted[i].key->text);
                buf_addc(out, ':');
                print_string(p, sorted[i].value, out);
        }
        buf_addc(out, '}');
}

static const Row *find_row(const Row *rows, const char *key) {
        for (; rows->key; rows++)
                if (str_eq(rows->key, key))
                        return rows;
        return NULL;
}

/* n NULL: an object that is written although it is absent. */
static void print_object(Problems *p, const Row *rows, const Node *n, const char *what, Buf *out) {
        bool first = true;

        if (n && n->kind != NODE_MAPPING) {
                problem_add(p, n->pos, "%s must be a mapping, not %s", what,
                            node_describe(n, p->arena));
                return;
        }
        for (size_t i = 0; n && i < n->n; i++)
                if (!find_row(rows, n->entries[i].key->text))
                        problem_add(p, n->entries[i].key->pos, "unknown key \"%s\" in %s",
                                    n->entries[i].key->text, what);
        buf_addc(out, '{');
        for (const Row *row = rows; row->key; row++) {
                const Node *value = NULL;

                for (size_t i = 0; n && i < n->n && !value; i++)
                        if (str_eq(n->entries[i].key->text, row->key))
                                value = n->entries[i].value;
                if (value && value->kind == NODE_NULL)
                        value = NULL; /* as absent */
                if (!value && !row->always)
                        continue;
                if (!first)
                        buf_addc(out, ',');
                first = false;
                json_add_string(out, row->key);
                buf_addc(out, ':');
                if (value)
                        print_value(p, row, value, out);
                else
                        print_object(p, row->rows, NULL, row->key, out);
        }
        buf_addc(out, '}');
}

static void print_list(Problems *p, const Row *row, const Node *n, Buf *out) {
        Row item = *row;

        item.kind = row->kind == STRINGS ? STRING : row->kind == IDS ? ID : OBJECT;
        if (n->kind != NODE_LIST) {
                problem_add(p, n->pos, "%s must be a list, not %s", row->key,
                            node_describe(n, p->arena));
                return;
        }
        buf_addc(out, '[');
        for (size_t i = 0; i < n->n; i++) {
                if (i)
                        buf_addc(out, ',');
                print_value(p, &item, n->items[i], out);
        }
        buf_addc(out, ']');
}

static void print_value(Problems *p, const Row *row, const Node *n, Buf *out) {
        switch (row->kind) {
        case STRING:
                print_string(p, n, out);
                break;
        case BOOLEAN:
                print_bool(p, n, out);
                break;
        case INTEGER:
                print_int(p, n, out);
                break;
        case ID:
                print_id(p, n, out);
                break;
        case MAP:
                print_map(p, n, out);
                break;
        case OBJECT:
                print_object(p, row->rows, n, row->key, out);
                break;
        case STRINGS:
        case IDS:
        case OBJECTS:
                print_list(p, row, n, out);
                break;
        }
}

void config_print(Problems *p, const Node *n, Buf *out) {
        print_object(p, config, n, "config", out);
}
