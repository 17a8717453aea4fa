// SPDX-License-Identifier: GPL-2.0
/* A pace: counted, bounded, and forgotten when its stretch is over. */
#include "test.h"
#include "pace.h"

#define LENGTH	1000
#define MAX	5

static void count(struct fido_pace *pace, unsigned long now, unsigned int nr)
{
	while (nr--)
		fido_pace_count(pace, now, LENGTH);
}

static bool is_fast(const struct fido_pace *pace, unsigned long now)
{
	return fido_pace_is_fast(pace, MAX, now, LENGTH);
}

static void test_counts(void **state)
{
	struct fido_pace pace = {};

	assert_false(is_fast(&pace, 123456));
	assert_int_equal(fido_pace_count(&pace, 123456, LENGTH), 1);
	assert_int_equal(fido_pace_count(&pace, 123457, LENGTH), 2);
	assert_int_equal(pace.since, 123456);
}

static void test_fast_at_the_bound(void **state)
{
	struct fido_pace pace = {};

	count(&pace, 123456, MAX - 1);
	assert_false(is_fast(&pace, 123456));
	count(&pace, 123456, 1);
	assert_true(is_fast(&pace, 123456));
}

static void test_over(void **state)
{
	struct fido_pace pace = {};

	count(&pace, 123456, 2 * MAX);
	assert_true(is_fast(&pace, 123456 + LENGTH));
	assert_false(is_fast(&pace, 123456 + LENGTH + 1));
	/* a new one, from its first time on */
	assert_int_equal(fido_pace_count(&pace, 200000, LENGTH), 1);
	assert_false(is_fast(&pace, 200000));
	count(&pace, 200000 + LENGTH, MAX - 1);
	assert_true(is_fast(&pace, 200000 + LENGTH));
	assert_false(is_fast(&pace, 200000 + LENGTH + 1));
}

static void test_clock_wraps(void **state)
{
	struct fido_pace pace = {};

	count(&pace, -3UL, MAX);
	assert_true(is_fast(&pace, -2UL));
	assert_true(is_fast(&pace, 2));
	assert_true(is_fast(&pace, LENGTH - 3));
	assert_false(is_fast(&pace, LENGTH - 2));
	assert_int_equal(fido_pace_count(&pace, 5, LENGTH), MAX + 1);
}

static void test_count_does_not_wrap(void **state)
{
	struct fido_pace pace = { .nr = -2U, .since = 123456 };

	assert_int_equal(fido_pace_count(&pace, 123456, LENGTH), -1U);
	assert_int_equal(fido_pace_count(&pace, 123456, LENGTH), -1U);
	assert_true(is_fast(&pace, 123456));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_fast_at_the_bound),
		cmocka_unit_test(test_over),
		cmocka_unit_test(test_clock_wraps),
		cmocka_unit_test(test_count_does_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
