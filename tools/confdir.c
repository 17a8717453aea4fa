// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confdir.h"
#include "log.h"

#define SUFFIX ".conf"

/* Not what editors and package managers leave behind. */
static int is_wanted(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), suffix = strlen(SUFFIX);

	return entry->d_name[0] != '.' && len > suffix &&
		!strcmp(entry->d_name + len - suffix, SUFFIX);
}

/* As much as the parser takes, and one byte more for it to complain of. */
static ssize_t read_all(int fd, char *text)
{
	size_t len = 0;
	ssize_t got;

	while (len <= CONFIG_MAX_SIZE) {
		got = read(fd, text + len, CONFIG_MAX_SIZE + 1 - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		len += got;
	}
	return len;
}

static int open_regular(const char *path)
{
	/* not to wait for who writes to a pipe */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -1;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

static void read_file(struct config *config, const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	char *text = xcalloc(CONFIG_MAX_SIZE + 1, 1);
	int fd = open_regular(path);
	ssize_t len = fd < 0 ? -1 : read_all(fd, text);

	if (len < 0)
		config_unreadable(config, name, strerror(errno));
	else
		config_parse(config, name, text, len);
	if (fd >= 0)
		close(fd);
	free(text);
	free(path);
}

static void report(const char *dir, const struct config_file *file)
{
	const struct fault *fault;
	unsigned int i;

	for (i = 0; i < file->nr_faults; i++) {
		fault = &file->fault[i];
		if (fault->line)
			log_line(LOG_ERR, "%s/%s:%u: %s", dir, file->name,
				 fault->line, fault->text);
		else
			log_line(LOG_ERR, "%s/%s: %s", dir, file->name,
				 fault->text);
	}
	if (file->nr_faults)
		log_line(LOG_ERR, "%s/%s is not used, nothing is changed for it; other files are",
			 dir, file->name);
}

/* False: something is wrong with it, and was said; the rest can be used. */
bool confdir_read(const char *dir, struct config *config)
{
	struct dirent **entry;
	bool good = true;
	unsigned int i;
	int nr;

	config->nr_files = 0;
	config->file = NULL;
	nr = scandir(dir, &entry, is_wanted, alphasort);
	if (nr < 0) {
		log_line(LOG_ERR, "%s: %s: nothing is named there", dir,
			 strerror(errno));
		return false;
	}
	for (i = 0; i < (unsigned int)nr; i++) {
		read_file(config, dir, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	config_compare(config);
	for (i = 0; i < config->nr_files; i++) {
		report(dir, &config->file[i]);
		good = good && !config->file[i].nr_faults;
	}
	return good;
}
