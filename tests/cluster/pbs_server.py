# SPDX-License-Identifier: MIT
"""The daemon of tests/cluster/pbs: server, scheduler and mom of a PBS stand-in.

    pbs_server.py DIR [OPTION...]   serves DIR/sock until TERM; options: see tests/cluster/pbs
    pbs_server.py --reap DIR        kills whoever has DIR's cookie in his environment, and his descendants

A request is one JSON line, the answer another; pbs_commands.py asks. What the real server was seen to do is done here, faults too:

- A finished job is gone unless history is on, and a dependency on a job that is gone drops the dependent without a word.
- A subjob has a record of its own only after it has been started, and without history only until it ends; before and after, its
  parent's attributes are shown in its place, the parent's Exit_status too.
- The parent's Exit_status is 0 or 1 after the subjob that ended last. qdel of an array erases the records of finished subjobs.
- Deleting a subjob or an array leaves its comment on the parent.
"""

import argparse
import ctypes
import json
import os
import pwd
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

OK = 0
UNKNOWN_JOB = 15001
UNKNOWN_ATTRIBUTE = 15002
UNAUTHORIZED = 15007
BAD_VALUE = 15014
BAD_STATE = 15016
UNKNOWN_QUEUE = 15018
QUEUE_DISABLED = 15021
UNKNOWN_RESOURCE = 15035
OVER_RESOURCE = 15036
INVALID_REQUEST = 15004
OVER_QUEUED = 15142
ARRAY_TOO_BIG = 15107
FINISHED = 15139
SUBJOB_FINISHED = 15159
NO_HISTORY = -1

SIGNAL_EXIT = 256
WALLTIME_EXIT = -29
INDEX = "^array_index^"
SIZES = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
CHUNK_RESOURCES = {"ncpus", "mem", "vmem", "mpiprocs", "ompthreads", "host", "vnode", "arch"}
JOB_RESOURCES = {"walltime", "cput", "software", "min_walltime", "max_walltime", "nice", "file", "pmem", "pcput", "pvmem"}
SERVER = "srv"


class Refused(Exception):
    """A request that is answered with an error: its code, and what the message ends with."""

    def __init__(self, code, text=""):
        super().__init__(code, text)
        self.code = code
        self.text = text


def date(when):
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(when))


def short_date(when):
    return time.strftime("%a %b %d at %H:%M", time.localtime(when))


def hms(seconds):
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def seconds_of(text, torque):
    """A walltime in seconds: seconds, or h:m:s (in Torque d:h:m:s too), a fraction rounded."""
    parts = text.split(":")
    last, _, fraction = parts[-1].partition(".")
    parts[-1] = last
    if len(parts) > (4 if torque else 3) or not all(p.isascii() and p.isdigit() for p in parts):
        raise Refused(BAD_VALUE, "Resource_List.walltime")
    if fraction and not fraction.isdigit():
        raise Refused(BAD_VALUE, "Resource_List.walltime")
    total = 0
    for part, unit in zip(reversed(parts), (1, 60, 3600, 86400)):
        total += int(part) * unit
    return total + (1 if fraction[:1] >= "5" else 0)


def size_of(text, where):
    """Memory: its bytes, and the text as the server shows it. Whole numbers only; the suffix is a letter, b or w."""
    digits = text.rstrip("bBwWkKmMgGtTpP")
    suffix = text[len(digits) :].lower()
    unit = suffix.rstrip("bw")
    if not (digits.isascii() and digits.isdigit()) or len(unit) > 1 or suffix not in (unit, unit + "b", unit + "w"):
        raise Refused(BAD_VALUE, where)
    if unit not in ("", "k", "m", "g", "t", "p"):
        raise Refused(BAD_VALUE, where)
    size = int(digits) * 1024 ** SIZES[unit or "b"] * (8 if suffix.endswith("w") else 1)
    return size, digits + (suffix if suffix[-1:] in ("b", "w") else suffix + "b")


def whole(text, where):
    if not (text.isascii() and text.isdigit()):
        raise Refused(BAD_VALUE, where)
    return int(text)


def ranges(indices, step):
    """Indices (ascending) as the server writes them: 0,6-9:3, or - for none."""
    runs = []
    for i in indices:
        if runs and i == runs[-1][1] + step:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    text = []
    for first, last in runs:
        tail = f":{step}" if step > 1 and last > first else ""
        text.append((f"{first}-{last}" if last > first else str(first)) + tail)
    return ",".join(text) or "-"


def processes():
    """pid -> (parent, session, state) of every process."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                rest = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(name)] = (int(rest[1]), int(rest[3]), rest[0])
    return found


def kill(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def in_session(session):
    return [p for p, (_, s, state) in processes().items() if s == session and state not in "ZX"]


def descendants(roots, table):
    """Those below the roots, and the roots themselves, that are alive."""
    children = {}
    for pid, (parent, _, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found, todo = set(), list(roots)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo.extend(children.get(pid, []))
    return [p for p in found if p in table and table[p][2] not in "ZX"]


def reap(folder):
    """Kills everybody with this folder's cookie in his environment, and those below. False when some do not end."""
    with open(os.path.join(folder, "cookie"), encoding="utf-8") as file:
        mark = b"PBS_JOBCOOKIE=" + file.read().strip().encode() + b"\0"
    for _ in range(100):
        table, marked = processes(), []
        for pid in table:
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if mark in file.read() + b"\0":
                        marked.append(pid)
            except OSError:
                continue
        left = [p for p in descendants(marked, table) if p != os.getpid()]
        if not left:
            return True
        kill(left, signal.SIGKILL)
        time.sleep(0.05)
    return False


class Record:
    """What has been started or may be: a plain job, an array (never started itself), or a subjob."""

    def __init__(self, job, ident, index=None):
        self.job = job
        self.id = ident
        self.index = index
        self.state = "Q"
        self.substate = 10
        self.exit_status = None
        self.run_count = 0
        self.comment = None
        self.started = self.obit = self.finished = None
        self.stageout = None
        self.process = None
        self.session = None
        self.ended = False  # the login shell is gone
        self.deleted = False
        self.over_walltime = False
        self.term_at = self.kill_at = self.exit_at = None
        self.modified = time.time()


class Job(Record):
    """A job as it was submitted; an array has its subjobs' records in `subs`, None for one that was not started, "X" for one
    whose record is gone."""

    def __init__(self, seq, request):
        self.array = request.get("array")
        super().__init__(self, f"{seq}[].{SERVER}" if self.array else f"{seq}.{SERVER}")
        self.seq = seq
        self.request = request
        self.created = self.queued_at = self.modified
        self.eligible = None
        self.holds = set(request["holds"])
        self.depend = [tuple(d) for d in request["depend"]]
        self.before = []  # (kind, id) of those that wait for this one
        self.subs = {}
        self.max_run = request.get("max_run")
        if self.array:
            self.subs = dict.fromkeys(self.array["indices"])
            self.pending = list(reversed(self.array["indices"]))

    def queued(self):
        """The indices that were not started, or wait to be started again."""
        return [i for i, s in self.subs.items() if s is None or (s != "X" and s.state == "Q")]

    def own(self):
        return [s for s in self.subs.values() if s is not None and s != "X"]

    def counts(self):
        """Queued, Running, Exiting, Expired."""
        own = self.own()
        running = sum(s.state == "R" for s in own)
        exiting = sum(s.state == "E" for s in own)
        queued = len(self.queued())
        done = sum(s.state == "X" for s in own) + sum(s == "X" for s in self.subs.values())
        if self.state == "F":
            done = sum(s == "X" for s in self.subs.values())
        return queued, running, exiting, done


class Pbs:
    def __init__(self, folder, options):
        self.dir = folder
        self.options = options
        self.torque = options.torque
        self.jobs = {}
        self.order = []  # seq, ascending
        self.next_seq = 1
        self.mom = True
        self.stopping = False
        self.host = socket.gethostname()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        with open(os.path.join(folder, "cookie"), encoding="utf-8") as file:
            self.cookie = file.read().strip()
        self.server = {"scheduling": "True", "default_queue": "workq", "max_array_size": str(options.max_array_size)}
        if options.history:
            self.server["job_history_enable"] = "True"
        if options.max_queued:
            self.server["max_queued"] = f"[u:PBS_GENERIC={options.max_queued}]"
        self.queues = {"workq": {"queue_type": "Execution", "enabled": "True", "started": "True"}}
        self.running = []

    # ---- small things

    def log(self, ident, text):
        print(f"{time.time():.3f} {ident} {text}", file=sys.stderr, flush=True)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def history(self):
        return self.server.get("job_history_enable") == "True"

    def find(self, ident):
        """The job and the index that an id names (None for a whole job); unknown ones are refused."""
        number = ident.partition(".")[0]
        seq, bracket, rest = number.partition("[")
        job = self.jobs.get(int(seq))
        if not job or bool(bracket) != bool(job.array):
            raise Refused(UNKNOWN_JOB, ident)
        index = rest.rstrip("]")
        if not index:
            return job, None
        if not index.isdigit() or int(index) not in job.subs:
            raise Refused(UNKNOWN_JOB, ident)
        return job, int(index)

    def comment(self, record, text):
        record.comment = text
        record.modified = time.time()

    # ---- submitting

    def op_ping(self, _):
        return {"version": "23.06.06", "server": SERVER, "host": self.host}

    def op_submit(self, request):
        seq = self.next_seq
        self.next_seq += 1  # a refused job has taken its number too
        resources = self.resources(request)
        queue = request["queue"].partition("@")[0] or self.server["default_queue"]
        if queue not in self.queues:
            raise Refused(UNKNOWN_QUEUE)
        if request["unknown"]:
            raise Refused(UNKNOWN_ATTRIBUTE)
        if self.queues[queue].get("enabled") != "True":
            raise Refused(QUEUE_DISABLED)
        self.check_limits(request, queue, resources)
        if request.get("array"):
            spans = request["array"]["spans"]
            request["array"]["indices"] = sorted({i for first, last, step in spans for i in range(first, last + 1, step)})
        if set(request["project"]) & set("/[]\"';:|<>+,?* "):
            raise Refused(BAD_VALUE, "project")
        request["variables"]["PBS_O_QUEUE"] = queue
        request.update(queue=queue, resources=resources, asked=request["resources"])
        job = Job(seq, request)
        with open(self.path("mom", str(seq) + ".script"), "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(request["script"])
        self.jobs[seq] = job
        self.order.append(seq)
        self.log(job.id, "submitted")
        self.set_waiting(job)
        dropped = self.register(job)
        if dropped:
            self.log(job.id, "dropped: its dependency is unknown or can no longer be met")
            self.end_unrun(job, 92)
        return {"id": job.id}

    def check_limits(self, request, queue, resources):
        count = 1
        if request.get("array"):
            count = sum(len(range(first, last + 1, step)) for first, last, step in request["array"]["spans"])
            for limits in (self.server, self.queues[queue]):
                if "max_array_size" in limits and count > int(limits["max_array_size"]):
                    raise Refused(ARRAY_TOO_BIG)
        most = self.queues[queue].get("resources_max.walltime", self.server.get("resources_max.walltime"))
        if most and resources["seconds"] is not None and resources["seconds"] > seconds_of(most, False):
            raise Refused(OVER_RESOURCE)
        for limits, jobs in (
            (self.server, self.jobs.values()),
            (self.queues[queue], [j for j in self.jobs.values() if j.request["queue"] == queue]),
        ):
            text = limits.get("max_queued", "")
            if "=" in text and self.in_system(jobs) + count > int(text.partition("=")[2].rstrip("]")):
                raise Refused(OVER_QUEUED, "complex's" if limits is self.server else "queue's")

    def in_system(self, jobs):
        """What max_queued counts: everything that has not ended, subjobs one by one."""
        total = 0
        for job in jobs:
            if job.state != "F":
                total += sum(job.counts()[:3]) if job.array else 1
        return total

    def resources(self, request):
        """What the job asks for, checked: chunks, sums, walltime; and Resource_List as it is shown."""
        asked, shown = dict(request["resources"]), {}
        result = {"seconds": None, "place": asked.get("place", "free" if "select" in asked else "pack")}
        for name in asked:
            known = name in CHUNK_RESOURCES | JOB_RESOURCES or name in ("nodes", "place") or (name == "ngpus" and self.options.gpus)
            if not known and (name != "select" or self.torque):
                raise Refused(UNKNOWN_RESOURCE, f"Resource_List.{name}")
        if "nodes" in asked:
            chunks = self.nodes_chunks(asked["nodes"])
            if not self.torque:
                result["place"] = asked.get("place", "scatter")
        elif "select" in asked:
            for name in asked:
                if name in CHUNK_RESOURCES or name == "ngpus":
                    raise Refused(5, f'"-lresource=" cannot be used with "select" or "place", resource is: {name}')
            chunks = self.select_chunks(asked["select"])
        else:
            own = [f"{n}={v}" for n, v in asked.items() if n in CHUNK_RESOURCES | {"ngpus"}]
            if not any(o.startswith("ncpus=") for o in own):
                own.append("ncpus=1")
            chunks = self.select_chunks("1:" + ":".join(own))
        if not set(result["place"].split(":")) <= {"free", "pack", "scatter", "vscatter", "excl", "exclhost", "shared"}:
            raise Refused(BAD_VALUE, "Resource_List.place")
        memory = sum(c["count"] * c["bytes"] for c in chunks)
        if memory:
            one = chunks[0]["count"] == 1 and len(chunks) == 1
            shown["mem"] = chunks[0]["memory"] if one else f"{memory // 1024}kb"
        for name in ("mpiprocs", "ngpus"):
            if any(c[name] for c in chunks):
                shown[name] = str(sum(c["count"] * c[name] for c in chunks))
        shown["ncpus"] = str(sum(c["count"] * c["ncpus"] for c in chunks))
        shown["nodect"] = str(sum(c["count"] for c in chunks))
        if self.torque:
            shown.pop("ncpus")
            shown["nodes"] = asked.get("nodes", "1")
        else:
            shown["place"] = result["place"]
            shown["select"] = "+".join(f"{c['count']}:{c['text']}" if c["text"] else str(c["count"]) for c in chunks)
        if "walltime" in asked:
            result["seconds"] = seconds_of(asked["walltime"], self.torque)
            shown["walltime"] = hms(result["seconds"])
        result.update(
            chunks=chunks,
            shown=shown,
            cpus=sum(c["count"] * c["ncpus"] for c in chunks),
            bytes=memory,
            gpus=sum(c["count"] * c["ngpus"] for c in chunks),
            exclusive="excl" in result["place"],
        )
        return result

    def select_chunks(self, text):
        chunks = []
        for part in text.split("+"):
            count, _, rest = part.partition(":")
            if "=" in count:
                count, rest = "1", part
            if not (count.isascii() and count.isdigit()) or int(count) == 0:
                raise Refused(BAD_VALUE)
            chunk = {"count": int(count), "text": rest, "ncpus": 1, "bytes": 0, "memory": "", "mpiprocs": 0, "ngpus": 0, "ompthreads": 0}
            seen = set()
            for item in rest.split(":") if rest else []:
                name, equals, value = item.partition("=")
                if name in JOB_RESOURCES:
                    raise Refused(4, f'Resource invalid in "select" specification: {name}')
                if name not in CHUNK_RESOURCES and not (name == "ngpus" and self.options.gpus):
                    raise Refused(UNKNOWN_RESOURCE, name)
                if not equals:
                    raise Refused(BAD_VALUE)
                if name in seen:
                    raise Refused(12, f"duplicated resource within a section of a select specification, resource is: {name}")
                seen.add(name)
                if name == "mem":
                    chunk["bytes"], chunk["memory"] = size_of(value, "select.mem")
                elif name in ("ncpus", "mpiprocs", "ngpus", "ompthreads"):
                    chunk[name] = whole(value, f"select.{name}")
            chunks.append(chunk)
        return chunks

    def nodes_chunks(self, text):
        """nodes=2:ppn=4, the old way."""
        count, _, rest = text.partition(":")
        name, _, value = rest.partition("=")
        if not count.isdigit() or int(count) == 0 or (rest and name != "ppn"):
            raise Refused(BAD_VALUE, "Resource_List.nodes")
        cpus = whole(value, "Resource_List.nodes") if rest else 1
        return self.select_chunks(f"{count}:ncpus={cpus}:mpiprocs={cpus}")

    # ---- holds and dependencies

    def register(self, job):
        """Ties a job to those that it waits for. True when one of them is gone: the job will be dropped."""
        for kind, ident in list(job.depend):
            try:
                parent = self.find(ident)[0]
            except Refused:
                return True
            if kind.endswith("array") != bool(parent.array) and self.torque:
                return True
            if parent.state == "F":
                if not self.met(kind, parent):
                    return True
                job.depend.remove((kind, ident))
            else:
                parent.before.append((kind.replace("after", "before"), job.id))
        self.set_waiting(job)
        return False

    @staticmethod
    def met(kind, parent):
        """What a parent's end means; for an array its Exit_status tells of one subjob only, and the server knows no better."""
        kind = kind.removesuffix("array")
        return kind in ("afterany", "after") or (kind == "afterok") == (parent.exit_status == 0)

    def set_waiting(self, job):
        """The state of a job that does not run, by its holds and dependencies."""
        if job.state not in ("Q", "H", "B"):
            return
        if job.depend:
            job.holds.add("s")
        else:
            job.holds.discard("s")
        if job.holds:
            job.state, job.substate = "H", 22 if job.depend else 20
        elif job.array and job.started:
            job.state, job.substate = "B", 70
        else:
            job.state, job.substate = "Q", 10
            job.eligible = job.eligible or time.time()
        job.modified = time.time()

    def release_dependents(self, parent):
        for _, ident in parent.before:
            try:
                job = self.find(ident)[0]
            except Refused:
                continue
            for kind, other in list(job.depend):
                if self.find(other)[0] is not parent:
                    continue
                if not self.met(kind, parent):
                    self.log(job.id, "dropped: its dependency was not met")
                    self.end_unrun(job, 92)
                    break
                job.depend.remove((kind, other))
            else:
                self.set_waiting(job)

    def op_hold(self, request):
        job, index = self.find(request["id"])
        if index is not None:
            raise Refused(INVALID_REQUEST, request["id"])
        if set(request["types"]) & {"o", "s"}:
            raise Refused(UNAUTHORIZED, request["id"])
        if job.state == "F":
            raise Refused(FINISHED, job.id)
        if request["release"]:
            job.holds -= set(request["types"])
            if job.array and job.started:
                self.comment(job, f"Job Array Began at {short_date(job.started)}")
        else:
            job.holds |= set(request["types"])
            self.comment(job, f"Job held by {self.user} on {date(time.time())}")
        self.log(job.id, "released" if request["release"] else "held")
        self.set_waiting(job)
        return {}

    def op_alter(self, request):
        job, index = self.find(request["id"])
        if index is not None:
            raise Refused(INVALID_REQUEST, request["id"])
        if job.state == "F":
            raise Refused(FINISHED, job.id)
        asked = dict(job.request["asked"])
        asked.update(request["resources"])
        if request["resources"]:
            if job.state == "R":
                raise Refused(BAD_STATE, job.id)
            job.request["resources"] = self.resources({"resources": asked})
            job.request["asked"] = asked
        for name, value in request["attributes"].items():
            if name == "max_run":
                job.max_run = value
            elif name == "depend":
                job.depend = [tuple(d) for d in value]
                if self.register(job):
                    self.end_unrun(job, 92)
            else:
                job.request[name] = value
        return {}

    # ---- deleting and ending

    def op_delete(self, request):
        job, index = self.find(request["id"])
        if index is None and job.state == "F":
            if not request["history"]:
                raise Refused(FINISHED, job.id)
            self.forget(job)
            return {}
        if index is None:
            if job.deleted:
                raise Refused(BAD_STATE, job.id)
            self.delete_job(job)
        else:
            self.delete_subjob(job, index)
        if request["force"]:
            for record in self.running:
                if record.deleted and record.kill_at:
                    record.kill_at = time.monotonic()
        return {}

    def delete_job(self, job):
        self.log(job.id, "deleted")
        job.deleted = True
        if not job.array:
            if job.state == "R":
                self.terminate(job)
            elif job.state != "E":
                self.end_unrun(job, 91)
            return
        for index, sub in job.subs.items():
            if sub is None or (sub != "X" and sub.state in ("Q", "X")):
                job.subs[index] = "X"
            elif sub != "X" and sub.state == "R":
                self.terminate(sub)
        job.pending = []
        if not job.own():
            self.end_unrun(job, 91)

    def delete_subjob(self, job, index):
        sub = job.subs[index]
        if sub == "X" or (sub is not None and sub.state in ("X", "F")):
            raise Refused(FINISHED if job.state == "F" else SUBJOB_FINISHED, self.sub_id(job, index))
        self.log(self.sub_id(job, index), "deleted")
        if sub is not None and sub.state == "R":
            self.terminate(sub)
        elif sub is None or sub.state == "Q":
            job.subs[index] = "X"
            self.comment(job, "Subjob finished")
            self.array_done(job)

    def terminate(self, record):
        """TERM to the session, and KILL a little later to whoever is left; whatever the job makes of it, it was terminated."""
        if record.deleted and record.state == "R" and record.kill_at:
            return
        record.deleted = True
        self.comment(record, f"{record.comment} and terminated by {self.user}@{SERVER}")
        if self.mom:
            record.kill_at = time.monotonic() + self.options.kill_delay
            kill(in_session(record.session), signal.SIGTERM)

    def end_unrun(self, job, substate):
        """The end of a job that was never started."""
        if not job.array or not job.own():
            job.subs = dict.fromkeys(job.subs, "X")
        job.state, job.substate = "F", substate
        job.finished = job.modified = time.time()
        if job.comment and substate == 91:
            job.comment += " and terminated"
        self.release_dependents(job)
        self.settle(job)

    def settle(self, job):
        """Forgets what has ended, unless there is a history; Torque keeps it too, and calls it C."""
        if not self.history():
            self.forget(job)

    def forget(self, job):
        self.jobs.pop(job.seq, None)
        if job.seq in self.order:
            self.order.remove(job.seq)
        try:
            os.unlink(self.path("mom", f"{job.seq}.script"))
        except OSError:
            pass

    def array_done(self, job):
        if job.queued() or any(s.state in ("R", "E") for s in job.own()):
            return
        own = job.own()
        substate = 91 if job.deleted else 93 if any(s.exit_status for s in own) else 92
        for sub in own:
            sub.state = "F"
        job.state, job.substate = "F", substate
        job.finished = job.modified = time.time()
        if job.comment:
            job.comment += {91: " and terminated", 92: " and finished", 93: " and failed"}[substate]
        self.log(job.id, f"array ended with {substate}")
        self.release_dependents(job)
        self.settle(job)

    # ---- the scheduler

    def free(self):
        cpus, size, gpus = self.options.cpus, self.options.memory << 20, self.options.gpus
        for record in self.running:
            wanted = record.job.request["resources"]
            cpus, size, gpus = cpus - wanted["cpus"], size - wanted["bytes"], gpus - wanted["gpus"]
        return cpus, size, gpus

    def schedule(self):
        if not self.mom or self.stopping or self.server.get("scheduling") != "True":
            return
        for seq in list(self.order):
            job = self.jobs.get(seq)
            if not job or job.state not in ("Q", "B") or job.deleted:
                continue
            if self.queues.get(job.request["queue"], {}).get("started") != "True":
                continue
            while True:
                reason = self.why_not(job)
                if reason:
                    if job.state == "Q" and job.comment != "Not Running: " + reason:
                        self.comment(job, "Not Running: " + reason)
                    break
                if not job.array:
                    self.start(job)
                    break
                index = self.next_index(job)
                if index is None:
                    break
                self.start_subjob(job, index)

    def why_not(self, job):
        wanted = job.request["resources"]
        cpus, size, gpus = self.free()
        if job.array and job.max_run is not None and sum(s.state in ("R", "E") for s in job.own()) >= job.max_run:
            return "Number of concurrent running subjobs limit reached"
        for name, want, have, all_of_it in (
            ("ncpus", wanted["cpus"], cpus, self.options.cpus),
            ("mem", wanted["bytes"] >> 10, size >> 10, self.options.memory << 10),
            ("ngpus", wanted["gpus"], gpus, self.options.gpus),
        ):
            if want > have:
                return f"Insufficient amount of resource: {name} (R: {want} A: {max(have, 0)} T: {all_of_it})"
        if self.running and (wanted["exclusive"] or any(r.job.request["resources"]["exclusive"] for r in self.running)):
            return "Not enough free nodes available"
        return None

    @staticmethod
    def next_index(job):
        while job.pending:
            index = job.pending.pop()
            sub = job.subs[index]
            if sub is None or (sub != "X" and sub.state == "Q"):
                return index
        return None

    def sub_id(self, job, index):
        return f"{job.seq}[{index}].{SERVER}"

    def start_subjob(self, job, index):
        now = time.time()
        if not job.started:
            job.started = now
            job.state, job.substate = "B", 70
            self.comment(job, f"Job Array Began at {short_date(now)}")
        if job.subs[index] is None:
            job.subs[index] = Record(job, self.sub_id(job, index), index)
        self.start(job.subs[index])

    # ---- the mom

    def start(self, record):
        job, request = record.job, record.job.request
        spool = self.path("spool", record.id)
        script = self.path("mom", record.id + ".SC")
        shutil.copyfile(self.path("mom", f"{job.seq}.script"), script)
        os.chmod(script, 0o700)
        scratch = self.path("tmp", "pbs." + record.id)
        shutil.rmtree(scratch, ignore_errors=True)
        os.mkdir(scratch, 0o700)
        self.node_file(record)
        home = request["home"]
        folder = request.get("initdir") or home
        if request["command"]:
            words, program = request["command"], None
        elif request["shell"]:
            words, program = ["-" + os.path.basename(request["shell"])], request["shell"]
        else:
            words, program = ["-bash"], shutil.which("bash") or "/bin/bash"
        mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        opened = []
        for kind, other in (("OU", "eo"), ("ER", "oe")):
            joined = request["join"] == other
            opened.append(None if joined else os.open(f"{spool}.{kind}", mode, 0o600))
        output = opened[0] if opened[0] is not None else opened[1]
        errors = opened[1] if opened[1] is not None else opened[0]
        record.ended = record.over_walltime = False
        record.exit_status = record.obit = record.kill_at = record.exit_at = None
        try:
            record.process = subprocess.Popen(
                words,
                executable=program,
                stdin=subprocess.DEVNULL if request["command"] else subprocess.PIPE,
                stdout=output,
                stderr=errors,
                cwd=folder if os.path.isdir(folder) else "/",
                env=self.environment(record, scratch),
                umask=int(request["umask"], 8),
                start_new_session=True,
            )
        except OSError as fault:
            self.log(record.id, f"could not be started: {fault}")
            os.write(errors, f"{words[0]}: {fault.strerror}\n".encode())
            record.process = subprocess.Popen(["/bin/sh", "-c", "exit 127"], start_new_session=True)
        for descriptor in opened:
            if descriptor is not None:
                os.close(descriptor)
        record.session = record.process.pid
        if record.process.stdin:
            self.feed(record.process.stdin, script, request)
        now = time.time()
        record.state, record.substate = "R", 42
        record.started = now
        record.run_count += 1
        seconds = request["resources"]["seconds"]
        record.term_at = time.monotonic() + seconds + self.options.term_late if seconds is not None else None
        self.comment(record, f"Job run at {short_date(now)} on {self.vnodes(record)}")
        self.running.append(record)
        self.log(record.id, f"started, run {record.run_count}, pid {record.session}")

    def feed(self, pipe, script, request):
        """The mom hands the login shell the script's name on its standard input. A real site's /etc/profile.d/pbs.sh gives jobs
        the commands, which the line does here."""
        line = shlex.quote(request["shell"] or "bash") + " " if self.torque else ""
        path = "" if self.options.no_path else f"PATH={shlex.quote(self.path('bin'))}:$PATH; export PATH; "
        try:
            pipe.write(f"{path}{line}{shlex.quote(script)}\n".encode())
            pipe.close()
        except OSError:
            pass

    def node_file(self, record):
        with open(self.path("aux", record.id), "w", encoding="utf-8") as file:
            for chunk in record.job.request["resources"]["chunks"]:
                lines = chunk["mpiprocs"] or (1 if chunk["ncpus"] else 0)
                file.write(f"{self.host}\n" * (chunk["count"] * lines))

    def vnodes(self, record):
        chunks = []
        for chunk in record.job.request["resources"]["chunks"]:
            memory = f":mem={chunk['bytes'] >> 10}kb" if chunk["bytes"] else ""
            chunks += [f"({self.host}:ncpus={chunk['ncpus']}{memory})"] * chunk["count"]
        return "+".join(chunks)

    def environment(self, record, scratch):
        job, request = record.job, record.job.request
        first = request["resources"]["chunks"][0]
        threads = str(first["ompthreads"] or first["ncpus"])
        variables = {
            "HOME": request["home"],
            "LOGNAME": self.user,
            "USER": self.user,
            "SHELL": request["shell"] or "/bin/bash",
            "PATH": "/bin:/usr/bin",
            "ENVIRONMENT": "BATCH",
            "PBS_ENVIRONMENT": "PBS_BATCH",
            "PBS_JOBCOOKIE": self.cookie,
            "PBS_JOBID": record.id,
            "PBS_JOBNAME": request["name"],
            "PBS_NODEFILE": self.path("aux", record.id),
            "PBS_NODENUM": "0",
            "PBS_MOMPORT": "15003",
            "PBS_TASKNUM": "1",
            "PBS_QUEUE": request["queue"],
        }
        if self.torque:
            cpus = request["resources"]["cpus"]
            variables.update(PBS_NUM_NODES=str(first["count"]), PBS_NUM_PPN=str(first["ncpus"]), PBS_NP=str(cpus))
            variables["PBS_O_INITDIR"] = request.get("initdir") or ""
            if record.index is not None:
                variables["PBS_ARRAYID"] = str(record.index)
        else:
            variables.update(NCPUS=threads, OMP_NUM_THREADS=threads, PBS_JOBDIR=request["home"])
            variables["TMPDIR"] = scratch
            if record.index is not None:
                variables["PBS_ARRAY_INDEX"] = str(record.index)
                variables["PBS_ARRAY_ID"] = job.id
        variables.update(request["variables"])
        return {k: v for k, v in variables.items() if "\0" not in v}

    def reaped(self, pid, status):
        """A child is gone: a job's login shell, or an orphan that came to us."""
        for record in self.running:
            if record.session == pid and not record.ended:
                record.ended = True
                code = os.waitstatus_to_exitcode(status)
                record.exit_status = code if code >= 0 else SIGNAL_EXIT - code
                record.process.returncode = code
                self.log(record.id, f"its shell ended with {record.exit_status}")

    def look(self):
        """What the mom does again and again."""
        now = time.monotonic()
        if not self.mom:
            return
        for record in list(self.running):
            if record.state == "E":
                if now >= record.exit_at:
                    self.finish(record)
                continue
            if record.term_at and now >= record.term_at and not record.kill_at and not record.ended:
                self.over(record, now)
            if record.kill_at:
                left = in_session(record.session)
                if left and now >= record.kill_at:
                    kill(left, signal.SIGKILL)
                elif not left and record.ended:
                    self.obit(record)
            elif record.ended:
                kill(in_session(record.session), signal.SIGKILL)
                self.obit(record)

    def over(self, record, now):
        """The walltime is over. The login shell dies at once; what it has started has until KILL."""
        limit = record.job.request["resources"]["seconds"]
        used = int(time.time() - record.started)
        kind = "OU" if record.job.request["join"] == "oe" else "ER"
        try:
            with open(self.path("spool", f"{record.id}.{kind}"), "a", encoding="utf-8") as file:
                file.write(f"=>> PBS: job killed: walltime {used} exceeded limit {limit}\n")
        except OSError:
            pass
        self.log(record.id, "over its walltime")
        record.over_walltime = True
        record.kill_at = now + self.options.kill_delay
        kill(in_session(record.session), signal.SIGTERM)

    def obit(self, record):
        """The job's processes are gone: its output is delivered, and then it is finished."""
        if record.deleted:
            record.exit_status = SIGNAL_EXIT + signal.SIGTERM
        elif record.over_walltime:
            record.exit_status = 271 if self.torque else WALLTIME_EXIT
        record.state, record.substate = "E", 51
        record.obit = record.modified = time.time()
        record.stageout = 1
        for kind in ("OU", "ER"):
            if not self.deliver(record, kind):
                record.stageout = 0
        record.exit_at = time.monotonic() + (0 if record.stageout else self.options.stage_delay)
        for path in (self.path("aux", record.id), self.path("mom", record.id + ".SC")):
            if os.path.exists(path):
                os.unlink(path)
        shutil.rmtree(self.path("tmp", "pbs." + record.id), ignore_errors=True)

    def deliver(self, record, kind):
        """Copies one stream to where it was asked for, over whatever is there. What has no place to go stays in undelivered/."""
        spool = self.path("spool", f"{record.id}.{kind}")
        if not os.path.exists(spool):
            return True
        target = self.output_path(record, "out" if kind == "OU" else "err")
        if os.path.isdir(target):
            target = os.path.join(target, f"{record.id}.{kind}")
        try:
            if os.path.exists(target) and not os.path.isfile(target):
                with open(target, "wb") as out, open(spool, "rb") as data:
                    shutil.copyfileobj(data, out)
            else:
                fresh = not os.path.exists(target)
                shutil.copyfile(spool, target)
                if fresh:
                    os.chmod(target, 0o666 & ~int(record.job.request["umask"], 8))
            os.unlink(spool)
        except OSError as fault:
            self.log(record.id, f"output not delivered: {fault}")
            os.replace(spool, self.path("undelivered", f"{record.id}.{kind}"))
            return False
        return True

    def output_path(self, record, which):
        """Where a stream goes: the path that was given (a folder ends in /), or NAME.oSEQ, with .INDEX or -INDEX in an array."""
        job, request = record.job, record.job.request
        path = request[which]
        if not path:
            tail = ("-" if self.torque else ".") + INDEX if job.array else ""
            path = f"{request['workdir']}/{request['name']}.{which[0]}{job.seq}{tail}"
        if record.index is not None:
            path = path.replace(INDEX, str(record.index)).replace("$PBS_ARRAYID", str(record.index) if self.torque else "$PBS_ARRAYID")
        return path

    def finish(self, record):
        self.running.remove(record)
        job = record.job
        again = self.options.rerun is not None and record.index == self.options.rerun and record.run_count == 1
        if again and not record.deleted:
            self.log(record.id, "run again, as after the loss of its mom")
            self.requeue(record)
            return
        failed = record.exit_status != 0
        record.substate = 91 if record.deleted else 93 if failed else 92
        record.finished = record.modified = time.time()
        if record.over_walltime and not record.deleted:
            record.comment += " and exceeded resource walltime"
        elif not record.deleted:
            record.comment += " and failed" if failed else " and finished"
        self.log(record.id, f"finished with {record.exit_status}")
        if record.index is None:
            record.state = "F"
            self.release_dependents(job)
            self.settle(job)
            return
        record.state = "X"
        job.exit_status = 0 if record.exit_status == 0 else 1 if record.exit_status > 0 else 2
        job.stageout = record.stageout
        job.modified = time.time()
        if not self.history():
            job.subs[record.index] = "X"
        self.array_done(job)

    def requeue(self, record):
        record.state, record.substate = "Q", 10
        record.process = record.session = None
        if record.index is not None:
            record.job.pending.append(record.index)

    def op_mom(self, request):
        if not request["start"]:
            self.mom = False
            self.log("mom", "killed")
            return {}
        self.mom = True
        self.log("mom", "started")
        for record in list(self.running):
            kill(in_session(record.session), signal.SIGKILL)
            self.running.remove(record)
            for kind in ("OU", "ER"):
                path = self.path("spool", f"{record.id}.{kind}")
                if os.path.exists(path):
                    os.unlink(path)
            if record.deleted:
                record.ended, record.kill_at = True, time.monotonic()
                self.running.append(record)
            else:
                self.log(record.id, "run again")
                self.requeue(record)
        return {}

    # ---- what is shown

    def op_stat(self, request):
        """Records of one id (or of all jobs), subjobs too when wanted: [[id, attributes], ...]."""
        expand, history = request["subjobs"], request["history"]
        if history and not self.history() and not self.torque:
            raise Refused(NO_HISTORY, request["id"] or "")
        if request["id"] is None:
            found = []
            for seq in self.order:
                job = self.jobs[seq]
                if job.state != "F" or history or self.torque:
                    found += self.shown(job, None, expand)
            return {"records": found}
        job, index = self.find(request["id"])
        sub = job.subs.get(index) if index is not None else None
        if job.state == "F" and not history and not self.torque:
            raise Refused(FINISHED, self.sub_id(job, index) if sub else job.id)
        return {"records": self.shown(job, index, expand)}

    def shown(self, job, index, expand):
        if index is not None:
            return [[self.sub_id(job, index), self.sub_attributes(job, index)]]
        found = [[job.id, self.attributes(job)]]
        if expand and job.array:
            if self.torque:
                found = []
            found += [[self.sub_id(job, i), self.sub_attributes(job, i)] for i in job.subs]
        return found

    def sub_attributes(self, job, index):
        sub = job.subs[index]
        if sub is not None and sub != "X":
            return self.attributes(sub)
        hidden = ("project", "Submit_Host", "max_run_subjobs", "history_timestamp")
        shown = {k: v for k, v in self.attributes(job).items() if not k.startswith("array") and k not in hidden}
        shown["job_state"], shown["substate"] = "Q", "10"
        if sub == "X":
            shown["job_state"] = "F" if job.state == "F" else "X"
            shown["substate"] = str(job.substate)
            shown["comment"] = "Subjob finished"
        return shown

    def attributes(self, record):
        """One record as qstat -f shows it, in the server's order; every value is text, except two resource lists and the variables."""
        job, request = record.job, record.job.request
        subjob = record is not job
        shown = {"Job_Name": request["name"], "Job_Owner": f"{self.user}@{SERVER}"}
        if record.run_count:
            shown["resources_used"] = self.used(record)
        shown.update(job_state=record.state, queue=request["queue"], server=SERVER)
        if self.torque and record.state in ("F", "X"):
            shown["job_state"] = "C"
        elif self.torque and record.state == "B":
            shown["job_state"] = "R"
        if not subjob:
            shown["Checkpoint"] = "u"
        if request["account"]:
            shown["Account_Name"] = request["account"]
        shown["ctime"] = date(job.created)
        shown["Error_Path"] = f"{SERVER}:{self.output_path(record, 'err')}"
        if record.run_count:
            shown["exec_host"] = f"{self.host}/0*{request['resources']['cpus']}"
            shown["exec_vnode"] = self.vnodes(record)
        if not subjob:
            shown["Hold_Types"] = "".join(h for h in "sou" if h in job.holds) or "n"
            if job.depend or job.before:
                shown["depend"] = self.depend_text(job.depend + job.before)
        shown.update(Join_Path=request["join"], Keep_Files="n", Mail_Points=request["mail"])
        if request["mail_to"]:
            shown["Mail_Users"] = request["mail_to"]
        shown["mtime"] = date(record.modified)
        shown["Output_Path"] = f"{SERVER}:{self.output_path(record, 'out')}"
        shown.update(Priority=request["priority"], qtime=date(job.queued_at), Rerunable=request["rerun"])
        shown["Resource_List"] = request["resources"]["shown"]
        if record.started:
            shown["stime"] = date(record.started)
        if record.obit:
            shown["obittime"] = date(record.obit)
        if record.run_count:
            shown["session_id"] = str(record.session or 0)
            shown["jobdir"] = request["home"]
        if request["shell"]:
            shown["Shell_Path_List"] = request["shell"]
        shown["substate"] = str(record.substate)
        shown["Variable_List"] = request["variables"]
        if request["umask"] != "077":
            shown["umask"] = request["umask"].lstrip("0") or "0"
        if record.comment:
            shown["comment"] = record.comment
        if job.eligible:
            shown["etime"] = date(job.eligible)
        if record.run_count:
            shown["run_count"] = str(record.run_count)
        if record.stageout is not None and record.state != "E":
            shown["Stageout_status"] = str(record.stageout)
        if record.exit_status is not None and (job.array and not subjob or record.state in "EXF"):
            shown["Exit_status"] = str(record.exit_status)
        if not subjob:
            shown["Submit_arguments"] = request["arguments"]
        if job.array and not subjob:
            queued, running, exiting, expired = job.counts()
            shown["array"] = "True"
            shown["array_state_count"] = f"Queued:{queued} Running:{running} Exiting:{exiting} Expired:{expired}"
            shown["array_indices_submitted"] = job.array["text"]
            shown["array_indices_remaining"] = ranges(job.queued(), job.array["step"])
        if subjob:
            shown["array_id"] = job.id
            shown["array_index"] = str(record.index)
        if record.finished and (not subjob or record.state in ("X", "F")):
            shown["history_timestamp"] = str(int(record.finished))
        shown.update(project=request["project"], Submit_Host=self.host)
        if job.array and not subjob and job.max_run is not None:
            shown["max_run_subjobs"] = str(job.max_run)
        return shown

    def used(self, record):
        end = record.obit or time.time()
        return {
            "cpupercent": "0",
            "cput": "00:00:00",
            "mem": "0kb",
            "ncpus": str(record.job.request["resources"]["cpus"]),
            "vmem": "0kb",
            "walltime": hms(max(int(end - record.started), 0)),
        }

    @staticmethod
    def depend_text(pairs):
        kinds = {}
        for kind, ident in pairs:
            seq = ident.partition(".")[0]
            kinds.setdefault(kind, []).append(f"{seq}.{SERVER}@{SERVER}")
        return ",".join(f"{k}:{':'.join(v)}" for k, v in kinds.items())

    def op_select(self, request):
        found = []
        for seq in self.order:
            job = self.jobs[seq]
            if job.state == "F" and not request["history"]:
                continue
            if request["name"] not in (None, job.request["name"]) or request["user"] not in (None, self.user):
                continue
            entries = self.shown(job, None, request["subjobs"])
            if request["subjobs"] and job.array:
                entries = entries[1:] if not self.torque else entries
            found += [i for i, a in entries if not request["states"] or a["job_state"] in request["states"]]
        return {"ids": found}

    # ---- server and queues

    def state_count(self, jobs):
        names = {"T": "Transit", "Q": "Queued", "H": "Held", "W": "Waiting", "R": "Running", "E": "Exiting", "B": "Begun"}
        return "".join(f"{name}:{sum(j.state == s for j in jobs)} " for s, name in names.items())

    def op_status(self, _):
        live = [j for j in self.jobs.values() if j.state != "F"]
        server = {"server_state": "Active", "server_host": self.host}
        server.update(total_jobs=str(len(self.jobs)), state_count=self.state_count(live))
        server.update(self.server)
        server.update(pbs_version="23.06.06")
        queues = {}
        for name, attributes in self.queues.items():
            inside = [j for j in live if j.request["queue"] == name]
            shown = {"queue_type": attributes["queue_type"], "total_jobs": str(len(inside)), "state_count": self.state_count(inside)}
            shown.update({k: v for k, v in attributes.items() if k not in ("queue_type", "enabled", "started")})
            shown.update(enabled=attributes["enabled"], started=attributes["started"])
            queues[name] = shown
        return {"name": SERVER, "server": server, "server_set": self.server, "queues": queues, "queues_set": self.queues}

    def op_manage(self, request):
        """set, unset, create, delete; its user is the manager here."""
        verb, kind, name = request["verb"], request["kind"], request["name"]
        if verb == "create" and kind == "queue" and name not in self.queues:
            self.queues[name] = {"queue_type": "Execution", "enabled": "False", "started": "False"}
        if kind == "queue" and name not in self.queues:
            raise Refused(UNKNOWN_QUEUE)
        if verb == "delete":
            del self.queues[name]
        target = self.server if kind == "server" else self.queues.get(name, {})
        for attribute, value in request["values"]:
            known = {"max_array_size", "max_queued", "job_history_enable", "resources_max.walltime", "scheduling", "default_queue"}
            known |= {"enabled", "started", "queue_type", "scheduler_iteration", "max_run", "comment"}
            if attribute not in known:
                raise Refused(UNKNOWN_ATTRIBUTE)
            if verb == "unset":
                target.pop(attribute, None)
            else:
                target[attribute] = {"true": "True", "false": "False", "e": "Execution"}.get(value.lower(), value)
        if not self.history():
            for job in [j for j in self.jobs.values() if j.state == "F"]:
                self.forget(job)
        return {}

    # ---- the loop

    def answer(self, line):
        try:
            request = json.loads(line)
            return getattr(self, "op_" + request["op"])(request)
        except Refused as refusal:
            return {"error": refusal.code, "text": refusal.text}

    def serve(self, listener):
        wake_in, wake_out = os.pipe()
        for descriptor in (wake_in, wake_out):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_out)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self.stop)
        chooser = selectors.DefaultSelector()
        chooser.register(listener, selectors.EVENT_READ)
        chooser.register(wake_in, selectors.EVENT_READ)
        while not self.stopping:
            for key, _ in chooser.select(self.patience()):
                if key.fd == wake_in:
                    os.read(wake_in, 4096)
                    continue
                self.talk(listener)
            self.reap_children()
            self.look()
            self.schedule()

    def patience(self):
        """Until something is due, in seconds; None for ever."""
        if not self.mom or not self.running:
            return None
        if any(r.kill_at or r.ended or r.state == "E" for r in self.running):
            return 0.05
        due = [r.term_at for r in self.running if r.term_at]
        return max(min(due) - time.monotonic(), 0) if due else None

    def talk(self, listener):
        try:
            connection, _ = listener.accept()
            with connection, connection.makefile("rw", encoding="utf-8") as stream:
                connection.settimeout(10)
                line = stream.readline()
                if line:
                    stream.write(json.dumps(self.answer(line)) + "\n")
        except (OSError, ValueError) as fault:
            self.log("client", f"went away: {fault}")

    def reap_children(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.reaped(pid, status)

    def stop(self, *_):
        self.stopping = True

    def end_all(self):
        """Kills all descendants: orphans came to us, for we are their subreaper."""
        for _ in range(200):
            left = [p for p in descendants([os.getpid()], processes()) if p != os.getpid()]
            if not left:
                return
            kill(left, signal.SIGKILL)
            time.sleep(0.02)
            self.reap_children()


def arguments():
    parser = argparse.ArgumentParser(prog="pbs up", allow_abbrev=False)
    parser.add_argument("dir")
    parser.add_argument("--history", action="store_true")
    parser.add_argument("--cpus", type=int, default=4)
    parser.add_argument("--memory", type=int, default=4096)
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument("--max-array-size", type=int, default=10000)
    parser.add_argument("--max-queued", type=int)
    parser.add_argument("--rerun", type=int)
    parser.add_argument("--term-late", type=float, default=1)
    parser.add_argument("--kill-delay", type=float, default=2)
    parser.add_argument("--stage-delay", type=float, default=2)
    parser.add_argument("--no-path", action="store_true")
    parser.add_argument("--torque", action="store_true")
    return parser.parse_args()


def main():
    if sys.argv[1:2] == ["--reap"]:
        return 0 if reap(sys.argv[2]) else 1
    options = arguments()
    os.chdir(options.dir)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # jobs must not inherit what a background shell ignores
    set_child_subreaper = 36
    ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0)
    sys.stderr = open("log/server", "a", encoding="utf-8")  # pylint: disable=consider-using-with
    pbs = Pbs(options.dir, options)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("sock.new")  # relative: a socket's path is short
    listener.listen(64)
    os.rename("sock.new", "sock")
    try:
        pbs.serve(listener)
    finally:
        pbs.end_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
