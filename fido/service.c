// SPDX-License-Identifier: GPL-2.0
/*
 * Service: the handshake with the peer's half (service table of the root page,
 * see include/fido_proto.h), and the interface to clients.
 */
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched/mm.h>
#include <linux/string.h>

#include "chan.h"
#include "export.h"
#include "heart.h"
#include "link.h"
#include "service.h"
#include "window.h"

/* The two halves of the handshake */

static struct fido_service_entry *service_mine(struct fido_service *service)
{
	return &fido_export_root(service->link->export)->service[service->sid];
}

/**
 * struct service_view - private copy of what the peer says
 * @gen: its generation
 * @peer_gen: which of ours it is connected to
 * @nr_channels: valid if @gen is nonzero
 * @chan_table: valid if @gen is nonzero
 * @type: valid if @gen is nonzero
 */
struct service_view {
	u32 gen;
	u32 peer_gen;
	u32 nr_channels;
	u64 chan_table;
	u8 type[FIDO_TYPE_LEN];
};

static void service_look(const struct fido_service *service,
			 struct service_view *view)
{
	const struct fido_window *window = fido_link_window(service->link);
	const struct fido_service_entry __peer *entry;

	entry = &fido_window_root(window)->service[service->sid];
	/*
	 * The echo before the generation: the peer changes its generation
	 * before it echoes a new one of ours, so an echo that we see now
	 * belongs to the generation that we see next, or to an older one.
	 */
	view->peer_gen = fido_peer_read_index(&entry->peer_gen);
	view->gen = fido_peer_read_index(&entry->gen);
	view->nr_channels = fido_peer_read32(&entry->nr_channels);
	view->chan_table = fido_peer_read64(&entry->chan_table);
	fido_peer_copy(view->type, entry->type, sizeof(view->type));
}

/* Our half is written in the order in which the peer reads it backwards. */
static void service_write_gen(struct fido_service *service, u32 gen)
{
	/* pairs with the peer's acquire of gen: the offer is complete */
	virt_store_release(&service_mine(service)->gen, gen);
}

static void service_write_echo(struct fido_service *service, u32 gen)
{
	service->peer_gen = gen;
	/* pairs with the peer's acquire of peer_gen */
	virt_store_release(&service_mine(service)->peer_gen, gen);
}

/* What was told is over: whatever it was, it is not told in xenstore any more. */
static void service_recover(struct fido_service *service)
{
	fido_service_clear(service, FIDO_XS_SERVICE_ERROR);
	service->bind_err = 0;
	service->is_refused = false;
}

/*
 * What is kept for a peer that still reads it is bounded, and may be kept for
 * long: a process there does not empty its socket, say. The administrator is
 * told then.
 */
static bool service_may_offer(struct fido_service *service)
{
	bool wait = !fido_link_may_hold(service->link, service->sid);

	if (wait && !service->waits)
		fido_error(service->fdev, -EBUSY,
			   "the peer still holds what earlier lives of this service sent: waiting until it lets go");
	else if (!wait && service->waits)
		service_recover(service);
	service->waits = wait;
	return !wait;
}

/*
 * Where memory is freed by way of a service, nobody may be able to free any
 * until it is up again. Its rings are some tens of pages: if there are no others,
 * out of the reserve that the kernel keeps for such cases; if even that is empty,
 * it is tried again.
 */
static struct fido_chans *service_chans_alloc(struct fido_service *service)
{
	const struct fido_service_config *config = &service->config;
	unsigned int flags = config->frees_memory ? memalloc_noreclaim_save() :
						    0;
	struct fido_chans *chans = fido_chans_alloc(service->link, service->sid,
						    config);

	if (config->frees_memory)
		memalloc_noreclaim_restore(flags);
	return chans;
}

/* Returns false if it has to be tried again later. */
static bool service_offer(struct fido_service *service)
{
	struct fido_service_entry *mine = service_mine(service);
	struct fido_chans *chans;

	chans = service_chans_alloc(service);
	if (IS_ERR(chans)) {
		if (!service->offer_failed)
			fido_error(service->fdev, PTR_ERR(chans),
				   "cannot allocate %u channels, trying again",
				   service->config.nr_channels);
		service->offer_failed = true;
		return false;
	}
	if (service->offer_failed)
		service_recover(service);
	service->offer_failed = false;
	chans->gen = fido_link_next_gen(service->link, service->sid);
	service->chans = chans;

	memcpy(mine->type, service->fdev->type, sizeof(mine->type));
	mine->nr_channels = chans->nr;
	mine->chan_table = virt_to_phys(chans->table);
	service_write_gen(service, chans->gen);
	fido_link_signal(service->link);
	return true;
}

/* Nobody here looks at the peer's channels from now on. */
static void service_down(struct fido_service *service)
{
	struct fido_driver *drv;

	if (!service->up)
		return;
	fido_chans_quiet(service->chans);
	drv = container_of(service->fdev->dev.driver, struct fido_driver,
			   driver);
	drv->down(service->fdev);
	WRITE_ONCE(service->up, false);
	service->silent = false;
	fido_service_report_state(service);
}

/*
 * The client holds nothing of the peer's any more, but its skbs and bios may:
 * the link finds out when they are gone.
 */
static void service_disconnect(struct fido_service *service)
{
	service_down(service);
	if (!service->peer_gen)
		return;
	fido_affinity_keep(service);
	fido_chans_disconnect(service->chans, false);
	fido_link_drain(service->link, service->sid, service->peer_gen);
	service_write_echo(service, 0);
}

/* Withdraw the offer; the peer may still read what was offered. */
static void service_retire(struct fido_service *service)
{
	if (!service->chans)
		return;
	service_disconnect(service);
	service_write_gen(service, 0);
	fido_affinity_keep(service);
	fido_chans_disconnect(service->chans, true);
	if (service->chans->used)
		fido_link_hold(service->link, service->chans);
	else
		fido_chans_free_one(service->chans);
	service->chans = NULL;
	fido_link_signal(service->link);
}

/*
 * More than MAX_REFUSED offers a minute that do not match break the link. A
 * peer that takes back offers that did match is served MAX_RENEWED times a
 * minute, see service_is_slowed().
 */
#define MAX_REFUSED	16
#define MAX_RENEWED	60
#define PACE_JIFFIES	(60 * HZ)

static void service_refuse(struct fido_service *service,
			   const struct service_view *view, int err)
{
	fido_chans_disconnect(service->chans, false);
	service->refused_gen = view->gen;
	if (fido_pace_count(&service->refused, jiffies, PACE_JIFFIES) >
	    MAX_REFUSED) {
		fido_link_break(service->link, "too many offers that do not match");
		return;
	}
	/* escaped: what the peer calls it must not look like other lines */
	fido_error(service->fdev, err,
		   "the peer's channels do not match: %u of type %*pE",
		   view->nr_channels,
		   (int)strnlen((const char *)view->type, FIDO_TYPE_LEN),
		   view->type);
	service->is_refused = true;
	service->bind_err = 0;
	/* nothing of it is used: the peer need not keep it */
	fido_link_drain(service->link, service->sid, view->gen);
}

/*
 * Nothing is wrong with the offer. The link's backend needs an event channel of
 * its own for each of the peer's, and this domain may be short of those; or the
 * peer's is not there. It is not up to the peer how often that is tried.
 */
static void service_connect_later(struct fido_service *service, int err)
{
	bool is_short = err == -ENOSPC || err == -ENOMEM;

	fido_chans_disconnect(service->chans, false);
	service->retry_at = (jiffies + FIDO_STARVED_DELAY) ?: 1;
	if (service->bind_err != err)
		fido_error(service->fdev, err,
			   "cannot bind event channels, trying again%s",
			   is_short ? ": see max_event_channels in xl.cfg" : "");
	service->bind_err = err;
}

/*
 * Once more from the beginning, as the client may have used the rings already,
 * and the kernel may have closed a port: the peer sees a service that was away.
 */
static void service_starve(struct fido_service *service, int err)
{
	unsigned int tries = service->nr_starved;

	/* before anything that takes its time, for the port that may be closed */
	service_retire(service);
	if (!tries)
		fido_error(service->fdev, err, "cannot start, %s: trying again",
			   err == -ENOMEM ? "there is no memory" :
					    "event channels cannot be bound");
	/* each try may leave rings that the peer holds, and it counts them */
	service->retry_at = (jiffies +
			     (FIDO_STARVED_DELAY << min(tries, 5U))) ?: 1;
	if (tries < UINT_MAX)
		service->nr_starved++;
}

static bool service_must_wait(struct fido_service *service)
{
	if (service->retry_at && time_before(jiffies, service->retry_at))
		return true;
	service->retry_at = 0;
	return false;
}

/* The kernel may have closed a frontend's own port: it needs another one. */
static void service_bind_failed(struct fido_service *service, int err)
{
	if (service->link->is_frontend)
		service_starve(service, err);
	else
		service_connect_later(service, err);
}

/*
 * What was told of earlier tries to connect is over: whoever reads an error
 * takes it for the state. ->up(), which may have another to tell, comes later.
 */
static void service_match(struct fido_service *service)
{
	if (service->bind_err || service->is_refused)
		service_recover(service);
}

/* Returns false if it has to be tried again later. */
static bool service_connect(struct fido_service *service,
			    const struct service_view *view)
{
	int err = -EINVAL;

	if (!memcmp(view->type, service->fdev->type, FIDO_TYPE_LEN) &&
	    view->nr_channels == service->chans->nr)
		err = fido_chans_connect(service->chans,
					 fido_link_window(service->link),
					 view->chan_table);
	if (err == -EINVAL || err == -EPROTO) {
		service_refuse(service, view, err);
		return true;
	}
	if (err) {
		service_bind_failed(service, err);
		return false;
	}
	service_match(service);
	fido_affinity_restore(service);
	service->chans->used = true;
	fido_link_undrain(service->link, service->sid, view->gen);
	service_write_echo(service, view->gen);
	fido_link_signal(service->link);
	return true;
}

/* Returns false if it has to be tried again later. */
static bool service_up(struct fido_service *service)
{
	struct fido_driver *drv;
	int err;

	drv = container_of(service->fdev->dev.driver, struct fido_driver,
			   driver);
	err = drv->up(service->fdev);
	if (err == -ENOMEM) {
		service_starve(service, err);
		return false;
	}
	if (err) {
		fido_error(service->fdev, err, "cannot start");
		service->enabled = false;
		service_retire(service);
		return true;
	}
	if (service->nr_starved)
		fido_service_clear(service, FIDO_XS_SERVICE_ERROR);
	service->nr_starved = 0;
	WRITE_ONCE(service->up, true);
	fido_service_report_state(service);
	fido_chans_live(service->chans);
	return true;
}

/*
 * A peer that changed its generation has fresh rings. If we were up with the
 * old ones, ours are used and must be fresh, too; if we were not, they are fresh
 * still, and changing them would make the peer change again, and so on.
 */
static void service_follow(struct fido_service *service,
			   const struct service_view *view)
{
	bool anew = view->gen != service->peer_gen;

	if (!service->chans || !service->peer_gen)
		return;
	if (service->up && (anew || view->peer_gen != service->chans->gen))
		service_retire(service);
	else if (anew)
		service_disconnect(service);
	if (!service->peer_gen)
		fido_pace_count(&service->renewed, jiffies, PACE_JIFFIES);
}

/*
 * Connecting to a peer, and bringing a client up, has its price: RTNL, udev,
 * the log. So a peer that has it done again and again has to wait. The wait
 * ends by itself, but is reported.
 */
static bool service_is_slowed(struct fido_service *service)
{
	bool slow = !service->peer_gen &&
		    fido_pace_is_fast(&service->renewed, MAX_RENEWED, jiffies,
				      PACE_JIFFIES);

	if (slow && !service->is_slowed)
		fido_error(service->fdev, -EBUSY,
			   "the peer starts this service anew without end: waiting for up to a minute");
	else if (!slow && service->is_slowed)
		service_recover(service);
	service->is_slowed = slow;
	return slow;
}

/*
 * The heart of the handshake: compare both halves, take all steps that are
 * possible now. Returns true if it has to be called again, unasked.
 */
static bool service_step(struct fido_service *service)
{
	struct service_view view;

	service_look(service, &view);
	service_follow(service, &view);
	if (!service->enabled) {
		service_retire(service);
		return false;
	}
	if (service_is_slowed(service) ||
	    (!service->chans && service_must_wait(service)))
		return true;
	if (!service->chans && service_may_offer(service) &&
	    !service_offer(service))
		return true;
	if (!service->chans || !view.gen)
		return false;
	if (!service->peer_gen && view.gen != service->refused_gen) {
		if (service_must_wait(service) ||
		    !service_connect(service, &view))
			return true;
		/*
		 * The echo that was seen may be that of the peer's previous
		 * generation: only another look can tell.
		 */
		fido_link_kick(service->link);
		return false;
	}
	if (!service->up && service->peer_gen &&
	    view.peer_gen == service->chans->gen)
		return !service_up(service);
	return false;
}

/* Interface to clients */

static bool config_valid(const struct fido_service_config *config)
{
	const struct fido_ring_geom geom = {
		.nr_slots = config->nr_slots,
		.slot_size = config->slot_size,
		.nr_ids = config->nr_ids,
	};

	return config->event && config->nr_channels &&
	       config->nr_channels <= FIDO_MAX_CHANNELS &&
	       fido_ring_geom_valid(&geom);
}

/**
 * fido_enable - offer a service to the peer
 * @fdev: service
 * @config: what is offered; copied
 *
 * ->up() follows when the peer offers the same, maybe before this function
 * returns.
 *
 * Context: process, sleeps; not in ->up() or ->down().
 * Return: 0, -EINVAL if the configuration is beyond the limits, -EBUSY if the
 * service is enabled already.
 */
int fido_enable(struct fido_device *fdev,
		const struct fido_service_config *config)
{
	struct fido_service *service = fdev->service;
	int err = 0;

	if (!config_valid(config))
		return -EINVAL;
	mutex_lock(&service->lock);
	if (service->enabled) {
		err = -EBUSY;
	} else {
		service->config = *config;
		service->enabled = true;
		/* of an earlier driver */
		if (service->nr_starved)
			service_recover(service);
		service->nr_starved = 0;
		service->retry_at = 0;
		fido_service_report_state(service);
	}
	mutex_unlock(&service->lock);
	fido_link_kick(service->link);
	return err;
}
EXPORT_SYMBOL_GPL(fido_enable);

/**
 * fido_disable - withdraw a service
 * @fdev: service
 *
 * Calls ->down() if ->up() was called. Afterwards there are no callbacks until
 * the next fido_enable(). What is in flight is kept until the peer has let go
 * of it. Does no harm if the service is not enabled.
 *
 * Context: process, sleeps; not in ->up() or ->down().
 */
void fido_disable(struct fido_device *fdev)
{
	struct fido_service *service = fdev->service;
	/* the link's work waits for the lock, and disks for that */
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&service->lock);
	service->enabled = false;
	if (service->attached)
		service_retire(service);
	mutex_unlock(&service->lock);
	memalloc_noio_restore(noio);
	fido_link_kick(service->link);	/* drain */
}
EXPORT_SYMBOL_GPL(fido_disable);

/**
 * fido_chan - a channel of a service
 * @fdev: service
 * @index: below fido_service_config.nr_channels
 *
 * Context: from ->up() until ->down() returns.
 * Return: the channel, NULL if there is no such channel.
 */
struct fido_chan *fido_chan(struct fido_device *fdev, unsigned int index)
{
	struct fido_chans *chans = fdev->service->chans;

	return chans && index < chans->nr ? chans->chan[index] : NULL;
}
EXPORT_SYMBOL_GPL(fido_chan);

/**
 * fido_peer_domid - who is the peer?
 * @fdev: service
 *
 * Context: any.
 * Return: domain id.
 */
u16 fido_peer_domid(const struct fido_device *fdev)
{
	return fdev->service->link->peer;
}
EXPORT_SYMBOL_GPL(fido_peer_domid);

/**
 * fido_service_give_up - have what has been asked of a service fail
 * @service: service that will be removed
 *
 * Between fido_enable() and fido_disable() there is a driver. One that is being
 * unbound has got past the latter, and gives up by itself. Only who frees memory
 * has requests of others, and a ->down() that does not wait for a device: the
 * rest would have those that come later wait.
 *
 * Context: the link's work, or after its end; process, sleeps.
 * Return: false if nothing fails, as others go on with it.
 */
bool fido_service_give_up(struct fido_service *service)
{
	struct fido_driver *drv;
	bool fails = true;

	mutex_lock(&service->lock);
	if (service->enabled && service->config.frees_memory) {
		drv = container_of(service->fdev->dev.driver,
				   struct fido_driver, driver);
		if (drv->give_up) {
			service->enabled = false;
			if (service->attached)
				service_retire(service);
			fails = drv->give_up(service->fdev);
		}
	}
	mutex_unlock(&service->lock);
	return fails;
}

/* All services of a link; called by the link's work only */

static void service_attach(struct fido_service *service, bool attached)
{
	mutex_lock(&service->lock);
	if (service->attached && !attached)
		service_retire(service);
	service->attached = attached;
	service->refused_gen = 0;
	service->refused.nr = 0;
	mutex_unlock(&service->lock);
}

/**
 * fido_services_attach - the link has come up
 * @link: link
 *
 * Context: the link's work.
 */
void fido_services_attach(struct fido_link *link)
{
	unsigned int i;

	for (i = 0; i < FIDO_MAX_SERVICES; i++)
		if (link->service[i])
			service_attach(link->service[i], true);
}

/**
 * fido_services_detach - take all services down, the link is going
 * @link: link with export and window
 *
 * A server waits for its device, which may lie on a disk of this very link:
 * that one's time-out runs from its own ->down() on.
 *
 * Context: the link's work, or after its end.
 */
void fido_services_detach(struct fido_link *link)
{
	struct fido_service *service;
	unsigned int i;

	for (i = 0; i < FIDO_MAX_SERVICES; i++) {
		service = link->service[i];
		if (service && READ_ONCE(service->config.frees_memory))
			service_attach(service, false);
	}
	/* all of them, as one may just have been enabled */
	for (i = 0; i < FIDO_MAX_SERVICES; i++)
		if (link->service[i])
			service_attach(link->service[i], false);
}

/**
 * fido_services_step - go on with the handshakes of all services
 * @link: link that is up
 *
 * Context: the link's work.
 * Return: true if it has to be called again, without an event.
 */
bool fido_services_step(struct fido_link *link)
{
	struct fido_service *service;
	bool again = false;
	unsigned int i;

	for (i = 0; i < FIDO_MAX_SERVICES; i++) {
		service = link->service[i];
		if (!service)
			continue;
		mutex_lock(&service->lock);
		again |= service_step(service);
		fido_heart_tell(service);
		mutex_unlock(&service->lock);
	}
	return again;
}
