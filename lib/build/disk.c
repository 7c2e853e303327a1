/* disk.c - raw disks and what wraps them: raw-*, qcow2-*, aws, gcp, vhd, vmdk, ova
 * (formats.md 1.5).
 *
 * The first partition is FAT and holds what the firmware starts; the second one is the root file
 * system, unless that travels in the initrd.  Every identifier follows from the content. */
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/spool.h"
#include "lib/base/str.h"
#include "lib/build/bootvolume.h"
#include "lib/build/parts.h"
#include "lib/build/writers.h"
#include "lib/disk/gcp.h"
#include "lib/disk/ova.h"
#include "lib/disk/partition.h"
#include "lib/disk/qcow2.h"
#include "lib/disk/vhd.h"
#include "lib/disk/vmdk.h"

enum { MIB_SHIFT = 20 };

/* One disk while it is planned. */
typedef struct Disk {
        FormatJob *job;
        const Format *format;
        BootVolume boot;
        Digest id;
        Extents *volume; /* FAT */
        const Extents *root;
        Extents *all;
} Disk;

static void disk_done(Disk *d) {
        free(d->boot.cmdline);
        extents_free(d->volume);
        extents_free(d->all);
}

/* root= for the second partition: GPT by its GUID, DOS by the disk's signature and number.  A
 * kernel that mounts it by itself does not wait for USB, SD cards and NVMe unless it is told to. */
static char *root_argument(const Disk *d) {
        char text[UUID_TEXT];
        Uuid u = uuid_derive("root partition", &d->id);
        uuid_text(&u, text);
        return d->boot.boot == BOOT_BIOS
                       ? xasprintf("PARTUUID=%08x-02 rootwait", parts_signature(&d->id))
                       : xasprintf("PARTUUID=%s rootwait", text);
}

static int gather(Disk *d, Err *e) {
        Parts *p = d->job->parts;
        d->boot.boot = format_boot(d->format, d->job->arch);
        d->boot.arch = d->job->arch;
        d->boot.mtime = d->job->mtime;
        if (parts_bootable_kernel(p, &d->boot.kernel, e) < 0)
                return -1;
        if (parts_root(p, false, STUB_PARTITION, &d->boot.initrd, &d->root, e) < 0 ||
            parts_id(p, d->boot.kernel, d->boot.initrd, d->root, &d->id, e) < 0)
                return -1;
        _cleanup_free_ char *root = d->root ? root_argument(d) : NULL;
        return parts_cmdline_root(p, root, &d->boot.cmdline, e);
}

/* --- layout --------------------------------------------------------------------------------- */

static int lay_out(Disk *d, Err *e) {
        const char *arm = GPT_ROOT_ARM64, *amd = GPT_ROOT_AMD64;
        bool gpt = d->boot.boot != BOOT_BIOS;
        Content code = { 0 };
        d->volume = extents_new();
        d->all = extents_new();
        d->boot.volume_id = parts_signature(&d->id);
        d->boot.start = PARTITION_ALIGN;
        if (boot_volume(d->job->parts, &d->boot, d->volume, e) < 0 ||
            (d->boot.boot != BOOT_EFI &&
             parts_boot_file(d->job->parts, gpt ? "gptmbr.bin" : "mbr.bin", &code, e) < 0))
                return -1;
        Partition partitions[] = {
                { .data = d->volume,
                  .type = GPT_ESP,
                  .name = "EFI System",
                  .uuid = uuid_derive("boot partition", &d->id),
                  .attributes = d->boot.boot == BOOT_HYBRID ? GPT_LEGACY_BIOS_BOOTABLE : 0,
                  .mbr_type = MBR_FAT32_LBA,
                  .active = true },
                { .data = d->root,
                  .type = str_eq(d->job->arch, "arm64") ? arm : amd,
                  .name = "linuxkit root",
                  .uuid = uuid_derive("root partition", &d->id),
                  .attributes = GPT_READ_ONLY,
                  .mbr_type = MBR_LINUX },
        };
        DiskLayout layout = { .gpt = gpt,
                              .guid = uuid_derive("disk", &d->id),
                              .signature = gpt ? 0 : parts_signature(&d->id),
                              .boot_code = code.size ? &code : NULL,
                              .partitions = partitions,
                              .n = d->root ? 2 : 1 };
        uint64_t unit = (uint64_t)MAX(d->format->unit, 1u) << MIB_SHIFT;
        uint64_t least = (uint64_t)d->format->size << MIB_SHIFT, size = d->job->size;
        if (!size)
                size = MAX(least, disk_size_needed(&layout));
        layout.size = (size + unit - 1) / unit * unit;
        return disk_image(&layout, d->all, e);
}

/* --- wrapping ------------------------------------------------------------------------------- */

static int wrap_ova(Disk *d, Sink *out, Progress *p, Err *e) {
        Spool spool;
        _cleanup_free_ char *dir = path_dir(d->job->prefix);
        _cleanup_extents_ Extents *vmdk = extents_new();
        if (spool_open(dir, &spool, e) < 0)
                return -1;
        Sink *s = spool_sink(&spool);
        int r = vmdk_write(d->all, parts_signature(&d->id), s, p, e);
        sink_free(s);
        spool_seal(&spool);
        Content all = spool_since(&spool, 0);
        extents_add(vmdk, &all);
        OvaOptions o = { .name = path_base(d->job->prefix),
                         .vmdk = vmdk,
                         .digest = &spool.blob.id,
                         .capacity = extents_size(d->all),
                         .efi = d->boot.boot == BOOT_EFI,
                         .cpus = 1,
                         .memory = 1024,
                         .mtime = d->job->mtime };
        if (r == 0)
                r = ova_write(&o, out, e);
        spool_done(&spool);
        return r;
}

static int wrap(Disk *d, Sink *out, Progress *p, Err *e) {
        VhdOptions vhd = { .dynamic = d->format->wrap == WRAP_DYNAMIC_VHD,
                           .uuid = uuid_derive("vhd", &d->id),
                           .time = d->job->mtime };
        switch (d->format->wrap) {
        case WRAP_QCOW2:
                return qcow2_write(d->all, out, p, e);
        case WRAP_VHD:
        case WRAP_DYNAMIC_VHD:
                return vhd_write(d->all, &vhd, out, p, e);
        case WRAP_VMDK:
                return vmdk_write(d->all, parts_signature(&d->id), out, p, e);
        case WRAP_OVA:
                return wrap_ova(d, out, p, e);
        case WRAP_GCP:
                return gcp_write(d->all, d->job->mtime, d->job->cache, out, p, e);
        case WRAP_NONE:
                break;
        }
        return extents_write(d->all, out, p, e);
}

int write_disk(FormatJob *job, const Format *f, Err *e) {
        __attribute__((cleanup(disk_done))) Disk d = { .job = job, .format = f };
        Sink *out = NULL;
        if (gather(&d, e) < 0 || lay_out(&d, e) < 0 || job_open(job, f->files[0], &out, e) < 0)
                return err_wrap(e, "format %s", f->name);
        _cleanup_free_ char *what = xasprintf("write %s", f->name);
        Progress *p = progress_start(what, extents_size(d.all));
        int r = wrap(&d, out, p, e);
        progress_end(p);
        return r < 0 ? err_wrap(e, "format %s", f->name) : 0;
}
