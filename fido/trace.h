/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of the control plane; /sys/kernel/tracing/events/fido/.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM fido

#if !defined(FIDO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FIDO_TRACE_H

#include <linux/tracepoint.h>

#include "link.h"

TRACE_DEFINE_ENUM(FIDO_LINK_INIT);
TRACE_DEFINE_ENUM(FIDO_LINK_OFFERED);
TRACE_DEFINE_ENUM(FIDO_LINK_UP);
TRACE_DEFINE_ENUM(FIDO_LINK_CLOSING);
TRACE_DEFINE_ENUM(FIDO_LINK_CLOSED);

#define show_fido_link_state(state)			\
	__print_symbolic(state,				\
			 { FIDO_LINK_INIT, "init" },		\
			 { FIDO_LINK_OFFERED, "offered" },	\
			 { FIDO_LINK_UP, "up" },		\
			 { FIDO_LINK_CLOSING, "closing" },	\
			 { FIDO_LINK_CLOSED, "closed" })

TRACE_EVENT(fido_link_state,
	TP_PROTO(const struct fido_link *link, enum fido_link_state new),
	TP_ARGS(link, new),
	TP_STRUCT__entry(
		__field(u16, peer)
		__field(int, old_state)
		__field(int, new_state)
	),
	TP_fast_assign(
		__entry->peer = link->peer;
		__entry->old_state = link->state;
		__entry->new_state = new;
	),
	TP_printk("peer=%u %s -> %s", __entry->peer,
		  show_fido_link_state(__entry->old_state),
		  show_fido_link_state(__entry->new_state))
);

TRACE_EVENT(fido_service,
	TP_PROTO(const struct fido_link *link, unsigned int sid, u32 gen,
		 u32 peer_gen, bool up),
	TP_ARGS(link, sid, gen, peer_gen, up),
	TP_STRUCT__entry(
		__field(u16, peer)
		__field(u32, sid)
		__field(u32, gen)
		__field(u32, peer_gen)
		__field(bool, up)
	),
	TP_fast_assign(
		__entry->peer = link->peer;
		__entry->sid = sid;
		__entry->gen = gen;
		__entry->peer_gen = peer_gen;
		__entry->up = up;
	),
	TP_printk("peer=%u service=%u gen=%u peer_gen=%u %s", __entry->peer,
		  __entry->sid, __entry->gen, __entry->peer_gen,
		  __entry->up ? "up" : "down")
);

#endif /* FIDO_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
