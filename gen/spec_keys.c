/* SPDX-License-Identifier: MIT */
/*
 * THE table of keys. What is unknown, what was probably meant, what comes later, what `plan` shows,
 * and the manual page are all read from here.
 */
#include <string.h>

#include "base/text.h"
#include "gen/language.h"
#include "gen/spec_internal.h"

const struct key spec_keys[] = {
	{ "ppgen", "1", NULL, "The version of this format; required.", 0 },
	{ "name", "name", "the file's stem",
	  "The run's name: letters, digits, '.', '_' and '-', at most 64; the run directory is "
	  "runs/NAME.",
	  KEY_SHOWN },

	{ "params", "mapping", NULL,
	  "The parameters. With none of the keys grid, zip, table, where and add, it is itself a "
	  "grid.",
	  0 },
	{ "params.grid", "mapping", NULL,
	  "Parameters that are crossed, the last one varying fastest. Each is a list, one value, "
	  "or a mapping.",
	  0 },
	{ "params.grid.*.from", "number", NULL,
	  "The first value of a range; its ends are included.", 0 },
	{ "params.grid.*.to", "number", NULL, "The last value of a range.", 0 },
	{ "params.grid.*.step", "number", NULL,
	  "The step of a range, exact in decimal; it must hit the end.", 0 },
	{ "params.grid.*.num", "count", NULL, "The number of values of a range, instead of a step.",
	  0 },
	{ "params.grid.*.log", "true or false", "false",
	  "With num: values evenly spaced in their logarithm.", 0 },
	{ "params.grid.*.values", "list", NULL,
	  "The values, where other keys are given beside them.", 0 },
	{ "params.grid.*.was", "value", NULL,
	  "The value that results made before this parameter was added had; it stays out of their "
	  "identity.",
	  0 },
	{ "params.grid.*.glob", "pattern", NULL,
	  "The files that match, sorted; each {name} in it also defines that parameter.", 0 },
	{ "params.grid.*.lines", "file", NULL,
	  "The lines of a file; also defines the parameter line, from 1.", 0 },
	{ "params.grid.*.split", "true or false", "false",
	  "With lines: each line is split into a list of words.", 0 },
	{ "params.zip", "list", NULL,
	  "Groups of parameters that walk together: each group is one axis, and its lists have "
	  "one length.",
	  0 },
	{ "params.table", "mapping, or a list of them", NULL,
	  "A table each of whose rows is a point.", 0 },
	{ "params.table.file", "file", NULL, "The table; its header names the parameters.", 0 },
	{ "params.table.url", "url", NULL, "Fetched once and kept in the run; wants sha256.", 0 },
	{ "params.table.sha256", "64 digits", NULL, "The SHA-256 of what the url gives.", 0 },
	{ "params.table.format", "csv, tsv, jsonl or json", "by the ending", "The file's format.",
	  0 },
	{ "params.table.columns", "list of names", NULL,
	  "Names for the columns of a file without a header, in their order; '-' leaves one out.",
	  0 },
	{ "params.table.header", "true or false", "false",
	  "With columns: the file has a header, which is passed over.", 0 },
	{ "params.table.sep", "comma, tab, semicolon or space", "by the format",
	  "What stands between two columns.", 0 },
	{ "params.table.was", "mapping", NULL, "As was of a parameter, a column each.", 0 },
	{ "params.where", "expression", NULL, "Only the points for which it is true.", 0 },
	{ "params.add", "list", NULL,
	  "Further points, each with every parameter; not filtered by where.", 0 },
	{ "repeat", "count", "1", "How often each point runs; adds the parameter rep, from 0.",
	  KEY_SHOWN },
	{ "seed", "number", "0", "The root of all seeds.", KEY_SHOWN },
	{ "seed_by", "list of names", "all parameters",
	  "The parameters from which a task's seed comes; [rep] gives common random numbers.",
	  KEY_SHOWN },

	{ "inputs", "mapping", NULL,
	  "Files whose content belongs to the code: when it changes, results are stale.", 0 },
	{ "inputs.*", "path, or a mapping", NULL,
	  "A path, which may name parameters, or a url with its sha256. In command and env, {NAME} "
	  "stands for the path, and tasks have it as PPGEN_INPUT_NAME, in upper case.",
	  KEY_SHOWN },
	{ "inputs.*.path", "path", NULL, "The file; it may name parameters.", 0 },
	{ "inputs.*.url", "url", NULL,
	  "http:// or https://; fetched once, checked, and kept in the run. A password or token in "
	  "it is sent, and left out of what the run keeps.",
	  0 },
	{ "inputs.*.sha256", "64 digits", NULL, "The SHA-256 of what the url gives.", 0 },

	{ "command", "words", NULL,
	  "How a task is started: a string that is split into words by the rules of quoting of "
	  "POSIX, or a list of words. "
	  "No shell sees it; {name} is replaced inside its word.",
	  KEY_SHOWN },
	{ "shell", "script, or a mapping", NULL,
	  "A script for /bin/sh -c. Each parameter is an environment variable of its name.",
	  KEY_SHOWN },
	{ "shell.script", "script", NULL, "The script, where with is given.", 0 },
	{ "shell.with", "words", "/bin/sh",
	  "The interpreter's words: it is started with them, then -c, then the script.", 0 },
	{ "@", "function, or a mapping", NULL,
	  "A function that is called for each task: see FUNCTIONS.", 0 },
	{ "@.call", "function", NULL,
	  "MODULE:FUNCTION or FILE:FUNCTION, found from the spec's folder (or workdir, where that is "
	  "the same for all tasks); required where other keys are given.",
	  KEY_SHOWN },
	{ "@.interpreter", "words", "as PATH finds it",
	  "The program that runs the language, and its options.", KEY_SHOWN },
	{ "@.per", "task or chunk", "task",
	  "With chunk, one call gets a list for several tasks, and returns a list as long.",
	  KEY_SHOWN },
	{ "@.batch", "auto or count", "auto",
	  "With per: chunk, how many tasks a call is for; else how many calls are sent ahead.",
	  KEY_SHOWN },
	{ "@.isolate", "worker or fork", "worker",
	  "With worker, an interpreter lives on and keeps its state from call to call; with fork, "
	  "it loads the function once and forks a child for each task.",
	  KEY_SHOWN },
	{ "env", "mapping", NULL, "Environment variables of the tasks.", 0 },
	{ "env.*", "text", NULL, "The value; it may name parameters.", KEY_SHOWN },
	{ "setup", "script", NULL,
	  "Run by bash -l once a worker; the environment that it leaves goes to the tasks.",
	  KEY_SHOWN },
	{ "workdir", "path", "the spec's folder",
	  "The folder in which a task runs; it may name parameters, and {scratch}.", KEY_SHOWN },

	{ "resources", "mapping", NULL, "What one task needs.", 0 },
	{ "resources.cpus", "count", "1",
	  "Processors; where ranks are given, of each rank, else where nodes are given, on each node.",
	  KEY_SHOWN },
	{ "resources.memory", "size", "no limit",
	  "Memory, as in 512M or 2G (powers of 1024), on each node; a task that takes more is ended "
	  "and counts as oom.",
	  KEY_SHOWN },
	{ "resources.time", "duration", "no limit",
	  "Wall time, as in 90 (seconds), 10m, 1h30m, 2:00:00 or 1-12:00:00.", KEY_SHOWN },
	{ "resources.gpus", "count", "0", "GPUs, on each node; tasks get disjoint ones.",
	  KEY_SHOWN },
	{ "resources.nodes", "count", "1",
	  "Nodes of a cluster that one task runs on; this machine counts as one.", KEY_SHOWN },
	{ "resources.ranks", "count", NULL,
	  "MPI processes of one task, over all its nodes; the command starts them with {launch}.",
	  KEY_SHOWN },
	{ "resources.gpu_type", "text", NULL,
	  "The kind of GPU, as the cluster names it. This and the following mean something to a "
	  "cluster only.",
	  KEY_SHOWN },
	{ "resources.constraint", "text", NULL,
	  "What a node must have, in the words of the cluster.", KEY_SHOWN },
	{ "resources.licences", "text", NULL,
	  "Licences that a task takes, in the words of the cluster.", KEY_SHOWN },
	{ "resources.exclusive", "true or false", "false",
	  "Nobody else gets anything on the task's nodes.", KEY_SHOWN },
	{ "overrides", "list", NULL,
	  "Other resources for some tasks; where several hold, the last wins.", KEY_SHOWN },
	{ "overrides[].where", "expression", NULL, "For which tasks; required.", 0 },
	{ "overrides[].cpus", "count", NULL, "As in resources.", 0 },
	{ "overrides[].memory", "size", NULL, "As in resources.", 0 },
	{ "overrides[].time", "duration", NULL, "As in resources.", 0 },
	{ "overrides[].gpus", "count", NULL, "As in resources.", 0 },
	{ "overrides[].nodes", "count", NULL, "As in resources.", 0 },
	{ "overrides[].ranks", "count", NULL, "As in resources.", 0 },
	{ "overrides[].gpu_type", "text", NULL, "As in resources.", 0 },
	{ "overrides[].constraint", "text", NULL, "As in resources.", 0 },
	{ "overrides[].licences", "text", NULL, "As in resources.", 0 },
	{ "overrides[].exclusive", "true or false", NULL, "As in resources.", 0 },

	{ "results", "mapping", NULL,
	  "What a task returns. A task is good when it ends with 0 and all of this is there.", 0 },
	{ "results.stdout", "json, csv, tsv, jsonl, number, text or none, or a mapping", "none",
	  "How standard output is read.", KEY_SHOWN },
	{ "results.stderr", "as stdout", "none", "How standard error is read.", KEY_SHOWN },
	{ "results.log", "as stdout", NULL,
	  "How both streams, merged into one, are read; instead of the two.", KEY_SHOWN },
	{ "results.stdout.regex", "mapping", NULL,
	  "A column and a PCRE2 pattern each; group 1, or else the whole, of the last match.", 0 },
	{ "results.stdout.last_line", "json, number or text", NULL,
	  "Read the last line that is not blank.", 0 },
	{ "results.stdout.number", "name", "value", "One number, in a column of this name.", 0 },
	{ "results.stdout.text", "name", "text", "The text, in a column of this name.", 0 },
	{ "results.last_line", "json, number or text", NULL, "Short for stdout: {last_line: ...}.",
	  KEY_SHOWN },
	{ "results.value", "rows, bytes or none", "rows",
	  "What is kept of the value that a function returns: rows of columns, or bytes as they "
	  "are.",
	  KEY_SHOWN },
	{ "results.files", "mapping", NULL,
	  "Result files: they must be there after the task, and be readable.", 0 },
	{ "results.files.*", "path, or a mapping", NULL,
	  "The path, below workdir; it may name parameters.", KEY_SHOWN },
	{ "results.files.*.path", "path", NULL, "The path.", 0 },
	{ "results.files.*.format", "csv, tsv, json or jsonl", "by the ending",
	  "The file's format.", 0 },
	{ "results.files.*.as", "rows", "rows", "The file's rows go into tables.", 0 },

	{ "retry", "mapping", NULL, "Which failed attempts are made again.", 0 },
	{ "retry.times", "count", "0", "How many further attempts, at most 100.", KEY_SHOWN },
	{ "retry.on", "list of exit, signal, timeout, oom, invalid", "all of them",
	  "For which causes.", KEY_SHOWN },
	{ "retry.memory", "factor", "x1", "As in x2: the memory's growth after each oom.",
	  KEY_SHOWN },
	{ "retry.time", "factor", "x1", "As in x1.5: the time's growth after each timeout.",
	  KEY_SHOWN },
	{ "max_failures", "count or percentage", "no limit",
	  "Stop when more tasks than this have failed; a percentage counts from 20 ended tasks. "
	  "On a cluster each array element counts its own; one that has too many stops all.",
	  KEY_SHOWN },

	{ "checkpoint", "mapping", NULL,
	  "A signal that a task gets before it would be ended, so that it can save its state, best "
	  "in {keep}.",
	  0 },
	{ "checkpoint.signal", "name", NULL, "The signal, as in USR1 or TERM; required.",
	  KEY_SHOWN },
	{ "checkpoint.before", "duration", "5m",
	  "How long before the task's time limit, or the end of the wall time of its array "
	  "element.",
	  KEY_SHOWN },

	{ "submit", "mapping", NULL,
	  "The shape of array elements on a cluster. All of it is chosen where it is not said here "
	  "or in the site file.",
	  0 },
	{ "submit.slots", "count", NULL, "How many tasks run at a time in an element.", KEY_SHOWN },
	{ "submit.max_running", "count", NULL, "How many elements of an array run at a time.",
	  KEY_SHOWN },
	{ "submit.element_time", "duration", NULL,
	  "The wall time of an element, which runs one task after the other.", KEY_SHOWN },
	{ "submit.elements", "count", NULL,
	  "How many elements an array has; the tasks are shared out among them.", KEY_SHOWN },

	{ "collect", "list", "[{to: results.csv}]",
	  "The tables that are made, in the run's collect/.", KEY_SHOWN },
	{ "collect[].to", "path", NULL,
	  "The table's file; csv, tsv, jsonl or json by its ending; required.", 0 },
	{ "collect[].from", "name", "the tasks",
	  "A result file whose rows are taken instead of one row a task.", 0 },
	{ "collect[].by", "list of names", NULL, "The parameters by which a summary groups.", 0 },
	{ "collect[].count", "true or false", "false", "The number of rows in the group.", 0 },
	{ "collect[].mean", "columns", NULL, "The mean.", 0 },
	{ "collect[].sd", "columns", NULL, "The standard deviation, with n - 1.", 0 },
	{ "collect[].sem", "columns", NULL, "The standard error of the mean.", 0 },
	{ "collect[].min", "columns", NULL, "The least value.", 0 },
	{ "collect[].max", "columns", NULL, "The greatest value.", 0 },
	{ "collect[].median", "columns", NULL, "The median.", 0 },
	{ "collect[].sum", "columns", NULL, "The sum.", 0 },
	{ "collect[].quantiles", "mapping", NULL,
	  "A column and its quantiles each, from 0 to 1, of type 7.", 0 },

	{ "container", "", NULL, "", KEY_LATER },
	{ "wrap", "", NULL, "", KEY_LATER },
	{ NULL, NULL, NULL, NULL, 0 },
};

/* Text for man(7): a backslash is \e, a '-' is a minus, and no line begins with a dot or a quote.
 */
static void put_roff(struct buf *b, const char *s)
{
	if (*s == '.' || *s == '\'')
		buf_puts(b, "\\&");
	for (; *s; s++) {
		if (*s == '\\')
			buf_puts(b, "\\e");
		else if (*s == '-')
			buf_puts(b, "\\-");
		else
			buf_putc(b, *s);
	}
}

static void put_path(struct buf *b, const char *path);

/* A row that stands for all languages: each with its own name. */
static void put_paths(struct buf *b, const char *rest)
{
	const struct language *l;

	for (size_t i = 0; (l = language_at(i)) != NULL; i++) {
		buf_puts(b, i ? ", " : "");
		buf_puts(b, l->name);
		put_path(b, rest);
	}
}

static void put_path(struct buf *b, const char *path)
{
	for (; *path; path++) {
		if (*path == *KEY_LANGUAGE) {
			put_paths(b, path + 1);
			return;
		}
		if (*path == '*')
			buf_puts(b, "\\fINAME\\fB");
		else if (*path == '[' && path[1] == ']')
			path++;
		else
			buf_putc(b, *path);
	}
}

void spec_man_keys(struct buf *b)
{
	const char *sep = "";

	for (const struct key *k = spec_keys; k->path; k++) {
		if (k->flags & KEY_LATER)
			continue;
		buf_puts(b, ".TP\n\\fB");
		put_path(b, k->path);
		buf_puts(b, "\\fR: ");
		put_roff(b, k->type);
		if (k->fallback) {
			buf_puts(b, " (default: ");
			put_roff(b, k->fallback);
			buf_putc(b, ')');
		}
		buf_putc(b, '\n');
		put_roff(b, k->help);
		buf_putc(b, '\n');
	}
	buf_puts(b, ".PP\nKnown, and not yet supported:\n");
	for (const struct key *k = spec_keys; k->path; k++) {
		if (!(k->flags & KEY_LATER))
			continue;
		buf_puts(b, sep);
		put_path(b, k->path);
		sep = ",\n";
	}
	buf_puts(b, ".\n");
}
