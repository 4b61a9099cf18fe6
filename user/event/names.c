// SPDX-License-Identifier: Apache-2.0
/* Names of the numbers in events, as reports and text streams write them. */
#include "event/names.h"

#include "ctxtrace/source.h"

#define NAMES_COUNT(list) (sizeof(list) / sizeof((list)[0]))

const char *const ct_kind_names[CT_KIND_END + 1] = {
	"unknown", "background", "todo", "cancel", "deadline", "after_func", "value", "detached", "foreign", NULL,
};

const char *const ct_reason_names[CT_REASON_END + 1] = {
	"none", "explicit", "deadline", "parent", "freed", NULL,
};

const char *const ct_observed_names[CT_OBSERVED_END + 1] = {
	"held", "lost", "cancelled", "freed", "unretained", "undecided", NULL,
};

const char *const ct_holder_names[CT_HOLDER_END + 1] = {
	"none", "global", "stack", "deferred", "object", "closure", "map", "channel", NULL,
};

const char *const ct_fact_names[CT_FACT_NAME_END + 1] = {
	[0] = "none",
#define FACT(name, number, text) [number] = (text),
	CT_FACT_CATALOGUE(FACT)
#undef FACT
};

static const char *const events[CT_EVENT_TYPE_END] = {
	[CT_EVENT_CREATE] = "create",
	[CT_EVENT_CANCEL] = "cancel",
	[CT_EVENT_CANCEL_CALL] = "cancel_call",
	[CT_EVENT_FREE] = "free",
	[CT_EVENT_ABANDON] = "abandon",
	[CT_EVENT_TASK_START] = "task_start",
	[CT_EVENT_TASK_END] = "task_end",
	[CT_EVENT_STACK] = "stack",
	[CT_EVENT_REQUEST] = "request",
	[CT_EVENT_EXEC] = "exec",
	[CT_EVENT_EXIT] = "exit",
	[CT_EVENT_TASK_JOIN] = "task_join",
	[CT_EVENT_CANCEL_CAUSE] = "cancel_cause",
	[CT_EVENT_TARGET] = "target",
	[CT_EVENT_PROVIDER] = "provider",
	[CT_EVENT_SITE] = "site",
	[CT_EVENT_BEGIN] = "begin",
	[CT_EVENT_END] = "end",
	[CT_EVENT_TICK] = "tick",
	[CT_EVENT_GAP] = "gap",
	[CT_EVENT_COUNTERS] = "counters",
	[CT_EVENT_SCAN_BEGIN] = "scan_begin",
	[CT_EVENT_OBSERVED] = "observed",
	[CT_EVENT_SCAN_END] = "scan_end",
	[CT_EVENT_GOROUTINE] = "goroutine",
	[CT_EVENT_HOLDER] = "holder",
	[CT_EVENT_MEMORY] = "memory",
	[CT_EVENT_FACTS] = "facts",
	[CT_EVENT_RULES] = "rules",
	[CT_EVENT_ROUTE] = "route",
	[CT_EVENT_TASK_SEEN] = "task_seen",
	[CT_EVENT_TASK_IDLE] = "task_idle",
	[CT_EVENT_CAUSE] = "cause",
};

static const struct {
	const char *name;
	bool is_drop;
} counters[] = {
#define COUNTER(name, text, is_drop) { text, is_drop },
	CT_COUNTER_CATALOGUE(COUNTER)
#undef COUNTER
};

const char *ct_event_name(uint8_t type)
{
	return type < NAMES_COUNT(events) && events[type] ? events[type] : "unknown";
}

const char *ct_context_kind_name(uint8_t kind)
{
	return kind < CT_KIND_END ? ct_kind_names[kind] : "unknown";
}

const char *ct_cancel_reason_name(uint8_t reason)
{
	return reason < CT_REASON_END ? ct_reason_names[reason] : "unknown";
}

const char *ct_observed_state_name(uint8_t state)
{
	return state < CT_OBSERVED_END ? ct_observed_names[state] : "unknown";
}

const char *ct_holder_kind_name(uint8_t kind)
{
	return kind < CT_HOLDER_END ? ct_holder_names[kind] : "unknown";
}

const char *ct_counter_name(unsigned int counter)
{
	return counter < NAMES_COUNT(counters) ? counters[counter].name : NULL;
}

bool ct_counter_is_drop(unsigned int counter)
{
	return counter < NAMES_COUNT(counters) && counters[counter].is_drop;
}
