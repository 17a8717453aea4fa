// SPDX-License-Identifier: GPL-2.0
/*
 * Two honest sides in one thread: what goes in comes out, and a signal is
 * asked for exactly when the protocol says so.
 *
 * Each test runs with several start indices, so that it crosses the
 * wrap-around of the 32-bit counters.
 */
#include "test.h"
#include "pair.h"

static const u32 starts[] = {
	0, 1, 5, 0x7ffffffe, 0x80000000, 0xfffffff0, 0xfffffffd, 0xffffffff,
};

static const struct fido_ring_geom geoms[] = {
	{ 1, 64, 1 }, { 2, 64, 4 }, { 8, 64, 8 }, { 16, 2048, 2 },
	{ 4, 1024, 16 }, { 64, 128, 2048 }, { 128, 64, 16 },
};

static void for_all(void (*test)(struct pair *pair))
{
	struct pair pair;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(geoms); i++) {
		for (j = 0; j < ARRAY_SIZE(starts); j++) {
			pair_init(&pair, &geoms[i], PAIR_READ_ONLY);
			pair_start_at(&pair, starts[j]);
			test(&pair);
			assert_false(fido_ring_is_broken(&pair.a.ring));
			assert_false(fido_ring_is_broken(&pair.b.ring));
			pair_free(&pair);
		}
	}
}

static void push(struct fido_ring *ring, u32 value, u32 id, void *cookie)
{
	void *slot = fido_ring_slot(ring);

	assert_non_null(slot);
	memcpy(slot, &value, sizeof(value));
	fido_ring_push(ring, sizeof(value), id, cookie);
}

static u32 pull(struct fido_ring *ring, u32 *id)
{
	u32 value;

	assert_int_equal(fido_ring_pull(ring, &value, sizeof(value), id),
			 sizeof(value));
	return value;
}

static void assert_empty(struct fido_ring *ring)
{
	u32 value, id;

	assert_int_equal(fido_ring_pull(ring, &value, sizeof(value), &id),
			 FIDO_RING_EMPTY);
}

static void fill_and_drain(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 n = a->geom.nr_slots;
	u32 round, i, id;

	for (round = 0; round < 5; round++) {
		assert_int_equal(fido_ring_room(a), n);
		for (i = 0; i < n; i++) {
			push(a, round * n + i, FIDO_ID_NONE, NULL);
			assert_empty(b);
		}
		assert_int_equal(fido_ring_room(a), 0);
		assert_null(fido_ring_slot(a));
		fido_ring_publish(a);
		for (i = 0; i < n; i++) {
			assert_int_equal(pull(b, &id), round * n + i);
			assert_int_equal(id, FIDO_ID_NONE);
			/* not free before the consumer says so */
			assert_int_equal(fido_ring_room(a), 0);
		}
		assert_empty(b);
		fido_ring_done(b);
	}
}

static void test_fill_and_drain(void **state)
{
	for_all(fill_and_drain);
}

/* A slot of any length, to the last byte, and beside it nothing changes. */
static void lengths(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 room = a->geom.slot_size - sizeof(struct fido_slot);
	unsigned char in[FIDO_MAX_SLOT_SIZE], out[FIDO_MAX_SLOT_SIZE];
	u32 len, id, i;

	for (len = 0; len <= room; len += len < 16 || len > room - 16 ? 1 : 7) {
		for (i = 0; i < len; i++)
			in[i] = i * 7 + len;
		memcpy(fido_ring_slot(a), in, len);
		fido_ring_push(a, len, FIDO_ID_NONE, NULL);
		fido_ring_publish(a);
		memset(out, 0x5a, sizeof(out));
		assert_int_equal(fido_ring_pull(b, out, room, &id), len);
		assert_memory_equal(in, out, len);
		for (i = len; i < sizeof(out); i++)
			assert_int_equal(out[i], 0x5a);
		fido_ring_done(b);
	}
}

static void test_lengths(void **state)
{
	for_all(lengths);
}

/* What does not fit into a slot is cut by the producer, not sent. */
static void too_long(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 room = a->geom.slot_size - sizeof(struct fido_slot);
	unsigned char out[FIDO_MAX_SLOT_SIZE];
	u32 id;

	assert_non_null(fido_ring_slot(a));
	fido_ring_push(a, 0xffff, FIDO_ID_NONE, NULL);
	fido_ring_publish(a);
	assert_int_equal(fido_ring_pull(b, out, sizeof(out), &id), room);
}

static void test_too_long(void **state)
{
	for_all(too_long);
}

/* Slots of different indices do not overlap and stay within their pages. */
static void slots_apart(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 room = a->geom.slot_size - sizeof(struct fido_slot);
	unsigned char out[FIDO_MAX_SLOT_SIZE];
	u32 n = a->geom.nr_slots;
	u32 i, j, id;

	for (i = 0; i < n; i++) {
		assert_ptr_equal(fido_ring_slot(a),
				 side_slot(&pair->a, a->prod)->data);
		memset(fido_ring_slot(a), i + 1, room);
		fido_ring_push(a, room, FIDO_ID_NONE, NULL);
	}
	fido_ring_publish(a);
	for (i = 0; i < n; i++) {
		assert_int_equal(fido_ring_pull(b, out, room, &id), room);
		for (j = 0; j < room; j++)
			assert_int_equal(out[j], (unsigned char)(i + 1));
	}
}

static void test_slots_apart(void **state)
{
	for_all(slots_apart);
}

/* All ids are there, each once; released in any order they come back. */
static void ids(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 n = a->geom.nr_ids, batch = min(n, a->geom.nr_slots);
	u32 held[FIDO_MAX_IDS], sent = 0, nr = 0, i, id;
	static unsigned char seen[FIDO_MAX_IDS];
	u64 seed = n + a->prod;
	void *cookie;

	memset(seen, 0, sizeof(seen));
	while (sent < n) {
		for (i = 0; i < batch; i++, sent++) {
			id = fido_ring_take_id(a);
			assert_true(id < n);
			assert_false(seen[id]++);
			push(a, id, id, &seen[id]);
		}
		fido_ring_publish(a);
		for (i = 0; i < batch; i++) {
			u32 value = pull(b, &held[nr]);

			assert_int_equal(value, held[nr++]);
		}
		fido_ring_done(b);
	}
	assert_int_equal(fido_ring_take_id(a), FIDO_ID_NONE);
	assert_int_equal(fido_ring_in_flight(a), n);
	assert_null(fido_ring_reap(a));

	while (nr) {
		i = rnd_below(&seed, nr);
		id = held[i];
		held[i] = held[--nr];
		fido_ring_release(b, id);
		assert_null(fido_ring_reap(a));
		fido_ring_release_publish(b);
		cookie = fido_ring_reap(a);
		assert_ptr_equal(cookie, &seen[id]);
		seen[id] = 0;
		assert_null(fido_ring_reap(a));
		assert_int_equal(fido_ring_in_flight(a), nr);
	}
}

static void test_ids(void **state)
{
	for_all(ids);
}

/* An id that was taken and not used is the next one again. */
static void cancel(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring;
	u32 id = fido_ring_take_id(a);

	assert_int_not_equal(id, FIDO_ID_NONE);
	assert_int_equal(fido_ring_in_flight(a), 1);
	fido_ring_cancel_id(a, id);
	assert_int_equal(fido_ring_in_flight(a), 0);
	assert_int_equal(fido_ring_take_id(a), id);
	fido_ring_cancel_id(a, id);
	/* and all of them are still there */
	ids(pair);
}

static void test_cancel(void **state)
{
	for_all(cancel);
}

/* What is left in flight can be taken by the owner, each once. */
static void steal(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring;
	u32 i, n = min(a->geom.nr_ids, a->geom.nr_slots), nr = 0;
	char cookie[64];

	n = min_t(u32, n, sizeof(cookie));
	for (i = 0; i < n; i++)
		push(a, i, fido_ring_take_id(a), &cookie[i]);
	for (i = 0; i < a->geom.nr_ids; i++)
		nr += !!fido_ring_steal(a, i);
	assert_int_equal(nr, n);
	for (i = 0; i < a->geom.nr_ids; i++)
		assert_null(fido_ring_steal(a, i));
	assert_null(fido_ring_steal(a, a->geom.nr_ids));
	assert_null(fido_ring_steal(a, FIDO_ID_NONE));
}

static void test_steal(void **state)
{
	for_all(steal);
}

/* Nobody signals a consumer that is watched for; one that is not any more is. */
static void watch_messages(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 n = min(a->geom.nr_slots, 8U);
	u32 i, id;

	/* rx is at work, or waits for more than one */
	assert_false(fido_ring_watch(b, 1));
	assert_false(fido_ring_watch(b, 8));
	assert_false(fido_ring_arm(b, 2));
	assert_false(fido_ring_watch(b, 1));

	assert_false(fido_ring_arm(b, 1));
	assert_true(fido_ring_watch(b, 1));
	assert_false(fido_ring_waiting(b));
	for (i = 1; i <= n; i++) {
		push(a, i, FIDO_ID_NONE, NULL);
		assert_false(fido_ring_publish(a));
		assert_true(fido_ring_waiting(b));
	}
	/* rx is told, and has still not looked */
	assert_true(fido_ring_unwatch(b, 1));
	for (i = 1; i <= n; i++)
		pull(b, &id);
	fido_ring_done(b);
	assert_false(fido_ring_waiting(b));

	assert_false(fido_ring_arm(b, 1));
	assert_true(fido_ring_watch(b, 1));
	assert_false(fido_ring_unwatch(b, 1));
	push(a, 1, FIDO_ID_NONE, NULL);
	assert_true(fido_ring_publish(a));
	pull(b, &id);
	fido_ring_done(b);
}

/* The same where rx asks for two: it is signalled after two once nobody looks. */
static void watch_for_some(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 id;

	if (a->geom.nr_slots < 2)
		return;
	assert_false(fido_ring_arm(b, 2));
	assert_true(fido_ring_watch(b, 2));
	assert_false(fido_ring_unwatch(b, 2));
	push(a, 1, FIDO_ID_NONE, NULL);
	assert_false(fido_ring_publish(a));
	push(a, 2, FIDO_ID_NONE, NULL);
	assert_true(fido_ring_publish(a));
	pull(b, &id);
	pull(b, &id);
	fido_ring_done(b);
}

/* A consumer that looks by itself is not signalled until it arms again. */
static void disarm_messages(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 n = min(a->geom.nr_slots, 8U);
	u32 want, event, i, id;

	for (want = 1; want <= n; want++) {
		assert_false(fido_ring_arm(b, want));
		fido_ring_disarm(b);
		for (i = 1; i <= 2 * n; i++) {
			push(a, i, FIDO_ID_NONE, NULL);
			assert_false(fido_ring_publish(a));
			pull(b, &id);
			fido_ring_done(b);
			event = pair->b.ctl->prod_event;
			fido_ring_disarm(b);
			/* passed: there is nothing to be written */
			assert_int_equal(pair->b.ctl->prod_event, event);
		}
		push(a, 1, FIDO_ID_NONE, NULL);
		assert_false(fido_ring_publish(a));
		assert_true(fido_ring_arm(b, 1));
		pull(b, &id);
		fido_ring_done(b);
		assert_false(fido_ring_arm(b, 1));
		push(a, 1, FIDO_ID_NONE, NULL);
		assert_true(fido_ring_publish(a));
		pull(b, &id);
		fido_ring_done(b);
	}
}

static void test_disarm_messages(void **state)
{
	for_all(disarm_messages);
}

/* A producer signals when, and only when, the threshold is passed. */
static void signal_messages(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 n = min(a->geom.nr_slots, 8U);
	u32 want, i, id;

	/* never armed, never signalled */
	push(a, 0, FIDO_ID_NONE, NULL);
	assert_false(fido_ring_publish(a));
	pull(b, &id);
	fido_ring_done(b);

	for (want = 1; want <= n; want++) {
		assert_false(fido_ring_arm(b, want));
		for (i = 1; i <= n; i++) {
			push(a, i, FIDO_ID_NONE, NULL);
			assert_int_equal(fido_ring_publish(a), i == want);
		}
		assert_false(fido_ring_publish(a));
		for (i = 1; i <= n; i++)
			pull(b, &id);
		fido_ring_done(b);

		/* in one go */
		assert_false(fido_ring_arm(b, want));
		for (i = 1; i <= n; i++)
			push(a, i, FIDO_ID_NONE, NULL);
		assert_true(fido_ring_publish(a));
		/* what is there already is told at once */
		assert_true(fido_ring_arm(b, n));
		for (i = 1; i <= n; i++)
			pull(b, &id);
		fido_ring_done(b);
	}
}

static void test_signal_messages(void **state)
{
	for_all(signal_messages);
}

/* A broken ring has no room, whatever was known before. */
static void test_space_broken(void **state)
{
	static const struct fido_ring_geom geom = { 4, 64, 4 };
	struct pair pair;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	assert_true(fido_ring_arm_space(&pair.a.ring, 2));
	fido_ring_break(&pair.a.ring, "test");
	assert_false(fido_ring_arm_space(&pair.a.ring, 2));
	pair_free(&pair);
}

static void test_watch_messages(void **state)
{
	for_all(watch_messages);
	for_all(watch_for_some);
}

/* What a peer wrote that is not believed any more is no reason to look. */
static void test_watch_broken(void **state)
{
	static const struct fido_ring_geom geom = { 4, 64, 4 };
	struct pair pair;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	push(&pair.a.ring, 1, FIDO_ID_NONE, NULL);
	fido_ring_publish(&pair.a.ring);
	assert_true(fido_ring_waiting(&pair.b.ring));
	fido_ring_break(&pair.b.ring, "test");
	assert_false(fido_ring_waiting(&pair.b.ring));
	pair_free(&pair);
}

static void signal_space(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 n = a->geom.nr_slots;
	u32 want, i, id;

	for (want = 1; want <= n; want += want < 4 ? 1 : 13) {
		for (i = 0; i < n; i++)
			push(a, i, FIDO_ID_NONE, NULL);
		fido_ring_publish(a);
		assert_false(fido_ring_arm_space(a, want));
		for (i = 1; i <= n; i++) {
			pull(b, &id);
			assert_int_equal(fido_ring_done(b), i == want);
		}
		assert_false(fido_ring_done(b));
		assert_true(fido_ring_arm_space(a, n));
	}
}

static void test_signal_space(void **state)
{
	for_all(signal_space);
}

static void signal_releases(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 n = min(min(a->geom.nr_slots, a->geom.nr_ids), 8U);
	u32 want, i, id[8];
	char cookie;

	for (want = 1; want <= n; want++) {
		for (i = 0; i < n; i++)
			push(a, i, fido_ring_take_id(a), &cookie);
		fido_ring_publish(a);
		for (i = 0; i < n; i++)
			pull(b, &id[i]);
		fido_ring_done(b);
		assert_false(fido_ring_arm_release(a, want));
		for (i = 0; i < n; i++) {
			fido_ring_release(b, id[i]);
			assert_int_equal(fido_ring_release_publish(b),
					 i + 1 == want);
		}
		assert_false(fido_ring_release_publish(b));
		assert_true(fido_ring_arm_release(a, n));
		for (i = 0; i < n; i++)
			assert_ptr_equal(fido_ring_reap(a), &cookie);
		assert_null(fido_ring_reap(a));
	}
}

static void test_signal_releases(void **state)
{
	for_all(signal_releases);
}

/* Both directions share control pages, but nothing of their state. */
static void both_ways(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	char ca, cb;
	u32 i, id, back;

	for (i = 0; i < 100; i++) {
		push(a, i, fido_ring_take_id(a), &ca);
		fido_ring_publish(a);
		assert_int_equal(pull(b, &id), i);
		fido_ring_done(b);
		push(b, ~i, fido_ring_take_id(b), &cb);
		fido_ring_publish(b);
		assert_int_equal(pull(a, &back), ~i);
		fido_ring_done(a);
		fido_ring_release(b, id);
		fido_ring_release(a, back);
		fido_ring_release_publish(a);
		fido_ring_release_publish(b);
		assert_ptr_equal(fido_ring_reap(b), &cb);
		assert_ptr_equal(fido_ring_reap(a), &ca);
	}
}

static void test_both_ways(void **state)
{
	for_all(both_ways);
}

/* A random walk of two honest sides against a simple model. */
static void random_walk(struct pair *pair)
{
	struct fido_ring *a = &pair->a.ring, *b = &pair->b.ring;
	u32 pushed = 0, published = 0, pulled = 0, done = 0;
	u64 seed = a->prod + a->geom.nr_slots;
	u32 step, id;

	for (step = 0; step < 20000; step++) {
		switch (rnd_below(&seed, 5)) {
		case 0:
		case 1:
			if (pushed - done == a->geom.nr_slots) {
				assert_int_equal(fido_ring_room(a), 0);
				break;
			}
			push(a, pushed++, FIDO_ID_NONE, NULL);
			break;
		case 2:
			fido_ring_publish(a);
			published = pushed;
			break;
		case 3:
			if (pulled == published)
				assert_empty(b);
			else
				assert_int_equal(pull(b, &id), pulled++);
			break;
		case 4:
			fido_ring_done(b);
			done = pulled;
			break;
		}
	}
}

static void test_random_walk(void **state)
{
	for_all(random_walk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill_and_drain),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_slots_apart),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_steal),
		cmocka_unit_test(test_signal_messages),
		cmocka_unit_test(test_disarm_messages),
		cmocka_unit_test(test_watch_messages),
		cmocka_unit_test(test_watch_broken),
		cmocka_unit_test(test_space_broken),
		cmocka_unit_test(test_signal_space),
		cmocka_unit_test(test_signal_releases),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_random_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
