// SPDX-License-Identifier: GPL-2.0
/*
 * A peer that writes all its memory all the time, while the three contexts of
 * the side under test run. Whatever happens: no wrong access, no data race
 * among our own contexts, each cookie comes back at most once.
 *
 * Environment: MSECS per test.
 */
#include <pthread.h>
#include <time.h>

#include "test.h"
#include "pair.h"

/* the longest message that the side under test takes */
#define BUF_LEN 48

/* what the peer writes into its memory */
enum mood {
	MOOD_CHAOS,	/* random words everywhere: breaks at once */
	MOOD_SLY,	/* plausible indices, random ids and lengths */
	MOOD_HONEST_INDEX,	/* correct indices, chaos in the slots */
};

struct storm {
	struct pair pair;
	enum mood mood;
	bool stop;
	unsigned long taken;
	unsigned long returned;
	unsigned long pulled;
	const char *failed;
};

static bool stopped(struct storm *storm)
{
	return __atomic_load_n(&storm->stop, __ATOMIC_RELAXED);
}

static void put(u32 *p, u32 value)
{
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static void be_sly(struct storm *storm, u64 *seed)
{
	struct fido_chan_ctl *theirs = storm->pair.b.ctl;
	const struct fido_chan_ctl *ours = storm->pair.b.ring.theirs;
	u32 prod = __atomic_load_n(&ours->prod, __ATOMIC_RELAXED);
	u32 cons = __atomic_load_n(&ours->cons, __ATOMIC_RELAXED);

	put(&theirs->prod, cons + rnd_below(seed, 3));
	put(&theirs->cons, prod - rnd_below(seed, 2));
	put(&theirs->prod_event, prod + rnd_below(seed, 3));
	put(&theirs->space_event, cons + rnd_below(seed, 3));
}

/*
 * Consumes all, releases each id that was seen in a slot, sends empty slots:
 * the side under test stays alive as long as the ids are right.
 */
static void be_nearly_honest(struct storm *storm, u64 *seed)
{
	struct fido_ring *b = &storm->pair.b.ring;
	u32 id;
	char buf[64];

	if (fido_ring_pull(b, buf, sizeof(buf), &id) >= 0) {
		if (id != FIDO_ID_NONE)
			fido_ring_release(b, id);
		fido_ring_done(b);
		fido_ring_release_publish(b);
	}
	if (fido_ring_slot(b)) {
		fido_ring_push(b, rnd_below(seed, BUF_LEN + 1), FIDO_ID_NONE, NULL);
		fido_ring_publish(b);
	}
	put((u32 *)side_slot(&storm->pair.b, rnd(seed)) + 2 +
	    rnd_below(seed, 14), rnd(seed));
	put(&storm->pair.b.ctl->prod_event, rnd(seed));
	put(&storm->pair.b.ctl->space_event, rnd(seed));
	put(&storm->pair.b.ctl->rel_event, rnd(seed));
}

static void be_chaotic(struct storm *storm, u64 *seed)
{
	put(&storm->pair.b.ctl->prod + rnd_below(seed, 1024), rnd(seed));
	put((u32 *)side_slot(&storm->pair.b, rnd(seed)), rnd(seed));
	put(side_rel(&storm->pair.b, rnd(seed)), rnd_below(seed, 20));
}

static void *peer_thread(void *data)
{
	struct storm *storm = data;
	u64 seed = 99;

	while (!stopped(storm)) {
		switch (storm->mood) {
		case MOOD_CHAOS:
			be_chaotic(storm, &seed);
			break;
		case MOOD_SLY:
			be_sly(storm, &seed);
			be_chaotic(storm, &seed);
			break;
		case MOOD_HONEST_INDEX:
			be_nearly_honest(storm, &seed);
			break;
		}
	}
	return NULL;
}

static void *tx_thread(void *data)
{
	struct storm *storm = data;
	struct fido_ring *ring = &storm->pair.a.ring;
	u64 seed = 7;
	void *slot;
	u32 id;

	while (!stopped(storm)) {
		slot = fido_ring_slot(ring);
		id = slot ? fido_ring_take_id(ring) : FIDO_ID_NONE;
		if (id != FIDO_ID_NONE && !rnd_below(&seed, 8)) {
			fido_ring_cancel_id(ring, id);
			id = FIDO_ID_NONE;
		}
		if (slot) {
			memset(slot, 1, 8);
			fido_ring_push(ring, 8, id, id == FIDO_ID_NONE ?
				       NULL : malloc(1));
			storm->taken += id != FIDO_ID_NONE;
		}
		if (rnd_below(&seed, 2))
			fido_ring_publish(ring);
		if (!slot)
			fido_ring_arm_space(ring, 1);
		if (fido_ring_in_flight(ring) > ring->geom.nr_ids)
			storm->failed = "more in flight than there are ids";
	}
	return NULL;
}

static void *reap_thread(void *data)
{
	struct storm *storm = data;
	struct fido_ring *ring = &storm->pair.a.ring;
	void *cookie;

	while (!stopped(storm)) {
		cookie = fido_ring_reap(ring);
		if (!cookie) {
			fido_ring_arm_release(ring, 1);
			continue;
		}
		/* AddressSanitizer sees one that comes back twice */
		free(cookie);
		storm->returned++;
	}
	return NULL;
}

static void *rx_thread(void *data)
{
	struct storm *storm = data;
	struct fido_ring *ring = &storm->pair.a.ring;
	char buf[BUF_LEN];
	int len;
	u32 id;

	while (!stopped(storm)) {
		len = fido_ring_pull(ring, buf, sizeof(buf), &id);
		if (len > (int)sizeof(buf))
			storm->failed = "more than asked for";
		if (len >= 0) {
			storm->pulled++;
			if (id != FIDO_ID_NONE && id >= ring->geom.nr_ids)
				storm->failed = "impossible id";
			fido_ring_release(ring, 0);
		}
		if (len == FIDO_RING_EMPTY)
			fido_ring_arm(ring, 1);
		fido_ring_done(ring);
		fido_ring_release_publish(ring);
	}
	return NULL;
}

/* What did not come back must be there to be stolen, and nothing else. */
static void check(struct storm *storm)
{
	struct fido_ring *ring = &storm->pair.a.ring;
	unsigned long stolen = 0;
	u32 i;

	if (storm->failed)
		fail_msg("%s", storm->failed);
	for (i = 0; i < ring->geom.nr_ids; i++) {
		void *p = fido_ring_steal(ring, i);

		stolen += !!p;
		free(p);
	}
	assert_int_equal(storm->taken, storm->returned + stolen);
}

static void round_of(enum mood mood, unsigned long msecs, u32 start,
		     unsigned long *pulled)
{
	static const struct fido_ring_geom geom = { 8, 64, 16 };
	struct timespec time = { msecs / 1000, msecs % 1000 * 1000000 };
	struct storm storm = { .mood = mood };
	pthread_t thread[4];
	unsigned int i;

	pair_init(&storm.pair, &geom, PAIR_READ_ONLY);
	pair_start_at(&storm.pair, start);
	pthread_create(&thread[0], NULL, tx_thread, &storm);
	pthread_create(&thread[1], NULL, reap_thread, &storm);
	pthread_create(&thread[2], NULL, rx_thread, &storm);
	pthread_create(&thread[3], NULL, peer_thread, &storm);
	nanosleep(&time, NULL);
	__atomic_store_n(&storm.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	check(&storm);
	*pulled += storm.pulled;
	pair_free(&storm.pair);
}

/* Short rounds, as a broken ring is no longer interesting. */
static void rounds(enum mood mood, unsigned long at_least)
{
	unsigned long nr = env_number("MSECS", 1000) / 20, i, pulled = 0;

	/* more of them where a busy machine lets nothing come through */
	for (i = 0; i < nr || (pulled < at_least && i < 50 * nr); i++)
		round_of(mood, 20, 0xffffff80 + i, &pulled);
	assert_true(pulled >= at_least);
}

static void test_chaos(void **state)
{
	rounds(MOOD_CHAOS, 0);
}

static void test_sly(void **state)
{
	rounds(MOOD_SLY, 0);
}

static void test_honest_index(void **state)
{
	/* this one must have lived long enough to prove something */
	rounds(MOOD_HONEST_INDEX, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chaos),
		cmocka_unit_test(test_sly),
		cmocka_unit_test(test_honest_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
