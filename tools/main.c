// SPDX-License-Identifier: GPL-2.0
/*
 * fidoctl: makes, removes and shows links between VMs, and the services on
 * them. See docs/fidoctl.8.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fido_proto.h"
#include "mmblk_proto.h"
#include "mmnet_proto.h"
#include "options.h"
#include "util.h"
#include "values.h"

#ifndef FIDOCTL_VERSION
#define FIDOCTL_VERSION "unknown"
#endif

#define MAX_WAIT	86400

/**
 * struct command - what fidoctl can do
 * @noun: first word
 * @verb: second word, or "" if there is none
 * @run: does it
 * @min_args: least number of names
 * @max_args: highest number of names
 * @allowed: OPT_... that make sense
 * @synopsis: what follows the verb
 * @help: what it does
 */
struct command {
	const char *noun;
	const char *verb;
	int (*run)(const struct options *opt);
	unsigned int min_args;
	unsigned int max_args;
	unsigned int allowed;
	const char *synopsis;
	const char *help;
};

static const struct command commands[] = {
	{ "link", "add", cmd_link_add, 2, 2, OPT_WAIT | OPT_JSON,
	  "A B [--wait SECONDS] [--json]",
	  "lets two VMs read each other's memory" },
	{ "link", "remove", cmd_link_remove, 0, 2,
	  OPT_WAIT | OPT_FORCE | OPT_STALE,
	  "A B [--force] [--wait SECONDS] | --stale",
	  "ends that, with all services" },
	{ "link", "list", cmd_link_list, 0, 1, OPT_JSON, "[VM] [--json]",
	  "all links, also those whose peer is gone" },
	{ "link", "show", cmd_link_show, 2, 2, OPT_JSON, "A B [--json]",
	  "one link with its services" },

	{ "net", "add", cmd_net_add, 2, 2,
	  OPT_WAIT | OPT_JSON | OPT_MAC | OPT_NAME | OPT_MTU | OPT_QUEUES |
	  OPT_KEEP,
	  "A B [--mac-a MAC] [--mac-b MAC] [--name-a NAME] [--name-b NAME] [--mtu N] [--queues N] [--keep] [--wait SECONDS] [--json]",
	  "a network interface in each VM, a queue for each vCPU that both have (and a link)" },
	{ "net", "remove", cmd_net_remove, 2, 2, 0, "A B",
	  "takes the interfaces away, the link stays" },
	{ "net", "list", cmd_net_list, 0, 1, OPT_JSON, "[VM] [--json]",
	  "all networks" },
	{ "net", "show", cmd_net_show, 2, 2, OPT_JSON, "A B [--json]",
	  "one network" },

	{ "blk", "add", cmd_blk_add, 2, 2,
	  OPT_WAIT | OPT_JSON | OPT_READ_ONLY | OPT_SHARED | OPT_SERIAL |
	  OPT_QUEUES | OPT_POLL_QUEUES | OPT_DEPTH | OPT_BANDWIDTH |
	  OPT_TIMEOUT | OPT_BOUNCE | OPT_KEEP,
	  "CLIENT SERVER:/PATH [--read-only] [--shared] [--keep] [--serial TEXT] [--queues N] [--poll-queues N] [--depth N] [--bandwidth MIB_PER_S] [--timeout SECONDS] [--bounce] [--wait SECONDS] [--json]",
	  "a block device or file of one VM as a disk of another (and a link)" },
	{ "blk", "remove", cmd_blk_remove, 2, 2, OPT_FORCE | OPT_WAIT,
	  "CLIENT SERVER:/PATH [--wait SECONDS] [--force]",
	  "takes a disk away that nobody uses, the link stays" },
	{ "blk", "list", cmd_blk_list, 0, 1, OPT_JSON, "[VM] [--json]",
	  "all disks" },
	{ "blk", "show", cmd_blk_show, 2, 2, OPT_JSON,
	  "CLIENT SERVER:/PATH [--json]", "one disk" },

	{ "watch", "", cmd_watch, 0, 0,
	  OPT_CONFIG | OPT_ONCE | OPT_CHECK | OPT_DRY_RUN | OPT_JSON,
	  "[--config DIR] [--once | --dry-run | --check] [--json]",
	  "keeps the networks and disks that /etc/fido/*.conf names, while VMs come and go" },
};

enum {
	VAL_HELP = 1 << 24, VAL_VERSION, VAL_MAC_A, VAL_MAC_B, VAL_NAME_A,
	VAL_NAME_B,
};

static const struct option long_options[] = {
	{ "help", no_argument, NULL, VAL_HELP },
	{ "version", no_argument, NULL, VAL_VERSION },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "wait", required_argument, NULL, OPT_WAIT },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "stale", no_argument, NULL, OPT_STALE },
	{ "mac-a", required_argument, NULL, VAL_MAC_A },
	{ "mac-b", required_argument, NULL, VAL_MAC_B },
	{ "name-a", required_argument, NULL, VAL_NAME_A },
	{ "name-b", required_argument, NULL, VAL_NAME_B },
	{ "mtu", required_argument, NULL, OPT_MTU },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "poll-queues", required_argument, NULL, OPT_POLL_QUEUES },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "bandwidth", required_argument, NULL, OPT_BANDWIDTH },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "bounce", no_argument, NULL, OPT_BOUNCE },
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "shared", no_argument, NULL, OPT_SHARED },
	{ "keep", no_argument, NULL, OPT_KEEP },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ NULL, 0, NULL, 0 },
};

/* What stands between noun and verb. */
static const char *gap(const struct command *cmd)
{
	return *cmd->verb ? " " : "";
}

static void print_command(const struct command *cmd)
{
	printf("  fidoctl %s%s%s %s\n      %s\n", cmd->noun, gap(cmd), cmd->verb,
	       cmd->synopsis, cmd->help);
}

/* For all commands, those of a noun, or one. */
static void print_help(const char *noun, const char *verb)
{
	unsigned int i;

	puts("Usage:");
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (noun && strcmp(commands[i].noun, noun))
			continue;
		if (verb && strcmp(commands[i].verb, verb))
			continue;
		print_command(&commands[i]);
	}
	puts("  fidoctl --help | --version");
	puts("VMs are given by name or domid. See fidoctl(8).");
}

static const struct command *find_command(const char *noun, const char *verb)
{
	bool noun_known = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].noun, noun))
			continue;
		noun_known = true;
		if (!*commands[i].verb)
			return &commands[i];
		if (verb && !strcmp(commands[i].verb, verb))
			return &commands[i];
	}
	if (!noun_known)
		die_usage("there is no command %s: link, net, blk and watch are, see --help",
			  noun);
	if (!verb)
		die_usage("say what to do with %s: add, remove, list or show",
			  noun);
	die_usage("there is no command %s %s: add, remove, list and show are",
		  noun, verb);
}

static unsigned int take_number(const char *option, const char *s,
				unsigned int min, unsigned int max)
{
	unsigned int value;
	char *fault = value_number(s, min, max, &value);

	if (fault)
		die_usage("%s: %s", option, fault);
	return value;
}

static const char *take_text(const char *option, const char *s,
			     char *(*find_fault)(const char *s))
{
	char *fault = find_fault(s);

	if (fault)
		die_usage("%s: %s", option, fault);
	return s;
}

/* What one of two interfaces is given; returns which OPT_... that is. */
static int take_of_interface(struct options *opt, int val)
{
	switch (val) {
	case VAL_MAC_A:
		opt->mac[0] = take_text("--mac-a", optarg, value_mac);
		return OPT_MAC;
	case VAL_MAC_B:
		opt->mac[1] = take_text("--mac-b", optarg, value_mac);
		return OPT_MAC;
	case VAL_NAME_A:
		opt->name[0] = take_text("--name-a", optarg, value_name);
		return OPT_NAME;
	case VAL_NAME_B:
		opt->name[1] = take_text("--name-b", optarg, value_name);
		return OPT_NAME;
	default:
		return val;
	}
}

static void take_option(struct options *opt, int val)
{
	val = take_of_interface(opt, val);
	switch (val) {
	case OPT_WAIT:
		opt->wait = take_number("--wait", optarg, 0, MAX_WAIT);
		break;
	case OPT_MTU:
		opt->mtu = take_number("--mtu", optarg, MMNET_MIN_MTU, MMNET_MAX_MTU);
		break;
	case OPT_QUEUES:
		opt->queues = take_number("--queues", optarg, 1,
					  FIDO_MAX_CHANNELS);
		break;
	case OPT_CONFIG:
		opt->config = optarg;
		break;
	case OPT_POLL_QUEUES:
		opt->poll_queues = take_number("--poll-queues", optarg, 1,
					       FIDO_MAX_CHANNELS - 1);
		break;
	case OPT_DEPTH:
		opt->depth = take_number("--depth", optarg, 1, MMBLK_DEPTH);
		break;
	case OPT_BANDWIDTH:
		opt->bandwidth = take_number("--bandwidth", optarg, 1,
					     MAX_BANDWIDTH);
		break;
	case OPT_TIMEOUT:
		opt->timeout = take_number("--timeout", optarg, 1,
					   MAX_TIMEOUT);
		break;
	case OPT_SERIAL:
		opt->serial = take_text("--serial", optarg, value_serial);
		break;
	default:
		break;
	}
	opt->given |= val;
}

static void parse_options(int argc, char **argv, struct options *opt,
			  bool *help)
{
	int val;

	opterr = 0;
	while ((val = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		switch (val) {
		case VAL_HELP:
			*help = true;
			break;
		case VAL_VERSION:
			printf("fidoctl %s, protocol %d\n", FIDOCTL_VERSION,
			       FIDO_PROTO_VERSION);
			exit(0);
		case ':':
			die_usage("%s needs a value, see --help",
				  argv[optind - 1]);
		case '?':
			die_usage("there is no option %s, see --help",
				  argv[optind - 1]);
		default:
			take_option(opt, val);
		}
	}
}

static const char *option_name(unsigned int bit)
{
	const struct option *o;

	for (o = long_options; o->name; o++)
		if (o->val == (int)bit)
			return o->name;
	return bit == OPT_NAME ? "name-a, --name-b" : "mac-a, --mac-b";
}

static void check(const struct command *cmd, const struct options *opt)
{
	unsigned int wrong = opt->given & ~cmd->allowed;

	if (wrong)
		die_usage("%s%s%s knows no --%s: fidoctl %s%s%s %s", cmd->noun,
			  gap(cmd), cmd->verb, option_name(wrong & -wrong),
			  cmd->noun, gap(cmd), cmd->verb, cmd->synopsis);
	if (opt->nr_args < cmd->min_args || opt->nr_args > cmd->max_args)
		die_usage("wrong number of names: fidoctl %s%s%s %s", cmd->noun,
			  gap(cmd), cmd->verb, cmd->synopsis);
	if (opt->mac[0] && opt->mac[1] && !strcasecmp(opt->mac[0], opt->mac[1]))
		die_usage("--mac-a and --mac-b are the same: each interface needs its own");
	if (opt->queues + opt->poll_queues > FIDO_MAX_CHANNELS)
		die_usage("--queues and --poll-queues: say %d together at most",
			  FIDO_MAX_CHANNELS);
}

int main(int argc, char **argv)
{
	struct options opt = { 0 };
	const struct command *cmd;
	bool help = false;
	int used, ret;

	parse_options(argc, argv, &opt, &help);
	argc -= optind;
	argv += optind;
	if (help) {
		print_help(argc > 0 ? argv[0] : NULL, argc > 1 ? argv[1] : NULL);
		return 0;
	}
	if (!argc)
		die_usage("say what to do: link|net|blk add|remove|list|show or watch, see --help");
	cmd = find_command(argv[0], argc > 1 ? argv[1] : NULL);
	used = *cmd->verb ? 2 : 1;
	opt.arg = argv + used;
	opt.nr_args = argc - used;
	check(cmd, &opt);
	ret = cmd->run(&opt);
	if (fflush(stdout) || ferror(stdout))
		die("writing the output failed");
	return ret;
}
