// SPDX-License-Identifier: Apache-2.0
#include "report/baseline.h"
#include "report/json_parts.h"

#include <inttypes.h>
#include <stdio.h>

void ct_json_baseline(struct ct_json *json, const struct ct_baseline *baseline)
{
	struct ct_baseline_entry entry;
	size_t cursor = 0;
	char number[32];

	ct_json_open(json, "baseline", '{');
	for (int mark = CT_BASELINE_KNOWN; mark < CT_BASELINE_END; mark++)
		ct_json_number(json, ct_baseline_mark_name((enum ct_baseline_mark)mark),
			       ct_baseline_count(baseline, (enum ct_baseline_mark)mark));
	ct_json_open(json, "unseen", '[');
	while (ct_baseline_unseen(baseline, &cursor, &entry)) {
		ct_json_open(json, NULL, '{');
		ct_json_string(json, "kind", ct_finding_name(entry.kind));
		ct_json_string(json, "severity", ct_severity_name(entry.severity));
		ct_json_string(json, "site", entry.site);
		snprintf(number, sizeof(number), "%016" PRIx64, entry.fingerprint);
		ct_json_string(json, "fingerprint", number);
		ct_json_close(json, '}');
	}
	ct_json_close(json, ']');
	ct_json_close(json, '}');
}
