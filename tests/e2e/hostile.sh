#!/bin/sh
# SPDX-License-Identifier: MIT
# Values, paths and outputs that break scripts: nothing is split, injected, lost or mangled on the way through.
. "$(dirname "$0")/lib.sh"

dir="a dir with 'quotes' \"and\" \$(touch injected) {braces}"
mkdir "$dir"
cd "$dir" || exit 99
cat >show.py <<'PY'
import json, os, sys
print(json.dumps({"arg": sys.argv[1], "n": len(sys.argv) - 1}))
PY
cat >"my spec.yaml" <<'YAML'
ppgen: 1
name: h
params:
  v:
    - "two words"
    - "it's"
    - 'say "hi"'
    - "new\nline"
    - "tab\there"
    - -rf
    - --help
    - ""
    - " "
    - $(touch injected)
    - "`touch injected`"
    - "; touch injected"
    - "a && touch injected"
    - "{v}"
    - "{{"
    - "*"
    - "~"
    - "$HOME"
    - "a,b"
    - "\\"
    - "%s%n"
    - "é ü 日本"
    - "\u2028"
    - "null"
    - "true"
    - "007"
command: python3 show.py {v}
results: {stdout: json}
YAML
exits 0 ppgen run "my spec.yaml"
ok 'nothing was injected' test ! -e injected
ok 'nor in the folder above' test ! -e ../injected
cat >"$T/compare.py" <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8")))
bad = [r for r in rows if r["v"] != r["arg"] or r["n"] != "1"]
print(len(rows), len(bad), bad[:3])
PY
is 'every value arrived as it is, as one word' "$(python3 "$T/compare.py" runs/h/collect/results.csv)" '26 0 []'
exits 0 ppgen collect "my spec.yaml" -o t.jsonl
is 'JSON Lines too' "$(jq -r 'select(.v != .arg) | .v' t.jsonl)" ''
exits 0 ppgen log 0

sed -e "s/^command:.*/shell: printf '%s' \"\$v\"/" -e 's/^results:.*/results: {stdout: text}/' -e 's/^name:.*/name: hs/' "my spec.yaml" >shell.yaml
exits 0 ppgen run shell.yaml
cat >"$T/compare2.py" <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8")))
print(len(rows), [r for r in rows if r["v"].rstrip("\n") != r["text"].rstrip("\n")])
PY
is 'through the environment as well' "$(python3 "$T/compare2.py" runs/hs/collect/results.csv)" '26 []'
ok 'still nothing injected' test ! -e injected

# The command that is shown can be pasted into a shell.
ppgen log runs/h 'v=two words' | sed -n 's/^ *\(cd .*\)/\1/p' | head -n 1 >paste.sh
is 'what log shows can be pasted' "$(sh paste.sh)" '{"arg": "two words", "n": 1}'

cat >bytes.yaml <<'YAML'
ppgen: 1
name: b
params: {k: [raw, nul, crlf, none, long]}
shell: |
  case $k in
  raw) printf 'caf\351 \377\376' ;;
  nul) printf 'a\000b' ;;
  crlf) printf 'x\r\ny\r\n' ;;
  none) : ;;
  long) head -c 300000 /dev/zero | tr '\0' z ;;
  esac
  printf 'to stderr \200\n' >&2
results: {stdout: text}
YAML
exits 0 ppgen run bytes.yaml
cat >"$T/bytes.py" <<'PY'
import csv, sys
data = open(sys.argv[1], "rb").read()
print(b"caf\xe9 \xff\xfe" in data, b"a\0b" in data, b"z" * 300000 in data)
PY
is 'bytes that are no UTF-8 pass through a CSV table' "$(python3 "$T/bytes.py" runs/b/collect/results.csv)" 'True True True'
exits 0 ppgen collect bytes.yaml -o bytes.jsonl
ok 'JSON stays valid' jq -e . bytes.jsonl
ppgen log runs/b k=nul --stdout >nul.out
is 'log --stdout gives every byte' "$(od -An -c nul.out | tr -d ' ')" 'a\0b'
exits 0 ppgen log runs/b k=raw

cat >list.yaml <<'YAML'
ppgen: 1
name: l
params: {opts: [[], [one], [one, "two words", 3]]}
command: [sh, -c, 'echo $#', x, "{opts}", end]
results: {stdout: number}
YAML
exits 0 ppgen run list.yaml
is 'a list is that many words' "$(cut -d, -f4- runs/l/collect/results.csv | sed 's/.*,//' | tr '\n' ' ')" 'value 1 2 4 '
done_testing
