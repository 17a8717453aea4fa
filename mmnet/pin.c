// SPDX-License-Identifier: GPL-2.0
/*
 * Pins: received frames whose skbs still point into the sender's memory.
 *
 * There is no callback when the stack lets go of a frag, not without having
 * it copied first (skb_orphan_frags_rx()). But each frag holds a reference to
 * its page, and so does whoever takes pages out of an skb. A frame is released
 * when all its pages are back at the count they had before.
 *
 * A page can belong to several frames, as a sender packs small ones into one
 * page. They wait for each other then; that costs time, never correctness.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "mmnet.h"

/*
 * At most this many frames that are still in use are looked at in one go: a
 * few, and a share of all. A frame in use goes to the tail, so that within some
 * polls each one is looked at, however much a reader who never reads may hold.
 * It has to be soon: when a file is sent again, its pages belong to a second
 * frame. A first frame that was read, but not looked at in between, then has to
 * wait for the second one, too.
 */
#define MIN_BUSY_LOOKS		8
#define BUSY_LOOKS_SHIFT	2

/* Who is in use for so long may only wait for a CPU, see pin_flush() */
#define FLUSH_AGE		msecs_to_jiffies(10)
#define FLUSH_ALL_AGE		HZ

/**
 * mmnet_pins_init - initialise
 * @pins: zeroed
 *
 * Return: 0 or -ENOMEM.
 */
int mmnet_pins_init(struct mmnet_pins *pins)
{
	unsigned int i;

	INIT_LIST_HEAD(&pins->busy);
	INIT_LIST_HEAD(&pins->free);
	pins->pin = kvcalloc(MMNET_MAX_PINS, sizeof(*pins->pin), GFP_KERNEL);
	if (!pins->pin)
		return -ENOMEM;
	for (i = 0; i < MMNET_MAX_PINS; i++)
		list_add_tail(&pins->pin[i].node, &pins->free);
	return 0;
}

/**
 * mmnet_pins_exit - free what mmnet_pins_init() allocated
 * @pins: initialised or zeroed
 */
void mmnet_pins_exit(struct mmnet_pins *pins)
{
	kvfree(pins->pin);
	pins->pin = NULL;
}

/**
 * mmnet_pins_forget - the link is gone, nothing will be released any more
 * @pins: the pins
 *
 * The pages stay readable while they are referenced: the core sees to that.
 */
void mmnet_pins_forget(struct mmnet_pins *pins)
{
	list_splice_init(&pins->busy, &pins->free);
	pins->nr = 0;
	pins->bytes = 0;
}

/**
 * mmnet_pin_first_free - the pin for the next frame
 * @pins: the pins
 *
 * It stays free until mmnet_pin_add().
 *
 * Return: the pin, NULL if all are in use.
 */
struct mmnet_pin *mmnet_pin_first_free(struct mmnet_pins *pins)
{
	return list_first_entry_or_null(&pins->free, struct mmnet_pin, node);
}

/**
 * mmnet_pin_add - a frame's memory is in use from now on
 * @pins: the pins
 * @pin: from mmnet_pin_first_free(), filled
 *
 * Context: the poll that built the skb.
 */
void mmnet_pin_add(struct mmnet_pins *pins, struct mmnet_pin *pin)
{
	pin->cpu = smp_processor_id();
	pin->since = jiffies;
	list_move_tail(&pin->node, &pins->busy);
	pins->nr++;
	pins->bytes += pin->bytes;
}

static bool pin_idle(const struct mmnet_pin *pin)
{
	const struct mmnet_pin_run *run;
	unsigned int i;

	for (i = 0; i < pin->nr_runs; i++) {
		run = &pin->run[i];
		if (!fido_pages_idle(run->page, run->nr, run->owner))
			return false;
	}
	return true;
}

/*
 * What was read elsewhere waits for the CPU that built the skb, and that may
 * have nothing to receive any more, see fido/flush.c. An skb that was made of
 * ours, by segmentation or by sending the pages on, can be any CPU's.
 */
static void pin_flush(const struct mmnet_pin *pin)
{
	unsigned long age = jiffies - pin->since;

	if (age >= FLUSH_ALL_AGE)
		fido_flush_all();
	else if (age >= FLUSH_AGE)
		fido_flush(pin->cpu);
}

static void pin_release(struct mmnet_queue *q, struct mmnet_pin *pin)
{
	fido_rx_release(q->chan, pin->id);
	q->pins.nr--;
	q->pins.bytes -= pin->bytes;
	/* to the head: warm in the cache */
	list_move(&pin->node, &q->pins.free);
}

/**
 * mmnet_pins_release - release what is not in use any more
 * @q: queue, polled
 *
 * The caller publishes.
 *
 * Return: number of frames released.
 */
unsigned int mmnet_pins_release(struct mmnet_queue *q)
{
	unsigned int left = q->pins.nr, busy = 0, released = 0;
	unsigned int looks = MIN_BUSY_LOOKS + (left >> BUSY_LOOKS_SHIFT);
	struct mmnet_pin *pin;

	while (left-- && busy < looks) {
		pin = list_first_entry(&q->pins.busy, struct mmnet_pin, node);
		if (pin_idle(pin)) {
			pin_release(q, pin);
			released++;
		} else {
			list_move_tail(&pin->node, &q->pins.busy);
			/* once a poll: after a second it is for all CPUs */
			if (!busy++)
				pin_flush(pin);
		}
	}
	return released;
}
