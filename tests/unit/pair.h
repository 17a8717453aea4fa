/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two rings that are each other's peer, for the tests.
 *
 * The memory of each side is mapped twice, as on Xen: writable for its owner,
 * read-only for its peer. Each page lies between two inaccessible ones. A
 * side that writes to its peer, or walks over the end of a page, dies.
 */
#ifndef PAIR_H
#define PAIR_H

#include "ring.h"

/**
 * enum pair_view - how a side sees its peer's memory
 * @PAIR_READ_ONLY: in a mapping of its own, read-only
 * @PAIR_SAME: at the same address; for ThreadSanitizer, which compares these
 */
enum pair_view {
	PAIR_READ_ONLY,
	PAIR_SAME,
};

/**
 * struct arena - pages of one side
 * @nr: number of pages
 * @fd: memory file that is mapped twice, -1 if it is mapped once
 * @rw: start of the owner's reservation
 * @ro: start of the peer's
 */
struct arena {
	unsigned int nr;
	int fd;
	unsigned char *rw;
	unsigned char *ro;
};

/**
 * struct side - one side of a channel
 * @ring: under test
 * @mem: what this side writes: control page, slots, release ring
 * @ctl: its control page, writable
 */
struct side {
	struct fido_ring ring;
	struct arena mem;
	struct fido_chan_ctl *ctl;
};

struct pair {
	struct side a;
	struct side b;
};

void pair_init(struct pair *pair, const struct fido_ring_geom *geom,
	       enum pair_view view);
void pair_start_at(struct pair *pair, u32 index);
void pair_reset(struct pair *pair, u32 index);
bool pair_ro_offset(const struct side *side, const void *p,
		    size_t *at);
void pair_hide(struct side *side);
void pair_free(struct pair *pair);
struct fido_slot *side_slot(struct side *side, u32 index);
u32 *side_rel(struct side *side, u32 index);

#endif /* PAIR_H */
