// SPDX-License-Identifier: GPL-2.0
/*
 * Fields of what a peer reads: all structures of the three protocol headers.
 */
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "field.h"
#include "liar.h"
#include "mmnet_proto.h"

#define FIELD(name_, where_, type_, member_) {			\
	.name = name_ "." #member_,				\
	.where = where_,					\
	.offset = offsetof(struct type_, member_),		\
	.size = sizeof_field(struct type_, member_),		\
}

/* The first of an array stands for all of them. */
#define FIRST(name_, where_, type_, member_) {			\
	.name = name_ "." #member_,				\
	.where = where_,					\
	.offset = offsetof(struct type_, member_),		\
	.size = sizeof_field(struct type_, member_[0]),		\
}

#define PLAIN(name_, where_, size_) { .name = name_, .where = where_, .size = size_ }

#define ROOT(member)	FIELD("root", LIAR_ROOT, fido_root, member)
#define ROOTS(member)	FIRST("root", LIAR_ROOT, fido_root, member)
#define ENTRY(member)	FIELD("entry", LIAR_ENTRY, fido_service_entry, member)
#define CTL(member)	FIELD("ctl", LIAR_CTL, fido_chan_ctl, member)
#define CTLS(member)	FIRST("ctl", LIAR_CTL, fido_chan_ctl, member)
#define SLOT(member)	FIELD("slot", LIAR_SLOT, fido_slot, member)
#define SEG(member)	FIELD("seg", LIAR_SEG, fido_seg, member)
#define LIST(member)	FIELD("list", LIAR_LIST, fido_seg, member)
#define NET(member)	FIELD("net", LIAR_MESSAGE, mmnet_msg, member)
#define REQUEST(member)	FIELD("request", LIAR_MESSAGE, mmblk_request, member)
#define DONE(member)	FIELD("done", LIAR_MESSAGE, mmblk_done, member)
#define CONFIG(member)	FIELD("config", LIAR_MESSAGE, mmblk_config, member)

static const struct liar_field fields[] = {
	ROOT(magic), ROOT(version), ROOT(domid), ROOT(heartbeat),
	ROOT(nr_frames), ROOTS(reserved), ROOTS(readers), ROOTS(windows),
	ROOTS(mid),

	ENTRY(gen), ENTRY(peer_gen), ENTRY(drained_gen), ENTRY(nr_channels),
	ENTRY(type), ENTRY(chan_table),
	PLAIN("table.ctl", LIAR_TABLE, sizeof(u64)),

	CTL(prod), CTL(space_event), CTL(rel_event), CTLS(pad0), CTL(cons),
	CTL(prod_event), CTLS(pad1), CTL(rel_prod), CTLS(pad2), CTL(magic),
	CTL(slot_size), CTL(nr_slots), CTL(nr_ids), CTL(event_channel),
	CTLS(pad3), CTLS(slot_page), CTLS(rel_page),
	PLAIN("release.id", LIAR_RELEASE, sizeof(u32)),

	SLOT(len), SLOT(flags), SLOT(id),
	SEG(addr), SEG(len), SEG(reserved),
	LIST(addr), LIST(len), LIST(reserved),

	NET(len), NET(hash), NET(inline_len), NET(nr_segs), NET(flags),
	NET(gso_type), NET(reserved), NET(gso_size), NET(csum_start),
	NET(csum_offset), NET(reserved2),

	REQUEST(op), REQUEST(flags), REQUEST(tag), REQUEST(nr_segs),
	REQUEST(reserved), REQUEST(sector), REQUEST(bytes), REQUEST(reserved2),

	DONE(kind), DONE(op), DONE(tag), DONE(status), DONE(reserved),
	DONE(nr_segs), DONE(bytes), DONE(reserved2),

	CONFIG(kind), CONFIG(version), CONFIG(flags), CONFIG(max_bytes),
	CONFIG(sectors), CONFIG(logical_block_size),
	CONFIG(physical_block_size), CONFIG(io_min), CONFIG(io_opt),
	CONFIG(alignment_offset), CONFIG(discard_sectors),
	CONFIG(discard_granularity), CONFIG(discard_alignment),
	CONFIG(write_zeroes_sectors), CONFIG(reserved),

	PLAIN("mid.leaf", LIAR_MID, sizeof(u32)),
	PLAIN("leaf.frame", LIAR_LEAF, sizeof(u32)),
};

/**
 * liar_field_find - find a field
 * @name: its name
 *
 * Return: the field or NULL.
 */
const struct liar_field *liar_field_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	return NULL;
}

static void *field_base(const struct liar *liar, enum liar_where where)
{
	const struct liar_draft *draft = &liar->draft;

	switch (where) {
	case LIAR_ROOT:
		return liar->shown.root;
	case LIAR_ENTRY:
		return liar->shown.entry;
	case LIAR_TABLE:
		return liar->shown.table;
	case LIAR_CTL:
		return liar->shown.ctl;
	case LIAR_RELEASE:
		return liar_shown_release(&liar->shown);
	case LIAR_SLOT:
		return draft->slot;
	case LIAR_MESSAGE:
		return draft->slot ? draft->slot->data : NULL;
	case LIAR_SEG:
		return draft->seg;
	case LIAR_LIST:
		return draft->list;
	case LIAR_MID:
	case LIAR_LEAF:
		break;	/* of forged pages only */
	}
	return NULL;
}

/**
 * liar_field_at - where is a field now?
 * @liar: service that is up
 * @field: field
 *
 * Return: its address, NULL if there is no such structure at the moment.
 */
void *liar_field_at(const struct liar *liar, const struct liar_field *field)
{
	void *base = field_base(liar, field->where);

	return base ? base + field->offset : NULL;
}

/**
 * liar_field_get - read a field
 * @at: its address
 * @field: field
 *
 * Return: its value.
 */
u64 liar_field_get(const void *at, const struct liar_field *field)
{
	switch (field->size) {
	case 1:
		return READ_ONCE(*(const u8 *)at);
	case 2:
		return READ_ONCE(*(const u16 *)at);
	case 4:
		return READ_ONCE(*(const u32 *)at);
	default:
		return READ_ONCE(*(const u64 *)at);
	}
}

/**
 * liar_field_set - write a field, at once
 * @at: its address
 * @field: field
 * @value: what the peer will read; cut to the size of the field
 */
void liar_field_set(void *at, const struct liar_field *field, u64 value)
{
	switch (field->size) {
	case 1:
		WRITE_ONCE(*(u8 *)at, value);
		break;
	case 2:
		WRITE_ONCE(*(u16 *)at, value);
		break;
	case 4:
		WRITE_ONCE(*(u32 *)at, value);
		break;
	default:
		WRITE_ONCE(*(u64 *)at, value);
	}
}

/**
 * liar_field_list - name all fields
 * @s: file
 */
void liar_field_list(struct seq_file *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		seq_printf(s, "field %s %u\n", fields[i].name, fields[i].size);
}
