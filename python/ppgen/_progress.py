# SPDX-License-Identifier: MIT
"""A progress bar on stderr: of a terminal, or of a notebook."""

import sys
import time
from typing import Any, Optional


def wanted(progress: Optional[bool]) -> bool:
    """Whether a bar is to be shown: as asked for, else on a terminal and in a notebook."""
    if progress is not None:
        return bool(progress)
    try:
        if sys.stderr.isatty():
            return True
    except (AttributeError, ValueError):  # replaced, or closed
        return False
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def duration(seconds: float) -> str:
    """Seconds as text.

    >>> duration(3.2), duration(75), duration(4000)
    ('3s', '1m15s', '1h06m')
    """
    whole = int(seconds)
    if whole < 60:
        return "%ds" % whole
    if whole < 3600:
        return "%dm%02ds" % divmod(whole, 60)
    return "%dh%02dm" % (whole // 3600, whole % 3600 // 60)


class Bar:
    """Counts, and shows it at most ten times a second."""

    WIDTH = 24

    def __init__(self, name: str, shown: bool, stream: Any = None) -> None:
        self.name = name
        self.shown = shown
        self.stream = stream or sys.stderr
        self.total = 0
        self.open = False  # more items may come
        self.done = 0
        self.failed = 0
        self.fresh = 0  # done since the beginning
        self.begun = time.monotonic()
        self.last = 0.0
        self.width = 0

    def step(self, good: int, failed: int = 0, old: bool = False) -> None:
        """More tasks are done. old: they were already."""
        self.done += good + failed
        self.failed += failed
        if not old:
            self.fresh += good + failed
        if self.shown and time.monotonic() - self.last >= 0.1:
            self.draw()

    def text(self) -> str:
        """The line as it is now."""
        share = self.done / self.total if self.total else 0.0
        full = int(share * self.WIDTH)
        used = time.monotonic() - self.begun
        line = "%s: %3d%% |%s%s| %d/%d%s" % (
            self.name, int(100 * share), "#" * full, " " * (self.WIDTH - full), self.done,
            self.total,
            "+" if self.open else "")
        if self.failed:
            line += ", %d failed" % self.failed
        line += " [" + duration(used)
        if self.fresh and used > 0:
            rate = self.fresh / used
            if self.done < self.total:
                line += "<" + duration((self.total - self.done) / rate)
            line += ", %.3g/s" % rate if rate < 1000 else ", %.0f/s" % rate
        return line + "]"

    def draw(self) -> None:
        """Shows it."""
        self.last = time.monotonic()
        line = self.text()
        self.write("\r" + line + " " * (self.width - len(line)))
        self.width = len(line)

    def write(self, text: str) -> None:
        """Nobody's work ends because a stream is closed."""
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self.shown = False

    def say(self, text: str) -> None:
        """A line of its own, bar or not."""
        self.close()
        self.write("ppgen: %s\n" % text)

    def close(self) -> None:
        """The last state, and a new line."""
        if self.shown:
            self.draw()
            self.write("\n")
            self.shown = False
