/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Something that may fail by die(), done in a process of its own: whoever
 * wants it goes on.
 */
#ifndef FIDOCTL_ATTEMPT_H
#define FIDOCTL_ATTEMPT_H

#include <signal.h>
#include <stdbool.h>

bool attempt(int (*action)(void *arg), void *arg, const sigset_t *mask,
	     char **said);

#endif /* FIDOCTL_ATTEMPT_H */
