#!/bin/sh
# kernel.sh - the kernels that `make -C kernel` compiled: disks need no initramfs with them, and they boot in every way.
# A quarter of an hour of compiling is no part of a test: what was not compiled (linux for amd64 and for arm64, the other
# flavours for amd64) is skipped.
. "$(dirname "$0")/../lib.sh"

SPEC=$TOP/test/full/kernel/kernel.yml
PROGRAMS=${LINUXKIT_PROGRAMS:-$TOP/build/target}

# compiled [ARCH [FLAVOUR [GOAL]]]
compiled() {
	[ -s "$PROGRAMS/${1:-amd64}/${2:-linux}.${3:-tar}" ] ||
		skip "no such kernel was compiled: make -C kernel ARCH=${1:-amd64} FLAVOUR=${2:-linux}"
}

built() {
	compiled
	[ -s "$WORK/out/t-efi.img" ] || skip "nothing was built"
	need qemu-system-x86_64
}

case_build() {
	compiled
	mkdir "$WORK/out" "$WORK/elf"
	"$LINUXKIT" -q build --arch amd64 --dir "$WORK/out" --name t --format kernel+initrd,raw-bios,raw-efi "$SPEC"
	"$LINUXKIT" -q build --arch amd64 --dir "$WORK/elf" --name t --decompress-kernel "$SPEC"
}

# first DISK: the first partition, as mtools wants it.
first() {
	start=$(sfdisk -J "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["partitiontable"]["partitions"][0]["start"])')
	echo "$1@@$((start * 512))"
}

case_disks_have_no_initramfs() {
	built
	need mcopy sfdisk objdump python3
	mcopy -i "$(first "$WORK/out/t-efi.img")" ::EFI/BOOT/BOOTX64.EFI uki
	objdump -h uki >sections
	grep -q ' \.linux ' sections || fail "no kernel in the unified image: $(cat sections)"
	! grep ' \.initrd ' sections || fail "an initramfs in the unified image"
	mdir -/ -b -i "$(first "$WORK/out/t-bios.img")" :: >files
	grep -qi kernel files || fail "no kernel on the boot partition: $(cat files)"
	! grep -i initrd files || fail "an initramfs on the boot partition"
}

# boots PATTERN QEMU-ARGUMENT...: the machine prints its marks and turns itself off; PATTERN is about its root.
QEMU=qemu-system-x86_64
boots() {
	pattern=$1
	shift
	timeout 300 $QEMU -accel tcg -m 256 "$@" -display none -monitor none -serial file:console -no-reboot \
		</dev/null >qemu.log 2>&1 || {
		cat qemu.log console
		fail "qemu failed"
	}
	grep -a MARK console || cat console
	grep -aqE "MARK root $pattern" console || fail "no mark of a root that is $pattern"
	grep -aq 'MARK wrote x' console || fail "nothing could be written"
	! grep -a 'MARK no ' console || fail "a module did not load"
	grep -aqE 'MARK modules [0-9]{2,} of .*-linuxkit' console || fail "no modules"
}

case_boot_bios_disks() {
	built
	boots '.* squashfs ro' -snapshot -drive "file=$WORK/out/t-bios.img,format=raw,if=virtio"
	boots '.* squashfs ro' -snapshot -drive "file=$WORK/out/t-bios.img,format=raw,if=ide"
	boots '.* squashfs ro' -snapshot -M q35 -device ide-hd,drive=d,bus=ide.0 \
		-drive "file=$WORK/out/t-bios.img,format=raw,if=none,id=d"
	boots '.* squashfs ro' -snapshot -device virtio-scsi-pci -device scsi-hd,drive=d \
		-drive "file=$WORK/out/t-bios.img,format=raw,if=none,id=d"
	boots '.* squashfs ro' -snapshot -device pvscsi -device scsi-hd,drive=d \
		-drive "file=$WORK/out/t-bios.img,format=raw,if=none,id=d"
}

case_boot_efi_disks() {
	built
	[ -f /usr/share/OVMF/OVMF_CODE_4M.fd ] || skip "ovmf is not installed"
	for disk in virtio-blk-pci nvme,serial=1; do
		cp /usr/share/OVMF/OVMF_VARS_4M.fd vars
		boots '.* squashfs ro.* efi /sys/firmware/efi' -snapshot -machine q35 -device $disk,drive=d \
			-drive if=pflash,unit=0,readonly=on,format=raw,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
			-drive if=pflash,unit=1,format=raw,file=vars \
			-drive "file=$WORK/out/t-efi.img,format=raw,if=none,id=d"
	done
}

case_boot_initrd() {
	built
	boots '(rootfs|none|tmpfs) ' -m 512 -kernel "$WORK/out/t-kernel" -initrd "$WORK/out/t-initrd.img" \
		-append "$(cat "$WORK/out/t-cmdline")"
}

# Uncompressed, entered without firmware and setup code.
case_boot_elf() {
	built
	[ "$(head -c 4 "$WORK/elf/t-kernel" | tail -c 3)" = ELF ] || fail "no ELF file"
	boots '(rootfs|none|tmpfs) ' -M q35 -m 512 -kernel "$WORK/elf/t-kernel" -initrd "$WORK/elf/t-initrd.img" \
		-append "$(cat "$WORK/elf/t-cmdline")"
}

# --- the other flavours ---------------------------------------------------------------------------------------------

# flavour NAME QEMU-ARGUMENT...
flavour() {
	name=$1
	shift
	compiled amd64 "$name"
	need qemu-system-x86_64
	printf 'kernel: {image: "@pkg:%s/kernel/%s"}\n' "$TOP" "$name" >over.yml
	"$LINUXKIT" -q build --arch amd64 --dir . --name t "$SPEC" over.yml
	boots '(rootfs|none|tmpfs) ' "$@" -kernel t-kernel -initrd t-initrd.img -append "$(cat t-cmdline)"
	grep -aqE "MARK modules .*-linuxkit${name#linux}.?\$" console || fail "another kernel"
}

case_boot_ebpf() {
	flavour linux-ebpf -m 512
	grep -aqE 'MARK btf [0-9]{7,}' console || fail "no type information"
}

case_boot_debug() {
	flavour linux-debug -M q35 -m 1024
	! grep -aE 'WARNING:|BUG:|INFO: .*lock' console || fail "the kernel complains"
}

case_boot_metal() {
	flavour linux-metal -M q35 -m 512
}

# --- arm64 ---------------------------------------------------------------------------------------------------------

case_build_arm64() {
	compiled arm64
	need aarch64-linux-gnu-gcc
	(unset MAKEFLAGS MFLAGS MAKELEVEL && make -s -C "$TOP" ARCHES=arm64 programs)
	mkdir "$WORK/arm64"
	"$LINUXKIT" -q build --arch arm64 --dir "$WORK/arm64" --name t --format kernel+initrd,raw-efi "$SPEC"
}

built_arm64() {
	compiled arm64
	[ -s "$WORK/arm64/t-efi.img" ] || skip "nothing was built"
	QEMU=qemu-system-aarch64
	need $QEMU
}

# One way with a device tree, one with firmware and ACPI tables.
case_boot_arm64_initrd() {
	built_arm64
	boots '(rootfs|none|tmpfs) ' -M virt -cpu cortex-a57 -m 512 -kernel "$WORK/arm64/t-kernel" \
		-initrd "$WORK/arm64/t-initrd.img" -append "$(cat "$WORK/arm64/t-cmdline")"
}

case_boot_arm64_disk() {
	built_arm64
	need mcopy sfdisk python3
	mcopy -i "$(first "$WORK/arm64/t-efi.img")" ::EFI/BOOT/BOOTAA64.EFI uki
	# the table of sections; binutils of another architecture do not read it
	head -c 4096 uki >sections
	grep -aqF .linux sections || fail "no kernel in the unified image"
	! grep -aqF .initrd sections || fail "an initramfs in the unified image"
	[ -f /usr/share/AAVMF/AAVMF_CODE.fd ] || skip "qemu-efi-aarch64 is not installed"
	cp /usr/share/AAVMF/AAVMF_VARS.fd vars
	boots '.* squashfs ro.* efi /sys/firmware/efi' -snapshot -M virt -cpu cortex-a57 -m 512 \
		-drive if=pflash,unit=0,readonly=on,format=raw,file=/usr/share/AAVMF/AAVMF_CODE.fd \
		-drive if=pflash,unit=1,format=raw,file=vars -drive "file=$WORK/arm64/t-efi.img,format=raw,if=virtio"
}

run_cases
