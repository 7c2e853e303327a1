/* duration.c - "30s", "5m", "1h": a whole number with its unit, so that nobody has to guess one. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/spec/spec.h"

bool spec_seconds(const char *text, uint64_t *ret) {
        static const struct {
                char unit;
                uint64_t seconds;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
        char digits[7];
        size_t n = strspn(text, "0123456789");
        if (n == 0 || n >= sizeof digits || text[0] == '0' || strlen(text) != n + 1)
                return false;
        memcpy(digits, text, n);
        digits[n] = 0;
        for (size_t i = 0; i < ARRAY_LEN(units); i++)
                if (text[n] == units[i].unit && str_to_u64(digits, ret)) {
                        *ret *= units[i].seconds;
                        return true;
                }
        return false;
}
