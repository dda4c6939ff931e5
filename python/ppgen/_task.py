# SPDX-License-Identifier: MIT
"""What runs in a worker: the call for one item. This file is imported in the workers only."""

import json
import os
import pickle
import sys
from typing import Any, Callable

from . import _freeze
from ._items import ENTRY, Items


def prepare(folder: str) -> Callable[..., bytes]:
    """The function that ppgen calls for each task of the map whose folder this is."""
    with open(os.path.join(folder, "call.json")) as file:
        about = json.load(file)
    sys.path[:] = about["sys_path"]
    sys.argv[:] = about["argv"]
    _freeze.set_main(about["main"], about["main_package"])
    with open(os.path.join(folder, "function.pkl"), "rb") as file:
        func, kwargs, star = _freeze.thaw_function(file.read())
    return caller(func, kwargs, star, Items(folder))


def caller(func: Any, kwargs: Any, star: bool, items: Items) -> Callable[..., bytes]:
    """A closure over all that a call needs: it is what is fast."""
    loads, dumps, unpack = pickle.loads, pickle.dumps, ENTRY.unpack_from
    size_of = ENTRY.size
    highest = pickle.HIGHEST_PROTOCOL
    fromhex = bytes.fromhex

    def call(item: str, n: int, index: int) -> bytes:
        digest = fromhex(item[1:])
        if index < items.count:
            found, offset, size = unpack(items.index, index * size_of)
        else:
            found = None
        if found != digest:
            offset, size = items.place(index, digest)
        data = items.data[offset:offset + size]
        try:
            value = loads(data)
        except AttributeError:
            value = _freeze.thaw(data)
        if star:
            result = func(*value, **kwargs)
        elif kwargs:
            result = func(value, **kwargs)
        else:
            result = func(value)
        try:
            return dumps(result, highest)
        except Exception:  # anybody's __reduce__
            return _freeze.freeze_result(result, highest)

    return call
