/* SPDX-License-Identifier: MIT */
/* What a job asks for: a task's resources times the slots, MPI tasks, the finaliser, and where
 * wishes came from. */
#include "tests/unit/template_test.h"

#include "base/buf.h"
#include "submit/job.h"

#define G (UINT64_C(1) << 30)

/* A submission of one array, and what it is made by. */
struct world {
	struct template *t;
	struct site *site;
	struct spec spec;
	struct plan plan;
	struct submission s;
	struct submission_array array;
	struct submit_request r;
};

static int world_begin(void **state)
{
	struct world *w = mem_alloc(sizeof *w);
	struct diags *d = diags_new();

	w->t = template_parse(good, sizeof good - 1, "fake.tmpl", d);
	w->site = site_load_file("/nonexistent/sites.yaml", NULL, d);
	if (!w->t || !w->site) {
		fail_msg("%s", diags_text(d));
	}
	diags_free(d);
	w->plan.spec = &w->spec;
	w->array = (struct submission_array){
		.res = { .cpus = 1 }, .slots = 1, .elements = 10, .first = 1, .name = "x-1"
	};
	w->s = (struct submission){ .arena = arena_new(),
				    .number = 7,
				    .user = "ann",
				    .home = "/runs/a b/submissions/0007",
				    .finalise_name = "x-f",
				    .arrays = &w->array,
				    .n_arrays = 1 };
	w->r = (struct submit_request){ .rundir = "/runs/a b",
					.plan = &w->plan,
					.template = w->t,
					.site = w->site,
					.program = "/opt/it's/ppgen" };
	*state = w;
	return 0;
}

static int world_end(void **state)
{
	struct world *w = *state;

	arena_free(w->s.arena);
	site_free(w->site);
	template_free(w->t);
	free(w);
	return 0;
}

static void is_text(const struct job_values *v, enum job_value key, const char *wanted)
{
	const char *got = v->text[key] ? v->text[key] : "(unset)";

	if (strcmp(got, wanted) != 0) {
		fail_msg("%s is '%s', wanted '%s'", job_value_names[key], got, wanted);
	}
}

static void test_resources(void **state)
{
	static const struct {
		struct resources res;
		uint64_t slots;
		const char *nodes, *ranks, *per_node, *cpus, *on_node, *total, *memory, *per_cpu,
			*gpus;
	} rows[] = {
		{ { .cpus = 1 }, 1, "1", "1", "1", "1", "1", "1", "(unset)", "(unset)", "(unset)" },
		/* 64 MiB beside the tasks' own are for ppgen */
		{ { .cpus = 2, .memory = G, .gpus = 1 },
		  4,
		  "1",
		  "1",
		  "1",
		  "8",
		  "8",
		  "8",
		  "4362076160",
		  "545259520",
		  "4" },
		{ { .cpus = 3, .memory = 1 },
		  1,
		  "1",
		  "1",
		  "1",
		  "3",
		  "3",
		  "3",
		  "67108865",
		  "22369622",
		  "(unset)" },
		{ { .cpus = 2, .nodes = 2, .ranks = 16 },
		  1,
		  "2",
		  "16",
		  "8",
		  "2",
		  "16",
		  "32",
		  "(unset)",
		  "(unset)",
		  "(unset)" },
		{ { .cpus = 1, .nodes = 2, .ranks = 5 },
		  1,
		  "2",
		  "5",
		  "3",
		  "1",
		  "3",
		  "6",
		  "(unset)",
		  "(unset)",
		  "(unset)" },
		{ { .cpus = 4, .nodes = 3 },
		  1,
		  "3",
		  "3",
		  "1",
		  "4",
		  "4",
		  "12",
		  "(unset)",
		  "(unset)",
		  "(unset)" },
	};
	struct world *w = *state;
	struct job_values v;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < COUNT(rows); i++) {
		w->array.res = rows[i].res;
		w->array.slots = rows[i].slots;
		assert_int_equal(job_of_array(&w->r, &w->s, 0, &v, &e), 0);
		is_text(&v, JOB_NODES, rows[i].nodes);
		is_text(&v, JOB_RANKS, rows[i].ranks);
		is_text(&v, JOB_RANKS_PER_NODE, rows[i].per_node);
		is_text(&v, JOB_CPUS, rows[i].cpus);
		is_text(&v, JOB_CPUS_PER_NODE, rows[i].on_node);
		is_text(&v, JOB_CPUS_TOTAL, rows[i].total);
		is_text(&v, JOB_MEMORY, rows[i].memory);
		is_text(&v, JOB_MEMORY_PER_CPU, rows[i].per_cpu);
		is_text(&v, JOB_GPUS, rows[i].gpus);
	}
}

/* More than numbers can hold stays the most they can: the scheduler will refuse it. */
static void test_saturates(void **state)
{
	struct world *w = *state;
	struct job_values v;

	w->array.res = (struct resources){ .cpus = UINT64_C(1) << 40, .memory = UINT64_C(1) << 62 };
	w->array.slots = UINT64_C(1) << 40;
	assert_int_equal(job_of_array(&w->r, &w->s, 0, &v, NULL), 0);
	is_text(&v, JOB_CPUS, "9223372036854775807");
	assert_true(strtoull(v.text[JOB_MEMORY], NULL, 10) >= INT64_MAX);
}

static void test_array(void **state)
{
	struct world *w = *state;
	struct job_values v;

	w->array.throttle = 3;
	w->array.time = 600;
	assert_int_equal(job_of_array(&w->r, &w->s, 0, &v, NULL), 0);
	is_text(&v, JOB_FIRST, "1");
	is_text(&v, JOB_LAST, "10");
	is_text(&v, JOB_COUNT, "10");
	is_text(&v, JOB_THROTTLE, "3");
	is_text(&v, JOB_TIME, "600");
	is_text(&v, JOB_NOTICE, "(unset)"); /* the end is known */
	is_text(&v, JOB_WORKER,
		"'/opt/it'\\''s/ppgen' worker '/runs/a b' --submission 7 --array 1");
	is_text(&v, JOB_SCRIPT, "/runs/a b/submissions/0007/array-1.sh");
	is_text(&v, JOB_LOG, "/runs/a b/submissions/0007/log/1");
	is_text(&v, JOB_USER, "ann");
}

/* A plain job is told its element; without a wall time of ours, a signal is wanted before the end.
 */
static void test_single(void **state)
{
	struct world *w = *state;
	struct job_values v;

	w->array.single = true;
	w->array.throttle = 3;
	w->spec.checkpoint = (struct checkpoint){ .signal = 10, .before_s = 300 };
	assert_int_equal(job_of_array(&w->r, &w->s, 0, &v, NULL), 0);
	is_text(&v, JOB_COUNT, "(unset)");
	is_text(&v, JOB_THROTTLE, "(unset)");
	is_text(&v, JOB_NOTICE, "300");
	is_text(&v, JOB_WORKER,
		"'/opt/it'\\''s/ppgen' worker '/runs/a b' --submission 7 --array 1 --element 1");
}

/* So that ppgen starts, whatever the scheduler passes on; the rest it takes from the submission. */
static void test_libraries(void **state)
{
	static const char *const rows[][3] = {
		{ "A=1", "LD_LIBRARY_PATH=/sw/my lib",
		  "env 'LD_LIBRARY_PATH=/sw/my lib' '/opt/it'\\''s/ppgen' finalise '/runs/a b' "
		  "--submission 7" },
		{ "LD_LIBRARY_PATH=", "LD_LIBRARY_PATHS=/x",
		  "'/opt/it'\\''s/ppgen' finalise '/runs/a b' --submission 7" },
	};
	struct world *w = *state;
	struct job_values v;

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *const env[] = { rows[i][0], rows[i][1], NULL };

		w->r.environment = env;
		assert_int_equal(job_of_finaliser(&w->r, &w->s, &v, NULL), 0);
		is_text(&v, JOB_WORKER, rows[i][2]);
	}
}

static void test_finaliser(void **state)
{
	static const char *const extra[] = { "-p", "gpu node" };
	struct world *w = *state;
	struct job_values v;

	w->r.extra = extra;
	w->r.n_extra = COUNT(extra);
	w->array.res.gpus = 2;
	assert_int_equal(job_of_finaliser(&w->r, &w->s, &v, NULL), 0);
	is_text(&v, JOB_NAME, "x-f");
	is_text(&v, JOB_COUNT, "(unset)");
	is_text(&v, JOB_CPUS, "1");
	is_text(&v, JOB_GPUS, "(unset)");
	is_text(&v, JOB_TIME, "3600");
	is_text(&v, JOB_MEMORY, "2147483648");
	is_text(&v, JOB_WORKER, "'/opt/it'\\''s/ppgen' finalise '/runs/a b' --submission 7");
	assert_int_equal(v.n_list[JOB_EXTRA], 2);
	assert_string_equal(v.list[JOB_EXTRA][1], "gpu node");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resources), TEST(test_saturates), TEST(test_array),
		TEST(test_single),    TEST(test_libraries), TEST(test_finaliser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
