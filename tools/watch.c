// SPDX-License-Identifier: GPL-2.0
/*
 * fidoctl watch: sees to it that there is what the configuration names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confdir.h"
#include "json.h"
#include "log.h"
#include "notify.h"
#include "options.h"
#include "reconcile.h"
#include "show.h"
#include "signals.h"

#define CONFIG_DIR "/etc/fido"

/* A VM that writes without end into its own nodes gets no more than this. */
#define MIN_PAUSE_MS 200

static bool is_named(const struct config *config, const struct domain *domain)
{
	struct cursor at = { 0 };

	while (config_next(config, &at))
		if (wish_needs(at.wish, domain))
			return true;
	return false;
}

/* Before everything is looked at: what changes from here on is told. */
static void update_watches(struct supervisor *sup)
{
	struct roster roster;
	unsigned int i;

	roster_read(&sup->store, &roster);
	watches_drop_dead(&sup->watches, &sup->store, &roster);
	for (i = 0; i < roster.nr; i++)
		if (is_named(&sup->config, &roster.domain[i]))
			watches_add(&sup->watches, &sup->store,
				    roster.domain[i].domid);
	roster_free(&roster);
}

static unsigned int nr_wishes(const struct config *config)
{
	struct cursor at = { 0 };
	unsigned int nr = 0;

	while (config_next(config, &at))
		nr++;
	return nr;
}

/* Configuration */

/*
 * A directory that cannot be read at all leaves things as they are. That a file
 * has gone means that its services shall go, too.
 */
static void reload(struct supervisor *sup, const char *dir)
{
	struct config config;

	notify("RELOADING=1");
	log_line(LOG_INFO, "reading %s again", dir);
	if (confdir_read(dir, &config) || config.nr_files) {
		config_free(&sup->config);
		sup->config = config;
		sup->apply = true;
	}
}

/* For ever, until somebody says that it is enough. */
static void supervise(struct supervisor *sup, const char *dir)
{
	bool ready = false;

	store_remember(&sup->store);
	store_watch(&sup->store, "@introduceDomain");
	store_watch(&sup->store, "@releaseDomain");
	log_line(LOG_INFO, "begins, %s names %u services", dir,
		 nr_wishes(&sup->config));
	while (!signals_stop()) {
		if (signals_take_reload()) {
			reload(sup, dir);
			ready = false;
		}
		store_drain(&sup->store);
		update_watches(sup);
		reconcile(sup);
		sup->apply = sup->unfinished;
		if (!ready)
			notify("READY=1");
		ready = true;
		signals_pause(MIN_PAUSE_MS);
		if (!signals_pending())
			store_wait_signals(&sup->store, sup->wake, sup->mask);
	}
	notify("STOPPING=1");
	log_line(LOG_INFO, "ends, links stay as they are");
	free(sup->said);
}

/* One look */

static void json_names(const struct wish *wish)
{
	if (wish->type == WISH_NET) {
		json_string("a", wish->vm[0]);
		json_string("b", wish->vm[1]);
		return;
	}
	json_string("client", wish->vm[0]);
	json_string("server", wish->vm[1]);
	json_string("device", wish->device);
}

static void json_wish(const struct supervisor *sup,
		      const struct config_file *file, const struct wish *wish)
{
	struct look look;
	char *problem = NULL;

	wish_look(wish, &sup->roster, &sup->topology, &look);
	if (look.service)
		problem = service_problem(look.link, look.service);
	if (look.link && !problem)
		problem = join_problems(look.link,
					look.link->end[FRONT].error,
					look.link->end[BACK].error);
	json_object(NULL);
	json_string("file", file->name);
	json_uint("line", wish->line);
	json_string("type", wish->type == WISH_NET ? "mmnet" : "mmblk");
	json_names(wish);
	json_string("state", found_word(look.found));
	json_string("missing", look.missing);
	json_string("error", problem);
	json_object_end();
	free(problem);
}

static void print_json(struct supervisor *sup)
{
	struct cursor at = { 0 };

	roster_read(&sup->store, &sup->roster);
	topology_read(&sup->store, &sup->topology);
	json_array(NULL);
	while (config_next(&sup->config, &at))
		json_wish(sup, at.file, at.wish);
	json_array_end();
	topology_free(&sup->topology);
	roster_free(&sup->roster);
}

static bool look_once(struct supervisor *sup, const struct options *opt)
{
	reconcile(sup);
	if (opt->given & OPT_JSON)
		print_json(sup);
	return !sup->failures && !signals_stop();
}

static void check_options(const struct options *opt)
{
	unsigned int modes = opt->given & (OPT_ONCE | OPT_CHECK | OPT_DRY_RUN);

	if (modes & (modes - 1))
		die_usage("say one of --once, --dry-run and --check");
	if (opt->given & OPT_JSON && !(modes & (OPT_ONCE | OPT_DRY_RUN)))
		die_usage("--json makes sense with --once or --dry-run alone");
}

int cmd_watch(const struct options *opt)
{
	const char *dir = opt->config ? opt->config : CONFIG_DIR;
	struct supervisor sup = { 0 };
	bool good;

	check_options(opt);
	log_open();
	good = confdir_read(dir, &sup.config);
	if (opt->given & OPT_CHECK) {
		if (good)
			printf("%s names %u services, without an error\n",
			       dir, nr_wishes(&sup.config));
		config_free(&sup.config);
		return good ? 0 : EXIT_FAILED;
	}
	if (!good && !sup.config.nr_files)
		return EXIT_FAILED;
	sup.dry_run = opt->given & OPT_DRY_RUN;
	sup.mask = signals_open();
	store_open(&sup.store);
	if (opt->given & (OPT_ONCE | OPT_DRY_RUN)) {
		good = look_once(&sup, opt) && good;
	} else {
		supervise(&sup, dir);
		good = true;
	}
	watches_free(&sup.watches);
	store_close(&sup.store);
	config_free(&sup.config);
	return good ? 0 : EXIT_FAILED;
}
