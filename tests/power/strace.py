# SPDX-License-Identifier: MIT
"""Reads what strace recorded: every call that changes files, in the order in which the calls ended.

The record is made by COMMAND. With -xx every byte of a text is written \\xNN, so no quote, comma or bracket stands in one,
and with -y every descriptor has the path that it stands for.
"""

import collections
import re

# "?": on some machines there is no such call.
CALLS = ("open openat creat write pwrite64 writev pwritev pwritev2 copy_file_range sendfile splice ftruncate truncate fallocate "
         "fsync fdatasync rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat rmdir symlink symlinkat").split()
COMMAND = ["strace", "-f", "-y", "-xx", "-s", "67108864", "-e", "signal=none", "-e",
           "trace=" + ",".join("?" + c for c in CALLS)]

# kind: open (flags: O_CREAT and so on), write (data; at: the offset, None: where the file ends or the last write did), size (at),
# sync, rename and link (to), unlink, mkdir, rmdir, unknown. begun: how many events there were when this call began.
Event = collections.namedtuple("Event", "kind path to data at flags begun", defaults=(None, None, None, frozenset(), 0))

LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)")
BEGUN = re.compile(r"(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
ENDED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
PLACE = re.compile(r"(?:-?\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>")


def unhex(text):
    return bytes.fromhex(text.replace("\\x", ""))


class Call:
    """A call's arguments."""

    def __init__(self, name, rest, cwd):
        self.name, self.rest, self.cwd = name, rest, cwd
        found = list(TEXT.finditer(rest))
        if any(m.group(2) for m in found):
            raise ValueError(f"strace cut a text of {name}() short: raise -s")
        self.texts = [unhex(m.group(1)) for m in found]
        plain = TEXT.sub('""', rest)
        self.places = [unhex(p).decode("utf-8", "surrogateescape") for p in PLACE.findall(plain)]
        self.words = [w.strip() for w in plain.split(",")]

    def path(self, which=0):
        """One of the paths among the arguments, against its folder's descriptor or the working folder."""
        name = self.texts[which].decode("utf-8", "surrogateescape")
        at = self.places[which] if which < len(self.places) else self.cwd
        return name if name.startswith("/") else at + "/" + name


def event_of(call, result, begun):
    """What a call that succeeded did; None where that changes nothing."""
    name = call.name
    if name in ("open", "openat", "creat"):
        flags = frozenset(re.findall(r"O_[A-Z_]+", call.rest) + (["O_CREAT", "O_TRUNC", "O_WRONLY"] if name == "creat" else []))
        changes = flags & {"O_CREAT", "O_TRUNC", "O_WRONLY", "O_RDWR", "O_TMPFILE"}
        return Event("open", call.path(), flags=flags) if changes else None
    if name in ("write", "writev"):
        return Event("write", call.places[0], data=b"".join(call.texts)[:result])
    if name in ("pwrite64", "pwritev"):
        return Event("write", call.places[0], data=b"".join(call.texts)[:result], at=int(call.words[-1]))
    if name in ("ftruncate", "truncate"):
        return Event("size", call.places[0] if name == "ftruncate" else call.path(), at=int(call.words[-1]))
    if name in ("fsync", "fdatasync"):
        return Event("sync", call.places[0], begun=begun)
    if name.startswith("link") or (name.startswith("rename") and "RENAME_EXCHANGE" not in call.rest):
        return Event("link" if name.startswith("link") else "rename", call.path(), to=call.path(1))
    if name in ("unlink", "unlinkat", "rmdir"):
        return Event("rmdir" if name == "rmdir" or "AT_REMOVEDIR" in call.rest else "unlink", call.path())
    if name in ("mkdir", "mkdirat"):
        return Event("mkdir", call.path())
    # a call that the simulated disk does not know: it says so where the call touches it
    return Event("unknown", call.places[-1] if call.places else call.path(len(call.texts) - 1), to=name)


def read(path, cwd):
    """All events of a record of processes that began in the folder `cwd`."""
    begun, events = {}, []
    with open(path, encoding="ascii") as f:
        for line in f:
            line, first = line.rstrip("\n"), len(events)
            m = BEGUN.match(line)
            if m:
                begun[m.group(1)] = (m.group(2), first)
                continue
            m = ENDED.match(line)
            if m:
                head, first = begun.pop(m.group(1))
                line = m.group(1) + " " + head + m.group(2)
            m = LINE.match(line)
            if m and m.group(4) != "?" and int(m.group(4)) >= 0:
                event = event_of(Call(m.group(2), m.group(3), cwd), int(m.group(4)), first)
                if event:
                    events.append(event)
    return events
