#!/bin/sh
# lock.sh - linuxkit.lock and bundles: a tag moves in the registry, the registry goes away, and the image stays the
# same. The registry is Debian's; the images are made here.
. "$(dirname "$0")/../lib.sh"
. "$TOP/test/registry.sh"

# push NAME TAG: the image NAME as test/app:TAG.
push() {
	skopeo copy -q --all --dest-tls-verify=false "oci:$WORK/layout:test.example/$1" "docker://127.0.0.1:$port/test/$2"
}

if have_registry; then
	for name in old new other; do
		make_image "$WORK/layout" $name 20000 || exit 1
	done
	start_registry main
	registry=127.0.0.1:$port
	push old app:1 && push other other:1 || exit 1
	for name in old new other; do
		push $name app:$name || exit 1
		skopeo inspect --raw --tls-verify=false "docker://$registry/test/app:$name" | sha256sum |
			sed 's/\([0-9a-f]*\).*/sha256:\1/' >"$WORK/$name.digest"
	done
fi

# digest NAME: of the image's index, as the registry has it.
digest() {
	cat "$WORK/$1.digest"
}

content() {
	tar --warning=none -xOf "$1" usr/app
}

two_images() {
	printf 'init:\n  - %s/test/app:1\nonboot:\n  - name: x\n    image: %s/test/other:1\n' "$registry" "$registry" >spec.yml
}

# An own repository for a case that moves tags.
own_tag() {
	push old "$1:1"
	spec "$registry/test/$1:1"
}

case_moved_tag() {
	need_registry
	own_tag moved
	"$LINUXKIT" -q lock spec.yml
	build --o want.tar
	[ "$(content want.tar)" = "old amd64" ] || fail "not the old image"
	push new moved:1
	# whatever the cache holds, and with or without the duty
	build --cache empty --locked --o a.tar
	same want.tar a.tar
	build --cache empty2 --o b.tar
	same want.tar b.tar
	"$LINUXKIT" -q cache pull --cache empty2 "$registry/test/moved:1"
	"$LINUXKIT" cache ls --cache empty2 | grep -q "moved:1 .*$(digest new)" || fail "the name is not the new image"
	build --cache empty2 --locked --o c.tar
	same want.tar c.tar
	"$LINUXKIT" cache ls --cache empty2 | grep -q "moved:1 .*$(digest new)" || fail "the locked build moved the name"
	# whoever wants the newest says so
	build --cache empty2 --pull --o d.tar
	[ "$(content d.tar)" = "new amd64" ] || fail "--pull obeys the lock file"
	build --cache empty2 --pull --locked --o e.tar
	same want.tar e.tar
	fails_with 'linuxkit.lock is out of date' "$LINUXKIT" lock --check spec.yml
	grep -q "moved:1: locked to $(digest old), is $(digest new)" stdout || fail "$(cat stdout)"
	"$LINUXKIT" -q lock spec.yml
	"$LINUXKIT" -q lock --check spec.yml >stdout
	[ ! -s stdout ] || fail "something is different"
	build --locked --o f.tar
	[ "$(content f.tar)" = "new amd64" ] || fail "the lock file was not brought up to date"
}

case_file() {
	need_registry
	two_images
	"$LINUXKIT" -q lock spec.yml
	cat >want <<-END
		# What the images of a build file stand for. Written by \`linuxkit lock\`; commit it.
		version: 1
		images:
		  $registry/test/app:1:
		    digest: $(digest old)
		    platforms:
	END
	head -n 6 linuxkit.lock | cmp - want || fail "$(cat linuxkit.lock)"
	[ "$(grep -c 'linux/a..64: sha256:' linuxkit.lock)" = 4 ] || fail "not two images with two platforms"
	touch -d 2000-01-01 linuxkit.lock
	cp -p linuxkit.lock before
	"$LINUXKIT" lock --cache other-cache spec.yml 2>stderr
	grep -q 'is up to date' stderr || fail "no word"
	same linuxkit.lock before
	[ -z "$(find linuxkit.lock -newer before)" ] || fail "a file that is current was written"
	"$LINUXKIT" -q lock --output - --arch arm64 spec.yml >one
	grep -q amd64 one && fail "more than asked for"
	[ "$(grep -c linux/arm64 one)" = 2 ] || fail "$(cat one)"
	fails_with 'spec.yml:2:5: init\[0\]: .* has no platform linux/riscv64' "$LINUXKIT" lock --platform linux/riscv64 spec.yml
	# of the build file's folder, not of this one
	mkdir dir
	cp spec.yml dir
	"$LINUXKIT" -q lock dir/spec.yml
	same dir/linuxkit.lock linuxkit.lock
	"$LINUXKIT" -q --json lock --output dir/l spec.yml >json
	python3 -c 'import json,sys; assert len(json.load(open("json"))["images"]) == 2'
}

case_mirror_is_not_written() {
	need_registry
	spec registry.example/app:1
	mirror() {
		"$LINUXKIT" -q --mirror "registry.example=http://$registry/test" "$@" spec.yml
	}
	mirror lock
	grep -q 127.0.0.1 linuxkit.lock && fail "$(cat linuxkit.lock)"
	grep -q '^  registry.example/app:1:$' linuxkit.lock || fail "$(cat linuxkit.lock)"
	mirror build --locked --cache empty --o a.tar
	[ "$(content a.tar)" = "old $(dpkg --print-architecture)" ] || fail "other content"
}

case_stale() {
	need_registry
	spec "$registry/test/app:1"
	fails_with 'spec.yml:2:5: init\[0\]: .* is not in linuxkit.lock' build --locked --o a.tar
	grep -q 'hint: run `linuxkit lock spec.yml`' stderr || fail "no hint"
	"$LINUXKIT" -q lock spec.yml
	two_images
	fails_with 'spec.yml:5:12: onboot\[0\] "x": .*/other:1 is not in linuxkit.lock' build --locked --o a.tar
	[ ! -e a.tar ] || fail "an output was made"
	"$LINUXKIT" build --o a.tar spec.yml 2>stderr
	grep -q 'other:1 is not in linuxkit.lock' stderr || fail "not a word about it"
	"$LINUXKIT" lock --check spec.yml >stdout 2>/dev/null && fail "it is current"
	grep -q 'other:1: not locked' stdout || fail "$(cat stdout)"
	"$LINUXKIT" -q lock --arch arm64 spec.yml
	fails_with 'spec.yml:2:5: init\[0\]: .*/app:1 has no linux/amd64 in linuxkit.lock' build --locked --o b.tar
	# a digest in the build file needs no lock
	spec "$registry/test/app@$(digest old)"
	rm linuxkit.lock
	build --locked --o b.tar
	fails_with 'no.lock: No such file' build --lock-file no.lock --o c.tar
}

case_damaged() {
	need_registry
	spec "$registry/test/app:1"
	while IFS='|' read -r text pattern; do
		printf '%b' "$text" >linuxkit.lock
		fails_with "$pattern" build --o a.tar
	done <<-'END'
		\n|linuxkit.lock:.*no YAML document
		version: 1\nimages: [\n|linuxkit.lock:[23]:
		version: 2\nimages: {}\n|linuxkit.lock:1:1: not a lock file of version 1
		version: 1\nimages:\n  "a b": {}\n|linuxkit.lock:3:3: invalid image reference
		version: 1\nimages:\n  a:\n    digest: sha256:12\n|linuxkit.lock:4:13: "sha256:12" is not sha256
		version: 1\nimages:\n  a:\n    color: red\n|linuxkit.lock:4:5: unknown key "color"
		version: 1\nimages: 7\n|linuxkit.lock:2:9: expected a mapping
	END
	# a digest that nobody has, and one of another image
	"$LINUXKIT" -q lock spec.yml
	sed "s/digest: .*/digest: sha256:$(printf 'a%.0s' $(seq 64))/" linuxkit.lock >l
	mv l linuxkit.lock
	sed -i '/platforms/,$d' linuxkit.lock
	fails_with 'spec.yml:2:5: .*sha256:a{64}: .*404' build --cache empty --locked --o a.tar
	"$LINUXKIT" -q lock spec.yml
	sed -i "s/linux.amd64: .*/linux\/amd64: $(digest other)/" linuxkit.lock
	fails_with "is locked to $(digest other), but what is there is sha256:" build --locked --o a.tar
}

# A package of the checkout, an image, and a volume with an image of all platforms.
bundle_spec() {
	mkdir -p app/rootfs/bin
	echo package >app/rootfs/bin/package
	printf 'image: app\nnative:\n  files: [{from: rootfs/, to: /}]\n  entrypoint: [/bin/package]\n' >app/build.yml
	cat >spec.yml <<-END
		init: ["@pkg:./app", "$1/test/app:1"]
		onboot: [{name: x, image: "$1/test/other:1", command: [x]}]
		volumes: [{name: v, image: "$1/test/other:1", format: oci}]
	END
}

case_bundle() {
	need_registry
	start_registry leaves
	trap 'kill "$pid" 2>/dev/null || true' EXIT
	bundle_spec "127.0.0.1:$port"
	"$LINUXKIT" -q build --arch amd64 --o want.tar spec.yml
	"$LINUXKIT" -q bundle --arch amd64 --output a.bundle spec.yml
	"$LINUXKIT" -q bundle --arch amd64 --output - spec.yml >b.bundle
	same a.bundle b.bundle
	"$LINUXKIT" -q bundle --cache elsewhere --arch amd64 --output c.bundle spec.yml
	same a.bundle c.bundle
	kill "$pid"
	wait "$pid" || true
	"$LINUXKIT" -q build --arch amd64 --cache empty --bundle a.bundle --o a.tar spec.yml
	same want.tar a.tar
	cache_is_sound empty
	# a second time, and from a cache that has other images under the same names
	"$LINUXKIT" -q build --arch amd64 --cache empty --bundle a.bundle --o b.tar spec.yml
	same want.tar b.tar
	"$LINUXKIT" -q cache export --platform all --cache empty --name "127.0.0.1:$port/test/app:1" --outfile other.tar "127.0.0.1:$port/test/other:1"
	"$LINUXKIT" -q cache import --cache names other.tar
	"$LINUXKIT" -q build --arch amd64 --cache names --bundle a.bundle --o c.tar spec.yml
	same want.tar c.tar
	"$LINUXKIT" cache ls --cache names | grep -q "/app:1 .*$(digest other)" || fail "the bundle moved a name of the cache"
	# what is damaged in the cache is taken from the bundle again
	rm -rf empty/derived
	for f in empty/blobs/sha256/*; do
		printf X | dd of="$f" bs=1 seek=3 conv=notrunc 2>/dev/null
	done
	"$LINUXKIT" -q build --arch amd64 --cache empty --bundle a.bundle --o d.tar spec.yml || fail "the bundle does not help"
	same want.tar d.tar
	rm d.tar
	# what is not in it is not looked for elsewhere
	sed -i "s/x, image/y, image/; s/other:1\", command/none:1\", command/" spec.yml
	fails_with 'spec.yml:2:.* onboot\[0\] "y": .*/none:1 is not in a.bundle' \
		"$LINUXKIT" build --cache empty --arch amd64 --bundle a.bundle --o d.tar spec.yml
	grep -q 'registries are not asked' stderr || fail "no hint"
	fails_with 'has no linux/riscv64 in a.bundle' "$LINUXKIT" build --cache empty --arch riscv64 --bundle a.bundle --o d.tar spec.yml
}

case_bundle_is_a_layout() {
	need_registry
	bundle_spec "$registry"
	"$LINUXKIT" -q bundle --arch amd64,arm64 --output a.bundle spec.yml
	for arch in amd64 arm64; do
		skopeo copy -q --override-arch $arch "oci-archive:a.bundle:$registry/test/app:1" "oci:out:$arch"
	done
	"$LINUXKIT" cache import --cache fresh a.bundle 2>stderr
	grep -q "imported $registry/test/app:1 $(digest old)" stderr || fail "$(cat stderr)"
	tar xf a.bundle linuxkit.lock
	grep -q 'package: ./app' linuxkit.lock || fail "$(cat linuxkit.lock)"
	for arch in amd64 arm64; do
		"$LINUXKIT" -q build --arch $arch --o want.tar spec.yml
		"$LINUXKIT" -q build --arch $arch --o got.tar --cache fresh --locked spec.yml
		same want.tar got.tar
		"$LINUXKIT" -q build --arch $arch --o got.tar --cache fresh2 --bundle - spec.yml <a.bundle
		same want.tar got.tar
	done
}

# A package in a bundle is used as it is, also where what it was made from is not there.
case_bundled_package_is_not_built() {
	need_registry
	bundle_spec "$registry"
	printf 'image: app\nnative:\n  programs: [{name: prog, to: /bin/prog}]\n  entrypoint: [/bin/prog]\n' >app/build.yml
	mkdir -p programs/amd64
	printf 'int main(void) { return 0; }' | gcc -xc -static -o programs/amd64/prog -
	LINUXKIT_PROGRAMS=$PWD/programs "$LINUXKIT" -q bundle --arch amd64 --output a.bundle spec.yml
	rm -r programs
	LINUXKIT_PROGRAMS=$PWD/programs "$LINUXKIT" -q build --arch amd64 --cache empty --bundle a.bundle --o a.tar spec.yml
	tar tf a.tar bin/prog >/dev/null
}

case_damaged_bundle() {
	need_registry
	spec "$registry/test/app:1"
	"$LINUXKIT" -q bundle --arch amd64 --output a.bundle spec.yml
	size=$(stat -c %s a.bundle)
	for at in 10 $((size / 2)) cut; do
		cp a.bundle bad.bundle
		if [ $at = cut ]; then
			truncate -s $((size / 2)) bad.bundle
		else
			printf '\377\377' | dd of=bad.bundle bs=1 seek=$at conv=notrunc 2>/dev/null
		fi
		rm -rf empty
		if build --cache empty --bundle bad.bundle --o b.tar 2>stderr; then
			fail "damage at $at was not noticed"
		fi
		[ "$(wc -l <stderr)" -le 2 ] || fail "$(cat stderr)"
		cache_is_sound empty
	done
	"$LINUXKIT" -q cache pull "$registry/test/app:1"
	"$LINUXKIT" -q cache export --outfile export.tar "$registry/test/app:1"
	fails_with 'export.tar has no linuxkit.lock' build --bundle export.tar --o a.tar
	fails_with 'none.bundle: No such file' build --bundle none.bundle --o a.tar
	fails_with 'cannot use --bundle and --pull' build --bundle a.bundle --pull --o a.tar
	fails_with "'output' flag is required" "$LINUXKIT" bundle spec.yml
}

run_cases
