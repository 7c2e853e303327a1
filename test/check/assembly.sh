#!/bin/sh
# assembly.sh - the root file system entry by entry, on hand-made images (test/image.py).  What must come out stands
# in golden/, written from the specification; test/golden.py reads archives on its own and compares.
. "$(dirname "$0")/../lib.sh"

PYTHONPATH=$TOP/test
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE

# images: the python on stdin makes them, in a cache of this case's own.
images() {
	{
		echo "from image import *"
		echo "cache = Cache('$PWD/cache')"
		cat
	} >images.py
	python3 images.py
}

build() {
	"$LINUXKIT" -q build --cache "$PWD/cache" --arch amd64 "$@"
}

# golden NAME: x.yml as a tar is what golden/NAME.tar.txt says.
golden() {
	build --no-sbom --o out.tar x.yml
	python3 "$TOP/test/golden.py" tar out.tar "$TOP/test/check/golden/$1.tar.txt"
}

plain_image() {
	images <<-EOF
		cache.image("acme/plain:1", [Layer().file("bin/p", "p", mode=0o755)])
		$1
	EOF
}

case_example() {
	need python3
	images <<-EOF
		modules = Layer().dir("lib/").dir("lib/modules/", mode=0o700)
		modules.file("lib/modules/x.ko", "module", mode=0o640, uid=1, gid=2)
		cache.image("acme/kernel:1", [Layer().file("kernel", "KERNEL", mode=0o755).file("kernel.tar", modules.tar())])
		cache.image("acme/init:1", [Layer().dir("bin").file("bin/init", "#!", mode=0o755)])
		cache.image("acme/app:1", [Layer().file("bin/p", "p", mode=0o755)],
		            {"Entrypoint": ["/bin/p"], "Cmd": ["-x"], "Env": ["PATH=/bin"], "User": "1000:1000"})
	EOF
	cat >x.yml <<-EOF
		kernel:
		  image: acme/kernel:1
		  cmdline: "console=ttyS0"
		init:
		  - acme/init:1
		onboot:
		  - name: prep
		    image: acme/app:1
		services:
		  - name: web
		    image: acme/app:1
		    readonly: true
		    uid: web
		    binds:
		      - data:/data
		volumes:
		  - name: data
		files:
		  - path: etc/web/web.conf
		    contents: "port 80\n"
		    mode: "0640"
		    uid: web
	EOF
	golden example
	# Both marks are on the SBOM as well, and it is the last entry.
	build --o sbom.tar x.yml
	python3 "$TOP/test/golden.py" tar sbom.tar - | tail -n 1 | grep -q '^\[sbom linuxkit.sbom\] f 0644 0:0 1492533000 sbom.spdx.json '
	# SOURCE_DATE_EPOCH takes the place of T0 (W24), and only of T0.
	SOURCE_DATE_EPOCH=1600000000 build --no-sbom --o epoch.tar x.yml
	python3 "$TOP/test/golden.py" tar out.tar - | sed 's/ 1492533000 / 1600000000 /' >want
	python3 "$TOP/test/golden.py" tar epoch.tar - | diff want -
	# yaml.md 19.2: everything but what is below boot/; hard links would be symlinks
	build --no-sbom x.yml
	[ "$(cat x-kernel)" = KERNEL ] || fail "kernel"
	[ "$(cat x-cmdline)" = "console=ttyS0" ] || fail "command line"
	python3 "$TOP/test/golden.py" tar out.tar - | grep -v ' boot/' | sed 's/^\[[^ ]* [^ ]*\]/[-]/' >want
	python3 "$TOP/test/golden.py" cpio x-initrd.img - | diff want -
}

layers_image() {
	images <<-EOF
		bottom = Layer().dir("./", mode=0o700).file("base", "base").dir("deep").file("deep/keep", "keep")
		bottom.file("gone", "precious", mode=0o444, uid=7, gid=8, mtime=1400000000)
		bottom.dir("re").file("re/old", "").dir("opq").file("opq/old", "").dir("opq/sub").file("opq/sub/older", "")
		bottom.file("twice", "below").dir("was-dir").file("was-dir/x", "").file("was-file", "")
		bottom.file(".dockerenv", "").file("Dockerfile", "").file("sub/Dockerfile", "kept").char("dev/console", 5, 1)
		bottom.dir("dev/pts").dir("dev/shm").file("etc/hostname", "x").dir("etc", mode=0o500, uid=9, gid=9)
		bottom.file("etc/hosts", "mine", mode=0o640, uid=1, gid=1)
		bottom.file("etc/resolv.conf", "mine", mode=0o640, uid=1, gid=1)
		bottom.symlink("etc/mtab", "../proc/self/mounts", mode=0o700)
		a50, b50 = "a" * 50, "b" * 49
		middle = Layer().dir("tmp", mode=0o1777)
		middle.file("bin/suid", "", mode=0o4755, mtime="1500000000.25", xattrs={"security.capability": b"\x01\0\0\x02"})
		middle.file("old", "", mtime="-1.5", pax={"atime": "1400000000.5", "ctime": "1300000000"})
		middle.file("older", "", mtime=-3600).file("future", "", mtime=8589934592)
		middle.file("big-ids", "", uid=4294967295, gid=2097152)
		middle.file("owned", "", uid=1000, gid=100, uname="user", pax={"gname": "gruppe-ä"})
		middle.char("dev/null", 1, 3, mode=0o666).block("dev/sda", 8, 0, mode=0o660, gid=6).fifo("pipe")
		middle.symlink("link", "../outside/is/fine").file("ümläut/ß", "unicode")
		middle.file(f"{a50}/{b50}c", "101").file(f"{a50}/{b50[1:]}c", "100")
		middle.symlink("far", f"{a50}/{b50}c")
		middle.file("with blank", "", pax={"comment": "a\nb=c"}, xattrs={"user.nul": b"a\0b"})
		middle.file("./a//x/../b", "cleaned").file("/abs", "absolute")
		top = Layer().dir("top").link("top/link-to-base", "base").whiteout("re").dir("re", mode=0o750, uid=5, gid=6)
		top.file("re/new", "new").dir("opq", mode=0o711).file("opq/here", "here").opaque("opq")
		top.file("twice", "first").file("twice", "second", mode=0o600).file("was-dir", "file").dir("was-file")
		top.link("link-to-gone", "gone").link("link-to-gone2", "gone").whiteout("gone")
		cache.image("acme/layers:1", [bottom, middle, top])
	EOF
}

case_layers() {
	need python3
	layers_image
	echo 'init: [acme/layers:1]' >x.yml
	golden layers
	# An extractor that knows nothing about us agrees with the result.
	mkdir un && tar xf out.tar -C un --exclude=dev 2>/dev/null
	[ "$(cat un/link-to-gone2)" = precious ] && [ "$(cat un/top/link-to-base)" = base ]
	[ ! -e un/gone ] && [ ! -e un/opq/old ] && [ ! -e un/re/old ] && [ -f un/opq/here ]
}

case_layers_initrd() {
	need python3
	layers_image
	echo 'init: [acme/layers:1]' >x.yml
	# newc has 32 bits without a sign for times
	fails_with 'old: .*time \(-2\)' build --name y x.yml
	images <<-EOF
		cache.image("acme/links:1", [Layer().file("a/b/c", "x", mtime="1500000000.9").link("a/d", "a/b/c")
		    .link("e", "./a/b/c").link("f/g/h", "a/b/c").link("a/b/i", "a/b/c").dir("tmp", mode=0o1777)
		    .char("dev/tty", 5, 0).fifo("p").file("boot/extra", "no").symlink("s", "/x")])
	EOF
	echo 'init: [acme/links:1]' >x.yml
	build --no-sbom x.yml
	python3 "$TOP/test/golden.py" cpio x-initrd.img "$TOP/test/check/golden/links.cpio.txt"
}

case_filter_in_container_and_volume() {
	need python3
	images <<-EOF
		cache.image("acme/filter:1", [Layer().dir(".", mode=0o711, uid=3, gid=4).file("bin/a", "a", mode=0o755)
		    .link("bin/b", "bin/a", mode=0o755).symlink("etc/hosts", "/x").symlink("etc/resolv.conf", "../y")])
	EOF
	cat >x.yml <<-EOF
		services:
		  - {name: s, image: "acme/filter:1", readonly: true}
		volumes:
		  - {name: v, image: "acme/filter:1"}
	EOF
	golden filter
}

case_kernel() {
	need python3
	images <<-EOF
		modules = Layer().dir("./lib/").file("lib//tool", "tool", mode=0o4755, uid=8, gid=9, mtime="1500000000.5",
		                                   xattrs={"user.m": b"1"}).link("lib/other", "lib/tool", mode=0o755)
		image = Layer().file("boot/ucode", "070701", mode=0o600, xattrs={"user.u": b"ucode"})
		image.file("x/mods.tar", modules.tar()).file("boot/vmlinuz-6", "KERNEL", mode=0o711).file("other", "no")
		image.symlink("boot/vmlinuz", "vmlinuz-6").symlink("broken", "boot/nothing")
		cache.image("acme/kernel:2", [image])
		cache.image("acme/kernel:two", [Layer().file("kernel", "new").file("kernel.tar", modules.tar()), Layer().file("kernel", "x")])
	EOF
	cat >x.yml <<-EOF
		kernel:
		  image: acme/kernel:2
		  binary: boot/vmlinuz
		  tar: x/mods.tar
		  ucode: boot/ucode
	EOF
	# W7: the kernel is what the link stands for
	golden kernel
	build --no-sbom x.yml
	[ "$(cat x-kernel)" = KERNEL ] || fail "the link was not followed"
	[ "$(head -c 6 x-initrd.img)" = 070701 ] || fail "the microcode does not come first"
	python3 "$TOP/test/golden.py" cpio x-initrd.img - 6 | grep -q ' l 0755 0:0 1500000000 lib/other -> tool$'
	# W8
	sed -i 's/ucode: .*/ucode: nowhere/' x.yml
	fails_with 'x.yml:2:10: .*did not find ucode in kernel image' build --o x.tar x.yml
	sed -i 's/ucode: .*//; s/tar: .*/tar: nowhere/' x.yml
	fails_with 'did not find kernel tar in kernel image' build --o x.tar x.yml
	sed -i 's/tar: .*/tar: none/; s/binary: .*/binary: nowhere/' x.yml
	fails_with 'did not find kernel in kernel image' build --o x.tar x.yml
	sed -i 's/binary: .*/binary: boot/' x.yml
	fails_with 'did not find kernel in kernel image' build --o x.tar x.yml
	sed -i 's/binary: .*/binary: broken/' x.yml
	fails_with '"broken" is a link to "boot/nothing", which is not in the kernel image' build --o x.tar x.yml
	[ ! -e x.tar ] || fail "an output of a failed build"
}

case_package_databases() {
	need python3
	plain_image 'for n, text, own in ("1", "P:one\n", {}), ("2", "P:two", {"mode": 0o600, "uid": 1, "gid": 1}): cache.image(f"acme/apk{n}:1", [Layer().file("lib/apk/db/installed", text, **own)])'
	echo 'init: [acme/apk1:1, acme/plain:1, acme/apk2:1, acme/apk1:1]' >x.yml
	golden apk
	# one database stays as it is
	echo 'init: [acme/apk1:1, acme/plain:1]' >x.yml
	build --no-sbom --o one.tar x.yml
	[ "$(tar tf one.tar | grep -c installed)" = 1 ]
}

case_files() {
	need python3
	plain_image
	echo "from a file" >src.txt
	cat >x.yml <<-EOF
		init: [acme/plain:1]
		files:
		  - {path: a/b/c, contents: "text\n", mode: "0640"}
		  - {path: a/d/x, contents: "", mode: "0444", uid: 7, gid: 8}
		  - {path: dir, directory: true}
		  - {path: links/l, symlink: ../a/b/c}
		  - {path: /a/b/c, contents: later}
		  - {path: src, source: src.txt, mode: "0755"}
		  - {path: skipped/x, source: nowhere, optional: true}
		  - {path: raw//x, contents: uncleaned, mode: "4755"}
		  - {path: sticky, directory: true, mode: "1777", uid: 4294967295, gid: 1}
		  - {path: both, directory: true, symlink: x}
		  - {path: sl, symlink: target, contents: hidden}
		  - {path: etc/m.json, metadata: json}
		  - {path: etc/m.yml, metadata: yaml}
	EOF
	golden files
}

# W10: a directory of an image that gets another mode or owner is named, and only such a one.
case_changed_directories() {
	need python3
	images <<-EOF
		cache.image("acme/dirs:1", [Layer().dir("etc").dir("etc/same", mode=0o700).dir("var", mode=0o711, uid=2, gid=3)])
	EOF
	cat >x.yml <<-EOF
		init: [acme/dirs:1]
		files:
		  - {path: new/x, contents: ""}
		  - {path: etc/web/web.conf, contents: "", mode: "0640", uid: 101}
		  - {path: var/x, contents: "", mode: "0644"}
	EOF
	"$LINUXKIT" build --cache "$PWD/cache" --arch amd64 --no-sbom --o x.tar x.yml 2>log
	sed -n 's/.*level=warning msg="\(.*changes directory.*\)"$/\1/p' log >got
	diff - got <<-EOF
		files[1]: changes directory /etc from mode 0755, owner 0:0 to mode 0750, owner 101:0
		files[2]: changes directory /var from mode 0711, owner 2:3 to mode 0755, owner 0:0
	EOF
	printf 'init: [acme/dirs:1]\nfiles: [{path: etc, directory: true, mode: "0755"}, {path: var/y, directory: true, mode: "0711", uid: 2, gid: 3}]\n' >x.yml
	"$LINUXKIT" build --cache "$PWD/cache" --arch amd64 --no-sbom --o x.tar x.yml 2>log
	! grep 'changes directory' log || fail "nothing was changed"
}

case_labels() {
	need python3
	images <<-EOF
		label = {
		    "capabilities": ["CAP_SYS_ADMIN", "CAP_CHOWN"], "capabilities.add": ["CAP_SYSLOG"],
		    "ambient": ["CAP_KILL", "CAP_CHOWN"],
		    "mounts": [{"type": "mqueue", "destination": "/mq"}],
		    "binds": ["/label:/l", "v:/z:ro"], "binds.add": ["/never:/never"],
		    "tmpfs": ["/tmp", "/dev/shm:size=1m,mode=1777"],
		    "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "mode": "0666"},
		                {"path": "all", "type": "b", "major": 3}],
		    "command": ["/label/cmd", "<&>"], "env": ["L=1"], "cwd": "/label",
		    "net": "new", "ipc": "none", "uts": "new", "pid": "host", "userns": "/run/ns", "hostname": "label",
		    "readonly": True, "maskedPaths": ["/m"], "readonlyPaths": ["/r"],
		    "uid": "label", "gid": 5, "additionalGids": ["file", 7], "noNewPrivileges": True, "oomScoreAdj": 0,
		    "rootfsPropagation": "shared", "cgroupsPath": "/label",
		    "resources": {"devices": [{"allow": False, "access": "rwm"}], "pids": {"limit": 7},
		                  "memory": {"limit": 100, "swappiness": 0, "disableOOMKiller": True},
		                  "cpu": {"shares": 5, "realtimePeriod": 6}},
		    "sysctl": {"net.ipv4.ip_forward": "1"}, "annotations": {"a": "1", "B": "2"},
		    "rlimits": [" nofile , 100 , Unlimited"],
		    "uidMappings": [{"hostID": 1000, "containerID": 1, "size": 10}],
		    "gidMappings": [{"hostID": 2000, "containerID": 2, "size": 20}],
		    "runtime": {"cgroups": ["lc"], "mounts": [{"type": "x", "source": "relative"}], "mkdir": ["/lm"],
		                "interfaces": [{"name": "eth0", "add": "veth", "createInRoot": True}, {"name": "wg0", "peer": "p"}],
		                "bindNS": {"net": "/n", "cgroup": "/c"}, "namespace": "ln"}}
		cache.image("acme/label:1", [Layer().file("bin/p", "p", mode=0o755)],
		            {"Entrypoint": ["/image"], "Env": ["I=1"], "WorkingDir": "/image"}, label)
		for tag, text in ("list", "[]"), ("name", "name: x"), ("key", "nonsense: 1"), ("cap", "capabilities: [KILL]"):
		    cache.image(f"acme/bad-{tag}:1", [Layer()], label=text)
	EOF
	cat >x.yml <<-EOF
		services:
		  - name: label
		    image: acme/label:1
		  - name: file
		    image: acme/label:1
		    capabilities.add: [CAP_CHOWN, CAP_NET_RAW]
		    ambient: []
		    mounts: []
		    binds.add: ["/f:/added"]
		    tmpfs: []
		    devices: []
		    command: [/file]
		    env: []
		    cwd: ""
		    net: host
		    pid: new
		    userns: root
		    readonly: false
		    maskedPaths: []
		    readonlyPaths: []
		    uid: 0
		    gid: root
		    additionalGids: []
		    noNewPrivileges: false
		    oomScoreAdj: -5
		    resources: {}
		    sysctl: {}
		    annotations: {}
		    rlimits: []
		    uidMappings: []
		    gidMappings: []
		    runtime:
		      cgroups: [fc]
		      mounts: []
		      mkdir: []
		      bindNS: {net: "", user: /u}
	EOF
	golden label
	for bad in 'list:expected a mapping' 'name:name: cannot be set' 'key:nonsense' 'cap:unknown capability: KILL'; do
		printf 'services: [{name: x, image: "acme/bad-%s:1"}]\n' "${bad%%:*}" >x.yml
		fails_with "x.yml:1:29: .*(${bad#*:})" build --o x.tar x.yml
	done
}

case_reuse() {
	need python3
	plain_image 'cache.name("acme/alias:1", [d for d in json.load(open(cache.folder + "/index.json"))["manifests"]][0])'
	cat >x.yml <<-EOF
		init: [acme/plain:1]
		onboot:
		  - {name: ro, image: "acme/plain:1", readonly: true}
		  - {name: rw, image: "acme/plain:1"}
		onshutdown:
		  - {name: rw, image: "acme/alias:1"}
		services:
		  - {name: ro, image: "acme/alias:1", readonly: true}
	EOF
	golden reuse
	# One digest, two names, four uses: unpacked once, and never again (W25).
	rm -rf cache/derived
	"$LINUXKIT" -v 2 build --cache "$PWD/cache" --arch amd64 --no-sbom --o again.tar x.yml 2>log
	[ "$(grep -c 'unpack layer' log)" = 1 ] || fail "not one layer was unpacked: $(cat log)"
	same out.tar again.tar
	"$LINUXKIT" -v 2 build --cache "$PWD/cache" --arch amd64 --no-sbom --o again.tar x.yml 2>log
	[ "$(grep -c 'unpack layer' log)" = 0 ] || fail "a layer was unpacked again"
}

case_volumes() {
	need python3
	plain_image
	cat >x.yml <<-EOF
		services:
		  - name: s
		    image: acme/plain:1
		    binds: ["fs:/a", "none:/b:ro,nosuid"]
		    mounts: [{type: bind, source: fs, destination: /c, options: [rbind, ro]}]
		volumes:
		  - {name: fs, image: "acme/plain:1"}
		  - {name: none, format: oci}
	EOF
	golden volumes
	# W12, W13: over several files
	sed -n '/^volumes/,$p' x.yml >v.yml
	sed '/^volumes/,$d' x.yml >s.yml
	build --no-sbom --o two.tar v.yml s.yml
	same two.tar out.tar
	fails_with 'duplicate volume name: (fs|none)' build --o x.tar v.yml s.yml v.yml
	# read-only volumes: ro anywhere, never rw (W41)
	printf 'volumes: [{name: v, readonly: true}]\nservices: [{name: s, image: "acme/plain:1", binds: ["v:/a:%s"]}]\n' ro,nosuid >x.yml
	build --o x.tar x.yml
	# 070_volumes/002_rw_on_ro
	rm x.tar
	for use in 'binds: ["v:/a"]' 'binds.add: ["v:/a"]' 'mounts: [{type: bind, source: v, destination: /a}]' \
		'binds: ["v:/a:rw"]' 'binds: ["v:/a:nosuid"]' 'binds: ["v:/a:ro,rw"]'; do
		printf 'volumes: [{name: v, readonly: true}]\nservices: [{name: s, image: "acme/plain:1", %s}]\n' "$use" >x.yml
		fails_with 'x.yml:2:[0-9]+: .*volume v is read-only' build --o x.tar x.yml
		[ ! -e x.tar ] || fail "an output of a failed build"
	done
	# W14: a file tells init that the volume is read-only; nothing else differs
	printf 'volumes: [{name: r, readonly: true}, {name: w}]\n' >x.yml
	build --no-sbom --o marked.tar x.yml
	python3 "$TOP/test/golden.py" tar marked.tar - | grep -F 'volumes/r' | sed 's/\[0\]/[1]/; s,volumes/r,volumes/w,' >r
	python3 "$TOP/test/golden.py" tar marked.tar - | grep -F 'volumes/w' >w
	[ "$(diff r w | grep '^[<>]' | sed 's/.* containers/containers/')" = 'containers/volumes/w/readonly ""' ] || fail "$(diff r w)"
	printf 'services: [{name: s, image: "acme/plain:1", binds: ["v:/a"]}]\n' >x.yml
	fails_with 'x.yml:1:[0-9]+: .*volume v not found' build --o x.tar x.yml
}

case_oci_volume() {
	need python3
	images <<-EOF
		def one(arch):
		    return cache.manifest([Layer().file("bin/" + arch, arch)], arch=arch.split("/")[0])
		platforms = ["linux/amd64", "linux/arm64/v8", "linux/arm/v7", "unknown/unknown"]
		index = cache.name("127.0.0.1:1/multi:1", cache.index([(p, one(p.split("/", 1)[1])) for p in platforms]))
		single = cache.name("acme/single:1", one("amd64"))
		entries = {"/".join(m["platform"].values()): m for m in json.load(open(f"{cache.blobs}/{index['digest'][7:]}"))["manifests"]}
		def blobs(manifest):
		    m = json.load(open(f"{cache.blobs}/{manifest['digest'][7:]}"))
		    return [m["config"]["digest"], *(l["digest"] for l in m["layers"]), manifest["digest"]]
		def layout(volume, wanted, root, ref):
		    """yaml.md 14, in its words"""
		    mark = f"@volume[{volume}] {ref}\n"
		    low = f"containers/volumes/v{volume}/lower"
		    text = mark + f"%dirs {low}\n"
		    entry = lambda kind, name, data="": f"{kind} {'0644' if kind == 'f' else '0755'} 0:0 0 {low}/{name}{data}\n"
		    text += entry("f", "oci-layout", ' ' + json.dumps('{\n\t\t"imageLayoutVersion": "1.0.0"\n\t}'))
		    text += entry("d", "blobs/") + entry("d", "blobs/sha256/")
		    for digest in [d for m in wanted for d in blobs(m)] + ([root["digest"]] if root not in wanted else []):
		        data = open(f"{cache.blobs}/{digest[7:]}", "rb").read().decode("utf-8", "backslashreplace")
		        text += entry("f", "blobs/sha256/" + digest[7:], " " + json.dumps(data))
		    text += entry("f", "index.json", " " + json.dumps(json.dumps({"schemaVersion": 2,
		        "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [{"mediaType": root["mediaType"],
		        "size": root["size"], "digest": root["digest"],
		        "annotations": {"org.opencontainers.image.ref.name": ref}}]}, indent=3)))
		    text += f"@volume[{volume}] linuxkit.volumes\n"
		    return text + "".join(f"d 0755 0:0 T0 containers/volumes/v{volume}/{d}/\n" for d in ("tmp", "merged"))
		ref = "127.0.0.1:1/multi:1"
		with open("want.txt", "w") as f:
		    f.write(layout(0, list(entries.values()), index, ref))
		    f.write(layout(1, [entries["linux/arm64/v8"], entries["linux/arm/v7"]], index, ref))
		    f.write(layout(2, [entries["linux/arm64/v8"]], index, ref))
		    f.write(layout(3, [single], single, "docker.io/acme/single:1"))
	EOF
	cat >x.yml <<-EOF
		volumes:
		  - {name: v0, image: "127.0.0.1:1/multi:1", format: oci}
		  - {name: v1, image: "127.0.0.1:1/multi:1", format: oci, platforms: [linux/arm/v7, linux/arm64]}
		  - {name: v2, image: "127.0.0.1:1/multi:1", format: oci, platforms: [linux/arm64/v8]}
		  - {name: v3, image: "acme/single:1", format: oci}
	EOF
	build --no-sbom --o out.tar x.yml
	python3 "$TOP/test/golden.py" tar out.tar want.txt
	printf 'volumes: [{name: v, image: "127.0.0.1:1/multi:1", format: oci, platforms: [linux/s390x]}]' >x.yml
	fails_with 'x.yml:1:[0-9]+: .*linux/s390x' build --o x.tar x.yml
	printf 'volumes: [{name: v, image: "127.0.0.1:1/multi:1", format: oci, platforms: [linux]}]' >x.yml
	fails_with 'x.yml:1:[0-9]+: .*failed to parse platform linux' build --o x.tar x.yml
}

case_architectures() {
	need python3
	images <<-EOF
		def one(arch):
		    return cache.manifest([Layer().file("arch", arch)], arch=arch)
		cache.name("acme/multi:1", cache.index([("windows/amd64", one("no")), ("linux/arm64/v9", one("arm64")),
		                                       ("linux/arm64", one("second")), ("linux/amd64", one("amd64"))]))
		cache.name("acme/single:1", one("amd64"))
	EOF
	echo 'init: [acme/multi:1]' >x.yml
	for arch in amd64 arm64; do
		"$LINUXKIT" -q build --cache "$PWD/cache" --arch $arch --o $arch.tar x.yml
		[ "$(tar xOf $arch.tar arch)" = $arch ] || fail "the manifest of another architecture"
	done
	# W30: a single manifest of another architecture
	echo 'init: [acme/single:1]' >x.yml
	build --o x.tar x.yml
	fails_with 'x.yml:1:8: .*amd64.*arm64|x.yml:1:8: .*arm64.*amd64' "$LINUXKIT" -q build --cache "$PWD/cache" --arch arm64 --o x.tar x.yml
}

# Several rows of yaml.md 21 and 16 that end in one clear line.
case_refused() {
	need python3
	plain_image
	refused() {
		printf '%s\n' "$2" >x.yml
		fails_with "^(Error: )?x.yml:$1" build --o x.tar x.yml
		[ ! -e x.tar ] || fail "an output of a failed build"
	}
	refused '1:19: .*name' 'services: [{name: "", image: "acme/plain:1"}]'
	refused '1:19: .*name' 'services: [{name: "../x", image: "acme/plain:1"}]'
	refused '1:19: .*name' 'services: [{name: "..", image: "acme/plain:1"}]'
	refused '1:17: .*name' 'onboot: [{name: a/b, image: "acme/plain:1"}]'
	refused '1:[0-9]+: .*uid' 'services: [{name: x, image: "acme/plain:1", uid: -1}]'
	refused '1:[0-9]+: .*(uid|4294967296)' 'services: [{name: x, image: "acme/plain:1", uid: 4294967296}]'
	refused '1:[0-9]+: .*cannot find id: 1000' 'services: [{name: x, image: "acme/plain:1", gid: "1000"}]'
	refused '1:[0-9]+: .*unknown limit: .*FILES' 'services: [{name: x, image: "acme/plain:1", rlimits: ["FILES,1,2"]}]'
	refused '1:[0-9]+: .*contents of file .* not specified' 'files: [{path: x}]'
	refused '1:[0-9]+: .*octal' 'files: [{path: x, contents: "", mode: "0o644"}]'
	refused '1:[0-9]+: .*missing type' 'services: [{name: x, image: "acme/plain:1", mounts: [{destination: /x}]}]'
	refused '1:[0-9]+: .*missing destination' 'services: [{name: x, image: "acme/plain:1", mounts: [{type: bind, source: /x}]}]'
	refused '1:[0-9]+: .*mode is required, an octal string' 'services: [{name: x, image: "acme/plain:1", devices: [{path: /dev/x, type: c}]}]'
	refused '1:[0-9]+: .*key' '5: x'
}

case_size_report() {
	need python3
	images <<-EOF
		cache.image("acme/a:1", [Layer().file("big", "x" * 5000).file("small", "1")])
		cache.image("acme/b:1", [Layer().file("bin/p", "y" * 100)])
	EOF
	cat >x.yml <<-EOF
		init: [acme/a:1]
		onboot: [{name: one, image: "acme/b:1"}, {name: two, image: "acme/b:1"}]
	EOF
	build --no-sbom --size-report report.json --o x.tar x.yml
	python3 - <<-EOF
		import json, tarfile
		r = json.load(open("report.json"))
		sizes = [m.size for m in tarfile.open("x.tar") if m.isreg()]
		assert r["bytes"] == sum(sizes) and r["files"] == len(sizes), r
		init, one, two = r["components"]
		assert (init["location"], init["source"], init["bytes"]) == ("init[0]", "docker.io/acme/a:1", 5161), init
		# the second use of an image costs its two configurations only
		assert one["location"] == "onboot[0]" and two["files"] == 2 and one["files"] == 5, (one, two)
		assert r["largest"][0] == {"path": "big", "location": "init[0]", "source": "docker.io/acme/a:1", "bytes": 5000}
		assert sorted((f["bytes"] for f in r["largest"]), reverse=True) == sorted(sizes, reverse=True)[:20]
	EOF
	# The table goes to stderr: stdout is the image.  The report changes nothing in it.
	build --no-sbom --size-report - --o - x.yml >y.tar 2>table
	same x.tar y.tar
	grep -q '^ *5161 *3  init\[0\] *docker.io/acme/a:1$' table || fail "$(cat table)"
	fails_with 'nowhere/report.json: No such file' build --size-report nowhere/report.json --o y.tar x.yml
}

# yaml.md 16: numbers count all three sections; a repeated name keeps the last one.
case_numbers() {
	need python3
	plain_image
	cat >x.yml <<-EOF
		onboot: [{name: a, image: "acme/plain:1"}, {name: b, image: "acme/plain:1"}]
		onshutdown: [{name: a, image: "acme/plain:1"}]
		services: [{name: s, image: "acme/plain:1", uid: a, gid: s, additionalGids: [b, root, "", 5]}]
		files: [{path: f, contents: "", uid: b, gid: a}]
	EOF
	build --no-sbom --o out.tar x.yml
	python3 "$TOP/test/golden.py" tar out.tar - | grep -q '^\[files\[0\] linuxkit.files\] f 0600 101:102 1492533000 f ""$'
	python3 "$TOP/test/golden.py" cat out.tar containers/services/s/config.json | tr -d ' \n' |
		grep -qF '"user":{"uid":102,"gid":103,"additionalGids":[101,0,0,5]}'
}

run_cases
