// SPDX-License-Identifier: GPL-2.0
/* Which geometries a ring accepts, and how much memory they take. */
#include "test.h"
#include "pair.h"

static bool valid(u32 nr_slots, u32 slot_size, u32 nr_ids)
{
	struct fido_ring_geom geom = {
		.nr_slots = nr_slots,
		.slot_size = slot_size,
		.nr_ids = nr_ids,
	};

	return fido_ring_geom_valid(&geom);
}

static void test_smallest_and_largest(void **state)
{
	assert_true(valid(1, FIDO_MIN_SLOT_SIZE, 1));
	assert_true(valid(FIDO_MAX_SLOTS, 128, FIDO_MAX_IDS));
	assert_true(valid(256, FIDO_MAX_SLOT_SIZE, FIDO_MAX_IDS));
}

static void test_zero(void **state)
{
	assert_false(valid(0, 64, 1));
	assert_false(valid(1, 0, 1));
	assert_false(valid(1, 64, 0));
	assert_false(valid(0, 0, 0));
}

static void test_beyond_limits(void **state)
{
	assert_false(valid(1, FIDO_MIN_SLOT_SIZE / 2, 1));
	assert_false(valid(1, FIDO_MAX_SLOT_SIZE * 2, 1));
	assert_false(valid(FIDO_MAX_SLOTS * 2, 64, 1));
	assert_false(valid(1, 64, FIDO_MAX_IDS * 2));
	assert_false(valid(0x80000000, 64, 1));
	assert_false(valid(1, 0x80000000, 1));
	assert_false(valid(1, 64, 0x80000000));
	/* products that are small again in 32 bits */
	assert_false(valid(0x80000000, 0x80000000, 1));
	assert_false(valid(1 << 26, 64, 1));
}

static void test_no_power_of_two(void **state)
{
	assert_false(valid(3, 64, 4));
	assert_false(valid(4, 96, 4));
	assert_false(valid(4, 64, 5));
	assert_false(valid(FIDO_MAX_SLOTS - 1, 64, 4));
	assert_false(valid(4, FIDO_MAX_SLOT_SIZE - 1, 4));
	assert_false(valid(4, 64, FIDO_MAX_IDS - 1));
	assert_false(valid(0xffffffff, 0xffffffff, 0xffffffff));
}

static void test_more_pages_than_table(void **state)
{
	/* each is allowed, but both together need more than 128 pages */
	assert_false(valid(FIDO_MAX_SLOTS, 256, 1));
	assert_false(valid(512, FIDO_MAX_SLOT_SIZE, 1));
	assert_false(valid(FIDO_MAX_SLOTS, FIDO_MAX_SLOT_SIZE, 1));
}

/* Whatever is accepted fits into the tables of the control page. */
static void test_random_fits(void **state)
{
	u64 seed = 1;
	u32 i, accepted = 0;

	for (i = 0; i < 1000000; i++) {
		struct fido_ring_geom geom = {
			.nr_slots = 1U << rnd_below(&seed, 32),
			.slot_size = 1U << rnd_below(&seed, 32),
			.nr_ids = 1U << rnd_below(&seed, 32),
		};

		if (!fido_ring_geom_valid(&geom))
			continue;
		accepted++;
		assert_in_range(fido_ring_slot_pages(&geom), 1,
				FIDO_CHAN_SLOT_PAGES);
		assert_in_range(fido_ring_rel_pages(&geom), 1,
				FIDO_CHAN_REL_PAGES);
		assert_true((u64)fido_ring_slot_pages(&geom) * FIDO_PAGE_SIZE >=
			    (u64)geom.nr_slots * geom.slot_size);
		assert_true((u64)fido_ring_rel_pages(&geom) * FIDO_PAGE_SIZE >=
			    (u64)geom.nr_ids * sizeof(u32));
	}
	assert_true(accepted > 1000);
}

static void test_pages(void **state)
{
	struct fido_ring_geom geom = { 1, 64, 1 };

	assert_int_equal(fido_ring_slot_pages(&geom), 1);
	assert_int_equal(fido_ring_rel_pages(&geom), 1);
	geom = (struct fido_ring_geom){ 64, 64, 1024 };
	assert_int_equal(fido_ring_slot_pages(&geom), 1);
	assert_int_equal(fido_ring_rel_pages(&geom), 1);
	geom = (struct fido_ring_geom){ 128, 64, 2048 };
	assert_int_equal(fido_ring_slot_pages(&geom), 2);
	assert_int_equal(fido_ring_rel_pages(&geom), 2);
	geom = (struct fido_ring_geom){ 256, 2048, 16384 };
	assert_int_equal(fido_ring_slot_pages(&geom), FIDO_CHAN_SLOT_PAGES);
	assert_int_equal(fido_ring_rel_pages(&geom), FIDO_CHAN_REL_PAGES);
}

/* The layout is the protocol: both ends must agree on every offset. */
static void test_layout(void **state)
{
	assert_int_equal(sizeof(struct fido_seg), 16);
	assert_int_equal(sizeof(struct fido_slot), 8);
	assert_int_equal(sizeof(struct fido_service_entry), 32);
	assert_true(sizeof(struct fido_root) <= FIDO_PAGE_SIZE);
	assert_true(sizeof(struct fido_chan_ctl) <= FIDO_PAGE_SIZE);
	/* by purpose in cache lines of their own */
	assert_int_equal(offsetof(struct fido_chan_ctl, prod), 0);
	assert_int_equal(offsetof(struct fido_chan_ctl, cons), 64);
	assert_int_equal(offsetof(struct fido_chan_ctl, rel_prod), 128);
	assert_int_equal(offsetof(struct fido_chan_ctl, magic), 192);
	assert_int_equal(offsetof(struct fido_chan_ctl, slot_page), 256);
}

static void test_init_announces(void **state)
{
	struct fido_ring_geom geom = { 32, 256, 16 };
	struct pair pair;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	assert_int_equal(pair.a.ctl->magic, FIDO_CHAN_MAGIC);
	assert_int_equal(pair.a.ctl->nr_slots, 32);
	assert_int_equal(pair.a.ctl->slot_size, 256);
	assert_int_equal(pair.a.ctl->nr_ids, 16);
	assert_int_equal(pair.a.ctl->prod, 0);
	assert_false(fido_ring_is_broken(&pair.a.ring));
	pair_free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smallest_and_largest),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_beyond_limits),
		cmocka_unit_test(test_no_power_of_two),
		cmocka_unit_test(test_more_pages_than_table),
		cmocka_unit_test(test_random_fits),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_init_announces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
