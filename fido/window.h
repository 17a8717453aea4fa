/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Window: a peer's memory, mapped read-only, each page with a struct page.
 */
#ifndef FIDO_WINDOW_H
#define FIDO_WINDOW_H

#include <linux/types.h>
#include <xen/grant_table.h>

#include "addr.h"
#include "fido_proto.h"
#include "peer.h"

struct fido_window;

struct fido_window *fido_window_create(domid_t owner, grant_ref_t root_ref,
				       const bool *stop);
unsigned long fido_window_shrink(struct fido_window *window);
void fido_window_abandon(struct fido_window *window);
unsigned int fido_windows_abandoned(u32 owner);

domid_t fido_window_owner(const struct fido_window *window);
const struct fido_root __peer *
fido_window_root(const struct fido_window *window);
const struct fido_map *fido_window_map(const struct fido_window *window);
unsigned long fido_window_pages(const struct fido_window *window);
bool fido_window_frame(const struct fido_window *window,
		       const struct page *page, u64 *frame);
const void __peer *fido_window_peek(const struct fido_window *window, u64 phys,
				    u32 len);

struct fido_drain *fido_drain_begin(const struct fido_window *window);
bool fido_drain_done(const struct fido_window *window,
		     struct fido_drain *drain);
void fido_drain_end(struct fido_drain *drain);

void fido_windows_exit(void);

#endif /* FIDO_WINDOW_H */
