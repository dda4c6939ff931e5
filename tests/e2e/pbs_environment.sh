#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What tasks run in on the PBS stand-in (tests/cluster/pbs), which passes nothing on. tests/e2e/environment_lib.sh has the checks.

. "$(dirname "$0")/lib.sh"
. "$SRC/tests/e2e/cluster_lib.sh"
. "$SRC/tests/e2e/environment_lib.sh"
environment_prepare
echo 'echo from the profile; PATH=/usr/bin:/bin' >"$HOME/.bash_profile"
cluster_up pbs --history --cpus 12 --no-path
environment_is_private qstat -f
environment_tests -p 0
# as a site's own profile has it
echo "PATH=$CLUSTER/bin:\$PATH" >>"$HOME/.bash_profile"
environment_of_node
done_testing
