#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The same specs by the local pool, Slurm, Grid Engine and the PBS stand-in: the tables' sha256 are equal.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"

for kind in slurm sge pbs; do
	lacking=$("$SRC/tests/cluster/$kind" missing) || skip_all "not installed: $(printf '%s' "$lacking" | tr '\n' ' ')"
done

specs='mixed repaired files short'

# Each in a folder of its own, so that every scheduler begins anew.
write_specs() {
	cat >mixed.yaml <<'END'
ppgen: 1
params: {grid: {L: [4, 8, 16], code: [metro, wolff]}}
repeat: 3
seed: 7
shell: printf '{"energy":%s.%s,"code":"%s"}\n' "$L" "$PPGEN_SEED" "$code"
resources: {cpus: 1, memory: 50M, time: 1m}
overrides:
  - {where: L >= 16, cpus: 2, memory: 100M, time: 2m}
  - {where: code == 'wolff', time: 3m}
results: {stdout: json}
collect:
  - {to: results.csv}
  - {to: by.csv, by: [L], mean: energy, count: true}
END
	cat >repaired.yaml <<'END'
ppgen: 1
params: {x: {from: 1, to: 20, step: 1}}
shell: |
  [ $((x % 3)) -gt 0 ] || [ "$PPGEN_ATTEMPT" -gt 1 ] || { echo "not yet" >&2; exit 4; }
  echo "$((x * x))"
retry: 2
results: {stdout: number}
END
	cat >files.yaml <<'END'
ppgen: 1
params: {n: [1, 5, 20]}
shell: |
  echo step,value >"$PPGEN_SCRATCH/trace.csv"
  i=0; while [ $i -lt $n ]; do echo "$i,$((i * n))" >>"$PPGEN_SCRATCH/trace.csv"; i=$((i + 1)); done
  echo "$n rows"
results:
  stdout: text
  files: {trace: "{scratch}/trace.csv"}
collect:
  - {to: results.csv}
  - {to: traces.csv, from: trace}
END
	cat >short.yaml <<'END'
ppgen: 1
params: {i: {from: 1, to: 2000, step: 1}}
command: echo {i}
results: {stdout: number}
submit: {elements: 4, slots: 2}
END
}

sums() {
	(cd "runs/$1/collect" && sha256sum -- *.csv)
}

mkdir local && cd local || exit 99
write_specs
for spec in $specs; do
	ok "local: $spec" ppgen run -q $spec.yaml
	sums $spec >"$T/$spec.sums"
done
for kind in slurm sge pbs; do
	(
		cluster_up $kind
		mkdir "$T/$kind" && cd "$T/$kind" || exit 99
		write_specs
		for spec in $specs; do
			ok "$kind: submit $spec" ppgen submit -q $spec.yaml
		done
		for spec in $specs; do
			finished $spec.yaml
			is "$kind: $spec: all is good" "$code $(cat "$err")" '0 '
			is "$kind: $spec: the same bytes" "$(sums $spec)" "$(cat "$T/$spec.sums")"
		done
		echo "$test_count $test_failed" >"$test_place/counts"
		trap - EXIT
		eval "$test_at_end"
	)
	read -r test_count test_failed <"$test_place/counts"
done
done_testing
