// SPDX-License-Identifier: GPL-2.0
/*
 * Receive: a message becomes an skb.
 *
 * The shape of an skb that points into the sender's memory is no accident:
 *
 *   - All foreign pages hang in the frag_list; the skb itself has its linear
 *     part only. Code that would write into a frag in place (ESP decrypts so)
 *     or map it into a process (TCP_ZEROCOPY_RECEIVE) keeps off a frag_list,
 *     and these pages can be neither written nor, in a PV guest, mapped. It
 *     also bounds nothing: a frame of 64 KiB may have more pieces than
 *     MAX_SKB_FRAGS.
 *   - A frag stays within its page, though the pages of a run are consecutive:
 *     they are single pages, not a compound one, and splice would have
 *     page_copy_sane() warn about a frag across them.
 *   - SKBFL_SHARED_FRAG is set: somebody else can change the bytes any time.
 *   - More bytes than an Ethernet header are linear: GRO would otherwise parse
 *     headers where they are, in the peer's memory.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/inetdevice.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/addrconf.h>
#include <net/if_inet6.h>

#include "compat.h"
#include "mmnet.h"
#include "wire.h"

/* Copies up to this size are linear */
#define MAX_LINEAR	2048
/* Pages for larger ones may be as large */
#define COPY_ORDER	3
/* So much goes into the pages of one skb, even if they are single ones */
#define COPY_PIECE	((u32)(MAX_SKB_FRAGS * PAGE_SIZE))

/* How often the sender gets its slots back within a poll, in messages */
#define DONE_BATCH	32

/* To copy or not to copy */

/* Not a reason for a copy: the frame's memory can stay where it is */
#define KEEP		MMNET_RX_REF

static bool dev_forwards(const struct net_device *dev)
{
	struct in_device *in_dev = __in_dev_get_rcu(dev);
	const struct inet6_dev *idev;

	if (in_dev && IN_DEV_FORWARD(in_dev))
		return true;
	idev = __in6_dev_get(dev);
	if (idev && READ_ONCE(idev->cnf.forwarding))
		return true;
	return rcu_access_pointer(dev->rx_handler) ||
	       compat_dev_has_tc(dev) || compat_dev_has_nft(dev);
}

static bool net_forwards(const struct net *net)
{
	if (IPV4_DEVCONF_ALL(net, FORWARDING))
		return true;
#if IS_ENABLED(CONFIG_IPV6)
	if (net->ipv6.devconf_all &&
	    READ_ONCE(net->ipv6.devconf_all->forwarding))
		return true;
#endif
	return false;
}

/*
 * Might this frame leave the machine again, by a bridge, a router, a filter
 * that redirects? Another device, netfront above all, cannot grant on what
 * belongs to the peer. No matter if it is copied there, see leave.c.
 */
static bool rx_may_be_forwarded(const struct mmnet_queue *q,
				const struct mmnet_msg *msg)
{
	const struct vlan_ethhdr *eth = mmnet_msg_inline(msg);
	struct net_device *vlan = NULL;

	if (mmnet_leave_guarded())
		return false;
	if (!ether_addr_equal_unaligned(eth->h_dest, q->dev->dev_addr) ||
	    dev_forwards(q->dev) || net_forwards(dev_net(q->dev)))
		return true;
	/* the inline part is long enough for a tag: this is no small frame */
	if (eth_type_vlan(eth->h_vlan_proto))
		vlan = __vlan_find_dev_deep_rcu(q->dev, eth->h_vlan_proto,
						ntohs(eth->h_vlan_TCI) &
						VLAN_VID_MASK);
	return vlan && (dev_forwards(vlan) || net_forwards(dev_net(vlan)));
}

/*
 * A datagram has a reader of its own, and never joins others: it has to be
 * larger than a part of a stream to be worth an skb of pages.
 */
static u64 rx_copybreak(const struct mmnet_queue *q,
			const struct mmnet_msg *msg)
{
	const struct mmnet *mm = netdev_priv(q->dev);
	u64 limit = READ_ONCE(mm->copybreak);

	if (msg->flags & MMNET_CSUM_PARTIAL &&
	    msg->csum_offset == offsetof(struct udphdr, check))
		limit *= 4;
	return limit;
}

/*
 * The one decision whether a frame is copied: a reason, or KEEP. What sockets
 * hold is bounded in frames and in bytes. Over the bound, frames are copied
 * and released at once, so that a reader who never reads slows down others by
 * no more than what copies cost.
 */
static enum mmnet_rx_counter rx_why_copy(const struct mmnet_queue *q,
					 const struct mmnet_msg *msg)
{
	u32 bytes = msg->len - msg->inline_len;

	if (bytes <= rx_copybreak(q, msg))
		return MMNET_RX_COPY_BREAK;
	if (q->pins.nr == MMNET_MAX_PINS)
		return MMNET_RX_COPY_SLOTS;
	if (q->pins.bytes + bytes > MMNET_MAX_PIN_BYTES)
		return MMNET_RX_COPY_BYTES;
	if (rx_may_be_forwarded(q, msg))
		return MMNET_RX_COPY_FORWARD;
	return KEEP;
}

/* Without a copy */

/**
 * struct rx_keep - a frame under construction
 * @skb: it
 * @tail: last skb of its frag_list
 * @pin: notes its pages
 */
struct rx_keep {
	struct sk_buff *skb;
	struct sk_buff *tail;
	struct mmnet_pin *pin;
};

static int rx_keep_grow(struct rx_keep *keep)
{
	struct sk_buff *skb = alloc_skb(0, GFP_ATOMIC | __GFP_NOWARN);

	if (!skb)
		return -ENOMEM;
	skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
	if (keep->tail)
		keep->tail->next = skb;
	else
		skb_shinfo(keep->skb)->frag_list = skb;
	keep->tail = skb;
	keep->skb->truesize += skb->truesize;
	return 0;
}

static int rx_keep_page(struct rx_keep *keep, struct page *page, u32 offset,
			u32 len)
{
	struct sk_buff *skb = keep->tail;
	int err;

	if (!skb || skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS) {
		err = rx_keep_grow(keep);
		if (err)
			return err;
		skb = keep->tail;
	}
	get_page(page);
	/* the memory is not ours: charge the reader what it is given, no more */
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, offset, len, len);
	keep->skb->len += len;
	keep->skb->data_len += len;
	keep->skb->truesize += len;
	return 0;
}

static int rx_keep_run(struct rx_keep *keep, const struct fido_run *run)
{
	u32 offset = run->offset, left = run->len, len;
	struct mmnet_pin *pin = keep->pin;
	struct page *page = run->page;
	int err = 0;

	if (pin->nr_runs == MMNET_MAX_SEGS)
		return -E2BIG;
	pin->run[pin->nr_runs++] = (struct mmnet_pin_run) {
		.page = page,
		.nr = DIV_ROUND_UP(run->offset + run->len, PAGE_SIZE),
		.owner = run->owner,
	};
	while (!err && left) {
		len = min_t(u32, left, PAGE_SIZE - offset);
		err = rx_keep_page(keep, page++, offset, len);
		left -= len;
		offset = 0;
	}
	return err;
}

static int rx_keep_seg(struct mmnet_queue *q, struct rx_keep *keep,
		       const struct fido_seg *seg)
{
	u32 done = 0;

	while (done < seg->len) {
		struct fido_run run;
		int err;

		err = fido_resolve(q->chan, seg->addr + done, seg->len - done,
				   &run);
		if (!err)
			err = rx_keep_run(keep, &run);
		if (err)
			return err;
		done += run.len;
	}
	return 0;
}

static struct sk_buff *rx_linear(struct mmnet_queue *q, u32 len)
{
	struct sk_buff *skb = napi_alloc_skb(&q->napi, len);

	if (skb)
		skb_put_data(skb, mmnet_msg_inline(&q->msg.head),
			     q->msg.head.inline_len);
	return skb;
}

/*
 * The headers have to be private before anybody looks at them. An honest sender
 * has put them into the message: there is nothing to do then.
 */
static bool rx_pull_head(const struct mmnet_queue *q, struct sk_buff *skb)
{
	const struct mmnet_msg *msg = &q->msg.head;
	u32 need = mmnet_head_len(mmnet_msg_inline(msg), msg->inline_len);

	return likely(need <= msg->inline_len) ||
	       pskb_may_pull(skb, min(need, skb->len));
}

/* An skb that points to the sender's pages; they are pinned then. */
static struct sk_buff *rx_keep(struct mmnet_queue *q, u32 id)
{
	const struct mmnet_msg *msg = &q->msg.head;
	struct rx_keep keep = {};
	unsigned int i;
	int err = 0;

	keep.skb = rx_linear(q, msg->inline_len);
	if (!keep.skb)
		return ERR_PTR(-ENOMEM);
	skb_shinfo(keep.skb)->flags |= SKBFL_SHARED_FRAG;
	keep.pin = mmnet_pin_first_free(&q->pins);
	keep.pin->id = id;
	keep.pin->bytes = msg->len - msg->inline_len;
	keep.pin->nr_runs = 0;

	for (i = 0; !err && i < msg->nr_segs; i++)
		err = rx_keep_seg(q, &keep, &msg->seg[i]);
	if (!err && !rx_pull_head(q, keep.skb))
		err = -ENOMEM;
	if (err) {
		/* the references are dropped, the pin is not in use */
		kfree_skb(keep.skb);
		return ERR_PTR(err);
	}
	mmnet_pin_add(&q->pins, keep.pin);
	return keep.skb;
}

/* With a copy */

/* Of the pages, nothing counts as used before rx_add_pages(). */
static struct sk_buff *rx_alloc_pages(u32 head, u32 len)
{
	int err;

	return alloc_skb_with_frags(head, len, COPY_ORDER, &err,
				    GFP_ATOMIC | __GFP_NOWARN);
}

static void rx_add_pages(struct sk_buff *skb, u32 len)
{
	skb->len += len;
	skb->data_len += len;
}

/* Room for @len bytes more than one skb can have. */
static int rx_alloc_more(struct sk_buff *skb, u32 len)
{
	struct sk_buff **link = &skb_shinfo(skb)->frag_list, *more;

	for (; len; len -= more->len) {
		u32 part = min(len, COPY_PIECE);

		more = rx_alloc_pages(0, part);
		if (!more)
			return -ENOMEM;
		rx_add_pages(more, part);
		*link = more;
		link = &more->next;
		rx_add_pages(skb, part);
		skb->truesize += more->truesize;
	}
	return 0;
}

static struct sk_buff *rx_alloc_copy(struct mmnet_queue *q)
{
	const struct mmnet_msg *msg = &q->msg.head;
	u32 room = NET_SKB_PAD + NET_IP_ALIGN, rest, part;
	struct sk_buff *skb;

	if (msg->len <= MAX_LINEAR) {
		skb = rx_linear(q, msg->len);
		if (skb)
			skb_put(skb, msg->len - msg->inline_len);
		return skb;
	}
	rest = msg->len - msg->inline_len;
	part = min(rest, COPY_PIECE);
	skb = rx_alloc_pages(room + msg->inline_len, part);
	if (!skb)
		return NULL;
	skb->dev = q->dev;
	skb_reserve(skb, room);
	skb_put_data(skb, mmnet_msg_inline(msg), msg->inline_len);
	rx_add_pages(skb, part);
	if (!rx_alloc_more(skb, rest - part))
		return skb;
	kfree_skb(skb);
	return NULL;
}

static int rx_copy_seg(struct mmnet_queue *q, struct sk_buff *skb, u32 offset,
		       const struct fido_seg *seg)
{
	u32 done = 0;

	while (done < seg->len) {
		struct fido_run run;
		int err;

		err = fido_resolve(q->chan, seg->addr + done, seg->len - done,
				   &run);
		if (!err)
			err = skb_store_bits(skb, offset + done,
					     page_address(run.page) +
					     run.offset, run.len);
		if (err)
			return err;
		done += run.len;
	}
	return 0;
}

/**
 * mmnet_rx_copy - copy a frame
 * @q: queue, with the frame's message in @q->msg
 *
 * Context: the poll, under rcu_read_lock().
 * Return: the frame from its Ethernet header on, or an ERR_PTR.
 */
struct sk_buff *mmnet_rx_copy(struct mmnet_queue *q)
{
	const struct mmnet_msg *msg = &q->msg.head;
	struct sk_buff *skb = rx_alloc_copy(q);
	u32 offset = msg->inline_len;
	unsigned int i;
	int err = 0;

	if (!skb)
		return ERR_PTR(-ENOMEM);
	for (i = 0; !err && i < msg->nr_segs; i++) {
		err = rx_copy_seg(q, skb, offset, &msg->seg[i]);
		offset += msg->seg[i].len;
	}
	if (err) {
		kfree_skb(skb);
		return ERR_PTR(err);
	}
	mmnet_rx_count(q, MMNET_RX_COPIED_BYTES, msg->len - msg->inline_len);
	return skb;
}

/* Handing over */

static void rx_set_gso(struct sk_buff *skb, const struct mmnet_msg *msg,
		       u32 head)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	if (skb->len - head <= msg->gso_size)
		return;		/* one segment is none */
	switch (msg->gso_type & ~MMNET_GSO_ECN) {
	case MMNET_GSO_TCPV4:
		shinfo->gso_type = SKB_GSO_TCPV4;
		break;
	case MMNET_GSO_TCPV6:
		shinfo->gso_type = SKB_GSO_TCPV6;
		break;
	case MMNET_GSO_UDP_L4:
		shinfo->gso_type = SKB_GSO_UDP_L4;
		break;
	}
	if (msg->gso_type & MMNET_GSO_ECN)
		shinfo->gso_type |= SKB_GSO_TCP_ECN;
	/* the headers are the peer's: whoever segments has to check them */
	shinfo->gso_type |= SKB_GSO_DODGY;
	shinfo->gso_size = msg->gso_size;
	shinfo->gso_segs = 0;
}

static u32 rx_transport_len(const struct mmnet_msg *msg)
{
	switch (msg->gso_type) {
	case MMNET_GSO_NONE:
		return 0;
	case MMNET_GSO_UDP_L4:
		return sizeof(struct udphdr);
	default:
		return sizeof(struct tcphdr);
	}
}

/**
 * mmnet_rx_set_offload - tell the stack what is left to do for a frame
 * @skb: the frame, from its Ethernet header on
 * @msg: what was said about it
 *
 * Positions were checked against the frame's length, see mmnet_msg_check().
 *
 * Return: false if there is no memory.
 */
bool mmnet_rx_set_offload(struct sk_buff *skb, const struct mmnet_msg *msg)
{
	u32 head, end;

	if (msg->flags & MMNET_CSUM_PARTIAL) {
		head = msg->csum_start + rx_transport_len(msg);
		end = msg->csum_start + msg->csum_offset + sizeof(__sum16);
		if (!pskb_may_pull(skb, max(head, end)) ||
		    !skb_partial_csum_set(skb, msg->csum_start,
					  msg->csum_offset))
			return false;
		if (msg->gso_type != MMNET_GSO_NONE)
			rx_set_gso(skb, msg, head);
	} else if (msg->flags & MMNET_CSUM_VALID) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	}
	return true;
}

static void rx_count_frame(struct mmnet_queue *q, enum mmnet_rx_counter how)
{
	const struct mmnet_msg *msg = &q->msg.head;

	u64_stats_update_begin(&q->stats.rx_sync);
	u64_stats_inc(&q->stats.rx[MMNET_RX_PACKETS]);
	u64_stats_add(&q->stats.rx[MMNET_RX_BYTES], msg->len);
	u64_stats_inc(&q->stats.rx[how]);
	if (how == MMNET_RX_REF)
		u64_stats_add(&q->stats.rx[MMNET_RX_REF_BYTES],
			      msg->len - msg->inline_len);
	u64_stats_update_end(&q->stats.rx_sync);
}

/**
 * mmnet_rx_deliver - a frame is up to the stack now
 * @q: queue; @q->msg still is the message that the frame came with
 * @skb: the frame, after eth_type_trans()
 *
 * Context: the poll.
 */
void mmnet_rx_deliver(struct mmnet_queue *q, struct sk_buff *skb)
{
	const struct mmnet_msg *msg = &q->msg.head;

	if (msg->flags & MMNET_HASH && q->dev->features & NETIF_F_RXHASH)
		skb_set_hash(skb, msg->hash, msg->flags & MMNET_HASH_L4 ?
			     PKT_HASH_TYPE_L4 : PKT_HASH_TYPE_L3);
	skb_record_rx_queue(skb, q->index);
	/* segmented or not: what GRO holds back must not be overtaken */
	napi_gro_receive(&q->napi, skb);
}

static void rx_deliver(struct mmnet_queue *q, struct sk_buff *skb)
{
	if (unlikely(!mmnet_rx_set_offload(skb, &q->msg.head))) {
		mmnet_rx_count(q, MMNET_RX_DROP_NOMEM, 1);
		kfree_skb(skb);
		return;
	}
	skb->protocol = eth_type_trans(skb, q->dev);
	mmnet_rx_deliver(q, skb);
}

/*
 * The frame of @q->msg. Afterwards its id is either released or pinned.
 * If there is no memory for the list of pages there may be some for a copy, of
 * a small frame at least.
 */
static struct sk_buff *rx_build(struct mmnet_queue *q, u32 id)
{
	enum mmnet_rx_counter why;
	struct sk_buff *skb;

	if (id == FIDO_ID_NONE) {
		skb = rx_linear(q, q->msg.head.inline_len);
		if (!skb)
			return ERR_PTR(-ENOMEM);
		rx_count_frame(q, MMNET_RX_INLINE);
		return skb;
	}

	why = rx_why_copy(q, &q->msg.head);
	if (why == KEEP) {
		skb = rx_keep(q, id);
		if (!IS_ERR(skb)) {
			rx_count_frame(q, MMNET_RX_REF);
			return skb;
		}
		if (PTR_ERR(skb) == -E2BIG)
			why = MMNET_RX_COPY_PIECES;
		else if (PTR_ERR(skb) == -ENOMEM)
			why = MMNET_RX_COPY_NOMEM;
		else
			goto out_release;
	}
	skb = mmnet_rx_copy(q);
	if (!IS_ERR(skb))
		rx_count_frame(q, why);
out_release:
	fido_rx_release(q->chan, id);
	return skb;
}

/* A third domain's memory may have gone while the message was under way. */
static void rx_failed(struct mmnet_queue *q, int err)
{
	if (err == -EFAULT)
		fido_chan_break(q->chan,
				"mmnet: address outside the owner's memory");
	mmnet_rx_count(q, err == -ENOMEM ? MMNET_RX_DROP_NOMEM :
					   MMNET_RX_DROP_UNREADABLE, 1);
}

static void rx_xdp(struct mmnet_queue *q, u32 id)
{
	int ret = mmnet_xdp_rx(q);

	if (id != FIDO_ID_NONE)
		fido_rx_release(q->chan, id);
	if (ret < 0)
		rx_failed(q, ret);
	else if (ret)
		rx_count_frame(q, MMNET_RX_COPY_XDP);
}

static void rx_frame(struct mmnet_queue *q, u32 id)
{
	struct sk_buff *skb;

	if (unlikely(!netif_running(q->dev))) {
		mmnet_rx_count(q, MMNET_RX_DROP_CLOSED, 1);
		if (id != FIDO_ID_NONE)
			fido_rx_release(q->chan, id);
		return;
	}
	if (q->xdp.prog) {
		rx_xdp(q, id);
		return;
	}
	skb = rx_build(q, id);
	if (!IS_ERR(skb))
		rx_deliver(q, skb);
	else
		rx_failed(q, PTR_ERR(skb));
}

static bool rx_one(struct mmnet_queue *q)
{
	const char *why;
	int size;
	u32 id;

	size = fido_rx_pull(q->chan, &q->msg, sizeof(q->msg), &id);
	if (size < 0)
		return false;
	why = mmnet_msg_check(&q->msg.head, size, id);
	if (unlikely(why)) {
		fido_chan_break(q->chan, why);
		return false;
	}
	mmnet_flow_add(&q->moder.rx, &q->msg.head);
	rx_frame(q, id);
	return true;
}

/**
 * mmnet_rx_poll - receive frames, release what is not in use any more
 * @q: queue
 * @budget: at most so many frames
 *
 * Context: the poll.
 * Return: number of frames.
 */
int mmnet_rx_poll(struct mmnet_queue *q, int budget)
{
	unsigned int released;
	int done = 0;

	rcu_read_lock();	/* for fido_resolve() and the devices' settings */
	mmnet_xdp_begin(q);
	while (done + q->xdp.segments < budget && rx_one(q))
		if (++done % DONE_BATCH == 0)
			fido_rx_done(q->chan);
	done = min_t(u32, done + q->xdp.segments, budget);
	mmnet_xdp_end(q);
	rcu_read_unlock();
	fido_rx_done(q->chan);

	released = mmnet_pins_release(q);
	fido_rx_release_publish(q->chan);

	mmnet_rx_count(q, MMNET_RX_POLLS, 1);
	if (done || released)
		mmnet_queue_worked(q);
	return done;
}
