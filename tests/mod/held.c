// SPDX-License-Identifier: GPL-2.0
/*
 * Messages with memory: reading it, keeping it, giving it back.
 */
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "held.h"

/**
 * test_held_unpin - drop the references to all pages
 * @held: message
 */
void test_held_unpin(struct test_held *held)
{
	u32 i, j;

	for (i = 0; i < held->nr; i++)
		for (j = 0; j < test_piece_pages(&held->piece[i]); j++)
			put_page(held->piece[i].page + j);
}

/* Finds one segment, which can be several pieces here. */
static int held_add(struct test_service *svc, struct test_held *held,
		    const struct fido_seg *seg)
{
	struct test_piece *piece;
	struct fido_run run;
	u32 done, i;
	int err;

	for (done = 0; done < seg->len; done += run.len) {
		err = fido_resolve(svc->chan, seg->addr + done,
				   seg->len - done, &run);
		if (err)
			return err;
		if (held->nr == TEST_MAX_PIECES)
			return -E2BIG;
		piece = &held->piece[held->nr++];
		piece->page = run.page;
		piece->offset = run.offset;
		piece->len = run.len;
		piece->addr = seg->addr + done;
		for (i = 0; i < test_piece_pages(piece); i++)
			get_page(piece->page + i);
	}
	return 0;
}

/**
 * test_held_make - find the memory of a message
 * @svc: service
 * @msg: message
 * @id: its id
 *
 * Takes a reference to each page.
 *
 * Return: what was found, or an ERR_PTR.
 */
struct test_held *test_held_make(struct test_service *svc,
				 const struct test_msg *msg, u32 id)
{
	struct test_held *held = kzalloc(sizeof(*held), GFP_KERNEL);
	u32 i;
	int err = 0;

	if (!held)
		return ERR_PTR(-ENOMEM);
	held->id = id;
	held->mode = msg->mode;
	held->seed = msg->seed;
	/* the memory of a third domain stays only where we hold it */
	rcu_read_lock();
	for (i = 0; !err && i < msg->nr_segs; i++)
		err = held_add(svc, held, &msg->seg[i]);
	rcu_read_unlock();
	if (!err)
		return held;
	test_held_unpin(held);
	kfree(held);
	return ERR_PTR(err);
}

static bool held_matches(const struct test_held *held)
{
	const struct test_piece *piece;
	u64 pos = 0;
	u32 i;

	for (i = 0; i < held->nr; i++) {
		piece = &held->piece[i];
		if (!test_pattern_matches(page_address(piece->page) +
					  piece->offset, held->seed, pos,
					  piece->len))
			return false;
		pos += piece->len;
	}
	return true;
}

static u64 held_sum(const struct test_held *held, u32 step)
{
	const struct test_piece *piece;
	u64 sum = 0;
	u32 i, at;

	for (i = 0; i < held->nr; i++) {
		piece = &held->piece[i];
		for (at = 0; at + sizeof(u64) <= piece->len; at += step)
			sum += *(u64 *)(page_address(piece->page) +
					piece->offset + at);
	}
	return sum;
}

static void held_read(struct test_service *svc, const struct test_held *held)
{
	switch (held->mode) {
	case TEST_VERIFY:
		if (held_matches(held))
			break;
		svc->count.value[TEST_ERRORS]++;
		svc->count.errors++;
		break;
	case TEST_SUM:
		svc->count.sum += held_sum(held, sizeof(u64));
		break;
	default:
		svc->count.sum += held_sum(held, FIDO_PAGE_SIZE);
	}
}

/**
 * test_hold - read the memory of a message and keep it
 * @svc: service
 * @msg: message
 * @id: its id
 *
 * Return: 0, or an error of fido_resolve().
 */
int test_hold(struct test_service *svc, const struct test_msg *msg, u32 id)
{
	struct test_held *held = test_held_make(svc, msg, id);
	u32 i;

	if (IS_ERR(held))
		return PTR_ERR(held);
	for (i = 0; i < held->nr; i++)
		svc->count.value[TEST_BYTES] += held->piece[i].len;
	held_read(svc, held);
	list_add_tail(&held->list, &svc->held);
	svc->nr_held++;
	return 0;
}

static bool held_idle(const struct test_held *held)
{
	const struct test_piece *piece;
	u32 i;

	for (i = 0; i < held->nr; i++) {
		piece = &held->piece[i];
		if (!fido_pages_idle(piece->page, test_piece_pages(piece),
				     fido_addr_domid(piece->addr)))
			return false;
	}
	return true;
}

static void held_end(struct test_service *svc, struct test_held *held)
{
	fido_rx_release(svc->chan, held->id);
	list_del(&held->list);
	kfree(held);
}

/* What was handed on comes back when nobody there holds it any more. */
static bool release_lent(struct test_service *svc)
{
	struct test_held *held, *next;
	bool any = false;

	list_for_each_entry_safe(held, next, &svc->held, list) {
		if (!held->lent || !held_idle(held))
			continue;
		held_end(svc, held);
		any = true;
	}
	return any;
}

static struct test_held *release_next(struct test_service *svc)
{
	struct test_held *held, *chosen = NULL;
	u32 skip = 0;

	if (svc->order == TEST_RANDOM)
		skip = get_random_u32() % svc->nr_held;
	else if (svc->order == TEST_LIFO)
		skip = svc->nr_held - 1;
	list_for_each_entry(held, &svc->held, list) {
		if (held->lent)
			continue;
		chosen = held;
		if (!skip--)
			break;
	}
	return chosen;
}

/**
 * test_release - give back what is held
 * @svc: service
 * @keep: messages to keep
 *
 * The pattern is compared once more: until now the memory was ours to read.
 * Takes effect with fido_rx_release_publish().
 *
 * Return: true if something was given back.
 */
bool test_release(struct test_service *svc, u32 keep)
{
	bool any = release_lent(svc);
	struct test_held *held;

	while (svc->nr_held > keep) {
		held = release_next(svc);
		if (WARN_ON_ONCE(!held))
			break;
		if (held->mode == TEST_VERIFY)
			held_read(svc, held);
		test_held_unpin(held);
		held_end(svc, held);
		svc->nr_held--;
		any = true;
	}
	return any;
}

/**
 * test_lent - does something wait for others to let go of it?
 * @svc: service
 *
 * Return: true if so.
 */
bool test_lent(const struct test_service *svc)
{
	const struct test_held *held;

	list_for_each_entry(held, &svc->held, list)
		if (held->lent)
			return true;
	return false;
}

/**
 * test_held_drop - forget all that is held, without giving it back
 * @svc: service that goes down
 */
void test_held_drop(struct test_service *svc)
{
	struct test_held *held, *next;

	list_for_each_entry_safe(held, next, &svc->held, list) {
		if (!held->lent)
			test_held_unpin(held);
		list_del(&held->list);
		kfree(held);
	}
	svc->nr_held = 0;
}
