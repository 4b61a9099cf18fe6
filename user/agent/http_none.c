// SPDX-License-Identifier: Apache-2.0
/* A build without libmicrohttpd (CTXTRACE_HTTP=OFF): --metrics says so, and nothing else of http.h is ever reached. */
#include "agent/http.h"

#include <errno.h>
#include <stddef.h>

int ct_http_open(const char *address, ct_http_answer_fn answer, void *opaque, struct ct_http **ret_http,
		 struct ct_error *reterr)
{
	(void)answer;
	(void)opaque;
	(void)ret_http;
	ct_error_set(reterr, -EOPNOTSUPP, "cannot serve metrics on %.100s: this ctxtrace was built without libmicrohttpd",
		     address);
	ct_error_hint(reterr, "install libmicrohttpd-dev and build it again");
	return -EOPNOTSUPP;
}

const char *ct_http_place(const struct ct_http *http)
{
	(void)http;
	return "";
}

int ct_http_epoll_fd(const struct ct_http *http)
{
	(void)http;
	return -EOPNOTSUPP;
}

void ct_http_serve(struct ct_http *http)
{
	(void)http;
}

void ct_http_tick(struct ct_http *http, uint64_t now_ns)
{
	(void)http;
	(void)now_ns;
}

void ct_http_free(struct ct_http *http)
{
	(void)http;
}
