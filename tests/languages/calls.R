# SPDX-License-Identifier: MIT
# Functions that the tests of templates/r.R have called.

count <- 0

make <- function(what) eval(parse(text = what), new.env())

extras <- function(what, seed, seed64, scratch, task, index, cpus, ...) {
	list(what = what, seed = seed, seed64 = seed64, scratch = scratch, task = task, index = index, cpus = cpus, n = ...length(),
		env = Sys.getenv("PPGEN_TASK"))
}

counted <- function(what) {
	count <<- count + 1
	count
}

inner <- function(x) stop("wrong value: ", x)
outer_one <- function(what) inner(what)

same <- function(what) what
repeated <- function(what, rep) rep

squares <- function(items) {
	cat("called with", length(items), "\n")
	if (13 %in% items) stop("thirteen")
	if (14 %in% items) return(1)
	items^2
}

table_of <- function(items) data.frame(sum = items$a + items$b)
