/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FIDO_SEEK_H
#define FIDO_SEEK_H

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/types.h>

struct fido_export;
struct page;

/**
 * struct fido_seek - pages are being looked for that a peer sees
 * @export: by which it sees
 * @gfp: how to get pages, without __GFP_ZERO
 * @zero: they are to be cleared
 * @left: so many that it does not see may still be set aside
 * @reserve: so many of them may come out of the kernel's reserve
 * @aside: those, until fido_seek_end()
 */
struct fido_seek {
	const struct fido_export *export;
	gfp_t gfp;
	bool zero;
	unsigned int left;
	unsigned int reserve;
	struct list_head aside;
};

void fido_seek_begin(struct fido_seek *seek, const struct fido_export *export,
		     gfp_t gfp);
struct page *fido_seek_page(struct fido_seek *seek);
void fido_seek_aside(struct fido_seek *seek, struct page *page);
void fido_seek_end(struct fido_seek *seek);

#endif /* FIDO_SEEK_H */
