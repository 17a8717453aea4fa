/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Heart: a sign of life for the peers, and a look at theirs.
 */
#ifndef FIDO_HEART_H
#define FIDO_HEART_H

#include <linux/ratelimit_types.h>
#include <linux/types.h>

struct fido_link;
struct fido_service;

/**
 * struct fido_heart - what a link knows of its peer's heart; the lock of the
 *	list of links guards all but @shown
 * @beat: the peer's counter at the latest look; zero: it does not beat
 * @still: looks in a row that found the counter where it was
 * @moved_at: jiffies of the latest look that found it elsewhere
 * @silent: it has been still for too long
 * @told: the log says so
 * @limit: of what the log is told
 * @shown: xenstore says that the peer is silent; belongs to the link's work
 */
struct fido_heart {
	u32 beat;
	unsigned int still;
	unsigned long moved_at;
	bool silent;
	bool told;
	struct ratelimit_state limit;
	bool shown;
};

int fido_heart_init(void);
void fido_heart_exit(void);
void fido_heart_start(void);
u32 fido_heart_beats(void);

void fido_heart_add_link(struct fido_link *link);
void fido_heart_reset_link(struct fido_link *link);
bool fido_heart_step(struct fido_link *link);
void fido_heart_tell(struct fido_service *service);

#endif /* FIDO_HEART_H */
