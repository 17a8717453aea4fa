/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A peer that breaks the protocol on purpose: what its files share. What it
 * can do, and how, stands in main.c.
 */
#ifndef FIDO_LIAR_H
#define FIDO_LIAR_H

#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "draft.h"
#include "fido.h"
#include "mmblk_proto.h"
#include "shown.h"

#define LIAR_RESULT_LEN	160

/**
 * enum liar_role - what the peer takes us for
 * @LIAR_NET: the other end of a network
 * @LIAR_CLIENT: the user of a disk
 * @LIAR_SERVER: who serves a disk
 */
enum liar_role {
	LIAR_NET,
	LIAR_CLIENT,
	LIAR_SERVER,
};

/**
 * struct liar_request - what a server has been asked for
 * @op: enum mmblk_op
 * @tag: names it
 * @bytes: length
 */
struct liar_request {
	u8 op;
	u16 tag;
	u32 bytes;
};

/**
 * struct liar - the one service that is lied on
 * @lock: guards all that follows; held by whoever uses the channel, for some
 *	seconds at most, which ->down() waits for
 * @fdev: the service; NULL if there is none
 * @role: what the peer takes us for
 * @chan: its channel, while @up
 * @up: between ->up() and ->down()
 * @irq: signals the channel; told by the user, who reads /proc/interrupts
 * @link_irq: signals the link; the same
 * @shown: what the peer reads of ours, while @up
 * @draft: the message that was sent last, where the peer reads it
 * @pages: data for writes, and a page for a list of segments
 * @work: what an event asks for
 * @stall: take nothing from the peer, neither messages nor releases
 * @hold: as a server: let requests wait
 * @twice: release the next id twice
 * @config_due: as a server: the disk has not been described yet
 * @tag: as a client: next tag
 * @request: as a server: what waits for an answer
 * @nr_requests: number of these
 * @ups: how often the service came up
 * @received: messages received
 * @sent: messages sent
 * @answers: as a client: completions received
 * @status: as a client: of the latest completion
 * @rnd: where "random" comes from
 * @seed: what @rnd began with
 * @result: what was done last
 */
struct liar {
	struct mutex lock;	/* see above */
	struct fido_device *fdev;
	enum liar_role role;
	struct fido_chan *chan;
	bool up;
	unsigned int irq;
	unsigned int link_irq;
	struct liar_shown shown;
	struct liar_draft draft;
	struct fido_pages *pages;
	struct delayed_work work;
	bool stall;
	bool hold;
	bool twice;
	bool config_due;
	u16 tag;
	struct liar_request request[MMBLK_DEPTH];
	unsigned int nr_requests;
	u64 ups;
	u64 received;
	u64 sent;
	u64 answers;
	u8 status;
	struct rnd_state rnd;
	u32 seed;
	char result[LIAR_RESULT_LEN];
};

/* main.c */
extern struct liar liar;

/* traffic.c */
void liar_work_fn(struct work_struct *work);

/* debugfs.c */
void liar_debugfs_init(void);
void liar_debugfs_exit(void);

#endif /* FIDO_LIAR_H */
