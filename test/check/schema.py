"""Holds the schema of `linuxkit schema` against the parser of `linuxkit build`; see schema.sh.

PyYAML reads YAML 1.1, so the loader below gets the scalar rules of our dialect.  What the parser says counts as a
verdict on the schema only when it is about one value: names that must exist or be unique are no matter of a schema.
"""

import copy
import json
import random
import re
import subprocess
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}


def construct_int(loader, node):
    text = loader.construct_scalar(node).replace("_", "")
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("+-")
    if text[:2] in ("0x", "0o", "0b"):
        return sign * int(text, 0)
    if len(text) > 1 and text[0] == "0":
        return sign * int(text, 8)
    return sign * int(text)


Loader.add_constructor("tag:yaml.org,2002:int", construct_int)
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|True|TRUE|false|False|FALSE)$"), None)
Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^(~|null|Null|NULL|)$"), None)
Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile("^<<$"), None)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile("^[-+]?(0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|0[0-7_]*|[1-9][0-9_]*)$"), None)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"), None)

# Messages that no schema can give.
BEYOND = re.compile(
    r"duplicate (service|volume) name|volume .* not found|is read-only, it needs|cannot find id|is already defined"
    r"|: service .* needs |a name, found the number -?[0-9]+\.0+$|: @pkg:.*: No such file")


def parser_says(program, path):
    r = subprocess.run([program, "-q", "build", "--dry-run", path], capture_output=True, text=True)
    if r.returncode == 0:
        return True, ""
    lines = [l for l in r.stderr.splitlines() if re.match(r"(Error: )?%s:" % re.escape(path), l)]
    matters = [l for l in lines if not BEYOND.search(l)]
    return not matters, r.stderr


class Judge:
    def __init__(self, schema, program):
        self.validator = jsonschema.Draft7Validator(json.load(open(schema)))
        self.program = program
        self.count = {True: 0, False: 0}
        self.wrong = 0

    def compare(self, text, path=None):
        if path is None:
            path = "case.yml"
            with open(path, "w") as f:
                f.write(text)
        try:
            data = yaml.load(text, Loader)
        except yaml.YAMLError as e:
            raise SystemExit("not YAML: %s\n%s" % (text, e))
        errors = list(self.validator.iter_errors(data))
        valid, message = parser_says(self.program, path)
        self.count[valid] += 1
        if valid != (not errors):
            self.wrong += 1
            print("%s\n  parser: %s\n  schema: %s" % (
                text, message or "valid", "; ".join(e.message for e in errors) or "valid"))

    def done(self, least_good, least_bad):
        print("%d good, %d bad, %d differ" % (self.count[True], self.count[False], self.wrong))
        assert self.wrong == 0
        assert self.count[True] >= least_good and self.count[False] >= least_bad


def walk(schema, path=""):
    """Every key of every mapping of the schema."""
    for key, sub in schema.get("properties", {}).items():
        yield path + "." + key, sub
        yield from walk(sub, path + "." + key)
        yield from walk(sub.get("items", {}), path + "." + key + "[]")
    for name, sub in schema.get("definitions", {}).items():
        yield from walk(sub, name)


def meta(path):
    schema = json.load(open(path))
    jsonschema.Draft7Validator.check_schema(schema)
    keys = list(walk(schema))
    assert len(keys) > 110, len(keys)
    for name, sub in keys:
        assert sub.get("description"), name + " has no description"
        assert "type" in sub or "anyOf" in sub, name + " has no type"
        assert sub.get("type") != "object" or sub["additionalProperties"] is not True, name
    assert dict(keys)[".services"]["items"] == {"$ref": "#/definitions/entry"}
    restart = dict(keys)["entry.runtime.restart"]
    assert restart["enum"] == ["no", "on-failure", "always"], restart


def strings_of_c(path):
    """The string literals of the tables of a C test, adjacent ones joined."""
    text = re.sub(r"/\*.*?\*/", "", open(path).read(), flags=re.S)
    for table in re.findall(r"\} t\[\] = \{(.*?)\n        \};|const t\[\] = \{(.*?)\n        \};", text, re.S):
        body = table[0] or table[1]
        for group in re.findall(r'(?:"(?:[^"\\]|\\.)*"\s*)+', body):
            yield "".join(json.loads('"%s"' % s) for s in re.findall(r'"((?:[^"\\]|\\.)*)"', group))


def snippets(judge, path):
    for text in strings_of_c(path):
        if re.match(r"(f|d/f\.yml|https?://\S+):\d", text) or re.match(r"[.:]", text):
            continue  # a message
        if re.match(r"[\w.]+: ?", text) and re.match(r"[\w.]+", text).group() not in (
                "init", "kernel", "services", "onboot", "volumes", "files", "outputs", "a", "trust"):
            text = "services: [{name: s, image: a, %s}]\nvolumes: [{name: v}, {name: r, readonly: true}]\n" % text
        try:
            yaml.load(text, Loader)
        except yaml.YAMLError:
            continue
        judge.compare(text)
    judge.done(25, 60)


HEX = "0123456789abcdef" * 4

TEXTS = {
    "init: [%s]": [
        "a", "a:1", "a/b", "a/b/c:tag", "localhost/a", "localhost:5000/a", "x.io:5000/a/b:1", "[::1]:5000/a", "[::1]/a",
        "a@sha256:" + HEX, "a:1@sha256:" + HEX, "A/B", "a_b/c-d.e", "a//b", "a/b/", "@pkg:x", "@pkg:../x y", "a/b/c/d",
        "", ".", "..", "...", "/", "a:", ":a", "@", "@pkg:", "@pkg", "@x", "a b", "a%", "http://a", "a://b", "a/..",
        "a/.", "a/../b", "a/./b", "a/./../b", "./a", "../a", "a/.:1", "a/", "localhost/", "a//", "x.io//a", "x.io:0/a", "x.io:port/a", "x.io:/a", "a@sha256:1", "a@md5:" + HEX[:32], "a:b:c", "a:b/c",
        "a:-x", "a:.x", "a:_x", "[::1", "[]/a", "x.io/", "-/a", "a:" + "t" * 128, "a:" + "t" * 129, "ä", "a\nb"],
    "kernel: {image: %s}": ["", "a", " ", "."],
    "volumes: [{name: %s}]": ["a", "a-b_1", "", "A", "a b", "é", "-"],
    "volumes: [{name: a, format: %s}]": ["oci", "filesystem", "", "OCI"],
    "volumes: [{name: a, format: oci, platforms: [%s]}]": [
        "linux/amd64", "linux", "linux/arm/v7", "", "/", "a/", "a//b", "a/b/c/d", "a b", "-"],
    "services: [{name: %s, image: a}]": ["a", "", ".", "..", "...", "a/b", "/", "a b", "-", "ä"],
    "services: [{name: a, image: b, capabilities: [%s]}]": [
        "CAP_KILL", "CAP_CHECKPOINT_RESTORE", "all", "ALL", "None", "KILL", "cap_kill", "", "CAP_", "allx"],
    "services: [{name: a, image: b, ambient: [%s, CAP_KILL]}]": ["all", "CAP_KILL", "CAP_SYSLOG"],
    "services: [{name: a, image: b, tmpfs: [%s]}]": ["/a", "/a:b", "/a:", "", ":", "/a:b:c"],
    "services: [{name: a, image: b, binds: [%s]}]": ["/a:/b", "/a:/b:ro", "/:", "/a", "/a:b:c:d"],
    "services: [{name: a, image: b, binds.add: [%s]}]": ["/a:/b", "/a"],
    "services: [{name: a, image: b, rlimits: [%s]}]": [
        "nofile,1,2", "RLIMIT_NOFILE,1,unlimited", "rlimit_as , UNLIMITED, 5 ", " cpu,0,0", "nofile,1", "nofile,1,2,3",
        "nofile", "", "files,1,2", "nofile,-1,1", "nofile,a,1", "nofile,,", "rlimit_rlimit_cpu,1,1", "cpu,1 1,1"],
    "services: [{name: a, image: b, devices: [{path: /x, mode: %s}]}]": [
        "0666", "666", "7777", "07777", "10000", "", "8", "0o7", "000000007777", "0000000007777", "-1"],
    "services: [{name: a, image: b, runtime: {restart: %s}}]": ["no", "always", "on-failure", "", "never"],
    "services: [{name: a, image: b, runtime: {ready: {tcp: %s}}}]": [
        "80", "1", "65535", "65536", "0", "080", "", "x", "localhost:80", "1.2.3.4:80", "255.0.0.10:1", "256.0.0.1:1",
        "1.2.3:1", "01.2.3.4:1", "[::1]:80", "[1:2::3.4.5.6]:8", "::1:80", "db:80", ":80", "80:", "localhost", " 80"],
    "services: [{name: a, image: b, runtime: {health: {exec: [%s]}}}]": ["a", ""],
    "services: [{name: a, image: b, runtime: {health: {file: %s}}}]": ["/", "/a b", "", "a"],
    "services: [{name: a, image: b, runtime: {health: {tcp: \"1\", startPeriod: %s}}}]": ["0s", "1m", "0m", "", "1"],
    "services: [{name: a, image: b, runtime: {health: {tcp: \"1\", interval: %s}}}]": ["0s", "1m", "999999h", "01s"],
    "files: [{contents: x, path: %s}]": [
        "a", "/a", "//a", "a/b", "...", "a.", ".a", "a/", "./a", "/./a", "..a", "", "/", ".", "./", "..", "../a", "/..",
        "/../a", "./../a", "//", "././"],
    "files: [{path: a, contents: x, mode: %s}]": ["", "0644", "7777", "10000", "0o644", "rw"],
    "files: [{path: a, metadata: %s}]": ["yaml", "json", "", "xml"],
    "files: [{path: a, source: %s}]": ["x", "", "~/x"],
    "files: [{path: a, symlink: %s}]": ["x", ""],
}
BARE = {
    "services: [{name: a, image: b, oomScoreAdj: %s}]": [
        "0", "-1000", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1.0", "1.5", "\"1\"", "true",
        "~", "0x10", "010", "1_000", "1e3"],
    "services: [{name: a, image: b, uid: %s}]": ["0", "4294967295", "4294967296", "-1", "root", "true", "~", "1.5", "[]"],
    "services: [{name: a, image: b, runtime: {ready: {tcp: %s}}}]": ["1", "65535", "65536", "0", "-1", "1.5", "true"],
    "services: [{name: a, image: b, runtime: {ready: %s}}]": [
        "{}", "{interval: 1s}", "{file: /a}", "{file: /a, tcp: 1}", "{exec: []}", "{exec: [a], retries: 1}", "[]", "~"],
    "services: [{name: a, image: b, runtime: {health: {file: /a, retries: %s}}}]": ["1", "1000", "0", "1001"],
    "services: [{name: a, image: b, runtime: {restartLimit: %s}}]": ["1", "0", "-1", "1000000", "1000001"],
    "services: [{name: a, image: b, readonly: %s}]": ["true", "False", "yes", "1", "\"true\"", "~"],
    "services: [{name: a, image: b, resources: {cpu: {shares: %s}}}]": [
        "0", "-1", "18446744073709551615", "18446744073709551616"],
    "services: [{name: a, image: b, resources: {blockio: {weight: %s}}}]": ["0", "65535", "65536", "-1"],
    "services: [{name: a, image: b, resources: {hugepageLimits: [{pageSize: %s}]}}]": ["2MB", "1", "true", "[]"],
    "services: [{name: a, image: b, devices: [{path: all, major: %s}]}]": ["-1", "1", "\"1\""],
    "services: [{name: a, image: b, sysctl: {a: %s}}]": ["\"1\"", "1", "true", "~", "{}", "x"],
    "services: [{name: a, image: b, additionalGids: %s}]": ["[1, root]", "[]", "1", "[true]"],
    "%s": ["{}", "null", "[]", "abc", "5", "true", "---", "labels: {}", "system: []"],
}


def texts(judge):
    for frame, values in TEXTS.items():
        for v in values:
            judge.compare(frame % json.dumps(v))
    for frame, values in BARE.items():
        for v in values:
            judge.compare(frame % v)
    # contents of files: every combination of the five
    parts = ["directory: true", "directory: false", "symlink: x", "contents: \"\"", "source: x", "metadata: yaml"]
    for bits in range(1 << len(parts)):
        chosen = [p for i, p in enumerate(parts) if bits >> i & 1]
        if "directory: true" in chosen and "directory: false" in chosen:
            continue
        judge.compare("files: [{%s}]" % ", ".join(["path: a"] + chosen))
    # mounts: every combination of the values that the default rules know
    for destination in (None, "", "/dev", "/x"):
        for kind in (None, "", "tmpfs", "proc"):
            for source in (None, "", "/y", "sysfs"):
                keys = {"destination": destination, "type": kind, "source": source}
                mount = json.dumps({k: v for k, v in keys.items() if v is not None})
                judge.compare("onboot: [{name: a, image: b, mounts: [%s]}]" % mount)
                judge.compare("onboot: [{name: a, image: b, runtime: {mounts: [%s]}}]" % mount)
    judge.done(150, 150)


ENTRY = {
    "name": "s", "image": "a", "capabilities": ["CAP_KILL"], "capabilities.add": ["CAP_BPF"], "ambient": ["all"],
    "mounts": [{"type": "tmpfs", "destination": "/x", "options": ["ro"]}], "binds": ["/a:/b"], "binds.add": ["/a:/b"],
    "tmpfs": ["/t"], "devices": [{"path": "/dev/x", "type": "c", "major": 1, "minor": 2, "mode": "0600"}],
    "command": ["x"], "env": ["A=b"], "cwd": "/", "net": "host", "ipc": "host", "uts": "new", "pid": "host",
    "userns": "host", "hostname": "h", "readonly": True, "maskedPaths": ["/x"], "readonlyPaths": ["/y"], "uid": 1,
    "gid": "s", "additionalGids": [1, "s"], "noNewPrivileges": False, "oomScoreAdj": 1, "rootfsPropagation": "shared",
    "cgroupsPath": "/x", "sysctl": {"a": "b"}, "annotations": {"a": "b"}, "rlimits": ["cpu,1,1"],
    "uidMappings": [{"hostID": 1, "containerID": 2, "size": 3}], "gidMappings": [],
    "resources": {
        "devices": [{"allow": True, "type": "c", "major": 1, "minor": 2, "access": "r"}],
        "memory": {"limit": 1, "reservation": 1, "swap": 1, "kernel": 1, "kernelTCP": 1, "swappiness": 1,
                   "disableOOMKiller": True},
        "cpu": {"shares": 1, "quota": 1, "period": 1, "realtimeRuntime": 1, "realtimePeriod": 1, "cpus": "0", "mems": "0"},
        "pids": {"limit": 1},
        "blockio": {"weight": 1, "leafWeight": 1, "weightDevice": [{"major": 1, "minor": 1, "weight": 1, "leafWeight": 1}],
                    "throttleReadBpsDevice": [{"major": 1, "minor": 1, "rate": 1}], "throttleWriteBpsDevice": [],
                    "throttleReadIOPSDevice": [], "throttleWriteIOPSDevice": []},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
        "network": {"classID": 1, "priorities": [{"name": "e", "priority": 1}]}},
    "runtime": {"cgroups": ["a"], "mounts": [{"source": "a"}], "mkdir": ["/x"],
                "interfaces": [{"name": "a", "add": "b", "peer": "c", "createInRoot": True}],
                "bindNS": {k: "/x" for k in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")},
                "namespace": "n", "restart": "always", "needs": ["s"],
                "ready": {"tcp": 80, "interval": "1s", "timeout": "1m"},
                "health": {"exec": ["a"], "interval": "1s", "timeout": "1m", "retries": 1, "startPeriod": "0s"},
                "restartLimit": 1, "stopTimeout": "1s"},
}
WHOLE = {
    "kernel": {"image": "k", "cmdline": "c", "binary": "b", "tar": "none", "ucode": "u"}, "init": ["a", "b:1"],
    "onboot": [ENTRY], "onshutdown": [dict(ENTRY, name="t")], "services": [ENTRY],
    "volumes": [{"name": "v", "image": "i", "format": "oci", "platforms": ["linux/amd64"], "readonly": True}],
    "files": [{"path": "a", "contents": "x", "mode": "0600", "uid": 1, "gid": 1, "optional": True, "directory": False}],
    "trust": {"image": ["a"], "org": ["b"]},
}
OTHERS = [None, True, 0, -1, 1.5, 2**63, 2**65, "", "x", "a:b", [], ["x"], [1], [None], {}, {"x": "y"}, {"x": 1}, [{}]]


def places(node):
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else []
    for key, value in items:
        yield node, key
        yield from places(value)


def mutations(judge, count):
    rng = random.Random(3)
    judge.compare(json.dumps(WHOLE))
    for _ in range(count):
        whole = copy.deepcopy(WHOLE)
        if rng.random() < 0.5:
            whole["services"][0] = {"name": "s", "image": "a", **dict(rng.sample(sorted(ENTRY.items()), 3))}
            whole["services"] = copy.deepcopy(whole["services"])
        node, key = rng.choice(list(places(whole)))
        what = rng.randrange(4)
        if what == 0:
            del node[key]
        elif what == 1 and isinstance(node, dict):
            node[key + rng.choice(["", "s", "X"])] = node.pop(key)
        else:
            node[key] = copy.deepcopy(rng.choice(OTHERS))
        judge.compare(json.dumps(whole))
    judge.done(count // 10, count // 4)


def main():
    command, schema, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    if command == "meta":
        return meta(schema)
    judge = Judge(schema, rest[0])
    if command == "compare":
        for path in rest[1:]:
            judge.compare(open(path).read(), path)
        judge.done(2, 0)
    elif command == "snippets":
        snippets(judge, rest[1])
    elif command == "texts":
        texts(judge)
    else:
        mutations(judge, int(rest[1]))


main()
