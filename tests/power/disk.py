# SPDX-License-Identifier: MIT
"""A disk below one folder, and what may be left of it when the power goes.

What is assumed of it is what POSIX says and no more:
- a file's bytes and its size are durable when an fsync or fdatasync of that file has returned;
- a name (made, renamed, linked, removed) is durable when an fsync of its folder has returned, and a rename between two folders
  when one of them was synced; an fsync of a file says nothing of its name, and one of a folder nothing of its own name;
- what is not durable may be there or not, each change of a name and each sector of a file for itself, in any order; a sector
  that never got there, below a size that did, is full of zeros. One rename is there as a whole or not at all.
ext4, XFS, Btrfs and Lustre promise more: a crash there leaves one of these states.
"""

import hashlib
import os
import shutil


class File:
    def __init__(self):
        self.durable = b""
        self.now = bytearray()
        self.pending = []  # (serial, offset, bytes), or (serial, size, None)
        self.at = 0        # where a write without an offset goes


class Folder:
    def __init__(self):
        self.now = {}      # name: File or Folder
        self.durable = {}  # name: (serial of the change, File or Folder or None)


def change(content, at, data):
    """One write, or a change of size where data is None."""
    if data is None:
        del content[at:]
    if at > len(content):
        content.extend(bytes(at - len(content)))
    if data is not None:
        content[at:at + len(data)] = data


class Disk:
    # all of: nothing that was not synced; everything; bytes without names; names without bytes; names, and sizes without bytes;
    # all that was done before some moment; a random choice
    HOWS = ("dropped", "kept", "bytes", "names", "zeros", "moment", "random")

    def __init__(self, top):
        """What stands in the folder `top` now is durable."""
        self.top = os.path.realpath(top)
        self.serial = 0  # of the event that was applied last: the first one has 1
        self.names = []  # changes of names not yet durable: (serial, [(folder, name, File or Folder or None), ...])
        self.root = Folder()
        for path, content in sorted(load(self.top).items()):
            node = Folder() if content is None else File()
            if content is not None:
                node.durable, node.now = content, bytearray(content)
            folder, name, _ = self.find(os.path.join(self.top, path))
            folder.now[name], folder.durable[name] = node, (0, node)

    def inside(self, path):
        return path == self.top or path.startswith(self.top + "/")

    def find(self, path):
        """The folder of a path, the name in it, and what has that name now."""
        parts = [p for p in os.path.normpath(path)[len(self.top):].split("/") if p]
        folder = self.root
        for part in parts[:-1]:
            folder = folder.now[part]
        if not parts:
            return None, "", self.root
        return folder, parts[-1], folder.now.get(parts[-1])

    # ---- what is done to it ----

    def apply(self, event):
        """Returns what the event did it to; None when that is not on this disk."""
        self.serial += 1
        paths = [p for p in (event.path, event.to) if p and self.inside(p)]
        if not paths or event.path.endswith(" (deleted)"):
            return None
        if len(paths) == 1 and event.kind in ("rename", "link"):
            raise ValueError(f"{event.kind} between disks: {event.path}, {event.to}")
        return getattr(self, "_" + event.kind)(event, *self.find(event.path))

    def _named(self, *changes):
        self.names.append((self.serial, changes))
        for folder, name, node in changes:
            if node is None:
                del folder.now[name]
            else:
                folder.now[name] = node

    def _open(self, event, folder, name, node):
        if node is None:
            node = File()
            self._named((folder, name, node))
        elif "O_TRUNC" in event.flags:
            self._changed(node, 0, None)
        if isinstance(node, File):
            node.at = None if "O_APPEND" in event.flags else 0
        return node

    def _changed(self, node, at, data):
        node.pending.append((self.serial, at, data))
        change(node.now, at, data)
        return node

    def _write(self, event, folder, name, node):
        at = event.at
        if at is None:
            at = len(node.now) if node.at is None else node.at
            if node.at is not None:
                node.at += len(event.data)
        return self._changed(node, at, event.data)

    def _size(self, event, folder, name, node):
        return self._changed(node, event.at, None)

    def _mkdir(self, event, folder, name, node):
        self._named((folder, name, Folder()))

    def _unlink(self, event, folder, name, node):
        self._named((folder, name, None))

    _rmdir = _unlink

    def _link(self, event, folder, name, node):
        to, new, _ = self.find(event.to)
        self._named((to, new, node))
        return node

    def _rename(self, event, folder, name, node):
        to, new, _ = self.find(event.to)
        self._named((folder, name, None), (to, new, node))
        return node

    def _unknown(self, event, folder, name, node):
        raise ValueError(f"the simulated disk knows no {event.to}(), which was called for '{event.path}'")

    def _sync(self, event, folder, name, node):
        before = event.begun  # what ended while the sync was under way need not be in it
        if isinstance(node, File):
            content = bytearray(node.durable)
            for serial, at, data in node.pending:
                if serial <= before:
                    change(content, at, data)
            node.durable = bytes(content)
            node.pending = [p for p in node.pending if p[0] > before]
            return node
        for serial, changes in self.names:
            if serial <= before and any(f is node for f, _, _ in changes):
                for f, n, value in changes:
                    if f.durable.get(n, (-1, None))[0] < serial:
                        f.durable[n] = (serial, value)
        self.names = [c for c in self.names if c[0] > before or all(f is not node for f, _, _ in c[1])]
        return node

    # ---- what may be left of it ----

    def crash(self, how, chance):
        """One state after a power loss: {path below the top: bytes, or None for a folder}. `chance` is a random.Random."""
        moment = chance.randint(0, self.serial) if how == "moment" else 0
        kept = {"dropped": 0, "bytes": 0, "kept": 1, "names": 1, "zeros": 1, "moment": 0}.get(how, chance.choice((0.1, 0.5, 0.9)))
        names = {}
        for serial, changes in self.names:
            if serial <= moment or chance.random() < kept:
                for folder, name, node in changes:
                    if folder.durable.get(name, (-1, None))[0] < serial:
                        names[id(folder), name] = node
        state, contents = {}, {}
        todo = [("", self.root)]
        while todo:
            path, folder = todo.pop()
            now = {name: node for name, (_, node) in folder.durable.items()}
            now.update((name, node) for (of, name), node in names.items() if of == id(folder))
            for name, node in sorted(now.items()):
                if isinstance(node, Folder):
                    state[path + name] = None
                    todo.append((path + name + "/", node))
                elif node:
                    if id(node) not in contents:  # which may have several names
                        contents[id(node)] = self._content(node, how, moment, chance)
                    state[path + name] = contents[id(node)]
        return state

    @staticmethod
    def _content(node, how, moment, chance):
        if how == "random":
            how = chance.choice(("names", "kept", "zeros", "torn", "torn", "torn"))
        if how in ("dropped", "names") or not node.pending:
            return node.durable
        if how in ("kept", "bytes"):
            return bytes(node.now)
        content = bytearray(node.durable)
        if how == "zeros":
            return bytes(content[:len(node.now)].ljust(len(node.now), b"\0"))
        if how == "moment":
            for serial, at, data in node.pending:
                if serial <= moment:
                    change(content, at, data)
            return bytes(content)
        return torn(node, chance)


def torn(node, chance):
    """Each sector as it was after some of the writes to it, and the size as it was after some change of it."""
    sector = chance.choice((512, 4096))
    n = len(node.pending)
    size = chance.randint(0, n)  # so many of the changes count for the size
    last = {}                    # and so many for a sector
    content, length = bytearray(node.durable), len(node.durable)
    for i, (_, at, data) in enumerate(node.pending):
        end = len(content) if data is None else at + len(data)
        content.extend(bytes(max(0, end - len(content))))
        for first in range(at - at % sector, end, sector):
            if i < last.setdefault(first, chance.choice((0, n, chance.randint(0, n)))):
                a, b = max(first, at), min(first + sector, end)
                content[a:b] = bytes(b - a) if data is None else data[a - at:b - at]
        if i < size:
            length = at if data is None else max(length, end)
    return bytes(content[:length].ljust(length, b"\0"))


def digest(state):
    h = hashlib.sha256()
    for path, content in sorted(state.items()):
        h.update(b"%d %d %s " % (len(path), -1 if content is None else len(content), path.encode("utf-8", "surrogateescape")))
        h.update(content or b"")
    return h.digest()


def load(top):
    """What stands in a folder, as a state."""
    state = {}
    for entry in os.scandir(top):
        if entry.is_dir(follow_symlinks=False):
            state[entry.name] = None
            state.update((entry.name + "/" + path, content) for path, content in load(entry.path).items())
        else:
            with open(entry.path, "rb") as f:
                state[entry.name] = f.read()
    return state


def write(state, top):
    """Makes the folder `top` what a state says."""
    shutil.rmtree(top, ignore_errors=True)
    os.makedirs(top)
    for path, content in sorted(state.items()):
        if content is None:
            os.mkdir(top + "/" + path)
        else:
            with open(top + "/" + path, "wb") as f:
                f.write(content)
