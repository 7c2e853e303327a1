#!/bin/sh
# services.sh - services that need each other, that show when they are ready and whether they are healthy: the
# supervisor against a real OCI runtime on this machine, then one boot.  test/full/supervise.sh and direct.sh have the
# rest of a service's life, init/unit_test.c every rule with a clock of its own.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../supervised.sh"
supervisor= # start_supervisor

# --- the supervisor on this machine ----------------------------------------------------------------------------------

health_of() { ask status "$1" 2>/dev/null | awk 'NR == 2 { print $6 }'; }
is_health() { [ "$(health_of "$1")" = "$2" ]; }
says_times() { [ "$(grep -cE -- "$1" console)" -ge "$2" ]; }

# in_order REGEX...: the console has a line of each, first ones compared, one after the other.
in_order() {
	last=0
	for regex in "$@"; do
		line=$(grep -nE -- "$regex" console | head -n 1 | cut -d : -f 1)
		[ -n "$line" ] || fail "not said: $regex"
		[ "$line" -gt "$last" ] || fail "said too early: $regex"
		last=$line
	done
}

# How many programs of questions are inside of a service.
asked_inside() {
	for pid in $(in_cgroups "$1" | sort -u); do
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null && echo
	done | grep -c '^/bin/busybox sleep 4321'
}

descriptors() { find "/proc/$supervisor/fd" -type l | wc -l; }

case_supervisor() {
	supervised
	rest='trap \"exit 0\" TERM; while :; do busybox sleep 1000 & wait; done'
	bundle base '{"ready": {"exec": ["/bin/sh", "-c", "test -e /tmp/up"]}}' "busybox sleep 1; busybox touch /tmp/up; $rest"
	bundle db '{"needs": ["base"], "ready": {"tcp": "8080"}}' \
		"busybox ip link set lo up; busybox sleep 1; busybox httpd -p 8080; $rest"
	bundle web '{"needs": ["db"], "ready": {"file": "/tmp/link"}, "health": {"file": "/tmp/up", "interval": 1, "retries": 2}}' \
		"busybox rm -f /tmp/*; busybox ln -s /tmp/up /tmp/link; busybox sleep 1; busybox touch /tmp/up; $rest"
	bundle app '{"needs": ["web", "base"]}' "$rest"
	bundle never '{"restart": "no", "ready": {"tcp": "1", "timeout": 2}}' "$rest"
	bundle late '{"needs": ["never"]}' "$rest"
	bundle slow '{"health": {"exec": ["/bin/busybox", "sleep", "4321"], "interval": 1, "timeout": 1, "retries": 1000}}' "$rest"
	bundle sick '{"health": {"exec": ["/bin/busybox", "sleep", "4321"], "interval": 1, "timeout": 2, "retries": 1}}' "$rest"
	start_supervisor

	# each waits for what it needs; a port is asked for in the container's network
	until_true 10 is_state app waiting
	ask status app | grep -q 'waiting for web$' || fail "no reason"
	until_true 60 says '^linuxkit: 6 of 8 services started at [0-9.]+s; not started: never; waiting: late \(for never\)$'
	in_order '^service base: started' '^service base: ready after [1-9]' '^service db: started' \
		'^service db: ready after [1-9]' '^service web: started' '^service web: ready after [1-9]' '^service app: started'
	says '^service never: could not be started: not ready after 2 s \(tcp 1: (Connection refused|Network is unreachable)\)$' ||
		fail "never"
	is_state never failed
	is_state late waiting
	ask start late 2>err
	grep -q '^service late: waiting for never$' err || fail "start of late: $(cat err)"
	ask list --json | grep -q '"error": "waiting for never"' || fail "list --json"
	ask status --json web | grep -q '"ready": true' || fail "status --json"

	until_true 20 says '^service sick: unhealthy: no answer in 2 s \(1 time in a row\)$'
	until_true 20 says '^service sick: unhealthy, exited with status 0 after [0-9.]+s; restarting in 1s$'
	ask stop sick

	# unhealthy, and healthy again
	until_true 10 is_health web healthy
	old=$(pid_of web)
	rm services/web/rootfs/tmp/up
	until_true 20 says '^service web: unhealthy: /tmp/up: No such file or directory \(2 times in a row\)$'
	until_true 20 says '^service web: unhealthy, exited with status 0 after [0-9.]+s; restarting in 1s$'
	until_true 20 says_times '^service web: ready after' 2
	[ "$(pid_of web)" != "$old" ] || fail "same process"
	says_times '^service app: started' 2 && fail "app was restarted"

	# a supervisor that follows knows what is ready, and asks on
	old=$(pid_of web)
	kill -KILL "$supervisor"
	until_true 10 ended "$supervisor"
	: >console
	start_supervisor
	until_true 10 says "^service web: still running \(pid $old\)$"
	is_state never failed
	is_state late waiting
	until_true 10 is_health web healthy
	rm services/web/rootfs/tmp/up
	until_true 20 says '^service web: unhealthy: /tmp/up: No such file or directory \(2 times in a row\)$'
	until_true 20 says '^service web: ready after'
	is_health db healthy

	# restarts by `service` wait until it is ready; nothing grows
	bundle crash '{"ready": {"exec": ["/bin/busybox", "true"]}}' "$rest"
	ask start crash
	ask restart crash
	before=$(rss) fds=$(descriptors)
	for _ in $(seq "${RESTARTS:-5}"); do ask restart crash; done
	echo "resident: $(rss) KiB"
	[ $(($(rss) - before)) -lt 256 ] || fail "grew from $before to $(rss) KiB"
	[ "$(descriptors)" -le $((fds + 1)) ] || fail "descriptors: $fds, $(descriptors)"
	# shellcheck disable=SC2009 # it is the state that is asked for
	if ps -o stat= --ppid "$supervisor" | grep -q Z; then
		fail "a process was not reaped"
	fi

	# what a question runs inside ends with it, but for the one of the supervisor that was killed
	[ "$(asked_inside slow)" -le 2 ] || fail "programs of questions are left: $(asked_inside slow)"
	ask status slow | grep -q ' starting *$' || fail "slow"

	# down in the opposite order
	: >console
	kill "$supervisor"
	until_true 30 ended "$supervisor"
	wait "$supervisor" || fail "exit status $?"
	in_order '^service app: exited' '^service web: exited' '^service db: exited' '^service base: exited'
	[ -z "$(ls run/direct/state)" ] || fail "containers are left"
	trap - EXIT
	cat console
}

# --- a machine -------------------------------------------------------------------------------------------------------

case_machine() {
	need qemu-system-x86_64
	"$LINUXKIT" -q build --format raw-bios "$TOP/test/full/boot/services.yml"
	"$LINUXKIT" run qemu --mem 128 services-bios.img </dev/null >console 2>&1 &
	vm=$!
	trap 'kill $vm 2>/dev/null || true; cat console' EXIT
	wait_for console 'linuxkit: power off' 150 "$vm"
	wait $vm || fail "run ended with $?"
	tr -d '\r' <console >lines
	mv lines console
	in_order '^service base: started' '^service base: ready after' '^service db: started' '^service db: ready after' \
		'^service web: started' '^service web: ready after' '^service app: started' '^linuxkit: all 7 services started' \
		'^service web: unhealthy: /run/up: No such file or directory \(2 times in a row\)$' \
		'^service web: unhealthy, exited with status 0 after' 'web +running +[0-9]+ +1 .* healthy' \
		'^service app: exited with status 0' '^service db: exited with status 0' '^service base: exited with status 0' \
		'^linuxkit: power off$'
	# the second end of web comes between those of app and db
	sed -n '/^service app: exited/,/^service db: exited/p' console | grep -q '^service web: exited with status 0' ||
		fail "web is not stopped in its turn"
	for s in base db web; do
		grep -qE "^[0-9.]+ service-ready $s\$" console || fail "the boot's record has no readiness of $s"
	done
	says_times '^service app: started' 2 && fail "app was restarted with web"
	says '^MARK left inside: [01]$' || fail "programs of questions are left"
	if grep -qE 'did not stop|still running|panic|out of memory' console; then
		fail "more happened than was asked for"
	fi
	trap - EXIT
	grep -E 'started|ready|MARK Vm' console
}

run_cases
