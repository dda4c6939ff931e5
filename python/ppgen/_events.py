# SPDX-License-Identifier: MIT
"""A `ppgen run` that goes on, and what it says; values that it recorded."""

import fcntl
import json
import os
import pickle
import queue
import re
import signal
import subprocess
import threading
import time
from itertools import accumulate, repeat
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

from . import _freeze, _program
from ._errors import PpgenError

F_SETPIPE_SZ = 1031  # in fcntl from Python 3.10 on
PAUSE = 0.005  # seconds between two reads of what a run says: much at a time costs less
PIPE = 1 << 20  # bytes that may come meanwhile
HEARD = 2.0  # seconds that it has to say that it was asked to end, before it is asked again
Place = Tuple[bytes, int, int]  # file below the run directory, offset, length
# What became of a task.
Failure = NamedTuple("Failure", [("task", str), ("attempt", int), ("outcome", str), ("why", str)])
End = Tuple[int, Union[Place, Failure]]

_GOOD = re.compile(rb'^\{"event":"good","file":"([^"\\]+)","offset":(\d+),'
                   rb'"index":\[([0-9,]+)\],"length":\[([0-9,]+)\]\}$', re.M)
_LISTED = re.compile(rb'^\{"index":(\d+),"task":"[^"]*","outcome":"ok",[^\n]*?'
                     rb'"value":\["([^"\\]+)",(\d+),(\d+),"[0-9a-f]*"\]\}$', re.M)


def ends_in(block: bytes, others: List[Dict[str, Any]]) -> List[End]:
    """What lines of `ppgen run --json --together` say of tasks that ended; other events are
    appended to `others`.

    >>> others = []
    >>> ends_in(b'{"event":"good","file":"output/a/w.out","offset":10,"index":[7,9],"length":[4,5]}\\n'
    ...         b'{"event":"stopping","text":"."}\\n', others)
    [(7, (b'output/a/w.out', 10, 4)), (9, (b'output/a/w.out', 14, 5))]
    >>> others[0]["event"]
    'stopping'
    """
    ends = []  # type: List[End]
    quick = _GOOD.findall(block)
    if len(quick) == block.count(b"\n"):
        for file, offset, index, length in quick:
            _add_good(ends, file, int(offset), map(int, index.split(b",")),
                      list(map(int, length.split(b","))))
        return ends
    for line in block.splitlines():
        event = json.loads(line.decode("utf-8", "surrogateescape"))
        if event.get("event") == "good":
            _add_good(ends, event["file"].encode("utf-8", "surrogateescape"), event["offset"],
                      event["index"], event["length"])
        elif event.get("event") != "end":
            others.append(event)
        elif not event.get("retried"):
            ends.append((event["index"], _end(event)))
    return ends


def _add_good(ends: List[End], file: bytes, offset: int, index: Iterable[int],
              length: List[int]) -> None:
    """The values of tasks, one behind the other."""
    offsets = accumulate([offset] + length)
    ends.extend(zip(index, zip(repeat(file), offsets, length)))


def listed_in(block: bytes) -> List[End]:
    """What lines of `ppgen results --json` say of tasks; those without a result are left out."""
    quick = _LISTED.findall(block)
    if len(quick) == block.count(b"\n"):
        return [(int(index), (file, int(at), int(size))) for index, file, at, size in quick]
    ends = []  # type: List[End]
    for line in block.splitlines():
        task = json.loads(line.decode("utf-8", "surrogateescape"))
        if task["outcome"] not in ("missing", "lost", "stale", "running"):
            ends.append((task["index"], _end(task)))
    return ends


def _end(event: Dict[str, Any]) -> Union[Place, Failure]:
    value = event.get("value")
    if event["outcome"] == "ok" and value:
        return (value[0].encode("utf-8", "surrogateescape"), value[1], value[2])
    return Failure(event.get("task", ""), event.get("attempt", 1), event["outcome"],
        event.get("why") or "")


class Values:
    """Reads values that a run recorded. What is read in order is read ahead."""

    AHEAD = 1 << 20

    def __init__(self, run: str) -> None:
        self.run = os.fsencode(run)
        self.files = {}  # type: Dict[bytes, int]
        self.block = b""
        self.file = b""
        self.begin = 0

    def read(self, place: Place) -> bytes:
        """The bytes of one value. PpgenError where they are not there."""
        file, offset, size = place
        start = offset - self.begin
        if file != self.file or start < 0 or start + size > len(self.block):
            ahead = file != self.file or 0 <= start <= len(self.block) + 65536
            self.fill(file, offset, max(size, self.AHEAD if ahead and size < self.AHEAD else 0))
            start = 0
            if len(self.block) < size:
                raise PpgenError("'%s' is shorter than the run says: a result in it is lost" %
                                 os.fsdecode(os.path.join(self.run, file)))
        return self.block[start:start + size]

    def fill(self, file: bytes, offset: int, size: int) -> None:
        """Reads a part of a file."""
        fd = self.files.get(file)
        if fd is None:
            path = os.path.join(self.run, file)
            try:
                fd = self.files[file] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as fault:
                raise PpgenError("'%s' cannot be read: %s" % (os.fsdecode(path), fault.strerror))
        parts = []
        left, at = size, offset
        while left:
            data = os.pread(fd, min(left, 1 << 30), at)
            if not data:
                break
            parts.append(data)
            left -= len(data)
            at += len(data)
        self.block = parts[0] if len(parts) == 1 else b"".join(parts)
        self.file, self.begin = file, offset

    def load(self, place: Place) -> Any:
        """The object that a value is a pickle of."""
        data = self.read(place)
        if len(data) > self.AHEAD:
            self.block = b""  # not held twice
        _freeze.adopt_main()
        return pickle.loads(data)

    def load_all(self, places: Sequence[Any]) -> List[Any]:
        """The objects of many; what is no place stays as it is."""
        _freeze.adopt_main()
        loads, found = pickle.loads, []  # type: Any, List[Any]
        for place in places:
            if type(place) is not tuple:
                found.append(place)
                continue
            file, offset, size = place
            start = offset - self.begin
            if start >= 0 and start + size <= len(self.block) and file == self.file:
                found.append(loads(self.block[start:start + size]))
            else:
                found.append(loads(self.read(place)))
        return found

    def close(self) -> None:
        """Closes what is open."""
        for fd in self.files.values():
            os.close(fd)
        self.files.clear()
        self.block = self.file = b""


class Process:
    """One `ppgen run --json`. A thread takes what it says, so that it never waits for us."""

    def __init__(self, words: Sequence[str], log: str) -> None:
        self.words = list(words)
        self.log = log
        self.blocks = queue.Queue()  # type: queue.Queue[Optional[bytes]]
        self.code = None  # type: Optional[int]
        self.asked = False  # to end
        self.heard = threading.Event()  # it has said that it ends
        with open(log, "wb") as file:
            # A session of its own: what the terminal sends to our group, we pass on, once.
            self.child = subprocess.Popen([_program.find()] + self.words, stdin=subprocess.DEVNULL,
                                          stdout=subprocess.PIPE, stderr=file,
                                          start_new_session=True,
                                          bufsize=0)
        try:
            fcntl.fcntl(self.child.stdout, F_SETPIPE_SZ, PIPE)
        except OSError:  # this user has many pipes: then it is smaller
            pass
        self.reader = threading.Thread(target=self.take, daemon=True)
        self.reader.start()

    def take(self) -> None:
        """The thread: whole lines into the queue, None at the end."""
        fd = self.child.stdout.fileno()
        rest = b""
        while True:
            data = os.read(fd, PIPE)
            if not data:
                break
            if self.asked and b'"event":"stopping"' in data:
                self.heard.set()
            cut = data.rfind(b"\n") + 1
            if cut:
                self.blocks.put(rest + data[:cut])
                rest = data[cut:]
            else:
                rest += data
            time.sleep(PAUSE)
        self.heard.set()
        self.blocks.put(None)

    def next(self, timeout: Optional[float]) -> Optional[bytes]:
        """What it said since; b"" when nothing came within `timeout` seconds, None at its end."""
        if self.code is not None:
            return None
        try:
            block = self.blocks.get(timeout is None or timeout > 0, timeout)
        except queue.Empty:
            return b""
        if block is None:
            self.code = self.child.wait()
            self.reader.join()
            self.child.stdout.close()
            return None
        return block

    def stop(self) -> None:
        """Asks it to end: the first time in order, then at once."""
        if self.code is None and self.child.poll() is None:
            if self.asked:
                self.heard.wait(HEARD)  # before that, two signals would be one
            self.asked = True
            self.child.send_signal(signal.SIGINT)

    def said(self) -> str:
        """What it said on stderr."""
        try:
            with open(self.log, "rb") as file:
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""
