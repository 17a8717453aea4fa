// SPDX-License-Identifier: GPL-2.0
/*
 * Window: all pages that a peer exports, mapped read-only at link-up in
 * batches. Each mapped page has a struct page of its own (ZONE_DEVICE, without
 * RAM behind it), so that skb frags and bios can point to it.
 *
 * The struct pages are assigned in ascending order: frames that are
 * consecutive at the owner are consecutive here, except where the allocator
 * had a gap. Nothing relies on it, but runs get long.
 *
 * A page may be unmapped only when nobody holds a reference but the window
 * itself. A window that cannot be unmapped as a whole shrinks step by step.
 * Until the last page is gone, whoever holds one can find out whose it is.
 */
#include <linux/bsearch.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "drain.h"
#include "fido.h"
#include "foreign.h"
#include "log.h"
#include "table.h"
#include "window.h"

#define MAP_BATCH		256
#define BASE_REFS		1	/* the window's own reference */
#define HANDED_ON_SECS		2	/* for what the owner handed on */

/**
 * struct window_batch - operations of one hypercall
 * @map: operations
 * @unmap: operations
 * @page: pages they are about
 * @index: index of the page in the window
 * @nr: how many
 */
struct window_batch {
	struct gnttab_map_grant_ref map[MAP_BATCH];
	struct gnttab_unmap_grant_ref unmap[MAP_BATCH];
	struct page *page[MAP_BATCH];
	unsigned long index[MAP_BATCH];
	unsigned int nr;
};

static bool window_page_idle(const struct page *page)
{
	return page_ref_count(page) == BASE_REFS;
}

/*
 * A PV guest cannot map these pages into a process. The hypercall is refused,
 * but nobody looks at the result: the reference would never be dropped, and the
 * window never go. Received skbs give no occasion for that (mmnet's rx.c), but
 * pages that a process splices on to another socket get to TCP_ZEROCOPY_RECEIVE
 * as any others. vm_insert_page() and the like refuse a page that has a type.
 * "Offline" is the type for what drivers keep for themselves, the balloon
 * driver among them; it also keeps away those who walk through all memory, as
 * dumps do. The type lies where mappings are counted, of which there are none,
 * and nobody who gets the page from us looks at it. On PVH such a mapping
 * works.
 */
static void window_seal_page(struct page *page)
{
	if (xen_pv_domain())
		__SetPageOffline(page);
}

static void window_unseal_page(struct page *page)
{
	if (xen_pv_domain())
		__ClearPageOffline(page);
}

/*
 * Does the page still belong to a window onto @owner? The window of a third
 * domain is unmapped when the last reference is dropped, which can be before
 * those who have read there look again. By then the struct page may belong to
 * anybody, and its count would tell nothing, perhaps for ever. If it belongs to
 * a new window onto the same domain, its new users are waited for as well: that
 * only costs time.
 */
static bool page_shows(struct page *page, domid_t owner)
{
	const struct xen_page_foreign *foreign;

	if (PageCompound(page))
		return false;
	foreign = xen_page_foreign(page);
	return foreign && READ_ONCE(foreign->domid) == owner;
}

/**
 * fido_pages_idle - has everybody let go of these foreign pages?
 * @page: first page of a run from fido_resolve()
 * @nr: number of pages
 * @owner: of the run
 *
 * Every page is looked at, not only the first: readers take references to
 * pages in the middle of a run, too (splice does).
 *
 * Context: any.
 * Return: true if nobody holds a reference.
 */
bool fido_pages_idle(struct page *page, unsigned int nr, u16 owner)
{
	for (; nr--; page++)
		if (!window_page_idle(page) && page_shows(page, owner))
			return false;
	return true;
}
EXPORT_SYMBOL_GPL(fido_pages_idle);

/* Batches */

static void batch_add_map(struct window_batch *batch, struct page *page,
			  unsigned long index, grant_ref_t ref, domid_t owner)
{
	batch->page[batch->nr] = page;
	batch->index[batch->nr] = index;
	gnttab_set_map_op(&batch->map[batch->nr], fido_foreign_vaddr(page),
			  GNTMAP_host_map | GNTMAP_readonly, ref, owner);
	batch->map[batch->nr].status = GNTST_general_error;
	batch->nr++;
}

static void batch_add_unmap(struct window_batch *batch, struct page *page,
			    unsigned long index, grant_handle_t handle)
{
	batch->page[batch->nr] = page;
	batch->index[batch->nr] = index;
	gnttab_set_unmap_op(&batch->unmap[batch->nr], fido_foreign_vaddr(page),
			    GNTMAP_host_map | GNTMAP_readonly, handle);
	batch->unmap[batch->nr].status = GNTST_general_error;
	batch->nr++;
}

/*
 * Map what is in the batch. Each status is looked at (XSA-361): an entry that
 * failed keeps an invalid handle. Running out of maptrack entries is the only
 * failure that ends the whole; others are holes in the peer's memory.
 */
static int batch_map(struct window_batch *batch)
{
	unsigned int i;
	int err;

	if (!batch->nr)
		return 0;
	err = gnttab_map_refs(batch->map, NULL, batch->page, batch->nr);
	for (i = 0; i < batch->nr; i++) {
		if (batch->map[i].status == GNTST_okay)
			continue;
		batch->map[i].handle = INVALID_GRANT_HANDLE;
		if (fido_maptrack_full(batch->map[i].status))
			err = -ENOSPC;
	}
	return err;
}

/* Building the window */

static int window_map_root(struct fido_window *window, grant_ref_t ref)
{
	const struct fido_root __peer *root;
	u64 nr_frames;

	window->root_page = fido_foreign_map(window->owner, ref,
					     &window->root_handle);
	if (IS_ERR(window->root_page))
		return PTR_ERR(window->root_page);

	root = fido_window_root(window);
	nr_frames = fido_peer_read64(&root->nr_frames);
	if (fido_peer_read32(&root->magic) != FIDO_ROOT_MAGIC ||
	    fido_peer_read32(&root->version) != FIDO_PROTO_VERSION ||
	    fido_peer_read32(&root->domid) != window->owner ||
	    !nr_frames || nr_frames > (u64)FIDO_ROOT_MIDS *
			  FIDO_REFS_PER_PAGE * FIDO_REFS_PER_PAGE)
		return -EPROTO;
	window->map.nr_frames = nr_frames;
	return 0;
}

static int window_cmp(const void *a, const void *b)
{
	const struct page *pa = *(struct page * const *)a;
	const struct page *pb = *(struct page * const *)b;

	return pa < pb ? -1 : pa > pb;
}

/* The allocator hands out descending pages: mostly reversing them suffices. */
static void window_sort(struct page **page, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr / 2; i++)
		swap(page[i], page[nr - 1 - i]);
	for (i = 1; i < nr; i++)
		if (page[i - 1] > page[i]) {
			sort(page, nr, sizeof(*page), window_cmp, NULL);
			return;
		}
}

static int window_alloc_arrays(struct fido_window *window, unsigned long nr)
{
	window->page = vcalloc(nr, sizeof(*window->page));
	window->frame = vcalloc(nr, sizeof(*window->frame));
	window->handle = vcalloc(nr, sizeof(*window->handle));
	window->kept = vcalloc(BITS_TO_LONGS(nr), sizeof(*window->kept));
	window->no_forward = vcalloc(BITS_TO_LONGS(nr),
				     sizeof(*window->no_forward));
	return window->page && window->frame && window->handle &&
	       window->kept && window->no_forward ? 0 : -ENOMEM;
}

static int window_alloc_pages(struct fido_window *window, unsigned long nr)
{
	unsigned long i;
	int err;

	/* the table itself is exported, at least */
	if (!nr)
		return -EPROTO;
	err = window_alloc_arrays(window, nr);
	if (err)
		return err;
	err = gnttab_alloc_pages(nr, window->page);
	if (err)
		return err;
	window_sort(window->page, nr);
	window->nr = nr;
	bitmap_set(window->kept, 0, nr);
	for (i = 0; i < nr; i++)
		window->handle[i] = INVALID_GRANT_HANDLE;
	/* releases are found by reference counts: they must be what we know */
	for (i = 0; i < nr; i++)
		if (!window_page_idle(window->page[i])) {
			gnttab_free_pages(nr, window->page);
			window->nr = 0;
			return -EOPNOTSUPP;
		}
	return 0;
}

static void window_show(struct fido_window *window,
			const struct window_batch *batch)
{
	unsigned long index;
	unsigned int i;
	u64 frame;

	for (i = 0; i < batch->nr; i++) {
		if (batch->map[i].handle == INVALID_GRANT_HANDLE)
			continue;
		index = batch->index[i];
		frame = window->frame[index];
		window_seal_page(batch->page[i]);
		window->handle[index] = batch->map[i].handle;
		window->map.leaf[frame >> FIDO_LEAF_SHIFT]
			->page[frame & (FIDO_LEAF_FRAMES - 1)] =
			batch->page[i];
		window->nr_mapped++;
	}
}

static int window_flush_map(struct fido_window *window,
			    struct window_batch *batch)
{
	int err = batch_map(batch);

	window_show(window, batch);
	batch->nr = 0;
	cond_resched();
	return err;
}

static void window_map_frame(struct fido_window *window, u64 frame, u32 entry,
			     unsigned long index, struct window_batch *batch)
{
	window->frame[index] = frame;
	if (entry & FIDO_REF_NO_FORWARD)
		__set_bit(index, window->no_forward);
	batch_add_map(batch, window->page[index], index,
		      entry & ~FIDO_REF_NO_FORWARD, window->owner);
}

static int window_map_leaf(struct fido_window *window, unsigned long leaf,
			   const u32 *refs, unsigned long *index,
			   struct window_batch *batch)
{
	u64 first = (u64)leaf << FIDO_LEAF_SHIFT;
	unsigned int i;
	int err = 0;

	window->map.leaf[leaf] = kvzalloc(sizeof(*window->map.leaf[leaf]),
					  GFP_KERNEL);
	if (!window->map.leaf[leaf])
		return -ENOMEM;
	for (i = 0; !err && i < FIDO_LEAF_FRAMES; i++) {
		if (!refs[i])
			continue;
		window_map_frame(window, first + i, refs[i], (*index)++, batch);
		if (batch->nr == MAP_BATCH)
			err = window_flush_map(window, batch);
	}
	return err;
}

static int window_map_all(struct fido_window *window,
			  const struct fido_table *table)
{
	struct window_batch *batch;
	unsigned long i, index = 0;
	int err = 0;

	window->map.leaf = vcalloc(table->nr_leaves,
				   sizeof(*window->map.leaf));
	batch = kvzalloc(sizeof(*batch), GFP_KERNEL);
	if (!window->map.leaf || !batch) {
		kvfree(batch);
		return -ENOMEM;
	}
	for (i = 0; !err && i < table->nr_leaves; i++)
		if (READ_ONCE(*table->stop))
			err = -EINTR;
		else if (table->leaf[i])
			err = window_map_leaf(window, i, table->leaf[i], &index,
					      batch);
	if (!err)
		err = window_flush_map(window, batch);
	kvfree(batch);
	return err;
}

static void window_explain(const struct fido_window *window, unsigned long nr,
			   int err)
{
	if (err == -EINTR)
		return;
	if (err == -E2BIG)
		fido_err("domain %u exports more than %lu MiB: raise the parameter max_window_mib of module fido\n",
			 window->owner, fido_max_pages() >> (20 - PAGE_SHIFT));
	else if (err == -ENOSPC)
		fido_err("maptrack table too small to map %lu pages of domain %u: set max_maptrack_frames=%lu for each peer in xl.cfg (domain 0: gnttab_max_maptrack_frames on Xen's command line)\n",
			 nr, window->owner, DIV_ROUND_UP(nr, 256) + 64);
	else
		fido_err("cannot map the memory of domain %u: error %d\n",
			 window->owner, err);
}

/**
 * fido_window_create - map a peer's memory
 * @owner: the peer
 * @root_ref: grant reference of its root page
 * @stop: when this becomes true, give up
 *
 * Context: process, sleeps.
 * Return: the window, or an ERR_PTR: -ENOSPC if maptrack entries do not
 * suffice (logged with the line for xl.cfg), -EPROTO if the root page makes no
 * sense, -E2BIG if the peer is larger than max_window_mib, -EINTR, -ENOMEM.
 */
struct fido_window *fido_window_create(domid_t owner, grant_ref_t root_ref,
				       const bool *stop)
{
	struct fido_table table = { .stop = stop };
	struct fido_window *window;
	int err;

	window = kzalloc(sizeof(*window), GFP_KERNEL);
	if (!window)
		return ERR_PTR(-ENOMEM);
	window->owner = owner;
	INIT_LIST_HEAD(&window->node);
	INIT_LIST_HEAD(&window->drains);

	err = window_map_root(window, root_ref);
	if (!err)
		err = fido_table_read(&table, window->owner, fido_window_root(window),
				      window->map.nr_frames);
	if (!err)
		err = window_alloc_pages(window, table.nr_refs);
	if (!err)
		err = window_map_all(window, &table);
	if (err)
		window_explain(window, table.nr_refs, err);
	fido_table_free(&table);
	if (!err) {
		fido_window_enlist(window);
		return window;
	}
	if (IS_ERR(window->root_page))
		kfree(window);
	else if (fido_window_shrink(window))
		fido_window_abandon(window);
	return ERR_PTR(err);
}

/* Taking it down */

static void window_free(struct fido_window *window)
{
	unsigned long i, nr;

	fido_drain_end(window->drain);
	fido_window_delist(window);
	fido_foreign_unmap(window->root_page, window->root_handle);
	nr = DIV_ROUND_UP_ULL(window->map.nr_frames, FIDO_LEAF_FRAMES);
	for (i = 0; window->map.leaf && i < nr; i++)
		kvfree(window->map.leaf[i]);
	vfree(window->map.leaf);
	vfree(window->page);
	vfree(window->frame);
	vfree(window->handle);
	vfree(window->kept);
	vfree(window->no_forward);
	kfree(window);
}

static void window_hide(struct fido_window *window, unsigned long index)
{
	u64 frame = window->frame[index];

	window->map.leaf[frame >> FIDO_LEAF_SHIFT]
		->page[frame & (FIDO_LEAF_FRAMES - 1)] = NULL;
}

/*
 * Is a page as it was before it was mapped? What gnttab_unmap_refs() returns is
 * said of all together. If Xen did not take them, all still have their mark; if
 * the kernel finds one that it did not know as mapped, others are in order.
 */
static bool page_is_clean(struct page *page)
{
	return !PageForeign(page) &&
	       (!xen_pv_domain() ||
		__pfn_to_mfn(page_to_pfn(page)) == INVALID_P2M_ENTRY);
}

/* Returns false if the page is lost: its state is unknown. */
static bool window_take_back(struct fido_window *window,
			     const struct window_batch *batch, unsigned int i,
			     int err)
{
	struct page *page = batch->page[i];

	window->handle[batch->index[i]] = INVALID_GRANT_HANDLE;
	window->nr_mapped--;
	if (batch->unmap[i].status != GNTST_okay ||
	    (err && !page_is_clean(page)))
		return false;
	window_unseal_page(page);
	gnttab_free_pages(1, &page);
	return true;
}

static void window_flush_unmap(struct fido_window *window,
			       struct window_batch *batch)
{
	unsigned int i, failed = 0;
	int err = 0;

	if (batch->nr)
		err = gnttab_unmap_refs(batch->unmap, NULL, batch->page,
					batch->nr);
	for (i = 0; i < batch->nr; i++)
		failed += !window_take_back(window, batch, i, err);
	if (failed)
		fido_err("cannot unmap %u pages of domain %u, they are lost\n",
			 failed, window->owner);
	batch->nr = 0;
	cond_resched();
}

/* Give back a page that was never mapped, or add it to the batch. */
static void window_drop_page(struct fido_window *window, unsigned long i,
			     struct window_batch *batch)
{
	/* nobody holds it, so nobody asks about it until it has another use */
	clear_bit(i, window->kept);
	if (window->handle[i] == INVALID_GRANT_HANDLE) {
		gnttab_free_pages(1, &window->page[i]);
	} else {
		window_hide(window, i);
		batch_add_unmap(batch, window->page[i], i, window->handle[i]);
		if (batch->nr == MAP_BATCH)
			window_flush_unmap(window, batch);
	}
}

/*
 * What the owner handed on to us of others' memory: it takes that back when our
 * window is gone. It must not wait for long: one that is dead stays a zombie
 * meanwhile.
 */
static bool window_is_drained(struct fido_window *window)
{
	if (window->is_abandoned || list_empty(&window->node))
		return true;
	if (!window->drain)
		window->drain = fido_drain_begin(window, HANDED_ON_SECS);
	return window->drain && fido_drain_done(window->drain);
}

/**
 * fido_window_shrink - unmap what nobody uses
 * @window: window that can no longer be reached by fido_resolve()
 *
 * Frees the window when nothing is left, nor anything in use of what its owner
 * handed on of others' memory.
 *
 * Context: process, sleeps.
 * Return: zero if @window is gone; else more, the caller has to try again.
 */
unsigned long fido_window_shrink(struct fido_window *window)
{
	struct window_batch *batch = kvzalloc(sizeof(*batch), GFP_KERNEL);
	unsigned long i, left = 0;

	if (!batch)
		return window->nr + 1;	/* the caller tries again */
	for_each_set_bit(i, window->kept, window->nr) {
		if (window_page_idle(window->page[i]))
			window_drop_page(window, i, batch);
		else
			left++;
	}
	window_flush_unmap(window, batch);
	kvfree(batch);
	left += !window_is_drained(window);
	if (left)
		fido_flush_all();	/* perhaps nobody wants it any more */
	else
		window_free(window);
	return left;
}

/* Looking through it */

/**
 * fido_window_owner - whose memory is it?
 * @window: window
 *
 * Return: domain id.
 */
domid_t fido_window_owner(const struct fido_window *window)
{
	return window->owner;
}

/**
 * fido_window_root - the owner's root page
 * @window: window
 *
 * Return: address.
 */
const struct fido_root __peer *
fido_window_root(const struct fido_window *window)
{
	return (const struct fido_root __peer __force *)
		page_address(window->root_page);
}

/**
 * fido_window_map - for fido_map_run()
 * @window: window
 *
 * Return: the map.
 */
const struct fido_map *fido_window_map(const struct fido_window *window)
{
	return &window->map;
}

/**
 * fido_window_note_giver - somebody names pages of a third domain to us
 * @window: window onto that domain
 * @index: of the link that the name came by
 *
 * Context: any; before anybody gets references.
 */
void fido_window_note_giver(struct fido_window *window, unsigned int index)
{
	if (!test_bit(index, &window->givers))
		set_bit(index, &window->givers);
}

/**
 * fido_window_is_given - has a domain named pages of a third one to us?
 * @window: window onto the third domain
 * @giver: window onto the other
 *
 * Context: any; for what was named in a service that is down, or before an RCU
 * grace period that is over.
 * Return: true if so, or if an earlier peer of a link with the same index has.
 */
bool fido_window_is_given(const struct fido_window *window,
			  const struct fido_window *giver)
{
	return test_bit(giver->index, &window->givers);
}

/**
 * fido_window_uses - is a page in use?
 * @window: window
 * @index: of the page
 *
 * Context: any.
 * Return: false if nobody holds it, or if it was given back.
 */
bool fido_window_uses(const struct fido_window *window, unsigned long index)
{
	return test_bit(index, window->kept) &&
	       !window_page_idle(window->page[index]);
}

/**
 * fido_window_pages - size of a window
 * @window: window
 *
 * Return: number of mapped pages.
 */
unsigned long fido_window_pages(const struct fido_window *window)
{
	return window->nr_mapped;
}

/**
 * fido_window_unforwarded - how much of it has no name for others?
 * @window: window
 *
 * Return: number of pages.
 */
unsigned long fido_window_unforwarded(const struct fido_window *window)
{
	return bitmap_weight(window->no_forward, window->nr);
}

/**
 * fido_window_index - where is a page in a window?
 * @window: window
 * @page: any page
 *
 * Context: any.
 * Return: its index; @window->nr if it is not there, or not any more.
 */
unsigned long fido_window_index(const struct fido_window *window,
				const struct page *page)
{
	struct page **found;

	if (!window->nr || page < window->page[0] ||
	    page > window->page[window->nr - 1])
		return window->nr;
	found = bsearch(&page, window->page, window->nr, sizeof(*found),
			window_cmp);
	if (!found || !test_bit(found - window->page, window->kept))
		return window->nr;
	return found - window->page;
}

/**
 * fido_window_frame - how is a page of a window named to others?
 * @window: window
 * @page: any page
 * @frame: gets the owner's frame number
 *
 * Context: any.
 * Return: true if it has a name; false if it is no page of this window, or if
 * the owner's other readers may see something else there.
 */
bool fido_window_frame(const struct fido_window *window,
		       const struct page *page, u64 *frame)
{
	unsigned long index = fido_window_index(window, page);

	if (index == window->nr || test_bit(index, window->no_forward))
		return false;
	*frame = window->frame[index];
	return true;
}

/**
 * fido_window_peek - address of a structure in the owner's memory
 * @window: window
 * @phys: guest-physical address, from the owner
 * @len: bytes, not more than a page
 *
 * Return: the address, NULL if it is not exported or crosses a page.
 */
const void __peer *fido_window_peek(const struct fido_window *window, u64 phys,
				    u32 len)
{
	u32 offset = phys & (FIDO_PAGE_SIZE - 1);
	struct page *page;

	if (offset + len > FIDO_PAGE_SIZE ||
	    fido_map_run(&window->map, phys, len, &page) != len)
		return NULL;
	return (const void __peer __force *)page_address(page) + offset;
}
