/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Model of fences (include/fido_proto.h, @fence and @fenced; fido/fence.c), for
 * the model checker spin.
 *
 * A owns one buffer, which is in flight to B. B hands its address on to C and
 * to D, C to D, each once and at any time; both read A by windows of their own.
 * B dies at any time, C at any time after that. C and D have a data path, which
 * takes references in an RCU read section, and a link's work that answers
 * fences. A frees the buffer when all who read it have answered.
 *
 * Checked: nobody who lives has a reference to the freed buffer, or gets one.
 *
 * Each of these must be found wrong: LATE_LIST shows the number before B is
 * taken out of the list of readers. NO_GRACE begins the drain without waiting
 * for read sections. NO_ANEW asks nobody anew when C dies. NO_HOLD has C let go
 * of what it has handed on to D. NO_FENCE asks nobody at all.
 *
 * Not modelled: the death of C while B lives, after which B gives back what D
 * may still read (docs/security.md).
 */
#define B	0
#define C	1
#define D	2
#define BC	0	/* from whom to whom */
#define BD	1
#define CD	2

/* A's root pages, and the readers' */
bool listed[3] = true;
byte fence;
byte fenced[3];

/* Rings: a message that names the buffer; it can be read after its sender's death */
bool msg[3];
bool sent[3];

bool alive[3] = true;
bool in_rcu[3];
bool got[3];		/* the taker has a reference */
bool lent;		/* C holds what it has handed on to D */
bool freed;

#define idle_C	(!got[BC] && !lent)
#define idle_D	(!got[BD] && !got[CD])

inline send(giver, way)
{
	atomic { alive[giver] && !sent[way] -> sent[way] = true; msg[way] = true }
}

/* fido_resolve() of what giver named to taker */
inline take(giver, taker, way)
{
	atomic { alive[taker] && msg[way] -> in_rcu[taker] = true }
	if
	:: listed[giver] ->
		atomic {
			if
			:: alive[taker] ->
				assert(!freed);
				got[way] = true
			:: else
			fi
		}
	:: else
	fi;
	atomic { in_rcu[taker] = false; msg[way] = false }
}

inline let_go(taker, way)
{
	atomic {
		alive[taker] && got[way] ->
		assert(!freed);
		got[way] = false
	}
}

proctype b_lives()
{
end:	do
	:: send(B, BC)
	:: send(B, BD)
	:: atomic { alive[B] -> alive[B] = false; break }
	od
}

proctype c_data()
{
end:	do
	:: take(B, C, BC)
	:: let_go(C, BC)
	:: atomic {
		alive[C] && got[BC] && !sent[CD] ->
		sent[CD] = true;
		msg[CD] = true;
#ifndef NO_HOLD
		lent = true
#endif
	   }
	/* given back by D */
	:: atomic { lent && !msg[CD] && !got[CD] -> lent = false }
	od
}

proctype c_dies()
{
end:	atomic {
		!alive[B] ->
		alive[C] = false;
		got[BC] = false;
		lent = false
	}
}

proctype d_data()
{
end:	do
	:: take(B, D, BD)
	:: take(C, D, CD)
	:: let_go(D, BD)
	:: let_go(D, CD)
	od
}

/* fence_answer() */
proctype work(byte i)
{
	byte seen = 0, asked;

end:	do
	:: alive[i] && fence != seen ->
		asked = fence;
#ifndef NO_GRACE
		!in_rcu[i];
#endif
		/* each page has been seen idle once */
end_drain:	alive[i] && ((i == C && idle_C) || (i == D && idle_D));
		seen = asked;
end_answer:	atomic { alive[i] -> fenced[i] = asked }
	od
}

proctype a_owns()
{
	byte seq = 0;
	bool with_c = true;

end:	!alive[B];
	seq++;
#ifdef LATE_LIST
	fence = seq;
	listed[B] = false;
#else
	listed[B] = false;
	fence = seq;
#endif
wait:	do
#ifdef NO_FENCE
	:: break
#endif
	:: with_c && !alive[C] ->
		with_c = false;
		listed[C] = false;
#ifndef NO_ANEW
		seq++;
		fence = seq
#endif
	:: (!with_c || fenced[C] == seq) && fenced[D] == seq -> break
	od;
	freed = true
}

init {
	atomic {
		run b_lives();
		run c_data();
		run c_dies();
		run d_data();
		run work(C);
		run work(D);
		run a_owns()
	}
}
