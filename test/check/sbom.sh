#!/bin/sh
# sbom.sh - the SBOM of whole builds: of packages made here, of images from a registry whose attestations are
# there, missing or broken. The registry is a few lines of Python on loopback.
. "$(dirname "$0")/../lib.sh"

# A package of one file, listed as test/NAME.
package() {
	mkdir -p "$1/rootfs/bin"
	echo "I am $1" >"$1/rootfs/bin/$1"
	cat >"$1/build.yml" <<-EOF
		image: $1
		org: test
		native:
		  files:
		    - {from: rootfs/, to: /}
	EOF
}

build() {
	"$LINUXKIT" -q build "$@"
}

# sbom TAR [NAME]: the packages, one line each: name, where, purl; then relationships that lead nowhere.
sbom() {
	tar xOf "$1" "${2:-sbom.spdx.json}" 2>/dev/null >sbom.json || fail "no ${2:-sbom.spdx.json} in $1"
	python3 - <<-'EOF'
		import json
		text = open("sbom.json").read()
		d = json.loads(text)
		assert text == json.dumps(d, separators=(",", ":"), ensure_ascii=False) + "\n", "not compact"
		ids = ["SPDXRef-DOCUMENT"]
		for p in d.get("packages", []):
		    assert p["SPDXID"] not in ids, p["SPDXID"]
		    ids.append(p["SPDXID"])
		    purl = [r["referenceLocator"] for r in p.get("externalRefs", [])]
		    print(p["name"], p.get("packageFileName", "-"), *purl)
		for r in d.get("relationships", []):
		    for k in "spdxElementId", "relatedSpdxElement":
		        if r[k] not in ids: print("dangling", r)
	EOF
}

lists() {
	sbom "$1" >got || exit 1
	cat >want
	diff want got || fail "packages of $1"
}

case_two_packages() {
	need python3
	package one
	package two
	package kernel
	cp kernel/rootfs/bin/kernel kernel/rootfs/kernel
	cat >x.yml <<-EOF
		kernel: {image: "@pkg:./kernel", tar: none}
		init: ["@pkg:./one"]
		services:
		  - {name: two, image: "@pkg:./two"}
		  - {name: again, image: "@pkg:./two"}
	EOF
	build --format tar --o a.tar x.yml
	lists a.tar <<-EOF
		test/kernel -
		test/one -
		test/two containers/services/two/lower
	EOF
	build --format tar --o b.tar x.yml
	same a.tar b.tar
	for threads in 1 5; do
		LINUXKIT_THREADS=$threads TZ=Asia/Tokyo build --cache "$PWD/cache.$threads" --o c.tar x.yml
		same a.tar c.tar
	done

	build --sbom-output etc/bill.json --o named.tar x.yml
	sbom named.tar etc/bill.json >/dev/null
	build --no-sbom --o none.tar x.yml
	tar tf none.tar 2>/dev/null | grep -q spdx && fail "--no-sbom was ignored"
	build --sbom-current-time --o now.tar x.yml
	sbom now.tar >/dev/null
	grep -q '"created":"2017-' sbom.json && fail "--sbom-current-time was ignored"
	tar xOf a.tar sbom.spdx.json 2>/dev/null | grep -q '"created":"2017-04-18T16:30:00Z"' || fail "time"
}

# A Debian package and its line in the lock file of folder $1; arguments: folder, name, control fields, file.
deb() {
	mkdir -p "deb/DEBIAN" "deb/$(dirname "$4")" "$LINUXKIT_CACHE/derived/debs"
	echo "$2" >"deb/$4"
	printf 'Package: %s\nArchitecture: amd64\nMaintainer: nobody\nDescription: none\n%b' "$2" "$3" >deb/DEBIAN/control
	dpkg-deb --root-owner-group -b deb x.deb >/dev/null
	rm -r deb
	sum=$(sha256sum x.deb | cut -d' ' -f1)
	mv x.deb "$LINUXKIT_CACHE/derived/debs/$sum.deb"
	echo "$2 $(printf '%b' "$3" | sed -n 's/^Version: //p') $sum" >>"$1/native.lock"
}

case_debian_packages() {
	need python3 dpkg-deb
	mkdir p
	printf '[amd64]\nrequest bookworm app libapp++1\n' >p/native.lock
	deb p app 'Version: 1:2.0+b1-3\nSource: app-src (1:2.0-3)\n' usr/bin/app
	deb p libapp++1 'Version: 3.1~rc2\n' usr/lib/libapp
	deb p unused 'Version: 1\n' usr/bin/unused
	cat >p/build.yml <<-EOF
		image: p
		org: test
		arches: [amd64]
		native:
		  packages: [{name: app, files: [usr/bin/app]}, {name: libapp++1}]
	EOF
	echo 'init: ["@pkg:./p"]' >x.yml
	build --arch amd64 --o a.tar x.yml
	lists a.tar <<-EOF
		test/p -
		app - pkg:deb/debian/app@1:2.0%2Bb1-3?arch=amd64
		libapp++1 - pkg:deb/debian/libapp%2B%2B1@3.1~rc2?arch=amd64
	EOF
	grep -q '"sourceInfo":"built from Debian source package app-src 1:2.0-3"' sbom.json || fail "source"
	grep -q "\"checksumValue\":\"$(sed -n 's/^app .* //p' p/native.lock)\"" sbom.json || fail "checksum"
	grep -qE 'https?://[^"]*(debian|mirror|deb\.)' sbom.json && fail "an address"
	return 0
}

# Damage in the cache costs the SBOM once, and only if the merged document is not there; the next build makes the
# attestation again.
case_damaged_statement() {
	need python3
	LINUXKIT_CACHE=$PWD/cache
	package one
	echo 'init: ["@pkg:./one"]' >x.yml
	build --o a.tar x.yml
	blob=$(grep -l '"predicateType"' "$LINUXKIT_CACHE"/blobs/sha256/*)
	tr 1 2 <"$blob" >damaged
	cat damaged >"$blob"
	build --o b.tar x.yml
	same a.tar b.tar
	rm -r "$LINUXKIT_CACHE/derived/sbom"
	"$LINUXKIT" build --o b.tar x.yml 2>err
	grep -q 'image docker.io/test/one:.*left out of the SBOM' err || fail "no warning: $(cat err)"
	lists b.tar </dev/null
	build --o c.tar x.yml
	same a.tar c.tar
}

# A registry for images whose name says what becomes of the attestation.
write_registry() {
	cat >registry.py <<-'EOF'
		import hashlib, http.server, io, json, tarfile
		blobs = {}
		def blob(data, media):
		    data = data if isinstance(data, bytes) else json.dumps(data).encode()
		    digest = "sha256:" + hashlib.sha256(data).hexdigest()
		    blobs[digest] = data
		    return {"mediaType": media, "digest": digest, "size": len(data)}
		OCI = "application/vnd.oci.image."
		def manifest(config, layers):
		    m = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": blob(config, OCI + "config.v1+json"),
		        "layers": layers}
		    return blob(m, m["mediaType"])
		def tar():
		    b = io.BytesIO()
		    t = tarfile.open(fileobj=b, mode="w")
		    i = tarfile.TarInfo("bin/app")
		    i.size = 3
		    t.addfile(i, io.BytesIO(b"app"))
		    t.close()
		    return b.getvalue()
		def attestation(subject, how, arch):
		    document = {"spdxVersion": "SPDX-2.3", "packages": [{"SPDXID": "SPDXRef-p", "name": how + "-" + arch}]}
		    statement = blob({"predicateType": "https://spdx.dev/Document",
		        "predicate": 1 if how == "broken" else document}, "application/vnd.in-toto+json")
		    statement["annotations"] = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}
		    if how == "huge": statement["size"] = 1 << 40
		    d = manifest({"attests": how + arch}, [statement])
		    if how == "nolayer": del blobs[statement["digest"]]
		    if how == "nomanifest": del blobs[d["digest"]]
		    if how == "lies": blobs[statement["digest"]] = b"x" * statement["size"]
		    d["platform"] = {"architecture": "unknown", "os": "unknown"}
		    d["annotations"] = {"vnd.docker.reference.type": "attestation-manifest",
		        "vnd.docker.reference.digest": subject["digest"]}
		    return d
		def index(how):
		    images = [dict(manifest({"architecture": a, "os": "linux", "how": how, "rootfs": {"type": "layers",
		        "diff_ids": ["sha256:" + hashlib.sha256(tar()).hexdigest()]}}, [blob(tar(), OCI + "layer.v1.tar")]),
		        platform={"architecture": a, "os": "linux"}) for a in ("amd64", "arm64")]
		    return blob({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": images +
		        [attestation(i, how, i["platform"]["architecture"]) for i in images]}, OCI + "index.v1+json")
		names = {how: index(how) for how in ("good", "broken", "huge", "nolayer", "nomanifest", "lies")}
		class Handler(http.server.BaseHTTPRequestHandler):
		    def log_message(self, *args): pass
		    def do_GET(self):
		        name, kind, what = (self.path.split("/") + ["", "", ""])[2:5]
		        what = names[name]["digest"] if name in names and kind == "manifests" and what == "1" else what
		        body = blobs.get(what)
		        self.send_response(200 if body is not None else 404)
		        body = body or b""
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		print(server.server_address[1], flush=True)
		server.serve_forever()
	EOF
}

case_pulled_images() {
	need python3
	write_registry
	python3 registry.py >port &
	children="$children $!"
	server=$!
	wait_for port '^[0-9]+$' 10 $server
	port=$(cat port)
	printf 'services:\n  - {name: a, image: "127.0.0.1:%s/good:1"}\n' "$port" >good.yml
	"$LINUXKIT" build --arch arm64 --o arm.tar good.yml 2>err
	grep -q warning err && fail "a warning: $(cat err)"
	lists arm.tar <<-EOF
		good-arm64 containers/services/a/lower
	EOF
	# What comes without attestation is built all the same, now and from the cache.
	for how in broken huge nolayer nomanifest lies; do
		printf 'init: ["127.0.0.1:%s/%s:1"]\n' "$port" $how >$how.yml
		"$LINUXKIT" build --arch amd64 --o $how.tar $how.yml 2>err || fail "$how: $(cat err)"
		grep -q "warning.*image 127.0.0.1:$port/$how:1: .*[Ss]tatement\|warning.*image 127.0.0.1:$port/$how:1: .*attestation" err ||
			fail "$how: no warning: $(cat err)"
		lists $how.tar </dev/null
	done
	kill $server
	for how in broken huge nolayer nomanifest lies; do
		"$LINUXKIT" build --arch amd64 --o again.tar $how.yml 2>err || fail "$how: $(cat err)"
		grep -q "warning.*image 127.0.0.1:$port/$how:1: left out of the SBOM" err || fail "$how: no warning: $(cat err)"
		same $how.tar again.tar
	done
	build --arch arm64 --o again.tar good.yml
	same arm.tar again.tar
}

run_cases
