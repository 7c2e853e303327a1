#!/bin/sh
# logs.sh - the log of a machine: kernel, init and services in one order, followed live, and complete although the log
# daemon is killed several times.
. "$(dirname "$0")/../lib.sh"

await() {
	wait_for console "$1" "${2:-120}" "$vm"
}

case_machine() {
	need qemu-system-x86_64
	"$LINUXKIT" -q build --format kernel+initrd "$TOP/test/full/boot/logs.yml"
	"$LINUXKIT" run qemu --mem 512 logs </dev/null >console 2>&1 &
	vm=$!
	trap 'kill $vm 2>/dev/null || true; cat console' EXIT
	await 'MARK done'
	await 'linuxkit: power off'
	wait $vm || fail "run ended with $?"
	grep -q 'MARK order: kernel, init, service' console || fail "another order"
	grep -q 'MARK started: 1' console || fail "a line of the supervisor is missing"
	grep -q 'MARK onboot: 1' console || fail "a line of an onboot container is missing"
	grep -q "$(printf 'MARK screen ?\\[2Jx\ty')" console || fail "an escape sequence reached the console"
	[ "$(grep -c 'log daemon: killed by signal 9' console)" = 5 ] || fail "not killed five times"
	grep -q 'MARK lines: complete' console || fail "lines were lost"
	grep -q 'MARK kernel once: 1' console || fail "kernel messages were read again"
	grep -q 'MARK file: chat' console || fail "no file"
	grep -q 'MARK onboot file: MARK leaves left' console || fail "a left process lost its log"
	grep -q 'MARK followed: some some' console || fail "nothing was followed"
	grep -q 'MARK both: 1' console || fail "no dump before what follows"
	grep -q 'MARK restarted: 2' console || fail "no log after a restart of the service"
	grep -q 'MARK runner: 2 1' console || fail "logwrite"
	if grep -qE 'did not end|panic' console; then
		fail "more happened than was asked for"
	fi
	trap - EXIT
	grep -E 'MARK (Vm|Rss)' console
}

run_cases
