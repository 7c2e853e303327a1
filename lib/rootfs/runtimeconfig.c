/* runtimeconfig.c - see runtimeconfig.h. */
#include "lib/rootfs/runtimeconfig.h"

#include "lib/base/mem.h"

void jsonout_strings(JsonOut *j, const char *key, const StrList *list) {
        jsonout_open(j, key, '[');
        for (size_t i = 0; i < list->n; i++)
                jsonout_string(j, NULL, list->items[i].text);
        jsonout_close(j, '[');
}

void jsonout_id_mappings(JsonOut *j, const char *key, const IdMappings *list) {
        jsonout_open(j, key, '[');
        for (size_t i = 0; i < list->n; i++) {
                jsonout_open(j, NULL, '{');
                jsonout_uint(j, "containerID", list->items[i].container_id);
                jsonout_uint(j, "hostID", list->items[i].host_id);
                jsonout_uint(j, "size", list->items[i].size);
                jsonout_close(j, '{');
        }
        jsonout_close(j, '[');
}

static const char *text_of(Str s) {
        return s.text ? s.text : "";
}

static void write_mount(JsonOut *j, const Mount *m) {
        jsonout_open(j, NULL, '{');
        jsonout_string(j, "destination", text_of(m->destination));
        jsonout_string_opt(j, "type", m->type.text);
        jsonout_string_opt(j, "source", m->source.text);
        if (m->options.n)
                jsonout_strings(j, "options", &m->options);
        if (m->uid_mappings.n)
                jsonout_id_mappings(j, "uidMappings", &m->uid_mappings);
        if (m->gid_mappings.n)
                jsonout_id_mappings(j, "gidMappings", &m->gid_mappings);
        jsonout_close(j, '{');
}

static void write_interface(JsonOut *j, const Interface *i) {
        jsonout_open(j, NULL, '{');
        jsonout_string_opt(j, "name", i->name.text);
        jsonout_string_opt(j, "add", i->add.text);
        jsonout_string_opt(j, "peer", i->peer.text);
        jsonout_bool(j, "createInRoot", i->create_in_root.value);
        jsonout_close(j, '{');
}

static void write_seconds(JsonOut *j, const char *key, const Str *text) {
        uint64_t seconds;
        if (str_eq(text->text, "0s"))
                jsonout_uint(j, key, 0);
        else if (text->text && spec_seconds(text->text, &seconds))
                jsonout_uint(j, key, seconds);
}

static void write_probe(JsonOut *j, const char *key, const Probe *p) {
        if (!p->set)
                return;
        jsonout_open(j, key, '{');
        if (p->exec.set)
                jsonout_strings(j, "exec", &p->exec);
        jsonout_string_opt(j, "tcp", p->tcp.text);
        jsonout_string_opt(j, "file", p->file.text);
        write_seconds(j, "interval", &p->interval);
        write_seconds(j, "timeout", &p->timeout);
        if (p->retries.set)
                jsonout_uint(j, "retries", p->retries.u);
        write_seconds(j, "startPeriod", &p->start_period);
        jsonout_close(j, '{');
}

void runtimeconfig_write(const Runtime *runtime, const Mount *rootfs, size_t n_rootfs, Buf *out) {
        JsonOut j = { .buf = out };
        jsonout_open(&j, NULL, '{');
        jsonout_strings(&j, "cgroups", &runtime->cgroups);
        jsonout_open(&j, "mounts", '[');
        for (size_t i = 0; i < n_rootfs; i++)
                write_mount(&j, &rootfs[i]);
        for (size_t i = 0; i < runtime->mounts.n; i++)
                write_mount(&j, &runtime->mounts.items[i]);
        jsonout_close(&j, '[');
        jsonout_strings(&j, "mkdir", &runtime->mkdir);
        jsonout_open(&j, "interfaces", '[');
        for (size_t i = 0; i < runtime->interfaces.n; i++)
                write_interface(&j, &runtime->interfaces.items[i]);
        jsonout_close(&j, '[');
        jsonout_open(&j, "bindNS", '{');
        for (size_t i = 0; i < NS_COUNT; i++)
                jsonout_string(&j, spec_ns_names[i], text_of(runtime->bind_ns[i]));
        jsonout_close(&j, '{');
        jsonout_string(&j, "namespace", text_of(runtime->namespace));
        jsonout_string_opt(&j, "restart", runtime->restart.text);
        jsonout_string_opt(&j, "fail", runtime->fail.text);
        write_seconds(&j, "timeout", &runtime->timeout);
        jsonout_string_opt(&j, "ociRuntime", runtime->oci_runtime.text);
        if (runtime->needs.n)
                jsonout_strings(&j, "needs", &runtime->needs);
        write_probe(&j, "ready", &runtime->ready);
        write_probe(&j, "health", &runtime->health);
        if (runtime->restart_limit.set)
                jsonout_uint(&j, "restartLimit", runtime->restart_limit.u);
        write_seconds(&j, "stopTimeout", &runtime->stop_timeout);
        jsonout_close(&j, '{');
}
