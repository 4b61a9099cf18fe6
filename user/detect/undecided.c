// SPDX-License-Identifier: Apache-2.0
/*
 * Undecided: Go contexts that are old, not cancelled, and whose maker is gone, but whose cancel function may only look
 * held because no collection has taken it yet. They are no finding, and while there are any nobody may say "no leaks".
 * C libraries tell the loss themselves, so there is nothing to decide.
 *
 * The same registrations that unstopped_after_func.c accepts as correct code are accepted here: see
 * ct_undecided_is_told().
 */
#include "detect/detector.h"
#include "detect/undecided.h"

#include <string.h>

#define AFTER_FUNCS_MIN 20

static bool claims(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	const uint16_t settled =
		CT_CONTEXT_LOST | CT_CONTEXT_UNRETAINED | CT_CONTEXT_ABANDONED | CT_CONTEXT_HELD | CT_CONTEXT_DEFERRED;

	(void)claim;
	if (input->window->runtime != CT_RUNTIME_GO || !(context->state & CT_CONTEXT_MAKER_GONE))
		return false;
	return !(context->state & settled) && ct_context_is_judged(input, context) &&
	       !ct_context_is_ending(input, context);
}

const struct ct_detector ct_detector_undecided = {
	.kind = CT_FINDING_END,
	.claims = claims,
};

bool ct_undecided_is_told(const struct ct_group *group)
{
	return group->context_kind != CT_KIND_AFTER_FUNC || group->count >= AFTER_FUNCS_MIN;
}

static void explain_reading(const struct ct_detect_input *input, struct ct_text *why)
{
	if (input->totals->failed_scans)
		ct_text_add(why, "the target's memory could not be read completely, so it is not known whether their "
				 "cancel functions still exist");
	else
		ct_text_add(why, "the target's memory was not read, so it is not known whether their cancel functions "
				 "still exist");
}

static void explain_collection(const struct ct_detect_input *input, struct ct_text *why)
{
	uint64_t last_ns = input->window->last_collection_ns;

	ct_text_add(why, "a dropped cancel function exists until the next garbage collection, and ");
	if (!last_ns)
		ct_text_add(why, "none was seen");
	else {
		ct_text_add(why, "the last one seen ended by ");
		ct_text_add_moment(why, input, last_ns);
	}
	if (input->window->is_target_gone)
		ct_text_add(why, "; the target has exited: to decide, call runtime.GC() a few seconds before its end");
	else
		ct_text_addf(why, "; to decide at once, stop the target for a moment: ctxtrace census -p %u --stop; or let it "
				  "run until one has begun and ended and its memory was read twice after it",
			     input->window->pid);
}

void ct_undecided_explain(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *why)
{
	if (!input->totals->scans)
		explain_reading(input, why);
	else if (group->guarded == group->count)
		ct_text_add(why, "no cancel function was found, but its pointer is on a goroutine's stack or the memory "
				 "around it was being collected: run the target until a later reading is sure");
	else if (group->seen_once == group->count)
		ct_text_add(why, "lost in the last reading of the memory; a second reading that agrees is missing: "
				 "watch a few seconds longer");
	else
		explain_collection(input, why);
}
