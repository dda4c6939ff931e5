# SPDX-License-Identifier: MIT
"""The files of items, descriptions of functions, what the program prints: without the program."""

import base
import functions

import functools
import importlib
import io
import math
import os
import pickle
import sys

from ppgen import _describe, _events, _folder, _items, _progress
from ppgen._errors import PickleError, PpgenError, TaskError


class ItemsTest(base.Case):
    def rows(self, *blocks):
        writer = _items.Writer(self.folder)
        for block in blocks:
            for _ in writer.add_all(block):
                pass
        writer.publish(writer.count)
        writer.close()
        with open("items.csv") as file:
            return file.read().splitlines()

    def test_all_types(self):
        """items of all types come back"""
        things = [1, -1, 2 ** 100, 1.5, "text", "", b"\0", None, True, (1, "a"), [1, [2]],
            {"a": {"b": 1}}, {3, 4},
                  range(3), functions.Scaled]
        rows = self.rows(things)
        self.assertEqual(rows[0], "item,n")
        items = _items.Items(self.folder)
        self.assertEqual([items[k] for k in range(len(items))], things)
        self.assertRaises(IndexError, items.__getitem__, len(things))
        self.assertEqual([name for name in os.listdir(".") if name.endswith(".new")], [])

    def test_no_two_are_one(self):
        """items that are equal but of different types are different items"""
        rows = self.rows([1, 1.0, True, "1", b"1", (1,), [1], None])
        self.assertEqual(len(set(row.split(",")[0] for row in rows)), 9)

    def test_same_again(self):
        """an item that comes again has the next number"""
        rows = self.rows(["a", "b", "a", "a"], ["b"])
        self.assertEqual([row.split(",")[1] for row in rows[1:]], ["0", "0", "1", "2", "1"])
        self.assertEqual(rows[1].split(",")[0], rows[4].split(",")[0])

    def test_shared_parts(self):
        """whether parts of an item are one object does not change its hash"""
        part = "".join(["a", "bc"])
        other = "".join(["ab", "c"])
        for one, two in (([part, part], [part, other]), ((part, part), (part, other)),
                         ({"x": [part, part]}, {"x": [part, other]})):
            rows = self.rows([one, two])
            self.assertEqual([row.split(",")[1] for row in rows[1:]], ["0", "1"])

    def test_deep_sharing(self):
        """an item that would be endless without sharing, and one that holds itself"""
        deep = []
        for _ in range(60):
            deep = [deep, deep]
        loop = [1]
        loop.append(loop)
        self.rows([deep, loop])
        items = _items.Items(self.folder)
        deep, loop = items[0], items[1]
        self.assertTrue(deep[0] is deep[1])
        self.assertTrue(loop[1] is loop)

    def test_unpicklable(self):
        """an item that cannot be pickled is named with its index"""
        with self.assertRaises(PickleError) as caught:
            self.rows([1, 2], [3, functions.Unkind()])
        self.assertIn("item 3 cannot be sent", str(caught.exception))
        self.assertIn("'Unkind' (RuntimeError: not me)", str(caught.exception))

    def test_never_published(self):
        """a writer that ends early leaves nothing and replaces nothing"""
        before = self.rows([1])
        writer = _items.Writer(self.folder)
        writer.add([5, 6])
        writer.close()
        with open("items.csv") as file:
            self.assertEqual(file.read().splitlines(), before)
        self.assertEqual(sorted(os.listdir(".")), ["items.bin", "items.csv", "items.idx"])

    def test_replaced(self):
        """a worker keeps the items that it has open, and never takes another's"""
        row = self.rows(["old"])[1]
        items = _items.Items(self.folder)
        new = self.rows(["new"])[1]
        self.assertEqual(items[0], "old")
        digest = bytes.fromhex(row.split(",")[0][1:])
        self.assertEqual(items.place(0, digest)[0], 0)
        with self.assertRaises(PpgenError):
            _items.Items(self.folder).place(0, digest)
        items.place(0, bytes.fromhex(new.split(",")[0][1:]))
        self.assertEqual(items[0], "new")


SOURCE = """
import os
SCALE = {scale}
def helper(x):
    return x + {add}
def outer(captured):
    def inner(x):
        return x * captured
    return inner
def f(x, y={default}):
    return helper(x) * SCALE
def unrelated(x):
    return {other}
class Point:
    def norm(self):
        return {add}
def g(x):
    return Point().norm()
"""


class DescribeTest(base.Case):
    def module(self, **values):
        """A module of the user's, made anew."""
        text = SOURCE.format(**dict(dict(scale=2, add=1, default=0, other=0), **values))
        self.write("users_own.py", text)
        sys.path.insert(0, self.folder)
        try:
            sys.modules.pop("users_own", None)
            importlib.invalidate_caches()
            old = sys.dont_write_bytecode
            sys.dont_write_bytecode = True
            return importlib.import_module("users_own")
        finally:
            sys.dont_write_bytecode = old
            sys.path.remove(self.folder)

    def text(self, name="f", kwargs={}, **values):
        return _describe.describe(getattr(self.module(**values), name), kwargs)

    def test_changes(self):
        """what a function refers to is part of it, what it does not is not"""
        base_text = self.text()
        self.assertEqual(self.text(), base_text)
        self.assertEqual(self.text(other=5), base_text)
        self.assertEqual(_describe.changed(base_text, self.text(scale=3)), ["global SCALE"])
        self.assertEqual(_describe.changed(base_text, self.text(add=2)), ["global helper"])
        self.assertIn("function.defaults", _describe.changed(base_text, self.text(default=1)))
        self.assertEqual(_describe.changed(self.text(kwargs={"y": [1]}),
            self.text(kwargs={"y": [2]})),
                         ["argument y"])
        self.assertIn("def helper(x):\n    return x + 1", base_text)

    def test_methods(self):
        """so are the methods of a class that it uses"""
        self.assertNotEqual(self.text("g"), self.text("g", add=2))

    def test_captured(self):
        """captured values are part of a function"""
        module = self.module()
        one, two = _describe.describe(module.outer(1), {}), _describe.describe(module.outer(2), {})
        self.assertEqual(_describe.changed(one, two), ["function captured captured"])

    def test_lambdas(self):
        """two lambdas on one line are different"""
        one, two = (lambda x: x + 1), (lambda x: x + 2)
        self.assertNotEqual(_describe.describe(one, {}), _describe.describe(two, {}))

    def test_callables(self):
        """partial functions, methods, objects, functions in C, functions of libraries"""
        for one, two in ((functools.partial(functions.power, exponent=2),
                functools.partial(functions.power, exponent=3)),
                         (functions.Scaled(1), functions.Scaled(2)),
                         (functions.Scaled(1).method, functions.Scaled(2).method),
                         (math.sin, math.cos), (len, repr), ("a".join, "b".join),
                         (os.path.join, os.path.split),
                         (functools.lru_cache()(functions.double),
                         functools.lru_cache()(functions.same)),
                         (str.upper, str.lower), (functions.Scaled, functions.Unkind)):
            self.assertNotEqual(_describe.describe(one, {}), _describe.describe(two, {}))
            self.assertEqual(_describe.describe(one, {}), _describe.describe(one, {}))
        self.assertIn("math", _describe.describe(math.sin, {}))

    def test_same_in_all_sessions(self):
        """the text does not depend on the process, nor on PYTHONHASHSEED"""
        script = ("import sys\nsys.path.insert(0, %r)\nfrom ppgen import _describe\nimport users_own\n"
                  "G = {'x', 'yy', 'zzz'}\n"
                  "def f(x): return x in {'a', 'b', 'c'} and users_own.helper(x) in G\n"
                  "print(_describe.describe(f, {'k': {'p', 'q', 'r'}, 'd': users_own.Point}))\n") % self.folder
        self.module()
        texts = {self.run_script(script, PYTHONHASHSEED=str(seed))[0] for seed in (1, 2, 3)}
        self.assertEqual(len(texts), 1)
        self.assertIn("users_own, sha256", texts.pop())

    def indirect(self, script, *edits):
        """Descriptions of g, of a script whose module `lazy` is edited, each in a new process."""
        texts = []
        self.write("main.py", "import sys\nfrom ppgen import _describe\n" + script +
            "\nsys.stdout.write(_describe.describe(g, {}))\n"
            "assert 'lazy' not in sys.modules or 'lazy' in globals(), 'imported'\n")
        os.makedirs("pack", exist_ok=True)
        self.write("pack/__init__.py", "")
        for edit in edits:
            values = dict({"add": 1, "deep": 1, "other": 0}, **edit)
            self.write("pack/deep.py", "def d(x):\n    return x + {deep}\n".format(**values))
            self.write("pack/rel.py", "def g(x):\n    from . import deep\n    return deep.d(x)\n"
                "def h(x):\n    from .deep import d\n    return d(x)\n")
            self.write("pack/other.py", "O = {other}\n".format(**values))
            self.write("lazy.py", "def v(x):\n    from pack import deep\n"
                "    return deep.d(x) + {add}\n".format(**values))
            texts.append(self.run_script(
                "import runpy, sys\nsys.path.insert(0, %r)\nrunpy.run_path(%r, run_name='__main__')\n"
                % (self.folder, os.path.join(self.folder, "main.py")))[0])
        return texts

    def test_imports_when_called(self):
        """a module that a function imports when it is called is part of it, without being loaded"""
        for script in ("def g(x):\n    import lazy\n    return lazy.v(x)",
                       "def g(x):\n    from lazy import v as w\n    return w(x)",
                       "def h(x):\n    import lazy as m\n    return m.v(x)\ndef g(x):\n    return h(x)",
                       "def g(x):\n    def h():\n        import lazy\n        return lazy.v(x)\n"
                       "    return h()"):
            old, same, add, deep = self.indirect(script, {}, {"other": 5}, {"add": 2}, {"deep": 2})
            self.assertEqual(old, same)
            self.assertEqual(_describe.changed(old, add), ["import lazy"])
            self.assertEqual(_describe.changed(old, deep), ["import pack.deep"])

    def test_dotted_imports(self):
        """so is a module of a package, however it is named"""
        lines = ["from pack.rel import g", "from pack.rel import h as g"]
        for line in ("import pack.deep", "import pack.deep as d", "from pack import deep",
                     "from pack.deep import d"):
            lines.append("def g(x):\n    %s\n    return x" % line)
        for script in lines:
            old, same, deep = self.indirect(script, {}, {"other": 5}, {"deep": 2})
            self.assertEqual(old, same)
            self.assertEqual(_describe.changed(old, deep), ["import pack.deep"])

    def test_libraries_and_missing(self):
        """libraries that are imported when called are not told, what is missing is, by its name"""
        text, = self.indirect("def g(x):\n    import json.decoder, sys\n    from os import path\n"
                              "    return x", {})
        self.assertNotIn("== import", text)
        text, = self.indirect("def g(x):\n    import not_there.sub\n", {})
        self.assertIn("== import not_there.sub\nmodule not_there.sub, not found\n", text)

    def test_held(self):
        """functions that containers and objects hold are part of what refers to them"""
        text = ("def one(x):\n    return x + {add}\ndef unused(x):\n    return {other}\n"
                "class K:\n    def __init__(self):\n        self.f = one\n        self.me = self\n"
                "class M:\n    def f(self, x):\n        return x + {add}\n"
                "class S:\n    __slots__ = ('f',)\n"
                "class C:\n    OPS = [one]\n    def f(self, x):\n        return self.OPS[0](x)\n"
                "s = S()\ns.f = one\nLOOP = [one]\nLOOP.append(LOOP)\n"
                "import functools, types\nHELD = {held}\ndef g(x):\n    return HELD\n")
        for held in ("{'one': one}", "[one]", "(1, (one,))", "{one, len}", "LOOP", "K()", "M()", "s",
                     "C()", "[K(), M()]", "{'k': M().f}", "types.SimpleNamespace(f=one)",
                     "[lambda x: one(x)]", "[functools.partial(one, 1)]", "[K]", "{one: 1}",
                     "functools.partial(max, key=one)", "[functools.lru_cache()(one)]"):
            texts = []
            for add, other in ((1, 0), (1, 5), (2, 0)):
                self.write("users_held.py", text.format(add=add, other=other, held=held))
                texts.append(self.run_script(
                    "import sys\nsys.path.insert(0, %r)\nfrom ppgen import _describe\n"
                    "import users_held\nprint(_describe.describe(users_held.g, {}))\n"
                    % self.folder)[0])
            self.assertEqual(texts[0], texts[1], held)
            self.assertNotEqual(texts[0], texts[2], held)

    def test_names(self):
        """a run's name is the module's and the function's"""
        self.assertEqual(_folder.name_of(functions.double, ""), "functions.double")
        self.assertEqual(_folder.name_of(functools.partial(functions.double), ""),
            "functions.double")
        self.assertEqual(_folder.name_of(len, ""), "len")
        self.assertEqual(_folder.name_of(functions.Scaled(1), ""), "functions.Scaled")
        one, two = _folder.name_of(lambda x: x, "1"), _folder.name_of(lambda x: x, "2")
        self.assertNotEqual(one, two)
        for name in (one, _folder.name_of(self.test_names, ""), "x" * 64):
            _folder.Folder(name, None)
        for name in ("", "x" * 65, ".x", "a/b", "a b"):
            self.assertRaises(ValueError, _folder.Folder, name, None)


class EventsTest(base.Case):
    def test_ends(self):
        """lines are read alike by the quick way and by the careful one"""
        quick = (b'{"event":"good","file":"output/aa/w.out","offset":0,"index":[0,1,2],"length":[4,4,4]}\n'
                 b'{"event":"good","file":"output/aa/w.out","offset":12,"index":[3,4],"length":[4,4]}\n')
        others = []
        expected = [(k, (b"output/aa/w.out", 4 * k, 4)) for k in range(5)]
        self.assertEqual(_events.ends_in(quick, others), expected)
        self.assertEqual(others, [])
        mixed = quick + (b'{"event":"start","task":"t9","index":9,"attempt":1}\n'
                         b'{"event":"end","task":"t8","index":8,"attempt":1,"outcome":"exit","retried":true}\n'
                         b'{"event":"end","task":"t8","index":8,"attempt":2,"outcome":"exit","retried":false,'
                         b'"wall":1,"why":"ValueError: \\"value\\":[\\"x\\",1,2]"}\n')
        ends = _events.ends_in(mixed, others)
        self.assertEqual(ends[:5], expected)
        self.assertEqual(ends[5:], [(8, _events.Failure("t8", 2, "exit",
            'ValueError: "value":["x",1,2]'))])
        self.assertEqual([event["event"] for event in others], ["start"])

    def test_values(self):
        """values are read in any order, beyond what is read ahead, and what is missing is told"""
        things = [b"x" * 10, list(range(1000)), "y" * 3000000, None, 7]
        places, at = [], 0
        with open("w.out", "wb") as file:
            for thing in things:
                data = pickle.dumps(thing)
                places.append((b"w.out", at, len(data)))
                at += len(data)
                file.write(data)
        values = _events.Values(self.folder)
        self.assertEqual(values.load_all(places), things)
        for k in (4, 0, 2, 1, 3, 2):
            self.assertEqual(values.load(places[k]), things[k])
        self.assertRaises(PpgenError, values.load, (b"w.out", at - 1, 2))
        self.assertRaises(PpgenError, values.load, (b"none.out", 0, 2))
        values.close()

    def test_bar(self):
        """the bar"""
        stream = io.StringIO()
        bar = _progress.Bar("name", True, stream)
        bar.total = 8
        bar.step(3, old=True)
        bar.step(1, 2)
        bar.close()
        last = stream.getvalue().split("\r")[-1]
        self.assertIn("name:  75% |##################      | 6/8, 2 failed [0s", last)
        self.assertTrue(last.endswith("\n"))
        stream.close()
        bar = _progress.Bar("name", True, stream)
        bar.step(1)
        bar.close()

    def test_task_error(self):
        """a TaskError says what failed even where the item cannot be shown, and can be pickled"""
        error = TaskError(3, functions.Unkind(), "exit", "ValueError: x", "runs/a b")
        self.assertIn("item 3: ValueError: x\nthe item is a 'Unkind' (its repr() raises RuntimeError)", str(error))
        self.assertIn("`ppgen log 'runs/a b' 3`", str(error))
        error = TaskError(1, "x", "timeout", "", "runs/none", shown="runs/none")
        error._traceback = "said"
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((again.index, again.item, again.outcome, again.traceback, str(again)),
                         (1, "x", "timeout", "said", str(error)))


def load_tests(loader, tests, pattern):
    import doctest

    tests.addTests(doctest.DocTestSuite(_describe))
    tests.addTests(doctest.DocTestSuite(_events))
    tests.addTests(doctest.DocTestSuite(_folder))
    tests.addTests(doctest.DocTestSuite(_progress))
    return tests
