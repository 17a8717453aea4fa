// SPDX-License-Identifier: GPL-2.0
/*
 * What the peer is shown. fido.ko does not tell its clients where these pages
 * are, and is not changed for the test: they lie in this domain's own memory,
 * and can be found there. The root page is known by its magic number; what hangs
 * from it is looked up as the peer does it, down to a slot of the channel that
 * the core gave us. So a page that only looks like a root page, such as one of
 * an earlier link that is free by now, is not taken for it.
 */
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "fido.h"
#include "shown.h"

static u64 shown_end_of_ram(void)
{
	u64 end = 0;
	int nid;

	for_each_online_node(nid)
		end = max_t(u64, end, node_end_pfn(nid));
	return end;
}

/* A page that somebody has, and that is no hole of the balloon driver. */
static void *shown_page(u64 phys)
{
	struct page *page = pfn_to_online_page(phys >> PAGE_SHIFT);

	if (!page || PageReserved(page) || PageOffline(page) ||
	    !page_count(page))
		return NULL;
	return page_address(page);
}

/* Anything may be there, also nothing at all. */
static bool shown_copy(u64 phys, void *to, size_t len)
{
	void *page = shown_page(phys);

	return page && !copy_from_kernel_nofault(to, page + offset_in_page(phys),
						 len);
}

static bool shown_ctl(struct liar_shown *shown, u64 phys, u64 slot_page)
{
	u32 magic;
	u64 first;

	if (!shown_copy(phys + offsetof(struct fido_chan_ctl, magic), &magic,
			sizeof(magic)) ||
	    !shown_copy(phys + offsetof(struct fido_chan_ctl, slot_page),
			&first, sizeof(first)))
		return false;
	shown->ctl = phys_to_virt(phys);
	return magic == FIDO_CHAN_MAGIC && first == slot_page;
}

static bool shown_table(struct liar_shown *shown, u64 phys, u64 slot_page)
{
	u64 ctl;

	if (offset_in_page(phys) || !shown_copy(phys, &ctl, sizeof(ctl)) ||
	    offset_in_page(ctl))
		return false;
	shown->table = phys_to_virt(phys);
	return shown_ctl(shown, ctl, slot_page);
}

/* Is this the root page, and is our channel the service's? */
static bool shown_root(struct liar_shown *shown, u64 phys, unsigned int sid,
		       u64 slot_page)
{
	struct fido_service_entry entry;
	u32 head[2];

	if (!shown_copy(phys, head, sizeof(head)) ||
	    head[0] != FIDO_ROOT_MAGIC || head[1] != FIDO_PROTO_VERSION ||
	    !shown_copy(phys + offsetof(struct fido_root, service[sid]),
			&entry, sizeof(entry)) ||
	    !entry.gen)
		return false;
	shown->root = phys_to_virt(phys);
	shown->entry = &shown->root->service[sid];
	return shown_table(shown, entry.chan_table, slot_page);
}

/**
 * liar_shown_find - find what the peer reads of a service
 * @shown: gets the addresses
 * @chan: channel 0 of the service, nothing sent yet
 * @sid: service id
 *
 * Context: process, in ->up(): the offer is complete.
 * Return: 0 or -ENOENT.
 */
int liar_shown_find(struct liar_shown *shown, struct fido_chan *chan,
		    unsigned int sid)
{
	void *slot = fido_tx_slot(chan);
	u64 pfn, slot_page;

	if (!slot || sid >= FIDO_MAX_SERVICES)
		return -ENOENT;
	slot_page = virt_to_phys(slot) & PAGE_MASK;
	for (pfn = 0; pfn < shown_end_of_ram(); pfn++) {
		if (shown_root(shown, pfn << PAGE_SHIFT, sid, slot_page))
			return 0;
		cond_resched();
	}
	memset(shown, 0, sizeof(*shown));
	return -ENOENT;
}

/**
 * liar_shown_release - the entry of the release ring that was written last
 * @shown: what was found
 *
 * Return: its address; NULL if the control page says nonsense, as we may have
 * written that.
 */
u32 *liar_shown_release(const struct liar_shown *shown)
{
	u32 per_page = FIDO_PAGE_SIZE / sizeof(u32), last;
	const struct fido_chan_ctl *ctl = shown->ctl;
	u32 *page;

	if (!ctl->nr_ids || ctl->nr_ids > FIDO_MAX_IDS)
		return NULL;
	last = (ctl->rel_prod - 1) % ctl->nr_ids;
	page = shown_page(ctl->rel_page[last / per_page]);
	return page ? &page[last % per_page] : NULL;
}
