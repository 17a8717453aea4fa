// SPDX-License-Identifier: GPL-2.0
/*
 * Leaving: what came from a peer goes out by another device.
 *
 * An skb that points to a peer's memory may go wherever the stack wants, as
 * long as CPUs read it. But netfront would have to grant what does not belong
 * to this domain, and an emulated device reads by way of a program that cannot
 * map it: they get a copy. Virtual devices pass skbs on, and mmnet names the
 * owner's address for the next peer.
 *
 * The place to copy is the last one before a driver of a real device: its
 * egress hook of netfilter, which every skb passes in dev_queue_xmit(), before
 * the queueing discipline. There, nobody needs to guess any more what becomes
 * of a frame. Nor does it matter how it got there: by a bridge, a route, NAT,
 * a pair of veth, or in the hands of a process that splices from one socket to
 * another.
 *
 * The marks for zero-copy (SKBFL_ZEROCOPY_FRAG), which the stack obeys by
 * copying in skb_orphan_frags(), are of no use: a marked skb is copied before
 * any protocol gets it, thus for local sockets and for other mmnets, too.
 *
 * One way leads around the hook: what a filter of tc redirects to a device
 * skips it. While there is such a filter anywhere, mmnet copies on reception
 * what it cannot be sure of, see mmnet_leave_guarded().
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_netdev.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "mmnet.h"

/* Pages of copies may be as large */
#define COPY_ORDER	3

/* For so long, at most, a new filter of tc is not noticed */
#define LOOK_PERIOD	(HZ / 10)

/**
 * struct leave_guard - the hook of a device
 * @node: entry in the list of guards
 * @rcu: to free it
 * @net: the device's namespace
 * @ops: the hook; its argument tells whether the device is a Xen frontend
 */
struct leave_guard {
	struct list_head node;
	struct rcu_head rcu;
	struct net *net;
	struct nf_hook_ops ops;
};

static LIST_HEAD(guards);	/* under RTNL */
static bool leave_gap;		/* a device could not be guarded */

static unsigned long leave_next_look;
static bool leave_tc_seen;

static atomic64_t leave_copied;
static atomic64_t leave_copied_bytes;
static atomic64_t leave_dropped;

/* Is it foreign? */

/*
 * A frontend cannot grant any foreign page, whoever mapped it; other devices
 * do well with those of netback. A page of fido's is known as long as somebody
 * holds it, also when its link is gone.
 */
static bool page_cannot_leave(struct page *page, bool frontend)
{
	return page && !PageCompound(page) && PageForeign(page) &&
	       (frontend || fido_page_foreign(page));
}

static bool frags_cannot_leave(const struct sk_buff *skb, bool frontend)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	unsigned int i;

	for (i = 0; i < shinfo->nr_frags; i++)
		if (page_cannot_leave(skb_frag_page(&shinfo->frags[i]),
				      frontend))
			return true;
	return false;
}

static bool skb_cannot_leave(const struct sk_buff *skb, bool frontend)
{
	const struct sk_buff *iter;

	if (frags_cannot_leave(skb, frontend))
		return true;
	skb_walk_frags(skb, iter) {
		/* made of fragments of a datagram: not worth a closer look */
		if (skb_has_frag_list(iter) ||
		    frags_cannot_leave(iter, frontend))
			return true;
	}
	return false;
}

/* Copying */

/* All of @skb but its linear part, in pages of our own. */
static struct sk_buff *leave_copy_data(const struct sk_buff *skb)
{
	u32 offset = skb_headlen(skb), size;
	struct sk_buff *copy;
	unsigned int i;
	int err;

	copy = alloc_skb_with_frags(0, skb->data_len, COPY_ORDER, &err,
				    GFP_ATOMIC | __GFP_NOWARN);
	for (i = 0; copy && i < skb_shinfo(copy)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(copy)->frags[i];

		size = skb_frag_size(frag);
		if (skb_copy_bits(skb, offset, skb_frag_address(frag), size)) {
			kfree_skb(copy);
			return NULL;
		}
		offset += size;
	}
	return copy;
}

static void leave_swap_data(struct sk_buff *skb, struct sk_buff *copy)
{
	struct skb_shared_info *a = skb_shinfo(skb), *b = skb_shinfo(copy);
	unsigned int i, nr = max(a->nr_frags, b->nr_frags);

	for (i = 0; i < nr; i++)
		swap(a->frags[i], b->frags[i]);
	swap(a->nr_frags, b->nr_frags);
	swap(a->frag_list, b->frag_list);
	copy->pp_recycle = skb->pp_recycle;
}

/*
 * The skb stays, as its owner knows it: a clone of what TCP may send again has
 * a state in the socket. Only its data is exchanged, after that no other clone
 * shares the list of it.
 */
static int leave_copy(struct sk_buff *skb)
{
	struct sk_buff *copy;

	if (skb_shared(skb))
		return -EBUSY;
	copy = leave_copy_data(skb);
	if (!copy)
		return -ENOMEM;
	if (skb_unclone(skb, GFP_ATOMIC)) {
		kfree_skb(copy);
		return -ENOMEM;
	}
	leave_swap_data(skb, copy);
	consume_skb(copy);
	atomic64_inc(&leave_copied);
	atomic64_add(skb->data_len, &leave_copied_bytes);
	return 0;
}

static unsigned int leave_hook(void *frontend, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	if (!skb_is_nonlinear(skb) || !skb_cannot_leave(skb, frontend))
		return NF_ACCEPT;
	if (!leave_copy(skb))
		return NF_ACCEPT;
	atomic64_inc(&leave_dropped);
	return NF_DROP;
}

/* Which devices? */

static bool leave_is_frontend(const struct net_device *dev)
{
	const struct device *parent = dev->dev.parent;

	return parent->bus && !strcmp(parent->bus->name, "xen");
}

static struct leave_guard *guard_of(const struct net_device *dev)
{
	struct leave_guard *guard;

	list_for_each_entry(guard, &guards, node)
		if (guard->ops.dev == dev)
			return guard;
	return NULL;
}

static int guard_register(struct leave_guard *guard, struct net_device *dev)
{
	guard->net = dev_net(dev);
	guard->ops = (struct nf_hook_ops) {
		.hook = leave_hook,
		.dev = dev,
		.priv = leave_is_frontend(dev) ? guard : NULL,
		.pf = NFPROTO_NETDEV,
		.hooknum = NF_NETDEV_EGRESS,
		.priority = INT_MAX,
	};
	return nf_register_net_hook(guard->net, &guard->ops);
}

static void guard_add(struct net_device *dev)
{
	struct leave_guard *guard;

	if (!dev->dev.parent || mmnet_is_netdev(dev) || guard_of(dev))
		return;
	guard = kzalloc(sizeof(*guard), GFP_KERNEL);
	if (guard && !guard_register(guard, dev)) {
		list_add(&guard->node, &guards);
		return;
	}
	kfree(guard);
	WRITE_ONCE(leave_gap, true);
	netdev_warn(dev, "mmnet: without a hook at its egress; frames that might be forwarded are copied\n");
}

static void guard_remove(const struct net_device *dev)
{
	struct leave_guard *guard = guard_of(dev);

	if (!guard)
		return;
	list_del(&guard->node);
	nf_unregister_net_hook(guard->net, &guard->ops);
	kfree_rcu(guard, rcu);
}

/* Devices also come and go when they move to another namespace. */
static int leave_netdev_event(struct notifier_block *nb, unsigned long event,
			      void *info)
{
	struct net_device *dev = netdev_notifier_info_to_dev(info);

	if (event == NETDEV_REGISTER)
		guard_add(dev);
	else if (event == NETDEV_UNREGISTER)
		guard_remove(dev);
	return NOTIFY_DONE;
}

static struct notifier_block leave_nb = {
	.notifier_call = leave_netdev_event,
};

/* May frames be kept that will perhaps leave? */

static bool leave_find_tc(void)
{
	const struct net_device *dev;
	const struct net *net;

	for_each_net_rcu(net)
		for_each_netdev_rcu(net, dev)
			if (compat_dev_has_tc(dev) ||
			    compat_dev_has_tc_egress(dev))
				return true;
	return false;
}

/*
 * Nobody tells of new filters. Frames that meet one within the first moments
 * get lost like on any other network, if it redirects them to netfront: its
 * backend refuses them.
 */
static bool leave_tc_in_use(void)
{
	if (time_after_eq(jiffies, READ_ONCE(leave_next_look))) {
		WRITE_ONCE(leave_next_look, jiffies + LOOK_PERIOD);
		WRITE_ONCE(leave_tc_seen, leave_find_tc());
	}
	return READ_ONCE(leave_tc_seen);
}

/**
 * mmnet_leave_guarded - is a frame copied where it leaves, if it has to be?
 *
 * Context: RCU read section.
 * Return: true if so: it can point to its sender's memory wherever it goes.
 */
bool mmnet_leave_guarded(void)
{
	return !READ_ONCE(leave_gap) && !leave_tc_in_use();
}

/**
 * mmnet_leave_get_stats - read the counters, which are of all devices together
 * @stats: gets a snapshot
 *
 * Context: any.
 */
void mmnet_leave_get_stats(struct mmnet_leave_stats *stats)
{
	stats->copied = atomic64_read(&leave_copied);
	stats->copied_bytes = atomic64_read(&leave_copied_bytes);
	stats->dropped = atomic64_read(&leave_dropped);
}

/**
 * mmnet_leave_init - guard all devices that there are and will be
 *
 * Context: process, sleeps.
 * Return: 0 or an error.
 */
int mmnet_leave_init(void)
{
	leave_next_look = jiffies;
	return register_netdevice_notifier(&leave_nb);
}

/**
 * mmnet_leave_exit - undo mmnet_leave_init()
 *
 * Context: process, sleeps.
 */
void mmnet_leave_exit(void)
{
	/* it is told that all devices go */
	unregister_netdevice_notifier(&leave_nb);
	/* a hook may still be running */
	synchronize_net();
}
