# SPDX-License-Identifier: MIT
"""The mom of tests/cluster/pbs: starts jobs as processes of this machine, ends them, delivers their output.

A job is a session. Its login shell gets the script's name on standard input; the end of that shell is the job's end, and whoever is
left in the session is killed; whoever made a session of his own is not seen, as by the real mom. TERM, by qdel or at the walltime,
goes to the whole session, so the shell is gone at once; what it has started has until KILL.
"""

import os
import shlex
import shutil
import signal
import subprocess
import time

from pbs_common import INDEX, SIGNAL_EXIT, WALLTIME_EXIT, short_date


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


class Mom:
    """The half of the daemon that handles processes; pbs_server.Pbs is the other."""

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
            variables.update(PBS_VNODENUM="0", PBS_WALLTIME=str(request["resources"]["seconds"] or 0))
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
            if record.state == "R":
                self.look_at(record, now)
            if record.state == "E" and now >= record.exit_at:
                self.finish(record)

    def look_at(self, record, now):
        """What the mom does for a running job."""
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
        record.exit_at = 0 if record.stageout else time.monotonic() + self.options.stage_delay
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
