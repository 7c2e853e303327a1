"""test/faults.py - a proxy before a registry that misbehaves in named ways, and counts.

    proxy = Proxy(("127.0.0.1", upstream_port), kinds={digest: "layer"}, tls=(cert, key) or None)
    proxy.rows["cut"] = [("layer", 1, cut(0.5))]      the first time that the layer is asked for
    image 127.0.0.1:PORT/cut/REPO:TAG is REPO:TAG of the registry behind, seen through the faults of "cut"

A fault is (kind, times, action). Kinds: "root" (manifest by tag), "child" (manifest by digest), what `kinds` says of
a digest ("blob" otherwise), "check" (HEAD of a blob), "start", "upload", "commit" (of one), "put-root", "put-child",
the same with "+range" when a part is asked for, "token", "moved" (where redirects lead).
An action gets the handler and the registry's answer and sends something else; each kind of action is a function below
that makes one.  `python3 test/faults.py PORT RATE` is a proxy that only slows down: RATE bytes a second and answer."""
import http.client
import http.server
import json
import select
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

ALWAYS = 1 << 30


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, dict(headers), body


class Stats:
    """What was asked for and sent, of one row: by kind, without "+range"."""

    def __init__(self):
        self.requests, self.bytes, self.authorization = {}, {}, []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0

    def log_message(self, *args):
        pass

    def setup(self):
        if self.server.proxy.tls:
            self.request = self.server.proxy.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.row, self.kind = "", "ping"

    def handle(self):
        if not self.server.proxy.tls and self.request.recv(1, socket.MSG_PEEK) == b"\x16":
            return  # a client that tries TLS first
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            pass

    # --- what is asked for ---

    def do_GET(self):
        proxy = self.server.proxy
        parts = urllib.parse.urlparse(self.path).path.split("/")
        self.data = None
        if self.path in ("/v2/", "/v2"):
            return self.send(Answer(200, {"Content-Type": "application/json"}, b"{}"))
        self.row = parts[2] if len(parts) > 2 else ""
        self.rest = "/v2/" + "/".join(parts[3:])
        kind = {"token": "token", "moved": "moved"}.get(parts[1]) or self.kind_of(parts)
        with proxy.lock:
            stats = proxy.stats.setdefault(self.row, Stats())
            stats.requests[kind] = stats.requests.get(kind, 0) + 1
            stats.authorization.append((proxy.name, kind, self.headers.get("Authorization"), self.path))
        self.kind = kind
        if self.headers.get("Range") and kind != "token":
            kind += "+range"
        for number, (where, times, action) in enumerate(proxy.rows.get(self.row, ())):
            if where == kind or (where == "any" and kind != "token"):
                with proxy.lock:
                    key = (self.row, number)
                    proxy.done[key] = proxy.done.get(key, 0) + 1
                    due = proxy.done[key] <= times
                if due:
                    blind = self.kind == "token" or getattr(action, "blind", False)
                    return action(self, None if blind else self.ask())
        return self.send(self.ask() if self.kind != "token" else self.good_token())

    do_POST = do_HEAD = do_PUT = do_PATCH = do_GET

    def do_CONNECT(self):
        """As a web proxy: every host is the one behind `tunnel`."""
        self.server.proxy.tunnels.append(self.path)
        with socket.create_connection(("127.0.0.1", self.server.proxy.tunnel)) as other:
            self.wfile.write(b"HTTP/1.1 200 x\r\n\r\n")
            ends = {self.connection: other, other: self.connection}
            while ready := select.select(list(ends), [], [], 30)[0]:
                data = [(end, end.recv(65536)) for end in ready]
                if not all(piece for _, piece in data):
                    break
                for end, piece in data:
                    ends[end].sendall(piece)
        self.close_connection = True

    def kind_of(self, parts):
        if "uploads" in parts:
            return {"POST": "start", "PATCH": "upload", "PUT": "commit"}.get(self.command, "state")
        if parts[-2] == "manifests":
            by = "child" if parts[-1].startswith("sha256:") else "root"
            return "put-" + by if self.command == "PUT" else by
        return "check" if self.command == "HEAD" else self.server.proxy.kinds.get(parts[-1], "blob")

    def content(self):
        """What is sent to us, once."""
        if self.data is None and self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            self.data = b""
            while size := int(self.rfile.readline(), 16):
                self.data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        elif self.data is None:
            self.data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return self.data

    def ask(self):
        proxy = self.server.proxy
        upstream = http.client.HTTPConnection(*proxy.upstream, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() in ("accept", "range", "content-type",
                                                                          "content-range")}
        query = urllib.parse.urlparse(self.path).query
        upstream.request(self.command, self.rest + ("?" + query if query else ""), headers=headers,
                         body=self.content() or None)
        r = upstream.getresponse()
        keep = ("content-type", "docker-content-digest", "content-range", "etag", "accept-ranges", "range",
                "docker-upload-uuid")
        answer = Answer(r.status, {k: v for k, v in r.getheaders() if k.lower() in keep}, r.read())
        if self.command == "HEAD":
            answer.headers["Content-Length"] = r.getheader("Content-Length", "0")
        if r.getheader("Location"):
            to = urllib.parse.urlparse(r.getheader("Location"))
            answer.headers["Location"] = "/v2/%s%s%s" % (self.row, to.path.removeprefix("/v2"),
                                                         "?" + to.query if to.query else "")
        upstream.close()
        return answer

    # --- what is sent ---

    def head(self, status, headers, version="HTTP/1.1"):
        self.sent = status
        text = "%s %d x\r\n" % (version, status)
        text += "".join("%s: %s\r\n" % pair for pair in headers.items())
        self.wfile.write(text.encode("latin-1") + b"\r\n")

    def body(self, data):
        """Only content counts, not what a refusal says."""
        with self.server.proxy.lock:
            stats = self.server.proxy.stats.setdefault(self.row, Stats())
            if self.sent < 300:
                stats.bytes[self.kind] = stats.bytes.get(self.kind, 0) + len(data)
        self.wfile.write(data)

    def send(self, answer, length=None):
        """The answer; a length that is not true ends the connection."""
        headers = dict(answer.headers)
        headers.setdefault("Content-Length", str(len(answer.body) if length is None else length))
        self.head(answer.status, headers)
        if self.command != "HEAD" and answer.body:
            self.body(answer.body)
        if length is not None and length != len(answer.body):
            self.close_connection = True

    def good_token(self):
        return Answer(200, {"Content-Type": "application/json"}, json.dumps({"token": "good-" + self.row}).encode())

    def reset(self):
        time.sleep(0.3)  # what was sent gets there, a reset would overtake it
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()
        self.close_connection = True

    def stall(self, seconds=30):
        """Nothing, until the other side has had enough."""
        select.select([self.connection], [], [], seconds)
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        why = sys.exc_info()[1]
        if not isinstance(why, (OSError, ValueError)):
            super().handle_error(request, client_address)


class Proxy:
    def __init__(self, upstream, kinds=None, tls=None, name="proxy", share=None):
        """share: another proxy, whose rows and counters are used."""
        self.upstream, self.kinds, self.name = upstream, kinds or {}, name
        self.rows, self.stats, self.done = (share.rows, share.stats, share.done) if share else ({}, {}, {})
        self.tunnel, self.tunnels = None, []  # CONNECT leads to that port
        self.lock = share.lock if share else threading.Lock()
        self.tls = None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.proxy = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


# --- actions ---------------------------------------------------------------------------------------

def position(body, where):
    """0, 1, -1: bytes (from the end); 0.5: a part of it."""
    return int(len(body) * where) if isinstance(where, float) else where if where >= 0 else len(body) + where


def status(code, body=None, **headers):
    text = {"errors": [{"code": "X", "message": "fault %d" % code}]}
    body = json.dumps(text).encode() if body is None else body
    return lambda h, a: h.send(Answer(code, {k.replace("_", "-"): v for k, v in headers.items()}, body))


def cut(where, reset=False):
    """The connection ends (or is reset) after a part of the body."""
    def action(h, a):
        h.head(a.status, dict(a.headers, **{"Content-Length": str(len(a.body))}))
        h.body(a.body[:position(a.body, where)])
        h.close_connection = True
        if reset:
            h.reset()
    return action


def stall(where=None):
    """No more bytes after a part of the body; None: not even an answer."""
    def action(h, a):
        if where is not None:
            h.head(a.status, dict(a.headers, **{"Content-Length": str(len(a.body))}))
            h.body(a.body[:position(a.body, where)])
        h.stall()
    return action


def drip(seconds, pieces):
    def action(h, a):
        h.head(a.status, dict(a.headers, **{"Content-Length": str(len(a.body))}))
        step = -(-len(a.body) // pieces)
        for i in range(0, len(a.body), step):
            time.sleep(seconds / pieces)
            h.body(a.body[i:i + step])
    return action


def close(reset=False):
    """No answer at all."""
    def action(h, a):
        h.close_connection = True
        if reset:
            h.reset()
    return action


def changed(how):
    """The body is how(body); the length is that of the new body."""
    return lambda h, a: h.send(Answer(a.status, a.headers, how(a.body)))


def flipped(body):
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]


def edited(how):
    """The body as JSON is how(JSON); no digest header gives it away."""
    def action(h, a):
        headers = {k: v for k, v in a.headers.items() if k.lower() != "docker-content-digest"}
        h.send(Answer(a.status, headers, json.dumps(how(json.loads(a.body))).encode()))
    return action


def length(n):
    """A Content-Length that is n too large; negative: too small."""
    return lambda h, a: h.send(a, len(a.body) + n)


def header(name, value):
    """A header replaced; None: removed."""
    def action(h, a):
        headers = {k: v for k, v in a.headers.items() if k.lower() != name.lower()}
        if value is not None:
            headers[name] = value
        h.send(Answer(a.status, headers, a.body))
    return action


def body(data, content_type=None, code=200, keep=True):
    """Another body under the registry's headers."""
    def action(h, a):
        headers = dict(a.headers) if keep else {}
        if content_type:
            headers = {"Content-Type": content_type}
        h.send(Answer(code, headers, data))
    return action


def chunked(end, where=1.0):
    def action(h, a):
        h.head(a.status, dict(a.headers, **{"Transfer-Encoding": "chunked"}))
        data = a.body[:position(a.body, where)]
        for i in range(0, len(data), 50000):
            h.wfile.write(b"%x\r\n" % len(data[i:i + 50000]))
            h.body(data[i:i + 50000])
            h.wfile.write(b"\r\n")
        if end:
            h.wfile.write(b"0\r\n\r\n")
        else:
            h.close_connection = True
    return action


def old(where=1.0):
    """HTTP/1.0: the body ends with the connection."""
    def action(h, a):
        h.head(a.status, a.headers, "HTTP/1.0")
        h.body(a.body[:position(a.body, where)])
        h.close_connection = True
    return action


def lonely():
    """A right answer, but the connection is gone afterwards without a word."""
    def action(h, a):
        h.send(a)
        h.close_connection = True
    return action


def refused(code, **headers):
    """The registry behind does not hear of it."""
    def action(h, a):
        h.content()
        status(code, **headers)(h, a)
    action.blind = True
    return action


def dropped(size, reset=True):
    """The connection ends after that much of what is sent to us."""
    def action(h, a):
        h.rfile.read(min(size, int(h.headers.get("Content-Length") or 0)))
        h.close_connection = True
        if reset:
            h.reset()
    action.blind = True
    return action


def raw(data):
    def action(h, a):
        h.wfile.write(data)
        h.close_connection = True
    return action


def flood(code, size, content_type="application/json"):
    """A body without end, nearly: size bytes."""
    def action(h, a):
        h.head(code, {"Content-Type": content_type, "Content-Length": str(size)})
        for _ in range(size >> 16):
            h.body(b"[" * (1 << 16))
        h.close_connection = True
    return action


def redirect(to, code=307):
    """to: a function of the handler that gives the address."""
    def action(h, a):
        h.content()
        h.send(Answer(code, {"Location": to(h)}, b""))
    action.blind = True
    return action


def moved(port=None, host="127.0.0.1", scheme="http"):
    """Where the same content is, on this or another proxy."""
    return lambda h: "%s://%s:%d/moved/%s%s" % (scheme, host, port() if port else h.server.proxy.port, h.row,
                                                h.rest.removeprefix("/v2"))


def part(code, content_range, start=None, end=None):
    """The bytes START..END of the whole, whatever was asked for; content_range with {size}, None: no such header."""
    def action(h, a):
        del h.headers["Range"]
        whole = h.ask()
        headers = dict(whole.headers)
        if content_range:
            headers["Content-Range"] = content_range.format(size=len(whole.body))
        h.send(Answer(code, headers, whole.body[start:end]))
    return action


def guarded(challenge=None, bearer=True):
    """401 without the token of good_token; challenge: another WWW-Authenticate, a function of the handler."""
    def action(h, a):
        want = "Bearer good-" + h.row
        if bearer and h.headers.get("Authorization") == want:
            return h.send(a)
        line = challenge(h) if challenge else realm(h)
        headers = {"WWW-Authenticate": line} if line else {}
        return h.send(Answer(401, headers, b'{"errors":[{"code":"UNAUTHORIZED","message":"log in"}]}'))
    return action


def realm(h, host="127.0.0.1", port=None):
    return 'Bearer realm="http://%s:%d/token/%s",service="s",scope="repository:x:pull"' % (
        host, port or h.server.proxy.port, h.row)


def main():
    rate = int(sys.argv[2])
    proxy = Proxy(("127.0.0.1", int(sys.argv[1])))
    proxy.rows["slow"] = [("any", ALWAYS, lambda h, a: slowly(h, a, rate))]
    print("listening on %d" % proxy.port, flush=True)
    threading.Event().wait()


def slowly(h, a, rate):
    """Without this an answer would be in the kernel's buffers at once."""
    headers = dict(a.headers)
    headers.setdefault("Content-Length", str(len(a.body)))
    h.head(a.status, headers)
    step = max(rate // 50, 1)
    for i in range(0, len(a.body) if h.command != "HEAD" else 0, step):
        h.body(a.body[i:i + step])
        time.sleep(len(a.body[i:i + step]) / rate)


if __name__ == "__main__":
    main()
