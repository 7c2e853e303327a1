#!/bin/sh
# cli.sh - the command as a stranger meets it: help, misspelt words, closed descriptors, odd paths, and
# `linuxkit run` with a QEMU that only writes down how it was called.
. "$(dirname "$0")/../lib.sh"

# app/ with one file, and ok.yml that names it.
project() {
	mkdir -p app/rootfs/bin
	echo app >app/rootfs/bin/app
	printf 'image: app\nnative:\n  files: [{from: rootfs/, to: /}]\n  entrypoint: [/bin/app]\n' >app/build.yml
	printf 'init: ["@pkg:./app"]\nonboot:\n  - {name: x, image: "@pkg:./app"}\n' >ok.yml
}

# In front of PATH: a QEMU that writes its arguments to ./argv, one per line, and ends with STATUS.
fake_qemu() {
	mkdir -p bin
	printf '#!/bin/sh\nprintf "%%s\\n" "$@" >argv\nexit %s\n' "$1" >bin/qemu-system-x86_64
	chmod 755 bin/qemu-system-x86_64
	PATH=$PWD/bin:$PATH
	echo kernel >k-kernel
	echo initrd >k-initrd.img
	printf 'console=ttyS0' >k-cmdline
}

run_qemu() {
	"$LINUXKIT" run qemu --arch x86_64 --accel tcg "$@"
}

one_line() {
	[ "$(wc -l <stderr)" -le 2 ] || fail "more than one line and a hint: $(cat stderr)"
}

case_help() {
	for c in "" build run "run qemu" pkg "pkg build" cache completion version; do
		# shellcheck disable=SC2086
		"$LINUXKIT" $c --help >help 2>stderr || fail "linuxkit $c --help fails"
		grep -q "Usage" help || fail "linuxkit $c --help shows no usage"
		[ ! -s stderr ] || fail "linuxkit $c --help writes to stderr"
	done
	"$LINUXKIT" __man --list | while read -r page; do
		"$LINUXKIT" __man "$page" | head -n 1 | grep -q '^\.TH ' || fail "man page $page"
	done
	for shell in bash zsh fish; do
		"$LINUXKIT" completion $shell >script
		[ -s script ] || fail "completion $shell is empty"
	done
	"$LINUXKIT" completion bash | bash -n
}

case_misspelt_words() {
	fails_with 'unknown command "bild"' "$LINUXKIT" bild
	grep -q 'hint: .*build' stderr || fail "no suggestion"
	fails_with 'unknown command "bild" for "linuxkit pkg"' "$LINUXKIT" pkg bild
	fails_with 'unknown flag: --formt' "$LINUXKIT" build --formt tar x.yml
	grep -q 'hint: .*--format' stderr || fail "no suggestion"
	fails_with 'unknown shorthand flag' "$LINUXKIT" build -o x.tar x.yml
	fails_with 'requires at least 1 arg' "$LINUXKIT" run
	fails_with "can't set quiet and verbose" "$LINUXKIT" -q -v 2 version
	fails_with 'can only be set to 0, 1, 2 or 3' "$LINUXKIT" -v 9 version
	one_line
}

# Nothing that the caller closed may become a file of the cache that log lines are then written to.
case_closed_descriptors() {
	project
	"$LINUXKIT" -q build --o want.tar ok.yml
	rm -rf "$LINUXKIT_CACHE"
	"$LINUXKIT" build --o got.tar ok.yml <&- >&- 2>&- || fail "does not build without descriptors"
	same want.tar got.tar
	"$LINUXKIT" -q build --o - ok.yml >&- 2>stderr && fail "wrote to a closed stdout"
	one_line
	if [ -e /dev/full ]; then
		"$LINUXKIT" version 2>stderr >/dev/full && fail "wrote to a full device"
		one_line
	fi
	return 0
}

case_odd_outputs() {
	project
	"$LINUXKIT" -q build --o want.tar ok.yml
	mkfifo pipe
	cat <pipe >got.tar &
	"$LINUXKIT" -q build --o pipe ok.yml
	wait $!
	same want.tar got.tar
	"$LINUXKIT" -q build --o /dev/null ok.yml
	[ -c /dev/null ] || fail "/dev/null was replaced"
	fails_with 'Is a directory' "$LINUXKIT" -q build --o app ok.yml
	fails_with 'nowhere/x.tar: No such file' "$LINUXKIT" -q build --o nowhere/x.tar ok.yml
	mkdir "a b" "a b/ü"
	cp -r app "a b/ü/"
	cp ok.yml "a b/ü/my file.yml"
	"$LINUXKIT" -q build --cache "a b/cäche" --format tar --dir "a b" "a b/ü/my file.yml"
	same want.tar "a b/my file.tar"
	ln -s "a b/ü" link
	"$LINUXKIT" -q build --o got.tar "link/my file.yml"
	same want.tar got.tar
	# an empty value is no value
	"$LINUXKIT" -q build --cache "" --name "" --dir "" --format tar ok.yml
	same want.tar ok.tar
	[ ! -e index.json ] || fail "the cache went into the current folder"
	# standard input: packages are looked for from here
	"$LINUXKIT" -q build --o got.tar - <ok.yml
	same want.tar got.tar
}

case_no_home() {
	project
	unset LINUXKIT_CACHE HOME
	fails_with 'HOME is not set' "$LINUXKIT" -q build ok.yml
	grep -q 'hint: .*--cache' stderr || fail "no hint"
	"$LINUXKIT" -q build --cache "$PWD/cache" --o x.tar ok.yml
}

case_leftovers_are_swept() {
	project
	echo half >ok.tar.tmp-99-0
	echo half >other.tar.tmp-99-0
	touch -d '-5 minutes' ok.tar.tmp-99-0 other.tar.tmp-99-0
	echo half >ok.tar.tmp-98-0
	"$LINUXKIT" -q build --format tar ok.yml
	[ ! -e ok.tar.tmp-99-0 ] || fail "the leftover of a killed build stays"
	[ -e ok.tar.tmp-98-0 ] || fail "a file that was being made a moment ago is gone"
	[ -e other.tar.tmp-99-0 ] || fail "a file of another output is gone"
}

case_quiet_and_pipes() {
	project
	"$LINUXKIT" -q build --o x.tar ok.yml 2>stderr
	[ ! -s stderr ] || fail "-q speaks: $(cat stderr)"
	"$LINUXKIT" build --o x.tar ok.yml 2>stderr
	tr -d '\n\t -~' <stderr >control
	[ ! -s control ] || fail "control characters although stderr is no terminal"
	"$LINUXKIT" -v 1 build --o x.tar ok.yml 2>stderr
	grep -v '^time="[^"]*" level=info msg=".*"$' stderr && fail "a line is not logfmt"
	return 0
}

# An early end of the reader ends the build by SIGPIPE, quietly.
case_reader_goes_away() {
	project
	head -c 3000000 /dev/urandom >app/rootfs/big
	{
		status=0
		"$LINUXKIT" -q build --o - ok.yml 2>stderr || status=$?
		echo $status >status
	} | head -c 1 >/dev/null
	[ "$(cat status)" -eq 141 ] || fail "status $(cat status)"
	one_line
}

case_run_errors() {
	fake_qemu 7
	fails_with 'qemu-system-x86_64: exit status 7' run_qemu k
	one_line
	fails_with 'nothing does not exist' run_qemu nothing
	[ ! -e nothing-state ] || fail "a state folder for nothing"
	fails_with 'publish' run_qemu --publish nonsense --state s k
	fails_with 'networking' run_qemu --networking nonsense --state s k
	fails_with 'cpus' run_qemu --cpus 0 --state s k
	fails_with 'disk' run_qemu --disk missing.img --state s k
	rm k-initrd.img
	fails_with 'k-initrd.img: No such file' run_qemu --state s k
	[ ! -e s ] || fail "a state folder although nothing was started"
	echo initrd >k-initrd.img
	rm bin/qemu-system-x86_64
	PATH=$PWD/bin fails_program
}

fails_program() {
	if "$LINUXKIT" run qemu --arch x86_64 k 2>stderr; then
		return 1
	fi
	PATH=/usr/bin:/bin
	grep -q 'qemu-system-x86_64' stderr || fail "the missing program is not named: $(cat stderr)"
	grep -q '^hint: ' stderr || fail "no hint how to install it"
	one_line
}

case_run_arguments() {
	fake_qemu 0
	run_qemu --cpus 2 --mem 512 --publish 8080:80 --publish 53:53/udp k
	mac=$(cat k-state/mac-addr)
	uuid=$(sed -n '/^-uuid$/{n;p;}' argv)
	cat >want <<-END
		-smp
		2
		-m
		512
		-uuid
		$uuid
		-pidfile
		k-state/qemu.pid
		-machine
		q35,sata=off
		-object
		rng-random,id=rng0,filename=/dev/urandom
		-device
		virtio-rng-pci,rng=rng0
		-kernel
		k-kernel
		-initrd
		k-initrd.img
		-append
		console=ttyS0
		-device
		virtio-net-pci,netdev=t0,mac=$mac
		-netdev
		user,id=t0,hostfwd=tcp::8080-:80,hostfwd=udp::53-:53
		-nographic
	END
	diff want argv >difference || {
		cat difference
		fail "another argument vector"
	}
	# without the name of the back end it is the same
	"$LINUXKIT" run --arch x86_64 --accel tcg --cpus 2 --mem 512 --publish 8080:80 --publish 53:53/udp k
	diff want argv >difference || fail "plain run is different: $(cat difference)"
}

run_cases
