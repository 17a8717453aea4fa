/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that are supported, in the block layer: the
 * part of compat.h that only mmblk needs.
 */
#ifndef FIDO_COMPAT_BLOCK_H
#define FIDO_COMPAT_BLOCK_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/uio.h>

#include "compat.h"

/* Results that this kernel does not know: the nearest one that it does */

#ifndef BLK_STS_RESV_CONFLICT
#define BLK_STS_RESV_CONFLICT	BLK_STS_NEXUS
#endif

#ifndef BLK_STS_DURATION_LIMIT
#define BLK_STS_DURATION_LIMIT	BLK_STS_TIMEOUT
#endif

#ifndef BLK_STS_INVAL
#define BLK_STS_INVAL		BLK_STS_IOERR
#endif

/* Directions of an iov_iter had the names of requests */

#ifndef ITER_SOURCE
#define ITER_SOURCE		WRITE
#define ITER_DEST		READ
#endif

/* Flags of a tag set; merging became the rule (6.14) */

#ifdef HAVE_MQ_SHOULD_MERGE
#define COMPAT_MQ_MERGE		BLK_MQ_F_SHOULD_MERGE
#else
#define COMPAT_MQ_MERGE		0
#endif

#ifdef HAVE_MQ_NO_SCHED_BY_DEFAULT
#define COMPAT_MQ_FLAGS		(COMPAT_MQ_MERGE | BLK_MQ_F_NO_SCHED_BY_DEFAULT)
#else
#define COMPAT_MQ_FLAGS		COMPAT_MQ_MERGE
#endif

/* Limits of a disk: setters (6.1), or one structure with features (6.11) */

/**
 * struct compat_disk_limits - what a disk is like
 * @logical_block_size: as in struct queue_limits
 * @physical_block_size: as in struct queue_limits
 * @alignment_offset: as in struct queue_limits
 * @io_min: as in struct queue_limits
 * @io_opt: as in struct queue_limits
 * @dma_alignment: as in struct queue_limits
 * @max_hw_sectors: as in struct queue_limits
 * @max_segments: as in struct queue_limits
 * @max_segment_size: as in struct queue_limits
 * @max_discard_sectors: as in struct queue_limits
 * @discard_granularity: as in struct queue_limits
 * @discard_alignment: as in struct queue_limits
 * @max_write_zeroes_sectors: as in struct queue_limits
 * @write_cache: has a volatile write cache
 * @fua: can write through it
 * @rotational: seeks are slow
 * @stable_writes: data must not change while it is written
 */
struct compat_disk_limits {
	u32 logical_block_size;
	u32 physical_block_size;
	u32 alignment_offset;
	u32 io_min;
	u32 io_opt;
	u32 dma_alignment;
	u32 max_hw_sectors;
	u32 max_segments;
	u32 max_segment_size;
	u32 max_discard_sectors;
	u32 discard_granularity;
	u32 discard_alignment;
	u32 max_write_zeroes_sectors;
	bool write_cache;
	bool fua;
	bool rotational;
	bool stable_writes;
};

#ifdef HAVE_BLK_FEATURES

static inline struct gendisk *compat_disk_alloc(struct blk_mq_tag_set *set,
						void *queuedata)
{
	return blk_mq_alloc_disk(set, NULL, queuedata);
}

static inline blk_features_t
compat_disk_features(const struct compat_disk_limits *from)
{
	return (from->write_cache ? BLK_FEAT_WRITE_CACHE : 0) |
	       (from->fua ? BLK_FEAT_FUA : 0) |
	       (from->rotational ? BLK_FEAT_ROTATIONAL : 0) |
	       (from->stable_writes ? BLK_FEAT_STABLE_WRITES : 0);
}

static inline int compat_disk_set_limits(struct gendisk *disk,
					 const struct compat_disk_limits *from)
{
	const blk_features_t all = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA |
				   BLK_FEAT_ROTATIONAL | BLK_FEAT_STABLE_WRITES;
	struct queue_limits to = queue_limits_start_update(disk->queue);

	to.features = (to.features & ~all) | compat_disk_features(from);
	to.logical_block_size = from->logical_block_size;
	to.physical_block_size = from->physical_block_size;
	to.alignment_offset = from->alignment_offset;
	to.io_min = from->io_min;
	to.io_opt = from->io_opt;
	to.dma_alignment = from->dma_alignment;
	to.max_hw_sectors = from->max_hw_sectors;
	to.max_segments = from->max_segments;
	to.max_segment_size = from->max_segment_size;
	to.max_hw_discard_sectors = from->max_discard_sectors;
	to.discard_granularity = from->max_discard_sectors ?
				 from->discard_granularity : 0;
	to.discard_alignment = from->discard_alignment;
	to.max_write_zeroes_sectors = from->max_write_zeroes_sectors;
	return queue_limits_commit_update(disk->queue, &to);
}

#else

static inline struct gendisk *compat_disk_alloc(struct blk_mq_tag_set *set,
						void *queuedata)
{
	return blk_mq_alloc_disk(set, queuedata);
}

static inline void compat_queue_flag(struct request_queue *q, unsigned int flag,
				     bool on)
{
	if (on)
		blk_queue_flag_set(flag, q);
	else
		blk_queue_flag_clear(flag, q);
}

static inline int compat_disk_set_limits(struct gendisk *disk,
					 const struct compat_disk_limits *from)
{
	struct request_queue *q = disk->queue;

	blk_queue_logical_block_size(q, from->logical_block_size);
	blk_queue_physical_block_size(q, from->physical_block_size);
	blk_queue_alignment_offset(q, from->alignment_offset);
	blk_queue_io_min(q, from->io_min);
	blk_queue_io_opt(q, from->io_opt);
	blk_queue_dma_alignment(q, from->dma_alignment);
	blk_queue_max_hw_sectors(q, from->max_hw_sectors);
	blk_queue_max_segments(q, from->max_segments);
	blk_queue_max_segment_size(q, from->max_segment_size);
	blk_queue_max_discard_sectors(q, from->max_discard_sectors);
	q->limits.discard_granularity = from->max_discard_sectors ?
					from->discard_granularity : 0;
	q->limits.discard_alignment = from->discard_alignment;
	blk_queue_max_write_zeroes_sectors(q, from->max_write_zeroes_sectors);
	blk_queue_write_cache(q, from->write_cache, from->fua);
	compat_queue_flag(q, QUEUE_FLAG_NONROT, !from->rotational);
	compat_queue_flag(q, QUEUE_FLAG_ADD_RANDOM, false);
	compat_queue_flag(q, QUEUE_FLAG_STABLE_WRITES, from->stable_writes);
	return 0;
}

#endif

/* Opening a block device by path: by mode and pointer, or as a file (6.9) */

/**
 * struct compat_bdev - an open block device
 * @bdev: the device
 * @file: how it was opened; NULL where the kernel does not do so
 * @write: opened for writing
 */
struct compat_bdev {
	struct block_device *bdev;
	struct file *file;
	bool write;
};

#ifdef HAVE_BDEV_FILE_OPEN

static inline int compat_bdev_open(struct compat_bdev *b, const char *path,
				   bool write, void *holder)
{
	blk_mode_t mode = BLK_OPEN_READ | (write ? BLK_OPEN_WRITE : 0);
	struct file *file = bdev_file_open_by_path(path, mode, holder, NULL);

	if (IS_ERR(file))
		return PTR_ERR(file);
	*b = (struct compat_bdev){
		.bdev = file_bdev(file), .file = file, .write = write,
	};
	return 0;
}

static inline void compat_bdev_close(struct compat_bdev *b)
{
	bdev_fput(b->file);
}

#else

#define COMPAT_FMODE(write) \
	(FMODE_READ | FMODE_EXCL | ((write) ? FMODE_WRITE : 0))

static inline int compat_bdev_open(struct compat_bdev *b, const char *path,
				   bool write, void *holder)
{
	struct block_device *bdev;

	bdev = blkdev_get_by_path(path, COMPAT_FMODE(write), holder);
	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	*b = (struct compat_bdev){ .bdev = bdev, .write = write };
	return 0;
}

static inline void compat_bdev_close(struct compat_bdev *b)
{
	blkdev_put(b->bdev, COMPAT_FMODE(b->write));
}

#endif

/*
 * A disk is opened and released: by way of its device and with a mode of files,
 * or by itself (6.5). In mmblk/users.c: what the disk has to say about it.
 */

void mmblk_users_changed(struct gendisk *disk, int change);

#ifdef HAVE_DISK_OPEN

static inline int compat_disk_open(struct gendisk *disk, blk_mode_t mode)
{
	mmblk_users_changed(disk, 1);
	return 0;
}

static inline void compat_disk_release(struct gendisk *disk)
{
	mmblk_users_changed(disk, -1);
}

#else

static inline int compat_disk_open(struct block_device *bdev, fmode_t mode)
{
	mmblk_users_changed(bdev->bd_disk, 1);
	return 0;
}

static inline void compat_disk_release(struct gendisk *disk, fmode_t mode)
{
	mmblk_users_changed(disk, -1);
}

#endif

/* bdev_nonrot() was turned around (7.0) */

#ifdef HAVE_BDEV_ROT
#define compat_bdev_rotational(bdev) bdev_rot(bdev)
#else
#define compat_bdev_rotational(bdev) (!bdev_nonrot(bdev))
#endif

#endif /* FIDO_COMPAT_BLOCK_H */
