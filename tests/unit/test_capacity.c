/* SPDX-License-Identifier: MIT */
/* How much of the machine is ours: control groups of both versions, the scheduler's variables,
 * GPUs; what a header tells of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "run/capacity.h"
#include "run/cgroup.h"

static char *top;

static void put_file(const char *name, const char *text)
{
	char *path = path_join(top, name), *dir = path_dir(path);

	assert_int_equal(file_make_dirs(dir, NULL), 0);
	assert_int_equal(file_publish(path, text, strlen(text), NULL), 0);
	free(dir);
	free(path);
}

static int make_top(void **state)
{
	(void)state;
	top = mem_dup("/tmp/ppgen-test-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
	(void)state;
	(void)file_remove_tree(top, NULL);
	free(top);
	return 0;
}

static void test_cgroups(void **state)
{
	static const struct {
		const char *self;
		const char *files[8]; /* name, text, ... */
		uint64_t cpus, memory;
	} rows[] = {
		{ "0::/\n", { NULL }, 0, 0 },
		{ "0::/job/step\n",
		  { "job/step/cpu.max", "max 100000\n", "job/step/memory.max", "max\n" },
		  0,
		  0 },
		{ "0::/job/step\n",
		  { "job/step/cpu.max", "250000 100000\n", "job/step/memory.max", "1048576\n" },
		  3,
		  1048576 },
		{ "0::/job/step\n",
		  { "job/cpu.max", "100000 100000\n", "job/step/cpu.max", "400000 100000\n",
		    "job/memory.max", "4096\n", "job/step/memory.max", "8192\n" },
		  1,
		  4096 },
		{ "0::/not/there\n",
		  { "cpu.max", "200000 100000\n", "memory.max", "5000\n" },
		  2,
		  5000 },
		{ "4:memory:/a\n2:cpu,cpuacct:/a\n",
		  { "cpu/a/cpu.cfs_quota_us", "150000\n", "cpu/a/cpu.cfs_period_us", "100000\n",
		    "memory/a/memory.limit_in_bytes", "7777\n" },
		  2,
		  7777 },
		{ "4:memory:/\n2:cpuacct,cpu:/\n",
		  { "cpu/cpu.cfs_quota_us", "-1\n", "cpu/cpu.cfs_period_us", "100000\n",
		    "memory/memory.limit_in_bytes", "9223372036854771712\n" },
		  0,
		  0 },
		{ "3:cpuset:/a\nnonsense\n0::/u\n",
		  { "unified/u/cpu.max", "50000 100000\n" },
		  1,
		  0 },
		{ "0::/x\n", { "x/cpu.max", "junk\n", "x/memory.max", "\n" }, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cgroup_limits l;
		char *self, *root;

		(void)file_remove_tree(top, NULL);
		put_file("self", rows[i].self);
		put_file("root/mark", "");
		for (size_t k = 0; k + 1 < 8 && rows[i].files[k]; k += 2) {
			char *name = path_join("root", rows[i].files[k]);

			put_file(name, rows[i].files[k + 1]);
			free(name);
		}
		self = path_join(top, "self");
		root = path_join(top, "root");
		cgroup_limits(self, root, &l);
		if (l.cpus != rows[i].cpus || l.memory != rows[i].memory) {
			fail_msg("row %zu: %llu cpus, %llu bytes", i, (unsigned long long)l.cpus,
				 (unsigned long long)l.memory);
		}
		free(self);
		free(root);
	}
}

static void test_oom_watch(void **state)
{
	struct oom_watch w;
	char *self, *root;

	(void)state;
	put_file("self", "5:cpuset:/a\n4:memory:/a\n0::/a\n");
	put_file("root/memory/a/memory.oom_control",
		 "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	self = path_join(top, "self");
	root = path_join(top, "root");
	oom_watch_open(&w, self, root);
	assert_non_null(strstr(w.path, "memory.oom_control"));
	assert_false(oom_watch_rose(&w));
	put_file("root/memory/a/memory.oom_control",
		 "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
	assert_true(oom_watch_rose(&w));
	assert_false(oom_watch_rose(&w));
	oom_watch_close(&w);

	put_file("self", "0::/a\n");
	put_file("root/a/memory.events", "low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\n");
	oom_watch_open(&w, self, root);
	assert_non_null(strstr(w.path, "memory.events"));
	put_file("root/a/memory.events", "low 0\nhigh 0\nmax 5\noom 1\noom_kill 2\n");
	assert_true(oom_watch_rose(&w));
	oom_watch_close(&w);

	put_file("self", "0::/b\n"); /* no such group: the machine's count */
	oom_watch_open(&w, self, root);
	assert_string_equal(w.path, "/proc/vmstat");
	oom_watch_close(&w);
	free(self);
	free(root);
}

static void clear_variables(void)
{
	static const char *const names[] = { "SLURM_CPUS_ON_NODE", "NCPUS", "NSLOTS",
					     "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)unsetenv(names[i]);
	}
}

static void test_variables(void **state)
{
	struct capacity c;
	uint64_t all;

	(void)state;
	clear_variables();
	capacity_find(&c);
	assert_true(c.cpus >= 1);
	assert_true(c.memory > 0);
	all = c.cpus;
	capacity_free(&c);
	(void)setenv("NSLOTS", "1000000", 1); /* more than there are: affinity decides */
	capacity_find(&c);
	assert_int_equal(c.cpus, all);
	capacity_free(&c);
	(void)setenv("NCPUS", "junk", 1);
	(void)setenv("NSLOTS", "0", 1);
	capacity_find(&c);
	assert_int_equal(c.cpus, all);
	capacity_free(&c);
	(void)setenv("SLURM_CPUS_ON_NODE", "1", 1);
	capacity_find(&c);
	assert_int_equal(c.cpus, 1);
	if (all > 1) {
		assert_string_equal(c.cpus_by, "SLURM_CPUS_ON_NODE");
	}
	capacity_free(&c);
	clear_variables();
}

static void test_gpus(void **state)
{
	static const struct {
		const char *cuda, *rocr;
		size_t n;
		const char *ids[3];
	} rows[] = {
		{ "0,1", NULL, 2, { "0", "1" } },
		{ "3", "0,1", 1, { "3" } },
		{ "", NULL, 0, { NULL } },
		{ "-1", NULL, 0, { NULL } },
		{ "NoDevFiles", NULL, 0, { NULL } },
		{ "0,-1,2", NULL, 1, { "0" } },
		{ NULL, "2,5,7", 3, { "2", "5", "7" } },
		{ "GPU-41ab,MIG-7", NULL, 2, { "GPU-41ab", "MIG-7" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct capacity c;

		clear_variables();
		if (rows[i].cuda) {
			(void)setenv("CUDA_VISIBLE_DEVICES", rows[i].cuda, 1);
		}
		if (rows[i].rocr) {
			(void)setenv("ROCR_VISIBLE_DEVICES", rows[i].rocr, 1);
		}
		capacity_find(&c);
		assert_int_equal(c.n_gpus, rows[i].n);
		for (size_t k = 0; k < c.n_gpus; k++) {
			assert_string_equal(c.gpus[k], rows[i].ids[k]);
		}
		capacity_free(&c);
	}
	clear_variables();
}

/* By their files, as a driver makes them; their numbers are numbers, and stand in the header. */
static void test_devices(void **state)
{
	static const char *const files[] = { "nvidia10",       "nvidia2",  "nvidia0", "nvidiactl",
					     "nvidia-modeset", "nvidia1x", "null",    "nvidia" };
	struct capacity c = { .cpus = 1, .cpus_by = "-j" };
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		put_file(files[i], "");
	}
	capacity_add_devices(&c, top);
	capacity_put_environment(&b, &c);
	assert_int_equal(c.n_gpus, 3);
	assert_non_null(strstr(b.data, "\"gpus\":[\"0\",\"2\",\"10\"]"));
	assert_null(strstr(b.data, "\"memory\":")); /* not known */
	buf_free(&b);
	capacity_free(&c);
	capacity_add_devices(&c, "/no/such/folder");
	assert_int_equal(c.n_gpus, 0);
}

static void test_environment(void **state)
{
	struct capacity c;
	struct buf b = BUF_INIT;
	struct json v, env;
	struct err e = ERR_INIT;
	char *text;

	(void)state;
	(void)setenv("OMP_NUM_THREADS", "4", 1);
	(void)setenv("OMP_SECRET_THING", "hidden-1", 1);
	(void)setenv("MY_TOKEN", "hidden-2", 1);
	(void)setenv("HOME_GROWN", "hidden-3", 1);
	(void)setenv("LC_CTYPE", "\xff quote\" \n", 1);
	(void)setenv("PYTHONPATH", "https://me:hidden-4@example.org/x", 1);
	capacity_find(&c);
	buf_putc(&b, '{');
	capacity_put_environment(&b, &c);
	buf_putc(&b, '}');
	if (json_parse(b.data, b.len, &v, &e) < 0) {
		fail_msg("%s: %s", e.text, b.data);
	}
	assert_null(strstr(b.data, "hidden"));
	assert_null(strchr(b.data, '\n'));
	env = json_get(v, "env");
	text = json_string(json_get(env, "OMP_NUM_THREADS"));
	assert_string_equal(text, "4");
	free(text);
	assert_int_equal(json_get(v, "kernel").type, JSON_STRING);
	assert_int_equal(json_get(v, "affinity").type, JSON_STRING);
	assert_int_equal(json_get(v, "cpus").type, JSON_NUMBER);
	assert_int_equal(json_get(v, "gpus").type, JSON_ARRAY);
	assert_int_equal(json_get(v, "ulimits").type, JSON_OBJECT);
	(void)unsetenv("LC_CTYPE");
	buf_free(&b);
	capacity_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cgroups, make_top, remove_top),
		cmocka_unit_test_setup_teardown(test_oom_watch, make_top, remove_top),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_gpus),
		cmocka_unit_test_setup_teardown(test_devices, make_top, remove_top),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
