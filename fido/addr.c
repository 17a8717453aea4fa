// SPDX-License-Identifier: GPL-2.0
/*
 * Translation of a peer's addresses. All bounds are checked here and nowhere
 * else.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>

#include "addr.h"

/**
 * fido_map_page - the page that shows a frame
 * @map: frames of the owner
 * @frame: any number, usually from a peer
 *
 * Return: the page, NULL if the frame does not exist or is not exported.
 */
struct page *fido_map_page(const struct fido_map *map, u64 frame)
{
	const struct fido_leaf *leaf;

	if (frame >= map->nr_frames)
		return NULL;
	leaf = map->leaf[frame >> FIDO_LEAF_SHIFT];
	if (!leaf)
		return NULL;
	return leaf->page[frame & (FIDO_LEAF_FRAMES - 1)];
}

/**
 * fido_map_run - pages of a piece of the owner's memory
 * @map: frames of the owner
 * @phys: guest-physical address of the first byte, any number
 * @len: bytes, any number
 * @first: gets the page with the first byte
 *
 * Return: how many bytes from @phys on, at most @len, are shown by pages whose
 * struct pages are consecutive; zero if @len is zero or if not all of the
 * first page's part exists.
 */
u32 fido_map_run(const struct fido_map *map, u64 phys, u32 len,
		 struct page **first)
{
	u64 frame = phys >> FIDO_PAGE_SHIFT;
	struct page *page;
	u32 done;

	if (!len || phys > FIDO_ADDR_PHYS_MASK ||
	    len - 1 > FIDO_ADDR_PHYS_MASK - phys)
		return 0;

	page = fido_map_page(map, frame);
	if (!page)
		return 0;

	*first = page;
	done = FIDO_PAGE_SIZE - (phys & (FIDO_PAGE_SIZE - 1));
	while (done < len) {
		page++;
		if (fido_map_page(map, ++frame) != page)
			break;
		done += min_t(u32, len - done, FIDO_PAGE_SIZE);
	}
	return min(done, len);
}
