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
 * fido_link_bind - get the events of the peer, and be able to send some
 * @link: link; as a frontend, with a port
 * @peer_port: the peer's port, for a backend
 *
 * Context: process, sleeps.
 * Return: 0 or an error.
 */
int fido_link_bind(struct fido_link *link, evtchn_port_t peer_port)
{
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
	if (irq < 0)
		return irq;
	link->irq = irq;
	link->port = 0;		/* unbinding closes it */
	return 0;
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

/* Memory */

/**
 * fido_link_export - grant our memory to the peer
 * @link: link without an export
 *
 * Context: the link's work.
 * Return: 0, -EBUSY if there are too few grants as long as peers do not let go
 * of earlier ones, or an error of fido_export_create().
 */
int fido_link_export(struct fido_link *link)
{
	struct fido_export *export;
	unsigned int self;

	if (xenbus_scanf(XBT_NIL, "domid", "", "%u", &self) != 1)
		return -ENODEV;
	/* before the try: what peers let go meanwhile is worth another one */
	link->starved_by = fido_quarantine_grants();
	export = fido_export_create(self, link->peer, &link->removing);
	if (export == ERR_PTR(-ENOSPC) && link->starved_by)
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
 * Return: 0, or an error of fido_link_read_nodes() or fido_window_create().
 */
int fido_link_map_peer(struct fido_link *link)
{
	struct fido_window *window;
	unsigned int root_ref;
	int err;

	err = fido_link_read_nodes(link, &root_ref);
	if (err)
		return err;
	window = fido_window_create(link->peer, root_ref, &link->removing);
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
	fido_link_set_export(link, NULL);
	mutex_lock(&link->held_lock);
	list_splice_init(&link->held, &held);
	mutex_unlock(&link->held_lock);
	fido_export_destroy(export, &held);
}
