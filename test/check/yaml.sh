#!/bin/sh
# yaml.sh - build files and the flags of `linuxkit build` as a user meets them: merging, dialect, sources, times,
# --input-tar, --size.  "Wn" names a row of the list of LinuxKit's weaknesses that this program does not share,
# a path such as 060_input_tar one of LinuxKit's own tests.
. "$(dirname "$0")/../lib.sh"

# Images kernel:1, init:1 to init:4, app:1 and app:2 (a second architecture: riscv64).
images() {
	need python3
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$TOP/test" python3 - <<-'EOF'
		import gzip, os
		from image import Cache, Layer
		cache = Cache(os.environ["LINUXKIT_CACHE"])
		both = ("amd64", "riscv64")
		modules = Layer().dir("lib/").file("lib/x.ko", "module").tar()
		other = Layer().dir("lib/").file("lib/y.ko", "other").tar()
		cache.image("acme/kernel:1", [Layer().file("kernel", gzip.compress(b"KERNEL", mtime=0)).file("kernel.tar", modules)
		            .file("other.tar", other).file("ucode.cpio", "ucode")], arches=both)
		for i in "1234":
		    cache.image("acme/init:" + i, [Layer().dir("bin").file("bin/init" + i, i)], arches=both)
		for i in "12":
		    cache.image("acme/app:" + i, [Layer().dir("bin").file("bin/app", i)], arches=both)
	EOF
}

build() {
	"$LINUXKIT" -q build --arch amd64 "$@"
}

merged() {
	build --dry-run "$@"
}

# --- every rule of the build file ---------------------------------------------------------------

# Blocks of bad.txt: a build file, a line "==>", what the program says without the file's name. All of a file's
# faults are reported in one run.
case_bad_files() {
	need awk
	awk '/^##/ { next } /^==>$/ { want = 1; next }
		/^$/ { if (want) { n++; want = 0 } next }
		BEGIN { n = 1 }
		{ print > sprintf("%03d.%s", n, want ? "want" : "yml") }' "$TOP/test/check/yaml/bad.txt"
	count=0
	for want in [0-9]*.want; do
		file=${want%.want}.yml
		cp "$file" f.yml
		if "$LINUXKIT" build --o x.tar f.yml >stdout 2>stderr; then
			fail "accepted: $(cat f.yml)"
		fi
		[ ! -s stdout ] || fail "something on stdout" # W35
		[ ! -e x.tar ] || fail "an output was made"   # W20
		sed 's/^Error: //; /^invalid build file$/d; s/^f\.yml://; /^hint: /d' stderr >got
		diff "$want" got || fail "in $(cat f.yml)"
		count=$((count + 1))
	done
	[ $count -gt 100 ] || fail "only $count blocks"
}

case_all_faults_in_one_run() {
	i=0
	while [ $i -lt 30 ]; do
		i=$((i + 1))
		echo "wrong$i: 1"
	done >f.yml
	fails_with '^f.yml:20:1: unknown key "wrong20"' build f.yml
	grep -q '^and 10 more$' stderr || fail "no count of the rest"
	[ "$(grep -c '^f.yml:' stderr)" = 20 ] || fail "not 20 lines"
	[ "$(sort stderr | uniq -d | wc -l)" = 0 ] || fail "a line twice" # W35
}

# --- the dialect (4.2) -----------------------------------------------------------------------------

# value LINE: what the program makes of a line below a service, or "error".
value() {
	printf 'services:\n  - name: a\n    image: b\n    %s\n' "$1" >v.yml
	merged v.yml 2>stderr | sed -n '/image: b/,/^files/p' | sed '1d;$d; s/^ *//' | tr '\n' ' ' | sed 's/ $//'
}

case_dialect() {
	# first the line, then what it means; "error" where it must be refused
	while IFS='|' read -r line want; do
		got=$(value "$line")
		[ -n "$got" ] || got=error
		[ "$got" = "$want" ] || fail "$line: $got, not $want: $(cat stderr)"
	done <<-'EOF'
		readonly: true|readonly: true
		readonly: True|readonly: true
		readonly: TRUE|readonly: true
		readonly: false|readonly: false
		readonly: False|readonly: false
		readonly: FALSE|readonly: false
		readonly: yes|error
		readonly: on|error
		readonly: y|error
		readonly: "true"|error
		readonly: ~|error
		readonly: null|error
		readonly:|error
		hostname: yes|hostname: "yes"
		hostname: on|hostname: "on"
		hostname: 2001-01-01|hostname: "2001-01-01"
		hostname: 5|error
		hostname: 1.5|error
		hostname: true|error
		hostname: Null|error
		hostname: "5"|hostname: "5"
		oomScoreAdj: 12|oomScoreAdj: 12
		oomScoreAdj: -12|oomScoreAdj: -12
		oomScoreAdj: 0x1F|oomScoreAdj: 31
		oomScoreAdj: 0o17|oomScoreAdj: 15
		oomScoreAdj: 0b101|oomScoreAdj: 5
		oomScoreAdj: 010|oomScoreAdj: 8
		oomScoreAdj: 1_000|oomScoreAdj: 1000
		oomScoreAdj: 1.0|oomScoreAdj: 1
		oomScoreAdj: 1.5|error
		oomScoreAdj: "1"|error
		uid: 1.0|error
		uid: 0x10|uid: 16
		sysctl: {a: 1}|error
		sysctl: {a: "1"}|sysctl: a: "1"
		command: [a, 1]|error
		{"readonly": true}|error
	EOF
}

case_documents() {
	printf 'init: [a]\n---\nnonsense: 1\n' >two.yml
	merged two.yml >got
	grep -q 'nonsense' got && fail "a second document"
	printf '{"init": ["a"], "kernel": {"cmdline": "\\u0041"}}' >json.yml
	merged json.yml | grep -q 'cmdline: A$' || fail "JSON"
	printf '\357\273\277init: [a]\n' >bom.yml
	merged bom.yml >/dev/null || fail "byte-order mark"
	for text in 'null' '{}' '~'; do
		echo "$text" >e.yml
		merged e.yml >/dev/null || fail "$text"
	done
	for text in '' '# comment'; do
		echo "$text" >e.yml
		fails_with 'e.yml:.*' merged e.yml
	done
	cat >anchors.yml <<-'EOF'
		onboot:
		  - &first
		    name: a
		    image: x
		    readonly: true
		  - <<: *first
		    name: b
	EOF
	merged anchors.yml >got
	[ "$(grep -cE 'readonly: true|image: x' got)" = 4 ] || fail "merge key: $(cat got)"
}

# --- several FILEs (4.5) ---------------------------------------------------------------------------

case_merge() {
	cat >a.yml <<-'EOF'
		kernel: {image: k:1, cmdline: one, binary: b, tar: t, ucode: u}
		init: [i:1]
		onboot: [{name: a, image: x, binds: ["late:/m"]}]
		services: [{name: s, image: x}]
		volumes: [{name: early}]
		files: [{path: f, contents: a}]
	EOF
	cat >b.yml <<-'EOF'
		kernel: {image: k:2, cmdline: "", tar: "", ucode: ""}
		init: [i:2]
		onboot: [{name: a, image: y}]
		onshutdown: [{name: z, image: z}]
		services: [{name: t, image: x, mounts: [{type: bind, source: early, destination: /m}]}]
		volumes: [{name: late}]
		files: [{path: f, contents: b}]
	EOF
	cat >want.yml <<-'EOF'
		kernel: {image: k:2, cmdline: one, binary: b, tar: "", ucode: ""}
		init: [i:1, i:2]
		onboot: [{name: a, image: x, binds: ["late:/m"]}, {name: a, image: y}]
		onshutdown: [{name: z, image: z}]
		services: [{name: s, image: x}, {name: t, image: x, mounts: [{type: bind, source: early, destination: /m}]}]
		files: [{path: f, contents: a}, {path: f, contents: b}]
		volumes: [{name: early}, {name: late}]
	EOF
	# Names of volumes count over all FILEs, whatever their order (W12).
	merged a.yml b.yml >got
	merged want.yml >want
	diff want got
	merged - b.yml <a.yml >got
	diff want got
	merged a.yml - <b.yml >got
	diff want got
	[ "$(tail -c 2 got | od -An -tx1 | tr -d ' ')" = 0a0a ] || fail "--dry-run ends in an empty line"
}

case_merge_conflicts() {
	printf 'services: [{name: s, image: x}]\nvolumes: [{name: v}]\n' >a.yml
	printf '\n\nservices: [{name: s, image: x}]\nvolumes: [{name: v}]\n' >b.yml
	fails_with '^b.yml:3:19: duplicate service name: s \(the other one is at a.yml:1\)$' merged a.yml b.yml
	grep -qE '^b.yml:4:18: duplicate volume name: v \(the other one is at a.yml:2\)$' stderr || # W13
		fail "volumes: $(cat stderr)"
	# Faults of all FILEs, in the order of the FILEs.
	echo 'kernl: {}' >a.yml
	echo 'ini: []' >b.yml
	fails_with '^b.yml:1:1: unknown key "ini", did you mean "init"\?$' merged a.yml b.yml
	[ "$(grep -n 'a.yml:1:1' stderr | cut -d: -f1)" -lt "$(grep -n 'b.yml:1:1' stderr | cut -d: -f1)" ] || fail "order"
}

# Only @pkg: is a template, and only where an image stands; failures are errors (W18).
case_templates() {
	cat >f.yml <<-'EOF'
		kernel: {cmdline: "@reboot"}
		onboot: [{name: "@x", image: y, command: ["@pkg:./none"]}]
		files: [{path: "@a", contents: "@reboot foo"}]
	EOF
	merged f.yml >got
	for text in 'cmdline: "@reboot"' 'name: "@x"' '"@pkg:./none"' 'path: "@a"' 'contents: "@reboot foo"'; do
		tr "'" '"' <got | grep -qF -- "$text" || fail "$text is not in $(cat got)"
	done
	printf 'init:\n  - "@pkg:./none"\n' >f.yml
	fails_with '^Error: f.yml:2:5: @pkg:./none: .*No such file' merged f.yml
	mkdir -p p/rootfs
	echo x >p/rootfs/x
	printf 'image: p\nnative:\n  files: [{from: rootfs/, to: /}]\n' >p/build.yml
	mkdir sub
	printf 'init: ["@pkg:../p"]\n' >sub/f.yml
	printf 'init: ["@pkg:%s/p"]\n' "$PWD" >abs.yml
	merged sub/f.yml >a
	merged abs.yml >b
	grep -qE 'docker.io/linuxkit/p:[0-9a-f]{40}' a || fail "$(cat a)"
	same a b
}

# --- sources ---------------------------------------------------------------------------------------

case_url() {
	need python3
	port=$(free_port)
	mkdir www
	printf 'init: [a]\n' >www/good.yml
	printf 'init: ["@pkg:./p"]\n' >www/template.yml
	printf 'nonsense: 1\n' >www/bad.yml
	(cd www && exec python3 -m http.server -b 127.0.0.1 "$port") >http.log 2>&1 &
	server=$!
	trap 'kill $server' EXIT
	url=http://127.0.0.1:$port
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		merged "$url/good.yml" >got 2>/dev/null && break
		sleep 0.3
	done
	grep -q -- '- a' got || fail "a URL cannot be read: $(cat got)"
	# W19: a page that says "not found" is no build file
	fails_with "^Error: $url/none.yml: HTTP status 404\$" merged "$url/none.yml"
	[ "$(wc -l <stderr)" = 1 ] || fail "$(cat stderr)"
	fails_with "^Error: $url/bad.yml:1:1: unknown key \"nonsense\"" merged "$url/bad.yml"
	fails_with "^Error: $url/template.yml:1:8: \"@pkg:./p\" needs a local build file" merged "$url/template.yml"
	fails_with 'No such file' merged none.yml
}

# --- names and times ----------------------------------------------------------------------------------

case_names() {
	echo '{}' >empty.x.yml
	build empty.x.yml
	[ -f empty.x-initrd.img ] || fail "the extension goes, and nothing else: $(ls)"
	build - <empty.x.yml
	[ -f moby-initrd.img ] || fail "moby is the name for standard input: $(ls)"
	mkdir d
	build --dir d --name n --format tar empty.x.yml
	[ -f d/n.tar ] || fail "--dir and --name"
	fails_with 'the --o option cannot be specified with --dir' build --dir d --o x empty.x.yml
	fails_with 'the --o option cannot be used with format kernel.initrd' build --format kernel+initrd --o x empty.x.yml
	fails_with 'unknown format type  tar' build --format ' tar' empty.x.yml
	fails_with 'filename must be specified' build --sbom-output '' empty.x.yml
	build --sbom-output '' --no-sbom --o x.tar empty.x.yml
}

# W24
case_source_date_epoch() {
	images
	printf 'init: [acme/init:1]\nfiles: [{path: f, contents: x}]\n' >f.yml
	build --o a.tar f.yml
	SOURCE_DATE_EPOCH="" build --o b.tar f.yml
	same a.tar b.tar
	SOURCE_DATE_EPOCH=1700000000 build --o b.tar f.yml
	tar tvf b.tar --utc --full-time >list
	grep -q '2023-11-14 22:13:20 f$' list || fail "f: $(cat list)"
	grep -q '2023-11-14 22:13:20 etc/hosts$' list || fail "etc/hosts: $(cat list)"
	grep -q '2017-07-14 02:40:00 bin/init1$' list || fail "the time of a file of an image has changed: $(cat list)"
	tar xOf b.tar sbom.spdx.json | grep -q '"2023-11-14T22:13:20Z"' || fail "SBOM"
	for bad in x -1 1.5 99999999999999; do
		SOURCE_DATE_EPOCH=$bad fails_with 'SOURCE_DATE_EPOCH: ".*" is not a time' build --o c.tar f.yml
	done
}

case_size() {
	echo '{}' >f.yml
	for size in 1 1G 1024M '' 0 0M 10G; do
		build --size "$size" --o x.tar f.yml || fail "--size $size"
	done
	rm x.tar
	# refused even for formats that have no disk
	for size in x 1K 1.5G -1 1g ' 1' M G 99999999999999999999 17179869184 1GM; do
		fails_with "--size $size: expected a number of GiB" build --size="$size" --o x.tar f.yml
	done
	[ ! -e x.tar ] || fail "an output was made"
}

# --- --input-tar ----------------------------------------------------------------------------------------

# 060_input_tar/000_build in small: spec INIT2 ONBOOT1 SERVICE1 [MORE]
spec() {
	cat <<-EOF
		kernel: {image: acme/kernel:1, cmdline: "c"}
		init: [acme/init:1, acme/init:2, $1]
		onboot:
		  - {name: a, image: acme/app:1, command: [x]}
		  - {name: b, image: acme/app:1, $2}
		onshutdown:
		  - {name: e, image: acme/app:2, uid: c}
		services:
		  - {name: c, image: acme/app:2, binds: ["v:/v"], resources: {memory: {limit: 1}}}
		  - {name: d, image: $3, readonly: true}
		volumes:
		  - {name: v, image: acme/init:4}
		  - {name: empty}
		files:
		  - {path: etc/linuxkit.yml, metadata: ${4:-yaml}}
	EOF
}

# copied: the sections that the log calls copied, in one line
copied() {
	sed -n 's/.*Copy \([^ ]*\) files from input tar: .*/\1/p' stderr | tr '\n' ' ' | sed 's/ $//'
}

# 060_input_tar/000_build and W15: the log names what is the same; the bytes are those of a plain build.
case_input_tar() {
	images
	without='s/, resources: {memory: {limit: 1}}//'
	spec acme/init:3 'command: [y]' acme/app:1 | sed "$without" >f.yml
	build --o old.tar f.yml
	for verbose in '-v 1' '-v 2'; do
		# shellcheck disable=SC2086
		"$LINUXKIT" $verbose build --arch amd64 --input-tar old.tar --o new.tar f.yml 2>stderr
		same old.tar new.tar
		[ "$(copied)" = 'kernel init[0] init[1] init[2] volumes[0] onboot[0] onboot[1] onshutdown[0] services[0] services[1]' ] ||
			fail "unchanged: $(copied)"
	done
	grep -qF 'Copy init[0] files from input tar: docker.io/acme/init:1' stderr || fail "$(cat stderr)"
	grep -qF 'Copy kernel files from input tar: docker.io/acme/kernel:1' stderr || fail "$(cat stderr)"
	spec acme/init:4 'command: [z]' acme/app:2 | sed "$without" >g.yml
	build --o want.tar g.yml
	"$LINUXKIT" -v 2 build --arch amd64 --input-tar old.tar --o new.tar g.yml 2>stderr
	same want.tar new.tar
	[ "$(copied)" = 'kernel init[0] init[1] volumes[0] onboot[0] onshutdown[0] services[0]' ] || fail "changed: $(copied)"
	grep -q 'Process init image: docker.io/acme/init:4' stderr || fail "$(cat stderr)"
	# What LinuxKit does not notice: everything else that makes a difference.
	for change in 's/cmdline: "c"/cmdline: "d"/' 's/"c"}/"c", tar: other.tar}/' 's/"c"}/"c", ucode: ucode.cpio}/' \
		's/acme.app:1, command: .x./acme\/app:2, command: [x]/' 's/init:4}/init:3}/'; do
		sed "$change" f.yml >g.yml
		cmp -s f.yml g.yml && fail "no change: $change"
		build --o want.tar g.yml
		build --input-tar old.tar --o new.tar g.yml
		same want.tar new.tar
	done
	for flag in --decompress-kernel --arch=riscv64 --no-sbom; do
		build $flag --o want.tar f.yml
		build $flag --input-tar old.tar --o new.tar f.yml
		same want.tar new.tar
	done
	build --input-tar old.tar --format kernel+initrd --name new f.yml
	build --format kernel+initrd --name want f.yml
	same want-initrd.img new-initrd.img
}

# W15: own metadata that does not parse as a build file, or no metadata at all, is a full build and no error.
case_input_tar_unusable() {
	images
	spec acme/init:3 'command: [y]' acme/app:1 >resources.yml
	spec acme/init:3 'command: [y]' acme/app:1 json >json.yml
	spec acme/init:3 'command: [y]' acme/app:1 | sed '/^files/,$d' >none.yml
	echo 'init: [acme/init:1]' >other.yml
	for spec in resources json none; do
		build --o old.tar $spec.yml
		"$LINUXKIT" build --arch amd64 --input-tar old.tar --o new.tar $spec.yml 2>stderr
		same old.tar new.tar
	done
	build --o want.tar resources.yml
	build --o other.tar other.yml
	head -c 3000 want.tar >cut.tar
	: >empty.tar
	echo 'this is no tar' >text.tar
	for old in other.tar cut.tar empty.tar text.tar resources.yml /dev/null; do
		"$LINUXKIT" build --arch amd64 --input-tar "$old" --o new.tar resources.yml 2>stderr
		same want.tar new.tar
		grep -q 'Copy' stderr && fail "$old: $(grep Copy stderr)"
	done
	# A tar that claims more than it has: the marks have to be there, too.
	mkdir -p etc
	tar xf want.tar etc/linuxkit.yml
	tar cf liar.tar etc/linuxkit.yml
	"$LINUXKIT" build --arch amd64 --input-tar liar.tar --o new.tar resources.yml 2>stderr
	grep -q 'Copy' stderr && fail "$(grep Copy stderr)"
	fails_with '--input-tar none.tar: No such file' build --input-tar none.tar --o new.tar resources.yml
}

# 060_input_tar/010_same_filename, W20: the same file under any name is refused, and stays as it is.
case_input_tar_same_file() {
	images
	spec acme/init:3 'command: [y]' acme/app:1 >f.yml
	build --o old.tar f.yml
	cp old.tar keep.tar
	mkdir d
	ln old.tar hard.tar
	ln -s old.tar soft.tar
	refused='input-tar and output file cannot be the same'
	for output in old.tar ./old.tar d/../old.tar "$PWD/old.tar" hard.tar soft.tar; do
		fails_with "$refused" build --input-tar old.tar --o "$output" f.yml
		fails_with "$refused" build --input-tar "$output" --o old.tar f.yml
		same old.tar keep.tar
	done
	fails_with "$refused" build --input-tar old.tar --format tar --name old f.yml
	fails_with "$refused" build --input-tar old.tar --format tar --name old --dir d/.. f.yml
	build --input-tar old.tar --o old.tar --dry-run f.yml >/dev/null || fail "--dry-run comes first"
	# a bare -v takes the next word
	fails_with 'invalid argument "--no-sbom" for "-v, --verbose" flag' \
		"$LINUXKIT" build -v --no-sbom --input-tar old.tar --o old.tar f.yml
	fails_with 'cannot use --input-tar and --pull together' build --input-tar old.tar --pull --o x.tar f.yml
	same old.tar keep.tar
	# another file is replaced as a whole
	build --input-tar old.tar --o keep.tar f.yml
	same old.tar keep.tar
}

# --- acceptance ------------------------------------------------------------------------------------------

# 001_tarheaders: every entry but the root itself says where it is from.
case_tarheaders() {
	images
	spec acme/init:3 'command: [y]' acme/app:1 >f.yml
	build --no-sbom --o x.tar f.yml
	python3 - <<-'PYTHON'
		import tarfile
		n = 0
		for m in tarfile.open("x.tar"):
		    if m.name != ".":
		        assert m.pax_headers.get("LINUXKIT.source") and m.pax_headers.get("LINUXKIT.location"), m.name
		        n += 1
		assert n > 60, n
	PYTHON
}

# 010_reproducible/000_tar and 002_kernel+initrd; 004_input_tar is case_input_tar.
case_reproducible() {
	images
	spec acme/init:3 'command: [y]' acme/app:1 >f.yml
	for name in a b; do
		build --name $name --format tar f.yml
		build --name $name --format kernel+initrd f.yml
		sleep 1
	done
	for suffix in .tar -kernel -initrd.img -cmdline; do
		same a$suffix b$suffix
	done
}

# A capability of the build file replaces the label's, the working directory of the label stays (config_test).
case_label_and_file() {
	need python3
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$TOP/test" python3 - <<-'PYTHON'
		import os
		from image import Cache, Layer
		cache = Cache(os.environ["LINUXKIT_CACHE"])
		layer = [Layer().file("x", "")]
		cache.image("acme/label:1", layer, label={"capabilities": ["CAP_SYS_CHROOT"], "cwd": "/label/directory"})
		cache.image("acme/bad:1", layer, label={"capabilities": ["NOT_A_CAP"]})
	PYTHON
	printf 'onboot: [{name: a, image: "acme/label:1", capabilities: [CAP_SYS_ADMIN]}]\n' >f.yml
	build --o x.tar f.yml
	tar xOf x.tar containers/onboot/000-a/config.json | tr -d ' \n' >got
	grep -qF '"bounding":["CAP_SYS_ADMIN"]' got || fail "$(cat got)"
	grep -qF '"cwd":"/label/directory"' got || fail "$(cat got)"
	printf 'onboot: [{name: a, image: "acme/bad:1"}]\n' >f.yml
	fails_with 'f.yml:1:27: onboot.0. "a": label of docker.io/acme/bad:1:1:.*: capabilities.0.: unknown capability: NOT_A_CAP' \
		build --o y.tar f.yml
	[ ! -e y.tar ] || fail "an output was made"
	# the hundredth name has number 199
	{
		echo 'onboot:'
		for i in $(seq 99); do
			echo "  - {name: n$i, image: \"acme/label:1\"}"
		done
		echo 'services: [{name: test, image: "acme/label:1", uid: test, gid: 76}]'
	} >f.yml
	build --o x.tar f.yml
	tar xOf x.tar containers/services/test/config.json | tr -d ' \n' >got
	grep -qF '"user":{"uid":199,"gid":76}' got || fail "$(cat got)"
}

# --- better than LinuxKit ---------------------------------------------------------------------------

# W39, W41, W16: accepted here, with the right outcome
case_better_than_linuxkit() {
	images
	cat >f.yml <<-'EOF'
		onboot:
		  - name: a
		    image: acme/app:1
		    uid: 4294967295
		    binds: ["v:/v:nosuid,ro"]
		    uidMappings: [{hostID: 5, containerID: 6, size: 7}]
		    resources:
		      memory: {kernelTCP: 9, disableOOMKiller: true}
		      cpu: {realtimeRuntime: 10, realtimePeriod: 11}
		      blockio: {leafWeight: 12, weightDevice: [{major: 1, minor: 2, weight: 13, leafWeight: 14}]}
		      hugepageLimits: [{pageSize: 2MB, limit: 15}]
		      network: {classID: 16}
		volumes: [{name: v, readonly: true}]
	EOF
	build --o x.tar f.yml
	tar xOf x.tar containers/onboot/000-a/config.json >got
	for text in '"uid": 4294967295' '"hostID": 5' '"containerID": 6' '"kernelTCP": 9' '"disableOOMKiller": true' \
		'"realtimeRuntime": 10' '"realtimePeriod": 11' '"leafWeight": 12' '"leafWeight": 14' '"pageSize": "2MB"' \
		'"classID": 16' '"source": "/containers/volumes/v/merged"'; do
		grep -qF -- "$text" got || fail "$text is not in $(cat got)"
	done
}

run_cases
