/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Service: one client's share of a link, from its xenstore node to its
 * channels.
 */
#ifndef FIDO_SERVICE_H
#define FIDO_SERVICE_H

#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "fido.h"
#include "pace.h"

struct dentry;
struct fido_chans;
struct fido_link;

/* How long to wait for memory, as no event tells when there is some */
#define FIDO_STARVED_DELAY	HZ

/**
 * struct fido_service - state behind a struct fido_device
 * @fdev: the device; keeps this structure alive
 * @link: the link; outlives the device's registration
 * @sid: service id
 * @marked: its nodes have our mark; constant before the driver core knows it
 * @lock: guards all that follows; held while ->up() and ->down() run
 * @config: what the client offers
 * @enabled: between fido_enable() and fido_disable()
 * @attached: the link is up
 * @chans: channels offered under the current generation, or NULL
 * @peer_gen: generation of the peer that @chans is connected to, or zero
 * @refused_gen: generation of the peer that did not match
 * @refused: offers of the peer that did not match
 * @is_refused: the latest did not, and that was reported
 * @renewed: offers that it took back after we had connected to them
 * @is_slowed: the peer renews them without end, and that was reported
 * @offer_failed: the last attempt to offer failed, and was reported
 * @bind_err: why event channels cannot be bound to those of the peer, as was
 *	reported; zero: nothing was
 * @waits: for the peer to let go of earlier offers, and that was reported
 * @nr_starved: tries to start for which there was no memory, or no event
 *	channel, since the last that succeeded; the first was reported
 * @retry_at: jiffies before which the start is not tried again; zero: at once
 * @probe_at: the same for the driver's ->probe(), and whether that has to be
 *	called at all; set with the device locked
 * @probe_tries: of ->probe(), which all have to be tried again; with the device
 *	locked
 * @probe_why: what the last one waits for, as the driver has said, or NULL
 * @param_lost: a parameter could not be read for lack of memory, since ->probe()
 *	was called; not under @lock
 * @error_lock: guards the node that fido_error() writes, and @erred; taken last
 * @erred: fido_error() has written it since ->probe() was called
 * @affinity: CPUs that were set for the events of each channel, or NULL
 * @up: ->up() succeeded and ->down() was not called since
 * @silent: ->silent() has said that the peer is
 * @debugfs: file
 */
struct fido_service {
	struct fido_device *fdev;
	struct fido_link *link;
	unsigned int sid;
	bool marked;
	struct mutex lock;
	struct fido_service_config config;
	bool enabled;
	bool attached;
	struct fido_chans *chans;
	u32 peer_gen;
	u32 refused_gen;
	struct fido_pace refused;
	bool is_refused;
	struct fido_pace renewed;
	bool is_slowed;
	bool offer_failed;
	int bind_err;
	bool waits;
	unsigned int nr_starved;
	unsigned long retry_at;
	unsigned long probe_at;
	unsigned int probe_tries;
	const char *probe_why;
	bool param_lost;
	struct mutex error_lock;	/* @erred, and the node */
	bool erred;
	struct cpumask *affinity[FIDO_MAX_CHANNELS];
	bool up;
	bool silent;
	struct dentry *debugfs;
};

bool fido_service_give_up(struct fido_service *service);
void fido_services_attach(struct fido_link *link);
void fido_services_detach(struct fido_link *link);
bool fido_services_step(struct fido_link *link);

/* services.c */
void fido_services_scan(struct fido_link *link);
void fido_services_remove(struct fido_link *link);
bool fido_services_probe(struct fido_link *link);

/* service_nodes.c */
void fido_service_path(const struct fido_service *service, char *path,
		       size_t size);
char *fido_service_read_type(const struct fido_link *link, const char *sid);
bool fido_service_is_anew(const struct fido_service *service);
bool fido_service_write(struct fido_service *service, const char *name,
			const char *value);
void fido_service_clear(const struct fido_service *service, const char *name);
void fido_service_expect_error(struct fido_service *service);
void fido_service_error_over(struct fido_service *service);
void fido_service_report_state(struct fido_service *service);

/* affinity.c */
void fido_affinity_keep(struct fido_service *service);
void fido_affinity_restore(const struct fido_service *service);
void fido_affinity_forget(struct fido_service *service);

/* bus.c */
struct fido_device *fido_device_add(struct fido_service *service,
				    const char *type);
void fido_device_probe(struct fido_device *fdev);
void fido_device_remove(struct fido_device *fdev);
int fido_bus_register(void);
void fido_bus_unregister(void);

#endif /* FIDO_SERVICE_H */
