// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes are kept in the order of their paths, so that what is below one follows
 * it. Transactions always succeed: there is nobody else. Watches never fire.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "xenstore.h"

#define MAX_NODES 20000
#define MAX_WATCHES 64

struct node {
	char *path;
	char *value;
};

unsigned int fake_reads;

static struct node node[MAX_NODES];
static unsigned int nr_nodes;
static char *watch[MAX_WATCHES];
static unsigned int nr_watches;

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
	set(path, value);
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

bool fake_watched(const char *path)
{
	unsigned int i;

	for (i = 0; i < nr_watches; i++)
		if (!strcmp(watch[i], path))
			return true;
	return false;
}

void fake_clear(void)
{
	while (nr_nodes)
		delete(nr_nodes - 1);
	while (nr_watches)
		free(watch[--nr_watches]);
	fake_reads = 0;
}

/* libxenstore */

struct xs_handle *xs_open(unsigned long flags)
{
	return (struct xs_handle *)node;
}

void xs_close(struct xs_handle *xs)
{
}

int xs_fileno(struct xs_handle *xs)
{
	return -1;
}

xs_transaction_t xs_transaction_start(struct xs_handle *xs)
{
	return 1;
}

bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t txn, bool abort)
{
	return true;
}

void *xs_read(struct xs_handle *xs, xs_transaction_t txn, const char *path,
	      unsigned int *len)
{
	const char *value = fake_get("%s", path);

	fake_reads++;
	if (!value) {
		errno = ENOENT;
		return NULL;
	}
	*len = strlen(value);
	return strdup(value);
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
	unsigned int i, first = place(path);
	size_t len = 0;
	char **names;
	char *name;

	fake_reads++;
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
	return names;
}

bool xs_write(struct xs_handle *xs, xs_transaction_t txn, const char *path,
	      const void *data, unsigned int len)
{
	set(path, data);
	return true;
}

bool xs_mkdir(struct xs_handle *xs, xs_transaction_t txn, const char *path)
{
	make(path);
	return true;
}

bool xs_rm(struct xs_handle *xs, xs_transaction_t txn, const char *path)
{
	unsigned int i = nr_nodes;

	while (i--)
		if (!strcmp(node[i].path, path) || below(node[i].path, path))
			delete(i);
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
	if (fake_watched(path)) {
		errno = EEXIST;
		return false;
	}
	if (nr_watches == MAX_WATCHES)
		abort();
	watch[nr_watches++] = strdup(path);
	return true;
}

bool xs_unwatch(struct xs_handle *xs, const char *path, const char *token)
{
	unsigned int i;

	for (i = 0; i < nr_watches && strcmp(watch[i], path); i++)
		;
	if (i == nr_watches) {
		errno = ENOENT;
		return false;
	}
	free(watch[i]);
	watch[i] = watch[--nr_watches];
	return true;
}

char **xs_check_watch(struct xs_handle *xs)
{
	errno = EAGAIN;
	return NULL;
}

bool xs_is_domain_introduced(struct xs_handle *xs, unsigned int domid)
{
	return fake_get("/local/domain/%u/name", domid);
}
