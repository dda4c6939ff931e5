#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What goes wrong on a real Slurm while tasks run: an element's time is over, Slurm's own time limit, memory, a killed worker, a
# requeued element, a node that is lost while what ran on it goes on. Everything is submitted at once, and each table is that of a
# local run in the end.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
cluster_up slurm --no-rest --memory-limits --cpus 8

log_of() {
	echo "$(submission "$1" "$2")/log/$3"
}
# The journal's header of the run R of element 0: the pid in it.
worker_pid() {
	records "$1" | grep '^{"k":"header"' | sed -n 's/.*,"pid":\([0-9]*\),.*"element":0,.*/\1/p' | tail -n 1
}
# "queued:..,..": asked now
elements_are() {
	rm -f "$(submission "$1")/asked.json"
	ppgen status --json "$1" | sed 's/.*"elements":[0-9]*,\("queued":[0-9]*,"running":[0-9]*,"done":[0-9]*,"vanished":[0-9]*\),.*/\1/' | tr -d '"'
}

# A gate: tasks wait for a file. The local run finds all of them.
gated() {
	sed "s/GATE/until [ -e gate.$1 ]; do sleep 0.1; done/" >"$1.yaml"
	touch "gate.$1"
	ok "$1: a local run" ppgen run -q -d "local.$1" "$1.yaml"
	rm "gate.$1"
}

gated twice <<'END'
ppgen: 1
params: {x: {from: 1, to: 12, step: 1}}
shell: |
  echo "$PPGEN_ATTEMPT $SLURMD_NODENAME" >>"twice.$x"
  if [ "$x" -gt 10 ]; then
    if [ "$PPGEN_ATTEMPT" -gt 1 ]; then until [ -e gate.second ] || [ -e gate.twice ]; do sleep 0.1; done; else GATE; fi
  fi
  echo "$x"
results: {stdout: number}
submit: {elements: 1, slots: 2}
END
gated cut <<'END'
ppgen: 1
params: {x: {from: 1, to: 6, step: 1}}
shell: |
  [ "$x" -ne 2 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || GATE
  echo "$x"
results: {stdout: number}
submit: {elements: 1, element_time: 10s}
END
gated limit <<'END'
ppgen: 1
params: {x: {from: 1, to: 5, step: 1}}
shell: |
  [ "$x" -ne 3 ] || { trap "" TERM; GATE; } # so it is killed with the worker, and nobody records its end
  echo "$x"
results: {stdout: number}
submit: {elements: 1, element_time: 5m}
END
gated killed <<'END'
ppgen: 1
params: {x: {from: 1, to: 80, step: 1}}
shell: |
  [ "$x" -le 60 ] || GATE
  echo "$x"
results: {stdout: number}
submit: {elements: 2}
END
gated back <<'END'
ppgen: 1
params: {x: {from: 1, to: 4, step: 1}}
shell: |
  [ "$x" -le 2 ] || GATE
  echo "$x"
results: {stdout: number}
submit: {elements: 1, slots: 2}
END
gated again <<'END'
ppgen: 1
params: {x: {from: 1, to: 30, step: 1}}
shell: |
  [ "$x" -le 20 ] || GATE
  echo "$x"
results: {stdout: number}
submit: {elements: 2}
END
cat >memory.yaml <<'END'
ppgen: 1
params: {eat: [1, 90, 200]}
# At each limit but the last a task is over its own before it is over its element's, so that ppgen sees it before Slurm does.
command: [python3, -c, "import time\nfor m in (90, 150, 200):\n    a = None\n    a = b'x' * (min(m, {eat}) << 20)\n    time.sleep(2)\nprint(len(a))"]
resources: {memory: 60M}
retry: {times: 2, on: [oom], memory: x2}
results: {stdout: number}
submit: {elements: 1}
END

# One lands on n2, since nobody else takes anything yet.
scontrol update nodename=n1,n3 state=drain reason=test
ok 'twice: submitted' ppgen submit -q twice.yaml
eventually 30 reaches 12 starts twice.yaml
is 'twice: it runs on n2' "$(squeue -h -t running -o %N -j "$(job twice.yaml 1)")" n2
scontrol update nodename=n1,n3 state=resume

# ---- a node is lost: Slurm begins its job elsewhere, and what ran there goes on

ok 'twice: slurmd is killed' "$SRC/tests/cluster/slurm" kill-node "$CLUSTER" n2
ok 'twice: Slurm is told' scontrol update nodename=n2 state=down reason=test
idle() { [ "$(sinfo -h -n n1,n3 -o %t)" = idle ]; } # not "idle*": the scheduler would take them for down
eventually 20 idle
for name in cut limit killed again memory; do
	ok "$name: submitted" ppgen submit -q $name.yaml
done

# ---- Slurm's own time limit; it looks every half a minute

eventually 30 reaches 3 starts limit.yaml
ok 'limit: its end is brought forward' scontrol update jobid="$(job limit.yaml 1)" EndTime=now+1seconds

# ---- a worker is killed in mid-chunk

eventually 30 reaches 62 starts killed.yaml
pid=$(worker_pid killed.yaml)
guardian=$(ps -o ppid= "$pid" | tr -d ' ')
ok 'killed: it is a job of Slurm' grep -q slurmstepd "/proc/$(ps -o ppid= "$guardian" | tr -d ' ')/comm"
kill -STOP "$guardian" "$pid" # neither may see the other one die, and end in order
kill -KILL "$pid" "$guardian" # Slurm, seeing the guardian die, tells what is left to end
ok 'killed: nothing of it is left' within 20 sh -c "! kill -0 $pid"
touch gate.killed

# ---- an element is requeued

eventually 30 reaches 22 starts again.yaml
ok 'again: an element is requeued' scontrol requeue "$(job again.yaml 1)_0"
eventually 30 says 'queued:1' elements_are again.yaml
is 'again: it waits for another turn' "$(elements_are again.yaml)" 'queued:1,running:1,done:0,vanished:0'
like 'again: it ended in order' "$(log_of again.yaml 1 1.0)" '^ppgen: end: told to end'

# ---- and what became of them

eventually 60 reaches 14 starts twice.yaml
ok 'twice: both tasks run twice at once' test "$(cut -d ' ' -f 1 twice.11 twice.12 | sort | paste -s -d ' ')" = '1 1 1 1 2 2'
like 'twice: the element knows that it began before' "$(log_of twice.yaml 1 1.0)" 'element 0 \(start 2\)'
is 'twice: on another node' "$(sed -n 's/^2 n2$/n2/p' twice.11 twice.12)" ''
touch gate.second
finished twice.yaml
is 'twice: all is good' "$code" 0
is 'twice: the first ones run yet' "$(ends twice.yaml ok)" 12
is 'twice: the table of a local run' "$(table twice.yaml)" "$(sha256sum <local.twice/collect/results.csv)"
touch gate.twice
eventually 30 reaches 14 ends twice.yaml ok
is 'twice: two tasks ended well twice' "$(good_times twice.yaml 2) $(good_times twice.yaml 1)" '2 10'
ok 'twice: merged again' ppgen collect twice.yaml
is 'twice: the same table' "$(table twice.yaml)" "$(sha256sum <local.twice/collect/results.csv)"

finished killed.yaml
is 'killed: all is good' "$code" 0
is 'killed: the rest is done again' "$(good_times killed.yaml 1)" 80
like 'killed: the finaliser says why' "$(log_of killed.yaml 1 finalise)" ' 1 lost with their element'
is 'killed: only what ran began twice' "$(starts killed.yaml)" 81
is 'killed: the table of a local run' "$(table killed.yaml)" "$(sha256sum <local.killed/collect/results.csv)"

touch gate.again
finished again.yaml
is 'again: all is good' "$code" 0
is 'again: every task once' "$(good_times again.yaml 1)" 30
is 'again: the table of a local run' "$(table again.yaml)" "$(sha256sum <local.again/collect/results.csv)"

finished cut.yaml
is 'cut: all is good' "$code" 0
like 'cut: the element ended before its time' "$(log_of cut.yaml 1 1.0)" '^ppgen: end: out of time'
like 'cut: what it left was counted' "$(log_of cut.yaml 1 finalise)" '1 good, 0 failed for good, 1 cut off, 4 never started'
is 'cut: and done in a second round' "$(basename "$(submission cut.yaml)")" 0002
is 'cut: the table of a local run' "$(table cut.yaml)" "$(sha256sum <local.cut/collect/results.csv)"

finished memory.yaml
is 'memory: all is good' "$code" 0
# A round may come twice: where slurmd is quicker than ppgen, it kills the element, and does not say why.
is 'memory: in rounds with more of it' \
	"$(cat runs/memory/submissions/*/array-1.sh | sed -n 's/^#SBATCH --mem=//p' | uniq | paste -s -d ' ')" '124M 184M 304M'
is 'memory: for those that need it' "$(records memory.yaml | grep '^{"k":"start"' | grep -c '"i":0,')" 1

eventually 60 over limit.yaml 1
is 'limit: by the word of Slurm' "$(squeue -h -t all -o %T -j "$(job limit.yaml 1 1)")" TIMEOUT
touch gate.limit
finished limit.yaml
is 'limit: all is good' "$code" 0
# Slurm's TERM comes before its KILL: the worker may have had the moment to record what it cut off.
is 'limit: one task was cut off' "$(starts limit.yaml) $(ends limit.yaml | sed 's/^6$/5/')" '6 5'
like 'limit: what was cut off' "$(log_of limit.yaml 1 finalise)" '2 good, 0 failed for good, 1 cut off, 2 never started'
is 'limit: the table of a local run' "$(table limit.yaml)" "$(sha256sum <local.limit/collect/results.csv)"

# ---- slurmd is killed and comes back in time: nothing is lost, and nothing begins again

ok 'back: submitted' ppgen submit -q back.yaml
eventually 30 reaches 4 starts back.yaml
node=$(squeue -h -t running -o %N -j "$(job back.yaml 1)")
ok 'back: slurmd is killed' "$SRC/tests/cluster/slurm" kill-node "$CLUSTER" "$node"
ok 'back: and started' "$SRC/tests/cluster/slurm" start-node "$CLUSTER" "$node"
touch gate.back
finished back.yaml
is 'back: all is good' "$code" 0
is 'back: at the first go' "$(starts back.yaml) $(basename "$(submission back.yaml)")" '4 0001'
is 'back: the table of a local run' "$(table back.yaml)" "$(sha256sum <local.back/collect/results.csv)"

# ---- the kernel takes a task for memory that nobody limited but Slurm

if ! lacking=$("$SRC/tests/cluster/slurm" missing --cgroups); then
	skip 'kernel: out of memory' "$lacking"
	done_testing
fi
cluster_down
cluster_up slurm --no-rest --cgroups
cat >kernel.yaml <<'END'
ppgen: 1
params: {eat: [1, 20, 300]}
command: [python3, -c, "import time; a = b'x' * ({eat} << 20); time.sleep(1); print(len(a))"]
results: {stdout: number}
submit: {elements: 1}
END
ok 'kernel: submitted' ppgen submit -q kernel.yaml
finished kernel.yaml
is 'kernel: one task has failed' "$code $(ends kernel.yaml ok) $(ends kernel.yaml oom)" '1 2 1'
is 'kernel: Slurm says the same' "$(squeue -h -t all -o %T -j "$(job kernel.yaml 1)")" OUT_OF_MEMORY
like 'kernel: it is not done again' "$(log_of kernel.yaml 1 finalise)" '2 good, 1 failed for good, 1 over their memory'
done_testing
