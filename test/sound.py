"""test/sound.py - is a cache whole?  sound.py DIR, or sound(DIR) -> list of what is wrong.

Every file in blobs/sha256 that has a digest for a name has that digest (a file on its way has another name), and
every name of index.json leads to at least one complete image; the other images of an index come when asked for."""
import hashlib
import json
import os
import re
import sys


def sound(folder):
    wrong = []
    blobs = os.path.join(folder, "blobs", "sha256")
    try:
        with open(os.path.join(folder, "index.json"), encoding="utf-8") as f:
            names = json.load(f)["manifests"]
        with open(os.path.join(folder, "oci-layout"), encoding="utf-8") as f:
            assert json.load(f)["imageLayoutVersion"] == "1.0.0"
    except FileNotFoundError:
        return wrong if not os.path.exists(os.path.join(folder, "index.json")) else ["no oci-layout"]
    except (ValueError, KeyError, AssertionError) as why:
        return ["index.json or oci-layout: %s" % why]
    for name in os.listdir(blobs) if os.path.isdir(blobs) else []:
        if re.fullmatch("[0-9a-f]{64}", name):
            with open(os.path.join(blobs, name), "rb") as f:
                got = hashlib.file_digest(f, "sha256").hexdigest()
            if got != name:
                wrong.append("blob %s has digest %s" % (name, got))

    def load(descriptor):
        path = os.path.join(blobs, descriptor["digest"].removeprefix("sha256:"))
        if not os.path.exists(path):
            return None
        if os.path.getsize(path) != descriptor["size"]:
            wrong.append("%s has not the size of its descriptor" % path)
        with open(path, "rb") as f:
            return json.load(f)

    seen = set()
    for descriptor in names:
        name = descriptor.get("annotations", {}).get("org.opencontainers.image.ref.name")
        if name in seen:
            wrong.append("%s stands there twice" % name)
        seen.add(name)
        root = load(descriptor)
        if root is None:
            wrong.append("%s: its root is missing" % name)
            continue
        images = root["manifests"] if "manifests" in root else [descriptor]
        whole = 0
        for image in images:
            manifest = load(image)
            if manifest is None:
                continue
            layers = [os.path.join(blobs, d["digest"].removeprefix("sha256:"))
                      for d in manifest["layers"] + [manifest["config"]]]
            whole += all(map(os.path.exists, layers))
        if not whole:
            wrong.append("%s: no image of it is complete" % name)
    return wrong


if __name__ == "__main__":
    faults = sound(sys.argv[1])
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    sys.exit(1 if faults else 0)
