// SPDX-License-Identifier: GPL-2.0
/*
 * Rings of a channel. The protocol is told in include/fido_proto.h; this is
 * the only file with barriers against a peer.
 *
 * Three contexts work on one ring at the same time: tx fills slots, reap takes
 * back what the peer released, rx reads the peer's slots and releases. Each is
 * serialized by the caller. They share nothing but @broken, the ring of free
 * ids (filled by reap, emptied by tx) and the cookies (set by tx while it owns
 * the id, cleared by reap when the id comes back).
 */
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>

#include "ring.h"

#define SLOT_ROOM(ring) ((ring)->geom.slot_size - sizeof(struct fido_slot))

/**
 * fido_ring_geom_valid - may rings have this geometry?
 * @geom: geometry, possibly from the peer (a private copy)
 *
 * Return: true if all limits of the protocol are kept.
 */
bool fido_ring_geom_valid(const struct fido_ring_geom *geom)
{
	if (geom->slot_size < FIDO_MIN_SLOT_SIZE ||
	    geom->slot_size > FIDO_MAX_SLOT_SIZE ||
	    !is_power_of_2(geom->slot_size))
		return false;
	if (!geom->nr_slots || geom->nr_slots > FIDO_MAX_SLOTS ||
	    !is_power_of_2(geom->nr_slots))
		return false;
	if (!geom->nr_ids || geom->nr_ids > FIDO_MAX_IDS ||
	    !is_power_of_2(geom->nr_ids))
		return false;
	return fido_ring_slot_pages(geom) <= FIDO_CHAN_SLOT_PAGES;
}

/**
 * fido_ring_slot_pages - pages that the slots of one direction take
 * @geom: geometry
 *
 * Return: the number of pages.
 */
u32 fido_ring_slot_pages(const struct fido_ring_geom *geom)
{
	return DIV_ROUND_UP(geom->nr_slots * geom->slot_size, FIDO_PAGE_SIZE);
}

/**
 * fido_ring_rel_pages - pages that a release ring takes
 * @geom: geometry
 *
 * Return: the number of pages.
 */
u32 fido_ring_rel_pages(const struct fido_ring_geom *geom)
{
	return DIV_ROUND_UP(geom->nr_ids * sizeof(u32), FIDO_PAGE_SIZE);
}

/**
 * fido_ring_init - initialise a ring whose memory is there
 * @ring: ring with @geom, @mine, @slot_page, @rel_page, @free_id and @cookie
 *	set, all memory zeroed
 */
void fido_ring_init(struct fido_ring *ring)
{
	u32 i;

	ring->slot_shift = ilog2(FIDO_PAGE_SIZE / ring->geom.slot_size);
	for (i = 0; i < ring->geom.nr_ids; i++)
		ring->free_id[i] = i;
	ring->free_head = ring->geom.nr_ids;

	ring->mine->magic = FIDO_CHAN_MAGIC;
	ring->mine->slot_size = ring->geom.slot_size;
	ring->mine->nr_slots = ring->geom.nr_slots;
	ring->mine->nr_ids = ring->geom.nr_ids;
}

/**
 * fido_ring_break - stop to believe the peer
 * @ring: ring
 * @why: reason, a constant string
 *
 * The first reason stays. From now on no function looks at the peer's memory.
 */
void fido_ring_break(struct fido_ring *ring, const char *why)
{
	if (!READ_ONCE(ring->broken))
		WRITE_ONCE(ring->broken, why);
}

/**
 * fido_ring_is_broken - has the peer violated the protocol?
 * @ring: ring
 *
 * Return: true from the first violation on.
 */
bool fido_ring_is_broken(const struct fido_ring *ring)
{
	return READ_ONCE(ring->broken);
}

/* Does @event lie in (@old, @new]? */
static bool ring_event_passed(u32 new, u32 old, u32 event)
{
	return (u32)(new - event) < (u32)(new - old);
}

/*
 * Look at an index of the peer that must lie between what was seen last and
 * @limit. Returns what was seen last if it does not.
 */
static u32 ring_look(struct fido_ring *ring, const u32 __peer *index, u32 seen,
		     u32 limit, const char *why)
{
	u32 now;

	if (fido_ring_is_broken(ring))
		return seen;

	now = fido_peer_read_index(index);
	if ((u32)(now - seen) > (u32)(limit - seen)) {
		fido_ring_break(ring, why);
		return seen;
	}
	return now;
}

static void *ring_slot_at(void **pages, const struct fido_ring *ring, u32 index)
{
	u32 slot = index & (ring->geom.nr_slots - 1);
	u32 in_page = slot & ((1U << ring->slot_shift) - 1);

	return pages[slot >> ring->slot_shift] + in_page * ring->geom.slot_size;
}

/* Transmit */

static void ring_look_cons(struct fido_ring *ring)
{
	ring->cons_seen = ring_look(ring, &ring->theirs->cons, ring->cons_seen,
				    ring->prod_published,
				    "consumer index out of range");
}

/**
 * fido_ring_room - how many slots can be filled?
 * @ring: ring, connected
 *
 * Looks at the peer's memory only when nothing is known to be free.
 *
 * Context: tx.
 * Return: number of free slots, zero if the ring is full or broken.
 */
u32 fido_ring_room(struct fido_ring *ring)
{
	if (ring->prod - ring->cons_seen == ring->geom.nr_slots)
		ring_look_cons(ring);
	if (fido_ring_is_broken(ring))
		return 0;
	return ring->geom.nr_slots - (ring->prod - ring->cons_seen);
}

/**
 * fido_ring_slot - the next slot to fill
 * @ring: ring, connected
 *
 * Context: tx.
 * Return: address of the message in the slot, NULL if there is no room.
 */
void *fido_ring_slot(struct fido_ring *ring)
{
	struct fido_slot *slot;

	if (!fido_ring_room(ring))
		return NULL;
	slot = ring_slot_at(ring->slot_page, ring, ring->prod);
	return slot->data;
}

/**
 * fido_ring_take_id - take a free id
 * @ring: ring
 *
 * Context: tx.
 * Return: the id, FIDO_ID_NONE if all are in flight.
 */
u32 fido_ring_take_id(struct fido_ring *ring)
{
	u32 id;

	/* pairs with the release in ring_free_id(): the entry is written */
	if (smp_load_acquire(&ring->free_head) == ring->free_tail)
		return FIDO_ID_NONE;
	id = ring->free_id[ring->free_tail & (ring->geom.nr_ids - 1)];
	WRITE_ONCE(ring->free_tail, ring->free_tail + 1);
	return id;
}

/**
 * fido_ring_cancel_id - give back the id that was taken last
 * @ring: ring
 * @id: id from fido_ring_take_id(), not pushed
 *
 * Context: tx, with no other fido_ring_take_id() in between.
 */
void fido_ring_cancel_id(struct fido_ring *ring, u32 id)
{
	u32 tail = ring->free_tail - 1;

	ring->free_id[tail & (ring->geom.nr_ids - 1)] = id;
	WRITE_ONCE(ring->free_tail, tail);
}

/**
 * fido_ring_push - the slot of fido_ring_slot() is complete
 * @ring: ring, connected
 * @len: bytes of the message, cut to what fits into a slot
 * @id: id from fido_ring_take_id(), or FIDO_ID_NONE
 * @cookie: what becomes free when the peer releases @id, not NULL if there is
 *	an id. A peer can release it before this function has returned: the
 *	caller must not look at it any more.
 *
 * Context: tx.
 */
void fido_ring_push(struct fido_ring *ring, u16 len, u32 id, void *cookie)
{
	struct fido_slot *slot;

	slot = ring_slot_at(ring->slot_page, ring, ring->prod);
	slot->len = min_t(u32, len, SLOT_ROOM(ring));
	slot->flags = 0;
	slot->id = id;
	if (id != FIDO_ID_NONE)
		/* pairs with the acquire in ring_claim(): it is complete */
		smp_store_release(&ring->cookie[id], cookie);
	ring->prod++;
}

/**
 * fido_ring_publish - let the peer see all slots that were pushed
 * @ring: ring, connected
 *
 * Context: tx.
 * Return: true if the peer sleeps and has to be signalled.
 */
bool fido_ring_publish(struct fido_ring *ring)
{
	u32 old = ring->prod_published;
	u32 new = ring->prod;

	if (old == new || fido_ring_is_broken(ring))
		return false;

	ring->prod_published = new;
	/* slots before index; pairs with the acquire of ring_look_prod() */
	virt_store_release(&ring->mine->prod, new);
	/*
	 * Index before threshold; pairs with the barrier in fido_ring_arm():
	 * either we see the peer's new threshold or it sees our new index.
	 */
	virt_mb();
	return ring_event_passed(new, old,
				 fido_peer_read32(&ring->theirs->prod_event));
}

/**
 * fido_ring_arm_space - ask for a signal when slots become free
 * @ring: ring, connected, all pushed slots published
 * @nr: wanted number of free slots
 *
 * Context: tx.
 * Return: true if they are free already, and no signal may come.
 */
bool fido_ring_arm_space(struct fido_ring *ring, u32 nr)
{
	u32 event = ring->prod - ring->geom.nr_slots + nr;

	WRITE_ONCE(ring->mine->space_event, event);
	/* threshold before index; pairs with fido_ring_done() */
	virt_mb();
	ring_look_cons(ring);
	/* a broken ring has no room: nobody may be woken to send into it */
	return !fido_ring_is_broken(ring) &&
	       ring->geom.nr_slots - (ring->prod - ring->cons_seen) >= nr;
}

/**
 * fido_ring_in_flight - how many ids wait for their release?
 * @ring: ring
 *
 * Context: any; a snapshot.
 * Return: number of ids.
 */
u32 fido_ring_in_flight(const struct fido_ring *ring)
{
	/* head first: a tail that is newer counts some too many, not too few */
	u32 head = smp_load_acquire(&ring->free_head);
	u32 tail = READ_ONCE(ring->free_tail);

	return min(ring->geom.nr_ids, ring->geom.nr_ids - (head - tail));
}

/* Reap */

static void ring_look_released(struct fido_ring *ring)
{
	ring->rel_seen = ring_look(ring, &ring->theirs->rel_prod,
				   ring->rel_seen,
				   ring->rel_cons + ring->geom.nr_ids,
				   "release index out of range");
}

static void ring_free_id(struct fido_ring *ring, u32 id)
{
	ring->free_id[ring->free_head & (ring->geom.nr_ids - 1)] = id;
	/* the entry before the index that makes it visible to tx */
	smp_store_release(&ring->free_head, ring->free_head + 1);
}

/* Take what is in flight under an id: only once, and only if something is. */
static void *ring_claim(struct fido_ring *ring, u32 id)
{
	void *cookie;

	if (id >= ring->geom.nr_ids)
		return NULL;
	/* pairs with the release in fido_ring_push() */
	cookie = smp_load_acquire(&ring->cookie[id]);
	if (cookie)
		WRITE_ONCE(ring->cookie[id], NULL);
	return cookie;
}

/**
 * fido_ring_reap - take back one thing that the peer has released
 * @ring: ring, connected
 *
 * Context: reap.
 * Return: the cookie of fido_ring_push(), NULL if there is none.
 */
void *fido_ring_reap(struct fido_ring *ring)
{
	u32 per_page = FIDO_PAGE_SIZE / sizeof(u32);
	void *cookie;
	u32 slot, id;

	if (ring->rel_cons == ring->rel_seen)
		ring_look_released(ring);
	if (ring->rel_cons == ring->rel_seen || fido_ring_is_broken(ring))
		return NULL;

	slot = ring->rel_cons & (ring->geom.nr_ids - 1);
	id = fido_peer_read32(&ring->peer_rel_page[slot / per_page]
						  [slot % per_page]);
	cookie = ring_claim(ring, id);
	if (!cookie) {
		fido_ring_break(ring, "release of an id that is not in flight");
		return NULL;
	}
	ring->rel_cons++;
	ring_free_id(ring, id);
	return cookie;
}

/**
 * fido_ring_arm_release - ask for a signal when the peer releases
 * @ring: ring, connected
 * @nr: wanted number of releases
 *
 * Context: reap.
 * Return: true if they are there already, and no signal may come.
 */
bool fido_ring_arm_release(struct fido_ring *ring, u32 nr)
{
	WRITE_ONCE(ring->mine->rel_event, ring->rel_cons + nr);
	/* threshold before index; pairs with fido_ring_release_publish() */
	virt_mb();
	ring_look_released(ring);
	return ring->rel_seen - ring->rel_cons >= nr;
}

/**
 * fido_ring_steal - take what is in flight without the peer's release
 * @ring: ring that nobody uses any more
 * @id: id below nr_ids
 *
 * Return: the cookie, NULL if nothing is in flight under @id.
 */
void *fido_ring_steal(struct fido_ring *ring, u32 id)
{
	return ring_claim(ring, id);
}

/* Receive */

static void ring_look_prod(struct fido_ring *ring)
{
	ring->prod_seen = ring_look(ring, &ring->theirs->prod, ring->prod_seen,
				    ring->cons + ring->geom.nr_slots,
				    "producer index out of range");
}

/**
 * fido_ring_pull - copy the next message
 * @ring: ring, connected
 * @buf: private memory
 * @size: bytes of @buf
 * @id: gets what has to be released, or FIDO_ID_NONE
 *
 * Each byte of the slot is read once. What the caller gets is a copy that the
 * peer cannot change, of a length and with an id that were checked.
 *
 * Context: rx.
 * Return: bytes of the message, FIDO_RING_EMPTY or FIDO_RING_BROKEN.
 */
int fido_ring_pull(struct fido_ring *ring, void *buf, u32 size, u32 *id)
{
	const struct fido_slot __peer *slot;
	struct fido_slot head;

	if (ring->cons == ring->prod_seen)
		ring_look_prod(ring);
	if (fido_ring_is_broken(ring))
		return FIDO_RING_BROKEN;
	if (ring->cons == ring->prod_seen)
		return FIDO_RING_EMPTY;

	slot = (const void __peer __force *)
		ring_slot_at((void __force **)ring->peer_slot_page, ring,
			     ring->cons);
	fido_peer_copy(&head, slot, sizeof(head));
	if (head.len > SLOT_ROOM(ring) || head.len > size) {
		fido_ring_break(ring, "message too long");
		return FIDO_RING_BROKEN;
	}
	if (head.id != FIDO_ID_NONE && head.id >= ring->geom.nr_ids) {
		fido_ring_break(ring, "message with an impossible id");
		return FIDO_RING_BROKEN;
	}
	fido_peer_copy(buf, slot->data, head.len);
	*id = head.id;
	ring->cons++;
	return head.len;
}

/**
 * fido_ring_done - let the peer reuse the slots that were pulled
 * @ring: ring, connected
 *
 * Context: rx.
 * Return: true if the peer waits for space and has to be signalled.
 */
bool fido_ring_done(struct fido_ring *ring)
{
	u32 old = ring->cons_published;
	u32 new = ring->cons;

	if (old == new || fido_ring_is_broken(ring))
		return false;

	ring->cons_published = new;
	/* the copies are complete before the slots are free */
	virt_store_release(&ring->mine->cons, new);
	/* index before threshold; pairs with fido_ring_arm_space() */
	virt_mb();
	return ring_event_passed(new, old,
				 fido_peer_read32(&ring->theirs->space_event));
}

/**
 * fido_ring_arm - ask for a signal when messages come
 * @ring: ring, connected
 * @nr: wanted number of messages
 *
 * Context: rx.
 * Return: true if they are there already, and no signal may come.
 */
bool fido_ring_arm(struct fido_ring *ring, u32 nr)
{
	WRITE_ONCE(ring->mine->prod_event, ring->cons + nr);
	/* threshold before index; pairs with fido_ring_publish() */
	virt_mb();
	ring_look_prod(ring);
	return ring->prod_seen - ring->cons >= nr;
}

static void ring_disarm(struct fido_ring *ring)
{
	/* not ahead of any index to come */
	WRITE_ONCE(ring->mine->prod_event, READ_ONCE(ring->mine->cons));
}

/**
 * fido_ring_disarm - no signals, rx looks by itself
 * @ring: ring, connected, all that was pulled is done
 *
 * Nothing is ordered, as nothing depends on it: a peer that does not see it in
 * time signals once more. A threshold that the peer has passed is as good, and
 * stays: so this does not write for each message.
 *
 * Context: rx, which has to arm, and so to look, before it sleeps.
 */
void fido_ring_disarm(struct fido_ring *ring)
{
	if (fido_ring_wants(ring, U32_MAX / 2))
		ring_disarm(ring);
}

/*
 * Watching: somebody looks for messages while rx sleeps, and the peer does not
 * signal meanwhile. Runs beside rx, which may wake up and arm at any time: only
 * @mine is used of what rx writes, and a threshold that is overwritten here is
 * made good by the look in fido_ring_unwatch(), or by that of rx.
 */

/**
 * fido_ring_wants - has rx asked for a signal soon?
 * @ring: ring, connected
 * @nr: what is soon, in messages
 *
 * Context: any; a snapshot.
 * Return: false if rx asked for a later one, or is at work.
 */
bool fido_ring_wants(const struct fido_ring *ring, u32 nr)
{
	return READ_ONCE(ring->mine->prod_event) -
	       READ_ONCE(ring->mine->cons) - 1 < nr;
}

/**
 * fido_ring_watch - no signals from now on
 * @ring: ring, connected
 * @nr: if rx has asked for one after so many messages or fewer
 *
 * Context: any, one watcher at a time.
 * Return: true if fido_ring_unwatch() has to follow; false if rx has not asked
 * so, and nothing changes.
 */
bool fido_ring_watch(struct fido_ring *ring, u32 nr)
{
	if (!fido_ring_wants(ring, nr))
		return false;
	ring_disarm(ring);
	return true;
}

/**
 * fido_ring_waiting - are there messages for rx?
 * @ring: ring, connected
 *
 * A hint: rx checks what the peer wrote.
 *
 * Context: any.
 * Return: true if rx should look.
 */
bool fido_ring_waiting(const struct fido_ring *ring)
{
	return !fido_ring_is_broken(ring) &&
	       fido_peer_read32(&ring->theirs->prod) !=
	       READ_ONCE(ring->mine->cons);
}

/**
 * fido_ring_unwatch - ask for a signal again
 * @ring: ring that was watched
 * @nr: after so many messages
 *
 * Context: the watcher's.
 * Return: true if there are messages already. No signal comes then: rx has to
 * be told after this, which arms again when it has seen them.
 */
bool fido_ring_unwatch(struct fido_ring *ring, u32 nr)
{
	u32 cons;

	do {
		cons = READ_ONCE(ring->mine->cons);
		WRITE_ONCE(ring->mine->prod_event, cons + nr);
		/*
		 * Threshold before the peer's index; pairs with
		 * fido_ring_publish(). And before our own: if rx has moved on
		 * and armed in between, its threshold was overwritten with an
		 * older one. Pairs with the barrier in fido_ring_done(), which
		 * comes before rx arms.
		 */
		virt_mb();
	} while (READ_ONCE(ring->mine->cons) != cons);
	if (!fido_ring_waiting(ring))
		return false;
	ring_disarm(ring);
	return true;
}

/**
 * fido_ring_release - give a message's memory back to the peer
 * @ring: ring, connected
 * @id: id from fido_ring_pull(), each once
 *
 * Takes effect with fido_ring_release_publish().
 *
 * Context: rx.
 */
void fido_ring_release(struct fido_ring *ring, u32 id)
{
	u32 slot = ring->rel_prod++ & (ring->geom.nr_ids - 1);
	u32 per_page = FIDO_PAGE_SIZE / sizeof(u32);

	WRITE_ONCE(ring->rel_page[slot / per_page][slot % per_page], id);
}

/**
 * fido_ring_release_publish - let the peer see all releases
 * @ring: ring, connected
 *
 * Context: rx.
 * Return: true if the peer waits for releases and has to be signalled.
 */
bool fido_ring_release_publish(struct fido_ring *ring)
{
	u32 old = ring->rel_published;
	u32 new = ring->rel_prod;

	if (old == new || fido_ring_is_broken(ring))
		return false;

	ring->rel_published = new;
	/*
	 * Ids before index, and all reads of the released memory before it:
	 * the owner may write there as soon as it sees the index.
	 */
	virt_store_release(&ring->mine->rel_prod, new);
	/* index before threshold; pairs with fido_ring_arm_release() */
	virt_mb();
	return ring_event_passed(new, old,
				 fido_peer_read32(&ring->theirs->rel_event));
}
