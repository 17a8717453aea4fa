/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What both roles of the service have in common.
 */
#ifndef MMBLK_H
#define MMBLK_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "fido.h"
#include "mmblk_proto.h"
#include "stats.h"

struct mmblk_service;
struct workqueue_struct;

/*
 * For work that can wait for a peer: as many disks as there are would take all
 * that the kernel's own queues run at a time.
 * What makes requests fail at last runs in one of its own, and so do flushes that
 * make zeroes durable: see mmblk_alloc_wq(). So does the opening of devices: see
 * mmblk_alloc_wqs().
 */
extern struct workqueue_struct *mmblk_wq;
extern struct workqueue_struct *mmblk_end_wq;
extern struct workqueue_struct *mmblk_flush_wq;
extern struct workqueue_struct *mmblk_open_wq;

/**
 * struct mmblk_role - what makes a client or a server
 * @name: value of the parameter "role"
 * @hold: what the cookies of a channel are
 * @frees_memory: see struct fido_service_config
 * @create: read the parameters of the role, get what does not need the peer
 * @destroy: undo; the service is down, and for good
 * @start: mmblk_enable(), or what leads to it; at the end of ->probe()
 * @stop: from now on nothing does that any more; may be NULL
 * @up: the channels are there
 * @down: stop using them
 * @give_up: see struct fido_driver; NULL without @frees_memory
 * @event: see struct fido_service_config
 * @stats: counters of a queue
 */
struct mmblk_role {
	const char *name;
	enum fido_hold hold;
	bool frees_memory;
	struct mmblk_service *(*create)(struct fido_device *fdev,
					unsigned int nr_queues);
	void (*destroy)(struct mmblk_service *service);
	int (*start)(struct mmblk_service *service);
	void (*stop)(struct mmblk_service *service);
	int (*up)(struct mmblk_service *service);
	void (*down)(struct mmblk_service *service);
	bool (*give_up)(struct mmblk_service *service);
	void (*event)(struct fido_chan *chan, void *priv);
	const struct mmblk_stats *(*stats)(struct mmblk_service *service,
					   unsigned int queue);
};

/**
 * struct mmblk_service - a service of a link, as the bus's driver data
 * @fdev: the device
 * @role: client or server
 * @nr_queues: number of channels
 * @lock: guards @up and @before against readers of the counters
 * @up: the channels can be used
 * @before: counters of the channels of earlier connections
 */
struct mmblk_service {
	struct fido_device *fdev;
	const struct mmblk_role *role;
	unsigned int nr_queues;
	struct mutex lock;	/* @up, @before */
	bool up;
	struct fido_chan_stats before;
};

/* main.c */
int mmblk_enable(struct mmblk_service *service);

extern const struct mmblk_role mmblk_client_role;
extern const struct mmblk_role mmblk_server_role;

#endif /* MMBLK_H */
