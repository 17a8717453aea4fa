// SPDX-License-Identifier: GPL-2.0
/*
 * Lies: the commands.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <xen/events.h>

#include "field.h"
#include "forge.h"
#include "liar.h"
#include "lie.h"
#include "value.h"

#define LIE_MAX_ARGS	24
#define LIE_MAX_MSECS	5000
#define LIE_MAX_RACES	100000
#define LIE_FLIPS	64	/* of a message, about as long as it takes to be read */

/* Fields and values */

/**
 * struct lie - a field and what to write into it
 * @field: the field
 * @at: where it is
 * @truth: what was there
 * @value: what to write
 */
struct lie {
	const struct liar_field *field;
	void *at;
	u64 truth;
	u64 value;
};

static int lie_prepare(struct liar *liar, struct lie *lie, const char *name,
		       const char *value)
{
	lie->field = liar_field_find(name);
	if (!lie->field)
		return -EINVAL;
	lie->at = liar_field_at(liar, lie->field);
	if (!lie->at)
		return -ENOENT;
	lie->truth = liar_field_get(lie->at, lie->field);
	return liar_value(value, lie->truth, lie->field->size, &liar->rnd,
			  &lie->value);
}

static void lie_tell(const struct lie *lie, bool lying)
{
	liar_field_set(lie->at, lie->field, lying ? lie->value : lie->truth);
}

static void lie_note(struct liar *liar, const char *what, const struct lie *lie)
{
	snprintf(liar->result, sizeof(liar->result),
		 "seed %u: %s %s 0x%llx, was 0x%llx", liar->seed, what,
		 lie->field->name, lie->value, lie->truth);
}

/* Pairs of a field and a value, in their order. */
static int lie_pairs(struct liar *liar, const char *what, unsigned int argc,
		     char **argv)
{
	unsigned int i;
	struct lie lie;
	int err;

	if (argc % 2)
		return -EINVAL;
	for (i = 0; i < argc; i += 2) {
		err = lie_prepare(liar, &lie, argv[i], argv[i + 1]);
		if (err)
			return err;
		lie_tell(&lie, true);
		/* the peer sees them in this order */
		smp_wmb();
		lie_note(liar, what, &lie);
	}
	return 0;
}

static void lie_signal(unsigned int irq)
{
	if (irq)
		notify_remote_via_irq(irq);
}

static void lie_signal_all(const struct liar *liar)
{
	lie_signal(liar->irq);
	lie_signal(liar->link_irq);
}

static int lie_number(const char *text, unsigned int max, unsigned int *n)
{
	return kstrtouint(text, 0, n) || *n > max ? -EINVAL : 0;
}

/* Commands */

static int lie_set(struct liar *liar, unsigned int argc, char **argv)
{
	int err = lie_pairs(liar, "set", argc, argv);

	lie_signal_all(liar);
	return err;
}

/* The field is as it was afterwards, or as fido.ko has written it meanwhile. */
static int lie_flip(struct liar *liar, unsigned int argc, char **argv)
{
	unsigned int msecs, n = 0;
	unsigned long end;
	struct lie lie;
	int err;

	err = lie_number(argv[2], LIE_MAX_MSECS, &msecs);
	if (!err)
		err = lie_prepare(liar, &lie, argv[0], argv[1]);
	if (err)
		return err;
	end = jiffies + msecs_to_jiffies(msecs);
	while (time_before(jiffies, end)) {
		lie_tell(&lie, true);
		if (!(n++ % 1024)) {
			lie_signal_all(liar);
			cond_resched();
		}
		lie_tell(&lie, false);
	}
	lie_note(liar, "flip", &lie);
	return 0;
}

static int lie_send(struct liar *liar, unsigned int argc, char **argv)
{
	int err = liar_draft(liar, argv[0]);

	if (err)
		return err;
	snprintf(liar->result, sizeof(liar->result), "seed %u: send %s",
		 liar->seed, argv[0]);
	err = lie_pairs(liar, argv[0], argc - 1, argv + 1);
	fido_tx_publish(liar->chan);
	return err;
}

static int lie_race_once(struct liar *liar, char **argv, struct lie *lie)
{
	unsigned int i;
	int err;

	err = liar_draft(liar, argv[0]);
	if (err)
		return err;
	err = lie_prepare(liar, lie, argv[1], argv[2]);
	fido_tx_publish(liar->chan);
	for (i = 0; !err && i < LIE_FLIPS; i++) {
		lie_tell(lie, true);
		cpu_relax();
		lie_tell(lie, false);
	}
	return err;
}

/* Wait for room: what the peer has read is ours again. */
static int lie_race_wait(struct liar *liar)
{
	unsigned int tries;

	for (tries = 0; tries < 100; tries++) {
		if (!liar->up || fido_chan_broken(liar->chan))
			return -EPIPE;
		if (fido_tx_room(liar->chan) &&
		    fido_tx_in_flight(liar->chan) < MMBLK_DEPTH)
			return 0;
		/* ->work takes releases, ->down() may come */
		mod_delayed_work(system_wq, &liar->work, 0);
		mutex_unlock(&liar->lock);
		msleep(20);
		mutex_lock(&liar->lock);
	}
	return -EAGAIN;
}

static int lie_race(struct liar *liar, unsigned int argc, char **argv)
{
	unsigned int count, i;
	struct lie lie;
	int err;

	err = lie_number(argv[3], LIE_MAX_RACES, &count);
	for (i = 0; !err && i < count; i++) {
		err = lie_race_wait(liar);
		if (!err)
			err = lie_race_once(liar, argv, &lie);
		cond_resched();
	}
	if (err)
		return err;
	if (count)
		lie_note(liar, "race", &lie);
	return 0;
}

static int lie_release(struct liar *liar, unsigned int argc, char **argv)
{
	unsigned int id;

	if (kstrtouint(argv[0], 0, &id))
		return -EINVAL;
	fido_rx_release(liar->chan, id);
	fido_rx_release_publish(liar->chan);
	lie_signal_all(liar);
	snprintf(liar->result, sizeof(liar->result), "release %u", id);
	return 0;
}

static int lie_twice(struct liar *liar, unsigned int argc, char **argv)
{
	liar->twice = true;
	return 0;
}

static int lie_switch(struct liar *liar, const char *text, bool *on)
{
	if (kstrtobool(text, on))
		return -EINVAL;
	mod_delayed_work(system_wq, &liar->work, 0);
	return 0;
}

static int lie_stall(struct liar *liar, unsigned int argc, char **argv)
{
	return lie_switch(liar, argv[0], &liar->stall);
}

static int lie_hold(struct liar *liar, unsigned int argc, char **argv)
{
	return lie_switch(liar, argv[0], &liar->hold);
}

static int lie_storm(struct liar *liar, unsigned int argc, char **argv)
{
	unsigned int msecs, irq, n = 0;
	unsigned long end;

	irq = strcmp(argv[0], "link") ? liar->irq : liar->link_irq;
	if (!irq || lie_number(argv[1], LIE_MAX_MSECS, &msecs))
		return -EINVAL;
	end = jiffies + msecs_to_jiffies(msecs);
	while (time_before(jiffies, end)) {
		lie_signal(irq);
		if (!(n++ % 256))
			cond_resched();
	}
	snprintf(liar->result, sizeof(liar->result), "storm of %u events", n);
	return 0;
}

static int lie_irqs(struct liar *liar, unsigned int argc, char **argv)
{
	return kstrtouint(argv[0], 0, &liar->irq) ||
	       kstrtouint(argv[1], 0, &liar->link_irq) ? -EINVAL : 0;
}

static int lie_seed(struct liar *liar, unsigned int argc, char **argv)
{
	if (kstrtou32(argv[0], 0, &liar->seed))
		return -EINVAL;
	prandom_seed_state(&liar->rnd, liar->seed);
	return 0;
}

/**
 * struct lie_command - a command
 * @name: first word
 * @args: what follows, for people
 * @min: least number of arguments
 * @max: largest number of arguments
 * @any_time: no service that is up is needed
 * @tell: does it; the arguments are those behind the name
 */
struct lie_command {
	const char *name;
	const char *args;
	unsigned int min;
	unsigned int max;
	bool any_time;
	int (*tell)(struct liar *liar, unsigned int argc, char **argv);
};

static const struct lie_command commands[] = {
	{ "set", "FIELD VALUE [FIELD VALUE]...", 2, LIE_MAX_ARGS, false, lie_set },
	{ "flip", "FIELD VALUE MSECS", 3, 3, false, lie_flip },
	{ "send", "MESSAGE [FIELD VALUE]...", 1, LIE_MAX_ARGS, false, lie_send },
	{ "race", "MESSAGE FIELD VALUE COUNT", 4, 4, false, lie_race },
	{ "release", "ID", 1, 1, false, lie_release },
	{ "twice", "", 0, 0, false, lie_twice },
	{ "stall", "0|1", 1, 1, false, lie_stall },
	{ "hold", "0|1", 1, 1, false, lie_hold },
	{ "storm", "chan|link MSECS", 2, 2, false, lie_storm },
	{ "irqs", "CHAN LINK", 2, 2, false, lie_irqs },
	{ "seed", "NUMBER", 1, 1, true, lie_seed },
	{ "forge", "PEER OWN [full] [FIELD VALUE]...", 2, LIE_MAX_ARGS, true,
	  liar_forge },
	{ "unforge", "", 0, 0, true, liar_unforge },
};

static const struct lie_command *lie_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int lie_split(char *text, char **argv)
{
	unsigned int argc = 0;
	char *word;

	while ((word = strsep(&text, " \t\n"))) {
		if (!*word)
			continue;
		if (argc == LIE_MAX_ARGS)
			return -E2BIG;
		argv[argc++] = word;
	}
	return argc;
}

static int lie_tell_locked(const struct lie_command *command, unsigned int argc,
			   char **argv)
{
	int err = -ENOLINK;

	mutex_lock(&liar.lock);
	if (liar.up || command->any_time) {
		liar.result[0] = '\0';
		err = command->tell(&liar, argc, argv);
	}
	mutex_unlock(&liar.lock);
	return err;
}

/**
 * liar_do - tell a lie
 * @text: the command; changed
 *
 * Context: process, sleeps.
 * Return: 0; -EINVAL if there is no such command, field or value; -ENOLINK if
 * the service is down; an error of the command.
 */
int liar_do(char *text)
{
	const struct lie_command *command;
	char *argv[LIE_MAX_ARGS];
	int argc;

	argc = lie_split(text, argv);
	if (argc <= 0)
		return argc ? argc : -EINVAL;
	command = lie_find(argv[0]);
	argc--;
	if (!command || argc < command->min || argc > command->max)
		return -EINVAL;
	return lie_tell_locked(command, argc, argv + 1);
}

/**
 * liar_lie_list - name all commands
 * @s: file
 */
void liar_lie_list(struct seq_file *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		seq_printf(s, "lie %s %s\n", commands[i].name,
			   commands[i].args);
}
