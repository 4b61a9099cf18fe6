// SPDX-License-Identifier: Apache-2.0
/* The ring: records keep their place from reservation on, and their room until they are consumed. */
#include "shim_private.h"

#include <linux/bpf.h>
#include <string.h>

#define RECORDS_MAX 131072
#define HEAD_BYTES  8

/* What the kernel leaves in reserved memory: anything but zeros. */
#define LEFT_OVER 0xa5

enum state { OPEN, SUBMITTED, DISCARDED };

struct record {
	void *bytes;
	size_t length;
	enum state state;
};

static struct record records[RECORDS_MAX];
static size_t count, open_count, submitted_count;
static uint64_t backlog_bytes;

static void clear(void)
{
	for (size_t i = 0; i < count; i++)
		free(records[i].bytes);
	count = open_count = submitted_count = 0;
	backlog_bytes = 0;
}

void shim_ring_reset(void)
{
	clear();
}

void shim_consume(void)
{
	shim_check(!shim_reservations(), "every reservation was submitted or discarded");
	clear();
}

void *shim_ring_reserve(uint64_t ring_bytes, uint64_t bytes, uint64_t flags)
{
	uint64_t taken = (bytes + HEAD_BYTES + 7) & ~UINT64_C(7);
	struct record *record = &records[count];

	shim_check(!flags && bytes && count < RECORDS_MAX, "a reservation the kernel would take");
	if (shim.ring_bytes)
		ring_bytes = shim.ring_bytes;
	if (backlog_bytes + taken > ring_bytes - 1)
		return NULL;
	record->bytes = malloc(bytes); // exactly this long: the sanitizer sees what writes past it
	shim_check(record->bytes, "there is memory");
	memset(record->bytes, LEFT_OVER, bytes);
	record->length = bytes;
	record->state = OPEN;
	backlog_bytes += taken;
	open_count++;
	count++;
	return record->bytes;
}

static void close_record(const void *event, enum state state)
{
	size_t i = count;

	while (i && (records[i - 1].bytes != event || records[i - 1].state != OPEN))
		i--;
	shim_check(i, "what is handed over was reserved and is handed over once");
	records[i - 1].state = state;
	open_count--;
	submitted_count += state == SUBMITTED;
}

void shim_ring_submit(void *event, uint64_t flags)
{
	close_record(event, SUBMITTED);
	shim_check(flags == BPF_RB_NO_WAKEUP || flags == BPF_RB_FORCE_WAKEUP, "wake-ups are asked for, or not wanted");
	shim.wake_ups += flags == BPF_RB_FORCE_WAKEUP;
}

void shim_ring_discard(void *event, uint64_t flags)
{
	close_record(event, DISCARDED);
	shim_check(flags == BPF_RB_NO_WAKEUP, "nothing to wake anybody for");
}

uint64_t shim_ring_query(uint64_t what)
{
	shim_check(what == BPF_RB_AVAIL_DATA, "only the backlog is asked for");
	return backlog_bytes;
}

size_t shim_reservations(void)
{
	return open_count;
}

size_t shim_events(void)
{
	return submitted_count;
}

const void *shim_event(size_t index, size_t *ret_bytes)
{
	for (size_t i = 0; i < count; i++) {
		if (records[i].state != SUBMITTED || index--)
			continue;
		*ret_bytes = records[i].length;
		return records[i].bytes;
	}
	return NULL;
}
