/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A single page of another domain.
 */
#ifndef FIDO_FOREIGN_H
#define FIDO_FOREIGN_H

#include <linux/mm.h>
#include <xen/grant_table.h>

/* Where a page is mapped, as the hypervisor wants to be told. */
static inline unsigned long fido_foreign_vaddr(struct page *page)
{
	return (unsigned long)pfn_to_kaddr(page_to_pfn(page));
}

bool fido_maptrack_full(int status);
struct page *fido_foreign_map(domid_t owner, grant_ref_t ref,
			      grant_handle_t *handle);
void fido_foreign_unmap(struct page *page, grant_handle_t handle);
int fido_foreign_copy(domid_t owner, grant_ref_t ref, void *buf);

#endif /* FIDO_FOREIGN_H */
