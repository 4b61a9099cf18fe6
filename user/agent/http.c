// SPDX-License-Identifier: Apache-2.0
#include "agent/http.h"

#include "agent/clock.h"
#include "agent/http_address.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define CONNECTION_BYTES 16384 /* for a request's head; a longer one is refused */
/* A connection has so long for each request and its answer, the wait for it included. */
#define PATIENCE_NS (10 * CT_NSEC_PER_SEC)
#define TICK_NS (100 * CT_NSEC_PER_MSEC)
#define ROUNDS_MAX 8 /* then the ring is drained before we go on */

/* One open connection. */
struct connection {
	int fd; /* -1: a free slot */
	uint64_t due_ns;
};

struct ct_http {
	struct MHD_Daemon *daemon;
	ct_http_answer_fn answer;
	void *opaque;
	uint64_t tick_ns;
	bool is_busy; /* it could go on at once */
	char place[CT_HTTP_PLACE_BYTES];
	struct connection connections[CONNECTIONS_MAX];
};

static void release(void *opaque)
{
	ct_body_release(opaque);
}

static struct MHD_Response *short_response(const char *text)
{
	return MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *response_of(struct ct_http_answer *answer)
{
	struct ct_body *body = answer->body;
	struct MHD_Response *response;

	if (!body) {
		answer->status = MHD_HTTP_SERVICE_UNAVAILABLE;
		answer->content_type = "text/plain; charset=utf-8";
		answer->is_gzip = false;
		return short_response("no memory for this just now\n");
	}
	response = MHD_create_response_from_buffer_with_free_callback_cls(body->text.length, body->text.data, release, body);
	if (!response)
		ct_body_release(body);
	return response;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct ct_http_answer *answer)
{
	struct MHD_Response *response = response_of(answer);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (answer->is_gzip)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

/* There is nothing to change here, so there is nothing to send to it either: its body is not waited for. */
static enum MHD_Result refuse_method(struct MHD_Connection *connection)
{
	struct MHD_Response *response = short_response("GET and HEAD only\n");
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	result = MHD_queue_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *opaque, struct MHD_Connection *connection, const char *path, const char *method,
				  const char *version, const char *upload, size_t *upload_bytes, void **seen)
{
	struct ct_http *http = opaque;
	struct ct_http_answer answer = { 0 };
	struct ct_http_request request = {
		.path = path,
		.accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT),
		.accept_encoding = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING),
	};

	(void)version;
	(void)upload;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return refuse_method(connection);
	if (!*seen) { // the head alone: it is called once more when the whole request is there
		*seen = http;
		return MHD_YES;
	}
	if (*upload_bytes) { // a GET with a body, which means nothing
		*upload_bytes = 0;
		return MHD_YES;
	}
	http->answer(http->opaque, &request, &answer);
	return send_answer(connection, &answer);
}

static void on_connection(void *opaque, struct MHD_Connection *connection, void **slot,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ct_http *http = opaque;
	struct connection *entry = *slot;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (entry)
			entry->fd = -1;
		return;
	}
	for (unsigned int i = 0; info && i < CONNECTIONS_MAX; i++) {
		if (http->connections[i].fd >= 0)
			continue;
		http->connections[i] = (struct connection){ info->connect_fd, ct_clock_ns() + PATIENCE_NS };
		*slot = &http->connections[i];
		return;
	}
}

static void on_completed(void *opaque, struct MHD_Connection *connection, void **seen,
			 enum MHD_RequestTerminationCode code)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *entry = info ? info->socket_context : NULL;

	(void)opaque;
	(void)code;
	*seen = NULL;
	if (entry)
		entry->due_ns = ct_clock_ns() + PATIENCE_NS;
}

/* Those who send or take a byte now and then would be patient for ever. */
static void cut_slow_ones(struct ct_http *http, uint64_t now_ns)
{
	for (unsigned int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *entry = &http->connections[i];

		if (entry->fd < 0 || now_ns < entry->due_ns)
			continue;
		shutdown(entry->fd, SHUT_RDWR); // the library sees its end and closes it
		entry->due_ns = UINT64_MAX;
	}
}

static int start(struct ct_http *http, int fd, struct ct_error *reterr)
{
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, http, //
					MHD_OPTION_LISTEN_SOCKET, fd, //
					MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX, //
					MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, //
					MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)(PATIENCE_NS / CT_NSEC_PER_SEC), //
					MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, //
					MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, //
					MHD_OPTION_END);
	if (http->daemon)
		return 0;
	close(fd);
	return ct_error_set(reterr, -ENOMEM, "cannot serve metrics on %s: libmicrohttpd does not start", http->place);
}

int ct_http_open(const char *address, ct_http_answer_fn answer, void *opaque, struct ct_http **ret_http,
		 struct ct_error *reterr)
{
	struct ct_http_address parsed;
	struct ct_http *http;
	int rc = ct_http_address_parse(address, &parsed, reterr);

	if (rc)
		return rc;
	http = calloc(1, sizeof(*http));
	if (!http)
		return ct_error_set(reterr, -ENOMEM, "cannot serve metrics: no memory");
	http->answer = answer;
	http->opaque = opaque;
	for (unsigned int i = 0; i < CONNECTIONS_MAX; i++)
		http->connections[i].fd = -1;
	rc = ct_http_address_listen(&parsed, http->place, reterr);
	if (rc >= 0)
		rc = start(http, rc, reterr);
	if (rc) {
		free(http);
		return rc;
	}
	*ret_http = http;
	return 0;
}

const char *ct_http_place(const struct ct_http *http)
{
	return http->place;
}

int ct_http_epoll_fd(const struct ct_http *http)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->epoll_fd : -EBADF;
}

void ct_http_serve(struct ct_http *http)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		MHD_run(http->daemon);
		http->is_busy = MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES && !wait_ms;
		if (!http->is_busy)
			return;
	}
}

void ct_http_tick(struct ct_http *http, uint64_t now_ns)
{
	if (!http || (!http->is_busy && now_ns < http->tick_ns))
		return;
	http->tick_ns = now_ns + TICK_NS;
	cut_slow_ones(http, now_ns);
	ct_http_serve(http);
}

void ct_http_free(struct ct_http *http)
{
	if (!http)
		return;
	MHD_stop_daemon(http->daemon);
	free(http);
}
