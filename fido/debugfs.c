// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs: what the core has and does.
 *
 *   fido/quarantine          grants that a peer did not let us revoke,
 *                            windows without a link that somebody holds, and
 *                            channels of sets with memory that others may
 *                            have, to whom a peer that is gone handed it on
 *   fido/<link>/link         state of a link
 *   fido/<link>/<service>    state of a service, its generations, its rings
 *
 * The files of a link or a service are removed before it goes; debugfs waits
 * for readers that are inside.
 */
#include <linux/debugfs.h>
#include <linux/jiffies.h>
#include <linux/seq_file.h>

#include "chan.h"
#include "debugfs.h"
#include "export.h"
#include "fence.h"
#include "heart.h"
#include "link.h"
#include "service.h"
#include "window.h"

/* First line of each file: bump it when the format changes. */
#define FORMAT_LINE	"v: 4\n"

static struct dentry *debugfs_root;

static int quarantine_show(struct seq_file *m, void *unused)
{
	seq_puts(m, FORMAT_LINE);
	seq_printf(m, "grants: %lu\n", fido_quarantine_grants());
	seq_printf(m, "windows: %u\n",
		   fido_windows_abandoned(FIDO_NO_DOMAIN));
	seq_printf(m, "orphans: %u\n", fido_fence_orphans());
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(quarantine);

/* A peer whose counter is zero does not beat, and is never silent. */
static void link_show_heart(struct seq_file *m, const struct fido_heart *heart)
{
	unsigned long moved_at = READ_ONCE(heart->moved_at);

	seq_printf(m, "beats: %u\n", fido_heart_beats());
	seq_printf(m, "beats of the peer: %u\n", READ_ONCE(heart->beat));
	seq_printf(m, "seconds since its last sign: %lu\n",
		   (jiffies - moved_at) / HZ);
	seq_printf(m, "silent: %s\n", READ_ONCE(heart->silent) ? "yes" : "no");
}

static int link_show(struct seq_file *m, void *unused)
{
	struct fido_link *link = m->private;
	const struct fido_window *window;
	const char *broken = READ_ONCE(link->broken);
	struct fido_chans *chans;
	unsigned int held = 0;

	seq_puts(m, FORMAT_LINE);
	seq_printf(m, "peer: %u\n", link->peer);
	seq_printf(m, "role: %s\n",
		   link->is_frontend ? "frontend" : "backend");
	seq_printf(m, "state: %s\n",
		   fido_link_state_str(READ_ONCE(link->state)));
	seq_printf(m, "broken: %s\n", broken ? broken : "no");

	rcu_read_lock();
	window = rcu_dereference(link->window);
	seq_printf(m, "pages mapped: %lu\n",
		   window ? fido_window_pages(window) : 0);
	seq_printf(m, "pages not forwarded: %lu\n",
		   window ? fido_window_unforwarded(window) : 0);
	rcu_read_unlock();

	mutex_lock(&link->held_lock);
	list_for_each_entry(chans, &link->held, held)
		held += chans->nr;
	mutex_unlock(&link->held_lock);
	seq_printf(m, "channels held: %u\n", held);
	link_show_heart(m, &link->heart);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(link);

/* Indices relative to what the peer has done, as netback shows its rings. */
static void service_show_chan(struct seq_file *m, const struct fido_chan *chan)
{
	const struct fido_ring *ring = &chan->ring;
	struct fido_chan_stats stats;

	fido_chan_get_stats(chan, &stats);
	seq_printf(m, "channel %u: slots %u of %u bytes, ids %u, irq %d\n",
		   chan->index, ring->geom.nr_slots, ring->geom.slot_size,
		   ring->geom.nr_ids, chan->irq);
	seq_printf(m, "  sent %llu received %llu released %llu reaped %llu signals %llu events %llu found %llu\n",
		   stats.sent, stats.received, stats.released, stats.reaped,
		   stats.signals, stats.events, stats.found);
	seq_printf(m, "  prod %u cons %u rel_prod %u space_event %u rel_event %u prod_event %u\n",
		   READ_ONCE(ring->mine->prod), READ_ONCE(ring->mine->cons),
		   READ_ONCE(ring->mine->rel_prod),
		   READ_ONCE(ring->mine->space_event),
		   READ_ONCE(ring->mine->rel_event),
		   READ_ONCE(ring->mine->prod_event));
	if (ring->theirs)
		seq_printf(m, "  peer: prod %u cons %u rel_prod %u space_event %u rel_event %u prod_event %u\n",
			   fido_peer_read32(&ring->theirs->prod),
			   fido_peer_read32(&ring->theirs->cons),
			   fido_peer_read32(&ring->theirs->rel_prod),
			   fido_peer_read32(&ring->theirs->space_event),
			   fido_peer_read32(&ring->theirs->rel_event),
			   fido_peer_read32(&ring->theirs->prod_event));
	seq_printf(m, "  in flight %u eoi pending %lu\n",
		   fido_ring_in_flight(ring), READ_ONCE(chan->eoi_pending));
}

static int service_show(struct seq_file *m, void *unused)
{
	struct fido_service *service = m->private;
	unsigned int i;

	seq_puts(m, FORMAT_LINE);
	mutex_lock(&service->lock);
	seq_printf(m, "type: %s\n", service->fdev->type);
	seq_printf(m, "enabled: %d\n", service->enabled);
	seq_printf(m, "up: %d\n", service->up);
	seq_printf(m, "generation: %u\n",
		   service->chans ? service->chans->gen : 0);
	seq_printf(m, "peer generation: %u\n", service->peer_gen);
	for (i = 0; service->chans && i < service->chans->nr; i++)
		service_show_chan(m, service->chans->chan[i]);
	mutex_unlock(&service->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(service);

/**
 * fido_debugfs_init - make the top directory
 */
void fido_debugfs_init(void)
{
	debugfs_root = debugfs_create_dir("fido", NULL);
	debugfs_create_file("quarantine", 0400, debugfs_root, NULL,
			    &quarantine_fops);
}

/**
 * fido_debugfs_exit - remove everything
 */
void fido_debugfs_exit(void)
{
	debugfs_remove(debugfs_root);
}

/**
 * fido_debugfs_add_link - make the directory of a link
 * @link: link
 */
void fido_debugfs_add_link(struct fido_link *link)
{
	link->debugfs = debugfs_create_dir(link->name, debugfs_root);
	debugfs_create_file("link", 0400, link->debugfs, link, &link_fops);
}

/**
 * fido_debugfs_remove_link - remove the directory of a link
 * @link: link
 */
void fido_debugfs_remove_link(struct fido_link *link)
{
	debugfs_remove(link->debugfs);
}

/**
 * fido_debugfs_add_service - make the file of a service
 * @service: service, with its device
 */
void fido_debugfs_add_service(struct fido_service *service)
{
	char name[8];

	snprintf(name, sizeof(name), "%u", service->sid);
	service->debugfs = debugfs_create_file(name, 0400,
					       service->link->debugfs, service,
					       &service_fops);
}

/**
 * fido_debugfs_remove_service - remove the file of a service
 * @service: service
 */
void fido_debugfs_remove_service(struct fido_service *service)
{
	debugfs_remove(service->debugfs);
}
