// SPDX-License-Identifier: Apache-2.0
/* A build without libmicrohttpd: --metrics is refused in words. */
#include "agent/http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void it_says_what_is_missing(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_http *http = NULL;

	(void)state;
	assert_int_equal(ct_http_open("9435", NULL, NULL, &http, &error), -EOPNOTSUPP);
	assert_null(http);
	assert_non_null(strstr(error.message, "built without libmicrohttpd"));
	assert_non_null(strstr(error.hint, "libmicrohttpd-dev"));
	ct_http_tick(NULL, 1);
	ct_http_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_says_what_is_missing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
