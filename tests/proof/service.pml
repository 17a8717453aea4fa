/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Model of the handshake of a service (include/fido_proto.h, "Services", and
 * fido/service.c, fido/held.c), for the model checker spin.
 *
 * Two sides; each has a client that comes and goes, the link's work that
 * takes steps when it is signalled, and a drain that ends at any time. Each
 * read and write of the service table is a step of its own. Memory of a
 * generation is alive from its offer until its owner frees it.
 *
 * Checked: nobody uses rings that are not fresh, or that belong to another
 * pair; nobody uses freed memory; when both clients stay, the service comes up
 * on both sides and stays up (ltl comes_up).
 *
 * OLD_ECHO lets a side go up by the look with which it connected: the echo can
 * be that of an earlier generation, and both may renew for ever.
 * NO_RETRACT leaves out that a side which connects to a generation a second
 * time takes back what it said about having drained it. NO_RENEW leaves out
 * that a side that was up offers fresh rings. GEN_FIRST reads the generation
 * before the echo. Each of these must be found wrong.
 */

/* How often each client comes or goes; odd: at the end it is there */
#ifndef T0
#define T0	3
#endif
#ifndef T1
#define T1	1
#endif
#define GENS	8	/* generations of each side; the model checks the limit */
#define AT(i, g) ((i) * GENS + (g))

/* The service table: written by its side, read by the other */
byte gen[2];
byte echo[2];
byte drained[2];

/* Private to a side */
bool wanted[2];
bool up[2];
bool used[2];
byte chans[2];		/* own generation, zero without channels */
byte conn[2];		/* the peer's that we are connected to */
byte last_gen[2];
byte drain_gen[2];	/* a drain is under way; 255: there is none */
bool lock[2];		/* service->lock */
bool work[2];		/* the link's work has a reason to run */

/* Ghosts: for the properties alone */
bool alive[2 * GENS];	/* memory of a side's generation */
bool held[2 * GENS];	/* retired, waits for the peer's drain */
bool linger[2 * GENS];	/* the peer's skbs still point to it */
byte partner[2 * GENS];	/* the generation that it was up with */

#define NO_DRAIN 255
#define peer (1 - i)

inline take(i)
{
	atomic { !lock[i] -> lock[i] = true }
}

inline give(i)
{
	lock[i] = false
}

/* Is memory of @peer's generation g in use by side i? */
#define in_use(i, g) ((up[i] && conn[i] == (g)) || linger[AT(1 - (i), g)])

inline free_mem(i, g)
{
	d_step {
		assert(!in_use(peer, g));
		alive[AT(i, g)] = false;
		held[AT(i, g)] = false
	}
}

inline disconnect(i)
{
	if
	:: conn[i] != 0 ->
		d_step {
			if
			:: up[i] -> linger[AT(peer, conn[i])] = true
			:: else -> skip
			fi;
			up[i] = false;
			drain_gen[i] = conn[i];
			conn[i] = 0
		}
		echo[i] = 0
	:: else -> skip
	fi
}

inline retire(i)
{
	if
	:: chans[i] != 0 ->
		disconnect(i);
		gen[i] = 0;
		if
		:: used[i] -> held[AT(i, chans[i])] = true
		:: else -> free_mem(i, chans[i])
		fi;
		chans[i] = 0;
		work[peer] = true
	:: else -> skip
	fi
}

inline offer(i)
{
	d_step {
		last_gen[i]++;
		assert(last_gen[i] < GENS);
		chans[i] = last_gen[i];
		used[i] = false;
		alive[AT(i, chans[i])] = true
	}
	gen[i] = chans[i];
	work[peer] = true
}

inline retract(i, g)
{
	skip;
#ifndef NO_RETRACT
	d_step {
		if
		:: drain_gen[i] != NO_DRAIN && drain_gen[i] >= g ->
			drain_gen[i] = g - 1
		:: else -> skip
		fi;
		if
		:: drained[i] >= g -> drained[i] = g - 1
		:: else -> skip
		fi
	}
#endif
}

inline connect(i, g)
{
	retract(i, g);
	used[i] = true;
	conn[i] = g;
	echo[i] = g;
	work[peer] = true
}

/* The rings must be fresh, and each other's partners. */
inline go_up(i)
{
	d_step {
		assert(partner[AT(i, chans[i])] == 0);
		assert(partner[AT(peer, conn[i])] == 0 ||
		       partner[AT(peer, conn[i])] == chans[i]);
		assert(alive[AT(peer, conn[i])]);
		partner[AT(i, chans[i])] = conn[i];
		up[i] = true
	}
}

inline look(i)
{
#ifdef GEN_FIRST
	v_gen = gen[peer];
	v_echo = echo[peer]
#else
	v_echo = echo[peer];
	v_gen = gen[peer]
#endif
}

inline step(i)
{
	look(i);
	if
	:: chans[i] != 0 && conn[i] != 0 ->
		if
#ifndef NO_RENEW
		:: up[i] && (v_gen != conn[i] || v_echo != chans[i]) ->
			retire(i)
		:: !up[i] && v_gen != conn[i] ->
			disconnect(i)
#else
		:: v_gen != conn[i] ->
			disconnect(i)
#endif
		:: else -> skip
		fi
	:: else -> skip
	fi;
	if
	:: !wanted[i] -> retire(i)
	:: else ->
		if
		:: chans[i] == 0 -> offer(i)
		:: else -> skip
		fi;
		if
		:: v_gen != 0 && conn[i] == 0 ->
			connect(i, v_gen);
#ifdef OLD_ECHO
			skip
#else
			/* what was seen may be the echo of an earlier one */
			v_echo = 0;
			work[i] = true
#endif
		:: else -> skip
		fi;
		if
		:: v_gen != 0 && !up[i] && conn[i] != 0 &&
		   v_echo == chans[i] -> go_up(i)
		:: else -> skip
		fi
	fi
}

/* The link's work; a signal that comes while it runs starts it again. */
proctype worker(byte i)
{
	byte v_gen, v_echo;

end:	do
	:: atomic { work[i] -> work[i] = false }
		take(i);
		step(i);
		give(i)
	od
}

/* A client that is loaded and unloaded: fido_enable(), fido_disable(). */
proctype client(byte i; byte todo)
{
	byte n = 0;

	do
	:: n == todo -> break
	:: n < todo ->
		take(i);
		if
		:: !wanted[i] -> wanted[i] = true
		:: else ->
			wanted[i] = false;
			retire(i)
		fi;
		give(i);
		work[i] = true;
		n++
	od
}

/* Ends a drain when the last user is gone, frees what the peer has drained. */
proctype held_work(byte i)
{
	byte g;

end:	do
	:: d_step { drain_gen[i] != NO_DRAIN ->
			/* users of this and of earlier generations are gone */
			g = 1;
			do
			:: g < GENS ->
				if
				:: g <= drain_gen[i] ->
					linger[AT(peer, g)] = false
				:: else -> skip
				fi;
				g++
			:: else -> break
			od;
			drained[i] = drain_gen[i];
			drain_gen[i] = NO_DRAIN;
			g = 0
		}
	:: d_step { (held[AT(i, 1)] && drained[peer] >= 1) ||
		    (held[AT(i, 2)] && drained[peer] >= 2) ||
		    (held[AT(i, 3)] && drained[peer] >= 3) ||
		    (held[AT(i, 4)] && drained[peer] >= 4) ||
		    (held[AT(i, 5)] && drained[peer] >= 5) ||
		    (held[AT(i, 6)] && drained[peer] >= 6) ||
		    (held[AT(i, 7)] && drained[peer] >= 7) ->
			g = 1;
			do
			:: g < GENS ->
				if
				:: held[AT(i, g)] && drained[peer] >= g ->
					assert(!in_use(peer, g));
					alive[AT(i, g)] = false;
					held[AT(i, g)] = false
				:: else -> skip
				fi;
				g++
			:: else -> break
			od;
			g = 0
		}
	od
}

init {
	atomic {
		drain_gen[0] = NO_DRAIN;
		drain_gen[1] = NO_DRAIN;
		run worker(0);
		run worker(1);
		run client(0, T0);
		run client(1, T1);
		run held_work(0);
		run held_work(1)
	}
}

#define both_stay (wanted[0] && wanted[1])
#define both_up (up[0] && up[1])

ltl comes_up { (<>[] both_stay) -> (<>[] both_up) }
