// SPDX-License-Identifier: Apache-2.0
#include "agent/reread.h"

#include "agent/scan.h"
#include "memory/facts.h"
#include "memory/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Events between two brackets that are held back; a million contexts take 80 MB. */
#define HELD_BYTES_MAX (UINT64_C(1) << 30)

struct ct_reread {
	struct ct_pipeline *pipeline;
	struct ct_census_facts facts;
	struct ct_image *image;
	struct ct_scanner scanner; /* its census reads the image */
	bool has_facts;
	const char *trouble; /* why the memory is of no use; NULL: it is */
	uint32_t readings, reread;
	/* The reading at hand. */
	struct ct_retelling retelling;
	uint8_t *held; /* its events: length and bytes, each on 8 bytes */
	size_t held_bytes, held_room;
	uint64_t *times;
	size_t times_room;
	bool is_holding;
};

/* The scanner's own: what a reading tells. Others that came between are passed on as they are. */
static bool is_told_by_scanner(uint8_t type)
{
	return type >= CT_EVENT_SCAN_BEGIN && type < CT_EVENT_MEMORY;
}

static void give_up(struct ct_reread *reread, const char *trouble)
{
	if (!reread->trouble)
		reread->trouble = trouble;
}

static int grow(void **items, size_t count, size_t *room, size_t item_bytes)
{
	size_t more = count + count / 2 + 64;
	void *bigger;

	if (count <= *room)
		return 0;
	bigger = realloc(*items, more * item_bytes);
	if (!bigger)
		return -ENOMEM;
	*items = bigger;
	*room = more;
	return 0;
}

static int hold(struct ct_reread *reread, const struct ct_event *event)
{
	size_t bytes = 8 + ((event->bytes + 7) & ~(size_t)7), count = reread->retelling.times_count;
	uint64_t length = event->bytes;
	int rc = grow((void **)&reread->held, reread->held_bytes + bytes, &reread->held_room, 1);

	if (!rc)
		rc = grow((void **)&reread->times, count + 1, &reread->times_room, sizeof(*reread->times));
	if (rc)
		return rc;
	memcpy(reread->held + reread->held_bytes, &length, sizeof(length));
	memcpy(reread->held + reread->held_bytes + 8, event->header, event->bytes);
	reread->held_bytes += bytes;
	if (is_told_by_scanner(event->header->type))
		reread->times[reread->retelling.times_count++] = event->header->time_ns;
	return 0;
}

/* Pass on what was held back: all of it, or what the scanner does not tell anew. */
static int release(struct ct_reread *reread, bool is_retold)
{
	int rc = 0;

	for (size_t at = 0; at < reread->held_bytes && !rc;) {
		struct ct_event event = { .header = (void *)(reread->held + at + 8) };
		uint64_t length;

		memcpy(&length, reread->held + at, sizeof(length));
		event.bytes = length;
		at += 8 + ((length + 7) & ~UINT64_C(7));
		if (!is_retold || !is_told_by_scanner(event.header->type))
			rc = ct_pipeline_push(reread->pipeline, &event);
	}
	reread->held_bytes = 0;
	reread->retelling.times_count = 0;
	reread->is_holding = false;
	return rc;
}

/* The census of the image, made when the first reading is to be asked again. */
static bool has_census(struct ct_reread *reread)
{
	if (reread->trouble)
		return false;
	if (!reread->scanner.census &&
	    ct_census_over(&reread->facts, ct_image_memory(reread->image), &reread->scanner.census, NULL))
		give_up(reread, "this version does not know the Go release");
	reread->scanner.has_no_stream = true;
	return !reread->trouble;
}

static int begin(struct ct_reread *reread, const struct ct_event *event)
{
	int rc = release(reread, false); // brackets do not nest: what is open was cut

	reread->readings++;
	if (rc || !has_census(reread))
		return rc ?: ct_pipeline_push(reread->pipeline, event);
	reread->is_holding = true;
	reread->retelling = (struct ct_retelling){ .recorded = *event->scan };
	ct_image_begin(reread->image, event->scan->scan);
	return hold(reread, event);
}

static int end(struct ct_reread *reread)
{
	int rc;

	if (reread->trouble) // of a question after the reading
		return release(reread, false);
	reread->retelling.times = reread->times;
	rc = ct_scanner_retell(&reread->scanner, reread->pipeline, reread->image, &reread->retelling);
	if (rc == -ENODATA || rc == -EFAULT)
		give_up(reread, "it does not hold all that this version asks for");
	else if (!rc)
		reread->reread++;
	if (rc == -ENOMEM)
		return rc;
	return release(reread, rc == 0);
}

static int take_facts(struct ct_reread *reread, const struct ct_event *event)
{
	int rc = reread->has_facts ? -EPROTO : ct_census_facts_take(&reread->facts, event->facts);

	if (rc == -EPROTO)
		give_up(reread, "its facts contradict each other");
	reread->has_facts |= event->header->flags & CT_FACTS_LAST;
	return rc == -ENOMEM ? rc : 0;
}

static int take_memory(struct ct_reread *reread, const struct ct_event *event)
{
	int rc = reread->trouble ? 0 : ct_image_add(reread->image, event->memory);

	if (rc == -EPROTO)
		give_up(reread, "its parts are out of order");
	else if (rc == -EOVERFLOW || event->header->flags == CT_MEMORY_STOPPED)
		give_up(reread, "it is larger than a recording keeps");
	return rc == -ENOMEM ? rc : 0;
}

int ct_reread_push(void *opaque, const struct ct_event *event)
{
	struct ct_reread *reread = opaque;
	uint8_t type = event->header->type;
	int rc;

	if (type == CT_EVENT_FACTS)
		return take_facts(reread, event);
	if (type == CT_EVENT_MEMORY)
		return take_memory(reread, event);
	if (type == CT_EVENT_SCAN_BEGIN && reread->has_facts)
		return begin(reread, event);
	if (!reread->is_holding)
		return ct_pipeline_push(reread->pipeline, event);
	rc = hold(reread, event);
	if (!rc && type == CT_EVENT_SCAN_END)
		return end(reread);
	if (!rc && reread->held_bytes > HELD_BYTES_MAX) {
		give_up(reread, "one reading tells more than is held in memory");
		return release(reread, false);
	}
	return rc;
}

int ct_reread_end(struct ct_reread *reread)
{
	const struct ct_options *options = reread->pipeline->options;
	int rc = release(reread, false);

	if (!reread->has_facts || options->is_quiet)
		return rc;
	if (reread->trouble)
		fprintf(stderr,
			"ctxtrace: the recorded memory cannot be judged again (%s); the report tells what was found then\n",
			reread->trouble);
	else if (options->is_verbose)
		fprintf(stderr, "ctxtrace: judged again from the recorded memory: %u of %u readings\n", reread->reread,
			reread->readings);
	return rc;
}

struct ct_reread *ct_reread_new(struct ct_pipeline *pipeline)
{
	struct ct_reread *reread = calloc(1, sizeof(*reread));

	if (!reread)
		return NULL;
	reread->pipeline = pipeline;
	reread->image = ct_image_new();
	if (reread->image)
		return reread;
	free(reread);
	return NULL;
}

void ct_reread_free(struct ct_reread *reread)
{
	if (!reread)
		return;
	ct_scanner_done(&reread->scanner);
	ct_census_facts_done(&reread->facts);
	ct_image_free(reread->image);
	free(reread->held);
	free(reread->times);
	free(reread);
}
