// SPDX-License-Identifier: Apache-2.0
/*
 * Linux 6.7 and newer walk the page tables for us (PAGEMAP_SCAN) and skip what is not there, however large: the
 * shadow memory of Go's race detector is terabytes of untouched mappings. Older ones are asked page by page.
 */
#include "memory/present.h"

#include "base/time.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* struct page_region and struct pm_scan_arg of Linux 6.7 include/uapi/linux/fs.h; the headers of Debian 12 are older. */
struct region {
	uint64_t start, end;
	uint64_t categories;
};

struct scan_argument {
	uint64_t size, flags, start, end, walk_end;
	uint64_t regions, regions_count, max_pages;
	uint64_t inverted, mask, any_of, wanted;
};

#define PAGEMAP_SCAN _IOWR('f', 16, struct scan_argument)
#define PAGE_IS_PRESENT (1 << 3)
#define PAGE_IS_SWAPPED (1 << 4)
#define REGIONS 128

/* Asked page by page, a range may have this many bytes: 16 MiB of pagemap. */
#define SLOW_BYTES_MAX (UINT64_C(1) << 33)
#define ENTRIES 512

/* 50 us, 100 us, ...: 51 ms in all, as the thread that moves a page may have to wait for a processor. */
#define WAITS 10
#define FIRST_WAIT_NS (50 * CT_NSEC_PER_USEC)
#define VAIN_MAX 3

struct walk {
	struct ct_pagemap *pagemap;
	ct_stretch_visitor visit;
	void *opaque;
	uint64_t *swapped_pages;
};

/* Is it worth to ask once more for what looked swapped out `waits` times? If so, some time has passed. */
static bool wait_moved(struct ct_pagemap *pagemap, unsigned int waits)
{
	const struct timespec pause = { .tv_nsec = (long)(FIRST_WAIT_NS << waits) };

	if (pagemap->vain >= VAIN_MAX)
		return false;
	if (waits == WAITS) {
		pagemap->vain++;
		return false;
	}
	nanosleep(&pause, NULL);
	return true;
}

static bool has_swapped_entry(const uint64_t *entries, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		if (entries[i] & CT_PAGEMAP_SWAPPED && !(entries[i] & CT_PAGEMAP_PRESENT))
			return true;
	return false;
}

int ct_pagemap_read(struct ct_pagemap *pagemap, uint64_t first, uint64_t count, uint64_t *ret_entries)
{
	unsigned int waits = 0;
	ssize_t got;

	do {
		got = pread(pagemap->fd, ret_entries, count * 8, (off_t)(first * 8));
		if (got != (ssize_t)(count * 8))
			return got < 0 ? -errno : -ESRCH;
	} while (has_swapped_entry(ret_entries, count) && wait_moved(pagemap, waits++));
	return 0;
}

static bool has_swapped_region(const struct region *regions, int count)
{
	for (int i = 0; i < count; i++)
		if (!(regions[i].categories & PAGE_IS_PRESENT))
			return true;
	return false;
}

/* @return how many regions; the argument tells where the walk ended. */
static int ask_regions(struct ct_pagemap *pagemap, struct scan_argument *argument)
{
	const struct region *regions = (const struct region *)(uintptr_t)argument->regions;
	unsigned int waits = 0;
	int count;

	do
		count = ioctl(pagemap->fd, PAGEMAP_SCAN, argument);
	while (has_swapped_region(regions, count) && wait_moved(pagemap, waits++));
	return count;
}

static int visit_regions(const struct walk *walk, const struct region *regions, int count)
{
	int rc = 0;

	for (int i = 0; i < count && !rc; i++) {
		if (regions[i].categories & PAGE_IS_PRESENT)
			rc = walk->visit(walk->opaque, regions[i].start, regions[i].end);
		else
			*walk->swapped_pages += (regions[i].end - regions[i].start) / walk->pagemap->page_bytes;
	}
	return rc;
}

static int scan(const struct walk *walk, uint64_t start, uint64_t end)
{
	struct region regions[REGIONS];
	int rc = 0;

	while (start < end && !rc) {
		struct scan_argument argument = {
			.size = sizeof(argument),
			.start = start,
			.end = end,
			.regions = (uint64_t)(uintptr_t)regions,
			.regions_count = REGIONS,
			.any_of = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
			.wanted = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		};
		int count = ask_regions(walk->pagemap, &argument);

		if (count < 0)
			return -errno;
		rc = visit_regions(walk, regions, count);
		if (argument.walk_end <= start)
			return rc ? rc : -ESRCH;
		start = argument.walk_end;
	}
	return rc;
}

static int visit_entries(const struct walk *walk, const uint64_t *entries, uint64_t count, uint64_t address)
{
	uint64_t page = walk->pagemap->page_bytes;
	int rc = 0;

	for (uint64_t i = 0, from; i < count && !rc;) {
		if (!(entries[i] & CT_PAGEMAP_PRESENT)) {
			*walk->swapped_pages += (entries[i] & CT_PAGEMAP_SWAPPED) != 0;
			i++;
			continue;
		}
		for (from = i; i < count && entries[i] & CT_PAGEMAP_PRESENT; i++)
			;
		rc = walk->visit(walk->opaque, address + from * page, address + i * page);
	}
	return rc;
}

static int ask_pages(const struct walk *walk, uint64_t start, uint64_t end)
{
	uint64_t entries[ENTRIES], page = walk->pagemap->page_bytes;
	int rc = end - start > SLOW_BYTES_MAX ? -EOVERFLOW : 0;

	while (start < end && !rc) {
		uint64_t count = (end - start) / page;

		if (count > ENTRIES)
			count = ENTRIES;
		rc = ct_pagemap_read(walk->pagemap, start / page, count, entries);
		if (!rc)
			rc = visit_entries(walk, entries, count, start);
		start += count * page;
	}
	return rc;
}

int ct_present_each(struct ct_pagemap *pagemap, uint64_t start, uint64_t end, ct_stretch_visitor visit, void *opaque,
		    uint64_t *swapped_pages)
{
	const struct walk walk = { pagemap, visit, opaque, swapped_pages };
	int rc;

	if (start % pagemap->page_bytes || end % pagemap->page_bytes)
		return -EINVAL;
	rc = scan(&walk, start, end);
	return rc == -ENOTTY || rc == -EINVAL ? ask_pages(&walk, start, end) : rc;
}
