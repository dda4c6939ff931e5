#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cuts the power at every moment of a recorded run, and looks whether what ppgen promises holds.

    replay.py record TRACE COMMAND...     runs a command and records what it does to files
    replay.py check TOP TRACE RUNDIR ...  TOP is the folder in which that happened, RUNDIR a run directory below it

In every state that a power loss may leave (disk.py says which), checked by this program:
- an end record that was told durable (its journal was synced) is there, and every byte of output that it names;
- a file published under a temporary name is whole or is not there, and so is a plan or a submission, which is a folder;
- a journal names no plan and no submission that is gone;
- after a program that ended well, all of its tables and records are there;
and by the program itself:
- `ppgen status` reads it, and counts as good the tasks that have a whole end record with whole output: no more, no fewer;
- in a sample of the states, the command --heal ends with 0, then the tables are those of an undisturbed run, byte for byte, and
  with --once no task that was good ran again.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import disk as disks  # noqa: E402
import strace  # noqa: E402

FOLDER = re.compile(r"(plan|submissions)/\d+$")
with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot_id:
    BOOT = boot_id.read().strip().encode()
SEAL = re.compile(rb',"crc":"[0-9a-f]{8}"}$')


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def rebooted(data):
    """Text as it would be had this machine been started anew since it was written: ppgen can tell by the boot's id."""
    if not data or BOOT not in data:
        return data
    lines = data.split(b"\n")
    for i, line in enumerate(lines):
        if BOOT in line:
            line = line.replace(BOOT, b"00000000" + BOOT[8:])
            lines[i] = SEAL.sub(b"", line) + b',"crc":"%08x"}' % crc32c(SEAL.sub(b"", line)) if SEAL.search(line) else line
    return b"\n".join(lines)


def load_rebooted(top):
    return {path: rebooted(content) for path, content in disks.load(top).items()}


class Promise:
    """What holds from some moment on, kept while the events are applied one by one."""

    def __init__(self, disk, rundir):
        self.disk, self.rundir = disk, rundir + "/"
        self.whole = {}     # path: contents, one of which the file must have where it is there
        self.folders = {}   # path: {name in it: content}, all of which must be there where the folder is
        self.told = {}      # (path of the journal, end record): True, in their order
        self.needed = set()  # folders that must be there
        self.lines = set()   # every line that was ever written to a journal
        self._begin(disk.crash("kept", random))
        self.early = 0       # how many records were told durable when the last one was written

    def _begin(self, state):
        """What was there before all events is durable."""
        for path, content in state.items():
            at = path[len(self.rundir):]
            if at.startswith("journal/") and content:
                self._note_lines(content)
                self._note_told(path, content)
            elif at.startswith(("claims/", "collect/")) and content is not None:
                self.whole[path] = {content}
            elif FOLDER.match(at):
                self.folders[path] = {p[len(path) + 1:]: c for p, c in state.items() if p.startswith(path + "/")}

    def _note_lines(self, data):
        for line in data.splitlines():
            self.lines.add(line)
            if b'"k":"header"' in line:
                header = json.loads(line)
                self.needed.add(f"plan/{header['plan']:04}")
                if header.get("submission"):
                    self.needed.add(f"submissions/{header['submission']:04}")

    def _note_told(self, path, durable):
        for line in durable.splitlines(keepends=True):
            if b'"k":"end"' in line and line.endswith(b"\n"):
                self.told[path, line.rstrip(b"\n")] = True

    def _below(self, folder):
        for name, node in folder.now.items():
            if isinstance(node, disks.Folder):
                yield from ((name + "/" + rest, content) for rest, content in self._below(node))
            else:
                yield name, bytes(node.now)

    def note(self, event, node):
        """After an event was applied to `node`."""
        path = os.path.relpath(event.to or event.path, self.disk.top)
        at = path[len(self.rundir):] if path.startswith(self.rundir) else path
        if event.kind in ("rename", "link"):
            if isinstance(node, disks.Folder):
                if FOLDER.match(at):
                    self.folders[path] = dict(self._below(node))
            elif os.path.basename(event.path).startswith(".tmp-"):
                self.whole.setdefault(path, set()).add(bytes(node.now))
        elif at.startswith("journal/") and isinstance(node, disks.File):
            if event.kind == "write":
                self._note_lines(event.data)
                if b'"k":"end"' in event.data:
                    self.early = len(self.told)
            elif event.kind == "sync":
                self._note_told(path, node.durable)

    def _output_is_whole(self, state, journal, record):
        """Whether all that an end record names is there, with the hash that it names."""
        xx, writer = journal[len(self.rundir + "journal/"):-len(".jsonl")].split("/")
        for piece in list(record.get("f", {}).values()) + [record.get("o"), record.get("e")]:
            if not piece or len(piece) != 3 or not isinstance(piece[2], str) or piece[1] == 0:
                continue
            if isinstance(piece[0], str):
                kept, at = state.get(f"{self.rundir}files/{piece[0]}"), 0
            else:
                kept, at = state.get(f"{self.rundir}output/{xx}/{writer}.out"), piece[0]
            if kept is None or hashlib.sha256(kept[at:at + piece[1]]).hexdigest() != piece[2]:
                return False
        return True

    def check(self, state):
        """What is broken, as texts; and the tasks that have a good end record with whole output."""
        broken, good = [], set()
        ends = {}
        for path, content in state.items():
            if path in self.whole and content not in self.whole[path]:
                broken.append(f"'{path}' is torn")
            for name, there in self.folders.get(path, {}).items():
                if name == "environment" and f"{path}/ended.json" in state and f"{path}/{name}" not in state:
                    continue  # removed when the submission had ended: never before that can be seen
                if state.get(f"{path}/{name}") != there:
                    broken.append(f"'{path}' has no whole '{name}'")
            if path.startswith(self.rundir + "journal/") and path.endswith(".jsonl"):
                for line in content.split(b"\n"):
                    if b'"k":"end"' in line and line in self.lines:
                        record = json.loads(line)
                        ends[path, line] = self._output_is_whole(state, path, record)
                        if ends[path, line] and record["out"] == "ok":
                            good.add(record["id"])
        for path, line in self.told:
            if not ends.get((path, line)):
                what = "lost its output" if (path, line) in ends else "is gone"
                broken.append(f"a durable record of '{path}' {what}: {line.decode()}")
        for name in self.needed:
            if self.rundir + name not in state:
                broken.append(f"'{name}' is gone, which a journal names")
        return broken, good


class Replay:
    def __init__(self, options):
        self.o = options
        self.top = os.path.realpath(options.top)
        self.rundir = os.path.join(self.top, options.rundir)
        self.ppgen = os.environ.get("PPGEN", "ppgen")
        self.seen, self.states, self.healed, self.failures = set(), 0, 0, []

    def fail(self, name, text):
        self.failures.append((name, text))
        print(f"state {name}: {text}", flush=True)

    def status(self, name, state, good):
        """What the program itself says of the state, which stands on the disk."""
        if f"{self.o.rundir}/ppgen.json" not in state:
            return  # nothing was told: the promise saw to that
        r = subprocess.run([self.ppgen, "status", "--json", self.rundir], capture_output=True, check=False)
        if f"{self.o.rundir}/plan/0001" not in state:
            if r.returncode not in (0, 1, 2):
                self.fail(name, f"status ends with {r.returncode}: {r.stderr.decode()}")
            return
        try:
            said = json.loads(r.stdout)["good"] if r.returncode in (0, 1) else -1
        except ValueError:
            said = -1
        if said != len(good):
            self.fail(name, f"status says {said} tasks are good, not {len(good)} (exit {r.returncode}): {r.stderr.decode()}")

    def heal(self, name, state, good):
        """Goes on from the state as a user would."""
        self.healed += 1
        r = subprocess.run(self.o.heal, shell=True, cwd=self.top, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, check=False)
        if r.returncode:
            self.fail(name, f"'{self.o.heal}' ends with {r.returncode}: {r.stdout.decode()[-2000:]}")
            return
        now = disks.load(self.rundir)
        for path, content in disks.load(self.o.tables).items():
            if now.get("collect/" + path, b"") != content:
                self.fail(name, f"'collect/{path}' is not that of an undisturbed run")
        begun = [path for path in now if path.endswith(".jsonl") and path.startswith("journal/") and
                 f"{self.o.rundir}/{path}" not in state]
        for line in (line for path in begun if self.o.once for line in now[path].splitlines()):
            if b'"k":"start"' in line and json.loads(line)["id"] in good:
                self.fail(name, f"a task that was good runs again: {line.decode()}")

    def try_state(self, name, state, promise):
        key = disks.digest(state)
        if key in self.seen:
            return
        self.seen.add(key)
        broken, good = promise.check(state)
        for text in broken:
            self.fail(name, text)
        disks.write(state, self.top)
        self.status(name, state, good)
        if self.o.heal and (self.o.only or random.Random(key).random() * self.o.heal_every < 1):
            self.heal(name, state, good)

    def cut(self, number, disk, promise, turns):
        for how in disk.HOWS:
            for turn in range(turns if how in ("moment", "random") else 1):
                name = f"{number}.{how}.{turn}"
                if not self.o.only or self.o.only == name:
                    self.states += 1
                    self.try_state(name, disk.crash(how, random.Random(f"{self.o.seed} {name}")), promise)

    def run(self):
        events = strace.read(self.o.trace, self.top)
        end = self.top + ".end"
        os.rename(self.top, end)
        try:
            return self.replay(events, end)
        finally:
            shutil.rmtree(self.top, ignore_errors=True)
            os.rename(end, self.top)

    def replay(self, events, end):
        disks.write(load_rebooted(self.o.before) if self.o.before else {}, self.top)
        disk = disks.Disk(self.top)
        promise = Promise(disk, self.o.rundir)
        events_here = 0
        for i, event in enumerate(events):
            disk.serial = i
            if event.kind == "sync" and self.o.without and re.search(self.o.without, event.path):
                continue
            event = event._replace(data=rebooted(event.data)) if event.kind == "write" else event
            node = disk.apply(event)
            if not any(p and disk.inside(p) for p in (event.path, event.to)):
                continue
            events_here += 1
            if node is not None:
                promise.note(event, node)
            # next to what orders things, all; of the others, some
            if event.kind in ("sync", "rename", "link") or events_here % self.o.every == 0:
                self.cut(i, disk, promise, self.o.turns)
            if self.failures and self.o.without:
                break
        self.last(disk, promise, end, len(events))
        print(f"{events_here} events, {promise.early} of {len(promise.told)} records durable while it ran, {self.states} states, "
              f"{len(self.seen)} of them different, {self.healed} healed, {len(self.failures)} failures, seed {self.o.seed}")
        return 1 if self.failures or not self.seen or (self.o.heal and not self.healed) else 0

    def last(self, disk, promise, end, number):
        """The end, after which everything that was told is durable. Here it shows whether the record had everything."""
        now = load_rebooted(end)
        if disk.crash("kept", random) != now:
            self.fail("end", "the record does not lead to what is there: something wrote in a way that was not seen")
        state = disk.crash("dropped", random)
        for path, content in now.items():
            if path.startswith((self.o.rundir + "/collect/", self.o.rundir + "/journal/")) and state.get(path) != content:
                self.fail("end", f"'{path}' is not durable, though the program ended")
        self.cut(number, disk, promise, self.o.turns * 5)


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="what", required=True)
    r = sub.add_parser("record")
    r.add_argument("trace")
    r.add_argument("command", nargs=argparse.REMAINDER)
    c = sub.add_parser("check")
    c.add_argument("top")
    c.add_argument("trace")
    c.add_argument("rundir", help="relative to TOP")
    c.add_argument("--before", help="a copy of TOP as it was before; default: it was empty")
    c.add_argument("--heal", help="the command of a user who goes on; it ends with 0")
    c.add_argument("--tables", help="folder with the tables that there must be then")
    c.add_argument("--every", type=int, default=4, help="of the events that order nothing, look behind every so-manieth")
    c.add_argument("--turns", type=int, default=1, help="so many random states at each place")
    c.add_argument("--heal-every", type=int, default=20, help="of the states, go on from about every so-manieth")
    c.add_argument("--without", help="as if syncs of paths that match had never been: to see that they are needed")
    c.add_argument("--once", action="store_true", help="no task that was good may run again then")
    c.add_argument("--seed", default="1")
    c.add_argument("--only", help="one state, by the name under which it failed")
    return p.parse_args()


def main():
    o = options()
    if o.what == "record":
        # LeakSanitizer cannot work in a traced process
        sanitize = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "detect_leaks=0")))
        os.execvpe("strace", strace.COMMAND + ["-o", o.trace] + o.command, dict(os.environ, ASAN_OPTIONS=sanitize))
    return Replay(o).run()


if __name__ == "__main__":
    sys.exit(main())
