#!/bin/sh
# schema.sh - `linuxkit schema` against an independent validator (python3-jsonschema): the schema and the parser
# give the same verdict on the examples, on every snippet of the unit tests, and on random mutations.
. "$(dirname "$0")/../lib.sh"

validator() {
	need python3
	python3 -c 'import jsonschema, yaml' 2>/dev/null || skip "python3-jsonschema and python3-yaml are not installed"
	"$LINUXKIT" schema >schema.json
	PYTHONDONTWRITEBYTECODE=1 python3 "$TOP/test/check/schema.py" "$@"
}

case_is_a_schema() {
	validator meta schema.json
}

case_examples() {
	validator compare schema.json "$LINUXKIT" "$TOP"/examples/*.yml "$TOP"/test/full/*/*.yml
}

case_unit_test_snippets() {
	validator snippets schema.json "$LINUXKIT" "$TOP/lib/spec/spec_test.c"
}

# Images, modes, paths, limits ...: texts at the border of what is allowed.
case_texts() {
	validator texts schema.json "$LINUXKIT"
}

case_mutations() {
	validator mutations schema.json "$LINUXKIT" 400
}

case_same_bytes() {
	"$LINUXKIT" schema >a
	LC_ALL=C.UTF-8 TZ=Asia/Tokyo "$LINUXKIT" schema >b
	same a b
}

case_no_arguments() {
	fails_with 'accepts|unknown|argument' "$LINUXKIT" schema extra
}

case_broken_pipe_is_an_error() {
	[ -w /dev/full ] || skip "no /dev/full"
	fails_with 'No space left' sh -c "'$LINUXKIT' schema >/dev/full"
}

run_cases
