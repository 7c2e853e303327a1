"""fault_table.py - the table of faults: what a registry does wrong, and what a build makes of it.

    fault_table.py UPSTREAM-PORT LAYOUT WORK CERT KEY CA [ROW...]     speaks TAP; $LINUXKIT is the program

The registry at UPSTREAM-PORT has test/app:1 (and test/other:1), pushed from LAYOUT.  Every row is a build with
a cache of its own through test/faults.py; rows run side by side, for they mostly wait.  good: the same bytes as
without the fault.  bad: status 1, one line with a word in it, no output.  either: one of the two."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from faults import (ALWAYS, Answer, Proxy, Stats, body, changed, chunked, close, cut, drip, edited, flipped, flood,
                    guarded, header, length, lonely, moved, old, part, raw, realm, redirect, stall, status)
from sound import sound

UPSTREAM, LAYOUT, WORK, CERT, KEY, CA = sys.argv[1:7]
LINUXKIT = os.environ["LINUXKIT"]
TIMEOUT = 100  # seconds; what takes that long does not end at all


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs/sha256", digest.removeprefix("sha256:")), "rb") as f:
        return f.read()


def image_of(name):
    """The amd64 image: (digest of the index, descriptor of the manifest, manifest)."""
    with open(os.path.join(LAYOUT, "index.json"), encoding="utf-8") as f:
        for d in json.load(f)["manifests"]:
            if d["annotations"]["org.opencontainers.image.ref.name"] == "test.example/" + name:
                child = json.loads(blob(d["digest"]))["manifests"][0]
                return d["digest"], child, json.loads(blob(child["digest"]))
    raise KeyError(name)


ROOT, CHILD, IMAGE = image_of("app")
OTHER = image_of("other")
BIG = IMAGE["layers"][0]
KINDS = {BIG["digest"]: "layer", IMAGE["config"]["digest"]: "config"}
plain = Proxy(("127.0.0.1", int(UPSTREAM)), KINDS)
second = Proxy(("127.0.0.1", int(UPSTREAM)), KINDS, name="second", share=plain)
remote = Proxy(("127.0.0.1", int(UPSTREAM)), KINDS, tls=(os.path.join(os.path.dirname(CERT), "elsewhere.pem"),
                                                          os.path.join(os.path.dirname(CERT), "elsewhere.key")),
               name="remote", share=plain)
plain.tunnel = remote.port
secure = Proxy(("127.0.0.1", int(UPSTREAM)), KINDS, tls=(CERT, KEY), name="secure", share=plain)


class Row:
    def __init__(self, name, faults, want, word="", **more):
        """more: once= bytes of the big layer at most, as a multiple; asked=(kind, at most); unasked=: the proxy hears
        nothing; stalls=: time-out of two seconds; at=: another proxy; mirror=: another address of it; auth=: Docker's
        config; env=: variables; ref=: behind the repository; silent=: what must not be said; also=: a function of
        the row's Stats."""
        self.name, self.faults, self.want, self.word, self.more = name, faults, want, word, more


def good(name, *faults, **more):
    return Row(name, faults, "good", **more)


def bad(name, word, *faults, **more):
    return Row(name, faults, "bad", word, **more)


def either(name, word, *faults, **more):
    return Row(name, faults, "either", word, **more)


# --- faults that only one row has --------------------------------------------------------------------

def manifest_with(**changes):
    """The tag leads to an image manifest with other contents; layer_NAME: of its first layer."""
    def how(_):
        m = json.loads(json.dumps(IMAGE))
        for key, value in changes.items():
            if key.startswith("layer_"):
                m["layers"][0][key[6:]] = value
            else:
                m[key] = value
        return m
    return edited(how)


def in_two_seconds(h, a):
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))
    status(429, Retry_After=when)(h, a)


def deep(h, a):
    h.send(Answer(200, {"Content-Type": a.headers["Content-Type"]}, b'{"manifests":' + b"[" * 500000))


def twice(h, a):
    text = a.body[:-1] + b',"manifests":[]}'
    h.send(Answer(200, {"Content-Type": a.headers["Content-Type"]}, text))


def lost_child(index):
    index["manifests"][0]["digest"] = "sha256:" + "7" * 64
    return index


def token(text, code=200):
    return body(text, "application/json", code, keep=False)


def token_elsewhere(h):
    return realm(h, "localhost", second.port)


def went(kind):
    """The proxies that were asked for kind, and with which Authorization."""
    return lambda stats: {(name, auth) for name, what, auth, _ in stats.authorization if what == kind}


def stays_home(stats):
    """Where a redirect leads nobody learns the token."""
    asked = went("moved")(stats)
    return asked and all(auth is None for _, auth in asked)


def never_plain(stats):
    return all(name == "secure" for name, *_ in stats.authorization)


def blob_of(descriptor):
    return changed(lambda _: blob(descriptor["digest"]))


PASSING = (408, 429, 499, 500, 502, 503, 504, 522)
LOGIN = {"auth": "dXNlcjpzZWNyZXQ="}  # user:secret
PLAIN = "http://127.0.0.1:%d" % plain.port
SECRETS = ("secret", "dXNlcjpzZWNyZXQ=", "good-")

ROWS = [
    good("nothing-wrong", once=1, asked=("root", 1)),
    # status codes
    *[bad(f"manifest-{code}", f"{code}.*fault {code}", ("root", ALWAYS, status(code)), asked=("root", 1))
      for code in (400, 401, 403, 404, 416)],
    *[bad(f"manifest-{code}-always", str(code), ("root", ALWAYS, status(code))) for code in (429, 500, 503, 522)],
    *[good(f"manifest-{code}-once", ("root", 1, status(code))) for code in PASSING],
    good("manifest-503-twice", ("root", 2, status(503))),
    good("child-502-once", ("child", 1, status(502))),
    good("config-504-once", ("config", 1, status(504))),
    good("layer-500-once", ("layer", 1, status(500)), once=1),
    good("layer-503-twice", ("layer", 2, status(503)), once=1),
    bad("layer-404", "404", ("layer", ALWAYS, status(404)), asked=("layer", 1)),
    bad("layer-403-page", "403", ("layer", ALWAYS, status(403, b"<html>no</html>"))),
    bad("layer-503-always", "503", ("layer", ALWAYS, status(503))),
    either("layer-204", BIG["digest"], ("layer", ALWAYS, status(204, b""))),
    good("everything-503-once", ("root", 1, status(503)), ("child", 1, status(503)), ("config", 1, status(503)),
         ("layer", 1, status(503))),
    good("retry-after-seconds", ("root", 1, status(429, Retry_After="2"))),
    good("retry-after-date", ("root", 1, in_two_seconds)),
    good("retry-after-nonsense", ("root", 1, status(429, Retry_After="soon"))),
    good("retry-after-negative", ("layer", 1, status(503, Retry_After="-5"))),
    bad("retry-after-absurd", "429", ("root", ALWAYS, status(429, Retry_After="99999999999999999999"))),
    bad("error-text-with-escapes", "403", ("root", ALWAYS, status(403, json.dumps({"errors": [
        {"code": "X", "message": "two\nlines \x1b[2J\r and a bell\x07"}]}).encode())), silent=("\x1b", "\r", "\x07")),
    bad("error-text-huge", "403", ("root", ALWAYS, flood(403, 64 << 20))),
    # bodies that end early
    good("layer-cut-at-0", ("layer", 1, cut(0)), once=1.1),
    good("layer-cut-at-1", ("layer", 1, cut(1)), once=1.1),
    good("layer-cut-at-half", ("layer", 1, cut(0.5)), once=1.1),
    good("layer-cut-at-last", ("layer", 1, cut(-1)), once=1.1),
    good("layer-cut-twice", ("layer", 1, cut(0.4)), ("layer+range", 1, cut(0.5)), once=1.1),
    bad("layer-cut-always", BIG["digest"], ("layer", ALWAYS, cut(0)), ("layer+range", ALWAYS, cut(0))),
    good("layer-reset", ("layer", 1, cut(0.5, reset=True)), once=1.2),
    good("layer-reset-at-once", ("layer", 1, close(reset=True)), once=1.1),
    bad("layer-reset-always", BIG["digest"], ("layer", ALWAYS, close(reset=True))),
    good("layer-no-answer-once", ("layer", 1, close()), once=1.1),
    good("manifest-no-answer-once", ("root", 1, close())),
    bad("manifest-no-answer-always", "test/app", ("root", ALWAYS, close())),
    good("manifest-cut-once", ("root", 1, cut(0.5))),
    bad("manifest-cut-always", "test/app", ("root", ALWAYS, cut(0.5))),
    good("child-cut-once", ("child", 1, cut(-1))),
    good("config-cut-once", ("config", 1, cut(0.5))),
    good("layer-too-long-length", ("layer", 1, length(1000)), once=2.1),
    either("layer-too-short-length", BIG["digest"], ("layer", ALWAYS, length(-1000))),
    # time
    good("layer-stall", ("layer", 1, stall(0.5)), stalls=True, once=1.1),
    good("layer-stall-before-bytes", ("layer", 1, stall(0)), stalls=True, once=2.1),
    good("layer-stall-before-answer", ("layer", 1, stall()), stalls=True, once=2.1),
    bad("layer-stall-always", BIG["digest"], ("layer", ALWAYS, stall()), ("layer+range", ALWAYS, stall()), stalls=True),
    good("manifest-stall-once", ("root", 1, stall()), stalls=True),
    good("manifest-stall-in-body", ("root", 1, stall(0.5)), stalls=True),
    bad("manifest-stall-always", "test/app", ("root", ALWAYS, stall()), stalls=True),
    good("layer-drips", ("layer", 1, drip(4, 40)), stalls=True, once=1.2),
    # other bytes
    bad("layer-flipped", BIG["digest"], ("layer", ALWAYS, changed(flipped)), ("layer+range", ALWAYS, changed(flipped))),
    good("layer-flipped-once", ("layer", 1, changed(flipped)), once=2.1),
    bad("layer-longer", BIG["digest"], ("layer", ALWAYS, changed(lambda b: b + b"more"))),
    bad("layer-shorter", BIG["digest"], ("layer", ALWAYS, changed(lambda b: b[:-5])),
        ("layer+range", ALWAYS, status(416))),
    bad("layer-empty", BIG["digest"], ("layer", ALWAYS, changed(lambda b: b""))),
    bad("layer-html", BIG["digest"], ("layer", ALWAYS, body(b"<html>log in</html>", "text/html"))),
    bad("layer-swapped", BIG["digest"], ("layer", ALWAYS, blob_of(OTHER[2]["layers"][0])),
        ("layer+range", ALWAYS, blob_of(OTHER[2]["layers"][0]))),
    bad("config-swapped", IMAGE["config"]["digest"], ("config", ALWAYS, blob_of(OTHER[2]["config"]))),
    bad("child-swapped", "manifest sha256:", ("child", ALWAYS, blob_of(OTHER[1]))),
    bad("child-flipped", "manifest sha256:", ("child", ALWAYS, changed(flipped))),
    bad("digest-swapped", ROOT + ": the content has digest", ("child", ALWAYS, changed(lambda _: blob(OTHER[0]))), ref="@" + ROOT),
    bad("manifest-html", "manifest", ("root", ALWAYS, body(b"<html>welcome</html>", "text/html", keep=False))),
    bad("manifest-empty", "manifest", ("root", ALWAYS, body(b"", keep=False))),
    bad("manifest-digest-header", "digest", ("root", ALWAYS, header("Docker-Content-Digest", "sha256:" + "b" * 64))),
    good("manifest-no-digest-header", ("root", ALWAYS, header("Docker-Content-Digest", None))),
    good("manifest-bad-digest-header", ("root", ALWAYS, header("Docker-Content-Digest", "nonsense"))),
    good("manifest-content-type", ("root", ALWAYS, header("Content-Type", "text/plain"))),
    good("manifest-no-content-type", ("root", ALWAYS, header("Content-Type", None))),
    bad("manifest-huge", "larger", ("root", ALWAYS, flood(200, 64 << 20))),
    bad("manifest-deep", "manifest", ("root", ALWAYS, deep)),
    bad("manifest-keys-twice", "uplicate", ("root", ALWAYS, twice)),
    bad("child-missing", "7777777", ("root", ALWAYS, edited(lost_child))),
    bad("layer-size-larger", BIG["digest"], ("root", ALWAYS, manifest_with(layer_size=BIG["size"] + 1))),
    bad("layer-size-smaller", BIG["digest"], ("root", ALWAYS, manifest_with(layer_size=BIG["size"] - 1))),
    bad("layer-size-absurd", ".", ("root", ALWAYS, manifest_with(layer_size=(1 << 63) - 1))),
    bad("layer-size-negative", "size", ("root", ALWAYS, manifest_with(layer_size=-1))),
    bad("layer-digest-path", "digest", ("root", ALWAYS, manifest_with(layer_digest="sha256:../../../etc/passwd"))),
    bad("layer-digest-unknown", "digest", ("root", ALWAYS, manifest_with(layer_digest="md5:" + "0" * 32))),
    bad("layers-not-a-list", "layers", ("root", ALWAYS, manifest_with(layers="many"))),
    # transfer
    good("layer-chunked", ("layer", 1, chunked(True)), once=1),
    good("layer-chunked-no-end", ("layer", 1, chunked(False, 0.5)), once=1.1),
    good("manifest-chunked", ("root", 1, chunked(True))),
    good("manifest-chunked-no-end", ("root", 1, chunked(False, 0.5))),
    bad("manifest-chunked-never-ends", "test/app", ("root", ALWAYS, chunked(False))),
    good("http-1.0", ("any", ALWAYS, old()), once=1),
    good("layer-http-1.0-cut", ("layer", 1, old(0.5)), once=1.1),
    good("connection-not-kept", ("any", ALWAYS, lonely()), once=1),
    bad("garbage", "test/app", ("root", ALWAYS, raw(b"SSH-2.0-OpenSSH_9.2\r\n" + b"\0\xff" * 500))),
    bad("header-huge", "test/app", ("root", ALWAYS, header("X-Huge", "x" * 2000000))),
    bad("headers-many", "test/app", ("root", ALWAYS, raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200000 + b"\r\n"))),
    bad("status-line-only", "test/app", ("root", ALWAYS, raw(b"HTTP/1.1 200"))),
    good("layer-labelled-gzip", ("layer", ALWAYS, header("Content-Encoding", "gzip")), once=1),
    # ranges: the first answer is cut, the rest is asked for
    good("range-ignored", ("layer", 1, cut(0.5)), ("layer+range", ALWAYS, part(200, None)), once=1.6),
    good("range-refused", ("layer", 1, cut(0.5)), ("layer+range", ALWAYS, status(416)), once=2.6),
    either("range-other-start", BIG["digest"], ("layer", 1, cut(0.5)),
           ("layer+range", ALWAYS, part(206, "bytes 10-99/{size}", 10, 100))),
    either("range-other-size", BIG["digest"], ("layer", 1, cut(0.5)),
           ("layer+range", ALWAYS, part(206, "bytes 200000-200099/200100", 10, 110))),
    either("range-no-header", BIG["digest"], ("layer", 1, cut(0.5)), ("layer+range", ALWAYS, part(206, None, 10, 100))),
    either("range-other-bytes", BIG["digest"], ("layer", 1, cut(0.5)), ("layer+range", 1, changed(flipped))),
    either("206-not-asked", BIG["digest"], ("layer", ALWAYS, part(206, "bytes 0-99/{size}", 0, 100))),
    # redirects
    good("redirect-path", ("layer", ALWAYS, redirect(moved()))),
    good("redirect-302-everything", *[(kind, ALWAYS, redirect(moved(), 302)) for kind in
                                      ("root", "child", "config", "layer")]),
    good("redirect-other-host", ("layer", ALWAYS, redirect(moved(lambda: second.port, "localhost"))),
         ("root", ALWAYS, guarded()), ("child", ALWAYS, guarded()), ("config", ALWAYS, guarded()), auth=LOGIN,
         also=stays_home),
    good("redirect-other-port", ("layer", ALWAYS, redirect(moved(lambda: second.port))),
         *[(kind, ALWAYS, guarded()) for kind in ("root", "child", "config")], auth=LOGIN, also=stays_home),
    good("redirect-cut-there", ("layer", ALWAYS, redirect(moved())), ("moved", 1, cut(0.5))),
    bad("redirect-loop", "redirect", ("root", ALWAYS, redirect(lambda h: h.path))),
    bad("redirect-loop-layer", "redirect", ("layer", ALWAYS, redirect(lambda h: h.path))),
    bad("redirect-nowhere", "307", ("root", ALWAYS, status(307))),
    bad("redirect-to-file", "[Pp]rotocol|redirect", ("layer", ALWAYS, redirect(lambda h: "file:///etc/passwd"))),
    good("tls", at=secure, once=1),
    bad("redirect-out-of-tls", "[Pp]rotocol|redirect", ("layer", ALWAYS, redirect(moved(lambda: plain.port))), at=secure,
        also=never_plain),
    good("redirect-within-tls", ("layer", ALWAYS, redirect(moved(scheme="https"))), at=secure),
    good("tls-layer-reset", ("layer", 1, cut(0.5)), at=secure, once=1.1),
    # through a web proxy, which the machine itself is not asked through
    good("web-proxy", mirror="http://registry.example", env={"http_proxy": PLAIN}, once=1, asked=("root", 1)),
    good("web-proxy-capitals", mirror="http://registry.example", env={"HTTP_PROXY": PLAIN}),
    good("web-proxy-tls", mirror="https://registry.example", env={"https_proxy": PLAIN}, once=1,
         also=lambda _: "registry.example:443" in plain.tunnels),
    good("web-proxy-not-for-us", env={"http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}),
    bad("web-proxy-not-asked", "esolve", mirror="http://registry.example",
        env={"http_proxy": PLAIN, "no_proxy": "registry.example"}, unasked=True),
    # tokens
    good("token", ("any", ALWAYS, guarded()), auth=LOGIN),
    good("token-elsewhere", ("any", ALWAYS, guarded(token_elsewhere)), auth=LOGIN),
    *[bad(f"token-{name}", word, ("token", ALWAYS, action), ("any", ALWAYS, guarded()), auth=LOGIN)
      for name, word, action in (
          ("500", "token server.*500", status(500)), ("401", "token server.*401", status(401)),
          ("404", "token server.*404", status(404)),
          ("empty", "token", token(b'{"token":""}')), ("html", "token", token(b"<html>log in</html>")),
          ("nothing", "token", token(b"")), ("list", "token", token(b'["good"]')),
          ("two-lines", "token", token(b'{"token":"good\\r\\nX-Evil: 1"}')),
          ("huge", "token", flood(200, 8 << 20)), ("cut", "token", raw(b'HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n{')),
          ("refused", "401", token(b'{"token":"bad"}')))],
    good("token-503-once", ("token", 1, status(503)), ("any", ALWAYS, guarded()), auth=LOGIN),
    good("token-reset-once", ("token", 1, close(reset=True)), ("any", ALWAYS, guarded()), auth=LOGIN),
    bad("token-no-realm", "realm|token server", ("any", ALWAYS, guarded(lambda h: 'Bearer service="s"'))),
    bad("token-realm-file", "token server", ("any", ALWAYS, guarded(lambda h: 'Bearer realm="file:///etc/passwd"'))),
    bad("token-realm-plain", "https", ("any", ALWAYS, guarded(lambda h: realm(h, port=plain.port))), at=secure,
        auth=LOGIN, also=never_plain),
    bad("challenge-unknown", "401", ("any", ALWAYS, guarded(lambda h: 'Negotiate abc, Digest realm="x"'))),
    bad("challenge-junk", "401|token server", ("any", ALWAYS, guarded(lambda h: '"""===,,,Bearer' * 500))),
]


# --- one row -----------------------------------------------------------------------------------------

def build(folder, mirror, env, ref=":1"):
    """(status, stderr, path of the output). Through a mirror, so that the image has the same name in every row."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "x.yml"), "w", encoding="utf-8") as f:
        f.write("init: ['fault.example/test/app%s']\n" % ref)
    p = subprocess.run([LINUXKIT, "-q", "--cert-file", CA, "--mirror", "fault.example=" + mirror, "build", "--arch",
                        "amd64", "--no-sbom", "--cache", "cache", "--o", "x.tar", "x.yml"], cwd=folder, env=env,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT,
                       check=False)
    return p.returncode, p.stdout.decode(errors="replace"), os.path.join(folder, "x.tar")


def environment(row, folder, port):
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    env.update(HOME=folder, DOCKER_CONFIG=os.path.join(folder, "docker"))
    env.update(row.more.get("env", {}))
    if row.more.get("stalls"):
        env["LINUXKIT_HTTP_TIMEOUT"] = "2"
    if "auth" in row.more:
        os.makedirs(env["DOCKER_CONFIG"])
        with open(os.path.join(env["DOCKER_CONFIG"], "config.json"), "w", encoding="utf-8") as f:
            json.dump({"auths": {"127.0.0.1:%d" % port: row.more["auth"]}}, f)
    return env


def judge_good(row, code, text, output, stats):
    if code != 0:
        return "failed with status %d: %s" % (code, text)
    with open(output, "rb") as a, open(os.path.join(WORK, "want", "x.tar"), "rb") as b:
        if a.read() != b.read():
            return "the output has other bytes"
    limit = row.more.get("once")
    got = stats.bytes.get("layer", 0) + stats.bytes.get("moved", 0)
    if limit and got > limit * BIG["size"]:
        return "%d bytes of a layer of %d came" % (got, BIG["size"])
    return None


def judge_bad(row, code, text, output):
    lines = text.splitlines()
    if code != 1:
        return "status %d instead of 1: %s" % (code, text)
    if len([line for line in lines if not line.startswith("hint: ")]) != 1 or len(lines) > 2 or len(text) > 3000:
        return "not one line: %s" % text[:3000]
    if not re.search(row.word, lines[0]):
        return "no \"%s\" in: %s" % (row.word, text)
    if os.path.exists(output):
        return "an output was left"
    return None


def judge(row, code, text, output, folder, stats):
    for secret in SECRETS + row.more.get("silent", ()):
        if secret in text:
            return "%r is in the message" % secret
    wrong = judge_good(row, code, text, output, stats) if code == 0 or row.want == "good" else \
        judge_bad(row, code, text, output)
    if not wrong and code == 0 and row.want == "bad":
        wrong = "was not noticed"
    kind, most = row.more.get("asked", ("root", 1 << 30))
    if not wrong and stats.requests.get(kind, 0) > most:
        wrong = "%s was asked for %d times" % (kind, stats.requests[kind])
    if not wrong and "also" in row.more and not row.more["also"](stats):
        wrong = "requests: %s" % stats.authorization
    if not wrong:
        wrong = "; ".join(sound(os.path.join(folder, "cache")))
    if not wrong and code != 0:
        wrong = healed(folder)
    return wrong


def healed(folder):
    """What a failure leaves behind does not spoil the next build, from a registry without fault."""
    env = dict(os.environ, HOME=folder)
    code, text, output = build(folder, "http://127.0.0.1:" + UPSTREAM, env)
    if code != 0:
        return "the next build fails: %s" % text
    with open(output, "rb") as a, open(os.path.join(WORK, "want", "x.tar"), "rb") as b:
        return None if a.read() == b.read() else "the next build has other bytes"


def try_row(row):
    proxy = row.more.get("at", plain)
    plain.rows[row.name] = row.faults
    folder = os.path.join(WORK, row.name)
    os.makedirs(folder)
    mirror = "%s/%s" % (row.more.get("mirror") or "%s://127.0.0.1:%d" % ("https" if proxy.tls else "http", proxy.port),
                        row.name)
    start = time.monotonic()
    try:
        code, text, output = build(folder, mirror, environment(row, folder, proxy.port), row.more.get("ref", ":1"))
        seconds = time.monotonic() - start
        with plain.lock:
            stats = plain.stats.get(row.name, Stats() if row.more.get("unasked") else None)
        wrong = judge(row, code, text, output, folder, stats) if stats else "no request came: " + text
        told = text.splitlines()[0] if code else "built"
    except subprocess.TimeoutExpired:
        seconds, wrong, told = TIMEOUT, "does not come to an end", ""
    shutil.rmtree(folder, ignore_errors=True)
    return row, seconds, wrong, told


def main():
    code, text, _ = build(os.path.join(WORK, "want"), "http://127.0.0.1:" + UPSTREAM, dict(os.environ, HOME=WORK))
    if code != 0:
        sys.exit("the build without a proxy fails: " + text)
    rows = [r for r in ROWS if not sys.argv[7:] or r.name in sys.argv[7:]]
    rows.sort(key=lambda r: "stalls" not in r.more)  # what takes longest begins first
    failed = 0
    with ThreadPoolExecutor(24) as pool:
        for number, (row, seconds, wrong, told) in enumerate(pool.map(try_row, rows), 1):
            print("# %s: %.1f s: %s" % (row.name, seconds, told[:300]))
            if wrong:
                failed += 1
                print("# " + wrong.replace("\n", "\n# "))
            print("%s %d - %s" % ("not ok" if wrong else "ok", number, row.name), flush=True)
    print("1..%d" % len(rows))
    os._exit(1 if failed else 0)  # threads of stalled connections are not waited for


main()
