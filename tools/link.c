// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk.h"
#include "change.h"
#include "json.h"
#include "keep.h"
#include "list.h"
#include "options.h"
#include "retire.h"
#include "show.h"
#include "util.h"
#include "wait.h"

/* How long two live VMs may take to let go of each other. */
#define CLOSE_SECONDS 30
/* How long a driver may take to tell that a disk is not open any more */
#define UNUSED_SECONDS 5

static void erase(struct store *store, const struct link *link)
{
	do {
		store_begin(store);
		link_erase(store, link);
	} while (!store_commit(store));
}

static enum verdict is_connected(const struct link *link, const void *arg)
{
	(void)arg;
	if (link_stale(link) || link_failed(link))
		return FAILED;
	return link_connected(link) ? REACHED : PENDING;
}

/* With all services, also those that others have added since. */
static void read_again(struct store *store, const struct link *link,
		       struct link *now)
{
	link_read(store, link->end[FRONT].domain.domid,
		  link->end[BACK].domain.domid, now);
}

/* Unless others have put services on it meanwhile, or made it anew. */
static bool undo(struct store *store, const struct link *link)
{
	struct link now;
	bool mine;

	do {
		store_begin(store);
		read_again(store, link, &now);
		mine = !now.nr_services &&
			(link_stale(&now) || link_failed(&now));
		if (mine)
			link_erase(store, &now);
		link_free(&now);
	} while (!store_commit(store));
	return mine;
}

static void die_refused(struct store *store, const struct link *link)
{
	char *problem = join_problems(link, link->end[FRONT].error,
				      link->end[BACK].error);
	bool undone = undo(store, link);

	die("link %s -- %s not %s: %s", link->end[FRONT].domain.name,
	    link->end[BACK].domain.name,
	    undone ? "added" : "connected, it stays as others use it",
	    problem ? problem : "a VM has just gone");
}

static void wait_until_connected(struct store *store,
				 const struct options *opt, struct link *link)
{
	const struct end *end = link->end;

	switch (wait_for_link(store, link, opt->wait, "link", is_connected,
			      NULL)) {
	case REACHED:
		return;
	case FAILED:
		die_refused(store, link);
		return;
	case PENDING:
		die("link %s -- %s is not connected after %u s, it stays: %s is %s, %s is %s: %s",
		    end[FRONT].domain.name, end[BACK].domain.name, opt->wait,
		    end[FRONT].domain.name, end_state(&end[FRONT]),
		    end[BACK].domain.name, end_state(&end[BACK]),
		    link_hint(link));
	}
}

int cmd_link_add(const struct options *opt)
{
	const char *a = opt->arg[0], *b = opt->arg[1];
	struct topology topology;
	struct store store;
	struct link *link;
	unsigned int side;
	bool created;

	store_open(&store);
	do {
		store_begin(&store);
		topology_scan(&store, &topology);
		link = link_get(&store, &topology, a, b, &side, &created);
		if (!created)
			die("%s and %s are linked already: \"fidoctl link show\" shows how",
			    a, b);
		if (store_commit(&store))
			break;
		topology_free(&topology);
	} while (true);

	if (opt->given & OPT_WAIT && opt->wait)
		wait_until_connected(&store, opt, link);
	if (opt->given & OPT_JSON)
		json_link(link);
	else
		printf("link %s (%u) -- %s (%u) added, %s\n",
		       link->end[FRONT].domain.name,
		       link->end[FRONT].domain.domid,
		       link->end[BACK].domain.name,
		       link->end[BACK].domain.domid, link_state(link));
	topology_free(&topology);
	store_close(&store);
	return 0;
}

/* Does this end hold grants or mappings of the other? */
static bool end_busy(const struct end *end)
{
	return end->present && end->domain.running &&
		end->state >= XENBUS_INITIALISED &&
		end->state != XENBUS_CLOSED;
}

static enum verdict is_closed(const struct link *link, const void *arg)
{
	(void)arg;
	return end_busy(&link->end[FRONT]) || end_busy(&link->end[BACK]) ?
		PENDING : REACHED;
}

/* Of a link that somebody has removed meanwhile nothing must come back. */
static void ask_to_close(struct store *store, const struct link *link)
{
	struct link now;

	do {
		store_begin(store);
		link_look(store, link->end[FRONT].domain.domid,
			  link->end[BACK].domain.domid, &now);
		if (!link_stale(&now))
			link_close(store, &now);
		link_free(&now);
	} while (!store_commit(store));
}

/*
 * Asks both drivers to let go, and waits for it. Nothing is asked from an end
 * without a peer: its driver is told by the removal of the node.
 */
static void close_in_order(struct store *store, const struct options *opt,
			   struct link *link)
{
	unsigned int seconds = opt->given & OPT_WAIT ? opt->wait :
		CLOSE_SECONDS;
	const struct end *end = link->end;

	link_reread(store, link);
	if (link_stale(link) || is_closed(link, NULL) == REACHED)
		return;
	ask_to_close(store, link);
	if (wait_for_link(store, link, seconds, "link", is_closed, NULL) ==
	    REACHED)
		return;
	die("link %s -- %s is not closed after %u s: %s is %s, %s is %s: use --force",
	    end[FRONT].domain.name, end[BACK].domain.name, seconds,
	    end[FRONT].domain.name, end_state(&end[FRONT]),
	    end[BACK].domain.name, end_state(&end[BACK]));
}

static void erase_and_tell(struct store *store, const struct link *link)
{
	erase(store, link);
	printf("link %s (%u) -- %s (%u) removed\n",
	       link->end[FRONT].domain.name, link->end[FRONT].domain.domid,
	       link->end[BACK].domain.name, link->end[BACK].domain.domid);
}

static char *any_in_use(const struct link *link)
{
	char *why = NULL;
	unsigned int i;

	for (i = 0; !why && i < link->nr_services; i++)
		why = disk_in_use(link, &link->service[i]);
	return why;
}

static enum verdict is_unused(const struct link *link, const void *arg)
{
	char *why = any_in_use(link);

	(void)arg;
	free(why);
	return why ? PENDING : REACHED;
}

/* Removing a link removes its disks: not while somebody has one open. */
static void check_unused(struct store *store, const struct options *opt,
			 const struct link *link)
{
	unsigned int seconds = opt->given & OPT_WAIT ? opt->wait :
		UNUSED_SECONDS;
	struct link now;
	char *why;

	if (link_stale(link))
		return;
	read_again(store, link, &now);
	if (is_unused(&now, NULL) != REACHED) {
		wait_for_link(store, &now, seconds, "link", is_unused, NULL);
		/* somebody may have added one meanwhile, and opened it */
		link_read_services(store, &now);
	}
	why = any_in_use(&now);
	if (why)
		die("link %s -- %s not removed: %s",
		    link->end[FRONT].domain.name, link->end[BACK].domain.name,
		    why);
	link_free(&now);
}

static bool retire_kept(struct store *store, const struct link *link,
			bool force, bool *ids)
{
	const struct service *service;
	bool any = false;
	unsigned int i;
	char *why;

	for (i = 0; i < link->nr_services; i++) {
		service = &link->service[i];
		ids[service->id] = false;
		why = disk_in_use(link, service);
		if (service_is_kept(service) && (force || !why)) {
			service_retire(store, link, service->id, true);
			ids[service->id] = true;
			any = true;
		}
		free(why);
	}
	return any;
}

/*
 * What is kept would outlive the link. Who removes that by name means it, too,
 * but for a disk that is open, and whose server is gone: it has requests that
 * may wait for the server to return.
 */
static void give_up_kept(struct store *store, const struct options *opt,
			 struct link *link)
{
	bool ids[FIDO_MAX_SERVICES] = { false };
	const struct domain *holder;
	bool any;

	do {
		struct link now;

		store_begin(store);
		read_again(store, link, &now);
		any = retire_kept(store, &now, opt->given & OPT_FORCE, ids);
		link_free(&now);
	} while (!store_commit(store));
	if (!any)
		return;
	holder = retire_finish(store, link, ids, UNUSED_SECONDS, "link");
	if (holder)
		note("link: %s has not let go of a disk for %d s: write 1 to its \"abandon\" there",
		     holder->name, UNUSED_SECONDS);
}

static int remove_stale(struct store *store)
{
	struct topology topology;
	unsigned int i;

	topology_scan(store, &topology);
	for (i = 0; i < topology.nr_links; i++)
		if (link_read_ends(store, &topology.link[i]) &&
		    link_stale(&topology.link[i]))
			erase_and_tell(store, &topology.link[i]);
	topology_free(&topology);
	store_close(store);
	return 0;
}

int cmd_link_remove(const struct options *opt)
{
	struct topology topology;
	struct store store;
	struct link *link;
	unsigned int side;

	if (opt->given & OPT_STALE && opt->nr_args)
		die_usage("--stale removes all stale links: name no VMs");
	if (!(opt->given & OPT_STALE) && opt->nr_args != 2)
		die_usage("name the two VMs of the link, or say --stale");
	store_open(&store);
	if (opt->given & OPT_STALE)
		return remove_stale(&store);

	topology_scan(&store, &topology);
	link = link_must_find(&store, &topology, opt->arg[0], opt->arg[1],
			      &side);
	if (!(opt->given & OPT_FORCE))
		check_unused(&store, opt, link);
	give_up_kept(&store, opt, link);
	if (!(opt->given & OPT_FORCE))
		close_in_order(&store, opt, link);
	erase_and_tell(&store, link);
	topology_free(&topology);
	store_close(&store);
	return 0;
}

static bool type_seen_before(const struct link *link, unsigned int index)
{
	unsigned int i;

	for (i = 0; i < index; i++)
		if (!strcmp(service_type(&link->service[i]),
			    service_type(&link->service[index])))
			return true;
	return false;
}

static char *count_type(const struct link *link, const char *type)
{
	unsigned int i, up = 0, all = 0;

	for (i = 0; i < link->nr_services; i++) {
		if (strcmp(service_type(&link->service[i]), type))
			continue;
		all++;
		up += !strcmp(service_state(link, &link->service[i]), "up");
	}
	return xasprintf("%s %u/%u up", type, up, all);
}

/* As in "mmnet 1/1 up, mmblk 2/3 up". */
static char *services_text(const struct link *link)
{
	char *text = xstrdup(""), *count, *longer;
	unsigned int i;

	for (i = 0; i < link->nr_services; i++) {
		if (type_seen_before(link, i))
			continue;
		count = count_type(link, service_type(&link->service[i]));
		longer = xasprintf("%s%s%s", text, *text ? ", " : "", count);
		free(count);
		free(text);
		text = longer;
	}
	return text;
}

static void add_row(struct table *table, const struct link *link)
{
	const struct end *end = link->end;
	char *services = services_text(link), *problem = link_problem(link);

	table_add(table, "%s (%u)", end[FRONT].domain.name,
		  end[FRONT].domain.domid);
	table_add(table, "%s (%u)", end[BACK].domain.name,
		  end[BACK].domain.domid);
	table_add(table, "%s", link_state(link));
	table_add(table, "%s", end_state(&end[FRONT]));
	table_add(table, "%s", end_state(&end[BACK]));
	table_add(table, "%s", *services ? services : "-");
	table_add(table, "%s", problem ? problem : "");
	free(problem);
	free(services);
}

int cmd_link_list(const struct options *opt)
{
	static const char * const column[] = {
		"FRONTEND", "BACKEND", "LINK", "FRONTEND-STATE",
		"BACKEND-STATE", "SERVICES", "ERROR", NULL
	};
	static const struct listing listing = {
		.column = column,
		.add_rows = add_row,
		.print_json = json_link,
	};

	return list_links(opt, &listing);
}

int cmd_link_show(const struct options *opt)
{
	struct topology topology;
	struct store store;
	struct link *link;
	unsigned int side;

	store_open(&store);
	topology_scan(&store, &topology);
	link = link_must_find(&store, &topology, opt->arg[0], opt->arg[1],
			      &side);
	link_read_services(&store, link);
	if (opt->given & OPT_JSON)
		json_link(link);
	else
		show_link(link);
	topology_free(&topology);
	store_close(&store);
	return 0;
}
