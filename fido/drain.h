/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Drain: has everything been let go that was in use at some moment?
 */
#ifndef FIDO_DRAIN_H
#define FIDO_DRAIN_H

#include <linux/types.h>

struct fido_drain;
struct fido_window;

struct fido_drain *fido_drain_begin(struct fido_window *window,
				    unsigned int secs);
bool fido_drain_done(struct fido_drain *drain);
void fido_drain_end(struct fido_drain *drain);
void fido_drain_window_gone(struct fido_window *window);

#endif /* FIDO_DRAIN_H */
