#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What tasks run in on a real Grid Engine, which is asked to pass nothing on. tests/e2e/environment_lib.sh has the checks.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
. "$SRC/tests/e2e/sge_lib.sh"
. "$SRC/tests/e2e/environment_lib.sh"
environment_prepare
sge_up --set slots=24
environment_is_private qstat -j
environment_tests -p 0
environment_of_node
done_testing
