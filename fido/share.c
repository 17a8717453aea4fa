// SPDX-License-Identifier: GPL-2.0
/*
 * Share: what a link and its peer have of each other. Our memory for the peer,
 * the peer's memory, and the event channel between the two.
 */
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <xen/events.h>
#include <xen/xenbus.h>

#include "export.h"
#include "link.h"
#include "share.h"
#include "window.h"

/* Others */

/**
 * struct share_others - are other links about to give something back?
 * @link: the one that asks
 * @change: one of them is, perhaps
 */
struct share_others {
	const struct fido_link *link;
	bool change;
};

/*
 * A link that is up keeps what it has, unless it is being removed. One that is
 * not gives it back in a while, or will if it does not come up: also where it
 * is just about to make an export. Who has a window has one, too.
 */
static bool link_is_between(const struct fido_link *link)
{
	enum fido_link_state state = READ_ONCE(link->state);

	if (state == FIDO_LINK_UP && !READ_ONCE(link->removing))
		return false;
	return state == FIDO_LINK_OFFERED || link->export ||
	       READ_ONCE(link->revoking);
}

static void share_look_at(struct fido_link *link, void *data)
{
	struct share_others *others = data;

	if (link != others->link)
		others->change |= link_is_between(link);
}

static bool share_others_change(const struct fido_link *link)
{
	struct share_others others = { .link = link };

	fido_links_for_each(share_look_at, &others);
	return others.change;
}

/* The event channel */

static irqreturn_t link_interrupt(int irq, void *data)
{
	struct fido_link *link = data;

	/* acknowledged by the work: a storm of events costs one run each */
	set_bit(0, &link->eoi_pending);
	fido_link_kick(link);
	return IRQ_HANDLED;
}

/**
 * fido_link_unbind - no event comes from now on
 * @link: link, with an event channel or without
 *
 * Context: process, waits for a handler that is running.
 */
void fido_link_unbind(struct fido_link *link)
{
	int irq = link->irq;

	link->irq = 0;
	if (irq)
		unbind_from_irqhandler(irq, link);
	if (link->port)
		xenbus_free_evtchn(link->xbdev, link->port);
	link->port = 0;
	clear_bit(0, &link->eoi_pending);
}

/*
 * Is it for good that no event channel is left? @others were about to give some
 * back before the try.
 */
static int share_port_error(const struct fido_link *link, int err, bool others)
{
	if (err == -ENOSPC && (others || share_others_change(link)))
		return -EBUSY;
	return err;
}

/**
 * fido_link_alloc_port - get an event channel for the peer to bind to
 * @link: link, as a frontend
 *
 * Context: process, sleeps.
 * Return: 0, -EBUSY if there is none left, but others will be given back; or an
 * error, of which -ENOSPC is for good.
 */
int fido_link_alloc_port(struct fido_link *link)
{
	bool others = share_others_change(link);
	int err = xenbus_alloc_evtchn(link->xbdev, &link->port);

	return share_port_error(link, err, others);
}

/**
 * fido_link_bind - get the events of the peer, and be able to send some
 * @link: link; as a frontend, with a port
 * @peer_port: the peer's port, for a backend
 *
 * Context: process, sleeps.
 * Return: 0, or an error as of fido_link_alloc_port(); a frontend's port is gone
 * then.
 */
int fido_link_bind(struct fido_link *link, evtchn_port_t peer_port)
{
	bool others = share_others_change(link);
	int irq;

	if (link->is_frontend)
		irq = bind_evtchn_to_irqhandler_lateeoi(link->port,
							link_interrupt, 0,
							link->name, link);
	else
		irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(link->xbdev,
								    peer_port,
								    link_interrupt,
								    0,
								    link->name,
								    link);
	if (irq < 0) {
		/* closed by the kernel already, perhaps: not to be kept */
		fido_link_unbind(link);
		return share_port_error(link, irq, others);
	}
	link->irq = irq;
	link->port = 0;		/* unbinding closes it */
	return 0;
}

/* Memory */

/*
 * Where grants, or maptrack entries, do not suffice, that is for good only if
 * nobody is about to give some back. It is asked before the try and after it, as
 * what comes back meanwhile is worth another one. Links first: what one leaves
 * behind when it has nothing any more is in quarantine, or an abandoned window.
 */
static bool share_grants_come_back(struct fido_link *link, bool others)
{
	others |= share_others_change(link);
	if (!link->starved_by)
		link->starved_by = fido_quarantine_grants();
	/* others end soon, and nothing would tell; quarantine may last */
	if (others)
		link->starved_by = 0;
	return others || link->starved_by;
}

static bool share_maptrack_comes_back(const struct fido_link *link)
{
	return share_others_change(link) ||
	       fido_windows_abandoned(FIDO_NO_DOMAIN);
}

/**
 * fido_link_export - grant our memory to the peer
 * @link: link without an export
 *
 * Context: the link's work.
 * Return: 0, -EBUSY if there are too few grants, but some will come back; or an
 * error of fido_export_create(), of which -ENOSPC is for good.
 */
int fido_link_export(struct fido_link *link)
{
	struct fido_export *export;
	unsigned int self;
	bool others;

	if (xenbus_scanf(XBT_NIL, "domid", "", "%u", &self) != 1)
		return -ENODEV;
	others = share_others_change(link);
	link->starved_by = fido_quarantine_grants();
	export = fido_export_create(self, link->peer, &link->removing);
	if (export == ERR_PTR(-ENOSPC) && share_grants_come_back(link, others))
		return -EBUSY;
	link->starved_by = 0;
	if (IS_ERR(export))
		return PTR_ERR(export);
	fido_pace_count(&link->starts, jiffies, FIDO_STARTS_JIFFIES);
	fido_link_set_export(link, export);
	return 0;
}

/**
 * fido_link_map_peer - map the memory that the peer grants
 * @link: link without a window
 *
 * Context: the link's work.
 * Return: 0, -ESTALE if the peer has started over meanwhile, -EBUSY if there are
 * too few maptrack entries, but some will come back; or an error of
 * fido_link_read_nodes() or fido_window_create(), of which -ENOSPC is for good.
 */
int fido_link_map_peer(struct fido_link *link)
{
	struct fido_window *window;
	bool others;
	int err;

	err = fido_link_read_nodes(link, &link->peer_root_ref);
	if (err)
		return err;
	others = share_maptrack_comes_back(link);
	window = fido_window_create(link->peer, link->peer_root_ref,
				    &link->removing);
	if (IS_ERR(window) && window != ERR_PTR(-EINTR) &&
	    !fido_link_offer_stands(link))
		return -ESTALE;
	if (window == ERR_PTR(-ENOSPC) &&
	    (others || share_maptrack_comes_back(link)))
		return -EBUSY;
	if (IS_ERR(window))
		return PTR_ERR(window);
	fido_link_set_window(link, window);
	return 0;
}

/**
 * fido_link_revoke - take back what was granted
 * @link: link that is down, with an export or without
 *
 * Context: the link's work, or after its end.
 */
void fido_link_revoke(struct fido_link *link)
{
	struct fido_export *export = link->export;
	LIST_HEAD(held);

	if (!export)
		return;
	/* before it is seen to have none, and until it is gone or in quarantine */
	WRITE_ONCE(link->revoking, true);
	fido_link_set_export(link, NULL);
	mutex_lock(&link->held_lock);
	list_splice_init(&link->held, &held);
	mutex_unlock(&link->held_lock);
	fido_export_destroy(export, &held);
	WRITE_ONCE(link->revoking, false);
}
