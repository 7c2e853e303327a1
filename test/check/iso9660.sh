#!/bin/sh
# iso9660.sh - ISO 9660 images under the eyes of other programs: libarchive, xorriso, genisoimage's isoinfo, sgdisk and
# fdisk must all see the tree, the boot entries and the partitions that were asked for.
. "$(dirname "$0")/../lib.sh"

PATH=$PATH:/usr/sbin
IMAGE=$(dirname "$LINUXKIT")/test/lib/fs/iso9660_boot_test
PYTHONDONTWRITEBYTECODE=1
LC_ALL=C.UTF-8
export PYTHONDONTWRITEBYTECODE LC_ALL

check() {
	python3 "$TOP/test/check/iso9660.py" "$@"
}

# reads_as TAR IMAGE: all readers agree with the tar.
reads_as() {
	bsdtar -cf read.tar --format=pax "@$2"
	check archive "$1" read.tar
	xorriso -indev "$2" -find / -exec lsdl >list 2>xorriso.log || fail "$(cat xorriso.log)"
	check listing "$1" list
	grep -E 'SORRY|MISHAP|FAILURE|WARNING' xorriso.log && fail "xorriso complains"
	bsdtar -tf "$2" --options '!rockridge' >list
	check names "$1" list
	isoinfo -R -f -i "$2" >list
	[ "$(sort -u list | wc -l)" = "$(bsdtar -tf "$2" | grep -cvx '\.')" ] || fail "isoinfo sees other names"
}

# An ESP: what is in it matters to firmware only.
make_esp() {
	head -c 3000000 /dev/zero | tr '\0' E >esp.img
}

case_one_of_everything() {
	check tree x.tar 0
	"$IMAGE" x.tar x.iso joliet
	reads_as x.tar x.iso
	"$IMAGE" x.tar y.iso
	bsdtar -cf read.tar --format=pax @y.iso
	check archive x.tar read.tar
	isoinfo -d -i y.iso | grep -q 'NO Joliet'
}

case_random_trees() {
	for seed in 1 2 3 4; do
		check tree x.tar $seed
		"$IMAGE" x.tar x.iso joliet
		echo "seed $seed"
		reads_as x.tar x.iso
	done
}

case_equal_content_is_stored_once() {
	mkdir t
	head -c 3000000 /dev/urandom >t/one
	cp t/one t/two
	ln t/one t/three
	tar -C t -cf x.tar .
	"$IMAGE" x.tar x.iso
	[ "$(stat -c %s x.iso)" -lt 3500000 ] || fail "$(stat -c %s x.iso) bytes"
	mkdir out
	bsdtar -C out -xf x.iso
	diff -r t out
}

case_bios_and_isohybrid() {
	check tree x.tar 0
	head -c 432 /dev/urandom >mbr
	"$IMAGE" x.tar x.iso joliet bios=boot/loader.bin mbr=mbr
	reads_as x.tar x.iso
	xorriso -indev x.iso -report_el_torito plain -report_system_area plain >report 2>/dev/null
	grep -qE '^El Torito boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 ' report
	grep -q 'El Torito img opts :   1  boot-info-table' report
	grep -q 'El Torito cat path : /boot/boot.cat' report
	fdisk -l x.iso | grep -qE '^x\.iso1 +\* +0 +[0-9]+ +[0-9]+ +[0-9.]+M 17 '
	[ $(($(stat -c %s x.iso) % 1048576)) = 0 ]
}

case_efi_with_appended_esp() {
	check tree x.tar 0
	make_esp
	head -c 432 /dev/urandom >mbr
	for options in "" "bios=boot/loader.bin" "bios=boot/loader.bin mbr=mbr"; do
		# shellcheck disable=SC2086
		"$IMAGE" x.tar x.iso joliet esp=esp.img $options
		reads_as x.tar x.iso
		sgdisk -v x.iso | grep -q 'No problems found' || fail "$(sgdisk -v x.iso)"
		xorriso -indev x.iso -report_el_torito plain -report_system_area plain >report 2>/dev/null
		grep -qE '^El Torito boot img : +[12] +UEFI +y +none ' report
		[ -z "$options" ] || grep -qE '^El Torito boot img : +1 +BIOS +y +none ' report
		# partition 2 and the boot entry are the ESP
		start=$(sed -n 's/^GPT start and size : *2 *\([0-9]*\) .*/\1/p' report)
		tail -c +$((start * 512 + 1)) x.iso | head -c 3000000 | cmp - esp.img
		[ "$(awk '/^El Torito boot img/ && /UEFI/ { print $NF }' report)" = $((start / 4)) ]
		# partition 1 is the file system without its first 32 KiB
		tail -c +32769 x.iso | head -c $(((start - 64) * 512)) >part.iso
		bsdtar -cf read.tar --format=pax @part.iso
		check archive x.tar read.tar
	done
}

case_same_bytes_anywhere() {
	check tree x.tar 0
	make_esp
	"$IMAGE" x.tar x.iso joliet esp=esp.img
	mkdir other
	cp x.tar esp.img other
	(
		cd other || exit 1
		umask 077
		TZ=Asia/Tokyo LC_ALL=C taskset -c 0 "$IMAGE" x.tar z.iso joliet esp=esp.img
	)
	same x.iso other/z.iso
}

case_errors_leave_no_image() {
	check tree x.tar 0
	fails_with '^boot image no/such is not in the tree$' "$IMAGE" x.tar x.iso bios=no/such
	[ ! -e x.iso ]
}

run_cases
