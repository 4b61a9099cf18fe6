// SPDX-License-Identifier: Apache-2.0
/*
 * deep-chain: contexts that lie more than 64 contexts and links (values, detached) below their root. A context that is
 * derived in each round from that of the round before makes a chain without end: all of it is kept, and every lookup of
 * a value walks it.
 *
 * Deep alone is a hint: twenty middlewares, a recursion. A leak grows without bound, and looks like it: at least every
 * second look finds a longer chain than any before. Recursions reach the same depth again and again; a single one goes
 * down in no time, and comes back. So a chain must have got twice as long as what is deep, over two seconds, in three
 * steps or more, and must not have stopped for long.
 */
#include "base/time.h"
#include "detect/detector.h"

#define GROWN_LENGTH (2 * CT_CHAIN_DEEP)
#define GROWN_NS (2 * CT_NSEC_PER_SEC)
#define GROWN_RISES 3
#define STANDS_NS (10 * CT_NSEC_PER_SEC)

static bool claims(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	if (!ct_tree_is_deep(input->tree, context) || !ct_context_is_judged(input, context))
		return false;
	claim->is_weak = input->is_weakened || input->totals->gaps; // any ancestor's address may be a later context's
	claim->anchor = 1; // one finding for a site: in a chain each has another parent
	return true;
}

static bool is_growing(const struct ct_detect_input *input, const struct ct_chain *chain)
{
	uint64_t grown_ns = chain->last_ns - chain->first_ns;

	return chain->longest >= GROWN_LENGTH && chain->rises >= GROWN_RISES && chain->rises >= chain->looks / 2 &&
	       grown_ns >= GROWN_NS && input->now_ns - chain->last_ns <= grown_ns + STANDS_NS;
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	const struct ct_chain *chain = &ct_tree_site(input->tree, group->site)->chain;

	finding->severity = is_growing(input, chain) ? CT_SEVERITY_LEAK : CT_SEVERITY_HINT;
	return chain->longest;
}

static void advise(const struct ct_detect_input *input, const struct ct_group *group, bool is_leak, struct ct_text *advice)
{
	if (!is_leak) {
		ct_text_add(advice, "each lookup of a value walks the whole chain: keep what belongs together in one value");
		return;
	}
	if (group->site == CT_SITE_UNKNOWN && ct_window_is_census(input->window)) {
		ct_advise_watching(input, advice);
		return;
	}
	ct_text_add(advice, "derive in each round from the context that the loop began with, not from that of the round "
			    "before");
	if (input->window->runtime == CT_RUNTIME_GO)
		ct_text_add(advice, ": ctx := ..., not ctx = ...");
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	const struct ct_chain *chain = &ct_tree_site(input->tree, group->site)->chain;
	struct ct_text *evidence = &sentences->evidence;
	bool is_leak = finding->severity == CT_SEVERITY_LEAK;

	ct_text_add(evidence, "the longest chain of contexts and values to the root has ");
	ct_text_add_grouped(evidence, chain->longest);
	ct_text_add(evidence, " links");
	if (is_leak) {
		ct_text_add(evidence, "; it had ");
		ct_text_add_grouped(evidence, chain->first);
		ct_text_add(evidence, " when first seen and got longer ");
		ct_text_add_grouped(evidence, chain->rises - 1);
		ct_text_add(evidence, " times in ");
		ct_text_add_duration(evidence, chain->last_ns - chain->first_ns);
		ct_text_add(evidence, ", the last time ");
		ct_text_add_moment(evidence, input, chain->last_ns);
	} else {
		ct_text_add(evidence, "; it was not seen to grow without end");
	}
	if (group->is_weak)
		ct_text_add(evidence, "; events were lost, so a parent may be another one than it seems");
	advise(input, group, is_leak, &sentences->advice);
}

const struct ct_detector ct_detector_deep_chain = {
	.kind = CT_FINDING_DEEP_CHAIN,
	.claims = claims,
	.judge = judge,
	.explain = explain,
};
