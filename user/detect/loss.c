// SPDX-License-Identifier: Apache-2.0
/* What lost-cancel and leaked-timer have in common: how bad a loss is, and the sentences that tell it. */
#include "detect/detector.h"

enum ct_severity ct_loss_severity(const struct ct_detect_input *input, const struct ct_group *group)
{
	const struct ct_site *site = ct_tree_site(input->tree, group->site);
	bool is_repeated = group->count > 1 || (group->site != CT_SITE_UNKNOWN && site && site->created > 1);

	return group->retained_by && is_repeated ? CT_SEVERITY_LEAK : CT_SEVERITY_WARNING;
}

static void add_keeper(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	const struct ct_context *parent =
		group->has_parents ? NULL : ct_tree_context(input->tree, group->parent);
	const char *separator = "";

	if (group->retained_by & CT_RETAINED_TIMER) {
		ct_text_add(text, group->count > 1 ? "their armed timers" : "its armed timer");
		separator = " and ";
	}
	if (group->retained_by & CT_RETAINED_GOROUTINE) {
		ct_text_addf(text, "%s%s", separator,
			     group->count > 1 ? "goroutines that wait for the parent" :
						"a goroutine that waits for the parent");
		separator = " and ";
	}
	if (!(group->retained_by & CT_RETAINED_PARENT))
		return;
	ct_text_addf(text, "%s%s", separator, group->count == 1 ? "its live parent" :
					      group->has_parents ? "their live parents" :
								   "their one live parent");
	if (parent && parent->state & CT_CONTEXT_ADOPTED)
		ct_text_add(text, ", made before the attach");
	else if (parent && parent->site != CT_SITE_UNKNOWN) {
		ct_text_add(text, " ");
		if (!ct_text_add_place(text, ct_tree_site(input->tree, parent->site)))
			ct_text_add(text, "(site without names)");
	}
}

static void explain_go(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	if (group->count == 1)
		ct_text_add(text, "it was never cancelled and no cancel function for it exists any more; ");
	else {
		ct_text_add(text, "none of ");
		ct_text_add_grouped(text, group->count);
		ct_text_add(text, " was ever cancelled and no cancel function for any of them exists any more; ");
	}
	ct_text_add(text, group->count == 1 ? "it is kept by " : "they are kept by ");
	add_keeper(input, group, text);
	ct_text_add(text, " (memory read twice, last ");
	ct_text_add_moment(text, input, input->window->last_scan_ns);
	ct_text_add(text, ")");
	if (group->across_gap)
		ct_text_add(text, "; events were lost: the site may be that of an earlier one at the same address");
}

static void explain_c(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	if (group->count == 1)
		ct_text_add(text, "its last user reference was dropped without cancel; it is kept by ");
	else {
		ct_text_add(text, "the last user reference of each of ");
		ct_text_add_grouped(text, group->count);
		ct_text_add(text, " was dropped without cancel; they are kept by ");
	}
	add_keeper(input, group, text);
	if (group->is_weak)
		ct_text_add(text, "; events were lost since, so an end may have been missed");
}

void ct_explain_loss(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	const struct ct_context *example = ct_tree_context(input->tree, group->examples[0]);

	if (example && example->state & CT_CONTEXT_LOST)
		explain_go(input, group, text);
	else
		explain_c(input, group, text);
	if (ct_loss_severity(input, group) != CT_SEVERITY_LEAK)
		ct_text_add(text, "; its site has made only this one");
}

/* Nobody saw them made, but one site goes on doing the same to the same parent. Two would be a guess. */
static bool add_twin(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	const struct ct_site *site = ct_tree_site(input->tree, group->twin_site);

	if (group->site != CT_SITE_UNKNOWN || group->twin_site == CT_SITE_UNKNOWN || group->in_window || !site ||
	    !site->frames)
		return false;
	ct_text_add(text, "probably ");
	ct_text_add_place(text, site);
	ct_text_add(text, ", where the same parent has got ");
	ct_text_add_grouped(text, group->twins);
	ct_text_add(text, " more since the attach: ");
	ct_text_add(text, input->window->runtime == CT_RUNTIME_GO ?
				  "call the cancel function when the call ends: defer cancel()" :
				  "cancel the context before its last reference is dropped, on every path");
	return true;
}

void ct_advise_loss(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	const struct ct_site *site = ct_tree_site(input->tree, group->site);
	bool is_go = input->window->runtime == CT_RUNTIME_GO;

	if (group->site == CT_SITE_UNKNOWN && ct_window_is_census(input->window)) {
		ct_text_addf(text, "memory does not tell where: watch the process, and the site is named as soon as it "
				   "makes more: ctxtrace -p %u", input->window->pid);
		return;
	}
	if (add_twin(input, group, text))
		return;
	if (group->site == CT_SITE_UNKNOWN || !site || !site->frames) {
		ct_text_addf(text, "nobody saw where %s made: attach before that (ctxtrace run) to learn the site",
			     group->count > 1 ? "they were" : "it was");
		return;
	}
	ct_text_add(text, is_go ? "call the cancel function " : "cancel the context ");
	ct_text_add_place(text, site);
	ct_text_add(text, is_go ? " when the call ends: defer cancel()" :
				  " before its last reference is dropped, on every path");
}
