# SPDX-License-Identifier: MIT
"""Runs that are there already: of specs and of maps, ended or under way."""

import collections.abc
import json
import os
import subprocess
import time
from typing import Any, Dict, Iterator, List, Optional

from . import _freeze, _program
from ._errors import PpgenError, TaskError
from ._events import Failure, Values, listed_in
from ._items import Items


_OPEN = ("missing", "running", "lost", "stale")  # tasks without an outcome


class Run:
    """A run directory. Nothing is read before it is asked for, and everything anew each time.

    run: the run directory (an absolute path)
    """

    def __init__(self, run: str) -> None:
        self.run = os.path.abspath(run)
        if not os.path.exists(os.path.join(self.run, "ppgen.json")):
            raise PpgenError("'%s' is no run directory: give the folder that `ppgen run` wrote, "
                             "such as runs/NAME" % run)

    def __repr__(self) -> str:
        return "ppgen.%s(%r)" % (type(self).__name__, self.run)

    def status(self) -> Dict[str, Any]:
        """How far it is, as `ppgen status --json` says: tasks, good, failed, running, waiting, ...,
        and of a submission its elements."""
        return _program.status(self.run)

    def done(self) -> bool:
        """Whether nothing of it goes on: no process here holds it, no submission of it lives."""
        return _is_over(self.status())

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits until nothing goes on, at most `timeout` seconds; returns done()."""
        until = None if timeout is None else time.monotonic() + timeout
        pause = 0.1
        while True:
            status = self.status()
            if _is_over(status):
                return True
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return False
            if status["submission"] and not status["submission"]["ended"]:
                self._wait_for_jobs(left)
            else:
                time.sleep(pause if left is None else min(pause, left))
                pause = min(pause * 1.5, 5.0)

    def _wait_for_jobs(self, left: Optional[float]) -> None:
        """`ppgen wait`, which asks the scheduler no more often than it should; PpgenError where
        its jobs are gone and nobody finished it."""
        try:
            done = subprocess.run([_program.find(), "wait", "-q", self.run],
                stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=left)
        except subprocess.TimeoutExpired:
            return
        text = done.stderr.decode("utf-8", "replace")
        if done.returncode not in (0, 1, 130):
            raise PpgenError(_program.said(text, ["wait"], done.returncode))
        submission = self.status()["submission"]
        if submission and not submission["ended"]:
            raise PpgenError(text.strip()
                or "the jobs of '%s' are gone: `ppgen submit %s` finishes it" % (
                self.run, self.run))

    def cancel(self) -> None:
        """Ends its submission; what is recorded stays. PpgenError where there is none."""
        _program.call(["cancel", self.run])

    def tasks(self, follow: bool = False) -> Iterator[Dict[str, Any]]:
        """Its tasks as dicts: index, task, outcome, attempt, params, and row or value where there
        are some.

        follow: only those that have ended, each once, as they end, until nothing of the run goes on
        """
        if not follow:
            for block in _program.lines(["results", "--json", self.run]):
                for line in block.splitlines():
                    yield _task(line)
            return
        seen = set()  # type: Any
        while True:
            begun = time.monotonic()
            over = self.done()
            for task in self.tasks():
                if task["outcome"] not in _OPEN and task["index"] not in seen:
                    seen.add(task["index"])
                    yield task
            if over:
                return
            time.sleep(max(1.0, 10 * (time.monotonic() - begun)))

    def failed(self) -> List[Dict[str, Any]]:
        """The tasks that failed, as tasks() has them."""
        found = []
        for block in _program.lines(["results", "--json", "--failed", self.run]):
            found += [_task(line) for line in block.splitlines()]
        return found

    def table(self, as_: Optional[str] = None, partial: bool = False) -> Any:
        """The merged table, a row a task, as `ppgen collect` makes it.

        as_: "dataframe" (of pandas), "dicts" (a list of dicts); None: a DataFrame where pandas is
            there
        partial: leave out tasks without a good result, instead of PpgenError

        Numbers are numbers, of any size; texts stay texts, such as "007". A column of numbers has
        NaN, inf and -inf as such: JSON knows none, and ppgen keeps them as texts.
        """
        if as_ not in (None, "dataframe", "dicts"):
            raise ValueError("as_ is '%s', and may be 'dataframe' or 'dicts'" % (as_,))
        words = ["collect", "-q", "-o", "-", "--format", "jsonl"] + (["--partial"] if partial
            else [])
        text = _program.call(words + [self.run], (0, 1) if partial else (0,))
        rows = _with_nan([json.loads(line) for line in text.split("\n") if line])
        if as_ == "dicts":
            return rows
        try:
            import pandas
        except ImportError:
            if as_ == "dataframe":
                raise
            return rows
        return pandas.DataFrame(rows)


def _task(line: bytes) -> Dict[str, Any]:
    return json.loads(line.decode("utf-8", "surrogateescape"))


NOT_FINITE = ("NaN", "inf", "-inf")


def _with_nan(rows: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The same rows, with the texts NaN, inf and -inf as numbers in columns of numbers alone."""
    found = {name for row in rows for name, value in row.items()
             if type(value) is str and value in NOT_FINITE}
    for name in found:
        values = [row.get(name) for row in rows]
        if all(value is None or type(value) in (int, float) or
               type(value) is str and value in NOT_FINITE for value in values):
            for row in rows:
                if type(row.get(name)) is str:
                    row[name] = float(row[name])
    return rows


def _is_over(status: Dict[str, Any]) -> bool:
    submission = status["submission"]
    return not status["held_by"] and not (submission and not submission["ended"])


class MapRun(Run, collections.abc.Sequence):
    """The run of a map or of submit(): a sequence of results.

    len(run) is the number of items, run[k] the result of item k (TaskError where it failed,
    PpgenError where it is not there yet), run.items[k] the item; a loop goes over all results in
    order.
    """

    def __init__(self, run: str, count: Optional[int] = None) -> None:
        if count == 0:  # nothing was submitted
            self.run = os.path.abspath(run)
        else:
            super().__init__(run)
        self.side = self.run + ".call"
        self._count = count
        self._values = Values(self.run)

    @property
    def items(self) -> Items:
        """The items, by index."""
        _freeze.adopt_main()
        return Items(self.side)

    def __len__(self) -> int:
        if self._count is None:
            self._count = int(self.status()["tasks"])
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.results()[index]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError("there is no result %d, there are %d items" % (index, len(self)))
        return self._resolve(at, self._places(at, at).get(at), "raise")

    def __iter__(self) -> Iterator[Any]:
        places = self._places()
        for index in range(len(self)):
            yield self._resolve(index, places.get(index), "raise")

    def status(self) -> Dict[str, Any]:
        """As Run.status()."""
        if self._count == 0:
            return {"tasks": 0, "good": 0, "failed": 0, "running": 0, "waiting": 0, "held_by": None,
                    "submission": None}
        return super().status()

    def _places(self, first: Optional[int] = None, last: Optional[int] = None) -> Dict[int, Any]:
        """Where results are, by index."""
        if self._count == 0:
            return {}
        part = [] if first is None else ["--index", "%d-%d" % (first, last)]
        places = {}  # type: Dict[int, Any]
        for block in _program.lines(["results", "--json"] + part + [self.run]):
            places.update(listed_in(block))
        return places

    def _resolve(self, index: int, place: Any, errors: str, others: int = 0) -> Any:
        """A result; the TaskError or PpgenError in its place."""
        if type(place) is tuple:
            return self._values.load(place)
        if place is None:
            if errors == "return":
                return TaskError(index, self._item(index), "missing", "it was not called yet",
                    self.run)
            raise PpgenError("item %d has no result yet: %s" % (
                index, "wait() waits for it" if not self.done() else
                "the same call of map() again calls what is missing"))
        error = TaskError(index, self._item(index), place.outcome, place.why, self.run,
            place.attempt, place.task,
                          others)
        if errors == "return":
            return error
        raise error

    def _item(self, index: int) -> Any:
        try:
            return self.items[index]
        except Exception:  # an item that only workers can load
            return None

    def results(self, errors: str = "raise") -> List[Any]:
        """All results, in the items' order.

        errors: "raise": TaskError for the first that failed, PpgenError for one that is not there
            yet; "return": TaskErrors in their places
        """
        if errors not in ("raise", "return"):
            raise ValueError("errors is '%s', and may be 'raise' or 'return'" % (errors,))
        places = self._places()
        failed = [index for index, place in sorted(places.items()) if isinstance(place, Failure)]
        if failed and errors == "raise":
            self._resolve(failed[0], places[failed[0]], errors, len(failed) - 1)
        return [self._resolve(index, places.get(index), errors) for index in range(len(self))]


def load(run: str, as_: Optional[str] = None, partial: bool = False) -> Any:
    """What a run made.

    run: its run directory, such as "runs/ising"
    as_: of a spec's run: "dataframe", "dicts", or None: a DataFrame where pandas is there, else a
        list of dicts; "run": a Run object, of any run

    Of a spec's run this is the merged table, a row a task; PpgenError while tasks have no good
    result, but with partial=True, which leaves them out. Of a map's run it is its handle, a
    sequence of results, also while it goes on and after the session that began it is gone.
    ppgen.Run(run).tasks(follow=True) goes over results of either as they come.

    >>> import ppgen
    >>> ppgen.map(abs, [-5, 6], name="doctest.load")
    [5, 6]
    >>> again = ppgen.load("runs/doctest.load")
    >>> len(again), again[0], list(again), again.items[0]
    (2, 5, [5, 6], -5)
    >>> again.status()["good"]
    2
    """
    path = os.path.abspath(run)
    if path.endswith(".call") and os.path.isdir(path[:-5]):
        path = path[:-5]
    if os.path.isfile(os.path.join(path + ".call", "function.pkl")):
        if as_ in ("dataframe", "dicts"):
            raise ValueError("'%s' is the run of a map, whose results are objects, no table" % run)
        return MapRun(path)
    found = Run(path)
    return found if as_ == "run" else found.table(as_, partial)
