/* qemu_args.c - see qemu_args.h.  What differs between machines is a row of the table. */
#include "lib/platform/qemu_args.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "lib/base/bootreport.h"

typedef struct Machine {
        const char *arch;        /* as uname -m */
        const char *name;        /* -machine */
        const char *no_ide;      /* more of -machine when no device wants an IDE bus */
        const char *accel;       /* more of -machine when accelerated */
        const char *cpu_accel;   /* -cpu on the guest's own kind of host; NULL: QEMU's default */
        const char *cpu_tcg;     /* there without acceleration */
        const char *cpu_foreign; /* on another kind of host */
        const char *rng, *net, *serial; /* devices */
        const char *root;               /* the first disk */
        /* Controller for disks and CDs; NULL: what the machine has.  q35 has AHCI, for which the
         * kernels of clouds have no driver, and others spend 0.1 s on its six empty ports; with
         * SCSI the names in the machine, sda and sr0, stay the same. */
        const char *scsi;
} Machine;

/* arm64 without KVM: "host" and the host's interrupt controller exist only with KVM, so the most
 * capable emulated CPU stands in (cli.md 14 row 22).  riscv64: q35 does not exist there (row 21).
 */
static const Machine machines[] = {
        { "x86_64", "q35", ",sata=off", "", NULL, NULL, NULL, "virtio-rng-pci", "virtio-net-pci",
          "virtio-serial-pci", "/dev/sda", "virtio-scsi-pci" },
        { "aarch64", "virt", "", ",gic_version=host", "host", "max", "cortex-a57", "virtio-rng-pci",
          "virtio-net-pci", "virtio-serial-pci", "/dev/vda", NULL },
        { "s390x", "s390-ccw-virtio", "", "", NULL, NULL, NULL, "virtio-rng-ccw", "virtio-net-ccw",
          "virtio-serial-ccw", "/dev/vda", NULL },
        { "riscv64", "virt", "", "", NULL, NULL, NULL, "virtio-rng-pci", "virtio-net-pci",
          "virtio-serial-pci", "/dev/vda", NULL },
};

static const Machine *machine_find(const Arch *arch) {
        for (size_t i = 0; i < ARRAY_LEN(machines); i++)
                if (str_eq(machines[i].arch, arch->machine))
                        return &machines[i];
        return NULL;
}

bool qemu_knows_arch(const Arch *arch) {
        return machine_find(arch) != NULL;
}

const char *qemu_root_device(const Arch *arch) {
        return machine_find(arch)->root;
}

/* --- option values -------------------------------------------------------------------------- */

static int parse_size(const char *text, uint64_t *ret_mib, Err *e) {
        _cleanup_free_ char *digits = xstrdup(text);
        size_t n = strlen(digits);
        uint64_t unit = 1024, v;
        if (n && (digits[n - 1] == 'G' || digits[n - 1] == 'M')) {
                unit = digits[n - 1] == 'G' ? 1024 : 1;
                digits[n - 1] = 0;
        }
        /* a pebibyte is more than QEMU's formats hold */
        if (!str_to_u64(digits, &v) || v == 0 || v > ((uint64_t)1 << 30) / unit)
                return err_set(e, ERR_USAGE, 0, "\"%s\" is no size such as 512M or 2G", text);
        *ret_mib = v * unit;
        return 0;
}

int qemu_parse_disk(Arena *arena, const char *spec, QemuDisk *ret, Err *e) {
        *ret = (QemuDisk){ 0 };
        for (const char *s = spec;; s++) {
                size_t len = strcspn(s, ",");
                char *part = arena_strndup(arena, s, len);
                char *value = strchr(part, '=');
                if (value)
                        *value++ = 0;
                if (!value || str_eq(part, "file"))
                        ret->path = value ? value : part;
                else if (str_eq(part, "format"))
                        ret->format = value;
                else if (!str_eq(part, "size"))
                        return err_set(e, ERR_USAGE, 0, "--disk %s: unknown disk config: %s", spec,
                                       part);
                else if (parse_size(value, &ret->size_mib, e) < 0)
                        return err_wrap(e, "--disk %s", spec);
                s += len;
                if (!*s)
                        break;
        }
        if (str_is_empty(ret->path))
                ret->path = NULL;
        if (str_is_empty(ret->format))
                ret->format = NULL;
        if (!ret->path && !ret->size_mib)
                return err_set(e, ERR_USAGE, 0, "--disk %s: disk specified with no size or name",
                               spec);
        if (ret->size_mib && !ret->format)
                ret->format = "qcow2";
        return 0;
}

static bool is_port(const char *text) {
        uint64_t v;
        return str_to_u64(text, &v) && v >= 1 && v <= UINT16_MAX;
}

/* Four decimal numbers: what QEMU's user network accepts as a local address. */
static bool is_ipv4(const char *text) {
        size_t dots = 0, digits = 0;
        for (; *text; text++) {
                if (*text == '.' && digits) {
                        dots++;
                        digits = 0;
                } else if (isdigit((unsigned char)*text) && digits < 3) {
                        digits++;
                } else {
                        return false;
                }
        }
        return dots == 3 && digits;
}

int qemu_parse_publish(Arena *arena, const char *spec, const char **ret, Err *e) {
        char *text = arena_strdup(arena, spec);
        const char *protocol = "tcp", *address = "";
        char *slash = strchr(text, '/');
        if (slash) {
                *slash++ = 0;
                protocol = strcasecmp(slash, "udp") == 0   ? "udp"
                           : strcasecmp(slash, "tcp") == 0 ? "tcp"
                                                           : NULL;
        }
        char *guest = strrchr(text, ':');
        if (guest)
                *guest++ = 0;
        char *host = strrchr(text, ':');
        if (host) {
                *host++ = 0;
                address = text;
        } else {
                host = text;
        }
        if (!protocol || !guest || !is_port(host) || !is_port(guest) ||
            (address == text && !is_ipv4(address)))
                return err_set(e, ERR_USAGE, 0,
                               "--publish %s: not of the form [ADDRESS:]HOST:GUEST[/tcp|/udp]",
                               spec);
        *ret = arena_printf(arena, "hostfwd=%s:%s:%s-:%s", protocol, address, host, guest);
        return 0;
}

static int need_name(const char *mode, const char *name, Err *e) {
        if (*name && !strchr(name, ','))
                return 0;
        return err_set(e, ERR_USAGE, 0, "--networking %s: needs the name of one interface", mode);
}

int qemu_parse_networking(Arena *arena, const char *mode, const char *const *publish,
                          const char **ret, Err *e) {
        bool user = str_is_empty(mode) || str_eq(mode, "user") || str_eq(mode, "default");
        if (!user && publish && *publish)
                return err_set(e, ERR_USAGE, 0, "--publish needs --networking user, not %s", mode);
        if (user) {
                const char *netdev = "user,id=t0";
                for (; publish && *publish; publish++) {
                        const char *forward;
                        if (qemu_parse_publish(arena, *publish, &forward, e) < 0)
                                return -1;
                        netdev = arena_printf(arena, "%s,%s", netdev, forward);
                }
                *ret = netdev;
        } else if (str_eq(mode, "none")) {
                *ret = NULL;
        } else if (str_has_prefix(mode, "tap,")) {
                if (need_name(mode, mode + 4, e) < 0)
                        return -1;
                *ret = arena_printf(arena, "tap,id=t0,ifname=%s,script=no,downscript=no", mode + 4);
        } else if (str_has_prefix(mode, "bridge,")) {
                if (need_name(mode, mode + 7, e) < 0)
                        return -1;
                *ret = arena_printf(arena, "bridge,id=t0,br=%s", mode + 7);
        } else {
                return err_set(e, ERR_USAGE, 0, "invalid networking mode: %s", mode);
        }
        return 0;
}

/* --- the list ------------------------------------------------------------------------------- */

typedef struct List {
        Arena *arena;
        const char **items;
        size_t n, cap;
} List;

static void add(List *l, const char *item) {
        *vec_push(l->items, l->n, l->cap) = item;
}

static void add2(List *l, const char *option, const char *value) {
        add(l, option);
        add(l, value);
}

/* QEMU ends a value at a comma; a doubled one is a comma. */
static const char *quote(const List *l, const char *text) {
        size_t n = 0;
        char *out = arena_alloc(l->arena, 2 * strlen(text) + 1);
        for (; *text; text++) {
                out[n++] = *text;
                if (*text == ',')
                        out[n++] = ',';
        }
        return out;
}

static bool wants_ide(const char *const *devices) {
        for (; devices && *devices; devices++)
                if (str_has_prefix(*devices, "ide-"))
                        return true;
        return false;
}

static void add_machine(List *l, const QemuVm *vm, const Machine *m) {
        const char *cpu = !vm->host_cpu ? m->cpu_foreign : vm->accel ? m->cpu_accel : m->cpu_tcg;
        if (cpu)
                add2(l, "-cpu", cpu);
        const char *name =
                arena_printf(l->arena, "%s%s", m->name, wants_ide(vm->devices) ? "" : m->no_ide);
        add2(l, "-machine",
             vm->accel ? arena_printf(l->arena, "%s%s,accel=%s", name, m->accel, vm->accel) : name);
}

static void add_disk(List *l, const QemuVm *vm, const Machine *m, size_t i) {
        const QemuDisk *d = &vm->disks[i];
        /* position 2 of the bus is the CD's */
        size_t index = vm->iso && i >= 2 ? i + 1 : i;
        const char *drive = arena_printf(l->arena, "file=%s,format=%s,index=%zu,media=disk",
                                         quote(l, d->path), quote(l, d->format), index);
        if (!m->scsi) {
                add2(l, "-drive", drive);
                return;
        }
        /* Linux names SCSI disks in the order in which it happens to finish with them. */
        if (vm->names_root && i > 0) {
                add2(l, "-drive", arena_printf(l->arena, "%s,if=virtio", drive));
                return;
        }
        bool first = i == 0 && vm->boots_disk && !vm->iso;
        add2(l, "-drive", arena_printf(l->arena, "%s,if=none,id=disk%zu", drive, i));
        add2(l, "-device",
             arena_printf(l->arena, "scsi-hd,drive=disk%zu%s", i, first ? ",bootindex=0" : ""));
}

static void add_cd(List *l, const QemuVm *vm, const Machine *m) {
        add2(l, "-boot", "d");
        /* s390x has no IDE for -cdrom to use */
        bool is_s390x = str_eq(vm->arch->machine, "s390x");
        if (!m->scsi && !is_s390x) {
                add2(l, "-cdrom", vm->iso);
                return;
        }
        if (is_s390x)
                add2(l, "-device", "virtio-scsi-ccw");
        add2(l, "-device", m->scsi ? "scsi-cd,drive=cd1,bootindex=0" : "scsi-cd,drive=cd1");
        add2(l, "-drive",
             arena_printf(l->arena, "file=%s,format=raw,if=none,id=cd1%s", quote(l, vm->iso),
                          m->scsi ? ",media=cdrom" : ""));
}

static void add_drives(List *l, const QemuVm *vm, const Machine *m) {
        if (m->scsi && (vm->n_disks || vm->iso))
                add2(l, "-device", m->scsi);
        for (size_t i = 0; i < vm->n_disks; i++)
                add_disk(l, vm, m, i);
        if (vm->iso)
                add_cd(l, vm, m);
}

static void add_firmware(List *l, const QemuVm *vm) {
        if (!vm->firmware)
                return;
        const char *file = quote(l, vm->firmware);
        if (!vm->firmware_vars) {
                add2(l, "-drive", arena_printf(l->arena, "if=pflash,format=raw,file=%s", file));
                return;
        }
        add2(l, "-drive",
             arena_printf(l->arena, "if=pflash,unit=0,readonly=on,format=raw,file=%s", file));
        add2(l, "-drive",
             arena_printf(l->arena, "if=pflash,unit=1,format=raw,file=%s",
                          quote(l, vm->firmware_vars)));
}

static void add_kernel(List *l, const QemuVm *vm) {
        if (!vm->kernel)
                return;
        add2(l, "-kernel", vm->kernel);
        if (vm->initrd)
                add2(l, "-initrd", vm->initrd);
        if (vm->cmdline)
                add2(l, "-append", vm->cmdline);
}

static void add_report(List *l, const QemuVm *vm, const Machine *m) {
        if (!vm->report_fd)
                return;
        add2(l, "-device", m->serial);
        add2(l, "-chardev", arena_printf(l->arena, "socket,id=report,fd=%d", vm->report_fd));
        add2(l, "-device", "virtserialport,chardev=report,name=" BOOTREPORT_PORT);
}

const char *const *qemu_args(Arena *arena, const char *program, const QemuVm *vm) {
        const Machine *m = machine_find(vm->arch);
        List l = { .arena = arena };
        add(&l, program);
        add2(&l, "-smp", arena_printf(arena, "%u", vm->cpus));
        add2(&l, "-m", arena_printf(arena, "%u", vm->mem));
        add2(&l, "-uuid", vm->uuid);
        add2(&l, "-pidfile", arena_printf(arena, "%s/qemu.pid", vm->state));
        add_machine(&l, vm, m);
        add2(&l, "-object", "rng-random,id=rng0,filename=/dev/urandom");
        add2(&l, "-device", arena_printf(arena, "%s,rng=rng0", m->rng));
        add_drives(&l, vm, m);
        add_firmware(&l, vm);
        add_kernel(&l, vm);
        if (vm->netdev) {
                add2(&l, "-device", arena_printf(arena, "%s,netdev=t0,mac=%s", m->net, vm->mac));
                add2(&l, "-netdev", vm->netdev);
        } else {
                add2(&l, "-net", "none");
        }
        if (!vm->gui)
                add(&l, "-nographic");
        if (vm->usb)
                add(&l, "-usb");
        for (const char *const *d = vm->devices; d && *d; d++)
                add2(&l, "-device", *d);
        add_report(&l, vm, m);
        add(&l, NULL);

        const char **argv = arena_alloc(arena, l.n * sizeof(*argv));
        memcpy(argv, l.items, l.n * sizeof(*argv));
        free(l.items);
        return argv;
}
