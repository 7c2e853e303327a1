#!/bin/sh
# formats-arm64.sh - disks, ISO images and Raspberry Pi cards for arm64, made on this machine whatever it is, and booted
# under emulation to the same mark as in formats.sh.  Needs a Debian mirror, QEMU, AAVMF (tools/install-deps test).
#
# QEMU does not run the firmware of a Pi, so kernel, initramfs and device tree are taken back out of the card and
# started as the firmware would do it, with the card in the slot; it cannot turn a Pi off either.
. "$(dirname "$0")/../lib.sh"

SPEC=$TOP/test/full/formats/formats.yml
RPI=$TOP/test/full/formats/rpi.yml

# Stand-ins unless the real ones are there: no machine here executes them.
firmware() {
	mkdir -p "$WORK/firmware"
	for f in bootcode.bin start.elf fixup.dat start4.elf fixup4.dat LICENCE.broadcom; do
		echo "stands for $f" >"$WORK/firmware/$f"
	done
	export LINUXKIT_RPI_FIRMWARE="$WORK/firmware"
}

build() {
	"$LINUXKIT" -q build --arch arm64 --name t "$@"
}

case_build() {
	need aarch64-linux-gnu-gcc
	(unset MAKEFLAGS MFLAGS MAKELEVEL && make -s -C "$TOP" ARCHES=arm64 programs)
	firmware
	mkdir -p "$WORK/out/rpi"
	build --dir "$WORK/out" --format raw-efi,iso-efi,aws,vmdk "$SPEC"
	build --dir "$WORK/out/rpi" --format rpi,rpi3 "$RPI"
}

built() {
	[ -s "$WORK/out/$1" ] || skip "nothing was built"
}

case_same_bytes_again() {
	built rpi/t.tar
	firmware
	mkdir -p again/rpi
	(
		umask 077
		export LINUXKIT_THREADS=5 TZ=Pacific/Auckland LC_ALL=C
		build --dir again --format raw-efi,iso-efi,aws,vmdk "$SPEC"
		build --dir again/rpi --format rpi,rpi3 "$RPI"
	)
	for f in t-efi.img t-efi.iso t.raw t.vmdk rpi/t-rpi.img rpi/t.tar; do
		same "again/$f" "$WORK/out/$f"
	done
}

case_sound() {
	built t-efi.img
	need sgdisk qemu-img
	for f in t-efi.img t-efi.iso t.raw; do
		sgdisk -v "$WORK/out/$f" | tee log
		grep -q 'No problems found' log || fail "$f: partition table"
	done
	qemu-img check -f vmdk "$WORK/out/t.vmdk"
	qemu-img compare -f raw -F vmdk "$WORK/out/t.raw" "$WORK/out/t.vmdk"
}

# boots PATTERN FIRMWARE-DRIVE...: to the end, which the machine reaches by itself.
boots() {
	need qemu-system-aarch64
	[ -e /usr/share/AAVMF/AAVMF_CODE.fd ] || skip "no AAVMF"
	cp /usr/share/AAVMF/AAVMF_VARS.fd vars
	timeout 400 qemu-system-aarch64 -accel tcg -M virt -cpu cortex-a57 -m 512 -snapshot \
		-drive if=pflash,unit=0,readonly=on,format=raw,file=/usr/share/AAVMF/AAVMF_CODE.fd \
		-drive if=pflash,unit=1,format=raw,file=vars "$@" \
		-display none -monitor none -serial file:console -no-reboot </dev/null >qemu.log 2>&1 || {
		cat qemu.log console
		fail "qemu failed"
	}
	grep -a MARK console || cat console
	grep -aqE "MARK root .* squashfs ro.* efi /sys/firmware/efi" console || fail "not the right root"
	grep -aq 'MARK wrote x' console || fail "nothing could be written"
}

case_boot_efi_disk() {
	built t-efi.img
	boots -drive "file=$WORK/out/t-efi.img,format=raw,if=virtio"
}

case_boot_iso() {
	built t-efi.iso
	boots -device virtio-scsi-pci -device scsi-cd,drive=d \
		-drive "file=$WORK/out/t-efi.iso,format=raw,if=none,id=d,media=cdrom,readonly=on"
}

# --- Raspberry Pi -------------------------------------------------------------------------------------------------

case_rpi_card() {
	built rpi/t-rpi.img
	need mcopy fsck.vfat sfdisk unsquashfs
	mkdir card tar
	mcopy -s -n -i "$WORK/out/rpi/t-rpi.img@@1M" '::*' card
	tar -xf "$WORK/out/rpi/t.tar" -C tar
	for f in kernel8.img config.txt start4.elf fixup.dat bcm2837-rpi-3-b.dtb bcm2711-rpi-4-b.dtb; do
		same "card/$f" "tar/$f"
	done
	grep -q '^initramfs initrd.img followkernel$' card/config.txt || fail "$(cat card/config.txt)"
	grep -q '^console=tty0 console=ttyS1,115200 console=ttyAMA0 .*root=PARTUUID=' card/cmdline.txt || fail "$(cat card/cmdline.txt)"
	! grep -q root= tar/cmdline.txt || fail "$(cat tar/cmdline.txt)"
	# device trees are device trees, the kernel is not compressed
	[ "$(od -An -tx1 -N4 card/bcm2711-rpi-4-b.dtb)" = " d0 0d fe ed" ] || fail "no device tree"
	[ "$(od -An -c -j56 -N3 card/kernel8.img)" = "   A   R   M" ] || fail "no Image"
	sfdisk -d "$WORK/out/rpi/t-rpi.img" | tee table
	grep -q 'img1 : start= *2048,.*type=c, bootable' table || fail "first partition"
	start=$(sed -n 's/.*img2 : start= *\([0-9]*\),.*type=83.*/\1/p' table)
	dd if="$WORK/out/rpi/t-rpi.img" of=fat bs=512 skip=2048 count=$((start - 2048)) status=none
	fsck.vfat -n fat || fail "FAT"
	dd if="$WORK/out/rpi/t-rpi.img" of=root bs=1M skip=$((start / 2048)) status=none
	unsquashfs -s root | grep -q zstd || fail "root partition"
	rm fat root
}

# pi CARD KERNEL-ARGUMENT...: a Pi 3 until it prints the mark.
pi() {
	need qemu-system-aarch64
	cp --sparse=always "$WORK/out/rpi/t-rpi.img" slot
	truncate -s 512M slot # QEMU takes cards whose size is a power of two
	qemu-system-aarch64 -accel tcg -M raspi3b -kernel kernel8.img -initrd initrd.img -dtb bcm2837-rpi-3-b.dtb \
		-append "$(cat cmdline.txt)" -drive file=slot,if=sd,format=raw \
		-display none -monitor none -serial file:console </dev/null >qemu.log 2>&1 &
	vm=$!
	trap 'kill $vm 2>/dev/null; tail -n 40 qemu.log console' EXIT
	wait_for console 'MARK wrote x' 400 $vm
	trap - EXIT
	kill $vm
	wait $vm || true
	grep -a MARK console
	grep -aqE "MARK root $1" console || fail "not the right root"
	rm slot
}

case_boot_rpi_card() {
	built rpi/t-rpi.img
	need mcopy
	mcopy -n -i "$WORK/out/rpi/t-rpi.img@@1M" ::kernel8.img ::initrd.img ::cmdline.txt ::bcm2837-rpi-3-b.dtb .
	pi '.* squashfs ro'
}

case_real_firmware() {
	unset LINUXKIT_RPI_FIRMWARE
	apt-cache show raspi-firmware 2>/dev/null | grep -q '^Section: non-free-firmware' ||
		skip "the sources of apt have no non-free-firmware"
	built rpi/t-rpi.img
	need mdir
	build --dir . --format rpi "$RPI"
	for f in bootcode.bin start.elf fixup.dat start4.elf fixup4.dat LICENCE.broadcom; do
		mdir -b -i t-rpi.img@@1M "::$f" || fail "no $f"
	done
}

run_cases
