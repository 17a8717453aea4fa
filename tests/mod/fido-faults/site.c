// SPDX-License-Identifier: GPL-2.0
/*
 * Site: a place in the modules under test from which something is called that
 * can fail. All of them are written down as they are met, and the plan says
 * which call fails.
 */
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "faults.h"

#define MAX_SITES	512
#define SITE_NAME_LEN	80

/**
 * struct faults_site - a place that calls
 * @function: what it calls
 * @scope: where it is
 * @offset: its place there
 * @calls: how often it was passed
 * @failed: how often with a failure
 * @name: as a symbol
 */
struct faults_site {
	const struct faults_function *function;
	const struct faults_scope *scope;
	unsigned long offset;
	u64 calls;
	u64 failed;
	char name[SITE_NAME_LEN];
};

/* guards all that follows; taken in any context, also within an interrupt's */
static DEFINE_RAW_SPINLOCK(sites_lock);
static struct faults_site sites[MAX_SITES];
static unsigned int nr_sites;
static u64 lost;

static struct faults_plan plan;
static bool armed;
static u64 calls;
static u64 failed;
static const struct faults_site *last;

static struct faults_site *site_find(const struct faults_function *function,
				     const struct faults_scope *scope,
				     unsigned long offset)
{
	struct faults_site *site;

	for (site = sites; site < sites + nr_sites; site++)
		if (site->offset == offset && site->scope == scope &&
		    site->function == function)
			return site;
	return NULL;
}

static struct faults_site *site_add(const struct faults_function *function,
				    const struct faults_scope *scope,
				    unsigned long caller)
{
	struct faults_site *site;

	if (nr_sites == MAX_SITES) {
		lost++;
		return NULL;
	}
	site = &sites[nr_sites++];
	memset(site, 0, sizeof(*site));
	site->function = function;
	site->scope = scope;
	site->offset = caller - scope->base;
	snprintf(site->name, sizeof(site->name), "%pS", (void *)caller);
	return site;
}

/* One that is not written down, as there are too many, does not fail. */
static bool site_is_meant(const struct faults_site *site)
{
	if (!armed || (plan.function && plan.function != site->function))
		return false;
	return !plan.scope ||
	       (plan.scope == site->scope && plan.offset == site->offset);
}

static bool site_is_due(const struct faults_site *site)
{
	if (!site_is_meant(site))
		return false;
	calls++;
	return calls >= plan.nth &&
	       (!plan.times || calls - plan.nth < plan.times);
}

/**
 * faults_site_call - somebody is about to call something
 * @function: what
 * @scope: the code that calls
 * @caller: where the call returns to
 *
 * Context: any; a probe.
 * Return: true if it has to fail.
 */
bool faults_site_call(const struct faults_function *function,
		      const struct faults_scope *scope, unsigned long caller)
{
	struct faults_site *site;
	unsigned long flags;
	bool due = false;

	/*
	 * Lockdep takes a probe's breakpoint for an NMI, which might come while
	 * the lock is held. None does: interrupts are off then, and nothing is
	 * called that has a probe.
	 */
	lockdep_off();
	raw_spin_lock_irqsave(&sites_lock, flags);
	site = site_find(function, scope, caller - scope->base);
	if (!site)
		site = site_add(function, scope, caller);
	if (site) {
		due = site_is_due(site);
		site->calls++;
		site->failed += due;
		failed += due;
		last = due ? site : last;
	}
	raw_spin_unlock_irqrestore(&sites_lock, flags);
	lockdep_on();
	return due;
}

/**
 * faults_site_arm - from now on some calls fail
 * @new: which; copied
 *
 * Context: process.
 */
void faults_site_arm(const struct faults_plan *new)
{
	raw_spin_lock_irq(&sites_lock);
	plan = *new;
	armed = true;
	calls = 0;
	failed = 0;
	last = NULL;
	raw_spin_unlock_irq(&sites_lock);
}

/**
 * faults_site_disarm - from now on no call fails; what was counted stays
 *
 * Context: process.
 */
void faults_site_disarm(void)
{
	raw_spin_lock_irq(&sites_lock);
	armed = false;
	raw_spin_unlock_irq(&sites_lock);
}

/**
 * faults_site_forget - disarm, and forget all sites
 *
 * Context: process.
 */
void faults_site_forget(void)
{
	raw_spin_lock_irq(&sites_lock);
	armed = false;
	nr_sites = 0;
	lost = 0;
	last = NULL;
	raw_spin_unlock_irq(&sites_lock);
}

static void site_show(struct seq_file *s, const struct faults_site *site)
{
	seq_printf(s, "%s+0x%lx %s %llu %llu %s\n", site->scope->name,
		   site->offset, site->function->name, site->calls,
		   site->failed, site->name);
}

/**
 * faults_site_list - show all sites
 * @s: where to
 *
 * Context: process.
 */
void faults_site_list(struct seq_file *s)
{
	unsigned int i;

	raw_spin_lock_irq(&sites_lock);
	for (i = 0; i < nr_sites; i++)
		site_show(s, &sites[i]);
	raw_spin_unlock_irq(&sites_lock);
}

/**
 * faults_site_status - show what has become of the plan
 * @s: where to
 *
 * Context: process.
 */
void faults_site_status(struct seq_file *s)
{
	raw_spin_lock_irq(&sites_lock);
	seq_printf(s, "armed %u\ncalls %llu\nfailed %llu\nsites %u\nlost %llu\n",
		   armed, calls, failed, nr_sites, lost);
	if (last) {
		seq_puts(s, "last ");
		site_show(s, last);
	}
	raw_spin_unlock_irq(&sites_lock);
}
