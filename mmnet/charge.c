// SPDX-License-Identifier: GPL-2.0
/*
 * Charges: what a TCP socket has sent stays on its account until the peer has
 * pulled it from the ring.
 *
 * That is what the completion of a network card is to TCP: it tells how much
 * is on its way below the socket. While there is something, small writes are
 * gathered into large frames (autocorking), and no socket fills the ring
 * alone (small queues). Without it each write becomes a frame.
 *
 * Until the peer has *released* it would be too long: that waits for the
 * reader, who has the socket's window for that.
 *
 * The peer does not signal what it pulls. Its acknowledgements do, mostly, and
 * a timer does in their place. Frames of other protocols are taken off the
 * account when they are sent: nothing would come back for them.
 */
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "mmnet.h"

/*
 * TCP's limit is what it sends in 2^-10 s, which is shorter than a peer may
 * sleep in bulk. Make it four milliseconds.
 */
#define PACING_SHIFT	8

/**
 * mmnet_charge_wanted - shall a frame stay on its socket's account?
 * @skb: frame that is about to be sent
 *
 * Context: under the lock of the tx queue.
 * Return: true if so.
 */
bool mmnet_charge_wanted(const struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	if (!sk || !skb->destructor || !sk_fullsock(sk) || !sk_is_tcp(sk))
		return false;
	sk_pacing_shift_update(sk, PACING_SHIFT);
	return true;
}

static void charges_settle(struct mmnet_charges *c, u32 left)
{
	struct sk_buff *skb;

	while (c->head - c->tail > left) {
		skb = c->skb[c->tail % MMNET_NR_SLOTS];
		WRITE_ONCE(c->tail, c->tail + 1);
		if (!skb)
			continue;
		skb_orphan(skb);
		dev_consume_skb_any(skb);
	}
}

/**
 * mmnet_charge_add - a message was pushed
 * @q: queue
 * @skb: a reference to its frame if it stays on the account, or NULL
 *
 * Each message has an entry, as they are counted.
 *
 * Context: under the lock of the tx queue.
 */
void mmnet_charge_add(struct mmnet_queue *q, struct sk_buff *skb)
{
	struct mmnet_charges *c = &q->charges;

	/* there was a slot for it, so one of those before was pulled */
	if (c->head - c->tail == MMNET_NR_SLOTS)
		charges_settle(c, fido_tx_unread(q->chan) - 1);
	c->skb[c->head % MMNET_NR_SLOTS] = skb;
	WRITE_ONCE(c->head, c->head + 1);
	if (skb)
		mmnet_moder_soon(&q->moder);
}

/**
 * mmnet_charges_poll - take off the account what the peer has pulled
 * @q: queue
 *
 * If the lock is taken somebody is sending, and what is in flight has the queue
 * polled again.
 *
 * Context: the poll.
 */
void mmnet_charges_poll(struct mmnet_queue *q)
{
	struct netdev_queue *txq = mmnet_txq(q);
	struct mmnet_charges *c = &q->charges;

	if (READ_ONCE(c->head) == READ_ONCE(c->tail) ||
	    !__netif_tx_trylock(txq))
		return;
	charges_settle(c, fido_tx_unread(q->chan));
	__netif_tx_unlock(txq);
}

/**
 * mmnet_charges_forget - the link is gone: nothing is on its way any more
 * @q: queue that is down
 *
 * Context: process, nobody sends.
 */
void mmnet_charges_forget(struct mmnet_queue *q)
{
	charges_settle(&q->charges, 0);
}
