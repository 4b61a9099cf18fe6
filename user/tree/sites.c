// SPDX-License-Identifier: Apache-2.0
/* Creation sites: from path numbers to frames, counts and lifetimes. */
#include "tree/private.h"

#include <errno.h>
#include <string.h>

/* __u32 line and __u8 flags before the two strings of a packed frame (ctxtrace/event.h). */
#define FRAME_FIXED_BYTES 5

uint32_t ct_site_of_path(struct ct_tree *tree, uint32_t path)
{
	uint32_t index = path ? ct_map_find(&tree->by_path, path) : CT_SITE_UNKNOWN;

	if (index != CT_INDEX_NONE)
		return index;
	if (tree->sites.used >= tree->caps.max_sites) {
		tree->totals.refused_sites++;
		return CT_SITE_UNKNOWN;
	}
	index = ct_slab_take(&tree->sites);
	ct_tree_site_at(tree, index)->path = path;
	ct_map_insert(&tree->by_path, path, index);
	return index;
}

void ct_site_done(const struct ct_allocator *allocator, struct ct_site *site)
{
	ct_release(allocator, site->packed);
	ct_release(allocator, site->cancel_latency);
}

int ct_site_count_latency(struct ct_tree *tree, uint32_t index, uint64_t latency_ns, uint64_t time_ns)
{
	struct ct_sample latency = { .time_ns = time_ns, .value = latency_ns, .site = index };
	struct ct_site *site = ct_tree_site_at(tree, index);

	if (!site->cancel_latency)
		site->cancel_latency = ct_allocate(tree->allocator, sizeof(*site->cancel_latency));
	if (!site->cancel_latency)
		return -ENOMEM;
	ct_histogram_add(site->cancel_latency, latency_ns);
	ct_measure_add(&tree->measures.cancel_latency, &ct_duration_bounds, &latency);
	return 0;
}

void ct_site_count_created(struct ct_site *site, const struct ct_context *context)
{
	if (!site->created || context->created_ns < site->first_ns)
		site->first_ns = context->created_ns;
	if (context->created_ns > site->last_ns)
		site->last_ns = context->created_ns;
	site->created++;
	site->live++;
	site->kind = context->kind;
	site->is_todo_root |= context->parent_kind == CT_KIND_TODO;
	site->todo_rooted += context->is_todo;
}

void ct_site_count_stale(struct ct_site *site, uint64_t stale_ns)
{
	site->stale++;
	if (stale_ns > site->stalest_ns)
		site->stalest_ns = stale_ns;
}

/* Numbers of sites that the tree makes itself: neither the kernel's nor those of paths found in memory. */
#define PATH_OF_FRAME 0xc0000000u

static uint32_t path_of_frame(const struct ct_frame *frame)
{
	return PATH_OF_FRAME | (uint32_t)(ct_mix(ct_text_key(frame->function)) >> 34);
}

/* One for each function; the line is that of the first frame. Without room, or where another function has the number
 * already: the unknown site. */
int ct_site_of_frame(struct ct_tree *tree, const struct ct_frame *frame, uint32_t *ret_index)
{
	size_t function = strlen(frame->function) + 1, file = strlen(frame->file) + 1;
	size_t bytes = FRAME_FIXED_BYTES + function + file;
	char *packed = ct_allocate(tree->allocator, bytes);
	struct ct_site *site;

	if (!packed)
		return -ENOMEM;
	*ret_index = ct_site_of_path(tree, path_of_frame(frame));
	site = ct_tree_site_at(tree, *ret_index);
	if (*ret_index == CT_SITE_UNKNOWN || site->frames) {
		ct_release(tree->allocator, packed);
		if (site->frames && strcmp(site->packed + FRAME_FIXED_BYTES, frame->function) != 0)
			*ret_index = CT_SITE_UNKNOWN;
		return 0;
	}
	memcpy(packed, &frame->line, sizeof(frame->line));
	packed[sizeof(frame->line)] = (char)frame->flags;
	memcpy(packed + FRAME_FIXED_BYTES, frame->function, function);
	memcpy(packed + FRAME_FIXED_BYTES + function, frame->file, file);
	site->packed = packed;
	site->packed_bytes = (uint16_t)bytes;
	site->frames = 1;
	return 0;
}

int ct_apply_site(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_site *told = event->site;
	struct ct_site *site;
	uint32_t index;
	char *packed;

	(void)ret_context;
	if (ct_tree_reserve(tree))
		return -ENOMEM;
	packed = told->frames ? ct_allocate(tree->allocator, told->frames_bytes) : NULL;
	if (told->frames && !packed)
		return -ENOMEM;
	index = ct_site_of_path(tree, told->path);
	site = ct_tree_site_at(tree, index);
	if (index == CT_SITE_UNKNOWN || site->frames || !packed) { // a path keeps the names it got first
		ct_release(tree->allocator, packed);
		return index == CT_SITE_UNKNOWN ? -ENOSPC : 0;
	}
	memcpy(packed, told + 1, told->frames_bytes);
	site->packed = packed;
	site->packed_bytes = told->frames_bytes;
	site->frames = told->frames;
	site->flags = told->header.flags;
	return 0;
}

bool ct_frame_next(const struct ct_site *site, uint32_t *cursor, struct ct_frame *ret)
{
	struct ct_frame frame;
	const char *at;

	if (!site->packed || *cursor >= site->packed_bytes)
		return false;
	at = site->packed + *cursor;
	memcpy(&frame.line, at, sizeof(frame.line));
	frame.flags = (uint8_t)at[sizeof(frame.line)];
	frame.function = at + FRAME_FIXED_BYTES;
	frame.file = frame.function + strlen(frame.function) + 1; // both end inside: decoding has walked them
	*cursor = (uint32_t)(frame.file + strlen(frame.file) + 1 - site->packed);
	*ret = frame;
	return true;
}

void ct_site_count_lifetime(struct ct_site *site, uint64_t lifetime_ns)
{
	ct_histogram_add(&site->lifetime, lifetime_ns);
}

uint64_t ct_site_lifetime(const struct ct_site *site, double quantile)
{
	return ct_histogram_quantile(&site->lifetime, quantile);
}
