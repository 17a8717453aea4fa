/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a parameter of a service can be, on the command line and in the
 * configuration alike. Each function returns NULL, or what is wrong with the
 * value, to be freed.
 */
#ifndef FIDOCTL_VALUES_H
#define FIDOCTL_VALUES_H

#include <stdbool.h>

#define MAX_BANDWIDTH	1000000
#define MAX_TIMEOUT	86400

char *value_number(const char *s, unsigned int min, unsigned int max,
		   unsigned int *value);
char *value_mac(const char *s);
char *value_name(const char *s);
char *value_serial(const char *s);
char *value_device(const char *s);
char *value_vm(const char *s);
char *value_yes_no(const char *s, bool *yes);

#endif /* FIDOCTL_VALUES_H */
