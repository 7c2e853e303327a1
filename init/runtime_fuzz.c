/* runtime_fuzz.c - any bytes as the files that init reads at boot: runtime.json, config.json and
 * containerd's runtime-config.toml. */
#include <stdint.h>

#include "init/ocispec.h"
#include "init/runtime.h"
#include "init/runtimeconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void runtime_json(const char *text) {
        _cleanup_arena_ Arena *arena = arena_new();
        _cleanup_err_ Err e = ERR_INIT;
        Runtime r;
        if (runtime_parse(text, arena, &r, &e) < 0)
                return;
        for (size_t i = 0; i < r.n_mounts; i++)
                if (!r.mounts[i].source || !r.mounts[i].type || !*r.mounts[i].destination)
                        abort();
        for (size_t i = 0; i < r.n_interfaces; i++)
                if (!*r.interfaces[i].name)
                        abort();
        const ProbeSpec *probes[] = { &r.ready, &r.health };
        for (size_t i = 0; i < 2; i++) {
                const ProbeSpec *p = probes[i];
                if (p->kind == PROBE_EXEC ? !p->exec[0] : p->kind != PROBE_NONE && !*p->target)
                        abort();
                if (p->kind != PROBE_NONE && (!p->interval || !p->timeout || !p->retries))
                        abort();
        }
}

static void config_json(const char *text, size_t n) {
        _cleanup_buf_ Buf first = { 0 }, second = { 0 };
        _cleanup_err_ Err e = ERR_INIT;
        if (ocispec_set_root(text, n, "/a", &first, &e) < 0)
                return;
        /* the result is a config.json again, and setting the same path changes nothing */
        if (ocispec_set_root(first.data, first.len, "/a", &second, &e) < 0 ||
            first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = xstrndup((const char *)data, size);
        _cleanup_err_ Err e = ERR_INIT;
        RuntimeConf conf = { 0 };
        runtime_json(text);
        config_json(text, strlen(text));
        if (runtimeconf_parse("x", text, strlen(text), &conf, &e) == 0)
                runtimeconf_done(&conf);
        return 0;
}
