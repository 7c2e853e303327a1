#!/bin/sh
# optin.sh - the flags that ask for something better than the reference's default (yaml.md 21), on hand-made images.
# Every case looks at the default as well: without its flag, nothing may change.
. "$(dirname "$0")/../lib.sh"

PYTHONPATH=$TOP/test
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE

images() {
	need python3
	{
		echo "from image import *"
		echo "cache = Cache('$PWD/cache')"
		cat
	} >images.py
	python3 images.py
}

# Not quiet: cases look for warnings.
build() {
	"$LINUXKIT" build --cache "$PWD/cache" --arch amd64 --no-sbom "$@"
}

# entries TAR [PATTERN]: one line per entry with owner marks, type, mode and owner.
entries() {
	python3 "$TOP/test/golden.py" tar "$1" - | grep -E -- "${2:-.}"
}

# W10
case_keep_dirs() {
	images <<-EOF
		layer = Layer().dir("etc", mode=0o755).dir("srv", mode=0o711, uid=2, gid=3).file("bin/p", "p")
		cache.image("acme/init:1", [layer])
	EOF
	cat >x.yml <<-EOF
		init:
		  - acme/init:1
		files:
		  - {path: etc/web/x, contents: x, mode: "0640", uid: 7}
		  - {path: srv/y, contents: y}
		  - {path: srv/new/z, contents: z}
	EOF
	build --o old.tar x.yml 2>warnings
	[ "$(grep -c 'changes directory' warnings)" = 2 ] || fail "not two warnings: $(cat warnings)"
	build --keep-dirs --o new.tar x.yml 2>warnings
	grep 'changes directory' warnings && fail "warned"
	# Nothing but the entries of the two directories is missing, and no other entry differs.
	entries old.tar | grep -vE '^\[files\[[0-9]\] linuxkit.files\] d .* (etc|srv)/?( |$)' >want
	entries new.tar >got
	diff want got
	[ "$(entries old.tar | wc -l)" = $(($(wc -l <got) + 2)) ] || fail "the pattern took away too much or too little"
	mkdir root && tar xpf new.tar -C root --no-same-owner
	[ "$(stat -c %a root/etc root/etc/web root/srv root/srv/new | tr '\n' ' ')" = "755 750 711 700 " ] ||
		fail "modes: $(stat -c '%n %a' root/etc root/etc/web root/srv root/srv/new)"
}

# W25
case_dedup() {
	images <<-EOF
		layer = Layer().file("bin/p", "p", mode=0o755)
		cache.image("acme/app:1", [layer])
		cache.image("acme/app:latest", [layer])
		cache.image("acme/other:1", [layer], {"Cmd": ["/other"]})
	EOF
	cat >x.yml <<-EOF
		onboot:
		  - {name: a, image: "acme/app:1"}
		services:
		  - {name: b, image: "acme/app:latest"}
		  - {name: c, image: "acme/app:1", readonly: true}
		  - {name: d, image: "acme/other:1"}
	EOF
	build --o old.tar x.yml
	build --dedup --o new.tar x.yml
	tar tf old.tar | grep '/bin/p$' >got
	printf '%s\n' containers/onboot/000-a/lower/bin/p containers/services/b/lower/bin/p \
		containers/services/d/lower/bin/p | diff - got
	tar tf new.tar | grep '/bin/p$' >got
	printf '%s\n' containers/onboot/000-a/lower/bin/p containers/services/d/lower/bin/p | diff - got
	tar xf new.tar -O containers/services/b/runtime.json | grep -q '"lowerdir=/containers/onboot/000-a/lower"' ||
		fail "b does not mount the root of a"
	# Where every image has one name only, the flag changes nothing.
	sed -i 's/app:latest/app:1/' x.yml
	build --o old.tar x.yml
	build --dedup --o new.tar x.yml
	same old.tar new.tar
}

# W38
case_relative_source() {
	mkdir -p site/data data
	echo here >data/f
	echo site >site/data/f
	echo home >"$HOME/f"
	cat >base.yml <<-EOF
		files:
		  - {path: base, source: data/f}
	EOF
	cat >site/site.yml <<-EOF
		files:
		  - {path: site, source: data/f}
		  - {path: up, source: ../data/f}
		  - {path: home, source: ~/f}
		  - {path: absolute, source: $PWD/data/f}
		  - {path: none, source: data/none, optional: true}
	EOF
	fails_with 'source ../data/f: No such file' build --o x.tar base.yml site/site.yml
	build --relative-source --o x.tar base.yml site/site.yml
	for f in base:here site:site up:here home:home absolute:here; do
		[ "$(tar xf x.tar -O "${f%:*}")" = "${f#*:}" ] || fail "$f: $(tar xf x.tar -O "${f%:*}")"
	done
	tar tf x.tar | grep -q none && fail "an optional file that is not there"
	rm site/data/f
	fails_with 'site/site.yml:2:.*source site/data/f: No such file' build --relative-source --o x.tar site/site.yml
	echo site >site/data/f
	# Standard input stands in the current directory.
	sed 's/data/site\/data/' base.yml | build --relative-source --o stdin.tar -
	[ "$(tar xf stdin.tar -O base)" = site ] || fail "standard input"
}

# W43
case_strict() {
	images <<-EOF
		layer = Layer().file("bin/p", "p", mode=0o755)
		cache.image("acme/app:1", [layer])
		cache.image("acme/open:1", [layer], {"Labels": {LABEL: '{"maskedPaths": [], "ipc": "host", "noNewPrivileges": false}'}})
	EOF
	cat >x.yml <<-EOF
		onboot:
		  - {name: a, image: "acme/app:1"}
		services:
		  - {name: b, image: "acme/open:1", readonlyPaths: [], uts: host}
	EOF
	build --strict --o new.tar x.yml
	build --o old.tar x.yml
	python3 - <<-EOF
		import json, tarfile
		def configs(name):
		    tar = tarfile.open(name)
		    for path in "containers/onboot/000-a", "containers/services/b":
		        c = json.load(tar.extractfile(path + "/config.json"))
		        linux = c["linux"]
		        yield ([n["type"] for n in linux["namespaces"]], len(linux.get("maskedPaths", [])),
		               len(linux.get("readonlyPaths", [])), c["process"].get("noNewPrivileges", False))
		assert list(configs("old.tar")) == [(["pid", "mount"], 0, 0, False)] * 2, list(configs("old.tar"))
		assert list(configs("new.tar")) == [(["ipc", "uts", "pid", "cgroup", "mount"], 12, 5, True),
		                                    (["pid", "cgroup", "mount"], 0, 0, False)], list(configs("new.tar"))
	EOF
	# Nothing but the two config.json differs.
	entries old.tar | grep -v config.json >want
	entries new.tar | grep -v config.json | diff want -
}

run_cases
