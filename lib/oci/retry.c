/* retry.c - see retry.h. */
#include "lib/oci/retry.h"
#include "lib/base/mem.h"
#include "lib/oci/http.h"

enum {
        RESUME_MS = 200, /* before what is left is asked for */
        MAX_RESUME_MS = 5000,
        QUICK_RESUMES = 8,  /* then the wait doubles each time */
        FREE_RESUMES = 100, /* and one more for each MiB */
};

bool retry_status(long status) {
        static const long table[] = { 408, 429, 499, 500, 502, 503, 504, 522 };
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
                if (status == table[i])
                        return true;
        return false;
}

static unsigned resume_ms(unsigned n) {
        unsigned ms = RESUME_MS;
        for (unsigned i = QUICK_RESUMES; i < n && ms < MAX_RESUME_MS; i++)
                ms *= 2;
        return MIN(ms, (unsigned)MAX_RESUME_MS);
}

bool retry_again(Retry *r, bool progress, uint64_t retry_after, uint64_t size) {
        static const unsigned delay[RETRY_ATTEMPTS] = { 0, 1000, 3000 };
        unsigned ms;
        if (retry_after > RETRY_MAX_WAIT)
                return false;
        if (progress) {
                r->fruitless = 0;
                if (++r->fruitful > FREE_RESUMES + (size >> 20))
                        return false;
                ms = resume_ms(r->fruitful);
        } else {
                if (++r->fruitless >= RETRY_ATTEMPTS)
                        return false;
                ms = delay[r->fruitless];
        }
        http_wait(MAX(ms, (unsigned)retry_after * 1000));
        return !http_cancelled();
}
