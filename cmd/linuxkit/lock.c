/* lock.c - `linuxkit lock`: writes down what the tags of a build file stand for today.
 *
 * The file is only written when it changes, so it keeps its time in a checkout that is current. */
#include <stdio.h>

#include "cmd/linuxkit/cmd.h"
#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/build/lockimages.h"
#include "lib/build/pins.h"

static const Flag flags[] = {
        { "output", 0, FLAG_STRING, "FILE", NULL,
          "lock file (default: linuxkit.lock beside the first FILE); - is standard output", NULL },
        { "platform", 0, FLAG_CSV, "OS/ARCH", NULL,
          "lock these only, and demand that every image has them (default: all that an image has)",
          platform_choices },
        { "arch", 0, FLAG_CSV, "ARCH", NULL, "the same as --platform linux/ARCH", arch_choices },
        { "check", 0, FLAG_BOOL, NULL, NULL,
          "write nothing; say what is different and fail if anything is", NULL },
        { 0 },
};

static json_t *lock_json(const char *path, const SpecLock *lock) {
        json_t *images = json_object();
        for (size_t i = 0; i < lock->n; i++) {
                const LockedImage *image = &lock->images[i];
                json_t *o = json_object(), *platforms = json_object();
                if (image->package)
                        json_object_set_new(o, "package", json_string(image->package));
                if (image->root.text[0])
                        json_object_set_new(o, "digest", json_string(image->root.text));
                for (size_t k = 0; k < image->n; k++)
                        json_object_set_new(platforms, image->platforms[k].platform,
                                            json_string(image->platforms[k].digest.text));
                json_object_set_new(o, "platforms", platforms);
                json_object_set_new(images, image->ref, o);
        }
        return json_pack("{s:s, s:o}", "file", path, "images", images);
}

/* One line per difference, on standard output. */
static int check(Context *c, const char *path, const SpecLock *now, bool platforms, Err *e) {
        _cleanup_buf_ Buf text = { 0 };
        SpecLock old;
        if (speclock_load(path, &old, e) < 0)
                return err_hint(e, "`linuxkit lock` writes it");
        speclock_diff(&old, now, platforms, &text);
        speclock_done(&old);
        if (json_wanted(c)) {
                json_t *lines = json_array();
                for (char *line = text.data; line && *line;) {
                        size_t n = strcspn(line, "\n");
                        json_array_append_new(lines, json_stringn(line, n));
                        line += n + (line[n] == '\n');
                }
                if (json_result(json_pack("{s:s, s:b, s:o}", "file", path, "current", !text.len,
                                          "differences", lines),
                                e) < 0)
                        return -1;
        } else if (text.len) {
                fputs(text.data, stdout);
        }
        if (!text.len)
                return 0;
        err_set(e, ERR_VERIFY, 0, "%s is out of date", path);
        return err_hint(e, "`linuxkit lock` writes it again");
}

static int write_lock(Context *c, const char *path, const SpecLock *lock, Err *e) {
        _cleanup_buf_ Buf text = { 0 };
        _cleanup_free_ char *old = NULL;
        size_t n;
        speclock_print(lock, &text);
        if (str_eq(path, "-")) {
                fwrite(text.data, 1, text.len, stdout);
                return 0;
        }
        if (file_read(path, text.len, &old, &n, NULL) == 0 && n == text.len &&
            memcmp(old, text.data, n) == 0)
                log_info("%s is up to date", path);
        else if (file_write(path, text.data, text.len, 0644, e) < 0)
                return -1;
        else
                log_info("wrote %s: %zu images", path, lock->n);
        return json_wanted(c) ? json_result(lock_json(path, lock), e) : 0;
}

static int run(Context *c, Err *e) {
        const Args *a = c->args;
        _cleanup_speclock_ SpecLock lock = { 0 };
        _cleanup_free_ char *path = NULL;
        LockImagesOptions o = {
                .files = a->words, .n_files = a->n_words, .cache = c->cache, .registry = c->registry
        };
        bool platforms = args_given(a, "platform") || args_given(a, "arch");
        const char *output = args_string(a, "output");
        if (platforms_wanted(a, &o.platforms, e) < 0)
                return -1;
        if (!platforms)
                o.platforms.all = true;
        path = output ? xstrdup(output) : pins_lock_path(a->words);
        if (args_bool(a, "check") && str_eq(path, "-"))
                return err_set(e, ERR_USAGE, 0, "--check needs a file to compare with");
        if (lockimages_resolve(&o, &lock, e) < 0)
                return -1;
        return args_bool(a, "check") ? check(c, path, &lock, platforms, e)
                                     : write_lock(c, path, &lock, e);
}

const Command cmd_lock = {
        .name = "lock",
        .args = "FILE...",
        .help = "Write down which images a build file uses",
        .text = "Asks the registries what every image of the build files is today and writes the "
                "digests to linuxkit.lock beside the first FILE. Commit that file: builds take the "
                "images that it names, whatever happens to the tags. Run the command again to move "
                "on; `build --locked` fails when something is not in the file.\n\n"
                "  linuxkit lock examples/linuxkit.yml\n"
                "  linuxkit build --locked examples/linuxkit.yml\n",
        .flags = flags,
        .min_args = 1,
        .max_args = -1,
        .takes_files = true,
        .run = run,
};
