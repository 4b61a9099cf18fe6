// SPDX-License-Identifier: Apache-2.0
#include "memory/http_request.h"

#include <stdio.h>
#include <string.h>

#define LOOKS_MAX 1024 /* objects of one stack that are looked at */
#define METHOD_MAX 24

/*
 * http.Request (src/net/http/request.go): Method, URL, Proto, its numbers, Header, Body, GetBody, ContentLength,
 * TransferEncoding, Close, Host, Form, PostForm, MultipartForm, Trailer, RemoteAddr, RequestURI, TLS, Cancel, Response,
 * since 1.23 Pattern, ctx. A response (server.go) and what HTTP/2 has in its place begin with another pointer, then *Request.
 */
#define REQUEST_URL 16
#define REQUEST_PATTERN 232
#define PATTERN_SINCE 23
#define RESPONSE_REQUEST 8
#define URL_PATH 56 /* url.URL: Scheme, Opaque, User, Host, Path (src/net/url/url.go, 1.17 to 1.27) */

static bool read_words(struct ct_http_requests *requests, uint64_t address, uint64_t *words, size_t count)
{
	return !ct_memory_window_read(&requests->window, requests->census->memory, address, words, count * sizeof(*words));
}

/* Does an object with pointers begin here, and has it room for so many bytes? */
static bool is_object(const struct ct_http_requests *requests, uint64_t word, uint64_t bytes)
{
	const struct ct_object_span *span = word % 8 ? NULL : ct_objects_find(requests->objects, word);

	return span && span->has_pointers && ct_object_start(span, word) == word && span->element_bytes >= bytes;
}

static bool is_request(struct ct_http_requests *requests, uint64_t word, uint64_t context)
{
	uint64_t at = REQUEST_PATTERN + (requests->census->facts.minor >= PATTERN_SINCE ? 16 : 0), words[2];

	return is_object(requests, word, at + sizeof(words)) && read_words(requests, word + at, words, 2) &&
	       words[1] == context && ct_itabs_look(&requests->census->itabs, words[0]).interface == CT_INTERFACE_CONTEXT;
}

/* A string of Go at `address`; cut to the room. False when it is empty or cannot be read. */
static bool read_string(struct ct_http_requests *requests, uint64_t address, char *string, size_t room)
{
	uint64_t words[2];
	size_t length;

	if (!read_words(requests, address, words, 2) || !words[0] || !words[1] || words[1] >> 32)
		return false;
	length = words[1] < room ? words[1] : room - 1;
	if (ct_memory_read(requests->census->memory, words[0], string, length))
		return false;
	string[length] = '\0';
	return strlen(string) == length;
}

static bool is_method(const char *method)
{
	return strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == strlen(method);
}

static bool read_route(struct ct_http_requests *requests, uint64_t request, char route[CT_ROUTE_BYTES])
{
	char method[METHOD_MAX], place[CT_ROUTE_BYTES - METHOD_MAX];
	bool has_pattern = requests->census->facts.minor >= PATTERN_SINCE &&
			   read_string(requests, request + REQUEST_PATTERN, place, sizeof(place));
	uint64_t url;

	if (!read_string(requests, request, method, sizeof(method)) || !is_method(method))
		return false;
	if (!has_pattern && (!read_words(requests, request + REQUEST_URL, &url, 1) || !url ||
			     !read_string(requests, url + URL_PATH, place, sizeof(place))))
		return false;
	if (has_pattern && strchr(place, ' ')) // it names the method itself
		snprintf(route, CT_ROUTE_BYTES, "%s", place);
	else
		snprintf(route, CT_ROUTE_BYTES, "%s %s", method, place);
	return true;
}

bool ct_http_requests_route(struct ct_http_requests *requests, const uint64_t *words, size_t count, uint64_t context,
			    char ret_route[CT_ROUTE_BYTES])
{
	unsigned int looks = 0;

	for (size_t i = 0; i < count && looks < LOOKS_MAX; i++) {
		uint64_t inner;

		if (!is_object(requests, words[i], 2 * RESPONSE_REQUEST))
			continue;
		looks++;
		if (is_request(requests, words[i], context))
			return read_route(requests, words[i], ret_route);
		if (read_words(requests, words[i] + RESPONSE_REQUEST, &inner, 1) && is_request(requests, inner, context))
			return read_route(requests, inner, ret_route);
	}
	return false;
}
