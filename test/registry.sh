# test/registry.sh - real registries on loopback for tests: plain, TLS with a CA of its own, htpasswd, tokens.
# Sourced after lib.sh.
#
# Every server listens on a port that the kernel picks. What a function finds out is in a variable ($port),
# because a function that ran in $(...) could not note the servers that cleanup has to end.

REGISTRY_TOOLS="docker-registry skopeo python3 openssl htpasswd"
PYTHONPATH=$TOP/test
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE

# The servers of a script are started before its cases; without the tools none is.
have_registry() {
	for p in $REGISTRY_TOOLS; do
		command -v "$p" >/dev/null 2>&1 || return 1
	done
}

need_registry() {
	# shellcheck disable=SC2086
	need $REGISTRY_TOOLS
}

# A case is a subshell, so what it starts is noted in a file.
cleanup() {
	# shellcheck disable=SC2046,SC2086
	kill $children $(cat "$WORK/servers" 2>/dev/null) 2>/dev/null
	wait
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		rm -rf "$WORK" 2>/dev/null && break
		sleep 0.1
	done
}

# background NAME COMMAND...: a server until the end of the script; what it says is in $WORK/NAME.log; $pid.
background() {
	log=$WORK/$1.log
	shift
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >>"$WORK/servers"
}

# port_from PATTERN: the port that the server started last says it has; $port.
port_from() {
	for _ in $(seq 40); do
		grep -q -- "$1" "$log" && break
		sleep 0.05
	done
	wait_for "$log" "$1" 20 "$pid"
	port=$(sed -n "s/.*$1\([0-9]*\).*/\1/p" "$log" | head -n 1)
}

# make_certificates: $WORK/tls/NAME.{pem,key} for the servers: "good" (127.0.0.1, localhost), "expired",
# "elsewhere" (another host's name); ca.pem signed them, stranger.pem is a CA that signed nothing.
make_certificates() {
	mkdir -p "$WORK/tls"
	for ca in ca stranger; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=test $ca" -days 30 \
			-keyout "$WORK/tls/$ca.key" -out "$WORK/tls/$ca.pem" 2>/dev/null
	done
	for row in "good 30 IP:127.0.0.1,DNS:localhost" "expired -1 IP:127.0.0.1,DNS:localhost" \
		"elsewhere 30 DNS:registry.example"; do
		# shellcheck disable=SC2086
		set -- $row
		printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$3" >"$WORK/tls/$1.ext"
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=test $1" \
			-keyout "$WORK/tls/$1.key" -out "$WORK/tls/$1.csr" 2>/dev/null
		openssl x509 -req -in "$WORK/tls/$1.csr" -CA "$WORK/tls/ca.pem" -CAkey "$WORK/tls/ca.key" -days "$2" \
			-extfile "$WORK/tls/$1.ext" -out "$WORK/tls/$1.pem" 2>/dev/null
	done
}

# start_tokens NAME [OPTION...]: a token server (test/tokens.py); $port. The key that signs is the same for all.
start_tokens() {
	[ -e "$WORK/token.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=tokens -days 30 \
		-keyout "$WORK/token.key" -out "$WORK/token.pem" 2>/dev/null
	server=$1
	shift
	background "$server" python3 "$TOP/test/tokens.py" "$WORK/token.key" "$WORK/token.pem" "$@"
	port_from 'listening on '
}

# start_registry NAME [tls=CERTIFICATE] [auth=htpasswd] [auth=REALM-URL] [store=DIR]; $port.
# htpasswd: "user" with the password "secret". An auth that is a URL: tokens from there.
# Without store= all servers have the same content.
start_registry() {
	server=$1
	tls='' auth='' store=$WORK/store
	shift
	for option in "$@"; do
		case $option in
		tls=*) tls="tls: {certificate: $WORK/tls/${option#tls=}.pem, key: $WORK/tls/${option#tls=}.key}" ;;
		auth=htpasswd)
			htpasswd -Bbn -C 4 user secret >"$WORK/htpasswd" 2>/dev/null
			auth="auth: {htpasswd: {realm: test, path: $WORK/htpasswd}}"
			;;
		auth=*) auth="auth: {token: {realm: \"${option#auth=}\", service: test-registry, issuer: test,
  rootcertbundle: $WORK/token.pem}}" ;;
		store=*) store=${option#store=} ;;
		esac
	done
	cat >"$WORK/$server.yml" <<-EOF
		version: 0.1
		log: {level: info}
		storage: {filesystem: {rootdirectory: $store}, delete: {enabled: true}}
		http:
		  addr: "127.0.0.1:0"
		  secret: test
		  $tls
		$auth
	EOF
	# it would take the variable REGISTRY_AUTH_FILE for a part of its configuration
	background "$server" env -u REGISTRY_AUTH_FILE docker-registry serve "$WORK/$server.yml"
	port_from 'listening on 127.0.0.1:'
}

# make_image DIR NAME BYTES: the OCI layout DIR with the index test.example/NAME for amd64 and arm64; three layers
# each: gzip (with BYTES that do not compress), plain, gzip. NAME goes into the content.
make_image() {
	python3 - "$@" <<-'END'
		import random, sys
		from image import Cache, Layer
		folder, name, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
		cache = Cache(folder)
		manifests = []
		for arch in "amd64", "arm64":
		    noise = random.Random(name + arch).randbytes(size)
		    layers = [Layer().dir("usr").file("usr/app", name + " " + arch, 0o755).file("noise", noise),
		              Layer().file("two", "2 " + name), Layer().file("three", "3 " + arch).whiteout("two")]
		    manifests.append(("linux/" + arch, cache.manifest(layers, {"Cmd": ["/usr/app", name]}, arch)))
		cache.name("test.example/" + name, cache.index(manifests))
	END
}

# push_image DIR NAME REF: as it is, to a registry without TLS.
push_image() {
	skopeo copy -q --all --preserve-digests --dest-tls-verify=false "oci:$1:test.example/$2" "docker://$3"
}

# cache_is_sound DIR: every blob is what its name says, and every name leads to an index or image that is there.
cache_is_sound() {
	python3 "$TOP/test/sound.py" "$1" || fail "the cache $1 is not sound"
}

# spec REF: spec.yml with one image.  build OPTION...: builds it.
spec() {
	printf 'init:\n  - %s\n' "$1" >spec.yml
}

build() {
	"$LINUXKIT" -q build --arch amd64 --no-sbom "$@" spec.yml
}
