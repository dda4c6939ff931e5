# SPDX-License-Identifier: MIT
"""What `pip install ./python` builds with (PEP 517): the standard library alone.

pip would fetch setuptools for it otherwise, which a machine without a way to the internet cannot.
"""

import base64
import hashlib
import os
import re
import tarfile
import zipfile
from typing import Any, Dict, Iterator, List, Optional, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
METADATA = """Metadata-Version: 2.1
Name: ppgen
Version: {version}
Summary: Functions as tasks: parallel, recorded, resumable, on one machine or as job arrays
License: MIT
Platform: Linux
Requires-Python: >=3.6
"""
WHEEL = """Wheel-Version: 1.0
Generator: ppgen
Root-Is-Purelib: true
Tag: py3-none-any
"""


def version() -> str:
    """The package's version, which is the program's."""
    with open(os.path.join(HERE, "ppgen", "_version.py"), encoding="utf-8") as file:
        found = re.search(r'^__version__ = "([^"]+)"', file.read(), re.M)
    assert found, "ppgen/_version.py has no version"
    return found.group(1)


def package_files() -> Iterator[Tuple[str, bytes]]:
    """The files of the package: names below HERE, contents."""
    for folder, folders, names in os.walk(os.path.join(HERE, "ppgen")):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if name.endswith(".py") or name == "py.typed":
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    yield os.path.relpath(path, HERE), file.read()


def write_wheel(folder: str, files: List[Tuple[str, bytes]]) -> str:
    """A wheel of files and what describes it; returns its name. The same files give the same bytes."""
    info = "ppgen-{}.dist-info".format(version())
    files = files + [(info + "/METADATA", METADATA.format(version=version()).encode()),
                     (info + "/WHEEL", WHEEL.encode())]
    record = ""
    for name, data in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += "{},sha256={},{}\n".format(name, digest, len(data))
    record += info + "/RECORD,,\n"
    wheel = "ppgen-{}-py3-none-any.whl".format(version())
    with zipfile.ZipFile(os.path.join(folder, wheel), "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files + [(info + "/RECORD", record.encode())]:
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o100644 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(member, data)
    return wheel


# ---- what pip calls


def build_wheel(wheel_directory: str, config_settings: Optional[Dict[str, Any]] = None,
                metadata_directory: Optional[str] = None) -> str:
    """For `pip install ./python`."""
    return write_wheel(wheel_directory, list(package_files()))


def build_editable(wheel_directory: str, config_settings: Optional[Dict[str, Any]] = None,
                   metadata_directory: Optional[str] = None) -> str:
    """For `pip install -e ./python`: a path to this folder."""
    return write_wheel(wheel_directory, [("ppgen.pth", (HERE + "\n").encode())])


def build_sdist(sdist_directory: str, config_settings: Optional[Dict[str, Any]] = None) -> str:
    """The source, as `pip download` and the like ask for it."""
    top = "ppgen-{}".format(version())
    with tarfile.open(os.path.join(sdist_directory, top + ".tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as out:
        for name in ["backend.py", "pyproject.toml"] + [name for name, _ in package_files()]:
            out.add(os.path.join(HERE, name), top + "/" + name)
    return top + ".tar.gz"
