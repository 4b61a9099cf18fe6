// SPDX-License-Identifier: Apache-2.0
#include "ctxtrace/provider.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Grow an array by one zeroed element, doubling at powers of two. */
static void *grow(void *array, size_t count, size_t size)
{
	size_t capacity = count ? count * 2 : 4;

	if (count && (count < 4 || (count & (count - 1))))
		return array;
	return reallocarray(array, capacity, size);
}

int ct_plan_add(struct ct_plan *plan, const struct ct_attach_point *point)
{
	char *symbol = strdup(point->symbol);
	struct ct_attach_point *points = symbol ? grow(plan->points, plan->points_count, sizeof(*points)) : NULL;

	if (!points) {
		free(symbol);
		return -ENOMEM;
	}
	plan->points = points;
	points[plan->points_count] = *point;
	points[plan->points_count++].symbol = symbol;
	return 0;
}

int ct_plan_refuse(struct ct_plan *plan, const char *symbol, const char *reason)
{
	struct ct_plan_refusal entry = {.symbol = strdup(symbol), .reason = strdup(reason)};
	struct ct_plan_refusal *refusals = NULL;

	if (entry.symbol && entry.reason)
		refusals = grow(plan->refusals, plan->refusals_count, sizeof(*refusals));
	if (!refusals) {
		free(entry.symbol);
		free(entry.reason);
		return -ENOMEM;
	}
	plan->refusals = refusals;
	refusals[plan->refusals_count++] = entry;
	return 0;
}

void ct_plan_remove(struct ct_plan *plan, enum ct_role role)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->points_count; i++) {
		if (CT_COOKIE_ROLE(plan->points[i].cookie) == (uint32_t)role)
			free(plan->points[i].symbol);
		else
			plan->points[kept++] = plan->points[i];
	}
	plan->points_count = kept;
}

void ct_plan_done(struct ct_plan *plan)
{
	for (size_t i = 0; i < plan->points_count; i++)
		free(plan->points[i].symbol);
	for (size_t i = 0; i < plan->refusals_count; i++) {
		free(plan->refusals[i].symbol);
		free(plan->refusals[i].reason);
	}
	free(plan->points);
	free(plan->refusals);
	free(plan->path);
	if (plan->fd >= 0)
		close(plan->fd);
	*plan = (struct ct_plan){.fd = -1};
}
