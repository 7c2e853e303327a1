#!/bin/sh
# pkg.sh - component packages by the native recipe: names and tags, faults of a recipe with their places, Debian
# packages by lock file. The .deb files are made here and put where downloads go, so neither apt nor a network is asked.
. "$(dirname "$0")/../lib.sh"

# file_package DIR: one file, no Debian package.
file_package() {
	mkdir -p "$1/rootfs/bin"
	echo "I am $1" >"$1/rootfs/bin/$1"
	cat >"$1/build.yml" <<-END
		image: $1
		arches: [amd64]
		native:
		  files: [{from: rootfs/, to: /}]
		  entrypoint: [/bin/$1]
	END
}

# deb NAME: NAME.deb with a text file, a symlink and documentation.
deb() {
	mkdir -p "tree/DEBIAN" tree/usr/share/doc/"$1" tree/usr/share/"$1"
	printf 'Package: %s\nVersion: 1.0\nArchitecture: amd64\nMaintainer: t <t@t>\nDescription: t\n' "$1" >tree/DEBIAN/control
	echo "content of $1" >"tree/usr/share/$1/data"
	ln -s data "tree/usr/share/$1/link"
	echo words >"tree/usr/share/doc/$1/README"
	dpkg-deb --root-owner-group -b tree "$1.deb" >/dev/null
	rm -rf tree
}

# deb_package: the package app made of one.deb (files chosen) and two.deb (whole), with its lock file.
deb_package() {
	deb one
	deb two
	mkdir -p app
	cat >app/build.yml <<-'END'
		image: app
		arches: [amd64]
		native:
		  suite: bookworm
		  packages:
		    - {name: one, files: [{from: usr/share/one/data, to: etc/one}]}
		    - {name: two}
	END
	{
		printf '[amd64]\nrequest bookworm one two\n'
		for p in one two; do
			echo "$p 1.0 $(sha256sum <$p.deb | cut -c1-64)"
		done
	} >app/native.lock
}

# downloaded CACHE: as if apt had fetched them.
downloaded() {
	mkdir -p "$1/derived/debs"
	for p in one two; do
		cp $p.deb "$1/derived/debs/$(sha256sum <$p.deb | cut -c1-64).deb"
	done
}

pkg_build() {
	"$LINUXKIT" -q pkg build --arch amd64 "$@"
}

show_tag() {
	"$LINUXKIT" pkg show-tag "$@"
}

one_line() {
	if [ "$(grep -cv "^hint: " stderr)" != 1 ] || [ "$(wc -l <stderr)" -gt 2 ]; then fail "not one line: $(cat stderr)"; fi
}

case_tags() {
	need git
	file_package app
	plain=$(show_tag app)
	[ "$plain" = "$(show_tag app)" ] || fail "the tag is not stable"
	cp -r app copy
	[ "$plain" = "$(show_tag copy)" ] || fail "the tag depends on the folder's name"
	touch -d 2001-01-01 app/rootfs/bin/app
	[ "$plain" = "$(show_tag app)" ] || fail "the tag depends on times"
	echo more >>app/rootfs/bin/app
	[ "$plain" != "$(show_tag app)" ] || fail "a changed file does not change the tag"
	git init -q .
	git add app
	git -c user.name=t -c user.email=t@t commit -qm t
	committed=$(show_tag app)
	[ "${committed#*:}" = "$(git rev-parse HEAD:app)" ] || fail "$committed is not the tree of the commit"
	ln -s app link
	[ "$committed" = "$(show_tag link)" ] || fail "another tag through a symlink"
	(cd app && [ "$committed" = "$(show_tag .)" ]) || fail "another tag from inside"
	echo more >>app/rootfs/bin/app
	case $(show_tag app) in
	"$committed"-dirty-*) ;;
	*) fail "no -dirty suffix: $(show_tag app)" ;;
	esac
}

case_extra_sources_count() {
	file_package app
	mkdir shared
	echo 1 >shared/file
	sed -i '2i extra-sources: ["../shared:/src"]' app/build.yml
	before=$(show_tag app)
	echo 2 >shared/file
	[ "$before" != "$(show_tag app)" ] || fail "a changed extra source does not change the tag"
	sed -i 's,shared:/src,nowhere:/src,' app/build.yml
	fails_with '^(Error: )?app/build.yml:2:[0-9]+: extra source "../nowhere": No such file' show_tag app
}

case_git_that_does_not_answer() {
	need git
	file_package app
	git init -q .
	mkdir bin
	tag=$(PATH=$PWD/bin show_tag app 2>stderr)
	grep -q 'git is not installed' stderr || fail "no word about the missing git"
	[ "$(wc -l <stderr)" = 1 ] || fail "more than one line"
	rm -rf .git
	[ "$tag" = "$(PATH=$PWD/bin show_tag app 2>stderr)" ] || fail "another tag"
	[ ! -s stderr ] || fail "a word about git although this is no checkout"
}

case_same_bytes_from_two_caches() {
	need dpkg-deb
	deb_package
	downloaded a
	downloaded b
	LINUXKIT_THREADS=1 pkg_build --cache a --locked app
	LINUXKIT_THREADS=4 TZ=Asia/Tokyo pkg_build --cache b --locked app
	(cd a/blobs && find . -type f | sort | xargs sha256sum) >sums.a
	(cd b/blobs && find . -type f | sort | xargs sha256sum) >sums.b
	diff sums.a sums.b || fail "two caches, two images"
	printf 'init: ["@pkg:./app"]\n' >x.yml
	"$LINUXKIT" -q --cache a build --no-sbom --arch amd64 --o x.tar x.yml
	[ "$(tar xf x.tar -O etc/one)" = "content of one" ] || fail "the chosen file"
	[ "$(tar xf x.tar -O usr/share/two/data)" = "content of two" ] || fail "the whole package"
	tar tf x.tar >list
	if grep -qE 'usr/share/one|usr/share/doc' list; then fail "more than was asked for"; fi
	# nothing to do the second time, also without the downloads
	rm -rf a/derived
	pkg_build --cache a app >out
	if grep -q '^built' out; then fail "built again"; fi
}

case_lock_is_kept() {
	need dpkg-deb
	deb_package
	downloaded c
	# other bytes than the lock file says
	one=c/derived/debs/$(sha256sum <one.deb | cut -c1-64).deb
	cp two.deb "$one"
	fails_with 'app/native.lock: package one 1.0: .* has SHA-256' pkg_build --cache c app
	one_line
	[ ! -e "$one" ] || fail "the damaged download stays"
	downloaded c
	pkg_build --cache c app
	# another request than the lock file answers
	sed -i 's/{name: two}/{name: two, depends: false}/' app/build.yml
	fails_with 'app/native.lock does not cover the packages of app/build.yml for amd64' \
		pkg_build --cache c --locked app
	grep -q '^hint: .*linuxkit pkg lock app' stderr || fail "no hint"
	one_line
	echo garbage >app/native.lock
	fails_with 'app/native.lock:1: not a line of a lock file' pkg_build --cache c app
	one_line
}

# fake_apt SCRIPT: an apt-get that does only this.
fake_apt() {
	mkdir -p bin
	for p in apt-config apt-cache apt-get; do
		printf '#!/bin/sh\n' >bin/$p
		chmod 755 bin/$p
	done
	echo "$1" >>bin/apt-get
	PATH=$PWD/bin:$PATH
	LINUXKIT_DEBIAN_MIRROR=http://mirror.invalid
	export LINUXKIT_DEBIAN_MIRROR
}

case_no_network() {
	need dpkg-deb
	deb_package
	fake_apt 'echo "E: Failed to fetch X  Could not connect" >&2; echo "E: Some files failed" >&2; exit 100'
	fails_with 'package lists of bookworm for amd64: apt-get: exit status 100: Failed to fetch X  Could not connect$' \
		pkg_build --cache c app
	grep -q '^hint: check the network' stderr || fail "no hint"
	one_line
	downloaded c
	pkg_build --cache c app
}

# However a build ends, the apt that it started ends too, and the next build does not wait for anything.
case_killed_while_apt_runs() {
	need dpkg-deb
	deb_package
	# shellcheck disable=SC2016
	fake_apt 'echo $$ >apt.pid.tmp; mv apt.pid.tmp "$APT_PID"; exec sleep 300'
	APT_PID=$PWD/apt.pid
	export APT_PID
	for signal in KILL TERM; do
		rm -f apt.pid
		"$LINUXKIT" -q pkg build --cache c app 2>stderr &
		pid=$!
		wait_for apt.pid . 10 $pid
		kill -$signal $pid
		status=0
		wait $pid || status=$?
		[ $status -gt 128 ] || fail "status $status after $signal"
		for _ in $(seq 50); do
			readlink "/proc/$(cat apt.pid)/exe" >/dev/null || break # a zombie has none
			sleep 0.1
		done
		readlink "/proc/$(cat apt.pid)/exe" && fail "apt outlives a build that got SIG$signal"
		[ -z "$(find . -name '*.tmp-*')" ] || fail "a temporary file is left"
	done
	downloaded c
	timeout 10 "$LINUXKIT" -q pkg build --cache c --arch amd64 app || fail "the next build does not work"
}

# fault PLACE-AND-TEXT RECIPE: the recipe (below native:) is refused with that line.
fault() {
	printf 'image: app\narches: [amd64]\nnative:\n%b' "$2" >app/build.yml
	fails_with "app/build.yml:$1" pkg_build app
	grep -q '^hint: ' stderr || [ "$(wc -l <stderr)" = 1 ] || fail "more than one line: $(cat stderr)"
}

case_recipe_faults() {
	file_package app
	fault '4:3: .*unknown key "fils"' '  fils: []\n'
	fault '4:[0-9]+: there is no file "app/nothere"' '  files: [{from: nothere, to: x}]\n'
	fault '4:[0-9]+: ' '  files: [{to: x}]\n'
	fault '4:[0-9]+: ' '  files: [{from: rootfs/, to: /, mode: "999"}]\n'
	fault '4:[0-9]+: ' '  files: [{from: ../../etc/passwd, to: x}]\n'
	fault '4:[0-9]+: ' '  files: [{from: rootfs/, to: ../x}]\n'
	fault '4:[0-9]+: ' '  packages: [{}]\n'
	fault '4:[0-9]+: ' '  entrypoint: /bin/x\n'
	fault '[0-9]+:[0-9]+: ' '  files: [\n'
	printf 'image: app\nimag: x\n' >app/build.yml
	fails_with 'app/build.yml:2:1: unknown key "imag"' pkg_build app
	fails_with 'package nowhere: No such file' pkg_build nowhere
	file_package app
	fails_with 'is not made for riscv64, only for amd64' "$LINUXKIT" -q pkg build --arch riscv64 app
}

run_cases
