#!/bin/sh
# faults.sh - builds from a registry that does wrong things, each in its own way: the rows of fault_table.py.
# test/check/faults.sh ROW... runs those alone.
. "$(dirname "$0")/../lib.sh"
. "$TOP/test/registry.sh"

if ! have_registry; then
	echo "ok 1 - faults # SKIP needs $REGISTRY_TOOLS"
	echo "1..1"
	exit 0
fi
make_certificates
start_registry upstream
make_image "$WORK/layout" app 400000
make_image "$WORK/layout" other 400000
for name in app other; do
	push_image "$WORK/layout" $name "127.0.0.1:$port/test/$name:1" || exit 1
done
mkdir "$WORK/rows"
LINUXKIT=$LINUXKIT python3 "$TOP/test/check/fault_table.py" "$port" "$WORK/layout" "$WORK/rows" "$WORK/tls/good.pem" \
	"$WORK/tls/good.key" "$WORK/tls/ca.pem" "$@"
