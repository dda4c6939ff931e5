# SPDX-License-Identifier: MIT
"""What goes wrong, as exceptions."""

import re
from typing import Any, Optional

_OURS = re.compile(r'  File "[^"\n]*/ppgen/_task\.py", line \d+, in .*\n(?:    .*\n)*')


class PpgenError(Exception):
    """The ppgen program, a run directory or a call of this package: what is wrong, and what to
    do."""


class PickleError(PpgenError):
    """A function, an item or a result that cannot be sent to another process."""


class TaskError(PpgenError):
    """One item for which the function did not return.

    index: which item it was, from 0
    item: the item (None in a run that was loaded where it cannot be read)
    outcome: "exit" (it raised, or left), "signal", "timeout", "oom", "invalid", ... as `ppgen
        status` says
    why: one line, such as "ValueError: negative"
    run: the run directory
    attempt: which attempt this was, from 1

    >>> import ppgen
    >>> ppgen.map(len, ["ab", 3], name="doctest.len", progress=False)
    Traceback (most recent call last):
        ...
    ppgen._errors.TaskError: item 1: TypeError: object of type 'int' has no len()
    the item is 3
    `ppgen log runs/doctest.len 1` shows all that it said
    """

    def __init__(self, index: int, item: Any, outcome: str, why: str, run: str, attempt: int = 1,
                 task: str = "", others: int = 0, shown: str = "") -> None:
        super().__init__(index, item, outcome, why, run, attempt, task, others, shown)
        self.index = index
        self.item = item
        self.outcome = outcome
        self.why = why
        self.run = run
        self.attempt = attempt
        self.task = task
        self.others = others
        self.shown = shown or run
        self._traceback = None  # type: Optional[str]

    @property
    def traceback(self) -> str:
        """What the item's last attempt wrote to stderr: the traceback, and what was printed
        there."""
        if self._traceback is None:
            from . import _program

            self._traceback = _OURS.sub("", _program.log_text(self.run, self.index, "stderr"))
        return self._traceback

    def __reduce__(self) -> Any:
        self.traceback  # what is sent elsewhere takes it along
        return (TaskError, self.args, {"_traceback": self._traceback})

    def __str__(self) -> str:
        lines = ["item %d: %s" % (self.index, self.why or self.outcome)]
        if self.others:
            lines[0] += " (and %d more failed)" % self.others
        lines.append("the item is " + _brief(self.item))
        lines.append("`ppgen log %s %d` shows all that it said" % (_shell(self.shown), self.index))
        return "\n".join(lines)


def _brief(thing: Any) -> str:
    """A thing in one short line, whatever its repr() does."""
    try:
        text = repr(thing)
    except Exception as fault:  # anybody's object
        text = "a '%s' (its repr() raises %s)" % (type(thing).__name__, type(fault).__name__)
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:200] + "..."


def _shell(word: str) -> str:
    """A word as a shell reads it."""
    import shlex

    return shlex.quote(word)
