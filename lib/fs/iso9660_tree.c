/* iso9660_tree.c - the names of the image: inodes.h's view of the tree, with what ISO 9660 adds to
 * every name, and the list of the bytes to store.
 *
 * Files with equal bytes share one place in the image, except the BIOS boot file: the image's copy
 * of that one gets patched. */
#include "lib/fs/iso9660_internal.h"

static const char CATALOG[] = "boot.cat";

/* --- names ------------------------------------------------------------------------------- */

static IsoNode *new_node(IsoPlan *p, IsoNode *parent, const char *name, const Inode *inode) {
        IsoNode *n = arena_alloc(p->arena, sizeof *n);
        n->name = name;
        n->inode = inode;
        n->parent = parent ? parent : n;
        if (inode_is_dir(inode)) {
                n->dir = arena_alloc(p->arena, ISO_VIEWS * sizeof *n->dir);
                *vec_push(p->directories, p->n_dirs, p->cap_dirs) = n;
        }
        return n;
}

static void add_children(IsoPlan *p, IsoNode *dir) {
        const Inode *i = dir->inode;
        /* room for the boot catalogue too */
        dir->children = arena_alloc(p->arena, (i->n_children + 1) * sizeof *dir->children);
        for (size_t k = 0; k < i->n_children; k++) {
                const Dirent *d = &i->children[k];
                dir->children[dir->n_children++] = new_node(p, dir, d->name, d->inode);
        }
}

/* --- boot files -------------------------------------------------------------------------- */

static IsoNode *child(const IsoNode *dir, const char *name, size_t n) {
        for (size_t i = 0; i < dir->n_children; i++)
                if (strncmp(dir->children[i]->name, name, n) == 0 && !dir->children[i]->name[n])
                        return dir->children[i];
        return NULL;
}

static IsoNode *find(const IsoPlan *p, const char *path) {
        IsoNode *at = p->root;
        for (size_t n; at && (path += strspn(path, "/"), n = strcspn(path, "/")); path += n)
                at = child(at, path, n);
        return at;
}

static int compare_names(const void *a, const void *b) {
        return strcmp((*(IsoNode *const *)a)->name, (*(IsoNode *const *)b)->name);
}

/* The catalogue as a file that is not in the tree. */
static int name_catalog(IsoPlan *p, IsoNode *dir, Err *e) {
        if (child(dir, CATALOG, strlen(CATALOG)))
                return err_set(e, ERR_SPEC, 0, "\"%s\" beside %s is where the boot catalogue goes",
                               CATALOG, p->o->bios_image);
        Inode *i = arena_alloc(p->arena, sizeof *i);
        i->entry = (Entry){ .name = CATALOG, .type = ENTRY_FILE, .mode = 0444 };
        i->entry.mtime = p->o->mtime;
        i->number = (uint32_t)p->inodes->n + 1;
        i->links = 1;
        IsoNode *n = new_node(p, dir, CATALOG, i);
        n->file = p->catalog;
        dir->children[dir->n_children++] = n;
        qsort(dir->children, dir->n_children, sizeof(IsoNode *), compare_names);
        return 0;
}

static IsoFile *list_file(IsoPlan *p, const Content *c) {
        IsoFile *f = arena_alloc(p->arena, sizeof *f);
        f->content = *c;
        return *vec_push(p->files, p->n_files, p->cap_files) = f;
}

static int add_boot_files(IsoPlan *p, const Inode **bios, Err *e) {
        if (!p->o->bios_image && !p->o->efi_image)
                return 0;
        p->catalog = list_file(p, &(Content){ 0 });
        if (!p->o->bios_image)
                return 0;
        IsoNode *n = find(p, p->o->bios_image);
        if (!n || n->inode->entry.type != ENTRY_FILE)
                return err_set(e, ERR_NOT_FOUND, 0, "boot image %s is not in the tree",
                               p->o->bios_image);
        *bios = n->inode;
        p->bios = list_file(p, &n->inode->entry.content);
        return name_catalog(p, n->parent, e);
}

static int add_data(IsoPlan *p, Err *e) {
        for (size_t i = 0; i < p->o->n_data; i++) {
                const IsoData *d = &p->o->data[i];
                IsoNode *n = find(p, d->path);
                if (!n || n->inode->entry.type != ENTRY_FILE)
                        return err_set(e, ERR_NOT_FOUND, 0, "%s is not in the tree", d->path);
                n->file = list_file(p, &(Content){ 0 });
                n->file->data = d->data;
        }
        return 0;
}

/* --- bytes ------------------------------------------------------------------------------- */

static void list_files(IsoPlan *p, const Inode *bios) {
        _cleanup_free_ IsoFile **known = xcalloc(p->inodes->n, sizeof *known);
        for (size_t i = 0; i < p->n_dirs; i++)
                for (size_t k = 0; k < p->directories[i]->n_children; k++) {
                        IsoNode *n = p->directories[i]->children[k];
                        if (n->file || n->inode->entry.type != ENTRY_FILE ||
                            !n->inode->entry.content.size)
                                continue;
                        if (n->inode == bios) {
                                n->file = p->bios;
                                continue;
                        }
                        const Inode *first = n->inode->original;
                        if (!known[first->number - 1])
                                known[first->number - 1] = list_file(p, &first->entry.content);
                        n->file = known[first->number - 1];
                }
}

int iso_tree_build(IsoPlan *p, const Tree *t, Err *e) {
        if (inodes_new(t, p->o->skip, p->o->mtime, &p->inodes, e) < 0 ||
            inodes_find_copies(p->inodes, e) < 0)
                return -1;
        p->root = new_node(p, NULL, "", p->inodes->all[0]);
        for (size_t i = 0; i < p->n_dirs; i++)
                add_children(p, p->directories[i]);
        const Inode *bios = NULL;
        if (add_boot_files(p, &bios, e) < 0 || add_data(p, e) < 0)
                return -1;
        list_files(p, bios);
        return 0;
}
