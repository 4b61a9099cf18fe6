// SPDX-License-Identifier: Apache-2.0
/*
 * Contexts that are alike (site, kind, parent) are explained together by a sample spread over them: a map of a million
 * cancel functions is one fact. Searching costs a sweep over the heap for each level, whatever the sample's size.
 */
#include "agent/explain.h"

#include "agent/clock.h"
#include "agent/paths.h"
#include "memory/explain.h"
#include "provider/process_symbols.h"
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

/* A live context, as it is put into its group. */
struct member {
	uint64_t address;
	uint32_t site;
	uint32_t parent; /* index; CT_INDEX_NONE: a root, or one of few */
	uint8_t kind;
	uint8_t has_parents;
};

/* Members from `begin` on, alike. */
struct group {
	size_t begin, count;
};

struct explaining {
	struct ct_live *live;
	void (*breathe)(void *live);
	struct ct_paths paths;
	struct ct_go_module module;
	uint64_t load_bias;
	struct ct_known_context *known;
	size_t known_count;
	struct member *members; /* those whose cancel functions may exist */
	size_t members_count;
};

static void breathe(void *opaque)
{
	struct explaining *explaining = opaque;

	explaining->breathe(explaining->live);
}

static bool is_runtime_name(const char *name)
{
	return !strncmp(name, "runtime.", 8) || !strncmp(name, "runtime/", 8);
}

/* A variable or a function of the runtime's. Its main is where the program's own begins. */
static bool is_runtime(void *opaque, uint64_t address)
{
	struct explaining *explaining = opaque;
	struct ct_binary *binary = ct_target_binary(explaining->live->target);
	struct ct_function symbol;

	address -= explaining->load_bias;
	if (ct_binary_function_at(binary, address, &symbol) && ct_binary_data_symbol_at(binary, address, &symbol))
		return false;
	return is_runtime_name(symbol.name) && strcmp(symbol.name, "runtime.main") != 0;
}

static int push(const struct explaining *explaining, const void *event, size_t bytes)
{
	return ct_pipeline_push(explaining->live->pipeline, &(struct ct_event){ .header = event, .bytes = bytes });
}

/* What the tree says of a context, in the words of an observation. */
static uint8_t state_of(const struct ct_context *context)
{
	if (context->state & CT_CONTEXT_LOST)
		return CT_OBSERVED_LOST;
	if (context->state & CT_CONTEXT_LOST_ONCE)
		return CT_OBSERVED_UNDECIDED;
	return context->state & CT_CONTEXT_UNRETAINED ? CT_OBSERVED_UNRETAINED : CT_OBSERVED_HELD;
}

/* Young ones of a watched window are in use; a census cannot know ages. */
static bool is_asked_about(const struct ct_live *live, const struct ct_context *context)
{
	return live->scanner.has_no_stream ||
	       context->created_ns + live->options->min_age_ns <= live->scanner.began_ns;
}

static int by_known_address(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_known_context *)a)->address;
	uint64_t right = ((const struct ct_known_context *)b)->address;

	return left < right ? -1 : left > right;
}

static int collect(struct explaining *explaining)
{
	const struct ct_tree *tree = explaining->live->pipeline->tree;
	uint32_t end = ct_tree_end(tree);
	uint64_t live = ct_tree_totals(tree)->live;

	explaining->known = calloc(live + 1, sizeof(*explaining->known));
	explaining->members = calloc(live + 1, sizeof(*explaining->members));
	if (!explaining->known || !explaining->members)
		return -ENOMEM;
	for (uint32_t i = 0; i < end && explaining->known_count < live; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);
		uint8_t state;

		if (!context || context->state & CT_CONTEXT_ENDED || context->kind < CT_KIND_CANCEL ||
		    context->kind > CT_KIND_AFTER_FUNC)
			continue;
		state = state_of(context);
		explaining->known[explaining->known_count++] =
			(struct ct_known_context){ context->address, context->kind, state };
		if (state == CT_OBSERVED_HELD && is_asked_about(explaining->live, context))
			explaining->members[explaining->members_count++] = (struct member){
				context->address, context->site, context->parent, context->kind, 0 };
	}
	qsort(explaining->known, explaining->known_count, sizeof(*explaining->known), by_known_address);
	return 0;
}

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
	uint64_t now_ns = ct_clock_ns();
	uint32_t path = 0;
	int rc = ct_paths_number(&explaining->paths, hop->pcs, hop->frames, now_ns, &path);

	if (rc)
		return rc;
	name_hop(explaining, hop, block.name);
	block.event = (struct ct_event_holder){
		.header = { .time_ns = now_ns, .type = CT_EVENT_HOLDER, .flags = saying->flags },
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
	return push(explaining, &block, sizeof(block.event) + block.event.name_bytes);
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

static int explain_holders(struct explaining *explaining, const struct ct_census_asker *asker)
{
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
		rc = chains ? ct_census_holders(explaining->live->scanner.census, sample, length, asker, chains) :
			      -ENOMEM;
		if (!rc)
			rc = push_chains(explaining, groups, count, chains);
	}
	free(chains);
	free(groups);
	return rc;
}

static int number_paths(struct explaining *explaining, const struct ct_goroutine_seen *seen,
			struct ct_event_goroutine *event)
{
	struct ct_paths *paths = &explaining->paths;
	uint64_t now_ns = event->header.time_ns, entry = seen->entry + 1; // paths are of return addresses
	uint64_t pcs[CT_STACK_FRAMES_MAX];
	bool is_created = seen->created_pc && !is_runtime(explaining, seen->created_pc - 1); // the main one is not
	int rc = ct_paths_number(paths, &seen->created_pc, is_created, now_ns, &event->created);

	if (!rc)
		rc = ct_paths_number(paths, &entry, seen->entry ? 1 : 0, now_ns, &event->entry);
	memcpy(pcs, seen->pcs, sizeof(pcs));
	if (seen->frames && pcs[0] == seen->entry)
		pcs[0]++; // it has not begun yet
	return rc ? rc : ct_paths_number(paths, pcs, seen->frames, now_ns, &event->at);
}

static int push_goroutine(void *opaque, const struct ct_goroutine_seen *seen)
{
	struct explaining *explaining = opaque;
	struct {
		struct ct_event_goroutine event;
		char strings[96];
	} block = { 0 };
	size_t state = strlen(seen->state) + 1, reason = strlen(seen->reason) + 1;
	int rc;

	block.event = (struct ct_event_goroutine){
		.header = { .time_ns = ct_clock_ns(),
			    .type = CT_EVENT_GOROUTINE,
			    .flags = (uint8_t)((is_runtime(explaining, seen->entry) ? CT_GOROUTINE_SYSTEM : 0) |
					       (seen->waits ? CT_GOROUTINE_WAITS : 0)) },
		.task = seen->task,
		.creator = seen->creator,
		.context = seen->context,
		.wait_since_ns = seen->wait_since_ns,
		.refers = seen->refers,
		.strings_bytes = (uint32_t)(state + reason),
		.context_state = seen->context_state,
	};
	memcpy(block.strings, seen->state, state);
	memcpy(block.strings + state, seen->reason, reason);
	rc = block.event.header.flags & CT_GOROUTINE_SYSTEM ? 0 : number_paths(explaining, seen, &block.event);
	return rc ? rc : push(explaining, &block, sizeof(block.event) + state + reason);
}

/* What could not be read is not told; only the end of the target and of our memory matter. */
static int is_fatal(int rc)
{
	return rc == -ENOMEM || rc == -ESRCH ? rc : 0;
}

int ct_explain(struct ct_live *live, void (*breathe_live)(void *live))
{
	struct explaining explaining = {
		.live = live,
		.breathe = breathe_live,
		.paths = { .pipeline = live->pipeline, .symbols = live->symbols },
		.load_bias = ct_target_load_bias(live->target),
	};
	const struct ct_census_asker asker = { is_runtime, breathe, &explaining };
	int rc = collect(&explaining);

	if (!rc && !live->options->no_goroutines)
		rc = is_fatal(ct_census_goroutines(live->scanner.census, explaining.known, explaining.known_count,
						   &asker, push_goroutine, &explaining));
	if (!rc && !ct_binary_go_module(ct_target_binary(live->target), &explaining.module))
		rc = is_fatal(explain_holders(&explaining, &asker));
	ct_paths_done(&explaining.paths);
	free(explaining.known);
	free(explaining.members);
	return rc;
}
