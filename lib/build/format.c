/* format.c - see format.h.  Names and files are those of formats.md 1.3. */
#include "lib/build/format.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/build/build.h"
#include "lib/build/writers.h"

static const Format formats[] = {
        { .name = "kernel+initrd",
          .help = "kernel, gzip cpio initrd and command line as three files",
          .write = write_kernel_initrd,
          .files = { "-kernel", "-initrd.img", "-cmdline" },
          .arches = ON_ANY },
        { .name = "tar",
          .help = "the root file system as a tar stream",
          .write = write_tar,
          .files = { ".tar" },
          .arches = ON_ANY,
          .streams = true },
        { .name = "tar-kernel-initrd",
          .help = "kernel, initrd and command line in one tar",
          .write = write_tar_kernel_initrd,
          .files = { "-initrd.tar" },
          .arches = ON_ANY },
        { .name = "docker",
          .help = "the root file system as a tar for `docker build -`",
          .write = write_tar,
          .files = { ".docker" },
          .arches = ON_ANY,
          .streams = true,
          .dockerfile = true },
};

char *format_stream_path(const Format *f, const char *output, const char *prefix) {
        return output ? xstrdup(output) : xasprintf("%s%s", prefix, f->files[0]);
}

const Format *format_find(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(formats); i++)
                if (str_eq(formats[i].name, name))
                        return &formats[i];
        return NULL;
}

/* The first file that both write; NULL: none. */
static const char *common_file(const Format *a, const Format *b) {
        for (size_t i = 0; a->files[i]; i++)
                for (size_t k = 0; b->files[k]; k++)
                        if (str_eq(a->files[i], b->files[k]))
                                return a->files[i];
        return NULL;
}

int format_check(const Format *const *list, size_t n, const char *arch, Err *e) {
        int here = str_eq(arch, "amd64") ? ON_AMD64 : str_eq(arch, "arm64") ? ON_ARM64 : 0;
        for (size_t i = 0; i < n; i++) {
                if (list[i]->arches != ON_ANY && !(list[i]->arches & here))
                        return err_set(e, ERR_USAGE, 0, "format %s cannot be made for %s",
                                       list[i]->name, arch);
                for (size_t k = 0; k < i; k++) {
                        const char *file = common_file(list[i], list[k]);
                        if (!file || list[i] == list[k])
                                continue;
                        err_set(e, ERR_USAGE, 0, "formats %s and %s both write the file *%s",
                                list[k]->name, list[i]->name, file);
                        return err_hint(e, "build them one after another, with another --name");
                }
        }
        return 0;
}

const FormatInfo *build_formats(void) {
        static FormatInfo infos[ARRAY_LEN(formats) + 1];
        for (size_t i = 0; i < ARRAY_LEN(formats); i++)
                infos[i] = (FormatInfo){ formats[i].name, formats[i].help };
        return infos;
}
