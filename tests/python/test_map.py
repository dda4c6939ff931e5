# SPDX-License-Identifier: MIT
"""map, imap, starmap with the built program."""

import base
import functions

import hashlib
import importlib
import itertools
import os
import sys
import threading

import ppgen


class MapTest(base.Case):
    def test_order_and_types(self):
        """results of all types come in the items' order"""
        things = [3, 1.5, "x", None, (1, [2]), {"a": {1, 2}}, b"\0\n", 2 ** 200, functions.Scaled,
            [[]]]
        self.assertEqual(ppgen.map(functions.same, things), things)
        self.assertEqual(ppgen.map(functions.power, (2, 3), kwargs={"exponent": 2, "offset": 1}),
            [5, 10])
        self.assertEqual(ppgen.starmap(functions.add, [(1, 2), (3, 4)], kwargs={"c": 10}), [13, 17])
        self.assertEqual(ppgen.map(functions.Scaled(3), [1, 2], n_jobs=1), [3, 6])
        self.assertEqual(ppgen.map(functions.Scaled(3).method, [5], name="method"), [-15])

    def test_little(self):
        """no item, one item, and arguments that are none"""
        self.assertEqual(ppgen.map(functions.same, []), [])
        self.assertEqual(list(ppgen.imap(functions.same, ())), [])
        self.assertEqual(ppgen.map(functions.same, (x for x in ())), [])
        self.assertEqual(ppgen.map(functions.same, ["one"], n_jobs=1), ["one"])
        for fault, args, others in ((TypeError, (3, [1]), {}), (TypeError, (functions.same, 5), {}),
                                    (ValueError, (functions.same, [1]), {"n_jobs": 0}),
                                    (ValueError, (functions.same, [1]), {"errors": "ignore"}),
                                    (ValueError, (functions.same, [1]), {"name": "a/b"}),
                                    (TypeError, (functions.same, [1]),
                                    {"options": {"command": "x"}}),
                                    (ppgen.PpgenError, (functions.same, [1]),
                                    {"options": {"colour": 1}}),
                                    (ppgen.PpgenError, (functions.same, [1]), {"on": "nowhere"})):
            self.assertRaises(fault, ppgen.map, *args, **others)

    def test_large(self):
        """arguments and results of a megabyte"""
        items = [os.urandom(1 << 20) for _ in range(6)]
        results = ppgen.map(functions.digest, items)
        self.assertEqual([r[0] for r in results], [hashlib.sha256(item).hexdigest()
            for item in items])
        self.assertTrue(all(r[1] == item[::-1] for r, item in zip(results, items)))

    def test_exceptions(self):
        """an exception names its item; the rest are done, and only it is called again"""
        with self.assertRaises(ppgen.TaskError) as caught:
            ppgen.map(functions.not_three, [1, 3, 5])
        error = caught.exception
        self.assertEqual((error.index, error.item, error.outcome, error.why),
            (1, 3, "exit", "ValueError: three"))
        self.assertIn("item 1: ValueError: three\nthe item is 3\n`ppgen log runs/functions.not_three 1`",
                      str(error))
        self.assertIn("raise ValueError", error.traceback)
        self.assertNotIn("_task.py", error.traceback)
        self.assertEqual(self.calls(), ["1", "3", "5"])
        self.write("three is fine", "")
        self.assertEqual(ppgen.map(functions.not_three, [1, 3, 5]), [1, 3, 5])
        self.assertEqual(self.calls(), ["1", "3", "3", "5"])

    def test_errors_returned(self):
        """errors='return': TaskErrors among the results, of all that can go wrong"""
        one, two, three = ppgen.map(functions.leaves, [1, 2, 3], errors="return")
        self.assertEqual((one.outcome, one.why, three), ("exit", "sys.exit(7)", 3))
        self.assertEqual((two.index, two.outcome), (1, "signal"))
        several = ppgen.map(functions.not_three, [3] * 5, errors="return", n_jobs=1,
            options={"max_failures": 1})
        self.assertIn("exit", [error.outcome for error in several])
        self.assertIn("missing", [error.outcome for error in several])
        with self.assertRaises(ppgen.TaskError) as caught:
            ppgen.map(functions.not_three, [3] * 5, n_jobs=1, options={"max_failures": 1})
        self.assertEqual(caught.exception.why, "ValueError: three")
        slow = ppgen.map(functions.forever, [1], errors="return",
            options={"time": "1s", "retry": 0})
        self.assertEqual(slow[0].outcome, "timeout")

    def test_unpicklable(self):
        """what cannot be pickled: an item, before anything is called; a result, by its type"""
        self.assertEqual(ppgen.map(functions.double, [1]), [2])
        with self.assertRaises(ppgen.PickleError) as caught:
            ppgen.map(functions.double, [1, 2, functions.Unkind()])
        self.assertIn("item 2 cannot be sent", str(caught.exception))
        self.assertEqual(self.calls(), ["1"])
        self.assertEqual(list(ppgen.load("runs/functions.double")), [2])
        with self.assertRaises(ppgen.PickleError):
            ppgen.map(functions.power, [1], kwargs={"offset": functions.Unkind()})
        error = ppgen.map(functions.opens, [os.devnull], errors="return")[0]
        if not base.has("cloudpickle") and not base.has("joblib"):
            self.assertIn("returned a 'TextIOWrapper', which cannot be pickled", error.why)
        error = ppgen.map(functions.Scaled, [iter(()), 3], errors="return")
        self.assertEqual(error[1].factor, 3)

    def test_again(self):
        """again: only what has no result is called; the same item twice is called twice"""
        self.assertEqual(ppgen.map(functions.double, [1, 2, 2]), [2, 4, 4])
        self.assertEqual(ppgen.map(functions.double, [2, 7, 1, 2]), [4, 14, 2, 4])
        self.assertEqual(self.calls(), ["1", "2", "2", "7"])
        self.assertEqual(list(ppgen.imap(functions.double, iter([7, 8]))), [14, 16])
        self.assertEqual(self.calls(), ["1", "2", "2", "7", "8"])
        self.assertEqual(ppgen.map(functions.double, [1], resume=False), [2])
        self.assertEqual(ppgen.map(functions.double, [1]), [2])
        self.assertEqual(self.calls(), ["1", "1", "2", "2", "7", "8"])

    def test_changed(self):
        """a changed function or value that it uses: all are called again, and a line says so"""
        script = ("import ppgen, functions\nVALUE = {value}\ndef f(x):\n    functions.note(x)\n"
                  "    return x {op} VALUE\n"
                  "if __name__ == '__main__':\n    print(ppgen.map(f, [1, 2], kwargs={{}}))\n")
        for value, op, expected, calls, said in (
                (1, "+", "[2, 3]", 2, None), (1, "+", "[2, 3]", 2, None),
                (5, "+", "[6, 7]", 4, "'global VALUE' changed"),
                (5, "*", "[5, 10]", 6, "'function' changed"), (1, "+", "[2, 3]", None, "changed")):
            text = "import sys\nsys.path.insert(0, %r)\n" % base.HERE + script.format(value=value,
                op=op)
            out, err, code = self.run_script(text, "changing.py")
            self.assertEqual((out.strip(), code), (expected, 0), err)
            if calls is not None:
                self.assertEqual(len(self.calls()), calls)
            self.assertEqual(said is None, "changed since" not in err, err)
            self.assertIn(said or "", err)

    def test_same_name(self):
        """two functions of one name never share results"""
        def make(k):
            def f(x):
                return x + k
            return f
        if not base.has("cloudpickle") and not base.has("joblib"):
            self.skipTest("neither cloudpickle nor joblib is here")
        self.assertEqual([ppgen.map(make(k), [1, 2], name="f") for k in (1, 5, 1)],
            [[2, 3], [6, 7], [2, 3]])
        self.assertEqual([ppgen.map(f, [1, 2]) for f in (lambda x: x, lambda x: -x)],
            [[1, 2], [-1, -2]])

    def test_surroundings(self):
        """a call has the caller's folder, arguments and environment, and what options say"""
        os.environ["SURROUNDINGS_OWN"] = "mine"
        try:
            folder, value, pid, argv = ppgen.map(functions.surroundings, ["SURROUNDINGS_OWN"])[0]
            self.assertEqual((folder, value, argv), (self.folder, "mine", sys.argv[:1]))
            self.assertNotEqual(pid, os.getpid())
        finally:
            del os.environ["SURROUNDINGS_OWN"]
        both = ppgen.map(functions.surroundings, ["GREETING", "OTHER"], n_jobs=1,
                         options={"env": {"GREETING": "hello"}, "isolate": "fork", "memory": "1G",
                         "cpus": 1})
        self.assertEqual([r[1] for r in both], ["hello", None])
        self.assertNotEqual(both[0][2], both[1][2])
        os.mkdir("elsewhere")
        self.assertEqual(ppgen.map(functions.same, [1], folder="elsewhere", name="named"), [1])
        self.assertTrue(os.path.isdir("elsewhere/named"))

    def test_two_at_once(self):
        """two calls in one folder: the second is refused, the first goes on"""
        found = []
        first = threading.Thread(target=lambda: found.append(ppgen.map(functions.waits, [1],
            name="two")))
        first.start()
        try:
            self.until(lambda: self.calls() == ["1"], "the first call")
            for items in ([1], [2]):
                with self.assertRaises(ppgen.PpgenError) as caught:
                    ppgen.map(functions.waits, items, name="two")
                self.assertIn("another call uses 'runs/two' just now", str(caught.exception))
        finally:
            self.write("go", "")
            first.join()
        self.assertEqual(found, [[1]])
        self.assertEqual(ppgen.map(functions.waits, [1, 2], name="two"), [1, 2])


class GeneratorTest(base.Case):
    def test_lazy(self):
        """calls begin while the generator still yields"""
        def items():
            yield "first"
            self.until(lambda: self.calls() == ["first"], "the first call, before the second item")
            yield "second"
        self.assertEqual(ppgen.map(functions.double, items()), ["firstfirst", "secondsecond"])

    def test_many(self):
        """a generator of many items, in windows; again nothing is called"""
        read = []
        def items():
            for k in range(3000):
                read.append(k)
                yield k
        expected = [2 * k for k in range(3000)]
        self.assertEqual(ppgen.map(functions.double, items()), expected)
        self.assertEqual(read, list(range(3000)))
        self.assertEqual(len(self.calls()), 3000)
        self.assertEqual(ppgen.map(functions.double, iter(range(3000))), expected)
        self.assertEqual(len(self.calls()), 3000)

    def test_fails_early(self):
        """an item that fails in an early window is called once in each call"""
        for times in (1, 2):
            results = ppgen.map(functions.not_three, iter(range(400)), errors="return")
            self.assertEqual([k for k in range(400) if results[k] != k], [3])
            self.assertEqual(self.calls().count("3"), times)

    def test_endless(self):
        """a generator without end is read ahead only so far; leaving the loop ends the run"""
        read = []
        def items():
            for k in itertools.count():
                read.append(k)
                yield k
        results = ppgen.imap(functions.slow, items(), n_jobs=2)
        for k in range(50):
            self.assertEqual(next(results), k)
        results.close()
        # the windows: 32 items, then at most 8 times as many, and one that is read ahead
        self.assertLess(len(read), 32 + 8 * 32 + 64 * 32 + 1)
        status = ppgen.load("runs/functions.slow").status()
        self.assertIsNone(status["held_by"])
        again = ppgen.imap(functions.slow, range(10))
        self.assertEqual(list(again), list(range(10)))
        self.assertEqual(len(self.calls()), len(set(self.calls())))

    def test_raises(self):
        """a generator that raises: what came before is called, then the caller gets it"""
        def items(fault):
            yield 1
            yield 2
            raise fault
        with self.assertRaises(KeyError):
            ppgen.map(functions.double, items(KeyError("mine")))
        self.assertEqual(self.calls(), ["1", "2"])
        found = []
        with self.assertRaises(ppgen.PickleError):
            for x in ppgen.imap(functions.double, iter([1, 2, functions.Unkind()])):
                found.append(x)
        self.assertEqual(found, [2, 4])

    def test_imap(self):
        """imap: in order, or as they end with their indexes; errors where their results would be"""
        self.assertEqual(list(ppgen.imap(functions.same, [3, 1, 2], n_jobs=2)), [3, 1, 2])
        pairs = list(ppgen.imap(functions.same, range(100), unordered=True))
        self.assertEqual(sorted(pairs), [(k, k) for k in range(100)])
        found = []
        with self.assertRaises(ppgen.TaskError) as caught:
            for x in ppgen.imap(functions.not_three, [1, 2, 3, 4]):
                found.append(x)
        self.assertEqual((found, caught.exception.index), ([1, 2], 2))
        mixed = list(ppgen.imap(functions.not_three, [1, 3, 4], errors="return"))
        self.assertEqual((mixed[0], mixed[1].index, mixed[2]), (1, 1, 4))


def load_tests(loader, tests, pattern):
    import doctest
    import tempfile

    old = []

    def enter(test):
        old.append(os.getcwd())
        os.chdir(tempfile.mkdtemp(prefix="ppgen-python."))

    def leave(test):
        import shutil

        here = os.getcwd()
        os.chdir(old.pop())
        shutil.rmtree(here, ignore_errors=True)

    for name in ("ppgen", "ppgen._errors", "ppgen._map", "ppgen._run"):
        tests.addTests(doctest.DocTestSuite(importlib.import_module(name), setUp=enter,
            tearDown=leave))
    return tests
