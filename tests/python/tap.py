# SPDX-License-Identifier: MIT
"""Runs the test modules that are named, or all beside this file, and prints TAP: a line a test."""

import os
import sys
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Tap(unittest.TestResult):
    """A line as soon as a test has ended."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def line(self, good, test, more=""):
        self.number += 1
        name = (test.shortDescription() or test.id()).replace("#", "")
        if test.shortDescription():
            name = "%s: %s" % (test.id().split(".")[0], name)
        print("%s %d - %s%s" % ("ok" if good else "not ok", self.number, name, more), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(True, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(True, test, " # SKIP " + reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.bad(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.bad(test, err)

    def bad(self, test, err):
        self.line(False, test)
        for line in "".join(traceback.format_exception(*err)).splitlines():
            print("# " + line, flush=True)


def main():
    sys.path.insert(0, HERE)
    names = sys.argv[1:] or sorted(name[:-3] for name in os.listdir(HERE)
                                   if name.startswith("test_") and name.endswith(".py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = Tap()
    suite.run(result)
    print("1..%d" % result.number)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
