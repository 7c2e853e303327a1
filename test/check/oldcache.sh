#!/bin/sh
# oldcache.sh - a cache that the original LinuxKit has filled serves as it is, keeps what is not ours when we write
# to it, and what we write other programs can read (cli.md 6.1).
. "$(dirname "$0")/../lib.sh"

PYTHONPATH=$TOP/test
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE

# The folder cache, as `linuxkit cache pull` and an import leave it: three blanks in index.json, full names, a
# descriptor of an import with annotations of its own, one without any name, empty .lock, ingest/, a half layer.
make_cache() {
	python3 - <<-'END'
		import json, os
		from image import Cache, Layer
		c = Cache("cache")
		layers = [Layer().dir("bin").file("bin/app", "app", 0o755), Layer().file("second", "2")]
		app = c.index([("linux/" + a, c.manifest(layers, {"Cmd": ["/bin/app"]}, a)) for a in ("amd64", "arm64")])
		single = c.manifest(layers, {"Cmd": ["/bin/app"]}, "amd64")
		with open(os.path.join(c.blobs, app["digest"][7:])) as f:
		    entries = json.load(f)["manifests"]
		bare = [{k: v for k, v in entries[0].items() if k != "platform"}]
		odd = c.blob(json.dumps({"schemaVersion": 2, "manifests": bare + entries}).encode(), app["mediaType"])
		other = c.manifest([Layer().file("other", "o")])
		name = "org.opencontainers.image.ref.name"
		index = {"schemaVersion": 2, "manifests": [
		    dict(app, annotations={"io.containerd.image.name": "keep/me:1", name: "docker.io/test/app:1"}),
		    dict(single, annotations={name: "docker.io/test/single:1"}),
		    dict(odd, annotations={name: "docker.io/test/odd:1", "io.containerd.image.name": "odd"}),
		    dict(other, annotations={"org.example.note": "no name"})]}
		with open("cache/index.json", "w") as f:
		    f.write(json.dumps(index, indent=3))
		os.mkdir("cache/ingest")
		open("cache/ingest/x", "w").close()
		open("cache/.lock", "w").close()
		open(os.path.join(c.blobs, app["digest"][7:] + "123456"), "w").close()
		with open("other", "w") as f:
		    f.write(other["digest"])
	END
	for image in app single odd; do
		printf 'init: ["test/%s:1"]\n' "$image" >$image.yml
	done
}

# Nothing is fetched: a proxy that does not exist would be asked.
build() {
	http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 "$LINUXKIT" -q build --no-sbom --cache cache "$@"
}

case_serves() {
	need python3
	make_cache
	cp cache/index.json before
	for image in app single odd; do
		build --arch amd64 --o $image.tar $image.yml
		[ "$(tar xOf $image.tar bin/app)" = app ] || fail "$image: not the image"
	done
	same before cache/index.json
	[ -e cache/ingest/x ] || fail "ingest/ is gone"
}

# cli.md 14 row 10: an image for one machine is none for another.
case_platform_of_a_single_image() {
	need python3
	make_cache
	fails_with 'test/single:1: the image is for linux/amd64, not for linux/arm64' \
		build --arch arm64 --o a.tar single.yml
	[ ! -e a.tar ] || fail "an output was made"
	build --arch arm64 --o a.tar odd.yml
}

case_foreign_data_stays() {
	need python3
	make_cache
	mkdir -p pkg/rootfs
	echo text >pkg/rootfs/file
	printf 'image: own\norg: test\nnative:\n  files:\n    - {from: rootfs/, to: /}\n' >pkg/build.yml
	echo 'init: ["@pkg:./pkg"]' >own.yml
	build --arch amd64 --o a.tar own.yml
	"$LINUXKIT" -q --cache cache cache rm docker.io/test/odd:1
	"$LINUXKIT" -q --cache cache cache gc >/dev/null
	[ ! -e "cache/blobs/sha256/$(sed 's/.*://' other)123456" ] || fail "half a layer stays"
	[ -e "cache/blobs/sha256/$(sed 's/.*://' other)" ] || fail "the blob of a descriptor without a name is gone"
	python3 - <<-'END' || fail "index.json: $(cat cache/index.json)"
		import json
		notes = [d.get("annotations", {}) for d in json.load(open("cache/index.json"))["manifests"]]
		assert {"org.example.note": "no name"} in notes
		assert any(n.get("io.containerd.image.name") == "keep/me:1" for n in notes)
		assert not any(n.get("io.containerd.image.name") == "odd" for n in notes)
	END
	for image in app single; do
		build --arch amd64 --o $image.tar $image.yml
	done
}

case_skopeo_reads_ours() {
	need python3 skopeo
	make_cache
	mkdir -p pkg/rootfs
	echo text >pkg/rootfs/file
	printf 'image: own\norg: test\nnative:\n  files:\n    - {from: rootfs/, to: /}\n' >pkg/build.yml
	echo 'init: ["@pkg:./pkg"]' >own.yml
	build --arch amd64 --o a.tar own.yml
	own=$("$LINUXKIT" --cache cache cache ls | sed -n 's|^\(docker.io/test/own:[^ ]*\) .*|\1|p')
	for name in "$own" docker.io/test/app:1; do
		skopeo inspect --raw "oci:cache:$name" >raw || fail "skopeo does not find $name"
		skopeo copy -q --override-arch amd64 --override-os linux "oci:cache:$name" dir:copy || fail "skopeo copy $name"
	done
}

run_cases
