// SPDX-License-Identifier: GPL-2.0
/*
 * A single page of another domain, mapped read-only.
 */
#include <linux/err.h>

#include "fido_proto.h"
#include "foreign.h"
#include "peer.h"

/**
 * fido_maptrack_full - has a mapping failed for want of maptrack entries?
 * @status: status of the operation
 *
 * Xen says "no device space" then, as if it were about an IOMMU.
 *
 * Return: true if so.
 */
bool fido_maptrack_full(int status)
{
	return status == GNTST_no_device_space || status == GNTST_no_space;
}

/**
 * fido_foreign_map - map one page read-only
 * @owner: its domain
 * @ref: its grant reference
 * @handle: gets what is needed to unmap it
 *
 * Context: process, sleeps.
 * Return: the page, or an ERR_PTR: -ENOSPC if there are no maptrack entries.
 */
struct page *fido_foreign_map(domid_t owner, grant_ref_t ref,
			      grant_handle_t *handle)
{
	struct gnttab_map_grant_ref op = { .status = GNTST_general_error };
	struct page *page;
	int err;

	err = gnttab_alloc_pages(1, &page);
	if (err)
		return ERR_PTR(err);
	gnttab_set_map_op(&op, fido_foreign_vaddr(page),
			  GNTMAP_host_map | GNTMAP_readonly, ref, owner);
	err = gnttab_map_refs(&op, NULL, &page, 1);
	if (!err && op.status != GNTST_okay)
		err = fido_maptrack_full(op.status) ? -ENOSPC : -EINVAL;
	if (err) {
		gnttab_free_pages(1, &page);
		return ERR_PTR(err);
	}
	*handle = op.handle;
	return page;
}

/**
 * fido_foreign_unmap - unmap one page
 * @page: from fido_foreign_map()
 * @handle: its handle
 *
 * Context: process, sleeps.
 */
void fido_foreign_unmap(struct page *page, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref op = { .status = GNTST_general_error };

	gnttab_set_unmap_op(&op, fido_foreign_vaddr(page),
			    GNTMAP_host_map | GNTMAP_readonly, handle);
	/* a page whose state is unknown must never be used again */
	if (!gnttab_unmap_refs(&op, NULL, &page, 1) && op.status == GNTST_okay)
		gnttab_free_pages(1, &page);
}

/**
 * fido_foreign_copy - copy one page
 * @owner: its domain
 * @ref: its grant reference
 * @buf: FIDO_PAGE_SIZE bytes
 *
 * Context: process, sleeps.
 * Return: 0 or an error.
 */
int fido_foreign_copy(domid_t owner, grant_ref_t ref, void *buf)
{
	grant_handle_t handle;
	struct page *page;

	page = fido_foreign_map(owner, ref, &handle);
	if (IS_ERR(page))
		return PTR_ERR(page);
	fido_peer_copy(buf, (const void __peer __force *)page_address(page),
		       FIDO_PAGE_SIZE);
	fido_foreign_unmap(page, handle);
	return 0;
}
