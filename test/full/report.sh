#!/bin/sh
# report.sh - one boot with `run qemu --boot-report` of an image without containerd: the report inside the machine and
# out of it, and the names below /dev of disks that are there, are written to, and go away.
. "$(dirname "$0")/../lib.sh"

case_boot() {
	need qemu-system-x86_64 mkfs.ext4 mkfs.vfat sfdisk
	truncate -s 8M root vfat blank
	truncate -s 16M parts
	mkfs.ext4 -q -L "the root" -U 11111111-2222-3333-4444-555555555555 root
	mkfs.vfat -n LABELLED -i deadbeef vfat >/dev/null
	echo 'label: gpt
		start=2048, size=8192, name="data part", uuid=AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE' | sfdisk -q parts
	mkfs.ext4 -q -L inside -U 99999999-2222-3333-4444-555555555555 -E offset=1048576 parts 4096k
	"$LINUXKIT" -q build "$TOP/test/full/boot/report.yml"
	"$LINUXKIT" run qemu --boot-report --mem 256 --disk root --disk parts --disk blank --disk vfat report \
		>console 2>table </dev/null || {
		cat console table
		fail "run ended with $?"
	}
	mv console table report-state/boot-report.json ..
	tr -d '\r' <../console
	cat ../table
}

# The same table in the machine and out of it, where QEMU's start is known as well.
case_table() {
	[ -s ../table ] || skip "no machine was booted"
	for row in 'kernel +0\.000 ' 'init +[0-9.]+ ' 'onboot 000-early +.*#$' 'onboot 001-fails .*  failed$' \
		'service control +.*#' 'service steady +.*#' 'none of these ' 'done +[0-9.]+$'; do
		grep -qE "^$row" ../table || fail "no row $row"
		tr -d '\r' <../console | grep -qE "^$row" || fail "no row $row in the machine"
	done
	grep -qE "^QEMU's start to this report: [0-9.]+ s, of which [0-9.]+ s before" ../table || fail "no word of QEMU"
	if grep -q bye ../table; then
		fail "the shutdown is in the report"
	fi
}

case_json() {
	need python3
	[ -s ../table ] || skip "no machine was booted"
	sed -n 's/.*MARK json //p' ../console | tr -d '\r' >inside.json
	python3 - inside.json ../boot-report.json <<-'EOF'
		import json, sys
		inside, outside = (json.load(open(name)) for name in sys.argv[1:])
		for r in inside, outside:
		    assert r["version"] == 1 and r["result"] == "done"
		    times = [e["at"] for e in r["events"]]
		    assert times == sorted(times) and 0 < times[0], times
		    assert [e["event"] for e in r["events"][:4]] == ["init", "root", "devices", "onboot-begin"]
		    assert all(0 <= p["from"] <= p["to"] <= r["end"] for p in r["phases"]), r["phases"]
		    covered = sum(p["seconds"] for p in r["phases"]) + r["other"]
		    assert covered > 0.999 * r["end"]
		    names = [(p["phase"], p.get("name")) for p in r["phases"]]
		    assert names[:4] == [("kernel", None), ("init", None), ("onboot", "000-early"), ("onboot", "001-fails")]
		    assert sorted(names[4:]) == [("service", "control"), ("service", "steady")]
		assert inside["phases"] == outside["phases"]
		assert outside["end"] <= outside["made"]
		assert outside["host"] > 0 and "host" not in inside
	EOF
}

# "sda" and the like may change their places; what was made tells which disk is meant.
case_links() {
	[ -s ../table ] || skip "no machine was booted"
	tr -d '\r' <../console | sed -n 's/^MARK early //p' >early
	tr -d '\r' <../console | sed -n 's/^MARK last //p' >last
	target() { awk -v n="$2" '$1 == n { print $2 }' "$1"; }
	for file in early last; do
		for pair in 'disk0 by-label/the\x20root' 'disk0 by-uuid/11111111-2222-3333-4444-555555555555' \
			'disk1-part1 by-label/inside' 'disk1-part1 by-uuid/99999999-2222-3333-4444-555555555555' \
			'disk1-part1 by-partlabel/data\x20part' 'disk1-part1 by-partuuid/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee' \
			'disk3 by-label/LABELLED' 'disk3 by-uuid/DEAD-BEEF'; do
			sed 's,^disk/,,; s,\\,/,g' "$file" >names # awk takes a backslash for more
			name=$(echo "${pair#* }" | sed 's,\\,/,g')
			id=$(target names "by-id/scsi-0QEMU_QEMU_HARDDISK_${pair%% *}")
			[ -n "$id" ] || fail "$file: no by-id of ${pair%% *}"
			[ "$(target names "$name")" = "$id" ] || fail "$file: ${pair#* } is \"$(target names "$name")\", not $id"
		done
	done
	grep -q '^virtio-ports/linuxkit.boot ../vport' early || fail "no name for the port"
	grep -qE 'MARK later ../../sd.' ../console || fail "no name for what was made in the machine"
	if grep -qE 'disk2|later' last; then
		fail "the removed disk still has names"
	fi
	if grep -q 'does not answer' ../console; then
		fail "the boot waited for links in vain"
	fi
}

run_cases
