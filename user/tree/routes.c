// SPDX-License-Identifier: Apache-2.0
/* What requests ask for: each text is kept once, as many as a program can have routes; more are not told apart. */
#include "tree/private.h"

#include <errno.h>
#include <string.h>

uint64_t ct_route_key(const void *owner, uint32_t index)
{
	const struct ct_tree *tree = owner;

	return ct_text_key(tree->routes.texts[index]);
}

void ct_routes_done(struct ct_tree *tree)
{
	struct ct_routes *routes = &tree->routes;

	for (uint32_t i = 1; i < routes->count; i++)
		ct_release(tree->allocator, routes->texts[i]);
	ct_release(tree->allocator, routes->texts);
	ct_map_done(&routes->by_text);
}

static int add(struct ct_tree *tree, const char *text, uint32_t *ret_index)
{
	struct ct_routes *routes = &tree->routes;
	size_t bytes = strlen(text) + 1;

	if (!routes->texts) {
		routes->texts = ct_allocate(tree->allocator, CT_ROUTES_MAX * sizeof(*routes->texts));
		routes->count = 1;
	}
	if (!routes->texts || ct_map_reserve(&routes->by_text, 1))
		return -ENOMEM;
	if (routes->count == CT_ROUTES_MAX)
		return -ENOSPC;
	routes->texts[routes->count] = ct_allocate(tree->allocator, bytes);
	if (!routes->texts[routes->count])
		return -ENOMEM;
	memcpy(routes->texts[routes->count], text, bytes);
	*ret_index = routes->count++;
	ct_map_insert(&routes->by_text, ct_text_key(text), *ret_index);
	return 0;
}

int ct_apply_route(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	struct ct_request *request = ct_request_of_route(tree, event->route);
	const char *text = (const char *)(event->route + 1);
	uint32_t index = ct_map_find(&tree->routes.by_text, ct_text_key(text));
	int rc = 0;

	(void)ret_context;
	if (!request)
		return 0; // it is over since
	if (index == CT_MAP_NONE)
		rc = add(tree, text, &index);
	if (rc || strcmp(tree->routes.texts[index], text) != 0) // two texts may have one hash
		index = 0;
	request->route = index;
	return rc;
}

const char *ct_tree_route(const struct ct_tree *tree, uint32_t index)
{
	return index && index < tree->routes.count ? tree->routes.texts[index] : NULL;
}
