#!/bin/sh
# bigimage.sh - a root file system of 4 GiB that nothing can compress starts in a machine with 512 MB of memory, because
# it stays on the disk.  Needs a Debian mirror, QEMU, and 9 GB of disk for a few minutes.
#
# The root is EROFS, which is written as fast as the disk takes it; squashfs, the default, would first find out on
# every block that it cannot be compressed, which takes minutes on two cores and proves nothing more here.
. "$(dirname "$0")/../lib.sh"

PYTHONPATH=$TOP/test
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE

SIZE=$((4 << 30))
TAIL=$((1 << 20))

# The layer is a tar with one file, /big/data: the same pseudo-random bytes every time.
make_image() {
	printf '000102030405060708090a0b0c0d0e0f' >key
	python3 - $SIZE >layer <<-'END'
		import sys
		from image import T, header
		sys.stdout.buffer.write(header(b"big/data", b"0", 0o644, size=int(sys.argv[1]), mtime=T))
	END
	head -c $SIZE /dev/zero | openssl enc -aes-128-ctr -K "$(cat key)" -iv "$(cat key)" >>layer
	head -c 1024 /dev/zero >>layer
	tail -c $((TAIL + 1024)) layer | head -c $TAIL | sha256sum | cut -d ' ' -f 1 >sum
	python3 - "$LINUXKIT_CACHE" <<-'END'
		import sys
		from image import OCI, Cache
		cache = Cache(sys.argv[1])
		cache.image("acme/big:1", [cache.blob_file("layer", OCI + "layer.v1.tar")])
	END
}

make_spec() {
	cat >big.yml <<-END
		kernel:
		  image: "@pkg:$TOP/kernel"
		  cmdline: "console=ttyS0 quiet"
		init:
		  - "@pkg:$TOP/pkg/init"
		  - "@pkg:$TOP/pkg/runc"
		  - acme/big:1
		onboot:
		  - name: look
		    image: "@pkg:$TOP/pkg/busybox"
		    binds: ["/big:/big"]
		    command: ["/bin/sh", "-c", "echo MARK \$(head -n 1 /proc/meminfo) end \$(dd if=/big/data bs=1M skip=4095 2>/dev/null | sha256sum)"]
		  - name: off
		    image: "@pkg:$TOP/pkg/poweroff"
		    command: ["/bin/sh", "/poweroff.sh", "0"]
	END
}

case_build_and_boot() {
	need openssl python3 qemu-system-x86_64 /usr/bin/time
	[ "$(df -Pk "$WORK" | awk 'NR == 2 { print $4 }')" -gt $((9 << 20)) ] || skip "less than 9 GiB free in $WORK"
	# the cache of the caller does not get 4 GiB more
	if [ "$LINUXKIT_CACHE" != "$WORK/cache" ]; then
		cp -a "$LINUXKIT_CACHE" "$WORK/cache"
		LINUXKIT_CACHE=$WORK/cache
	fi
	"$LINUXKIT" -q pkg build "$TOP/kernel" # so that what follows is about the image alone
	make_image
	make_spec
	/usr/bin/time -f '%M %e' -o used "$LINUXKIT" -q build --format raw-bios --disk-root erofs big.yml
	echo "built in $(cut -d ' ' -f 2 used) s with at most $(cut -d ' ' -f 1 used) KiB"
	[ "$(tail -n 1 used | cut -d ' ' -f 1)" -lt 500000 ] || fail "the build took $(cat used) KiB of memory"
	[ "$(stat -c %s big-bios.img)" -gt $SIZE ] || fail "the image is smaller than what is in it"
	timeout 200 qemu-system-x86_64 -accel tcg -m 512 -snapshot -drive file=big-bios.img,format=raw,if=virtio \
		-display none -monitor none -serial file:console -no-reboot </dev/null >qemu.log 2>&1 || {
		cat qemu.log console
		fail "qemu failed"
	}
	grep -a MARK console || cat console
	grep -aq "MARK MemTotal: .* end $(cat sum)" console || fail "not the end of the file: $(cat sum)"
	cat used >"$WORK/used"
}

run_cases
