// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store.h"
#include "util.h"

/*
 * Each try fails only because somebody else's transaction succeeded, so this
 * many in a row means that something is wrong with the host.
 */
#define MAX_TRIES 64

/* A VM that writes without end keeps nobody here. */
#define MAX_EVENTS 256

static void die_store(const char *doing, const char *path)
	__noreturn;

static void die_store(const char *doing, const char *path)
{
	switch (errno) {
	case EACCES:
	case EPERM:
	case EROFS:
		die("%s %s: no permission: run fidoctl as root in dom0", doing,
		    path);
	case ENOSPC:
	case E2BIG:
	case EDQUOT:
		die("%s %s: a xenstore quota is used up: see \"xenstore-control quota\"",
		    doing, path);
	default:
		die("%s %s: %s", doing, path, strerror(errno));
	}
}

/*
 * xenstored takes a node into a transaction when it is first touched there, not
 * when the transaction begins: what a transaction sees of different moments
 * need not fit together, and orders fail that never would otherwise. Such a
 * transaction cannot be committed anyway. It goes on without writing, so that
 * its caller gets to the commit, which has it done again.
 */
static void give_up(struct store *store, const char *doing, const char *path)
{
	if (store->txn == XBT_NULL || (errno != EINVAL && errno != EIO))
		die_store(doing, path);
	store->torn = true;
}

void store_open(struct store *store)
{
	memset(store, 0, sizeof(*store));
	store->txn = XBT_NULL;
	store->xs = xs_open(0);
	if (store->xs)
		return;
	if (errno == EACCES || errno == EPERM)
		die("no permission to use xenstore: run fidoctl as root in dom0");
	die("cannot reach xenstore (%s): run fidoctl in dom0, where xenstored runs",
	    strerror(errno));
}

void store_close(struct store *store)
{
	xs_close(store->xs);
	store->xs = NULL;
	memo_free(&store->memo);
}

/* What is read from here on below watched paths. */
void store_remember(struct store *store)
{
	store->remembers = true;
}

/*
 * All of it: what we have had changed must be seen at once. What we change
 * ourselves is forgotten here. In a transaction nothing is kept, so that lasts
 * until it has been committed.
 */
void store_forget(struct store *store)
{
	memo_forget_all(&store->memo);
}

/* Returns whether a watch has fired. What it tells of is not known any more. */
static bool take_event(struct store *store)
{
	char **event = xs_check_watch(store->xs);

	if (!event)
		return false;
	memo_forget(&store->memo, event[XS_WATCH_PATH]);
	free(event);
	return true;
}

/* Returns their number. For what is left over the next wait returns at once. */
static unsigned int take_events(struct store *store)
{
	unsigned int nr = 0;

	while (nr < MAX_EVENTS && take_event(store))
		nr++;
	return nr;
}

/*
 * What to answer from, if it knows, and to tell what was read; NULL: nothing.
 *
 * What is out of date there will be told, since the event of a change is never
 * taken in before the value of before is kept. xenstored does the requests of
 * all connections one by one: the reply to a read is queued before the event of
 * a later change, unless an equal event is still in the queue then. The thread
 * of libxenstore takes them off in their order. And we wait for the reply and
 * keep it before we take in what else has come meanwhile. An event that is late
 * does no harm: it has read again what was new already.
 */
static struct memo *memo_now(struct store *store)
{
	if (!store->remembers || store->txn != XBT_NULL)
		return NULL;
	if (take_events(store))
		store->fired = true;
	return &store->memo;
}

void store_begin(struct store *store)
{
	store->torn = false;
	store->txn = xs_transaction_start(store->xs);
	if (store->txn == XBT_NULL)
		die_store("starting", "a transaction");
}

/*
 * False: somebody else changed the same nodes, do all of it again. ENOMEM can
 * mean that, too: xenstored counts how many nodes the VMs would have left
 * before it looks whether what the transaction removes is still there.
 */
bool store_commit(struct store *store)
{
	bool done = xs_transaction_end(store->xs, store->txn, store->torn);

	store->txn = XBT_NULL;
	if (!done && errno != EAGAIN && errno != ENOMEM)
		die_store("committing", "a transaction");
	if (store->torn)
		done = false;
	if (done)
		store->tries = 0;
	else if (++store->tries == MAX_TRIES)
		die("xenstore is too busy: %d transactions in a row failed, try again later",
		    MAX_TRIES);
	return done;
}

/* Two nodes were read that cannot have been there at the same time. */
void store_tear(struct store *store)
{
	store->torn = store->txn != XBT_NULL;
}

static char *read_now(struct store *store, const char *path)
{
	unsigned int len;
	char *s = xs_read(store->xs, store->txn, path, &len);

	if (!s && errno != ENOENT)
		die_store("reading", path);
	return s;
}

/* NULL if there is no such node; else to be freed. */
char *store_read(struct store *store, const char *fmt, ...)
{
	struct memo *memo = memo_now(store);
	va_list ap;
	char *path;
	char *s;

	va_start(ap, fmt);
	path = xvasprintf(fmt, ap);
	va_end(ap);
	if (!memo || !memo_value(memo, path, &s)) {
		s = read_now(store, path);
		if (memo)
			memo_keep_value(memo, path, s);
	}
	free(path);
	return s;
}

static char **list_now(struct store *store, const char *path, unsigned int *nr)
{
	char **names = xs_directory(store->xs, store->txn, path, nr);

	if (!names) {
		*nr = 0;
		if (errno != ENOENT)
			die_store("listing", path);
	}
	return names;
}

/* The names below a node, as one allocation; NULL if there are none. */
char **store_list(struct store *store, unsigned int *nr, const char *fmt, ...)
{
	struct memo *memo = memo_now(store);
	char **names;
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = xvasprintf(fmt, ap);
	va_end(ap);
	if (!memo || !memo_names(memo, path, &names, nr)) {
		names = list_now(store, path, nr);
		if (memo)
			memo_keep_names(memo, path, names, *nr);
	}
	free(path);
	return names;
}

void store_write(struct store *store, const char *dir, const char *name,
		 const char *fmt, ...)
{
	char *path = xasprintf("%s/%s", dir, name);
	va_list ap;
	char *value;

	va_start(ap, fmt);
	value = xvasprintf(fmt, ap);
	va_end(ap);
	if (!store->torn &&
	    !xs_write(store->xs, store->txn, path, value, strlen(value)))
		give_up(store, "writing", path);
	memo_forget(&store->memo, path);
	free(value);
	free(path);
}

/* Nodes that are made below it inherit the permissions. */
void store_mkdir(struct store *store, const char *dir, unsigned int owner,
		 unsigned int reader)
{
	struct xs_permissions perms[] = {
		{ .id = owner, .perms = XS_PERM_NONE },
		{ .id = reader, .perms = XS_PERM_READ },
	};

	if (!store->torn && !xs_mkdir(store->xs, store->txn, dir))
		give_up(store, "making", dir);
	if (!store->torn && !xs_set_permissions(store->xs, store->txn, dir,
						perms, ARRAY_SIZE(perms)))
		give_up(store, "setting the permissions of", dir);
	memo_forget(&store->memo, dir);
}

/* Does the node above know of this one? */
static bool is_listed(struct store *store, const char *path)
{
	char *above = xstrdup(path), *name = strrchr(above, '/');
	unsigned int nr, i;
	char **names;

	*name++ = '\0';
	names = list_now(store, above, &nr);
	for (i = 0; i < nr && strcmp(names[i], name); i++)
		;
	free(names);
	free(above);
	return i < nr;
}

/*
 * A node that somebody has just made is there for a transaction that has read
 * the node above before, but not listed. To have it removed then is an error,
 * and one that xenstored takes for a damage of its tree.
 */
void store_remove(struct store *store, const char *path)
{
	if (store->torn || !is_listed(store, path))
		return;
	if (!xs_rm(store->xs, store->txn, path) && errno != ENOENT)
		give_up(store, "removing", path);
	memo_forget(&store->memo, path);
}

void store_remove_if_empty(struct store *store, const char *path)
{
	unsigned int nr;

	free(list_now(store, path, &nr));
	if (!nr)
		store_remove(store, path);
}

bool store_domain_running(struct store *store, unsigned int domid)
{
	return domid == 0 || xs_is_domain_introduced(store->xs, domid);
}

/* Also what is watched already. */
void store_watch(struct store *store, const char *path)
{
	if (!xs_watch(store->xs, path, path) && errno != EEXIST)
		die_store("watching", path);
	memo_watch(&store->memo, path);
}

void store_unwatch(struct store *store, const char *path)
{
	memo_unwatch(&store->memo, path);
	if (!xs_unwatch(store->xs, path, path) && errno != ENOENT)
		die_store("not watching", path);
}

long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/*
 * Waits for a watch to fire, or until now_ms() is @until: false. The same if a
 * signal came, one of those that @mask lets through. One that has fired since
 * store_drain() counts, whoever was told of it.
 */
bool store_wait_signals(struct store *store, long long until,
			const sigset_t *mask)
{
	struct pollfd fd = { .fd = xs_fileno(store->xs), .events = POLLIN };
	struct timespec ts;
	long long left;

	if (store->fired) {
		store->fired = false;
		return true;
	}
	for (;;) {
		left = until - now_ms();
		if (left <= 0)
			return false;
		ts.tv_sec = left / 1000;
		ts.tv_nsec = left % 1000 * 1000000;
		if (ppoll(&fd, 1, &ts, mask) < 0) {
			if (errno != EINTR)
				die("waiting for xenstore: %s",
				    strerror(errno));
			return false;
		}
		if (take_event(store))
			return true;
		if (fd.revents & (POLLERR | POLLHUP))
			die("lost the connection to xenstore");
	}
}

/* As above; there are no signals to wait for. */
bool store_wait(struct store *store, long long until)
{
	bool fired;

	do {
		fired = store_wait_signals(store, until, NULL);
	} while (!fired && now_ms() < until);
	return fired;
}

/* Whoever looks at everything now needs not be told of each change before. */
void store_drain(struct store *store)
{
	take_events(store);
	store->fired = false;
}
