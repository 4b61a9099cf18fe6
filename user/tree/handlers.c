// SPDX-License-Identifier: Apache-2.0
/*
 * What the stack of the task that serves a request says, as memory showed it: which function handles the request, and
 * whether it waits for its client. The names are those of the servers in provider/request_sites.c.
 */
#include "tree/private.h"

#include <string.h>

/* What calls a handler; the function it calls handles the request. */
static bool calls_handler(const struct ct_frame *frame, uint8_t *ret_flags)
{
	static const struct {
		const char *function;
		bool is_stream;
	} callers[] = {
		{ "net/http.HandlerFunc.ServeHTTP", false },
		{ "net/http.(*ServeMux).ServeHTTP", false },
		{ "net/http.serverHandler.ServeHTTP", false },
		{ "google.golang.org/grpc.(*Server).processUnaryRPC", false },
		{ "google.golang.org/grpc.(*Server).processStreamingRPC", true },
	};

	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
		if (strcmp(frame->function, callers[i].function) != 0)
			continue;
		*ret_flags |= callers[i].is_stream ? CT_REQUEST_IS_STREAM : 0;
		return true;
	}
	return false;
}

/* Reading what the client sends, or writing what it takes: that lasts as long as the client wants. */
static bool serves_client(const struct ct_frame *frame)
{
	static const char *const prefixes[] = {
		"net/http.(*body).",	     "net/http.(*response).",	       "net/http.(*chunkWriter).",
		"net/http.(*http2pipe).",    "net/http.(*http2requestBody).",  "net/http.(*http2responseWriter).",
		"net/http/internal/http2.(*", "golang.org/x/net/http2.(*",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(frame->function, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

/* What the compiler makes of a method value. */
static bool is_wrapper(const char *function)
{
	size_t length = strlen(function);

	return length > 3 && !strcmp(function + length - 3, "-fm");
}

/* The frame just inside the innermost caller of handlers, as a site of its own: one for each function. */
static int handler_site(struct ct_tree *tree, const struct ct_site *at, uint32_t *ret_site, uint8_t *ret_flags)
{
	struct ct_frame frame, inner = { .function = NULL };
	uint32_t cursor = 0;

	while (ct_frame_next(at, &cursor, &frame)) {
		if (serves_client(&frame))
			*ret_flags |= CT_REQUEST_AWAITS_CLIENT;
		if (calls_handler(&frame, ret_flags))
			return inner.function ? ct_site_of_frame(tree, &inner, ret_site) : 0;
		if (!is_wrapper(frame.function) || !inner.function)
			inner = frame;
	}
	return 0;
}

int ct_request_seen_at(struct ct_tree *tree, uint64_t task, uint32_t site, uint8_t awaits)
{
	uint32_t index = ct_map_find(&tree->by_server, task), handler = CT_SITE_UNKNOWN;
	uint8_t flags = awaits;
	struct ct_request *request;
	int rc;

	if (index == CT_INDEX_NONE || site == CT_INDEX_NONE)
		return 0;
	request = ct_slab_at(&tree->requests, index);
	rc = handler_site(tree, ct_tree_site_at(tree, site), &handler, &flags);
	if (rc)
		return rc;
	request->handler = handler;
	request->flags |= flags;
	return 0;
}
