// SPDX-License-Identifier: Apache-2.0
#include "report/text_baseline.h"

#include "report/baseline.h"
#include "report/paragraph.h"
#include "report/text_finding.h"

#define UNSEEN_SHOWN 20

static void add_unseen(struct ct_text *text, const struct ct_baseline *baseline, uint64_t count)
{
	struct ct_baseline_entry entry;
	size_t cursor = 0;

	for (int shown = 0; shown < UNSEEN_SHOWN && ct_baseline_unseen(baseline, &cursor, &entry); shown++) {
		ct_text_addf(text, "%*s%s %s  ", CT_LABEL_INDENT, "", ct_severity_name(entry.severity),
			     ct_finding_name(entry.kind));
		ct_text_add_short(text, entry.site, 60);
		ct_text_add(text, "\n");
	}
	if (count > UNSEEN_SHOWN) {
		ct_text_addf(text, "%*sand ", CT_LABEL_INDENT, "");
		ct_text_add_grouped(text, count - UNSEEN_SHOWN);
		ct_text_add(text, " more\n");
	}
}

void ct_text_add_baseline(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_baseline *baseline = snapshot->baseline;
	const char *separator = "\nbaseline  ";
	uint64_t unseen;

	if (!baseline)
		return;
	for (int mark = CT_BASELINE_KNOWN; mark < CT_BASELINE_END; mark++) {
		uint64_t count = ct_baseline_count(baseline, (enum ct_baseline_mark)mark);

		if (!count && mark == CT_BASELINE_WORSE)
			continue;
		ct_text_add(text, separator);
		ct_text_add_grouped(text, count);
		ct_text_addf(text, " %s", ct_baseline_mark_name((enum ct_baseline_mark)mark));
		separator = ", ";
	}
	unseen = ct_baseline_unseen_count(baseline);
	if (unseen) {
		ct_text_add(text, "; ");
		ct_text_add_grouped(text, unseen);
		ct_text_addf(text, " of its lines %s not seen: what is fixed can be taken out",
			     unseen == 1 ? "was" : "were");
	}
	ct_text_add(text, "\n");
	add_unseen(text, baseline, unseen);
}
