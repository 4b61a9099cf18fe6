// SPDX-License-Identifier: Apache-2.0
#include "agent/status_line.h"

#include "base/text.h"
#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READING_SILENT_NS (500 * CT_NSEC_PER_MSEC)
#define READING_DRAW_NS (200 * CT_NSEC_PER_MSEC)

void ct_status_init(struct ct_status *status, const struct ct_options *options)
{
	const char *terminal = getenv("TERM");

	status->is_quiet = options->is_quiet;
	status->is_terminal = !options->is_quiet && isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb");
}

void ct_status_clear(struct ct_status *status)
{
	if (status->is_shown)
		fputs("\r\033[K", stderr);
	status->is_shown = false;
}

void ct_status_reading(struct ct_status *status, unsigned int percent, uint64_t now_ns)
{
	if (!status->last_ns)
		status->last_ns = now_ns + READING_SILENT_NS - READING_DRAW_NS;
	if (!status->is_terminal || now_ns < status->last_ns + READING_DRAW_NS)
		return;
	fprintf(stderr, "\r\033[Kreading memory: %u%%", percent < 99 ? percent : 99);
	fflush(stderr);
	status->is_shown = true;
	status->last_ns = now_ns;
}

static bool is_new(struct ct_status *status, uint64_t fingerprint)
{
	for (unsigned int i = 0; i < status->announced_count; i++)
		if (status->announced[i] == fingerprint)
			return false;
	if (status->announced_count == CT_ANNOUNCED_MAX)
		return false;
	status->announced[status->announced_count++] = fingerprint;
	return true;
}

static void announce(const struct ct_tree *tree, const struct ct_finding *finding)
{
	const struct ct_site *site = ct_tree_site(tree, finding->site);
	struct ct_text text = { 0 };
	struct ct_frame frame;
	uint32_t cursor = 0;

	ct_text_addf(&text, "ctxtrace: %s %s at ", ct_severity_name(finding->severity), ct_finding_name(finding->kind));
	if (site && ct_frame_next(site, &cursor, &frame)) {
		const char *slash = strrchr(frame.file, '/');

		ct_text_add_escaped(&text, frame.function, 160);
		ct_text_add(&text, " ");
		ct_text_add_escaped(&text, slash ? slash + 1 : frame.file, 120);
		ct_text_addf(&text, ":%u", frame.line);
	} else {
		ct_text_add(&text, "a site from before the attach");
	}
	ct_text_add(&text, ": ");
	ct_text_add_grouped(&text, finding->count);
	ct_text_add(&text, " so far");
	if (finding->baseline)
		ct_text_addf(&text, ", %s", ct_baseline_mark_name(finding->baseline));
	if (!text.failed)
		fprintf(stderr, "%s\n", text.data);
	ct_text_done(&text);
}

static void draw(struct ct_status *status, const struct ct_tree *tree, const struct ct_findings *findings,
		 uint64_t now_ns)
{
	const struct ct_totals *totals = ct_tree_totals(tree);
	uint64_t elapsed = now_ns - status->last_ns;
	uint64_t events = totals->events - status->last_events;
	struct ct_text text = { 0 };

	ct_text_add_duration(&text, now_ns - ct_tree_window(tree)->begin_ns);
	ct_text_add(&text, "  ");
	ct_text_add_grouped(&text, elapsed ? events * CT_NSEC_PER_SEC / elapsed : 0);
	ct_text_add(&text, " events/s  ");
	ct_text_add_grouped(&text, totals->live);
	ct_text_addf(&text, " live  %zu findings  ", findings->count);
	ct_text_add_grouped(&text, totals->lost_events);
	ct_text_add(&text, " lost");
	if (!text.failed)
		fprintf(stderr, "\r\033[K%s", text.data);
	fflush(stderr);
	ct_text_done(&text);
	status->is_shown = true;
	status->last_ns = now_ns;
	status->last_events = totals->events;
}

void ct_status_update(struct ct_status *status, const struct ct_tree *tree, const struct ct_findings *findings,
		      uint64_t now_ns)
{
	for (size_t i = 0; i < findings->count && !status->is_quiet; i++) {
		const struct ct_finding *finding = &findings->list[i];

		if (finding->confidence != CT_CONFIDENCE_CONFIRMED || !is_new(status, finding->fingerprint))
			continue;
		ct_status_clear(status);
		announce(tree, finding);
	}
	if (status->is_terminal)
		draw(status, tree, findings, now_ns);
}
