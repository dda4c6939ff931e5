#!/bin/bash
# SPDX-License-Identifier: MIT
# What a function is given, and what is made of what it returns: extras, variables, processors, kept state, generators, result files,
# lists of items; and 20,000 calls.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/functions_lib.sh"

cat >given.py <<'PY'
import collections
import os
import subprocess
import sys

STARTED = os.environ.get("OMP_NUM_THREADS")
COUNT = 0


def extras(x, flag, words, numbers, seed, seed64, scratch, keep, task, index, cpus, memory):
    open(os.path.join(scratch, "file"), "w").close()
    open(os.path.join(keep, "file"), "w").close()
    return {
        "types": "-".join(type(v).__name__ for v in (x, flag, words, numbers, seed, seed64)),
        "same": [
            str(seed) == os.environ["PPGEN_SEED"],
            str(seed64) == os.environ["PPGEN_SEED64"],
            scratch == os.environ["PPGEN_SCRATCH"] and os.listdir(scratch) == ["file"],
            keep == os.environ["PPGEN_KEEP"] and os.path.isabs(keep),
            task == os.environ["PPGEN_TASK"] and len(task) == 17,
            str(index) == os.environ["PPGEN_INDEX"],
        ],
        "got": [x, flag, words, numbers, cpus, memory],
    }


def everything(**kwargs):
    return sorted(kwargs)


def optional(x, seed=None, y=7):
    return {"seeded": seed is not None, "y": y}


def variables(k):
    ours = sorted(key for key in os.environ if key.startswith("PPGEN_"))
    text = "import os; print({k: v for k, v in os.environ.items() if k[:6] in ('PPGEN_', 'MINE_S')} == %r)" % {
        k: v for k, v in os.environ.items() if k[:6] in ("PPGEN_", "MINE_S")}
    out = subprocess.check_output([sys.executable, "-c", text]).decode().strip()
    return {"names": " ".join(ours), "same": out, "mine": os.environb[b"MINE_S"].decode().encode("unicode_escape").decode(),
            "cwd": os.getcwd()}


def threads(k):
    return {"omp": os.environ.get("OMP_NUM_THREADS"), "start": STARTED, "pid": os.getpid(),
            "cpus": os.environ.get("PPGEN_CPUS")}


def counts(k):
    global COUNT
    COUNT += 1
    return {"pid": os.getpid(), "count": COUNT}


def gpus(k):
    return {"pid": os.getpid(), "gpu": os.environ["CUDA_VISIBLE_DEVICES"], "rocr": os.environ["ROCR_VISIBLE_DEVICES"]}


def empty(k):
    return k


def generator(k):
    for i in range(3):
        yield {"i": i, "k": k}


def broken_generator(k):
    yield 1
    if k == 3:
        raise ValueError("in the middle")


def files(k):
    with open("part.%d.csv" % k, "w") as f:
        f.write("a,b\n%d,%d\n" % (k, 2 * k))
    if k == 3:
        os.unlink("part.3.csv")
    return {"v": k}


def here(k):
    with open("mine", "x") as f:
        f.write(str(k))
    return {"here": os.getcwd() == os.environ["PPGEN_SCRATCH"], "files": len(os.listdir("."))}


def chunk(items):
    with open("ran.chunk", "a") as f:
        f.write("".join("%s\n" % k for k in items))
    if 77 in items:
        raise ValueError("77 is in it")
    return [{"double": 2 * k, "size": len(items)} for k in items]


def pairs(items):
    assert all(sorted(item) == ["a", "b"] for item in items)
    return [item["a"] * item["b"] for item in items]


def short(items):
    return items[1:]


def crash_chunk(items):
    with open("ran.crash", "a") as f:
        f.write("%d\n" % len(items))
    if 77 in items:
        os._exit(4)
    return items


def odd_chunk(items):
    return [{1, 2} if k == 77 else k for k in items]
PY
# call NAME CODE: the rest of the spec from stdin.
call() {
	spec "$1"
	exits "$2" ppgen run -q -j 2 "$1.yaml"
}
column() {
	python3 -c '
import csv, sys
print(" ".join(row[sys.argv[2]] for row in csv.DictReader(open(sys.argv[1]))))' "runs/$1/collect/results.csv" "$2"
}

call extras 0 <<'YAML'
params: {x: [1.5, 2.0], flag: [true], words: ["1"], numbers: [[1, 2.5, a]]}
python: given:extras
resources: {cpus: 1, memory: 1G}
YAML
is 'extras: types' "$(column extras types)" 'float-bool-str-list-int-int float-bool-str-list-int-int'
is 'extras: as in the environment' "$(column extras same)" '[true,true,true,true,true,true] [true,true,true,true,true,true]'
is 'extras: what is in them' "$(column extras got)" '[1.5,true,"1",[1,2.5,"a"],1,1073741824] [2.0,true,"1",[1,2.5,"a"],1,1073741824]'
call everything 0 <<'YAML'
params: {b: [1, 2], a: [x]}
python: given:everything
YAML
is 'everything: **kwargs gets the parameters only' "$(values everything)" 'a b a b'
call optional 0 <<'YAML'
params: {x: [1, 2]}
python: given:optional
YAML
is 'optional: defaults of what is no parameter' "$(column optional y) $(column optional seeded)" '7 7 true true'
call variables 0 <<'YAML'
params: {k: {from: 0, to: 29, step: 1}}
python: given:variables
env: {MINE_S: "{k} {task} é"}
YAML
is 'variables: those of placeholders' "$(column variables mine | tr -s ' ' | cut -d ' ' -f 1,3,4,6)" '0 \xe9 1 \xe9'
is 'variables: the same in a subprocess' "$(column variables same | tr ' ' '\n' | sort | uniq -c | tr -s ' ')" ' 30 True'
like 'variables: what is there' runs/variables/collect/results.csv 'PPGEN_ATTEMPT .*PPGEN_INDEX .*PPGEN_RUN .*PPGEN_SEED .*PPGEN_SEED64 .*PPGEN_TASK'

# Interpreters are started anew where resources differ, with the number of threads that the task may use.
if [ "$(nproc)" -ge 2 ]; then
	call threads 0 <<'YAML'
params: {k: {from: 0, to: 59, step: 1}}
python: given:threads
resources: {cpus: 1}
overrides: [{where: k % 3 == 0, cpus: 2}]
YAML
	is 'threads: as many as the task has processors' "$(paste -d, <(column threads cpus | tr ' ' '\n') <(column threads omp | tr ' ' '\n') <(column threads start | tr ' ' '\n') | sort | uniq -c | tr -s ' ')" ' 40 1,1,1
 20 2,2,2'
	clean threads
else
	skip 'threads: of tasks with two processors' 'there is one'
fi

call counts 0 <<'YAML'
params: {k: {from: 0, to: 299, step: 1}}
python: given:counts
YAML
is 'counts: what a module keeps lasts over calls' "$(python3 -c '
import collections, csv
seen = collections.defaultdict(list)
for row in csv.DictReader(open("runs/counts/collect/results.csv")):
    seen[row["pid"]].append(int(row["count"]))
print(1 <= len(seen) <= 2, all(sorted(c) == list(range(1, len(c) + 1)) for c in seen.values()))')" 'True True'

call empty 0 <<'YAML'
params: {k: {from: 0, to: 19999, step: 1}}
python: given:empty
YAML
is 'empty: 20,000 calls, each in its place' "$(values empty | tr ' ' '\n' | cmp - <(seq 0 19999) 2>&1)" ''
is 'empty: one end each' "$(ends empty | cut -d ' ' -f 1,2 | cmp - <(seq -f '%.0f ok' 0 19999) 2>&1)" ''
clean empty

call generator 0 <<'YAML'
params: {k: [1, 2]}
python: given:generator
YAML
is 'generator: its list' "$(column generator i),$(column generator k)" '0 1 2 0 1 2,1 1 1 2 2 2'
call broken 1 <<'YAML'
params: {k: [1, 2, 3, 4]}
python: given:broken_generator
YAML
is 'broken: a generator that raises' "$(ends broken 'select(.out != "ok")')" '2 exit 1 0 ValueError: in the middle'
call files 1 <<'YAML'
params: {k: [1, 2, 3, 4]}
python: given:files
results: {files: {part: "part.{k}.csv"}}
YAML
is 'files: beside values; one that is missing' "$(ends files 'select(.out != "ok")' | cut -d ' ' -f 1,2)" '2 invalid'
is 'files: the value of the others' "$(ppgen collect -q --partial files.yaml -o - | sed 1d | awk -F, '{ print $NF }' | tr '\n' ' ')" '1 2 4 '
call here 0 <<'YAML'
params: {k: {from: 1, to: 20, step: 1}}
python: given:here
workdir: "{scratch}"
YAML
is 'here: each call in its own folder' "$(column here here | tr ' ' '\n' | sort | uniq -c | tr -s ' ') $(column here files | tr ' ' '\n' | sort -u)" ' 20 true 1'

# ---- lists of items

call chunk 1 <<'YAML'
params: {k: {from: 0, to: 199, step: 1}}
python: {call: "given:chunk", per: chunk}
YAML
is 'chunk: only the guilty fails' "$(ends chunk 'select(.out != "ok")')" '77 exit 1 0 ValueError: 77 is in it'
is 'chunk: one end each' "$(ends chunk | wc -l)" 200
is 'chunk: all others have theirs' "$(ppgen collect -q --partial chunk.yaml -o - | sed 1d | awk -F, '$NF != "" { n++; s += $(NF - 1) } END { print n, s }')" '199 39646'
call crash 1 <<'YAML'
params: {k: {from: 0, to: 199, step: 1}}
python: {call: "given:crash_chunk", per: chunk, batch: 50}
YAML
is 'crash: only the guilty is charged with a crash' "$(ends crash 'select(.out != "ok")')" '77 exit 4 0 exit code 4'
is 'crash: one end each' "$(ends crash | wc -l)" 200
call odd 1 <<'YAML'
params: {k: {from: 0, to: 199, step: 1}}
python: {call: "given:odd_chunk", per: chunk}
YAML
is 'odd: an item that is no value' "$(ends odd 'select(.out != "ok")' | cut -d ' ' -f 1-5)" '77 invalid 0 0 value'
call pairs 0 <<'YAML'
params: {a: [1, 2, 3], b: [10, 20]}
python: {call: "given:pairs", per: chunk, batch: 4}
YAML
is 'pairs: dicts where there are several parameters' "$(values pairs)" '10 20 20 40 30 60'
# A model that is loaded on a GPU stays there: an interpreter is used again with the GPUs that it was started with.
CUDA_VISIBLE_DEVICES=3,5 call gpus 0 <<'YAML'
params: {k: {from: 0, to: 29, step: 1}}
resources: {gpus: 1}
python: {call: "given:gpus", batch: 1}
YAML
is 'gpus: one interpreter a GPU, and each has one' "$(cut -d, -f4- runs/gpus/collect/results.csv | sed 1d | sort -u |
	awk -F, '{ if ($2 != $3 || ($2 != 3 && $2 != 5) || seen[$2]++) bad++ } END { print bad + 0 }')" 0
call short 1 <<'YAML'
params: {k: [1, 2, 3, 4]}
python: {call: "given:short", per: chunk, batch: 4}
YAML
is 'short: a list of another length' "$(ends short | cut -d ' ' -f 2- | sort -u | grep -c 'invalid 0 0 value has .* items, and the function got .*')" 1
clean short
done_testing
