// SPDX-License-Identifier: Apache-2.0
/*
 * From bytes to validated events: every type at its bounds. Bytes stand at the very end of a block of their own, so
 * the sanitizer sees a decoder that looks one byte too far.
 */
#include "ctxtrace/source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Every field of every event by one name each, large enough for the longest. */
struct specimen {
	_Alignas(8) unsigned char bytes[512];
	size_t length;
};

/* Decode a copy that ends where its block ends. */
static int decode(const void *bytes, size_t length)
{
	char *block = malloc(length + 1);
	struct ct_event event = { .bytes = 12345 };
	int rc;

	assert_non_null(block);
	assert_int_equal((uintptr_t)block % 8, 0);
	block = realloc(block, length ? length : 1);
	assert_non_null(block);
	memcpy(block, bytes, length);
	rc = ct_event_decode(block, length, &event);
	if (rc)
		assert_int_equal(event.bytes, 12345); // untouched
	else
		assert_true((const char *)event.header == block && event.bytes == length);
	free(block);
	return rc;
}

static int decode_specimen(const struct specimen *specimen)
{
	return decode(specimen->bytes, specimen->length);
}

static void add(struct specimen *specimen, const void *bytes, size_t length)
{
	assert_true(specimen->length + length <= sizeof(specimen->bytes));
	memcpy(specimen->bytes + specimen->length, bytes, length);
	specimen->length += length;
}

#define SPECIMEN(kind, name, ...)                                                          \
	{                                                                                  \
		struct kind event = { .header = { .type = CT_EVENT_##name }, __VA_ARGS__ }; \
		add(&specimen, &event, sizeof(event));                                     \
		break;                                                                     \
	}

static const char target_strings[] = "/bin/shop\0go1.26\0abcd";
static const char goroutine_strings[] = "waiting\0select";
static const char site_frames[] = "\x07\0\0\0\x01main.f\0a.go\0\x09\0\0\0\0main.g\0";

/* A good event of each type. */
static struct specimen good(uint8_t type)
{
	struct specimen specimen = { .length = 0 };

	switch (type) {
	case CT_EVENT_CREATE:
		SPECIMEN(ct_event_create, CREATE, .context = 1, .kind = CT_KIND_CANCEL)
	case CT_EVENT_CANCEL:
		SPECIMEN(ct_event_cancel, CANCEL, .context = 1, .reason = CT_REASON_EXPLICIT)
	case CT_EVENT_CANCEL_CAUSE:
		SPECIMEN(ct_event_cancel_cause, CANCEL_CAUSE, .context = 1, .reason = CT_REASON_EXPLICIT, .text_bytes = 200,
			 .read_bytes = CT_CAUSE_TEXT_BYTES)
	case CT_EVENT_CAUSE:
		SPECIMEN(ct_event_cause, CAUSE, .context = 1, .strings_bytes = sizeof(goroutine_strings))
	case CT_EVENT_CANCEL_CALL:
		SPECIMEN(ct_event_cancel_call, CANCEL_CALL, .context = 1)
	case CT_EVENT_FREE:
		SPECIMEN(ct_event_context, FREE, .context = 1)
	case CT_EVENT_ABANDON:
		SPECIMEN(ct_event_context, ABANDON, .context = 1)
	case CT_EVENT_TASK_START:
		SPECIMEN(ct_event_task_start, TASK_START, .task = 1)
	case CT_EVENT_TASK_END:
		SPECIMEN(ct_event_task_end, TASK_END, .task = 1)
	case CT_EVENT_TASK_JOIN:
		SPECIMEN(ct_event_task_join, TASK_JOIN, .task = 1, .by = 2)
	case CT_EVENT_STACK:
		SPECIMEN(ct_event_stack, STACK, .path = 1, .depth = CT_STACK_FRAMES_MAX)
	case CT_EVENT_REQUEST:
		SPECIMEN(ct_event_request, REQUEST, .context = 1)
	case CT_EVENT_EXEC:
		SPECIMEN(ct_event_mark, EXEC, )
	case CT_EVENT_EXIT:
		SPECIMEN(ct_event_mark, EXIT, )
	case CT_EVENT_TICK:
		SPECIMEN(ct_event_mark, TICK, )
	case CT_EVENT_TARGET:
		SPECIMEN(ct_event_target, TARGET, .strings_bytes = sizeof(target_strings))
	case CT_EVENT_PROVIDER:
		SPECIMEN(ct_event_provider, PROVIDER, .name_bytes = 3)
	case CT_EVENT_SITE:
		SPECIMEN(ct_event_site, SITE, .path = 1, .frames = 2, .frames_bytes = sizeof(site_frames))
	case CT_EVENT_BEGIN:
		SPECIMEN(ct_event_begin, BEGIN, .wall_clock_ns = 1)
	case CT_EVENT_END:
		SPECIMEN(ct_event_end, END, .reason = CT_END_SIGNAL)
	case CT_EVENT_GAP:
		SPECIMEN(ct_event_gap, GAP, .from_ns = 1, .to_ns = 1)
	case CT_EVENT_COUNTERS:
		SPECIMEN(ct_event_counters, COUNTERS, .value = { 1 })
	case CT_EVENT_SCAN_BEGIN:
		SPECIMEN(ct_event_scan, SCAN_BEGIN, .scan = 1)
	case CT_EVENT_SCAN_END:
		SPECIMEN(ct_event_scan, SCAN_END, .scan = 1)
	case CT_EVENT_RULES:
		SPECIMEN(ct_event_rules, RULES, .min_age_ns = 1)
	case CT_EVENT_OBSERVED:
		SPECIMEN(ct_event_observed, OBSERVED, .context = 1, .scan = 1)
	case CT_EVENT_GOROUTINE:
		SPECIMEN(ct_event_goroutine, GOROUTINE, .task = 1, .strings_bytes = sizeof(goroutine_strings))
	case CT_EVENT_TASK_SEEN:
		SPECIMEN(ct_event_task_seen, TASK_SEEN, .task = 1)
	case CT_EVENT_TASK_IDLE:
		SPECIMEN(ct_event_task_idle, TASK_IDLE, .task = 1, .channel = 2)
	case CT_EVENT_HOLDER:
		SPECIMEN(ct_event_holder, HOLDER, .context = 1, .name_bytes = 3)
	case CT_EVENT_ROUTE:
		SPECIMEN(ct_event_route, ROUTE, .context = 1, .task = 2, .route_bytes = 3)
	case CT_EVENT_MEMORY:
		SPECIMEN(ct_event_memory, MEMORY, .address = 4096, .bytes = 9, .scan = 1, .read = 1)
	case CT_EVENT_FACTS:
		SPECIMEN(ct_event_facts, FACTS, .count = 2)
	default:
		break;
	}
	if (type == CT_EVENT_MEMORY)
		add(&specimen, "123456789", 9);
	if (type == CT_EVENT_FACTS)
		add(&specimen, (const struct ct_fact[2]){ { .name = CT_FACT_TEXT }, { .name = 77 } },
		    2 * sizeof(struct ct_fact));
	if (type == CT_EVENT_TARGET)
		add(&specimen, target_strings, sizeof(target_strings));
	if (type == CT_EVENT_PROVIDER || type == CT_EVENT_HOLDER || type == CT_EVENT_ROUTE)
		add(&specimen, "go", 3);
	if (type == CT_EVENT_GOROUTINE || type == CT_EVENT_CAUSE)
		add(&specimen, goroutine_strings, sizeof(goroutine_strings));
	if (type == CT_EVENT_SITE)
		add(&specimen, site_frames, sizeof(site_frames));
	return specimen;
}

static const struct {
	uint8_t type;
	uint16_t bytes;
	const char *name;
} catalogue[] = {
#define ROW(name, number, type, bytes, text) { number, bytes, #name },
	CT_EVENT_CATALOGUE(ROW)
#undef ROW
};
#define TYPES (sizeof(catalogue) / sizeof(catalogue[0]))

static void every_type_passes(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		struct specimen specimen = good(catalogue[i].type);

		assert_true(specimen.length >= catalogue[i].bytes);
		assert_int_equal(decode_specimen(&specimen), 0);
	}
}

/* Fields are added at the end: a newer version's longer event is read as far as it is known. */
static void longer_events_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		struct specimen specimen = good(catalogue[i].type);

		add(&specimen, "more", 4);
		assert_int_equal(decode_specimen(&specimen), 0);
	}
}

static void every_shorter_length_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		struct specimen specimen = good(catalogue[i].type);

		if (catalogue[i].type == CT_EVENT_OBSERVED)
			specimen.length = CT_OBSERVED_BYTES_MIN;
		while (specimen.length--)
			assert_int_equal(decode_specimen(&specimen), -EPROTO);
	}
}

/* A recording made before links were counted is read as it was. */
static void an_older_observed_has_no_hops(void **state)
{
	struct specimen specimen = good(CT_EVENT_OBSERVED);
	struct ct_event event;

	(void)state;
	((struct ct_event_observed *)(void *)specimen.bytes)->hops = 7;
	assert_int_equal(ct_event_decode(specimen.bytes, specimen.length, &event), 0);
	assert_int_equal(ct_observed_hops(&event), 7);
	assert_int_equal(ct_event_decode(specimen.bytes, CT_OBSERVED_BYTES_MIN, &event), 0);
	assert_int_equal(ct_observed_hops(&event), 0);
}

static void other_types_are_skipped(void **state)
{
	struct specimen specimen = good(CT_EVENT_OBSERVED);
	bool is_known[256] = { false };

	(void)state;
	for (size_t i = 0; i < TYPES; i++)
		is_known[catalogue[i].type] = true;
	for (unsigned int type = 0; type < 256; type++) {
		specimen.bytes[offsetof(struct ct_event_header, type)] = (unsigned char)type;
		if (!is_known[type])
			assert_int_equal(decode_specimen(&specimen), -ENOMSG);
	}
}

static void length_and_alignment_have_bounds(void **state)
{
	unsigned char *block = calloc(1, CT_EVENT_BYTES_MAX + 16);
	struct ct_event event;

	(void)state;
	assert_non_null(block);
	block[offsetof(struct ct_event_header, type)] = CT_EVENT_TICK;
	assert_int_equal(ct_event_decode(block, CT_EVENT_BYTES_MAX, &event), 0);
	assert_int_equal(ct_event_decode(block, CT_EVENT_BYTES_MAX + 1, &event), -EPROTO);
	assert_int_equal(ct_event_decode(block, SIZE_MAX, &event), -EPROTO);
	for (size_t shift = 1; shift < 8; shift++) {
		block[shift + offsetof(struct ct_event_header, type)] = CT_EVENT_TICK;
		assert_int_equal(ct_event_decode(block + shift, 16, &event), -EPROTO);
	}
	free(block);
}

/* One field set to a value that must be refused. */
static void refuse(uint8_t type, size_t offset, const void *value, size_t bytes)
{
	struct specimen specimen = good(type);

	memcpy(specimen.bytes + offset, value, bytes);
	assert_int_equal(decode_specimen(&specimen), -EPROTO);
}

#define REFUSE(name, kind, field, value_)                                        \
	do {                                                                     \
		__typeof__(((struct kind *)0)->field) value = (value_);          \
		refuse(CT_EVENT_##name, offsetof(struct kind, field), &value, sizeof(value)); \
	} while (0)

static void enumerations_have_bounds(void **state)
{
	(void)state;
	REFUSE(CREATE, ct_event_create, kind, CT_KIND_END);
	REFUSE(CREATE, ct_event_create, kind, 255);
	REFUSE(CREATE, ct_event_create, parent_kind, CT_KIND_END);
	REFUSE(CANCEL, ct_event_cancel, reason, CT_REASON_NONE);
	REFUSE(CANCEL, ct_event_cancel, reason, CT_REASON_END);
	REFUSE(CANCEL_CAUSE, ct_event_cancel_cause, reason, CT_REASON_END);
	REFUSE(TARGET, ct_event_target, runtime, CT_RUNTIME_END);
	REFUSE(END, ct_event_end, reason, CT_END_REASON_END);
	REFUSE(END, ct_event_end, reason, UINT32_MAX);
	REFUSE(OBSERVED, ct_event_observed, kind, CT_KIND_END);
	REFUSE(OBSERVED, ct_event_observed, parent_kind, CT_KIND_END);
	REFUSE(OBSERVED, ct_event_observed, state, CT_OBSERVED_END);
	REFUSE(OBSERVED, ct_event_observed, retained_by, 8);
	REFUSE(GOROUTINE, ct_event_goroutine, context_state, CT_OBSERVED_END);
	REFUSE(HOLDER, ct_event_holder, kind, CT_HOLDER_END);
}

static void nothing_is_about_context_0(void **state)
{
	(void)state;
	REFUSE(CREATE, ct_event_create, context, 0);
	REFUSE(CANCEL, ct_event_cancel, context, 0);
	REFUSE(CANCEL_CALL, ct_event_cancel_call, context, 0);
	REFUSE(CANCEL_CAUSE, ct_event_cancel_cause, context, 0);
	REFUSE(CAUSE, ct_event_cause, context, 0);
	REFUSE(FREE, ct_event_context, context, 0);
	REFUSE(ABANDON, ct_event_context, context, 0);
	REFUSE(REQUEST, ct_event_request, context, 0);
	REFUSE(OBSERVED, ct_event_observed, context, 0);
	REFUSE(OBSERVED, ct_event_observed, scan, 0);
	REFUSE(GOROUTINE, ct_event_goroutine, task, 0);
	REFUSE(TASK_SEEN, ct_event_task_seen, task, 0);
	REFUSE(TASK_IDLE, ct_event_task_idle, task, 0);
	REFUSE(TASK_IDLE, ct_event_task_idle, channel, 0);
	REFUSE(HOLDER, ct_event_holder, context, 0);
	REFUSE(ROUTE, ct_event_route, context, 0);
	REFUSE(ROUTE, ct_event_route, task, 0);
	REFUSE(SCAN_BEGIN, ct_event_scan, scan, 0);
	REFUSE(SCAN_END, ct_event_scan, scan, 0);
	REFUSE(STACK, ct_event_stack, path, 0);
	REFUSE(SITE, ct_event_site, path, 0);
}

static void counts_are_not_believed(void **state)
{
	const size_t name = sizeof(struct ct_event_provider), frames = sizeof(struct ct_event_site);

	(void)state;
	REFUSE(STACK, ct_event_stack, depth, CT_STACK_FRAMES_MAX + 1);
	REFUSE(STACK, ct_event_stack, depth, UINT32_MAX);
	REFUSE(GAP, ct_event_gap, from_ns, 2); // behind its end
	REFUSE(TARGET, ct_event_target, strings_bytes, sizeof(target_strings) + 1);
	REFUSE(TARGET, ct_event_target, strings_bytes, sizeof(target_strings) - 1); // cuts the last string
	REFUSE(TARGET, ct_event_target, strings_bytes, UINT64_MAX);
	REFUSE(TARGET, ct_event_target, strings_bytes, 0);
	REFUSE(PROVIDER, ct_event_provider, name_bytes, 0);
	REFUSE(PROVIDER, ct_event_provider, name_bytes, 4);
	REFUSE(PROVIDER, ct_event_provider, name_bytes, UINT32_MAX);
	REFUSE(HOLDER, ct_event_holder, object_bytes, UINT64_C(1) << 48);
	REFUSE(HOLDER, ct_event_holder, entries, UINT64_MAX);
	REFUSE(ROUTE, ct_event_route, route_bytes, 0);
	REFUSE(ROUTE, ct_event_route, route_bytes, 4);
	REFUSE(ROUTE, ct_event_route, route_bytes, UINT32_MAX);
	REFUSE(HOLDER, ct_event_holder, name_bytes, 0);
	REFUSE(HOLDER, ct_event_holder, name_bytes, 4);
	REFUSE(HOLDER, ct_event_holder, name_bytes, UINT32_MAX);
	refuse(CT_EVENT_HOLDER, sizeof(struct ct_event_holder), "goo", 3); // does not end
	REFUSE(GOROUTINE, ct_event_goroutine, strings_bytes, 8); // one string in a place for two
	REFUSE(GOROUTINE, ct_event_goroutine, strings_bytes, sizeof(goroutine_strings) + 1);
	REFUSE(GOROUTINE, ct_event_goroutine, strings_bytes, UINT32_MAX);
	refuse(CT_EVENT_PROVIDER, name, "\0o", 3); // two strings in a place for one
	refuse(CT_EVENT_PROVIDER, name, "goo", 3); // none ends
	REFUSE(SITE, ct_event_site, frames, 3);
	REFUSE(SITE, ct_event_site, frames, 1); // bytes are left over
	REFUSE(SITE, ct_event_site, frames, UINT16_MAX);
	REFUSE(SITE, ct_event_site, frames_bytes, sizeof(site_frames) + 1);
	REFUSE(SITE, ct_event_site, frames_bytes, sizeof(site_frames) - 1);
	REFUSE(SITE, ct_event_site, frames_bytes, UINT16_MAX);
	REFUSE(SITE, ct_event_site, frames_bytes, 0);
	REFUSE(SCAN_END, ct_event_scan, paused_ns, 1); // and nobody stopped it
	REFUSE(MEMORY, ct_event_memory, bytes, 0);
	REFUSE(MEMORY, ct_event_memory, bytes, 10); // one more than there are
	REFUSE(MEMORY, ct_event_memory, bytes, UINT64_MAX);
	REFUSE(MEMORY, ct_event_memory, address, UINT64_MAX - 7); // wraps
	REFUSE(MEMORY, ct_event_memory, scan, 0);
	REFUSE(MEMORY, ct_event_memory, read, 0);
	REFUSE(MEMORY, ct_event_memory, header.flags, CT_MEMORY_ZERO | CT_MEMORY_UNREADABLE);
	REFUSE(MEMORY, ct_event_memory, header.flags, CT_MEMORY_SWAPPED); // how many?
	REFUSE(MEMORY, ct_event_memory, header.flags, CT_MEMORY_STOPPED * 2);
	REFUSE(CANCEL_CAUSE, ct_event_cancel_cause, read_bytes, CT_CAUSE_TEXT_BYTES + 1);
	REFUSE(CANCEL_CAUSE, ct_event_cancel_cause, text_bytes, CT_CAUSE_TEXT_BYTES - 1); // fewer than were read
	REFUSE(CANCEL_CAUSE, ct_event_cancel_cause, text_bytes, CT_CAUSE_TEXT_MOST + 1);
	REFUSE(CAUSE, ct_event_cause, strings_bytes, sizeof(goroutine_strings) - 1);
	REFUSE(CAUSE, ct_event_cause, strings_bytes, sizeof(goroutine_strings) + 1);
	REFUSE(CAUSE, ct_event_cause, strings_bytes, UINT32_MAX);
	REFUSE(FACTS, ct_event_facts, count, 3);
	REFUSE(FACTS, ct_event_facts, count, UINT32_MAX);
	refuse(CT_EVENT_SITE, frames + sizeof(site_frames) - 1, "x", 1); // last string does not end
}

/* One frame more, in bytes that are claimed and not there: the sanitizer sees whether anybody looks at them. */
static void claimed_bytes_are_not_looked_at(void **state)
{
	struct specimen specimen = good(CT_EVENT_SITE);
	struct ct_event_site *site = (struct ct_event_site *)specimen.bytes;

	(void)state;
	site->frames = 3;
	site->frames_bytes += 16;
	assert_int_equal(decode_specimen(&specimen), -EPROTO);
}

/* Any single byte of a tail changed: either refused, or every string still ends inside (the walk below sees to it). */
static void any_damaged_tail_is_refused_or_whole(void **state)
{
	(void)state;
	for (size_t at = sizeof(struct ct_event_site); at < good(CT_EVENT_SITE).length; at++) {
		for (int value = 0; value < 256; value++) {
			struct specimen specimen = good(CT_EVENT_SITE);
			const char *walk = (const char *)specimen.bytes + sizeof(struct ct_event_site);

			specimen.bytes[at] = (unsigned char)value;
			if (decode_specimen(&specimen))
				continue;
			for (int string = 0; string < 4; string++) {
				walk += string % 2 ? 0 : 5;
				walk += strlen(walk) + 1;
			}
			assert_ptr_equal(walk, specimen.bytes + specimen.length);
		}
	}
}

static void names_are_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		char lower[32] = "";

		for (size_t at = 0; catalogue[i].name[at]; at++)
			lower[at] = catalogue[i].name[at] == '_' ? '_' : (char)(catalogue[i].name[at] | 0x20);
		assert_string_equal(ct_event_name(catalogue[i].type), lower);
	}
	assert_string_equal(ct_event_name(0), "unknown");
	assert_string_equal(ct_event_name(255), "unknown");
	assert_string_equal(ct_context_kind_name(CT_KIND_AFTER_FUNC), "after_func");
	assert_string_equal(ct_context_kind_name(CT_KIND_END), "unknown");
	assert_string_equal(ct_cancel_reason_name(CT_REASON_PARENT), "parent");
	assert_string_equal(ct_cancel_reason_name(CT_REASON_END), "unknown");
	assert_string_equal(ct_observed_state_name(CT_OBSERVED_LOST), "lost");
	assert_string_equal(ct_observed_state_name(CT_OBSERVED_END), "unknown");
	assert_string_equal(ct_holder_kind_name(CT_HOLDER_CHANNEL), "channel");
	assert_string_equal(ct_holder_kind_name(CT_HOLDER_END), "unknown");
	for (unsigned int counter = 0; counter < CT_COUNTER_END; counter++)
		assert_non_null(ct_counter_name(counter));
	assert_null(ct_counter_name(CT_COUNTER_END));
	assert_true(ct_counter_is_drop(CT_COUNTER_RING_FULL));
	assert_false(ct_counter_is_drop(CT_COUNTER_READ_STACK));
	assert_false(ct_counter_is_drop(CT_COUNTER_END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_passes),
		cmocka_unit_test(longer_events_pass),
		cmocka_unit_test(every_shorter_length_is_refused),
		cmocka_unit_test(an_older_observed_has_no_hops),
		cmocka_unit_test(other_types_are_skipped),
		cmocka_unit_test(length_and_alignment_have_bounds),
		cmocka_unit_test(enumerations_have_bounds),
		cmocka_unit_test(nothing_is_about_context_0),
		cmocka_unit_test(counts_are_not_believed),
		cmocka_unit_test(claimed_bytes_are_not_looked_at),
		cmocka_unit_test(any_damaged_tail_is_refused_or_whole),
		cmocka_unit_test(names_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
