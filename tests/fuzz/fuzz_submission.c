/* SPDX-License-Identifier: MIT */
/* The folder of a submission, as a run directory may hold it: what is accepted can be walked. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/submission.h"
#include "tests/fuzz/fuzz.h"

static void try_list(const char *dir, unsigned array)
{
	struct task_list l = { 0 }, again = { 0 };
	struct task_run past;

	if (task_list_load(dir, array, &l, NULL) < 0)
		return;
	for (uint64_t k = 0; k < 5 && l.tasks; k++) {
		const uint64_t at = k < 4 ? l.tasks / 4 * k : l.tasks - 1;

		(void)task_list_at(&l, at, &past);
		MUST(past.count == 1 && past.attempt > 0 && past.memory > 0);
	}
	if (l.tasks <= 1000) {
		for (uint64_t k = 0; k < l.tasks; k++) {
			const uint64_t index = task_list_at(&l, k, &past);

			task_list_add(&again, index, &past);
		}
		MUST(again.tasks == l.tasks && again.n <= l.n);
		for (uint64_t k = 0; k < l.tasks; k++)
			MUST(task_list_at(&l, k, &past) == task_list_at(&again, k, &past));
	}
	task_list_free(&l);
	task_list_free(&again);
}

/* The head of a task list holds the checksum of all that follows. */
static void put_list(struct buf *b, struct part text)
{
	struct part head = part_line(&text);
	static const char mark[] = "\"?\"}";
	const size_t n = sizeof mark - 1;

	if (head.len > n && memcmp(head.text + head.len - n, mark, n) == 0)
		buf_printf(b, "%.*s\"%08x\"}\n", (int)(head.len - n), head.text,
			   (unsigned)crc32c(0, text.text, text.len));
	else
		buf_printf(b, "%.*s\n", (int)head.len, head.text);
	buf_add(b, text.text, text.len);
}

void fuzz_submission(struct part in)
{
	struct archive a;
	struct submission s;
	struct err e = ERR_INIT;
	const char *rundir = scratch_folder();
	int rc;

	scratch_empty();
	archive_open(&a, in);
	for (size_t i = 1; i < a.n; i++) {
		struct buf b = BUF_INIT;

		if (strstr(a.items[i].name, "/tasks-"))
			put_list(&b, a.items[i].text);
		else
			buf_add(&b, a.items[i].text.text, a.items[i].text.len);
		if (!a.items[i].target)
			scratch_write(rundir, a.items[i].name, buf_str(&b), b.len);
		buf_free(&b);
	}
	rc = submission_load(rundir, 1, &s, &e);
	MUST((rc < 0) == err_is(&e));
	if (rc == 0) {
		MUST(s.number == 1 && s.home && s.user && s.program);
		for (unsigned k = 1; k <= s.n_arrays && k < 4; k++)
			try_list(s.dir, k);
	}
	submission_free(&s);
	err_clear(&e);
	rc = submission_living(rundir, &s, &e);
	MUST((rc < 0) == err_is(&e));
	submission_free(&s);
	(void)submission_has_ended(rundir, 1);
	archive_free(&a);
}
