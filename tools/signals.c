// SPDX-License-Identifier: GPL-2.0
#include <poll.h>
#include <stddef.h>

#include "signals.h"

static volatile sig_atomic_t stop, reload;
static sigset_t while_waiting;

static void on_signal(int signo)
{
	if (signo == SIGHUP)
		reload = 1;
	else
		stop = 1;
}

/*
 * Before anything else: threads that libxenstore starts inherit the mask, and
 * must not be the ones that get the signals.
 */
const sigset_t *signals_open(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;

	sigemptyset(&action.sa_mask);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
	sigdelset(&while_waiting, SIGTERM);
	sigdelset(&while_waiting, SIGINT);
	sigdelset(&while_waiting, SIGHUP);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	return &while_waiting;
}

/* In a child: SIGTERM ends it, SIGHUP is not meant for it. */
void signals_reset(void)
{
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_SETMASK, &while_waiting, NULL);
}

/* Or until a signal comes. */
void signals_pause(unsigned int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	ppoll(NULL, 0, &ts, &while_waiting);
}

/* One that has come already, and that no wait will be interrupted by. */
bool signals_pending(void)
{
	return stop || reload;
}

bool signals_stop(void)
{
	return stop;
}

bool signals_take_reload(void)
{
	bool taken = reload;

	reload = 0;
	return taken;
}
