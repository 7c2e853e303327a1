# test/lib.sh - what the shell tests share; sourced, POSIX sh.
#
# A test script defines functions named case_* and ends with `run_cases`. A case passes when it returns 0;
# `fail TEXT` ends it, `skip TEXT` marks it as not run here.

TOP=$(cd "$(dirname "$0")/../.." && pwd)
: "${LINUXKIT:=$TOP/build/linuxkit}"
WORK=$(mktemp -d "${TMPDIR:-/tmp}/linuxkit-test.XXXXXX") || exit 1
HOME=$WORK/home
LINUXKIT_CACHE=${LINUXKIT_TEST_CACHE:-$WORK/cache}
export HOME LINUXKIT_CACHE
mkdir -p "$HOME"
children=

cleanup() {
	for pid in $children; do
		kill "$pid" 2>/dev/null
	done
	for pid in $children; do
		wait "$pid" 2>/dev/null
	done
	rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
	echo "# $*"
	exit 1
}

skip() {
	echo "$*" >"$WORK/skip"
	exit 77
}

# run_cases: every case_* of the script, each in a subshell and a folder of its own.
run_cases() {
	n=0
	worst=0
	for c in $(sed -n 's/^\(case_[a-z0-9_]*\)().*/\1/p' "$0"); do
		n=$((n + 1))
		mkdir -p "$WORK/$c"
		: >"$WORK/skip"
		(cd "$WORK/$c" && set -e && "$c") >"$WORK/log" 2>&1
		case $? in
		0)
			grep '^# ' "$WORK/log" # figures
			echo "ok $n - ${c#case_}"
			;;
		77) echo "ok $n - ${c#case_} # SKIP $(cat "$WORK/skip")" ;;
		*)
			sed 's/^/# /' "$WORK/log" | tail -n 60
			echo "not ok $n - ${c#case_}"
			worst=1
			;;
		esac
	done
	echo "1..$n"
	exit $worst
}

need() {
	for p in "$@"; do
		command -v "$p" >/dev/null 2>&1 || skip "$p is not installed"
	done
}

# wait_for FILE PATTERN SECONDS [PID]: until a line of FILE matches; fails when the time is over or PID has ended.
wait_for() {
	end=$(($(date +%s) + $3))
	while ! grep -qE -- "$2" "$1" 2>/dev/null; do
		if [ -n "${4:-}" ] && ! kill -0 "$4" 2>/dev/null; then
			grep -qE -- "$2" "$1" 2>/dev/null && return 0
			fail "ended before \"$2\" appeared"
		fi
		[ "$(date +%s)" -lt "$end" ] || fail "no \"$2\" within $3 s"
		sleep 0.2
	done
}

# guest_time QEMU-ARGUMENT...: boots a machine that switches itself off; its serial line is in the file console. Its clock
# counts instructions (one is one nanosecond) and skips idle time. While the host reads a disk it would skip too much: a
# kernel whose root is on one gets idle=poll.
guest_time() {
	timeout 240 qemu-system-x86_64 -accel tcg -icount shift=0,sleep=off -machine q35 -cpu max -nodefaults -no-user-config \
		-display none -serial file:console -no-reboot -snapshot "$@" </dev/null >qemu.log 2>&1 || {
		cat qemu.log console
		fail "qemu failed"
	}
}

# same A B: both files exist and are equal.
same() {
	cmp "$1" "$2" || fail "$1 and $2 differ"
}

# fails_with PATTERN COMMAND...: the command fails, and one line of its stderr matches.
fails_with() {
	pattern=$1
	shift
	if "$@" >stdout 2>stderr; then
		fail "succeeded: $*"
	fi
	grep -qE -- "$pattern" stderr || {
		cat stderr
		fail "no line matches: $pattern"
	}
}

# free_port: a TCP port on loopback that nobody listens on at this moment.
free_port() {
	port=$((20000 + $$ * 37 % 12000)) # far from that of a test that runs beside this one
	while grep -qi ":$(printf '%04X' "$port") " /proc/net/tcp /proc/net/tcp6 2>/dev/null; do
		port=$((port + 1))
	done
	echo "$port"
}
