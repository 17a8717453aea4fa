/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the peer is shown: the pages of ours that it reads.
 */
#ifndef LIAR_SHOWN_H
#define LIAR_SHOWN_H

#include "fido_proto.h"

struct fido_chan;

/**
 * struct liar_shown - where the peer looks
 * @root: root page
 * @entry: the service's half of the handshake
 * @table: addresses of the control pages
 * @ctl: control page of channel 0
 */
struct liar_shown {
	struct fido_root *root;
	struct fido_service_entry *entry;
	u64 *table;
	struct fido_chan_ctl *ctl;
};

int liar_shown_find(struct liar_shown *shown, struct fido_chan *chan,
		    unsigned int sid);
u32 *liar_shown_release(const struct liar_shown *shown);

#endif /* LIAR_SHOWN_H */
