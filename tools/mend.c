// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "blk.h"
#include "change.h"
#include "keep.h"
#include "mend.h"
#include "options.h"
#include "retire.h"
#include "util.h"
#include "wish.h"

/* How long two live VMs may take to let go of each other. */
#define CLOSE_SECONDS 10

/* How long they may take to let go of a service. */
#define RETIRE_SECONDS 5

/* The same as the command line does, without waiting for drivers. */
int mend_add(void *mending)
{
	const struct mending *m = mending;
	const struct wish *wish = m->wish;
	struct options opt = wish->opt;
	char *arg[2];
	int ret;

	arg[0] = wish->vm[0];
	arg[1] = wish->type == WISH_NET ? xstrdup(wish->vm[1]) :
		xasprintf("%s:%s", wish->vm[1], wish->device);
	opt.arg = arg;
	opt.nr_args = 2;
	opt.given |= OPT_WAIT;
	opt.wait = 0;
	opt.file = m->file;
	opt.text = wish->text;
	if (wish->retry.old_id < FIDO_MAX_SERVICES) {
		opt.given |= OPT_NOT_ID;
		opt.not_id = wish->retry.old_id;
	}
	ret = wish->type == WISH_NET ? cmd_net_add(&opt) : cmd_blk_add(&opt);
	free(arg[1]);
	return ret;
}

/* Made by the supervisor, and nobody has put anything else on it. */
bool link_is_ours(const struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		if (service_by_hand(&link->service[i]))
			return false;
	return link_config_file(link);
}

static bool is_broken(const struct link *link)
{
	return link_exists(link) && link_broken(link) && link_is_ours(link);
}

static bool is_stale(const struct link *link)
{
	return link_exists(link) && link_stale(link);
}

/* Unless it is no longer what it was. */
static void erase_if(const struct mending *m,
		     bool (*condition)(const struct link *link))
{
	struct store store;
	struct link link;

	store_open(&store);
	do {
		store_begin(&store);
		link_read(&store, m->front, m->back, &link);
		if (condition(&link))
			link_erase(&store, &link);
		link_free(&link);
	} while (!store_commit(&store));
	store_close(&store);
}

/* The other services of the link are missing then, and added in their turn. */
int mend_broken_link(void *mending)
{
	erase_if(mending, is_broken);
	return mend_add(mending);
}

int mend_stale_link(void *mending)
{
	erase_if(mending, is_stale);
	return 0;
}

static void retire_unless_open(struct store *store, const struct link *link,
			       const struct service *service)
{
	char *why = disk_in_use(link, service);

	if (why)
		die("%s", why);
	service_retire(store, link, service->id, true);
}

/* Unless it is no longer what it was. */
static void retire_if_ours(struct store *store, const struct link *link,
			   const struct mending *m)
{
	const struct service *service;
	unsigned int i;

	for (i = 0; i < link->nr_services; i++) {
		service = &link->service[i];
		if (service->id != m->id || !service_config_file(service))
			continue;
		/* it may have recovered */
		if (m->park && !service_refused(service))
			continue;
		if (m->park && service_is_kept(service))
			service_retire(store, link, m->id, false);
		else
			retire_unless_open(store, link, service);
	}
}

int mend_remove_service(void *mending)
{
	const struct mending *m = mending;
	bool ids[FIDO_MAX_SERVICES] = { false };
	struct store store;
	struct link link;

	store_open(&store);
	do {
		store_begin(&store);
		link_look(&store, m->front, m->back, &link);
		link_read_service(&store, &link, m->id);
		retire_if_ours(&store, &link, m);
		if (store_commit(&store))
			break;
		link_free(&link);
	} while (true);
	ids[m->id] = true;
	retire_finish(&store, &link, ids, RETIRE_SECONDS, "service");
	link_free(&link);
	store_close(&store);
	return 0;
}

/* In order: both drivers are asked to let go, and given time for it. */
int mend_remove_link(void *mending)
{
	const struct mending *m = mending;
	struct options opt = { .given = OPT_WAIT, .wait = CLOSE_SECONDS };
	char *arg[2];
	int ret;

	arg[0] = xasprintf("%u", m->front);
	arg[1] = xasprintf("%u", m->back);
	opt.arg = arg;
	opt.nr_args = 2;
	ret = cmd_link_remove(&opt);
	free(arg[1]);
	free(arg[0]);
	return ret;
}
