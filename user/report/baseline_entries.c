// SPDX-License-Identifier: Apache-2.0
#include "report/baseline_entries.h"

#include "report/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SITE_FRAMES 3 /* those that the fingerprint goes by */
#define NAME_BYTES_SHOWN 200

void ct_entries_done(struct ct_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free(entries->list[i].site);
	free(entries->list);
	*entries = (struct ct_entries){ 0 };
}

static int reserve(struct ct_entries *entries)
{
	size_t capacity = entries->capacity ? entries->capacity * 2 : 64;
	struct ct_entry *list;

	if (entries->count < entries->capacity)
		return 0;
	list = reallocarray(entries->list, capacity, sizeof(*list));
	if (!list)
		return -ENOMEM;
	entries->list = list;
	entries->capacity = capacity;
	return 0;
}

int ct_entries_add(struct ct_entries *entries, const struct ct_entry *entry)
{
	char *site;

	if (entries->count == CT_BASELINE_ENTRIES_MAX)
		return -E2BIG;
	site = strdup(entry->site);
	if (!site || reserve(entries)) {
		free(site);
		return -ENOMEM;
	}
	entries->list[entries->count] = *entry;
	entries->list[entries->count++].site = site;
	return 0;
}

static int by_fingerprint(const void *left, const void *right)
{
	const struct ct_entry *a = left, *b = right;

	if (a->fingerprint != b->fingerprint)
		return a->fingerprint < b->fingerprint ? -1 : 1;
	return strcmp(a->site, b->site);
}

void ct_entries_sort(struct ct_entries *entries)
{
	size_t kept = 0;

	if (!entries->count)
		return;
	qsort(entries->list, entries->count, sizeof(*entries->list), by_fingerprint);
	for (size_t i = 1; i < entries->count; i++) {
		struct ct_entry *last = &entries->list[kept], *next = &entries->list[i];

		if (next->fingerprint != last->fingerprint) {
			entries->list[++kept] = *next;
			continue;
		}
		if (next->severity > last->severity)
			last->severity = next->severity;
		if (next->places > last->places)
			last->places = next->places;
		free(next->site);
	}
	entries->count = kept + 1;
}

struct ct_entry *ct_entries_find(const struct ct_entries *entries, uint64_t fingerprint)
{
	struct ct_entry key = { .fingerprint = fingerprint };
	size_t low = 0, high = entries->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entries->list[middle].fingerprint < key.fingerprint)
			low = middle + 1;
		else
			high = middle;
	}
	return low < entries->count && entries->list[low].fingerprint == fingerprint ? &entries->list[low] : NULL;
}

static const struct ct_site *site_of(const struct ct_tree *tree, const struct ct_finding *finding)
{
	return finding->site == CT_SITE_UNKNOWN ? NULL : ct_tree_site(tree, finding->site);
}

/*
 * "main.(*Client).Call (client.go) < main.main": no lines, which change with every edit above them, no bare addresses,
 * which change with every build. @return whether anything is known of it.
 */
static bool add_site(struct ct_text *text, const struct ct_tree *tree, const struct ct_finding *finding)
{
	const struct ct_site *site = site_of(tree, finding);
	struct ct_frame frame;
	uint32_t cursor = 0;
	bool is_known = false;

	for (int i = 0; site && i < SITE_FRAMES && ct_frame_next(site, &cursor, &frame); i++) {
		if (!strncmp(frame.function, "0x", 2))
			continue;
		ct_text_add(text, is_known ? " < " : "");
		ct_text_add_escaped(text, frame.function, NAME_BYTES_SHOWN);
		if (!is_known && *frame.file) {
			ct_text_add(text, " (");
			ct_text_add_escaped(text, ct_base_name(frame.file), NAME_BYTES_SHOWN);
			ct_text_add(text, ")");
		}
		is_known = true;
	}
	if (!is_known)
		ct_text_addf(text, "a place nobody saw (%s)", ct_context_kind_name(finding->context_kind));
	return is_known;
}

/* Where a finding was made, for telling places apart. */
struct place {
	uint64_t fingerprint;
	uint32_t line;
	const char *file;
};

static int by_place(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->fingerprint != b->fingerprint)
		return a->fingerprint < b->fingerprint ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return strcmp(a->file, b->file);
}

/* Several call paths may lead to one line, and several parents or tasks share it: that is one place. */
static int count_places(struct ct_entries *entries, const struct ct_tree *tree, const struct ct_findings *findings)
{
	struct place *places = calloc(findings->count, sizeof(*places));

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < findings->count; i++) {
		const struct ct_finding *finding = &findings->list[i];
		const struct ct_site *site = site_of(tree, finding);
		struct ct_frame frame;
		uint32_t cursor = 0;

		places[i] = (struct place){ finding->fingerprint, 0, "" };
		if (site && ct_frame_next(site, &cursor, &frame))
			places[i] = (struct place){ finding->fingerprint, frame.line, frame.file };
	}
	qsort(places, findings->count, sizeof(*places), by_place);
	for (size_t i = 0; i < findings->count; i++)
		if (!i || by_place(&places[i - 1], &places[i]))
			ct_entries_find(entries, places[i].fingerprint)->places++;
	free(places);
	return 0;
}

int ct_entries_of(struct ct_entries *entries, const struct ct_tree *tree, const struct ct_findings *findings)
{
	struct ct_text site = { 0 };
	int rc = 0;

	for (size_t i = 0; i < findings->count && !rc; i++) {
		const struct ct_finding *finding = &findings->list[i];
		struct ct_entry entry = { .kind = finding->kind,
					  .severity = finding->severity,
					  .fingerprint = finding->fingerprint };

		ct_text_clear(&site);
		entry.is_unknown = !add_site(&site, tree, finding);
		entry.site = site.data;
		rc = site.failed ? -ENOMEM : ct_entries_add(entries, &entry);
	}
	ct_text_done(&site);
	ct_entries_sort(entries);
	if (!rc && findings->count)
		rc = count_places(entries, tree, findings);
	if (rc)
		ct_entries_done(entries);
	return rc;
}

static int for_people(const void *left, const void *right)
{
	const struct ct_entry *a = left, *b = right;
	int order = strcmp(ct_finding_name(a->kind), ct_finding_name(b->kind));

	return order ?: strcmp(a->site, b->site) ?: by_fingerprint(a, b);
}

void ct_entries_render(struct ct_entries *entries, struct ct_text *text)
{
	if (entries->count)
		qsort(entries->list, entries->count, sizeof(*entries->list), for_people);
	ct_text_add(text, CT_BASELINE_HEAD ": findings that are known and no failure; take a line out when it is fixed.\n"
					   "# KIND SEVERITY FINGERPRINT PLACES SITE\n");
	for (size_t i = 0; i < entries->count; i++) {
		const struct ct_entry *entry = &entries->list[i];

		ct_text_addf(text, "%s %s %016" PRIx64 " %" PRIu64 " %s\n", ct_finding_name(entry->kind),
			     ct_severity_name(entry->severity), entry->fingerprint, entry->places, entry->site);
	}
}
