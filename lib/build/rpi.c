/* rpi.c - the Raspberry Pi 3 and 4 (formats.md 3.9): firmware, kernel, device trees and initramfs
 * on FAT, as a tar to unpack or as a whole card with the root file system behind it.
 *
 * The firmware starts the kernel itself, so there is no boot loader and no U-Boot. */
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/bootfiles.h"
#include "lib/build/parts.h"
#include "lib/build/writers.h"
#include "lib/disk/partition.h"
#include "lib/fs/fat.h"
#include "lib/fs/tar.h"

static const char config[] = "arm_64bit=1\nenable_uart=1\nupstream_kernel=1\nkernel=kernel8.img\n";
static const char config_initrd[] = "initramfs initrd.img followkernel\n";
static const char dtb_dir[] = "boot/dtb/broadcom/";

/* Everything on the FAT partition. */
typedef struct Card {
        FormatJob *job;
        Bootfiles *firmware;
        Extents *owner; /* of what is made here */
        FatFile *files;
        size_t n, cap;
        char *cmdline, *config;
        const Extents *root; /* NULL: in the initrd */
        Digest id;
} Card;

static void card_done(Card *c) {
        free(c->files);
        free(c->cmdline);
        free(c->config);
        extents_free(c->owner);
}

static void add_extents(Card *c, const char *path, const Extents *data) {
        *vec_push(c->files, c->n, c->cap) =
                (FatFile){ .path = arena_strdup(extents_arena(c->owner), path), .data = data };
}

static void add_content(Card *c, const char *path, const Content *content) {
        Extents *x = extents_new();
        extents_adopt(c->owner, x);
        extents_add(x, content);
        add_extents(c, path, x);
}

static bool has_file(const Card *c, const char *path) {
        for (size_t i = 0; i < c->n; i++)
                if (str_eq(c->files[i].path, path))
                        return true;
        return false;
}

/* A folder of the user's may be a copy of a whole boot partition, with a kernel and settings of its
 * own.  The licence has to go where the firmware goes. */
static int add_firmware(void *ctx, const char *name, const Content *content, Err *e) {
        (void)e;
        if (str_eq(name, "licences/raspi-firmware"))
                add_content(ctx, "LICENCE.broadcom", content);
        else if (str_eq(name, "bootcode.bin") || str_eq(name, "LICENCE.broadcom") ||
                 (!strchr(name, '/') &&
                  (str_has_suffix(name, ".elf") || str_has_suffix(name, ".dat"))))
                add_content(ctx, name, content);
        return 0;
}

static int add_all_firmware(Card *c, Err *e) {
        if (bootfiles_each(c->firmware, add_firmware, c, e) < 0)
                return err_wrap(e, "firmware");
        if (has_file(c, "start.elf") || has_file(c, "start4.elf"))
                return 0;
        err_set(e, ERR_NOT_FOUND, 0, "firmware: there is neither start.elf nor start4.elf");
        return err_hint(e, "LINUXKIT_RPI_FIRMWARE names an image or folder that has them");
}

/* "bcm2837-rpi-3-b.dtb" of boot/dtb/broadcom/bcm2837-rpi-3-b.dtb; NULL: not of a Pi.  Other chips
 * of that company have their device trees there, too. */
static const char *device_tree(const Entry *entry) {
        const char *name = entry->name + strlen(dtb_dir);
        if (entry->type != ENTRY_FILE || !str_has_prefix(entry->name, dtb_dir) ||
            !str_has_suffix(name, ".dtb") || strchr(name, '/'))
                return NULL;
        return str_has_prefix(name, "bcm27") || str_has_prefix(name, "bcm28") ? name : NULL;
}

static int add_device_trees(Card *c, Err *e) {
        size_t before = c->n;
        const Tree *t = c->job->tree;
        for (size_t i = tree_count(t); i-- > 0;) { /* the last one of a name wins */
                const Entry *entry = tree_entry(t, i);
                const char *name = device_tree(entry);
                if (name && !has_file(c, name))
                        add_content(c, name, &entry->content);
        }
        if (c->n > before)
                return 0;
        err_set(e, ERR_SPEC, 0, "the kernel has no device trees of a Raspberry Pi in %s", dtb_dir);
        return err_hint(e, "pkg/kernel-rpi is a kernel that has them");
}

static int gather(Card *c, const Format *f, Err *e) {
        Parts *p = c->job->parts;
        const Extents *kernel = NULL, *initrd = NULL;
        c->owner = extents_new();
        if (parts_bootable_kernel(p, &kernel, e) < 0 || parts_firmware(p, &c->firmware, e) < 0)
                return -1;
        if (parts_root(p, f->initrd, STUB_PARTITION, &initrd, &c->root, e) < 0 ||
            parts_id(p, kernel, initrd, c->root, &c->id, e) < 0)
                return -1;
        _cleanup_free_ char *root =
                c->root ? xasprintf("PARTUUID=%08x-02 rootwait", parts_signature(&c->id)) : NULL;
        _cleanup_free_ char *text = NULL;
        if (parts_cmdline_root(p, root, &text, e) < 0)
                return -1;
        c->cmdline = xasprintf("console=tty0 console=ttyS1,115200 %s\n", text);
        c->config = xasprintf("%s%s", config, initrd ? config_initrd : "");
        Content settings = content_bytes(c->config, strlen(c->config));
        Content cmdline = content_bytes(c->cmdline, strlen(c->cmdline));
        add_content(c, "config.txt", &settings);
        add_content(c, "cmdline.txt", &cmdline);
        add_extents(c, "kernel8.img", kernel);
        if (initrd)
                add_extents(c, "initrd.img", initrd);
        return add_all_firmware(c, e) < 0 ? -1 : add_device_trees(c, e);
}

/* --- a card --------------------------------------------------------------------------------- */

static int lay_out(Card *c, Extents *out, Err *e) {
        Extents *volume = extents_new();
        extents_adopt(out, volume);
        FatOptions o = { .label = "LINUXKIT",
                         .volume_id = parts_signature(&c->id),
                         .hidden_sectors = PARTITION_ALIGN / FAT_SECTOR,
                         .mtime = c->job->mtime,
                         .bits = 32 };
        if (fat_image(c->files, c->n, &o, volume, NULL, e) < 0)
                return -1;
        Partition partitions[] = {
                { .data = volume, .mbr_type = MBR_FAT32_LBA, .active = true },
                { .data = c->root, .mbr_type = MBR_LINUX },
        };
        DiskLayout layout = { .signature = parts_signature(&c->id),
                              .partitions = partitions,
                              .n = c->root ? 2 : 1,
                              .size = c->job->size };
        return disk_image(&layout, out, e);
}

int write_rpi(FormatJob *job, const Format *f, Err *e) {
        __attribute__((cleanup(card_done))) Card c = { .job = job };
        _cleanup_extents_ Extents *all = extents_new();
        if (gather(&c, f, e) < 0 || lay_out(&c, all, e) < 0 ||
            job_write(job, f->files[0], all, e) < 0)
                return err_wrap(e, "format %s", f->name);
        return 0;
}

/* --- a tar ---------------------------------------------------------------------------------- */

static int compare_files(const void *a, const void *b) {
        return strcmp(((const FatFile *)a)->path, ((const FatFile *)b)->path);
}

static int write_files(Card *c, Sink *out, Err *e) {
        qsort(c->files, c->n, sizeof *c->files, compare_files);
        for (size_t i = 0; i < c->n; i++) {
                _cleanup_free_ char *name = xasprintf("./%s", c->files[i].path);
                Entry entry = {
                        .name = name, .type = ENTRY_FILE, .mode = 0644, .mtime = c->job->mtime
                };
                if (tar_write_stream(out, &entry, extents_size(c->files[i].data), e) < 0 ||
                    extents_write(c->files[i].data, out, NULL, e) < 0 || sink_pad(out, 512, e) < 0)
                        return -1;
        }
        return tar_write_end(out, e);
}

int write_rpi3(FormatJob *job, const Format *f, Err *e) {
        __attribute__((cleanup(card_done))) Card c = { .job = job };
        Sink *out = NULL;
        if (gather(&c, f, e) < 0 || job_open(job, f->files[0], &out, e) < 0 ||
            write_files(&c, out, e) < 0)
                return err_wrap(e, "format %s", f->name);
        return 0;
}
