// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes are kept in the order of their paths, so that what is below one follows
 * it. Transactions always succeed: there is nobody else.
 *
 * Watches fire as those of xenstored do: once when they are made; for the node
 * that is written, not for those above that are made with it; and for what goes
 * with a node, if it is watched itself.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <xenstore.h>

#include "xenstore.h"

#define MAX_NODES 20000
#define MAX_CONNECTIONS 4
#define MAX_WATCHES 64
#define MAX_EVENTS 20000

struct node {
	char *path;
	char *value;
};

struct event {
	char *path;
	char *token;
};

/* One that is not open has no descriptor. */
struct xs_handle {
	int fd;
	char *watch[MAX_WATCHES];
	unsigned int nr_watches;
	struct event event[MAX_EVENTS];
	unsigned int nr_events;
};

unsigned int fake_reads;
unsigned int fake_watched_reads;
bool fake_late;
void (*fake_meanwhile)(const char *path);

static struct node node[MAX_NODES];
static unsigned int nr_nodes;
static struct xs_handle connection[MAX_CONNECTIONS];

/* Where it is, or would be. */
static unsigned int place(const char *path)
{
	unsigned int from = 0, to = nr_nodes, mid;

	while (from < to) {
		mid = (from + to) / 2;
		if (strcmp(node[mid].path, path) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static bool is_there(const char *path)
{
	unsigned int i = place(path);

	return i < nr_nodes && !strcmp(node[i].path, path);
}

static void insert(const char *path)
{
	unsigned int i = place(path);

	if (nr_nodes == MAX_NODES)
		abort();
	memmove(&node[i + 1], &node[i], (nr_nodes - i) * sizeof(*node));
	nr_nodes++;
	node[i].path = strdup(path);
	node[i].value = strdup("");
}

/* With all above it. */
static void make(const char *path)
{
	char *above;

	if (!*path || is_there(path))
		return;
	above = strndup(path, strrchr(path, '/') - path);
	make(above);
	free(above);
	insert(path);
}

static void set(const char *path, const char *value)
{
	unsigned int i;

	make(path);
	i = place(path);
	free(node[i].value);
	node[i].value = strdup(value);
}

static void delete(unsigned int i)
{
	free(node[i].path);
	free(node[i].value);
	nr_nodes--;
	memmove(&node[i], &node[i + 1], (nr_nodes - i) * sizeof(*node));
}

/* The part of a path that follows @dir and a slash, or NULL. */
static const char *below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/' ? path + len + 1 :
		NULL;
}

/* Events */

static void tell(struct xs_handle *xs, const char *path, const char *token)
{
	struct event *event = &xs->event[xs->nr_events++];

	if (xs->nr_events == MAX_EVENTS)
		abort();
	event->path = strdup(path);
	event->token = strdup(token);
	eventfd_write(xs->fd, 1);
}

/* @exact: only those who watch the node itself */
static void fire(const char *path, bool exact)
{
	struct xs_handle *xs;
	unsigned int i;

	for (xs = connection; xs < connection + MAX_CONNECTIONS; xs++)
		for (i = 0; i < xs->nr_watches; i++)
			if (!strcmp(path, xs->watch[i]) ||
			    (!exact && below(path, xs->watch[i])))
				tell(xs, path, xs->watch[i]);
}

static void take(struct xs_handle *xs, struct event *event)
{
	eventfd_t value;

	*event = xs->event[0];
	xs->nr_events--;
	memmove(&xs->event[0], &xs->event[1],
		xs->nr_events * sizeof(*xs->event));
	if (!xs->nr_events)
		eventfd_read(xs->fd, &value);
}

static void write_node(const char *path, const char *value)
{
	set(path, value);
	fire(path, false);
}

static void remove_node(const char *path)
{
	unsigned int i = nr_nodes;

	while (i--) {
		if (!strcmp(node[i].path, path))
			fire(path, false);
		else if (below(node[i].path, path))
			fire(node[i].path, true);
		else
			continue;
		delete(i);
	}
}

/* What tests do */

static char *format(const char *fmt, va_list ap)
{
	char *path;

	if (vasprintf(&path, fmt, ap) < 0)
		abort();
	return path;
}

/* What a driver or the toolstack does. */
void fake_set(const char *value, const char *fmt, ...)
{
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = format(fmt, ap);
	va_end(ap);
	write_node(path, value);
	free(path);
}

void fake_remove(const char *fmt, ...)
{
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = format(fmt, ap);
	va_end(ap);
	remove_node(path);
	free(path);
}

/* NULL if there is no such node. */
const char *fake_get(const char *fmt, ...)
{
	const char *value;
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = format(fmt, ap);
	va_end(ap);
	value = is_there(path) ? node[place(path)].value : NULL;
	free(path);
	return value;
}

static bool has_watch(const struct xs_handle *xs, const char *path)
{
	unsigned int i;

	for (i = 0; i < xs->nr_watches; i++)
		if (!strcmp(xs->watch[i], path))
			return true;
	return false;
}

bool fake_watched(const char *path)
{
	unsigned int i;

	for (i = 0; i < MAX_CONNECTIONS; i++)
		if (has_watch(&connection[i], path))
			return true;
	return false;
}

void fake_clear(void)
{
	while (nr_nodes)
		delete(nr_nodes - 1);
	fake_reads = 0;
	fake_watched_reads = 0;
	fake_late = false;
	fake_meanwhile = NULL;
}

/* libxenstore */

struct xs_handle *xs_open(unsigned long flags)
{
	struct xs_handle *xs = connection;

	while (xs->fd)
		if (++xs == connection + MAX_CONNECTIONS)
			abort();
	xs->fd = eventfd(0, EFD_NONBLOCK);
	return xs;
}

void xs_close(struct xs_handle *xs)
{
	struct event event;

	while (xs->nr_watches)
		free(xs->watch[--xs->nr_watches]);
	while (xs->nr_events) {
		take(xs, &event);
		free(event.path);
		free(event.token);
	}
	close(xs->fd);
	xs->fd = 0;
}

int xs_fileno(struct xs_handle *xs)
{
	return xs->fd;
}

xs_transaction_t xs_transaction_start(struct xs_handle *xs)
{
	return 1;
}

bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t txn, bool abort)
{
	return true;
}

static void count_read(const struct xs_handle *xs, const char *path)
{
	unsigned int i;

	fake_reads++;
	for (i = 0; i < xs->nr_watches; i++)
		if (!strcmp(path, xs->watch[i]) || below(path, xs->watch[i]))
			fake_watched_reads++;
}

static void go_on(const char *path)
{
	if (fake_meanwhile)
		fake_meanwhile(path);
}

void *xs_read(struct xs_handle *xs, xs_transaction_t txn, const char *path,
	      unsigned int *len)
{
	const char *there;
	char *value;

	count_read(xs, path);
	there = fake_get("%s", path);
	value = there ? strdup(there) : NULL;
	*len = value ? strlen(value) : 0;
	go_on(path);
	errno = ENOENT;
	return value;
}

static bool is_child(unsigned int i, const char *dir)
{
	const char *name = below(node[i].path, dir);

	return name && !strchr(name, '/');
}

/* Names as the library returns them: behind the pointers, in one piece */
char **xs_directory(struct xs_handle *xs, xs_transaction_t txn,
		    const char *path, unsigned int *nr)
{
	unsigned int i, first;
	size_t len = 0;
	char **names;
	char *name;

	count_read(xs, path);
	first = place(path);
	*nr = 0;
	if (!is_there(path)) {
		errno = ENOENT;
		return NULL;
	}
	for (i = first; i < nr_nodes; i++)
		len += strlen(node[i].path) + 1;
	names = malloc((nr_nodes - first) * sizeof(*names) + len);
	name = (char *)(names + nr_nodes - first);
	for (i = first; i < nr_nodes; i++) {
		if (!is_child(i, path))
			continue;
		names[(*nr)++] = name;
		name = stpcpy(name, below(node[i].path, path)) + 1;
	}
	go_on(path);
	return names;
}

bool xs_write(struct xs_handle *xs, xs_transaction_t txn, const char *path,
	      const void *data, unsigned int len)
{
	write_node(path, data);
	return true;
}

bool xs_mkdir(struct xs_handle *xs, xs_transaction_t txn, const char *path)
{
	if (!is_there(path)) {
		make(path);
		fire(path, false);
	}
	return true;
}

bool xs_rm(struct xs_handle *xs, xs_transaction_t txn, const char *path)
{
	remove_node(path);
	return true;
}

bool xs_set_permissions(struct xs_handle *xs, xs_transaction_t txn,
			const char *path, struct xs_permissions *perms,
			unsigned int nr)
{
	return is_there(path);
}

bool xs_watch(struct xs_handle *xs, const char *path, const char *token)
{
	if (has_watch(xs, path)) {
		errno = EEXIST;
		return false;
	}
	if (xs->nr_watches == MAX_WATCHES)
		abort();
	xs->watch[xs->nr_watches++] = strdup(path);
	tell(xs, path, token);
	return true;
}

bool xs_unwatch(struct xs_handle *xs, const char *path, const char *token)
{
	unsigned int i;

	for (i = 0; i < xs->nr_watches && strcmp(xs->watch[i], path); i++)
		;
	if (i == xs->nr_watches) {
		errno = ENOENT;
		return false;
	}
	free(xs->watch[i]);
	xs->watch[i] = xs->watch[--xs->nr_watches];
	return true;
}

/* Two pointers, and the strings behind them */
char **xs_check_watch(struct xs_handle *xs)
{
	struct event event;
	char **pair;

	if (!xs->nr_events || fake_late) {
		errno = EAGAIN;
		return NULL;
	}
	take(xs, &event);
	pair = malloc(2 * sizeof(*pair) + strlen(event.path) + 1 +
		      strlen(event.token) + 1);
	pair[XS_WATCH_PATH] = (char *)(pair + 2);
	pair[XS_WATCH_TOKEN] = stpcpy(pair[XS_WATCH_PATH], event.path) + 1;
	strcpy(pair[XS_WATCH_TOKEN], event.token);
	free(event.path);
	free(event.token);
	return pair;
}

bool xs_is_domain_introduced(struct xs_handle *xs, unsigned int domid)
{
	return fake_get("/local/domain/%u/name", domid);
}
