// SPDX-License-Identifier: GPL-2.0
/*
 * Tests that a write to debugfs starts.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fido_test.h"

/**
 * struct test_stream_args - what to send
 * @messages: messages
 * @pages: pages of each
 * @mode: what the receiver does
 * @odd: begin and end within pages
 * @corrupt: make one byte wrong in each message
 */
struct test_stream_args {
	u32 messages;
	u32 pages;
	enum test_mode mode;
	bool odd;
	bool corrupt;
};

static bool job_gone(struct test_service *svc, u64 ups)
{
	return !READ_ONCE(svc->up) || READ_ONCE(svc->count.ups) != ups;
}

static bool job_ponged(struct test_service *svc, u64 seq)
{
	return READ_ONCE(svc->pong) == seq;
}

static bool job_reported(struct test_service *svc, u64 seq)
{
	/* pairs with the release in rx_handle(): the values are there, too */
	return smp_load_acquire(&svc->report.seq) == seq;
}

/* Waits for what the worker brings, or ->down(). */
static int job_wait(struct test_service *svc, u64 ups,
		    bool (*done)(struct test_service *svc, u64 seq), u64 seq)
{
	long left;

	left = wait_event_interruptible_timeout(svc->wait, done(svc, seq) ||
						job_gone(svc, ups),
						TEST_PATIENCE);
	if (left < 0)
		return left;
	if (job_gone(svc, ups))
		return -ENOLINK;
	return left ? 0 : -ETIMEDOUT;
}

/* Waits until everything was given back. */
static int job_wait_all_back(struct test_service *svc, u64 ups)
{
	u32 kicks;
	int err;

	do {
		kicks = READ_ONCE(svc->kicks);
		if (!test_in_flight(svc))
			return job_gone(svc, ups) ? -ENOLINK : 0;
		err = test_wait_kick(svc, kicks);
	} while (!err);
	return err;
}

/* Ping-pong */

static int ping_once(struct test_service *svc, u64 ups, u64 *ns)
{
	struct test_msg msg = {
		.kind = TEST_PING,
		.seq = ++svc->seq,
	};
	u64 begin = ktime_get_ns();
	int err;

	err = test_send_wait(svc, &msg, NULL);
	if (err)
		return err;
	err = job_wait(svc, ups, job_ponged, msg.seq);
	*ns = ktime_get_ns() - begin;
	return err;
}

static int ping_run(struct test_service *svc, u32 rounds)
{
	u64 ups = READ_ONCE(svc->count.ups);
	u64 ns, sum = 0, best = U64_MAX, worst = 0;
	u32 i;
	int err;

	for (i = 0; i < rounds; i++) {
		err = ping_once(svc, ups, &ns);
		if (err)
			return err;
		sum += ns;
		best = min(best, ns);
		worst = max(worst, ns);
	}
	scnprintf(svc->result, sizeof(svc->result),
		  "rounds=%u ns_min=%llu ns_mean=%llu ns_max=%llu",
		  rounds, best, div_u64(sum, rounds), worst);
	return 0;
}

/**
 * test_ping - measure round trips
 * @svc: service
 * @args: their number
 *
 * Return: 0 or an error.
 */
int test_ping(struct test_service *svc, char *args)
{
	u32 rounds;
	int err;

	if (kstrtou32(strim(args), 0, &rounds) || !rounds)
		return -EINVAL;
	if (!mutex_trylock(&svc->job_lock))
		return -EBUSY;
	err = ping_run(svc, rounds);
	mutex_unlock(&svc->job_lock);
	return err;
}

/* Stream */

static void stream_pieces(struct test_data *data, bool odd)
{
	struct test_piece *piece = data->piece;
	u32 i;

	data->nr = data->pages->nr;
	for (i = 0; i < data->nr; i++) {
		piece[i].page = data->pages->page[i];
		piece[i].offset = 0;
		piece[i].len = PAGE_SIZE;
	}
	if (!odd)
		return;
	piece[0].offset = get_random_u32() % (PAGE_SIZE / 2);
	piece[0].len -= piece[0].offset;
	piece[data->nr - 1].len -= get_random_u32() % (PAGE_SIZE / 2);
}

static void stream_fill(struct test_data *data, u64 seed, bool corrupt)
{
	struct test_piece *piece;
	u64 pos = 0;
	void *to;

	for (piece = data->piece; piece < data->piece + data->nr; piece++) {
		to = page_address(piece->page) + piece->offset;
		test_pattern_fill(to, seed, pos, piece->len);
		pos += piece->len;
	}
	if (corrupt)
		*(u8 *)(page_address(data->piece->page) +
			data->piece->offset) ^= 1;
}

static int stream_send(struct test_service *svc, struct test_data *data,
		       const struct test_stream_args *args, u64 seq)
{
	struct test_msg msg = {
		.kind = TEST_DATA,
		.mode = args->mode,
		.seq = seq,
		.seed = get_random_u64(),
	};
	int err;

	data->pages = fido_pages_alloc(args->pages, GFP_KERNEL);
	if (!data->pages)
		return -ENOMEM;
	stream_pieces(data, args->odd);
	if (args->mode == TEST_VERIFY)
		stream_fill(data, msg.seed, args->corrupt);
	err = test_send_wait(svc, &msg, data);
	if (err)
		fido_pages_free(data->pages);
	return err;
}

static int stream_all(struct test_service *svc,
		      const struct test_stream_args *args)
{
	struct test_msg start = { .kind = TEST_START };
	struct test_data *data;
	u64 seq;
	int err;

	data = kmalloc(sizeof(*data), GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	err = test_send_wait(svc, &start, NULL);
	for (seq = 0; !err && seq < args->messages; seq++)
		err = stream_send(svc, data, args, seq);
	kfree(data);
	return err;
}

/* The receiver's opinion, and everything back. */
static int stream_finish(struct test_service *svc, u64 ups)
{
	struct test_msg flush = {
		.kind = TEST_FLUSH,
		.seq = ++svc->seq,
	};
	int err;

	err = test_send_wait(svc, &flush, NULL);
	if (err)
		return err;
	err = job_wait(svc, ups, job_reported, flush.seq);
	if (err)
		return err;
	return job_wait_all_back(svc, ups);
}

static int stream_run(struct test_service *svc,
		      const struct test_stream_args *args)
{
	u64 ups = READ_ONCE(svc->count.ups);
	u64 begin = ktime_get_ns(), ns;
	const u64 *value = svc->report.value;
	int err;

	err = stream_all(svc, args);
	if (!err)
		err = stream_finish(svc, ups);
	if (err)
		return err;
	ns = max_t(u64, ktime_get_ns() - begin, 1);
	scnprintf(svc->result, sizeof(svc->result),
		  "messages=%llu bytes=%llu ns=%llu mbit=%llu errors=%llu",
		  value[TEST_MESSAGES], value[TEST_BYTES], ns,
		  div64_u64(value[TEST_BYTES] * 8000, ns),
		  value[TEST_ERRORS]);
	if (value[TEST_ERRORS] || value[TEST_MESSAGES] != args->messages)
		return -EBADMSG;
	return 0;
}

static int stream_option(struct test_stream_args *args, const char *word)
{
	if (!strcmp(word, "odd"))
		args->odd = true;
	else if (!strcmp(word, "sum"))
		args->mode = TEST_SUM;
	else if (!strcmp(word, "touch"))
		args->mode = TEST_TOUCH;
	else if (!strcmp(word, "corrupt"))
		args->corrupt = true;
	else if (*word)
		return -EINVAL;
	return 0;
}

static int stream_parse(struct test_stream_args *args, char *text)
{
	u32 *number[] = { &args->messages, &args->pages };
	u32 i = 0;
	char *word;
	int err = 0;

	text = strim(text);
	while (!err && (word = strsep(&text, " "))) {
		if (i < ARRAY_SIZE(number))
			err = kstrtou32(word, 0, number[i++]);
		else
			err = stream_option(args, word);
	}
	if (err || !args->messages || !args->pages ||
	    args->pages > TEST_MAX_BYTES / PAGE_SIZE)
		return -EINVAL;
	return 0;
}

/**
 * test_stream - send messages with memory, ask the receiver what came
 * @svc: service
 * @args: "MESSAGES PAGES [odd] [sum|touch] [corrupt]"
 *
 * Return: 0 or an error.
 */
int test_stream(struct test_service *svc, char *args)
{
	struct test_stream_args parsed = { .mode = TEST_VERIFY };
	int err;

	err = stream_parse(&parsed, args);
	if (err)
		return err;
	if (!mutex_trylock(&svc->job_lock))
		return -EBUSY;
	err = stream_run(svc, &parsed);
	mutex_unlock(&svc->job_lock);
	return err;
}

/* Flood */

static void flood_run(struct test_service *svc, struct test_data *data)
{
	struct test_msg start = { .kind = TEST_START };
	struct test_stream_args args = {
		.mode = TEST_VERIFY,
		.odd = true,
	};
	u64 ups = READ_ONCE(svc->count.ups), seq = 0;

	if (test_send_wait(svc, &start, NULL))
		return;
	while (!job_gone(svc, ups)) {
		args.pages = min_t(u32, READ_ONCE(svc->flood),
				   TEST_MAX_BYTES / PAGE_SIZE);
		if (!args.pages || stream_send(svc, data, &args, seq++))
			return;
		cond_resched();
	}
}

/**
 * test_flood_fn - send until told to stop, or the service is down
 * @work: of a service; started again by ->up()
 */
void test_flood_fn(struct work_struct *work)
{
	struct test_service *svc = container_of(work, struct test_service,
						flood_work);
	struct test_data *data = kmalloc(sizeof(*data), GFP_KERNEL);

	if (!data)
		return;
	mutex_lock(&svc->job_lock);
	flood_run(svc, data);
	mutex_unlock(&svc->job_lock);
	kfree(data);
}
