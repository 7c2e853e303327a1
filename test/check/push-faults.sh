#!/bin/sh
# push-faults.sh - pushes into a registry that does wrong things, each in its own way: the rows of push_faults.py.
# test/check/push-faults.sh ROW... runs those alone.
. "$(dirname "$0")/../lib.sh"
. "$TOP/test/registry.sh"

if ! have_registry; then
	echo "ok 1 - push-faults # SKIP needs $REGISTRY_TOOLS"
	echo "1..1"
	exit 0
fi
start_registry upstream
make_image "$WORK/layout" app 200000
mkdir "$WORK/rows"
LINUXKIT=$LINUXKIT python3 "$TOP/test/check/push_faults.py" "$port" "$WORK/layout" "$WORK/rows" "$@"
