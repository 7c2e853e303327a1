#!/bin/sh
# kernel-config.sh - the fragments of kernel/config and the scripts that stand between them and a kernel. No sources are
# needed: what Kconfig makes of a fragment is checked when a kernel is built, and here once more where one was.
. "$(dirname "$0")/../lib.sh"

K=$TOP/kernel
FLAVOURS="linux linux-metal linux-ebpf linux-debug"

# fragments ARCH FLAVOUR: the files, as kernel/Makefile has them.
# shellcheck disable=SC2013 # a line of words
fragments() {
	for f in $(sed -n "s/^FRAGMENTS_$2 *:= *//p" "$K/Makefile"); do
		for file in "$K/config/$f.config" "$K/config/$f.$1.config"; do
			if [ -f "$file" ]; then echo "$file"; fi
		done
	done
}

# shellcheck disable=SC2046 # one word per file
case_fragments_merge_and_keep_every_promise() {
	for arch in amd64 arm64; do
		for flavour in $FLAVOURS; do
			[ "$(fragments $arch "$flavour" | wc -l)" -ge 5 ] || fail "$flavour for $arch: no fragments"
			"$K/merge" merged $(fragments $arch "$flavour")
			"$K/require" --fragment merged $arch "$flavour" || fail "$flavour for $arch"
		done
	done
}

case_every_fragment_is_used() {
	for f in "$K"/config/*.config; do
		name=${f##*/}
		name=${name%.config}
		name=${name%.a*64}
		grep -qE "^FRAGMENTS_.*[ =]$name( |\$)" "$K/Makefile" || fail "$f is in no flavour"
	done
}

case_every_flavour_has_a_recipe() {
	for flavour in $FLAVOURS; do
		"$LINUXKIT" pkg show-tag "$K/$flavour" >tag
		grep -qE "^linuxkit/kernel-$flavour:[0-9a-f]{40}" tag || fail "$(cat tag)"
	done
}

case_a_kernel_that_is_not_compiled_has_a_hint() {
	mkdir programs
	LINUXKIT_PROGRAMS=$PWD/programs fails_with 'make -C kernel ARCH=amd64' "$LINUXKIT" pkg build --arch amd64 "$K/linux"
}

case_the_later_file_wins() {
	printf 'CONFIG_A=y\nCONFIG_B=m\n' >a.config
	printf '# why\n\nCONFIG_A=n\nCONFIG_C="x y"\n' >b.config
	"$K/merge" merged a.config b.config
	printf 'CONFIG_A=n\nCONFIG_B=m\nCONFIG_C="x y"\n' >want
	same want merged
}

case_merge_refuses_what_is_no_option() {
	printf 'CONFIG_A=y\n' >good.config
	for line in 'CONFIG_A' 'CONFIG_A=yes' 'CONFIG_A = y' 'A=y' 'CONFIG_A="x' '%include x' 'CONFIG_A=y # why'; do
		printf '%s\n' "$line" >bad.config
		fails_with 'bad.config:1: ' "$K/merge" merged good.config bad.config
		[ ! -e merged ] || fail "something was written"
	done
	printf 'CONFIG_A=y\nCONFIG_B=y\nCONFIG_A=m\n' >twice.config
	fails_with 'twice.config:3: CONFIG_A' "$K/merge" merged twice.config
}

case_verify_names_what_kconfig_dropped() {
	mkdir -p source/drivers
	printf 'config A\n\tbool\nmenuconfig B\n' >source/Kconfig
	printf '\tconfig C\nconfig D\nconfig S\nconfig T\n' >source/drivers/Kconfig.more
	printf 'CONFIG_A=y\nCONFIG_B=m\n# CONFIG_D is not set\nCONFIG_S="x=y"\nCONFIG_AA=y\n' >config
	printf 'CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=n\nCONFIG_D=n\nCONFIG_S="x=y"\n' >good
	"$K/verify" config good source
	"$K/verify" config good
	for line in CONFIG_A=n CONFIG_A=m CONFIG_B=y CONFIG_C=y 'CONFIG_S="x"' CONFIG_T=64; do
		echo "$line" >bad
		fails_with "^$line: the kernel has " "$K/verify" config bad source
	done
	echo CONFIG_E=n >bad
	fails_with '^CONFIG_E=n: there is no such option' "$K/verify" config bad source
	mkdir empty
	fails_with 'no source tree' "$K/verify" config good empty
}

# Every line of the table matters: an option less, and its name is in the message.
# shellcheck disable=SC2046
case_every_promise_is_looked_at() {
	"$K/merge" merged $(fragments amd64 linux-ebpf)
	awk '/^#/ || NF == 0 { next } $1 !~ /@arm64/ && $3 ~ /^y/ && $3 !~ /\*$/ { print $2 }' "$K/requirements" | sort -u >names
	[ "$(wc -l <names)" -gt 150 ] || fail "only $(wc -l <names) options"
	sed 's/^/CONFIG_/; s/$/=y/' names | grep -vxF -f - merged >none || true
	"$K/require" --fragment none amd64 linux-ebpf 2>log && fail "nothing was missed"
	sed -n 's/^[a-z]*: \([A-Z0-9a-z_]*\)=.*/\1/p' log | sort -u >missed
	grep -E '^(boot|runtime|hardening|ebpf)(@amd64)? ' "$K/requirements" | awk '$3 == "y" { print $2 }' | sort -u >strict
	comm -23 strict missed >silent
	[ ! -s silent ] || fail "not missed: $(tr '\n' ' ' <silent)"
	sed '/^CONFIG_DEVMEM=/d' merged >open
	echo CONFIG_DEVMEM=y >>open
	fails_with 'hardening: DEVMEM=y, must be n: ' "$K/require" --fragment open amd64 linux
	# a flavour that is excepted
	sed '/^CONFIG_PROC_KCORE=/d' merged >open
	echo CONFIG_PROC_KCORE=y >>open
	fails_with 'hardening: PROC_KCORE=y, must be n: ' "$K/require" --fragment open amd64 linux
	"$K/require" --fragment open amd64 linux-debug
	# another architecture's and another flavour's lines do not count
	"$K/merge" merged $(fragments arm64 linux)
	"$K/require" --fragment merged arm64 linux
}

case_damaged_table_is_an_error() {
	mkdir kernel
	cp "$K/require" kernel/
	echo CONFIG_A=y >config
	echo 'boot A y' >kernel/requirements
	fails_with 'requirements:1: not SET' kernel/require config amd64 linux
	: >kernel/requirements
	fails_with '0 of 0' kernel/require config amd64 linux
}

# What was compiled keeps the promises, too: options without a prompt included.
case_compiled_kernels_keep_every_promise() {
	n=0
	for arch in amd64 arm64; do
		for flavour in $FLAVOURS; do
			config=${LINUXKIT_PROGRAMS:-$TOP/build/target}/$arch/$flavour.config
			[ -f "$config" ] || continue
			"$K/require" "$config" $arch "$flavour" || fail "$config"
			n=$((n + 1))
		done
	done
	[ $n -gt 0 ] || skip "no kernel was compiled: make -C kernel"
}

run_cases
