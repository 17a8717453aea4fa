/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of a queue, and how they are shown.
 */
#ifndef MMBLK_STATS_H
#define MMBLK_STATS_H

#include <linux/compiler.h>
#include <linux/types.h>

struct attribute_group;

/**
 * enum mmblk_stat - what is counted for each queue
 * @MMBLK_STAT_READS: READ requests
 * @MMBLK_STAT_WRITES: WRITE requests
 * @MMBLK_STAT_FLUSHES: FLUSH requests
 * @MMBLK_STAT_DISCARDS: DISCARD requests
 * @MMBLK_STAT_WRITE_ZEROES: WRITE_ZEROES requests
 * @MMBLK_STAT_FUA: WRITE and WRITE_ZEROES requests with MMBLK_F_FUA
 * @MMBLK_STAT_WRITE_BYTES: data of WRITE requests
 * @MMBLK_STAT_SEGMENTS: segments of the data
 * @MMBLK_STAT_LISTS: segment lists outside of a message
 * @MMBLK_STAT_BOUNCES: WRITE requests whose data had to be copied
 * @MMBLK_STAT_BOUNCE_BYTES: the same in bytes
 * @MMBLK_STAT_FULL: no room or memory at the moment, tried again later
 * @MMBLK_STAT_REFUSED: server: requests that make no sense
 * @MMBLK_STAT_DEEPEST: server: most requests that the device had at a time
 * @MMBLK_STAT_HELD: server: times that a limit kept requests waiting
 * @MMBLK_STAT_TIMEOUTS: client: requests that failed as the server was away
 * @MMBLK_STAT_REQUEUES: client: requests sent again after a reconnect, or copied
 *	after an error
 * @MMBLK_STAT_READ_BYTES: data of READ completions; client: copied
 * @MMBLK_STAT_COMPLETIONS: completions
 * @MMBLK_STAT_ERRORS: the same with an error
 * @MMBLK_STAT_RUNS: times the queue was looked after
 * @MMBLK_NR_STATS: number of counters
 *
 * Each counter of a queue is written in one context at a time: those from
 * READ_BYTES to ERRORS where completions are handled, RUNS where messages are
 * received, all others where requests are.
 */
enum mmblk_stat {
	MMBLK_STAT_READS,
	MMBLK_STAT_WRITES,
	MMBLK_STAT_FLUSHES,
	MMBLK_STAT_DISCARDS,
	MMBLK_STAT_WRITE_ZEROES,
	MMBLK_STAT_FUA,
	MMBLK_STAT_WRITE_BYTES,
	MMBLK_STAT_SEGMENTS,
	MMBLK_STAT_LISTS,
	MMBLK_STAT_BOUNCES,
	MMBLK_STAT_BOUNCE_BYTES,
	MMBLK_STAT_FULL,
	MMBLK_STAT_REFUSED,
	MMBLK_STAT_DEEPEST,
	MMBLK_STAT_HELD,
	MMBLK_STAT_TIMEOUTS,
	MMBLK_STAT_REQUEUES,
	MMBLK_STAT_READ_BYTES,
	MMBLK_STAT_COMPLETIONS,
	MMBLK_STAT_ERRORS,
	MMBLK_STAT_RUNS,
	MMBLK_NR_STATS,
};

/**
 * struct mmblk_stats - counters of a queue
 * @value: by enum mmblk_stat
 */
struct mmblk_stats {
	u64 value[MMBLK_NR_STATS];
};

static inline void mmblk_stat_add(struct mmblk_stats *stats,
				  enum mmblk_stat what, u64 n)
{
	WRITE_ONCE(stats->value[what], stats->value[what] + n);
}

static inline void mmblk_stat_inc(struct mmblk_stats *stats,
				  enum mmblk_stat what)
{
	mmblk_stat_add(stats, what, 1);
}

static inline void mmblk_stat_max(struct mmblk_stats *stats,
				  enum mmblk_stat what, u64 n)
{
	if (n > stats->value[what])
		WRITE_ONCE(stats->value[what], n);
}

void mmblk_stat_op(struct mmblk_stats *stats, u8 op, u8 flags, u32 bytes);

extern const struct attribute_group mmblk_stats_group;

#endif /* MMBLK_STATS_H */
