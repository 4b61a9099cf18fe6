// SPDX-License-Identifier: Apache-2.0
/* The table of servers: whole names, what the compiler makes of them, and what the user adds. */
#include "ctxtrace/event.h"
#include "provider/request_sites.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void servers_are_known(void **state)
{
	(void)state;
	assert_int_equal(ct_request_site("net/http.(*conn).readRequest", NULL, 0), CT_SITE_REQUEST | CT_SITE_SERVED_BY_MAKER);
	assert_int_equal(ct_request_site("net/http.(*http2serverConn).newStream", NULL, 0), CT_SITE_REQUEST);
	assert_int_equal(ct_request_site("net/http.(*conn).serve", NULL, 0), CT_SITE_REQUEST_OVER);
	assert_int_equal(ct_request_site("net/http.(*conn).serve.func1", NULL, 0), CT_SITE_REQUEST_OVER);
	assert_int_equal(ct_request_site("net/http.(*http2serverConn).runHandler.deferwrap2", NULL, 0), CT_SITE_REQUEST_OVER);
	assert_int_equal(ct_request_site("google.golang.org/grpc.(*Server).serveStreams.func2", NULL, 0),
			 CT_SITE_STARTS_HANDLER);
	assert_int_equal(ct_request_site("net/http.(*connReader).handleReadError", NULL, 0), CT_SITE_CLIENT_GONE);
	assert_int_equal(ct_request_site("net/http.(*connReader).handleReadErrorLocked", NULL, 0), CT_SITE_CLIENT_GONE);
}

static void others_are_not(void **state)
{
	(void)state;
	assert_int_equal(ct_request_site("", NULL, 0), 0);
	assert_int_equal(ct_request_site("net/http.(*conn).serveMore", NULL, 0), 0);
	assert_int_equal(ct_request_site("net/http.(*conn)", NULL, 0), 0);
	assert_int_equal(ct_request_site("main.net/http.(*conn).serve", NULL, 0), 0);
}

static void the_users_are_taken_whole(void **state)
{
	static const char *const chosen[] = { "main.accept", "net/http.(*conn).serve" };
	const __u8 flags = CT_SITE_REQUEST | CT_SITE_SERVED_BY_MAKER | CT_SITE_ENDS_REQUEST;

	(void)state;
	assert_int_equal(ct_request_site("main.accept", chosen, 2), flags);
	assert_int_equal(ct_request_site("main.accept.func1", chosen, 2), 0);
	assert_int_equal(ct_request_site("net/http.(*conn).serve", chosen, 2), flags); // over the table
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_are_known),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(the_users_are_taken_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
