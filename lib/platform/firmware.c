/* firmware.c - see firmware.h. */
#include "lib/platform/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { FIRMWARE_MAX = 256 << 20 };

typedef struct Place {
        const char *machine;
        Firmware files;
} Place;

static const Place places[] = {
        { "x86_64", { "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" } },
        { "x86_64", { "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" } },
        { "x86_64",
          { "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd" } },
        { "x86_64", { "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" } },
        { "x86_64",
          { "/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin" } },
        { "x86_64", { "/usr/share/ovmf/bios.bin", NULL } },
        { "x86_64", { "/usr/share/ovmf/OVMF.fd", NULL } },
        { "aarch64", { "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd" } },
        { "aarch64",
          { "/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw",
            "/usr/share/edk2/aarch64/vars-template-pflash.raw" } },
        { "riscv64",
          { "/usr/share/qemu-efi-riscv64/RISCV_VIRT_CODE.fd",
            "/usr/share/qemu-efi-riscv64/RISCV_VIRT_VARS.fd" } },
};

/* Debian's package; NULL: there is none. */
static const char *package_of(const char *machine) {
        static const char *const packages[][2] = { { "x86_64", "ovmf" },
                                                   { "aarch64", "qemu-efi-aarch64" },
                                                   { "riscv64", "qemu-efi-riscv64" } };
        for (size_t i = 0; i < ARRAY_LEN(packages); i++)
                if (str_eq(packages[i][0], machine))
                        return packages[i][1];
        return NULL;
}

int firmware_find(const char *machine, Firmware *ret, Err *e) {
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                const Firmware *f = &places[i].files;
                if (!str_eq(places[i].machine, machine) || !file_exists(f->code) ||
                    (f->vars && !file_exists(f->vars)))
                        continue;
                *ret = *f;
                return 0;
        }
        const char *package = package_of(machine);
        err_set(e, ERR_NOT_FOUND, 0, "no UEFI firmware found for %s", machine);
        return package ? err_hint(e, "apt-get install %s, or name a file with --fw", package) : -1;
}

static bool is_empty(const char *p, size_t n) {
        return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static int copy_blocks(int in, const char *from, Sink *out, Err *e) {
        enum { BLOCK = 64 << 10 };
        _cleanup_free_ char *block = xmalloc(BLOCK);
        for (uint64_t at = 0; at < FIRMWARE_MAX;) {
                int64_t n = fd_pread(in, block, BLOCK, at, from, e);
                if (n <= 0)
                        return (int)n;
                int r = is_empty(block, (size_t)n) ? sink_zero(out, (uint64_t)n, e)
                                                   : sink_write(out, block, (size_t)n, e);
                if (r < 0)
                        return -1;
                at += (uint64_t)n;
        }
        return err_set(e, ERR_VERIFY, 0, "%s: larger than %d MiB", from, FIRMWARE_MAX >> 20);
}

int firmware_copy(const char *from, const char *to, Err *e) {
        _cleanup_sink_ Sink *out = NULL;
        _cleanup_fd_ int in = open(from, O_RDONLY | O_CLOEXEC);
        if (in < 0)
                return err_set(e, ERR_IO, errno, "%s", from);
        if (sink_file(to, 0644, &out, e) < 0 || copy_blocks(in, from, out, e) < 0)
                return -1;
        return sink_finish(out, e);
}
