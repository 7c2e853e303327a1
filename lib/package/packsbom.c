/* packsbom.c - see packsbom.h.  It becomes an attestation beside the image (pkg.md 3), from where
 * `linuxkit build` takes it into the document of the whole system.
 *
 * A Debian package counts when at least one of its files was taken, whatever became of the rest. */
#include "lib/package/packsbom.h"

#include "lib/base/json.h"
#include "lib/base/mem.h"
#include "lib/rootfs/assemble.h"
#include "lib/rootfs/spdx.h"

/* SPDX 2.3, 7.1 and following: what nobody has looked into. */
#define UNKNOWN                                                                     \
        "\"downloadLocation\":\"NOASSERTION\",\"filesAnalyzed\":false,"             \
        "\"licenseConcluded\":\"NOASSERTION\",\"licenseDeclared\":\"NOASSERTION\"," \
        "\"copyrightText\":\"NOASSERTION\""

static bool is_letter_or_digit(char ch) {
        return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

/* SPDX 2.3, 7.2: letters, digits, "." and "-". */
static void add_id(Buf *out, const char *kind, const char *name) {
        buf_addf(out, "SPDXRef-%s-", kind);
        for (; *name; name++)
                buf_addc(out, is_letter_or_digit(*name) || *name == '.' ? *name : '-');
}

/* "libstdc++6" and "libstdc--6" would be one, so a piece of the digest follows. */
static void add_deb_id(Buf *out, const LockEntry *lock) {
        add_id(out, "deb", lock->name);
        buf_addf(out, "-%.12s", lock->sha256);
}

/* Package URL specification, "Rules for each purl component". */
static void add_purl_text(Buf *out, const char *s) {
        for (; *s; s++) {
                if (is_letter_or_digit(*s) || strchr(".-_~:", *s))
                        buf_addc(out, *s);
                else
                        buf_addf(out, "%%%02X", (unsigned char)*s);
        }
}

static void add_deb(Buf *out, const LockEntry *lock, const DebControl *control, const char *arch) {
        buf_adds(out, "{\"SPDXID\":\"");
        add_deb_id(out, lock);
        buf_adds(out, "\",\"name\":");
        json_add_string(out, lock->name);
        buf_adds(out, ",\"versionInfo\":");
        json_add_string(out, lock->version);
        buf_addf(out,
                 "," UNKNOWN ",\"checksums\":[{\"algorithm\":\"SHA256\",\"checksumValue\":\"%s\"}]",
                 lock->sha256);
        if (control->source) {
                _cleanup_free_ char *text =
                        xasprintf("built from Debian source package %s%s%s", control->source,
                                  control->source_version ? " " : "",
                                  control->source_version ? control->source_version : "");
                buf_adds(out, ",\"sourceInfo\":");
                json_add_string(out, text);
        }
        buf_adds(out, ",\"externalRefs\":[{\"referenceCategory\":\"PACKAGE-MANAGER\","
                      "\"referenceType\":\"purl\",\"referenceLocator\":\"pkg:deb/debian/");
        add_purl_text(out, lock->name);
        buf_addc(out, '@');
        add_purl_text(out, lock->version);
        buf_adds(out, "?arch=");
        add_purl_text(out, control->architecture ? control->architecture : arch);
        buf_adds(out, "\"}]}");
}

static void add_relationship(Buf *out, const char *from, const char *type, const char *to) {
        buf_addf(out,
                 "{\"spdxElementId\":\"%s\",\"relationshipType\":\"%s\","
                 "\"relatedSpdxElement\":\"%s\"}",
                 from, type, to);
}

/* name: the package's without its tag. */
static void add_packages(const char *id, const char *name, const char *tag, const Debs *d,
                         const char *arch, Buf *out) {
        buf_addf(out, "\"packages\":[{\"SPDXID\":\"%s\",\"name\":", id);
        json_add_string(out, name);
        buf_adds(out, ",\"versionInfo\":");
        json_add_string(out, tag);
        buf_adds(out, "," UNKNOWN ",\"primaryPackagePurpose\":\"CONTAINER\"}");
        for (size_t i = 0; i < debs_count(d); i++) {
                if (!debs_used(d, i))
                        continue;
                buf_addc(out, ',');
                add_deb(out, debs_lock(d, i), deb_control(debs_get(d, i)), arch);
        }
        buf_adds(out, "],\"relationships\":[");
        add_relationship(out, "SPDXRef-DOCUMENT", "DESCRIBES", id);
        for (size_t i = 0; i < debs_count(d); i++) {
                _cleanup_buf_ Buf deb = { 0 };
                if (!debs_used(d, i))
                        continue;
                add_deb_id(&deb, debs_lock(d, i));
                buf_addc(out, ',');
                add_relationship(out, id, "CONTAINS", deb.data);
        }
        buf_addc(out, ']');
}

void packsbom_print(const Package *p, const Debs *d, const char *arch, Buf *out) {
        const char *base = path_base(p->name), *colon = strchr(base, ':');
        const char *tag = colon ? colon + 1 : "";
        _cleanup_free_ char *name =
                xstrndup(p->name, colon ? (size_t)(colon - p->name) : strlen(p->name));
        _cleanup_buf_ Buf id = { 0 }, body = { 0 };

        add_id(&id, "image", name);
        add_packages(id.data, name, tag, d, arch, &body);
        buf_adds(out, "{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\","
                      "\"SPDXID\":\"SPDXRef-DOCUMENT\",\"name\":");
        json_add_string(out, p->name);
        buf_adds(out, ",\"documentNamespace\":\"");
        spdx_add_namespace(body.data, body.len, out);
        buf_adds(out, "\",\"creationInfo\":{\"licenseListVersion\":\"3.20\",\"creators\":"
                      "[\"Organization: LinuxKit\",\"Tool: linuxkit\"],\"created\":");
        spdx_add_time(ASSEMBLE_T0, out);
        buf_adds(out, "},");
        buf_add(out, body.data, body.len);
        buf_addc(out, '}');
}
