// SPDX-License-Identifier: Apache-2.0
/* Events as text, each way: what is printed parses to the same bytes, and what is wrong is told with its column. */
#include "event/text_codec.h"
#include "event/text_fields.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

/* One line as bytes. */
struct parsed {
	_Alignas(8) char bytes[CT_EVENT_BYTES_MAX];
	size_t length;
	uint64_t now_ns;
	struct ct_error error;
	int rc;
};

static struct parsed *parse_at(const char *line, uint64_t now_ns)
{
	static struct parsed parsed;

	parsed = (struct parsed){.length = 12345, .now_ns = now_ns};
	parsed.rc = ct_event_text_parse_line(line, &parsed.now_ns, parsed.bytes, sizeof(parsed.bytes), &parsed.length,
					     &parsed.error);
	return &parsed;
}

static void print(struct ct_text *text, const struct parsed *parsed, uint64_t now_ns)
{
	struct ct_event event;

	assert_int_equal(ct_event_decode(parsed->bytes, parsed->length, &event), 0);
	ct_text_clear(text);
	ct_event_text_print(text, &event, &now_ns);
	assert_false(text->failed);
}

/* Printed as it was written. */
static void expect_same(const char *line, uint64_t now_ns)
{
	struct parsed *parsed = parse_at(line, now_ns);
	struct ct_text text = {0};

	if (parsed->rc)
		fail_msg("%s: %s", line, parsed->error.message);
	print(&text, parsed, now_ns);
	assert_string_equal(text.data, line);
	ct_text_done(&text);
}

/* Every field of every type, with every name of every list at least once. */
static void every_type_reads_as_it_is_written(void **state)
{
	static const char *const lines[] = {
		"+0 create context=0xc000123400 parent=0xc000100000 task=7 kind=deadline parent_kind=cancel "
		"deadline=+500ms path=3 hops=2 flags=detached|watched seq=12 cpu=3\n",
		"+1s create context=0x1 kind=unknown parent_kind=todo flags=parent_unread|asked_later\n",
		"+1s cancel_cause context=0x1 reason=deadline path=4 type=0x4a0000 text_address=0x4b0000 text_bytes=120 "
		"read_bytes=96 flags=born\n",
		"+0 cause context=0x1 flags=cut type=*main.quotaError text=too\\x20many\n",
		"+1ms cancel context=0x1 reason=explicit path=9\n",
		"+1us cancel context=0x1 reason=parent flags=born\n",
		"+1ns cancel_call context=0x1 path=4\n",
		"-7s free context=0xffffffffffffffff\n",
		"+0 abandon context=0x1\n",
		"+0 task_start task=18446744073709551615 creator=1 context=0x5 entry=0x401000 path=2 flags=thread\n",
		"+0 task_start task=8 creator=7 context=0x7f0000000800 entry=0x401180 path=2 entry_path=3 "
		"flags=thread|spawned|detached|library\n",
		"+0 task_end task=8\n",
		"+0 task_end task=8 flags=thread\n",
		"+0 task_join task=8 by=7\n",
		"+0 stack path=4294967295 frame=0x401000 frame=0x0 frame=0xffffffffffffffff\n",
		"+0 request context=0x1 task=7\n",
		"+0 request context=0x1 flags=end\n",
		"+0 exec\n",
		"+0 exit\n",
		"+0 target pid=7 runtime=go started=-3s flags=stripped exe=/bin/shop version=go1.26 build_id=ab\n",
		"+0 target runtime=c\n",
		"+0 provider attach_points=12 name=go\n",
		"+0 site path=1 frame=main.run|main.go|12|inlined frame=main.main|main.go|5 frame=f||0|stdlib\n",
		"+0 begin wall_clock_ns=1700000000000000000\n",
		"+0 end reason=target-exit\n",
		"+0 tick\n",
		"+0 gap from=-1s to=+0 lost=18446744073709551615\n",
		"+0 counters ring_full=1 stack_ring_full=2 paths_full=3 config_missing=4 read_context=5 read_parent=6 "
		"read_task=7 read_stack=8 read_cancel=9 parent_deep=10 map_update=11 read_goroutine=12 read_cause=13\n",
		"+0 scan_begin scan=1 began=-5ms collections=3 contexts=10 lost=2 read_bytes=4096 flags=complete\n",
		"+0 observed context=0x1 scan=1 kind=after_func state=undecided retained_by=parent|timer|goroutine "
		"parent=0x2 parent_kind=foreign deadline=+1s task=3 object_bytes=115 flags=deferred\n",
		"+0 scan_end scan=1 flags=complete\n",
		"+0 goroutine task=7 creator=1 context=0x5 context_state=lost wait_since=-1s created=2 entry=3 at=4 "
		"refers=5 flags=system|waits state=waiting reason=chan\\x20receive\n",
		"+0 holder context=0x1 hop=2 kind=channel task=7 path=9 object_bytes=48 entries=3 group=4 of=2000 "
		"flags=last|cut|parents name=main.pending\n",
		"+0 route context=0x10 task=7 route=GET\\x20/a\\x20b\n",
		"+0 memory scan=1 read=7 address=0xc000100000 bytes=3 content=00ff7a\n",
		"+0 memory scan=4294967295 read=1 address=0x1000 bytes=33554432 flags=zero\n",
		"+0 memory scan=1 read=1 address=0x1000 bytes=8192 pages=2 flags=swapped\n",
		"+0 memory scan=1 read=1 address=0x1000 bytes=8 flags=unreadable\n",
		"+0 memory scan=1 read=1 address=0x1000 bytes=8 flags=stopped\n",
		"+0 facts flags=last fact=go_minor|0x1a fact=closure|0x401000|0x1 fact=77|0x0\n",
		"+0 rules min_age_ns=2000000000 grace_ns=1000000000\n",
		"+0 task_idle task=7 channel=0xc000200000\n",
		"+0 task_seen task=7 creator=1 created=2 entry=3 flags=gone|system\n",
	};
	bool is_seen[CT_EVENT_TYPE_END] = {false};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		expect_same(lines[i], 100 * SECOND);
		is_seen[((struct ct_event_header *)parse_at(lines[i], 100 * SECOND)->bytes)->type] = true;
	}
	for (unsigned int type = 0; type < CT_EVENT_TYPE_END; type++)
		assert_int_equal(is_seen[type], ct_layouts[type].bytes != 0);
}

/* xorshift64*: the same numbers on every machine. */
static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

/* A value the field may have, small ones and extremes among them. */
static uint64_t value_of(const struct ct_field *field, uint64_t *seed)
{
	uint64_t value = draw(seed) >> draw(seed) % 64, names = 0;

	if (field->type == CT_FIELD_NAME) {
		while (field->names[names])
			names++;
		return value % names;
	}
	if (field->type == CT_FIELD_BITS && field->names[0] && !strcmp(field->names[0], "parent"))
		return value & 7;
	return field->size < 8 ? value & ((UINT64_C(1) << 8 * field->size) - 1) : value;
}

static void fill(char *event, const struct ct_field *fields, uint64_t *seed)
{
	for (const struct ct_field *field = fields; field && field->name; field++)
		assert_true(ct_field_set(event, field, value_of(field, seed)));
}

static size_t add_strings(char *event, size_t length, unsigned int count, uint64_t *seed)
{
	while (count--) {
		for (uint64_t rest = draw(seed) % 6; rest; rest--)
			event[length++] = (char)(1 + draw(seed) % 255);
		event[length++] = '\0';
	}
	return length;
}

/* Three of four with content, one with a flag and none. */
static size_t add_content(char *event, uint64_t *seed)
{
	struct ct_event_memory *memory = (struct ct_event_memory *)event;

	memory->header.flags = draw(seed) % 4 ? 0 : CT_MEMORY_ZERO;
	if (memory->header.flags)
		return sizeof(*memory);
	memory->bytes = draw(seed) % 40;
	for (uint64_t i = 0; i < memory->bytes; i++)
		event[sizeof(*memory) + i] = (char)draw(seed);
	return sizeof(*memory) + memory->bytes;
}

static size_t add_facts(char *event, uint64_t *seed)
{
	struct ct_event_facts *facts = (struct ct_event_facts *)event;
	struct ct_fact *fact = (struct ct_fact *)(facts + 1);

	facts->count = (uint32_t)(draw(seed) % 4);
	for (uint32_t i = 0; i < facts->count; i++)
		*fact++ = (struct ct_fact){ .name = (uint32_t)(draw(seed) % 16),
					    .first = draw(seed) >> draw(seed) % 64,
					    .second = draw(seed) % 2 ? draw(seed) : 0 };
	return (size_t)((char *)fact - event);
}

static size_t add_tail(char *event, const struct ct_layout *layout, uint64_t *seed)
{
	struct ct_event_site *site = (struct ct_event_site *)event;
	struct ct_event_stack *stack = (struct ct_event_stack *)event;
	size_t length = layout->bytes;

	if (layout->tail == CT_TAIL_STRINGS)
		length = add_strings(event, length, layout->tail_names[1] ? 3 : 1, seed);
	if (layout->tail == CT_TAIL_FRAMES) {
		site->frames = (uint16_t)(draw(seed) % 4);
		for (unsigned int i = 0; i < site->frames; i++) {
			uint32_t line = (uint32_t)draw(seed);

			memcpy(event + length, &line, sizeof(line));
			event[length + 4] = (char)draw(seed);
			length = add_strings(event, length + 5, 2, seed);
		}
	}
	if (layout->tail == CT_TAIL_CONTENT)
		return add_content(event, seed);
	if (layout->tail == CT_TAIL_FACTS)
		return add_facts(event, seed);
	if (layout->tail == CT_TAIL_STACK) {
		stack->depth = (uint32_t)(draw(seed) % (CT_STACK_FRAMES_MAX + 1));
		for (unsigned int i = 0; i < stack->depth; i++)
			stack->frames[i] = draw(seed);
	} else if (layout->tail) {
		assert_true(ct_field_set(event, &layout->tail_bytes, length - layout->bytes));
	}
	return length;
}

/* Whatever an event may hold comes back bit for bit. Bytes of names are any but NUL. */
static void random_events_round_trip(void **state)
{
	static _Alignas(8) char event[CT_EVENT_BYTES_MAX];
	struct ct_text text = {0};
	uint64_t seed = 1, passed = 0;

	(void)state;
	for (int round = 0; round < 40000; round++) {
		const struct ct_layout *layout = &ct_layouts[round % CT_EVENT_TYPE_END];
		struct ct_event_header *header = (struct ct_event_header *)event;
		struct parsed original = {.now_ns = draw(&seed) >> draw(&seed) % 64}, *again;

		memset(event, 0, sizeof(event));
		header->type = (uint8_t)(round % CT_EVENT_TYPE_END);
		header->time_ns = draw(&seed) >> draw(&seed) % 64;
		fill(event, layout->fields, &seed);
		fill(event, ct_header_fields, &seed);
		original.length = add_tail(event, layout, &seed);
		memcpy(original.bytes, event, original.length);
		if (ct_event_decode(original.bytes, original.length, &(struct ct_event){0}))
			continue; // zero where there must be none, a gap that ends before it begins
		passed++;
		print(&text, &original, original.now_ns);
		again = parse_at(text.data, original.now_ns);
		if (again->rc)
			fail_msg("%s: %s", text.data, again->error.message);
		assert_int_equal(again->length, original.length);
		assert_memory_equal(again->bytes, original.bytes, original.length);
		assert_int_equal(again->now_ns, header->time_ns);
	}
	assert_true(passed > 10000);
	ct_text_done(&text);
}

static void what_people_write_is_understood(void **state)
{
	struct parsed *parsed = parse_at("  # a comment\n", 5);
	const struct ct_event_create *create;

	(void)state;
	assert_int_equal(parsed->rc, 0);
	assert_int_equal(parsed->length, 0);
	assert_int_equal(parsed->now_ns, 5);
	assert_int_equal(parse_at("", 5)->length, 0);
	assert_int_equal(parse_at("\t \r\n", 5)->length, 0);

	parsed = parse_at("+1.5s  create kind=cancel context=255 parent=0xff0 # why\r\n", SECOND);
	assert_int_equal(parsed->rc, 0);
	create = (const struct ct_event_create *)parsed->bytes;
	assert_int_equal(create->header.time_ns, 2 * SECOND + SECOND / 2);
	assert_int_equal(create->context, 255);
	assert_int_equal(create->parent, 0xff0);

	parsed = parse_at("2m observed context=0x1 scan=1 retained=timer state=lost", 0); // no sign: no moment
	assert_int_equal(parsed->rc, -EINVAL);
	parsed = parse_at("+2m observed context=0x1 scan=1 retained=timer state=lost", 0);
	assert_int_equal(parsed->rc, 0);
	assert_int_equal(parsed->now_ns, 120 * SECOND);
	parsed = parse_at("+0.000000001s tick", 0);
	assert_int_equal(parsed->now_ns, 1);
	parsed = parse_at("+1h create context=1 kind=deadline deadline=3s", 0); // absolute
	assert_int_equal(((const struct ct_event_create *)parsed->bytes)->deadline_ns, 3 * SECOND);
}

static void wrong_lines_name_their_column(void **state)
{
	static const struct {
		const char *line;
		uint64_t column;
		const char *words;
	} cases[] = {
		{"bogus context=0x1", 0, "no event is called"},
		{"+0 unknown", 3, "no event is called"},
		{"+1x tick", 0, "no duration"},
		{"+ tick", 0, "no duration"},
		{"-1s tick", 0, "no duration"}, // before the clock began
		{"+20000000000s tick", 0, "no duration"},
		{"+", 0, "no duration"},
		{"+0", 2, "no event is called"},
		{"+0 free context=0x1 kind=cancel", 20, "no field of this event"},
		{"+0 free context", 8, "not a value"},
		{"+0 free context=", 8, "not a value"},
		{"+0 free context=0x", 8, "not a value"},
		{"+0 free context=0xg", 8, "not a value"},
		{"+0 free context=0x10000000000000000", 8, "not a value"},
		{"+0 free", 3, "a field is missing or out of its range"},
		{"+0 create context=0x1 hops=256", 22, "not a value"},
		{"+0 create context=0x1 kind=bogus", 22, "not a value"},
		{"+0 create context=0x1 flags=detached|bogus", 22, "not a value"},
		{"+0 cancel context=0x1 reason=none", 3, "a field is missing or out of its range"},
		{"+0 site path=1 frame=f|a.go|1|bogus", 21, "no frame"},
		{"+0 site path=1 frame=f|a.go|4294967296", 21, "no frame"},
		{"+0 site path=1 frame=f\\x4|a.go|1", 21, "a broken escape"},
		{"+0 site path=1 frame=f\\x00|a.go|1", 21, "a broken escape"},
		{"+0 site path=1 frame=f\\n|a.go|1", 21, "a broken escape"},
		{"+0 stack path=1 frame=main", 22, "no frame"},
		{"+0 memory scan=1 read=1 address=0x1000 content=0", 47, "no content"},
		{"+0 memory scan=1 read=1 address=0x1000 content=0g", 47, "no content"},
		{"+0 memory scan=1 read=1 address=0x1000 content=", 3, "a field is missing or out of its range"},
		{"+0 memory scan=1 read=1 address=0x1000 content=00 bytes=2", 3, "a field is missing or out of its range"},
		{"+0 facts fact=bogus|1", 14, "no fact"},
		{"+0 facts fact=text", 14, "no fact"},
		{"+0 facts fact=text|1|x", 14, "no fact"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed *parsed = parse_at(cases[i].line, 0);
		char column[32];

		assert_int_equal(parsed->rc, -EINVAL);
		assert_int_equal(parsed->length, 12345); // untouched
		assert_int_equal(parsed->now_ns, 0);
		assert_int_equal(parsed->error.offset, cases[i].column);
		assert_non_null(strstr(parsed->error.message, cases[i].words));
		snprintf(column, sizeof(column), "column %" PRIu64 ":", cases[i].column + 1);
		assert_non_null(strstr(parsed->error.message, column));
	}
}

/* A buffer of every size: no byte is written behind it (the sanitizer looks), and it is told when it is too small. */
static void small_buffers_are_respected(void **state)
{
	static const char line[] = "+0 site path=1 frame=main.run|main.go|12 frame=main.main|main.go|5";
	size_t whole = parse_at(line, 0)->length;

	(void)state;
	for (size_t size = 0; size <= whole; size++) {
		char *buffer = malloc(size ? size : 1);
		size_t length = 0;
		uint64_t now_ns = 0;
		int rc;

		assert_non_null(buffer);
		rc = ct_event_text_parse_line(line, &now_ns, buffer, size, &length, NULL);
		assert_int_equal(rc, size < whole ? -ENOBUFS : 0);
		free(buffer);
	}
}

static void too_many_frames_are_refused(void **state)
{
	struct ct_text text = {0};

	(void)state;
	ct_text_add(&text, "+0 stack path=1");
	for (int i = 0; i < CT_STACK_FRAMES_MAX; i++)
		ct_text_addf(&text, " frame=0x%x", i);
	assert_int_equal(parse_at(text.data, 0)->rc, 0);
	ct_text_add(&text, " frame=0x1");
	assert_int_equal(parse_at(text.data, 0)->rc, -EINVAL);
	ct_text_clear(&text);
	ct_text_add(&text, "+0 site path=1");
	for (int i = 0; i < 10000; i++)
		ct_text_add(&text, " frame=f||1");
	assert_int_equal(parse_at(text.data, 0)->rc, -ENOBUFS);
	ct_text_done(&text);
}

static int count_events(void *opaque, const struct ct_event *event)
{
	int *left = opaque;

	assert_int_equal(event->header->time_ns, (uint64_t)(11 - *left) * SECOND);
	return --*left ? 0 : -ECANCELED;
}

static void streams_are_told_by_line(void **state)
{
	static const char stream[] = "# a story\n\n+1s tick\n+1s tick\n  +1s bogus\n+1s tick\n";
	struct ct_error error = CT_ERROR_INIT;
	int left = 10;

	(void)state;
	assert_int_equal(ct_event_text_parse(stream, count_events, &left, &error), -EINVAL);
	assert_int_equal(left, 8);
	assert_non_null(strstr(error.message, "line 5, column 7"));
	assert_int_equal(error.offset, strstr(stream, "bogus") - stream);
	left = 10;
	assert_int_equal(ct_event_text_parse("+1s tick\n+1s tick", count_events, &left, NULL), 0);
	assert_int_equal(left, 8);
	left = 1;
	assert_int_equal(ct_event_text_parse("+10s tick\n+1s tick\n", count_events, &left, NULL), -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_reads_as_it_is_written), cmocka_unit_test(random_events_round_trip),
		cmocka_unit_test(what_people_write_is_understood),   cmocka_unit_test(wrong_lines_name_their_column),
		cmocka_unit_test(small_buffers_are_respected),	     cmocka_unit_test(too_many_frames_are_refused),
		cmocka_unit_test(streams_are_told_by_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
