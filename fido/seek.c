// SPDX-License-Identifier: GPL-2.0
/*
 * Seek: pages that a peer sees.
 *
 * Memory that came back from the balloon driver, or was plugged in, after an
 * export was made is not exported. It was freed last, so the kernel gives it out
 * first: all of it may have to be gone through before there is another page.
 * What is found not to be exported is set aside meanwhile, or it would be found
 * again. It is given back at the end.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "export.h"
#include "seek.h"

/* 256 MiB. Allocations fail before anybody is killed for it. */
#define MAX_ASIDE		(256U << (20 - PAGE_SHIFT))

/* Where nobody waits */
#define MAX_ASIDE_URGENT	256

/* Out of the kernel's reserve, which others need to free memory */
#define MAX_ASIDE_RESERVE	256

/**
 * fido_seek_begin - begin to look for pages
 * @seek: not in use
 * @export: the peer's
 * @gfp: how to get pages
 *
 * The kernel's reserve is open to who runs with PF_MEMALLOC. It is for what is
 * needed, not for what lies in front of it: as long as there is other memory,
 * that is gone through.
 *
 * Context: any that @gfp allows; so are the functions below.
 */
void fido_seek_begin(struct fido_seek *seek, const struct fido_export *export,
		     gfp_t gfp)
{
	seek->export = export;
	seek->gfp = gfp & ~__GFP_ZERO;
	seek->zero = gfp & __GFP_ZERO;
	seek->left = gfpflags_allow_blocking(gfp) ? MAX_ASIDE :
						    MAX_ASIDE_URGENT;
	seek->reserve = 0;
	if (current->flags & PF_MEMALLOC && !(gfp & __GFP_NOMEMALLOC)) {
		seek->reserve = MAX_ASIDE_RESERVE;
		seek->gfp |= __GFP_NOMEMALLOC | __GFP_NOWARN;
	}
	INIT_LIST_HEAD(&seek->aside);
}

/**
 * fido_seek_aside - keep a page until the end, and free it then
 * @seek: begun
 * @page: a single one, that of the caller
 */
void fido_seek_aside(struct fido_seek *seek, struct page *page)
{
	list_add(&page->lru, &seek->aside);
	/* the first may be waited for; it is not worth it for more */
	seek->gfp |= __GFP_NORETRY | __GFP_NOWARN;
	if (gfpflags_allow_blocking(seek->gfp))
		cond_resched();
}

static struct page *seek_alloc(struct fido_seek *seek)
{
	struct page *page = alloc_page(seek->gfp);

	if (!page && seek->reserve)
		page = alloc_page(seek->gfp & ~__GFP_NOMEMALLOC);
	return page;
}

/**
 * fido_seek_page - find one
 * @seek: begun
 *
 * Return: a page that the peer sees, the caller's; NULL if there is none.
 */
struct page *fido_seek_page(struct fido_seek *seek)
{
	struct page *page;

	for (; seek->left; seek->left--) {
		page = seek_alloc(seek);
		if (!page)
			return NULL;
		if (fido_export_has(seek->export, page, 1)) {
			if (seek->zero)
				clear_highpage(page);
			return page;
		}
		if (page_is_pfmemalloc(page) && seek->reserve)
			seek->reserve--;
		fido_seek_aside(seek, page);
	}
	return NULL;
}

/**
 * fido_seek_end - give back what was set aside
 * @seek: begun
 */
void fido_seek_end(struct fido_seek *seek)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &seek->aside, lru)
		__free_page(page);
}
