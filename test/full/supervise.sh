#!/bin/sh
# test/full/supervise.sh [SERVICE-PROGRAM] - the supervisor of services against a real containerd and runc.
#
# Speaks TAP. Needs root, containerd, runc and a static busybox; without one of them it is skipped. The
# steps build on each other, so the first failure ends the test. Waiting is polling for an event with a
# limit; no step relies on a pause being long enough.
set -u

service=${1:-${SERVICE:-}}
if [ -z "$service" ]; then
	machine=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
	service=$(cd "$(dirname "$0")/../.." && pwd)/build/target/$machine/init
fi

n=0
cannot() {
	echo "ok 1 - supervise # SKIP $*"
	exit 0
}
[ "$(id -u)" = 0 ] || cannot "not root"
[ -x "$service" ] || cannot "$service is not built"
for p in containerd runc containerd-shim-runc-v2 busybox; do
	command -v $p >/dev/null || cannot "$p is not installed"
done
grep -q ' - cgroup' /proc/self/mountinfo || cannot "no cgroup file system is mounted"
busybox=$(command -v busybox)
ldd "$busybox" >/dev/null 2>&1 && cannot "busybox is not static"

T=$(mktemp -d "${TMPDIR:-/tmp}/linuxkit-supervise.XXXXXX") || exit 1
ns=supervisetest$$
# The program is told apart by its name.
ln -s "$service" "$T/service"
service=$T/service
supervisor=
console=$T/console

# Every process of this test: their command lines name its directory.
ours() {
	for d in /proc/[0-9]*; do
		[ "${d#/proc/}" = "$$" ] || [ "${d#/proc/}" = "$supervisor" ] && continue
		{ tr '\0' ' ' <"$d/cmdline"; } 2>/dev/null | grep -q "$T" && echo "${d#/proc/}"
	done
}

cleanup() {
	[ -n "$supervisor" ] && kill -KILL "$supervisor" 2>/dev/null
	# Killing a shim leaves its container, which is found by its cgroup.
	find /sys/fs/cgroup -path "*$ns*" -name cgroup.procs -exec cat {} + 2>/dev/null | while read -r pid; do
		kill -KILL "$pid" 2>/dev/null
	done
	for pid in $(ours); do
		grep -qz containerd "/proc/$pid/cmdline" 2>/dev/null && kill -KILL "$pid" 2>/dev/null
	done
	awk -v t="$T/" 'index($5, t) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r m; do
		umount -l "$m" 2>/dev/null
	done
	find /sys/fs/cgroup -depth -path "*/$ns*" -type d -exec rmdir {} + 2>/dev/null
	rm -rf "$T" "/run/containerd/runc/$ns" "/run/containerd/runc/$ns.other"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

ok() {
	n=$((n + 1))
	echo "ok $n - $*"
}

fail() {
	n=$((n + 1))
	sed 's/^/# /' "$console"
	tail -n 20 "$T/log/containerd.log" 2>/dev/null | sed 's/^/# containerd: /'
	echo "# $step: $*"
	echo "not ok $n - $step"
	exit 1
}

# until_true SECONDS COMMAND...: polls until the command succeeds.
until_true() {
	limit=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$limit" ] || fail "not true in time: $*"
		sleep 0.05
	done
}

says() { grep -qE -- "$1" "$console"; }
says_times() { [ "$(grep -cE -- "$1" "$console")" -ge "$2" ]; }
ended() { ! kill -0 "$1" 2>/dev/null; }
ask() { command="$1"; shift; "$service" "$command" -run "$T/run" "$@"; }
pid_of() { ask status "$1" 2>/dev/null | awk 'NR == 2 { print $3 }'; }
state_of() { ask status "$1" 2>/dev/null | awk 'NR == 2 { print $2 }'; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }
cgroups() { find /sys/fs/cgroup -path "*/$ns/*" -type d 2>/dev/null; }
logged_twice() { [ "$(grep -c to-stdout "$T/log/steady.out.log")" = 2 ]; }
nothing_left() { [ -z "$(ours)" ]; }
runs_as_other() { p=$(pid_of "$1"); [ -n "$p" ] && [ "$p" != 0 ] && [ "$p" != "$2" ]; }

# bundle NAME RUNTIME.JSON COMMAND [DIRECTORY]: a service whose root is busybox.
bundle() {
	b=$T/${4:-services}/$1
	mkdir -p "$b/rootfs/bin" "$b/rootfs/proc" "$b/rootfs/tmp"
	ln -f "$T/busybox" "$b/rootfs/bin/busybox"
	ln -sf busybox "$b/rootfs/bin/sh"
	echo "$2" >"$b/runtime.json"
	cat >"$b/config.json" <<-END
		{"ociVersion": "1.0.2", "hostname": "$1",
		 "process": {"cwd": "/", "args": ["/bin/sh", "-c", "$3"], "env": ["PATH=/bin"],
		             "user": {"uid": 0, "gid": 0},
		             "rlimits": [{"type": "RLIMIT_CORE", "hard": 18446744073709551615, "soft": 0}]},
		 "root": {"path": "rootfs"},
		 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
		 "linux": {"cgroupsPath": "/$ns/$1", "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}]}}
	END
}

self='"mounts": [{"destination": "rootfs", "type": "bind", "source": "ROOT", "options": ["bind"]}]'
# A root file system bound onto itself, as the build writes it for a read-only container.
bound() { echo "$self" | sed "s#\"destination\": \"rootfs\"#\"destination\": \"$T/services/$1/rootfs\"#; s#ROOT#$T/services/$1/rootfs#"; }

launch='' program=$service
start_supervisor() {
	$launch "$program" -v supervise -sock "$T/state/containerd.sock" -path "$T/services" -containerd-namespace "$ns" \
		-config "$T/runtime-config.toml" -run "$T/run" -log "$T/log" "$@" >>"$console" 2>&1 &
	supervisor=$!
}

mkdir -p "$T/services" "$T/log" "$T/run"
cp "$busybox" "$T/busybox"
: >"$console"
cat >"$T/config.toml" <<END
version = 2
root = "$T/root"
state = "$T/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$T/state/containerd.sock"
[debug]
  address = ""
END
printf '# a comment\ncliopts = "--config %s/config.toml"\n' "$T" >"$T/runtime-config.toml"

bundle steady "{$(bound steady)}" 'echo to-stdout; echo to-stderr >&2; trap \"exit 0\" TERM; busybox sleep 100000 & wait'
bundle deaf "{$(bound deaf), \"restart\": \"always\"}" 'while :; do busybox sleep 1000; done'
bundle once '{}' 'exit 0'
bundle never '{"restart": "no"}' 'exit 3'
bundle eager '{"restart": "always", "namespace": "'"$ns.other"'"}' 'exit 0'

step="services wait for the gate"
mkfifo "$T/gate"
exec 9<>"$T/gate"
start_supervisor --gate-fd 9 9<&9
until_true 30 says 'containerd .* answers'
[ "$(state_of steady)" = waiting ] || fail "state $(state_of steady)"
ok "$step"

step="all services start in parallel"
echo >&9
until_true 60 says '^linuxkit: all 5 services started at [0-9.]+s$'
says '^service steady: started \(pid [0-9]+\) at [0-9.]+s$' || fail "no line for steady"
is_state deaf running || fail "deaf is $(state_of deaf)"
[ -n "$(cgroups)" ] || fail "no cgroup has the name of this test"
ok "$step"

step="output goes to the log files"
until_true 10 grep -q to-stdout "$T/log/steady.out.log"
until_true 10 grep -q to-stderr "$T/log/steady.log"
ask logs -log "$T/log" steady | grep -q to-stdout || fail "service logs"
ok "$step"

step="policies: on-failure leaves success, no leaves failure, always restarts success"
until_true 20 says '^service once: exited with status 0 after [0-9.]+s$'
until_true 20 says '^service never: exited with status 3 after [0-9.]+s$'
until_true 20 says '^service eager: exited with status 0 after [0-9.]+s; restarting in 1s$'
until_true 20 says '^service eager: exited with status 0 after [0-9.]+s; restarting in 2s$'
until_true 10 is_state once exited
until_true 10 is_state never exited
ok "$step"

step="a killed service is running again and its log is kept"
old=$(pid_of steady)
kill -KILL "$old"
until_true 30 runs_as_other steady "$old"
says '^service steady: exited with status 137 after [0-9.]+s; restarting in 1s$' || fail "no line"
until_true 10 logged_twice
ok "$step"

step="containerd is restarted and running services are kept"
read -r daemon rest <"$T/run/containerd.pid"
steady=$(pid_of steady) deaf=$(pid_of deaf)
kill -KILL "$daemon"
until_true 30 says '^service steady: still running'
until_true 10 is_state steady running
until_true 10 is_state deaf running
[ "$(pid_of steady) $(pid_of deaf)" = "$steady $deaf" ] || fail "other pids"
kill -KILL "$steady"
until_true 30 runs_as_other steady "$steady"
ok "$step"

step="containerd is killed while services start"
old=$(pid_of deaf)
kill -KILL "$old"
ask restart steady 2>>"$T/err" &
restart=$!
read -r daemon rest <"$T/run/containerd.pid"
kill -KILL "$daemon"
until_true 60 runs_as_other deaf "$old"
until_true 60 is_state deaf running
wait "$restart" || fail "restart: $(cat "$T/err")"
is_state steady running || fail "steady is $(state_of steady)"
ok "$step"

step="a restarted supervisor takes over containerd and its services"
ask stop eager || fail "stop"
read -r daemon rest <"$T/run/containerd.pid"
steady=$(pid_of steady)
kill -KILL "$supervisor"
until_true 10 ended "$supervisor"
wait "$supervisor" 2>/dev/null
: >"$console"
start_supervisor
until_true 30 says '^service steady: still running'
until_true 10 is_state deaf running
[ "$(pid_of steady)" = "$steady" ] || fail "steady has another pid"
read -r now rest <"$T/run/containerd.pid"
[ "$now" = "$daemon" ] || fail "containerd was started anew"
{ is_state eager stopped && is_state once exited; } || fail "eager $(state_of eager), once $(state_of once)"
ok "$step"

step="stop, start, restart, list, status"
start=$(date +%s)
ask stop steady || fail "stop"
[ $(($(date +%s) - start)) -lt 9 ] || fail "SIGTERM did not end it"
is_state steady stopped || fail "state $(state_of steady)"
ask status steady >/dev/null && fail "status of a stopped service is 0"
(cd "$T" && ask start -dump-spec spec steady) || fail "start"
grep -q "\"path\": \"$T/services/steady/rootfs\"" "$T/spec" || fail "dumped spec"
ask start steady 2>"$T/err" && fail "started twice"
grep -q 'service steady is running' "$T/err" || fail "message: $(cat "$T/err")"
old=$(pid_of steady)
ask restart steady || fail "restart"
[ "$(pid_of steady)" != "$old" ] || fail "same pid"
[ "$(ask list | wc -l)" = 6 ] || fail "list"
ask start nothere 2>"$T/err" && fail "unknown service"
grep -q 'no service nothere' "$T/err" || fail "message: $(cat "$T/err")"
ok "$step"

step="a service without a SIGTERM handler is killed after its time"
ask stop deaf || fail "stop"
says '^service deaf: still running 10 s after SIGTERM' || fail "no line"
is_state deaf stopped || fail "state $(state_of deaf)"
# From now on it hears: the later steps need no second proof of the ten seconds.
bundle deaf "{$(bound deaf), \"restart\": \"always\"}" 'trap \"exit 0\" TERM; busybox sleep 100000 & wait'
ask start deaf || fail "start"
ok "$step"

step="a service that cannot be started is reported and tried again"
bundle broken '{}' 'exit 0'
sed -i 's#"/bin/sh"#"/bin/missing"#' "$T/services/broken/config.json"
ask start broken 2>"$T/err" && fail "started"
grep -q 'could not be started: .*missing' "$T/err" || fail "message: $(cat "$T/err")"
says '^service broken: could not be started: .*; restarting in 1s$' || fail "no line"
ask stop broken || fail "stop"
ok "$step"

step="a second supervisor refuses to run"
"$service" system-init -run "$T/run" 2>"$T/err" && fail "it ran"
grep -q 'a supervisor runs already' "$T/err" || fail "message: $(cat "$T/err")"
ok "$step"

step="restarts do not make the supervisor grow"
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$supervisor/status"; }
for i in 1 2 3; do ask restart steady || fail "restart"; done
before=$(rss)
for i in $(seq "${RESTARTS:-8}"); do ask restart steady || fail "restart $i"; done
[ $(($(rss) - before)) -lt "${GROWTH:-256}" ] || fail "grew from $before to $(rss) KiB"
ok "$step"

step="SIGTERM stops everything"
kill "$supervisor"
until_true 40 ended "$supervisor"
wait "$supervisor" || fail "exit status $?"
supervisor=
until_true 10 nothing_left
grep -q "$T/" /proc/self/mountinfo && fail "mounts are left: $(grep "$T/" /proc/self/mountinfo)"
[ -z "$(cgroups)" ] || fail "cgroups are left: $(cgroups)"
[ ! -e "$T/run/service.sock" ] || fail "the control socket is left"
ok "$step"

step="containers of a former boot are removed"
: >"$console"
start_supervisor
until_true 60 says '^linuxkit: all 6 services started|^linuxkit: 5 of 6 services started .*: broken$'
old=$(pid_of steady)
kill -KILL "$supervisor"
wait "$supervisor" 2>/dev/null
read -r daemon rest <"$T/run/containerd.pid"
kill -KILL "$daemon"
rm -rf "$T/run"
: >"$console"
start_supervisor
until_true 60 says '^linuxkit: 5 of 6 services started .*: broken$'
runs_as_other steady "$old" || fail "steady was not started anew"
ended "$old" || fail "the old container still runs"
kill "$supervisor"
until_true 40 ended "$supervisor"
wait "$supervisor" || fail "exit status $?"
supervisor=
until_true 10 nothing_left
ok "$step"

step="a containerd that dies at once is reported with its own words"
: >"$console"
mv "$T/config.toml" "$T/good.toml"
echo 'version = [' >"$T/config.toml"
start_supervisor
until_true 20 says '^containerd: .*failed to load TOML'
until_true 20 says '^linuxkit: containerd exited with status 1 after [0-9.]+s; restarting in 1s$'
mv "$T/good.toml" "$T/config.toml"
until_true 60 says '^linuxkit: 5 of 6 services started .*: broken$'
kill "$supervisor"
until_true 40 ended "$supervisor"
wait "$supervisor" || fail "exit status $?"
supervisor=
until_true 10 nothing_left
ok "$step"

step="linuxkit.restart=no on the kernel command line"
bundle fails '{}' 'exit 4' others
bundle told '{"restart": "on-failure"}' 'exit 5' others
echo 'console=ttyS0 linuxkit.restart=no' >"$T/cmdline"
: >"$console"
cat >"$T/told" <<END
#!/bin/sh
mount --bind "$T/cmdline" /proc/cmdline && { [ \$# = 0 ] || exec "$service" "\$@"; }
END
chmod +x "$T/told"
if unshare -m "$T/told" 2>/dev/null; then
	launch="unshare -m" program=$T/told
	start_supervisor -path "$T/others"
	launch='' program=$service
	until_true 60 says '^service fails: exited with status 4 after [0-9.]+s$'
	until_true 60 says '^service told: exited with status 5 after [0-9.]+s; restarting in 2s$'
	kill "$supervisor"
	until_true 40 ended "$supervisor"
	wait "$supervisor" || fail "exit status $?"
	supervisor=
	[ "$(grep -c '^service fails: started' "$console")" = 1 ] || fail "started again"
	ok "$step"
else
	ok "$step # SKIP no mount namespace"
fi

step="needs, readiness and health"
forever='trap \"exit 0\" TERM; busybox sleep 100000 & wait'
bundle app '{"needs": ["db"], "health": {"exec": ["/bin/sh", "-c", "test -e /tmp/good"], "interval": 1, "retries": 1}}' \
	"busybox touch /tmp/good; $forever" needy
bundle db '{"ready": {"exec": ["/bin/sh", "-c", "test -e /tmp/up"]}}' "busybox sleep 1; busybox touch /tmp/up; $forever" needy
bundle late '{"needs": ["nobody"]}' "$forever" needy
: >"$console"
start_supervisor -path "$T/needy"
until_true 60 says '^linuxkit: 2 of 3 services started at [0-9.]+s; waiting: late \(for nobody\)$'
says '^service late: needs "nobody", which is no service$' || fail "no line for late"
sed -n '/^service db: ready after/,$p' "$console" | grep -q '^service app: started' || fail "app does not wait for db"
db=$(pid_of db)
# The questions go on under another supervisor.
kill -KILL "$supervisor"
until_true 10 ended "$supervisor"
wait "$supervisor" 2>/dev/null
rm "$T/needy/app/rootfs/tmp/good"
: >"$console"
start_supervisor -path "$T/needy"
until_true 30 says "^service db: still running \(pid $db\)$"
until_true 30 says '^service app: unhealthy: /bin/sh: exit status 1 \(1 time in a row\)$'
until_true 30 says '^service app: started'
: >"$console"
kill "$supervisor"
until_true 40 ended "$supervisor"
wait "$supervisor" || fail "exit status $?"
supervisor=
sed -n '/^service app: exited/,$p' "$console" | grep -q '^service db: exited' || fail "db was not stopped after app"
ok "$step"

step="an image without containerd and runtime says so once"
: >"$console"
start_supervisor -containerd "$T/nowhere" -runtime "$T/nowhere"
until_true 20 says '^linuxkit: containerd: run .*/nowhere: No such file or directory; no service can be started$'
until_true 10 is_state steady waiting
kill "$supervisor"
until_true 10 ended "$supervisor"
wait "$supervisor" || fail "exit status $?"
supervisor=
[ "$(grep -c 'containerd: run' "$console")" = 1 ] || fail "said more than once"
ok "$step"

echo "1..$n"
