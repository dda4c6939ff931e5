# SPDX-License-Identifier: MIT
"""The functions that bench/python calls. What they take in time is fixed work, not a look at the clock: a busy machine makes it longer for all alike."""
import os
import time

LOOPS = int(os.environ.get("BENCH_LOOPS", "0"))  # so many rounds of a loop take a millisecond; bench/python finds it out


def empty(i):
    """Does nothing."""
    return i


def sleep1(i):
    """Sleeps for a millisecond."""
    time.sleep(0.001)
    return i


def busy1(i):
    """Computes for a millisecond."""
    for _ in range(LOOPS):
        pass
    return i


def sleep50(i):
    """Sleeps for 50 ms."""
    time.sleep(0.05)
    return i


def argument(data):
    """Gets a megabyte."""
    return len(data)


def result(i):
    """Returns a megabyte."""
    return i.to_bytes(8, "little") * 131072
