# supervised.sh - for tests that run the supervisor of services (init/supervise.c) on this machine, without containerd,
# against a real OCI runtime. Sourced after lib.sh; everything happens in the folder of the case.

machine=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
program=${SERVICE:-$TOP/build/target/$machine/init}

says() { grep -qE -- "$1" console; }
ask() {
	command=$1
	shift
	"$PWD/service" "$command" -run "$PWD/run" "$@"
}
pid_of() { ask status "$1" 2>/dev/null | awk 'NR == 2 { print $3 }'; }
is_state() { [ "$(ask status "$1" 2>/dev/null | awk 'NR == 2 { print $2 }')" = "$2" ]; }
ended() { ! kill -0 "$1" 2>/dev/null; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$supervisor/status"; }

# until_true SECONDS COMMAND...
until_true() {
	limit=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$limit" ] || fail "not true in time: $*"
		sleep 0.05
	done
}

# supervised: skips where that cannot be, else makes the folders.
supervised() {
	need busybox
	runtime=$(command -v "${RUNTIME:-runc}") || skip "no runtime is installed"
	[ "$(id -u)" = 0 ] || skip "not root"
	[ -x "$program" ] || skip "$program is not built"
	grep -q ' - cgroup' /proc/self/mountinfo || skip "no cgroup file system is mounted"
	if ldd "$(command -v busybox)" >/dev/null 2>&1; then
		skip "busybox is not static"
	fi
	mkdir services log run
	ln -s "$program" service
	: >console
	trap tidy EXIT
}

# bundle NAME RUNTIME.JSON COMMAND: a service whose root is busybox, in namespaces of its own.
bundle() {
	b=$PWD/services/$1
	mkdir -p "$b/rootfs/bin" "$b/rootfs/proc" "$b/rootfs/tmp"
	cp "$(command -v busybox)" "$b/rootfs/bin/busybox"
	ln -sf busybox "$b/rootfs/bin/sh"
	echo "$2" >"$b/runtime.json"
	caps='["CAP_NET_ADMIN", "CAP_KILL"]'
	cat >"$b/config.json" <<-END
		{"ociVersion": "1.0.2", "hostname": "$1",
		 "process": {"cwd": "/", "args": ["/bin/sh", "-c", "$3"], "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0},
		             "capabilities": {"bounding": $caps, "effective": $caps, "permitted": $caps}},
		 "root": {"path": "rootfs"},
		 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
		 "linux": {"cgroupsPath": "/linuxkit-test$$/$1",
		           "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}]}}
	END
}

start_supervisor() {
	"$PWD/service" -v supervise -containerd "$PWD/nowhere" -runtime "$runtime" -path "$PWD/services" -run "$PWD/run" \
		-log "$PWD/log" >>console 2>&1 &
	supervisor=$!
}

# in_cgroups NAME: the processes of a service, "" for all.
in_cgroups() { find /sys/fs/cgroup -path "*/linuxkit-test$$/$1*" -name cgroup.procs -exec cat {} + 2>/dev/null; }

# Ends what a failed step left behind.
tidy() {
	kill -KILL "$supervisor" 2>/dev/null
	in_cgroups '' | while read -r pid; do
		kill -KILL "$pid" 2>/dev/null
	done
	awk -v t="$PWD/" 'index($5, t) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r m; do
		umount -l "$m" 2>/dev/null
	done
	find /sys/fs/cgroup -depth -path "*/linuxkit-test$$*" -type d -exec rmdir {} + 2>/dev/null
	cat console
}
