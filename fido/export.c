// SPDX-License-Identifier: GPL-2.0
/*
 * Export: every page of RAM that the kernel handed out is granted read-only to
 * one named peer, so that later any address in it can be handed over without
 * a further grant operation. Reserved pages (the kernel image, firmware
 * tables) are left out: no payload lies there.
 *
 * The grant references form the tree of include/fido_proto.h. Filling a grant
 * entry is a store, no hypercall.
 *
 * A peer may hand an address on to another peer of ours, who looks it up in an
 * export of its own, made at another time. What an older export shows
 * differently, or not at all, is marked in the newer one, and not handed on by
 * its reader. The other way round there is nothing to mark: what has changed
 * since an export was made is not sent to its reader, see fido_export_has().
 *
 * Revoking fails while the peer still maps a page (XSA-396). Such grants, the
 * tree that names them, and all memory that was handed to the peer and not
 * given back go into quarantine, where revoking is tried again.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/memory_hotplug.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <asm/xen/page.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "addr.h"
#include "chan.h"
#include "export.h"
#include "fence.h"
#include "link.h"
#include "log.h"

#define REFS_PER_MID	((u64)FIDO_REFS_PER_PAGE * FIDO_REFS_PER_PAGE)
#define GRANTS_PER_FRAME	512	/* version 1 entries, 8 bytes each */
#define QUARANTINE_MIN_PERIOD	(HZ / 10)
#define QUARANTINE_MAX_PERIOD	HZ	/* some read on for days */
#define QUARANTINE_WARN_SECS	10	/* a peer that closes orderly is faster */
#define EXIT_TRIES		100
#define EXIT_TRY_MSECS		100

/**
 * struct fido_export - memory granted to one peer
 * @owner: this domain
 * @reader: the peer
 * @nr_frames: size of guest-physical space when the export was made
 * @nr_leaves: leaf pages of the table
 * @nr_granted: grants that are not revoked
 * @root: root page
 * @mid: middle pages
 * @leaf: leaf pages, by frame >> FIDO_LEAF_SHIFT; read by the data path
 * @frame: machine frames at the time of the grant, by leaf; NULL where the
 *	hypervisor translates, and there is nothing to compare
 * @quarantine: entry in the list of exports with grants that are in use
 * @warn_at: jiffies when it is time to complain about that; zero: done
 * @held: channels whose memory a peer may still read
 * @node: entry in the list of exports that others are compared with
 * @ends: being revoked: it has only what the peer may still map
 * @fence: as one who reads our memory
 * @stop: while it is made: give up when this becomes true
 */
struct fido_export {
	domid_t owner;
	domid_t reader;
	u64 nr_frames;
	unsigned long nr_leaves;
	unsigned long nr_granted;
	struct fido_root *root;
	u32 *mid[FIDO_ROOT_MIDS];
	u32 **leaf;
	unsigned long **frame;
	struct list_head quarantine;
	unsigned long warn_at;
	struct list_head held;
	struct list_head node;
	bool ends;
	struct fido_fence_reader fence;
	const bool *stop;
};

static DEFINE_MUTEX(exports_lock);	/* guards exports_list; one is filled */
static LIST_HEAD(exports_list);		/* what is filled, until it is freed */

static DEFINE_MUTEX(quarantine_lock);	/* guards what follows */
static LIST_HEAD(quarantine_list);
static unsigned long quarantine_period;	/* of looking, in jiffies */

static void quarantine_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(quarantine_work, quarantine_work_fn);

/* End of guest-physical RAM; max_pfn is not exported to modules. */
static u64 export_end_of_ram(void)
{
	u64 end = 0;
	int nid;

	for_each_online_node(nid)
		end = max_t(u64, end, node_end_pfn(nid));
	return end;
}

/*
 * The machine frame that backs a guest frame, or INVALID_P2M_ENTRY if it is
 * not this domain's own memory (ballooned out, a foreign page, an I/O hole).
 */
static unsigned long export_machine_frame(unsigned long pfn)
{
	unsigned long mfn;

	if (!xen_pv_domain())
		return pfn;
	mfn = __pfn_to_mfn(pfn);
	if (mfn & (FOREIGN_FRAME_BIT | IDENTITY_FRAME_BIT))
		return INVALID_P2M_ENTRY;
	return mfn;
}

static bool export_wanted(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	/* what the balloon driver holds is offline */
	return page && !PageReserved(page) && !PageOffline(page) &&
	       export_machine_frame(pfn) != INVALID_P2M_ENTRY;
}

static u32 export_entry_ref(u32 entry)
{
	return entry & ~FIDO_REF_NO_FORWARD;
}

static u32 export_ref(const struct fido_export *export, u64 frame)
{
	const u32 *leaf;

	if (frame >= export->nr_frames)
		return 0;
	leaf = export->leaf[frame >> FIDO_LEAF_SHIFT];
	if (!leaf)
		return 0;
	return export_entry_ref(READ_ONCE(leaf[frame &
					       (FIDO_LEAF_FRAMES - 1)]));
}

/* Is this the memory that was granted? */
static bool export_shows(const struct fido_export *export, u64 frame,
			 unsigned long machine_frame)
{
	const unsigned long *frames = export->frame[frame >> FIDO_LEAF_SHIFT];

	return !frames ||
	       frames[frame & (FIDO_LEAF_FRAMES - 1)] == machine_frame;
}

static u32 export_ref_of(const struct fido_export *export, void *table)
{
	return export_ref(export, page_to_pfn(virt_to_page(table)));
}

static void *export_table_page(void)
{
	return (void *)get_zeroed_page(GFP_KERNEL);
}

static void export_table_free(void *table)
{
	free_page((unsigned long)table);
}

static int export_alloc_leaf(struct fido_export *export, unsigned long leaf)
{
	u32 **mid = &export->mid[leaf / FIDO_REFS_PER_PAGE];

	if (!*mid)
		*mid = export_table_page();
	export->leaf[leaf] = export_table_page();
	if (!*mid || !export->leaf[leaf])
		return -ENOMEM;
	if (!xen_pv_domain())
		return 0;
	export->frame[leaf] = kcalloc(FIDO_LEAF_FRAMES,
				      sizeof(**export->frame), GFP_KERNEL);
	return export->frame[leaf] ? 0 : -ENOMEM;
}

static unsigned long export_count_leaf(u64 first)
{
	unsigned long nr = 0;
	u64 pfn;

	for (pfn = first; pfn < first + FIDO_LEAF_FRAMES; pfn++)
		nr += export_wanted(pfn);
	return nr;
}

/* Allocate the table. Returns the number of pages that are to be granted. */
static long export_alloc_table(struct fido_export *export)
{
	unsigned long leaf, nr, sum = 0;
	int err;

	for (leaf = 0; leaf < export->nr_leaves; leaf++) {
		if (READ_ONCE(*export->stop))
			return -EINTR;
		nr = export_count_leaf((u64)leaf << FIDO_LEAF_SHIFT);
		if (!nr)
			continue;
		err = export_alloc_leaf(export, leaf);
		if (err)
			return err;
		sum += nr;
		cond_resched();
	}
	return sum;
}

static void export_free_table(struct fido_export *export)
{
	unsigned long i;

	for (i = 0; i < export->nr_leaves; i++) {
		export_table_free(export->leaf[i]);
		kfree(export->frame[i]);
	}
	for (i = 0; i < FIDO_ROOT_MIDS; i++)
		export_table_free(export->mid[i]);
	export_table_free(export->root);
}

static void export_no_grants(const struct fido_export *export,
			     unsigned long pages)
{
	unsigned long frames = DIV_ROUND_UP(pages, GRANTS_PER_FRAME) + 64;

	if (xen_initial_domain())
		fido_err("grant table too small to export %lu MiB to domain %u: boot Xen with gnttab_max_frames=%lu or more for each peer (now %u)\n",
			 pages >> (20 - PAGE_SHIFT), export->reader, frames,
			 gnttab_max_grant_frames());
	else
		fido_err("grant table too small to export %lu MiB to domain %u: set max_grant_frames=%lu for each peer in xl.cfg (now %u)\n",
			 pages >> (20 - PAGE_SHIFT), export->reader, frames,
			 gnttab_max_grant_frames());
}

/*
 * Of an export that is being revoked only what is left matters: a peer that
 * hangs may still read there.
 */
static bool export_agrees(const struct fido_export *export, u64 frame,
			  unsigned long machine_frame)
{
	if (export_ref(export, frame))
		return export_shows(export, frame, machine_frame);
	return READ_ONCE(export->ends);
}

/* Do the readers of all other exports see the same? */
static bool exports_agree(u64 frame, unsigned long machine_frame)
{
	const struct fido_export *export;

	list_for_each_entry(export, &exports_list, node)
		if (!export_agrees(export, frame, machine_frame))
			return false;
	return true;
}

static void export_grant_frame(struct fido_export *export, u64 frame,
			       grant_ref_t ref)
{
	unsigned long machine_frame = export_machine_frame(frame);
	unsigned long leaf = frame >> FIDO_LEAF_SHIFT;
	unsigned int i = frame & (FIDO_LEAF_FRAMES - 1);

	if (export->frame[leaf])
		export->frame[leaf][i] = machine_frame;
	gnttab_grant_foreign_access_ref(ref, export->reader, machine_frame,
					1 /* readonly */);
	export->leaf[leaf][i] = exports_agree(frame, machine_frame) ?
				ref : ref | FIDO_REF_NO_FORWARD;
	export->nr_granted++;
}

/* Grant the pages of one leaf; @head is a private list of free references. */
static void export_grant_leaf(struct fido_export *export, unsigned long leaf,
			      grant_ref_t *head)
{
	u64 first = (u64)leaf << FIDO_LEAF_SHIFT;
	unsigned int i;
	int ref;

	for (i = 0; i < FIDO_LEAF_FRAMES; i++) {
		if (!export_wanted(first + i))
			continue;
		ref = gnttab_claim_grant_reference(head);
		if (ref < 0)
			return;		/* RAM grew meanwhile: not exported */
		export_grant_frame(export, first + i, ref);
	}
}

static int export_grant_all(struct fido_export *export)
{
	unsigned long leaf, nr;
	grant_ref_t head;
	int err;

	for (leaf = 0; leaf < export->nr_leaves; leaf++) {
		if (READ_ONCE(*export->stop))
			return -EINTR;
		if (!export->leaf[leaf])
			continue;
		/* in pieces: the count is a u16 */
		nr = export_count_leaf((u64)leaf << FIDO_LEAF_SHIFT);
		if (!nr)
			continue;
		err = gnttab_alloc_grant_references(nr, &head);
		if (err)
			return -ENOSPC;
		export_grant_leaf(export, leaf, &head);
		gnttab_free_grant_references(head);
		cond_resched();
	}
	return 0;
}

/* One export at a time: of any two, the newer is compared with the older. */
static int export_grant(struct fido_export *export)
{
	int err;

	mutex_lock(&exports_lock);
	err = export_grant_all(export);
	if (!err)
		list_add(&export->node, &exports_list);
	mutex_unlock(&exports_lock);
	return err;
}

static int export_link_table(struct fido_export *export)
{
	unsigned long i;
	u32 *mid;

	for (i = 0; i < export->nr_leaves; i++) {
		if (!export->leaf[i])
			continue;
		mid = export->mid[i / FIDO_REFS_PER_PAGE];
		mid[i % FIDO_REFS_PER_PAGE] =
			export_ref_of(export, export->leaf[i]);
		if (!mid[i % FIDO_REFS_PER_PAGE])
			return -EAGAIN;
	}
	for (i = 0; i < FIDO_ROOT_MIDS; i++) {
		if (!export->mid[i])
			continue;
		export->root->mid[i] = export_ref_of(export, export->mid[i]);
		if (!export->root->mid[i])
			return -EAGAIN;
	}
	return fido_export_root_ref(export) ? 0 : -EAGAIN;
}

/* Revoke what can be revoked. Returns the number of grants still in use. */
static unsigned long export_revoke(struct fido_export *export)
{
	unsigned long leaf;
	unsigned int i;
	u32 ref;

	for (leaf = 0; leaf < export->nr_leaves; leaf++) {
		for (i = 0; export->leaf[leaf] && i < FIDO_LEAF_FRAMES; i++) {
			ref = export_entry_ref(export->leaf[leaf][i]);
			if (!ref || !gnttab_try_end_foreign_access(ref))
				continue;
			WRITE_ONCE(export->leaf[leaf][i], 0);
			export->nr_granted--;
		}
		cond_resched();
	}
	return export->nr_granted;
}

static void export_init_root(struct fido_export *export)
{
	struct fido_root *root = export->root;
	unsigned int i;

	root->magic = FIDO_ROOT_MAGIC;
	root->version = FIDO_PROTO_VERSION;
	root->domid = export->owner;
	root->nr_frames = export->nr_frames;
	for (i = 0; i < FIDO_MAX_PEERS; i++) {
		root->readers[i] = FIDO_NO_DOMAIN;
		root->windows[i] = FIDO_NO_DOMAIN;
	}
}

static struct fido_export *export_alloc(domid_t owner, domid_t reader)
{
	struct fido_export *export = kzalloc(sizeof(*export), GFP_KERNEL);

	if (!export)
		return NULL;
	export->owner = owner;
	export->reader = reader;
	export->nr_frames = min_t(u64, export_end_of_ram(),
				  FIDO_ROOT_MIDS * REFS_PER_MID);
	export->nr_leaves = DIV_ROUND_UP_ULL(export->nr_frames,
					     FIDO_LEAF_FRAMES);
	INIT_LIST_HEAD(&export->held);
	INIT_LIST_HEAD(&export->node);
	INIT_LIST_HEAD(&export->fence.node);
	export->leaf = vcalloc(export->nr_leaves, sizeof(*export->leaf));
	export->frame = vcalloc(export->nr_leaves, sizeof(*export->frame));
	export->root = export_table_page();
	if (export->leaf && export->frame && export->root)
		return export;
	vfree(export->leaf);
	vfree(export->frame);
	export_table_free(export->root);
	kfree(export);
	return NULL;
}

static void export_free(struct fido_export *export)
{
	mutex_lock(&exports_lock);
	list_del(&export->node);
	mutex_unlock(&exports_lock);
	fido_fence_del(&export->fence, &export->held);
	export_free_table(export);
	vfree(export->leaf);
	vfree(export->frame);
	kfree(export);
}

/**
 * fido_export_create - grant this domain's memory to a peer
 * @owner: this domain
 * @reader: the peer
 * @stop: when this becomes true, give up
 *
 * Context: process, sleeps.
 * Return: the export, or an ERR_PTR: -ENOSPC if the grant table is too small
 * (the line to put into xl.cfg is logged), -EINTR, -ENOMEM.
 */
struct fido_export *fido_export_create(domid_t owner, domid_t reader,
				       const bool *stop)
{
	struct fido_export *export = export_alloc(owner, reader);
	long pages;
	int err;

	if (!export)
		return ERR_PTR(-ENOMEM);

	export->stop = stop;
	pages = export_alloc_table(export);
	if (pages < 0) {
		err = pages;
		goto err_destroy;
	}
	export_init_root(export);
	err = export_grant(export);
	if (err == -ENOSPC)
		export_no_grants(export, pages);
	if (err)
		goto err_destroy;
	err = export_link_table(export);
	if (err)
		goto err_destroy;
	fido_fence_add(&export->fence, reader);
	return export;

err_destroy:
	fido_export_destroy(export, NULL);
	return ERR_PTR(err);
}

/* Does away with an export. Returns false if the peer still maps a part. */
static bool export_try_free(struct fido_export *export)
{
	if (export_revoke(export))
		return false;
	export_free(export);
	return true;
}

static void quarantine_complain(struct fido_export *export)
{
	if (!export->warn_at || time_before(jiffies, export->warn_at))
		return;
	export->warn_at = 0;
	fido_warn("domain %u still maps %lu pages of ours: trying again until it lets go\n",
		  export->reader, export->nr_granted);
}

/* Returns the number of grants that were revoked. */
static unsigned long quarantine_try(void)
{
	struct fido_export *export, *next;
	unsigned long sum = 0, nr;

	list_for_each_entry_safe(export, next, &quarantine_list, quarantine) {
		list_del(&export->quarantine);
		nr = export->nr_granted;
		if (export_try_free(export)) {
			sum += nr;
			continue;
		}
		sum += nr - export->nr_granted;
		quarantine_complain(export);
		list_add(&export->quarantine, &quarantine_list);
	}
	return sum;
}

/* All tables are looked through each time: later and later, if for nothing. */
static void quarantine_work_fn(struct work_struct *work)
{
	mutex_lock(&quarantine_lock);
	quarantine_period = quarantine_try() ? QUARANTINE_MIN_PERIOD :
			    min_t(unsigned long, 2 * quarantine_period,
				  QUARANTINE_MAX_PERIOD);
	if (!list_empty(&quarantine_list))
		queue_delayed_work(fido_held_wq, &quarantine_work,
				   quarantine_period);
	mutex_unlock(&quarantine_lock);
}

/**
 * fido_export_destroy - revoke all grants of an export
 * @export: export; gone afterwards for the caller
 * @held: channels whose memory the peer may still read, or NULL; emptied
 *
 * What the peer still maps goes into quarantine, with @held.
 *
 * Context: process, sleeps.
 */
void fido_export_destroy(struct fido_export *export, struct list_head *held)
{
	WRITE_ONCE(export->ends, true);
	if (held)
		list_splice_init(held, &export->held);
	if (export_try_free(export))
		return;

	export->warn_at = jiffies + QUARANTINE_WARN_SECS * HZ;
	mutex_lock(&quarantine_lock);
	list_add(&export->quarantine, &quarantine_list);
	quarantine_period = QUARANTINE_MIN_PERIOD;
	mod_delayed_work(fido_held_wq, &quarantine_work, quarantine_period);
	mutex_unlock(&quarantine_lock);
}

/**
 * fido_quarantine_grants - how many grants could not be revoked so far?
 *
 * Context: process, sleeps.
 * Return: number of grants.
 */
unsigned long fido_quarantine_grants(void)
{
	struct fido_export *export;
	unsigned long nr = 0;

	mutex_lock(&quarantine_lock);
	list_for_each_entry(export, &quarantine_list, quarantine)
		nr += export->nr_granted;
	mutex_unlock(&quarantine_lock);
	return nr;
}

/*
 * Let the kernel end a grant. It wants a page to free afterwards; the granted
 * page itself is not ours to free, so it gets a reference to the table's page.
 */
static void quarantine_hand_over(struct fido_export *export,
				 unsigned long leaf, unsigned int i)
{
	struct page *table = virt_to_page(export->leaf[leaf]);

	get_page(table);
	gnttab_end_foreign_access(export_entry_ref(export->leaf[leaf][i]),
				  table);
}

/*
 * The module goes, the peer still maps pages. The kernel keeps trying to end
 * the grants. The tables and the memory in flight stay allocated: a page that
 * somebody may still be reading is not reused.
 */
static void quarantine_leave(struct fido_export *export)
{
	unsigned long leaf;
	unsigned int i;

	fido_warn("unloading while domain %u maps %lu pages of ours\n",
		  export->reader, export->nr_granted);
	for (leaf = 0; leaf < export->nr_leaves; leaf++)
		for (i = 0; export->leaf[leaf] && i < FIDO_LEAF_FRAMES; i++)
			if (export->leaf[leaf][i])
				quarantine_hand_over(export, leaf, i);
}

/**
 * fido_quarantine_of - how many exports to a peer wait to be revoked?
 * @reader: the peer
 *
 * Context: process, sleeps.
 * Return: number of exports.
 */
unsigned int fido_quarantine_of(domid_t reader)
{
	struct fido_export *export;
	unsigned int nr = 0;

	mutex_lock(&quarantine_lock);
	list_for_each_entry(export, &quarantine_list, quarantine)
		nr += export->reader == reader;
	mutex_unlock(&quarantine_lock);
	return nr;
}

/**
 * fido_quarantine_exit - last attempts, at module unload
 *
 * Ends when the peers have unmapped everything, or after ten seconds.
 *
 * Context: process, sleeps.
 */
void fido_quarantine_exit(void)
{
	struct fido_export *export, *next;
	unsigned int tries;

	for (tries = 0; tries < EXIT_TRIES && fido_quarantine_grants();
	     tries++) {
		mod_delayed_work(fido_held_wq, &quarantine_work, 0);
		flush_delayed_work(&quarantine_work);
		msleep(EXIT_TRY_MSECS);
	}
	cancel_delayed_work_sync(&quarantine_work);
	list_for_each_entry_safe(export, next, &quarantine_list, quarantine) {
		list_del(&export->quarantine);
		if (!export_try_free(export))
			quarantine_leave(export);
	}
}

/**
 * fido_export_root - the root page, which this side writes
 * @export: export
 *
 * Return: address of the page.
 */
struct fido_root *fido_export_root(struct fido_export *export)
{
	return export->root;
}

/**
 * fido_export_root_ref - what the peer needs to map the root page
 * @export: export
 *
 * Return: grant reference.
 */
grant_ref_t fido_export_root_ref(const struct fido_export *export)
{
	return export_ref_of(export, export->root);
}

/**
 * fido_export_domid - whose memory is it?
 * @export: export
 *
 * Return: this domain's id.
 */
domid_t fido_export_domid(const struct fido_export *export)
{
	return export->owner;
}

/**
 * fido_export_reader - the one who reads it
 * @export: export
 *
 * Return: what fence.c knows of the reader.
 */
struct fido_fence_reader *fido_export_reader(struct fido_export *export)
{
	return &export->fence;
}

/* Is the frame granted, and is it still the memory that was granted? */
static bool export_has_frame(const struct fido_export *export, u64 frame)
{
	return export_ref(export, frame) &&
	       export_shows(export, frame, export_machine_frame(frame));
}

/**
 * fido_export_has - does the peer see what we see in these pages?
 * @export: export
 * @page: first page
 * @nr: number of consecutive pages
 *
 * False for pages that were not RAM when the export was made, for foreign
 * pages, and for those that went through the balloon since: the same guest
 * frame has another machine frame then, and the peer would read the old one.
 *
 * Context: any.
 * Return: true if a pointer to the pages may leave.
 */
bool fido_export_has(const struct fido_export *export, struct page *page,
		     unsigned int nr)
{
	u64 frame = page_to_pfn(page);

	while (nr--)
		if (!export_has_frame(export, frame++))
			return false;
	return true;
}
