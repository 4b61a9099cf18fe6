// SPDX-License-Identifier: Apache-2.0
/*
 * What a census read, kept and read again: each read of a reading is answered as it was answered then, whatever changed
 * in between; nothing is told twice; what is not there is never invented.
 */
#include "fake_memory.h"
#include "memory/image.h"
#include "memory/image_writer.h"
#include "memory/page_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define BASE UINT64_C(0x7f0000000000)
#define PAGES 6
#define BYTES (PAGES * CT_IMAGE_PAGE)

/* A target that is read, and what its recording holds. */
struct fixture {
	struct fake_memory fake;
	uint8_t data[BYTES];
	struct ct_image_writer *writer;
	struct ct_image *image;
	unsigned int events;
	uint64_t content; /* bytes told with their content */
	uint64_t swaps;	  /* pages that the next read leaves out */
};

static struct fixture fixture;

static int add(void *opaque, const struct ct_event *event)
{
	struct ct_event checked;

	(void)opaque;
	assert_int_equal(ct_event_decode(event->header, event->bytes, &checked), 0);
	assert_int_equal(event->header->type, CT_EVENT_MEMORY);
	fixture.events++;
	fixture.content += event->header->flags ? 0 : event->memory->bytes;
	assert_int_equal(ct_image_add(fixture.image, event->memory), 0);
	return 0;
}

static void leave_out(struct fake_memory *fake)
{
	fake->memory.swapped_pages += fixture.swaps;
	fixture.swaps = 0;
}

static void begin(void)
{
	memset(&fixture, 0, sizeof(fixture));
	for (size_t i = 0; i < BYTES; i++)
		fixture.data[i] = (uint8_t)(i * 7 + i / 256 + 1);
	fake_init(&fixture.fake);
	fake_add(&fixture.fake, BASE, fixture.data, BYTES);
	fixture.fake.before_read = leave_out;
	fixture.image = ct_image_new();
	fixture.writer = ct_image_writer_new(add, NULL);
	assert_true(fixture.image && fixture.writer);
	fixture.fake.memory.listener = ct_image_writer_listener(fixture.writer);
	ct_image_writer_begin(fixture.writer, 1, 77);
}

static void done(void)
{
	ct_image_writer_free(fixture.writer);
	ct_image_free(fixture.image);
}

static int look(struct ct_memory *memory, uint64_t offset, void *buffer, size_t bytes)
{
	return ct_memory_read(memory, BASE + offset, buffer, bytes);
}

static void read_target(uint64_t offset, size_t bytes)
{
	uint8_t buffer[BYTES];

	assert_int_equal(look(&fixture.fake.memory, offset, buffer, bytes), 0);
	assert_memory_equal(buffer, fixture.data + offset, bytes);
}

/* The byte that the image answers with. */
static int image_byte(uint64_t offset)
{
	uint8_t byte = 0;
	int rc = look(ct_image_memory(fixture.image), offset, &byte, 1);

	return rc ?: byte;
}

static void nothing_is_told_twice(void **state)
{
	(void)state;
	begin();
	read_target(0, BYTES);
	assert_int_equal(fixture.events, 1);
	assert_int_equal(fixture.content, BYTES);
	ct_image_writer_begin(fixture.writer, 2, 78);
	read_target(0, BYTES);
	read_target(5000, 100);
	assert_int_equal(fixture.events, 1);
	fixture.data[5050] ^= 1;
	fixture.data[5052] ^= 1;
	read_target(5000, 100);
	assert_int_equal(fixture.events, 2);
	assert_int_equal(fixture.content, BYTES + 3);
	fixture.data[5050] ^= 1; // as it was, but not as it was told last
	read_target(0, BYTES);
	assert_int_equal(fixture.events, 3);
	assert_int_equal(fixture.content, BYTES + 4);
	done();
}

/* Nothing is told that was not read: bytes beside a read do not get into a recording. */
static void nothing_is_told_that_was_not_read(void **state)
{
	(void)state;
	begin();
	read_target(100, 8);
	read_target(4090, 10); // over the end of a page
	assert_int_equal(fixture.content, 18);
	ct_image_begin(fixture.image, 1);
	assert_int_equal(image_byte(100), fixture.data[100]);
	assert_int_equal(image_byte(4099), fixture.data[4099]);
	assert_true(ct_image_is_whole(fixture.image));
	assert_int_equal(image_byte(99), -EFAULT);
	assert_false(ct_image_is_whole(fixture.image));
	ct_image_begin(fixture.image, 1);
	assert_true(ct_image_is_whole(fixture.image));
	assert_int_equal(image_byte(4100), -EFAULT);
	assert_int_equal(image_byte(BYTES), -EFAULT);
	assert_int_equal(look(ct_image_memory(fixture.image), 96, &(uint8_t[16]){ 0 }, 16), -EFAULT);
	done();
}

/* Long stretches that nobody touched take one event, and as little room in the image as their pages. */
static void zeros_are_told_in_one(void **state)
{
	static uint8_t buffer[1 << 20];

	(void)state;
	begin();
	fake_add(&fixture.fake, BASE + (1 << 30), buffer, 1);
	fixture.fake.stretches[1].is_sparse = true;
	for (int i = 0; i < 2; i++)
		assert_int_equal(look(&fixture.fake.memory, 1 << 30, buffer, sizeof(buffer)), 0);
	assert_int_equal(fixture.events, 1);
	assert_int_equal(fixture.content, 0);
	memset(fixture.data, 0, CT_IMAGE_PAGE); // one page of zeros between others
	read_target(0, BYTES);
	assert_int_equal(fixture.events, 3);
	memset(buffer, 1, sizeof(buffer));
	ct_image_begin(fixture.image, 1);
	assert_int_equal(look(ct_image_memory(fixture.image), 1 << 30, buffer, sizeof(buffer)), 0);
	for (size_t i = 0; i < sizeof(buffer); i++)
		assert_int_equal(buffer[i], 0);
	done();
}

/* A byte that read 2 saw as 1, and read 4 as 2: reads 2 and 3 see 1, later ones 2; the first sees what comes next. */
static void reads_see_the_latest_before_them(void **state)
{
	(void)state;
	begin();
	read_target(BYTES - 1, 1);
	fixture.data[10] = 1;
	read_target(10, 1);
	read_target(BYTES - 1, 1);
	fixture.data[10] = 2;
	read_target(10, 1);
	ct_image_writer_begin(fixture.writer, 2, 78);
	fixture.data[10] = 3;
	read_target(10, 1);

	ct_image_begin(fixture.image, 1);
	for (int i = 1; i <= 6; i++)
		assert_int_equal(image_byte(10), i < 4 ? 1 : 2);
	ct_image_begin(fixture.image, 2);
	assert_int_equal(image_byte(10), 3);
	ct_image_begin(fixture.image, 3);
	assert_int_equal(image_byte(10), 3);
	assert_true(ct_image_is_whole(fixture.image));
	done();
}

static void pages_left_out_make_a_reading_doubtful(void **state)
{
	struct ct_memory *memory;

	(void)state;
	begin();
	memory = ct_image_memory(fixture.image);
	read_target(0, 8);
	fixture.swaps = 3;
	read_target(0, 8); // the same bytes, and still it has to be told
	ct_image_begin(fixture.image, 1);
	assert_false(ct_image_is_whole(fixture.image)); // the read that left them out was not met
	image_byte(0);
	assert_int_equal(memory->swapped_pages, 0);
	image_byte(0);
	assert_int_equal(memory->swapped_pages, 3);
	assert_true(ct_image_is_whole(fixture.image));
	ct_image_begin(fixture.image, 2);
	image_byte(0);
	assert_int_equal(memory->swapped_pages, 3);
	done();
}

/* xorshift64*: the same numbers on every machine. */
static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

/* One read and the change before it, both from the seed. */
static void step(struct ct_memory *memory, uint64_t *seed, uint8_t *buffer, int *ret_rc, size_t *ret_bytes)
{
	uint64_t offset = draw(seed) % BYTES, at = draw(seed) % BYTES;
	size_t most = draw(seed) % 4 ? 64 : 2 * CT_IMAGE_PAGE;

	if (draw(seed) % 3 == 0)
		memset(fixture.data + at, draw(seed) % 2 ? 0 : (int)(draw(seed) % 4), draw(seed) % (BYTES - at) % 300);
	fixture.fake.stretches[0].bytes = draw(seed) % 20 ? BYTES : BYTES / 2; // part of it is gone for a moment
	*ret_bytes = draw(seed) % 5 ? 1 + draw(seed) % most : CT_IMAGE_PAGE;
	if (*ret_bytes == CT_IMAGE_PAGE)
		offset -= offset % CT_IMAGE_PAGE;
	*ret_rc = ct_memory_read(memory, BASE + offset, buffer, *ret_bytes);
}

/* Whatever changes, whatever is read: asked the same again, the image answers the same. */
static void random_readings_are_answered_again(void **state)
{
	static uint8_t buffer[2 * CT_IMAGE_PAGE];
	static struct {
		uint8_t bytes[2 * CT_IMAGE_PAGE];
		int rc;
	} seen[60];

	(void)state;
	for (uint64_t round = 1; round <= 150; round++) {
		uint64_t seed = round, again = round;
		size_t bytes;
		int rc;

		begin();
		for (size_t i = 0; i < 60; i++) {
			if (i % 20 == 0)
				ct_image_writer_begin(fixture.writer, (uint32_t)(i / 20 + 1), 0);
			step(&fixture.fake.memory, &seed, seen[i].bytes, &seen[i].rc, &bytes);
		}
		for (size_t i = 0; i < 60; i++) {
			if (i % 20 == 0)
				ct_image_begin(fixture.image, (uint32_t)(i / 20 + 1));
			step(ct_image_memory(fixture.image), &again, buffer, &rc, &bytes);
			if (rc != seen[i].rc || (!rc && memcmp(buffer, seen[i].bytes, bytes)))
				fail_msg("round %d, read %zu: %d, then %d", (int)round, i, seen[i].rc, rc);
		}
		assert_true(ct_image_is_whole(fixture.image)); // what could not be read is no hole
		done();
	}
}

static int add_event(uint32_t scan, uint32_t read, uint64_t address, uint64_t bytes, uint8_t flags)
{
	struct ct_event_memory event = {
		.header = { .type = CT_EVENT_MEMORY, .flags = flags },
		.address = address,
		.bytes = bytes,
		.scan = scan,
		.read = read,
	};

	return ct_image_add(fixture.image, &event);
}

static void forged_events_are_bounded(void **state)
{
	(void)state;
	begin();
	assert_int_equal(add_event(1, 5, BASE, 8, CT_MEMORY_ZERO), 0);
	assert_int_equal(add_event(1, 4, BASE, 8, CT_MEMORY_ZERO), -EPROTO);
	assert_int_equal(add_event(2, 1, 0, UINT64_C(1) << 47, CT_MEMORY_ZERO), -EOVERFLOW);
	assert_int_equal(add_event(2, 1, UINT64_MAX - 8192, 8192, CT_MEMORY_ZERO), 0);
	assert_int_equal(add_event(2, 1, 1, UINT64_MAX - 1, CT_MEMORY_UNREADABLE), -EOVERFLOW);
	assert_int_equal(add_event(1, 9, BASE, 8, CT_MEMORY_ZERO), -EPROTO);
	for (uint32_t i = 0; i < 1000; i++) // one byte, told over and over
		assert_int_equal(add_event(3, 1 + i, BASE, 1, CT_MEMORY_ZERO), 0);
	ct_image_bound(fixture.image, 100500);
	ct_image_begin(fixture.image, 2);
	for (int i = 0; i < 100; i++) // each looks at all of them
		assert_int_equal(image_byte(0), 0);
	assert_true(ct_image_is_whole(fixture.image));
	assert_int_equal(image_byte(0), -EOVERFLOW);
	assert_false(ct_image_is_whole(fixture.image));
	done();
}

static void a_cut_image_is_not_whole(void **state)
{
	(void)state;
	begin();
	read_target(0, 8);
	ct_image_begin(fixture.image, 1);
	assert_int_equal(image_byte(0), fixture.data[0]);
	assert_true(ct_image_is_whole(fixture.image));
	assert_int_equal(add_event(1, 9, 4096, 1, CT_MEMORY_STOPPED), 0);
	ct_image_begin(fixture.image, 1);
	assert_false(ct_image_is_whole(fixture.image));
	done();
}

static int refuse(void *opaque, const struct ct_event *event)
{
	(void)event;
	++*(int *)opaque;
	return -EIO;
}

static void a_writer_ends_with_its_first_error(void **state)
{
	int calls = 0;

	(void)state;
	begin();
	ct_image_writer_free(fixture.writer);
	fixture.writer = ct_image_writer_new(refuse, &calls);
	fixture.fake.memory.listener = ct_image_writer_listener(fixture.writer);
	read_target(0, BYTES);
	read_target(0, 100);
	assert_int_equal(calls, 1);
	assert_int_equal(ct_image_writer_error(fixture.writer), -EIO);
	done();
}

static void reads_have_a_bound(void **state)
{
	struct ct_memory *memory = &fixture.fake.memory;
	uint8_t buffer[BYTES];

	(void)state;
	begin();
	memory->has_bound = true;
	memory->cost_left = 2 * CT_READ_COST + CT_IMAGE_PAGE;
	assert_int_equal(look(memory, 0, buffer, 1), 0);
	assert_int_equal(look(memory, 0, buffer, CT_IMAGE_PAGE), 0);
	assert_int_equal(look(memory, 0, buffer, CT_READ_COST), 0);
	assert_false(memory->is_spent);
	assert_int_equal(look(memory, 0, buffer, 1), -EOVERFLOW);
	assert_true(memory->is_spent);
	memory->has_bound = false;
	assert_int_equal(look(memory, 0, buffer, 1), 0);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_told_twice),
		cmocka_unit_test(nothing_is_told_that_was_not_read),
		cmocka_unit_test(zeros_are_told_in_one),
		cmocka_unit_test(reads_see_the_latest_before_them),
		cmocka_unit_test(pages_left_out_make_a_reading_doubtful),
		cmocka_unit_test(random_readings_are_answered_again),
		cmocka_unit_test(forged_events_are_bounded),
		cmocka_unit_test(a_cut_image_is_not_whole),
		cmocka_unit_test(a_writer_ends_with_its_first_error),
		cmocka_unit_test(reads_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
