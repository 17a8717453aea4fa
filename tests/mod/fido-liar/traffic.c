// SPDX-License-Identifier: GPL-2.0
/*
 * What an honest peer does, as far as it is needed to be taken for one: take
 * messages and releases, give ids back, answer requests.
 */
#include "liar.h"

/* Messages of one run of the work, for others' sake */
#define TRAFFIC_BUDGET	256

static void traffic_release(struct liar *liar, u32 id)
{
	if (id == FIDO_ID_NONE)
		return;
	fido_rx_release(liar->chan, id);
	if (liar->twice)
		fido_rx_release(liar->chan, id);
	liar->twice = false;
}

static void traffic_handle(struct liar *liar, const void *msg)
{
	const struct mmblk_request *r = msg;
	const struct mmblk_done *done = msg;

	if (liar->role == LIAR_SERVER && liar->nr_requests < MMBLK_DEPTH)
		liar->request[liar->nr_requests++] = (struct liar_request) {
			.op = r->op,
			.tag = r->tag,
			.bytes = r->bytes,
		};
	if (liar->role == LIAR_CLIENT && done->kind == MMBLK_KIND_DONE) {
		liar->answers++;
		liar->status = done->status;
	}
}

static bool traffic_receive(struct liar *liar)
{
	u8 msg[MMBLK_MSG_SIZE] __aligned(8);
	unsigned int n;
	u32 id;

	for (n = 0; n < TRAFFIC_BUDGET; n++) {
		if (fido_rx_pull(liar->chan, msg, sizeof(msg), &id) < 0)
			break;
		liar->received++;
		traffic_handle(liar, msg);
		traffic_release(liar, id);
	}
	fido_rx_done(liar->chan);
	fido_rx_release_publish(liar->chan);
	return n;
}

static bool traffic_reap(struct liar *liar)
{
	struct fido_pages *pages;
	bool any = false;

	while ((pages = fido_tx_reap(liar->chan))) {
		fido_pages_free(pages);
		any = true;
	}
	return any;
}

static bool traffic_send(struct liar *liar, const char *kind)
{
	if (liar_draft(liar, kind))
		return false;
	fido_tx_publish(liar->chan);
	return true;
}

static bool traffic_answer(struct liar *liar)
{
	bool any = false;

	if (liar->role != LIAR_SERVER || liar->hold)
		return false;
	if (liar->config_due && traffic_send(liar, "config")) {
		liar->config_due = false;
		any = true;
	}
	while (liar->nr_requests && traffic_send(liar, "done"))
		any = true;
	return any;
}

/* Returns true if something moved. */
static bool traffic_run(struct liar *liar)
{
	bool moved, any = false;
	unsigned int budget = 8;

	do {
		moved = traffic_reap(liar);
		moved |= traffic_receive(liar);
		moved |= traffic_answer(liar);
		any |= moved;
	} while (moved && --budget);
	if (!fido_chan_broken(liar->chan) && fido_rx_arm(liar->chan, 1))
		mod_delayed_work(system_wq, &liar->work, 1);
	return any;
}

/**
 * liar_work_fn - do all that an event can mean
 * @work: of the service
 */
void liar_work_fn(struct work_struct *work)
{
	struct liar *liar = container_of(to_delayed_work(work), struct liar,
					 work);
	bool any = true;

	mutex_lock(&liar->lock);
	if (liar->up && !liar->stall)
		any = traffic_run(liar);
	if (liar->up)
		fido_chan_ack(liar->chan, !any);
	mutex_unlock(&liar->lock);
}
