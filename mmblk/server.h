/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Server: answers the peer's requests from a block device or a file.
 */
#ifndef MMBLK_SERVER_H
#define MMBLK_SERVER_H

#include <linux/blk_types.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "backing.h"
#include "limit.h"
#include "mmblk.h"
#include "pool.h"
#include "sizes.h"

struct mmblk_lane;
struct mmblk_server;
struct task_struct;

/* Requests that are taken before their slots are given back */
#define MMBLK_TAKE		32

/*
 * Runs of pages that a request's data can fall into: one for each segment, and
 * one more for each page border where the window is not consecutive.
 */
#define MMBLK_MAX_RUNS \
	(2 * MMBLK_MAX_SEGS + MMBLK_MAX_BYTES / FIDO_PAGE_SIZE)

/**
 * struct mmblk_job - a request in service
 * @lane: its lane
 * @node: in @done of the lane, once the device has completed it
 * @tag: of the request, index of this structure
 * @op: of the request
 * @busy: the tag is in use; set by the lane's thread, cleared with @tx_lock
 *	held when the completion is sent
 * @bytes: length
 * @status: result
 * @pages: buffer from the pool: what a READ has read, or copy for a WRITE
 * @nr_segs: segments in the list that @pages has a page for
 * @held: pages of a third domain's memory that a reference is held on
 * @nr_held: number of these runs
 * @flush: makes zeroes durable, where there is no FUA for them
 */
struct mmblk_job {
	struct mmblk_lane *lane;
	struct list_head node;
	u16 tag;
	u8 op;
	bool busy;
	u32 bytes;
	blk_status_t status;
	struct fido_pages *pages;
	unsigned int nr_segs;
	struct fido_run *held;
	unsigned int nr_held;
	struct work_struct flush;
};

/**
 * struct mmblk_lane - serves one channel
 * @server: its server
 * @index: number
 * @chan: the channel, valid between ->up() and ->down()
 * @thread: takes requests and submits them; the only one that receives and
 *	reaps
 * @signalled: an event has come and was not acknowledged
 * @worked: there was something to do since an event was acknowledged
 * @timer: wakes @thread up now and then; started and ended by it
 * @look: @timer has fired
 * @rested: there was nothing to do since @thread looked around
 * @sizes: of the requests; of @thread
 * @unsent: bytes of requests that the thread itself has completed since it
 *	last sent
 * @tx_lock: serializes the tx functions of @chan; guards @done, @in_service,
 *	@crowded, @dead, @no_id and @config_due. Taken in interrupts.
 * @done: jobs that wait for their completion to be sent
 * @in_service: jobs that the device has
 * @crowded: @thread waits for a job to be done before it takes another one
 * @dead: ->down() has begun, nothing is sent any more
 * @no_id: @done waits for a release, not for a slot
 * @config_due: the configuration is to be sent
 * @idle: waits for @in_service to become zero
 * @pending: job that waits for a buffer: nothing is taken until it got one
 * @pending_len: bytes of its message, which is still in @msg
 * @starved: nothing was given back to @pool since @pending was tried last
 * @pool: buffers
 * @stats: counters
 * @msg: private copy of the request in work
 * @list: private copy of its list of segments
 * @run: where its data lies
 * @nr_runs: number of runs
 * @odd: they lie so that the device cannot be given them
 * @job: by tag
 */
struct mmblk_lane {
	struct mmblk_server *server;
	unsigned int index;
	struct fido_chan *chan;
	struct task_struct *thread;
	bool signalled;
	bool worked;
	struct timer_list timer;
	bool look;
	bool rested;
	struct mmblk_sizes sizes;
	u64 unsent;

	spinlock_t tx_lock;	/* tx of @chan, and what follows */
	struct list_head done;
	unsigned int in_service;
	bool crowded;
	bool dead;
	bool no_id;
	bool config_due;
	wait_queue_head_t idle;

	struct mmblk_job *pending;
	u32 pending_len;
	bool starved;
	struct mmblk_pool pool;
	struct mmblk_stats stats;
	u8 msg[MMBLK_MSG_SIZE] __aligned(8);
	struct fido_seg list[MMBLK_MAX_SEGS];
	struct fido_run run[MMBLK_MAX_RUNS];
	unsigned int nr_runs;
	bool odd;
	struct mmblk_job job[MMBLK_DEPTH];
};

/**
 * struct mmblk_opening - how far a server has got with what is behind
 * @refs: of the server: one of the service, one of @work until it has ended
 * @work: opens it, again and again while there is no memory, or while the work
 *	of a service that is gone has it
 * @node: in the list of those with such a work
 * @lock: guards @gone; the end of @work, which uses the service, holds it
 * @gone: the service has been removed
 * @done: @work has ended
 * @until: how long a removal waits for that, in jiffies
 * @open: it is open. Of @work until that has ended, then of the service.
 * @keeping: @work had opened it, but was to keep it, too
 * @tries: of @work that are followed by another one
 */
struct mmblk_opening {
	struct kref refs;
	struct delayed_work work;
	struct list_head node;
	struct mutex lock;	/* @gone */
	bool gone;
	struct completion done;
	unsigned long until;
	bool open;
	bool keeping;
	unsigned int tries;
};

#define MMBLK_BOUNCE_DEVICE	2	/* as the device needs it */

/**
 * struct mmblk_server - a device or file that is served
 * @service: head
 * @write: the client may write
 * @keep: the client's disk outlives this VM
 * @path: path of the device or file, as a parameter
 * @bounce: is data to be copied, as a parameter: 0, 1, or MMBLK_BOUNCE_DEVICE
 * @opening: of the device or file
 * @backing: the device or file, once it is open
 * @limit: what the client may ask of it
 * @config: what the client was told; of lane 0's thread
 * @cached: it was told of a write cache when it came up, and of nothing else
 *	since; set by lane 0's thread
 * @lane: one for each channel
 */
struct mmblk_server {
	struct mmblk_service service;
	bool write;
	bool keep;
	char *path;
	unsigned int bounce;
	struct mmblk_opening opening;
	struct mmblk_backing backing;
	struct mmblk_limit limit;
	struct mmblk_config config;
	bool cached;
	struct mmblk_lane **lane;
};

#define to_mmblk_server(s) container_of(s, struct mmblk_server, service)

/*
 * May the client not know that it has to flush? Then each write must be durable
 * when it is answered. A device whose cache is switched on says nothing, the
 * client hears of it a second later, or more, and nobody can tell how long what
 * it has sent before is on its way: until it comes up again.
 */
static inline bool mmblk_server_uncached(const struct mmblk_server *server)
{
	/* pairs with the release in mmblk_server_tell() */
	return !smp_load_acquire(&server->cached);
}

/* server.c */
void mmblk_server_free(struct mmblk_server *server);

/* opening.c */
void mmblk_opening_init(struct mmblk_server *server);
int mmblk_opening_start(struct mmblk_service *service);
void mmblk_opening_stop(struct mmblk_service *service);
void mmblk_opening_close(struct mmblk_server *server);
void mmblk_server_put(struct mmblk_server *server);

/* serve.c */
int mmblk_lane_start(struct mmblk_lane *lane);
void mmblk_lane_kill(struct mmblk_lane *lane);
void mmblk_hush(void);
void mmblk_lane_stop(struct mmblk_lane *lane);
void mmblk_lane_event(struct fido_chan *chan, void *priv);
void mmblk_job_done(struct mmblk_job *job);

/* The request in work: a private copy */
static inline const struct mmblk_request *
mmblk_lane_request(const struct mmblk_lane *lane)
{
	return (const void *)lane->msg;
}

/* request.c */
unsigned int mmblk_job_vecs(const struct mmblk_job *job);
u8 mmblk_request_check(struct mmblk_lane *lane, u32 len);
int mmblk_request_start(struct mmblk_job *job);
void mmblk_request_put(struct mmblk_job *job);

#endif /* MMBLK_SERVER_H */
