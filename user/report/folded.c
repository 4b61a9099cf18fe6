// SPDX-License-Identifier: Apache-2.0
/* One line a finding, as flame graph programs read it: the stack, outermost frame first, and how many it speaks of. */
#include "base/text.h"
#include "ctxtrace/report.h"

#include <inttypes.h>

#define FRAMES_MAX 256 /* of a stack, inlined ones too; what called the outermost is left out */

/* `;` parts frames and a blank the number: in a name they are written as control characters are. */
static void add_name(struct ct_text *text, const char *name)
{
	struct ct_text safe = { 0 };

	ct_text_add_escaped(&safe, name, SIZE_MAX);
	for (size_t i = 0; i < safe.length; i++) {
		if (safe.data[i] == ';' || safe.data[i] == ' ')
			ct_text_addf(text, "\\x%02x", safe.data[i]);
		else
			ct_text_append(text, &safe.data[i], 1);
	}
	if (!safe.length)
		ct_text_add(text, "[unknown]");
	text->failed |= safe.failed;
	ct_text_done(&safe);
}

static void add_stack(struct ct_text *text, const struct ct_site *site)
{
	struct ct_frame frames[FRAMES_MAX];
	uint32_t cursor = 0, count = 0;

	while (site && count < FRAMES_MAX && ct_frame_next(site, &cursor, &frames[count]))
		count++;
	if (!count)
		add_name(text, "");
	while (count) {
		add_name(text, frames[--count].function);
		ct_text_add(text, count ? ";" : "");
	}
}

static int write_folded(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	for (size_t i = 0; i < snapshot->findings->count; i++) {
		const struct ct_finding *finding = &snapshot->findings->list[i];

		add_stack(text, ct_tree_site(snapshot->tree, finding->site));
		ct_text_addf(text, " %" PRIu64 "\n", finding->count);
	}
	return 0;
}

const struct ct_reporter ct_reporter_folded = {
	.name = "folded",
	.describe = "a line a finding for flame graphs",
	.write = write_folded,
};
