/* diskformat.c - see diskformat.h. */
#include "lib/platform/diskformat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

typedef struct DiskKind {
        const char *format, *suffix, *magic;
        size_t at;
        bool also_last; /* a fixed VHD has its only header in the last sector */
} DiskKind;

enum { HEAD_SIZE = 512 };

static const DiskKind kinds[] = {
        { "qcow2", ".qcow2", "QFI\xfb", 0, false },
        { "vmdk", ".vmdk", "KDMV", 0, false },
        { "vmdk", ".vmdk", "# Disk DescriptorFile", 0, false },
        { "vhdx", ".vhdx", "vhdxfile", 0, false },
        { "vpc", ".vhd", "conectix", 0, true },
        { "vdi", ".vdi", "\x7f\x10\xda\xbe", 64, false },
};

static bool has_magic(const DiskKind *k, const char *head, size_t n) {
        size_t len = strlen(k->magic);
        return k->at + len <= n && memcmp(head + k->at, k->magic, len) == 0;
}

int disk_format(const char *path, const char **ret, Err *e) {
        char head[HEAD_SIZE], last[HEAD_SIZE];
        struct stat st;
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
        int64_t n = fd_pread(fd, head, sizeof(head), 0, path, e), n_last = 0;
        if (n >= 0 && st.st_size >= HEAD_SIZE)
                n_last =
                        fd_pread(fd, last, sizeof(last), (uint64_t)st.st_size - HEAD_SIZE, path, e);
        if (n < 0 || n_last < 0)
                return -1;

        const char *want = "raw", *found = "raw";
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                if (str_has_suffix(path, kinds[i].suffix))
                        want = kinds[i].format;
                if (has_magic(&kinds[i], head, (size_t)n))
                        found = kinds[i].format;
        }
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (kinds[i].also_last && str_eq(want, kinds[i].format) &&
                    has_magic(&kinds[i], last, (size_t)n_last))
                        found = want;
        if (!str_eq(want, found)) {
                err_set(e, ERR_VERIFY, 0, "%s: its name says %s, its content %s", path, want,
                        found);
                return err_hint(e, "give it a name that ends in .%s",
                                str_eq(found, "vpc") ? "vhd" : found);
        }
        *ret = want;
        return 0;
}
