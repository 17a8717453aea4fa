/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Idle: looking for messages while a CPU has nothing else to do.
 */
#ifndef FIDO_IDLE_H
#define FIDO_IDLE_H

#include <linux/list.h>
#include <linux/types.h>

struct fido_chan;
struct fido_idler;

/**
 * struct fido_idle - what a channel has for its idler
 * @node: entry in the list of @home; read under RCU
 * @home: the idler that looks at the channel, or NULL; changed under the lock
 *	of the idler
 * @looked: the idler will look, and arm the ring, before its CPU sleeps
 * @nr: the idler watches for rx if that has asked for an event after so many
 *	messages or fewer: those of fido_rx_arm_idle(), else 1; written by rx
 * @armed: what the client had taken when rx asked so last; belongs to rx
 * @latest: when the latest message or event was seen, in nanoseconds
 * @leaving: is about to be taken off the list; belongs to the idler
 * @cons: what the client had taken when it was told last; belongs to the idler
 * @watched: the peer does not signal, as we look; belongs to the idler
 * @told: the client was called without an event since it acknowledged one
 * @unwanted: looking costs the client more than it gains; written by rx
 */
struct fido_idle {
	struct list_head node;
	struct fido_idler *home;
	bool looked;
	u32 nr;
	u32 armed;
	u64 latest;
	bool leaving;
	u32 cons;
	bool watched;
	bool told;
	bool unwanted;
};

/* Looks for a message between two looks at the clock */
#define FIDO_IDLE_LOOKS	16

u64 fido_idle_window(void);
void fido_idle_event(struct fido_chan *chan);
bool fido_idle_is_looked(const struct fido_chan *chan);
bool fido_idle_arm(struct fido_chan *chan, u32 nr);
bool fido_idle_leave(struct fido_chan *chan);
int fido_idle_init(void);
void fido_idle_exit(void);

#endif /* FIDO_IDLE_H */
