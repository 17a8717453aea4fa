// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "blk.h"
#include "change.h"
#include "keep.h"
#include "log.h"
#include "mend.h"
#include "reconcile.h"
#include "show.h"
#include "signals.h"

/* Between two attempts, doubling */
#define FIRST_DELAY_MS	1000
#define LAST_DELAY_MS	60000

/*
 * A driver tries by itself for ten seconds or so, and the peer may take as long
 * to let go. To make a link anew costs what is on it.
 */
#define IN_USE_MS	30000

/* For both drivers to see that a service has gone. */
#define GONE_MS		2000

/*
 * A VM may be renamed, and nobody tells; and xenstored drops an event that it
 * has no memory for.
 */
#define RESCAN_MS	60000

/* Words */

/* Once, until there is something else to be said of this service. */
static void say(struct wish *wish, int priority, const char *fmt, ...)
	__printf(3, 4);

static void say(struct wish *wish, int priority, const char *fmt, ...)
{
	char *label, *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (!wish->retry.said || strcmp(wish->retry.said, text)) {
		label = wish_label(wish);
		log_line(priority, "%s: %s", label, text);
		free(label);
	}
	free(wish->retry.said);
	wish->retry.said = text;
}

/* Attempts */

static void look_again(struct supervisor *sup, long long when)
{
	if (when < sup->wake)
		sup->wake = when;
}

/*
 * Returns why it was not done, to be freed, or NULL. What was read before is
 * not read again: there may be hundreds of services to change, and whoever
 * changes one looks himself whether it is still needed.
 */
static char *try(struct supervisor *sup, int (*action)(void *mending),
		 struct mending *mending)
{
	char *said;
	bool done;

	sup->changed = true;
	done = attempt(action, mending, sup->mask, &said);
	/* it has a connection of its own, and the events may be under way */
	store_forget(&sup->store);
	if (done) {
		free(said);
		return NULL;
	}
	if (!signals_stop())
		sup->failures++;
	return said;
}

static unsigned int delay_of(const struct wish *wish)
{
	return wish->retry.delay ? wish->retry.delay : FIRST_DELAY_MS;
}

static void postpone(struct supervisor *sup, struct wish *wish)
{
	unsigned int delay = delay_of(wish);

	wish->retry.next = now_ms() + delay;
	wish->retry.delay = delay < LAST_DELAY_MS / 2 ? 2 * delay :
		LAST_DELAY_MS;
	look_again(sup, wish->retry.next);
}

static bool is_due(struct supervisor *sup, const struct wish *wish)
{
	if (now_ms() >= wish->retry.next)
		return true;
	look_again(sup, wish->retry.next);
	return false;
}

/* Has it been wrong for this long? */
static bool lasts(struct supervisor *sup, struct wish *wish, long long ms)
{
	if (!wish->retry.since)
		wish->retry.since = now_ms();
	if (now_ms() >= wish->retry.since + ms)
		return true;
	look_again(sup, wish->retry.since + ms);
	return false;
}

static void all_is_well(struct wish *wish)
{
	wish->retry.next = 0;
	wish->retry.delay = 0;
	wish->retry.since = 0;
}

static struct mending mending_of(const struct config_file *file,
				 const struct wish *wish,
				 const struct look *look)
{
	struct mending m = { .wish = wish, .file = file->name };

	if (look->link) {
		m.front = look->link->end[FRONT].domain.domid;
		m.back = look->link->end[BACK].domain.domid;
	}
	if (look->service)
		m.id = look->service->id;
	return m;
}

/* Services, one at a time */

/* Its other services went with it, and each is to be found missing. */
static void reread_link(struct supervisor *sup, const struct mending *m)
{
	struct link *link = topology_get(&sup->store, &sup->topology, m->front,
					 m->back);

	link_read_ends(&sup->store, link);
	link_read_services(&sup->store, link);
}

/* @action ends with the service added. */
static void make(struct supervisor *sup, const struct config_file *file,
		 struct wish *wish, const struct look *look,
		 int (*action)(void *mending))
{
	struct mending m = mending_of(file, wish, look);
	bool tell = !wish->retry.delay && action == mend_add;
	char *why;

	if (sup->dry_run) {
		say(wish, LOG_INFO, "would be made");
		return;
	}
	if (!is_due(sup, wish))
		return;
	why = try(sup, action, &m);
	/* also after a success: only a service that is up ends the series */
	postpone(sup, wish);
	wish->retry.since = 0;
	if (signals_stop())
		;
	else if (why)
		say(wish, LOG_ERR, "%s", why);
	else if (tell)
		say(wish, LOG_INFO, "made");
	if (!why)
		wish->retry.old_id = FIDO_MAX_SERVICES;
	free(why);
	if (action == mend_broken_link)
		reread_link(sup, &m);
}

/*
 * It is added again later on, when both drivers have seen that it went. With
 * @park as the same disk or interface, if it is kept.
 */
static void unmake(struct supervisor *sup, const struct config_file *file,
		   struct wish *wish, const struct look *look, bool park)
{
	struct mending m = mending_of(file, wish, look);
	char *why;

	m.park = park;
	if (sup->dry_run) {
		say(wish, LOG_INFO, "would be made anew");
		return;
	}
	why = try(sup, mend_remove_service, &m);
	if (why)
		say(wish, LOG_ERR, "cannot be made anew: %s", why);
	wish->retry.old_id = m.id;
	wish->retry.next = now_ms() + GONE_MS;
	wish->retry.since = 0;
	look_again(sup, wish->retry.next);
	free(why);
}

static bool link_in_use(const struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		if (service_in_use(&link->service[i]))
			return true;
	return false;
}

static void mend_link(struct supervisor *sup, const struct config_file *file,
		      struct wish *wish, const struct look *look)
{
	const struct link *link = look->link;
	char *problem = join_problems(link, link->end[FRONT].error,
				      link->end[BACK].error);
	unsigned int grace = delay_of(wish);

	if (!link_is_ours(link)) {
		say(wish, LOG_WARNING, "the link was made by hand, or others use it: %s",
		    problem);
		free(problem);
		return;
	}
	say(wish, LOG_WARNING, "the link failed, trying again: %s", problem);
	free(problem);
	if (link_in_use(link) && grace < IN_USE_MS)
		grace = IN_USE_MS;
	if (lasts(sup, wish, grace))
		make(sup, file, wish, look, mend_broken_link);
}

static void mend_service(struct supervisor *sup,
			 const struct config_file *file, struct wish *wish,
			 const struct look *look)
{
	char *problem = service_problem(look->link, look->service);

	say(wish, LOG_WARNING, "trying again: %s",
	    problem ? problem : "one side is missing");
	free(problem);
	if (!lasts(sup, wish, delay_of(wish)))
		return;
	postpone(sup, wish);
	unmake(sup, file, wish, look, true);
}

/* What somebody has open is left to him. Its driver tells when he is done. */
static bool must_wait(struct supervisor *sup, struct wish *wish,
		      const struct look *look)
{
	char *why = disk_in_use(look->link, look->service);

	if (!why)
		return false;
	say(wish, LOG_WARNING, "is made anew later, for other parameters: %s",
	    why);
	free(why);
	sup->unfinished = true;
	return true;
}

static void bring_up_to_date(struct supervisor *sup,
			     const struct config_file *file, struct wish *wish,
			     const struct look *look)
{
	if (!sup->apply) {
		say(wish, LOG_NOTICE, "%s:%u tells other parameters, reload to have it made anew",
		    file->name, wish->line);
		return;
	}
	if (must_wait(sup, wish, look))
		return;
	if (!sup->dry_run)
		say(wish, LOG_INFO, "made anew, for other parameters");
	unmake(sup, file, wish, look, false);
}

/* It is there. Errors of one in use are for its drivers to overcome. */
static void leave(struct wish *wish, const struct look *look)
{
	char *problem;

	wish->retry.since = 0;
	if (look->found == FOUND_UP) {
		all_is_well(wish);
		say(wish, LOG_INFO, "up");
		return;
	}
	problem = service_problem(look->link, look->service);
	if (problem)
		say(wish, LOG_WARNING, "%s", problem);
	free(problem);
}

static void tend(struct supervisor *sup, const struct config_file *file,
		 struct wish *wish)
{
	struct look look;

	wish_look(wish, &sup->roster, &sup->topology, &look);
	switch (look.found) {
	case FOUND_NO_VM:
		all_is_well(wish);
		say(wish, LOG_INFO, "waits for %s", look.missing);
		break;
	case FOUND_NOTHING:
		make(sup, file, wish, &look, mend_add);
		break;
	case FOUND_BROKEN_LINK:
		mend_link(sup, file, wish, &look);
		break;
	case FOUND_REFUSED:
		mend_service(sup, file, wish, &look);
		break;
	case FOUND_BY_HAND:
		all_is_well(wish);
		say(wish, LOG_NOTICE, "was made by hand, it stays as it is");
		break;
	case FOUND_DIFFERENT:
		bring_up_to_date(sup, file, wish, &look);
		break;
	case FOUND_DOWN:
	case FOUND_UP:
		leave(wish, &look);
		break;
	}
}

/* Links and services that nobody wants */

/* Of a file with a fault nobody knows what it wants. */
static bool file_is_faulty(const struct config *config, const char *name)
{
	unsigned int i;

	for (i = 0; i < config->nr_files; i++)
		if (!strcmp(config->file[i].name, name))
			return config->file[i].nr_faults;
	return false;
}

static bool is_named(const struct supervisor *sup, const struct link *link)
{
	struct cursor at = { 0 };

	while (config_next(&sup->config, &at))
		if (wish_joins(at.wish, link))
			return true;
	return false;
}

static bool is_wanted(const struct supervisor *sup, const struct link *link,
		      const struct service *service)
{
	struct cursor at = { 0 };

	while (config_next(&sup->config, &at))
		if (wish_is(at.wish, link, service))
			return true;
	return false;
}

/* What a dead VM left is in the way of its successor, whoever made it. */
static bool is_rubbish(const struct supervisor *sup, const struct link *link)
{
	const char *file = link_config_file(link);

	if (!link_stale(link))
		return false;
	if (is_named(sup, link))
		return true;
	return file && !file_is_faulty(&sup->config, file);
}

/* Returns whether it was done. */
static bool change_link(struct supervisor *sup, const struct link *link,
			unsigned int id, int (*action)(void *mending),
			const char *what)
{
	const struct domain *front = &link->end[FRONT].domain;
	const struct domain *back = &link->end[BACK].domain;
	struct mending m = {
		.front = front->domid, .back = back->domid, .id = id,
	};
	char *why = NULL;
	bool done;

	if (!sup->dry_run)
		why = try(sup, action, &m);
	if (why && !signals_stop())
		log_line(LOG_ERR, "%s between %s (%u) and %s (%u) cannot be removed: %s",
			 what, front->name, front->domid, back->name,
			 back->domid, why);
	else if (!why)
		log_line(LOG_INFO, "%s between %s (%u) and %s (%u) %s", what,
			 front->name, front->domid, back->name, back->domid,
			 sup->dry_run ? "would be removed" : "removed");
	if (why)
		look_again(sup, now_ms() + FIRST_DELAY_MS);
	done = !why;
	free(why);
	return done;
}

/* One that the configuration named once, and does not name any more. */
static bool is_unwanted(const struct supervisor *sup, const struct link *link,
			const struct service *service)
{
	const char *file = service_config_file(service);

	return file && !file_is_faulty(&sup->config, file) &&
		!is_wanted(sup, link, service);
}

/* Is there anything on it that stays? */
static bool has_use(const struct supervisor *sup, const struct link *link)
{
	const struct service *service;
	unsigned int i;

	for (i = 0; i < link->nr_services; i++) {
		service = &link->service[i];
		if (!is_unwanted(sup, link, service) &&
		    (service_config_file(service) || service_by_hand(service)))
			return true;
	}
	return false;
}

/* Of a VM that is not named any more nobody tells else. */
static void watch_running(struct supervisor *sup, const struct link *link)
{
	const struct domain *domain;
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++) {
		domain = &link->end[side].domain;
		if (domain->running)
			watches_add(&sup->watches, &sup->store, domain->domid);
	}
}

/* Its driver tells when it is closed, and then this is tried again. */
static bool is_open(struct supervisor *sup, const struct link *link,
		    const struct service *service)
{
	char *why = disk_in_use(link, service), *all;

	if (!why)
		return false;
	all = xasprintf("%s%s%s", sup->in_use ? sup->in_use : "",
			sup->in_use ? "; " : "", why);
	free(sup->in_use);
	sup->in_use = all;
	free(why);
	watch_running(sup, link);
	return true;
}

/*
 * What is kept, and nobody names any more, goes with what a dead VM left: once
 * its directory has gone its driver waits for a successor. Returns false if the
 * link has to stay for now; it does not if the successor needs it away.
 */
static bool retire_kept(struct supervisor *sup, const struct link *link)
{
	bool named = is_named(sup, link), all = true;
	const struct service *service;
	unsigned int i;

	for (i = 0; i < link->nr_services && !signals_stop(); i++) {
		service = &link->service[i];
		if (!service_is_kept(service) ||
		    !is_unwanted(sup, link, service))
			continue;
		if (!named && is_open(sup, link, service))
			all = false;
		else if (!change_link(sup, link, service->id,
				      mend_remove_service,
				      service_type(service)) && !named)
			all = false;
	}
	return all;
}

static void remove_rubbish(struct supervisor *sup)
{
	const struct link *link;
	unsigned int i;

	for (i = 0; i < sup->topology.nr_links && !signals_stop(); i++) {
		link = &sup->topology.link[i];
		if (is_rubbish(sup, link) && retire_kept(sup, link))
			change_link(sup, link, 0, mend_stale_link,
				    "stale link");
	}
}

/* Returns false if something has to stay for now. */
static bool remove_services(struct supervisor *sup, const struct link *link)
{
	const struct service *service;
	bool all = true;
	unsigned int i;

	for (i = 0; i < link->nr_services && !signals_stop(); i++) {
		service = &link->service[i];
		if (!is_unwanted(sup, link, service))
			continue;
		if (is_open(sup, link, service) ||
		    !change_link(sup, link, service->id, mend_remove_service,
				 service_type(service)))
			all = false;
	}
	/* it may have been opened at the last moment */
	if (!all)
		sup->unfinished = true;
	return all;
}

/* Whoever is not named any more must not be read any longer, either. */
static void remove_unwanted(struct supervisor *sup, const struct link *link)
{
	const char *file = link_config_file(link);

	if (remove_services(sup, link) && file &&
	    !file_is_faulty(&sup->config, file) && !is_named(sup, link) &&
	    !has_use(sup, link) && !signals_stop())
		change_link(sup, link, 0, mend_remove_link, "link");
}

/* Once, until other disks are open. */
static void tell_in_use(struct supervisor *sup)
{
	if (sup->in_use && (!sup->said || strcmp(sup->said, sup->in_use)))
		log_line(LOG_WARNING, "removed later: %s", sup->in_use);
	free(sup->said);
	sup->said = sup->in_use;
	sup->in_use = NULL;
}

static void remove_all_unwanted(struct supervisor *sup)
{
	unsigned int i;

	for (i = 0; i < sup->topology.nr_links; i++)
		if (!link_stale(&sup->topology.link[i]))
			remove_unwanted(sup, &sup->topology.link[i]);
}

/* An error of before would be taken for one of now when the link goes down. */
static void forget_errors(struct supervisor *sup)
{
	const struct link *link;
	unsigned int i;

	for (i = 0; i < sup->topology.nr_links && !sup->dry_run; i++) {
		link = &sup->topology.link[i];
		if (link_connected(link) && link_config_file(link))
			link_forget_errors(&sup->store, link);
	}
}

static void read_again(struct supervisor *sup)
{
	topology_free(&sup->topology);
	topology_read(&sup->store, &sup->topology);
	sup->changed = false;
}

/* All of it once in a while, whatever was told. */
static void forget_in_time(struct supervisor *sup)
{
	long long now = now_ms();

	if (now < sup->forget)
		return;
	store_forget(&sup->store);
	sup->forget = now + RESCAN_MS;
}

/**
 * reconcile - look at everything once, and do what is needed
 * @sup: the supervisor
 *
 * What is as it shall be is not touched. All links are read once, twice if
 * something was removed; but not what the store remembers.
 */
void reconcile(struct supervisor *sup)
{
	struct cursor at = { 0 };

	forget_in_time(sup);
	sup->wake = sup->forget;
	sup->failures = 0;
	sup->unfinished = false;
	sup->changed = false;
	roster_read(&sup->store, &sup->roster);
	topology_read(&sup->store, &sup->topology);
	forget_errors(sup);
	remove_rubbish(sup);
	if (sup->apply)
		remove_all_unwanted(sup);
	if (sup->changed)
		read_again(sup);
	tell_in_use(sup);
	while (config_next(&sup->config, &at))
		if (!signals_stop())
			tend(sup, at.file, at.wish);
	topology_free(&sup->topology);
	roster_free(&sup->roster);
}
