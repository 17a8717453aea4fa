/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Client: who has the disk open, told in xenstore.
 */
#ifndef MMBLK_USERS_H
#define MMBLK_USERS_H

#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct fido_device;

/**
 * struct mmblk_users - how many have a disk open
 * @lock: guards @nr, @next and @silent
 * @nr: their number. Whoever has partitions open counts once for each of them.
 * @next: jiffies before which it is not told again
 * @silent: nothing is told, there is no service to tell it of
 * @fdev: service, valid while it is not @silent
 * @told: number that was told last; belongs to @work
 * @work: tells
 */
struct mmblk_users {
	spinlock_t lock;	/* @nr, @next, @silent */
	unsigned int nr;
	unsigned long next;
	bool silent;
	struct fido_device *fdev;
	unsigned int told;
	struct delayed_work work;
};

void mmblk_users_init(struct mmblk_users *users);
void mmblk_users_begin(struct mmblk_users *users, struct fido_device *fdev);
void mmblk_users_pause(struct mmblk_users *users);
void mmblk_users_end(struct mmblk_users *users);

#endif /* MMBLK_USERS_H */
