# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scripts in bench/ share. Each begins with:
#
#	cd "$(dirname "$0")/.." && . bench/lib.sh
#
# $ppgen is then the program ($PPGEN, else the one in build/), $here a scratch folder (in $TMPDIR) that goes away at the end, $source this tree.
# Helpers in C are built into $here: `tool measure` gives bench/measure.c, `tool make_run` bench/make_run.c with the program's libppgen.a, so
# $PPGEN must stand in the folder that it was built in.

set -eu
ppgen=$(realpath "${PPGEN:-build/ppgen}")
source=$PWD
here=$(mktemp -d "${TMPDIR:-/tmp}/ppgen-bench.XXXXXX")
trap 'rm -rf "$here"' EXIT
export XDG_CONFIG_HOME=$here LC_ALL=C
unset PPGEN_SITE PPGEN_SITES

# Builds bench/NAME.c as $here/NAME. What is left unsaid of flags is as the tree's own defaults.
tool() {
	local with=()
	if [[ $1 != measure ]]; then
		read -ra with <<<"-I$source $(dirname "$ppgen")/libppgen.a $(pkg-config --libs yaml-0.1 libcrypto libpcre2-8) -lpthread -lm -ldl"
	fi
	"${CC:-gcc}" -std=c11 -O2 -D_GNU_SOURCE '-DPPGEN_VERSION="bench"' -o "$here/$1" "$source/bench/$1.c" "${with[@]}"
}

have() {
	command -v "$1" >/dev/null
}

# A peer that cannot be compared with.
missing() {
	echo "$1 is missing ($2): not compared"
}

machine() {
	echo "$(nproc) processors, $(uname -sr), $(date -u +%F)"
}
