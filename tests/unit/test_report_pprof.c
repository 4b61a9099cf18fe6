// SPDX-License-Identifier: Apache-2.0
/* The profile, unpacked again: one sample a finding, names that no terminal obeys, inlined frames in one location. */
#include "profile.pb-c.h"
#include "report/gzip.h"
#include "report/intern.h"
#include "report_story.h"

#include <stdlib.h>
#include <zlib.h>

#define UNPACKED_MAX 4000000

static size_t unzip(const struct ct_text *text, uint8_t *bytes)
{
	z_stream stream = {.next_in = (Bytef *)text->data,
			   .avail_in = (uInt)text->length,
			   .next_out = bytes,
			   .avail_out = UNPACKED_MAX};

	assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	inflateEnd(&stream);
	return UNPACKED_MAX - stream.avail_out;
}

static Ct__Pprof__Profile *unpack(const struct rendering *rendering)
{
	uint8_t *bytes = malloc(UNPACKED_MAX);
	Ct__Pprof__Profile *profile;

	assert_non_null(bytes);
	profile = ct__pprof__profile__unpack(NULL, unzip(&rendering->text, bytes), bytes);
	assert_non_null(profile);
	free(bytes);
	return profile;
}

static const char *string_at(const Ct__Pprof__Profile *profile, int64_t number)
{
	assert_true(number >= 0 && (size_t)number < profile->n_string_table);
	return profile->string_table[number];
}

/* The name of the function of a location's line; every reference on the way is one. */
static const char *name_at(const Ct__Pprof__Profile *profile, uint64_t location, size_t line)
{
	uint64_t function;

	assert_true(location && location <= profile->n_location);
	assert_int_equal(profile->location[location - 1]->id, location);
	assert_int_equal(profile->location[location - 1]->mapping_id, 1);
	assert_true(line < profile->location[location - 1]->n_line);
	function = profile->location[location - 1]->line[line]->function_id;
	assert_true(function && function <= profile->n_function);
	assert_int_equal(profile->function[function - 1]->id, function);
	return string_at(profile, profile->function[function - 1]->name);
}

static void a_leak_is_a_sample(void **state)
{
	static const char *const types[] = {"leaked_contexts", "count", "age", "nanoseconds", "retained", "bytes"};
	struct rendering rendering;
	Ct__Pprof__Profile *profile;
	struct tale tale;

	(void)state;
	tale_of_a_leak(&tale, 40);
	render(&rendering, &tale, "pprof");
	profile = unpack(&rendering);
	assert_string_equal(profile->string_table[0], "");
	assert_int_equal(profile->n_sample_type, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(string_at(profile, profile->sample_type[i]->type), types[2 * i]);
		assert_string_equal(string_at(profile, profile->sample_type[i]->unit), types[2 * i + 1]);
	}
	assert_string_equal(string_at(profile, profile->default_sample_type), "leaked_contexts");
	assert_int_equal(profile->time_nanos, 1700000000000000000);
	assert_int_equal(profile->duration_nanos, 30 * CT_NSEC_PER_SEC);
	assert_int_equal(profile->n_sample, 1);
	assert_int_equal(profile->sample[0]->value[0], 40);
	assert_int_equal(profile->sample[0]->value[1], rendering.findings.list[0].oldest_ns);
	assert_int_equal(profile->sample[0]->value[2], rendering.findings.list[0].retained_bytes);
	assert_int_equal(profile->sample[0]->n_location_id, 2);
	assert_string_equal(name_at(profile, profile->sample[0]->location_id[0], 0), "lib.(*executor).Run");
	assert_string_equal(name_at(profile, profile->sample[0]->location_id[1], 0), "main.(*Client).Call");
	assert_int_equal(profile->n_mapping, 1);
	assert_string_equal(string_at(profile, profile->mapping[0]->filename), "/srv/checkout");
	assert_string_equal(string_at(profile, profile->mapping[0]->build_id), "abcd");
	ct__pprof__profile__free_unpacked(profile, NULL);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void tale_of_a_stack(struct tale *tale, const char *site)
{
	tale_begin(tale, NULL);
	tell(tale, "+0 target pid=1 runtime=c exe=/x\\x1b[2J\n");
	tell(tale, site);
	tell(tale, "+0 create context=0x10 kind=deadline deadline=+1h parent_kind=background path=1\n"
		   "+0 abandon context=0x10\n+20s tick\n");
}

static void what_was_inlined_shares_a_location(void **state)
{
	struct rendering rendering;
	Ct__Pprof__Profile *profile;
	struct tale tale;

	(void)state;
	tale_of_a_stack(&tale, "+0 site path=1 frame=a|/a.c|1|inlined frame=b|/a.c|2|inlined frame=c|/a.c|3 frame=d|/a.c|4\n");
	render(&rendering, &tale, "pprof");
	profile = unpack(&rendering);
	assert_int_equal(profile->sample[0]->n_location_id, 2);
	assert_int_equal(profile->location[profile->sample[0]->location_id[0] - 1]->n_line, 3);
	assert_string_equal(name_at(profile, profile->sample[0]->location_id[0], 0), "a"); // innermost first
	assert_string_equal(name_at(profile, profile->sample[0]->location_id[0], 2), "c");
	assert_string_equal(name_at(profile, profile->sample[0]->location_id[1], 0), "d");
	ct__pprof__profile__free_unpacked(profile, NULL);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void hostile_names_are_escaped(void **state)
{
	struct rendering rendering;
	Ct__Pprof__Profile *profile;
	struct tale tale;

	(void)state;
	tale_of_a_stack(&tale, "+0 site path=1 frame=f\\x1b[31m\\x0a\\xff|/\\x07.c|1|inlined frame=||0|inlined\n");
	render(&rendering, &tale, "pprof");
	profile = unpack(&rendering);
	for (size_t i = 0; i < profile->n_string_table; i++)
		for (const char *at = profile->string_table[i]; *at; at++)
			assert_true(ct_utf8_printable(at, strlen(at)) == 1);
	assert_int_equal(profile->sample[0]->n_location_id, 1);
	assert_string_equal(name_at(profile, profile->sample[0]->location_id[0], 0), "f\\x1b[31m\\x0a\\xff");
	assert_string_equal(name_at(profile, profile->sample[0]->location_id[0], 1), "[unknown]");
	ct__pprof__profile__free_unpacked(profile, NULL);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void nobody_saw_it_is_unknown(void **state)
{
	struct rendering rendering;
	Ct__Pprof__Profile *profile;
	struct tale tale;

	(void)state;
	tale_of_a_stack(&tale, "+0 tick\n");
	render(&rendering, &tale, "pprof");
	profile = unpack(&rendering);
	assert_int_equal(profile->n_sample, 1);
	assert_string_equal(name_at(profile, profile->sample[0]->location_id[0], 0), "[unknown]");
	ct__pprof__profile__free_unpacked(profile, NULL);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void nothing_found_is_a_profile_too(void **state)
{
	struct rendering rendering;
	Ct__Pprof__Profile *profile;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	render(&rendering, &tale, "pprof");
	profile = unpack(&rendering);
	assert_int_equal(profile->n_sample, 0);
	assert_int_equal(profile->n_sample_type, 3);
	ct__pprof__profile__free_unpacked(profile, NULL);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void equal_things_have_one_number(void **state)
{
	struct ct_intern intern = {0};

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 5000; i++)
			assert_int_equal(ct_intern(&intern, &i, sizeof(i)), i);
	assert_int_equal(intern.count, 5000);
	assert_int_equal(ct_intern(&intern, "", 0), 5000);
	assert_false(intern.failed);
	ct_intern_done(&intern);
}

/* More than one buffer of zlib's, and the same bytes each time. */
static void gzip_gives_back_what_it_got(void **state)
{
	static uint8_t bytes[300000], back[UNPACKED_MAX];
	struct ct_text first = {0}, second = {0};
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
	assert_int_equal(ct_gzip(&first, bytes, sizeof(bytes)), 0);
	assert_int_equal(ct_gzip(&second, bytes, sizeof(bytes)), 0);
	assert_int_equal(first.length, second.length);
	assert_memory_equal(first.data, second.data, first.length);
	assert_int_equal(unzip(&first, back), sizeof(bytes));
	assert_memory_equal(bytes, back, sizeof(bytes));
	ct_text_done(&first);
	ct_text_done(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leak_is_a_sample),
		cmocka_unit_test(what_was_inlined_shares_a_location),
		cmocka_unit_test(hostile_names_are_escaped),
		cmocka_unit_test(nobody_saw_it_is_unknown),
		cmocka_unit_test(nothing_found_is_a_profile_too),
		cmocka_unit_test(equal_things_have_one_number),
		cmocka_unit_test(gzip_gives_back_what_it_got),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
