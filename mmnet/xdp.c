// SPDX-License-Identifier: GPL-2.0
/*
 * XDP: what a program wants to become of a received frame.
 *
 * A program may write to the frame, and must find what it has read once when
 * it reads it again. So, with a program attached, each frame is copied out of
 * the sender's memory first, once, into pages of our own, which the program
 * can keep, send back, or hand to another device.
 *
 * The program sees what a wire would carry: the checksums that the sender had
 * left out are there, and frames that it had left for others to segment have
 * been segmented. Who gets the frame next knows nothing of such things.
 *
 * A frame that does not fit into one page goes on in frags, for a program that
 * declares to know about those.
 */
#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/if_vlan.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/checksum.h>
#include <net/xdp.h>

#include "compat_xdp.h"
#include "mmnet.h"
#include "wire.h"

/* Bytes of a frame that are in the first page... */
#define FIRST_ROOM	(SKB_WITH_OVERHEAD(PAGE_SIZE) - XDP_PACKET_HEADROOM)
/* ...and what follows from it for a program that knows of one page only */
#define LINEAR_MAX_MTU	(FIRST_ROOM - VLAN_ETH_HLEN - VLAN_HLEN)

/*
 * The longest frame in segments of an MTU of 1,500 has 363. Each costs a run of
 * the program within one poll: more are not what an honest peer sends.
 */
#define MAX_SEGMENTS	1024

/* All checksum fields are in the first page, every frame fits into the frags */
static_assert(FIRST_ROOM >= MMNET_MAX_CSUM);
static_assert(FIRST_ROOM + MAX_SKB_FRAGS * PAGE_SIZE >= MMNET_MAX_LEN);

/* Frames in own memory */

static struct page *xdp_alloc_page(void)
{
	return alloc_page(GFP_ATOMIC | __GFP_NOWARN);
}

static int buff_add_frags(struct xdp_buff *xdp, u32 len)
{
	u32 part;

	for (; len; len -= part) {
		struct page *page = xdp_alloc_page();

		if (!page)
			return -ENOMEM;
		part = min_t(u32, len, PAGE_SIZE);
		if (!compat_xdp_add_page(xdp, page, part)) {
			__free_page(page);
			return -E2BIG;
		}
	}
	return 0;
}

/* Room for a frame of @len bytes. */
static int buff_alloc(struct mmnet_queue *q, struct xdp_buff *xdp, u32 len)
{
	u32 first = min_t(u32, len, FIRST_ROOM);
	struct page *page = q->xdp.page;
	int err;

	q->xdp.page = NULL;
	if (!page)
		page = xdp_alloc_page();
	if (!page)
		return -ENOMEM;
	xdp_init_buff(xdp, PAGE_SIZE, &q->xdp.rxq);
	xdp_prepare_buff(xdp, page_address(page), XDP_PACKET_HEADROOM, first,
			 true);
	err = buff_add_frags(xdp, len - first);
	if (err)
		xdp_return_buff(xdp);
	return err;
}

/* The first page is as good as new: what refers to it has ended. */
static void buff_recycle(struct mmnet_queue *q, struct xdp_buff *xdp)
{
	if (q->xdp.page || xdp_buff_has_frags(xdp))
		xdp_return_buff(xdp);
	else
		q->xdp.page = virt_to_page(xdp->data_hard_start);
}

/* Byte @offset of a frame that no program has seen yet; @len follow there. */
static void *buff_at(struct xdp_buff *xdp, u32 offset, u32 *len)
{
	u32 first = xdp->data_end - xdp->data;
	const skb_frag_t *frag;

	if (offset < first) {
		*len = first - offset;
		return xdp->data + offset;
	}
	offset -= first;
	frag = &xdp_get_shared_info_from_buff(xdp)->frags[offset / PAGE_SIZE];
	offset %= PAGE_SIZE;
	*len = skb_frag_size(frag) - offset;
	return skb_frag_address(frag) + offset;
}

static void buff_write(struct xdp_buff *xdp, u32 offset, const void *from,
		       u32 len)
{
	while (len) {
		u32 part;
		void *to = buff_at(xdp, offset, &part);

		part = min(part, len);
		memcpy(to, from, part);
		from += part;
		offset += part;
		len -= part;
	}
}

static int buff_write_seg(struct mmnet_queue *q, struct xdp_buff *xdp,
			  u32 offset, const struct fido_seg *seg)
{
	u32 done = 0;

	while (done < seg->len) {
		struct fido_run run;
		int err;

		err = fido_resolve(q->chan, seg->addr + done, seg->len - done,
				   &run);
		if (err)
			return err;
		buff_write(xdp, offset + done,
			   page_address(run.page) + run.offset, run.len);
		done += run.len;
	}
	return 0;
}

/* The one copy of a received frame. */
static int buff_write_msg(struct mmnet_queue *q, struct xdp_buff *xdp)
{
	const struct mmnet_msg *msg = &q->msg.head;
	u32 offset = msg->inline_len;
	unsigned int i;
	int err = 0;

	buff_write(xdp, 0, mmnet_msg_inline(msg), msg->inline_len);
	for (i = 0; !err && i < msg->nr_segs; i++) {
		err = buff_write_seg(q, xdp, offset, &msg->seg[i]);
		offset += msg->seg[i].len;
	}
	if (!err)
		mmnet_rx_count(q, MMNET_RX_COPIED_BYTES,
			       msg->len - msg->inline_len);
	return err;
}

static void buff_write_skb(struct xdp_buff *xdp, const struct sk_buff *skb)
{
	u32 offset, part;

	for (offset = 0; offset < skb->len; offset += part) {
		void *to = buff_at(xdp, offset, &part);

		/* all of it is there, it cannot fail */
		skb_copy_bits(skb, offset, to, part);
	}
}

/*
 * What the sender left out. It is in the first page: see mmnet_msg_check(), and
 * the headers of a segment are no longer than those of the whole.
 */
static void buff_set_csum(struct xdp_buff *xdp, u32 start, u32 csum_offset)
{
	u32 len = xdp_get_buff_len(xdp), offset, part;
	__sum16 *sum = xdp->data + start + csum_offset;
	__wsum csum = 0;

	for (offset = start; offset < len; offset += part) {
		const void *from = buff_at(xdp, offset, &part);

		csum = csum_block_add(csum, csum_partial(from, part, 0),
				      offset - start);
	}
	*sum = csum_fold(csum) ?: CSUM_MANGLED_0;
}

/* As an skb that has its Ethernet header pulled. Takes the buffer over. */
static struct sk_buff *buff_to_skb(struct mmnet_queue *q, struct xdp_buff *xdp)
{
	struct xdp_frame *frame = xdp_convert_buff_to_frame(xdp);
	struct sk_buff *skb;

	if (!frame) {
		xdp_return_buff(xdp);
		return NULL;
	}
	skb = xdp_build_skb_from_frame(frame, q->dev);
	if (!skb)
		xdp_return_frame(frame);
	return skb;
}

/* Sending */

/*
 * Under the lock of the tx queue.
 * Return: false if the frame still is the caller's, for want of room.
 */
static bool xdp_send(struct mmnet_queue *q, struct xdp_frame *frame)
{
	struct sk_buff *skb;

	if (!mmnet_tx_ready(q))
		return false;
	skb = xdp_build_skb_from_frame(frame, q->dev);
	if (!skb)
		return false;
	__skb_push(skb, skb->data - skb_mac_header(skb));
	mmnet_tx_frame(q, skb);
	mmnet_tx_count(q, MMNET_TX_XDP, 1);
	return true;
}

static bool xdp_send_back(struct mmnet_queue *q, struct xdp_frame *frame)
{
	struct netdev_queue *txq = mmnet_txq(q);
	bool sent;

	__netif_tx_lock(txq, smp_processor_id());
	sent = xdp_send(q, frame);
	if (!sent)
		mmnet_tx_count(q, MMNET_TX_DROP_XDP, 1);
	__netif_tx_unlock(txq);
	if (sent)
		q->xdp.sent = true;
	return sent;
}

static void xdp_flush_sent(struct mmnet_queue *q)
{
	struct netdev_queue *txq = mmnet_txq(q);

	__netif_tx_lock(txq, smp_processor_id());
	fido_tx_publish(q->chan);
	__netif_tx_unlock(txq);
}

/**
 * mmnet_xdp_xmit - ndo: send frames that were redirected here
 * @dev: device
 * @nr: how many
 * @frames: the frames, in memory of whoever received them
 * @flags: XDP_XMIT_*
 *
 * Nobody waits for room: what finds none stays with the caller, who drops it.
 *
 * Context: the poll of another queue or device.
 * Return: how many were taken, the first ones, or an error if none can be.
 */
int mmnet_xdp_xmit(struct net_device *dev, int nr, struct xdp_frame **frames,
		   u32 flags)
{
	struct mmnet *mm = netdev_priv(dev);
	unsigned int cpu = smp_processor_id();
	struct mmnet_queue *q = &mm->queue[cpu % dev->real_num_tx_queues];
	struct netdev_queue *txq = mmnet_txq(q);
	int sent = 0;

	if (flags & ~XDP_XMIT_FLAGS_MASK)
		return -EINVAL;
	if (!netif_running(dev) || !netif_carrier_ok(dev))
		return -ENETDOWN;

	__netif_tx_lock(txq, cpu);
	while (sent < nr && xdp_send(q, frames[sent]))
		sent++;
	if (sent < nr)
		mmnet_tx_count(q, MMNET_TX_DROP_XDP, nr - sent);
	/* whatever the flags say: with nothing left to send, no flush comes */
	if (sent)
		fido_tx_publish(q->chan);
	__netif_tx_unlock(txq);
	return sent;
}

/* Verdicts. Each takes the frame over. */

/**
 * struct xdp_run - a frame before the program ran
 * @data: where it began
 * @len: its length
 * @checked: its checksum is known to be right
 */
struct xdp_run {
	const void *data;
	u32 len;
	bool checked;
};

/*
 * As with any device that checks sums, it is up to the program to keep right
 * what was right. Not so if another header is the first one now.
 */
static bool run_pass(struct mmnet_queue *q, struct xdp_buff *xdp,
		     const struct xdp_run *run)
{
	bool same = xdp->data == run->data && xdp_get_buff_len(xdp) == run->len;
	struct sk_buff *skb = buff_to_skb(q, xdp);

	if (!skb)
		return false;
	if (run->checked && same)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (!same)
		q->msg.head.flags &= ~MMNET_HASH;	/* of another flow */
	mmnet_rx_deliver(q, skb);
	return true;
}

static bool run_tx(struct mmnet_queue *q, struct xdp_buff *xdp)
{
	struct xdp_frame *frame = xdp_convert_buff_to_frame(xdp);

	if (!frame) {
		xdp_return_buff(xdp);
		return false;
	}
	if (xdp_send_back(q, frame))
		return true;
	xdp_return_frame(frame);
	return false;
}

static bool run_redirect(struct mmnet_queue *q, struct xdp_buff *xdp)
{
	if (xdp_do_redirect(q->dev, xdp, q->xdp.prog)) {
		xdp_return_buff(xdp);
		return false;
	}
	q->xdp.redirected = true;
	return true;
}

static void run_program(struct mmnet_queue *q, struct xdp_buff *xdp,
			bool checked)
{
	const struct xdp_run run = {
		.data = xdp->data,
		.len = xdp_get_buff_len(xdp),
		.checked = checked,
	};
	enum mmnet_rx_counter verdict = MMNET_RX_XDP_ERROR;
	u32 act = bpf_prog_run_xdp(q->xdp.prog, xdp);

	switch (act) {
	case XDP_PASS:
		if (run_pass(q, xdp, &run))
			verdict = MMNET_RX_XDP_PASS;
		break;
	case XDP_TX:
		if (run_tx(q, xdp))
			verdict = MMNET_RX_XDP_TX;
		break;
	case XDP_REDIRECT:
		if (run_redirect(q, xdp))
			verdict = MMNET_RX_XDP_REDIRECT;
		break;
	case XDP_DROP:
		buff_recycle(q, xdp);
		verdict = MMNET_RX_XDP_DROP;
		break;
	default:
		bpf_warn_invalid_xdp_action(q->dev, q->xdp.prog, act);
		fallthrough;
	case XDP_ABORTED:
		buff_recycle(q, xdp);
		break;
	}
	if (verdict == MMNET_RX_XDP_ERROR)
		trace_xdp_exception(q->dev, q->xdp.prog, act);
	mmnet_rx_count(q, verdict, 1);
}

/* Receiving */

static bool xdp_takes(struct mmnet_queue *q, u32 len)
{
	if (len <= FIRST_ROOM || q->xdp.prog->aux->xdp_has_frags)
		return true;
	mmnet_rx_count(q, MMNET_RX_DROP_XDP_LENGTH, 1);
	return false;
}

/* Return: false if it was dropped instead, and counted. */
static bool run_segment(struct mmnet_queue *q, const struct sk_buff *skb)
{
	bool partial = skb->ip_summed == CHECKSUM_PARTIAL;
	struct xdp_buff xdp;

	if (!xdp_takes(q, skb->len))
		return false;
	if (buff_alloc(q, &xdp, skb->len)) {
		mmnet_rx_count(q, MMNET_RX_DROP_NOMEM, 1);
		return false;
	}
	buff_write_skb(&xdp, skb);
	if (partial)
		buff_set_csum(&xdp, skb_checksum_start_offset(skb),
			      skb->csum_offset);
	run_program(q, &xdp, partial);
	return true;
}

/*
 * The stack does not trust what the peer said about the headers. Segments
 * share the payload and lack their checksums; one segment is none.
 */
static struct sk_buff *skb_to_segments(struct sk_buff *skb)
{
	netdev_features_t features = NETIF_F_HW_CSUM;
	struct sk_buff *segs;

	if (!skb_is_gso(skb))
		return skb;
	if (!skb_has_frag_list(skb))
		features |= NETIF_F_SG;
	segs = skb_gso_segment(skb, features);
	consume_skb(skb);
	return IS_ERR(segs) ? NULL : segs;
}

/* A frame that was to be segmented by others: it came if one segment did. */
static int run_segments(struct mmnet_queue *q)
{
	struct sk_buff *skb = mmnet_rx_copy(q), *next;
	bool came = false;

	if (IS_ERR(skb))
		return PTR_ERR(skb);
	/* the device's view of a frame that is sent, as they segment those */
	skb->protocol = eth_type_trans(skb, q->dev);
	skb_reset_network_header(skb);
	__skb_push(skb, ETH_HLEN);
	if (!mmnet_rx_set_offload(skb, &q->msg.head)) {
		kfree_skb(skb);
		return -ENOMEM;
	}

	skb = skb_to_segments(skb);
	if (!skb)
		mmnet_rx_count(q, MMNET_RX_DROP_XDP_SEGMENT, 1);
	skb_list_walk_safe(skb, skb, next) {
		came |= run_segment(q, skb);
		consume_skb(skb);
		q->xdp.segments += !!next;
	}
	return came;
}

/* A frame that is one */
static int run_frame(struct mmnet_queue *q)
{
	const struct mmnet_msg *msg = &q->msg.head;
	struct xdp_buff xdp;
	int err;

	if (!xdp_takes(q, msg->len))
		return 0;
	err = buff_alloc(q, &xdp, msg->len);
	if (err)
		return err;
	err = buff_write_msg(q, &xdp);
	if (err) {
		xdp_return_buff(&xdp);
		return err;
	}
	if (msg->flags & MMNET_CSUM_PARTIAL)
		buff_set_csum(&xdp, msg->csum_start, msg->csum_offset);
	run_program(q, &xdp, msg->flags & (MMNET_CSUM_PARTIAL |
					   MMNET_CSUM_VALID));
	return 1;
}

/**
 * mmnet_xdp_rx - run the program for the frame of @q->msg
 * @q: queue
 *
 * Context: the poll, between mmnet_xdp_begin() and mmnet_xdp_end().
 * Return: 1 if the program ran, 0 if the frame was dropped before, and counted,
 * or why it could not be copied. Its memory is not needed any more in each case.
 */
int mmnet_xdp_rx(struct mmnet_queue *q)
{
	const struct mmnet_msg *msg = &q->msg.head;

	if (msg->gso_type == MMNET_GSO_NONE)
		return run_frame(q);
	if (msg->len / msg->gso_size > MAX_SEGMENTS) {
		mmnet_rx_count(q, MMNET_RX_DROP_XDP_SEGMENT, 1);
		return 0;
	}
	return run_segments(q);
}

/**
 * mmnet_xdp_begin - a poll begins to receive
 * @q: queue
 *
 * Context: the poll, under rcu_read_lock() until mmnet_xdp_end().
 */
void mmnet_xdp_begin(struct mmnet_queue *q)
{
	const struct mmnet *mm = netdev_priv(q->dev);

	q->xdp.prog = rcu_dereference(mm->xdp_prog);
	q->xdp.segments = 0;
}

/**
 * mmnet_xdp_end - a poll has received: let go what was gathered
 * @q: queue
 *
 * Context: the poll.
 */
void mmnet_xdp_end(struct mmnet_queue *q)
{
	q->xdp.prog = NULL;
	if (q->xdp.redirected)
		xdp_do_flush();
	if (q->xdp.sent)
		xdp_flush_sent(q);
	q->xdp.redirected = false;
	q->xdp.sent = false;
}

/* Set-up */

/*
 * Polls that run see the old program or the new one, and have it to their end.
 * The old one is freed after them.
 */
static int xdp_set_prog(struct net_device *dev, struct bpf_prog *prog,
			struct netlink_ext_ack *extack)
{
	struct mmnet *mm = netdev_priv(dev);
	unsigned int max_mtu = MMNET_MAX_MTU;
	struct bpf_prog *old;

	if (prog && !prog->aux->xdp_has_frags)
		max_mtu = LINEAR_MAX_MTU;
	if (dev->mtu > max_mtu) {
		NL_SET_ERR_MSG_MOD(extack,
				   "MTU too large for a program without support of fragments");
		return -ERANGE;
	}
	dev->max_mtu = max_mtu;

	old = rtnl_dereference(mm->xdp_prog);
	rcu_assign_pointer(mm->xdp_prog, prog);
	if (old)
		bpf_prog_put(old);
	return 0;
}

/**
 * mmnet_xdp_bpf - ndo: attach a program or detach it
 * @dev: device
 * @bpf: command
 *
 * Context: process, under RTNL.
 * Return: 0 or an error.
 */
int mmnet_xdp_bpf(struct net_device *dev, struct netdev_bpf *bpf)
{
	switch (bpf->command) {
	case XDP_SETUP_PROG:
		return xdp_set_prog(dev, bpf->prog, bpf->extack);
	default:
		return -EINVAL;
	}
}

/**
 * mmnet_xdp_set_features - tell the stack what XDP can do here
 * @dev: device, not registered yet
 */
void mmnet_xdp_set_features(struct net_device *dev)
{
	compat_xdp_set_features(dev);
}

/**
 * mmnet_xdp_init - initialise
 * @q: queue whose poll is known to the stack
 *
 * Context: process.
 * Return: 0 or an error.
 */
int mmnet_xdp_init(struct mmnet_queue *q)
{
	int err;

	err = __xdp_rxq_info_reg(&q->xdp.rxq, q->dev, q->index,
				 q->napi.napi_id, PAGE_SIZE);
	if (err)
		return err;
	err = xdp_rxq_info_reg_mem_model(&q->xdp.rxq, MEM_TYPE_PAGE_SHARED,
					 NULL);
	if (err)
		xdp_rxq_info_unreg(&q->xdp.rxq);
	return err;
}

/**
 * mmnet_xdp_up - the link is up, the poll is enabled
 * @q: queue
 *
 * Whatever the poll does before this returns, it does without busy pollers.
 *
 * Context: process, under RTNL.
 */
void mmnet_xdp_up(struct mmnet_queue *q)
{
	compat_xdp_set_napi(&q->xdp.rxq, &q->napi);
}

/**
 * mmnet_xdp_exit - free what a queue has
 * @q: queue that is down
 *
 * Context: process.
 */
void mmnet_xdp_exit(struct mmnet_queue *q)
{
	xdp_rxq_info_unreg(&q->xdp.rxq);
	if (q->xdp.page)
		__free_page(q->xdp.page);
}
