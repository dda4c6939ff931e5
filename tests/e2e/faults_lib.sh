# shellcheck shell=bash disable=SC2154 # variables of lib.sh
# SPDX-License-Identifier: MIT
#
# For scripts that inject faults (tests/faults/shim.c is the manual), behind lib.sh:
#
#	faulty RULES COMMAND...   runs the command with these faults; they count below $T alone, unless $fault_below says otherwise
#	                          ('' is everywhere). What acted is in the file $acted, empty when no call was reached
#	traced FILE COMMAND...    runs it without faults; FILE gets a line for each call: pid, class, call, path
#
# The program that is run must be ppgen: other programs are let alone, and so is what ppgen starts.

shim=${abs_top_builddir:-}/tests/faults/shim.so
if [ ! -e "$shim" ]; then
	shim=$test_place/shim.so
	${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -g -shared -fPIC -o "$shim" "$SRC/tests/faults/shim.c" -ldl ||
		skip_all 'the fault shim (tests/faults/shim.c) cannot be built here'
fi
# gcc's sanitizer wants to be first; clang's is in the program.
fault_preload=$(ldd "$PPGEN" | sed -n 's/.*=> \([^ ]*lib[at]san[^ ]*\).*/\1/p' | tr '\n' ' ')$shim
fault_below=$T
acted=$test_place/acted

faulty() {
	local rules=$1
	shift
	: >"$acted"
	LD_PRELOAD=$fault_preload PPGEN_FAULTS=$rules PPGEN_FAULT_BELOW=$fault_below PPGEN_FAULT_LOG=$acted "$@"
}

traced() {
	local file=$1
	shift
	: >"$file"
	LD_PRELOAD=$fault_preload PPGEN_FAULT_BELOW=$fault_below PPGEN_FAULT_TRACE=$file "$@"
}
