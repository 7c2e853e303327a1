"""damage_table.py PORT PID FOLDER STORE - every part of an image in the cache, damaged in every way, then a build.

With the registry (process PID, its files below STORE) the output must be that of the sound cache; without it the
build must fail, name the image and the blob, and leave no output - unless it does not need the part at all."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from image import OCI, Cache, Layer

PORT, PID, FOLDER, STORE = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
LINUXKIT = os.environ["LINUXKIT"]
REF = "127.0.0.1:%s/test/app:1" % PORT
os.chdir(FOLDER)


# --- the image ----------------------------------------------------------------------------------

def attestation(cache, subject):
    spdx = {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "app",
            "documentNamespace": "https://example.com/app", "creationInfo": {
                "created": "2020-01-01T00:00:00Z", "creators": ["Tool: test"]},
            "packages": [{"name": "app", "SPDXID": "SPDXRef-app", "downloadLocation": "NOASSERTION"}]}
    statement = {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document",
                 "subject": [], "predicate": spdx}
    layer = cache.blob(json.dumps(statement).encode(), "application/vnd.in-toto+json")
    layer["annotations"] = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}
    config = cache.blob(b'{"architecture":"unknown","os":"unknown","config":{}}', OCI + "config.v1+json")
    manifest = cache.blob(json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config,
                                      "layers": [layer]}).encode(), OCI + "manifest.v1+json")
    return dict(manifest, annotations={"vnd.docker.reference.type": "attestation-manifest",
                                       "vnd.docker.reference.digest": subject["digest"]}), layer, config


def make():
    """Pushes the image; role -> digest."""
    cache = Cache("layout")
    roles, entries = {}, []
    for arch in "amd64", "arm64":
        noise = b"".join(hashlib.sha256(b"%d %s" % (i, arch.encode())).digest() for i in range(8000))
        layers = [Layer().dir("usr").file("usr/app", arch, 0o755).file("noise", noise),
                  Layer().file("two", "2").file("plain", noise[::-1]), Layer().file("three", "3")]
        manifest = cache.manifest(layers, {"Cmd": ["/usr/app"]}, arch)
        with open(os.path.join(cache.blobs, manifest["digest"][7:]), encoding="ascii") as f:
            parts = json.load(f)
        roles[arch] = {"manifest": manifest, "config": parts["config"], "layer": parts["layers"][0],
                       "plain layer": parts["layers"][1], "last layer": parts["layers"][2]}
        entries.append(dict(manifest, platform={"os": "linux", "architecture": arch}))
    extra, statement, its_config = attestation(cache, roles["amd64"]["manifest"])
    entries.append(dict(extra, platform={"os": "unknown", "architecture": "unknown"}))
    index = cache.blob(json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
                                   "manifests": entries}).encode(), OCI + "index.v1+json")
    cache.name("test.example/app", index)
    subprocess.run(["skopeo", "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false",
                    "oci:layout:test.example/app", "docker://" + REF], check=True)
    digests = {role: d["digest"][7:] for role, d in roles["amd64"].items()}
    digests.update({"other " + role: d["digest"][7:] for role, d in roles["arm64"].items()})
    digests.update({"index": index["digest"][7:], "attestation": extra["digest"][7:],
                    "statement": statement["digest"][7:], "attestation config": its_config["digest"][7:]})
    return digests


# --- damage -------------------------------------------------------------------------------------

def keep_times(path, change):
    st = os.stat(path)
    change(path)
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


def flip(path):
    def change(_):
        with open(path, "r+b") as f:
            data = f.read()
            at = len(data) * 2 // 3
            f.seek(at)
            f.write(bytes([data[at] ^ 1]))
    keep_times(path, change)


def cut(path):
    keep_times(path, lambda p: os.truncate(p, os.path.getsize(p) * 2 // 3))


def empty(path):
    keep_times(path, lambda p: os.truncate(p, 0))


def swap(path):
    """The bytes of another file of that folder, cut or filled to the same size."""
    size = os.path.getsize(path)
    other = next(p for p in sorted(os.scandir(os.path.dirname(path)), key=lambda e: e.name)
                 if p.is_file() and p.path != path)
    with open(other.path, "rb") as f:
        data = f.read()[:size].ljust(size, b"\0")
    with open(path, "wb") as f:
        f.write(data)


def gone(path):
    os.unlink(path)


def folder(path):
    os.unlink(path)
    os.mkdir(path)
    with open(os.path.join(path, "x"), "w", encoding="ascii") as f:
        f.write("x")


def symlink(path):
    os.unlink(path)
    os.symlink("/etc/hostname", path)


def fifo(path):
    os.unlink(path)
    os.mkfifo(path)


DAMAGES = [flip, cut, empty, swap, gone, folder, symlink, fifo]

# --- builds -------------------------------------------------------------------------------------

SPECS = {"image": "init: ['%s']\n" % REF,
         "volume": "volumes: [{name: v, image: '%s', format: oci, platforms: [linux/amd64, unknown/unknown]}]\n" % REF}


def build(cache, spec, out):
    """True, or what the program said."""
    if os.path.exists(out):
        os.unlink(out)
    p = subprocess.run([LINUXKIT, "-q", "build", "--arch", "amd64", "--cache", cache, "--o", out, spec + ".yml"],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    return True if p.returncode == 0 else p.stderr or "no message"


def read(path):
    with open(path, "rb") as f:
        return f.read()


def fresh(spec, derived):
    shutil.rmtree("cache", ignore_errors=True)
    shutil.copytree("good-" + spec, "cache")
    if not derived:
        shutil.rmtree("cache/derived", ignore_errors=True)


count = failures = 0


def row(name, wrong):
    global count, failures
    count += 1
    for line in wrong:
        print("# " + line.replace("\n", "\n# "))
    print("%sok %d - %s" % ("not " if wrong else "", count, name), flush=True)
    failures += bool(wrong)


# role of a blob, spec, are derived files there; does the build look at the bytes, and must it have them?
NEEDED, EXTRA, UNUSED = "needed", "extra", "unused"
BLOBS = [("index", "image", False, NEEDED), ("manifest", "image", False, NEEDED), ("config", "image", False, NEEDED),
         ("layer", "image", False, NEEDED), ("plain layer", "image", False, NEEDED),
         ("plain layer", "image", True, NEEDED), ("last layer", "image", False, NEEDED),
         ("attestation", "image", False, EXTRA), ("statement", "image", False, EXTRA),
         ("other manifest", "image", False, UNUSED), ("other config", "image", False, UNUSED),
         ("index", "volume", False, NEEDED), ("manifest", "volume", False, NEEDED),
         ("config", "volume", False, NEEDED), ("layer", "volume", False, NEEDED),
         ("plain layer", "volume", False, NEEDED), ("statement", "volume", False, NEEDED),
         ("attestation config", "volume", False, NEEDED)]


def try_blob(digests, role, spec, derived, use, registry):
    wrong = []
    for damage in DAMAGES:
        # what an index or an attestation may lack is not damage
        if damage is gone and use != NEEDED or damage is gone and spec == "volume" and "at" in role:
            continue
        fresh(spec, derived)
        path = os.path.join("cache/blobs/sha256", digests[role])
        damage(path)
        said = build("cache", spec, "out.tar")
        text = "%s: %s" % (damage.__name__, said)
        if registry or use == UNUSED:
            if said is not True:
                wrong.append(text)
            elif read("out.tar") != read("good-%s.tar" % spec):
                wrong.append(damage.__name__ + ": another output")
            elif use != UNUSED and damage is flip and build("cache", spec, "out.tar") is not True:
                wrong.append(damage.__name__ + ": the second build fails")
        elif use == EXTRA:
            # an attestation is left out, with a warning; nothing of the damaged one gets in
            if said is not True or b"SPDXRef-app" in read("out.tar"):
                wrong.append(text)
        elif said is True or os.path.exists("out.tar"):
            wrong.append(damage.__name__ + ": an output without the registry")
        elif REF not in said or digests[role] not in said or "refused" not in said:
            wrong.append("%s: the message names not all: %s" % (damage.__name__, said))
    row("%s of %s, %s%s" % (role, spec, "derived, " * derived, "registry" if registry else "alone"), wrong)


def try_derived(suffix, folder_name, registry):
    """All the files of a kind, one after another; nothing needs to be fetched for them."""
    wrong = []
    where = os.path.join("derived", folder_name)
    for damage in DAMAGES:
        fresh("image", True)
        names = sorted(n for n in os.listdir(os.path.join("cache", where)) if n.endswith(suffix))
        assert names
        for name in names:
            damage(os.path.join("cache", where, name))
        said = build("cache", "image", "out.tar")
        if said is not True:
            wrong.append("%s: %s" % (damage.__name__, said))
        elif read("out.tar") != read("good-image.tar"):
            wrong.append(damage.__name__ + ": another output")
    row("derived/%s/*%s, %s" % (folder_name, suffix, "registry" if registry else "alone"), wrong)


def try_pieces():
    wrong = []
    run = [LINUXKIT, "-q", "build", "--arch", "amd64", "--cache", "cache", "--format", "tar-kernel-initrd", "--name",
           "k", "kernel.yml"]
    cache = Cache("kernel-cache")
    noise = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(20000))
    cache.image("test.example/kernel:1", [Layer().file("kernel", "K").file("kernel.tar", Layer().file("m", noise).tar())])
    with open("kernel.yml", "w", encoding="ascii") as f:
        f.write("kernel: {image: 'test.example/kernel:1'}\n")
    shutil.copytree("kernel-cache", "good-kernel")
    run[run.index("cache")] = "good-kernel"
    subprocess.run(run, check=True, capture_output=True)
    outputs = [n for n in os.listdir(".") if n.startswith("k-") or n.startswith("k.")]
    want = {n: read(n) for n in outputs}
    run[run.index("good-kernel")] = "cache"
    for damage in DAMAGES:
        fresh("kernel", True)
        for name in os.listdir("cache/derived/deflate"):
            damage(os.path.join("cache/derived/deflate", name))
        p = subprocess.run(run, capture_output=True, text=True, check=False)
        if p.returncode:
            wrong.append("%s: %s" % (damage.__name__, p.stderr))
        elif {n: read(n) for n in outputs} != want:
            wrong.append(damage.__name__ + ": another output")
    row("compressed pieces", wrong)


def try_stream():
    """What goes into a pipe cannot be taken back, so it is looked at before the first byte leaves."""
    wrong = []
    fresh("image", True)
    for name in os.listdir("cache/derived/layers"):
        if name.endswith(".tar"):
            flip(os.path.join("cache/derived/layers", name))
    p = subprocess.run([LINUXKIT, "-q", "build", "--arch", "amd64", "--cache", "cache", "--format", "tar", "--o", "-",
                        "image.yml"], capture_output=True, check=False)
    if p.returncode or p.stdout != read("good-image.tar"):
        wrong.append("%d bytes: %s" % (len(p.stdout), p.stderr.decode()))
    row("derived layers, output to a pipe", wrong)


def main():
    digests = make()
    for spec, text in SPECS.items():
        with open(spec + ".yml", "w", encoding="ascii") as f:
            f.write(text)
        for _ in 1, 2:  # the second fills in what only a later build asks for
            said = build("good-" + spec, spec, "good-%s.tar" % spec)
            if said is not True:
                sys.exit("# the sound build fails: " + said)
    assert b"SPDXRef-app" in read("good-image.tar")
    for registry in True, False:
        for role, spec, derived, use in BLOBS:
            try_blob(digests, role, spec, derived, use, registry)
        try_derived(".tar", "layers", registry)
        try_derived(".idx", "layers", registry)
        if registry:
            os.kill(PID, signal.SIGTERM)
            for _ in range(100):
                if subprocess.run(["curl", "-s", "http://127.0.0.1:%s/v2/" % PORT], stdout=subprocess.DEVNULL,
                                  check=False).returncode == 7:
                    break
                time.sleep(0.05)
    try_pieces()
    try_stream()
    print("1..%d" % count)
    sys.exit(failures > 0)


main()
