// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: what a link writes about itself to its directory in xenstore, and
 * what it reads there of the peer.
 */
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/mutex.h>
#include <xen/xenbus.h>

#include "export.h"
#include "link.h"

/*
 * One at a time: xenstored allows a domain about ten open transactions, and all
 * disks of a link may report at once. Others need theirs to connect at all.
 */
static DEFINE_MUTEX(transact_lock);

/**
 * fido_transact - write nodes that hang together with others
 * @write: looks whether they are wanted, and writes; -ENOENT if they are not
 * @data: for it
 *
 * Writing to a directory that the toolstack has just removed would bring it
 * back. Only a transaction makes one of the look and the writing; but xenstored
 * bounds a domain's open ones, and rather than not to write at all it is done
 * without. What is left then is that moment.
 *
 * Context: process, sleeps.
 * Return: what @write returns; or an error.
 */
int fido_transact(int (*write)(struct xenbus_transaction xbt, const void *data),
		  const void *data)
{
	struct xenbus_transaction xbt;
	int err, end;

	mutex_lock(&transact_lock);
	do {
		if (xenbus_transaction_start(&xbt)) {
			err = write(XBT_NIL, data);
			end = 0;
			break;
		}
		err = write(xbt, data);
		end = xenbus_transaction_end(xbt, err);
	} while (!err && end == -EAGAIN);
	mutex_unlock(&transact_lock);
	return err ?: end;
}

static int link_write_version(const struct fido_link *link,
			      struct xenbus_transaction xbt)
{
	return xenbus_printf(xbt, link->xbdev->nodename, FIDO_XS_VERSION, "%u",
			     FIDO_PROTO_VERSION);
}

/*
 * Whoever sees a backend wait, and then refuse, can tell whether it speaks
 * another version. That can do without, as at a quota of xenstore, whose errors
 * have several names: it is written again in fido_link_write_nodes(). Nobody
 * comes without the state.
 */
static int link_write_change(const struct fido_link *link,
			     struct xenbus_transaction xbt, int now,
			     enum xenbus_state state)
{
	if (state == XenbusStateInitWait)
		link_write_version(link, xbt);
	if (now == state)
		return 0;
	return xenbus_printf(xbt, link->xbdev->nodename, "state", "%d", state);
}

/*
 * The state that the peer and the toolstack see. Nodes in Initialising are new:
 * every link leaves that state when it is added, so the toolstack has made this
 * one anew meanwhile, at the same place. There are two cases:
 *
 *  - We are being removed, which may have taken its time. The nodes belong to
 *    our successor, which would never be probed if they were written to
 *    (xenbus_probe_node()).
 *  - We stay, as xenbus saw the nodes only when they were there again. They are
 *    ours then. Newer kernels probe a frontend again, but leave a backend as it
 *    is, and have xenbus_switch_state() not write to such nodes.
 */
static int link_write_state(struct fido_link *link, enum xenbus_state state)
{
	const char *dir = link->xbdev->nodename;
	struct xenbus_transaction xbt;
	int now, err;

	do {
		err = xenbus_transaction_start(&xbt);
		if (err)
			return err;
		err = xenbus_scanf(xbt, dir, "state", "%d", &now);
		if (err != 1 ||
		    (link->removing && now == XenbusStateInitialising)) {
			xenbus_transaction_end(xbt, 1);
			/* gone, or not for us to write */
			return err == 1 || err == -ENOENT ? 0 : err;
		}
		err = link_write_change(link, xbt, now, state);
		if (err) {
			xenbus_transaction_end(xbt, 1);
			return err;
		}
		err = xenbus_transaction_end(xbt, 0);
	} while (err == -EAGAIN);
	/* xenbus's copy of the node: the next probe has to know what is there */
	if (!err)
		link->xbdev->state = state;
	return err;
}

/**
 * fido_link_show_state - show our state to the peer and the toolstack
 * @link: link
 * @state: state
 *
 * Who waits for it would wait for ever: what cannot be written is tried again
 * by fido_link_step_nodes(), and logged. A node that is gone is none to write.
 *
 * Context: process, sleeps.
 */
void fido_link_show_state(struct fido_link *link, enum xenbus_state state)
{
	int err = link_write_state(link, state);

	if (err && !link->unshown)
		dev_err(&link->xbdev->dev, "cannot write state %d: error %d\n",
			state, err);
	link->shown = state;
	link->unshown = err;
	link->was_shown |= !err;
}

/**
 * fido_link_step_nodes - write what could not be written before
 * @link: link
 *
 * Context: the link's work, which comes again as long as there is something.
 */
void fido_link_step_nodes(struct fido_link *link)
{
	if (link->unshown)
		fido_link_show_state(link, link->shown);
}

/**
 * fido_link_is_anew - has the toolstack made the link's nodes anew?
 * @link: link that was added
 *
 * Context: process, sleeps.
 * Return: true if so, and nothing was written to them since.
 */
bool fido_link_is_anew(const struct fido_link *link)
{
	int now;

	return xenbus_scanf(XBT_NIL, link->xbdev->nodename, "state", "%d",
			    &now) == 1 && now == XenbusStateInitialising;
}

static int link_write_all(struct xenbus_transaction xbt, const void *data)
{
	const struct fido_link *link = data;
	const char *dir = link->xbdev->nodename;
	int err;

	if (!xenbus_exists(xbt, dir, "state"))
		return -ENOENT;
	err = link_write_version(link, xbt);
	if (!err)
		err = xenbus_printf(xbt, dir, FIDO_XS_ROOT_REF, "%u",
				    fido_export_root_ref(link->export));
	if (!err)
		err = xenbus_printf(xbt, dir, FIDO_XS_FEATURES, "%u", 0);
	if (!err && link->is_frontend)
		err = xenbus_printf(xbt, dir, FIDO_XS_EVTCHN, "%u",
				    link->port);
	return err;
}

/**
 * fido_link_write_nodes - write what the peer needs to find us
 * @link: link with an export; as a frontend, with an event channel
 *
 * Context: process, sleeps.
 * Return: 0, -EINTR if the toolstack has removed the link, or an error.
 */
int fido_link_write_nodes(struct fido_link *link)
{
	int err = fido_transact(link_write_all, link);

	if (err == -ENOENT)
		return -EINTR;
	/* xenstore's quota, not a table that stays too small */
	return err == -ENOSPC ? -EDQUOT : err;
}

static const char nodes_quota[] =
	"writing nodes: xenstore's quota is used up, in domain 0: xenstore-control quota";

/**
 * fido_link_nodes_error - what to say of a failure of fido_link_write_nodes()
 * @err: negative error
 *
 * Return: constant string.
 */
const char *fido_link_nodes_error(int err)
{
	return err == -EDQUOT ? nodes_quota : "writing nodes";
}

/* Once for each version: a frontend is brought here by its peer, at will. */
static void link_tell_version(struct fido_link *link, unsigned int version)
{
	if (link->is_told && link->told_version == version)
		return;
	link->is_told = true;
	link->told_version = version;
	xenbus_dev_error(link->xbdev, -EPROTONOSUPPORT,
			 "domain %u speaks version %u of the protocol, we speak %u: install the same fido in both",
			 link->peer, version, FIDO_PROTO_VERSION);
}

/**
 * fido_link_check_version - does the peer speak our version of the protocol?
 * @link: link
 *
 * If not, that is told in the log and to the toolstack.
 *
 * Context: process, sleeps.
 * Return: 0, -ENOENT if the peer does not say, -EPROTONOSUPPORT.
 */
int fido_link_check_version(struct fido_link *link)
{
	unsigned int version;

	if (xenbus_scanf(XBT_NIL, link->xbdev->otherend, FIDO_XS_VERSION, "%u",
			 &version) != 1)
		return -ENOENT;
	if (version == FIDO_PROTO_VERSION)
		return 0;
	link_tell_version(link, version);
	return -EPROTONOSUPPORT;
}

/**
 * fido_link_read_nodes - read what the peer has written to be found
 * @link: link
 * @root_ref: gets the grant reference of the peer's root page
 *
 * Context: process, sleeps.
 * Return: 0, -ENOENT if something is missing, -EPROTONOSUPPORT, which was told.
 */
int fido_link_read_nodes(struct fido_link *link, unsigned int *root_ref)
{
	int err = fido_link_check_version(link);

	if (err)
		return err;
	if (xenbus_scanf(XBT_NIL, link->xbdev->otherend, FIDO_XS_ROOT_REF,
			 "%u", root_ref) != 1)
		return -ENOENT;
	return 0;
}

static bool link_peer_has(const struct fido_link *link, const char *name,
			  unsigned int value)
{
	unsigned int now;

	return xenbus_scanf(XBT_NIL, link->xbdev->otherend, name, "%u",
			    &now) == 1 && now == value;
}

/**
 * fido_link_is_same_peer - is the peer in the life that was connected to?
 * @link: link with @peer_root_ref; as a backend, with @peer_port
 *
 * As long as its root page is mapped here, another life has another reference.
 *
 * Context: process, sleeps.
 * Return: false if not, or if that cannot be read.
 */
bool fido_link_is_same_peer(const struct fido_link *link)
{
	return link_peer_has(link, FIDO_XS_ROOT_REF, link->peer_root_ref) &&
	       (link->is_frontend ||
		link_peer_has(link, FIDO_XS_EVTCHN, link->peer_port));
}

/**
 * fido_link_offer_stands - has the peer still what was read of it?
 * @link: link with @peer_root_ref; as a backend, with @peer_port
 *
 * Its nodes are not read at one time, and what they name is used later. A peer
 * that is loaded anew in between may have given these references to other pages
 * and other ports. Before it takes anything back it leaves the state in which it
 * may be connected to.
 *
 * Context: process, sleeps.
 * Return: false if not, or if that cannot be read.
 */
bool fido_link_offer_stands(const struct fido_link *link)
{
	return fido_link_is_same_peer(link) &&
	       link_peer_has(link, "state", link->is_frontend ?
					    XenbusStateConnected :
					    XenbusStateInitialised);
}

/* Only while the toolstack wants the link. */
static int link_write_mark(const struct fido_link *link,
			   struct xenbus_transaction xbt, const char *name)
{
	const char *dir = link->xbdev->nodename;

	if (!xenbus_exists(xbt, dir, "state"))
		return -ENOENT;
	return xenbus_write(xbt, dir, name, "1");
}

static int link_write_suspended(struct xenbus_transaction xbt, const void *data)
{
	return link_write_mark(data, xbt, FIDO_XS_SUSPENDED);
}

static int link_write_silent(struct xenbus_transaction xbt, const void *data)
{
	return link_write_mark(data, xbt, FIDO_XS_SILENT);
}

/**
 * fido_link_show_suspended - show that the link waits for this domain
 * @link: link
 * @suspended: does it?
 *
 * For people: the peer sees no more than a link that is closed. Nodes that the
 * toolstack has removed are not made anew.
 *
 * Context: process, sleeps.
 */
void fido_link_show_suspended(const struct fido_link *link, bool suspended)
{
	const char *dir = link->xbdev->nodename;

	if (suspended)
		fido_transact(link_write_suspended, link);
	else if (xenbus_exists(XBT_NIL, dir, FIDO_XS_SUSPENDED))
		xenbus_rm(XBT_NIL, dir, FIDO_XS_SUSPENDED);
}

/**
 * fido_link_show_silent - show that the peer gives no sign of life
 * @link: link
 * @silent: is it so?
 *
 * For people, who see in dom0 whether that domain is paused.
 *
 * Context: process, sleeps.
 * Return: 0, also if the nodes are gone; or an error.
 */
int fido_link_show_silent(const struct fido_link *link, bool silent)
{
	int err;

	if (silent)
		err = fido_transact(link_write_silent, link);
	else
		err = xenbus_rm(XBT_NIL, link->xbdev->nodename, FIDO_XS_SILENT);
	return err == -ENOENT ? 0 : err;
}
