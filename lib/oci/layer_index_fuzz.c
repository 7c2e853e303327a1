/* layer_index_fuzz.c - any bytes as a layer index: refused, or every entry of it can be used.
 *
 * The check sum in the header is put right first, so that what stands behind it is looked at. */
#include <stdint.h>
#include <zlib.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/oci/layer_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER_SIZE = 256, AT_CRC = 252 };

static uint64_t use_text(const char *s) {
        return s ? strlen(s) : 0;
}

static void use(const Index *x) {
        volatile uint64_t sum = 0;
        (void)sum; /* read so that every pointer is followed */
        Blob blob = { .fd = -1, .size = index_tar(x)->size };
        for (size_t i = 0; i < index_count(x); i++) {
                Entry e;
                index_entry(x, i, &blob, &e);
                sum += use_text(e.name) + use_text(e.link) + use_text(e.uname) + use_text(e.gname);
                for (size_t k = 0; k < e.n_pax; k++)
                        sum += use_text(e.pax[k].key) + e.pax[k].value[e.pax[k].value_len];
                if (e.content.offset > blob.size || e.content.size > blob.size - e.content.offset)
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char path[] = "/dev/shm/index-fuzz.XXXXXX";
        _cleanup_free_ uint8_t *copy = xmalloc(size + 1);
        Digest layer;
        if (size < HEADER_SIZE)
                return 0;
        memcpy(copy, data, size);
        /* the digest of the layer stands in the file (layer_index.c, H_LAYER) */
        if (!memchr(copy + 64, 0, sizeof layer.text) ||
            !digest_parse((const char *)copy + 64, &layer))
                return 0;
        uLong crc = crc32_z(crc32_z(0, copy, AT_CRC), copy + HEADER_SIZE, size - HEADER_SIZE);
        for (unsigned i = 0; i < 4; i++)
                copy[AT_CRC + i] = (uint8_t)(crc >> 8 * i);
        _cleanup_fd_ int fd = mkstemp(path);
        if (fd < 0 || fd_write_all(fd, copy, size, path, NULL) < 0)
                abort();
        Index *x = index_open(path, &layer);
        unlink(path);
        if (x)
                use(x);
        index_free(x);
        return 0;
}
