/* SPDX-License-Identifier: MIT */
/* Spaces: axes in all their forms, where, add, repeat, index arithmetic, freezing. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "tests/unit/space_test.h"

static char dir[] = "/tmp/ppgen-space-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char *path = path_join(dir, name);

	assert_int_equal(file_publish(path, text, strlen(text), NULL), 0);
	free(path);
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	write_file("t.csv", "site,lat\nA,1.5\n\"B \"\"x\"\"\",010\n");
	write_file("t.tsv", "a\tb\n1\tx y\n");
	write_file("t.jsonl", "{\"a\": 1e3, \"b\": \"1\"}\n\n{\"b\": true, \"a\": [1, \"x\"]}\n");
	write_file("t.json", "[{\"a\": 1},\n {\"a\": 2}]");
	write_file("plain.txt", "1  2\n3 4\n");
	write_file("bad.csv", "a b,c\n1,2\n");
	write_file("res.csv", "task,T\nt1,2\n");
	write_file("ragged.csv", "a,b\n1,2\n\n3\n");
	write_file("same.csv", "a,b\n1,2\n1,3\n1,2\n");
	write_file("empty.csv", "a,b\n");
	write_file("void.csv", "");
	write_file("bad.jsonl", "{\"a\": 1}\n{\"a\": nope}\n");
	write_file("more.jsonl", "{\"a\": 1}\n{\"a\": 1, \"b\": 2}\n");
	write_file("less.jsonl", "{\"a\": 1, \"b\": 2}\n{\"a\": 1}\n");
	write_file("null.jsonl", "{\"a\": null}\n");
	write_file("lines.txt", "--x 1\r\n\nb 2.50\nb 2.50\n");
	write_file("latin.txt", "a\n\xff\n");
	for (const char **p = (const char *[]){ "d1", "d2", "e", "l", NULL }; *p; p++) {
		char *path = path_join(dir, *p);

		assert_int_equal(mkdir(path, 0777), 0);
		free(path);
	}
	write_file("d1/a_1.nc", "");
	write_file("d1/b_010.nc", "");
	write_file("d2/a_1.nc", "");
	write_file("d2/.hidden_1.nc", "");
	write_file("d2/x_y_2.nc", "");
	write_file("d1/d1.txt", "");
	write_file("d1/w{1}.txt", "");
	write_file("e/aa", "");
	write_file("e/aba", "");
	write_file("e/\u00e9\u00e8", "");
	write_file(
		"l/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"");
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	return file_remove_tree(dir, NULL);
}

static void test_points(void **state)
{
	static const struct {
		const char *yaml, *points;
	} rows[] = {
		{ "x: 1", "" }, /* no parameters: one task */
		{ "params: {}", "" },
		{ "params: {a: [1, 2], b: [x, y]}", "1 x;1 y;2 x;2 y" },
		{ "params: {grid: {a: [1, 2], b: [x]}}\nrepeat: 2", "1 x 0;1 x 1;2 x 0;2 x 1" },
		{ "repeat: 1", "0" },
		{ "repeat: 3", "0;1;2" },
		{ "params: {a: 5, b: [[1, x], []]}", "5 [1,\"x\"];5 []" },
		{ "params: {a: {values: [3.10, 010, no]}}", "3.10;010;no" },
		/* ranges */
		{ "params: {T: {from: 1.5, to: 3.0, step: 0.25}}",
		  "1.5;1.75;2.0;2.25;2.5;2.75;3.0" },
		{ "params: {T: {from: 0, to: 1, step: 0.25}}", "0;0.25;0.5;0.75;1" },
		{ "params: {T: {from: 1, to: 3, step: 1}}", "1;2;3" },
		{ "params: {T: {from: 3, to: 1, step: -1}}", "3;2;1" },
		{ "params: {T: {from: -0.2, to: 0.2, step: 0.1}}", "-0.2;-0.1;0.0;0.1;0.2" },
		{ "params: {T: {from: 1e-3, to: 3e-3, step: 1e-3}}", "0.001;0.002;0.003" },
		{ "params: {T: {from: 1e6, to: 3e6, step: 1e6}}", "1000000;2000000;3000000" },
		{ "params: {T: {from: .1, to: .3, step: .1}}", "0.1;0.2;0.3" },
		{ "params: {T: {from: 1.50, to: 2, step: 0.5}}", "1.50;2.00" },
		{ "params: {T: {from: 5, to: 5, step: 2}}", "5" },
		{ "params: {T: {from: 0.1, to: 0.7, step: 0.1}}", "0.1;0.2;0.3;0.4;0.5;0.6;0.7" },
		{ "params: {T: {from: 999999999999999998, to: 1000000000000000000, step: 2}}",
		  "999999999999999998;1000000000000000000" },
		{ "params: {T: {from: 0.000000000000000001, to: 0.000000000000000003, step: 1e-18}}",
		  "0.000000000000000001;0.000000000000000002;0.000000000000000003" },
		/* num */
		{ "params: {T: {from: 0, to: 1, num: 5}}", "0;0.25;0.5;0.75;1" },
		{ "params: {T: {from: 0, to: 10, num: 6}}", "0;2;4;6;8;10" },
		{ "params: {T: {from: 0.0, to: 10.0, num: 3}}", "0.0;5.0;10.0" },
		{ "params: {T: {from: 0, to: 1, num: 4}}",
		  "0;0.3333333333333333;0.6666666666666666;1" },
		{ "params: {T: {from: 0, to: 1, num: 11}}",
		  "0;0.1;0.2;0.3;0.4;0.5;0.6;0.7;0.8;0.9;1" },
		{ "params: {T: {from: 1, to: -1, num: 3}}", "1;0;-1" },
		{ "params: {T: {from: -1e-3, to: 1.0e-3, num: 3}}", "-1e-3;0;1.0e-3" },
		{ "params: {T: {from: 2, to: 2, num: 1}}", "2" },
		{ "params: {T: {from: 1e-3, to: 1e3, num: 7, log: true}}",
		  "1e-3;0.01;0.1;1;10;100;1e3" },
		{ "params: {T: {from: 1, to: 4, num: 3, log: true}}", "1;2;4" },
		{ "params: {T: {from: -1, to: -4, num: 3, log: true}}", "-1;-2;-4" },
		{ "params: {T: {from: 0, to: 4, num: 3, log: false}}", "0;2;4" },
		/* zip, tables, order */
		{ "params: {zip: [{a: [1, 2], b: [x, y]}], grid: {c: [5, 6]}}",
		  "1 x 5;1 x 6;2 y 5;2 y 6" },
		{ "params: {grid: {c: [5, 6]}, zip: [{a: [1, 2], b: [x, y]}]}",
		  "5 1 x;5 2 y;6 1 x;6 2 y" },
		{ "params: {zip: [{a: {from: 1, to: 3, step: 1}, b: {from: 0, to: 1, num: 3}}]}",
		  "1 0;2 0.5;3 1" },
		{ "params: {zip: [{a: [1]}, {b: [2, 3]}]}", "1 2;1 3" },
		{ "params: {zip: {a: [1, 1], b: [2, 3]}}", "1 2;1 3" },
		{ "params: {table: {file: t.csv}}", "A 1.5;B \"x\" 010" },
		{ "params: {table: {file: t.tsv}}", "1 x y" },
		{ "params: {table: {file: t.jsonl}}", "1e3 1;[1,\"x\"] true" },
		{ "params: {table: {file: t.json}}", "1;2" },
		{ "params: {table: {file: t.jsonl, columns: [b, -]}}", "1;true" },
		{ "params: {table: {file: t.jsonl, columns: [b]}}", "1;true" },
		{ "params: {table: {file: plain.txt, columns: [a, '-'], sep: space}}", "1;3" },
		{ "params: {table: {file: plain.txt, format: csv, sep: ' ', columns: [a, b]}}",
		  "1 2;3 4" },
		{ "params: {table: {file: bad.csv, columns: [ab, c], header: true}}", "1 2" },
		{ "params: {table: [{file: t.tsv}, {file: t.json, columns: [a2]}]}", NULL },
		{ "params: {table: [{file: t.tsv}, {file: t.csv}]}",
		  "1 x y A 1.5;1 x y B \"x\" 010" },
		/* lines and globs */
		{ "params: {f: {lines: lines.txt}}", "--x 1 1;b 2.50 3;b 2.50 4" },
		{ "params: {f: {lines: lines.txt, split: true}}",
		  "[\"--x\",1] 1;[\"b\",2.50] 3;[\"b\",2.50] 4" },
		{ "params: {f: {glob: 'd?/*.nc'}}", "d1/a_1.nc;d1/b_010.nc;d2/a_1.nc;d2/x_y_2.nc" },
		{ "params: {f: {glob: '{d}/{s}_{n}.nc'}}",
		  "d1/a_1.nc d1 a 1;d1/b_010.nc d1 b 010;d2/a_1.nc d2 a 1;d2/x_y_2.nc d2 x_y 2" },
		{ "params: {f: {glob: './d1/[a-b]_*.nc'}}", "./d1/a_1.nc;./d1/b_010.nc" },
		{ "params: {f: {glob: 'd1/[!a]_*.nc'}}", "d1/b_010.nc" },
		{ "params: {f: {glob: '{d}/{d}.txt'}}", "d1/d1.txt d1" },
		{ "params: {f: {glob: 'd1/w{{{x}}}.txt'}}", "d1/w{1}.txt 1" },
		{ "params: {f: {glob: 'd2/.{x}.nc'}}", "d2/.hidden_1.nc hidden_1" },
		{ "params: {f: {glob: 'd1/a_1.nc'}}", "d1/a_1.nc" },
		{ "params: {f: {glob: 'e/{x}{y}'}}",
		  "e/aa a a;e/aba ab a;e/\u00e9\u00e8 \u00e9 \u00e8" },
		{ "params: {f: {glob: 'e/{x}*{x}'}}", "e/aa a;e/aba a" },
		{ "params: {f: {glob: 'e/?{x}'}}", "e/aa a;e/aba ba;e/\u00e9\u00e8 \u00e8" },
		{ "params: {f: {glob: 'e/[\u00e0-\u00ea][!\u00e9]'}}", "e/\u00e9\u00e8" },
		{ "params: {f: {glob: 'd1/../d2/a*'}}", "d1/../d2/a_1.nc" },
		{ "params: {zip: [{f: {glob: 'd{k}/a_1.nc'}, g: [x, y]}]}",
		  "d1/a_1.nc 1 x;d2/a_1.nc 2 y" },
		/* where */
		{ "params: {grid: {a: [1, 2, 3], b: [1, 2]}, where: a > b}", "2 1;3 1;3 2" },
		{ "params: {grid: {a: [1, 2, 3], b: [1, 2]}, where: a != 2}\nrepeat: 2",
		  "1 1 0;1 1 1;1 2 0;1 2 1;3 1 0;3 1 1;3 2 0;3 2 1" },
		{ "params: {grid: {a: [1, 2], b: [1, 2], c: [1, 2]}, where: a == c}",
		  "1 1 1;1 2 1;2 1 2;2 2 2" },
		{ "params: {grid: {a: [1, 2], b: [1, 2]}, where: b == 2 or rep == 0}\nrepeat: 2",
		  "1 1 0;1 2 0;1 2 1;2 1 0;2 2 0;2 2 1" },
		{ "params: {grid: {a: [1, 2]}, where: 'true'}", "1;2" },
		{ "params: {grid: {T: {from: 1, to: 2, step: 0.5}}, zip: [{c: [m, w], n: [1, 2]}], where: T * n < 3 and c != 'x'}",
		  "1 m 1;1 w 2;1.5 m 1;2 m 1" },
		/* add */
		{ "params: {grid: {a: [1, 2], b: [x]}, add: [{a: 1, b: x}, {b: y, a: 9}, {a: 9, b: y}, {a: 1, b: z}]}\nrepeat: 2",
		  "1 x 0;1 x 1;2 x 0;2 x 1;9 y 0;9 y 1;1 z 0;1 z 1" },
		{ "params: {grid: {a: [1, 2], b: [x]}, where: a == 2, add: [{a: 1, b: x}, {a: 2, b: x}]}",
		  "2 x;1 x" },
		{ "params: {grid: {a: [1]}, where: a == 2, add: [{a: 5}]}", "5" },
		{ "params: {grid: {T: {from: 1, to: 2, step: 0.5}}, add: [{T: 1.5}, {T: 1.50}, {T: '1.5'}, {T: 2.5}, {T: 0}]}",
		  "1;1.5;2;1.50;1.5;2.5;0" },
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf said = BUF_INIT, got = BUF_INIT;
		struct space *s;

		if (getenv("VALGRIND_LOGS") && strstr(rows[i].yaml, "log: true")) {
			continue; /* valgrind's long double is a double */
		}
		s = space_of(rows[i].yaml, dir, &said);
		if (!rows[i].points) {
			assert_null(s);
			buf_free(&said);
			continue;
		}
		if (!s)
			print_error("%s: %s", rows[i].yaml, buf_str(&said));
		if (s)
			put_points(s, &got);
		if (strcmp(buf_str(&got), rows[i].points) != 0 && ++bad)
			print_error("%s\n  is %s\n not %s\n", rows[i].yaml, buf_str(&got),
				    rows[i].points);
		space_free(s);
		buf_free(&said);
		buf_free(&got);
	}
	assert_int_equal(bad, 0);
}

static void test_faults(void **state)
{
	static const struct {
		const char *yaml, *said;
	} rows[] = {
		{ "params: [1]", "s:1:9: 'params' must be a mapping, as in {T: [1, 2]}\n" },
		{ "params: {grid: {a: [1]}, T: [1]}",
		  "s:1:26: unknown key 'T' in params: beside grid, zip, table, where and add, parameters stand under 'grid'\n" },
		{ "params: {grid: {a: [1]}, wher: x}",
		  "s:1:26: unknown key 'wher' in params (did you mean 'where'?)\n" },
		{ "params: {a: []}", "s:1:13: 'a' has no values: no task would run\n" },
		{ "params: {a: }",
		  "s:1:13: a value is missing: write \"\" for the empty text, or \"null\" in quotes\n" },
		{ "params: {rep: [1]}",
		  "s:1:10: 'rep' is reserved: choose another name for the parameter\n" },
		{ "params: {a-b: [1]}",
		  "s:1:10: 'a-b' is no parameter name: use letters, digits and _, at most 64, no digit in front\n" },
		{ "params: {grid: {a: [1]}, zip: [{a: [1]}]}",
		  "s:1:33: parameter 'a' is given twice (first at line 1)\n" },
		{ "params: {a: [1, 2, 1]}", "s:1:20: equal points: values 1 and 3 are both a=1\n" },
		{ "params: {a: [3.1, 3.10]}",
		  "s:1:13: warning: 'a' has one number in two spellings, 3.1 and 3.10: they are different points\n" },
		{ "params: {grid: {a: [1.5], b: [1]}, add: [{a: 1.50, b: 1}]}",
		  "s:1:41: warning: 'a' has one number in two spellings, 1.5 and 1.50: they are different points\n" },
		{ "params: {grid: {a: {from: 1, to: 2, step: 0.5}, b: [1]}, add: [{a: 1.0, b: 1}, {a: 1.50, b: 1}]}",
		  "s:1:63: warning: 'a' has one number in two spellings, 1 and 1.0: they are different points\n" },
		{ "params: {grid: {a: [1], b: [1]}, add: [{a: 7, b: 1}, {a: 7.0, b: 1}]}",
		  "s:1:39: warning: 'a' has one number in two spellings, 7 and 7.0: they are different points\n" },
		{ "params: {zip: [{a: [1, 2], b: [3, 4]}], add: [{a: 1, b: 4.0}]}",
		  "s:1:46: warning: 'b' has one number in two spellings, 4 and 4.0: they are different points\n" },
		{ "params: {a: {values: 3}}", "s:1:22: 'values' must be a list, not a number\n" },
		{ "params: {a: {vales: [3]}}",
		  "s:1:13: 'a' is a mapping of no known form (did you mean 'values'?)\n" },
		{ "params: {a: {b: [3]}}",
		  "s:1:13: 'a' is a mapping of no known form: there are {values: [..]}, {from, to, step}, {from, to, num}, "
		  "{glob: ..} and {lines: ..}\n" },
		{ "params: {a: {values: [3], wsa: 3}}", "s:1:27: unknown key 'wsa' in 'a'" },
		{ "params: {a: {from: 1, to: 2, stpe: 1}}",
		  "s:1:13: 'a' needs 'step' or 'num'\n"
		  "s:1:30: unknown key 'stpe' in 'a' (did you mean 'step'?)\n" },
		{ "params: {a: {start: 1, stop: 2, n: 3}}",
		  "s:1:14: unknown key 'start' in 'a': write 'from'\n"
		  "s:1:24: unknown key 'stop' in 'a': write 'to'\n"
		  "s:1:33: unknown key 'n' in 'a': write 'num'\n" },
		{ "params: {a: {min: 1, max: 2}}",
		  "s:1:14: unknown key 'min' in 'a': write 'from'\n"
		  "s:1:22: unknown key 'max' in 'a': write 'to'\n" },
		{ "params: {a: {from: 1, stop: 3, step: 1}}",
		  "s:1:23: unknown key 'stop' in 'a': write 'to'\n" },
		{ "params: {a: {linspace: [0, 1, 5]}}",
		  "s:1:14: unknown key 'linspace' in 'a': write {from: .., to: .., num: ..}: both ends are included\n" },
		{ "params: {a: {logspace: [0, 3, 4]}}",
		  "s:1:14: unknown key 'logspace' in 'a': write {from: .., to: .., num: .., log: true}: both ends are "
		  "given as values, and are included\n" },
		{ "params: {a: {from: 1, to: 2}}", "s:1:13: 'a' needs 'step' or 'num'\n" },
		{ "params: {a: {from: 1, step: 2}}",
		  "s:1:13: 'a' has no 'to': write {from: .., to: .., step: ..}\n" },
		{ "params: {a: {from: 1, to: 2, step: 1, num: 2}}",
		  "s:1:13: 'a' has both 'step' and 'num': choose one\n" },
		{ "params: {a: {from: x, to: 2, step: 1}}", "s:1:20: 'from' must be a number\n" },
		{ "params: {a: {from: '1', to: 2, step: 1}}", "s:1:20: 'from' must be a number\n" },
		{ "params: {a: {from: 1, to: 2, step: 0}}", "s:1:36: 'step' must not be 0\n" },
		{ "params: {a: {from: 1, to: 2, step: -1}}",
		  "s:1:36: 'step' leads away from 'to': make it positive, or swap 'from' and 'to'\n" },
		{ "params: {a: {from: 2, to: 1, step: 1}}",
		  "s:1:36: 'step' leads away from 'to': make it negative, or swap 'from' and 'to'\n" },
		{ "params: {a: {from: 1.5, to: 3.1, step: 0.25}}",
		  "s:1:29: 'to' 3.1 is not reached from 1.5 by steps of 0.25: the last value would be 3.0, so write 'to: 3.0'\n" },
		{ "params: {a: {from: 0, to: 1e13, step: 1}}",
		  "s:1:39: 'a' has more than 2^40 values\n" },
		{ "params: {a: {from: 0, to: 1e19, step: 1}}",
		  "s:1:20: 'a' needs more than 18 digits\n" },
		{ "params: {a: {from: 0, to: 1, step: 1e-19}}",
		  "s:1:20: 'a' needs more than 18 digits\n" },
		{ "params: {a: {from: 0, to: 1, step: 1e-999}}",
		  "s:1:36: 'step' has too many digits\n" },
		{ "params: {a: {from: 0, to: 1, step: 0.1, log: true}}",
		  "s:1:36: 'log' goes with 'num', not with 'step'\n" },
		{ "params: {a: {from: 0, to: 1, num: 3, log: true}}",
		  "s:1:20: with 'log', both ends must be above 0, or both below\n" },
		{ "params: {a: {from: 0, to: 1, num: 0}}",
		  "s:1:35: 'num' must be a whole number from 1\n" },
		{ "params: {a: {from: 0, to: 1, num: 1}}",
		  "s:1:35: 'num: 1' leaves no room for both ends\n" },
		{ "params: {a: {from: 0, to: 1, num: 3, log: yes}}",
		  "s:1:43: 'log' must be true or false\n" },
		{ "params: {zip: [{a: [1, 2], b: [1, 2, 3]}]}",
		  "s:1:31: 'a' has 2 values and 'b' has 3: a zip group walks together\n" },
		{ "params: {zip: [{a: [1, 1], b: [2, 2]}]}",
		  "s:1:16: equal points: values 1 and 2 are both a=1, b=2\n" },
		{ "params: {zip: 3}",
		  "s:1:15: 'zip' must be a list of groups, as in [{a: [1, 2], b: [3, 4]}]\n" },
		{ "params: {zip: [3]}",
		  "s:1:16: a zip group must be a mapping of lists, as in {a: [1, 2], b: [3, 4]}\n" },
		{ "params: {grid: [1]}",
		  "s:1:16: 'grid' must be a mapping of parameters, as in {T: [1, 2]}\n" },
		{ "params: {table: t.csv}",
		  "s:1:17: a table must be a mapping, as in {file: sites.csv}\n" },
		{ "params: {table: {run: x}}",
		  "s:1:23: 'run' is not yet supported: name the run's table by 'file'\n" },
		{ "params: {table: {fiel: x}}",
		  "s:1:17: a table needs 'file', as in {file: sites.csv}\n" },
		{ "params: {table: {file: plain.txt}}",
		  "s:1:24: the format of 'plain.txt' cannot be told by its name: write 'format: csv', tsv, jsonl or json\n" },
		{ "params: {table: {file: t.csv, format: xls}}",
		  "s:1:39: unknown format 'xls': there are csv, tsv, jsonl and json\n" },
		{ "params: {table: {file: t.csv, sep: x}}",
		  "s:1:36: 'sep' must be space, tab, comma or semicolon\n" },
		{ "params: {table: {file: t.jsonl, sep: tab}}",
		  "s:1:38: 'sep' goes with CSV and TSV, not with JSON\n" },
		{ "params: {table: {file: bad.csv}}",
		  "s:1:24: column 'a b' of 'bad.csv' is no parameter name: give names by 'columns: [..]' and 'header: true' "
		  "('-' leaves a column out)\n" },
		{ "params: {table: {file: res.csv}}",
		  "s:1:24: column 'task' of 'res.csv' has a reserved name: give names by 'columns: [..]' and 'header: true' "
		  "('-' leaves a column out)\n" },
		{ "params: {table: {file: ragged.csv}}",
		  "s:1:24: 'ragged.csv' line 4: 1 cells where the header has 2\n" },
		{ "params: {table: {file: plain.txt, sep: space, columns: [a]}}",
		  "s:1:24: 'plain.txt' line 1: 2 cells where 'columns' names 1\n" },
		{ "params: {table: {file: same.csv}}",
		  "s:1:17: equal points: lines 2 and 4 of 'same.csv' are both a=1, b=2\n" },
		{ "params: {table: {file: empty.csv}}",
		  "s:1:24: 'empty.csv' has no rows: no task would run\n" },
		{ "params: {table: {file: no.csv}}",
		  "s:1:24: cannot read 'no.csv': No such file or directory\n" },
		{ "params: {table: {file: ./d1, format: csv}}",
		  "s:1:24: cannot read './d1': Is a directory\n" },
		{ "params: {f: {lines: no.txt}}",
		  "s:1:21: cannot read 'no.txt': No such file or directory\n" },
		{ "params: {table: {url: 'ftp://u:secret@h/t.csv', sha256: 0000000000000000000000000000000000000000000000000000000000000000}}",
		  "s:1:23: 'url' must begin with https:// or http://\n" },
		{ "params: {table: {file: void.csv}}", "s:1:24: 'void.csv' has no columns\n" },
		{ "params: {table: {file: t.csv, columns: ['-', '-']}}",
		  "s:1:24: 't.csv' has no columns\n" },
		{ "params: {table: {file: bad.jsonl}}", "s:1:24: 'bad.jsonl' line 2, column 7: " },
		{ "params: {table: {file: more.jsonl}}",
		  "s:1:24: 'more.jsonl' line 2: the key \"b\" is not in the first row\n" },
		{ "params: {table: {file: less.jsonl}}", "s:1:24: 'less.jsonl' line 2: no 'b'\n" },
		{ "params: {table: {file: null.jsonl}}",
		  "s:1:24: 'null.jsonl' line 1: 'a' is null, and must be text, a number, true, false or a list of these\n" },
		{ "params: {table: {url: 'file:///x', sha256: 00}}",
		  "s:1:44: a table by url needs 'sha256' with 64 hexadecimal digits\n" },
		{ "params: {table: {file: t.csv, was: {zzz: 1}}}",
		  "s:1:37: 't.csv' has no column 'zzz'\n" },
		{ "params: {f: {lines: latin.txt}}",
		  "s:1:21: 'latin.txt' line 2: not UTF-8 text\n" },
		{ "params: {f: {lines: void.csv}}",
		  "s:1:21: 'void.csv' has no lines: no task would run\n" },
		{ "params: {line: [1], f: {lines: lines.txt}}",
		  "s:1:32: parameter 'line' is given twice (first at line 1)\n" },
		{ "params: {f: {glob: 'd1/**/x'}}",
		  "s:1:20: '**' is not supported: write one '*' for each folder\n" },
		{ "params: {f: {glob: 'nope/*'}}",
		  "s:1:20: 'nope/*' matches nothing: no task would run\n" },
		{ "params: {f: {glob: 'l/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b'}}",
		  "s:1:20: 'l/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b' matches nothing: no task would run\n" },
		{ "params: {f: {glob: 'l/{a}{b}{c}{d}{e}{g}{h}{i}{j}{k}{l}{m}{n}b'}}",
		  "s:1:20: 'l/{a}{b}{c}{d}{e}{g}{h}{i}{j}{k}{l}{m}{n}b' matches nothing: no task would run\n" },
		{ "params: {f: {glob: 'd1/{x'}}",
		  "s:1:20: '{' is not closed: write '{{' for a brace\n" },
		{ "params: {f: {glob: 'd1/{f}'}}",
		  "s:1:20: parameter 'f' is given twice (first at line 1)\n" },
		{ "params: {f: {glob: 'd1/{a b}'}}",
		  "s:1:20: 'a b' is no parameter name: use letters, digits and _, at most 64, no digit in front\n" },
		{ "params: {grid: {T: [1]}, where: TT == 1}",
		  "s:1:33: where: unknown parameter 'TT' (did you mean 'T'?)\n" },
		{ "params: {grid: {T: [1]}, where: xy == 1}",
		  "s:1:33: where: unknown parameter 'xy': put text in quotes\n" },
		{ "params: {grid: {T: [1]}, where: T = 1}",
		  "s:1:35: where: '=' compares nothing: write '=='\n" },
		{ "params: {grid: {T: [1, x], L: [2]}, where: T > L}",
		  "s:1:44: where: at T=x, L=2: '>' wants two numbers or two texts, not 'T' (text) and 'L' (a number)\n" },
		{ "params: {grid: {T: [1]}, where: [a]}",
		  "s:1:33: 'where' must be an expression, not a list\n" },
		{ "params: {grid: {T: [1]}, where: T > 1}",
		  "s:1:33: 'where' leaves no point: no task would run\n" },
		{ "params: {grid: {T: [1]}, where: T > rep}",
		  "s:1:37: where: 'rep' needs 'repeat:'\n" },
		{ "params: {grid: {T: [1]}, where: rep < 1, add: [{T: 2}]}\nrepeat: 2",
		  "s:1:33: a 'where' that uses 'rep' does not go with 'add'\n" },
		{ "params: {grid: {T: [1], L: [1]}, add: [{T: 2}]}",
		  "s:1:40: 'L' is missing: a point of 'add' gives every parameter\n" },
		{ "params: {grid: {temp: [1]}, add: [{temp: 2, tmep: 1}]}",
		  "s:1:45: unknown parameter 'tmep'" },
		{ "params: {grid: {T: [1]}, add: [{T: 2, rep: 1}]}\nrepeat: 2",
		  "s:1:39: 'rep' cannot be given: each added point is repeated\n" },
		{ "params: {grid: {T: [1]}, add: {T: 2}}",
		  "s:1:31: 'add' must be a list of points, as in [{T: 1}]\n" },
		{ "params: {grid: {T: [1]}, add: [3]}",
		  "s:1:32: a point of 'add' must be a mapping of parameters, as in {T: 1}\n" },
		{ "repeat: 0", "s:1:9: 'repeat' must be a whole number from 1 to 1000000000\n" },
		{ "repeat: 1000000001",
		  "s:1:9: 'repeat' must be a whole number from 1 to 1000000000\n" },
		{ "repeat: '3'", "s:1:9: 'repeat' must be a whole number from 1 to 1000000000\n" },
		{ "seed: -1", "s:1:7: 'seed' must be a whole number from 0 to 2^64 - 1\n" },
		{ "seed: 18446744073709551616",
		  "s:1:7: 'seed' must be a whole number from 0 to 2^64 - 1\n" },
		{ "seed: 1.5", "s:1:7: 'seed' must be a whole number from 0 to 2^64 - 1\n" },
		{ "seed_by: [rep]", "s:1:11: 'rep' in 'seed_by' needs 'repeat:'\n" },
		{ "seed_by: rep", "s:1:10: 'seed_by' must be a list of parameters, as in [rep]\n" },
		{ "params: {temp: [1]}\nseed_by: [tmp]",
		  "s:2:11: unknown parameter 'tmp' (did you mean 'temp'?)\n" },
		{ "params: {a: {from: 0, to: 1e12, step: 1}, b: {from: 0, to: 1e12, step: 1}}",
		  "s:1:9: more than 2^48 points\n" },
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf said = BUF_INIT;
		struct space *s = space_of(rows[i].yaml, dir, &said);

		if (!strstr(rows[i].said, "warning") && s && ++bad)
			print_error("%s: is no fault\n", rows[i].yaml);
		if (strncmp(buf_str(&said), rows[i].said, strlen(rows[i].said)) != 0 && ++bad)
			print_error("%s\n  is %s not %s", rows[i].yaml, buf_str(&said),
				    rows[i].said);
		space_free(s);
		buf_free(&said);
	}
	assert_int_equal(bad, 0);
}

static void test_axes_shown(void **state)
{
	struct space *s = space_of(
		"params: {grid: {T: {from: 1.5, to: 3.0, step: 0.25}, L: [16, 32, 64], o: [a, b, c, d, e], x: 1},"
		" zip: [{code: [m, w], steps: [1, 2]}]}\nrepeat: 5",
		dir, NULL);
	static const char *const shown[] = {
		"T: 7 values, 1.5 ... 3.0", "L: 3 values, 16, 32, 64",
		"o: 5 values, a ... e",     "x: 1 value, 1",
		"code, steps: 2 points",    "rep: 0 ... 4",
	};

	(void)state;
	assert_int_equal(space_axes(s), 6);
	assert_int_equal(space_count(s), 7 * 3 * 5 * 2 * 5);
	for (size_t i = 0; i < 6; i++) {
		struct buf b = BUF_INIT;

		space_put_axis(s, i, &b);
		assert_string_equal(b.data, shown[i]);
		buf_free(&b);
	}
	assert_true(space_repeats(s));
	assert_string_equal(space_name(s, space_names(s) - 1), "rep");
	space_free(s);
}

/* Every combination comes exactly once, in the order of nested loops. */
static void test_each_once(void **state)
{
	struct space *s = space_of(
		"params: {grid: {a: {from: 0, to: 6, step: 1}, b: {from: 0, to: 4, step: 1}, c: {from: 0, to: 10, step: 1}},"
		" where: (a * 55 + b * 11 + c) % 7 != 3}\nrepeat: 3",
		dir, NULL);
	uint64_t at = 0;
	struct point p;

	(void)state;
	point_init(&p, s);
	for (unsigned i = 0; i < 7 * 5 * 11; i++) {
		for (unsigned r = 0; i % 7 != 3 && r < 3; r++, at++) {
			space_point(s, at, &p);
			assert_int_equal(atol(p.values[0].text), i / 55);
			assert_int_equal(atol(p.values[1].text), i / 11 % 5);
			assert_int_equal(atol(p.values[2].text), i % 11);
			assert_int_equal(atol(p.values[3].text), r);
			assert_int_equal(p.rep, r);
		}
	}
	assert_int_equal(at, space_count(s));
	assert_int_equal(space_crossed(s), 7 * 5 * 11 * 3);
	point_free(&p);
	space_free(s);
}

/* 10^12 points: counted and reached at once. */
static void test_huge(void **state)
{
	struct space *s = space_of(
		"params: {a: {from: 0, to: 99999, step: 1}, b: {from: 0.00, to: 99.99, step: 0.01},"
		" c: [x, y]}\nrepeat: 500",
		dir, NULL);
	uint64_t n = UINT64_C(100000) * 10000 * 2 * 500;
	struct point p;

	(void)state;
	assert_int_equal(space_count(s), n);
	point_init(&p, s);
	space_point(s, n - 1, &p);
	assert_string_equal(p.values[0].text, "99999");
	assert_string_equal(p.values[1].text, "99.99");
	assert_string_equal(p.values[2].text, "y");
	assert_string_equal(p.values[3].text, "499");
	space_point(s, UINT64_C(123456789012), &p);
	assert_string_equal(p.values[0].text, "12345");
	assert_string_equal(p.values[1].text, "67.89");
	assert_string_equal(p.values[2].text, "x");
	assert_string_equal(p.values[3].text, "12");
	point_free(&p);
	space_free(s);
}

struct tally {
	struct buf text;
	uint64_t times;
	const bool *uses;
};

static int add_combination(void *arg, const struct point *p, uint64_t times)
{
	struct tally *t = arg;

	for (size_t k = 0; k < p->n; k++)
		if (t->uses[k])
			buf_printf(&t->text, "%s ", p->values[k].text);
	buf_printf(&t->text, "x%d;", (int)times);
	return 0;
}

static int stop_at_once(void *arg, const struct point *p, uint64_t times)
{
	(void)arg;
	(void)p;
	(void)times;
	return 7;
}

static void test_combinations(void **state)
{
	static const struct {
		const char *yaml;
		bool uses[5];
		const char *combinations;
	} rows[] = {
		{ "params: {a: [1, 2], b: [x, y]}\nrepeat: 3",
		  { true, false, false },
		  "1 x6;2 x6;" },
		{ "params: {a: [1, 2], b: [x, y]}\nrepeat: 3",
		  { false, true, true },
		  "x 0 x2;x 1 x2;x 2 x2;y 0 x2;y 1 x2;y 2 x2;" },
		{ "params: {a: [1, 2], b: [x, y]}", { false, false }, "x4;" },
		{ "params: {zip: [{a: [1, 2, 1], b: [x, y, z]}], grid: {c: [5, 6]}}",
		  { true, false, true },
		  "1 5 x2;1 6 x2;2 5 x1;2 6 x1;" },
		{ "params: {grid: {a: [1, 2], b: [x, y]}, where: a == 1}",
		  { true, false },
		  "1 x0;2 x0;" },
		{ "params: {grid: {a: [1, 2], b: [x, y]}, add: [{a: 1, b: z}, {a: 3, b: z}, {a: 3, b: w}]}",
		  { true, false },
		  "1 x0;2 x0;3 x0;" },
		{ "params: {zip: [{a: [1, 2], b: [x, y]}], grid: {c: [1]}, add: [{a: 1, b: y, c: 1}, {a: 2, b: x, c: 2}]}",
		  { true, false, true },
		  "1 1 x0;2 1 x0;2 2 x0;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tally t = { .text = BUF_INIT, .uses = rows[i].uses };
		struct space *s = space_of(rows[i].yaml, dir, NULL);

		assert_int_equal(space_combinations(s, rows[i].uses, add_combination, &t), 0);
		assert_string_equal(t.text.data, rows[i].combinations);
		assert_int_equal(space_combinations(s, rows[i].uses, stop_at_once, NULL), 7);
		buf_free(&t.text);
		space_free(s);
	}
}

static const char full[] =
	"params:\n"
	"  grid: {T: {from: 1.5, to: 3.0, step: 0.25}, s: ['a b', \"q\\\"\\n\", -x, ''], w: {values: [1, 2], was: 2}}\n"
	"  zip: [{code: [metro, wolff], steps: [1e6, 2e5]}]\n"
	"  table: {file: t.jsonl}\n"
	"  where: not (code == 'wolff' and T < 2)\n"
	"  add:\n    - {T: 2.269, s: z, w: 1, code: wolff, steps: 1e6, a: 0, b: [1]}\n"
	"repeat: 2\nseed: 20240601\nseed_by: [rep, T]\n";

static void test_round_trip(void **state)
{
	struct space *s = space_of(full, dir, NULL), *t;
	struct buf a = BUF_INIT, b = BUF_INIT;
	uint8_t ha[32], hb[32];
	struct err e = ERR_INIT;
	struct point p, q;
	const char *const *by;

	(void)state;
	assert_int_equal(space_save(s, dir, &e), 0);
	t = space_load(dir, &e);
	assert_string_equal(e.text, "");
	space_hash(s, ha);
	space_hash(t, hb);
	assert_memory_equal(ha, hb, 32);
	put_points(s, &a);
	put_points(t, &b);
	assert_string_equal(a.data, b.data);
	assert_int_equal(space_count(t), (7 * 4 * 2 * 2 - 2 * 4 * 2) * 2 * 2 + 2);
	assert_int_equal(space_added(t), 2);
	assert_string_equal(space_root_seed(t), "20240601");
	assert_int_equal(space_seed_by(t, &by), 2);
	assert_string_equal(by[1], "T");
	point_init(&p, s);
	point_init(&q, t);
	for (uint64_t i = 0; i < space_count(s); i++) {
		uint8_t ia[TASK_ID_SIZE], ib[TASK_ID_SIZE];
		struct seeds sa, sb;

		space_point(s, i, &p);
		space_point(t, i, &q);
		task_id(s, &p, ia);
		task_id(t, &q, ib);
		assert_memory_equal(ia, ib, TASK_ID_SIZE);
		task_seeds(s, &p, ia, &sa);
		task_seeds(t, &q, ib, &sb);
		assert_int_equal(sa.seed64, sb.seed64);
		assert_memory_equal(sa.words, sb.words, sizeof sa.words);
	}
	point_free(&p);
	point_free(&q);
	space_free(s);
	space_free(t);
	buf_free(&a);
	buf_free(&b);
}

/* Any byte that is changed, and any end that is cut, is noticed. */
static void test_damage(void **state)
{
	static const char *const names[] = { "axes.jsonl", "where.bits" };
	struct space *s = space_of(full, dir, NULL);

	(void)state;
	assert_int_equal(space_save(s, dir, NULL), 0);
	for (size_t f = 0; f < 2; f++) {
		char *path = path_join(dir, names[f]);
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;
		size_t step;

		assert_int_equal(file_read(path, &b, 0, NULL), 0);
		step = b.len / 60 + 1;
		for (size_t i = 0; i < b.len; i += step) {
			err_clear(&e);
			b.data[i] ^= 1;
			assert_int_equal(file_publish(path, b.data, b.len, NULL), 0);
			assert_null(space_load(dir, &e));
			assert_non_null(strstr(e.text, names[f]));
			assert_non_null(strstr(e.text, "damaged"));
			b.data[i] ^= 1;
		}
		assert_int_equal(file_publish(path, b.data, b.len - 1, NULL), 0);
		assert_null(space_load(dir, NULL));
		assert_int_equal(file_publish(path, "", 0, NULL), 0);
		assert_null(space_load(dir, NULL));
		unlink(path);
		assert_null(space_load(dir, NULL));
		assert_int_equal(file_publish(path, b.data, b.len, NULL), 0);
		buf_free(&b);
		free(path);
	}
	space_free(s);
	s = space_load(dir, NULL);
	assert_non_null(s);
	space_free(s);
}

/* A table by url is read from where it was fetched to. */
static void test_fetched(void **state)
{
	static const char table[] = "a,b\n1,2\n";
	struct buf yaml = BUF_INIT, got = BUF_INIT;
	char hex[SHA256_HEX];
	uint8_t sum[SHA256_SIZE];
	struct space *s;

	(void)state;
	sha256_of(table, strlen(table), sum);
	hex_put(hex, sum, sizeof sum);
	write_file(hex, table);
	buf_printf(&yaml, "params: {table: {url: 'https://ppgen.invalid/t.csv', sha256: %s}}", hex);
	s = space_of(yaml.data, dir, NULL);
	assert_non_null(s);
	put_points(s, &got);
	assert_string_equal(got.data, "1 2");
	space_free(s);
	buf_free(&yaml);
	buf_free(&got);
}

/* Names that no command line and no table could carry are refused by their own name. */
static void test_file_names(void **state)
{
	static const struct {
		const char *name, *said;
	} rows[] = {
		{ "n1-\xff", "s:1:20: 'n1-\\xff' is no UTF-8: rename it\n" },
		{ "n1-\n", "s:1:20: 'n1-\\n' holds a newline: rename it\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *path = path_join(dir, rows[i].name);
		struct buf said = BUF_INIT;

		write_file(rows[i].name, "");
		assert_null(space_of("params: {f: {glob: 'n1-*'}}", dir, &said));
		assert_string_equal(said.data, rows[i].said);
		unlink(path);
		free(path);
		buf_free(&said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_points),     cmocka_unit_test(test_faults),
		cmocka_unit_test(test_axes_shown), cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_huge),       cmocka_unit_test(test_combinations),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_fetched),    cmocka_unit_test(test_file_names),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
