// SPDX-License-Identifier: GPL-2.0
/*
 * Client: who has the disk open, told in xenstore. By this fidoctl knows what a
 * removal would do.
 *
 * Opening does not wait until it is told: xenstore may take long. What changes
 * is told at once, and then ten times a second at most.
 */
#include <linux/blkdev.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>

#include "client.h"
#include "compat_block.h"
#include "users.h"

#define NOT_TOLD	UINT_MAX

static void users_work(struct work_struct *work)
{
	struct mmblk_users *users = container_of(to_delayed_work(work),
						 struct mmblk_users, work);
	unsigned int nr, noio;

	spin_lock(&users->lock);
	nr = users->nr;
	users->next = jiffies + HZ / 10;
	spin_unlock(&users->lock);
	if (nr == users->told)
		return;
	users->told = nr;
	/* see mmblk_alloc_wq() */
	noio = memalloc_noio_save();
	fido_report(users->fdev, "users", "%u", nr);
	memalloc_noio_restore(noio);
}

/**
 * mmblk_users_init - nobody has it open, and nobody would be told
 * @users: zeroed
 */
void mmblk_users_init(struct mmblk_users *users)
{
	spin_lock_init(&users->lock);
	users->silent = true;
	INIT_DELAYED_WORK(&users->work, users_work);
}

/**
 * mmblk_users_begin - there is a service: tell
 * @users: silent
 * @fdev: service of the disk
 */
void mmblk_users_begin(struct mmblk_users *users, struct fido_device *fdev)
{
	spin_lock(&users->lock);
	users->fdev = fdev;
	users->told = NOT_TOLD;
	users->next = jiffies;
	users->silent = false;
	/* a disk that was kept may be open all the time */
	if (users->nr)
		queue_delayed_work(mmblk_wq, &users->work, 0);
	spin_unlock(&users->lock);
}

/**
 * mmblk_users_changed - the disk is opened, or was released
 * @disk: disk
 * @change: 1 or -1
 *
 * Context: process; the block layer's lock of the disk may be held.
 */
void mmblk_users_changed(struct gendisk *disk, int change)
{
	struct mmblk_client *client = disk->private_data;
	struct mmblk_users *users = &client->users;
	unsigned long delay = 0;

	spin_lock(&users->lock);
	WRITE_ONCE(users->nr, users->nr + change);
	if (time_before(jiffies, users->next))
		delay = users->next - jiffies;
	if (!users->silent)
		queue_delayed_work(mmblk_wq, &users->work, delay);
	spin_unlock(&users->lock);
}

/**
 * mmblk_users_pause - the service goes, the disk stays: tell nothing for now
 * @users: users of a disk
 */
void mmblk_users_pause(struct mmblk_users *users)
{
	spin_lock(&users->lock);
	users->silent = true;
	spin_unlock(&users->lock);
	cancel_delayed_work_sync(&users->work);
}

/**
 * mmblk_users_end - the service goes, and the disk with it
 * @users: users of a disk, who may stay longer
 *
 * Whoever still has the disk open has lost it.
 */
void mmblk_users_end(struct mmblk_users *users)
{
	mmblk_users_pause(users);
	/* if it is not the toolstack that has removed the service */
	if (users->told != NOT_TOLD && users->told)
		fido_report(users->fdev, "users", "0");
}
