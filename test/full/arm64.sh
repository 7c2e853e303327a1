#!/bin/sh
# arm64.sh - a machine of another architecture: its programs are cross-compiled, its image is built and booted
# under emulation, all on this host and without changing it.  Needs a Debian mirror.
. "$(dirname "$0")/../lib.sh"

machine=$(uname -m)

# make_programs FOLDER: the programs of the component images, for this machine and for arm64.
make_programs() {
	(unset MAKEFLAGS MFLAGS MAKELEVEL && make -s -C "$1" ARCHES="amd64 arm64" programs)
}

case_build() {
	[ "$machine" != aarch64 ] || skip "nothing is foreign here: this machine is arm64 itself"
	need aarch64-linux-gnu-gcc apt-get dpkg-deb cpio python3
	make_programs "$TOP"
	"$LINUXKIT" build --arch arm64 --dir "$WORK" "$TOP/examples/minimal.yml"

	mkdir root
	zcat "$WORK/minimal-initrd.img" >cpio
	(cd root && cpio -id --quiet --nonmatching 'dev/*' <../cpio)
	# every program, library and kernel module; of all three there must be some
	python3 - root "$WORK/minimal-kernel" <<-'END' || fail "wrong architecture"
		import os, sys

		seen, bad = 0, []
		for folder, _, names in os.walk(sys.argv[1]):
		    for path in (os.path.join(folder, n) for n in names):
		        if os.path.islink(path):
		            continue
		        with open(path, "rb") as f:
		            head = f.read(20)
		        if head[:4] != b"\x7fELF":
		            continue
		        seen += 1
		        if head[4:6] != b"\x02\x01" or head[18:20] != b"\xb7\x00":
		            bad.append(path)
		with open(sys.argv[2], "rb") as f:
		    if f.read(64)[56:60] != b"ARM\x64":
		        bad.append(sys.argv[2])
		print(seen, "ELF files; not for arm64:", bad)
		sys.exit(bool(bad) or seen < 100)
	END
	for f in init usr/bin/containerd usr/bin/runc; do
		[ -s "root/$f" ] || fail "no $f"
	done
}

case_boot() {
	[ "$machine" != aarch64 ] || skip "test/full/boot.sh boots this architecture"
	need qemu-system-aarch64
	[ -s "$WORK/minimal-initrd.img" ] || skip "nothing was built"
	mkfifo input
	"$LINUXKIT" run qemu --arch aarch64 "$WORK/minimal" <input >console 2>&1 &
	vm=$!
	exec 3>input
	trap 'kill $vm 2>/dev/null; cat console' EXIT
	wait_for console 'onboot 000-dhcpcd: exit status 0' 150 $vm
	wait_for console 'service getty: started' 60 $vm
	wait_for console ':~# ' 60 $vm
	# shellcheck disable=SC2016
	echo 'echo MACHINE $(uname -m) on $(tty); poweroff' >&3
	wait_for console '^MACHINE aarch64 on /dev/ttyAMA0' 30 $vm
	exec 3>&-
	wait $vm || fail "run ended with $?"
	trap - EXIT
}

# Neither the folder nor the time of the build is in the programs.
case_same_programs_elsewhere() {
	[ -s "$TOP/build/sysroot/arm64/packages" ] || skip "nothing was built"
	mkdir -p elsewhere/with/another/name
	cd elsewhere/with/another/name || exit 1
	tar -C "$TOP" -cf - Makefile init lib pkg tools build/sysroot | tar -xf -
	TZ=Pacific/Auckland make_programs .
	for program in build/target/*/*; do
		[ ! -f "$program" ] || same "$program" "$TOP/$program"
	done
	for arch in amd64 arm64; do
		[ -f build/target/$arch/init ] || fail "nothing to compare for $arch"
	done
}

run_cases
