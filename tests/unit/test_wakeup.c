// SPDX-License-Identifier: GPL-2.0
/*
 * Publishing and going to sleep at the same instant, again and again: either
 * the one that publishes must be told to signal, or the one that arms must be
 * told that there is work. Neither is a lost wake-up, seen without waiting.
 *
 * Two threads meet at a barrier, so that both act within nanoseconds: this is
 * where a full barrier that is missing on x86 shows.
 *
 * Environment: COUNT rounds a test.
 */
#include <pthread.h>
#include <sched.h>

#include "test.h"
#include "pair.h"

/* What both threads do in a round, prepared so that only the race is left. */
struct duel {
	struct pair pair;
	void (*prepare)(struct duel *duel);
	bool (*publish)(struct duel *duel);
	bool (*arm)(struct duel *duel);
	unsigned long count;
	/* rounds for each of COUNT: some races are met less often */
	unsigned int times;
	unsigned long lost;
	unsigned long told;
	unsigned long armed;
	unsigned long rounds;
	unsigned long missed;
	bool tell;
	/* the two sides' results of a round */
	bool signal;
	/* each thread's number of arrivals, in cache lines of their own */
	unsigned long here ____cacheline_aligned;
	unsigned long there ____cacheline_aligned;
};

static void meet(unsigned long *mine, const unsigned long *other)
{
	unsigned long now = *mine + 1, spins = 0;

	__atomic_store_n(mine, now, __ATOMIC_RELEASE);
	while (__atomic_load_n(other, __ATOMIC_ACQUIRE) < now)
		if (++spins % 4096 == 0)
			sched_yield();
}

static void dither(u64 *seed)
{
	u32 i, n = rnd_below(seed, 4U << rnd_below(seed, 10));

	for (i = 0; i < n; i++)
		barrier();
}

static void *publisher(void *data)
{
	struct duel *duel = data;
	u64 seed = 31;
	unsigned long i;

	for (i = 0; i < duel->count; i++) {
		meet(&duel->there, &duel->here);
		dither(&seed);
		duel->signal = duel->publish(duel);
		meet(&duel->there, &duel->here);
	}
	return NULL;
}

static void run(struct duel *duel)
{
	static const struct fido_ring_geom geom = { 1, 64, 1 };
	pthread_t thread;
	u64 seed = 17;
	unsigned long i;
	bool ready;

	duel->count = env_number("COUNT", 300000) * (duel->times ?: 1);
	pair_init(&duel->pair, &geom, PAIR_READ_ONLY);
	pair_start_at(&duel->pair, 0xffff0000);
	assert_false(pthread_create(&thread, NULL, publisher, duel));
	for (i = 0; i < duel->count; i++) {
		duel->prepare(duel);
		meet(&duel->here, &duel->there);
		dither(&seed);
		ready = duel->arm(duel);
		meet(&duel->here, &duel->there);
		duel->lost += !ready && !duel->signal;
		duel->told += duel->signal;
		duel->armed += ready;
	}
	pthread_join(thread, NULL);
	/* on a busy machine it is always the same one that comes first */
	print_message("# %lu told, %lu armed\n", duel->told, duel->armed);
	assert_int_equal(duel->lost, 0);
	assert_false(fido_ring_is_broken(&duel->pair.a.ring));
	assert_false(fido_ring_is_broken(&duel->pair.b.ring));
	pair_free(&duel->pair);
}

static char cookie;

/* Side A sends one message with an id, side B takes it out. */
static void send_one(struct duel *duel)
{
	struct fido_ring *a = &duel->pair.a.ring;

	fido_ring_slot(a);
	fido_ring_push(a, 0, fido_ring_take_id(a), &cookie);
}

static void take_one(struct duel *duel)
{
	struct fido_ring *b = &duel->pair.b.ring;
	char buf[64];
	u32 id;

	if (fido_ring_pull(b, buf, sizeof(buf), &id) >= 0)
		fido_ring_release(b, id);
}

/* the rest of a round: all that was sent comes back */
static void finish(struct duel *duel)
{
	take_one(duel);
	fido_ring_done(&duel->pair.b.ring);
	fido_ring_release_publish(&duel->pair.b.ring);
	fido_ring_reap(&duel->pair.a.ring);
}

static void prepare_message(struct duel *duel)
{
	finish(duel);
	send_one(duel);
}

static bool publish_message(struct duel *duel)
{
	return fido_ring_publish(&duel->pair.a.ring);
}

static bool arm_message(struct duel *duel)
{
	return fido_ring_arm(&duel->pair.b.ring, 1);
}

static void test_messages(void **state)
{
	static struct duel duel = {
		.prepare = prepare_message,
		.publish = publish_message,
		.arm = arm_message,
	};

	run(&duel);
}

static void prepare_watched(struct duel *duel)
{
	prepare_message(duel);
	assert_false(fido_ring_arm(&duel->pair.b.ring, 1));
	assert_true(fido_ring_watch(&duel->pair.b.ring, 1));
}

/* the line with the threshold is shared, so that writing it takes its time */
static bool publish_watched(struct duel *duel)
{
	READ_ONCE(duel->pair.b.ring.mine->prod_event);
	return publish_message(duel);
}

static bool unwatch(struct duel *duel)
{
	duel->tell = fido_ring_unwatch(&duel->pair.b.ring, 1);
	return duel->tell;
}

/* The watcher stops at the instant when a message comes. */
static void test_watched(void **state)
{
	static struct duel duel = {
		.prepare = prepare_watched,
		.publish = publish_watched,
		.arm = unwatch,
		.times = 8,
	};

	run(&duel);
}

/*
 * The round before has left the ring empty, and rx or the watcher has armed it:
 * the message that comes now must be signalled. Then rx is to be overtaken.
 */
static void prepare_moving(struct duel *duel)
{
	struct fido_ring *a = &duel->pair.a.ring, *b = &duel->pair.b.ring;

	fido_ring_release_publish(b);
	fido_ring_reap(a);
	if (duel->tell)
		fido_ring_arm(b, 1);	/* what rx does when it is told */
	send_one(duel);
	duel->missed += !fido_ring_publish(a) && duel->rounds;
	duel->rounds++;
	take_one(duel);
	fido_ring_done(b);
	fido_ring_release_publish(b);
	fido_ring_reap(a);

	assert_false(fido_ring_arm(b, 1));
	assert_true(fido_ring_watch(b, 1));
	send_one(duel);
	fido_ring_publish(a);
	take_one(duel);
}

/* rx on another CPU: is done with the message, and arms for the next one */
static bool rx_moves(struct duel *duel)
{
	struct fido_chan_ctl *mine = duel->pair.b.ring.mine;

	/* the line is here, so that the watcher's writing takes its time */
	WRITE_ONCE(mine->cons, mine->cons);
	fido_ring_done(&duel->pair.b.ring);
	fido_ring_arm(&duel->pair.b.ring, 1);
	return true;
}

/* The watcher stops at the instant when rx, elsewhere, moves on and arms. */
static void test_moving(void **state)
{
	static struct duel duel = {
		.prepare = prepare_moving,
		.publish = rx_moves,
		.arm = unwatch,
		.times = 8,
	};

	run(&duel);
	assert_int_equal(duel.missed, 0);
}

static void prepare_space(struct duel *duel)
{
	finish(duel);
	send_one(duel);
	fido_ring_publish(&duel->pair.a.ring);
	take_one(duel);
}

static bool publish_space(struct duel *duel)
{
	return fido_ring_done(&duel->pair.b.ring);
}

static bool arm_space(struct duel *duel)
{
	return fido_ring_arm_space(&duel->pair.a.ring, 1);
}

static void test_space(void **state)
{
	static struct duel duel = {
		.prepare = prepare_space,
		.publish = publish_space,
		.arm = arm_space,
	};

	run(&duel);
}

static void prepare_release(struct duel *duel)
{
	prepare_space(duel);
	fido_ring_done(&duel->pair.b.ring);
}

static bool publish_release(struct duel *duel)
{
	return fido_ring_release_publish(&duel->pair.b.ring);
}

static bool arm_release(struct duel *duel)
{
	return fido_ring_arm_release(&duel->pair.a.ring, 1);
}

static void test_releases(void **state)
{
	static struct duel duel = {
		.prepare = prepare_release,
		.publish = publish_release,
		.arm = arm_release,
	};

	run(&duel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_watched),
		cmocka_unit_test(test_moving),
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_releases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
