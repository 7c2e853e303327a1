"""test/tokens.py - a token server for docker-registry (its "token" authentication), on loopback.

    tokens.py KEY.pem CERT.pem [--life SECONDS] [--no-post] [--tls CERT.pem KEY.pem]

Says "listening on PORT", then a line per request: method, who asked, scopes, what was granted.
"user" (password "secret", identity token "identity-of-user") may pull and push everything, "reader" (likewise) may
pull, anybody may pull open/*.  Signed by openssl (RS256), the certificate goes along as x5c."""
import argparse
import base64
import http.server
import json
import ssl
import subprocess
import threading
import time
import urllib.parse

RIGHTS = {"user": ("pull", "push", "delete", "*"), "reader": ("pull",)}
LEEWAY = 60  # docker-registry takes a token for this long after its end

parser = argparse.ArgumentParser()
parser.add_argument("key")
parser.add_argument("cert")
parser.add_argument("--life", type=int, default=300)
parser.add_argument("--no-post", action="store_true")
parser.add_argument("--tls", nargs=2)
options = parser.parse_args()
with open(options.cert, encoding="ascii") as pem:
    certificate = base64.b64encode(ssl.PEM_cert_to_DER_cert(pem.read())).decode()
number = 0
lock = threading.Lock()


def encode(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def sign(claims):
    text = encode({"typ": "JWT", "alg": "RS256", "x5c": [certificate]}) + b"." + encode(claims)
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", options.key], input=text,
                               stdout=subprocess.PIPE, check=True).stdout
    return (text + b"." + encode(signature)).decode()


def granted(user, scopes):
    access = []
    for scope in " ".join(scopes).split():
        kind, name, actions = scope.split(":", 2) if scope.count(":") == 2 else ("", "", "")
        rights = RIGHTS.get(user, ("pull",) if name.startswith("open/") else ())
        actions = [a for a in actions.split(",") if a in rights]
        if kind == "repository" and actions:
            access.append({"type": kind, "name": name, "actions": actions})
    return access


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, what):
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def token(self, user, query, name):
        global number
        access = granted(user, query.get("scope", []))
        with lock:
            number += 1
            serial = number
            print(self.command, user or "anonymous", " ".join(query.get("scope", [])) or "-", "->",
                  " ".join(a["name"] + ":" + ",".join(a["actions"]) for a in access) or "nothing", flush=True)
        now = int(time.time())
        claims = {"iss": "test", "sub": user, "aud": query.get("service", [""])[0], "exp": now + options.life - LEEWAY,
                  "nbf": now - 600, "iat": now - 600, "jti": str(serial), "access": access}
        reply = {name: sign(claims), "expires_in": max(options.life, 60),
                 "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        if user and (query.get("offline_token") == ["true"] or name == "access_token"):
            reply["refresh_token"] = "identity-of-" + user
        self.answer(200, reply)

    def refuse(self, who):
        print(self.command, who, "refused", flush=True)
        self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]})

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        kind, _, pair = self.headers.get("Authorization", "").partition(" ")
        user = ""
        if kind == "Basic":
            user, _, password = base64.b64decode(pair).decode().partition(":")
            if user not in RIGHTS or password != "secret":
                return self.refuse(user)
        self.token(user, query, "token")

    def do_POST(self):
        query = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if options.no_post:
            print("POST 404", flush=True)
            return self.answer(404, {})
        if query.get("grant_type") == ["password"]:
            user = query["username"][0] if query.get("password") == ["secret"] else ""
        else:
            user = query.get("refresh_token", [""])[0].removeprefix("identity-of-")
        if user not in RIGHTS or "client_id" not in query:
            return self.refuse(user or "nobody")
        self.token(user, query, "access_token")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if options.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*options.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("listening on %d" % server.server_address[1], flush=True)
server.serve_forever()
