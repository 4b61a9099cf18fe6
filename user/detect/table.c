// SPDX-License-Identifier: Apache-2.0
#include "detect/detector.h"

#include <string.h>

const struct ct_detector *const ct_detectors[CT_DETECTORS] = {
	[CT_FINDING_LOST_CANCEL] = &ct_detector_lost_cancel,
	[CT_FINDING_LEAKED_TIMER] = &ct_detector_leaked_timer,
	[CT_FINDING_DEFER_IN_LOOP] = &ct_detector_defer_in_loop,
	[CT_FINDING_UNSTOPPED_AFTER_FUNC] = &ct_detector_unstopped_after_func,
	[CT_FINDING_ORPHANED_CONTEXT] = &ct_detector_orphaned_context,
	[CT_FINDING_OUTLIVES_REQUEST] = &ct_detector_outlives_request,
	[CT_FINDING_IGNORED_CANCEL] = &ct_detector_ignored_cancel,
	[CT_FINDING_UNBOUNDED_REQUEST] = &ct_detector_unbounded_request,
	[CT_FINDING_STALE_PARENT] = &ct_detector_stale_parent,
	[CT_FINDING_TODO_ROOT] = &ct_detector_todo_root,
	[CT_FINDING_BACKGROUND_IN_REQUEST] = &ct_detector_background_in_request,
	[CT_FINDING_DEEP_CHAIN] = &ct_detector_deep_chain,
	[CT_FINDING_END] = &ct_detector_undecided,
};

static const char *const finding_names[CT_FINDING_END] = {
#define FINDING_NAME(name, text) [CT_FINDING_##name] = (text),
	CT_FINDING_CATALOGUE(FINDING_NAME)
#undef FINDING_NAME
};

const char *ct_finding_name(enum ct_finding_kind kind)
{
	return (unsigned int)kind < CT_FINDING_END ? finding_names[kind] : "unknown";
}

bool ct_finding_kind_from_name(const char *name, enum ct_finding_kind *ret_kind)
{
	for (int kind = 0; kind < CT_FINDING_END; kind++) {
		if (strcmp(name, finding_names[kind]) == 0) {
			*ret_kind = (enum ct_finding_kind)kind;
			return true;
		}
	}
	return false;
}

const char *ct_baseline_mark_name(enum ct_baseline_mark mark)
{
	static const char *const names[CT_BASELINE_END] = { NULL, "known", "new", "worse" };

	return names[mark];
}

bool ct_finding_fails(const struct ct_finding *finding, uint32_t kinds)
{
	if (finding->confidence != CT_CONFIDENCE_CONFIRMED || finding->baseline == CT_BASELINE_KNOWN)
		return false;
	if (kinds & CT_KINDS_LEAK && finding->severity == CT_SEVERITY_LEAK)
		return true;
	return kinds & (CT_KINDS_ANY | 1u << finding->kind);
}

const char *ct_severity_name(enum ct_severity severity)
{
	switch (severity) {
	case CT_SEVERITY_LEAK:
		return "leak";
	case CT_SEVERITY_WARNING:
		return "warning";
	default:
		return "hint";
	}
}

const char *ct_confidence_name(enum ct_confidence confidence)
{
	return confidence == CT_CONFIDENCE_CONFIRMED ? "confirmed" : "suspected";
}
