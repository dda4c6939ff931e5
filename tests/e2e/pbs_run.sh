#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ppgen submit on the PBS stand-in (tests/cluster/pbs), from submitting to the tables: every subjob may run twice, a server without a
# history, which forgets whatever has ended, refusals and limits, what is submitted by hand or has no finaliser, throttle, cancelling,
# and submitting cut off between two commands. Jobs begin in $HOME, with umask 077, under a login shell whose profile prints and that
# does not know where PBS's commands are; the run directories are in a folder with a name that a careless script would stumble over. tests/e2e/pbs_fail.sh has what goes wrong later.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"

echo 'echo from the profile; PATH=/usr/bin:/bin; cd /' >"$HOME/.bash_profile"
place="$T/a b, 'c' \"d\" ^array_index^ \$HOME %a &"
mkdir "$place" && cd "$place" || exit 99

# The ids of all jobs of a spec that the server knows.
jobs_of() {
	qselect -u "$(id -un)" | xargs -r qstat -f -F dsv | sed -n "s/^Job Id: \([^|]*\)|Job_Name=$(basename "$1" .yaml)-.*/\1/p"
}
ask_again() {
	rm -f "$(submission "$1")/asked.json" # `status` asks once a minute
}
# "queued:1,running:3,done:0,vanished:0" of the latest submission
elements_are() {
	ask_again "$1"
	ppgen status --json "$1" | sed 's/.*"elements":[0-9]*,\("queued":[0-9]*,"running":[0-9]*,"done":[0-9]*,"vanished":[0-9]*\),.*/\1/' | tr -d '"'
}
no_jobs() {
	[ -z "$(qselect -u "$(id -un)")" ]
}

# ---- a subjob of every array runs twice

cluster_up pbs --rerun 1 --history --cpus 12 --no-path

# Resources of two kinds, failures that a second attempt repairs, result files, one element that is no array.
cat >2d-ising.yaml <<'END'
ppgen: 1
params:
  grid: {T: {from: 1.5, to: 3.0, step: 0.25}, L: [16, 32, 64], text: ["it's", 'a "b" $c, #PBS -q x', 'ü, ∞']}
repeat: 2
seed: 7
shell: |
  [ "$PPGEN_INDEX" -lt 100 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || exit 9
  [ -z "${PBS_ARRAY_INDEX-}" ] || exit 8
  printf 'step,m\n1,%s\n2,%s\n' "$PPGEN_SEED" "$L" >"$PPGEN_SCRATCH/trace.csv"
  printf '{"m": %s, "said": "%s", "at": "%s", "threads": %s}\n' "$((PPGEN_SEED % 1000))" "$PPGEN_CPUS" "${PWD##*/a b}" "$OMP_NUM_THREADS"
resources: {cpus: 1, memory: 50M, time: 20s}
overrides: [{where: L == 64, cpus: 2, memory: 80M}]
results: {stdout: {regex: {m: '"m": ([0-9]+)', said: '"said": "(.*)", "at', at: '"at": "(.*)", "th', threads: '([0-9]+)}'}}, files: {trace: "{scratch}/trace.csv"}}
retry: {times: 1, on: [exit]}
collect: [{to: results.csv}, {from: trace, to: traces.csv}]
submit: {slots: 2, elements: 3}
END
ok 'tasks on this machine' ppgen run -q -d local.2d 2d-ising.yaml
ok 'the same tasks as arrays' ppgen submit 2d-ising.yaml
like 'PBS was found' "$err" "^scheduler: pbs \('qstat --version' says pbs_version"
like 'the ids are said' "$err" '^submission 0001: jobs [0-9]+\[\]\.srv, [0-9]+\[\]\.srv, finaliser [0-9]+\.srv$'
like 'twice one processor' "$(submission 2d-ising.yaml)/array-1.sh" '^#PBS -l select=1:ncpus=2:mpiprocs=1:mem=164mb$'
like 'twice two, for those that take two' "$(submission 2d-ising.yaml)/array-2.sh" '^#PBS -l select=1:ncpus=4:'
# one element is no array, for -J 0-0 is refused
sed 's/elements: 3/elements: 1/; s/^name: .*//' 2d-ising.yaml >single.yaml
ok 'one element' ppgen submit -q single.yaml
unlike 'is a plain job' "$(submission single.yaml)/array-1.sh" '^#PBS -J'
finished 2d-ising.yaml
is 'arrays: all is good' "$code" 0
is 'the table of a local run' "$(table 2d-ising.yaml)" "$(sha256sum <local.2d/collect/results.csv)"
same_file 'and its result files' runs/2d-ising/collect/traces.csv local.2d/collect/traces.csv
is 'no task ran twice, but for those that failed at first' "$(starts 2d-ising.yaml) $(good_times 2d-ising.yaml 1)" \
	"$((126 + 26)) 126"
id=$(job 2d-ising.yaml 1)
qstat -x -f -F dsv "${id%%\[*}[1]" >element
like 'a subjob was run twice' element '\|run_count=2\|'
like 'its second run found nothing to do' "$(submission 2d-ising.yaml)/log/1.1" 'element 1 \(start 2\), job'
finished single.yaml
is 'plain jobs: all is good' "$code" 0
is 'the same table' "$(table single.yaml)" "$(table 2d-ising.yaml)"
cluster_down

# ---- no history: several at once, looked at later

cluster_up pbs --cpus 40 --memory 100000 --kill-delay 1 --term-late 0.2 --no-path

cat >failing.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 9, step: 1}}
shell: test "$x" -ne 5 || { echo no five >&2; exit 9; }
submit: {elements: 2}
END
cat >orphan.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 6, step: 1}}
shell: |
  until [ -e gate ]; do sleep 0.1; done
  echo "$x"
results: {stdout: number}
submit: {elements: 3}
END
cp orphan.yaml alone.yaml
cp orphan.yaml hand.yaml
# The first element is over when status asks, and the server says only that; the other runs out of time by its own clock.
cat >late.yaml <<'END'
ppgen: 1
params: {x: [1, 2]}
shell: |
  [ "$x" -eq 2 ] || until [ -e late ]; do sleep 0.1; done
  touch late
  [ "$x" -eq 1 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || { trap '' TERM; while :; do sleep 1; done; }
  echo "$x"
results: {stdout: number}
submit: {elements: 2, element_time: 14s}
END
cat >sites.yaml <<'END'
sites:
  here:
    scheduler: pbs
    account: sweeps
    partition: short
    mail: nobody@example.org
    directives: ["#PBS -p -3"]
    finaliser: {memory: 100M, time: 5m}
END
qmgr -c 'create queue short'
for set in 'queue_type = execution' 'enabled = True' 'started = True' 'resources_max.walltime = 00:10:00'; do
	qmgr -c "set queue short $set"
done
cp orphan.yaml site.yaml
ok 'an element out of time' ppgen submit -q late.yaml
asked() {
	ask_again late.yaml
	ppgen status late.yaml >/dev/null
	cat "$(submission late.yaml 1)/asked.json"
}
eventually 10 says '"X"' asked
like 'without a history nobody knows how an element ended' "$(submission late.yaml 1)/asked.json" '\[1,0,0,"ended","X"\],\[1,1,1,"running","R"\]'
ok 'tasks of which one fails' ppgen submit failing.yaml
ok 'one whose finaliser is deleted' ppgen submit orphan.yaml
ok 'it is' qdel "$(job orphan.yaml finalise)"
ok 'one without a finaliser' ppgen submit --no-finalise alone.yaml
like 'what is to be done then is said' "$err" 'then `ppgen submit` again finishes it'
ok 'it has none' test ! -e "$(submission alone.yaml)/job-finalise.json"
ok 'a site, and options of the user' env PPGEN_SITES="$PWD/sites.yaml" ppgen submit site.yaml --site here -- -l walltime=0:08:00 -W umask=027
for set in 'Account_Name=sweeps' 'queue=short' 'Priority=-3' 'Resource_List.walltime=00:08:00' 'umask=27'; do
	like "its array: $set" <(qstat -f -F dsv "$(job site.yaml 1)") "\|$set(\||\$)"
	like "its finaliser: $set" <(qstat -f -F dsv "$(job site.yaml finalise)") "\|$set(\||\$)"
done
like 'the finaliser sends mail' <(qstat -f -F dsv "$(job site.yaml finalise)") '\|Mail_Points=ae\|Mail_Users=nobody@example.org\|'
like 'the array one, for all of its subjobs' <(qstat -f -F dsv "$(job site.yaml 1)") '\|Mail_Points=ae\|'
like 'others do not' <(qstat -f -F dsv "$(job orphan.yaml 1)") '\|Mail_Points=n\|'
ok 'scripts to be submitted by hand' ppgen submit --emit "$T/by hand" hand.yaml
is 'nothing is submitted' "$(jobs_of hand.yaml)" ''
exits 2 ppgen submit hand.yaml
like 'who submits again is told' "$err" 'to be submitted by hand'
ok 'they work' sh "$T/by hand/submit.sh"
is 'their ids are recorded' "$(sed 's/.*: //' "$out" | tr '\n' ' ')" "$(job hand.yaml 1) $(job hand.yaml finalise) "
exits 1 sh "$T/by hand/submit.sh"
like 'once only' "$err" 'was submitted already'
exits 2 ppgen submit hand.yaml
like 'it is under way' "$err" '^ppgen: submission 0001 .*job [0-9]+\[\]\.srv, finaliser [0-9]+\.srv\) is under way'

# ---- refused

cp failing.yaml refused.yaml
refused() {
	rm -rf runs/refused
	exits 2 ppgen submit refused.yaml -- "${@:2}"
	like "refused, in PBS's own words: ${*:2}" "$err" "^ppgen: qsub refused (array-1|finalise)\.sh \(exit code [0-9]+\): qsub: $1"
	like 'it has ended' "$(submission refused.yaml)/ended.json" '"how":"refused"'
}
refused 'Unknown resource  ?Resource_List.nonsense' -l nonsense=1
refused 'Unknown queue' -q nothere
refused 'Unauthorized Request|would exceed|Job violates' -q short -l walltime=1:00:00
is 'nothing of it is in the queue' "$(jobs_of refused.yaml)" ''
exits 3 ppgen wait refused.yaml
ok 'without the option it is taken' ppgen submit -q refused.yaml

# ---- limits

qmgr -c 'set server max_array_size = 7'
sed 's/to: 6/to: 40/; s/, elements: 3//; /elements: 3/d' orphan.yaml >limits.yaml
echo 'submit: {elements: 8}' >>limits.yaml
exits 2 ppgen submit limits.yaml
like 'too many elements: both numbers' "$err" '^ppgen: 8 elements \(.*\) are too many: at most 7 fit into one array \(qstat -B -f -F dsv\)$'
sed -i '/elements: 8/d' limits.yaml
ok 'else as many as fit' ppgen submit -n limits.yaml
like 'into an array' "$out" '^#PBS -J 0-6$'
qmgr -c 'set queue short max_array_size = 5'
ok 'into one of a queue' env PPGEN_SITES="$PWD/sites.yaml" ppgen submit -n limits.yaml --site here
like 'that allows fewer' "$out" '^#PBS -J 0-4$'
queued=$(qstat -t | grep -cE ' [QRHE] .*(workq|short)' || :)
qmgr -c 'set server max_queued = [u:PBS_GENERIC=6]'
echo 'submit: {elements: 7}' >>limits.yaml
exits 2 ppgen submit limits.yaml
like 'too many jobs: both numbers' "$err" '^ppgen: 7 elements \(.*\) are too many: at most 5 jobs of yours may be queued beside the finaliser'
sed -i '/elements: 7/d' limits.yaml
ok 'else as many as may be queued' ppgen submit -n limits.yaml
like 'with some to spare' "$out" '^#PBS -J 0-3$'
ok 'the queue is not empty' test "$queued" -gt 6
exits 2 ppgen submit limits.yaml
like 'others of ours are there already: refused' "$err" "qsub refused (array-1|finalise)\.sh \(exit code 38\): qsub: would exceed complex's per-user limit"
qmgr -c "set server max_queued = [u:$(id -un)=7]"
ok "a user's own limit" ppgen submit -n limits.yaml
like 'counts for him' "$out" '^#PBS -J 0-4$'
qmgr -c 'set queue workq max_queued = [u:PBS_GENERIC=5]'
ok "and that of the queue where jobs go" ppgen submit -n limits.yaml
like 'as well' "$out" '^#PBS -J 0-2$'
for unset in 'server max_queued' 'server max_array_size' 'queue workq max_queued'; do
	qmgr -c "unset $unset"
done

# ---- states, and a throttle

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
is 'as PBS has it' "$(qstat -t "$(job states.yaml 1)" | awk 'NR > 3 { print $5 }' | sort | tr '\n' ' ')" 'Q R R R '
exits 2 ppgen run -q states.yaml
like 'a run is refused' "$err" '^ppgen: submission 0001 .* is under way'
touch gate0 gate1 gate2
eventually 30 says 'done:3' elements_are states.yaml
is 'the last begins' "$(elements_are states.yaml)" 'queued:0,running:1,done:3,vanished:0'
touch gate3

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
(timeout 60 ppgen wait -q long.yaml >/dev/null 2>&1; echo $? >waited) &
waiting=$!
ok 'it is cancelled' ppgen cancel long.yaml
like 'and says how to go on' "$err" '^submission 0001 \(job .*\) is cancelled: `ppgen submit .*` or `ppgen run .*` goes on from here$'
wait $waiting
is 'who waits gets 130' "$(cat waited)" 130
is 'the queue is empty of it' "$(jobs_of long.yaml)" ''
is 'what ended stays' "$(ends long.yaml ok)" 20
is 'what ran was interrupted' "$(ends long.yaml interrupted)" 4
ppgen status long.yaml >status.txt
like 'status says so' status.txt '^submission 0001 ended: cancelled'
exits 2 ppgen cancel long.yaml
touch go
ok 'it goes on' ppgen submit long.yaml

# ---- somebody deletes an array by hand

sed 's/gate/gate.deleted/; s/elements: 3/elements: 3, element_time: 5m/' orphan.yaml >deleted.yaml
ok 'an array' ppgen submit -q deleted.yaml
eventually 30 reaches 3 starts deleted.yaml
ok 'is deleted' qdel "$(job deleted.yaml 1)"

# ---- ppgen is killed between two commands

mkdir "$T/bin"
cat >"$T/bin/cutter" <<'END'
#!/bin/bash
# $CUT is "WHEN COMMAND-NUMBER": who called is killed before or after the real command was run.
real=$(PATH=${PATH#*:} command -v "${0##*/}") || exit 127
echo x >>"$CUT_COUNT"
[[ $(wc -l <"$CUT_COUNT") -eq ${CUT#* } ]] || exec "$real" "$@"
[[ $CUT != before* ]] || { kill -KILL $PPID; exit 1; }
said=$("$real" "$@")
code=$?
kill -KILL $PPID
echo "$said"
exit $code
END
chmod +x "$T/bin/cutter"
ln -s cutter "$T/bin/qsub"
ln -s cutter "$T/bin/qrls"
CUT_COUNT=$T/count
export CUT_COUNT
mkdir "$T/down"
printf '#!/bin/sh\necho "qselect: cannot connect to server srv (errno=15010)" >&2\nexit 162\n' >"$T/down/qselect"
chmod +x "$T/down/qselect"

cat >any.spec <<'END'
ppgen: 1
params: {x: {from: 1, to: 8, step: 1}}
shell: until [ -e gate.cut ]; do sleep 0.1; done; echo "$x"
overrides: [{where: x > 4, cpus: 2}]
results: {stdout: number}
submit: {elements: 2}
END
# Two arrays, the finaliser, the release: four commands.
specs=
for cut in 'before 1' 'after 1' 'after 2' 'before 3' 'after 3' 'after 4'; do
	spec=cut-${cut/ /}.yaml
	specs="$specs $spec"
	cp any.spec "$spec"
	rm -f "$CUT_COUNT"
	{ CUT=$cut PATH=$T/bin:$PATH ppgen submit -q "$spec" >"$out" 2>"$err"; } 2>/dev/null # the shell says "Killed"
	is "killed $cut" $? 137
	if [ "$cut" = 'after 1' ]; then
		PATH=$T/down:$PATH exits 3 ppgen submit "$spec"
		like 'nothing is submitted again while the server cannot be asked' "$err" 'cannot be asked for jobs by name: .*cannot connect'
	fi
	exits 0 ppgen submit "$spec"
	like 'submit completes it' "$err" '^submission 0001 had been cut off while it was handed over; now it is complete: jobs '
	is 'all of its jobs are there, once' "$(jobs_of "$spec" | tr '\n' ' ')" \
		"$(for k in 1 2 finalise; do job "$spec" $k; done | sort -n | tr '\n' ' ')"
done
touch gate.cut

# ---- what came of those that were submitted first

finished failing.yaml
is 'a task failed: wait exits with 1' "$code" 1
like 'and names the cause' "$err" 'exit code 9.*|no five'
like 'the finaliser ran after a failure' "$(submission failing.yaml)/log/finalise" '8 good, 1 failed for good'
is 'no task is left undone' "$(good_times failing.yaml 1)" 8

touch gate
for spec in orphan.yaml alone.yaml; do
	eventually 60 reaches 6 ends $spec ok
	gone() { [ -z "$(jobs_of "$spec")" ]; }
	eventually 30 gone
	ok "$spec: nobody has collected" test ! -e "$(submission $spec)/ended.json"
	ask_again $spec
	ppgen status $spec >status.txt
	like 'status says that the jobs are gone' status.txt 'its jobs are gone: `ppgen submit .*` finishes it$'
	exits 0 ppgen submit $spec
	like 'it was finished' "$err" '^submission 0001: 6 tasks: 6 good'
	is 'by hand' "$(wc -l <"$(run_of $spec)/collect/results.csv")" 7
	exits 0 ppgen wait $spec
	ok 'no further one was made' test ! -e "$(submission $spec 2)"
done
for spec in hand.yaml site.yaml; do
	finished $spec
	is "$spec: all is good" "$code" 0
	is 'the same table' "$(table $spec)" "$(table alone.yaml)"
done
exits 1 sh "$T/by hand/submit.sh"

finished states.yaml
is 'those of the throttle: all is good' "$code" 0
is 'at once, in one round' "$(starts states.yaml) $(good_times states.yaml 1)" '4 4'

finished long.yaml
is 'what was cancelled came to its end' "$code" 0
is 'with what was lacking' "$(good_times long.yaml 1) $(starts long.yaml)" '40 44'
is 'and the table of a local run' "$(table long.yaml)" "$(sha256sum <local.long/collect/results.csv)"
exits 0 ppgen submit long.yaml
ok 'once more there is nothing to do' test ! -e "$(submission long.yaml 3)"

finished deleted.yaml
is 'who deletes an array wants an end, though PBS forgot it' "$code $(ends deleted.yaml interrupted)" '1 3'
like 'as the finaliser says' "$(submission deleted.yaml)/ended.json" '"how":"failed","why":"elements were told to end before their time'
ok 'no further one was made' test ! -e "$(submission deleted.yaml 2)"
touch gate.deleted
ok 'submit goes on' ppgen submit -q deleted.yaml

finished late.yaml
is 'an element out of time: all is good in the end' "$code" 0
like 'it ended before PBS would have ended it' "$(submission late.yaml 1)/log/1.1" 'end: out of time: 0 good, 1 interrupted'
like 'its task was begun again' "$(submission late.yaml 1)/log/finalise" '^submission 0002: 1 task is done again, as job [0-9]+\.srv, finaliser'
is 'and nothing else' "$(starts late.yaml) $(good_times late.yaml 1)" '3 2'

for spec in $specs; do
	finished "$spec"
	is "$spec: all is good" "$code" 0
	is 'each task ran once' "$(starts "$spec") $(good_times "$spec" 1)" '8 8'
done
finished deleted.yaml
is 'what was deleted came to its end' "$code $(table deleted.yaml)" "0 $(table alone.yaml)"
eventually 30 no_jobs
ok 'nothing is left in the queue' no_jobs
is 'nothing was written where jobs begin' "$(find "$H" -newer "$place/2d-ising.yaml" -type f)" ''
done_testing
