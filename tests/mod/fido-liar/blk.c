// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of mmblk: requests of a client, and what a server says. The disk
 * that is served reads as zeroes and forgets what is written.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "liar.h"

#define BLK_BYTES	4096
#define BLK_DISK	(SZ_16M / MMBLK_SECTOR_SIZE)
#define BLK_MAX_BYTES	SZ_64K		/* their segments fit into a message */
#define BLK_LIST_SEGS	32		/* those do not */

static void *blk_msg(struct liar *liar)
{
	return liar->draft.slot->data;
}

static struct mmblk_request *blk_request(struct liar *liar, u8 op, u32 bytes)
{
	struct mmblk_request *r = blk_msg(liar);

	r->op = op;
	r->tag = liar->tag++ % MMBLK_DEPTH;
	r->bytes = bytes;
	liar->draft.len = sizeof(*r);
	return r;
}

/**
 * liar_blk_read - a READ
 * @liar: service with an empty draft
 *
 * Return: 0.
 */
int liar_blk_read(struct liar *liar)
{
	blk_request(liar, MMBLK_OP_READ, BLK_BYTES);
	return 0;
}

/**
 * liar_blk_write - a WRITE
 * @liar: service with an empty draft
 *
 * Return: 0 or an error of fido_addr_of().
 */
int liar_blk_write(struct liar *liar)
{
	struct mmblk_request *r = blk_request(liar, MMBLK_OP_WRITE, BLK_BYTES);

	r->nr_segs = 1;
	r->seg[0].len = BLK_BYTES;
	liar->draft.seg = r->seg;
	liar->draft.len += sizeof(r->seg[0]);
	return fido_addr_of(liar->chan, liar->pages->page[0], 0, BLK_BYTES,
			    &r->seg[0].addr);
}

/* A WRITE with a list, each segment of which is the beginning of a page. */
static int blk_write_list(struct liar *liar, struct page *data)
{
	struct mmblk_request *r = blk_request(liar, MMBLK_OP_WRITE,
					      BLK_LIST_SEGS *
					      MMBLK_SECTOR_SIZE);
	struct fido_seg *list = page_address(liar->pages->page[1]);
	unsigned int i;
	u64 addr;

	if (fido_addr_of(liar->chan, data, 0, MMBLK_SECTOR_SIZE, &addr))
		return -EFAULT;
	for (i = 0; i < BLK_LIST_SEGS; i++)
		list[i] = (struct fido_seg) {
			.addr = addr,
			.len = MMBLK_SECTOR_SIZE,
		};
	r->nr_segs = BLK_LIST_SEGS;
	r->seg[0].len = BLK_LIST_SEGS * sizeof(*list);
	liar->draft.seg = r->seg;
	liar->draft.list = list;
	liar->draft.len += sizeof(r->seg[0]);
	return fido_addr_of(liar->chan, liar->pages->page[1], 0, r->seg[0].len,
			    &r->seg[0].addr);
}

/**
 * liar_blk_list - a WRITE with a list of segments
 * @liar: service with an empty draft
 *
 * Return: 0 or an error of fido_addr_of().
 */
int liar_blk_list(struct liar *liar)
{
	return blk_write_list(liar, liar->pages->page[0]);
}

/**
 * liar_blk_loop - a WRITE with a list whose segments name the list
 * @liar: service with an empty draft
 *
 * Return: 0 or an error of fido_addr_of().
 */
int liar_blk_loop(struct liar *liar)
{
	return blk_write_list(liar, liar->pages->page[1]);
}

/**
 * liar_blk_flush - a FLUSH
 * @liar: service with an empty draft
 *
 * Return: 0.
 */
int liar_blk_flush(struct liar *liar)
{
	blk_request(liar, MMBLK_OP_FLUSH, 0);
	return 0;
}

/**
 * liar_blk_discard - a DISCARD
 * @liar: service with an empty draft
 *
 * Return: 0.
 */
int liar_blk_discard(struct liar *liar)
{
	blk_request(liar, MMBLK_OP_DISCARD, BLK_BYTES);
	return 0;
}

/**
 * liar_blk_zeroes - a WRITE_ZEROES
 * @liar: service with an empty draft
 *
 * Return: 0.
 */
int liar_blk_zeroes(struct liar *liar)
{
	blk_request(liar, MMBLK_OP_WRITE_ZEROES, BLK_BYTES);
	return 0;
}

/**
 * liar_blk_config - describe the disk
 * @liar: service with an empty draft
 *
 * Return: 0.
 */
int liar_blk_config(struct liar *liar)
{
	struct mmblk_config *c = blk_msg(liar);

	*c = (struct mmblk_config) {
		.kind = MMBLK_KIND_CONFIG,
		.version = MMBLK_VERSION,
		.max_bytes = BLK_MAX_BYTES,
		.sectors = BLK_DISK,
		.logical_block_size = MMBLK_SECTOR_SIZE,
		.physical_block_size = FIDO_PAGE_SIZE,
		.io_min = FIDO_PAGE_SIZE,
		.discard_granularity = FIDO_PAGE_SIZE,
	};
	liar->draft.len = sizeof(*c);
	return 0;
}

/* All of the data is one page of zeroes, over and over. */
static int blk_name_data(struct liar *liar, struct mmblk_done *done, u32 bytes)
{
	u32 left, n;
	int err;

	err = liar_draft_pages(liar, done->seg, min_t(u32, bytes,
						      FIDO_PAGE_SIZE));
	if (err)
		return err;
	for (left = bytes; left; left -= n) {
		if (done->nr_segs == MMBLK_DONE_SEGS)
			return -E2BIG;
		n = min_t(u32, left, FIDO_PAGE_SIZE);
		done->seg[done->nr_segs].addr = done->seg[0].addr;
		done->seg[done->nr_segs++].len = n;
	}
	done->bytes = bytes;
	liar->draft.seg = done->seg;
	return 0;
}

/**
 * liar_blk_done - answer the request that waits longest
 * @liar: service with an empty draft
 *
 * Return: 0, -ENOENT if none waits, -E2BIG if it is longer than the disk
 * allows, or an error of liar_draft_pages().
 */
int liar_blk_done(struct liar *liar)
{
	const struct liar_request *r = liar->request;
	struct mmblk_done *done = blk_msg(liar);
	int err = 0;

	if (!liar->nr_requests)
		return -ENOENT;
	done->kind = MMBLK_KIND_DONE;
	done->op = r->op;
	done->tag = r->tag;
	if (r->op == MMBLK_OP_READ)
		err = blk_name_data(liar, done, r->bytes);
	if (err)
		return err;
	liar->draft.len = struct_size(done, seg, done->nr_segs);
	liar->nr_requests--;
	memmove(liar->request, liar->request + 1,
		liar->nr_requests * sizeof(*r));
	return 0;
}
