"""test/kill.py - SIGKILL at random moments of a build that pulls its image slowly.

    kill.py UPSTREAM-PORT WORK COUNT [SEED]     speaks TAP; $LINUXKIT is the program

The registry has test/app:1.  After each kill the cache must be sound and the output absent or whole; the next
build goes on with the same cache (it is thrown away when a build got through).  At the end, and whenever a build
is not hit in time, the bytes are those of a build that nobody interrupted.  The seed is printed; a run can be
repeated as far as a machine repeats itself."""
import os
import random
import shutil
import signal
import subprocess
import sys
import time

from faults import ALWAYS, Proxy, slowly
from sound import sound

UPSTREAM, WORK, COUNT = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(1 << 32)
RATE = 400000  # bytes a second and layer

proxy = Proxy(("127.0.0.1", UPSTREAM))
proxy.rows["slow"] = [("any", ALWAYS, lambda h, a: slowly(h, a, RATE))]
os.chdir(WORK)
with open("x.yml", "w", encoding="ascii") as f:
    f.write("init: ['slow.example/test/app:1']\n")


def start(cache, output, upstream="http://127.0.0.1:%d/slow" % proxy.port):
    return subprocess.Popen([os.environ["LINUXKIT"], "-q", "--mirror", "slow.example=" + upstream, "build", "--arch",
                             "amd64", "--no-sbom", "--cache", cache, "--o", output, "x.yml"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(p, what):
    text = p.communicate(timeout=100)[0].decode(errors="replace")
    if p.returncode:
        give_up("%s ends with %d: %s" % (what, p.returncode, text))


def give_up(text):
    print("# " + text.replace("\n", "\n# "))
    print("not ok 1 - killed %d times, seed %d\n1..1" % (COUNT, SEED), flush=True)
    os._exit(1)


def content(path):
    with open(path, "rb") as f:
        return f.read()


def look(number, moment):
    """What a kill must not leave behind."""
    wrong = sound("cache") if os.path.exists("cache") else []
    if os.path.exists("x.tar") and content("x.tar") != want:
        wrong.append("a part of the output stands under its name")
    if wrong:
        give_up("after kill %d (at %.3f s): %s" % (number, moment, "; ".join(wrong)))


rng = random.Random(SEED)
finish(start("whole", "want.tar", "http://127.0.0.1:%d" % UPSTREAM), "the build without a proxy")
want = content("want.tar")
begin = time.monotonic()
finish(start("slow", "slow.tar"), "the slow build")
longest = time.monotonic() - begin
kills = through = 0
leftover = 0
while kills < COUNT:
    moment = rng.uniform(0, 1.05 * longest)
    child = start("cache", "x.tar")
    try:
        child.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.communicate()
        kills += 1
        look(kills, moment)
        if rng.random() < 0.2:
            shutil.rmtree("cache", ignore_errors=True)
        continue
    finish(child, "a build that was not hit")
    look(kills, moment)
    through += 1
    os.unlink("x.tar")
    shutil.rmtree("cache")
finish(start("cache", "x.tar"), "the build after the kills")
look(kills, 0)
if not os.path.exists("x.tar"):
    give_up("no output")
print("# seed %d: %d kills within %.2f s, %d builds got through" % (SEED, kills, longest, through))
print("ok 1 - killed %d times\n1..1" % kills, flush=True)
os._exit(0)
