/* SPDX-License-Identifier: MIT */
/* Delimited text: rows as text in which cells end in "|" and quoted ones begin with "^", against
 * what is expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/csv.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* All rows as "line:cell|cell|;" and the error. */
static void read_all(const char *text, size_t n, char sep, struct buf *out)
{
	char *exact = malloc(n ? n : 1);
	struct err e = ERR_INIT;
	struct csv c;
	int rc;

	assert_non_null(exact);
	memcpy(exact, text, n);
	csv_open(&c, exact, n, sep);
	while ((rc = csv_next(&c, &e)) == 1) {
		buf_printf(out, "%zu:", c.line);
		for (size_t i = 0; i < c.n; i++) {
			buf_puts(out, c.cells[i].quoted ? "^" : "");
			buf_add(out, c.cells[i].text, c.cells[i].len);
			buf_putc(out, '|');
		}
		buf_putc(out, ';');
	}
	if (rc < 0) {
		buf_puts(out, e.text);
	}
	csv_close(&c);
	csv_close(&c);
	free(exact);
}

static void test_rows(void **state)
{
	static const struct {
		char sep;
		const char *text, *rows;
	} rows[] = {
		{ ',', "", "" },
		{ ',', "a", "1:a|;" },
		{ ',', "a,b\n1,2\n", "1:a|b|;2:1|2|;" },
		{ ',', "a,b\r\n1,2\r\n", "1:a|b|;2:1|2|;" },
		{ ',', "a,b\n1,2", "1:a|b|;2:1|2|;" },
		{ ',', "a,b\r", "1:a|b|;" },
		{ ',',
		  "\xef\xbb\xbf"
		  "a,b\n",
		  "1:a|b|;" },
		{ ',', "a,,b,\n", "1:a||b||;" },
		{ ',', ",\n", "1:||;" },
		{ ',', "a,", "1:a||;" },
		{ ',', "\n\na\n\n \n\r\nb\n\n", "3:a|;7:b|;" },
		{ ',', " a , b \n", "1: a | b |;" },
		{ ',', "\"a\",b\n", "1:^a|b|;" },
		{ ',', "\"a,b\",\"c\nd\"\n2", "1:^a,b|^c\nd|;3:2|;" },
		{ ',', "\"a\"\"b\"\"\",\"\"\"\"\n", "1:^a\"b\"|^\"|;" },
		{ ',', "\"\"\n", "1:^|;" },
		{ ',', "\"\",\"\"", "1:^|^|;" },
		{ ',', "a\"b,c\"\n", "1:a\"b|c\"|;" },
		{ ',', "\"a\r\nb\"\r\nc\r\n", "1:^a\r\nb|;3:c|;" },
		{ ',', "a\rb\n", "1:a\rb|;" },
		{ ',', "a,\r\n", "1:a||;" },
		{ ',', "\"a\"\r\n", "1:^a|;" },
		{ ',', "\"a\"\r", "1:^a|;" },
		{ ',', "a\tb,c\n", "1:a\tb|c|;" },
		{ ',', "\r\n", "" },
		{ ',', "   ", "" },
		{ '\t', "a\tb c\t\n\t\n", "1:a|b c||;2:||;" },
		{ '\t', "\"a\tb\"\tc\n  \n", "1:^a\tb|c|;" },
		{ ' ', "  a   b\tc  \n1 2 3\n", "1:a|b|c|;2:1|2|3|;" },
		{ ' ', "a \"b c\" d\r\n", "1:a|^b c|d|;" },
		{ ' ', "\t \na b\r\n  c", "2:a|b|;3:c|;" },
		{ ' ', "a \r\nb", "1:a|;2:b|;" },
		{ ' ', "\"a\"\t\"\"\n", "1:^a|^|;" },
		{ ' ', "a,b c", "1:a,b|c|;" },
		{ ',', "a\n\"b", "1:a|;line 2: a quote is not closed" },
		{ ',', "a\n\"b\"c,d\n",
		  "1:a|;line 2: text behind a closing quote: double the quotes inside" },
		{ ',', "\"a\nb\" ,c\n",
		  "line 2: text behind a closing quote: double the quotes inside" },
		{ ',', "x,\"a\n\n\"\"b", "line 1: a quote is not closed" },
		{ ',', "\"", "line 1: a quote is not closed" },
		{ ' ', "\"a\"b", "line 1: text behind a closing quote: double the quotes inside" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		read_all(rows[i].text, strlen(rows[i].text), rows[i].sep, &b);
		assert_string_equal(b.data, rows[i].rows);
	}
	buf_free(&b);
}

/* Unquoted cells of one row stay right while the buffer under them grows. */
static void test_many_unquoted(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct csv c;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		buf_printf(&b, "%s\"%d\"\"%d\",plain%d,\"q%d\"", i ? "," : "", i, i, i, i);
	}
	csv_open(&c, b.data, b.len, ',');
	assert_int_equal(csv_next(&c, &e), 1);
	assert_int_equal(c.n, 15000);
	for (int i = 0; i < 5000; i++) {
		const struct csv_cell *cell = &c.cells[3 * i];
		char want[40];

		snprintf(want, sizeof want, "%d\"%d", i, i);
		assert_int_equal(cell[0].len, strlen(want));
		assert_memory_equal(cell[0].text, want, cell[0].len);
		snprintf(want, sizeof want, "plain%d", i);
		assert_int_equal(cell[1].len, strlen(want));
		assert_memory_equal(cell[1].text, want, cell[1].len);
		assert_memory_equal(cell[2].text, "q", 1);
	}
	assert_int_equal(csv_next(&c, &e), 0);
	assert_int_equal(csv_next(&c, &e), 0);
	csv_close(&c);
	buf_free(&b);
}

static void test_put(void **state)
{
	static const struct {
		char sep;
		const char *s, *put;
	} rows[] = {
		{ ',', "", "" },
		{ ',', "a", "a" },
		{ ',', "a b", "a b" },
		{ ',', "a,b", "\"a,b\"" },
		{ ',', "a\"b", "\"a\"\"b\"" },
		{ ',', "\"", "\"\"\"\"" },
		{ ',', "a\nb", "\"a\nb\"" },
		{ ',', "a\rb", "\"a\rb\"" },
		{ ',', " a", "\" a\"" },
		{ ',', "a\t", "\"a\t\"" },
		{ ',', "a\tb", "a\tb" },
		{ '\t', "a\tb", "\"a\tb\"" },
		{ '\t', "a,b", "a,b" },
		{ ' ', "a b", "\"a b\"" },
		{ ' ', "", "\"\"" },
		{ ' ', "a\tb", "\"a\tb\"" },
		{ ',', "-1.5", "-1.5" },
		{ ',', "\xff", "\xff" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		csv_put(&b, rows[i].sep, rows[i].s, strlen(rows[i].s));
		assert_string_equal(b.data, rows[i].put);
	}
	buf_free(&b);
}

/* What is put comes back. */
static void test_round(void **state)
{
	static const char bytes[] = "a\"\n\r, \tb'";
	static const char seps[] = { ',', '\t', ' ' };
	struct buf text = BUF_INIT;
	unsigned random = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		const char sep = seps[round % 3];
		char cells[3][8];
		struct err e = ERR_INIT;
		struct csv c;

		buf_clear(&text);
		for (int i = 0; i < 3; i++) {
			size_t n = 0;

			do {
				random = random * 1103515245u + 12345;
				cells[i][n++] = bytes[(random >> 16) % (sizeof bytes)];
			} while (n < 7 && cells[i][n - 1]);
			cells[i][n < 7 ? n - 1 : n] = '\0';
			if (i) {
				buf_putc(&text, sep);
			}
			csv_put(&text, sep, cells[i], strlen(cells[i]));
		}
		buf_putc(&text, '\n');
		csv_open(&c, text.data, text.len, sep);
		if (csv_next(&c, &e) != 1 || c.n != 3) {
			fail_msg("%zu cells in <%s>: %s", c.n, text.data, e.text);
		}
		for (int i = 0; i < 3; i++) {
			assert_int_equal(c.cells[i].len, strlen(cells[i]));
			assert_memory_equal(c.cells[i].text, cells[i], c.cells[i].len);
		}
		assert_int_equal(csv_next(&c, &e), 0);
		csv_close(&c);
	}
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_many_unquoted),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
