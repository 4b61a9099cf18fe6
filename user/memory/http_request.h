// SPDX-License-Identifier: Apache-2.0
/*
 * Which HTTP request a goroutine serves: its method, and the pattern of the mux or else the path.
 *
 * net/http gives handlers a *http.Request, whose context is the one the server made for it. So a stack word that leads to
 * an object with that very context at the place of Request.ctx has found the request; nothing else is believed. What is
 * read is shown to people and decides nothing.
 */
#pragma once

#include "memory/explain.h"
#include "memory/objects.h"
#include "memory/scan.h"

/** Where to look. Zero-initialise the window. */
struct ct_http_requests {
	struct ct_census *census;
	const struct ct_objects *objects;
	struct ct_memory_window window;
};

/**
 * Find the request of a context.
 *
 * @param words    Of the stack of the goroutine that serves it, innermost first.
 * @param context  Address of the request's context.
 * @return true and the route, cut when it is long; false when there is none of net/http's, or its stack does not lead to it.
 */
bool ct_http_requests_route(struct ct_http_requests *requests, const uint64_t *words, size_t count, uint64_t context,
			    char ret_route[CT_ROUTE_BYTES]);
