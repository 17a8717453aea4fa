// SPDX-License-Identifier: GPL-2.0
/*
 * Server: opening what is behind, in a work of its own. That can take long: an
 * image is synced, and a device that is the disk of another VM waits for that.
 * The link's work, which probes, has other services to look after.
 *
 * The service is offered once it is open. A service that is removed meanwhile
 * waits until the opening is some seconds old, so that whoever comes next finds
 * the device closed; then the work is left alone with the server, closes what it
 * has opened, and frees it. Nothing else refers to the service from there. A new
 * service that finds the device in use by such a work tries again.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/sched/mm.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "server.h"

#define MMBLK_OPEN_SECS		5	/* that a removal waits for it */
#define MMBLK_OPEN_AGAIN	HZ	/* of what is tried again */
#define MMBLK_OPEN_QUIET	5	/* tries before it is told */

/* All that have a work */
static LIST_HEAD(mmblk_openings);
static DEFINE_SPINLOCK(mmblk_openings_lock);

static const char *mmblk_open_error(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
	case -ENOTDIR:
		return "there is no such device or file";
	case -ENOTBLK:
		return "it is neither a block device nor a file";
	case -EBUSY:
		return "it is mounted or otherwise in use";
	case -ETXTBSY:
		return "the file is in use: open for writing, served or swap";
	case -EPERM:
		return "the file is immutable or append-only";
	case -EMEDIUMTYPE:
		return "zoned devices are not supported";
	case -EOPNOTSUPP:
		return "its file system is no place for data";
	case -EROFS:
	case -EACCES:
		return "it is read-only";
	default:
		return "opening it failed";
	}
}

static const char *mmblk_keep_error(int err)
{
	return err == -EOPNOTSUPP ? "its contents go with this VM" :
				    "what is there cannot be flushed";
}

/**
 * mmblk_opening_close - close what is behind, if it is open
 * @server: server that nobody sends requests to
 */
void mmblk_opening_close(struct mmblk_server *server)
{
	if (server->opening.open)
		server->backing.ops->close(&server->backing);
	server->opening.open = false;
}

static void mmblk_opening_enlist(struct mmblk_opening *o)
{
	spin_lock(&mmblk_openings_lock);
	list_add_tail(&o->node, &mmblk_openings);
	spin_unlock(&mmblk_openings_lock);
}

/* The work has ended, or will not run: nothing is open that it has to close. */
static void mmblk_opening_delist(struct mmblk_opening *o)
{
	spin_lock(&mmblk_openings_lock);
	list_del(&o->node);
	spin_unlock(&mmblk_openings_lock);
}

/* Has a service that is gone left a work here that opens the same? */
static bool mmblk_opening_is_late(const struct mmblk_server *server)
{
	const struct mmblk_server *other;
	bool found = false;

	spin_lock(&mmblk_openings_lock);
	list_for_each_entry(other, &mmblk_openings, opening.node)
		found |= other != server && READ_ONCE(other->opening.gone) &&
			 !strcmp(other->path, server->path);
	spin_unlock(&mmblk_openings_lock);
	return found;
}

/* Of the work; @lock is not held, as this can take long. */
static int mmblk_opening_open(struct mmblk_server *server)
{
	struct mmblk_opening *o = &server->opening;
	int err;

	o->keeping = false;
	/* what a try before has left is another kind of device's, perhaps */
	memset(&server->backing, 0, sizeof(server->backing));
	err = mmblk_backing_open(&server->backing, server->path, server->write);
	if (err)
		return err;
	o->open = true;
	/* the client's disk outlives this VM: then its data has to */
	o->keeping = server->keep;
	if (server->keep)
		err = mmblk_backing_keep(&server->backing);
	/* an error of writing is told once: syncing again would hide it */
	if (err == -ENOMEM)
		err = -EIO;
	if (err)
		mmblk_opening_close(server);
	return err;
}

/* Returns -ENOMEM, or -EAGAIN, if it is to be tried again. */
static int mmblk_opening_try(struct mmblk_server *server)
{
	/* before, as it may be over afterwards */
	bool late = mmblk_opening_is_late(server);
	int err = mmblk_opening_open(server);

	if (late && (err == -EBUSY || err == -ETXTBSY))
		return -EAGAIN;
	/* of anything else that would be an error like others */
	return err == -EAGAIN ? -EIO : err;
}

/* The following are called with @lock held, and the service still there. */

static void mmblk_opening_failed(struct mmblk_server *server, int err)
{
	const char *path = server->path;

	if (server->opening.keeping)
		fido_error(server->service.fdev, err, "cannot keep %s: %s",
			   path, mmblk_keep_error(err));
	else
		fido_error(server->service.fdev, err, "cannot serve %s: %s",
			   path, mmblk_open_error(err));
}

/* Whoever adds a service takes an error for the end: it is one if it lasts. */
static void mmblk_opening_again(struct mmblk_server *server, int err)
{
	struct mmblk_opening *o = &server->opening;

	if (++o->tries == MMBLK_OPEN_QUIET)
		fido_error(server->service.fdev, err,
			   "cannot open %s, %s: trying again", server->path,
			   err == -ENOMEM ? "there is no memory" :
			   "a service that was removed still opens it");
	queue_delayed_work(mmblk_open_wq, &o->work, MMBLK_OPEN_AGAIN);
}

static void mmblk_opening_succeeded(struct mmblk_server *server)
{
	struct fido_device *fdev = server->service.fdev;

	/* overrules what it looks like: 1 to copy always, 0 never */
	if (server->bounce != MMBLK_BOUNCE_DEVICE)
		server->backing.bounce = server->bounce;
	fido_report(fdev, "bounce-used", "%u", server->backing.bounce);
	if (server->opening.tries >= MMBLK_OPEN_QUIET)
		fido_error_over(fdev);
	mmblk_enable(&server->service);
}

/* Returns true if the work is to come again. */
static bool mmblk_opening_end(struct mmblk_server *server, int err)
{
	if (server->opening.gone) {
		/* before the removal goes on, if that still waits */
		mmblk_opening_close(server);
		return false;
	}
	if (err == -ENOMEM || err == -EAGAIN) {
		mmblk_opening_again(server, err);
		return true;
	}
	if (err)
		mmblk_opening_failed(server, err);
	else
		mmblk_opening_succeeded(server);
	return false;
}

static void mmblk_opening_work(struct work_struct *work)
{
	struct mmblk_server *server = container_of(to_delayed_work(work),
						   struct mmblk_server,
						   opening.work);
	struct mmblk_opening *o = &server->opening;
	/* memory may wait for what another VM serves, and that for this one */
	unsigned int noio = memalloc_noio_save();
	bool again;
	int err;

	err = mmblk_opening_try(server);
	mutex_lock(&o->lock);
	again = mmblk_opening_end(server, err);
	mutex_unlock(&o->lock);
	if (!again) {
		mmblk_opening_delist(o);
		complete(&o->done);
		mmblk_server_put(server);
	}
	memalloc_noio_restore(noio);
}

static void mmblk_server_release(struct kref *refs)
{
	mmblk_server_free(container_of(refs, struct mmblk_server,
				       opening.refs));
}

/**
 * mmblk_server_put - drop a reference to a server
 * @server: server; gone when this returns, perhaps
 */
void mmblk_server_put(struct mmblk_server *server)
{
	kref_put(&server->opening.refs, mmblk_server_release);
}

/**
 * mmblk_opening_init - nothing is open yet; one reference
 * @server: zeroed but for its parameters
 */
void mmblk_opening_init(struct mmblk_server *server)
{
	struct mmblk_opening *o = &server->opening;

	kref_init(&o->refs);
	mutex_init(&o->lock);
	init_completion(&o->done);
	INIT_DELAYED_WORK(&o->work, mmblk_opening_work);
}

/**
 * mmblk_opening_start - open what is behind, and offer the service then
 * @service: server
 *
 * Return: 0.
 */
int mmblk_opening_start(struct mmblk_service *service)
{
	struct mmblk_server *server = to_mmblk_server(service);

	/* for the work */
	kref_get(&server->opening.refs);
	server->opening.until = jiffies + MMBLK_OPEN_SECS * HZ;
	mmblk_opening_enlist(&server->opening);
	queue_delayed_work(mmblk_open_wq, &server->opening.work, 0);
	return 0;
}

/*
 * As the time counts from the beginning of the opening, all those that are there
 * when a link is removed wait no longer than one of them, one after the other.
 */
static bool mmblk_opening_wait(struct mmblk_opening *o)
{
	unsigned long now = jiffies;
	unsigned long left = time_before(now, o->until) ? o->until - now : 0;

	return wait_for_completion_timeout(&o->done, left);
}

/**
 * mmblk_opening_stop - the service is being removed
 * @service: server that was started
 *
 * When this returns the work does not look at the service any more, nor enable
 * it.
 */
void mmblk_opening_stop(struct mmblk_service *service)
{
	struct mmblk_server *server = to_mmblk_server(service);
	struct mmblk_opening *o = &server->opening;

	mutex_lock(&o->lock);
	WRITE_ONCE(o->gone, true);
	mutex_unlock(&o->lock);
	/* from here on it is not queued again */
	if (cancel_delayed_work(&o->work)) {
		mmblk_opening_delist(o);
		mmblk_server_put(server);
	} else if (!mmblk_opening_wait(o)) {
		dev_warn(&service->fdev->dev,
			 "%s is still being opened, and will be closed then\n",
			 server->path);
		return;
	}
	/* all that it has done is done, and what it has opened is ours */
	cancel_delayed_work_sync(&o->work);
}
