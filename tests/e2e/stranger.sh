#!/bin/sh
# SPDX-License-Identifier: MIT
# A spec, and a run directory, from a stranger: check, plan and collect start no program, write nothing outside of the run
# directory, end, and use no more memory than they may.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip_all 'no python3 here'

LIMIT=256 # MiB that ppgen may ask for here; without PPGEN_MEMORY_LIMIT it would be 4096

# look.py COMMAND...: runs it so that any attempt to start a process kills it, for at most two minutes. Writes the exit code (-N
# for a signal) and the most memory that it had, in MiB, into $VERDICT.
D=$test_place/look # ours, where nothing of the user is
mkdir "$D"
said=$D/said
cat >"$D/look.py" <<'PY'
import ctypes, os, platform, resource, signal, struct, subprocess, sys

def forbid():
    """A filter on system calls: no fork, no clone but of threads."""
    arch, clone, forks, clone3 = {
        "x86_64": (0xC000003E, 56, (57, 58), 435), "aarch64": (0xC00000B7, 220, (), 435)}[platform.machine()]
    kill, allow, nosys = 0x80000000, 0x7FFF0000, 0x00050000 | 38
    ins = lambda code, jt, jf, k: struct.pack("HBBI", code, jt, jf, k)
    program = [ins(0x20, 0, 0, 4), ins(0x15, 1, 0, arch), ins(0x06, 0, 0, kill), ins(0x20, 0, 0, 0)]
    for number in forks:
        program += [ins(0x15, 0, 1, number), ins(0x06, 0, 0, kill)]
    program += [ins(0x15, 0, 1, clone3), ins(0x06, 0, 0, nosys)]
    # of clone: CLONE_THREAD must be set (the low half of the first argument)
    program += [ins(0x15, 0, 3, clone), ins(0x20, 0, 0, 16), ins(0x45, 1, 0, 0x10000), ins(0x06, 0, 0, kill),
                ins(0x06, 0, 0, allow)]
    code = b"".join(program)
    room = ctypes.create_string_buffer(code)
    prog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(room)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, prog, 0, 0):
        os._exit(97)

def prepare():
    os.setsid()
    if os.environ.get("FORBID") == "1":
        forbid()

child = subprocess.Popen(sys.argv[1:], preexec_fn=prepare, stdin=subprocess.DEVNULL)
signal.signal(signal.SIGALRM, lambda *_: child.kill())
signal.alarm(120)
code = child.wait()
with open(os.environ["VERDICT"], "w") as f:
    print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10, file=f)
PY

VERDICT=$D/verdict
export VERDICT
FORBID=1
sanitized && FORBID=0 # the leak checker is a process of its own
export FORBID

# What is not the stranger's, beside whose folder it lies.
mkdir mine stranger
echo mine >mine/file
echo mine >mine/results.csv
# Whatever a spec could name: one that ran leaves a mark.
mkdir "$D/bin"
for name in git sh bash env python3 sbatch squeue qsub qstat module; do
	printf '#!/bin/sh\necho "%s $*" >>"%s/ran"\n' "$name" "$D" >"$D/bin/$name"
	chmod +x "$D/bin/$name"
done
python=$(python3 -c 'import sys; print(sys.executable)')

# All that stands outside of run directories: names, types, links, and what is in the files of `mine`.
outside() {
	(cd "$T" && find . -path './stranger/runs' -prune -o -printf '%p %y %l %s\n' | sort && cat mine/file mine/results.csv)
	find "$H" | sort
}

# harmless DESCRIPTION CODES COMMAND...: exit code among CODES (a pattern of case), nothing started, nothing outside changed,
# no more memory than allowed.
harmless() {
	harmless_name=$1
	harmless_codes=$2
	shift 2
	rm -f "$VERDICT"
	outside >"$D/before"
	(cd stranger && PATH=$D/bin:$PATH PPGEN_MEMORY_LIMIT=${LIMIT}M "$python" "$D/look.py" "$PPGEN" "$@" >"$D/out" 2>"$said")
	[ -s "$VERDICT" ] || { echo "Bail out! $(cat "$said")"; exit 99; }
	read -r harmless_code harmless_memory <"$VERDICT"
	outside >"$D/after"
	harmless_bad=
	eval "case $harmless_code in $harmless_codes) ;; *) harmless_bad=\"exit $harmless_code\" ;; esac"
	[ -e "$D/ran" ] && harmless_bad="$harmless_bad; it ran: $(cat "$D/ran")"
	cmp -s "$D/before" "$D/after" || harmless_bad="$harmless_bad; changed: $(diff "$D/before" "$D/after" | tr '\n' ' ')"
	sanitized || [ "$harmless_memory" -le $((LIMIT + 64)) ] || harmless_bad="$harmless_bad; $harmless_memory MiB"
	rm -f "$D/ran" "$D/before" "$D/after"
	ok "$harmless_name: $1 $harmless_bad" test -z "$harmless_bad" || test_show said "$said"
}

# spec DESCRIPTION <<SPEC: check and plan of what stdin holds, which may be good or not.
spec() {
	cat >stranger/spec.yaml
	harmless "$1" '0|2|3' check spec.yaml
	harmless "$1" '0|2|3' plan spec.yaml
}

# refused DESCRIPTION ERE <<SPEC: check must refuse it and say so.
refused() {
	cat >stranger/spec.yaml
	harmless "$1" 2 check spec.yaml
	like "$1: the message" "$said" "$2"
}

# times N TEXT: TEXT N times.
times() {
	"$python" -c 'import sys; sys.stdout.write(sys.argv[2] * int(sys.argv[1]))' "$1" "$2"
}

# ---- what a spec can name

spec 'every place for a command' <<YAML
ppgen: 1
name: x
params: {a: [1, "\$(touch $T/mine/ran)"], f: {glob: "\$(touch $T/mine/ran)*"}}
command: [touch, "$T/mine/ran"]
setup: touch $T/mine/ran
env: {LD_PRELOAD: /nowhere, "BASH_ENV": "$T/mine/ran", X: "\$(touch $T/mine/ran)"}
YAML
spec 'a shell script' <<YAML
ppgen: 1
name: x
params: {a: [1]}
shell: {script: touch $T/mine/ran, with: [sh, -c]}
setup: touch $T/mine/ran
workdir: $T/mine
results: {files: {t: $T/mine/file}}
YAML
refused 'a name that leads out' "is no name" <<YAML
ppgen: 1
name: ../../mine
command: echo
YAML
refused 'a table that leads out' 'results.csv' <<YAML
ppgen: 1
name: x
command: echo
results: {stdout: number}
collect: [{to: ../../../mine/results.csv}]
YAML
refused 'a table with an absolute path' 'results.csv' <<YAML
ppgen: 1
name: x
command: echo
results: {stdout: number}
collect: [{to: $T/mine/results.csv}]
YAML
for scheme in file ftp gopher scp dict; do
	refused "$scheme:// as a table" 'https://' <<YAML
ppgen: 1
name: x
params: {table: {url: "$scheme://$T/mine/results.csv", sha256: $(times 64 0)}}
command: echo
YAML
	refused "$scheme:// as an input" 'https://' <<YAML
ppgen: 1
name: x
inputs: {i: {url: "$scheme://$T/mine/results.csv", sha256: $(times 64 0)}}
command: echo
YAML
done

# ---- files that never end, or never begin

mkfifo stranger/pipe stranger/pipe.csv
for file in /dev/zero /dev/urandom /dev/full /dev/tty pipe pipe.csv; do
	refused "$file as a list" 'cannot read' <<YAML
ppgen: 1
name: x
params: {a: {lines: $file}}
command: echo {a}
YAML
	refused "$file as a table" 'cannot read' <<YAML
ppgen: 1
name: x
params: {table: {file: $file, format: csv}}
command: echo
YAML
	refused "$file as an input" 'neither a file nor a folder' <<YAML
ppgen: 1
name: x
inputs: {i: $file}
command: echo
YAML
	spec "$file as a word" <<YAML
ppgen: 1
name: x
command: cat $file ./$file
YAML
done
spec '/proc as an input' <<YAML
ppgen: 1
name: x
inputs: {i: /proc/self}
command: echo
YAML
ln -s /dev/zero stranger/zero.yaml
harmless 'a spec without end' '2|3' check zero.yaml
rm stranger/zero.yaml stranger/pipe stranger/pipe.csv

# ---- bombs

{
	echo 'ppgen: 1'
	echo 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
	for i in 1 2 3 4 5 6 7 8 9; do
		j=$((i - 1))
		echo "a$i: &a$i [*a$j, *a$j, *a$j, *a$j, *a$j, *a$j, *a$j, *a$j, *a$j, *a$j]"
	done
	echo 'command: echo'
} >"$D/laughs"
refused 'a billion laughs' 'too large' <"$D/laughs"
refused 'deep nesting' 'nested too deeply' <<YAML
ppgen: 1
params: {a: $(times 5000 '[')$(times 5000 ']')}
command: echo
YAML
refused 'deep brackets in where' 'nested too deeply' <<YAML
ppgen: 1
params: {grid: {a: [1]}, where: "$(times 5000 '(')a$(times 5000 ')')"}
command: echo
YAML
refused 'a grid of 10^18' 'more than 2\^48 points' <<YAML
ppgen: 1
params: {a: {from: 1, to: 1000000, step: 1}, b: {from: 1, to: 1000000, step: 1}, c: {from: 1, to: 1000000, step: 1}}
command: echo
YAML
spec 'a grid of 10^14' <<YAML
ppgen: 1
name: x
params: {a: {from: 1, to: 10000000, step: 1}, b: {from: 1, to: 10000000, step: 1}}
command: echo {a} {b}
overrides: [{where: a > b, memory: 1G}]
YAML
refused 'huge numbers' 'digits' <<YAML
ppgen: 1
params: {a: {from: 1e400, to: 2e400, step: 1e-400}, b: {from: -9223372036854775808, to: 9223372036854775807, step: 1}}
repeat: 99999999999999999999999
seed: 99999999999999999999999
command: echo
YAML
spec 'the most repetitions' <<YAML
ppgen: 1
name: x
repeat: 1000000000
command: echo {rep}
YAML
spec 'a pattern with many stars' <<YAML
ppgen: 1
name: x
params: {a: {glob: "*a*a*a*a*a*a*a*a*a*a*a*a*b"}}
command: echo {a}
YAML
refused 'a pattern of any depth' "" <<YAML
ppgen: 1
params: {a: {glob: "/**"}}
command: echo {a}
YAML
spec 'a pattern over much' <<YAML
ppgen: 1
name: x
params: {a: {glob: "/proc/*/*"}}
command: echo {a}
YAML
refused 'backtracking in where' 'too costly' <<YAML
ppgen: 1
params: {grid: {a: ["$(times 60 a)b"]}, where: "matches(a, '(a+)+\$') or true"}
command: echo
YAML
refused 'a pattern that grows' 'too large' <<YAML
ppgen: 1
command: echo
results: {stdout: {regex: {a: '(?:(?:(?:a{1,60000}){1,60000}){1,60000})'}}}
YAML
spec 'a wide placeholder' <<YAML
ppgen: 1
name: x
params: {a: [1]}
command: echo $(times 1000 '{a:999d}')
YAML

# Those that only the limit stops; sanitizers know none.
if ! sanitized; then
	refused_by_limit() {
		cat >stranger/spec.yaml
		harmless "$1" 3 "$2" spec.yaml
		like "$1: the message" "$said" 'more than 256M are wanted'
	}
	refused_by_limit 'a where over 6 * 10^10 points' check <<YAML
ppgen: 1
params: {grid: {a: {from: 1, to: 1000000, step: 1}, b: {from: 1, to: 60000, step: 1}}, where: a > 1}
command: echo
YAML
	refused_by_limit 'a zip of long ranges' check <<YAML
ppgen: 1
params: {zip: {a: {from: 1, to: 60000000, step: 1}, b: {from: 1, to: 60000000, step: 1}}}
command: echo
YAML
	refused_by_limit 'an evenly spaced axis of 6 * 10^7' check <<YAML
ppgen: 1
params: {a: {from: 0, to: 1, num: 60000000}}
command: echo
YAML
	refused_by_limit 'a command of 10^11 bytes' plan <<YAML
ppgen: 1
name: x
params: {a: [$(times 1000000 a)]}
command: echo $(times 100000 '{a}')
YAML
fi

# ---- a run directory from a stranger

cat >stranger/spec.yaml <<'YAML'
ppgen: 1
name: x
params: {v: [1, "../../../mine/file"]}
shell: 'echo a,b >"$PPGEN_SCRATCH/t.csv"; echo "$v,2" >>"$PPGEN_SCRATCH/t.csv"; head -c 3000 /dev/zero | tr "\0" a; echo b'
results: {stdout: text, files: {t: "{scratch}/t.csv"}}
collect: [{to: results.csv}, {from: t, to: sub/t.csv}]
YAML
ok 'an honest run' env -C stranger ppgen run -q spec.yaml
harmless 'the run directory as it is' 0 collect spec.yaml
cp -R stranger/runs/x "$D/good"

# collects DESCRIPTION CODES TAMPER: collect, by the spec and by the folder, after TAMPER in the run directory.
collects() {
	rm -rf stranger/runs/x
	cp -R "$D/good" stranger/runs/x
	(cd stranger/runs/x && eval "$3") || test_line 1 "cannot tamper: $3"
	harmless "$1" "$2" collect spec.yaml
	harmless "$1, by its name" "$2" collect runs/x
}

collects 'collect/ leads out' '1|2' 'rm -r collect && ln -s ../../../mine collect'
like 'says what to do' "$said" 'collect. is a symbolic link that leads out of .*: remove it'
collects 'a table leads out' '1|2' 'ln -sf ../../../../mine/results.csv collect/results.csv'
collects 'a table leads to nothing yet' '1|2' 'ln -sf ../../../../mine/new.csv collect/results.csv'
collects 'a folder of tables leads out' '1|2' 'rm -r collect/sub && ln -s ../../../../mine collect/sub'
collects 'what was published leads out' '1|2' 'ln -sf ../../../../mine/file collect/published.json'
collects 'what was published is all of a disk' '0|1|2|3' 'ln -sf /dev/zero collect/published.json'
collects 'output leads out' '0|1' 'for f in output/*/*.out; do ln -sf "$T/mine/file" "$f"; done'
collects 'a journal is another file' '0|1|2' 'for f in journal/*/*.jsonl; do ln -sf "$T/mine/file" "$f"; done'
collects 'journals lead out' '0|1|2' 'rm -r journal && ln -s ../../../mine journal'
collects 'the mark leads out' '0|1|2|3' 'ln -sf /dev/zero ppgen.json'
collects 'a plan without end' '2|3' 'ln -sf /dev/zero plan/0001/run.json'
collects 'a submission with commands' '0|1|2' 'mkdir -p submissions/0001 &&
	printf "{\"v\":1}" >submissions/0001/submission.json && printf "touch %s/ran" "$D" >submissions/0001/finalise.sh'

# A spec that was changed is published as a new plan: in the run directory, and without git, which runs what a repository says.
sed -i 's/^shell: /seed: 7\n&/' stranger/spec.yaml
mkdir stranger/.git stranger/.git/objects stranger/.git/refs
echo 'ref: refs/heads/main' >stranger/.git/HEAD
printf '[core]\n\trepositoryformatversion = 0\n\tfsmonitor = "touch %s/ran; false"\n' "$D" >stranger/.git/config
changed() {
	rm -rf stranger/runs/x
	cp -R "$D/good" stranger/runs/x
	(cd stranger/runs/x && eval "$3")
	harmless "$1" "$2" collect --stale=keep spec.yaml
}
changed 'a changed spec' 0 :
ok 'it is a new plan' test -d stranger/runs/x/plan/0002
changed 'plan/ leads out' '1|2|3' 'cp -R plan "$T/plan.copy" && rm -r plan && ln -s ../../../plan.copy plan'
ok 'and got no plan there' test ! -e plan.copy/0002
done_testing
