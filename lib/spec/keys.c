/* keys.c - every key of the build file and of the image label (yaml.md 5, 6.3), one row each.
 *
 * The order of rows is the order of yaml.md; it has no meaning for the parser. */
#include "lib/spec/keys.h"

#include "lib/spec/check.h"

const char *const spec_section_names[SECTION_COUNT] = { "onboot", "onshutdown", "services" };
const char *const spec_ns_names[NS_COUNT] = { "cgroup", "ipc", "mnt", "net", "pid", "user", "uts" };

#define KEY(k, t, st, member) .name = (k), .type = (t), .offset = offsetof(st, member)
#define STRING(k, st, member) \
        { KEY(k, KEY_STRING, st, member) }
#define STRINGS(k, st, member) \
        { KEY(k, KEY_STRINGS, st, member) }
#define BOOL(k, st, member) \
        { KEY(k, KEY_BOOL, st, member) }
#define U32(k, st, member) \
        { KEY(k, KEY_U32, st, member) }
#define INT(k, st, member, lo, hi) \
        { KEY(k, KEY_INT, st, member), .min = (lo), .max = (hi) }
#define INT64(k, st, member)    INT(k, st, member, INT64_MIN, INT64_MAX)
#define UINT(k, st, member, hi) INT(k, st, member, 0, hi)
#define FLAG(st, member)        .flag = 1 + offsetof(st, member)
/* A list member { items, n } without and with a flag "set". */
#define PLAIN_LIST(k, st, member, s) \
        KEY(k, KEY_LIST, st, member.items), .count = offsetof(st, member.n), .sub = (s)
#define LIST(k, st, member, s) PLAIN_LIST(k, st, member, s), FLAG(st, member.set)
#define SCHEMA(st, rows)       .keys = (rows), .n = ARRAY_LEN(rows), .size = sizeof(st)
#define POS(st)                .pos = 1 + offsetof(st, pos)

/* --- mounts, devices, id mappings (5.3, 5.4) -------------------------------------------------- */

static const Key id_mapping_keys[] = {
        U32("hostID", IdMapping, host_id),
        U32("containerID", IdMapping, container_id),
        U32("size", IdMapping, size),
};
static const Schema id_mapping = { SCHEMA(IdMapping, id_mapping_keys) };

static const Key mount_keys[] = {
        STRING("destination", Mount, destination),
        STRING("type", Mount, type),
        STRING("source", Mount, source),
        STRINGS("options", Mount, options),
        { LIST("uidmappings", Mount, uid_mappings, &id_mapping) },
        { LIST("gidmappings", Mount, gid_mappings, &id_mapping) },
};
static const Schema mount = { SCHEMA(Mount, mount_keys), POS(Mount), .check = check_mount };
/* runtime.mounts are written as given (5.8) */
static const Schema runtime_mount = { SCHEMA(Mount, mount_keys), POS(Mount) };

static const Key device_keys[] = {
        STRING("path", Device, path),  STRING("type", Device, type), INT64("major", Device, major),
        INT64("minor", Device, minor), STRING("mode", Device, mode),
};
static const Schema device = { SCHEMA(Device, device_keys), POS(Device), .check = check_device };

/* --- resources (5.5) -------------------------------------------------------------------------- */

static const Key resource_device_keys[] = {
        BOOL("allow", ResourceDevice, allow),     STRING("type", ResourceDevice, type),
        INT64("major", ResourceDevice, major),    INT64("minor", ResourceDevice, minor),
        STRING("access", ResourceDevice, access),
};
static const Schema resource_device = { SCHEMA(ResourceDevice, resource_device_keys) };

/* The sub-mappings of resources are anonymous structs, so their keys count from Resources. */
static const Key memory_keys[] = {
        INT64("limit", Resources, memory.limit),
        INT64("reservation", Resources, memory.reservation),
        INT64("swap", Resources, memory.swap),
        INT64("kernel", Resources, memory.kernel),
        INT64("kernelTCP", Resources, memory.kernel_tcp),
        UINT("swappiness", Resources, memory.swappiness, UINT64_MAX),
        BOOL("disableOOMKiller", Resources, memory.disable_oom_killer),
};
static const Key cpu_keys[] = {
        UINT("shares", Resources, cpu.shares, UINT64_MAX),
        INT64("quota", Resources, cpu.quota),
        UINT("period", Resources, cpu.period, UINT64_MAX),
        INT64("realtimeRuntime", Resources, cpu.realtime_runtime),
        UINT("realtimePeriod", Resources, cpu.realtime_period, UINT64_MAX),
        STRING("cpus", Resources, cpu.cpus),
        STRING("mems", Resources, cpu.mems),
};
static const Key pids_keys[] = { INT64("limit", Resources, pids_limit) };

static const Key weight_device_keys[] = {
        INT64("major", WeightDevice, major),
        INT64("minor", WeightDevice, minor),
        UINT("weight", WeightDevice, weight, UINT16_MAX),
        UINT("leafWeight", WeightDevice, leaf_weight, UINT16_MAX),
};
static const Key throttle_device_keys[] = {
        INT64("major", WeightDevice, major),
        INT64("minor", WeightDevice, minor),
        UINT("rate", WeightDevice, rate, UINT64_MAX),
};
static const Schema weight_device = { SCHEMA(WeightDevice, weight_device_keys) };
static const Schema throttle_device = { SCHEMA(WeightDevice, throttle_device_keys) };

static const Key blockio_keys[] = {
        UINT("weight", Resources, blockio.weight, UINT16_MAX),
        UINT("leafWeight", Resources, blockio.leaf_weight, UINT16_MAX),
        { PLAIN_LIST("weightDevice", Resources, blockio.weight_device, &weight_device) },
        { PLAIN_LIST("throttleReadBpsDevice", Resources, blockio.throttle_read_bps,
                     &throttle_device) },
        { PLAIN_LIST("throttleWriteBpsDevice", Resources, blockio.throttle_write_bps,
                     &throttle_device) },
        { PLAIN_LIST("throttleReadIOPSDevice", Resources, blockio.throttle_read_iops,
                     &throttle_device) },
        { PLAIN_LIST("throttleWriteIOPSDevice", Resources, blockio.throttle_write_iops,
                     &throttle_device) },
};

/* Resources keeps page sizes and limits as two arrays. */
typedef struct HugePage {
        Str page_size;
        Int limit;
} HugePage;

static const Key huge_page_keys[] = {
        { KEY("pageSize", KEY_STRING_OR_INT, HugePage, page_size) },
        UINT("limit", HugePage, limit, UINT64_MAX),
};
static const Schema huge_page = { SCHEMA(HugePage, huge_page_keys) };

static void place_huge_pages(Arena *a, void *base, const void *items, size_t n) {
        Resources *r = base;
        const HugePage *pages = items;
        r->hugepages.page_sizes = arena_alloc(a, n * sizeof(Str));
        r->hugepages.limits = arena_alloc(a, n * sizeof(Int));
        r->hugepages.n = n;
        for (size_t i = 0; i < n; i++) {
                r->hugepages.page_sizes[i] = pages[i].page_size;
                r->hugepages.limits[i] = pages[i].limit;
        }
}

typedef __typeof__(*((Resources *)0)->network.priorities) Priority;

static const Key priority_keys[] = {
        STRING("name", Priority, name),
        UINT("priority", Priority, priority, UINT32_MAX),
};
static const Schema priority = { SCHEMA(Priority, priority_keys) };

static const Key network_keys[] = {
        UINT("classID", Resources, network.class_id, UINT32_MAX),
        { KEY("priorities", KEY_LIST, Resources, network.priorities),
          .count = offsetof(Resources, network.n_priorities), .sub = &priority },
};

static const Schema memory = { SCHEMA(Resources, memory_keys) };
static const Schema cpu = { SCHEMA(Resources, cpu_keys) };
static const Schema pids = { SCHEMA(Resources, pids_keys) };
static const Schema blockio = { SCHEMA(Resources, blockio_keys) };
static const Schema network = { SCHEMA(Resources, network_keys) };

#define RESOURCE(k, s, member) \
        { .name = (k), .type = KEY_MAPPING, .sub = (s), FLAG(Resources, member) }
static const Key resources_keys[] = {
        { PLAIN_LIST("devices", Resources, devices, &resource_device) },
        RESOURCE("memory", &memory, memory_set),
        RESOURCE("cpu", &cpu, cpu_set),
        RESOURCE("pids", &pids, pids_set),
        RESOURCE("blockio", &blockio, blockio_set),
        { .name = "hugepageLimits",
          .type = KEY_LIST,
          .sub = &huge_page,
          .place = place_huge_pages },
        RESOURCE("network", &network, network_set),
};
static const Schema resources = { SCHEMA(Resources, resources_keys) };

/* --- runtime (5.8) ---------------------------------------------------------------------------- */

static const Key interface_keys[] = {
        STRING("name", Interface, name),
        STRING("add", Interface, add),
        STRING("peer", Interface, peer),
        BOOL("createInRoot", Interface, create_in_root),
};
static const Schema interface = { SCHEMA(Interface, interface_keys) };

static const Key bind_ns_keys[] = {
        STRING("cgroup", Runtime, bind_ns[NS_CGROUP]), STRING("ipc", Runtime, bind_ns[NS_IPC]),
        STRING("mnt", Runtime, bind_ns[NS_MNT]),       STRING("net", Runtime, bind_ns[NS_NET]),
        STRING("pid", Runtime, bind_ns[NS_PID]),       STRING("user", Runtime, bind_ns[NS_USER]),
        STRING("uts", Runtime, bind_ns[NS_UTS]),
};
static const Schema bind_ns = { SCHEMA(Runtime, bind_ns_keys) };

static const char *const restart_policies[] = { "no", "on-failure", "always", NULL };

static const Key runtime_keys[] = {
        STRINGS("cgroups", Runtime, cgroups),
        { LIST("mounts", Runtime, mounts, &runtime_mount) },
        STRINGS("mkdir", Runtime, mkdir),
        { LIST("interfaces", Runtime, interfaces, &interface) },
        { .name = "bindNS", .type = KEY_MAPPING, .sub = &bind_ns, FLAG(Runtime, bind_ns_set) },
        STRING("namespace", Runtime, namespace),
        { KEY("restart", KEY_STRING, Runtime, restart), .choices = restart_policies },
};
static const Schema runtime = { SCHEMA(Runtime, runtime_keys) };

/* --- image entries and labels (5.3, 6.3) ------------------------------------------------------ */

#define CHECKED(k, member, c) \
        { KEY(k, KEY_STRINGS, Settings, member), .check = (c) }
/* capabilities.add and binds.add stand apart: a label may hold them, but they are ignored there. */
static const Key settings_keys[] = {
        CHECKED("capabilities", capabilities, check_capabilities),
        CHECKED("ambient", ambient, check_capabilities),
        { LIST("mounts", Settings, mounts, &mount) },
        CHECKED("binds", binds, check_binds),
        CHECKED("tmpfs", tmpfs, check_tmpfs),
        { LIST("devices", Settings, devices, &device) },
        STRINGS("command", Settings, command),
        STRINGS("env", Settings, env),
        STRING("cwd", Settings, cwd),
        STRING("net", Settings, net),
        STRING("pid", Settings, pid),
        STRING("ipc", Settings, ipc),
        STRING("uts", Settings, uts),
        STRING("userns", Settings, userns),
        STRING("hostname", Settings, hostname),
        BOOL("readonly", Settings, readonly),
        STRINGS("maskedPaths", Settings, masked_paths),
        STRINGS("readonlyPaths", Settings, readonly_paths),
        { KEY("uid", KEY_ID, Settings, uid) },
        { KEY("gid", KEY_ID, Settings, gid) },
        { KEY("additionalGids", KEY_IDS, Settings, additional_gids) },
        BOOL("noNewPrivileges", Settings, no_new_privileges),
        INT64("oomScoreAdj", Settings, oom_score_adj),
        STRING("rootfsPropagation", Settings, rootfs_propagation),
        STRING("cgroupsPath", Settings, cgroups_path),
        { KEY("resources", KEY_MAPPING, Settings, resources), .sub = &resources,
          FLAG(Settings, resources.set) },
        { KEY("sysctl", KEY_STRING_MAP, Settings, sysctl) },
        { KEY("annotations", KEY_STRING_MAP, Settings, annotations) },
        CHECKED("rlimits", rlimits, check_rlimits),
        { LIST("uidMappings", Settings, uid_mappings, &id_mapping) },
        { LIST("gidMappings", Settings, gid_mappings, &id_mapping) },
        { KEY("runtime", KEY_MAPPING, Settings, runtime), .sub = &runtime,
          FLAG(Settings, runtime.set) },
};

static const Schema settings = { SCHEMA(Settings, settings_keys) };

static const Key entry_keys[] = {
        { KEY("name", KEY_STRING, ImageEntry, name), .required = true, .check = check_name },
        { KEY("image", KEY_STRING, ImageEntry, image.text), .required = true,
          .check = check_image },
        { KEY("capabilities.add", KEY_STRINGS, ImageEntry, s.capabilities_add),
          .check = check_capabilities },
        { KEY("binds.add", KEY_STRINGS, ImageEntry, s.binds_add), .check = check_binds },
};
static const Schema entry = { SCHEMA(ImageEntry, entry_keys), POS(ImageEntry), .base = &settings,
                              .base_offset = offsetof(ImageEntry, s) };

static const Key label_keys[] = {
        { KEY("name", KEY_STRING, ImageEntry, name), .check = check_label_name },
        { KEY("image", KEY_STRING, ImageEntry, image.text), .check = check_label_name },
        STRINGS("capabilities.add", ImageEntry, s.capabilities_add),
        STRINGS("binds.add", ImageEntry, s.binds_add),
};
const Schema schema_label = { SCHEMA(ImageEntry, label_keys), POS(ImageEntry), .base = &settings,
                              .base_offset = offsetof(ImageEntry, s) };

/* --- the rest of the build file (5.1, 5.2, 5.6, 5.7) -------------------------------------------
 */

static const Key kernel_keys[] = {
        { KEY("image", KEY_STRING, Kernel, image.text), .check = check_optional_image },
        STRING("cmdline", Kernel, cmdline),
        STRING("binary", Kernel, binary),
        STRING("tar", Kernel, tar),
        STRING("ucode", Kernel, ucode),
};
static const Schema kernel = { SCHEMA(Kernel, kernel_keys), POS(Kernel) };

static const char *const volume_formats[] = { "oci", "filesystem", NULL };

static const Key volume_keys[] = {
        { KEY("name", KEY_STRING, Volume, name), .required = true, .check = check_volume_name },
        { KEY("image", KEY_STRING, Volume, image.text), .check = check_optional_image },
        { KEY("format", KEY_STRING, Volume, format), .choices = volume_formats },
        STRINGS("platforms", Volume, platforms),
        BOOL("readonly", Volume, readonly),
};
static const Schema volume = { SCHEMA(Volume, volume_keys), POS(Volume), .check = check_volume };

static const Key file_keys[] = {
        STRING("path", FileItem, path),        BOOL("directory", FileItem, directory),
        STRING("symlink", FileItem, symlink),  STRING("contents", FileItem, contents),
        STRING("source", FileItem, source),    STRING("metadata", FileItem, metadata),
        BOOL("optional", FileItem, optional),  STRING("mode", FileItem, mode),
        { KEY("uid", KEY_ID, FileItem, uid) }, { KEY("gid", KEY_ID, FileItem, gid) },
};
static const Schema file = { SCHEMA(FileItem, file_keys), POS(FileItem), .check = check_file };

static const Key trust_keys[] = {
        STRINGS("image", BuildFile, trust.image),
        STRINGS("org", BuildFile, trust.org),
};
static const Schema trust = { SCHEMA(BuildFile, trust_keys) };

static const Key top_keys[] = {
        { KEY("kernel", KEY_MAPPING, BuildFile, kernel), .sub = &kernel,
          FLAG(BuildFile, kernel.set) },
        { KEY("init", KEY_STRINGS, BuildFile, init), .check = check_images },
        { LIST("onboot", BuildFile, sections[SECTION_ONBOOT], &entry) },
        { LIST("onshutdown", BuildFile, sections[SECTION_ONSHUTDOWN], &entry) },
        { LIST("services", BuildFile, sections[SECTION_SERVICES], &entry) },
        { LIST("volumes", BuildFile, volumes, &volume) },
        { LIST("files", BuildFile, files, &file) },
        { .name = "trust", .type = KEY_MAPPING, .sub = &trust },
};
const Schema schema_build_file = { SCHEMA(BuildFile, top_keys) };
