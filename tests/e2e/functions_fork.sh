#!/bin/bash
# SPDX-License-Identifier: MIT
# The same as functions.sh where each call has a process of its own.
ISOLATE=fork
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
