#!/bin/sh
# hostile.sh - images that mean harm, whole program: a defined result or one clear line, never a crash, bounded time,
# memory and disk.  A build/san/linuxkit that is not older than the program (make SAN=1) is tried as well.
. "$(dirname "$0")/../lib.sh"

PYTHONPATH=$TOP/test
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE

images() {
	{
		echo "from image import *"
		echo "cache = Cache('$PWD/cache')"
		cat
	} >images.py
	python3 images.py
}

san=$(find "$TOP/build/san/linuxkit" -newer "$LINUXKIT" 2>/dev/null || true)

# try STATUS: builds x.yml as a tar with the program, and with the sanitizers when that binary is there. 0: it must
# succeed. 1: it must fail with one line and at most one hint, and leave nothing.
try() {
	for program in "$LINUXKIT" ${san:+"$san"}; do
		rm -rf cache/derived x.tar
		status=0
		"$program" -q build --cache "$PWD/cache" --arch amd64 --no-sbom --o x.tar x.yml >stdout 2>stderr || status=$?
		[ "$status" = 0 ] || [ "$status" -lt 128 ] || fail "ended with $status: $(cat stderr)"
		[ ! -s stdout ] || fail "output on stdout"
		grep -qE 'Sanitizer|runtime error' stderr && fail "$(cat stderr)"
		[ "$(find cache -name '*.tmp*' -o -name '.tmp*' | wc -l)" = 0 ] || fail "temporary files are left in the cache"
		if [ "$1" = 0 ]; then
			[ "$status" = 0 ] || fail "refused: $(cat stderr)"
			[ -s x.tar ] || fail "no output"
		else
			[ "$status" != 0 ] || fail "accepted"
			[ "$(grep -cv '^hint: ' stderr)" = 1 ] || fail "not one line: $(cat stderr)"
			[ "$(wc -l <stderr)" -le 2 ] || fail "more than one hint: $(cat stderr)"
			[ ! -e x.tar ] || fail "an output of a failed build"
		fi
	done
	return 0
}

# refuse PATTERN PYTHON: the image acme/x:1 with layers PYTHON is refused in each place where an image can stand.
refuse() {
	rm -rf cache
	images <<-EOF
		cache.image("acme/x:1", [$2])
	EOF
	for spec in 'init: [acme/x:1]' 'services: [{name: x, image: "acme/x:1"}]' 'volumes: [{name: v, image: "acme/x:1"}]' \
		'kernel: {image: "acme/x:1", tar: none}'; do
		echo "$spec" >x.yml
		try 1
		grep -qE "^(Error: )?x.yml:1:[0-9]+: .*$1" stderr || fail "no line matches $1: $(cat stderr)"
	done
}

# accept PYTHON: the same image as init; names of the result are in the file names.
accept() {
	rm -rf cache
	images <<-EOF
		cache.image("acme/x:1", [$1])
	EOF
	echo 'init: [acme/x:1]' >x.yml
	try 0
	python3 "$TOP/test/golden.py" tar x.tar - >list
	if grep -qE '\] . [0-7]+ [0-9:]+ [0-9.-]+ ("?/|"?\.\./|[^ ]*/\.\.(/| ))' list; then
		fail "a name that points out: $(cat list)"
	fi
}

case_names_that_point_out() {
	need python3
	refuse 'entry "\.\./evil" is outside' 'Layer().file("../evil", "x")'
	refuse 'is outside' 'Layer().file("a/../../evil", "x")'
	refuse 'is outside' 'Layer().dir("..")'
	refuse 'is outside' 'Layer().file("fine", "x"), Layer().whiteout("../evil")'
	accept 'Layer().file("/etc/passwd", "x").file("a/../b", "x").file("//c", "x").file("./././d", "x")'
	for name in etc/passwd b c d; do
		grep -q " $name \"x\"" list || fail "$name is missing"
	done
}

case_links_that_point_out() {
	need python3
	refuse 'hard link "x": .*outside' 'Layer().link("x", "../../etc/shadow")'
	refuse 'hard link "x": no file' 'Layer().link("x", "/etc/shadow")'
	refuse 'hard link "x": no file' 'Layer().link("x", "x")'
	refuse 'hard link "(x|y)": no file' 'Layer().link("x", "y").link("y", "x")'
	# A link that moves behind its target must not come to stand below a symlink of a lower layer.
	refuse 'hard link below "x", which is not a directory' \
		'Layer().symlink("x", "/etc").file("f", "evil"), Layer().link("x/passwd", "f")'
	# A symlink is text; nothing of the build follows it.
	accept 'Layer().symlink("up", "../../../../etc").symlink("abs", "/etc").file("up/x", "under a symlink")'
	grep -q 'l 0777 0:0 1500000000 up -> ../../../../etc' list
	# A kernel that is a link out of the image is not followed out of it.
	echo "secret of the host" >secret
	rm -rf cache
	images <<-EOF
		cache.image("acme/x:1", [Layer().symlink("kernel", "$PWD/secret").symlink("other", "../../../../../../..$PWD/secret")])
	EOF
	for binary in kernel other; do
		echo "kernel: {image: \"acme/x:1\", binary: $binary, tar: none}" >x.yml
		try 1
	done
}

# boot/kernel, boot/cmdline and boot/ucode.cpio of a machine come from the kernel section alone.
case_boot_files_from_elsewhere() {
	need python3
	images <<-EOF
		cache.image("acme/kernel:1", [Layer().file("kernel", "REAL")])
		cache.image("acme/evil:1", [Layer().file("boot/kernel", "EVIL").file("boot/cmdline", "EVIL").file("boot/ucode.cpio", "EVIL")
		            .file("boot/other", "x")])
	EOF
	cat >x.yml <<-EOF
		kernel: {image: "acme/kernel:1", cmdline: real, tar: none}
		init: [acme/evil:1]
		files: [{path: /boot/kernel, contents: FILE}]
	EOF
	try 0
	"$LINUXKIT" build --cache "$PWD/cache" --arch amd64 --no-sbom x.yml 2>stderr
	# The last entry of a name wins (yaml.md 19.2); when an image brought it, that is said.
	[ "$(cat x-kernel)" = FILE ] || fail "not the last kernel"
	[ "$(cat x-cmdline)" = EVIL ] || fail "not the last command line"
	grep -q 'boot/cmdline comes from init\[0\] (docker.io/acme/evil:1)' stderr || fail "no warning: $(cat stderr)"
	grep -q 'boot/kernel comes from' stderr && fail "a warning for what the user wrote himself"
	[ "$(head -c 4 x-initrd.img)" = EVIL ] || fail "not the last microcode"
	grep -q 'boot/ucode.cpio comes from' stderr || fail "no warning for the microcode"
	if python3 "$TOP/test/golden.py" cpio x-initrd.img - 4 | grep ' boot/'; then
		fail "below boot/ in the initrd"
	fi
}

case_damaged_layers() {
	need python3
	whole='Layer().file("a", "x" * 3000).file("b", "y" * 3000)'
	refuse 'truncated' "$whole.tar()[:700]"
	refuse 'truncated' "$whole.tar()[:5000]"
	refuse 'truncated' "gzip.compress($whole.tar())[:-20]"
	refuse 'not a tar archive' 'b"this is text" * 100'
	refuse 'not a tar archive' 'gzip.compress(b"{}" * 4096)'
	refuse 'damaged gzip' 'gzip.compress(b"x" * 100000)[:40] + b"x" * 1000'
	refuse 'unsupported compression' 'b"BZh9" + bytes(600)'
	refuse 'zstd' 'b"\x28\xb5\x2f\xfd" + b"x" * 600'
	refuse 'damaged header' 'Layer().file("a", "").raw(b"y" * 512).tar()'
	refuse 'truncated|large' 'Layer().file("a", "x", size=8 ** 11 - 1)'
	refuse 'size' 'Layer().file("a", "x", size=-1)'
	refuse 'size|truncated' 'Layer().file("a", "x", size=2 ** 70)'
	refuse 'sparse' 'Layer().add("a", b"S")'
	refuse 'unknown type' 'Layer().add("a", b"M")'
	refuse 'uid' 'Layer().file("a", "", uid=2 ** 32)'
	refuse 'pax' 'Layer().file("a", "", pax={"uid": "nobody"})'
	refuse 'pax|path' 'Layer().file("a", "", pax={"path": b"a\0b"})'
	refuse 'extended header' 'Layer().raw(header(b"p", b"x", size=2 ** 30))'
	refuse 'pax|without an entry' 'Layer().raw(header(b"p", b"x", size=12) + blocks(b"12 path=abc\n")).tar()'
	# an empty layer is not an error
	accept 'b""'
	accept 'Layer()'
}

case_wrong_digest_and_manifest() {
	need python3
	images <<-EOF
		layer = cache.layer(Layer().file("a", "x"))
		with open(cache.blobs + "/" + layer["digest"][7:], "r+b") as f:
		    f.seek(30); f.write(b"?")
		cache.image("127.0.0.1:1/damaged:1", [layer])
		for n, text in enumerate(["", "[]", "{", "nonsense", '{"schemaVersion": 2}', '{"manifests": 5}', "[" * 100000,
		                          '{"schemaVersion": 2, "config": {"digest": "md5:00", "size": 1}, "layers": []}',
		                          '{"config": {"digest": "sha256:../../../../etc/passwd", "size": 1}, "layers": [{}]}']):
		    cache.name(f"127.0.0.1:1/bad:{n}", cache.blob(text.encode(), OCI + "manifest.v1+json"))
		for n, config in enumerate([{"Cmd": "text"}, {"Env": [1]}, {"Labels": []}, {"WorkingDir": 1}]):
		    cache.image(f"127.0.0.1:1/config:{n}", [Layer()], config)
	EOF
	for ref in damaged:1 bad:0 bad:1 bad:2 bad:3 bad:4 bad:5 bad:6 bad:7 bad:8 config:0 config:1 config:2 config:3; do
		echo "services: [{name: x, image: \"127.0.0.1:1/$ref\"}]" >x.yml
		try 1
	done
}

case_odd_but_allowed() {
	need python3
	accept 'Layer().char("dev/mem", 1, 1).block("dev/sda", 8, 0, mode=0o4777).fifo("p")'
	grep -q 'b 4777 0:0 1500000000 dev/sda 8,0' list
	accept 'Layer().file("n" * 60000, "long").file("x", "", pax={"comment": "c" * 1000000})'
	accept 'Layer().file("control\n\x1b[2J\x01", "")'
	accept 'Layer().file(b"\xff\xfe", "")'
	accept 'Layer().file("/".join(["d"] * 10000), "deep")'
	accept 'Layer().file(".wh.", "").file("a/.wh..wh.aufs", "").file(".wh..", "")'
	accept '*[Layer().file(f"layer{i}", "") for i in range(300)]'
	refuse 'name is too long' 'Layer().file("n" * 70000, "")'
	refuse 'root of the image' 'Layer().file(".", "")'
}

# What unpacks to far more than it is stops early: memory and disk stay bounded (lib/oci/unpack.c has the limits).
case_decompression_bomb() {
	need python3 /usr/bin/time
	images <<-EOF
		import zlib
		# 10 GiB of zeros: one deflate stream of 10 MB; behind a full flush any piece may be repeated
		with open("bomb", "wb") as f:
		    z = zlib.compressobj(9, zlib.DEFLATED, 31)
		    f.write(z.compress(header(b"zeros", b"0", 0o644, size=8 ** 11 - 1)) + z.flush(zlib.Z_FULL_FLUSH))
		    f.write((z.compress(bytes(16 << 20)) + z.flush(zlib.Z_FULL_FLUSH)) * 640)
		cache.image("acme/x:1", [cache.blob_file("bomb", OCI + "layer.v1.tar+gzip")])
	EOF
	echo 'init: [acme/x:1]' >x.yml
	bounded 64000 20 1
	grep -qE 'x.yml:1:8: .*bytes unpack to more than' stderr || fail "$(cat stderr)"
	[ "$(du -sk cache | cut -f1)" -lt 400000 ] || fail "the cache holds what was unpacked"
}

# bounded KIB SECONDS STATUS: like try, with limits for peak memory and processor time (the wall clock belongs to
# whatever else the machine does).
bounded() {
	status=0
	/usr/bin/time -f '%M %U %S' -o used timeout 300 "$LINUXKIT" -q build --cache "$PWD/cache" --arch amd64 --no-sbom \
		--o x.tar x.yml 2>stderr || status=$?
	[ "$status" -lt 124 ] || fail "ended with $status: $(cat stderr)"
	[ "$3" = 0 ] || [ "$status" != 0 ] || fail "accepted"
	[ "$3" != 0 ] || [ "$status" = 0 ] || fail "refused: $(cat stderr)"
	read -r kib user system <<-EOF
		$(tail -n 1 used)
	EOF
	echo "peak $kib KiB, $user s + $system s"
	[ "$kib" -lt "$1" ] || fail "peak memory $kib KiB"
	[ $((${user%.*} + ${system%.*})) -lt "$2" ] || fail "$user + $system seconds"
}

case_million_entries() {
	need python3 /usr/bin/time
	images <<-EOF
		with open("many", "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as f:
		    for base in range(0, 1000000, 1000):
		        f.write(b"".join(header(b"d%03d/f%06d" % (base // 1000, i), b"0", 0o644, mtime=T) for i in range(base, base + 1000)))
		    f.write(bytes(1024))
		cache.image("acme/x:1", [cache.blob_file("many", OCI + "layer.v1.tar+gzip")])
	EOF
	echo 'init: [acme/x:1]' >x.yml
	bounded 400000 20 0
	[ "$(tar tf x.tar 2>/dev/null | wc -l)" = 1000009 ] || fail "entries are missing"
	bounded 400000 20 0
}

# Hash tables and link resolution must not become quadratic.
case_many_links() {
	need python3 /usr/bin/time
	images <<-EOF
		layer = Layer().file("f", "x")
		for i in range(100000):
		    layer.link(f"l{i}", "f" if i % 2 else f"l{i - 1}" if i else "f")
		    if i % 3 == 0:
		        layer.whiteout(f"w{i}")
		cache.image("acme/x:1", [layer, Layer().whiteout("f")])
	EOF
	echo 'init: [acme/x:1]' >x.yml
	bounded 400000 20 0
	tar xOf x.tar l0 2>/dev/null | grep -q x || fail "the data of a removed target is gone"
}

run_cases
