// SPDX-License-Identifier: GPL-2.0
/*
 * Counters: one sysfs attribute each, in the directory "stats" of the service.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "mmblk.h"

/**
 * mmblk_stat_op - count a request
 * @stats: counters
 * @op: enum mmblk_op, valid
 * @flags: MMBLK_F_*
 * @bytes: length
 */
void mmblk_stat_op(struct mmblk_stats *stats, u8 op, u8 flags, u32 bytes)
{
	static const u8 by_op[] = {
		[MMBLK_OP_READ] = MMBLK_STAT_READS,
		[MMBLK_OP_WRITE] = MMBLK_STAT_WRITES,
		[MMBLK_OP_FLUSH] = MMBLK_STAT_FLUSHES,
		[MMBLK_OP_DISCARD] = MMBLK_STAT_DISCARDS,
		[MMBLK_OP_WRITE_ZEROES] = MMBLK_STAT_WRITE_ZEROES,
	};

	mmblk_stat_inc(stats, by_op[op]);
	if (op == MMBLK_OP_WRITE)
		mmblk_stat_add(stats, MMBLK_STAT_WRITE_BYTES, bytes);
	if (flags & MMBLK_F_FUA)
		mmblk_stat_inc(stats, MMBLK_STAT_FUA);
}

/* A counter of the queues, summed up */
struct stat_attr {
	struct device_attribute attr;
	enum mmblk_stat what;
};

static ssize_t stat_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct stat_attr *sa = container_of(attr, struct stat_attr, attr);
	struct mmblk_service *service = dev_get_drvdata(dev);
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < service->nr_queues; i++)
		sum += READ_ONCE(service->role->stats(service, i)->
				 value[sa->what]);
	return sysfs_emit(buf, "%llu\n", sum);
}

#define STAT(_name, _what)						\
	static struct stat_attr stat_##_name = {			\
		.attr = __ATTR(_name, 0444, stat_show, NULL),		\
		.what = MMBLK_STAT_##_what,				\
	}

STAT(reads, READS);
STAT(writes, WRITES);
STAT(flushes, FLUSHES);
STAT(discards, DISCARDS);
STAT(write_zeroes, WRITE_ZEROES);
STAT(fua, FUA);
STAT(read_bytes, READ_BYTES);
STAT(write_bytes, WRITE_BYTES);
STAT(segments, SEGMENTS);
STAT(lists, LISTS);
STAT(bounces, BOUNCES);
STAT(bounce_bytes, BOUNCE_BYTES);
STAT(full, FULL);
STAT(refused, REFUSED);
STAT(deepest, DEEPEST);
STAT(held, HELD);
STAT(timeouts, TIMEOUTS);
STAT(requeues, REQUEUES);
STAT(completions, COMPLETIONS);
STAT(errors, ERRORS);
STAT(runs, RUNS);

/* A counter of the channels, summed up, earlier connections included */
struct chan_attr {
	struct device_attribute attr;
	size_t offset;
};

static u64 chan_stat(struct mmblk_service *service, size_t offset)
{
	struct fido_chan_stats now;
	u64 sum;
	unsigned int i;

	mutex_lock(&service->lock);
	sum = *(u64 *)((void *)&service->before + offset);
	for (i = 0; service->up && i < service->nr_queues; i++) {
		fido_chan_get_stats(fido_chan(service->fdev, i), &now);
		sum += *(u64 *)((void *)&now + offset);
	}
	mutex_unlock(&service->lock);
	return sum;
}

static ssize_t chan_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct chan_attr *ca = container_of(attr, struct chan_attr, attr);

	return sysfs_emit(buf, "%llu\n",
			  chan_stat(dev_get_drvdata(dev), ca->offset));
}

#define CHAN_OFFSET(name) offsetof(struct fido_chan_stats, name)

#define CHAN(_name, _offset)						\
	static struct chan_attr chan_##_name = {			\
		.attr = __ATTR(_name, 0444, chan_show, NULL),		\
		.offset = _offset,					\
	}

CHAN(sent, CHAN_OFFSET(sent));
CHAN(received, CHAN_OFFSET(received));
CHAN(released, CHAN_OFFSET(released));
CHAN(reaped, CHAN_OFFSET(reaped));
CHAN(signals, CHAN_OFFSET(signals));
CHAN(events, CHAN_OFFSET(events));
CHAN(found, CHAN_OFFSET(found));

static struct attribute *mmblk_stats_attrs[] = {
	&stat_reads.attr.attr,
	&stat_writes.attr.attr,
	&stat_flushes.attr.attr,
	&stat_discards.attr.attr,
	&stat_write_zeroes.attr.attr,
	&stat_fua.attr.attr,
	&stat_read_bytes.attr.attr,
	&stat_write_bytes.attr.attr,
	&stat_segments.attr.attr,
	&stat_lists.attr.attr,
	&stat_bounces.attr.attr,
	&stat_bounce_bytes.attr.attr,
	&stat_full.attr.attr,
	&stat_refused.attr.attr,
	&stat_deepest.attr.attr,
	&stat_held.attr.attr,
	&stat_timeouts.attr.attr,
	&stat_requeues.attr.attr,
	&stat_completions.attr.attr,
	&stat_errors.attr.attr,
	&stat_runs.attr.attr,
	&chan_sent.attr.attr,
	&chan_received.attr.attr,
	&chan_released.attr.attr,
	&chan_reaped.attr.attr,
	&chan_signals.attr.attr,
	&chan_events.attr.attr,
	&chan_found.attr.attr,
	NULL,
};

const struct attribute_group mmblk_stats_group = {
	.name = "stats",
	.attrs = mmblk_stats_attrs,
};
