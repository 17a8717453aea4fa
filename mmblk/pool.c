// SPDX-License-Identifier: GPL-2.0
/*
 * Server: buffers that reads go to and that clients copy from.
 *
 * A buffer has 2^n pages, and where that is more than a message has room for
 * segments, one page more for the list of segments: it is given back together
 * with the data. Buffers are used again without being cleared: what the client
 * could find there it can read anyway.
 */
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/mm.h>

#include "pool.h"
#include "segs.h"

static unsigned int mmblk_pool_class_of(const struct fido_pages *pages)
{
	return ilog2(pages->nr);
}

static bool mmblk_pool_has_list(unsigned int order)
{
	return 1U << order > MMBLK_DONE_SEGS;
}

/**
 * mmblk_pool_list - page for the list of segments
 * @pages: buffer from a pool
 *
 * Return: the page, NULL if the buffer needs none.
 */
struct page *mmblk_pool_list(const struct fido_pages *pages)
{
	if (!mmblk_pool_has_list(mmblk_pool_class_of(pages)))
		return NULL;
	return pages->page[pages->nr - 1];
}

/**
 * mmblk_pool_init - make an empty pool
 * @pool: pool
 * @limit: pages that may be out at a time
 */
void mmblk_pool_init(struct mmblk_pool *pool, unsigned int limit)
{
	spin_lock_init(&pool->lock);
	pool->limit = limit;
}

/*
 * Account for a buffer, and take it if there is a free one. Whatever the limit
 * is, one buffer may be out.
 */
static bool mmblk_pool_take(struct mmblk_pool *pool, unsigned int order,
			    unsigned int nr, struct fido_pages **pages)
{
	struct mmblk_pool_class *class = &pool->class[order];
	unsigned long flags;
	bool allowed;

	*pages = NULL;
	spin_lock_irqsave(&pool->lock, flags);
	allowed = !pool->out || pool->out + nr <= pool->limit;
	if (allowed)
		pool->out += nr;
	if (allowed && class->nr) {
		*pages = class->pages[--class->nr];
		pool->kept -= nr;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	return allowed;
}

static void mmblk_pool_unaccount(struct mmblk_pool *pool, unsigned int nr)
{
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	pool->out -= nr;
	spin_unlock_irqrestore(&pool->lock, flags);
}

static struct fido_pages *mmblk_pool_new(struct mmblk_pool *pool,
					 unsigned int nr)
{
	const gfp_t gfp = GFP_NOIO | __GFP_NOWARN;
	struct fido_pages *pages = fido_pages_alloc(nr, gfp);

	if (!pages)
		return NULL;
	if (!fido_pages_show(pool->chan, pages, gfp))
		return pages;
	fido_pages_free(pages);
	return NULL;
}

/**
 * mmblk_pool_get - get a buffer
 * @pool: pool
 * @bytes: at least so large, at most MMBLK_MAX_BYTES
 *
 * Context: process, sleeps.
 * Return: the buffer, NULL if the limit is reached or there is no memory: try
 * again when something was given back.
 */
struct fido_pages *mmblk_pool_get(struct mmblk_pool *pool, u32 bytes)
{
	unsigned int order = order_base_2(DIV_ROUND_UP(bytes, PAGE_SIZE));
	unsigned int nr = (1U << order) + mmblk_pool_has_list(order);
	struct fido_pages *pages;

	if (!mmblk_pool_take(pool, order, nr, &pages))
		return NULL;
	if (pages)
		return pages;
	/* here, so that mmblk_pool_put() need not free, in an interrupt */
	if (READ_ONCE(pool->out) + READ_ONCE(pool->kept) > pool->limit)
		mmblk_pool_trim(pool);
	pages = mmblk_pool_new(pool, nr);
	if (!pages)
		mmblk_pool_unaccount(pool, nr);
	return pages;
}

/**
 * mmblk_pool_put - give a buffer back
 * @pool: pool
 * @pages: buffer of this pool
 *
 * Context: any.
 */
void mmblk_pool_put(struct mmblk_pool *pool, struct fido_pages *pages)
{
	struct mmblk_pool_class *class;
	unsigned int nr = pages->nr;
	unsigned long flags;

	class = &pool->class[mmblk_pool_class_of(pages)];
	spin_lock_irqsave(&pool->lock, flags);
	pool->out -= nr;
	if (class->nr < MMBLK_POOL_DEPTH) {
		class->pages[class->nr++] = pages;
		pool->kept += nr;
		pages = NULL;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	if (pages)
		fido_pages_free(pages);
}

static struct fido_pages *mmblk_pool_pop(struct mmblk_pool *pool,
					 struct mmblk_pool_class *class)
{
	struct fido_pages *pages = NULL;
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	if (class->nr) {
		pages = class->pages[--class->nr];
		pool->kept -= pages->nr;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	return pages;
}

/**
 * mmblk_pool_trim - free the buffers that are not out
 * @pool: pool
 *
 * Context: process.
 */
void mmblk_pool_trim(struct mmblk_pool *pool)
{
	struct fido_pages *pages;
	unsigned int i;

	for (i = 0; i < MMBLK_POOL_CLASSES; i++)
		while ((pages = mmblk_pool_pop(pool, &pool->class[i])))
			fido_pages_free(pages);
}
