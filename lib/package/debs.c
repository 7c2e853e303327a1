/* debs.c - see debs.h. */
#include "lib/package/debs.h"

#include <errno.h>
#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/pool.h"
#include "lib/base/str.h"

struct Debs {
        Apt *apt;
        const LockSection *section;
        char *dir, *scratch;
        Deb **open; /* per entry of section, NULL: not yet */
        bool *used; /* per entry of section */
        bool gone;
};

int debs_new(Cache *cache, Apt *apt, const LockSection *section, Debs **ret, Err *e) {
        Debs *d = xcalloc(1, sizeof(*d));

        d->apt = apt;
        d->section = section;
        d->dir = path_join(cache_dir(cache), "derived/debs");
        d->scratch = path_join(cache_dir(cache), "derived/scratch");
        d->open = xcalloc(section->n + 1, sizeof(Deb *));
        d->used = xcalloc(section->n + 1, sizeof(bool));
        if (dir_make(d->dir, e) < 0 || dir_make(d->scratch, e) < 0) {
                debs_free(d);
                return -1;
        }
        *ret = d;
        return 0;
}

void debs_free(Debs *d) {
        if (!d)
                return;
        for (size_t i = 0; i < d->section->n; i++)
                deb_free(d->open[i]);
        free(d->open);
        free(d->used);
        free(d->dir);
        free(d->scratch);
        free(d);
}

size_t debs_count(const Debs *d) {
        return d->section->n;
}

const char *debs_name(const Debs *d, size_t i) {
        return d->section->entries[i].name;
}

const Deb *debs_get(const Debs *d, size_t i) {
        return d->open[i];
}

bool debs_gone(const Debs *d) {
        return d->gone;
}

const char *debs_scratch(const Debs *d) {
        return d->scratch;
}

void debs_note(Debs *d, const Entry *entry) {
        if (entry->type == ENTRY_DIR)
                return;
        for (size_t i = 0; i < d->section->n; i++) {
                if (d->open[i] && deb_owns(d->open[i], entry)) {
                        d->used[i] = true;
                        return;
                }
        }
}

bool debs_used(const Debs *d, size_t i) {
        return d->used[i];
}

const LockEntry *debs_lock(const Debs *d, size_t i) {
        return &d->section->entries[i];
}

static char *deb_path(const Debs *d, size_t i) {
        return xasprintf("%s/%s.deb", d->dir, d->section->entries[i].sha256);
}

static int fetch_missing(Debs *d, const bool *choice, Err *e) {
        _cleanup_free_ const LockEntry **missing = xcalloc(d->section->n + 1, sizeof(*missing));
        size_t n = 0;
        Err why = ERR_INIT;

        for (size_t i = 0; i < d->section->n; i++) {
                _cleanup_free_ char *path = deb_path(d, i);

                if (choice[i] && !d->open[i] && !file_exists(path))
                        missing[n++] = &d->section->entries[i];
        }
        if (apt_download(d->apt, missing, n, d->dir, &why) == 0)
                return 0;
        d->gone = why.kind == ERR_NOT_FOUND;
        err_move(e, &why);
        return -1;
}

static int verify(const char *path, const LockEntry *want, Err *e) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        Digest digest;

        if (fd < 0)
                return err_set(e, ERR_IO, errno, "open %s", path);
        if (hash_fd(fd, &digest, NULL, e) < 0)
                return err_wrap(e, "%s", path);
        if (str_eq(digest_hex(&digest), want->sha256))
                return 0;
        unlink(path); /* the next build fetches it again */
        return err_set(e, ERR_VERIFY, 0, "package %s %s: %s has SHA-256 %s", want->name,
                       want->version, path, digest_hex(&digest));
}

typedef struct OpenJob {
        Debs *d;
        const size_t *which;
} OpenJob;

static int open_one(void *ctx, size_t i, Err *e) {
        OpenJob *job = ctx;
        size_t k = job->which[i];
        const LockEntry *want = &job->d->section->entries[k];
        _cleanup_free_ char *path = deb_path(job->d, k);

        if (verify(path, want, e) < 0)
                return -1;
        if (deb_open(path, job->d->scratch, &job->d->open[k], e) < 0)
                return err_wrap(e, "package %s %s", want->name, want->version);
        return 0;
}

int debs_open(Debs *d, const bool *choice, Err *e) {
        _cleanup_free_ size_t *which = xcalloc(d->section->n + 1, sizeof(*which));
        OpenJob job = { .d = d, .which = which };
        size_t n = 0;

        if (fetch_missing(d, choice, e) < 0)
                return -1;
        for (size_t i = 0; i < d->section->n; i++)
                if (choice[i] && !d->open[i])
                        which[n++] = i;
        return pool_run(n, 0, open_one, &job, e);
}
