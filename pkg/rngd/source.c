/* source.c - RDSEED, RDRAND (x86-64), RNDRRS, RNDR (arm64), /dev/hwrng.
 *
 * An instruction may fail for a while when several CPUs draw at once, so each is tried some times.
 * /dev/hwrng exists as a node even without a driver behind it: only a read tells. */
#include "pkg/rngd/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#define INSTRUCTION_TRIES 100

#if defined(__x86_64__)
#include <cpuid.h>

static bool has_seed(void) {
        unsigned a, b, c, d;
        return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_RDSEED);
}

static bool has_rand(void) {
        unsigned a, b, c, d;
        return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_RDRND);
}

static bool draw_seed(uint64_t *ret) {
        unsigned char ok;
        __asm__ volatile("rdseed %0; setc %1" : "=r"(*ret), "=qm"(ok) : : "cc");
        return ok;
}

static bool draw_rand(uint64_t *ret) {
        unsigned char ok;
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*ret), "=qm"(ok) : : "cc");
        return ok;
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

/* Arm ARM, FEAT_RNG: the registers by number, as assemblers may not know the names; failure sets Z.
 */
#define HWCAP2_RNG_BIT (1UL << 16)

static bool has_seed(void) {
        return getauxval(AT_HWCAP2) & HWCAP2_RNG_BIT;
}

static bool has_rand(void) {
        return has_seed();
}

static bool draw_seed(uint64_t *ret) {
        uint32_t ok;
        __asm__ volatile("mrs %0, s3_3_c2_c4_1; cset %w1, ne" : "=r"(*ret), "=r"(ok) : : "cc");
        return ok;
}

static bool draw_rand(uint64_t *ret) {
        uint32_t ok;
        __asm__ volatile("mrs %0, s3_3_c2_c4_0; cset %w1, ne" : "=r"(*ret), "=r"(ok) : : "cc");
        return ok;
}

#else

static bool has_seed(void) {
        return false;
}

static bool has_rand(void) {
        return false;
}

static bool draw_seed(uint64_t *ret) {
        *ret = 0;
        return false;
}

static bool draw_rand(uint64_t *ret) {
        return draw_seed(ret);
}

#endif

bool source_draw(Source *s, uint64_t *ret) {
        if (!s->draw)
                return read(s->fd, ret, sizeof(*ret)) == sizeof(*ret);
        for (int i = 0; i < INSTRUCTION_TRIES; i++)
                if (s->draw(ret))
                        return true;
        return false;
}

bool source_open(Source *ret, bool use_rand, bool use_seed) {
        uint64_t probe;
        if (use_seed && has_seed()) {
                *ret = (Source){ .name = "cpu (seed)", .fd = -1, .draw = draw_seed };
                if (source_draw(ret, &probe))
                        return true;
        }
        if (use_rand && has_rand()) {
                *ret = (Source){ .name = "cpu (rand)", .fd = -1, .draw = draw_rand };
                if (source_draw(ret, &probe))
                        return true;
        }

        /* Not blocking: a virtio device without a host behind it never answers. */
        int fd = open("/dev/hwrng", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return false;
        *ret = (Source){ .name = "/dev/hwrng", .fd = fd };
        if (source_draw(ret, &probe) || errno == EAGAIN)
                return true;
        close(fd);
        return false;
}
