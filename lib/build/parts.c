/* parts.c - see parts.h. */
#include "lib/build/parts.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/fs/cpio.h"
#include "lib/fs/gzip.h"

enum { GZIP_LEVEL = 6 };

Content boot_part(const Tree *t, const char *name) {
        for (size_t i = tree_count(t); i-- > 0;) {
                const Entry *entry = tree_entry(t, i);
                if (entry->type == ENTRY_FILE && str_eq(entry->name, name))
                        return entry->content;
        }
        return (Content){ 0 };
}

/* Bytes of all contents, for a percentage; links to the same content count once more each. */
static uint64_t tree_bytes(const Tree *t) {
        uint64_t sum = 0;
        for (size_t i = 0; i < tree_count(t); i++)
                sum += tree_entry(t, i)->content.size;
        return sum;
}

int initrd_write(const FormatJob *job, Sink *out, Err *e) {
        _cleanup_sink_ Sink *gz = NULL;
        if (gzip_sink(out, job->cache, GZIP_LEVEL, &gz, e) < 0)
                return err_wrap(e, "initrd");
        Progress *progress = progress_start("compress initrd", tree_bytes(job->tree));
        gzip_set_progress(gz, progress);
        int r = cpio_write_tree(gz, job->tree, e);
        if (r == 0)
                r = sink_finish(gz, e);
        progress_end(progress);
        return r < 0 ? err_wrap(e, "initrd") : 0;
}
