// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "fido_proto.h"
#include "mmblk_proto.h"
#include "mmnet_proto.h"
#include "util.h"
#include "values.h"

/**
 * struct key - what can stand in a section
 * @name: as the option of the command line is called, where there is one
 * @types: in which sections: IN_...
 * @required: each section needs it
 * @take: notes the value; returns what is wrong with it, or NULL
 */
struct key {
	const char *name;
	unsigned int types;
	bool required;
	char *(*take)(struct wish *wish, const char *value);
};

enum { IN_NET = 1 << WISH_NET, IN_BLK = 1 << WISH_BLK };

static char *take_vm(char **vm, const char *value)
{
	char *fault = value_vm(value);

	if (!fault)
		*vm = xstrdup(value);
	return fault;
}

static char *take_first(struct wish *wish, const char *value)
{
	return take_vm(&wish->vm[0], value);
}

static char *take_second(struct wish *wish, const char *value)
{
	return take_vm(&wish->vm[1], value);
}

static char *take_device(struct wish *wish, const char *value)
{
	char *fault = value_device(value);

	if (!fault)
		wish->device = xstrdup(value);
	return fault;
}

static char *take_mac(struct wish *wish, unsigned int i, const char *value)
{
	char *fault = value_mac(value);

	if (fault)
		return fault;
	wish->mac[i] = xstrdup(value);
	wish->opt.mac[i] = wish->mac[i];
	wish->opt.given |= OPT_MAC;
	return NULL;
}

static char *take_mac_a(struct wish *wish, const char *value)
{
	return take_mac(wish, 0, value);
}

static char *take_mac_b(struct wish *wish, const char *value)
{
	return take_mac(wish, 1, value);
}

static char *take_name(struct wish *wish, unsigned int i, const char *value)
{
	char *fault = value_name(value);

	if (fault)
		return fault;
	wish->name[i] = xstrdup(value);
	wish->opt.name[i] = wish->name[i];
	wish->opt.given |= OPT_NAME;
	return NULL;
}

static char *take_name_a(struct wish *wish, const char *value)
{
	return take_name(wish, 0, value);
}

static char *take_name_b(struct wish *wish, const char *value)
{
	return take_name(wish, 1, value);
}

static char *take_mtu(struct wish *wish, const char *value)
{
	wish->opt.given |= OPT_MTU;
	return value_number(value, MMNET_MIN_MTU, MMNET_MAX_MTU, &wish->opt.mtu);
}

static char *take_queues(struct wish *wish, const char *value)
{
	wish->opt.given |= OPT_QUEUES;
	return value_number(value, 1, FIDO_MAX_CHANNELS, &wish->opt.queues);
}

static char *take_poll_queues(struct wish *wish, const char *value)
{
	wish->opt.given |= OPT_POLL_QUEUES;
	return value_number(value, 1, FIDO_MAX_CHANNELS - 1,
			    &wish->opt.poll_queues);
}

static char *take_depth(struct wish *wish, const char *value)
{
	wish->opt.given |= OPT_DEPTH;
	return value_number(value, 1, MMBLK_DEPTH, &wish->opt.depth);
}

static char *take_bandwidth(struct wish *wish, const char *value)
{
	wish->opt.given |= OPT_BANDWIDTH;
	return value_number(value, 1, MAX_BANDWIDTH, &wish->opt.bandwidth);
}

static char *take_timeout(struct wish *wish, const char *value)
{
	wish->opt.given |= OPT_TIMEOUT;
	return value_number(value, 1, MAX_TIMEOUT, &wish->opt.timeout);
}

static char *take_flag(struct wish *wish, unsigned int flag, const char *value)
{
	bool yes;
	char *fault = value_yes_no(value, &yes);

	if (!fault && yes)
		wish->opt.given |= flag;
	return fault;
}

static char *take_read_only(struct wish *wish, const char *value)
{
	return take_flag(wish, OPT_READ_ONLY, value);
}

static char *take_shared(struct wish *wish, const char *value)
{
	return take_flag(wish, OPT_SHARED, value);
}

static char *take_bounce(struct wish *wish, const char *value)
{
	return take_flag(wish, OPT_BOUNCE, value);
}

static char *take_keep(struct wish *wish, const char *value)
{
	return take_flag(wish, OPT_KEEP, value);
}

static char *take_serial(struct wish *wish, const char *value)
{
	char *fault = value_serial(value);

	if (fault)
		return fault;
	wish->serial = xstrdup(value);
	wish->opt.serial = wish->serial;
	wish->opt.given |= OPT_SERIAL;
	return NULL;
}

static const struct key keys[] = {
	{ "a", IN_NET, true, take_first },
	{ "b", IN_NET, true, take_second },
	{ "client", IN_BLK, true, take_first },
	{ "server", IN_BLK, true, take_second },
	{ "device", IN_BLK, true, take_device },
	{ "mac-a", IN_NET, false, take_mac_a },
	{ "mac-b", IN_NET, false, take_mac_b },
	{ "name-a", IN_NET, false, take_name_a },
	{ "name-b", IN_NET, false, take_name_b },
	{ "mtu", IN_NET, false, take_mtu },
	{ "queues", IN_NET | IN_BLK, false, take_queues },
	{ "poll-queues", IN_BLK, false, take_poll_queues },
	{ "depth", IN_BLK, false, take_depth },
	{ "bandwidth", IN_BLK, false, take_bandwidth },
	{ "timeout", IN_BLK, false, take_timeout },
	{ "bounce", IN_BLK, false, take_bounce },
	{ "read-only", IN_BLK, false, take_read_only },
	{ "shared", IN_BLK, false, take_shared },
	{ "keep", IN_NET | IN_BLK, false, take_keep },
	{ "serial", IN_BLK, false, take_serial },
};

static const char * const section_names[] = {
	[WISH_NET] = "net",
	[WISH_BLK] = "blk",
};

/**
 * struct parser - the state between two lines
 * @file: where to put what was found
 * @line: number of the line
 * @wish: the section, or NULL: before the first, or in one that has no name
 * @skip: in such a one: its keys are not complained of
 * @value: values by key, NULL for those that were not given
 */
struct parser {
	struct config_file *file;
	unsigned int line;
	struct wish *wish;
	bool skip;
	char *value[ARRAY_SIZE(keys)];
};

static void add_fault(struct config_file *file, unsigned int line,
		      const char *fmt, ...) __printf(3, 4);

static void add_fault(struct config_file *file, unsigned int line,
		      const char *fmt, ...)
{
	struct fault *fault;
	va_list ap;

	if (file->nr_faults == CONFIG_MAX_FAULTS)
		return;
	file->fault = xgrow(file->fault, file->nr_faults,
			    sizeof(*file->fault));
	fault = &file->fault[file->nr_faults++];
	fault->line = line;
	va_start(ap, fmt);
	fault->text = xvasprintf(fmt, ap);
	va_end(ap);
}

/* End of a section */

/* What tells whether a service has the parameters that it shall have. */
static char *parameters_text(const struct parser *parser)
{
	char *text = xstrdup(""), *longer;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!parser->value[i] || keys[i].required)
			continue;
		longer = xasprintf("%s%s%s=%s", text, *text ? " " : "",
				   keys[i].name, parser->value[i]);
		free(text);
		text = longer;
	}
	return text;
}

static void check_required(struct parser *parser)
{
	const struct wish *wish = parser->wish;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].required && keys[i].types & (1 << wish->type) &&
		    !parser->value[i])
			add_fault(parser->file, wish->line,
				  "[%s] needs a line \"%s = ...\"",
				  section_names[wish->type], keys[i].name);
}

/* dom0 is known by two names */
static bool same_vm(const char *a, const char *b)
{
	if (!strcmp(a, "dom0"))
		a = "Domain-0";
	if (!strcmp(b, "dom0"))
		b = "Domain-0";
	return !strcmp(a, b);
}

static void check_whole(struct parser *parser)
{
	struct config_file *file = parser->file;
	const struct wish *wish = parser->wish;

	if (wish->vm[0] && wish->vm[1] && same_vm(wish->vm[0], wish->vm[1]))
		add_fault(file, wish->line, "%s cannot be linked with itself",
			  wish->vm[0]);
	if (wish->mac[0] && wish->mac[1] &&
	    !strcasecmp(wish->mac[0], wish->mac[1]))
		add_fault(file, wish->line,
			  "mac-a and mac-b are the same: each interface needs its own");
	if (wish->opt.queues + wish->opt.poll_queues > FIDO_MAX_CHANNELS)
		add_fault(file, wish->line,
			  "queues and poll-queues: say %d together at most",
			  FIDO_MAX_CHANNELS);
}

static void end_section(struct parser *parser)
{
	unsigned int i;

	if (parser->wish) {
		check_required(parser);
		check_whole(parser);
		parser->wish->text = parameters_text(parser);
	}
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		free(parser->value[i]);
		parser->value[i] = NULL;
	}
	parser->wish = NULL;
}

/* Lines */

static void begin_section(struct parser *parser, const char *name)
{
	struct config_file *file = parser->file;
	unsigned int type;

	end_section(parser);
	parser->skip = true;
	for (type = 0; type < ARRAY_SIZE(section_names); type++)
		if (!strcmp(name, section_names[type]))
			break;
	if (type == ARRAY_SIZE(section_names)) {
		add_fault(file, parser->line,
			  "there is no section [%s]: [net] and [blk] are",
			  name);
		return;
	}
	if (file->nr_wishes == CONFIG_MAX_WISHES) {
		add_fault(file, parser->line,
			  "more than %d sections: begin another file",
			  CONFIG_MAX_WISHES);
		return;
	}
	parser->skip = false;
	file->wish = xgrow(file->wish, file->nr_wishes, sizeof(*file->wish));
	parser->wish = &file->wish[file->nr_wishes++];
	parser->wish->type = type;
	parser->wish->line = parser->line;
	parser->wish->retry.old_id = FIDO_MAX_SERVICES;
}

static void take_pair(struct parser *parser, const char *name,
		      const char *value)
{
	struct wish *wish = parser->wish;
	const char *section = section_names[wish->type];
	unsigned int i;
	char *fault;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(name, keys[i].name) &&
		    keys[i].types & (1 << wish->type))
			break;
	if (i == ARRAY_SIZE(keys)) {
		add_fault(parser->file, parser->line,
			  "[%s] knows no \"%s\"", section, name);
		return;
	}
	if (parser->value[i]) {
		add_fault(parser->file, parser->line,
			  "\"%s\" stands twice in one section", name);
		return;
	}
	parser->value[i] = xstrdup(value);
	fault = keys[i].take(wish, value);
	if (fault)
		add_fault(parser->file, parser->line, "%s: %s", name, fault);
	free(fault);
}

static char *trim(char *s)
{
	size_t len;

	while (isblank((unsigned char)*s))
		s++;
	len = strlen(s);
	while (len && isblank((unsigned char)s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

/* From a # or ; that begins the line, or from a # after a blank. */
static void cut_comment(char *s)
{
	char *p;

	if (*s == ';')
		*s = '\0';
	for (p = s; *p; p++) {
		if (*p == '#' && (p == s || isblank((unsigned char)p[-1]))) {
			*p = '\0';
			return;
		}
	}
}

static void parse_section(struct parser *parser, char *s)
{
	size_t len = strlen(s);

	if (s[len - 1] != ']') {
		end_section(parser);
		parser->skip = true;
		add_fault(parser->file, parser->line,
			  "a section is named as in [net]");
		return;
	}
	s[len - 1] = '\0';
	begin_section(parser, trim(s + 1));
}

static void parse_line(struct parser *parser, char *s)
{
	char *sep;

	s = trim(s);
	cut_comment(s);
	s = trim(s);
	if (!*s)
		return;
	if (!printable(s)) {
		add_fault(parser->file, parser->line,
			  "there are control characters in this line");
		return;
	}
	if (*s == '[') {
		parse_section(parser, s);
		return;
	}
	if (parser->skip)
		return;
	sep = strchr(s, '=');
	if (!sep) {
		add_fault(parser->file, parser->line,
			  "say [SECTION] or KEY = VALUE, not %s", s);
		return;
	}
	if (!parser->wish) {
		add_fault(parser->file, parser->line,
			  "there must be a section before, as [net]");
		return;
	}
	*sep = '\0';
	take_pair(parser, trim(s), trim(sep + 1));
}

static struct config_file *add_file(struct config *config, const char *name)
{
	struct config_file *file;

	config->file = xgrow(config->file, config->nr_files,
			     sizeof(*config->file));
	file = &config->file[config->nr_files++];
	file->name = xstrdup(name);
	return file;
}

/**
 * config_parse - add a file to the configuration
 * @config: the configuration
 * @name: what the file is called
 * @text: what stands in it
 * @len: that many bytes
 *
 * What is wrong with it is noted, and the rest of it read nevertheless, to be
 * complained of at the same time.
 */
void config_parse(struct config *config, const char *name, const char *text,
		  size_t len)
{
	struct parser parser = { .file = add_file(config, name) };
	char *copy, *s, *end;

	if (len > CONFIG_MAX_SIZE || memchr(text, '\0', len)) {
		add_fault(parser.file, 0,
			  "not a text of at most %d bytes", CONFIG_MAX_SIZE);
		return;
	}
	copy = xcalloc(len + 1, 1);
	memcpy(copy, text, len);
	for (s = copy; s; s = end) {
		parser.line++;
		end = strchr(s, '\n');
		if (end)
			*end++ = '\0';
		parse_line(&parser, s);
	}
	end_section(&parser);
	free(copy);
}

/* A file that is there, but says nothing. */
void config_unreadable(struct config *config, const char *name,
		       const char *why)
{
	add_fault(add_file(config, name), 0, "cannot be read: %s", why);
}

/* Between sections and files */

static bool same_pair(const struct wish *x, const struct wish *y)
{
	return same_vm(x->vm[0], y->vm[0]) && same_vm(x->vm[1], y->vm[1]);
}

static bool crossed_pair(const struct wish *x, const struct wish *y)
{
	return same_vm(x->vm[0], y->vm[1]) && same_vm(x->vm[1], y->vm[0]);
}

static bool same_disk(const struct wish *x, const struct wish *y)
{
	return same_vm(x->vm[1], y->vm[1]) && !strcmp(x->device, y->device);
}

/* Two file systems on one disk destroy each other. */
static bool may_share(const struct wish *x, const struct wish *y)
{
	unsigned int both = x->opt.given & y->opt.given;

	return both & (OPT_READ_ONLY | OPT_SHARED);
}

/* Why there cannot be both, or NULL. */
static const char *conflict(const struct wish *x, const struct wish *y)
{
	if (x->type != y->type)
		return NULL;
	if (x->type == WISH_NET)
		return same_pair(x, y) || crossed_pair(x, y) ?
			"the two VMs have their network already" : NULL;
	if (!same_disk(x, y))
		return NULL;
	if (same_pair(x, y))
		return "the client has this disk already";
	return may_share(x, y) ? NULL :
		"another client has this disk: say \"shared = yes\" for both if they cope";
}

static void compare_wish(struct config *config, struct config_file *file,
			 const struct wish *wish)
{
	const struct config_file *other;
	const char *why;
	unsigned int i;

	for (other = config->file; other <= file; other++) {
		if (other != file && other->nr_faults)
			continue;
		for (i = 0; i < other->nr_wishes; i++) {
			if (&other->wish[i] == wish)
				break;
			why = conflict(&other->wish[i], wish);
			if (why)
				add_fault(file, wish->line, "%s, by %s:%u",
					  why, other->name,
					  other->wish[i].line);
		}
	}
}

/**
 * config_compare - find what can be there only once
 * @config: the configuration, all of it
 *
 * The later one is at fault, and its file with it.
 */
void config_compare(struct config *config)
{
	unsigned int i, j;

	for (i = 0; i < config->nr_files; i++) {
		struct config_file *file = &config->file[i];

		/* of a file with a fault some values may be missing */
		if (file->nr_faults)
			continue;
		for (j = 0; j < file->nr_wishes; j++)
			compare_wish(config, file, &file->wish[j]);
	}
}

/* Goes to the next service, of a file without a fault. False: that was all. */
bool config_next(const struct config *config, struct cursor *cursor)
{
	const struct config_file *file;

	while (cursor->next_file < config->nr_files) {
		file = &config->file[cursor->next_file];
		if (!file->nr_faults && cursor->next_wish < file->nr_wishes) {
			cursor->file = file;
			cursor->wish = &file->wish[cursor->next_wish++];
			return true;
		}
		cursor->next_file++;
		cursor->next_wish = 0;
	}
	return false;
}

static void wish_free(struct wish *wish)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		free(wish->vm[i]);
		free(wish->mac[i]);
		free(wish->name[i]);
	}
	free(wish->device);
	free(wish->serial);
	free(wish->text);
	free(wish->retry.said);
}

static void file_free(struct config_file *file)
{
	unsigned int i;

	for (i = 0; i < file->nr_wishes; i++)
		wish_free(&file->wish[i]);
	for (i = 0; i < file->nr_faults; i++)
		free(file->fault[i].text);
	free(file->wish);
	free(file->fault);
	free(file->name);
}

void config_free(struct config *config)
{
	unsigned int i;

	for (i = 0; i < config->nr_files; i++)
		file_free(&config->file[i]);
	free(config->file);
	config->file = NULL;
	config->nr_files = 0;
}
