// SPDX-License-Identifier: Apache-2.0
/*
 * Streams for the detectors' unit tests, told in calls: each helper makes one event and applies it to the story's tree.
 * Whole stories with their reports are golden cases (tests/golden); these are for bounds and failures.
 */
#pragma once

#include "base/time.h"
#include "ctxtrace/detect.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

/** A tree and the time in it. */
struct story {
	struct ct_tree *tree;
	uint64_t now_ns;
	uint32_t scans;
};

#define STORY_BEGIN_NS (1000 * CT_NSEC_PER_SEC)
#define STORY_ROOT UINT64_C(0x1000)
#define STORY_MIN_AGE_NS (10 * CT_NSEC_PER_SEC)

static inline void story_apply(struct story *story, void *event, uint8_t type, size_t bytes)
{
	struct ct_event_header *header = event;
	struct ct_event view = { .header = header, .bytes = bytes };

	header->type = type;
	header->time_ns = story->now_ns;
	assert_int_equal(ct_tree_apply(story->tree, &view, NULL), 0);
}

static inline void story_mark(struct story *story, uint8_t type)
{
	struct ct_event_mark event = { 0 };

	story_apply(story, &event, type, sizeof(event));
}

/** A window over a target of this runtime opens. */
static inline void story_begin(struct story *story, uint8_t runtime)
{
	struct {
		struct ct_event_target target;
		char strings[8];
	} target = { .target = { .pid = 1, .runtime = runtime, .strings_bytes = 3 } };
	struct ct_event_begin begin = { .wall_clock_ns = 1 };
	struct ct_tree_options options = { .lost_age_ns = STORY_MIN_AGE_NS };

	*story = (struct story){ .tree = ct_tree_new(&ct_allocator_libc, &options), .now_ns = STORY_BEGIN_NS };
	assert_non_null(story->tree);
	story_apply(story, &target, CT_EVENT_TARGET, sizeof(target.target) + 3);
	story_apply(story, &begin, CT_EVENT_BEGIN, sizeof(begin));
}

/** A site of one frame. */
static inline void story_site(struct story *story, uint32_t path, const char *function, uint32_t line, uint8_t flags)
{
	struct {
		struct ct_event_site site;
		char packed[256];
	} event = { .site = { .path = path, .frames = 1 } };
	size_t length = strlen(function) + 1;

	assert_true(length < 200);
	memcpy(event.packed, &line, sizeof(line));
	event.packed[4] = (char)flags;
	memcpy(event.packed + 5, function, length);
	memcpy(event.packed + 5 + length, "a.go", 5);
	event.site.frames_bytes = (uint16_t)(10 + length);
	story_apply(story, &event, CT_EVENT_SITE, sizeof(event.site) + event.site.frames_bytes);
}

/** A context is made by `task` under `parent` (0: Background). */
static inline void story_create(struct story *story, uint64_t context, uint64_t parent, uint64_t task, uint32_t path,
				uint8_t kind)
{
	struct ct_event_create event = {
		.context = context,
		.parent = parent,
		.task = task,
		.path = path,
		.kind = kind,
		.parent_kind = parent ? CT_KIND_CANCEL : CT_KIND_BACKGROUND,
		.deadline_ns = kind == CT_KIND_DEADLINE ? story->now_ns + 3600 * CT_NSEC_PER_SEC : 0,
	};

	story_apply(story, &event, CT_EVENT_CREATE, sizeof(event));
}

static inline void story_cancel(struct story *story, uint64_t context, uint8_t reason)
{
	struct ct_event_cancel event = { .context = context, .reason = reason };

	story_apply(story, &event, CT_EVENT_CANCEL, sizeof(event));
}

static inline void story_abandon(struct story *story, uint64_t context)
{
	struct ct_event_context event = { .context = context };

	story_apply(story, &event, CT_EVENT_ABANDON, sizeof(event));
}

static inline void story_task(struct story *story, uint64_t task, bool is_end)
{
	struct ct_event_task_start start = { .task = task };
	struct ct_event_task_end end = { .task = task };

	if (is_end)
		story_apply(story, &end, CT_EVENT_TASK_END, sizeof(end));
	else
		story_apply(story, &start, CT_EVENT_TASK_START, sizeof(start));
}

/** Events were lost just now. */
static inline void story_gap(struct story *story)
{
	struct ct_event_gap event = { .from_ns = story->now_ns - 1, .to_ns = story->now_ns, .lost = 1 };

	story_apply(story, &event, CT_EVENT_GAP, sizeof(event));
}

static inline void story_counter(struct story *story, enum ct_counter counter, uint64_t value)
{
	struct ct_event_counters event = { 0 };

	event.value[counter] = value;
	story_apply(story, &event, CT_EVENT_COUNTERS, sizeof(event));
}

static inline void story_scan(struct story *story, uint8_t type, uint32_t collections)
{
	struct ct_event_scan event = { .began_ns = story->now_ns, .collections = collections };

	story->scans += type == CT_EVENT_SCAN_BEGIN;
	event.scan = story->scans;
	event.header.flags = CT_SCAN_COMPLETE;
	story_apply(story, &event, type, sizeof(event));
}

/** Memory's word on one context; `task` not 0: its cancel function waits on that goroutine's defer list. */
static inline void story_observe(struct story *story, uint64_t context, uint8_t state, uint8_t retained_by,
				 uint64_t task)
{
	const struct ct_context *known = ct_tree_find(story->tree, context);
	struct ct_event_observed event = {
		.context = context,
		.parent = STORY_ROOT,
		.scan = story->scans,
		.kind = known ? known->kind : CT_KIND_CANCEL,
		.deadline_ns = known ? known->deadline_ns : 0,
		.parent_kind = CT_KIND_CANCEL,
		.state = state,
		.retained_by = retained_by,
		.task = task,
	};

	event.header.flags = task ? CT_OBSERVED_DEFERRED : 0;
	story_apply(story, &event, CT_EVENT_OBSERVED, sizeof(event));
}

/** Time passes. */
static inline void story_wait(struct story *story, uint64_t seconds)
{
	story->now_ns += seconds * CT_NSEC_PER_SEC;
	story_mark(story, CT_EVENT_TICK);
}

/** Two readings of the memory, two seconds apart, agree that these contexts are lost. */
static inline void story_lose(struct story *story, uint64_t first, uint32_t count, uint8_t retained_by)
{
	for (int scan = 0; scan < 2; scan++) {
		story_wait(story, 2);
		story_scan(story, CT_EVENT_SCAN_BEGIN, 2);
		for (uint32_t i = 0; i < count; i++)
			story_observe(story, first + 16 * i, CT_OBSERVED_LOST, retained_by, 0);
		story_scan(story, CT_EVENT_SCAN_END, 2);
	}
}

/** All detectors at the story's time, with a minimum age of ten seconds. */
static inline struct ct_findings story_detect(const struct story *story)
{
	struct ct_detect_options options = { .min_age_ns = STORY_MIN_AGE_NS, .grace_ns = CT_NSEC_PER_SEC };
	struct ct_findings findings;

	assert_int_equal(ct_detect_run(story->tree, story->now_ns, &options, &ct_allocator_libc, &findings), 0);
	return findings;
}

/** The story ends; only now is `findings` released, so that tests read them after the last event. */
static inline void story_end(struct story *story, struct ct_findings *findings)
{
	ct_findings_done(findings);
	ct_tree_free(story->tree);
	story->tree = NULL;
}
