// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP server of a live session, by libmicrohttpd: no thread, its descriptor is one more in the agent's loop. It
 * knows connections, their number, their patience, and nothing of what is served.
 *
 * A hostile or slow client costs a connection for ten seconds at most and never holds up the loop: nothing here waits.
 */
#pragma once

#include "agent/http_body.h"
#include "ctxtrace/error.h"

#include <stdbool.h>
#include <stdint.h>

struct ct_http;

/** What a client asks for; strings are borrowed for the call, and may be anything. */
struct ct_http_request {
	const char *path;	     /**< Without a query. */
	const char *accept;	     /**< NULL: not said. */
	const char *accept_encoding; /**< The same. */
};

/** What it gets. */
struct ct_http_answer {
	unsigned int status;
	const char *content_type; /**< Borrowed, static. */
	struct ct_body *body;	  /**< One reference is handed over. NULL: no memory; a short 503 is sent. */
	bool is_gzip;
};

/** Answer a GET or HEAD. Called by ct_http_serve(). */
typedef void (*ct_http_answer_fn)(void *opaque, const struct ct_http_request *request, struct ct_http_answer *ret_answer);

/**
 * Listen and be ready to serve.
 *
 * @param address  As the user wrote it.
 * @param answer   Called with `opaque` for each request.
 * @return 0 or negative errno, told in reterr. -EOPNOTSUPP: this build cannot.
 */
int ct_http_open(const char *address, ct_http_answer_fn answer, void *opaque, struct ct_http **ret_http,
		 struct ct_error *reterr);

/** @return "127.0.0.1:9435": where it listens. */
const char *ct_http_place(const struct ct_http *http);

/** @return the descriptor that is readable when ct_http_serve() has something to do. */
int ct_http_epoll_fd(const struct ct_http *http);

/** Do what can be done without waiting, and a bounded share of it. */
void ct_http_serve(struct ct_http *http);

/** Some time has passed: go on with what was left, and let go of those who are too slow. NULL is fine. */
void ct_http_tick(struct ct_http *http, uint64_t now_ns);

/** Close all connections. NULL is fine. */
void ct_http_free(struct ct_http *http);
