/* SPDX-License-Identifier: MIT */
/*
 * JSON (RFC 8259), read in place: a value is a slice of the text that it was read from, so numbers
 * keep their source text and nothing is allocated. Written by appending to a struct buf.
 */
#ifndef PPGEN_BASE_JSON_H
#define PPGEN_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 200

enum json_type {
	JSON_NONE,
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json {
	enum json_type type;
	const char *text; /* of a string: with its quotes and escapes */
	size_t len;
};

/*
 * Reads exactly one value, white space around it allowed, and checks all of it (also that strings
 * are UTF-8). The error says "line L, column C: ..." within the text, no subject. Python's NaN and
 * Infinity are refused with a message that names them.
 */
int json_parse(const char *text, size_t len, struct json *out, struct err *e);

/* As json_parse without checks: for lines whose checksum was found right. JSON_NONE when it is no
 * JSON at all. */
struct json json_trust(const char *text, size_t len);

/* Walks the members of an object or the items of an array that came from one of the two above. */
struct json_iter {
	const char *p, *end;
	enum json_type type;
};
struct json_iter json_iter(struct json v);
bool json_next(struct json_iter *it, struct json *key,
	       struct json *val); /* either may be NULL; the key is NONE in arrays */

struct json json_get(struct json object,
		     const char *key); /* type JSON_NONE when absent; the first if twice */

/*
 * Several members in one walk, which is what long objects want: out[i] is what json_get(object,
 * keys[i]) gives. Keys are told apart by their text as written: one that was written with escapes
 * is not found.
 */
void json_get_each(struct json object, const char *const *keys, size_t n, struct json *out);

bool json_eq(struct json string, const char *s);
void json_put_decoded(struct buf *b,
		      struct json string);   /* appends the string's bytes, unescaped */
char *json_string(struct json string);       /* NULL unless a string; the caller frees */
bool json_u64(struct json v, uint64_t *out); /* from a number, or a string of digits */
bool json_double(struct json v, double *out);
bool json_true(struct json v);

/* Writing. Text that is no UTF-8 has each bad byte replaced by U+FFFD. */
void json_put(struct buf *b, const char *s, size_t n); /* a quoted string */
void json_puts(struct buf *b, const char *s);          /* a quoted string, or null for NULL */
void json_put_key(struct buf *b, const char *key);     /* "," unless after { or [, then "key": */
void json_put_sep(struct buf *b);                      /* "," unless after { [ or : */

#endif
