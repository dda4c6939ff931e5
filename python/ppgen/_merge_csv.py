# SPDX-License-Identifier: MIT
"""Many CSV files into one DataFrame: what batch_read_csv() does.

pandas needs about half a millisecond for a file, however short it is. So short files with the same
header are put together and read at once. What comes out must be what pandas.concat() of one
pandas.read_csv() a file gives, to the type of every value; where that is not certain, the files are
read one by one. Long files are read in threads: pandas' parser does most of its work beside Python's lock.
"""

import codecs
import csv
import glob
import inspect
import io
import os
import re
import stat
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Dict, List, NamedTuple, Optional, Set

# A file of this many bytes is read by itself: what a call of pandas costs no longer shows. It also
# bounds the rows, so that low_memory, which looks for types piece by piece, would see one piece.
SMALL = 1 << 18
# So many bytes are put together.
TOGETHER = 1 << 26
# Fewer files than this are read one by one; and so are all, where more than one of so many has
# types of its own.
FEW = 2
# More threads than this wait for Python's lock, which making texts needs.
THREADS = 4

# Options that mean the same for files that were put together.
SIMPLE = frozenset([
    "sep", "delimiter", "header", "dtype", "usecols", "na_values", "keep_default_na", "na_filter",
    "decimal", "thousands", "encoding", "on_bad_lines", "error_bad_lines", "warn_bad_lines",
    "low_memory", "engine", "float_precision", "quotechar",
])
# Encodings in which the bytes of newlines, quotes and separators stand for nothing else.
ENCODINGS = frozenset(["utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"])
# pandas opens these by itself where the name ends so.
PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar", ".tgz")
WORDS = frozenset(["", "true", "false", "inf", "infinity", "nan"])


class Form(NamedTuple):
    """How the files are written, and which columns have types that were asked for."""

    sep: bytes
    quote: bytes
    number: Any  # a pattern: what may be a number
    typed: Any  # True, or the names of the columns
    chosen: bool  # some columns only
    missing: Any  # a pattern, where numbers stand for missing values: other ways to write them


class Body(NamedTuple):
    """A file without its header."""

    data: bytes  # ends in a newline
    rows: int


def settle(pandas: Any, kwargs: Dict[str, Any]) -> Dict[str, Any]:
    """Options as this pandas knows them: error_bad_lines went away in pandas 2."""
    out = dict(kwargs)
    if "on_bad_lines" not in inspect.signature(pandas.read_csv).parameters:
        return out
    old = {key: out.pop(key) for key in ("error_bad_lines", "warn_bad_lines") if key in out}
    error, warn = old.get("error_bad_lines"), old.get("warn_bad_lines")
    if error is None and warn is None:
        return out
    if "on_bad_lines" in out:
        raise ValueError("on_bad_lines and error_bad_lines say the same: give one of them")
    if error is None or error:
        out["on_bad_lines"] = "error"
    else:
        out["on_bad_lines"] = "warn" if warn is None or warn else "skip"
    return out


def _plain_type(pandas: Any, dtype: Any) -> bool:
    """Whether columns of this type are the same, put together before or after reading."""
    try:
        known = pandas.api.types.pandas_dtype(dtype)
    except TypeError:
        return False
    return getattr(known, "kind", "") in "iufbOU" and type(known).__module__.startswith("numpy")


def form_of(pandas: Any, kwargs: Dict[str, Any]) -> Optional[Form]:
    """How to put files together, or None where an option forbids it."""
    if set(kwargs) - SIMPLE or kwargs.get("header", "infer") not in ("infer", 0):
        return None
    if kwargs.get("on_bad_lines", "error") not in ("error", "warn", "skip"):
        return None
    if kwargs.get("engine") not in (None, "c"):
        return None
    if kwargs.get("sep") is not None and kwargs.get("delimiter") is not None:
        return None
    sep = kwargs.get("delimiter") or kwargs.get("sep", ",")
    quote = kwargs.get("quotechar", '"')
    decimal, thousands = kwargs.get("decimal", "."), kwargs.get("thousands")
    for char in (sep, quote, decimal):
        if not isinstance(char, str) or len(char) != 1 or not "!" <= char <= "~" and char != "\t":
            return None
    if sep == quote or thousands is not None and not isinstance(thousands, str):
        return None
    if thousands and kwargs.get("na_values") is not None:
        return None
    encoding = kwargs.get("encoding") or "utf-8"
    try:
        if codecs.lookup(encoding).name not in ENCODINGS:
            return None
    except (LookupError, TypeError):
        return None
    dtype = kwargs.get("dtype")
    typed = set()  # type: Any
    if dtype is not None:
        if isinstance(dtype, dict):
            typed = set(dtype)
        elif not hasattr(dtype, "items"):
            typed = True
        kinds = list(dtype.values()) if hasattr(dtype, "items") else [dtype]
        if not all(_plain_type(pandas, kind) for kind in kinds):
            return None
    digits = "[0-9" + re.escape(thousands or "") + "]*"
    number = re.compile(r"\s*[+-]?" + digits + re.escape(decimal) + "?" + digits
                        + r"(?:[eE][+-]?[0-9]*)?\s*")
    return Form(sep.encode(), quote.encode(), number, typed, kwargs.get("usecols") is not None,
                _missing(kwargs.get("na_values"), sep, quote))


def _missing(na_values: Any, sep: str, quote: str) -> Any:
    """None, or a pattern of cells like 01, which are 1 or missing by the type of the rest.

    Among integers na_values=1 means the texts 1 and 1.0, among other numbers the number 1.
    """
    if na_values is None:
        return None
    ends = re.escape((sep + quote).encode())
    return re.compile(b"[" + ends + b"\n][ \t]*(?:[+-]?0[0-9]|[+ \t])"
                      b"|[0-9][ \t]+[" + ends + b"\r\n]")


# ---- bytes ----

def _well_quoted(parts: List[bytes], sep: bytes) -> bool:
    """Whether every quote opens or closes a cell, so that nothing is open at the end.

    parts are the pieces between quotes: those with even numbers are outside of quoted cells. An
    empty one between two quoted ones is a quote that was written twice.
    """
    if len(parts) % 2 == 0:
        return False
    ends = (sep, b"\n", b"\r")
    last = len(parts) - 1
    for i in range(0, len(parts), 2):
        part = parts[i]
        if not part:
            continue
        if i > 0 and not part.startswith(ends) or i < last and not part.endswith(ends):
            return False
    return True


def body_of(data: bytes, head: bytes, form: Form) -> Optional[Body]:
    """What stands behind the header, or None where it is not certain what pandas would make of it.

    Counting newlines counts rows, but for blank lines: there are never more rows than it says.
    """
    if not data.startswith(head):
        return None
    if not data.endswith(b"\n"):
        data += b"\n"
    newlines = data.count(b"\n")
    if form.quote in data:
        parts = data.split(form.quote)
        if not _well_quoted(parts, form.sep):
            return None
        for inside in parts[1::2]:
            newlines -= inside.count(b"\n")
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return None
    body = data[len(head):]
    bare = body.rstrip(b"\r\n")
    blank = body.count(b"\n", len(bare)) - 1
    if blank > 0:
        body = bare + b"\n"
        newlines -= blank
    if form.chosen and not _as_wide(body, head, form):
        return None
    return Body(body, newlines - 1)


def _as_wide(body: bytes, head: bytes, form: Form) -> bool:
    """Whether the first row has as many cells as the header: another number means an index."""
    first = body[:body.find(b"\n") + 1]
    if form.quote not in first and form.quote not in head:
        return first.count(form.sep) == head.count(form.sep)
    texts = [line.decode("latin-1").rstrip("\r\n") for line in (head, first)]
    widths = [len(row) for row in csv.reader(texts, delimiter=form.sep.decode(),
                                             quotechar=form.quote.decode())]
    return len(widths) == 2 and widths[0] == widths[1]


def head_of(data: bytes, form: Form) -> Optional[bytes]:
    """The header's line, or None where the first line is not simply that."""
    head = data[:data.find(b"\n") + 1]
    return None if not head.strip() or head.count(form.quote) % 2 else head


# ---- types ----

def _odd_floats(numpy: Any, values: Any, starts: Any, ends: Any) -> Set[int]:
    """Files with whole numbers only, which by themselves are integers and then other floats."""
    odd = numpy.abs(values) >= 2.0 ** 53
    odd &= numpy.isfinite(values)
    odd |= (values == 0) & numpy.signbit(values)
    if not odd.any():
        return set()
    found = set()
    files = numpy.unique(numpy.searchsorted(starts, numpy.flatnonzero(odd), "right") - 1)
    for file in files.tolist():
        part = values[starts[file]:ends[file]]
        if numpy.all(numpy.isnan(part) | (part == numpy.floor(part))):
            found.add(file)
    return found


def _surely_text(value: Any, form: Form) -> bool:
    if not isinstance(value, str):
        return False
    return not (form.number.fullmatch(value)
                or value.strip().lstrip("+-").lower() in WORDS)


def _odd_texts(values: Any, starts: Any, ends: Any, form: Form) -> Set[int]:
    """Files that have no text in this column, so that their '1' is a number by itself.

    One without any value may stand among texts, but not among true and false: pandas may make
    numbers of these.
    """
    odd, blanks = set(), set()
    truths = False
    for file, (start, end) in enumerate(zip(starts.tolist(), ends.tolist())):
        blank = True
        for i in range(start, end):
            value = values[i]
            if _surely_text(value, form):
                break
            if value != value:
                continue
            if isinstance(value, bool):
                truths = True  # then all of the column is true, false or missing
                break
            blank = False
        else:
            (blanks if blank else odd).add(file)
    return odd | blanks if truths else odd


def odd_files(numpy: Any, frame: Any, rows: List[int], form: Form) -> Optional[Set[int]]:
    """Which files, of `rows` rows each, have other types by themselves; None: that is unknown."""
    ends = numpy.cumsum(rows)
    starts = ends - numpy.asarray(rows)
    odd = set()  # type: Set[int]
    for i, name in enumerate(frame.columns):
        if form.typed is True or name in form.typed:
            continue
        values = frame.iloc[:, i].to_numpy()
        if values.dtype == numpy.int64 or values.dtype == numpy.bool_:
            continue
        if values.dtype == numpy.float64:
            odd |= _odd_floats(numpy, values, starts, ends)
        elif values.dtype == object and frame.dtypes.iloc[i] == object:
            odd |= _odd_texts(values, starts, ends, form)
        else:
            return None
    return odd


# ---- reading ----

class Table(NamedTuple):
    """A frame."""

    frame: Any
    name: str  # of its first file
    files: int


def _parse(pandas: Any, bodies: List[Body], head: bytes, kwargs: Dict[str, Any],
           form: Form) -> Optional[Any]:
    """One frame of many files, or None where rows might be others than in those by themselves."""
    strict = dict(kwargs, low_memory=False)
    strict.pop("error_bad_lines", None)
    if "on_bad_lines" in strict:
        strict["on_bad_lines"] = "error"
    rows = [body.rows for body in bodies]
    if min(rows) < 1 or max(rows) > (1 << 18) // (head.count(form.sep) + 1):
        return None
    data = b"".join([head] + [body.data for body in bodies])
    if b"\0" in data:
        return None
    try:
        frame = pandas.read_csv(io.BytesIO(data), **strict)
    except Exception:  # whatever it is: read by itself, the file at fault says so
        return None
    if form.missing and form.missing.search(data) and "float64" in map(str, frame.dtypes):
        return None
    if len(frame) != sum(rows) or not isinstance(frame.index, pandas.RangeIndex):
        return None
    return frame


def _join(pandas: Any, names: List[str], bodies: List[Body], head: bytes, kwargs: Dict[str, Any],
          form: Form) -> Optional[List[Table]]:
    """Frames of files one behind the other: of all that can be together; None: too few can."""
    import numpy
    if len(names) < FEW:
        return [Table(read_alone(pandas, name, kwargs), name, 1) for name in names]
    frame = _parse(pandas, bodies, head, kwargs, form)
    if frame is None:
        return None
    odd = odd_files(numpy, frame, [body.rows for body in bodies], form)
    if odd is None or len(odd) > len(names) // FEW:
        return None
    if not odd:
        return [Table(frame, names[0], len(names))]
    tables = []  # type: List[Table]
    first = 0
    for last in sorted(odd) + [len(names)]:
        part = _join(pandas, names[first:last], bodies[first:last], head, kwargs, form)
        if part is None:
            return None
        alone = names[last:last + 1]
        tables += part + [Table(read_alone(pandas, name, kwargs), name, 1) for name in alone]
        first = last + 1
    return tables


def _small(name: str) -> bool:
    if name.endswith(PACKED):
        return False
    try:
        info = os.stat(name)
    except OSError:
        return False
    return stat.S_ISREG(info.st_mode) and info.st_size < SMALL


def _named(error: Exception, name: str) -> Exception:
    """The same error with the file's name in front."""
    if isinstance(error, OSError):
        return error
    if len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = ("'{}': {}".format(name, error.args[0]),)
        return error
    return ValueError("'{}': {}".format(name, error))


def read_alone(pandas: Any, name: str, kwargs: Dict[str, Any]) -> Any:
    """The frame of one file; an error names it."""
    try:
        frame = pandas.read_csv(name, **kwargs)
    except Exception as error:
        raise _named(error, name)
    if not isinstance(frame, (pandas.DataFrame, pandas.Series)):
        raise ValueError("'iterator' and 'chunksize' give no table: leave them out")
    return frame


class Reader:
    """Reads files by themselves: long ones ahead, in threads."""

    def __init__(self, pandas: Any, kwargs: Dict[str, Any]) -> None:
        self.pandas, self.kwargs = pandas, kwargs
        self.frames = {}  # type: Dict[str, Future[Any]]
        self.threads = None  # type: Optional[ThreadPoolExecutor]

    def read_ahead(self, names: List[str], count: int) -> None:
        """Begins to read these. None of the options may be a function of the user's."""
        if len(names) > 1 and count > 1:
            self.threads = ThreadPoolExecutor(min(count, THREADS, len(names)))
            for name in names:
                self.frames[name] = self.threads.submit(read_alone, self.pandas, name, self.kwargs)

    def table(self, name: str) -> Table:
        """One file."""
        known = self.frames.get(name)
        frame = known.result() if known else read_alone(self.pandas, name, self.kwargs)
        return Table(frame, name, 1)

    def close(self) -> None:
        """Ends the threads."""
        for frame in self.frames.values():
            frame.cancel()
        if self.threads:
            self.threads.shutdown()


def read_together(pandas: Any, names: List[str], kwargs: Dict[str, Any], form: Form,
                  reader: Reader) -> Optional[List[Table]]:
    """Frames of all files; None where that would not be right."""
    tables = []  # type: List[Table]
    held = []  # type: List[str]
    bodies = []  # type: List[Body]
    head = None  # type: Optional[bytes]
    size = 0

    def flush() -> bool:
        part = _join(pandas, held, bodies, head or b"", kwargs, form)
        tables.extend(part or [])
        del held[:], bodies[:]
        return part is not None

    for name in names:
        if not _small(name):
            if not flush():
                return None
            tables.append(reader.table(name))
            continue
        with open(name, "rb", buffering=0) as file:
            data = file.read()
        if head is None:
            head = head_of(data, form)
        body = body_of(data, head, form) if head is not None else None
        if body is None:
            return None
        size = size + len(data) if held else len(data)
        held.append(name)
        bodies.append(body)
        if size >= TOGETHER and not flush():
            return None
    return tables if flush() and _alike(tables) else None


def _alike(tables: List[Table]) -> bool:
    """Whether what is put behind one another becomes what the files by themselves would.

    Floats of several files may be integers in some, and beside text these would stay integers.
    """
    if not all(table.frame.columns.equals(tables[0].frame.columns) for table in tables):
        return False
    for i in range(tables[0].frame.shape[1]):
        kinds = [(str(table.frame.dtypes.iloc[i]), table.files > 1) for table in tables]
        if ("float64", True) in kinds and {kind for kind, _ in kinds} - {"int64", "float64"}:
            return False
    return True


def check_columns(tables: List[Table]) -> None:
    """An error where a file has other columns than the first, in whatever order."""
    if not hasattr(tables[0].frame, "columns"):
        return
    known, first = tables[0].frame.columns, tables[0].name
    for table in tables[1:]:
        columns, name = table.frame.columns, table.name
        if columns.equals(known) or sorted(map(repr, columns)) == sorted(map(repr, known)):
            continue
        lacks = ["'{}'".format(c) for c in known if c not in columns]
        more = ["'{}'".format(c) for c in columns if c not in known]
        said = ["lacks " + ", ".join(lacks)] if lacks else []
        said += ["has " + ", ".join(more) + " besides"] if more else []
        raise ValueError("'{}' has other columns than '{}': it {}".format(
            name, first, " and ".join(said) or "has one of them twice"))


def _numbered(pandas: Any, frame: Any) -> bool:
    """Whether the rows are only numbered. The index of a file without rows says nothing."""
    if len(frame) == 0:
        return frame.index.name is None
    return isinstance(frame.index, pandas.RangeIndex) and frame.index.name is None


def read(pattern: str, kwargs: Dict[str, Any], cores: int) -> Any:
    """All files of a pattern as one DataFrame, in the order of their names; cores: processors."""
    import pandas
    names = sorted(glob.glob(pattern))
    if not names:
        raise ValueError("no file matches '{}'".format(pattern))
    kwargs = settle(pandas, kwargs)
    form = form_of(pandas, kwargs)
    reader = Reader(pandas, kwargs)
    tables = None
    try:
        if form and len(names) > 1:
            if not callable(kwargs.get("usecols")):
                reader.read_ahead([name for name in names if not _small(name)], cores)
            tables = read_together(pandas, names, kwargs, form, reader)
        if tables is None:
            tables = [reader.table(name) for name in names]
    finally:
        reader.close()
    check_columns(tables)
    frames = [table.frame for table in tables]
    return pandas.concat(frames, ignore_index=all(_numbered(pandas, frame) for frame in frames))
