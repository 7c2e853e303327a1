"""test/engine.py - a docker engine that has a few images and can do no more than `linuxkit build --docker` needs.

    engine.py ADDRESS IMAGES.json LOG       ADDRESS: a path (unix socket) or a port (TCP, 127.0.0.1)

IMAGES.json: {"REF": {"arch": ..., "config": {...}, "tar": PATH, "fault": ...}}.  LOG gets a line per request.
Faults: "create" and "export" answer 500, "cut" ends the export early, "garbage" sends what is no tar,
"json" answers the first question with something that is not JSON."""
import hashlib
import http.server
import json
import os
import socketserver
import sys
import threading
import urllib.parse

address, images, log = sys.argv[1:4]
with open(images, encoding="utf-8") as f:
    images = json.load(f)
for name, image in images.items():
    image["id"] = hashlib.sha256(name.encode()).hexdigest()
containers = {}
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "client"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", kind="application/json", length=None):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Api-Version", os.environ.get("ENGINE_API", "1.41"))
        self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def note(self):
        with lock, open(log, "a", encoding="utf-8") as out:
            out.write("%s %s\n" % (self.command, self.path))

    def do_GET(self):
        self.note()
        path = urllib.parse.unquote(self.path)
        if path == "/_ping":
            return self.answer(200, b"OK", "text/plain")
        _, version, what, rest = path.split("/", 3)
        rest, _, verb = rest.rpartition("/")
        if what == "images" and verb == "json":
            image = images.get(rest)
            if not image:
                return self.answer(404, {"message": "No such image: " + rest})
            if image.get("fault") == "json":
                return self.answer(200, b"<html>")
            return self.answer(200, {"Id": "sha256:" + image["id"], "Os": "linux",
                                     "Architecture": image.get("arch", "amd64"), "Config": image.get("config", {})})
        image = containers.get(rest)
        if what != "containers" or verb != "export" or not image:
            return self.answer(404, {"message": "no"})
        if image.get("fault") == "export":
            return self.answer(500, {"message": "no space left on device"})
        with open(image["tar"], "rb") as f:
            data = f.read()
        if image.get("fault") == "garbage":
            data = b"no tar" * 1000
        if image.get("fault") == "cut":
            self.close_connection = True
            return self.answer(200, data[:len(data) // 2], "application/x-tar", len(data))
        return self.answer(200, data, "application/x-tar")

    def do_POST(self):
        self.note()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["Cmd"] == ["/dev/null"] and body["NetworkDisabled"] is True, body
        for image in images.values():
            if body["Image"] == "sha256:" + image["id"]:
                if image.get("fault") == "create":
                    return self.answer(500, {"message": "no"})
                with lock:
                    name = "%064x" % (len(containers) + 1)
                    containers[name] = image
                return self.answer(201, {"Id": name, "Warnings": []})
        return self.answer(404, {"message": "no such image"})

    def do_DELETE(self):
        self.note()
        name = self.path.rpartition("/")[2]
        with lock:
            gone = containers.pop(name, None)
        self.answer(204 if gone else 404)


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


if address.isdigit():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(address)), Handler)
else:
    server = UnixServer(address, Handler)
print("ready", flush=True)
server.serve_forever()
