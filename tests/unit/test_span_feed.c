// SPDX-License-Identifier: Apache-2.0
/*
 * Spans copied ahead: the same copies in the same order with any number of helpers, the same bytes counted, and an end
 * at any point. The heap is made by hand in this process's own memory, which helpers read as they would another's.
 */
#include "memory/span_feed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define SPANS 400u
#define SWEEPGEN 10u
#define FREED 77u /* a span that is no longer in use when it is copied */

struct fixture {
	struct ct_process_memory process;
	struct ct_go_layout go;
	struct ct_heap heap;
	uint8_t *pages;	  /* of all spans */
	uint8_t *headers; /* CT_SPAN_HEADER_BYTES each */
	uint8_t bits[64];
};

static uint64_t element_bytes(unsigned int i)
{
	return i % 3 == 0 ? 16 : i % 3 == 1 ? 48 : 112;
}

static void put(uint8_t *to, uint64_t value, size_t bytes)
{
	memcpy(to, &value, bytes);
}

static void put_span(struct fixture *fixture, unsigned int i)
{
	const struct ct_heap_layout *layout = fixture->go.heap;
	uint8_t *header = fixture->headers + (size_t)i * CT_SPAN_HEADER_BYTES;
	uint8_t *page = fixture->pages + (size_t)i * CT_GO_PAGE_BYTES;

	put(header + 24, (uint64_t)(uintptr_t)page, 8);
	put(header + 32, 1, 8);
	put(header + layout->elements, CT_GO_PAGE_BYTES / element_bytes(i), layout->count_bytes);
	put(header + layout->alloc_bits, (uint64_t)(uintptr_t)fixture->bits, 8);
	put(header + layout->sweepgen, SWEEPGEN, 4);
	header[layout->state] = 1;
	put(header + layout->element_bytes, element_bytes(i), 8);
	memset(page, (int)i % 251 + 1, CT_GO_PAGE_BYTES);
	fixture->heap.spans[i] = (struct ct_span){
		.header = (uint64_t)(uintptr_t)header,
		.start = (uint64_t)(uintptr_t)page,
		.alloc_bits = (uint64_t)(uintptr_t)fixture->bits,
		.elements = (uint32_t)(CT_GO_PAGE_BYTES / element_bytes(i)),
		.sweepgen = SWEEPGEN,
		.element_bytes = (uint8_t)element_bytes(i),
	};
}

static void begin(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	assert_int_equal(ct_process_memory_init(&fixture->process, getpid()), 0);
	assert_int_equal(ct_go_layout_find(26, &fixture->go), 0);
	fixture->pages = mmap(NULL, SPANS * CT_GO_PAGE_BYTES + CT_GO_PAGE_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(fixture->pages, MAP_FAILED);
	fixture->pages += -(uintptr_t)fixture->pages % CT_GO_PAGE_BYTES;
	fixture->headers = calloc(SPANS, CT_SPAN_HEADER_BYTES);
	fixture->heap = (struct ct_heap){ .memory = &fixture->process.memory,
					  .layout = fixture->go.heap,
					  .sweepgen = SWEEPGEN,
					  .spans = calloc(SPANS, sizeof(struct ct_span)),
					  .span_count = SPANS };
	assert_true(fixture->headers && fixture->heap.spans);
	for (unsigned int i = 0; i < SPANS; i++)
		put_span(fixture, i);
	fixture->headers[(size_t)FREED * CT_SPAN_HEADER_BYTES + fixture->go.heap->state] = 0;
}

static void done(struct fixture *fixture)
{
	ct_process_memory_done(&fixture->process);
	free(fixture->headers);
	free(fixture->heap.spans);
}

static struct ct_span_feed *open_feed(struct fixture *fixture, unsigned int helpers)
{
	struct ct_span_feed *feed = NULL;

	assert_int_equal(ct_span_feed_open(&feed, &fixture->heap, &fixture->process, ct_size_bit(16) | ct_size_bit(112),
					   helpers),
			 0);
	return feed;
}

/* @return bytes read. */
static uint64_t read_all(struct fixture *fixture, unsigned int helpers)
{
	struct ct_span_feed *feed = open_feed(fixture, helpers);
	uint64_t before = fixture->process.memory.read_bytes;
	const struct ct_span_view *view = NULL;

	for (unsigned int i = 0; i < SPANS; i++) {
		if (element_bytes(i) == 48)
			continue;
		assert_int_equal(ct_span_feed_next(feed, &view), 1);
		assert_int_equal(view->span.start, fixture->heap.spans[i].start);
		assert_int_equal(view->is_torn, i == FREED); // told, so that whoever reads can ask whether it is gone
		if (i != FREED)
			assert_int_equal(view->data[8], i % 251 + 1);
	}
	assert_int_equal(ct_span_feed_next(feed, &view), 0);
	assert_int_equal(ct_span_feed_next(feed, &view), 0);
	ct_span_feed_close(feed);
	return fixture->process.memory.read_bytes - before;
}

static void helpers_change_nothing(void **state)
{
	struct fixture fixture;
	uint64_t bytes;

	(void)state;
	begin(&fixture);
	bytes = read_all(&fixture, 0);
	assert_true(bytes > SPANS / 2 * CT_GO_PAGE_BYTES);
	for (unsigned int helpers = 1; helpers <= CT_FEED_HELPERS_MAX + 1; helpers++)
		assert_int_equal(read_all(&fixture, helpers), bytes);
	done(&fixture);
}

static void it_may_end_anywhere(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	for (unsigned int helpers = 0; helpers < 3; helpers++) {
		for (unsigned int taken = 0; taken < 40; taken++) {
			struct ct_span_feed *feed = open_feed(&fixture, helpers);
			const struct ct_span_view *view;

			for (unsigned int i = 0; i < taken; i++)
				assert_int_equal(ct_span_feed_next(feed, &view), 1);
			ct_span_feed_close(feed);
		}
	}
	ct_span_feed_close(NULL);
	done(&fixture);
}

static void an_empty_heap_has_an_end(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	fixture.heap.span_count = 2; // and the second is of no wanted size
	for (unsigned int helpers = 0; helpers < 3; helpers++) {
		struct ct_span_feed *feed = open_feed(&fixture, helpers);
		const struct ct_span_view *view;

		assert_int_equal(ct_span_feed_next(feed, &view), 1);
		assert_int_equal(ct_span_feed_next(feed, &view), 0);
		ct_span_feed_close(feed);
	}
	done(&fixture);
}

/* What came before the failure is still told, and the failure stays. */
static void a_failure_is_told_in_its_place(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	for (unsigned int helpers = 0; helpers < 3; helpers++) {
		struct ct_span_feed *feed;
		const struct ct_span_view *view;
		int rc, seen = 0;

		close(fixture.process.mem_fd); // from the first read on
		feed = open_feed(&fixture, helpers);
		while ((rc = ct_span_feed_next(feed, &view)) > 0)
			seen++;
		assert_int_equal(seen, 0);
		assert_int_equal(rc, -EBADF);
		assert_int_equal(ct_span_feed_next(feed, &view), -EBADF);
		ct_span_feed_close(feed);
		fixture.process.mem_fd = dup(0);
		assert_true(fixture.process.mem_fd >= 0);
	}
	done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(helpers_change_nothing),
		cmocka_unit_test(it_may_end_anywhere),
		cmocka_unit_test(an_empty_heap_has_an_end),
		cmocka_unit_test(a_failure_is_told_in_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
