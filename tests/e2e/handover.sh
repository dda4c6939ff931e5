#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Handing over and finishing, cut off at every point: a scheduler that kills whoever calls it, or says no and takes the job; a finaliser
# that is started again, or that died on another machine and holds the run directory. The scheduler is a few lines of shell whose jobs
# this test starts itself.

. "$(dirname "$0")/lib.sh"

Q=$H/q
export Q
mkdir "$Q"
cat >"$test_place/bin/hq" <<'SH'
#!/bin/sh
# $Q/calls counts submissions and releases; $Q/fault names the one at which something happens, and what: "2 kill", killed behind it;
# "1 late", taken and refused; "1 no", refused. A job is $Q/ID: its name and state; $Q/ID.sh is its script.
what=$1
shift
turn() {
	calls=$(($(cat "$Q/calls" 2>/dev/null || echo 0) + 1))
	echo "$calls" >"$Q/calls"
	fault=$(sed -n "s/^$calls //p" "$Q/fault" 2>/dev/null)
}
case $what in
sub)
	turn
	[ "$fault" != no ] || { echo 'not now' >&2; exit 1; }
	state=queued
	for script; do [ "$script" != --hold ] || state=held; done
	n=$(($(cat "$Q/last" 2>/dev/null || echo 100) + 1))
	echo "$n" >"$Q/last"
	cp "$script" "$Q/$n.sh"
	echo "$(sed -n 's/^#HQ name //p' "$script") $state" >"$Q/$n"
	[ "$fault" != kill ] || kill -9 "$PPID"
	[ "$fault" != late ] || { echo 'timed out' >&2; exit 1; }
	echo "id $n"
	;;
let)
	turn
	for n; do sed -i 's/ held$/ queued/' "$Q/$n"; done
	[ "$fault" != kill ] || kill -9 "$PPID"
	;;
del) for n; do rm -f "$Q/$n"; done ;;
ask)
	if [ -e "$Q/gate" ]; then # the first who asks waits until somebody lets it go on
		mv "$Q/gate" "$Q/gated"
		until [ ! -e "$Q/gated" ]; do sleep 0.1; done
	fi
	for n; do [ ! -e "$Q/$n" ] || echo "$n $(sed 's/.* //' "$Q/$n")"; done
	;;
find) for f in "$Q"/*; do
	case ${f##*/} in
	*[!0-9]*) ;;
	*) echo "${f##*/} $(sed 's/ .*//' "$f")" ;;
	esac
done ;;
esac
SH
chmod +x "$test_place/bin/hq"
cat >"$H/hq.tmpl" <<'TMPL'
---
template: 1
name: hq
about: a queue that is worked off by hand
detect: {run: [hq, version], match: 'no such version'}
submit:
  run: [hq, sub, "{{hold}}", "{{after}}", "{{extra}}", "{{script}}"]
  hold: [--hold]
  after: [--after, "{{ids|join:,}}"]
  id: '^id ([0-9]+)$'
release: [hq, let, "{{ids}}"]
cancel: [hq, del, "{{ids}}"]
ask:
  - {run: [hq, ask, "{{ids}}"], match: '^(?<id>\d+) (?<state>\w+)$'}
find: {run: [hq, find], match: '^(?<id>\d+) (?<name>\S+)$'}
states: {held: held, queued: queued, running: running, done: done, lost: lost}
array: {first: 1, least: 1}
job_name: {most: 200, allowed: 'A-Za-z0-9._-'}
launch: [mpiexec, -n, "{{ranks}}"]
environment: {cpus: [HQ_CPUS], hidden: [HQ_*], own: [HQ_*], recorded: [HQ_JOB]}
script: {directive: '#HQ'}
---
#!/bin/bash
#HQ name {{name}}
#HQ array {{first}} {{last}}
#HQ memory {{memory}}
#HQ time {{time}}
#HQ cpus {{cpus}}
{{directives}}
{{count|if}}exec >>{{log|q}}."$HQ_INDEX" 2>&1 </dev/null || exit 3
{{count|if}}exec {{worker}} --element "$HQ_INDEX" --job "$HQ_JOB.$HQ_INDEX"
{{count|unless}}exec >>{{log|q}} 2>&1 </dev/null || exit 3
{{count|unless}}exec {{worker}} --job "$HQ_JOB"
TMPL

# The task with x=5 takes its element with it the first time.
spec() { # NAME
	cat >"$1.yaml" <<'END'
ppgen: 1
params: {x: {from: 1, to: 6, step: 1}}
shell: |
  [ "$x" -ne 5 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || kill -9 "$PPID"
  echo "$x"
results: {stdout: number}
END
	run=$T/runs/$1
	rm -f "$Q"/calls "$Q"/fault "$Q"/1*
}
fault() { # "N WHAT"
	echo 0 >"$Q/calls"
	echo "$1" >"$Q/fault"
}
submit() { ppgen submit --template "$H/hq.tmpl" "$@"; }
# The scheduler starts a job, and knows what became of it.
start() { # ID [ELEMENT]
	sed -i 's/ [a-z]*$/ running/' "$Q/$1"
	{ (cd / && HQ_JOB=$1 HQ_INDEX=${2:-1} exec setsid -w bash "$Q/$1.sh"); } 2>/dev/null
	[ ! -e "$Q/$1" ] || sed -i 's/ [a-z]*$/ done/' "$Q/$1"
}
job() { sed 's/^{"id":"\([^"]*\)".*/\1/' "$run/submissions/$1/job-$2.json"; } # 0001 1|finalise
queue() { sed 's/.* //' "$Q"/1?? 2>/dev/null | sort | uniq -c | tr -s ' \n' ' ' | sed 's/^ //; s/ $//'; }
ended() { sed -n 's/^{"how":"\([^"]*\)".*/\1/p' "$run/submissions/$1/ended.json" 2>/dev/null; }
numbers() { find "$run/submissions" -maxdepth 1 -name '[0-9]*' -printf '%f\n' | sort | tr '\n' ' '; }
starts() { cat "$run"/journal/*/*.jsonl | grep -c '"k":"start"'; }
# The element and then the finaliser of a submission.
work_off() {
	start "$(job "$1" 1)"
	start "$(job "$1" finalise)"
}
table() { tail -n +2 "$run/collect/results.csv" 2>/dev/null | awk -F, '$2 == $NF' | wc -l | tr -d ' '; }
# Somebody on another machine holds the run directory: the finaliser of submission $1, if it is said.
held_elsewhere() {
	last=$(find "$run/claims" -name 'local.*' | sed 's/.*local\.0*//; s/\..*//' | sort -n | tail -n 1)
	echo '{"host":"n17","boot":"b","ns":"pid:[1]","pid":1,"start":1,'"${1:+\"submission\":$1,}"'"time":1795000000000}' \
		>"$run/claims/local.$(printf %04d $((last + 1)))"
}

# ---- submitting, killed behind each call

for at in 1 2 3; do
	spec "cut$at"
	fault "$at kill"
	(submit "cut$at.yaml" >"$out" 2>"$err") 2>/dev/null
	unlike "killed at call $at: it does not say that it is done" "$err" '^submission 0001: job'
	ok "submitted again after call $at" submit "cut$at.yaml"
	like "it is completed after call $at" "$err" 'had been cut off while it was handed over; now it is complete: job '
	is "nothing is there twice after call $at" "$(queue)" '2 queued'
	work_off 0001
	is "the next round follows after call $at" "$(numbers)$(ended 0001)" '0001 0002 superseded'
	work_off 0002
	is "and it ends after call $at" "$(ended 0002) $(table) $(starts)" 'done 6 7'
done

# ---- the finaliser, killed behind each call, and started again by the scheduler

for at in 1 2 3; do
	spec "again$at"
	ok "submitted: $at" submit "again$at.yaml"
	start "$(job 0001 1)"
	fault "$at kill"
	start "$(job 0001 finalise)"
	is "the finaliser dies at call $at" "$(ended 0001)" superseded
	start "$(job 0001 finalise)"
	is "started again it goes on after call $at" "$(numbers)$(queue)" '0001 0002 2 done 2 queued'
	work_off 0002
	is "and all ends after call $at" "$(ended 0002) $(table) $(starts)" 'done 6 7'
done

spec gap
ok 'submitted' submit gap.yaml
start "$(job 0001 1)"
fault '1 kill'
start "$(job 0001 finalise)"
rm "$run/submissions/0001/ended.json"
start "$(job 0001 finalise)"
is 'killed between the next round and the end of this one: no third' "$(numbers)$(ended 0001) $(queue)" '0001 0002 superseded 2 done 2 queued'
work_off 0002
is 'and all ends' "$(ended 0002) $(table)" 'done 6'

spec login
ok 'submitted' submit login.yaml
start "$(job 0001 1)"
fault '2 kill'
start "$(job 0001 finalise)"
rm "$run/submissions/0001/ended.json"
ok 'the same, and the user is first' submit login.yaml
is 'both are as they should be' "$(numbers)$(ended 0001) $(queue)" '0001 0002 superseded 2 done 2 queued'
start "$(job 0001 finalise)"
is 'the finaliser finds nothing to do' "$(numbers)$(queue)" '0001 0002 2 done 2 queued'
work_off 0002
is 'and all ends so, too' "$(ended 0002) $(table)" 'done 6'

# ---- a scheduler that says no

spec late
fault '1 late'
exits 2 submit late.yaml
is 'a job that was taken and refused is taken back' "$(ended 0001),$(queue)" 'refused,'
spec later
fault '2 late'
exits 2 submit later.yaml
is 'a finaliser, too' "$(ended 0001),$(queue)" 'refused,'
ok 'submitted again' submit later.yaml
is 'then it is there' "$(queue)" '2 queued'

spec patient
ok 'submitted' submit patient.yaml
start "$(job 0001 1)"
fault '1 no'
start "$(job 0001 finalise)"
is 'a finaliser that is refused tries again' "$(ended 0001),$(ended 0002),$(queue)" 'superseded,,2 done 2 queued'

# ---- a finaliser on another machine

spec away
ok 'submitted' submit away.yaml
start "$(job 0001 1)"
final=$(job 0001 finalise)
held_elsewhere 1
sed -i 's/ queued$/ running/' "$Q/$final"
exits 2 submit away.yaml
like 'while it is at work, submit waits' "$err" 'is in use by the finaliser of submission 0001, job [0-9]*, which is running: wait until it has ended'
exits 2 ppgen run away.yaml
start "$final"
is 'begun again elsewhere, it goes on' "$(numbers)$(ended 0001)" '0001 0002 superseded'
held_elsewhere 1
start "$(job 0002 1)"
start "$(job 0002 finalise)"
is 'its successor does not wait for the dead' "$(ended 0002) $(table)" 'done 6'

# Its node was given up, and it runs on there.
spec both
ok 'submitted' submit both.yaml
start "$(job 0001 1)"
final=$(job 0001 finalise)
: >"$Q/gate"
start "$final" &
within 30 test -e "$Q/gated"
held_elsewhere 1
start "$final"
is 'a second one while the first one lags' "$(numbers)$(ended 0001)" '0001 0002 superseded'
rm "$Q/gated"
wait
is 'the first one takes back what it wanted to do' "$(numbers)$(queue)" '0001 0002 2 done 2 queued'
like 'and says why' "$run/submissions/0001/log/finalise" 'submission 0001 has been ended meanwhile: superseded'
work_off 0002
is 'and all ends so' "$(ended 0002) $(table)" 'done 6'

spec dead
ok 'submitted' submit dead.yaml
start "$(job 0001 1)"
rm "$Q/$(job 0001 finalise)"
held_elsewhere 1
ok 'one that is gone is succeeded without being told' submit dead.yaml
is 'what it left is done' "$(numbers)$(ended 0001)" '0001 0002 superseded'
held_elsewhere
exits 2 ppgen cancel dead.yaml
like 'nobody can ask about others' "$err" 'say --take-over'

spec busy
ok 'submitted' submit busy.yaml
start "$(job 0001 1)"
held_elsewhere 1
sed -i 's/ queued$/ running/' "$Q/$(job 0001 finalise)"
ok 'cancel ends one that is at work' ppgen cancel busy.yaml
is 'and then the rest' "$(ended 0001),$(queue)" 'cancelled,'

# ---- a scheduler with a umask of its own

spec mask
ok 'submitted' submit mask.yaml
(umask 077 && work_off 0001 && work_off 0002)
is 'it ends' "$(ended 0002) $(table)" 'done 6'
is 'who may read the run directory may read all of it' "$(find "$run" ! -perm -044 -not -path '*/log/*' | sed 's/.*runs//')" ''
chmod go-rwx "$run"
rm -r "$run/submissions/0002/ended.json" "$run/collect"
(umask 077 && start "$(job 0002 finalise)")
is 'and nobody else' "$(find "$run/collect" -perm /077)" ''

# ---- only some of the tasks

spec some
ok 'submitted' submit --only 'x < 4' some.yaml
work_off 0001
is 'those that were asked for are good: it is done' "$(ended 0001)" "done"
like 'and there is no table' "$run/submissions/0001/ended.json" '3 of 6 tasks have no good result, and were not submitted: no table was made'
ok 'wait says so' ppgen wait -q some.yaml
ok 'the others later' submit some.yaml
work_off 0002
work_off 0003
is 'make a table' "$(ended 0003) $(table)" 'done 6'

done_testing
