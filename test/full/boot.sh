#!/bin/sh
# boot.sh - builds all components from an empty cache as an unprivileged user, boots the image, and follows the
# machine's life by what it prints: no fixed waiting anywhere.  Needs a Debian mirror and QEMU.
. "$(dirname "$0")/../lib.sh"

# Runs a command as somebody without rights (or as we are, when we are that already).
unprivileged() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}

# The checkout may lie where only its owner can read: a copy that belongs to the other user stands in for it.
copy_checkout() {
	mkdir -p "$WORK/user/src"
	(cd "$TOP" && tar cf - --exclude=./build/obj --exclude=./build/test --exclude=./build/san \
		--exclude=./build/sysroot --exclude=./build/fuzz --exclude=./build/demo .) | tar xf - -C "$WORK/user/src"
	cp "$LINUXKIT" "$WORK/user/linuxkit"
	chmod 755 "$WORK"
	[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 "$WORK/user"
}

case_build_without_rights() {
	need setpriv
	copy_checkout
	(
		HOME=$WORK/user
		export HOME
		unset LINUXKIT_CACHE
		unprivileged "$WORK/user/linuxkit" build --dir "$WORK/user" "$WORK/user/src/test/full/boot/boot.yml"
		mv "$WORK/user/.linuxkit/cache" "$WORK/first-cache"
	)
	[ -s "$WORK/user/boot-initrd.img" ] || fail "no initrd"
}

# Another cache, another number of threads, another user, another day: the same bytes.
case_same_bytes_again() {
	[ -s "$WORK/user/boot-initrd.img" ] || skip "nothing was built"
	mkdir -p cold/derived
	cp -r "$WORK/first-cache/derived/apt" "$WORK/first-cache/derived/debs" cold/derived/ 2>/dev/null || true
	LINUXKIT_THREADS=5 TZ=Pacific/Auckland "$LINUXKIT" -q build --cache "$PWD/cold" --name again \
		"$TOP/test/full/boot/boot.yml"
	for f in -kernel -initrd.img -cmdline; do
		same "again$f" "$WORK/user/boot$f"
	done
}

boot() {
	mkfifo input
	"$LINUXKIT" run qemu "$@" <input >console 2>&1 &
	vm=$!
	exec 3>input
}

say() {
	echo "$*" >&3
}

await() {
	wait_for console "$1" "${2:-240}" "$vm"
}

# await_times N PATTERN [SECONDS]: until N lines match.
await_times() {
	end=$(($(date +%s) + ${3:-240}))
	until [ "$(grep -cE -- "$2" console)" -ge "$1" ]; do
		kill -0 "$vm" 2>/dev/null || fail "ended before \"$2\" appeared $1 times"
		[ "$(date +%s)" -lt "$end" ] || fail "\"$2\" did not appear $1 times"
		sleep 0.3
	done
}

line_of() {
	grep -nE -- "$1" console | head -n 1 | cut -d: -f1
}

# shellcheck disable=SC2016 # what is said is for the shell in the machine
case_whole_life() {
	need curl
	[ -s "$WORK/user/boot-initrd.img" ] || skip "nothing was built"
	port=$(free_port)
	boot --publish "$port:80" "$WORK/user/boot"
	trap 'kill $vm 2>/dev/null; cat console' EXIT

	# onboot: one after another, a failure is reported and does not stop the rest
	await 'onboot 003-volume: exit status 0'
	[ "$(line_of 'MARK onboot first')" -lt "$(line_of 'MARK onboot second')" ]
	[ "$(line_of 'onboot 000-first: exit status 0')" -lt "$(line_of 'onboot 001-fails: from')" ]
	[ "$(line_of 'onboot 001-fails: exit status 3')" -lt "$(line_of 'MARK onboot third')" ]

	# services: all of them, an HTTP answer through the published port
	await 'service web: started'
	await 'service getty: started'
	await 'service once: exited with status 5'
	end=$(($(date +%s) + 60))
	until curl -fsS --max-time 10 "http://127.0.0.1:$port/" >page 2>/dev/null; do
		[ "$(date +%s)" -lt "$end" ] || fail "no HTTP answer"
		sleep 0.3
	done
	grep -qi linuxkit page || fail "not our page"

	# a killed service is running again; one with restart: no is not
	await ':~# '
	say 'kill -9 $(pidof nginx)'
	await 'service web: exited with status 137.*restarting'
	await_times 2 'service web: started' 120
	end=$(($(date +%s) + 60))
	until curl -fsS --max-time 10 "http://127.0.0.1:$port/" >page 2>/dev/null; do
		[ "$(date +%s)" -lt "$end" ] || fail "no HTTP answer after the restart"
		sleep 0.3
	done
	[ "$(grep -c 'service once: started' console)" -le 1 ] || fail "restart: no was not honoured"

	# containerd is killed: it comes back, the services never stopped
	say 'kill -9 $(pidof containerd)'
	await 'containerd was killed by signal 9 .*restarting'
	await 'service web: still running'
	curl -fsS --max-time 20 "http://127.0.0.1:$port/" >page || fail "no HTTP answer after containerd died"

	# the supervisor is killed: another one takes over what runs
	say 'kill -9 $(pidof service)'
	await 'supervisor of services: killed by signal 9'
	await_times 2 'service web: still running'
	started=$(sed -n 's/.*service web: started (pid \([0-9]*\)).*/\1/p' console | tail -n 1)
	kept=$(sed -n 's/.*service web: still running (pid \([0-9]*\)).*/\1/p' console | tail -n 1)
	[ "$started" = "$kept" ] || fail "web was process $started and is $kept"
	say "service list; echo LI''ST done"
	await 'LIST done'
	grep -qE '^web +running +[0-9]+' console || fail "service list does not show web"

	# reboot: onshutdown runs and sees what the services left in /tmp; everything comes up again
	say reboot
	await 'MARK onshutdown sees kept'
	await 'reboot requested'
	await_times 2 'init started'
	await_times 2 'services started at'

	# power-off the same way
	end=$(($(date +%s) + 120))
	until sed -n '/Restarting system/,$p' console | grep -q ':~# '; do
		[ "$(date +%s)" -lt "$end" ] || fail "no prompt after the reboot"
		sleep 0.3
	done
	say poweroff
	await_times 2 'MARK onshutdown sees kept'
	exec 3>&-
	wait $vm || fail "run ended with $?"
	trap - EXIT
}

# LinuxKit's 070_volumes/000 to 006 and 020_binds, W14: what the containers of boot.yml said about their volumes.
case_volumes() {
	[ -s ../case_whole_life/console ] || skip "no machine was booted"
	while read -r mark; do
		grep -qF "MARK $mark" ../case_whole_life/console || fail "not said: $mark"
	done <<-'EOF'
		rw on rw: kept
		rw on rw: writes too
		ro on rw: kept, touch: /data-ro/x: Read-only file system
		ro on ro: touch: /frozen/x: Read-only file system
		blank: 0 entries
		blank: x written
		image: bin/busybox
		image: writable
		mounts: kept
		binds.add: kept, label: 000-first
		outside: touch: /containers/volumes/frozen/merged/x: Read-only file system
	EOF
}

# Without the containerd component: what is wrong is said once, the rest works, and the machine ends in order.
case_onboot_only() {
	[ -d "$WORK/first-cache" ] || skip "nothing was built"
	"$LINUXKIT" -q build --cache "$WORK/first-cache" "$TOP/test/full/boot/onboot.yml"
	boot onboot
	trap 'kill $vm 2>/dev/null; cat console' EXIT
	await 'power off requested'
	exec 3>&-
	wait $vm || fail "run ended with $?"
	grep -q 'onboot 000-corrupt: .*runtime.json: line 1' console || fail "the corrupt file was not reported"
	grep -q 'onboot 001-attach: interfaces.0.: find interface "nowhere0"' console || fail "no word about nowhere0"
	grep -q 'MARK onboot only with 1 left' console || fail "a failed container was not removed"
	grep -q 'onboot 003-hangs: killed after its timeout of 2 s' console || fail "the time-out was not kept"
	grep -q 'onboot 003-hangs: fail: poweroff' console || fail "the policy was not followed"
	if grep -qE 'MARK never|supervisor|did not end' console; then
		fail "more happened than was asked for"
	fi
	trap - EXIT
}

# All services are asked for before the first of them runs: they start beside each other.
case_parallel_start() {
	[ -s "$WORK/case_whole_life/console" ] || [ -s ../case_whole_life/console ] || skip "no machine was booted"
	console=../case_whole_life/console
	started=$(grep -cE 'service (getty|once|web): started' $console)
	[ "$started" -ge 3 ] || fail "$started services started"
	awk -F 'at ' '/service (getty|once|web): started/ && n < 3 { sub(/s.*/, "", $2); t[n++] = $2 }
		/onboot 000-first: exit/ && !one { split($0, a, "after "); one = a[2] + 0 }
		END { exit !(t[2] - t[0] < 10) }' $console || fail "the services did not start side by side"
}

run_cases
