// SPDX-License-Identifier: Apache-2.0
/* The text of what memory explains: chains as one sentence, goroutines as a list. */
#include "report/explain.h"
#include "report/paragraph.h"
#include "report/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define LABEL_INDENT 2
#define LABEL_COLUMN 12
#define NAME_COLUMNS 60
#define PLACE_COLUMN 64
#define HELD_SHOWN 5
#define CHAINS_SHOWN 3
#define GROUPS_SHOWN 8

static void add_name(struct ct_text *words, const char *name)
{
	ct_text_add_short(words, ct_base_name(name), NAME_COLUMNS);
}

/* "main.serve (main.go:33)" */
static void add_frame(const struct ct_snapshot *snapshot, struct ct_text *words, uint32_t site)
{
	struct ct_frame frame;

	if (!ct_site_main_frame(snapshot, site, &frame)) {
		ct_text_add(words, "a function that could not be named");
		return;
	}
	add_name(words, frame.function);
	if (!*frame.file)
		return;
	ct_text_add(words, " (");
	ct_text_add_short(words, ct_base_name(frame.file), 30);
	ct_text_addf(words, ":%" PRIu32 ")", frame.line);
}

static void add_entries(struct ct_text *words, const char *what, uint64_t entries)
{
	ct_text_addf(words, "a %s of ", what);
	ct_text_add_grouped(words, entries);
}

static void add_hop(const struct ct_snapshot *snapshot, struct ct_text *words, const struct ct_held_hop *hop)
{
	switch (hop->kind) {
	case CT_HOLDER_GLOBAL:
		ct_text_add(words, "global ");
		add_name(words, hop->name);
		break;
	case CT_HOLDER_STACK:
		ct_text_addf(words, "goroutine %" PRIu64 " in ", hop->task);
		add_frame(snapshot, words, hop->site);
		break;
	case CT_HOLDER_DEFERRED:
		ct_text_add(words, "deferred in ");
		add_frame(snapshot, words, hop->site);
		ct_text_addf(words, ", goroutine %" PRIu64, hop->task);
		break;
	case CT_HOLDER_CLOSURE:
		ct_text_add(words, "closure ");
		add_name(words, *hop->name ? hop->name : "without a name");
		break;
	case CT_HOLDER_MAP:
		add_entries(words, "map", hop->entries);
		break;
	case CT_HOLDER_CHANNEL:
		add_entries(words, "channel", hop->entries);
		break;
	default:
		ct_text_addf(words, "an object of %" PRIu64 " B", hop->object_bytes);
		break;
	}
}

static void add_chain(const struct ct_snapshot *snapshot, struct ct_text *words, const struct ct_held_group *group,
		      const struct ct_held_chain *chain)
{
	if (chain->count == group->sampled && group->sampled == group->count) {
		ct_text_add(words, group->count == 1 ? "" : "all: ");
	} else {
		ct_text_add_grouped(words, chain->count);
		ct_text_add(words, " of ");
		ct_text_add_grouped(words, group->sampled);
		ct_text_add(words, " asked about: ");
	}
	for (unsigned int i = 0; i < chain->hops_count; i++) {
		ct_text_add(words, i ? " <- " : "");
		add_hop(snapshot, words, &chain->hops[i]);
	}
	if (!chain->hops_count)
		ct_text_add(words, chain->is_cut ? "not found before the search was cut short" :
						   "nothing that was found: garbage not collected yet, or in use just now");
	else if (chain->is_cut)
		ct_text_add(words, " <- and so on, not followed further");
	else if (chain->hops[chain->hops_count - 1].kind > CT_HOLDER_DEFERRED)
		ct_text_add(words, " <- nothing that was found: garbage not collected yet, or in use just now");
}

static void add_chains(const struct ct_snapshot *snapshot, struct ct_text *text, const struct ct_held_group *group)
{
	struct ct_text words = { 0 };

	for (size_t i = 0; i < group->chains_count && i < CHAINS_SHOWN; i++) {
		add_chain(snapshot, &words, group, &group->chains[i]);
		ct_text_add_paragraph(text, LABEL_INDENT, LABEL_COLUMN, i ? "" : "held by", words.data ? words.data : "");
		text->failed |= words.failed;
		ct_text_clear(&words);
	}
	if (group->chains_count > CHAINS_SHOWN) {
		ct_text_addf(&words, "and %zu rarer ways: -f json", group->chains_count - CHAINS_SHOWN);
		ct_text_add_paragraph(text, LABEL_INDENT, LABEL_COLUMN, "", words.data ? words.data : "");
		text->failed |= words.failed;
	}
	ct_text_done(&words);
}

void ct_text_add_held(const struct ct_snapshot *snapshot, struct ct_text *text, uint32_t site, uint8_t kind)
{
	size_t count;
	const struct ct_held_group *groups = ct_tree_held(snapshot->tree, &count);

	for (size_t i = 0; i < count; i++) {
		if (groups[i].site != site || groups[i].kind != kind)
			continue;
		add_chains(snapshot, text, &groups[i]);
		return;
	}
}

static void add_held(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	size_t count;
	const struct ct_held_group *groups = ct_tree_held(snapshot->tree, &count);

	for (size_t i = 0; i < count && i < HELD_SHOWN; i++) {
		const struct ct_held_group *group = &groups[i];

		ct_text_add(text, "\nheld: ");
		ct_text_add_grouped(text, group->count);
		ct_text_addf(text, " of kind %s, ", ct_context_kind_name(group->kind));
		if (group->has_parents)
			ct_text_add(text, group->count == 1 ? "with a parent" : "with different parents");
		else if (group->parent)
			ct_text_addf(text, "below #%" PRIu64, group->parent);
		else
			ct_text_add(text, "at the root");
		ct_text_add(text, ": not cancelled, and their cancel functions exist\n");
		add_chains(snapshot, text, group);
	}
	if (count > HELD_SHOWN)
		ct_text_addf(text, "\n%zu more groups of held contexts: -f json\n", count - HELD_SHOWN);
}

static void add_line(struct ct_text *text, const char *label, struct ct_text *words)
{
	text->failed |= words->failed;
	if (words->data && words->length)
		ct_text_add_paragraph(text, LABEL_INDENT, LABEL_COLUMN, label, words->data);
	ct_text_clear(words);
}

static void add_relation(struct ct_text *words, uint64_t count, const char *one, const char *many)
{
	if (!count)
		return;
	ct_text_add(words, words->length ? ", " : "");
	ct_text_add_grouped(words, count);
	ct_text_add(words, count == 1 ? one : many);
}

static void add_relations(struct ct_text *words, const struct ct_goroutine_group *group)
{
	add_relation(words, group->waits_lost, " waits for a context that is lost", " wait for a context that is lost");
	add_relation(words, group->waits_live, " waits for a live context", " wait for a live context");
	add_relation(words, group->refers_cancelled, " refers to a cancelled context", " refer to a cancelled context");
	add_relation(words, group->refers_lost, " refers to a lost context", " refer to a lost context");
	add_relation(words, group->refers_live, " refers to a live context", " refer to a live context");
}

static void add_group(const struct ct_snapshot *snapshot, struct ct_text *text, const struct ct_goroutine_group *group)
{
	struct ct_text label = { 0 }, words = { 0 };
	bool is_known = group->at != CT_SITE_UNKNOWN;

	ct_text_add_grouped(&label, group->count);
	ct_text_add_short(&words, group->state, 20);
	if (*group->reason) {
		ct_text_add(&words, " (");
		ct_text_add_short(&words, group->reason, 40);
		ct_text_add(&words, ")");
	}
	if (group->longest_ns) {
		ct_text_add(&words, " for at least ");
		ct_text_add_duration(&words, group->longest_ns);
	}
	ct_text_add(&words, is_known ? " in " : ", entry ");
	add_frame(snapshot, &words, is_known ? group->at : group->entry);
	text->failed |= label.failed;
	add_line(text, label.data ? label.data : "", &words);
	if (group->created != CT_SITE_UNKNOWN) {
		ct_text_add(&words, "started by ");
		add_frame(snapshot, &words, group->created);
		add_line(text, "", &words);
	}
	add_relations(&words, group);
	add_line(text, "", &words);
	ct_text_done(&label);
	ct_text_done(&words);
}

static void add_heading(const struct ct_snapshot *snapshot, struct ct_text *text, size_t groups)
{
	const struct ct_goroutine_totals *totals = ct_tree_goroutine_totals(snapshot->tree);

	ct_text_add(text, "\ngoroutines: ");
	ct_text_add_grouped(text, totals->seen);
	ct_text_add(text, " in ");
	ct_text_add_grouped(text, groups);
	ct_text_add(text, groups == 1 ? " group, and " : " groups, and ");
	ct_text_add_grouped(text, totals->system);
	ct_text_add(text, " of the runtime\n");
}

int ct_text_add_explain(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_goroutine_totals *totals = ct_tree_goroutine_totals(snapshot->tree);
	bool is_census = ct_window_is_census(ct_tree_window(snapshot->tree));
	const struct ct_goroutine_group **order;
	size_t count, shown = 0;

	if (is_census)
		add_held(snapshot, text);
	if (!totals->seen && !totals->system)
		return 0;
	order = ct_goroutine_order(snapshot, &count);
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < count && shown < GROUPS_SHOWN; i++) {
		if (!is_census && !order[i]->waits_lost)
			break; // they come first
		if (!shown++)
			add_heading(snapshot, text, count);
		add_group(snapshot, text, order[i]);
	}
	if (is_census && count > shown)
		ct_text_addf(text, "  and %zu more groups: -f json\n", count - shown);
	free(order);
	return 0;
}
