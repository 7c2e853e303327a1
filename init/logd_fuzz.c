/* logd_fuzz.c - any bytes as what the log daemon gets from outside: memory of a ring that another
 * process left, kernel records, lines of a stream, and as what its readers get from it. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "init/logjson.h"
#include "init/logkmsg.h"
#include "init/logstreams.h"
#include "lib/base/json.h"
#include "lib/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is in the ring is valid JSON, one line each. */
static void read_all(LogRing *r) {
        LogCursor c = logring_begin(r);
        LogEntry e;
        uint64_t lost;
        for (int i = 0; i < 100 && logring_next(r, &c, &e, &lost); i++) {
                _cleanup_buf_ Buf b = { 0 };
                logjson_add(&b, &e);
                _cleanup_json_ json_t *o = json_loads(b.data, JSON_ALLOW_NUL, NULL);
                if (!o || lost || memchr(b.data, '\n', b.len) != b.data + b.len - 1)
                        abort();
        }
}

static void damaged_ring(const uint8_t *data, size_t size) {
        _cleanup_fd_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
        static const uint64_t head[2] = { 0x31676f6c6b6c, LOGRING_BYTES_MIN };
        LogRing *r;
        if (pwrite(fd, head, sizeof head, 0) < 0 || pwrite(fd, data, size, sizeof head) < 0 ||
            logring_open(fd, LOGRING_BYTES_MIN, 100, &r, NULL) < 0)
                abort();
        read_all(r);
        logring_append(r, 1, "s", 1, "m", 1);
        read_all(r);
        logring_free(r);
}

static void stream(const uint8_t *data, size_t size) {
        _cleanup_fd_ int epoll = epoll_create1(EPOLL_CLOEXEC);
        LogRing *r;
        int ends[2];
        if (pipe2(ends, O_NONBLOCK) < 0 || write(ends[1], data, size) < 0 ||
            logring_open(-1, LOGRING_BYTES_MIN, 100, &r, NULL) < 0)
                abort();
        close(ends[1]);
        const LogStreamsConfig c = { .ring = r, .epoll = epoll, .line_max = 64, .rate = 20 };
        LogStreams *s = logstreams_new(&c);
        logstreams_add(s, ends[0], (const char *)data, MIN(size, (size_t)600));
        logstreams_tick(s, UINT64_MAX - 1);
        logstreams_free(s);
        read_all(r);
        logring_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        LogKmsg m;
        if (size == 0 || size > 32 << 10)
                return 0;
        if (logkmsg_parse((const char *)data, size, &m) &&
            (m.msg < (const char *)data || m.msg + m.len > (const char *)data + size))
                abort();
        damaged_ring(data, size);
        stream(data, size);
        return 0;
}
