# SPDX-License-Identifier: MIT
"""The items of a map, in files.

items.bin  their pickles, one behind the other
items.idx  for each 32 bytes: 16 that tell it from others, where its pickle begins, how long it is
           (little endian)
items.csv  the run's parameters: columns item (the 16, as hexadecimal digits behind an `i`, so
           that it is never a number) and n (how often the same item came before)

All are written under new names and renamed, or appended to by whom holds the folder. A worker that
has them open keeps what it opened.
"""

import hashlib
import mmap
import os
import pickle
import struct
from itertools import accumulate, islice
from typing import Any, Dict, Iterable, Iterator, List

from ._describe import Plain
from ._errors import PpgenError
from ._freeze import PROTOCOL, _names_main, freeze_item, thaw

ENTRY = struct.Struct("<16sQQ")
BLOCK = 8192  # items that are written at once, at most; fewer where they are large
BYTES = 1 << 24  # bytes that are
PLAIN = frozenset((int, float, str, bytes, bool, type(None)))


def digest_of(data: bytes) -> bytes:
    """16 bytes that stand for a pickle: those of its hash, or itself where it is so short.

    A pickle ends with a dot, so that zeros behind it are none of its own.
    """
    return data.ljust(16, b"\0") if len(data) <= 16 else hashlib.sha256(data).digest()[:16]


class Writer:
    """Writes the items of one run. The table gets its rows by publish()."""

    def __init__(self, folder: str, suffix: str = "") -> None:
        self.folder = folder
        self.count = 0  # items that are in the files
        self.rows = []  # type: List[str]  # of the table, not yet in it
        self.offset = 0
        self.seen = {}  # type: Dict[bytes, int]
        self.temporary = {name: os.path.join(folder, "%s.%d.new" % (name, os.getpid()))
                          for name in ("items.bin", "items.idx", "items.csv")}
        self.files = {name: open(path, "wb") for name, path in self.temporary.items()}
        self.rows.append("item,n\n")
        self.renamed = False
        self.plain = Plain()

    def add_all(self, items: Iterable[Any]) -> Iterator[int]:
        """Takes items in, block by block; yields the count after each block.

        An item that cannot be pickled raises PickleError; those before it are in.
        """
        source = iter(items)
        size = 16
        while True:
            block = list(islice(source, size))
            if not block:
                return
            before = self.offset
            self.add(block)
            size = min(2 * size, BLOCK) if self.offset - before < BYTES // 16 else max(size // 2, 1)
            yield self.count

    def add(self, block: List[Any]) -> None:
        """Takes a block of items in."""
        if len(block) == 1 or not PLAIN.issuperset(map(type, block)) or not self.add_plain(block):
            self.add_any(block)

    def add_plain(self, block: List[Any]) -> bool:
        """A block of numbers and texts, each of which is new, in one go; False where it is no such
        block."""
        dumps, sha256, seen = pickle.dumps, hashlib.sha256, self.seen
        pickles = [dumps(item, PROTOCOL) for item in block]
        digests = [data.ljust(16, b"\0") if len(data) <= 16 else sha256(data).digest()[:16]
                   for data in pickles]  # digest_of(), in one piece
        new = set(digests)
        sizes = [len(data) for data in pickles]
        ends = [self.offset + end for end in accumulate(sizes)]
        if len(new) < len(digests) or not new.isdisjoint(seen):
            return False
        seen.update(dict.fromkeys(digests, 1))
        self.rows += ["i%s,0\n" % digest.hex() for digest in digests]
        offsets = [end - size for end, size in zip(ends, sizes)]
        self.put(pickles, list(map(ENTRY.pack, digests, offsets, sizes)), ends[-1])
        return True

    def add_any(self, block: List[Any]) -> None:
        """The same, item by item."""
        dumps, pack = pickle.dumps, ENTRY.pack
        seen, rows = self.seen, self.rows
        pickles = []  # type: List[bytes]
        entries = []  # type: List[bytes]
        offset, held = self.offset, 0
        try:
            for item in block:
                kind = type(item)
                if kind in PLAIN:
                    data = same = dumps(item, PROTOCOL)
                elif kind is tuple and PLAIN.issuperset(map(type, item)):
                    data = same = self.plain.dump(item) or dumps(item, PROTOCOL)
                else:
                    data = freeze_item(item, self.count + len(entries))
                    same = data
                    if not _names_main(data):
                        same = self.plain.dump(item, data) or data
                digest = digest_of(same)
                n = seen.get(digest, 0)
                seen[digest] = n + 1
                size = len(data)
                pickles.append(data)
                entries.append(pack(digest, offset, size))
                rows.append("i%s,%d\n" % (digest.hex(), n))
                offset += size
                held += size
                if held > BYTES:
                    self.put(pickles, entries, offset)
                    pickles, entries, held = [], [], 0
        finally:
            self.put(pickles, entries, offset)

    def put(self, pickles: List[bytes], entries: List[bytes], offset: int) -> None:
        """Writes what is ready."""
        self.files["items.bin"].write(b"".join(pickles))
        self.files["items.idx"].write(b"".join(entries))
        self.offset = offset
        self.count += len(entries)

    def publish(self, count: int) -> None:
        """Makes the first `count` items the run's, for workers and for the table; more may be in
        the files."""
        for name in ("items.bin", "items.idx"):
            self.files[name].flush()
        new = count + 1 - self.published()
        rows, self.rows[:] = self.rows[:new], self.rows[new:]
        self._published = count + 1
        self.files["items.csv"].write("".join(rows).encode())
        self.files["items.csv"].flush()
        if not self.renamed:
            for name, path in self.temporary.items():
                os.replace(path, os.path.join(self.folder, name))
            self.renamed = True

    _published = 0

    def published(self) -> int:
        """Lines of the table that are in its file."""
        return self._published

    def close(self) -> None:
        """Ends the writing; what was never published goes away."""
        for name, file in self.files.items():
            try:
                file.close()
            except OSError:  # a full disk was told already, or nobody asks for the rest
                pass
            if not self.renamed:
                try:
                    os.unlink(self.temporary[name])
                except OSError:
                    pass


class Items:
    """Reads the items of one run, by index."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.open()

    def open(self) -> None:
        """Maps the files as they are now."""
        self.index = _mapped(os.path.join(self.folder, "items.idx"))
        self.data = _mapped(os.path.join(self.folder, "items.bin"))
        self.count = len(self.index) // ENTRY.size

    def __len__(self) -> int:
        return self.count

    def place(self, index: int, digest: bytes) -> Any:
        """Where the item of a task is, which had this index when its run was planned."""
        for again in (False, True):
            if index < self.count:
                found, offset, size = ENTRY.unpack_from(self.index, index * ENTRY.size)
                if found == digest and offset + size <= len(self.data):
                    return offset, size
            if not again:
                self.open()
        raise PpgenError("the items of this run were replaced by another call: call again when that "
                         "has ended")

    def __getitem__(self, index: int) -> Any:
        """One item."""
        if not 0 <= index < self.count:
            raise IndexError("there is no item %d, there are %d" % (index, self.count))
        _, offset, size = ENTRY.unpack_from(self.index, index * ENTRY.size)
        return thaw(self.data[offset:offset + size])


def _mapped(path: str) -> memoryview:
    """A file's bytes."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))
