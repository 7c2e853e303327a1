/* main.c - the list of commands, and the one place that prints errors.
 *
 * Library code never prints and never exits; whatever went wrong arrives here as one Err. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/linuxkit/cmd.h"
#include "cmd/linuxkit/help.h"

static const Command *const commands[] = {
        &cmd_build, &cmd_bundle, &cmd_cache,  &cmd_completion, &cmd_help, &cmd_lock,
        &cmd_pkg,   &cmd_run,    &cmd_schema, &cmd_version,    NULL,
};

static const Command root = {
        .name = "linuxkit",
        .help = "Build and run small, immutable operating systems from container images",
        .flags = context_flags,
        .commands = commands,
        .max_args = -1,
};

static void print_help(const CommandPath *p) {
        _cleanup_buf_ Buf text = { 0 };
        help_text(p, &text);
        fwrite(text.data, 1, text.len, stdout);
}

/* --- help ----------------------------------------------------------------------------------- */

static int run_help(Context *c, Err *e) {
        CommandPath p;
        if (help_find(c->root, c->args->words, c->args->n_words, &p, e) < 0)
                return -1;
        print_help(&p);
        return 0;
}

const Command cmd_help = {
        .name = "help",
        .args = "[COMMAND]...",
        .help = "Show the help of a command",
        .max_args = -1,
        .run = run_help,
};

/* --- commands for our own scripts, which no help lists -------------------------------------- */

static int run_complete(const char *const *words, size_t n, bool descriptions) {
        _cleanup_buf_ Buf out = { 0 };
        complete_words(&root, words, n, descriptions, &out);
        fputs(out.data, stdout);
        return 0;
}

/* `__man --list`, `__man PAGE`: for `make install`. */
static int run_man(const char *page, Err *e) {
        _cleanup_buf_ Buf out = { 0 };
        CommandPath p;
        if (strcmp(page, "--list") == 0) {
                help_pages(&root, &out);
        } else {
                if (help_find_page(&root, page, &p, e) < 0)
                        return -1;
                help_man(&p, &out);
        }
        fputs(out.data, stdout);
        return 0;
}

/* ------------------------------------------------------------------------------------------- */

static int dispatch(int argc, char **argv, bool *ret_json, Err *e) {
        const char *const *rest = (const char *const *)argv + 2;
        size_t n_rest = argc > 2 ? (size_t)argc - 2 : 0;
        if (argc > 1 && strcmp(argv[1], "__complete") == 0)
                return run_complete(rest, n_rest, true);
        if (argc > 1 && strcmp(argv[1], "__completeNoDesc") == 0)
                return run_complete(rest, n_rest, false);
        if (argc == 3 && strcmp(argv[1], "__man") == 0)
                return run_man(argv[2], e);

        _cleanup_args_ Args args = { 0 };
        if (args_parse(&root, argc, argv, &args, e) < 0)
                return -1;
        const Command *c = command_path_last(&args.path);
        *ret_json = args_bool(&args, "json");
        if (args_bool(&args, "help")) {
                print_help(&args.path);
                return 0;
        }
        const char *slash = strrchr(argv[0], '/');
        Context context = {
                .program = slash ? slash + 1 : argv[0],
                .root = &root,
                .args = &args,
        };
        if (context_setup(&context, e) < 0)
                return -1;
        if (!c->run) {
                print_help(&args.path);
                return 0;
        }
        if (args_check_count(&args, e) < 0)
                return -1;
        return c->run(&context, e);
}

/* {"time": ..., "level": "error", "msg": ..., "hint": ...}, as the other lines are with --json. */
static void print_json_error(const Err *e, const char *text) {
        _cleanup_free_ char *line = NULL;
        char stamp[32];
        struct tm tm;
        const time_t now = time(NULL);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
        json_t *j = json_pack("{s:s, s:s, s:s}", "time", stamp, "level", "error", "msg", text);
        if (e->hint)
                json_object_set_new(j, "hint", json_string(e->hint));
        line = json_dumps(j, JSON_COMPACT);
        json_decref(j);
        if (line)
                fprintf(stderr, "%s\n", line);
        else /* not UTF-8 */
                fprintf(stderr, "Error: %s\n", text);
}

static void print_error(const Err *e, bool json) {
        const char *text = e->text ? e->text : "unknown error";
        if (json) {
                print_json_error(e, text);
                return;
        }
        /* a build file's faults come one per line, each with its place at the beginning of the line
         */
        if (e->kind == ERR_SPEC && strchr(text, '\n'))
                fprintf(stderr, "Error: invalid build file\n%s\n", text);
        else
                fprintf(stderr, "Error: %s\n", text);
        if (e->hint)
                fprintf(stderr, "hint: %s\n", e->hint);
}

/* A standard descriptor that the caller closed would be given to the next file we open, and a log
 * line would land in the cache. What takes its place reads as empty and cannot be written, except
 * that nobody misses what is said on a closed stderr. */
static void fill_standard_fds(void) {
        for (int fd = 0; fd <= 2; fd++)
                if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
                        (void)!open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv) {
        _cleanup_err_ Err e = ERR_INIT;
        if (argc < 1)
                return 1;
        fill_standard_fds();
        signals_setup();
        bool json = false;
        int r = dispatch(argc, argv, &json, &e);
        if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
                r = err_set(&e, ERR_IO, errno, "write to standard output");
        if (r < 0) {
                fflush(stdout);
                print_error(&e, json);
        }
        return r < 0 ? 1 : 0;
}
