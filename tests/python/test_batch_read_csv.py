# SPDX-License-Identifier: MIT
"""pp.batch_read_csv: the very table that pandas makes of the files one by one."""

import glob
import os
import random
import sys
import tempfile
import threading
import unittest
import warnings
from unittest import mock

from ppgen import _merge_csv
from ppgen import parallel_processing as pp

try:
    import numpy
    import pandas
except ImportError:
    numpy = pandas = None

SEED = int(os.environ.get("CSV_SEED", "1"))
ROUNDS = int(os.environ.get("CSV_ROUNDS", "150"))
SIGNATURE = mock.Mock(parameters=["on_bad_lines"])  # a pandas whose read_csv is watched has none


def setUpModule():
    if pandas is None:
        raise unittest.SkipTest("pandas is not installed")


class Folder(unittest.TestCase):
    """A test with CSV files in a folder of its own."""

    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.pattern = os.path.join(self.place.name, "*.csv")

    def put(self, *texts, **named):
        """Files a.csv, b.csv, ... and some with names of their own."""
        for path in glob.glob(self.pattern):
            os.unlink(path)
        every = {chr(97 + k): text for k, text in enumerate(texts)}
        every.update(named)
        for name, text in every.items():
            data = text if isinstance(text, bytes) else text.encode()
            with open(os.path.join(self.place.name, name + ".csv"), "wb") as file:
                file.write(data)

    def plain(self, **kwargs):
        """What is expected."""
        frames = [pandas.read_csv(path, **kwargs) for path in sorted(glob.glob(self.pattern))]
        if len({repr(sorted(map(repr, frame.columns))) for frame in frames}) > 1:
            raise ValueError("other columns")
        numbered = all(isinstance(frame.index, pandas.RangeIndex)
                       or len(frame) == 0 and frame.index.name is None for frame in frames)
        return pandas.concat(frames, ignore_index=numbered)

    def same(self, found, expected):
        """To the type of every value and the sign of every zero."""
        self.assertEqual(list(map(str, found.dtypes)), list(map(str, expected.dtypes)))
        pandas.testing.assert_index_equal(found.columns, expected.columns, exact=True)
        self.assertIs(type(found.index), type(expected.index))
        self.all_same(found.index, expected.index)
        for k in range(expected.shape[1]):
            one, other = (table.iloc[:, k].to_numpy() for table in (found, expected))
            if other.dtype == object or other.dtype.kind not in "iufb":
                self.all_same(one, other)
            else:
                self.assertTrue(numpy.array_equal(numpy.isnan(one), numpy.isnan(other)))
                known = ~numpy.isnan(other)
                self.assertTrue(one[known].tobytes() == other[known].tobytes())

    def all_same(self, found, expected):
        """No assertEqual: to show how long lists differ takes it minutes."""
        self.assertEqual(len(found), len(expected))
        for k, (one, other) in enumerate(zip(found, expected)):
            if type(one) is not type(other) or repr(one) != repr(other):
                self.fail("value {} is {!r}, and should be {!r}".format(k, one, other))

    def reads(self, **kwargs):
        """The table, and how often pandas was called for it."""
        with mock.patch.object(pandas, "read_csv", wraps=pandas.read_csv) as spy, mock.patch.object(
                _merge_csv.inspect, "signature", return_value=SIGNATURE):
            found = pp.batch_read_csv(self.pattern, **kwargs)
        return found, spy.call_count


class Together(Folder):
    """Files that are read at once."""

    GOOD = [
        ("whole numbers", {}, ["x,y\n1,2\n3,4\n", "x,y\n5,6\n"]),
        ("numbers of both kinds", {}, ["x\n1\n2\n", "x\n0.5\n"]),
        ("missing values", {}, ["x,y\n1,a\n", "x,y\n,b\n", "x,y\n3,\n"]),
        ("text", {}, ["x,y\na,1\n", "x,y\n2024-01-02,1\n", "x,y\nb,1\n"]),
        ("quotes", {}, ['x,y\n"a, b",1\n"say ""no""",2\n', 'x,y\n"two\nlines",3\n"",4\nz,5\n']),
        ("quoted header", {}, ['"x","y, z"\n1,2\n', '"x","y, z"\n3,4\n']),
        ("true and false", {}, ["x\nTrue\nFalse\n", "x\nTRUE\nfalse\n"]),
        ("true, false, missing", {}, ["x,y\nTrue,1\n,2\n", "x,y\nTRUE,3\n"]),
        ("no newline at the end", {}, ["x,y\n1,2", "x,y\n3,4"]),
        ("blank lines at the end", {}, ["x,y\n1,2\n\n\n", "x,y\n3,4\n\n"]),
        ("lines end in CRLF", {}, ["x,y\r\n1,a\r\n", "x,y\r\n3,b\r\n\r\n"]),
        ("short rows", {}, ["x,y\n1\n2,3\n", "x,y\n4,5\n"]),
        ("large numbers with decimals", {}, ["x\n1e300\n0.5\n", "x\n-1.5\n2e20\n"]),
        ("the same name twice", {}, ["x,x\n1,2\n", "x,x\n3,4\n"]),
        ("not ASCII", {}, ["x\n\u00e9\n", "x\n\u4f60\n"]),
        ("another encoding", {"encoding": "latin-1"}, [b"x\n\xe9\n", b"x\n\xe8\n"]),
        ("another separator", {"sep": "\t"}, ["x\ty\n1\t2\n", "x\ty\n3\t\n"]),
        ("decimal comma", {"sep": ";", "decimal": ","}, ["x;y\n1,5;2\n", "x;y\n3;4\n"]),
        ("asked types", {"dtype": {"x": str}}, ["x,y\n01,2\n", "x,y\n3,4\n"]),
        ("one asked type", {"dtype": str}, ["x,y\n01,2\n", "x,y\n,4\n"]),
        ("some columns", {"usecols": ["y"]}, ["x,y\n1,2\n", "x,y\n3,4\n"]),
        ("missing by name", {"na_values": ["-999"]}, ["x\n-999\n1\n", "x\n2\n"]),
        ("a byte order mark", {}, ["\ufeffx,y\n1,2\n", "\ufeffx,y\n3,4\n"]),
        ("no line is bad", {"error_bad_lines": False}, ["x,y\n1,2\n", "x,y\n3,4\n"]),
    ]

    def test_good(self):
        for name, kwargs, texts in self.GOOD:
            with self.subTest(name):
                self.put(*texts)
                found, calls = self.reads(**kwargs)
                kwargs = {k: v for k, v in kwargs.items() if k != "error_bad_lines"}
                self.same(found, self.plain(**kwargs))
                self.assertEqual(calls, 1)

    def test_short_and_long_files(self):
        texts = ["x,y\n" + "".join("{},t{}\n".format(k, k) for k in range(n))
                 for n in (3, 2, 90, 4, 5)]
        self.put(*texts)
        with mock.patch.object(_merge_csv, "SMALL", 200):
            found, calls = self.reads()
        self.same(found, self.plain())
        self.assertEqual(calls, 3)
        with mock.patch.object(_merge_csv, "TOGETHER", 30):
            found, calls = self.reads()
        self.same(found, self.plain())
        self.assertEqual(calls, 3)  # 3 and 2 rows; 90 rows; the rest

    def test_long_files_in_threads(self):
        """Two are read at the same time, with the rows in order; an error is the first file's."""
        texts = ["x,y\n" + "".join("{},t{}\n".format(n, k) for k in range(50)) for n in range(6)]
        self.put(*texts)
        met, read_csv = threading.Barrier(2, timeout=60), pandas.read_csv

        def meet(*args, **kwargs):
            met.wait()
            return read_csv(*args, **kwargs)

        with mock.patch.object(_merge_csv, "SMALL", 200), \
                mock.patch.object(pp, "available_cores", return_value=2):
            with mock.patch.object(pandas, "read_csv", meet):
                found = pp.batch_read_csv(self.pattern)
            self.same(found, self.plain())
            self.put(texts[0], *[text + "1,2,3\n" for text in texts[1:]])
            with self.assertRaisesRegex(pandas.errors.ParserError, "b.csv"):
                pp.batch_read_csv(self.pattern)
            self.put(*texts)
            here = []  # a function of the user's is called in this thread
            found = pp.batch_read_csv(
                self.pattern, usecols=lambda name: here.append(threading.current_thread()) or name == "x")
        self.assertEqual(set(here), {threading.current_thread()})
        self.same(found, self.plain(usecols=["x"]))
        self.assertEqual(threading.active_count(), 1)

    def test_types_are_looked_for_in_all_rows(self):
        """pandas looks at 65536 rows of nine columns at a time, unless it is told not to."""
        text = "a,b,c,d,e,f,g,h,i\n" + "t,,,,,,,,\n" + "1,,,,,,,,\n" * 20000
        self.put(*[text] * 4)
        found, calls = self.reads()
        self.same(found, self.plain())
        self.assertEqual(calls, 1)

    def test_few_odd_files_are_read_by_themselves(self):
        texts = ["x,y\nt%d,%d\n" % (k, k) for k in range(40)]
        texts[5] = "x,y\n17,5\n"
        texts[6] = "x,y\n,6\n"
        texts[39] = "x,y\n1.5,True\n"
        self.put(**{"%02d" % k: text for k, text in enumerate(texts)})
        found, calls = self.reads()
        self.same(found, self.plain())
        self.assertEqual([type(found["x"][k]) for k in (4, 5, 6, 39)], [str, int, float, float])
        self.assertEqual(calls, 41)  # together y is text, by itself in no file but one
        texts[39] = "x,y\n1.5,39\n"
        self.put(**{"%02d" % k: text for k, text in enumerate(texts)})
        found, calls = self.reads()
        self.same(found, self.plain())
        self.assertEqual(calls, 5)  # all; 0-4; 5; 6-38; 39

    def test_types_differ_between_groups(self):
        self.put("x\n1\n", "x\n1.5\n", "x\na\n", "x\nb\n")
        with mock.patch.object(_merge_csv, "TOGETHER", 8):
            found, calls = self.reads()
        self.assertEqual(calls, 6)
        self.same(found, self.plain())
        self.assertEqual([type(v) for v in found["x"]], [int, float, str, str])


class OneByOne(Folder):
    """Files that must be read by themselves, since together they would give something else."""

    HARD = [
        ("numbers here, text there", {}, ["x\n1\n2\n", "x\na\n"]),
        ("true here, text there", {}, ["x\nTrue\n", "x\na\n"]),
        ("true here, numbers there", {}, ["x\nTrue\n", "x\n1\n"]),
        ("true here, nothing there", {}, ["x,y\nTrue,1\n", "x,y\n,2\n"]),
        ("a quote that stays open", {}, ['x,y\n1,"a\n2,b"\n', 'x,y\n3,a"b\n4,"c"\n']),
        ("more than 64 bits", {}, ["x\n18446744073709551616\n", "x\n1.5\n"]),
        ("unsigned", {}, ["x\n9223372036854775808\n", "x\n1\n"]),
        ("beyond 2^53", {}, ["x\n9007199254740993\n", "x\n0.5\n"]),
        ("minus zero", {}, ["x\n-0\n", "x\n0.5\n"]),
        ("no rows", {}, ["x,y\n1,2\n", "x,y\n"]),
        ("another order", {}, ["x,y\n1,2\n", "y,x\n3,4\n"]),
        ("an index without a name", {}, ["x,y\n1,2,3\n", "x,y\n4,5,6\n"]),
        ("an index", {"index_col": 0}, ["k,x\na,1\n", "k,x\nb,2\n"]),
        ("an index of numbers", {"index_col": 0}, ["k,x\n0,1\n", "k,x\n0,2\n"]),
        ("a header of another form", {}, ['x,y\n1,2\n', '"x",y\n3,4\n']),
        ("lines end in CR", {}, ["x,y\r1,2\r", "x,y\r3,4\r"]),
        ("mixed ends", {}, ["x,y\n1,2\n3,4\r5,6\n", "x,y\n1,2\n"]),
        ("blank lines between", {}, ["x,y\n1,2\n\n3,4\n", "x,y\n5,6\n"]),
        ("a byte order mark here", {}, ["\ufeffx,y\n1,2\n", "x,y\n3,4\n"]),
        ("a zero byte", {}, ["x,y\n1,a\0b\n", "x,y\n3,c\n"]),
        ("a header of two lines", {}, ['"x\nz",y\n1,2\n', '"x\nz",y\n3,4\n']),
        ("columns by number, and an index", {"usecols": [0]}, ["x,y\n1,2\n", "x,y\n4,5,6\n"]),
        ("many short rows", {}, ["a,b,c,d,e,f,g,h,i\n" + "1\n" * 30000] * 2),
        ("dates", {"parse_dates": ["x"]}, ["x\n2024-01-02\n", "x\n2024-01-03\n"]),
        ("categories", {"dtype": "category"}, ["x\na\n", "x\nb\n"]),
        ("no header", {"header": None}, ["1,2\n", "3,4\n"]),
        ("some rows", {"nrows": 1}, ["x\n1\n2\n", "x\n3\n4\n"]),
        ("01 among missing numbers", {"na_values": [1]}, ["x\n01\n2\n", "x\n0.5\n"]),
        ("an odd separator", {"sep": r"\s+"}, ["x y\n1 2\n", "x y\n3  4\n"]),
        ("the other parser", {"engine": "python"}, ["x,y\n1,2\n", "x,y\n3,4\n"]),
    ]

    def test_hard(self):
        for name, kwargs, texts in self.HARD:
            with self.subTest(name), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.put(*texts)
                found, calls = self.reads(**kwargs)
                self.same(found, self.plain(**kwargs))
                self.assertGreaterEqual(calls, 2)

    def test_what_ends_in_quotes_is_not_put_before_others(self):
        form = _merge_csv.form_of(pandas, {})
        self.assertEqual(_merge_csv.head_of(b'"x, z",y\n1,2\n', form), b'"x, z",y\n')
        for text in b'"x\nz",y\n1,2\n', b"\nx,y\n1,2\n", b"x,y", b"":
            self.assertIsNone(_merge_csv.head_of(text, form))
        head = b"x,y\n"
        for text, rows in [
                (b'1,2\n3,"4"\n', 2), (b'1,"2\n3"\n"","""4"""\n', 2), (b'"a""",b\n', 1),
                (b"1,2\r\n", 1), (b'1,b"c,"d\n', None), (b'1,"b\n', None), (b'1,"b"c\n', None),
                (b'1,b"c"\n', None), (b"1,2\r3,4\n", None), (b'1, "b"\n', None)]:
            body = _merge_csv.body_of(head + text, head, form)
            with self.subTest(text=text):
                self.assertEqual(body, rows if rows is None else (text, rows))

    def test_compressed(self):
        import gzip
        for name, text in ("a", "x\n1\n"), ("b", "x\n2\n"):
            with gzip.open(os.path.join(self.place.name, name + ".csv.gz"), "wt") as file:
                file.write(text)
        found = pp.batch_read_csv(self.pattern + ".gz")
        self.assertEqual(list(found["x"]), [1, 2])

    def test_one_file(self):
        self.put("x,y\n1,a\n")
        self.same(pp.batch_read_csv(self.pattern), self.plain())


class AtRandom(Folder):
    """Files of odd cells. CSV_SEED and CSV_ROUNDS in the environment try others."""

    CELLS = {
        "int": lambda r: str(r.randrange(100)),
        "huge": lambda r: str(r.choice([2 ** 53 + 1, 2 ** 63 - 1, 2 ** 63, 2 ** 64, -2 ** 63, 5])),
        "float": lambda r: repr(r.random() * 10 ** r.randrange(-5, 30)),
        "whole": lambda r: r.choice(["1.0", "2", "3e5", "1e20", "-0", "-0.0", "0", "007", "+5",
                                     " 6"]),
        "bool": lambda r: r.choice(["True", "False", "TRUE", "true"]),
        "none": lambda r: r.choice(["", "NA", "nan", "NULL"]),
        "text": lambda r: r.choice(["abc", "x y", '"q,r"', '"a ""b"""', "\u00e9", "2024-01-02",
                                    "1.2.3", "inf", "-inf", '"two\nlines"', "12:30"]),
        "digit": lambda r: r.choice(["1", "2", "x"]),
        "evil": lambda r: r.choice(['a"b', '"', '"un', '""', '" "', " ", "1_000", "0x1", "1e", ".5",
                                    "5.", "-", "+", "."]),
        "blank": lambda r: r.choice([" x", " 1", "1 ", "\t2"]),
    }
    OPTIONS = [{}] * 4 + [
        {"dtype": str}, {"dtype": {"c0": float}}, {"usecols": [0]}, {"na_values": [5]},
        {"na_values": {"c0": ["1", "7"]}}, {"keep_default_na": False}, {"na_filter": False},
        {"index_col": 0}, {"thousands": "_"}, {"quotechar": "'"}, {"encoding": "latin-1"}]

    def texts(self, r):
        calm = r.random() < 0.7
        kinds = [k for k in sorted(self.CELLS) if not calm or k not in ("evil", "huge", "blank")]
        base = [r.choice(kinds) for _ in range(r.randrange(1, 5))]
        header = ",".join("c%d" % k for k in range(len(base)))
        none, other = r.choice([0, 0, 0.2]), r.choice([0, 0, 0.3])
        for _ in range(r.randrange(2, 6)):
            columns = [r.choice(kinds) if r.random() < other else kind for kind in base]
            lines = [header]
            for _ in range(r.randrange(1, 12) if r.random() > 0.05 else 0):
                row = ["" if r.random() < none else self.CELLS[kind](r) for kind in columns]
                if not calm and r.random() < 0.02:
                    row = row[:-1] if r.random() < 0.5 else row + ["9"]
                lines.append(",".join(row))
                if r.random() < 0.01:
                    lines.append(r.choice(["", "  "]))
            end = "\n" if r.random() > 0.1 else r.choice(["\r\n", "\r"])
            yield end.join(lines) + r.choice([end, end, "", end * 2, end * 3])

    def test_any(self):
        together = 0
        for k in range(ROUNDS):
            r = random.Random(SEED * 1000003 + k)
            self.put(*self.texts(r))
            kwargs = r.choice(self.OPTIONS)
            with self.subTest(seed=SEED, round=k, kwargs=kwargs), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    expected = self.plain(**kwargs)
                except Exception as error:
                    with self.assertRaises(type(error)):
                        pp.batch_read_csv(self.pattern, **kwargs)
                    continue
                found, calls = self.reads(**kwargs)
                self.same(found, expected)
                together += calls == 1
        self.assertGreater(together, ROUNDS // 20)


class Errors(Folder):
    def test_no_file(self):
        with self.assertRaisesRegex(ValueError, r"^no file matches '.*nothing-\*\.csv'$"):
            pp.batch_read_csv(os.path.join(self.place.name, "nothing-*.csv"))

    def test_other_columns(self):
        self.put("x,y\n1,2\n", "x,y\n1,2\n", "x,z\n3,4\n")
        with self.assertRaisesRegex(ValueError, r"c\.csv' has other columns than '.*a\.csv': "
                                                r"it lacks 'y' and has 'z' besides$"):
            pp.batch_read_csv(self.pattern)

    def test_a_file_that_cannot_be_read_is_named(self):
        for texts, said in [(["x\n1\n", "x\n1\n", ""], "c.csv"),
                            (["x\n1\n", b"x\n\xff\n"], "b.csv"),
                            (["x,y\n1,2\n3,4\n", "x,y\n5,6\n1,2,3\n"], "b.csv"),
                            (["x,y\n1,2\n", 'x,y\n3,"4\n', "x,y\n5,6\n"], "b.csv")]:
            self.put(*texts)
            with self.subTest(texts=texts), self.assertRaisesRegex(ValueError, said + "'"):
                pp.batch_read_csv(self.pattern)

    def test_no_table(self):
        self.put("x\n1\n", "x\n2\n")
        with self.assertRaisesRegex(ValueError, "'chunksize' give no table"):
            pp.batch_read_csv(self.pattern, chunksize=1)
        with self.assertRaises(TypeError):
            pp.batch_read_csv(self.pattern, no_such_option=1)


class BadLines(Folder):
    """error_bad_lines and warn_bad_lines, which pandas 2 no longer has."""

    def read(self, **kwargs):
        with mock.patch.object(sys, "stderr"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pp.batch_read_csv(self.pattern, **kwargs)

    def test_lines_are_left_out(self):
        self.put("x,y\n1,2\n3,4\n", "x,y\n5,6\n7,8,9\n10,11\n")
        for kwargs in [dict(error_bad_lines=False),
                       dict(error_bad_lines=False, warn_bad_lines=False)]:
            self.assertEqual(list(self.read(**kwargs)["x"]), [1, 3, 5, 10])
        with mock.patch.object(pandas, "read_csv", wraps=pandas.read_csv) as spy, mock.patch.object(
                _merge_csv.inspect, "signature", return_value=SIGNATURE):
            self.read(error_bad_lines=False)
        self.assertEqual([call[1]["on_bad_lines"] for call in spy.call_args_list],
                         ["error", "warn", "warn"])  # a line is told of once
        for kwargs in [dict(), dict(error_bad_lines=True), dict(error_bad_lines=None)]:
            with self.assertRaisesRegex(ValueError, r"b\.csv'"):
                self.read(**kwargs)

    def test_as_new_pandas_says_it(self):
        new, old = mock.Mock(), mock.Mock()
        new.read_csv = lambda path, on_bad_lines="error": None
        old.read_csv = lambda path, error_bad_lines=True, warn_bad_lines=True: None
        for kwargs, expected in [
                (dict(error_bad_lines=False), "warn"), (dict(error_bad_lines=True), "error"),
                (dict(error_bad_lines=False, warn_bad_lines=False), "skip"),
                (dict(warn_bad_lines=False), "error")]:
            self.assertEqual(_merge_csv.settle(new, kwargs), {"on_bad_lines": expected})
            self.assertEqual(_merge_csv.settle(old, kwargs), kwargs)
        self.assertEqual(_merge_csv.settle(new, dict(error_bad_lines=None, sep=";")), {"sep": ";"})
        with self.assertRaises(ValueError):
            _merge_csv.settle(new, dict(error_bad_lines=False, on_bad_lines="skip"))

    def test_the_published_example(self):
        self.put(**{"%09d" % (k * 7919 % 1000): "col1,col2,col3,col4\n" + "".join(
            "%d,%d,%d,%d\n" % (k, n, k + n, k * n) for n in range(15)) for k in range(20)})
        back = os.getcwd()
        os.chdir(self.place.name)
        try:
            table = pp.batch_read_csv("./*.csv", error_bad_lines=False)
        finally:
            os.chdir(back)
        self.assertEqual(table.shape, (300, 4))
        self.same(table, self.plain())


if __name__ == "__main__":
    unittest.main()
