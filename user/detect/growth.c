// SPDX-License-Identifier: Apache-2.0
/*
 * Growing: the oldest was made inside the window, the newest at least a second after it, and the mean creation lies no
 * closer to the oldest than a quarter of the span between the two. A start-up that registers thirty hooks at once, with
 * a straggler later, is not growth; a steady trickle has its mean in the middle.
 */
#include "base/time.h"
#include "detect/detector.h"

#define GROWTH_SPAN_NS CT_NSEC_PER_SEC
#define GROWTH_SHARE 4

bool ct_group_is_growing(const struct ct_detect_input *input, const struct ct_group *group)
{
	uint64_t begin_ns = input->window->begin_ns;
	uint64_t span_ns = group->last_ns - group->first_ns;
	uint64_t mean_ns = begin_ns + group->offset_ms / group->count * CT_NSEC_PER_MSEC;

	if (!input->window->has_begun || group->first_ns < begin_ns || span_ns < GROWTH_SPAN_NS)
		return false;
	return mean_ns >= group->first_ns + span_ns / GROWTH_SHARE;
}
