# SPDX-License-Identifier: MIT
# ppgen-name: r
# ppgen-title: R
# ppgen-interpreter: Rscript
# ppgen-form: FILE.R:FUNCTION
# ppgen-show: -e
# ppgen-show-module: print({module}::{function}({arguments}))
# ppgen-show-file: source({file}); print({function}({arguments}))
# ppgen-literals: TRUE FALSE c( ) list( ) list( )
# ppgen-files: {}.R {}.r
# ppgen-import: ^[^#\n]*\b(?:sys\.)?source[ \t]*\([ \t]*(?:file[ \t]*=[ \t]*)?["'](?<modules>[^"'\n,]+)["']
# ppgen-fork: no
#
# Calls one function of the user's for task after task: what ppgen runs R with. Requests come on descriptor 3, replies go to descriptor
# 4, the tasks' own output goes to 1 and 2; see ppgen-language(7). R 4.0 or later, and the package jsonlite to read requests.
# What a function starts inherits the descriptors: R cannot close them.

local({
	protocol <- 1L
	packet <- 4096L # a read takes one packet of the pipe, never more
	why_max <- 300L
	depth_max <- 100L
	extras <- c("seed", "seed64", "scratch", "keep", "task", "index", "cpus", "memory")

	# fifo() and not file(): each read is one read(), and takes no more than a packet.
	requests <- fifo("/dev/fd/3", "rb", blocking = TRUE)
	replies <- fifo("/dev/fd/4", "wb", blocking = TRUE)

	# ---- lines in, bytes out

	# The next line; NULL at the end of all.
	read_line <- function() {
		parts <- list()
		repeat {
			data <- readBin(requests, "raw", packet)
			if (length(data) == 0L)
				return(NULL)
			parts[[length(parts) + 1L]] <- data
			if (data[length(data)] == 10L)
				break
		}
		text <- rawToChar(unlist(parts))
		Encoding(text) <- "UTF-8"
		text
	}

	write_bytes <- function(...) writeBin(c(...), replies)
	bytes_of <- function(text) charToRaw(enc2utf8(text))

	# ---- JSON

	invalid <- function(...) {
		stop(structure(class = c("ppgen_invalid", "error", "condition"),
			list(message = paste0(...), call = NULL)))
	}

	quoted <- function(text) {
		text <- as.character(text)
		# what is said to be the session's own UTF-8 and is none would be changed by enc2utf8()
		native <- Encoding(text) == "unknown" & l10n_info()[["UTF-8"]]
		bad <- native & !validUTF8(text)
		text <- enc2utf8(text)
		if (any(bad | !validUTF8(text)))
			invalid("value holds text that is not UTF-8: convert it by iconv()")
		out <- paste0("\"", gsub("\"", "\\\"", gsub("\\", "\\\\", text, fixed = TRUE), fixed = TRUE), "\"")
		odd <- grepl("[\001-\037]", text, perl = TRUE)
		out[odd] <- vapply(text[odd], function(t) as.character(jsonlite::toJSON(jsonlite::unbox(t))), "")
		out[is.na(text)] <- "null"
		out
	}

	array <- function(values) paste0("[", paste0(values, collapse = ","), "]")

	# Doubles with as many digits as it takes to read them back, at most 17.
	numbers <- function(x) {
		x <- as.numeric(x)
		out <- sprintf("%.15g", x)
		good <- which(is.finite(x))
		# as.numeric() may be wrong in the last digit.
		again <- good[jsonlite::fromJSON(array(out[good])) != x[good]]
		out[again] <- sprintf("%.17g", x[again])
		out[is.nan(x)] <- "\"NaN\""
		out[is.infinite(x)] <- ifelse(x[is.infinite(x)] > 0, "\"inf\"", "\"-inf\"")
		out[is.na(x) & !is.nan(x)] <- "null"
		out
	}

	# JSON of each item of a vector.
	atoms <- function(x, where) {
		if (inherits(x, "POSIXct"))
			quoted(format(x, "%Y-%m-%dT%H:%M:%S"))
		else if (inherits(x, "Date"))
			quoted(format(x, "%Y-%m-%d"))
		else if (inherits(x, "difftime"))
			numbers(as.numeric(x, units = "secs"))
		else if (is.factor(x) || is.character(x))
			quoted(as.character(x))
		else if (is.logical(x))
			ifelse(is.na(x), "null", ifelse(x, "true", "false"))
		else if (is.integer(x))
			ifelse(is.na(x), "null", sprintf("%d", x))
		else if (is.double(x))
			numbers(x)
		else
			no_columns(x, where)
	}

	is_vector <- function(x) is.atomic(x) && !is.null(x)

	no_columns <- function(x, where) {
		invalid(where, " is a '", class(x)[1L], "', which has no columns: return numbers, strings, lists of them or a data.frame")
	}

	object <- function(keys, values) {
		twice <- anyDuplicated(keys)
		if (twice > 0L)
			invalid("value has two columns named '", keys[twice], "'")
		paste0("{", paste0(quoted(keys), ":", values, collapse = ","), "}")
	}

	labelled <- function(x) !is.null(names(x)) && length(x) > 0L && all(nzchar(names(x))) && !anyNA(names(x))

	# JSON of what is within a row.
	nested <- function(x, where, depth = 0L) {
		if (depth > depth_max)
			invalid(where, " is nested more than ", depth_max, " deep")
		if (is.null(x))
			"null"
		else if (is.data.frame(x))
			array(frame_rows(x, where))
		else if (inherits(x, "POSIXlt"))
			nested(as.POSIXct(x), where, depth)
		else if (is.list(x) && !is.object(x) || is.list(x) && inherits(x, "AsIs")) {
			keys <- if (labelled(x)) names(x) else NULL
			steps <- if (is.null(keys)) sprintf("[%d]", seq_along(x)) else paste0(".", keys)
			values <- vapply(seq_along(x), function(k) nested(x[[k]], paste0(where, steps[k]), depth + 1L), "")
			if (is.null(keys)) array(values) else object(keys, values)
		} else if (!is_vector(x))
			no_columns(x, where)
		else if (labelled(x))
			object(names(x), atoms(x, where))
		else if (length(x) == 1L && is.null(dim(x)))
			atoms(x, where)
		else if (is.matrix(x))
			array(vapply(seq_len(nrow(x)), function(k) array(atoms(x[k, ], where)), ""))
		else
			array(atoms(as.vector(x), where))
	}

	# A JSON object for each row of a table.
	frame_rows <- function(x, where) {
		if (nrow(x) == 0L || ncol(x) == 0L)
			return(rep("{}", nrow(x)))
		cells <- lapply(seq_along(x), function(k) {
			column <- x[[k]]
			at <- paste0(where, "$", names(x)[k])
			if (inherits(column, "POSIXlt"))
				column <- as.POSIXct(column)
			if (is.list(column))
				vapply(column, nested, "", where = at)
			else
				atoms(column, at)
		})
		vapply(seq_len(nrow(x)), function(r) object(names(x), vapply(cells, `[`, "", r)), "")
	}

	matrix_rows <- function(x, where) {
		keys <- if (is.null(colnames(x))) as.character(seq_len(ncol(x)) - 1L) else colnames(x)
		vapply(seq_len(nrow(x)), function(k) object(keys, atoms(x[k, ], where)), "")
	}

	# The rows of a value: JSON objects, and whether it is a list of them.
	rows <- function(x, where = "value") {
		one <- function(json) list(rows = json, many = FALSE)
		several <- function(json) list(rows = json, many = TRUE)
		if (inherits(x, "POSIXlt"))
			x <- as.POSIXct(x)
		if (is.null(x))
			one("{}")
		else if (is.data.frame(x))
			several(frame_rows(x, where))
		else if (is.list(x) && length(x) > 0L && !labelled(x)) {
			if (is.object(x))
				no_columns(x, where)
			several(vapply(seq_along(x), function(k) row(x[[k]], sprintf("%s[%d]", where, k)), ""))
		} else if (is.list(x))
			if (length(x) == 0L) several(character()) else one(nested(unclass(x), where))
		else if (is.matrix(x) && is_vector(x))
			several(matrix_rows(x, where))
		else if (length(dim(x)) > 2L)
			invalid(where, " is an array of ", length(dim(x)), " dimensions, more than a table has")
		else if (is_vector(x) && length(x) != 1L && !labelled(x))
			several(paste0("{\"value\":", atoms(x, where), "}", recycle0 = TRUE))
		else
			one(row(x, where))
	}

	# One row.
	row <- function(x, where) {
		json <- nested(x, where)
		if (startsWith(json, "{"))
			json
		else if (startsWith(json, "["))
			object(as.character(seq_along(x) - 1L), vapply(as.list(x), nested, "", where = where))
		else
			paste0("{\"value\":", json, "}")
	}

	pack <- list(
		rows = function(x) {
			made <- rows(x)
			bytes_of(if (made$many) array(made$rows) else made$rows)
		},
		bytes = function(x) {
			if (!is.raw(x))
				invalid("value is a '", class(x)[1L], "', not raw, which `results: {value: bytes}` asks for")
			x
		},
		none = function(x) raw())

	# A parameter as R has it: a list of scalars of one kind is a vector.
	param <- function(x) {
		if (is.list(x) && length(x) > 0L && all(vapply(x, function(i) is_vector(i) && length(i) == 1L, NA))
				&& (all(vapply(x, is.character, NA)) || all(vapply(x, is.logical, NA)) || all(vapply(x, is.numeric, NA))))
			unlist(x)
		else
			x
	}

	# ---- the function

	load <- function(call, folder) {
		if (grepl("^[A-Za-z][A-Za-z0-9.]*::[^:]+$", call)) {
			words <- strsplit(call, "::", fixed = TRUE)[[1L]]
			return(getExportedValue(words[1L], words[2L]))
		}
		file <- sub(":[^:]*$", "", call)
		name <- sub("^.*:", "", call)
		if (!grepl(":", call, fixed = TRUE) || file == "" || name == "")
			stop("'", call, "' is no function: write FILE.R:FUNCTION", call. = FALSE)
		path <- if (startsWith(file, "/")) file else file.path(folder, file)
		if (!file.exists(path))
			stop("there is no file '", file, "' in '", folder, "'", call. = FALSE)
		sys.source(path, globalenv(), keep.source = TRUE)
		if (!exists(name, globalenv(), inherits = FALSE))
			stop("there is no '", name, "' in '", file, "'", call. = FALSE)
		found <- get(name, globalenv(), inherits = FALSE)
		if (!is.function(found))
			stop("'", call, "' is a '", class(found)[1L], "', and cannot be called", call. = FALSE)
		found
	}

	# What the signature asks for beside the parameters; stops where it does not take those.
	wishes <- function(fun, hello) {
		takes <- names(formals(args(fun)))
		if (hello$per == "chunk")
			return(character())
		known <- unlist(hello$params)
		if ("rep" %in% known && !is.null(takes) && !any(c("rep", "...") %in% takes)) {
			state$spares_rep <- TRUE # `repeat` is for how often, and is no matter of the function's
			known <- setdiff(known, "rep")
		}
		refused <- setdiff(known, takes)
		if (length(refused) > 0L && !is.null(takes) && !("..." %in% takes))
			stop("the function does not take the parameter '", refused[1L], "': add it, or ...", call. = FALSE)
		setdiff(intersect(extras, takes), known)
	}

	# ---- calls

	state <- new.env()

	# Sets what differs between tasks: words, which go behind what the first line said, and texts.
	set_scene <- function(words, texts, folder) {
		values <- c(paste0(state$begins, strsplit(words, " ", fixed = TRUE)[[1L]]), unlist(texts))
		changed <- values != Sys.getenv(state$variables, unset = NA)
		changed[is.na(changed)] <- TRUE
		if (any(changed))
			do.call(Sys.setenv, stats::setNames(as.list(values[changed]), state$variables[changed]))
		setwd(folder)
	}

	whole <- function(text) {
		number <- as.numeric(text)
		if (is.na(number)) NULL else if (abs(number) <= .Machine$integer.max) as.integer(number) else number
	}

	extra <- function(name) {
		text <- Sys.getenv(paste0("PPGEN_", toupper(name)))
		if (name %in% c("seed", "index", "cpus", "memory")) whole(text) else text # R has no numbers for seed64
	}

	# Shows an error with its calls, ours left out, as what R's own handler would have shown.
	show <- function(fault, calls) {
		said <- conditionMessage(fault)
		head <- if (is.null(conditionCall(fault))) "Error: " else
			paste0("Error in ", paste(deparse(conditionCall(fault), nlines = 1L), collapse = ""), ": ")
		cat(head, said, "\n", file = stderr(), sep = "")
		if (length(calls) > 0L) {
			text <- vapply(calls, function(c) substr(deparse(c, nlines = 1L)[1L], 1L, 100L), "")
			if (length(text) > 40L)
				text <- c(head(text, 20L), sprintf("... %d more", length(text) - 40L), tail(text, 20L))
			cat("Calls:\n", paste0("  ", text, "\n"), file = stderr(), sep = "")
		}
	}

	# Runs fun(): list(ok, value) or the condition that ended it.
	guarded <- function(fun, args) {
		base <- sys.nframe()
		calls <- list()
		note <- function(fault) {
			# Between are tryCatch's and ours, behind are those of stop() and this handler.
			all <- sys.calls()
			mine <- vapply(all, function(c) identical(c[[1L]], quote(the_function)) ||
				is.call(c) && identical(c[[1L]], quote(do.call)) , NA)
			from <- max(c(which(mine), base))
			calls <<- if (from < length(all)) all[seq(from + 1L, length(all))] else list()
			calls <<- Filter(function(c) !identical(c[[1L]], quote(.handleSimpleError)) &&
				!identical(c[[1L]], quote(h)) && !is.function(c[[1L]]), calls)
		}
		tryCatch(
			list(ok = TRUE, value = withCallingHandlers(do.call(fun, args, quote = TRUE), error = function(e) try(note(e), TRUE))),
			error = function(e) list(ok = FALSE, fault = e, calls = calls),
			interrupt = function(e) list(ok = FALSE, fault = simpleError("interrupted"), calls = list()))
	}

	settled <- function(got) {
		list(status = "exit", code = 1L, why = paste0(class(got$fault)[1L], ": ", conditionMessage(got$fault)))
	}

	shorten <- function(why) {
		why <- strsplit(enc2utf8(why), "\n", fixed = TRUE)[[1L]][1L]
		bytes <- charToRaw(why)
		while (length(bytes) > why_max || !validUTF8(rawToChar(bytes)))
			bytes <- bytes[seq_len(min(why_max, length(bytes) - 1L))]
		bytes
	}

	cpu_time <- function() sum(proc.time()[c("user.self", "sys.self", "user.child", "sys.child")], na.rm = TRUE)

	# Writes the reply on one task, or on one of those that share a call.
	reply <- function(seq, status, code, start, data, why, among = 1L) {
		while (sink.number() > 0L)
			sink()
		sink(type = "message")
		flush(stdout())
		flush(stderr())
		cpu <- cpu_time()
		used <- cpu - state$cpu
		state$cpu <- cpu
		sizes <- file.size(c("/proc/self/fd/1", "/proc/self/fd/2"))
		wall <- (as.numeric(Sys.time()) - start) / among
		head <- sprintf("%.0f %s %d %.0f %.0f %.0f %.0f %d %d\n", seq, status, code, max(0, wall) * 1e6, max(0, used) * 1e6,
			sizes[1L], sizes[2L], length(data), length(why))
		write_bytes(charToRaw(head), data, why)
	}

	packed <- function(value) {
		tryCatch(list(data = state$pack(value)),
			ppgen_invalid = function(e) list(why = conditionMessage(e)),
			error = function(e) list(why = paste0("value cannot be written: ", conditionMessage(e))))
	}

	reply_value <- function(seq, start, value, among = 1L) {
		made <- packed(value)
		if (is.null(made$why))
			reply(seq, "ok", 0L, start, made$data, raw(), among)
		else
			reply(seq, "invalid", 0L, start, raw(), shorten(made$why), among)
	}

	reply_fault <- function(seq, start, got) {
		show(got$fault, got$calls)
		said <- settled(got)
		reply(seq, said$status, said$code, start, raw(), shorten(said$why))
	}

	texts_of <- function(request) if (length(request) > 4L) request[[5L]]

	folder_of <- function(request) if (length(request) > 5L) request[[6L]] else state$folder

	task <- function(request) {
		start <- as.numeric(Sys.time())
		set_scene(request[[4L]], texts_of(request), folder_of(request))
		if (isTRUE(state$spares_rep))
			request[[3L]]$rep <- NULL
		args <- c(lapply(request[[3L]], param), sapply(state$wants, extra, simplify = FALSE))
		got <- guarded(state$fun, args)
		if (got$ok)
			reply_value(request[[2L]], start, got$value)
		else
			reply_fault(request[[2L]], start, got)
	}

	# The items of a chunk: a vector where there is one parameter, else a data.frame, or a list where that cannot be.
	items_of <- function(items) {
		columns <- lapply(stats::setNames(nm = state$params), function(p) param(lapply(items, `[[`, p)))
		if (length(state$params) == 1L)
			columns[[1L]]
		else if (any(vapply(columns, is.list, NA)))
			lapply(items, lapply, param)
		else
			as.data.frame(columns, stringsAsFactors = FALSE, optional = TRUE)
	}

	item <- function(value, k) {
		if (is.data.frame(value)) as.list(value[k, , drop = FALSE])
		else if (is.matrix(value)) value[k, ]
		else value[[k]]
	}

	chunk <- function(request) {
		start <- as.numeric(Sys.time())
		items <- request[[3L]]
		seq <- request[[2L]]
		set_scene(request[[4L]][[1L]], if (length(request) > 4L) request[[5L]][[1L]], folder_of(request))
		got <- guarded(state$fun, list(items_of(items)))
		if (!got$ok && length(items) == 1L)
			return(reply_fault(seq, start, got))
		if (!got$ok) {
			for (k in seq_along(items)) {
				alone <- request
				alone[[2L]] <- seq + k - 1L
				alone[[3L]] <- items[k]
				alone[[4L]] <- request[[4L]][k]
				if (length(request) > 4L)
					alone[[5L]] <- request[[5L]][k]
				chunk(alone)
			}
			return(NULL)
		}
		count <- if (is.data.frame(got$value) || is.matrix(got$value)) nrow(got$value) else length(got$value)
		for (k in seq_along(items))
			if (count == length(items))
				reply_value(seq + k - 1L, start, item(got$value, k), length(items))
			else
				reply(seq + k - 1L, "invalid", 0L, start, raw(), shorten(sprintf(
					"value has %d items, and the function got %d: with per: chunk it returns one for each",
					count, length(items))), length(items))
	}

	# ---- the steps

	hello_text <- function(members) bytes_of(paste0("{\"ppgen\":1,", members, "}\n"))

	give_up <- function(text) {
		write_bytes(hello_text(paste0("\"error\":", quoted(strsplit(text, "\n", fixed = TRUE)[[1L]][1L]))))
		quit(save = "no", status = 1L)
	}

	open_function <- function(line) {
		if (!requireNamespace("jsonlite", quietly = TRUE))
			give_up("R has no package 'jsonlite': install it")
		hello <- jsonlite::fromJSON(line, simplifyVector = FALSE)
		if (hello$ppgen != protocol)
			give_up(sprintf("this is for protocol %d, not %s", protocol, hello$ppgen))
		setwd(hello$folder)
		got <- guarded(function() {
			state$fun <- load(hello$call, hello$folder)
			state$wants <- wishes(state$fun, hello)
		}, list())
		if (!got$ok) {
			if (!is.null(conditionCall(got$fault)))
				show(got$fault, got$calls)
			give_up(if (is.null(conditionCall(got$fault))) conditionMessage(got$fault) else
				paste0("cannot read '", sub(":[^:]*$", "", hello$call), "': ", conditionMessage(got$fault)))
		}
		state$folder <- hello$folder
		state$params <- unlist(hello$params)
		heads <- unlist(hello$variables)
		state$begins <- sub("^[^=]*=", "", heads)
		state$variables <- c(sub("=.*$", "", heads), unlist(hello$texts))
		state$pack <- pack[[hello$value]]
		state$cpu <- cpu_time()
		write_bytes(hello_text(paste0("\"language\":", quoted(paste0("R ", R.version$major, ".", R.version$minor)),
			",\"wants\":", array(if (length(state$wants) > 0L) quoted(state$wants) else ""))))
	}

	options(warn = 1)
	open_function(read_line())
	while (!is.null(line <- read_line())) {
		request <- jsonlite::fromJSON(line, simplifyVector = FALSE)
		if (request[[1L]] == "chunk") chunk(request) else task(request)
	}
	quit(save = "no", status = 0L)
})
