#!/bin/sh
# logs.sh - the log daemon as an ordinary process (test/logs.py).
. "$(dirname "$0")/../lib.sh"

program=$TOP/build/target/$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/init

run() {
	need python3
	[ -x "$program" ] || skip "$program is not built"
	python3 "$TOP/test/logs.py" "$program" "$1"
}

case_lines() { run lines; }
case_follow() { run follow; }
case_hostile_readers() { run hostile_readers; }
case_rate() { run rate; }
case_crash() { run crash; }
case_many_streams() { run many_streams; }
case_limits() { run limits; }
case_blocking_sender() { run blocking_sender; }
case_rotation() { run rotation; }
case_service() { run service; }
case_own_sockets() { run own_sockets; }
case_next_life() { run next_life; }
case_lingering() { run lingering; }
case_crowd() { run crowd; }
case_greedy_readers() { run greedy_readers; }
case_service_clock() { run service_clock; }

case_disk() {
	need unshare python3
	unshare -m true 2>/dev/null || skip "no mount namespace"
	[ -x "$program" ] || skip "$program is not built"
	unshare -m python3 "$TOP/test/logs.py" "$program" disk
}

run_cases
