/* ociconfig_resources.c - cgroup limits and device rules (yaml.md 5.5, 11.2, 11.6).
 *
 * Every number that is given is written, even 0; a part that is given but empty is written as {}.
 */
#include "lib/rootfs/ociconfig_parts.h"

static void write_int(JsonOut *j, const char *key, const Int *v) {
        if (v->set)
                jsonout_int(j, key, v->value);
}

static void write_uint(JsonOut *j, const char *key, const Int *v) {
        if (v->set)
                jsonout_uint(j, key, v->u);
}

static uint64_t uint_or_zero(const Int *v) {
        return v->set ? v->u : 0;
}

static int64_t int_or_zero(const Int *v) {
        return v->set ? v->value : 0;
}

static void write_rule(JsonOut *j, const Device *d) {
        jsonout_open(j, NULL, '{');
        jsonout_bool(j, "allow", true);
        jsonout_string_opt(j, "type", d->type.text);
        if (!str_eq(d->path.text, "all")) {
                jsonout_int(j, "major", int_or_zero(&d->major));
                jsonout_int(j, "minor", int_or_zero(&d->minor));
        }
        jsonout_string(j, "access", "rwm");
        jsonout_close(j, '{');
}

static void write_rules(const Settings *s, JsonOut *j) {
        if (s->resources.devices.n + s->devices.n == 0)
                return;
        jsonout_open(j, "devices", '[');
        for (size_t i = 0; i < s->resources.devices.n; i++) {
                const ResourceDevice *d = &s->resources.devices.items[i];
                jsonout_open(j, NULL, '{');
                jsonout_bool(j, "allow", d->allow.set && d->allow.value);
                jsonout_string_opt(j, "type", d->type.text);
                write_int(j, "major", &d->major);
                write_int(j, "minor", &d->minor);
                jsonout_string_opt(j, "access", d->access.text);
                jsonout_close(j, '{');
        }
        for (size_t i = 0; i < s->devices.n; i++)
                write_rule(j, &s->devices.items[i]);
        jsonout_close(j, '[');
}

static void write_memory(const Resources *r, JsonOut *j) {
        jsonout_open(j, "memory", '{');
        write_int(j, "limit", &r->memory.limit);
        write_int(j, "reservation", &r->memory.reservation);
        write_int(j, "swap", &r->memory.swap);
        write_int(j, "kernel", &r->memory.kernel);
        write_int(j, "kernelTCP", &r->memory.kernel_tcp);
        write_uint(j, "swappiness", &r->memory.swappiness);
        if (r->memory.disable_oom_killer.set)
                jsonout_bool(j, "disableOOMKiller", r->memory.disable_oom_killer.value);
        jsonout_close(j, '{');
}

static void write_cpu(const Resources *r, JsonOut *j) {
        jsonout_open(j, "cpu", '{');
        write_uint(j, "shares", &r->cpu.shares);
        write_int(j, "quota", &r->cpu.quota);
        write_uint(j, "period", &r->cpu.period);
        write_int(j, "realtimeRuntime", &r->cpu.realtime_runtime);
        write_uint(j, "realtimePeriod", &r->cpu.realtime_period);
        jsonout_string_opt(j, "cpus", r->cpu.cpus.text);
        jsonout_string_opt(j, "mems", r->cpu.mems.text);
        jsonout_close(j, '{');
}

static void write_block_devices(JsonOut *j, const char *key, const WeightDevices *list,
                                bool throttle) {
        if (list->n == 0)
                return;
        jsonout_open(j, key, '[');
        for (size_t i = 0; i < list->n; i++) {
                const WeightDevice *d = &list->items[i];
                jsonout_open(j, NULL, '{');
                jsonout_int(j, "major", int_or_zero(&d->major));
                jsonout_int(j, "minor", int_or_zero(&d->minor));
                if (throttle)
                        jsonout_uint(j, "rate", uint_or_zero(&d->rate));
                else {
                        write_uint(j, "weight", &d->weight);
                        write_uint(j, "leafWeight", &d->leaf_weight);
                }
                jsonout_close(j, '{');
        }
        jsonout_close(j, '[');
}

static void write_block_io(const Resources *r, JsonOut *j) {
        jsonout_open(j, "blockIO", '{');
        write_uint(j, "weight", &r->blockio.weight);
        write_uint(j, "leafWeight", &r->blockio.leaf_weight);
        write_block_devices(j, "weightDevice", &r->blockio.weight_device, false);
        write_block_devices(j, "throttleReadBpsDevice", &r->blockio.throttle_read_bps, true);
        write_block_devices(j, "throttleWriteBpsDevice", &r->blockio.throttle_write_bps, true);
        write_block_devices(j, "throttleReadIOPSDevice", &r->blockio.throttle_read_iops, true);
        write_block_devices(j, "throttleWriteIOPSDevice", &r->blockio.throttle_write_iops, true);
        jsonout_close(j, '{');
}

static void write_huge_pages(const Resources *r, JsonOut *j) {
        jsonout_open(j, "hugepageLimits", '[');
        for (size_t i = 0; i < r->hugepages.n; i++) {
                const char *size = r->hugepages.page_sizes[i].text;
                jsonout_open(j, NULL, '{');
                jsonout_string(j, "pageSize", size ? size : "");
                jsonout_uint(j, "limit", uint_or_zero(&r->hugepages.limits[i]));
                jsonout_close(j, '{');
        }
        jsonout_close(j, '[');
}

static void write_network(const Resources *r, JsonOut *j) {
        jsonout_open(j, "network", '{');
        write_uint(j, "classID", &r->network.class_id);
        if (r->network.n_priorities) {
                jsonout_open(j, "priorities", '[');
                for (size_t i = 0; i < r->network.n_priorities; i++) {
                        const char *name = r->network.priorities[i].name.text;
                        jsonout_open(j, NULL, '{');
                        jsonout_string(j, "name", name ? name : "");
                        jsonout_uint(j, "priority",
                                     uint_or_zero(&r->network.priorities[i].priority));
                        jsonout_close(j, '{');
                }
                jsonout_close(j, '[');
        }
        jsonout_close(j, '{');
}

void ociconfig_resources(const OciConfigInput *in, JsonOut *j) {
        const Resources *r = &in->settings->resources;
        jsonout_open(j, "resources", '{');
        write_rules(in->settings, j);
        if (r->memory_set)
                write_memory(r, j);
        if (r->cpu_set)
                write_cpu(r, j);
        if (r->pids_set) {
                jsonout_open(j, "pids", '{');
                jsonout_int(j, "limit", int_or_zero(&r->pids_limit));
                jsonout_close(j, '{');
        }
        if (r->blockio_set)
                write_block_io(r, j);
        if (r->hugepages.n)
                write_huge_pages(r, j);
        if (r->network_set)
                write_network(r, j);
        jsonout_close(j, '{');
}
