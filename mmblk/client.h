/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Client: a blk-mq disk whose requests are answered by the peer.
 */
#ifndef MMBLK_CLIENT_H
#define MMBLK_CLIENT_H

#include <linux/blk-mq.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "bounce.h"
#include "mmblk.h"
#include "sizes.h"
#include "users.h"

struct gendisk;
struct io_comp_batch;
struct mmblk_client;

/* Completions that are handled before the slots are given back */
#define MMBLK_BATCH	32

/**
 * struct mmblk_tag - what is in flight under a tag: our own record, which the
 *	peer's completion is checked against
 * @rq: the request, NULL if there is none. Set in queue_rq with @lock of the
 *	queue held, cleared by the completion; or by ->down(), after both have
 *	been stopped.
 * @op: enum mmblk_op
 * @bytes: data expected with the completion
 * @bounce: copy of the data where the peer cannot read the request's own
 *	pages. Survives ->down(): the peer may read it until it has gone down,
 *	too.
 */
struct mmblk_tag {
	struct request *rq;
	u8 op;
	u32 bytes;
	struct fido_pages *bounce;
};

/**
 * struct mmblk_queue - a hardware queue
 * @client: its disk
 * @index: number
 * @chan: its channel, valid between ->up() and ->down()
 * @polled: whoever waits for a request looks for its completion; the server is
 *	never asked to signal
 * @lock: serializes the tx functions of @chan
 * @lists: for each tag a page for a list of segments, and then one of zeroes
 * @bh: handles completions
 * @rx_lock: serializes the rx functions of @chan, which @bh, those who poll and
 *	the time-out call; guards all that follows but @tag
 * @live: completions can be looked for: between ->up() and ->down()
 * @worked: something was found to do since the last acknowledged event
 * @sizes: of the requests
 * @stats: counters
 * @tag: what is in flight
 * @nr_done: entries of @done and @status
 * @done: requests to be ended when the batch is complete
 * @status: the same
 * @msg: private copy of the message in work
 */
struct mmblk_queue {
	struct mmblk_client *client;
	unsigned int index;
	struct fido_chan *chan;
	bool polled;
	spinlock_t lock;	/* tx of @chan */
	struct fido_pages *lists;
	struct tasklet_struct bh;
	spinlock_t rx_lock;	/* rx of @chan, and what follows but @tag */
	bool live;
	bool worked;
	struct mmblk_sizes sizes;
	struct mmblk_stats stats;
	struct mmblk_tag tag[MMBLK_DEPTH];
	unsigned int nr_done;
	struct request *done[MMBLK_BATCH];
	blk_status_t status[MMBLK_BATCH];
	u8 msg[MMBLK_MSG_SIZE] __aligned(8);
};

/**
 * struct mmblk_client - a disk
 * @service: head; not valid any more when @dead. Its @fdev is NULL while the
 *	disk is parked.
 * @attach_lock: guards @fdev of @service against those who work for the disk
 *	and not for the service
 * @set: tags
 * @nr_poll: how many of the queues, the last ones, are polled
 * @disk: the disk; frees this structure with its last user, once it was added
 * @index: number in the name
 * @serial: identity, possibly empty
 * @keep: what the toolstack knows the disk by, which outlives its service then;
 *	or NULL
 * @node: of a disk with @keep, in the list of them; see park.c, which guards
 *	this and the following two
 * @parked: it has no service
 * @abandoned: it is given up as soon as possible
 * @users: who has the disk open
 * @dead: the disk goes, requests fail. Never reset.
 * @timeout: seconds that requests wait while the service is down; zero: for
 *	ever
 * @lapse: fails them then
 * @lapse_at: when that is, in jiffies; valid while it is scheduled
 * @running: requests are sent to the server. Changed by ->down() and by the
 *	first configuration after ->up(), which exclude each other.
 * @lapsed: the service is down for too long, requests fail. Queues are quiesced
 *	if neither this nor @running nor @dead is set.
 * @added: add_disk() succeeded; belongs to @work
 * @lock: guards @config, @has_config, @anew, @tell, @flushes, @through, @dead,
 *	@running, @lapsed and @lapse_at
 * @config: latest from the server, checked
 * @has_config: there is one
 * @anew: the service that took the disk over has not sent one yet
 * @tell: the service has not been told of the disk yet
 * @flushes: the block layer sends flushes: its limits have a write cache. Not
 *	changed after the first configuration.
 * @through: the server has a write cache, and the block layer does not know:
 *	each write is to be durable
 * @refused: why the latest configuration was not taken, or NULL
 * @work: carries the configuration over to the disk, adds it first
 * @failed: add_disk() failed, once is enough; belongs to @work
 * @applied: what @work has carried over
 * @reserve: of the link, for a copy of a request's data, or of an earlier one if
 *	there was no memory for that, or NULL; changes while nothing is in flight
 * @queue: hardware queues
 */
struct mmblk_client {
	struct mmblk_service service;
	struct mutex attach_lock;	/* @fdev of @service */
	struct blk_mq_tag_set set;
	unsigned int nr_poll;
	struct gendisk *disk;
	int index;
	char serial[MMBLK_SERIAL_LEN + 1];
	char *keep;
	struct list_head node;
	bool parked;
	bool abandoned;
	struct mmblk_users users;
	unsigned int timeout;
	struct delayed_work lapse;
	unsigned long lapse_at;
	bool dead;
	bool running;
	bool lapsed;
	bool added;
	bool failed;
	spinlock_t lock;	/* @config and what else stands above */
	struct mmblk_config config;
	bool has_config;
	bool anew;
	bool tell;
	bool flushes;
	bool through;
	const char *refused;
	struct delayed_work work;
	struct mmblk_config applied;
	struct mmblk_reserve *reserve;
	struct mmblk_queue **queue;
};

/* In @lists of a queue: what a peer gets to see for the kernel's zero page */
#define MMBLK_ZERO_PAGE	MMBLK_DEPTH

#define to_mmblk_client(s) container_of(s, struct mmblk_client, service)

/* client.c */
void mmblk_client_configure(struct mmblk_client *client,
			    const struct mmblk_config *config);
void mmblk_client_fail(struct mmblk_client *client);
void mmblk_client_end(struct mmblk_client *client);
void mmblk_client_free(struct mmblk_client *client);

/* disk.c */
int mmblk_disk_create(struct mmblk_client *client);
void mmblk_disk_remove(struct mmblk_client *client);
void mmblk_disk_put(struct mmblk_client *client);
void mmblk_disk_work(struct work_struct *work);

/* submit.c */
blk_status_t mmblk_queue_rq(struct blk_mq_hw_ctx *hctx,
			    const struct blk_mq_queue_data *bd);
void mmblk_commit_rqs(struct blk_mq_hw_ctx *hctx);

/* complete.c */
void mmblk_complete_bh(struct tasklet_struct *bh);
int mmblk_complete_poll(struct mmblk_queue *q, struct io_comp_batch *iob);

#endif /* MMBLK_CLIENT_H */
