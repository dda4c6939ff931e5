# SPDX-License-Identifier: MIT
"""Parameters of a model from a YAML file (one run) or a CSV file (a run a row).

It takes the place of pyHEC's module of this name:

    from ppgen import config as c

For sweeps whose tasks ppgen starts itself, a spec does the same: see ppgen-spec(5).
"""

import csv
import hashlib
import io
import json
import os
import re
import sys
import tempfile
import urllib.request
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

from ._errors import PpgenError

if TYPE_CHECKING:
    import pandas

__all__ = ["read_csv", "read_yaml", "yaml2csv"]

Path = Union[str, "os.PathLike[str]"]
TIMEOUT = 60  # seconds that a server may say nothing
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# What pandas takes for a missing value in a CSV file.
MISSING = frozenset(["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
                     "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"])
PACKED = {".gz": "gzip", ".bz2": "bz2", ".zip": "zip", ".xz": "xz", ".zst": "zstd"}


# ---- YAML ----

def read_yaml(config_file: Path,
              as_list: bool = False) -> Union[Dict[str, Any], List[Dict[str, Any]]]:
    """Reads a YAML file that maps names to values: the parameters of one run.

    config_file: the file; UTF-8
    as_list: True: a list with that one mapping, as read_csv() gives one for each row

    PyYAML reads it where that is installed: YAML 1.1, values of any depth. Else the ppgen program
    does: YAML 1.2, in which no and yes are text and 1e-3 is a number; one level of text, numbers,
    true and false.

    Raises OSError where the file cannot be read, ValueError where it is no such file, PpgenError
    where PyYAML is missing and ppgen cannot read it.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.yaml")
    ...     with open(path, "w") as file:
    ...         _ = file.write("output_dir: ./out  # where\\nsteps: 10\\nsave: True\\n")
    ...     read_yaml(path) == {"output_dir": "./out", "steps": 10, "save": True}
    True
    """
    with open(config_file, encoding="utf-8-sig") as file:
        text = file.read()
    name = os.fspath(config_file)
    try:
        import yaml
    except ImportError:
        found = _read_by_ppgen(text, name)  # type: Any
    else:
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError("'{}' is no YAML: {}".format(name, error)) from None
    if not isinstance(found, dict):
        raise ValueError("'{}' does not map names to values".format(name))
    return [found] if as_list else found


# The file's mapping is twice in the spec: as axes, which tell types, and as variables, which are no
# lists and no mappings.
SPEC_HEAD = 'ppgen: 1\ncommand: "true"\nparams:\n  grid: &config\n'
SPEC_TAIL = "\nenv: *config\n"
INDENT = "    "


def _read_by_ppgen(text: str, name: str) -> Optional[Dict[str, Any]]:
    """One level of scalars, read by the ppgen program; None where there is nothing."""
    from . import _program
    if not re.search(r"(?m)^[ \t]*[^ \t\r\n#]", text):
        return None
    text = re.sub(r"\A((?:[ \t]*(?:#.*)?\r?\n)*)---[ \t]*(?=\r?\n)", r"\1", text)
    lines = "".join(INDENT + line for line in text.splitlines(True))
    with tempfile.TemporaryDirectory(prefix="ppgen-config-") as folder:
        spec = os.path.join(folder, "spec.yaml")
        with open(spec, "w", encoding="utf-8") as file:
            file.write(SPEC_HEAD + lines + SPEC_TAIL)
        try:
            out = _program.call(["plan", "--format", "jsonl", spec])
        except PpgenError as error:
            said = _moved(str(error), spec, name)
            raise PpgenError(said + "\n(one level of text, numbers, true and false is read here: "
                             "for more, install PyYAML)") from None
    rows = out.splitlines()
    if len(rows) != 1:
        raise PpgenError("'{}' has more than one level: install PyYAML".format(name))
    pairs = json.loads(rows[0], object_pairs_hook=list)
    return dict(pairs[1:])  # the first is the task


def _moved(message: str, spec: str, name: str) -> str:
    """A message about the spec as one about the file that is in it."""
    def place(found: Any) -> str:
        return "{}:{}:{}".format(name, int(found.group(1)) - SPEC_HEAD.count("\n"),
                                 max(1, int(found.group(2)) - len(INDENT)))
    return re.sub(re.escape(spec) + r":(\d+):(\d+)", place, message).replace(spec, name)


# ---- CSV ----

def read_csv(config_file: Path, sha256: Optional[str] = None, **kwargs: Any) -> Any:
    """Reads a CSV file with names in its header and the parameters of one run in each row.

    config_file: a path or a URL (http, https, ftp, file)
    sha256: what the file's bytes must hash to, 64 hexadecimal digits. A file by URL may be another
        tomorrow: with this it cannot be so unseen.
    kwargs: as pandas.read_csv() has them

    Returns a pandas DataFrame. Iterating over it gives its rows, a dict for each, and not the names
    of its columns. What is made from it (by selection, or .copy()) is a usual DataFrame. Its
    attrs["sha256"] is the hash that was found. Where pandas is not installed: a list of dicts, with
    numbers, True, False, text, and NaN where a cell is empty; no kwargs.

    Raises OSError where the file cannot be read or fetched, ValueError where the hash is another.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "runs.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("output_dir,steps,save\\n./a,10,True\\n./b,20,False\\n")
    ...     for config in read_csv(path):
    ...         print(config["output_dir"], config["steps"], config["save"])
    ./a 10 True
    ./b 20 False
    """
    name = os.fspath(config_file)
    data = _bytes_of(name)
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and sha256.lower() != found:
        raise ValueError("'{}' has the sha256 {}, and {} was asked for".format(name, found, sha256))
    try:
        import pandas
    except ImportError:
        if kwargs:
            raise TypeError("pandas is not installed, and '{}' is an option of its "
                            "read_csv()".format(sorted(kwargs)[0])) from None
        return _rows_of(data, name)
    kwargs.setdefault("header", 0)
    packed = PACKED.get(os.path.splitext(name)[1].lower())
    if packed and kwargs.get("compression", "infer") == "infer":
        kwargs["compression"] = packed
    frame = pandas.read_csv(io.BytesIO(data), **kwargs)
    if not isinstance(frame, pandas.DataFrame):
        return frame
    configs = _configs_class()(frame)
    configs.attrs["sha256"] = found
    return configs


def _bytes_of(name: str) -> bytes:
    """What a file holds, wherever it is."""
    if not URL.match(name):
        with open(name, "rb") as file:
            return file.read()
    with urllib.request.urlopen(name, timeout=TIMEOUT) as answer:
        return answer.read()


_classes = {}  # type: Dict[str, Any]


def _configs_class() -> Any:
    """The DataFrame whose iteration gives rows. pandas is loaded when it is needed."""
    if "Configs" not in _classes:
        import pandas

        class Configs(pandas.DataFrame):
            """Sets of parameters: a DataFrame, but iterating over it gives rows as dicts."""

            def __iter__(self) -> Any:
                # pandas itself iterates over the names, such as for printing, and must get them.
                caller = sys._getframe(1).f_globals.get("__name__") or ""
                if caller.split(".")[0] == "pandas":
                    return super().__iter__()
                names = list(self.columns)
                columns = [self.iloc[:, k].tolist() for k in range(len(names))]
                return (dict(zip(names, row)) for row in zip(*columns))

            def __reduce__(self) -> Any:  # the class itself is in no module
                return _configs_of, (pandas.DataFrame(self), self.attrs)

        _classes["Configs"] = Configs
    return _classes["Configs"]


def _configs_of(frame: Any, attrs: Dict[str, Any]) -> Any:
    """Configs again, from a pickle."""
    configs = _configs_class()(frame)
    configs.attrs.update(attrs)
    return configs


def _rows_of(data: bytes, name: str) -> List[Dict[str, Any]]:
    """The rows of a CSV file without pandas; a column has one type, as with pandas."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("'{}' is no text in UTF-8: {}".format(name, error)) from None
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    if not rows:
        raise ValueError("'{}' is empty: its first line names the columns".format(name))
    header, rows = rows[0], rows[1:]
    for number, row in enumerate(rows, 1):
        if len(row) > len(header):
            raise ValueError("'{}': row {} has {} cells, and the header {}".format(
                name, number, len(row), len(header)))
    columns = [_typed([row[k] if k < len(row) else "" for row in rows]) for k in range(len(header))]
    return [dict(zip(header, row)) for row in zip(*columns)]


def _typed(cells: List[str]) -> List[Any]:
    """The cells of a column as integers, numbers, true and false, or text: the first that all are.

    >>> _typed(["1", "2"]), _typed(["1", "2.5"]), _typed(["True", "false"]), _typed(["1", "x"])
    ([1, 2], [1.0, 2.5], [True, False], ['1', 'x'])
    """
    full = [cell for cell in cells if cell not in MISSING]
    nan = float("nan")
    if full and all(cell.lower() in ("true", "false") for cell in full):
        return [nan if cell in MISSING else cell.lower() == "true" for cell in cells]
    number = re.compile(r"\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?)\s*",
                        re.IGNORECASE | re.ASCII)
    if len(full) == len(cells) and all(re.fullmatch(r"\s*[+-]?[0-9]+\s*", cell) for cell in full):
        return [int(cell) for cell in cells]
    if all(number.fullmatch(cell) for cell in full):
        return [nan if cell in MISSING else float(cell) for cell in cells]
    return [nan if cell in MISSING else cell for cell in cells]


def yaml2csv(yaml_file: Path, output_file: Path, **kwargs: Any) -> None:
    """Writes the parameters of a YAML file as a CSV file with one row: a template for more rows.

    yaml_file: as read_yaml() has it, with one level
    output_file: is written anew
    kwargs: as pandas.DataFrame.to_csv() has them

    Raises as read_yaml() does; ValueError where a value is a mapping.
    """
    values = read_yaml(yaml_file)
    for key, value in values.items():
        if isinstance(value, dict):
            raise ValueError("'{}': '{}' is a mapping: one level fits into a CSV file".format(
                os.fspath(yaml_file), key))
    if kwargs:
        import pandas
        kwargs.setdefault("index", False)
        pandas.DataFrame([list(values.values())], columns=list(values), dtype=object).to_csv(
            output_file, **kwargs)
        return
    with open(output_file, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(values)
        writer.writerow(["" if value is None else value for value in values.values()])
