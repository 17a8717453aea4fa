/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that are supported, for those who look at
 * modules; see compat.h.
 */
#ifndef FIDO_COMPAT_MODULE_H
#define FIDO_COMPAT_MODULE_H

#include <linux/module.h>

/* Where a module's code lies: what stays, or what is freed after its start */

#ifdef HAVE_MODULE_MEMORY
static inline unsigned long compat_module_text(const struct module *mod,
					       bool init, unsigned long *base)
{
	const struct module_memory *mem;

	mem = &mod->mem[init ? MOD_INIT_TEXT : MOD_TEXT];
	*base = (unsigned long)mem->base;
	return mem->size;
}
#else
static inline unsigned long compat_module_text(const struct module *mod,
					       bool init, unsigned long *base)
{
	const struct module_layout *layout;

	layout = init ? &mod->init_layout : &mod->core_layout;
	*base = (unsigned long)layout->base;
	return layout->text_size;
}
#endif

#endif /* FIDO_COMPAT_MODULE_H */
