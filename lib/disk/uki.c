/* uki.c - see uki.h.  Sections are appended to the stub at computed addresses; fixed ones, as old
 * recipes have them, overlap as soon as a kernel grows. */
#include "lib/disk/uki.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/disk/pe.h"

#include <string.h>

enum {
        STUB_LIMIT = 4 << 20,
        PAGE = 4096,
        MAX_SECTIONS = 6,
        NAME = 8,
        /* initialised data, readable (PE Format, "Section Flags") */
        READABLE_DATA = 0x40000040,
};
/* Where a kernel says what it is: boot protocol (Documentation/arch/x86/boot.rst) and the header of
 * arm64's Image (Documentation/arch/arm64/booting.rst). */
enum { AT_HDRS = 0x202, AT_ARM64_MAGIC = 0x38 };

typedef struct Section {
        const char *name;
        const Extents *data;
} Section;

static uint64_t round_up(uint64_t n, uint64_t align) {
        return (n + align - 1) / align * align;
}

static int check_kernel(const UkiParts *parts, Err *e) {
        bool arm = str_eq(parts->arch, "arm64");
        const char *magic = arm ? "ARM\x64" : "HdrS";
        uint64_t at = arm ? AT_ARM64_MAGIC : AT_HDRS;
        char got[4] = "";
        if (extents_size(parts->kernel) >= at + sizeof got &&
            extents_read(parts->kernel, at, got, sizeof got, e) < 0)
                return -1;
        if (memcmp(got, magic, sizeof got) == 0)
                return 0;
        return err_set(e, ERR_SPEC, 0, "the kernel is not %s for %s",
                       arm ? "an uncompressed Image" : "a bzImage", parts->arch);
}

static int load_stub(const UkiParts *parts, Extents *out, uint8_t **ret, Pe *pe, Err *e) {
        bool arm = str_eq(parts->arch, "arm64");
        if (parts->stub->size > STUB_LIMIT)
                return err_set(e, ERR_VERIFY, 0, "EFI stub: larger than %d bytes", STUB_LIMIT);
        size_t n = (size_t)parts->stub->size;
        uint8_t *p = arena_alloc(extents_arena(out), n + PE_HEADERS_LIMIT);
        if (content_read(parts->stub, 0, p, n, e) < 0 || pe_parse(p, n, n, "EFI stub", pe, e) < 0)
                return -1;
        if (pe->machine != (arm ? PE_MACHINE_ARM64 : PE_MACHINE_AMD64))
                return err_set(e, ERR_SPEC, 0, "the EFI stub is not for %s", parts->arch);
        *ret = p;
        return 0;
}

static void add_text(Extents *x, const char *text) {
        Content c = content_bytes(text, strlen(text));
        extents_add(x, &c);
}

/* Fills in the header of a new section behind the last one and appends its data. */
static void add_section(Pe *pe, uint8_t *head, const Section *s, uint64_t *address, uint64_t base,
                        Extents *out) {
        uint8_t *h = head + pe->sections + (size_t)pe->n_sections * PE_SECTION_HEADER;
        uint64_t size = extents_size(s->data), at = extents_size(out) - base;
        *address = round_up(*address, PAGE);
        memset(h, 0, PE_SECTION_HEADER);
        memcpy(h, s->name, strlen(s->name));
        le_put(h + 8, (uint32_t)size, 4);
        le_put(h + 12, (uint32_t)*address, 4);
        le_put(h + 16, (uint32_t)round_up(size, pe->file_alignment), 4);
        le_put(h + 20, (uint32_t)at, 4);
        le_put(h + 36, READABLE_DATA, 4);
        extents_append(out, s->data);
        extents_zero(out, round_up(size, pe->file_alignment) - size);
        *address += size;
        pe->n_sections++;
}

static int check_room(const Pe *pe, const Section *sections, size_t n, Err *e) {
        uint64_t total = round_up(pe->memory_end, PAGE) + pe->data_end;
        for (size_t i = 0; i < n; i++)
                total += round_up(extents_size(sections[i].data), PAGE);
        if (total > INT32_MAX)
                return err_set(e, ERR_SPEC, 0,
                               "kernel and initrd are larger than the 2 GiB that fit");
        if ((pe->headers_size - pe->sections) / PE_SECTION_HEADER - pe->n_sections < n)
                return err_set(e, ERR_VERIFY, 0, "EFI stub: no room for %zu more sections", n);
        return 0;
}

static int assemble(const UkiParts *parts, const Section *sections, size_t n, Extents *out,
                    Err *e) {
        uint8_t *head = NULL;
        Pe pe;
        if (load_stub(parts, out, &head, &pe, e) < 0 || check_room(&pe, sections, n, e) < 0)
                return -1;
        uint64_t base = extents_size(out), address = pe.memory_end;
        uint32_t start = (uint32_t)round_up(pe.data_end, pe.file_alignment), sum;
        /* what followed the sections was a symbol table, whose place is now theirs */
        memset(head + pe.data_end, 0, start - pe.data_end);
        le_put(head + pe.coff + 8, 0, 4);
        le_put(head + pe.coff + 12, 0, 4);
        Content stub = content_bytes(head, start);
        extents_add(out, &stub);
        for (size_t i = 0; i < n; i++)
                add_section(&pe, head, &sections[i], &address, base, out);
        le_put(head + pe.coff + 2, pe.n_sections, 2);
        le_put(head + pe.optional + 56, (uint32_t)round_up(address, pe.section_alignment), 4);
        le_put(head + pe.checksum, 0, 4);
        _cleanup_extents_ Extents *file = extents_new();
        extents_append_range(file, out, base, extents_size(out) - base);
        if (pe_checksum(file, &sum, e) < 0)
                return -1;
        le_put(head + pe.checksum, sum, 4);
        return 0;
}

int uki_image(const UkiParts *parts, Extents *out, Err *e) {
        _cleanup_extents_ Extents *osrel = extents_new(), *cmdline = extents_new(),
                                  *dtb = extents_new();
        Section sections[MAX_SECTIONS];
        size_t n = 0;
        if (check_kernel(parts, e) < 0)
                return -1;
        add_text(osrel, arena_strdup(extents_arena(out), parts->osrel));
        add_text(cmdline, arena_strdup(extents_arena(out), parts->cmdline));
        sections[n++] = (Section){ ".osrel", osrel };
        sections[n++] = (Section){ ".cmdline", cmdline };
        if (parts->dtb) {
                extents_add(dtb, parts->dtb);
                sections[n++] = (Section){ ".dtb", dtb };
        }
        sections[n++] = (Section){ ".linux", parts->kernel };
        if (parts->initrd)
                sections[n++] = (Section){ ".initrd", parts->initrd };
        return assemble(parts, sections, n, out, e);
}
