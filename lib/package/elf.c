/* elf.c - reads program headers and the dynamic section.  Every number comes from outside: offsets
 * are checked against the file, addresses against the load segments, counts against fixed ceilings.
 */
#include "lib/package/elf.h"

#include <elf.h>
#include <string.h>

#include "lib/base/str.h"

enum {
        MAX_SEGMENTS = 256,
        MAX_DYNAMIC = 4096, /* entries of the dynamic section */
        MAX_NEEDED = 512,
        MAX_STRING = 4096,
};

typedef struct Reader {
        const Content *c;
        Arena *arena;
        Elf64_Phdr *segments;
        size_t n_segments;
        uint64_t strtab, strsz; /* file offset, size */
        Err *e;
} Reader;

uint16_t elf_machine(const char *arch) {
        static const struct {
                const char *arch;
                uint16_t machine;
        } rows[] = { { "amd64", EM_X86_64 }, { "arm64", EM_AARCH64 }, { "riscv64", EM_RISCV } };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (str_eq(rows[i].arch, arch))
                        return rows[i].machine;
        return 0;
}

static bool range_ok(const Reader *r, uint64_t offset, uint64_t n) {
        return offset <= r->c->size && n <= r->c->size - offset;
}

static int bad(const Reader *r, const char *what) {
        return err_set(r->e, ERR_VERIFY, 0, "damaged ELF file: %s", what);
}

/* A NUL-terminated string at a file offset with at most n bytes. */
static int string_at(Reader *r, uint64_t offset, uint64_t n, const char **ret) {
        char buf[MAX_STRING + 1];

        if (!range_ok(r, offset, n))
                return bad(r, "string outside of the file");
        n = MIN(n, (uint64_t)MAX_STRING);
        if (content_read(r->c, offset, buf, n, r->e) < 0)
                return -1;

        size_t len = strnlen(buf, n);

        if (len == n)
                return bad(r, "string without an end");
        *ret = arena_strndup(r->arena, buf, len);
        return 0;
}

/* File offset of a virtual address, through the load segments. */
static int file_offset(const Reader *r, uint64_t address, uint64_t *ret) {
        for (size_t i = 0; i < r->n_segments; i++) {
                const Elf64_Phdr *s = &r->segments[i];

                if (s->p_type != PT_LOAD || address < s->p_vaddr ||
                    address - s->p_vaddr >= s->p_filesz)
                        continue;
                if (__builtin_add_overflow(s->p_offset, address - s->p_vaddr, ret))
                        break;
                return 0;
        }
        return bad(r, "address outside of the load segments");
}

static int read_segments(Reader *r, const Elf64_Ehdr *h) {
        if (h->e_phnum == 0)
                return 0;
        if (h->e_phnum > MAX_SEGMENTS || h->e_phentsize != sizeof(Elf64_Phdr))
                return bad(r, "program header table");

        uint64_t n = (uint64_t)h->e_phnum * sizeof(Elf64_Phdr);

        if (!range_ok(r, h->e_phoff, n))
                return bad(r, "program headers outside of the file");
        r->segments = arena_alloc(r->arena, n);
        if (content_read(r->c, h->e_phoff, r->segments, n, r->e) < 0)
                return -1;
        r->n_segments = h->e_phnum;
        return 0;
}

static int dynamic_string(Reader *r, uint64_t index, const char **ret) {
        if (index >= r->strsz)
                return bad(r, "index outside of the string table");
        return string_at(r, r->strtab + index, r->strsz - index, ret);
}

static int read_strtab(Reader *r, const Elf64_Dyn *d, size_t n) {
        uint64_t address = 0;

        for (size_t i = 0; i < n; i++) {
                if (d[i].d_tag == DT_STRTAB)
                        address = d[i].d_un.d_ptr;
                if (d[i].d_tag == DT_STRSZ)
                        r->strsz = d[i].d_un.d_val;
        }
        if (r->strsz == 0)
                return 0; /* dynamic_string refuses every index then */
        if (file_offset(r, address, &r->strtab) < 0)
                return -1;
        if (!range_ok(r, r->strtab, r->strsz))
                return bad(r, "string table outside of the file");
        return 0;
}

static int read_dynamic(Reader *r, const Elf64_Phdr *s, Elf *ret) {
        size_t n = s->p_filesz / sizeof(Elf64_Dyn);
        uint64_t bytes = n * sizeof(Elf64_Dyn);

        if (n > MAX_DYNAMIC || !range_ok(r, s->p_offset, bytes))
                return bad(r, "dynamic section");

        Elf64_Dyn *d = arena_alloc(r->arena, bytes + 1);

        if (content_read(r->c, s->p_offset, d, bytes, r->e) < 0)
                return -1;
        for (size_t i = 0; i < n; i++)
                if (d[i].d_tag == DT_NULL)
                        n = i;
        if (read_strtab(r, d, n) < 0)
                return -1;

        ret->needed = arena_alloc(r->arena, (MIN(n, (size_t)MAX_NEEDED) + 1) * sizeof(char *));
        for (size_t i = 0; i < n; i++) {
                const char **slot = NULL;

                if (d[i].d_tag == DT_NEEDED) {
                        if (ret->n_needed == MAX_NEEDED)
                                return bad(r, "too many needed libraries");
                        slot = &ret->needed[ret->n_needed++];
                } else if (d[i].d_tag == DT_RPATH) {
                        slot = &ret->rpath;
                } else if (d[i].d_tag == DT_RUNPATH) {
                        slot = &ret->runpath;
                }
                if (slot && dynamic_string(r, d[i].d_un.d_val, slot) < 0)
                        return -1;
        }
        return 0;
}

int elf_read(const Content *c, Arena *arena, Elf *ret, Err *e) {
        Reader r = { .c = c, .arena = arena, .e = e };
        Elf64_Ehdr h;

        *ret = (Elf){ 0 };
        if (c->size < sizeof(h))
                return 0;
        if (content_read(c, 0, &h, sizeof(h), e) < 0)
                return -1;
        if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 ||
            h.e_ident[EI_DATA] != ELFDATA2LSB)
                return 0;
        ret->machine = h.e_machine;
        if (h.e_type != ET_EXEC && h.e_type != ET_DYN)
                return 1; /* kernel modules, object files */
        if (read_segments(&r, &h) < 0)
                return -1;

        for (size_t i = 0; i < r.n_segments; i++) {
                const Elf64_Phdr *s = &r.segments[i];

                if (s->p_type == PT_INTERP &&
                    string_at(&r, s->p_offset, s->p_filesz, &ret->interp) < 0)
                        return -1;
                if (s->p_type == PT_DYNAMIC && !ret->needed && read_dynamic(&r, s, ret) < 0)
                        return -1;
        }
        return 1;
}
