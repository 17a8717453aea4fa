// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: one message, with or without memory.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "fido_test.h"

/* Names all pieces for the peer; what continues a segment makes it longer. */
static int tx_name(struct fido_chan *chan, struct test_msg *msg,
		   struct test_data *data)
{
	struct test_piece *piece;
	struct fido_seg *last;
	int err;

	msg->nr_segs = 0;
	for (piece = data->piece; piece < data->piece + data->nr; piece++) {
		err = fido_addr_of(chan, piece->page, piece->offset,
				   piece->len, &piece->addr);
		if (err)
			return err;
		last = msg->nr_segs ? &msg->seg[msg->nr_segs - 1] : NULL;
		if (last && last->addr + last->len == piece->addr) {
			last->len += piece->len;
			continue;
		}
		if (msg->nr_segs == TEST_MAX_SEGS)
			return -E2BIG;
		msg->seg[msg->nr_segs++] = (struct fido_seg){
			.addr = piece->addr,
			.len = piece->len,
		};
	}
	return 0;
}

static void *tx_slot(struct test_service *svc)
{
	void *slot = fido_tx_slot(svc->chan);

	if (slot)
		return slot;
	WRITE_ONCE(svc->space_armed, 1);
	/* looking again, as no event comes for what is free already */
	if (fido_tx_arm_space(svc->chan, 1))
		slot = fido_tx_slot(svc->chan);
	return slot;
}

static int tx_push(struct test_service *svc, struct test_msg *msg,
		   struct test_data *data)
{
	struct fido_chan *chan = svc->chan;
	u32 id = FIDO_ID_NONE;
	int err;
	void *slot;

	if (data) {
		err = tx_name(chan, msg, data);
		if (err)
			return err;
	}
	slot = tx_slot(svc);
	if (!slot)
		return fido_chan_broken(chan) ? -EPROTO : -EAGAIN;
	if (data) {
		id = fido_tx_id(chan);
		if (id == FIDO_ID_NONE)
			return -EAGAIN;
	}
	memcpy(slot, msg, test_msg_len(msg));
	fido_tx_push(chan, test_msg_len(msg), id, data ? data->pages : NULL);
	fido_tx_publish(chan);
	return 0;
}

/**
 * test_send - send a message, if there is room
 * @svc: service
 * @msg: message; segments are entered here
 * @data: memory, or NULL
 *
 * Return: 0; -EAGAIN if a slot or an id is missing: @svc->kicks will change;
 * -ENOLINK if the service is down; -EPROTO if it is broken; or an error of
 * fido_addr_of().
 */
int test_send(struct test_service *svc, struct test_msg *msg,
	      struct test_data *data)
{
	int err = -ENOLINK;

	mutex_lock(&svc->tx_lock);
	if (svc->up)
		err = tx_push(svc, msg, data);
	mutex_unlock(&svc->tx_lock);
	return err;
}

static bool tx_moved(struct test_service *svc, u32 kicks)
{
	return READ_ONCE(svc->kicks) != kicks || !READ_ONCE(svc->up);
}

/**
 * test_wait_kick - wait for the worker
 * @svc: service
 * @kicks: value of @svc->kicks before the caller looked in vain
 *
 * Ends by the worker after an event, or by ->down().
 *
 * Return: 0, -ETIMEDOUT or -ERESTARTSYS.
 */
int test_wait_kick(struct test_service *svc, u32 kicks)
{
	long left;

	left = wait_event_interruptible_timeout(svc->wait,
						tx_moved(svc, kicks),
						TEST_PATIENCE);
	if (left < 0)
		return left;
	return left ? 0 : -ETIMEDOUT;
}

/**
 * test_send_wait - send a message, wait for room
 * @svc: service
 * @msg: message
 * @data: memory, or NULL
 *
 * Return: as test_send() and test_wait_kick().
 */
int test_send_wait(struct test_service *svc, struct test_msg *msg,
		   struct test_data *data)
{
	u32 kicks;
	int err;

	do {
		kicks = READ_ONCE(svc->kicks);
		err = test_send(svc, msg, data);
		if (err != -EAGAIN)
			return err;
		err = test_wait_kick(svc, kicks);
	} while (!err);
	return err;
}

/**
 * test_in_flight - how much has the peer not given back?
 * @svc: service
 *
 * Return: number of messages, zero if the service is down.
 */
u32 test_in_flight(struct test_service *svc)
{
	u32 nr = 0;

	mutex_lock(&svc->tx_lock);
	if (svc->up)
		nr = fido_tx_in_flight(svc->chan);
	mutex_unlock(&svc->tx_lock);
	return nr;
}
