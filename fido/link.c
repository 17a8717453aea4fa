// SPDX-License-Identifier: GPL-2.0
/*
 * Link: the state machine between this domain and one peer, both roles. The
 * steps are drawn in include/fido_proto.h.
 *
 * All steps are taken by one work item for each link, which looks at the whole
 * situation each time it runs. xenstore watches, events and clients only kick
 * it. The thread that delivers watches for the whole system is never blocked.
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <xen/events.h>

#include "debugfs.h"
#include "heart.h"
#include "link.h"
#include "service.h"
#include "share.h"
#include "suspend.h"
#include "trace.h"
#include "window.h"

#define MIN_PAUSE		20	/* milliseconds, while something drains */
#define MAX_PAUSE		1000
#define MAX_FAILURES		5
#define RETRY_SECS		2	/* between them */
#define CLOSE_SECS		10	/* for the peer, and for readers here */
#define ANEW_DELAY		HZ	/* of a removal that is under way */

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
	link->progress = true;
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
	if (!link->removing && !link->asleep)
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
	WRITE_ONCE(link->progress, true);
	if (link->irq)
		notify_remote_via_irq(link->irq);
}

/**
 * fido_link_peer_state - the peer's xenbus state has changed
 * @link: link
 * @state: new state
 *
 * Context: the xenwatch thread.
 */
void fido_link_peer_state(struct fido_link *link, enum xenbus_state state)
{
	WRITE_ONCE(link->peer_state, state);
	fido_link_kick(link);
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

/**
 * fido_link_refuse - this domain lacks something, which is not the peer's fault
 * @link: link
 * @why: what, and what to do, a constant string
 *
 * Context: any. As fido_link_break(), but for what is logged.
 */
void fido_link_refuse(struct fido_link *link, const char *why)
{
	if (cmpxchg(&link->broken, NULL, why))
		return;
	dev_err(&link->xbdev->dev, "link to domain %u goes down: %s\n",
		link->peer, why);
	fido_link_kick(link);
}

/* Steps up */

static void link_up(struct fido_link *link)
{
	link_change_state(link, FIDO_LINK_UP);
	link->failures = 0;
	link->nr_starved = 0;
	link->retry_at = 0;
	dev_info(&link->xbdev->dev, "link to domain %u is up, %lu MiB mapped\n",
		 link->peer, fido_window_pages(fido_link_window(link)) >>
		 (20 - PAGE_SHIFT));
	fido_services_attach(link);
}

static void link_close(struct fido_link *link);

/*
 * Would it fail the same way again? The peer that goes away in the middle is
 * no reason to give up. Nor is a lack of memory, or of grants that others are
 * about to give back, however long it lasts: nobody would take that back, and
 * disks may wait for this link.
 */
static bool link_failed_for_good(struct fido_link *link, int err)
{
	switch (err) {
	case -ENOSPC:
	case -E2BIG:
	case -EPROTO:
	case -EPROTONOSUPPORT:
	case -EOPNOTSUPP:
		return true;
	case -EBUSY:
	case -EINTR:
	case -ENOMEM:
	case -ESTALE:
		return false;
	default:
		return ++link->failures >= MAX_FAILURES;
	}
}

/*
 * What has been missing is there again some time, and nothing tells when. A peer
 * that starts over without end is followed less and less often, too.
 */
static bool link_is_starved(const struct fido_link *link, int err)
{
	return err == -ENOMEM || err == -ESTALE ||
	       (err == -EBUSY && !link->starved_by);
}

static const char link_waits_for_others[] =
	": too little is left while links end or start, or memory is held: trying again";

/* The line for xl.cfg, which is in the log, may not be needed then. */
static const char *link_fail_more(int err)
{
	if (err == -ESTALE)
		return ": the peer has started over meanwhile: trying again";
	return err == -EBUSY ? link_waits_for_others : "";
}

/* Show the error in xenstore, give up what is there. */
static void link_fail(struct fido_link *link, int err, const char *doing)
{
	/* of a version fido_link_check_version() has told */
	if (err != -EINTR && err != -EPROTONOSUPPORT)
		xenbus_dev_error(link->xbdev, err, "%s%s", doing,
				 link_fail_more(err));
	if (link_failed_for_good(link, err))
		cmpxchg(&link->broken, NULL, doing);
	link->nr_starved = link_is_starved(link, err) ?
			   link->nr_starved + 1 : 0;
	link->retry_at = jiffies + (RETRY_SECS * HZ / 2 <<
				    clamp(link->nr_starved, 1U, 5U));
	link_close(link);
}

/*
 * Must the link wait before it starts over? Yes, if a step has failed a moment
 * ago, or if too much is left of earlier lives. As the latter can last, it is
 * reported.
 */
static bool link_must_wait(struct fido_link *link)
{
	const char *why;

	if (READ_ONCE(link->suspend))
		return true;
	why = fido_link_waits_for(link);
	if (why && why != link->waits_for)
		xenbus_dev_error(link->xbdev, -EBUSY, "%s", why);
	link->waits_for = why;
	return why || (link->retry_at && time_before(jiffies, link->retry_at));
}

/* Frontend: the backend waits for us. */
static void link_offer(struct fido_link *link)
{
	int err;

	link_change_state(link, FIDO_LINK_OFFERED);
	err = fido_link_export(link);
	if (err)
		return link_fail(link, err, "exporting memory");
	err = fido_link_alloc_port(link);
	if (err)
		return link_fail(link, err, "allocating an event channel");
	err = fido_link_write_nodes(link);
	if (err)
		return link_fail(link, err, fido_link_nodes_error(err));
	fido_link_show_state(link, XenbusStateInitialised);
}

/* Frontend: the backend has mapped us and exports its memory. */
static void link_connect_frontend(struct fido_link *link)
{
	unsigned int nr_starved;
	int err;

	err = fido_link_map_peer(link);
	if (err)
		return link_fail(link, err, "mapping the backend's memory");
	err = fido_link_bind(link, 0);
	if (!err && !fido_link_offer_stands(link))
		err = -ESTALE;
	if (err)
		return link_fail(link, err, "binding the event channel");
	nr_starved = link->nr_starved;
	link_up(link);
	fido_link_show_state(link, XenbusStateConnected);
	/* one that starts over before it can see this takes us for connected */
	if (fido_link_is_same_peer(link))
		return;
	/* less and less often, see link_is_starved() */
	link->nr_starved = nr_starved;
	link_fail(link, -ESTALE, "connecting to the backend");
}

/* Backend: the frontend exports its memory. */
static void link_connect_backend(struct fido_link *link)
{
	int err;

	link_change_state(link, FIDO_LINK_OFFERED);
	if (xenbus_scanf(XBT_NIL, link->xbdev->otherend, FIDO_XS_EVTCHN, "%u",
			 &link->peer_port) != 1)
		return link_fail(link, -ENOENT, "reading " FIDO_XS_EVTCHN);
	err = fido_link_export(link);
	if (err)
		return link_fail(link, err, "exporting memory");
	err = fido_link_map_peer(link);
	if (err)
		return link_fail(link, err, "mapping the frontend's memory");
	err = fido_link_bind(link, link->peer_port);
	/* bound or not: was it that of this life of the frontend? */
	if (!fido_link_offer_stands(link))
		err = -ESTALE;
	if (err)
		return link_fail(link, err, "binding the event channel");
	err = fido_link_write_nodes(link);
	if (err)
		return link_fail(link, err, fido_link_nodes_error(err));
	/*
	 * One that has connected to an earlier life of ours, just now, says so
	 * before it looks at our nodes again: either it is seen here that it has
	 * moved on, or it sees there what has just been written.
	 */
	if (!fido_link_offer_stands(link))
		return link_fail(link, -ESTALE, "connecting to the frontend");
	fido_link_show_state(link, XenbusStateConnected);
}

/*
 * Backend: the frontend is connected, to what it found in our nodes. It may have
 * started over between our last look and our own Connected.
 */
static void link_connected(struct fido_link *link)
{
	if (fido_link_is_same_peer(link))
		link_up(link);
	else
		link_fail(link, -ESTALE, "connecting to the frontend");
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
	fido_link_unbind(link);
	fido_link_end_drains(link);
	link->closing = fido_link_window(link);
	fido_link_set_window(link, NULL);
	/* other links may be looking through the window */
	synchronize_rcu();
	link->close_deadline = jiffies + CLOSE_SECS * HZ;
	if (was_up)
		dev_info(&link->xbdev->dev, "link to domain %u is down\n",
			 link->peer);
	fido_link_show_state(link, XenbusStateClosing);
}

/* Has the peer unmapped our memory, or is there no peer any more? */
static bool peer_has_closed(enum xenbus_state peer)
{
	return peer == XenbusStateClosed || peer == XenbusStateUnknown ||
	       peer == XenbusStateInitialising || peer == XenbusStateInitWait;
}

/*
 * A process here may hold the peer's memory for as long as it likes, an unread
 * datagram is enough. That must not keep the link from coming back for all
 * others: the window shrinks on its own then. The peer keeps what is mapped
 * out of use meanwhile.
 */
static bool link_abandon(struct fido_link *link)
{
	if (time_before(jiffies, link->close_deadline))
		return false;
	dev_warn(&link->xbdev->dev,
		 "processes still hold memory of domain %u: it stays mapped until they let go\n",
		 link->peer);
	fido_window_abandon(link->closing);
	return true;
}

/* Returns true if it has to be called again soon. */
static bool link_step_down(struct fido_link *link, enum xenbus_state peer)
{
	if (link->state == FIDO_LINK_CLOSING) {
		if (link->closing && fido_window_shrink(link->closing) &&
		    !link_abandon(link))
			return true;
		link->closing = NULL;
		link_change_state(link, FIDO_LINK_CLOSED);
		fido_link_show_state(link, XenbusStateClosed);
	}
	if (link->state != FIDO_LINK_CLOSED || !link->export)
		return false;
	if (!peer_has_closed(peer) &&
	    time_before(jiffies, link->close_deadline))
		return true;
	fido_link_revoke(link);
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
	if (READ_ONCE(link->broken) || link->must_wait)
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
		/* refused for our version, perhaps: then both say so */
		if (link->state == FIDO_LINK_OFFERED)
			fido_link_check_version(link);
		if (link->state != FIDO_LINK_INIT)
			link_close(link);
		break;
	}
}

/*
 * The frontend has nothing of ours, and we have nothing of the frontend's: wait
 * for it, unless the toolstack is about to remove the link.
 */
static void backend_restart(struct fido_link *link)
{
	if (link->state != FIDO_LINK_CLOSED || link->export ||
	    READ_ONCE(link->broken) || link->must_wait ||
	    !xenbus_read_unsigned(link->xbdev->nodename, "online", 1))
		return;
	link_change_state(link, FIDO_LINK_INIT);
	fido_link_show_state(link, XenbusStateInitWait);
}

static void backend_step(struct fido_link *link, enum xenbus_state frontend)
{
	switch (frontend) {
	case XenbusStateInitialised:
		if (link->state == FIDO_LINK_UP)
			link_close(link);	/* we missed its Closing */
		else if (link->state == FIDO_LINK_INIT && !link->must_wait)
			link_connect_backend(link);
		break;
	case XenbusStateConnected:
		if (link->state == FIDO_LINK_OFFERED)
			link_connected(link);
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

/* At the end of the work: a peer that signals without reason is slowed down. */
static void link_ack_event(struct fido_link *link)
{
	if (link->irq && test_and_clear_bit(0, &link->eoi_pending))
		xen_irq_lateeoi(link->irq, link->progress ?
				0 : XEN_EOI_FLAG_SPURIOUS);
}

/* Look again, later and later as long as nothing changes. */
static void link_work_again(struct fido_link *link)
{
	if (link->progress || !link->pause)
		link->pause = MIN_PAUSE;
	else
		link->pause = min_t(unsigned int, 2 * link->pause, MAX_PAUSE);
	queue_delayed_work(link->wq, &link->work,
			   msecs_to_jiffies(link->pause));
}

/*
 * The nodes may be removed and made anew before xenbus sees that they were
 * gone. They are ours then: the link starts over, and nobody waits for its
 * earlier life. A link that is up learns this from its peer; one that waits, or
 * was given up, learns it only here. If xenbus did see it, it removes this
 * device in a moment, and the nodes are our successor's.
 */
static void link_look_anew(struct fido_link *link)
{
	/* as long as we have never written there they are not */
	if (!link->anew_at && link->was_shown && fido_link_is_anew(link))
		link->anew_at = (jiffies + ANEW_DELAY) ?: 1;
}

/* Returns true if it has to be called again soon. */
static bool link_step_anew(struct fido_link *link)
{
	if (!link->anew_at)
		return false;
	if (time_before(jiffies, link->anew_at))
		return true;
	link->anew_at = 0;
	if (!fido_link_is_anew(link))
		return false;
	link_close(link);
	WRITE_ONCE(link->broken, NULL);
	link->nr_starved = 0;
	link->failures = 0;
	link->retry_at = 0;
	link->starts.nr = 0;
	link->is_told = false;
	return true;
}

/* For a suspend, a link in INIT may stay as it is: it has nothing. */
static bool link_must_close(const struct fido_link *link, bool suspend)
{
	return READ_ONCE(link->broken) ||
	       (suspend && link->state != FIDO_LINK_INIT);
}

static bool link_may_start(const struct fido_link *link)
{
	return !READ_ONCE(link->broken) && (link->state == FIDO_LINK_INIT ||
					    link->state == FIDO_LINK_CLOSED);
}

static void link_work_fn(struct work_struct *work)
{
	struct fido_link *link = container_of(to_delayed_work(work),
					      struct fido_link, work);
	/* memory may be short until this link is up, if its disks hold swap */
	unsigned int noio = memalloc_noio_save();
	bool suspend = fido_suspend_look(link);
	enum xenbus_state peer = READ_ONCE(link->peer_state);
	bool again, was_closed;

	WRITE_ONCE(link->progress, false);
	if (!suspend && xchg(&link->rescan, false)) {
		fido_services_scan(link);
		link_look_anew(link);
	}
	if (link_must_close(link, suspend))
		link_close(link);
	/* what could not be written is nothing to those that were made anew */
	if (!link->anew_at)
		fido_link_step_nodes(link);
	again = link_step_anew(link);
	again |= link_step_down(link, peer);
	link->must_wait = link_may_start(link) && link_must_wait(link);
	again |= link->must_wait;
	if (link->is_frontend)
		frontend_step(link, peer);
	else
		backend_step(link, peer);
	was_closed = link->state == FIDO_LINK_CLOSED;
	again |= link_step_down(link, peer);
	/* look again at once: the peer may have started over already */
	again |= link->state == FIDO_LINK_CLOSED && !was_closed;
	if (link->state == FIDO_LINK_UP) {
		/* first what becomes free, then services that wait for it */
		again |= fido_link_step_held(link);
		again |= fido_services_step(link);
	}
	again |= fido_heart_step(link);
	again |= link->unshown || (!suspend && READ_ONCE(link->rescan));
	if (suspend)
		fido_suspend_step(link);
	else
		again |= fido_services_probe(link);
	link_ack_event(link);
	if (again)
		link_work_again(link);
	memalloc_noio_restore(noio);
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
	/* xenstore's quota: there may be room again */
	return err == -ENOSPC ? -EDQUOT : err;
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
	link->peer_state = XenbusStateInitialising;
	snprintf(link->name, sizeof(link->name), "fido-%u", link->peer);
	INIT_DELAYED_WORK(&link->work, link_work_fn);
	INIT_LIST_HEAD(&link->held);
	mutex_init(&link->held_lock);
	spin_lock_init(&link->kick_lock);
	/*
	 * Ordered, with WQ_MEM_RECLAIM, and of the kind that may wait for queues
	 * without it: the network core flushes one when an mmnet is removed.
	 * That is done on purpose, not while memory waits for the link.
	 */
	link->wq = create_singlethread_workqueue(link->name);
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

/**
 * fido_link_add - a xenbus device has appeared
 * @xbdev: device
 * @is_frontend: our role
 *
 * Context: process, sleeps; a ->probe() of xenbus.
 * Return: 0, -EEXIST or -ENOSPC of fido_link_enlist(), or an error that may pass.
 */
int fido_link_add(struct xenbus_device *xbdev, bool is_frontend)
{
	struct fido_link *link = link_alloc(xbdev, is_frontend);
	int err;

	if (!link)
		return -ENOMEM;
	err = fido_link_enlist(link);
	if (err) {
		xenbus_dev_error(xbdev, err,
				 "at most %u links, one for each peer",
				 FIDO_MAX_PEERS);
		goto err_free;
	}
	dev_set_drvdata(&xbdev->dev, link);
	fido_debugfs_add_link(link);
	/*
	 * A frontend without a backend waits in Closed: in a lower state the
	 * kernel would keep modprobe waiting for up to 30 seconds. What cannot
	 * be written now is by the work, which the new watch has run.
	 */
	fido_link_show_state(link, is_frontend ? XenbusStateClosed :
						 XenbusStateInitWait);
	/* the last step: from here on the work runs */
	err = link_watch(link);
	if (err)
		goto err_delist;
	return 0;

err_delist:
	fido_debugfs_remove_link(link);
	dev_set_drvdata(&xbdev->dev, NULL);
	fido_link_delist(link);
err_free:
	link_free(link);
	return err;
}

/*
 * Take the link down for good. Nobody is waited for, as this may run in the
 * thread that serves all xenbus devices: pages that are in use go to the
 * abandoned windows, grants that are in use go to quarantine.
 */
static void link_finish(struct fido_link *link)
{
	link_close(link);
	fido_heart_step(link);
	if (link->closing && fido_window_shrink(link->closing))
		fido_window_abandon(link->closing);
	link->closing = NULL;
	fido_link_show_state(link, XenbusStateClosed);
	fido_link_revoke(link);
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
	fido_link_delist(link);
	dev_set_drvdata(&xbdev->dev, NULL);
	link_free(link);
}
