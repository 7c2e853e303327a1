/* pvh.c - see pvh.h.  QEMU ends with an error when it is given an ELF file without the entry, so
 * that is looked for first.  What is unpacked this way stays where it was linked to: KASLR is done
 * by the decompressor that is left out. */
#include "lib/platform/pvh.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/rootfs/kernel_image.h"

enum {
        NOTE_PHYS32_ENTRY = 18, /* xen/include/public/elfnote.h */
        NOTES_MAX = 64 << 10,
        HEADERS_MAX = 64,
        KEY_MAX = 256,
};
#define KERNEL_MAX ((uint64_t)512 << 20)

static bool get(int fd, uint64_t at, void *p, size_t n) {
        return at < INT64_MAX - NOTES_MAX && fd_pread(fd, p, n, at, "kernel", NULL) == (int64_t)n;
}

/* Notes are a row of header, name and description, the latter two padded to 4. */
static bool notes_have_entry(const char *notes, size_t size) {
        for (size_t at = 0; size - at >= sizeof(Elf64_Nhdr);) {
                Elf64_Nhdr n;
                memcpy(&n, notes + at, sizeof n);
                uint64_t name = at + sizeof n, next = name + (((uint64_t)n.n_namesz + 3) & ~3ull) +
                                                      (((uint64_t)n.n_descsz + 3) & ~3ull);
                if (next > size)
                        return false;
                if (n.n_type == NOTE_PHYS32_ENTRY && n.n_namesz == 4 && n.n_descsz >= 4 &&
                    memcmp(notes + name, "Xen", 4) == 0)
                        return true;
                at = (size_t)next;
        }
        return false;
}

bool pvh_has_entry(const char *elf) {
        _cleanup_fd_ int fd = open(elf, O_RDONLY | O_CLOEXEC);
        Elf64_Ehdr h;
        if (fd < 0 || !get(fd, 0, &h, sizeof h) || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ||
            h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_machine != EM_X86_64 ||
            h.e_phentsize != sizeof(Elf64_Phdr))
                return false;
        for (unsigned i = 0; i < MIN(h.e_phnum, HEADERS_MAX); i++) {
                Elf64_Phdr p;
                if (h.e_phoff > KERNEL_MAX || !get(fd, h.e_phoff + i * sizeof p, &p, sizeof p))
                        return false;
                if (p.p_type != PT_NOTE || p.p_filesz > NOTES_MAX)
                        continue;
                _cleanup_free_ char *notes = xmalloc(p.p_filesz + 1);
                if (get(fd, p.p_offset, notes, p.p_filesz) && notes_have_entry(notes, p.p_filesz))
                        return true;
        }
        return false;
}

static int unpack(int fd, uint64_t size, const char *elf, Err *e) {
        Blob blob = { .fd = fd, .size = size };
        Content image = { .blob = &blob, .size = size }, payload;
        _cleanup_sink_ Sink *out = NULL;
        if (kernel_image_payload(&image, &payload, e) < 0 || sink_file(elf, 0644, &out, e) < 0 ||
            kernel_image_inflate(&payload, KERNEL_MAX, out, e) < 0)
                return -1;
        return sink_finish(out, e);
}

bool pvh_unpack(const char *kernel, const char *elf, const char *key) {
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_free_ char *old = NULL;
        struct stat st;
        _cleanup_fd_ int fd = open(kernel, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0)
                return false;
        /* no write to a file leaves its time of change as it was */
        _cleanup_free_ char *now =
                xasprintf("%llu %llu %llu %lld.%09ld\n", (unsigned long long)st.st_dev,
                          (unsigned long long)st.st_ino, (unsigned long long)st.st_size,
                          (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
        if (file_exists(key) && file_read(key, KEY_MAX, &old, NULL, &e) == 0 && str_eq(old, now))
                return file_exists(elf);
        unlink(key);
        unlink(elf);
        if (unpack(fd, (uint64_t)st.st_size, elf, &e) < 0) {
                log_debug("%s is started as it is: %s", kernel, e.text);
                if (e.kind == ERR_IO)
                        return false; /* no room, say: the next time may be better */
        } else if (!pvh_has_entry(elf)) {
                unlink(elf);
        }
        err_clear(&e);
        if (file_write(key, now, strlen(now), 0644, &e) < 0)
                log_debug("%s", e.text);
        return file_exists(elf);
}
