#!/bin/sh
# cache.sh - the commands of `linuxkit cache`, held against skopeo: it reads our cache and our archives, we read its,
# and digests stay what they were. The images are made here; the registry is Debian's.
. "$(dirname "$0")/../lib.sh"
. "$TOP/test/registry.sh"

make_image "$WORK/layout" app 20000 || exit 1
make_image "$WORK/layout" other 20000 || exit 1
if have_registry; then
	start_registry main
	registry=127.0.0.1:$port
fi

# An own repository for a case: $ref names app there.
own() {
	need_registry
	ref=$registry/$1:1
	skopeo copy -q --all --dest-tls-verify=false "oci:$WORK/layout:test.example/${2:-app}" "docker://$ref"
}

lk() {
	"$LINUXKIT" -q "$@"
}

names() {
	"$LINUXKIT" cache ls --cache "$1" | sed 1d | sed 's/ .*//'
}

root() {
	"$LINUXKIT" cache ls --cache "$1" | sed -n "s|^$2 *sha256:||p"
}

# docker_save HOW: what `docker save` wrote before version 25: layers in folders, symbolic links for those that are
# there already. The image x/y:1 and :2; HOW says what is wrong with it.
docker_save() {
	cat >"$WORK/docker_save.py" <<-'END'
		import hashlib, io, json, sys, tarfile
		def tar(files):
		    b = io.BytesIO()
		    t = tarfile.open(fileobj=b, mode="w")
		    for name, data in files:
		        i = tarfile.TarInfo(name)
		        i.size = len(data)
		        t.addfile(i, io.BytesIO(data))
		    t.close()
		    return b.getvalue()
		layer = tar([("hello", b"from docker save")])
		config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers",
		    "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()] * 2}}).encode()
		how = sys.argv[1]
		if how == "digest": layer = layer[:-1] + b"x"
		manifest = [{"Config": "c.json", "RepoTags": ["x/y:1", "x/y:2"], "Layers": ["aa/layer.tar", "bb/layer.tar"]}]
		if how == "count": manifest[0]["Layers"].pop()
		if how == "missing": manifest[0]["Layers"][0] = "cc/layer.tar"
		if how == "noname": manifest[0]["RepoTags"] = None
		if how == "badname": manifest[0]["RepoTags"] = ["a b"]
		t = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
		def add(name, data):
		    i = tarfile.TarInfo(name)
		    i.size = len(data)
		    t.addfile(i, io.BytesIO(data))
		def link(name, target, kind=tarfile.SYMTYPE):
		    i = tarfile.TarInfo(name)
		    i.type, i.linkname = kind, target
		    t.addfile(i)
		if how == "loop": link("aa/layer.tar", "../bb/layer.tar")
		else: add("aa/layer.tar", layer)
		link("bb/layer.tar", "../aa/layer.tar")
		add("c.json", config)
		add("manifest.json", json.dumps(manifest).encode())
		t.close()
	END
	python3 "$WORK/docker_save.py" "$1"
}

layout_tar() {
	tar cf "$1" -C "$WORK/layout" .
}

case_ls() {
	layout_tar a.tar
	lk cache import --cache c a.tar
	LINUXKIT_CACHE=c "$LINUXKIT" cache ls >out
	head -n 1 out | grep -q '^image name  *root manifest hash$' || fail "$(cat out)"
	[ "$(sed 1d out | cut -c82-88 | sort -u)" = sha256: ] || fail "the digest is not in column 82"
	[ "$(names c)" = "test.example/app
test.example/other" ] || fail "$(names c)"
	"$LINUXKIT" cache ls --cache c --json >json
	python3 -c 'import json; l = json.load(open("json")); assert [x["name"] for x in l] == sorted(x["name"] for x in l) and l[0]["digest"].startswith("sha256:")'
}

case_config_file() {
	mkdir -p home/.moby/linuxkit
	config() {
		printf '%b' "$1" >home/.moby/linuxkit/config.yml
		HOME=home "$LINUXKIT" version --short >stdout 2>stderr
	}
	config 'pkg: {}\nother: [1, 2]\n' || fail "a good file"
	config '' || fail "an empty file"
	if config 'pkg: [\n'; then fail "a broken file"; fi
	grep -q '^Error: Failed to parse "home/.moby/linuxkit/config.yml": ' stderr || fail "$(cat stderr)"
	[ ! -s stdout ] || fail "something on stdout"
	if config 'pkg: 7\n'; then fail "pkg is a number"; fi
	HOME=home "$LINUXKIT" version --help >stdout || fail "--help needs the file"
	rm home/.moby/linuxkit/config.yml
	mkdir home/.moby/linuxkit/config.yml
	HOME=home fails_with '^Error: Failed to read "home/.moby/linuxkit/config.yml"' "$LINUXKIT" version
}

case_pull() {
	own pull
	lk cache pull --cache c "$ref"
	arch=$(dpkg --print-architecture)
	[ "$(names c)" = "$ref
$ref-$arch" ] || fail "$(names c)"
	cache_is_sound c
	lk cache pull --cache all --platform all "$ref"
	[ "$(names all)" = "$ref
$ref-amd64
$ref-arm64" ] || fail "$(names all)"
	lk cache pull --cache two --arch arm64,amd64 "$ref"
	names all >want
	names two | cmp - want
	fails_with 'unknown arch "z80"' "$LINUXKIT" cache pull --arch z80 "$ref"
	fails_with 'invalid platform "linux"' "$LINUXKIT" cache pull --platform linux "$ref"
	fails_with 'pull .*/none:1: 404' "$LINUXKIT" cache pull "$registry/none:1"
	# skopeo reads what we have written
	for arch in amd64 arm64; do
		skopeo copy -q --override-arch $arch "oci:all:$ref" "oci:out-$arch:x"
		skopeo copy -q "oci:all:$ref-$arch" "oci:single-$arch:x"
	done
	[ "$(skopeo inspect --raw "oci:all:$ref" | sha256sum | cut -c1-64)" = "$(root all "$ref")" ] || fail "another digest"
	# json
	"$LINUXKIT" --json cache pull --cache json "$ref" >out 2>log
	python3 -c 'import json; assert json.load(open("out"))[0]["name"]; [json.loads(l) for l in open("log")]'
}

case_push() {
	own push
	lk cache pull --cache c --platform all "$ref"
	"$LINUXKIT" cache push --cache c "$ref" >out 2>log
	grep -q "^Pushing local $ref as $ref\$" out || fail "$(cat out)"
	grep -q "already available on remote registry, skipping push" log || fail "$(cat log)"
	"$LINUXKIT" cache push --cache c --with-arch-tags --remote-name "$registry/copy:2" "$ref" >out
	grep -q "^Pushed index $registry/copy:2" out || fail "$(cat out)"
	for x in '' -amd64 -arm64; do
		skopeo inspect --raw --tls-verify=false "docker://$registry/copy:2$x" | sha256sum | cut -c1-64 >got
		root c "$ref$x" | cmp - got || fail "copy:2$x"
	done
	names c | grep -q copy && fail "push made names in the cache"
	fails_with 'is not in the cache' "$LINUXKIT" cache push --cache c nothing:1
	"$LINUXKIT" cache push --cache c --json --remote-name "$registry/copy:3" "$ref" >out
	python3 -c 'import json; r = json.load(open("out"))[0]; assert r["state"] == "pushed" and r["digest"]'
}

# Out and in again: digests, names and bytes.
case_export_import() {
	layout_tar a.tar
	lk cache import --cache c a.tar
	for platform in linux/amd64 linux/amd64,linux/arm64 all; do
		lk cache export --cache c --platform $platform --outfile one.tar test.example/app
		lk cache export --cache c --platform $platform --outfile - test.example/app >two.tar
		same one.tar two.tar
		rm -rf again
		lk cache import --cache again one.tar
		[ "$(names again)" = test.example/app ] || fail "$platform: $(names again)"
		cache_is_sound again
		lk cache export --cache again --platform $platform --outfile three.tar test.example/app
		same one.tar three.tar
	done
	[ "$(root again test.example/app)" = "$(root c test.example/app)" ] || fail "the index changed"
	lk cache export --cache c --outfile one.tar --platform linux/arm64 --name new/name:7 test.example/app
	python3 - <<-'END'
		import json, tarfile
		t = tarfile.open("one.tar")
		d = json.load(t.extractfile("index.json"))["manifests"][0]
		assert d["mediaType"] == "application/vnd.oci.image.manifest.v1+json", d
		assert d["annotations"]["org.opencontainers.image.ref.name"] == "docker.io/new/name:7", d
		m = json.load(t.extractfile("blobs/" + d["digest"].replace(":", "/")))
		assert json.load(t.extractfile("blobs/" + m["config"]["digest"].replace(":", "/")))["architecture"] == "arm64"
		assert all(i.mtime == 0 and i.uid == 0 and i.mode in (0o644, 0o755) for i in t)
		assert t.getnames()[:3] == ["oci-layout", "blobs", "blobs/sha256"] and t.getnames()[-1] == "index.json"
	END
}

case_export_docker() {
	need skopeo
	docker_save good >save.tar
	lk cache import --cache c save.tar
	for i in 1 2; do
		lk cache export --cache c --platform linux/amd64 --format docker --outfile $i.tar --name foo x/y:1
	done
	same 1.tar 2.tar
	skopeo copy -q docker-archive:1.tar dir:out
	python3 - <<-'END'
		import json, tarfile
		t = tarfile.open("1.tar")
		m = json.load(t.extractfile("manifest.json"))[0]
		assert m["RepoTags"] == ["docker.io/library/foo:latest"] and m["Config"].startswith("sha256:"), m
		assert t.getnames() == [m["Config"], m["Layers"][0], "manifest.json"] and len(m["Layers"]) == 2, m
	END
	lk cache import --cache again 1.tar
	[ "$(names again)" = docker.io/library/foo:latest ] || fail "$(names again)"
	[ "$(root again docker.io/library/foo:latest)" = "$(root c docker.io/x/y:1)" ] || fail "another digest"
}

case_export_filesystem() {
	layout_tar a.tar
	lk cache import --cache c a.tar
	for i in 1 2; do
		lk cache export --cache c --platform linux/amd64 --format filesystem --outfile $i.tar test.example/app
	done
	same 1.tar 2.tar
	tar tf 1.tar >list
	grep -qx usr/app list || fail "$(cat list)"
	grep -q two list && fail "a whiteout was not obeyed"
	[ "$(tar xOf 1.tar usr/app)" = "app amd64" ] || fail "content"
}

case_export_errors() {
	layout_tar a.tar
	lk cache import --cache c a.tar
	echo old >out
	export_fails() {
		pattern=$1
		shift
		fails_with "$pattern" "$LINUXKIT" cache export --cache c "$@"
		[ "$(cat out)" = old ] || fail "the older file is gone"
	}
	export_fails "'outfile' flag is required" test.example/app
	export_fails 'docker.io/library/none is not in the cache' --outfile out none
	export_fails 'unknown format "zip"' --outfile out --format zip test.example/app
	export_fails 'has no platform linux/riscv64' --outfile out --platform linux/riscv64 test.example/app
	export_fails 'only the format oci can hold several' --outfile out --platform all --format docker test.example/app
	# a blob that was damaged is not handed on
	big=$(find c/blobs/sha256 -type f -printf '%s %f\n' | sort -n | tail -n 1 | cut -d' ' -f2)
	printf X | dd of="c/blobs/sha256/$big" bs=1 seek=9000 conv=notrunc 2>/dev/null
	for name in app other; do
		"$LINUXKIT" cache export --cache c --platform all --outfile out test.example/$name 2>>stderr || true
	done
	grep -q "$big in the cache has digest" stderr || fail "$(cat stderr)"
	[ ! -e "c/blobs/sha256/$big" ] || fail "the damaged blob is still there"
	[ -z "$(find . -name '*.tmp-*')" ] || fail "a temporary file is left"
}

case_import_forms() {
	need zstd
	layout_tar a.tar
	gzip -k a.tar
	zstd -q a.tar
	tar cf plain.tar -C "$WORK/layout" blobs index.json oci-layout
	for f in a.tar a.tar.gz a.tar.zst plain.tar; do
		"$LINUXKIT" cache import --cache "c-$f" $f 2>log
		grep -q '^imported test.example/app sha256:' log || fail "$f: $(cat log)"
		cache_is_sound "c-$f"
		lk cache import --cache "p-$f" - <$f
		"$LINUXKIT" cache ls --cache "p-$f" >"$f.names"
		cmp "$f.names" a.tar.names
	done
	lk cache export --cache c-a.tar --platform all --outfile - test.example/app | lk cache import --cache piped -
	[ "$(names piped)" = test.example/app ] || fail "$(names piped)"
	# both files, names of one
	"$LINUXKIT" --json cache import --cache c a.tar plain.tar >json
	[ "$(grep -c '"name"' json)" = 4 ] || fail "$(cat json)"
	fails_with 'holds one|has 2 of them' "$LINUXKIT" cache import --name x:1 a.tar
}

case_import_skopeo() {
	need skopeo
	docker_save good >save.tar
	skopeo copy -q docker-archive:save.tar:x/y:1 oci-archive:s.tar:one/two:3
	skopeo copy -q docker-archive:save.tar:x/y:1 docker-archive:d.tar:three/four:5
	skopeo copy -q docker-archive:save.tar:x/y:1 oci-archive:n.tar
	lk cache import --cache c s.tar d.tar
	[ "$(names c)" = "docker.io/one/two:3
docker.io/three/four:5" ] || fail "$(names c)"
	skopeo inspect --raw oci-archive:s.tar | sha256sum | cut -c1-64 >want
	root c docker.io/one/two:3 | cmp - want
	for name in one/two:3 three/four:5; do
		lk cache export --cache c --platform linux/amd64 --format filesystem --outfile out.tar $name
		[ "$(tar xOf out.tar hello)" = "from docker save" ] || fail "$name"
	done
	fails_with 'the archive names no image' "$LINUXKIT" cache import --cache c n.tar
	grep -q 'hint: --name' stderr || fail "no hint"
	lk cache import --cache c --name given:1 n.tar
	names c | grep -qx docker.io/library/given:1 || fail "$(names c)"
}

case_import_docker_save() {
	docker_save good | gzip >good.tar.gz
	lk cache import --cache c good.tar.gz
	[ "$(names c)" = "docker.io/x/y:1
docker.io/x/y:2" ] || fail "$(names c)"
	cache_is_sound c
	lk cache export --cache c --platform linux/amd64 --format filesystem --outfile f.tar x/y:2
	[ "$(tar xOf f.tar hello)" = "from docker save" ] || fail "content"
	while read -r how pattern; do
		docker_save "$how" >bad.tar
		fails_with "$pattern" "$LINUXKIT" cache import --cache "bad-$how" bad.tar
		[ -z "$(names "bad-$how")" ] || fail "$how left a name"
	done <<-'END'
		digest the content has digest sha256:.*, the config says sha256:
		count 1 layers, but the config names 2
		missing the archive has no member cc/layer.tar
		loop the archive has no member aa/layer.tar
		noname names no image
		badname invalid image reference
	END
	docker_save noname >noname.tar
	lk cache import --cache n --name z:1 noname.tar
	[ "$(names n)" = docker.io/library/z:1 ] || fail "$(names n)"
}

case_import_hostile() {
	layout_tar a.tar
	big=$(find "$WORK/layout/blobs/sha256" -type f -printf '%s %f\n' | sort -n | tail -n 1 | cut -d' ' -f2)
	cat >make.py <<-'END'
		import io, json, os, sys, tarfile
		layout, big, how = sys.argv[1:]
		if how == "members": sys.stdout.buffer.write(tarfile.TarInfo("x").tobuf() * 270000)
		t = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
		def add(name, data):
		    i = tarfile.TarInfo(name)
		    i.size = len(data)
		    t.addfile(i, io.BytesIO(data))
		index = json.load(open(layout + "/index.json"))
		if how == "size": index["manifests"][0]["size"] += 1
		if how == "digest": index["manifests"][0]["digest"] = "sha256:../../../etc/passwd"
		if how == "name":
		    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "../../x y"}
		if how == "list": index["manifests"] = {"a": 1}
		if how == "many": index["manifests"] *= 20000
		if how == "deep": text = "[" * 100000
		elif how == "empty": text = json.dumps({"schemaVersion": 2, "manifests": []})
		else: text = json.dumps(index)
		for f in sorted(os.listdir(layout + "/blobs/sha256")):
		    data = open(layout + "/blobs/sha256/" + f, "rb").read()
		    if f == big and how == "blob": data = data[:100] + b"!" + data[101:]
		    if f == big and how == "cut": data = data[:-1]
		    if f == big and how == "gone": continue
		    add("blobs/sha256/" + f, data)
		if how == "outside": add("../../../../escaped", b"x")
		if how == "huge": add("index.json", b" " * (17 << 20))
		if how != "noindex": add("index.json", text.encode())
		t.close()
	END
	while read -r how pattern; do
		python3 make.py "$WORK/layout" "$big" "$how" >bad.tar
		fails_with "$pattern" "$LINUXKIT" cache import --cache "bad-$how" bad.tar
		[ -z "$(names "bad-$how")" ] || fail "$how left a name"
		[ "$(wc -l <stderr)" -le 2 ] || fail "$how: $(cat stderr)"
		cache_is_sound "bad-$how"
	done <<-END
		blob $big: the content has digest sha256:
		cut $big: [0-9]* bytes instead of the promised
		size the content has digest|instead of
		digest is not a sha256 digest
		name invalid image reference
		list manifests is not a list
		many more than 10000 images
		deep index.json: line
		empty the archive names no image
		noindex neither an OCI image layout nor an archive of docker
		members more than 262144 members
	END
	# what an index leaves out is no fault, as long as one image is whole
	python3 make.py "$WORK/layout" "$big" gone >gone.tar
	lk cache import --cache gone gone.tar
	cache_is_sound gone
	python3 make.py "$WORK/layout" "$big" outside >outside.tar
	lk cache import --cache outside outside.tar
	[ -z "$(find "$WORK" -name escaped)" ] || fail "it wrote outside"
	: >nothing
	head -c 5000 a.tar >half
	head -c 100000 /dev/zero | tr '\0' x >letters
	gzip -c a.tar | head -c 3000 >half.gz
	for f in nothing half letters half.gz /nonexistent .; do
		fails_with "^Error: import" "$LINUXKIT" cache import --cache odd $f
		[ "$(wc -l <stderr)" -le 2 ] || fail "$f: $(cat stderr)"
	done
}

# An import mends what is damaged in the cache.
case_import_heals() {
	layout_tar a.tar
	lk cache import --cache c a.tar
	for f in c/blobs/sha256/*; do
		printf X | dd of="$f" bs=1 seek=3 conv=notrunc 2>/dev/null
	done
	lk cache import --cache c a.tar
	cache_is_sound c
}

case_rm_and_clean() {
	own clean
	layout_tar a.tar
	lk cache import --cache c a.tar
	lk cache pull --cache c --platform all "$ref"
	fails_with 'nothing is not in the cache' "$LINUXKIT" cache rm --cache c test.example/app nothing
	names c | grep -qx test.example/app || fail "something was removed"
	"$LINUXKIT" cache rm --cache c test.example/app test.example/other 2>log
	grep -q '^removing image test.example/app from cache$' log || fail "$(cat log)"
	# its blobs are the other name's too
	lk cache export --cache c --platform all --outfile out.tar --name "$registry/absent:1" "$ref"
	cache_is_sound c
	# the -ARCH names and this one are not in the registry
	lk cache import --cache c out.tar
	"$LINUXKIT" cache clean --cache c --published-only 2>log
	names c >left
	grep -qx "$registry/absent:1" left || fail "$(cat left)"
	grep -qx "$ref" left && fail "what the registry has is still there"
	grep -q "image $registry/absent:1 stays: " log || fail "$(cat log)"
	lk cache pull --cache c "$ref"
	own clean other
	"$LINUXKIT" cache rm --cache c --published-only "$ref" 2>log
	grep -q "image $ref stays: the registry has sha256:" log || fail "$(cat log)"
	"$LINUXKIT" cache clean --cache c | grep -qx 'Cache emptied: c' || fail "no word"
	[ ! -e c ] || fail "the folder is still there"
}

case_verify() {
	own verify
	lk cache pull --cache c "$ref"
	"$LINUXKIT" cache verify --cache c >out || fail "$(cat out)"
	grep -q '; 0 problems$' out || fail "$(cat out)"
	big=$(find c/blobs/sha256 -type f -printf '%s %f\n' | sort -n | tail -n 1 | cut -d' ' -f2)
	printf X | dd of="c/blobs/sha256/$big" bs=1 seek=20 conv=notrunc 2>/dev/null
	fails_with 'the cache has 1 problems' "$LINUXKIT" cache verify --cache c
	grep -q "layer sha256:$big has digest" stdout || fail "$(cat stdout)"
	"$LINUXKIT" cache verify --cache c --json >json 2>/dev/null && fail "nothing was found"
	python3 -c 'import json; r = json.load(open("json")); assert r["unrepaired"] == 1 and r["problems"][0]["fault"] == "damaged", r'
	"$LINUXKIT" cache verify --cache c --repair >out
	grep -q "$big .* (repaired)" out || fail "$(cat out)"
	cache_is_sound c
	"$LINUXKIT" cache verify --cache c >out
	rm "c/blobs/sha256/$big"
	fails_with 'the cache has [0-9]* problems' "$LINUXKIT" cache verify --cache c
	"$LINUXKIT" cache verify --cache c --repair >out
	cache_is_sound c
}

case_gc() {
	layout_tar a.tar
	lk cache import --cache c a.tar
	find c/blobs/sha256 -type f | sort >before
	printf 'nobody wants this' >blob
	sum=$(sha256sum blob | cut -c1-64)
	mv blob "c/blobs/sha256/$sum"
	touch -d '-1 day' "c/blobs/sha256/$sum"
	"$LINUXKIT" cache gc --cache c --dry-run >out
	grep -q "^blobs/sha256/$sum: .* [0-9]* bytes" out || fail "$(cat out)"
	[ -e "c/blobs/sha256/$sum" ] || fail "--dry-run removed something"
	"$LINUXKIT" cache gc --cache c --json >json
	python3 -c 'import json; r = json.load(open("json")); assert r["bytes"] >= 17 and r["items"], r'
	find c/blobs/sha256 -type f | sort | cmp - before
	lk cache verify --cache c >out || fail "$(cat out)"
}

run_cases
