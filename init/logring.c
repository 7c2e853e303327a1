/* logring.c - see logring.h.  Positions only grow; their remainder by the size is the place in the
 * memory.  A line is there from the moment `head` passes it, so a writer that is killed at any
 * point leaves whole lines only. */
#include "init/logring.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/base/mem.h"

#define MAGIC       0x31676f6c6b6c /* "lklog1" */
#define HEADER_SIZE 4096

typedef struct Header {
        uint64_t magic, size;
        uint64_t tail, head; /* positions of the oldest line and behind the newest */
        uint64_t next_seq;
        uint64_t mark;
} Header;

typedef struct Record {
        uint64_t seq;
        int64_t time_ns;
        uint16_t source_len, msg_len;
} Record;

struct LogRing {
        Header *h;
        uint8_t *data;
        uint64_t size, max_lines, tail_seq;
        int fd; /* ours, or -1 */
        char scratch[LOGRING_SOURCE_MAX + LOGRING_LINE_MAX];
};

static void get(const LogRing *r, uint64_t pos, void *p, size_t n) {
        size_t at = pos % r->size, first = MIN(n, r->size - at);
        memcpy(p, r->data + at, first);
        memcpy((char *)p + first, r->data, n - first);
}

static void put(LogRing *r, uint64_t pos, const void *p, size_t n) {
        size_t at = pos % r->size, first = MIN(n, r->size - at);
        memcpy(r->data + at, p, first);
        memcpy(r->data, (const char *)p + first, n - first);
}

static uint64_t record_size(const Record *rec) {
        return sizeof *rec + rec->source_len + rec->msg_len;
}

/* Whether everything between tail and head is lines with ascending numbers. */
static bool is_whole(LogRing *r) {
        const Header *h = r->h;
        uint64_t seq = 0;
        if (h->magic != MAGIC || h->size != r->size || h->tail > h->head ||
            h->head - h->tail > r->size)
                return false;
        r->tail_seq = h->next_seq;
        for (uint64_t pos = h->tail; pos < h->head;) {
                Record rec;
                if (h->head - pos < sizeof rec)
                        return false;
                get(r, pos, &rec, sizeof rec);
                if (rec.source_len > LOGRING_SOURCE_MAX || rec.msg_len > LOGRING_LINE_MAX ||
                    record_size(&rec) > h->head - pos || (pos > h->tail && rec.seq != seq + 1))
                        return false;
                if (pos == h->tail)
                        r->tail_seq = rec.seq;
                seq = rec.seq;
                pos += record_size(&rec);
        }
        if (h->head > h->tail)
                r->h->next_seq = seq + 1; /* it is written last */
        return true;
}

static void drop_oldest(LogRing *r) {
        Record rec;
        get(r, r->h->tail, &rec, sizeof rec);
        __atomic_store_n(&r->h->tail, r->h->tail + record_size(&rec), __ATOMIC_RELEASE);
        r->tail_seq++;
}

static void make_room(LogRing *r, uint64_t need) {
        while (r->h->tail < r->h->head && (r->size - (r->h->head - r->h->tail) < need ||
                                           r->h->next_seq - r->tail_seq >= r->max_lines))
                drop_oldest(r);
}

int logring_open(int fd, uint64_t bytes, uint64_t lines, LogRing **ret, Err *e) {
        _cleanup_fd_ int own = fd < 0 ? memfd_create("log", MFD_CLOEXEC) : -1;
        uint64_t size = MIN(MAX(bytes, (uint64_t)LOGRING_BYTES_MIN), (uint64_t)LOGRING_BYTES_MAX);
        int use = fd < 0 ? own : fd;
        if (use < 0 || ftruncate(use, (off_t)(HEADER_SIZE + size)) < 0)
                return err_set(e, ERR_IO, errno, "memory for the log");
        void *p = mmap(NULL, HEADER_SIZE + size, PROT_READ | PROT_WRITE, MAP_SHARED, use, 0);
        if (p == MAP_FAILED)
                return err_set(e, ERR_IO, errno, "map the memory for the log");
        LogRing *r = xcalloc(1, sizeof *r);
        *r = (LogRing){ .h = p,
                        .data = (uint8_t *)p + HEADER_SIZE,
                        .size = size,
                        .max_lines = MAX(lines, (uint64_t)1),
                        .fd = fd_take(&own) };
        if (!is_whole(r)) {
                *r->h = (Header){ .magic = MAGIC, .size = size };
                r->tail_seq = 0;
        }
        *ret = r;
        return 0;
}

void logring_free(LogRing *r) {
        if (!r)
                return;
        munmap(r->h, HEADER_SIZE + r->size);
        if (r->fd >= 0)
                close(r->fd);
        free(r);
}

void logring_append(LogRing *r, int64_t time_ns, const char *source, size_t source_len,
                    const char *msg, size_t msg_len) {
        Record rec = { .seq = r->h->next_seq,
                       .time_ns = time_ns,
                       .source_len = (uint16_t)MIN(source_len, (size_t)LOGRING_SOURCE_MAX),
                       .msg_len = (uint16_t)MIN(msg_len, (size_t)LOGRING_LINE_MAX) };
        uint64_t need = record_size(&rec), head = r->h->head;
        make_room(r, need);
        put(r, head, &rec, sizeof rec);
        put(r, head + sizeof rec, source, rec.source_len);
        put(r, head + sizeof rec + rec.source_len, msg, rec.msg_len);
        __atomic_store_n(&r->h->head, head + need, __ATOMIC_RELEASE);
        __atomic_store_n(&r->h->next_seq, rec.seq + 1, __ATOMIC_RELEASE);
}

LogCursor logring_begin(const LogRing *r) {
        return (LogCursor){ r->h->tail, r->tail_seq };
}

LogCursor logring_end(const LogRing *r) {
        return (LogCursor){ r->h->head, r->h->next_seq };
}

bool logring_next(LogRing *r, LogCursor *c, LogEntry *ret, uint64_t *lost) {
        *lost = 0;
        if (c->pos < r->h->tail) {
                *lost = r->tail_seq - c->seq;
                *c = logring_begin(r);
        }
        if (c->pos >= r->h->head)
                return false;
        Record rec;
        get(r, c->pos, &rec, sizeof rec);
        get(r, c->pos + sizeof rec, r->scratch, (size_t)rec.source_len + rec.msg_len);
        *ret = (LogEntry){ .seq = rec.seq,
                           .time_ns = rec.time_ns,
                           .source = r->scratch,
                           .source_len = rec.source_len,
                           .msg = r->scratch + rec.source_len,
                           .msg_len = rec.msg_len };
        c->pos += record_size(&rec);
        c->seq = rec.seq + 1;
        return true;
}

uint64_t logring_mark(const LogRing *r) {
        return r->h->mark;
}

void logring_set_mark(LogRing *r, uint64_t mark) {
        r->h->mark = mark;
}
