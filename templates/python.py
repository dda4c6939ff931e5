# SPDX-License-Identifier: MIT
# ppgen-name: python
# ppgen-title: Python
# ppgen-interpreter: python3
# ppgen-form: MODULE:FUNCTION or FILE.py:FUNCTION
# ppgen-show: -c
# ppgen-show-module: import {module}; print({module}.{function}({arguments}))
# ppgen-show-file: import runpy, types; print(types.SimpleNamespace(**runpy.run_path({file})).{function}({arguments}))
# ppgen-literals: True False [ ] dict( ) [ ]
# ppgen-files: {}.py {}/__init__.py
# ppgen-import: (?:^|\G;|^[^#\n"']*?[:;])[ \t]*(?:from[ \t]+(?<within>[.\w]+)[ \t]+import\b[ \t]*(?<names>\([^)]*\)|(?:[^#;\n\\]|\\\n)*)|import[ \t]+(?<modules>(?:[^#;\n\\]|\\\n)+))
# ppgen-fork: yes
"""Calls one function of the user's for task after task: what ppgen runs a Python interpreter with.

Requests come on descriptor 3, replies go to descriptor 4, the tasks' own output goes to 1 and 2:
see ppgen-language(7). Python 3.6 or later, nothing but the standard library.

The time of an empty call counts here: what is done for each call is written for speed.
"""
import errno
import faulthandler
import fcntl
import json
import os
import stat
import sys
from os import lseek, write
from time import perf_counter, process_time
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

PROTOCOL = 1
PACKET = 4096  # at least: a read takes one packet of the pipe, never more
PAGE = 6  # the descriptor of memory that we share with the pool, words of 64 bits:
BEGUN, REVOKED = 0, 1  # the call that we began last; up to which the pool has taken back
MESSAGE = 256 * 1024  # the longest message of isolate: fork, and more
LOOK = 0.001  # seconds: what costs more than a call is not done for each
WHY = 300  # bytes of the reason that a reply gives
VALUE_MAX = 2 << 30  # bytes of a value
DEPTH = 100  # levels of a value; ppgen reads 200
Row = Dict[str, Any]
Column = Tuple[Any, List[Any]]  # its name and its items
EXTRAS = ("seed", "seed64", "scratch", "keep", "task", "index", "cpus", "memory")
NUMBERS = ("seed", "seed64", "index")
CONSTANTS = ("cpus", "memory")  # are the same for all calls of an interpreter
OURS = __file__  # our frames are left out of tracebacks


class Invalid(Exception):
    """What the function returned cannot be a result. Knows where in the value the fault is."""

    def __init__(self, text: str, where: str = "") -> None:
        Exception.__init__(self, text)
        self.text, self.where = text, where

    def inside(self, step: str) -> "Invalid":
        """The same fault, seen from one level further out."""
        self.where = step + self.where
        return self

    def __str__(self):
        where = self.where if len(self.where) < 200 else self.where[:100] + "..."
        return "value%s %s" % (where, self.text)


class Unusable(Exception):
    """The function cannot be had, or not be called as the spec does."""


# ---- descriptors


def keep_away(fd: int) -> int:
    """Moves a descriptor to where neither functions nor what they start come across it."""
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    first = (1024 if soft == resource.RLIM_INFINITY else min(soft, 1024)) - 24
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, max(first, 6))
    if fd > 2:
        os.close(fd)
    return high


def read_line(fd: int, size: int = PACKET) -> str:
    """The next line; empty at the end of all. A long one comes in several packets."""
    data = os.read(fd, size)
    return data.decode() if data[-1:] == b"\n" else read_rest(fd, data, size)


def read_rest(fd: int, data: bytes, size: int = PACKET) -> str:
    """The whole line that `data` begins, or ends."""
    parts = [data]
    while data and data[-1:] != b"\n":
        data = os.read(fd, size)
        parts.append(data)
    return b"".join(parts).decode() if data else ""


def write_all(fd: int, data: bytes) -> None:
    """Writes what may be too long for one write."""
    done = write(fd, data)
    if done < len(data):
        rest = memoryview(data)[done:]
        while rest:
            rest = rest[os.write(fd, rest):]


def close_quietly(fds: Iterable[int]) -> None:
    """Closes descriptors that may be closed already."""
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass


class Output:
    """Descriptors 1 and 2 and Python's streams to them, which a function may replace or close."""

    def __init__(self):
        self.kept = ()
        self.out = self.err = -1
        self.settle()
        self.adopt()

    def settle(self) -> None:
        """Takes descriptors 1 and 2 as they are now for the right ones."""
        close_quietly(self.kept)
        self.kept = (keep_away(1), keep_away(2))

    def adopt(self) -> None:
        """Takes the streams as they are now for the right ones."""
        self.stdout, self.stderr = sys.stdout, sys.stderr
        self.flush_stdout = getattr(sys.stdout, "flush", self.repair)
        self.flush_stderr = getattr(sys.stderr, "flush", self.repair)

    def repair(self) -> None:
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

    def sizes(self, closely: bool = True) -> Tuple[int, int]:
        """Everything flushed, the sizes of both files. To look closely costs 3 us."""
        if sys.stdout is not self.stdout or sys.stderr is not self.stderr:
            self.repair()
        try:
            self.flush_stdout()
            self.flush_stderr()
            out, err = os.lseek(1, 0, 2), os.lseek(2, 0, 2)
        except (OSError, ValueError):
            out = err = -1
        if closely or out != self.out or err != self.err:
            # The offset is that of the file, whichever descriptor moved it.
            kept_out, kept_err = self.kept
            moved = out != os.lseek(kept_out, 0, 1) or err != os.lseek(kept_err, 0, 1)
            if moved or closely and not (same_file(1, kept_out) and same_file(2, kept_err)):
                self.repair()
                out, err = os.lseek(kept_out, 0, 2), os.lseek(kept_err, 0, 2)
            self.out, self.err = out, err
        return out, err


def same_file(one: int, other_one: int) -> bool:
    """Whether two descriptors are of one file."""
    try:
        return os.path.sameopenfile(one, other_one)
    except OSError:
        return False


# ---- the environment


class Changes:
    """Notices what Python code does to the surroundings that calls share.

    To look after each call would cost more than the call. What C code does is found by looks at
    the clock's pace, as far as it can be.
    """

    def __init__(self) -> None:
        self.scene = True  # the working folder, the environment
        self.streams = True  # what descriptors stand for
        for name in ("chdir", "fchdir", "putenv", "unsetenv"):
            self.notice(name, "scene")
        self.notice("dup2", "streams")
        for name in ("putenv", "unsetenv"):
            if hasattr(os.environ, name):  # until 3.8
                setattr(os.environ, name, getattr(os, name))

    def notice(self, name: str, what: str) -> None:
        """Wraps a function of os."""
        import functools

        function = getattr(os, name)

        @functools.wraps(function)
        def noticed(*args, **kwargs):
            setattr(self, what, True)
            return function(*args, **kwargs)

        setattr(os, name, noticed)
        if function in os.supports_fd:
            os.supports_fd.add(noticed)


def make_late(mapping: Any, catch_up: Callable[[], None]) -> None:
    """Has os.environ bring itself up to date when somebody looks."""

    class _Environ(type(mapping)):
        @property
        def _data(self):
            catch_up()
            return self.__dict__["_data"]

        def __reduce_ex__(self, protocol):
            catch_up()
            return super().__reduce_ex__(protocol)

    mapping.__class__ = _Environ


class Environment:
    """The variables that differ between tasks.

    Each call has others, and few functions look at them. So what C code and new processes see is
    written at one go, into a block that putenv() was told of, where each variable has a place of
    fixed size: glibc never frees what setenv() stored. os.environ follows when somebody looks.
    """

    def __init__(self, heads: Sequence[str], names: Sequence[str]) -> None:
        """`heads` are "NAME=BEGIN", what a word follows; `names` are of those with any text."""
        self.heads = [head.encode() for head in heads] + [name.encode() + b"=" for name in names]
        self.parts = [head.split(b"=", 1) for head in self.heads]
        self.place = {key.decode(): k for k, (key, begin) in enumerate(self.parts)}
        self.values, self.block = [], None
        self.pending = False
        self.data = getattr(os.environ, "_data", None)  # bytes by bytes, in CPython
        try:
            import ctypes

            self.putenv = ctypes.CDLL(None).putenv
            self.char, self.pointer, self.address = (
                ctypes.c_char, ctypes.c_void_p, ctypes.addressof)
        except (ImportError, OSError, AttributeError):  # an interpreter without ctypes
            self.data = None
        if self.data is None or not all(isinstance(key, bytes) for key in self.data):
            self.set = self.set_plainly
        else:
            make_late(os.environ, self.catch_up)
            make_late(os.environb, self.catch_up)
            self.widen(256)

    def set(self, words: str, texts: Sequence[str]) -> None:
        """Sets all of them."""
        self.values = values = words.encode().split(b" ")
        longest = len(words)  # or less
        if texts:
            values += [text.encode() for text in texts]
            longest += max(map(len, values))
        if longest >= self.width:
            self.widen(2 * longest)
        self.fields[1::2] = values
        self.pack(self.block, 0, *self.fields)
        self.pending = True

    def set_plainly(self, words: str, texts: Sequence[str]) -> None:
        """The same by Python's own means."""
        self.values = words.encode().split(b" ") + [text.encode() for text in texts]
        for name, k in self.place.items():
            os.environ[name] = self.value(k)

    def value(self, k: int) -> str:
        """What variable k was set to."""
        return (self.parts[k][1] + self.values[k]).decode()

    def catch_up(self) -> None:
        """Gives os.environ what it does not have yet."""
        if self.pending:
            self.pending = False
            for (key, begin), value in zip(self.parts, self.values):
                self.data[key] = begin + value

    def widen(self, width: int) -> None:
        """Makes a new block, with places of `width` bytes behind the heads."""
        import struct

        layout = struct.Struct("".join("%ds%ds" % (len(head), width) for head in self.heads))
        self.width, self.pack = width, layout.pack_into
        before, self.block = self.block, (self.char * layout.size)()
        self.fields = [field for head in self.heads for field in (head, b"")]
        self.pack(self.block, 0, *self.fields)
        self.settle()
        del before  # not sooner: C code may have looked there

    def settle(self) -> None:
        """Has the block be the environment again, whatever a function did."""
        if self.set != self.set_plainly:
            at = self.address(self.block)
            for head in self.heads:
                self.putenv(self.pointer(at))
                at += len(head) + self.width


# ---- the function


def load(call: str, folder: str) -> Callable[..., Any]:
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
        named = call.rpartition(":")[0]
        raise Unusable("cannot import '%s': %s" % (named, import_why(fault, folder)))
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


def look_in(folder: str) -> None:
    """Puts the folder first on the module path, where the interpreter put the script's."""
    flags = sys.flags
    if sys.path and not (flags.isolated or getattr(flags, "safe_path", False)):
        sys.path[0] = folder
    else:
        sys.path.insert(0, folder)


def load_file(path: str) -> Any:
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


def import_why(fault: BaseException, folder: str) -> str:
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


def wishes(function: Callable[..., Any], name: str, hello: Dict[str, Any]) -> List[str]:
    """What the function's signature takes beside the parameters; fails where the two do not fit."""
    import inspect

    if inspect.iscoroutinefunction(function):
        raise Unusable("'%s' is a coroutine (async def): call a function that does asyncio.run() "
                       "of it" % name)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some that are written in C
        return []
    params = signature.parameters
    chunk = hello["per"] == "chunk"
    extras = ("cpus", "memory") if chunk else EXTRAS
    known = [] if chunk else list(hello["params"])
    if "rep" in known and takes_not(params, "rep"):
        known.remove("rep")  # `repeat` is for how often, and is no matter of the function's
    by_name = {key for key, p in params.items()
               if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    wants = [key for key in extras if key in by_name and key not in known]
    given = {key: None for key in list(known) + wants}
    try:
        signature.bind(*([None] if chunk else []), **given)
    except TypeError as fault:
        raise Unusable(misfit(name, params, given, chunk, fault))
    return wants


def takes_not(params: Any, key: str) -> bool:
    """Whether a signature has no place for a parameter."""
    return key not in params and not any(p.kind == p.VAR_KEYWORD for p in params.values())


def is_spared_rep(function: Callable[..., Any], hello: Dict[str, Any]) -> bool:
    """Whether the repetition's number is kept from a function, which does not ask for it."""
    import inspect

    try:
        params = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return hello["per"] == "task" and "rep" in hello["params"] and takes_not(params, "rep")


def misfit(name: str, params: Any, given: Dict[str, None], chunk: bool, fault: TypeError) -> str:
    """Why a function cannot be called with the spec's parameters."""
    if chunk:
        return "'%s' cannot be called with one list, as per: chunk does: %s" % (name, fault)
    for key in given:
        if takes_not(params, key):
            return "'%s' does not take the parameter '%s': add it, or **others" % (name, key)
    for key, p in params.items():
        if p.default is p.empty and key not in given and p.kind in (
                p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            return ("'%s' needs '%s', which is no parameter of the spec: add it, or give it a "
                    "default" % (name, key))
    return "'%s' cannot be called with the spec's parameters: %s" % (name, fault)


# ---- exceptions


def reason(fault: BaseException) -> str:
    """One line on an exception: its kind and the first line of its text."""
    try:
        lines = str(fault).strip().splitlines()
    except Exception:
        lines = ["(its text cannot be had)"]
    kind = type(fault).__name__
    return "%s: %s" % (kind, lines[0]) if lines else kind


def exit_text(fault: SystemExit) -> str:
    """How the user left."""
    code = fault.code
    return "sys.exit()" if code is None else "sys.exit(%s)" % (code if isinstance(code, int) else
                                                            safe_repr(code))


def safe_repr(thing: Any) -> str:
    """repr(), of anything."""
    try:
        return repr(thing)[:200]
    except Exception:
        return "a '%s'" % type(thing).__name__


def show(fault: BaseException) -> None:
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


def settle(fault: BaseException) -> Tuple[bytes, int, str]:
    """Status, code and reason of a call that raised; what is to be seen goes to stderr."""
    if isinstance(fault, Invalid):
        return b"invalid", 0, str(fault)
    if not isinstance(fault, SystemExit):
        show(fault)
        return b"exit", 1, reason(fault)
    code = fault.code
    if code is None or isinstance(code, int) and not code & 255:
        return b"invalid", 0, "the function left by %s and returned nothing" % exit_text(fault)
    if isinstance(code, int):
        return b"exit", code & 255, exit_text(fault)
    try:
        write_all(2, (str(code) + "\n").encode("utf-8", "backslashreplace"))
    except Exception:
        pass
    return b"exit", 1, exit_text(fault)


# ---- values

SCALARS = frozenset((bool, int, float, str, type(None)))
PLAIN = SCALARS | {dict, bytes}  # what a function returns that needs no look at what it is
TEXT = frozenset((str,))
GENERATORS = (type(_ for _ in ()), map, filter, zip, enumerate, reversed)
INFINITY = float("inf")

to_json = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode


def pack_rows(value: Any) -> bytes:
    """JSON of the rows that a value stands for."""
    kind = type(value)
    if kind is int:
        return b'{"value":%d}' % value
    if kind is float and -INFINITY < value < INFINITY:
        return ('{"value":%r}' % value).encode()
    if value is None:
        return b"{}"
    try:
        made = rows(value)
        try:
            return to_json(made).encode()
        except UnicodeEncodeError:
            raise Invalid("holds text with a lone surrogate, which UTF-8 does not have")
        except ValueError:
            return to_json(finite(made)).encode()
    except Invalid:
        raise
    except RecursionError:
        raise Invalid("is nested too deeply: does it hold itself?")
    except Exception as fault:  # of the value's own methods
        raise Invalid("cannot be written: " + reason(fault))


def pack_bytes(value: Any) -> bytes:
    """The bytes of a value."""
    if isinstance(value, bytes):
        return value
    try:
        return memoryview(value).tobytes()
    except TypeError:
        raise Invalid("is a '%s', not bytes, which `results: {value: bytes}` asks for"
                      % type(value).__name__)


def pack_none(value: Any) -> bytes:
    """Nothing."""
    return b""


PACK = {"rows": pack_rows, "bytes": pack_bytes, "none": pack_none}


def is_a(value: Any, module: str, name: str) -> bool:
    """Whether value is of a class of a module that is loaded already: none is loaded for it."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def rows(value: Any) -> Any:
    """A row, or a list of rows."""
    many = as_list(value)
    if many is None:
        return row(value)
    if SCALARS.issuperset(map(type, many)):
        return [{"value": item} for item in many]
    out = []
    try:
        for item in many:
            out.append(row(item))
    except Invalid as fault:
        raise fault.inside("[%d]" % len(out))
    return out


def as_list(value: Any) -> Optional[Sequence[Any]]:
    """The items of what is several rows; None of what is one. A tuple of scalars is one row."""
    if isinstance(value, (list, range)):
        return value
    if isinstance(value, tuple):
        one = hasattr(value, "_fields") or value and all(map(is_scalar, value))
        return None if one else value
    if is_a(value, "pandas", "DataFrame"):
        return frame_rows(value)
    if is_a(value, "pandas", "Series"):
        return None if is_labelled(value) else series_rows(value)
    if is_a(value, "numpy", "ndarray"):
        return array_rows(value)
    if hasattr(value, "tolist") and not is_a(value, "numpy", "generic"):
        listed = value.tolist()  # array.array, tensors, an index
        return listed if isinstance(listed, list) else None
    return None


def is_scalar(value: Any) -> bool:
    """Whether it is one number, text, truth value or nothing."""
    try:
        return type(value) in SCALARS or type(plain(value)) in SCALARS
    except Invalid:
        return False


def row(value: Any) -> Row:
    """One row: a dict."""
    if is_a(value, "pandas", "Series") and is_labelled(value):
        value = dict(zip(value.index.tolist(), value.tolist()))
    shown = plain(value)
    if isinstance(shown, dict):
        return shown
    if isinstance(shown, (list, tuple)):
        return {str(k): item for k, item in enumerate(shown)}
    return {"value": shown}


def fields(value: Any) -> Optional[Dict[Any, Any]]:
    """The members of a dict, dataclass, namedtuple or record; None of others."""
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value))
    names = getattr(value, "__dataclass_fields__", None)
    if names is not None and not isinstance(value, type):
        import dataclasses

        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if is_a(value, "numpy", "void") and value.dtype.names:
        return {name: value[name] for name in value.dtype.names}
    return None


def plain(value: Any, depth: int = 0) -> Any:
    """The same value, made of what JSON has. What is so already is returned as it is."""
    if type(value) in SCALARS:
        return value
    if depth == DEPTH:
        raise Invalid("is nested more than %d deep: does it hold itself?" % DEPTH)
    members = fields(value)
    if members is not None:
        if SCALARS.issuperset(map(type, members.values())) and TEXT.issuperset(map(type, members)):
            return members
        return plain_dict(members, depth)
    if isinstance(value, (list, tuple)):
        return value if SCALARS.issuperset(map(type, value)) else plain_list(value, depth)
    return other(value, depth)


def plain_list(items: Iterable[Any], depth: int) -> List[Any]:
    """A list of what JSON has."""
    out = []
    try:
        for item in items:
            out.append(plain(item, depth + 1))
    except Invalid as fault:
        raise fault.inside("[%d]" % len(out))
    return out


def plain_dict(members: Dict[Any, Any], depth: int) -> Row:
    """A dict with text for keys."""
    out = {}
    for key, item in members.items():
        name = column_of(key)
        if name in out:
            raise Invalid("has two members named '%s'" % name)
        try:
            out[name] = plain(item, depth + 1)
        except Invalid as fault:
            raise fault.inside("." + name)
    return out


def column_of(key: Any) -> str:
    """The name of a column: of a tuple, as pandas has them, joined by dots."""
    if isinstance(key, tuple):
        return ".".join(column_of(k) for k in key if k != "")
    return str(plain(key))


def finite(made: Any) -> Any:
    """What plain() made, with numbers that JSON does not have as the texts that pandas reads."""
    if isinstance(made, dict):
        return {key: finite(item) for key, item in made.items()}
    if isinstance(made, (list, tuple)):
        return [finite(item) for item in made]
    if isinstance(made, float) and not -INFINITY < made < INFINITY:
        return "NaN" if made != made else "inf" if made > 0 else "-inf"
    return made


def other(value: Any, depth: int) -> Any:
    """What is neither JSON's nor made of fields."""
    import datetime
    import decimal
    import enum
    import fractions
    import pathlib

    if isinstance(value, enum.Enum):
        return plain(value.value, depth + 1)
    for base in (str, int, float):
        if isinstance(value, base):
            return base.__new__(base, value)
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas: no value
        return None
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (pathlib.PurePath, fractions.Fraction)):
        return str(value)
    if isinstance(value, decimal.Decimal):
        return decimal_of(value)
    if isinstance(value, (complex, set, frozenset, bytes, bytearray, memoryview)):
        raise no_columns(value)
    return foreign(value, depth)


def decimal_of(value: Any) -> Union[int, float, str]:
    """A decimal as a number where a float is that very number, else as text: nothing is lost."""
    if not value.is_finite():
        return float("nan") if value.is_nan() else float(value)
    if value == value.to_integral_value() and value.as_tuple().exponent == 0:
        return int(value)
    near = float(value)
    return near if type(value)(repr(near)) == value else str(value)


def foreign(value: Any, depth: int) -> Any:
    """What NumPy and pandas have, and what behaves like it."""
    if is_a(value, "pandas", "DataFrame"):
        return plain_list(frame_rows(value), depth)
    if is_a(value, "numpy", "datetime64") or is_a(value, "numpy", "timedelta64"):
        return time_of(value)
    if is_a(value, "numpy", "longdouble"):
        return float(value)
    if is_a(value, "numpy", "ndarray") and value.ndim:
        dated = value.dtype.names or value.dtype.kind in "mM"
        return plain_list(array_rows(value) if dated else value.tolist(), depth)
    if hasattr(value, "tolist"):
        listed = value.tolist()
        if type(listed) is not type(value):
            return plain(listed, depth + 1)
    raise no_columns(value)


def time_of(value: Any) -> Union[str, float, None]:
    """A date of NumPy's as text, a span of time in seconds."""
    numpy = sys.modules["numpy"]
    if numpy.isnat(value):
        return None
    return str(value) if value.dtype.kind == "M" else float(value / numpy.timedelta64(1, "s"))


def no_columns(value: Any) -> Invalid:
    """The fault that something is no value."""
    return Invalid("is a '%s', which has no columns: return numbers, strings, lists or dicts of "
                   "them" % type(value).__name__)


def array_rows(array: Any) -> Optional[List[Any]]:
    """The rows of an array; None of one without dimensions."""
    if array.ndim == 0:
        return None
    if array.ndim > 2 or array.ndim > 1 and array.dtype.names:
        raise Invalid("is an array of %d dimensions, more than a table has: reshape it"
                      % array.ndim)
    if array.dtype.names or array.dtype.kind in "mM":
        return list(array)
    return array.tolist()


def index_columns(thing: Any) -> List[Column]:
    """The named levels of an index, as pairs of name and items."""
    index = thing.index
    return [(name, index.get_level_values(k).tolist())
            for k, name in enumerate(index.names) if name is not None]


def frame_rows(frame: Any) -> List[Row]:
    """The rows of a DataFrame, its named index first."""
    columns = [(label, frame.iloc[:, k].tolist()) for k, label in enumerate(frame.columns)]
    return table_rows(index_columns(frame) + columns, len(frame))


def series_rows(series: Any) -> List[Row]:
    """The rows of a Series that is a column."""
    name = "value" if series.name is None else series.name
    return table_rows(index_columns(series) + [(name, series.tolist())], len(series))


def table_rows(columns: List[Column], count: int) -> List[Row]:
    """Dicts of columns of equal length."""
    names = [column_of(name) for name, items in columns]
    for k, name in enumerate(names):
        if name in names[:k]:
            raise Invalid("has two columns named '%s'" % name)
    if not names:
        return [{} for k in range(count)]
    return [dict(zip(names, items)) for items in zip(*[items for name, items in columns])]


def is_labelled(series: Any) -> bool:
    """Whether a Series is one row: it has texts for labels, each once."""
    labels = series.index.tolist()
    return bool(labels) and all(isinstance(label, str) for label in labels) and len(
        set(labels)) == len(labels)


def items_of(value: Any, count: int) -> List[Any]:
    """The values of a chunk's tasks, one each."""
    if is_a(value, "pandas", "DataFrame"):
        items = frame_rows(value)
    elif is_a(value, "pandas", "Series"):
        items = series_rows(value)
    elif is_a(value, "numpy", "ndarray") and value.dtype.kind not in "O":
        items = list(value)
    elif isinstance(value, (list, tuple)) or hasattr(value, "__getitem__") and not isinstance(
            value, (dict, str, bytes)):
        items = list(value)
    else:
        raise Invalid("is a '%s': with per: chunk a function returns a list, an item a task"
                      % type(value).__name__)
    if len(items) != count:
        raise Invalid("has %d items, and the function got %d: with per: chunk it returns one for "
                      "each" % (len(items), count))
    return items


# ---- calls


class Caller:
    """Makes calls and writes replies."""

    def __init__(self, hello: Dict[str, Any], function: Callable[..., Any], wants: List[str],
                 output: Output, changes: Changes) -> None:
        self.function = function
        self.pack = PACK[hello["value"]]
        self.output = output
        self.folder = keep_away(os.open(hello["folder"], os.O_RDONLY | os.O_CLOEXEC))
        self.params = hello["params"]
        self.changes = changes
        self.environment = Environment(hello["variables"], hello["texts"])
        self.constants = {name: number_in("PPGEN_" + name.upper()) for name in wants
                          if name in CONSTANTS}
        self.wants = [self.place_of(name) for name in wants if name not in CONSTANTS]
        self.spares_rep = is_spared_rep(function, hello)
        self.family = Family()
        self.cpu, self.looked = cpu_time(), perf_counter()

    def place_of(self, name: str) -> Tuple[str, int, bytes, bool]:
        """Where the value of a want is: its variable, how that begins, whether it is a number."""
        k = self.environment.place["PPGEN_" + name.upper()]
        return name, k, self.environment.parts[k][1], name in NUMBERS

    def fill(self, kwargs: Dict[str, Any]) -> None:
        """Adds what the function asks for besides the parameters."""
        kwargs.update(self.constants)
        values = self.environment.values
        for name, k, begin, is_number in self.wants:
            text = begin + values[k]
            kwargs[name] = int(text) if is_number else text.decode()

    def settle(self, folder: Optional[str]) -> None:
        """Brings back the surroundings of a call."""
        self.environment.settle()
        if folder is None:
            os.fchdir(self.folder)
        else:
            os.chdir(folder)
        self.changes.scene = folder is not None

    def call(self, args: Sequence[Any], kwargs: Dict[str, Any], words: str, texts: Sequence[str],
             folder: Optional[str]) -> Any:
        """One call, in its surroundings; what it yields is its list."""
        if self.changes.scene or folder is not None:
            self.settle(folder)
        self.environment.set(words, texts)
        if self.spares_rep:
            kwargs.pop("rep", None)
        self.fill(kwargs)
        return self.checked(self.function(*args, **kwargs))

    def checked(self, value: Any) -> Any:
        """What a function returned, made a list where that must be."""
        if self.family.is_stray():
            self.leave(0)
        if type(value) in PLAIN:
            return value
        if isinstance(value, GENERATORS):
            return list(value)
        if hasattr(value, "__await__"):
            getattr(value, "close", bool)()
            raise Invalid("is a '%s', which must be awaited: return what asyncio.run() makes of it"
                          % type(value).__name__)
        return value

    def leave(self, code: int) -> None:
        """Ends a process without what was to be done at the exit of another."""
        self.output.sizes()
        os._exit(code)

    def failed(self, fault: BaseException) -> Tuple[bytes, int, bytes]:
        """What is replied on a call that raised."""
        status, code, why = settle(fault)
        if self.family.is_stray():
            self.leave(code)
        return status, code, shorten(why)

    def tasks(self) -> Callable[[List[Any], int], int]:
        """A function that makes one call for a request, and one reply; it returns the exit code.

        It does what call(), checked(), reply() and Output.sizes() do, in one piece as far as
        nothing is unusual; a closure over all that it needs is what is fast.
        """
        changes, output, family = self.changes, self.output, self.family
        function, pack, set_environment = self.function, self.pack, self.environment.set
        wants, spares_rep = bool(self.wants or self.constants), self.spares_rep
        may_be_stray = not family.told

        def task(request: List[Any], fd: int) -> int:
            start = perf_counter()
            try:
                if changes.scene or spares_rep or len(request) > 4:
                    value = self.call((), request[2], request[3], *surroundings(request))
                else:
                    kwargs = request[2]
                    set_environment(request[3], ())
                    if wants:
                        self.fill(kwargs)
                    value = function(**kwargs)
                    if type(value) not in PLAIN or family.stray or may_be_stray:
                        value = self.checked(value)
                data = pack(value)
                if len(data) > VALUE_MAX:
                    raise Invalid("is of %d bytes, and at most %d are kept"
                                  % (len(data), VALUE_MAX))
            except BaseException as fault:
                status, code, why = self.failed(fault)
                self.reply(fd, request[1], status, code, start, b"", why)
                return code
            now = perf_counter()
            if now - self.looked < LOOK and not changes.streams and (
                    sys.stdout is output.stdout and sys.stderr is output.stderr):
                try:
                    output.flush_stdout()
                    output.flush_stderr()
                    out, err = lseek(1, 0, 2), lseek(2, 0, 2)
                except (OSError, ValueError):
                    out = err = -1
                if out == output.out and err == output.err:
                    data = b"%d ok 0 %d 0 %d %d %d 0\n%b" % (
                        request[1], (now - start) * 1e6, out, err, len(data), data)
                    write_all(fd, data)
                    return 0
            self.reply(fd, request[1], b"ok", 0, start, data, b"")
            return 0

        return task

    def chunk(self, request: List[Any], fd: int, line: str) -> int:
        """One call, a reply an item; each item by itself when that raises."""
        start = perf_counter()
        seq, items = request[1:3]
        try:
            values = self.many(request)
            told = None
        except BaseException as fault:
            told = self.failed(fault) if len(items) == 1 or isinstance(fault, Invalid) else ()
            if not told and self.family.is_stray():
                self.leave(settle(fault)[1])
        if told == ():
            return self.one_by_one(json.loads(line), fd)  # the function may have changed its items
        for k in range(len(items)):
            status, code, why = told or (b"ok", 0, b"")
            data = b""
            if not told:
                try:
                    data = self.pack(values[k])
                except Invalid as fault:
                    status, code, why = self.failed(fault)
            self.reply(fd, seq + k, status, code, start, data, why, len(items))
        return code

    def many(self, request: List[Any]) -> List[Any]:
        """Calls the function with a list; what it returned for each item."""
        items = request[2]
        count = len(items)
        if len(self.params) == 1:
            items = [item[self.params[0]] for item in items]
        texts, folder = surroundings(request)
        return items_of(self.call((items,), {}, request[3][0], texts[0] if texts else (), folder),
                        count)

    def one_by_one(self, request: List[Any], fd: int) -> int:
        """Calls for each item of a chunk; returns the last exit code that is not 0."""
        code = 0
        for k in range(len(request[2])):
            texts, folder = surroundings(request)
            alone = ["chunk", request[1] + k, [request[2][k]], [request[3][k]], texts[k:k + 1],
                     folder]
            code = self.chunk(alone, fd, "") or code
        return code

    def reply(self, fd: int, seq: int, status: bytes, code: int, start: float, data: bytes,
              why: bytes, among: int = 1) -> None:
        """Writes the reply on one task, or on one of those that share a call."""
        now = perf_counter()
        cpu = 0
        closely = self.changes.streams
        if now - self.looked >= LOOK:
            closely = self.changes.scene = True
            before = self.cpu
            self.cpu, self.looked = cpu_time(), now
            cpu = (self.cpu - before) * 1e6
        if closely:
            out, err = self.output.sizes()
            self.changes.streams = False
        else:
            out, err = self.output.sizes(False)
        write_all(fd, b"%d %b %d %d %d %d %d %d %d\n%b%b" % (
            seq, status, code, (now - start) / among * 1e6, cpu, out, err, len(data), len(why),
            data, why))


def surroundings(request: List[Any]) -> Tuple[Sequence[Any], Optional[str]]:
    """The texts and the folder of a request, which many have not."""
    if len(request) < 5:
        return (), None
    return request[4], request[5] if len(request) > 5 else None


def number_in(name: str) -> Optional[int]:
    """The number that a variable holds; None where there is none."""
    text = os.environ.get(name)
    return int(text) if text else None


def shorten(why: str) -> bytes:
    """A reason, at most WHY bytes of UTF-8."""
    text = why.encode("utf-8", "backslashreplace")
    return text[:WHY].decode("utf-8", "ignore").encode()


def cpu_time() -> float:
    """Seconds of CPU time of this process and of the children that it waited for."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + used.ru_utime + used.ru_stime


# ---- processes


class Family:
    """Knows the process that answers from those that a function forks, which must not."""

    def __init__(self):
        self.private = ()  # descriptors that nobody inherits
        self.ours = False  # a fork of our own
        self.stray = False
        self.pid = os.getpid()
        self.told = hasattr(os, "register_at_fork")  # 3.7
        if self.told:
            os.register_at_fork(after_in_child=self.forked)

    def forked(self) -> None:
        """Runs in every child that Python forks."""
        if not self.ours:
            self.stray = True
            close_quietly(self.private)

    def is_stray(self) -> bool:
        """Whether this is a process that a function forked and that came back here."""
        return self.stray if self.told else os.getpid() != self.pid

    def fork(self) -> int:
        """A fork of our own."""
        self.ours = True
        try:
            child = os.fork()
        finally:
            self.ours = False
        self.pid = os.getpid()
        return child


def serve(caller: Caller, requests: int, replies: int, page: Any) -> None:
    """A call for each request, until there are no more."""
    scan = json.JSONDecoder().scan_once  # what raw_decode() calls
    caller.family.private = (requests, replies)
    task = caller.tasks()
    begun = 0
    while True:
        data = os.read(requests, PACKET)
        lines = data.decode() if data[-1:] == b"\n" else read_rest(requests, data)
        if not lines:
            return
        at, end = 0, len(lines)
        while at < end:
            request, at = scan(lines, at)
            at += 1  # the newline
            page[BEGUN] = seq = request[1]
            if seq <= page[REVOKED]:
                page[BEGUN] = begun
                write_all(replies, b"%d back 0 0 0 0 0 0 0\n" % seq)
                continue
            begun = seq
            if request[0] == "chunk":
                caller.chunk(request, replies, lines)
            else:
                task(request, replies)


def receive(sock: Any) -> Tuple[str, List[int]]:
    """The next message and its descriptors."""
    import array
    import socket

    room = socket.CMSG_SPACE(8 * 4)
    data, extra, flags, sender = sock.recvmsg(MESSAGE, room, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    fds = array.array("i")
    for level, kind, packed in extra:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(packed[:len(packed) - len(packed) % fds.itemsize])
    fds = fds.tolist()
    if data == b"file\n":
        with open(fds.pop(), "rb") as whole:
            whole.seek(0)
            data = whole.read()
    return data.decode(), fds


def serve_forks(caller: Caller, requests: int, replies: int) -> None:
    """A process for each request, until there are no more."""
    import gc
    import socket
    import warnings

    warnings.filterwarnings("ignore", category=DeprecationWarning, module="__main__")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, requests)
    gc.collect()
    getattr(gc, "freeze", bool)()  # pages that stay as they are stay shared
    while True:
        line, fds = receive(sock)
        if not line:
            sock.close()
            return
        request = json.loads(line)
        try:
            child = caller.family.fork()
            if child == 0:
                nurse(caller, request, line, fds, (sock.detach(), replies))
            close_quietly(fds)
            os.waitpid(child, 0)
        except ChildProcessError:  # the module waits for children itself
            pass
        except OSError as fault:
            close_quietly(fds)
            write_all(replies, b"%d %d\n" % (request[1], -(fault.errno or errno.EAGAIN)))


def nurse(caller: Caller, request: List[Any], line: str, fds: List[int],
          private: Tuple[int, int]) -> None:
    """In the child: forks the task, tells its process and leaves it to the pool."""
    pid = -1
    try:
        pid = caller.family.fork()
        if pid == 0:
            be_task(caller, request, line, fds, private)
        write_all(private[1], b"%d %d\n" % (request[1], pid))
    except OSError as fault:
        if pid < 0:
            write_all(private[1], b"%d %d\n" % (request[1], -(fault.errno or errno.EAGAIN)))
    finally:
        os._exit(0)


def seed_generators(seed: int) -> None:
    """Gives the modules' own generators the task's seed: a fork would draw what all others draw."""
    for name in ("random", "numpy.random"):
        if name in sys.modules:
            sys.modules[name].seed(seed)


def be_task(caller: Caller, request: List[Any], line: str, fds: List[int],
            private: Tuple[int, int]) -> None:
    """In the grandchild: makes the call, with descriptors of its own. Does not return."""
    code = 1
    try:
        os.setpgid(0, 0)
        close_quietly(private)
        null = os.open(os.devnull, os.O_RDONLY)
        for fd, place in zip([null] + fds[:2], range(3)):
            os.dup2(fd, place)
            os.close(fd)
        reply = keep_away(fds[2])
        caller.output.settle()
        caller.family.private = (reply,)
        caller.cpu, caller.looked = cpu_time(), 0
        words = request[3] if request[0] == "call" else request[3][0]
        seed_generators(int(words.split(" ")[caller.environment.place["PPGEN_SEED"]]))
        if request[0] == "chunk":
            code = caller.chunk(request, reply, line)
        else:
            code = caller.tasks()(request, reply)
    except BaseException as fault:  # not of the function: it has its reply
        show(fault)
    finally:
        os._exit(code)


# ---- the steps


def open_page(hello: Dict[str, Any]) -> Any:
    """The memory shared with the pool; a list of our own where there is none."""
    if not hello.get("page"):
        return [0, -1]
    try:
        import mmap

        return memoryview(mmap.mmap(PAGE, 16)).cast("Q")
    except Exception:  # an interpreter without it
        return [0, -1]
    finally:
        close_quietly([PAGE])


def open_function(hello: Dict[str, Any], replies: int, output: Output,
                  changes: Changes, packs: bool) -> Optional[Caller]:
    """What makes the calls; None when that cannot be, which the pool is told."""
    answer = {"ppgen": PROTOCOL}
    caller = None
    try:
        if hello["ppgen"] != PROTOCOL:
            raise Unusable("this is for protocol %d, not %s" % (PROTOCOL, hello["ppgen"]))
        os.chdir(hello["folder"])
        function = load(hello["call"], hello["folder"])
        wants = wishes(function, hello["call"].rpartition(":")[2], hello)
        output.adopt()
        caller = Caller(hello, function, wants, output, changes)
        answer["language"] = "Python " + sys.version.split()[0]
        answer["wants"] = wants
        answer["packs"] = packs
    except Unusable as fault:
        answer["error"] = str(fault)
    except Exception as fault:
        answer["error"] = reason(fault)
    output.sizes()
    write_all(replies, (json.dumps(answer) + "\n").encode())
    return caller


def main() -> int:
    """Returns the exit code."""
    close_quietly([5])  # this program's text
    requests, replies = keep_away(3), keep_away(4)
    changes, output = Changes(), Output()
    faulthandler.enable()  # a crash shows where it was
    hello = json.loads(read_line(requests, MESSAGE))
    page = open_page(hello)
    caller = open_function(hello, replies, output, changes, type(page) is memoryview)
    if caller is None:
        return 1
    try:
        if stat.S_ISSOCK(os.fstat(requests).st_mode):
            serve_forks(caller, requests, replies)
        else:
            serve(caller, requests, replies, page)
    except BrokenPipeError:  # the pool is gone
        pass
    except OSError as fault:
        if fault.errno != errno.EBADF:
            raise
        write_all(2, b"the function closed the descriptors on which its result is to be told\n")
        return 1
    return 0


if __name__ == "__main__":
    del __file__  # what multiprocessing starts does not look for a main program
    sys.exit(main())
