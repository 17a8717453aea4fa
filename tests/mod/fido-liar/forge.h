/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A forged export: what a peer would find behind root-ref.
 */
#ifndef LIAR_FORGE_H
#define LIAR_FORGE_H

#include <linux/types.h>

struct liar;

int liar_forge(struct liar *liar, unsigned int argc, char **argv);
int liar_unforge(struct liar *liar, unsigned int argc, char **argv);
void liar_forge_exit(void);

#endif /* LIAR_FORGE_H */
