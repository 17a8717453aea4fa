/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes JSON to stdout. The key is NULL for elements of an array and for the
 * outermost value.
 */
#ifndef FIDOCTL_JSON_H
#define FIDOCTL_JSON_H

#include <stdbool.h>

void json_object(const char *key);
void json_object_end(void);
void json_array(const char *key);
void json_array_end(void);
void json_string(const char *key, const char *value);
void json_uint(const char *key, unsigned int value);
void json_bool(const char *key, bool value);

#endif /* FIDOCTL_JSON_H */
