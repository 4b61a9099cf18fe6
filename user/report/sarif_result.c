// SPDX-License-Identifier: Apache-2.0
#include "report/sarif_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FRAMES_MAX 32 /* of a stack */

/* Text that a viewer would take for a link is none: "](" comes from nobody but a hostile name. */
static void write_message(struct ct_json *json, const char *words)
{
	struct ct_text text = { 0 };

	for (const char *rest = words; *rest;) {
		const char *link = strstr(rest, "](");
		size_t length = link ? (size_t)(link - rest) + 1 : strlen(rest);

		ct_text_append(&text, rest, length);
		ct_text_add(&text, link ? " " : "");
		rest += length;
	}
	ct_json_open(json, "message", '{');
	ct_json_string(json, "text", text.data ? text.data : "");
	ct_json_close(json, '}');
	json->text->failed |= text.failed;
	ct_text_done(&text);
}

static void write_artifact(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_frame *frame)
{
	struct ct_place place = ct_place_of(snapshot, frame);
	struct ct_text uri = { 0 };

	if (*place.path == '/')
		ct_text_add(&uri, "file://");
	ct_text_add_uri(&uri, place.path);
	ct_json_open(json, "artifactLocation", '{');
	ct_json_string(json, "uri", uri.data ? uri.data : "");
	if (place.is_in_repository)
		ct_json_string(json, "uriBaseId", "%SRCROOT%");
	ct_json_close(json, '}');
	json->text->failed |= uri.failed;
	ct_text_done(&uri);
}

static void write_physical(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_frame *frame)
{
	if (!*frame->file)
		return;
	ct_json_open(json, "physicalLocation", '{');
	write_artifact(json, snapshot, frame);
	if (frame->line) {
		ct_json_open(json, "region", '{');
		ct_json_number(json, "startLine", frame->line);
		ct_json_close(json, '}');
	}
	ct_json_close(json, '}');
}

static void write_logical(struct ct_json *json, const struct ct_frame *frame)
{
	if (!*frame->function)
		return;
	ct_json_open(json, "logicalLocations", '[');
	ct_json_open(json, NULL, '{');
	ct_json_string(json, "fullyQualifiedName", frame->function);
	ct_json_string(json, "kind", "function");
	ct_json_close(json, '}');
	ct_json_close(json, ']');
}

/* `location`, or an element of `locations` where `key` is NULL. */
static void write_location(struct ct_json *json, const char *key, const struct ct_snapshot *snapshot,
			   const struct ct_frame *frame, const char *words)
{
	ct_json_open(json, key, '{');
	write_physical(json, snapshot, frame);
	write_logical(json, frame);
	if (words)
		write_message(json, words);
	ct_json_close(json, '}');
}

static const struct ct_site *known_site(const struct ct_snapshot *snapshot, uint32_t index)
{
	const struct ct_site *site = index == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, index);

	return site && site->frames ? site : NULL;
}

static void write_locations(struct ct_json *json, const struct ct_snapshot *snapshot, uint32_t site)
{
	struct ct_frame frame;
	uint32_t cursor = 0;
	bool is_known = ct_place_frame(snapshot, site, &frame) ||
			(known_site(snapshot, site) && ct_frame_next(known_site(snapshot, site), &cursor, &frame));

	ct_json_open(json, "locations", '[');
	if (is_known)
		write_location(json, NULL, snapshot, &frame, NULL);
	ct_json_close(json, ']');
}

static void write_stack(struct ct_json *json, const struct ct_snapshot *snapshot, uint32_t index, const char *words)
{
	const struct ct_site *site = known_site(snapshot, index);
	struct ct_frame frame;
	uint32_t cursor = 0;

	if (!site)
		return;
	ct_json_open(json, NULL, '{');
	write_message(json, words);
	ct_json_open(json, "frames", '[');
	for (int shown = 0; shown < FRAMES_MAX && ct_frame_next(site, &cursor, &frame); shown++) {
		ct_json_open(json, NULL, '{');
		write_location(json, "location", snapshot, &frame, NULL);
		ct_json_close(json, '}');
	}
	ct_json_close(json, ']');
	ct_json_close(json, '}');
}

/* Code scanning shows code flows and no stacks: the way to the site, from the outermost frame with a line on. */
static void write_flow(struct ct_json *json, const struct ct_snapshot *snapshot, uint32_t index)
{
	const struct ct_site *site = known_site(snapshot, index);
	struct ct_frame frames[FRAMES_MAX];
	uint32_t cursor = 0, count = 0;

	while (site && count < FRAMES_MAX && ct_frame_next(site, &cursor, &frames[count]))
		count += *frames[count].file && frames[count].line;
	if (count < 2)
		return;
	ct_json_open(json, "codeFlows", '[');
	ct_json_open(json, NULL, '{');
	ct_json_open(json, "threadFlows", '[');
	ct_json_open(json, NULL, '{');
	ct_json_open(json, "locations", '[');
	while (count--) {
		ct_json_open(json, NULL, '{');
		write_location(json, "location", snapshot, &frames[count], frames[count].function);
		ct_json_close(json, '}');
	}
	ct_json_close(json, ']');
	ct_json_close(json, '}');
	ct_json_close(json, ']');
	ct_json_close(json, '}');
	ct_json_close(json, ']');
}

/*
 * Code scanning matches alerts by one name alone, and two with the same hash are one to it: the second finding of the
 * same functions gets a number of its own.
 */
static void write_fingerprints(struct ct_json *json, const struct ct_findings *findings, size_t index)
{
	uint64_t fingerprint = findings->list[index].fingerprint;
	char words[40];
	size_t number = 1;

	for (size_t i = 0; i < index; i++)
		number += findings->list[i].fingerprint == fingerprint;
	ct_json_open(json, "partialFingerprints", '{');
	snprintf(words, sizeof(words), "%016" PRIx64, fingerprint);
	ct_json_string(json, "ctxtrace/v1", words);
	snprintf(words, sizeof(words), "%016" PRIx64 ":%zu", fingerprint, number);
	ct_json_string(json, "primaryLocationLineHash", words);
	ct_json_close(json, '}');
}

static void write_properties(struct ct_json *json, const struct ct_finding *finding)
{
	ct_json_open(json, "properties", '{');
	ct_json_string(json, "confidence", ct_confidence_name(finding->confidence));
	ct_json_number(json, "live", finding->live);
	ct_json_seconds(json, "oldest_s", finding->oldest_ns);
	ct_json_number(json, "retained_bytes", finding->retained_bytes);
	ct_json_close(json, '}');
}

void ct_sarif_result(struct ct_json *json, const struct ct_snapshot *snapshot, size_t index)
{
	static const char *const made[] = { "Made here.", "Started here.", "Its handler." };
	const struct ct_finding *finding = &snapshot->findings->list[index];
	struct ct_text words = { 0 };

	ct_text_addf(&words, "%s%s. What to do: %s.",
		     finding->confidence == CT_CONFIDENCE_CONFIRMED ? "" : "Suspected: ", finding->evidence,
		     finding->advice);
	ct_json_open(json, NULL, '{');
	ct_json_string(json, "ruleId", ct_finding_name(finding->kind));
	ct_json_number(json, "ruleIndex", finding->kind);
	ct_json_string(json, "level", ct_sarif_level(finding->severity));
	write_message(json, words.data ? words.data : "");
	write_locations(json, snapshot, finding->site);
	ct_json_open(json, "stacks", '[');
	write_stack(json, snapshot, finding->site, made[finding->subject]);
	write_stack(json, snapshot, finding->at, "Here now.");
	ct_json_close(json, ']');
	write_flow(json, snapshot, finding->site);
	if (finding->count)
		ct_json_number(json, "occurrenceCount", finding->count);
	write_fingerprints(json, snapshot->findings, index);
	write_properties(json, finding);
	ct_json_close(json, '}');
	json->text->failed |= words.failed;
	ct_text_done(&words);
}
