#!/bin/sh
# SPDX-License-Identifier: MIT
# The power goes, at any moment: runs are recorded call by call, and tests/power/replay.py makes from that what a disk may hold after a
# power loss at each moment. Whatever it is, nothing that was told durable is gone, nothing published is torn, and going on leads to the
# table of an undisturbed run. PPGEN_POWER='--every 1 --turns 12 --heal-every 10' tries nearly all states (hours), another --seed others.

# Thousands of small folders are made: in memory, where there is room and programs may be started.
if [ -z "${TMPDIR:-}" ] && [ "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')" -gt 32768 ] 2>/dev/null; then
	memory=$(mktemp -d /dev/shm/ppgen-test.XXXXXX) && printf '#!/bin/sh\n' >"$memory/sh" && chmod +x "$memory/sh" && "$memory/sh" && TMPDIR=/dev/shm && export TMPDIR
	rm -rf "$memory"
fi
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip_all 'there is no python3'
command -v strace >/dev/null || skip_all 'there is no strace'
strace -f -o "$H/trace" true 2>"$err" || skip_all "processes cannot be traced here: $(head -n 1 "$err")"

replay() { PYTHONDONTWRITEBYTECODE=1 python3 "$SRC/tests/power/replay.py" "$@"; }
# What is tried at every 4th call, one random state each, and about so many states of which the run goes on.
many="--every 6 --turns 1 --heal-every 40"
sanitized && many="--every 60 --turns 1 --heal-every 15"
fewer='--every 12 --heal-every 60' # for a record that is three times as long
sanitized && fewer='--every 120 --heal-every 40'
many="$many ${PPGEN_POWER:-}"
fewer="$fewer ${PPGEN_POWER:-}"

# A run whose tasks print more than a sector each, return a file too, and now and then fail first. While the file "slow" is there, they take
# long enough for records to become durable in the middle.
spec() {
	cat <<YAML
ppgen: 1
name: p
params: {x: {from: 1, to: $1, step: 1}}
shell: |
  [ -e slow ] && [ \$((x % 5)) -eq 0 ] && sleep 1.2
  [ \$((x % 4)) -ne 3 ] || [ "\$PPGEN_ATTEMPT" -gt 1 ] || exit 1
  i=0
  while [ \$i -lt 60 ]; do echo "line \$i of \$x"; i=\$((i + 1)); done
  { echo i,j; echo "1,\$x"; echo "2,\$x"; } >"\$PPGEN_SCRATCH/rows.csv"
  echo "{\"x2\": \$((x * x))}"
results: {stdout: {last_line: json}, files: {rows: "{scratch}/rows.csv"}}
retry: {times: 1}
collect:
  - {to: results.csv}
  - {from: rows, to: sub/rows.csv}
YAML
}

mkdir area
touch slow
spec 12 >p.yaml
exits 0 replay record first.trace ppgen run -q -j 2 -d "$T/area/runs/p" p.yaml
rm slow
mkdir tables
ok 'an undisturbed run' ppgen run -q -d "$T/calm" p.yaml
cp -r calm/collect/results.csv calm/collect/sub tables/
cp -r area before
# shellcheck disable=SC2086 # options
ok 'a run, cut off by a power loss' replay check "$T/area" first.trace runs/p --tables tables --once --heal "ppgen run -q -d $T/area/runs/p $T/p.yaml" $many
tail -n 1 "$out" | sed 's/^/# /'
like 'some records were durable before it ended' "$out" ' [1-9][0-9]* of [0-9]+ records durable while it ran'
# What of all that is looked at would be missed: as if some syncs had not been.
for path in 'journal/../[^/]*[.]jsonl$' 'output/../[^/]*[.]out$' 'journal$' 'plan$' 'plan/[^/]*$' 'collect/[.]tmp-' 'collect$' "work/area$"; do
	exits 1 replay check "$T/area" first.trace runs/p --every 100 --without "$path"
	like 'for the right reason' "$out" '^state .*(durable|torn|whole|gone)'
done

# More tasks in the same run directory: a second plan, and the tables are replaced.
spec 16 >p.yaml
touch slow
exits 0 replay record second.trace ppgen run -q -j 2 -d "$T/area/runs/p" p.yaml
rm -r slow tables
mkdir tables
ok 'an undisturbed run' ppgen run -q -d "$T/calm" p.yaml
cp -r calm/collect/results.csv calm/collect/sub tables/
# shellcheck disable=SC2086
ok 'a run that adds to an earlier one, cut off by a power loss' replay check "$T/area" second.trace runs/p --before before --tables tables --once --heal "ppgen run -q -d $T/area/runs/p $T/p.yaml" $many
tail -n 1 "$out" | sed 's/^/# /'

# A submission of two array elements and its finaliser, to a queue that keeps the scripts until somebody works them off.
cat >"$test_place/bin/tqsub" <<'SH'
#!/bin/sh
for script; do :; done
n=$(($(cat "$HOME/last" 2>/dev/null || echo 100) + 1))
echo $n >"$HOME/last"
cp "$script" "$HOME/queue/$n.sh" && echo "id $n"
SH
cat >"$test_place/bin/work" <<'SH'
#!/bin/sh
# All that is queued: the elements at once, then the finalisers.
cd "$HOME/queue" || exit 1
for script in $(grep -ls TQ_INDEX -- *.sh); do
	for TQ_INDEX in 1 2; do
		export TQ_INDEX TQ_JOB="${script%.sh}"
		bash "$script" &
	done
done
wait
for script in $(grep -Ls TQ_INDEX -- *.sh); do TQ_JOB=${script%.sh} bash "$script"; done
:
SH
cat >"$test_place/bin/drive" <<'SH'
#!/bin/sh
ppgen submit -q --template "$HOME/tq.tmpl" -d "$1/area/runs/q" "$1/q.yaml" && work
SH
# What was queued and was cut off is started again, then it is submitted anew until all is there.
cat >"$test_place/bin/heal" <<'SH'
#!/bin/sh
rm -rf "$HOME/queue"
mkdir "$HOME/queue"
if [ -e "$1/area/runs/q/submissions/0001/released.json" ]; then
	cp "$HOME"/first/*.sh "$HOME/queue/"
	work
	rm "$HOME"/queue/*
fi
submit() { ppgen submit -q --template "$HOME/tq.tmpl" -d "$1/area/runs/q" "$1/q.yaml"; }
for i in 1 2 3; do
	submit "$1" || submit "$1" || exit # it may say: submit again
	work
	rm -f "$HOME"/queue/*
done
ppgen collect -q "$1/area/runs/q"
SH
chmod +x "$test_place"/bin/*
cp "$SRC/tests/e2e/queue.tmpl" "$H/tq.tmpl"
sed 's/^name: p/name: q/; s/sleep 1.2/sleep 0.2/; /^collect:/,$d' p.yaml >q.yaml
printf 'submit: {elements: 2, slots: 1}\n' >>q.yaml
rm -rf area tables
mkdir -p area tables "$H/queue"
touch slow
exits 0 replay record third.trace drive "$T"
rm slow
mv "$H/queue" "$H/first"
ok 'an undisturbed run' ppgen run -q -d "$T/calmer" q.yaml
cp calmer/collect/results.csv tables/
# shellcheck disable=SC2086
ok 'a submission, its elements and its finaliser, cut off by a power loss' replay check "$T/area" third.trace runs/q --tables tables --heal "heal $T" $many $fewer
tail -n 1 "$out" | sed 's/^/# /'
done_testing
