# SPDX-License-Identifier: MIT
"""Functions of scripts and notebooks; ends that come early: Ctrl-C, kills."""

import base
import functions

import os
import signal
import sys

import ppgen

PLAIN = """
import ppgen
{hide}
class Point:
    def __init__(self, x):
        self.x = x
    def __eq__(self, other):
        return type(other) is Point and self.x == other.x
def move(p):
    return Point(p.x + OFFSET)
OFFSET = 2
{guard}
    print(ppgen.map(move, [Point(1), Point(5)]) == [Point(3), Point(7)])
    print(ppgen.map(len, [[1], [1, 2]]))
"""
HIDE = "import sys\nsys.modules['cloudpickle'] = sys.modules['joblib'] = None\n"
GUARDS = ("if __name__ == '__main__':", "if True:")


class MainTest(base.Case):
    def test_script(self):
        """functions and classes of a script, guarded or not, without cloudpickle"""
        for guard in GUARDS:
            out, err, code = self.run_script(PLAIN.format(hide=HIDE, guard=guard))
            self.assertEqual((out, code), ("True\n[1, 2]\n", 0), err)

    def test_script_by_value(self):
        """the same with cloudpickle, where it is there"""
        for guard in GUARDS:
            out, err, code = self.run_script(PLAIN.format(hide="", guard=guard))
            self.assertEqual((out, code), ("True\n[1, 2]\n", 0), err)

    def test_defined_below(self):
        """without cloudpickle and guard, a function below the first call: what to do is said"""
        text = HIDE + ("import ppgen\ndef one(x): return x\nprint(ppgen.map(one, [1]))\n"
                       "def two(x): return 2 * x\nprint(ppgen.map(two, [1]))\n")
        out, err, code = self.run_script(text)
        self.assertEqual((out, code), ("[1]\n", 1))
        self.assertIn("put the calls under `if __name__ == '__main__':`", err)

    def test_prompt(self):
        """what is typed in needs cloudpickle: without it what to do is said"""
        text = "import ppgen\nk = 3\nf = lambda x: k * x\nprint(ppgen.map(f, [1, 2]))\n"
        out, err, code = self.run_script("exec(%r)" % (HIDE + text))
        self.assertEqual((out, code), ("", 1))
        self.assertIn("the function '<lambda>'", err)
        self.assertIn("put it into a module of its own and import it, or install cloudpickle", err)
        if not base.has("cloudpickle") and not base.has("joblib"):
            self.skipTest("neither cloudpickle nor joblib is here")
        out, err, code = self.run_script("exec(%r)" % text)
        self.assertEqual((out, code), ("[3, 6]\n", 0), err)


INTERRUPTED = """
import sys
sys.path.insert(0, {here!r})
import functions, ppgen
sys.stderr = open("errors", "w", 1)
try:
    print(ppgen.map(functions.waits, range(6), n_jobs=2, name="waits"))
except KeyboardInterrupt:
    print("interrupted")
"""


class EndsTest(base.Case):
    def begin(self):
        self.write("errors", "")
        self.write("script.py", INTERRUPTED.format(here=base.HERE))
        process = self.start("script.py")
        self.until(lambda: self.calls() == ["0", "1"], "two calls")
        return process

    def errors(self):
        with open("errors") as file:
            return file.read()

    def over(self):
        return ppgen.Run("runs/waits").done()

    def finish(self, called):
        """The same call again: it calls what has no result, and no more."""
        self.write("go", "")
        self.assertEqual(ppgen.map(functions.waits, range(6), name="waits"), list(range(6)))
        self.assertEqual(len(self.calls()), called)

    def test_interrupt(self):
        """Ctrl-C: what runs may finish and counts, the rest is called the next time"""
        process = self.begin()
        process.send_signal(signal.SIGINT)
        self.until(lambda: "Ctrl-C again" in self.errors(), "the word that it ends")
        self.write("go", "")
        out, err = process.communicate(timeout=60)
        self.assertEqual((out, process.returncode), ("interrupted\n", 0), self.errors())
        self.assertEqual(ppgen.load("runs/waits").status()["good"], 2)
        self.assertEqual(self.calls(), ["0", "1"])
        self.finish(6)

    def test_interrupt_twice(self):
        """a second Ctrl-C ends what runs"""
        process = self.begin()
        process.send_signal(signal.SIGINT)
        self.until(lambda: "Ctrl-C again" in self.errors(), "the word that it ends")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual((out, process.returncode), ("interrupted\n", 0), self.errors())
        self.assertTrue(self.over())
        self.finish(8)

    def test_caller_killed(self):
        """the caller is killed: the run goes on, its results can be had, the same call waits"""
        process = self.begin()
        process.kill()
        process.communicate()
        again = self.start("script.py")
        self.until(lambda: "waiting for its end" in self.errors(), "the word that it waits")
        run = ppgen.load("runs/waits")
        self.assertFalse(run.done())
        self.assertFalse(run.wait(0.2))
        self.assertRaises(ppgen.PpgenError, run.results)
        self.write("go", "")
        self.assertTrue(run.wait(60))
        self.assertEqual(run.results(), list(range(6)))
        out, err = again.communicate(timeout=60)
        self.assertEqual(out, "[0, 1, 2, 3, 4, 5]\n", self.errors())
        self.finish(6)

    def test_left(self):
        """a program that ends with an iterator left half way ends its run"""
        text = ("import sys\nsys.path.insert(0, %r)\nimport itertools, functions, ppgen\n"
                "results = ppgen.imap(functions.slow, itertools.count(), name='left')\n"
                "print(next(results))\n")
        out, err, code = self.run_script(text % base.HERE)
        self.assertEqual((out, code), ("0\n", 0), err)
        self.assertTrue(ppgen.Run("runs/left").done())

    def test_program_killed(self):
        """the program is killed: an exception, and the next call goes on"""
        process = self.begin()
        with open("/proc/%d/task/%d/children" % (process.pid, process.pid)) as file:
            os.kill(int(file.read().split()[0]), signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertIn("PpgenError: `ppgen run` was ended by signal 9", self.errors())
        self.until(self.over, "the end of its tasks")
        self.finish(8)


SPEC = """
ppgen: 1
name: powers
params: {x: [1, 2, 3], s: ["007", "x"]}
shell: |
  until [ "$x" -lt 3 ] || [ -e go ]; do sleep 0.05; done
  echo "{\\"square\\": $((x * x)), \\"big\\": 123456789012345678901234567890, \\"code\\": \\"007\\"}"
results: {stdout: json}
"""


class LoadTest(base.Case):
    def test_table(self):
        """the table of a spec's run, and its tasks while it goes on"""
        self.write("powers.yaml", SPEC)
        program = ppgen._program.find()
        import subprocess

        process = subprocess.Popen([program, "run", "-q", "powers.yaml"])
        try:
            self.until(lambda: os.path.exists("runs/powers/plan/0001"), "the run")
            run = ppgen.Run("runs/powers")
            tasks = run.tasks(follow=True)
            first = [next(tasks) for _ in range(4)]
            self.assertEqual(sorted(task["index"] for task in first), [0, 1, 2, 3])
            self.assertFalse(run.done())
            with self.assertRaises(ppgen.PpgenError):
                ppgen.load("runs/powers")
            self.assertEqual(len(ppgen.load("runs/powers", "dicts", partial=True)), 4)
            self.write("go", "")
            self.assertEqual(sorted(task["index"] for task in tasks), [4, 5])
        finally:
            self.write("go", "")
            process.wait()
        rows = ppgen.load("runs/powers", as_="dicts")
        self.assertEqual([row["square"] for row in rows], [1, 1, 4, 4, 9, 9])
        self.assertEqual((rows[0]["big"], rows[0]["code"], rows[0]["s"]),
            (123456789012345678901234567890, "007", "007"))
        self.assertEqual(ppgen.load("runs/powers", "run").failed(), [])
        if base.has("pandas"):
            frame = ppgen.load("runs/powers")
            self.assertEqual(list(frame["square"]), [1, 1, 4, 4, 9, 9])
            self.assertEqual(frame["code"][0], "007")
        else:
            self.assertEqual(ppgen.load("runs/powers"), rows)
            self.assertRaises(ImportError, ppgen.load, "runs/powers", "dataframe")

    def test_not_finite(self):
        """NaN and infinities of a column of numbers come back as such; texts stay texts"""
        self.write("odd.py", "def f(k):\n    return {'v': [1.5, float('nan'), float('inf')][k],"
                             " 's': ['a', 'NaN', 'inf'][k]}\n")
        self.write("odd.yaml", "ppgen: 1\nparams: {k: [0, 1, 2]}\npython: odd:f\n")
        import subprocess
        from ppgen import _program

        subprocess.check_call([_program.find(), "run", "-q", "odd.yaml"])
        rows = ppgen.load("runs/odd", as_="dicts")
        self.assertEqual([row["s"] for row in rows], ["a", "NaN", "inf"])
        self.assertEqual((rows[0]["v"], rows[2]["v"]), (1.5, float("inf")))
        self.assertNotEqual(rows[1]["v"], rows[1]["v"])

    def test_map(self):
        """the run of a map as a sequence"""
        ppgen.map(functions.not_three, [5, 3, 4], errors="return", name="m")
        run = ppgen.load("runs/m.call")
        self.assertEqual((len(run), run[0], run[-1], list(run.items), run.done()),
            (3, 5, 4, [5, 3, 4], True))
        self.assertRaises(ppgen.TaskError, run.results)
        self.assertRaises(ppgen.TaskError, lambda: run[1])
        self.assertRaises(IndexError, lambda: run[3])
        results = run.results(errors="return")
        self.assertEqual((results[0], results[1].item, results[1].why, results[2]),
            (5, 3, "ValueError: three", 4))
        self.assertEqual([task["index"] for task in run.failed()], [1])
        self.assertEqual(run.status()["failed"], 1)
        with self.assertRaises(ppgen.PpgenError) as caught:
            ppgen.map(functions.same, [1], name="m", folder="runs/m")
            ppgen.load("runs/none")
        self.assertIn("no run directory", str(caught.exception))
        self.write("p.yaml", "ppgen: 1\nname: p\ncommand: 'true'\n")
        ppgen._program.call(["run", "-q", "p.yaml"])
        with self.assertRaises(ppgen.PpgenError) as caught:
            ppgen.map(functions.same, [1], name="p")
        self.assertIn("is no run of ppgen.map", str(caught.exception))

    def test_program(self):
        """which program: $PPGEN, and versions that fit"""
        self.assertEqual(ppgen._program.call(["--version"]).split()[1], ppgen.__version__)
        old = os.environ.get("PPGEN")
        self.write("other", "#!/bin/sh\necho ppgen 9.9.9\n")
        os.chmod("other", 0o755)
        try:
            for name, said in (("./other", "is ppgen 9.9.9, and this package is of"),
                    ("./none", "which $PPGEN names")):
                os.environ["PPGEN"] = name
                with self.assertRaises(ppgen.PpgenError) as caught:
                    ppgen.map(functions.same, [1])
                self.assertIn(said, str(caught.exception))
        finally:
            os.environ.pop("PPGEN")
            if old is not None:
                os.environ["PPGEN"] = old
