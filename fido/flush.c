// SPDX-License-Identifier: GPL-2.0
/*
 * Flush: have CPUs free what they only keep for later.
 *
 * A page of a peer is in use as long as anybody holds a reference, whether he
 * wants it or not. An skb that a process has read on one CPU is left to the CPU
 * that built it (skb_attempt_defer_free(), since Linux 5.19): that one frees it
 * in its next NET_RX softirq. It is interrupted for that when 32 skbs wait.
 * Fewer wait for the next frame there, which may never come. First TCP did
 * this, then UDP and those who free sent skbs.
 *
 * The kernel guarantees that net_rx_action() frees all that waits on its CPU,
 * and that it runs where a NAPI is scheduled. We have a NAPI for each CPU,
 * which polls nothing, and a work item that schedules it there. Callers are
 * told nothing about the outcome: they look at references in any case, and ask
 * again as long as they find some. A CPU that goes offline takes with it what
 * it keeps, until it is back; newer kernels (7.2 does) free that, too.
 */
#include <linux/bottom_half.h>
#include <linux/cpumask.h>
#include <linux/etherdevice.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/workqueue.h>

#include "fido.h"
#include "flush.h"

/* A reader who never reads must not cost the CPUs much */
#define FLUSH_PERIOD	(HZ / 10)

/**
 * struct fido_flush - one CPU's
 * @napi: what NET_RX runs for
 * @work: schedules it, on that CPU
 * @next: not before that time
 */
struct fido_flush {
	struct napi_struct napi;
	struct work_struct work;
	unsigned long next;
};

static DEFINE_PER_CPU(struct fido_flush, flushes);

/* A NAPI belongs to a device. Nobody sees this one: it is not registered. */
static struct net_device *flush_dev;

static int flush_poll(struct napi_struct *napi, int budget)
{
	napi_complete_done(napi, 0);
	return 0;
}

static void flush_work_fn(struct work_struct *work)
{
	struct fido_flush *flush = container_of(work, struct fido_flush, work);

	local_bh_disable();
	napi_schedule(&flush->napi);
	local_bh_enable();	/* here NET_RX runs */
}

/**
 * fido_flush - have a CPU free what it keeps for later
 * @cpu: CPU, online or not
 *
 * Takes effect soon, or not at all if it was asked for a moment ago.
 *
 * Context: any.
 */
void fido_flush(unsigned int cpu)
{
	struct fido_flush *flush = per_cpu_ptr(&flushes, cpu);

	if (!cpu_online(cpu) || time_before(jiffies, READ_ONCE(flush->next)))
		return;
	WRITE_ONCE(flush->next, jiffies + FLUSH_PERIOD);
	/* if it goes offline just now, the work runs elsewhere, to no effect */
	schedule_work_on(cpu, &flush->work);
}
EXPORT_SYMBOL_GPL(fido_flush);

/**
 * fido_flush_all - the same for all CPUs
 *
 * Context: any.
 */
void fido_flush_all(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		fido_flush(cpu);
}
EXPORT_SYMBOL_GPL(fido_flush_all);

static void __init flush_init_cpu(struct fido_flush *flush)
{
	INIT_WORK(&flush->work, flush_work_fn);
	flush->next = jiffies;
	/* it has no id, and nobody finds it by one */
	set_bit(NAPI_STATE_NO_BUSY_POLL, &flush->napi.state);
	netif_napi_add(flush_dev, &flush->napi, flush_poll);
	napi_enable(&flush->napi);
}

/**
 * fido_flush_init - make the NAPIs
 *
 * Return: 0 or -ENOMEM.
 */
int __init fido_flush_init(void)
{
	unsigned int cpu;

	flush_dev = alloc_etherdev(0);
	if (!flush_dev)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		flush_init_cpu(per_cpu_ptr(&flushes, cpu));
	return 0;
}

/**
 * fido_flush_exit - end them; nobody asks any more
 */
void fido_flush_exit(void)
{
	struct fido_flush *flush;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		flush = per_cpu_ptr(&flushes, cpu);
		cancel_work_sync(&flush->work);
		napi_disable(&flush->napi);
		__netif_napi_del(&flush->napi);
	}
	/* one grace period for all of them, as __netif_napi_del() wants it */
	synchronize_net();
	free_netdev(flush_dev);
}
