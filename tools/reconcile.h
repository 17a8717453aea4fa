/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bringing about what the configuration names.
 */
#ifndef FIDOCTL_RECONCILE_H
#define FIDOCTL_RECONCILE_H

#include <signal.h>

#include "config.h"
#include "watches.h"
#include "wish.h"

/**
 * struct supervisor - what one look at everything works with
 * @store: connection to xenstore
 * @config: what there shall be
 * @watches: whose links tell when they change
 * @mask: signals while waiting
 * @apply: bring parameters up to date, remove what is not named any more
 * @unfinished: not all of that could be done: disks are open
 * @in_use: which of them are not named any more, one line; NULL if none is
 * @said: what of this the log was told last, or NULL
 * @dry_run: only say what would be done
 * @topology: the links, as they were read last
 * @changed: something may have changed since then, by what was done
 * @roster: the VMs that run
 * @wake: when to look again if nothing happens
 * @forget: when to read again what is remembered
 * @failures: attempts that failed
 */
struct supervisor {
	struct store store;
	struct config config;
	struct watches watches;
	const sigset_t *mask;
	bool apply;
	bool unfinished;
	char *in_use;
	char *said;
	bool dry_run;
	struct topology topology;
	bool changed;
	struct roster roster;
	long long wake;
	long long forget;
	unsigned int failures;
};

void reconcile(struct supervisor *sup);

#endif /* FIDOCTL_RECONCILE_H */
