/* bundle.c - `linuxkit bundle`: a build file's images as one file, for machines without a network.
 */
#include "lib/build/bundle.h"

#include "cmd/linuxkit/cmd.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

static const Flag flags[] = {
        { "output", 0, FLAG_STRING, "BUNDLE", NULL,
          "file to write; - is standard output (required)", NULL },
        { "platform", 0, FLAG_CSV, "OS/ARCH", NULL,
          "platforms to build for (default: this machine's)", platform_choices },
        { "arch", 0, FLAG_CSV, "ARCH", NULL, "the same as --platform linux/ARCH", arch_choices },
        { "pull", 0, FLAG_BOOL, NULL, NULL, "fetch every image, even if it is in the cache", NULL },
        { "locked", 0, FLAG_BOOL, NULL, NULL, "as for `linuxkit build`", NULL },
        { "lock-file", 0, FLAG_STRING, "FILE", NULL, "as for `linuxkit build`", NULL },
        { 0 },
};

static int run(Context *c, Err *e) {
        const Args *a = c->args;
        _cleanup_sink_ Sink *out = NULL;
        const char *output = args_string(a, "output");
        BundleOptions o = {
                .files = a->words,
                .n_files = a->n_words,
                .cache = c->cache,
                .registry = c->registry,
                .pull = args_bool(a, "pull"),
                .locked = args_bool(a, "locked"),
                .lock_file = args_string(a, "lock-file"),
        };
        if (!output)
                return err_set(e, ERR_USAGE, 0, "'output' flag is required");
        if (platforms_wanted(a, &o.platforms, e) < 0)
                return -1;
        if (str_eq(output, "-"))
                out = sink_fd(STDOUT_FILENO, "standard output");
        else if (sink_file(output, 0644, &out, e) < 0)
                return -1;
        if (bundle_write(&o, out, e) < 0 || sink_finish(out, e) < 0)
                return -1;
        if (!str_eq(output, "-"))
                log_info("wrote %s: %llu MiB", output, (unsigned long long)out->written >> 20);
        return 0;
}

const Command cmd_bundle = {
        .name = "bundle",
        .args = "FILE...",
        .help = "Write all images of a build file to one archive",
        .text = "Fetches the images and builds the packages that the build files name, as `build` "
                "would, and writes them with a linuxkit.lock to one archive, an OCI image layout. "
                "On a machine without a network `build --bundle` makes the same outputs from it. "
                "The same images give the same bytes.\n\n"
                "  linuxkit bundle --output linuxkit.bundle examples/linuxkit.yml\n"
                "  linuxkit build --bundle linuxkit.bundle examples/linuxkit.yml\n",
        .flags = flags,
        .min_args = 1,
        .max_args = -1,
        .takes_files = true,
        .run = run,
};
