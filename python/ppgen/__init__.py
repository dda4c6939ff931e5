# SPDX-License-Identifier: MIT
"""Functions as tasks: parallel, recorded, resumable; on this machine or as job arrays on a cluster.

>>> import ppgen
>>> ppgen.map(abs, [-1, 2, -3], name="doctest.first")
[1, 2, 3]

map      a function over items, as multiprocessing.Pool.map
imap     the same, result by result
starmap  over tuples of arguments
submit   the same as a job array; returns a handle
load     results of an earlier run: of a map, or the table of a spec
Run      a run directory: its status, its tasks
"""

from ._errors import PickleError, PpgenError, TaskError
from ._map import imap, map, starmap, submit
from ._run import MapRun, Run, load
from ._version import __version__

__all__ = ["MapRun", "PickleError", "PpgenError", "Run", "TaskError", "imap", "load", "map",
    "starmap", "submit",
           "__version__"]
