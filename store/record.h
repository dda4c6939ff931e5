/* SPDX-License-Identifier: MIT */
/*
 * Records: one JSON object a line in a journal, ending in ,"crc":"xxxxxxxx"} where the eight
 * hexadecimal digits are the CRC-32C of every byte of the line before `,"crc"`. Unknown members are
 * passed over, so that formats can grow.
 *
 *   {"k":"header","v":1,"writer":W,"plan":1,"time":MS,"host":..,"machine_id":..,"boot":..,
 *    "ns":..,"pid":..,"start":TICKS,"guardian":{..}, ...environment...}
 *   {"k":"start","id":32HEX,"i":INDEX,"plan":1,"att":1,"slot":0,"seed":"N","code":16HEX,"t":MS,
 *    "pid":N,"cpus":1,"mem":BYTES,"limit":S,"at":[OUT,ERR]}
 *   {"k":"end","id":..,"i":..,"plan":..,"att":1,"slot":0,"seed":"N","code":..,"t":MS,"out":"ok",
 *    "rh":8HEX,"voids":N,"ckpt":true,"r":{..},"exit":0,"sig":0,"wall":S,"cpu":S,"rss":BYTES,
 *    "why":"..","o":[OFF,LEN,"SHA"],"e":[OFF,LEN,"SHA"],"v":[OFF,LEN,"SHA"],
 *    "f":{"trace":[OFF,LEN,"SHA"]}}
 *   {"k":"void","id":..,"upto":N,"why":".."}
 *   {"k":"claim","c":CHUNK,"g":GENERATION}, {"k":"done",..}: of an array element, see store/claim.h
 *   {"k":"told","t":MS}: a signal ended an array element that had time left
 *   {"k":"sync","t":MS}: the output of every record before this one is durable
 *   {"k":"close","t":MS}: the same, and this is the last record
 *
 * - i: the task's index in plan `plan`; in any other plan only the id names it.
 * - att: a task's attempts count from 1 over the run's whole life.
 * - o, e: where stdout and stderr stand in output/<xx>/<writer>.out; absent when empty. v: the same
 *   for the value that a function returned ([0,0] of an empty one). It is absent where the row r is
 *   all of it, whose text stands for it then, and where none was kept. When LEN is large the first
 *   item is a text instead: the file's path below files/. f: the same for result files.
 * - r: the one row of results that the streams gave, where it is small (column -> value); absent
 *   when there are none, several or large rows: read them from the output. All that says whether an
 *   attempt counts stands before it, and readers that want no more stop there.
 * - at: of a call in an interpreter that had others before: where this one's output begins in the
 *   slot's spools. Absent: at 0.
 * - rh: the plan's results hash under which r and "out" were judged.
 * - voids: when this attempt is ok, earlier attempts up to N no longer count.
 * - ckpt: true where "out" is interrupted or timeout and the attempt had got its checkpoint signal,
 *   and did not die of it: the next one need not begin anew. Absent else.
 */
#ifndef PPGEN_STORE_RECORD_H
#define PPGEN_STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "gen/plan.h"

enum record_kind {
	RECORD_HEADER,
	RECORD_START,
	RECORD_END,
	RECORD_VOID,
	RECORD_CLOSE,
	RECORD_SYNC,
	RECORD_UNKNOWN
};

/* How an attempt ended. The names ("ok", "exit", ...) stand in journals: they never change. */
enum outcome {
	OUTCOME_NONE = 0,
	OUTCOME_OK,
	OUTCOME_EXIT, /* exit code not 0 */
	OUTCOME_SIGNAL,
	OUTCOME_TIMEOUT,
	OUTCOME_OOM,         /* over its memory, or killed by the kernel for it */
	OUTCOME_INVALID,     /* exit 0, but a declared result is missing or cannot be read */
	OUTCOME_NOT_STARTED, /* the command or its folder could not be used */
	OUTCOME_INTERRUPTED, /* ended by us: Ctrl-C, SIGTERM; not the task's fault */
	OUTCOME_LOST,        /* its worker died */
	OUTCOME_COUNT
};
extern const char *const outcome_names[OUTCOME_COUNT];
bool outcome_is_failure(enum outcome o); /* the task's own fault: exit .. not_started */
/* Its bit of `retry.on`, RETRY_*; 0 for what `retry` cannot name. */
unsigned outcome_retry_bit(enum outcome o);

/* A piece of output: a place in the writer's .out, or a file of its own. */
struct piece {
	bool there;
	const char *file; /* NULL: in .out; else a path below files/, borrowed from the line (not
			     NUL-terminated) */
	size_t file_len;
	const char *text; /* the bytes themselves, borrowed from the line; NULL: they are in a file
			   */
	uint64_t offset, len;
	const char *sha256; /* 64 digits, borrowed from the line, not NUL-terminated; NULL when len
			       is 0, or there is a text */
};

/* A line, decoded. Everything borrows from the line. Where there is a row, exit_code and signal are
 * not read: they are 0 then. */
struct record {
	enum record_kind kind;
	struct json line;
	bool has_id;
	uint8_t id[TASK_ID_SIZE];
	uint64_t index;
	unsigned plan, attempt, slot, upto, voids;
	enum outcome outcome;
	int exit_code, signal;
	bool checkpointed; /* "ckpt" */
	uint64_t time_ms;
	char code[CODE_HEX];
	char results[RESULTS_HEX];
	struct json seed;
	const char *row; /* private: where the row begins; see record_row */
};

/* 1 decoded, 0 not a sound record (its checksum or form is wrong). `line` has no newline. */
int record_decode(const char *line, size_t len, struct record *r);
/* The rest of an end record, for those who need it. */
struct piece record_piece(const struct record *r, const char *member,
			  const char *name); /* "o", NULL; or "f", "trace" */
/* What one stream left: by "o", "e" or "v"; of a value that is the row, the row's text. */
struct piece record_stream(const struct record *r, enum stream which);
struct json record_row(const struct record *r); /* "r": JSON_NONE when absent */

/* Ends an object that was begun with '{' and has members: appends ,"crc":"..."} and a newline.
 * `from` is where the line begins in b. */
void record_seal(struct buf *b, size_t from);

#endif
