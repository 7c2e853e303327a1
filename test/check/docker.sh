#!/bin/sh
# docker.sh - `linuxkit build --docker` against a stand-in for the engine (test/engine.py), and `--format docker`.
. "$(dirname "$0")/../lib.sh"

# The cache has app:1 and init:1 with a file /from that says "cache"; the engine has them with "engine".
images() {
	need python3
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$TOP/test" python3 - <<-'EOF'
		import json, os
		from image import Cache, Layer
		cache = Cache(os.environ["LINUXKIT_CACHE"])
		for name in "app", "init":
		    cache.image("acme/%s:1" % name, [Layer().dir("bin").file("from", "cache")],
		                config={"Entrypoint": ["/cache"]})
		# as an engine exports: slashes, and the places that it mounts over
		t = 1600000000
		Layer.save = lambda self, path: open(path, "wb").write(self.tar())
		(Layer().file(".dockerenv").dir("bin/").dir("dev/", mtime=t).file("dev/console").dir("dev/pts/", mtime=t)
		 .dir("dev/shm/", mtime=t).dir("etc/", mode=0o700, mtime=t).file("etc/hostname").file("etc/hosts")
		 .symlink("etc/mtab", "/proc/mounts").file("etc/resolv.conf").file("from", "engine").dir("proc/", mtime=t)
		 .save("app.tar"))
		Layer().dir("bin/").file("from", "engine").save("init.tar")
		config = {"Entrypoint": ["/engine"], "Cmd": None, "Env": ["A=b"], "WorkingDir": "/w",
		          "Labels": {"org.mobyproject.config": '{"readonly": true}'}}
		json.dump({"docker.io/acme/app:1": {"config": config, "tar": "app.tar"},
		           "docker.io/acme/init:1": {"config": {}, "tar": "init.tar"}}, open("images.json", "w"))
	EOF
	cat >x.yml <<-EOF
		init: [acme/init:1]
		onboot:
		  - name: a
		    image: acme/app:1
	EOF
}

# engine ADDRESS: starts the stand-in, sets engine_pid.
engine() {
	: >log
	: >ready
	python3 -B "$TOP/test/engine.py" "$1" images.json log >ready 2>engine.err &
	engine_pid=$!
	trap stop_engine EXIT
	wait_for ready ready 10 "$engine_pid"
}

stop_engine() {
	kill "$engine_pid" 2>/dev/null || true
	wait "$engine_pid" 2>/dev/null || true
	rm -f sock
}

build() {
	"$LINUXKIT" -q build --arch amd64 --no-sbom "$@"
}

content() {
	tar xOf "$1" "$2"
}

case_order_and_config() {
	images
	build --o plain.tar x.yml
	engine sock
	export DOCKER_HOST="unix://$PWD/sock"
	build --docker --o x.tar x.yml
	[ "$(content x.tar from)" = engine ] || fail "the engine was not asked"
	grep -q '^GET /_ping$' log || fail "no version was agreed on"
	grep -q '^GET /v1.41/images/docker.io/acme/app:1/json$' log || fail "wrong question: $(cat log)"
	[ "$(grep -c '^POST /v1.41/containers/create' log)" = 2 ] || fail "containers: $(cat log)"
	[ "$(grep -c '^DELETE /v1.41/containers/' log)" = 2 ] || fail "containers are left over: $(cat log)"
	# The label and the config are the engine's too.
	B=containers/onboot/000-a
	content x.tar $B/config.json >config.json
	[ "$(grep -cE '"/engine"|"cwd": "/w"' config.json)" = 2 ] || fail "config: $(cat config.json)"
	[ "$(content x.tar $B/rootfs/from)" = engine ] || fail "content of a container"
	# Nothing of it stays: without --docker the build is what it was.
	build --o again.tar x.yml
	same plain.tar again.tar
	find "$LINUXKIT_CACHE" | grep export && fail "left in the cache"
	stop_engine
}

# yaml.md 8, last rule: directories that the engine made are touched in place and not appended.
case_filter_of_exports() {
	images
	engine sock
	export DOCKER_HOST="unix://$PWD/sock"
	build --docker --o x.tar x.yml
	python3 - >got <<-'EOF'
		import tarfile
		p = "containers/onboot/000-a/rootfs/"
		for m in tarfile.open("x.tar"):
		    if m.name.startswith(p):
		        print(m.name[len(p):], oct(m.mode)[2:], m.mtime, m.linkname or m.size)
	EOF
	cat >want <<-'EOF'
		bin 755 1500000000 0
		dev 755 1492533000 0
		dev/pts 755 1492533000 0
		dev/shm 755 1492533000 0
		etc 700 1492533000 0
		etc/hosts 644 1492533000 160
		etc/mtab 777 1492533000 /proc/mounts
		etc/resolv.conf 644 1492533000 29
		from 644 1500000000 6
		proc 755 1492533000 0
		etc/hosts 644 1492533000 160
		etc/resolv.conf 644 1492533000 29
		sys 755 1492533000 0
	EOF
	diff want got
	stop_engine
}

case_tcp_and_version() {
	images
	port=$(free_port)
	ENGINE_API=1.99 engine "$port"
	DOCKER_HOST="tcp://127.0.0.1:$port" build --docker --o x.tar x.yml
	[ "$(content x.tar from)" = engine ] || fail "the engine was not asked"
	grep -q '^GET /v1.43/images' log || fail "a version that we do not know: $(cat log)"
	DOCKER_HOST="tcp://127.0.0.1:$port" DOCKER_API_VERSION=1.30 build --docker --o y.tar x.yml
	grep -q '^GET /v1.30/images' log || fail "DOCKER_API_VERSION: $(cat log)"
	same x.tar y.tar
	stop_engine
}

# Whatever the engine does, the images come from the cache then, without a word at the usual verbosity.
case_every_failure_falls_back() {
	images
	build --o want.tar x.yml
	cp images.json all.json
	export DOCKER_HOST="unix://$PWD/sock"
	for fault in create export cut garbage json; do
		sed "s/\"tar\":/\"fault\": \"$fault\", \"tar\":/g" all.json >images.json
		engine sock
		"$LINUXKIT" build --arch amd64 --no-sbom --docker --o x.tar x.yml 2>stderr
		same want.tar x.tar
		grep -iE 'warn|error|engine' stderr && fail "$fault: something was said"
		[ "$(grep -c '^POST' log)" = "$(($(grep -c '^DELETE' log) + $(if [ $fault = create ]; then echo 2; else echo 0; fi)))" ] ||
			fail "$fault: containers are left over"
		stop_engine
	done
	# an image of another architecture, and one that the engine does not have
	sed 's/"tar":/"arch": "arm64", "tar":/g' all.json >images.json
	engine sock
	build --docker --o x.tar x.yml
	same want.tar x.tar
	grep -q POST log && fail "a container was made of an image for another machine"
	stop_engine
	echo '{}' >images.json
	engine sock
	build --docker --o x.tar x.yml
	same want.tar x.tar
	stop_engine
	# no engine at all, something else on the socket, addresses that make no sense
	for host in "unix://$PWD/sock" "unix://$PWD/x.yml" "tcp://127.0.0.1:$(free_port)" nonsense ssh://nobody@localhost; do
		DOCKER_HOST=$host build --docker --o x.tar x.yml
		same want.tar x.tar
	done
}

case_pull_disables_it() {
	images
	engine sock
	export DOCKER_HOST="unix://$PWD/sock"
	if build --docker --pull --o x.tar x.yml 2>stderr; then
		fail "pulled from a registry that does not exist"
	fi
	[ ! -s log ] || fail "the engine was asked: $(cat log)"
	stop_engine
}

case_oci_volumes_never() {
	images
	engine sock
	export DOCKER_HOST="unix://$PWD/sock"
	printf 'volumes: [{name: v, image: "acme/app:1", format: oci}]\n' >v.yml
	build --docker --o x.tar v.yml
	grep -q images log && fail "the engine was asked: $(cat log)"
	build --o y.tar v.yml
	same x.tar y.tar
	stop_engine
}

# yaml.md 9 step 9 and 3: streamable, NAME.docker, the Dockerfile behind `files` and before the SBOM.
case_format_docker() {
	images
	printf 'files: [{path: motd, contents: x}]\n' >>x.yml
	"$LINUXKIT" -q build --format docker x.yml
	[ -f x.docker ] || fail "default name"
	tar tf x.docker | tail -n 3 >got
	printf 'motd\nDockerfile\nsbom.spdx.json\n' >want
	diff want got
	printf '\nFROM scratch\n\nCOPY . ./\n\nENTRYPOINT ["/bin/rc.init"]\n' >want
	content x.docker Dockerfile >got
	same want got
	[ "$(wc -c <got)" = 54 ] || fail "not 54 bytes"
	"$LINUXKIT" -q build --format docker --o - x.yml >stdout.tar
	same x.docker stdout.tar
	fails_with 'format type docker must be the only format specified' build --format docker,kernel+initrd x.yml
	build --format docker --o a.docker x.yml
	build --o a.tar x.yml
	python3 - <<-'EOF'
		import tarfile
		def members(path):
		    return [(m.name, m.mode, m.mtime, m.size, m.pax_headers) for m in tarfile.open(path)]
		assert members("a.docker")[:-1] == members("a.tar")
		last = members("a.docker")[-1]
		assert last == ("Dockerfile", 0o644, 1492533000, 54, {}), last
	EOF
}

run_cases
