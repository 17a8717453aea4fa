// SPDX-License-Identifier: GPL-2.0
/*
 * The export table of a peer, copied: which frames it grants, and how. All of
 * it is the peer's word; the number of entries that we are ready to believe
 * is limited.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "addr.h"
#include "foreign.h"
#include "table.h"

static unsigned int max_window_mib;
module_param(max_window_mib, uint, 0644);
MODULE_PARM_DESC(max_window_mib,
		 "Largest memory of one peer that is mapped, in MiB; 0: eight times this domain's RAM (default)");

/**
 * fido_max_pages - what one peer may cost us
 *
 * Known before anything is allocated: each page that a peer claims to have
 * costs a struct page and some words.
 *
 * Return: number of pages.
 */
unsigned long fido_max_pages(void)
{
	if (max_window_mib)
		return (unsigned long)max_window_mib << (20 - PAGE_SHIFT);
	return min(totalram_pages() * 8, (unsigned long)INT_MAX);
}

/**
 * fido_table_free - free what fido_table_read() allocated, also if it failed
 * @table: table
 */
void fido_table_free(struct fido_table *table)
{
	unsigned long i;

	for (i = 0; table->leaf && i < table->nr_leaves; i++)
		kfree(table->leaf[i]);
	vfree(table->leaf);
	kfree(table->mid);
}

static int table_read_leaf(struct fido_table *table, unsigned long i,
			   grant_ref_t ref)
{
	unsigned int k;
	int err;

	if (READ_ONCE(*table->stop))
		return -EINTR;
	if (table->nr_refs > table->max_refs ||
	    ++table->nr_used > table->max_refs / FIDO_LEAF_FRAMES + 1024)
		return -E2BIG;
	table->leaf[i] = kmalloc(FIDO_PAGE_SIZE, GFP_KERNEL);
	if (!table->leaf[i])
		return -ENOMEM;
	err = fido_foreign_copy(table->owner, ref, table->leaf[i]);
	for (k = 0; !err && k < FIDO_LEAF_FRAMES; k++)
		table->nr_refs += !!table->leaf[i][k];
	return err;
}

static int table_read_mid(struct fido_table *table,
			  const struct fido_root __peer *root, unsigned int m)
{
	unsigned long first = (unsigned long)m * FIDO_REFS_PER_PAGE;
	u32 ref = fido_peer_read32(&root->mid[m]);
	unsigned int i;
	int err;

	if (!ref)
		return 0;
	err = fido_foreign_copy(table->owner, ref, table->mid);
	for (i = 0; !err && i < FIDO_REFS_PER_PAGE; i++) {
		if (first + i >= table->nr_leaves)
			break;
		if (table->mid[i])
			err = table_read_leaf(table, first + i,
					      table->mid[i]);
		cond_resched();
	}
	return err;
}

/**
 * fido_table_read - copy the grant references of a domain
 * @table: zeroed, with @stop set
 * @owner: the domain
 * @root: its root page
 * @nr_frames: size of its guest-physical space, within the protocol's limits
 *
 * Context: process, sleeps.
 * Return: 0 or an error; in either case fido_table_free() is due.
 */
int fido_table_read(struct fido_table *table, domid_t owner,
		    const struct fido_root __peer *root, u64 nr_frames)
{
	unsigned int m;
	int err = 0;

	table->owner = owner;
	table->max_refs = fido_max_pages();
	table->nr_leaves = DIV_ROUND_UP_ULL(nr_frames, FIDO_LEAF_FRAMES);
	table->leaf = vcalloc(table->nr_leaves, sizeof(*table->leaf));
	table->mid = kmalloc(FIDO_PAGE_SIZE, GFP_KERNEL);
	if (!table->leaf || !table->mid)
		return -ENOMEM;
	for (m = 0; !err && m < FIDO_ROOT_MIDS; m++)
		err = table_read_mid(table, root, m);
	return err;
}
