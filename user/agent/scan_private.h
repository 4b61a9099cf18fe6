// SPDX-License-Identifier: Apache-2.0
/* One reading on its way into the stream: shared by scan.c, which makes it, and scan_compare.c, which says what is new. */
#pragma once

#include "agent/scan.h"

/* What one scan needs while it runs. */
struct ct_reading {
	struct ct_scanner *scanner;
	struct ct_pipeline *pipeline;
	struct ct_census_result result;
	ct_scan_breathe drain;
	void *opaque;
	struct ct_ended_list ended, ended_tasks; /* since it began */
	uint64_t breathed_ns;
	bool tells_all; /* the live contexts the tree does not know, too */
	int error;
	struct ct_retelling *retelling; /* of a recorded reading; NULL: this one is live */
};

/** Of the event at hand: now, or when the recording had one. */
uint64_t ct_reading_event_time(struct ct_reading *reading);

/** An event into the pipeline, unless one failed before: then nothing. */
void ct_reading_push(struct ct_reading *reading, const void *event, size_t bytes);

/** Drain the stream when some time has passed. */
void ct_reading_breathe(void *opaque);

/** Tell what differs: strangers first, then what the tree has. Sets what the scanner goes by afterwards. */
void ct_reading_compare(struct ct_reading *reading);
