// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration of "fidoctl watch": what is taken, and what is refused with
 * which line.
 */
#include "test.h"
#include "tools/config.h"

#define NET "[net]\na=a\nb=b\n"
#define BLK "[blk]\nclient=a\nserver=b\ndevice=/dev/x\n"

static struct config config;

static struct config_file *parse(const char *text)
{
	config_parse(&config, "t.conf", text, strlen(text));
	return &config.file[config.nr_files - 1];
}

static int teardown(void **state)
{
	config_free(&config);
	return 0;
}

/* The first complaint is of this line and contains these words. */
static void refused(const char *text, unsigned int line, const char *words)
{
	struct config_file *file = parse(text);

	if (!file->nr_faults)
		config_compare(&config);
	file = &config.file[config.nr_files - 1];
	assert_int_not_equal(file->nr_faults, 0);
	assert_non_null(strstr(file->fault[0].text, words));
	assert_int_equal(file->fault[0].line, line);
	config_free(&config);
}

static void test_net(void **state)
{
	struct config_file *file =
		parse("# a comment\n"
		      "\n"
		      "  [net] # another\n"
		      "a = router\n"
		      "\tb=nas 2\t\n"
		      "mac-b = 00:16:3e:00:00:0b\n"
		      "queues = 2\n"
		      "mtu=1500 # not more\n");
	struct wish *wish = file->wish;

	assert_int_equal(file->nr_faults, 0);
	assert_int_equal(file->nr_wishes, 1);
	assert_int_equal(wish->type, WISH_NET);
	assert_int_equal(wish->line, 3);
	assert_string_equal(wish->vm[0], "router");
	assert_string_equal(wish->vm[1], "nas 2");
	assert_null(wish->opt.mac[0]);
	assert_string_equal(wish->opt.mac[1], "00:16:3e:00:00:0b");
	assert_int_equal(wish->opt.queues, 2);
	assert_int_equal(wish->opt.mtu, 1500);
	assert_int_equal(wish->opt.given, OPT_MAC | OPT_QUEUES | OPT_MTU);
	assert_string_equal(wish->text,
			    "mac-b=00:16:3e:00:00:0b mtu=1500 queues=2");
}

static void test_blk(void **state)
{
	struct config_file *file =
		parse("[blk]\nclient=a\nserver=Domain-0\ndevice=/dev/vg0/a#1\n"
		      "serial = disk 1\nread-only = yes\nshared = no\n"
		      "[ net ]\na=a\nb=b");
	struct wish *wish = file->wish;

	assert_int_equal(file->nr_faults, 0);
	assert_int_equal(file->nr_wishes, 2);
	assert_int_equal(wish->type, WISH_BLK);
	assert_string_equal(wish->device, "/dev/vg0/a#1");
	assert_string_equal(wish->opt.serial, "disk 1");
	assert_int_equal(wish->opt.given, OPT_READ_ONLY | OPT_SERIAL);
	assert_string_equal(wish->text,
			    "read-only=yes shared=no serial=disk 1");
	assert_int_equal(wish[1].type, WISH_NET);
	assert_int_equal(wish[1].opt.given, 0);
	assert_string_equal(wish[1].text, "");
}

static void test_bounce(void **state)
{
	struct config_file *file =
		parse(BLK "depth = 8\nbounce = yes\n" BLK "bounce=no\n");
	struct wish *wish = file->wish;

	assert_int_equal(file->nr_faults, 0);
	assert_int_equal(wish[0].opt.given, OPT_DEPTH | OPT_BOUNCE);
	assert_string_equal(wish[0].text, "depth=8 bounce=yes");
	assert_int_equal(wish[1].opt.given, 0);
	assert_string_equal(wish[1].text, "bounce=no");
}

static void test_keep(void **state)
{
	struct config_file *file =
		parse("[blk]\nclient=a\nserver=b\ndevice=/dev/x\n"
		      "timeout=60\nkeep=yes\n"
		      "[blk]\nclient=a\nserver=b\ndevice=/dev/y\nkeep = no\n"
		      "[net]\na=a\nb=b\nqueues = 2\nkeep = yes\n");
	struct wish *wish = file->wish;

	assert_int_equal(file->nr_faults, 0);
	assert_int_equal(wish[0].opt.given, OPT_KEEP | OPT_TIMEOUT);
	assert_string_equal(wish[0].text, "timeout=60 keep=yes");
	assert_int_equal(wish[1].opt.given, 0);
	assert_string_equal(wish[1].text, "keep=no");
	assert_int_equal(wish[2].opt.given, OPT_KEEP | OPT_QUEUES);
	assert_string_equal(wish[2].text, "queues=2 keep=yes");
}

static void test_empty(void **state)
{
	assert_int_equal(parse("")->nr_faults, 0);
	assert_int_equal(parse("\n ; nothing\n#\n")->nr_faults, 0);
	config_compare(&config);
	assert_int_equal(config.file[1].nr_faults, 0);
	assert_int_equal(config.file[1].nr_wishes, 0);
}

static void test_lines(void **state)
{
	refused("a = b\n", 1, "section before");
	refused("[net]\na = a\nb\n", 3, "KEY = VALUE");
	refused("\n[link]\n", 2, "no section [link]");
	refused("[]\n", 1, "no section []");
	refused("[net\na=a\nb=b\n", 1, "as in [net]");
	refused("[", 1, "as in [net]");
	refused(NET "mtuu = 3\n", 4, "knows no \"mtuu\"");
	refused(NET "serial = 3\n", 4, "[net] knows no \"serial\"");
	refused(BLK "mtu = 3\n", 5, "[blk] knows no \"mtu\"");
	refused(NET "= 3\n", 4, "knows no \"\"");
	refused(NET "a=a\n", 4, "\"a\" stands twice");
	refused(NET "mtu\x01 = 1500\n", 4, "control characters");
	refused("[net]\na=a\r\nb=b\n", 2, "control characters");
}

static void test_values(void **state)
{
	refused(NET "mtu = 67\n", 4, "mtu: say a number from 68 to 65535");
	refused(NET "mtu =\n", 4, "mtu: say a number");
	refused(NET "queues = 17\n", 4, "queues: say a number from 1 to 16");
	refused(NET "queues = 0x2\n", 4, "queues: say a number");
	refused(NET "mac-a = 00:16\n", 4, "mac-a: 00:16 is no MAC");
	refused(NET "mac-a = 01:16:3e:00:00:00\n", 4, "group");
	refused(NET "name-a = a/b\n", 4, "name-a: say 1 to 15");
	refused(NET "mac-a = 00:00:00:00:00:00\n", 4, "cannot have");
	refused("[net]\na=12\nb=b\n", 2, "a: 12 is a domain id");
	refused("[net]\na=a/b\nb=b\n", 2, "no name of a VM");
	refused("[net]\na=\nb=b\n", 2, "no name of a VM");
	refused("[blk]\nclient=a\nserver=b\ndevice=sda\n", 4,
		"absolute path");
	refused(BLK "read-only = true\n", 5, "read-only: say yes or no");
	refused(BLK "bounce = 1\n", 5, "bounce: say yes or no");
	refused(NET "bounce = yes\n", 4, "[net] knows no \"bounce\"");
	refused(BLK "keep = 1\n", 5, "keep: say yes or no");
	refused(NET "keep = always\n", 4, "keep: say yes or no");
	refused(NET "timeout = 9\n", 4, "[net] knows no \"timeout\"");
	refused(BLK "depth = 129\n", 5, "depth: say a number from 1 to 128");
	refused(BLK "timeout = 0\n", 5, "timeout: say a number from 1");
	refused(BLK "queues = 15\npoll-queues = 2\n", 1,
		"16 together at most");
	refused(BLK "serial =\n", 5, "serial: say 1 to 36");
}

static void test_sections(void **state)
{
	refused("\n[net]\na=a\n", 2, "needs a line \"b = ...\"");
	refused("[blk]\nclient=a\nserver=b\n" NET, 1, "\"device = ...\"");
	refused("[net]\na=a\nb=a\n", 1, "cannot be linked with itself");
	refused("[net]\na=dom0\nb=Domain-0\n", 1, "with itself");
	refused(NET "mac-a=00:16:3e:00:00:0a\nmac-b=00:16:3E:00:00:0A\n", 1,
		"are the same");
}

static void test_conflicts(void **state)
{
	refused(NET "[net]\na=b\nb=a\n", 4, "already, by t.conf:1");
	refused(NET BLK BLK, 8, "has this disk already, by t.conf:4");
	refused(BLK "[blk]\nclient=c\nserver=b\ndevice=/dev/x\n", 5,
		"another client has this disk");
	refused(BLK "read-only=yes\n"
		"[blk]\nclient=c\nserver=b\ndevice=/dev/x\nshared=yes\n", 6,
		"another client has this disk");
}

static void test_no_conflicts(void **state)
{
	parse(NET "[net]\na=a\nb=c\n" BLK
	      "[blk]\nclient=c\nserver=b\ndevice=/dev/y\n"
	      "[blk]\nclient=c\nserver=a\ndevice=/dev/x\n"
	      "[blk]\nclient=d\nserver=b\ndevice=/dev/z\nread-only=yes\n"
	      "[blk]\nclient=e\nserver=b\ndevice=/dev/z\nread-only=yes\n"
	      "[blk]\nclient=d\nserver=b\ndevice=/dev/s\nshared=yes\n"
	      "[blk]\nclient=e\nserver=b\ndevice=/dev/s\nshared=yes\n");
	config_compare(&config);
	assert_int_equal(config.file[0].nr_faults, 0);
	assert_int_equal(config.file[0].nr_wishes, 9);
}

/* The later file is at fault; one that is at fault is in nobody's way. */
static void test_files(void **state)
{
	struct cursor at = { 0 };

	parse(NET "x\n");
	parse(NET);
	parse(NET);
	parse(BLK);
	config_compare(&config);
	assert_int_equal(config.file[0].nr_faults, 1);
	assert_int_equal(config.file[1].nr_faults, 0);
	assert_int_equal(config.file[2].nr_faults, 1);
	assert_int_equal(config.file[3].nr_faults, 0);
	assert_true(config_next(&config, &at));
	assert_ptr_equal(at.wish, &config.file[1].wish[0]);
	assert_true(config_next(&config, &at));
	assert_ptr_equal(at.wish, &config.file[3].wish[0]);
	assert_ptr_equal(at.file, &config.file[3]);
	assert_false(config_next(&config, &at));
}

static void test_limits(void **state)
{
	static char big[CONFIG_MAX_SIZE + 1];
	struct config_file *file;
	unsigned int i;

	memset(big, '#', sizeof(big));
	config_parse(&config, "big", big, CONFIG_MAX_SIZE);
	assert_int_equal(config.file[0].nr_faults, 0);
	config_parse(&config, "bigger", big, sizeof(big));
	assert_int_equal(config.file[1].nr_faults, 1);
	big[7] = '\0';
	config_parse(&config, "nul", big, 20);
	assert_int_equal(config.file[2].nr_faults, 1);

	for (i = 0; i < sizeof(big); i += 2)
		memcpy(big + i, "x\n", i + 2 > sizeof(big) ? 1 : 2);
	config_parse(&config, "wrong", big, CONFIG_MAX_SIZE);
	assert_int_equal(config.file[3].nr_faults, CONFIG_MAX_FAULTS);

	for (i = 0; i < 6 * (CONFIG_MAX_WISHES + 1); i++)
		big[i] = "[net]\n"[i % 6];
	config_parse(&config, "many", big, i);
	file = &config.file[4];
	assert_int_equal(file->nr_wishes, CONFIG_MAX_WISHES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_net, teardown),
		cmocka_unit_test_teardown(test_blk, teardown),
		cmocka_unit_test_teardown(test_bounce, teardown),
		cmocka_unit_test_teardown(test_keep, teardown),
		cmocka_unit_test_teardown(test_empty, teardown),
		cmocka_unit_test_teardown(test_lines, teardown),
		cmocka_unit_test_teardown(test_values, teardown),
		cmocka_unit_test_teardown(test_sections, teardown),
		cmocka_unit_test_teardown(test_conflicts, teardown),
		cmocka_unit_test_teardown(test_no_conflicts, teardown),
		cmocka_unit_test_teardown(test_files, teardown),
		cmocka_unit_test_teardown(test_limits, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
