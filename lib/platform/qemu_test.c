/* qemu_test.c - the argument lists of cli.md 8.1, taken down by a program that stands in for QEMU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/str.h"
#include "lib/platform/diskformat.h"
#include "lib/platform/kvm.h"
#include "lib/platform/qemu.h"
#include "lib/platform/qemu_args.h"

#define UUID         "12345678-1234-4234-8234-123456789abc"
#define MAC          "02:00:00:00:00:01"
#define START(state) "-smp\n1\n-m\n1024\n-uuid\n" UUID "\n-pidfile\n" state "/qemu.pid\n"
#define RNG          "-object\nrng-random,id=rng0,filename=/dev/urandom\n-device\nvirtio-rng-pci,rng=rng0\n"
#define HEAD(state)  START(state) "-machine\nq35,sata=off,accel=kvm:tcg\n" RNG
#define SCSI         "-device\nvirtio-scsi-pci\n"
#define DISK(n, file, format, index, boot)                                                     \
        "-drive\nfile=" file ",format=" format ",index=" index ",media=disk,if=none,id=disk" n \
        "\n-device\nscsi-hd,drive=disk" n boot "\n"
#define CD                                                   \
        "-boot\nd\n-device\nscsi-cd,drive=cd1,bootindex=0\n" \
        "-drive\nfile=i.iso,format=raw,if=none,id=cd1,media=cdrom\n"
#define FIRST ",bootindex=0"
#define NET   "-device\nvirtio-net-pci,netdev=t0,mac=" MAC "\n-netdev\nuser,id=t0\n"

static char dir[] = "/tmp/qemu_test.XXXXXX";

static void put(const char *path, const char *text, uint32_t mode) {
        _cleanup_err_ Err e = ERR_INIT;
        if (file_write(path, text, strlen(text), mode, &e) < 0)
                fail_msg("%s", e.text);
}

static void make_state(const char *path) {
        mkdir(path, 0755);
        _cleanup_free_ char *uuid = path_join(path, "uuid"), *mac = path_join(path, "mac-addr");
        put(uuid, UUID, 0600);
        put(mac, MAC "\n", 0600);
}

static int setup(void **state) {
        (void)state;
        if (!mkdtemp(dir) || chdir(dir) < 0)
                return -1;
        mkdir("bin", 0755);
        put("bin/qemu-system", "#!/bin/sh\nprintf '%s\\n' \"$@\" >args\n", 0755);
        put("bin/qemu-seven", "#!/bin/sh\nexit 7\n", 0755);
        put("bin/qemu-killed", "#!/bin/sh\nkill -9 $$\n", 0755);
        put("bin/qemu-img", "#!/bin/sh\nprintf '%s\\n' \"$*\" >>made\n", 0755);
        _cleanup_free_ char *path = xasprintf("%s/bin:%s", dir, getenv("PATH"));
        setenv("PATH", path, 1);
        put("k-kernel", "", 0644);
        put("k-initrd.img", "", 0644);
        put("k-cmdline", "console=ttyS0\n", 0644);
        put("s-kernel", "", 0644);
        put("s-squashfs.img", "", 0644);
        put("s-cmdline", "console=ttyS0", 0644);
        put("i.iso", "", 0644);
        put("d.qcow2", "QFI\xfb", 0644);
        put("liar.img", "QFI\xfb", 0644);
        put("s2-kernel", "", 0644);
        put("s2-squashfs.img", "", 0644);
        put("s2-squashfs-initrd.img", "", 0644);
        put("s2-cmdline", "quiet", 0644);
        put("e-kernel", "", 0644);
        put("e-erofs.img", "", 0644);
        put("e-cmdline", "quiet", 0644);
        put("u-efi.img", "", 0644);
        put("V", "variables", 0644);
        put("a,b.img", "", 0644);
        put("F", "", 0644);
        put("e2.img", "", 0644);
        static const char *const states[] = { "k-state",       "s-state",        "i-state",
                                              "d.qcow2-state", "a,b.img-state",  "s2-state",
                                              "e-state",       "u-efi.img-state" };
        for (size_t i = 0; i < ARRAY_LEN(states); i++)
                make_state(states[i]);
        return 0;
}

static int teardown(void **state) {
        (void)state;
        if (chdir("/") < 0)
                return -1;
        _cleanup_free_ char *command = xasprintf("rm -rf %s", dir);
        return system(command);
}

static QemuOptions options(const char *path) {
        return (QemuOptions){ .path = path,
                              .arch = "x86_64",
                              .accel = "kvm:tcg",
                              .qemu = "bin/qemu-system",
                              .cpus = 1,
                              .mem = 1024 };
}

/* A host of another kind never accelerates; the lists below are those of x86_64. */
static void need_x86_64(void) {
        if (!str_eq(arch_host(), "amd64"))
                skip();
}

static void expect_args(const QemuOptions *o, const char *want) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *got = NULL;
        int sig;
        unlink("args");
        if (qemu_run(o, &sig, &e) < 0)
                fail_msg("%s: %s", o->path, e.text);
        assert_int_equal(file_read("args", 65536, &got, NULL, &e), 0);
        assert_string_equal(got, want);
}

static void boots_kernel_and_initrd(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("k");
        expect_args(&o, HEAD("k-state") "-kernel\nk-kernel\n-initrd\nk-initrd.img\n"
                                        "-append\nconsole=ttyS0\n" NET "-nographic\n");
}

static void boots_squashfs(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("s");
        expect_args(&o, HEAD("s-state") SCSI DISK(
                                "0", "s-squashfs.img", "raw", "0",
                                "") "-kernel\ns-kernel\n-append\nconsole=ttyS0 root=/dev/sda\n" NET
                                    "-nographic\n");
}

/* The name of the root must not depend on which of two disks is found first. */
static void other_disks_leave_the_root_its_name(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("s");
        put("data.raw", "", 0644);
        const char *const disks[] = { "data.raw", NULL };
        o.disks = disks;
        expect_args(&o,
                    HEAD("s-state") SCSI DISK(
                            "0", "s-squashfs.img", "raw", "0",
                            "") "-drive\nfile=data.raw,format=raw,index=1,media=disk,if=virtio\n"
                                "-kernel\ns-kernel\n-append\nconsole=ttyS0 root=/dev/sda\n" NET
                                "-nographic\n");
}

/* Debian's kernel cannot mount the image alone; the build has then written an initrd for it. */
static void boots_squashfs_with_its_initrd(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("s2");
        expect_args(&o,
                    HEAD("s2-state")
                            SCSI DISK("0", "s2-squashfs.img", "raw", "0",
                                      "") "-kernel\ns2-kernel\n-initrd\ns2-squashfs-initrd.img\n"
                                          "-append\nquiet root=/dev/sda\n" NET "-nographic\n");
}

static void boots_erofs(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("e");
        expect_args(&o,
                    HEAD("e-state")
                            SCSI DISK("0", "e-erofs.img", "raw", "0",
                                      "") "-kernel\ne-kernel\n-append\nquiet root=/dev/sda\n" NET
                                          "-nographic\n");
        o.arch = "aarch64";
        expect_args(&o, START("e-state") "-cpu\ncortex-a57\n-machine\nvirt\n" RNG
                                         "-drive\nfile=e-erofs.img,format=raw,index=0,media=disk\n"
                                         "-kernel\ne-kernel\n-append\nquiet root=/dev/vda\n" NET
                                         "-nographic\n");
        /* as the reference, which does not know erofs: an initrd of that name wins */
        put("e-initrd.img", "", 0644);
        o.arch = "x86_64";
        expect_args(&o, HEAD("e-state") "-kernel\ne-kernel\n-initrd\ne-initrd.img\n"
                                        "-append\nquiet\n" NET "-nographic\n");
        o.erofs = true;
        expect_args(&o,
                    HEAD("e-state")
                            SCSI DISK("0", "e-erofs.img", "raw", "0",
                                      "") "-kernel\ne-kernel\n-append\nquiet root=/dev/sda\n" NET
                                          "-nographic\n");
}

/* The name tells that there is no other way; the variables are the machine's own. */
static void uefi_image_gets_firmware_and_variables(void **state) {
        (void)state;
        need_x86_64();
        _cleanup_free_ char *vars = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        QemuOptions o = options("u-efi.img");
        o.firmware = "F";
        o.firmware_vars = "V";
        expect_args(&o, HEAD("u-efi.img-state") SCSI DISK(
                                "0", "u-efi.img", "raw", "0",
                                FIRST) "-drive\nif=pflash,unit=0,readonly=on,format=raw,file=F\n"
                                       "-drive\nif=pflash,unit=1,format=raw,file=u-efi.img-state/"
                                       "uefi-vars.fd\n" NET "-nographic\n");
        assert_int_equal(file_read("u-efi.img-state/uefi-vars.fd", 64, &vars, NULL, &e), 0);
        assert_string_equal(vars, "variables");
}

static void format_follows_the_name(void **state) {
        (void)state;
        static const struct {
                const char *name, *head, *want; /* NULL: refused */
        } t[] = {
                { "f.img", "", "raw" },
                { "f.raw", "x", "raw" },
                { "f", "anything", "raw" },
                { "f.qcow2", "QFI\xfb...", "qcow2" },
                { "f.qcow2", "", NULL },
                { "f.raw", "QFI\xfb...", NULL },
                { "f", "KDMV", NULL },
                { "f.vmdk", "KDMV", "vmdk" },
                { "f.vmdk", "# Disk DescriptorFile\n", "vmdk" },
                { "f.vhdx", "vhdxfile", "vhdx" },
                { "f.vhd", "conectix", "vpc" },
                { "f.vhd", "", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_err_ Err e = ERR_INIT;
                const char *got = NULL;
                put(t[i].name, t[i].head, 0644);
                int r = disk_format(t[i].name, &got, &e);
                if (t[i].want ? r < 0 || !str_eq(got, t[i].want) : r >= 0 || e.kind != ERR_VERIFY)
                        fail_msg("%s \"%s\": %s", t[i].name, t[i].head, r < 0 ? e.text : got);
                unlink(t[i].name);
        }
}

/* Only the last sector of a fixed VHD tells; a raw disk of that name has none. */
static void fixed_vhd_has_a_footer(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        const char *got = NULL;
        char disk[2048] = { 0 };
        memcpy(disk + sizeof(disk) - 512, "conectix", 8);
        assert_int_equal(file_write("f.vhd", disk, sizeof(disk), 0644, &e), 0);
        assert_int_equal(disk_format("f.vhd", &got, &e), 0);
        assert_string_equal(got, "vpc");
        assert_int_equal(file_write("f.img", disk, sizeof(disk), 0644, &e), 0);
        assert_int_equal(disk_format("f.img", &got, &e), 0);
        assert_string_equal(got, "raw");
}

static void boots_iso(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("i.iso");
        expect_args(&o, HEAD("i-state") SCSI CD NET "-nographic\n");
}

static void boots_disk(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("d.qcow2");
        expect_args(&o, HEAD("d.qcow2-state") SCSI DISK("0", "d.qcow2", "qcow2", "0", FIRST) NET
                    "-nographic\n");
}

static void makes_disks_and_skips_the_place_of_the_cd(void **state) {
        (void)state;
        need_x86_64();
        static const char *const disks[] = { "size=1G", "e.img,size=512M,format=raw", "size=2",
                                             NULL };
        _cleanup_free_ char *made = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        QemuOptions o = options("i.iso");
        o.disks = disks;
        expect_args(&o, HEAD("i-state") SCSI DISK("0", "i-state/disk.img", "qcow2", "0", "")
                                DISK("1", "e.img", "raw", "1", "")
                                        DISK("2", "i-state/disk2.img", "qcow2", "3", "") CD NET
                    "-nographic\n");
        assert_int_equal(file_read("made", 4096, &made, NULL, &e), 0);
        assert_string_equal(made, "create -f qcow2 i-state/disk.img 1024M\n"
                                  "create -f raw e.img 512M\n"
                                  "create -f qcow2 i-state/disk2.img 2048M\n");
}

static void existing_disk_stays(void **state) {
        (void)state;
        need_x86_64();
        static const char *const disks[] = { "file=e2.img,size=1G,format=raw", "e2.img", NULL };
        QemuOptions o = options("k");
        o.disks = disks;
        unlink("made");
        expect_args(&o, HEAD("k-state") SCSI DISK("0", "e2.img", "raw", "0", "")
                                DISK("1", "e2.img", "raw", "1",
                                     "") "-kernel\nk-kernel\n-initrd\nk-initrd.img\n"
                                         "-append\nconsole=ttyS0\n" NET "-nographic\n");
        assert_false(file_exists("made"));
}

static void publishes_ports(void **state) {
        (void)state;
        need_x86_64();
        static const char *const ports[] = { "8080:80", "53:53/udp", "127.0.0.1:2222:22/TCP",
                                             NULL };
        QemuOptions o = options("i.iso");
        o.publish = ports;
        expect_args(&o, HEAD("i-state") SCSI CD
                    "-device\nvirtio-net-pci,netdev=t0,mac=" MAC "\n-netdev\n"
                    "user,id=t0,hostfwd=tcp::8080-:80,hostfwd=udp::53-:53,"
                    "hostfwd=tcp:127.0.0.1:2222-:22\n-nographic\n");
}

static void adds_firmware_cpus_and_memory(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("d.qcow2");
        o.uefi = true;
        o.firmware = "F";
        o.cpus = 4;
        o.mem = 2048;
        expect_args(&o, "-smp\n4\n-m\n2048\n-uuid\n" UUID "\n-pidfile\nd.qcow2-state/qemu.pid\n"
                        "-machine\nq35,sata=off,accel=kvm:tcg\n" RNG SCSI DISK(
                                "0", "d.qcow2", "qcow2", "0",
                                FIRST) "-drive\nif=pflash,format=raw,file=F\n" NET "-nographic\n");
}

static void foreign_architecture_is_not_accelerated(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("k");
        o.arch = "aarch64";
        expect_args(&o, START("k-state") "-cpu\ncortex-a57\n-machine\nvirt\n" RNG
                                         "-kernel\nk-kernel\n-initrd\nk-initrd.img\n"
                                         "-append\nconsole=ttyS0\n" NET "-nographic\n");
}

static void tcg_switches_acceleration_off(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("i.iso");
        const char *want =
                START("i-state") "-machine\nq35,sata=off\n" RNG SCSI CD NET "-nographic\n";
        o.accel = "tcg";
        expect_args(&o, want);
        o.accel = NULL;
        setenv("LINUXKIT_QEMU_ACCEL", "tcg", 1);
        expect_args(&o, want);
        unsetenv("LINUXKIT_QEMU_ACCEL");
}

/* The bus that a user's device needs is there. */
static void ide_devices_have_their_bus(void **state) {
        (void)state;
        need_x86_64();
        static const char *const devices[] = { "ide-hd,drive=x", NULL };
        QemuOptions o = options("i.iso");
        o.accel = "tcg";
        o.devices = devices;
        expect_args(&o, START("i-state") "-machine\nq35\n" RNG SCSI CD NET
                                         "-nographic\n-device\nide-hd,drive=x\n");
}

static void other_networks_and_switches(void **state) {
        (void)state;
        need_x86_64();
        static const char *const devices[] = { "virtio-balloon", NULL };
        QemuOptions o = options("i.iso");
        o.networking = "none";
        o.usb = true;
        o.devices = devices;
        expect_args(&o, HEAD("i-state") SCSI CD "-net\nnone\n-nographic\n-usb\n"
                                                "-device\nvirtio-balloon\n");
        o.networking = "tap,tap0";
        o.usb = false;
        o.devices = NULL;
        o.gui = true;
        expect_args(&o, HEAD("i-state") SCSI CD "-device\nvirtio-net-pci,netdev=t0,mac=" MAC
                                                "\n-netdev\n"
                                                "tap,id=t0,ifname=tap0,script=no,downscript=no\n");
        o.networking = "bridge,br0";
        expect_args(&o, HEAD("i-state") SCSI CD "-device\nvirtio-net-pci,netdev=t0,mac=" MAC
                                                "\n-netdev\n"
                                                "bridge,id=t0,br=br0\n");
}

static void comma_in_a_path_is_no_option(void **state) {
        (void)state;
        need_x86_64();
        QemuOptions o = options("a,b.img");
        expect_args(&o, HEAD("a,b.img-state") SCSI DISK("0", "a,,b.img", "raw", "0", FIRST) NET
                    "-nographic\n");
}

static void machines_of_other_hosts(void **state) {
        (void)state;
        static const struct {
                const char *arch, *accel;
                bool host_cpu;
                const char *cpu, *machine, *root;
        } t[] = {
                { "arm64", "kvm:tcg", true, "host", "virt,gic_version=host,accel=kvm:tcg",
                  "/dev/vda" },
                { "arm64", NULL, true, "max", "virt", "/dev/vda" },
                { "s390x", "kvm", true, NULL, "s390-ccw-virtio,accel=kvm", "/dev/vda" },
                { "riscv64", NULL, false, NULL, "virt", "/dev/vda" },
                { "amd64", NULL, true, NULL, "q35,sata=off", "/dev/sda" },
        };
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                _cleanup_arena_ Arena *arena = arena_new();
                QemuVm vm = { .arch = arch_find(t[i].arch),
                              .accel = t[i].accel,
                              .host_cpu = t[i].host_cpu,
                              .uuid = UUID,
                              .mac = MAC,
                              .state = "s" };
                const char *const *argv = qemu_args(arena, "q", &vm);
                const char *cpu = NULL, *machine = NULL;
                for (; *argv; argv++) {
                        if (str_eq(*argv, "-cpu"))
                                cpu = argv[1];
                        if (str_eq(*argv, "-machine"))
                                machine = argv[1];
                }
                assert_true(str_eq(cpu, t[i].cpu));
                assert_string_equal(machine, t[i].machine);
                assert_string_equal(qemu_root_device(vm.arch), t[i].root);
        }
}

static void expect_error(QemuOptions o, const char *want) {
        _cleanup_err_ Err e = ERR_INIT;
        int sig;
        o.state = "new-state";
        if (qemu_run(&o, &sig, &e) >= 0)
                fail_msg("accepted, but wanted: %s", want);
        assert_string_equal(e.text, want);
        assert_false(file_exists("new-state"));
}

static void mistakes_are_found_before_anything_is_made(void **state) {
        (void)state;
        static const char *const disk_key[] = { "sice=1", NULL }, *const disk_none[] = { "", NULL };
        static const char *const disk_size[] = { "x,size=1T", NULL };
        static const char *const disk_missing[] = { "nosuch.img", NULL };
        static const char *const port[] = { "80", NULL };
        QemuOptions o = options("nosuch");
        expect_error(o, "boot disk image nosuch does not exist");
        o.iso = true;
        expect_error(o, "nosuch: No such file or directory");
        o = options("bin");
        expect_error(o, "bin: Is a directory");
        o = options("k");
        o.arch = "vax";
        expect_error(o, "vax is an unsupported architecture");
        o = options("k");
        o.disks = disk_key;
        expect_error(o, "--disk sice=1: unknown disk config: sice");
        o.disks = disk_none;
        expect_error(o, "--disk : disk specified with no size or name");
        o.disks = disk_size;
        expect_error(o, "--disk x,size=1T: \"1T\" is no size such as 512M or 2G");
        expect_error(options("liar.img"), "liar.img: its name says raw, its content qcow2");
        o.disks = disk_missing;
        expect_error(o, "disk nosuch.img does not exist");
        o = options("k");
        o.publish = port;
        expect_error(o, "--publish 80: not of the form [ADDRESS:]HOST:GUEST[/tcp|/udp]");
        o.networking = "none";
        expect_error(o, "--publish needs --networking user, not none");
        o.publish = NULL;
        o.networking = "wifi";
        expect_error(o, "invalid networking mode: wifi");
        o.networking = "tap,";
        expect_error(o, "--networking tap,: needs the name of one interface");
        o = options("k");
        o.qemu = "qemu-nosuch";
        expect_error(o, "unable to find qemu-nosuch within the $PATH");
        o = options("k");
        o.uefi = true;
        o.firmware = "no.fd";
        expect_error(o, "no.fd: No such file or directory");
}

static void bad_ports(void **state) {
        (void)state;
        static const char *const bad[] = {
                "",          ":",     "80",       "0:80",      "80:65536",      "80:80/sctp",
                "80:80/",    "a:80",  "80:80:80", "1.2.3:1:1", "1.2.3.4.5:1:1", "::80:80",
                "80:80,x=1", "-1:80", " 80:80"
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                _cleanup_arena_ Arena *arena = arena_new();
                _cleanup_err_ Err e = ERR_INIT;
                const char *forward;
                if (qemu_parse_publish(arena, bad[i], &forward, &e) >= 0)
                        fail_msg("accepted: \"%s\"", bad[i]);
                assert_int_equal(e.kind, ERR_USAGE);
        }
}

static void failure_of_qemu_is_ours(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        int sig;
        QemuOptions o = options("k");
        o.qemu = "bin/qemu-seven";
        assert_int_equal(qemu_run(&o, &sig, &e), -1);
        assert_string_equal(e.text, "qemu-seven: exit status 7");
        o.qemu = "bin/qemu-killed";
        assert_int_equal(qemu_run(&o, &sig, &e), -1);
        assert_string_equal(e.text, "qemu-killed: killed by signal 9 (Killed)");
        assert_int_equal(sig, 0);
}

static void state_keeps_identity(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *first = NULL, *second = NULL;
        int sig;
        QemuOptions o = options("k");
        o.state = "kept/deep";
        for (int i = 0; i < 2; i++) {
                char **ret = i ? &second : &first;
                if (qemu_run(&o, &sig, &e) < 0)
                        fail_msg("%s", e.text);
                assert_int_equal(file_read("args", 65536, ret, NULL, &e), 0);
        }
        assert_string_equal(first, second);
        put("kept/deep/mac-addr", "02:00:00:00:00:01,x=y", 0600);
        assert_int_equal(qemu_run(&o, &sig, &e), -1);
        assert_int_equal(e.kind, ERR_VERIFY);
}

/* Everything but the number of the descriptor, which a program inherits. */
static void boot_report_is_taken_down(void **state) {
        (void)state;
        need_x86_64();
        static const char script[] =
                "#!/bin/sh\n"
                "for a; do case $a in socket,id=report,fd=*) fd=${a##*=} ;; esac; done\n"
                "printf '%s\\n' \"$@\" | sed 's/fd=.*/fd=N/' >args\n"
                "[ -e silent ] || eval \"cat report >&$fd\"\n";
        static const char report[] =
                "{\"events\": [{\"at\": 1, \"event\": \"init\"}, {\"at\": 2, \"event\": \"done\"}],"
                " \"made\": 2}\n";
        put("bin/qemu-report", script, 0755);
        put("report", report, 0644);
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf text = { 0 };
        _cleanup_free_ char *args = NULL, *json = NULL;
        int sig;
        QemuOptions o = options("k");
        o.qemu = "bin/qemu-report";
        o.boot_report = &text;
        assert_int_equal(qemu_run(&o, &sig, &e), 0);
        assert_int_equal(file_read("args", 65536, &args, NULL, &e), 0);
        assert_non_null(strstr(args,
                               "-device\nvirtio-serial-pci\n-chardev\nsocket,id=report,fd=N\n"
                               "-device\nvirtserialport,chardev=report,name=linuxkit.boot\n"));
        assert_non_null(strstr(text.data, "\nkernel "));
        assert_non_null(strstr(text.data, "QEMU's start to this report: "));
        assert_int_equal(file_read("k-state/boot-report.json", 65536, &json, NULL, &e), 0);
        assert_non_null(strstr(json, "\"host\":"));

        put("silent", "", 0644);
        buf_clear(&text);
        assert_int_equal(qemu_run(&o, &sig, &e), 0);
        assert_string_equal(text.data, "boot report: the machine sent none\n");
        assert_false(file_exists("k-state/boot-report.json")); /* of another run */
        unlink("silent");

        put("report", "{\"events\": 7}\n", 0644);
        buf_clear(&text);
        assert_int_equal(qemu_run(&o, &sig, &e), 0);
        assert_string_equal(text.data, "boot report: what the machine sent is not readable\n");
}

/* Lines without end, and more boots than anybody wants to know of. */
static void endless_report_is_bounded(void **state) {
        (void)state;
        need_x86_64();
        static const char script[] =
                "#!/bin/sh\n"
                "for a; do case $a in socket,id=report,fd=*) fd=${a##*=} ;; esac; done\n"
                "eval \"{ head -c 3000000 /dev/zero; echo; yes '{}' | head -n 100000; } >&$fd\"\n"
                "exit 0\n";
        put("bin/qemu-report", script, 0755);
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_buf_ Buf text = { 0 };
        int sig;
        QemuOptions o = options("k");
        o.qemu = "bin/qemu-report";
        o.boot_report = &text;
        assert_int_equal(qemu_run(&o, &sig, &e), 0);
        assert_string_equal(text.data, "boot report: what the machine sent is not readable\n");
}

static void kvm_answers_in_time(void **state) {
        (void)state;
        _cleanup_err_ Err e = ERR_INIT;
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        bool works = kvm_works(&e);
        clock_gettime(CLOCK_MONOTONIC, &b);
        assert_true(works == (e.text == NULL));
        assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 2000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(boots_kernel_and_initrd),
                cmocka_unit_test(boots_squashfs),
                cmocka_unit_test(other_disks_leave_the_root_its_name),
                cmocka_unit_test(boots_squashfs_with_its_initrd),
                cmocka_unit_test(boots_erofs),
                cmocka_unit_test(uefi_image_gets_firmware_and_variables),
                cmocka_unit_test(format_follows_the_name),
                cmocka_unit_test(fixed_vhd_has_a_footer),
                cmocka_unit_test(boots_iso),
                cmocka_unit_test(boots_disk),
                cmocka_unit_test(makes_disks_and_skips_the_place_of_the_cd),
                cmocka_unit_test(existing_disk_stays),
                cmocka_unit_test(publishes_ports),
                cmocka_unit_test(adds_firmware_cpus_and_memory),
                cmocka_unit_test(foreign_architecture_is_not_accelerated),
                cmocka_unit_test(tcg_switches_acceleration_off),
                cmocka_unit_test(ide_devices_have_their_bus),
                cmocka_unit_test(other_networks_and_switches),
                cmocka_unit_test(comma_in_a_path_is_no_option),
                cmocka_unit_test(machines_of_other_hosts),
                cmocka_unit_test(mistakes_are_found_before_anything_is_made),
                cmocka_unit_test(bad_ports),
                cmocka_unit_test(failure_of_qemu_is_ours),
                cmocka_unit_test(state_keeps_identity),
                cmocka_unit_test(boot_report_is_taken_down),
                cmocka_unit_test(endless_report_is_bounded),
                cmocka_unit_test(kvm_answers_in_time),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
