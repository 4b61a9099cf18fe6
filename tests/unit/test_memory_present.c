// SPDX-License-Identifier: Apache-2.0
/* Pages that a pagemap tells as swapped out: some are, and some are only being moved. The pagemap here is a file. */
#include "memory/present.h"

#include "base/time.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PAGE 4096
#define PAGES 8
#define AWAY 3 /* the page that is not there */

static struct ct_pagemap pagemap;
static unsigned int waits, back_after; /* the page is back after so many waits; 0 never */
static uint64_t waited_ns, visited, swapped;

static void put(uint64_t page, uint64_t entry)
{
	assert_int_equal(pwrite(pagemap.fd, &entry, 8, (off_t)(page * 8)), 8);
}

/* In place of the C library's: the kernel does its work while we sleep. */
int nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)left;
	waited_ns += (uint64_t)pause->tv_sec * CT_NSEC_PER_SEC + (uint64_t)pause->tv_nsec;
	if (++waits == back_after)
		put(AWAY, CT_PAGEMAP_PRESENT);
	return 0;
}

static int visit(void *opaque, uint64_t start, uint64_t end)
{
	(void)opaque;
	visited += (end - start) / PAGE;
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	pagemap = (struct ct_pagemap){ .fd = memfd_create("pagemap", 0), .page_bytes = PAGE };
	assert_true(pagemap.fd >= 0);
	for (uint64_t i = 0; i < PAGES; i++)
		put(i, CT_PAGEMAP_PRESENT);
	put(AWAY, CT_PAGEMAP_SWAPPED);
	waits = back_after = 0;
	waited_ns = visited = swapped = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(pagemap.fd);
	return 0;
}

static void moved_pages_are_there(void **state)
{
	uint64_t entries[PAGES];

	(void)state;
	back_after = 4;
	assert_int_equal(ct_pagemap_read(&pagemap, 0, PAGES, entries), 0);
	assert_int_equal(entries[AWAY], CT_PAGEMAP_PRESENT);
	assert_int_equal(waits, 4);
	put(AWAY, CT_PAGEMAP_SWAPPED);
	back_after = 5;
	assert_int_equal(ct_present_each(&pagemap, 0, PAGES * PAGE, visit, NULL, &swapped), 0);
	assert_int_equal(visited, PAGES);
	assert_int_equal(swapped, 0);
	assert_int_equal(pagemap.vain, 0);
}

static void swapped_pages_are_counted(void **state)
{
	(void)state;
	assert_int_equal(ct_present_each(&pagemap, 0, PAGES * PAGE, visit, NULL, &swapped), 0);
	assert_int_equal(visited, PAGES - 1);
	assert_int_equal(swapped, 1);
	assert_in_range(waited_ns, 20 * CT_NSEC_PER_MSEC, 100 * CT_NSEC_PER_MSEC);
}

/* A process of which much is swapped out shall not take minutes. */
static void waits_have_an_end(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= 100; i++) {
		assert_int_equal(ct_present_each(&pagemap, 0, PAGES * PAGE, visit, NULL, &swapped), 0);
		assert_int_equal(swapped, i);
	}
	assert_true(waited_ns <= 200 * CT_NSEC_PER_MSEC);
}

static void nothing_waits_for_pages_never_touched(void **state)
{
	(void)state;
	put(AWAY, 0);
	assert_int_equal(ct_present_each(&pagemap, 0, PAGES * PAGE, visit, NULL, &swapped), 0);
	assert_int_equal(visited, PAGES - 1);
	assert_int_equal(swapped, 0);
	assert_int_equal(waits, 0);
}

static void refusals(void **state)
{
	uint64_t entries[PAGES];

	(void)state;
	assert_int_equal(ct_present_each(&pagemap, 1, PAGE, visit, NULL, &swapped), -EINVAL);
	assert_int_equal(ct_pagemap_read(&pagemap, PAGES - 1, 2, entries), -ESRCH); // beyond its end
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(moved_pages_are_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(swapped_pages_are_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_have_an_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_waits_for_pages_never_touched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
