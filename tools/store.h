/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Xenstore: paths by format, one transaction at a time, failures by die().
 */
#ifndef FIDOCTL_STORE_H
#define FIDOCTL_STORE_H

#include <signal.h>
#include <stdbool.h>
#include <xenstore.h>

#include "memo.h"
#include "util.h"

/**
 * struct store - a connection to xenstore
 * @xs: libxenstore's handle
 * @txn: the transaction that all access belongs to, or XBT_NULL
 * @tries: how often it had to be started
 * @torn: it has seen what does not fit together, and will not be committed
 * @remembers: what is read below watched paths is kept, and not read again
 * @memo: that
 * @fired: a watch has fired, and whoever waits for one was not told yet
 */
struct store {
	struct xs_handle *xs;
	xs_transaction_t txn;
	unsigned int tries;
	bool torn;
	bool remembers;
	struct memo memo;
	bool fired;
};

void store_open(struct store *store);
void store_close(struct store *store);

void store_remember(struct store *store);
void store_forget(struct store *store);

void store_begin(struct store *store);
bool store_commit(struct store *store);
void store_tear(struct store *store);

char *store_read(struct store *store, const char *fmt, ...)
	__printf(2, 3);
char **store_list(struct store *store, unsigned int *nr, const char *fmt, ...)
	__printf(3, 4);
void store_write(struct store *store, const char *dir, const char *name,
		 const char *fmt, ...) __printf(4, 5);
void store_mkdir(struct store *store, const char *dir, unsigned int owner,
		 unsigned int reader);
void store_remove(struct store *store, const char *path);
void store_remove_if_empty(struct store *store, const char *path);

bool store_domain_running(struct store *store, unsigned int domid);

void store_watch(struct store *store, const char *path);
void store_unwatch(struct store *store, const char *path);
bool store_wait(struct store *store, long long until);
bool store_wait_signals(struct store *store, long long until,
			const sigset_t *mask);
void store_drain(struct store *store);
long long now_ms(void);

#endif /* FIDOCTL_STORE_H */
