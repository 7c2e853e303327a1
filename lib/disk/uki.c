/* uki.c - see uki.h.  Sections are appended to the stub at computed addresses; fixed ones, as old
 * recipes have them, overlap as soon as a kernel grows. */
#include "lib/base/bytes.h"
#include "lib/disk/uki.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/disk/pe.h"

#include <string.h>

enum {
        STUB_LIMIT = 4 << 20,
        PAGE = 4096,
        MAX_STEP = 1 << 20,
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
        uint64_t *ret_at; /* where its data starts; may be NULL */
} Section;

static uint64_t round_up(uint64_t n, uint64_t align) {
        return (n + align - 1) / align * align;
}

int uki_check_kernel(const Extents *kernel, const char *arch, Err *e) {
        bool arm = str_eq(arch, "arm64");
        const char *magic = arm ? "ARM\x64" : "HdrS";
        uint64_t at = arm ? AT_ARM64_MAGIC : AT_HDRS;
        char got[4] = "";
        if (extents_size(kernel) >= at + sizeof got &&
            extents_read(kernel, at, got, sizeof got, e) < 0)
                return -1;
        if (memcmp(got, magic, sizeof got) == 0)
                return 0;
        return err_set(e, ERR_SPEC, 0, "the kernel is not %s for %s",
                       arm ? "an uncompressed Image" : "a bzImage", arch);
}

static int load_stub(const UkiParts *parts, Extents *out, uint8_t **ret, Pe *pe, Err *e) {
        bool arm = str_eq(parts->arch, "arm64");
        if (parts->stub->size > STUB_LIMIT)
                return err_set(e, ERR_VERIFY, 0, "EFI stub: larger than %d bytes", STUB_LIMIT);
        size_t n = (size_t)parts->stub->size;
        uint8_t *p = arena_alloc(extents_arena(out), n + MAX_STEP);
        if (content_read(parts->stub, 0, p, n, e) < 0 || pe_parse(p, n, n, "EFI stub", pe, e) < 0)
                return -1;
        if (pe->machine != (arm ? PE_MACHINE_ARM64 : PE_MACHINE_AMD64))
                return err_set(e, ERR_SPEC, 0, "the EFI stub is not for %s", parts->arch);
        *ret = p;
        return 0;
}

/* The step in which data of sections starts and ends.  There are no gaps between sections: how a
 * signature counts those is not the same everywhere. */
static uint64_t data_step(const UkiParts *parts, const Pe *pe) {
        return MAX((uint64_t)parts->align, (uint64_t)pe->file_alignment);
}

/* The last section of the stub takes in the zeros up to `end`. */
static void stretch_last(const Pe *pe, uint8_t *head, uint32_t end) {
        for (size_t i = 0; i < pe->n_sections; i++) {
                uint8_t *h = head + pe->sections + i * PE_SECTION_HEADER;
                uint32_t size = get_le(h + 16, 4), at = get_le(h + 20, 4);
                if (size && at + size == pe->data_end) {
                        put_le(h + 16, end - at, 4);
                        return;
                }
        }
}

/* Fills in the header of a new section behind the last one and appends its data. */
static void add_section(Pe *pe, uint8_t *head, const Section *s, uint64_t step, uint64_t *address,
                        uint64_t base, Extents *out) {
        uint8_t *h = head + pe->sections + (size_t)pe->n_sections * PE_SECTION_HEADER;
        uint64_t size = extents_size(s->data), at = extents_size(out) - base;
        *address = round_up(*address, PAGE);
        memset(h, 0, PE_SECTION_HEADER);
        memcpy(h, s->name, strlen(s->name));
        put_le(h + 8, (uint32_t)size, 4);
        put_le(h + 12, (uint32_t)*address, 4);
        put_le(h + 16, (uint32_t)round_up(size, step), 4);
        put_le(h + 20, (uint32_t)at, 4);
        put_le(h + 36, READABLE_DATA, 4);
        extents_append(out, s->data);
        extents_zero(out, round_up(size, step) - size);
        if (s->ret_at)
                *s->ret_at = at;
        *address += size;
        pe->n_sections++;
}

static int check_room(const Pe *pe, const Section *sections, size_t n, uint64_t step, Err *e) {
        uint64_t total = round_up(pe->memory_end, PAGE) + round_up(pe->data_end, step);
        for (size_t i = 0; i < n; i++)
                total += round_up(extents_size(sections[i].data), MAX((uint64_t)PAGE, step));
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
        if (load_stub(parts, out, &head, &pe, e) < 0)
                return -1;
        uint64_t step = data_step(parts, &pe);
        if (check_room(&pe, sections, n, step, e) < 0)
                return -1;
        uint64_t base = extents_size(out), address = pe.memory_end;
        uint32_t start = (uint32_t)round_up(pe.data_end, step), sum;
        /* what followed the sections was a symbol table, whose place is now theirs */
        memset(head + pe.data_end, 0, MIN(parts->stub->size, (uint64_t)start) - pe.data_end);
        stretch_last(&pe, head, start);
        put_le(head + pe.coff + 8, 0, 4);
        put_le(head + pe.coff + 12, 0, 4);
        Content stub = content_bytes(head, start);
        extents_add(out, &stub);
        for (size_t i = 0; i < n; i++)
                add_section(&pe, head, &sections[i], step, &address, base, out);
        put_le(head + pe.coff + 2, pe.n_sections, 2);
        put_le(head + pe.optional + 56, (uint32_t)round_up(address, pe.section_alignment), 4);
        put_le(head + pe.checksum, 0, 4);
        _cleanup_extents_ Extents *file = extents_new();
        extents_append_range(file, out, base, extents_size(out) - base);
        if (pe_checksum(file, &sum, e) < 0)
                return -1;
        put_le(head + pe.checksum, sum, 4);
        return 0;
}

static void add_text(Section *sections, size_t *n, const char *name, const char *text,
                     Extents *data, Extents *out) {
        if (str_is_empty(text))
                return;
        Content c = content_bytes(arena_strdup(extents_arena(out), text), strlen(text));
        extents_add(data, &c);
        sections[(*n)++] = (Section){ name, data, NULL };
}

int uki_image(const UkiParts *parts, Extents *out, UkiLayout *layout, Err *e) {
        _cleanup_extents_ Extents *osrel = extents_new(), *cmdline = extents_new(),
                                  *uname = extents_new(), *dtb = extents_new();
        Section sections[MAX_SECTIONS];
        size_t n = 0;
        UkiLayout places = { 0 };
        if ((parts->align & (parts->align - 1)) || parts->align > MAX_STEP)
                return err_set(e, ERR_INTERNAL, 0, "sections aligned to %u bytes", parts->align);
        if (uki_check_kernel(parts->kernel, parts->arch, e) < 0)
                return -1;
        add_text(sections, &n, ".osrel", parts->osrel, osrel, out);
        add_text(sections, &n, ".cmdline", parts->cmdline, cmdline, out);
        add_text(sections, &n, ".uname", parts->uname, uname, out);
        if (parts->dtb) {
                extents_add(dtb, parts->dtb);
                sections[n++] = (Section){ ".dtb", dtb, NULL };
        }
        sections[n++] = (Section){ ".linux", parts->kernel, &places.kernel_at };
        if (parts->initrd)
                sections[n++] = (Section){ ".initrd", parts->initrd, &places.initrd_at };
        if (assemble(parts, sections, n, out, e) < 0)
                return -1;
        if (layout)
                *layout = places;
        return 0;
}
