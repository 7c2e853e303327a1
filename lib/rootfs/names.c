/* names.c - see names.h: open addressing over SipHash-1-3 with a random key per process.
 *
 * A slot holds number + 1, so that zeroed memory is an empty table. */
#include "lib/rootfs/names.h"

#include <pthread.h>
#include <sys/random.h>

#include "lib/base/mem.h"

typedef struct Node {
        const char *text;
        uint32_t len;
        uint32_t hash;
} Node;

struct NameSet {
        Node *nodes;
        size_t n, cap;
        uint32_t *slots;
        size_t n_slots; /* a power of two */
};

static uint64_t key[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

/* Without a random source the set still works, only an attacker could make it slow. */
static void key_init(void) {
        if (getrandom(key, sizeof(key), GRND_NONBLOCK) != sizeof(key))
                key[0] = (uint64_t)getpid();
}

static inline uint64_t rotate(uint64_t v, unsigned n) {
        return v << n | v >> (64 - n);
}

static inline void sip_round(uint64_t v[4]) {
        v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
        v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

/* A hash over the first `at` bytes of a text, whole words only; the rest comes in at the end. */
typedef struct Sip {
        uint64_t v[4];
        size_t at;
} Sip;

static void sip_word(Sip *s, uint64_t word) {
        s->v[3] ^= word;
        sip_round(s->v);
        s->v[0] ^= word;
}

static Sip sip_start(void) {
        return (Sip){ .v = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                             key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 } };
}

static void sip_feed(Sip *s, const char *text, size_t len) {
        for (; len - s->at >= 8; s->at += 8) {
                uint64_t word;
                memcpy(&word, text + s->at, 8);
                sip_word(s, word);
        }
}

static uint32_t sip_end(Sip s, const char *text, size_t len) {
        uint64_t word = 0;
        memcpy(&word, text + s.at, len - s.at);
        sip_word(&s, word | (uint64_t)len << 56);
        s.v[2] ^= 0xff;
        for (int i = 0; i < 3; i++)
                sip_round(s.v);
        return (uint32_t)(s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3]);
}

static uint32_t hash_name(const char *text, size_t len) {
        Sip s = sip_start();
        sip_feed(&s, text, len);
        return sip_end(s, text, len);
}

NameSet *nameset_new(void) {
        pthread_once(&key_once, key_init);
        NameSet *s = xcalloc(1, sizeof(*s));
        s->n_slots = 64;
        s->slots = xcalloc(s->n_slots, sizeof(*s->slots));
        return s;
}

void nameset_free(NameSet *s) {
        if (!s)
                return;
        free(s->nodes);
        free(s->slots);
        free(s);
}

size_t nameset_count(const NameSet *s) {
        return s->n;
}

/* The slot of the name, or the empty slot where it belongs. */
static uint32_t *find_slot(const NameSet *s, const char *text, size_t len, uint32_t hash) {
        for (size_t i = hash & (s->n_slots - 1);; i = (i + 1) & (s->n_slots - 1)) {
                uint32_t *slot = &s->slots[i];
                if (*slot == 0)
                        return slot;
                const Node *node = &s->nodes[*slot - 1];
                if (node->hash == hash && node->len == len && memcmp(node->text, text, len) == 0)
                        return slot;
        }
}

static void grow(NameSet *s) {
        free(s->slots);
        s->n_slots *= 2;
        s->slots = xcalloc(s->n_slots, sizeof(*s->slots));
        for (size_t i = 0; i < s->n; i++) {
                const Node *node = &s->nodes[i];
                *find_slot(s, node->text, node->len, node->hash) = (uint32_t)i + 1;
        }
}

uint32_t nameset_add(NameSet *s, const char *text, size_t len) {
        uint32_t hash = hash_name(text, len);
        uint32_t *slot = find_slot(s, text, len, hash);
        if (*slot)
                return *slot - 1;
        if ((s->n + 1) * 4 > s->n_slots * 3) {
                grow(s);
                slot = find_slot(s, text, len, hash);
        }
        *vec_push(s->nodes, s->n, s->cap) = (Node){ text, (uint32_t)len, hash };
        *slot = (uint32_t)s->n;
        return (uint32_t)s->n - 1;
}

bool nameset_find(const NameSet *s, const char *text, size_t len, uint32_t *ret) {
        uint32_t slot = *find_slot(s, text, len, hash_name(text, len));
        if (slot == 0)
                return false;
        *ret = slot - 1;
        return true;
}

bool nameset_any_dir(const NameSet *s, const char *path, size_t len,
                     bool (*fn)(void *ctx, uint32_t id), void *ctx) {
        Sip sip = sip_start();
        for (size_t i = 1; i <= len; i++) {
                if (i < len && path[i] != '/')
                        continue;
                sip_feed(&sip, path, i);
                uint32_t slot = *find_slot(s, path, i, sip_end(sip, path, i));
                if (slot && fn(ctx, slot - 1))
                        return true;
        }
        return false;
}
