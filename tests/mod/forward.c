// SPDX-License-Identifier: GPL-2.0
/*
 * Handing on: what came through one channel leaves through another, by
 * address if the peer there can read the owner's memory, else as a copy.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "held.h"

/* A second owner of the pages, which the next peer's release ends. */
static struct fido_pages *forward_pages(const struct test_held *held)
{
	struct fido_pages *pages;
	u32 i, j, nr = 0;

	for (i = 0; i < held->nr; i++)
		nr += test_piece_pages(&held->piece[i]);
	pages = kmalloc(struct_size(pages, page, nr), GFP_KERNEL);
	if (!pages)
		return NULL;
	pages->nr = 0;
	for (i = 0; i < held->nr; i++)
		for (j = 0; j < test_piece_pages(&held->piece[i]); j++) {
			pages->page[pages->nr] = held->piece[i].page + j;
			get_page(pages->page[pages->nr++]);
		}
	return pages;
}

static int forward_address(struct test_service *svc, struct test_service *to,
			   struct test_msg *msg, struct test_held *held)
{
	struct test_data *data = kzalloc(sizeof(*data), GFP_KERNEL);
	int err = -ENOMEM;
	u32 i;

	if (!data)
		return err;
	data->pages = forward_pages(held);
	if (!data->pages)
		goto free_data;
	data->nr = held->nr;
	memcpy(data->piece, held->piece, held->nr * sizeof(*data->piece));
	err = test_send(to, msg, data);
	if (err) {
		fido_pages_free(data->pages);
		goto free_data;
	}
	svc->count.forwarded++;
	for (i = 0; i < held->nr; i++)
		svc->count.wrong_address +=
			data->piece[i].addr != held->piece[i].addr;
free_data:
	kfree(data);
	return err;
}

/* All pieces, one behind the other. */
static void bounce_copy(struct fido_pages *pages, const struct test_held *held)
{
	const struct test_piece *piece;
	u32 i, done, n, pos = 0;

	for (i = 0; i < held->nr; i++) {
		piece = &held->piece[i];
		for (done = 0; done < piece->len; done += n, pos += n) {
			n = min_t(u32, piece->len - done,
				  PAGE_SIZE - pos % PAGE_SIZE);
			memcpy(page_address(pages->page[pos / PAGE_SIZE]) +
			       pos % PAGE_SIZE, page_address(piece->page) +
			       piece->offset + done, n);
		}
	}
}

static void bounce_pieces(struct test_data *data, u32 bytes)
{
	for (data->nr = 0; bytes; data->nr++) {
		data->piece[data->nr].page = data->pages->page[data->nr];
		data->piece[data->nr].len = min_t(u32, bytes, PAGE_SIZE);
		bytes -= data->piece[data->nr].len;
	}
}

static int forward_bounce(struct test_service *svc, struct test_service *to,
			  struct test_msg *msg, const struct test_held *held)
{
	struct test_data *data = kzalloc(sizeof(*data), GFP_KERNEL);
	u32 i, bytes = 0;
	int err = -ENOMEM;

	if (!data)
		return err;
	for (i = 0; i < held->nr; i++)
		bytes += held->piece[i].len;
	data->pages = fido_pages_alloc(DIV_ROUND_UP(bytes, PAGE_SIZE),
				       GFP_KERNEL);
	if (!data->pages)
		goto free_data;
	bounce_copy(data->pages, held);
	bounce_pieces(data, bytes);
	err = test_send(to, msg, data);
	if (err)
		fido_pages_free(data->pages);
	else
		svc->count.bounced++;
free_data:
	kfree(data);
	return err;
}

/* Is all of it memory of the domain that sent it? */
static bool forward_direct(struct test_service *svc,
			   const struct test_msg *msg)
{
	u32 i;

	for (i = 0; i < msg->nr_segs; i++)
		if (fido_addr_domid(msg->seg[i].addr) !=
		    fido_peer_domid(svc->fdev))
			return false;
	return true;
}

/*
 * By address only what the peer itself owns: such pages can be looked at until
 * ->down(), without holding them. A third domain's could vanish as soon as the
 * next domain has let go of them, so those are copied.
 */
static int forward_data(struct test_service *svc, struct test_service *to,
			struct test_msg *msg, u32 id)
{
	struct test_held *held = test_held_make(svc, msg, id);
	int err = -EFAULT;

	if (IS_ERR(held))
		return PTR_ERR(held);
	if (forward_direct(svc, msg))
		err = forward_address(svc, to, msg, held);
	held->lent = !err;
	if (err == -EFAULT)
		err = forward_bounce(svc, to, msg, held);
	/* that one would blame the sender */
	if (err == -EFAULT)
		err = -EIO;
	test_held_unpin(held);
	if (held->lent) {
		list_add_tail(&held->list, &svc->held);
		return 0;
	}
	if (!err)
		fido_rx_release(svc->chan, id);
	kfree(held);
	return err;
}

/**
 * test_forward - hand on a message
 * @svc: where it came from
 * @msg: message
 * @id: its id
 *
 * Return: 0; -EAGAIN if there is no room; else it cannot be handed on.
 */
int test_forward(struct test_service *svc, struct test_msg *msg, u32 id)
{
	struct test_service *to = test_find(svc->forward);
	struct test_msg *copy;
	int err = -ENOMEM;

	if (!to)
		return -ENOLINK;
	/* of its own: the original is needed again if there is no room */
	copy = kmemdup(msg, sizeof(*msg), GFP_KERNEL);
	if (copy && msg->kind == TEST_DATA)
		err = forward_data(svc, to, copy, id);
	else if (copy)
		err = test_send(to, copy, NULL);
	kfree(copy);
	test_put(to);
	return err;
}
