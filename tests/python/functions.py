# SPDX-License-Identifier: MIT
"""Functions that tests call in workers."""

import hashlib
import os
import signal
import sys
import time


def note(text):
    """A line in the file `calls`."""
    with open("calls", "a") as file:
        file.write("%s\n" % text)


def double(x):
    note(x)
    return 2 * x


def same(x):
    return x


def power(x, exponent=1, offset=0):
    return x ** exponent + offset


def not_three(x):
    note(x)
    if x == 3 and not os.path.exists("three is fine"):
        print("about to fail")
        raise ValueError("three\nis not liked")
    return x


def leaves(x):
    if x == 1:
        sys.exit(7)
    if x == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def digest(data):
    return (hashlib.sha256(data).hexdigest(), data[::-1])


def opens(path):
    return open(path)


def generates(n):
    return (k for k in range(n))


def slow(x):
    note(x)
    time.sleep(0.01)
    return x


def waits(x):
    """Until the file `go` is there."""
    note(x)
    while not os.path.exists("go"):
        time.sleep(0.02)
    return x


def forever(x):
    while True:
        time.sleep(1)


def add(a, b, c=0):
    return a + b + c


def surroundings(name):
    return (os.getcwd(), os.environ.get(name), os.getpid(), sys.argv[:1])


class Scaled:
    """A function with a state."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x

    def method(self, x):
        return -self.factor * x


class Unkind:
    """Cannot be pickled, nor shown."""

    def __reduce__(self):
        raise RuntimeError("not me")

    def __repr__(self):
        raise RuntimeError("nor that")
