"""iso9660.py - for iso9660.sh: trees as tars, and comparisons of a tar with what other programs read from an image.

tree FILE SEED          a tar of a tree: one of everything (seed 0), or a random one
archive TAR OTHER       both tars hold the same files; OTHER is bsdtar's reading of an image
listing TAR TEXT        xorriso's `-find / -exec lsdl` tells the same
names TAR TEXT COUNT    a list of names: no name twice, and as many as TAR has files and directories
"""
import io
import random
import stat
import sys
import tarfile

DIR, FILE, LINK, HARD = tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
CHAR, BLOCK, FIFO = tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE
OLDEST, NEWEST = -2208988800, 5869583999


class Tree:
    def __init__(self, path):
        self.tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)
        self.kinds = {}

    def add(self, name, kind=FILE, data=b"", link="", mode=0o644, dev=(0, 0), uid=0, gid=0, mtime=1492533000):
        for i, c in enumerate(name):
            if c == "/" and name[:i] not in self.kinds:
                self.add(name[:i], DIR, mode=0o755)
        m = tarfile.TarInfo(name)
        m.type, m.linkname, m.mode, m.uid, m.gid, m.mtime = kind, link, mode, uid, gid, mtime
        m.devmajor, m.devminor = dev
        m.size = len(data)
        self.kinds[name] = kind
        self.tar.addfile(m, io.BytesIO(data))


def everything(t):
    t.add("bin/hello", data=b"hello\n", mode=0o4755, uid=1000, gid=70000)
    t.add("bin/link", HARD, link="bin/hello")
    t.add("other/hard", HARD, link="bin/hello")
    t.add("dev/null", CHAR, dev=(1, 3), mode=0o666)
    t.add("dev/sda17", BLOCK, dev=(8, 17), uid=4294967295)
    t.add("dev/zero", CHAR)
    t.add("fifo", FIFO)
    t.add("empty")
    for i, target in enumerate(["/", "../a/./b/..", "/usr/lib/x", "a" * 255 + "/" + "b" * 100, "d/" * 3, "x/" * 50 + "y"]):
        t.add("link%d" % i, LINK, link=target)
    t.add("n" * 255, data=b"1")
    t.add("n" * 254 + "m", data=b"2")
    t.add("n" * 120 + ".conf", data=b"3")
    t.add("d" * 255 + "/f")
    t.add("üñïcødé-日本語.txt", data=b"u")
    for i, name in enumerate(["emoji😀", "a;b", "a*b", "a?b", "A B", "a b", ".profile", "..x", "foo.tar.gz", "foo.tar"]):
        t.add(name, data=b"%d" % i)
    t.add("/".join("deep%d" % i for i in range(40)) + "/file", data=b"deep")
    for name, mtime in [("old", -5000000000), ("new", 99999999999), ("epoch", 0), ("2038", 1 << 31)]:
        t.add(name, data=name.encode(), mtime=mtime)
    for i in range(300):
        t.add("many/file-with-a-rather-long-name-number-%d.txt" % i, data=b"%d" % (i % 7))
    t.add("many/sub", DIR, mode=0o1777)
    t.add("big", data=b"0123456789abcdef" * 70000)
    t.add("boot/loader.bin", data=bytes(range(256)) * 12)


def anything(t, r):
    dirs, files = [""], []
    for i in range(r.randint(1, 300)):
        name = "".join(r.choice("abcXYZ019._- äß漢") for _ in range(r.choice([1, 2, 5, 30, 85, 120]))).strip(" ")
        path = r.choice(dirs) + name
        if not name.strip(".") or len(name.encode()) > 255 or len(path) > 1000 or path in t.kinds:
            continue
        kind = r.choice([FILE] * 4 + [DIR] * 3 + [LINK, HARD, CHAR, BLOCK, FIFO])
        more = {"mode": r.randint(0, 0o7777), "uid": r.choice([0, 1, 1 << 31]), "mtime": r.randint(0, 1 << 32)}
        if kind == FILE:
            # the first bytes tell files apart: bsdtar takes equal ones for hard links and loses real ones
            t.add(path, data=b"%d" % i + r.randbytes(r.choice([0, 1, 2044, 2047, 2048, 70000])), **more)
            files.append(path)
        elif kind == LINK:
            part = lambda: "".join(r.choice("ab.c") for _ in range(r.choice([1, 2, 3, 10, 50])))
            t.add(path, LINK, link="/".join(part() for _ in range(r.randint(1, 4))))
        elif kind == HARD and files:
            t.add(path, HARD, link=r.choice(files))
        elif kind in (CHAR, BLOCK):
            t.add(path, kind, dev=(r.randint(1, 511), r.randint(0, 255)), **more)
        elif kind != HARD:
            t.add(path, kind, **more)
            if kind == DIR:
                dirs.append(path + "/")


def read(path):
    """Name -> what must be equal. A hard link has the attributes and the data of its target."""
    tar, found, groups = tarfile.open(path), {}, {}
    for m in tar:
        name = m.name.rstrip("/")
        if name in (".", "boot/boot.cat"):
            continue
        first = m
        if m.type == HARD:
            first = tar.getmember(m.linkname)
            while first.type == HARD:
                first = tar.getmember(first.linkname)
        if first.isreg():
            groups.setdefault(first.name, []).append(name)
        data = tar.extractfile(first).read() if first.isreg() else b""
        if name == "boot/loader.bin":
            data = data[64:]  # the boot information table is patched in
        mtime = max(OLDEST, min(NEWEST, first.mtime))
        dev = (first.devmajor, first.devminor) if first.type in (CHAR, BLOCK) else (0, 0)
        link = first.linkname if first.issym() else ""
        mode = 0o777 if first.issym() else first.mode
        found[name] = (first.type, mode, first.uid, first.gid, mtime, dev, link, data)
    return found, sorted(sorted(g) for g in groups.values() if len(g) > 1)


def differ(what, wanted, got):
    for name in sorted(set(wanted) | set(got)):
        if wanted.get(name) != got.get(name):
            sys.exit("%s %r: wanted %.300r, got %.300r" % (what, name, wanted.get(name), got.get(name)))


def archive(tar, other):
    (wanted, links), (got, got_links) = read(tar), read(other)
    differ("entry", wanted, got)
    if links != got_links:
        sys.exit("hard links: wanted %r, got %r" % (links, got_links))


TYPES = {DIR: stat.S_IFDIR, FILE: stat.S_IFREG, LINK: stat.S_IFLNK, CHAR: stat.S_IFCHR, BLOCK: stat.S_IFBLK, FIFO: stat.S_IFIFO}


def listing(tar, text):
    wanted, got = {}, {}
    for name, (kind, mode, uid, gid, _, dev, link, data) in read(tar)[0].items():
        size = "%d,%d" % dev if kind in (CHAR, BLOCK) else str(len(data) + 64 * (name == "boot/loader.bin"))
        shown = "'/%s'" % name + (" -> '%s'" % link if link else "")
        if kind == LINK:
            mode = None
        wanted[shown] = (kind, mode, str(uid), str(gid), size)
    for line in open(text, encoding="utf-8"):
        perm, _, uid, gid, size, _, _, _, shown = line.rstrip("\n").split(None, 8)
        if shown in ("'/'", "'/boot/boot.cat'"):
            continue
        kind = {"d": DIR, "-": FILE, "l": LINK, "c": CHAR, "b": BLOCK, "p": FIFO}[perm[0]]
        got[shown] = (kind, perm, uid, gid, "0" if kind == DIR else size)
    for shown, (kind, mode, *rest) in wanted.items():
        perm = got.get(shown, (0, ""))[1] if mode is None else stat.filemode(TYPES[kind] | mode)
        wanted[shown] = (kind, perm, *rest)
    differ("line", wanted, got)


def names(tar, text):
    wanted = [v for v in read(tar)[0].values() if v[0] in (DIR, FILE)]
    got = [n for n in open(text, encoding="utf-8").read().split("\n") if n not in ("", ".", "boot/boot.cat")]
    if len(set(got)) != len(got) or len(got) != len(wanted):
        sys.exit("%d names, %d different ones, %d wanted" % (len(got), len(set(got)), len(wanted)))


def tree(path, seed):
    t = Tree(path)
    everything(t) if seed == "0" else anything(t, random.Random(int(seed)))
    t.tar.close()


{"tree": tree, "archive": archive, "listing": listing, "names": names}[sys.argv[1]](*sys.argv[2:])
