# SPDX-License-Identifier: MIT
"""What the tests share: an empty folder to stand in, scripts that are run beside, waiting."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import ppgen

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(ppgen.__file__)))


class Case(unittest.TestCase):
    """Stands in an empty folder."""

    def setUp(self):
        self.old = os.getcwd()
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="ppgen-python."))
        os.chdir(self.folder)
        self.addCleanup(self.leave)

    def leave(self):
        os.chdir(self.old)
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, text):
        with open(name, "w") as file:
            file.write(text)

    def calls(self, log="calls"):
        """The lines that called functions wrote, sorted."""
        if not os.path.exists(log):
            return []
        with open(log) as file:
            return sorted(file.read().split())

    def start(self, script, *words, **others):
        """Starts a script of Python; ended at the latest with the test."""
        env = dict(os.environ, PYTHONPATH=PACKAGE, **others)
        process = subprocess.Popen([sys.executable, script] + list(words), env=env,
            stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, universal_newlines=True)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()

    def run_script(self, text, name="script.py", **others):
        """Runs a script to its end; stdout, stderr and exit code."""
        self.write(name, text)
        process = self.start(name, **others)
        out, err = process.communicate(timeout=300)
        return out, err, process.returncode

    def until(self, holds, what):
        """Waits until something holds."""
        for _ in range(1200):
            if holds():
                return
            time.sleep(0.05)
        self.fail("never happened: " + what)


def without(*modules):
    """Environment in which modules cannot be imported: a folder whose sitecustomize hides them."""
    folder = os.path.join(os.getcwd(), "hiding")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "hidden.py"), "w") as file:
        file.write("import sys\nfor name in %r:\n    sys.modules[name] = None\n" % (list(modules),))
    return folder


def has(module):
    """Whether a module can be imported."""
    try:
        __import__(module)
    except ImportError:
        return False
    return True
