#!/bin/sh
# SPDX-License-Identifier: MIT
# Tasks that misbehave: the run ends, the others' results are right, and nothing of them is left running.
. "$(dirname "$0")/lib.sh"

cat >spec.yaml <<'YAML'
ppgen: 1
name: m
params: {x: [1, 2]}
shell: |
  [ "$x" = 1 ] || { exec >&- 2>&-; kill -KILL $$; }
  echo "$x"
results: {stdout: number}
YAML
exits 1 ppgen run spec.yaml
is 'the other task is good' "$(ppgen status spec.yaml | grep -c '1 good')" 1
done_testing
