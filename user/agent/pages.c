// SPDX-License-Identifier: Apache-2.0
#include "agent/pages.h"

#include "agent/clock.h"
#include "agent/http_accept.h"
#include "agent/live.h"
#include "ctxtrace/report.h"
#include "report/json_tree.h"
#include "report/metrics.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"
#define KEPT_NS CT_NSEC_PER_SEC
#define KEPT_SHARE 50 /* making a page costs less than a fiftieth of the time */

extern const struct ct_reporter ct_reporter_json;

static struct ct_snapshot snapshot_of(const struct ct_live *live)
{
	return (struct ct_snapshot){
		.tree = live->pipeline->tree,
		.findings = &live->findings,
		.baseline = live->pipeline->baseline,
		.now_ns = ct_tree_window(live->pipeline->tree)->now_ns,
		.min_age_ns = live->pipeline->min_age_ns,
	};
}

static uint64_t nanoseconds(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * CT_NSEC_PER_SEC + (uint64_t)time->tv_usec * CT_NSEC_PER_USEC;
}

static struct ct_agent_figures figures_of_agent(void)
{
	struct ct_agent_figures figures = { 0 };
	struct rusage usage;
	unsigned long long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");

	if (!getrusage(RUSAGE_SELF, &usage))
		figures.cpu_ns = nanoseconds(&usage.ru_utime) + nanoseconds(&usage.ru_stime);
	if (statm) {
		if (fscanf(statm, "%*u %llu", &pages) == 1)
			figures.resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
		fclose(statm);
	}
	return figures;
}

static void give_text(struct ct_pages *pages, struct ct_text *text, const struct ct_http_request *request,
		      struct ct_http_answer *answer)
{
	if (!text->failed && ct_accept_gzip(request->accept_encoding)) {
		struct ct_text small = ct_body_gzip(text, ct_live_drain, pages->live);

		ct_text_done(text);
		*text = small;
		answer->is_gzip = true;
	}
	answer->body = ct_body_new(&pages->bodies, text);
}

static void give_metrics(struct ct_pages *pages, const struct ct_http_request *request, struct ct_http_answer *answer)
{
	enum ct_dialect dialect = ct_accept_dialect(request->accept);
	struct ct_agent_figures agent = figures_of_agent();
	struct ct_snapshot snapshot = snapshot_of(pages->live);
	struct ct_text text = { 0 };

	ct_metrics_write(&snapshot, &agent, dialect, &text);
	answer->content_type = dialect == CT_DIALECT_OPENMETRICS ?
				       "application/openmetrics-text; version=1.0.0; charset=utf-8" :
				       "text/plain; version=0.0.4; charset=utf-8";
	give_text(pages, &text, request, answer);
}

static void forget(struct ct_kept_page *page)
{
	ct_body_release(page->plain);
	ct_body_release(page->gzip);
	*page = (struct ct_kept_page){ 0 };
}

/* The findings name contexts, which come and go: a report is written at once after the judgement. */
static int write_report(struct ct_live *live, struct ct_text *text)
{
	struct ct_snapshot snapshot;
	int rc = ct_live_judge(live);

	snapshot = snapshot_of(live);
	return rc ? rc : ct_reporter_json.write(&snapshot, text);
}

static int write_tree(struct ct_live *live, struct ct_text *text)
{
	struct ct_snapshot snapshot = snapshot_of(live);

	return ct_json_tree_page(&snapshot, text);
}

static void give_kept(struct ct_pages *pages, struct ct_kept_page *page,
		      int (*write)(struct ct_live *live, struct ct_text *text), const struct ct_http_request *request,
		      struct ct_http_answer *answer)
{
	uint64_t began_ns = ct_clock_ns(), began_cpu_ns = ct_clock_cpu_ns();
	struct ct_text text = { 0 };

	answer->content_type = JSON;
	if (!page->plain || began_ns >= page->until_ns) {
		forget(page);
		text.failed |= write(pages->live, &text) != 0;
		page->plain = ct_body_new(&pages->bodies, &text);
		page->until_ns = began_ns + KEPT_NS + (ct_clock_cpu_ns() - began_cpu_ns) * KEPT_SHARE;
	}
	if (page->plain && !page->gzip && ct_accept_gzip(request->accept_encoding)) {
		text = ct_body_gzip(&page->plain->text, ct_live_drain, pages->live);
		page->gzip = ct_body_new(&pages->bodies, &text);
	}
	answer->is_gzip = page->gzip && ct_accept_gzip(request->accept_encoding);
	if (page->plain)
		answer->body = ct_body_keep(answer->is_gzip ? page->gzip : page->plain);
}

static void give_words(struct ct_pages *pages, unsigned int status, const char *words, struct ct_http_answer *answer)
{
	struct ct_text text = { 0 };

	ct_text_add(&text, words);
	answer->status = status;
	answer->content_type = TEXT;
	answer->body = ct_body_new(&pages->bodies, &text);
}

static const char index_words[] = "ctxtrace " CTXTRACE_VERSION "\n"
				  "/metrics  for Prometheus: text 0.0.4, or OpenMetrics 1.0 where it is asked for\n"
				  "/report   the JSON report as of now, at most once a second\n"
				  "/tree     the live tree as JSON, the oldest contexts of a large one\n"
				  "/healthz  \"ok\" while events are taken\n";

/* Events from before the request are in the answer; and however many ask at once, the ring is drained between them. */
static void answer_request(void *opaque, const struct ct_http_request *request, struct ct_http_answer *answer)
{
	struct ct_pages *pages = opaque;

	ct_live_drain(pages->live);
	answer->status = 200;
	if (!strcmp(request->path, "/metrics"))
		give_metrics(pages, request, answer);
	else if (!strcmp(request->path, "/report"))
		give_kept(pages, &pages->report, write_report, request, answer);
	else if (!strcmp(request->path, "/tree"))
		give_kept(pages, &pages->tree, write_tree, request, answer);
	else if (!strcmp(request->path, "/healthz"))
		give_words(pages, 200, "ok\n", answer);
	else if (!strcmp(request->path, "/"))
		give_words(pages, 200, index_words, answer);
	else
		give_words(pages, 404, "no such page; / lists those there are\n", answer);
}

int ct_pages_open(struct ct_pages *pages, struct ct_live *live, struct ct_error *reterr)
{
	int rc;

	pages->live = live;
	if (!live->options->metrics)
		return 0;
	rc = ct_http_open(live->options->metrics, answer_request, pages, &pages->http, reterr);
	if (!rc && !live->options->is_quiet)
		fprintf(stderr, "ctxtrace: metrics on http://%s/metrics\n", ct_http_place(pages->http));
	return rc;
}

void ct_pages_done(struct ct_pages *pages)
{
	ct_http_free(pages->http); // its connections let go of their bodies
	forget(&pages->report);
	forget(&pages->tree);
	*pages = (struct ct_pages){ 0 };
}
