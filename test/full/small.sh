#!/bin/sh
# small.sh - small machines: what an image weighs and in how much memory it serves, with the kernel that `make -C kernel`
# compiled; with Debian's, where there is none, the same machines in the memory that it wants, and no word about bytes.
# Then crun beside runc under containerd, and the policies of onboot containers.
. "$(dirname "$0")/../lib.sh"

PROGRAMS=${LINUXKIT_PROGRAMS:-$TOP/build/target}
if [ -s "$PROGRAMS/amd64/linux.tar" ]; then
	compiled=yes
	more=
else
	compiled=
	more=$TOP/test/full/small/debian.yml
fi

# memory OWN DEBIAN: MiB for either kernel.
memory() {
	[ "$compiled" ] && echo "$1" || echo "$2"
}

# make_image SPEC NAME [FORMAT]
make_image() {
	mkdir -p "$WORK/out"
	# shellcheck disable=SC2086 # none or one
	"$LINUXKIT" -q build --arch amd64 --dir "$WORK/out" --name "$2" --format "${3:-kernel+squashfs}" "$1" $more
}

# weighs NAME LIMIT: kernel and root together.
weighs() {
	bytes=$(cat "$WORK/out/$1-kernel" "$WORK/out/$1-squashfs.img" | wc -c)
	echo "$1: $bytes bytes"
	[ "$compiled" ] || skip "$1 has $bytes bytes; the limit is for a compiled kernel: make -C kernel"
	[ "$bytes" -le "$2" ] || fail "$1 has $bytes bytes, more than $2"
}

# start NAME MEMORY ARGUMENT...
start() {
	name=$1 mem=$2
	shift 2
	mkfifo input
	"$LINUXKIT" run qemu --mem "$mem" "$@" "$WORK/out/$name" <input >console 2>&1 &
	vm=$!
	exec 3>input
	trap 'kill $vm 2>/dev/null; cat console' EXIT
}

await() {
	wait_for console "$1" "${2:-120}" "$vm"
}

serves() {
	end=$(($(date +%s) + 60))
	until curl -fsS --max-time 5 "http://127.0.0.1:$1/" >page 2>/dev/null; do
		kill -0 "$vm" 2>/dev/null || fail "the machine has ended"
		[ "$(date +%s)" -lt "$end" ] || fail "no HTTP answer"
		sleep 0.2
	done
	grep -q 'a small machine' page || fail "not our page"
}

# The machine has done what was asked for, and nothing else.
switch_off() {
	printf '\001x' >&3
	exec 3>&-
	wait "$vm" || true
	trap - EXIT
	if grep -qE 'MARK never|panic|[Oo]ut of memory|did not end' console; then
		cat console
		fail "more happened than was asked for"
	fi
}

# kernel, init, crun, a web server
case_small_weighs() {
	make_image "$TOP/examples/small.yml" small
	weighs small 12000000
}

case_small_serves() {
	need qemu-system-x86_64 curl
	port=$(free_port)
	start small "$(memory 64 160)" --publish "127.0.0.1:$port:80"
	await 'all 1 services started'
	serves "$port"
	switch_off
}

case_containerd_weighs() {
	make_image "$TOP/test/full/small/containerd.yml" containerd
	weighs containerd 35000000
}

case_containerd_serves() {
	need qemu-system-x86_64 curl
	port=$(free_port)
	start containerd "$(memory 128 256)" --publish "127.0.0.1:$port:80"
	await 'MARK done'
	serves "$port"
	grep -q 'MARK web: 1, other: 1' console || fail "not the runtimes that were asked for"
	grep -q 'service missing: could not be started: the image has no OCI runtime "youki"' console ||
		fail "no word about youki"
	switch_off
	grep MARK console
}

case_policies() {
	need qemu-system-x86_64
	make_image "$TOP/test/full/small/policies.yml" policies raw-bios # which finds its root beside other disks
	start policies-bios.img "$(memory 96 160)" --disk "$PWD/disk.img,size=1M,format=raw"
	await 'onboot 000-missing: the image has no OCI runtime "youki"'
	await 'onboot 001-hangs: (killed after its )?timeout of 6 s'
	await 'MARK first boot'
	await 'onboot 002-once: fail: reboot'
	await 'MARK onshutdown'
	await 'MARK second boot'
	await 'onboot 003-stops: fail: stop: nothing behind it is started'
	await 'boot stopped at'
	switch_off
	[ "$(grep -c 'init started' console)" = 2 ] || fail "not two boots"
}

run_cases
