/* schema.c - `linuxkit schema`: the build file's keys, types and descriptions for editors. */
#include <stdio.h>

#include "cmd/linuxkit/cmd.h"
#include "lib/spec/jsonschema.h"

static int run(Context *c, Err *e) {
        (void)c, (void)e; /* main sees to write errors */
        _cleanup_buf_ Buf text = { 0 };
        spec_json_schema(&text);
        fwrite(text.data, 1, text.len, stdout);
        return 0;
}

const Command cmd_schema = {
        .name = "schema",
        .help = "Print the JSON Schema of the build file",
        .text = "Editors complete and check build files with it. For those that use the YAML "
                "language server:\n\n"
                "  linuxkit schema > linuxkit.schema.json\n"
                "  sed -i '1i # yaml-language-server: $schema=linuxkit.schema.json' FILE.yml\n",
        .run = run,
};
