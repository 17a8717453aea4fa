// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "watches.h"

/* Below a domain's directory: its links, and what its xenbus says of them. */
static const char * const watched_nodes[] = {
	"device/" FIDO_XS_TYPE,
	"backend/" FIDO_XS_TYPE,
	"error/device/" FIDO_XS_TYPE,
	"error/backend/" FIDO_XS_TYPE,
};

static void watch_domain(struct store *store, unsigned int domid, bool on)
{
	unsigned int i;
	char *path;

	for (i = 0; i < ARRAY_SIZE(watched_nodes); i++) {
		path = xasprintf("/local/domain/%u/%s", domid,
				 watched_nodes[i]);
		if (on)
			store_watch(store, path);
		else
			store_unwatch(store, path);
		free(path);
	}
}

static bool is_watched(const struct watches *watches, unsigned int domid)
{
	unsigned int i;

	for (i = 0; i < watches->nr; i++)
		if (watches->domid[i] == domid)
			return true;
	return false;
}

static bool is_running(const struct roster *roster, unsigned int domid)
{
	unsigned int i;

	for (i = 0; i < roster->nr; i++)
		if (roster->domain[i].domid == domid)
			return true;
	return false;
}

/* A watch fires once when it is made, and not if there is one already. */
void watches_add(struct watches *watches, struct store *store,
		 unsigned int domid)
{
	if (is_watched(watches, domid))
		return;
	watches->domid = xgrow(watches->domid, watches->nr,
			       sizeof(*watches->domid));
	watches->domid[watches->nr++] = domid;
	watch_domain(store, domid, true);
}

void watches_drop_dead(struct watches *watches, struct store *store,
		       const struct roster *roster)
{
	unsigned int i, left = 0;

	for (i = 0; i < watches->nr; i++) {
		if (is_running(roster, watches->domid[i]))
			watches->domid[left++] = watches->domid[i];
		else
			watch_domain(store, watches->domid[i], false);
	}
	watches->nr = left;
}

void watches_free(struct watches *watches)
{
	free(watches->domid);
	watches->domid = NULL;
	watches->nr = 0;
}
