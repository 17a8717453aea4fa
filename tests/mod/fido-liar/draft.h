/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A message under construction: correct at first.
 */
#ifndef LIAR_DRAFT_H
#define LIAR_DRAFT_H

#include <linux/types.h>

#include "fido_proto.h"

struct fido_pages;
struct liar;
struct seq_file;

/**
 * struct liar_draft - a message, in its slot
 * @slot: where the peer will read it
 * @len: bytes of the message
 * @seg: its first segment, or NULL
 * @list: first segment of a list that it names, or NULL
 * @pages: memory that goes with it under an id, or NULL
 */
struct liar_draft {
	struct fido_slot *slot;
	u16 len;
	struct fido_seg *seg;
	struct fido_seg *list;
	struct fido_pages *pages;
};

int liar_draft(struct liar *liar, const char *kind);
int liar_draft_pages(struct liar *liar, struct fido_seg *seg, u32 len);
void liar_draft_list(struct seq_file *s);

/* net.c */
int liar_net_frame(struct liar *liar);
int liar_net_piece(struct liar *liar);
int liar_net_udp(struct liar *liar);
int liar_net_tcp(struct liar *liar);

/* blk.c */
int liar_blk_read(struct liar *liar);
int liar_blk_write(struct liar *liar);
int liar_blk_list(struct liar *liar);
int liar_blk_loop(struct liar *liar);
int liar_blk_flush(struct liar *liar);
int liar_blk_discard(struct liar *liar);
int liar_blk_zeroes(struct liar *liar);
int liar_blk_config(struct liar *liar);
int liar_blk_done(struct liar *liar);

#endif /* LIAR_DRAFT_H */
