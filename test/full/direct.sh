#!/bin/sh
# direct.sh - services without containerd: the supervisor against a real OCI runtime on this machine, then one boot of
# an image without the containerd component.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../supervised.sh"
supervisor= # start_supervisor

# --- the supervisor on this machine ----------------------------------------------------------------------------------

runs_as_other() {
	p=$(pid_of "$1")
	[ -n "$p" ] && [ "$p" != 0 ] && [ "$p" != "$2" ]
}

case_supervisor() {
	supervised
	own=$PWD/services/steady
	bundle steady '{"mounts": [{"destination": "'"$own/tmp"'", "type": "tmpfs", "source": "tmpfs"}],
		"bindNS": {"uts": "'"$PWD/run/uts"'"}}' 'echo to-stdout; echo to-stderr >&2; trap \"exit 0\" TERM; busybox sleep 100000 & wait'
	bundle loop '{"restart": "always"}' 'exit 0'
	bundle never '{"restart": "no"}' 'exit 3'
	bundle broken '{}' 'exit 0'
	sed -i 's#"/bin/sh"#"/bin/missing"#' services/broken/config.json
	start_supervisor
	until_true 30 says '^linuxkit: 3 of 4 services started at [0-9.]+s; not started: broken$'

	# a status, a log, a namespace file, an error in the runtime's own words
	until_true 10 says '^service never: exited with status 3 after [0-9.]+s$'
	until_true 10 says '^service loop: exited with status 0 after [0-9.]+s; restarting in 2s$'
	until_true 10 says '^service broken: could not be started: .*missing.*; restarting in 1s$'
	until_true 10 grep -q to-stdout log/steady.out.log
	grep -q to-stderr log/steady.log
	ask logs -log "$PWD/log" steady | grep -q to-stdout
	grep -q " $PWD/run/uts " /proc/self/mountinfo || fail "no namespace file"
	is_state never exited
	ask stop loop
	ask stop broken
	is_state loop stopped

	# killed, and running again
	old=$(pid_of steady)
	kill -KILL "$old"
	until_true 20 runs_as_other steady "$old"
	says '^service steady: exited with status 137 after [0-9.]+s; restarting in 1s$'

	# the supervisor is killed: the next one takes the service over, knows what was stopped, and sees the end of it
	old=$(pid_of steady)
	kill -KILL "$supervisor"
	until_true 10 ended "$supervisor"
	: >console
	start_supervisor
	until_true 10 says "^service steady: still running \(pid $old\)$"
	is_state loop stopped
	is_state never exited
	kill -KILL "$old"
	until_true 20 runs_as_other steady "$old"
	says '^service steady: exited with status 255 after'

	# stop, start, restart; nothing grows
	ask stop steady
	is_state steady stopped
	[ ! -e run/direct/state/steady ] || fail "the runtime still knows the container"
	ask start steady
	if ask start steady 2>err; then
		fail "started twice"
	fi
	for _ in 1 2 3; do ask restart steady; done
	before=$(rss)
	for _ in $(seq "${RESTARTS:-10}"); do ask restart steady; done
	echo "resident: $(rss) KiB"
	[ $(($(rss) - before)) -lt 256 ] || fail "grew from $before to $(rss) KiB"
	# shellcheck disable=SC2009 # it is the state that is asked for
	if ps -o stat= --ppid "$supervisor" | grep -q Z; then
		fail "a process was not reaped"
	fi

	kill "$supervisor"
	until_true 30 ended "$supervisor"
	wait "$supervisor" || fail "exit status $?"
	umount "$PWD/run/uts" 2>/dev/null || true
	if grep -q " $PWD/services/" /proc/self/mountinfo; then
		fail "mounts are left"
	fi
	[ -z "$(find /sys/fs/cgroup -path "*/linuxkit-test$$/*" -type d 2>/dev/null)" ] || fail "cgroups are left"
	[ -z "$(ls run/direct/state)" ] || fail "containers are left"
	trap - EXIT
	cat console
}

# --- a machine -------------------------------------------------------------------------------------------------------

await() {
	wait_for console "$1" "${2:-120}" "$vm"
}

# 128 MB (what the Debian kernel wants), no containerd; an onboot container that hangs; the power button ends it.  On a
# loaded host the time-out may be over before runc has made the container.
case_machine() {
	need qemu-system-x86_64
	"$LINUXKIT" -q build --format "${DIRECT_FORMAT:-raw-bios}" "$TOP/test/full/boot/direct.yml"
	mkfifo input
	"$LINUXKIT" run qemu --mem "${DIRECT_MEM:-128}" "${DIRECT_IMAGE:-direct-bios.img}" <input >console 2>&1 &
	vm=$!
	exec 3>input
	trap 'kill $vm 2>/dev/null; cat console' EXIT
	await 'onboot 000-hangs: (killed after its )?timeout of 6 s'
	await 'service steady: started'
	await 'service loop: exited with status 4 after [0-9.]+s; restarting in 1s'
	await 'service loop: exited with status 4 after [0-9.]+s; restarting in 2s'
	await 'MARK done'
	grep -q 'all 3 services started at' console || fail "no summary"
	grep -q 'MARK stopped: 1' console || fail "not stopped"
	grep -q 'MARK started: 1' console || fail "not started"
	grep -q 'MARK log: 2' console || fail "a log was lost"

	printf '\001c' >&3
	await '^\(qemu\)'
	echo system_powerdown >&3
	await 'power off requested'
	await 'MARK onshutdown'
	await 'linuxkit: power off'
	exec 3>&-
	wait $vm || fail "run ended with $?"
	if grep -qE 'MARK never|did not end|panic|out of memory' console; then
		fail "more happened than was asked for"
	fi
	trap - EXIT
	grep -E 'started at|MARK (Vm|Mem)' console
}

run_cases
