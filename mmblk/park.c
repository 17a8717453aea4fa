// SPDX-License-Identifier: GPL-2.0
/*
 * Client: disks that outlive their service.
 *
 * Such a disk is known by what the toolstack calls it, in our own nodes, and by
 * its serial number, which is the toolstack's, too: nothing of this is from a
 * peer. When its service is removed, and the toolstack has not said that the
 * disk shall go as well, it is parked: without a service, quiesced, its
 * requests waiting as they do while a service is down. The next service that is
 * called the same takes it over. There is one disk of each name, so there are
 * not more parked ones than disks that the toolstack has made.
 *
 * Nothing here belongs to a peer: ->down() has been called, and what the peer
 * had been reading or had sent is not used any more.
 */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "client.h"
#include "park.h"

/* Guards the list, and what of its members the list is for */
static DEFINE_MUTEX(mmblk_park_lock);
static LIST_HEAD(mmblk_kept);

static struct mmblk_client *mmblk_park_find(const struct mmblk_client *like)
{
	struct mmblk_client *client;

	list_for_each_entry(client, &mmblk_kept, node)
		if (!strcmp(client->keep, like->keep) &&
		    !strcmp(client->serial, like->serial))
			return client;
	return NULL;
}

/*
 * Tags and queues of a disk are there as long as it is. The service that has it
 * may be on its way out, or of a VM that is dead, which the toolstack sees off.
 */
static int mmblk_park_fits(const struct mmblk_client *client,
			   const struct mmblk_client *like)
{
	struct fido_device *fdev = like->service.fdev;
	unsigned int poll = client->nr_poll;

	if (!client->parked || client->abandoned)
		return fido_defer(fdev,
				  "its disk is still there: remove its stale link");
	if (client->service.nr_queues != like->service.nr_queues ||
	    poll != like->nr_poll) {
		fido_error(fdev, -EINVAL,
			   "%s, which waits for it, has queues = %u and poll-queues = %u: say so",
			   client->disk->disk_name,
			   client->service.nr_queues - poll, poll);
		return -EINVAL;
	}
	return 0;
}

/**
 * mmblk_park_claim - is this disk waiting for a service?
 * @client: new, with its parameters and a name to be kept by
 *
 * Return: the disk that waits, not parked any more; @client, now known by its
 * name, if there is none; or an ERR_PTR, for ->probe(): the service has been told
 * why, or tries again.
 */
struct mmblk_client *mmblk_park_claim(struct mmblk_client *client)
{
	struct mmblk_client *found;
	int err = 0;

	mutex_lock(&mmblk_park_lock);
	found = mmblk_park_find(client);
	if (!found) {
		found = client;
		list_add_tail(&client->node, &mmblk_kept);
	} else {
		err = mmblk_park_fits(found, client);
	}
	if (!err)
		WRITE_ONCE(found->parked, false);
	mutex_unlock(&mmblk_park_lock);
	return err ? ERR_PTR(err) : found;
}

/**
 * mmblk_park_add - a disk has lost its service, and waits for another one
 * @client: detached from its service
 */
void mmblk_park_add(struct mmblk_client *client)
{
	pr_info("mmblk: %s is kept, and waits for %s\n",
		client->disk->disk_name, client->keep);
	mutex_lock(&mmblk_park_lock);
	WRITE_ONCE(client->parked, true);
	mutex_unlock(&mmblk_park_lock);
}

/**
 * mmblk_park_forget - a disk goes with its service
 * @client: not parked
 */
void mmblk_park_forget(struct mmblk_client *client)
{
	mutex_lock(&mmblk_park_lock);
	list_del(&client->node);
	mutex_unlock(&mmblk_park_lock);
}

/* Whoever takes it out of the list ends it. */
static struct mmblk_client *mmblk_park_take(bool all)
{
	struct mmblk_client *client, *found = NULL;

	mutex_lock(&mmblk_park_lock);
	list_for_each_entry(client, &mmblk_kept, node) {
		if (!client->parked || (!all && !client->abandoned))
			continue;
		found = client;
		list_del(&found->node);
		break;
	}
	mutex_unlock(&mmblk_park_lock);
	return found;
}

static void mmblk_park_clear(bool all)
{
	struct mmblk_client *client;

	while ((client = mmblk_park_take(all))) {
		pr_info("mmblk: %s is given up\n", client->disk->disk_name);
		mmblk_client_end(client);
	}
}

static void mmblk_park_work_fn(struct work_struct *work)
{
	mmblk_park_clear(false);
}

static DECLARE_WORK(mmblk_park_work, mmblk_park_work_fn);

/**
 * mmblk_park_abandon - give up a disk that waits for a service
 * @client: client
 *
 * Done by a work, as the caller is an attribute of the disk. Not so the end of
 * its requests: that work may be waiting for them, as it ends another disk of
 * the same file system. Nobody takes the disk over from now on.
 *
 * Return: 0, or -EBUSY if it has a service.
 */
int mmblk_park_abandon(struct mmblk_client *client)
{
	int err = -EBUSY;

	mutex_lock(&mmblk_park_lock);
	if (client->parked) {
		client->abandoned = true;
		mmblk_client_fail(client);
		queue_work(mmblk_wq, &mmblk_park_work);
		err = 0;
	}
	mutex_unlock(&mmblk_park_lock);
	return err;
}

/**
 * mmblk_park_end - give up all of them, the module is unloaded
 *
 * No service is there any more, and nobody has one of these disks open: they
 * would keep the module.
 */
void mmblk_park_end(void)
{
	mmblk_park_clear(true);
	/* after the disks: nobody can queue it any more */
	cancel_work_sync(&mmblk_park_work);
}
