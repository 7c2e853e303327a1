/* help.c - see help.h.  The layout is that of the reference's --help, so that scripts which grep it
 * for a flag go on working. */
#include "cmd/linuxkit/help.h"

#include <string.h>

enum { HELP_WIDTH = 80, HELP_COLUMN_MAX = 34 };

/* Adds text wrapped to the width; lines after the first start at column indent. */
static void add_wrapped(Buf *out, const char *text, size_t column, size_t indent) {
        bool first = true;
        while (*text) {
                size_t len = strcspn(text, " ");
                if (!first && column + 1 + len > HELP_WIDTH) {
                        buf_addf(out, "\n%*s", (int)indent, "");
                        column = indent;
                } else if (!first) {
                        buf_addc(out, ' ');
                        column++;
                }
                buf_add(out, text, len);
                column += len;
                first = false;
                text += len;
                text += strspn(text, " ");
        }
        buf_addc(out, '\n');
}

/* Text of several paragraphs; a paragraph that starts with a blank is an example, kept as it is. */
static void add_paragraphs(Buf *out, const char *text) {
        while (*text) {
                size_t len = strcspn(text, "\n");
                _cleanup_free_ char *line = xstrndup(text, len);
                if (*line == ' ' || !*line)
                        buf_addf(out, "%s\n", line);
                else
                        add_wrapped(out, line, 0, 0);
                text += len + (text[len] == '\n');
        }
}

static void flag_spelling(const Flag *f, Buf *out) {
        if (f->letter)
                buf_addf(out, "-%c, --%s", f->letter, f->name);
        else
                buf_addf(out, "    --%s", f->name);
        if (f->arg)
                buf_addf(out, " %s", f->arg);
}

static void flag_description(const Flag *f, Buf *out) {
        buf_adds(out, f->help);
        if (f->fallback && *f->fallback)
                buf_addf(out, " (default %s)", f->fallback);
        const Choice *c = f->choices ? f->choices() : NULL;
        for (size_t i = 0; c && c[i].word; i++)
                buf_addf(out, "%s%s%s", i ? ", " : " [", c[i].word, c[i + 1].word ? "" : "]");
        if (f->kind == FLAG_LIST)
                buf_adds(out, "; may be repeated");
        if (f->kind == FLAG_CSV)
                buf_adds(out, "; comma separated, may be repeated");
}

static void add_flags(Buf *out, const char *heading, const Flag *flags) {
        if (!flags || !flags->name)
                return;
        size_t width = 0;
        for (const Flag *f = flags; f->name; f++) {
                _cleanup_buf_ Buf b = { 0 };
                flag_spelling(f, &b);
                width = MAX(width, b.len);
        }
        width = MIN(width + 4, (size_t)HELP_COLUMN_MAX);
        buf_addf(out, "\n%s:\n", heading);
        for (const Flag *f = flags; f->name; f++) {
                _cleanup_buf_ Buf left = { 0 }, right = { 0 };
                flag_spelling(f, &left);
                flag_description(f, &right);
                buf_addf(out, "  %-*s ", (int)width - 3, left.data);
                add_wrapped(out, right.data, width, width);
        }
}

static void add_usage(const CommandPath *p, const char *indent, Buf *out) {
        const Command *c = command_path_last(p);
        _cleanup_free_ char *path = command_path_text(p, " ");
        if (c->run)
                buf_addf(out, "%s%s [flags]%s%s\n", indent, path, c->args ? " " : "",
                         c->args ? c->args : "");
        if (c->commands)
                buf_addf(out, "%s%s COMMAND [flags]\n", indent, path);
}

void help_text(const CommandPath *p, Buf *out) {
        const Command *c = command_path_last(p);
        buf_addf(out, "%s\n", c->help);
        if (c->text) {
                buf_addc(out, '\n');
                add_paragraphs(out, c->text);
        }
        buf_adds(out, "\nUsage:\n");
        add_usage(p, "  ", out);
        if (c->commands) {
                size_t width = 0;
                for (const Command *const *s = c->commands; *s; s++)
                        width = MAX(width, strlen((*s)->name));
                buf_adds(out, "\nCommands:\n");
                for (const Command *const *s = c->commands; *s; s++)
                        buf_addf(out, "  %-*s  %s\n", (int)width, (*s)->name, (*s)->help);
        }
        if (p->n > 1)
                add_flags(out, "Flags", c->flags);
        for (size_t i = p->n - 1; i-- > 1;) {
                _cleanup_free_ char *heading = xasprintf("Flags of %s", p->items[i]->name);
                add_flags(out, heading, p->items[i]->flags);
        }
        add_flags(out, "Global flags", p->items[0]->flags);
        if (c->commands) {
                _cleanup_free_ char *path = command_path_text(p, " ");
                buf_addf(out, "\n\"%s COMMAND --help\" tells more about a command.\n", path);
        }
}

/* --- manual pages --------------------------------------------------------------------------- */

/* Escapes what troff would read as a command: backslash, hyphens of options, dots and quotes that
 * begin a line. */
static void roff(Buf *out, const char *text) {
        bool line_start = true;
        for (; *text; text++) {
                if (line_start && (*text == '.' || *text == '\''))
                        buf_adds(out, "\\&");
                if (*text == '\\')
                        buf_adds(out, "\\e");
                else if (*text == '-')
                        buf_adds(out, "\\-");
                else
                        buf_addc(out, *text);
                line_start = *text == '\n';
        }
}

static void roff_paragraphs(Buf *out, const char *text) {
        bool example = false;
        while (*text) {
                size_t len = strcspn(text, "\n");
                _cleanup_free_ char *line = xstrndup(text, len);
                if (*line == ' ' && !example)
                        buf_adds(out, ".PP\n.nf\n");
                else if (*line != ' ' && example)
                        buf_adds(out, ".fi\n");
                example = *line == ' ';
                if (!*line)
                        buf_adds(out, ".PP");
                roff(out, line);
                buf_addc(out, '\n');
                text += len + (text[len] == '\n');
        }
        if (example)
                buf_adds(out, ".fi\n");
}

static void roff_flags(Buf *out, const char *heading, const Flag *flags) {
        if (!flags || !flags->name)
                return;
        buf_addf(out, ".SH %s\n", heading);
        for (const Flag *f = flags; f->name; f++) {
                _cleanup_buf_ Buf text = { 0 };
                buf_adds(out, ".TP\n");
                if (f->letter)
                        buf_addf(out, "\\fB\\-%c\\fR, ", f->letter);
                buf_adds(out, "\\fB\\-\\-");
                roff(out, f->name);
                buf_adds(out, "\\fR");
                if (f->arg) {
                        buf_adds(out, " \\fI");
                        roff(out, f->arg);
                        buf_adds(out, "\\fR");
                }
                buf_addc(out, '\n');
                flag_description(f, &text);
                roff(out, text.data);
                buf_addc(out, '\n');
        }
}

void help_man(const CommandPath *p, Buf *out) {
        const Command *c = command_path_last(p);
        _cleanup_free_ char *name = command_path_text(p, "-");
        _cleanup_free_ char *upper = xstrdup(name);
        for (char *s = upper; *s; s++)
                *s = *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s;

        buf_addf(out, ".TH %s 1 \"\" linuxkit \"LinuxKit manual\"\n.SH NAME\n", upper);
        roff(out, name);
        buf_adds(out, " \\- ");
        roff(out, c->help);
        buf_adds(out, "\n.SH SYNOPSIS\n.nf\n");
        _cleanup_buf_ Buf usage = { 0 };
        add_usage(p, "", &usage);
        roff(out, usage.data);
        buf_adds(out, ".fi\n.SH DESCRIPTION\n");
        roff_paragraphs(out, c->text ? c->text : c->help);

        if (c->commands) {
                buf_adds(out, ".SH COMMANDS\n");
                for (const Command *const *s = c->commands; *s; s++) {
                        buf_adds(out, ".TP\n\\fB");
                        roff(out, name);
                        buf_adds(out, "\\-");
                        roff(out, (*s)->name);
                        buf_adds(out, "\\fR(1)\n");
                        roff(out, (*s)->help);
                        buf_addc(out, '\n');
                }
        }
        if (p->n > 1)
                roff_flags(out, "OPTIONS", c->flags);
        for (size_t i = p->n - 1; i-- > 1;) {
                _cleanup_free_ char *heading = xasprintf("\"OPTIONS OF %s\"", p->items[i]->name);
                roff_flags(out, heading, p->items[i]->flags);
        }
        roff_flags(out, "\"GLOBAL OPTIONS\"", p->items[0]->flags);
        buf_adds(out,
                 ".SH \"EXIT STATUS\"\n0 on success, 1 after any error. An interrupted command "
                 "dies from the signal.\n");
        if (p->n > 1) {
                CommandPath up = *p;
                up.n--;
                _cleanup_free_ char *parent = command_path_text(&up, "-");
                buf_adds(out, ".SH \"SEE ALSO\"\n\\fB");
                roff(out, parent);
                buf_adds(out, "\\fR(1)\n");
        }
}

/* Calls fn for p and all commands below it until it returns true. */
static bool each_command(CommandPath *p, bool (*fn)(void *ctx, const CommandPath *p), void *ctx) {
        if (fn(ctx, p))
                return true;
        for (const Command *const *s = command_path_last(p)->commands; s && *s; s++) {
                p->items[p->n++] = *s;
                if (each_command(p, fn, ctx))
                        return true;
                p->n--;
        }
        return false;
}

static bool list_page(void *ctx, const CommandPath *p) {
        _cleanup_free_ char *name = command_path_text(p, "-");
        buf_addf(ctx, "%s\n", name);
        return false;
}

void help_pages(const Command *root, Buf *out) {
        CommandPath p = { .items = { root }, .n = 1 };
        each_command(&p, list_page, out);
}

static bool is_page(void *ctx, const CommandPath *p) {
        _cleanup_free_ char *name = command_path_text(p, "-");
        return str_eq(name, ctx);
}

int help_find_page(const Command *root, const char *page, CommandPath *ret, Err *e) {
        _cleanup_free_ char *name = xstrdup(page);
        *ret = (CommandPath){ .items = { root }, .n = 1 };
        if (!each_command(ret, is_page, name))
                return err_set(e, ERR_USAGE, 0, "no manual page \"%s\"", page);
        return 0;
}

int help_find(const Command *root, const char *const *words, size_t n, CommandPath *ret, Err *e) {
        *ret = (CommandPath){ .items = { root }, .n = 1 };
        for (size_t i = 0; i < n; i++) {
                const Command *sub = command_find(command_path_last(ret), words[i]);
                if (!sub)
                        return command_unknown(ret, words[i], e);
                ret->items[ret->n++] = sub;
        }
        return 0;
}
