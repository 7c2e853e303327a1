/* flags.c - GNU style command lines as the reference accepts them (cli.md 1, 14 row 3).
 *
 * Two passes: the first finds the command, for which it must know which flags swallow the next word
 * even before the command is known; the second reads all flags by the tables of that command. */
#include "cmd/linuxkit/flags.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lib/base/str.h"

enum { SUGGEST_DISTANCE = 2 }; /* as the reference's command line library */

char *command_path_text(const CommandPath *p, const char *separator) {
        Buf b = { 0 };
        for (size_t i = 0; i < p->n; i++) {
                if (i)
                        buf_adds(&b, separator);
                buf_adds(&b, p->items[i]->name);
        }
        return buf_steal(&b);
}

static const Flag *table_find(const Flag *flags, const char *name, size_t len) {
        for (; flags && flags->name; flags++)
                if (strlen(flags->name) == len && memcmp(flags->name, name, len) == 0)
                        return flags;
        return NULL;
}

static const Flag *table_find_letter(const Flag *flags, char letter) {
        for (; flags && flags->name; flags++)
                if (letter && flags->letter == letter)
                        return flags;
        return NULL;
}

const Flag *command_find_flag(const CommandPath *p, const char *name, size_t len) {
        for (size_t i = p->n; i-- > 0;) {
                const Flag *f = table_find(p->items[i]->flags, name, len);
                if (f)
                        return f;
        }
        const Command *implied = command_path_last(p)->implied;
        return implied ? table_find(implied->flags, name, len) : NULL;
}

const Flag *command_find_letter(const CommandPath *p, char letter) {
        for (size_t i = p->n; i-- > 0;) {
                const Flag *f = table_find_letter(p->items[i]->flags, letter);
                if (f)
                        return f;
        }
        return NULL;
}

const Command *command_find(const Command *c, const char *name) {
        for (const Command *const *s = c->commands; s && *s; s++)
                if (str_eq((*s)->name, name))
                        return *s;
        return NULL;
}

/* A flag of any command below c; *ret_owner (may be NULL) gets the command that has it. */
static const Flag *find_below(const Command *c, const char *name, size_t len, char letter,
                              const Command **ret_owner) {
        for (const Command *const *s = c->commands; s && *s; s++) {
                const Flag *f = letter ? table_find_letter((*s)->flags, letter)
                                       : table_find((*s)->flags, name, len);
                if (f) {
                        if (ret_owner)
                                *ret_owner = *s;
                        return f;
                }
                f = find_below(*s, name, len, letter, ret_owner);
                if (f)
                        return f;
        }
        return NULL;
}

static int hint_help(const CommandPath *p, Err *e) {
        _cleanup_free_ char *text = command_path_text(p, " ");
        return err_hint(e, "see %s --help", text);
}

int command_unknown(const CommandPath *p, const char *word, Err *e) {
        _cleanup_free_ char *text = command_path_text(p, " ");
        err_set(e, ERR_USAGE, 0, "unknown command \"%s\" for \"%s\"", word, text);
        _cleanup_buf_ Buf close = { 0 };
        for (const Command *const *s = command_path_last(p)->commands; s && *s; s++) {
                if (str_distance(word, (*s)->name) > SUGGEST_DISTANCE &&
                    !str_has_prefix((*s)->name, word))
                        continue;
                if (close.len)
                        buf_adds(&close, ", ");
                buf_adds(&close, (*s)->name);
        }
        if (close.len && *word)
                return err_hint(e, "Did you mean this? %s", close.data);
        return hint_help(p, e);
}

/* --- first pass ----------------------------------------------------------------------------- */

static const Flag *find_anywhere(const CommandPath *p, const char *name, size_t len, char letter) {
        const Flag *f = letter ? command_find_letter(p, letter) : command_find_flag(p, name, len);
        return f ? f : find_below(command_path_last(p), name, len, letter, NULL);
}

static bool is_flag(const char *arg) {
        return arg[0] == '-' && arg[1] != 0;
}

/* Known long flag behind a single dash: "-data x", as old documentation writes it. */
static const Flag *find_single_dash(const CommandPath *p, const char *arg, bool anywhere) {
        size_t len = strcspn(arg + 1, "=");
        if (len < 2)
                return NULL;
        return anywhere ? find_anywhere(p, arg + 1, len, 0) : command_find_flag(p, arg + 1, len);
}

const Flag *command_flag_taking_next(const CommandPath *p, const char *arg) {
        const Flag *f = NULL;
        if (!is_flag(arg) || strchr(arg, '='))
                return NULL;
        if (str_has_prefix(arg, "--"))
                f = find_anywhere(p, arg + 2, strlen(arg + 2), 0);
        else
                f = find_single_dash(p, arg, true);
        if (f || str_has_prefix(arg, "--"))
                return f && f->kind != FLAG_BOOL ? f : NULL;
        for (const char *s = arg + 1; *s; s++) {
                f = find_anywhere(p, NULL, 0, *s);
                if (!f || (f->kind != FLAG_BOOL && s[1]))
                        return NULL;
        }
        return f && f->kind != FLAG_BOOL ? f : NULL;
}

/* Fills ret->path and marks the words that name it. */
static int find_command(int argc, char *const *argv, bool *is_name, Args *ret, Err *e) {
        for (int i = 1; i < argc; i++) {
                if (str_eq(argv[i], "--"))
                        break;
                if (is_flag(argv[i])) {
                        i += command_flag_taking_next(&ret->path, argv[i]) != NULL;
                        continue;
                }
                const Command *c = command_path_last(&ret->path);
                const Command *sub = command_find(c, argv[i]);
                if (!sub && c->commands && !c->run)
                        return command_unknown(&ret->path, argv[i], e);
                if (!sub)
                        break;
                assert(ret->path.n < COMMAND_DEPTH);
                ret->path.items[ret->path.n++] = sub;
                is_name[i] = true;
        }
        return 0;
}

/* --- second pass ---------------------------------------------------------------------------- */

static FlagValue *value_of(const Args *a, const Flag *f) {
        for (size_t i = 0; i < a->n_values; i++)
                if (a->values[i].flag == f)
                        return &a->values[i];
        return NULL;
}

static void value_push(Args *a, FlagValue *v, const char *text) {
        const char **items = arena_alloc(a->arena, (v->n + 2) * sizeof(*items));
        if (v->n)
                memcpy(items, v->items, v->n * sizeof(*items));
        items[v->n++] = text;
        v->items = items;
}

static bool parse_bool(const char *text, bool *ret) {
        static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
        static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
        for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
                if (str_eq(text, yes[i]) || str_eq(text, no[i])) {
                        *ret = str_eq(text, yes[i]);
                        return true;
                }
        }
        return false;
}

static bool parse_int(const char *text, int64_t *ret) {
        if (!*text || isspace((unsigned char)*text))
                return false;
        char *end = NULL;
        errno = 0;
        long long v = strtoll(text, &end, 0);
        if (errno || *end || end == text)
                return false;
        *ret = v;
        return true;
}

static int bad_value(const Flag *f, const char *text, const char *why, Err *e) {
        if (f->letter)
                return err_set(e, ERR_USAGE, 0,
                               "invalid argument \"%s\" for \"-%c, --%s\" flag: %s", text,
                               f->letter, f->name, why);
        return err_set(e, ERR_USAGE, 0, "invalid argument \"%s\" for \"--%s\" flag: %s", text,
                       f->name, why);
}

static int set_value(Args *a, const Flag *f, const char *text, Err *e) {
        bool truth = false;
        int64_t number = 0;
        if (f->kind == FLAG_BOOL && !parse_bool(text, &truth))
                return bad_value(f, text, "not true or false", e);
        if (f->kind == FLAG_INT && !parse_int(text, &number))
                return bad_value(f, text, "not a number", e);

        FlagValue *v = value_of(a, f);
        if (!v) {
                v = &a->values[a->n_values++];
                *v = (FlagValue){ .flag = f };
        }
        v->truth = truth;
        v->number = number;
        if (f->kind != FLAG_CSV) {
                value_push(a, v, text);
                return 0;
        }
        for (const char *s = text;; s++) {
                size_t len = strcspn(s, ",");
                value_push(a, v, arena_strndup(a->arena, s, len));
                s += len;
                if (!*s)
                        return 0;
        }
}

static int unknown_flag(const Args *a, const char *name, size_t len, Err *e) {
        _cleanup_free_ char *text = xstrndup(name, len);
        err_set(e, ERR_USAGE, 0, "unknown flag: --%s", text);

        const Command *owner = NULL;
        if (find_below(command_path_last(&a->path), name, len, 0, &owner)) {
                _cleanup_free_ char *path = command_path_text(&a->path, " ");
                return err_hint(e, "--%s is a flag of %s %s", text, path, owner->name);
        }
        const Flag *best = NULL;
        unsigned best_distance = SUGGEST_DISTANCE + 1;
        for (size_t i = 0; i < a->path.n; i++) {
                for (const Flag *f = a->path.items[i]->flags; f && f->name; f++) {
                        unsigned d = str_distance(text, f->name);
                        if (d < best_distance && d < strlen(f->name)) {
                                best_distance = d;
                                best = f;
                        }
                }
        }
        if (best)
                return err_hint(e, "Did you mean this? --%s", best->name);
        return hint_help(&a->path, e);
}

/* arg is what follows the dashes. *i moves on when the value is the next word. */
static int parse_long(Args *a, const char *arg, int argc, char *const *argv, int *i, Err *e) {
        size_t len = strcspn(arg, "=");
        if (len == 0)
                return err_set(e, ERR_USAGE, 0, "bad flag syntax: %s", argv[*i]);
        const Flag *f = command_find_flag(&a->path, arg, len);
        if (!f)
                return unknown_flag(a, arg, len, e);
        if (arg[len] == '=')
                return set_value(a, f, arg + len + 1, e);
        if (f->kind == FLAG_BOOL)
                return set_value(a, f, "true", e);
        if (*i + 1 >= argc)
                return err_set(e, ERR_USAGE, 0, "flag needs an argument: --%s", f->name);
        return set_value(a, f, argv[++*i], e);
}

static int parse_cluster(Args *a, int argc, char *const *argv, int *i, Err *e) {
        const char *arg = argv[*i];
        for (const char *s = arg + 1; *s; s++) {
                const Flag *f = command_find_letter(&a->path, *s);
                if (!f) {
                        err_set(e, ERR_USAGE, 0, "unknown shorthand flag: '%c' in %s", *s, arg);
                        if (command_find_flag(&a->path, s, 1))
                                return err_hint(e, "Did you mean this? --%c", *s);
                        return hint_help(&a->path, e);
                }
                if (s[1] == '=')
                        return set_value(a, f, s + 2, e);
                if (f->kind != FLAG_BOOL && s[1])
                        return set_value(a, f, s + 1, e);
                if (f->kind != FLAG_BOOL && *i + 1 >= argc)
                        return err_set(e, ERR_USAGE, 0, "flag needs an argument: '%c' in %s", *s,
                                       arg);
                if (f->kind != FLAG_BOOL)
                        return set_value(a, f, argv[++*i], e);
                if (set_value(a, f, "true", e) < 0)
                        return -1;
        }
        return 0;
}

static size_t count_flags(const CommandPath *p) {
        size_t n = 0;
        for (size_t i = 0; i < p->n; i++)
                for (const Flag *f = p->items[i]->flags; f && f->name; f++)
                        n++;
        const Command *implied = command_path_last(p)->implied;
        for (const Flag *f = implied ? implied->flags : NULL; f && f->name; f++)
                n++;
        return n;
}

int args_parse(const Command *root, int argc, char *const *argv, Args *ret, Err *e) {
        *ret = (Args){ .arena = arena_new(), .path = { .items = { root }, .n = 1 } };
        bool *is_name = arena_alloc(ret->arena, ((size_t)argc + 1) * sizeof(*is_name));
        if (find_command(argc, argv, is_name, ret, e) < 0)
                return -1;
        ret->values = arena_alloc(ret->arena, (count_flags(&ret->path) + 1) * sizeof(*ret->values));
        ret->words = arena_alloc(ret->arena, ((size_t)argc + 1) * sizeof(*ret->words));

        bool flags_over = false;
        for (int i = 1; i < argc; i++) {
                const char *arg = argv[i];
                int r = 0;
                if (is_name[i])
                        continue;
                if (flags_over || !is_flag(arg))
                        ret->words[ret->n_words++] = arg;
                else if (str_eq(arg, "--"))
                        flags_over = true;
                else if (arg[1] == '-')
                        r = parse_long(ret, arg + 2, argc, argv, &i, e);
                else if (find_single_dash(&ret->path, arg, false))
                        r = parse_long(ret, arg + 1, argc, argv, &i, e);
                else
                        r = parse_cluster(ret, argc, argv, &i, e);
                if (r < 0)
                        return hint_help(&ret->path, e);
        }
        return 0;
}

int args_check_count(const Args *a, Err *e) {
        const Command *c = command_path_last(&a->path);
        int n = (int)a->n_words;
        if (c->max_args == c->min_args && n != c->min_args)
                err_set(e, ERR_USAGE, 0, "accepts %d arg(s), received %d", c->min_args, n);
        else if (n < c->min_args)
                err_set(e, ERR_USAGE, 0, "requires at least %d arg(s), only received %d",
                        c->min_args, n);
        else if (c->max_args >= 0 && n > c->max_args)
                err_set(e, ERR_USAGE, 0, "accepts at most %d arg(s), received %d", c->max_args, n);
        else
                return 0;
        return hint_help(&a->path, e);
}

void args_done(Args *a) {
        arena_free(a->arena);
        *a = (Args){ 0 };
}

static const FlagValue *lookup(const Args *a, const char *name, const Flag **ret_flag) {
        const Flag *f = command_find_flag(&a->path, name, strlen(name));
        assert(f);
        *ret_flag = f;
        return value_of(a, f);
}

bool args_given(const Args *a, const char *name) {
        const Flag *f;
        return lookup(a, name, &f) != NULL;
}

bool args_bool(const Args *a, const char *name) {
        const Flag *f;
        const FlagValue *v = lookup(a, name, &f);
        return v && v->truth;
}

const char *args_string(const Args *a, const char *name) {
        const Flag *f;
        const FlagValue *v = lookup(a, name, &f);
        const char *text = v ? v->items[v->n - 1] : f->fallback;
        /* `--cache "$UNSET"` means the default, as with the reference, and not a cache right here
         */
        return text && !*text && !f->fallback ? NULL : text;
}

int64_t args_int(const Args *a, const char *name) {
        const Flag *f;
        const FlagValue *v = lookup(a, name, &f);
        int64_t number = v ? v->number : 0;
        if (!v && f->fallback) {
                bool ok = parse_int(f->fallback, &number);
                assert(ok);
                (void)ok;
        }
        return number;
}

const char *const *args_list(const Args *a, const char *name, size_t *ret_n) {
        static const char *const none[] = { NULL };
        const Flag *f;
        const FlagValue *v = lookup(a, name, &f);
        if (ret_n)
                *ret_n = v ? v->n : 0;
        return v ? (const char *const *)v->items : none;
}
