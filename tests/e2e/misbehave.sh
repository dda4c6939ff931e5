#!/bin/bash
# SPDX-License-Identifier: MIT
# Tasks that misbehave, each beside one that does not: the run ends, the others' results are right, what happened is said plainly,
# and nothing of a task is left running.
. "$(dirname "$0")/lib.sh"

# Every shell of a task has this text among its words: whoever has it and lives on was left behind.
MARK="misbehaving.$$.$RANDOM"
NAP="600.0$$" # for the same end, what a sleep is told
export NAP
nothing_left() { ! pgrep -f "$MARK|sleep $NAP" >/dev/null; }

# run_case NAME CODE: reads a task's script from stdin; task x=bad runs it, x=1 and x=2 are good.
run_case() {
	{
		echo "ppgen: 1"
		echo "name: $1"
		echo "params: {x: [1, bad, 2]}"
		echo "resources: {time: 60s}"
		cat "$1.more" 2>/dev/null
		echo "shell: |"
		echo "  # $MARK"
		echo "  [ \"\$x\" = bad ] || { echo \"\$x\"; exit; }"
		sed 's/^/  /'
		grep -q '^results:' "$1.more" 2>/dev/null || echo "results: {stdout: number}"
	} >"$1.yaml"
	rm -f "$1.more"
	exits "$2" ppgen run -q -j 2 "$1.yaml"
	is "$1: the others are good" "$(ppgen collect -q --partial "$1.yaml" -o - 2>/dev/null | grep -c '^t[^,]*,[12],.*,[12]$')" 2
	ok "$1: nothing is left running" within 20 nothing_left
	ppgen log "$1.yaml" x=bad >"$1.log" 2>&1
}
# The member of the bad task's end record.
bad() { cat "runs/$1/journal/"*/*.jsonl | grep '"k":"end"' | jq -r "select(.i == 1) | $2"; }

# ---- much output

echo "results: {stdout: {regex: {v: '([0-9]+)\\s*\$'}}}" >lines.more
run_case lines 0 <<'SH'
seq 1000000
SH
is 'lines: a million lines are kept' "$(ppgen log lines.yaml x=bad --stdout | sha256sum)" "$(seq 1000000 | sha256sum)"
run_case stderr 1 <<'SH'
head -c 100000000 /dev/zero >&2
exit 4
SH
like 'stderr: the exit code is said' stderr.log 'exit code 4'
is 'stderr: it is kept whole' "$(ppgen log stderr.yaml x=bad --stderr | sha256sum)" "$(head -c 100000000 /dev/zero | sha256sum)"
run_case bytes 1 <<'SH'
printf '\000\377\376\300\200\n\033[2J\r'
SH
like 'bytes: what is no number is said' bytes.log 'failed: stdout: line 1: .* is no number'
ok 'bytes: log shows nothing that a terminal obeys' sh -c "! grep -q '[[:cntrl:]]' bytes.log"
is 'bytes: every byte is kept' "$(ppgen log bytes.yaml x=bad --stdout | od -An -tx1 | tr -d ' \n')" '00fffec0800a1b5b324a0d'

# Several large outputs at once, which are taken in while others run.
cat >both.yaml <<YAML
ppgen: 1
name: both
params: {x: [large, 1, 2, 3, 4, 5, 6, 7, 8]}
shell: |
  # $MARK
  if [ "\$x" = large ]; then head -c 200000000 /dev/zero; seq 400000; exit; fi
  seq 400000 | sed "s/^/\$x /"
YAML
exits 0 ppgen run -q -j 4 both.yaml
for x in 1 5 8; do
	is "both: output $x is whole" "$(ppgen log both.yaml "x=$x" --stdout | sha256sum)" "$(seq 400000 | sed "s/^/$x /" | sha256sum)"
done
is 'both: and the large one' "$(ppgen log both.yaml x=large --stdout | sha256sum)" "$( (head -c 200000000 /dev/zero; seq 400000) | sha256sum)"
is 'both: no spool is left' "$(find runs/both/output -type f | wc -l)" 1

# While much output is taken in, the pool sees to the others. The intake is held up by a library until a task has made the file `go`;
# which it does when another was ended by its time limit and a third has run, both of them behind the large one.
cat >held.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static void hold(size_t n)
{
	const char *go = getenv("HELD_UNTIL");

	for (int i = 0; go && n > 60000 && access(go, F_OK) < 0; i++) {
		if (i == 6000) {
			FILE *f = fopen("held.in.vain", "w");

			if (f)
				fclose(f);
			return;
		}
		usleep(10000);
	}
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
	ssize_t (*real)(int, void *, size_t, off_t) = (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");

	hold(n);
	return real(fd, to, n, at);
}

ssize_t pread64(int fd, void *to, size_t n, off64_t at)
{
	ssize_t (*real)(int, void *, size_t, off64_t) = (ssize_t(*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");

	hold(n);
	return real(fd, to, n, at);
}
C
cat >held.yaml <<YAML
ppgen: 1
name: held
params: {x: [large, hang, go, late]}
overrides: [{where: x == 'hang', time: 1s}]
shell: |
  # $MARK
  case \$x in
  large) head -c 3000000 /dev/zero; : >large.ended ;;
  hang) until [ -e large.ended ]; do sleep 0.05; done; sleep "\$NAP" ;;
  late) : >late.ran ;;
  go)
    n=0
    until [ -e late.ran ] && cat "\$PPGEN_RUN"/journal/*/*.jsonl | grep -q '"out":"timeout"' || [ \$n -gt 500 ]; do
      sleep 0.1; n=\$((n + 1))
    done
    cat "\$PPGEN_RUN"/journal/*/*.jsonl >as.it.was
    : >go ;;
  esac
YAML
if sanitized; then
	echo "# the sanitizer must be loaded before all else: what is preloaded is left to the plain build"
elif ! "${CC:-cc}" -shared -fPIC -o held.so held.c -ldl 2>cc.err; then
	skip 'held: the others go on' "no C compiler: $(head -n 1 cc.err)"
else
	exits 1 env LD_PRELOAD="$PWD/held.so" HELD_UNTIL="$PWD/go" ppgen run -q -j 3 held.yaml
	ok 'held: nobody waited in vain' test ! -e held.in.vain
	is 'held: what was recorded when the large one was held up' "$(jq -r 'select(.k == "end") | "\(.i) \(.out)"' as.it.was | sort | tr '\n' ,)" '1 timeout,3 ok,'
	is 'held: all of it in the end' "$(cat runs/held/journal/*/*.jsonl | jq -r 'select(.k == "end") | "\(.i) \(.out)"' | sort | tr '\n' ,)" '0 ok,1 timeout,2 ok,3 ok,'
	ok 'held: nothing is left running' within 20 nothing_left
fi

# No room for all of it: stops with a message, and goes on when there is room.
cat >full.yaml <<YAML
ppgen: 1
name: full
params: {x: {from: 1, to: 6, step: 1}}
shell: |
  # $MARK
  seq 400000 | sed "s/^/\$x /"
YAML
exits 3 bash -c 'ulimit -f 8000; exec ppgen run -q -j 3 full.yaml'
like 'full: the message names the file and the remedy' "$err" "cannot keep output in '.*\.out'.*make room, then run again"
ok 'full: nothing is left running' within 20 nothing_left
exits 0 ppgen run -q -j 3 full.yaml
for x in 1 2 3 4 5 6; do ppgen log full.yaml "x=$x" --stdout; done >full.all
is 'full: all is there in the end' "$(sha256sum <full.all)" "$(for x in 1 2 3 4 5 6; do seq 400000 | sed "s/^/$x /"; done | sha256sum)"

# ---- how it ends

cat >codes.yaml <<YAML
ppgen: 1
name: codes
params: {x: {from: 0, to: 255, step: 1}}
shell: exit "\$x"
YAML
exits 1 ppgen run -q -j 4 codes.yaml
is 'codes: every one is recorded as it was' \
	"$(cat runs/codes/journal/*/*.jsonl | jq -r 'select(.k == "end") | select(.exit != .i or .sig != 0 or .out != (if .i == 0 then "ok" else "exit" end)) | .i')" ''
is 'codes: all of them' "$(cat runs/codes/journal/*/*.jsonl | grep -c '"k":"end"')" 256
ppgen log codes.yaml 137 >codes.log
like 'codes: 137 is an exit code where nobody killed' codes.log 'exit code 137'

cat >die.py <<'PY'
import os, resource, signal, sys
number = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if number not in (signal.SIGKILL, signal.SIGSTOP):
    signal.signal(number, signal.SIG_DFL)
os.kill(os.getpid(), number)
PY
# All but those that do not kill (CHLD, CONT, URG, WINCH), those that stop, and two that libc keeps to itself.
numbers=$(python3 -c '
import signal
stay = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
print(", ".join(str(n) for n in range(1, signal.SIGRTMAX + 1) if n in signal.valid_signals() and n not in stay))')
cat >signals.yaml <<YAML
ppgen: 1
name: signals
params: {x: [$numbers]}
command: python3 die.py {x}
YAML
exits 1 ppgen run -q -j 4 signals.yaml
is 'signals: each is recorded as one, with its number' \
	"$(cat runs/signals/journal/*/*.jsonl | jq -r 'select(.k == "end") | "\(.out) \(.exit) \(.sig)"' | sort | uniq)" \
	"$(echo "$numbers" | tr -d ' ' | tr , '\n' | sed 's/^/signal 0 /' | sort)"
ppgen log signals.yaml x=11 >signals.log
like 'signals: log names it' signals.log 'signal 11 \(Segmentation fault\)'

echo 'overrides: [{where: x == "bad", time: 1s}]' >stop.more
run_case stop 1 <<'SH'
kill -STOP $$
echo 9
SH
like 'stop: one that stopped itself ends by its limit' stop.log 'time limit of 1s'
echo 'overrides: [{where: x == "bad", time: 1s}]' >silent.more
run_case silent 1 <<'SH'
exec >&- 2>&- <&-
cd / && sleep "$NAP"
SH
like 'silent: one that closes all and hangs ends by its limit' silent.log 'time limit of 1s'

# ---- whom it leaves behind

run_case daemons 0 <<'SH'
setsid sleep "$NAP" &
(setsid sh -c 'sleep "$NAP" & sleep "$NAP" &' &)
(env -i setsid sleep "$NAP" >/dev/null 2>&1 </dev/null &)
(trap '' TERM INT HUP; cd / && setsid sleep "$NAP" &)
echo 5
SH
run_case bomb 0 <<'SH'
i=0
while [ $i -lt 150 ]; do
	(setsid sleep "$NAP" &)
	i=$((i + 1))
done
echo 5
SH
echo 'overrides: [{where: x == "bad", time: 2s}]' >relay.more
run_case relay 1 <<'SH'
i=0
while [ $i -lt 10 ]; do
	(setsid sh -c 'n=0; while [ $n -lt 200 ]; do (setsid true &); sleep 0.02; n=$((n + 1)); done' &)
	i=$((i + 1))
done
sleep "$NAP"
SH
like 'relay: its limit holds' relay.log 'time limit of 2s'

# ---- what it does to its folders and files

run_case nowhere 0 <<'SH'
mkdir here && cd here && rmdir ../here
echo 5
SH
cat >scratch.more <<'YAML'
env: {S: "{scratch}"}
YAML
run_case scratch 0 <<'SH'
cd "$S" && rm -rf "$S"
echo 5
SH
# Its spool: gone, renamed, of two names, made shorter; small ones and such as would be kept as a file of their own.
cat >spool.yaml <<YAML
ppgen: 1
name: spool
params:
  bytes: [20, 2000000, 70000000]
  how: [calm, rm, mv, ln, swap, chmod]
shell: |
  # $MARK
  spool=\$(readlink /proc/\$\$/fd/1)
  head -c \$bytes /dev/zero
  case \$how in
  rm) rm "\$spool" ;;
  mv) mv "\$spool" "moved.\$bytes" ;;
  ln) ln "\$spool" "linked.\$bytes" ;;
  swap) rm "\$spool"; echo another >"\$spool" ;;
  chmod) chmod 000 "\$spool" ;;
  esac || echo "cannot \$how \$spool" >&2
  exit 0
YAML
exits 0 ppgen run -q -j 1 spool.yaml
: >spool.sums
for bytes in 20 2000000 70000000; do
	sum=$(head -c $bytes /dev/zero | sha256sum)
	for how in calm rm mv ln swap chmod; do
		[ "$(ppgen log spool.yaml "bytes=$bytes,how=$how" --stdout | sha256sum)" = "$sum" ] || echo "$bytes $how" >>spool.sums
	done
done
is 'spool: whatever was done to its name, all output is kept' "$(cat spool.sums)" ''
is 'spool: another name of it keeps what it had' "$(cat linked.* | wc -c | tr -d ' ')" 72000020
run_case shorter 0 <<'SH'
head -c 3000000 /dev/zero
truncate -s 0 "$(readlink /proc/$$/fd/1)"
echo 5
SH

# No descriptor of ours, though large output is on its way.
cat >fds.yaml <<YAML
ppgen: 1
name: fds
params: {x: {from: 1, to: 20, step: 1}}
shell: |
  head -c 3000000 /dev/zero >&2
  set -- /proc/\$\$/fd/*
  echo \$#
results: {stdout: number}
YAML
exits 0 ppgen run -q -j 4 fds.yaml
is 'fds: the three, and the one that reads the folder' "$(sed 1d runs/fds/collect/results.csv | sed 's/.*,//' | sort | uniq -c | tr -s ' ')" ' 20 4'

# ---- what is in its reach as the same user: our own descriptors

run_parent() {
	cat >"$1.yaml" <<YAML
ppgen: 1
name: $1
params: {x: [1, bad, 2]}
shell: |
  # $MARK
  [ "\$x" = bad ] || { echo "\$x"; exit; }
  # once: each run of this is the same again
  [ ! -e $1.once ] || { echo 5; exit; }
  : >$1.once
  for f in /proc/\$PPID/fd/*; do
  case \$(readlink "\$f") in
  */journal/*.jsonl) $2 ;;
  *.[0-9].out) ;;
  */output/*.out) $3 ;;
  esac
  done
  echo 5
results: {stdout: number}
YAML
	ppgen run -q -j 1 "$1.yaml" >"$out" 2>"$err"
	code=$?
	ok "$1: the run ends ($code)" test "$code" -le 1
	exits 0 ppgen run -q -j 1 "$1.yaml"
	is "$1: the table is right in the end" "$(sed 1d "runs/$1/collect/results.csv" | cut -d, -f2,4 | tr '\n' ' ')" '1,1 bad,5 2,2 '
}
# shellcheck disable=SC2016 # for the task's shell
{
	run_parent append 'echo "garbage of a task" >>"$f"; printf "no end" >>"$f"' 'printf "XXXX" | dd of="$f" conv=notrunc bs=1 2>/dev/null'
	run_parent cut ': >"$f"' ': >"$f"'
}
exits 2 ppgen log append.yaml x=1
like 'append: what was overwritten is told' "$err" 'damaged'

# ---- what it gives for a result

# run_result NAME CODE: as run_case, with a result file out.{x}.csv; 1 and 2 write a good one.
run_result() {
	cat >"$1.sh"
	{
		echo "ppgen: 1"
		echo "name: $1"
		echo "params: {x: [1, bad, 2]}"
		echo "collect: [{from: t, to: t.csv}]"
		echo "results: {files: {t: '$1.{x}.csv'}}"
		echo "shell: |"
		echo "  # $MARK"
		echo "  f=$1.\$x.csv"
		echo "  [ \"\$x\" = bad ] || { printf 'v\\n%s\\n' \"\$x\" >\"\$f\"; exit; }"
		sed 's/^/  /' "$1.sh"
	} >"$1.yaml"
	if [ "$2" = '*' ]; then
		code=0
		ppgen run -q -j 2 "$1.yaml" >"$out" 2>"$err" || code=$?
		ok "$1: the run ends ($code)" test "$code" -le 1
	else
		exits "$2" ppgen run -q -j 2 "$1.yaml"
	fi
	is "$1: the others are good" "$(ppgen collect -q --partial "$1.yaml" 2>/dev/null; cut -d, -f2,4 "runs/$1/collect/t.csv" | grep -c '^[12],[12]$')" 2
	ok "$1: nothing is left running" within 20 nothing_left
	ppgen log "$1.yaml" x=bad >"$1.log" 2>&1
}
run_result fifo 1 <<'SH'
mkfifo "$f"
SH
like 'fifo: said' fifo.log 'is not a regular file'
run_result device 1 <<'SH'
ln -s /dev/zero "$f"
SH
like 'device: said' device.log 'is not a regular file'
run_result loop 1 <<'SH'
ln -s "$f" "$f"
SH
like 'loop: said' loop.log 'cannot be opened'
run_result folder 1 <<'SH'
mkdir "$f"
SH
like 'folder: said' folder.log 'is not a regular file'
run_result outside 0 <<'SH'
printf 'v\n7\n' >../outside.csv
ln -s ../outside.csv "$f"
SH
is 'outside: a link is followed, and the bytes are kept' "$(rm ../outside.csv; ppgen collect -q outside.yaml && cut -d, -f2,4 runs/outside/collect/t.csv | grep bad)" 'bad,7'
# Root may read what has no rights, so another user runs this one.
mkdir user
cp "$PPGEN" user/ppgen
cat >user/locked.yaml <<'YAML'
ppgen: 1
params: {x: [1, bad, 2]}
collect: [{from: t, to: t.csv}]
results: {files: {t: 'locked.{x}.csv'}}
shell: |
  printf 'v\n%s\n' "$x" >"locked.$x.csv"
  [ "$x" != bad ] || chmod 000 "locked.$x.csv"
YAML
as=
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$test_place" "$T" && chown -R 64321 user
	as='setpriv --reuid=64321 --regid=64321 --clear-groups'
fi
# shellcheck disable=SC2086 # words of their own
exits 1 $as sh -c 'cd user && exec ./ppgen run -q locked.yaml'
like 'locked: said' "$err" 'may not be read'
is 'locked: the others are good' "$(cat user/runs/locked/journal/*/*.jsonl | grep -c '"out":"ok"')" 2
run_result huge 1 <<'SH'
truncate -s 3G "$f"
SH
like 'huge: said' huge.log 'has more than 2G'
run_result zeros 1 <<'SH'
truncate -s 300M "$f"
SH
like 'zeros: said' zeros.log 'failed: t: line 1: '
# Made shorter while it is read: whatever is seen of it, nothing breaks. Good or not is a matter of chance.
run_result torn '*' <<'SH'
yes 1 | head -c 30000000 >rows
{ echo v; cat rows; } >"$f"
(setsid sh -c 'n=0; while [ $n -lt 60 ]; do truncate -s 9000000 "$0"; cat rows >>"$0"; n=$((n + 1)); done' "$f" &)
SH
# The same made certain: a library shortens each large file right when it was mapped.
cat >shorten.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static void *shorten(const char *name, void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	void *(*real)(void *, size_t, int, int, int, off_t) = (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, name);
	void *p = real(at, n, prot, flags, fd, from);
	char path[64];

	if (fd >= 0 && n > 9000000) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (truncate(path, 5000000) < 0)
			perror(path);
	}
	return p;
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	return shorten("mmap", at, n, prot, flags, fd, from);
}

void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t from)
{
	return shorten("mmap64", at, n, prot, flags, fd, from);
}
C
cat >shorten.yaml <<YAML
ppgen: 1
name: shorten
params: {x: [1, file, stream, 2]}
shell: |
  # $MARK
  f=shorten.\$x.csv
  case \$x in
  file) { echo v; yes 1 | head -c 30000000; } >"\$f"; echo 3 ;;
  stream) echo v >"\$f"; yes 4 | head -c 30000000 ;;
  *) printf 'v\\n%s\\n' "\$x" >"\$f"; echo "\$x" ;;
  esac
results: {stdout: number, files: {t: "shorten.{x}.csv"}}
YAML
{ echo v; yes 1 | head -c 30000000; } >table.csv
cat >table.yaml <<'YAML'
ppgen: 1
params: {table: {file: table.csv}}
command: "true"
YAML
if sanitized; then
	echo "# as above"
elif ! "${CC:-cc}" -shared -fPIC -o shorten.so shorten.c -ldl 2>cc.err; then
	skip 'shorten: what became shorter while it was read' "no C compiler: $(head -n 1 cc.err)"
else
	exits 1 env LD_PRELOAD="$PWD/shorten.so" ppgen run -q -j 2 shorten.yaml
	is 'shorten: the others are good' "$(cat runs/shorten/journal/*/*.jsonl | grep '"out":"ok"' | jq -r .i | sort | tr '\n' ,)" '0,3,'
	is 'shorten: the reasons' "$(cat runs/shorten/journal/*/*.jsonl | jq -r 'select(.why) | "\(.i) \(.out) \(.why)"' | sort | tr '\n' ,)" \
		'1 invalid t: became shorter while it was read,2 invalid stdout: became shorter while it was read,'
	exits 2 env LD_PRELOAD="$PWD/shorten.so" ppgen check table.yaml
	like 'shorten: a table of parameters' "$err" "'table.csv' became shorter while it was read"
fi
done_testing
