// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving and reaping: the work that an event starts.
 */
#include <linux/sched.h>

#include "fido_test.h"

/* Passes of one run of the work, for others' sake */
#define TEST_BUDGET	32

static int rx_report(struct test_service *svc, const struct test_msg *msg)
{
	struct test_msg report = {
		.kind = TEST_REPORT,
		.seq = msg->seq,
	};

	memcpy(report.value, svc->count.value, sizeof(report.value));
	return test_send(svc, &report, NULL);
}

static int rx_flush(struct test_service *svc, const struct test_msg *msg)
{
	test_release(svc, 0);
	fido_rx_release_publish(svc->chan);
	return rx_report(svc, msg);
}

static int rx_pong(struct test_service *svc, const struct test_msg *msg)
{
	struct test_msg pong = {
		.kind = TEST_PONG,
		.seq = msg->seq,
	};

	return test_send(svc, &pong, NULL);
}

static void rx_start(struct test_service *svc)
{
	memset(svc->count.value, 0, sizeof(svc->count.value));
	svc->expected = 0;
}

static int rx_data(struct test_service *svc, const struct test_msg *msg,
		   u32 id)
{
	svc->count.messages++;
	svc->count.value[TEST_MESSAGES]++;
	if (msg->seq != svc->expected) {
		svc->count.value[TEST_ERRORS]++;
		svc->count.errors++;
	}
	svc->expected = msg->seq + 1;
	return test_hold(svc, msg, id);
}

static int rx_handle(struct test_service *svc, struct test_msg *msg, u32 id)
{
	if (svc->forward[0])
		return test_forward(svc, msg, id);

	switch (msg->kind) {
	case TEST_PING:
		return rx_pong(svc, msg);
	case TEST_PONG:
		WRITE_ONCE(svc->pong, msg->seq);
		return 0;
	case TEST_START:
		rx_start(svc);
		return 0;
	case TEST_DATA:
		return rx_data(svc, msg, id);
	case TEST_FLUSH:
		return rx_flush(svc, msg);
	case TEST_REPORT:
		memcpy(svc->report.value, msg->value, sizeof(msg->value));
		/* the values before the number that somebody waits for */
		smp_store_release(&svc->report.seq, msg->seq);
		return 0;
	}
	return 0;
}

/* Keeps the message for later where an answer has no room. */
static void rx_deliver(struct test_service *svc)
{
	int err = rx_handle(svc, &svc->stash, svc->stash_id);

	svc->stashed = err == -EAGAIN;
	if (!err || svc->stashed)
		return;
	if (err == -EFAULT)
		fido_chan_break(svc->chan, "test: no such memory");
	svc->count.unreadable += svc->stash.kind == TEST_DATA;
	if (svc->stash_id != FIDO_ID_NONE)
		fido_rx_release(svc->chan, svc->stash_id);
}

static bool rx_pull(struct test_service *svc)
{
	const char *why;
	int len;

	len = fido_rx_pull(svc->chan, &svc->stash, sizeof(svc->stash),
			   &svc->stash_id);
	if (len < 0)
		return false;
	why = test_msg_check(&svc->stash, len, svc->stash_id);
	if (why)
		fido_chan_break(svc->chan, why);
	return !why;
}

/* Returns true if something moved. */
static bool rx_receive(struct test_service *svc)
{
	bool any = false;

	if (svc->stashed) {
		rx_deliver(svc);
		if (svc->stashed)
			return false;
		any = true;
	}
	while (rx_pull(svc)) {
		any = true;
		rx_deliver(svc);
		if (svc->stashed)
			break;
	}
	fido_rx_done(svc->chan);
	return any;
}

static bool rx_reap(struct test_service *svc)
{
	struct fido_pages *pages;
	bool any = false;

	while ((pages = fido_tx_reap(svc->chan))) {
		fido_pages_free(pages);
		any = true;
	}
	return any;
}

/* Returns true if there is something to do already. */
static bool rx_arm(struct test_service *svc)
{
	bool more = fido_tx_arm_release(svc->chan, 1);

	if (!svc->stashed)
		more |= fido_rx_arm(svc->chan, 1);
	return more && !fido_chan_broken(svc->chan);
}

/* Returns true if something moved. */
static bool rx_work(struct test_service *svc)
{
	unsigned int budget = TEST_BUDGET;
	bool moved, any = xchg(&svc->space_armed, 0);

	do {
		moved = rx_reap(svc);
		moved |= rx_receive(svc);
		moved |= test_release(svc, READ_ONCE(svc->hold));
		fido_rx_release_publish(svc->chan);
		any |= moved;
		cond_resched();
	} while ((moved || rx_arm(svc)) && --budget);
	fido_chan_ack(svc->chan, !any);

	/* what another service is asked for has no event here: look again */
	if (!budget)
		mod_delayed_work(test_wq, &svc->work, 0);
	else if (svc->stashed || test_lent(svc))
		mod_delayed_work(test_wq, &svc->work, 1);
	return any;
}

/**
 * test_work_fn - do all that an event can mean
 * @work: of a service
 */
void test_work_fn(struct work_struct *work)
{
	struct test_service *svc = container_of(to_delayed_work(work),
						struct test_service, work);
	bool any = false;

	mutex_lock(&svc->rx_lock);
	if (svc->up)
		any = rx_work(svc);
	mutex_unlock(&svc->rx_lock);

	/* even if nothing moved here: it may have been the event for space */
	WRITE_ONCE(svc->kicks, svc->kicks + 1);
	wake_up_all(&svc->wait);
	if (any)
		test_kick_others(svc);
}
