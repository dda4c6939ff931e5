# SPDX-License-Identifier: MIT
"""Which modules code imports, and which files are the user's own: nothing is imported for that."""

import ast
import dis
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
import types
from typing import Any, List, Optional, Tuple

Import = Tuple[str, int, Tuple[str, ...]]  # module, level, names taken from it


def _library_places() -> Tuple[str, ...]:
    paths = sysconfig.get_paths()
    places = {paths.get(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places.update(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))
    places.add(os.path.dirname(os.__file__))
    return tuple(os.path.realpath(path) + os.sep for path in places if path)


def module_file(module: Any) -> Optional[str]:
    """The file of a module that is the user's own; None of libraries."""
    return own_file(getattr(module, "__file__", None))


def own_file(path: Optional[str]) -> Optional[str]:
    """The real path of a source file that is the user's own; None of others."""
    if not path or not path.endswith(".py") or not os.path.isfile(path):
        return None
    path = os.path.realpath(path)
    if path.startswith(_library_places()) or path.startswith(
            os.path.dirname(os.path.realpath(__file__)) + os.sep):
        return None
    return path


def imports_of_code(code: Any) -> List[Import]:
    """What a function and those in it import: module, level, names taken from it."""
    found = []
    steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
    for at, step in enumerate(steps):
        if step.opname == "IMPORT_NAME" and at >= 2:
            found.append((step.argval, steps[at - 2].argval or 0, steps[at - 1].argval or ()))
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            found += imports_of_code(const)
    return found


def imports_of_tree(tree: Any) -> List[Import]:
    """The same of a file."""
    found = []  # type: List[Import]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(name.name, 0, ()) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "", node.level, tuple(n.name for n in node.names)))
    return found


def find_module(name: str) -> List[Tuple[str, Any]]:
    """The specs of a module and of the packages that it is in, outermost first; fewer where one
    is not found. Nothing is imported."""
    specs = []  # type: List[Tuple[str, Any]]
    words = name.split(".")
    for at in range(len(words)):
        full = ".".join(words[:at + 1])
        try:
            if at == 0:
                spec = importlib.util.find_spec(full)
            else:
                spec = importlib.machinery.PathFinder.find_spec(
                    full, specs[-1][1].submodule_search_locations)
        except Exception:  # such as __main__, or a finder of somebody's that fails
            spec = None
        if spec is None:
            break
        specs.append((full, spec))
        if spec.submodule_search_locations is None:
            break
    return specs
