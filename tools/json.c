// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "json.h"

static unsigned int depth;
static bool first = true;

/*
 * Bytes of the UTF-8 sequence at @s, or 0 if it is not one. Overlong forms,
 * surrogates and what lies above U+10FFFF are none.
 */
static unsigned int utf8_len(const unsigned char *s)
{
	unsigned int len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4;
	else
		return 0;
	for (i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static void put_string(const char *str)
{
	const unsigned char *s = (const unsigned char *)str;
	unsigned int len;

	putchar('"');
	for (; *s; s += len) {
		len = utf8_len(s);
		if (!len) {
			fputs("\\ufffd", stdout);
			len = 1;
		} else if (*s < 0x20 || *s == 0x7f) {
			printf("\\u%04x", *s);
		} else {
			if (*s == '"' || *s == '\\')
				putchar('\\');
			fwrite(s, 1, len, stdout);
		}
	}
	putchar('"');
}

static void newline(void)
{
	unsigned int i;

	putchar('\n');
	for (i = 0; i < depth; i++)
		fputs("  ", stdout);
}

static void begin(const char *key)
{
	if (!first)
		putchar(',');
	if (depth)
		newline();
	first = false;
	if (key) {
		put_string(key);
		fputs(": ", stdout);
	}
}

static void open_bracket(const char *key, char bracket)
{
	begin(key);
	putchar(bracket);
	depth++;
	first = true;
}

static void close_bracket(char bracket)
{
	depth--;
	if (!first)
		newline();
	putchar(bracket);
	first = false;
	if (!depth) {
		putchar('\n');
		first = true;
	}
}

void json_object(const char *key)
{
	open_bracket(key, '{');
}

void json_object_end(void)
{
	close_bracket('}');
}

void json_array(const char *key)
{
	open_bracket(key, '[');
}

void json_array_end(void)
{
	close_bracket(']');
}

/* NULL is null. */
void json_string(const char *key, const char *value)
{
	begin(key);
	if (value)
		put_string(value);
	else
		fputs("null", stdout);
}

void json_uint(const char *key, unsigned int value)
{
	begin(key);
	printf("%u", value);
}

void json_bool(const char *key, bool value)
{
	begin(key);
	fputs(value ? "true" : "false", stdout);
}
