/* SPDX-License-Identifier: MIT */
/*
 * Talking to a scheduler. The commands are one shell script under several names in a folder of the
 * test: it notes how it was called, and says what stands in NAME.out, NAME.err and NAME.code there.
 * What a real scheduler says is tested in tests/e2e.
 */
#include "tests/unit/store_test.h"

#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/proc.h"
#include "submit/index_list.h"
#include "submit/scheduler_internal.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NONE     UINT64_MAX
#define MINUTE   60

static const char script[] = "#!/bin/sh\n"
			     "d=${0%/*} n=${0##*/}\n"
			     "for w; do s=\"$s <$w>\"; done\n"
			     "echo \"$n$s\" >>\"$d/calls\"\n"
			     "/usr/bin/env >\"$d/$n.env\"\n"
			     "[ ! -e \"$d/$n.out\" ] || /bin/cat \"$d/$n.out\"\n"
			     "[ ! -e \"$d/$n.err\" ] || /bin/cat \"$d/$n.err\" >&2\n"
			     "[ ! -e \"$d/$n.code\" ] || exit $(/bin/cat \"$d/$n.code\")\n"
			     /* NAME.next: what it says the next time */
			     "[ ! -e \"$d/$n.next\" ] || /bin/mv \"$d/$n.next\" \"$d/$n.out\"\n"
			     /* NAME.bad: ids of which one makes it fail */
			     "[ -e \"$d/$n.bad\" ] || exit 0\n"
			     "for w; do ! /bin/grep -qx \"$w\" \"$d/$n.bad\" || exit 1; done\n";

static const char front[] =
	"---\n"
	"template: 1\n"
	"name: fake\n"
	"about: a scheduler that is none\n"
	"detect: {run: [fakesub, --version], match: '^fake [0-9]'}\n"
	"submit:\n"
	"  run: [fakesub, '{{hold}}', '{{after}}', '{{extra}}', '{{script}}']\n"
	"  hold: [--hold]\n"
	"  after: ['--after={{ids|join::}}']\n"
	"  id: '^Submitted ([0-9]+)$'\n"
	"release: [fakelet, '{{ids}}']\n"
	"cancel: [fakedel, '{{ids}}']\n"
	"ask:\n"
	"  - {run: [fakeq, '{{user}}', '{{ids}}'], match: '^(?<id>\\d+)(?:_(?<index>\\S+))?(?: =(?<name>\\S+))? (?<state>\\S+)$'}\n"
	"  - {run: [fakeacct, '{{ids}}'], match: '^(?<id>\\d+)(?:_(?<index>\\S+))? (?<state>\\S+)$', only_if: '^ID', lags: true}\n"
	"find: {run: [fakefind, '{{user}}'], match: '^(?<id>\\d+)(?:_\\S+)? (?<name>\\S+)$'}\n"
	"states:\n"
	"  queued: PD|RQ\n"
	"  held: H\n"
	"  running: R\n"
	"  done: CD\n"
	"  failed: F|F[0-9]+\n"
	"  oom: OOM\n"
	"  timeout: TO\n"
	"  lost: NF\n"
	"  cancelled: CA\n"
	"  ended: X\n"
	"limits:\n"
	"  - {of: index, run: [fakeconf], match: '^MaxArraySize = (?<limit>\\S+)', less: 1}\n"
	"  - {of: jobs, run: [fakeconf], match: '^MaxJobCount = (?<limit>\\S+)'}\n"
	"  - {of: queued, run: [fakeassoc, '{{user}}',], match: '^Max(?:Submit)? (?<limit>\\S+)'}\n"
	"  - {of: time, run: [fakepart, '{{partition}}'], match: 'MaxTime=(?<limit>\\S+)'}\n"
	"  - {of: time, run: [fakeconf], match: '^MaxTime = (?<limit>\\S+)'}\n"
	"array: {first: 1}\n"
	"job_name: {most: 100, allowed: 'A-Za-z0-9._-'}\n"
	"launch: [mpiexec]\n"
	"environment: {hidden: [FAKE_ARRAY_*], own: [FAKE_JOB_*, FAKE_ID]}\n"
	"script: {directive: '#FAKE'}\n"
	"---\n";
static const char body[] =
	"#!/bin/sh\n#FAKE {{name}}\n{{directives}}\nexec >{{log|q}}\nexec {{worker}}\n";

/* ---- the folder of fakes ---- */

struct world {
	char *dir;
	struct template *t;
	struct submission s;
	struct submission_array arrays[2];
};

static void put(const char *dir, const char *name, const char *text)
{
	char *path = path_join(dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	free(path);
}

static void drop(const char *dir, const char *name)
{
	char *path = path_join(dir, name);

	unlink(path);
	free(path);
}

static void put_program(const char *dir, const char *name)
{
	char *path = path_join(dir, name);

	put(dir, name, script);
	assert_int_equal(chmod(path, 0755), 0);
	free(path);
}

/* What has been called since the last time, NULL for nothing; the caller frees. */
static char *calls(const struct world *w)
{
	char *path = path_join(w->dir, "calls");
	struct buf b = BUF_INIT;

	if (file_exists(path)) {
		assert_int_equal(file_read(path, &b, 0, NULL), 0);
		unlink(path);
	}
	free(path);
	return b.data ? buf_take(&b) : NULL;
}

static void assert_calls(const struct world *w, const char *wanted)
{
	char *got = calls(w);

	assert_string_equal(got ? got : "", wanted);
	free(got);
}

static int begin(void **state)
{
	static const char *const programs[] = { "fakesub",  "fakelet",   "fakedel",
						"fakeq",    "fakeacct",  "fakefind",
						"fakeconf", "fakeassoc", "fakepart" };
	struct world *w = mem_alloc(sizeof *w);
	struct diags *d = diags_new();
	char *text = mem_printf("%s%s", front, body);

	if (folder_setup((void **)&w->dir) < 0) {
		return -1;
	}
	for (size_t i = 0; i < COUNT(programs); i++) {
		put_program(w->dir, programs[i]);
	}
	setenv("PATH", w->dir, 1);
	w->t = template_parse(text, strlen(text), "fake.tmpl", d);
	if (!w->t) {
		fail_msg("%s", diags_text(d));
	}
	w->arrays[0] =
		(struct submission_array){ .elements = 10, .first = 1, .id = "11", .name = "one" };
	w->arrays[1] = (struct submission_array){
		.elements = 1, .first = 1, .single = true, .id = "12", .name = "two"
	};
	w->s = (struct submission){ .dir = w->dir,
				    .user = "somebody",
				    .arrays = w->arrays,
				    .n_arrays = 2,
				    .finalises = true,
				    .finalise_name = "last",
				    .finalise_id = "13" };
	free(text);
	diags_free(d);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;
	int rc;

	template_free(w->t);
	rc = folder_teardown((void **)&w->dir);
	free(w);
	return rc;
}

/* ---- submitting ---- */

static void test_submit(void **state)
{
	static const struct {
		const char *out, *err, *code;
		const char *id, *message; /* one of them */
		enum err_kind kind;
	} rows[] = {
		{ "Submitted 4711\n", NULL, NULL, "4711", NULL, ERR_NONE },
		{ "Welcome to the cluster\nSubmitted 4711\nEnjoy\n", NULL, NULL, "4711", NULL,
		  ERR_NONE },
		{ "Submitted 4711\n", "a warning\n", "0", "4711", NULL, ERR_NONE },
		{ "Submitted as 4711\n", NULL, NULL, NULL,
		  "no job id in what 'fakesub --all /x/array-1.sh' said: 'Submitted as 4711\\n'",
		  ERR_SYSTEM },
		{ "", NULL, NULL, NULL, "no job id in what", ERR_SYSTEM },
		{ "1\n2\n", "\nfakesub: error: invalid account\n  fakesub: error: sorry\n\n", "1",
		  NULL,
		  "fakesub refused array-1.sh (exit code 1): fakesub: error: invalid account; fakesub: error: sorry",
		  ERR_BAD },
		{ "only here\n", NULL, "3", NULL,
		  "fakesub refused array-1.sh (exit code 3): only here", ERR_BAD },
		{ NULL, NULL, "7", NULL, "(exit code 7): it said nothing", ERR_BAD },
		/* the last of many lines */
		{ NULL, "1\n2\n3\n4\n5\n6\n7\n8\n", "1", NULL, "(exit code 1): 4; 5; 6; 7; 8",
		  ERR_BAD },
		{ NULL, "\033[31mred\n", "1", NULL, "(exit code 1): \\x1b[31mred", ERR_BAD },
	};
	static const char *const extra[] = { "--all" };
	const struct job_values v = { .text = { [JOB_SCRIPT] = "/x/array-1.sh" },
				      .list = { [JOB_EXTRA] = extra },
				      .n_list = { [JOB_EXTRA] = 1 } };
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;
		char *id;
		int rc;

		drop(w->dir, "fakesub.out");
		drop(w->dir, "fakesub.err");
		drop(w->dir, "fakesub.code");
		if (rows[i].out) {
			put(w->dir, "fakesub.out", rows[i].out);
		}
		if (rows[i].err) {
			put(w->dir, "fakesub.err", rows[i].err);
		}
		if (rows[i].code) {
			put(w->dir, "fakesub.code", rows[i].code);
		}
		rc = scheduler_submit(w->t, &v, false, NULL, 0, &id, &e);
		assert_calls(w, "fakesub <--all> </x/array-1.sh>\n");
		assert_int_equal(rc, rows[i].id ? 0 : -1);
		assert_int_equal(e.kind, rows[i].kind);
		if (rows[i].id) {
			assert_string_equal(id, rows[i].id);
		} else if (!strstr(e.text, rows[i].message)) {
			fail_msg("row %zu: %s", i, e.text);
		}
		assert_true(rows[i].id || !id);
		free(id);
	}
}

static void test_submit_words(void **state)
{
	static const char *const ids[] = { "11", "12" };
	const struct job_values v = { .text = { [JOB_SCRIPT] = "/a b/it's.sh" } };
	struct world *w = *state;
	struct err e = ERR_INIT;
	char *id;

	put(w->dir, "fakesub.out", "Submitted 5\n");
	assert_int_equal(scheduler_submit(w->t, &v, true, NULL, 0, &id, &e), 0);
	free(id);
	assert_calls(w, "fakesub <--hold> </a b/it's.sh>\n");
	assert_int_equal(scheduler_submit(w->t, &v, false, ids, 2, &id, &e), 0);
	free(id);
	assert_calls(w, "fakesub <--after=11:12> </a b/it's.sh>\n");
	drop(w->dir, "fakesub");
	assert_int_equal(scheduler_submit(w->t, &v, true, NULL, 0, &id, &e), -1);
	assert_string_equal(e.text, "cannot start 'fakesub': No such file or directory");
	assert_int_equal(e.kind, ERR_SYSTEM);
}

/* Whether a fake saw a line in its environment. */
static bool saw(const struct world *w, const char *name, const char *line)
{
	char *path = mem_printf("%s/%s.env", w->dir, name);
	char *wanted = mem_printf("\n%s\n", line);
	struct buf b = BUF_INIT;
	bool is;

	buf_puts(&b, "\n");
	assert_int_equal(file_read(path, &b, 0, NULL), 0);
	is = strstr(b.data, wanted) != NULL;
	buf_free(&b);
	free(wanted);
	free(path);
	return is;
}

static void test_environment(void **state)
{
	static const char *const names[] = { "a" };
	const struct job_values v = { .text = { [JOB_SCRIPT] = "/x.sh" } };
	struct world *w = *state;
	struct err e = ERR_INIT;
	char *id;

	setenv("FAKE_JOB_ID", "1", 1);
	setenv("FAKE_ID", "1", 1);
	setenv("FAKE_IDS", "mine", 1);
	setenv("BASH_FUNC_module", "() { echo; }", 1);
	setenv("LINES_OF_TWO", "a\nLOOKS_LIKE=one", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	put(w->dir, "fakesub.out", "Submitted 5\n");
	assert_int_equal(scheduler_submit(w->t, &v, true, NULL, 0, &id, &e), 0);
	free(id);
	assert_int_equal(scheduler_find(w->t, names, 1, &id, &e), 0);
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "fakefind" : "fakesub";

		assert_true(saw(w, name, "FAKE_IDS=mine"));
		assert_false(saw(w, name, "FAKE_JOB_ID=1"));
		assert_false(saw(w, name, "FAKE_ID=1"));
		assert_false(saw(w, name, "LINES_OF_TWO=a"));
		assert_false(saw(w, name, "LOOKS_LIKE=one"));
		assert_false(saw(w, name, "BASH_FUNC_module=() { echo; }"));
		/* answers in English; a job keeps its user's language */
		assert_true(saw(w, name, i ? "LC_ALL=C" : "LC_ALL=C.UTF-8"));
	}
	unsetenv("FAKE_JOB_ID");
	unsetenv("FAKE_ID");
	unsetenv("FAKE_IDS");
	unsetenv("BASH_FUNC_module");
	unsetenv("LINES_OF_TWO");
	unsetenv("LC_ALL");
}

/* ---- finding ---- */

static void test_find(void **state)
{
	static const struct {
		const char *out, *code, *a, *b, *message;
	} rows[] = {
		{ "", NULL, NULL, NULL, NULL },
		{ "5 other\n", NULL, NULL, NULL, NULL },
		{ "5 name-a\n6 name-b\n", NULL, "5", "6", NULL },
		{ "5_1 name-a\n5_2 name-a\n5_[3-9] name-a\n", NULL, "5", NULL, NULL },
		{ "9 name-ab\n8 name-b\n", NULL, NULL, "8", NULL },
		{ "7 name-b\n5 name-a\n6 name-a\n", NULL, NULL, NULL,
		  "jobs 5 and 6 are both named 'name-a'" },
		{ "5 name-a\n", "1", NULL, NULL,
		  "the scheduler cannot be asked for jobs by name: 'fakefind " },
	};
	static const char *const names[] = { "name-a", "name-b" };
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;
		char *ids[2];
		int rc;

		put(w->dir, "fakefind.out", rows[i].out);
		if (rows[i].code) {
			put(w->dir, "fakefind.code", rows[i].code);
		}
		rc = scheduler_find(w->t, names, 2, ids, &e);
		assert_int_equal(rc, rows[i].message ? -1 : 0);
		if (rows[i].message && !strstr(e.text, rows[i].message)) {
			fail_msg("row %zu: %s", i, e.text);
		}
		assert_string_equal(ids[0] ? ids[0] : "-", rows[i].a ? rows[i].a : "-");
		assert_string_equal(ids[1] ? ids[1] : "-", rows[i].b ? rows[i].b : "-");
		free(ids[0]);
		free(ids[1]);
	}
}

/* ---- cancel, release ---- */

static void test_cancel(void **state)
{
	static const struct {
		const char *bad;  /* ids that the command does not take */
		const char *live; /* what find says */
		const char *then; /* the second time; NULL: the same */
		const char *code; /* of find */
		const char *calls;
		const char *message;
	} rows[] = {
		{ "", "", NULL, NULL, "fakedel <11> <12> <13>\n", NULL },
		/* one is gone: those that live are cancelled each by itself */
		{ "12\n", "11 a\n11_3 a\n13 f\n", NULL, NULL,
		  "fakedel <11> <12> <13>\nfakefind <USER>\nfakedel <11>\nfakedel <13>\n", NULL },
		{ "12\n", "14 a\n", NULL, NULL, "fakedel <11> <12> <13>\nfakefind <USER>\n", NULL },
		/* one is ending */
		{ "12\n", "11 a\n12_3 b\n", "11 a\n", NULL,
		  "fakedel <11> <12> <13>\nfakefind <USER>\nfakedel <11>\nfakedel <12>\nfakefind <USER>\n",
		  NULL },
		{ "12\n", "11 a\n12_3 b\n", NULL, NULL,
		  "fakedel <11> <12> <13>\nfakefind <USER>\nfakedel <11>\nfakedel <12>\nfakefind <USER>\n",
		  "'fakedel 12' failed (exit code 1): no such job" },
		/* nobody can say whether they are gone */
		{ "12\n", "", NULL, "1", "fakedel <11> <12> <13>\nfakefind <USER>\n",
		  "'fakedel 11 12 13' failed" },
	};
	static const char *const ids[] = { "11", "12", "13" };
	struct world *w = *state;
	char *user = mem_printf("<%s>", getpwuid(geteuid())->pw_name);

	scheduler_patience_s = 1;
	put(w->dir, "fakedel.err", "no such job\n");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;
		struct buf b = BUF_INIT;
		char *got, *at;
		int rc;

		put(w->dir, "fakedel.bad", rows[i].bad);
		put(w->dir, "fakefind.out", rows[i].live);
		if (rows[i].then) {
			put(w->dir, "fakefind.next", rows[i].then);
		}
		if (rows[i].code) {
			put(w->dir, "fakefind.code", rows[i].code);
		}
		rc = scheduler_cancel(w->t, ids, 3, &e);
		got = calls(w);
		for (char *from = got; from; from = at ? at + strlen(user) : NULL) {
			at = strstr(from, user);
			buf_printf(&b, "%.*s%s", at ? (int)(at - from) : (int)strlen(from), from,
				   at ? "<USER>" : "");
		}
		assert_string_equal(buf_str(&b), rows[i].calls);
		buf_free(&b);
		free(got);
		if (rc != (rows[i].message ? -1 : 0) ||
		    (rows[i].message && !strstr(e.text, rows[i].message))) {
			fail_msg("row %zu: %s", i, e.text);
		}
	}
	free(user);
	/* of nothing, nothing is asked */
	assert_int_equal(scheduler_cancel(w->t, ids, 0, NULL), 0);
	assert_calls(w, "");
	assert_int_equal(scheduler_release(w->t, ids, 2, NULL), 0);
	assert_calls(w, "fakelet <11> <12>\n");
	/* to wait does not help who is to be released */
	drop(w->dir, "fakefind.code");
	put(w->dir, "fakelet.bad", "11\n");
	put(w->dir, "fakefind.out", "11 a\n");
	put(w->dir, "fakefind.next", "");
	assert_int_equal(scheduler_release(w->t, ids, 1, NULL), -1);
}

/* ---- what has become of the elements ---- */

static char *view_text(const struct job_view *v)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "");
	for (size_t i = 0; i < v->n; i++) {
		const struct job_seen *x = &v->seen[i];

		buf_printf(&b, "%s%u:%llu", i ? " " : "", x->array, (unsigned long long)x->first);
		if (x->last > x->first) {
			buf_printf(&b, "-%llu", (unsigned long long)x->last);
		}
		buf_printf(&b, "=%s", job_state_names[x->state]);
		if (x->word[0]) {
			buf_printf(&b, "/%s", x->word);
		}
	}
	return buf_take(&b);
}

static void assert_view(const struct job_view *v, const char *wanted, const char *name)
{
	char *got = view_text(v);

	if (strcmp(got, wanted) != 0) {
		fail_msg("%s: '%s', not '%s'", name, got, wanted);
	}
	free(got);
}

/* Array 1 is job 11 with elements 1 to 10, array 2 the single job 12, the finaliser job 13. */
static void test_view(void **state)
{
	static const struct {
		const char *name, *q, *q_code, *acct; /* acct NULL: it fails */
		const char *view;
		bool lags, failed;
	} rows[] = {
		{ "all is told", "13 PD\n11_1 R\n11_[2-10] PD\n12 R\n", NULL, NULL,
		  "0:0=queued/PD 1:1=running/R 1:2-10=queued/PD 2:1=running/R", false, false },
		{ "lists and steps", "13 PD\n12 R\n11_1,3-4 R\n11_2-10:4%7 PD\n11_5,7-9 CD\n", NULL,
		  NULL,
		  "0:0=queued/PD 1:1=running/R 1:2=queued/PD 1:3-4=running/R 1:5=done/CD 1:6=queued/PD 1:7-9=done/CD 1:10=queued/PD 2:1=running/R",
		  false, false },
		/* without an index: all elements that are not spoken of */
		{ "a parent", "11 PD\n11_3 R\n12 CD\n13 PD\n", NULL, NULL,
		  "0:0=queued/PD 1:1-2=queued/PD 1:3=running/R 1:4-10=queued/PD 2:1=done/CD", false,
		  false },
		{ "the last word", "11_1-10 R\n11_4 PD\n12_7 R\n13 PD\n", NULL, NULL,
		  "0:0=queued/PD 1:1-3=running/R 1:4=queued/PD 1:5-10=running/R 2:1=running/R",
		  false, false },
		{ "others' jobs and elements", "11_0-99 R\n111_1 F\n1 F\n12 R\n13 R\n", NULL, NULL,
		  "0:0=running/R 1:1-10=running/R 2:1=running/R", false, false },
		{ "others' jobs that got our ids",
		  "11_1-10 =theirs R\n11_2 =one R\n12 =one R\n13 =last PD\n", NULL, NULL,
		  "0:0=queued/PD 1:2=running/R", false, false },
		{ "an unknown word", "11_1-10 ZZ\n12 R\n13 R\n", NULL, "ID\n11_2 CD\n",
		  "0:0=running/R 1:1=unknown/ZZ 1:2=done/CD 1:3-10=unknown/ZZ 2:1=running/R", true,
		  false },
		/* accounting fills in what is unknown, and how something ended */
		{ "accounting", "11_1 R\n11_2-3 X\n13 PD\n", NULL,
		  "ID\n11_2 OOM\n11_3 CD\n11_4-10 F137\n12 TO\n",
		  "0:0=queued/PD 1:1=running/R 1:2=oom/OOM 1:3=done/CD 1:4-10=failed/F137 2:1=timeout/TO",
		  false, false },
		{ "accounting lags", "11_1 R\n13 PD\n", NULL, "ID\n11_[1-10] R\n11_2 CD\n12 PD\n",
		  "0:0=queued/PD 1:1=running/R 1:2=done/CD", true, false },
		{ "accounting says no more", "11_1-10 X\n12 X\n13 X\n", NULL, "ID\n",
		  "0:0=ended/X 1:1-10=ended/X 2:1=ended/X", true, false },
		{ "only accounting", "", "1", "ID\n11_[1-10] R\n12 CD\n13 PD\n",
		  "0:0=queued/PD 1:1-10=running/R 2:1=done/CD", false, false },
		{ "no accounting", "11_1-10 R\n13 R\n", NULL, NULL,
		  "0:0=running/R 1:1-10=running/R", false, false },
		{ "nobody answers", "11_1-10 R\n", "1", NULL, "", false, true },
		{ "nothing is known", "", NULL, NULL, "", false, false },
		{ "cut", "11_1,3,5-... PD\n11_x R\n12 R\n13 R\n", NULL, NULL,
		  "0:0=running/R 1:1=queued/PD 1:3=queued/PD 2:1=running/R", false, false },
	};
	struct world *w = *state;

	put(w->dir, "fakeq.err", "q is down\n");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;
		struct job_view v, again;
		char *said;

		drop(w->dir, "asked.json");
		drop(w->dir, "fakeq.code");
		put(w->dir, "fakeq.out", rows[i].q);
		put(w->dir, "fakeacct.out", rows[i].acct ? rows[i].acct : "no accounting here\n");
		if (rows[i].q_code) {
			put(w->dir, "fakeq.code", rows[i].q_code);
		}
		assert_int_equal(scheduler_view(w->t, &w->s, 0, &v, &e), 0);
		assert_view(&v, rows[i].view, rows[i].name);
		assert_int_equal(v.lags, rows[i].lags);
		assert_int_equal(v.failed, rows[i].failed);
		assert_true(
			!v.failed ||
			strstr(v.why, "'fakeq somebody 11 12 13' failed (exit code 1): q is down"));
		said = calls(w);
		assert_true(strncmp(said, "fakeq <somebody> <11> <12> <13>\n", 32) == 0);
		free(said);
		/* what was kept for others says the same */
		assert_int_equal(scheduler_view(w->t, &w->s, MINUTE, &again, &e), 0);
		assert_view(&again, rows[i].view, rows[i].name);
		assert_int_equal(again.lags, rows[i].lags);
		assert_int_equal(again.failed, rows[i].failed);
		assert_int_equal(again.asked_ms, v.asked_ms);
		assert_calls(w, "");
		job_view_free(&again);
		job_view_free(&v);
	}
}

/* One question after the other; q NULL: the scheduler is down. */
static void test_view_memory(void **state)
{
	static const struct {
		const char *q, *view;
		const char *asked; /* ids */
		bool failed;
	} rows[] = {
		{ "11_[1-10] PD\n12 PD\n13 H\n", "0:0=held/H 1:1-10=queued/PD 2:1=queued/PD",
		  "<11> <12> <13>", false },
		{ "11_1-3 CD\n11_4 OOM\n11_5-6 NF\n11_7-10 R\n12 CD\n13 H\n",
		  "0:0=held/H 1:1-3=done/CD 1:4=oom/OOM 1:5-6=lost/NF 1:7-10=running/R 2:1=done/CD",
		  "<11> <12> <13>", false },
		/* it does not answer: what was known stays */
		{ NULL,
		  "0:0=held/H 1:1-3=done/CD 1:4=oom/OOM 1:5-6=lost/NF 1:7-10=running/R 2:1=done/CD",
		  "<11> <13>", true },
		/* what ended was forgotten, what was lost is queued again, what ran is gone; 12 is
		   not asked for */
		{ "11_5-6 RQ\n11_4 X\n13 PD\n",
		  "0:0=queued/PD 1:1-3=done/CD 1:4=oom/OOM 1:5-6=queued/RQ 2:1=done/CD",
		  "<11> <13>", false },
		{ "11_5-10 CD\n13 R\n",
		  "0:0=running/R 1:1-3=done/CD 1:4=oom/OOM 1:5-10=done/CD 2:1=done/CD", "<11> <13>",
		  false },
		/* all arrays are over */
		{ "13 R\n", "0:0=running/R 1:1-3=done/CD 1:4=oom/OOM 1:5-10=done/CD 2:1=done/CD",
		  "<13>", false },
		{ "13 CD\n", "0:0=done/CD 1:1-3=done/CD 1:4=oom/OOM 1:5-10=done/CD 2:1=done/CD",
		  "<13>", false },
		/* nothing is left to ask for */
		{ "", "0:0=done/CD 1:1-3=done/CD 1:4=oom/OOM 1:5-10=done/CD 2:1=done/CD", NULL,
		  false },
	};
	struct world *w = *state;

	put(w->dir, "fakeacct.code", "1");
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *wanted = NULL, *got;
		struct err e = ERR_INIT;
		struct job_view v;

		drop(w->dir, "fakeq.code");
		put(w->dir, "fakeq.out", rows[i].q ? rows[i].q : "");
		if (!rows[i].q) {
			put(w->dir, "fakeq.code", "1");
		}
		assert_int_equal(scheduler_view(w->t, &w->s, 0, &v, &e), 0);
		assert_view(&v, rows[i].view, rows[i].asked ? rows[i].asked : "none");
		assert_int_equal(v.failed, rows[i].failed);
		assert_true(v.asked_ms > 0);
		job_view_free(&v);
		got = calls(w);
		if (rows[i].asked) {
			wanted = mem_printf("fakeq <somebody> %s\n", rows[i].asked);
			assert_true(strncmp(got, wanted, strlen(wanted)) == 0);
		} else {
			assert_null(got);
		}
		free(wanted);
		free(got);
	}
}

/* A job that was lost with its node may be queued again by the scheduler: it is not over yet. */
static void test_view_lost(void **state)
{
	static const struct {
		const char *q, *view;
	} rows[] = {
		{ "11_1-10 CD\n12 NF\n13 CD\n", "0:0=done/CD 1:1-10=done/CD 2:1=lost/NF" },
		{ "12 RQ\n", "0:0=done/CD 1:1-10=done/CD 2:1=queued/RQ" },
		{ "12 NF\n", "0:0=done/CD 1:1-10=done/CD 2:1=lost/NF" },
		{ "\n", "0:0=done/CD 1:1-10=done/CD 2:1=lost/NF" },
		{ "12 X\n", "0:0=done/CD 1:1-10=done/CD 2:1=lost/NF" },
	};
	struct world *w = *state;

	put(w->dir, "fakeacct.code", "1");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct job_view v;
		char *said;

		put(w->dir, "fakeq.out", rows[i].q);
		assert_int_equal(scheduler_view(w->t, &w->s, 0, &v, NULL), 0);
		assert_view(&v, rows[i].view, rows[i].q);
		job_view_free(&v);
		said = calls(w);
		assert_non_null(said);
		assert_non_null(strstr(said, i ? "fakeq <somebody> <12>\n" : "<11> <12> <13>\n"));
		free(said);
	}
}

/* Writes asked.json as somebody would who asked at that time. */
static void put_asked(const struct world *w, int64_t ago_ms, const char *seen)
{
	const uint64_t then = proc_unix_ms() - (uint64_t)ago_ms;
	char *text = mem_printf("{\"time\":%llu,\"why\":null,\"lags\":false,\"seen\":%s}\n",
				(unsigned long long)then, seen);

	put(w->dir, "asked.json", text);
	free(text);
}

static void test_view_age(void **state)
{
	static const struct {
		int64_t ago_ms;
		const char *seen;
		bool asks;
	} rows[] = {
		{ 1000, "[[1,1,10,\"running\",\"R\"]]", false },
		{ 50000, "[[1,1,10,\"running\",\"R\"]]", false },
		{ 61000, "[[1,1,10,\"running\",\"R\"]]", true },
		/* another machine's clock is a little ahead; a clock went back by an hour */
		{ -5000, "[[1,1,10,\"running\",\"R\"]]", false },
		{ -3600000, "[[1,1,10,\"running\",\"R\"]]", true },
		/* what is not sound is not there */
		{ 1000, "[[1,1,10,\"walking\",\"R\"]]", true },
		{ 1000, "[[1,10,1,\"running\",\"R\"]]", true },
		{ 1000, "[[1,1,10,\"running\"]]", true },
		{ 1000, "[[1,5,10,\"running\",\"R\"],[1,1,4,\"done\",\"CD\"]]", true },
		{ 1000, "{}", true },
		{ 1000, "[", true },
	};
	struct world *w = *state;

	put(w->dir, "fakeq.out", "11_1-10 R\n12 R\n13 R\n");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;
		struct job_view v;
		char *got;

		put_asked(w, rows[i].ago_ms, rows[i].seen);
		assert_int_equal(scheduler_view(w->t, &w->s, MINUTE, &v, &e), 0);
		got = calls(w);
		if ((got != NULL) != rows[i].asks) {
			fail_msg("row %zu: %s", i, got ? got : "nobody was asked");
		}
		free(got);
		assert_int_equal(v.n, rows[i].asks ? 3 : 1);
		assert_int_equal(job_view_state(&v, 1, 10, NULL), JOB_STATE_RUNNING);
		job_view_free(&v);
		/* ranges beyond the array do no harm */
		put_asked(w, 61000,
			  "[[1,0,99,\"done\",\"CD\"],[9,1,18446744073709551615,\"done\",\"CD\"]]");
		assert_int_equal(scheduler_view(w->t, &w->s, MINUTE, &v, &e), 0);
		assert_view(&v, "0:0=running/R 1:1-10=running/R 2:1=running/R", "beyond");
		job_view_free(&v);
		free(calls(w));
	}
}

/* Nothing was submitted: nothing is asked. In a folder that cannot be written in, it is. */
static void test_view_unable(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct job_view v;
	const char *word;

	w->arrays[0].id = w->arrays[1].id = w->s.finalise_id = NULL;
	assert_int_equal(scheduler_view(w->t, &w->s, 0, &v, &e), 0);
	assert_calls(w, "");
	assert_int_equal(v.n, 0);
	assert_false(v.failed);
	assert_int_equal(job_view_state(&v, 1, 1, &word), JOB_STATE_UNKNOWN);
	assert_string_equal(word, "");
	job_view_free(&v);
	w->arrays[0].id = "11";
	w->s.dir = "/nonexistent/folder";
	put(w->dir, "fakeq.out", "11_2-3 R\n");
	put(w->dir, "fakeacct.code", "1");
	assert_int_equal(scheduler_view(w->t, &w->s, MINUTE, &v, &e), 0);
	assert_view(&v, "1:2-3=running/R", "nowhere to keep it");
	assert_int_equal(job_view_state(&v, 1, 3, &word), JOB_STATE_RUNNING);
	assert_string_equal(word, "R");
	assert_int_equal(job_view_state(&v, 1, 1, NULL), JOB_STATE_UNKNOWN);
	assert_int_equal(job_view_state(&v, 1, 4, NULL), JOB_STATE_UNKNOWN);
	assert_int_equal(job_view_state(&v, 2, 3, NULL), JOB_STATE_UNKNOWN);
	assert_int_equal(job_view_state(&v, 0, 3, NULL), JOB_STATE_UNKNOWN);
	job_view_free(&v);
}

/* As many elements as there can be, each with a line of its own, in any order. */
static void test_view_many(void **state)
{
	enum { N = 20000 };
	struct world *w = *state;
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct job_view v;

	w->arrays[0].elements = N;
	for (unsigned i = 0; i < N; i++) {
		const unsigned element = i * 7 % N + 1;

		buf_printf(&b, "11_%u %s\n", element, element == 777 ? "OOM" : "CD");
	}
	buf_puts(&b, "12 CD\n13 R\n");
	put(w->dir, "fakeq.out", b.data);
	buf_free(&b);
	assert_int_equal(scheduler_view(w->t, &w->s, 0, &v, &e), 0);
	assert_view(&v,
		    "0:0=running/R 1:1-776=done/CD 1:777=oom/OOM 1:778-20000=done/CD 2:1=done/CD",
		    "many");
	assert_calls(w, "fakeq <somebody> <11> <12> <13>\n");
	job_view_free(&v);
}

static void test_over(void **state)
{
	static const bool over[JOB_STATE_COUNT] = {
		[JOB_STATE_DONE] = true,  [JOB_STATE_FAILED] = true, [JOB_STATE_TIMEOUT] = true,
		[JOB_STATE_OOM] = true,   [JOB_STATE_LOST] = true,   [JOB_STATE_CANCELLED] = true,
		[JOB_STATE_ENDED] = true,
	};

	(void)state;
	for (int s = 0; s < JOB_STATE_COUNT; s++) {
		assert_int_equal(job_state_is_over((enum job_state)s), over[s]);
	}
}

/* ---- lists of indexes ---- */

static void put_part(void *arg, uint64_t first, uint64_t last, uint64_t step)
{
	buf_printf(arg, "%llu-%llu:%llu ", (unsigned long long)first, (unsigned long long)last,
		   (unsigned long long)step);
}

static void test_index_list(void **state)
{
	static const struct {
		const char *text, *parts;
		bool understood;
	} rows[] = {
		{ "", "", true },
		{ "3", "3-3:1 ", true },
		{ "0", "0-0:1 ", true },
		{ "1-99:2", "1-99:2 ", true },
		{ "3-9%2", "3-9:1 ", true },
		{ "[3-9%2]", "3-9:1 ", true },
		{ "1,4,7-9", "1-1:1 4-4:1 7-9:1 ", true },
		{ " [ 1 , 4-5 ] ", "1-1:1 4-5:1 ", true },
		{ "18446744073709551615", "18446744073709551615-18446744073709551615:1 ", true },
		{ "18446744073709551616", "", false },
		{ "1,4,...", "1-1:1 4-4:1 ", false },
		{ "1,4,7-...", "1-1:1 4-4:1 ", false },
		{ "1-", "", false },
		{ "9-3", "", false },
		{ "1-9:0", "", false },
		{ "undefined", "", false },
		{ "1 2", "1-1:1 ", false },
		{ "1,", "1-1:1 ", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(index_list_walk(rows[i].text, strlen(rows[i].text), put_part, &b),
				 rows[i].understood);
		assert_string_equal(buf_str(&b), rows[i].parts);
		buf_free(&b);
	}
}

/* ---- limits ---- */

static void test_limits(void **state)
{
	static const struct {
		const char *conf, *assoc, *part; /* NULL: the command fails */
		uint64_t of[LIMIT_COUNT];        /* index, size, jobs, queued, time */
	} rows[] = {
		{ "MaxArraySize = 1001\nMaxJobCount = 10000\n",
		  "Max 50\nMaxSubmit 40\n",
		  "MaxTime=1-00:00:00",
		  { 1000, NONE, 10000, 40, 86400 } },
		{ "MaxArraySize = UNLIMITED\nMaxJobCount = -1\n",
		  "Max \n",
		  "MaxTime=UNLIMITED",
		  { NONE, NONE, NONE, NONE, NONE } },
		{ "MaxArraySize = 0\n", "", "MaxTime=10:00:00\n", { 0, NONE, NONE, NONE, 36000 } },
		/* two limits of one kind */
		{ "MaxTime = 3600\n", "", "MaxTime=2:00:00\n", { NONE, NONE, NONE, NONE, 3600 } },
		{ "MaxTime = 1-12\n", "", "MaxTime=30:00\n", { NONE, NONE, NONE, NONE, 1800 } },
		{ NULL, NULL, NULL, { NONE, NONE, NONE, NONE, NONE } },
	};
	static const struct job_values v = {
		.text = { [JOB_PARTITION] = "long", [JOB_USER] = "me" }
	};
	struct world *w = *state;
	struct shape_limits l;

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *const said[] = { rows[i].conf, rows[i].assoc, rows[i].part };
		static const char *const names[] = { "fakeconf", "fakeassoc", "fakepart" };

		for (size_t k = 0; k < COUNT(names); k++) {
			char *out = mem_printf("%s.out", names[k]),
			     *code = mem_printf("%s.code", names[k]);

			put(w->dir, out,
			    said[k] ? said[k] : "MaxArraySize = 1\nMax 1\nMaxTime=1:00");
			put(w->dir, code, said[k] ? "0" : "1");
			free(out);
			free(code);
		}
		scheduler_limits(w->t, &v, &l);
		for (int k = 0; k < LIMIT_COUNT; k++) {
			if (l.of[k] != rows[i].of[k]) {
				fail_msg("row %zu: %s is %llu", i, limit_names[k],
					 (unsigned long long)l.of[k]);
			}
			assert_true((l.origin[k] != NULL) == (l.of[k] != NONE));
		}
		/* each command once, whatever it tells */
		assert_calls(w, "fakeconf\nfakeassoc <me>\nfakepart <long>\n");
	}
	/* where the partition is not known, its command says nothing */
	put(w->dir, "fakeconf.code", "0");
	put(w->dir, "fakeconf.out", "MaxArraySize = 11\n");
	drop(w->dir, "fakeassoc");
	scheduler_limits(w->t, NULL, &l);
	assert_calls(w, "fakeconf\n");
	assert_int_equal(l.of[LIMIT_INDEX], 10);
	assert_string_equal(l.origin[LIMIT_INDEX], "fakeconf");
}

/* ---- detecting ---- */

/* A template of the user's: `program` is its command. */
static void put_template(const struct world *w, const char *name, const char *program)
{
	char *folder = path_join(w->dir, "config/ppgen/templates"), *file, *text;
	const char *at = strstr(front, "name: fake\n"),
		   *run = strstr(front, "[fakesub, --version]");
	struct err e = ERR_INIT;

	assert_int_equal(file_make_dirs(folder, &e), 0);
	text = mem_printf("%.*sname: %s\n%.*s[%s, --version]%s%s", (int)(at - front), front, name,
			  (int)(run - at - (long)strlen("name: fake\n")),
			  at + strlen("name: fake\n"), program,
			  run + strlen("[fakesub, --version]"), body);
	file = mem_printf("%s.tmpl", name);
	put(folder, file, text);
	free(file);
	free(folder);
	free(text);
}

static void test_detect(void **state)
{
	struct world *w = *state;
	char *config = path_join(w->dir, "config"), *name, *why;
	struct err e = ERR_INIT;

	/* those that are built in find none of their commands */
	setenv("XDG_CONFIG_HOME", config, 1);
	assert_int_equal(scheduler_detect(&name, &why, &e), -1);
	assert_non_null(strstr(e.text, "no scheduler was found here: tried "));
	assert_int_equal(e.kind, ERR_BAD);
	assert_null(name);
	err_clear(&e);
	put_template(w, "mine", "fakesub");
	put_template(w, "other", "fakeq");
	put(w->dir, "fakesub.out", "\nnothing of it\n");
	put(w->dir, "fakeq.out", "fakes 1\n");
	assert_int_equal(scheduler_detect(&name, &why, &e), -1);
	assert_non_null(strstr(e.text, "'fakesub --version'"));
	err_clear(&e);
	/* it may say so on stderr */
	drop(w->dir, "fakesub.out");
	put(w->dir, "fakesub.err", "\nsome news\nfake 22.05 (new)\nmore\n");
	put(w->dir, "fakesub.code", "2");
	assert_int_equal(scheduler_detect(&name, &why, &e), 0);
	assert_string_equal(name, "mine");
	assert_string_equal(why, "'fakesub --version' says fake 22.05 (new)");
	free(name);
	free(why);
	put(w->dir, "fakeq.out", "fake 3\n");
	assert_int_equal(scheduler_detect(&name, &why, &e), -1);
	assert_string_equal(
		e.text,
		"both 'mine' ('fakesub --version' says fake 22.05 (new)) and 'other' ('fakeq --version' says fake 3) seem to be "
		"here: name one with --template, or as 'scheduler' in the site file");
	err_clear(&e);
	/* one that cannot be read is named where none else is found */
	put(w->dir, "config/ppgen/templates/other.tmpl", "---\n");
	assert_int_equal(scheduler_detect(&name, &why, &e), 0);
	assert_string_equal(name, "mine");
	free(name);
	free(why);
	drop(w->dir, "fakesub.err");
	assert_int_equal(scheduler_detect(&name, &why, &e), -1);
	assert_non_null(strstr(e.text, "could not read the template 'other'"));
	unsetenv("XDG_CONFIG_HOME");
	free(config);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_submit),      TEST(test_submit_words), TEST(test_environment),
		TEST(test_find),        TEST(test_cancel),       TEST(test_view),
		TEST(test_view_memory), TEST(test_view_lost),    TEST(test_view_age),
		TEST(test_view_unable), TEST(test_view_many),    TEST(test_over),
		TEST(test_limits),      TEST(test_detect),       cmocka_unit_test(test_index_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
