# SPDX-License-Identifier: MIT
"""ppgen.config: parameters from YAML and CSV, with PyYAML and pandas and without them."""

import csv
import gzip
import hashlib
import http.server
import math
import os
import pickle
import sys
import threading
from unittest import mock, skipIf

from base import Case, has
from ppgen import PpgenError
from ppgen import config as c

YAML = """\
# The parameters of one run

# Where it reads
input_dir: './in dir/'

# Where it writes
output_dir: "./out/"

steps: 10
rate: 0.5
save_output: True
"""
VALUES = {"input_dir": "./in dir/", "output_dir": "./out/", "steps": 10, "rate": 0.5,
          "save_output": True}
RUNS = "input_dir,output_dir,save_output\n./a/,./x/,True\n./b/,./y/,False\n./c/,./z/,True"


def missing(*names):
    """Modules that cannot be imported for a while."""
    return mock.patch.dict(sys.modules, {name: None for name in names})


class Yaml(Case):
    def readers(self):
        """Each way to read YAML that there is here."""
        if has("yaml"):
            yield "PyYAML", mock.patch.object(c, "_read_by_ppgen", side_effect=AssertionError)
        yield "ppgen", missing("yaml")

    def test_the_published_example(self):
        self.write("run.yaml", YAML)
        for name, only in self.readers():
            with self.subTest(name), only:
                config = c.read_yaml("./run.yaml")
                self.assertEqual("Output destination: " + config["output_dir"],
                                 "Output destination: ./out/")
                self.assertEqual(config, VALUES)
                self.assertEqual(list(config), list(VALUES))
                self.assertEqual([type(v) for v in config.values()], [str, str, int, float, bool])
                self.assertEqual(c.read_yaml("run.yaml", as_list=True), [VALUES])
                self.assertEqual(c.read_yaml("run.yaml", True), [VALUES])

    def test_other_forms(self):
        for text, expected in [
                ("---\na: 1\n", {"a": 1}), ("# x\n\n---\na: 1\n", {"a": 1}),
                ("{a: 1, b: x}", {"a": 1, "b": "x"}),
                ("a: |\n  two\n   lines\nb: 1\n", {"a": "two\n lines\n", "b": 1}),
                ("a: 'it''s'\r\nb: \"\\u00e9\"\r\n", {"a": "it's", "b": "\u00e9"}),
                ("\ufeffa: -1.5\n", {"a": -1.5})]:
            with open("run.yaml", "w", encoding="utf-8", newline="") as file:
                file.write(text)
            for name, only in self.readers():
                with self.subTest(name, text=text), only:
                    self.assertEqual(c.read_yaml("run.yaml"), expected)

    def test_what_maps_nothing(self):
        for name, only in self.readers():
            for text in "- 1\n- 2\n", "text\n", "a: [1\n", "a: 1\n b: 2\n":
                self.write("run.yaml", text)
                with self.subTest(name, text=text), only:
                    with self.assertRaises((ValueError, PpgenError)) as caught:
                        c.read_yaml("run.yaml")
                    self.assertIn("run.yaml", str(caught.exception))
            with only, self.assertRaises(FileNotFoundError):
                c.read_yaml("none.yaml")

    def test_a_file_of_comments(self):
        self.write("run.yaml", "# nothing yet\n\n")
        for name, only in self.readers():
            with self.subTest(name), only:
                with self.assertRaisesRegex(ValueError, "'run.yaml' does not map"):
                    c.read_yaml("run.yaml")

    def test_more_than_ppgen_reads(self):
        for text, place in [("a: 1\nb: [1]\n", "run.yaml:2:4: "), ("b: {c: 1}\n", "run.yaml:1:4: "),
                            ("x: 1\n# more\nb: {from: 1, to: 3, step: 1}\n", "run.yaml:3:4: "),
                            ("a:\n", "run.yaml:1:3: "), ("a-b: 1\n", "run.yaml:1:1: ")]:
            self.write("run.yaml", text)
            with self.subTest(text=text), missing("yaml"), self.assertRaises(PpgenError) as caught:
                c.read_yaml("run.yaml")
            self.assertTrue(str(caught.exception).startswith(place), str(caught.exception))
            self.assertTrue(str(caught.exception).endswith("install PyYAML)"))

    @skipIf(not has("yaml"), "PyYAML is not installed")
    def test_levels(self):
        self.write("run.yaml", "a: {b: [1, 2]}\nc: ~\n")
        self.assertEqual(c.read_yaml("run.yaml"), {"a": {"b": [1, 2]}, "c": None})


class Csv(Case):
    def readers(self):
        if has("pandas"):
            yield "pandas", mock.patch.object(c, "_rows_of", side_effect=AssertionError)
        yield "no pandas", missing("pandas")

    def check_runs(self, configs):
        said = []
        for config in configs:
            said.append("Output destination: " + config["output_dir"])
        self.assertEqual(said, ["Output destination: ./%s/" % name for name in "xyz"])
        self.assertEqual([config["save_output"] for config in configs], [True, False, True])
        self.assertEqual(len(configs), 3)

    def test_the_published_example(self):
        self.write("runs.csv", RUNS)
        for name, only in self.readers():
            with self.subTest(name), only:
                self.check_runs(c.read_csv("./runs.csv"))

    def test_by_url(self):
        self.write("runs.csv", RUNS)
        sha256 = hashlib.sha256(RUNS.encode()).hexdigest()

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *words):
                pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = "http://127.0.0.1:%d/runs.csv" % server.server_address[1]
            for name, only in self.readers():
                with self.subTest(name), only:
                    self.check_runs(c.read_csv(url))
                    self.check_runs(c.read_csv(url, sha256=sha256.upper()))
                    with self.assertRaisesRegex(ValueError, sha256):
                        c.read_csv(url, sha256="0" * 64)
                    with self.assertRaises(OSError):
                        c.read_csv(url + ".none")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        self.check_runs(c.read_csv("file://" + os.path.abspath("runs.csv"), sha256=sha256))

    def test_types(self):
        self.write("runs.csv", 'n,x,flag,text,"a, b",gap\n1,1,True,a,1e-3,5\n'
                               '-2,2.5,False,"b ""c""",.5,\n')
        for name, only in self.readers():
            with self.subTest(name), only:
                first, second = c.read_csv("runs.csv")
                self.assertEqual(first, {"n": 1, "x": 1.0, "flag": True, "text": "a",
                                         "a, b": 0.001, "gap": 5.0})
                self.assertTrue(math.isnan(second.pop("gap")))
                self.assertEqual(second, {"n": -2, "x": 2.5, "flag": False, "text": 'b "c"',
                                          "a, b": 0.5})
                self.assertEqual([type(v) for v in first.values()],
                                 [int, float, bool, str, float, float])

    def test_faults_without_pandas(self):
        with missing("pandas"):
            for text, said in [("", "'runs.csv' is empty"), ("a,b\n1,2,3\n", "row 1 has 3 cells")]:
                self.write("runs.csv", text)
                with self.assertRaisesRegex(ValueError, said):
                    c.read_csv("runs.csv")
            with self.assertRaisesRegex(TypeError, "'sep' is an option"):
                c.read_csv("runs.csv", sep=";")

    @skipIf(not has("pandas"), "pandas is not installed")
    def test_it_is_a_dataframe(self):
        import pandas
        self.write("runs.csv", RUNS)
        configs, expected = c.read_csv("runs.csv"), pandas.read_csv("runs.csv")
        self.assertIsInstance(configs, pandas.DataFrame)
        pandas.testing.assert_frame_equal(configs, expected)
        for show in repr, pandas.DataFrame.to_html, pandas.DataFrame.to_csv:
            self.assertEqual(show(configs), show(expected))
        self.assertEqual(str(configs.describe()), str(expected.describe()))
        self.assertEqual(list(configs["output_dir"]), ["./x/", "./y/", "./z/"])
        self.assertEqual([row["input_dir"] for _, row in configs.iterrows()],
                         ["./a/", "./b/", "./c/"])
        self.assertEqual(list(configs[configs["save_output"]]), list(expected))  # a usual one
        self.assertEqual(pandas.concat([configs, configs]).shape, (6, 3))
        self.assertEqual(configs.merge(expected).shape, (3, 3))
        again = pickle.loads(pickle.dumps(configs))
        self.check_runs(again)
        self.assertEqual(again.attrs, {"sha256": hashlib.sha256(RUNS.encode()).hexdigest()})

    @skipIf(not has("pandas"), "pandas is not installed")
    def test_options_of_pandas(self):
        with gzip.open("runs.csv.gz", "wb") as file:
            file.write(RUNS.replace(",", ";").encode())
        self.check_runs(c.read_csv("runs.csv.gz", sep=";"))
        self.assertEqual(len(c.read_csv("runs.csv.gz", sep=";", nrows=1)), 1)


class Yaml2csv(Case):
    def test_a_template(self):
        self.write("run.yaml", YAML)
        c.yaml2csv("run.yaml", "run.csv")
        with open("run.csv", newline="") as file:
            self.assertEqual(file.read(), "input_dir,output_dir,steps,rate,save_output\n"
                                          "./in dir/,./out/,10,0.5,True\n")
        self.assertEqual(list(c.read_csv("run.csv")), [VALUES])

    def test_odd_values(self):
        values = {"a": 'x, "y"\nz', "b": None, "c": [1, "q"], "d": -0.0, "e": "", "f,": 10 ** 20}
        with mock.patch.object(c, "read_yaml", return_value=values):
            c.yaml2csv("run.yaml", "run.csv")
            with open("run.csv", newline="") as file:
                text = file.read()
            self.assertEqual(list(csv.reader(text.splitlines(True))),
                             [list(values),
                              ['x, "y"\nz', "", "[1, 'q']", "-0.0", "", str(10 ** 20)]])
            if has("pandas"):
                import pandas
                self.assertEqual(text, pandas.Series(values).to_frame().T.to_csv(index=False))

    @skipIf(not has("pandas"), "pandas is not installed")
    def test_options_of_pandas(self):
        self.write("run.yaml", YAML)
        c.yaml2csv("run.yaml", "run.csv", sep=";", columns=["steps", "rate"])
        with open("run.csv") as file:
            self.assertEqual(file.read(), "steps;rate\n10;0.5\n")

    @skipIf(not has("yaml"), "PyYAML is not installed")
    def test_levels(self):
        self.write("run.yaml", "a: 1\nb: {c: 1}\n")
        with self.assertRaisesRegex(ValueError, "'run.yaml': 'b' is a mapping"):
            c.yaml2csv("run.yaml", "run.csv")
        self.assertFalse(os.path.exists("run.csv"))


def load_tests(loader, tests, pattern):
    import doctest

    folder = Case()
    for example in doctest.DocTestSuite(c, setUp=lambda test: folder.setUp(),
                                        tearDown=lambda test: folder.doCleanups()):
        tests.addTest(example)
    return tests


if __name__ == "__main__":
    import unittest

    unittest.main()
