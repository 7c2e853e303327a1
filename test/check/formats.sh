#!/bin/sh
# formats.sh - every output format as a whole program, with small made-up kernels and the boot loaders of this
# machine's Debian packages: the same bytes twice, what stands in the disks, and what is refused before anything is
# written. No machine is booted and nothing is fetched; test/full/formats.sh boots them.
. "$(dirname "$0")/../lib.sh"

DATE=1492533000 # the time of everything, unless SOURCE_DATE_EPOCH says otherwise (formats.md)

# --- formats ------------------------------------------------------------------------------------------------------

# all_formats: as the help lists them.
all_formats() {
	"$LINUXKIT" build --help | tr '\n' ' ' | sed 's/.*--format FORMAT *[^[]*\[\([^]]*\)\].*/\1/; s/[, ]\{1,\}/ /g'
}

# files FORMAT: what it writes, behind the name, for a kernel with modules. A format that is not here has no test.
files() {
	case $1 in
	aws) echo .raw ;;
	docker | tar) echo ".$1" ;;
	dynamic-vhd | vhd) echo .vhd ;;
	gcp) echo .img.tar.gz ;;
	iso-bios) echo .iso ;;
	iso-efi | iso-efi-initrd) echo "-${1#iso-}.iso" ;;
	iso-hybrid) echo -hybrid.iso ;;
	kernel+erofs | kernel+squashfs) echo "-kernel -${1#kernel+}.img -cmdline -${1#kernel+}-initrd.img" ;;
	kernel+initrd | kernel+initrd-erofs | kernel+initrd-squashfs) echo "-kernel -initrd.img -cmdline" ;;
	kernel+iso) echo "-kernel .iso -cmdline" ;;
	ova | vmdk) echo ".$1" ;;
	qcow2-bios) echo .qcow2 ;;
	qcow2-efi) echo -efi.qcow2 ;;
	raw-bios | raw-efi | raw-hybrid) echo "-${1#raw-}.img" ;;
	rpi) echo -rpi.img ;;
	rpi3) echo .tar ;;
	tar-kernel-initrd) echo -initrd.tar ;;
	*) fail "format $1 has no test here" ;;
	esac
}

# refused FORMAT ARCH: is it one that cannot be made?
refused() {
	case $1:$2 in
	iso-bios:arm64 | iso-hybrid:arm64 | qcow2-bios:arm64 | raw-bios:arm64 | raw-hybrid:arm64) return 0 ;;
	rpi:amd64 | rpi3:amd64) return 0 ;;
	*) return 1 ;;
	esac
}

# groups ARCH: lines of formats that can be built in one go.
groups() {
	main=
	for f in $(all_formats); do
		refused "$f" "$1" && continue
		case $f in
		dynamic-vhd | kernel+iso | kernel+initrd-squashfs | kernel+initrd-erofs | tar | docker | rpi3) ;;
		*) main=$main,$f ;;
		esac
	done
	echo "${main#,}"
	echo dynamic-vhd,kernel+iso
	for f in kernel+initrd-squashfs kernel+initrd-erofs tar docker rpi3; do
		refused "$f" "$1" || echo $f
	done
}

# --- what they are made from --------------------------------------------------------------------------------------

# kernel NAME ARCH modules|builtin: a component with a file that looks like a kernel of that architecture.
kernel() {
	modules=kernel-$1/rootfs/lib/modules/6.1.0-test
	mkdir -p "$modules/kernel" "kernel-$1/rootfs/boot/dtb/broadcom/other"
	python3 - "$2" >"kernel-$1/rootfs/kernel" <<-'END'
		import sys
		image = bytearray(bytes(range(256)) * 1024)
		image[0x38:0x3c] = b"ARM\x64" if sys.argv[1] == "arm64" else bytes(4)
		image[0x1fe:0x206] = bytes(8) if sys.argv[1] == "arm64" else b"\x55\xaa\xeb\x66HdrS"
		sys.stdout.buffer.write(image)
	END
	: >"$modules/modules.dep"
	: >"$modules/modules.builtin"
	for m in virtio virtio_blk squashfs erofs isofs loop mmc_block sdhci-iproc fixed; do
		if [ "$3" = builtin ]; then
			echo "kernel/$m.ko" >>"$modules/modules.builtin"
		else
			echo "this is $m" >"$modules/kernel/$m.ko"
			echo "kernel/$m.ko:$([ $m != virtio_blk ] || echo ' kernel/virtio.ko')" >>"$modules/modules.dep"
		fi
	done
	for board in bcm2837-rpi-3-b bcm2711-rpi-4-b; do
		echo "tree of $board" >"kernel-$1/rootfs/boot/dtb/broadcom/$board.dtb"
	done
	echo "not of a Pi" >"kernel-$1/rootfs/boot/dtb/broadcom/other/bcm963xx.dtb"
	cat >"kernel-$1/build.yml" <<-END
		image: kernel-$1
		arches: [amd64, arm64]
		native:
		  files:
		    - {from: rootfs/, to: /}
		  tar: {kernel.tar: ["lib/modules/**", "boot/dtb/**"]}
	END
}

# spec NAME KERNEL COMMAND-LINE
spec() {
	cat >"$1.yml" <<-END
		kernel:
		  image: "@pkg:./kernel-$2"
		  cmdline: "$3"
		init:
		  - "@pkg:./init"
		files:
		  - path: etc/motd
		    contents: "hello"
	END
}

DEBIAN="/usr/bin/syslinux /usr/lib/SYSLINUX/mbr.bin /usr/lib/SYSLINUX/gptmbr.bin /usr/lib/ISOLINUX/isolinux.bin
	/usr/lib/ISOLINUX/isohdpfx.bin /usr/lib/syslinux/modules/bios/ldlinux.c32"

# All of it in the folder of the case; made once.
project() {
	need python3 mcopy sfdisk
	[ "$(all_formats | wc -w)" -ge 26 ] || fail "formats: $(all_formats)"
	if [ ! -d "$WORK/project" ]; then
		mkdir "$WORK/project.new"
		(cd "$WORK/project.new" && make_project)
		mv "$WORK/project.new" "$WORK/project"
	fi
	cp -a "$WORK/project/." .
	export LINUXKIT_RPI_FIRMWARE="$PWD/firmware"
}

make_project() {
	stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
	for f in $DEBIAN $stub; do
		[ -e "$f" ] || skip "no $f (packages syslinux, isolinux, systemd-boot-efi)"
	done
	mkdir -p loader-amd64 loader-arm64 firmware init/rootfs/bin init/rootfs/sbin init/rootfs/usr
	# shellcheck disable=SC2086 # a list
	cp $DEBIAN loader-amd64
	cp $stub loader-amd64/linux.efi.stub
	echo "the first process" | tee loader-amd64/stub >loader-arm64/stub
	# the same program, said to be for the other machine: nobody runs it here
	python3 - $stub >loader-arm64/linux.efi.stub <<-'END'
		import sys
		stub = bytearray(open(sys.argv[1], "rb").read())
		pe = int.from_bytes(stub[0x3c:0x40], "little")
		stub[pe + 4:pe + 6] = b"\x64\xaa"
		sys.stdout.buffer.write(stub)
	END
	for f in bootcode.bin start.elf fixup.dat start4.elf fixup4.dat LICENCE.broadcom; do
		echo "stands for $f" >firmware/$f
	done
	# what else stands in a copy of a boot partition
	for f in kernel8.img config.txt overlay.dtbo; do
		echo "not this $f" >firmware/$f
	done
	kernel amd64 amd64 modules
	kernel arm64 arm64 modules
	kernel amd64-builtin amd64 builtin
	kernel arm64-builtin arm64 builtin
	seq 1 100000 >init/rootfs/usr/numbers
	echo "I am init" >init/rootfs/bin/init
	ln -s ../bin/init init/rootfs/sbin/init
	cat >init/build.yml <<-'END'
		image: init
		arches: [amd64, arm64]
		native:
		  files:
		    - {from: rootfs/, to: /}
	END
	for k in amd64 arm64 amd64-builtin arm64-builtin; do
		spec $k $k "console=ttyS0 quiet"
	done
}

# build ARCH OPTION... FILE
build() {
	arch=$1
	shift
	# shellcheck disable=SC2086 # a command and its arguments
	${AS:-} "$LINUXKIT" -q build --arch "$arch" --bootloader "$PWD/loader-$arch" "$@"
}

# become_another: what follows in this shell is done on another day, by another user where we may change that, who has
# a copy of the cache.
become_another() {
	AS="faketime -f +400d"
	[ "$(id -u)" -eq 0 ] || return 0
	cp "$LINUXKIT" linuxkit
	cp -a "$LINUXKIT_CACHE" cache
	chmod 755 "$WORK"
	chown -R 65534:65534 .
	AS="setpriv --reuid=65534 --regid=65534 --clear-groups $AS"
	LINUXKIT=$PWD/linuxkit LINUXKIT_CACHE=$PWD/cache
}

# --- the same bytes -----------------------------------------------------------------------------------------------

# twice ARCH: every format of the architecture, the second time by another user on another day and number of threads,
# in another time zone, with another mask, a warm cache, into another folder, and under another name.
twice() {
	need faketime setpriv
	project
	mkdir first second
	: >seen
	# shellcheck disable=SC2030,SC2031 # the second build has an environment of its own
	groups "$1" | while read -r list; do
		mkdir -p "first/$list" "second/$list"
		LINUXKIT_THREADS=1 TZ=UTC build "$1" --size 48M --dir "first/$list" --name t --format "$list" "$1.yml"
		(
			become_another
			umask 077
			export LINUXKIT_THREADS=5 TZ=Pacific/Auckland LC_ALL=C SOURCE_DATE_EPOCH=$DATE
			build "$1" --size 48M --dir "second/$list" --name another --format "$list" "$1.yml"
		)
		for f in $(echo "$list" | tr , ' '); do
			for suffix in $(files "$f"); do
				[ -s "first/$list/t$suffix" ] || fail "format $f: no t$suffix"
				# its members are named like it
				[ "$f" = ova ] || same "first/$list/t$suffix" "second/$list/another$suffix"
				echo "t$suffix" >>"names-$list"
			done
			echo "$f" >>seen
		done
		[ "$(sort -u "names-$list")" = "$(ls "first/$list")" ] || fail "other files than expected: $(ls "first/$list")"
	done
	for f in $(all_formats); do
		files "$f" >/dev/null
		refused "$f" "$1" || grep -qFx -- "$f" seen || fail "format $f was not built"
	done
	# a cache that has nothing derived, and the OVA under its own name
	rm -rf "$LINUXKIT_CACHE/derived" first/ova
	mkdir again
	build "$1" --size 48M --dir again --name t --format ova,gcp,kernel+squashfs,iso-efi "$1.yml"
	for f in t.ova t.img.tar.gz t-squashfs.img t-efi.iso; do
		same "again/$f" "$(echo first/aws*/$f)"
	done
	# another time gives other bytes
	SOURCE_DATE_EPOCH=1600000000 build "$1" --size 48M --dir again --name t --format iso-efi "$1.yml"
	! cmp -s again/t-efi.iso first/aws*/t-efi.iso || fail "SOURCE_DATE_EPOCH changes nothing"
}

case_same_bytes_amd64() {
	twice amd64
}

case_same_bytes_arm64() {
	twice arm64
}

# --- what is in them ----------------------------------------------------------------------------------------------

# of DISK PATH: a file of its first partition.
of() {
	mcopy -n -i "$1@@1M" "::$2" - 2>mcopy.err
}

# Section NAME of the unified kernel image on the disk.
section() {
	of "$1" "EFI/BOOT/BOOT$2.EFI" >uki
	python3 - uki "$3" <<-'END'
		import struct, sys
		d = open(sys.argv[1], "rb").read()
		pe = struct.unpack_from("<I", d, 0x3c)[0]
		n, optional = struct.unpack_from("<H", d, pe + 6)[0], struct.unpack_from("<H", d, pe + 20)[0]
		for i in range(n):
		    h = pe + 24 + optional + 40 * i
		    size, at = struct.unpack_from("<I", d, h + 8)[0], struct.unpack_from("<I", d, h + 20)[0]
		    if d[h:h + 8].rstrip(b"\0") == sys.argv[2].encode():
		        sys.stdout.buffer.write(d[at:at + size])
		        sys.exit()
		sys.exit("no section " + sys.argv[2])
	END
}

# partuuid DISK: of its second partition, as the kernel names it.
partuuid() {
	sfdisk -J "$1" >table
	python3 - <<-'END'
		import json
		t = json.load(open("table"))["partitiontable"]
		print(t["id"][2:] + "-02" if t["label"] == "dos" else t["partitions"][1]["uuid"].lower())
	END
}

# has_root DISK COMMAND-LINE: the root is named there as it is on the disk.
has_root() {
	tr -d '\0' <"$2" | tr ' ' '\n' >words
	grep -qFx "root=PARTUUID=$(partuuid "$1")" words || fail "$1: $(cat words table)"
	grep -qFx rootwait words || fail "$1: the kernel would not wait for a slow disk"
	grep -qFx quiet words || fail "$1: the rest of the command line is lost"
}

# A kernel with everything built in mounts its root by itself; one with modules gets a small initramfs.
case_root_on_disk() {
	project
	for k in amd64 amd64-builtin; do
		build amd64 --format raw-bios,raw-efi,raw-hybrid $k.yml
		of $k-bios.img syslinux.cfg | sed -n 's/^ *APPEND //p' >line
		has_root $k-bios.img line
		of $k-hybrid.img syslinux.cfg | sed -n 's/^ *APPEND //p' >line
		has_root $k-hybrid.img line
		for disk in efi hybrid; do
			section $k-$disk.img X64 .cmdline >line
			has_root $k-$disk.img line
			section $k-$disk.img X64 .linux >linux
			same linux kernel-$k/rootfs/kernel
		done
	done
	build arm64 --format raw-efi,rpi,vmdk arm64-builtin.yml
	section arm64-builtin-efi.img AA64 .cmdline >line
	has_root arm64-builtin-efi.img line
	of amd64-bios.img initrd.img | gzip -dc 2>/dev/null | grep -aq 'this is squashfs' || fail "no modules in the initramfs"
	section amd64-efi.img X64 .initrd | gzip -dc 2>/dev/null | grep -aq 'the first process' || fail "no program in it"
	build amd64 --format kernel+squashfs,kernel+erofs amd64-builtin.yml
	[ -z "$(find . -name '*builtin-*initrd.img')" ] || fail "kernel+squashfs: an initramfs that nobody needs"
	for disk in amd64-builtin-bios amd64-builtin-hybrid arm64-builtin-rpi; do
		! of $disk.img initrd.img >initrd || fail "$disk: an initramfs that nobody needs"
	done
	! section amd64-builtin-efi.img X64 .initrd >initrd 2>&1 || fail "EFI: an initramfs that nobody needs"
	! section arm64-builtin-efi.img AA64 .initrd >initrd 2>&1 || fail "arm64: an initramfs that nobody needs"
}

# A root= of the user's stays alone; one word that only ends like that is another.
case_own_root() {
	project
	spec own amd64-builtin "root=/dev/sdx7 console=ttyS0"
	build amd64 --format raw-bios,iso-bios,kernel+initrd-squashfs own.yml
	of own-bios.img syslinux.cfg | grep -qx '    APPEND root=/dev/sdx7 console=ttyS0' || fail "$(of own-bios.img syslinux.cfg)"
	[ "$(cat own-cmdline)" = "root=/dev/sdx7 console=ttyS0" ] || fail "$(cat own-cmdline)"
	! grep -a 'root=iso:' own.iso || fail "iso-bios: two roots"
	spec nfs amd64-builtin "nfsroot=1.2.3.4:/x"
	build amd64 --format raw-bios nfs.yml
	of nfs-bios.img syslinux.cfg | grep -q 'nfsroot=1.2.3.4:/x root=PARTUUID=' || fail "nfsroot= is taken for root="
}

# LinuxKit's layout: everything in the initrd, one partition.
case_root_in_initrd() {
	project
	build amd64 --format raw-bios,raw-efi,kernel+initrd --disk-root initrd amd64.yml
	of amd64-bios.img initrd.img >initrd
	same initrd amd64-initrd.img
	section amd64-efi.img X64 .initrd >initrd
	same initrd amd64-initrd.img
	of amd64-bios.img syslinux.cfg | grep -qx '    APPEND console=ttyS0 quiet' || fail "$(of amd64-bios.img syslinux.cfg)"
	[ "$(sfdisk -l amd64-bios.img | grep -c '^amd64-bios.img')" = 1 ] || fail "more than one partition"
}

# Microcode comes first in every initramfs, and alone where there is no other (formats.md 1.2).
case_microcode() {
	project
	printf '070701 microcode' >kernel-amd64/rootfs/ucode.cpio
	cp kernel-amd64/rootfs/ucode.cpio kernel-amd64-builtin/rootfs
	for k in amd64 amd64-builtin; do
		sed -i 's/^init:/  ucode: ucode.cpio\n&/' $k.yml
		build amd64 --format raw-bios,raw-efi,iso-efi,kernel+initrd-squashfs $k.yml
		[ "$(of $k-bios.img initrd.img | head -c 16)" = "070701 microcode" ] || fail "$k: none on BIOS disks"
		[ "$(section $k-efi.img X64 .initrd | head -c 16)" = "070701 microcode" ] || fail "$k: none on UEFI disks"
		[ "$(head -c 16 $k-initrd.img)" = "070701 microcode" ] || fail "$k: none in the initrd"
	done
}

case_raspberry_pi() {
	project
	build arm64 --format rpi,rpi3 arm64.yml
	build arm64 --format kernel+initrd arm64.yml
	mkdir card
	tar -xf arm64.tar -C card
	[ "$(cat card/cmdline.txt)" = "console=tty0 console=ttyS1,115200 console=ttyS0 quiet" ] || fail "$(cat card/cmdline.txt)"
	for line in arm_64bit=1 upstream_kernel=1 kernel=kernel8.img "initramfs initrd.img followkernel"; do
		grep -qFx "$line" card/config.txt || fail "config.txt: no $line: $(cat card/config.txt)"
	done
	same card/kernel8.img kernel-arm64/rootfs/kernel
	same card/initrd.img arm64-initrd.img
	(cd card && echo *) >got
	[ "$(cat got)" = "LICENCE.broadcom bcm2711-rpi-4-b.dtb bcm2837-rpi-3-b.dtb bootcode.bin cmdline.txt config.txt \
fixup.dat fixup4.dat initrd.img kernel8.img start.elf start4.elf" ] || fail "$(cat got)"
	# the whole card has the same, but its root behind it
	for f in bcm2711-rpi-4-b.dtb bootcode.bin config.txt start4.elf LICENCE.broadcom kernel8.img; do
		of arm64-rpi.img $f >one
		same one card/$f
	done
	of arm64-rpi.img cmdline.txt >line
	tr -d '\n' <line >oneline
	has_root arm64-rpi.img oneline
	# the SD slot of a Pi 4 has no power without it
	of arm64-rpi.img initrd.img | gzip -dc 2>/dev/null | grep -aq 'this is fixed' || fail "no driver for the regulator"
	[ "$(wc -l <line)" = 1 ] || fail "cmdline.txt has more than a line"
	sfdisk -d arm64-rpi.img | grep -q 'img1 : start= *2048,.*type=c, bootable' || fail "$(sfdisk -d arm64-rpi.img)"
	# what a board cannot start without
	rm kernel-arm64/rootfs/boot/dtb/broadcom/bcm*
	fails_with 'format rpi: the kernel has no device trees of a Raspberry Pi in boot/dtb/broadcom/' \
		build arm64 --format rpi --name none arm64.yml
	rm firmware/*
	fails_with 'firmware: there is neither start.elf nor start4.elf' build arm64 --format rpi --name none arm64-builtin.yml
	[ -z "$(find . -name 'none*')" ] || fail "written all the same"
}

case_sizes() {
	project
	size() {
		rm -f amd64-*.img amd64.raw
		build amd64 "$@" amd64.yml
		stat -c %s amd64-bios.img amd64.raw 2>/dev/null
	}
	[ "$(size --format raw-bios --size 128M)" = $((128 << 20)) ] || fail "128M"
	[ "$(size --format raw-bios --size 1G)" = $((1 << 30)) ] || fail "1G"
	[ "$(size --format raw-bios --size 2)" = $((2 << 30)) ] || fail "2"
	[ "$(size --format aws)" = $((1 << 30)) ] || fail "a cloud disk has a GiB"
	[ "$(size --format raw-bios)" -lt $((16 << 20)) ] || fail "more than is needed"
	build amd64 --format gcp --size 100M amd64.yml
	tar -xzf amd64.img.tar.gz
	[ "$(stat -c %s disk.raw)" = $((1 << 30)) ] || fail "gcp takes whole GiB only"
	for f in raw-bios raw-efi raw-hybrid aws vhd vmdk qcow2-efi; do
		fails_with "format $f: the disk needs [0-9]+ MiB, more than its size of 2 MiB" \
			build amd64 --format $f --size 2M --name small amd64.yml
	done
	fails_with 'format rpi: the disk needs [0-9]+ MiB, more than its size of 8 MiB' \
		build arm64 --format rpi --size 8M --name small arm64.yml
	for bad in 10K 1.5G -1 M '' G 99999999999999999999; do
		[ -n "$bad" ] || continue
		fails_with '(--size|unknown)' build amd64 --format raw-bios --name small --size "$bad" amd64.yml
	done
	[ -z "$(find . -name 'small*')" ] || fail "written all the same"
}

# --- what is refused ----------------------------------------------------------------------------------------------

# no FORMATS PATTERN OPTION...: a build of these formats ends so, and leaves nothing.
no() {
	list=$1
	pattern=$2
	shift 2
	fails_with "$pattern" "$LINUXKIT" -q build --dir out --name none --format "$list" "$@"
	[ "$(wc -l <stderr)" -le 2 ] || fail "more than one line and a hint: $(cat stderr)"
	[ -z "$(ls -A out)" ] || fail "$list: $(ls -A out) was written"
}

case_wrong_architecture() {
	project
	mkdir out
	for f in $(all_formats); do
		for arch in amd64 arm64; do
			refused "$f" $arch || continue
			no "$f" "format $f cannot be made for $arch" --arch $arch $arch.yml
		done
	done
	no raw-efi 'format raw-efi cannot be made for riscv64' --arch riscv64 amd64.yml
	# the kernel of another machine, whatever would start it
	for f in raw-bios raw-efi raw-hybrid iso-bios iso-efi qcow2-bios vhd; do
		no $f "format [^ ]*: .*the kernel is not a bzImage for amd64" --arch amd64 --bootloader loader-amd64 arm64.yml
	done
	for f in raw-efi iso-efi rpi rpi3; do
		no $f "format [^ ]*: .*the kernel is not an uncompressed Image for arm64" --arch arm64 --bootloader loader-arm64 \
			amd64.yml
	done
	no raw-efi 'the EFI stub is not for amd64' --arch amd64 --bootloader loader-arm64 amd64.yml
}

case_no_kernel() {
	project
	mkdir out
	sed '/^kernel:/,/cmdline/d' amd64.yml >nothing.yml
	for f in $(all_formats); do
		case $f in
		tar | docker | tar-kernel-initrd | kernel+initrd | kernel+squashfs | kernel+erofs | kernel+iso) continue ;;
		esac
		arch=amd64
		! refused "$f" amd64 || arch=arm64
		no "$f" "format [^ ]*: there is no kernel" --arch $arch nothing.yml
		grep -q '^hint: the build file needs a kernel section' stderr || fail "no hint: $(cat stderr)"
	done
}

case_formats_that_clash() {
	project
	mkdir out
	no kernel+iso,iso-bios 'formats kernel\+iso and iso-bios both write the file \*\.iso' amd64.yml
	no vhd,dynamic-vhd 'formats vhd and dynamic-vhd both write the file \*\.vhd' amd64.yml
	no kernel+initrd,kernel+initrd-erofs 'both write the file \*-initrd.img' amd64.yml
	no tar,rpi3 'format type tar must be the only format specified' --arch arm64 arm64.yml
	no raw,raw-efi 'unknown format type raw$' amd64.yml
	no vhdx 'unknown format type vhdx' amd64.yml
	fails_with '--o option cannot be used with format raw-efi' build amd64 --format raw-efi --o out/x amd64.yml
	fails_with '--disk-root ext4' build amd64 --format raw-efi --disk-root ext4 amd64.yml
	# asked for twice is asked for
	build amd64 --format raw-efi,raw-efi --dir out amd64.yml
}

case_boot_loader_parts() {
	project
	mkdir out
	for part in linux.efi.stub:raw-efi stub:raw-efi syslinux:raw-bios mbr.bin:raw-bios gptmbr.bin:raw-hybrid \
		ldlinux.c32:iso-bios isolinux.bin:iso-bios isohdpfx.bin:iso-hybrid stub:kernel+initrd-squashfs; do
		name=${part%:*}
		mv "loader-amd64/$name" kept
		no "${part#*:}" "boot file $name for amd64: .*loader-amd64 has none" --arch amd64 --bootloader loader-amd64 amd64.yml
		grep -q '^hint: ' stderr || fail "no hint: $(cat stderr)"
		# damaged, too
		printf 'nonsense' >"loader-amd64/$name"
		case $name in
		linux.efi.stub) no raw-efi 'EFI stub' --arch amd64 --bootloader loader-amd64 amd64.yml ;;
		syslinux) no raw-bios 'SYSLINUX' --arch amd64 --bootloader loader-amd64 amd64.yml ;;
		esac
		mv kept "loader-amd64/$name"
	done
	no raw-efi 'nowhere' --bootloader ./nowhere amd64.yml
}

case_kernel_without_drivers() {
	project
	mkdir out
	rm kernel-amd64/rootfs/lib/modules/*/kernel/squashfs.ko
	no raw-bios 'kernel 6.1.0-test has no driver for the file system squashfs' --bootloader loader-amd64 amd64.yml
	build amd64 --format raw-bios --disk-root erofs amd64.yml
	rm kernel-amd64/rootfs/lib/modules/*/kernel/*.ko
	no raw-bios 'kernel 6.1.0-test has no driver for' --bootloader loader-amd64 amd64.yml
	# which is no matter to an initrd
	build amd64 --format raw-bios --disk-root initrd amd64.yml
}

case_secure_boot() {
	need openssl
	project
	mkdir out
	openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=a -keyout key -out cert 2>/dev/null
	openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=b -keyout ec -out ec.crt 2>/dev/null
	secure() {
		pattern=$1
		shift
		no raw-efi "$pattern" --bootloader loader-amd64 "$@" amd64.yml
	}
	secure 'secureboot-key and --secureboot-cert go together' --secureboot-key key
	secure 'secureboot-key and --secureboot-cert go together' --secureboot-cert cert
	no raw-bios,tar-kernel-initrd '--secureboot-key: UEFI starts none of these formats' --secureboot-key key \
		--secureboot-cert cert amd64.yml
	secure 'nowhere: No such file' --secureboot-key nowhere --secureboot-cert cert
	secure 'nowhere: No such file' --secureboot-key key --secureboot-cert nowhere
	secure 'cert: no private key in PEM format' --secureboot-key cert --secureboot-cert cert
	secure 'key: no certificate in PEM format' --secureboot-key key --secureboot-cert key
	secure 'ec: the key is not RSA' --secureboot-key ec --secureboot-cert ec.crt
	secure 'ec.crt is not the certificate of the key in key' --secureboot-key key --secureboot-cert ec.crt
	for name in a b; do
		build amd64 --format raw-efi --secureboot-key key --secureboot-cert cert --name $name amd64.yml
	done
	same a-efi.img b-efi.img
	of a-efi.img EFI/BOOT/BOOTX64.EFI >uki
	if command -v sbverify >/dev/null; then
		sbverify --cert cert uki || fail "the signature is not good"
		build amd64 --format raw-efi --name plain amd64.yml
		of plain-efi.img EFI/BOOT/BOOTX64.EFI >uki
		! sbverify --cert cert uki || fail "signed without a key"
	fi
}

case_long_command_line() {
	project
	mkdir out
	long=$(seq 1 700 | tr '\n' '.')
	spec long amd64 "x=$long"
	for f in raw-bios iso-bios raw-hybrid; do
		no $f 'the kernel command line has [0-9]+ bytes; SYSLINUX passes on' --bootloader loader-amd64 long.yml
	done
	build amd64 --format raw-efi long.yml
	section long-efi.img X64 .cmdline | grep -aqF "x=$long root=PARTUUID=" || fail "the command line is cut"
}

case_places_that_cannot_be_written() {
	project
	fails_with 'No such file or directory' build amd64 --format raw-efi --name nowhere/x amd64.yml
	fails_with 'No such file or directory' build amd64 --format raw-efi --dir nowhere amd64.yml
	mkdir x-efi.img
	fails_with 'x-efi.img: Is a directory' build amd64 --format raw-bios,raw-efi --name x amd64.yml
	[ ! -e x-bios.img ] || fail "one of two outputs is there"
	[ -z "$(find . -name '.*tmp*' -o -name '*.tmp*')" ] || fail "temporary files are left: $(find . -name '*tmp*')"
}

# A limit stops the writer as a full disk does, and needs no mount.
case_full_disk() {
	project
	build amd64 --format raw-bios,iso-efi amd64.yml
	mkdir out
	cp amd64-bios.img amd64-efi.iso out
	sed -i 's/hello/goodbye/' amd64.yml
	for f in raw-bios iso-efi vhd gcp ova qcow2-efi; do
		(
			trap '' XFSZ
			ulimit -f 256
			fails_with "(File too large|no space)" build amd64 --dir out --format $f amd64.yml
		)
	done
	[ "$(cd out && echo *)" = "amd64-bios.img amd64-efi.iso" ] || fail "$(ls -A out)"
	[ "$(find out -type f | wc -l)" = 2 ] || fail "temporary files are left: $(find out)"
	same out/amd64-bios.img amd64-bios.img
	same out/amd64-efi.iso amd64-efi.iso
}

# Killed at many moments: under its final name is the whole file or none; the next build clears up.
case_killed() {
	project
	build amd64 --format raw-hybrid,vhd,ova --size 48M --name t --dir . amd64.yml
	for seconds in 0.01 0.03 0.05 0.08 0.12 0.18 0.25 0.4; do
		mkdir -p out
		rm -rf out/* "$LINUXKIT_CACHE/derived"
		"$LINUXKIT" -q build --bootloader loader-amd64 --arch amd64 --format raw-hybrid,vhd,ova --size 48M --name t --dir out amd64.yml &
		pid=$!
		sleep $seconds
		kill -KILL $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		for f in t-hybrid.img t.vhd t.ova; do
			[ ! -e out/$f ] || same out/$f $f
		done
	done
	build amd64 --format raw-hybrid,vhd,ova --size 48M --name t --dir out amd64.yml
	[ "$(find out -type f | wc -l)" = 3 ] || fail "left behind: $(find out)"
}

run_cases
