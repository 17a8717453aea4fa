// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"
#include "signals.h"
#include "store.h"
#include "util.h"

/* Longer than anything that waits for drivers. */
#define MAX_MS		60000

#define MAX_SAID	2048

static void run_child(int (*action)(void *arg), void *arg, int fd)
	__noreturn;

/*
 * The parent's connection to xenstore is not touched: libxenstore's thread is
 * not here. The action opens one of its own.
 */
static void run_child(int (*action)(void *arg), void *arg, int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signals_reset();
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	exit(action(arg));
}

/* False: nothing more will come. What does not fit is dropped. */
static bool read_some(int fd, char *text, size_t *len)
{
	char rest[256];
	ssize_t got;

	if (*len < MAX_SAID)
		got = read(fd, text + *len, MAX_SAID - *len);
	else
		got = read(fd, rest, sizeof(rest));
	if (got > 0 && *len < MAX_SAID)
		*len += got;
	return got > 0 || (got < 0 && errno == EINTR);
}

/* Until the child has closed its end. Whoever ends us ends it, too. */
static void listen_to(pid_t pid, int fd, const sigset_t *mask, char *text)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	long long until = now_ms() + MAX_MS, left;
	struct timespec ts;
	size_t len = 0;
	int ready;

	for (;;) {
		left = until - now_ms();
		if (signals_stop() || left <= 0) {
			kill(pid, left <= 0 ? SIGKILL : SIGTERM);
			break;
		}
		ts.tv_sec = left / 1000;
		ts.tv_nsec = left % 1000 * 1000000;
		ready = ppoll(&pfd, 1, &ts, mask);
		if (ready > 0 && !read_some(fd, text, &len))
			break;
	}
	text[len] = '\0';
}

/* The last line, without the name of the program. */
static char *last_line(char *text)
{
	static const char prefix[] = "fidoctl: ";
	size_t len = strlen(text);
	char *line;

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (!strncmp(line, prefix, strlen(prefix)))
		line += strlen(prefix);
	return xstrdup(line);
}

/**
 * attempt - do something that may fail
 * @action: it; returns an exit code, or does not
 * @arg: its argument
 * @mask: signals while waiting
 * @said: the last line of its output, to be freed
 *
 * Return: it was done.
 */
bool attempt(int (*action)(void *arg), void *arg, const sigset_t *mask,
	     char **said)
{
	char text[MAX_SAID + 1];
	int status = -1, fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC))
		die("making a pipe: %s", strerror(errno));
	/* or both would write what is still in the buffers */
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("making a process: %s", strerror(errno));
	if (!pid)
		run_child(action, arg, fd[1]);
	close(fd[1]);
	listen_to(pid, fd[0], mask, text);
	close(fd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*said = last_line(text);
	if (!**said && (!WIFEXITED(status) || WEXITSTATUS(status))) {
		free(*said);
		*said = xstrdup("it did not come to an end");
	}
	return WIFEXITED(status) && !WEXITSTATUS(status);
}
