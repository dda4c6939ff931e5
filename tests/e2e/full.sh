#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # variables of lib.sh and faults_lib.sh
#
# A disk that is full, a run directory that cannot be written, read or understood, or that goes away: each is said, with its name; nothing
# that was recorded is lost, and nothing is written where it must not be.
. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/faults_lib.sh"

MARK=$$ # so that processes of this very test can be told
export MARK

# Names, sizes, times and contents of a folder, to see that nothing was written into it.
listing() { (cd "$1" && find . -printf '%p %y %m %s %T@\n' | sort && find . -type f -exec cksum {} + | sort); }
ends_good() { cat "$1"/journal/*/*.jsonl 2>/dev/null | grep '"out":"ok"' | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' | sort; }
each_once() { is "$1" "$(ends_good "$2" | wc -l) $(ends_good "$2" | uniq -d | wc -l)" "$3 0"; }
no_temporaries() { is 'nothing temporary is left' "$(find "$1" -name '.tmp-*' -o -name '.new-*' -o -path '*/output/*/*.[0-9].out' -o -path '*/output/*/*.[0-9].err')" ''; }

cat >words.yaml <<'YAML'
ppgen: 1
name: words
params: {x: {from: 1, to: 80, step: 1}}
command: sh words.sh {x}
results: {stdout: {last_line: json}}
YAML
cat >words.sh <<'SH'
test "$1" != 1 || test ! -e hold || { echo $$ >held; exec sleep "300.0$MARK"; }
head -c 2000 /dev/zero | tr '\0' w
printf '\n{"twice": %s}\n' "$(($1 * 2))"
SH
ok 'a run on a disk with room' ppgen run -q -d calm words.yaml

# ---- a small disk of our own: a process that holds the mount, and others that look at it from there

disk=$T/disk
mkdir "$disk"
enter=()
if [ "$(id -u)" = 0 ]; then
	how=(unshare -m)
else
	how=(unshare -Urm)
	enter=(-U --preserve-credentials)
fi
# shellcheck disable=SC2016 # for the other shell
"${how[@]}" --propagation private sh -c 'mount -t tmpfs -o size=160k,mode=755 none "$1" && echo $$ >"$2" && exec sleep 1000' sh "$disk" "$T/holder" 2>why &
wait_for=$!
at_end "kill $wait_for 2>/dev/null"
holder() { test -s "$T/holder" || ! kill -0 "$wait_for"; }
within 20 holder
# shellcheck disable=SC2016
inside() { nsenter -t "$(cat "$T/holder")" -m "${enter[@]}" sh -c 'cd "$1" && shift && exec "$@"' sh "$T" "$@"; }

if ! [ -s holder ] || ! inside true 2>>why; then
	skip 'a full disk' "no file system can be mounted here: $(head -n 1 why)"
else
	room() { inside mount -o "remount,$1" "$disk"; }

	# It fills up in the middle. One task sleeps meanwhile, and is ended.
	touch hold
	exits 3 inside timeout 120 ppgen run -q -j 2 -d "$disk/words" words.yaml
	like 'the file is named, with the remedy' "$err" "cannot (record|keep output) in '$disk/words/.*make room, then run again.*No space left on device"
	ok 'the task that ran is ended' within 20 sh -c "! pgrep -f '[s]leep 300.0$MARK'"
	ok 'it had begun' test -s held
	rm hold
	inside cp -r "$disk/words" full
	some=$(ends_good full | wc -l)
	ok "some results are recorded ($some)" test "$some" -ge 3 -a "$some" -lt 80
	exits 1 inside ppgen status "$disk/words"
	like 'status counts them' "$out" "^ *$some good"
	exits 0 inside ppgen log "$disk/words" x=2
	exits 1 inside ppgen collect --partial -q "$disk/words" -o -
	is 'so does collect' "$(wc -l <"$out")" $((some + 1))
	exits 3 inside ppgen run -q -d "$disk/words" words.yaml
	like 'without room it cannot go on' "$err" "'$disk/words/.*No space left on device"
	inside dd if=/dev/zero of="$disk/filler" bs=512 2>/dev/null
	exits 3 inside ppgen collect --partial -q "$disk/words"
	like 'nor make a table' "$err" "'$disk/words/.*No space left on device"
	is 'of which nothing is left' "$(inside find "$disk/words" -name '*results.csv' -o -name '.tmp-*')" ''
	inside rm "$disk/filler"
	room size=8m
	exits 0 inside ppgen run -q -d "$disk/words" words.yaml
	inside cp -r "$disk/words" after
	same_file 'with room it ends with the same table' after/collect/results.csv calm/collect/results.csv
	each_once 'and nothing that was recorded ran again' after 80
	is 'what was good before still is' "$(comm -23 <(ends_good full) <(ends_good after))" ''

	# Full when all is done: what was published stays.
	inside sh -c "cksum $disk/words/collect/*" >before
	inside dd if=/dev/zero of="$disk/filler" bs=4k 2>/dev/null
	exits 3 inside ppgen collect -q "$disk/words"
	like 'a table that cannot be written again is named' "$err" "$disk/words/collect/.*No space left on device"
	inside sh -c "cksum $disk/words/collect/*" >later
	same_file 'the old one stays' later before
	exits 3 inside ppgen run -q -d "$disk/new" words.yaml
	like 'a run that cannot begin says where' "$err" "'?$disk/new.*No space left on device"
	inside rm "$disk/filler"
	exits 0 inside ppgen run -q -d "$disk/new" words.yaml
	inside cmp "$disk/new/collect/results.csv" "$T/calm/collect/results.csv" >differ 2>&1
	is 'and begins when it can' "$(cat differ)" ''
	inside rm -r "$disk/new"

	# No more files, though there is room.
	used=$(inside find "$disk" | wc -l)
	for more in 1 6 12 16 20 24; do
		room "nr_inodes=$((used + more))"
		inside ppgen run -q -d "$disk/new" words.yaml >"$out" 2>"$err"
		code=$?
		if [ $code -ne 3 ] && [ $code -ne 0 ] || { [ $code -eq 3 ] && ! grep -q "'$disk/new.*No space left on device" "$err"; }; then
			ok "room for $more files" false
			test_show said "$err"
		fi
	done
	room nr_inodes=10000
	exits 0 inside ppgen run -q -d "$disk/new" words.yaml
	inside cp -r "$disk/new" new
	same_file 'a disk without room for files, later with: the same table' new/collect/results.csv calm/collect/results.csv
	no_temporaries new

	# A long output that is cut short by a full disk, of a task that does not look.
	cat >long.yaml <<'YAML'
ppgen: 1
name: long
shell: head -c 80000000 /dev/zero; exit 0
YAML
	room size=72m
	exits 3 inside ppgen run -q -d "$disk/long" long.yaml
	like 'it is not taken for whole' "$err" "cannot keep '$disk/long/output/.*No space left on device"
	is 'nor recorded as good' "$(inside sh -c "cat $disk/long/journal/*/*.jsonl" | grep -c '"out":"ok"')" 0
	inside rm -rf "$disk/long"

	# Read only.
	room ro
	exits 0 inside ppgen status "$disk/words"
	exits 0 inside ppgen log "$disk/words" x=2
	exits 0 inside ppgen collect -q "$disk/words" -o -
	same_file 'a table goes elsewhere' "$out" calm/collect/results.csv
	exits 0 inside ppgen plan "$disk/words"
	exits 3 inside ppgen collect "$disk/words"
	like 'what cannot be written is named' "$err" "'$disk/words/collect.*Read-only file system"
	exits 2 inside ppgen run -d "$disk/words" words.yaml
	like 'a run is refused' "$err" "'$disk/words.*Read-only file system.*-d DIR"
	exits 2 inside ppgen run -d "$disk/never" words.yaml
	like 'one that would be new, too' "$err" "'$disk/never.*Read-only file system.*-d DIR"
fi

# ---- a quota that is used up, from some write on: as a full disk

for n in 2 9 24; do
	rm -rf runs
	exits 3 faulty "write:$n+:EDQUOT" ppgen run -q -j 1 words.yaml
	like 'a quota is called by its name' "$err" "'$T/runs/words.*Disk quota exceeded"
	exits 0 ppgen run -q words.yaml
	same_file 'and when there is room again, the same table' runs/words/collect/results.csv calm/collect/results.csv
	each_once 'of which nothing ran again' runs/words 80
done

# ---- a run directory that goes away while it is used

cat >away.yaml <<'YAML'
ppgen: 1
name: away
params: {x: [1, 2, 3, 4]}
shell: test "$x" != 2 || ! test -e act || { sh ./act && rm -f act; }; echo "$x"
results: {stdout: number}
YAML
ok 'a run that nothing happens to' ppgen run -q -d calm2 away.yaml
echo 'mv runs/away runs/moved' >act
exits 3 ppgen run -q -j 1 away.yaml
like 'a run directory that is renamed' "$err" "'$T/runs/away.*(No such file|removed|moved)"
ok 'is not made anew' test ! -e runs/away
exits 0 ppgen run -q -d runs/moved away.yaml
same_file 'and goes on by its new name' runs/moved/collect/results.csv calm2/collect/results.csv
each_once 'where nothing that was recorded ran again' runs/moved 4
echo 'rm -rf runs/away; mkdir runs/away; echo mine >runs/away/mine' >act
exits 3 ppgen run -q -j 1 away.yaml
like 'one in whose place is something else' "$err" "'$T/runs/away"
is 'which is let alone' "$(cd runs/away && echo *)" mine
rm -rf runs/away
echo 'rm -rf runs/away/journal' >act
ppgen run -q -j 1 away.yaml >"$out" 2>"$err"
code=$?
ok "journals that are removed: exit $code, not 0" test $code -ne 0
exits 0 ppgen run -q away.yaml
same_file 'nothing but running again is needed' runs/away/collect/results.csv calm2/collect/results.csv

# ---- what is not a run directory, or no whole one: every command says so and writes nothing

rm -rf runs
ppgen run -q away.yaml >/dev/null 2>&1
cp -a runs/away whole
# Each command that reads or writes, on a damaged run directory: what it is, what the message must name, commands that do not care.
damaged() {
	local about=$1 name=$2 spared=$3 words bad=0 code before
	before=$(listing .)
	for words in 'run away.yaml' 'run -n away.yaml' 'status away.yaml' 'log away.yaml 1' 'collect away.yaml' 'collect away.yaml -o -' \
		'plan runs/away' 'check away.yaml'; do
		case $spared in *"${words%% *}"*) continue ;; esac
		code=0
		# shellcheck disable=SC2086 # words of their own
		timeout 60 ppgen $words >"$out" 2>"$err" || code=$?
		if [ $code -ne 1 ] && [ $code -ne 2 ] && [ $code -ne 3 ] || ! grep -qE -e "$name" "$err" || grep -q 'nothing has been run' "$err"; then
			echo "# $words: exit $code: $(tail -n 1 "$err")"
			bad=$((bad + 1))
		fi
		if [ "$(listing .)" != "$before" ]; then
			echo "# $words: wrote $(diff <(echo "$before") <(listing .) | sed -n 's/^>//p' | head -n 2 | tr '\n' ' ')"
			bad=$((bad + 1))
		fi
	done
	is "$about: every command says so, and writes nothing" "$bad" 0
	rm -rf runs/away
	cp -a whole runs/away
}
echo '{"format":2}' >runs/away/ppgen.json
damaged 'a newer format' "'$T/runs/away' has format 2, .*use a newer ppgen" ''
echo '{"format":' >runs/away/ppgen.json
damaged 'a mark that is damaged' "'$T/runs/away/ppgen.json' is damaged" ''
sed -i 's/"format":1/"format":9/' runs/away/plan/0001/run.json
damaged 'a plan of a newer format' "plan/0001/run.json: its format is 9" ''
cat >newer.py <<'PY'
import sys
table = []
for c in range(256):
    for _ in range(8):
        c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    table.append(c)
def crc32c(text):
    c = 0xFFFFFFFF
    for byte in text:
        c = c >> 8 ^ table[(c ^ byte) & 255]
    return c ^ 0xFFFFFFFF
lines = open(sys.argv[1], "rb").read().splitlines()
head = lines[0].rsplit(b',"crc":"', 1)[0].replace(b'"k":"header","v":1', b'"k":"header","v":2')
lines[0] = head + b',"crc":"%08x"}' % crc32c(head)
open(sys.argv[1], "wb").write(b"".join(line + b"\n" for line in lines))
PY
python3 newer.py runs/away/journal/*/*.jsonl
exits 2 ppgen run away.yaml
like 'a run does not go on in what a newer program wrote' "$err" 'use a newer ppgen'
damaged 'a journal of a newer format' "'$T/runs/away/journal/.*has format 2, .*use a newer ppgen" 'run plan check'
for f in axes.jsonl inputs.jsonl run.json spec.yaml; do
	rm "runs/away/plan/0001/$f"
	damaged "a plan without $f" "cannot read '$T/runs/away/plan/0001/$f'" ''
done
rm -rf runs/away/plan
: >runs/away/plan
damaged 'a file in the place of the plans' "'$T/runs/away/plan': Not a directory" ''
rm -rf runs/away/journal
: >runs/away/journal
damaged 'a file in the place of the journals' "'$T/runs/away/journal': Not a directory" 'run plan check'
rm -rf runs/away
ln -s away runs/away
damaged 'a loop of symbolic links' 'Too many levels of symbolic links' ''
rm -rf runs/away
: >runs/away
exits 2 ppgen run away.yaml
like 'a file in the place of a run directory' "$err" "'$T/runs/away' is no folder.*-d DIR"
rm -f runs/away
for f in journal output claims collect; do
	rm -rf runs/away
	cp -a whole runs/away
	rm -rf "runs/away/$f"
	: >"runs/away/$f"
	exits 3 ppgen run --force -q away.yaml
	like "a file in the place of $f" "$err" "'$T/runs/away/$f': Not a directory"
done
rm -rf runs/away
cp -a whole runs/away

# ---- somebody else's

if [ "$(id -u)" = 0 ]; then
	chmod 755 "$test_place" "$T"
	cp "$PPGEN" ppgen
	other() { setpriv --reuid=64321 --regid=64321 --clear-groups ./ppgen "$@"; }
	before=$(listing runs)
	exits 0 other status away.yaml
	exits 0 other collect -q away.yaml -o -
	same_file 'others may read' "$out" runs/away/collect/results.csv
	exits 0 other log away.yaml 1
	exits 3 other collect -q away.yaml
	like 'not write' "$err" "'$T/runs/away/collect.*Permission denied"
	exits 2 other run away.yaml
	like 'whose it is is said' "$err" "cannot write in '$T/runs/away.*belongs to root.*-d DIR"
	chmod 700 runs/away
	for words in 'status away.yaml' 'status runs/away' 'log away.yaml 1' 'collect away.yaml' 'run away.yaml'; do
		# shellcheck disable=SC2086 # words of their own
		exits 2 other $words
		like 'it is not taken for a run that has not begun' "$err" 'runs/away.*Permission denied'
	done
	chmod 755 runs/away
	is 'nothing was written' "$(listing runs)" "$before"
else
	chmod -R a-w runs/away
	before=$(listing runs)
	exits 0 ppgen status away.yaml
	exits 0 ppgen collect -q away.yaml -o -
	exits 3 ppgen collect -q away.yaml
	like 'a folder that must not be written' "$err" "'$T/runs/away/collect.*Permission denied"
	exits 2 ppgen run away.yaml
	like 'nor run in' "$err" "cannot write in '$T/runs/away.*-d DIR"
	is 'nothing was written' "$(listing runs)" "$before"
	chmod -R u+w runs/away
fi
done_testing
