#!/bin/bash
# SPDX-License-Identifier: MIT
# A thousand SIGKILLs at random moments: see killed.py. KILLS=N makes more of them; KILLED_SEED=N repeats the choices of a run that failed,
# and KEEP=1 keeps its run directory.
. "$(dirname "$0")/lib.sh"

kills=${KILLS:-1000}
if sanitized; then
	[ -n "${KILLS:-}" ] || kills=150 # it is slow to start
	# the search for leaks is a child that looks like a task, and waits for ever when that is killed
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
fi
seed=${KILLED_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "# KILLED_SEED=$seed KILLS=$kills"
ok "$kills kills of ppgen, its workers and its tasks change no table and repeat no task" python3 "$SRC/tests/e2e/killed.py" "$PPGEN" "$kills" "$seed"
grep '^#' "$out"
done_testing
