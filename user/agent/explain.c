// SPDX-License-Identifier: Apache-2.0
/* Which contexts are asked about, and the order of the questions. */
#include "agent/explain_private.h"

#include "agent/clock.h"
#include "provider/process_symbols.h"
#include "provider/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_runtime_name(const char *name)
{
	return !strncmp(name, "runtime.", 8) || !strncmp(name, "runtime/", 8);
}

/* A variable or a function of the runtime's. Its main is where the program's own begins. */
bool ct_explain_is_runtime(void *opaque, uint64_t address)
{
	struct explaining *explaining = opaque;
	struct ct_binary *binary = ct_target_binary(explaining->live->target);
	struct ct_function symbol;

	address -= explaining->load_bias;
	if (ct_binary_function_at(binary, address, &symbol) && ct_binary_data_symbol_at(binary, address, &symbol))
		return false;
	return is_runtime_name(symbol.name) && strcmp(symbol.name, "runtime.main") != 0;
}

int ct_explain_push(const struct explaining *explaining, const void *event, size_t bytes)
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

/* What could not be read is not told; only the end of the target and of our memory matter. */
static int is_fatal(int rc)
{
	return rc == -ENOMEM || rc == -ESRCH ? rc : 0;
}

static struct explaining begin(struct ct_live *live)
{
	return (struct explaining){
		.live = live,
		.now_ns = ct_clock_ns(),
		.paths = { .pipeline = live->pipeline, .symbols = live->symbols },
		.load_bias = ct_target_load_bias(live->target),
	};
}

static bool can_explain(const struct ct_live *live)
{
	return live->config.runtime == CT_RUNTIME_GO && live->scanner.census;
}

int ct_explain_work(struct ct_live *live, ct_scan_breathe drain)
{
	struct explaining explaining;
	int rc;

	if (!can_explain(live) || live->options->no_goroutines)
		return 0;
	explaining = begin(live);
	explaining.drain = drain;
	rc = is_fatal(ct_explain_goroutines(&explaining));
	ct_paths_done(&explaining.paths);
	return rc;
}

int ct_explain(struct ct_live *live)
{
	struct explaining explaining;
	int rc;

	if (!can_explain(live))
		return 0;
	explaining = begin(live);
	live->close_ns = explaining.now_ns;
	rc = collect(&explaining);
	if (!rc && !live->options->no_goroutines)
		rc = is_fatal(ct_explain_goroutines(&explaining));
	if (!rc && !ct_binary_go_module(ct_target_binary(live->target), &explaining.module))
		rc = is_fatal(ct_explain_holders(&explaining));
	ct_paths_done(&explaining.paths);
	free(explaining.known);
	free(explaining.members);
	return rc;
}
