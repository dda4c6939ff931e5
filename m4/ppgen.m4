# SPDX-License-Identifier: MIT
#
# Macros of ppgen's configure script.

# PPGEN_CHECK_CFLAGS(VARIABLE, FLAGS)
# -----------------------------------
# Appends to VARIABLE each of the FLAGS (words) that the C compiler takes without a warning. Each flag is tried alone. Clang only
# warns about flags that it does not know, hence -Werror in the trial.
AC_DEFUN([PPGEN_CHECK_CFLAGS], [
AC_LANG_ASSERT([C])
ppgen_saved_cflags=$CFLAGS
for ppgen_flag in $2; do
	AC_MSG_CHECKING([whether $CC accepts $ppgen_flag])
	CFLAGS="$ppgen_saved_cflags -Werror $ppgen_flag"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM],
		[AC_MSG_RESULT([yes])
		AS_VAR_APPEND([$1], [" $ppgen_flag"])],
		[AC_MSG_RESULT([no])])
done
CFLAGS=$ppgen_saved_cflags
AC_SUBST([$1])
])

# PPGEN_ARG_WERROR
# ----------------
# --enable-werror makes warnings errors. It is for the developers and the tests: a newer compiler's new warnings must not stop
# a user's build. Sets WERROR_CFLAGS.
AC_DEFUN([PPGEN_ARG_WERROR], [
AC_ARG_ENABLE([werror],
	[AS_HELP_STRING([--enable-werror], [treat compiler warnings as errors])],
	[], [enable_werror=no])
AS_VAR_IF([enable_werror], [yes], [WERROR_CFLAGS=-Werror], [WERROR_CFLAGS=])
AC_SUBST([WERROR_CFLAGS])
])

# PPGEN_ARG_SANITIZE
# ------------------
# --enable-sanitize builds with the address and undefined-behaviour sanitizers, --enable-sanitize=thread (or any list that the
# compiler knows) with others. A finding ends the program. Sets SANITIZE_CFLAGS (also for linking); fails when a program that
# is built so cannot be linked.
AC_DEFUN([PPGEN_ARG_SANITIZE], [
AC_ARG_ENABLE([sanitize],
	[AS_HELP_STRING([--enable-sanitize@<:@=LIST@:>@],
		[build with sanitizers (default list: address,undefined)])],
	[], [enable_sanitize=no])
AS_CASE([$enable_sanitize],
	[no], [SANITIZE_CFLAGS=],
	[yes], [enable_sanitize=address,undefined],
	[])
AS_VAR_IF([enable_sanitize], [no], [], [
	SANITIZE_CFLAGS="-fsanitize=$enable_sanitize -fno-sanitize-recover=all -fno-omit-frame-pointer"
	AC_MSG_CHECKING([whether $CC links with -fsanitize=$enable_sanitize])
	ppgen_saved_cflags=$CFLAGS
	CFLAGS="$CFLAGS $SANITIZE_CFLAGS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM], [AC_MSG_RESULT([yes])], [
		AC_MSG_RESULT([no])
		AC_MSG_ERROR([no sanitizer library for '$enable_sanitize': install the compiler's, or leave --enable-sanitize out])
	])
	CFLAGS=$ppgen_saved_cflags
])
AC_SUBST([SANITIZE_CFLAGS])
])

# PPGEN_ARG_COVERAGE
# ------------------
# --enable-coverage counts which lines and branches run, for `make coverage', without optimisation. Sets COVERAGE_CFLAGS (also for
# linking), the conditional COVERAGE, and GCOV, the program that reads the counts of this compiler.
AC_DEFUN([PPGEN_ARG_COVERAGE], [
AC_ARG_ENABLE([coverage],
	[AS_HELP_STRING([--enable-coverage], [count which lines the tests run, for `make coverage'])],
	[], [enable_coverage=no])
AS_VAR_IF([enable_coverage], [yes], [
	COVERAGE_CFLAGS='--coverage -include $(top_srcdir)/tests/coverage_exit.h'
	CFLAGS="$CFLAGS -O0"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
		#ifndef __clang__
		#error not clang
		#endif
	]])], [ppgen_gcov='llvm-cov llvm-cov-14'], [ppgen_gcov=gcov])
	AC_CHECK_PROGS([GCOV], [$ppgen_gcov])
	AS_VAR_IF([GCOV], [], [AC_MSG_ERROR([no $ppgen_gcov found: install it, or leave --enable-coverage out])])
	AS_CASE([$GCOV], [llvm-cov*], [GCOV="$GCOV gcov"])
], [COVERAGE_CFLAGS=])
AC_SUBST([COVERAGE_CFLAGS])
AM_CONDITIONAL([COVERAGE], [test "$enable_coverage" = yes])
])
