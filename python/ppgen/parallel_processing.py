# SPDX-License-Identifier: MIT
"""Functions that take a piece of the data, in parallel; and many CSV files as one table.

It takes the place of pyHEC's module of this name:

    from ppgen import parallel_processing as pp

parallelize() cuts a list, an array, a Series or a DataFrame into pieces, calls a function for each
piece in processes of their own, and puts together what they return. It runs as ppgen.map() does:
each piece is a task of a run whose results are recorded, and the same call again goes on where the
last one ended. A function that takes one item, and not a piece, is for ppgen.map() itself.
"""

import os
from typing import TYPE_CHECKING, Any, Callable, Iterable, List, Optional, Tuple, Union

from ._errors import TaskError

if TYPE_CHECKING:
    import pandas

__all__ = ["Chunk", "ChunkError", "batch_read_csv", "parallelize"]

# A chunk for each processor is pyHEC's rule, two where there are more than four items for each.
# With more of them less is to be done again after an interrupt; but many functions begin with work
# of their own, such as loading a model, so there are more only while chunks have so many items.
ITEMS_A_CHUNK = 256
CHUNKS_A_CORE = 16
# What schedulers tell a job on a node.
VARIABLES = ("SLURM_CPUS_ON_NODE", "NCPUS", "PBS_NUM_PPN", "NSLOTS")
CGROUPS = "/sys/fs/cgroup"


class Chunk(list):
    """A piece of a list: a list, which does not pretend to be an array.

    pyHEC made an array of a list, and of all its items the same type. What works with arrays only
    fails here with a message, rather than do what lists do.

    >>> Chunk([1, 2]) * 2
    Traceback (most recent call last):
        ...
    TypeError: a piece of a list is a list, which '*' repeats: use numpy.asarray(chunk), or give \
parallelize() an array
    """

    def _repeat(self, other: Any) -> Any:
        raise TypeError("a piece of a list is a list, which '*' repeats: use numpy.asarray(chunk), "
                        "or give parallelize() an array")

    __mul__ = __rmul__ = __imul__ = _repeat

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for by protocols
            raise AttributeError(name)
        raise AttributeError("a piece of a list is a list and has no '{}': use "
                             "numpy.asarray(chunk), or give parallelize() an array".format(name))


class ChunkError(TaskError):
    """A chunk for which the function did not return.

    Beside what TaskError has (index: the chunk's number; item: the chunk; why; traceback; run):
    first, last: its items' numbers, from 0

    Of the other chunks all results are recorded: when the call is made again, they are not.
    """

    first = last = -1

    def __str__(self) -> str:
        head, *more = super().__str__().split("\n")
        where = "item {}".format(self.first)
        if self.last > self.first:
            where = "items {} to {}".format(self.first, self.last)
        head = head[len("item {}".format(self.index)):]
        head = "{} (chunk {}){}".format(where, self.index, head)
        return "\n".join([head] + [line for line in more if not line.startswith("the item is ")])

    def __reduce__(self) -> Any:
        _, args, state = super().__reduce__()
        return ChunkError, args, dict(state, first=self.first, last=self.last)


def parallelize(func: Callable[..., Any], iterable: Iterable[Any],
                n_cores: Union[int, str, None] = None, return_as: str = "list",
                **kwargs: Any) -> Union[List[Any], "pandas.DataFrame"]:
    """Calls a function with pieces of the data, in parallel, and puts together what it returns.

    func: called as func(chunk, **kwargs). It returns a list (or None for nothing) of any length, or
        a DataFrame where return_as is "dataframe".
    iterable: a list, a NumPy array (cut along its first axis), a pandas Series or DataFrame (cut by
        rows), or anything that can be iterated. A chunk of an array, Series or DataFrame is one,
        too; a chunk of anything else is a list with the very items.
    n_cores: how many processes; None or "max": as many as there are processors that this process
        may use (of its allocation, its control group, its affinity)
    return_as: "list" or "dataframe"
    kwargs: further arguments for func

    Returns one list with the items of all lists, in order; or the DataFrames behind one another,
    with the index that each had.

    There are n_cores chunks, twice as many where there are more than four items for each, and up to
    16 times as many while a chunk has 256 items. None is empty. Results are recorded by chunks, so
    the same call again, with as many processors, calls func for those chunks only that have no
    result yet.

    Raises ChunkError, which names the items, for the first chunk that failed, when all are done.
    ValueError and TypeError for arguments that make no sense, or when func returned something else.

    >>> parallelize(sorted, ["a", "c", "b", "x", "z", "y"], n_cores=2, reverse=True)
    ['c', 'b', 'a', 'z', 'y', 'x']
    """
    if return_as not in ("list", "dataframe"):
        raise ValueError("return_as is {!r}, and may be 'list' or 'dataframe'".format(return_as))
    cores = _cores_of(n_cores)
    data = _sliceable(iterable)
    cuts = _cuts(len(data), cores)
    if not cuts and return_as == "list":
        return []
    chunks = [_cut(data, first, end) for first, end in cuts or [(0, 0)]]
    from . import map as map_items
    try:
        parts = map_items(func, chunks, kwargs=kwargs,
                          n_jobs=None if n_cores in (None, "max") else cores)
    except TaskError as error:
        raise _with_items(error, cuts or [(0, 0)]) from None
    if return_as == "dataframe":
        return _one_frame(parts)
    return _one_list(parts)


def batch_read_csv(glob_path: Union[str, "os.PathLike[str]"], **kwargs: Any) -> "pandas.DataFrame":
    """Reads many CSV files with the same columns as one DataFrame.

    glob_path: a pattern as glob.glob() has them, such as "data/*.csv"
    kwargs: as pandas.read_csv() has them. error_bad_lines and warn_bad_lines, which pandas 2 no
        longer knows, are understood. Not chunksize and iterator.

    Returns what pandas.concat() makes of the files, each read by pandas.read_csv(FILE, **kwargs),
    in the order of their names. Rows are numbered from 0 on through all files, unless the files
    have an index (index_col).

    Short files with the same header are read together, which is many times as fast; where that
    might change a value or a type, each is read by itself; long ones in threads. This is done in
    this process, and not recorded.

    Raises ValueError where no file matches, and for a file with other columns than the first; what
    pandas raises names the file.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, row in ("b", "3,4"), ("a", "1,2"):
    ...         with open(os.path.join(folder, name + ".csv"), "w") as file:
    ...             _ = file.write("x,y\\n" + row + "\\n")
    ...     print(batch_read_csv(os.path.join(folder, "*.csv")))
       x  y
    0  1  2
    1  3  4
    """
    from . import _merge_csv
    return _merge_csv.read(os.fspath(glob_path), kwargs, available_cores())


# ---- processors ----

def _cores_of(n_cores: Union[int, str, None]) -> int:
    """How many processes are meant."""
    import operator
    if n_cores is None or isinstance(n_cores, str) and n_cores == "max":
        return available_cores()
    try:
        cores = operator.index(n_cores)  # type: ignore
    except TypeError:
        cores = 0
    if cores < 1 or isinstance(n_cores, bool):
        raise ValueError("n_cores is {!r}, and may be a number from 1 on, 'max' or None".format(
            n_cores))
    return cores


def available_cores() -> int:
    """How many processors this process may use: what ppgen counts, too."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:
        count = os.cpu_count() or 1
    counts = [count] + _cgroup_cores()
    for name in VARIABLES:
        text = os.environ.get(name, "")
        if text.isdigit() and int(text) > 0:
            counts.append(int(text))
    return min(counts)


def _cgroup_cores() -> List[int]:
    """What the control groups allow, rounded up; empty where they do not limit."""
    try:
        with open("/proc/self/cgroup") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return []
    counts = []
    for _, controllers, path in lines:
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = os.path.join(CGROUPS, controllers) if controllers else CGROUPS
        parts = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(parts) + 1):
            quota, period = _quota(os.path.join(base, *parts[:depth]))
            if quota > 0 and period > 0:
                counts.append(-(-quota // period))
    return counts


def _quota(folder: str) -> Tuple[int, int]:
    """A group's quota and period, in microseconds; 0 where it has none."""
    def words(name: str) -> List[str]:
        try:
            with open(os.path.join(folder, name)) as file:
                return file.read().split()
        except OSError:
            return []
    found = words("cpu.max") or words("cpu.cfs_quota_us") + words("cpu.cfs_period_us")
    if len(found) == 2 and found[0].isdigit() and found[1].isdigit():
        return int(found[0]), int(found[1])
    return 0, 0


# ---- chunks ----

def _sliceable(iterable: Any) -> Any:
    """The data as something that has a length and can be cut."""
    if isinstance(iterable, (str, bytes, bytearray, dict)):
        raise TypeError("a '{}' cannot be cut into pieces: give a list".format(
            type(iterable).__name__))
    if hasattr(iterable, "iloc"):
        return iterable
    if hasattr(iterable, "__array__") and hasattr(iterable, "shape"):
        if not iterable.shape:
            raise TypeError("an array without axes cannot be cut into pieces")
        return iterable
    return iterable if isinstance(iterable, list) else list(iterable)


def _cut(data: Any, first: int, end: int) -> Any:
    """Items first to end-1."""
    if hasattr(data, "iloc"):
        return data.iloc[first:end]
    return Chunk(data[first:end]) if isinstance(data, list) else data[first:end]


def _cuts(count: int, cores: int) -> List[Tuple[int, int]]:
    """Where chunks begin and end: of sizes that differ by one at most, the larger ones first.

    >>> _cuts(10, 2)
    [(0, 3), (3, 6), (6, 8), (8, 10)]
    >>> _cuts(3, 2), _cuts(1, 8), _cuts(0, 8)
    ([(0, 2), (2, 3)], [(0, 1)], [])
    >>> len(_cuts(100000, 2)), len(_cuts(1000, 2))
    (32, 4)
    """
    factor = 2 if count > 4 * cores else 1
    factor = max(factor, min(CHUNKS_A_CORE, count // (ITEMS_A_CHUNK * cores)))
    pieces = min(cores * factor, count)
    cuts = []
    first = 0
    for k in range(pieces):
        end = first + count // pieces + (k < count % pieces)
        cuts.append((first, end))
        first = end
    return cuts


# ---- results ----

def _with_items(error: TaskError, cuts: List[Tuple[int, int]]) -> ChunkError:
    """The same error, which knows which items the chunk had."""
    named = ChunkError(*error.args)
    named.__dict__.update(error.__dict__)
    named.first, end = cuts[error.index]
    named.last = end - 1
    return named


def _one_list(parts: List[Any]) -> List[Any]:
    """The items of all parts; a part that is None has none."""
    out = []  # type: List[Any]
    for index, part in enumerate(parts):
        if part is None:
            continue
        if hasattr(part, "columns") and hasattr(part, "iloc"):
            raise TypeError("the function returned a DataFrame for chunk {}: say "
                            "return_as='dataframe'".format(index))
        if isinstance(part, (str, bytes, dict)) or not hasattr(part, "__iter__"):
            raise TypeError("the function returned a '{}' for chunk {}: let it return a list, an "
                            "item for each".format(type(part).__name__, index))
        out.extend(part)
    return out


def _one_frame(parts: List[Any]) -> "pandas.DataFrame":
    """The frames of all parts behind one another."""
    import pandas
    for index, part in enumerate(parts):
        if part is not None and not isinstance(part, (pandas.DataFrame, pandas.Series)):
            raise TypeError("the function returned a '{}' for chunk {}: return_as='dataframe' "
                            "wants DataFrames".format(type(part).__name__, index))
    if all(part is None for part in parts):
        return pandas.DataFrame()
    return pandas.concat(parts)
