/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fidoctl uses of libxenstore. xenstore.c is what stands behind it.
 */
#ifndef XENSTORE_H
#define XENSTORE_H

#include <stdbool.h>
#include <stdint.h>

#define XBT_NULL 0

typedef uint32_t xs_transaction_t;

enum xs_perm_type { XS_PERM_NONE = 0, XS_PERM_READ = 1 };

enum xs_watch_type { XS_WATCH_PATH = 0, XS_WATCH_TOKEN };

struct xs_permissions {
	unsigned int id;
	enum xs_perm_type perms;
};

struct xs_handle;

struct xs_handle *xs_open(unsigned long flags);
void xs_close(struct xs_handle *xs);
int xs_fileno(struct xs_handle *xs);

xs_transaction_t xs_transaction_start(struct xs_handle *xs);
bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t txn, bool abort);

void *xs_read(struct xs_handle *xs, xs_transaction_t txn, const char *path,
	      unsigned int *len);
char **xs_directory(struct xs_handle *xs, xs_transaction_t txn,
		    const char *path, unsigned int *nr);
bool xs_write(struct xs_handle *xs, xs_transaction_t txn, const char *path,
	      const void *data, unsigned int len);
bool xs_mkdir(struct xs_handle *xs, xs_transaction_t txn, const char *path);
bool xs_rm(struct xs_handle *xs, xs_transaction_t txn, const char *path);
bool xs_set_permissions(struct xs_handle *xs, xs_transaction_t txn,
			const char *path, struct xs_permissions *perms,
			unsigned int nr);

bool xs_watch(struct xs_handle *xs, const char *path, const char *token);
bool xs_unwatch(struct xs_handle *xs, const char *path, const char *token);
char **xs_check_watch(struct xs_handle *xs);
bool xs_is_domain_introduced(struct xs_handle *xs, unsigned int domid);

#endif /* XENSTORE_H */
