/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flush: have CPUs free what they only keep for later. What clients may call
 * is in fido.h.
 */
#ifndef FIDO_FLUSH_H
#define FIDO_FLUSH_H

int fido_flush_init(void);
void fido_flush_exit(void);

#endif /* FIDO_FLUSH_H */
