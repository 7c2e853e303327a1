/* build.c - `linuxkit build`: flags in, lib/build called.  What a flag means and which may stand
 * together is checked there (yaml.md 3), so that other callers get the same answers. */
#include "lib/build/build.h"

#include "cmd/linuxkit/cmd.h"

/* The formats with their help, in the shape that flags want. */
static const Choice *format_choices(void) {
        static Choice *choices;
        if (choices)
                return choices;
        const FormatInfo *formats = build_formats();
        size_t n = 0;
        while (formats[n].name)
                n++;
        choices = xcalloc(n + 1, sizeof(*choices));
        for (size_t i = 0; i < n; i++)
                choices[i] = (Choice){ formats[i].name, formats[i].help };
        return choices;
}

static const Choice *root_choices(void) {
        static const Choice choices[] = {
                { "squashfs", "compressed, read from the disk" },
                { "erofs", "not compressed, read from the disk" },
                { "initrd", "unpacked into memory, as LinuxKit does" },
                { 0 },
        };
        return choices;
}

static const Flag flags[] = {
        { "format", 'f', FLAG_CSV, "FORMAT", NULL, "what to make", format_choices },
        { "o", 0, FLAG_STRING, "FILE", NULL,
          "output file of a format that is a single file; - is standard output", NULL },
        { "name", 0, FLAG_STRING, "NAME", NULL,
          "base name of the outputs (default: name of the last FILE without its extension)", NULL },
        { "dir", 0, FLAG_STRING, "DIR", NULL,
          "directory of the outputs (default: current directory)", NULL },
        { "arch", 0, FLAG_STRING, "ARCH", NULL, "target architecture (default: this machine's)",
          arch_choices },
        { "size", 0, FLAG_STRING, "SIZE", NULL,
          "size of a disk: a number of GiB, or one with M or G (default: what its content needs, "
          "1024M at least for clouds)",
          NULL },
        { "disk-root", 0, FLAG_STRING, "KIND", "squashfs",
          "where disks and ISO images have the root file system: in an image of that kind, of "
          "which "
          "only what is used takes memory, or in the initrd",
          root_choices },
        { "bootloader", 0, FLAG_STRING, "IMAGE", NULL,
          "image or folder with the boot loader's files (default: the package that comes with "
          "linuxkit)",
          NULL },
        { "secureboot-key", 0, FLAG_STRING, "FILE", NULL,
          "sign what UEFI starts with this RSA key (PEM)", NULL },
        { "secureboot-cert", 0, FLAG_STRING, "FILE", NULL, "certificate of that key (PEM)", NULL },
        { "pull", 0, FLAG_BOOL, NULL, NULL, "fetch every image, even if it is in the cache", NULL },
        { "docker", 0, FLAG_BOOL, NULL, NULL,
          "look for images in the local docker engine first; without one nothing changes", NULL },
        { "input-tar", 0, FLAG_STRING, "FILE", NULL,
          "output of an earlier build; what did not change since is named, the result is the same",
          NULL },
        { "decompress-kernel", 0, FLAG_BOOL, NULL, NULL, "write the kernel uncompressed", NULL },
        { "no-sbom", 0, FLAG_BOOL, NULL, NULL, "do not add an SBOM file", NULL },
        { "sbom-output", 0, FLAG_STRING, "NAME", "sbom.spdx.json", "name of the SBOM file", NULL },
        { "sbom-current-time", 0, FLAG_BOOL, NULL, NULL,
          "creation time of the SBOM is now, not the fixed time", NULL },
        { "size-report", 0, FLAG_STRING, "FILE", NULL,
          "write bytes per component and the largest files as JSON; - prints a table", NULL },
        { "dry-run", 0, FLAG_BOOL, NULL, NULL, "print the merged build file and stop", NULL },
        { "locked", 0, FLAG_BOOL, NULL, NULL,
          "every image must be in linuxkit.lock, and the packages of folders must be as their lock "
          "files say; anything else is an error",
          NULL },
        { "lock-file", 0, FLAG_STRING, "FILE", NULL,
          "lock file to obey (default: linuxkit.lock beside the first FILE, if it is there)",
          NULL },
        { "bundle", 0, FLAG_STRING, "BUNDLE", NULL,
          "take the images from what `linuxkit bundle` wrote; no registry is asked", NULL },
        { "keep-dirs", 0, FLAG_BOOL, NULL, NULL,
          "files: keep mode and owner of parent directories that the images have already", NULL },
        { "dedup", 0, FLAG_BOOL, NULL, NULL,
          "store an image that containers use under several names once", NULL },
        { "relative-source", 0, FLAG_BOOL, NULL, NULL,
          "files: source is relative to the folder of its build file, not to the current directory",
          NULL },
        { "strict", 0, FLAG_BOOL, NULL, NULL,
          "isolate containers as docker does, where neither build file nor label says otherwise",
          NULL },
        { 0 },
};

static int run(Context *c, Err *e) {
        const Args *a = c->args;
        BuildOptions o = {
                .files = a->words,
                .n_files = a->n_words,
                .output = args_string(a, "o"),
                .name = args_string(a, "name"),
                .dir = args_string(a, "dir"),
                .arch = args_string(a, "arch"),
                .cache = c->cache,
                .size = args_string(a, "size"),
                .disk_root = args_string(a, "disk-root"),
                .bootloader = args_string(a, "bootloader"),
                .secureboot_key = args_string(a, "secureboot-key"),
                .secureboot_cert = args_string(a, "secureboot-cert"),
                .pull = args_bool(a, "pull"),
                .docker = args_bool(a, "docker"),
                .input_tar = args_string(a, "input-tar"),
                .decompress_kernel = args_bool(a, "decompress-kernel"),
                .no_sbom = args_bool(a, "no-sbom"),
                .sbom_output = args_string(a, "sbom-output"),
                .sbom_current_time = args_bool(a, "sbom-current-time"),
                .size_report = args_string(a, "size-report"),
                .dry_run = args_bool(a, "dry-run"),
                .registry = c->registry,
                .locked = args_bool(a, "locked"),
                .lock_file = args_string(a, "lock-file"),
                .bundle = args_string(a, "bundle"),
                .keep_dirs = args_bool(a, "keep-dirs"),
                .dedup = args_bool(a, "dedup"),
                .relative_source = args_bool(a, "relative-source"),
                .strict = args_bool(a, "strict"),
        };
        o.formats = args_list(a, "format", &o.n_formats);
        return build_run(&o, e);
}

const Command cmd_build = {
        .name = "build",
        .args = "FILE...",
        .help = "Build a bootable image from YAML files",
        .text = "Several FILEs are merged from left to right. - is standard input, and http:// and "
                "https:// URLs are fetched.\n\n"
                "A linuxkit.lock beside the first FILE (see `linuxkit lock`) decides which images "
                "are used, whatever their tags say now; with --pull the tags decide.\n\n"
                "  linuxkit build --format kernel+initrd examples/linuxkit.yml\n"
                "  linuxkit run linuxkit\n",
        .flags = flags,
        .min_args = 1,
        .max_args = -1,
        .takes_files = true,
        .run = run,
};
