// SPDX-License-Identifier: Apache-2.0
/*
 * Where events come from: a kernel ring (live), a recording (file), or memory (tests). All look the same behind
 * `drain`. A source hands bytes on in stream order and decides nothing.
 */
#pragma once

#include "ctxtrace/error.h"
#include "ctxtrace/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One validated event: header and body together, 8-byte aligned. Borrowed for the duration of one call. */
struct ct_event {
	union {
		const struct ct_event_header *header;
		const struct ct_event_create *create;
		const struct ct_event_cancel *cancel;
		const struct ct_event_cancel_cause *cancel_cause;
		const struct ct_event_cause *cause;
		const struct ct_event_cancel_call *cancel_call;
		const struct ct_event_context *context;
		const struct ct_event_task_start *task_start;
		const struct ct_event_task_end *task_end;
		const struct ct_event_task_join *task_join;
		const struct ct_event_stack *stack;
		const struct ct_event_request *request;
		const struct ct_event_mark *mark;
		const struct ct_event_target *target;
		const struct ct_event_provider *provider;
		const struct ct_event_site *site;
		const struct ct_event_begin *begin;
		const struct ct_event_end *end;
		const struct ct_event_gap *gap;
		const struct ct_event_counters *counters;
		const struct ct_event_scan *scan;
		const struct ct_event_observed *observed;
		const struct ct_event_goroutine *goroutine;
		const struct ct_event_holder *holder;
		const struct ct_event_task_seen *task_seen;
		const struct ct_event_memory *memory;
		const struct ct_event_facts *facts;
		const struct ct_event_rules *rules;
		const struct ct_event_route *route;
		const struct ct_event_task_idle *task_idle;
	};
	size_t bytes; /**< Length of the event, header included. */
};

/**
 * Validate raw bytes as an event: length, alignment, enumerations, strings, counts.
 *
 * @param bytes      Raw event, 8-byte aligned. Borrowed; `ret_event` points into it.
 * @param length     Bytes available.
 * @param ret_event  The event.
 * @return 0; -EPROTO when it is malformed; -ENOMSG for a type this version does not know (skip it).
 */
int ct_event_decode(const void *bytes, size_t length, struct ct_event *ret_event);

/** @return links between an OBSERVED context and its parent; 0 in recordings that do not have it. */
uint32_t ct_observed_hops(const struct ct_event *event);

/** Name of an event type in lower case ("create"), or "unknown". */
const char *ct_event_name(uint8_t type);

/** Names of enumerators in lower case as reports use them ("after_func", "explicit"); "unknown" out of range. */
const char *ct_context_kind_name(uint8_t kind);

/** As ct_context_kind_name(). */
const char *ct_cancel_reason_name(uint8_t reason);

/** As ct_context_kind_name(), of enum ct_observed_state ("lost"). */
const char *ct_observed_state_name(uint8_t state);

/** As ct_context_kind_name(), of enum ct_holder_kind ("global"). */
const char *ct_holder_kind_name(uint8_t kind);

/** Name of a kernel counter in reports, or NULL from CT_COUNTER_END on. */
const char *ct_counter_name(unsigned int counter);

/** Does this counter count events that never came? */
bool ct_counter_is_drop(unsigned int counter);

/**
 * Takes events one at a time. @return 0 to go on, negative errno to stop the drain with that result.
 */
typedef int (*ct_event_sink)(void *opaque, const struct ct_event *event);

/** A source; the first member of every implementation. */
struct ct_source {
	const struct ct_source_ops *ops;
};

/** What a source must do. */
struct ct_source_ops {
	/** Hand all events that are there to `sink`. @return how many, or negative errno. */
	int (*drain)(struct ct_source *source, ct_event_sink sink, void *opaque, struct ct_error *reterr);
	/** Release the source. */
	void (*done)(struct ct_source *source);
};
