# SPDX-License-Identifier: MIT
"""pp.parallelize: what a function gets, what becomes of what it returns, and who is to blame.

The texts of pyHEC's example with spaCy are tried with a module of that name made for the test.
"""

import os
import pickle
import tempfile
import textwrap
import unittest
from unittest import mock

from base import Case
from pieces import (as_frame, doubled_at_once, even_only, itself, kind_and_shape, mean_at_once,
                    returned, scaled, sizes, told, types_of, with_sum)
from ppgen import TaskError
from ppgen import parallel_processing as pp

try:
    import numpy
    import pandas
except ImportError:
    numpy = pandas = None

needs_pandas = unittest.skipIf(pandas is None, "pandas is not installed")


class Lists(Case):
    def test_items_keep_their_types_and_order(self):
        items = [1, "a", 2.5, None, True, (1, 2), {"k": 1}, b"x", 2 ** 70, "3"]
        self.assertEqual(pp.parallelize(types_of, items, n_cores=2),
                         [(type(item).__name__, item) for item in items])

    def test_chunks_are_those_of_pyhec(self):
        self.assertEqual(pp.parallelize(sizes, list(range(10)), n_cores=2), [3, 3, 2, 2])
        self.assertEqual(pp.parallelize(sizes, list(range(8)), n_cores=2), [4, 4])
        self.assertEqual(pp.parallelize(sizes, [1], n_cores=3), [1])

    def test_many_items_make_more_chunks(self):
        for count, cores in (1000, 2), (10000, 2), (10 ** 6, 2), (10 ** 6, 1), (7, 64), (300, 64):
            cuts = pp._cuts(count, cores)
            lengths = [end - first for first, end in cuts]
            self.assertEqual([first for first, _ in cuts], [0] + [end for _, end in cuts[:-1]])
            self.assertEqual(cuts[-1][1], count)
            self.assertLessEqual(max(lengths) - min(lengths), 1)
            self.assertLessEqual(len(cuts), min(count, pp.CHUNKS_A_CORE * cores))
            if len(cuts) > 2 * cores:
                self.assertGreaterEqual(min(lengths), pp.ITEMS_A_CHUNK)

    def test_any_iterable(self):
        for iterable in range(5), (n for n in range(5)), (0, 1, 2, 3, 4), {0: 1, 1: 1, 2: 1, 3: 1,
                                                                          4: 1}.keys():
            self.assertEqual(pp.parallelize(scaled, iterable, n_cores=2, factor=3, offset=1),
                             [1, 4, 7, 10, 13])

    def test_a_result_may_have_any_length(self):
        self.assertEqual(pp.parallelize(even_only, [1, 3, 2, 4, 5, 7], n_cores=3), [2, 4])

    def test_a_chunk_comes_back(self):
        self.assertEqual(pp.parallelize(itself, ["a", "b", "c"], n_cores=2), ["a", "b", "c"])

    def test_nothing(self):
        self.assertEqual(pp.parallelize(sizes, []), [])
        self.assertFalse(os.path.exists("runs"))

    def test_max(self):
        self.assertEqual(sum(pp.parallelize(sizes, list(range(100)), "max")), 100)

    def test_what_makes_no_sense(self):
        for error, arguments in [
                (ValueError, dict(iterable=[1], n_cores=0)),
                (ValueError, dict(iterable=[1], n_cores=-1)),
                (ValueError, dict(iterable=[1], n_cores="2")),
                (ValueError, dict(iterable=[1], n_cores=1.5)),
                (ValueError, dict(iterable=[1], n_cores=True)),
                (ValueError, dict(iterable=[1], return_as="frame")),
                (TypeError, dict(iterable="text")), (TypeError, dict(iterable={"a": 1})),
                (TypeError, dict(iterable=5))]:
            with self.subTest(arguments=arguments), self.assertRaises(error):
                pp.parallelize(sizes, **arguments)

    def test_what_is_no_list(self):
        for what in 7, "text", {"a": 1}:
            said = "'{}' for chunk 0: let it return a list".format(type(what).__name__)
            with self.subTest(what=what), self.assertRaisesRegex(TypeError, said):
                pp.parallelize(returned, [1, 2], n_cores=1, what=what)

    def test_a_list_does_not_pretend_to_be_an_array(self):
        for func in doubled_at_once, mean_at_once:
            with self.assertRaisesRegex(TaskError, r"numpy\.asarray\(chunk\)"):
                pp.parallelize(func, [1, 2, 3], n_cores=1)


class Errors(Case):
    def test_the_items_are_named_and_nothing_else_is_lost(self):
        log = os.path.abspath("log")

        def call():
            return pp.parallelize(told, list(range(100, 110)), n_cores=2, log=log, bad=[104, 109])
        with self.assertRaises(pp.ChunkError) as caught:
            call()
        error = caught.exception
        self.assertIsInstance(error, TaskError)
        self.assertEqual((error.index, error.first, error.last, error.others), (1, 3, 5, 1))
        self.assertEqual(list(error.item), [103, 104, 105])
        self.assertEqual(
            str(error).split("\n")[0],
            "items 3 to 5 (chunk 1): ValueError: no luck with 104 (and 1 more failed)")
        self.assertIn("no luck with 104", error.traceback)
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(again), again.first), (str(error), 3))
        with open(log) as file:
            self.assertEqual(sorted(file), ["100-102\n", "103-105\n", "106-107\n", "108-109\n"])
        # mended: only what failed is called again
        os.truncate(log, 0)
        open(log + ".mended", "w").close()
        self.assertEqual(call(), [-n for n in range(100, 110)])
        with open(log) as file:
            self.assertEqual(sorted(file), ["103-105\n", "108-109\n"])

    def test_one_item(self):
        with self.assertRaises(pp.ChunkError) as caught:
            pp.parallelize(told, [5, 6], n_cores=2, log=os.path.abspath("log"), bad=[6])
        self.assertTrue(str(caught.exception).startswith("item 1 (chunk 1): ValueError: "))


@needs_pandas
class Arrays(Case):
    def test_a_piece_is_what_the_whole_is(self):
        frame = pandas.DataFrame({"a": range(5), "b": list("vwxyz")})
        for whole, pieces in [
                (numpy.arange(5), [("ndarray", (3,)), ("ndarray", (2,))]),
                (numpy.zeros((5, 2)), [("ndarray", (3, 2)), ("ndarray", (2, 2))]),
                (frame, [("DataFrame", (3, 2)), ("DataFrame", (2, 2))]),
                (frame["b"], [("Series", (3,)), ("Series", (2,))]),
                (frame.index, [("RangeIndex", (3,)), ("RangeIndex", (2,))])]:
            with self.subTest(type=type(whole).__name__):
                self.assertEqual(pp.parallelize(kind_and_shape, whole, n_cores=2), pieces)

    def test_items_of_an_array(self):
        out = pp.parallelize(scaled, numpy.array([1.5, 2.5, 3.5]), n_cores=2, factor=2)
        self.assertEqual(out, [3.0, 5.0, 7.0])
        self.assertEqual(pp.parallelize(doubled_at_once, numpy.arange(4), n_cores=2), [0, 2, 4, 6])

    def test_dataframe(self):
        frame = pandas.DataFrame({"a": range(7), "b": range(7, 14)}, index=list("tuvwxyz"))
        out = pp.parallelize(with_sum, frame, n_cores=3, return_as="dataframe")
        pandas.testing.assert_frame_equal(out, frame.assign(sum=frame["a"] + frame["b"]))

    def test_frames_keep_their_index(self):
        out = pp.parallelize(as_frame, [1, 2, 3], n_cores=2, return_as="dataframe")
        expected = pandas.concat([as_frame([1, 2]), as_frame([3])])
        pandas.testing.assert_frame_equal(out, expected)
        self.assertEqual(list(out.index), [0, 1, 0])

    def test_an_empty_frame_keeps_its_columns(self):
        frame = pandas.DataFrame({"a": [], "b": []})
        out = pp.parallelize(with_sum, frame, return_as="dataframe")
        self.assertEqual((list(out.columns), len(out)), (["a", "b", "sum"], 0))

    def test_wrong_kind(self):
        with self.assertRaisesRegex(TypeError, "say return_as='dataframe'"):
            pp.parallelize(as_frame, [1, 2], n_cores=1)
        with self.assertRaisesRegex(TypeError, "'list' for chunk 0.*wants DataFrames"):
            pp.parallelize(sizes, [1, 2], n_cores=1, return_as="dataframe")
        with self.assertRaises(TypeError):
            pp.parallelize(sizes, numpy.array(5))


class Cores(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)

    def put(self, name, text):
        path = os.path.join(self.place.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def count(self, groups="", affinity=64, **variables):
        self.put("cgroup", groups)
        opened = open
        with mock.patch.object(pp, "CGROUPS", self.place.name), mock.patch.object(
                pp, "open", lambda path: opened(os.path.join(self.place.name, "cgroup")
                                                if path == "/proc/self/cgroup" else path),
                create=True), mock.patch.dict(os.environ, variables):
            with mock.patch.object(os, "sched_getaffinity", lambda pid: range(affinity)):
                for name in pp.VARIABLES:
                    if name not in variables:
                        os.environ.pop(name, None)
                return pp.available_cores()

    def test_the_least_counts(self):
        self.put("cpu.max", "max 100000\n")
        self.put("a/cpu.max", "250000 100000\n")
        self.put("a/b/cpu.max", "max 100000\n")
        self.put("cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n")
        self.put("cpu,cpuacct/job/cpu.cfs_period_us", "100000\n")
        self.put("cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
        self.put("cpu,cpuacct/cpu.cfs_period_us", "100000\n")
        for expected, arguments in [
                (64, {}), (3, dict(groups="0::/a/b\n")), (64, dict(groups="0::/\n")),
                (2, dict(groups="0::/a/b\n", affinity=2)), (2, dict(groups="4:cpu,cpuacct:/job\n")),
                (64, dict(groups="4:cpu,cpuacct:/\n3:memory:/a\n")),
                (5, dict(SLURM_CPUS_ON_NODE="5")), (1, dict(NSLOTS="1", NCPUS="9")),
                (64, dict(NSLOTS="none", NCPUS="0"))]:
            with self.subTest(arguments=arguments):
                self.assertEqual(self.count(**arguments), expected)


class Example(Case):
    """pyHEC's example that tokenizes texts, with a pipeline of its own shape under spaCy's name."""

    SPACY = """
        import re

        class Token:
            def __init__(self, text):
                self.text = text

        class Pipeline:
            def pipe(self, texts, disable=()):
                assert set(disable) <= {"tagger", "parser", "ner"}
                for text in texts:
                    yield [Token(word) for word in re.findall(r"\\w+|[^\\w\\s]", text)]

        def load(name):
            assert name == "en_core_web_sm"
            return Pipeline()
        """
    SCRIPT = """
        from ppgen import parallel_processing as pp
        import spacy
        {more}

        def tokens_of(docs):
            print("called")
            out = []
            nlp = spacy.load("en_core_web_sm")
            for doc in nlp.pipe(docs, disable=["tagger", "parser", "ner"]):
                out.append([token.text for token in doc])
            return out


        if __name__ == "__main__":
            TEXTS = ["Text %d, of a harbour \\u2019 at night." % n for n in range(10)]
            out = pp.parallelize(tokens_of, {data})
            assert out == [["Text", str(n), ",", "of", "a", "harbour", "\\u2019", "at", "night",
                            "."] for n in range(10)], out
            print(len(out), "texts")
        """

    def check(self, more, data):
        self.write("spacy.py", textwrap.dedent(self.SPACY))
        script = textwrap.dedent(self.SCRIPT).format(more=more, data=data)
        out, err, code = self.run_script(script, "tokens.py")
        self.assertEqual((code, out), (0, "10 texts\n"), err)

    @needs_pandas
    def test_series(self):
        self.check("import pandas as pd", "pd.Series(TEXTS)")

    def test_list(self):
        self.check("", "TEXTS")


def load_tests(loader, tests, pattern):
    import doctest

    folder = Case()
    for example in doctest.DocTestSuite(pp, setUp=lambda test: folder.setUp(),
                                        tearDown=lambda test: folder.doCleanups()):
        if pandas is None and example.id().endswith("batch_read_csv"):
            continue
        tests.addTest(example)
    return tests


if __name__ == "__main__":
    unittest.main()
