/* SPDX-License-Identifier: MIT */
/*
 * Identities and seeds. The constants were computed apart from this program, by hashlib, from the
 * definitions in gen/space.h. They never change: results that people have kept are found by them.
 */
#include "base/hash.h"
#include "tests/unit/space_test.h"

static void test_vectors(void **state)
{
	static const struct {
		const char *yaml;
		uint64_t index;
		const char *id, *shown;
		uint32_t seed;
		uint64_t seed64;
		uint32_t words[4];
	} rows[] = {
		{ "x: 1",
		  0,
		  "60111358e469ed934537c6a6079f1f6d",
		  "t60111358e469ed93",
		  10429053,
		  UINT64_C(44792443394838006),
		  { 2362736044u, 2933634195u, 610814494u, 827560045u } },
		{ "repeat: 5",
		  3,
		  "5a185e7bd1fc9df046ed1988923e12a3",
		  "t5a185e7bd1fc9df0",
		  755947890,
		  UINT64_C(3246771467260408716),
		  { 174717028u, 3784622786u, 808475768u, 2633511455u } },
		{ "params: {xs: [[1, a]], T: 1.50, e: '', L: 16, on: true, code: métro}\nrepeat: 20\nseed: 20240601",
		  12,
		  "cee7d02fd1ef040986a6da8aa478b152",
		  "tcee7d02fd1ef0409",
		  1991749878,
		  UINT64_C(8554500590648013895),
		  { 1940932601u, 1966157003u, 788363142u, 987477296u } },
		{ "params: {a: {values: [1, 2], was: 1}, b: x}",
		  0,
		  "c991cbedf35ac151944cf5714554efea",
		  "tc991cbedf35ac151",
		  2043847820,
		  UINT64_C(8778259548761854026),
		  { 2075102542u, 3561495583u, 978212645u, 1396248782u } },
		{ "params: {a: x, T: [1, 2]}\nrepeat: 5\nseed: 7\nseed_by: [rep, T]",
		  9,
		  "69f5197e87522caf6b3daa80885a3dbf",
		  "t69f5197e87522caf",
		  257502949,
		  UINT64_C(1105966747182030571),
		  { 1761925222u, 113815783u, 723477652u, 1773346323u } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct space *s = space_of(rows[i].yaml, ".", NULL);
		char hex[2 * TASK_ID_SIZE + 1], shown[TASK_ID_SHOWN];
		uint8_t id[TASK_ID_SIZE];
		struct seeds seeds;
		struct point p;

		point_init(&p, s);
		space_point(s, rows[i].index, &p);
		task_id(s, &p, id);
		hex_put(hex, id, sizeof id);
		assert_string_equal(hex, rows[i].id);
		task_id_show(id, shown);
		assert_string_equal(shown, rows[i].shown);
		task_seeds(s, &p, id, &seeds);
		assert_int_equal(seeds.seed, rows[i].seed);
		assert_int_equal(seeds.seed64, rows[i].seed64);
		assert_memory_equal(seeds.words, rows[i].words, sizeof seeds.words);
		point_free(&p);
		space_free(s);
	}
}

static void id_of(const char *yaml, uint64_t index, uint8_t id[TASK_ID_SIZE])
{
	struct space *s = space_of(yaml, ".", NULL);
	struct point p;

	point_init(&p, s);
	space_point(s, index, &p);
	task_id(s, &p, id);
	point_free(&p);
	space_free(s);
}

/* What leaves an identity as it is, and what does not. */
static void test_same(void **state)
{
	static const struct {
		const char *a, *b;
		uint64_t ia, ib;
		bool same;
	} rows[] = {
		{ "params: {a: 1, b: 2}", "params: {b: 2, a: 1}", 0, 0, true },
		{ "params: {a: [1, 2]}", "params: {a: [0, 1, 2]}", 1, 2, true },
		{ "params: {a: 1}", "params: {a: 1}\nseed: 5", 0, 0, true },
		{ "params: {a: 1}", "params: {a: 1}\nrepeat: 3", 0, 0, true },
		{ "params: {a: 1}", "params: {a: 1}\nrepeat: 3", 0, 1, false },
		{ "params: {a: 1}", "params: {a: '1'}", 0, 0, false },
		{ "params: {a: 1}", "params: {a: 1.0}", 0, 0, false },
		{ "params: {a: 1}", "params: {b: 1}", 0, 0, false },
		{ "params: {a: bc, d: e}", "params: {a: b, cd: e}", 0, 0, false },
		{ "params: {a: 1}", "params: {a: 1, o: {values: [x, y], was: y}}", 0, 1, true },
		{ "params: {a: 1}", "params: {a: 1, o: {values: [x, y], was: y}}", 0, 0, false },
		{ "params: {a: 1, o: x}", "params: {a: 1, o: {values: [x, y], was: y}}", 0, 0,
		  true },
		{ "params: {T: {from: 1.5, to: 3, step: 0.5}}",
		  "params: {T: {from: 1.5, to: 3, step: 0.25}}", 1, 2, true },
		{ "params: {T: {from: 1, to: 3, step: 1}}", "params: {T: [3, 2]}", 1, 1, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t a[TASK_ID_SIZE], b[TASK_ID_SIZE];

		id_of(rows[i].a, rows[i].ia, a);
		id_of(rows[i].b, rows[i].ib, b);
		if ((memcmp(a, b, sizeof a) == 0) != rows[i].same)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
}

static void test_index(void **state)
{
	static const char *const specs[] = {
		"x: 1",
		"params: {grid: {a: {from: 0, to: 49, step: 1}, b: [x, y, z]}, where: a % 7 != 3, add: [{a: 99, b: w}]}\nrepeat: 4",
		"params: {grid: {a: {from: 0, to: 20000, step: 1}}}",
		"params: {grid: {a: {from: 0, to: 99999, step: 1}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		struct space *s = space_of(specs[i], ".", NULL);
		struct id_index *x = id_index_new(s);
		uint8_t id[TASK_ID_SIZE];
		struct point p;

		point_init(&p, s);
		for (uint64_t k = 0; k < space_count(s); k++) {
			space_point(s, k, &p);
			task_id(s, &p, id);
			assert_int_equal(id_index_find(x, id), k);
			id[15] ^= 1;
			assert_true(id_index_find(x, id) == UINT64_MAX);
			id[0] ^= 128;
			assert_true(id_index_find(x, id) == UINT64_MAX);
		}
		point_free(&p);
		id_index_free(x);
		space_free(s);
	}
	id_index_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
