#!/usr/bin/env python3
"""logs.py PROGRAM CASE - the log daemon as an ordinary process on sockets of its own, against the protocol as written in
docs/logging.md; everything here is spoken by hand. Works in the current directory."""
import array, json, os, signal, socket, subprocess, sys, time

program, case = sys.argv[1], sys.argv[2]
LOG, QUERY = "log.sock", "query.sock"
for name in ("memlogd", "logread", "logwrite"):
    if not os.path.lexists(name):
        os.symlink(program, name)


def start(*more, **how):
    os.makedirs("files", exist_ok=True)
    os.makedirs("fifos", exist_ok=True)
    held = [s.fileno() for s in sockets]
    p = subprocess.Popen(["./memlogd", "-fd-log", str(held[0]), "-fd-query", str(held[1]), "-fd-ring", str(ring),
                          "-log-dir", os.path.abspath("files"), "-fifos", "fifos", *more], pass_fds=[*held, ring], **how)
    return p


# What process 1 holds in a machine.
sockets = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)]
ring = os.memfd_create("log", 0)
if case != "own_sockets":
    sockets[0].bind(LOG)
    sockets[1].bind(QUERY)
    sockets[1].listen(64)
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def pass_fd(name, *fds):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sender.sendmsg([name.encode()], rights, 0, LOG)


def stream(name):
    """The write end of a stream that the daemon has."""
    r, w = os.pipe()
    pass_fd(name, r)
    os.close(r)
    return w


def ask(mode):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(QUERY)
    s.settimeout(30)
    s.send(bytes([mode]))
    return s.makefile("rb")


def dump(source=None):
    lines = [json.loads(l) for l in ask(0)]
    for l in lines:
        assert set(l) == {"time", "source", "msg"}, l
    return [l["msg"] if source else (l["source"], l["msg"]) for l in lines if source in (None, l["source"])]


def until(what, limit=20):
    end = time.monotonic() + limit
    while not what():
        assert time.monotonic() < end, "not true in time"
        time.sleep(0.01)


def private_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return sum(int(l.split()[1]) for l in f if l.startswith("RssAnon"))


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def lines():
    """Lines in order and cut; bytes that are no UTF-8; a last line without an end; what is no stream is passed over."""
    d = start()
    a, b = stream("a"), stream("b;x")
    os.write(a, b"one\ntwo\nth")
    os.write(a, b"ree\r\n\xff\xfe\x1b[0m\n")
    os.write(a, b"y" * 5000 + b"\nlast")
    os.close(a)
    os.write(b, b"\n")
    until(lambda: "last" in dump("a"))
    assert dump("a") == ["one", "two", "three", "\ufffd\ufffd\x1b[0m", "y" * 1024, "last"], dump("a")
    assert dump("b;x") == [""]
    os.close(b)
    pass_fd("nothing")
    with open("plain", "w+") as f, open("/dev/null") as null:
        pass_fd("plain", f.fileno())
        pass_fd("null", null.fileno())
    r, w = os.pipe()
    pass_fd("x" * 600, r)  # the name is longer than names are
    pass_fd("", r)
    pass_fd("many", r, r, w)
    os.write(w, b"through the first\n")
    until(lambda: dump("many") == ["through the first"])
    left, right = socket.socketpair()
    pass_fd("sock", left.fileno())
    left.close()
    right.send(b"by socket\n")
    right.close()
    until(lambda: dump("sock") == ["by socket"])
    out = subprocess.run(["./logread", "-socket", QUERY], capture_output=True, text=True, check=True).stdout
    assert "Z;b\\;x;\n" in out, out
    with open("files/a.log", "rb") as f:  # as it was written, uncut
        assert f.read() == b"one\ntwo\nthree\r\n\xff\xfe\x1b[0m\n" + b"y" * 5000 + b"\nlast"
    assert not os.path.exists("files/b;x.log")


def follow():
    """The three ways to read, and one of our own; the order of lines is that of their arrival."""
    d = start()
    a = stream("a")
    os.write(a, b"old\n")
    until(lambda: dump("a") == ["old"])
    after, both, marked = ask(1), ask(2), ask(3)
    text = lambda f: json.loads(f.readline())["msg"]
    assert text(both) == "old" and text(marked) == "old" and marked.readline() == b"\n"
    time.sleep(0.1)
    os.write(a, b"new\n")
    assert text(after) == "new" and text(both) == "new" and text(marked) == "new"
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)  # as `printf '\0' | nc -U` asks
    s.connect(QUERY)
    s.send(b"\0")
    s.shutdown(socket.SHUT_WR)
    assert s.makefile("rb").read().count(b"\n") == 2
    p = subprocess.Popen(["./logread", "-F", "-socket", QUERY], stdout=subprocess.PIPE)
    assert p.stdout.readline().endswith(b";a;old\n") and p.stdout.readline().endswith(b";a;new\n")
    os.write(a, b"newer\n")
    assert p.stdout.readline().endswith(b";a;newer\n")
    p.kill()


def hostile_readers():
    """Clients that ask nothing, read nothing, ask nonsense: others are served; a slow one is told what it lost."""
    d = start("-max-lines", "100", "-rate", "0")
    silent = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(200)]
    for s in silent:
        s.connect(QUERY)
    slow = ask(2)
    bad = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bad.connect(QUERY)
    bad.send(b"GET / HTTP/1.0\r\n\r\n")
    a = stream("a")
    os.write(a, b"0\n")
    assert json.loads(slow.readline())["msg"] == "0"
    for i in range(1, 3000):
        os.write(a, b"%d " % i + b"z" * 900 + b"\n")
    until(lambda: dump("a")[-1:] and dump("a")[-1].startswith("2999 "))
    assert len(dump()) == 100
    assert bad.recv(100) == b""
    seen, lost = [0], 0
    while seen[-1] != 2999:
        l = json.loads(slow.readline())
        if l["source"] == "logd":
            lost += int(l["msg"].split()[0])
        else:
            seen.append(int(l["msg"].split()[0]))
    assert lost > 0 and len(seen) + lost == 3000 and seen == sorted(seen), (lost, len(seen))
    assert open_files(d.pid) < 100


def rate():
    """A flood is read, counted, and kept out of the ring; the other stream and the file have all."""
    d = start("-rate", "20")
    a, b = stream("a"), stream("b")
    os.write(a, b"".join(b"line %d\n" % i for i in range(5000)))
    os.write(b, b"quiet\n")
    until(lambda: "quiet" in dump("b"))
    os.close(a)
    until(lambda: dump("logd"))
    kept = len(dump("a"))
    assert 200 <= kept < 400, kept
    assert dump("logd") == ["a: %d lines dropped, more than 20 a second" % (5000 - kept)], dump("logd")
    with open("files/a.log") as f:
        assert len(f.readlines()) == 5000


def crash():
    """Killed between any two lines: nothing that was stored is lost, FIFOs are found again, the writer goes on."""
    os.makedirs("fifos")
    d = start()
    os.mkfifo("fifos/svc.out")
    hold = os.open("fifos/svc.out", os.O_RDONLY | os.O_NONBLOCK)
    w = os.open("fifos/svc.out", os.O_RDWR)
    pass_fd("svc.out", hold)
    n = 0
    for _ in range(20):
        for _ in range(30):
            os.write(w, b"%d\n" % n)
            n += 1
        until(lambda: len(dump("svc.out")) == n)
        d.kill()
        d.wait()
        os.write(w, b"%d\n" % n)  # nobody reads now
        n += 1
        d = start()
    until(lambda: len(dump("svc.out")) == n)
    assert dump("svc.out") == [str(i) for i in range(n)]
    # the same FIFO in its writer's next life, twice in a row
    for life in range(2):
        os.close(w)
        again = os.open("fifos/svc.out", os.O_RDONLY | os.O_NONBLOCK)
        pass_fd("svc.out", again)
        w = os.open("fifos/svc.out", os.O_RDWR)
        os.write(w, b"life %d\n" % life)
        until(lambda: "life %d" % life in dump("svc.out"))
        os.close(hold)
        hold = again
    assert dump("svc.out").count("life 1") == 1
    with open("files/svc.out.log") as f:
        assert f.read() == "".join(m + "\n" for m in dump("svc.out"))


def many_streams():
    """10,000 streams that come and go: neither memory nor descriptors grow."""
    d = start("-rate", "0")
    os.close(stream("first"))

    def some(count, names):
        for i in range(count):
            w = stream("s%d" % (i % names))
            os.write(w, b"hello %d\nrest" % i)
            os.close(w)
            if i % 100 == 99:
                until(lambda: open_files(d.pid) < 60)

    some(2000, 300)
    before = private_kib(d.pid), open_files(d.pid)
    some(10000, 300)
    after = private_kib(d.pid), open_files(d.pid)
    print("private memory", before, after)
    assert after[0] - before[0] <= 8 and after[1] <= before[1] + 1 and after[0] < 400, (before, after)
    assert len(dump()) == 5000


def limits():
    """Streams are bounded; those that are refused are counted, and the ones that are open go on."""
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    d = start()
    ends = [stream("s%d" % i) for i in range(1100)]
    until(lambda: "76 streams refused, 1024 are open" in dump("logd"))
    os.write(ends[3], b"still\n")
    until(lambda: dump("s3") == ["still"])
    for e in ends:
        os.close(e)
    until(lambda: open_files(d.pid) < 40)


def blocking_sender():
    """A sender that keeps the read end, makes it block and reads from it itself does not hold the daemon up."""
    d = start()
    r, w = os.pipe()
    pass_fd("mine", r)
    left, right = socket.socketpair()
    pass_fd("socket", left.fileno())
    os.set_blocking(r, True)
    left.setblocking(True)
    thieves = []
    for fd, to in (r, lambda: os.write(w, b"x")), (left.fileno(), lambda: right.send(b"x")):
        thieves.append(os.fork())
        while thieves[-1] == 0:
            to()
            os.read(fd, 1)
    other = stream("other")
    for i in range(2000):
        os.write(other, b"%d\n" % i)
        time.sleep(0.0005)
        if i % 100 == 0:
            until(lambda: dump("other")[-1:] == [str(i)])
    until(lambda: dump("other")[-1] == "1999")
    for pid in thieves:
        os.kill(pid, signal.SIGKILL)


def rotation():
    """Files in memory are small and keep one predecessor; one that was deleted is made again."""
    d = start("-rate", "0")
    a = stream("a")
    with open("/proc/self/mountinfo") as f:
        tmpfs = any(l.split()[4] == "/dev/shm" for l in f)
    for i in range(3000):
        os.write(a, b"%06d " % i + b"z" * 993 + b"\n")
    os.close(a)
    until(lambda: dump("a") and dump("a")[-1].startswith("002999"))
    sizes = {n: os.path.getsize("files/" + n) for n in sorted(os.listdir("files"))}
    print(sizes)
    limit = (1 << 20) + 16384
    assert all(s <= limit for s in sizes.values()) and len(sizes) == 3, sizes
    text = b"".join(open("files/" + n, "rb").read() for n in ("a.log.1", "a.log.0", "a.log"))
    assert [int(l[:6]) for l in text.splitlines()] == list(range(3000))
    b = stream("b")
    os.write(b, b"1\n")
    until(lambda: os.path.exists("files/b.log") and open("files/b.log").read() == "1\n")
    os.unlink("files/b.log")
    os.write(b, b"2\n")
    until(lambda: os.path.exists("files/b.log") and open("files/b.log").read() == "2\n")
    os.symlink("/etc/passwd", "files/evil.log")
    c = stream("evil")
    os.write(c, b"no\n")
    until(lambda: dump("evil") == ["no"])
    assert b"no\n" not in open("/etc/passwd", "rb").read().splitlines(True)


def disk():
    """A file system mounted over the directory is seen; a full one is said once, and used again when it has room.
    Needs a mount namespace of our own."""
    d = start("-rate", "0")
    a = stream("a")
    os.write(a, b"under\n")
    until(lambda: os.path.exists("files/a.log") and open("files/a.log").read() == "under\n")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", "files"], check=True)
    os.write(a, b"over\n")
    until(lambda: os.path.exists("files/a.log") and open("files/a.log").read() == "over\n")
    for i in range(600):
        os.write(a, b"%d " % i + b"z" * 990 + b"\n")
    until(lambda: dump("a")[-1].startswith("599 "))
    said = [m for m in dump("logd") if m.startswith("files in ")]
    assert len(said) == 1 and said[0].endswith("No space left on device"), said
    os.truncate("files/a.log", 0)

    def back():
        os.write(a, b"room\n")
        time.sleep(0.2)
        return os.path.getsize("files/a.log") > 0

    until(back)
    said = [m for m in dump("logd") if m.startswith("files in ")]
    assert len(said) == 2 and said[1].endswith("there is room again"), said


def service():
    """The logwrite component: a file per source, renamed when it has grown, complete and without doubles although the
    daemon is killed in between."""
    d = start("-rate", "0")
    os.makedirs("out")
    component = os.path.join(os.path.dirname(program), "logwrite")
    w = subprocess.Popen([component, "-socket", QUERY, "--log-dir=out", "-max-log-files", "3", "-max-log-size", "4000"])
    try:
        a, evil = stream("a"), stream("../../evil")
        own = stream("logwrite.out")
        os.write(own, b"a circle\n")
        os.write(evil, b"no\n")
        for i in range(50):
            os.write(a, b"first %d\n" % i)
        count = lambda: sum(open("out/" + n).read().count("\n") for n in os.listdir("out") if n.startswith("a.log"))
        until(lambda: count() == 50)
        d.kill()
        d.wait()
        d = start("-rate", "0")
        a = stream("a")
        for i in range(50):
            os.write(a, b"second %d\n" % i)
        until(lambda: count() == 100)
        text = "".join(open("out/a.log%s" % n).read() for n in (".0", "") if os.path.exists("out/a.log%s" % n))
        fields = [l.split(" ", 2) for l in text.splitlines()]
        assert [f[2] for f in fields] == ["%s %d" % (k, i) for k in ("first", "second") for i in range(50)], text
        assert all(len(f[0]) == 20 and f[0][-1] == "Z" and f[1] == "a" for f in fields), fields[0]
        for i in range(1000):
            os.write(a, b"third %d\n" % i)
        until(lambda: open("out/a.log").read().endswith("third 999\n"))
        assert sorted(os.listdir("out")) == ["a.log", "a.log.0", "a.log.1", "a.log.2"], os.listdir("out")
        assert all(os.path.getsize("out/" + n) <= 4100 for n in os.listdir("out"))
    finally:
        w.kill()


def own_sockets():
    """As the reference's daemon: its own sockets, -daemonize, `logwrite COMMAND`."""
    subprocess.run(["./memlogd", "-daemonize", "--socket-log=" + LOG, "-socket-query", QUERY], check=True)
    r = subprocess.run(["./logwrite", "-n", "job", "-socket", LOG, "sh", "-c", "echo out; echo err >&2; exit 7"],
                       capture_output=True, text=True)
    assert (r.returncode, r.stdout, r.stderr) == (7, "out\n", "err\n"), r
    until(lambda: dump("job.out") == ["out"] and dump("job") == ["err"])
    assert subprocess.run(["./logwrite", "-socket", LOG, "sh", "-c", "kill -9 $$"]).returncode == 137
    assert subprocess.run(["./logread", "-socket", "nowhere"], capture_output=True).returncode == 1


def next_life():
    """What a writer has left in its FIFO is read before the next one comes: the FIFO is still read then."""
    os.makedirs("fifos")
    d = start()
    os.mkfifo("fifos/svc")
    for life in range(3):
        hold = os.open("fifos/svc", os.O_RDONLY | os.O_NONBLOCK)
        w = os.open("fifos/svc", os.O_WRONLY)
        os.write(w, b"last words %d\n" % life)
        os.close(w)
        pass_fd("svc", hold)
        until(lambda: "last words %d" % life in dump("svc"))
        w = os.open("fifos/svc", os.O_WRONLY)
        os.write(w, b"life %d\n" % life)
        until(lambda: "life %d" % life in dump("svc"))
        os.close(w)
        os.close(hold)


def lingering():
    """A socket that waits for its peer when it is closed (SO_LINGER) does not hold the daemon up."""
    import struct
    d = start()
    listener = socket.create_server(("127.0.0.1", 0))
    for kind in ("x" * 600, "tcp"):  # closed at once, closed at its end
        s = socket.create_connection(listener.getsockname())
        peer = listener.accept()[0]
        s.setblocking(False)
        try:
            while True:
                s.send(b"z" * 65536)
        except BlockingIOError:
            pass
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
        pass_fd(kind, s.fileno())
        s.close()
        if kind == "tcp":
            peer.shutdown(socket.SHUT_WR)
    a = stream("a")
    os.write(a, b"here\n")
    until(lambda: dump("a") == ["here"], 10)


def crowd():
    """Containers that take all there is leave the streams and files of init's own services alone, and make few files."""
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    os.makedirs("fifos")
    os.mkfifo("fifos/svc")
    d = start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 8192)))
    ends = [stream("s%d" % i) for i in range(1100)]
    until(lambda: "76 streams refused, 1024 are open" in dump("logd"))
    hold = os.open("fifos/svc", os.O_RDONLY | os.O_NONBLOCK)
    w = os.open("fifos/svc", os.O_WRONLY)
    pass_fd("svc", hold)
    os.write(w, b"heard\n")
    until(lambda: dump("svc") == ["heard"])
    until(lambda: os.path.exists("files/svc.log"))
    for e in ends[:1024]:
        os.write(e, b"file\n")
    until(lambda: "s0" in [s for s, m in dump()])
    assert len(os.listdir("files")) < 64, len(os.listdir("files"))
    for e in ends:
        os.close(e)
    until(lambda: open_files(d.pid) < 60)
    twice = [stream("s0"), stream("s0")]  # one file, one writer
    for i in range(3000):
        os.write(twice[i % 2], b"%06d " % i + b"z" * 993 + b"\n")
    until(lambda: sum(1 for m in dump() if m[1].startswith("002999")) == 1)
    assert all(os.path.getsize("files/" + n) <= (1 << 20) + 16384 for n in os.listdir("files"))


def greedy_readers():
    """Readers that ask for everything and take nothing make room for others; lines cannot be forged or hidden."""
    d = start("-rate", "0")
    a, forged = stream("a"), stream("x\n2026-01-01T00:00:00Z;init;evil")
    for i in range(900):
        os.write(a, b"z" * 1000 + b"\n")
    os.write(a, b"hid\0den\n")
    os.write(forged, b"text\n")
    until(lambda: dump("a")[-1] == "hid\ufffdden")
    greedy = [ask(2) for _ in range(64)]
    time.sleep(0.5)
    assert dump("a")[-1] == "hid\ufffdden"
    out = subprocess.run(["./logread", "-socket", QUERY], capture_output=True, text=True, check=True).stdout
    assert "a;hid\ufffdden\n" in out and "x?2026" in out and "\n2026-01-01" not in out, out[-300:]


def service_clock():
    """The logwrite component: a clock that was set back, and names that are no files, do not stop it."""
    os.makedirs("out/dir.log")
    component = os.path.join(os.path.dirname(program), "logwrite")
    w = subprocess.Popen([component, "-socket", QUERY, "--log-dir=out"])
    line = lambda year, msg, source="a": json.dumps(
        {"time": "%d-01-01T00:00:00.000000001Z" % year, "source": source, "msg": msg}).encode() + b"\n"
    told = [line(2030, "before"), line(2026, "after"), line(2026, "no", "dir"), line(2026, "no", "x" * 253), line(2026, "1", "b")]
    try:
        for more in range(3):
            s = sockets[1].accept()[0]
            s.recv(1)
            s.sendall(b"".join(told) if more < 2 else line(2026, "again"))
            if more == 1:
                told.append(line(2026, "missed", "c"))
                s.sendall(told[-1])
            if more == 2:  # what was last is not told any more
                time.sleep(1.5)
                s.sendall(line(2027, "at last"))
                until(lambda: "at last" in open("out/a.log").read())
            else:
                until(lambda: os.path.exists("out/%s.log" % "bc"[more]))
            s.close()
        assert [l.split()[2:] for l in open("out/a.log")] == [["before"], ["after"], ["at", "last"]]
        assert [l.split()[2:] for l in open("out/b.log")] == [["1"]]
    finally:
        w.kill()


try:
    globals()[case]()
finally:  # ours are known by their directory, also the one that has become a daemon
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as f:
                ours = f.read() == "memlogd\n" and os.readlink(f"/proc/{pid}/cwd") == os.getcwd()
        except OSError:
            continue
        if ours:
            os.kill(int(pid), signal.SIGKILL)
