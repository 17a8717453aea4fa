/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fields of what a peer reads, by name.
 */
#ifndef LIAR_FIELD_H
#define LIAR_FIELD_H

#include <linux/types.h>

struct liar;
struct seq_file;

/**
 * enum liar_where - which structure a field belongs to
 * @LIAR_ROOT: root page
 * @LIAR_ENTRY: service table
 * @LIAR_TABLE: table of control pages
 * @LIAR_CTL: control page
 * @LIAR_RELEASE: release ring, the entry that was written last
 * @LIAR_SLOT: head of the slot that was sent last
 * @LIAR_MESSAGE: message in it
 * @LIAR_SEG: first segment of that
 * @LIAR_LIST: first segment of the list that it names
 * @LIAR_MID: forged middle page
 * @LIAR_LEAF: forged leaf page
 */
enum liar_where {
	LIAR_ROOT,
	LIAR_ENTRY,
	LIAR_TABLE,
	LIAR_CTL,
	LIAR_RELEASE,
	LIAR_SLOT,
	LIAR_MESSAGE,
	LIAR_SEG,
	LIAR_LIST,
	LIAR_MID,
	LIAR_LEAF,
};

/**
 * struct liar_field - a field
 * @name: structure and member, as users say it
 * @where: the structure
 * @offset: of the field in it
 * @size: bytes: 1, 2, 4 or 8
 */
struct liar_field {
	const char *name;
	enum liar_where where;
	u16 offset;
	u8 size;
};

const struct liar_field *liar_field_find(const char *name);
void *liar_field_at(const struct liar *liar, const struct liar_field *field);
u64 liar_field_get(const void *at, const struct liar_field *field);
void liar_field_set(void *at, const struct liar_field *field, u64 value);
void liar_field_list(struct seq_file *s);

#endif /* LIAR_FIELD_H */
