#!/bin/sh
# words.sh - what a user reads when something around the registry is wrong: said once, and about the right thing.
. "$(dirname "$0")/../lib.sh"
. "$TOP/test/registry.sh"

unset DOCKER_CONFIG REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_AUTH_CONFIG LINUXKIT_MIRROR

if have_registry; then
	make_certificates
	make_image "$WORK/layout" app 20000
	start_registry plain
	plain=$port
	push_image "$WORK/layout" app "127.0.0.1:$plain/test/app:1" || exit 1
	start_registry password auth=htpasswd
	password=$port
	for name in expired elsewhere good; do
		start_registry "tls_$name" "tls=$name"
		eval "tls_$name=$port"
	done
fi
plain=${plain:-} password=${password:-} tls_expired=${tls_expired:-} tls_elsewhere=${tls_elsewhere:-} tls_good=${tls_good:-}

# no_pull REF: fails; what it said is in stderr.
no_pull() {
	! "$LINUXKIT" cache pull --cache pulled "$@" >stdout 2>stderr || fail "pulled $*"
}

case_broken_helper_once() {
	need_registry
	mkdir -p "$HOME/.docker"
	for name in missing ../../x; do
		printf '{"credsStore":"%s"}' "$name" >"$HOME/.docker/config.json"
		printf 'init:\n  - 127.0.0.1:%s/test/app:1\n  - 127.0.0.1:%s/test/two:1\n' "$password" "$password" >spec.yml
		! "$LINUXKIT" build --cache c --arch amd64 --no-sbom --format tar spec.yml 2>stderr || fail "built without a password"
		[ "$(grep -c 'level=warning' stderr)" = 1 ] || fail "$(cat stderr)"
		grep -q "level=warning msg=\"credentials for 127.0.0.1:$password/.*$name" stderr || fail "$(cat stderr)"
	done
	rm -r "$HOME/.docker"
}

# Who does not listen is the proxy.
case_dead_proxy() {
	need_registry
	https_proxy=http://127.0.0.1:1 no_pull registry.invalid/test/app:1
	grep -qx 'Error: pull registry.invalid/test/app:1: connect to 127.0.0.1 port 1: connection refused' stderr ||
		fail "$(cat stderr)"
	grep -q '^hint: .*proxy' stderr || fail "$(cat stderr)"
	no_pull 127.0.0.1:1/test/app:1
	grep -qx 'Error: pull 127.0.0.1:1/test/app:1: connection refused' stderr || fail "$(cat stderr)"
	grep -q '^hint: nobody listens at 127.0.0.1:1' stderr || fail "$(cat stderr)"
}

case_certificates() {
	need_registry
	while read -r port authority hint; do
		no_pull --cert-file "$WORK/tls/$authority.pem" "127.0.0.1:$port/test/app:1"
		grep -q "^hint: .*$hint" stderr || fail "$(cat stderr)"
	done <<-END
		$tls_expired ca clock
		$tls_elsewhere ca another name
		$tls_good stranger --cert-file
	END
}

# What is behind the ? of an upload lets anybody continue it.
case_upload_addresses_hidden() {
	need_registry
	lk=127.0.0.1:$plain
	"$LINUXKIT" -q cache pull --cache c --platform all "$lk/test/app:1"
	start_registry target "store=$WORK/target"
	"$LINUXKIT" -v 3 cache push --cache c --remote-name "127.0.0.1:$port/test/app:1" "$lk/test/app:1" >stdout 2>stderr
	grep -q '> PATCH http' stderr || fail "nothing was uploaded"
	if grep -E '_state=' stderr; then
		fail "an address is told"
	fi
}

case_disk_full() {
	need_registry
	mkdir small
	mount -t tmpfs -o size=64k none small 2>/dev/null || skip "no right to mount"
	trap 'umount "$PWD/small"' EXIT
	ref=127.0.0.1:$plain/test/app:1
	printf 'init:\n  - %s\n' "$ref" >spec.yml
	for step in download unpack; do
		! "$LINUXKIT" -q build --cache small --arch amd64 --no-sbom --format tar spec.yml 2>stderr || fail "$step: it fits"
		grep -q 'No space left on device$' stderr || fail "$(cat stderr)"
		grep -qx 'hint: the cache is small; .linuxkit cache gc. frees what no image needs' stderr || fail "$(cat stderr)"
		mount -o remount,size=84k small
	done
}

# What stands where an interrupted download would be is in nobody's way.
case_strange_leftovers() {
	need_registry
	ref=127.0.0.1:$plain/test/app:1
	"$LINUXKIT" -q cache pull --cache good "$ref"
	mkdir -p c/derived/partial
	: >precious
	number=0
	for blob in good/blobs/sha256/*; do
		at=c/derived/partial/$(basename "$blob")
		case $number in
		0) mkdir "$at" && : >"$at/file" ;;
		1) mkfifo "$at" ;;
		*) ln -s "$PWD/precious" "$at" ;;
		esac
		number=$(((number + 1) % 3))
	done
	"$LINUXKIT" -q cache pull --cache c "$ref"
	cache_is_sound c
	[ ! -s precious ] || fail "written through a link"
}

# gc holds the lock that a reader of a broken index asks for.
case_broken_index() {
	mkdir c
	echo '{' >c/index.json
	for command in ls verify gc; do
		timeout 20 "$LINUXKIT" cache "$command" --cache c >stdout 2>stderr && fail "$command: no failure"
		grep -q '^Error: image cache: c/index.json: line 2' stderr || fail "$command: $(cat stderr)"
	done
	"$LINUXKIT" cache clean --cache c >stdout
	[ ! -e c ] || fail "clean minds a broken index"
}

case_waiting_said() {
	need_registry
	"$LINUXKIT" -q cache pull --cache c "127.0.0.1:$plain/test/app:1"
	: >stderr
	python3 - c/.in-use <<-'END' &
		import fcntl, struct, sys, time
		f = open(sys.argv[1], "r+")
		fcntl.fcntl(f, 38, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLKW
		open("locked", "w").close()
		for _ in range(200):
		    if "waiting" in open("stderr").read():
		        break
		    time.sleep(0.05)
	END
	holder=$!
	while [ ! -e locked ]; do sleep 0.05; done
	"$LINUXKIT" cache gc --cache c 2>stderr >stdout
	grep -qx 'waiting for another process that uses c' stderr || fail "$(cat stderr)"
	wait "$holder"
}

run_cases
