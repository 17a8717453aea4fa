// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit: an skb becomes a message. Its headers are copied into the slot,
 * the rest is named for the peer, and the skb is held until the peer is done.
 *
 * The queue is stopped when there is no slot or no id left. The poll starts it
 * again: it is scheduled whenever the queue is stopped, looks at the ring
 * after that, and asks for an event if there still is no room.
 *
 * There are no byte queue limits. They shorten a queue whose drain rate they
 * learn from completions; here a completion says that a process of another
 * machine has read its data, whenever it liked to.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/dst.h>
#include <net/tcp.h>

#include "mmnet.h"
#include "wire.h"

/* What is left for the frame in a message with all its segments... */
#define MAX_HEAD	(MMNET_MSG_SIZE - sizeof(struct mmnet_msg) - \
			 MMNET_MAX_SEGS * sizeof(struct fido_seg))
/* ...in one without any */
#define MAX_INLINE	(MMNET_MSG_SIZE - sizeof(struct mmnet_msg))
/* Of a longer linear part: Ethernet, VLAN, IPv6 and TCP with all its options */
#define TYPICAL_HEAD	128

/* The queue starts again with so much room: a share of its slots, some ids */
#define WAKE_SHARE	4
#define WAKE_IDS	(MMNET_NR_IDS / 8)

/* Taking back begins with so many in flight, so many at a time */
#define REAP_EARLY	64
#define REAP_BATCH	16
#define REAP_MAX	(8 * REAP_BATCH)

/* Taking back */

static unsigned int tx_claim(struct mmnet_queue *q, struct sk_buff **skb)
{
	unsigned int nr = 0;

	if (!spin_trylock(&q->reap_lock))
		return 0;	/* another CPU is at it */
	while (nr < REAP_BATCH) {
		skb[nr] = fido_tx_reap(q->chan);
		if (!skb[nr])
			break;
		nr++;
	}
	spin_unlock(&q->reap_lock);
	return nr;
}

static unsigned int tx_reap(struct mmnet_queue *q, int budget)
{
	struct sk_buff *skb[REAP_BATCH];
	unsigned int i, nr = tx_claim(q, skb);

	for (i = 0; i < nr; i++)
		napi_consume_skb(skb[i], budget);
	return nr;
}

/* An event for a release that is reaped here was not without reason. */
static void tx_reap_early(struct mmnet_queue *q)
{
	if (fido_tx_in_flight(q->chan) >= REAP_EARLY && tx_reap(q, 0) &&
	    !test_bit(MMNET_QUEUE_WORKED, &q->flags))
		set_bit(MMNET_QUEUE_WORKED, &q->flags);
}

/* Stopping and starting */

static u32 tx_free_ids(const struct mmnet_queue *q)
{
	return MMNET_NR_IDS - fido_tx_in_flight(q->chan);
}

/* No event tells that ethtool has made room: the timer looks at what stopped. */
static bool tx_full(const struct mmnet_queue *q)
{
	return fido_tx_room(q->chan) <= READ_ONCE(q->tx_spare) ||
	       !tx_free_ids(q);
}

/*
 * The order keeps the wake-up from getting lost: stopped first, then the poll
 * is scheduled, which looks for room. If it is just running, it runs again.
 */
static void tx_stop(struct mmnet_queue *q)
{
	netif_tx_stop_queue(mmnet_txq(q));
	fido_tx_publish(q->chan);
	mmnet_tx_count(q, MMNET_TX_STOPPED, 1);
	napi_schedule(&q->napi);
}

/* Are enough ids free? If not, ask for an event, or say that more are there. */
static bool tx_enough_ids(struct mmnet_queue *q, bool *again)
{
	u32 nr = tx_free_ids(q);

	if (nr >= WAKE_IDS)
		return true;
	if (!spin_trylock(&q->reap_lock)) {
		*again = true;
		return false;
	}
	if (fido_tx_arm_release(q->chan, WAKE_IDS - nr))
		*again = true;
	spin_unlock(&q->reap_lock);
	return false;
}

static bool tx_enough_slots(struct mmnet_queue *q)
{
	u32 spare = READ_ONCE(q->tx_spare);
	u32 nr = spare + (MMNET_NR_SLOTS - spare) / WAKE_SHARE;

	return fido_tx_room(q->chan) >= nr || fido_tx_arm_space(q->chan, nr);
}

/* Start a stopped queue if there is room. Return: true if to be called again */
static bool tx_wake(struct mmnet_queue *q)
{
	struct netdev_queue *txq = mmnet_txq(q);
	bool again = false;

	if (likely(!netif_tx_queue_stopped(txq)))
		return false;
	if (!__netif_tx_trylock(txq))
		return true;
	/* a closed interface stays stopped: ndo_stop takes this lock, too */
	if (netif_running(q->dev) && tx_enough_ids(q, &again) &&
	    tx_enough_slots(q)) {
		netif_tx_wake_queue(txq);
		/* this is what the event was for */
		set_bit(MMNET_QUEUE_WORKED, &q->flags);
		mmnet_tx_count(q, MMNET_TX_WOKEN, 1);
	}
	__netif_tx_unlock(txq);
	return again;
}

/**
 * mmnet_tx_poll - take back what the peer has released, start the queue
 * @q: queue
 * @budget: of the poll
 *
 * Context: the poll.
 * Return: true if there is more to do.
 */
bool mmnet_tx_poll(struct mmnet_queue *q, int budget)
{
	unsigned int nr, sum = 0;

	do {
		nr = tx_reap(q, budget);
		sum += nr;
	} while (nr == REAP_BATCH && sum < REAP_MAX);

	if (sum)
		mmnet_queue_worked(q);
	return tx_wake(q) || nr == REAP_BATCH;
}

/* Describing */

static void tx_set_gso(struct mmnet_msg *msg, const struct sk_buff *skb)
{
	unsigned int type = skb_shinfo(skb)->gso_type & ~SKB_GSO_DODGY;

	switch (type & ~SKB_GSO_TCP_ECN) {
	case SKB_GSO_TCPV4:
		msg->gso_type = MMNET_GSO_TCPV4;
		break;
	case SKB_GSO_TCPV6:
		msg->gso_type = MMNET_GSO_TCPV6;
		break;
	case SKB_GSO_UDP_L4:
		msg->gso_type = MMNET_GSO_UDP_L4;
		break;
	default:
		msg->gso_type = 0xff;	/* refused by mmnet_offload_check() */
		break;
	}
	if (type & SKB_GSO_TCP_ECN)
		msg->gso_type |= MMNET_GSO_ECN;
	msg->gso_size = skb_shinfo(skb)->gso_size;
}

static void tx_set_csum(struct mmnet_msg *msg, const struct sk_buff *skb)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		msg->flags |= MMNET_CSUM_PARTIAL;
		msg->csum_start = skb_checksum_start_offset(skb);
		msg->csum_offset = skb->csum_offset;
	} else if (skb->ip_summed == CHECKSUM_UNNECESSARY) {
		msg->flags |= MMNET_CSUM_VALID;
	}
}

static void tx_describe(struct mmnet_msg *msg, const struct sk_buff *skb)
{
	memset(msg, 0, sizeof(*msg));
	msg->len = skb->len;
	tx_set_csum(msg, skb);
	if (skb_is_gso(skb))
		tx_set_gso(msg, skb);
	if (skb_is_tcp_pure_ack(skb))
		msg->flags |= MMNET_ACK;
	if (skb->hash) {
		msg->hash = skb->hash;
		msg->flags |= MMNET_HASH;
		msg->flags |= skb->l4_hash ? MMNET_HASH_L4 : 0;
	}
}

/**
 * mmnet_features_check - ndo: what the stack has to do in software
 * @skb: frame
 * @dev: device
 * @features: that the device has
 *
 * Segmentation that the protocol cannot express comes from other devices only,
 * in frames that are forwarded.
 *
 * Return: features for this frame.
 */
netdev_features_t mmnet_features_check(struct sk_buff *skb,
				       struct net_device *dev,
				       netdev_features_t features)
{
	struct mmnet_msg msg;

	if (!skb_is_gso(skb))
		return features;
	tx_describe(&msg, skb);
	if (mmnet_offload_check(&msg))
		features &= ~NETIF_F_GSO_MASK;
	return features;
}

/* Checksum and segmentation as the protocol wants them, or computed here. */
static bool tx_describe_checked(struct mmnet_msg *msg, struct sk_buff *skb)
{
	tx_describe(msg, skb);
	if (likely(!mmnet_offload_check(msg)))
		return true;
	if (skb_is_gso(skb) || skb->ip_summed != CHECKSUM_PARTIAL ||
	    skb_checksum_help(skb))
		return false;
	tx_describe(msg, skb);
	return !mmnet_offload_check(msg);
}

/* Naming memory */

struct tx_segs {
	struct fido_chan *chan;
	struct mmnet_msg *msg;
};

/* A piece that follows the one before it in the owner's memory joins it. */
static bool tx_join(struct mmnet_msg *msg, u64 addr, u32 len)
{
	struct fido_seg *last;

	if (!msg->nr_segs)
		return false;
	last = &msg->seg[msg->nr_segs - 1];
	if (last->addr + last->len != addr)
		return false;
	last->len += len;
	return true;
}

static int tx_name_piece(struct tx_segs *segs, struct page *page, u32 offset,
			 u32 len)
{
	struct mmnet_msg *msg = segs->msg;
	u64 addr;
	int err;

	err = fido_addr_of(segs->chan, page, offset, len, &addr);
	if (err)
		return err;
	if (tx_join(msg, addr, len))
		return 0;
	if (msg->nr_segs == MMNET_MAX_SEGS)
		return -E2BIG;
	msg->seg[msg->nr_segs++] = (struct fido_seg) {
		.addr = addr,
		.len = len,
	};
	return 0;
}

static int tx_name_linear(struct tx_segs *segs, const struct sk_buff *skb,
			  u32 *skip)
{
	u32 len = skb_headlen(skb), from = min(*skip, len);
	const u8 *data = skb->data + from;

	*skip -= from;
	if (from == len)
		return 0;
	if (is_vmalloc_addr(data))
		return -EFAULT;
	return tx_name_piece(segs, virt_to_page(data), offset_in_page(data),
			     len - from);
}

static int tx_name_frags(struct tx_segs *segs, const struct sk_buff *skb,
			 u32 *skip)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		u32 len = skb_frag_size(frag), from = min(*skip, len);

		*skip -= from;
		if (from < len)
			err = tx_name_piece(segs, skb_frag_page(frag),
					    skb_frag_off(frag) + from,
					    len - from);
	}
	return err;
}

/* Name all of a frame but its first @skip bytes. */
static int tx_name(struct tx_segs *segs, const struct sk_buff *skb, u32 skip)
{
	const struct sk_buff *iter;
	int err;

	err = tx_name_linear(segs, skb, &skip);
	if (!err)
		err = tx_name_frags(segs, skb, &skip);
	if (err)
		return err;

	/* frames that came from another mmnet look like this */
	skb_walk_frags(skb, iter) {
		if (skb_has_frag_list(iter))
			return -E2BIG;
		err = tx_name_linear(segs, iter, &skip);
		if (!err)
			err = tx_name_frags(segs, iter, &skip);
		if (err)
			return err;
	}
	return 0;
}

/* Sending */

static void tx_drop(struct mmnet_queue *q, struct sk_buff *skb,
		    enum mmnet_tx_counter why)
{
	mmnet_tx_count(q, why, 1);
	dev_kfree_skb_any(skb);
}

static void tx_count_frame(struct mmnet_queue *q, const struct sk_buff *skb,
			   enum mmnet_tx_counter how)
{
	u64_stats_update_begin(&q->stats.tx_sync);
	u64_stats_inc(&q->stats.tx[MMNET_TX_PACKETS]);
	u64_stats_add(&q->stats.tx[MMNET_TX_BYTES], skb->len);
	u64_stats_inc(&q->stats.tx[how]);
	u64_stats_update_end(&q->stats.tx_sync);
}

static u16 tx_push_len(const struct mmnet_msg *msg)
{
	return sizeof(*msg) + msg->nr_segs * sizeof(msg->seg[0]) +
	       msg->inline_len;
}

static int tx_copy_inline(struct mmnet_msg *msg, const struct sk_buff *skb,
			  u32 len)
{
	msg->inline_len = len;
	return skb_copy_bits(skb, 0, &msg->seg[msg->nr_segs], len);
}

static void tx_send_inline(struct mmnet_queue *q, struct mmnet_msg *msg,
			   struct sk_buff *skb)
{
	if (tx_copy_inline(msg, skb, skb->len)) {
		tx_drop(q, skb, MMNET_TX_DROP_UNNAMED);
		return;
	}
	skb_tx_timestamp(skb);
	tx_count_frame(q, skb, MMNET_TX_INLINE);
	mmnet_flow_add(&q->moder.tx, msg);
	fido_tx_push(q->chan, tx_push_len(msg), FIDO_ID_NONE, NULL);
	dev_consume_skb_any(skb);
}

static u32 tx_head_len(const struct sk_buff *skb)
{
	u32 len = skb_headlen(skb);

	if (len > MAX_HEAD)
		return TYPICAL_HEAD;
	return max_t(u32, len, MMNET_MIN_INLINE);
}

/*
 * An skb in flight is held as long as the peer likes. Nothing else may wait
 * for that: not the socket's send buffer and TCP's small queue, which would
 * make the sender as slow as the peer's slowest reader (the ring, the qdisc
 * and TCP's window bound what is under way), not a connection being tracked,
 * not a device that goes away.
 */
static void tx_let_go(struct sk_buff *skb)
{
	skb_orphan(skb);
	nf_reset_ct(skb);
	skb_dst_drop(skb);
	skb_ext_reset(skb);
	skb->dev = NULL;
}

static struct sk_buff *tx_name_or_bounce(struct mmnet_queue *q,
					 struct mmnet_msg *msg,
					 struct sk_buff *skb, u32 head)
{
	struct tx_segs segs = { .chan = q->chan, .msg = msg };
	struct sk_buff *copy;

	if (likely(!tx_name(&segs, skb, head)))
		return skb;

	copy = mmnet_bounce(q, skb, head);
	if (!copy) {
		tx_drop(q, skb, MMNET_TX_DROP_NOMEM);
		return NULL;
	}
	dev_consume_skb_any(skb);
	msg->nr_segs = 0;
	if (!tx_name(&segs, copy, head))
		return copy;
	tx_drop(q, copy, MMNET_TX_DROP_UNNAMED);
	return NULL;
}

/*
 * User memory of MSG_ZEROCOPY is sent in place, too: its owner is told when
 * the skb is consumed, thus when the peer is done with it, and may not change
 * it before. skb_orphan_frags() leaves those alone and copies what belongs to
 * other drivers (vhost, netback), which wait for their memory.
 */
static void tx_send_ref(struct mmnet_queue *q, struct mmnet_msg *msg,
			struct sk_buff *skb)
{
	u32 head = tx_head_len(skb), id;

	if (skb_orphan_frags(skb, GFP_ATOMIC)) {
		tx_drop(q, skb, MMNET_TX_DROP_NOMEM);
		return;
	}
	skb_tx_timestamp(skb);
	skb = tx_name_or_bounce(q, msg, skb, head);
	if (!skb)
		return;
	id = fido_tx_id(q->chan);
	if (unlikely(id == FIDO_ID_NONE || tx_copy_inline(msg, skb, head))) {
		if (id != FIDO_ID_NONE)
			fido_tx_id_cancel(q->chan, id);
		tx_drop(q, skb, MMNET_TX_DROP_UNNAMED);
		return;
	}
	tx_count_frame(q, skb, MMNET_TX_REF);
	mmnet_tx_count(q, MMNET_TX_REF_BYTES, skb->len - head);
	mmnet_flow_add(&q->moder.tx, msg);
	tx_let_go(skb);
	fido_tx_push(q->chan, tx_push_len(msg), id, skb);
	mmnet_queue_watch(q);
}

static void tx_send(struct mmnet_queue *q, struct sk_buff *skb)
{
	struct mmnet_msg *msg = fido_tx_slot(q->chan);

	if (!msg)
		tx_drop(q, skb, MMNET_TX_DROP_LINK);
	else if (skb->len < MMNET_MIN_LEN || skb->len > MMNET_MAX_TCP_LEN)
		tx_drop(q, skb, MMNET_TX_DROP_LENGTH);
	else if (!tx_describe_checked(msg, skb))
		tx_drop(q, skb, MMNET_TX_DROP_OFFLOAD);
	else if (skb->len <= MAX_INLINE)
		tx_send_inline(q, msg, skb);
	else
		tx_send_ref(q, msg, skb);
}

/**
 * mmnet_start_xmit - ndo: send a frame
 * @skb: the frame
 * @dev: device
 *
 * Context: under the lock of the tx queue.
 * Return: NETDEV_TX_BUSY if there is no room, which the stopped queue should
 * have prevented.
 */
netdev_tx_t mmnet_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct mmnet *mm = netdev_priv(dev);
	struct mmnet_queue *q = &mm->queue[skb_get_queue_mapping(skb)];
	bool more = netdev_xmit_more();

	if (unlikely(!q->chan)) {
		tx_drop(q, skb, MMNET_TX_DROP_LINK);
		return NETDEV_TX_OK;
	}
	if (unlikely(tx_full(q))) {
		tx_stop(q);
		return NETDEV_TX_BUSY;
	}
	tx_send(q, skb);
	tx_reap_early(q);
	if (unlikely(tx_full(q)))
		tx_stop(q);
	else if (!more || netif_xmit_stopped(mmnet_txq(q)))
		fido_tx_publish(q->chan);
	if (mmnet_moder_look(q))
		napi_schedule(&q->napi);
	return NETDEV_TX_OK;
}

/**
 * mmnet_tx_ready - is there room for a frame that no qdisc holds back?
 * @q: queue
 *
 * A queue that is stopped has room for those who wait for it only, and perhaps
 * no channel.
 *
 * Context: under the lock of the tx queue.
 * Return: true if mmnet_tx_frame() may be called.
 */
bool mmnet_tx_ready(const struct mmnet_queue *q)
{
	return !netif_xmit_frozen_or_drv_stopped(mmnet_txq(q)) && q->chan &&
	       !tx_full(q);
}

/**
 * mmnet_tx_frame - send a frame past the qdisc
 * @q: queue for which mmnet_tx_ready() is true
 * @skb: the frame, consumed
 *
 * The caller publishes.
 *
 * Context: under the lock of the tx queue.
 */
void mmnet_tx_frame(struct mmnet_queue *q, struct sk_buff *skb)
{
	tx_send(q, skb);
	tx_reap_early(q);
	if (tx_full(q))
		tx_stop(q);
}
