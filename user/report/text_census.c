// SPDX-License-Identifier: Apache-2.0
#include "report/text_census.h"

#include "report/census_rows.h"
#include "report/paragraph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INDENT 2
#define COUNT_COLUMNS 13 /* "4,000,000,000" */
#define STATE_COLUMNS 10
#define WORDS_COLUMN (INDENT + COUNT_COLUMNS + 1 + STATE_COLUMNS + 2)

static void add_retention(struct ct_text *words, const struct ct_census_part *part)
{
	static const char *const keepers[] = { "parent", "timer", "goroutine" };
	const char *separator = "; kept by ";

	for (int i = 0; i < 3; i++) {
		if (!(part->retained_by & 1 << i))
			continue;
		ct_text_addf(words, "%s%s", separator, keepers[i]);
		separator = ", ";
	}
	if (part->bytes) {
		ct_text_add(words, ", about ");
		ct_text_add_bytes(words, part->bytes);
	}
}

static void add_deadlines(struct ct_text *words, uint64_t now_ns, const struct ct_census_part *part)
{
	struct ct_text first = { 0 }, last = { 0 };

	if (!part->deadline_max_ns)
		return;
	if (part->deadline_max_ns <= now_ns) {
		ct_text_add(words, "; deadline passed");
		return;
	}
	ct_text_add_duration(&first, part->deadline_min_ns > now_ns ? part->deadline_min_ns - now_ns : 0);
	ct_text_add_duration(&last, part->deadline_max_ns - now_ns);
	words->failed |= first.failed || last.failed;
	if (words->failed)
		goto out;
	ct_text_add(words, "; deadline in ");
	if (strcmp(first.data, last.data))
		ct_text_addf(words, "%s to ", first.data);
	ct_text_add(words, last.data);
out:
	ct_text_done(&first);
	ct_text_done(&last);
}

/* Does more than one of its states grow? */
static bool has_states(const struct ct_census_group *group)
{
	unsigned int states = 0;

	for (unsigned int state = 0; state < CT_CENSUS_STATE_END; state++)
		states += state != CT_CENSUS_UNRETAINED && group->parts[state].count;
	return states > 1;
}

/* Growth is the group's, so it is told once, in its first row. */
static bool is_first_of_group(const struct ct_census_row *rows, int at)
{
	for (int i = 0; i < at; i++)
		if (rows[i].group == rows[at].group && rows[i].state != CT_CENSUS_UNRETAINED)
			return false;
	return rows[at].state != CT_CENSUS_UNRETAINED;
}

static void add_row(const struct ct_snapshot *snapshot, const struct ct_census_row *row, bool is_first,
		    struct ct_text *text)
{
	const struct ct_census_groups *groups = ct_tree_census(snapshot->tree);
	const struct ct_census_part *part = &row->group->parts[row->state];
	const char *state = ct_census_state_name(row->state);
	struct ct_text label = { 0 }, words = { 0 };
	struct ct_census_growth growth;

	ct_text_add_grouped(&label, part->count);
	ct_text_addf(text, "%*s", INDENT + (int)(label.length < COUNT_COLUMNS ? COUNT_COLUMNS - label.length : 0), "");
	ct_text_addf(&label, " %s", state ? state : "unknown");
	ct_text_add_census_group(&words, row->group);
	add_retention(&words, part);
	add_deadlines(&words, snapshot->now_ns, part);
	if (is_first && ct_census_growth_of(groups, row->group, &growth) && growth.count) {
		ct_text_add(&words, has_states(row->group) ? "; in all states " : "; ");
		ct_text_add_census_growth(&words, groups, &growth);
	}
	text->failed |= label.failed || words.failed;
	if (!text->failed)
		ct_text_add_paragraph(text, 0, WORDS_COLUMN, label.data, words.data);
	ct_text_done(&label);
	ct_text_done(&words);
}

static void add_rest(const struct ct_census_groups *groups, const struct ct_census_row *rows, int shown, int count,
		     struct ct_text *text)
{
	uint64_t contexts = groups->ungrouped;

	for (int i = shown; i < count; i++)
		contexts += rows[i].group->parts[rows[i].state].count;
	if (!contexts)
		return;
	ct_text_addf(text, "%*s", INDENT, "");
	ct_text_add_grouped(text, contexts);
	ct_text_addf(text, " more in %d smaller groups; -f json has them\n", count - shown);
}

static bool has_lost_hooks(const struct ct_census_groups *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		if (groups->list[i].kind == CT_KIND_AFTER_FUNC && groups->list[i].parts[CT_CENSUS_LOST].count)
			return true;
	return false;
}

/* What a reader could take for a leak and is none, and what cannot be told yet. */
static void add_notes(const struct ct_snapshot *snapshot, const struct ct_census_groups *groups, struct ct_text *text)
{
	if (groups->totals[CT_CENSUS_UNRETAINED])
		ct_text_add_paragraph(text, INDENT, INDENT + STATE_COLUMNS + 2, "unretained",
				      "no cancel function and nothing that keeps them: garbage that waits for the next "
				      "collection, no leak (net/http makes one for a client request)");
	if (has_lost_hooks(groups))
		ct_text_add_paragraph(text, INDENT, INDENT + STATE_COLUMNS + 2, "after_func",
				      "lost: the stop function was dropped, which is right for a shutdown hook and for a "
				      "request's own context; a leak only where they pile up");
	if (groups->totals[CT_CENSUS_UNDECIDED])
		ct_text_add_paragraph(text, INDENT, INDENT + STATE_COLUMNS + 2, "undecided",
				      "no cancel function was found, but in one reading only, or in the middle of a "
				      "change or of a collection: a later reading decides");
	if (groups->totals[CT_CENSUS_HELD] && !groups->collections &&
	    ct_tree_window(snapshot->tree)->runtime == CT_RUNTIME_GO)
		ct_text_add_paragraph(text, INDENT, INDENT + STATE_COLUMNS + 2, "held",
				      "the program has not collected garbage yet, so a dropped cancel function still "
				      "counts as one that exists");
}

int ct_text_add_census(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_census_groups *groups = ct_tree_census(snapshot->tree);
	struct ct_census_row *rows;
	int count = groups ? ct_census_rows(groups, &rows) : 0, shown;

	if (!groups || count < 0)
		return count;
	ct_text_add(text, "\ncensus    by parent, kind and depth; ");
	ct_text_add_bytes(text, groups->read_bytes);
	ct_text_add(text, " read");
	if (ct_tree_window(snapshot->tree)->runtime == CT_RUNTIME_GO) {
		ct_text_add(text, ", ");
		ct_text_add_grouped(text, groups->collections);
		ct_text_add(text, groups->collections == 1 ? " collection so far" : " collections so far");
	}
	ct_text_add(text, "\n");
	shown = count <= CT_CENSUS_LINES_MAX ? count : CT_CENSUS_LINES_MAX;
	for (int i = 0; i < shown; i++)
		add_row(snapshot, &rows[i], is_first_of_group(rows, i), text);
	add_rest(groups, rows, shown, count, text);
	add_notes(snapshot, groups, text);
	free(rows);
	return 0;
}
