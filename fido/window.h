/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Window: a peer's memory, mapped read-only, each page with a struct page.
 */
#ifndef FIDO_WINDOW_H
#define FIDO_WINDOW_H

#include <linux/list.h>
#include <linux/types.h>
#include <xen/grant_table.h>

#include "addr.h"
#include "fido_proto.h"
#include "peer.h"

struct fido_drain;
struct page;

/**
 * struct fido_window - memory of a peer
 * @owner: the peer
 * @map: where its frames are found; NULL entries for what is not mapped
 * @nr: entries in @page, @frame and @handle
 * @nr_mapped: how many of them are mapped
 * @page: struct pages in ascending order
 * @frame: the owner's frame numbers, ascending too
 * @handle: grant handles, INVALID_GRANT_HANDLE where there is none
 * @kept: one bit for each page that was not given back yet
 * @no_forward: one bit for each page that the owner's other readers may see
 *	differently
 * @root_page: the owner's root page, mapped on its own
 * @root_handle: its handle
 * @node: entry in the list of all windows; read under RCU
 * @index: of the link that has, or had, the window
 * @givers: links, by index, whose peers have named pages of this window, which
 *	are not theirs; never cleared
 * @drains: parts of drains that look at this window; guarded by the lock of the
 *	list of all windows
 * @drain: of a window that is being unmapped: what else its owner named, or
 *	NULL
 * @abandoned: entry in the list of windows that only wait to be unmapped
 * @is_abandoned: it is, or was, in that list
 */
struct fido_window {
	domid_t owner;
	struct fido_map map;
	unsigned long nr;
	unsigned long nr_mapped;
	struct page **page;
	u64 *frame;
	grant_handle_t *handle;
	unsigned long *kept;
	unsigned long *no_forward;
	struct page *root_page;
	grant_handle_t root_handle;
	struct list_head node;
	unsigned int index;
	unsigned long givers;
	struct list_head drains;
	struct fido_drain *drain;
	struct list_head abandoned;
	bool is_abandoned;
};

struct fido_window *fido_window_create(domid_t owner, grant_ref_t root_ref,
				       const bool *stop);
unsigned long fido_window_shrink(struct fido_window *window);

domid_t fido_window_owner(const struct fido_window *window);
const struct fido_root __peer *
fido_window_root(const struct fido_window *window);
const struct fido_map *fido_window_map(const struct fido_window *window);
void fido_window_note_giver(struct fido_window *window, unsigned int index);
bool fido_window_is_given(const struct fido_window *window,
			  const struct fido_window *giver);
bool fido_window_uses(const struct fido_window *window, unsigned long index);
unsigned long fido_window_pages(const struct fido_window *window);
unsigned long fido_window_unforwarded(const struct fido_window *window);
unsigned long fido_window_index(const struct fido_window *window,
				const struct page *page);
bool fido_window_frame(const struct fido_window *window,
		       const struct page *page, u64 *frame);
const void __peer *fido_window_peek(const struct fido_window *window, u64 phys,
				    u32 len);

/* windows.c */
void fido_windows_lock(void);
void fido_windows_unlock(void);
struct list_head *fido_windows(void);
void fido_window_enlist(struct fido_window *window);
void fido_window_delist(struct fido_window *window);
void fido_window_abandon(struct fido_window *window);
unsigned int fido_windows_abandoned(u32 owner);
void fido_windows_exit(void);

#endif /* FIDO_WINDOW_H */
