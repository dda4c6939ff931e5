#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What tasks run in on a real Slurm, also where sites or users have it pass nothing on. tests/e2e/environment_lib.sh has the checks.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
. "$SRC/tests/e2e/environment_lib.sh"
environment_prepare
cluster_up slurm --no-rest
environment_is_private scontrol show job -d
SBATCH_EXPORT=NONE
export SBATCH_EXPORT
environment_tests --export=NIL
unset SBATCH_EXPORT
environment_of_node '#SBATCH --export=NONE'
done_testing
