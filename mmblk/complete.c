// SPDX-License-Identifier: GPL-2.0
/*
 * Client: the server's messages end requests.
 *
 * Runs as a tasklet: the event is a hard interrupt, which must not copy data,
 * and a thread would cost two context switches for each completion that the
 * submitter waits for. What one run may do is bounded in messages and in
 * bytes; then others get their turn, or ksoftirqd takes over.
 *
 * Queues that are polled have no events: who waits looks, in its own context.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "client.h"
#include "status.h"
#include "wire.h"

#define MMBLK_RUN_BYTES		SZ_1M

/*
 * Where the data of a READ comes from: segments of the server, piece by piece.
 * All that it holds was checked when it was filled.
 */
struct mmblk_source {
	struct fido_chan *chan;
	const struct fido_seg *seg;	/* private copies, and the next one */
	unsigned int nr;
	const void *data;		/* the current piece */
	u32 left;
	u64 addr;			/* what follows in the current segment */
	u32 seg_left;
};

/* RCU read section: pages of a third domain stay that long */
static int mmblk_source_next(struct mmblk_source *src)
{
	struct fido_run run;
	int err;

	if (!src->seg_left) {
		if (!src->nr)
			return -EPROTO;
		src->addr = src->seg->addr;
		src->seg_left = src->seg->len;
		src->seg++;
		src->nr--;
	}
	err = fido_resolve(src->chan, src->addr, src->seg_left, &run);
	if (err)
		return err;
	src->data = page_address(run.page) + run.offset;
	src->left = run.len;
	src->addr += run.len;
	src->seg_left -= run.len;
	return 0;
}

static int mmblk_copy_piece(struct mmblk_source *src, struct bio_vec *bv)
{
	u32 n, done;
	int err;

	for (done = 0; done < bv->bv_len; done += n) {
		if (!src->left) {
			err = mmblk_source_next(src);
			if (err)
				return err;
		}
		n = min(bv->bv_len - done, src->left);
		memcpy_to_page(bv->bv_page, bv->bv_offset + done, src->data, n);
		src->data += n;
		src->left -= n;
	}
	return 0;
}

/* The copy that remains: the server cannot write into our pages. */
static int mmblk_copy_data(struct request *rq, struct mmblk_source *src)
{
	struct req_iterator iter;
	struct bio_vec bv;
	int err = 0;

	rcu_read_lock();
	rq_for_each_segment(bv, rq, iter) {
		err = mmblk_copy_piece(src, &bv);
		if (err)
			break;
	}
	rcu_read_unlock();
	return err;
}

/*
 * Get private copies of the segments: those in the message are, those of a
 * list go to the page of the tag, which no READ needs.
 */
static const struct fido_seg *mmblk_get_segs(struct mmblk_queue *q,
					     const struct mmblk_done *done)
{
	struct fido_seg *list = page_address(q->lists->page[done->tag]);

	if (done->nr_segs <= MMBLK_DONE_SEGS)
		return done->seg;
	if (fido_read(q->chan, done->seg->addr, list, done->seg->len))
		return NULL;
	return list;
}

/*
 * Returns why the channel has to be broken, NULL if all is well. The memory of
 * a third domain can have gone: that is an error of this request alone.
 */
static const char *mmblk_take_data(struct mmblk_queue *q,
				   struct mmblk_done *done, struct request *rq)
{
	struct mmblk_source src = {
		.chan = q->chan,
		.nr = done->nr_segs,
	};
	int err;

	src.seg = mmblk_get_segs(q, done);
	if (!src.seg || !mmblk_wire_segs(src.seg, src.nr, done->bytes, 1))
		return "mmblk: completion with invalid segments";
	err = mmblk_copy_data(rq, &src);
	if (err == -ENOLINK || err == -EACCES)
		done->status = MMBLK_IOERR;
	else if (err)
		return "mmblk: completion with unreadable data";
	mmblk_stat_add(&q->stats, MMBLK_STAT_READ_BYTES, done->bytes);
	return NULL;
}

static void mmblk_finish(struct mmblk_queue *q, struct mmblk_tag *t,
			 struct request *rq, u8 code)
{
	WRITE_ONCE(t->rq, NULL);
	mmblk_bounce_put(q->client->reserve, &t->bounce);

	mmblk_stat_inc(&q->stats, MMBLK_STAT_COMPLETIONS);
	if (code != MMBLK_OK)
		mmblk_stat_inc(&q->stats, MMBLK_STAT_ERRORS);
	q->status[q->nr_done] = mmblk_status_from_wire(code);
	q->done[q->nr_done++] = rq;
}

/*
 * Pages of another domain are named where the server has to find them itself. It
 * may have lost its link to that domain since: no error of the device's, and we
 * can read them still. What was copied has no such reason to fail.
 */
static bool mmblk_copy_may_help(const struct mmblk_tag *t, struct request *rq,
				u8 code)
{
	struct req_iterator iter;
	struct bio_vec bv;

	if (code != MMBLK_IOERR || t->op != MMBLK_OP_WRITE || t->bounce)
		return false;
	rq_for_each_bvec(bv, rq, iter)
		if (fido_page_foreign(bv.bv_page))
			return true;
	return false;
}

/*
 * RQF_DONTPREP stays with the request until its end, whatever tag it gets:
 * mmblk_name_data() copies then, and the block layer merges nothing to it.
 */
static void mmblk_send_copy(struct mmblk_queue *q, struct mmblk_tag *t,
			    struct request *rq)
{
	WRITE_ONCE(t->rq, NULL);
	mmblk_stat_inc(&q->stats, MMBLK_STAT_REQUEUES);
	rq->rq_flags |= RQF_DONTPREP;
	blk_mq_requeue_request(rq, true);
}

/* What a discard names is no data. */
static u32 mmblk_data_bytes(u8 op, const struct request *rq)
{
	return op == MMBLK_OP_READ || op == MMBLK_OP_WRITE ? blk_rq_bytes(rq) :
							     0;
}

/* Returns why the message makes no sense, NULL if it does. */
static const char *mmblk_handle_done(struct mmblk_queue *q, u32 len, u32 id)
{
	struct mmblk_done *done = (void *)q->msg;
	struct mmblk_tag *t;
	struct request *rq;
	const char *why;

	why = mmblk_wire_done(done, len, id);
	if (why)
		return why;
	t = &q->tag[done->tag];
	/*
	 * Pairs with the release in mmblk_push(). An honest server answers what
	 * it has seen; one that guesses must not see half a record used either.
	 */
	rq = smp_load_acquire(&t->rq);
	if (!rq)
		return "mmblk: completion with a tag that is not in flight";

	why = mmblk_wire_answer(done, t->op, t->bytes);
	if (!why && done->bytes)
		why = mmblk_take_data(q, done, rq);
	if (why)
		return why;
	if (id != FIDO_ID_NONE)
		fido_rx_release(q->chan, id);
	mmblk_sizes_add(&q->sizes, mmblk_data_bytes(t->op, rq));
	if (mmblk_copy_may_help(t, rq, done->status))
		mmblk_send_copy(q, t, rq);
	else
		mmblk_finish(q, t, rq, done->status);
	return NULL;
}

static const char *mmblk_handle_config(struct mmblk_queue *q, u32 len, u32 id)
{
	struct mmblk_config *config = (void *)q->msg;
	const char *why = mmblk_wire_config(config, len, id);

	if (why)
		return why;
	if (q->index)
		return "mmblk: configuration on another channel than 0";
	mmblk_client_configure(q->client, config);
	return NULL;
}

/* The message in @msg, a private copy of @len bytes */
static void mmblk_handle(struct mmblk_queue *q, u32 len, u32 id)
{
	const char *why = "mmblk: unknown message";

	if (len && q->msg[0] == MMBLK_KIND_DONE)
		why = mmblk_handle_done(q, len, id);
	else if (len && q->msg[0] == MMBLK_KIND_CONFIG)
		why = mmblk_handle_config(q, len, id);
	if (why)
		fido_chan_break(q->chan, why);
}

/* Bytes that were copied so far */
static u64 mmblk_copied(const struct mmblk_queue *q)
{
	return q->stats.value[MMBLK_STAT_READ_BYTES];
}

/* Returns how many messages were handled. */
static unsigned int mmblk_pull(struct mmblk_queue *q, u64 until)
{
	unsigned int n;
	u32 id;
	int len;

	for (n = 0; n < MMBLK_BATCH && mmblk_copied(q) < until; n++) {
		len = fido_rx_pull(q->chan, q->msg, sizeof(q->msg), &id);
		if (len < 0)
			break;
		mmblk_handle(q, len, id);
	}
	return n;
}

/*
 * First give back slots and memory, then end the requests: whoever sends the
 * next request finds room, and the server what it needs to answer it. Requests
 * without error are ended together, with one look at the clock.
 */
static void mmblk_end_batch(struct mmblk_queue *q, struct io_comp_batch *iob)
{
	unsigned int i;

	fido_rx_done(q->chan);
	fido_rx_release_publish(q->chan);
	for (i = 0; i < q->nr_done; i++)
		if (q->status[i] != BLK_STS_OK ||
		    !blk_mq_add_to_batch(q->done[i], iob, false,
					 blk_mq_end_request_batch))
			blk_mq_end_request(q->done[i], q->status[i]);
	q->nr_done = 0;
}

/*
 * With @rx_lock held. @iob takes requests that the caller has to end. Returns
 * true if there may be more to do.
 */
static bool mmblk_look(struct mmblk_queue *q, struct io_comp_batch *iob)
{
	u64 until = mmblk_copied(q) + MMBLK_RUN_BYTES;
	unsigned int n;

	n = mmblk_pull(q, until);
	mmblk_end_batch(q, iob);
	mmblk_stat_inc(&q->stats, MMBLK_STAT_RUNS);
	q->worked |= n;
	return n == MMBLK_BATCH || mmblk_copied(q) >= until;
}

/* With @rx_lock held: go on soon, or sleep until the next event. */
static void mmblk_settle(struct mmblk_queue *q, bool more)
{
	/* nothing is pulled any more, ->down() comes */
	if (fido_chan_broken(q->chan))
		return;
	fido_rx_look(q->chan, !mmblk_sizes_are_large(&q->sizes));
	if (more || (!q->polled && fido_rx_arm(q->chan, 1))) {
		tasklet_schedule(&q->bh);
		return;
	}
	fido_chan_ack(q->chan, !q->worked);
	q->worked = false;
}

/**
 * mmblk_complete_bh - handle what the server has sent
 * @bh: @bh of the queue
 *
 * For a queue that is polled, this runs after ->up(), and when a server signals
 * that was not asked to.
 */
void mmblk_complete_bh(struct tasklet_struct *bh)
{
	struct mmblk_queue *q = container_of(bh, struct mmblk_queue, bh);
	DEFINE_IO_COMP_BATCH(iob);
	bool more;

	spin_lock(&q->rx_lock);
	if (q->live) {
		more = mmblk_look(q, &iob);
		if (iob.complete)
			iob.complete(&iob);
		mmblk_settle(q, more);
	}
	spin_unlock(&q->rx_lock);
}

/* Requests that the server has answered so far, and that went on from here */
static u64 mmblk_answered(const struct mmblk_queue *q)
{
	return q->stats.value[MMBLK_STAT_COMPLETIONS] +
	       q->stats.value[MMBLK_STAT_REQUEUES];
}

/**
 * mmblk_complete_poll - look for completions without waiting for an event
 * @q: queue
 * @iob: takes requests that the caller has to end; or NULL
 *
 * May be called at any time, also while the service is down, and by several at
 * once: one of them looks.
 *
 * Context: process.
 * Return: how many requests were found to be complete, or are sent again.
 */
int mmblk_complete_poll(struct mmblk_queue *q, struct io_comp_batch *iob)
{
	u64 before;
	int nr = 0;

	if (!spin_trylock_bh(&q->rx_lock))
		return 0;
	if (q->live && fido_rx_waiting(q->chan)) {
		before = mmblk_answered(q);
		mmblk_look(q, iob);
		/* else an event would come when the indices have wrapped */
		if (q->polled)
			fido_rx_disarm(q->chan);
		nr = mmblk_answered(q) - before;
	}
	spin_unlock_bh(&q->rx_lock);
	return nr;
}
