# SPDX-License-Identifier: MIT
"""What a function is, as text: the same text in every session as long as the function does the
same.

It names the function's source, the values that it captured, its defaults, and whatever it refers to
in its module: functions and classes with their source, constants with their values, modules of the
user's with a hash of their files, libraries with their versions. So it does with functions that it
reaches by a list, a dict or an object, and with modules that it imports when called. Where
something cannot be told for certain, the text rather changes than stays: then items are called
again that need not have been, and nothing worse.
"""

import ast
import builtins
import functools
import hashlib
import inspect
import pickle
import sys
import types
from typing import Any, Dict, List, Optional, Set, Tuple

from ._imports import (Import, find_module, imports_of_code, imports_of_tree, module_file,
                       own_file)

_SCALARS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_LIMIT = 400  # characters of a value that are shown; of longer ones a hash is
_DEPTH = 20  # how deep containers are looked into
_PARTS = 10000  # and how many of them from one value


# There pickle's quick half holds everything before it writes: no bound would help.
WHOLE = sys.version_info < (3, 7)


class _Bounded:
    """A file that takes so many bytes and no more."""

    def __init__(self) -> None:
        self.parts = []  # type: List[bytes]
        self.left = 0

    def write(self, data: Any) -> int:
        """What a pickler calls, once for each 64 KiB."""
        self.left -= len(data)
        if self.left < 0:
            raise OverflowError("too large")
        self.parts.append(bytes(data))
        return len(data)


class Plain:
    """Makes pickles that do not depend on which parts of a thing are one object."""

    def __init__(self) -> None:
        self.out = _Bounded()
        self.maker = pickle.Pickler(self.out, 4)
        self.maker.fast = True

    def dump(self, thing: Any, usual: bytes = b"") -> Optional[bytes]:
        """Such a pickle; None where there is none.

        usual: its usual pickle, where parts of it may be shared: what is much larger without that
            is left alone.
        """
        out = self.out
        out.left = 4 * len(usual) + 65536 if usual else 1 << 40
        try:
            if WHOLE and (b"h" in usual or b"j" in usual):  # a part may come twice
                maker = pickle._Pickler(out, 4)  # type: ignore
                maker.fast = True
                maker.dump(thing)
            else:
                self.maker.dump(thing)
            return out.parts[0] if len(out.parts) == 1 else b"".join(out.parts)
        except Exception:  # it holds itself, or it is too large, or its own code does not like this
            self.__init__()  # type: ignore
            return None
        finally:
            self.out.parts.clear()


def digest_of(thing: Any) -> str:
    """A hash of a value's pickle."""
    data = pickle.dumps(thing, 4)
    return hashlib.sha256(Plain().dump(thing, data) or data).hexdigest()


def stable(value: Any, depth: int = 0) -> str:
    """A value as text that is the same in every process.

    >>> stable({"a": {3, 1, 2}, "b": (1.5, "x")})
    "{'a': {1, 2, 3}, 'b': (1.5, 'x')}"
    >>> stable(range(3))
    'range(0, 3)'
    """
    text = _stable(value, depth)
    if len(text) > _LIMIT:
        text = "%s of %d characters, sha256 %s" % (
            type(value).__name__, len(text),
            hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    return text


def _stable(value: Any, depth: int) -> str:
    kind = type(value)
    if kind in _SCALARS or kind is range:
        return repr(value)
    if depth < 20:
        if kind in (list, tuple, set, frozenset):
            items = [stable(item, depth + 1) for item in value]
            if kind in (set, frozenset):
                items.sort()
            marks = {list: "[]", tuple: "()", set: "{}", frozenset: "<>"}[kind]
            return marks[0] + ", ".join(items) + marks[1]
        if kind is dict:
            return "{%s}" % ", ".join("%s: %s" % (stable(k, depth + 1), stable(v, depth + 1))
                                      for k, v in value.items())
    try:
        return "%s.%s %s" % (kind.__module__, kind.__qualname__, digest_of(value))
    except Exception:  # what cannot be pickled has no value that could be told
        return "a %s.%s" % (kind.__module__, kind.__qualname__)


def library(name: Optional[str]) -> str:
    """A library's module with the version of its package."""
    if not name:
        return "unknown"
    top = name.split(".")[0]
    version = getattr(sys.modules.get(top), "__version__", None)
    return "%s %s" % (name, version) if isinstance(version, str) else name


def own_class(kind: type) -> bool:
    """Whether a class is the user's."""
    return kind.__module__ == "__main__" or (
        module_file(sys.modules.get(kind.__module__ or "")) is not None)


def _parts(value: Any) -> List[Tuple[str, Any]]:
    """What a container or an object of the user's holds, with the ends of titles."""
    parts = []  # type: List[Tuple[str, Any]]
    if isinstance(value, dict):
        for key, member in value.items():
            if type(member) not in _SCALARS:
                parts.append(("[%s]" % stable(key), member))
            if type(key) not in _SCALARS:
                parts.append((" key %s" % stable(key), key))
    elif isinstance(value, (list, tuple)):
        parts += [("[%d]" % at, member) for at, member in enumerate(value)
                  if type(member) not in _SCALARS]
    elif isinstance(value, (set, frozenset)):
        members = [(stable(member), getattr(member, "__qualname__", ""), getattr(
            getattr(member, "__code__", None), "co_firstlineno", 0), at, member)
            for at, member in enumerate(value) if type(member) not in _SCALARS]
        parts += [("{%d}" % at, member[4]) for at, member in enumerate(sorted(members,
            key=lambda member: member[:4]))]
    kind = type(value)
    if kind is types.SimpleNamespace or own_class(kind):
        held = dict(getattr(value, "__dict__", None) or {})
        for base in kind.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                slot = base.__dict__.get(name)
                if isinstance(slot, types.MemberDescriptorType):
                    try:
                        held[name] = slot.__get__(value, kind)
                    except AttributeError:  # not set
                        pass
        parts += [("." + str(name), member) for name, member in sorted(
            held.items(), key=lambda item: str(item[0])) if type(member) not in _SCALARS]
    return parts


class Describer:
    """Collects sections, each of something that was met, each once."""

    def __init__(self) -> None:
        self.sections = []  # type: List[Tuple[str, str]]
        self.seen = {}  # type: Dict[int, Any]
        self.sources = {}  # type: Dict[str, Optional[Tuple[List[str], Any]]]
        self.walked = {}  # type: Dict[int, Any]
        self.end = 0
        self.files = set()  # type: Set[str]

    def add(self, title: str, text: str) -> None:
        """A section; one title may come more than once."""
        self.sections.append((title, text.rstrip("\n")))

    def text(self) -> str:
        """All sections."""
        return "".join("== %s\n%s\n" % section for section in self.sections)

    def thing(self, title: str, value: Any) -> None:
        """Whatever it is."""
        if id(value) in self.seen and not isinstance(value, _SCALARS):
            self.add(title, "as above: %s" % getattr(value, "__qualname__", type(value).__name__))
            return
        if not isinstance(value, _SCALARS):
            self.seen[id(value)] = value
        if isinstance(value, functools.partial):
            self.add(title, "functools.partial")
            self.thing(title + ".func", value.func)
            self.add(title + ".args", stable(value.args))
            self.add(title + ".keywords", stable(sorted(value.keywords.items())))
            self.inside(title + ".args", value.args)
            self.inside(title + ".keywords", value.keywords)
        elif isinstance(value, types.FunctionType):
            self.function(title, value)
        elif isinstance(value, types.MethodType):
            self.function(title, value.__func__)
            self.instance(title + ".self", value.__self__)
        elif isinstance(value, types.ModuleType):
            self.module(title, value)
        elif isinstance(value, type):
            self.klass(title, value)
        elif isinstance(value, (types.BuiltinFunctionType, types.MethodDescriptorType
                                if hasattr(types, "MethodDescriptorType")
                                else types.BuiltinFunctionType)):
            self.builtin(title, value)
        elif hasattr(value, "__wrapped__") and callable(value):  # such as functools.lru_cache
            self.add(title, "%s.%s" % (type(value).__module__, type(value).__qualname__))
            self.thing(title + ".wrapped", value.__wrapped__)
        elif callable(value):
            self.instance(title, value)
        else:
            self.add(title, stable(value))
            self.inside(title, value)

    def inside(self, title: str, value: Any, depth: int = 0) -> None:
        """The code that containers and objects hold; their values are told already."""
        kind = type(value)
        if kind in _SCALARS or id(value) in self.walked:
            return
        if not isinstance(value, (dict, list, tuple, set, frozenset)) and (
                kind is not types.SimpleNamespace and not own_class(kind)):
            return
        if depth == 0:
            self.end = len(self.walked) + _PARTS
        if depth > _DEPTH or len(self.walked) >= self.end:
            return
        self.walked[id(value)] = value
        if own_class(kind) and id(kind) not in self.seen:
            self.thing(title + ".class", kind)
        for end, member in _parts(value):
            if isinstance(member, type):
                if own_class(member):
                    self.thing(title + end, member)
            elif isinstance(member, types.ModuleType):
                if module_file(member):
                    self.thing(title + end, member)
            elif isinstance(member, (types.FunctionType, types.MethodType, functools.partial)) or (
                    callable(member) and "__wrapped__" in getattr(member, "__dict__", ())):
                self.thing(title + end, member)
            else:
                self.inside(title + end, member, depth + 1)

    def imports(self, found: List[Import], package: str,
            called: bool) -> None:
        """The user's files that import statements name, and those that these import.

        called: the statements are a function's; what is missing is told.
        """
        for name, level, names in sorted(set(found)):
            if level:
                above = package.split(".")
                above = above[:len(above) - level + 1]
                name = ".".join(word for word in above + [name] if word)
            if not name:
                continue
            specs = find_module(name)
            if not specs or specs[-1][0] != name:
                if called and name != "__main__":
                    self.add("import %s" % name, "module %s, not found" % name)
            elif specs[-1][1].submodule_search_locations is not None:
                for part in names:
                    specs += find_module("%s.%s" % (name, part))[len(name.split(".")):]
            for full, spec in specs:
                self.file(full, spec)

    def file(self, name: str, spec: Any) -> None:
        """A module that need not be loaded, by its file."""
        path = own_file(spec.origin if spec.has_location else None)
        if path is None or path in self.files:
            return
        self.files.add(path)
        with open(path, "rb") as file:
            data = file.read()
        self.add("import %s" % name, "module %s, sha256 %s" % (
            name, hashlib.sha256(data).hexdigest()))
        self.imports_of_file(data, spec.parent or "")

    def imports_of_file(self, data: bytes, package: str) -> None:
        """What a file imports, in functions too."""
        try:
            tree = ast.parse(data)
        except (SyntaxError, ValueError):  # importing it fails, too
            return
        self.imports(imports_of_tree(tree), package, False)

    def builtin(self, title: str, value: Any) -> None:
        """A function that is written in C."""
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "?")
        owner = getattr(value, "__self__", None)
        self.add(title, "%s of %s" % (name, library(getattr(value, "__module__", None))))
        if owner is not None and not isinstance(owner, types.ModuleType):
            self.add(title + ".self", stable(owner))

    def instance(self, title: str, value: Any) -> None:
        """An object with the class that it is of."""
        if isinstance(value, type):
            self.klass(title, value)
            return
        version = library(getattr(type(value), "__module__", None))
        self.add(title, "%s (%s)" % (stable(value), version))
        self.thing(title + ".class", type(value))
        self.inside(title, value)

    def klass(self, title: str, value: type) -> None:
        """A class: its source where it is the user's, and what its methods refer to."""
        module = sys.modules.get(value.__module__)
        if value.__module__ == "builtins" or module is None or (
                value.__module__ != "__main__" and module_file(module) is None):
            self.add(title, "class %s of %s" % (value.__qualname__, library(value.__module__)))
            return
        found = None
        for name, member in vars(value).items():
            code = getattr(getattr(member, "__func__", member), "__code__", None)
            if code is not None and found is None:
                found = code.co_filename
        self.add(title, self.source(found, value.__name__, None, ast.ClassDef) or "class %s" % (
            value.__qualname__))
        for name, member in sorted(vars(value).items()):
            member = getattr(member, "__func__", member)
            if isinstance(member, property):
                member = member.fget
            if isinstance(member, types.FunctionType):
                self.code(title + "." + name, member, with_source=found is None)
            elif not name.startswith("__") and not callable(member) and not hasattr(
                    member, "__get__"):
                self.add(title + "." + name, stable(member))
                self.inside(title + "." + name, member)
        for base in value.__bases__:
            if base is not object:
                self.thing(title + ".base " + base.__name__, base)

    def module(self, title: str, value: Any) -> None:
        """A module: a hash of its file where it is the user's, with those it uses; else its
        version."""
        path = module_file(value)
        if path is None:
            self.add(title, "module %s" % library(value.__name__))
            return
        with open(path, "rb") as file:
            data = file.read()
        self.add(title, "module %s, sha256 %s" % (
            value.__name__, hashlib.sha256(data).hexdigest()))
        self.files.add(path)
        for name, member in sorted(vars(value).items()):
            other = member if isinstance(member, types.ModuleType) else sys.modules.get(
                getattr(member, "__module__", None) or "")
            if other is not None and other is not value and id(other) not in self.seen and (
                    module_file(other)):
                self.thing("%s: %s" % (title, other.__name__), other)
        self.imports_of_file(data, vars(value).get("__package__") or "")

    def function(self, title: str, value: Any) -> None:
        """A function: its source, its defaults, what it captured, what it refers to."""
        module = sys.modules.get(value.__module__ or "")
        if value.__module__ != "__main__" and module is not None and module_file(
                module) is None and (
                getattr(module, "__file__", None) or value.__module__ == "builtins"):
            self.add(title, "function %s of %s" % (value.__qualname__, library(value.__module__)))
            if not value.__closure__:
                return
        self.code(title, value, with_source=True)

    def code(self, title: str, value: Any, with_source: bool) -> None:
        """The parts of a function."""
        code = value.__code__
        if with_source:
            text = None
            if code.co_name != "<lambda>":
                text = self.source(code.co_filename, code.co_name, code.co_firstlineno, None)
            self.add(title, text or self.bytecode(code))
        if value.__defaults__:
            self.add(title + ".defaults", stable(value.__defaults__))
            self.inside(title + ".defaults", value.__defaults__)
        if value.__kwdefaults__:
            self.add(title + ".kwdefaults", stable(sorted(value.__kwdefaults__.items())))
            self.inside(title + ".kwdefaults", value.__kwdefaults__)
        for name, cell in zip(code.co_freevars, value.__closure__ or ()):
            try:
                self.thing("%s captured %s" % (title, name), cell.cell_contents)
            except ValueError:
                self.add("%s captured %s" % (title, name), "not set")
        for name in sorted(self.names(code)):
            if name in value.__globals__:
                self.thing("global %s" % name if title == "function"
                    else "%s global %s" % (title, name),
                           value.__globals__[name])
            elif not hasattr(builtins, name):
                pass  # an attribute's name, or one that is not set yet
        self.imports(imports_of_code(code), value.__globals__.get("__package__") or "", True)

    def names(self, code: Any) -> Any:
        """The names that a function and those in it look up."""
        found = set(code.co_names)
        for const in code.co_consts:
            if isinstance(const, types.CodeType):
                found |= self.names(const)
        return found

    def bytecode(self, code: Any) -> str:
        """What is compiled, where there is no source."""
        consts = [self.bytecode(c) if isinstance(c, types.CodeType) else stable(c)
            for c in code.co_consts]
        return "code %s %s\nnames %s\nvariables %s\nconstants [%s]" % (
            code.co_name, code.co_code.hex(), " ".join(code.co_names),
            " ".join(code.co_varnames + code.co_freevars), ", ".join(consts))

    def source(self, path: Optional[str], name: str, line: Optional[int],
            kind: Any) -> Optional[str]:
        """The source of a function or class as its file has it now: what a worker will import."""
        if not path:
            return None
        if path not in self.sources:
            self.sources[path] = _parsed(path)
        parsed = self.sources[path]
        if parsed is None:
            return None
        text, tree = parsed
        wanted = (kind,) if kind else (ast.FunctionDef, ast.AsyncFunctionDef)
        found = [node for node in ast.walk(tree) if isinstance(node, wanted) and node.name == name]
        first = [min([d.lineno for d in node.decorator_list] + [node.lineno]) for node in found]
        if line in first:
            start = line
        elif len(found) == 1:
            start = first[0]
        elif found and line is None:
            return "".join("".join(inspect.getblock(text[at - 1:])) for at in first)
        else:
            return None
        return "".join(inspect.getblock(text[start - 1:]))


def _parsed(path: str) -> Optional[Tuple[List[str], Any]]:
    """Lines and syntax tree of a file, or of a notebook's cell."""
    import linecache

    linecache.checkcache(path)
    lines = linecache.getlines(path)
    try:
        return (lines, ast.parse("".join(lines))) if lines else None
    except (SyntaxError, ValueError):
        return None


def describe(func: Any, kwargs: Dict[str, Any]) -> str:
    """The text on a function and the arguments that all its calls get."""
    maker = Describer()
    maker.thing("function", func)
    for name in sorted(kwargs):
        maker.thing("argument %s" % name, kwargs[name])
    return maker.text()


def changed(old: str, new: str) -> List[str]:
    """The titles of the sections in which two descriptions differ.

    >>> changed("== function\\nf\\n== global x\\n1\\n", "== function\\nf\\n== global x\\n2\\n")
    ['global x']
    """
    before, after = _split(old), _split(new)
    return [title for title in list(after) + [t for t in before if t not in after]
            if before.get(title) != after.get(title)]


def _split(text: str) -> Dict[str, str]:
    parts = {}  # type: Dict[str, str]
    title = ""
    for line in text.splitlines():
        if line.startswith("== "):
            title = line[3:]
        parts[title] = parts.get(title, "") + line + "\n"
    return parts
