#!/bin/bash
# SPDX-License-Identifier: MIT
# Every call that can fail fails once: the Nth open, read, write, sync, rename ... of each command. Then ppgen neither hangs nor dies of
# a signal, says what it was about, has published no wrong table and lost nothing; and the next run, undisturbed, ends with the bytes of a
# run that nobody disturbed, leaves no temporary file, and runs nothing again that had ended well.
#
#	FAULTS_EACH=N   so many places of each kind are tried, spread over all (default 1; 0: every one, which takes an hour or two)
#	FAULTS_ONLY=ERE only groups whose name ("run write ENOSPC") matches
# shellcheck disable=SC2034,SC2154 # variables of lib.sh and faults_lib.sh
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/faults_lib.sh"

each=${FAULTS_EACH:-1}
only=${FAULTS_ONLY:-.}
fault_below=$T/w
LANG=C
mkdir state calm
exec 2>&1 # a hung or killed ppgen is told of by the shell

# ---- what is run: one small sweep, and one that uses much of what there is

make_specs() {
	cat >small.yaml <<'YAML'
ppgen: 1
name: small
params: {x: [1, 2, 3]}
command: echo {x}
results: {stdout: number}
YAML
	cat >large.yaml <<'YAML'
ppgen: 1
name: large
params:
  table: {file: sites.csv}
  grid: {x: {from: 1, to: 3, step: 1}}
  where: not (site == 'b' and x == 3)
repeat: 2
inputs: {script: task.sh}
setup: export FROM_SETUP=yes
command: sh task.sh {site} {x} {rep} {scratch}
env: {KEPT: "{keep}"}
results:
  stdout: {last_line: json}
  files: {rows: "{scratch}/rows.csv"}
retry: {times: 1}
collect:
  - {to: results.csv}
  - {from: rows, to: rows.csv}
  - {to: summary.csv, by: [site], mean: v, count: true}
YAML
	cat >calls.yaml <<'YAML'
ppgen: 1
name: calls
params: {x: {from: 1, to: 30, step: 1}}
python: calls.py:run
YAML
	cat >forked.yaml <<'YAML'
ppgen: 1
name: forked
params: {x: {from: 1, to: 4, step: 1}}
python: {call: calls.py:run, isolate: fork}
YAML
	cat >calls.py <<'PY'
import sys


def run(x, scratch):
    """Values that are rows of records, that are kept beside them, and one that is large."""
    print("some words of %d" % x, file=sys.stderr)
    return {"y": x * x, "text": "t" * (2000000 if x == 3 else 5000 if x % 4 == 0 else x)}
PY
	printf 'site,height\na,1\nb,2\n' >sites.csv
	cat >task.sh <<'SH'
echo "some words of $1 $2 $3, $FROM_SETUP" >&2
test "$2" != 2 || test -e "$KEPT/again" || { : >"$KEPT/again"; exit 1; }
printf 'i,w\n1,%s\n2,%s\n' "$2" "$3" >"$4/rows.csv"
echo "{\"v\": $2$3}"
SH
	seq 1 30 | sed 's/$/,x/' >one.csv
	seq 31 60 | sed 's/$/,"y z"/' >two.csv
	sed -i '1i n,t' one.csv two.csv
}

# A state of the folder w, to begin from.
save() { rm -rf "state/$1" && cp -a w "state/$1"; }
load() { rm -rf w && cp -a "state/$1" w; }

mkdir w && cd w || exit 99
make_specs
cd ..
save fresh
cd w || exit 99
ok 'the small sweep runs' ppgen run -q -j 1 small.yaml
ok 'the large sweep runs' ppgen run -q -j 1 large.yaml || exit 1
cd ..
cp -a w/runs/small/collect calm/small
cp -a w/runs/large/collect calm/large
for name in calls forked; do
	(cd w && ppgen run -q -j 1 $name.yaml && rm -rf __pycache__) || exit 1
	mv w/runs/$name/collect calm/$name
	rm -r w/runs/$name
done
save whole
load fresh
cd w || exit 99
ppgen run -q -j 1 --first 1 small.yaml >/dev/null
ppgen run -q -j 1 --first 5 large.yaml >/dev/null
ok 'a part of it runs' test ! -e runs/large/collect/results.csv
cd ..
save half

# What an array element finds: a queue that nobody works off.
mkdir "$test_place/queue"
cat >"$test_place/bin/tqsub" <<SH
#!/bin/sh
n=\$((\$(cat "$test_place/queue/last" 2>/dev/null || echo 100) + 1))
echo \$n >"$test_place/queue/last"
echo "id \$n"
SH
chmod +x "$test_place/bin/tqsub"
load fresh
cd w || exit 99
ok 'an array is submitted' ppgen submit -q --template "$SRC/tests/e2e/queue.tmpl" --set submit.elements=1 --set submit.slots=1 small.yaml || exit 1
cd ..
save submitted
cd w || exit 99
ok 'its element runs' ppgen worker runs/small --submission 1 --array 1 --element 1 || exit 1
cd ..
save worked

# ---- trying one place

cases=0
next=next_run
# Tables that are there are right: all of one run's, or none.
tables_right() {
	local f name=$1
	[ -d "w/runs/$name/collect" ] || return 0
	while IFS= read -r f; do
		if ! cmp -s "w/runs/$name/collect/$f" "calm/$name/$f"; then
			echo "a wrong table: $f"
			return 1
		fi
	done < <(cd "w/runs/$name/collect" && find . -type f ! -name published.json ! -name '.*')
}
# Names what it was about: the file, one beside it or the folder it lies in; or what there was too little of.
names_it() {
	local path base
	grep -qE "out of memory|a task's output|'t[0-9a-f]{16}\.[0-9]+\.value'|cannot make room for|cannot start|cannot make a pipe|cannot make pipes|cannot watch signals|too many|stdout" said && return 0
	read -r _ _ _ _ path <"$acted"
	[ -n "$path" ] || return 1
	for path in ${path/ -> / }; do
		base=${path##*/}
		case $base in .tmp-* | .new-*) base=${path%/*} && base=${base##*/} ;; esac
		case $path in */.new-*/*) base=plan ;; esac
		grep -qF -- "$base" said && return 0
		base=${path%/*}
		grep -qF -- "'$base" said && return 0
	done
	return 1
}
# What nobody needs any more. Output of an attempt that could not be taken in stays, and `log` shows it; an empty file does not.
leftovers() {
	local spool
	find w -name '.tmp-*' -o -name '.new-*'
	find w -path '*/output/*/*.[0-9].out' -o -path '*/output/*/*.[0-9].err' | while read -r spool; do
		spool=${spool%.*}
		[ -s "$spool.out" ] || [ -s "$spool.err" ] || echo "$spool.out or .err, which is empty"
	done
}
recorded_twice() {
	cat w/runs/"$1"/journal/*/*.jsonl 2>/dev/null | grep '"out":"ok".*,"crc":"[0-9a-f]*"}$' | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' | sort | uniq -d
}

# How it goes on, undisturbed.
next_run() { timeout 60 ppgen run -q -j 1 "$1.yaml"; }
next_element() { timeout 60 ppgen worker runs/small --submission 1 --array 1 --element 1 && timeout 60 ppgen collect -q small.yaml; }
next_finaliser() { timeout 60 ppgen finalise runs/small --submission 1 && timeout 60 ppgen collect -q small.yaml; }
# After a command that writes: so the tables become the same.
goes_on() {
	local name=$1 kind=$2 code=0
	(cd w && "$next" "$name" >../later 2>&1 </dev/null) || code=$?
	[ $code -eq 0 ] || { echo "afterwards $next ended with $code: $(tail -n 1 later)" && return 1; }
	diff -r "calm/$name" "w/runs/$name/collect" -x published.json >later || { echo "other tables: $(head -n 2 later | tr '\n' ' ')" && return 1; }
	[ -z "$(recorded_twice "$name")" ] || { echo 'a task that had ended ran again' && return 1; }
	case $kind in *unlink*) return 0 ;; esac
	[ -z "$(leftovers)" ] || { echo "left over: $(leftovers | head -n 1)" && return 1; }
}

# Whether what must not be noticed (an interrupted call, half a write) was not.
must_pass() {
	case $1 in
	'read EINTR' | 'read short' | 'write EINTR' | 'write short' | 'sync EINTR' | 'wait EINTR' | 'close EINTR') return 0 ;;
	esac
	return 1
}

# One place: state, kind ("write ENOSPC"), N, the sweep ('' when the command only reads), the command. What is wrong is printed.
try() {
	local state=$1 kind=$2 n=$3 name=$4 code=0
	shift 4
	load "$state"
	(cd w && faulty "${kind% *}:$n:${kind#* }" timeout -s KILL 60 "$@" >../got 2>../said </dev/null) || code=$?
	cases=$((cases + 1))
	[ -s "$acted" ] || return 0
	case $code in
	0 | 1 | 2 | 3) ;;
	137) echo 'it hangs' && return 1 ;;
	*) echo "exit code $code: $(tail -n 1 said)" && return 1 ;;
	esac
	if [ $code -ne "$calm_code" ]; then
		must_pass "$kind" && echo "exit code $code, though the call can be made again: $(tail -n 1 said)" && return 1
		[ $code -gt 0 ] || { echo 'exit code 0, but not so without a fault' && return 1; }
		[ -s said ] || { echo "exit code $code without a word" && return 1; }
		names_it || { echo "exit code $code, and it does not say of what: $(grep . said | tail -n 1)" && return 1; }
	elif [ -n "$calm_out" ] && ! cmp -s got "$calm_out"; then
		echo "the exit code is good, what it prints is not" && return 1
	fi
	if [ -n "$name" ]; then
		tables_right "$name" && goes_on "$name" "$kind"
	fi
}

# Numbers to try, of 1 to $1: all, or $each spread over them, other ones for other kinds.
places() {
	local most=$1 shift=$2 i
	if [ "$each" -eq 0 ] || [ "$most" -le "$each" ]; then
		seq 1 "$most"
		return
	fi
	for ((i = 0; i < each; i++)); do
		echo $(((most * i + shift % most) / each % most + 1))
	done | sort -nu
}

kinds='open EMFILE|open EIO|open ENOSPC|read EIO|read EINTR|read short|write ENOSPC|write EIO|write EDQUOT|write EINTR|write short|sync EIO
sync EINTR|rename EIO|rename ENOSPC|link EIO|link EPERM|unlink EIO|mkdir ENOSPC|close EIO|close EINTR|truncate EIO|mmap ENOMEM|fd EMFILE
process EAGAIN|stat EIO|stat ESTALE|dir EIO|mode EPERM|wait EINTR|memory ENOMEM|copy EIO'
[ -n "$(sanitized && echo yes)" ] && kinds=${kinds/memory ENOMEM|/} # its own allocator does not fail

# All kinds of faults for a command: a name, the state, the sweep, the command.
faults_of() {
	local about=$1 state=$2 name=$3 kind most n bad said number=0
	shift 3
	load "$state"
	calm_code=0
	calm_out=
	(cd w && traced ../trace timeout 60 "$@" >../calm.out 2>../calm.err </dev/null) || calm_code=$?
	if [ -z "$name" ]; then
		cp calm.out calm.kept
		(cd w && timeout 60 "$@" >../calm.out 2>../calm.err </dev/null)
		cmp -s calm.out calm.kept && calm_out=calm.kept # it may hold names that are made by chance
	fi
	tr '|' '\n' <<<"$kinds" >kinds
	while read -r kind; do
		grep -qE "$only" <<<"$about $kind" || continue
		number=$((number + 1))
		most=$(awk -v c="${kind% *}" '$2 == c' trace | wc -l)
		bad=0
		: >bad
		for n in $(places "$most" $((number * 7919))); do
			if ! said=$(try "$state" "$kind" "$n" "$name" "$@"); then
				bad=$((bad + 1))
				echo "# $n of $most: $said ($(tail -n 1 "$acted" | cut -d ' ' -f 4-))" >>bad
			fi
		done
		[ "$most" -gt 0 ] || continue
		test_line $((bad > 0)) "$about, $kind, $most places" || cut -c 1-400 bad | head -n "${FAULTS_SHOWN:-10}"
	done <kinds
}

faults_of 'run' fresh small ppgen run -j 1 small.yaml
faults_of 'run of much' fresh large ppgen run -q -j 1 large.yaml
faults_of 'run that goes on' half large ppgen run -q -j 1 large.yaml
faults_of 'run of calls' fresh calls ppgen run -q -j 1 calls.yaml
faults_of 'run of forked calls' fresh forked ppgen run -q -j 1 forked.yaml
faults_of 'run of nothing' whole large ppgen run -q large.yaml
faults_of 'plan' fresh '' ppgen plan large.yaml
faults_of 'check' fresh '' ppgen check large.yaml
faults_of 'status' half '' ppgen status large.yaml
faults_of 'log' whole '' ppgen log --stdout large.yaml 3
faults_of 'collect' whole large ppgen collect -q large.yaml
faults_of 'collect -o' whole '' ppgen collect -q large.yaml -o -
faults_of 'collect --csv' fresh '' ppgen collect -q --csv one.csv two.csv -o -
faults_of 'submit -n' fresh '' ppgen submit -n --template "$SRC/tests/e2e/queue.tmpl" small.yaml
next=next_element
faults_of 'worker' submitted small ppgen worker runs/small --submission 1 --array 1 --element 1
next=next_finaliser
faults_of 'finalise' worked small ppgen finalise runs/small --submission 1

# ---- what single faults must not lead to

# A submission that cannot be looked at is not taken for none: its elements may run.
for where in ppgen.json submissions; do
	load submitted
	cd w || exit 99
	calls=$(faulty "stat@runs/small/$where:1000:EIO" ppgen run -q small.yaml 2>/dev/null; traced ../trace ppgen run -q small.yaml 2>/dev/null; grep -c " stat stat .*runs/small/$where" ../trace)
	ran=0
	for ((n = 1; n <= calls; n++)); do
		faulty "stat@runs/small/$where:$n:EIO" ppgen run -q small.yaml >"$out" 2>"$err" && ran=$((ran + 1))
	done
	cd ..
	ok "there are $calls looks at $where" test "$calls" -ge 1
	is 'and nothing runs beside a submission that lives, whichever fails' "$ran" 0
done

# Output that has nowhere to go.
if [ -w /dev/full ]; then
	load whole
	cd w || exit 99
	for words in 'plan large.yaml' 'plan --format csv large.yaml' 'status large.yaml' 'status --json large.yaml' 'log large.yaml 3' 'log --stderr large.yaml 3' \
		'collect -q large.yaml -o -' 'collect -q large.yaml -o - --format jsonl' 'collect -q --csv one.csv two.csv' 'run -n --force large.yaml' 'man run' '--help' \
		"submit -n --force --template $SRC/tests/e2e/queue.tmpl small.yaml" 'site'; do
		code=0
		# shellcheck disable=SC2086 # words of their own
		ppgen $words >/dev/full 2>full.err || code=$?
		is "exit 3 when stdout is full: $words" "$code" 3
		like 'and it says so' full.err 'No space left on device'
	done
	cd ..
else
	skip 'output that has nowhere to go' 'no /dev/full here'
fi
done_testing
