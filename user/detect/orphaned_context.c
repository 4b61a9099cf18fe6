// SPDX-License-Identifier: Apache-2.0
/*
 * orphaned-context: its cancel function exists, but its maker and its request have ended, and it is older than ten
 * times the p99 lifetime of its site. Age is no proof, so this is a suspicion at most, and every doubt is in favour of
 * the program: in Go a collection must have shown that the cancel function really is held (before that the context is
 * `undecided`), what was alive across a gap may have ended unseen, and in a process that has exited every maker is gone.
 */
#include "detect/detector.h"

#define LIFETIMES 10

static bool is_candidate(const struct ct_detect_input *input, const struct ct_context *context)
{
	const uint16_t forbidden = CT_CONTEXT_ADOPTED | CT_CONTEXT_GAP | CT_CONTEXT_ABANDONED | CT_CONTEXT_LOST |
				   CT_CONTEXT_LOST_ONCE | CT_CONTEXT_UNRETAINED | CT_CONTEXT_DEFERRED;

	if (!(context->state & CT_CONTEXT_MAKER_GONE) || context->state & forbidden)
		return false;
	if (context->kind == CT_KIND_AFTER_FUNC || context->site == CT_SITE_UNKNOWN || input->is_weakened)
		return false;
	if (input->window->is_target_gone)
		return false;
	return input->window->runtime != CT_RUNTIME_GO || context->state & CT_CONTEXT_HELD;
}

static bool claims(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	uint64_t usual_ns;

	(void)claim;
	if (!is_candidate(input, context) || !ct_context_is_judged(input, context))
		return false;
	usual_ns = input->lifetime_p99_ns[context->site];
	return usual_ns && ct_context_age(input, context) / LIFETIMES > usual_ns &&
	       !ct_context_is_in_request(input, context);
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	(void)input;
	(void)group;
	finding->severity = CT_SEVERITY_WARNING;
	finding->confidence = CT_CONFIDENCE_SUSPECTED;
	return true;
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	const struct ct_site *site = ct_tree_site(input->tree, group->site);
	struct ct_text *evidence = &sentences->evidence;

	ct_text_add(evidence, group->count > 1 ? "the makers of all " : "the maker of this context has ended");
	if (group->count > 1) {
		ct_text_add_grouped(evidence, group->count);
		ct_text_add(evidence, " have ended");
	}
	ct_text_add(evidence, " and nobody has cancelled since: ");
	ct_text_add(evidence, group->count > 1 ? "the oldest is " : "it is ");
	ct_text_add_duration(evidence, finding->oldest_ns);
	ct_text_add(evidence, " old, while 99% of the ");
	ct_text_add_grouped(evidence, site->ended[CT_REASON_EXPLICIT] + site->ended[CT_REASON_DEADLINE] +
					      site->ended[CT_REASON_PARENT]);
	ct_text_add(evidence, " that ended here lived less than ");
	ct_text_add_duration(evidence, input->lifetime_p99_ns[group->site]);
	ct_text_add(&sentences->advice, "see who holds the cancel function of the context ");
	if (!ct_text_add_place(&sentences->advice, site))
		ct_text_add(&sentences->advice, "of this site");
	ct_text_add(&sentences->advice, " now that its maker is gone, and have them call it");
}

const struct ct_detector ct_detector_orphaned_context = {
	.kind = CT_FINDING_ORPHANED_CONTEXT,
	.claims = claims,
	.judge = judge,
	.explain = explain,
};
