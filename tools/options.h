/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line, after it has been checked.
 */
#ifndef FIDOCTL_OPTIONS_H
#define FIDOCTL_OPTIONS_H

#include <stdbool.h>

enum {
	OPT_JSON = 1 << 0,
	OPT_WAIT = 1 << 1,
	OPT_FORCE = 1 << 2,
	OPT_STALE = 1 << 3,
	OPT_MAC = 1 << 4,
	OPT_MTU = 1 << 5,
	OPT_QUEUES = 1 << 6,
	OPT_READ_ONLY = 1 << 7,
	OPT_SHARED = 1 << 8,
	OPT_SERIAL = 1 << 9,
	OPT_POLL_QUEUES = 1 << 10,
	OPT_DEPTH = 1 << 11,
	OPT_BANDWIDTH = 1 << 12,
	OPT_TIMEOUT = 1 << 13,
};

/**
 * struct options - what the user asked for
 * @given: OPT_...
 * @arg: names that follow noun and verb
 * @nr_args: number of them
 * @wait: seconds
 * @mac: of the first and of the second VM's interface, or NULL
 * @mtu: valid if given
 * @queues: valid if given
 * @poll_queues: valid if given
 * @depth: valid if given
 * @bandwidth: MiB a second, valid if given
 * @timeout: seconds, valid if given
 * @serial: or NULL
 */
struct options {
	unsigned int given;
	char **arg;
	unsigned int nr_args;
	unsigned int wait;
	const char *mac[2];
	unsigned int mtu;
	unsigned int queues;
	unsigned int poll_queues;
	unsigned int depth;
	unsigned int bandwidth;
	unsigned int timeout;
	const char *serial;
};

int cmd_link_add(const struct options *opt);
int cmd_link_remove(const struct options *opt);
int cmd_link_list(const struct options *opt);
int cmd_link_show(const struct options *opt);

int cmd_net_add(const struct options *opt);
int cmd_net_remove(const struct options *opt);
int cmd_net_list(const struct options *opt);
int cmd_net_show(const struct options *opt);

int cmd_blk_add(const struct options *opt);
int cmd_blk_remove(const struct options *opt);
int cmd_blk_list(const struct options *opt);
int cmd_blk_show(const struct options *opt);

#endif /* FIDOCTL_OPTIONS_H */
