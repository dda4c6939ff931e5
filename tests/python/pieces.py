# SPDX-License-Identifier: MIT
"""Functions that take a piece of the data. What they need is loaded where they need it."""

import os


def types_of(chunk):
    return [(type(item).__name__, item) for item in chunk]


def sizes(chunk):
    return [len(chunk)]


def itself(chunk):
    return chunk


def scaled(chunk, factor, offset=0):
    return [item * factor + offset for item in chunk]


def even_only(chunk):
    return [item for item in chunk if item % 2 == 0] or None


def returned(chunk, what):
    return what


def kind_and_shape(chunk):
    return [(type(chunk).__name__, getattr(chunk, "shape", len(chunk)))]


def doubled_at_once(chunk):
    return chunk * 2


def mean_at_once(chunk):
    return [chunk.mean()]


def told(chunk, log, bad):
    """Says which items it was called with, and raises for some."""
    with open(log, "a") as file:
        file.write("{}-{}\n".format(chunk[0], chunk[-1]))
    for item in chunk:
        if item in bad and not os.path.exists(log + ".mended"):
            raise ValueError("no luck with {}".format(item))
    return [-item for item in chunk]


def as_frame(chunk):
    import pandas
    return pandas.DataFrame({"x": [item for item in chunk], "y": [2.5 * item for item in chunk]})


def with_sum(chunk):
    return chunk.assign(sum=chunk["a"] + chunk["b"])
