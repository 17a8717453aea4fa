// SPDX-License-Identifier: GPL-2.0
/*
 * A message under construction. It is built in its slot as an honest peer
 * builds it, and pushed by way of fido.ko. Only what is written there
 * afterwards, before or after the peer can see it, is a lie.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "liar.h"

struct draft_kind {
	const char *name;
	enum liar_role role;
	int (*build)(struct liar *liar);
};

static const struct draft_kind kinds[] = {
	{ "frame", LIAR_NET, liar_net_frame },
	{ "piece", LIAR_NET, liar_net_piece },
	{ "udp", LIAR_NET, liar_net_udp },
	{ "tcp", LIAR_NET, liar_net_tcp },
	{ "read", LIAR_CLIENT, liar_blk_read },
	{ "write", LIAR_CLIENT, liar_blk_write },
	{ "list", LIAR_CLIENT, liar_blk_list },
	{ "loop", LIAR_CLIENT, liar_blk_loop },
	{ "flush", LIAR_CLIENT, liar_blk_flush },
	{ "discard", LIAR_CLIENT, liar_blk_discard },
	{ "zeroes", LIAR_CLIENT, liar_blk_zeroes },
	{ "config", LIAR_SERVER, liar_blk_config },
	{ "done", LIAR_SERVER, liar_blk_done },
};

static const struct draft_kind *draft_find(const struct liar *liar,
					   const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].role == liar->role && !strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static int draft_build(struct liar *liar, const char *kind)
{
	const struct draft_kind *found = draft_find(liar, kind);
	void *data;
	int err;

	if (!found)
		return -EINVAL;
	data = fido_tx_slot(liar->chan);
	if (!data)
		return -EAGAIN;
	liar->draft = (struct liar_draft) {
		.slot = data - sizeof(struct fido_slot),
	};
	/* slots are of one size in all services that are lied on */
	memset(data, 0, MMBLK_MSG_SIZE);
	err = found->build(liar);
	if (!err)
		return 0;
	fido_pages_free(liar->draft.pages);
	liar->draft = (struct liar_draft) {};
	return err;
}

static int draft_push(struct liar *liar)
{
	struct liar_draft *draft = &liar->draft;
	u32 id = FIDO_ID_NONE;

	if (draft->pages) {
		id = fido_tx_id(liar->chan);
		if (id == FIDO_ID_NONE) {
			fido_pages_free(draft->pages);
			*draft = (struct liar_draft) {};
			return -EAGAIN;
		}
	}
	fido_tx_push(liar->chan, draft->len, id, draft->pages);
	/* the core's now */
	draft->pages = NULL;
	liar->sent++;
	return 0;
}

/**
 * liar_draft - build a message, complete; the peer does not see it yet
 * @liar: service that is up
 * @kind: its kind
 *
 * Return: 0; -EINVAL if there is no such kind in this role, -EAGAIN if the
 * ring is full or no id is free, -ENOMEM, -EFAULT, or -ENOENT if nothing is
 * there to answer. After an error there is no draft.
 */
int liar_draft(struct liar *liar, const char *kind)
{
	int err = draft_build(liar, kind);

	return err ? err : draft_push(liar);
}

/**
 * liar_draft_pages - memory that goes with the message, a page of it
 * @liar: service with a draft
 * @seg: gets its name
 * @len: bytes, a page at most
 *
 * Return: 0, -ENOMEM or -EFAULT.
 */
int liar_draft_pages(struct liar *liar, struct fido_seg *seg, u32 len)
{
	struct fido_pages *pages = fido_pages_alloc(1, GFP_KERNEL | __GFP_ZERO);

	if (!pages)
		return -ENOMEM;
	liar->draft.pages = pages;
	seg->len = len;
	return fido_addr_of(liar->chan, pages->page[0], 0, len, &seg->addr);
}

/**
 * liar_draft_list - name all kinds
 * @s: file
 */
void liar_draft_list(struct seq_file *s)
{
	static const char * const role[] = {
		[LIAR_NET] = "net",
		[LIAR_CLIENT] = "client",
		[LIAR_SERVER] = "server",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		seq_printf(s, "message %s %s\n", kinds[i].name,
			   role[kinds[i].role]);
}
