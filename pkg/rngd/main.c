/* main.c - rngd: credits hardware randomness to the kernel's pool.
 *
 * Since Linux 5.18 the pool is ready once and for ever, usually before user space starts, and a
 * getrandom(2) that waits makes the kernel gather jitter itself.  So -1 is done at once when the
 * pool is ready, no hardware source is no error, and the daemon only adds fresh bytes now and then.
 *
 *     rngd [-1] [-disable-rdrand] [-disable-rdseed] */
#include "pkg/rngd/source.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#define REFRESH_MS  (5 * 60 * 1000) /* how often a ready pool gets fresh bytes */
#define RETRY_MS    100             /* /dev/hwrng has nothing yet */
#define BATCH_WORDS 8

static bool pool_ready(void) {
        char byte;
        return getrandom(&byte, 1, GRND_NONBLOCK) == 1;
}

/* Adds one word with full credit; 1: added, 0: the source is empty at the moment, -1: error. */
static int feed_word(int pool, Source *s) {
        uint64_t word;
        if (!source_draw(s, &word))
                return 0;

        /* struct rand_pool_info ends in a flexible array: the same layout with one word in it. */
        struct {
                int entropy_count;
                int buf_size;
                unsigned char buf[sizeof(word)];
        } add = { .entropy_count = 8 * sizeof(word), .buf_size = sizeof(word) };
        memcpy(add.buf, &word, sizeof(word));
        if (ioctl(pool, RNDADDENTROPY, &add) < 0) {
                fprintf(stderr, "rngd: add entropy: %s\n", strerror(errno));
                return -1;
        }
        return 1;
}

/* Feeds until the pool is ready.  Number of bytes, or -1. */
static long feed_until_ready(int pool, Source *s) {
        long bytes = 0;
        while (!pool_ready()) {
                int r = feed_word(pool, s);
                if (r < 0)
                        return -1;
                if (r == 0)
                        poll(NULL, 0, RETRY_MS);
                else
                        bytes += (long)sizeof(uint64_t);
        }
        return bytes;
}

/* The kernel's own jitter collection runs while somebody waits for the pool. */
static int wait_for_kernel(void) {
        char byte;
        while (getrandom(&byte, 1, 0) < 0)
                if (errno != EINTR) {
                        fprintf(stderr, "rngd: getrandom: %s\n", strerror(errno));
                        return 1;
                }
        printf("rngd: no hardware source; the kernel made its pool ready by itself\n");
        return 0;
}

static int serve(int pool, Source *s) {
        for (;;) {
                for (int i = 0; i < BATCH_WORDS; i++)
                        if (feed_word(pool, s) < 0)
                                return 1;
                poll(NULL, 0, REFRESH_MS);
        }
}

/* Nothing here needs an orderly end. */
static void end(int sig) {
        (void)sig;
        _exit(0);
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                { "1", no_argument, NULL, '1' },
                { "disable-rdrand", no_argument, NULL, 'r' },
                { "disable-rdseed", no_argument, NULL, 's' },
                { 0 },
        };
        bool once = false, use_rand = true, use_seed = true;
        for (int c; (c = getopt_long_only(argc, argv, "", options, NULL)) != -1;) {
                if (c == '1')
                        once = true;
                else if (c == 'r')
                        use_rand = false;
                else if (c == 's')
                        use_seed = false;
                else
                        return 2;
        }
        setvbuf(stdout, NULL, _IOLBF, 0);
        /* Process 1 of a container ignores every signal that it has no handler for. */
        signal(SIGTERM, end);
        signal(SIGINT, end);

        if (once && pool_ready()) {
                printf("rngd: 0 bytes added, the pool is ready\n");
                return 0;
        }
        Source source;
        if (!source_open(&source, use_rand, use_seed))
                return wait_for_kernel();

        int pool = open("/dev/random", O_RDWR | O_CLOEXEC);
        if (pool < 0) {
                fprintf(stderr, "rngd: /dev/random: %s\n", strerror(errno));
                return 1;
        }
        long bytes = feed_until_ready(pool, &source);
        if (bytes < 0)
                return 1;
        printf("rngd: %ld bytes added from %s\n", bytes, source.name);
        return once ? 0 : serve(pool, &source);
}
