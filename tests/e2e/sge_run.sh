#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ppgen submit on a real Grid Engine, from submitting to the tables: what is asked of it, what status and cancel say of it, what it
# refuses, rounds that follow, scripts that are submitted by hand. Everything is in a folder with a name that a careless script would
# stumble over. tests/e2e/sge_fail.sh has what goes wrong.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
. "$SRC/tests/e2e/sge_lib.sh"
sge_up --set slots=24

place="$T/a b 'c' \"d\" \$TASK_ID \$HOME %s &"
mkdir "$place" && cd "$place" || exit 99

# ---- several at once, looked at later

# Resources of two kinds, failures that a second attempt repairs, result files, a name that Grid Engine would not take.
cat >2d-ising.yaml <<'END'
ppgen: 1
params:
  grid: {T: {from: 1.5, to: 3.0, step: 0.25}, L: [16, 32, 64], text: ["it's", 'a "b" $c #$ -N x', 'ü, ∞']}
repeat: 2
seed: 7
shell: |
  [ "$PPGEN_INDEX" -lt 100 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || exit 9
  [ -z "${SGE_TASK_ID-}" ] || exit 8
  printf 'step,m\n1,%s\n2,%s\n' "$PPGEN_SEED" "$L" >"$PPGEN_SCRATCH/trace.csv"
  printf '{"m": %s, "said": "%s"}\n' "$((PPGEN_SEED % 1000))" "$PPGEN_CPUS"
resources: {cpus: 1, memory: 50M, time: 20s}
overrides: [{where: L == 64, cpus: 2, memory: 80M}]
results: {stdout: json, files: {trace: "{scratch}/trace.csv"}}
retry: {times: 1, on: [exit]}
collect: [{to: results.csv}, {from: trace, to: traces.csv}]
submit: {slots: 2, elements: 3}
END
ok 'tasks on this machine' ppgen run -q -d local.2d 2d-ising.yaml
ok 'the same tasks as arrays' ppgen submit 2d-ising.yaml
like 'Grid Engine was found' "$err" '^scheduler: sge \('
like 'the ids are said' "$err" "^submission 0001: jobs $(job 2d-ising.yaml 1), $(job 2d-ising.yaml 2), finaliser $(job 2d-ising.yaml finalise)\$"
like 'a name that it takes' "$(submission 2d-ising.yaml)/array-1.sh" '^#\$ -N j2d-ising-[a-z0-9]+-1$'
like 'two slots of a node' "$(submission 2d-ising.yaml)/array-1.sh" '^#\$ -pe smp 2$'
like 'twice two, for those that take two' "$(submission 2d-ising.yaml)/array-2.sh" '^#\$ -pe smp 4$'

# A round that follows: more memory. PATH is the submitter's in all of them, whatever a login's profile says.
mkdir "$T/mine"
printf '#!/bin/sh\necho "$PPGEN_RUN" >>%q\nexec %q "$@"\n' "$T/asked" "$(command -v qsub)" >"$T/mine/qsub"
printf '#!/bin/sh\n{ head -c 60000000 /dev/zero; sleep 2; } | tail -c 60000000 | wc -c\n' >"$T/mine/my-program"
chmod +x "$T/mine"/*
cat >grow.yaml <<'END'
ppgen: 1
params: {x: [1, 2, 3]}
command: my-program
resources: {memory: 40M, time: 30s}
results: {stdout: number}
retry: {times: 1, on: [oom], memory: x3}
submit: {elements: 3}
END
ok 'tasks that need more than they asked for' env PATH="$T/mine:$PATH" ppgen submit grow.yaml

# One element, one that is no array, and what a site and a user say.
cat >sites.yaml <<'END'
sites:
  here:
    scheduler: sge
    account: sweeps
    mail: nobody@example.org
    options: {pe: make, memory: virtual_free}
    directives: ["#$ -p -3", "#$ -w n"]
    finaliser: {memory: 100M, time: 5m}
END
cat >site.yaml <<'END'
ppgen: 1
params: {x: [1, 2, 3]}
command: echo {x}
resources: {cpus: 2, memory: 30M, time: 20s}
results: {stdout: number}
submit: {elements: 1, element_time: 3m}
END
ok 'a site, and options of the user' env PPGEN_SITES="$PWD/sites.yaml" ppgen submit site.yaml --site here -- -l exclusive=false -ac 'note=a b'

cat >failing.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 9, step: 1}}
shell: test "$x" -ne 5 || { echo no five >&2; exit 100; }
submit: {elements: 2}
END
cat >alone.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 6, step: 1}}
command: echo {x}
results: {stdout: number}
submit: {elements: 3}
END
cp alone.yaml hand.yaml
ok 'tasks of which one fails' ppgen submit failing.yaml
ok 'no finaliser' ppgen submit --no-finalise alone.yaml
ok 'scripts to be submitted by hand' ppgen submit --emit "$T/by hand" hand.yaml
is 'nothing is submitted' "$(jobs_of hand.yaml)" ''
exits 2 ppgen submit hand.yaml
like 'who submits again is told' "$err" 'to be submitted by hand'
ppgen status hand.yaml >status.txt
like 'status knows' status.txt 'its scripts were emitted, to be submitted by hand'
ok 'they work' sh "$T/by hand/submit.sh"
is 'their ids are recorded' "$(tr -dc '0-9\n' <"$out" | tr '\n' ' ')" "$(job hand.yaml 1) $(job hand.yaml finalise) "
exits 1 sh "$T/by hand/submit.sh"
like 'once only' "$err" 'was submitted already'
exits 2 ppgen submit hand.yaml
like 'it is under way' "$err" "^ppgen: submission 0001 .*job $(job hand.yaml 1), finaliser [0-9]+\) is under way"

# ---- refused

cp alone.yaml refused.yaml
for options in '-l nonsense=1' '-q nothere' '-P nothere' '-w e -l h_vmem=999G' '-pe nothere 2' '-ar 99'; do
	rm -rf runs/refused
	# shellcheck disable=SC2086 # several words
	exits 2 ppgen submit refused.yaml -- $options
	like "refused: $options" "$err" '^ppgen: qsub refused (array-1|finalise).sh \(exit code 1\): Unable to run job: '
	like 'it has ended' "$(submission refused.yaml)/ended.json" '"how":"refused"'
done
for options in '-l exclusive=false,h_rt=60' '-t 1-9' '-hold_jid 1' -notify '-sync y'; do
	# shellcheck disable=SC2086
	exits 2 ppgen submit refused.yaml -- $options
	like "it is ppgen's to say" "$err" 'would overrule what ppgen reckons with'
done
like 'in its own words' <(ppgen submit refused.yaml -- -l nonsense=1 2>&1) 'unknown resource "nonsense"'
is 'nothing of it is in the queue' "$(jobs_of refused.yaml)" ''
mkdir '#$ -q x'
cp alone.yaml '#$ -q x/alone.yaml'
exits 2 ppgen submit '#$ -q x/alone.yaml'
like 'a folder whose name is a directive' "$err" 'would be misread'

# ---- states

cat >states.yaml <<'END'
ppgen: 1
params: {x: [0, 1, 2, 3]}
shell: |
  until [ -e "gate$x" ]; do sleep 0.1; done
  echo "$x"
results: {stdout: number}
submit: {elements: 4, max_running: 3}
END
ok 'four elements, three at a time' ppgen submit states.yaml
eventually 30 reaches 3 starts states.yaml
is 'one waits, three run' "$(elements_are states.yaml)" 'queued:1,running:3,done:0,vanished:0'
is 'as Grid Engine has it' "$(jobs_of states.yaml | tr t r | sort | uniq -c | tr -s ' \n' ' ')" ' 1 hqw 1 qw 3 r '
exits 2 ppgen run -q states.yaml
like 'a run is refused' "$err" '^ppgen: submission 0001 .* is under way'
touch gate0 gate1 gate2
eventually 30 says 'done:3' elements_are states.yaml
eventually 30 says 'running:1' elements_are states.yaml
is 'the last begins' "$(elements_are states.yaml)" 'queued:0,running:1,done:3,vanished:0'
touch gate3
finished states.yaml
is 'all is good' "$code" 0
is 'at once, in one round' "$(starts states.yaml) $(good_times states.yaml 1)" '4 4'

# ---- those that were submitted first

finished 2d-ising.yaml
is 'mixed resources, failures repaired: all is good' "$code" 0
is 'the table of a local run' "$(table 2d-ising.yaml)" "$(sha256sum <local.2d/collect/results.csv)"
same_file 'and its result files' runs/2d-ising/collect/traces.csv local.2d/collect/traces.csv

finished grow.yaml
is 'more memory: all is good' "$code" 0
like 'the finaliser says why' "$(submission grow.yaml 1)/log/finalise" '3 tasks: 0 good, 0 failed for good, 3 over their memory'
like 'and what it did' "$(submission grow.yaml 1)/log/finalise" "submission 0002: 3 tasks are done again, as job $(job grow.yaml 1 2), finaliser"
like 'with more memory' "$(submission grow.yaml 2)/array-1.sh" '^#\$ -l [a-z_]+=184M$'
is "the submitter's PATH is the job's, to its last round" "$(wc -l <"$T/asked") $(starts grow.yaml)" '4 6'

finished site.yaml
is 'a site: all is good' "$code" 0
for line in '-p -3' '-P sweeps' '-pe make 2' '-l h_rt=180' '-l virtual_free=47M'; do
	like "its array: $line" "$(submission site.yaml)/array-1.sh" "^#\\\$ $line\$"
done
unlike 'a single element is an array all the same, and sends no mail' "$(submission site.yaml)/array-1.sh" '-M|-m [^n]'
for line in '-p -3' '-P sweeps' '-l h_rt=300' '-l virtual_free=1[0-9]*M' '-M nobody@example.org'; do
	like "its finaliser: $line" "$(submission site.yaml)/finalise.sh" "^#\\\$ $line\$"
done
qacct -j "$(job site.yaml 1)" >acct
like 'Grid Engine saw the project' acct '^project +sweeps'
like 'and the parallel environment' acct '^granted_pe +make'

finished failing.yaml
is 'a task failed: wait exits with 1' "$code" 1
like 'and names the cause' "$err" 'no five'
like 'the finaliser ran after a failure' "$(submission failing.yaml)/log/finalise" '8 good, 1 failed for good'
qacct -j "$(job failing.yaml 1)" | awk '$1 == "exit_status" { print $2 }' | sort | tr '\n' ' ' >codes
like 'a worker ends with 0 or 1, whatever its tasks do' codes '^(0 1|1 1) $'

eventually 60 reaches 6 ends alone.yaml ok
gone() { [ -z "$(jobs_of alone.yaml)" ]; }
eventually 30 gone
ok 'without a finaliser nobody has collected' test ! -e "$(submission alone.yaml)/ended.json"
exits 0 ppgen submit alone.yaml
like 'submit finishes it' "$err" '^submission 0001: 6 tasks: 6 good'
is 'with a table' "$(wc -l <"$(run_of alone.yaml)/collect/results.csv")" 7

finished hand.yaml
is 'by hand: all is good' "$code" 0
is 'the same table' "$(table hand.yaml)" "$(table alone.yaml)"
exits 1 sh "$T/by hand/submit.sh"

# ---- cancelled, and continued

cat >long.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 40, step: 1}}
seed: 5
shell: |
  [ "$x" -le 20 ] || until [ -e go ]; do sleep 0.1; done
  echo "$x,$PPGEN_SEED"
results: {stdout: {regex: {number: '^([0-9]+)', drawn: ',(.*)'}}}
submit: {elements: 4}
END
touch go
ok 'the same tasks on this machine' ppgen run -q -d local.long long.yaml
rm go
ok 'a long one' ppgen submit -q long.yaml
eventually 30 reaches 20 ends long.yaml ok
eventually 30 reaches 24 starts long.yaml
ok 'it is cancelled' ppgen cancel long.yaml
is 'the queue is empty of it' "$(jobs_of long.yaml)" ''
is 'what ended stays' "$(ends long.yaml ok)" 20
ppgen status long.yaml >status.txt
like 'status says so' status.txt '^submission 0001 ended: cancelled'
exits 130 ppgen wait long.yaml
touch go
ok 'it goes on' ppgen submit long.yaml
finished long.yaml
is 'to its end' "$code" 0
is 'with what was lacking' "$(good_times long.yaml 1) $(starts long.yaml)" '40 44'
is 'and the table of a local run' "$(table long.yaml)" "$(sha256sum <local.long/collect/results.csv)"
queue_is_empty() { [ -z "$(qstat -u '*')" ]; }
eventually 30 queue_is_empty
ok 'nothing is left in the queue' queue_is_empty
done_testing
