#!/bin/sh
# damage.sh - a cache whose files are not what they were: the rows of damage_table.py, first with a registry that
# has everything, then without one.
. "$(dirname "$0")/../lib.sh"
. "$TOP/test/registry.sh"

if ! have_registry; then
	echo "ok 1 - damage # SKIP needs $REGISTRY_TOOLS"
	echo "1..1"
	exit 0
fi
start_registry upstream
upstream=$pid
mkdir "$WORK/rows"
LINUXKIT=$LINUXKIT python3 "$TOP/test/check/damage_table.py" "$port" "$upstream" "$WORK/rows" "$WORK/store"
