// SPDX-License-Identifier: GPL-2.0
/*
 * fidoctl: makes, removes and shows links between VMs, and the services on
 * them. See docs/fidoctl.8.
 */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fido_proto.h"
#include "options.h"
#include "util.h"

#ifndef FIDOCTL_VERSION
#define FIDOCTL_VERSION "0.1"
#endif

#define MIN_MTU		68
#define MAX_MTU		65535
#define MAX_SERIAL	36
#define MAX_NAME	15	/* IFNAMSIZ, with its zero */
#define MAX_WAIT	86400

/**
 * struct command - what fidoctl can do
 * @noun: first word
 * @verb: second word
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
	  OPT_WAIT | OPT_JSON | OPT_MAC | OPT_NAME | OPT_MTU | OPT_QUEUES,
	  "A B [--mac-a MAC] [--mac-b MAC] [--name-a NAME] [--name-b NAME] [--mtu N] [--queues N] [--wait SECONDS] [--json]",
	  "a network interface in each VM, a queue for each vCPU that both have (and a link)" },
	{ "net", "remove", cmd_net_remove, 2, 2, 0, "A B",
	  "takes the interfaces away, the link stays" },
	{ "net", "list", cmd_net_list, 0, 1, OPT_JSON, "[VM] [--json]",
	  "all networks" },
	{ "net", "show", cmd_net_show, 2, 2, OPT_JSON, "A B [--json]",
	  "one network" },

	{ "blk", "add", cmd_blk_add, 2, 2,
	  OPT_WAIT | OPT_JSON | OPT_READ_ONLY | OPT_SHARED | OPT_SERIAL |
	  OPT_QUEUES,
	  "CLIENT SERVER:/PATH [--read-only] [--shared] [--serial TEXT] [--queues N] [--wait SECONDS] [--json]",
	  "a block device or file of one VM as a disk of another (and a link)" },
	{ "blk", "remove", cmd_blk_remove, 2, 2, 0,
	  "CLIENT SERVER:/PATH",
	  "takes the disk away, the link stays" },
	{ "blk", "list", cmd_blk_list, 0, 1, OPT_JSON, "[VM] [--json]",
	  "all disks" },
	{ "blk", "show", cmd_blk_show, 2, 2, OPT_JSON,
	  "CLIENT SERVER:/PATH [--json]", "one disk" },
};

enum {
	VAL_HELP = 1 << 16, VAL_VERSION, VAL_MAC_A, VAL_MAC_B, VAL_NAME_A,
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
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "shared", no_argument, NULL, OPT_SHARED },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ NULL, 0, NULL, 0 },
};

static void print_command(const struct command *cmd)
{
	printf("  fidoctl %s %s %s\n      %s\n", cmd->noun, cmd->verb,
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
		if (verb && !strcmp(commands[i].verb, verb))
			return &commands[i];
	}
	if (!noun_known)
		die_usage("there is no command %s: link, net and blk are, see --help",
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

	if (!parse_uint(s, max, &value) || value < min)
		die_usage("%s: say a number from %u to %u, not %s", option,
			  min, max, s);
	return value;
}

/* Six octets in hexadecimal; an interface has neither a group nor none. */
static const char *take_mac(const char *option, const char *s)
{
	unsigned int i, octet, any = 0;
	const char *p = s;

	for (i = 0; i < 6; i++, p += 3) {
		if (!isxdigit((unsigned char)p[0]) ||
		    !isxdigit((unsigned char)p[1]) ||
		    p[2] != (i < 5 ? ':' : '\0'))
			die_usage("%s: %s is no MAC address: say it as in 00:16:3e:01:02:03",
				  option, s);
		octet = strtoul(p, NULL, 16);
		if (i == 0 && octet & 1)
			die_usage("%s: %s is a group's address: the first octet must be even",
				  option, s);
		any |= octet;
	}
	if (!any)
		die_usage("%s: an interface cannot have the address %s",
			  option, s);
	return s;
}

/* As dev_valid_name() of the kernel wants it, and not a pattern. */
static const char *take_name(const char *option, const char *s)
{
	if (!*s || strlen(s) > MAX_NAME || !printable(s) ||
	    strpbrk(s, "/:% ") || !strcmp(s, ".") || !strcmp(s, ".."))
		die_usage("%s: say 1 to %d characters without any of \"/:%% \", not %s",
			  option, MAX_NAME, s);
	return s;
}

static const char *take_serial(const char *s)
{
	if (!*s || strlen(s) > MAX_SERIAL || !printable(s))
		die_usage("--serial: say 1 to %d printable characters",
			  MAX_SERIAL);
	return s;
}

static void take_option(struct options *opt, int val)
{
	switch (val) {
	case VAL_MAC_A:
		opt->mac[0] = take_mac("--mac-a", optarg);
		val = OPT_MAC;
		break;
	case VAL_MAC_B:
		opt->mac[1] = take_mac("--mac-b", optarg);
		val = OPT_MAC;
		break;
	case VAL_NAME_A:
		opt->name[0] = take_name("--name-a", optarg);
		val = OPT_NAME;
		break;
	case VAL_NAME_B:
		opt->name[1] = take_name("--name-b", optarg);
		val = OPT_NAME;
		break;
	case OPT_WAIT:
		opt->wait = take_number("--wait", optarg, 0, MAX_WAIT);
		break;
	case OPT_MTU:
		opt->mtu = take_number("--mtu", optarg, MIN_MTU, MAX_MTU);
		break;
	case OPT_QUEUES:
		opt->queues = take_number("--queues", optarg, 1,
					  FIDO_MAX_CHANNELS);
		break;
	case OPT_SERIAL:
		opt->serial = take_serial(optarg);
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
		die_usage("%s %s knows no --%s: fidoctl %s %s %s", cmd->noun,
			  cmd->verb, option_name(wrong & -wrong), cmd->noun,
			  cmd->verb, cmd->synopsis);
	if (opt->nr_args < cmd->min_args || opt->nr_args > cmd->max_args)
		die_usage("wrong number of names: fidoctl %s %s %s", cmd->noun,
			  cmd->verb, cmd->synopsis);
	if (opt->mac[0] && opt->mac[1] && !strcasecmp(opt->mac[0], opt->mac[1]))
		die_usage("--mac-a and --mac-b are the same: each interface needs its own");
}

int main(int argc, char **argv)
{
	struct options opt = { 0 };
	const struct command *cmd;
	bool help = false;
	int ret;

	parse_options(argc, argv, &opt, &help);
	argc -= optind;
	argv += optind;
	if (help) {
		print_help(argc > 0 ? argv[0] : NULL, argc > 1 ? argv[1] : NULL);
		return 0;
	}
	if (!argc)
		die_usage("say what to do: fidoctl link|net|blk add|remove|list|show, see --help");
	cmd = find_command(argv[0], argc > 1 ? argv[1] : NULL);
	opt.arg = argv + 2;
	opt.nr_args = argc - 2;
	check(cmd, &opt);
	ret = cmd->run(&opt);
	if (fflush(stdout) || ferror(stdout))
		die("writing the output failed");
	return ret;
}
