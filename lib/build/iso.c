/* iso.c - ISO 9660 images (formats.md 1.5, 2.2, 2.3).
 *
 * The bootable ones hold the root file system as one file, named after its content, which the small
 * initramfs finds on whatever medium the image was put; kernel+iso is the tree itself. */
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/bootvolume.h"
#include "lib/build/parts.h"
#include "lib/build/writers.h"
#include "lib/disk/partition.h"
#include "lib/disk/syslinux.h"
#include "lib/fs/iso9660.h"

enum { ID_DIGITS = 16 };

static const char volume_id[] = "LinuxKit";

/* One image while it is planned. */
typedef struct Iso {
        FormatJob *job;
        const Format *format;
        BootVolume boot;
        const Extents *root; /* NULL: in the initrd */
        char *root_path;     /* in the ISO, "linuxkit/ID.squashfs" */
        Digest id;
        Tree *tree;
        Buf config; /* isolinux.cfg */
        Extents *esp, *all;
} Iso;

static void iso_done(Iso *i) {
        free(i->boot.cmdline);
        free(i->root_path);
        tree_free(i->tree);
        buf_done(&i->config);
        extents_free(i->esp);
        extents_free(i->all);
}

static int gather(Iso *i, Err *e) {
        Parts *p = i->job->parts;
        _cleanup_free_ char *argument = NULL;
        i->boot = (BootVolume){ .boot = format_boot(i->format, i->job->arch),
                                .arch = i->job->arch,
                                .mtime = i->job->mtime };
        if (parts_bootable_kernel(p, &i->boot.kernel, e) < 0 ||
            parts_root(p, i->format->initrd, STUB_ISO, &i->boot.initrd, &i->root, e) < 0)
                return -1;
        if (i->root) {
                Digest root;
                if (extents_digest(i->root, &root, e) < 0)
                        return -1;
                i->root_path = xasprintf("linuxkit/%.*s.%s", ID_DIGITS, digest_hex(&root),
                                         root_name(parts_options(p)->root));
                argument = xasprintf("iso:/%s", i->root_path);
        }
        if (parts_cmdline_root(p, argument, &i->boot.cmdline, e) < 0 ||
            parts_id(p, i->boot.kernel, i->boot.initrd, i->root, &i->id, e) < 0)
                return -1;
        i->boot.volume_id = parts_signature(&i->id);
        return 0;
}

/* --- what is in it -------------------------------------------------------------------------- */

enum { MAX_FILES = 8 };

static void add_file(Iso *i, const char *name, Content content) {
        Entry file = { .name = name,
                       .type = ENTRY_FILE,
                       .mode = 0644,
                       .mtime = i->job->mtime,
                       .content = content };
        tree_add(i->tree, &file);
}

static int add_boot_file(Iso *i, const char *name, const char *path, Err *e) {
        Content content;
        if (parts_boot_file(i->job->parts, name, &content, e) < 0)
                return -1;
        add_file(i, path, content);
        return 0;
}

/* isolinux beside kernel and initrd in the tree. */
static int add_bios(Iso *i, Err *e) {
        static const char *const initrds[] = { "/boot/initrd.img" };
        SyslinuxBoot boot = { .kernel = "/boot/kernel",
                              .initrds = initrds,
                              .n_initrds = i->boot.initrd ? 1 : 0,
                              .cmdline = i->boot.cmdline };
        if (syslinux_config(&boot, &i->config, e) < 0 ||
            add_boot_file(i, "isolinux.bin", "isolinux/isolinux.bin", e) < 0 ||
            add_boot_file(i, "ldlinux.c32", "isolinux/ldlinux.c32", e) < 0)
                return -1;
        add_file(i, "isolinux/isolinux.cfg", content_bytes(i->config.data, i->config.len));
        return 0;
}

static size_t list_files(Iso *i, IsoData files[MAX_FILES]) {
        size_t n = 0;
        bool bios = i->boot.boot != BOOT_EFI;
        if (bios)
                files[n++] = (IsoData){ "boot/kernel", i->boot.kernel };
        if (bios && i->boot.initrd)
                files[n++] = (IsoData){ "boot/initrd.img", i->boot.initrd };
        if (i->root)
                files[n++] = (IsoData){ i->root_path, i->root };
        for (size_t k = 0; k < n; k++)
                add_file(i, files[k].path, (Content){ 0 });
        return n;
}

static int load_mbr(Iso *i, Content *ret, Err *e) {
        Content file;
        if (parts_boot_file(i->job->parts, "isohdpfx.bin", &file, e) < 0)
                return -1;
        if (file.size > SECTOR)
                return err_set(e, ERR_VERIFY, 0, "isohdpfx.bin: more than a sector");
        void *bytes = arena_alloc(extents_arena(i->all), SECTOR);
        *ret = content_bytes(bytes, file.size);
        return content_read(&file, 0, bytes, (size_t)file.size, e);
}

static int plan(Iso *i, Err *e) {
        bool bios = i->boot.boot != BOOT_EFI, efi = i->boot.boot != BOOT_BIOS;
        IsoData files[MAX_FILES];
        Content mbr = { 0 };
        i->tree = tree_new();
        i->all = extents_new();
        if (bios && (add_bios(i, e) < 0 || load_mbr(i, &mbr, e) < 0))
                return -1;
        if (efi) {
                BootVolume esp = i->boot;
                esp.boot = BOOT_EFI;
                i->esp = extents_new();
                if (boot_volume(i->job->parts, &esp, i->esp, e) < 0)
                        return -1;
        }
        IsoOptions o = { .volume_id = volume_id,
                         .mtime = i->job->mtime,
                         .joliet = true,
                         .data = files,
                         .n_data = list_files(i, files),
                         .bios_image = bios ? "isolinux/isolinux.bin" : NULL,
                         .hybrid_mbr = bios ? &mbr : NULL,
                         .mbr_signature = i->boot.volume_id,
                         .efi_image = i->esp,
                         .disk_guid = uuid_derive("disk", &i->id),
                         .iso_guid = uuid_derive("iso partition", &i->id),
                         .esp_guid = uuid_derive("boot partition", &i->id) };
        return iso9660_image(i->tree, &o, i->all, e);
}

int write_iso(FormatJob *job, const Format *f, Err *e) {
        __attribute__((cleanup(iso_done))) Iso i = { .job = job, .format = f };
        if (gather(&i, e) < 0 || plan(&i, e) < 0 || job_write(job, f->files[0], i.all, e) < 0)
                return err_wrap(e, "format %s", f->name);
        return 0;
}
