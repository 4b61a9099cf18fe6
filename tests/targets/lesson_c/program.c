// SPDX-License-Identifier: Apache-2.0
// The server, its clients, and calls between them: a line "PATH ID" and its answer "STATUS TEXT".
#include "lesson.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_SIZE 128

// By hand: a line is short, and nothing follows it.
static bool read_line(int socket, char line[LINE_SIZE])
{
	size_t length = 0;

	while (length + 1 < LINE_SIZE && recv(socket, line + length, 1, 0) == 1 && line[length] != '\n')
		length++;
	if (line[length] != '\n')
		return false;
	line[length] = '\0';
	return true;
}

static void write_line(int socket, const char *line)
{
	send(socket, line, strlen(line), MSG_NOSIGNAL);
}

static int call_handler(struct program *program, const char *path, struct call *call)
{
	int status = 404;

	for (int i = 0; i < program->route_count; i++) {
		const struct route *route = &program->routes[i];

		if (strcmp(route->path, path) != 0)
			continue;
		atomic_fetch_add(&program->serving, route->is_ours);
		status = route->handler(call);
		atomic_fetch_sub(&program->serving, route->is_ours);
	}
	return status;
}

/** What a connection's thread is given. */
struct connection {
	struct program *program;
	int socket;
};

static void *serve_connection(void *opaque)
{
	struct connection connection = *(struct connection *)opaque;
	struct call call = {.program = connection.program, .socket = connection.socket};
	char line[LINE_SIZE], path[LINE_SIZE];
	int status;

	free(opaque);
	if (read_line(call.socket, line) && sscanf(line, "%127s %d", path, &call.id) == 2) {
		status = call_handler(call.program, path, &call);
		snprintf(line, sizeof(line), "%d %s\n", status, call.text);
		write_line(call.socket, line);
	}
	close(call.socket);
	return NULL;
}

static void *serve_all(void *opaque)
{
	struct connection *listener = opaque, *connection;
	int socket;

	while ((socket = accept(listener->socket, NULL, NULL)) >= 0) {
		connection = must(malloc(sizeof(*connection)));
		*connection = (struct connection){.program = listener->program, .socket = socket};
		start_thread(serve_connection, connection);
	}
	return NULL;
}

void program_serve(struct program *program)
{
	struct connection *listener = must(malloc(sizeof(*listener)));
	socklen_t size = sizeof(program->address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	program->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)&program->address, size) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)&program->address, &size))
		must_be_0(errno);
	*listener = (struct connection){.program = program, .socket = fd};
	start_thread(serve_all, listener);
}

static void add_route(struct program *program, const struct route *route)
{
	if (program->route_count == ROUTES_MAX)
		abort();
	program->routes[program->route_count++] = *route;
}

void program_route(struct program *program, const char *path, handler_fn handler)
{
	add_route(program, &(struct route){.path = path, .handler = handler, .is_ours = true});
}

void program_service(struct program *program, const char *path, handler_fn handler)
{
	add_route(program, &(struct route){.path = path, .handler = handler});
}

static int connect_to(const struct program *program)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&program->address, sizeof(program->address)))
		must_be_0(errno);
	return fd;
}

// poll() leaves out a negative descriptor, which is what a context that cannot end has.
static int wait_readable(cctx_t *ctx, int socket)
{
	struct pollfd wait[] = {
		{.fd = socket, .events = POLLIN},
		{.fd = cctx_done_fd(ctx), .events = POLLIN},
	};

	while (poll(wait, 2, -1) < 0 && errno == EINTR)
		;
	return wait[0].revents ? 0 : -cctx_err(ctx);
}

int program_get(struct program *program, cctx_t *ctx, const char *path, int id, char *ret_text)
{
	int status = ctx ? -cctx_err(ctx) : 0, socket, length = 0;
	char line[LINE_SIZE];

	if (status)
		return status;
	socket = connect_to(program);
	snprintf(line, sizeof(line), "%s %d\n", path, id);
	write_line(socket, line);
	if (ctx)
		status = wait_readable(ctx, socket);
	if (!status && (!read_line(socket, line) || sscanf(line, "%d %n", &status, &length) != 1))
		status = -EIO;
	if (status > 0 && ret_text)
		snprintf(ret_text, TEXT_SIZE, "%s", line + length);
	close(socket);
	return status;
}

static void ask(struct program *program, cctx_t *ctx, const char *path, int id)
{
	int status;

	atomic_fetch_add(&program->asked, 1);
	status = program_get(program, ctx, path, id, NULL);
	atomic_fetch_add(&program->answers[status > 0 && status < STATUS_END ? status : 0], 1);
	atomic_fetch_add(&program->answered, 1);
}

/** What a client's thread is given. */
struct client {
	struct program *program;
	cctx_t *ctx;
	const char *path;
	int id;
};

static void *run_client(void *opaque)
{
	struct client client = *(struct client *)opaque;

	free(opaque);
	ask(client.program, client.ctx, client.path, client.id);
	cctx_unref(client.ctx);
	return NULL;
}

void program_ask_at_once(struct program *program, cctx_t *ctx, int clients, const char *path)
{
	for (int i = 0; i < clients; i++) {
		struct client *client = must(malloc(sizeof(*client)));

		*client = (struct client){.program = program, .ctx = cctx_ref(ctx), .path = path, .id = i};
		start_thread(run_client, client);
	}
}

void program_ask_and_wait(struct program *program, int times, const char *path)
{
	for (int i = 0; i < times; i++)
		ask(program, program->life, path, i);
}

void program_wait_answers(struct program *program, int clients)
{
	wait_count(&program->answered, clients);
	while (atomic_load(&program->serving))
		wait_milliseconds(1);
}
