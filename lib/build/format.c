/* format.c - see format.h.  Names and files are those of formats.md 1.3. */
#include "lib/build/format.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/build.h"
#include "lib/build/writers.h"

/* Sorted by name, as the help shows them. */
static const Format formats[] = {
        { .name = "aws",
          .help = "disk for Amazon EC2",
          .write = write_disk,
          .files = { ".raw" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .boot = BOOT_USUAL,
          .size = 1024 },
        { .name = "docker",
          .help = "the root file system as a tar for `docker build -`",
          .write = write_tar,
          .files = { ".docker" },
          .arches = ON_ANY,
          .streams = true,
          .dockerfile = true },
        { .name = "dynamic-vhd",
          .help = "growing disk for Hyper-V",
          .write = write_disk,
          .files = { ".vhd" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .boot = BOOT_USUAL,
          .wrap = WRAP_DYNAMIC_VHD,
          .size = 25600 },
        { .name = "gcp",
          .help = "disk for Google Compute Engine, as it is imported",
          .write = write_disk,
          .files = { ".img.tar.gz" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .boot = BOOT_USUAL,
          .wrap = WRAP_GCP,
          .size = 1024,
          .unit = 1024 },
        { .name = "iso-bios",
          .help = "CD or USB stick for BIOS",
          .write = write_iso,
          .files = { ".iso" },
          .arches = ON_AMD64,
          .kernel = true,
          .boot = BOOT_BIOS },
        { .name = "iso-efi",
          .help = "CD or USB stick for UEFI",
          .write = write_iso,
          .files = { "-efi.iso" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .boot = BOOT_EFI },
        { .name = "iso-efi-initrd",
          .help = "the same with the whole system in the initrd",
          .write = write_iso,
          .files = { "-efi-initrd.iso" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .initrd = true,
          .boot = BOOT_EFI },
        { .name = "iso-hybrid",
          .help = "CD or USB stick for BIOS and UEFI",
          .write = write_iso,
          .files = { "-hybrid.iso" },
          .arches = ON_AMD64,
          .kernel = true,
          .boot = BOOT_HYBRID },
        { .name = "kernel+erofs",
          .help = "kernel, root file system as EROFS and command line as three files",
          .write = write_kernel_image,
          .files = { "-kernel", "-erofs.img", "-cmdline", "-erofs-initrd.img" },
          .arches = ON_ANY,
          .image = ROOT_EROFS },
        { .name = "kernel+initrd",
          .help = "kernel, gzip cpio initrd and command line as three files (default)",
          .write = write_kernel_initrd,
          .files = { "-kernel", "-initrd.img", "-cmdline" },
          .arches = ON_ANY },
        { .name = "kernel+initrd-erofs",
          .help = "the same with an initrd that holds an EROFS image: less memory, boots sooner",
          .write = write_kernel_initrd_image,
          .files = { "-kernel", "-initrd.img", "-cmdline" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .finds_root = true,
          .image = ROOT_EROFS },
        { .name = "kernel+initrd-squashfs",
          .help = "the same with a squashfs image",
          .write = write_kernel_initrd_image,
          .files = { "-kernel", "-initrd.img", "-cmdline" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .finds_root = true,
          .image = ROOT_SQUASHFS },
        { .name = "kernel+iso",
          .help = "kernel, root file system as ISO 9660 and command line as three files",
          .write = write_kernel_iso,
          .files = { "-kernel", ".iso", "-cmdline" },
          .arches = ON_ANY },
        { .name = "kernel+squashfs",
          .help = "kernel, root file system as squashfs and command line as three files",
          .write = write_kernel_image,
          .files = { "-kernel", "-squashfs.img", "-cmdline", "-squashfs-initrd.img" },
          .arches = ON_ANY,
          .image = ROOT_SQUASHFS },
        { .name = "ova",
          .help = "machine for VMware and VirtualBox, as it is imported",
          .write = write_disk,
          .files = { ".ova" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .boot = BOOT_USUAL,
          .wrap = WRAP_OVA,
          .size = 1024 },
        { .name = "qcow2-bios",
          .help = "disk for QEMU, BIOS",
          .write = write_disk,
          .files = { ".qcow2" },
          .arches = ON_AMD64,
          .kernel = true,
          .boot = BOOT_BIOS,
          .wrap = WRAP_QCOW2,
          .size = 1024 },
        { .name = "qcow2-efi",
          .help = "disk for QEMU, UEFI",
          .write = write_disk,
          .files = { "-efi.qcow2" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .boot = BOOT_EFI,
          .wrap = WRAP_QCOW2 },
        { .name = "raw-bios",
          .help = "disk for BIOS",
          .write = write_disk,
          .files = { "-bios.img" },
          .arches = ON_AMD64,
          .kernel = true,
          .boot = BOOT_BIOS },
        { .name = "raw-efi",
          .help = "disk for UEFI",
          .write = write_disk,
          .files = { "-efi.img" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .boot = BOOT_EFI },
        { .name = "raw-hybrid",
          .help = "disk for BIOS and UEFI",
          .write = write_disk,
          .files = { "-hybrid.img" },
          .arches = ON_AMD64,
          .kernel = true,
          .boot = BOOT_HYBRID },
        { .name = "rpi",
          .help = "card for Raspberry Pi 3 and 4",
          .write = write_rpi,
          .files = { "-rpi.img" },
          .arches = ON_ARM64,
          .kernel = true },
        { .name = "rpi3",
          .help = "tar to unpack onto the FAT card of a Raspberry Pi 3 or 4",
          .write = write_rpi3,
          .files = { ".tar" },
          .arches = ON_ARM64,
          .kernel = true,
          .initrd = true },
        { .name = "tar",
          .help = "the root file system as a tar stream",
          .write = write_tar,
          .files = { ".tar" },
          .arches = ON_ANY,
          .streams = true },
        { .name = "tar-kernel-initrd",
          .help = "kernel, initrd and command line in one tar",
          .write = write_tar_kernel_initrd,
          .files = { "-initrd.tar" },
          .arches = ON_ANY },
        { .name = "vhd",
          .help = "disk for Azure and Hyper-V",
          .write = write_disk,
          .files = { ".vhd" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .boot = BOOT_USUAL,
          .wrap = WRAP_VHD,
          .size = 1024 },
        { .name = "vmdk",
          .help = "disk for VMware",
          .write = write_disk,
          .files = { ".vmdk" },
          .arches = ON_AMD64 | ON_ARM64,
          .kernel = true,
          .boot = BOOT_USUAL,
          .wrap = WRAP_VMDK,
          .size = 1024 },
};

char *format_stream_path(const Format *f, const char *output, const char *prefix) {
        return output ? xstrdup(output) : xasprintf("%s%s", prefix, f->files[0]);
}

const Format *format_find(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(formats); i++)
                if (str_eq(formats[i].name, name))
                        return &formats[i];
        return NULL;
}

/* The kernel is the same in all formats, and so is the command line unless it names the root. */
static bool is_shared(const Format *a, const Format *b, const char *file) {
        return str_eq(file, "-kernel") ||
               (str_eq(file, "-cmdline") && a->finds_root == b->finds_root);
}

/* The first file that each would write with another content; NULL: none. */
static const char *common_file(const Format *a, const Format *b) {
        for (size_t i = 0; a->files[i]; i++)
                for (size_t k = 0; b->files[k]; k++)
                        if (str_eq(a->files[i], b->files[k]) && !is_shared(a, b, a->files[i]))
                                return a->files[i];
        return NULL;
}

int format_check(const Format *const *list, size_t n, const char *arch, Err *e) {
        int here = str_eq(arch, "amd64") ? ON_AMD64 : str_eq(arch, "arm64") ? ON_ARM64 : 0;
        for (size_t i = 0; i < n; i++) {
                if (list[i]->arches != ON_ANY && !(list[i]->arches & here))
                        return err_set(e, ERR_USAGE, 0, "format %s cannot be made for %s",
                                       list[i]->name, arch);
                for (size_t k = 0; k < i; k++) {
                        const char *file = common_file(list[i], list[k]);
                        if (!file || list[i] == list[k])
                                continue;
                        err_set(e, ERR_USAGE, 0, "formats %s and %s both write the file *%s",
                                list[k]->name, list[i]->name, file);
                        return err_hint(e, "build them one after another, with another --name");
                }
        }
        return 0;
}

Boot format_boot(const Format *f, const char *arch) {
        if (f->boot != BOOT_USUAL)
                return f->boot;
        return str_eq(arch, "amd64") ? BOOT_BIOS : BOOT_EFI;
}

const FormatInfo *build_formats(void) {
        static FormatInfo infos[ARRAY_LEN(formats) + 1];
        for (size_t i = 0; i < ARRAY_LEN(formats); i++)
                infos[i] = (FormatInfo){ formats[i].name, formats[i].help };
        return infos;
}
