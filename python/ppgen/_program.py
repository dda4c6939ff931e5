# SPDX-License-Identifier: MIT
"""The ppgen program: where it is, and what it says."""

import json
import os
import shutil
import subprocess
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ._errors import PpgenError
from ._version import __version__

_known = {}  # type: Dict[Tuple[str, float], str]


def find() -> str:
    """The path of the program: $PPGEN, else `ppgen` on PATH, else what was built or installed with
    this package."""
    named = os.environ.get("PPGEN")
    if named:
        path = shutil.which(named)
        if not path:
            raise PpgenError("there is no program '%s', which $PPGEN names" % named)
        return _checked(os.path.abspath(path))
    path = shutil.which("ppgen")
    if path:
        return _checked(os.path.abspath(path))
    tree = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    for place in ("build/ppgen", "ppgen"):
        path = os.path.normpath(os.path.join(tree, place))
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return _checked(path)
    raise PpgenError("there is no program 'ppgen' on PATH: install it, or name it in $PPGEN")


def _checked(path: str) -> str:
    """The path of a program that this package can talk to."""
    try:
        key = (path, os.stat(path).st_mtime)
        if key not in _known:
            done = subprocess.run([path, "--version"], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL)
            words = done.stdout.decode("utf-8", "replace").split()
            _known[key] = words[1] if done.returncode == 0 and words[:1] == ["ppgen"] else ""
    except OSError as fault:
        raise PpgenError("'%s' cannot be started: %s" % (path, fault.strerror))
    version = _known[key]
    if version.split(".")[:2] != __version__.split(".")[:2]:
        raise PpgenError("'%s' is ppgen %s, and this package is of %s: install both from one tree, "
                         "or name another program in $PPGEN" % (path, version or "of no known version",
                         __version__))
    return path


def call(words: Sequence[str], good: Sequence[int] = (0,)) -> str:
    """Runs `ppgen WORDS...` and returns its stdout; its stderr is the error where it fails."""
    path = find()
    done = subprocess.run([path] + list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode not in good:
        raise PpgenError(said(done.stderr.decode("utf-8", "replace"), words, done.returncode))
    return done.stdout.decode("utf-8", "surrogateescape")


def said(stderr: str, words: Sequence[str], code: int) -> str:
    """What a failed call said, as a message."""
    text = stderr.strip()
    if code < 0:
        end = "`ppgen %s` was ended by signal %d" % (words[0], -code)
        return "%s\n%s" % (end, text) if text else end
    return text or "`ppgen %s` failed with exit code %d and said nothing" % (words[0], code)


def call_json(words: Sequence[str], good: Sequence[int] = (0,)) -> Dict[str, Any]:
    """Runs `ppgen WORDS...` and reads the JSON object that it prints."""
    text = call(words, good)
    try:
        return json.loads(text)
    except ValueError:
        raise PpgenError("`ppgen %s` printed no JSON: '%s'" % (" ".join(words), text[:200]))


def status(run: str) -> Dict[str, Any]:
    """`ppgen status --json` of a run directory."""
    return call_json(["status", "--json", run], (0, 1))


def log_text(run: str, index: int, stream: str) -> str:
    """What a task wrote to stdout or stderr; empty where that is not kept."""
    done = subprocess.run([find(), "log", "--" + stream, run, str(index)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.stdout.decode("utf-8", "replace")


def lines(words: Sequence[str], block: int = 1 << 20) -> Iterator[bytes]:
    """Runs `ppgen WORDS...` and yields its stdout in blocks of whole lines as they come."""
    child = subprocess.Popen([find()] + list(words), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    import threading

    errors = []  # type: List[bytes]
    reader = threading.Thread(target=lambda: errors.append(child.stderr.read()), daemon=True)
    reader.start()
    rest = b""
    code = None  # type: Optional[int]
    try:
        while True:
            data = os.read(child.stdout.fileno(), block)
            if not data:
                break
            cut = data.rfind(b"\n") + 1
            if cut:
                yield rest + data[:cut]
                rest = data[cut:]
            else:
                rest += data
        code = child.wait()
    finally:
        if code is None:
            child.kill()
            child.wait()
        reader.join()
        child.stdout.close()
        child.stderr.close()
    if code not in (0, 1):
        raise PpgenError(said(b"".join(errors).decode("utf-8", "replace"), words, code))
