#!/bin/bash
# SPDX-License-Identifier: MIT
# A thousand SIGKILLs at random moments: see killed.py. KILLS=N makes more of them; KILLED_SEED=N repeats the choices of a run that failed,
# and KEEP=1 keeps its run directory.
. "$(dirname "$0")/lib.sh"

kills=${KILLS:-1000}
[ -n "${KILLS:-}" ] || ! sanitized || kills=150 # it is slow to start
seed=${KILLED_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "# KILLED_SEED=$seed KILLS=$kills"
ok "$kills kills of ppgen, its workers and its tasks change no table and repeat no task" python3 "$SRC/tests/e2e/killed.py" "$PPGEN" "$kills" "$seed"
grep '^#' "$out"
done_testing
