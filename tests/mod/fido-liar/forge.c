// SPDX-License-Identifier: GPL-2.0
/*
 * A forged export. The peer reads root page and table when it connects, and
 * fido.ko fills them in and shows them in one go: there is no moment to lie in.
 * So a few pages are granted here instead, and the test writes their reference
 * into xenstore, as a driver would. No driver may be bound to the link meanwhile.
 *
 *   root --> mid --> leaf --> data, and root, mid and leaf themselves
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <xen/grant_table.h>
#include <xen/page.h>

#include "field.h"
#include "forge.h"
#include "liar.h"
#include "value.h"

enum {
	FORGE_ROOT,
	FORGE_MID,
	FORGE_LEAF,
	FORGE_DATA,
	FORGE_PAGES,
};

#define FORGE_MAX_FRAMES \
	((u64)FIDO_ROOT_MIDS * FIDO_REFS_PER_PAGE * FIDO_REFS_PER_PAGE)

/* Guarded by the lock of the service. */
static struct {
	struct page *page[FORGE_PAGES];
	grant_ref_t ref[FORGE_PAGES];
} forged;

static void *forge_at(unsigned int i)
{
	return page_address(forged.page[i]);
}

/* Returns false if the peer still maps it. */
static bool forge_drop(unsigned int i)
{
	if (forged.ref[i] && !gnttab_try_end_foreign_access(forged.ref[i]))
		return false;
	forged.ref[i] = 0;
	if (forged.page[i])
		__free_page(forged.page[i]);
	forged.page[i] = NULL;
	return true;
}

static int forge_grant(unsigned int i, u16 peer)
{
	int ref;

	forged.page[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!forged.page[i])
		return -ENOMEM;
	ref = gnttab_grant_foreign_access(peer, xen_page_to_gfn(forged.page[i]),
					  1 /* readonly */);
	if (ref < 0)
		return ref;
	forged.ref[i] = ref;
	return 0;
}

static void forge_fill(u16 own)
{
	struct fido_root *root = forge_at(FORGE_ROOT);
	u32 *leaf = forge_at(FORGE_LEAF);
	u32 *mid = forge_at(FORGE_MID);

	root->magic = FIDO_ROOT_MAGIC;
	root->version = FIDO_PROTO_VERSION;
	root->domid = own;
	root->nr_frames = FIDO_REFS_PER_PAGE;
	memset(root->readers, 0xff, sizeof(root->readers));
	memset(root->windows, 0xff, sizeof(root->windows));
	root->mid[0] = forged.ref[FORGE_MID];
	mid[0] = forged.ref[FORGE_LEAF];
	leaf[0] = forged.ref[FORGE_DATA];
	leaf[1] = forged.ref[FORGE_ROOT];
	leaf[2] = forged.ref[FORGE_MID];
	leaf[3] = forged.ref[FORGE_LEAF];
}

/* More memory than any domain has: each entry at each level is the first. */
static void forge_fill_up(void)
{
	struct fido_root *root = forge_at(FORGE_ROOT);

	root->nr_frames = FORGE_MAX_FRAMES;
	memset32(root->mid, root->mid[0], FIDO_ROOT_MIDS);
	memset32(forge_at(FORGE_MID), forged.ref[FORGE_LEAF],
		 FIDO_REFS_PER_PAGE);
	memset32(forge_at(FORGE_LEAF), forged.ref[FORGE_DATA],
		 FIDO_REFS_PER_PAGE);
}

static void *forge_field(const struct liar_field *field)
{
	switch (field->where) {
	case LIAR_ROOT:
		return forge_at(FORGE_ROOT) + field->offset;
	case LIAR_MID:
		return forge_at(FORGE_MID);
	case LIAR_LEAF:
		return forge_at(FORGE_LEAF);
	default:
		return NULL;
	}
}

/* A page of the table by name, or what liar_value() knows. */
static int forge_value(struct liar *liar, const char *text, u64 honest,
		       unsigned int size, u64 *value)
{
	static const char * const name[FORGE_PAGES] = {
		"root", "mid", "leaf", "data",
	};
	unsigned int i;

	for (i = 0; i < FORGE_PAGES; i++)
		if (!strcmp(text, name[i])) {
			*value = forged.ref[i];
			return 0;
		}
	return liar_value(text, honest, size, &liar->rnd, value);
}

static int forge_lie(struct liar *liar, const char *name, const char *text)
{
	const struct liar_field *field = liar_field_find(name);
	void *at = field ? forge_field(field) : NULL;
	u64 value;
	int err;

	if (!at)
		return -EINVAL;
	err = forge_value(liar, text, liar_field_get(at, field), field->size,
			  &value);
	if (!err)
		liar_field_set(at, field, value);
	return err;
}

static int forge_lies(struct liar *liar, unsigned int argc, char **argv)
{
	unsigned int i;
	int err = 0;

	if (argc % 2) {
		if (strcmp(argv[0], "full"))
			return -EINVAL;
		forge_fill_up();
		argv++;
	}
	for (i = 0; !err && i < argc / 2; i++)
		err = forge_lie(liar, argv[2 * i], argv[2 * i + 1]);
	return err;
}

/**
 * liar_unforge - take back what was forged
 * @liar: for its lock
 * @argc: zero
 * @argv: nothing
 *
 * Return: 0, or -EBUSY if the peer still maps a part.
 */
int liar_unforge(struct liar *liar, unsigned int argc, char **argv)
{
	bool done = true;
	unsigned int i;

	for (i = 0; i < FORGE_PAGES; i++)
		done &= forge_drop(i);
	return done ? 0 : -EBUSY;
}

/**
 * liar_forge - make an export with lies in it
 * @liar: for its lock and its random numbers; no service is needed
 * @argc: number of arguments
 * @argv: domain id of the peer, own domain id, perhaps "full", then pairs of
 *	a field and a value
 *
 * Return: 0, with the reference to publish in the result; -EBUSY if the one
 * before is still mapped; another error.
 */
int liar_forge(struct liar *liar, unsigned int argc, char **argv)
{
	unsigned int i;
	u16 peer, own;
	int err;

	if (kstrtou16(argv[0], 0, &peer) || kstrtou16(argv[1], 0, &own))
		return -EINVAL;
	err = liar_unforge(liar, 0, NULL);
	for (i = 0; !err && i < FORGE_PAGES; i++)
		err = forge_grant(i, peer);
	if (err)
		return err;
	forge_fill(own);
	err = forge_lies(liar, argc - 2, argv + 2);
	snprintf(liar->result, sizeof(liar->result), "%u",
		 forged.ref[FORGE_ROOT]);
	return err;
}

/**
 * liar_forge_exit - the module goes
 *
 * What the peer still maps is left to the kernel, which goes on trying.
 */
void liar_forge_exit(void)
{
	unsigned int i;

	for (i = 0; i < FORGE_PAGES; i++)
		if (!forge_drop(i))
			gnttab_end_foreign_access(forged.ref[i],
						  forged.page[i]);
}
