/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that are supported. HAVE_... come from
 * compat.mk, which looks into the kernel's headers. No version numbers here,
 * and no conditional code elsewhere.
 */
#ifndef FIDO_COMPAT_H
#define FIDO_COMPAT_H

#include <linux/container_of.h>
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/timer.h>

/* Driver core */

#ifdef HAVE_BUS_MATCH_CONST
#define compat_match_const const
#else
#define compat_match_const
#endif

#ifdef HAVE_BUS_TYPE_CONST
#define compat_bus_const const
#else
#define compat_bus_const
#endif

#ifdef HAVE_BUS_UEVENT_CONST
#define compat_uevent_const const
#else
#define compat_uevent_const
#endif

#ifndef HAVE_CONTAINER_OF_CONST
/* container_of() of these kernels takes a const pointer, too */
#define container_of_const(ptr, type, member) container_of(ptr, type, member)
#endif

/* Compiler attributes */

#ifndef __counted_by
#define __counted_by(member)
#endif

/* Scheduler: has somebody asked for this CPU, at once or at the next tick? */

#ifdef TIF_NEED_RESCHED_LAZY
#define compat_need_resched() \
	(need_resched() || test_thread_flag(TIF_NEED_RESCHED_LAZY))
#else
#define compat_need_resched() need_resched()
#endif

/* Timers */

#ifndef HAVE_TIMER_CONTAINER_OF
#define timer_container_of(var, timer, field) from_timer(var, timer, field)
#endif

#ifndef HAVE_TIMER_DELETE_SYNC
#define timer_delete_sync(timer) del_timer_sync(timer)
#endif

#ifndef HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* Xen: the type of xenbus_driver.remove, and what it returns */

#ifdef HAVE_XENBUS_REMOVE_VOID
#define compat_remove_t void
#define compat_remove_return() do { } while (0)
#else
#define compat_remove_t int
#define compat_remove_return() { return 0; }
#endif

/* Network */

#ifdef HAVE_MAC_PTON_IN_HEX
#include <linux/hex.h>
#else
#include <linux/kernel.h>
#endif

/* has a filter that may redirect; for callers that know struct net_device */
#if defined(HAVE_TCX_INGRESS) && defined(CONFIG_NET_XGRESS)
#define compat_dev_has_tc(dev) rcu_access_pointer((dev)->tcx_ingress)
#define compat_dev_has_tc_egress(dev) rcu_access_pointer((dev)->tcx_egress)
#elif !defined(HAVE_TCX_INGRESS) && defined(CONFIG_NET_CLS_ACT)
#define compat_dev_has_tc(dev) rcu_access_pointer((dev)->miniq_ingress)
#define compat_dev_has_tc_egress(dev) rcu_access_pointer((dev)->miniq_egress)
#else
#define compat_dev_has_tc(dev) NULL
#define compat_dev_has_tc_egress(dev) NULL
#endif

#ifdef CONFIG_NETFILTER_INGRESS
#define compat_dev_has_nft(dev) rcu_access_pointer((dev)->nf_hooks_ingress)
#else
#define compat_dev_has_nft(dev) NULL
#endif

#endif /* FIDO_COMPAT_H */
