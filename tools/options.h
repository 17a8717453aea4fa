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
	OPT_CONFIG = 1 << 10,
	OPT_ONCE = 1 << 11,
	OPT_CHECK = 1 << 12,
	OPT_DRY_RUN = 1 << 13,
	OPT_NOT_ID = 1 << 14,
	OPT_NAME = 1 << 15,
	OPT_POLL_QUEUES = 1 << 16,
	OPT_DEPTH = 1 << 17,
	OPT_BANDWIDTH = 1 << 18,
	OPT_TIMEOUT = 1 << 19,
	OPT_KEEP = 1 << 20,
	OPT_BOUNCE = 1 << 21,
};

/**
 * struct options - what the user asked for
 * @given: OPT_...
 * @arg: names that follow noun and verb
 * @nr_args: number of them
 * @wait: seconds
 * @mac: of the first and of the second VM's interface, or NULL
 * @name: of the first and of the second VM's interface, or NULL
 * @mtu: valid if given
 * @queues: valid if given
 * @poll_queues: valid if given
 * @depth: valid if given
 * @bandwidth: MiB a second, valid if given
 * @timeout: seconds, valid if given
 * @serial: or NULL
 * @config: directory with the configuration, or NULL
 * @file: a service that the supervisor adds: where it is named, else NULL
 * @text: its parameters as they stand there
 * @not_id: service id to keep off while another one is free; valid if given
 */
struct options {
	unsigned int given;
	char **arg;
	unsigned int nr_args;
	unsigned int wait;
	const char *mac[2];
	const char *name[2];
	unsigned int mtu;
	unsigned int queues;
	unsigned int poll_queues;
	unsigned int depth;
	unsigned int bandwidth;
	unsigned int timeout;
	const char *serial;
	const char *config;
	const char *file;
	const char *text;
	unsigned int not_id;
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

int cmd_watch(const struct options *opt);

#endif /* FIDOCTL_OPTIONS_H */
