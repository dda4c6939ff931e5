# SPDX-License-Identifier: MIT
"""What the parts of tests/cluster/pbs share: error codes, times and sizes, and what a job asks for."""

import time

OK = 0
UNKNOWN_JOB = 15001
UNKNOWN_ATTRIBUTE = 15002
UNAUTHORIZED = 15007
BAD_VALUE = 15014
BAD_STATE = 15016
UNKNOWN_QUEUE = 15018
QUEUE_DISABLED = 15021
UNKNOWN_RESOURCE = 15035
OVER_RESOURCE = 15036
INVALID_REQUEST = 15004
OVER_QUEUED = 15142
ARRAY_TOO_BIG = 15107
FINISHED = 15139
SUBJOB_FINISHED = 15159
NO_HISTORY = -1

SIGNAL_EXIT = 256
WALLTIME_EXIT = -29
INDEX = "^array_index^"
SIZES = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
CHUNK_RESOURCES = {"ncpus", "mem", "vmem", "mpiprocs", "ompthreads", "host", "vnode", "arch"}
JOB_RESOURCES = {"walltime", "cput", "software", "min_walltime", "max_walltime", "nice", "file", "pmem", "pcput", "pvmem"}
MOAB_RESOURCES = {"naccesspolicy", "gres", "qos", "advres"}
SERVER = "srv"


class Refused(Exception):
    """A request that is answered with an error: its code, and what the message ends with."""

    def __init__(self, code, text=""):
        super().__init__(code, text)
        self.code = code
        self.text = text


def date(when):
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(when))


def short_date(when):
    return time.strftime("%a %b %d at %H:%M", time.localtime(when))


def hms(seconds):
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def seconds_of(text, torque):
    """A walltime in seconds: seconds, or h:m:s (in Torque d:h:m:s too), a fraction rounded."""
    parts = text.split(":")
    last, _, fraction = parts[-1].partition(".")
    parts[-1] = last
    if len(parts) > (4 if torque else 3) or not all(p.isascii() and p.isdigit() for p in parts):
        raise Refused(BAD_VALUE, "Resource_List.walltime")
    if fraction and not fraction.isdigit():
        raise Refused(BAD_VALUE, "Resource_List.walltime")
    total = 0
    for part, unit in zip(reversed(parts), (1, 60, 3600, 86400)):
        total += int(part) * unit
    return total + (1 if fraction[:1] >= "5" else 0)


def size_of(text, where):
    """Memory: its bytes, and the text as the server shows it. Whole numbers only; the suffix is a letter, b or w."""
    digits = text.rstrip("bBwWkKmMgGtTpP")
    suffix = text[len(digits) :].lower()
    unit = suffix.rstrip("bw")
    if not (digits.isascii() and digits.isdigit()) or len(unit) > 1 or suffix not in (unit, unit + "b", unit + "w"):
        raise Refused(BAD_VALUE, where)
    if unit not in ("", "k", "m", "g", "t", "p"):
        raise Refused(BAD_VALUE, where)
    size = int(digits) * 1024 ** SIZES[unit or "b"] * (8 if suffix.endswith("w") else 1)
    return size, digits + (suffix if suffix[-1:] in ("b", "w") else suffix + "b")


def whole(text, where):
    if not (text.isascii() and text.isdigit()):
        raise Refused(BAD_VALUE, where)
    return int(text)


def ranges(indices, step):
    """Indices (ascending) as the server writes them: 0,6-9:3, or - for none."""
    runs = []
    for i in indices:
        if runs and i == runs[-1][1] + step:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    text = []
    for first, last in runs:
        tail = f":{step}" if step > 1 and last > first else ""
        text.append((f"{first}-{last}" if last > first else str(first)) + tail)
    return ",".join(text) or "-"


def resources(asked, torque, gpus):
    """What the job asks for, checked: chunks, sums, walltime; and Resource_List as it is shown."""
    shown = {}
    result = {"seconds": None, "place": asked.get("place", "free" if "select" in asked else "pack")}
    for name in asked:
        known = name in CHUNK_RESOURCES | JOB_RESOURCES or name in ("nodes", "place") or (name == "ngpus" and gpus)
        known = known or torque and name in MOAB_RESOURCES
        if not known and (name != "select" or torque):
            raise Refused(UNKNOWN_RESOURCE, f"Resource_List.{name}")
    if "nodes" in asked:
        chunks = nodes_chunks(asked["nodes"], torque, gpus)
        if "mem" in asked:
            chunks[0]["bytes"], chunks[0]["memory"] = size_of(asked["mem"], "Resource_List.mem")
            chunks[0]["bytes"] //= chunks[0]["count"]
        if not torque:
            result["place"] = asked.get("place", "scatter")
    elif "select" in asked:
        for name in asked:
            if name in CHUNK_RESOURCES or name == "ngpus":
                raise Refused(5, f'"-lresource=" cannot be used with "select" or "place", resource is: {name}')
        chunks = select_chunks(asked["select"], gpus)
    else:
        own = [f"{n}={v}" for n, v in asked.items() if n in CHUNK_RESOURCES | {"ngpus"}]
        if not any(o.startswith("ncpus=") for o in own):
            own.append("ncpus=1")
        chunks = select_chunks("1:" + ":".join(own), gpus)
    if not set(result["place"].split(":")) <= {"free", "pack", "scatter", "vscatter", "excl", "exclhost", "shared"}:
        raise Refused(BAD_VALUE, "Resource_List.place")
    memory = sum(c["count"] * c["bytes"] for c in chunks)
    if memory:
        one = chunks[0]["count"] == 1 and len(chunks) == 1
        shown["mem"] = chunks[0]["memory"] if one else f"{memory // 1024}kb"
    for name in ("mpiprocs", "ngpus"):
        if any(c[name] for c in chunks):
            shown[name] = str(sum(c["count"] * c[name] for c in chunks))
    shown["ncpus"] = str(sum(c["count"] * c["ncpus"] for c in chunks))
    shown["nodect"] = str(sum(c["count"] for c in chunks))
    if torque:
        shown.pop("ncpus")
        shown["nodes"] = asked.get("nodes", "1")
    else:
        shown["place"] = result["place"]
        shown["select"] = "+".join(f"{c['count']}:{c['text']}" if c["text"] else str(c["count"]) for c in chunks)
    if "walltime" in asked:
        result["seconds"] = seconds_of(asked["walltime"], torque)
        shown["walltime"] = hms(result["seconds"])
    result.update(
        chunks=chunks,
        shown=shown,
        cpus=sum(c["count"] * c["ncpus"] for c in chunks),
        bytes=memory,
        gpus=sum(c["count"] * c["ngpus"] for c in chunks),
        exclusive="excl" in result["place"],
    )
    return result


def select_chunks(text, gpus):
    chunks = []
    for part in text.split("+"):
        count, _, rest = part.partition(":")
        if "=" in count:
            count, rest = "1", part
        if not (count.isascii() and count.isdigit()) or int(count) == 0:
            raise Refused(BAD_VALUE)
        chunk = {"count": int(count), "text": rest, "ncpus": 1, "bytes": 0, "memory": "", "mpiprocs": 0, "ngpus": 0, "ompthreads": 0}
        seen = set()
        for item in rest.split(":") if rest else []:
            name, equals, value = item.partition("=")
            if name in JOB_RESOURCES:
                raise Refused(4, f'Resource invalid in "select" specification: {name}')
            if name not in CHUNK_RESOURCES and not (name == "ngpus" and gpus):
                raise Refused(UNKNOWN_RESOURCE, name)
            if not equals:
                raise Refused(BAD_VALUE)
            if name in seen:
                raise Refused(12, f"duplicated resource within a section of a select specification, resource is: {name}")
            seen.add(name)
            if name == "mem":
                chunk["bytes"], chunk["memory"] = size_of(value, "select.mem")
            elif name in ("ncpus", "mpiprocs", "ngpus", "ompthreads"):
                chunk[name] = whole(value, f"select.{name}")
        chunks.append(chunk)
    return chunks


def nodes_chunks(text, torque, gpus):
    """nodes=2:ppn=4, the old way. Torque knows :gpus=1 and names of features too."""
    where = "Resource_List.nodes"
    count, *items = text.split(":")
    if not (count.isascii() and count.isdigit()) or int(count) == 0:
        raise Refused(BAD_VALUE, where)
    cpus, wanted = 1, 0
    for item in items:
        name, equals, value = item.partition("=")
        if name == "ppn":
            cpus = whole(value, where)
        elif torque and name == "gpus":
            wanted = whole(value, where)
        elif equals or not torque:
            raise Refused(BAD_VALUE, where)
    tail = f":ngpus={wanted}" if wanted else ""
    return select_chunks(f"{count}:ncpus={cpus}:mpiprocs={cpus}{tail}", gpus)
