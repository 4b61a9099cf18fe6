// SPDX-License-Identifier: Apache-2.0
/*
 * Batches go round in a ring. A helper claims the next stretch of the list and the next slot of the ring together, so
 * the order of slots is the order of spans, and no slot is claimed again before its copies were looked at.
 */
#include "memory/span_feed.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

/*
 * A quarter of what others get on a busy core. Not SCHED_IDLE: behind a program that uses every core it would never
 * end, and a reading that takes long is a worse one.
 */
#define HELPER_NICE 6

/* A span that changes while it is read is in use: try it again. */
#define TRIES 8

struct batch {
	size_t count, next; /* copies; the next to be looked at */
	int rc;		    /* of what comes after the copies */
	bool is_ready;
	struct ct_span_view views[CT_FEED_BATCH];
};

struct helper {
	struct ct_span_feed *feed;
	struct ct_process_memory process; /* with counters of its own */
	struct ct_heap heap;
	uint64_t cost_left; /* when it began */
	pthread_t thread;
};

struct ct_span_feed {
	const struct ct_heap *heap;
	struct ct_process_memory *process;
	ct_sizes sizes;
	struct batch *batches;
	size_t ring; /* slots */

	pthread_mutex_t lock; /* what follows; not needed without helpers */
	pthread_cond_t has_room, has_batch;
	size_t cursor;	/* next span of the list to be claimed */
	size_t claimed; /* batches so far */
	size_t taken;
	bool is_over;

	size_t helper_count;
	struct helper helpers[CT_FEED_HELPERS_MAX];
};

/* What a helper read counts as read here. */
static void account(struct ct_memory *memory, const struct helper *helper)
{
	const struct ct_memory *own = &helper->process.memory;
	uint64_t cost = helper->cost_left - own->cost_left;

	memory->read_bytes += own->read_bytes;
	memory->swapped_pages += own->swapped_pages;
	memory->cost_left -= cost < memory->cost_left ? cost : memory->cost_left;
	memory->is_spent |= own->is_spent;
}

static int copy(const struct ct_heap *heap, const struct ct_span *span, struct ct_span_view *view)
{
	int rc = -EAGAIN;

	for (int tries = 0; tries < TRIES && rc == -EAGAIN; tries++)
		rc = ct_heap_view(heap, span, view);
	return rc;
}

/* Up to a batch of spans of the wanted sizes. @return how many. */
static size_t claim(struct ct_span_feed *feed, const struct ct_span **spans)
{
	size_t count = 0;

	while (feed->cursor < feed->heap->span_count && count < CT_FEED_BATCH) {
		const struct ct_span *span = &feed->heap->spans[feed->cursor++];

		if (feed->sizes & ct_size_bit(span->element_bytes))
			spans[count++] = span;
	}
	return count;
}

static void fill(struct batch *batch, const struct ct_heap *heap, const struct ct_span *const *spans, size_t count)
{
	batch->count = batch->next = 0;
	batch->rc = 0;
	for (size_t i = 0; i < count && !batch->rc; i++) {
		int rc = copy(heap, spans[i], &batch->views[batch->count]);

		if (rc && rc != -EAGAIN) {
			batch->rc = rc;
			break;
		}
		batch->views[batch->count].is_torn = rc;
		if (rc)
			batch->views[batch->count].span = *spans[i];
		batch->count++;
	}
}

/* Claim, fill, hand over, until the list is through. */
static void *help(void *opaque)
{
	struct helper *helper = opaque;
	struct ct_span_feed *feed = helper->feed;
	const struct ct_span *spans[CT_FEED_BATCH];

	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + HELPER_NICE); // of this thread, on Linux
	sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
	pthread_mutex_lock(&feed->lock);
	for (;;) {
		struct batch *batch;
		size_t count;

		while (!feed->is_over && feed->claimed - feed->taken == feed->ring)
			pthread_cond_wait(&feed->has_room, &feed->lock);
		count = feed->is_over ? 0 : claim(feed, spans);
		if (!count)
			break;
		batch = &feed->batches[feed->claimed++ % feed->ring];
		pthread_mutex_unlock(&feed->lock);
		fill(batch, &helper->heap, spans, count);
		pthread_mutex_lock(&feed->lock);
		batch->is_ready = true;
		pthread_cond_signal(&feed->has_batch);
	}
	pthread_cond_signal(&feed->has_batch); // or there is none to come
	pthread_mutex_unlock(&feed->lock);
	return NULL;
}

static void start_helpers(struct ct_span_feed *feed, unsigned int wanted)
{
	if (!feed->process)
		return;
	while (feed->helper_count < wanted && feed->helper_count < CT_FEED_HELPERS_MAX) {
		struct helper *helper = &feed->helpers[feed->helper_count];

		*helper = (struct helper){ .feed = feed, .process = *feed->process, .heap = *feed->heap };
		helper->process.memory.read_bytes = helper->process.memory.swapped_pages = 0;
		helper->cost_left = helper->process.memory.cost_left; // the bound is for each: it is there to end, not to save
		helper->heap.memory = &helper->process.memory;
		if (pthread_create(&helper->thread, NULL, help, helper))
			break;
		feed->helper_count++;
	}
}

int ct_span_feed_open(struct ct_span_feed **ret_feed, const struct ct_heap *heap, struct ct_process_memory *process,
		      ct_sizes sizes, unsigned int helpers)
{
	struct ct_span_feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return -ENOMEM;
	feed->heap = heap;
	feed->process = process;
	feed->sizes = sizes;
	feed->ring = helpers && process ? CT_FEED_BATCHES : 1;
	feed->batches = calloc(feed->ring, sizeof(*feed->batches));
	if (!feed->batches) {
		free(feed);
		return -ENOMEM;
	}
	pthread_mutex_init(&feed->lock, NULL);
	pthread_cond_init(&feed->has_room, NULL);
	pthread_cond_init(&feed->has_batch, NULL);
	start_helpers(feed, helpers);
	*ret_feed = feed;
	return 0;
}

/* Have the current batch made, here or by helpers. @return false at the end of the list. */
static bool make_batch(struct ct_span_feed *feed, struct batch *batch)
{
	const struct ct_span *spans[CT_FEED_BATCH];

	if (!feed->helper_count) {
		size_t count = claim(feed, spans);

		fill(batch, feed->heap, spans, count);
		return count;
	}
	while (!batch->is_ready && (feed->taken < feed->claimed || feed->cursor < feed->heap->span_count))
		pthread_cond_wait(&feed->has_batch, &feed->lock);
	return batch->is_ready;
}

/* Its copies were looked at: the slot is free. */
static void release(struct ct_span_feed *feed, struct batch *batch)
{
	batch->count = batch->next = 0;
	if (!feed->helper_count)
		return;
	batch->is_ready = false;
	feed->taken++;
	pthread_cond_signal(&feed->has_room);
}

static struct batch *current(const struct ct_span_feed *feed)
{
	return &feed->batches[feed->taken % feed->ring];
}

/* A batch with a copy nobody has looked at yet. @return as ct_span_feed_next(). */
static int find_batch(struct ct_span_feed *feed, struct batch **ret_batch)
{
	struct batch *batch = current(feed);

	for (;;) {
		bool is_ours = batch->is_ready || !feed->helper_count; // else a helper is at it

		if (is_ours && batch->next < batch->count)
			break;
		if (is_ours && batch->rc)
			return batch->rc;
		if (is_ours)
			release(feed, batch);
		batch = current(feed);
		if (!make_batch(feed, batch))
			return 0;
	}
	*ret_batch = batch;
	return 1;
}

int ct_span_feed_next(struct ct_span_feed *feed, const struct ct_span_view **ret_view)
{
	struct batch *batch = NULL;
	int rc;

	if (feed->helper_count)
		pthread_mutex_lock(&feed->lock);
	rc = find_batch(feed, &batch);
	if (feed->helper_count)
		pthread_mutex_unlock(&feed->lock);
	if (rc > 0)
		*ret_view = &batch->views[batch->next++];
	return rc;
}

void ct_span_feed_close(struct ct_span_feed *feed)
{
	if (!feed)
		return;
	pthread_mutex_lock(&feed->lock);
	feed->is_over = true;
	pthread_cond_broadcast(&feed->has_room);
	pthread_mutex_unlock(&feed->lock);
	for (size_t i = 0; i < feed->helper_count; i++) {
		pthread_join(feed->helpers[i].thread, NULL);
		account(&feed->process->memory, &feed->helpers[i]);
	}
	pthread_cond_destroy(&feed->has_batch);
	pthread_cond_destroy(&feed->has_room);
	pthread_mutex_destroy(&feed->lock);
	free(feed->batches);
	free(feed);
}
