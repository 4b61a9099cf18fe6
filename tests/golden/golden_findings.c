// SPDX-License-Identifier: Apache-2.0
#include "golden_findings.h"

#include "ctxtrace/source.h"

#include <inttypes.h>

static void add_site(struct ct_text *text, const struct ct_tree *tree, uint32_t index, uint8_t kind)
{
	const struct ct_site *site = ct_tree_site(tree, index);
	struct ct_frame frame;
	uint32_t cursor = 0;

	if (!site || !ct_frame_next(site, &cursor, &frame)) {
		ct_text_addf(text, " at unknown site (%s)\n", ct_context_kind_name(kind));
		return;
	}
	ct_text_add(text, " at ");
	ct_text_add_escaped(text, frame.function, 80);
	ct_text_addf(text, ":%" PRIu32 "\n", frame.line);
}

static void add_retention(struct ct_text *text, uint8_t bits)
{
	static const char *const names[] = { "parent", "timer", "goroutine" };

	ct_text_add(text, "  retained by");
	for (unsigned int i = 0; i < 3; i++)
		if (bits & 1u << i)
			ct_text_addf(text, " %s", names[i]);
	ct_text_add(text, bits ? "" : " none");
}

static void add_finding(struct ct_text *text, const struct ct_tree *tree, const struct ct_finding *finding)
{
	ct_text_addf(text, "%s %s %s", ct_severity_name(finding->severity), ct_finding_name(finding->kind),
		     ct_confidence_name(finding->confidence));
	ct_text_addf(text, " count %" PRIu64 " live %" PRIu64, finding->count, finding->live);
	add_site(text, tree, finding->site, finding->context_kind);
	add_retention(text, finding->retained_by);
	ct_text_addf(text, ", %" PRIu64 " bytes, oldest %" PRIu64 " ms, %" PRIu64 ".%03" PRIu64 "/min, parent %" PRIu64,
		     finding->retained_bytes, finding->oldest_ns / 1000000, finding->rate_per_min_milli / 1000,
		     finding->rate_per_min_milli % 1000, finding->parent_id);
	ct_text_addf(text, ", fingerprint %016" PRIx64 "\n  examples", finding->fingerprint);
	for (uint32_t i = 0; i < finding->examples_count; i++)
		ct_text_addf(text, " #%" PRIu64, (uint64_t)ct_tree_context(tree, finding->examples[i])->id);
	ct_text_addf(text, "\n  evidence %s\n  do %s\n", finding->evidence, finding->advice);
}

void golden_add_findings(struct ct_text *text, const struct ct_tree *tree, const struct ct_findings *findings)
{
	if (!findings->count)
		ct_text_add(text, "no findings\n");
	for (size_t i = 0; i < findings->count; i++)
		add_finding(text, tree, &findings->list[i]);
	for (size_t i = 0; i < findings->undecided_count; i++) {
		const struct ct_undecided *undecided = &findings->undecided[i];

		ct_text_addf(text, "undecided count %" PRIu64 " oldest %" PRIu64 " ms", undecided->count,
			     undecided->oldest_ns / 1000000);
		add_site(text, tree, undecided->site, undecided->context_kind);
		ct_text_addf(text, "  why %s\n", undecided->why);
	}
	if (findings->suppressed)
		ct_text_addf(text, "suppressed %" PRIu64 "\n", findings->suppressed);
}
