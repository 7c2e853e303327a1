/* scalar.c - see scalar.h.  A date stays a string of its own text when read: no key wants a time.
 */
#include "lib/spec/scalar.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

static bool is_one_of(const char *text, const char *const *words) {
        for (; *words; words++)
                if (str_eq(text, *words))
                        return true;
        return false;
}

static const char *const null_words[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const true_words[] = { "true", "True", "TRUE", NULL };
static const char *const false_words[] = { "false", "False", "FALSE", NULL };
/* Booleans of YAML 1.1. */
static const char *const old_bool_words[] = { "y",   "Y",   "n",   "N",   "yes", "Yes",
                                              "YES", "no",  "No",  "NO",  "on",  "On",
                                              "ON",  "off", "Off", "OFF", NULL };
static const char *const float_words[] = {
        ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL
};
static const char *const minus_inf_words[] = { "-.inf", "-.Inf", "-.INF", NULL };
static const char *const nan_words[] = { ".nan", ".NaN", ".NAN", NULL };

static int digit_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)tolower((unsigned char)c);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* Sign, then 0x 0o 0b or a leading zero (octal) or decimal; s has no '_' any more. */
static bool parse_int(const char *s, bool *negative, uint64_t *magnitude) {
        *negative = *s == '-';
        if (*s == '-' || *s == '+')
                s++;
        unsigned base = 10;
        if (s[0] == '0' && s[1]) {
                char c = (char)tolower((unsigned char)s[1]);
                base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
                s += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
        }
        if (!*s)
                return false;
        uint64_t v = 0;
        for (; *s; s++) {
                unsigned d = (unsigned)digit_value(*s);
                if (d >= base || __builtin_mul_overflow(v, base, &v) ||
                    __builtin_add_overflow(v, d, &v))
                        return false;
        }
        *magnitude = v;
        return !*negative || v <= (uint64_t)INT64_MAX + 1;
}

static const char *skip_digits(const char *s) {
        while (isdigit((unsigned char)*s))
                s++;
        return s;
}

/* [-+]? ( .digits | digits [. digits?] ) ( [eE] [-+]? digits )? */
static bool has_float_form(const char *s) {
        if (*s == '-' || *s == '+')
                s++;
        const char *whole = skip_digits(s);
        bool any = whole > s;
        s = whole;
        if (*s == '.') {
                const char *fraction = skip_digits(s + 1);
                if (!any && fraction == s + 1)
                        return false;
                any = true;
                s = fraction;
        }
        if (!any)
                return false;
        if (*s == 'e' || *s == 'E') {
                s++;
                if (*s == '-' || *s == '+')
                        s++;
                const char *end = skip_digits(s);
                if (end == s)
                        return false;
                s = end;
        }
        return !*s;
}

static bool parse_float(const char *s, double *ret) {
        if (!has_float_form(s))
                return false;
        *ret = strtod(s, NULL);
        return isfinite(*ret); /* too large for a double: stays a string */
}

static char *without_underscores(const char *text) {
        char *s = xstrdup(text), *w = s;
        for (const char *p = text; *p; p++)
                if (*p != '_')
                        *w++ = *p;
        *w = 0;
        return s;
}

static Scalar resolve_number(const char *text) {
        Scalar r = { .kind = NODE_STRING };
        if (*text == '.') {
                if (parse_float(text, &r.number))
                        r.kind = NODE_FLOAT;
                return r;
        }
        _cleanup_free_ char *s = without_underscores(text);
        if (parse_int(s, &r.negative, &r.magnitude))
                r.kind = NODE_INT;
        else if (parse_float(s, &r.number))
                r.kind = NODE_FLOAT;
        return r;
}

Scalar scalar_resolve(const char *text) {
        if (is_one_of(text, null_words))
                return (Scalar){ .kind = NODE_NULL };
        if (is_one_of(text, true_words))
                return (Scalar){ .kind = NODE_BOOL, .boolean = true };
        if (is_one_of(text, false_words))
                return (Scalar){ .kind = NODE_BOOL };
        if (is_one_of(text, float_words))
                return (Scalar){ .kind = NODE_FLOAT, .number = HUGE_VAL };
        if (is_one_of(text, minus_inf_words))
                return (Scalar){ .kind = NODE_FLOAT, .number = -HUGE_VAL };
        if (is_one_of(text, nan_words))
                return (Scalar){ .kind = NODE_FLOAT, .number = (double)NAN };
        if (isdigit((unsigned char)*text) || *text == '+' || *text == '-' || *text == '.')
                return resolve_number(text);
        return (Scalar){ .kind = NODE_STRING };
}

/* One or two digits with a value of low..high; NULL when there are none. */
static const char *short_number(const char *s, unsigned low, unsigned high, unsigned *ret) {
        if (!isdigit((unsigned char)*s))
                return NULL;
        unsigned v = (unsigned)(*s++ - '0');
        if (isdigit((unsigned char)*s))
                v = v * 10 + (unsigned)(*s++ - '0');
        *ret = v;
        return v >= low && v <= high ? s : NULL;
}

static unsigned days_in_month(unsigned year, unsigned month) {
        if (month == 2)
                return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* "Z", "+hh:mm" or "-hh:mm", then the end. */
static bool is_zone(const char *s) {
        if (*s == 'Z')
                return !s[1];
        return (*s == '+' || *s == '-') && isdigit((unsigned char)s[1]) &&
               isdigit((unsigned char)s[2]) && s[3] == ':' && isdigit((unsigned char)s[4]) &&
               isdigit((unsigned char)s[5]) && !s[6];
}

/* YYYY-M-D, alone, or followed by "Th:m:s[.f]ZONE", "th:m:s[.f]ZONE" or " h:m:s[.f]". */
static bool is_timestamp(const char *s) {
        unsigned year = 0, month = 0, day = 0, unused = 0;
        for (unsigned i = 0; i < 4; i++, s++) {
                if (!isdigit((unsigned char)*s))
                        return false;
                year = year * 10 + (unsigned)(*s - '0');
        }
        if (*s++ != '-' || !(s = short_number(s, 1, 12, &month)))
                return false;
        if (*s++ != '-' || !(s = short_number(s, 1, days_in_month(year, month), &day)))
                return false;
        if (!*s)
                return true;
        char separator = *s++;
        if (separator != 'T' && separator != 't' && separator != ' ')
                return false;
        if (!(s = short_number(s, 0, 23, &unused)) || *s++ != ':')
                return false;
        if (!(s = short_number(s, 0, 59, &unused)) || *s++ != ':')
                return false;
        if (!(s = short_number(s, 0, 59, &unused)))
                return false;
        if (*s == '.' && isdigit((unsigned char)s[1]))
                s = skip_digits(s + 1);
        return separator == ' ' ? !*s : is_zone(s);
}

/* Numbers to the base 60 of YAML 1.1, such as 1:30 or -1:30:45.5 */
static bool is_base60(const char *s) {
        if (*s == '-' || *s == '+')
                s++;
        if (!isdigit((unsigned char)*s))
                return false;
        while (isdigit((unsigned char)*s) || *s == '_')
                s++;
        if (*s != ':')
                return false;
        while (*s == ':') {
                unsigned unused;
                s = short_number(s + 1, 0, 59, &unused);
                if (!s)
                        return false;
        }
        if (*s == '.')
                for (s++; isdigit((unsigned char)*s) || *s == '_';)
                        s++;
        return !*s;
}

bool scalar_needs_quotes(const char *text) {
        return scalar_resolve(text).kind != NODE_STRING || str_eq(text, "<<") ||
               is_one_of(text, old_bool_words) || is_timestamp(text) || is_base60(text);
}
