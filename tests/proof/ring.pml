/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Model of one direction of a channel (include/fido_proto.h, "Channels", and
 * fido/ring.c), for the model checker spin; with RESTARTS also of how rings are
 * left and made anew (lives.pml; fido/chan.c, fido/service.c, fido/held.c).
 *
 * Side 0 sends: tx and reap are processes. Side 1 receives: rx. The other
 * direction is the same with the sides exchanged. Each look at memory that
 * another processor may change meanwhile, and each store that takes effect, is a
 * step of its own.
 *
 * Memory is weaker than that of x86. A store waits in a buffer of its processor
 * (b_...) until the process memory lets it take effect, at any time later and in
 * any order among the stores of one processor, but for these:
 *   - two stores to one location keep their order (the second one waits);
 *   - a release (prod, cons, rel_prod, free_head) takes effect after all that
 *     its processor stored before (smp_store_release, virt_store_release);
 *   - a full barrier (virt_mb) waits until the buffer is empty.
 * On x86 all stores keep their order; there it is the full barriers alone that
 * make a difference. Loads take place in the order of the program: what would
 * happen without an acquire, or if a load came after a release, is a mutation
 * that exchanges the two. The service table is taken to be written at once: each
 * change of it is followed by a signal, a hypercall. (More of the handshake:
 * service.pml.)
 *
 * Bounds: NSLOTS slots and NIDS ids, powers of two; indices of BITS bits, which
 * begin just before they wrap; MESSAGES messages, in batches of any size; as
 * many events without reason as SPURIOUS says; RESTARTS times in all does one
 * of the sides start over, at any moment, and sends its messages from the
 * beginning. Each message carries an id, with NO_IDS none. rx keeps what it got
 * for any time, also while it sleeps, and releases in any order. With NO_DONE
 * slots are not given back: there are enough for all messages. check.sh has the
 * combinations that are checked.
 *
 * An event is one bit for each context that sleeps, so that a signal for one of
 * them does not hide that another was forgotten; in the code all of a side share
 * one event. When and how it is acknowledged is not modelled.
 *
 *   here                  there
 *   ----                  -----
 *   room, push            fido_ring_room(), _slot(), _take_id(), _push()
 *   publish               fido_ring_publish()
 *   arm_space             fido_ring_arm_space()
 *   reap_one              fido_ring_reap(), ring_claim(), ring_free_id()
 *   arm_release           fido_ring_arm_release()
 *   pull                  fido_ring_pull()
 *   done                  fido_ring_done()
 *   release               fido_ring_release(), _release_publish()
 *   arm                   fido_ring_arm()
 *   look                  ring_look(), fido_peer_read_index()
 *   load                  fido_peer_read32(), fido_peer_copy()
 *   MB_TX, _REAP, _RX     virt_mb() in these contexts
 *   memory                what virt_store_release() and smp_store_release() order
 *   passed                ring_event_passed()
 *   signal_rx, ...        chan_signal(), chan_interrupt()
 *   go_live, quiet        fido_chans_live(), fido_chans_quiet()
 *   retire, offer, step   service_retire(), service_offer(), service_step()
 *   drained, held         fido_link_drain(), _undrain(), fido_link_hold()
 *
 * Checked, as assertions: no slot is filled that was not read; messages come
 * complete, once, and in their order; memory comes back to its owner after the
 * reader has let go of it; two sides that keep the protocol never find each
 * other in breach of it, so indices stay in range; nobody reads memory that was
 * freed, or rings of another life than those that it is up with. When nothing
 * can move any more, all messages were received, released and taken back: no
 * wake-up was lost, and nobody waits for the other (the process judge).
 * There is no way to be busy for ever without coming there (ltl settles).
 *
 * Mutations, each of which must be found wrong:
 *   NO_MB_PUBLISH, _ARM, _DONE, _SPACE, _RELEASE, _ARM_RELEASE
 *                   the full barrier there is missing
 *   NO_LOOK_ARM, _SPACE, _RELEASE
 *                   going to sleep without the second look
 *   PROD_PLAIN, COOKIE_PLAIN, REL_PLAIN, FREE_PLAIN
 *                   prod, rel_prod or free_head takes effect before the slots,
 *                   cookies, ids that were stored before
 *   CONS_EARLY, REL_EARLY
 *                   a slot or memory is given back before the last read of it
 *   PROD_LATE, REL_LATE
 *                   slot or id are read before the index
 *   EVENT_EXACT, EVENT_SHORT, EVENT_NEVER
 *                   signal if new equals the threshold; if it is beyond it;
 *                   or only if the other was found asleep (event == old)
 *   FULL_UNSEEN, IDS_UNSEEN
 *                   tx does not check for room, for a free id
 *   NO_RENEW        a side that was up goes on with its used rings
 *   NO_ECHO         a side goes up before the other has echoed its generation
 *   NO_FIRST        going live makes up no event
 *   NO_QUIET        rings are left while somebody works on them
 *   FREE_EARLY      memory is freed that the peer has not drained
 *   DRAIN_EARLY     drained is said while what was received is in use
 */
#ifndef NSLOTS
#define NSLOTS		2
#endif
#ifndef NIDS
#define NIDS		2
#endif
#ifndef BITS
#define BITS		3
#endif
#ifndef MESSAGES
#define MESSAGES	4
#endif
#ifndef SPURIOUS
#define SPURIOUS	0
#endif
#ifndef RESTARTS
#define RESTARTS	0
#endif
#define GENS		(RESTARTS + 1)	/* generations of a side: 1... */
#define MASK		((1 << BITS) - 1)
#define START		(MASK - 1)
#define IX(x)		((x) & MASK)
#define NONE		255

/* Are both sides up, with each other's rings? */
#define CONNECTED	(up[0] && up[1] && chans[0] == conn[1] && chans[1] == conn[0])

/* Memory of side 0, by generation, that side 1 reads */
byte slot[GENS * NSLOTS];
byte prod[GENS];
byte space_event[GENS];
byte rel_event[GENS];

/* Memory of side 1, by generation, that side 0 reads */
byte cons[GENS];
byte prod_event[GENS];
byte rel[GENS * NIDS];
byte rel_prod[GENS];

/* Memory of side 0 that tx and reap share */
byte free_id[NIDS];
byte free_head;
byte free_tail;
byte cookie[NIDS];		/* 0: nothing is in flight */

/* Stores that have not taken effect: of tx, reap, rx */
byte b_slot[NSLOTS] = NONE;
byte b_cookie[NIDS] = NONE;
byte b_prod = NONE;
byte b_space = NONE;
byte b_clear[NIDS] = NONE;	/* reap's stores to cookie */
byte b_free[NIDS] = NONE;
byte b_head = NONE;
byte b_rel_event = NONE;
byte b_cons = NONE;
byte b_event = NONE;
byte b_rel[NIDS] = NONE;
byte b_rel_prod = NONE;

/* struct fido_ring, as far as one context alone uses it */
byte t_prod, t_pub, t_cons_seen;		/* tx */
byte p_seen, p_cons, p_head;			/* reap */
byte c_cons, c_pub, c_seen, c_rel, c_rel_pub;	/* rx */

/* Clients: what they are about, and what woke them */
byte sent, got;
bool t_sleeps, p_sleeps, c_sleeps;
bool t_event, p_event, c_event;
bool c_over;			/* nothing to pull: what is due, then sleep */
byte c_holds;			/* ids that rx has not released: bits */
bool t_busy, p_busy, c_busy;

/* The handshake: service table, then each side's own */
byte gen[2], echo[2], drained[2];
byte chans[2], conn[2], last_gen[2];
bool live[2], up[2], used[2], work[2];
byte drain_gen[2];		/* 0: no drain is under way */
bool linger;			/* of rx: skbs of the life before */
byte restarts = RESTARTS;

/* Ghosts, for the properties alone */
byte lent;			/* ids whose memory rx may read: bits */
bool alive[2 * GENS];
bool held[2 * GENS];

#define G(i)		(last_gen[i] - 1)	/* the rings of side i */
#define P(i)		(conn[i] - 1)		/* those of its peer */
#define ALIVE(i, g)	alive[(i) * GENS + (g)]
#define HELD(i, g)	held[(i) * GENS + (g)]
#define BIT(n)		(1 << (n))

#define NOTHING(b)	(b[0] == NONE && b[NIDS - 1] == NONE)
#if NSLOTS == 4
#define NO_SLOTS	(b_slot[0] == NONE && b_slot[1] == NONE && \
			 b_slot[2] == NONE && b_slot[3] == NONE)
#define with_slots	effect(b_slot[0], slot[G(0) * NSLOTS]); \
			effect(b_slot[1], slot[G(0) * NSLOTS + 1]); \
			effect(b_slot[2], slot[G(0) * NSLOTS + 2]); \
			effect(b_slot[3], slot[G(0) * NSLOTS + 3])
#else	/* one or two */
#define NO_SLOTS	(b_slot[0] == NONE && b_slot[NSLOTS - 1] == NONE)
#define with_slots	effect(b_slot[0], slot[G(0) * NSLOTS]); \
			effect(b_slot[NSLOTS - 1], slot[G(0) * NSLOTS + NSLOTS - 1])
#endif

/*
 * Full barriers wait for what is on its way. What will be released later is
 * not: nobody looks there before.
 */
#ifdef PROD_PLAIN
#define MB_TX		(b_prod == NONE && b_space == NONE && NO_SLOTS)
#else
#define MB_TX		(b_prod == NONE && b_space == NONE)
#endif
#define MB_REAP		(b_head == NONE && b_rel_event == NONE)
#ifdef REL_PLAIN
#define MB_RX		(b_cons == NONE && b_event == NONE && \
			 b_rel_prod == NONE && NOTHING(b_rel))
#else
#define MB_RX		(b_cons == NONE && b_event == NONE && b_rel_prod == NONE)
#endif

/* Does the threshold lie in (old, new]? */
#if defined(EVENT_EXACT)
#define passed(new, old, event)	((new) == (event))
#elif defined(EVENT_SHORT)
#define passed(new, old, event)	(IX((new) - (event)) + 1 < IX((new) - (old)))
#elif defined(EVENT_NEVER)
#define passed(new, old, event)	((event) == (old))
#else
#define passed(new, old, event)	(IX((new) - (event)) < IX((new) - (old)))
#endif

/*
 * A release takes with it what was stored before. Nobody looks there earlier:
 * that it could have taken effect before makes no difference. Where a mutation
 * has no release, each store is on its own.
 */
#define effect(b, to)	\
	if :: b != NONE -> to = b; b = NONE :: else -> skip fi

#define with_cookies	\
	effect(b_cookie[0], cookie[0]); effect(b_cookie[NIDS - 1], cookie[NIDS - 1])
#define with_free	\
	effect(b_clear[0], cookie[0]); effect(b_clear[NIDS - 1], cookie[NIDS - 1]); \
	effect(b_free[0], free_id[0]); effect(b_free[NIDS - 1], free_id[NIDS - 1])
#define with_rel	\
	effect(b_rel[0], rel[G(1) * NIDS]); \
	effect(b_rel[NIDS - 1], rel[G(1) * NIDS + NIDS - 1])

active proctype memory()
{
end:	do
	:: d_step { b_prod != NONE ->
#ifndef PROD_PLAIN
			with_slots;
#endif
#ifndef COOKIE_PLAIN
			with_cookies;
#endif
			effect(b_prod, prod[G(0)])
		}
	:: d_step { b_head != NONE ->
#ifndef FREE_PLAIN
			with_free;
#endif
			effect(b_head, free_head)
		}
	:: d_step { b_rel_prod != NONE ->
#ifndef REL_PLAIN
			with_rel;
#endif
			effect(b_rel_prod, rel_prod[G(1)])
		}
	:: d_step { b_cons != NONE -> effect(b_cons, cons[G(1)]) }
	:: d_step { b_space != NONE -> effect(b_space, space_event[G(0)]) }
	:: d_step { b_rel_event != NONE -> effect(b_rel_event, rel_event[G(0)]) }
	:: d_step { b_event != NONE -> effect(b_event, prod_event[G(1)]) }
#ifdef PROD_PLAIN
	:: d_step { !NO_SLOTS -> with_slots }
#endif
#ifdef COOKIE_PLAIN
	:: d_step { !NOTHING(b_cookie) -> with_cookies }
#endif
#ifdef FREE_PLAIN
	:: d_step { !NOTHING(b_free) || !NOTHING(b_clear) -> with_free }
#endif
#ifdef REL_PLAIN
	:: d_step { !NOTHING(b_rel) -> with_rel }
#endif
	od
}

inline store(b, value)
{
	d_step { b == NONE -> b = value }
}

/* Read @what of the peer's memory: it must be there. */
inline load(i, to, what)
{
	d_step {
		assert(conn[i] != 0 && ALIVE(1 - i, P(i)));
		to = what
	}
}

inline look(i, index, seen, limit)
{
	d_step {
		assert(conn[i] != 0 && ALIVE(1 - i, P(i)));
		assert(IX(index - seen) <= IX((limit) - seen));
		seen = index
	}
}

/* The event channel belongs to a generation; a signal to an old one is lost. */
inline signal_rx()
{
	d_step {
		if
		:: conn[0] == chans[1] && live[1] -> c_event = true
		:: else -> skip
		fi
	}
}

inline signal_tx(event)
{
	d_step {
		if
		:: conn[1] == chans[0] && live[0] -> event = true
		:: else -> skip
		fi
	}
}

/* tx */

#define ROOM	(NSLOTS - IX(t_prod - t_cons_seen))

inline publish()
{
	atomic { b_prod == NONE -> old = t_pub; t_pub = t_prod; b_prod = t_pub }
	atomic {
#ifndef NO_MB_PUBLISH
		MB_TX;
#endif
		load(0, v, prod_event[P(0)])
	}
	if
	:: passed(t_pub, old, v) -> signal_rx()
	:: else -> skip
	fi
}

inline arm_space(nr)
{
	store(b_space, IX(t_prod - NSLOTS + nr));
	atomic {
#ifndef NO_MB_SPACE
		MB_TX;
#endif
#ifndef NO_LOOK_SPACE
		look(0, cons[P(0)], t_cons_seen, t_pub);
#endif
		t_sleeps = ROOM < nr
	}
}

/* The message: generation, number and id */
#define MESSAGE(g, n, id)	((g) * 64 + (n) * 4 + (id))

inline push()
{
#ifndef NO_IDS
	d_step { v = free_id[free_tail & (NIDS - 1)]; free_tail = IX(free_tail + 1) }
#endif
	b_slot[t_prod & (NSLOTS - 1)] == NONE && b_cookie[v] == NONE;
	d_step {
		assert(!CONNECTED || sent < got + NSLOTS);
		b_slot[t_prod & (NSLOTS - 1)] = MESSAGE(chans[0], sent + 1, v);
#ifndef NO_IDS
		lent = lent | BIT(v);
		b_cookie[v] = sent + 1;
#endif
		t_prod = IX(t_prod + 1);
		sent++
	}
}

#if defined(IDS_UNSEEN) || defined(NO_IDS)
#define HAS_ID	true
#else
#define HAS_ID	(free_head != free_tail)
#endif

/* Without an id tx waits; reap, on the same side, tells when there is one. */
#define TX_MAY	(t_prod != t_pub || (sent < MESSAGES && HAS_ID))

inline tx_one()
{
	if
#ifdef FULL_UNSEEN
	:: atomic { sent < MESSAGES && HAS_ID -> push() }
#else
	:: atomic { sent < MESSAGES && ROOM > 0 && HAS_ID -> push() }
	:: atomic { sent < MESSAGES && ROOM == 0 && t_prod == t_pub ->
		if
		:: arm_space(1)
		:: arm_space(NSLOTS)
		fi
	   }
#endif
	:: t_prod != t_pub -> publish()
	fi
}

active proctype tx()
{
	byte v, old;

end:	do
	:: atomic {
		live[0] && !t_sleeps && TX_MAY -> t_busy = true;
		if
		:: sent < MESSAGES && ROOM == 0 ->
			look(0, cons[P(0)], t_cons_seen, t_pub)
		:: else -> skip
		fi
	   }
		tx_one();
	d_step { t_busy = false; v = 0; old = 0 }
	:: d_step { t_sleeps && t_event -> t_event = false; t_sleeps = false }
	od
}

/* reap */

#define IN_FLIGHT	(NIDS - IX(free_head - free_tail))

inline arm_release(nr)
{
	store(b_rel_event, IX(p_cons + nr));
	atomic {
#ifndef NO_MB_ARM_RELEASE
		MB_REAP;
#endif
#ifndef NO_LOOK_RELEASE
		look(0, rel_prod[P(0)], p_seen, p_cons + NIDS);
#endif
		p_sleeps = IX(p_seen - p_cons) < nr
	}
}

#define load_rel	load(0, v, rel[P(0) * NIDS + (p_cons & (NIDS - 1))])

inline reap_id()
{
	b_clear[v] == NONE && b_free[p_head & (NIDS - 1)] == NONE && b_head == NONE;
	d_step {
		assert(cookie[v] != 0);
		assert(!(lent & BIT(v)));
		b_clear[v] = 0;
		p_cons = IX(p_cons + 1);
		b_free[p_head & (NIDS - 1)] = v;
		p_head = IX(p_head + 1);
		b_head = p_head
	}
}

inline reap_one()
{
	if
	:: atomic { p_cons != p_seen ->
#ifndef REL_LATE
		load_rel;
#endif
		reap_id()
	   }
	:: p_cons == p_seen ->
		if
		:: arm_release(1)
		:: IN_FLIGHT == NIDS -> arm_release(NIDS)
		fi
	fi
}

#ifndef NO_IDS
active proctype reap()
{
	byte v;

end:	do
	:: atomic {
		live[0] && !p_sleeps && b_head == NONE && IN_FLIGHT > 0 ->
			p_busy = true;
#ifdef REL_LATE
			load_rel
	   }
	   atomic {
#endif
		if
		:: p_cons == p_seen ->
			look(0, rel_prod[P(0)], p_seen, p_cons + NIDS)
		:: else -> skip
		fi
	   }
		reap_one();
	d_step { p_busy = false; v = 0 }
	:: d_step { p_sleeps && p_event -> p_event = false; p_sleeps = false }
	od
}
#endif

/* rx */

inline done()
{
	atomic { b_cons == NONE -> old = c_pub; c_pub = c_cons; b_cons = c_pub }
	atomic {
#ifndef NO_MB_DONE
		MB_RX;
#endif
		load(1, v, space_event[P(1)])
	}
	if
	:: passed(c_pub, old, v) -> signal_tx(t_event)
	:: else -> skip
	fi
}

#define load_slot	\
	load(1, v, slot[P(1) * NSLOTS + ((got + START) & (NSLOTS - 1))])

inline take()
{
	d_step {
		assert(v == MESSAGE(conn[1], got + 1, v & 3));
#ifndef NO_IDS
		c_holds = c_holds | BIT(v & 3);
#endif
		got++
	}
}

/* The slot; the index was looked at before. */
inline pull()
{
	if
	:: c_cons == c_seen -> c_over = true
	:: c_cons != c_seen ->
		c_cons = IX(c_cons + 1);
#ifdef CONS_EARLY
		done();
#endif
#ifndef PROD_LATE
		load_slot;
#endif
		take()
	fi
}

inline arm()
{
	store(b_event, IX(c_cons + 1));
	atomic {
#ifndef NO_MB_ARM
		MB_RX;
#endif
#ifndef NO_LOOK_ARM
		look(1, prod[P(1)], c_seen, c_cons + NSLOTS);
#endif
		c_over = false;
		c_sleeps = IX(c_seen - c_cons) < 1
	}
}

/* The last read of the memory, then the release, in the order of the program */
inline let_go(id)
{
	atomic {
		b_rel[c_rel & (NIDS - 1)] == NONE ->
#ifdef REL_EARLY
			c_holds = c_holds & ~BIT(id);
#else
			c_holds = c_holds & ~BIT(id); lent = lent & ~BIT(id);
#endif
			b_rel[c_rel & (NIDS - 1)] = id;
			c_rel = IX(c_rel + 1)
	}
}

inline release_publish()
{
	atomic {
		b_rel_prod == NONE ->
			old = c_rel_pub; c_rel_pub = c_rel; b_rel_prod = c_rel_pub
	}
	atomic {
#ifndef NO_MB_RELEASE
		MB_RX;
#endif
		load(1, v, rel_event[P(1)])
	}
	if
	:: passed(c_rel_pub, old, v) -> signal_tx(p_event)
	:: else -> skip
	fi;
#ifdef REL_EARLY
	lent = c_holds
#endif
}

#ifdef NO_DONE
#define DONE_DUE	false
#else
#define DONE_DUE	(c_cons != c_pub)
#endif

/* What was received is let go at any time, also by others while rx sleeps. */
#define RX_MAY	((!c_sleeps && (c_over || DONE_DUE)) || c_holds || c_rel != c_rel_pub)

inline rx_one()
{
	if
	:: !c_sleeps && DONE_DUE -> done()
	:: !c_sleeps && c_over && !DONE_DUE && c_rel == c_rel_pub -> arm()
	:: c_holds & 1 -> let_go(0)
	:: c_holds & 2 -> let_go(1)
	:: c_rel != c_rel_pub -> release_publish()
	fi
}

#define look_prod	\
	if \
	:: c_cons == c_seen -> look(1, prod[P(1)], c_seen, c_cons + NSLOTS) \
	:: else -> skip \
	fi

active proctype rx()
{
	byte v, old;

end:	do
	:: atomic {
		live[1] && !c_sleeps && !c_over -> c_busy = true;
#ifdef PROD_LATE
		load_slot
	   }
	   atomic {
#endif
		look_prod
	   }
		atomic { pull(); c_busy = false; v = 0; old = 0 }
	:: atomic { live[1] && RX_MAY -> c_busy = true }
		rx_one();
		d_step { c_busy = false; v = 0; old = 0 }
	:: d_step { c_sleeps && c_event -> c_event = false; c_sleeps = false }
	od
}

/* Lives */

/* fido_chans_alloc(): fresh memory */
inline fresh(i)
{
	last_gen[i]++;
	chans[i] = last_gen[i];
	ALIVE(i, G(i)) = true;
	used[i] = false;
	if
	:: i == 0 ->
		prod[G(0)] = START; space_event[G(0)] = START; rel_event[G(0)] = START;
		t_prod = START; t_pub = START; t_cons_seen = START;
		p_seen = START; p_cons = START; p_head = IX(START + NIDS);
		free_head = p_head; free_tail = START;
		free_id[START & (NIDS - 1)] = 0;
		free_id[(START + 1) & (NIDS - 1)] = NIDS - 1;
		cookie[0] = 0; cookie[NIDS - 1] = 0;
		sent = 0; lent = 0
	:: else ->
		cons[G(1)] = START; prod_event[G(1)] = START; rel_prod[G(1)] = START;
		c_cons = START; c_pub = START; c_seen = START;
		c_rel = START; c_rel_pub = START;
		got = 0
	fi
}

/* ->up() and fido_chans_live(): one event is made up */
inline go_live(i)
{
	up[i] = true;
	live[i] = true;
	if
	:: i == 0 -> t_sleeps = false; p_sleeps = false
	:: else -> c_over = false; c_sleeps = true;
#ifdef NO_FIRST
		c_event = false
#else
		c_event = true
#endif
	fi
}

#if RESTARTS
#include "lives.pml"
#endif

/* Events without reason */
#if SPURIOUS
proctype noise()
{
	byte n = SPURIOUS;

end:	do
	:: d_step { n > 0 && live[0] -> n--; t_event = true }
#ifndef NO_IDS
	:: d_step { n > 0 && live[0] -> n--; p_event = true }
#endif
	:: d_step { n > 0 && live[1] -> n--; c_event = true }
	od
}
#endif

/* When nothing can move any more, all must be done. */
#define RECEIVED	(sent == MESSAGES && got == MESSAGES && c_sleeps)
#define TAKEN_BACK	(!c_holds && !lent && IN_FLIGHT == 0)

active proctype judge()
{
end:	timeout ->
	assert(CONNECTED);
	assert(RECEIVED);
	assert(TAKEN_BACK)
}

/* There is no way to go on for ever without that. */
ltl settles { <> (CONNECTED && RECEIVED && TAKEN_BACK) }

init {
	d_step {
#if RESTARTS
		work[0] = true;
		work[1] = true
	}
	atomic {
		run link_work(0);
		run link_work(1);
		run held_work(0);
		run held_work(1)
#else
		fresh(0);
		fresh(1);
		conn[0] = 1;
		conn[1] = 1;
		go_live(0);
		go_live(1)
#endif
	}
#if SPURIOUS
	run noise()
#endif
}
