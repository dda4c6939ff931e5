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
import signal
import socket
import sys
import time

import pbs_common
from pbs_common import SERVER, Refused, date, hms, ranges, seconds_of, short_date
from pbs_mom import Mom, descendants, in_session, kill, processes, reap


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


class Pbs(Mom):
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
        if self.torque:
            self.server = {"scheduling": "True", "default_queue": "workq", "max_job_array_size": str(options.max_array_size)}
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
            raise Refused(pbs_common.UNKNOWN_JOB, ident)
        index = rest.rstrip("]")
        if not index:
            return job, None
        if not index.isdigit() or int(index) not in job.subs:
            raise Refused(pbs_common.UNKNOWN_JOB, ident)
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
        resources = pbs_common.resources(request["resources"], self.torque, self.options.gpus)
        queue = request["queue"].partition("@")[0] or self.server["default_queue"]
        if queue not in self.queues:
            raise Refused(pbs_common.UNKNOWN_QUEUE)
        if request["unknown"]:
            raise Refused(pbs_common.UNKNOWN_ATTRIBUTE)
        if self.queues[queue].get("enabled") != "True":
            raise Refused(pbs_common.QUEUE_DISABLED)
        self.check_limits(request, queue, resources)
        if request.get("array"):
            spans = request["array"]["spans"]
            request["array"]["indices"] = sorted({i for first, last, step in spans for i in range(first, last + 1, step)})
        if set(request["project"]) & set("/[]\"';:|<>+,?* "):
            raise Refused(pbs_common.BAD_VALUE, "project")
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
                most = limits.get("max_job_array_size" if self.torque else "max_array_size")
                if most and count > int(most):
                    raise Refused(pbs_common.ARRAY_TOO_BIG)
        most = self.queues[queue].get("resources_max.walltime", self.server.get("resources_max.walltime"))
        if most and resources["seconds"] is not None and resources["seconds"] > seconds_of(most, False):
            raise Refused(pbs_common.OVER_RESOURCE)
        for limits, jobs in (
            (self.server, self.jobs.values()),
            (self.queues[queue], [j for j in self.jobs.values() if j.request["queue"] == queue]),
        ):
            text = limits.get("max_queued", "")
            if "=" in text and self.in_system(jobs) + count > int(text.partition("=")[2].rstrip("]")):
                raise Refused(pbs_common.OVER_QUEUED, "complex's" if limits is self.server else "queue's")

    def in_system(self, jobs):
        """What max_queued counts: everything that has not ended, subjobs one by one."""
        total = 0
        for job in jobs:
            if job.state != "F":
                total += sum(job.counts()[:3]) if job.array else 1
        return total

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
            raise Refused(pbs_common.INVALID_REQUEST, request["id"])
        if set(request["types"]) & {"o", "s"}:
            raise Refused(pbs_common.UNAUTHORIZED, request["id"])
        if job.state == "F":
            raise Refused(pbs_common.FINISHED, job.id)
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
            raise Refused(pbs_common.INVALID_REQUEST, request["id"])
        if job.state == "F":
            raise Refused(pbs_common.FINISHED, job.id)
        asked = dict(job.request["asked"])
        asked.update(request["resources"])
        if request["resources"]:
            if job.state == "R":
                raise Refused(pbs_common.BAD_STATE, job.id)
            job.request["resources"] = pbs_common.resources(asked, self.torque, self.options.gpus)
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
                raise Refused(pbs_common.FINISHED, job.id)
            self.forget(job)
            return {}
        if index is None:
            if job.deleted:
                raise Refused(pbs_common.BAD_STATE, job.id)
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
            raise Refused(pbs_common.FINISHED if job.state == "F" else pbs_common.SUBJOB_FINISHED, self.sub_id(job, index))
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

    # ---- what is shown

    def op_stat(self, request):
        """Records of one id (or of all jobs), subjobs too when wanted: [[id, attributes], ...]."""
        expand, history = request["subjobs"], request["history"]
        if history and not self.history() and not self.torque:
            raise Refused(pbs_common.NO_HISTORY, request["id"] or "")
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
            raise Refused(pbs_common.FINISHED, self.sub_id(job, index) if sub else job.id)
        return {"records": self.shown(job, index, expand)}

    def shown(self, job, index, expand):
        whole = self.attributes(job)
        if index is not None:
            return [[self.sub_id(job, index), self.sub_attributes(job, index, whole)]]
        found = [[job.id, whole]]
        if expand and job.array:
            if self.torque:
                found = []
            found += [[self.sub_id(job, i), self.sub_attributes(job, i, whole)] for i in job.subs]
        return found

    def sub_attributes(self, job, index, whole):
        """What is shown of a subjob: its own record, or its parent's (`whole`) where it has none."""
        sub = job.subs[index]
        if sub is not None and sub != "X":
            return self.attributes(sub)
        hidden = ("project", "Submit_Host", "max_run_subjobs", "history_timestamp")
        shown = {k: v for k, v in whole.items() if not k.startswith("array") and k not in hidden}
        shown["job_state"], shown["substate"] = "Q", "10"
        if sub == "X":
            shown["job_state"] = "C" if self.torque else "F" if job.state == "F" else "X"
            shown["substate"] = str(job.substate)
            shown["comment"] = "Subjob finished"
        if self.torque:
            shown.pop("substate")
            shown["job_array_id"] = str(index)
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
        if request["account"]:
            shown["Account_Name"] = request["account"]
        if not subjob:
            shown["Checkpoint"] = "u"
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
        return self.as_torque(record, shown) if self.torque else shown

    def as_torque(self, record, shown):
        """The same record in Torque's words."""
        if "Exit_status" in shown:
            shown["exit_status"] = shown["Exit_status"]
        if record.index is not None:
            shown["job_array_id"] = str(record.index)
            shown["Hold_Types"] = "".join(h for h in "sou" if h in record.job.holds) or "n"
        ours = ("Exit_status", "substate", "run_count", "Stageout_status", "project", "history_timestamp", "exec_vnode", "jobdir")
        return {k: v for k, v in shown.items() if k not in ours and not k.startswith("array")}

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
            raise Refused(pbs_common.UNKNOWN_QUEUE)
        if verb == "delete":
            del self.queues[name]
        target = self.server if kind == "server" else self.queues.get(name, {})
        for attribute, value in request["values"]:
            known = {"max_array_size", "max_job_array_size", "max_queued", "job_history_enable", "resources_max.walltime", "scheduling", "default_queue"}
            known |= {"enabled", "started", "queue_type", "scheduler_iteration", "max_run", "comment"}
            if attribute not in known:
                raise Refused(pbs_common.UNKNOWN_ATTRIBUTE)
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
