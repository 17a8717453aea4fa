// SPDX-License-Identifier: GPL-2.0
/*
 * A peer that changes what was just read.
 *
 * Compiled with SHIM_WATCH: directly after each read of B's memory the bytes
 * that were read are replaced. What side A under test returns must follow from
 * the first look alone, and in one call there must be no second one.
 */
#include "test.h"
#include "pair.h"

#define NR_SLOTS 8U
#define NR_IDS 16U
#define MAX_READS 16

static const struct fido_ring_geom geom = { NR_SLOTS, 128, NR_IDS };

static struct pair pair;
static bool scramble;
static u64 seed = 3;

static struct {
	size_t at;
	size_t len;
} reads[MAX_READS];

static unsigned int nr_reads;
static unsigned int twice;

void shim_watch(const void *p, size_t len)
{
	struct arena *mem = &pair.b.mem;
	unsigned int i;
	size_t at;

	if (!pair_ro_offset(&pair.b, p, &at))
		return;
	for (i = 0; i < nr_reads; i++)
		if (at < reads[i].at + reads[i].len && reads[i].at < at + len)
			twice++;
	if (nr_reads < MAX_READS) {
		reads[nr_reads].at = at;
		reads[nr_reads++].len = len;
	}
	for (i = 0; scramble && i < len; i++)
		mem->rw[at + i] = rnd(&seed);
}

static void begin(bool change)
{
	nr_reads = 0;
	twice = 0;
	scramble = change;
}

static void end(unsigned int expected)
{
	scramble = false;
	assert_int_equal(twice, 0);
	assert_int_equal(nr_reads, expected);
}

static int setup(void **state)
{
	scramble = false;
	pair_init(&pair, &geom, PAIR_READ_ONLY);
	return 0;
}

static int teardown(void **state)
{
	pair_free(&pair);
	return 0;
}

/* one look at the index, one at the head, one at the data */
static void test_pull(void **state)
{
	unsigned char buf[256], data[120];
	struct fido_slot *slot;
	u32 i, id;

	for (i = 0; i < sizeof(data); i++)
		data[i] = rnd(&seed);
	slot = side_slot(&pair.b, 0);
	slot->len = sizeof(data);
	slot->id = 9;
	memcpy(slot->data, data, sizeof(data));
	pair.b.ctl->prod = 1;

	begin(true);
	assert_int_equal(fido_ring_pull(&pair.a.ring, buf, sizeof(buf), &id),
			 sizeof(data));
	end(3);
	assert_int_equal(id, 9);
	assert_memory_equal(buf, data, sizeof(data));
	assert_memory_not_equal(slot->data, data, sizeof(data));
}

/* The index is believed as it was when it was checked. */
static void test_pull_keeps_index(void **state)
{
	unsigned char buf[256];
	u32 i, id;

	for (i = 0; i < NR_SLOTS; i++)
		side_slot(&pair.b, i)->id = i;
	pair.b.ctl->prod = 3;
	begin(true);
	assert_int_equal(fido_ring_pull(&pair.a.ring, buf, sizeof(buf), &id),
			 0);
	end(3);
	for (i = 1; i < 3; i++) {
		begin(true);
		assert_int_equal(fido_ring_pull(&pair.a.ring, buf, sizeof(buf),
						&id), 0);
		/* no look at the index while something is known to be there */
		end(2);
		assert_int_equal(id, i);
	}
}

static void test_bad_length(void **state)
{
	unsigned char buf[256];
	u32 id;

	side_slot(&pair.b, 0)->len = 121;
	pair.b.ctl->prod = 1;
	begin(true);
	assert_int_equal(fido_ring_pull(&pair.a.ring, buf, sizeof(buf), &id),
			 FIDO_RING_BROKEN);
	end(2);
}

static void test_reap(void **state)
{
	struct fido_ring *a = &pair.a.ring;
	char cookie[NR_IDS];
	u32 i, id;

	for (i = 0; i < NR_SLOTS; i++) {
		id = fido_ring_take_id(a);
		fido_ring_slot(a);
		fido_ring_push(a, 0, id, &cookie[id]);
	}
	fido_ring_publish(a);
	for (i = 0; i < NR_SLOTS; i++)
		*side_rel(&pair.b, i) = NR_SLOTS - 1 - i;
	pair.b.ctl->rel_prod = NR_SLOTS;
	for (i = 0; i < NR_SLOTS; i++) {
		begin(true);
		assert_ptr_equal(fido_ring_reap(a), &cookie[NR_SLOTS - 1 - i]);
		end(i ? 1 : 2);
	}
}

static void test_room(void **state)
{
	struct fido_ring *a = &pair.a.ring;
	u32 i;

	for (i = 0; i < NR_SLOTS; i++) {
		begin(true);
		assert_non_null(fido_ring_slot(a));
		/* while there is room the peer is not asked */
		end(0);
		fido_ring_push(a, 0, FIDO_ID_NONE, NULL);
	}
	begin(true);
	fido_ring_publish(a);
	/* the threshold */
	end(1);
	pair.b.ctl->cons = 5;
	begin(true);
	assert_int_equal(fido_ring_room(a), 5);
	end(1);
	begin(true);
	assert_int_equal(fido_ring_room(a), 5);
	end(0);
}

static void test_arm(void **state)
{
	struct fido_ring *a = &pair.a.ring;

	pair.b.ctl->prod = 2;
	begin(true);
	assert_true(fido_ring_arm(a, 2));
	end(1);
	begin(true);
	fido_ring_arm_space(a, 1);
	end(1);
	begin(true);
	fido_ring_arm_release(a, 1);
	end(1);
}

/* No sequence of calls looks twice in one call, whatever it reads. */
static void test_random(void **state)
{
	unsigned char buf[120];
	u32 round, step, id;

	for (round = 0; round < 2000; round++) {
		struct fido_ring *a = &pair.a.ring;

		for (step = 0; step < 50; step++) {
			(&pair.b.ctl->prod)[rnd_below(&seed, 64)] =
				rnd_below(&seed, 20);
			begin(rnd(&seed) & 1);
			switch (rnd_below(&seed, 8)) {
			case 0:
				fido_ring_pull(a, buf, sizeof(buf), &id);
				break;
			case 1:
				fido_ring_done(a);
				break;
			case 2:
				fido_ring_reap(a);
				break;
			case 3:
				fido_ring_arm(a, 1);
				break;
			case 4:
				if (!fido_ring_slot(a))
					break;
				id = fido_ring_take_id(a);
				fido_ring_push(a, 3, id, buf);
				break;
			case 5:
				fido_ring_publish(a);
				break;
			case 6:
				fido_ring_arm_space(a, 1);
				break;
			case 7:
				fido_ring_arm_release(a, 1);
				break;
			}
			scramble = false;
			assert_int_equal(twice, 0);
		}
		pair_free(&pair);
		pair_init(&pair, &geom, PAIR_READ_ONLY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pull, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pull_keeps_index, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_bad_length, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_reap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_arm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
