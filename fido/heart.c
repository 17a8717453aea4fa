// SPDX-License-Identifier: GPL-2.0
/*
 * Heart: tells peers that hang, or are paused, from those with nothing to say.
 *
 * Each domain counts up, once a second, a word in its root pages. That it does
 * so proves that it runs, that it gets its timer's interrupts, and that its
 * threads run. The same work looks at the words of the peers. One that has not
 * moved for many looks in a row belongs to a peer that is silent. Nothing is
 * taken from it: it may come back at any time, and then finds all as it was.
 * People and clients are told, and decide. A peer that is gone is told of by
 * xenbus, as ever.
 *
 * Looks are counted, not seconds: a domain that did not run itself for a while
 * gives its peers as many new looks as any other.
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "export.h"
#include "heart.h"
#include "link.h"
#include "peer.h"
#include "service.h"
#include "window.h"

/* Between two beats, and two looks */
#define HEART_PERIOD		HZ

/* With less, a peer that is merely short of processor time looks silent. */
#define MIN_SECS		3
#define MAX_SECS		3600

/* So many silences of one peer are logged, at most, in such a time */
#define TOLD_SILENCES		5
#define TOLD_PERIOD		(600 * HZ)

static unsigned int heartbeat_secs = 15;
module_param(heartbeat_secs, uint, 0644);
MODULE_PARM_DESC(heartbeat_secs,
		 "Seconds without a sign of life until a peer is called silent, 3 to 3600; 0: never (default 15)");

/* Of its own: work that waits for something must not hold it up. */
static struct workqueue_struct *heart_wq;

static u32 heart_beats;

/* Zero: nobody is ever silent. */
static unsigned int heart_secs(void)
{
	unsigned int secs = READ_ONCE(heartbeat_secs);

	return secs ? clamp_t(unsigned int, secs, MIN_SECS, MAX_SECS) : 0;
}

/* Zero stands for a domain that does not beat: the counter skips it. */
static void heart_count(void)
{
	u32 beats = heart_beats + 1;

	WRITE_ONCE(heart_beats, beats ?: 1);
}

/* A silent peer stays so until its counter moves, or heartbeat_secs is 0. */
static bool heart_is_silent(const struct fido_heart *heart)
{
	unsigned int secs = heart_secs();

	return secs && heart->still && (heart->silent || heart->still >= secs);
}

/* The end of a silence is logged only if its beginning was. */
static void heart_log(struct fido_link *link, bool silent)
{
	struct fido_heart *heart = &link->heart;

	if (silent) {
		heart->told = __ratelimit(&heart->limit);
		if (heart->told)
			dev_warn(&link->xbdev->dev,
				 "domain %u is silent for %u s: it is paused or hangs, and what waits for it goes on waiting\n",
				 link->peer, heart->still);
	} else if (heart->told && !heart->still) {
		dev_info(&link->xbdev->dev, "domain %u is back after %lu s\n",
			 link->peer, (jiffies - heart->moved_at) / HZ);
	}
}

static void heart_look(struct fido_link *link)
{
	const struct fido_root __peer *root;
	struct fido_heart *heart = &link->heart;
	bool silent;
	u32 beat;

	root = fido_window_root(fido_link_window(link));
	beat = fido_peer_read32(&root->heartbeat);
	heart->still = beat && beat == heart->beat ? heart->still + 1 : 0;
	silent = heart_is_silent(heart);
	if (silent != heart->silent) {
		heart_log(link, silent);
		WRITE_ONCE(heart->silent, silent);
		fido_link_kick(link);
	}
	if (!heart->still)
		WRITE_ONCE(heart->moved_at, jiffies);
	WRITE_ONCE(heart->beat, beat);
}

/* A link that is coming up beats, too: the first look of the peer's finds it alive. */
static void heart_serve(struct fido_link *link, void *data)
{
	bool *again = data;

	if (!link->export)
		return;
	*again = true;
	WRITE_ONCE(fido_export_root(link->export)->heartbeat, heart_beats);
	if (rcu_access_pointer(link->window) &&
	    READ_ONCE(link->state) == FIDO_LINK_UP)
		heart_look(link);
}

static void heart_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(heart_work, heart_work_fn);

/* On a whole second, with others: an idle domain is woken up once for all. */
static void heart_work_fn(struct work_struct *work)
{
	bool again = false;

	heart_count();
	fido_links_for_each(heart_serve, &again);
	if (again)
		queue_delayed_work(heart_wq, &heart_work,
				   round_jiffies_relative(HEART_PERIOD));
}

/**
 * fido_heart_start - a link has an export: beat until none has
 *
 * Not at once: whoever makes us begin again and again would make us look more
 * often, and thus call others silent too early.
 *
 * Context: any.
 */
void fido_heart_start(void)
{
	queue_delayed_work(heart_wq, &heart_work, HEART_PERIOD);
}

/**
 * fido_heart_beats - how often has this domain's heart beaten?
 *
 * Context: any.
 * Return: number of beats.
 */
u32 fido_heart_beats(void)
{
	return READ_ONCE(heart_beats);
}

/* A link */

/**
 * fido_heart_add_link - a link is new
 * @link: link
 */
void fido_heart_add_link(struct fido_link *link)
{
	ratelimit_state_init(&link->heart.limit, TOLD_PERIOD, TOLD_SILENCES);
}

/**
 * fido_heart_reset_link - the link has another window, or none
 * @link: link
 *
 * Context: the lock of the list of links is held.
 */
void fido_heart_reset_link(struct fido_link *link)
{
	struct fido_heart *heart = &link->heart;

	heart->still = 0;
	heart->told = false;
	WRITE_ONCE(heart->beat, 0);
	WRITE_ONCE(heart->moved_at, jiffies);
	WRITE_ONCE(heart->silent, false);
}

/**
 * fido_heart_step - show in xenstore whether the peer is silent
 * @link: link
 *
 * Context: the link's work, or after its end.
 * Return: true if it has to be called again, as that could not be written.
 */
bool fido_heart_step(struct fido_link *link)
{
	bool silent = link->state == FIDO_LINK_UP &&
		      READ_ONCE(link->heart.silent);

	if (silent == link->heart.shown)
		return false;
	if (fido_link_show_silent(link, silent))
		return true;
	link->heart.shown = silent;
	return false;
}

/**
 * fido_heart_tell - tell a client whether its peer is silent
 * @service: service
 *
 * Context: the link's work, with the service's lock held, as for ->up() and
 * ->down().
 */
void fido_heart_tell(struct fido_service *service)
{
	bool silent = READ_ONCE(service->link->heart.silent);
	const struct fido_driver *drv;

	if (!service->up || silent == service->silent)
		return;
	service->silent = silent;
	drv = container_of(service->fdev->dev.driver, struct fido_driver,
			   driver);
	if (drv->silent)
		drv->silent(service->fdev, silent);
}

/* Life */

/**
 * fido_heart_init - make the work queue
 *
 * Its threads come before ordinary ones, so that a domain that is busy is not
 * taken for one that hangs, and one of them is there if memory is short.
 *
 * Return: 0 or -ENOMEM.
 */
int __init fido_heart_init(void)
{
	heart_wq = alloc_workqueue("fido-heart", WQ_UNBOUND | WQ_HIGHPRI |
				   WQ_MEM_RECLAIM, 1);
	return heart_wq ? 0 : -ENOMEM;
}

/**
 * fido_heart_exit - end it; there are no links any more
 */
void fido_heart_exit(void)
{
	cancel_delayed_work_sync(&heart_work);
	destroy_workqueue(heart_wq);
}
