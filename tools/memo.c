// SPDX-License-Identifier: GPL-2.0
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "memo.h"
#include "util.h"

/* What is not known yet is neither @read nor @listed; NULL: there is none. */
struct memo_node {
	const char *path;
	bool read;
	char *value;
	bool listed;
	char **names;
	unsigned int nr_names;
};

/* Order */

/* Before any other character, or "a-b" would come between "a" and "a/b". */
static int rank(char c)
{
	return c == '/' ? 1 : c ? (unsigned char)c + 1 : 0;
}

static int by_path(const void *x, const void *y)
{
	const char *a = ((const struct memo_node *)x)->path;
	const char *b = ((const struct memo_node *)y)->path;

	for (; *a && *a == *b; a++, b++)
		;
	return rank(*a) - rank(*b);
}

static bool is_within(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

/* 0: any node that is @x or below it. These follow each other in the order. */
static int or_below(const void *x, const void *y)
{
	const struct memo_node *a = x, *b = y;

	return is_within(b->path, a->path) ? 0 : by_path(x, y);
}

/* 0: any node that @x is or is below. It may miss one if there are two. */
static int or_above(const void *x, const void *y)
{
	return or_below(y, x) ? by_path(x, y) : 0;
}

/* Trees */

static struct memo_node *find(void *const *tree, const char *path,
			      int (*order)(const void *x, const void *y))
{
	struct memo_node key = { .path = path };
	struct memo_node **found = tfind(&key, tree, order);

	return found ? *found : NULL;
}

static void node_free(void *entry)
{
	struct memo_node *node = entry;

	free((char *)node->path);
	free(node->value);
	free(node->names);
	free(node);
}

/* The one that is there, or a new one. */
static struct memo_node *place(void **tree, const char *path)
{
	struct memo_node *node = find(tree, path, by_path);

	if (node)
		return node;
	node = xcalloc(1, sizeof(*node));
	node->path = xstrdup(path);
	if (!tsearch(node, tree, by_path))
		die("out of memory");
	return node;
}

/* Returns whether there was such a one. */
static bool drop(void **tree, const char *path,
		 int (*order)(const void *x, const void *y))
{
	struct memo_node *node = find(tree, path, order);

	if (!node)
		return false;
	tdelete(node, tree, by_path);
	node_free(node);
	return true;
}

/* What was read */

/* NULL if nothing is to be kept of it. */
static struct memo_node *keep(struct memo *memo, const char *path)
{
	if (!find(&memo->watched, path, or_above))
		return NULL;
	if (!find(&memo->nodes, path, by_path) && memo->nr++ == MEMO_MAX_NODES) {
		memo_forget_all(memo);
		memo->nr = 1;
	}
	return place(&memo->nodes, path);
}

static bool forget(struct memo *memo, const char *path,
		   int (*order)(const void *x, const void *y))
{
	bool known = drop(&memo->nodes, path, order);

	memo->nr -= known;
	return known;
}

static char *copy_value(const char *value)
{
	return value ? xstrdup(value) : NULL;
}

/* In one piece, as libxenstore has it. */
static char **copy_names(char **names, unsigned int nr)
{
	size_t size = nr * sizeof(*names);
	unsigned int i;
	char **copy;
	char *name;

	if (!names)
		return NULL;
	for (i = 0; i < nr; i++)
		size += strlen(names[i]) + 1;
	copy = xcalloc(1, size);
	name = (char *)(copy + nr);
	for (i = 0; i < nr; i++) {
		copy[i] = name;
		name = stpcpy(name, names[i]) + 1;
	}
	return copy;
}

/* Returns whether it is known: @value is to be freed, NULL if there is none. */
bool memo_value(const struct memo *memo, const char *path, char **value)
{
	const struct memo_node *node = find(&memo->nodes, path, by_path);

	if (!node || !node->read)
		return false;
	*value = copy_value(node->value);
	return true;
}

void memo_keep_value(struct memo *memo, const char *path, const char *value)
{
	struct memo_node *node = keep(memo, path);

	if (!node)
		return;
	free(node->value);
	node->value = copy_value(value);
	node->read = true;
}

/* As above, and in the same way. */
bool memo_names(const struct memo *memo, const char *path, char ***names,
		unsigned int *nr)
{
	const struct memo_node *node = find(&memo->nodes, path, by_path);

	if (!node || !node->listed)
		return false;
	*names = copy_names(node->names, node->nr_names);
	*nr = node->nr_names;
	return true;
}

void memo_keep_names(struct memo *memo, const char *path, char **names,
		     unsigned int nr)
{
	struct memo_node *node = keep(memo, path);

	if (!node)
		return;
	free(node->names);
	node->names = copy_names(names, nr);
	node->nr_names = nr;
	node->listed = true;
}

/* What is no longer so */

void memo_watch(struct memo *memo, const char *path)
{
	place(&memo->watched, path);
}

void memo_unwatch(struct memo *memo, const char *path)
{
	drop(&memo->watched, path, by_path);
	memo_forget(memo, path);
}

/**
 * memo_forget - something has happened to a node
 * @memo: what was read
 * @path: the node
 *
 * With it may have gone what is below. What is above may have come with it, and
 * lists it or does not: xenstored makes the parents of a new node, and tells of
 * that node alone.
 */
void memo_forget(struct memo *memo, const char *path)
{
	char *above = xstrdup(path), *slash;

	while (forget(memo, path, or_below))
		;
	while ((slash = strrchr(above, '/'))) {
		*slash = '\0';
		forget(memo, above, by_path);
	}
	free(above);
}

void memo_forget_all(struct memo *memo)
{
	tdestroy(memo->nodes, node_free);
	memo->nodes = NULL;
	memo->nr = 0;
}

void memo_free(struct memo *memo)
{
	memo_forget_all(memo);
	tdestroy(memo->watched, node_free);
	memo->watched = NULL;
}
