/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Fido protocol, version 1: what two domains write for each other to read.
 *
 * This header is the specification. It is shared by the modules, the tool and
 * the tests, includes nothing but fixed-width types, and can be used in user
 * space. docs/protocol.md tells the same in prose, with the reasons.
 *
 * One rule stands over all structures: ONE WRITER PER BYTE. Every structure
 * lies in the memory of the domain that writes it, and its peer maps it
 * read-only. No grant is ever writable.
 *
 * All integers are little-endian (Xen on x86). Reserved fields are written as
 * zero and ignored by the reader.
 *
 * Xenstore
 * ========
 *
 * A link is one xenbus device of type "fido" between two domains. The
 * toolstack (fidoctl) writes both directories in one transaction. F is the
 * frontend's domid, B the backend's; the device id of a link is the domid of
 * the backend. Two domains have at most one link, in either direction, and a
 * domain has at most FIDO_MAX_PEERS of them.
 * The roles differ in the handshake only.
 *
 *   /local/domain/F/device/fido/B/            owner F, readable by B
 *     backend            = "/local/domain/B/backend/fido/F/B"    toolstack
 *     backend-id         = "B"                                   toolstack
 *     peer-name          = name of domain B, for people          toolstack
 *     config-file        = where the toolstack's supervisor      toolstack
 *                          found the link named; absent if it
 *                          was made by hand; not for drivers
 *     state              = XenbusState, decimal                  both
 *     protocol-version   = FIDO_PROTO_VERSION                    frontend
 *     root-ref           = grant reference of the root page      frontend
 *     event-channel      = unbound port for the peer             frontend
 *     features           = bits, decimal; none is defined yet    frontend
 *     suspended          = "1": down for as long as the domain   frontend
 *                          is suspended; absent otherwise; for
 *                          people
 *     silent             = "1": B has given no sign of life for  frontend
 *                          some time; absent otherwise; for
 *                          people
 *     service/S/type     = "mmnet", "mmblk", ...                 toolstack
 *     service/S/state    = "down" or "up"; absent while no       frontend
 *                          driver has the service
 *     service/S/error    = one line, absent if there is none     frontend
 *     service/S/seen     = "1": these nodes, and no others that  frontend
 *                          were here before, are what the
 *                          driver knows of S
 *     service/S/config-file, service/S/config: as above, and     toolstack
 *                          the parameters as they stand there
 *     service/S/...      = parameters of the service             toolstack
 *     service/S/...      = reports of the service                frontend
 *
 *   /local/domain/B/backend/fido/F/B/         owner B, readable by F
 *     frontend           = "/local/domain/F/device/fido/B"       toolstack
 *     frontend-id        = "F"                                   toolstack
 *     peer-name          = name of domain F, for people          toolstack
 *     online             = "0": the link is about to be removed, toolstack
 *                          do not wait for the frontend again;
 *                          absent before
 *     state              = XenbusState, decimal                  both
 *     protocol-version   = as above; there in InitWait already,  backend
 *                          so that a frontend that is refused
 *                          for it can tell why
 *     root-ref, features, suspended, silent: as above            backend
 *     service/S/...      as above, of this side                  both
 *
 *   /local/domain/F/error/device/fido/B/      xenbus' own, and the same
 *   /local/domain/B/error/backend/fido/F/B/   for the backend
 *     error              = "ERRNO MESSAGE": why the driver gave  driver
 *                          up; the toolstack removes it with
 *                          the link
 *
 * Each state is written by the toolstack once, as Initialising, when it makes
 * the link, and by the side's driver from then on. To have a link closed
 * before it removes the link, the toolstack writes online = "0" and state =
 * Closing on the backend's side.
 *
 * S is the service id, decimal, 0 <= S < FIDO_MAX_SERVICES, the same on both
 * sides: it is the index into the service table of the root page. Services
 * may be added and removed while the link is up. A side looks only at the
 * service nodes in its own directory. A type has 1 to FIDO_TYPE_LEN - 1
 * characters; a service whose type is longer is ignored.
 *
 * Parameters and reports of the services known today; what is optional is
 * marked by (o):
 *
 *   type   node         side    value
 *   mmnet  mac          both    MAC address of this side's interface (o): the
 *                               driver takes a random one
 *   mmnet  name         both    name of this side's interface (o): mmnet0,
 *                               mmnet1, ...
 *   mmnet  mtu          both    initial MTU, 68..65535 (o): 65535
 *   mmnet  queues       both    channels, 1..FIDO_MAX_CHANNELS, equal (o): 1
 *   mmnet  keep         both    the interface outlives the service, and a later
 *                               service with the same text takes it over (o):
 *                               it does not. "no" in a service that is being
 *                               removed: it goes, too
 *   mmnet  interface    both    report: name of the interface
 *   mmblk  role         both    "server" or "client"
 *   mmblk  device       server  path of the block device or file that is
 *                               served
 *   mmblk  mode         server  "r" or "w" (o): "r"
 *   mmblk  bounce       server  "1": copy the data of each write, "0": never
 *                               (o): as the device needs it
 *   mmblk  bounce-used  server  report: which of the two it is
 *   mmblk  depth        server  requests of each channel that the device is
 *                               given at a time, 1..128 (o): 128
 *   mmblk  bandwidth    server  MiB of reads and writes in a second, 1..1000000
 *                               (o): no limit
 *   mmblk  keep         server  "yes": the client's disk outlives this domain,
 *                               see MMBLK_C_KEPT (o): it does not
 *   mmblk  serial       client  identity of the disk, at most 36 characters
 *                               (o)
 *   mmblk  queues       both    channels, as for mmnet; the client's is without
 *                               those that are polled
 *   mmblk  poll-queues  client  channels in addition, whose completions the
 *                               client looks for (o): 0. The server's "queues"
 *                               is the sum of both
 *   mmblk  timeout      client  seconds after which requests fail while the
 *                               service is down, 1..86400 (o): never
 *   mmblk  keep         client  as for mmnet, of the disk
 *   mmblk  disk         client  report: name of the disk
 *   mmblk  users        client  report: how many have the disk open
 *   mmblk  sectors      client  report: its size in units of 512 bytes
 *
 * Connecting
 * ==========
 *
 *   frontend                            backend
 *   --------                            -------
 *   Initialising: no driver yet         Initialising: no driver yet
 *   Closed: a driver waits              writes version
 *                                       InitWait: a driver waits
 *
 *   sees InitWait
 *   exports its memory to the backend
 *   writes version, root-ref,
 *   event-channel, features
 *   Initialised
 *                                       exports its memory to the frontend
 *                                       checks the version
 *                                       maps the frontend's memory
 *                                       writes root-ref, features
 *                                       Connected
 *   checks the version
 *   maps the backend's memory
 *   link up, Connected
 *                                       sees Connected
 *                                       link up
 *
 * Disconnecting (either side may be X, the one that begins)
 * =============
 *
 *   X                                   Y
 *   -                                   -
 *   takes its services down
 *   Closing
 *                                       takes its services down
 *                                       Closing
 *   unmaps the memory of Y              unmaps the memory of X
 *   Closed                              Closed
 *   sees Closed                         sees Closed
 *   revokes the grants given to Y       revokes the grants given to X
 *                                       the backend: InitWait, if it goes on
 *
 * "unmaps" is complete when the last user (an skb, a bio) of a mapped page is
 * gone; a driver that is unloaded, or has waited for a time limit, says Closed
 * before. A page whose grant cannot be revoked stays in quarantine, and the
 * revocation is tried again. A
 * side whose peer has vanished, or does not reach Closed within a time limit,
 * goes on without it. A frontend in Closed offers its memory again when it
 * sees the backend in InitWait. A side that failed, or saw the protocol
 * violated, stays Closed until its driver is loaded anew or the toolstack
 * makes a new link.
 *
 * Services
 * ========
 *
 * Each side has one struct fido_service_entry for each service, in its root
 * page. A side that is ready writes the entry and then a new nonzero
 * generation. A side that is ready and sees a nonzero generation reads the
 * peer's channels and echoes the generation in @peer_gen. The service is up
 * for a side while each generation is echoed by the other:
 *
 *   mine.gen == theirs.peer_gen && theirs.gen == mine.peer_gen, both nonzero
 *
 * Whoever is up and sees that no longer holds takes the service down and
 * offers fresh channels under a new generation. Memory offered under generation g is kept
 * until the peer writes @drained_gen == g (or a later one), which says that
 * nothing of g is used any more, or until the link is down. (A side that
 * connects to a generation again first takes @drained_gen back.) Changes in the
 * service table are signalled by the event channel of the link.
 *
 * Fences
 * ======
 *
 * Memory that was in flight to a reader whose link has ended can be in use
 * elsewhere: the reader may have handed its address on to other readers. The
 * owner keeps it until each of those has let go. It takes the reader that is
 * gone out of @readers, then (release) writes a new nonzero number into @fence
 * of each root page, and signals. A reader that sees the number (acquire) waits
 * for those who have looked at @readers before, then until it has seen each page
 * of its window without users once, writes (release) the number into its own
 * @fenced, and signals. Whoever reads the latest number there (acquire), from
 * all who still map anything, may use the memory again. If a further reader goes
 * meanwhile, all are asked anew, by the next number.
 */
#ifndef FIDO_PROTO_H
#define FIDO_PROTO_H

#include <linux/types.h>

#define FIDO_PROTO_VERSION	1

/* xenbus device type and names of xenstore nodes */
#define FIDO_XS_TYPE		"fido"
#define FIDO_XS_VERSION		"protocol-version"
#define FIDO_XS_ROOT_REF	"root-ref"
#define FIDO_XS_EVTCHN		"event-channel"
#define FIDO_XS_FEATURES	"features"
#define FIDO_XS_PEER_NAME	"peer-name"
#define FIDO_XS_CONFIG_FILE	"config-file"
#define FIDO_XS_SUSPENDED	"suspended"
#define FIDO_XS_SILENT		"silent"
#define FIDO_XS_SERVICE		"service"
#define FIDO_XS_SERVICE_TYPE	"type"
#define FIDO_XS_SERVICE_STATE	"state"
#define FIDO_XS_SERVICE_ERROR	"error"
#define FIDO_XS_SERVICE_SEEN	"seen"
#define FIDO_XS_SERVICE_CONFIG	"config"

#define FIDO_PAGE_SHIFT		12
#define FIDO_PAGE_SIZE		4096

#define FIDO_MAX_SERVICES	64
#define FIDO_MAX_CHANNELS	16
#define FIDO_MAX_PEERS		16
#define FIDO_TYPE_LEN		8

/*
 * Addresses
 *
 * 64 bits that mean the same in every domain: the owner's domain id in bits
 * 63..48, the owner's guest-physical byte address in bits 47..0. A domain can
 * forward the address of a buffer that it received; the reader must have a
 * window onto the owner, and the owner must list the forwarding domain as one
 * of its readers.
 */
#define FIDO_ADDR_DOMID_SHIFT	48
#define FIDO_ADDR_PHYS_MASK	((1ULL << FIDO_ADDR_DOMID_SHIFT) - 1)

static inline __u64 fido_addr_make(__u16 domid, __u64 phys)
{
	return ((__u64)domid << FIDO_ADDR_DOMID_SHIFT) |
	       (phys & FIDO_ADDR_PHYS_MASK);
}

static inline __u16 fido_addr_domid(__u64 addr)
{
	return addr >> FIDO_ADDR_DOMID_SHIFT;
}

static inline __u64 fido_addr_phys(__u64 addr)
{
	return addr & FIDO_ADDR_PHYS_MASK;
}

/**
 * struct fido_seg - a piece of memory, named for the peer
 * @addr: address of the first byte, see above
 * @len: bytes, not zero
 * @reserved: zero
 *
 * A segment may cross page borders: its guest-physical pages are consecutive.
 */
struct fido_seg {
	__u64 addr;
	__u32 len;
	__u32 reserved;
};

/*
 * Export table
 *
 * The grant references of all exported pages hang from the root page in a
 * tree of pages. Entry i of leaf l of middle page m belongs to guest frame
 * (m * 1024 + l) * 1024 + i. Zero means: not exported (grant reference 0 is
 * reserved by Xen). Root, middle and leaf pages are granted like the rest.
 *
 * FIDO_REF_NO_FORWARD in an entry of a leaf says that other readers of the
 * owner see something else in this frame, or nothing: its memory has changed
 * between one table and the other. Addresses in the frame are not forwarded.
 */
#define FIDO_REF_NO_FORWARD	0x80000000u
#define FIDO_REFS_PER_PAGE	1024
#define FIDO_ROOT_MIDS		256	/* 1 TiB of guest-physical space */

/**
 * struct fido_service_entry - one side's half of the handshake of a service
 * @gen: generation of this offer; zero while nothing is offered
 * @peer_gen: generation of the peer's entry that this side is connected to
 * @drained_gen: latest generation of the peer of which nothing is used
 * @nr_channels: valid while @gen is nonzero, equal on both sides
 * @type: type as in xenstore, padded with zeroes
 * @chan_table: guest-physical address of a page with @nr_channels
 *	guest-physical addresses (64 bits each) of struct fido_chan_ctl
 *
 * The writer fills everything else, then (release) writes @gen.
 */
struct fido_service_entry {
	__u32 gen;
	__u32 peer_gen;
	__u32 drained_gen;
	__u32 nr_channels;
	__u8 type[FIDO_TYPE_LEN];
	__u64 chan_table;
};

/* in readers[] and windows[] of the root page: no domain */
#define FIDO_NO_DOMAIN		0xffffffffu

#define FIDO_ROOT_MAGIC		0x6f646966u	/* "fido" */

/**
 * struct fido_root - the root page: all that a peer needs to read the rest
 * @magic: FIDO_ROOT_MAGIC
 * @version: FIDO_PROTO_VERSION
 * @domid: owner of this page and of everything that hangs from it
 * @nr_frames: guest frames at and above this number are not exported
 * @heartbeat: counted up about once a second, past zero, as long as the owner
 *	lives: its processors, timer and threads run. Zero: it does not count
 * @fence: number by which the owner asks this reader to let go of what a domain
 *	that is gone may have handed on to it; zero: not asked yet
 * @fenced: latest number of @fence in the reader's root page that the owner of
 *	this one has let go for: each page of its window was without users once
 *	since it saw the number
 * @reserved: zero
 * @readers: domains that the owner exports its memory to; a segment of this
 *	owner is accepted from those domains only
 * @windows: domains whose memory the owner of this page has mapped; only
 *	their segments may be forwarded to it
 * @mid: grant references of the middle pages of the export table
 * @service: the service table, indexed by service id
 */
struct fido_root {
	__u32 magic;
	__u32 version;
	__u32 domid;
	__u32 heartbeat;
	__u64 nr_frames;
	__u32 fence;
	__u32 fenced;
	__u64 reserved[4];
	__u32 readers[FIDO_MAX_PEERS];
	__u32 windows[FIDO_MAX_PEERS];
	__u32 mid[FIDO_ROOT_MIDS];
	struct fido_service_entry service[FIDO_MAX_SERVICES];
};

/*
 * Channels
 *
 * A channel is a pair of directions. Each side has, in its own memory, one
 * struct fido_chan_ctl, the slots that it produces and the release ring with
 * which it gives buffers back.
 *
 *   side A (writes)                 side B (writes)
 *   ---------------                 ---------------
 *   slots, prod               ->    cons
 *   space_event                     prod_event
 *   rel_event                 <-    release ring, rel_prod
 *   and the same again with A and B exchanged
 *
 * Indices are free-running 32-bit counters; the slot of index i is
 * i % nr_slots. Producer: prod - cons <= nr_slots at any time; a reader that
 * sees this violated declares the link broken.
 *
 * A message is one slot. It either needs no release (id FIDO_ID_NONE: all of
 * it is in the slot, or the service releases by other means), or carries an
 * id below nr_ids that the producer has not in flight. The consumer releases
 * ids in any order, each once, by writing them into its release ring (entry
 * rel_prod % nr_ids). As at most nr_ids are in flight the ring cannot
 * overflow and needs no consumer index.
 *
 * Producing:   1. fill slots            2. write barrier: slots before index
 *              3. prod = new            4. full barrier: index before threshold
 *              5. if prod_event lies in (old, new]: signal
 * Consuming:   1. read prod, acquire    2. copy the slot, check the copy
 *              3. cons = new, release: the copy is done before the slot is free
 *              4. full barrier          5. if space_event lies in (old, new]: signal
 * Sleeping:    1. prod_event = cons + n 2. full barrier
 *              3. read prod again: if work has come, do it
 * Releasing works as producing, with rel_prod and rel_event; waiting for
 * space or for releases works as sleeping, with space_event and rel_event.
 * A threshold that is not armed lies at or behind the index and never fires.
 * (The scheme of thresholds is that of Xen's public/io/ring.h.)
 */
#define FIDO_CHAN_MAGIC		0x6e616863u	/* "chan" */

#define FIDO_ID_NONE		0xffffffffu

#define FIDO_MIN_SLOT_SIZE	64
#define FIDO_MAX_SLOT_SIZE	2048
#define FIDO_MAX_SLOTS		4096
#define FIDO_MAX_IDS		16384
#define FIDO_CHAN_SLOT_PAGES	128
#define FIDO_CHAN_REL_PAGES	16

/**
 * struct fido_slot - head of a slot
 * @len: bytes of @data in use, at most slot_size - sizeof(struct fido_slot)
 * @flags: zero
 * @id: what to release, or FIDO_ID_NONE
 * @data: the message of the service
 */
struct fido_slot {
	__u16 len;
	__u16 flags;
	__u32 id;
	__u8 data[];
};

/**
 * struct fido_chan_ctl - control page of a channel, one on each side
 * @prod: next slot that this side will fill
 * @space_event: signal this side when the peer's @cons reaches this
 * @rel_event: signal this side when the peer's @rel_prod reaches this
 * @pad0: zero; keeps cache lines apart, as the other pads do
 * @cons: next slot of the peer that this side will read
 * @prod_event: signal this side when the peer's @prod reaches this
 * @pad1: zero
 * @rel_prod: next entry of the release ring that this side will fill
 * @pad2: zero
 * @magic: FIDO_CHAN_MAGIC
 * @slot_size: bytes, a power of two
 * @nr_slots: a power of two; slots do not straddle pages
 * @nr_ids: a power of two; entries of the release ring, too
 * @event_channel: unbound port for the peer, on the link's frontend; zero on
 *	its backend, which binds
 * @pad3: zero
 * @slot_page: guest-physical addresses of the pages with the slots
 * @rel_page: guest-physical addresses of the pages of the release ring, which
 *	is an array of 32-bit ids
 *
 * What one side writes often lies in cache lines of its own, by purpose.
 * The geometry must be the same on both sides.
 */
struct fido_chan_ctl {
	__u32 prod;
	__u32 space_event;
	__u32 rel_event;
	__u32 pad0[13];

	__u32 cons;
	__u32 prod_event;
	__u32 pad1[14];

	__u32 rel_prod;
	__u32 pad2[15];

	__u32 magic;
	__u32 slot_size;
	__u32 nr_slots;
	__u32 nr_ids;
	__u32 event_channel;
	__u32 pad3[11];

	__u64 slot_page[FIDO_CHAN_SLOT_PAGES];
	__u64 rel_page[FIDO_CHAN_REL_PAGES];
};

#endif /* FIDO_PROTO_H */
