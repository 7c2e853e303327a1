#!/usr/bin/env python3
"""test/golden.py - what a tar or an initrd holds, entry by entry, against a list written from the specification.

    golden.py tar FILE GOLDEN       golden.py cpio FILE GOLDEN [SKIP]       golden.py cat FILE NAME

The readers here share nothing with the program; they also insist on every field's encoding (yaml.md 18, 19.2).
A golden list has one entry a line, in order:

    f 0644 0:0 T0 etc/motd "text"          file; the content is a JSON string, or <NAME: file NAME beside the list
    d 0755 0:0 T0 etc                      directory
    l 0777 0:0 1500000000.25 a -> b        symlink; h: hard link; c, b: device with MAJOR,MINOR; p: fifo
    f 0644 4294967295:0 T0 x "" SCHILY.xattr.user.a="1" uname="root"      pax records and owner names follow

Names that hold blanks or other letters are JSON strings.  Directives:

    @LOCATION SOURCE        the marks of what follows; @ alone: none
    %dirs PATH              one directory 0755 for each component of PATH (yaml.md 9)
    %etc PREFIX KIND        what the filter appends (yaml.md 8); KIND is init or container, +mtab: the image had one
"""
import difflib
import gzip
import json
import os
import re
import sys
import tarfile

T0 = "1492533000"
HOSTS = ("127.0.0.1       localhost\n::1     localhost ip6-localhost ip6-loopback\nfe00::0 ip6-localnet\n"
         "ff00::0 ip6-mcastprefix\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n")
RESOLV = "\n# no resolv.conf configured\n"
KINDS = {b"0": "f", b"1": "h", b"2": "l", b"3": "c", b"4": "b", b"5": "d", b"6": "p"}


def show(data):
    """Bytes as one word or one JSON string."""
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data
    return text if re.fullmatch(r"[A-Za-z0-9_./+:=-]+", text) and text != "->" else json.dumps(text)


def quote(data):
    return json.dumps(data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data)


def line(marks, kind, mode, uid, gid, mtime, name, extra, records):
    head = f"{marks[0]} {marks[1]}" if marks else "-"
    tail = "".join(f" {k}={quote(v)}" for k, v in sorted(records.items()))
    return f"[{head}] {kind} {mode:04o} {uid}:{gid} {mtime} {show(name)}{extra}{tail}"


# --- golden lists -------------------------------------------------------------------------------------

def words(text):
    out = []
    for m in re.finditer(r'([^\s"]+=)?("(?:[^"\\]|\\.)*")|(\S+)', text):
        out.append((m.group(1) or "", json.loads(m.group(2))) if m.group(2) else m.group(3))
    return [w[1] if isinstance(w, tuple) and not w[0] else w for w in out], [
        isinstance(w, tuple) and not w[0] for w in out]


class Golden:
    def __init__(self, path):
        self.folder = os.path.dirname(path)
        self.lines = []
        self.marks = None
        with open(path, encoding="utf-8") as f:
            for number, text in enumerate(f, 1):
                text = text.strip()
                if text and not text.startswith("#"):
                    try:
                        self.read(text)
                    except (ValueError, IndexError) as e:
                        sys.exit(f"{path}:{number}: {e}: {text}")

    def put(self, kind, mode, owner, mtime, name, extra="", records=None):
        uid, gid = owner.split(":")
        self.lines.append(line(self.marks, kind, int(mode, 8), int(uid), int(gid),
                               T0 if mtime == "T0" else mtime, name, extra, records or {}))

    def dir(self, name):
        self.put("d", "0755", "0:0", "T0", name)

    def file(self, name, text):
        self.put("f", "0644", "0:0", "T0", name, " " + quote(text))

    def appended(self, prefix, kind, mtab):
        for name in "dev", "dev/pts", "dev/shm", "etc":
            self.dir(prefix + name)
        self.file(prefix + "etc/hosts", HOSTS)
        if not mtab:
            self.put("l", "0755", "0:0", "T0", prefix + "etc/mtab", " -> /proc/mounts")
        if kind == "container":
            self.file(prefix + "etc/resolv.conf", RESOLV)
        else:
            self.put("l", "0644", "0:0", "T0", prefix + "etc/resolv.conf", " -> /run/resolvconf/resolv.conf")
        self.dir(prefix + "proc")
        self.dir(prefix + "sys")

    def read(self, text):
        w, quoted = words(text)
        if text[0] == "@":
            self.marks = (w[0][1:], w[1]) if len(w) > 1 else None
        elif w[0] == "%dirs":
            parts = w[1].split("/")
            for i in range(len(parts)):
                self.dir("/".join(parts[:i + 1]))
        elif w[0] == "%etc":
            self.appended(w[1] if quoted[1] or w[1] != "-" else "", w[2].split("+")[0], "+mtab" in w[2])
        else:
            self.entry(w, quoted)

    def entry(self, w, quoted):
        kind, mode, owner, mtime, name = w[:5]
        rest = [r for r in w[5:] if not isinstance(r, tuple)]
        records = {r[0][:-1]: r[1] for r in w[5:] if isinstance(r, tuple)}
        extra = ""
        if kind in "lh":
            extra = " -> " + show(rest[1])
        elif kind in "cb":
            extra = " " + rest[0]
        elif kind == "f":
            if not quoted[5] and rest[0].startswith("<"):
                with open(os.path.join(self.folder, rest[0][1:]), encoding="utf-8") as f:
                    rest[0] = f.read()
                if w[5].endswith(".json"):  # the program ends none with a newline, editors do
                    rest[0] = rest[0].removesuffix("\n")
            extra = " " + quote(rest[0])
        self.put(kind, mode, owner, mtime, name, extra, records)


# --- tar ----------------------------------------------------------------------------------------------

def must(condition, what):
    if not condition:
        sys.exit(f"golden.py: {what}")


def number(field, digits):
    must(re.fullmatch(rb"[0-7]{%d}\0" % digits, field), f"bad number field {field!r}")
    return int(field[:-1], 8)


def text_of(field):
    text = field.rstrip(b"\0")
    must(b"\0" not in text, f"bad text field {field!r}")
    return text


def parse_pax(data):
    records, at = {}, 0
    while at < len(data):
        length = int(data[at:data.index(b" ", at)])
        record = data[at:at + length]
        must(record.endswith(b"\n"), "a pax record does not end in a newline")
        key, value = record[record.index(b" ") + 1:-1].split(b"=", 1)
        must(key.decode() not in records, f"pax record {key} twice")
        records[key.decode()] = value
        at += length
    must(list(records) == sorted(records, key=str.encode), "pax records are not sorted")
    return records


def only_ascii(name):
    return bytes(c for c in name if c < 128)


def check_pax_header(h, name):
    """Name, owner and time of the extended header in front of the entry `name` (yaml.md 18)."""
    folder, _, base = name.rpartition(b"/")
    want = os.path.normpath(os.path.join(folder, b"PaxHeaders.0", base))
    must(text_of(h[:100]) == only_ascii(want)[:100].rstrip(b"/"), f"pax header name {h[:100]!r} for {name!r}")
    must(h[100:124] == b"0000000\0" * 3 and h[136:148] == b"00000000000\0", "pax header fields")
    must(h[265:345] == bytes(80), "pax header owner and device")


def read_tar(path):
    """Yields entries as lines and checks the encoding."""
    with open(path, "rb") as f:
        pending = None
        while True:
            h = f.read(512)
            must(len(h) == 512, "truncated tar")
            if h == bytes(512):
                must(f.read() == bytes(512), "the end is not two zero blocks")
                return
            must(h[148:156] == b"%06o\0 " % (sum(h[:148]) + 256 + sum(h[156:])), "checksum")
            must(h[257:265] == b"ustar\x0000" and h[345:] == bytes(167), "magic or prefix")
            size = number(h[124:136], 11)
            if h[156:157] == b"x":
                must(pending is None, "two extended headers")
                pending = (h, parse_pax(f.read(size)))
                must(f.read(-size % 512) == bytes(-size % 512), "padding")
                continue
            records = pending[1] if pending else {}
            size = int(records.pop("size", size))
            data = f.read(size)
            must(f.read(-size % 512) == bytes(-size % 512), "padding")
            yield tar_entry(h, records, pending and pending[0], data)
            pending = None


def tar_entry(h, records, extended, data):
    names = {}
    for key, at, n in ("path", 0, 100), ("linkpath", 157, 100), ("uname", 265, 32), ("gname", 297, 32):
        field = text_of(h[at:at + n])
        if key in records:
            names[key] = records.pop(key)
            must(len(names[key]) > n or only_ascii(names[key]) != names[key], f"needless record {key}")
            must(field in (only_ascii(names[key])[:n], only_ascii(names[key])[:n].rstrip(b"/")), f"field of {key}")
        else:
            names[key] = field
    if extended:
        check_pax_header(extended, names["path"])
    ids = {}
    for key, at in ("uid", 108), ("gid", 116):
        ids[key] = number(h[at:at + 8], 7)
        if key in records:
            must(ids[key] == 0 and int(records[key]) >= 8 ** 7, f"needless record {key}")
            ids[key] = int(records.pop(key))
    mtime = str(number(h[136:148], 11))
    if "mtime" in records:
        text = records.pop("mtime").decode()
        must(re.fullmatch(r"-?\d+(\.\d*[1-9])?", text), f"mtime {text}")
        must(mtime == "0" or mtime == text.split(".")[0], "mtime field")
        mtime = text
    kind = KINDS[h[156:157]]
    extra = ""
    if kind in "lh":
        extra = " -> " + show(names["linkpath"])
    elif kind in "cb":
        extra = f" {number(h[329:337], 7)},{number(h[337:345], 7)}"
    elif kind == "f":
        extra = " " + quote(data)
    if kind not in "cb":
        must(h[329:345] == b"0000000\0" * 2, "device fields")
    must(not data or kind == "f", "data of something that is not a file")
    location, source = records.pop("LINUXKIT.location", None), records.pop("LINUXKIT.source", None)
    marks = (location.decode(), source.decode()) if location is not None and source is not None else None
    must((location is None) == (source is None), "one mark without the other")
    for key in "uname", "gname":
        if names[key]:
            records[key] = names[key]
    return line(marks, kind, number(h[100:108], 7), ids["uid"], ids["gid"], mtime, names["path"], extra, records)


def cross_check(path, n):
    """Another reader must find the same number of entries."""
    with tarfile.open(path) as t:
        must(len(t.getmembers()) == n, "tarfile finds another number of entries")


# --- cpio ---------------------------------------------------------------------------------------------

CPIO = {0o10: "f", 0o12: "l", 0o02: "c", 0o06: "b", 0o04: "d", 0o01: "p"}


def read_cpio(path, skip):
    with open(path, "rb") as f:
        raw = f.read()[skip:]
    data, at, inode = gzip.decompress(raw), 0, 721
    while True:
        must(re.fullmatch(rb"070701[0-9A-F]{104}", data[at:at + 110]), "cpio header")
        (ino, mode, uid, gid, nlink, mtime, size, major, minor, rmajor, rminor, name_len, check) = (
            int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13))
        name = data[at + 110:at + 110 + name_len]
        must(name.endswith(b"\0") and check == 0 and (major, minor) == (3, 1), "cpio fields")
        name, at = name[:-1], at + 110 + name_len
        at += -at % 4
        must(ino == inode, f"inode {ino} instead of {inode}")
        inode += 1
        if name == b"TRAILER!!!":
            must(len(data) % 512 == 0 and not data[at:].strip(b"\0") and len(data) - at < 512, "end of the cpio")
            return
        body = data[at:at + size]
        at += size + -size % 4
        kind = CPIO[mode >> 12]
        must(nlink == (2 if kind == "d" else 1), "links")
        extra = " -> " + show(body) if kind == "l" else " " + quote(body) if kind == "f" else \
            f" {rmajor},{rminor}" if kind in "cb" else ""
        must(kind in "lf" or size == 0, "size")
        yield line(None, kind, mode & 0o7777, uid, gid, str(mtime), name, extra, {})


def main():
    what, path, golden = sys.argv[1:4]
    if what == "cat":
        with tarfile.open(path) as t:
            found = [m for m in t.getmembers() if m.name == golden]
            must(found, f"no {golden} in {path}")
            sys.stdout.buffer.write(t.extractfile(found[-1]).read())
        return
    if what == "tar":
        got = list(read_tar(path))
        cross_check(path, len(got))
    else:
        got = list(read_cpio(path, int(sys.argv[4]) if len(sys.argv) > 4 else 0))
    if golden == "-":
        print("\n".join(got))
        return
    want = Golden(golden).lines
    if want != got:
        want, got = ([part for text in side for part in text.split("\\n")] for side in (want, got))
        sys.exit("\n".join(difflib.unified_diff(want, got, "specification", "program", "", "", 1)))


main()
