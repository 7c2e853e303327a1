/* print_resources.c - `resources` of an image entry.  The reference prints a foreign struct here:
 * in YAML every member in lower case, the unset ones too, some of which no build file can set
 * (yaml.md 15.3); in JSON the members of config.json (11.2). */
#include "lib/spec/print.h"

#include <ctype.h>

#include "lib/base/mem.h"

/* Keys are given in JSON's spelling. */
static void key(Out *o, const char *name) {
        char lower[40];
        size_t i = 0;
        for (; name[i] && i < sizeof lower - 1; i++)
                lower[i] = out_is_json(o) ? name[i] : (char)tolower((unsigned char)name[i]);
        lower[i] = 0;
        out_key(o, lower);
}

/* YAML shows an unset member as null, JSON leaves it out; true: go on and write the value. */
static bool begin(Out *o, const char *name, bool set) {
        if (set || !out_is_json(o))
                key(o, name);
        if (!set && !out_is_json(o))
                out_null(o);
        return set;
}

static void signed_member(Out *o, const char *name, const Int *i) {
        if (begin(o, name, i->set))
                out_i64(o, i->value);
}

static void unsigned_member(Out *o, const char *name, const Int *i) {
        if (begin(o, name, i->set))
                out_u64(o, i->u);
}

static void bool_member(Out *o, const char *name, const Bool *b) {
        if (begin(o, name, b->set))
                out_bool(o, b->value);
}

static void text_member(Out *o, const char *name, const Str *s) {
        if (out_is_json(o) && str_is_empty(s->text))
                return;
        key(o, name);
        out_string(o, s->text ? s->text : "");
}

/* A member that only the reference's struct has. */
static void absent_member(Out *o, const char *name) {
        begin(o, name, false);
}

static void empty_map_member(Out *o, const char *name) {
        if (out_is_json(o))
                return;
        key(o, name);
        out_map_begin(o);
        out_map_end(o);
}

static bool list_begin(Out *o, const char *name, size_t n) {
        if (out_is_json(o) && !n)
                return false;
        key(o, name);
        out_list_begin(o);
        return true;
}

static void print_devices(Out *o, const Resources *r) {
        if (!list_begin(o, "devices", r->devices.n))
                return;
        for (size_t i = 0; i < r->devices.n; i++) {
                const ResourceDevice *d = &r->devices.items[i];
                out_map_begin(o);
                key(o, "allow");
                out_bool(o, d->allow.value);
                text_member(o, "type", &d->type);
                signed_member(o, "major", &d->major);
                signed_member(o, "minor", &d->minor);
                text_member(o, "access", &d->access);
                out_map_end(o);
        }
        out_list_end(o);
}

static void print_memory(Out *o, const Resources *r) {
        if (!begin(o, "memory", r->memory_set))
                return;
        out_map_begin(o);
        signed_member(o, "limit", &r->memory.limit);
        signed_member(o, "reservation", &r->memory.reservation);
        signed_member(o, "swap", &r->memory.swap);
        signed_member(o, "kernel", &r->memory.kernel);
        signed_member(o, "kernelTCP", &r->memory.kernel_tcp);
        unsigned_member(o, "swappiness", &r->memory.swappiness);
        bool_member(o, "disableOOMKiller", &r->memory.disable_oom_killer);
        absent_member(o, "useHierarchy");
        absent_member(o, "checkBeforeUpdate");
        out_map_end(o);
}

static void print_cpu(Out *o, const Resources *r) {
        if (!begin(o, "cpu", r->cpu_set))
                return;
        out_map_begin(o);
        unsigned_member(o, "shares", &r->cpu.shares);
        signed_member(o, "quota", &r->cpu.quota);
        absent_member(o, "burst");
        unsigned_member(o, "period", &r->cpu.period);
        signed_member(o, "realtimeRuntime", &r->cpu.realtime_runtime);
        unsigned_member(o, "realtimePeriod", &r->cpu.realtime_period);
        text_member(o, "cpus", &r->cpu.cpus);
        text_member(o, "mems", &r->cpu.mems);
        absent_member(o, "idle");
        out_map_end(o);
}

static void print_pids(Out *o, const Resources *r) {
        if (!begin(o, "pids", r->pids_set))
                return;
        out_map_begin(o);
        key(o, "limit");
        out_i64(o, r->pids_limit.set ? r->pids_limit.value : 0);
        out_map_end(o);
}

static void block_devices(Out *o, const char *name, const WeightDevices *list, bool throttle) {
        if (!list_begin(o, name, list->n))
                return;
        for (size_t i = 0; i < list->n; i++) {
                const WeightDevice *d = &list->items[i];
                out_map_begin(o);
                key(o, "major");
                out_i64(o, d->major.set ? d->major.value : 0);
                key(o, "minor");
                out_i64(o, d->minor.set ? d->minor.value : 0);
                if (throttle) {
                        key(o, "rate");
                        out_u64(o, d->rate.set ? d->rate.u : 0);
                } else {
                        unsigned_member(o, "weight", &d->weight);
                        unsigned_member(o, "leafWeight", &d->leaf_weight);
                }
                out_map_end(o);
        }
        out_list_end(o);
}

static void print_blockio(Out *o, const Resources *r) {
        if (!begin(o, "blockIO", r->blockio_set))
                return;
        out_map_begin(o);
        unsigned_member(o, "weight", &r->blockio.weight);
        unsigned_member(o, "leafWeight", &r->blockio.leaf_weight);
        block_devices(o, "weightDevice", &r->blockio.weight_device, false);
        block_devices(o, "throttleReadBpsDevice", &r->blockio.throttle_read_bps, true);
        block_devices(o, "throttleWriteBpsDevice", &r->blockio.throttle_write_bps, true);
        block_devices(o, "throttleReadIOPSDevice", &r->blockio.throttle_read_iops, true);
        block_devices(o, "throttleWriteIOPSDevice", &r->blockio.throttle_write_iops, true);
        out_map_end(o);
}

static void print_hugepages(Out *o, const Resources *r) {
        if (!list_begin(o, "hugepageLimits", r->hugepages.n))
                return;
        for (size_t i = 0; i < r->hugepages.n; i++) {
                out_map_begin(o);
                key(o, "pageSize");
                out_string(o,
                           r->hugepages.page_sizes[i].text ? r->hugepages.page_sizes[i].text : "");
                key(o, "limit");
                out_u64(o, r->hugepages.limits[i].set ? r->hugepages.limits[i].u : 0);
                out_map_end(o);
        }
        out_list_end(o);
}

static void print_network(Out *o, const Resources *r) {
        if (!begin(o, "network", r->network_set))
                return;
        out_map_begin(o);
        unsigned_member(o, "classID", &r->network.class_id);
        if (list_begin(o, "priorities", r->network.n_priorities)) {
                for (size_t i = 0; i < r->network.n_priorities; i++) {
                        const Str *name = &r->network.priorities[i].name;
                        const Int *priority = &r->network.priorities[i].priority;
                        out_map_begin(o);
                        key(o, "name");
                        out_string(o, name->text ? name->text : "");
                        key(o, "priority");
                        out_u64(o, priority->set ? priority->u : 0);
                        out_map_end(o);
                }
                out_list_end(o);
        }
        out_map_end(o);
}

void print_resources(Out *o, const Resources *r) {
        out_map_begin(o);
        print_devices(o, r);
        print_memory(o, r);
        print_cpu(o, r);
        print_pids(o, r);
        print_blockio(o, r);
        print_hugepages(o, r);
        print_network(o, r);
        empty_map_member(o, "rdma");
        empty_map_member(o, "unified");
        out_map_end(o);
}
