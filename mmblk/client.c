// SPDX-License-Identifier: GPL-2.0
/*
 * Client: its life, from the service's point of view.
 *
 * The disk exists from the first configuration on until the service is
 * removed, whatever the link does in between. While the service is down, the
 * queues are quiesced: requests wait, and those that were in flight are sent
 * again after the next configuration. They wait for ever, or as long as the
 * administrator has said; then they fail.
 *
 * A disk that the toolstack keeps goes on without a service, as if that were
 * down, and is taken over by the next one, see park.c.
 */
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "client.h"
#include "park.h"
#include "segs.h"

/* Seconds: a day */
#define MMBLK_MAX_TIMEOUT	86400

static DEFINE_IDA(mmblk_index);

/* Queues */

static void mmblk_free_bounces(struct mmblk_queue *q)
{
	unsigned int i;

	for (i = 0; i < MMBLK_DEPTH; i++)
		mmblk_bounce_put(q->client->reserve, &q->tag[i].bounce);
}

static void mmblk_queue_free(struct mmblk_queue *q)
{
	mmblk_free_bounces(q);
	fido_pages_free(q->lists);
	kvfree(q);
}

static struct mmblk_queue *mmblk_queue_alloc(struct mmblk_client *client,
					     unsigned int index)
{
	struct mmblk_queue *q = kvzalloc(sizeof(*q), GFP_KERNEL);

	if (!q)
		return NULL;
	q->lists = fido_pages_alloc(MMBLK_DEPTH + 1, GFP_KERNEL | __GFP_ZERO);
	if (!q->lists) {
		kvfree(q);
		return NULL;
	}
	q->client = client;
	q->index = index;
	q->polled = index >= client->service.nr_queues - client->nr_poll;
	spin_lock_init(&q->lock);
	spin_lock_init(&q->rx_lock);
	tasklet_setup(&q->bh, mmblk_complete_bh);
	return q;
}

static void mmblk_queues_free(struct mmblk_client *client, unsigned int nr)
{
	while (nr--)
		mmblk_queue_free(client->queue[nr]);
	kfree(client->queue);
}

static int mmblk_queues_alloc(struct mmblk_client *client, unsigned int nr)
{
	unsigned int i;

	client->queue = kcalloc(nr, sizeof(*client->queue), GFP_KERNEL);
	if (!client->queue)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		client->queue[i] = mmblk_queue_alloc(client, i);
		if (!client->queue[i]) {
			mmblk_queues_free(client, i);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Configuration */

/* What waits goes to queue_rq, which knows what to do with it. */
static void mmblk_client_flow(struct mmblk_client *client)
{
	blk_mq_unquiesce_queue(client->disk->queue);
	blk_mq_kick_requeue_list(client->disk->queue);
}

/*
 * After ->up() or its failure to come: let the requests go. Nothing else
 * sets @running, and ->down() waits for the caller.
 */
static void mmblk_client_run(struct mmblk_client *client)
{
	bool flows;

	spin_lock_bh(&client->lock);
	flows = client->running || client->lapsed;
	client->running = true;
	/* who has not seen yet that the client is dead must see @lapsed */
	if (!client->dead) {
		/* pairs with the acquire in mmblk_queue_rq(): channels are there */
		smp_store_release(&client->lapsed, false);
	}
	spin_unlock_bh(&client->lock);
	if (!flows)
		mmblk_client_flow(client);
}

/*
 * The service is down for as long as the administrator lets requests wait. None
 * of them is with a server now, as far as we know: what was, has been requeued
 * in ->down(). One that has not gone down yet, since it has not noticed or hangs,
 * may still read the data of writes that fail here, as in
 * mmblk_client_fail().
 */
static void mmblk_client_lapse(struct work_struct *work)
{
	struct mmblk_client *client = container_of(to_delayed_work(work),
						   struct mmblk_client, lapse);
	bool lapsed;

	spin_lock_bh(&client->lock);
	lapsed = !client->running && !client->lapsed && !client->dead &&
		 !time_before(jiffies, client->lapse_at);
	if (lapsed)
		WRITE_ONCE(client->lapsed, true);
	spin_unlock_bh(&client->lock);
	if (!lapsed)
		return;
	/* there may be no service at the moment */
	pr_warn("mmblk: %s: the server is away for %u s, requests fail until it is back\n",
		client->disk->disk_name, client->timeout);
	mmblk_client_flow(client);
}

/*
 * With @lock held. Why a device is not what the disk was made of, NULL if it
 * can be. One that is there all the time may shrink as it likes.
 */
static const char *mmblk_client_refuse(const struct mmblk_client *client,
				       const struct mmblk_config *config)
{
	if (!client->has_config)
		return NULL;
	if (client->config.logical_block_size != config->logical_block_size)
		return "the logical block size changed";
	if (client->anew && config->sectors < client->config.sectors)
		return "the device that came back is smaller";
	/* writes that wait would fail: worse than to wait */
	if (client->anew && config->flags & ~client->config.flags &
			    MMBLK_C_READ_ONLY)
		return "the device that came back is read-only";
	return NULL;
}

/*
 * Whether the disk has a write cache is settled by the first configuration, for
 * all its life. Where there is none, the block layer ends flushes by itself and
 * takes REQ_FUA away, and so does whatever is stacked above, like dm, which may
 * not look again. How long what they have passed on so is on its way, nobody
 * can tell: the block layer takes it away before a freeze of the queue waits
 * for the bio. So a cache that is there later is written through, and one that
 * is not there any more is flushed for nothing.
 */
static void mmblk_client_accept(struct mmblk_client *client,
				const struct mmblk_config *config)
{
	bool cache = config->flags & MMBLK_C_WRITE_CACHE;

	if (!client->has_config)
		client->flushes = cache;
	/* before mmblk_client_run(): who finds the queues running sees it */
	WRITE_ONCE(client->through, cache && !client->flushes);
	client->config = *config;
	client->has_config = true;
	if (client->anew)
		client->tell = true;
	client->anew = false;
}

/**
 * mmblk_client_configure - the server has told what the device is like
 * @client: client
 * @config: private copy, checked
 *
 * Context: completion of queue 0.
 */
void mmblk_client_configure(struct mmblk_client *client,
			    const struct mmblk_config *config)
{
	const char *why;
	bool soon;

	spin_lock(&client->lock);
	why = mmblk_client_refuse(client, config);
	soon = !why && (!client->has_config || client->anew);
	if (!why)
		mmblk_client_accept(client, config);
	spin_unlock(&client->lock);

	if (why && client->running) {
		fido_chan_break(client->queue[0]->chan,
				"mmblk: the logical block size changed");
		return;
	}
	WRITE_ONCE(client->refused, why);
	if (!why)
		mmblk_client_run(client);
	/* a server that tells news without end is heard once a second */
	queue_delayed_work(mmblk_wq, &client->work, soon ? 0 : HZ);
}

/* Service */

static void mmblk_client_event(struct fido_chan *chan, void *priv)
{
	struct mmblk_queue *q = priv;

	tasklet_schedule(&q->bh);
}

/* From now on, or not any more, completions are looked for. */
static void mmblk_set_live(struct mmblk_queue *q, bool live)
{
	spin_lock_bh(&q->rx_lock);
	q->live = live;
	spin_unlock_bh(&q->rx_lock);
}

/*
 * The one of the link. If there is no memory for it, the disk keeps the one that
 * it came up with before: of another link, perhaps, but better than none.
 */
static void mmblk_client_reserve(struct mmblk_client *client)
{
	struct mmblk_reserve *reserve;

	/* before the other one goes: it is the same mostly */
	reserve = mmblk_reserve_get(client->service.fdev);
	if (!reserve)
		return;
	mmblk_reserve_put(client->reserve);
	client->reserve = reserve;
}

static int mmblk_client_up(struct mmblk_service *service)
{
	struct mmblk_client *client = to_mmblk_client(service);
	struct mmblk_queue *q;
	unsigned int i;
	int err;

	/*
	 * This is of what was in flight before the service went down. The peer
	 * has gone down as well, or it would not be up again, and reads no old
	 * data any more. A peer whose place another one has taken has died, or
	 * has closed the device.
	 */
	for (i = 0; i < service->nr_queues; i++)
		mmblk_free_bounces(client->queue[i]);
	mmblk_client_reserve(client);
	for (i = 0; i < service->nr_queues; i++) {
		q = client->queue[i];
		q->chan = fido_chan(service->fdev, i);
		err = fido_pages_show(q->chan, q->lists,
				      GFP_KERNEL | __GFP_ZERO);
		if (err)
			return err;
		fido_chan_set_priv(q->chan, q);
	}
	for (i = 0; i < service->nr_queues; i++)
		mmblk_set_live(client->queue[i], true);
	return 0;
}

static void mmblk_requeue_all(struct mmblk_queue *q)
{
	struct mmblk_tag *t;
	struct request *rq;

	for (t = q->tag; t < q->tag + MMBLK_DEPTH; t++) {
		rq = t->rq;
		if (!rq)
			continue;
		t->rq = NULL;
		mmblk_stat_inc(&q->stats, MMBLK_STAT_REQUEUES);
		blk_mq_requeue_request(rq, false);
	}
}

/* The link's other disks go on, perhaps, or come up before this one. */
static void mmblk_leave_reserve(struct mmblk_queue *q)
{
	unsigned int i;

	for (i = 0; i < MMBLK_DEPTH; i++)
		mmblk_reserve_leave(q->client->reserve, q->chan,
				    q->tag[i].bounce);
}

static void mmblk_client_down(struct mmblk_service *service)
{
	struct mmblk_client *client = to_mmblk_client(service);
	bool running;
	unsigned int i;

	/* No events come any more; after this nobody completes or configures */
	for (i = 0; i < service->nr_queues; i++) {
		tasklet_kill(&client->queue[i]->bh);
		mmblk_set_live(client->queue[i], false);
	}

	spin_lock_bh(&client->lock);
	running = client->running;
	client->running = false;
	/* a server that came and went without a configuration was away */
	if (running)
		client->lapse_at = jiffies + client->timeout * HZ;
	spin_unlock_bh(&client->lock);
	/* Waits for queue_rq, which does not sleep; then nobody submits */
	if (running)
		blk_mq_quiesce_queue(client->disk->queue);

	for (i = 0; i < service->nr_queues; i++) {
		mmblk_requeue_all(client->queue[i]);
		mmblk_leave_reserve(client->queue[i]);
	}
	if (!running || !client->timeout)
		return;
	/* one of an earlier time may be there still, and would come too soon */
	mod_delayed_work(mmblk_end_wq, &client->lapse, client->timeout * HZ);
}

static const struct mmblk_stats *
mmblk_client_stats(struct mmblk_service *service, unsigned int queue)
{
	return &to_mmblk_client(service)->queue[queue]->stats;
}

static int mmblk_param_serial(struct mmblk_client *client,
			      struct fido_device *fdev)
{
	char *serial = fido_param(fdev, "serial");
	int err = 0;

	if (serial && strscpy(client->serial, serial,
			      sizeof(client->serial)) < 0) {
		err = -EINVAL;
		fido_error(fdev, err, "serial is longer than %u characters",
			   MMBLK_SERIAL_LEN);
	}
	kfree(serial);
	return err;
}

/* One of the queues at least is left for who does not poll. */
static int mmblk_param_poll(struct mmblk_client *client,
			    struct fido_device *fdev)
{
	if (fido_param_uint(fdev, "poll-queues", &client->nr_poll) == -ENOMEM)
		return -ENOMEM;
	if (client->nr_poll < client->service.nr_queues)
		return 0;
	fido_error(fdev, -EINVAL, "poll-queues has just been changed");
	return -EINVAL;
}

static int mmblk_param_timeout(struct mmblk_client *client,
			       struct fido_device *fdev)
{
	return fido_param_range(fdev, "timeout", 1, MMBLK_MAX_TIMEOUT,
				&client->timeout);
}

/* "no" is for services that are being removed. */
static void mmblk_param_keep(struct mmblk_client *client,
			     struct fido_device *fdev)
{
	client->keep = fido_param(fdev, "keep");
	if (!client->keep || (*client->keep && strcmp(client->keep, "no")))
		return;
	kfree(client->keep);
	client->keep = NULL;
}

/* The numbers come last, as they tell of each one that was lost. */
static int mmblk_client_params(struct mmblk_client *client,
			       struct fido_device *fdev)
{
	int err;

	mmblk_param_keep(client, fdev);
	err = mmblk_param_serial(client, fdev);
	if (err)
		return err;
	err = mmblk_param_poll(client, fdev);
	if (err)
		return err;
	return mmblk_param_timeout(client, fdev);
}

/* Life */

static void mmblk_client_attach(struct mmblk_client *client,
				struct fido_device *fdev)
{
	mutex_lock(&client->attach_lock);
	client->service.fdev = fdev;
	mutex_unlock(&client->attach_lock);
	mmblk_users_begin(&client->users, fdev);
}

/* When this returns, nobody looks at the service any more. */
static void mmblk_client_detach(struct mmblk_client *client)
{
	mmblk_users_pause(&client->users);
	mutex_lock(&client->attach_lock);
	client->service.fdev = NULL;
	mutex_unlock(&client->attach_lock);
}

static struct mmblk_client *mmblk_client_alloc(struct fido_device *fdev,
					       unsigned int nr_queues)
{
	struct mmblk_client *client = kzalloc(sizeof(*client), GFP_KERNEL);
	int err;

	if (!client)
		return ERR_PTR(-ENOMEM);
	client->service.fdev = fdev;
	client->service.nr_queues = nr_queues;
	spin_lock_init(&client->lock);
	mutex_init(&client->attach_lock);
	INIT_DELAYED_WORK(&client->work, mmblk_disk_work);
	INIT_DELAYED_WORK(&client->lapse, mmblk_client_lapse);
	mmblk_users_init(&client->users);
	err = mmblk_client_params(client, fdev);
	if (!err)
		return client;
	kfree(client->keep);
	kfree(client);
	return ERR_PTR(err);
}

static int mmblk_client_build(struct mmblk_client *client)
{
	unsigned int nr_queues = client->service.nr_queues;
	int err;

	err = mmblk_queues_alloc(client, nr_queues);
	if (err)
		return err;
	client->index = ida_alloc(&mmblk_index, GFP_KERNEL);
	if (client->index < 0) {
		err = client->index;
		goto err_queues;
	}
	err = mmblk_disk_create(client);
	if (err)
		goto err_index;
	return 0;

err_index:
	ida_free(&mmblk_index, client->index);
err_queues:
	mmblk_queues_free(client, nr_queues);
	return err;
}

/* The disk has been waiting for some time already. */
static void mmblk_client_set_timeout(struct mmblk_client *client,
				     unsigned int timeout)
{
	if (timeout == client->timeout)
		return;
	cancel_delayed_work_sync(&client->lapse);
	spin_lock_bh(&client->lock);
	client->timeout = timeout;
	client->lapse_at = jiffies + timeout * HZ;
	spin_unlock_bh(&client->lock);
	if (timeout)
		mod_delayed_work(mmblk_end_wq, &client->lapse, timeout * HZ);
}

/* A disk that waits is taken over; it is told of when the server is there. */
static void mmblk_client_adopt(struct mmblk_client *client,
			       struct fido_device *fdev, unsigned int timeout)
{
	mmblk_client_set_timeout(client, timeout);
	spin_lock_bh(&client->lock);
	client->anew = true;
	spin_unlock_bh(&client->lock);
	/* an earlier service's, which the disk's work may be about to tell */
	WRITE_ONCE(client->refused, NULL);
	mmblk_client_attach(client, fdev);
	dev_info(&fdev->dev, "%s goes on here\n", client->disk->disk_name);
}

static struct mmblk_service *mmblk_client_create(struct fido_device *fdev,
						 unsigned int nr_queues)
{
	struct mmblk_client *client, *kept;
	int err;

	client = mmblk_client_alloc(fdev, nr_queues);
	if (IS_ERR(client))
		return ERR_CAST(client);
	kept = client->keep ? mmblk_park_claim(client) : client;
	if (kept != client) {
		if (!IS_ERR(kept))
			mmblk_client_adopt(kept, fdev, client->timeout);
		kfree(client->keep);
		kfree(client);
		return IS_ERR(kept) ? ERR_CAST(kept) : &kept->service;
	}
	err = mmblk_client_build(client);
	if (err) {
		if (client->keep)
			mmblk_park_forget(client);
		kfree(client->keep);
		kfree(client);
		return ERR_PTR(err);
	}
	mmblk_users_begin(&client->users, fdev);
	return &client->service;
}

/**
 * mmblk_client_free - free what the disk's last user still needed
 * @client: client, its queues freed
 */
void mmblk_client_free(struct mmblk_client *client)
{
	ida_free(&mmblk_index, client->index);
	kfree(client->keep);
	kfree(client);
}

/**
 * mmblk_client_fail - the disk is about to go: its requests fail from now on
 * @client: client; its service is down, for good, or has gone before
 *
 * Where several disks go, this comes first for all of them: the end of one has
 * the file system write to all that it has.
 *
 * Context: process; does not wait for requests.
 */
void mmblk_client_fail(struct mmblk_client *client)
{
	/*
	 * From now on queue_rq fails everything, without a look at a channel.
	 * A server that has not gone down yet may still read the data of
	 * writes that fail here: what they leave on the device is undefined,
	 * as for every failed write, up to whatever the pages hold by then.
	 */
	spin_lock_bh(&client->lock);
	WRITE_ONCE(client->dead, true);
	spin_unlock_bh(&client->lock);
	mmblk_client_run(client);
}

/**
 * mmblk_client_end - the disk goes
 * @client: client; gone when this returns, or with its last user
 *
 * Its service is going, or has gone before.
 */
void mmblk_client_end(struct mmblk_client *client)
{
	mmblk_client_fail(client);
	cancel_delayed_work_sync(&client->lapse);
	/* add_disk() may be waiting for requests: they have just been failed */
	cancel_delayed_work_sync(&client->work);
	if (client->service.fdev)
		mmblk_users_end(&client->users);

	mmblk_disk_remove(client);
	mmblk_queues_free(client, client->service.nr_queues);
	mmblk_reserve_put(client->reserve);
	mmblk_disk_put(client);
}

/*
 * Does the disk outlive its service? The server must have promised that nothing
 * is lost with its VM. Whoever removes the disk, and not merely the link to a
 * VM that died, says so before. If that cannot be read, though fido_param() took
 * its time, or has gone with the nodes, it stays: one that is parked can still
 * be given up.
 */
static bool mmblk_client_stays(struct mmblk_client *client)
{
	bool promised, stays;
	char *keep;

	if (client->dead || !client->keep || !READ_ONCE(client->added))
		return false;
	spin_lock_bh(&client->lock);
	promised = client->config.flags & MMBLK_C_KEPT;
	spin_unlock_bh(&client->lock);
	if (!promised)
		return false;
	keep = fido_param(client->service.fdev, "keep");
	stays = !keep || strcmp(keep, "no");
	kfree(keep);
	return stays;
}

static bool mmblk_client_give_up(struct mmblk_service *service)
{
	struct mmblk_client *client = to_mmblk_client(service);

	if (mmblk_client_stays(client))
		return false;
	mmblk_client_fail(client);
	return true;
}

static void mmblk_client_destroy(struct mmblk_service *service)
{
	struct mmblk_client *client = to_mmblk_client(service);

	if (mmblk_client_stays(client)) {
		mmblk_client_detach(client);
		mmblk_park_add(client);
		return;
	}
	if (client->keep)
		mmblk_park_forget(client);
	mmblk_client_end(client);
}

const struct mmblk_role mmblk_client_role = {
	.name = "client",
	.hold = FIDO_HOLD_NONE,
	.frees_memory = true,
	.create = mmblk_client_create,
	.destroy = mmblk_client_destroy,
	.start = mmblk_enable,
	.up = mmblk_client_up,
	.down = mmblk_client_down,
	.give_up = mmblk_client_give_up,
	.event = mmblk_client_event,
	.stats = mmblk_client_stats,
};
