/* completion.c - `linuxkit completion SHELL` and the candidates behind it.
 *
 * The scripts know nothing of the commands: they ask the hidden `__complete`, which answers from
 * the tables.  So an installed script stays right when the program gets new flags. */
#include <stdio.h>
#include <string.h>

#include "cmd/linuxkit/cmd.h"
#include "lib/base/str.h"

/* The last line of the answer tells the script what else may stand there (cli.md 12). */
enum { DIRECTIVE_FILES = 0, DIRECTIVE_NO_FILES = 4 };

typedef struct Answer {
        Buf *out;
        const char *word; /* what has been typed of it */
        bool descriptions;
} Answer;

/* prefix is the part of the word that stays as it is: "--format=", "tar," */
static void offer(Answer *a, const char *prefix, const char *name, const char *help) {
        _cleanup_free_ char *full = xasprintf("%s%s", prefix, name);
        if (!str_has_prefix(full, a->word))
                return;
        buf_adds(a->out, full);
        if (a->descriptions)
                buf_addf(a->out, "\t%s", help);
        buf_addc(a->out, '\n');
}

static int offer_values(Answer *a, const Flag *f, size_t prefix_len) {
        if (!f->choices)
                return f->kind == FLAG_INT ? DIRECTIVE_NO_FILES : DIRECTIVE_FILES;
        const char *comma = f->kind == FLAG_CSV ? strrchr(a->word + prefix_len, ',') : NULL;
        if (comma)
                prefix_len = (size_t)(comma + 1 - a->word);
        _cleanup_free_ char *prefix = xstrndup(a->word, prefix_len);
        for (const Choice *c = f->choices(); c->word; c++)
                offer(a, prefix, c->word, c->help);
        return DIRECTIVE_NO_FILES;
}

static int offer_flags(Answer *a, const CommandPath *p) {
        for (size_t i = p->n; i-- > 0;)
                for (const Flag *f = p->items[i]->flags; f && f->name; f++)
                        offer(a, "--", f->name, f->help);
        return DIRECTIVE_NO_FILES;
}

static int offer_words(Answer *a, const CommandPath *p, bool names_over) {
        const Command *c = command_path_last(p);
        if (!names_over)
                for (const Command *const *s = c->commands; s && *s; s++)
                        offer(a, "", (*s)->name, (*s)->help);
        return c->takes_files ? DIRECTIVE_FILES : DIRECTIVE_NO_FILES;
}

void complete_words(const Command *root, const char *const *words, size_t n, bool descriptions,
                    Buf *out) {
        CommandPath p = { .items = { root }, .n = 1 };
        Answer a = { .out = out, .word = n ? words[n - 1] : "", .descriptions = descriptions };
        const Flag *pending = NULL;
        bool names_over = false, flags_over = false;
        for (size_t i = 0; i + 1 < n; i++) {
                if (pending) {
                        pending = NULL;
                        continue;
                }
                if (!flags_over && words[i][0] == '-' && words[i][1]) {
                        flags_over = str_eq(words[i], "--");
                        pending = command_flag_taking_next(&p, words[i]);
                        continue;
                }
                const Command *sub = command_find(command_path_last(&p), words[i]);
                if (sub && !names_over)
                        p.items[p.n++] = sub;
                else
                        names_over = true;
        }

        int directive;
        const char *equals = strchr(a.word, '=');
        const Flag *f = NULL;
        if (!pending && !flags_over && str_has_prefix(a.word, "--") && equals)
                f = command_find_flag(&p, a.word + 2, (size_t)(equals - a.word) - 2);
        if (pending)
                directive = offer_values(&a, pending, 0);
        else if (f)
                directive = offer_values(&a, f, (size_t)(equals + 1 - a.word));
        else if (!flags_over && a.word[0] == '-')
                directive = offer_flags(&a, &p);
        else
                directive = offer_words(&a, &p, names_over || flags_over);
        buf_addf(out, ":%d\n", directive);
}

/* --- scripts; %s is the hidden command ------------------------------------------------------ */

static const char bash_script[] =
        "# bash completion for linuxkit\n"
        "_linuxkit() {\n"
        "    local -a words=()\n"
        "    local i line directive=0 prefix=\n"
        "    # bash splits --flag=value at the equals sign: put it together again\n"
        "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
        "        if ((${#words[@]})) &&\n"
        "           [[ ${COMP_WORDS[i]} == = || ${COMP_WORDS[i - 1]} == = ]]; then\n"
        "            words[${#words[@]} - 1]+=${COMP_WORDS[i]}\n"
        "        else\n"
        "            words+=(\"${COMP_WORDS[i]}\")\n"
        "        fi\n"
        "    done\n"
        "    [[ ${words[${#words[@]} - 1]} == --*=* ]] && prefix=${words[${#words[@]} - "
        "1]%%%%=*}=\n"
        "    COMPREPLY=()\n"
        "    while IFS= read -r line; do\n"
        "        case $line in\n"
        "        :*) directive=${line#:} ;;\n"
        "        *) COMPREPLY+=(\"${line#\"$prefix\"}\") ;;\n"
        "        esac\n"
        "    done < <(\"${COMP_WORDS[0]}\" %s \"${words[@]}\" 2>/dev/null)\n"
        "    ((directive == 0)) && compopt -o default\n"
        "    return 0\n"
        "}\n"
        "complete -F _linuxkit linuxkit\n";

static const char zsh_script[] =
        "#compdef linuxkit\n"
        "_linuxkit() {\n"
        "    local -a lines candidates\n"
        "    local line directive\n"
        "    lines=(\"${(@f)$(${words[1]} %s \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
        "    directive=${lines[-1]#:}\n"
        "    for line in \"${(@)lines[1,-2]}\"; do\n"
        "        candidates+=(\"${${line//:/\\\\:}/$'\\t'/:}\")\n"
        "    done\n"
        "    (( $#candidates )) && _describe linuxkit candidates\n"
        "    [[ $directive == 0 ]] && _files\n"
        "}\n"
        "if [[ ${funcstack[1]} == _linuxkit ]]; then\n"
        "    _linuxkit \"$@\"\n"
        "else\n"
        "    compdef _linuxkit linuxkit\n"
        "fi\n";

static const char fish_script[] = "# fish completion for linuxkit\n"
                                  "function __linuxkit_answer\n"
                                  "    set -l words (commandline -opc)\n"
                                  "    $words[1] %s $words[2..-1] (commandline -ct) 2>/dev/null\n"
                                  "end\n"
                                  "function __linuxkit_candidates\n"
                                  "    __linuxkit_answer | string match -rv '^:[0-9]+$'\n"
                                  "end\n"
                                  "function __linuxkit_wants_files\n"
                                  "    __linuxkit_answer | string match -q ':0'\n"
                                  "end\n"
                                  "complete -c linuxkit -f -a '(__linuxkit_candidates)'\n"
                                  "complete -c linuxkit -n __linuxkit_wants_files -F\n";

static const Flag flags[] = {
        { "no-descriptions", 0, FLAG_BOOL, NULL, NULL, "offer the words without their help", NULL },
        { 0 },
};

static const char *hidden_command(const Context *c) {
        return args_bool(c->args, "no-descriptions") ? "__completeNoDesc" : "__complete";
}

static int run_bash(Context *c, Err *e) {
        (void)c, (void)e;
        printf(bash_script, "__completeNoDesc"); /* bash has no place for descriptions */
        return 0;
}

static int run_zsh(Context *c, Err *e) {
        (void)e;
        printf(zsh_script, hidden_command(c));
        return 0;
}

static int run_fish(Context *c, Err *e) {
        (void)e;
        printf(fish_script, hidden_command(c));
        return 0;
}

static const Command bash = {
        .name = "bash",
        .help = "Completion script for bash",
        .text = "Load it for the running shell with\n\n  source <(linuxkit completion bash)\n\n"
                "or for every shell by writing it to /etc/bash_completion.d/linuxkit.",
        .run = run_bash,
};
static const Command zsh = {
        .name = "zsh",
        .help = "Completion script for zsh",
        .text = "Load it for the running shell with\n\n  source <(linuxkit completion zsh)\n\n"
                "or for every shell by writing it to a file _linuxkit in a directory of $fpath.",
        .run = run_zsh,
};
static const Command fish = {
        .name = "fish",
        .help = "Completion script for fish",
        .text = "Load it for the running shell with\n\n  linuxkit completion fish | source\n\n"
                "or for every shell by writing it to "
                "~/.config/fish/completions/linuxkit.fish.",
        .run = run_fish,
};
static const Command *const shells[] = { &bash, &zsh, &fish, NULL };

const Command cmd_completion = {
        .name = "completion",
        .help = "Write a completion script for your shell",
        .flags = flags,
        .commands = shells,
};
