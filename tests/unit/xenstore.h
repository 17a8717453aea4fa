/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A xenstore in memory, behind libxenstore's functions: what a test puts there,
 * sees of it, and counts.
 */
#ifndef FAKE_XENSTORE_H
#define FAKE_XENSTORE_H

#include <stdbool.h>

void fake_set(const char *value, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void fake_remove(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
const char *fake_get(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
bool fake_watched(const char *path);
void fake_clear(void);

/* Requests that read something, since somebody set it to 0 */
extern unsigned int fake_reads;
/* Those of them that are below a watch of the same connection */
extern unsigned int fake_watched_reads;

/* Events are under way for as long as this is set */
extern bool fake_late;
/* What happens just after a node was read, and before the reader knows */
extern void (*fake_meanwhile)(const char *path);

#endif /* FAKE_XENSTORE_H */
