/* SPDX-License-Identifier: MIT */
/*
 * A journal. What the walk gives is what stands in it line by line: nothing that is sound is passed
 * over, nothing that is damaged is given, and a second walk gives the same.
 */
#include <stdio.h>
#include <string.h>

#include "store/journal_internal.h"
#include "store/scan.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	const char *text; /* of the file */
	size_t len;
	uint64_t records, offsets;
};

static void try_record(const struct record *r)
{
	static const char *const members[] = { "o", "e", "f", "r", "id", "k" };
	struct buf b = BUF_INIT;
	struct record back;

	for (size_t i = 0; i < 6; i++) {
		struct piece p = record_piece(r, members[i], members[i][0] == 'f' ? "trace" : NULL);

		if (p.there && p.file)
			MUST(p.file >= r->line.text &&
			     p.file + p.file_len <= r->line.text + r->line.len);
		if (p.there && p.len)
			MUST(p.sha256 != NULL);
	}
	for (int i = 0; i < STREAM_COUNT; i++) {
		const struct piece p = record_stream(r, (enum stream)i);

		if (p.text)
			MUST(p.there && p.text >= r->line.text &&
			     p.text + p.len <= r->line.text + r->line.len);
	}
	(void)record_row(r);
	MUST(r->outcome < OUTCOME_COUNT && r->kind <= RECORD_UNKNOWN);
	/* sealed anew it is the same line */
	MUST(r->line.len > 18);
	buf_add(&b, r->line.text, r->line.len - 18);
	record_seal(&b, 0);
	MUST(b.len == r->line.len + 1);
	must_equal(b.data, b.len - 1, r->line.text, r->line.len, "record");
	MUST(record_decode(b.data, b.len - 1, &back) == 1 && back.kind == r->kind);
	buf_free(&b);
}

static int on_record(void *arg, const struct scan_file *file, uint64_t offset,
		     const struct record *r)
{
	struct seen *s = arg;

	MUST(strcmp(file->writer, "w") == 0 && file->bytes == s->len);
	MUST(offset < s->len && (offset == 0 || s->text[offset - 1] == '\n'));
	must_equal(r->line.text, r->line.len, s->text + offset, r->line.len, "line");
	s->records++;
	s->offsets += offset;
	try_record(r);
	return 0;
}

void fuzz_journal(struct part in)
{
	const char *rundir = scratch_folder();
	struct buf b = BUF_INIT;
	struct seen all = { 0 }, one = { 0 };
	struct err e = ERR_INIT;
	struct part rest;
	uint64_t sound = 0, offsets = 0, format;
	bool newer = false; /* who wrote it: then it is refused */
	char xx[JOURNAL_XX], name[40];

	scratch_empty();
	put_sealed(&b, in);
	journal_xx("w", xx);
	snprintf(name, sizeof name, "journal/%s/w.jsonl", xx);
	scratch_write(rundir, name, buf_str(&b), b.len);
	rest = (struct part){ buf_str(&b), b.len };
	while (rest.len) {
		struct part line = part_line(&rest);
		struct record r;

		/* a line without its newline may still be written to */
		if (line.text + line.len < b.data + b.len &&
		    record_decode(line.text, line.len, &r) == 1) {
			newer |= r.kind == RECORD_HEADER &&
				 json_u64(json_get(r.line, "v"), &format) &&
				 format > JOURNAL_FORMAT;
			sound++;
			offsets += (uint64_t)(line.text - b.data);
		}
	}
	all.text = one.text = buf_str(&b);
	all.len = one.len = b.len;
	if (newer) {
		MUST(scan_records(rundir, on_record, &all, &e) == -1);
		buf_free(&b);
		return;
	}
	MUST(scan_records(rundir, on_record, &all, &e) == 0);
	MUST(all.records == sound && all.offsets == offsets);
	MUST(scan_writer_records(rundir, "w", on_record, &one, &e) == 0);
	MUST(one.records == sound);
	(void)scan_writer_gone(rundir, "w");
	buf_free(&b);
}
