#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/cluster/pbs, the PBS stand-in: what was seen on a real OpenPBS 23.06 is what it does, exit codes and traps too.
. "$(dirname "$0")/lib.sh"

pbs=$SRC/tests/cluster/pbs
for needed in jq ps; do
	command -v $needed >/dev/null || skip_all "no $needed found"
done
if ! missing=$("$pbs" missing); then
	skip_all "missing: $(echo "$missing" | tr '\n' ' ')"
fi

# shellcheck disable=SC2317 # called by ok and within
alive() {
	for pid; do
		case $(ps -o stat= -p "$pid" 2>/dev/null) in
		'' | Z* | X*) ;;
		*) return 0 ;;
		esac
	done
	return 1
}

# shellcheck disable=SC2317
gone() {
	[ $# -gt 0 ] || return 1
	! alive "$@"
}

# Whether qstat shows exactly this state for an id: X, F and the rest, or 'unknown'.
# shellcheck disable=SC2317
in_state() {
	state=$(qstat "$1" 2>/dev/null | awk 'NR == 3 { print $5 }')
	[ "${state:-unknown}" = "$2" ]
}

# An attribute of a job in qstat's JSON, finished ones too where there is a history: id, attribute, options.
attribute() {
	id=$1
	name=$2
	shift 2
	qstat "$@" -f -F json "$id" 2>/dev/null | jq -r --arg id "$id" --arg name "$name" '.Jobs[$id][$name] | tostring'
}

# A table, one check a line: the expected exit code, a text that its output holds (- for any), and the words of a qsub of job.sh.
table() {
	while read -r want text words; do
		code=0
		eval "qsub -h $words job.sh" >"$out" 2>"$err" || code=$?
		[ "$text" = - ] || grep -qF -e "$(echo "$text" | tr '~' ' ')" "$out" "$err" || code="$code without '$text'"
		is "qsub $words" "$code" "$want"
		[ ! -s "$out" ] || qdel "$(cat "$out")"
	done
}

# The same for a script with one directive line.
directives() {
	while read -r want text line; do
		printf '#!/bin/sh\n%b\ntrue\n' "$line" >d.sh
		code=0
		qsub -h d.sh >"$out" 2>"$err" || code=$?
		if [ "$text" != - ] && [ "$code" -eq 0 ]; then
			qstat -f "$(cat "$out")" >full
			grep -qF -e "$(echo "$text" | tr '~' ' ')" full || code="$code without '$text'"
		fi
		is "directive $line" "$code" "$want"
	done
}

H=$test_place/home
echo 'echo from the profile' >"$H/.bash_profile"
mkdir scripts outputs
printf '#!/bin/sh\nsleep 0.1\n' >job.sh

# ---- up and down

P="$T/it's here"
exits 0 "$pbs" down "$P"
exits 1 "$pbs" kill-mom "$P"
exits 2 "$pbs" up
exits 1 "$pbs" up "$T/bad" --no-such-option
at_end "'$pbs' down '$T/bad' >/dev/null 2>&1; '$pbs' down '$T/history' >/dev/null 2>&1; '$pbs' down '$T/torque' >/dev/null 2>&1"
# shellcheck disable=SC2016
at_end '"$pbs" down "$P" >/dev/null 2>&1'
ok 'up' "$pbs" up "$P" --max-array-size 100 --kill-delay 1 --term-late 0.2 --stage-delay 1
exits 1 "$pbs" up "$P"
# shellcheck disable=SC1091 # written by `up`
. "$P/env"
ok 'its commands come first' test "$(command -v qsub)" = "$P/bin/qsub"

# ---- qsub: arrays, names, resources, the rest

table <<'ROWS'
0 [].srv -J 0-9
0 [].srv -J 1-9:3
0 [].srv -J 0-9%2
0 [].srv -J 0-9%0
0 [].srv -J 3-4:2
0 [].srv -J 20000-20003
0 [].srv -J 00-03
2 illegal~-J~value -J 3-3
2 illegal~-J~value -J 0-0
2 illegal~-J~value -J 3
2 illegal~-J~value -J 1,3,5
2 illegal~-J~value -J 5-1
2 illegal~-J~value -J 0-
2 illegal~-J~value -J 0-9:0
2 illegal~-J~value -J ''
166 Error~(15014) -J 0-9%x
0 - -J 0-99
3 exceeds~server~or~queue~size~limit -J 0-100
3 exceeds~server~or~queue~size~limit -J 0-99999999
0 - -J 0-199:2
2 non-rerunable -J 0-3 -r n
2 multiple~max_run_subjobs -J 0-3%2 -W max_run_subjobs=3
127 array~job -W max_run_subjobs=3
2 illegal~-N~value -N 'a b'
2 illegal~-N~value -N a/b
2 illegal~-N~value -N a@b
2 illegal~-N~value -N 'é'
2 illegal~-N~value -N ''
0 - -N 9.a+b_c-
0 - -N "$(printf 'a%.0s' $(seq 230))"
2 too~long -N "$(printf 'a%.0s' $(seq 231))"
2 usage: -Z
2 usage: job.sh
170 Unknown~queue -q nosuch
187 Unknown~resource~Resource_List.foo -l foo=1
187 Unknown~resource:~ngpus -l select=1:ngpus=1
166 select.mem -l select=1:mem=1.5gb
166 select.mem -l select=1:mem=1mib
0 - -l select=1:ncpus=2:mem=1024mb
0 - -l select=2:ncpus=4:mpiprocs=4 -l place=scatter:excl
5 cannot~be~used~with -l select=1:ncpus=1 -l mem=1gb
4 walltime -l select=1:walltime=5
12 duplicated -l select=1:ncpus=1:ncpus=2
166 Resource_List.place -l place=foo
0 - -l nodes=2:ppn=2
0 - -l walltime=90
0 - -l walltime=100:00:00
166 walltime -l walltime=1:00:00:00
166 walltime -l walltime=10m
2 illegal~-o~value -o host:/x
2 illegal~-j~value -j x
2 illegal~-m~value -m x
2 illegal~-W~value -W depend=afterany:job
2 illegal~-W~value -W depend=afterany:3[1]
154 Error~(15002) -W nosuch=1
1 cannot~send~environment -v "A=it's"
1 cannot~send~environment -v NOT_SET_ANYWHERE
ROWS
exits 1 qsub nosuch.sh
exits 1 qsub .

directives <<'ROWS'
0 Job_Name~=~one #PBS -N one
1 - #PBS -N one # comment
1 - #PBS -l walltime=10 # comment
1 - #PBS nonsense
1 - #PBS -Z
2 - #PBS -N a/b
2 - #PBS -J 3-3
187 - #PBS -l foo=1
0 Job_Name~=~one #PBS -N one\r
0 Job_Name~=~two #PBS -N one\n#PBS -N two
0 walltime~=~00:00:05 #PBS -l walltime=5\n#PBS -l walltime=6
0 Job_Name~=~before # text\n\n#PBS -N before\n:\ntrue\n#PBS -N after
0 Job_Name~=~d.sh true\n#PBS -N after
0 Job_Name~=~d.sh # PBS -N spaced
0 Job_Name~=~indented \040 #PBS -N indented
ROWS
printf '#PBS -N in -l walltime=5\n' >d.sh
qstat -f "$(qsub -h -N out -l walltime=6 d.sh)" >full
like 'the command line wins over a directive' full 'Job_Name = out'
like 'for resources too' full 'walltime = 00:00:06'
printf '#PBS -v A=1,B=2\n#PBS -v C=3\ntrue\n' >d.sh
is 'the second -v replaces the first' "$(attribute "$(qsub -h d.sh)" Variable_List | jq -c '[.A, .B, .C]')" '[null,null,3]'
is 'quotes keep a comma, and go away' "$(attribute "$(qsub -h -v 'A="x,y",B={"z":1}' job.sh)" Variable_List | jq -c '[.A, .B]')" '["x,y","{z:1}"]'
is 'a backslash becomes two' "$(attribute "$(qsub -h -v 'A=x\y' job.sh)" Variable_List | jq -r .A)" 'x\\y'
id=$(qsub -h -N nan job.sh)
qstat -f -F json "$id" >nan.json
like 'a name that reads as a number is printed as one, and this is no JSON' nan.json '"Job_Name":nan,'
# shellcheck disable=SC2046
exits 0 qdel $(qselect -u "$(id -un)")

# ---- what a job sees

cat >scripts/see.sh <<'SH'
#!/bin/sh
#PBS -N see
#PBS -j oe
#PBS -l select=1:ncpus=2:mem=10mb
{
	pwd
	umask
	echo "$0 ${SECRET:-none} ${PBS_ARRAY_INDEX:-none} ${PBS_ARRAY_ID:-none} $PBS_JOBID $NCPUS $OMP_NUM_THREADS $PBS_ENVIRONMENT ${GIVEN:-none}"
	wc -l <"$PBS_NODEFILE"
	test -d "$TMPDIR" && echo "$TMPDIR"
	command -v qsub
	cd "$PBS_O_WORKDIR" && echo moved
	ps -o sid= -p $$
} >"$HOME/seen.${PBS_ARRAY_INDEX:-x}.new"
echo to the output
echo to the errors >&2
mv "$HOME/seen.${PBS_ARRAY_INDEX:-x}.new" "$HOME/seen.${PBS_ARRAY_INDEX:-x}"
: >go
within 10 in_state "$id" unknown
exits 35 qstat "$id"
like 'a finished job is not shown' "$err" 'Job has finished, use -x or -H'
exits 35 qdel "$id"
is 'with -x it is: state, substate, exit, runs; the one that failed does not show in the parent' \
	"$(qstat -x -t -f -F json "$id" | jq -c '.Jobs | [.[] | [.job_state, .substate, .Exit_status, .run_count, .array_index]]')" \
	'[["F",93,0,null,null],["F",92,0,1,0],["F",93,7,1,1],["F",92,0,1,2],["F",92,0,2,3],["F",92,0,1,4]]'
is 'the rerun subjob ran twice' "$(sort told | tr '\n' ,)" '0,1,2,3,3,4,'

rm -f go told
id=$(qsub -J 1-6%2 -j oe -o /dev/null tell.sh)
number=${id%%\[*}
within 10 in_state "$number[2]" R
within 10 in_state "$number[1]" X
exits 0 qhold "$id"
exits 0 qdel "$number[6]"
: >go
within 10 in_state "$number[2]" X
exits 0 qrls "$id"
within 20 in_state "$id" unknown
is 'a queued subjob that was deleted ends with 0, and only run_count tells' \
	"$(qstat -x -f -F json "$number[6].srv" | jq -c '.Jobs[] | [.job_state, .Exit_status, .run_count]')" '["F",0,null]'
rm -f go told
id=$(qsub -J 1-9%2 -j oe -o /dev/null tell.sh)
number=${id%%\[*}
within 10 in_state "$number[1]" X
within 10 in_state "$number[2]" R
exits 0 qdel "$id"
within 10 in_state "$id" unknown
is 'qdel of an array erases what had finished, and one that ran was terminated' \
	"$(qstat -x -t -f -F json "$id" | jq -c --arg n "$number" '.Jobs | [.[$n + "[1].srv", $n + "[2].srv"] | [.substate, .Exit_status, .run_count]]')" \
	'[[91,1,null],[91,271,1]]'
dropped=$(qsub -W depend=afterany:9999 after.sh)
is 'a dropped job has ended well, without a run' "$(qstat -x -f -F json "$dropped" | jq -c '.Jobs[] | [.job_state, .substate, .Exit_status, .run_count]')" '["F",92,null,null]'
id=$(qsub -j oe -o /dev/null -l walltime=1 -- sleep 100)
within 20 in_state "$id" unknown
is 'over its walltime' "$(attribute "$id" Exit_status -x) $(attribute "$id" comment -x | grep -o 'exceeded.*')" '-29 exceeded resource walltime'

# shellcheck disable=SC2016
printf 'cd "$PBS_O_WORKDIR" || exit\necho $$ >>run.$PBS_ARRAY_INDEX\n[ $PBS_ARRAY_INDEX = 1 ] || sleep 1000\nwhile [ ! -e finish ]; do sleep 0.05; done\necho end >>run.$PBS_ARRAY_INDEX\n' >mom.sh
id=$(qsub -J 1-2 -j oe -o /dev/null mom.sh)
number=${id%%\[*}
within 10 test -s run.1 -a -s run.2
exits 0 "$pbs" kill-mom "$P"
: >finish
within 10 grep -q end run.1
ok 'without its mom a job goes on to its end' grep -q end run.1
ok 'and the server does not know' in_state "$number[1]" R
first=$(cat run.2)
exits 0 "$pbs" start-mom "$P"
within 10 in_state "$number[1]" unknown || within 1 in_state "$number[1]" X
is 'with the new one it is run again' "$(grep -c end run.1)" 2
within 10 test "$(wc -l <run.2)" -eq 2
is 'the other one too, its first run killed' "$(wc -l <run.2 | tr -d ' ') $(gone "$first" && echo gone)" '2 gone'
is 'which only run_count says' "$(qstat -x -f -F json "$number[1].srv" | jq -c '.Jobs[].run_count')" 2
daemon=$(cut -d ' ' -f 1 <"$P/pid")
exits 0 "$pbs" kill-server "$P"
# shellcheck disable=SC2046
ok 'jobs outlive the server' alive $(tail -n 1 run.2)
exits 162 qsub job.sh
like 'and nobody answers' "$err" 'cannot connect to server srv'
exits 255 qstat -f -F json 1
exits 162 qdel 1
exits 0 "$pbs" down "$P"
# shellcheck disable=SC2046
ok 'down finds them all the same' gone "$daemon" $(cat run.2)

# ---- Torque

P=$T/torque
ok 'up as Torque' "$pbs" up "$P" --torque
# shellcheck disable=SC1091
. "$P/env"
table <<'ROWS'
0 [].srv -t 3
0 [].srv -t 0-9%2
0 [].srv -t 1,5-7
2 usage: -J 0-3
2 illegal~-N~value -N sixteen-letters-
0 - -N fifteen-letters
0 - -l nodes=1:ppn=2,mem=100mb
187 select -l select=1
0 - -l walltime=1:00:00:00
ROWS
cat >torque.sh <<'SH'
#PBS -N torque
#PBS -j oe
echo "$PWD ${PBS_ARRAYID:-none} ${PBS_ARRAY_INDEX:-none} $PBS_JOBID $PBS_NP" >"$HOME/torque.$PBS_ARRAYID.new" &&
	mv "$HOME/torque.$PBS_ARRAYID.new" "$HOME/torque.$PBS_ARRAYID"
