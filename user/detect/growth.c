// SPDX-License-Identifier: Apache-2.0
/*
 * Growing: inside the window the newest was made at least a second after the oldest, and the mean creation lies no
 * closer to the oldest than a quarter of the span between the two. A start-up that registers thirty hooks at once, with
 * a straggler later, is not growth; a steady trickle has its mean in the middle. What was made while the probes were
 * being attached counts as made when the window began.
 */
#include "base/time.h"
#include "detect/detector.h"

#define GROWTH_SPAN_NS CT_NSEC_PER_SEC
#define GROWTH_SHARE 4

bool ct_group_is_growing(const struct ct_detect_input *input, const struct ct_group *group)
{
	uint64_t begin_ns = input->window->begin_ns;
	uint64_t first_ns = group->first_ns > begin_ns ? group->first_ns : begin_ns;
	uint64_t mean_ns = begin_ns + group->offset_ms / group->count * CT_NSEC_PER_MSEC;

	if (!input->window->has_begun || group->last_ns < first_ns + GROWTH_SPAN_NS)
		return false;
	return mean_ns >= first_ns + (group->last_ns - first_ns) / GROWTH_SHARE;
}
