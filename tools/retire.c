// SPDX-License-Identifier: GPL-2.0
#include "change.h"
#include "retire.h"
#include "wait.h"

/**
 * struct retiring - services that are on their way out
 * @store: connection to xenstore
 * @ids: true for each of them
 */
struct retiring {
	struct store *store;
	const bool *ids;
};

static const struct domain *holder(struct store *store,
				   const struct link *link, unsigned int id)
{
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++)
		if (!service_retired(store, link, side, id))
			return &link->end[side].domain;
	return NULL;
}

static const struct domain *any_holder(const struct retiring *retiring,
				       const struct link *link)
{
	const struct domain *domain = NULL;
	unsigned int id;

	for (id = 0; !domain && id < FIDO_MAX_SERVICES; id++)
		if (retiring->ids[id])
			domain = holder(retiring->store, link, id);
	return domain;
}

static enum verdict all_retired(const struct link *link, const void *arg)
{
	return any_holder(arg, link) ? PENDING : REACHED;
}

/* What a driver still has stays: it may yet want to read it. */
static void bury(struct store *store, const struct link *link, const bool *ids)
{
	unsigned int id;

	do {
		store_begin(store);
		for (id = 0; id < FIDO_MAX_SERVICES; id++)
			if (ids[id] && !holder(store, link, id))
				service_bury(store, link, id);
	} while (!store_commit(store));
}

/**
 * retire_finish - see services out that have been retired
 * @store: connection to xenstore
 * @link: their link, read again meanwhile
 * @ids: FIDO_MAX_SERVICES of them: true for those that are meant
 * @seconds: how long to wait at most
 * @what: for messages
 *
 * Return: a VM whose driver has not let go of one of them, or NULL.
 */
const struct domain *retire_finish(struct store *store, struct link *link,
				   const bool *ids, unsigned int seconds,
				   const char *what)
{
	const struct retiring retiring = { .store = store, .ids = ids };

	if (seconds)
		wait_for_link(store, link, seconds, what, all_retired,
			      &retiring);
	bury(store, link, ids);
	return any_holder(&retiring, link);
}
