// SPDX-License-Identifier: Apache-2.0
#include "report/metrics_leaks.h"

#include <string.h>

const char *ct_function_of(const struct ct_tree *tree, uint32_t index)
{
	const struct ct_site *site = index == CT_SITE_UNKNOWN ? NULL : ct_tree_site(tree, index);
	struct ct_frame frame;
	uint32_t cursor = 0;

	return site && ct_frame_next(site, &cursor, &frame) && *frame.function ? frame.function : "unknown";
}

/* Two sites of one function are one series, and so are two functions that a label shows alike. */
static struct ct_leak_row *row_of(struct ct_leak_rows *rows, struct ct_leak_row *others, const char *function)
{
	char clean[CT_LABEL_ROOM];

	ct_label_clean(clean, function);
	if (!strcmp(clean, others->function))
		return others;
	for (unsigned int i = 0; i < rows->count; i++)
		if (!strcmp(rows->at[i].function, clean))
			return &rows->at[i];
	if (rows->count == CT_METRICS_FUNCTIONS)
		return others;
	memcpy(rows->at[rows->count].function, clean, sizeof(clean));
	return &rows->at[rows->count++];
}

/* The findings come most expensive first, so the first functions are those to name. */
void ct_leak_rows_count(struct ct_leak_rows *rows, const struct ct_snapshot *snapshot)
{
	struct ct_leak_row others = { .function = CT_OTHER_FUNCTIONS };
	const struct ct_findings *findings = snapshot->findings;

	*rows = (struct ct_leak_rows){ 0 };
	for (size_t i = 0; i < findings->count; i++) {
		const struct ct_finding *finding = &findings->list[i];
		struct ct_leak_row *row;

		if (finding->severity != CT_SEVERITY_LEAK || finding->confidence != CT_CONFIDENCE_CONFIRMED ||
		    finding->subject != CT_SUBJECT_CONTEXTS)
			continue;
		row = row_of(rows, &others, ct_function_of(snapshot->tree, finding->site));
		row->contexts += finding->live;
		row->bytes += finding->retained_bytes;
	}
	rows->at[rows->count++] = others;
}
