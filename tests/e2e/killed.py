#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills ppgen, its workers and its tasks at random moments, goes on, and compares what comes of it with calm runs.

    killed.py PPGEN KILLS SEED [SPEC ...]

Works in the current folder, which must be empty. A chain is one run directory: a command is started, somebody is killed with SIGKILL, the command is
started again, and so on; then it is left in peace to its end. After each kill, and at the end:

  - every process is gone (this one is a subreaper, so nothing can hide),
  - no task with a good recorded end has begun again: tasks count their own starts in a file outside the run directory,
  - no number of an attempt was given twice, and nothing ran without a start record,
  - no journal is damaged but in its last line,
  - a table that is there has all of its bytes.

Exits with 0 when all of that held. Everything that is chosen comes from the seed; when a moment comes, the machine decides.
"""
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

LIMIT = 120.0  # seconds that anything may take before it counts as hanging
CHAIN_MOST = 22  # kills of one run directory before it is left in peace
ROUNDS_MOST = 30  # undisturbed runs until all is good: killed tasks may have used up their retries
PHASES = ("before a plan", "before a record", "among the records", "collecting", "after the table")

# ---- what is run

COUNT = 'echo "$PPGEN_TASK $PPGEN_ATTEMPT" >>"$STARTS"; '

SPECS = {
    "number": (
        """
params: {x: {from: 1, to: 150, step: 1}}
shell: '%(count)s echo $x'
results: {stdout: number}
"""
    ),
    "retries": (
        """
params: {grid: {a: {from: 1, to: 10, step: 1}, b: [u, v, w]}}
shell: |
  %(count)s
  [ $((a %% 3)) -ne 0 ] || [ "$PPGEN_ATTEMPT" -ge 2 ] || exit 7
  [ $((a %% 4)) -ne 0 ] || [ "$PPGEN_ATTEMPT" -ge 2 ] || kill -9 $$
  sleep 0.00$a
  echo "said to the other stream $a" >&2
  echo "{\\"y\\": $((a * a)), \\"b2\\": \\"$b,$b\\"}"
results: {stdout: {last_line: json}}
retry: {times: 3, on: [exit, signal]}
repeat: 2
"""
    ),
    "files": (
        """
params: {n: {from: 1, to: 60, step: 1}}
shell: |
  %(count)s
  : >"$PPGEN_SCRATCH/t.csv"
  echo t,v >>"$PPGEN_SCRATCH/t.csv"
  i=0; while [ $i -lt $((n %% 7)) ]; do echo "$i,$((n * i))" >>"$PPGEN_SCRATCH/t.csv"; i=$((i + 1)); done
  echo "{\\"half\\": $((n / 2))}" >"$PPGEN_SCRATCH/u.jsonl"
  echo "e = $n.50"
results:
  stdout: {regex: {energy: 'e = ([0-9.]+)'}}
  files: {trace: "{scratch}/t.csv", other: "{scratch}/u.jsonl"}
collect:
  - {to: results.csv}
  - {to: results.jsonl}
  - {from: trace, to: sub/traces.csv}
  - {from: other, to: other.json}
  - {to: sums.csv, by: [rep], mean: energy, sd: energy, count: true}
repeat: 1
"""
    ),
    "rows": (
        """
params:
  grid: {a: {from: 1, to: 9, step: 1}, b: {from: 1, to: 9, step: 1}}
  table: {file: sites.csv}
  where: a <= b and not (site == 'C' and a > 2) and (a + b) %% 2 == 0
  add: [{a: 77, b: 78, site: A, lat: 5}]
shell: |
  %(count)s
  echo "k,v"; echo "1,$a"; sleep 0.003; echo "2,$b"; echo "3,\\"$site, $lat\\""
results: {stdout: csv}
"""
    ),
    "text": (
        """
params: {zip: [{code: [m, w, x, y, z], steps: [1, 2, 3, 4, 5]}], grid: {k: {from: 1, to: 12, step: 1}}}
shell: |
  %(count)s
  [ $((k %% 2)) -ne 0 ] || (setsid sleep 300 >/dev/null 2>&1 &)
  echo "of $code and $k,"; echo "in two lines: \\"$steps\\""
results: {stdout: text}
seed_by: [k]
"""
    ),
    "mixed": (
        """
params: {x: {from: 1, to: 48, step: 1}}
shell: |
  %(count)s
  sleep 0.01 &
  echo "step $x of both streams" >&2; echo "E: $x.25"; wait
results: {log: {regex: {e: 'E: ([0-9.]+)'}}}
resources: {cpus: 1}
overrides: [{where: x > 40, cpus: 2}]
"""
    ),
    "kept": (
        """
params: {x: {from: 1, to: 24, step: 1}}
shell: |
  %(count)s
  echo x >>"$PPGEN_KEEP/steps"
  [ "$(wc -l <"$PPGEN_KEEP/steps")" -ge 2 ] || exit 1
  echo $x
results: {stdout: number}
retry: {times: 4, on: [exit, signal]}
"""
    ),
    "grown": (
        """
params: {x: {from: 1, to: %(grown)d, step: 1}}
shell: '%(count)s sleep 0.002; echo $x'
results: {stdout: number}
"""
    ),
    "packed": (
        """
params: {x: {from: 1, to: 16, step: 1}}
shell: |
  %(count)s
  head -c $((x * 150000)) /dev/zero; echo; head -c 70000 /dev/zero >&2; echo "{\\"x2\\": $((x * 2))}"
results: {stdout: {last_line: json}}
"""
    ),
    "big": (
        """
params: {x: [1, 2, 3, 4]}
shell: |
  %(count)s
  truncate -s 66M /dev/stdout; echo; echo "{\\"x2\\": $((x * 2))}"
results: {stdout: {last_line: json}}
"""
    ),
    "calls": (
        """
params: {x: {from: 1, to: 300, step: 1}}
python: calls.py:run
"""
    ),
    "forked": (
        """
params: {x: {from: 1, to: 30, step: 1}}
python: {call: calls.py:run, isolate: fork}
results: {value: rows}
"""
    ),
    "array": (
        """
params: {x: {from: 1, to: 90, step: 1}}
shell: '%(count)s sleep 0.003; echo $x'
results: {stdout: number}
submit: {elements: 3, slots: 2}
retry: {times: 2, on: [exit, signal]}
"""
    ),
}
# The function of "calls" and "forked": little, much, and slow tasks.
CALLS = '''import os
import time


def run(x):
    with open(os.environ["STARTS"], "a") as f:
        f.write("%s %s\\n" % (os.environ["PPGEN_TASK"], os.environ["PPGEN_ATTEMPT"]))
    if x % 50 == 0:
        time.sleep(0.01)
    print("output of %d" % x)
    return {"y": x * x, "text": "t" * (3000000 if x == 7 else x)}
'''
# What ends between two looks of the pool has no record of its start: so killing the pool may leave calls that no record speaks of, and
# that come again with the same number. What was recorded as good does not.
BEGIN_UNSEEN = ("calls",)
# Of the kills.
SHARE = {"number": 14, "retries": 16, "files": 14, "rows": 12, "text": 8, "mixed": 8, "kept": 8, "grown": 12, "packed": 6, "big": 2, "calls": 5, "forked": 3,
         "array": 14}
GROWN = 90  # tasks of "grown", which begins with a few: so each start publishes a plan

# The template of a queue. What is submitted gets a number, and is started here.
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "queue.tmpl")) as queue:
    TEMPLATE = queue.read().replace("[tqsub, \"{{hold", "[echo, \"id 1\", \"{{hold")


class Fault(Exception):
    pass


# ---- processes

def be_subreaper():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(36, 1, 0, 0, 0) != 0:  # PR_SET_CHILD_SUBREAPER
        raise Fault("cannot become a subreaper")


def stat_of(pid):
    """Parent and state, or None."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as f:
            words = f.read().rpartition(b")")[2].split()
        return int(words[1]), words[0].decode()
    except (OSError, IndexError):
        return None


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(w) for w in f.read().split()]
    except OSError:
        pass
    found = []  # a kernel without that list, or pid is gone
    for name in os.listdir("/proc"):
        at = stat_of(int(name)) if name.isdigit() else None
        if at and at[0] == pid:
            found.append(int(name))
    return found


def descendants(pid):
    found, at = [], [pid]
    while at:
        at = [c for p in at for c in children(p)]
        found += at
    return found


def kill(pid):
    """Whether it lived when it was killed."""
    at = stat_of(pid)
    if at is None or at[1] in "ZX":
        return False
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def reap_rest(chase):
    """Waits until no process is left below this one. chase: those that are left have nobody to end them."""
    until = time.monotonic() + LIMIT
    pause = 0.0005
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        if chase:
            for pid in descendants(os.getpid()):
                kill(pid)
        if time.monotonic() > until:
            left = [open("/proc/%d/cmdline" % p).read().replace("\0", " ") for p in descendants(os.getpid())]
            for pid in descendants(os.getpid()):
                kill(pid)
            raise Fault("processes are left over: %s" % left)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


# ---- journals

def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC = crc_table()


def crc32c(data):
    c = 0xFFFFFFFF
    for byte in data:
        c = CRC[(c ^ byte) & 255] ^ c >> 8
    return c ^ 0xFFFFFFFF


def read_line(line):
    """A record, or None where the line is torn or damaged."""
    if len(line) < 18 or not line.endswith(b'"}') or line[-18:-11] != b',"crc":':
        return None
    if b"%08x" % crc32c(line[:-18]) != line[-10:-2]:
        return None
    return json.loads(line)


class Journals:
    """What all writers of a run directory recorded. To be read when no writer lives: a file is read once."""

    def __init__(self, rundir):
        self.rundir = rundir
        self.seen = set()
        self.good = {}  # id: how many good ends
        self.starts = set()  # (id, attempt)
        self.files = set()  # below files/, that a record names
        self.torn = 0

    def read(self):
        top = os.path.join(self.rundir, "journal")
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if path not in self.seen and name.endswith(".jsonl"):
                    self.seen.add(path)
                    self.read_file(path)

    def read_file(self, path):
        with open(path, "rb") as f:
            lines = f.read().split(b"\n")
        last = lines.pop()
        self.torn += bool(last)
        for i, line in enumerate(lines):
            r = read_line(line)
            if r is None:
                raise Fault("line %d of '%s' is damaged" % (i + 1, path))
            if r["k"] == "start":
                key = (r["id"], r["att"])
                if key in self.starts:
                    raise Fault("attempt %d of %s was begun twice" % (key[1], key[0]))
                self.starts.add(key)
            elif r["k"] == "end":
                self.files.update(p[0] for p in (r.get("o"), r.get("e")) if p and isinstance(p[0], str))
                if r["out"] == "ok":
                    self.good[r["id"]] = self.good.get(r["id"], 0) + 1


def journal_bytes(rundir):
    size = 0
    for folder, _, names in os.walk(os.path.join(rundir, "journal")):
        for name in names:
            try:
                size += os.stat(os.path.join(folder, name)).st_size
            except OSError:
                pass
    return size


def tables(rundir):
    """Name: bytes, of what `collect:` makes."""
    found = {}
    top = os.path.join(rundir, "collect")
    for folder, _, names in os.walk(top):
        for name in names:
            if name != "published.json" and not name.startswith(".tmp-"):
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    found[os.path.relpath(path, top)] = f.read()
    return found


# ---- what is left in a run directory

# What a process that was killed may leave, all of it out of everybody's way: output of attempts that were cut off, which `log` shows;
# folders of a task that was good so shortly before that nobody had removed them. What was half made the next one who holds it removes.
MAY_STAY = ("spool", "output without a journal", "keep/", "scratch/",
            "files/ that no record names")

KNOWN = [re.compile(p + "$") for p in (
    r"ppgen\.json", r"plan/\d{4}/[a-z.]+", r"claims/local\.\d{4}(\.done)?", r"claims/\d{4}/[a-z0-9._-]+", r"inputs/[0-9a-f]{64}",
    r"journal/[0-9a-f]{2}/[^/]+\.jsonl", r"collect/[^.].*", r"submissions/\d{4}/.*",
)]


def leftovers(rundir, journals):
    """What nobody needs any more when all is done: {kind: how many}."""
    count = {}
    writers = {os.path.basename(p)[:-len(".jsonl")] for p in journals.seen}
    for folder, dirs, names in os.walk(rundir):
        for name in dirs:
            path = os.path.relpath(os.path.join(folder, name), rundir)
            if re.fullmatch(r"scratch/[^/]+|keep/[^/]+|plan/\.new-.*|submissions/\..*", path):
                kind = re.sub(r"(scratch|keep)/.*", r"\1/", re.sub(r"/\..*", "/.draft/", path))
                count[kind] = count.get(kind, 0) + 1
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), rundir)
            if any(k.match(path) for k in KNOWN) or path.startswith(("scratch/", "keep/")) or "/.new-" in path:
                continue  # the folder was counted
            m = re.fullmatch(r"output/[0-9a-f]{2}/(.*?)(\.\d+)?\.(out|err)", path)
            kind = path
            if name.startswith(".tmp-"):
                kind = (re.sub("/.*", "", os.path.dirname(path)) or ".") + "/.tmp"
            elif m and m[2]:
                kind = "spool"
            elif m:
                if m[1] in writers:
                    continue
                kind = "output without a journal"
            elif path.startswith("files/"):
                if path[len("files/"):] in journals.files:
                    continue
                kind = "files/ that no record names"
            count[kind] = count.get(kind, 0) + 1
    return count


# ---- a chain

class Chain:
    def __init__(self, tester, name, place):
        self.t = tester
        self.name = name
        self.place = os.path.abspath(place)
        self.rundir = os.path.join(self.place, "runs", name)
        self.starts = os.path.join(self.place, "starts")
        self.grown = GROWN
        self.whole = name != "grown"  # whether the spec has been what it is at the end all the time since the last table
        os.makedirs(self.place)
        open(self.starts, "w").close()
        with open(os.path.join(self.place, "sites.csv"), "w") as f:
            f.write("site,lat\nA,1.50\nB,-2\nC,3\n")
        with open(os.path.join(self.place, "calls.py"), "w") as f:
            f.write(CALLS)
        self.write_spec()
        self.env = dict(os.environ, STARTS=self.starts)
        self.journals = Journals(self.rundir)
        self.at = 0  # bytes of self.starts that were judged

    def write_spec(self):
        text = SPECS[self.name] % {"count": COUNT, "grown": self.grown}
        with open(os.path.join(self.place, "spec.yaml"), "w") as f:
            f.write("ppgen: 1\nname: %s\n%s" % (self.name, text))

    def start(self, words):
        self.said = open(os.path.join(self.place, "said"), "w+")
        return subprocess.Popen([self.t.ppgen] + words, cwd=self.place, env=self.env, stdin=subprocess.DEVNULL, stdout=self.said,
                                stderr=self.said, start_new_session=True)

    def finish(self, process):
        """Waits for the process that was started and for all others below this one; its exit code, and what was said."""
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            reap_rest(True)
            raise Fault("it hangs: %s" % process.args)
        reap_rest(False)
        self.said.seek(0)
        text = self.said.read()
        self.said.close()
        return code, text

    def run(self, words):
        return self.finish(self.start(words))

    # What must hold whenever nothing runs.
    def judge(self, before):
        """before: ids with a good end when the last command was started."""
        with open(self.starts) as f:
            f.seek(self.at)
            lines = f.read().split("\n")
            self.at = f.tell()
        self.journals.read()
        ids = {"t" + i: i for i in (k[0] for k in self.journals.starts)}
        for line in lines:
            if not line:
                continue
            shown, attempt = line.split()
            full = [i for i in ids if i.startswith(shown)]
            if self.name in BEGIN_UNSEEN:
                if any(i.startswith(shown[1:]) for i in before):
                    raise Fault("%s was good, and ran again" % shown)
                continue
            if len(full) != 1 or (ids[full[0]], int(attempt)) not in self.journals.starts:
                raise Fault("attempt %s of %s ran, and no record says so" % (attempt, shown))
            if ids[full[0]] in before:
                raise Fault("%s was good, and ran again" % shown)
            if (shown, attempt) in self.t.counted:
                raise Fault("attempt %s of %s ran twice" % (attempt, shown))
            self.t.counted.add((shown, attempt))
        for i, n in self.journals.good.items():
            if n > 1:
                raise Fault("%s has %d good ends" % (i, n))
        if self.whole:
            for name, data in tables(self.rundir).items():
                if data != self.t.calm[self.name].get(name):
                    raise Fault("the table '%s' differs from that of a calm run" % name)

    def phase(self):
        if not os.path.isdir(os.path.join(self.rundir, "plan", "0001")):
            return 0
        if not self.journals.starts:
            return 1
        if len(self.journals.good) < self.t.tasks[self.name]:
            return 2
        return 4 if len(tables(self.rundir)) == len(self.t.calm[self.name]) and self.had_none else 3


class Tester:
    def __init__(self, ppgen):
        self.ppgen = ppgen
        self.random = random.Random()
        self.calm = {}
        self.tasks = {}
        self.kills = {}
        self.phases = [0] * len(PHASES)
        self.missed = 0
        self.left = {}
        self.chains = 0
        self.torn = 0
        self.idle = {}

    def calm_run(self, name):
        self.counted = set()
        c = Chain(self, name, "calm-" + name)
        self.calm[name] = {}
        for _ in range(ROUNDS_MOST):
            code, said = c.run(["run", "-q", "spec.yaml"])
            if code == 0:
                break
        if code != 0:
            raise Fault("the calm run ends with %d: %s" % (code, said))
        self.calm[name] = tables(c.rundir)
        c.judge(())
        self.tasks[name] = len(c.journals.good)
        t0 = time.monotonic()
        c.run(["run", "-q", "spec.yaml"])
        self.idle[name] = time.monotonic() - t0
        shutil.rmtree(c.place)

    # ---- kills

    def wait_moment(self, c, process, short):
        """Until a moment by chance: by the clock, or by the journals' growth. short: while it does what it does even if no task is left."""
        kind = self.random.random()
        if short or kind < 0.5:
            until = time.monotonic() + self.random.uniform(0, self.idle[c.name] + (0.0 if short else 0.06))
            size = None
        else:
            until = time.monotonic() + 1.0
            size = journal_bytes(c.rundir) + self.random.randrange(1, 9000)
        while process.poll() is None:
            left = until - time.monotonic()
            if left <= 0 or (size is not None and journal_bytes(c.rundir) >= size):
                break
            time.sleep(min(left, 0.003 if size is None else 0.001))

    def kill_one(self, process, whom):
        """Kills; the name of what was hit, or None."""
        if process.poll() is not None:
            return None
        guardian = process.pid
        pool = children(guardian)[:1]
        if whom == "guardian" or not pool:
            return "guardian" if kill(guardian) else None
        if whom == "pool":
            return "pool" if kill(pool[0]) else None
        if whom == "both":
            order = [guardian] + pool
            self.random.shuffle(order)
            hit = [p for p in order if kill(p)]  # when one is gone, the other may be, before it is killed
            return "both" if len(hit) == 2 else "guardian" if guardian in hit else "pool" if hit else None
        for _ in range(60):
            tasks = descendants(pool[0])
            if tasks or process.poll() is not None:
                break
            time.sleep(0.0005)
        return "task" if tasks and kill(self.random.choice(tasks)) else None

    def count(self, kind, c):
        self.kills[kind] = self.kills.get(kind, 0) + 1
        self.phases[c.phase()] += 1

    def disturb(self, c, words, short, who=("guardian", "pool", "both", "task", "task")):
        """Starts a command and kills once, or a few tasks; judges. Whether it ended by itself with 0."""
        before = frozenset(c.journals.good)
        c.had_none = len(tables(c.rundir)) < len(self.calm[c.name])
        whom = self.random.choice(who)
        process = c.start(words)
        hits = []
        for _ in range(self.random.randrange(1, 6) if whom == "task" else 1):
            self.wait_moment(c, process, short)
            hits.append(self.kill_one(process, whom))
        hits = [h for h in hits if h]
        if "both" in hits:
            process.wait()
            if self.random.random() < 0.5:
                time.sleep(self.random.uniform(0, 0.01))
            reap_rest(True)
        code, said = c.finish(process)
        c.judge(before)
        hits = self.check_code(words, hits, code, said)
        self.missed += not hits
        for h in hits:
            self.count(h, c)
        return code == 0

    def check_code(self, words, hits, code, said):
        """What the process that was started said of its end; the kills that were in time."""
        by_guardian = "the pool was ended by signal 9 (Killed)" in said
        if code == -signal.SIGKILL and ("guardian" in hits or "both" in hits):
            return hits
        if code == 3 and "pool" in hits and by_guardian:
            return hits
        hits = [h for h in hits if h == "task"]  # it was about to exit
        if code == 0 or code == 1 and words[0] != "collect" and ("failed" in said or "not run" in said):
            return hits
        if hits and code == 2 and re.search("loaded the function: signal 9|before it begins a call: signal 9|loaded the function$", said, re.M):
            return hits  # where no interpreter gets so far, it cannot go on
        raise Fault("%s: exit code %s after %s was killed: %s" % (words, code, hits or "nobody", said))

    # ---- chains

    def chain(self, name):
        """One run directory, killed many times, then left in peace."""
        self.counted = set()
        c = Chain(self, name, "chain")
        words = ["run", "-q", "spec.yaml"]
        most = self.random.randrange(CHAIN_MOST // 2, CHAIN_MOST + 1)
        for k in range(most):
            if name == "grown":
                c.grown = min(GROWN, 6 + 9 * k)
                c.write_spec()
            if self.disturb(c, words, k < 3) and c.grown == GROWN:
                break
        c.grown = GROWN
        c.write_spec()
        self.peace(c, words)
        c.whole = True
        self.disturb_collecting(c)
        self.end_chain(c)

    def peace(self, c, words):
        for _ in range(ROUNDS_MOST):
            before = frozenset(c.journals.good)
            code, said = c.run(words)
            c.judge(before)
            if code == 0:
                return
            if code != 1 or "failed" not in said:
                raise Fault("%s in peace: exit code %d: %s" % (words, code, said))
        raise Fault("it does not come to an end: %s" % said)

    def disturb_collecting(self, c):
        """All is done: the tables are taken away, and their making is killed."""
        for _ in range(self.random.randrange(3, 7)):
            for name in list(tables(c.rundir)):
                if self.random.random() < 0.8:
                    os.unlink(os.path.join(c.rundir, "collect", name))
            published = os.path.join(c.rundir, "collect", "published.json")
            if self.random.random() < 0.3 and os.path.exists(published):
                os.unlink(published)
            if self.random.random() < 0.5:
                self.disturb(c, ["run", "-q", "spec.yaml"], True, ("guardian", "pool", "both"))
            else:
                self.disturb(c, ["collect", "-q", "spec.yaml"], True, ("guardian",))
        self.peace(c, ["collect", "-q", "spec.yaml"])

    def end_chain(self, c):
        before = frozenset(c.journals.good)
        code, said = c.run(["run", "spec.yaml"])
        c.judge(before)
        if code != 0 or "nothing to do" not in said:
            raise Fault("all is done, and a run ends with %d: %s" % (code, said))
        if tables(c.rundir) != self.calm[c.name]:
            raise Fault("the tables are not those of a calm run")
        if len(c.journals.good) != self.tasks[c.name]:
            raise Fault("%d tasks are good, not %d" % (len(c.journals.good), self.tasks[c.name]))
        for kind, n in leftovers(c.rundir, c.journals).items():
            if kind not in MAY_STAY:
                raise Fault("'%s' is left over" % kind)
            self.left[kind] = self.left.get(kind, 0) + n
        self.torn += c.journals.torn
        self.chains += 1
        shutil.rmtree(c.place)

    def array(self, name):
        """Array elements, killed and requeued; then all of them in peace, and collected."""
        self.counted = set()
        c = Chain(self, name, "chain")
        with open(os.path.join(c.place, "tq.tmpl"), "w") as f:
            f.write(TEMPLATE)
        code, said = c.run(["submit", "-q", "--template", "./tq.tmpl", "--no-finalise", "spec.yaml"])
        if code != 0:
            raise Fault("submit: exit code %d: %s" % (code, said))
        for _ in range(self.random.randrange(CHAIN_MOST // 2, CHAIN_MOST + 1)):
            self.disturb_elements(c)
        for i in (1, 2, 3):
            before = frozenset(c.journals.good)
            code, said = c.run(self.element(i))
            c.judge(before)
            if code not in (0, 1):
                raise Fault("element %d in peace: exit code %d: %s" % (i, code, said))
        with open(os.path.join(c.rundir, "submissions", "0001", "ended.json"), "w") as f:
            f.write('{"how":"cancelled","why":"","next":0,"time":1}')
        self.peace(c, ["run", "-q", "spec.yaml"])  # what was lost thrice is left to a new start
        self.disturb_collecting(c)
        self.end_chain(c)

    @staticmethod
    def element(i):
        return ["worker", "runs/array", "--submission", "1", "--array", "1", "--element", str(i), "--job", "4711.%d" % i]

    def disturb_elements(self, c):
        """One element or two at once."""
        before = frozenset(c.journals.good)
        c.had_none = True
        running = [c.start(self.element(i)) for i in self.random.sample((1, 2, 3), self.random.randrange(1, 3))]
        hits = []
        for process in running:
            whom = self.random.choice(("guardian", "pool", "both", "task"))
            self.wait_moment(c, process, False)
            hits.append(self.kill_one(process, whom))
        for process in running:
            if process.poll() is None:
                hits.append("guardian" if kill(process.pid) else None)
        for process in running:
            process.wait()
        reap_rest(True)  # both of one may have been hit
        c.said.close()
        c.judge(before)
        for h in hits:
            self.missed += h is None
            if h:
                self.count("worker: " + h, c)


def work(t, kills, seed, out, names):
    """One process's part: its report as JSON on `out`."""
    be_subreaper()
    faults = {}
    took = {}
    t.random.seed(seed)
    names = t.random.sample(names, len(names))  # few kills do not reach them all
    done = {n: 0 for n in names}
    while sum(t.kills.values()) < kills and not faults:
        name = min(names, key=lambda n: done[n] / SHARE[n])
        before = sum(t.kills.values())
        t0 = time.monotonic()
        try:
            if name == "array":
                t.array(name)
            else:
                t.chain(name)
        except Fault as f:
            faults[name] = "%s (kept in '%s')" % (f, os.path.abspath("chain"))
        done[name] += sum(t.kills.values()) - before + 1
        took[name] = took.get(name, 0) + time.monotonic() - t0
    report = {"kills": t.kills, "phases": t.phases, "missed": t.missed, "left": t.left, "chains": t.chains, "torn": t.torn,
              "done": done, "took": took, "faults": faults}
    out.write(json.dumps(report))
    out.flush()


def add(total, part):
    for k, v in part.items():
        total[k] = total.get(k, 0) + v


def main(argv):
    ppgen, kills, seed = os.path.abspath(argv[1]), int(argv[2]), int(argv[3])
    names = argv[4:] or list(SPECS)
    parts = 2
    pids = []
    be_subreaper()
    t = Tester(ppgen)
    for name in names:
        t.calm_run(name)
    for i in range(parts):
        place = "part%d" % i
        os.makedirs(place)
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                os.chdir(place)
                with open("report", "w") as out:
                    work(t, (kills + parts - 1) // parts, seed * parts + i, out, names)
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in pids]
    total = {"kills": {}, "left": {}, "done": {}, "took": {}, "faults": {}}
    phases = [0] * len(PHASES)
    sums = {"missed": 0, "chains": 0, "torn": 0}
    for i in range(parts):
        if codes[i] != 0:
            total["faults"].setdefault("part %d" % i, "ended with %d" % codes[i])
            continue
        with open("part%d/report" % i) as f:
            r = json.load(f)
        for key in total:
            if key == "faults":
                total[key].update(r[key])
            else:
                add(total[key], r[key])
        phases = [a + b for a, b in zip(phases, r["phases"])]
        for key in sums:
            sums[key] += r[key]
    print("# %d kills: %s" % (sum(total["kills"].values()), ", ".join("%s %d" % x for x in sorted(total["kills"].items()))))
    print("# %s" % ", ".join("%s %d" % x for x in zip(PHASES, phases)))
    print("# %d run directories, %d torn lines, %d came too late" % (sums["chains"], sums["torn"], sums["missed"]))
    print("# left in run directories that are done: %s" % (total["left"] or "nothing"))
    print("# kills and seconds of each: %s" % ", ".join("%s %d %.1f" % (n, total["done"][n], total["took"].get(n, 0)) for n in names))
    for name, fault in total["faults"].items():
        print("# fault in %s: %s" % (name, fault))
    return 1 if total["faults"] or sum(total["kills"].values()) < kills else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
