// SPDX-License-Identifier: GPL-2.0
/*
 * Server: a request becomes a bio.
 *
 * The request is a private copy, and so is its list of segments. Nothing is
 * given to the device before all of it has been checked. One request is one
 * bio: what the block layer makes of that is its affair.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "segs.h"
#include "server.h"
#include "wire.h"

static const struct mmblk_request *mmblk_msg(const struct mmblk_lane *lane)
{
	return (const void *)lane->msg;
}

/**
 * mmblk_request_check - can this request be served at all?
 * @lane: lane with a request in @msg
 * @len: bytes of the message
 *
 * Return: MMBLK_OK, or what the client gets to know.
 */
u8 mmblk_request_check(struct mmblk_lane *lane, u32 len)
{
	struct mmblk_backing *backing = &lane->server->backing;
	struct block_device *bdev = mmblk_backing_bdev(backing);
	struct mmblk_wire_device device = {
		.sectors = bdev_nr_sectors(bdev),
		.block_size = bdev_logical_block_size(bdev),
		.read_only = !backing->dev.write || bdev_read_only(bdev),
	};

	return mmblk_wire_refuse(mmblk_msg(lane), len, &device);
}

/* The data of a WRITE: from addresses to pages */

static const struct fido_seg *mmblk_get_segs(struct mmblk_lane *lane)
{
	const struct mmblk_request *r = mmblk_msg(lane);

	if (r->nr_segs <= MMBLK_REQUEST_SEGS)
		return r->seg;
	if (fido_read(lane->chan, r->seg[0].addr, lane->list, r->seg[0].len))
		return NULL;
	return lane->list;
}

static void mmblk_run_hold(const struct fido_run *run)
{
	unsigned int i, nr = DIV_ROUND_UP(run->offset + run->len, PAGE_SIZE);

	for (i = 0; i < nr; i++)
		get_page(run->page + i);
}

static void mmblk_run_drop(const struct fido_run *run)
{
	unsigned int i, nr = DIV_ROUND_UP(run->offset + run->len, PAGE_SIZE);

	for (i = 0; i < nr; i++)
		put_page(run->page + i);
}

static void mmblk_drop_held(struct mmblk_job *job)
{
	unsigned int i;

	for (i = 0; i < job->nr_held; i++)
		mmblk_run_drop(&job->held[i]);
	kfree(job->held);
	job->held = NULL;
	job->nr_held = 0;
}

/*
 * RCU read section. The client's own memory stays until ->down() has returned,
 * that of a third domain as long as we hold references to it.
 */
static int mmblk_resolve_seg(struct mmblk_lane *lane, struct mmblk_job *job,
			     const struct fido_seg *seg)
{
	u64 addr = seg->addr;
	u32 left = seg->len;
	struct fido_run *run;
	int err;

	while (left) {
		if (lane->nr_runs == MMBLK_MAX_RUNS)
			return -EINVAL;
		run = &lane->run[lane->nr_runs];
		err = fido_resolve(lane->chan, addr, left, run);
		if (err)
			return err;
		if (job->held) {
			mmblk_run_hold(run);
			job->held[job->nr_held++] = *run;
		}
		lane->nr_runs++;
		addr += run->len;
		left -= run->len;
	}
	return 0;
}

static int mmblk_resolve_all(struct mmblk_lane *lane, struct mmblk_job *job,
			     const struct fido_seg *seg, unsigned int nr)
{
	unsigned int i;
	int err = 0;

	lane->nr_runs = 0;
	rcu_read_lock();
	for (i = 0; i < nr && !err; i++)
		err = mmblk_resolve_seg(lane, job, &seg[i]);
	rcu_read_unlock();
	return err;
}

static bool mmblk_segs_third(struct mmblk_lane *lane,
			     const struct fido_seg *seg, unsigned int nr)
{
	u16 peer = fido_peer_domid(lane->server->service.fdev);
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (fido_addr_domid(seg[i].addr) != peer)
			return true;
	return false;
}

/* Fill @run of the lane. Returns 0, -EAGAIN, or another error to refuse it. */
static int mmblk_find_data(struct mmblk_lane *lane, struct mmblk_job *job)
{
	struct block_device *bdev = mmblk_backing_bdev(&lane->server->backing);
	const struct mmblk_request *r = mmblk_msg(lane);
	const struct fido_seg *seg = mmblk_get_segs(lane);

	/* drivers count on pieces of whole sectors */
	if (!seg || !mmblk_wire_segs(seg, r->nr_segs, r->bytes,
				     MMBLK_SECTOR_SIZE))
		return -EINVAL;
	lane->odd = !mmblk_wire_fits(seg, r->nr_segs,
				     bdev_logical_block_size(bdev),
				     bdev_dma_alignment(bdev));
	if (mmblk_segs_third(lane, seg, r->nr_segs)) {
		job->held = kcalloc(MMBLK_MAX_RUNS, sizeof(*job->held),
				    GFP_NOIO);
		if (!job->held)
			return -EAGAIN;
	}
	return mmblk_resolve_all(lane, job, seg, r->nr_segs);
}

/* Bios */

static void mmblk_bio_done(struct bio *bio)
{
	struct mmblk_job *job = bio->bi_private;

	job->status = bio->bi_status;
	bio_put(bio);
	mmblk_job_done(job);
}

/* In process context this waits for memory, but never fails. */
static struct bio *mmblk_bio_alloc(struct mmblk_lane *lane,
				   struct mmblk_job *job, unsigned int nr_vecs,
				   blk_opf_t opf)
{
	struct mmblk_backing *backing = &lane->server->backing;
	struct bio *bio;

	bio = bio_alloc_bioset(mmblk_backing_bdev(backing), nr_vecs, opf,
			       GFP_NOIO, &backing->bios);
	bio->bi_iter.bi_sector = mmblk_msg(lane)->sector;
	bio->bi_private = job;
	bio->bi_end_io = mmblk_bio_done;
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

static unsigned int mmblk_count_pages(const struct mmblk_lane *lane)
{
	unsigned int i, nr = 0;

	for (i = 0; i < lane->nr_runs; i++)
		nr += DIV_ROUND_UP(lane->run[i].offset + lane->run[i].len,
				   PAGE_SIZE);
	return nr;
}

static void mmblk_copy_runs(const struct mmblk_lane *lane,
			    struct fido_pages *pages)
{
	const struct fido_run *run;
	u32 done, n, pos = 0;

	for (run = lane->run; run < lane->run + lane->nr_runs; run++) {
		for (done = 0; done < run->len; done += n, pos += n) {
			n = min_t(u32, run->len - done,
				  PAGE_SIZE - offset_in_page(pos));
			memcpy(page_address(pages->page[pos >> PAGE_SHIFT]) +
			       offset_in_page(pos),
			       page_address(run->page) + run->offset + done, n);
		}
	}
}

/*
 * The one place where data is copied on the way to the device: it cannot take
 * foreign pages, or the data lies in more pieces than a bio has room for, or
 * in pieces that do not go into one, or that do not go together.
 */
static int mmblk_write_bounced(struct mmblk_lane *lane, struct mmblk_job *job,
			       blk_opf_t opf)
{
	unsigned int nr = DIV_ROUND_UP(job->bytes, PAGE_SIZE);
	struct bio *bio;

	job->pages = mmblk_pool_get(&lane->pool, job->bytes);
	if (!job->pages)
		return -EAGAIN;
	mmblk_copy_runs(lane, job->pages);
	mmblk_drop_held(job);
	mmblk_stat_inc(&lane->stats, MMBLK_STAT_BOUNCES);
	mmblk_stat_add(&lane->stats, MMBLK_STAT_BOUNCE_BYTES, job->bytes);

	bio = mmblk_bio_alloc(lane, job, nr, opf);
	mmblk_bio_add_pages(bio, job->pages, job->bytes);
	return mmblk_bio_submit(job, bio);
}

static int mmblk_write_direct(struct mmblk_lane *lane, struct mmblk_job *job,
			      unsigned int nr_vecs, blk_opf_t opf)
{
	struct bio *bio = mmblk_bio_alloc(lane, job, nr_vecs, opf);
	unsigned int i;

	for (i = 0; i < lane->nr_runs; i++)
		mmblk_bio_add_run(bio, &lane->run[i]);
	return mmblk_bio_submit(job, bio);
}

static int mmblk_start_write(struct mmblk_lane *lane, struct mmblk_job *job)
{
	const struct mmblk_request *r = mmblk_msg(lane);
	blk_opf_t opf = REQ_OP_WRITE | REQ_SYNC | REQ_IDLE;
	unsigned int nr_vecs;
	int err;

	err = mmblk_find_data(lane, job);
	if (err)
		return err;
	mmblk_stat_add(&lane->stats, MMBLK_STAT_SEGMENTS, r->nr_segs);
	if (r->nr_segs > MMBLK_REQUEST_SEGS)
		mmblk_stat_inc(&lane->stats, MMBLK_STAT_LISTS);

	if (r->flags & MMBLK_F_FUA)
		opf |= REQ_FUA;
	nr_vecs = mmblk_count_pages(lane);
	if (lane->server->backing.bounce || lane->odd || nr_vecs > BIO_MAX_VECS)
		return mmblk_write_bounced(lane, job, opf);
	err = mmblk_write_direct(lane, job, nr_vecs, opf);
	if (err)
		err = mmblk_write_bounced(lane, job, opf);
	return err;
}

/* Write the list of segments in advance, where the buffer has a page for it. */
static int mmblk_list_pages(struct mmblk_lane *lane, struct mmblk_job *job)
{
	struct page *list = mmblk_pool_list(job->pages);
	struct mmblk_segs segs = {};
	int err;

	if (!list)
		return 0;
	segs.seg = page_address(list);
	err = mmblk_segs_add_pages(&segs, lane->chan, job->pages, job->bytes);
	if (err)
		return err;
	job->nr_segs = segs.nr;
	mmblk_stat_add(&lane->stats, MMBLK_STAT_SEGMENTS, segs.nr);
	if (segs.nr > MMBLK_DONE_SEGS)
		mmblk_stat_inc(&lane->stats, MMBLK_STAT_LISTS);
	return 0;
}

static int mmblk_start_read(struct mmblk_lane *lane, struct mmblk_job *job)
{
	unsigned int nr = DIV_ROUND_UP(job->bytes, PAGE_SIZE);
	struct bio *bio;
	int err;

	job->pages = mmblk_pool_get(&lane->pool, job->bytes);
	if (!job->pages)
		return -EAGAIN;
	err = mmblk_list_pages(lane, job);
	if (err)
		return err;
	bio = mmblk_bio_alloc(lane, job, nr, REQ_OP_READ);
	mmblk_bio_add_pages(bio, job->pages, job->bytes);
	return mmblk_bio_submit(job, bio);
}

static int mmblk_start_other(struct mmblk_lane *lane, struct mmblk_job *job)
{
	const struct mmblk_request *r = mmblk_msg(lane);
	struct bio *bio;
	blk_opf_t opf;

	switch (r->op) {
	case MMBLK_OP_DISCARD:
		opf = REQ_OP_DISCARD;
		break;
	case MMBLK_OP_WRITE_ZEROES:
		opf = REQ_OP_WRITE_ZEROES;
		if (r->flags & MMBLK_F_NOUNMAP)
			opf |= REQ_NOUNMAP;
		break;
	default:
		opf = REQ_OP_WRITE | REQ_PREFLUSH;
		break;
	}
	bio = mmblk_bio_alloc(lane, job, 0, opf);
	bio->bi_iter.bi_size = job->bytes;
	submit_bio(bio);
	return 0;
}

/**
 * mmblk_request_put - give back what a job holds
 * @job: job that the device does not have
 *
 * Context: any.
 */
void mmblk_request_put(struct mmblk_job *job)
{
	if (job->pages)
		mmblk_pool_put(&job->lane->pool, job->pages);
	job->pages = NULL;
	mmblk_drop_held(job);
}

/**
 * mmblk_request_start - give a request to the device
 * @job: its job
 *
 * Context: the lane's thread, with the request in @msg, checked.
 * Return: 0, and mmblk_job_done() follows or has been called already; -EAGAIN
 * if there is no memory: try again later; another error: the request makes no
 * sense.
 */
int mmblk_request_start(struct mmblk_job *job)
{
	struct mmblk_lane *lane = job->lane;
	const struct mmblk_request *r = mmblk_msg(lane);
	int err;

	if (job->op == MMBLK_OP_READ)
		err = mmblk_start_read(lane, job);
	else if (job->op == MMBLK_OP_WRITE)
		err = mmblk_start_write(lane, job);
	else
		err = mmblk_start_other(lane, job);

	if (err)
		mmblk_request_put(job);
	else
		mmblk_stat_op(&lane->stats, r->op, r->flags, r->bytes);
	return err;
}
