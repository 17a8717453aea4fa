/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Test client of Fido: what its files share. Usage stands in main.c.
 */
#ifndef FIDO_TEST_H
#define FIDO_TEST_H

#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "fido.h"
#include "proto.h"

#define TEST_NAME_LEN	32
#define TEST_RESULT_LEN	160

/* How long a test waits for a peer that does not answer */
#define TEST_PATIENCE	(30 * HZ)

/**
 * enum test_order - in which order memory is given back
 * @TEST_FIFO: as it came
 * @TEST_RANDOM: any
 * @TEST_LIFO: the latest first
 * @TEST_NR_ORDERS: number of orders
 */
enum test_order {
	TEST_FIFO,
	TEST_RANDOM,
	TEST_LIFO,
	TEST_NR_ORDERS,
};

/**
 * struct test_count - counters of one service
 * @value: enum test_report, since TEST_START
 * @messages: messages with data, ever
 * @errors: out of order or with a wrong pattern, ever
 * @unreadable: messages whose memory could not be found, ever
 * @forwarded: messages handed on by address
 * @bounced: messages handed on as a copy
 * @wrong_address: handed on by another address than they came with
 * @ups: how often the service came up
 * @sum: of words read, so that the reading is not optimized away
 */
struct test_count {
	u64 value[TEST_NR_VALUES];
	u64 messages;
	u64 errors;
	u64 unreadable;
	u64 forwarded;
	u64 bounced;
	u64 wrong_address;
	u64 ups;
	u64 sum;
};

/**
 * struct test_service - one service of type "test"
 * @list: entry of test_services
 * @ref: the driver core has one, each user found by name another
 * @fdev: the device, valid while @gone is not set
 * @dir: in debugfs
 * @rx_lock: serializes rx and reap; guards what is theirs below
 * @tx_lock: serializes tx; taken after @rx_lock of this or another service
 * @chan: the channel; valid while @up. @up changes under both locks
 * @up: between ->up() and ->down()
 * @work: rx and reap
 * @flood_work: sends without end while @flood is set
 * @wait: those who wait for @kicks to change, or for @up
 * @space_armed: tx asked for an event; whoever clears it had a reason
 * @kicks: passes of @work that may have made room or brought an answer
 * @held: messages that were not released yet, of struct test_held; rx
 * @nr_held: their number; rx
 * @stash: a message that could not be handled yet; rx
 * @stash_id: its id; rx
 * @stashed: there is one; rx
 * @expected: number of the next message with data; rx
 * @pong: latest answer to a TEST_PING
 * @report: latest TEST_REPORT
 * @count: counters; rx
 * @job_lock: one test at a time; guards @seq and @result
 * @seq: number of the latest question
 * @result: line that describes the latest test
 * @hold: debugfs: how many messages to hold before one is released
 * @order: debugfs: enum test_order
 * @flood: debugfs: pages of each message that @flood_work sends, or zero
 * @forward: debugfs: name of the service that gets all that comes here
 */
struct test_service {
	struct list_head list;
	struct kref ref;
	struct fido_device *fdev;
	struct dentry *dir;

	struct mutex rx_lock;	/* rx and reap */
	struct mutex tx_lock;	/* tx */
	struct fido_chan *chan;
	bool up;
	struct delayed_work work;
	struct work_struct flood_work;
	wait_queue_head_t wait;
	u32 kicks;
	u32 space_armed;

	struct list_head held;
	u32 nr_held;
	struct test_msg stash;
	u32 stash_id;
	bool stashed;
	u64 expected;
	u64 pong;
	struct test_msg report;
	struct test_count count;

	struct mutex job_lock;	/* one test at a time */
	u64 seq;
	char result[TEST_RESULT_LEN];

	u32 hold;
	u32 order;
	u32 flood;
	char forward[TEST_NAME_LEN];
};

extern struct workqueue_struct *test_wq;

/**
 * struct test_piece - memory that a message names
 * @page: first page; the others follow
 * @offset: of the first byte
 * @len: bytes
 * @addr: what the peer calls it
 */
struct test_piece {
	struct page *page;
	u32 offset;
	u32 len;
	u64 addr;
};

/* A message of TEST_MAX_SEGS segments crosses no more page borders than that */
#define TEST_MAX_PIECES	(TEST_MAX_SEGS + TEST_MAX_BYTES / FIDO_PAGE_SIZE)

static inline u32 test_piece_pages(const struct test_piece *piece)
{
	return DIV_ROUND_UP(piece->offset + piece->len, FIDO_PAGE_SIZE);
}

/**
 * struct test_data - memory to be sent with a message
 * @pages: what the peer will release; gone when test_send() returns zero
 * @nr: pieces
 * @piece: the pieces, all in @pages
 */
struct test_data {
	struct fido_pages *pages;
	u32 nr;
	struct test_piece piece[TEST_MAX_PIECES];
};

/* main.c */
struct test_service *test_find(const char *name);
void test_put(struct test_service *svc);
void test_kick_others(struct test_service *svc);

/* tx.c */
int test_send(struct test_service *svc, struct test_msg *msg,
	      struct test_data *data);
int test_send_wait(struct test_service *svc, struct test_msg *msg,
		   struct test_data *data);
int test_wait_kick(struct test_service *svc, u32 kicks);
u32 test_in_flight(struct test_service *svc);

/* rx.c */
void test_work_fn(struct work_struct *work);

/* held.c */
int test_hold(struct test_service *svc, const struct test_msg *msg, u32 id);
bool test_release(struct test_service *svc, u32 keep);
bool test_lent(const struct test_service *svc);
void test_held_drop(struct test_service *svc);

/* forward.c */
int test_forward(struct test_service *svc, struct test_msg *msg, u32 id);

/* jobs.c */
int test_ping(struct test_service *svc, char *args);
int test_stream(struct test_service *svc, char *args);
void test_flood_fn(struct work_struct *work);

/* debugfs.c */
void test_debugfs_add(struct test_service *svc);
void test_debugfs_remove(struct test_service *svc);
void test_debugfs_init(void);
void test_debugfs_exit(void);

#endif /* FIDO_TEST_H */
