# SPDX-License-Identifier: MIT
"""The folder NAME.call beside a run directory: what the run of a map is made of."""

import fcntl
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional

from . import _describe, _freeze, _program
from ._errors import PpgenError

# Loads the package from where the caller had it, whatever the worker's module path is. Its text is
# part of what results were made by, so it stays as it is.
STUB = """\
# SPDX-License-Identifier: MIT
# Made by the Python package ppgen: what its workers begin with.
import json
import os
import sys

folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "call.json")) as file:
    sys.path.insert(0, json.load(file)["package"])
from ppgen._task import prepare

call = prepare(folder)
"""

RESOURCES = ("cpus", "memory", "time", "gpus", "gpu_type", "constraint", "licences", "exclusive")
PYTHON = ("interpreter", "isolate", "batch")
OURS = ("ppgen", "name", "params", "repeat", "inputs", "command", "shell", "python", "r", "workdir",
    "results",
        "collect", "resources")


def spec_of(name: str, options: Dict[str, Any], side: str, cwd: str) -> Dict[str, Any]:
    """The spec of a map. options: as map() has them; TypeError for what is not the user's to
    set."""
    here = os.path.realpath(cwd)
    python = {"call": os.path.relpath(os.path.join(side, "ppgen_call.py"), here) + ":call",
              "interpreter": [sys.executable or "python3"] + _flags()}  # type: Dict[str, Any]
    spec = {"ppgen": 1, "name": name, "params": {"table": {"file": "items.csv"}},
            "inputs": {"code": "code.txt"}, "python": python,
            "workdir": os.path.relpath(here, side),
            "results": {"value": "bytes"}}  # type: Dict[str, Any]
    resources = dict(options.get("resources") or {})
    for key, value in options.items():
        if key in RESOURCES:
            resources[key] = value
        elif key in PYTHON:
            python[key] = value
        elif key in OURS and key != "resources":
            raise TypeError("options: '%s' is not to be set: map makes it" % key)
        elif key != "resources":
            spec[key] = value
    if resources:
        spec["resources"] = resources
    return spec


def _flags() -> List[str]:
    """The options that this interpreter was started with and that change what code does, such as
    -O."""
    make = getattr(subprocess, "_args_from_interpreter_flags", None)
    return [word for word in make() if word not in ("-B", "-v", "-d")] if make else []


def name_of(func: Any, code: str) -> str:
    """A run's name: module and function.

    >>> name_of(json.dumps, "")
    'json.dumps'
    """
    inner = func
    while isinstance(inner, functools.partial):
        inner = inner.func
    module = getattr(inner, "__module__", None) or ""
    name = getattr(inner, "__qualname__", None) or type(inner).__qualname__
    if module == "__main__":
        script = _freeze.main_script()
        module = os.path.splitext(os.path.basename(script))[0] if script else ""
    if module == "builtins":
        module = ""
    text = (module + "." if module else "") + name.replace("<locals>.", "").replace(
        "<lambda>", "lambda")
    text = re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip("._-") or "map"
    if "lambda" in name:  # all have one name, so the text tells them apart
        digest = hashlib.sha256(code.encode("utf-8", "surrogatepass"))
        text = text[:55] + "." + digest.hexdigest()[:8]
    if len(text) <= 64:
        return text
    return text[:55] + "." + hashlib.sha256(text.encode()).hexdigest()[:8]


class Folder:
    """The folder of one map, held while this object is open."""

    def __init__(self, name: str, folder: Optional[str]) -> None:
        if not re.match(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", name):
            raise ValueError("the name '%s' is no run's: letters, digits, '.', '_', '-', at most 64, "
                             "and a letter or a digit first" % name)
        self.name = name
        top = os.path.realpath(folder or "runs")
        self.run = os.path.join(top, name)
        self.side = self.run + ".call"
        self.lock = -1

    def path(self, name: str) -> str:
        """A file in it."""
        return os.path.join(self.side, name)

    def shown(self) -> str:
        """The run directory as a user would write it."""
        near = os.path.relpath(self.run)
        return self.run if near.startswith("..") else near

    def hold(self) -> None:
        """Takes the folder; PpgenError where another call has it, or a run of it goes on."""
        if os.path.exists(self.run) and not os.path.isdir(self.side):
            raise PpgenError("'%s' is no run of ppgen.map: give this one another name (name=...)" %
                self.shown())
        os.makedirs(self.side, exist_ok=True)
        self.lock = os.open(self.path("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise PpgenError("another call uses '%s' just now: wait for its end, or give this one "
                             "another name (name=...)" % self.shown())
        except OSError:
            pass  # a file system without locks: what ppgen itself holds stays
        try:
            self.check_holder()
        except BaseException:
            self.release()
            raise

    def check_holder(self) -> None:
        """Nobody's workers read the files that are about to be replaced."""
        if not os.path.exists(os.path.join(self.run, "ppgen.json")):
            return
        status = self.wait_for_holder()
        submission = status["submission"]
        if submission and not submission["ended"]:
            raise PpgenError(
                "submission %04d of '%s' is under way: ppgen.load('%s') is its handle, "
                "`ppgen cancel %s` ends it"
                % (submission["number"], self.shown(), self.shown(), self.shown()))

    def wait_for_holder(self) -> Dict[str, Any]:
        """The status, once no run goes on: one whose caller is gone ends its calls, and all that
        they gave counts. It is waited for, however long that is; Ctrl-C ends the waiting."""
        status = _program.status(self.run)
        pause = 0.1
        if status["held_by"]:
            print("ppgen: a run in '%s' still goes on without its caller (%s): waiting for its end"
                  % (self.shown(), status["held_by"]), file=sys.stderr, flush=True)
        while status["held_by"]:
            time.sleep(pause)
            pause = min(pause * 1.5, 5.0)
            status = _program.status(self.run)
        return status

    def release(self) -> None:
        """Lets others have it."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def read(self, name: str) -> Optional[str]:
        """A file's text; None where it is not there."""
        try:
            with open(self.path(name), encoding="utf-8", errors="surrogatepass") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """A file, whole or not at all."""
        new = self.path("%s.%d.new" % (name, os.getpid()))
        with open(new, "wb") as file:
            file.write(data)
        os.replace(new, self.path(name))

    def write_code(self, text: str, resume: bool) -> List[str]:
        """code.txt; returns what differs from what was there, nothing where it is new.

        Each beginning anew has a number of its own, which stays until the next one.
        """
        old = self.read("code.txt")
        begun = 1
        if old is not None:
            match = re.match(r"begun anew: (\d+)\n", old)
            begun = int(match.group(1)) if match else 1
        if not resume and os.path.exists(self.run):
            begun += 1
        whole = "begun anew: %d\n%s" % (begun, text)
        self.write("code.txt", whole.encode("utf-8", "surrogatepass"))
        if old is None or old == whole or not resume:
            return []
        return _describe.changed(old.split("\n", 1)[1], text)

    def write_call(self, frozen: bytes) -> None:
        """What workers load."""
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        cwd = os.getcwd()
        about = {"package": package, "sys_path": [os.path.abspath(p) if p else cwd
            for p in sys.path],
                 "argv": list(sys.argv), "main": _freeze.main_script(),
                 "main_package": getattr(sys.modules.get("__main__"), "__package__", None)}
        self.write("call.json", json.dumps(about).encode())
        self.write("function.pkl", frozen)
        if self.read("ppgen_call.py") != STUB:
            self.write("ppgen_call.py", STUB.encode())
