/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lies: the commands.
 */
#ifndef LIAR_LIE_H
#define LIAR_LIE_H

struct seq_file;

int liar_do(char *text);
void liar_lie_list(struct seq_file *s);

#endif /* LIAR_LIE_H */
