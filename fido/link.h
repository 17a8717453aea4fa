/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Link: this domain and one peer. State, handshake, end.
 */
#ifndef FIDO_LINK_H
#define FIDO_LINK_H

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <xen/interface/event_channel.h>
#include <xen/xenbus.h>

#include "fido_proto.h"
#include "fence.h"
#include "heart.h"
#include "pace.h"

struct dentry;
struct fido_chans;
struct fido_drain;
struct fido_export;
struct fido_service;
struct fido_window;

/**
 * enum fido_link_state - what a link has
 * @FIDO_LINK_INIT: nothing; waits for the peer
 * @FIDO_LINK_OFFERED: an export; as a backend, a window, too. Waits for the
 *	peer to connect
 * @FIDO_LINK_UP: export, window, services
 * @FIDO_LINK_CLOSING: services are down; a window that others still use, for
 *	some seconds at most
 * @FIDO_LINK_CLOSED: no window; an export until the peer has closed, too
 */
enum fido_link_state {
	FIDO_LINK_INIT,
	FIDO_LINK_OFFERED,
	FIDO_LINK_UP,
	FIDO_LINK_CLOSING,
	FIDO_LINK_CLOSED,
};

/**
 * struct fido_link_slot - what a link remembers of a service id, whether or
 *	not there is such a service at the moment
 * @last_gen: generation that this side used last
 * @drain: pages that the peer's generation @drain_gen may be using, or NULL
 * @drain_gen: see @drain
 * @wanted_gen: the same of a drain for which there was no memory so far; zero:
 *	there is none to begin
 * @add_failed: the service in xenstore could not be made, and that was reported
 */
struct fido_link_slot {
	u32 last_gen;
	struct fido_drain *drain;
	u32 drain_gen;
	u32 wanted_gen;
	bool add_failed;
};

/**
 * struct fido_link - one xenbus device
 * @node: entry in the list of links; read under RCU
 * @xbdev: the xenbus device
 * @is_frontend: role in the handshake
 * @peer: domain id
 * @name: "fido-<peer>"
 * @wq: runs @work, one at a time; every change of state happens there, or in
 *	fido_link_remove() after @work was cancelled for good
 * @work: looks at everything and takes the next step
 * @state: changed by link_change_state() only
 * @export: our memory for the peer
 * @peer_root_ref: what the peer's nodes said of its root page, when it was mapped
 * @peer_port: what those of a frontend said of its event channel
 * @revoking: what was @export is being revoked
 * @window: the peer's memory; RCU, since other links look for the owners of
 *	forwarded addresses
 * @closing: a window that is being unmapped
 * @port: event channel of the link, until bound
 * @irq: the same, bound
 * @eoi_pending: an event has not been acknowledged (bit 0)
 * @held_lock: guards @held and @slot, but for what is of @work alone
 * @held: channels whose memory the peer may still read
 * @slot: by service id
 * @fence: what the peer has asked to be let go
 * @kick_lock: guards @removing and @asleep against fido_link_kick()
 * @removing: @work must not be queued any more
 * @asleep: the same, until the domain has been suspended
 * @suspend: the domain is about to be suspended: the link goes down, and does
 *	not start over
 * @at_rest: @work has seen @suspend, and nothing is left of this life of the
 *	link
 * @lost: after a suspend there are no nodes any more: the device is removed
 * @broken: why the link is given up: the peer broke the protocol, or a step
 *	failed; set once, until the link is made anew
 * @close_deadline: jiffies until which the peer may take to close
 * @failures: steps that failed since the link was up
 * @nr_starved: the latest ones in a row for which something was missing that
 *	will be there again: they are tried again less and less often, and do
 *	not count in @failures
 * @retry_at: jiffies before which a failed step is not tried again; zero: none
 * @starved_by: grants in quarantine when there were too few left for an export;
 *	zero: there were enough, nothing would give some back, or other links do
 * @starts: how often an export was made, which the peer can bring about
 * @told_version: the peer's version of the protocol, which is not ours
 * @is_told: that one was reported, since the nodes were made
 * @waits_for: what is left of earlier lives and has to go first, as reported
 * @must_wait: the link does not start over in this run of @work
 * @peer_state: the peer's xenbus state, as the latest watch told, or as was
 *	read while no watch can tell
 * @watched: that watch has told something: it exists
 * @progress: something has changed in this run of @work
 * @pause: milliseconds until @work looks again, while it waits for something
 *	that no event tells
 * @shown: the state that we have shown, or want to
 * @unshown: @shown could not be written so far
 * @was_shown: some state could
 * @anew_at: jiffies when the link starts over because its nodes were made anew,
 *	if they are still ours then; zero: they were not made anew
 * @heart: what is known of the peer's
 * @index: place in the lists of readers and windows of the root pages
 * @rescan: the service nodes may have changed
 * @service_watch: on our own service nodes
 * @service: by service id
 * @debugfs: directory
 */
struct fido_link {
	struct list_head node;
	struct xenbus_device *xbdev;
	bool is_frontend;
	domid_t peer;
	char name[16];
	struct workqueue_struct *wq;
	struct delayed_work work;
	enum fido_link_state state;
	struct fido_export *export;
	unsigned int peer_root_ref;
	unsigned int peer_port;
	bool revoking;
	struct fido_window __rcu *window;
	struct fido_window *closing;
	evtchn_port_t port;
	int irq;
	unsigned long eoi_pending;
	struct mutex held_lock;
	struct list_head held;
	struct fido_link_slot slot[FIDO_MAX_SERVICES];
	struct fido_fence fence;
	spinlock_t kick_lock;
	bool removing;
	bool asleep;
	bool suspend;
	bool at_rest;
	bool lost;
	const char *broken;
	unsigned long close_deadline;
	unsigned int failures;
	unsigned int nr_starved;
	unsigned long retry_at;
	unsigned long starved_by;
	struct fido_pace starts;
	unsigned int told_version;
	bool is_told;
	const char *waits_for;
	bool must_wait;
	enum xenbus_state peer_state;
	bool watched;
	bool progress;
	unsigned int pause;
	enum xenbus_state shown;
	bool unshown;
	bool was_shown;
	unsigned long anew_at;
	struct fido_heart heart;
	unsigned int index;
	bool rescan;
	struct xenbus_watch service_watch;
	struct fido_service *service[FIDO_MAX_SERVICES];
	struct dentry *debugfs;
};

int fido_link_add(struct xenbus_device *xbdev, bool is_frontend);
void fido_link_remove(struct xenbus_device *xbdev);
void fido_link_peer_state(struct fido_link *link, enum xenbus_state state);
void fido_link_kick(struct fido_link *link);
void fido_link_signal(struct fido_link *link);
void fido_link_break(struct fido_link *link, const char *why);
void fido_link_refuse(struct fido_link *link, const char *why);
const char *fido_link_state_str(enum fido_link_state state);

/* So many exports are made for a peer, at most, in so much time */
#define FIDO_MAX_STARTS		30
#define FIDO_STARTS_JIFFIES	(60 * HZ)

/* held.c */
extern struct workqueue_struct *fido_held_wq;

int fido_held_init(void);
void fido_held_exit(void);
u32 fido_link_next_gen(struct fido_link *link, unsigned int sid);
void fido_link_hold(struct fido_link *link, struct fido_chans *chans);
bool fido_link_may_hold(struct fido_link *link, unsigned int sid);
void fido_link_drain(struct fido_link *link, unsigned int sid, u32 gen);
void fido_link_undrain(struct fido_link *link, unsigned int sid, u32 gen);
bool fido_link_step_held(struct fido_link *link);
void fido_link_end_drains(struct fido_link *link);
const char *fido_link_waits_for(const struct fido_link *link);

/* links.c */
int fido_link_enlist(struct fido_link *link);
void fido_link_delist(struct fido_link *link);
void fido_link_set_window(struct fido_link *link, struct fido_window *window);
void fido_link_set_export(struct fido_link *link, struct fido_export *export);
void fido_links_for_each(void (*fn)(struct fido_link *link, void *data),
			 void *data);
struct xenbus_device *fido_link_get_lost(void);
struct fido_window *fido_link_window(const struct fido_link *link);
struct fido_window *fido_window_of(domid_t owner);
const struct fido_window *fido_window_of_page(const struct page *page,
					      u64 *frame);

/* nodes.c */
int fido_transact(int (*write)(struct xenbus_transaction xbt, const void *data),
		  const void *data);
void fido_link_show_state(struct fido_link *link, enum xenbus_state state);
void fido_link_step_nodes(struct fido_link *link);
bool fido_link_is_anew(const struct fido_link *link);
int fido_link_write_nodes(struct fido_link *link);
const char *fido_link_nodes_error(int err);
int fido_link_check_version(struct fido_link *link);
int fido_link_read_nodes(struct fido_link *link, unsigned int *root_ref);
bool fido_link_is_same_peer(const struct fido_link *link);
bool fido_link_offer_stands(const struct fido_link *link);
void fido_link_show_suspended(const struct fido_link *link, bool suspended);
int fido_link_show_silent(const struct fido_link *link, bool silent);

/* xenbus.c */
int fido_xenbus_register(void);
void fido_xenbus_unregister(void);

#endif /* FIDO_LINK_H */
