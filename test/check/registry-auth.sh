#!/bin/sh
# registry-auth.sh - who may come in, and to whom we talk: passwords, tokens, certificates, mirrors, and pushing under
# each of them, with real registries. What arrives is compared with what skopeo reads.
. "$(dirname "$0")/../lib.sh"
. "$TOP/test/registry.sh"

unset DOCKER_CONFIG REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_AUTH_CONFIG LINUXKIT_MIRROR

if have_registry; then
	make_certificates
	make_image "$WORK/layout" app 20000
	start_registry plain
	plain=$port
	for repo in test/app open/app sub/test/app sub/library/app; do
		push_image "$WORK/layout" app "127.0.0.1:$plain/$repo:1" || exit 1
	done
	start_registry password auth=htpasswd
	password=$port
	for name in good expired elsewhere; do
		start_registry "tls_$name" "tls=$name"
		eval "tls_$name=$port"
	done
	start_tokens tokens
	tokens=$port
	start_registry token "auth=http://127.0.0.1:$tokens/token"
	token=$port
	skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$plain/test/app:1" >"$WORK/index"
	root=sha256:$(sha256sum <"$WORK/index" | cut -c1-64)
	LINUXKIT_CACHE=$WORK/reference "$LINUXKIT" -q cache pull "127.0.0.1:$plain/test/app:1" || exit 1
fi
tls_good=${tls_good:-} tls_expired=${tls_expired:-} tls_elsewhere=${tls_elsewhere:-}

# pulls HOST/REPO [FLAG...]: into a cache of its own; what is there is what skopeo saw, and no secret was told.
pulls() {
	rm -rf pulled
	ref=$1
	shift
	"$LINUXKIT" -v 3 cache pull --cache pulled "$@" "$ref" >stdout 2>stderr || {
		cat stderr
		fail "pull $ref"
	}
	grep -q "\"digest\": *\"$root\"" pulled/index.json || fail "root digest is not $root"
	same "pulled/blobs/sha256/${root#sha256:}" "$WORK/index"
	cache_is_sound pulled
	no_secret
}

# refused PATTERN HOST/REPO [FLAG...]: the pull fails with one line.
refused() {
	pattern=$1 ref=$2
	shift 2
	rm -rf pulled
	fails_with "$pattern" "$LINUXKIT" -q cache pull --cache pulled "$@" "$ref"
	[ "$(grep -vc '^hint: ' stderr)" = 1 ] || fail "not one line: $(cat stderr)"
	no_secret
}

no_secret() {
	if grep -E 'secret|c2VjcmV0|c2Vjcm|dXNlcjpz|identity-of|eyJ' stderr; then
		fail "a secret is in the messages"
	fi
}

# auths FILE HOST JSON: a file with one entry.
auths() {
	mkdir -p "$(dirname "$1")"
	printf '{"auths":{"%s":%s}}' "$2" "$3" >"$1"
}

user='{"auth":"dXNlcjpzZWNyZXQ="}'   # user:secret
wrong='{"auth":"dXNlcjp3cm9uZw=="}'  # user:wrong
reader='{"auth":"cmVhZGVyOnNlY3JldA=="}' # reader:secret

helper() {
	mkdir -p bin
	cat >"bin/docker-credential-$1"
	chmod +x "bin/docker-credential-$1"
	PATH=$PWD/bin:$PATH
}

case_password_in_each_place() {
	need_registry
	host=127.0.0.1:$password
	refused '401' "$host/test/app:1"
	grep -q "^hint: no credentials for $host" stderr || fail "no hint: $(cat stderr)"
	auths docker/config.json "$host" "$user"
	DOCKER_CONFIG=$PWD/docker pulls "$host/test/app:1"
	auths docker/config.json "$host" '{"username":"user","password":"secret"}'
	DOCKER_CONFIG=$PWD/docker pulls "$host/test/app:1"
	# the file is the one that skopeo writes
	echo secret | skopeo login -u user --password-stdin --tls-verify=false --authfile auth.json "$host" >/dev/null
	REGISTRY_AUTH_FILE=$PWD/auth.json pulls "$host/test/app:1"
	mkdir -p run/containers
	cp auth.json run/containers/
	XDG_RUNTIME_DIR=$PWD/run pulls "$host/test/app:1"
	DOCKER_AUTH_CONFIG=$(cat auth.json) pulls "$host/test/app:1"
	mkdir -p home/.docker
	cp auth.json home/.docker/config.json
	HOME=$PWD/home pulls "$host/test/app:1"
	# each of them only when those before it are not there
	auths docker/config.json "$host" "$wrong"
	DOCKER_CONFIG=$PWD/docker REGISTRY_AUTH_FILE=$PWD/auth.json refused 401 "$host/test/app:1"
	grep -q "^hint: the credentials for $host were refused" stderr || fail "no hint: $(cat stderr)"
	auths wrong.json "$host" "$wrong"
	REGISTRY_AUTH_FILE=$PWD/wrong.json XDG_RUNTIME_DIR=$PWD/run refused 401 "$host/test/app:1"
	DOCKER_AUTH_CONFIG=$(cat auth.json) DOCKER_CONFIG=$PWD/docker pulls "$host/test/app:1"
	# the entry of the repository before the one of the host
	printf '{"auths":{"%s":%s,"%s":%s}}' "$host" "$wrong" "$host/test/app" "$user" >both.json
	REGISTRY_AUTH_FILE=$PWD/both.json pulls "$host/test/app:1"
	# a file that is none is said, not passed over
	mkdir broken
	echo '{"auths":' >broken/config.json
	DOCKER_CONFIG=$PWD/broken refused 'broken/config.json' "$host/test/app:1"
}

case_credential_helpers() {
	need_registry
	host=127.0.0.1:$password
	helper test <<-'END'
		#!/bin/sh
		read -r key
		echo "$1 $key" >>asked
		case $key in
		*/*) echo "credentials not found in native keychain"; exit 1 ;;
		*) echo '{"ServerURL":"x","Username":"user","Secret":"secret"}' ;;
		esac
	END
	mkdir docker
	export DOCKER_CONFIG="$PWD/docker"
	echo '{"credsStore":"test"}' >docker/config.json
	pulls "$host/test/app:1"
	grep -qx "get $host" asked || fail "asked: $(cat asked)"
	: >asked
	printf '{"credsStore":"none","credHelpers":{"%s":"test"}}' "$host" >docker/config.json
	pulls "$host/test/app:1"
	[ "$(cat asked)" = "get $host" ] || fail "asked: $(cat asked)"
	# one that is not there, fails, or says nonsense: no credentials, and no end of the program
	helper failing <<-'END'
		#!/bin/sh
		echo "secret trouble" >&2
		exit 3
	END
	helper junk <<-'END'
		#!/bin/sh
		head -c 3000000 /dev/zero
	END
	for name in missing failing junk; do
		echo "{\"credsStore\":\"$name\"}" >docker/config.json
		rm -rf pulled
		fails_with 401 "$LINUXKIT" cache pull --cache pulled "$host/test/app:1"
	done
	# a name is no path
	echo '{"credsStore":"../../bin/docker-credential-test"}' >docker/config.json
	: >asked
	refused 401 "$host/test/app:1"
	[ ! -s asked ] || fail "a path was taken for a name"
	# an identity token
	helper identity <<-'END'
		#!/bin/sh
		echo '{"ServerURL":"x","Username":"<token>","Secret":"identity-of-user"}'
	END
	echo '{"credsStore":"identity"}' >docker/config.json
	pulls "127.0.0.1:$token/test/app:1"
	tail -n 1 "$WORK/tokens.log" | grep -q '^POST user repository:test/app:pull' || fail "$(tail -n 2 "$WORK/tokens.log")"
}

# asked_since LINES PATTERN: how many requests the token server had behind line LINES that match.
asked_since() {
	tail -n "+$(($1 + 1))" "$WORK/tokens.log" | grep -cE "$2" || true
}

case_tokens() {
	need_registry
	host=127.0.0.1:$token
	# anybody
	pulls "$host/open/app:1"
	refused '401|denied' "$host/test/app:1"
	grep -q "^hint: no credentials for $host" stderr || fail "no hint: $(cat stderr)"
	export REGISTRY_AUTH_FILE="$PWD/auth.json"
	auths auth.json "$host" "$user"
	before=$(wc -l <"$WORK/tokens.log")
	pulls "$host/test/app:1"
	[ "$(asked_since "$before" '^GET user repository:test/app:pull -> ')" = 1 ] ||
		fail "not one token: $(tail -n "+$((before + 1))" "$WORK/tokens.log")"
	auths auth.json "$host" "$wrong"
	refused '401' "$host/test/app:1"
	grep -q '^hint: .*credentials.* refused' stderr || fail "no hint: $(cat stderr)"
	# an identity token is exchanged by POST, by GET when the server does not know that
	auths auth.json "$host" '{"auth":"dXNlcjo=","identitytoken":"identity-of-user"}'
	before=$(wc -l <"$WORK/tokens.log")
	pulls "$host/test/app:1"
	[ "$(asked_since "$before" '^POST user repository:test/app:pull -> ')" = 1 ] || fail "no POST"
	start_tokens old --no-post
	old=$port
	start_registry oldreg "auth=http://127.0.0.1:$old/token"
	printf '{"auths":{"127.0.0.1:%s":{"username":"user","password":"secret","identitytoken":"identity-of-user"}}}' \
		"$port" >auth.json
	pulls "127.0.0.1:$port/test/app:1"
	grep -q '^POST 404' "$WORK/old.log" || fail "no POST"
	grep -q '^GET user repository' "$WORK/old.log" || fail "no GET"
	# a registry token is taken as it is
	skopeo_token=$(python3 - "http://127.0.0.1:$tokens/token?service=test-registry&scope=repository:test/app:pull" <<-'END'
		import base64, json, sys, urllib.request
		r = urllib.request.Request(sys.argv[1], headers={"Authorization": "Basic dXNlcjpzZWNyZXQ="})
		print(json.load(urllib.request.urlopen(r))["token"])
	END
	)
	auths auth.json "$host" "{\"registrytoken\":\"$skopeo_token\"}"
	before=$(wc -l <"$WORK/tokens.log")
	pulls "$host/test/app:1"
	[ "$(asked_since "$before" .)" = 0 ] || fail "the token server was asked"
}

# A token that ends in the middle: the layers come one after the other, slower than the token lasts.
case_token_is_renewed() {
	need_registry
	start_tokens short --life 1
	short=$port
	start_registry shortreg "auth=http://127.0.0.1:$short/token"
	upstream=$port
	python3 - many <<-'END'
		import random, sys
		from image import Cache, Layer
		cache = Cache(sys.argv[1])
		layers = [Layer().file("f%d" % i, random.Random(i).randbytes(50000)) for i in range(14)]
		cache.name("test.example/many", cache.index([("linux/amd64", cache.manifest(layers))]))
	END
	push_image many many "127.0.0.1:$plain/test/many:1"
	cat >slow.py <<-'END'
		import socket, sys, threading, time
		# Passes bytes on; towards the client 100 kB a second, connection by connection.
		def copy(a, b, rate):
		    try:
		        while data := a.recv(6000):
		            b.sendall(data)
		            time.sleep(len(data) / rate if rate else 0)
		    except OSError:
		        pass
		    finally:
		        for s in a, b:
		            try: s.shutdown(socket.SHUT_RDWR)
		            except OSError: pass
		server = socket.create_server(("127.0.0.1", 0), backlog=64)
		print("listening on", server.getsockname()[1], flush=True)
		while True:
		    client, _ = server.accept()
		    other = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		    threading.Thread(target=copy, args=(client, other, 0), daemon=True).start()
		    threading.Thread(target=copy, args=(other, client, 100000), daemon=True).start()
	END
	background slow python3 slow.py "$upstream"
	port_from 'listening on '
	slow=$port
	export REGISTRY_AUTH_FILE="$PWD/auth.json"
	auths auth.json "127.0.0.1:$slow" "$user"
	root=sha256:$(skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$plain/test/many:1" | tee index | sha256sum |
		cut -c1-64)
	"$LINUXKIT" -q cache pull --cache cache "127.0.0.1:$slow/test/many:1" 2>stderr || fail "$(cat stderr)"
	same "cache/blobs/sha256/${root#sha256:}" index
	cache_is_sound cache
	[ "$(find cache/blobs/sha256 -type f | wc -l)" -ge 16 ] || fail "layers are missing"
	n=$(grep -c '^GET user' "$WORK/short.log")
	[ "$n" -ge 2 ] || fail "the token was not renewed"
	[ "$n" -le 6 ] || fail "$n tokens"
}

case_certificates() {
	need_registry
	ca=$WORK/tls/ca.pem
	pulls "127.0.0.1:$tls_good/test/app:1" --cert-file "$ca"
	pulls "localhost:$tls_good/test/app:1" --cert-file "$WORK/tls/stranger.pem" --cert-file "$ca"
	grep -q 'GET /v2/test/app/blobs/.* HTTP/2.0" 200' "$WORK/tls_good.log" || fail "HTTP/2 was not used"
	refused 'certificate' "127.0.0.1:$tls_good/test/app:1"
	grep -q '^hint: .*--cert-file' stderr || fail "no hint: $(cat stderr)"
	refused 'certificate' "127.0.0.1:$tls_good/test/app:1" --cert-file "$WORK/tls/stranger.pem"
	refused 'expired' "127.0.0.1:$tls_expired/test/app:1" --cert-file "$ca"
	refused 'subject name|host name|hostname|IP address' "127.0.0.1:$tls_elsewhere/test/app:1" --cert-file "$ca"
	refused 'certificate' "registry.example/test/app:1" --mirror "https://127.0.0.1:$tls_good"
	echo nothing >none.pem
	refused 'none.pem.*PEM' "127.0.0.1:$tls_good/test/app:1" --cert-file none.pem
	refused 'missing.pem' "127.0.0.1:$tls_good/test/app:1" --cert-file missing.pem
	# a certificate that is not trusted is never a reason to go on in the open
	for log in tls_good tls_expired tls_elsewhere; do
		grep 'HTTP request to an HTTPS server' "$WORK/$log.log" && fail "spoke HTTP to the registry $log"
	done
	return 0
}

case_mirrors() {
	need_registry
	at=http://127.0.0.1:$plain
	dead=http://127.0.0.1:$(free_port)
	pulls registry.example/test/app:1 --mirror "registry.example=$at"
	grep -q '"registry.example/test/app:1"' pulled/index.json || fail "not under its own name"
	grep -q "127.0.0.1" pulled/index.json && fail "under the name of the mirror"
	pulls registry.example/test/app:1 --mirror "registry.example=$at/sub/"
	pulls registry.example/test/app:1 --mirror "$at"
	# the registry's own before the one for all
	pulls registry.example/test/app:1 --mirror "$dead" --mirror "registry.example=$at"
	pulls registry.example/test/app:1 --mirror "registry.example=$at" --mirror "$dead"
	pulls registry.example/test/app:1 --mirror "other.example=$dead" --mirror "$at/sub"
	LINUXKIT_MIRROR="other.example=$dead,registry.example=$at" pulls registry.example/test/app:1
	# Docker Hub by each of its names
	for name in app:1 library/app:1 docker.io/library/app:1 index.docker.io/library/app:1 \
		registry-1.docker.io/library/app:1; do
		pulls "$name" --mirror "docker.io=$at/sub"
	done
	# by digest
	pulls "registry.example/test/app@$root" --mirror "registry.example=$at"
	# a mirror that is dead, or does not have it, is not passed by
	refused 'refused' "127.0.0.1:$plain/test/app:1" --mirror "$dead"
	refused '404' "127.0.0.1:$plain/test/app:1" --mirror "$at/nothing"
	refused 'mirror' "127.0.0.1:$plain/test/app:1" --mirror "127.0.0.1:$plain=no-address"
	# with the certificate and the credentials of the mirror
	pulls registry.example/test/app:1 --mirror "registry.example=https://localhost:$tls_good/sub" \
		--cert-file "$WORK/tls/ca.pem"
	export REGISTRY_AUTH_FILE="$PWD/auth.json"
	auths auth.json registry.example "$user"
	refused 401 registry.example/test/app:1 --mirror "registry.example=http://127.0.0.1:$password"
	auths auth.json "127.0.0.1:$password" "$user"
	pulls registry.example/test/app:1 --mirror "registry.example=http://127.0.0.1:$password"
}

# pushed REF: the registry has exactly what was pulled, as skopeo sees it. (Of servers with one store the open one is asked.)
pushed() {
	skopeo inspect --raw --tls-verify=false "docker://$1" >remote || fail "skopeo cannot read $1"
	same remote "$WORK/index"
	rm -rf copied
	skopeo copy -q --all --src-tls-verify=false "docker://$1" dir:copied || fail "skopeo cannot copy $1"
	same copied/manifest.json "$WORK/index"
}

push() {
	from=127.0.0.1:$plain/test/app:1
	to=$1
	shift
	"$LINUXKIT" -v 3 cache push --cache cache --remote-name "$to" "$@" "$from" >stdout 2>stderr || {
		cat stderr
		fail "push to $to"
	}
	no_secret
}

# A cache with all platforms of the image, as "cache pull" of it makes it.
full_cache() {
	rm -rf cache
	skopeo copy -q --all --preserve-digests --src-tls-verify=false "docker://127.0.0.1:$plain/test/app:1" \
		"oci:cache:127.0.0.1:$plain/test/app:1"
}

# requests NAME LINES PATTERN: requests that registry NAME answered behind line LINES of its log.
requests() {
	tail -n "+$(($2 + 1))" "$WORK/$1.log" | grep -cE "\"$3 HTTP/" || true
}

case_push() {
	need_registry
	start_registry target "store=$WORK/target"
	target=$port
	full_cache
	push "127.0.0.1:$target/new/app:1"
	pushed "127.0.0.1:$target/new/app:1"
	# again: nothing is sent
	before=$(wc -l <"$WORK/target.log")
	push "127.0.0.1:$target/new/app:1"
	[ "$(requests target "$before" '(POST|PUT|PATCH) [^ ]*')" = 0 ] || fail "something was sent again"
	# another tag: the blobs are there, only the index goes up
	before=$(wc -l <"$WORK/target.log")
	push "127.0.0.1:$target/new/app:2"
	[ "$(requests target "$before" '(POST|PATCH) [^ ]*')" = 0 ] || fail "a blob was sent again"
	pushed "127.0.0.1:$target/new/app:2"
	# what the registry has under that name is left alone without --override
	make_image other other 1000
	push_image other other "127.0.0.1:$target/new/app:3"
	skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$target/new/app:3" >was
	push "127.0.0.1:$target/new/app:3"
	skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$target/new/app:3" >now
	same was now
	push "127.0.0.1:$target/new/app:3" --override
	pushed "127.0.0.1:$target/new/app:3"
	# each architecture by a tag
	push "127.0.0.1:$target/new/app:4" --with-arch-tags
	for arch in amd64 arm64; do
		want=$(python3 -c 'import json,sys
print(next(m["digest"] for m in json.load(open(sys.argv[1]))["manifests"] if m["platform"]["architecture"] == sys.argv[2]))' \
			"$WORK/index" $arch)
		got=$(skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$target/new/app:4-$arch" | sha256sum | cut -c1-64)
		[ "$want" = "sha256:$got" ] || fail "4-$arch is sha256:$got"
	done
	# and back again
	pulls "127.0.0.1:$target/new/app:4"
	"$LINUXKIT" cache ls --cache cache >names 2>&1
	grep -q unknown names && fail "names that nobody gave: $(cat names)"
	fails_with 'no-such' "$LINUXKIT" -q cache push --cache cache 127.0.0.1:"$target"/no-such:1
}

# An index over another one: ours first, then the platforms that only the registry has. Attestations stay with what
# they are about.
case_push_merges() {
	need_registry
	start_registry merge "store=$WORK/merge"
	python3 - <<-'END'
		import json
		from image import Cache, Layer, OCI
		def attested(cache, images):
		    entries = []
		    for n, (arch, text) in enumerate(images):
		        image = cache.manifest([Layer().file("x", text)], {"Cmd": [text]}, arch)
		        entries.append(dict(image, platform={"os": "linux", "architecture": arch}))
		        layer = dict(cache.blob(json.dumps({"predicate": text}).encode(), "application/vnd.in-toto+json"),
		                     annotations={"in-toto.io/predicate-type": "https://spdx.dev/Document"})
		        about = cache.blob(json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "layers": [layer],
		            "config": cache.blob(b'{"architecture":"unknown","os":"unknown"}', OCI + "config.v1+json")}).encode(),
		            OCI + "manifest.v1+json")
		        entries.append(dict(about, platform={"os": "unknown", "architecture": "unknown"}, annotations={
		            "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]}))
		    return cache.blob(json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
		                                  "manifests": entries}).encode(), OCI + "index.v1+json")
		cache = Cache("cache")
		cache.name("test.example/ours", attested(cache, [("amd64", "ours"), ("arm64", "ours too")]))
		cache.name("test.example/theirs", attested(cache, [("amd64", "theirs"), ("riscv64", "theirs alone")]))
	END
	ours=$(python3 -c 'import json; print(json.load(open("cache/index.json"))["manifests"][0]["digest"][7:])')
	"$LINUXKIT" -q cache push --cache cache --remote-name "127.0.0.1:$port/a:1" test.example/ours
	skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$port/a:1" >raw
	same raw "cache/blobs/sha256/$ours"
	skopeo copy -q --all --src-tls-verify=false "docker://127.0.0.1:$port/a:1" dir:copied
	"$LINUXKIT" -q cache push --cache cache --remote-name "127.0.0.1:$port/b:1" test.example/theirs
	"$LINUXKIT" -q cache push --cache cache --remote-name "127.0.0.1:$port/b:1" --override test.example/ours
	skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$port/b:1" >raw
	skopeo copy -q --all --src-tls-verify=false "docker://127.0.0.1:$port/b:1" dir:merged
	python3 - <<-'END'
		import json
		entries = json.load(open("raw"))["manifests"]
		have = [e["digest"] for e in entries]
		got = [e["platform"]["architecture"] for e in entries]
		assert got == ["amd64", "unknown", "arm64", "unknown", "riscv64", "unknown"], got
		for e in entries:
		    about = e.get("annotations", {}).get("vnd.docker.reference.digest")
		    assert about is None or about in have, "an attestation about nothing"
	END
	# nothing new: the registry's index stays
	"$LINUXKIT" -q cache push --cache cache --remote-name "127.0.0.1:$port/b:1" --override test.example/ours
	skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$port/b:1" >again
	same raw again
}

# Within a registry a blob is mounted, not sent.
case_push_mounts() {
	need_registry
	start_registry mount "store=$WORK/mount"
	push_image "$WORK/layout" app "127.0.0.1:$port/first/app:1"
	rm -rf cache
	"$LINUXKIT" -q cache pull --cache cache --arch all "127.0.0.1:$port/first/app:1" 2>/dev/null ||
		for arch in amd64 arm64; do
			"$LINUXKIT" -q cache pull --cache cache --arch $arch "127.0.0.1:$port/first/app:1"
		done
	before=$(wc -l <"$WORK/mount.log")
	"$LINUXKIT" -q cache push --cache cache --remote-name "127.0.0.1:$port/second/app:1" "127.0.0.1:$port/first/app:1"
	pushed "127.0.0.1:$port/second/app:1"
	[ "$(requests mount "$before" 'POST [^ ]*mount=[^ ]*')" -ge 4 ] || fail "nothing was mounted"
	[ "$(requests mount "$before" 'PATCH [^ ]*')" = 0 ] || fail "a blob was sent"
}

case_push_logged_in() {
	need_registry
	full_cache
	# with a password
	fails_with '401' "$LINUXKIT" -q cache push --cache cache --remote-name "127.0.0.1:$password/pushed/app:1" \
		"127.0.0.1:$plain/test/app:1"
	export REGISTRY_AUTH_FILE="$PWD/auth.json"
	auths auth.json "127.0.0.1:$password" "$user"
	push "127.0.0.1:$password/pushed/app:1"
	pushed "127.0.0.1:$plain/pushed/app:1"
	# with a token: pull,push is asked for
	auths auth.json "127.0.0.1:$token" "$user"
	push "127.0.0.1:$token/tokened/app:1"
	grep -q '^GET user repository:tokened/app:pull,push -> tokened/app:pull,push' "$WORK/tokens.log" || fail "no such scope"
	pushed "127.0.0.1:$plain/tokened/app:1"
	auths auth.json "127.0.0.1:$token" '{"identitytoken":"identity-of-user"}'
	push "127.0.0.1:$token/tokened/app:2"
	pushed "127.0.0.1:$plain/tokened/app:2"
	# who may only read is told so
	auths auth.json "127.0.0.1:$token" "$reader"
	fails_with '40[13]|denied' "$LINUXKIT" -q cache push --cache cache --remote-name "127.0.0.1:$token/tokened/app:3" \
		"127.0.0.1:$plain/test/app:1"
	no_secret
}

# Certificates hold for pushing, mirrors do not: the check whether it is there already does not ask the mirror either.
case_push_goes_to_the_registry() {
	need_registry
	full_cache
	push "127.0.0.1:$tls_good/tls/app:1" --cert-file "$WORK/tls/ca.pem"
	pushed "127.0.0.1:$plain/tls/app:1"
	fails_with 'certificate' "$LINUXKIT" -q cache push --cache cache --remote-name "127.0.0.1:$tls_good/tls/app:2" \
		"127.0.0.1:$plain/test/app:1"
	start_registry origin "store=$WORK/origin"
	push "127.0.0.1:$port/test/app:1" --mirror "127.0.0.1:$port=http://127.0.0.1:$plain"
	pushed "127.0.0.1:$port/test/app:1"
}

run_cases
