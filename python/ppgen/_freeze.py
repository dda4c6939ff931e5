# SPDX-License-Identifier: MIT
"""Pickling for another process: also what the main program defines.

A worker is an interpreter of its own. What stands in a module is found there by its name. What the
main program defines is not, so it is sent by value where cloudpickle is there. Else the worker
loads the script under another name, as multiprocessing does, and finds it there.
"""

import io
import os
import pickle
import sys
import types
from typing import Any, Optional

from ._errors import PickleError

MAIN = "__ppgen_main__"  # what the main program is called in a worker
# What Python 3.6 reads; it does not change with Python, and neither do the items' hashes.
PROTOCOL = 4


class LoadingStopped(BaseException):
    """Ends the loading of a script in a worker where it would begin to map."""


def cloudpickle() -> Any:
    """The module cloudpickle, or the one that comes with joblib; None without both."""
    try:
        import cloudpickle as found
    except ImportError:
        try:
            from joblib.externals import cloudpickle as found
        except ImportError:
            return None
    return found


def main_script() -> Optional[str]:
    """The file of the main program; None in a notebook, at a prompt and behind `python -c`."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    spec = getattr(main, "__spec__", None)
    if path is None or not os.path.isfile(path) or (spec is not None and spec.name == "__main__"):
        return None
    if path.endswith((".pyc", ".pyo")) or _in_notebook():
        return None
    return os.path.abspath(path)


def _in_notebook() -> bool:
    """Whether code comes from cells: then the main program's file has nothing of it."""
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None


def adopt_main() -> None:
    """Makes what workers call the main program a name of ours: classes of results are found by
    it."""
    if MAIN not in sys.modules and "__main__" in sys.modules:
        sys.modules[MAIN] = sys.modules["__main__"]


def is_main(thing: Any) -> bool:
    """Whether a function or class is defined in the main program."""
    return getattr(thing, "__module__", None) in ("__main__", None, MAIN)


def freeze(thing: Any, what: str) -> bytes:
    """A pickle of a function and its arguments.

    what: how messages call it. PickleError where it cannot be sent.
    """
    adopt_main()
    cloud = cloudpickle()
    fault = None  # type: Optional[BaseException]
    data = None  # type: Optional[bytes]
    try:
        data = pickle.dumps(thing, PROTOCOL)
    except Exception as found:  # anybody's __reduce__
        fault = found
    if data is not None and not _names_main(data):
        return data
    if cloud is not None:
        try:
            return cloud.dumps(thing, PROTOCOL)
        except Exception as found:
            fault = fault or found
    if data is not None and main_script() is not None:
        return data
    raise PickleError(_message(thing, what, fault, cloud is not None))


def _names_main(data: bytes) -> bool:
    return b"__main__" in data or MAIN.encode() in data


def freeze_item(item: Any, index: int) -> bytes:
    """A pickle of one item; PickleError that names it."""
    try:
        data = pickle.dumps(item, PROTOCOL)
        if not _names_main(data):
            return data
    except Exception:  # anybody's __reduce__
        pass
    return freeze(item, "item %d" % index)


def _message(thing: Any, what: str, fault: Optional[BaseException], has_cloud: bool) -> str:
    """Why something cannot be sent, and what to do."""
    culprit = _culprit(thing)
    if culprit is None:
        culprit = "a '%s'" % type(thing).__name__
    text = "%s cannot be sent to other processes" % what
    if fault is not None:
        text += ": %s (%s)" % (culprit, _first_line(fault))
    else:
        text += (": %s is defined at a prompt or in a notebook, where other processes do not find it" %
                 culprit)
    if has_cloud:
        return text + ": open files, locks and connections where it is called, not before"
    return text + (": put it into a module of its own and import it, or install cloudpickle "
                   "(`pip install cloudpickle`), which sends functions and classes by value")


def _first_line(fault: BaseException) -> str:
    return "%s: %s" % (type(fault).__name__, (str(fault).splitlines() or [""])[0][:200])


def _culprit(thing: Any) -> Optional[str]:
    """What in a tuple (function, arguments) is at fault; a few levels of containers are looked
    into."""
    if isinstance(thing, types.FunctionType):
        return "the function '%s'" % thing.__qualname__
    parts = None
    if isinstance(thing, dict):
        parts = list(thing.items())
    elif isinstance(thing, (list, tuple)):
        parts = list(enumerate(thing))
    for key, part in (parts or [])[:1000]:
        try:
            if not _names_main(pickle.dumps(part, PROTOCOL)):
                continue
        except Exception:
            pass
        inner = _culprit(part)
        return inner if inner is not None else "a '%s' in it" % type(part).__name__
    return None


class _Thaw(pickle.Unpickler):
    """Finds what the main program of the caller defines."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("__main__", MAIN):
            load_main()
        return super().find_class(MAIN if module == "__main__" and MAIN in sys.modules else module,
            name)


_main = {}  # type: Any  # "path", "caller": set in a worker


def set_main(path: Optional[str], package: Optional[str]) -> None:
    """Tells a worker which script its caller is, and of which package, where it was started by
    `python -m`."""
    _main["path"] = path
    _main["package"] = package


def load_main() -> None:
    """In a worker: loads the caller's script, once."""
    path = _main.get("path")
    if path is None or MAIN in sys.modules:
        return
    module = types.ModuleType(MAIN)
    module.__file__ = path
    module.__package__ = _main["package"]
    sys.modules[MAIN] = module
    _main["ours"] = sys.modules.get("__main__")  # still in use
    sys.modules["__main__"] = module
    with io.open_code(path) if hasattr(io, "open_code") else open(path, "rb") as file:
        text = file.read()
    _main["loading"] = True
    try:
        exec(compile(text, path, "exec"), module.__dict__)
    except LoadingStopped:
        pass  # what is mapped was defined before
    finally:
        _main["loading"] = False


def stop_loading() -> None:
    """In a worker that loads the script: the script is at the call that started the worker."""
    if _main.get("loading"):
        raise LoadingStopped()


def thaw(data: Any) -> Any:
    """What was pickled by freeze()."""
    try:
        return pickle.loads(data)
    except AttributeError as fault:
        if _main.get("path") is None or MAIN in sys.modules or "__main__" not in str(fault):
            raise
    return _Thaw(io.BytesIO(data)).load()


def thaw_function(data: bytes) -> Any:
    """The function and arguments, as thaw(); the fault says what to do."""
    try:
        return thaw(data)
    except AttributeError as fault:
        if _main.get("path") is None:
            raise
        raise AttributeError("%s: '%s' was loaded up to its first call of ppgen: define the function "
                             "above that, or put the calls under `if __name__ == '__main__':`, "
                             "or install cloudpickle"
                             % (fault, _main["path"])) from None


def freeze_result(value: Any, protocol: int) -> bytes:
    """A pickle of what a function returned; PickleError names its type."""
    try:
        return pickle.dumps(value, protocol)
    except Exception as fault:
        cloud = cloudpickle()
        if cloud is not None:
            try:
                return cloud.dumps(value, protocol)
            except Exception:
                pass
        inner = None if isinstance(value, types.FunctionType) else _culprit(value)
        raise PickleError("the function returned a '%s', which cannot be pickled%s (%s): "
                          "return data" % (
            type(value).__name__, ": " + inner if inner else "", _first_line(fault))) from None
