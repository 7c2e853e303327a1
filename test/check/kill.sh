#!/bin/sh
# kill.sh - twenty builds killed while they pull: see test/kill.py; test/full/kill.sh does it ten times as often.
# KILLS=NUMBER SEED=NUMBER change that.
. "$(dirname "$0")/../lib.sh"
. "$TOP/test/registry.sh"

if ! have_registry; then
	echo "ok 1 - kill # SKIP needs $REGISTRY_TOOLS"
	echo "1..1"
	exit 0
fi
start_registry upstream
make_image "$WORK/layout" app 90000
push_image "$WORK/layout" app "127.0.0.1:$port/test/app:1" || exit 1
mkdir "$WORK/kill"
# shellcheck disable=SC2086
LINUXKIT=$LINUXKIT python3 "$TOP/test/kill.py" "$port" "$WORK/kill" "${KILLS:-20}" ${SEED:-}
