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

# An attribute of a job in qstat's JSON: id, attribute, options (-x where there is a history).
attribute() {
	id_asked=$1
	name=$2
	shift 2
	qstat "$@" -f -F json "$id_asked" 2>/dev/null | jq -r --arg id "$id_asked" --arg name "$name" '.Jobs[$id][$name] | tostring'
}

# A table, one check a line: the expected exit code, a text that its output holds (~ is a blank, - is any), the words of a qsub of job.sh.
table() {
	while read -r want text words; do
		code=0
		eval "qsub -h $words job.sh" >"$out" 2>"$err" || code=$?
		text=$(echo "$text" | tr '~' ' ')
		[ "$text" = - ] || grep -qF -e "$text" "$out" "$err" || code="$code without '$text'"
		is "qsub $words" "$code" "$want"
		[ ! -s "$out" ] || qdel "$(cat "$out")"
	done
}

# The same for a script that begins with these lines; the text is one of qstat -f.
directives() {
	while read -r want text lines; do
		# shellcheck disable=SC2059 # as a format, for its \r and \n
		printf "#!/bin/sh\\n$lines\\ntrue\\n" >d.sh
		code=0
		qsub -h d.sh >"$out" 2>"$err" || code=$?
		if [ "$text" != - ] && [ "$code" -eq 0 ]; then
			qstat -f "$(cat "$out")" >full
			grep -qF -e "$(echo "$text" | tr '~' ' ')" full || code="$code without '$text'"
		fi
		is "directive $lines" "$code" "$want"
	done
}

echo 'echo from the profile' >"$H/.bash_profile"
mkdir scripts outputs
printf '#!/bin/sh\nsleep 0.1\n' >job.sh
# shellcheck disable=SC2016
printf 'echo ran >>"$PBS_O_WORKDIR/after.$PBS_JOBNAME"\n' >after.sh

# ---- up and down

P="$T/it's here"
exits 0 "$pbs" down "$P"
exits 1 "$pbs" kill-mom "$P"
exits 2 "$pbs" up
at_end "for d in bad history torque; do '$pbs' down '$T'/\$d; done >/dev/null 2>&1"
# shellcheck disable=SC2016
at_end '"$pbs" down "$T/it'\''s here" >/dev/null 2>&1'
exits 1 "$pbs" up "$T/bad" --no-such-option
ok 'up' "$pbs" up "$P" --max-array-size 100 --kill-delay 1 --term-late 0.2 --stage-delay 2
exits 1 "$pbs" up "$P"
# shellcheck disable=SC1091 # written by `up`
. "$P/env"
is 'its commands come first' "$(command -v qsub)" "$P/bin/qsub"

# ---- qsub: arrays, names, resources, the rest

table <<'ROWS'
0 [].srv -J 0-9
0 [].srv -J 1-9:3
0 [].srv -J 0-9%2
0 [].srv -J 0-9%0
0 [].srv -J 3-4:2
0 [].srv -J 20000-20003
2 illegal~-J~value -J 3-3
2 illegal~-J~value -J 0-0
2 illegal~-J~value -J 3
2 illegal~-J~value -J 1,3,5
2 illegal~-J~value -J 5-1
2 illegal~-J~value -J 0-
2 illegal~-J~value -J 0-9:0
2 illegal~-J~value -J ''
166 Error~(15014) -J 0-9%x
0 [].srv -J 0-99
3 exceeds~server~or~queue~size~limit -J 0-100
3 exceeds~server~or~queue~size~limit -J 0-99999999
0 [].srv -J 0-199:2
2 non-rerunable -J 0-3 -r n
2 multiple~max_run_subjobs -J 0-3%2 -W max_run_subjobs=3
127 array~job -W max_run_subjobs=3
2 illegal~-N~value -N 'a b'
2 illegal~-N~value -N a/b
2 illegal~-N~value -N a@b
2 illegal~-N~value -N 'é'
2 illegal~-N~value -N ''
0 .srv -N 9.a+b_c-
0 .srv -N "$(printf 'a%.0s' $(seq 230))"
2 too~long -N "$(printf 'a%.0s' $(seq 231))"
2 usage: -Z
2 usage: job.sh
170 Unknown~queue -q nosuch
187 Unknown~resource~Resource_List.foo -l foo=1
187 Unknown~resource:~ngpus -l select=1:ngpus=1
166 select.mem -l select=1:mem=1.5gb
166 select.mem -l select=1:mem=1mib
0 .srv -l select=1:ncpus=2:mem=1024mb
0 .srv -l select=2:ncpus=4:mpiprocs=4 -l place=scatter:excl
5 cannot~be~used~with -l select=1:ncpus=1 -l mem=1gb
4 walltime -l select=1:walltime=5
12 duplicated -l select=1:ncpus=1:ncpus=2
166 Resource_List.place -l place=foo
0 .srv -l nodes=2:ppn=2
0 .srv -l walltime=100:00:00
166 walltime -l walltime=1:00:00:00
166 walltime -l walltime=10m
2 illegal~-o~value -o host:/x
2 illegal~-j~value -j x
2 illegal~-m~value -m x
0 .srv -m abe -M a@b.c
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
0 Job_Name~=~before # text\n\n#PBS -N before\ntrue\n#PBS -N after
0 Job_Name~=~d.sh true\n#PBS -N after
0 Job_Name~=~d.sh # PBS -N spaced
0 Job_Name~=~indented \040#PBS -N indented
ROWS
printf '#PBS -N in -l walltime=5\n' >d.sh
qstat -f "$(qsub -h -N out -l walltime=6 d.sh)" >full
like 'the command line wins over a directive' full 'Job_Name = out'
like 'for resources too' full 'walltime = 00:00:06'
printf '#PBS -v A=1,B=2\n#PBS -v C=3\ntrue\n' >d.sh
is 'the second -v replaces the first' "$(attribute "$(qsub -h d.sh)" Variable_List | jq -c '[.A, .B, .C]')" '[null,null,3]'
is 'quotes keep a comma, and go away' "$(attribute "$(qsub -h -v 'A="x,y",B={"z":1}' job.sh)" Variable_List | jq -c '[.A, .B]')" '["x,y","{z:1}"]'
is 'a backslash becomes two' "$(attribute "$(qsub -h -v 'A=x\y' job.sh)" Variable_List | jq -c .A)" '"x\\\\y"'
qstat -f -F json "$(qsub -h -N nan job.sh)" >nan.json
like 'a name that reads as a number is printed as one, and that is no JSON' nan.json '"Job_Name":nan,'
# shellcheck disable=SC2046
exits 0 qdel $(qselect -u "$(id -un)")

# ---- what a job sees

cat >scripts/see.sh <<'SCRIPT'
#!/bin/sh
#PBS -N see
#PBS -j oe
#PBS -l select=1:ncpus=2:mem=10mb
{
	pwd
	umask
	echo "${SECRET:-none} $PBS_ARRAY_INDEX $PBS_ARRAY_ID $PBS_JOBID $NCPUS $OMP_NUM_THREADS $PBS_ENVIRONMENT $GIVEN"
	wc -l <"$PBS_NODEFILE"
	test -d "$TMPDIR" && echo "$TMPDIR"
	command -v qsub
	cd "$PBS_O_WORKDIR" && echo moved
} >"$HOME/seen.$PBS_ARRAY_INDEX"
echo to the output
echo to the errors >&2
SCRIPT
SECRET=told
export SECRET
id=$(qsub -V -v GIVEN=value -J 4-5 -o "$T/outputs/^array_index^.out" scripts/see.sh)
number=${id%%\[*}
within 10 in_state "$id" unknown
ok 'without history a finished job is unknown' in_state "$id" unknown
is 'a job starts in its home' "$(sed -n 1p "$H/seen.4")" "$H"
is 'with umask 077' "$(sed -n 2p "$H/seen.4")" 0077
is 'with an environment of its own: not that of qsub, even with -V' "$(sed -n 3p "$H/seen.5")" "none 5 ${number}[].srv ${number}[5].srv 2 2 PBS_BATCH value"
is 'a line in the node file' "$(sed -n 4p "$H/seen.4")" 1
like 'a scratch folder with the id in its name' "$H/seen.4" "/pbs\.$number\[4\]\.srv$"
like 'the commands, as a site sees to' "$H/seen.4" "/bin/qsub$"
like 'and the folder of submission by name' "$H/seen.4" '^moved$'
is 'its output and errors, after what the profile prints' "$(tr '\n' , <outputs/4.out)" 'from the profile,to the output,to the errors,'
is 'by umask for the user alone' "$(stat -c %a outputs/4.out)" 600

printf '#!/usr/bin/env python3\nimport os\nprint(os.getcwd())\n' >scripts/py.py
qsub -j oe -o "$T/outputs/py" scripts/py.py >id
within 10 grep -q . outputs/py
within 10 in_state "$(cat id)" unknown
like 'the first line of a script chooses its language' outputs/py "^$H$"
printf '#!/bin/sh\r\necho never\r\n' >crlf.sh
qsub -j oe -o "$T/outputs/crlf" crlf.sh >id
within 10 in_state "$(cat id)" unknown
unlike 'a script with carriage returns is taken, and cannot start' outputs/crlf '^never'
like 'which its output says' outputs/crlf 'crlf|srv\.SC'
# shellcheck disable=SC2016
printf 'echo $PBS_ARRAY_INDEX\n' >which.sh
id=$(qsub -J 0-3%1 -j oe -o "$T/outputs/one" which.sh)
within 10 in_state "$id" unknown
is 'one output file for all is overwritten by each' "$(tr '\n' , <outputs/one)" 'from the profile,3,'
id=$(qsub -j oe -o "$T/no such folder/out" -N lost which.sh)
within 10 in_state "$id" E
ok 'a job whose output has no place stays exiting' in_state "$id" E
within 10 in_state "$id" unknown
ok 'and its output goes elsewhere' test -s "$P/undelivered/$id.OU"
id=$(qsub -J 0-1 -j oe -N named -W umask=022 which.sh)
within 10 in_state "$id" unknown
is 'without -o the name, the number and the index make the file' "$(stat -c '%n %a' named.o* | tr '\n' ,)" \
	"named.o${id%%\[*}.0 644,named.o${id%%\[*}.1 644,"

# ---- queries

id=$(qsub -h -J 0-9:3 -N shape job.sh)
number=${id%%\[*}
qstat -f -F json "$id" >held.json
is 'a held array' "$(jq -c --arg id "$id" '.Jobs[$id] | [.job_state, .substate, .Hold_Types, .array, .array_state_count,
	.array_indices_submitted, .array_indices_remaining, .Job_Name]' held.json)" \
	'["H",20,"u","True","Queued:4 Running:0 Exiting:0 Expired:0","0-9:3","0-9:3","shape"]'
is 'its subjobs' "$(qstat -t -f -F json "$id" | jq -c '.Jobs | keys_unsorted')" \
	"[\"$id\",\"${number}[0].srv\",\"${number}[3].srv\",\"${number}[6].srv\",\"${number}[9].srv\"]"
exits 153 qstat "$id" 9999 "${number}[9]"
like 'unknown ids are said' "$err" 'Unknown Job Id 9999.srv'
is 'and the others shown' "$(awk 'NR > 2 { print $1, $5 }' "$out" | tr '\n' ,)" "$id H,${number}[9].srv Q,"
exits 153 qstat -f -F json 9999 "$id"
is 'in JSON too' "$(jq -c '.Jobs | keys' "$out")" "[\"$id\"]"
exits 153 qstat -f -F json 9999
is 'which has no Jobs when there are none' "$(jq -c 'has("Jobs")' "$out")" false
exits 153 qstat "$number"
exits 1 qstat '1['
exits 170 qstat job.sh
exits 0 qstat -x -f -F json "$id"
like 'without history -x shows nothing, and calls it success' "$err" 'not configured to maintain job history'
unlike 'not even a live job' "$out" Jobs
is 'qselect by name' "$(qselect -N shape -u "$(id -un)")" "$id"
is 'qselect of none' "$(qselect -N other)" ''
like 'qstat -f folds its lines' held.json PBS_O_WORKDIR
qstat -f "$id" >full
is 'so that none is longer than 80' "$(expand full | awk 'length > 80' | wc -l | tr -d ' ')" 0
like 'and joined again they are whole' full '^	'
qstat -t -f -F dsv "$id" >records
is 'and -F dsv has one for each record' "$(cut -d '|' -f 1,4 records | tr '\n' ,)" \
	"Job Id: $id|job_state=H,Job Id: ${number}[0].srv|job_state=Q,Job Id: ${number}[3].srv|job_state=Q,Job Id: ${number}[6].srv|job_state=Q,Job Id: ${number}[9].srv|job_state=Q,"
bars=$(qsub -h -A 'a|b' -v 'A="x,y"' job.sh)
qstat -f -F dsv "$bars" >barred
qdel "$bars"
like 'with its bars escaped' barred '\|Account_Name=a\\\|b\|'
like 'and the commas of a variable' barred '[,=]A=x\\,y,'
exits 2 qstat -F json "$id"
exits 0 qstat -u "$(id -un)"
like 'qstat -u' "$out" "^$number\[\]\.srv "

exits 0 qmgr -c 'list server max_array_size'
like 'a limit' "$out" '^    max_array_size = 100$'
is 'by qstat' "$(qstat -Bf -F json | jq -c .Server.srv.max_array_size)" 100
qmgr -c 'set server max_queued = [u:PBS_GENERIC=6]'
exits 0 qmgr -c 'print server'
like 'and by print' "$out" '^set server max_queued = "\[u:PBS_GENERIC=6\]"$'
exits 0 qsub -h -J 0-1 job.sh
exits 38 qsub -h job.sh
like 'subjobs count' "$err" "would exceed complex's per-user limit"
qmgr -c 'unset server max_queued'
qmgr -c 'set queue workq max_array_size = 8'
exits 3 qsub -J 0-8 job.sh
qmgr -c 'set queue workq resources_max.walltime = 01:00:00'
exits 188 qsub -l walltime=3601 job.sh
is 'a queue, by qstat' "$(qstat -Qf -F json workq | jq -c '.Queue.workq | [.max_array_size, .resources_max.walltime]')" '[8,"01:00:00"]'
qmgr -c 'set queue workq enabled = false'
exits 173 qsub job.sh
qmgr -c 'set queue workq enabled = true'
qmgr -c 'unset queue workq max_array_size'

# ---- holds and dependencies

exits 153 qrls 9999
exits 156 qrls "${number}[0]"
fin=$(qsub -N good -W depend=afterany:"$id" after.sh)
is 'a dependent is held by the system' "$(attribute "$fin" Hold_Types) $(attribute "$fin" job_state) $(attribute "$fin" depend)" \
	"s H afterany:${number}[].srv@srv"
is 'and its parent names it' "$(attribute "$id" depend)" "beforeany:$fin@srv"
both=$(qsub -N both -h -W depend=afterany:"${number}[]" after.sh)
for dropped in "$number" 9999 '9999[]'; do
	exits 0 qsub -N never -W depend=afterany:"$dropped" after.sh
	like "a dependency on $dropped: qsub prints an id" "$out" '^[0-9]*\.srv$'
	ok 'and the job is dropped' in_state "$(cat "$out")" unknown
done
ok 'the array waits' in_state "$id" H
exits 0 qrls "$id"
within 10 test -e after.good
ok 'released, it ends, and its dependent runs' test -e after.good
ok 'one with a hold of its own does not' in_state "$both" H
exits 0 qrls "$both"
within 10 test -e after.both
ok 'until it is released too' test -e after.both
ok 'nothing of the dropped ones ran' test ! -e after.never
id=$(qsub -h -J 0-1 job.sh)
qsub -N deleted -W depend=afterany:"$id" after.sh >/dev/null
exits 0 qdel "$id"
within 10 test -e after.deleted
ok 'a held array that is deleted sets its dependents free' test -e after.deleted

# ---- running, without history

cat >stay.sh <<'SCRIPT'
cd "$PBS_O_WORKDIR" || exit
[ "$PBS_ARRAY_INDEX" -gt 1 ] || exit "$PBS_ARRAY_INDEX"
sleep 1000
SCRIPT
id=$(qsub -J 0-5 -j oe -o /dev/null stay.sh)
number=${id%%\[*}
within 10 in_state "${number}[0]" X
within 10 in_state "${number}[1]" X
within 10 in_state "${number}[5]" R
is 'an array that began is B, a finished subjob X without a record of its own' \
	"$(qstat -t -f -F json "$id" | jq -c '[.Jobs[] | [.job_state, .array_index, .run_count]]')" \
	'[["B",null,null],["X",null,null],["X",null,null],["R",2,1],["R",3,1],["R",4,1],["R",5,1]]'
exits 55 qdel "${number}[1]"
exits 0 qdel "${number}[2]" "${number}[3]"
within 10 in_state "${number}[2]" X
within 10 in_state "${number}[3]" X
is 'running subjobs are deleted, their parent counts' "$(attribute "$id" array_state_count)" 'Queued:0 Running:2 Exiting:0 Expired:4'
never=$(qsub -J 0-9%0 job.sh)
two=$(qsub -J 0-9%2 -j oe -o /dev/null stay.sh)
within 10 in_state "${two%%\[*}[3]" R
is 'a throttle' "$(attribute "$two" array_state_count)" 'Queued:6 Running:2 Exiting:0 Expired:2'
ok 'a throttle of 0 never runs' in_state "$never" Q
exits 0 qdel "$two" "$never" "$id"
within 10 in_state "$id" unknown

# One that takes its time to leave, and one that will not: the login shell is gone at TERM, they have until KILL.
cat >leave.sh <<'SCRIPT'
cd "$PBS_O_WORKDIR" || exit
trap 'sleep 0.3; : >left; exit 0' TERM
while :; do sleep 0.05; done
SCRIPT
qsub -l walltime=1 -j oe -o "$T/outputs/late" leave.sh >id
within 10 test -e left
ok 'at its walltime a job is told, and has a while' test -e left
within 10 in_state "$(cat id)" unknown
like 'and it is written in its output' outputs/late 'PBS: job killed: walltime [0-9]+ exceeded limit 1'
cat >deaf.sh <<'SCRIPT'
trap '' TERM
echo $$ >"$PBS_O_WORKDIR/deaf.new" && mv "$PBS_O_WORKDIR/deaf.new" "$PBS_O_WORKDIR/deaf"
while :; do sleep 0.05; done
SCRIPT
id=$(qsub -j oe -o /dev/null deaf.sh)
within 10 test -e deaf
exits 0 qdel "$id"
exits 168 qdel "$id"
# shellcheck disable=SC2046
within 10 gone $(cat deaf)
# shellcheck disable=SC2046
ok 'one that does not listen is killed' gone $(cat deaf)

# ---- down

cat >escape.sh <<'SCRIPT'
cd "$PBS_O_WORKDIR" || exit
setsid sleep 1000 &
echo $! >>pids.new
(setsid sh -c 'echo $$ >>pids.new; exec sleep 1000' &)
(env -i setsid sh -c 'echo $$ >>pids.new; exec sleep 1000' &)
echo $$ >>pids.new
until [ "$(wc -l <pids.new)" -ge 4 ]; do sleep 0.05; done
mv pids.new pids
sleep 1000
SCRIPT
qsub -j oe -o /dev/null escape.sh >id
within 10 test -e pids
daemon=$(cut -d ' ' -f 1 <"$P/pid")
# shellcheck disable=SC2046
ok 'a job and its runaways run' alive $(cat pids)
exits 0 "$pbs" down "$P"
# shellcheck disable=SC2046
ok 'after down nobody is left' gone "$daemon" $(cat pids)
exits 0 "$pbs" down "$P"
exits 162 qsub job.sh
exits 255 qstat
exits 162 qdel 1
exits 162 qrls 1

# ---- with history; reruns

P=$T/history
ok 'up with a history' "$pbs" up "$P" --history --rerun 3 --kill-delay 0.5 --term-late 0.2 --gpus 2
# shellcheck disable=SC1091
. "$P/env"
exits 0 qsub -h -l select=1:ngpus=2 job.sh
cat >tell.sh <<'SCRIPT'
cd "$PBS_O_WORKDIR" || exit
echo "$PBS_ARRAY_INDEX" >>told
[ "$PBS_ARRAY_INDEX" != 1 ] || exit 7
[ "$PBS_ARRAY_INDEX" != 2 ] || while [ ! -e go ]; do sleep 0.05; done
SCRIPT
id=$(qsub -J 0-4 -j oe -o "$T/outputs/h^array_index^" tell.sh)
number=${id%%\[*}
within 10 in_state "${number}[3]" X
within 10 in_state "${number}[4]" X
: >go
within 10 in_state "$id" unknown
exits 35 qstat "$id"
like 'a finished job is not shown' "$err" 'Job has finished, use -x or -H'
exits 35 qdel "$id"
is 'with -x it is; that one failed, the parent does not show' \
	"$(qstat -x -t -f -F json "$id" | jq -c '[.Jobs[] | [.job_state, .substate, .Exit_status, .run_count, .array_index]]')" \
	'[["F",93,0,null,null],["F",92,0,1,0],["F",93,7,1,1],["F",92,0,1,2],["F",92,0,2,3],["F",92,0,1,4]]'
is 'the rerun subjob ran twice' "$(sort told | tr '\n' ,)" '0,1,2,3,3,4,'

rm -f go told
id=$(qsub -J 1-6%1 -j oe -o /dev/null tell.sh)
number=${id%%\[*}
within 10 in_state "${number}[2]" R
exits 0 qdel "${number}[6]"
: >go
within 20 in_state "$id" unknown
is 'a queued subjob that was deleted ended well, and only run_count tells' \
	"$(qstat -x -f -F json "${number}[6].srv" | jq -c '.Jobs[] | [.job_state, .Exit_status, .run_count]')" '["F",0,null]'
rm -f go told
id=$(qsub -J 1-9%1 -j oe -o /dev/null tell.sh)
number=${id%%\[*}
within 10 in_state "${number}[1]" X
within 10 in_state "${number}[2]" R
exits 0 qdel "$id"
within 10 in_state "$id" unknown
is 'qdel of an array erases what had finished; one that ran was terminated' \
	"$(qstat -x -t -f -F json "$id" | jq -c --arg n "$number" '[.Jobs | .[$n + "[1].srv", $n + "[2].srv"] | [.substate, .Exit_status, .run_count]]')" \
	'[[91,1,null],[91,271,1]]'
dropped=$(qsub -W depend=afterany:9999 after.sh)
is 'a dropped job ended well, without a run' \
	"$(qstat -x -f -F json "$dropped" | jq -c '.Jobs[] | [.job_state, .substate, .Exit_status, .run_count]')" '["F",92,null,null]'
id=$(qsub -j oe -o /dev/null -l walltime=1 -- /bin/sleep 100)
within 20 in_state "$id" unknown
is 'over its walltime' "$(attribute "$id" Exit_status -x) $(attribute "$id" comment -x | grep -o 'exceeded.*')" '-29 exceeded resource walltime'

cat >mom.sh <<'SCRIPT'
cd "$PBS_O_WORKDIR" || exit
echo $$ >>"run.$PBS_ARRAY_INDEX"
[ "$PBS_ARRAY_INDEX" = 1 ] || sleep 1000
while [ ! -e finish ]; do sleep 0.05; done
echo end >>"run.$PBS_ARRAY_INDEX"
SCRIPT
id=$(qsub -J 1-2 -j oe -o /dev/null mom.sh)
number=${id%%\[*}
within 10 test -s run.1 -a -s run.2
exits 0 "$pbs" kill-mom "$P"
: >finish
within 10 grep -q end run.1
ok 'without its mom a job goes on to its end' grep -q end run.1
ok 'and the server does not know' in_state "${number}[1]" R
first=$(cat run.2)
exits 0 "$pbs" start-mom "$P"
within 10 in_state "${number}[1]" X
is 'with the new one it is run again' "$(grep -c end run.1)" 2
# shellcheck disable=SC2016
within 10 sh -c 'test "$(wc -l <run.2)" -eq 2'
within 10 gone "$first"
ok 'the other one too, its first run killed' gone "$first"
is 'which only run_count says' "$(qstat -x -f -F json "${number}[1].srv" | jq -c '.Jobs[].run_count')" 2
daemon=$(cut -d ' ' -f 1 <"$P/pid")
exits 0 "$pbs" kill-server "$P"
within 10 gone "$daemon"
ok 'jobs outlive the server' alive "$(tail -n 1 run.2)"
exits 162 qsub job.sh
like 'and nobody answers' "$err" 'cannot connect to server srv'
exits 255 qstat -f -F json 1
is 'with valid JSON' "$(jq -c 'has("Jobs")' "$out")" false
exits 0 "$pbs" down "$P"
ok 'down finds them all the same' gone "$(tail -n 1 run.2)"

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
0 .srv -N fifteen-letters
0 .srv -l nodes=1:ppn=2,mem=100mb
187 select -l select=1
0 .srv -l walltime=1:00:00:00
ROWS
cat >torque.sh <<'SCRIPT'
#PBS -N torque
#PBS -j oe
echo "$PWD ${PBS_ARRAYID:-none} ${PBS_ARRAY_INDEX:-none} $PBS_JOBID $PBS_NP" >"$HOME/torque.$PBS_ARRAYID"
SCRIPT
id=$(qsub -h -t 3,5 -l nodes=1:ppn=2 -d "$T/scripts" -o "$T/outputs" torque.sh)
number=${id%%\[*}
fin=$(qsub -N fin -W depend=afteranyarray:"$id" after.sh)
ok 'a dependent waits' in_state "$fin" H
exits 0 qrls "$id"
within 10 test -e after.fin
ok 'afteranyarray' test -e after.fin
is 'a job of an array, in the folder of -d' "$(cat "$H/torque.5")" "$T/scripts 5 none ${number}[5].srv 2"
ok 'a finished job is forgotten' in_state "$id" unknown
id=$(qsub -h -t 1-5 job.sh)
exits 0 qdel -t 3-5 "$id"
exits 0 qstat -t -f "$id"
like 'qstat -f in its words' "$out" '^    job_array_id = 2$'
unlike 'which are not those of OpenPBS' "$out" substate
exits 0 qstat -t "$id"
is 'qdel -t' "$(awk 'NR > 2 { print $5 }' "$out" | tr -d '\n')" QQCCC
exits 0 "$pbs" down "$P"
done_testing
