// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "change.h"
#include "service.h"
#include "show.h"
#include "util.h"
#include "wait.h"

/* How long a live pair of drivers may take to come up or to complain. */
#define ANSWER_SECONDS 5

static const struct service *find_id(const struct link *link, unsigned int id)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		if (link->service[i].id == id)
			return &link->service[i];
	return NULL;
}

static enum verdict is_up(const struct link *link, const void *arg)
{
	const unsigned int *id = arg;
	const struct service *service = find_id(link, *id);

	if (!service || link_stale(link) || link_failed(link))
		return FAILED;
	if (link_connected(link) && service_up(service))
		return REACHED;
	if (service->half[FRONT].error || service->half[BACK].error)
		return FAILED;
	return PENDING;
}

static void undo(struct store *store, struct link *link,
		 const struct addition *add)
{
	do {
		store_begin(store);
		service_remove(store, link, add->id);
		if (add->link_created)
			link_erase(store, link);
	} while (!store_commit(store));
}

static void die_refused(struct store *store, struct link *link,
			const struct addition *add)
{
	const struct service *service = find_id(link, add->id);
	char *problem = NULL;

	if (service)
		problem = service_problem(link, service);
	if (!problem)
		problem = join_problems(link, link->end[FRONT].error,
					link->end[BACK].error);
	undo(store, link, add);
	die("%s not added: %s", add->what,
	    problem ? problem : "a VM or the link has just gone");
}

static const char *half_state(const struct service *service, unsigned int side)
{
	return service && service->half[side].up ? "up" : "down";
}

static void die_not_up(const struct link *link, const struct addition *add,
		       unsigned int seconds)
{
	const struct service *service = find_id(link, add->id);
	const struct end *front = &link->end[FRONT];
	const struct end *back = &link->end[BACK];

	if (!link_connected(link))
		die("%s is not up after %u s, it stays: %s is %s, %s is %s: %s",
		    add->what, seconds, front->domain.name, end_state(front),
		    back->domain.name, end_state(back), link_hint(link));
	die("%s is not up after %u s, it stays: %s is %s, %s is %s: is its module loaded in both?",
	    add->what, seconds, front->domain.name, half_state(service, FRONT),
	    back->domain.name, half_state(service, BACK));
}

static void report(const struct options *opt, const struct link *link,
		   const struct addition *add, bool up)
{
	const struct service *service = find_id(link, add->id);

	if (opt->given & OPT_JSON) {
		if (service)
			add->print_json(link, service);
		return;
	}
	if (add->link_created)
		printf("link %s -- %s added\n", link->end[FRONT].domain.name,
		       link->end[BACK].domain.name);
	printf("%s added, %s\n", add->what, up ? "up" : "not up yet");
}

/*
 * After the nodes are there: what do the drivers say? An error undoes the
 * addition. Unless --wait says otherwise, silence is none: a module may be
 * loaded later. A link that is not connected has nobody who could answer.
 */
int service_settle(struct store *store, const struct options *opt,
		   const struct addition *add)
{
	enum verdict verdict = PENDING;
	unsigned int seconds;
	struct link link;

	link_read(store, add->front, add->back, &link);
	if (opt->given & OPT_WAIT)
		seconds = opt->wait;
	else
		seconds = link_connected(&link) ? ANSWER_SECONDS : 0;
	if (seconds)
		verdict = wait_for_link(store, &link, seconds, add->what,
					is_up, &add->id);
	if (verdict == FAILED)
		die_refused(store, &link, add);
	if (verdict == PENDING && opt->given & OPT_WAIT && seconds)
		die_not_up(&link, add, seconds);
	report(opt, &link, add, verdict == REACHED);
	link_free(&link);
	return 0;
}
