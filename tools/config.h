/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration of "fidoctl watch": which services there shall be. See
 * fidoctl(8) for the format.
 */
#ifndef FIDOCTL_CONFIG_H
#define FIDOCTL_CONFIG_H

#include <stddef.h>

#include "options.h"

/* as many as one link can have; a file can fill it */
#define CONFIG_MAX_WISHES	64
#define CONFIG_MAX_FAULTS	20
#define CONFIG_MAX_SIZE		65536

enum wish_type { WISH_NET, WISH_BLK };

/**
 * struct wish - a service that there shall be
 * @type: network or disk
 * @line: where its section begins
 * @vm: the two VMs by name; of a disk the client is the first
 * @device: of a disk: its path in the server
 * @mac: addresses, or NULL
 * @name: of the interfaces, or NULL
 * @serial: of a disk, or NULL
 * @opt: its parameters, as the command line has them; without names
 * @text: the parameters as one line, always in the same order
 * @retry: used by the supervisor: what became of attempts to make it
 * @retry.next: not before now_ms() is this
 * @retry.delay: in ms, after the next failure
 * @retry.since: since when something is wrong, 0 if nothing is
 * @retry.said: what the log was told last, or NULL
 * @retry.old_id: the service id to keep off, FIDO_MAX_SERVICES for none
 */
struct wish {
	enum wish_type type;
	unsigned int line;
	char *vm[2];
	char *device;
	char *mac[2];
	char *name[2];
	char *serial;
	struct options opt;
	char *text;
	struct {
		long long next;
		unsigned int delay;
		long long since;
		char *said;
		unsigned int old_id;
	} retry;
};

/**
 * struct fault - why a file is not used
 * @line: in the file; 0: the whole of it
 * @text: what is wrong
 */
struct fault {
	unsigned int line;
	char *text;
};

/**
 * struct config_file - one file of the configuration
 * @name: its name, without the directory
 * @nr_wishes: number of services
 * @wish: the services, in the order of the file
 * @nr_faults: number of faults that were noted; with one, nothing is used
 * @fault: the faults
 */
struct config_file {
	char *name;
	unsigned int nr_wishes;
	struct wish *wish;
	unsigned int nr_faults;
	struct fault *fault;
};

/**
 * struct config - the configuration
 * @nr_files: number of files
 * @file: the files, in the order of their names
 */
struct config {
	unsigned int nr_files;
	struct config_file *file;
};

/**
 * struct cursor - a place in the configuration; all zero: before it
 * @file: the file
 * @wish: the service
 * @next_file: used by config_next()
 * @next_wish: the same
 */
struct cursor {
	const struct config_file *file;
	struct wish *wish;
	unsigned int next_file;
	unsigned int next_wish;
};

void config_parse(struct config *config, const char *name, const char *text,
		  size_t len);
void config_unreadable(struct config *config, const char *name,
		       const char *why);
void config_compare(struct config *config);
bool config_next(const struct config *config, struct cursor *cursor);
void config_free(struct config *config);

#endif /* FIDOCTL_CONFIG_H */
