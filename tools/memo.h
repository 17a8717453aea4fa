/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was read below watched paths, and need not be read again until a watch
 * tells that it has changed.
 */
#ifndef FIDOCTL_MEMO_H
#define FIDOCTL_MEMO_H

#include <stdbool.h>

/*
 * Names that a VM made, had us read and removed are kept as such that are not
 * there, until all is forgotten. More than hosts have: 1000 disks are 40000.
 */
#define MEMO_MAX_NODES	100000

/**
 * struct memo - what was read of xenstore
 * @watched: paths that are watched, a tree of tsearch(); nothing else is kept
 * @nodes: what was read of nodes there, also that they are not there; a tree
 * @nr: of those, MEMO_MAX_NODES at most: then all of them are forgotten
 *
 * Memory: a VM may write what it likes below its own paths, within its quota of
 * xenstore, but only what was asked for is kept, and it goes with the watch.
 */
struct memo {
	void *watched;
	void *nodes;
	unsigned int nr;
};

void memo_watch(struct memo *memo, const char *path);
void memo_unwatch(struct memo *memo, const char *path);

bool memo_value(const struct memo *memo, const char *path, char **value);
void memo_keep_value(struct memo *memo, const char *path, const char *value);
bool memo_names(const struct memo *memo, const char *path, char ***names,
		unsigned int *nr);
void memo_keep_names(struct memo *memo, const char *path, char **names,
		     unsigned int nr);

void memo_forget(struct memo *memo, const char *path);
void memo_forget_all(struct memo *memo);
void memo_free(struct memo *memo);

#endif /* FIDOCTL_MEMO_H */
