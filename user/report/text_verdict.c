// SPDX-License-Identifier: Apache-2.0
#include "report/text_verdict.h"

#include "ctxtrace/census_groups.h"
#include "report/summary.h"

static bool has_leak(const struct ct_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->list[i].severity == CT_SEVERITY_LEAK)
			return true;
	return false;
}

/* Of contexts that live in a Go program only its memory can say that somebody will cancel them. */
static bool is_unread(const struct ct_tree *tree)
{
	const struct ct_totals *totals = ct_tree_totals(tree);

	if (ct_window_is_census(ct_tree_window(tree)))
		return ct_tree_is_incomplete(tree);
	return ct_tree_window(tree)->runtime == CT_RUNTIME_GO && !totals->scans && (totals->live || totals->failed_scans);
}

/* A census that cannot be sure of every context yet; its own section says of which, and why. */
static bool is_open(const struct ct_tree *tree)
{
	const struct ct_census_groups *groups = ct_tree_census(tree);

	if (!groups)
		return false;
	return groups->totals[CT_CENSUS_UNDECIDED] ||
	       (groups->totals[CT_CENSUS_HELD] && !groups->collections && ct_tree_window(tree)->runtime == CT_RUNTIME_GO);
}

/* What is younger than --min-age is not spoken of, which is no all-clear. */
static void add_young(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	uint64_t lost = snapshot->findings->young_lost;

	if (lost) {
		ct_text_add(text, "no leak found yet, but memory shows ");
		ct_text_add_grouped(text, lost);
		ct_text_add(text, lost == 1 ? " lost context" : " lost contexts");
	} else {
		ct_text_add(text, "no leak found, but nothing was watched");
	}
	ct_text_add(text, lost ? ", not watched for longer than --min-age " : " for longer than --min-age ");
	ct_text_add_duration(text, snapshot->min_age_ns);
	ct_text_add(text, ":\nwatch longer, or give a smaller --min-age\n");
}

/* "no leaks" is a promise: it is given only when nothing was lost and nothing is open. */
void ct_text_add_verdict(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_findings *findings = snapshot->findings;

	if (findings->suppressed) {
		ct_text_add(text, "\n");
		ct_text_add_grouped(text, findings->suppressed);
		ct_text_add(text, findings->suppressed == 1 ? " finding suppressed\n" : " findings suppressed\n");
	}
	if (has_leak(findings) || findings->undecided_count)
		return;
	if (findings->count)
		ct_text_add(text, "\n");
	if (ct_tree_is_incomplete(snapshot->tree) && !ct_window_is_census(ct_tree_window(snapshot->tree)))
		ct_text_add(text, "no leak found, but events were lost: run it again, with a shorter --duration or less load\n");
	else if (is_unread(snapshot->tree))
		ct_text_addf(text, "no leak found, but the target's memory was never read completely%s: nothing is proven\n",
			     ct_tree_totals(snapshot->tree)->scans ? " twice" : "");
	else if (is_open(snapshot->tree))
		ct_text_add(text, "no leak found, but not all is decided: see the census below\n");
	else if (findings->young_lost || ct_window_is_short(snapshot))
		add_young(snapshot, text);
	else
		ct_text_add(text, findings->suppressed ? "no other leaks\n" : "no leaks\n");
}
