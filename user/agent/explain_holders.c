// SPDX-License-Identifier: Apache-2.0
/*
 * Contexts that are alike (site, kind, parent) are explained together by a sample spread over them: a map of a million
 * cancel functions is one fact. Searching costs a sweep over the heap for each level, whatever the sample's size.
 */
#include "agent/explain_private.h"

#include "provider/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_MAX 16
#define GROUPS_MAX 32
#define ALIKE_MIN 4 /* fewer with one parent: explained with those of other parents */
#define NAME_BYTES 512
/* All sweeps together: some seconds, and less where somebody who pressed Ctrl-C waits for the report. */
#define CENSUS_BYTES_MAX (UINT64_C(16) << 30)
#define WATCH_BYTES_MAX (UINT64_C(2) << 30)

/* Members from `begin` on, alike. */
struct group {
	size_t begin, count;
};

static int compare_alike(const struct member *left, const struct member *right)
{
	if (left->site != right->site)
		return left->site < right->site ? -1 : 1;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->has_parents != right->has_parents)
		return left->has_parents < right->has_parents ? -1 : 1;
	return left->parent < right->parent ? -1 : left->parent > right->parent;
}

static int by_group(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = compare_alike(left, right);

	return order ? order : left->address < right->address ? -1 : left->address > right->address;
}

static size_t alike(const struct explaining *explaining, size_t begin)
{
	size_t end = begin + 1;

	while (end < explaining->members_count &&
	       !compare_alike(&explaining->members[begin], &explaining->members[end]))
		end++;
	return end - begin;
}

/* Sort into groups: first by parent, then once more with the small ones put together. */
static void sort_members(struct explaining *explaining)
{
	struct member *members = explaining->members;
	size_t count = explaining->members_count;

	qsort(members, count, sizeof(*members), by_group);
	for (size_t begin = 0, length; begin < count; begin += length) {
		length = alike(explaining, begin);
		for (size_t i = begin; i < begin + length && length < ALIKE_MIN; i++) {
			members[i].has_parents = members[i].parent != CT_INDEX_NONE;
			members[i].parent = CT_INDEX_NONE;
		}
	}
	qsort(members, count, sizeof(*members), by_group);
}

static int by_count(const void *a, const void *b)
{
	const struct group *left = a, *right = b;

	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return left->begin < right->begin ? -1 : left->begin > right->begin;
}

/* The largest groups, at most GROUPS_MAX of them. @return how many; `ret_groups` is to be freed. */
static int make_groups(struct explaining *explaining, struct group **ret_groups)
{
	size_t count = 0, room = 0;
	struct group *groups = NULL;

	sort_members(explaining);
	for (size_t begin = 0, length; begin < explaining->members_count; begin += length) {
		length = alike(explaining, begin);
		if (count == room) {
			struct group *more = reallocarray(groups, room * 2 + 64, sizeof(*more));

			if (!more) {
				free(groups);
				return -ENOMEM;
			}
			groups = more;
			room = room * 2 + 64;
		}
		groups[count++] = (struct group){ begin, length };
	}
	if (count)
		qsort(groups, count, sizeof(*groups), by_count);
	*ret_groups = groups;
	return count < GROUPS_MAX ? (int)count : GROUPS_MAX;
}

/* "main.pending", or "data+0x1a40" of a program without symbols. */
static void name_variable(const struct explaining *explaining, uint64_t address, char *name)
{
	const struct ct_go_module *module = &explaining->module;
	struct ct_function symbol;
	uint64_t linked = address - explaining->load_bias;

	if (!ct_binary_data_symbol_at(ct_target_binary(explaining->live->target), linked, &symbol))
		snprintf(name, NAME_BYTES, "%s", symbol.name);
	else if (linked >= module->data && linked < module->edata)
		snprintf(name, NAME_BYTES, "data+0x%" PRIx64, linked - module->data);
	else
		snprintf(name, NAME_BYTES, "bss+0x%" PRIx64, linked - module->bss);
}

static void name_hop(const struct explaining *explaining, const struct ct_hop *hop, char *name)
{
	struct ct_function function;

	*name = '\0';
	if (hop->kind == CT_HOLDER_GLOBAL)
		name_variable(explaining, hop->address, name);
	else if (hop->kind == CT_HOLDER_CLOSURE &&
		 !ct_binary_function_at(ct_target_binary(explaining->live->target), hop->code - explaining->load_bias,
					&function))
		snprintf(name, NAME_BYTES, "%s", function.name);
}

/* Frames of the runtime on top are how a goroutine waits, not who holds what; which of them has the word is chance. */
static unsigned int runtime_frames(struct explaining *explaining, const struct ct_hop *hop)
{
	unsigned int count = 0;

	while (count + 1 < hop->frames && ct_explain_is_runtime(explaining, hop->pcs[count] - 1))
		count++;
	return count;
}

/* What one HOLDER event says beside its hop. */
struct saying {
	uint64_t context;
	uint32_t of;
	uint16_t group;
	uint8_t hop, flags;
};

static int push_hop(struct explaining *explaining, const struct saying *saying, const struct ct_hop *hop)
{
	struct {
		struct ct_event_holder event;
		char name[NAME_BYTES];
	} block = { 0 };
	unsigned int skip = runtime_frames(explaining, hop);
	uint32_t path = 0;
	int rc = ct_paths_number(&explaining->live->goroutines.paths, hop->pcs + skip, hop->frames - skip, explaining->now_ns, &path);

	if (rc)
		return rc;
	name_hop(explaining, hop, block.name);
	block.event = (struct ct_event_holder){
		.header = { .time_ns = explaining->now_ns, .type = CT_EVENT_HOLDER, .flags = saying->flags },
		.context = saying->context,
		.task = hop->task,
		.object_bytes = hop->bytes,
		.entries = hop->entries,
		.path = path,
		.of = saying->of,
		.name_bytes = (uint32_t)strlen(block.name) + 1,
		.hop = saying->hop,
		.kind = hop->kind,
		.group = saying->group,
	};
	return ct_explain_push(explaining, &block, sizeof(block.event) + block.event.name_bytes);
}

static int push_chain(struct explaining *explaining, struct saying saying, const struct ct_holder_chain *chain)
{
	uint8_t last = (uint8_t)(CT_HOLDER_LAST | (chain->is_cut ? CT_HOLDER_CUT : 0)), flags = saying.flags;
	const struct ct_hop nothing = { .kind = CT_HOLDER_NONE };
	int rc = 0;

	saying.context = chain->context;
	for (saying.hop = 0; saying.hop < chain->count && !rc; saying.hop++) {
		saying.flags = (uint8_t)(flags | (saying.hop + 1 == chain->count ? last : 0));
		rc = push_hop(explaining, &saying, &chain->hops[saying.hop]);
	}
	saying.flags = (uint8_t)(flags | last);
	return chain->count ? rc : push_hop(explaining, &saying, &nothing);
}

/* The sample of group `number`, spread evenly. */
static size_t sample_of(const struct explaining *explaining, const struct group *group, uint64_t *sample)
{
	size_t count = group->count < SAMPLE_MAX ? group->count : SAMPLE_MAX;

	for (size_t i = 0; i < count; i++)
		sample[i] = explaining->members[group->begin + i * group->count / count].address;
	return count;
}

static int push_chains(struct explaining *explaining, const struct group *groups, int count,
		       const struct ct_holder_chain *chains)
{
	int rc = 0;

	for (int i = 0; i < count && !rc; i++) {
		struct saying saying = {
			.of = (uint32_t)groups[i].count,
			.group = (uint16_t)i,
			.flags = explaining->members[groups[i].begin].has_parents ? CT_HOLDER_PARENTS : 0,
		};
		size_t length = groups[i].count < SAMPLE_MAX ? groups[i].count : SAMPLE_MAX;

		for (size_t j = 0; j < length && !rc; j++)
			rc = push_chain(explaining, saying, chains++);
	}
	return rc;
}

int ct_explain_holders(struct explaining *explaining)
{
	const struct ct_go_module *module = &explaining->module;
	uint64_t bias = explaining->load_bias;
	const struct ct_census_asker asker = {
		.is_runtime = ct_explain_is_runtime,
		.opaque = explaining,
		.bytes_max = explaining->live->scanner.has_no_stream ? CENSUS_BYTES_MAX : WATCH_BYTES_MAX,
		.globals = { { module->data + bias, module->edata + bias }, { module->bss + bias, module->ebss + bias } },
	};
	uint64_t sample[GROUPS_MAX * SAMPLE_MAX];
	struct ct_holder_chain *chains = NULL;
	struct group *groups = NULL;
	int rc = 0, count = make_groups(explaining, &groups);
	size_t length = 0;

	if (count < 0)
		return count;
	for (int i = 0; i < count; i++)
		length += sample_of(explaining, &groups[i], sample + length);
	if (length) {
		chains = calloc(length, sizeof(*chains));
		rc = chains ? ct_census_holders(explaining->live->scanner.census, sample, length, &asker, chains) :
			      -ENOMEM;
		if (!rc)
			rc = push_chains(explaining, groups, count, chains);
	}
	free(chains);
	free(groups);
	return rc;
}
