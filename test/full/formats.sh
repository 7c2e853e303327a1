#!/bin/sh
# formats.sh - every output format of a real image: the same bytes twice, sound for the checker of its format, and
# booted to the same mark.  Needs a Debian mirror, QEMU, OVMF and the checkers (tools/install-deps test).
. "$(dirname "$0")/../lib.sh"

SPEC=$TOP/test/full/formats/formats.yml
# two that write the same file cannot be built together
FIRST="aws gcp iso-bios iso-efi iso-efi-initrd iso-hybrid kernel+erofs kernel+initrd kernel+squashfs ova qcow2-bios
	qcow2-efi raw-bios raw-efi raw-hybrid tar-kernel-initrd vhd vmdk"
SECOND="dynamic-vhd kernel+initrd-squashfs"
THIRD="kernel+initrd-erofs"
FOURTH="kernel+iso"

# formats FOLDER CACHE LIST...: builds the lists, each into a folder of its own.
formats() {
	folder=$1
	cache=$2
	shift 2
	for list in "$@"; do
		name=${list%% *}
		mkdir -p "$folder/$name"
		# shellcheck disable=SC2086 # the list is words
		"$LINUXKIT" -q build --cache "$cache" --dir "$folder/$name" --name t \
			--format "$(echo $list | tr ' ' ',')" "$SPEC"
	done
}

case_build() {
	formats "$WORK/out" "$WORK/cache" "$FIRST" "$SECOND" "$THIRD" "$FOURTH"
	[ -s "$WORK/out/aws/t.raw" ] || fail "no raw disk"
}

# Another cache, another number of threads, another user's mask, another time zone, another day.
case_same_bytes_again() {
	[ -s "$WORK/out/aws/t.raw" ] || skip "nothing was built"
	cp -r "$WORK/cache" cold
	rm -rf cold/derived/layers cold/derived/deflate cold/derived/squashfs*
	(
		umask 077
		LINUXKIT_THREADS=7 TZ=Pacific/Auckland LC_ALL=C formats "$PWD/again" "$PWD/cold" "$FIRST" "$SECOND" "$THIRD" "$FOURTH"
	)
	(cd again && find . -type f | sort) >list
	[ "$(wc -l <list)" -ge 24 ] || fail "only $(wc -l <list) files"
	while read -r f; do
		same "again/$f" "$WORK/out/$f"
	done <list
	rm -rf again cold
}

# --- sound for other tools ----------------------------------------------------------------------------------------

# raw_of IMAGE FORMAT: the disk in it as a raw file, sparse.
raw_of() {
	qemu-img convert -f "$2" -O raw "$1" raw
}

# volume DISK NUMBER: partition NUMBER as a file.
volume() {
	sfdisk -J "$1" >table.json
	python3 - "$1" "$2" <<-'END'
		import json, sys
		t = json.load(open("table.json"))["partitiontable"]["partitions"][int(sys.argv[2]) - 1]
		with open(sys.argv[1], "rb") as f, open("volume", "wb") as out:
		    f.seek(t["start"] * 512)
		    out.write(f.read(t["size"] * 512))
	END
}

check_disk() {
	if sfdisk -l "$1" | grep -q 'Disklabel type: gpt'; then
		sgdisk -v "$1" | tee log
		grep -q 'No problems found' log || fail "$1: partition table"
	fi
	volume "$1" 1
	fsck.vfat -n volume || fail "$1: boot partition"
	volume "$1" 2
	unsquashfs -s volume | grep -q zstd || fail "$1: root partition"
	rm volume
}

case_disks_are_sound() {
	[ -s "$WORK/out/aws/t.raw" ] || skip "nothing was built"
	need sgdisk sfdisk fsck.vfat unsquashfs qemu-img
	for f in t.raw t-bios.img t-efi.img t-hybrid.img; do
		check_disk "$WORK/out/aws/$f"
	done
	same "$WORK/out/aws/t-bios.img" "$WORK/out/aws/t-bios.img"
	for f in t.qcow2 t-efi.qcow2; do
		qemu-img check -f qcow2 "$WORK/out/aws/$f"
	done
	qemu-img check -f vmdk "$WORK/out/aws/t.vmdk"
	# the disk is the same in every wrapping; its size may differ
	qemu-img compare -f raw -F qcow2 "$WORK/out/aws/t.raw" "$WORK/out/aws/t.qcow2"
	qemu-img compare -f raw -F vpc "$WORK/out/aws/t.raw" "$WORK/out/aws/t.vhd"
	qemu-img compare -f raw -F vmdk "$WORK/out/aws/t.raw" "$WORK/out/aws/t.vmdk"
	tar -xzf "$WORK/out/aws/t.img.tar.gz"
	same disk.raw "$WORK/out/aws/t.raw"
	tar -xf "$WORK/out/aws/t.ova"
	same t.vmdk "$WORK/out/aws/t.vmdk"
	raw_of "$WORK/out/dynamic-vhd/t.vhd" vpc
	check_disk raw
	[ "$(stat -c %s raw)" = $((25 << 30)) ] || fail "dynamic-vhd: $(stat -c %s raw) bytes"
}

case_images_are_sound() {
	[ -s "$WORK/out/aws/t.raw" ] || skip "nothing was built"
	need unsquashfs fsck.erofs xorriso tar
	"$LINUXKIT" -q build --cache "$WORK/cache" --o tree.tar "$SPEC"
	tar -tf tree.tar | sed 's,/$,,' | grep -v '^boot/' | sort -u >want
	unsquashfs -s "$WORK/out/aws/t-squashfs.img"
	unsquashfs -l -d '' "$WORK/out/aws/t-squashfs.img" | sed -n 's,^/,,p' | sort -u >got
	# the two device nodes that a root on a disk needs
	sed -i '/^dev\/console$/d; /^dev\/null$/d' want got
	diff want got || fail "squashfs: other files"
	fsck.erofs "$WORK/out/aws/t-erofs.img"
	for iso in aws/t aws/t-efi aws/t-efi-initrd aws/t-hybrid kernel+iso/t; do
		xorriso -indev "$WORK/out/$iso.iso" -toc -report_el_torito plain >log 2>&1 || fail "$iso: $(cat log)"
		! grep -E 'WARNING|FAILURE|SORRY' log || fail "$iso: xorriso is not content"
	done
	for iso in t-efi t-hybrid; do
		sgdisk -v "$WORK/out/aws/$iso.iso" | grep -q 'No problems found' || fail "$iso.iso: partition table"
	done
}

# --- booting -----------------------------------------------------------------------------------------------------

# boots PATTERN QEMU-ARGUMENT...: the machine prints its marks and turns itself off; PATTERN is about its root.
boots() {
	pattern=$1
	shift
	timeout 300 "$@" -display none -monitor none -serial file:console -no-reboot </dev/null >qemu.log 2>&1 || {
		cat qemu.log console
		fail "qemu failed"
	}
	grep -a MARK console || cat console
	grep -aqE "MARK root $pattern" console || fail "no mark of a root that is $pattern"
	grep -aq 'MARK wrote x' console || fail "nothing could be written"
}


BIOS="qemu-system-x86_64 -accel tcg -m 256"

efi() {
	cp /usr/share/OVMF/OVMF_VARS_4M.fd vars
	echo "qemu-system-x86_64 -accel tcg -m 512 -machine q35
		-drive if=pflash,unit=0,readonly=on,format=raw,file=/usr/share/OVMF/OVMF_CODE_4M.fd
		-drive if=pflash,unit=1,format=raw,file=vars"
}

built() {
	[ -s "$WORK/out/aws/t.raw" ] || skip "nothing was built"
	need qemu-system-x86_64
}

# shellcheck disable=SC2086,SC2046 # commands are words
case_boot_bios_disk() {
	built
	boots '.* squashfs ro' $BIOS -snapshot -drive "file=$WORK/out/aws/t-bios.img,format=raw,if=virtio"
}

# shellcheck disable=SC2086,SC2046
case_boot_bios_wrapped() {
	built
	boots '.* squashfs ro' $BIOS -snapshot -drive "file=$WORK/out/aws/t.vmdk,format=vmdk,if=virtio"
	boots '.* squashfs ro' $BIOS -snapshot -drive "file=$WORK/out/dynamic-vhd/t.vhd,format=vpc,if=virtio"
}

# shellcheck disable=SC2086,SC2046
case_boot_bios_scsi() {
	built
	boots '.* squashfs ro' $BIOS -snapshot -device virtio-scsi-pci -device scsi-hd,drive=d \
		-drive "file=$WORK/out/aws/t.qcow2,format=qcow2,if=none,id=d"
}

# shellcheck disable=SC2086,SC2046
case_boot_efi_disk() {
	built
	boots '.* squashfs ro.* efi /sys/firmware/efi' $(efi) -snapshot \
		-drive "file=$WORK/out/aws/t-efi.qcow2,format=qcow2,if=virtio"
}

# shellcheck disable=SC2086,SC2046
case_boot_hybrid_disk() {
	built
	boots '.* squashfs ro' $BIOS -snapshot -drive "file=$WORK/out/aws/t-hybrid.img,format=raw,if=virtio"
	boots '.* squashfs ro.* efi /sys/firmware/efi' $(efi) -snapshot \
		-drive "file=$WORK/out/aws/t-hybrid.img,format=raw,if=virtio"
}

# shellcheck disable=SC2086,SC2046
case_boot_iso_bios() {
	built
	boots '.* squashfs ro' $BIOS -cdrom "$WORK/out/aws/t.iso"
}

# The chipset that OVMF is made for has its drives on AHCI, for which Debian's cloud kernel has no driver.
scsi_cd() {
	echo "-device virtio-scsi-pci -device scsi-cd,drive=cd -drive if=none,id=cd,media=cdrom,format=raw,file=$1"
}

# shellcheck disable=SC2086,SC2046
case_boot_iso_efi() {
	built
	boots '.* squashfs ro.* efi /sys/firmware/efi' $(efi) $(scsi_cd "$WORK/out/aws/t-efi.iso")
	boots '(rootfs|none|tmpfs) .* efi /sys/firmware/efi' $(efi) $(scsi_cd "$WORK/out/aws/t-efi-initrd.iso")
}

# A CD image on a stick is a disk.
# shellcheck disable=SC2086,SC2046
case_boot_iso_hybrid_as_disk() {
	built
	boots '.* squashfs ro' $BIOS -snapshot -drive "file=$WORK/out/aws/t-hybrid.iso,format=raw,if=virtio"
	boots '.* squashfs ro.* efi /sys/firmware/efi' $(efi) -snapshot \
		-drive "file=$WORK/out/aws/t-hybrid.iso,format=raw,if=virtio"
}

# shellcheck disable=SC2086,SC2046
case_boot_initrd_with_image() {
	built
	for d in dynamic-vhd:squashfs kernel+initrd-erofs:erofs; do
		o=$WORK/out/${d%:*}/t
		boots ".* ${d#*:} ro" $BIOS -kernel "$o-kernel" -initrd "$o-initrd.img" -append "$(cat "$o-cmdline")"
	done
}

run_cases
