// SPDX-License-Identifier: GPL-2.0
/*
 * Affinity: which CPUs get the events of a channel.
 *
 * A client says what is good by default. The last word is the administrator's,
 * by way of /proc/irq, or irqbalance's. But an interrupt lives no longer than
 * its rings: it goes when the peer's driver does. So the service notes for each
 * of its channels what was set last, and sets it again for the next interrupt.
 */
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/slab.h>

#include "chan.h"
#include "service.h"

static bool affinity_was_set(const struct fido_chan *chan)
{
	struct irq_data *data = irq_get_irq_data(chan->irq);

	return data && irqd_affinity_was_set(data);
}

/**
 * fido_chan_set_affinity - by default, have events delivered to one CPU
 * @chan: channel
 * @cpu: CPU that is online
 *
 * What somebody else has set before, for this channel of the service, stays.
 *
 * Context: process.
 * Return: 0 or an error.
 */
int fido_chan_set_affinity(struct fido_chan *chan, unsigned int cpu)
{
	if (affinity_was_set(chan))
		return 0;
	return irq_set_affinity(chan->irq, cpumask_of(cpu));
}
EXPORT_SYMBOL_GPL(fido_chan_set_affinity);

static void affinity_note(struct cpumask **mask, const struct fido_chan *chan)
{
	/* without memory for it: the client's default again, next time */
	if (!*mask)
		*mask = kzalloc(cpumask_size(), GFP_KERNEL);
	if (*mask)
		cpumask_copy(*mask, irq_get_affinity_mask(chan->irq));
}

/**
 * fido_affinity_keep - interrupts are about to go: note what was set for them
 * @service: service with channels
 *
 * Context: process, under the service's lock.
 */
void fido_affinity_keep(struct fido_service *service)
{
	const struct fido_chan *chan;
	unsigned int i;

	for (i = 0; i < service->chans->nr; i++) {
		chan = service->chans->chan[i];
		if (chan->irq && affinity_was_set(chan))
			affinity_note(&service->affinity[i], chan);
	}
}

/**
 * fido_affinity_restore - set again what was noted
 * @service: service with channels that are connected
 *
 * An interrupt that was not given up has it, or something newer. CPUs that are
 * all gone mean nothing any more.
 *
 * Context: process, under the service's lock.
 */
void fido_affinity_restore(const struct fido_service *service)
{
	const struct fido_chan *chan;
	const struct cpumask *mask;
	unsigned int i;

	for (i = 0; i < service->chans->nr; i++) {
		chan = service->chans->chan[i];
		mask = service->affinity[i];
		if (mask && cpumask_intersects(mask, cpu_online_mask) &&
		    !affinity_was_set(chan))
			irq_set_affinity(chan->irq, mask);
	}
}

/**
 * fido_affinity_forget - the service goes
 * @service: service without channels
 */
void fido_affinity_forget(struct fido_service *service)
{
	unsigned int i;

	for (i = 0; i < FIDO_MAX_CHANNELS; i++)
		kfree(service->affinity[i]);
}
