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

static uint32_t hash_name(const char *text, size_t len) {
        uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                          key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
        for (size_t at = 0;; at += 8) {
                uint64_t word = 0;
                size_t left = len - at;
                memcpy(&word, text + at, left < 8 ? left : 8);
                if (left < 8)
                        word |= (uint64_t)len << 56;
                v[3] ^= word;
                sip_round(v);
                v[0] ^= word;
                if (left < 8)
                        break;
        }
        v[2] ^= 0xff;
        for (int i = 0; i < 3; i++)
                sip_round(v);
        return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
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
