/* bootvolume.c - see bootvolume.h. */
#include "lib/build/bootvolume.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/disk/authenticode.h"
#include "lib/disk/syslinux.h"
#include "lib/disk/uki.h"
#include "lib/fs/fat.h"

enum { MAX_FILES = 8 };

static const char os_release[] = "ID=linuxkit\nNAME=\"LinuxKit\"\nPRETTY_NAME=\"LinuxKit\"\n";

/* UEFI specification 2.10, 3.5.1.1: what is started from a removable medium. */
static const char *removable_path(const char *arch) {
        return str_eq(arch, "arm64") ? "EFI/BOOT/BOOTAA64.EFI" : "EFI/BOOT/BOOTX64.EFI";
}

/* *ret is a list of its own that out frees. */
static Extents *new_part(Extents *out) {
        Extents *x = extents_new();
        extents_adopt(out, x);
        return x;
}

static int make_uki(Parts *p, const BootVolume *v, Extents *out, const Extents **ret, Err *e) {
        const PartsOptions *o = parts_options(p);
        Extents *plain = new_part(out), *signed_one = new_part(out);
        Content stub;
        SigningKey *key = NULL;
        if (parts_boot_file(p, "linux.efi.stub", &stub, e) < 0)
                return -1;
        UkiParts parts = { .stub = &stub,
                           .arch = v->arch,
                           .kernel = v->kernel,
                           .initrd = v->initrd,
                           .cmdline = v->cmdline,
                           .osrel = os_release };
        *ret = plain;
        if (uki_image(&parts, plain, NULL, e) < 0)
                return -1;
        if (!o->secure_key)
                return 0;
        *ret = signed_one;
        if (signing_key_load(o->secure_key, o->secure_cert, &key, e) < 0)
                return -1;
        int r = authenticode_sign(key, plain, signed_one, e);
        signing_key_free(key);
        return r;
}

static int add_uki(Parts *p, const BootVolume *v, Extents *out, FatFile *files, size_t *n, Err *e) {
        const Extents *uki = NULL;
        if (make_uki(p, v, out, &uki, e) < 0)
                return err_wrap(e, "unified kernel image");
        files[(*n)++] = (FatFile){ .path = removable_path(v->arch), .data = uki };
        return 0;
}

static int with_syslinux(Parts *p, const BootVolume *v, FatFile *files, size_t n,
                         const FatOptions *o, Extents *out, Err *e) {
        static const char *const initrds[] = { "initrd.img" };
        SyslinuxBoot boot = { .kernel = "kernel",
                              .initrds = initrds,
                              .n_initrds = v->initrd ? 1 : 0,
                              .cmdline = v->cmdline };
        Content installer;
        files[n++] = (FatFile){ .path = "kernel", .data = v->kernel };
        if (v->initrd)
                files[n++] = (FatFile){ .path = "initrd.img", .data = v->initrd };
        if (parts_boot_file(p, "syslinux", &installer, e) < 0)
                return -1;
        return syslinux_volume(&installer, &boot, files, n, o, out, NULL, e);
}

int boot_volume(Parts *p, const BootVolume *v, Extents *out, Err *e) {
        FatFile files[MAX_FILES];
        size_t n = 0;
        FatOptions o = { .label = v->boot == BOOT_BIOS ? "LINUXKIT" : "ESP",
                         .volume_id = v->volume_id,
                         .hidden_sectors = (uint32_t)(v->start / FAT_SECTOR),
                         .mtime = v->mtime };
        if (v->boot != BOOT_BIOS && add_uki(p, v, out, files, &n, e) < 0)
                return -1;
        int r = v->boot == BOOT_EFI ? fat_image(files, n, &o, out, NULL, e)
                                    : with_syslinux(p, v, files, n, &o, out, e);
        return r < 0 ? err_wrap(e, "boot partition") : 0;
}
