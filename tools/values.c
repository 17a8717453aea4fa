// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "values.h"

#define MAX_SERIAL	36
#define MAX_DEVICE	255
#define MAX_NAME	15	/* IFNAMSIZ, with its zero */
#define MAX_VM		127

char *value_number(const char *s, unsigned int min, unsigned int max,
		   unsigned int *value)
{
	if (!parse_uint(s, max, value) || *value < min)
		return xasprintf("say a number from %u to %u, not %s", min,
				 max, s);
	return NULL;
}

static bool is_mac(const char *s)
{
	unsigned int i;

	for (i = 0; i < 6; i++, s += 3)
		if (!isxdigit((unsigned char)s[0]) ||
		    !isxdigit((unsigned char)s[1]) ||
		    s[2] != (i < 5 ? ':' : '\0'))
			return false;
	return true;
}

/* Six octets in hexadecimal; an interface has neither a group nor none. */
char *value_mac(const char *s)
{
	if (!is_mac(s))
		return xasprintf("%s is no MAC address: say it as in 00:16:3e:01:02:03",
				 s);
	if (strtoul(s, NULL, 16) & 1)
		return xasprintf("%s is a group's address: the first octet must be even",
				 s);
	if (!s[strspn(s, "0:")])
		return xasprintf("an interface cannot have the address %s", s);
	return NULL;
}

/* As dev_valid_name() of the kernel wants it, and not a pattern. */
char *value_name(const char *s)
{
	if (!*s || strlen(s) > MAX_NAME || !printable(s) ||
	    strpbrk(s, "/:% ") || !strcmp(s, ".") || !strcmp(s, ".."))
		return xasprintf("say 1 to %d characters without any of \"/:%% \", not %s",
				 MAX_NAME, s);
	return NULL;
}

char *value_serial(const char *s)
{
	if (!*s || strlen(s) > MAX_SERIAL || !printable(s))
		return xasprintf("say 1 to %d printable characters",
				 MAX_SERIAL);
	return NULL;
}

char *value_device(const char *s)
{
	if (*s != '/' || strlen(s) > MAX_DEVICE || !printable(s))
		return xasprintf("%s is not the absolute path of a block device or file",
				 s);
	return NULL;
}

/* By name alone: a domain id is another one after each start. */
char *value_vm(const char *s)
{
	if (*s && !s[strspn(s, "0123456789")])
		return xasprintf("%s is a domain id: name the VM", s);
	if (!*s || strlen(s) > MAX_VM || strchr(s, '/') || !printable(s))
		return xasprintf("%s is no name of a VM", s);
	return NULL;
}

char *value_yes_no(const char *s, bool *yes)
{
	*yes = !strcmp(s, "yes");
	if (!*yes && strcmp(s, "no"))
		return xasprintf("say yes or no, not %s", s);
	return NULL;
}
