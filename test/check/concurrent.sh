#!/bin/sh
# concurrent.sh - several processes and one cache: a slow pull keeps nobody else waiting, and the same image is
# fetched once however many ask for it.
. "$(dirname "$0")/../lib.sh"
. "$TOP/test/registry.sh"

if have_registry; then
	make_image "$WORK/layout" app 300000
	make_image "$WORK/layout" other 1000
	start_registry upstream
	upstream=$port
	for name in app other; do
		push_image "$WORK/layout" $name "127.0.0.1:$upstream/test/$name:1" || exit 1
	done
	# 150 kB a second: two seconds for the large layer
	background slow python3 "$TOP/test/faults.py" "$upstream" 150000
	port_from 'listening on '
	slow=http://127.0.0.1:$port/slow
fi

slow_pull() {
	"$LINUXKIT" -q --mirror "slow.example=$slow" cache pull --arch amd64 --cache cache slow.example/test/app:1
}

# asked PATTERN: how often the registry was, since its log had $before lines.
asked() {
	tail -n "+$((before + 1))" "$WORK/upstream.log" | grep -cE "\"GET /v2/test/app/$1 HTTP" || true
}

# begin_slow_pull: in the background, until it is in the middle of the layers.
begin_slow_pull() {
	before=$(wc -l <"$WORK/upstream.log")
	slow_pull &
	puller=$!
	for _ in $(seq 200); do
		[ "$(asked 'blobs/sha256:[0-9a-f]*')" -ge 1 ] && return
		sleep 0.05
	done
	fail "the pull does not begin"
}

still_pulling() {
	kill -0 "$puller" 2>/dev/null || fail "the slow pull ended too early to show anything"
}

case_a_slow_pull_keeps_nobody_waiting() {
	need_registry
	spec "127.0.0.1:$upstream/test/other:1"
	build --cache cache --o before.tar
	begin_slow_pull
	"$LINUXKIT" cache ls --cache cache >names
	grep -q 'test/other:1' names || fail "cache ls: $(cat names)"
	build --cache cache --o after.tar
	same before.tar after.tar
	# another image, and another name for one that is there
	"$LINUXKIT" -q cache pull --arch arm64 --cache cache "127.0.0.1:$upstream/test/other:1"
	"$LINUXKIT" -q --mirror "http://127.0.0.1:$upstream" cache pull --arch amd64 --cache cache second.example/test/other:1
	still_pulling
	wait "$puller" || fail "the slow pull failed"
	cache_is_sound cache
	"$LINUXKIT" cache ls --cache cache >names
	grep -q 'slow.example/test/app:1' names || fail "cache ls: $(cat names)"
}

case_many_pulls_of_one_image() {
	need_registry
	begin_slow_pull
	pids=$puller
	for _ in 1 2 3; do
		slow_pull &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || fail "one of them failed"
	done
	cache_is_sound cache
	large=$(find cache/blobs/sha256 -size +200k -printf '%f\n')
	[ "$(asked "blobs/sha256:$large")" = 1 ] || fail "the large layer was asked for $(asked "blobs/sha256:$large") times"
	[ -z "$(find cache -name '*.tmp*' -o -path '*/partial/*' -type f)" ] || fail "left: $(find cache -type f)"
}

# The one that fetches is killed: one of those that wait goes on where it stopped.
case_the_first_of_many_is_killed() {
	need_registry
	begin_slow_pull
	slow_pull &
	other=$!
	sleep 0.5
	kill -KILL "$puller"
	wait "$puller" || true
	wait "$other" || fail "the other one failed"
	cache_is_sound cache
	large=$(find cache/blobs/sha256 -size +200k -printf '%f\n')
	[ "$(asked "blobs/sha256:$large")" -le 3 ] || fail "the large layer was asked for $(asked "blobs/sha256:$large") times"
}

run_cases
