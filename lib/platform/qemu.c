/* qemu.c - `linuxkit run qemu`: from the flags to a running machine (cli.md 8.1).
 *
 * The order matters: everything that can be wrong is found before the first thing is made, so that
 * a mistyped flag leaves no state directory behind. */
#include "lib/platform/qemu.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/platform/bootwatch.h"
#include "lib/platform/diskformat.h"
#include "lib/platform/firmware.h"
#include "lib/platform/foreground.h"
#include "lib/platform/kvm.h"
#include "lib/platform/pvh.h"
#include "lib/platform/qemu_args.h"

enum {
        CMDLINE_MAX = 1 << 20,
        STATE_FILE_MAX = 256,
};

typedef struct Run {
        const QemuOptions *o;
        Arena *arena;
        QemuVm vm;
        const char *program;
        QemuDisk *disks;
        const char *copy_from,
                *copy_to;  /* firmware that the machine writes to gets its own; NULL */
        const char *image; /* "squashfs", "erofs": boots PATH-IMAGE.img as root; NULL */
        bool boots_iso, boots_kernel, boots_disk;
} Run;

/* --- what to boot --------------------------------------------------------------------------- */

static const char *with_suffix(const Run *r, const char *suffix) {
        return arena_printf(r->arena, "%s%s", r->o->path, suffix);
}

static bool has_part(const Run *r, const char *suffix) {
        return file_exists(with_suffix(r, suffix));
}

/* A prefix with an initrd is that, even if there is an erofs image as well: so it is in the
 * reference. */
static const char *choose_image(const Run *r, bool has_kernel) {
        const QemuOptions *o = r->o;
        if (o->squashfs || (has_kernel && has_part(r, "-squashfs.img")))
                return "squashfs";
        if (o->erofs || (has_kernel && has_part(r, "-erofs.img") && !has_part(r, "-initrd.img")))
                return "erofs";
        return NULL;
}

static int choose_boot(Run *r, Err *e) {
        const QemuOptions *o = r->o;
        bool exists = file_exists(o->path), is_iso = exists && str_has_suffix(o->path, ".iso");
        bool has_kernel = !exists && has_part(r, "-kernel");
        bool forced = o->iso || o->kernel || o->squashfs || o->erofs;
        if (!exists && !has_kernel && !forced) {
                err_set(e, ERR_NOT_FOUND, 0, "boot disk image %s does not exist", o->path);
                return err_hint(e,
                                "PATH is a disk image, an ISO image, or the prefix of PATH-kernel "
                                "and PATH-initrd.img");
        }
        r->image = choose_image(r, has_kernel && !o->kernel);
        r->boots_kernel = o->kernel || (has_kernel && !r->image);
        r->boots_iso = o->iso || is_iso;
        r->boots_disk = exists && !is_iso && !r->boots_iso && !r->boots_kernel && !r->image;

        size_t len = strlen(o->path) - (is_iso ? strlen(".iso") : 0);
        r->vm.state = o->state ? o->state : arena_printf(r->arena, "%.*s-state", (int)len, o->path);
        return 0;
}

/* A file that QEMU will read. */
static int check_file(const char *path, Err *e) {
        struct stat st;
        if (stat(path, &st) < 0)
                return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
        if (S_ISDIR(st.st_mode))
                return err_set(e, ERR_USAGE, EISDIR, "%s", path);
        if (access(path, R_OK) < 0)
                return err_set(e, ERR_IO, errno, "%s", path);
        return 0;
}

/* A build file without a command line makes no PATH-cmdline; the kernel then gets root alone. */
static int read_cmdline(Run *r, const char *root, Err *e) {
        _cleanup_free_ char *text = NULL;
        const char *path = with_suffix(r, "-cmdline");
        size_t len = 0;
        if (!file_exists(path))
                log_warn("%s does not exist, starting without a kernel command line", path);
        else if (file_read(path, CMDLINE_MAX, &text, &len, e) < 0)
                return -1;
        if (text && strlen(text) != len)
                return err_set(e, ERR_VERIFY, 0, "%s: holds a NUL byte", path);
        if (len && text[len - 1] == '\n')
                text[len - 1] = 0;
        if (root)
                r->vm.cmdline = arena_printf(r->arena, "%s%sroot=%s", text ? text : "",
                                             text ? " " : "", root);
        else if (text)
                r->vm.cmdline = arena_strdup(r->arena, text);
        return 0;
}

static const char *image_path(const Run *r) {
        return arena_printf(r->arena, "%s-%s.img", r->o->path, r->image);
}

/* When several kinds are forced, `kernel` wins over `squashfs`, and a CD is always added. */
static int check_boot(Run *r, Err *e) {
        const char *path = r->o->path;
        if (r->boots_iso) {
                r->vm.iso = path;
                if (check_file(path, e) < 0)
                        return -1;
        }
        if (!r->boots_kernel && !r->image)
                return r->boots_disk ? check_file(path, e) : 0;
        r->vm.kernel = with_suffix(r, "-kernel");
        if (check_file(r->vm.kernel, e) < 0)
                return -1;
        if (!r->boots_kernel) {
                /* only for a kernel that cannot mount the image alone */
                const char *stub = arena_printf(r->arena, "%s-%s-initrd.img", path, r->image);
                if (file_exists(stub))
                        r->vm.initrd = stub;
                if (check_file(image_path(r), e) < 0)
                        return -1;
                return read_cmdline(r, qemu_root_device(r->vm.arch), e);
        }
        r->vm.initrd = with_suffix(r, "-initrd.img");
        if (check_file(r->vm.initrd, e) < 0)
                return -1;
        return read_cmdline(r, NULL, e);
}

/* --- disks ---------------------------------------------------------------------------------- */

static int plan_disks(Run *r, Err *e) {
        size_t n = 0, n_extra = 0;
        while (r->o->disks && r->o->disks[n_extra])
                n_extra++;
        r->disks = arena_alloc(r->arena, (n_extra + 1) * sizeof(*r->disks));
        if (!r->boots_kernel && !r->boots_iso) {
                QemuDisk *boot = &r->disks[n++];
                *boot = (QemuDisk){ .path = r->image ? image_path(r) : r->o->path,
                                    .format = "raw" };
                if (!r->image && disk_format(boot->path, &boot->format, e) < 0)
                        return -1;
                r->vm.boots_disk = r->boots_disk;
                r->vm.names_root = r->image != NULL;
        }
        for (size_t i = 0; i < n_extra; i++) {
                QemuDisk *d = &r->disks[n++];
                if (qemu_parse_disk(r->arena, r->o->disks[i], d, e) < 0)
                        return -1;
                if (!d->path && i == 0)
                        d->path = arena_printf(r->arena, "%s/disk.img", r->vm.state);
                else if (!d->path)
                        d->path = arena_printf(r->arena, "%s/disk%zu.img", r->vm.state, i);
                if (d->format && (file_exists(d->path) || d->size_mib))
                        continue;
                if (file_exists(d->path)) {
                        if (disk_format(d->path, &d->format, e) < 0)
                                return err_hint(e, "--disk %s,format=... tells it", d->path);
                        continue;
                }
                err_set(e, ERR_NOT_FOUND, 0, "disk %s does not exist", d->path);
                return err_hint(e, "--disk %s,size=1G makes it", d->path);
        }
        r->vm.disks = r->disks;
        r->vm.n_disks = n;
        return 0;
}

static char *find_qemu_img(const Run *r) {
        char *path = proc_find("qemu-img");
        if (path)
                return path;
        _cleanup_free_ char *dir = path_dir(r->program);
        path = path_join(dir, "qemu-img");
        if (access(path, X_OK) == 0)
                return path;
        free(path);
        return NULL;
}

static int make_disk(const QemuDisk *d, const char *qemu_img, Err *e) {
        _cleanup_free_ char *size = xasprintf("%lluM", (unsigned long long)d->size_mib);
        const char *const argv[] = { qemu_img, "create", "-f", d->format, d->path, size, NULL };
        return proc_run(argv, NULL, NULL, NULL, NULL, e);
}

static int make_disks(const Run *r, Err *e) {
        _cleanup_free_ char *qemu_img = NULL;
        for (size_t i = 0; i < r->vm.n_disks; i++) {
                const QemuDisk *d = &r->disks[i];
                if (file_exists(d->path)) {
                        if (d->size_mib)
                                log_info("disk %s exists, using it as it is", d->path);
                        continue;
                }
                if (!qemu_img)
                        qemu_img = find_qemu_img(r);
                if (!qemu_img) {
                        err_set(e, ERR_NOT_FOUND, 0, "unable to find qemu-img within the $PATH");
                        return err_hint(e, "apt-get install qemu-utils");
                }
                if (make_disk(d, qemu_img, e) < 0)
                        return err_wrap(e, "disk %s", d->path);
        }
        return 0;
}

/* --- program and acceleration --------------------------------------------------------------- */

/* Debian's package of the QEMU for a machine. */
static const char *qemu_package(const Arch *arch) {
        if (str_eq(arch->machine, "x86_64"))
                return "qemu-system-x86";
        return str_eq(arch->machine, "aarch64") ? "qemu-system-arm" : "qemu-system-misc";
}

static int find_program(Run *r, Err *e) {
        const char *name = r->o->qemu
                                   ? r->o->qemu
                                   : arena_printf(r->arena, "qemu-system-%s", r->vm.arch->machine);
        _cleanup_free_ char *path = NULL;
        if (strchr(name, '/'))
                path = access(name, X_OK) == 0 ? xstrdup(name) : NULL;
        else
                path = proc_find(name);
        if (!path) {
                if (strchr(name, '/'))
                        return err_set(e, ERR_NOT_FOUND, errno, "%s", name);
                err_set(e, ERR_NOT_FOUND, 0, "unable to find %s within the $PATH", name);
                return err_hint(e, "apt-get install %s", qemu_package(r->vm.arch));
        }
        r->program = arena_strdup(r->arena, path);
        return 0;
}

/* An explicit wish wins over probing (cli.md 14 row 6). */
static void choose_accel(Run *r) {
        const char *wish = r->o->accel;
        if (!r->vm.host_cpu) {
                log_info("Disable acceleration as %s != %s", r->vm.arch->machine, arch_host());
                return;
        }
        if (str_is_empty(wish))
                wish = getenv("LINUXKIT_QEMU_ACCEL");
        if (!str_is_empty(wish)) {
                r->vm.accel = str_eq(wish, "tcg") ? NULL : wish;
                return;
        }
        _cleanup_err_ Err why = ERR_INIT;
        if (kvm_works(&why))
                r->vm.accel = str_eq(r->vm.arch->go, "s390x") ? "kvm" : "kvm:tcg";
        else
                log_info("KVM does not work here (%s): using TCG, expect a slow machine", why.text);
}

/* What can only start so: disks of machines that have no BIOS, and what `build` names after UEFI.
 */
static bool needs_uefi(const Run *r) {
        static const char *const suffixes[] = { "-efi.img", "-efi.qcow2", "-efi.iso",
                                                "-efi-initrd.iso" };
        const char *machine = r->vm.arch->machine;
        if (!r->boots_disk && !r->boots_iso)
                return false;
        for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
                if (str_has_suffix(r->o->path, suffixes[i]))
                        return true;
        return str_eq(machine, "aarch64") || str_eq(machine, "riscv64");
}

/* The machine writes its variables: it gets a copy in the state directory. */
static const char *own_copy(Run *r, const char *from, const char *name) {
        r->copy_from = from;
        r->copy_to = arena_printf(r->arena, "%s/%s", r->vm.state, name);
        return r->copy_to;
}

static int choose_named_firmware(Run *r, Err *e) {
        const QemuOptions *o = r->o;
        r->vm.firmware = o->firmware;
        if (check_file(o->firmware, e) < 0)
                return -1;
        if (!o->firmware_vars)
                return 0;
        r->vm.firmware_vars = own_copy(r, o->firmware_vars, "uefi-vars.fd");
        return check_file(o->firmware_vars, e);
}

static int choose_firmware(Run *r, Err *e) {
        const QemuOptions *o = r->o;
        if (!o->uefi && !needs_uefi(r))
                return o->firmware ? err_set(e, ERR_USAGE, 0, "--fw needs --uefi") : 0;
        if (o->firmware)
                return choose_named_firmware(r, e);
        Firmware f;
        if (firmware_find(r->vm.arch->machine, &f, e) < 0)
                return -1;
        r->vm.firmware = f.code;
        if (!f.vars) {
                r->vm.firmware = own_copy(r, f.code, "uefi.fd");
                return 0;
        }
        const char *vars = o->firmware_vars ? o->firmware_vars : f.vars;
        r->vm.firmware_vars = own_copy(r, vars, "uefi-vars.fd");
        return check_file(vars, e);
}

/* --- state directory ------------------------------------------------------------------------ */

/* Version 4 of RFC 4122, section 4.4. */
static int make_uuid(Arena *arena, const char **ret, Err *e) {
        unsigned char b[16];
        if (getrandom(b, sizeof b, 0) != sizeof b)
                return err_set(e, ERR_IO, errno, "getrandom");
        b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
        b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
        *ret = arena_printf(arena,
                            "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                            b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
                            b[11], b[12], b[13], b[14], b[15]);
        return 0;
}

/* Locally administered, not a group address (IEEE 802, bits 1 and 0 of the first byte). */
static int make_mac(Arena *arena, const char **ret, Err *e) {
        unsigned char b[6];
        if (getrandom(b, sizeof b, 0) != sizeof b)
                return err_set(e, ERR_IO, errno, "getrandom");
        b[0] = (unsigned char)((b[0] & 0xfe) | 0x02);
        *ret = arena_printf(arena, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
                            b[5]);
        return 0;
}

/* Same length as the pattern, hex digits where it has x, else the same. */
static bool has_shape(const char *text, const char *pattern) {
        for (; *text && *pattern; text++, pattern++)
                if (*pattern == 'x' ? !isxdigit((unsigned char)*text) : *text != *pattern)
                        return false;
        return !*text && !*pattern;
}

/* What a machine keeps from start to start: read from STATE/name, or made and written there. */
static int keep(const Run *r, const char *name, const char *pattern,
                int (*make)(Arena *arena, const char **ret, Err *e), const char **ret, Err *e) {
        _cleanup_free_ char *path = path_join(r->vm.state, name), *text = NULL;
        if (file_exists(path)) {
                if (file_read(path, STATE_FILE_MAX, &text, NULL, e) < 0)
                        return -1;
                text[strcspn(text, " \t\r\n")] = 0;
                if (!has_shape(text, pattern))
                        return err_set(e, ERR_VERIFY, 0, "%s: not of the form %s", path, pattern);
                *ret = arena_strdup(r->arena, text);
                return 0;
        }
        if (make(r->arena, ret, e) < 0)
                return -1;
        return file_write(path, *ret, strlen(*ret), 0640, e);
}

static int copy_firmware(const Run *r, Err *e) {
        if (!r->copy_from || file_exists(r->copy_to))
                return 0;
        return firmware_copy(r->copy_from, r->copy_to, e);
}

static int prepare_state(Run *r, Err *e) {
        if (dir_make(r->vm.state, e) < 0 ||
            keep(r, "uuid", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", make_uuid, &r->vm.uuid, e) <
                    0 ||
            keep(r, "mac-addr", "xx:xx:xx:xx:xx:xx", make_mac, &r->vm.mac, e) < 0 ||
            copy_firmware(r, e) < 0)
                return -1;
        return make_disks(r, e);
}

/* ------------------------------------------------------------------------------------------- */

static int choose_arch(Run *r, Err *e) {
        const char *name = r->o->arch ? r->o->arch : arch_host();
        r->vm.arch = arch_find(name);
        if (!r->vm.arch || !qemu_knows_arch(r->vm.arch))
                return err_set(e, ERR_USAGE, 0, "%s is an unsupported architecture", name);
        r->vm.host_cpu = str_eq(r->vm.arch->go, arch_host());
        return 0;
}

static void log_command(const char *const *argv) {
        _cleanup_buf_ Buf line = { 0 };
        for (size_t i = 0; argv[i]; i++)
                buf_addf(&line, "%s%s", i ? " " : "", argv[i]);
        log_debug("%s", line.data);
}

/* With KVM the kernel unpacks itself in no time; UEFI starts nothing but the image. */
static void choose_kernel(Run *r) {
        if (!r->vm.kernel || r->vm.accel || r->vm.firmware ||
            !str_eq(r->vm.arch->machine, "x86_64"))
                return;
        const char *elf = arena_printf(r->arena, "%s/kernel.elf", r->vm.state);
        _cleanup_free_ char *key = path_join(r->vm.state, "kernel.key");
        if (pvh_unpack(r->vm.kernel, elf, key))
                r->vm.kernel = elf;
}

/* Runs the machine that r describes until it ends. */
static int run_machine(Run *r, int *ret_signal, Err *e) {
        const QemuOptions *o = r->o;
        BootWatch *watch = NULL;
        _cleanup_fd_ int fd = -1;
        if (o->boot_report) {
                _cleanup_free_ char *path = path_join(r->vm.state, "boot-report.json");
                if (bootwatch_start(path, &watch, &fd, e) < 0)
                        return -1;
                r->vm.report_fd = fd;
        }
        const char *const *argv = qemu_args(r->arena, r->program, &r->vm);
        log_command(argv);
        if (watch)
                bootwatch_begin(watch);
        int result = foreground_run(argv, o->gui, ret_signal, e);
        if (watch)
                bootwatch_finish(watch, o->boot_report);
        return result;
}

int qemu_run(const QemuOptions *o, int *ret_signal, Err *e) {
        _cleanup_arena_ Arena *arena = arena_new();
        Run r = {
                .o = o,
                .arena = arena,
                .vm = { .cpus = o->cpus,
                        .mem = o->mem,
                        .devices = o->devices,
                        .gui = o->gui,
                        .usb = o->usb },
        };
        *ret_signal = 0;
        if (choose_arch(&r, e) < 0 || choose_boot(&r, e) < 0 || check_boot(&r, e) < 0 ||
            plan_disks(&r, e) < 0 ||
            qemu_parse_networking(arena, o->networking, o->publish, &r.vm.netdev, e) < 0 ||
            choose_firmware(&r, e) < 0 || find_program(&r, e) < 0)
                return -1;
        choose_accel(&r);
        if (prepare_state(&r, e) < 0)
                return -1;
        choose_kernel(&r);
        return run_machine(&r, ret_signal, e);
}
