// SPDX-License-Identifier: GPL-2.0
/*
 * Client: requests become messages.
 */
#include <linux/blk-mq.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "client.h"
#include "segs.h"

/* Where no flush follows each write has to be durable, and zeroes, too. */
static u8 mmblk_write_flags(const struct mmblk_client *client,
			    const struct request *rq)
{
	u8 flags = 0;

	if (rq->cmd_flags & REQ_FUA || READ_ONCE(client->through))
		flags |= MMBLK_F_FUA;
	if (req_op(rq) == REQ_OP_WRITE_ZEROES && rq->cmd_flags & REQ_NOUNMAP)
		flags |= MMBLK_F_NOUNMAP;
	return flags;
}

static blk_status_t mmblk_fill_head(const struct mmblk_client *client,
				    struct request *rq,
				    struct mmblk_request *head)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
		head->op = MMBLK_OP_READ;
		break;
	case REQ_OP_WRITE:
		head->op = MMBLK_OP_WRITE;
		break;
	case REQ_OP_FLUSH:
		head->op = MMBLK_OP_FLUSH;
		break;
	case REQ_OP_DISCARD:
		head->op = MMBLK_OP_DISCARD;
		break;
	case REQ_OP_WRITE_ZEROES:
		head->op = MMBLK_OP_WRITE_ZEROES;
		break;
	default:
		return BLK_STS_NOTSUPP;
	}
	head->tag = rq->tag;
	if (head->op == MMBLK_OP_FLUSH)
		return BLK_STS_OK;

	head->sector = blk_rq_pos(rq);
	head->bytes = blk_rq_bytes(rq);
	if (head->op == MMBLK_OP_WRITE || head->op == MMBLK_OP_WRITE_ZEROES)
		head->flags = mmblk_write_flags(client, rq);
	return BLK_STS_OK;
}

/*
 * The pages of the request as they are, if all pieces are whole sectors. The
 * zero page, of which blkdev_issue_zeroout() makes long requests, is part of
 * the kernel image and not exported: the peer reads one of ours.
 */
static int mmblk_map(struct mmblk_queue *q, struct request *rq,
		     struct mmblk_segs *segs)
{
	struct req_iterator iter;
	struct bio_vec bv;
	int err;

	rq_for_each_bvec(bv, rq, iter) {
		if ((bv.bv_offset | bv.bv_len) & (MMBLK_SECTOR_SIZE - 1))
			return -EINVAL;
		if (bv.bv_page == ZERO_PAGE(0))
			bv.bv_page = q->lists->page[MMBLK_ZERO_PAGE];
		err = mmblk_segs_add(segs, q->chan, bv.bv_page, bv.bv_offset,
				     bv.bv_len);
		if (err)
			return err;
	}
	return 0;
}

static void mmblk_copy_to_pages(struct request *rq, struct fido_pages *pages)
{
	struct req_iterator iter;
	struct bio_vec bv;
	u32 done, n, pos = 0;

	rq_for_each_segment(bv, rq, iter) {
		for (done = 0; done < bv.bv_len; done += n, pos += n) {
			n = min_t(u32, bv.bv_len - done,
				  PAGE_SIZE - offset_in_page(pos));
			memcpy_page(pages->page[pos >> PAGE_SHIFT],
				    offset_in_page(pos), bv.bv_page,
				    bv.bv_offset + done, n);
		}
	}
}

/*
 * The one place where data is copied on the way to the server: the request has
 * pages that the peer cannot read, perhaps as it has just turned out, or more or
 * odder pieces than a list takes.
 * A request is always copied as a whole: whole pages fit into any list.
 */
static int mmblk_bounce(struct mmblk_queue *q, struct request *rq,
			struct mmblk_segs *segs)
{
	struct mmblk_reserve *reserve = q->client->reserve;
	u32 bytes = blk_rq_bytes(rq);
	struct fido_pages *pages;
	int err;

	pages = mmblk_bounce_get(reserve, q->chan, bytes);
	if (!pages)
		return -ENOMEM;
	segs->nr = 0;
	err = mmblk_segs_add_pages(segs, q->chan, pages, bytes);
	if (err) {
		mmblk_bounce_put(reserve, &pages);
		return err;
	}
	mmblk_copy_to_pages(rq, pages);
	q->tag[rq->tag].bounce = pages;
	return 0;
}

/* Name the data of a WRITE. The list is built in the page of the tag. */
static int mmblk_name_data(struct mmblk_queue *q, struct request *rq,
			   struct mmblk_segs *segs)
{
	segs->seg = page_address(q->lists->page[rq->tag]);
	segs->nr = 0;
	/* else the server could not read it where it is, see mmblk_send_copy() */
	if (!(rq->rq_flags & RQF_DONTPREP) && !mmblk_map(q, rq, segs))
		return 0;
	return mmblk_bounce(q, rq, segs);
}

static void mmblk_count(struct mmblk_queue *q, const struct mmblk_request *head,
			const struct mmblk_tag *t)
{
	mmblk_stat_op(&q->stats, head->op, head->flags, head->bytes);
	mmblk_stat_add(&q->stats, MMBLK_STAT_SEGMENTS, head->nr_segs);
	if (head->nr_segs > MMBLK_REQUEST_SEGS)
		mmblk_stat_inc(&q->stats, MMBLK_STAT_LISTS);
	if (t->bounce) {
		mmblk_stat_inc(&q->stats, MMBLK_STAT_BOUNCES);
		mmblk_stat_add(&q->stats, MMBLK_STAT_BOUNCE_BYTES, head->bytes);
	}
}

/* With @lock held. Fails if there is no slot, or no address for the list. */
static bool mmblk_push(struct mmblk_queue *q, struct request *rq,
		       struct mmblk_request *head, struct mmblk_segs *segs)
{
	struct mmblk_tag *t = &q->tag[rq->tag];
	struct mmblk_request *slot = fido_tx_slot(q->chan);
	unsigned int nr = 0;

	if (!slot)
		return false;
	head->nr_segs = segs->nr;
	if (segs->nr)
		nr = mmblk_segs_emit(segs, q->chan, q->lists->page[rq->tag],
				     slot->seg, MMBLK_REQUEST_SEGS);
	if (segs->nr && !nr)
		return false;

	blk_mq_start_request(rq);
	t->op = head->op;
	t->bytes = head->op == MMBLK_OP_READ ? head->bytes : 0;
	mmblk_count(q, head, t);
	/* pairs with the acquire in mmblk_handle_done(): the record is whole */
	smp_store_release(&t->rq, rq);
	memcpy(slot, head, sizeof(*head));
	fido_tx_push(q->chan, struct_size(slot, seg, nr), FIDO_ID_NONE, NULL);
	return true;
}

static blk_status_t mmblk_lapse(struct mmblk_queue *q)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	mmblk_stat_inc(&q->stats, MMBLK_STAT_TIMEOUTS);
	spin_unlock_irqrestore(&q->lock, flags);
	return BLK_STS_TIMEOUT;
}

/**
 * mmblk_queue_rq - send a request
 * @hctx: hardware queue
 * @bd: request, and whether more of them follow
 *
 * Runs only between the first configuration and ->down(), when the queues are
 * not quiesced, or when the client is dead, or its server away for too long.
 *
 * Return: BLK_STS_OK, BLK_STS_RESOURCE to be called again, or an error.
 */
blk_status_t mmblk_queue_rq(struct blk_mq_hw_ctx *hctx,
			    const struct blk_mq_queue_data *bd)
{
	struct mmblk_queue *q = hctx->driver_data;
	struct request *rq = bd->rq;
	struct mmblk_request head = {};
	struct mmblk_segs segs = {};
	unsigned long flags;
	blk_status_t status;
	bool pushed = false;

	if (READ_ONCE(q->client->dead))
		return BLK_STS_IOERR;
	/* pairs with the release in mmblk_client_run() */
	if (smp_load_acquire(&q->client->lapsed))
		return mmblk_lapse(q);
	status = mmblk_fill_head(q->client, rq, &head);
	if (status)
		return status;

	/* Before the lock: nobody else uses what belongs to the tag */
	if (head.op != MMBLK_OP_WRITE || !mmblk_name_data(q, rq, &segs)) {
		spin_lock_irqsave(&q->lock, flags);
		pushed = mmblk_push(q, rq, &head, &segs);
		if (pushed && bd->last)
			fido_tx_publish(q->chan);
		spin_unlock_irqrestore(&q->lock, flags);
	}
	if (pushed)
		return BLK_STS_OK;

	/* Not after a push: the request may have been completed already */
	mmblk_bounce_put(q->client->reserve, &q->tag[rq->tag].bounce);
	spin_lock_irqsave(&q->lock, flags);
	mmblk_stat_inc(&q->stats, MMBLK_STAT_FULL);
	spin_unlock_irqrestore(&q->lock, flags);
	return BLK_STS_RESOURCE;
}

/**
 * mmblk_commit_rqs - no more requests follow
 * @hctx: hardware queue
 */
void mmblk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct mmblk_queue *q = hctx->driver_data;
	unsigned long flags;

	/* then nothing was pushed, and there may be no channel */
	if (READ_ONCE(q->client->dead) || smp_load_acquire(&q->client->lapsed))
		return;
	spin_lock_irqsave(&q->lock, flags);
	fido_tx_publish(q->chan);
	spin_unlock_irqrestore(&q->lock, flags);
}
