# SPDX-License-Identifier: MIT
"""Functions that the tests of templates/python.py have called. Python 3.6 or later."""
import array
import atexit
import collections
import datetime
import decimal
import enum
import fractions
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

try:
    import numpy as np
except ImportError:
    np = None
try:
    import pandas as pd
except ImportError:
    pd = None

Point = collections.namedtuple("Point", "x y")
count = 0
self_holding = []
self_holding.append(self_holding)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 3


class Lattice:
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Broken:
    def tolist(self):
        raise RuntimeError("not now")


class Worker:
    @staticmethod
    def method(what):
        return what


try:
    import dataclasses

    @dataclasses.dataclass
    class Result:
        energy: float
        at: Point
except ImportError:  # 3.6
    Result = None


def make(what):
    """The value of an expression."""
    return eval(what, globals())


def run(what):
    """Runs statements; what they call `value` is returned."""
    scope = dict(globals())
    exec(what, scope)
    return scope.get("value")


def extras(what, seed, seed64, scratch, keep, task, index, cpus, memory=None, *, other=5):
    """What it was given beside the parameter."""
    return [what, seed, seed64, scratch, keep, task, index, cpus, memory, other,
            os.environ["PPGEN_TASK"]]


def mine(items):
    """A variable of the call's, for each item; fails where one is 0."""
    if 0 in items:
        raise ValueError("0")
    return [os.environ["MINE"] for _ in items]


def repeated(what, rep):
    """The number of the repetition."""
    return rep


def all_others(**params):
    """The parameters and nothing else."""
    return params


def counted(what):
    """How often it was called in this process."""
    global count
    count += 1
    return count


def chained(what):
    """Raises because of another exception."""
    try:
        {}[what]
    except KeyError as fault:
        raise ValueError("no such key\nsecond line") from fault


def endless(what):
    """Calls itself for ever."""
    return endless(what)


def generated(what):
    """Yields rows, and fails where it is told."""
    for k in range(what):
        if k == 3:
            raise ValueError("at 3")
        yield {"k": k}


async def waited(what):
    """Must be awaited."""
    return what


def squares(items):
    """A list for a list."""
    print("called with %d" % len(items))
    if 13 in items:
        raise ValueError("thirteen")
    if 14 in items:
        return items[:-1]
    items.reverse()
    out = [k * k for k in reversed(items)]
    del items[:]
    return out


def table(items):
    """A DataFrame for a list of dicts."""
    return pd.DataFrame({"sum": [item["a"] + item["b"] for item in items]})


def in_processes(what):
    """Starts processes that import this module again."""
    import multiprocessing

    context = multiprocessing.get_context(what)
    with context.Pool(2) as pool:
        return pool.map(abs, [-1, -2, -3])
