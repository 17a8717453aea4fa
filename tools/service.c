// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "change.h"
#include "retire.h"
#include "service.h"
#include "show.h"
#include "util.h"
#include "wait.h"

/* How long a live pair of drivers may take to come up or to complain. */
#define ANSWER_SECONDS 5

/* How long it may take to let go of a device: what it has must be written. */
#define RETIRE_SECONDS 10

/**
 * struct addition - a service whose nodes have just been written
 * @req: what was asked for
 * @front: domid of the link's frontend
 * @back: domid of its backend
 * @id: service id
 * @link_created: the link was made for it
 */
struct addition {
	const struct request *req;
	unsigned int front;
	unsigned int back;
	unsigned int id;
	bool link_created;
};

static const struct service *find_requested(const struct request *req,
					    const struct link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_services; i++)
		if (req->kind->matches(req, link, &link->service[i]))
			return &link->service[i];
	return NULL;
}

static struct link *must_find(struct store *store, struct topology *topology,
			      const struct request *req,
			      const struct service **service)
{
	struct link *link;
	unsigned int side;

	topology_scan(store, topology);
	link = link_must_find(store, topology, req->a, req->b, &side);
	req->kind->read(store, req, link, side);
	*service = find_requested(req, link);
	if (!*service)
		die("%s", req->missing);
	return link;
}

/* Add */

/* What was added; somebody else may have put another under its id since. */
static const struct service *find_added(const struct link *link,
					const struct addition *add)
{
	const struct service *service = find_requested(add->req, link);

	return service && service->id == add->id ? service : NULL;
}

static enum verdict is_up(const struct link *link, const void *arg)
{
	const struct service *service = find_added(link, arg);
	const struct addition *add = arg;
	const struct service_kind *kind = add->req->kind;

	if (!service || link_stale(link) || link_failed(link))
		return FAILED;
	/* one that is up may have been refused all the same */
	if (service->half[FRONT].error || service->half[BACK].error)
		return FAILED;
	if (link_connected(link) && service_up(service) &&
	    (!kind->is_taken || kind->is_taken(service)))
		return REACHED;
	return PENDING;
}

/*
 * Others may have removed the service meanwhile, even made the link anew, or
 * may use the link.
 */
static void undo(struct store *store, const struct addition *add)
{
	const struct service *service;
	struct link link;

	do {
		store_begin(store);
		link_read(store, add->front, add->back, &link);
		service = find_added(&link, add);
		if (service)
			service_remove(store, &link, add->id);
		if (service && add->link_created && link.nr_services == 1)
			link_erase(store, &link);
		link_free(&link);
	} while (!store_commit(store));
}

static void die_refused(struct store *store, const struct link *link,
			const struct addition *add)
{
	const struct service *service = find_added(link, add);
	const char *otherwise = "a VM or the link has just gone";
	char *problem = NULL;

	if (service)
		problem = service_problem(link, service);
	if (!problem)
		problem = join_problems(link, link->end[FRONT].error,
					link->end[BACK].error);
	if (!service && !link_stale(link))
		otherwise = "it has just been removed again";
	undo(store, add);
	die("%s not added: %s", add->req->what, problem ? problem : otherwise);
}

static const char *half_state(const struct service *service, unsigned int side)
{
	return service && service->half[side].up ? "up" : "down";
}

static void die_not_up(const struct link *link, const struct addition *add,
		       unsigned int seconds)
{
	const struct service *service = find_added(link, add);
	const struct end *front = &link->end[FRONT];
	const struct end *back = &link->end[BACK];
	const char *what = add->req->what;

	if (!link_connected(link))
		die("%s is not up after %u s, it stays: %s is %s, %s is %s: %s",
		    what, seconds, front->domain.name, end_state(front),
		    back->domain.name, end_state(back), link_hint(link));
	die("%s is not up after %u s, it stays: %s is %s, %s is %s: is its module loaded in both?",
	    what, seconds, front->domain.name, half_state(service, FRONT),
	    back->domain.name, half_state(service, BACK));
}

static void report(const struct link *link, const struct addition *add,
		   bool up)
{
	const struct service *service = find_added(link, add);

	if (add->req->opt->given & OPT_JSON) {
		if (service)
			add->req->kind->print_json(link, service);
		return;
	}
	if (add->link_created)
		printf("link %s -- %s added\n", link->end[FRONT].domain.name,
		       link->end[BACK].domain.name);
	printf("%s added, %s\n", add->req->what, up ? "up" : "not up yet");
}

/*
 * After the nodes are there: what do the drivers say? An error undoes the
 * addition. Unless --wait says otherwise, silence is none: a module may be
 * loaded later. A link that is not connected has nobody who could answer.
 */
static void settle(struct store *store, const struct addition *add)
{
	const struct options *opt = add->req->opt;
	enum verdict verdict = PENDING;
	unsigned int seconds;
	struct link link;

	link_look(store, add->front, add->back, &link);
	link_read_service(store, &link, add->id);
	if (opt->given & OPT_WAIT)
		seconds = opt->wait;
	else
		seconds = link_connected(&link) ? ANSWER_SECONDS : 0;
	if (seconds)
		verdict = wait_for_link(store, &link, seconds, add->req->what,
					is_up, add);
	if (verdict == FAILED)
		die_refused(store, &link, add);
	if (verdict == PENDING && opt->given & OPT_WAIT && seconds)
		die_not_up(&link, add, seconds);
	report(&link, add, verdict == REACHED);
	link_free(&link);
}

/* As one that the configuration names, with the parameters that it has there. */
static void mark(struct store *store, const struct link *link,
		 const struct addition *add)
{
	const struct options *opt = add->req->opt;
	unsigned int side;

	for (side = 0; side < NR_SIDES; side++) {
		service_set(store, link, side, add->id, FIDO_XS_CONFIG_FILE,
			    "%s", opt->file);
		service_set(store, link, side, add->id, FIDO_XS_SERVICE_CONFIG,
			    "%s", opt->text);
	}
	if (add->link_created)
		link_mark(store, link, opt->file);
}

static void add_once(struct store *store, struct addition *add)
{
	const struct request *req = add->req;
	struct topology topology;
	unsigned int side_a;
	struct link *link;

	topology_scan(store, &topology);
	link = link_get(store, &topology, req->a, req->b, &side_a,
			&add->link_created);
	req->kind->read(store, req, link, side_a);
	if (find_requested(req, link))
		die("%s", req->exists);
	if (req->kind->check)
		req->kind->check(store, req, &topology, link, side_a);
	add->front = link->end[FRONT].domain.domid;
	add->back = link->end[BACK].domain.domid;
	add->id = service_add(store, link, req->kind->type,
			      req->opt->given & OPT_NOT_ID ?
			      req->opt->not_id : FIDO_MAX_SERVICES);
	req->kind->write(store, req, link, side_a, add->id);
	if (req->opt->file)
		mark(store, link, add);
	topology_free(&topology);
}

int service_cmd_add(const struct request *req)
{
	struct addition add = { .req = req };
	struct store store;

	store_open(&store);
	do {
		store_begin(&store);
		add_once(&store, &add);
	} while (!store_commit(&store));
	settle(&store, &add);
	store_close(&store);
	return 0;
}

/* Remove and show */

static char *in_use(const struct request *req, const struct link *link,
		    const struct service *service)
{
	if (!req->kind->in_use || req->opt->given & OPT_FORCE)
		return NULL;
	return req->kind->in_use(link, service);
}

static enum verdict is_free(const struct link *link, const void *arg)
{
	const struct request *req = arg;
	const struct service *service = find_requested(req, link);
	char *why = service ? in_use(req, link, service) : NULL;

	free(why);
	return why ? PENDING : REACHED;
}

/* It may have been unmounted a moment ago, which its driver tells soon. */
static void wait_until_free(struct store *store, const struct request *req)
{
	unsigned int seconds = ANSWER_SECONDS;
	const struct service *service;
	struct topology topology;
	struct link *link;

	if (req->opt->given & OPT_WAIT)
		seconds = req->opt->wait;
	link = must_find(store, &topology, req, &service);
	if (is_free(link, req) != REACHED)
		wait_for_link(store, link, seconds, req->what, is_free, req);
	topology_free(&topology);
}

static void retire(struct store *store, const struct request *req,
		   const struct link *link, const struct service *service)
{
	char *why = in_use(req, link, service);

	if (why)
		die("%s not removed: %s", req->what, why);
	service_retire(store, link, service->id, true);
}

/*
 * Whoever adds it again at once shall find it free. By force it is removed all
 * the same: then it is for the admin to know who hangs.
 */
static void see_out(struct store *store, const struct request *req,
		    struct link *link, unsigned int id)
{
	bool ids[FIDO_MAX_SERVICES] = { false };
	unsigned int seconds = RETIRE_SECONDS;
	const struct domain *holder;

	ids[id] = true;
	if (req->opt->given & OPT_WAIT)
		seconds = req->opt->wait;
	holder = retire_finish(store, link, ids, seconds, req->what);
	if (!holder || !seconds)
		return;
	if (!(req->opt->given & OPT_FORCE))
		die("%s removed, but after %u s %s has not let go of it: see its kernel log",
		    req->what, seconds, holder->name);
	note("%s: after %u s %s has not let go of it", req->what, seconds,
	     holder->name);
}

int service_cmd_remove(const struct request *req)
{
	const struct service *service;
	struct topology topology;
	struct store store;
	struct link *link;
	unsigned int id;

	store_open(&store);
	wait_until_free(&store, req);
	do {
		store_begin(&store);
		link = must_find(&store, &topology, req, &service);
		id = service->id;
		retire(&store, req, link, service);
		if (store_commit(&store))
			break;
		topology_free(&topology);
	} while (true);
	see_out(&store, req, link, id);
	printf("%s removed\n", req->what);
	topology_free(&topology);
	store_close(&store);
	return 0;
}

int service_cmd_show(const struct request *req)
{
	const struct service *service;
	struct topology topology;
	struct store store;
	struct link *link;

	store_open(&store);
	link = must_find(&store, &topology, req, &service);
	if (req->opt->given & OPT_JSON) {
		req->kind->print_json(link, service);
	} else {
		printf("%s: %s\n", req->what, service_state(link, service));
		show_service(link, service);
	}
	topology_free(&topology);
	store_close(&store);
	return 0;
}
