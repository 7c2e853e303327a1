"""push_faults.py - the table of faults of a registry that is pushed to.

    push_faults.py UPSTREAM-PORT LAYOUT WORK [ROW...]     speaks TAP; $LINUXKIT is the program

LAYOUT, with the index test.example/app of two images, is the cache; every row pushes it through test/faults.py into
a repository of its own.  good: all of it is in the registry, byte by byte.  bad: status 1, one line with a word in
it, and the registry has nothing under that name."""
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from faults import ALWAYS, Proxy, close, dropped, guarded, header, redirect, refused, stall, status

UPSTREAM, LAYOUT, WORK = int(sys.argv[1]), sys.argv[2], sys.argv[3]
TIMEOUT = 100
proxy = Proxy(("127.0.0.1", UPSTREAM))
second = Proxy(("127.0.0.1", UPSTREAM), name="second", share=proxy)


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs/sha256", digest.removeprefix("sha256:")), "rb") as f:
        return f.read()


with open(os.path.join(LAYOUT, "index.json"), "rb") as index:
    INDEX = index.read()
ROOT = next(d["digest"] for d in json.loads(INDEX)["manifests"]
            if d["annotations"]["org.opencontainers.image.ref.name"] == "test.example/app")
CHILDREN = [d["digest"] for d in json.loads(blob(ROOT))["manifests"]]
BLOBS = {d["digest"] for c in CHILDREN for m in [json.loads(blob(c))] for d in m["layers"] + [m["config"]]}


class Row:
    def __init__(self, name, faults, word, also):
        self.name, self.faults, self.word, self.also = name, faults, word, also


def good(name, *faults, also=None):
    return Row(name, faults, None, also)


def bad(name, word, *faults, also=None):
    return Row(name, faults, word, also)


def elsewhere(h, a):
    """The upload goes on at another host, as with a registry before an object store."""
    a.headers["Location"] = "http://localhost:%d%s" % (second.port, a.headers["Location"])
    h.send(a)


def lost(h, a):
    """Done, but nobody gets to know."""
    h.close_connection = True


def token_stays(stats):
    return all(auth is None for name, _, auth, _ in stats.authorization if name == "second") and \
        any(name == "second" for name, *_ in stats.authorization)


def once(kind, most):
    return lambda stats: stats.requests.get(kind, 0) <= most


PASSING = (429, 500, 502, 503, 504)
KINDS = ("check", "start", "upload", "commit", "put-child", "put-root")
ROWS = [
    good("nothing-wrong", also=once("upload", len(BLOBS))),
    *[good(f"{kind}-{code}-once", (kind, 1, refused(code))) for kind in KINDS for code in PASSING[KINDS.index(kind) % 2::2]],
    good("start-429-retry-after", ("start", 1, refused(429, Retry_After="1"))),
    *[bad(f"{kind}-{code}", str(code), (kind, ALWAYS, refused(code))) for kind, code in
      (("start", 401), ("start", 403), ("start", 404), ("upload", 413), ("upload", 500), ("commit", 400),
       ("commit", 404), ("put-child", 400), ("put-root", 403), ("put-root", 503))],
    good("upload-reset-once", ("upload", 1, dropped(100000))),
    good("upload-closed-once", ("upload", 1, dropped(0, reset=False))),
    good("upload-no-answer-once", ("upload", 1, lost)),
    bad("upload-reset-always", "sha256:", ("upload", ALWAYS, dropped(100))),
    good("upload-stall-once", ("upload", 1, stall())),
    good("commit-no-answer-once", ("commit", 1, lost)),
    good("commit-reset-once", ("commit", 1, dropped(0))),
    good("put-root-no-answer-once", ("put-root", 1, lost)),
    good("put-child-no-answer-once", ("put-child", 1, lost)),
    good("put-root-stall-once", ("put-root", 1, stall())),
    good("check-reset-once", ("check", 1, close(reset=True))),
    bad("start-without-location", "ocation", ("start", ALWAYS, header("Location", None))),
    bad("start-to-file", "ocation|file", ("start", ALWAYS, header("Location", "file:///tmp/x"))),
    bad("start-200", "200|ocation", ("start", ALWAYS, status(200, b"<html>hello</html>"))),
    good("upload-to-other-host", ("start", ALWAYS, elsewhere), also=token_stays),
    bad("upload-redirect-loop", "redirect", ("upload", ALWAYS, redirect(lambda h: h.path))),
    bad("put-root-redirect-loop", "redirect", ("put-root", ALWAYS, redirect(lambda h: h.path))),
    bad("put-root-other-digest", "digest", ("put-root", ALWAYS, header("Docker-Content-Digest", "sha256:" + "b" * 64))),
    good("token", ("any", ALWAYS, guarded())),
    bad("token-500", "token server.*500", ("token", ALWAYS, status(500)), ("any", ALWAYS, guarded())),
]


def get(path):
    c = http.client.HTTPConnection("127.0.0.1", UPSTREAM, timeout=30)
    c.request("GET", path, headers={"Accept": "application/vnd.oci.image.index.v1+json,"
                                              "application/vnd.oci.image.manifest.v1+json"})
    r = c.getresponse()
    body = r.read()
    c.close()
    return body if r.status == 200 else None


def arrived(repo):
    if get(f"/v2/{repo}/manifests/1") != blob(ROOT):
        return "the name does not lead to the index"
    for child in CHILDREN:
        if get(f"/v2/{repo}/manifests/{child}") != blob(child):
            return child + " is missing"
    for digest in BLOBS:
        if hashlib.sha256(get(f"/v2/{repo}/blobs/{digest}") or b"").hexdigest() != digest[7:]:
            return digest + " is missing"
    return None


def judge(row, code, text, stats):
    lines = [line for line in text.splitlines() if not line.startswith("hint: ")]
    if "dXNlcjp" in text or "good-" in text or "secret" in text:
        return "a secret is in the message: " + text
    if row.word is None:
        wrong = "status %d: %s" % (code, text) if code else arrived(row.name + "/app")
    elif code != 1 or len(lines) != 1 or len(text.splitlines()) > 2:
        wrong = "status %d, not one line: %s" % (code, text)
    elif not re.search(row.word, lines[0]):
        wrong = "no \"%s\" in: %s" % (row.word, text)
    elif not row.name.endswith("other-digest") and get(f"/v2/{row.name}/app/manifests/1") is not None:
        wrong = "the name is there all the same"
    else:
        wrong = None
    if not wrong and row.also and not row.also(stats):
        wrong = "requests: %s" % stats.authorization
    return wrong


def try_row(row):
    proxy.rows[row.name] = row.faults
    folder = os.path.join(WORK, row.name)
    os.makedirs(folder)
    with open(os.path.join(folder, "config.json"), "w", encoding="ascii") as f:
        json.dump({"auths": {"127.0.0.1:%d" % proxy.port: {"auth": "dXNlcjpzZWNyZXQ="}}}, f)
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    env.update(HOME=folder, DOCKER_CONFIG=folder)
    if "stall" in row.name:
        env["LINUXKIT_HTTP_TIMEOUT"] = "1"  # a busy machine needs longer than that for the other rows
    start = time.monotonic()
    try:
        p = subprocess.run([os.environ["LINUXKIT"], "-q", "cache", "push", "--cache", LAYOUT, "--remote-name",
                            "127.0.0.1:%d/%s/%s/app:1" % (proxy.port, row.name, row.name), "test.example/app"],
                           cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
        text = p.stdout.decode(errors="replace")
        # what was said on stdout is no message
        text = "".join(line for line in text.splitlines(True) if not re.match("(Push|Skip|push)", line))
        with proxy.lock:
            stats = proxy.stats.get(row.name)
        wrong = judge(row, p.returncode, text, stats) if stats else "no request came: " + text
        told = text.splitlines()[0] if p.returncode and text else "pushed"
    except subprocess.TimeoutExpired:
        wrong, told = "does not come to an end", ""
    shutil.rmtree(folder, ignore_errors=True)
    return row, time.monotonic() - start, wrong, told


def main():
    rows = sorted((r for r in ROWS if not sys.argv[4:] or r.name in sys.argv[4:]), key=lambda r: "stall" not in r.name)
    failed = 0
    with ThreadPoolExecutor(16) as pool:
        for number, (row, seconds, wrong, told) in enumerate(pool.map(try_row, rows), 1):
            print("# %s: %.1f s: %s" % (row.name, seconds, told[:300]))
            if wrong:
                failed += 1
                print("# " + wrong.replace("\n", "\n# "))
            print("%s %d - %s" % ("not ok" if wrong else "ok", number, row.name), flush=True)
    with open(os.path.join(LAYOUT, "index.json"), "rb") as f:
        if f.read() != INDEX:
            failed += 1
            print("not ok %d - the cache was changed" % (len(rows) + 1))
    print("1..%d" % len(rows))
    os._exit(1 if failed else 0)  # threads of stalled connections are not waited for


main()
