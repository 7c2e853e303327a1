"""test/image.py - hand-made images for tests: layers byte by byte, and a cache that holds them.

    from image import Cache, Layer
    layer = Layer().dir("etc").file("etc/x", "text", mode=0o600, xattrs={"user.a": b"1"})
    Cache("cache").image("acme/app:1", [layer], config={"Cmd": ["/x"]})

Nothing here comes from the program under test: the headers are written field by field, so a test can make
what no tar program would.  Layers stand bottom first.  A name of a cache is a full reference."""
import gzip
import hashlib
import io
import json
import os
import re

OCI = "application/vnd.oci.image."
LABEL = "org.mobyproject.config"
T = 1500000000  # mtime of an entry unless it says otherwise


def blocks(data):
    return data + bytes(-len(data) % 512)


def octal(value, width):
    """A number field; what does not fit is written in base 256, as GNU tar does."""
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    return b"\x80" + value.to_bytes(width - 1, "big") if value >= 0 else \
        b"\xff" + (value % 256 ** (width - 1)).to_bytes(width - 1, "big")


def header(name, kind, mode=0, uid=0, gid=0, size=0, mtime=0, link=b"", uname=b"", gname=b"", major=0, minor=0):
    h = b"".join([name[:100].ljust(100, b"\0"), octal(mode, 8), octal(uid, 8), octal(gid, 8), octal(size, 12),
                  octal(mtime, 12), b" " * 8, kind, link[:100].ljust(100, b"\0"), b"ustar\x0000",
                  uname.ljust(32, b"\0"), gname.ljust(32, b"\0"), octal(major, 8), octal(minor, 8)])
    h = h.ljust(512, b"\0")
    return h[:148] + b"%06o\0 " % sum(h) + h[156:]


def pax_records(records):
    out = b""
    for key, value in records.items():
        rest = len(key.encode()) + len(value) + 3
        length = rest + len(str(rest))
        length = rest + len(str(length))
        out += b"%d %s=%s\n" % (length, key.encode(), value)
    return out


def to_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


class Layer:
    """A tar under construction; every method returns the layer."""

    def __init__(self):
        self.out = io.BytesIO()

    def add(self, name, kind, mode=0o644, data=b"", uid=0, gid=0, mtime=T, link="", xattrs=None, pax=None,
            uname="", gname="", major=0, minor=0, size=None):
        """mtime may be text ("1.5", "-3"): then it is a pax record. size: a lie in the header."""
        name, link, data = to_bytes(name), to_bytes(link), to_bytes(data)
        records = {"SCHILY.xattr." + k: to_bytes(v) for k, v in (xattrs or {}).items()}
        records.update({k: to_bytes(v) for k, v in (pax or {}).items()})
        if isinstance(mtime, str):
            records["mtime"], mtime = mtime.encode(), 0
        for key, text in (("path", name), ("linkpath", link)):
            if len(text) > 100 or any(c > 127 for c in text):
                records.setdefault(key, text)
        if records:
            body = pax_records(records)
            self.out.write(header(b"PaxHeaders.0/x", b"x", size=len(body)) + blocks(body))
        self.out.write(header(name, kind, mode, uid, gid, len(data) if size is None else size, mtime, link,
                              uname.encode(), gname.encode(), major, minor))
        self.out.write(blocks(data))
        return self

    def file(self, name, data="", mode=0o644, **more):
        return self.add(name, b"0", mode, data, **more)

    def dir(self, name, mode=0o755, **more):
        return self.add(name, b"5", mode, **more)

    def symlink(self, name, target, mode=0o777, **more):
        return self.add(name, b"2", mode, link=target, **more)

    def link(self, name, target, mode=0o644, **more):
        return self.add(name, b"1", mode, link=target, **more)

    def char(self, name, major, minor, mode=0o600, **more):
        return self.add(name, b"3", mode, major=major, minor=minor, **more)

    def block(self, name, major, minor, mode=0o600, **more):
        return self.add(name, b"4", mode, major=major, minor=minor, **more)

    def fifo(self, name, mode=0o600, **more):
        return self.add(name, b"6", mode, **more)

    def whiteout(self, name):
        folder, base = os.path.split(name)
        return self.file(os.path.join(folder, ".wh." + base))

    def opaque(self, folder):
        return self.file(os.path.join(folder, ".wh..wh..opq"))

    def raw(self, data):
        self.out.write(data)
        return self

    def tar(self):
        return self.out.getvalue() + bytes(1024)


class Cache:
    def __init__(self, folder):
        self.folder = folder
        self.blobs = os.path.join(folder, "blobs", "sha256")
        os.makedirs(self.blobs, exist_ok=True)
        with open(os.path.join(folder, "oci-layout"), "w", encoding="ascii") as f:
            f.write('{"imageLayoutVersion": "1.0.0"}')
        if not os.path.exists(os.path.join(folder, "index.json")):
            self.write_index({"schemaVersion": 2, "manifests": []})

    def write_index(self, index):
        with open(os.path.join(self.folder, "index.json"), "w", encoding="utf-8") as f:
            json.dump(index, f)

    def blob(self, data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.blobs, digest), "wb") as f:
            f.write(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    def blob_file(self, path, media_type):
        """The same for a file that is too large for memory; it is moved."""
        with open(path, "rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
        size = os.path.getsize(path)
        os.rename(path, os.path.join(self.blobs, digest))
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": size}

    def layer(self, layer, packed=True):
        """layer: a Layer, a descriptor, or bytes that are stored as they are."""
        if isinstance(layer, dict):
            return layer
        if isinstance(layer, bytes):
            return self.blob(layer, OCI + "layer.v1.tar")
        if packed:
            return self.blob(gzip.compress(layer.tar(), 6, mtime=0), OCI + "layer.v1.tar+gzip")
        return self.blob(layer.tar(), OCI + "layer.v1.tar")

    def manifest(self, layers, config=None, arch="amd64", label=None):
        """label: text or a mapping. Every second layer is stored unpacked."""
        config = dict(config or {})
        if label is not None:
            config["Labels"] = {LABEL: label if isinstance(label, str) else json.dumps(label)}
        layers = [self.layer(one, i % 2 == 0) for i, one in enumerate(layers)]
        config = self.blob(json.dumps({"architecture": arch, "os": "linux", "config": config,
                                       "rootfs": {"type": "layers", "diff_ids": []}}).encode(),
                           OCI + "config.v1+json")
        return self.blob(json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                                     "config": config, "layers": layers}).encode(), OCI + "manifest.v1+json")

    def index(self, manifests):
        """manifests: (platform text, manifest descriptor) pairs."""
        entries = []
        for platform, manifest in manifests:
            parts = dict(zip(("os", "architecture", "variant"), platform.split("/")))
            entries.append(dict(manifest, platform=parts))
        return self.blob(json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
                                     "manifests": entries}).encode(), OCI + "index.v1+json")

    def name(self, ref, descriptor):
        """ref: "acme/app:1" is short for "docker.io/acme/app:1"."""
        if not re.match(r"[^/]*[.:]|localhost/", ref.split("/")[0]):
            ref = "docker.io/" + ref
        with open(os.path.join(self.folder, "index.json"), encoding="utf-8") as f:
            index = json.load(f)
        index["manifests"].append(dict(descriptor, annotations={"org.opencontainers.image.ref.name": ref}))
        self.write_index(index)
        return descriptor

    def image(self, ref, layers, config=None, label=None, arches=("amd64",)):
        """The same content for each architecture, under one index."""
        return self.name(ref, self.index([("linux/" + a, self.manifest(layers, config, a, label)) for a in arches]))
