/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private copy of a peer's export table.
 */
#ifndef FIDO_TABLE_H
#define FIDO_TABLE_H

#include <linux/types.h>
#include <xen/grant_table.h>

#include "fido_proto.h"
#include "peer.h"

/**
 * struct fido_table - private copy of the owner's grant references
 * @owner: whose they are
 * @nr_leaves: leaf tables
 * @leaf: by frame >> FIDO_LEAF_SHIFT; NULL where nothing is exported. Entries
 *	are as the owner wrote them, marks included.
 * @mid: scratch: the middle page that is being read
 * @nr_refs: entries that are not zero
 * @max_refs: limit for them
 * @nr_used: leaf tables that were read
 * @stop: set when the result is not wanted any more
 */
struct fido_table {
	domid_t owner;
	unsigned long nr_leaves;
	u32 **leaf;
	u32 *mid;
	unsigned long nr_refs;
	unsigned long max_refs;
	unsigned long nr_used;
	const bool *stop;
};

unsigned long fido_max_pages(void);
int fido_table_read(struct fido_table *table, domid_t owner,
		    const struct fido_root __peer *root, u64 nr_frames);
void fido_table_free(struct fido_table *table);

#endif /* FIDO_TABLE_H */
