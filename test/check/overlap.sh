#!/bin/sh
# overlap.sh - a layer is unpacked while others are still on their way, and what goes wrong then is said once.
. "$(dirname "$0")/../lib.sh"

unset DOCKER_CONFIG REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_AUTH_CONFIG LINUXKIT_MIRROR

# serve [bad]: a registry that sends the second layer of its only image, whatever its name, when the index of the unpacked first one is in
# ./cache, and not at all when that does not come; bad: the second layer is no tar. $port.
serve() {
	need python3
	PYTHONPATH=$TOP/test PYTHONDONTWRITEBYTECODE=1 python3 - "$@" >server.log 2>&1 <<-'END' &
		import http.server, os, sys, time
		from image import Cache, Layer
		made = Cache("made")
		late = made.blob(b"no tar, and long enough to be one" * 40, "application/vnd.oci.image.layer.v1.tar")
		layers = [Layer().file("one", "1"), late if sys.argv[1:] == ["bad"] else Layer().file("two", "2")]
		image = made.manifest(layers, {"Cmd": ["/one"]}, "amd64")
		made.name("x", made.index([("linux/amd64", image)]))
		import json
		read = lambda hexadecimal: open(f"made/blobs/sha256/{hexadecimal}", "rb").read()
		root = json.load(open("made/index.json"))["manifests"][0]
		first, second = (d["digest"][7:] for d in json.loads(read(image["digest"][7:]))["layers"])

		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        name = self.path.rsplit("/", 1)[1].removeprefix("sha256:")
		        body, status = read(root["digest"][7:] if name == "1" else name), 200
		        if name == second:
		            for _ in range(200):
		                if os.path.exists(f"cache/derived/layers/{first}.idx"):
		                    break
		                time.sleep(0.05)
		            else:
		                body, status = b"", 404
		        self.send_response(status)
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)

		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		print("listening on", server.server_port, flush=True)
		server.serve_forever()
	END
	server=$!
	trap 'kill $server' EXIT
	wait_for server.log 'listening on' 20 "$server"
	port=$(sed -n 's/listening on //p' server.log)
	printf 'init:\n  - 127.0.0.1:%s/x:1\n' "$port" >spec.yml
}

case_unpacked_on_arrival() {
	serve
	"$LINUXKIT" -q build --cache cache --arch amd64 --no-sbom --format tar spec.yml
	tar -tf spec.tar >list
	[ "$(grep -cxE "one|two" list)" = 2 ] || fail "not both layers: $(cat list)"
}

# Both pulls bring the same layers, and what one has said of them is gone when the other still goes on.
case_shared_layers() {
	serve
	printf '  - 127.0.0.1:%s/y:1\n' "$port" >>spec.yml
	"$LINUXKIT" -v 2 build --cache cache --arch amd64 --no-sbom --format tar spec.yml 2>stderr || fail "$(cat stderr)"
	for layer in cache/derived/layers/*.idx; do
		hexadecimal=$(basename "$layer" .idx)
		[ "$(grep -c "unpack layer sha256:$hexadecimal" stderr)" = 1 ] || fail "$hexadecimal is not unpacked once"
	done
}

case_fault_said_once() {
	serve bad
	! "$LINUXKIT" -q build --cache cache --arch amd64 --no-sbom --format tar spec.yml 2>stderr || fail "a build of no tar"
	grep -q '^Error: spec.yml:2:5: init\[0\]: image 127.0.0.1:[0-9]*/x:1: layer sha256:' stderr || fail "$(cat stderr)"
	[ "$(wc -l <stderr)" = 1 ] || fail "more than one line: $(cat stderr)"
}

run_cases
