/* keys.c - every key of the build file and of the image label (yaml.md 5, 6.3), one row each.
 *
 * The order of rows is the order of yaml.md; it has no meaning for the parser.  The help of a row
 * is what `linuxkit schema` and with it every editor shows. */
#include "lib/spec/keys.h"

#include "lib/spec/check.h"
#include "lib/spec/shape.h"

const char *const spec_section_names[SECTION_COUNT] = { "onboot", "onshutdown", "services" };
const char *const spec_ns_names[NS_COUNT] = { "cgroup", "ipc", "mnt", "net", "pid", "user", "uts" };

#define KEY(k, t, st, member, h) \
        .name = (k), .type = (t), .offset = offsetof(st, member), .help = (h)
#define STRING(k, st, member, h) \
        { KEY(k, KEY_STRING, st, member, h) }
#define STRINGS(k, st, member, h) \
        { KEY(k, KEY_STRINGS, st, member, h) }
#define BOOL(k, st, member, h) \
        { KEY(k, KEY_BOOL, st, member, h) }
#define U32(k, st, member, h) \
        { KEY(k, KEY_U32, st, member, h) }
#define INT(k, st, member, lo, hi, h) \
        { KEY(k, KEY_INT, st, member, h), .min = (lo), .max = (hi) }
#define INT64(k, st, member, h)    INT(k, st, member, INT64_MIN, INT64_MAX, h)
#define UINT(k, st, member, hi, h) INT(k, st, member, 0, hi, h)
#define FLAG(st, member)           .flag = 1 + offsetof(st, member)
/* A list member { items, n } without and with a flag "set". */
#define PLAIN_LIST(k, st, member, s, h) \
        KEY(k, KEY_LIST, st, member.items, h), .count = offsetof(st, member.n), .sub = (s)
#define LIST(k, st, member, s, h) PLAIN_LIST(k, st, member, s, h), FLAG(st, member.set)
/* What a value must look like: the test, and the same as JSON Schema. */
#define CHECK(c)         .check = check_##c, .shape = shape_##c
#define SCHEMA(st, rows) .keys = (rows), .n = ARRAY_LEN(rows), .size = sizeof(st)
#define POS(st)          .pos = 1 + offsetof(st, pos)

/* --- mounts, devices, id mappings (5.3, 5.4) ------------------------------------------------ */

static const Key id_mapping_keys[] = {
        U32("hostID", IdMapping, host_id, "first id outside the container"),
        U32("containerID", IdMapping, container_id, "first id inside the container"),
        U32("size", IdMapping, size, "how many ids are mapped"),
};
static const Schema id_mapping = { .name = "id-mapping", SCHEMA(IdMapping, id_mapping_keys) };

static const Key mount_keys[] = {
        STRING("destination", Mount, destination, "where the mount appears"),
        STRING("type", Mount, type,
               "file system type; default: source, if that is mqueue, devpts, proc, sysfs or "
               "cgroup; tmpfs on /dev"),
        STRING("source", Mount, source,
               "device, directory, or (with type bind) name of a volume; default: type"),
        STRINGS("options", Mount, options, "mount options, such as ro or size=1m"),
        { LIST("uidmappings", Mount, uid_mappings, &id_mapping, "accepted and ignored") },
        { LIST("gidmappings", Mount, gid_mappings, &id_mapping, "accepted and ignored") },
};
static const Schema mount = {
        .name = "mount", SCHEMA(Mount, mount_keys), POS(Mount), CHECK(mount)
};
/* runtime.mounts are written as given (5.8) */
static const Schema runtime_mount = { .name = "runtime-mount",
                                      SCHEMA(Mount, mount_keys),
                                      POS(Mount) };

static const Key device_keys[] = {
        STRING("path", Device, path, "path in the container, or all for a whole class of devices"),
        STRING("type", Device, type, "c (character), b (block), p (pipe), or a (all)"),
        INT64("major", Device, major, "major number"),
        INT64("minor", Device, minor, "minor number"),
        STRING("mode", Device, mode,
               "permissions, an octal number in quotes; required unless path is all"),
};
static const Schema device = {
        .name = "device", SCHEMA(Device, device_keys), POS(Device), CHECK(device)
};

/* --- resources (5.5) ------------------------------------------------------------------------ */

static const Key resource_device_keys[] = {
        BOOL("allow", ResourceDevice, allow, "allow or deny"),
        STRING("type", ResourceDevice, type, "c (character), b (block) or a (all)"),
        INT64("major", ResourceDevice, major, "major number"),
        INT64("minor", ResourceDevice, minor, "minor number"),
        STRING("access", ResourceDevice, access, "any of r (read), w (write) and m (make)"),
};
static const Schema resource_device = { .name = "resource-device",
                                        SCHEMA(ResourceDevice, resource_device_keys) };

/* The sub-mappings of resources are anonymous structs, so their keys count from Resources. */
static const Key memory_keys[] = {
        INT64("limit", Resources, memory.limit, "limit in bytes"),
        INT64("reservation", Resources, memory.reservation, "soft limit in bytes"),
        INT64("swap", Resources, memory.swap, "limit of memory and swap together in bytes"),
        INT64("kernel", Resources, memory.kernel, "limit of kernel memory in bytes"),
        INT64("kernelTCP", Resources, memory.kernel_tcp, "limit of TCP buffers in bytes"),
        UINT("swappiness", Resources, memory.swappiness, UINT64_MAX,
             "how readily the kernel swaps, 0 to 100"),
        BOOL("disableOOMKiller", Resources, memory.disable_oom_killer,
             "do not kill processes when memory runs out"),
};
static const Key cpu_keys[] = {
        UINT("shares", Resources, cpu.shares, UINT64_MAX, "weight against other containers"),
        INT64("quota", Resources, cpu.quota, "microseconds of processor time per period"),
        UINT("period", Resources, cpu.period, UINT64_MAX, "length of a period in microseconds"),
        INT64("realtimeRuntime", Resources, cpu.realtime_runtime,
              "microseconds of realtime scheduling per period"),
        UINT("realtimePeriod", Resources, cpu.realtime_period, UINT64_MAX,
             "length of a realtime period in microseconds"),
        STRING("cpus", Resources, cpu.cpus, "processors to run on, such as 0-3,5"),
        STRING("mems", Resources, cpu.mems, "memory nodes to use, such as 0-1"),
};
static const Key pids_keys[] = { INT64("limit", Resources, pids_limit,
                                       "highest number of processes") };

static const Key weight_device_keys[] = {
        INT64("major", WeightDevice, major, "major number of the device"),
        INT64("minor", WeightDevice, minor, "minor number of the device"),
        UINT("weight", WeightDevice, weight, UINT16_MAX, "weight of its traffic"),
        UINT("leafWeight", WeightDevice, leaf_weight, UINT16_MAX,
             "weight against the container's own children"),
};
static const Key throttle_device_keys[] = {
        INT64("major", WeightDevice, major, "major number of the device"),
        INT64("minor", WeightDevice, minor, "minor number of the device"),
        UINT("rate", WeightDevice, rate, UINT64_MAX, "bytes or operations per second"),
};
static const Schema weight_device = { .name = "weight-device",
                                      SCHEMA(WeightDevice, weight_device_keys) };
static const Schema throttle_device = { .name = "throttle-device",
                                        SCHEMA(WeightDevice, throttle_device_keys) };

static const Key blockio_keys[] = {
        UINT("weight", Resources, blockio.weight, UINT16_MAX, "weight against other containers"),
        UINT("leafWeight", Resources, blockio.leaf_weight, UINT16_MAX,
             "weight against the container's own children"),
        { PLAIN_LIST("weightDevice", Resources, blockio.weight_device, &weight_device,
                     "weights of single devices") },
        { PLAIN_LIST("throttleReadBpsDevice", Resources, blockio.throttle_read_bps,
                     &throttle_device, "limits of bytes read per second") },
        { PLAIN_LIST("throttleWriteBpsDevice", Resources, blockio.throttle_write_bps,
                     &throttle_device, "limits of bytes written per second") },
        { PLAIN_LIST("throttleReadIOPSDevice", Resources, blockio.throttle_read_iops,
                     &throttle_device, "limits of read operations per second") },
        { PLAIN_LIST("throttleWriteIOPSDevice", Resources, blockio.throttle_write_iops,
                     &throttle_device, "limits of write operations per second") },
};

/* Resources keeps page sizes and limits as two arrays. */
typedef struct HugePage {
        Str page_size;
        Int limit;
} HugePage;

static const Key huge_page_keys[] = {
        { KEY("pageSize", KEY_STRING_OR_INT, HugePage, page_size,
              "size of the pages, such as 2MB") },
        UINT("limit", HugePage, limit, UINT64_MAX, "limit in bytes"),
};
static const Schema huge_page = { .name = "huge-page", SCHEMA(HugePage, huge_page_keys) };

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
        STRING("name", Priority, name, "network interface"),
        UINT("priority", Priority, priority, UINT32_MAX, "priority of its traffic"),
};
static const Schema priority = { .name = "priority", SCHEMA(Priority, priority_keys) };

static const Key network_keys[] = {
        UINT("classID", Resources, network.class_id, UINT32_MAX, "class of the outgoing packets"),
        { KEY("priorities", KEY_LIST, Resources, network.priorities, "priorities by interface"),
          .count = offsetof(Resources, network.n_priorities), .sub = &priority },
};

static const Schema memory = { SCHEMA(Resources, memory_keys) };
static const Schema cpu = { SCHEMA(Resources, cpu_keys) };
static const Schema pids = { SCHEMA(Resources, pids_keys) };
static const Schema blockio = { SCHEMA(Resources, blockio_keys) };
static const Schema network = { SCHEMA(Resources, network_keys) };

#define RESOURCE(k, s, member, h) \
        { .name = (k), .type = KEY_MAPPING, .sub = (s), FLAG(Resources, member), .help = (h) }
static const Key resources_keys[] = {
        { PLAIN_LIST("devices", Resources, devices, &resource_device,
                     "rules for access to devices") },
        RESOURCE("memory", &memory, memory_set, "memory limits"),
        RESOURCE("cpu", &cpu, cpu_set, "processor limits"),
        RESOURCE("pids", &pids, pids_set, "limit of processes"),
        RESOURCE("blockio", &blockio, blockio_set, "limits of disk traffic"),
        { .name = "hugepageLimits",
          .help = "limits of huge pages",
          .type = KEY_LIST,
          .sub = &huge_page,
          .place = place_huge_pages },
        RESOURCE("network", &network, network_set, "network classes and priorities"),
};
static const Schema resources = { SCHEMA(Resources, resources_keys) };

/* --- runtime (5.8) -------------------------------------------------------------------------- */

static const Key interface_keys[] = {
        STRING("name", Interface, name, "name of the interface in the container"),
        STRING("add", Interface, add, "type of a new interface to make, such as wireguard"),
        STRING("peer", Interface, peer, "other end of a veth pair, which stays outside"),
        BOOL("createInRoot", Interface, create_in_root,
             "make the interface in the root network namespace and move it"),
};
static const Schema interface = { .name = "interface", SCHEMA(Interface, interface_keys) };

static const Key bind_ns_keys[] = {
        STRING("cgroup", Runtime, bind_ns[NS_CGROUP], "file that keeps the cgroup namespace"),
        STRING("ipc", Runtime, bind_ns[NS_IPC], "file that keeps the IPC namespace"),
        STRING("mnt", Runtime, bind_ns[NS_MNT], "file that keeps the mount namespace"),
        STRING("net", Runtime, bind_ns[NS_NET], "file that keeps the network namespace"),
        STRING("pid", Runtime, bind_ns[NS_PID], "file that keeps the process namespace"),
        STRING("user", Runtime, bind_ns[NS_USER], "file that keeps the user namespace"),
        STRING("uts", Runtime, bind_ns[NS_UTS], "file that keeps the host name namespace"),
};
static const Schema bind_ns = { SCHEMA(Runtime, bind_ns_keys) };

#define PROBE_KEYS                                                                                \
        { KEY("exec", KEY_STRINGS, Probe, exec,                                                   \
              "program and arguments, run in the container: it works when the exit status is 0"), \
          CHECK(command) },                                                                       \
                { KEY("tcp", KEY_STRING_OR_INT, Probe, tcp,                                       \
                      "PORT or HOST:PORT: it works when somebody listens there, as seen by the "  \
                      "container; HOST is an address or localhost (default)"),                    \
                  CHECK(tcp) },                                                                   \
        {                                                                                         \
                KEY("file", KEY_STRING, Probe, file,                                              \
                    "path in the container: it works when there is something"),                   \
                        CHECK(absolute_path)                                                      \
        }
#define DURATION(k, st, member, h) \
        { KEY(k, KEY_STRING, st, member, h), CHECK(duration) }

static const Key ready_keys[] = {
        PROBE_KEYS,
        DURATION("interval", Probe, interval, "pause between two tries; default: 1s"),
        DURATION("timeout", Probe, timeout,
                 "for all tries together, then the start has failed; default: 60s"),
};
static const Schema ready = {
        .name = "ready", SCHEMA(Probe, ready_keys), POS(Probe), CHECK(probe)
};

static const Key health_keys[] = {
        PROBE_KEYS,
        DURATION("interval", Probe, interval, "pause between two tries; default: 30s"),
        DURATION("timeout", Probe, timeout, "for one try, then it has failed; default: 10s"),
        INT("retries", Probe, retries, 1, 1000,
            "how many tries must fail one after the other; default: 3"),
        { KEY("startPeriod", KEY_STRING, Probe, start_period,
              "time after the start in which no failure counts; default: 0s"),
          CHECK(period) },
};
static const Schema health = {
        .name = "health", SCHEMA(Probe, health_keys), POS(Probe), CHECK(probe)
};

static const char *const restart_policies[] = { "no", "on-failure", "always", NULL };
static const char *const fail_policies[] = { "continue", "stop", "reboot", "poweroff", NULL };

static const Key runtime_keys[] = {
        STRINGS("cgroups", Runtime, cgroups, "cgroups to make before the container starts"),
        { LIST("mounts", Runtime, mounts, &runtime_mount,
               "mounts to make before the container starts, as given") },
        STRINGS("mkdir", Runtime, mkdir, "directories to make before the container starts"),
        { LIST("interfaces", Runtime, interfaces, &interface,
               "network interfaces to move or make") },
        { .name = "bindNS",
          .help = "files that keep the namespaces of the container",
          .type = KEY_MAPPING,
          .sub = &bind_ns,
          FLAG(Runtime, bind_ns_set) },
        STRING("namespace", Runtime, namespace, "containerd namespace of a service"),
        { KEY("restart", KEY_STRING, Runtime, restart,
              "when a service that ended is started again: no, on-failure or always (an addition "
              "to LinuxKit)"),
          .choices = restart_policies },
        { KEY("fail", KEY_STRING, Runtime, fail,
              "what follows when an onboot container fails: continue (default) with the next one, "
              "stop before it and before the services, reboot or poweroff (an addition to "
              "LinuxKit)"),
          .choices = fail_policies },
        { KEY("timeout", KEY_STRING, Runtime, timeout,
              "how long an onboot container may run before it is killed and has failed, such as "
              "30s, 5m or 1h; default: for ever (an addition to LinuxKit)"),
          CHECK(duration) },
        { KEY("ociRuntime", KEY_STRING, Runtime, oci_runtime,
              "OCI runtime of this container: a program in /usr/bin or a path of the root file "
              "system; default: linuxkit.runtime= of the kernel command line, else runc, else crun "
              "(an addition to LinuxKit)"),
          CHECK(program) },
        STRINGS("needs", Runtime, needs,
                "services that must be ready before this one is started (an addition to LinuxKit)"),
        { KEY("ready", KEY_MAPPING, Runtime, ready,
              "when a service that was started is ready; default: at once (an addition to "
              "LinuxKit)"),
          .sub = &ready, FLAG(Runtime, ready.set) },
        { KEY("health", KEY_MAPPING, Runtime, health,
              "how a service is asked, again and again, whether it still works; one that does not "
              "is restarted by its policy (an addition to LinuxKit)"),
          .sub = &health, FLAG(Runtime, health.set) },
        INT("restartLimit", Runtime, restart_limit, 1, 1000000,
            "how many starts in quick succession are tried; default: any number (an addition to "
            "LinuxKit)"),
        DURATION("stopTimeout", Runtime, stop_timeout,
                 "how long a service that is to stop has time before it is killed; default: 10s "
                 "(an addition to LinuxKit)"),
};
static const Schema runtime = { SCHEMA(Runtime, runtime_keys) };

/* --- image entries and labels (5.3, 6.3) ---------------------------------------------------- */

#define CHECKED(k, member, c, h) \
        { KEY(k, KEY_STRINGS, Settings, member, h), CHECK(c) }
/* capabilities.add and binds.add stand apart: a label may hold them, but they are ignored there. */
static const Key settings_keys[] = {
        CHECKED("capabilities", capabilities, capabilities,
                "capabilities, CAP_... in capitals, or only all or none"),
        CHECKED("ambient", ambient, capabilities,
                "capabilities that programs started by the container inherit"),
        { LIST("mounts", Settings, mounts, &mount, "further mounts") },
        CHECKED("binds", binds, binds,
                "SOURCE:DESTINATION[:OPTION,...]; a SOURCE without / at its beginning is a volume"),
        CHECKED("tmpfs", tmpfs, tmpfs, "DESTINATION[:OPTION,...]: empty file systems in memory"),
        { LIST("devices", Settings, devices, &device, "device nodes") },
        STRINGS("command", Settings, command, "program and arguments instead of the image's"),
        STRINGS("env", Settings, env, "environment instead of the image's, NAME=VALUE"),
        STRING("cwd", Settings, cwd, "directory in which the program starts"),
        STRING("net", Settings, net, "network namespace: host (default), new, none or a path"),
        STRING("pid", Settings, pid, "process namespace: new (default), host or a path"),
        STRING("ipc", Settings, ipc, "IPC namespace: host (default), new or a path"),
        STRING("uts", Settings, uts, "host name namespace: host (default), new or a path"),
        STRING("userns", Settings, userns, "user namespace: host (default), new or a path"),
        STRING("hostname", Settings, hostname, "host name; needs a uts namespace of its own"),
        BOOL("readonly", Settings, readonly, "the root file system cannot be written"),
        STRINGS("maskedPaths", Settings, masked_paths,
                "paths that cannot be read in the container"),
        STRINGS("readonlyPaths", Settings, readonly_paths,
                "paths that cannot be written in the container"),
        { KEY("uid", KEY_ID, Settings, uid, "user: a number, or the name of an image entry") },
        { KEY("gid", KEY_ID, Settings, gid, "group: a number, or the name of an image entry") },
        { KEY("additionalGids", KEY_IDS, Settings, additional_gids,
              "further groups: numbers, or names of image entries") },
        BOOL("noNewPrivileges", Settings, no_new_privileges,
             "programs cannot gain privileges, by setuid for instance"),
        INT64("oomScoreAdj", Settings, oom_score_adj,
              "adjustment of the score when memory runs out, -1000 to 1000"),
        STRING("rootfsPropagation", Settings, rootfs_propagation,
               "propagation of mounts: private, shared, slave ..."),
        STRING("cgroupsPath", Settings, cgroups_path, "cgroup of the container"),
        { KEY("resources", KEY_MAPPING, Settings, resources,
              "limits; replaces those of the image as a whole"),
          .sub = &resources, FLAG(Settings, resources.set) },
        { KEY("sysctl", KEY_STRING_MAP, Settings, sysctl,
              "kernel settings of the namespaces; values in quotes") },
        { KEY("annotations", KEY_STRING_MAP, Settings, annotations,
              "annotations of the runtime configuration") },
        CHECKED("rlimits", rlimits, rlimits, "NAME,SOFT,HARD, such as nofile,1024,unlimited"),
        { LIST("uidMappings", Settings, uid_mappings, &id_mapping,
               "user ids of a user namespace") },
        { LIST("gidMappings", Settings, gid_mappings, &id_mapping,
               "group ids of a user namespace") },
        { KEY("runtime", KEY_MAPPING, Settings, runtime, "what happens around the container"),
          .sub = &runtime, FLAG(Settings, runtime.set) },
};

static const Schema settings = { SCHEMA(Settings, settings_keys) };

static const Key entry_keys[] = {
        { KEY("name", KEY_STRING, ImageEntry, name, "name of the container; unique among services"),
          .required = true, CHECK(name) },
        { KEY("image", KEY_STRING, ImageEntry, image.text,
              "image reference, or @pkg:DIRECTORY for a package of a checkout"),
          .required = true, CHECK(image) },
        { KEY("capabilities.add", KEY_STRINGS, ImageEntry, s.capabilities_add,
              "capabilities beside those of the image's label"),
          CHECK(capabilities) },
        { KEY("binds.add", KEY_STRINGS, ImageEntry, s.binds_add,
              "binds beside those of the image's label"),
          CHECK(binds) },
};
static const Schema entry = { .name = "entry",
                              SCHEMA(ImageEntry, entry_keys),
                              POS(ImageEntry),
                              .base = &settings,
                              .base_offset = offsetof(ImageEntry, s) };

static const Key label_keys[] = {
        { KEY("name", KEY_STRING, ImageEntry, name, NULL), .check = check_label_name },
        { KEY("image", KEY_STRING, ImageEntry, image.text, NULL), .check = check_label_name },
        STRINGS("capabilities.add", ImageEntry, s.capabilities_add, NULL),
        STRINGS("binds.add", ImageEntry, s.binds_add, NULL),
};
const Schema schema_label = { SCHEMA(ImageEntry, label_keys), POS(ImageEntry), .base = &settings,
                              .base_offset = offsetof(ImageEntry, s) };

/* --- the rest of the build file (5.1, 5.2, 5.6, 5.7) ---------------------------------------- */

static const Key kernel_keys[] = {
        { KEY("image", KEY_STRING, Kernel, image.text,
              "image with the kernel; without it there is none"),
          CHECK(optional_image) },
        STRING("cmdline", Kernel, cmdline, "command line of the kernel"),
        STRING("binary", Kernel, binary, "path of the kernel in the image; default: kernel"),
        STRING("tar", Kernel, tar,
               "tar with the modules in the image; default: kernel.tar; none: there is none"),
        STRING("ucode", Kernel, ucode, "cpio archive with microcode in the image"),
};
static const Schema kernel = { SCHEMA(Kernel, kernel_keys), POS(Kernel) };

static const char *const volume_formats[] = { "oci", "filesystem", NULL };

static const Key volume_keys[] = {
        { KEY("name", KEY_STRING, Volume, name, "name for binds and mounts: a-z, 0-9, _ and -"),
          .required = true, CHECK(volume_name) },
        { KEY("image", KEY_STRING, Volume, image.text,
              "image with the first content; without it the volume is empty"),
          CHECK(optional_image) },
        { KEY("format", KEY_STRING, Volume, format,
              "filesystem (default): the files of the image; oci: the image itself as an OCI "
              "layout"),
          .choices = volume_formats },
        STRINGS("platforms", Volume, platforms,
                "platforms to keep with format oci, OS/ARCHITECTURE[/VARIANT]; default: all"),
        BOOL("readonly", Volume, readonly, "the volume cannot be written"),
};
static const Schema volume = {
        .name = "volume", SCHEMA(Volume, volume_keys), POS(Volume), CHECK(volume)
};

static const Key file_keys[] = {
        STRING("path", FileItem, path, "path in the root file system"),
        BOOL("directory", FileItem, directory, "make a directory"),
        STRING("symlink", FileItem, symlink, "make a symbolic link with this target"),
        STRING("contents", FileItem, contents, "content of the file"),
        STRING("source", FileItem, source,
               "file to copy, relative to the current directory; ~/ is the home directory"),
        STRING("metadata", FileItem, metadata, "the merged build file as content: yaml or json"),
        BOOL("optional", FileItem, optional, "leave the item out when source does not exist"),
        STRING("mode", FileItem, mode,
               "permissions, an octal number in quotes; default: 0600, directories 0700"),
        { KEY("uid", KEY_ID, FileItem, uid, "owner: a number, or the name of an image entry") },
        { KEY("gid", KEY_ID, FileItem, gid, "group: a number, or the name of an image entry") },
};
static const Schema file = {
        .name = "file", SCHEMA(FileItem, file_keys), POS(FileItem), CHECK(file)
};

static const Key trust_keys[] = {
        STRINGS("image", BuildFile, trust.image, "ignored"),
        STRINGS("org", BuildFile, trust.org, "ignored"),
};
static const Schema trust = { SCHEMA(BuildFile, trust_keys) };

static const Key top_keys[] = {
        { KEY("kernel", KEY_MAPPING, BuildFile, kernel, "kernel and its command line"),
          .sub = &kernel, FLAG(BuildFile, kernel.set) },
        { KEY("init", KEY_STRINGS, BuildFile, init,
              "images that are unpacked into the root, one over the other"),
          CHECK(images) },
        { LIST("onboot", BuildFile, sections[SECTION_ONBOOT], &entry,
               "containers that run one after another while the machine starts") },
        { LIST("onshutdown", BuildFile, sections[SECTION_ONSHUTDOWN], &entry,
               "containers that run one after another while the machine stops") },
        { LIST("services", BuildFile, sections[SECTION_SERVICES], &entry,
               "containers that run side by side for as long as the machine is up") },
        { LIST("volumes", BuildFile, volumes, &volume, "directories that containers share") },
        { LIST("files", BuildFile, files, &file, "files of the root file system") },
        { .name = "trust",
          .help = "ignored; from older versions of LinuxKit",
          .type = KEY_MAPPING,
          .sub = &trust },
};
const Schema schema_build_file = { SCHEMA(BuildFile, top_keys) };
