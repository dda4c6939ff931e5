#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A real Slurm with accounting: limits of the association, a quality of service, an account, and jobs that the controller has
# forgotten long before somebody asks.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
lacking=$("$SRC/tests/cluster/slurm" missing --accounting) || skip_all "not installed: $(printf '%s' "$lacking" | tr '\n' ' ')"
cluster_up slurm --no-rest --accounting --set MinJobAge=2

me=$(id -un)
forgotten() { ! squeue -h -t all -o %F | grep -qxF "$1"; }

ok 'a quality of service' sacctmgr -i add qos quick
ok 'and a limit of 12 jobs' sacctmgr -i modify user where name="$me" account=test set maxsubmitjobs=12 qos+=quick
eventually 20 says '^12$' sacctmgr -nP show assoc where user="$me" account=test format=MaxSubmitJobs

cat >many.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 60, step: 1}}
command: echo {x}
resources: {memory: 20M, time: 1h}
results: {stdout: number}
END
ok 'the same tasks on this machine' ppgen run -q -d local many.yaml
ok 'tasks for 60 elements' ppgen submit many.yaml
is 'make so many that the finaliser fits, and one that submits again' "$(sed -n 's/^#SBATCH --array=//p' "$(submission many.yaml)/array-1.sh")" 0-9
exits 2 ppgen submit -d other --set submit.elements=12 many.yaml
like 'more are refused: both are named' "$err" '12 elements \(--set.*\) are too many: at most 11 .*sacctmgr .*show assoc'
ok 'so many as fit' ppgen submit -n -d other --set submit.elements=11 many.yaml
finished many.yaml
is 'all is good' "$code" 0
is 'the table of a local run' "$(table many.yaml)" "$(sha256sum <local/collect/results.csv)"

# Others of the same user are there already: only Slurm itself knows.
sed 's/^resources.*/submit: {elements: 9}/' many.yaml >full.yaml
others=$(sbatch --parsable --hold --array=0-7 -o /dev/null --wrap true)
exits 2 ppgen submit full.yaml
like "refused in Slurm's own words" "$err" '^ppgen: sbatch refused array-1.sh .*AssocMaxSubmitJobLimit'
is 'nothing of it is in the queue' "$(squeue -h -o %j | grep '^full')" ''
ok 'others go' scancel "$others"
others=$(sbatch --parsable --hold --array=0-2 -o /dev/null --wrap true)
exits 2 ppgen submit full.yaml
like 'the same for the finaliser' "$err" '^ppgen: sbatch refused finalise.sh .*AssocMaxSubmitJobLimit'
is 'nothing of it is left in the queue' "$(squeue -h -o %j | grep '^full')" ''
scancel "$others"

# ---- account, qos

mkdir -p "$XDG_CONFIG_HOME/ppgen"
cat >"$XDG_CONFIG_HOME/ppgen/sites.yaml" <<'END'
sites:
  here: {hosts: ["*"], account: test, qos: quick}
END
cat >forget.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 6, step: 1}}
shell: |
  until [ -e gate ]; do sleep 0.1; done
  [ "$x" -ne 4 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || kill -KILL $PPID # the worker
  echo "$x"
results: {stdout: number}
submit: {elements: 3}
END
ok 'account and qos of the site file' ppgen submit -q --no-finalise forget.yaml
like 'reach Slurm' <(squeue -h -o '%a %q' -j "$(job forget.yaml 1)") '^test quick$'
sed -i 's/account: test/account: none/' "$XDG_CONFIG_HOME/ppgen/sites.yaml"
exits 2 ppgen submit -d other --set submit.elements=1 many.yaml
like 'an account that is not there is refused' "$err" '^ppgen: sbatch refused array-1.sh .*Invalid account'
rm "$XDG_CONFIG_HOME/ppgen/sites.yaml"

# ---- what the controller has forgotten, the accounting tells

touch gate
eventually 60 forgotten "$(job forget.yaml 1)"
ok 'the controller has forgotten the job' forgotten "$(job forget.yaml 1)"
told() {
	rm -f "$(submission forget.yaml)/asked.json"
	ppgen status --json forget.yaml
}
eventually 30 says '"done":2,"vanished":1' told
like 'the accounting has not' <(told) '"elements":3,"queued":0,"running":0,"done":2,"vanished":1,'
like 'in its own words' "$(submission forget.yaml)/asked.json" '"failed","FAILED'
exits 0 ppgen submit forget.yaml
like 'what was lost is done again' "$err" '1 lost with their element'
eventually 60 forgotten "$(job forget.yaml 1 2)"
ppgen submit -q forget.yaml >"$out" 2>"$err"
is 'until all is good' "$(wc -l <"$(run_of forget.yaml)/collect/results.csv")" 7

# Somebody cancels elements by hand: he wants it to stop.
rm gate
sed 's/^submit.*/submit: {elements: 3, max_running: 1}/' forget.yaml >stop.yaml
ok 'one element at a time' ppgen submit -q stop.yaml
eventually 30 reaches 1 starts stop.yaml
ok 'all of them are cancelled' scancel "$(job stop.yaml 1)"
finished stop.yaml
is 'it is not begun again' "$code" 1
like 'since somebody cancelled it' "$err" 'elements were cancelled'
ok 'in one round' test ! -e "$(submission stop.yaml 2)"
touch gate
sed -i 's/ \[ "$x" -ne 4.*//' stop.yaml
ok 'but submitted again' ppgen submit -q --stale=keep stop.yaml
finished stop.yaml
is 'it comes to its end' "$code" 0
is 'nothing is left in the queue' "$(squeue -h)" ''
done_testing
