# SPDX-License-Identifier: MIT
"""Runs a map on this machine: windows of items, and their results as they come.

What has a length is one window. Of a generator not all is waited for: a window is what was read so
far, and while it runs the next one's items are read by a thread. Each window is a run of its own,
which adds rows to the table; so windows grow until a start costs little beside them. No more is
read ahead than the next window.
"""

import atexit
import collections
import os
import threading
import time
import weakref
from typing import Any, Deque, Dict, Iterable, List, Optional, Tuple, Union

from . import _program
from ._errors import PpgenError
from ._events import Failure, Place, Process, ends_in, listed_in
from ._folder import Folder
from ._items import Writer
from ._progress import Bar

FIRST_S = 0.05  # how long the first window waits for more items
SHARE = 20  # a window lasts at least so many times what a start costs
START_S = 0.15  # what interpreters take to start, about
GROWTH = 8  # how much larger a window may be than the one before
EACH = 16  # items of a window for each processor, at least: at its end some of them wait


_live = weakref.WeakSet()  # type: Any  # engines that are not closed


def _end_all() -> None:
    """At the interpreter's end, while threads still run: iterators that were left half way."""
    for engine in list(_live):
        if engine.pid != os.getpid():
            continue  # the caller's, which forked us
        engine.end_now()
        engine.close()


atexit.register(_end_all)


class Feeder:
    """Reads a generator in a thread, up to a limit."""

    def __init__(self, items: Iterable[Any], writer: Writer, limit: int) -> None:
        self.items = items
        self.writer = writer
        self.limit = limit
        self.fault = None  # type: Optional[BaseException]
        self.over = False  # no more items come
        self.closed = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        """The thread."""
        try:
            source = iter(self.items)
            while self.may_go_on():
                try:
                    item = next(source)
                except StopIteration:
                    break
                with self.changed:
                    if self.closed:
                        break
                    self.writer.add([item])
                    self.changed.notify_all()
                del item
        except BaseException as fault:  # the generator's own: the caller gets it
            self.fault = fault
        finally:
            with self.changed:
                self.over = True
                self.changed.notify_all()

    def may_go_on(self) -> bool:
        """Waits while enough was read."""
        with self.changed:
            while self.writer.count >= self.limit and not self.closed:
                self.changed.wait()
            return not self.closed

    def close(self) -> None:
        """Reads no more."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Engine:
    """Results of a map, by index, as they come."""

    def __init__(self, folder: Folder, writer: Writer, words: List[str], jobs: int, bar: Bar,
                 items: Optional[Iterable[Any]]) -> None:
        self.folder = folder
        self.writer = writer
        self.words = words
        self.bar = bar
        self.ready = collections.deque()  # type: Deque[Tuple[int, Union[Place, Failure]]]
        self.process = None  # type: Optional[Process]
        self.begin = 0  # the window that runs, or ran last: items begin to end
        self.end = 0
        self.seen = None  # type: Optional[bytearray]  # of the window, which have ended
        self.left = 0
        self.listed = False
        self.started_at = 0.0
        self.opened_at = time.monotonic()
        self.overhead = START_S
        self.handed = 0  # results that the caller took
        self.least = EACH * jobs
        self.feeder = None if items is None else Feeder(items, writer, self.least)
        self.stopping = False
        self.closed = False
        self.pid = os.getpid()
        _live.add(self)
        self.stopped = ""  # why the program ended before all was done

    # ---- windows

    def start(self, count: int) -> None:
        """Begins a window: all items up to `count`."""
        self.begin, self.end = self.end, count
        self.seen = bytearray(self.end - self.begin)
        self.left = self.end - self.begin
        self.listed = False
        if self.feeder is None:
            self.writer.publish(count)
        else:
            with self.feeder.changed:
                self.writer.publish(count)
        self.bar.total = count
        self.bar.open = self.feeder is not None and not self.feeder.over
        self.started_at = time.monotonic()
        # What failed in an earlier window is not called again in this call.
        part = ["--index", "%d-" % self.begin] if self.begin else []
        self.process = Process(self.words[:1] + part + self.words[1:], self.folder.path("run.log"))

    def more(self) -> bool:
        """Whether there are, or may be, items beyond the window."""
        if self.feeder is None:
            return self.end < self.writer.count
        with self.feeder.changed:
            return not self.feeder.over or self.end < self.writer.count

    def start_next(self) -> float:
        """Starts a window where it is time to; else how many seconds to wait for that."""
        if self.feeder is None:
            self.start(self.writer.count)
            return 0.0
        self.set_limit()
        if len(self.ready) > max(self.least, self.end - self.begin):
            return 60.0  # the caller is behind
        now = time.monotonic()
        due = self.opened_at + FIRST_S
        if self.end:
            due = self.started_at + SHARE / 2 * self.overhead
        with self.feeder.changed:
            count = self.writer.count
            over = self.feeder.over
            full = count >= self.feeder.limit
        if count > self.end and (over or full or now >= due):
            self.start(count)
            return 0.0
        return max(due - now, 0.0) if count > self.end else 60.0

    def set_limit(self) -> None:
        """How far the generator is read: what the next window may have."""
        if self.feeder is None or not self.end:
            return
        size = self.end - self.begin
        used = time.monotonic() - self.started_at
        rate = (size - self.left) / used if used > 0 else 0.0
        wanted = max(self.least, min(GROWTH * size, int(rate * max(SHARE * self.overhead, 1.0))))
        with self.feeder.changed:
            if self.end + wanted > self.feeder.limit:
                self.feeder.limit = self.end + wanted
                self.feeder.changed.notify_all()

    # ---- what comes

    def pump(self, wait: bool) -> bool:
        """Takes in what happened; waits until something did where that is asked. False at the end
        of all."""
        while True:
            if self.process is None:
                if not self.more() or self.stopping:
                    if self.ready:
                        return True
                    if self.stopping or self.feeder is None or self.feeder.fault is None:
                        return False
                    raise self.feeder.fault
                pause = self.start_next()
                if self.process is None:
                    if not wait or self.ready:
                        return True
                    with self.feeder.changed:  # type: ignore
                        if not self.feeder.over:  # type: ignore
                            self.feeder.changed.wait(pause)  # type: ignore
                    continue
            block = self.process.next(1.0 if wait and not self.ready else 0.0)
            if block is None:
                self.window_ended()
            elif block:
                self.take(block)
            if self.ready or not wait and not block:
                return True

    def take(self, block: bytes) -> None:
        """Events."""
        others = []  # type: List[Dict[str, Any]]
        ends = ends_in(block, others)
        for event in others:
            if event.get("event") == "plan":
                self.overhead = time.monotonic() - self.started_at + START_S
                if event["tasks"] != event["todo"]:
                    self.list_results()
            elif event.get("event") == "stopping":
                self.stopped = event["text"]
        self.add(ends, False)
        self.set_limit()

    def list_results(self) -> None:
        """What of the window had a result already."""
        self.listed = True
        for block in _program.lines(["results", "--json", "--index",
                "%d-%d" % (self.begin, self.end - 1),
                                     self.folder.run]):
            self.add([end for end in listed_in(block) if not isinstance(end[1], Failure)], True)

    def add(self, ends: List[Tuple[int, Union[Place, Failure]]], old: bool) -> None:
        """Results, each once."""
        seen, begin, end, ready = self.seen, self.begin, self.end, self.ready
        failed = good = 0
        for pair in ends:
            index = pair[0]
            if begin <= index < end and not seen[index - begin]:  # type: ignore
                seen[index - begin] = 1  # type: ignore
                ready.append(pair)
                if type(pair[1]) is tuple:
                    good += 1
                else:
                    failed += 1
        self.left -= good + failed
        if good or failed:
            self.bar.step(good, failed, old)

    def window_ended(self) -> None:
        """The program ended; PpgenError where it did not do its work."""
        process = self.process
        self.process = None
        if self.stopping:
            return
        if process.code not in (0, 1):  # type: ignore
            raise PpgenError(_program.said(process.said(), self.words,
                process.code))  # type: ignore
        if self.left and not self.listed:
            self.list_results()
        if self.left and self.bar.failed:  # max_failures
            why = "it was not called: " + (self.stopped or "the run ended before")
            for index in range(self.begin, self.end):
                if not self.seen[index - self.begin]:  # type: ignore
                    self.ready.append((index, Failure("", 0, "missing", why)))
            self.left = 0
            self.stopping = True
        if self.left:
            raise PpgenError("%d of %d items were not called: %s" % (
                self.left, self.end - self.begin,
                process.said().strip() or "`ppgen status %s` shows why" %
                self.folder.shown()))  # type: ignore

    # ---- the end

    def stop(self) -> None:
        """Ends the run in order: tasks that run may finish. A KeyboardInterrupt meanwhile ends
        them."""
        self.stopping = True
        if self.feeder is not None:
            self.feeder.close()
        times = 0
        while self.process is not None:
            try:
                if times < 2:
                    self.process.stop()
                    self.bar.say("ending %s, what is done stays%s" % (
                        self.folder.name,
                        "" if times else ": calls that run may end, Ctrl-C again ends them"))
                times += 1
                while self.process is not None:
                    self.drain(None)
            except KeyboardInterrupt:
                continue

    def end_now(self) -> None:
        """Ends the run, and tasks that run with it."""
        if self.closed:
            return
        self.stopping = True
        if self.feeder is not None:
            self.feeder.close()
        if self.process is not None:
            self.process.stop()
            until = time.monotonic() + 0.3
            while self.process is not None and time.monotonic() < until:
                self.drain(0.05)
        if self.process is not None:
            self.process.stop()
        while self.process is not None:
            self.drain(None)

    def drain(self, timeout: Optional[float]) -> None:
        """Takes what the program says while it ends."""
        block = self.process.next(timeout)  # type: ignore
        if block is None:
            self.process = None

    def close(self) -> None:
        """Gives everything back."""
        if self.closed:
            return
        self.closed = True
        _live.discard(self)
        if self.feeder is not None:
            self.feeder.close()
        self.bar.close()
        self.writer.close()
        self.folder.release()
