/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages, one by one: where they come from is up to the test.
 */
#ifndef SHIM_MM_H
#define SHIM_MM_H

#include "shim.h"
#include <linux/gfp.h>
#include <linux/list.h>

struct page {
	unsigned long flags;
	struct list_head lru;
	bool pfmemalloc;
};

struct page *alloc_page(gfp_t gfp);
void __free_page(struct page *page);
void clear_highpage(struct page *page);

static inline bool page_is_pfmemalloc(const struct page *page)
{
	return page->pfmemalloc;
}

#endif /* SHIM_MM_H */
