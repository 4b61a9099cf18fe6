// SPDX-License-Identifier: Apache-2.0
/*
 * Growing: the newest was made inside the window, at least a second after the oldest, and the mean creation lies no
 * closer to the oldest than a quarter of the span between the two. A start-up that registers thirty hooks at once, with
 * a straggler later, is not growth; a steady trickle has its mean in the middle.
 */
#include "base/time.h"
#include "detect/detector.h"

#define GROWTH_SPAN_NS CT_NSEC_PER_SEC
#define GROWTH_SHARE 4

uint64_t ct_group_first_ns(const struct ct_detect_input *input, const struct ct_group *group)
{
	uint64_t begin_ns = input->window->begin_ns;

	return group->first_ns > begin_ns ? group->first_ns : begin_ns;
}

bool ct_group_is_growing(const struct ct_detect_input *input, const struct ct_group *group)
{
	uint64_t first_ns = ct_group_first_ns(input, group);
	uint64_t mean_ns = input->window->begin_ns + group->offset_ms / group->count * CT_NSEC_PER_MSEC;

	if (!input->window->has_begun || group->last_ns < first_ns + GROWTH_SPAN_NS)
		return false;
	return mean_ns >= first_ns + (group->last_ns - first_ns) / GROWTH_SHARE;
}

bool ct_group_grows_by_readings(const struct ct_detect_input *input, const struct ct_group *group)
{
	return ct_window_is_census(input->window) && group->middle_ns && !input->totals->refused_contexts;
}

void ct_text_add_growth_by_readings(struct ct_text *text, const struct ct_group *group)
{
	ct_text_add(text, "they get more: from ");
	ct_text_add_grouped(text, group->oldest);
	ct_text_add(text, " to ");
	ct_text_add_grouped(text, group->count);
	ct_text_add(text, " in ");
	ct_text_add_duration(text, group->last_ns - group->first_ns);
}
