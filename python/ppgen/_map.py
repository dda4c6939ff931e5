# SPDX-License-Identifier: MIT
"""ppgen.map and its kin: a function over items, each a task of a run that is recorded and goes on
where it ended."""

import json
import operator
import os
import sys
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from . import _describe, _freeze, _program
from ._engine import Engine
from ._errors import PpgenError, TaskError
from ._events import Failure, Values
from ._folder import Folder, name_of, spec_of
from ._items import Items, Writer
from ._progress import Bar, wanted
from ._run import MapRun


class _Call:
    """One call of map() or imap(): its arguments, checked, and what was made of them."""

    def __init__(self, func: Callable[..., Any], kwargs: Optional[Dict[str, Any]],
                 options: Optional[Dict[str, Any]], errors: str, name: Optional[str],
                 folder: Optional[str],
                 n_jobs: Optional[int], on: Optional[str], star: bool, resume: bool) -> None:
        _freeze.stop_loading()
        if not callable(func):
            raise TypeError("a '%s' is given where a function belongs" % type(func).__name__)
        if errors not in ("raise", "return"):
            raise ValueError("errors is '%s', and may be 'raise' or 'return'" % (errors,))
        if n_jobs is not None:
            n_jobs = operator.index(n_jobs)
            if n_jobs == 0 or n_jobs < -1:
                raise ValueError("n_jobs is %d: give a number from 1 on; None or -1 means all "
                                 "processors" % n_jobs)
            if on is not None:
                raise ValueError("n_jobs is for this machine: on a cluster, "
                                 "options={'submit': {'slots': ..., "
                                 "'max_running': ...}} says how many run at once")
        self.func = func
        self.kwargs = dict(kwargs or {})
        self.options = dict(options or {})
        self.errors = errors
        self.jobs = None if n_jobs in (None, -1) else n_jobs
        self.star = star
        self.resume = resume
        self.code = _describe.describe(func, self.kwargs) + ("== star\n" if star else "")
        self.frozen = _freeze.freeze((func, self.kwargs, star), "the function")
        self.folder = Folder(name or name_of(func, self.code), folder)
        self.spec = spec_of(self.folder.name, self.options, self.folder.side, os.getcwd())

    def open(self) -> Writer:
        """Takes the folder and fills it, but for the items."""
        self.folder.hold()
        return Writer(self.folder.side)

    def publish(self) -> None:
        """Replaces what an earlier call left, and says what that means for its results."""
        folder = self.folder
        differing = folder.write_code(self.code, self.resume)
        folder.write_call(self.frozen)
        folder.write("spec.yaml", (json.dumps(self.spec, indent=1) + "\n").encode())
        if differing and os.path.exists(os.path.join(folder.run, "ppgen.json")):
            print("ppgen: %s changed since the last call in '%s': results of what it is now count, "
                  "all else is called" % (_listed(differing), folder.shown()), file=sys.stderr)

    def words(self) -> List[str]:
        """What is told to ppgen."""
        words = ["run", "--json", "--together", "--no-collect", "-q", "--stale=rerun", "-d", self.folder.run]
        if self.jobs is not None:
            cpus = self.spec.get("resources", {}).get("cpus", 1)
            words += ["-j", str(self.jobs * (cpus if isinstance(cpus, int) else 1))]
        return words + [self.folder.path("spec.yaml")]


def _listed(titles: List[str]) -> str:
    """What differs, in a line."""
    shown = ["'%s'" % title for title in titles[:3]]
    if len(titles) > 3:
        shown.append("%d more" % (len(titles) - 3))
    return ", ".join(shown)


def processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _begin(call: _Call, iterable: Iterable[Any], progress: Optional[bool]) -> Optional[Engine]:
    """An engine that is ready; None where there is nothing to do."""
    try:
        count = len(iterable)  # type: ignore
    except TypeError:
        count = None
    if count == 0:
        return None
    writer = call.open()
    try:
        bar = Bar(call.folder.name, wanted(progress))
        if count is not None:
            for _ in writer.add_all(iterable):
                pass
        call.publish()
        return Engine(call.folder, writer, call.words(), call.jobs or processors(), bar,
                      iterable if count is None else None)
    except BaseException:
        writer.close()
        call.folder.release()
        raise


def _error(call: _Call, index: int, failure: Failure, others: int = 0) -> TaskError:
    """The exception for one item."""
    try:
        item = Items(call.folder.side)[index]
    except Exception:  # an item that only workers can load
        item = None
    return TaskError(index, item, failure.outcome, failure.why, call.folder.run, failure.attempt,
        failure.task,
                     others, call.folder.shown())


def map(func: Callable[..., Any], iterable: Iterable[Any], *, n_jobs: Optional[int] = None,
        kwargs: Optional[Dict[str, Any]] = None, options: Optional[Dict[str, Any]] = None,
        on: Optional[str] = None, errors: str = "raise", name: Optional[str] = None,
        folder: Optional[str] = None, progress: Optional[bool] = None, resume: bool = True,
        star: bool = False) -> List[Any]:
    """Calls a function for each item, in other processes, and returns what it returned, in the
    items' order.

    Every result is recorded as soon as it is there. The same call again calls the function for
    those items only that have no result yet: after an interrupt, a crash, or in a notebook the next
    day. When the function's code, its arguments or what it refers to changed, all are called again,
    and a line on stderr says so.

    func: called as func(item, **kwargs). It and its items are pickled; functions of a script or a
        notebook go by value where cloudpickle is there.
    iterable: the items. A generator is read while its first items are called already.
    n_jobs: how many at once; None or -1: as many as there are processors that this process may use
    kwargs: further arguments, the same for all calls
    options: as in a spec: cpus, gpus (numbers), memory ("2G", bytes), time ("10m", seconds), all of
        one call; retry, env, setup, max_failures, submit; isolate ("worker", "fork")
    on: None: this machine; else a scheduler ("slurm", "pbs", "sge"), a site's name, or "cluster"
        for what is here: the calls are submitted as a job array and waited for
    errors: "raise": when all are done, a TaskError for the first item that failed; "return":
        TaskErrors stand in the places of results
    name: of the run; default: the function's module and name
    folder: where runs are; default: "runs" in the working folder
    progress: a bar on stderr; None: on a terminal and in a notebook
    resume: False: begin anew, and use no earlier result
    star: the items are tuples of arguments, as in itertools.starmap()

    Returns a list of len(items) results. Raises TaskError; PickleError for a function or an item
    that cannot be sent, before anything is called; PpgenError where ppgen cannot run;
    KeyboardInterrupt after Ctrl-C, when those that ran had ended (a second Ctrl-C ends them). What
    is done then stays.

    >>> import ppgen
    >>> ppgen.map(abs, [-1, 2, -3], name="doctest.abs")
    [1, 2, 3]
    >>> ppgen.map(divmod, [(7, 2), (9, 4)], star=True, name="doctest.divmod")
    [(3, 1), (2, 1)]
    >>> failed = ppgen.map(int, ["1", "x"], errors="return", name="doctest.int")[1]
    >>> failed.index, failed.item, failed.why
    (1, 'x', "ValueError: invalid literal for int() with base 10: 'x'")
    """
    if on is not None:
        run = submit(func, iterable, kwargs=kwargs, options=options, on=on, name=name,
            folder=folder,
                     resume=resume, star=star, n_jobs=n_jobs)
        _wait(run, progress)
        return run.results(errors=errors)
    call = _Call(func, kwargs, options, errors, name, folder, n_jobs, on, star, resume)
    engine = _begin(call, iterable, progress)
    if engine is None:
        return []
    values = Values(call.folder.run)
    try:
        places = []  # type: List[Any]
        while engine.pump(True):
            count = engine.end - len(places)
            if count > 0:
                places.extend([None] * count)
            for index, place in engine.ready:
                places[index] = place
            engine.ready.clear()
        failed = [index for index, place in enumerate(places) if isinstance(place, Failure)]
        if failed and errors == "raise":
            failed.sort(key=lambda index: places[index].outcome == "missing")
            raise _error(call, failed[0], places[failed[0]], len(failed) - 1)
        for index in failed:
            places[index] = _error(call, index, places[index])
        return values.load_all(places)
    except KeyboardInterrupt:
        engine.stop()
        raise
    except BaseException:
        engine.end_now()
        raise
    finally:
        values.close()
        engine.close()


def _wait(run: MapRun, progress: Optional[bool]) -> None:
    """Waits for a submission, with a bar; left early it goes on."""
    shown = os.path.relpath(run.run)
    bar = Bar(os.path.basename(run.run), wanted(progress))
    bar.total = len(run)
    try:
        while not run.wait(5.0 if bar.shown else None):
            status = run.status()
            bar.step(status["good"] - bar.done + bar.failed, status["failed"] - bar.failed)
    except KeyboardInterrupt:
        bar.say("the submission goes on: ppgen.load('%s') is its handle, "
                "`ppgen cancel %s` ends it" % (shown, shown))
        raise
    if bar.shown:
        status = run.status()
        bar.step(status["good"] - bar.done + bar.failed, status["failed"] - bar.failed)
    bar.close()


def imap(func: Callable[..., Any], iterable: Iterable[Any], *, n_jobs: Optional[int] = None,
         kwargs: Optional[Dict[str, Any]] = None, options: Optional[Dict[str, Any]] = None,
         errors: str = "raise", name: Optional[str] = None, folder: Optional[str] = None,
         progress: Optional[bool] = None, resume: bool = True, star: bool = False,
         unordered: bool = False) -> Iterator[Any]:
    """As map(), but yields results one by one, as soon as they are there; generators may be without
    end.

    unordered: yields pairs (index, result) in the order in which calls end

    Of a generator no more is read than what the next window of calls takes: some dozens of items
    for each processor where calls are slow, some seconds' work where they are fast. Leaving the
    loop ends the run; what is done stays. With errors="raise" the TaskError comes where the result
    would, and ends the iteration.

    >>> import itertools, ppgen
    >>> with_end = ppgen.imap(abs, itertools.count(-2), name="doctest.imap")
    >>> [next(with_end) for k in range(4)]
    [2, 1, 0, 1]
    >>> with_end.close()
    """
    call = _Call(func, kwargs, options, errors, name, folder, n_jobs, None, star, resume)
    return _results(call, iterable, progress, unordered)


def _results(call: _Call, iterable: Iterable[Any], progress: Optional[bool],
        unordered: bool) -> Iterator[Any]:
    """The generator behind imap()."""
    engine = _begin(call, iterable, progress)
    if engine is None:
        return
    values = Values(call.folder.run)
    waiting = {}  # type: Dict[int, Any]
    following = 0
    try:
        while engine.pump(True):
            while engine.ready:
                index, place = engine.ready.popleft()
                if unordered:
                    yield index, _one(call, values, index, place)
                    continue
                waiting[index] = place
                while following in waiting:
                    yield _one(call, values, following, waiting.pop(following))
                    following += 1
                    engine.pump(False)
    except KeyboardInterrupt:
        engine.stop()
        raise
    except BaseException:
        engine.end_now()
        raise
    finally:
        values.close()
        engine.close()


def _one(call: _Call, values: Values, index: int, place: Any) -> Any:
    """One result, or its TaskError."""
    if not isinstance(place, Failure):
        return values.load(place)
    error = _error(call, index, place)
    if call.errors == "raise":
        raise error
    return error


def starmap(func: Callable[..., Any], iterable: Iterable[Tuple[Any, ...]],
        **others: Any) -> List[Any]:
    """map() over tuples of arguments: func(*item, **kwargs)."""
    return map(func, iterable, star=True, **others)


def submit(func: Callable[..., Any], iterable: Iterable[Any], *, on: str = "cluster",
           kwargs: Optional[Dict[str, Any]] = None, options: Optional[Dict[str, Any]] = None,
           name: Optional[str] = None, folder: Optional[str] = None, resume: bool = True,
           star: bool = False,
           n_jobs: Optional[int] = None) -> MapRun:
    """Submits the calls that map() would make as a job array, and returns a handle at once.

    on: a scheduler ("slurm", "pbs", "sge", "torque"), a site's name, or "cluster": what is here

    The handle has status(), done(), wait(), results(), cancel(); ppgen.load(FOLDER) makes it again
    in another session. Arguments are as in map(). Raises PpgenError where nothing can be submitted.
    """
    if on is None:
        raise ValueError("on is None: name a scheduler, a site, or 'cluster'")
    call = _Call(func, kwargs, options, "raise", name, folder, n_jobs, on, star, resume)
    where = _where(on)
    writer = call.open()
    try:
        for _ in writer.add_all(iterable):
            pass
        if writer.count:
            call.publish()
            writer.publish(writer.count)
            _program.call(["submit", "-q", "--stale=rerun", "-d", call.folder.run] + where +
                          [call.folder.path("spec.yaml")], (0, 1))
    finally:
        count = writer.count
        writer.close()
        call.folder.release()
    return MapRun(call.folder.run, count)


def _where(on: str) -> List[str]:
    """The words for a scheduler or site."""
    if on == "cluster":
        return []
    sites = json.loads(_program.call(["site", "--list", "--json"]) or "[]")
    names = [site if isinstance(site, str) else site.get("name") or site.get("site")
        for site in sites]
    if on in names:
        return ["--site", on]
    templates = [line.split()[0] for line in _program.call(["template", "list"]).splitlines()
        if line.strip()]
    if on in templates:
        return ["--template", on]
    raise PpgenError("there is no site and no scheduler '%s': sites are %s, schedulers %s" % (
        on, ", ".join(names) or "none", ", ".join(templates)))
