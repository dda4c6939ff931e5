#!/bin/sh
# SPDX-License-Identifier: MIT
# What templates/r.R answers, call by call.

SRC=$(CDPATH='' cd -- "$(dirname "$0")/../.." && pwd) || exit 99
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}
command -v python3 >/dev/null || skip_all 'there is no python3'
command -v Rscript >/dev/null || skip_all 'there is no Rscript'
Rscript -e 'library(jsonlite)' >/dev/null 2>&1 || skip_all 'R has no jsonlite'
exec python3 -B "$SRC/tests/languages/check_r.py"
