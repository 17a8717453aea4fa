/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Export: this domain's memory, granted read-only to one peer.
 */
#ifndef FIDO_EXPORT_H
#define FIDO_EXPORT_H

#include <linux/types.h>
#include <xen/grant_table.h>

#include "fido_proto.h"

struct fido_export;
struct fido_fence_reader;
struct list_head;
struct page;

struct fido_export *fido_export_create(domid_t owner, domid_t reader,
				       const bool *stop);
void fido_export_destroy(struct fido_export *export, struct list_head *held);
struct fido_root *fido_export_root(struct fido_export *export);
grant_ref_t fido_export_root_ref(const struct fido_export *export);
bool fido_export_has(const struct fido_export *export, struct page *page,
		     unsigned int nr);
struct fido_fence_reader *fido_export_reader(struct fido_export *export);
domid_t fido_export_domid(const struct fido_export *export);

unsigned long fido_quarantine_grants(void);
unsigned int fido_quarantine_of(domid_t reader);
void fido_quarantine_exit(void);

#endif /* FIDO_EXPORT_H */
