#!/bin/sh
# budget.sh - what a boot may take: time, memory, bytes (of images: small.sh).  The times are the guest's own under -icount (one instruction is
# one nanosecond), so they do not depend on this machine or its load.  Where a kernel of `make -C kernel` is needed and
# none was compiled, the case is skipped.
. "$(dirname "$0")/../lib.sh"

PROGRAMS=${LINUXKIT_PROGRAMS:-$TOP/build/target}
YML=$TOP/test/full/boot
OUT=$WORK/out

compiled() {
	[ -s "$PROGRAMS/amd64/linux.tar" ] || skip "no kernel was compiled: make -C kernel"
}

# image NAME FORMAT FILE...
image() {
	name=$1
	format=$2
	shift 2
	mkdir -p "$OUT"
	"$LINUXKIT" -q build --arch amd64 --dir "$OUT" --name "$name" --format "$format" "$@"
}

# said WORD: what the machine says of it.
said() {
	tr -d '\r' <console | sed -n "s/^MARK $1 //p" | head -n 1
}

# at EVENT: when it happened, in microseconds.
at() {
	tr -d '\r' <console | awk -v event="$1" '$1 == "MARK" && $2 == "log" && $4 == event { printf "%d", $3 * 1000000; exit }'
}

# within LIMIT VALUE WHAT
within() {
	[ -n "$2" ] || fail "not said: $3"
	echo "# $3: $2, at most $1"
	[ "$2" -le "$1" ] || fail "$3: $2, at most $1"
}

came_up() {
	[ "$(said page | tr -dc '0-9')" ] && [ "$(said page)" -gt 0 ] || {
		cat console
		fail "the web server did not answer"
	}
}

# measured: the gates that hold for every machine.
measured() {
	came_up
	within 50000 $(($(at root) - $(at init))) "init to root ready, us"
	within 1999 "$(said pss)" "process 1 and supervisor, KiB"
	echo "# available at the end, KiB: $(said available)"
}

# The row that everything is measured for: own kernel, root on a disk, nothing but what is needed.
case_own_kernel() {
	compiled
	need qemu-system-x86_64
	image direct kernel+squashfs "$YML/budget.yml" "$YML/own-kernel.yml"
	guest_time -m 64 -kernel "$OUT/direct-kernel" -append "$(cat "$OUT/direct-cmdline") root=/dev/vda ro idle=poll" \
		-drive "file=$OUT/direct-squashfs.img,format=raw,if=virtio"
	measured
	within 600000 "$(at init)" "kernel to init, us"
	within 50000 $(($(at onboot-run) - $(at init))) "init to the first onboot container handed over, us"
}

# containerd, and what it needs of memory; onboot does not wait for it.
case_own_kernel_containerd() {
	compiled
	need qemu-system-x86_64
	image daemon kernel+squashfs "$YML/budget.yml" "$YML/own-kernel.yml" "$YML/with-containerd.yml"
	guest_time -m 128 -kernel "$OUT/daemon-kernel" -append "$(cat "$OUT/daemon-cmdline") root=/dev/vda ro idle=poll" \
		-drive "file=$OUT/daemon-squashfs.img,format=raw,if=virtio"
	measured
	within 50000 $(($(at onboot-run) - $(at init))) "init to the first onboot container handed over, us"
	[ "$(at onboot-end)" -lt "$(at containerd-up)" ] || fail "onboot waited for containerd"
}

# Debian's kernel has overlay as a module; the loading is in the last of these.
case_debian_kernel() {
	need qemu-system-x86_64
	image debian kernel+initrd-squashfs "$YML/budget.yml"
	guest_time -m 256 -kernel "$OUT/debian-kernel" -append "$(cat "$OUT/debian-cmdline")" -initrd "$OUT/debian-initrd.img"
	measured
	within 60000 $(($(at onboot-run) - $(at devices))) "devices to the first onboot container handed over, us"
}

case_bytes() {
	compiled
	within 9000000 "$(stat -c %s "$PROGRAMS/amd64/linux.kernel")" "bytes of the kernel"
	within 1300000 "$(stat -c %s "$PROGRAMS/amd64/init")" "bytes of init"
}

run_cases
