/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Share: what a link and its peer have of each other.
 */
#ifndef FIDO_SHARE_H
#define FIDO_SHARE_H

#include <xen/interface/event_channel.h>

struct fido_link;

int fido_link_alloc_port(struct fido_link *link);
int fido_link_bind(struct fido_link *link, evtchn_port_t peer_port);
void fido_link_unbind(struct fido_link *link);
int fido_link_export(struct fido_link *link);
int fido_link_map_peer(struct fido_link *link);
void fido_link_revoke(struct fido_link *link);

#endif /* FIDO_SHARE_H */
