// SPDX-License-Identifier: Apache-2.0
#include "agent/http_address.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK "127.0.0.1"

static bool parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (strspn(text, "0123456789") != strlen(text) || !*text || *end || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* Where the host begins and ends, and what is left for the port; NULL when it is none of the forms. */
static const char *split(const char *text, const char **ret_host, size_t *ret_length)
{
	const char *colon = strrchr(text, ':');

	*ret_host = text;
	*ret_length = 0;
	if (*text == '[') {
		const char *bracket = strchr(text, ']');

		*ret_host = text + 1;
		*ret_length = bracket ? (size_t)(bracket - text - 1) : 0;
		return *ret_length && bracket[1] == ':' ? bracket + 2 : NULL;
	}
	if (!colon)
		return text;
	*ret_length = (size_t)(colon - text);
	return strchr(text, ':') == colon ? colon + 1 : NULL;
}

/* Into `address`, whose host stands when none was written. */
static bool parse(const char *text, struct ct_http_address *address)
{
	const char *host, *port;
	size_t length;

	port = split(text, &host, &length);
	if (!port || length >= sizeof(address->host) || !parse_port(port, &address->port))
		return false;
	if (!length)
		return true;
	memcpy(address->host, host, length);
	address->host[length] = '\0';
	return !strpbrk(address->host, "[]/@ ");
}

int ct_http_address_parse(const char *text, struct ct_http_address *ret, struct ct_error *reterr)
{
	struct ct_http_address address = { .host = LOOPBACK };

	if (!parse(text, &address)) {
		ct_error_set(reterr, -EINVAL, "--metrics \"%.100s\" is no address", text);
		ct_error_hint(reterr, "9435 (on 127.0.0.1), host:9435 or [::1]:9435");
		return -EINVAL;
	}
	*ret = address;
	return 0;
}

static int listen_on(const struct addrinfo *place)
{
	int fd = socket(place->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, rc = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, place->ai_addr, place->ai_addrlen) || listen(fd, SOMAXCONN)) {
		rc = -errno;
		close(fd);
	}
	return rc ? rc : fd;
}

static void tell_place(int fd, char ret_place[static CT_HTTP_PLACE_BYTES])
{
	struct sockaddr_storage address = { 0 };
	socklen_t length = sizeof(address);
	char host[CT_HTTP_PLACE_BYTES - 10] = "?", port[6] = "?";

	if (!getsockname(fd, (struct sockaddr *)&address, &length))
		getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(ret_place, CT_HTTP_PLACE_BYTES, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

int ct_http_address_listen(const struct ct_http_address *address, char ret_place[static CT_HTTP_PLACE_BYTES],
			   struct ct_error *reterr)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *places = NULL;
	char port[6];
	int fd = -EADDRNOTAVAIL, rc;

	snprintf(port, sizeof(port), "%u", address->port);
	rc = getaddrinfo(address->host, port, &hints, &places);
	if (rc)
		return ct_error_set(reterr, -EADDRNOTAVAIL, "cannot serve metrics on %.200s: %s", address->host,
				    gai_strerror(rc));
	for (const struct addrinfo *place = places; place && fd < 0; place = place->ai_next)
		fd = listen_on(place);
	freeaddrinfo(places);
	if (fd < 0) {
		ct_error_set(reterr, fd, "cannot serve metrics on %.200s port %u: %s", address->host, address->port,
			     strerror(-fd));
		ct_error_hint(reterr, "choose another one for --metrics; port 0 takes any that is free");
		return fd;
	}
	tell_place(fd, ret_place);
	return fd;
}
