// SPDX-License-Identifier: Apache-2.0
/* What lost-cancel and leaked-timer have in common: how bad a loss is, and the sentences that tell it. */
#include "detect/detector.h"

bool ct_site_has_losses(const struct ct_detect_input *input, uint32_t index, enum ct_loss loss,
			struct ct_claim *claim)
{
	const struct ct_losses *ended = &ct_tree_site(input->tree, index)->losses[loss];

	claim->ended = ended;
	claim->is_weak = input->is_weakened && input->window->runtime != CT_RUNTIME_GO; // see ct_context_is_lost()
	return ended->count;
}

static uint64_t losses_of(const struct ct_group *group)
{
	return group->count + group->ended.count;
}

enum ct_severity ct_loss_severity(const struct ct_detect_input *input, const struct ct_group *group)
{
	const struct ct_site *site = ct_tree_site(input->tree, group->site);
	bool is_made_again = group->count && group->site != CT_SITE_UNKNOWN && site && site->created > 1;

	if (!(group->retained_by | group->ended.retained_by))
		return CT_SEVERITY_WARNING;
	return losses_of(group) > 1 || is_made_again ? CT_SEVERITY_LEAK : CT_SEVERITY_WARNING;
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

/* "all ended later, with their parent or at their deadline" */
static void add_ends(const struct ct_group *group, struct ct_text *text)
{
	bool is_one = group->ended.count == 1;
	const struct {
		uint8_t reason;
		const char *one, *several;
	} ways[] = {
		{ CT_REASON_PARENT, "with its parent", "with their parent" },
		{ CT_REASON_DEADLINE, "at its deadline", "at their deadline" },
		{ CT_REASON_FREED, "when it was freed", "when they were freed" },
	};
	const char *separator = ", ";

	ct_text_add(text, is_one ? "it ended later" : "all ended later");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (!(group->ended.reasons & 1u << ways[i].reason))
			continue;
		ct_text_addf(text, "%s%s", separator, is_one ? ways[i].one : ways[i].several);
		separator = " or ";
	}
}

/* Who keeps those that live; some may have ended. */
static void add_kept(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	bool is_one = group->count == 1;

	if (!group->ended.count)
		ct_text_add(text, is_one ? "it is" : "they are");
	else {
		ct_text_add_grouped(text, group->ended.count);
		ct_text_add(text, group->ended.count == 1 ? " of them has" : " of them have");
		ct_text_add(text, is_one ? " ended since, the other is" : " ended since, the others are");
	}
	ct_text_add(text, " kept by ");
	add_keeper(input, group, text);
}

static void explain_go(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	bool is_one = losses_of(group) == 1;

	if (is_one)
		ct_text_add(text, "it was never cancelled");
	else {
		ct_text_add(text, "none of ");
		ct_text_add_grouped(text, losses_of(group));
		ct_text_add(text, " was ever cancelled");
	}
	ct_text_addf(text, "%s and no cancel function for %s %s any more", group->ended.count ? " by its owner" : "",
		     is_one ? "it" : "any of them", group->count ? "exists" : "existed");
	if (!group->count) {
		ct_text_add(text, " (memory read twice); ");
		add_ends(group, text);
		return;
	}
	ct_text_add(text, "; ");
	add_kept(input, group, text);
	if (input->window->stopped_ns) {
		ct_text_add(text, " (memory read while the program stood still, ");
		ct_text_add_moment(text, input, input->window->stopped_ns);
	} else {
		ct_text_add(text, " (memory read twice, last ");
		ct_text_add_moment(text, input, input->window->last_scan_ns);
	}
	ct_text_add(text, ")");
	if (group->across_gap)
		ct_text_add(text, "; events were lost: the site may be that of an earlier one at the same address");
}

static void explain_c(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	if (losses_of(group) == 1)
		ct_text_add(text, "its last user reference");
	else {
		ct_text_add(text, "the last user reference of each of ");
		ct_text_add_grouped(text, losses_of(group));
	}
	ct_text_add(text, " was dropped without cancel; ");
	if (group->count)
		add_kept(input, group, text);
	else
		add_ends(group, text);
	if (group->is_weak)
		ct_text_add(text, "; events were lost since, so an end may have been missed");
}

void ct_explain_loss(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	uint64_t made = group->site == CT_SITE_UNKNOWN ? 1 : ct_tree_site(input->tree, group->site)->created;

	if (input->window->runtime == CT_RUNTIME_GO)
		explain_go(input, group, text);
	else
		explain_c(input, group, text);
	if (ct_loss_severity(input, group) == CT_SEVERITY_LEAK)
		return;
	if (made > 1) {
		ct_text_add(text, "; it is the only one of ");
		ct_text_add_grouped(text, made);
		ct_text_add(text, " made here");
	} else {
		ct_text_add(text, "; its site has made only this one");
	}
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

void ct_advise_watching(const struct ct_detect_input *input, struct ct_text *text)
{
	ct_text_addf(text, "memory does not tell where: watch the process, and the site is named as soon as it makes more: "
			   "ctxtrace -p %u", input->window->pid);
}

void ct_advise_loss(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	const struct ct_site *site = ct_tree_site(input->tree, group->site);
	bool is_go = input->window->runtime == CT_RUNTIME_GO;

	if (group->site == CT_SITE_UNKNOWN && ct_window_is_census(input->window)) {
		ct_advise_watching(input, text);
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
