// SPDX-License-Identifier: GPL-2.0
/*
 * A peer that lies: every value that it can write is set to what it must not
 * be. Side A is under test, B is played by the test, which writes B's memory.
 */
#include "test.h"
#include "pair.h"

#define NR_SLOTS 8U
#define NR_IDS 16U

static const struct fido_ring_geom geom = { NR_SLOTS, 64, NR_IDS };

static const u32 starts[] = { 0, 3, 0x7ffffffc, 0xfffffffb };

/* distances from the last valid value, at the edges of all that is compared */
static const u32 deltas[] = {
	0, 1, 2, NR_SLOTS - 1, NR_SLOTS, NR_SLOTS + 1, NR_IDS - 1, NR_IDS,
	NR_IDS + 1, 100, 4095, 4096, 4097, 0x7fffffff, 0x80000000, 0x80000001,
	0xfffffff0, 0xffffffff,
};

static char cookies[NR_IDS];

struct lie {
	struct pair pair;
	struct fido_ring *ring;
	struct fido_chan_ctl *peer;
	u32 start;
	u32 delta;
	bool legal;
};

static void send(struct fido_ring *ring, u32 nr, bool with_id)
{
	u32 id = FIDO_ID_NONE;

	while (nr--) {
		if (with_id)
			id = fido_ring_take_id(ring);
		assert_non_null(fido_ring_slot(ring));
		fido_ring_push(ring, 4, id,
			       with_id ? &cookies[id] : NULL);
	}
	fido_ring_publish(ring);
}

static bool in_cookies(void *p)
{
	return (char *)p >= cookies && (char *)p < cookies + NR_IDS;
}

/* After a violation nothing works, nothing is read, and the reason stays. */
static void assert_dead(struct pair *pair)
{
	struct fido_ring *ring = &pair->a.ring;
	const char *why = ring->broken;
	char buf[64];
	u32 id;

	assert_true(fido_ring_is_broken(ring));
	assert_non_null(why);
	pair_hide(&pair->b);
	assert_int_equal(fido_ring_room(ring), 0);
	assert_null(fido_ring_slot(ring));
	assert_false(fido_ring_publish(ring));
	assert_int_equal(fido_ring_pull(ring, buf, sizeof(buf), &id),
			 FIDO_RING_BROKEN);
	assert_null(fido_ring_reap(ring));
	fido_ring_release(ring, 0);
	assert_false(fido_ring_release_publish(ring));
	assert_false(fido_ring_done(ring));
	fido_ring_arm(ring, 1);
	fido_ring_arm_space(ring, 1);
	fido_ring_arm_release(ring, 1);
	fido_ring_break(ring, "something else");
	assert_ptr_equal(ring->broken, why);
}

static void for_all_lies(void (*lie)(struct lie *lie))
{
	struct lie l;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		for (j = 0; j < ARRAY_SIZE(deltas); j++) {
			pair_init(&l.pair, &geom, PAIR_READ_ONLY);
			pair_start_at(&l.pair, starts[i]);
			l.ring = &l.pair.a.ring;
			l.peer = l.pair.b.ctl;
			l.start = starts[i];
			l.delta = deltas[j];
			lie(&l);
			if (l.legal)
				assert_false(fido_ring_is_broken(l.ring));
			else
				assert_dead(&l.pair);
			pair_free(&l.pair);
		}
	}
}

/* The peer claims to have consumed what was not yet sent, or to go back. */
static void lie_cons(struct lie *l)
{
	send(l->ring, NR_SLOTS - 1, false);
	/* one more is pushed, but not published: not to be consumed */
	fido_ring_slot(l->ring);
	fido_ring_push(l->ring, 4, FIDO_ID_NONE, NULL);
	l->legal = l->delta <= NR_SLOTS - 1;
	l->peer->cons = l->start + l->delta;
	assert_int_equal(fido_ring_room(l->ring), l->legal ? l->delta : 0);
}

static void test_cons(void **state)
{
	for_all_lies(lie_cons);
}

static void lie_cons_backwards(struct lie *l)
{
	send(l->ring, NR_SLOTS, false);
	l->peer->cons = l->start + 4;
	assert_int_equal(fido_ring_room(l->ring), 4);
	send(l->ring, 4, false);
	/* between 4 and 12 is right; below 4 is what was consumed before */
	l->legal = l->delta >= 4 && l->delta <= NR_SLOTS + 4;
	l->peer->cons = l->start + l->delta;
	assert_int_equal(fido_ring_arm_space(l->ring, 1),
			 l->legal && l->delta > 4);
}

static void test_cons_backwards(void **state)
{
	for_all_lies(lie_cons_backwards);
}

/* The peer claims to have sent more than fits into its ring. */
static void lie_prod(struct lie *l)
{
	char buf[64];
	u32 id, i;

	l->legal = l->delta <= NR_SLOTS;
	l->peer->prod = l->start + l->delta;
	for (i = 0; l->legal && i < l->delta; i++)
		assert_int_equal(fido_ring_pull(l->ring, buf, sizeof(buf),
						&id), 0);
	assert_int_equal(fido_ring_pull(l->ring, buf, sizeof(buf), &id),
			 l->legal ? FIDO_RING_EMPTY : FIDO_RING_BROKEN);
}

static void test_prod(void **state)
{
	for_all_lies(lie_prod);
}

/* The same seen first when the consumer goes to sleep. */
static void lie_prod_at_arm(struct lie *l)
{
	l->legal = l->delta <= NR_SLOTS;
	l->peer->prod = l->start + l->delta;
	assert_int_equal(fido_ring_arm(l->ring, 1), l->legal && l->delta);
}

static void test_prod_at_arm(void **state)
{
	for_all_lies(lie_prod_at_arm);
}

/* The peer takes back messages that were seen already. */
static void test_prod_backwards(void **state)
{
	struct pair pair;
	char buf[64];
	u32 id, i;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	pair.b.ctl->prod = 4;
	for (i = 0; i < 4; i++)
		assert_int_equal(fido_ring_pull(&pair.a.ring, buf, 64, &id),
				 0);
	pair.b.ctl->prod = 3;
	assert_int_equal(fido_ring_pull(&pair.a.ring, buf, 64, &id),
			 FIDO_RING_BROKEN);
	assert_dead(&pair);
	pair_free(&pair);
}

/* The peer claims to have released more than its ring can say. */
static void lie_rel_prod(struct lie *l)
{
	u32 i;

	send(l->ring, NR_SLOTS, true);
	l->peer->cons = l->start + NR_SLOTS;
	send(l->ring, NR_SLOTS, true);
	for (i = 0; i < NR_IDS; i++)
		*side_rel(&l->pair.b, l->start + i) = i;
	l->legal = l->delta <= NR_IDS;
	l->peer->rel_prod = l->start + l->delta;
	for (i = 0; l->legal && i < l->delta; i++)
		assert_ptr_equal(fido_ring_reap(l->ring), &cookies[i]);
	assert_null(fido_ring_reap(l->ring));
	assert_int_equal(fido_ring_in_flight(l->ring),
			 l->legal ? NR_IDS - l->delta : NR_IDS);
}

static void test_rel_prod(void **state)
{
	for_all_lies(lie_rel_prod);
}

static void lie_rel_prod_at_arm(struct lie *l)
{
	send(l->ring, NR_SLOTS, true);
	l->legal = l->delta <= NR_IDS;
	l->peer->rel_prod = l->start + l->delta;
	assert_int_equal(fido_ring_arm_release(l->ring, 1),
			 l->legal && l->delta);
}

static void test_rel_prod_at_arm(void **state)
{
	for_all_lies(lie_rel_prod_at_arm);
}

/* Only what is in flight can be released: in flight here are 0, 1 and 2. */
static void test_release_of_any_id(void **state)
{
	static const u32 ids[] = {
		0, 1, 2, 3, NR_IDS - 1, NR_IDS, NR_IDS + 1, 255, 256, 4096,
		16383, 16384, 65535, 65536, 0x10000 + 1, 0x7fffffff,
		0x80000000, 0x80000001, 0xfffffffe, FIDO_ID_NONE,
	};
	struct pair pair;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		pair_init(&pair, &geom, PAIR_READ_ONLY);
		send(&pair.a.ring, 3, true);
		*side_rel(&pair.b, 0) = ids[i];
		pair.b.ctl->rel_prod = 1;
		if (ids[i] < 3) {
			assert_ptr_equal(fido_ring_reap(&pair.a.ring),
					 &cookies[ids[i]]);
		} else {
			assert_null(fido_ring_reap(&pair.a.ring));
			assert_int_equal(fido_ring_in_flight(&pair.a.ring), 3);
			assert_dead(&pair);
		}
		pair_free(&pair);
	}
}

static void test_double_release(void **state)
{
	struct pair pair;
	u32 i;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	send(&pair.a.ring, 3, true);
	*side_rel(&pair.b, 0) = 1;
	*side_rel(&pair.b, 1) = 1;
	pair.b.ctl->rel_prod = 2;
	assert_ptr_equal(fido_ring_reap(&pair.a.ring), &cookies[1]);
	assert_null(fido_ring_reap(&pair.a.ring));
	assert_int_equal(fido_ring_in_flight(&pair.a.ring), 2);
	/* the id that was released twice is free once */
	for (i = 0; i < NR_IDS - 2; i++)
		assert_int_not_equal(fido_ring_take_id(&pair.a.ring),
				     FIDO_ID_NONE);
	assert_int_equal(fido_ring_take_id(&pair.a.ring), FIDO_ID_NONE);
	assert_dead(&pair);
	pair_free(&pair);
}

/* An id that was taken, but whose message is not complete, is not in flight. */
static void test_release_before_push(void **state)
{
	struct pair pair;
	u32 id;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	id = fido_ring_take_id(&pair.a.ring);
	*side_rel(&pair.b, 0) = id;
	pair.b.ctl->rel_prod = 1;
	assert_null(fido_ring_reap(&pair.a.ring));
	assert_dead(&pair);
	pair_free(&pair);
}

/* What the owner gets back after a violation is what was in flight. */
static void test_steal_after_violation(void **state)
{
	struct pair pair;
	u32 i, nr = 0;
	void *p;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	send(&pair.a.ring, 5, true);
	*side_rel(&pair.b, 0) = 2;
	*side_rel(&pair.b, 1) = 2;
	pair.b.ctl->rel_prod = 2;
	assert_non_null(fido_ring_reap(&pair.a.ring));
	assert_null(fido_ring_reap(&pair.a.ring));
	assert_dead(&pair);
	for (i = 0; i < NR_IDS; i++) {
		p = fido_ring_steal(&pair.a.ring, i);
		if (p)
			assert_ptr_equal(p, &cookies[i]);
		nr += !!p;
	}
	assert_int_equal(nr, 4);
	pair_free(&pair);
}

/* Every length a slot can claim, with buffers of several sizes. */
static void test_every_length(void **state)
{
	static const u32 sizes[] = { 0, 1, 8, 55, 56, 57, 64, 4096 };
	struct pair pair;
	size_t i;
	u32 len;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* of the exact size, so that AddressSanitizer guards it */
		char *buf = malloc(sizes[i] + !sizes[i]);
		u32 limit = min(sizes[i], 56U);

		for (len = 0; len <= 0xffff; len += len < 130 ? 1 : 331) {
			struct fido_ring *a = &pair.a.ring;
			int got;
			u32 id;

			pair_init(&pair, &geom, PAIR_READ_ONLY);
			side_slot(&pair.b, 0)->len = len;
			pair.b.ctl->prod = 1;
			got = fido_ring_pull(a, buf, sizes[i], &id);
			if (len <= limit) {
				assert_int_equal(got, len);
			} else {
				assert_int_equal(got, FIDO_RING_BROKEN);
				assert_dead(&pair);
			}
			pair_free(&pair);
		}
		free(buf);
	}
}

static void test_message_ids(void **state)
{
	static const u32 good[] = { 0, 1, NR_IDS - 1, FIDO_ID_NONE };
	static const u32 bad[] = {
		NR_IDS, NR_IDS + 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
		0xfffffffe,
	};
	struct pair pair;
	char buf[64];
	size_t i;
	u32 id;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		side_slot(&pair.b, i)->id = good[i];
		pair.b.ctl->prod = i + 1;
		assert_int_equal(fido_ring_pull(&pair.a.ring, buf, 64, &id), 0);
		assert_int_equal(id, good[i]);
	}
	pair_free(&pair);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		pair_init(&pair, &geom, PAIR_READ_ONLY);
		side_slot(&pair.b, 0)->id = bad[i];
		pair.b.ctl->prod = 1;
		assert_int_equal(fido_ring_pull(&pair.a.ring, buf, 64, &id),
				 FIDO_RING_BROKEN);
		assert_dead(&pair);
		pair_free(&pair);
	}
}

/* Thresholds are the peer's wish: any value is fine, and decides exactly. */
static void test_any_threshold(void **state)
{
	struct pair pair;
	u64 seed = 5;
	char buf[64];
	u32 i, old, event, id;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	pair_start_at(&pair, 0xffffff00);
	for (i = 0; i < 20000; i++) {
		struct fido_ring *a = &pair.a.ring;
		u32 n = 1 + rnd_below(&seed, NR_SLOTS);
		bool hit;

		old = a->prod;
		event = i & 1 ? rnd(&seed) : old + rnd_below(&seed, 12) - 2;
		hit = event - old - 1 < n;
		pair.b.ctl->prod_event = event;
		pair.b.ctl->space_event = event;
		pair.b.ctl->rel_event = event;
		for (u32 j = 0; j < n; j++) {
			assert_non_null(fido_ring_slot(a));
			fido_ring_push(a, 0, FIDO_ID_NONE, NULL);
			fido_ring_release(a, j);
		}
		assert_int_equal(fido_ring_publish(a), hit);
		assert_int_equal(fido_ring_release_publish(a), hit);
		pair.b.ctl->cons = a->prod;
		pair.b.ctl->prod = a->prod;
		while (fido_ring_pull(a, buf, sizeof(buf), &id) >= 0)
			;
		assert_int_equal(fido_ring_done(a), hit);
		assert_false(fido_ring_is_broken(a));
	}
	pair_free(&pair);
}

/* The geometry was read once, at connect: what the peer writes later is air. */
static void test_geometry_changes(void **state)
{
	struct pair pair;
	char buf[64];
	u32 id;

	pair_init(&pair, &geom, PAIR_READ_ONLY);
	pair.b.ctl->magic = 0;
	pair.b.ctl->nr_slots = 0x80000000;
	pair.b.ctl->slot_size = 0;
	pair.b.ctl->nr_ids = 0xffffffff;
	memset(pair.b.ctl->slot_page, 0xff, sizeof(pair.b.ctl->slot_page));
	memset(pair.b.ctl->rel_page, 0xff, sizeof(pair.b.ctl->rel_page));
	send(&pair.b.ring, NR_SLOTS, false);
	while (fido_ring_pull(&pair.a.ring, buf, sizeof(buf), &id) >= 0)
		;
	send(&pair.a.ring, NR_SLOTS, true);
	assert_false(fido_ring_is_broken(&pair.a.ring));
	assert_int_equal(fido_ring_in_flight(&pair.a.ring), NR_SLOTS);
	pair_free(&pair);
}

/* Random values in all fields, in random order: never a crash, never two. */
static void test_random_peer(void **state)
{
	u64 seed = 77;
	u32 round, step, i;

	for (round = 0; round < 3000; round++) {
		struct fido_ring *a;
		struct pair pair;
		char buf[56];
		u32 id, flying = 0;

		pair_init(&pair, &geom, PAIR_READ_ONLY);
		pair_start_at(&pair, rnd(&seed));
		a = &pair.a.ring;
		for (step = 0; step < 40; step++) {
			u32 *field = &pair.b.ctl->prod;

			/* more often something plausible than not */
			i = rnd_below(&seed, 64);
			field[i] = rnd_below(&seed, 8) ?
				a->prod + rnd_below(&seed, 10) : rnd(&seed);
			*side_rel(&pair.b, rnd(&seed)) =
				rnd_below(&seed, NR_IDS + 1);
			side_slot(&pair.b, rnd(&seed))->len =
				rnd_below(&seed, 58);
			if (fido_ring_slot(a)) {
				id = fido_ring_take_id(a);
				fido_ring_push(a, 4, id,
					       id == FIDO_ID_NONE ?
					       NULL : &cookies[id]);
				flying += id != FIDO_ID_NONE;
			}
			fido_ring_publish(a);
			if (fido_ring_pull(a, buf, sizeof(buf), &id) >= 0 &&
			    id != FIDO_ID_NONE)
				assert_true(id < NR_IDS);
			fido_ring_done(a);
			while (true) {
				void *p = fido_ring_reap(a);

				if (!p)
					break;
				assert_true(in_cookies(p));
				flying--;
			}
			fido_ring_arm(a, 1);
			fido_ring_arm_space(a, 1);
			fido_ring_arm_release(a, 1);
			assert_int_equal(fido_ring_in_flight(a), flying);
			assert_true(fido_ring_room(a) <= NR_SLOTS);
		}
		pair_free(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cons),
		cmocka_unit_test(test_cons_backwards),
		cmocka_unit_test(test_prod),
		cmocka_unit_test(test_prod_at_arm),
		cmocka_unit_test(test_prod_backwards),
		cmocka_unit_test(test_rel_prod),
		cmocka_unit_test(test_rel_prod_at_arm),
		cmocka_unit_test(test_release_of_any_id),
		cmocka_unit_test(test_double_release),
		cmocka_unit_test(test_release_before_push),
		cmocka_unit_test(test_steal_after_violation),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_message_ids),
		cmocka_unit_test(test_any_threshold),
		cmocka_unit_test(test_geometry_changes),
		cmocka_unit_test(test_random_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
