/* cache_archive.c - `linuxkit cache export` and `import`: images as files.
 *
 * An export that goes to a file appears by rename, so a failed one leaves the older file alone
 * (cli.md 14 row 15). */
#include <stdio.h>

#include "cmd/linuxkit/cmd.h"
#include "lib/base/log.h"
#include "lib/base/ref.h"
#include "lib/base/str.h"
#include "lib/build/export.h"
#include "lib/oci/import.h"

/* --- cache export --------------------------------------------------------------------------- */

static const Choice *export_formats(void) {
        static const Choice choices[] = {
                [EXPORT_OCI] = { "oci", "OCI image layout" },
                [EXPORT_DOCKER] = { "docker", "archive for docker load" },
                [EXPORT_FILESYSTEM] = { "filesystem", "the files of the image" },
                { 0 },
        };
        return choices;
}

static const Flag export_flags[] = {
        { "format", 0, FLAG_STRING, "FORMAT", "oci", "format of the archive", export_formats },
        { "outfile", 0, FLAG_STRING, "FILE", NULL, "file to write; - is standard output (required)",
          NULL },
        { "platform", 0, FLAG_CSV, "OS/ARCH", NULL,
          "platform to export (default: this machine's); oci takes several, and all for the whole "
          "index",
          platform_choices },
        { "name", 0, FLAG_STRING, "REF", NULL,
          "name of the image inside the archive (default: NAME)", NULL },
        { 0 },
};

static int find_format(const char *text, ExportFormat *ret, Err *e) {
        const Choice *choices = export_formats();
        for (size_t i = 0; choices[i].word; i++)
                if (str_eq(choices[i].word, text)) {
                        *ret = (ExportFormat)i;
                        return 0;
                }
        err_set(e, ERR_USAGE, 0, "unknown format \"%s\"", text);
        return err_hint(e, "formats are oci, docker and filesystem");
}

static int write_export(Cache *cache, const ExportOptions *o, const char *file, Err *e) {
        _cleanup_sink_ Sink *out = NULL;
        if (str_eq(file, "-"))
                out = sink_fd(STDOUT_FILENO, "standard output");
        else if (sink_file(file, 0644, &out, e) < 0)
                return -1;
        if (export_image(cache, o, out, e) < 0) {
                if (e->kind == ERR_NOT_FOUND)
                        err_hint(e, "`linuxkit cache ls` shows what there is");
                return -1;
        }
        return sink_finish(out, e);
}

static int run_export(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        _cleanup_ref_ Ref ref = { 0 }, name = { 0 };
        ExportOptions o = { 0 };
        const char *file = args_string(c->args, "outfile"), *as = args_string(c->args, "name");
        if (!file)
                return err_set(e, ERR_USAGE, 0, "'outfile' flag is required");
        if (find_format(args_string(c->args, "format"), &o.format, e) < 0 ||
            platforms_wanted(c->args, &o.platforms, e) < 0 ||
            ref_parse(c->args->words[0], &ref, e) < 0 || (as && ref_parse(as, &name, e) < 0) ||
            cache_open(c->cache, &cache, e) < 0)
                return -1;
        o.ref = ref.text;
        o.name = name.text;
        return write_export(cache, &o, file, e);
}

const Command cmd_cache_export = {
        .name = "export",
        .args = "NAME",
        .help = "Write an image of the cache to a file",
        .text = "The same image always gives the same bytes. Every blob is verified on its way "
                "out.\n\n"
                "  linuxkit cache export --outfile redis.tar redis:7\n"
                "  linuxkit cache export --platform all --outfile - redis:7 | ssh host linuxkit "
                "cache import -\n",
        .flags = export_flags,
        .min_args = 1,
        .max_args = -1,
        .run = run_export,
};

/* --- cache import --------------------------------------------------------------------------- */

static const Flag import_flags[] = {
        { "name", 0, FLAG_STRING, "REF", NULL,
          "name for the image of an archive that holds one image", NULL },
        { 0 },
};

static void report(const Imported *imported, json_t *list) {
        for (size_t i = 0; i < imported->n; i++) {
                const ImportedImage *image = &imported->images[i];
                log_info("imported %s %s", image->name, image->root.digest.text);
                json_array_append_new(list, json_pack("{s:s, s:s}", "name", image->name, "digest",
                                                      image->root.digest.text));
        }
}

static int run_import(Context *c, Err *e) {
        _cleanup_cache_ Cache *cache = NULL;
        const ImportOptions o = { .name = args_string(c->args, "name"), .check = true };
        if (o.name && c->args->n_words > 1)
                return err_set(e, ERR_USAGE, 0,
                               "--name names one image, and there are %zu archives",
                               c->args->n_words);
        if (cache_open(c->cache, &cache, e) < 0)
                return -1;
        json_t *list = json_array();
        for (size_t i = 0; i < c->args->n_words; i++) {
                _cleanup_imported_ Imported imported = { 0 };
                if (import_archive(cache, c->args->words[i], &o, &imported, e) < 0) {
                        json_decref(list);
                        return -1;
                }
                report(&imported, list);
        }
        if (json_wanted(c))
                return json_result(list, e);
        json_decref(list);
        return 0;
}

const Command cmd_cache_import = {
        .name = "import",
        .args = "FILE...",
        .help = "Take images from files into the cache",
        .text = "FILE is an OCI image layout as a tar (as `cache export`, `bundle`, skopeo and "
                "docker write it) or an archive of `docker save`, plain or compressed with gzip or "
                "zstd; - is standard input. Every blob is verified against its digest, and a "
                "damaged one that the cache holds is replaced.",
        .flags = import_flags,
        .min_args = 1,
        .max_args = -1,
        .takes_files = true,
        .run = run_import,
};
