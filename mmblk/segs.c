// SPDX-License-Identifier: GPL-2.0
/*
 * Segment lists, as they are built for a peer.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "mmblk_proto.h"
#include "segs.h"

/**
 * mmblk_segs_add - append a piece of memory
 * @segs: list
 * @chan: channel that the peer will be told on
 * @page: first page
 * @offset: of the first byte
 * @len: bytes
 *
 * What continues the last segment makes it longer.
 *
 * Context: any.
 * Return: 0, -ENOSPC if the list is full, or an error of fido_addr_of().
 */
int mmblk_segs_add(struct mmblk_segs *segs, struct fido_chan *chan,
		   struct page *page, u32 offset, u32 len)
{
	struct fido_seg *last;
	u64 addr;
	int err;

	err = fido_addr_of(chan, page, offset, len, &addr);
	if (err)
		return err;

	last = segs->nr ? &segs->seg[segs->nr - 1] : NULL;
	if (last && last->addr + last->len == addr) {
		last->len += len;
		return 0;
	}
	if (segs->nr == MMBLK_MAX_SEGS)
		return -ENOSPC;
	segs->seg[segs->nr++] = (struct fido_seg){ .addr = addr, .len = len };
	return 0;
}

/**
 * mmblk_segs_add_pages - append a buffer
 * @segs: list
 * @chan: channel that the peer will be told on
 * @pages: buffer
 * @bytes: how much of it
 *
 * Context: any.
 * Return: as mmblk_segs_add().
 */
int mmblk_segs_add_pages(struct mmblk_segs *segs, struct fido_chan *chan,
			 struct fido_pages *pages, u32 bytes)
{
	unsigned int i;
	u32 len;
	int err;

	for (i = 0; bytes; i++, bytes -= len) {
		len = min_t(u32, bytes, PAGE_SIZE);
		err = mmblk_segs_add(segs, chan, pages->page[i], 0, len);
		if (err)
			return err;
	}
	return 0;
}

/**
 * mmblk_segs_emit - put a list into a message
 * @segs: list
 * @chan: channel of the message
 * @list: page in which the list was built, if it is to be named where it does
 *	not fit
 * @to: place for segments in the message
 * @room: how many fit there
 *
 * Context: any.
 * Return: segments written to the message, zero if @list has no address.
 */
unsigned int mmblk_segs_emit(const struct mmblk_segs *segs,
			     struct fido_chan *chan, struct page *list,
			     struct fido_seg *to, unsigned int room)
{
	u32 size = segs->nr * sizeof(*to);
	u64 addr;

	if (segs->nr <= room) {
		memcpy(to, segs->seg, size);
		return segs->nr;
	}
	if (fido_addr_of(chan, list, 0, size, &addr))
		return 0;
	*to = (struct fido_seg){ .addr = addr, .len = size };
	return 1;
}
