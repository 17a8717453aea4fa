// SPDX-License-Identifier: GPL-2.0
/*
 * Honest sides in threads: tx and reap of one, rx of the other, in one
 * direction or in both at once.
 *
 * Each context sleeps by the book - arm, look again, wait for the bell that
 * its peer rings if it was asked to - and each kind of signal has a bell of
 * its own, so that no signal helps out for a lost one. A wait that is not
 * ended in LIMIT seconds is a lost wake-up.
 *
 * Messages point to buffers in the producer's memory. Those are written before
 * a message is sent, read by the consumer until it releases them, and written
 * again: under ThreadSanitizer each missing order is a data race.
 *
 * Who waits for more than one of something must know that the other side goes
 * on without it. A consumer that waits for four messages while the producer
 * waits for an empty ring is a deadlock by design; so here either one or the
 * other is patient.
 *
 * Environment: COUNT messages a test, LIMIT seconds, FAIL_FAST to end with the
 * first failure.
 */
#include <pthread.h>

#include "test.h"
#include "bell.h"
#include "pair.h"

#define BUFFER_WORDS 8
#define MAX_HELD 64U

struct message {
	u64 seq;
	const u64 *buffer;
};

struct buffer {
	u64 word[BUFFER_WORDS];
};

/* One direction: its contexts, and the bells that wake them. */
struct flow {
	struct fido_ring *from;
	struct fido_ring *to;
	struct bell messages;
	struct bell space;
	struct bell releases;
	/* within a side: reap has freed ids */
	struct bell ids;
	struct buffer *buffer;
	unsigned long count;
	/* the last message is in flight, or no longer */
	bool last_sent;
	/* who waits for more than one: the consumer, or the producer */
	bool patient_rx;
	u64 seed;
	const char *failed;
};

static unsigned int limit;

static void fail_flow(struct flow *flow, const char *why)
{
	const char *none = NULL;

	__atomic_compare_exchange_n(&flow->failed, &none, why, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static bool failed(struct flow *flow)
{
	return __atomic_load_n(&flow->failed, __ATOMIC_RELAXED);
}

static bool waited(struct flow *flow, struct bell *bell, u32 seen,
		   const char *what)
{
	if (failed(flow))
		return false;
	if (!bell_wait(bell, seen, limit))
		fail_flow(flow, what);
	return !failed(flow);
}

static void pause_sometimes(u64 *seed)
{
	u32 dice = rnd(seed) & 0xff;
	u32 i;

	if (dice == 0)
		sched_yield();
	else if (dice < 16)
		for (i = 0; i < dice * 8; i++)
			barrier();
}

static void publish(struct flow *flow)
{
	if (fido_ring_publish(flow->from))
		bell_ring(&flow->messages);
}

static bool wait_space(struct flow *flow, u64 *seed)
{
	u32 limit_nr = flow->patient_rx ? 1 : flow->from->geom.nr_slots;
	u32 nr = 1 + rnd_below(seed, limit_nr);
	u32 seen = bell_seen(&flow->space);

	publish(flow);
	if (fido_ring_arm_space(flow->from, nr))
		return true;
	return waited(flow, &flow->space, seen, "lost wake-up: space");
}

static u32 wait_id(struct flow *flow)
{
	u32 seen, id;

	while (true) {
		seen = bell_seen(&flow->ids);
		id = fido_ring_take_id(flow->from);
		if (id != FIDO_ID_NONE)
			return id;
		publish(flow);
		if (!waited(flow, &flow->ids, seen, "lost wake-up: ids"))
			return FIDO_ID_NONE;
	}
}

static void *tx_thread(void *data)
{
	struct flow *flow = data;
	struct fido_ring *ring = flow->from;
	struct message message;
	u64 seed = flow->seed;
	unsigned long seq;
	void *slot;
	u32 id, i;

	for (seq = 0; seq < flow->count; seq++) {
		while (!(slot = fido_ring_slot(ring)))
			if (!wait_space(flow, &seed))
				return NULL;
		message.seq = seq;
		message.buffer = NULL;
		id = FIDO_ID_NONE;
		/* the last one carries an id, so that reap sees an end */
		if (rnd_below(&seed, 8) || seq == flow->count - 1) {
			id = wait_id(flow);
			if (id == FIDO_ID_NONE)
				return NULL;
			message.buffer = flow->buffer[id].word;
			for (i = 0; i < BUFFER_WORDS; i++)
				flow->buffer[id].word[i] = seq + i;
		}
		memcpy(slot, &message, sizeof(message));
		fido_ring_push(ring, sizeof(message), id,
			       id == FIDO_ID_NONE ? NULL : &flow->buffer[id]);
		if (!rnd_below(&seed, 3) && seq != flow->count - 1)
			publish(flow);
		pause_sometimes(&seed);
	}
	/* before it is published, so that its release finds this set */
	__atomic_store_n(&flow->last_sent, true, __ATOMIC_RELEASE);
	publish(flow);
	return NULL;
}

static void *reap_thread(void *data)
{
	struct flow *flow = data;
	struct fido_ring *ring = flow->from;
	u64 seed = flow->seed + 1;
	u32 seen, nr;

	while (true) {
		seen = bell_seen(&flow->releases);
		nr = 0;
		while (fido_ring_reap(ring))
			nr++;
		if (nr)
			bell_ring(&flow->ids);
		pause_sometimes(&seed);
		if (__atomic_load_n(&flow->last_sent, __ATOMIC_ACQUIRE) &&
		    !fido_ring_in_flight(ring))
			return NULL;
		/* as many as are in flight will come, be it at the end */
		nr = flow->patient_rx ? 1 : fido_ring_in_flight(ring);
		nr = 1 + (nr ? rnd_below(&seed, min(nr, 4U)) : 0);
		if (fido_ring_arm_release(ring, nr))
			continue;
		if (!waited(flow, &flow->releases, seen,
			    "lost wake-up: releases"))
			return NULL;
	}
}

struct held {
	u32 id;
	u64 seq;
	const u64 *buffer;
};

static void release(struct flow *flow, struct held *held)
{
	u32 i;

	for (i = 0; i < BUFFER_WORDS; i++)
		if (held->buffer[i] != held->seq + i)
			fail_flow(flow, "buffer changed while it was held");
	fido_ring_release(flow->to, held->id);
}

static void release_publish(struct flow *flow)
{
	if (fido_ring_release_publish(flow->to))
		bell_ring(&flow->releases);
}

static void done(struct flow *flow)
{
	if (fido_ring_done(flow->to))
		bell_ring(&flow->space);
}

static void release_all(struct flow *flow, struct held *held, u32 *nr)
{
	while (*nr)
		release(flow, &held[--*nr]);
	release_publish(flow);
}

static bool sleep_rx(struct flow *flow, u32 seen, u64 left, u64 *seed)
{
	const struct fido_ring_geom *geom = &flow->to->geom;
	u32 nr = 1;

	if (flow->patient_rx)
		nr += rnd_below(seed, min(geom->nr_slots, geom->nr_ids));
	if (fido_ring_arm(flow->to, min_t(u64, nr, left)))
		return true;
	return waited(flow, &flow->messages, seen, "lost wake-up: messages");
}

static void take(struct flow *flow, const struct message *message, u32 id,
		 struct held *held, u32 *nr, u64 *seed)
{
	u32 i;

	if (id == FIDO_ID_NONE)
		return;
	held[(*nr)++] = (struct held){ id, message->seq, message->buffer };
	if (*nr < MAX_HELD && rnd_below(seed, 4))
		return;
	/* any of those that are held, in any order */
	do {
		i = rnd_below(seed, *nr);
		release(flow, &held[i]);
		held[i] = held[--*nr];
	} while (*nr && rnd_below(seed, 3));
	if (rnd_below(seed, 2))
		release_publish(flow);
}

static void *rx_thread(void *data)
{
	struct flow *flow = data;
	struct held held[MAX_HELD];
	struct message message;
	u64 seed = flow->seed + 2;
	u64 next = 0;
	u32 nr = 0, seen, id;
	int len;

	while (next < flow->count) {
		seen = bell_seen(&flow->messages);
		len = fido_ring_pull(flow->to, &message, sizeof(message), &id);
		if (len == FIDO_RING_EMPTY) {
			done(flow);
			release_all(flow, held, &nr);
			if (!sleep_rx(flow, seen, flow->count - next, &seed))
				return NULL;
			continue;
		}
		if (len != sizeof(message) || message.seq != next) {
			fail_flow(flow, "not the message that was expected");
			return NULL;
		}
		next++;
		take(flow, &message, id, held, &nr, &seed);
		if (!rnd_below(&seed, 3))
			done(flow);
		pause_sometimes(&seed);
	}
	done(flow);
	release_all(flow, held, &nr);
	return NULL;
}

static void flow_init(struct flow *flow, struct side *from, struct side *to,
		      u64 seed)
{
	memset(flow, 0, sizeof(*flow));
	flow->from = &from->ring;
	flow->to = &to->ring;
	flow->seed = seed;
	flow->count = env_number("COUNT", 300000);
	flow->buffer = calloc(from->ring.geom.nr_ids, sizeof(struct buffer));
	assert_non_null(flow->buffer);
}

static void flow_start(struct flow *flow, pthread_t *thread)
{
	assert_false(pthread_create(&thread[0], NULL, rx_thread, flow));
	assert_false(pthread_create(&thread[1], NULL, reap_thread, flow));
	assert_false(pthread_create(&thread[2], NULL, tx_thread, flow));
}

static void flow_check(struct flow *flow)
{
	if (flow->failed && getenv("FAIL_FAST"))
		exit(1);
	if (flow->failed)
		fail_msg("%s (prod %x cons %x rel %x)", flow->failed,
			 flow->from->prod, flow->to->cons, flow->to->rel_prod);
	assert_false(fido_ring_is_broken(flow->from));
	assert_false(fido_ring_is_broken(flow->to));
	assert_int_equal(flow->from->prod, flow->to->cons);
	/* a test without sleeps would prove nothing about waking up */
	assert_true(flow->messages.waits + flow->space.waits >
		    flow->count / 3000);
	free(flow->buffer);
}

static void run(const struct fido_ring_geom *geom, u32 start, unsigned int nr,
		bool patient_rx)
{
	struct flow flow[2];
	pthread_t thread[6];
	struct pair pair;
	unsigned int i;

#ifdef __SANITIZE_THREAD__
	pair_init(&pair, geom, PAIR_SAME);
#else
	pair_init(&pair, geom, PAIR_READ_ONLY);
#endif
	pair_start_at(&pair, start);
	flow_init(&flow[0], &pair.a, &pair.b, 11);
	flow_init(&flow[1], &pair.b, &pair.a, 23);
	flow[0].patient_rx = patient_rx;
	flow[1].patient_rx = patient_rx;
	for (i = 0; i < nr; i++)
		flow_start(&flow[i], &thread[3 * i]);
	for (i = 0; i < 3 * nr; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < nr; i++)
		flow_check(&flow[i]);
	if (nr == 1)
		free(flow[1].buffer);
	pair_free(&pair);
}

static void test_tiny(void **state)
{
	run(&(struct fido_ring_geom){ 1, 64, 1 }, 0, 1, false);
}

static void test_small(void **state)
{
	run(&(struct fido_ring_geom){ 4, 64, 8 }, 0xffff0000, 1, false);
}

static void test_few_ids(void **state)
{
	run(&(struct fido_ring_geom){ 64, 64, 4 }, 0x7fff0000, 1, false);
}

static void test_large(void **state)
{
	run(&(struct fido_ring_geom){ 1024, 128, 4096 }, 0xfffffff0, 1, false);
}

static void test_patient_consumer(void **state)
{
	run(&(struct fido_ring_geom){ 8, 64, 8 }, 0xffff0000, 1, true);
}

static void test_both_ways(void **state)
{
	run(&(struct fido_ring_geom){ 8, 64, 8 }, 0xffffff00, 2, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_few_ids),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_patient_consumer),
		cmocka_unit_test(test_both_ways),
	};

	limit = env_number("LIMIT", 20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
