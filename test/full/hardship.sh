#!/bin/sh
# hardship.sh - what goes wrong in a machine, and what goes on all the same.  Two machines have all of it at once, a third
# boots again and again; the cases behind a boot look at what it has left.  With the kernel of `make -C kernel` when it is
# compiled, else with Debian's.
. "$(dirname "$0")/../lib.sh"

PROGRAMS=${LINUXKIT_PROGRAMS:-$TOP/build/target}
YML=$TOP/test/full/boot
OWN=
[ ! -s "$PROGRAMS/amd64/linux.tar" ] || OWN=$YML/own-kernel.yml

# image NAME FILE...
image() {
	name=$1
	shift
	# shellcheck disable=SC2086 # nothing or one file
	"$LINUXKIT" -q build --no-sbom --arch amd64 --name "$name" --format kernel+initrd-squashfs "$@" $OWN
}

# boot NAME: console is the first serial line (descriptor 3 types there), marks what comes from the second one (say
# answers there), mon.in takes what is told to QEMU. No network.
boot() {
	need qemu-system-x86_64
	mkfifo input marks.in marks.out mon.in mon.out
	: >marks
	qemu-system-x86_64 -accel tcg -machine q35 -cpu max -m 512 -nodefaults -no-user-config -display none -no-reboot \
		-kernel "$1-kernel" -initrd "$1-initrd.img" -append "$(cat "$1-cmdline")" -serial stdio \
		-chardev pipe,id=marks,path=marks,logfile=marks -serial chardev:marks \
		-chardev pipe,id=mon,path=mon -mon chardev=mon <input >console 2>qemu.log &
	vm=$!
	exec 3>input
	trap 'kill $vm 2>/dev/null; cat qemu.log console marks' EXIT
}

await() {
	wait_for "$1" "$2" "${3:-120}" "$vm"
}

say() {
	echo "$*" >marks.in
}

# The machine switches itself off.
ends() {
	exec 3>&-
	limit=$(($(date +%s) + 120)) # a console that is stopped costs every process six seconds
	while kill -0 "$vm" 2>/dev/null; do
		[ "$(date +%s)" -lt "$limit" ] || fail "still runs"
		sleep 0.2
	done
	wait "$vm" || fail "qemu ended with $?"
	trap - EXIT
}

# said FILE PATTERN...: each is on a line of its own.
said() {
	file=$1
	shift
	for pattern in "$@"; do
		grep -qE -- "$pattern" "$file" || fail "not said: $pattern"
	done
}

case_machine() {
	image hardship "$YML/hardship.yml"
	boot hardship
	await marks 'MARK say stop' 200
	printf '\023' >&3 # Ctrl-S
	sleep 1
	say go
	await marks 'MARK steady runs beside a stopped console'
	printf '\021' >&3
	say go
	await marks 'MARK end'
	echo system_powerdown >mon.in
	ends
	for f in console marks; do tr -d '\r' <$f >"$WORK/$f"; done
}

left() {
	[ -s "$WORK/console" ] || skip "the machine was not booted to its end"
	cd "$WORK" || exit 1
}

# A program that is not there, no network card, a broken runtime.json: the next container runs, and it is said why.
case_onboot_goes_on() {
	left
	said console '^onboot 000-missing: crun run: exit status' 'nosuch.*[Nn]o such file' \
		'^onboot 001-corrupt: .*runtime.json: line 1: ' \
		'^dhcpcd: no lease within 3 s \(no interface\)' '^onboot 002-dhcpcd: exit status 1' \
		'^MARK onboot goes on' '^onboot 003-last: exit status 0'
}

case_services_crash() {
	left
	said console '^service loop: exited with status 4 .*; restarting in 1s' \
		'^service missing: could not be started: .*nosuch.*; restarting in 1s' \
		'^service missing: could not be started: .*; restarting in 2s' \
		'^service corrupt: could not be started: .*runtime.json: line 1: .*; restarting in 1s' \
		'^service corrupt: could not be started: .*; restarting in 2s' \
		'^linuxkit: 4 of 6 services started at .*; not started: corrupt missing'
	if grep -q 'MARK never' console; then
		fail "a container with a broken runtime.json has run"
	fi
}

case_out_of_memory() {
	left
	said console '^service greedy: out of memory in its cgroup' '^service greedy: exited with status 137 after .*; restarting in'
	[ "$(grep -c '^service greedy: started' console)" -ge 2 ] || fail "not started again"
}

# A full /run: the machine answers, says what it could not do, and does it once there is room.
case_full_run() {
	left
	said marks '^MARK full: 0' '^MARK when full: steady' '^MARK steady runs after room was made'
	said console '^service steady: could not be started: .*[Nn]o space left on device; restarting in'
}

case_supervisor_killed() {
	left
	said marks '^MARK steady was kept' '^MARK steady is watched by the next supervisor'
	said console '^linuxkit: supervisor of services: killed by signal 9, next start in 1 s' '^service steady: still running \(pid'
}

case_stopped_console() {
	left
	said marks '^MARK steady runs beside a stopped console'
}

# /run was full at the end, too.
case_power_button() {
	left
	[ "$(grep -c '^MARK full: 0' marks)" = 2 ] || fail "/run was not full"
	said console '^linuxkit: power off requested at' '^shutdown 000-bye: from ' '^linuxkit: stopping ' '^linuxkit: power off$'
	if grep -E 'did not end|panic|MARK not in time' console marks; then
		fail "more happened than was asked for"
	fi
}

# With containerd: process 1's child that boots is killed, so is containerd; a service runs out of memory; the console is
# stopped when the power button is pressed.
case_containerd() {
	image daemon "$YML/hardship-containerd.yml"
	boot daemon
	await marks 'MARK say stop' 200
	printf '\023' >&3
	sleep 1
	say go
	await marks 'MARK end'
	echo system_powerdown >mon.in
	ends
	said console '^linuxkit: boot process: killed by signal 9' '^MARK onboot goes on' '^service greedy: out of memory in its cgroup' \
		'^service greedy: exited with status 137 after' '^linuxkit: containerd was killed by signal 9' \
		'^service steady: still running \(pid'
	said marks '^MARK steady was kept' '^MARK steady was restarted' '^MARK end'
	if grep -E 'did not end|panic|MARK not in time' console marks; then
		fail "more happened than was asked for"
	fi
}

# The same image again and again: a race shows here.  A slow machine stops at five.
case_again_and_again() {
	image again "$YML/again.yml"
	start=$(date +%s)
	i=0
	while [ $i -lt "${COUNT:-20}" ]; do
		i=$((i + 1))
		timeout 60 qemu-system-x86_64 -accel tcg -machine q35 -cpu max -m 256 -nodefaults -no-user-config -display none \
			-no-reboot -kernel again-kernel -initrd again-initrd.img -append "$(cat again-cmdline)" -serial file:console \
			</dev/null || fail "boot $i did not end: $(cat console)"
		grep -q 'MARK up' console && grep -q 'reboot: Power down' console || fail "boot $i: $(cat console)"
		seconds=$(($(date +%s) - start))
		[ -n "${COUNT:-}" ] || [ $i -lt 5 ] || [ $seconds -lt $((i * 3)) ] || break
	done
	echo "# $i boots in $seconds s"
}

run_cases
