/* shape.c - see shape.h.  The patterns are ECMA 262 regular expressions without anything that
 * Python's or Go's engines read differently.
 *
 * test/check/schema.sh holds both sides, this file and check.c, against each other. */
#include "lib/spec/shape.h"

#include <assert.h>
#include <ctype.h>

#include "lib/base/str.h"
#include "lib/spec/check.h"

/* text is JSON of our own making. */
static json_t *parse(const char *text) {
        json_t *j = json_loads(text, 0, NULL);
        assert(j);
        return j;
}

static json_t *pattern(const char *regex) {
        return json_pack("{s:s}", "pattern", regex);
}

static json_t *items_pattern(const char *regex) {
        return json_pack("{s:{s:s, s:s}}", "items", "type", "string", "pattern", regex);
}

/* --- names and images ----------------------------------------------------------------------- */

json_t *shape_name(void) {
        return pattern("^(?!\\.{1,2}$)[^/]+$");
}

json_t *shape_volume_name(void) {
        return pattern("^[a-z0-9_-]+$");
}

json_t *shape_duration(void) {
        return pattern("^[1-9][0-9]{0,5}[smh]$");
}

json_t *shape_program(void) {
        return pattern("^(/|(?!\\.{1,2}$)[^/]+$)");
}

json_t *shape_period(void) {
        return pattern("^(0s|[1-9][0-9]{0,5}[smh])$");
}

#define PORT \
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
#define BYTE "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

/* The form inside the brackets is left to the check. */
json_t *shape_tcp(void) {
        return json_pack("{s:i, s:i, s:s}", "minimum", 1, "maximum", 65535, "pattern",
                         "^((localhost|(" BYTE "\\.){3}" BYTE "|\\[[0-9A-Fa-f:.]+\\]):)?" PORT "$");
}

json_t *shape_absolute_path(void) {
        return pattern("^/");
}

json_t *shape_command(void) {
        return parse("{\"minItems\": 1, \"not\": {\"items\": [{\"const\": \"\"}]}}");
}

/* yaml.md 6.1: [HOST[:PORT]/]PATH[:TAG][@DIGEST], or a package of a checkout. A first part that
 * cannot be a host may have nothing behind it. */
#define HOST   "([A-Za-z0-9._-]+|\\[[0-9A-Za-z:.]+\\])(:0*[1-9][0-9]{0,4})?"
#define PART   "[A-Za-z0-9._-]+"
#define ABOVE  "(\\./+)*\\.\\.([/:@]|$)|\\./*([:@]|$)"
#define PATH   "(?!" ABOVE ")" PART "(/+" PART ")*/*"
#define OBJECT "(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?"
#define IMAGE                                                                                    \
        "(?!\\.+([:@]|$))(" HOST "/+" PATH "|" PART "|(?!localhost/)[A-Za-z0-9_-]+/\\.?)" OBJECT \
        "|@pkg:[\\s\\S]+"

json_t *shape_image(void) {
        return pattern("^(" IMAGE ")$");
}

json_t *shape_optional_image(void) {
        return pattern("^(|" IMAGE ")$");
}

json_t *shape_images(void) {
        return items_pattern("^(" IMAGE ")$");
}

/* --- lists of strings with a form ----------------------------------------------------------- */

json_t *shape_capabilities(void) {
        json_t *names = json_array();
        for (const char *const *name = check_capability_names; *name; name++)
                json_array_append_new(names, json_sprintf("CAP_%s", *name));
        json_t *all_or_none = parse("{\"minItems\": 1, \"maxItems\": 1, \"items\": {\"pattern\": "
                                    "\"^([aA][lL][lL]|[nN][oO][nN][eE])$\"}}");
        return json_pack("{s:[{s:{s:o}}, o]}", "anyOf", "items", "enum", names, all_or_none);
}

json_t *shape_binds(void) {
        return items_pattern("^[^:]*:[^:]*(:[^:]*)?$");
}

json_t *shape_tmpfs(void) {
        return items_pattern("^[^:]*(:[^:]*)?$");
}

/* "[cC][pP][uU]": regular expressions of JSON Schema cannot ignore case. */
static void add_any_case(Buf *b, const char *word) {
        for (; *word; word++)
                if (isalpha((unsigned char)*word))
                        buf_addf(b, "[%c%c]", tolower(*word), toupper(*word));
                else
                        buf_addc(b, *word);
}

json_t *shape_rlimits(void) {
        _cleanup_buf_ Buf b = { 0 };
        buf_adds(&b, "^\\s*(");
        add_any_case(&b, "RLIMIT_");
        buf_adds(&b, ")?(");
        for (const char *const *name = check_rlimit_names; *name; name++) {
                buf_adds(&b, name == check_rlimit_names ? "" : "|");
                add_any_case(&b, *name);
        }
        buf_adds(&b, ")\\s*(,\\s*([0-9]+|");
        add_any_case(&b, "UNLIMITED");
        buf_adds(&b, ")\\s*){2}$");
        return items_pattern(b.data);
}

/* --- mappings ------------------------------------------------------------------------------- */

#define OCTAL "0{0,8}[0-7]{1,4}"

/* yaml.md 11.3: type and destination are there, or follow from the other keys */
json_t *shape_mount(void) {
        return parse(
                "{\"anyOf\": ["
                "{\"required\": [\"type\", \"destination\"], \"properties\": "
                "{\"type\": {\"minLength\": 1}, \"destination\": {\"minLength\": 1}}},"
                "{\"required\": [\"type\"], \"properties\": "
                "{\"type\": {\"enum\": [\"mqueue\", \"devpts\", \"proc\", \"sysfs\", "
                "\"cgroup\"]}}},"
                "{\"required\": [\"source\"], \"properties\": {\"type\": {\"const\": \"\"}, "
                "\"source\": "
                "{\"enum\": [\"mqueue\", \"devpts\", \"proc\", \"sysfs\", \"cgroup\"]}}},"
                "{\"required\": [\"destination\"], \"properties\": {\"type\": {\"const\": \"\"}, "
                "\"destination\": {\"const\": \"/dev\"}}}]}");
}

json_t *shape_device(void) {
        return parse("{\"if\": {\"required\": [\"path\"], \"properties\": "
                     "{\"path\": {\"const\": \"all\"}}}, \"else\": {\"required\": [\"mode\"], "
                     "\"properties\": {\"mode\": {\"pattern\": \"^" OCTAL "$\"}}}}");
}

json_t *shape_probe(void) {
        return parse("{\"oneOf\": [{\"required\": [\"exec\"]}, {\"required\": [\"tcp\"]}, "
                     "{\"required\": [\"file\"]}]}");
}

json_t *shape_volume(void) {
        return parse("{\"if\": {\"required\": [\"format\"], \"properties\": "
                     "{\"format\": {\"const\": \"oci\"}}}, \"then\": {\"properties\": "
                     "{\"platforms\": {\"items\": {\"pattern\": "
                     "\"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,2}$\"}}}}}");
}

/* yaml.md 5.7: exactly one of contents (or a directory, or a symlink), source and metadata. The
 * pattern of path refuses the root itself and what begins above it; dots further on are left to the
 * check. */
json_t *shape_file(void) {
        return parse(
                "{\"required\": [\"path\"], \"properties\": {"
                "\"path\": {\"pattern\": "
                "\"^(?!/?(\\\\.?/)*\\\\.?$)(?!/?(\\\\./)*\\\\.\\\\.(/|$))\"}, "
                "\"mode\": {\"pattern\": \"^(" OCTAL ")?$\"}, "
                "\"metadata\": {\"enum\": [\"\", \"yaml\", \"json\"]}}, "
                "\"oneOf\": ["
                "{\"title\": \"contents, symlink or directory\", \"anyOf\": ["
                "{\"required\": [\"contents\"]}, "
                "{\"required\": [\"symlink\"], \"properties\": {\"symlink\": {\"minLength\": 1}}}, "
                "{\"required\": [\"directory\"], "
                "\"properties\": {\"directory\": {\"const\": true}}}]}, "
                "{\"title\": \"source\", \"required\": [\"source\"], "
                "\"properties\": {\"source\": {\"minLength\": 1}}}, "
                "{\"title\": \"metadata\", \"required\": [\"metadata\"], "
                "\"properties\": {\"metadata\": {\"minLength\": 1}}}], "
                "\"not\": {\"required\": [\"directory\", \"contents\"], "
                "\"properties\": {\"directory\": {\"const\": true}}}}");
}
