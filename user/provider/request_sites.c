// SPDX-License-Identifier: Apache-2.0
/*
 * The table of servers: one line for each function that makes a request's context, that starts a goroutine for its
 * handler, and that cancels the context when the handler has returned. Whoever else cancels it does so before: a client
 * that went away, a reset stream, a server that is being closed. The names were looked up in net/http of Go 1.17 to 1.27 (server.go, h2_bundle.go,
 * internal/http2/server.go), x/net/http2 v0.40 and v0.60 (server.go), grpc-go v1.72 and v1.85 (server.go,
 * internal/transport/http2_server.go).
 */
#include "provider/request_sites.h"

#include "ctxtrace/event.h"

#include <string.h>

static const struct {
	const char *function;
	__u8 flags;
} table[] = {
	{ "net/http.(*conn).readRequest", CT_SITE_REQUEST | CT_SITE_SERVED_BY_MAKER },
	{ "net/http.(*conn).serve", CT_SITE_REQUEST_OVER },
	{ "net/http.(*connReader).handleReadError", CT_SITE_CLIENT_GONE }, // up to 1.24
	{ "net/http.(*connReader).handleReadErrorLocked", CT_SITE_CLIENT_GONE },
	{ "net/http.(*http2serverConn).newStream", CT_SITE_REQUEST },
	{ "net/http.(*http2serverConn).scheduleHandler", CT_SITE_STARTS_HANDLER },
	{ "net/http.(*http2serverConn).processHeaders", CT_SITE_STARTS_HANDLER }, // where it starts it itself
	{ "net/http.(*http2serverConn).runHandler", CT_SITE_REQUEST_OVER },
	{ "net/http.(*http2serverConn).processResetStream", CT_SITE_CLIENT_GONE },
	{ "net/http/internal/http2.(*serverConn).newStream", CT_SITE_REQUEST },
	{ "net/http/internal/http2.(*serverConn).scheduleHandler", CT_SITE_STARTS_HANDLER },
	{ "net/http/internal/http2.(*serverConn).runHandler", CT_SITE_REQUEST_OVER },
	{ "net/http/internal/http2.(*serverConn).processResetStream", CT_SITE_CLIENT_GONE },
	{ "golang.org/x/net/http2.(*serverConn).newStream", CT_SITE_REQUEST },
	{ "golang.org/x/net/http2.(*serverConn).scheduleHandler", CT_SITE_STARTS_HANDLER },
	{ "golang.org/x/net/http2.(*serverConn).processHeaders", CT_SITE_STARTS_HANDLER },
	{ "golang.org/x/net/http2.(*serverConn).runHandler", CT_SITE_REQUEST_OVER },
	{ "golang.org/x/net/http2.(*serverConn).processResetStream", CT_SITE_CLIENT_GONE },
	{ "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders", CT_SITE_REQUEST },
	{ "google.golang.org/grpc.(*Server).serveStreams", CT_SITE_STARTS_HANDLER },
	{ "google.golang.org/grpc/internal/transport.(*http2Server).finishStream", CT_SITE_REQUEST_OVER },
};

/* The function, or one that the compiler made of its deferred calls and closures. */
static int is_of(const char *function, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(function, name, length) &&
	       (!function[length] || !strncmp(function + length, ".func", 5) || !strncmp(function + length, ".deferwrap", 10));
}

__u8 ct_request_site(const char *function, const char *const *chosen, size_t chosen_count)
{
	for (size_t i = 0; i < chosen_count; i++)
		if (!strcmp(function, chosen[i]))
			return CT_SITE_REQUEST | CT_SITE_SERVED_BY_MAKER | CT_SITE_ENDS_REQUEST;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (is_of(function, table[i].function))
			return table[i].flags;
	return 0;
}
