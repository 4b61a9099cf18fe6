// SPDX-License-Identifier: Apache-2.0
/*
 * From references to one chain: of all ways up from a context's cancel function the one whose end holds longest, and of
 * those the shortest. Then the hops get their shapes. What a map or a channel is made of inside becomes one hop.
 */
#include "memory/holders_private.h"

#include <errno.h>
#include <string.h>

#define WORDS 6 /* of an object, as many as a shape is told by */

/* src/internal/runtime/maps/map.go, Map {used, seed, dirPtr, dirLen, globalDepth}; table.go, table (1.24 on).
 * src/runtime/map.go, hmap {count, {flags, B, noverflow, hash0}, buckets, ...} (up to 1.23). */
#define MAP_BYTES 48
#define MAP_COUNT 0
#define MAP_BUCKETS 2
#define MAP_DIRECTORY 3
#define BUCKET_BYTES 80 /* at least: eight hashes, eight pointers, the next bucket */
#define TABLE_BYTES 32
#define TABLE_GROUPS 2
#define TABLE_MASK 3
/* src/runtime/chan.go, hchan: elemtype stands one word later since 1.23. */
#define CHANNEL_BYTES_MIN 96
#define CHANNEL_BYTES_MAX 112
#define CHANNEL_COUNT 0
#define CHANNEL_BUFFER 2
#define CHANNEL_TYPE 4

#define ENTRIES_MAX (UINT64_C(1) << 40)

/* One way up, as nodes. */
struct way {
	uint32_t nodes[CT_HOLDERS_DEPTH + 3];
	size_t count;
	uint8_t rank;
	bool is_open; /* some way leads to an object not all of whose holders were looked at */
};

static void take_way(const struct finding *finding, uint32_t last, struct way *way)
{
	const struct step *steps = finding->steps;
	uint32_t backward[CT_HOLDERS_DEPTH + 3];
	size_t count = 0;

	for (uint32_t at = last; count < sizeof(backward) / sizeof(backward[0]); at = steps[at].from) {
		backward[count++] = steps[at].node;
		if (steps[at].from == at)
			break;
	}
	way->count = count;
	way->rank = finding->nodes[steps[last].node].rank;
	for (size_t i = 0; i < count; i++)
		way->nodes[i] = backward[count - 1 - i];
}

/* Breadth first, each node once. Without any root the way is one to what was reached last. */
static void find_way(struct finding *finding, uint32_t from, struct way *way)
{
	struct step *steps = finding->steps;
	uint64_t *seen = finding->seen;
	uint32_t count = 1, best = 0;

	memset(finding->seen, 0, sizeof(finding->seen));
	steps[0] = (struct step){ from, 0 };
	seen[from / 64] |= UINT64_C(1) << from % 64;
	for (uint32_t i = 0; i < count; i++) {
		const struct node *node = &finding->nodes[steps[i].node], *chosen = &finding->nodes[steps[best].node];

		way->is_open |= steps[i].node >= finding->level_end || node->is_full;
		if (node->rank < chosen->rank || (node->rank == RANK_NONE && chosen->rank == RANK_NONE))
			best = i;
		for (unsigned int j = 0; j < node->holders_count; j++) {
			uint32_t holder = node->holders[j];

			if (seen[holder / 64] >> holder % 64 & 1)
				continue;
			seen[holder / 64] |= UINT64_C(1) << holder % 64;
			steps[count++] = (struct step){ holder, i };
		}
	}
	take_way(finding, best, way);
}

uint8_t ct_holder_rank(struct finding *finding, size_t index)
{
	struct way way = { .rank = RANK_NONE };

	find_way(finding, (uint32_t)index, &way);
	return way.rank;
}

static bool is_power_of_two(uint64_t number)
{
	return number && !(number & (number - 1));
}

/* Objects of more than 512 bytes begin with a word that is the allocator's (src/runtime/malloc.go, 1.22 on). */
static bool is_begin_of(uint64_t word, const struct node *below)
{
	return word == below->start || (below->bytes > 512 && word == below->start + 8);
}

/* Is the object the table that leads to these slots? */
static bool is_table(const struct node *node, const uint64_t *words, const struct node *below)
{
	return node->bytes == TABLE_BYTES && is_begin_of(words[TABLE_GROUPS], below) && is_power_of_two(words[TABLE_MASK] + 1);
}

/* A directory of 2^depth tables, or none while the map is small. The seed is random. */
static bool is_swiss_map(const uint64_t *words, uint64_t below_bytes)
{
	uint64_t tables = words[MAP_DIRECTORY], depth = words[4] & 0xff;

	if (!(words[1] >> 32) || depth > 32)
		return false;
	return tables ? tables == UINT64_C(1) << depth && tables * 8 <= below_bytes : !depth;
}

/* 2^B buckets, and a random hash0. */
static bool is_classic_map(const uint64_t *words, uint64_t below_bytes)
{
	uint64_t flags = words[1] & 0xff, shift = words[1] >> 8 & 0xff;

	return flags < 16 && shift < 40 && words[1] >> 32 && ((uint64_t)BUCKET_BYTES << shift) <= below_bytes;
}

static bool is_map(const struct ct_holder_search *search, const struct node *node, const uint64_t *words,
		   const struct node *below)
{
	if (node->bytes != MAP_BYTES || !is_begin_of(words[MAP_BUCKETS], below) || !words[MAP_COUNT] ||
	    words[MAP_COUNT] >= ENTRIES_MAX)
		return false;
	return search->has_swiss_maps ? is_swiss_map(words, below->bytes) : is_classic_map(words, below->bytes);
}

static bool is_type(const struct ct_holder_search *search, uint64_t word)
{
	return word >= search->types && word < search->etypes;
}

static bool is_channel(const struct finding *finding, const struct node *node, const uint64_t *words,
		       const struct node *below)
{
	return node->bytes >= CHANNEL_BYTES_MIN && node->bytes <= CHANNEL_BYTES_MAX &&
	       is_begin_of(words[CHANNEL_BUFFER], below) && words[CHANNEL_COUNT] < ENTRIES_MAX &&
	       (is_type(finding->search, words[CHANNEL_TYPE]) || is_type(finding->search, words[CHANNEL_TYPE + 1]));
}

/* The hops of a map below it: slots; or slots, table, directory. */
static void collapse_map(struct ct_holder_chain *chain, const bool *is_table_hop)
{
	uint8_t at = chain->count;

	if (at && !(at >= 3 && is_table_hop[at - 2]))
		chain->count--; // small, or a classic map: its slots
	else if (at)
		chain->count -= 3;
}

static void add_hop(struct finding *finding, struct ct_holder_chain *chain, bool *is_table_hop,
		    const struct node *node, const struct node *below)
{
	struct ct_hop hop = { .kind = CT_HOLDER_OBJECT, .address = node->start, .bytes = node->bytes };
	uint64_t words[WORDS] = { 0 };
	size_t bytes = node->bytes < sizeof(words) ? node->bytes : sizeof(words);
	bool is_inner_table = false;

	if (!ct_memory_window_read(&finding->window, finding->search->memory, node->start, words, bytes)) {
		is_inner_table = finding->search->has_swiss_maps && is_table(node, words, below);
		if (words[0] >= finding->search->text && words[0] < finding->search->etext) {
			hop.kind = CT_HOLDER_CLOSURE;
			hop.code = words[0];
		} else if (chain->count && is_map(finding->search, node, words, below)) {
			collapse_map(chain, is_table_hop);
			hop = (struct ct_hop){ .kind = CT_HOLDER_MAP, .address = node->start,
					       .entries = words[MAP_COUNT] };
		} else if (chain->count && is_channel(finding, node, words, below)) {
			chain->count--;
			hop = (struct ct_hop){ .kind = CT_HOLDER_CHANNEL, .address = node->start,
					       .entries = words[CHANNEL_COUNT] };
		}
	}
	if (chain->count == CT_HOLDER_HOPS_MAX)
		return;
	is_table_hop[chain->count] = is_inner_table;
	chain->hops[chain->count++] = hop;
}

void ct_holder_chain_make(struct finding *finding, size_t index, struct ct_holder_chain *chain)
{
	const struct node *context = &finding->nodes[index];
	bool is_table_hop[CT_HOLDER_HOPS_MAX] = { false };
	const struct node *root = context;
	struct way way = { .rank = RANK_NONE };

	*chain = (struct ct_holder_chain){ .context = context->start };
	find_way(finding, (uint32_t)index, &way);
	finding->window.valid = 0;
	// the first node is the context, the second its cancel function
	for (size_t i = 2; i < way.count; i++)
		add_hop(finding, chain, is_table_hop, &finding->nodes[way.nodes[i]],
			&finding->nodes[way.nodes[i - 1]]);
	root = &finding->nodes[way.nodes[way.count - 1]];
	if (root->rank != RANK_NONE && chain->count < CT_HOLDER_HOPS_MAX)
		chain->hops[chain->count++] = root->root;
	else
		chain->is_cut = finding->is_cut || way.is_open;
}
