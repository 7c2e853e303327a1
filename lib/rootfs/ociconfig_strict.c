/* ociconfig_strict.c - the defaults of `linuxkit build --strict` (yaml.md W43).
 *
 * They take the place of what neither build file nor label sets. A list counts as set when its key
 * is there, even with nothing in it; a namespace when its text is not empty (yaml.md 10.3). */
#include "lib/rootfs/ociconfig_parts.h"

/* Both lists are docker's: DefaultLinuxSpec in daemon/pkg/oci/defaults.go of github.com/moby/moby
 * at 23f2c12c. Its /sys/devices/system/cpu/cpuN/thermal_throttle is left out: docker asks the
 * machine that runs the container which of them exist. */
static const Str masked_paths[] = {
        { .text = "/proc/acpi" },
        { .text = "/proc/asound" },
        { .text = "/proc/interrupts" },
        { .text = "/proc/kcore" },
        { .text = "/proc/keys" },
        { .text = "/proc/latency_stats" },
        { .text = "/proc/sched_debug" },
        { .text = "/proc/scsi" },
        { .text = "/proc/timer_list" },
        { .text = "/proc/timer_stats" },
        { .text = "/sys/devices/virtual/powercap" },
        { .text = "/sys/firmware" },
};
static const Str readonly_paths[] = {
        { .text = "/proc/bus" },           { .text = "/proc/fs" },
        { .text = "/proc/irq" },           { .text = "/proc/sys" },
        { .text = "/proc/sysrq-trigger" },
};

static void set_list(Arena *a, StrList *list, const Str *items, size_t n) {
        if (list->set)
                return;
        *list = (StrList){ .set = true, .items = arena_alloc(a, n * sizeof(*items)), .n = n };
        memcpy(list->items, items, n * sizeof(*items));
}

void ociconfig_set_strict(Arena *a, Settings *s) {
        set_list(a, &s->masked_paths, masked_paths, ARRAY_LEN(masked_paths));
        set_list(a, &s->readonly_paths, readonly_paths, ARRAY_LEN(readonly_paths));
        if (!s->no_new_privileges.set)
                s->no_new_privileges = (Bool){ .set = true, .value = true };
        if (str_is_empty(s->ipc.text))
                s->ipc.text = "new";
        if (str_is_empty(s->uts.text))
                s->uts.text = "new";
}
