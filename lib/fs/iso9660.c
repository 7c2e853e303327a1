/* iso9660.c - see iso9660.h: checks the options, gives everything its block, writes it down.
 *
 * Order in the image: system area, descriptors, path tables and directories of each set, boot
 * catalogue and file data, the ESP, the second GPT.  All sizes are known before the first byte. */
#include "lib/fs/iso9660_internal.h"

enum {
        /* CD drives read ahead; without this the last file of a real disc cannot be read. */
        TRAILING_BLOCKS = 150,
        /* 1 MiB: alignment of partitions, and a cylinder of 64 heads and 32 sectors */
        DISK_BLOCKS = (1 << 20) / ISO_BLOCK,
        HYBRID_CODE = 432,
        VOLUME_ID = 32,
        /* the parent's number in a path table has 16 bits */
        DIRECTORIES_MAX = UINT16_MAX,
};

static uint64_t aligned(uint64_t blocks) {
        return (blocks + DISK_BLOCKS - 1) / DISK_BLOCKS * DISK_BLOCKS;
}

static int check_options(const IsoOptions *o, Err *e) {
        size_t n = strlen(o->volume_id);
        if (n > VOLUME_ID)
                return err_set(e, ERR_SPEC, 0, "volume id \"%s\" is longer than %d bytes",
                               o->volume_id, VOLUME_ID);
        for (size_t i = 0; i < n; i++)
                if (o->volume_id[i] < ' ' || o->volume_id[i] > '~')
                        return err_set(e, ERR_SPEC, 0, "volume id is not plain ASCII");
        if (o->efi_image && !extents_size(o->efi_image))
                return err_set(e, ERR_INTERNAL, 0, "an EFI boot image without content");
        if (!o->hybrid_mbr)
                return 0;
        if (!o->bios_image)
                return err_set(e, ERR_INTERNAL, 0, "isohybrid code without a BIOS boot image");
        if (o->hybrid_mbr->size != HYBRID_CODE || !o->hybrid_mbr->bytes)
                return err_set(e, ERR_VERIFY, 0, "isohybrid code has %llu bytes: %d expected",
                               (unsigned long long)o->hybrid_mbr->size, HYBRID_CODE);
        return 0;
}

/* --- planning ---------------------------------------------------------------------------- */

static size_t n_views(const IsoPlan *p) {
        return p->o->joliet ? ISO_VIEWS : 1;
}

static int measure(IsoPlan *p, Err *e) {
        if (p->n_dirs > DIRECTORIES_MAX)
                return err_set(e, ERR_SPEC, 0, "%zu directories: ISO 9660 numbers at most %d",
                               p->n_dirs, DIRECTORIES_MAX);
        for (size_t i = 0; i < p->n_dirs; i++)
                iso_names_assign(p, p->directories[i]);
        for (size_t v = 0; v < n_views(p); v++) {
                iso_directories_order(p, (IsoView)v);
                p->table_size[v] = iso_path_table_size(p, (IsoView)v);
                for (size_t i = 0; i < p->n_dirs; i++) {
                        IsoNode *n = p->dirs[v][i];
                        iso_directory_measure(p, (IsoView)v, n);
                        if (n->dir[v].size > UINT32_MAX)
                                return err_set(e, ERR_SPEC, 0,
                                               "directory %s is too large for "
                                               "ISO 9660",
                                               n->name);
                }
        }
        return 0;
}

static void place_structures(IsoPlan *p) {
        p->n_sets = p->o->efi_image ? 2 : 1;
        uint64_t at = ISO_DESCRIPTORS + (p->n_sets - 1) * ISO_PARTITION;
        at += iso_descriptors(p, p->n_sets - 1);
        p->structures = at;
        for (size_t v = 0; v < n_views(p); v++) {
                p->tables[v] = at;
                at += 2 * iso_blocks(p->table_size[v]);
        }
        for (size_t v = 0; v < n_views(p); v++)
                for (size_t i = 0; i < p->n_dirs; i++) {
                        IsoDirectory *d = &p->dirs[v][i]->dir[v];
                        d->block = at;
                        at += iso_blocks(d->size);
                        d->more_block = at;
                        at += iso_blocks(d->more_size);
                }
        p->n_structures = at - p->structures;
}

static int place(IsoPlan *p, Err *e) {
        place_structures(p);
        uint64_t at = p->structures + p->n_sets * p->n_structures;
        for (size_t i = 0; i < p->n_files; i++) {
                p->files[i]->block = at;
                at += iso_blocks(iso_file_size(p->files[i]));
                if (at > UINT32_MAX)
                        break;
        }
        p->iso_end = p->total = at + TRAILING_BLOCKS;
        if (p->o->efi_image) {
                p->esp_block = p->iso_end = aligned(p->iso_end);
                at = p->esp_block + aligned(iso_blocks(extents_size(p->o->efi_image)));
                p->total = aligned(at + iso_blocks(ISO_GPT_TAIL));
        } else if (p->o->hybrid_mbr) {
                p->total = aligned(p->iso_end);
        }
        if (p->total > UINT32_MAX)
                return err_set(e, ERR_SPEC, 0, "the tree is too large for ISO 9660: 8 TiB at most");
        return 0;
}

/* --- writing ----------------------------------------------------------------------------- */

static uint8_t *add_blocks(const IsoPlan *p, Extents *out, uint64_t n) {
        uint8_t *b = arena_alloc(p->kept, (size_t)(n * ISO_BLOCK));
        Content c = content_bytes(b, n * ISO_BLOCK);
        extents_add(out, &c);
        return b;
}

static void write_structures(const IsoPlan *p, size_t set, Extents *out) {
        uint8_t *at = add_blocks(p, out, p->n_structures);
        for (size_t v = 0; v < n_views(p); v++) {
                iso_path_tables_write(p, (IsoView)v, set, at);
                for (size_t i = 0; i < p->n_dirs; i++)
                        iso_directory_write(p, (IsoView)v, set, p->dirs[v][i], at);
        }
}

static void write_image(const IsoPlan *p, Extents *out) {
        uint64_t base = extents_size(out);
        iso_system_area_write(p, add_blocks(p, out, ISO_DESCRIPTORS));
        for (size_t set = 0; set < p->n_sets; set++) {
                uint64_t at = base + (ISO_DESCRIPTORS + set * ISO_PARTITION) * ISO_BLOCK;
                extents_zero(out, at - extents_size(out));
                iso_descriptors_write(p, set, add_blocks(p, out, iso_descriptors(p, set)));
        }
        for (size_t set = 0; set < p->n_sets; set++)
                write_structures(p, set, out);
        if (p->catalog)
                iso_catalog_write(p);
        if (p->bios)
                iso_boot_patch(p);
        for (size_t i = 0; i < p->n_files; i++) {
                extents_zero(out, base + p->files[i]->block * ISO_BLOCK - extents_size(out));
                if (p->files[i]->data)
                        extents_append(out, p->files[i]->data);
                else
                        extents_add(out, &p->files[i]->content);
        }
        uint64_t end = base + p->total * ISO_BLOCK;
        if (p->o->efi_image) {
                extents_zero(out, base + p->esp_block * ISO_BLOCK - extents_size(out));
                extents_append(out, p->o->efi_image);
                extents_zero(out, end - ISO_GPT_TAIL - extents_size(out));
                uint8_t *tail = arena_alloc(p->kept, ISO_GPT_TAIL);
                iso_gpt_tail_write(p, tail);
                Content c = content_bytes(tail, ISO_GPT_TAIL);
                extents_add(out, &c);
        }
        extents_zero(out, end - extents_size(out));
}

static void plan_done(IsoPlan *p) {
        inodes_free(p->inodes);
        free(p->files);
        free(p->directories);
        arena_free(p->arena);
}

int iso9660_image(const Tree *t, const IsoOptions *o, Extents *out, Err *e) {
        if (check_options(o, e) < 0)
                return -1;
        _cleanup_(plan_done) IsoPlan p = { .o = o, .arena = arena_new() };
        p.kept = extents_arena(out);
        if (iso_tree_build(&p, t, e) < 0 || (p.catalog && iso_boot_load(&p, e) < 0) ||
            measure(&p, e) < 0 || place(&p, e) < 0)
                return -1;
        write_image(&p, out);
        return 0;
}
