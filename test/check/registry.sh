#!/bin/sh
# registry.sh - images from a real registry on loopback: anonymous, with a password, interrupted, lied to,
# from a mirror, onto a full disk. The images are made here; what arrives is compared with what was pushed.
. "$(dirname "$0")/../lib.sh"

# make_layout DIR BYTES: an OCI layout with the index "app" for amd64 and arm64, three layers each (gzip of two
# members, zstd when the tool is there, plain), and "big" bytes that do not compress in each of three files.
make_layout() {
	cat >"$WORK/layout.py" <<-'END'
		import gzip, hashlib, io, json, os, random, shutil, subprocess, sys, tarfile
		out, big = sys.argv[1], int(sys.argv[2])
		os.makedirs(out + "/blobs/sha256")
		noise = random.Random(big)
		def blob(data, media):
		    h = hashlib.sha256(data).hexdigest()
		    open(out + "/blobs/sha256/" + h, "wb").write(data)
		    return {"mediaType": media, "digest": "sha256:" + h, "size": len(data)}
		def tar(files):
		    b = io.BytesIO()
		    t = tarfile.open(fileobj=b, mode="w", format=tarfile.PAX_FORMAT)
		    for name, data in files:
		        i = tarfile.TarInfo(name)
		        i.size, i.mtime, i.uid = len(data), 1500000000, 1000
		        t.addfile(i, io.BytesIO(data))
		    t.close()
		    return b.getvalue()
		def image(arch):
		    files = [("usr/bin/app", arch.encode()), ("usr/" + "long/" * 40 + "name", b"long")]
		    files += [("big%d" % i, noise.randbytes(big)) for i in range(3)]
		    one, two, three = tar(files), tar([("two", b"2")]), tar([("three", b"3")])
		    base = "application/vnd.oci.image.layer.v1.tar"
		    layers = [blob(gzip.compress(one[:1000], 1, mtime=0) + gzip.compress(one[1000:], 1, mtime=0), base + "+gzip")]
		    if shutil.which("zstd"):
		        z = subprocess.run(["zstd", "-qc"], input=two, stdout=subprocess.PIPE, check=True).stdout
		        layers.append(blob(z, base + "+zstd"))
		    else:
		        layers.append(blob(two, base))
		    layers.append(blob(three, base))
		    config = {"architecture": arch, "os": "linux", "config": {"Cmd": ["/usr/bin/app"]}, "rootfs":
		        {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(t).hexdigest() for t in (one, two, three)]}}
		    m = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		        "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"), "layers": layers}
		    return dict(blob(json.dumps(m).encode(), m["mediaType"]), platform={"architecture": arch, "os": "linux"})
		index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
		    "manifests": [image("amd64"), image("arm64")]}
		root = blob(json.dumps(index).encode(), index["mediaType"])
		root["annotations"] = {"org.opencontainers.image.ref.name": "app"}
		json.dump({"schemaVersion": 2, "manifests": [root]}, open(out + "/index.json", "w"))
		json.dump({"imageLayoutVersion": "1.0.0"}, open(out + "/oci-layout", "w"))
	END
	python3 "$WORK/layout.py" "$1" "$2"
}

# A server that answers with what the first part of the repository's name asks for.
write_liar() {
	cat >"$WORK/liar.py" <<-'END'
		import hashlib, http.server, json, sys
		layer = b"not what was promised" * 100
		config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
		manifest = json.dumps({"schemaVersion": 2,
		    "config": {"mediaType": "c", "digest": "sha256:" + hashlib.sha256(config).hexdigest(), "size": len(config)},
		    "layers": [{"mediaType": "l", "digest": "sha256:" + "a" * 64, "size": len(layer)}]}).encode()
		asked = {}
		class Handler(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"
		    def log_message(self, *args): pass
		    def do_GET(self):
		        if self.path.startswith("/token?"):
		            return self.answer(200, json.dumps({"token": "good" + "service=s" * ("service=s" in self.path)}).encode(), {})
		        how, kind = self.path.split("/")[2:5:2]
		        asked[how] = asked.get(how, 0) + 1
		        body = manifest if kind == "manifests" else config if config and self.path.endswith(
		            hashlib.sha256(config).hexdigest()) else layer
		        status, length, headers = 200, None, {}
		        if how == "longer" and body is layer: body += b"more"
		        if how == "shorter" and body is layer: body = body[:100]
		        if how == "cut" and body is layer: length = len(body); body = body[:100]
		        if how == "huge": body = b"{" * (8 << 20)
		        if how == "junk": body = b'{"manifests":[[[['
		        if how == "html": body = b"<html>welcome</html>"
		        if how == "busy" and asked[how] < 3: status, body = 503, b"later"
		        if how == "loop": status = 302; headers["Location"] = self.path
		        if how == "denied": status, body = 403, b'{"errors":[{"code":"DENIED","message":"go away"}]}'
		        if how == "header": headers["Docker-Content-Digest"] = "sha256:" + "b" * 64
		        if how == "token" and self.headers["Authorization"] != "Bearer goodservice=s":
		            status, body = 401, b""
		            headers["WWW-Authenticate"] = 'Bearer realm="http://127.0.0.1:%d/token",service="s"' % self.server.server_address[1]
		        self.answer(status, body, headers, length)
		    def answer(self, status, body, headers, length=None):
		        self.send_response(status)
		        for k, v in headers.items(): self.send_header(k, v)
		        self.send_header("Content-Length", str(len(body) if length is None else length))
		        self.end_headers()
		        self.wfile.write(body)
		        self.close_connection = length is not None
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		print(server.server_address[1], flush=True)
		server.serve_forever()
	END
}

# start_registry NAME PORT [AUTH]
start_registry() {
	cat >"$WORK/$1.yml" <<-END
		version: 0.1
		log: {level: error}
		storage: {filesystem: {rootdirectory: $WORK/store}, delete: {enabled: true}}
		http: {addr: "127.0.0.1:$2"}
		$3
	END
	docker-registry serve "$WORK/$1.yml" >"$WORK/$1.log" 2>&1 &
	children="$children $!"
	wait_answer "$2" || exit 1
}

wait_answer() {
	for _ in $(seq 100); do
		curl -s -o /dev/null "http://127.0.0.1:$1/v2/" && return 0
		sleep 0.1
	done
	echo "# nobody answers on port $1"
	return 1
}

missing=
for p in docker-registry skopeo python3 curl htpasswd; do
	command -v "$p" >/dev/null 2>&1 || missing=$p
done
need_registry() {
	[ -z "$missing" ] || skip "$missing is not installed"
}
if [ -z "$missing" ]; then
	htpasswd -Bbn user secret >"$WORK/htpasswd" 2>/dev/null
	open=$(free_port)
	start_registry open "$open"
	closed=$(free_port)
	start_registry closed "$closed" "auth: {htpasswd: {realm: test, path: $WORK/htpasswd}}"
	make_layout "$WORK/small" 1000
	make_layout "$WORK/large" 15000000
	push="skopeo copy -q --all --dest-tls-verify=false"
	$push "oci:$WORK/small:app" "docker://127.0.0.1:$open/test/app:1" &&
		$push "oci:$WORK/large:app" "docker://127.0.0.1:$open/test/large:1" || exit 1
	write_liar
	python3 "$WORK/liar.py" >"$WORK/liar.port" 2>"$WORK/liar.log" &
	children="$children $!"
	wait_for "$WORK/liar.port" '^[0-9]+$' 10
	liar=$(cat "$WORK/liar.port")
fi

spec() {
	printf 'init:\n  - %s\n' "$1" >spec.yml
}

build() {
	"$LINUXKIT" -q build --arch amd64 "$@" spec.yml
}

# Every blob of a cache is what its name says, and its index is whole.
cache_is_sound() {
	for f in "$1"/blobs/sha256/*; do
		[ "$(sha256sum <"$f" | cut -c1-64)" = "${f##*/}" ] || fail "$f has other content"
	done
	python3 -c 'import json,sys; json.load(open(sys.argv[1]))' "$1/index.json"
}

case_pull_and_keep() {
	need_registry
	spec "127.0.0.1:$open/test/app:1"
	build --cache cache --o a.tar
	mkdir a && tar xf a.tar -C a
	[ "$(cat a/usr/bin/app)" = amd64 ] || fail "content of the first layer"
	[ "$(cat a/two)$(cat a/three)" = 23 ] || fail "content of the other layers"
	cache_is_sound cache
	want=$(skopeo inspect --tls-verify=false "docker://127.0.0.1:$open/test/app:1" |
		sed -n 's/^ *"Digest": "\(.*\)",/\1/p')
	grep -q "\"digest\": \"$want\"" cache/index.json || fail "root digest is not $want"
	# from the cache alone: the second time the registry is not asked
	spec "127.0.0.1:$open/test/app:1"
	http_proxy=http://127.0.0.1:9 build --cache cache --o b.tar
	same a.tar b.tar
	# the other architecture is filled in
	"$LINUXKIT" -q build --cache cache --arch arm64 --o c.tar spec.yml
	[ "$(tar xf c.tar -O usr/bin/app)" = arm64 ] || fail "content for arm64"
	fails_with 'does not contain target platforms linux/riscv64|unknown arch' \
		"$LINUXKIT" -q build --cache cache --arch riscv64 --o d.tar spec.yml
}

case_missing_blob_is_fetched_again() {
	need_registry
	spec "127.0.0.1:$open/test/app:1"
	build --cache cache --o a.tar
	for f in cache/blobs/sha256/*; do
		rm -rf cache/derived
		: >"$f"
		build --cache cache --o b.tar
		same a.tar b.tar
	done
	cache_is_sound cache
	# damage of the same length is found when the layer is unpacked, and healed by the next build
	rm -rf cache/derived
	big=$(find cache/blobs/sha256 -type f -printf '%s %f\n' | sort -n | tail -1 | cut -d' ' -f2)
	printf X | dd of="cache/blobs/sha256/$big" bs=1 seek=20 conv=notrunc 2>/dev/null
	if build --cache cache --o b.tar 2>stderr; then
		same a.tar b.tar
	else
		grep -q "$big" stderr || fail "the message does not name the blob"
	fi
	build --cache cache --o b.tar
	same a.tar b.tar
}

case_password() {
	need_registry
	spec "127.0.0.1:$closed/test/app:1"
	fails_with '401 Unauthorized' build --cache cache --o a.tar
	grep -q 'no credentials for 127.0.0.1' stderr || fail "no hint"
	mkdir docker
	printf '{"auths":{"127.0.0.1:%s":{"auth":"%s"}}}' "$closed" "$(printf user:wrong | base64)" >docker/config.json
	DOCKER_CONFIG=docker fails_with '401 Unauthorized' build --cache cache --o a.tar
	grep -q 'wrong' stderr && fail "the password is in the message"
	printf '{"auths":{"127.0.0.1:%s":{"auth":"%s"}}}' "$closed" "$(printf user:secret | base64)" >docker/config.json
	DOCKER_CONFIG=docker build --cache cache --o a.tar
	# the same through a credential helper
	mkdir bin
	cat >bin/docker-credential-test <<-'END'
		#!/bin/sh
		read -r key
		case $key in
		*/*) echo "credentials not found in native keychain"; exit 1 ;;
		*) echo '{"ServerURL":"x","Username":"user","Secret":"secret"}' ;;
		esac
	END
	chmod +x bin/docker-credential-test
	echo '{"credsStore":"test"}' >docker/config.json
	PATH=$PWD/bin:$PATH DOCKER_CONFIG=docker build --cache cache2 --o b.tar
	same a.tar b.tar
}

case_mirror() {
	need_registry
	spec "registry.example/app:1"
	"$LINUXKIT" -q --mirror "registry.example=http://127.0.0.1:$open/test" build --cache cache --arch amd64 --o a.tar spec.yml
	grep -q '"registry.example/app:1"' cache/index.json || fail "the name in the cache is not the original"
	LINUXKIT_MIRROR=http://127.0.0.1:$open/test build --cache cache2 --o b.tar
	same a.tar b.tar
}

# The servers that a case has started itself.
cleanup_case() {
	for pid in $children; do
		kill "$pid" 2>/dev/null || true
	done
}

# 080_mirrors: without the mirror nothing is built; as soon as it listens the same command works.
case_mirror_comes_up() {
	need_registry
	late=$(free_port)
	spec "registry.example/test/app:1"
	mirrored() {
		"$LINUXKIT" -q --mirror "registry.example=http://127.0.0.1:$late" build --cache cache --arch amd64 "$@" spec.yml
	}
	fails_with 'spec.yml:2:5: .*pull registry.example/test/app:1: connection refused' mirrored --o a.tar
	[ ! -e a.tar ] || fail "an output was made"
	children= # of this case only
	trap cleanup_case EXIT
	start_registry late "$late"
	mirrored --o a.tar
	[ "$(tar xOf a.tar usr/bin/app)" = amd64 ] || fail "not the image"
}

# config_test, "add tag": without a tag it is "latest" that is asked for, and the name stays as it was written.
case_no_tag_is_latest() {
	need_registry
	spec "127.0.0.1:$open/test/app"
	fails_with "127.0.0.1:$open/test/app.*404" build --cache cache --o a.tar
	curl -fsS -H 'Accept: application/vnd.oci.image.index.v1+json' -o index "http://127.0.0.1:$open/v2/test/app/manifests/1"
	curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @index \
		"http://127.0.0.1:$open/v2/test/app/manifests/latest"
	build --cache cache --o a.tar
	grep -q "\"127.0.0.1:$open/test/app\"" cache/index.json || fail "the name in the cache is not the original"
}

# W36: an image that stands in several places is looked up and fetched once, also with --pull.
case_fetched_once() {
	need_registry
	ref=127.0.0.1:$open/test/app:1
	cat >spec.yml <<-EOF
		init: ["$ref"]
		onboot: [{name: a, image: "$ref", command: [x]}, {name: b, image: "$ref", command: [x]}]
		services: [{name: c, image: "$ref", command: [x]}]
		volumes: [{name: v, image: "$ref"}]
	EOF
	for i in first again; do
		"$LINUXKIT" -v 2 build --cache cache --arch amd64 --pull --o $i.tar spec.yml 2>log
		sed -n 's/.*\(GET http:[^ ]*\).*/\1/p' log >asked
		[ "$(grep -c '/test/app/manifests/1:$' asked)" = 1 ] || fail "$i: $(cat log)"
		[ -z "$(sort asked | uniq -d)" ] || fail "$i: $(cat log)"
	done
	same first.tar again.tar
}

case_errors() {
	need_registry
	port=$(free_port)
	spec "127.0.0.1:$port/x:1"
	fails_with 'pull 127.0.0.1:[0-9]+/x:1: connection refused' build --cache cache --o a.tar
	spec "127.0.0.1:$open/none:1"
	fails_with '404 Not Found' build --cache cache --o a.tar
	while read -r how pattern; do
		spec "127.0.0.1:$liar/$how/x:1"
		fails_with "$pattern" build --cache cache --o a.tar
		[ "$(wc -l <stderr)" -le 2 ] || fail "$how: more than one line and a hint: $(cat stderr)"
	done <<-END
		plain sha256:a{64}: the content has digest sha256:[0-9a-f]{64}
		longer sha256:a{64}: more than the promised 2100 bytes
		shorter sha256:a{64}: 100 bytes instead of the promised 2100
		cut transfer closed
		huge larger than 4194304 bytes
		junk manifest: line 1
		html manifest: line 1
		loop redirects
		denied 403 Forbidden: go away
		header sha256:b{64}: the content has digest
		busy sha256:a{64}: the content has digest
		token sha256:a{64}: the content has digest
	END
	spec "127.0.0.1:$liar/plain/x@sha256:$(printf 'c%.0s' $(seq 64))"
	fails_with 'sha256:c{64}: the content has digest sha256:' build --cache cache --o a.tar
	[ ! -e a.tar ] || fail "an output was written"
	[ -z "$(find cache -name '*.tmp-*')" ] || fail "a temporary file is left"
	cache_is_sound cache
}

case_killed_in_the_middle() {
	need_registry
	spec "127.0.0.1:$open/test/large:1"
	build --cache whole --o want.tar
	for i in 1 2 3 4 5 6; do
		"$LINUXKIT" -q build --arch amd64 --cache cache --o a.tar spec.yml 2>/dev/null &
		pid=$!
		sleep "0.$i"
		kill -KILL $pid 2>/dev/null || true
		wait $pid || true
		# killed even before the first file was made?
		[ ! -e cache/index.json ] || python3 -c 'import json; json.load(open("cache/index.json"))'
	done
	find cache -name '*.tmp-*' -exec touch -d '-5 minutes' {} +
	build --cache cache --o a.tar
	same a.tar want.tar
	[ -z "$(find cache -name '*.tmp-*')" ] || fail "leftovers of dead processes stay"
	cache_is_sound cache
}

case_several_at_once() {
	need_registry
	spec "127.0.0.1:$open/test/large:1"
	pids=
	for i in 1 2 3; do
		"$LINUXKIT" -q build --arch amd64 --cache cache --o $i.tar spec.yml &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || fail "one of them failed"
	done
	same 1.tar 2.tar
	same 1.tar 3.tar
	cache_is_sound cache
	[ "$(grep -c 'ref.name' cache/index.json)" = 1 ] || fail "the name stands there more than once"
}

case_full_disk() {
	need_registry
	spec "127.0.0.1:$open/test/large:1"
	(
		# A file size limit stops the writer like a full disk does, and needs no mount.
		trap '' XFSZ
		ulimit -f 20000
		fails_with 'sha256' build --cache cache --o a.tar
	)
	[ "$(wc -l <stderr)" -le 2 ] || fail "more than one line: $(cat stderr)"
	[ -z "$(find cache -name '*.tmp-*')" ] || fail "a temporary file is left"
	build --cache cache --o a.tar
	build --cache cache2 --o b.tar
	same a.tar b.tar
}

run_cases
