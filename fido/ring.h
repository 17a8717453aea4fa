/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rings of a channel: the data structure alone, without memory management,
 * events or Linux objects. Also compiled in user space, see tests/unit.
 */
#ifndef FIDO_RING_H
#define FIDO_RING_H

#include <linux/types.h>

#include "fido_proto.h"
#include "peer.h"

/**
 * struct fido_ring_geom - geometry, the same on both sides
 * @nr_slots: see struct fido_chan_ctl
 * @slot_size: see struct fido_chan_ctl
 * @nr_ids: see struct fido_chan_ctl
 */
struct fido_ring_geom {
	u32 nr_slots;
	u32 slot_size;
	u32 nr_ids;
};

/**
 * struct fido_ring - one side's view of a channel
 * @geom: geometry; private, so that a peer cannot change it
 * @slot_shift: log2 of the slots in a page
 * @mine: control page that this side writes
 * @theirs: control page that the peer writes; NULL until connected
 * @slot_page: pages with the slots that this side fills
 * @rel_page: pages of the release ring that this side fills
 * @peer_slot_page: the same of the peer
 * @peer_rel_page: the same of the peer
 * @broken: why the peer is no longer believed; NULL while it is
 *
 * @prod: next slot to fill; tx context
 * @prod_published: value of mine->prod; tx context
 * @cons_seen: latest valid value of theirs->cons; tx context
 * @free_tail: next entry of @free_id to take; tx context
 * @free_head: next entry of @free_id to fill; reap context
 * @rel_seen: latest valid value of theirs->rel_prod; reap context
 * @rel_cons: next entry of the peer's release ring to read; reap context
 * @cons: next slot of the peer to read; rx context
 * @cons_published: value of mine->cons; rx context
 * @prod_seen: latest valid value of theirs->prod; rx context
 * @rel_prod: next entry of the release ring to fill; rx context
 * @rel_published: value of mine->rel_prod; rx context
 * @free_id: ring of ids that are free, filled by reap, emptied by tx
 * @cookie: by id: what is in flight, NULL if nothing is
 */
struct fido_ring {
	struct fido_ring_geom geom;
	u32 slot_shift;
	struct fido_chan_ctl *mine;
	const struct fido_chan_ctl __peer *theirs;
	void **slot_page;
	u32 **rel_page;
	const void __peer **peer_slot_page;
	const u32 __peer **peer_rel_page;
	const char *broken;

	u32 prod ____cacheline_aligned;
	u32 prod_published;
	u32 cons_seen;
	u32 free_tail;

	u32 free_head ____cacheline_aligned;
	u32 rel_seen;
	u32 rel_cons;

	u32 cons ____cacheline_aligned;
	u32 cons_published;
	u32 prod_seen;
	u32 rel_prod;
	u32 rel_published;

	u32 *free_id;
	void **cookie;
};

/* What fido_ring_pull() returns besides a length */
#define FIDO_RING_EMPTY		(-EAGAIN)
#define FIDO_RING_BROKEN	(-EPROTO)

bool fido_ring_geom_valid(const struct fido_ring_geom *geom);
u32 fido_ring_slot_pages(const struct fido_ring_geom *geom);
u32 fido_ring_rel_pages(const struct fido_ring_geom *geom);
void fido_ring_init(struct fido_ring *ring);
void fido_ring_break(struct fido_ring *ring, const char *why);
bool fido_ring_is_broken(const struct fido_ring *ring);

u32 fido_ring_room(struct fido_ring *ring);
void *fido_ring_slot(struct fido_ring *ring);
u32 fido_ring_take_id(struct fido_ring *ring);
void fido_ring_cancel_id(struct fido_ring *ring, u32 id);
void fido_ring_push(struct fido_ring *ring, u16 len, u32 id, void *cookie);
bool fido_ring_publish(struct fido_ring *ring);
bool fido_ring_arm_space(struct fido_ring *ring, u32 nr);
u32 fido_ring_in_flight(const struct fido_ring *ring);

void *fido_ring_reap(struct fido_ring *ring);
bool fido_ring_arm_release(struct fido_ring *ring, u32 nr);
void *fido_ring_steal(struct fido_ring *ring, u32 id);

int fido_ring_pull(struct fido_ring *ring, void *buf, u32 size, u32 *id);
bool fido_ring_done(struct fido_ring *ring);
bool fido_ring_arm(struct fido_ring *ring, u32 nr);
void fido_ring_disarm(struct fido_ring *ring);
bool fido_ring_wants(const struct fido_ring *ring, u32 nr);
bool fido_ring_watch(struct fido_ring *ring, u32 nr);
bool fido_ring_waiting(const struct fido_ring *ring);
bool fido_ring_unwatch(struct fido_ring *ring, u32 nr);
void fido_ring_release(struct fido_ring *ring, u32 id);
bool fido_ring_release_publish(struct fido_ring *ring);

#endif /* FIDO_RING_H */
