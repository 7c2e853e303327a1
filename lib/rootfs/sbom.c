/* sbom.c - the SPDX document of the whole root file system (yaml.md 17).
 *
 * Its namespace is derived from the content, so that equal builds have equal documents (W23). */
#include <time.h>

#include "lib/base/json.h"
#include "lib/rootfs/assembly.h"

/* RFC 9562 section 5.8: version 8 leaves the bits to us; here they are a hash of the document. */
static void add_uuid(Buf *out, const Digest *digest) {
        char hex[33];
        memcpy(hex, digest_hex(digest), 32);
        hex[32] = '\0';
        hex[12] = '8';
        hex[16] = 'a';
        buf_addf(out, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void add_creation(Buf *out, time_t created) {
        char stamp[32];
        struct tm tm;
        gmtime_r(&created, &tm);
        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
        buf_adds(out, "\"creationInfo\":{\"licenseListVersion\":\"3.20\",\"creators\":"
                      "[\"Organization: LinuxKit\",\"Tool: linuxkit\"],\"created\":");
        json_add_string(out, stamp);
        buf_addc(out, '}');
}

void sbom_add(Assembly *a) {
        const AssembleOptions *o = a->options;
        if (!o->sbom_output)
                return;
        _cleanup_buf_ Buf head = { 0 }, tail = { 0 }, all = { 0 };
        buf_adds(&head, "{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\","
                        "\"SPDXID\":\"SPDXRef-DOCUMENT\",\"name\":\"sbom\",");
        add_creation(&tail, o->sbom_current_time ? time(NULL) : (time_t)o->mtime);
        buf_adds(&tail, "}\n");

        Digest digest;
        buf_add(&all, head.data, head.len);
        buf_add(&all, tail.data, tail.len);
        hash_bytes(all.data, all.len, &digest);
        buf_clear(&all);
        buf_add(&all, head.data, head.len);
        buf_adds(&all, "\"documentNamespace\":\"https://github.com/linuxkit/linuxkit/sbom-");
        add_uuid(&all, &digest);
        buf_adds(&all, "\",");
        buf_add(&all, tail.data, tail.len);

        Maker m = assembly_maker(a, "sbom", "linuxkit.sbom");
        make_file(&m, o->sbom_output, 0644, make_content(&m, all.data, all.len));
}
