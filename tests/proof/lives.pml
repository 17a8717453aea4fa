/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of ring.pml, which includes it, in which a side leaves its rings and
 * both get fresh ones: the handshake of service.pml in steps that are larger.
 */

#define UNUSED(i)	((i) == 0 -> !t_busy && !p_busy && MB_TX && MB_REAP : !c_busy && MB_RX)

/* fido_chans_quiet() and ->down(): nobody is at work from now on */
inline go_down(i)
{
	live[i] = false;
#ifndef NO_QUIET
	UNUSED(i);
#endif
	d_step {
		up[i] = false;
		if
		:: i == 0 ->
			b_slot[0] = NONE; b_slot[NSLOTS - 1] = NONE;
#if NSLOTS == 4
			b_slot[1] = NONE; b_slot[2] = NONE;
#endif
			b_cookie[0] = NONE; b_cookie[NIDS - 1] = NONE;
			t_sleeps = false; p_sleeps = false;
			t_event = false; p_event = false
		:: else ->
			b_rel[0] = NONE; b_rel[NIDS - 1] = NONE;
			c_sleeps = false; c_event = false; c_over = false;
			linger = linger || c_holds != 0;
			c_holds = 0
		fi
	}
}

inline disconnect(i)
{
	if
	:: up[i] -> go_down(i)
	:: else -> skip
	fi;
	if
	:: conn[i] != 0 ->
		d_step { drain_gen[i] = conn[i]; conn[i] = 0; echo[i] = 0 }
	:: else -> skip
	fi
}

inline retire(i)
{
	if
	:: chans[i] != 0 ->
		disconnect(i);
		d_step {
			gen[i] = 0;
			if
			:: used[i] -> HELD(i, chans[i] - 1) = true
			:: else -> ALIVE(i, chans[i] - 1) = false
			fi;
			chans[i] = 0;
			work[1 - i] = true
		}
	:: else -> skip
	fi
}

inline offer(i)
{
	d_step {
		assert(last_gen[i] < GENS);
		fresh(i);
		gen[i] = chans[i];
		work[1 - i] = true
	}
}

inline connect(i, g)
{
	d_step {
		/* fido_link_undrain() */
		if
		:: drain_gen[i] >= g -> drain_gen[i] = g - 1
		:: else -> skip
		fi;
		if
		:: drained[i] >= g -> drained[i] = g - 1
		:: else -> skip
		fi;
		used[i] = true;
		conn[i] = g;
		echo[i] = g;
		work[1 - i] = true;
		work[i] = true
	}
}

/* service_step(): all steps that one look allows */
inline step(i)
{
	if
	:: chans[i] != 0 && conn[i] != 0 ->
		if
#ifdef NO_RENEW
		:: v_gen != conn[i] -> disconnect(i)
#else
		:: up[i] && (v_gen != conn[i] || v_echo != chans[i]) -> retire(i)
		:: !up[i] && v_gen != conn[i] -> disconnect(i)
#endif
		:: else -> skip
		fi
	:: else -> skip
	fi;
	if
	:: chans[i] == 0 -> offer(i)
	:: else -> skip
	fi;
	if
	:: v_gen != 0 && conn[i] == 0 -> connect(i, v_gen)
#ifdef NO_ECHO
	:: v_gen != 0 && !up[i] && conn[i] != 0 ->
#else
	:: v_gen != 0 && !up[i] && conn[i] != 0 && v_echo == chans[i] ->
#endif
		d_step { go_live(i) }
	:: else -> skip
	fi
}

/* The link's work, and a client that is loaded anew at any moment */
proctype link_work(byte i)
{
	byte v_gen, v_echo;

end:	do
	:: atomic { work[i] -> work[i] = false; v_echo = echo[1 - i] }
		atomic { v_gen = gen[1 - i]; step(i); v_gen = 0; v_echo = 0 }
	:: atomic { restarts > 0 -> restarts--; work[i] = true; retire(i) }
	od
}

#ifdef FREE_EARLY
#define LET_GO(i, g)	true
#else
#define LET_GO(i, g)	(drained[1 - (i)] >= (g))
#endif
#ifdef DRAIN_EARLY
#define STILL_USED(i)	false
#else
#define STILL_USED(i)	((i) == 1 && linger)
#endif

/* fido_link_step_held() and the end of what was received in the life before */
proctype held_work(byte i)
{
end:	do
	:: d_step { i == 1 && linger -> linger = false }
	:: d_step { drain_gen[i] != 0 && !STILL_USED(i) ->
			drained[i] = drain_gen[i]; drain_gen[i] = 0
		}
	:: d_step { HELD(i, 0) && LET_GO(i, 1) ->
			HELD(i, 0) = false; ALIVE(i, 0) = false;
			assert(i == 1 || !linger)
		}
#if RESTARTS > 1
	:: d_step { HELD(i, 1) && LET_GO(i, 2) ->
			HELD(i, 1) = false; ALIVE(i, 1) = false;
			assert(i == 1 || !linger)
		}
#endif
	od
}
