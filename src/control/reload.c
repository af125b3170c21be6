#include "control/reload.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/keys.h"
#include "control/answer.h"
#include "control/notify.h"
#include "edge/judge.h"

static bool differ(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) != 0 : a != b;
}

static void note_change(const struct config *c, const char *key, bool changed,
			struct report *report)
{
	if (changed)
		report_lint(report, key_line(SECTION_GLOBAL, &c->global.section, key), 1, NULL,
			    "%s: a change takes effect at the next start", key);
}

/* What is settled once for the life of the process. */
static void note_fixed(const struct desk *d, const struct config *c, struct report *report)
{
	const struct global_conf *now = &d->edge.current->config->global, *next = &c->global;

	note_change(c, "workers", now->workers != next->workers, report);
	note_change(c, "user", differ(now->user, next->user), report);
	note_change(c, "control", differ(now->control, next->control), report);
}

static void log_report(const struct report *report)
{
	char text[2048];

	for (size_t i = 0; i < report->count; i++) {
		report_format(report, &report->at[i], text, sizeof(text));
		if (report->at[i].warning)
			log_warn("%s", text);
		else
			log_error("%s", text);
	}
}

static json_t *refuse(struct desk *d, const char *error, const struct report *report)
{
	d->failed_reloads++;
	free(d->last_error);
	d->last_error = memory_text(error, strlen(error));
	log_report(report);
	log_error("reload refused: %s; the configuration of before stays in force", error);
	notify_status("a reload was refused (%s): the configuration of before is in force", error);
	return answer_errors(error, report);
}

static json_t *accept_change(struct desk *d, struct edge_change *change,
			     const struct report *report)
{
	json_t *answer = answer_reload(change, report);

	d->reloads++;
	d->loaded = time(NULL);
	free(d->last_error);
	d->last_error = NULL;
	log_report(report);
	log_info("reloaded %s: %zu addresses added, %zu removed, %zu kept; hash %s", d->file,
		 change->added.count, change->removed.count, change->kept,
		 d->edge.current->config->hash);
	notify_status("serving %zu addresses, configuration %s", d->edge.current->plan.count,
		      d->edge.current->config->hash);
	edge_change_finish(change);
	return answer;
}

static json_t *try_reload(struct desk *d, struct report *report)
{
	struct edge_change change;
	struct config *c;
	struct plan plan;

	if (!d->file)
		return refuse(d, "the configuration came with the program", report);
	if (d->draining)
		return refuse(d, "it is draining, and will end", report);
	c = judge_file(d->file, &plan, report);
	if (!c)
		return refuse(d, "the file has mistakes", report);
	note_fixed(d, c, report);
	if (!desk_configure(d, c, &plan, &change, report))
		return refuse(d, "it cannot be put into force", report);
	return accept_change(d, &change, report);
}

json_t *reload(struct desk *d)
{
	struct report report;
	json_t *answer;

	notify_reloading();
	report_init(&report, d->file ? d->file : "-");
	answer = try_reload(d, &report);
	report_finish(&report);
	notify_ready();
	return answer;
}
