#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Arrays under the limits of a real Slurm: MaxArraySize, MaxJobCount, a throttle; and an array of a thousand elements.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
cluster_up slurm --no-rest --set MaxArraySize=20 --set MaxJobCount=60 --set MinJobAge=2 # jobs that have ended count, too

array_of() {
	sed -n 's/^#SBATCH --array=//p' "$(submission "$1")/array-$2.sh"
}

# Tasks that may take an hour: more elements are wanted than an array may have.
cat >many.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 200, step: 1}}
command: echo {x}
resources: {cpus: 1, memory: 20M, time: 1h}
results: {stdout: number}
END
ok 'the same tasks on this machine' ppgen run -q -d local many.yaml
ok 'tasks for 200 elements' ppgen submit many.yaml
is 'make an array with the highest index that Slurm takes' "$(array_of many.yaml 1)" 0-19
ok 'a dry run' ppgen submit -n -d other many.yaml
like 'says what decided' "$out" 'elements by scontrol show config'

cat >wish.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 200, step: 1}}
command: echo {x}
submit: {elements: 21}
END
exits 2 ppgen submit wish.yaml
like 'more than that is refused: both are named' "$err" '21 elements \(wish.yaml:4\) are too many: at most 20 fit into one array \(scontrol show config\)'
ok 'nothing was submitted' test ! -e runs/wish/submissions/0001
ok 'so many as fit' ppgen submit -q --set submit.elements=20 wish.yaml

cat >classes.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 160, step: 1}}
command: echo {x}
resources: {memory: 20M, time: 1h}
overrides: [{where: x > 40, memory: 21M}, {where: x > 80, memory: 22M}, {where: x > 120, memory: 23M}]
results: {stdout: number}
END
ok 'a dry run of four arrays' ppgen submit -n classes.yaml
is 'all together have half of the jobs that may be there' \
	"$(sed -n 's/^#SBATCH --array=0-//p' "$out" | awk '{ n += $1 + 1 } END { print (n > 26 && n <= 30), NR }')" '1 4'
exits 2 ppgen submit --set submit.elements=20 classes.yaml
like 'more than all jobs is refused: both are named' "$err" 'elements .* are too many: at most [0-9]+ jobs of all users .*scontrol show config'

finished many.yaml
is 'all is good' "$code" 0
is 'the table of a local run' "$(table many.yaml)" "$(sha256sum <local/collect/results.csv)"
is 'nothing ran twice' "$(starts many.yaml)" 200
finished wish.yaml
is 'twenty elements of no need' "$code" 0

# ---- what others have in the queue, and what a partition allows

forgotten() { [ -z "$(squeue -h -t all)" ]; }
eventually 60 forgotten
others=
for _ in 1 2 3; do
	others="$others $(sbatch --parsable --hold --array=0-18 -o /dev/null --wrap true)"
done
exits 2 ppgen submit -d full wish.yaml --set submit.elements=5
like 'no room for more jobs: sbatch would hang' "$err" '^ppgen: sbatch refused array-1.sh '
# shellcheck disable=SC2086 # several ids
scancel $others
eventually 60 forgotten

mkdir -p "$XDG_CONFIG_HOME/ppgen"
echo 'sites: {here: {hosts: ["*"], partition: short}}' >"$XDG_CONFIG_HOME/ppgen/sites.yaml"
exits 2 ppgen submit -d short many.yaml
like 'tasks that the partition has no time for: both are named' "$err" "'time' of 1h 00m does not fit into an element: a wall time of 10m .*\(scontrol --oneliner show partition short\)"
ok 'shorter ones' ppgen submit -q -d short --set resources.time=2m many.yaml
like 'get as much as there is' short/submissions/0001/array-1.sh '^#SBATCH --time=10$'
rm "$XDG_CONFIG_HOME/ppgen/sites.yaml"
ok 'they are cancelled' ppgen cancel -d short many.yaml

# ---- a throttle, for all arrays together

cat >throttle.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 20, step: 1}}
shell: |
  echo begin >"$PPGEN_SCRATCH/x"
  sleep 0.3
  echo "$x"
resources: {memory: 20M}
overrides: [{where: x > 10, memory: 30M}]
results: {stdout: number}
submit: {max_running: 4, elements: 6}
END
ok 'at most four elements at a time, in two arrays' ppgen submit -q throttle.yaml
most=0
until over throttle.yaml; do
	running=$(squeue -h -r -t running,completing -o %F | grep -cxE "$(job throttle.yaml 1)|$(job throttle.yaml 2)")
	[ "$running" -le "$most" ] || most=$running
	sleep 0.2
done
is 'never more of them ran, and so many did' "$most" 4
finished throttle.yaml
is 'all is good' "$code" 0

# ---- a thousand

cluster_down
cluster_up slurm --no-rest --nodes 4 --cpus 64
cat >thousand.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 1000, step: 1}}
command: echo {x}
results: {stdout: number}
submit: {elements: 1000}
END
ok 'a thousand elements' ppgen submit -q thousand.yaml
is 'are one array' "$(array_of thousand.yaml 1)" 0-999
finished thousand.yaml
is 'all is good' "$code" 0
is 'every task ran once' "$(good_times thousand.yaml 1) $(starts thousand.yaml)" '1000 1000'
is 'every element left word' "$(grep -l '^ppgen: end: ' "$(submission thousand.yaml)"/log/1.* | wc -l)" 1000
like 'the finaliser saw all of it' "$(submission thousand.yaml)/log/finalise" '1,000 tasks: 1,000 good'
done_testing
