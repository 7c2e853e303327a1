/* deb_fuzz.c - any bytes as a Debian package. */
#include <stdint.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/package/deb.h"
#include "lib/rootfs/entrylist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const Deb *d) {
        for (size_t i = 0; i < deb_count(d); i++) {
                const Entry *entry = deb_entry(d, i);
                if (entry->name[0] == '/' || path_has_dotdot(entry->name) ||
                    entry->type == ENTRY_HARDLINK || entry->type == ENTRY_CHAR ||
                    entry->type == ENTRY_BLOCK || !deb_owns(d, entry))
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char path[] = "/dev/shm/deb-fuzz.XXXXXX";
        _cleanup_err_ Err e = ERR_INIT;
        _cleanup_fd_ int fd = mkstemp(path);
        Deb *d = NULL;
        if (fd < 0 || fd_write_all(fd, data, size, path, NULL) < 0)
                abort();
        if (deb_open(path, "/dev/shm", &d, &e) == 0)
                check(d);
        deb_free(d);
        unlink(path);
        return 0;
}
