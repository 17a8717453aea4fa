// SPDX-License-Identifier: GPL-2.0
/*
 * Client: the disk, from the block layer's point of view.
 */
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/sched/mm.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "client.h"
#include "compat_block.h"
#include "park.h"

/* Attributes of the disk, for udev's names by serial number */

static ssize_t serial_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct mmblk_client *client = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%s\n", client->serial);
}
static DEVICE_ATTR_RO(serial);

static struct attribute *mmblk_disk_attrs[] = {
	&dev_attr_serial.attr,
	NULL,
};

static const struct attribute_group mmblk_disk_group = {
	.attrs = mmblk_disk_attrs,
};

/* Of a disk that outlives its service, in a directory of their own */

static ssize_t keep_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct mmblk_client *client = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%s\n", client->keep);
}
static DEVICE_ATTR_RO(keep);

static ssize_t parked_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct mmblk_client *client = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%d\n", READ_ONCE(client->parked));
}
static DEVICE_ATTR_RO(parked);

static ssize_t abandon_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	struct mmblk_client *client = dev_to_disk(dev)->private_data;
	bool yes;
	int err;

	err = kstrtobool(buf, &yes);
	if (!err && yes)
		err = mmblk_park_abandon(client);
	return err ? err : count;
}
static DEVICE_ATTR_WO(abandon);

static struct attribute *mmblk_kept_attrs[] = {
	&dev_attr_keep.attr,
	&dev_attr_parked.attr,
	&dev_attr_abandon.attr,
	NULL,
};

static const struct attribute_group mmblk_kept_group = {
	.name = "mmblk",
	.attrs = mmblk_kept_attrs,
};

static const struct attribute_group *mmblk_disk_groups[] = {
	&mmblk_disk_group,
	NULL,
};

static const struct attribute_group *mmblk_kept_groups[] = {
	&mmblk_disk_group,
	&mmblk_kept_group,
	NULL,
};

static void mmblk_free_disk(struct gendisk *disk)
{
	mmblk_client_free(disk->private_data);
}

static const struct block_device_operations mmblk_fops = {
	.owner = THIS_MODULE,
	.open = compat_disk_open,
	.release = compat_disk_release,
	.free_disk = mmblk_free_disk,
};

/*
 * The server cannot be made to stop reading a request's pages, and while the
 * link is down there is nobody to ask: requests wait. What ends the wait is
 * the completion, the reconnect, the removal of the service, or
 * mmblk_client_lapse().
 *
 * Whoever polls may stop to do so while his requests are with the server (his
 * process ends, the queue is frozen): then nobody else looks. A request that
 * is found to be complete here is not used again before we return, as the
 * caller has a reference.
 */
static enum blk_eh_timer_return mmblk_timeout(struct request *rq)
{
	struct mmblk_queue *q = rq->mq_hctx->driver_data;

	if (!q->polled)
		return BLK_EH_RESET_TIMER;
	while (blk_mq_request_started(rq) && mmblk_complete_poll(q, NULL))
		cond_resched();
	return blk_mq_request_started(rq) ? BLK_EH_RESET_TIMER : BLK_EH_DONE;
}

static int mmblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	return mmblk_complete_poll(hctx->driver_data, iob);
}

static int mmblk_init_hctx(struct blk_mq_hw_ctx *hctx, void *data,
			   unsigned int index)
{
	struct mmblk_client *client = data;

	hctx->driver_data = client->queue[index];
	return 0;
}

/* The last queues are those that are polled; none is for reads alone. */
static void mmblk_map_queues(struct blk_mq_tag_set *set)
{
	struct mmblk_client *client = set->driver_data;
	struct blk_mq_queue_map *map = set->map;

	if (set->nr_maps > HCTX_TYPE_POLL) {
		map[HCTX_TYPE_DEFAULT].nr_queues =
			set->nr_hw_queues - client->nr_poll;
		map[HCTX_TYPE_READ].nr_queues = 0;
		map[HCTX_TYPE_POLL].nr_queues = client->nr_poll;
		map[HCTX_TYPE_POLL].queue_offset =
			map[HCTX_TYPE_DEFAULT].nr_queues;
		blk_mq_map_queues(&map[HCTX_TYPE_POLL]);
	}
	blk_mq_map_queues(&map[HCTX_TYPE_DEFAULT]);
}

static const struct blk_mq_ops mmblk_mq_ops = {
	.queue_rq = mmblk_queue_rq,
	.commit_rqs = mmblk_commit_rqs,
	.timeout = mmblk_timeout,
	.poll = mmblk_poll,
	.map_queues = mmblk_map_queues,
	.init_hctx = mmblk_init_hctx,
};

/* How long completions may lie there when nobody polls any more */
#define MMBLK_POLL_TIMEOUT	(2 * HZ)

static int mmblk_alloc_tag_set(struct mmblk_client *client)
{
	client->set = (struct blk_mq_tag_set){
		.ops = &mmblk_mq_ops,
		.nr_hw_queues = client->service.nr_queues,
		.nr_maps = client->nr_poll ? HCTX_MAX_TYPES : 1,
		.queue_depth = MMBLK_DEPTH,
		.numa_node = NUMA_NO_NODE,
		.timeout = client->nr_poll ? MMBLK_POLL_TIMEOUT : 0,
		/* a CPU that goes offline must not wait for the server */
		.flags = COMPAT_MQ_FLAGS | BLK_MQ_F_STACKING,
		.driver_data = client,
	};
	return blk_mq_alloc_tag_set(&client->set);
}

/**
 * mmblk_disk_create - allocate the disk, not visible and with queues quiesced
 * @client: client with its queues
 *
 * Return: 0 or an error.
 */
int mmblk_disk_create(struct mmblk_client *client)
{
	struct gendisk *disk;
	int err;

	err = mmblk_alloc_tag_set(client);
	if (err)
		return err;
	disk = compat_disk_alloc(&client->set, client);
	if (IS_ERR(disk)) {
		blk_mq_free_tag_set(&client->set);
		return PTR_ERR(disk);
	}
	disk->fops = &mmblk_fops;
	disk->private_data = client;
	snprintf(disk->disk_name, sizeof(disk->disk_name), "mmblk%d",
		 client->index);
	client->disk = disk;
	blk_mq_quiesce_queue(disk->queue);
	return 0;
}

/**
 * mmblk_disk_remove - end of service: nobody gets at the disk any more
 * @client: client, dead, its work cancelled
 */
void mmblk_disk_remove(struct mmblk_client *client)
{
	if (!client->added)
		return;
	blk_mark_disk_dead(client->disk);
	del_gendisk(client->disk);
	blk_mq_free_tag_set(&client->set);
}

/**
 * mmblk_disk_put - drop the disk, which frees the client with its last user
 * @client: client; gone when this returns, or soon after
 */
void mmblk_disk_put(struct mmblk_client *client)
{
	if (client->added) {
		put_disk(client->disk);
		return;
	}
	/* a disk that was never added needs its tags here, has no users */
	put_disk(client->disk);
	blk_mq_free_tag_set(&client->set);
	mmblk_client_free(client);
}

static int mmblk_disk_limits(struct mmblk_client *client,
			     const struct mmblk_config *c)
{
	struct compat_disk_limits limits = {
		.logical_block_size = c->logical_block_size,
		.physical_block_size = c->physical_block_size,
		.alignment_offset = c->alignment_offset,
		.io_min = c->io_min,
		.io_opt = c->io_opt,
		.dma_alignment = MMBLK_SECTOR_SIZE - 1,
		.max_hw_sectors = c->max_bytes >> SECTOR_SHIFT,
		.max_segments = MMBLK_MAX_SEGS,
		.max_segment_size = MMBLK_MAX_BYTES,
		.max_discard_sectors = c->discard_sectors,
		.discard_granularity = c->discard_granularity,
		.discard_alignment = c->discard_alignment,
		.max_write_zeroes_sectors = c->write_zeroes_sectors,
		.write_cache = client->flushes,
		.fua = client->flushes && c->flags & MMBLK_C_FUA,
		.rotational = c->flags & MMBLK_C_ROTATIONAL,
		.stable_writes = c->flags & MMBLK_C_STABLE_WRITES,
	};

	return compat_disk_set_limits(client->disk, &limits);
}

/* Do two configurations differ in more than size and read-only flag? */
static bool mmblk_limits_differ(const struct mmblk_config *a,
				const struct mmblk_config *b)
{
	struct mmblk_config x = *a;

	x.sectors = b->sectors;
	x.flags ^= (x.flags ^ b->flags) & MMBLK_C_READ_ONLY;
	return memcmp(&x, b, sizeof(x));
}

/*
 * What the service is told; a disk that is parked has none. The service does
 * not go while it is locked.
 */
static struct fido_device *mmblk_service_lock(struct mmblk_client *client)
{
	mutex_lock(&client->attach_lock);
	return client->service.fdev;
}

static void mmblk_service_unlock(struct mmblk_client *client)
{
	mutex_unlock(&client->attach_lock);
}

static void mmblk_disk_error(struct mmblk_client *client, int err,
			     const char *why)
{
	struct fido_device *fdev = mmblk_service_lock(client);

	if (fdev)
		fido_error(fdev, err, "%s: %s", client->disk->disk_name, why);
	mmblk_service_unlock(client);
}

static void mmblk_disk_report(struct mmblk_client *client)
{
	bool promised = client->applied.flags & MMBLK_C_KEPT;
	struct fido_device *fdev = mmblk_service_lock(client);

	if (fdev) {
		fido_report(fdev, "disk", "%s", client->disk->disk_name);
		fido_report(fdev, "sectors", "%llu", client->applied.sectors);
	}
	mmblk_service_unlock(client);
	if (client->keep && !promised)
		mmblk_disk_error(client, -EOPNOTSUPP,
				 "it is not kept, the server's mmblk cannot do so");
}

static int mmblk_disk_apply(struct mmblk_client *client,
			    const struct mmblk_config *c)
{
	bool read_only = c->flags & MMBLK_C_READ_ONLY;
	int err = 0;

	if (mmblk_limits_differ(&client->applied, c))
		err = mmblk_disk_limits(client, c);
	if (err) {
		mmblk_disk_error(client, err,
				 "the server's limits cannot be used");
		return err;
	}
	if (get_disk_ro(client->disk) != read_only)
		set_disk_ro(client->disk, read_only);
	set_capacity_and_notify(client->disk, c->sectors);
	client->applied = *c;
	return 0;
}

/* A disk that outlives its service has no place below that. */
static int mmblk_disk_register(struct mmblk_client *client)
{
	if (client->keep)
		return device_add_disk(NULL, client->disk, mmblk_kept_groups);
	return device_add_disk(&client->service.fdev->dev, client->disk,
			       mmblk_disk_groups);
}

static void mmblk_disk_add(struct mmblk_client *client)
{
	int err;

	err = mmblk_disk_register(client);
	if (err) {
		client->failed = true;
		mmblk_disk_error(client, err, "cannot be added");
		return;
	}
	WRITE_ONCE(client->added, true);
}

static bool mmblk_disk_take_config(struct mmblk_client *client,
				   struct mmblk_config *c)
{
	bool tell;

	spin_lock_bh(&client->lock);
	*c = client->config;
	tell = client->tell;
	client->tell = false;
	spin_unlock_bh(&client->lock);
	return tell || !client->added || client->applied.sectors != c->sectors;
}

static void mmblk_disk_update(struct mmblk_client *client)
{
	const char *refused = READ_ONCE(client->refused);
	struct mmblk_config c;
	bool tell;

	if (refused) {
		mmblk_disk_error(client, -EINVAL, refused);
		return;
	}
	tell = mmblk_disk_take_config(client, &c);
	if (mmblk_disk_apply(client, &c))
		return;
	if (!client->added && !client->failed)
		mmblk_disk_add(client);
	if (tell && client->added)
		mmblk_disk_report(client);
}

/**
 * mmblk_disk_work - carry the server's configuration over to the disk
 * @work: @work of the client
 *
 * The block layer reads the partition table here, and can wait for requests
 * in flight: all this may take as long as the link is down. Therefore ->up()
 * and ->down() never wait for this work.
 */
void mmblk_disk_work(struct work_struct *work)
{
	struct mmblk_client *client = container_of(to_delayed_work(work),
						   struct mmblk_client, work);
	/* see mmblk_alloc_wq() */
	unsigned int noio = memalloc_noio_save();

	mmblk_disk_update(client);
	memalloc_noio_restore(noio);
}
