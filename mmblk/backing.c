// SPDX-License-Identifier: GPL-2.0
/*
 * Server: the block device behind.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/string.h>

#include "backing.h"

/*
 * Several services may serve one device, if all only read it: they open it as
 * one holder. Whoever writes is a holder of its own and excludes all others.
 */
static char mmblk_readers;

/* Virtual disks that keep their data in memory, by copying it there */
static bool mmblk_is_memory(const struct gendisk *disk)
{
	static const char * const prefix[] = { "ram", "nullb", "zram" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(prefix); i++)
		if (str_has_prefix(disk->disk_name, prefix[i]))
			return true;
	return false;
}

/*
 * Can the device be given pages of another domain? xen-blkfront, on the bus
 * "xen", grants the pages of its requests to its own backend, and nobody can
 * grant what he does not own. An mmblk disk, on the bus "fido", names the
 * owner. Other devices with a parent are real ones. What is virtual (dm, md,
 * loop) may have anything below.
 */
static bool mmblk_backing_takes_foreign(const struct gendisk *disk)
{
	struct device *dev = disk_to_dev((struct gendisk *)disk)->parent;

	if (!dev)
		return mmblk_is_memory(disk);
	for (; dev; dev = dev->parent) {
		if (dev->bus && !strcmp(dev->bus->name, "fido"))
			return true;
		if (dev->bus && !strcmp(dev->bus->name, "xen"))
			return false;
	}
	return true;
}

/*
 * A client can change its memory while it is written. Where a device computes
 * parity or checksums over the data, this would spoil more than the client's
 * own blocks: such a device gets a copy.
 */
static bool mmblk_backing_needs_copy(const struct mmblk_backing *backing)
{
	struct block_device *bdev = backing->dev.bdev;

	return bdev_stable_writes(bdev) ||
	       !mmblk_backing_takes_foreign(bdev->bd_disk);
}

/**
 * mmblk_backing_open - open a block device, exclusively
 * @backing: gets the device
 * @path: its path
 * @write: for writing, too
 *
 * Return: 0; -EBUSY if it is mounted or otherwise in use; -EROFS if it cannot
 * be written; another error.
 */
int mmblk_backing_open(struct mmblk_backing *backing, const char *path,
		       bool write)
{
	void *holder = write ? (void *)backing : &mmblk_readers;
	int err;

	err = bioset_init(&backing->bios, BIO_POOL_SIZE, 0, BIOSET_NEED_BVECS);
	if (err)
		return err;
	err = compat_bdev_open(&backing->dev, path, write, holder);
	if (err) {
		bioset_exit(&backing->bios);
		return err;
	}
	if (write && bdev_read_only(backing->dev.bdev)) {
		mmblk_backing_close(backing);
		return -EROFS;
	}
	/* nobody's late write may overtake the client's */
	sync_blockdev(backing->dev.bdev);
	invalidate_bdev(backing->dev.bdev);
	backing->bounce = mmblk_backing_needs_copy(backing);
	return 0;
}

/**
 * mmblk_backing_close - close it again
 * @backing: open device without bios in flight
 */
void mmblk_backing_close(struct mmblk_backing *backing)
{
	compat_bdev_close(&backing->dev);
	bioset_exit(&backing->bios);
}

static u16 mmblk_backing_flags(const struct mmblk_backing *backing)
{
	struct block_device *bdev = backing->dev.bdev;
	u16 flags = 0;

	if (!backing->dev.write || bdev_read_only(bdev))
		flags |= MMBLK_C_READ_ONLY;
	if (bdev_write_cache(bdev))
		flags |= MMBLK_C_WRITE_CACHE;
	if (bdev_fua(bdev))
		flags |= MMBLK_C_FUA;
	if (compat_bdev_rotational(bdev))
		flags |= MMBLK_C_ROTATIONAL;
	if (bdev_stable_writes(bdev))
		flags |= MMBLK_C_STABLE_WRITES;
	return flags;
}

/**
 * mmblk_backing_config - describe the device to the client
 * @backing: device
 * @config: gets the description
 */
void mmblk_backing_config(const struct mmblk_backing *backing,
			  struct mmblk_config *config)
{
	struct block_device *bdev = backing->dev.bdev;
	int alignment = bdev_alignment_offset(bdev);

	*config = (struct mmblk_config){
		.kind = MMBLK_KIND_CONFIG,
		.version = MMBLK_VERSION,
		.flags = mmblk_backing_flags(backing),
		.max_bytes = MMBLK_MAX_BYTES,
		.sectors = bdev_nr_sectors(bdev),
		.logical_block_size = bdev_logical_block_size(bdev),
		.physical_block_size = bdev_physical_block_size(bdev),
		.io_min = bdev_io_min(bdev),
		.io_opt = bdev_io_opt(bdev),
		.alignment_offset = max(alignment, 0),
		.write_zeroes_sectors = bdev_write_zeroes_sectors(bdev),
	};
	config->discard_sectors = bdev_max_discard_sectors(bdev);
	if (config->discard_sectors)
		config->discard_granularity = bdev_discard_granularity(bdev);
	if (config->flags & MMBLK_C_READ_ONLY) {
		config->discard_sectors = 0;
		config->write_zeroes_sectors = 0;
	}
}
