#!/bin/bash
# SPDX-License-Identifier: MIT
# Many at once on one run directory: on one machine, by two mounts of one tree, in two containers that have the same host name. One works,
# the others are refused and say why; no task runs twice, none is lost, whoever is killed. Who only reads is never in the way.
. "$(dirname "$0")/lib.sh"

STARTS=$T/starts
export STARTS
mkdir tree
cat >tree/spec.yaml <<'YAML'
ppgen: 1
name: m
params: {x: {from: 1, to: 60, step: 1}}
shell: echo "$PPGEN_TASK $PPGEN_ATTEMPT" >>"$STARTS"; sleep 0.01; echo "$x"
results: {stdout: number}
YAML
cat >tree/array.yaml <<'YAML'
ppgen: 1
name: a
params: {x: {from: 1, to: 120, step: 1}}
shell: echo "$PPGEN_TASK $PPGEN_ATTEMPT" >>"$STARTS"; sleep 0.01; echo "$x"
results: {stdout: number}
submit: {elements: 6, slots: 2}
YAML
# A queue that nobody works off.
printf '#!/bin/sh\necho id 1\n' >"$test_place/bin/tqsub"
chmod +x "$test_place/bin/tqsub"
run=$T/tree/runs/m

good_ids() { grep -ah '"out":"ok".*"crc":"[0-9a-f]\{8\}"}$' "$run"/journal/*/*.jsonl 2>/dev/null | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' | sort; }
afresh() { rm -rf tree/runs; : >starts; }
# How often so many processes of this very test are there that it started at once: once the gate is there, they begin together.
# shellcheck disable=SC2317 # called by `within`
there() { [ "$(find ready -type f | wc -l)" -ge "$1" ]; }
together() { : >"ready/$1"; until [ -e gate ]; do sleep 0.002; done; }
line_up() { rm -rf ready gate; mkdir ready; }
# Whether all is done, once: $1 tasks.
once() {
	is "$2: every task is good once" "$(good_ids | wc -l) $(good_ids | uniq | wc -l)" "$1 $1"
	is "$2: no attempt ran twice" "$(sort starts | uniq -d)" ''
}

exits 0 ppgen run -q -d calm tree/spec.yaml

# ---- many, started together, round after round

line_up
is_all=0 refused=0 worked=0
for round in 1 2 3 4 5; do
	afresh
	line_up
	pids=
	for i in 1 2 3 4 5 6 7 8 9 10; do
		(together $i; exec ppgen run -q tree/spec.yaml) >said.$round.$i 2>&1 &
		pids="$pids $!"
	done
	within 60 there 10
	touch gate
	for pid in $pids; do
		wait "$pid"
		case $? in
		0) worked=$((worked + 1)) ;;
		2) refused=$((refused + 1)) ;;
		*) echo "# exit $?: $(cat said.$round.*)" ;;
		esac
	done
	[ "$(good_ids | wc -l)" = 60 ] && [ "$(good_ids | uniq | wc -l)" = 60 ] && [ "$(wc -l <starts)" = 60 ] &&
		cmp -s "$run/collect/results.csv" calm/collect/results.csv && is_all=$((is_all + 1))
done
is 'each ended well or was refused' $((worked + refused)) 50
ok "one at least worked in each round ($worked), others were refused ($refused)" test $worked -ge 5 -a $refused -ge 5
is 'in each round every task ran, and just once, and the table is right' $is_all 5
cat said.*.* >said
is 'who was refused says by whom' "$(grep -c "runs/m' is in use by pid [0-9]* on .* since .*: wait until that ends, or stop it" said)" $refused

# ---- the holder is killed, over and over, while the others try again

afresh
line_up
pids=
for i in 1 2 3 4 5 6; do
	(
		together $i
		for ((n = 0; n < 3000; n++)); do
			ppgen run -q tree/spec.yaml 2>>said.$i
			code=$?
			[ $code -ne 0 ] || exit 0
			[ $code -eq 2 ] || [ $code -eq 3 ] || [ $code -eq 137 ] || exit $code
			sleep 0.02
		done
		exit 99
	) 2>/dev/null &
	pids="$pids $!"
done
within 60 there 6
touch gate
killed=0
for ((n = 1; n < 600 && killed < 6; n++)); do
	[ ! -e "$run/collect/results.csv" ] || break
	sleep 0.0$((n * 13 % 10))5
	h=$(find "$run"/claims -name 'local.????' 2>/dev/null | sort | tail -n 1)
	holder=$(sed -n 's/.*,"pid":\([0-9]*\),.*/\1/p' "${h:-/dev/null}" 2>/dev/null)
	# now and then the guardian, its parent
	[ $((n % 3)) -ne 0 ] || holder=$(ps -o ppid= -p "${holder:-0}" | tr -d ' ')
	[ -n "$holder" ] && [ "$holder" -gt 1 ] && [ "$(ps -o comm= -p "$holder")" = ppgen ] && kill -KILL "$holder" && killed=$((killed + 1))
done 2>/dev/null
codes=
for pid in $pids; do
	wait "$pid"
	codes="$codes $?"
done
is "all come to an end though holders were killed ($killed)" "$codes" ' 0 0 0 0 0 0'
ok 'some were' test $killed -ge 1
once 60 'with holders killed'
same_file 'with holders killed: the table' "$run/collect/results.csv" calm/collect/results.csv

# ---- a pool is killed while its guardian cannot end what it started

# A stray of the first attempt writes into {scratch}, which the next attempt has as well.
cat >tree/stray.yaml <<'YAML'
ppgen: 1
name: stray
params: {x: [1]}
shell: |
  (setsid sh -c 'while :; do : >"$PPGEN_SCRATCH/by$PPGEN_ATTEMPT"; sleep 0.001; done' &)
  until [ -e "$PPGEN_SCRATCH/by$PPGEN_ATTEMPT" ]; do sleep 0.01; done
  [ "$PPGEN_ATTEMPT" -gt 1 ] || { : >first; sleep 600; }
  sleep 0.1
  echo "$(ls "$PPGEN_SCRATCH")"
results: {stdout: text}
YAML
ppgen run -q tree/stray.yaml 2>said &
guardian=$!
within 30 test -e tree/first
pool=$(sed -n 's/[^}]*,"pid":\([0-9]*\),.*/\1/p' tree/runs/stray/claims/local.0001)
kill -STOP $guardian
kill -KILL "$pool"
# shellcheck disable=SC2317 # called by `within`
ended() { ! grep -v '^State:.*Z' "/proc/$1/status" | grep -q '^State:'; } # nobody waits for it while its guardian is stopped
ok 'the pool is killed' within 20 ended "$pool"
exits 2 ppgen run tree/stray.yaml
like 'a guardian that lives holds what its pool held' "$err" "in use by pid $guardian on "
kill -CONT $guardian
wait $guardian
is 'when it can, it ends all' "$?" 3
exits 0 ppgen run -q tree/stray.yaml
is 'no attempt finds what another one does' "$(cut -d, -f4 tree/runs/stray/collect/results.csv | tail -n 1)" by2

# ---- who reads is not in the way, and is told no nonsense

afresh
ppgen run -q tree/spec.yaml 2>/dev/null &
pid=$!
within 20 good_ids
looks=0 wrong=0
# A look that must end with 0 or 1, unless nothing is there yet.
look() {
	"$@" >j 2>said || [ $? -eq 1 ] || grep -q 'nothing has been run' said || complain "$*"
}
complain() {
	wrong=$((wrong + 1))
	echo "# $1"
	test_show said said
}
while kill -0 $pid 2>/dev/null && [ $wrong -eq 0 ]; do
	look ppgen status --json tree/spec.yaml
	[ ! -s j ] || [ "$(jq -r '"\(.tasks) \(.good + .failed + .running + .lost + .waiting) \(.failed) \(.damaged_lines)"' j)" = '60 60 0 0' ] ||
		complain "status: $(cat j)"
	look ppgen log tree/spec.yaml 0 59
	look ppgen collect -q --partial -o part.csv tree/spec.yaml
	[ ! -e part.csv ] || [ -z "$(sed 1d part.csv | grep -vxFf calm/collect/results.csv)" ] || complain "a partial table: $(cat part.csv)"
	look ppgen collect -q tree/spec.yaml
	looks=$((looks + 1))
done
wait $pid
is 'the run does not notice' $? 0
is "who looks on sees no error and no wrong number ($looks times)" $wrong 0
ok 'and looked' test $looks -gt 0
once 60 'looked at'
same_file 'looked at: the table' "$run/collect/results.csv" calm/collect/results.csv

# ---- two mounts of one tree; two containers

if unshare -m true 2>/dev/null; then
	root=
elif unshare -rm true 2>/dev/null; then
	root=r
else
	skip 'two mounts of one tree' 'unshare -m is not allowed here'
	skip 'two containers' 'unshare -m is not allowed here'
	done_testing
fi
mkdir other
# In a mount namespace of its own, where the tree stands at `other` as well; -p: with process ids of its own.
apart() {
	local flags=-${root}m
	[ "$1" != -p ] || { flags=-${root}mpf; shift; }
	# shellcheck disable=SC2016
	unshare "$flags" sh -c 'mount --bind tree other && { [ $$ -ne 1 ] || mount -t proc proc /proc; } && "$@"' sh "$@"
}

afresh
line_up
pids=
for i in 1 2 3 4 5 6 7 8; do
	if [ $((i % 2)) -eq 0 ]; then
		# shellcheck disable=SC2016
		apart sh -c ': >ready/'$i'; until [ -e gate ]; do sleep 0.002; done; exec ppgen run -q other/spec.yaml' >said.m.$i 2>&1 &
	else
		(together $i; exec ppgen run -q tree/spec.yaml) >said.m.$i 2>&1 &
	fi
	pids="$pids $!"
done
within 60 there 8
touch gate
codes=
for pid in $pids; do
	wait "$pid"
	codes="$codes $?"
done
ok "by two mounts, each ends well or is refused:$codes" test -z "${codes//[ 02]/}" -a "${codes/0/}" != "$codes"
cat said.m.* >said
unlike 'and refused for no other reason' said "belongs to|cannot"
once 60 'by two mounts'
is 'by two mounts: no task ran twice' "$(wc -l <starts)" 60
same_file 'by two mounts: the table' "$run/collect/results.csv" calm/collect/results.csv
for place in other tree other tree; do
	ok 'what ran by one mount is done for the other' apart ppgen run $place/spec.yaml
	like 'and it says so' "$err" 'nothing to do'
done
cp tree/spec.yaml tree/second.yaml
exits 2 ppgen run tree/second.yaml
like 'another spec of that name is refused' "$err" "belongs to '.*spec.yaml'"

# Elements of one array.
ok 'a calm run of the array' ppgen run -q -d calm-a tree/array.yaml
afresh
run=$T/tree/runs/a
ok 'a submission' ppgen submit -q --template "$SRC/tests/e2e/queue.tmpl" --no-finalise tree/array.yaml
line_up
pids=
for i in 1 2 3 4 5 6; do
	place=$T/tree/runs/a
	[ $((i % 2)) -eq 0 ] && place=$T/other/runs/a
	apart sh -c ": >ready/$i; until [ -e gate ]; do sleep 0.002; done; exec ppgen worker '$place' --submission 1 --array 1 --element $i --job 7.$i" >said.a.$i 2>&1 &
	pids="$pids $!"
done
within 60 there 6
touch gate
codes=
for pid in $pids; do
	wait "$pid"
	codes="$codes $?"
done
is 'elements by two mounts end with 0' "$codes" ' 0 0 0 0 0 0'
once 120 'elements'
is 'elements: no task ran twice' "$(wc -l <starts)" 120
exits 0 ppgen collect -q tree/array.yaml
same_file 'elements: the table' "$run/collect/results.csv" calm-a/collect/results.csv
run=$T/tree/runs/m

# Another machine of the same name, and this one after it was started anew.
# shellcheck disable=SC2016
elsewhere() {
	apart sh -c 'mount --bind boot_id /proc/sys/kernel/random/boot_id && mount --bind "$0" /etc/machine-id && exec "$@"' "$@"
}
echo 00000000-1111-4222-8333-444444444444 >boot_id
echo 0123456789abcdef0123456789abcdef >machine_id
if [ -s /etc/machine-id ] && elsewhere machine_id true 2>"$err"; then
	afresh
	cat /etc/machine-id >same_id
	cp tree/spec.yaml saved.yaml
	sed -i 's/sleep 0.01/until [ -e go ]; do sleep 0.02; done/' tree/spec.yaml
	ppgen run -q tree/spec.yaml >said 2>&1 &
	pid=$!
	within 20 test -s "$run/claims/local.0001"
	exits 2 elsewhere machine_id timeout 60 ppgen run tree/spec.yaml
	like 'another machine of the same name does not take it for dead' "$err" 'in use by pid [0-9]+ on .*cannot be told from here'
	touch tree/go
	wait $pid
	is 'it ends well' "$?" 0
	rm "$run"/claims/*.done "$run/collect/results.csv"
	exits 0 elsewhere same_id ppgen run -q tree/spec.yaml
	rm tree/go
	cp saved.yaml tree/spec.yaml
else
	skip 'another machine of the same name' "/etc/machine-id is not there, or cannot be covered: $(head -n 1 "$err")"
fi

# A container has process ids of its own. A holder in one is alive, though no process here has its number.
if apart -p true 2>"$err"; then
	afresh
	sed -i 's/sleep 0.01/until [ -e go ]; do sleep 0.02; done/' tree/spec.yaml
	STARTS=$T/calm2.starts ppgen run -q -d calm2 tree/spec.yaml >/dev/null 2>&1 & # its tasks wait, too
	calm=$!
	apart -p ppgen run -q tree/spec.yaml >said.p 2>&1 &
	pid=$!
	within 20 test -s "$run/claims/local.0001"
	exits 2 timeout 60 ppgen run tree/spec.yaml
	like 'a holder in another container is not taken for dead' "$err" 'in use by pid [0-9]+ on .*cannot be told from here'
	exits 2 apart -p timeout 60 ppgen run tree/spec.yaml
	like 'nor by a third one' "$err" 'in use by pid [0-9]+ on .*cannot be told from here'
	ok 'status names it' sh -c 'ppgen status tree/spec.yaml | grep -q "held by pid"'
	touch tree/go
	wait $pid
	is 'it ends well' "$?" 0
	wait $calm
	once 60 'by containers'
	same_file 'by containers: the table' "$run/collect/results.csv" calm2/collect/results.csv
	exits 0 ppgen run tree/spec.yaml
	exits 0 apart -p ppgen run tree/spec.yaml
else
	skip 'two containers' "unshare -p is not allowed here: $(head -n 1 "$err")"
fi
done_testing
