// SPDX-License-Identifier: Apache-2.0
/*
 * Facts to events and back. A fact that is one number or a range is a row of the table; the lists have code of their own.
 */
#include "memory/facts.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define CLOSURES_MAX 65536 /* of a forged recording; real programs have some hundred */
#define CALLS_MAX 65536

#define AT(member) offsetof(struct ct_census_facts, member)
#define NONE SIZE_MAX

static const struct {
	uint32_t name;
	size_t first, second; /* offsets of uint64_t */
} rows[] = {
	{ CT_FACT_GO_MINOR, AT(minor), NONE },
	{ CT_FACT_MHEAP, AT(mheap), NONE },
	{ CT_FACT_ALLGS, AT(allgs), NONE },
	{ CT_FACT_TYPES, AT(types), AT(etypes) },
	{ CT_FACT_TEXT, AT(text), AT(etext) },
	{ CT_FACT_IMAGE, AT(image_start), AT(image_end) },
	{ CT_FACT_TODO, AT(todo), NONE },
	{ CT_FACT_TIME_BASE, AT(time_base_ns), NONE },
	{ CT_FACT_NEXT_MODULE, AT(next_module), NONE },
	{ CT_FACT_INLINED_CREATORS, AT(has_inlined_creators), NONE },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* An event in the making. */
struct telling {
	ct_event_sink sink;
	void *opaque;
	uint64_t time_ns;
	int rc;
	struct {
		struct ct_event_facts head;
		struct ct_fact facts[CT_FACTS_MAX];
	} event;
};

static void send(struct telling *telling, uint8_t flags)
{
	struct ct_event_facts *facts = &telling->event.head;
	struct ct_event event = { .facts = facts, .bytes = sizeof(*facts) + facts->count * sizeof(struct ct_fact) };

	facts->header = (struct ct_event_header){ .time_ns = telling->time_ns, .type = CT_EVENT_FACTS, .flags = flags };
	if (!telling->rc)
		telling->rc = telling->sink(telling->opaque, &event);
	facts->count = 0;
}

static void tell(struct telling *telling, uint32_t name, uint64_t first, uint64_t second)
{
	struct ct_event_facts *facts = &telling->event.head;

	telling->event.facts[facts->count] = (struct ct_fact){ .name = name, .first = first, .second = second };
	if (++facts->count == CT_FACTS_MAX)
		send(telling, 0);
}

static uint64_t value_at(const struct ct_census_facts *facts, size_t offset)
{
	uint64_t value = 0;

	if (offset != NONE)
		memcpy(&value, (const char *)facts + offset, sizeof(value));
	return value;
}

int ct_census_facts_tell(const struct ct_census_facts *facts, uint64_t time_ns, ct_event_sink sink, void *opaque)
{
	struct telling telling = { .sink = sink, .opaque = opaque, .time_ns = time_ns };
	const struct ct_closures *closures = &facts->closures;

	for (size_t i = 0; i < ROWS; i++)
		tell(&telling, rows[i].name, value_at(facts, rows[i].first), value_at(facts, rows[i].second));
	for (size_t i = 0; i < facts->allgs_guess_count; i++)
		tell(&telling, CT_FACT_ALLGS_GUESS, facts->allgs_guesses[i], 0);
	for (size_t i = 0; i < closures->room; i++)
		if (closures->slots[i].code)
			tell(&telling, CT_FACT_CLOSURE, closures->slots[i].code, closures->slots[i].role);
	for (size_t i = 0; i < closures->calls_count; i++)
		tell(&telling, CT_FACT_CALL, closures->calls[i].start, closures->calls[i].end);
	send(&telling, CT_FACTS_LAST);
	return telling.rc;
}

static int take_closure(struct ct_closures *closures, const struct ct_fact *fact)
{
	if (fact->second > CT_CLOSURE_WATCHER || closures->count == CLOSURES_MAX)
		return -EPROTO;
	return ct_closures_add(closures, fact->first, (enum ct_closure_role)fact->second);
}

/* Ascending, as they are told: sorting them in is for those who read a binary. */
static int take_call(struct ct_closures *closures, const struct ct_fact *fact)
{
	size_t count = closures->calls_count;

	if (count == CALLS_MAX || (count && closures->calls[count - 1].start > fact->first))
		return -EPROTO;
	return ct_closures_add_call(closures, fact->first, fact->second);
}

static int take(struct ct_census_facts *facts, const struct ct_fact *fact)
{
	int rc;

	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].name != fact->name)
			continue;
		memcpy((char *)facts + rows[i].first, &fact->first, sizeof(fact->first));
		if (rows[i].second != NONE)
			memcpy((char *)facts + rows[i].second, &fact->second, sizeof(fact->second));
		return 0;
	}
	switch (fact->name) {
	case CT_FACT_ALLGS_GUESS:
		rc = ct_census_facts_guess_allgs(facts, fact->first);
		return rc == -ENOSPC ? -EPROTO : rc;
	case CT_FACT_CLOSURE:
		return take_closure(&facts->closures, fact);
	case CT_FACT_CALL:
		return take_call(&facts->closures, fact);
	default:
		return 0;
	}
}

int ct_census_facts_take(struct ct_census_facts *facts, const struct ct_event_facts *event)
{
	const struct ct_fact *fact = (const struct ct_fact *)(event + 1);
	int rc = 0;

	for (uint32_t i = 0; i < event->count && !rc; i++)
		rc = take(facts, fact++);
	return rc;
}
