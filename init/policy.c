/* policy.c - see policy.h. */
#include "init/policy.h"

#include <limits.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

static const struct {
        const char *word;
        RestartPolicy policy;
} words[] = {
        { "no", RESTART_NO },
        { "on-failure", RESTART_ON_FAILURE },
        { "always", RESTART_ALWAYS },
};

RestartPolicy policy_from_word(const char *word) {
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (str_eq(words[i].word, word))
                        return words[i].policy;
        return RESTART_UNSET;
}

RestartPolicy policy_choose(RestartPolicy service, RestartPolicy machine) {
        if (service != RESTART_UNSET)
                return service;
        return machine != RESTART_UNSET ? machine : RESTART_ON_FAILURE;
}

bool policy_restarts(RestartPolicy p, uint32_t exit_status) {
        return p == RESTART_ALWAYS || (p == RESTART_ON_FAILURE && exit_status != 0);
}

uint64_t policy_delay_ms(unsigned *failures, uint64_t lived_ms) {
        if (lived_ms >= POLICY_STABLE_MS)
                *failures = 0;
        uint64_t delay = POLICY_FIRST_DELAY_MS;
        for (unsigned i = 0; i < *failures && delay < POLICY_MAX_DELAY_MS; i++)
                delay *= 2;
        if (*failures < UINT_MAX)
                ++*failures;
        return MIN(delay, (uint64_t)POLICY_MAX_DELAY_MS);
}

bool policy_gives_up(unsigned failures, unsigned limit) {
        return limit > 0 && failures >= limit;
}
