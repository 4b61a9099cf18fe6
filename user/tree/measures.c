// SPDX-License-Identifier: Apache-2.0
#include "ctxtrace/measures.h"

#include "base/time.h"
#include "tree/private.h"

#define MS CT_NSEC_PER_MSEC
#define S CT_NSEC_PER_SEC

const struct ct_bounds ct_duration_bounds = {
	.upper = { MS / 10, MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, S, 5 * S / 2, 5 * S, 10 * S,
		   30 * S, 60 * S, 300 * S, 900 * S, 3600 * S },
	.count = 18,
};

/* A deadline that was used up to the end fired; just below is what nearly did. */
const struct ct_bounds ct_share_bounds = {
	.upper = { S / 20, S / 10, S / 4, S / 2, 3 * S / 4, 9 * S / 10, 19 * S / 20, 99 * S / 100, S },
	.count = 9,
};

void ct_measure_add(struct ct_measure *measure, const struct ct_bounds *bounds, const struct ct_sample *sample)
{
	unsigned int at = 0;

	while (at < bounds->count && sample->value > bounds->upper[at])
		at++;
	measure->sum_ns += sample->value % CT_NSEC_PER_SEC;
	measure->sum_s += sample->value / CT_NSEC_PER_SEC + measure->sum_ns / CT_NSEC_PER_SEC;
	measure->sum_ns %= CT_NSEC_PER_SEC;
	measure->buckets[at].count++;
	measure->buckets[at].last = *sample;
}

void ct_measure_created(struct ct_tree *tree, const struct ct_context *context)
{
	struct ct_measures *measures = &tree->measures;

	measures->created[context->kind]++;
	measures->last_created[context->kind] =
		(struct ct_sample){ .time_ns = context->created_ns, .value = 1, .site = context->site };
}

void ct_measure_ended(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending)
{
	tree->measures.last_ended[ending->reason] =
		(struct ct_sample){ .time_ns = ending->time_ns, .value = 1, .site = context->site };
}

void ct_context_becomes(struct ct_tree *tree, struct ct_context *context, uint8_t kind)
{
	tree->measures.live[context->kind]--;
	tree->measures.live[kind]++;
	context->kind = kind;
}

const struct ct_measures *ct_tree_measures(const struct ct_tree *tree)
{
	return &tree->measures;
}
