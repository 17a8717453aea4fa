// SPDX-License-Identifier: GPL-2.0
/*
 * Link: the state machine between this domain and one peer, both roles. The
 * steps are drawn in include/fido_proto.h.
 *
 * All steps are taken by one work item for each link, which looks at the whole
 * situation each time it runs. xenstore watches, events and clients only kick
 * it. The thread that delivers watches for the whole system is never blocked.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <xen/events.h>
#include <xen/grant_table.h>

#include "chan.h"
#include "compat.h"
#include "debugfs.h"
#include "export.h"
#include "link.h"
#include "service.h"
#include "trace.h"
#include "window.h"

#define STEP_MSECS		20	/* while something is drained */
#define CLOSE_SECS		10	/* for the peer to close its side */
#define REMOVE_DRAIN_SECS	1	/* for our users of the peer's pages */

static DEFINE_MUTEX(links_lock);	/* guards changes of the list */
static LIST_HEAD(links);		/* read under RCU */

/**
 * fido_link_state_str - name of a state
 * @state: state
 *
 * Return: the name.
 */
const char *fido_link_state_str(enum fido_link_state state)
{
	static const char * const name[] = {
		[FIDO_LINK_INIT] = "init",
		[FIDO_LINK_OFFERED] = "offered",
		[FIDO_LINK_UP] = "up",
		[FIDO_LINK_CLOSING] = "closing",
		[FIDO_LINK_CLOSED] = "closed",
	};

	return state < ARRAY_SIZE(name) ? name[state] : "?";
}

static bool link_transition_valid(enum fido_link_state old,
				  enum fido_link_state new)
{
	switch (old) {
	case FIDO_LINK_INIT:
		return new == FIDO_LINK_OFFERED || new == FIDO_LINK_CLOSED;
	case FIDO_LINK_OFFERED:
		return new == FIDO_LINK_UP || new == FIDO_LINK_CLOSING;
	case FIDO_LINK_UP:
		return new == FIDO_LINK_CLOSING;
	case FIDO_LINK_CLOSING:
		return new == FIDO_LINK_CLOSED;
	case FIDO_LINK_CLOSED:
		return new == FIDO_LINK_INIT;
	}
	return false;
}

/* The only writer of @state. */
static void link_change_state(struct fido_link *link, enum fido_link_state new)
{
	if (WARN_ONCE(!link_transition_valid(link->state, new),
		      "fido: link from %s to %s\n",
		      fido_link_state_str(link->state),
		      fido_link_state_str(new)))
		return;
	trace_fido_link_state(link, new);
	WRITE_ONCE(link->state, new);
}

/**
 * fido_link_kick - have the link's work look at everything
 * @link: link
 *
 * Context: any.
 */
void fido_link_kick(struct fido_link *link)
{
	unsigned long flags;

	spin_lock_irqsave(&link->kick_lock, flags);
	if (!link->removing)
		mod_delayed_work(link->wq, &link->work, 0);
	spin_unlock_irqrestore(&link->kick_lock, flags);
}

/**
 * fido_link_signal - tell the peer to look at the service table
 * @link: link that is up
 *
 * Context: any.
 */
void fido_link_signal(struct fido_link *link)
{
	if (link->irq)
		notify_remote_via_irq(link->irq);
}

/**
 * fido_link_break - the peer has violated the protocol
 * @link: link
 * @why: reason, a constant string
 *
 * Context: any. The first reason is logged, and the link goes down soon.
 */
void fido_link_break(struct fido_link *link, const char *why)
{
	if (cmpxchg(&link->broken, NULL, why))
		return;
	dev_err(&link->xbdev->dev, "domain %u broke the protocol: %s\n",
		link->peer, why);
	fido_link_kick(link);
}

/* Windows, for all links */

/**
 * fido_link_window - the window of a link, for its own services
 * @link: link that is up
 *
 * Context: the link's work, or a service that is attached: the window stays
 * until services are detached.
 * Return: the window.
 */
struct fido_window *fido_link_window(const struct fido_link *link)
{
	return rcu_dereference_protected(link->window, true);
}

/**
 * fido_window_of - the window onto a domain
 * @owner: domain
 *
 * Context: RCU read section, which keeps the window.
 * Return: the window, or NULL.
 */
const struct fido_window *fido_window_of(domid_t owner)
{
	const struct fido_window *window;
	const struct fido_link *link;

	list_for_each_entry_rcu(link, &links, node) {
		window = rcu_dereference(link->window);
		if (window && fido_window_owner(window) == owner)
			return window;
	}
	return NULL;
}

/**
 * fido_window_of_page - the window that shows a page
 * @page: any page
 * @frame: gets the owner's frame number
 *
 * Context: RCU read section, which keeps the window.
 * Return: the window, or NULL.
 */
const struct fido_window *fido_window_of_page(const struct page *page,
					      u64 *frame)
{
	const struct fido_window *window;
	const struct fido_link *link;

	list_for_each_entry_rcu(link, &links, node) {
		window = rcu_dereference(link->window);
		if (window && fido_window_frame(window, page, frame))
			return window;
	}
	return NULL;
}

/* Who reads us, whom do we read: for the decisions about forwarding. */
static void links_publish(void)
{
	u32 readers[FIDO_MAX_PEERS], windows[FIDO_MAX_PEERS];
	unsigned int i, nr_readers = 0, nr_windows = 0;
	struct fido_root *root;
	struct fido_link *link;

	memset(readers, 0xff, sizeof(readers));		/* FIDO_NO_DOMAIN */
	memset(windows, 0xff, sizeof(windows));
	list_for_each_entry(link, &links, node) {
		if (link->export && nr_readers < FIDO_MAX_PEERS)
			readers[nr_readers++] = link->peer;
		if (rcu_access_pointer(link->window) &&
		    nr_windows < FIDO_MAX_PEERS)
			windows[nr_windows++] = link->peer;
	}
	list_for_each_entry(link, &links, node) {
		if (!link->export)
			continue;
		root = fido_export_root(link->export);
		for (i = 0; i < FIDO_MAX_PEERS; i++) {
			WRITE_ONCE(root->readers[i], readers[i]);
			WRITE_ONCE(root->windows[i], windows[i]);
		}
	}
}

static void link_set_window(struct fido_link *link, struct fido_window *window)
{
	mutex_lock(&links_lock);
	rcu_assign_pointer(link->window, window);
	links_publish();
	mutex_unlock(&links_lock);
}

static void link_set_export(struct fido_link *link, struct fido_export *export)
{
	mutex_lock(&links_lock);
	link->export = export;
	links_publish();
	mutex_unlock(&links_lock);
}

/* Steps up */

static irqreturn_t link_interrupt(int irq, void *data)
{
	struct fido_link *link = data;

	/* acknowledged by the work: a storm of events costs one run each */
	set_bit(0, &link->eoi_pending);
	fido_link_kick(link);
	return IRQ_HANDLED;
}

static int link_bind(struct fido_link *link, evtchn_port_t peer_port)
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

static void link_unbind(struct fido_link *link)
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

static int link_export(struct fido_link *link)
{
	struct fido_export *export;
	unsigned int self;

	if (xenbus_scanf(XBT_NIL, "domid", "", "%u", &self) != 1)
		return -ENODEV;
	export = fido_export_create(self, link->peer);
	if (IS_ERR(export))
		return PTR_ERR(export);
	link_set_export(link, export);
	return 0;
}

/*
 * What the peer needs to find us. No transaction: the peer looks only after
 * the state has changed.
 */
static int link_write_nodes(struct fido_link *link)
{
	const char *dir = link->xbdev->nodename;
	int err;

	err = xenbus_printf(XBT_NIL, dir, FIDO_XS_VERSION, "%u",
			    FIDO_PROTO_VERSION);
	if (!err)
		err = xenbus_printf(XBT_NIL, dir, FIDO_XS_ROOT_REF, "%u",
				    fido_export_root_ref(link->export));
	if (!err)
		err = xenbus_printf(XBT_NIL, dir, FIDO_XS_FEATURES, "%u", 0);
	if (!err && link->is_frontend)
		err = xenbus_printf(XBT_NIL, dir, FIDO_XS_EVTCHN, "%u",
				    link->port);
	return err;
}

static int link_map_peer(struct fido_link *link)
{
	const char *dir = link->xbdev->otherend;
	unsigned int version, root_ref;
	struct fido_window *window;

	if (xenbus_scanf(XBT_NIL, dir, FIDO_XS_VERSION, "%u", &version) != 1 ||
	    xenbus_scanf(XBT_NIL, dir, FIDO_XS_ROOT_REF, "%u", &root_ref) != 1)
		return -ENOENT;
	if (version != FIDO_PROTO_VERSION) {
		dev_err(&link->xbdev->dev,
			"domain %u speaks version %u of the protocol, we speak %u: install the same fido in both\n",
			link->peer, version, FIDO_PROTO_VERSION);
		return -EPROTONOSUPPORT;
	}
	window = fido_window_create(link->peer, root_ref);
	if (IS_ERR(window))
		return PTR_ERR(window);
	link_set_window(link, window);
	return 0;
}

static void link_up(struct fido_link *link)
{
	link_change_state(link, FIDO_LINK_UP);
	dev_info(&link->xbdev->dev, "link to domain %u is up, %lu MiB mapped\n",
		 link->peer, fido_window_pages(fido_link_window(link)) >>
		 (20 - PAGE_SHIFT));
	fido_services_attach(link);
}

static void link_close(struct fido_link *link);

/*
 * Show the error in xenstore, give up what is there. Trying again would fail
 * again: the link stays closed until one loads the module anew or makes a new
 * link.
 */
static void link_fail(struct fido_link *link, int err, const char *doing)
{
	xenbus_dev_error(link->xbdev, err, "%s", doing);
	link->broken = doing;
	link_close(link);
}

/* Frontend: the backend waits for us. */
static void link_offer(struct fido_link *link)
{
	int err;

	link_change_state(link, FIDO_LINK_OFFERED);
	err = link_export(link);
	if (err)
		return link_fail(link, err, "exporting memory");
	err = xenbus_alloc_evtchn(link->xbdev, &link->port);
	if (err)
		return link_fail(link, err, "allocating an event channel");
	err = link_write_nodes(link);
	if (err)
		return link_fail(link, err, "writing nodes");
	xenbus_switch_state(link->xbdev, XenbusStateInitialised);
}

/* Frontend: the backend has mapped us and exports its memory. */
static void link_connect_frontend(struct fido_link *link)
{
	int err;

	err = link_map_peer(link);
	if (err)
		return link_fail(link, err, "mapping the backend's memory");
	err = link_bind(link, 0);
	if (err)
		return link_fail(link, err, "binding the event channel");
	link_up(link);
	xenbus_switch_state(link->xbdev, XenbusStateConnected);
}

/* Backend: the frontend exports its memory. */
static void link_connect_backend(struct fido_link *link)
{
	unsigned int port;
	int err;

	link_change_state(link, FIDO_LINK_OFFERED);
	if (xenbus_scanf(XBT_NIL, link->xbdev->otherend, FIDO_XS_EVTCHN, "%u",
			 &port) != 1)
		return link_fail(link, -ENOENT, "reading " FIDO_XS_EVTCHN);
	err = link_export(link);
	if (err)
		return link_fail(link, err, "exporting memory");
	err = link_map_peer(link);
	if (err)
		return link_fail(link, err, "mapping the frontend's memory");
	err = link_bind(link, port);
	if (err)
		return link_fail(link, err, "binding the event channel");
	err = link_write_nodes(link);
	if (err)
		return link_fail(link, err, "writing nodes");
	xenbus_switch_state(link->xbdev, XenbusStateConnected);
}

/* Steps down */

/* Services down, window out of reach; the rest follows in link_step_down(). */
static void link_close(struct fido_link *link)
{
	bool was_up = link->state == FIDO_LINK_UP;

	if (link->state == FIDO_LINK_INIT) {
		link_change_state(link, FIDO_LINK_CLOSED);
		return;
	}
	if (link->state != FIDO_LINK_OFFERED && !was_up)
		return;
	if (was_up)
		fido_services_detach(link);
	link_change_state(link, FIDO_LINK_CLOSING);
	link_unbind(link);
	fido_link_end_drains(link);
	link->closing = fido_link_window(link);
	link_set_window(link, NULL);
	/* other links may be looking through the window */
	synchronize_rcu();
	link->close_deadline = jiffies + CLOSE_SECS * HZ;
	if (was_up)
		dev_info(&link->xbdev->dev, "link to domain %u is down\n",
			 link->peer);
	xenbus_switch_state(link->xbdev, XenbusStateClosing);
}

/* Has the peer unmapped our memory, or is there no peer any more? */
static bool peer_has_closed(enum xenbus_state peer)
{
	return peer == XenbusStateClosed || peer == XenbusStateUnknown ||
	       peer == XenbusStateInitialising || peer == XenbusStateInitWait;
}

static void link_revoke(struct fido_link *link)
{
	struct fido_export *export = link->export;
	LIST_HEAD(held);

	if (!export)
		return;
	link_set_export(link, NULL);
	mutex_lock(&link->held_lock);
	list_splice_init(&link->held, &held);
	mutex_unlock(&link->held_lock);
	fido_export_destroy(export, &held);
}

/* Returns true if it has to be called again soon. */
static bool link_step_down(struct fido_link *link, enum xenbus_state peer)
{
	if (link->state == FIDO_LINK_CLOSING) {
		if (link->closing && fido_window_shrink(link->closing))
			return true;
		link->closing = NULL;
		link_change_state(link, FIDO_LINK_CLOSED);
		xenbus_switch_state(link->xbdev, XenbusStateClosed);
	}
	if (link->state != FIDO_LINK_CLOSED || !link->export)
		return false;
	if (!peer_has_closed(peer) &&
	    time_before(jiffies, link->close_deadline))
		return true;
	link_revoke(link);
	return false;
}

/*
 * One look at the peer's state, in each role. A link that was declared broken
 * does not start over.
 */

static void frontend_restart(struct fido_link *link)
{
	if (link->state == FIDO_LINK_UP)
		link_close(link);	/* the backend has started over */
	if (link->broken)
		return;
	if (link->state == FIDO_LINK_CLOSED && !link->export)
		link_change_state(link, FIDO_LINK_INIT);
	if (link->state == FIDO_LINK_INIT)
		link_offer(link);
}

static void frontend_step(struct fido_link *link, enum xenbus_state backend)
{
	switch (backend) {
	case XenbusStateInitWait:
		frontend_restart(link);
		break;
	case XenbusStateConnected:
		if (link->state == FIDO_LINK_OFFERED)
			link_connect_frontend(link);
		break;
	case XenbusStateInitialising:
	case XenbusStateInitialised:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
	case XenbusStateUnknown:
		if (link->state != FIDO_LINK_INIT)
			link_close(link);
		break;
	}
}

/* The frontend has nothing of ours, and we have nothing of its: wait for it. */
static void backend_restart(struct fido_link *link)
{
	if (link->state != FIDO_LINK_CLOSED || link->export || link->broken)
		return;
	link_change_state(link, FIDO_LINK_INIT);
	xenbus_switch_state(link->xbdev, XenbusStateInitWait);
}

static void backend_step(struct fido_link *link, enum xenbus_state frontend)
{
	switch (frontend) {
	case XenbusStateInitialised:
		if (link->state == FIDO_LINK_UP)
			link_close(link);	/* we missed its Closing */
		else if (link->state == FIDO_LINK_INIT)
			link_connect_backend(link);
		break;
	case XenbusStateConnected:
		if (link->state == FIDO_LINK_OFFERED)
			link_up(link);
		break;
	case XenbusStateInitWait:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		break;
	case XenbusStateInitialising:
	case XenbusStateClosed:
		if (link->state != FIDO_LINK_INIT)
			link_close(link);
		backend_restart(link);
		break;
	case XenbusStateClosing:
	case XenbusStateUnknown:
		if (link->state != FIDO_LINK_INIT)
			link_close(link);
		break;
	}
}

static void link_ack_event(struct fido_link *link)
{
	if (link->irq && test_and_clear_bit(0, &link->eoi_pending))
		xen_irq_lateeoi(link->irq, 0);
}

static void link_work_fn(struct work_struct *work)
{
	struct fido_link *link = container_of(to_delayed_work(work),
					      struct fido_link, work);
	enum xenbus_state peer;
	bool again;

	link_ack_event(link);
	peer = xenbus_read_driver_state(link->xbdev->otherend);
	if (xchg(&link->rescan, false))
		fido_services_scan(link);
	if (link->broken)
		link_close(link);
	again = link_step_down(link, peer);
	if (link->is_frontend)
		frontend_step(link, peer);
	else
		backend_step(link, peer);
	again |= link_step_down(link, peer);
	if (link->state == FIDO_LINK_UP) {
		fido_services_step(link);
		again |= fido_link_step_held(link);
	}
	if (again)
		queue_delayed_work(link->wq, &link->work,
				   msecs_to_jiffies(STEP_MSECS));
}

/* Life of a link */

static void link_watch_cb(struct xenbus_watch *watch, const char *path,
			  const char *token)
{
	struct fido_link *link = container_of(watch, struct fido_link,
					      service_watch);

	WRITE_ONCE(link->rescan, true);
	fido_link_kick(link);
}

static int link_watch(struct fido_link *link)
{
	int err;

	link->service_watch.node = kasprintf(GFP_KERNEL, "%s/" FIDO_XS_SERVICE,
					     link->xbdev->nodename);
	if (!link->service_watch.node)
		return -ENOMEM;
	link->service_watch.callback = link_watch_cb;
	err = register_xenbus_watch(&link->service_watch);
	if (err)
		kfree(link->service_watch.node);
	return err;
}

static void link_unwatch(struct fido_link *link)
{
	unregister_xenbus_watch(&link->service_watch);
	kfree(link->service_watch.node);
}

static struct fido_link *link_alloc(struct xenbus_device *xbdev,
				    bool is_frontend)
{
	struct fido_link *link = kzalloc(sizeof(*link), GFP_KERNEL);

	if (!link)
		return NULL;
	link->xbdev = xbdev;
	link->is_frontend = is_frontend;
	link->peer = xbdev->otherend_id;
	snprintf(link->name, sizeof(link->name), "fido-%u", link->peer);
	INIT_DELAYED_WORK(&link->work, link_work_fn);
	INIT_LIST_HEAD(&link->held);
	mutex_init(&link->held_lock);
	spin_lock_init(&link->kick_lock);
	link->wq = alloc_ordered_workqueue("%s", 0, link->name);
	if (!link->wq) {
		kfree(link);
		return NULL;
	}
	return link;
}

static void link_free(struct fido_link *link)
{
	destroy_workqueue(link->wq);
	synchronize_rcu();	/* readers of the list of links */
	kfree(link);
}

/* Two links with one peer would give two answers to "where is its memory?" */
static int link_enlist(struct fido_link *link)
{
	struct fido_link *other;
	unsigned int nr = 0;
	int err = 0;

	mutex_lock(&links_lock);
	list_for_each_entry(other, &links, node) {
		if (other->peer == link->peer)
			err = -EEXIST;
		nr++;
	}
	if (nr >= FIDO_MAX_PEERS)
		err = -ENOSPC;
	if (!err)
		list_add_tail_rcu(&link->node, &links);
	mutex_unlock(&links_lock);
	return err;
}

static void link_delist(struct fido_link *link)
{
	mutex_lock(&links_lock);
	list_del_rcu(&link->node);
	mutex_unlock(&links_lock);
}

/**
 * fido_link_add - a xenbus device has appeared
 * @xbdev: device
 * @is_frontend: our role
 *
 * Context: process, sleeps; a ->probe() of xenbus.
 * Return: 0 or an error.
 */
int fido_link_add(struct xenbus_device *xbdev, bool is_frontend)
{
	struct fido_link *link = link_alloc(xbdev, is_frontend);
	int err;

	if (!link)
		return -ENOMEM;
	err = link_enlist(link);
	if (err) {
		xenbus_dev_error(xbdev, err,
				 "at most %u links, one for each peer",
				 FIDO_MAX_PEERS);
		goto err_free;
	}
	dev_set_drvdata(&xbdev->dev, link);
	fido_debugfs_add_link(link);
	err = link_watch(link);
	if (err)
		goto err_delist;
	/*
	 * A frontend without a backend waits in Closed: in a lower state the
	 * kernel would keep modprobe waiting for up to 30 seconds.
	 */
	err = xenbus_switch_state(xbdev, is_frontend ? XenbusStateClosed :
						       XenbusStateInitWait);
	if (err)
		goto err_unwatch;
	fido_link_kick(link);
	return 0;

err_unwatch:
	link_unwatch(link);
err_delist:
	fido_debugfs_remove_link(link);
	dev_set_drvdata(&xbdev->dev, NULL);
	cancel_delayed_work_sync(&link->work);
	link_delist(link);
err_free:
	link_free(link);
	return err;
}

/*
 * Take the link down for good. Waits for our own users of the peer's pages,
 * then for the peer; both waits are bounded, what is left is left to the
 * lists of abandoned windows and of quarantined grants.
 */
static void link_finish(struct fido_link *link)
{
	unsigned long deadline = jiffies + REMOVE_DRAIN_SECS * HZ;
	const char *otherend = link->xbdev->otherend;

	link_close(link);
	while (link->closing && time_before(jiffies, deadline)) {
		if (!fido_window_shrink(link->closing))
			link->closing = NULL;
		else
			msleep(STEP_MSECS);
	}
	if (link->closing)
		fido_window_abandon(link->closing);
	link->closing = NULL;
	xenbus_switch_state(link->xbdev, XenbusStateClosed);

	while (link->export &&
	       !peer_has_closed(xenbus_read_driver_state(otherend)) &&
	       time_before(jiffies, link->close_deadline))
		msleep(STEP_MSECS);
	link_revoke(link);
}

/**
 * fido_link_remove - the xenbus device goes, or the module does
 * @xbdev: device
 *
 * Context: process, sleeps; a ->remove() of xenbus.
 */
void fido_link_remove(struct xenbus_device *xbdev)
{
	struct fido_link *link = dev_get_drvdata(&xbdev->dev);
	unsigned long flags;

	if (!link)
		return;
	spin_lock_irqsave(&link->kick_lock, flags);
	link->removing = true;
	spin_unlock_irqrestore(&link->kick_lock, flags);
	link_unwatch(link);
	cancel_delayed_work_sync(&link->work);

	fido_services_remove(link);
	link_finish(link);
	fido_debugfs_remove_link(link);
	link_delist(link);
	dev_set_drvdata(&xbdev->dev, NULL);
	link_free(link);
}
