// SPDX-License-Identifier: GPL-2.0
/*
 * Harness for the model checker CBMC: fido/ring.c itself, against a peer whose
 * memory holds anything and changes directly after each look.
 *
 * By induction: a ring in any state that the invariant allows, of which
 * fido_ring_init() makes one, goes through one call of any function. Then the
 * invariant must hold again, whatever the peer's memory held. So it holds after
 * any number of calls. CBMC checks each access on the way for its bounds, and
 * that no loop runs longer than the unwinding allows.
 *
 * If the ring is broken, the pointers to the peer's memory lead nowhere: from
 * then on nobody may look.
 *
 * Bounds: one geometry at a time, NR_SLOTS, SLOT_SIZE, NR_IDS; contexts one
 * after the other. What the caller guarantees, as the headers tell: a slot is
 * pushed that fido_ring_slot() has returned, with an id of fido_ring_take_id().
 */
#include <linux/types.h>

#include "cbmc.h"
#include "ring.h"

#ifndef NR_SLOTS
#define NR_SLOTS	4
#endif
#ifndef SLOT_SIZE
#define SLOT_SIZE	64
#endif
#ifndef NR_IDS
#define NR_IDS		4
#endif

#define SLOT_BYTES	(NR_SLOTS * SLOT_SIZE)
#define NR_PAGES	DIV_ROUND_UP(SLOT_BYTES, FIDO_PAGE_SIZE)
/* as large as what is used of a page, so that its end is the end */
#define PAGE_BYTES	(SLOT_BYTES / NR_PAGES)

static struct fido_ring ring;
static struct fido_chan_ctl mine, theirs;
static u8 slots[NR_PAGES][PAGE_BYTES], peer_slots[NR_PAGES][PAGE_BYTES];
static u32 rels[NR_IDS], peer_rels[NR_IDS];
static void *slot_page[NR_PAGES];
static const void *peer_slot_page[NR_PAGES];
static u32 *rel_page[1];
static const u32 *peer_rel_page[1];
static u32 free_id[NR_IDS];
static void *cookie[NR_IDS];
static char anything[NR_IDS];

static void any_peer(void)
{
	u32 i;

	theirs.prod = nondet_uint();
	theirs.space_event = nondet_uint();
	theirs.rel_event = nondet_uint();
	theirs.cons = nondet_uint();
	theirs.prod_event = nondet_uint();
	theirs.rel_prod = nondet_uint();
	for (i = 0; i < NR_IDS; i++)
		peer_rels[i] = nondet_uint();
}

/* Called after each read: what was read is something else from now on. */
void shim_watch(const void *p, size_t len)
{
	if (__CPROVER_same_object(p, &theirs) ||
	    __CPROVER_same_object(p, peer_rels))
		any_peer();
}

/* Slots of the peer hold anything: so does each copy of one. */
void *(memcpy)(void *to, const void *from, size_t len)
{
	__CPROVER_assert(__CPROVER_r_ok(from, len), "copy from what is there");
	__CPROVER_assert(__CPROVER_w_ok(to, len), "copy to what is there");
	__CPROVER_havoc_object(to);
	return to;
}

static bool id_is_free(u32 id)
{
	u32 i;

	for (i = 0; i < NR_IDS; i++)
		if (i < ring.free_head - ring.free_tail &&
		    free_id[(ring.free_tail + i) & (NR_IDS - 1)] == id)
			return true;
	return false;
}

/* Ids that are free: below nr_ids, each once, with nothing in flight. */
static bool ids_valid(void)
{
	u32 nr = ring.free_head - ring.free_tail, i, j;

	if (nr > NR_IDS)
		return false;
	for (i = 0; i < NR_IDS; i++) {
		u32 id = free_id[(ring.free_tail + i) & (NR_IDS - 1)];

		if (i >= nr)
			break;
		if (id >= NR_IDS || cookie[id])
			return false;
		for (j = 0; j < i; j++)
			if (free_id[(ring.free_tail + j) & (NR_IDS - 1)] == id)
				return false;
	}
	return true;
}

/* What holds between any two calls. */
static bool invariant(void)
{
	return ring.prod - ring.cons_seen <= NR_SLOTS &&
	       ring.prod - ring.prod_published <= ring.prod - ring.cons_seen &&
	       ring.prod_seen - ring.cons <= NR_SLOTS &&
	       ring.rel_seen - ring.rel_cons <= NR_IDS &&
	       mine.prod == ring.prod_published &&
	       mine.cons == ring.cons_published &&
	       mine.rel_prod == ring.rel_published &&
	       ids_valid();
}

static void ring_connect(void)
{
	u32 i;

	ring.geom.nr_slots = NR_SLOTS;
	ring.geom.slot_size = SLOT_SIZE;
	ring.geom.nr_ids = NR_IDS;
	ring.mine = &mine;
	ring.slot_page = slot_page;
	ring.rel_page = rel_page;
	ring.peer_slot_page = peer_slot_page;
	ring.peer_rel_page = peer_rel_page;
	ring.free_id = free_id;
	ring.cookie = cookie;
	rel_page[0] = rels;
	for (i = 0; i < NR_PAGES; i++)
		slot_page[i] = slots[i];
	if (ring.broken)
		return;
	ring.theirs = &theirs;
	peer_rel_page[0] = peer_rels;
	for (i = 0; i < NR_PAGES; i++)
		peer_slot_page[i] = peer_slots[i];
}

/* The first state is one of those. */
static void prove_init(void)
{
	ring_connect();
	__CPROVER_assert(fido_ring_geom_valid(&ring.geom), "geometry is allowed");
	fido_ring_init(&ring);
	__CPROVER_assert(invariant(), "invariant after init");
}

/* Any state that the invariant allows. */
static void any_state(void)
{
	u32 i;

	any_peer();
	mine.prod = nondet_uint();
	mine.cons = nondet_uint();
	mine.rel_prod = nondet_uint();
	mine.prod_event = nondet_uint();
	ring.prod = nondet_uint();
	ring.prod_published = nondet_uint();
	ring.cons_seen = nondet_uint();
	ring.free_tail = nondet_uint();
	ring.free_head = nondet_uint();
	ring.rel_seen = nondet_uint();
	ring.rel_cons = nondet_uint();
	ring.cons = nondet_uint();
	ring.cons_published = nondet_uint();
	ring.prod_seen = nondet_uint();
	ring.rel_prod = nondet_uint();
	ring.rel_published = nondet_uint();
	for (i = 0; i < NR_IDS; i++) {
		free_id[i] = nondet_uint();
		cookie[i] = nondet_bool() ? &anything[i] : NULL;
	}
	ring.broken = nondet_bool() ? "before" : NULL;
	ring.slot_shift = ilog2(FIDO_PAGE_SIZE / SLOT_SIZE);
	ring_connect();
	__CPROVER_assume(invariant());
}

static void push(void)
{
	u32 id = nondet_bool() ? fido_ring_take_id(&ring) : FIDO_ID_NONE;
	void *slot;

	if (id != FIDO_ID_NONE) {
		__CPROVER_assert(id < NR_IDS && !cookie[id] && !id_is_free(id),
				 "the id was free");
		if (nondet_bool())
			return fido_ring_cancel_id(&ring, id);
	}
	slot = fido_ring_slot(&ring);
	if (!slot) {
		if (id != FIDO_ID_NONE)
			fido_ring_cancel_id(&ring, id);
		return;
	}
	__CPROVER_assert(__CPROVER_w_ok(slot, SLOT_SIZE - sizeof(struct fido_slot)),
			 "the slot is memory of ours");
	fido_ring_push(&ring, nondet_ushort(), id,
		       id == FIDO_ID_NONE ? NULL : &anything[id]);
}

static void pull(void)
{
	u8 buf[SLOT_SIZE];
	u32 size = nondet_uint(), id;
	int len;

	__CPROVER_assume(size <= sizeof(buf));
	len = fido_ring_pull(&ring, buf, size, &id);
	if (len < 0) {
		__CPROVER_assert(len == FIDO_RING_EMPTY || len == FIDO_RING_BROKEN,
				 "known error");
		return;
	}
	__CPROVER_assert((u32)len <= size, "message fits");
	__CPROVER_assert(id == FIDO_ID_NONE || id < NR_IDS, "id in range");
}

static void reap(void)
{
	bool had[NR_IDS];
	char *what;
	u32 i;

	for (i = 0; i < NR_IDS; i++)
		had[i] = cookie[i];
	what = fido_ring_reap(&ring);
	if (!what)
		return;
	i = what - anything;
	__CPROVER_assert(i < NR_IDS && had[i] && !cookie[i],
			 "what comes back was in flight, and is not any more");
}

static void one_call(void)
{
	u32 nr = nondet_uint();

	switch (nondet_uint() % 17) {
	case 0:
		return push();
	case 1:
		return pull();
	case 2:
		return reap();
	case 3:
		__CPROVER_assert(fido_ring_room(&ring) <= NR_SLOTS, "room");
		return;
	case 4:
		fido_ring_publish(&ring);
		return;
	case 5:
		fido_ring_arm_space(&ring, nr);
		return;
	case 6:
		__CPROVER_assert(fido_ring_in_flight(&ring) <= NR_IDS, "in flight");
		return;
	case 7:
		fido_ring_arm_release(&ring, nr);
		return;
	case 8:
		fido_ring_done(&ring);
		return;
	case 9:
		fido_ring_arm(&ring, nr);
		return;
	case 10:
		return fido_ring_disarm(&ring);
	case 11:
		fido_ring_watch(&ring, nr);
		return;
	case 12:
		fido_ring_waiting(&ring);
		return;
	case 13:
		fido_ring_unwatch(&ring, nr);
		return;
	case 14:
		return fido_ring_release(&ring, nr);
	case 15:
		fido_ring_release_publish(&ring);
		return;
	default:
		fido_ring_steal(&ring, nr);
	}
}

int main(void)
{
	if (nondet_bool()) {
		prove_init();
		return 0;
	}
	any_state();
	one_call();
	__CPROVER_assert(invariant(), "invariant");
	return 0;
}
