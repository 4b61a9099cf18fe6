// SPDX-License-Identifier: Apache-2.0
/*
 * Linux 6.7 and newer walk the page tables for us (PAGEMAP_SCAN) and skip what is not there, however large: the
 * shadow memory of Go's race detector is terabytes of untouched mappings. Older ones are asked page by page.
 */
#include "memory/present.h"

#include <errno.h>
#include <sys/ioctl.h>
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

struct walk {
	int fd;
	uint64_t page_bytes;
	ct_stretch_visitor visit;
	void *opaque;
	uint64_t *swapped_pages;
};

static int visit_regions(const struct walk *walk, const struct region *regions, int count)
{
	int rc = 0;

	for (int i = 0; i < count && !rc; i++) {
		if (regions[i].categories & PAGE_IS_PRESENT)
			rc = walk->visit(walk->opaque, regions[i].start, regions[i].end);
		else
			*walk->swapped_pages += (regions[i].end - regions[i].start) / walk->page_bytes;
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
		int count = ioctl(walk->fd, PAGEMAP_SCAN, &argument);

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
	int rc = 0;

	for (uint64_t i = 0, from; i < count && !rc;) {
		if (!(entries[i] & CT_PAGEMAP_PRESENT)) {
			*walk->swapped_pages += (entries[i] & CT_PAGEMAP_SWAPPED) != 0;
			i++;
			continue;
		}
		for (from = i; i < count && entries[i] & CT_PAGEMAP_PRESENT; i++)
			;
		rc = walk->visit(walk->opaque, address + from * walk->page_bytes, address + i * walk->page_bytes);
	}
	return rc;
}

static int ask_pages(const struct walk *walk, uint64_t start, uint64_t end)
{
	uint64_t entries[ENTRIES];
	int rc = end - start > SLOW_BYTES_MAX ? -EOVERFLOW : 0;

	while (start < end && !rc) {
		uint64_t count = (end - start) / walk->page_bytes;
		ssize_t got;

		if (count > ENTRIES)
			count = ENTRIES;
		got = pread(walk->fd, entries, count * 8, (off_t)(start / walk->page_bytes * 8));
		if (got != (ssize_t)(count * 8))
			return got < 0 ? -errno : -ESRCH;
		rc = visit_entries(walk, entries, count, start);
		start += count * walk->page_bytes;
	}
	return rc;
}

int ct_present_each(int pagemap_fd, uint64_t page_bytes, uint64_t start, uint64_t end, ct_stretch_visitor visit,
		    void *opaque, uint64_t *swapped_pages)
{
	const struct walk walk = { pagemap_fd, page_bytes, visit, opaque, swapped_pages };
	int rc;

	if (start % page_bytes || end % page_bytes)
		return -EINVAL;
	rc = scan(&walk, start, end);
	return rc == -ENOTTY || rc == -EINVAL ? ask_pages(&walk, start, end) : rc;
}
