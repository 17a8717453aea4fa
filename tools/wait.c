// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "util.h"
#include "wait.h"

/* Silence for longer than this looks like a hang. */
#define PROGRESS_MS 2000

static void report_progress(const struct link *link, const char *what,
			    long long left)
{
	const struct end *front = &link->end[FRONT];
	const struct end *back = &link->end[BACK];

	note("%s: waiting %lld more seconds, %s is %s, %s is %s", what,
	     left / 1000, front->domain.name, end_state(front),
	     back->domain.name, end_state(back));
}

/*
 * Ends when @condition says so, at the latest after @seconds. Both ends'
 * directories and the disappearance of domains are watched. @link is what was
 * read last, and of its services only those that it has are read again. @what
 * is for messages.
 */
enum verdict wait_for_link(struct store *store, struct link *link,
			   unsigned int seconds, const char *what,
			   condition_fn condition, const void *arg)
{
	long long until = now_ms() + seconds * 1000LL;
	long long step = now_ms() + PROGRESS_MS;
	enum verdict verdict;

	store_watch(store, link->end[FRONT].dir);
	store_watch(store, link->end[BACK].dir);
	store_watch(store, "@releaseDomain");
	for (;;) {
		store_drain(store);
		link_reread(store, link);
		verdict = condition(link, arg);
		if (verdict != PENDING || now_ms() >= until)
			return verdict;
		if (store_wait(store, step < until ? step : until))
			continue;
		step = now_ms() + PROGRESS_MS;
		if (until - now_ms() >= 1000)
			report_progress(link, what, until - now_ms());
	}
}
