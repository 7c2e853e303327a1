/* run.c - `linuxkit run`: starts a machine from a built image.  Without the name of a back end it
 * is QEMU; a misspelt back end is therefore taken for an image (cli.md 7). */
#include "cmd/linuxkit/cmd.h"
#include "lib/base/mem.h"
#include "lib/platform/qemu.h"

static const Flag group_flags[] = {
        { "cpus", 0, FLAG_INT, "N", "1", "number of virtual CPUs", NULL },
        { "mem", 0, FLAG_INT, "MIB", "1024", "memory in MiB", NULL },
        { "disk", 0, FLAG_LIST, "SPEC", NULL,
          "disk: [file=]PATH,size=N[G|M],format=F; made when it is missing", NULL },
        { 0 },
};

static const Choice *machine_choices(void) {
        static const Choice choices[] = {
                { "x86_64", "x86, 64 bits" },
                { "aarch64", "ARM, 64 bits" },
                { "riscv64", "RISC-V, 64 bits" },
                { "s390x", "IBM Z" },
                { 0 },
        };
        return choices;
}

static const Flag qemu_flags[] = {
        { "accel", 0, FLAG_STRING, "NAME", NULL,
          "accelerator; tcg switches it off (default $LINUXKIT_QEMU_ACCEL, else KVM if it works)",
          NULL },
        { "arch", 0, FLAG_STRING, "ARCH", NULL,
          "architecture of the machine (default: this machine's)", machine_choices },
        { "boot-report", 0, FLAG_BOOL, NULL, NULL,
          "tell where the time of the boot went, once the machine has ended", NULL },
        { "device", 0, FLAG_LIST, "DEVICE", NULL, "QEMU device to add", NULL },
        { "fw", 0, FLAG_STRING, "FILE", NULL, "UEFI firmware to use with --uefi", NULL },
        { "fw-vars", 0, FLAG_STRING, "FILE", NULL,
          "UEFI variables to start with; the machine gets a copy in its state directory", NULL },
        { "gui", 0, FLAG_BOOL, NULL, NULL, "open a window instead of the serial console", NULL },
        { "iso", 0, FLAG_BOOL, NULL, NULL, "PATH is an ISO image", NULL },
        { "kernel", 0, FLAG_BOOL, NULL, NULL,
          "PATH is the prefix of PATH-kernel, PATH-initrd.img and PATH-cmdline", NULL },
        { "squashfs", 0, FLAG_BOOL, NULL, NULL,
          "PATH is the prefix of PATH-kernel, PATH-squashfs.img and PATH-cmdline", NULL },
        { "erofs", 0, FLAG_BOOL, NULL, NULL,
          "PATH is the prefix of PATH-kernel, PATH-erofs.img and PATH-cmdline", NULL },
        { "networking", 0, FLAG_STRING, "MODE", "user",
          "user, tap,INTERFACE, bridge,BRIDGE or none", NULL },
        { "publish", 0, FLAG_LIST, "PORT", NULL,
          "forward a port of this machine: [ADDRESS:]HOST:GUEST[/tcp|/udp]", NULL },
        { "qemu", 0, FLAG_STRING, "PROGRAM", NULL, "QEMU program (default: qemu-system-ARCH)",
          NULL },
        { "state", 0, FLAG_STRING, "DIR", NULL,
          "directory for what the machine leaves behind (default PATH-state)", NULL },
        { "uefi", 0, FLAG_BOOL, NULL, NULL,
          "boot through UEFI firmware; implied by a disk or ISO image that needs it", NULL },
        { "usb", 0, FLAG_BOOL, NULL, NULL, "add a USB controller", NULL },
        { 0 },
};

static int run_options(const Context *c, QemuOptions *ret, Err *e) {
        const Args *a = c->args;
        int64_t cpus = args_int(a, "cpus"), mem = args_int(a, "mem");
        if (cpus < 1 || cpus > UINT16_MAX)
                return err_set(e, ERR_USAGE, 0, "--cpus: %lld is no number of CPUs",
                               (long long)cpus);
        if (mem < 1 || mem > INT32_MAX)
                return err_set(e, ERR_USAGE, 0, "--mem: %lld is no amount of memory in MiB",
                               (long long)mem);
        *ret = (QemuOptions){
                .path = a->words[0],
                .cpus = (uint32_t)cpus,
                .mem = (uint32_t)mem,
                .disks = args_list(a, "disk", NULL),
        };
        return 0;
}

static int start(const QemuOptions *o, Err *e) {
        int sig = 0;
        int r = qemu_run(o, &sig, e);
        if (o->boot_report && o->boot_report->len)
                fwrite(o->boot_report->data, 1, o->boot_report->len, stderr);
        /* the machine was stopped by a signal to us: now it is our turn */
        if (sig)
                signals_die(sig);
        return r;
}

static int run_qemu(Context *c, Err *e) {
        const Args *a = c->args;
        _cleanup_buf_ Buf report = { 0 };
        QemuOptions o;
        if (run_options(c, &o, e) < 0)
                return -1;
        o.accel = args_string(a, "accel");
        o.arch = args_string(a, "arch");
        o.boot_report = args_bool(a, "boot-report") ? &report : NULL;
        o.devices = args_list(a, "device", NULL);
        o.erofs = args_bool(a, "erofs");
        o.firmware = args_string(a, "fw");
        o.firmware_vars = args_string(a, "fw-vars");
        o.gui = args_bool(a, "gui");
        o.iso = args_bool(a, "iso");
        o.kernel = args_bool(a, "kernel");
        o.squashfs = args_bool(a, "squashfs");
        o.networking = args_string(a, "networking");
        o.publish = args_list(a, "publish", NULL);
        o.qemu = args_string(a, "qemu");
        o.state = args_string(a, "state");
        o.uefi = args_bool(a, "uefi");
        o.usb = args_bool(a, "usb");
        return start(&o, e);
}

static const Command qemu = {
        .name = "qemu",
        .args = "PATH",
        .help = "Start a machine under QEMU",
        .text = "PATH is an ISO image, a disk image, or the prefix of a kernel and its initrd as "
                "`linuxkit build` writes them. The serial console is on the terminal; C-a x stops "
                "the "
                "machine.\n\n"
                "  linuxkit run qemu --publish 8080:80 linuxkit\n",
        .flags = qemu_flags,
        .min_args = 1,
        .max_args = 1,
        .takes_files = true,
        .run = run_qemu,
};

static const Command *const backends[] = { &qemu, NULL };

const Command cmd_run = {
        .name = "run",
        .args = "PATH",
        .help = "Start a machine from an image",
        .text = "Without the name of a back end the machine runs under QEMU, and all flags that "
                "`linuxkit run qemu --help` lists may be given.",
        .flags = group_flags,
        .commands = backends,
        .implied = &qemu,
        .min_args = 1,
        .max_args = -1,
        .takes_files = true,
        .run = run_qemu,
};
