/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_test.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "store/claim.h"
#include "store/claim_internal.h"
#include "store/rundir.h"

/* ---- how often a folder is listed ---- */

static unsigned n_listed;

/* In place of the system's. */
DIR *opendir(const char *name)
{
	DIR *(*next)(const char *) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "opendir");

	memcpy(&next, &symbol, sizeof next);
	n_listed += strstr(name, "/claims/") != NULL;
	return next(name);
}

/* ---- an element ---- */

struct element {
	const char *rundir;
	struct journal *journal;
	struct claims *claims;
	char *writer;
	unsigned run;
	uint64_t chunk; /* the last one taken */
	struct claim_holder *holders;
	size_t n;
};

static void begin(struct element *x, const char *rundir, uint64_t element, uint64_t elements,
		  uint64_t chunks)
{
	struct err e = ERR_INIT;

	*x = (struct element){ .rundir = rundir };
	rundir_create(rundir, &e);
	x->journal = journal_create(rundir, 1, "", &e);
	assert_no_error(&e);
	x->writer = mem_dup(journal_writer(x->journal));
	x->claims = claims_open(rundir, 1, 1, element, elements, chunks, x->journal, "4711_1",
				&x->run, &e);
	assert_no_error(&e);
}

/* Goes as a process that was killed: nothing is freed, the journal stays open. */
static void vanish(struct element *x)
{
	claim_holders_free(x->holders, x->n);
	claims_close(x->claims);
	assert_int_equal(journal_close(x->journal, NULL), 0);
	free(x->writer);
}

static bool take(struct element *x)
{
	struct err e = ERR_INIT;
	int rc;

	claim_holders_free(x->holders, x->n);
	rc = claims_next(x->claims, &x->chunk, &x->holders, &x->n, &e);
	assert_no_error(&e);
	return rc == 1;
}

static void done(struct element *x, uint64_t chunk)
{
	struct err e = ERR_INIT;

	claims_done(x->claims, chunk, &e);
	assert_no_error(&e);
}

static void release(struct element *x, uint64_t chunk)
{
	struct err e = ERR_INIT;

	claims_release(x->claims, chunk, &e);
	assert_no_error(&e);
}

static char *claim_file(const char *rundir, const char *name)
{
	return mem_printf("%s/claims/0001/%s", rundir, name);
}

static bool has(const char *rundir, const char *name)
{
	char *path = claim_file(rundir, name);
	const bool is = file_exists(path);

	free(path);
	return is;
}

static void put(const char *rundir, const char *name, const char *text)
{
	char *path = claim_file(rundir, name), *dir = path_dir(path);
	struct err e = ERR_INIT;

	file_make_dirs(dir, &e);
	file_publish(path, text, strlen(text), &e);
	assert_no_error(&e);
	free(dir);
	free(path);
}

/* ---- names ---- */

static void test_names(void **state)
{
	static const struct {
		const char *text;
		bool good;
		struct claim_name name;
	} rows[] = {
		{ "a1.000123.1", true, { CLAIM_CHUNK, 1, 123, 1 } },
		{ "a12.000000.30.free", true, { CLAIM_FREE, 12, 0, 30 } },
		{ "e1.000017.2", true, { CLAIM_ELEMENT, 1, 17, 2 } },
		{ "e1.1234567.1", true, { CLAIM_ELEMENT, 1, 1234567, 1 } },
		{ "a1.19999.1", false, { 0 } },
		{ "a1.0000123.1", false, { 0 } },
		{ "a01.000123.1", false, { 0 } },
		{ "a1.000123.01", false, { 0 } },
		{ "a0.000123.1", false, { 0 } },
		{ "a1.000123.0", false, { 0 } },
		{ "a1.000123", false, { 0 } },
		{ "a1.000123.", false, { 0 } },
		{ "a1.000123.1.", false, { 0 } },
		{ "a1.000123.1.free.", false, { 0 } },
		{ "a1.000123.1.freed", false, { 0 } },
		{ "a1.000123.1~", false, { 0 } },
		{ "a1.000123.1.bak", false, { 0 } },
		{ "e1.000123.1.free", false, { 0 } },
		{ "a1.-00123.1", false, { 0 } },
		{ "a1.+00123.1", false, { 0 } },
		{ "a1. 00123.1", false, { 0 } },
		{ "a1.99999999999999999999999.1", false, { 0 } },
		{ "b1.000123.1", false, { 0 } },
		{ "a", false, { 0 } },
		{ "", false, { 0 } },
		{ "stop", false, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char again[CLAIM_NAME_MAX];
		struct claim_name n;

		if (claim_name_parse(rows[i].text, &n) != rows[i].good) {
			fail_msg("'%s'", rows[i].text);
		}
		if (rows[i].good) {
			assert_int_equal(n.kind, rows[i].name.kind);
			assert_int_equal(n.array, rows[i].name.array);
			assert_int_equal(n.number, rows[i].name.number);
			assert_int_equal(n.generation, rows[i].name.generation);
			claim_name_put(again, &n);
			assert_string_equal(again, rows[i].text);
		}
	}
}

/* ---- taking ---- */

/* Its own share in order, without a look into the folder; and no chunk twice. */
static void test_own_share(void **state)
{
	static const uint64_t first[] = { 0, 1 }; /* how schedulers count elements */

	for (size_t i = 0; i < 2; i++) {
		char *rundir = mem_printf("%s/%zu", (char *)*state, i);
		struct element x;

		begin(&x, rundir, first[i] + 1, 3, 10);
		assert_int_equal(x.run, 1);
		n_listed = 0;
		for (uint64_t k = (first[i] + 1) % 3; k < 10; k += 3) {
			assert_true(take(&x));
			assert_int_equal(x.chunk, k);
			assert_int_equal(x.n, 0);
		}
		assert_int_equal(n_listed, 0);
		vanish(&x);
		free(rundir);
	}
}

/* Then what is left of the others', and then it is told that nothing is left. */
static void test_others_share(void **state)
{
	struct element x;
	bool seen[10] = { false };

	begin(&x, *state, 1, 3, 10);
	for (int i = 0; i < 10; i++) {
		n_listed = 0;
		assert_true(take(&x));
		assert_false(seen[x.chunk]);
		seen[x.chunk] = true;
		assert_true(n_listed <= 1);
	}
	assert_false(take(&x));
	assert_false(take(&x));
	vanish(&x);
}

/* Elements that come to the end of their share together take each chunk once, and list the folder
 * far less often than they take. */
static void test_turns(void **state)
{
	enum { ELEMENTS = 10, CHUNKS = 300 };
	struct element x[ELEMENTS];
	unsigned taken[CHUNKS] = { 0 }, sum = 0;
	bool any = true;

	for (unsigned i = 0; i < ELEMENTS; i++) {
		begin(&x[i], *state, i, ELEMENTS, CHUNKS);
	}
	n_listed = 0;
	for (unsigned turn = 0; any; turn++) {
		any = false;
		/* the first ones are far quicker than the others */
		for (unsigned i = 0; i < ELEMENTS; i++) {
			if ((i < 3 || turn % 8 == 0) && take(&x[i])) {
				taken[x[i].chunk]++;
				sum++;
				any = true;
			}
		}
	}
	assert_int_equal(sum, CHUNKS);
	for (unsigned k = 0; k < CHUNKS; k++) {
		assert_int_equal(taken[k], 1);
	}
	assert_in_range(n_listed, 1, 4 * ELEMENTS);
	for (unsigned i = 0; i < ELEMENTS; i++) {
		vanish(&x[i]);
	}
}

/* The same in processes of their own. Each writes a byte a chunk into a shared file. */
static void test_processes(void **state)
{
	enum { ELEMENTS = 12, CHUNKS = 400 };
	pid_t pids[ELEMENTS];
	int ends[2];
	uint16_t chunk;
	unsigned taken[CHUNKS] = { 0 }, sum = 0;

	assert_int_equal(rundir_create(*state, NULL), 0);
	assert_int_equal(pipe(ends), 0);
	for (unsigned i = 0; i < ELEMENTS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct element x;

			close(ends[0]);
			begin(&x, *state, i + 1, ELEMENTS, CHUNKS);
			while (take(&x)) {
				chunk = (uint16_t)x.chunk;
				if (write(ends[1], &chunk, sizeof chunk) != sizeof chunk) {
					_exit(1);
				}
			}
			_exit(0);
		}
	}
	close(ends[1]);
	while (read(ends[0], &chunk, sizeof chunk) == sizeof chunk) {
		assert_in_range(chunk, 0, CHUNKS - 1);
		taken[chunk]++;
		sum++;
	}
	close(ends[0]);
	for (unsigned i = 0; i < ELEMENTS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(sum, CHUNKS);
	for (unsigned k = 0; k < CHUNKS; k++) {
		assert_int_equal(taken[k], 1);
	}
}

/* More elements than chunks: those without a share take what there is, or nothing. */
static void test_few_chunks(void **state)
{
	struct element x, y, z;

	begin(&x, *state, 7, 100, 1);
	assert_true(take(&x));
	assert_int_equal(x.chunk, 0);
	begin(&y, *state, 8, 100, 1);
	assert_false(take(&y));
	begin(&z, *state, 100, 100, 1); /* whose share it is */
	assert_false(take(&z));
	vanish(&x);
	vanish(&y);
	vanish(&z);
}

/* ---- giving back ---- */

static void test_freed(void **state)
{
	struct element x, y, z;

	begin(&x, *state, 0, 2, 2);
	assert_true(take(&x));
	assert_true(take(&x));
	begin(&y, *state, 1, 2, 2);
	assert_false(take(&y)); /* all is taken */
	release(&x, 1);
	release(&x, 1); /* twice is as good */
	assert_true(has(*state, "a1.000001.1.free"));
	assert_false(take(&x)); /* not by who gave it back */
	assert_true(take(&y));
	assert_int_equal(y.chunk, 1);
	assert_int_equal(y.n, 1);
	assert_string_equal(y.holders[0].writer, x.writer);
	assert_int_equal(y.holders[0].generation, 1);
	assert_true(has(*state, "a1.000001.2"));

	release(&y, 1);
	begin(&z, *state, 3, 2, 2);
	assert_true(take(&z));
	assert_int_equal(z.n, 2);
	assert_string_equal(z.holders[0].writer, x.writer);
	assert_string_equal(z.holders[1].writer, y.writer);
	assert_int_equal(z.holders[1].generation, 2);
	assert_true(has(*state, "a1.000001.3"));
	assert_false(take(&z));
	vanish(&x);
	vanish(&y);
	vanish(&z);
}

/* What nobody had comes before what was freed. */
static void test_freed_last(void **state)
{
	struct element x, y;

	begin(&x, *state, 0, 4, 40);
	for (int i = 0; i < 10; i++) {
		assert_true(take(&x));
		release(&x, x.chunk);
	}
	begin(&y, *state, 0, 8, 40); /* as if its share were others' */
	for (int i = 0; i < 40; i++) {
		assert_true(take(&y));
		assert_int_equal(y.n, i < 30 ? 0 : 1);
	}
	assert_false(take(&y));
	vanish(&x);
	vanish(&y);
}

/* ---- requeued ---- */

static void test_requeued(void **state)
{
	struct element x, y, z;
	char *first;

	begin(&x, *state, 2, 4, 20); /* its share: 2, 6, 10, 14, 18 */
	assert_true(take(&x));
	done(&x, 2);
	assert_true(take(&x));
	release(&x, 6);
	assert_true(take(&x));
	assert_int_equal(x.chunk, 10);
	first = mem_dup(x.writer);
	vanish(&x);

	begin(&y, *state, 2, 4, 20);
	assert_int_equal(y.run, 2);
	n_listed = 0;
	assert_true(take(&y)); /* what it held */
	assert_int_equal(y.chunk, 10);
	assert_int_equal(y.n, 1);
	assert_string_equal(y.holders[0].writer, first);
	assert_true(has(*state, "a1.000010.2"));
	assert_true(take(&y)); /* and then its share goes on */
	assert_int_equal(y.chunk, 14);
	assert_int_equal(y.n, 0);
	assert_int_equal(n_listed, 0);
	vanish(&y);

	begin(&z, *state, 2, 4, 20); /* once more: both are left by the second */
	assert_int_equal(z.run, 3);
	assert_true(take(&z));
	assert_int_equal(z.chunk, 10);
	assert_int_equal(z.n, 2);
	assert_true(has(*state, "a1.000010.3"));
	assert_true(take(&z));
	assert_int_equal(z.chunk, 14);
	assert_int_equal(z.n, 1);
	assert_true(take(&z));
	assert_int_equal(z.chunk, 18);
	vanish(&z);
	free(first);
}

/* A stolen chunk is found by the journal alone. */
static void test_requeued_stolen(void **state)
{
	struct element x, y, other;

	begin(&other, *state, 0, 2, 3); /* chunks 0 and 2 */
	assert_true(take(&other));
	begin(&x, *state, 1, 2, 3);
	assert_true(take(&x)); /* 1 */
	done(&x, 1);
	assert_true(take(&x)); /* 2, of the other's share */
	assert_int_equal(x.chunk, 2);
	vanish(&x);
	begin(&y, *state, 1, 2, 3);
	assert_true(take(&y));
	assert_int_equal(y.chunk, 2);
	assert_int_equal(y.n, 1);
	assert_false(take(&y)); /* the other's claim stays the other's */
	vanish(&y);
	vanish(&other);
}

/* The node took the journal's last seconds with it: the own share is looked at. */
static void test_requeued_without_journal(void **state)
{
	char *journals = path_join(*state, "journal");
	struct element x, y, other;

	begin(&other, *state, 1, 2, 6);
	for (int i = 0; i < 4; i++) {
		assert_true(take(&other)); /* 1, 3, 5, and one of ours */
	}
	begin(&x, *state, 0, 2, 6);
	assert_true(take(&x));
	vanish(&x);
	vanish(&other);
	assert_int_equal(file_remove_tree(journals, NULL), 0);
	begin(&y, *state, 0, 2, 6);
	assert_true(take(&y));
	assert_int_equal(y.n, 1); /* the one that it held */
	assert_true(take(&y));
	assert_int_equal(y.n, 0); /* and the one that nobody had */
	assert_false(take(&y));
	vanish(&y);
	free(journals);
}

/* Both selves at once: the older one goes on, and what it does to its claim changes nothing. */
static void test_two_selves(void **state)
{
	struct element x, y;

	begin(&x, *state, 0, 1, 2);
	assert_true(take(&x));
	begin(&y, *state, 0, 1, 2);
	assert_true(take(&y));
	assert_int_equal(y.chunk, 0);
	release(&x, 0);
	assert_true(has(*state, "a1.000000.1.free"));
	assert_true(take(&x));
	assert_int_equal(x.chunk, 1);
	assert_false(take(&x)); /* generation 2 of chunk 0 is held */
	assert_false(take(&y));
	vanish(&x);
	vanish(&y);
}

/* ---- what is wrong in the folder ---- */

/* A claim that names nobody is nobody's: not its element's, and not to be succeeded. */
static void test_torn(void **state)
{
	static const char *const torn[] = { "",   "{\"writer\":\"a",   "{}",
					    "\n", "{\"writer\":\"\"}", "{\"writer\":7}" };

	for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
		char *rundir = mem_printf("%s/%zu", (char *)*state, i);
		struct element x, y;

		begin(&x, rundir, 0, 1, 3);
		assert_true(take(&x));
		vanish(&x);
		put(rundir, "a1.000000.1", torn[i]);
		put(rundir, "a1.000001.1", torn[i]);
		put(rundir, "a1.000001.1.free", "");
		begin(&y, rundir, 0, 1, 3);
		assert_true(take(&y));
		assert_int_equal(y.chunk, 2);
		assert_false(take(&y));
		assert_false(has(rundir, "a1.000000.2"));
		assert_false(has(rundir, "a1.000001.2"));
		vanish(&y);
		free(rundir);
	}
}

static void test_foreign(void **state)
{
	static const char *const names[] = {
		"a1.000000.1~", "a1.000000.1.bak", "a2.000000.1", "a1.000007.1",     "README",
		"a1.000000.01", "a1.000000.1.x",   ".nfs0000",    "e1.000000.1.free"
	};
	struct element x;

	assert_int_equal(rundir_create(*state, NULL), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		put(*state, names[i], "x");
	}
	begin(&x, *state, 0, 1, 2);
	assert_int_equal(x.run, 1);
	assert_true(take(&x));
	assert_int_equal(x.chunk, 0);
	assert_true(take(&x));
	assert_int_equal(x.chunk, 1);
	assert_false(take(&x));
	vanish(&x);
}

/* Somebody was quicker, and the folder showed nothing of it. */
static void test_stale_view(void **state)
{
	struct element x, y;

	begin(&x, *state, 0, 2, 8);
	begin(&y, *state, 1, 2, 8);
	for (int i = 0; i < 3; i++) {
		assert_true(take(&y)); /* 1, 3, 5 */
	}
	for (int i = 0; i < 4; i++) {
		assert_true(take(&x)); /* 0, 2, 4, 6 */
	}
	assert_true(take(&x));
	assert_int_equal(x.chunk, 7);
	assert_false(take(&y));
	vanish(&x);
	vanish(&y);
}

/* ---- stopping ---- */

static void test_stop(void **state)
{
	struct element x, y;

	begin(&x, *state, 0, 2, 100);
	begin(&y, *state, 1, 2, 100);
	assert_true(take(&x));
	assert_false(claims_stopped(*state, 1));
	assert_int_equal(claims_stop(y.claims, NULL), 0);
	assert_int_equal(claims_stop(x.claims, NULL), 0); /* said twice */
	assert_true(claims_stopped(*state, 1));
	assert_false(claims_stopped(*state, 2));
	assert_false(take(&x));
	assert_false(take(&y));
	vanish(&x);
	vanish(&y);
}

static void test_ended(void **state)
{
	char *dir = path_join(*state, "submissions/0001"), *path = path_join(dir, "ended.json");
	struct element x;

	begin(&x, *state, 0, 1, 100);
	assert_true(take(&x));
	assert_int_equal(file_make_dirs(dir, NULL), 0);
	assert_true(take(&x));
	assert_int_equal(file_publish(path, "{}", 2, NULL), 0);
	assert_false(take(&x));
	vanish(&x);
	free(path);
	free(dir);
}

/* ---- for those who look ---- */

static void test_view(void **state)
{
	struct claims_view v;
	struct element_start s;
	struct element x, y;
	struct err e = ERR_INIT;

	assert_int_equal(claims_view(*state, 1, &v, &e), 0); /* no folder yet */
	assert_int_equal(v.n_elements, 0);
	claims_view_free(&v);
	begin(&x, *state, 10, 12, 4);
	assert_true(take(&x));
	release(&x, x.chunk);
	begin(&y, *state, 2, 12, 4);
	assert_true(take(&y));
	assert_true(take(&y));
	vanish(&y);
	begin(&y, *state, 2, 12, 4);
	assert_true(take(&y)); /* again what it had: not one more */
	put(*state, "e2.000001.1", "");
	put(*state, "a2.000001.1", "");
	assert_int_equal(claims_view(*state, 1, &v, &e), 0);
	assert_no_error(&e);
	assert_int_equal(v.n_elements, 4);
	assert_int_equal(v.taken, 4);
	assert_false(v.stopped);
	assert_int_equal(v.elements[0].element, 2);
	assert_int_equal(v.elements[0].run, 1);
	assert_int_equal(v.elements[1].run, 2);
	assert_int_equal(v.elements[2].element, 10);
	assert_int_equal(v.elements[3].array, 2);
	assert_int_equal(claims_element(*state, 1, &v.elements[1], &s, &e), 0);
	assert_string_equal(s.writer, y.writer);
	assert_string_equal(s.job, "4711_1");
	assert_string_equal(s.host, proc_host());
	assert_in_range(s.time_ms, 1000000000000, proc_unix_ms());
	element_start_free(&s);
	assert_int_equal(claims_element(*state, 1, &v.elements[3], &s, &e), 0); /* torn */
	assert_string_equal(s.writer, "");
	assert_string_equal(s.host, "");
	assert_int_equal(s.time_ms, 0);
	element_start_free(&s);
	v.elements[3].run = 9;
	assert_int_equal(claims_element(*state, 1, &v.elements[3], &s, &e), -1);
	assert_non_null(strstr(e.text, "e2.000001.9"));
	claims_view_free(&v);
	vanish(&x);
	vanish(&y);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		TEST(test_own_share),
		TEST(test_others_share),
		TEST(test_turns),
		TEST(test_processes),
		TEST(test_few_chunks),
		TEST(test_freed),
		TEST(test_freed_last),
		TEST(test_requeued),
		TEST(test_requeued_stolen),
		TEST(test_requeued_without_journal),
		TEST(test_two_selves),
		TEST(test_torn),
		TEST(test_foreign),
		TEST(test_stale_view),
		TEST(test_stop),
		TEST(test_ended),
		TEST(test_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
