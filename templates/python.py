# SPDX-License-Identifier: MIT
# ppgen-name: python
# ppgen-title: Python
# ppgen-interpreter: python3
# ppgen-form: MODULE:FUNCTION or FILE.py:FUNCTION
# ppgen-files: {}.py {}/__init__.py
# ppgen-import: (?:^(?:[^#\n"']*[:;])?|\G;)[ \t]*(?:from[ \t]+(?<within>[.\w]+)[ \t]+import\b[ \t]*(?<names>\([^)]*\)|(?:[^#;\n\\]|\\\n)*)|import[ \t]+(?<modules>(?:[^#;\n\\]|\\\n)+))
# ppgen-fork: yes
"""Calls one function of the user's for task after task: what ppgen runs a Python interpreter with.

Requests come on descriptor 3, replies go to descriptor 4, the tasks' own output goes to 1 and 2. The
protocol is in ppgen-language(7). Python 3.6 or later, nothing but the standard library.

The time of an empty call counts here: what is done for each call is written for speed, and says why.
"""
import fcntl
import json
import os
import sys
from time import perf_counter, process_time

PROTOCOL = 1
PACKET = 65536  # at least 4096: a read takes one packet of the pipe, never more
MESSAGE = 256 * 1024  # the longest request of isolate: fork
WHY = 300  # bytes of the reason that a reply gives
DEPTH = 100  # levels of a value; ppgen reads 200
EXTRAS = ("seed", "seed64", "scratch", "keep", "task", "index", "cpus", "memory")
OURS = __file__  # our frames are left out of tracebacks


class Invalid(Exception):
    """What the function returned cannot be a result."""


class Unusable(Exception):
    """The function cannot be had, or not be called as the spec does."""


# ---- descriptors


def keep_away(fd):  # type: (int) -> int
    """Moves a descriptor to where neither functions nor what they start come across it."""
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    first = (1024 if soft == resource.RLIM_INFINITY else min(soft, 1024)) - 24
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, max(first, 6))
    if fd > 2:
        os.close(fd)
    return high


def read_line(fd):  # type: (int) -> str
    """The next request; empty at the end of all. A long line comes in several packets."""
    data = os.read(fd, PACKET)
    if data[-1:] == b"\n" or not data:
        return data.decode()
    parts = [data]
    while data and data[-1:] != b"\n":
        data = os.read(fd, PACKET)
        parts.append(data)
    return b"".join(parts).decode() if data else ""


def write_all(fd, data):  # type: (int, bytes) -> None
    """Writes what may be too long for one write."""
    done = os.write(fd, data)
    if done < len(data):
        rest = memoryview(data)[done:]
        while rest:
            rest = rest[os.write(fd, rest):]


class Output:
    """Descriptors 1 and 2 and Python's streams to them, which a function may replace or close."""

    def __init__(self):
        self.kept = (keep_away(1), keep_away(2))
        self.adopt()

    def adopt(self):
        """Takes the streams as they are now for the right ones."""
        self.stdout, self.stderr = sys.stdout, sys.stderr
        self.flush_stdout = getattr(sys.stdout, "flush", self.repair)
        self.flush_stderr = getattr(sys.stderr, "flush", self.repair)

    def repair(self):
        """Brings back what a function closed or replaced."""
        for fd, name in ((1, "stdout"), (2, "stderr")):
            ours = getattr(self, name)
            stream = getattr(sys, name, None)
            try:
                stream.flush()
            except Exception:  # anybody's object
                pass
            if not same_file(fd, self.kept[fd - 1]):
                os.dup2(self.kept[fd - 1], fd)
            if ours is None or getattr(ours, "closed", False):
                ours = open(fd, "w", 1 if fd == 2 else -1, errors="backslashreplace", closefd=False)
            setattr(sys, name, ours)
        self.adopt()

    def sizes(self):
        """Everything flushed, the sizes of both files."""
        if sys.stdout is not self.stdout or sys.stderr is not self.stderr:
            self.repair()
        try:
            self.flush_stdout()
            self.flush_stderr()
            return os.lseek(1, 0, 2), os.lseek(2, 0, 2)
        except (OSError, ValueError):
            self.repair()
            return os.lseek(self.kept[0], 0, 2), os.lseek(self.kept[1], 0, 2)


def same_file(a, b):  # type: (int, int) -> bool
    """Whether two descriptors are of one file."""
    try:
        return os.path.sameopenfile(a, b)
    except OSError:
        return False


# ---- the environment


class Environment:
    """The variables that differ between tasks.

    glibc never frees what setenv() stored, so each variable has a place of its own, which putenv() is
    told once and which is overwritten from then on.
    """

    def __init__(self, names):
        self.names = names
        self.last = [None] * len(names)
        self.keys = [name.encode() for name in names]
        self.data = getattr(os.environ, "_data", None)  # bytes by bytes, in CPython
        self.places = [None] * len(names)
        try:
            import ctypes

            self.putenv = ctypes.CDLL(None).putenv
            self.text = ctypes.c_char
        except (ImportError, OSError, AttributeError):  # an interpreter without ctypes
            self.data = None
        if self.data is not None and not all(isinstance(key, bytes) for key in self.data):
            self.data = None

    def set(self, values):
        """Sets all of them."""
        data = self.data
        if data is None:
            for name, value in zip(self.names, values):
                os.environ[name] = value
            return
        k = 0
        for key, last, place, value in zip(self.keys, self.last, self.places, values):
            value = value.encode("utf-8", "surrogateescape")
            # What the function itself set is elsewhere.
            if data.get(key) is not last or place is None:
                self.move(k, value)
            elif value != last:
                try:
                    place.value = value
                    data[key] = self.last[k] = value
                except ValueError:  # too long
                    self.move(k, value)
            k += 1

    def move(self, k, value):
        """Gives variable k a new place, with a value and room for longer ones."""
        head = self.keys[k] + b"="
        size = 2 * len(value) + 64
        whole = (self.text * (len(head) + size + 1))()
        whole.value = head
        self.places[k] = (self.text * size).from_buffer(whole, len(head))
        self.places[k].value = value
        self.putenv(whole)
        self.data[self.keys[k]] = self.last[k] = value


# ---- the function


def load(call, folder):
    """The function that `call` names, and the words to name it by."""
    import importlib

    place, colon, path = call.rpartition(":")
    if not colon or not place or not path:
        raise Unusable("'%s' is no function: write MODULE:FUNCTION or FILE.py:FUNCTION" % call)
    is_file = place.endswith(".py") or "/" in place
    if is_file:
        place = os.path.join(folder, place)
    sys.argv = [place if is_file else ""]
    look_in(folder)
    try:
        module = load_file(place) if is_file else importlib.import_module(place)
    except BaseException as fault:
        show(fault)
        raise Unusable("cannot import '%s': %s" % (call.rpartition(":")[0], import_why(fault, folder)))
    found = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise Unusable("there is no '%s' in '%s' (%s)" % (
                path, module.__name__, getattr(module, "__file__", None) or "built in"))
    if not callable(found):
        raise Unusable("'%s' is a '%s', and cannot be called" % (call, type(found).__name__))
    return found


def look_in(folder):
    """Puts the folder first on the module path, where the interpreter put the script's."""
    flags = sys.flags
    if sys.path and not (flags.isolated or getattr(flags, "safe_path", False)):
        sys.path[0] = folder
    else:
        sys.path.insert(0, folder)


def load_file(path):
    """The module in a file, under the name that an import gives it, so that pickles find it."""
    from importlib import util

    folder, name = os.path.split(os.path.normpath(path))
    if folder != sys.path[0]:
        sys.path.insert(0, folder)
    stem = name[:-3] if name.endswith(".py") else name
    if stem in sys.modules:  # as one of the standard library's
        stem = "ppgen_" + stem
    spec = util.spec_from_file_location(stem, path)
    if spec is None:
        raise ImportError("is no file of Python: its name must end in .py")
    module = util.module_from_spec(spec)
    sys.modules[stem] = module
    spec.loader.exec_module(module)
    return module


def import_why(fault, folder):
    """What happened in an import, and where."""
    if isinstance(fault, SystemExit):
        text = "it left by " + exit_text(fault)
    else:
        text = reason(fault)
    where = None
    if isinstance(fault, SyntaxError) and fault.filename:
        where = (fault.filename, fault.lineno)
    else:
        trace = fault.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file != OURS and not file.startswith("<"):
                if "/importlib/" not in file:
                    where = (file, trace.tb_lineno)
            trace = trace.tb_next
    if where is None:
        return text
    file = where[0][len(folder) + 1:] if where[0].startswith(folder + "/") else where[0]
    return "%s (%s:%s)" % (text, file, where[1])


def wishes(function, name, hello):
    """What the function's signature takes beside the parameters; fails where the two do not fit."""
    import inspect

    if inspect.iscoroutinefunction(function):
        raise Unusable("'%s' is a coroutine (async def): call a function that does asyncio.run() of it"
                       % name)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some that are written in C
        return []
    params = signature.parameters
    chunk = hello["per"] == "chunk"
    extras = ("cpus", "memory") if chunk else EXTRAS
    known = [] if chunk else hello["params"]
    by_name = {key for key, p in params.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    wants = [key for key in extras if key in by_name and key not in known]
    given = {key: None for key in list(known) + wants}
    try:
        signature.bind(*([None] if chunk else []), **given)
    except TypeError as fault:
        raise Unusable(misfit(name, params, given, chunk, fault))
    return wants


def misfit(name, params, given, chunk, fault):
    """Why a function cannot be called with the spec's parameters."""
    if chunk:
        return "'%s' cannot be called with one list, as per: chunk does: %s" % (name, fault)
    takes_all = any(p.kind == p.VAR_KEYWORD for p in params.values())
    for key in given:
        if key not in params and not takes_all:
            return "'%s' does not take the parameter '%s': add it, or **others" % (name, key)
    for key, p in params.items():
        if p.default is p.empty and key not in given and p.kind in (
                p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            return "'%s' needs '%s', which is no parameter of the spec: add it, or give it a default" % (
                name, key)
    return "'%s' cannot be called with the spec's parameters: %s" % (name, fault)


# ---- exceptions


def reason(fault):
    """One line on an exception: its kind and the first line of its text."""
    try:
        lines = str(fault).strip().splitlines()
    except Exception:
        lines = ["(its text cannot be had)"]
    kind = type(fault).__name__
    return "%s: %s" % (kind, lines[0]) if lines else kind


def exit_text(fault):
    """How the user left."""
    code = fault.code
    return "sys.exit()" if code is None else "sys.exit(%s)" % (code if isinstance(code, int) else
                                                            safe_repr(code))


def safe_repr(thing):
    """repr(), of anything."""
    try:
        return repr(thing)[:200]
    except Exception:
        return "a '%s'" % type(thing).__name__


def show(fault):
    """Prints the traceback without our frames to descriptor 2."""
    import traceback

    try:
        trace = fault.__traceback__
        while trace is not None and (trace.tb_frame.f_code.co_filename == OURS
                                     or "importlib" in trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(fault), fault, trace))
    except Exception:  # an exception that breaks what prints it
        text = reason(fault) + "\n"
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    try:
        write_all(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def settle(fault):
    """Status, code and reason of a call that raised; what is to be seen goes to stderr."""
    if isinstance(fault, Invalid):
        return "invalid", 0, str(fault)
    if not isinstance(fault, SystemExit):
        show(fault)
        return "exit", 1, reason(fault)
    code = fault.code
    if code is None or isinstance(code, int) and not code & 255:
        return "invalid", 0, "the function left by %s and returned nothing" % exit_text(fault)
    if isinstance(code, int):
        return "exit", code & 255, exit_text(fault)
    try:
        write_all(2, (str(code) + "\n").encode("utf-8", "backslashreplace"))
    except Exception:
        pass
    return "exit", 1, exit_text(fault)


# ---- values

SCALARS = frozenset((bool, int, float, str, type(None)))
INFINITY = float("inf")
REMEDY = "return numbers, strings, lists or dicts of them"

to_json = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode


def pack_rows(value):
    """JSON of the rows that a value stands for."""
    kind = type(value)
    if kind is int:
        return b'{"value":%d}' % value
    if kind is float and -INFINITY < value < INFINITY:
        return ('{"value":%r}' % value).encode()
    if value is None:
        return b"{}"
    try:
        if kind is dict and set(map(type, value)) == {str} and SCALARS.issuperset(
                map(type, value.values())):
            try:
                return to_json(value).encode()
            except ValueError:  # not finite, or text that is none
                pass
        return to_json(rows(value)).encode()
    except Invalid:
        raise
    except RecursionError:
        raise Invalid("value is nested too deeply: does it hold itself?")
    except Exception as fault:
        raise Invalid("value cannot be written: %s" % reason(fault))


def pack_bytes(value):
    """The bytes of a value."""
    if isinstance(value, bytes):
        return value
    try:
        return memoryview(value).tobytes()
    except TypeError:
        raise Invalid("value is a '%s', not bytes, which `results: {value: bytes}` asks for"
                      % type(value).__name__)


def pack_none(value):
    """Nothing."""
    return b""


PACK = {"rows": pack_rows, "bytes": pack_bytes, "none": pack_none}


def module_type(value, module, name):
    """Whether value is of a class of a module that is loaded already; nothing is imported for it."""
    module = sys.modules.get(module)
    kind = getattr(module, name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def rows(value):
    """A row, or a list of rows."""
    many = as_list(value)
    if many is not None:
        return [row(item, "value[%d]" % k) for k, item in enumerate(many)]
    return row(value, "value")


def as_list(value):
    """The items of what is several rows; None of what is one. A tuple of scalars is one row."""
    if isinstance(value, (list, range)):
        return value
    if isinstance(value, tuple):
        if hasattr(value, "_fields") or value and all(
                is_scalar(item) for item in value):
            return None
        return value
    if module_type(value, "pandas", "DataFrame"):
        return frame_rows(value)
    if module_type(value, "pandas", "Series"):
        return None if is_labelled(value) else series_rows(value)
    if module_type(value, "numpy", "ndarray"):
        return array_rows(value)
    if hasattr(value, "tolist") and not module_type(value, "numpy", "generic"):
        listed = value.tolist()  # array.array, tensors
        return listed if isinstance(listed, list) else None
    return None


def is_scalar(value):
    """Whether it is one number, text, truth value or nothing."""
    try:
        return type(plain(value, "value")) in SCALARS
    except Invalid:
        return False


def row(value, where):
    """One row: a dict."""
    members = fields(value)
    if members is None and module_type(value, "pandas", "Series"):
        if is_labelled(value):
            members = dict(zip(value.index.tolist(), value.tolist()))
        else:
            value = value.tolist()
    if members is not None:
        return plain(members, where)
    shown = plain(value, where)
    if isinstance(shown, list):
        return {str(k): item for k, item in enumerate(shown)}
    if isinstance(shown, dict):
        return shown
    return {"value": shown}


def fields(value):
    """The members of a dict, dataclass, namedtuple or record; None of others."""
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value))
    names = getattr(value, "__dataclass_fields__", None)
    if names is not None and not isinstance(value, type):
        import dataclasses

        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if module_type(value, "numpy", "void") and value.dtype.names:
        return {name: value[name] for name in value.dtype.names}
    return None


def plain(value, where, depth=0):
    """The same value, made of what JSON has."""
    kind = type(value)
    if kind is float:
        return value if -INFINITY < value < INFINITY else name_of(value)
    if kind is str:
        return text_of(value, where)
    if kind in SCALARS:
        return value
    if depth == DEPTH:
        raise Invalid("%s is nested more than %d deep: does it hold itself?" % (where[:100], DEPTH))
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [plain(item, "%s[%d]" % (where, k), depth + 1) for k, item in enumerate(value)]
    members = fields(value)
    if members is not None:
        return plain_dict(members, where, depth)
    return other(value, where, depth)


def plain_dict(members, where, depth):
    """A dict with text for keys."""
    out = {}
    for key, item in members.items():
        name = column_of(key, where)
        if name in out:
            raise Invalid("%s has two members named '%s'" % (where, name))
        out[name] = plain(item, "%s.%s" % (where, name), depth + 1)
    return out


def column_of(key, where):
    """The name of a column: of a tuple, as pandas has them, joined by dots."""
    if isinstance(key, tuple):
        return ".".join(column_of(k, where) for k in key if k != "")
    name = plain(key, where)
    return text_of(name if isinstance(name, str) else str(key), where)


def name_of(number):
    """What pandas reads back as this number."""
    return "NaN" if number != number else "inf" if number > 0 else "-inf"


def text_of(text, where):
    """Text, as long as it can be written."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Invalid("%s is text with a lone surrogate, which cannot be written: decode it properly"
                      % where)
    return text


def other(value, where, depth):
    """What is neither JSON's nor made of fields."""
    import datetime
    import decimal
    import enum
    import fractions
    import pathlib

    if isinstance(value, enum.Enum):
        return plain(value.value, where, depth + 1)
    if isinstance(value, str):
        return text_of(str.__str__(value), where)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return plain(float(value), where)
    if module_type(value, "pandas", "Series") or module_type(value, "pandas", "Index"):
        return plain(value.tolist(), where, depth + 1)
    if module_type(value, "pandas", "DataFrame"):
        return plain(frame_rows(value), where, depth + 1)
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas: no value
        return None
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, pathlib.PurePath):
        return text_of(str(value), where)
    if isinstance(value, decimal.Decimal):
        return decimal_of(value)
    if isinstance(value, fractions.Fraction):
        return str(value)
    return foreign(value, where, depth)


def decimal_of(value):
    """A decimal as a number where a float is that number, else as text: nothing is lost."""
    if value.is_finite() and type(value)(repr(float(value))) == value:
        return float(value) if value != value.to_integral_value() or value.as_tuple().exponent else int(
            value)
    return name_of(value) if value.is_infinite() or value.is_nan() else str(value)


def foreign(value, where, depth):
    """NumPy's scalars and arrays, and what behaves like them."""
    numpy = sys.modules.get("numpy")
    if isinstance(value, (complex, set, frozenset, bytes, bytearray, memoryview)):
        raise no_columns(value, where)
    if module_type(value, "numpy", "datetime64") or module_type(value, "numpy", "timedelta64"):
        text = str(value)
        return None if text == "NaT" else text if value.dtype.kind == "M" else (
            value / numpy.timedelta64(1, "s"))
    if module_type(value, "numpy", "longdouble"):
        return plain(float(value), where)
    if hasattr(value, "tolist"):
        if getattr(getattr(value, "dtype", None), "names", None):
            return plain(array_rows(value), where, depth + 1)
        listed = value.tolist()
        if type(listed) is not type(value):
            return plain(listed, where, depth + 1)
    raise no_columns(value, where)


def no_columns(value, where):
    """The fault that something is no value."""
    return Invalid("%s is a '%s', which has no columns: %s" % (where, type(value).__name__, REMEDY))


def array_rows(array):
    """The rows of an array; None of one without dimensions."""
    if array.ndim == 0:
        return None
    if array.dtype.names:
        if array.ndim > 1:
            raise Invalid("value is an array of records with %d dimensions, rows have 1" % array.ndim)
        return [dict(zip(array.dtype.names, item)) for item in array.tolist()]
    if array.ndim > 2:
        raise Invalid("value is an array of %d dimensions, a table has 2: reshape it" % array.ndim)
    if array.dtype.kind in "mM":
        return list(array)
    return array.tolist()


def index_columns(thing):
    """The named levels of an index, as pairs of name and items."""
    index = thing.index
    return [(name, index.get_level_values(k).tolist())
            for k, name in enumerate(index.names) if name is not None]


def frame_rows(frame):
    """The rows of a DataFrame, its named index first."""
    columns = index_columns(frame)
    columns += [(label, frame.iloc[:, k].tolist()) for k, label in enumerate(frame.columns)]
    return table_rows(columns, len(frame))


def series_rows(series):
    """The rows of a Series that is a column."""
    name = "value" if series.name is None else series.name
    return table_rows(index_columns(series) + [(name, series.tolist())], len(series))


def table_rows(columns, count):
    """Dicts of columns of equal length."""
    names = [column_of(name, "value") for name, items in columns]
    for k, name in enumerate(names):
        if name in names[:k]:
            raise Invalid("value has two columns named '%s'" % name)
    if not names:
        return [{} for k in range(count)]
    return [dict(zip(names, items)) for items in zip(*[items for name, items in columns])]


def is_labelled(series):
    """Whether a Series is one row: it has texts for labels, each once."""
    labels = series.index.tolist()
    return bool(labels) and all(isinstance(label, str) for label in labels) and len(
        set(labels)) == len(labels)


# ---- calls


class Caller:
    """Makes calls and writes replies."""

    def __init__(self, hello, function, wants, output):
        self.function = function
        self.pack = PACK[hello["value"]]
        self.output = output
        self.folder = hello["folder"]
        self.folder_fd = keep_away(os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC))
        self.params = hello["params"]
        self.environment = Environment(hello["variables"])
        self.place = {name: k for k, name in enumerate(hello["variables"])}
        self.wants = wants
        self.pid = os.getpid()
        self.cpu = cpu_time()
        self.cpu_read = perf_counter()

    def extra(self, name, values):
        """What a function gets that asks for `name`."""
        if name in ("cpus", "memory"):
            text = os.environ.get("PPGEN_" + name.upper())
            return int(text) if text else None
        text = values[self.place["PPGEN_" + name.upper()]]
        return int(text) if name in ("seed", "seed64", "index") else text

    def begin(self, values, folder):
        """Sets the scene of a call."""
        self.environment.set(values)
        if folder is None:
            os.fchdir(self.folder_fd)
        else:
            os.chdir(folder)

    def call(self, args, kwargs):
        """Calls the function; what it yields is its list."""
        value = self.function(*args, **kwargs)
        if hasattr(value, "__next__"):
            return list(value)
        if hasattr(value, "__await__"):
            if hasattr(value, "close"):
                value.close()
            raise Invalid("value is a '%s', which must be awaited: return what asyncio.run() gives"
                          % type(value).__name__)
        return value

    def stay(self, status=0):
        """Ends a process that the function forked and that came back here."""
        if os.getpid() != self.pid:
            self.output.sizes()
            os._exit(status)

    def cpu_used(self, now):
        """Microseconds of CPU time since the last look, which is not made for less than 1 ms."""
        if now - self.cpu_read < 0.001:
            return 0
        before = self.cpu
        self.cpu = cpu_time()
        self.cpu_read = now
        return int((self.cpu - before) * 1e6)

    def task(self, request, reply_fd):
        """One call, one reply; returns the code."""
        start = perf_counter()
        kwargs, values = request[2], request[3]
        try:
            self.begin(values, request[4] if len(request) > 4 else None)
            for name in self.wants:
                kwargs[name] = self.extra(name, values)
            data = self.pack(self.call((), kwargs))
            self.stay()
            status, code, why = "ok", 0, b""
        except BaseException as fault:
            status, code, why = settle(fault)
            self.stay(code)
            data, why = b"", shorten(why)
        self.reply(reply_fd, request[1], status, code, start, data, why)
        return code

    def reply(self, fd, seq, status, code, start, data, why):
        """Writes the reply on one task."""
        out, err = self.output.sizes()
        now = perf_counter()
        write_all(fd, b"%d %s %d %d %d %d %d %d %d\n%b%b" % (
            seq, status.encode(), code, (now - start) * 1e6, self.cpu_used(now), out, err, len(data),
            len(why), data, why))


def shorten(why):  # type: (str) -> bytes
    """A reason, at most WHY bytes of UTF-8."""
    return why.encode("utf-8", "backslashreplace")[:WHY].decode("utf-8", "ignore").encode()


def cpu_time():
    """Seconds of CPU time of this process and of the children that it waited for."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + used.ru_utime + used.ru_stime


# ---- the steps


def say_hello(fd, **members):
    """The first line to the pool."""
    members["ppgen"] = PROTOCOL
    write_all(fd, (json.dumps(members) + "\n").encode())


def open_function(hello, reply_fd, output):
    """What makes the calls; None when that cannot be, which the pool is told."""
    try:
        os.chdir(hello["folder"])
        function = load(hello["call"], hello["folder"])
        wants = wishes(function, hello["call"].rpartition(":")[2], hello)
        output.adopt()
        caller = Caller(hello, function, wants, output)
    except (Unusable, OSError) as fault:
        output.sizes()
        say_hello(reply_fd, error=str(fault))
        return None
    say_hello(reply_fd, language="Python %s" % sys.version.split()[0], wants=wants)
    return caller


def serve(caller, requests, replies):
    """A call for each request, until there are no more."""
    scan = json.JSONDecoder().scan_once  # what raw_decode() calls
    task = caller.task
    while True:
        line = read_line(requests)
        if not line:
            return
        request = scan(line, 0)[0]
        task(request, replies)


def main():
    """Returns the exit code."""
    try:
        os.close(5)  # this program's text
    except OSError:
        pass
    requests, replies = keep_away(3), keep_away(4)
    output = Output()
    hello = json.loads(read_line(requests))
    caller = open_function(hello, replies, output)
    if caller is None:
        return 1
    try:
        serve(caller, requests, replies)
    except BrokenPipeError:  # the pool is gone
        pass
    return 0


if __name__ == "__main__":
    del __file__  # what multiprocessing starts does not look for a main program
    sys.exit(main())
