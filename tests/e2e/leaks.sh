#!/bin/sh
# SPDX-License-Identifier: MIT
# What a task is given: no descriptor, signal mask, terminal or array variable of the parent; its own environment.
. "$(dirname "$0")/lib.sh"

cat >look.py <<'PY'
import json, os, signal, sys
fds = sorted(int(f) for f in os.listdir("/proc/self/fd"))
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
try:
    os.close(os.open("/dev/tty", os.O_RDWR))
    tty = True
except OSError:
    tty = False
print(json.dumps({
    "fds": len([f for f in fds if f > 3]),          # 3 is the folder that is listed
    "stdin": os.readlink("/proc/self/fd/0"),
    "blocked": int(status["SigBlk"], 16), "ignored": int(status["SigIgn"], 16) & ~(3 << 31 | 1 << 24 | 1 << 12),
    "tty": tty,
    "arrays": " ".join(sorted(k for k in os.environ if k.startswith(("SLURM_ARRAY", "PBS_ARRAY", "SGE_TASK")))),
    "omp": os.environ.get("OMP_NUM_THREADS"), "mine": os.environ.get("MINE"), "kept": os.environ.get("KEPT"),
    "umask": oct(os.umask(0)), "cwd": os.path.basename(os.getcwd()), "leader": os.getpgid(0) == os.getpid(),
    "PPGEN_TASK": os.environ["PPGEN_TASK"], "index": os.environ["PPGEN_INDEX"], "attempt": os.environ["PPGEN_ATTEMPT"],
    "cpus": os.environ["PPGEN_CPUS"], "scratch": os.path.isdir(os.environ["PPGEN_SCRATCH"]),
}))
PY
cat >spec.yaml <<'YAML'
ppgen: 1
name: l
params: {x: [a b]}
command: python3 look.py
env: {MINE: "<{x}|{index}>", SLURM_ARRAY_TASK_ID: "{index}"}
results: {stdout: json}
resources: {cpus: 2}
YAML
umask 027
SLURM_ARRAY_TASK_ID=99 PBS_ARRAY_INDEX=5 SGE_TASK_ID=4 KEPT=yes
export SLURM_ARRAY_TASK_ID PBS_ARRAY_INDEX SGE_TASK_ID KEPT
exec 7<spec.yaml 8>junk
exits 0 ppgen run -j 2 spec.yaml
exec 7<&- 8>&-
row() { ppgen collect spec.yaml -q -o - --format jsonl | jq -r ".$1"; }
is 'no descriptor beyond the three' "$(row fds)" 0
is 'stdin is empty' "$(row stdin)" /dev/null
is 'no signal is blocked' "$(row blocked)" 0
is 'none is ignored' "$(row ignored)" 0
is 'no terminal' "$(row tty)" false
is 'array variables are only those that env sets' "$(row arrays)" SLURM_ARRAY_TASK_ID
is 'threads follow cpus' "$(row omp)" 2
is 'env has placeholders' "$(row mine)" '<a b|0>'
is 'the rest is inherited' "$(row kept)" yes
is 'umask is inherited' "$(row umask)" 0o27
is 'workdir is the folder of the spec' "$(row cwd)" work
is 'a process group of its own' "$(row leader)" true
is 'index' "$(row index)" 0
is 'attempt' "$(row attempt)" 1
is 'cpus' "$(row cpus)" 2
is 'a scratch folder is not made when nothing names it' "$(row scratch)" false
ppgen collect spec.yaml -q -o all.jsonl
is 'PPGEN_TASK is what the column task says' "$(jq -r .PPGEN_TASK all.jsonl)" "$(jq -r .task all.jsonl)"

cat >scratch.yaml <<'YAML'
ppgen: 1
name: sc
params: {x: [0, 1]}
shell: |
  cd "$WHERE" || exit 9
  touch mark
  pwd -P
  exit $x
env: {WHERE: "{scratch}"}
results: {stdout: text}
YAML
exits 1 ppgen run scratch.yaml
is 'scratch is removed after success and kept after failure' "$(ls runs/sc/scratch | wc -l | tr -d ' ')" 1
ok 'with what was in it' test -e runs/sc/scratch/*/mark
cat >wd.yaml <<'YAML'
ppgen: 1
name: wd
workdir: "{scratch}"
shell: pwd -P
results: {stdout: text}
YAML
exits 0 ppgen run wd.yaml
like 'workdir may be the scratch folder' runs/wd/collect/results.csv '/runs/wd/scratch/t'
done_testing
