// SPDX-License-Identifier: GPL-2.0
/*
 * Server: a block device behind. A request becomes a bio: what the block layer
 * makes of that is its affair.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "backing.h"
#include "blkdev.h"
#include "server.h"

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

/* A disk of ours, which another VM serves */
static bool mmblk_is_ours(const struct gendisk *disk)
{
	return disk->fops->owner == THIS_MODULE;
}

static bool mmblk_is_xenbus(const struct device *dev)
{
	return dev->bus && !strcmp(dev->bus->name, "xen");
}

/*
 * A disk of xen-blkfront, which is another domain's. What else is below xenbus
 * may have a cache that is reset with this VM: disks of a controller that was
 * passed through to a PV guest are below xen-pcifront.
 */
static bool mmblk_is_blkfront(const struct gendisk *disk)
{
	const struct device *dev = disk_to_dev((struct gendisk *)disk)->parent;

	return dev && mmblk_is_xenbus(dev) &&
	       !strcmp(dev_driver_string(dev), "vbd");
}

/*
 * Are the requests' pages granted to a backend? blkfront does so, scsifront, and
 * pvUSB below a disk. Not xen-pcifront: a PCI device reads memory by itself.
 */
static bool mmblk_is_granted(const struct gendisk *disk)
{
	const struct device *dev = disk_to_dev((struct gendisk *)disk)->parent;

	for (; dev && !dev_is_pci(dev); dev = dev->parent)
		if (mmblk_is_xenbus(dev))
			return true;
	return false;
}

/*
 * Can the device be given pages of another domain? Frontends of xenbus grant
 * the pages of their requests to their own backend, and nobody can grant what
 * he does not own. An mmblk disk names the owner. Other devices with a parent
 * are real ones. What is virtual (dm, md, loop) may have anything below.
 */
static bool mmblk_blkdev_takes_foreign(const struct gendisk *disk)
{
	if (mmblk_is_ours(disk))
		return true;
	if (!disk_to_dev((struct gendisk *)disk)->parent)
		return mmblk_is_memory(disk);
	return !mmblk_is_granted(disk);
}

/**
 * mmblk_blkdev_is_memory - does a device end with this VM?
 * @bdev: device
 *
 * Return: true if all that it holds is in this VM's memory. What is virtual may
 * have such a device below: nobody can tell.
 */
bool mmblk_blkdev_is_memory(const struct block_device *bdev)
{
	return mmblk_is_memory(bdev->bd_disk);
}

/**
 * mmblk_blkdev_needs_copy - is data to be copied on its way to a device?
 * @bdev: device
 *
 * A client can change its memory while it is written. Where a device computes
 * parity or checksums over the data, this would spoil more than the client's
 * own blocks: such a device gets a copy.
 *
 * Return: true if the device must not be given the client's pages.
 */
bool mmblk_blkdev_needs_copy(struct block_device *bdev)
{
	return bdev_stable_writes(bdev) ||
	       !mmblk_blkdev_takes_foreign(bdev->bd_disk);
}

static void mmblk_blkdev_close(struct mmblk_backing *backing)
{
	compat_bdev_close(&backing->blkdev.dev);
	bioset_exit(&backing->blkdev.bios);
}

static void mmblk_blkdev_look(const struct mmblk_backing *backing,
			      struct mmblk_wire_device *device)
{
	struct block_device *bdev = backing->blkdev.dev.bdev;

	*device = (struct mmblk_wire_device){
		.sectors = bdev_nr_sectors(bdev),
		.block_size = bdev_logical_block_size(bdev),
		.dma_mask = bdev_dma_alignment(bdev),
		.read_only = !backing->blkdev.dev.write || bdev_read_only(bdev),
	};
}

static u16 mmblk_blkdev_flags(const struct mmblk_backing *backing)
{
	struct block_device *bdev = backing->blkdev.dev.bdev;
	u16 flags = 0;

	if (!backing->blkdev.dev.write || bdev_read_only(bdev))
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

static void mmblk_blkdev_config(const struct mmblk_backing *backing,
				struct mmblk_config *config)
{
	struct block_device *bdev = backing->blkdev.dev.bdev;
	int alignment = bdev_alignment_offset(bdev);

	*config = (struct mmblk_config){
		.kind = MMBLK_KIND_CONFIG,
		.version = MMBLK_VERSION,
		.flags = mmblk_blkdev_flags(backing),
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

/*
 * What is volatile of a disk of blkfront is in another domain, where a flush by
 * this VM's successor reaches it. With any other device it may be in this VM's
 * memory: pages of the file below a loop device, tables of a thin pool.
 */
static int mmblk_blkdev_keep(struct mmblk_backing *backing)
{
	struct block_device *bdev = backing->blkdev.dev.bdev;

	if (mmblk_is_memory(bdev->bd_disk))
		return -EOPNOTSUPP;
	backing->through = !mmblk_is_blkfront(bdev->bd_disk);
	/* what this VM has put there before is read by the client as well */
	return backing->through ? blkdev_issue_flush(bdev) : 0;
}

/* Bios */

static void mmblk_bio_done(struct bio *bio)
{
	struct mmblk_job *job = bio->bi_private;

	job->status = bio->bi_status;
	bio_put(bio);
	mmblk_job_done(job);
}

/*
 * In process context this waits for memory, but never fails: whoever has a bio
 * of @bios has submitted it, or does so without another one.
 */
static struct bio *mmblk_bio_new(struct mmblk_job *job, unsigned int nr_vecs,
				 blk_opf_t opf)
{
	struct mmblk_blkdev *b = &job->lane->server->backing.blkdev;
	struct bio *bio;

	bio = bio_alloc_bioset(b->dev.bdev, nr_vecs, opf, GFP_NOIO, &b->bios);
	bio->bi_private = job;
	bio->bi_end_io = mmblk_bio_done;
	return bio;
}

/* For the request that the job's lane has in work */
static struct bio *mmblk_bio_alloc(struct mmblk_job *job, unsigned int nr_vecs,
				   blk_opf_t opf)
{
	struct bio *bio = mmblk_bio_new(job, nr_vecs, opf);

	bio->bi_iter.bi_sector = mmblk_lane_request(job->lane)->sector;
	return bio;
}

/*
 * Page by page: consecutive here is not always consecutive for a device, and
 * bio_add_page() knows (in a PV guest it looks at the machine frames).
 */
static void mmblk_bio_add_run(struct bio *bio, const struct fido_run *run)
{
	struct page *page = run->page;
	u32 offset = run->offset;
	u32 left = run->len;
	u32 n;

	for (; left; left -= n, page++, offset = 0) {
		n = min_t(u32, left, PAGE_SIZE - offset);
		if (bio_add_page(bio, page, n, offset) != n)
			return;
	}
}

static void mmblk_bio_add_pages(struct bio *bio, struct fido_pages *pages,
				u32 bytes)
{
	unsigned int i;
	u32 n;

	for (i = 0; bytes; i++, bytes -= n) {
		n = min_t(u32, bytes, PAGE_SIZE);
		if (bio_add_page(bio, pages->page[i], n, 0) != n)
			return;
	}
}

static void mmblk_bio_add_data(struct bio *bio, struct mmblk_job *job)
{
	struct mmblk_lane *lane = job->lane;
	unsigned int i;

	if (job->pages) {
		mmblk_bio_add_pages(bio, job->pages, job->bytes);
		return;
	}
	for (i = 0; i < lane->nr_runs; i++)
		mmblk_bio_add_run(bio, &lane->run[i]);
}

/*
 * There is room for all pages, but some kernels do not put foreign pages that
 * were allocated at different times into one bio.
 */
static int mmblk_bio_submit(struct mmblk_job *job, struct bio *bio)
{
	if (bio->bi_iter.bi_size != job->bytes) {
		bio_put(bio);
		return -EIO;
	}
	submit_bio(bio);
	return 0;
}

static int mmblk_blkdev_submit_data(struct mmblk_job *job, blk_opf_t opf)
{
	struct bio *bio = mmblk_bio_alloc(job, mmblk_job_vecs(job), opf);

	mmblk_bio_add_data(bio, job);
	return mmblk_bio_submit(job, bio);
}

static int mmblk_blkdev_submit_other(struct mmblk_job *job, blk_opf_t opf)
{
	struct bio *bio = mmblk_bio_alloc(job, 0, opf);

	bio->bi_iter.bi_size = job->bytes;
	submit_bio(bio);
	return 0;
}

static struct block_device *mmblk_job_bdev(const struct mmblk_job *job)
{
	return job->lane->server->backing.blkdev.dev.bdev;
}

/* Bios are submitted in process context. This one is completed as any other. */
static void mmblk_zeroes_flush(struct work_struct *work)
{
	struct mmblk_job *job = container_of(work, struct mmblk_job, flush);

	submit_bio(mmblk_bio_new(job, 0, REQ_OP_WRITE | REQ_PREFLUSH));
}

static void mmblk_zeroes_done(struct bio *bio)
{
	struct mmblk_job *job = bio->bi_private;

	job->status = bio->bi_status;
	bio_put(bio);
	if (job->status)
		mmblk_job_done(job);
	else
		queue_work(mmblk_flush_wq, &job->flush);
}

/*
 * There is no FUA for zeroes. To refuse them is no way out: not everybody writes
 * data instead (dm-thin does not).
 */
static int mmblk_blkdev_submit_zeroes(struct mmblk_job *job, blk_opf_t opf,
				      bool durable)
{
	struct bio *bio = mmblk_bio_alloc(job, 0, REQ_OP_WRITE_ZEROES | opf);

	bio->bi_iter.bi_size = job->bytes;
	if (durable) {
		INIT_WORK(&job->flush, mmblk_zeroes_flush);
		bio->bi_end_io = mmblk_zeroes_done;
	}
	submit_bio(bio);
	return 0;
}

static int mmblk_blkdev_submit(struct mmblk_job *job)
{
	struct mmblk_server *server = job->lane->server;
	u8 flags = mmblk_lane_request(job->lane)->flags;
	/* where there is no cache, the block layer drops it again */
	bool fua = flags & MMBLK_F_FUA || server->backing.through ||
		   mmblk_server_uncached(server);

	switch (job->op) {
	case MMBLK_OP_READ:
		return mmblk_blkdev_submit_data(job, REQ_OP_READ);
	case MMBLK_OP_WRITE:
		return mmblk_blkdev_submit_data(job, REQ_OP_WRITE | REQ_SYNC |
						REQ_IDLE | (fua ? REQ_FUA : 0));
	case MMBLK_OP_DISCARD:
		return mmblk_blkdev_submit_other(job, REQ_OP_DISCARD);
	case MMBLK_OP_WRITE_ZEROES:
		fua = fua && bdev_write_cache(mmblk_job_bdev(job));
		return mmblk_blkdev_submit_zeroes(job, flags & MMBLK_F_NOUNMAP ?
						  REQ_NOUNMAP : 0, fua);
	default:
		return mmblk_blkdev_submit_other(job, REQ_OP_WRITE |
						 REQ_PREFLUSH);
	}
}

/* Opening */

static const struct mmblk_backing_ops mmblk_blkdev_ops = {
	.close = mmblk_blkdev_close,
	.look = mmblk_blkdev_look,
	.config = mmblk_blkdev_config,
	.keep = mmblk_blkdev_keep,
	.submit = mmblk_blkdev_submit,
};

static int mmblk_blkdev_refuse(struct block_device *bdev, bool write)
{
	if (write && bdev_read_only(bdev))
		return -EROFS;
	/* its zones are to be written in order: requests here come in any */
	return bdev_is_zoned(bdev) ? -EMEDIUMTYPE : 0;
}

/**
 * mmblk_blkdev_open - open a block device, exclusively
 * @backing: gets the device
 * @path: its path
 * @write: for writing, too
 *
 * Return: 0; -EBUSY if it is mounted or otherwise in use; -EROFS if it cannot
 * be written; -EMEDIUMTYPE if it is zoned; another error.
 */
int mmblk_blkdev_open(struct mmblk_backing *backing, const char *path,
		      bool write)
{
	void *holder = write ? (void *)backing : &mmblk_readers;
	struct mmblk_blkdev *b = &backing->blkdev;
	int err;

	err = bioset_init(&b->bios, BIO_POOL_SIZE, 0, BIOSET_NEED_BVECS);
	if (err)
		return err;
	err = compat_bdev_open(&b->dev, path, write, holder);
	if (err) {
		bioset_exit(&b->bios);
		return err;
	}
	err = mmblk_blkdev_refuse(b->dev.bdev, write);
	if (err) {
		mmblk_blkdev_close(backing);
		return err;
	}
	/* nobody's late write may overtake the client's */
	sync_blockdev(b->dev.bdev);
	invalidate_bdev(b->dev.bdev);
	backing->ops = &mmblk_blkdev_ops;
	backing->bounce = mmblk_blkdev_needs_copy(b->dev.bdev);
	return 0;
}
