// SPDX-License-Identifier: GPL-2.0
/*
 * Server: a request is checked, gets its data or a buffer, and is given to what
 * is behind.
 *
 * The request is a private copy, and so is its list of segments. Nothing is
 * given away before all of it has been checked.
 */
#include <linux/bio.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "segs.h"
#include "server.h"
#include "wire.h"

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
	struct mmblk_wire_device device;

	backing->ops->look(backing, &device);
	return mmblk_wire_refuse(mmblk_lane_request(lane), len, &device);
}

/* The data of a WRITE: from addresses to pages */

static const struct fido_seg *mmblk_get_segs(struct mmblk_lane *lane)
{
	const struct mmblk_request *r = mmblk_lane_request(lane);

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
	struct mmblk_backing *backing = &lane->server->backing;
	const struct mmblk_request *r = mmblk_lane_request(lane);
	const struct fido_seg *seg = mmblk_get_segs(lane);
	struct mmblk_wire_device device;

	/* drivers count on pieces of whole sectors */
	if (!seg || !mmblk_wire_segs(seg, r->nr_segs, r->bytes,
				     MMBLK_SECTOR_SIZE))
		return -EINVAL;
	backing->ops->look(backing, &device);
	lane->odd = !mmblk_wire_fits(seg, r->nr_segs, device.block_size,
				     device.dma_mask);
	if (mmblk_segs_third(lane, seg, r->nr_segs)) {
		job->held = kcalloc(MMBLK_MAX_RUNS, sizeof(*job->held),
				    GFP_NOIO);
		if (!job->held)
			return -EAGAIN;
	}
	return mmblk_resolve_all(lane, job, seg, r->nr_segs);
}

/* The way to what is behind */

static int mmblk_submit(struct mmblk_job *job)
{
	return job->lane->server->backing.ops->submit(job);
}

/**
 * mmblk_job_vecs - in how many pages does a job's data lie?
 * @job: job whose request its lane has in work
 *
 * Return: the number, each page counted as often as a piece begins in it.
 */
unsigned int mmblk_job_vecs(const struct mmblk_job *job)
{
	const struct mmblk_lane *lane = job->lane;
	unsigned int i, nr = 0;

	if (job->pages)
		return DIV_ROUND_UP(job->bytes, PAGE_SIZE);
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
static int mmblk_write_bounced(struct mmblk_lane *lane, struct mmblk_job *job)
{
	job->pages = mmblk_pool_get(&lane->pool, job->bytes);
	if (!job->pages)
		return -EAGAIN;
	mmblk_copy_runs(lane, job->pages);
	mmblk_drop_held(job);
	mmblk_stat_inc(&lane->stats, MMBLK_STAT_BOUNCES);
	mmblk_stat_add(&lane->stats, MMBLK_STAT_BOUNCE_BYTES, job->bytes);
	return mmblk_submit(job);
}

static int mmblk_start_write(struct mmblk_lane *lane, struct mmblk_job *job)
{
	const struct mmblk_request *r = mmblk_lane_request(lane);
	int err;

	err = mmblk_find_data(lane, job);
	if (err)
		return err;
	mmblk_stat_add(&lane->stats, MMBLK_STAT_SEGMENTS, r->nr_segs);
	if (r->nr_segs > MMBLK_REQUEST_SEGS)
		mmblk_stat_inc(&lane->stats, MMBLK_STAT_LISTS);

	if (lane->server->backing.bounce || lane->odd ||
	    mmblk_job_vecs(job) > BIO_MAX_VECS)
		return mmblk_write_bounced(lane, job);
	err = mmblk_submit(job);
	if (err == -EIO)
		err = mmblk_write_bounced(lane, job);
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
	int err;

	job->pages = mmblk_pool_get(&lane->pool, job->bytes);
	if (!job->pages)
		return -EAGAIN;
	err = mmblk_list_pages(lane, job);
	if (err)
		return err;
	return mmblk_submit(job);
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
	const struct mmblk_request *r = mmblk_lane_request(lane);
	int err;

	if (job->op == MMBLK_OP_READ)
		err = mmblk_start_read(lane, job);
	else if (job->op == MMBLK_OP_WRITE)
		err = mmblk_start_write(lane, job);
	else
		err = mmblk_submit(job);

	if (err)
		mmblk_request_put(job);
	else
		mmblk_stat_op(&lane->stats, r->op, r->flags, r->bytes);
	return err;
}
