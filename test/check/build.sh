#!/bin/sh
# build.sh - `linuxkit build` as a whole program, on small packages of this folder's own making: no network, no root.
. "$(dirname "$0")/../lib.sh"

# A package of plain files: image NAME, entry point /bin/NAME.
package() {
	mkdir -p "$1/rootfs/bin" "$1/rootfs/etc"
	echo "I am $1" >"$1/rootfs/bin/$1"
	chmod 755 "$1/rootfs/bin/$1"
	echo "$1" >"$1/rootfs/etc/$1.conf"
	cat >"$1/build.yml" <<-EOF
		image: $1
		arches: [amd64, arm64]
		native:
		  files:
		    - {from: rootfs/, to: /}
		  entrypoint: [/bin/$1]
	EOF
}

# A kernel component: a file that is the kernel and a tar of modules.
kernel_package() {
	mkdir -p kernel/rootfs/lib/modules/1
	head -c 300000 /dev/zero | tr '\0' K >kernel/rootfs/kernel
	seq 1 200000 >kernel/rootfs/lib/modules/1/big.ko
	cat >kernel/build.yml <<-EOF
		image: kernel
		arches: [amd64, arm64]
		native:
		  files:
		    - {from: rootfs/, to: /}
		  tar: {kernel.tar: ["lib/modules/**"]}
	EOF
}

project() {
	kernel_package
	package init
	package app
	package other
	cat >small.yml <<-EOF
		kernel:
		  image: "@pkg:./kernel"
		  cmdline: "console=ttyS0"
		init:
		  - "@pkg:./init"
		onboot:
		  - name: first
		    image: "@pkg:./app"
		services:
		  - name: second
		    image: "@pkg:./other"
		    readonly: true
		  - name: third
		    image: "@pkg:./app"
		    binds: ["/etc/hosts:/etc/hosts"]
		files:
		  - path: etc/motd
		    contents: "hello"
		    mode: "0644"
	EOF
}

build() {
	"$LINUXKIT" -q build "$@"
}

case_three_formats() {
	need cpio
	project
	# 000_formats/000_kernel+initrd: the names
	build --format kernel+initrd --name check small.yml
	[ "$(echo check*)" = "check-cmdline check-initrd.img check-kernel" ] || fail "$(echo check*)"
	build --format kernel+initrd,tar-kernel-initrd small.yml
	build --o root.tar small.yml
	[ "$(cat small-cmdline)" = "console=ttyS0" ] || fail "command line"
	same small-kernel kernel/rootfs/kernel
	gunzip -t -v small-initrd.img 2>&1 || [ -s small-initrd.img ]
	# The initrd holds the entries of the tar, in its order, without what is below boot/.
	tar tf root.tar | sed 's,/$,,' | grep -v '^boot/' >want
	gunzip -c <small-initrd.img | cpio -it --quiet | sed 's,/$,,' >got
	diff want got
	mkdir un && tar xf small-initrd.tar -C un
	same un/kernel small-kernel
	same un/initrd.img small-initrd.img
	same un/cmdline small-cmdline
	mkdir root && tar xf root.tar -C root --exclude=dev
	[ "$(cat root/containers/onboot/000-first/lower/bin/app)" = "I am app" ] || fail "onboot content"
	[ "$(cat root/containers/services/second/rootfs/bin/other)" = "I am other" ] || fail "service content"
	[ ! -e root/containers/services/third/lower ] || fail "app is stored twice"
	[ -s root/lib/modules/1/big.ko ] || fail "modules"
	grep -q '"/bin/app"' root/containers/services/third/config.json || fail "entry point"
	[ "$(stat -c %Y root/etc/motd)" = 1492533000 ] || fail "time"
}

# Level C of the specification, 010_reproducible; W37: on any number of threads.
case_same_bytes() {
	project
	build --format tar small.yml --name a
	build --format kernel+initrd --name a small.yml
	for threads in 1 2 7; do
		for cache in "$LINUXKIT_CACHE" "$PWD/cache.$threads"; do
			LINUXKIT_THREADS=$threads TZ=Asia/Tokyo LC_ALL=C.UTF-8 \
				build --cache "$cache" --format tar --name b small.yml
			LINUXKIT_THREADS=$threads build --cache "$cache" --format kernel+initrd --name b small.yml
			for f in .tar -kernel -initrd.img -cmdline; do
				same "a$f" "b$f"
			done
		done
	done
	# Derived data may go at any time.
	rm -rf "$LINUXKIT_CACHE/derived"
	build --format kernel+initrd --name b small.yml
	same a-initrd.img b-initrd.img
}

case_other_architecture() {
	project
	build --arch arm64 --o arm.tar small.yml
	build --arch amd64 --o amd.tar small.yml
	tar tf arm.tar >a && tar tf amd.tar >b && diff a b
}

case_changed_package_is_rebuilt() {
	project
	build --o a.tar small.yml
	echo changed >>app/rootfs/bin/app
	build --o b.tar small.yml
	tar xf b.tar -O containers/onboot/000-first/lower/bin/app | grep -q changed || fail "old content"
}

case_stdout_and_dry_run() {
	project
	build --o - small.yml >out.tar
	build --o named.tar small.yml
	same out.tar named.tar
	rm -f small*
	project
	build --dry-run small.yml >merged
	grep -q '^services:' merged || fail "no services in the merged model"
	[ ! -e small-kernel ] || fail "--dry-run wrote something"
}

# W34
case_stale_kernel_goes() {
	project
	build small.yml
	[ -e small-kernel ]
	sed -i '1,3d' small.yml
	build small.yml
	[ ! -e small-kernel ] || fail "the kernel of the older build is still there"
	[ ! -e small-cmdline ] || fail "the command line of the older build is still there"
	[ -e small-initrd.img ]
}

case_bad_options() {
	project
	fails_with 'requires at least 1 arg' build
	fails_with 'unknown format type nonsense' build --format nonsense small.yml
	fails_with 'must be the only format' build --format tar,kernel+initrd small.yml
	fails_with 'cannot be specified with --name' build --o x.tar --name y small.yml
	fails_with 'unknown arch' build --arch pdp11 small.yml
	fails_with 'No such file or directory' build --dir nowhere small.yml
	fails_with 'unknown shorthand flag' build -o x small.yml
	for f in small-* *.tar; do
		[ ! -e "$f" ] || fail "$f was written"
	done
	return 0
}

# W20: nothing is touched before the inputs are read.
case_bad_spec() {
	project
	echo old >small-initrd.img
	printf 'init:\n  - a\nservces: []\n' >bad.yml
	fails_with '^(Error: )?bad.yml:3:1: .*servces' build --name small bad.yml
	grep -q services stderr || fail "no suggestion"
	printf 'init: [a\n' >bad.yml
	fails_with 'bad.yml:[0-9]+:[0-9]+: ' build --name small bad.yml
	printf 'services:\n  - name: x\n    image: a/b:1\n    readonly: "yes"\n' >bad.yml
	fails_with 'bad.yml:4:15: ' build --name small bad.yml
	printf 'init:\n  - "@pkg:./nowhere"\n' >bad.yml
	fails_with 'bad.yml:2:5: ' build --name small bad.yml
	fails_with 'none.yml.*No such file' build --name small none.yml
	[ "$(cat small-initrd.img)" = old ] || fail "an existing output was touched"
}

case_unreachable_registry() {
	echo old >x.tar
	port=$(free_port)
	printf 'init:\n  - 127.0.0.1:%s/nothing:1\n' "$port" >x.yml
	fails_with 'x.yml:2:5: .*127.0.0.1:[0-9]+/nothing:1' build --o x.tar x.yml
	[ "$(wc -l <stderr)" -le 2 ] || fail "more than one line and a hint: $(cat stderr)"
	[ "$(cat x.tar)" = old ] || fail "an existing output was touched"
}

case_full_disk() {
	project
	build small.yml
	build --o keep.tar small.yml
	# A file size limit stops the writer like a full disk does, and needs no mount.
	(
		trap '' XFSZ
		ulimit -f 200
		fails_with 'write limited-(kernel|initrd.img): File too large' build --name limited small.yml
		fails_with 'write keep.tar: File too large' build --o keep.tar small.yml
	)
	[ ! -e limited-initrd.img ] || fail "a cut output is visible"
	[ -z "$(find . -name '*.tmp-*')" ] || fail "a temporary file is left"
	build --o again.tar small.yml
	same keep.tar again.tar
}

case_full_cache() {
	project
	mkdir small-cache
	(
		trap '' XFSZ
		ulimit -f 100
		if build --cache "$PWD/small-cache" --o x.tar small.yml 2>stderr; then
			fail "built on a full disk"
		fi
	)
	[ "$(wc -l <stderr)" -le 2 ] || fail "more than one line: $(cat stderr)"
	build --cache "$PWD/small-cache" --o x.tar small.yml
	build --o y.tar small.yml
	same x.tar y.tar
}

# Interrupted at many moments: the output is the old one or the new one, and the next build is right.
case_interrupted() {
	project
	build --o want.tar small.yml
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		rm -rf cache.i
		echo old >out.tar
		"$LINUXKIT" -q build --cache "$PWD/cache.i" --o out.tar small.yml 2>/dev/null &
		pid=$!
		perl -e "select undef, undef, undef, 0.01 * $i" 2>/dev/null || sleep 0.1
		if [ $((i % 2)) -eq 0 ]; then
			kill -KILL $pid 2>/dev/null || true
		else
			kill -INT $pid 2>/dev/null || true
		fi
		wait $pid || true
		[ "$(head -c 3 out.tar)" = old ] || same out.tar want.tar
		build --cache "$PWD/cache.i" --o out.tar small.yml
		same out.tar want.tar
	done
}

run_cases
