/* spec.h - the build file as a typed model.  Every value remembers where it stood, so that whoever
 * finds it wrong later (a missing image, an unknown capability) can say file:line:column.
 *
 * Everything lives in the arena of the Spec and dies with it.  Lists are pointer + count; `set`
 * flags tell "absent" from "empty", which matters for precedence (yaml.md 10.3). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

typedef struct Pos {
        const char *file;      /* as given on the command line; "label of IMAGE" for labels */
        uint32_t line, column; /* from 1; 0: unknown */
} Pos;

typedef struct Str { /* text NULL: absent */
        const char *text;
        Pos pos;
} Str;

typedef struct StrList {
        bool set;
        Str *items;
        size_t n;
        Pos pos;
} StrList;

typedef struct Bool {
        bool set, value;
        Pos pos;
} Bool;

typedef struct Int { /* fits the range its key allows; u for unsigned keys */
        bool set;
        union {
                int64_t value;
                uint64_t u;
        };
        Pos pos;
} Int;

typedef struct Id { /* uid or gid: number, or name to resolve (yaml.md 16) */
        bool set;
        const char *name; /* NULL: number */
        int64_t number;
        Pos pos;
} Id;

typedef struct IdList {
        bool set;
        Id *items;
        size_t n;
} IdList;

typedef struct KeyValue {
        Str key, value;
} KeyValue;

typedef struct Map { /* in file order */
        bool set;
        KeyValue *items;
        size_t n;
} Map;

typedef struct IdMapping {
        uint32_t host_id, container_id, size;
} IdMapping;

typedef struct IdMappings {
        bool set;
        IdMapping *items;
        size_t n;
} IdMappings;

typedef struct Mount {
        Str destination, type, source;
        StrList options;
        IdMappings uid_mappings, gid_mappings; /* runtime.mounts only */
        Pos pos;
} Mount;

typedef struct Mounts {
        bool set;
        Mount *items;
        size_t n;
} Mounts;

typedef struct Device {
        Str path, type, mode;
        Int major, minor;
        Pos pos;
} Device;

typedef struct Devices {
        bool set;
        Device *items;
        size_t n;
} Devices;

typedef struct Interface {
        Str name, add, peer;
        Bool create_in_root;
} Interface;

/* bindNS members, in the order of yaml.md 12. */
enum { NS_CGROUP, NS_IPC, NS_MNT, NS_NET, NS_PID, NS_USER, NS_UTS, NS_COUNT };
extern const char *const spec_ns_names[NS_COUNT];

/* How a service is asked whether it works: exactly one of exec, tcp and file is given. */
typedef struct Probe {
        bool set;
        StrList exec;
        Str tcp;                             /* "PORT" or "HOST:PORT", see spec_tcp_is_valid() */
        Str file;                            /* an absolute path */
        Str interval, timeout, start_period; /* start_period: of health only, may be "0s" */
        Int retries;                         /* of health only */
        Pos pos;
} Probe;

/* The members from restart on are our additions (boot.md 8, 10 "C"). */
typedef struct Runtime {
        bool set;
        StrList cgroups, mkdir;
        Mounts mounts;
        struct {
                bool set;
                Interface *items;
                size_t n;
        } interfaces;
        Str bind_ns[NS_COUNT];
        bool bind_ns_set;
        Str namespace;
        Str restart;     /* of a service: "no", "on-failure", "always" */
        Str fail;        /* of an onboot container: "continue", "stop", "reboot", "poweroff" */
        Str timeout;     /* of an onboot container: see spec_seconds() */
        Str oci_runtime; /* a program's name or absolute path */
        /* of a service */
        StrList needs;
        Probe ready, health;
        Int restart_limit;
        Str stop_timeout;
} Runtime;

/* "30s", "5m" or "1h": one to six digits without leading zeros, and a unit.  False for anything
 * else. */
bool spec_seconds(const char *text, uint64_t *ret);

/* "PORT", "HOST:PORT" or "[IPv6]:PORT"; HOST is an IPv4 address or localhost. */
bool spec_tcp_is_valid(const char *text);

typedef struct ResourceDevice {
        Bool allow;
        Str type, access;
        Int major, minor;
} ResourceDevice;

typedef struct WeightDevice {
        Int major, minor, weight, leaf_weight, rate;
} WeightDevice;

typedef struct WeightDevices {
        WeightDevice *items;
        size_t n;
} WeightDevices;

typedef struct Resources { /* yaml.md 5.5; unset members are left out of config.json */
        bool set;
        struct {
                ResourceDevice *items;
                size_t n;
        } devices;
        bool memory_set, cpu_set, pids_set, blockio_set, network_set;
        struct {
                Int limit, reservation, swap, kernel, kernel_tcp, swappiness;
                Bool disable_oom_killer;
        } memory;
        struct {
                Int shares, quota, period, realtime_runtime, realtime_period;
                Str cpus, mems;
        } cpu;
        Int pids_limit;
        struct {
                Int weight, leaf_weight;
                WeightDevices weight_device, throttle_read_bps, throttle_write_bps,
                        throttle_read_iops, throttle_write_iops;
        } blockio;
        struct {
                Str *page_sizes;
                Int *limits;
                size_t n;
        } hugepages;
        struct {
                Int class_id;
                struct {
                        Str name;
                        Int priority;
                } * priorities;
                size_t n_priorities;
        } network;
} Resources;

/* The keys that a build file entry and an image label share (yaml.md 5.3). */
typedef struct Settings {
        StrList capabilities, capabilities_add, ambient;
        Mounts mounts;
        StrList binds, binds_add, tmpfs;
        Devices devices;
        StrList command, env;
        Str cwd, net, pid, ipc, uts, userns, hostname;
        Bool readonly;
        StrList masked_paths, readonly_paths;
        Id uid, gid;
        IdList additional_gids;
        Bool no_new_privileges;
        Int oom_score_adj;
        Str rootfs_propagation, cgroups_path;
        Resources resources;
        Map sysctl, annotations;
        StrList rlimits;
        IdMappings uid_mappings, gid_mappings;
        Runtime runtime;
} Settings;

typedef struct ImageRef {        /* an image position of the build file */
        Str text;                /* as written, templates (@pkg:) still in place */
        const char *ref;         /* normal form of yaml.md 6.1, filled by spec_resolve */
        const char *package_dir; /* directory of the local package for @pkg:, else NULL */
} ImageRef;

typedef struct ImageEntry { /* onboot, onshutdown, services */
        Str name;
        ImageRef image;
        Settings s;
        Pos pos;
} ImageEntry;

typedef struct Volume {
        Str name, format; /* "filesystem" or "oci"; absent: filesystem */
        ImageRef image;   /* text.text NULL: empty directory */
        StrList platforms;
        Bool readonly;
        Pos pos;
} Volume;

typedef struct FileItem {
        Str path, symlink, contents, source, metadata, mode;
        Bool directory, optional;
        Id uid, gid;
        Pos pos;
} FileItem;

typedef struct Kernel {
        bool set;
        ImageRef image;
        Str cmdline, binary, tar, ucode;
        Pos pos;
} Kernel;

enum { SECTION_ONBOOT, SECTION_ONSHUTDOWN, SECTION_SERVICES, SECTION_COUNT };
/* "onboot", "onshutdown", "services" */
extern const char *const spec_section_names[SECTION_COUNT];

typedef struct Spec {
        Arena *arena;
        Kernel kernel;
        ImageRef *init;
        size_t n_init;
        struct {
                bool set;
                ImageEntry *items;
                size_t n;
        } sections[SECTION_COUNT];
        Volume *volumes;
        size_t n_volumes;
        FileItem *files;
        size_t n_files;
        bool init_set, volumes_set, files_set; /* some FILE has the key, maybe with an empty list */
} Spec;

/* Reads, validates and merges the files left to right ("-" is stdin, http(s) URLs are fetched).
 * All errors of a file are in one Err, one per line, each starting "file:line:column: "
 * (at most 20, then "and N more"). No image is looked at. */
int spec_load(const char *const *files, size_t n, Spec **ret, Err *e);
/* The same for one text in memory; file is the name used in messages. */
int spec_parse(const char *text, size_t len, const char *file, Spec **ret, Err *e);
void spec_free(Spec *s); /* s may be NULL */

/* How `@pkg:PATH` becomes a reference: dir is the package's directory (absolute or relative to the
 * current directory). *ret is malloc'ed, e.g. "docker.io/linuxkit/runc:HASH". */
typedef int (*SpecPackageFn)(void *ctx, const char *dir, char **ret, Err *e);

/* Fills ref and package_dir of every image position. fn may be NULL: @pkg: is then an error. */
int spec_resolve(Spec *s, SpecPackageFn fn, void *ctx, Err *e);

/* Parses the label org.mobyproject.config (yaml.md 6.3) into *ret, allocated in arena. */
int spec_parse_label(Arena *arena, const char *text, const char *image, Settings *ret, Err *e);

/* Applies the precedence of yaml.md 10.3 between build file and label (image config is applied by
 * the caller): every field of the result points into one of them. label may be NULL. */
void spec_merge_settings(const Settings *file, const Settings *label, Arena *arena, Settings *ret);

/* What the service of a name needs; needs may be empty. */
typedef struct ServiceNeeds {
        const char *name;
        const StrList *needs;
} ServiceNeeds;

/* Every name that is needed must be one of the n, and no service may need itself, through others
 * or not.  All faults are in one Err, each at its item. */
int spec_check_needs(const ServiceNeeds *services, size_t n, Err *e);

/* Numbers of yaml.md 16: 100, 101 ... in the order onboot, onshutdown, services. */
int spec_resolve_id(const Spec *s, const Id *id, uint32_t *ret, Err *e);

/* Prints the merged model, images in normal form: `metadata: yaml` and `metadata: json` (yaml.md
 * 15.3).  After spec_resolve. */
struct Buf;
int spec_print_yaml(const Spec *s, struct Buf *out, Err *e);
int spec_print_json(const Spec *s, struct Buf *out, Err *e);
/* The text of --dry-run (yaml.md 4.6): YAML with the images as written, templates resolved. */
int spec_print_dry_run(const Spec *s, struct Buf *out, Err *e);

/* err_set with "file:line:column: " in front when pos is known. Returns -1. */
int spec_err(Err *e, Pos pos, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
